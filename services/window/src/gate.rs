//! Lets a call through when its caller may make it and there is room for it.

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use console::Cookies;
use domain::principal::ActingPerson;
use domain::refusal::{Code, Refusal};
use domain::{Principal, limits};
use proto::memory::CallMemory;
use proto::status::{self, Language};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::bodies::{AnswerBody, Form, RequestBody};
use crate::caller_use::refuses;
use crate::callers::{Callers, Credential, KnownCaller};
use crate::json::rules::HttpMatch;
use crate::policy::{MethodPolicy, Methods};
use crate::problem;
use crate::quotas::{CallDuration, HeldPermits, Reading, Reads};
use crate::space::Space;
use crate::unread::UnreadPieces;
use crate::web_console::is_page;

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

/// Ends a key.
const REVOKES: &str = ".OperationService/RevokeKey";

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
        let known = caller.as_ref().ok().map(|it| Arc::clone(&it.account));
        if let Some(known) = &known {
            known.made.calls();
        }
        let account = known.clone().filter(|_| !grpc);
        let admitted =
            caller.and_then(|caller| admit(&path, method, caller, (&self.space, &self.backlogs)));
        // Nobody behind the gate has use for it.
        request.headers_mut().remove(http::header::AUTHORIZATION);
        let AdmittedCall { principal, actor, places, call, unread, over, turn } = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                if let Some(known) = &known {
                    known.made.is_refused();
                }
                let refused = if !grpc {
                    let id = problem::request_id(request.headers());
                    let mut refused = problem::of(&refusal).map(Body::new);
                    refused.headers_mut().insert(problem::REQUEST_ID, id);
                    if let Some(account) = account {
                        problem::set_rate_limit(refused.headers_mut(), account.room(lasting));
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
        request.extensions_mut().insert(actor);
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
        let id = (!grpc).then(|| problem::request_id(request.headers()));
        let answered = call.clone().scope(self.inner.call(request));
        let answered = async move {
            match turn {
                Some((reads, waiting)) => {
                    let answer = proto::turn::take(reads, answered).await;
                    drop(waiting);
                    answer
                }
                None => answered.await,
            }
        };
        Box::pin(async move {
            let mut answer = match id {
                None => answered.await?,
                Some(id) => match tokio::time::timeout(HTTP_TIME, answered).await {
                    Ok(answer) => answer?,
                    Err(_) => {
                        if let Some(known) = &known {
                            known.made.is_refused();
                        }
                        let mut late = problem::of(&Refusal::of(Code::Overloaded)).map(Body::new);
                        late.headers_mut().insert(problem::REQUEST_ID, id);
                        return Ok(late);
                    }
                },
            };
            if let Some(known) = known.filter(|_| refuses(&answer)) {
                known.made.is_refused();
            }
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
                problem::set_rate_limit(answer.headers_mut(), account.room(lasting));
            }
            Ok(answer
                .map(|body| Body::new(AnswerBody::new(body, form, (call, places), unread, over))))
        })
    }
}

/// A call over HTTP is answered within this time, before the library ends it in the manner of gRPC: with status 200
/// and nothing in it.
const HTTP_TIME: Duration = Duration::from_secs(limits::UNARY_SECONDS_MAX - 1);

/// The refusal of a call since too much waits, made once: then there are thousands of them a second, and
/// making one costs more than all else that is done for it.
static OVERLOADED: LazyLock<http::HeaderMap> = LazyLock::new(|| {
    let status = status::refused_before(&Refusal::of(Code::Overloaded), Language::English);
    status.into_http::<()>().into_parts().0.headers
});

fn overloaded() -> http::Response<Body> {
    status::count(Code::Overloaded);
    let mut refused = http::Response::new(Body::empty());
    refused.headers_mut().clone_from(&OVERLOADED);
    refused
}

/// A call that was let in.
struct AdmittedCall {
    principal: Arc<Principal>,
    actor: ActingPerson,
    places: HeldPermits,
    call: CallMemory,
    /// What its connection has not read, and how long that may take.
    unread: (UnreadPieces, Duration),
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

/// What answers on what is said with the call.
const CONNECT: &str = "/Connect";
/// What makes a key.
const CREATE_KEY: &str = "/single_window.operation.v1.OperationService/CreateKey";

/// What ends a key: whoever ends its own hears that it has ended.
const REVOKE_KEY: &str = "/single_window.operation.v1.OperationService/RevokeKey";

/// Whether this call may be made with what says whose it is. A key that was found must not breed: it could not be ended
/// any more by ending it.
fn opens(credential: Credential, path: &str) -> Result<(), Code> {
    match credential {
        Credential::Key { .. } if path == CREATE_KEY => Err(Code::KeyMadeByKey),
        Credential::Key { read_only: true } if writes(path) || path.ends_with(CONNECT) => {
            Err(Code::KeyReadsOnly)
        }
        Credential::Key { .. } | Credential::Own => Ok(()),
    }
}

fn admit(
    path: &str,
    method: MethodPolicy,
    KnownCaller { principal, credential, actor, account, unread, pause, over }: KnownCaller,
    (space, backlogs): (&Space, &Backlogs),
) -> Result<AdmittedCall, Box<Refusal>> {
    let no = |code: Code| Box::new(Refusal::of(code));
    if !method.kinds.contains(&principal.kind) {
        return Err(no(Code::NotAllowed));
    }
    opens(credential, path).map_err(no)?;
    let lasting = method.lasting();
    let streams = lasting == CallDuration::Stream;
    if writes(path) {
        // A key that leaked is ended however short space is.
        if !path.ends_with(REVOKES) {
            space.room_for(principal.kind)?;
        }
        let most = backlogs.most_of_each(path).filter(|_| !streams);
        if most.is_some_and(|most| account.has_under_way(most)) {
            metrics::counter!("sw_commit_refused_total").increment(1);
            pause.begin();
            return Err(no(Code::Overloaded));
        }
    }
    let places = account.enter(lasting)?;
    Ok(AdmittedCall {
        principal,
        actor,
        places,
        call: CallMemory::new(account.memory(), method.client_streams, method.server_streams),
        unread: (unread, account.reads_within()),
        over: over.filter(|_| path != REVOKE_KEY),
        turn: reading(path, streams).map(|reading| account.reads(reading)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::policy;

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
}
