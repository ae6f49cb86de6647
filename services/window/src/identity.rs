//! Who is calling, and what each kind of caller may do.
//!
//! A certificate says who; the registry says what that caller is; one line a method says which kinds
//! may call it. A method without a line does not start. Nothing is taken from headers or messages.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use domain::principal::ALL_PLACES;
use domain::refusal::{Code, Refusal};
use domain::{Kind, Principal, limits};
use proto::memory::Call;
use proto::status::{self, Language};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tonic::body::Body;

use crate::bodies::{AnswerBody, Form, RequestBody};
use crate::connection::Peer;
use crate::quotas::{Lasting, Places, Reading, Reads};
use crate::space::Space;
use crate::unread::Unread;

/// One line a method, or a path of HTTP: which kinds of caller.
pub const POLICY: &[(&str, &[Kind])] = &[
    ("/single_window.declaration.v1.DeclarationService/Submit", FILERS),
    ("/single_window.declaration.v1.DeclarationService/SubmitStream", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Get", READERS),
    ("/single_window.declaration.v1.DeclarationService/List", READERS),
    ("/single_window.declaration.v1.DeclarationService/Amend", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Withdraw", FILERS),
    ("/single_window.declaration.v1.DeclarationService/Watch", READERS),
    ("/single_window.exchange.v1.ExchangeService/Connect", DESKS),
    ("/single_window.inspection.v1.InspectionService/ListOrders", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/GetOrder", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/WatchOrders", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/ListWindows", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/Appoint", APPOINTERS),
    ("/single_window.inspection.v1.InspectionService/Claim", SITES),
    ("/single_window.inspection.v1.InspectionService/Report", SITES),
    ("/single_window.inspection.v1.InspectionService/Object", OWNERS),
    ("/single_window.inspection.v1.InspectionService/Dispose", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/ListPlaces", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/PutPlace", PLANNERS),
    ("/single_window.inspection.v1.InspectionService/ListOfficers", INSIDERS),
    ("/single_window.inspection.v1.InspectionService/PutOfficer", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/ListRuleSets", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/PutRuleSet", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/GetAssessment", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/ListSeeds", PEOPLE),
    ("/single_window.inspection.v1.InspectionService/ListCredit", SUPERVISORS),
    ("/single_window.inspection.v1.InspectionService/GetCredit", CREDIT_READERS),
    ("/single_window.inspection.v1.InspectionService/Certify", CUSTOMS),
    ("/single_window.inspection.v1.InspectionService/Appeal", OWNERS),
    ("/single_window.inspection.v1.InspectionService/DecideAppeal", AGENCIES),
    ("/single_window.inspection.v1.InspectionService/GetStatistics", CREDIT_READERS),
    ("/single_window.ceb.v1.CebService/Send", SENDERS),
    ("/single_window.ceb.v1.CebService/SendStream", SENDERS),
    ("/single_window.ceb.v1.CebService/ListReceipts", LISTENERS),
    ("/single_window.ceb.v1.CebService/FollowReceipts", LISTENERS),
    ("/single_window.ceb.v1.CebService/ListDocuments", READERS),
    ("/single_window.ceb.v1.CebService/Issue", CUSTOMS),
    ("/single_window.operation.v1.OperationService/ListStuck", ADMINISTRATORS),
    ("/single_window.operation.v1.OperationService/RetryStuck", ADMINISTRATORS),
    ("/single_window.operation.v1.OperationService/DropStuck", ADMINISTRATORS),
    ("/single_window.sandbox.v1.SandboxService/GetClock", EVERYBODY),
    ("/single_window.sandbox.v1.SandboxService/MoveClock", &[Kind::Administrator]),
    ("/single_window.status.v1.StatusService/GetStatus", EVERYBODY),
    ("/ceb", SENDERS),
    ("/ceb/receipts", LISTENERS),
    ("/ceb/documents", READERS),
    ("/grpc.health.v1.Health/Check", EVERYBODY),
    ("/grpc.health.v1.Health/List", EVERYBODY),
    ("/grpc.health.v1.Health/Watch", EVERYBODY),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERYBODY),
];

const FILERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Gateway];
const READERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Administrator, Kind::Gateway];
const SENDERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const LISTENERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Administrator];
const CUSTOMS: &[Kind] = &[Kind::Customs];
const ADMINISTRATORS: &[Kind] = &[Kind::Administrator];
const DESKS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Examiner];
const SITES: &[Kind] = &[Kind::Site];
const OWNERS: &[Kind] = &[Kind::Enterprise, Kind::Agent];
const APPOINTERS: &[Kind] = &[Kind::Enterprise, Kind::Agent, Kind::Site];
const AGENCIES: &[Kind] = &[Kind::Customs, Kind::Inspection];
const PLANNERS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Administrator];
/// What the rules look for is not told to those whose goods they look at.
const SUPERVISORS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Administrator];
const INSIDERS: &[Kind] = &[Kind::Customs, Kind::Inspection, Kind::Site, Kind::Administrator];
const CREDIT_READERS: &[Kind] =
    &[Kind::Enterprise, Kind::Agent, Kind::Customs, Kind::Inspection, Kind::Administrator];
