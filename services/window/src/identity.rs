//! Who is calling, and what each kind of caller may do.
//!
//! A certificate or a key says who; the registry says what that caller is; one line a method says which
//! kinds may call it. A method without a line does not start. Nothing else is taken from headers, and
//! nothing from messages.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use console::Cookies;
use domain::principal::ALL_PLACES;
use domain::refusal::{Code, Refusal};
use domain::{Kind, Principal, limits};
use kit::service::Api;
use proto::memory::CallMemory;
use proto::status::{self, Language};
use proto::v1::{ceb_service_server, sandbox_service_server, status_service_server};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::bodies::{AnswerBody, Form, RequestBody};
use crate::callers::{Callers, KnownCaller};
use crate::http::PATHS;
use crate::json::rules::{HttpMatch, HttpRules};
use crate::problem;
use crate::quotas::{HeldPermits, Lasting, Reading, Reads};
use crate::reload::SOON_DAYS;
use crate::services::manifests;
use crate::space::Space;
use crate::unread::Unread;
use crate::validity::CertificatePeriod;
use crate::web_console::is_page;

/// What the window serves besides its services.
const OWN: &[Api] = &[
    kit::operation::API,
    Api {
        name: sandbox_service_server::SERVICE_NAME,
        methods: &[("GetClock", EVERYBODY), ("MoveClock", &[Kind::Administrator])],
    },
    Api {
        name: status_service_server::SERVICE_NAME,
        methods: &[("GetStatus", EVERYBODY), ("GetOperatingStatus", &[Kind::Administrator])],
    },
    Api { name: "grpc.health.v1.Health", methods: &[("Check", EVERYBODY), ("Watch", EVERYBODY)] },
    Api {
        name: "grpc.reflection.v1.ServerReflection",
        methods: &[("ServerReflectionInfo", EVERYBODY)],
    },
];

const EVERYBODY: &[Kind] = &[
    Kind::Enterprise,
    Kind::Agent,
    Kind::Customs,
    Kind::Quarantine,
    Kind::Site,
    Kind::InspectionService,
    Kind::PaymentService,
    Kind::Bank,
    Kind::RefundService,
    Kind::WebhookService,
    Kind::TaxOffice,
    Kind::Administrator,
    Kind::Gateway,
];

/// One line a method, or a path of HTTP: which kinds of caller.
fn policy() -> HashMap<String, &'static [Kind]> {
    let apis = manifests().flat_map(|manifest| manifest.apis).chain(OWN);
    let lines = apis.flat_map(|api| {
        api.methods.iter().map(|(method, kinds)| (format!("/{}/{method}", api.name), *kinds))
    });
    let mut policy: HashMap<String, &'static [Kind]> = lines.collect();
    for (path, method) in PATHS {
        let line = policy.get(&format!("/{}/{method}", ceb_service_server::SERVICE_NAME));
        if let Some(kinds) = line.copied() {
            policy.insert(path.to_owned(), kinds);
        }
    }
    policy
}

/// How the methods of the schema are called, and by whom. Fails when one of them has no line, and when a
/// line has no method.
///
/// # Errors
///
/// Names the methods.
pub fn check_policy() -> anyhow::Result<Methods> {
    use prost::Message as _;
    let mut policy = policy();
    let (mut methods, mut missing) = (HashMap::new(), Vec::new());
    let mut add = |path: String, (client_streams, server_streams)| match policy.remove(&path) {
        Some(kinds) => {
            methods.insert(path, Method { client_streams, server_streams, kinds });
        }
        None => missing.push(path),
    };
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
                    add(path, (method.client_streaming(), method.server_streaming()));
                }
            }
        }
    }
    for (path, _) in PATHS {
        add(path.to_owned(), (false, false));
    }
    anyhow::ensure!(missing.is_empty(), "no policy line for {}", missing.join(", "));
    let unknown: Vec<_> = policy.into_keys().collect();
    anyhow::ensure!(unknown.is_empty(), "no method for the policy of {}", unknown.join(", "));
    Ok(Methods { paths: Arc::new(methods), rules: HttpRules::of(proto::DESCRIPTOR)? })
}

