//! A collector is told of one trace from a filing to its release, through services and agencies, and of nothing that
//! was declared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use proto::v1;
use tonic::{Request, Response, Status};

use crate::harness::people::{Enterprise, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// What a collector got.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Serves on a free port until the test ends.
    #[expect(clippy::disallowed_methods, reason = "it runs beside the window")]
    async fn start() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let (collector, incoming) =
            (Self::default(), tokio_stream::wrappers::TcpListenerStream::new(listener));
        let service = TraceServiceServer::new(collector.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, url)
    }

    /// The spans of a trace, by their ids.
    fn trace(&self, trace: &[u8]) -> HashMap<Vec<u8>, Span> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = spans.iter().filter(|it| it.trace_id == trace);
        of.map(|it| (it.span_id.clone(), it.clone())).collect()
    }
}

/// A value that a span carries.
fn attribute(span: &Span, key: &str) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|it| it.key == key);
    match found.and_then(|it| it.value.clone()).and_then(|it| it.value) {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filing_and_its_release_are_one_trace() {
    let (collector, url) = Collector::start().await;
    let sandbox = Sandbox::process(&["--traces", &url]).await;
    let agent = sandbox.connect("agent").await;
    let trace = *uuid::Uuid::now_v7().as_bytes();
    let hex: String = trace.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut request = Request::new(filing(export("QD-TRACED")));
    let header = format!("00-{hex}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", header.parse().expect("ASCII"));
    let filed = agent.declarations().submit(request).await.expect("it is valid").into_inner();
    Enterprise(agent).sees(&filed.name, v1::State::Released).await;

    // The journal says it of the release, for whoever hears of it.
    let id: uuid::Uuid = filed.name[13..].parse().expect("an id");
    let mut database = sandbox.database().await;
    let last = "select trace from journal where subject = $1 order by position desc limit 1";
    let last: String =
        sqlx::query_scalar(last).bind(id).fetch_one(&mut database).await.expect("it is there");
    assert_eq!(last.get(3..35), Some(&*hex), "the release belongs to the trace: {last}");

    let wanted = [
        ("declaration", "Submit", ""),
        ("inspection", "Hear", ""),
        ("declaration", "Decide", "InspectionService"),
        ("declaration", "Decide", "Quarantine"),
        ("declaration", "Decide", "Customs"),
    ];
    let spans = eventually("the collector has them", PATIENCE, async || {
        let spans = collector.trace(&trace);
        let has = |(service, name, agency): &(&str, &str, &str)| {
            spans.values().any(|it| {
                it.name == *name
                    && attribute(it, "single_window.service") == *service
                    && attribute(it, "single_window.agency") == *agency
            })
        };
        if wanted.iter().all(has) {
            return Ok(spans);
        }
        Err(spans
            .values()
            .map(|it| (it.name.clone(), attribute(it, "single_window.agency")))
            .collect::<Vec<_>>())
    })
    .await;
    // Each was caused by another one of them, but for the first, which the caller's own caused.
    let roots: Vec<&Span> =
        spans.values().filter(|it| !spans.contains_key(&it.parent_span_id)).collect();
    let names: Vec<_> = roots.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Submit"], "{roots:#?}");
    assert_eq!(roots[0].parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    // Nothing of what was declared, and nobody's name.
    let told = format!("{:?}", spans.values().collect::<Vec<_>>());
    for secret in [
        "QD-TRACED",
        "3702960001",
        "SF20261124000001",
        "不锈钢",
        "enterprise-a",
        id.to_string().as_str(),
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}