const PEOPLE: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Inspection,
    Kind::Site,
    Kind::Administrator,
];
const EVERYBODY: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Inspection,
    Kind::Site,
    Kind::Examiner,
    Kind::Administrator,
    Kind::Gateway,
];

/// How the methods of the schema are called. Fails when one of them has no line.
///
/// # Errors
///
/// Names the methods.
pub fn check_policy() -> anyhow::Result<Shapes> {
    use prost::Message as _;
    let mut shapes = HashMap::new();
    for schema in [
        proto::DESCRIPTOR,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ] {
        let schema = prost_types::FileDescriptorSet::decode(schema)?;
        for file in &schema.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let (client_streams, server_streams) =
                        (method.client_streaming(), method.server_streaming());
                    shapes.insert(path, Shape { client_streams, server_streams });
                }
            }
        }
    }
    let listed = |path: &&String| !POLICY.iter().any(|(known, _)| known == path);
    let missing: Vec<&str> = shapes.keys().filter(listed).map(String::as_str).collect();
    anyhow::ensure!(missing.is_empty(), "no policy line for {}", missing.join(", "));
    Ok(Shapes(Arc::new(shapes)))
}

/// The digest by which a certificate is registered.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A caller in the registry file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// SHA-256 of the certificate (DER), hexadecimal.
    pub fingerprint: String,
    /// Name, for logs.
    pub name: String,
    /// enterprise, agent, customs, inspection, site, examiner, administrator or gateway.
    pub kind: String,
    /// Customs code of an enterprise or agent.
    #[serde(default)]
    pub customs_code: String,
    /// Declarants that an agent may file for.
    #[serde(default)]
    pub mandates: Vec<String>,
    /// Numbers on the exchange platform (dxpId) under which it sends and whose receipts it reads.
    #[serde(default)]
    pub dxp_ids: Vec<String>,
    /// Examination places that a site is responsible for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// Certificates that sign its national messages: SHA-256 in hexadecimal, or the number of the
    /// card (KeyName).
    #[serde(default)]
    pub signers: Vec<String>,
    /// Connections that it may have at once, when not the usual number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
}

/// A caller that the registry knows.
#[derive(Debug)]
pub struct Known {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Connections that it may have at once.
    pub connections: usize,
}

/// Certificates and their callers.
#[derive(Debug, Default)]
pub struct Registry(HashMap<String, Known>);

