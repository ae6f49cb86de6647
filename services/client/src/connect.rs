//! Connecting by mutual TLS with our own connector, so that what goes wrong is said in words.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use proto::v1::ceb_service_client::CebServiceClient;
use proto::v1::declaration_service_client::DeclarationServiceClient;
use proto::v1::exchange_service_client::ExchangeServiceClient;
use proto::v1::inspection_service_client::InspectionServiceClient;
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// Where the window is and who is calling. Certificates and keys are PEM.
#[derive(Clone)]
pub struct Config {
    /// Host and port, for example `localhost:7443`.
    pub address: String,
    /// The authority that signed the window's certificate.
    pub authority: Vec<u8>,
    /// The caller's certificate.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why the window cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not host:port.
    #[error("{0} is not an address; write host:port, for example localhost:7443")]
    Address(String),
    /// A certificate or key cannot be used.
    #[error("the {what} cannot be used: {why}")]
    Identity {
        /// Which one.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// Nobody answers, or the answer is no.
    #[error("the window at {address} cannot be reached: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why, in words.
        why: String,
    },
}

/// A connection to a window. Cheap to clone; reconnects by itself.
#[derive(Debug, Clone)]
pub struct Window {
    channel: Channel,
}

/// Bytes that may be on their way in one stream and in one connection. Large, because events and
/// filings come in bursts.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// A window keeps its refusals below 8 KB; one of before lists up to a hundred violations.
const HEADERS_MAX: u32 = 256 * 1024;

impl Window {
    /// Connects, and says in words when that fails.
    ///
    /// # Errors
    ///
    /// [`Error`] with the cause.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        match endpoint(config)?.connect_with_connector(connector(config)?).await {
            Ok(channel) => Ok(Self { channel }),
            Err(error) => {
                let why = explain(&error);
                Err(Error::Unreachable { address: config.address.clone(), why })
            }
        }
    }

    /// Prepares a connection that is made with the first call.
    ///
    /// # Errors
    ///
    /// [`Error`] when the configuration cannot be used.
    pub fn connect_lazy(config: &Config) -> Result<Self, Error> {
        Ok(Self { channel: endpoint(config)?.connect_with_connector_lazy(connector(config)?) })
    }

    /// The declaration service.
    pub fn declarations(&self) -> DeclarationServiceClient<Channel> {
        DeclarationServiceClient::new(self.channel.clone())
            .max_decoding_message_size(domain::limits::MESSAGE_BYTES_MAX)
    }

    /// The exchange.
    pub fn exchange(&self) -> ExchangeServiceClient<Channel> {
        // A batch of many declarations is larger than one message may be.
        ExchangeServiceClient::new(self.channel.clone()).max_decoding_message_size(64 * 1024 * 1024)
    }

    /// The national door.
    pub fn ceb(&self) -> CebServiceClient<Channel> {
        // A page has up to a thousand receipts, and one that says what is wrong with a message
        // carries that message.
        CebServiceClient::new(self.channel.clone()).max_decoding_message_size(64 * 1024 * 1024)
    }

    /// The inspection service.
    pub fn inspection(&self) -> InspectionServiceClient<Channel> {
        // A page has up to a thousand orders, each with all that was found.
        InspectionServiceClient::new(self.channel.clone())
            .max_decoding_message_size(64 * 1024 * 1024)
    }

    /// The bare channel, for other services.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

type Tls = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;
type Connecting = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Tls>> + Send>>;

/// Makes a TLS connection.
trait Connect:
    tower::Service<Uri, Response = Tls, Error = std::io::Error, Future = Connecting>
    + Send
    + Clone
    + 'static
{
}

impl<S> Connect for S where
    S: tower::Service<Uri, Response = Tls, Error = std::io::Error, Future = Connecting>
        + Send
        + Clone
        + 'static
{
}

/// Where the window is.
struct Address {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

fn address(config: &Config) -> Result<Address, Error> {
    let wrong = || Error::Address(config.address.clone());
    let (host, port) = config.address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let host = host.trim_start_matches("https://").trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
    Ok(Address { host, port, name })
}

fn endpoint(config: &Config) -> Result<Endpoint, Error> {
    let Address { host, port, .. } = address(config)?;
    let endpoint = Endpoint::from_shared(format!("https://{}:{port}", bracketed(&host)))
        .map_err(|_| Error::Address(config.address.clone()))?
        .connect_timeout(Duration::from_secs(10))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADERS_MAX)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    Ok(endpoint)
}

fn connector(config: &Config) -> Result<impl Connect + use<>, Error> {
    let Address { host, port, name } = address(config)?;
    let tls = TlsConnector::from(Arc::new(tls(config)?));
    Ok(tower::service_fn(move |_: Uri| -> Connecting {
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
                let heard = tls.process_new_packets();
                heard
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
    let bad = |what: &'static str| move |why: String| Error::Identity { what, why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&config.authority) {
        let certificate = certificate.map_err(|e| bad("authority")(e.to_string()))?;
        roots.add(certificate).map_err(|e| bad("authority")(e.to_string()))?;
    }
    let chain = CertificateDer::pem_slice_iter(&config.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| bad("certificate")(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&config.key).map_err(|e| bad("key")(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| bad("TLS set-up")(e.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| bad("certificate")(e.to_string()))?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}

/// The innermost causes in words; a TLS alert says what the window thinks of the certificate.
fn explain(error: &dyn std::error::Error) -> String {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    let last = causes.pop().unwrap_or_default();
    for (mark, words) in [
        ("CertificateExpired", "the window says that your certificate has expired"),
        ("UnknownCA", "the window does not trust the authority of your certificate"),
        ("CertificateRequired", "the window asks for a client certificate"),
        ("UnknownIssuer", "the window's certificate is from an authority that you do not trust"),
        ("Connection refused", "nobody listens there; is the window running?"),
    ] {
        if last.contains(mark) {
            return format!("{words} ({last})");
        }
    }
    last
}
