//! Where spans go: to a collector, by OTLP over gRPC, in the background and in batches. What it cannot take is left out;
//! nobody waits for it.

use anyhow::Context as _;
use cli::BilingualText;
use opentelemetry::global;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Spans on their way to a collector.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// From now on spans are made and sent there.
    pub(crate) fn start(url: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            url.starts_with("http://"),
            BilingualText::new(
                "--traces is not http://HOST:PORT of a collector",
                "--traces不是采集器的地址http://主机:端口"
            )
        );
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(url)
            .build()
            .context(BilingualText::new(
                "spans cannot be sent to --traces",
                "无法向--traces发送链路数据",
            ))?;
        let resource = Resource::builder().with_service_name("single-window").build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        global::set_tracer_provider(provider.clone());
        kit::use_case::collect();
        Ok(Self(provider))
    }

    /// Sends what is left.
    pub(crate) async fn end(self) {
        // It waits for its own thread.
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if let Ok(Err(error)) = ended {
            tracing::info!(%error, "the last spans did not reach their collector");
        }
    }
}