impl Registry {
    /// Reads the registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or an entry makes no sense.
    pub fn load(path: &Path, sandbox: bool) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the registry {} cannot be read", path.display()))?;
        let entries: Vec<Registered> = serde_json::from_str(&text)
            .with_context(|| format!("the registry {} is not in order", path.display()))?;
        let mut known = HashMap::new();
        for entry in entries {
            let kind = kind(&entry.kind).with_context(|| {
                format!("{}: {:?} is not a kind of caller", entry.name, entry.kind)
            })?;
            let hex = entry.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
            anyhow::ensure!(
                entry.fingerprint.len() == 64 && hex,
                "{}: the fingerprint must be 64 hexadecimal digits without colons",
                entry.name
            );
            let firm = matches!(kind, Kind::Enterprise | Kind::Agent);
            anyhow::ensure!(
                !firm || !entry.customs_code.is_empty(),
                "{}: an enterprise or agent needs its customs_code",
                entry.name
            );
            let any = entry.mandates.iter().any(|code| code == "*");
            anyhow::ensure!(
                sandbox || !any,
                "{}: a mandate for every declarant (*) exists in the sandbox only",
                entry.name
            );
            anyhow::ensure!(
                kind != Kind::Site || !entry.places.is_empty(),
                "{}: a site needs the places that it is responsible for (places)",
                entry.name
            );
            anyhow::ensure!(
                sandbox || !entry.places.iter().any(|place| place == ALL_PLACES),
                "{}: every place (*) exists in the sandbox only",
                entry.name
            );
            let most = limits::CONNECTIONS_PER_PRINCIPAL_MAX;
            let connections = entry.connections.unwrap_or(limits::CONNECTIONS_PER_PRINCIPAL);
            anyhow::ensure!(
                (1..=most).contains(&connections),
                "{}: connections must be from 1 to {most}",
                entry.name
            );
            let Registered {
                fingerprint,
                name,
                customs_code,
                mandates,
                dxp_ids,
                places,
                signers,
                ..
            } = entry;
            anyhow::ensure!(
                sandbox || !dxp_ids.iter().any(|id| id == "*"),
                "{name}: every exchange number (*) exists in the sandbox only"
            );
            let principal =
                Principal { name, kind, customs_code, mandates, dxp_ids, places, signers };
            let caller = Known { principal: Arc::new(principal), connections };
            let twice = known.insert(fingerprint.to_ascii_lowercase(), caller);
            if let Some(Known { principal, .. }) = twice {
                let name = &principal.name;
                anyhow::bail!("{name}: the same fingerprint stands twice in the registry");
            }
        }
        Ok(Self(known))
    }

    /// Whose signatures on national messages count: the certificates that the registry names.
    ///
    /// # Errors
    ///
    /// When a digest cannot be read.
    pub fn signers(&self) -> anyhow::Result<ceb::Trust> {
        let mut trust = ceb::Trust::default();
        let digests = self.0.values().flat_map(|known| &known.principal.signers);
        // The others are numbers of cards; their issuer has to be trusted.
        for digest in digests.filter(|signer| signer.len() == 64) {
            let bytes: Vec<u8> = (0..32)
                .filter_map(|n| u8::from_str_radix(digest.get(2 * n..2 * n + 2)?, 16).ok())
                .collect();
            let bytes: [u8; 32] = bytes
                .try_into()
                .map_err(|_| anyhow::anyhow!("the signer {digest} is no SHA-256"))?;
            trust.pin(bytes);
        }
        Ok(trust)
    }

    /// The caller of a certificate.
    pub fn find(&self, fingerprint: &str) -> Option<&Known> {
        self.0.get(fingerprint)
    }
}

fn kind(name: &str) -> Option<Kind> {
    let kinds = BTreeMap::from([
        ("enterprise", Kind::Enterprise),
        ("agent", Kind::Agent),
        ("customs", Kind::Customs),
        ("inspection", Kind::Inspection),
        ("site", Kind::Site),
        ("examiner", Kind::Examiner),
        ("administrator", Kind::Administrator),
        ("gateway", Kind::Gateway),
    ]);
    kinds.get(name).copied()
}

/// How the calls of a method go.
#[derive(Debug, Clone, Copy)]
struct Shape {
    client_streams: bool,
    server_streams: bool,
}

/// How every method is called that is not one message and one answer.
#[derive(Debug, Clone, Default)]
pub struct Shapes(Arc<HashMap<String, Shape>>);

impl Shapes {
    fn of(&self, path: &str) -> Shape {
        let one = Shape { client_streams: false, server_streams: false };
        self.0.get(path).copied().unwrap_or(one)
    }
}

/// What waits for the commits of a service.
#[derive(Clone)]
pub struct Backlog {
    service: &'static str,
    most_of_each: Arc<dyn Fn() -> Option<usize> + Send + Sync>,
}

impl Backlog {
    /// Of the service with this name; how many calls of one firm may be under way while too much waits,
    /// `None` while there is room.
    pub fn new(
        service: &'static str,
        most_of_each: impl Fn() -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        Self { service, most_of_each: Arc::new(most_of_each) }
    }
}

