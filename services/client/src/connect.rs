//! Connecting by mutual TLS with our own connector, so that what goes wrong is said in words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::MESSAGE_BYTES_MAX;
use hyper_util::rt::TokioIo;
use proto::status::Language;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};

/// Where the window is and who is calling. Certificates and keys are PEM.
#[derive(Clone)]
pub struct Config {
    /// Host and port, for example `localhost:7443`. Where services run by themselves, each that is elsewhere follows
    /// with its name: `declaration:7443,ceb=ceb:7443,inspection=inspection:7443`.
    pub address: String,
    /// The authority that signed the window's certificate.
    pub authority: Vec<u8>,
    /// The caller's certificate; empty when a key says who calls instead, or nothing does.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
    /// The caller's key (API key, `swk_…`); empty when its certificate says who calls.
    pub api_key: String,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why the window cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not host:port, or names no service.
    #[error(
        "{0} is not an address; write host:port, for example localhost:7443, and after it, where services run by \
         themselves, ceb=host:port and the like"
    )]
    Address(String),
    /// A certificate or key cannot be used.
    #[error("the {what} cannot be used: {why}", what = .what.english())]
    Identity {
        /// Which one.
        what: IdentityPart,
        /// Why.
        why: String,
    },
    /// Nobody answers, or the answer is no.
    #[error("the window at {address} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        why: Obstacle,
    },
}

impl Error {
    /// In the caller's language.
    pub fn text(&self, language: Language) -> String {
        match (language, self) {
            (Language::English, _) => self.to_string(),
            (Language::Chinese, Self::Address(address)) => {
                format!(
                    "{address}不是地址，请使用 主机:端口，例如 localhost:7443；服务单独运行时，其后列出 ceb=主机:端口 等"
                )
            }
            (Language::Chinese, Self::Identity { what, why }) => {
                format!("{}无法使用：{why}", what.chinese())
            }
            (Language::Chinese, Self::Unreachable { address, why }) => {
                format!("无法连接单一窗口（{address}）：{}", why.text(language))
            }
        }
    }
}

/// A part of what the caller identifies itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each has its words below")]
pub enum IdentityPart {
    Authority,
    Certificate,
    Key,
    ApiKey,
    TlsSetUp,
}

impl IdentityPart {
    fn english(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::ApiKey => "API key",
            Self::TlsSetUp => "TLS set-up",
        }
    }

    fn chinese(self) -> &'static str {
        match self {
            Self::Authority => "证书颁发机构",
            Self::Certificate => "证书",
            Self::Key => "私钥",
            Self::ApiKey => "接口密钥",
            Self::TlsSetUp => "TLS设置",
        }
    }
}

/// What is in the way of a connection: what was found, and how the system says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::English))]
pub struct Obstacle(String);

/// What the system says, and what it means in English and Chinese.
const OBSTACLES: [(&str, &str, &str); 6] = [
    (
        "CertificateExpired",
        "the window says that your certificate has expired",
        "单一窗口提示您的证书已过期",
    ),
    (
        "UnknownCA",
        "the window does not trust the authority of your certificate",
        "单一窗口不信任您的证书的颁发机构",
    ),
    ("CertificateRequired", "the window asks for a client certificate", "单一窗口要求客户端证书"),
    (
        "UnknownIssuer",
        "the window's certificate is from an authority that you do not trust",
        "单一窗口的证书由您不信任的机构颁发",
    ),
    (
        "Connection refused",
        "nobody listens there; is the window running?",
        "该地址无人监听，单一窗口是否已启动？",
    ),
    ("failed to lookup address", "there is no machine of this name", "没有该名称的主机"),
];

impl Obstacle {
    /// In the caller's language.
    pub fn text(&self, language: Language) -> String {
        let text = &self.0;
        let Some((_, english, chinese)) = OBSTACLES.iter().find(|(mark, ..)| text.contains(mark))
        else {
            return text.clone();
        };
        match language {
            Language::English => format!("{english} ({text})"),
            Language::Chinese => format!("{chinese}（{text}）"),
        }
    }
}