/// The digest by which a certificate is registered.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A caller in the registry file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// SHA-256 of the certificate (DER), hexadecimal; empty for a caller that has keys only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Name, for logs.
    pub name: String,
    /// enterprise, agent, customs, quarantine, site, inspection-service, payment-service, refund-service, webhook-service, tax-office,
    /// bank, administrator or gateway.
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
    /// Until when this certificate is accepted, RFC 3339, where another one takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl Registered {
    /// Reads a registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the registry {} cannot be read", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("the registry {} is not in order", path.display()))
    }

    fn end(&self) -> anyhow::Result<Option<OffsetDateTime>> {
        let end = self.until.as_deref().map(|until| OffsetDateTime::parse(until, &Rfc3339));
        end.transpose().with_context(|| format!("{}: until is no time (RFC 3339)", self.name))
    }
}

/// A caller that the registry knows.
#[derive(Debug)]
pub struct Known {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// Connections that it may have at once.
    pub connections: usize,
}

/// A certificate of a caller.
#[derive(Debug)]
pub(crate) struct Registration {
    known: Arc<Known>,
    until: Option<OffsetDateTime>,
    /// When it is not accepted any more.
    pub(crate) over: CancellationToken,
    /// It, with those that it came with, since it was shown first.
    chain: OnceLock<Vec<CertificateDer<'static>>>,
}