impl std::fmt::Debug for Backlog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backlog").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Lets a call through when its caller may make it and has room for it.
#[derive(Debug, Clone)]
pub struct Gate<S> {
    inner: S,
    layer: GateLayer,
}

/// Puts a [`Gate`] before every service.
#[derive(Debug, Clone)]
pub struct GateLayer {
    /// How the methods are called.
    pub shapes: Shapes,
    /// Whether there is room for what they write.
    pub space: Arc<Space>,
    /// What waits already. A call that would be refused for it is refused before it is read: reading it
    /// would cost those who wait.
    pub backlogs: Vec<Backlog>,
}

impl<S> tower::Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, layer: self.clone() }
    }
}

impl<S> tower::Service<http::Request<Body>> for Gate<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::BoxFuture<'static, Result<http::Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let shape = self.layer.shapes.of(request.uri().path());
        let grpc = is_grpc(&request);
        let Admitted { principal, places, call, unread, turn } =
            match self.layer.admit(&request, shape) {
                Ok(admitted) => admitted,
                Err(refusal) => {
                    let status = status::refused(&refusal, Language::English);
                    let refused = if grpc {
                        status.into_http()
                    } else {
                        crate::http::refusal(&status).map(Body::new)
                    };
                    return Box::pin(std::future::ready(Ok(refused)));
                }
            };
        let (path, kind) = (request.uri().path().to_owned(), principal.kind);
        request.extensions_mut().insert(principal);
        request = request.map(|body| {
            let call = call.clone();
            Body::new(if shape.client_streams {
                let writer = writes(&path).then(|| (Arc::clone(&self.layer.space), kind));
                RequestBody::stream(body, call, writer)
            } else {
                RequestBody::new(body, grpc, call)
            })
        });
        let answered = call.clone().scope(self.inner.call(request));
        Box::pin(async move {
            let mut answer = match turn {
                Some((reads, waiting)) => {
                    let answer = proto::turn::take(reads, answered).await?;
                    drop(waiting);
                    answer
                }
                None => answered.await?,
            };
            let mut form = Form::Grpc;
            if !grpc {
                form = Form::Http;
                // Said in one piece, whose size is known before its status is said.
                let size = http_body::Body::size_hint(answer.body()).lower();
                // More than fits is more than it may have.
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if let Err(refusal) = call.answer_whole(size) {
                    let status = status::refused(&refusal, Language::English);
                    answer = crate::http::refusal(&status).map(Body::new);
                }
            }
            Ok(answer.map(|body| Body::new(AnswerBody::new(body, form, (call, places), unread))))
        })
    }
}

/// A call that was let in.
struct Admitted {
    principal: Arc<Principal>,
    places: Places,
    call: Call,
    /// What its connection has not read, and how long that may take.
    unread: (Unread, Duration),
    /// Where it waits, when it only reads.
    turn: Option<(Arc<Reads>, Places)>,
}

/// Whether the caller reads answers of gRPC, whose HTTP status says nothing.
pub(crate) fn is_grpc<B>(request: &http::Request<B>) -> bool {
    let form = request.headers().get(http::header::CONTENT_TYPE);
    form.is_some_and(|form| form.as_bytes().starts_with(b"application/grpc"))
}

/// Whether a call writes, by the name of its method: all that does not only read.
fn writes(path: &str) -> bool {
    let method = match path {
        "/ceb" => return true,
        _ => path.strip_prefix("/single_window.").and_then(|path| path.rsplit_once('/')),
    };
    let reads = ["Get", "List", "Watch", "Follow"];
    method.is_some_and(|(_, method)| !reads.iter().any(|word| method.starts_with(word)))
}

/// Whether a call only reads, and how much, by the name of its method.
fn reading(path: &str, streams: bool) -> Option<Reading> {
    let method = match path {
        "/ceb/receipts" | "/ceb/documents" => return Some(Reading::Long),
        _ => path.strip_prefix("/single_window.")?.rsplit_once('/')?.1,
    };
    match method {
        // Of memory.
        "GetStatus" => None,
        _ if streams => None,
        "GetStatistics" => Some(Reading::Long),
        _ if method.starts_with("List") => Some(Reading::Long),
        _ if method.starts_with("Get") => Some(Reading::Short),
        _ => None,
    }
}