/// A connection to a window. Cheap to clone; reconnects by itself.
#[derive(Debug, Clone)]
pub struct Window {
    channel: Channel,
    /// To services that are elsewhere, by their names.
    others: Arc<BTreeMap<&'static str, Channel>>,
    bearer: Bearer,
}

/// What calls go over: the connection, and the key where one says who calls.
pub type Line = InterceptedService<Channel, Bearer>;

/// The key that every call carries, where no certificate says who calls.
#[derive(Debug, Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn of(config: &Config) -> Result<Self, Error> {
        if config.api_key.is_empty() {
            return Ok(Self(None));
        }
        let value = MetadataValue::try_from(format!("Bearer {}", config.api_key.trim()));
        let mut value = value.map_err(|error| Error::Identity {
            what: IdentityPart::ApiKey,
            why: error.to_string(),
        })?;
        // It is shown nowhere.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Bytes that may be on their way in one stream and in one connection. Large, because events and
/// filings come in bursts.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// A window keeps its refusals below 8 KB; one of before lists up to a hundred violations.
const HEADERS_MAX: u32 = 256 * 1024;

impl Window {
    /// A window at the end of a channel, with every service.
    #[cfg(test)]
    pub(crate) fn over(channel: Channel) -> Self {
        Self { channel, others: Arc::default(), bearer: Bearer::default() }
    }

    /// Connects, and says in words when that fails.
    ///
    /// # Errors
    ///
    /// [`Error`] with the cause.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let (window, others) = addresses(config)?;
        let others = others.into_iter().map(|(service, at)| Ok((service, lazy(config, &at)?)));
        let others = Arc::new(others.collect::<Result<_, Error>>()?);
        let bearer = Bearer::of(config)?;
        match endpoint(&window)?.connect_with_connector(connector(config, window.clone())?).await {
            Ok(channel) => Ok(Self { channel, others, bearer }),
            Err(error) => {
                let why = explain(&error);
                Err(Error::Unreachable { address: config.address.clone(), why })
            }
        }
    }

    /// Prepares connections that are made with the first call.
    ///
    /// # Errors
    ///
    /// [`Error`] when the configuration cannot be used.
    pub fn connect_lazy(config: &Config) -> Result<Self, Error> {
        let (window, others) = addresses(config)?;
        let others = others.into_iter().map(|(service, at)| Ok((service, lazy(config, &at)?)));
        let others = Arc::new(others.collect::<Result<_, Error>>()?);
        Ok(Self { channel: lazy(config, &window)?, others, bearer: Bearer::of(config)? })
    }

    /// The bare channel, for other services. What goes over it carries no key.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    fn line(&self, service: &str) -> Line {
        let channel = self.others.get(service).unwrap_or(&self.channel); // why: it is there with the others
        InterceptedService::new(channel.clone(), self.bearer.clone())
    }
}

