//! What stands before and behind every call of a service, once: who calls, in which language, and how a
//! refusal or a fault is said.
//!
//! A service's table of calls is then one line a method: [`unary`] for a message and its answer, [`change`]
//! for one that has an effect once a request id, [`stream`] for an answer that goes on, and
//! [`answered_stream`] for a stream whose items are answered one by one.

use std::pin::Pin;
use std::sync::Arc;

use domain::principal::ActingPerson;
use domain::refusal::Code;
use domain::{Principal, RequestId, limits};
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, Stream, StreamExt as _};
use proto::call::{self, IdentifiedRequest};
use proto::status::{self, Language};
use proto::text::Texts;
use proto::{exchange, memory};
use ring::digest::{SHA256, digest};
use store::ServiceError;
use store::journal::Origin;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::use_case::UseCaseSpan;

/// An answer of one message.
pub type Answer<A> = Result<Response<A>, Status>;
/// An answer of many.
pub type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// What a call brings along besides its message.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub principal: Arc<Principal>,
    /// The language of refusals.
    pub language: Language,
    /// The caller's `traceparent`; empty when there is none.
    pub trace: String,
    /// Who acts in the caller's name; empty for services of the window.
    pub actor: ActingPerson,
}

impl Call {
    fn of<Q: Texts>(request: &Request<Q>) -> Result<Self, Status> {
        let principal = call::caller(request)?;
        let (language, trace) = (Language::of(request.metadata()), call::trace(request));
        let actor = if principal.kind.is_service() {
            ActingPerson::default()
        } else {
            call::acting(request)
        };
        Ok(Self { principal, language, trace, actor })
    }

    /// What an entry of the journal says of the call that caused it.
    pub fn origin(&self) -> Origin {
        Origin { trace: self.trace.clone(), actor: self.actor.clone() }
    }

    /// The span of what is asked, and the call as what follows from it.
    fn begin<Q>(self) -> (UseCaseSpan, Self) {
        let mut span = UseCaseSpan::begin(service::<Q>(), use_case::<Q>(), &self.trace);
        span.record("single_window.caller.kind", self.principal.kind);
        let trace = span.trace(self.trace);
        (span, Self { trace, ..self })
    }
}

/// What is asked, by the name of its message: `Submit` of `SubmitRequest`.
fn use_case<Q>() -> &'static str {
    // Of a stream it is the name of its items.
    let name = std::any::type_name::<Q>().trim_end_matches('>');
    let name = name.rsplit("::").next().unwrap_or(name); // why: one without a path is whole
    name.strip_suffix("Request").unwrap_or(name) // why: some messages are no requests
}

/// Which package it is of: `declaration` of `single_window.declaration.v1`.
fn service<Q>() -> &'static str {
    let mut parts = std::any::type_name::<Q>().rsplit("::").skip(1);
    parts.find(|part| *part != "v1").unwrap_or("window") // why: messages of no package are the window's
}

/// What makes a request that changes something the same when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Given by the caller.
    pub request_id: RequestId,
    /// Of everything that is asked.
    pub digest: [u8; 32],
}

impl Change {
    fn of(message: &(impl IdentifiedRequest + prost::Message)) -> Result<Self, ServiceError> {
        let request_id = exchange::request(message.request_id())?;
        let mut change = Self { request_id, digest: [0; 32] };
        change.digest.copy_from_slice(digest(&SHA256, &message.encode_to_vec()).as_ref());
        Ok(change)
    }
}

/// Answers a call that asks and changes nothing, or whose work reads its request id by itself.
///
/// # Errors
///
/// What the work refuses or fails at, in the language of the caller.
pub async fn unary<Q: Texts, A>(
    request: Request<Q>,
    work: impl AsyncFnOnce(Call, Q) -> Result<A, ServiceError>,
) -> Answer<A> {
    let call = Call::of(&request)?;
    let language = call.language;
    let (mut span, call) = call.begin::<Q>();
    let done = work(call, request.into_inner()).await;
    done.map(Response::new).map_err(|error| {
        let status = status::of(error, language);
        span.fails(status.code());
        status
    })
}

/// Answers a call that has one effect for each request id of a caller.
///
/// # Errors
///
/// That it has no request id; what the work refuses or fails at.
pub async fn change<Q: Texts + IdentifiedRequest + prost::Message, A>(
    request: Request<Q>,
    work: impl AsyncFnOnce(Call, Change, Q) -> Result<A, ServiceError>,
) -> Answer<A> {
    unary(request, async |call, message| {
        let change = Change::of(&message)?;
        work(call, change, message).await
    })
    .await
}

/// Answers a call with what comes, until its caller leaves or the service drains.
///
/// # Errors
///
/// What keeps it from beginning. What ends it later is its last item.
pub async fn stream<Q: Texts, A, S>(
    request: Request<Q>,
    work: impl AsyncFnOnce(Call, Q) -> Result<S, ServiceError>,
) -> Answer<Answers<A>>
where
    S: Stream<Item = Result<A, ServiceError>> + Send + 'static,
{
    let call = Call::of(&request)?;
    let language = call.language;
    let to_status = move |error: ServiceError| status::of(error, language);
    // It ends when the answer has begun: how long somebody watches is no work.
    let (_span, call) = call.begin::<Q>();
    let begun = work(call, request.into_inner()).await.map_err(to_status)?;
    Ok(Response::new(Box::pin(begun.map(move |item| item.map_err(to_status)))))
}

/// Answers the items of a stream in their order, so many at once: many of them share a transaction. `answer`
/// gets the number of the item, from 0. What was taken is answered, also when the service drains or an item
/// cannot be read; the rest is for the next window.
///
/// # Errors
///
/// When the call came past the gate.
pub fn answered_stream<Q, A, F, W>(
    request: Request<Streaming<Q>>,
    in_flight: usize,
    draining: CancellationToken,
    answer: F,
) -> Answer<Answers<A>>
where
    Q: Send + 'static,
    A: Send + 'static,
    F: Fn(Call, u64, Q) -> W + Send + 'static,
    W: Future<Output = A> + Send + 'static,
{
    // Not polled while nobody reads the answers: as large as it is, it stays.
    let waiting_bytes = in_flight.saturating_mul(size_of::<W>());
    debug_assert!(waiting_bytes <= limits::STREAM_WAITING_BYTES_MAX, "{waiting_bytes}");
    let call = Call::of(&request)?;
    let mut items = request.into_inner();
    let answers = async_stream::try_stream! {
        let mut waiting = FuturesOrdered::new();
        let (mut open, mut ended, mut number) = (true, Ok(()), 0_u64);
        while open || !waiting.is_empty() {
            let room = open && waiting.len() < in_flight;
            let (item, answered) = tokio::select! {
                item = items.message(), if room => (Some(item), None),
                answered = waiting.next(), if !waiting.is_empty() => (None, answered),
                () = draining.cancelled(), if open => {
                    (open, ended) = (false, Err(status::plain(Code::Unavailable)));
                    (None, None)
                }
            };
            match item {
                Some(Ok(Some(item))) => {
                    let (span, call) = call.clone().begin::<Q>();
                    let answered = answer(call, number, item).inspect(move |_| drop(span));
                    waiting.push_back(memory::item(answered));
                    number += 1;
                }
                Some(Ok(None)) => open = false,
                Some(Err(status)) => (open, ended) = (false, Err(status)),
                None => {}
            }
            if let Some(answered) = answered {
                yield answered;
            }
        }
        ended?;
    };
    Ok(Response::new(Box::pin(answers)))
}