/// The service behind the paths of HTTP.
const CEB: &str = "single_window.ceb.v1.CebService";

impl GateLayer {
    fn admit<B>(&self, request: &http::Request<B>, shape: Shape) -> Result<Admitted, Box<Refusal>> {
        let no = |code: Code| Box::new(Refusal::of(code));
        let peer =
            request.extensions().get::<Peer>().ok_or_else(|| no(Code::CertificateMissing))?;
        if let Some(refusal) = &peer.refusal {
            return Err(Box::new(Refusal::clone(refusal)));
        }
        let known = peer.principal.as_ref().zip(peer.account.as_ref());
        let (principal, account) = known.ok_or_else(|| no(Code::CertificateUnknown))?;
        let path = request.uri().path();
        let line = POLICY.iter().find(|(known, _)| *known == path);
        match line {
            Some((_, kinds)) if !kinds.contains(&principal.kind) => {
                return Err(no(Code::NotAllowed));
            }
            // A method without a line does not exist, see `check_policy`: the router says so.
            Some(_) | None => {}
        }
        let streams = shape.client_streams || shape.server_streams;
        if writes(path) {
            self.space.room_for(principal.kind)?;
            let most = self.most_of_each(path).filter(|_| !streams);
            if most.is_some_and(|most| account.has_under_way(most)) {
                metrics::counter!("sw_commit_refused_total").increment(1);
                return Err(no(Code::Overloaded));
            }
        }
        let places = account.enter(if streams { Lasting::Stream } else { Lasting::Call })?;
        Ok(Admitted {
            principal: Arc::clone(principal),
            places,
            call: Call::new(account.memory(), shape.client_streams),
            unread: (peer.unread.clone(), account.reads_within()),
            turn: reading(path, streams).map(|reading| account.reads(reading)).transpose()?,
        })
    }

    /// How many calls of one firm may be under way at the service of this path.
    fn most_of_each(&self, path: &str) -> Option<usize> {
        let service = match path {
            "/ceb" => CEB,
            _ => path.strip_prefix('/')?.rsplit_once('/')?.0,
        };
        let backlog = self.backlogs.iter().find(|backlog| backlog.service == service)?;
        (backlog.most_of_each)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_only_reads_has_its_turn() {
        let of = |path: &str| reading(path, false);
        for (path, _) in POLICY {
            let method = path.rsplit('/').next().unwrap_or_default();
            let reads = method.starts_with("Get") || method.starts_with("List");
            let reads = reads && path.starts_with("/single_window.") && method != "GetStatus";
            let over_http = ["/ceb/receipts", "/ceb/documents"].contains(path);
            assert_eq!(of(path).is_some(), reads || over_http, "{path}");
            assert!(!writes(path) || of(path).is_none(), "{path}");
        }
        let ceb = "/single_window.ceb.v1.CebService";
        for (path, expected) in [
            ("/ceb".to_owned(), true),
            ("/ceb/receipts".to_owned(), false),
            ("/grpc.health.v1.Health/Check".to_owned(), false),
            (format!("{ceb}/SendStream"), true),
            (format!("{ceb}/FollowReceipts"), false),
        ] {
            assert_eq!(writes(&path), expected, "{path}");
        }
        let service = "/single_window.declaration.v1.DeclarationService";
        assert_eq!(of(&format!("{service}/Get")), Some(Reading::Short));
        assert_eq!(of(&format!("{service}/List")), Some(Reading::Long));
        assert_eq!(reading(&format!("{service}/Watch"), true), None);
    }

    #[test]
    fn a_path_of_http_lets_in_whom_its_method_does() {
        for (path, method) in [
            ("/ceb", "Send"),
            ("/ceb/receipts", "ListReceipts"),
            ("/ceb/documents", "ListDocuments"),
        ] {
            let method = format!("/single_window.ceb.v1.CebService/{method}");
            let line = |wanted: &str| POLICY.iter().find(|(known, _)| *known == wanted);
            let kinds = |wanted: &str| line(wanted).map(|(_, kinds)| *kinds);
            assert!(kinds(path).is_some() && kinds(path) == kinds(&method), "{path}");
        }
    }
}