/// The interfaces of a window, a line each: how it is called here, its client, how large its answers may be, and which
/// service has it.
macro_rules! services {
    ($($(#[doc = $doc:literal])+ $name:ident: $module:ident::$client:ident, $bytes:expr, $service:literal;)+) => {
        /// Services that may run by themselves.
        const SERVICES: &[&str] = &[$($service),+];

        impl Window {$(
            $(#[doc = $doc])+
            pub fn $name(&self) -> proto::v1::$module::$client<Line> {
                proto::v1::$module::$client::new(self.line($service)).max_decoding_message_size($bytes)
            }
        )+}
    };
}

/// A page has up to a thousand items, each with all that belongs to it; a batch of many declarations is larger
/// than one message may be.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

services! {
    /// The declaration service.
    declarations: declaration_service_client::DeclarationServiceClient, MESSAGE_BYTES_MAX, "declaration";
    /// The bytes of attachments.
    attachments: attachment_service_client::AttachmentServiceClient, MESSAGE_BYTES_MAX, "declaration";
    /// The exchange.
    exchange: exchange_service_client::ExchangeServiceClient, PAGE_BYTES_MAX, "declaration";
    /// The exchange of the payment service.
    payment_exchange: payment_exchange_service_client::PaymentExchangeServiceClient, PAGE_BYTES_MAX, "payment";
    /// Receipts from abroad and their settlement.
    forex: forex_service_client::ForexServiceClient, PAGE_BYTES_MAX, "payment";
    /// The national door.
    ceb: ceb_service_client::CebServiceClient, PAGE_BYTES_MAX, "ceb";
    /// The inspection service.
    inspection: inspection_service_client::InspectionServiceClient, PAGE_BYTES_MAX, "inspection";
    /// The payment service.
    payment: payment_service_client::PaymentServiceClient, PAGE_BYTES_MAX, "payment";
    /// The refund service.
    refund: refund_service_client::RefundServiceClient, PAGE_BYTES_MAX, "refund";
    /// The webhook service.
    webhooks: webhook_service_client::WebhookServiceClient, PAGE_BYTES_MAX, "webhooks";
    /// Operation of the window.
    operation: operation_service_client::OperationServiceClient, PAGE_BYTES_MAX, "window";
    /// What only a sandbox can do.
    sandbox: sandbox_service_client::SandboxServiceClient, MESSAGE_BYTES_MAX, "window";
    /// What the window says about itself.
    status: status_service_client::StatusServiceClient, MESSAGE_BYTES_MAX, "window";
}

type Tls = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;
type ConnectFuture = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Tls>> + Send>>;

/// Makes a TLS connection.
trait Connect:
    tower::Service<Uri, Response = Tls, Error = std::io::Error, Future = ConnectFuture>
    + Send
    + Clone
    + 'static
{
}

impl<S> Connect for S where
    S: tower::Service<Uri, Response = Tls, Error = std::io::Error, Future = ConnectFuture>
        + Send
        + Clone
        + 'static
{
}

/// Where the window is.
#[derive(Debug, Clone)]
struct Address {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

/// A service that is elsewhere, by its name.
type ServiceAddress = (&'static str, Address);

/// Where the window is, and the services that are elsewhere.
fn addresses(config: &Config) -> Result<(Address, Vec<ServiceAddress>), Error> {
    let mut parts = config.address.split(',');
    let window = address(parts.next().unwrap_or(&config.address))?; // why: a text has a first part
    let others = parts.map(|part| {
        let wrong = || Error::Address(part.to_owned());
        let (named, at) = part.split_once('=').ok_or_else(wrong)?;
        let service = SERVICES.iter().find(|service| **service == named).ok_or_else(wrong)?;
        Ok((*service, address(at)?))
    });
    Ok((window, others.collect::<Result<_, Error>>()?))
}

fn lazy(config: &Config, at: &Address) -> Result<Channel, Error> {
    Ok(endpoint(at)?.connect_with_connector_lazy(connector(config, at.clone())?))
}

fn address(text: &str) -> Result<Address, Error> {
    let wrong = || Error::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let host = host.trim_start_matches("https://").trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
    Ok(Address { host, port, name })
}

fn endpoint(Address { host, port, .. }: &Address) -> Result<Endpoint, Error> {
    let endpoint = Endpoint::from_shared(format!("https://{}:{port}", bracketed(host)))
        .map_err(|_| Error::Address(format!("{host}:{port}")))?
        .connect_timeout(Duration::from_secs(10))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADERS_MAX)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    Ok(endpoint)
}

fn connector(
    config: &Config,
    Address { host, port, name }: Address,
) -> Result<impl Connect + use<>, Error> {
    let tls = TlsConnector::from(Arc::new(tls(config)?));
    Ok(tower::service_fn(move |_: Uri| -> ConnectFuture {
        let (tls, name, host) = (tls.clone(), name.clone(), host.clone());
        Box::pin(async move {
            let tcp = TcpStream::connect((host.as_str(), port)).await?;
            tcp.set_nodelay(true)?;
            Ok(TokioIo::new(accepted(tls.connect(name, tcp).await?).await?))
        })
    }))
}

/// In TLS 1.3 the client is done before the window has looked at its certificate. What the window
/// says next is either that all is well or why not: hearing it here gives a clear error instead of
/// a broken pipe in the first call.
async fn accepted(
    mut stream: tokio_rustls::client::TlsStream<TcpStream>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    struct Incoming<'a>(&'a TcpStream);
    impl std::io::Read for Incoming<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.try_read(buffer)
        }
    }
    loop {
        let (tcp, tls) = stream.get_mut();
        tcp.readable().await?;
        match tls.read_tls(&mut Incoming(tcp)) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                let processed = tls.process_new_packets();
                processed
                    .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn tls(config: &Config) -> Result<rustls::ClientConfig, Error> {
    let bad = |what: IdentityPart| move |why: String| Error::Identity { what, why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&config.authority) {
        let certificate = certificate.map_err(|e| bad(IdentityPart::Authority)(e.to_string()))?;
        roots.add(certificate).map_err(|e| bad(IdentityPart::Authority)(e.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| bad(IdentityPart::TlsSetUp)(e.to_string()))?
        .with_root_certificates(roots);
    let mut tls = if config.certificate.is_empty() {
        tls.with_no_client_auth()
    } else {
        let chain = CertificateDer::pem_slice_iter(&config.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| bad(IdentityPart::Certificate)(e.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&config.key)
            .map_err(|e| bad(IdentityPart::Key)(e.to_string()))?;
        tls.with_client_auth_cert(chain, key)
            .map_err(|e| bad(IdentityPart::Certificate)(e.to_string()))?
    };
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}

/// The innermost cause; a TLS alert says what the window thinks of the certificate.
fn explain(error: &dyn std::error::Error) -> Obstacle {
    let (mut last, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        (last, next) = (cause.to_string(), cause.source());
    }
    Obstacle(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_may_be_elsewhere() {
        let config = |address: &str| Config {
            address: address.to_owned(),
            authority: Vec::new(),
            certificate: Vec::new(),
            key: Vec::new(),
            api_key: String::new(),
        };
        let parsed = |address: &str| {
            let (window, others) =
                addresses(&config(address)).map_err(|error| error.to_string())?;
            let others = others.iter().map(|(name, at)| format!(" {name} {}:{}", at.host, at.port));
            Ok::<_, String>(format!(
                "{}:{}{}",
                window.host,
                window.port,
                others.collect::<String>()
            ))
        };
        assert_eq!(parsed("localhost:7443").as_deref(), Ok("localhost:7443"));
        let apart = parsed("a:1,ceb=b:2,payment=[::1]:3");
        assert_eq!(apart.as_deref(), Ok("a:1 ceb b:2 payment ::1:3"));
        for wrong in ["", "a", "a:1,", "a:1,ceb", "a:1,ceb=b", "a:1,bank=b:2"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn obstacles_are_said_in_both_languages() {
        let error = Error::Unreachable {
            address: "localhost:9".to_owned(),
            why: Obstacle("Connection refused (os error 111)".to_owned()),
        };
        assert_eq!(
            error.text(Language::English),
            "the window at localhost:9 cannot be reached: nobody listens there; is the window \
             running? (Connection refused (os error 111))"
        );
        assert_eq!(
            error.text(Language::Chinese),
            "无法连接单一窗口（localhost:9）：该地址无人监听，单一窗口是否已启动？\
             （Connection refused (os error 111)）"
        );
        let key = Error::Identity { what: IdentityPart::Key, why: "no items found".to_owned() };
        assert_eq!(key.text(Language::Chinese), "私钥无法使用：no items found");
    }
}