impl Registration {
    /// Whose it is. The certificate itself is not in the registry, and is kept when it is seen.
    pub(crate) fn show(&self, chain: &[CertificateDer<'static>]) -> &Known {
        self.chain.get_or_init(|| chain.to_vec());
        &self.known
    }

    fn is_accepted(&self, now: OffsetDateTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Callers, by their certificates and by their names.
#[derive(Debug, Default)]
pub struct Registry {
    certificates: HashMap<String, Arc<Registration>>,
    names: BTreeMap<String, Arc<Known>>,
}

impl Registry {
    /// Reads the registry file, a JSON list.
    ///
    /// # Errors
    ///
    /// When it cannot be read or an entry makes no sense.
    pub fn load(path: &Path, sandbox: bool) -> anyhow::Result<Self> {
        let entries = Registered::read(path)?;
        let (mut certificates, mut names) = (HashMap::new(), BTreeMap::new());
        for entry in entries {
            let kind = kind(&entry.kind).with_context(|| {
                format!("{}: {:?} is not a kind of caller", entry.name, entry.kind)
            })?;
            let hex = entry.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
            anyhow::ensure!(
                entry.fingerprint.is_empty() || entry.fingerprint.len() == 64 && hex,
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
            let until = entry.end()?;
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
            let name = principal.name.clone();
            let caller = Arc::new(Known { principal: Arc::new(principal), connections });
            let same = names.entry(name.clone()).or_insert_with(|| Arc::clone(&caller));
            anyhow::ensure!(
                same.principal == caller.principal,
                "{name}: two entries of this name differ, and a key of it would not say which is meant"
            );
            let (over, chain) = (CancellationToken::new(), OnceLock::new());
            let registration = Arc::new(Registration { known: caller, until, over, chain });
            let is_new = fingerprint.is_empty()
                || certificates.insert(fingerprint.to_ascii_lowercase(), registration).is_none();
            anyhow::ensure!(is_new, "{name}: the same fingerprint stands twice in the registry");
        }
        Ok(Self { certificates, names })
    }

    /// Whose signatures on national messages count: the certificates that the registry names.
    ///
    /// # Errors
    ///
    /// When a digest cannot be read.
    pub fn signers(&self) -> anyhow::Result<signature::Trust> {
        let mut trust = signature::Trust::default();
        let digests = self.names.values().flat_map(|known| &known.principal.signers);
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

    /// The certificate with this digest, where it is accepted now.
    pub(crate) fn find(&self, fingerprint: &str, now: OffsetDateTime) -> Option<Arc<Registration>> {
        let found = self.certificates.get(fingerprint)?;
        found.is_accepted(now).then(|| Arc::clone(found))
    }

    /// The same callers, in the place of others: certificates that say the same of the same caller stay what
    /// they are to their connections, where `is_good` has nothing against their chain. All others end.
    pub(crate) fn after(
        mut self,
        before: &Self,
        is_good: impl Fn(&[CertificateDer<'static>]) -> bool,
    ) -> Self {
        for (fingerprint, old) in &before.certificates {
            let new = self.certificates.get_mut(fingerprint);
            let same = new.filter(|new| {
                let connections = new.known.connections == old.known.connections;
                let good = old.chain.get().is_none_or(|chain| is_good(chain));
                new.known.principal == old.known.principal && connections && good
            });
            let Some(new) = same else {
                old.over.cancel();
                continue;
            };
            let (known, until) = (Arc::clone(&old.known), new.until);
            let (over, chain) = (old.over.clone(), old.chain.clone());
            *new = Arc::new(Registration { known, until, over, chain });
        }
        self
    }

    /// Ends the certificates that are not accepted any more.
    pub(crate) fn end_overdue(&self, now: OffsetDateTime) {
        let overdue = self.certificates.values().filter(|it| !it.is_accepted(now));
        overdue.for_each(|registration| registration.over.cancel());
    }

    /// Certificates of callers that were seen and end soon.
    pub(crate) fn ending(&self, today: OffsetDateTime) -> Vec<CertificatePeriod> {
        let periods = self.certificates.values().filter_map(|registration| {
            let caller = format!("caller {}", registration.known.principal.name);
            // One that cannot be read would not have got through the handshake.
            CertificatePeriod::of(caller, registration.chain.get()?.first()?).ok()
        });
        periods.filter(|period| period.days_left(today) < SOON_DAYS).collect()
    }

    /// The caller that a key is made for, when it still has that role.
    pub(crate) fn named(&self, caller: &str, role: &str) -> Option<Arc<Known>> {
        let known = self.names.get(caller)?;
        (kind(role) == Some(known.principal.kind)).then(|| Arc::clone(known))
    }

    /// The caller of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Known>> {
        self.names.get(name).cloned()
    }

    /// What the caller of this name is.
    pub(crate) fn principal(&self, name: &str) -> Option<Arc<Principal>> {
        self.names.get(name).map(|known| Arc::clone(&known.principal))
    }

    /// Every caller, and what it is.
    pub fn roles(&self) -> BTreeMap<String, String> {
        let role = |kind| KINDS.iter().find(|(_, it)| *it == kind).map(|(word, _)| *word);
        let roles = self.names.iter().filter_map(|(name, known)| {
            Some((name.clone(), role(known.principal.kind)?.to_owned()))
        });
        roles.collect()
    }
}

/// What the registry calls a kind of caller.
const KINDS: [(&str, Kind); 13] = [
    ("enterprise", Kind::Enterprise),
    ("agent", Kind::Agent),
    ("customs", Kind::Customs),
    ("quarantine", Kind::Quarantine),
    ("site", Kind::Site),
    ("inspection-service", Kind::InspectionService),
    ("payment-service", Kind::PaymentService),
    ("bank", Kind::Bank),
    ("refund-service", Kind::RefundService),
    ("webhook-service", Kind::WebhookService),
    ("tax-office", Kind::TaxOffice),
    ("administrator", Kind::Administrator),
    ("gateway", Kind::Gateway),
];

fn kind(name: &str) -> Option<Kind> {
    KINDS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind)
}

/// How the calls of a method go, and who makes them.
#[derive(Debug, Clone, Copy)]
struct Method {
    client_streams: bool,
    server_streams: bool,
    kinds: &'static [Kind],
}

impl Method {
    fn lasting(self) -> Lasting {
        if self.client_streams || self.server_streams { Lasting::Stream } else { Lasting::Call }
    }
}

/// Every method and path of HTTP.
#[derive(Debug, Clone, Default)]
pub struct Methods {
    paths: Arc<HashMap<String, Method>>,
    rules: HttpRules,
}

impl Methods {
    /// A path that is none does not exist: the router says so, to everybody.
    fn of(&self, path: &str) -> Method {
        let none = Method { client_streams: false, server_streams: false, kinds: EVERYBODY };
        self.paths.get(path).copied().unwrap_or(none)
    }

    /// Which call a path over HTTP is.
    fn over_http<B>(&self, request: &http::Request<B>) -> HttpMatch {
        if is_grpc(request) {
            return HttpMatch::Nothing;
        }
        self.rules.find(request.method(), request.uri().path())
    }
}

/// Lets a call through when its caller may make it and has room for it.
#[derive(Debug, Clone)]
pub struct Gate<S> {
    inner: S,
    methods: Methods,
    callers: Arc<Callers>,
    space: Arc<Space>,
    backlogs: Backlogs,
    cookies: Option<Cookies>,
}

/// What waits for the commits of services, by the names of their calls. A call that would be refused for it
/// is refused before it is read: reading it would cost those who wait.
#[derive(Clone, Default)]
pub struct Backlogs(pub Arc<Vec<(&'static str, kit::service::MostOfEach)>>);

impl std::fmt::Debug for Backlogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The service behind the paths of HTTP.
const CEB: &str = "single_window.ceb.v1.CebService";

impl Backlogs {
    /// How many calls of one firm may be under way at the service of this path.
    fn most_of_each(&self, path: &str) -> Option<usize> {
        let service = match path {
            "/ceb" => CEB,
            _ => path.strip_prefix('/')?.rsplit_once('/')?.0,
        };
        self.0.iter().find(|(name, _)| *name == service)?.1()
    }
}

/// Puts a [`Gate`] before every service.
#[derive(Debug, Clone)]
pub struct GateLayer {
    /// How the methods are called, and by whom.
    pub methods: Methods,
    /// Who they are.
    pub callers: Arc<Callers>,
    /// Whether there is room for what they write.
    pub space: Arc<Space>,
    /// What waits already.
    pub backlogs: Backlogs,
    /// Of whoever looks at the console, where there is one.
    pub cookies: Option<Cookies>,
}

impl<S> tower::Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate {
            inner,
            methods: self.methods.clone(),
            callers: Arc::clone(&self.callers),
            space: Arc::clone(&self.space),
            backlogs: self.backlogs.clone(),
            cookies: self.cookies.clone(),
        }
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
        let grpc = is_grpc(&request);
        if let Some(page) = crate::pages::open(&request) {
            return Box::pin(std::future::ready(Ok(page.map(Body::new))));
        }
        let caller = match self.cookies.as_ref().filter(|_| is_page(request.uri().path())) {
            Some(cookies) => {
                let session = cookies.read(request.headers());
                match self.callers.visitor(&request, session.as_ref()).transpose() {
                    // There is a form to log in.
                    None => return Box::pin(self.inner.call(request)),
                    Some(visitor) => visitor.inspect(|visitor| {
                        request.extensions_mut().insert(visitor.clone());
                    }),
                }
            }
            None => self.callers.of(&request),
        };
        let found = self.methods.over_http(&request);
        let path = match &found {
            HttpMatch::Call(call) => call.rule.path.clone(),
            HttpMatch::Otherwise(_) | HttpMatch::Nothing => request.uri().path().to_owned(),
        };
        let method = self.methods.of(&path);
        let lasting = method.lasting();
        let account = caller.as_ref().ok().filter(|_| !grpc).map(|it| Arc::clone(&it.account));
        let admitted =
            caller.and_then(|caller| admit(&path, method, caller, (&self.space, &self.backlogs)));
        // Nobody behind the gate has use for it.
        request.headers_mut().remove(http::header::AUTHORIZATION);
        let Admitted { principal, places, call, unread, over, turn } = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let refused = if !grpc {
                    let id = problem::request_id(request.headers());
                    let mut refused = problem::of(&refusal).map(Body::new);
                    refused.headers_mut().insert(problem::REQUEST_ID, id);
                    if let Some(account) = account {
                        problem::tell_room(refused.headers_mut(), account.room(lasting));
                    }
                    if request.version() < http::Version::HTTP_2 {
                        let body = request.into_body();
                        return Box::pin(async move {
                            crate::bodies::throw_away(body).await;
                            Ok(refused)
                        });
                    }
                    refused
                } else if refusal.code == Code::Overloaded && refusal.data.is_empty() {
                    overloaded()
                } else {
                    status::refused(&refusal, Language::English).into_http()
                };
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        let kind = principal.kind;
        request.extensions_mut().insert(principal);
        match found {
            HttpMatch::Call(call) => drop(request.extensions_mut().insert(call)),
            HttpMatch::Otherwise(methods) => drop(request.extensions_mut().insert(methods)),
            HttpMatch::Nothing => {}
        }
        request = request.map(|body| {
            let call = call.clone();
            Body::new(if method.client_streams {
                let writer = writes(&path).then(|| (Arc::clone(&self.space), kind));
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
                // Said in one piece, its size is known before its status is said.
                match http_body::Body::size_hint(answer.body()).exact() {
                    None => form = Form::Parts,
                    Some(size) => {
                        form = Form::Http;
                        // More than fits is more than it may have.
                        let size = usize::try_from(size).unwrap_or(usize::MAX);
                        if let Err(refusal) = call.answer_whole(size) {
                            answer = problem::of(&refusal).map(Body::new);
                        }
                    }
                }
            }
            if let Some(account) = account {
                problem::tell_room(answer.headers_mut(), account.room(lasting));
            }
            Ok(answer
                .map(|body| Body::new(AnswerBody::new(body, form, (call, places), unread, over))))
        })
    }
}

/// The refusal of a call since too much waits, made once: then there are thousands of them a second, and
/// making one costs more than all else that is done for it.
static OVERLOADED: LazyLock<http::HeaderMap> = LazyLock::new(|| {
    let status = status::refused(&Refusal::of(Code::Overloaded), Language::English);
    status.into_http::<()>().into_parts().0.headers
});

fn overloaded() -> http::Response<Body> {
    let mut refused = http::Response::new(Body::empty());
    refused.headers_mut().clone_from(&OVERLOADED);
    refused
}

/// A call that was let in.
struct Admitted {
    principal: Arc<Principal>,
    places: HeldPermits,
    call: CallMemory,
    /// What its connection has not read, and how long that may take.
    unread: (Unread, Duration),
    /// When its certificate or key is not good any more, and how that is said.
    over: Option<(CancellationToken, Code)>,
    /// Where it waits, when it only reads.
    turn: Option<(Arc<Reads>, HeldPermits)>,
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
    // What is said over the exchange ends what is there already, whoever says it.
    let reads = ["Get", "List", "Watch", "Follow", "Connect"];
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

fn admit(
    path: &str,
    method: Method,
    KnownCaller { principal, account, unread, over }: KnownCaller,
    (space, backlogs): (&Space, &Backlogs),
) -> Result<Admitted, Box<Refusal>> {
    let no = |code: Code| Box::new(Refusal::of(code));
    if !method.kinds.contains(&principal.kind) {
        return Err(no(Code::NotAllowed));
    }
    let lasting = method.lasting();
    let streams = lasting == Lasting::Stream;
    if writes(path) {
        space.room_for(principal.kind)?;
        let most = backlogs.most_of_each(path).filter(|_| !streams);
        if most.is_some_and(|most| account.has_under_way(most)) {
            metrics::counter!("sw_commit_refused_total").increment(1);
            return Err(no(Code::Overloaded));
        }
    }
    let places = account.enter(lasting)?;
    Ok(Admitted {
        principal,
        places,
        call: CallMemory::new(account.memory(), method.client_streams, method.server_streams),
        unread: (unread, account.reads_within()),
        over,
        turn: reading(path, streams).map(|reading| account.reads(reading)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_only_reads_has_its_turn() {
        let of = |path: &str| reading(path, false);
        for path in policy().keys().map(String::as_str) {
            let method = path.rsplit('/').next().unwrap_or_default();
            let reads = method.starts_with("Get") || method.starts_with("List");
            let reads = reads && path.starts_with("/single_window.") && method != "GetStatus";
            let over_http = ["/ceb/receipts", "/ceb/documents"].contains(&path);
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
    fn every_method_of_the_schema_has_its_line_and_every_line_its_method() {
        let methods = check_policy().expect("it is complete").paths;
        let kinds = |path: &str| methods.get(path).map(|method| method.kinds);
        // A few, spelled out: who may do what is a promise.
        let declaration = "/single_window.declaration.v1.DeclarationService";
        let filers = [Kind::Enterprise, Kind::Agent, Kind::Gateway];
        assert_eq!(kinds(&format!("{declaration}/Submit")), Some(&filers[..]));
        let ceb = "/single_window.ceb.v1.CebService";
        assert_eq!(
            kinds(&format!("{ceb}/Issue")),
            Some(&[Kind::Customs, Kind::PaymentService][..])
        );
        for (path, method) in PATHS {
            assert!(kinds(path).is_some_and(|it| Some(it) == kinds(&format!("{ceb}/{method}"))));
        }
        assert_eq!(kinds("/nowhere"), None);
    }
}
