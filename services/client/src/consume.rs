//! An agency's consumer: connects, takes events in order, replies, acknowledges, and resumes after
//! a cut.
//!
//! The invariant: an event is acknowledged after every reply to it was answered by the window. So
//! nothing is lost when the consumer dies: what was not answered is delivered again, and replies
//! carry request ids that are the same the second time.
//!
//! A reply may also belong to no event: something happened where the consumer is. It is kept until it
//! is answered, over any number of connections, but not over a restart: whoever says it remembers it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use domain::limits;
use domain::refusal::Code;
use futures::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use proto::v1;
use proto::v1::connect_request::Frame as Out;
use proto::v1::connect_response::Frame as In;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;
use tonic::Status;

use crate::{Window, backoff};

/// Pause before a reply that the window could not decide is sent again.
const RETRY: Duration = Duration::from_millis(200);
/// How long the window may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Events that are handled together; one frame more may go along.
const EVENTS_MAX: usize = 1_024;
/// Frames that may wait to be sent.
const FRAMES_MAX: usize = 64;
/// Replies that belong to no event and are not yet answered. Beyond, whoever says more waits.
const SPONTANEOUS_MAX: usize = 1_000;

/// What a consumer says, to an event or by itself.
#[derive(Debug, Clone)]
pub struct ConsumerAnswer {
    /// After how long.
    pub after: Duration,
    /// What. Its request id must be the same when the event comes again.
    pub answer: v1::Answer,
}

impl ConsumerAnswer {
    /// What is said at once.
    pub fn now(answer: v1::Answer) -> Self {
        Self { after: Duration::ZERO, answer }
    }

    fn request_id(&self) -> &str {
        &self.answer.request_id
    }
}

/// What a consumer does with events.
pub trait Handler {
    /// Takes events and says what to reply to each, in their order. An event whose replies were said
    /// and not answered by the end of the connection comes again. After an error the consumer connects
    /// again, and all of these events come again.
    fn handle(
        &mut self,
        events: Vec<v1::Event>,
    ) -> impl Future<Output = Result<Vec<Vec<ConsumerAnswer>>, Status>> + Send;

    /// Hears what became of a reply.
    fn result(&mut self, result: &v1::Result);

    /// Something came from the window, a heartbeat at least, and was handled.
    fn alive(&mut self) {}

    /// Asked before each connection, the first one included: another window may be at the address by now.
    fn may_connect(&mut self, _window: &Window) -> impl Future<Output = Result<(), Status>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A consumer of an agency.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The window.
    pub window: Window,
    /// As whom.
    pub subscriber: v1::Subscriber,
    /// Name of this consumer, unique among those of the subscriber.
    pub name: String,
    /// What it wants to be told; empty is all that the subscriber is told.
    pub topics: Vec<v1::Topic>,
    /// It wants to know what happened, and not what was declared.
    pub without_content: bool,
    /// Start at these positions instead of where it stopped.
    pub from: Vec<v1::Position>,
    /// So many seconds it may acknowledge nothing before its slots go to others; 0 takes the window's default.
    pub progress_seconds: u32,
}

impl Consumer {
    /// One that goes on where it stopped and is told all that the subscriber is told.
    pub fn new(window: Window, subscriber: v1::Subscriber, name: &str) -> Self {
        Self {
            window,
            subscriber,
            name: name.to_owned(),
            topics: Vec::new(),
            without_content: false,
            from: Vec::new(),
            progress_seconds: 0,
        }
    }

    /// Consumes until `shutdown`, reconnecting by itself. The handler may take its time, for example to commit
    /// before it replies. `spontaneous` are replies that belong to no event; they go out once the window has
    /// answered and are said again until they are answered.
    ///
    /// # Errors
    ///
    /// A status after which connecting again cannot help.
    pub async fn serve(
        mut self,
        mut handler: impl Handler,
        spontaneous: mpsc::Receiver<ConsumerAnswer>,
        shutdown: CancellationToken,
    ) -> Result<(), Status> {
        let mut spontaneous = Spontaneous { receiver: spontaneous, unanswered: VecDeque::new() };
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        loop {
            let mut session = Session::default();
            let asked = tokio::select! {
                asked = handler.may_connect(&self.window) => asked,
                () = shutdown.cancelled() => return Ok(()),
            };
            let served = match asked {
                Ok(()) => session.serve(&self, &mut handler, &mut spontaneous, &shutdown).await,
                Err(status) => Err(status),
            };
            // A replay is asked for once; afterwards it goes on where it stopped.
            self.from.clear();
            if session.opened {
                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
            }
            match served {
                // Whatever is cut then, nothing is lost: it comes again to whoever listens next.
                Ok(()) | Err(_) if shutdown.is_cancelled() => return Ok(()),
                Ok(()) => {}
                Err(status) if is_final(&status) => return Err(status),
                Err(status) => {
                    tracing::warn!(%status, subscriber = ?self.subscriber, "the stream broke; connecting again")
                }
            }
            let pause = pauses.next().unwrap_or(RETRY);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }
}

/// Connecting again does not help against these.
fn is_final(status: &Status) -> bool {
    use tonic::Code::{InvalidArgument, PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), InvalidArgument | PermissionDenied | Unauthenticated | Unimplemented)
}

/// Replies that belong to no event. They outlive a connection.
struct Spontaneous {
    receiver: mpsc::Receiver<ConsumerAnswer>,
    /// In the order in which they were said.
    unanswered: VecDeque<ConsumerAnswer>,
}

impl Spontaneous {
    fn has_room(&self) -> bool {
        self.unanswered.len() < SPONTANEOUS_MAX
    }

    /// What is said next, as far as there is room; never, when nobody can say anything any more.
    async fn next(&mut self) -> Vec<ConsumerAnswer> {
        let mut more = Vec::new();
        let room = SPONTANEOUS_MAX.saturating_sub(self.unanswered.len());
        if self.receiver.recv_many(&mut more, room).await == 0 {
            std::future::pending::<()>().await;
        }
        self.unanswered.extend(more.iter().cloned());
        more
    }

    fn answered(&mut self, request_id: &str) {
        self.unanswered.retain(|reply| reply.request_id() != request_id);
    }
}

/// One connection. Everything in it is made anew by redelivery after a cut.
#[derive(Default)]
struct Session {
    opened: bool,
    epoch: u64,
    /// Replies that an event still waits for, by slot and position.
    open: BTreeMap<u32, BTreeMap<u64, usize>>,
    /// Sent or waiting replies by request id, with the events that wait for them.
    replies: HashMap<String, (ConsumerAnswer, Vec<(u32, u64)>)>,
    later: DelayQueue<String>,
    /// How often the window failed over a reply.
    failed: HashMap<String, i32>,
    /// Events that are set aside, before they are acknowledged.
    parked: Vec<v1::Park>,
    /// Newest position of each slot that may be acknowledged.
    done: BTreeMap<u32, u64>,
}

impl Session {
    async fn serve(
        &mut self,
        consumer: &Consumer,
        handler: &mut impl Handler,
        spontaneous: &mut Spontaneous,
        shutdown: &CancellationToken,
    ) -> Result<(), Status> {
        let (sender, receiver) = mpsc::channel(FRAMES_MAX);
        let open = v1::Open {
            subscriber: consumer.subscriber.into(),
            consumer: consumer.name.clone(),
            from: consumer.from.clone(),
            max_in_flight: 0,
            progress_seconds: consumer.progress_seconds,
            topics: consumer.topics.iter().map(|topic| i32::from(*topic)).collect(),
            without_content: consumer.without_content,
            without_slots: false,
        };
        send(&sender, Out::Open(open)).await?;
        let frames = ReceiverStream::new(receiver);
        let connected = match consumer.subscriber {
            v1::Subscriber::Bank => consumer.window.payment_exchange().connect(frames).await,
            _ => consumer.window.exchange().connect(frames).await,
        };
        let mut frames = connected?.into_inner();
        // A frame that was read along with others and is not looked at yet.
        let mut behind: Option<Option<In>> = None;
        loop {
            let received = if let Some(frame) = behind.take() {
                Some(frame)
            } else {
                tokio::select! {
                    frame = frames.message() => Some(frame?.and_then(|frame| frame.frame)),
                    Some(due) = self.later.next(), if !self.later.is_empty() => {
                        self.send(&sender, vec![due.into_inner()]).await?;
                        None
                    }
                    more = spontaneous.next(), if self.opened && spontaneous.has_room() => {
                        let now = self.add_replies(more);
                        self.send(&sender, now).await?;
                        None
                    }
                    () = shutdown.cancelled() => {
                        // Closing our side first lets the window keep what was acknowledged and give
                        // the slots to others at once.
                        drop(sender);
                        let rest = async { while let Ok(Some(_)) = frames.message().await {} };
                        let _too_slow = tokio::time::timeout(GOODBYE, rest).await;
                        return Ok(());
                    }
                }
            };
            let came = received.is_some();
            match received {
                None | Some(Some(In::Heartbeat(_))) => {}
                Some(Some(In::Opened(opened))) => {
                    if opened.stalled {
                        let (subscriber, seconds) = (consumer.subscriber, opened.progress_seconds);
                        tracing::warn!(
                            ?subscriber,
                            seconds,
                            "nothing was acknowledged for too long"
                        );
                    }
                    self.epoch = opened.epoch;
                    if !std::mem::replace(&mut self.opened, true) {
                        let now = self.add_replies(spontaneous.unanswered.iter().cloned());
                        self.send(&sender, now).await?;
                    }
                }
                Some(Some(In::Batch(mut batch))) => {
                    // What is there already goes along: a handler that commits does so once.
                    while batch.events.len() < EVENTS_MAX && behind.is_none() {
                        let Some(next) = frames.message().now_or_never() else { break };
                        match next?.and_then(|frame| frame.frame) {
                            Some(In::Batch(more)) => batch.events.extend(more.events),
                            other => behind = Some(other),
                        }
                    }
                    let now = self.take(batch.events, handler).await?;
                    self.send(&sender, now).await?;
                }
                Some(Some(In::Results(results))) => {
                    for answer in &results.results {
                        handler.result(answer);
                        self.answered(answer, spontaneous);
                    }
                }
                Some(Some(In::GoAway(_)) | None) => return Ok(()),
            }
            if came {
                handler.alive();
            }
            self.acknowledge(&sender).await?;
        }
    }

    /// Asks the handler about events; returns the replies that are due now.
    async fn take(
        &mut self,
        mut events: Vec<v1::Event>,
        handler: &mut impl Handler,
    ) -> Result<Vec<String>, Status> {
        // What came again while its replies are on their way is waited for already.
        events.retain(|event| {
            let open = self.open.get(&event.slot);
            !open.is_some_and(|open| open.contains_key(&event.position))
        });
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = events
            .iter()
            .map(|event| (event.slot, event.position, event.trace_id.clone()))
            .collect();
        let replies = handler.handle(events).await?;
        if replies.len() != places.len() {
            return Err(Status::internal("the handler did not say what to reply to each event"));
        }
        let mut now = Vec::new();
        for ((slot, position, trace), replies) in places.into_iter().zip(replies) {
            let mut waiting = 0;
            for mut reply in replies {
                if reply.answer.trace_id.is_empty() {
                    reply.answer.trace_id.clone_from(&trace);
                }
                let events = self.add_reply(reply, &mut now);
                // A script may say the same twice: it is one reply for the acknowledgement.
                if !events.contains(&(slot, position)) {
                    events.push((slot, position));
                    waiting += 1;
                }
            }
            self.open.entry(slot).or_default().insert(position, waiting);
            self.settle(slot);
        }
        Ok(now)
    }

    /// Notes a reply, and its id when it is due now; gives the events that wait for it.
    fn add_reply(&mut self, reply: ConsumerAnswer, now: &mut Vec<String>) -> &mut Vec<(u32, u64)> {
        let id = reply.request_id().to_owned();
        if reply.after.is_zero() {
            now.push(id.clone());
        } else {
            self.later.insert(id.clone(), reply.after);
        }
        let (_, events) = self.replies.entry(id).or_insert_with(|| (reply, Vec::new()));
        events
    }

    /// The same for replies that belong to no event.
    fn add_replies(&mut self, replies: impl IntoIterator<Item = ConsumerAnswer>) -> Vec<String> {
        let mut now = Vec::new();
        for reply in replies {
            self.add_reply(reply, &mut now);
        }
        now
    }

    fn answered(&mut self, answer: &v1::Result, spontaneous: &mut Spontaneous) {
        let retry = answer.result == i32::from(v1::ResultCode::Retry);
        if retry && answer.code == Code::Internal.id() {
            // The window failed over this reply, and may do so again.
            if !self.is_given_up(&answer.request_id) {
                self.later.insert(answer.request_id.clone(), RETRY);
                return;
            }
            self.park(&answer.request_id);
        } else if retry {
            if self.replies.contains_key(&answer.request_id) {
                self.later.insert(answer.request_id.clone(), RETRY);
            }
            return;
        }
        spontaneous.answered(&answer.request_id);
        // A second answer to a reply that was said twice finds nothing here.
        let Some((_, events)) = self.replies.remove(&answer.request_id) else { return };
        for (slot, position) in events {
            let open = self.open.get_mut(&slot).and_then(|open| open.get_mut(&position));
            if let Some(waiting) = open {
                *waiting = waiting.saturating_sub(1);
            }
            self.settle(slot);
        }
    }

    /// Whether a reply over which the window failed is not said again. One that belongs to no event is left to
    /// whoever said it; the others have a few tries.
    fn is_given_up(&mut self, request_id: &str) -> bool {
        let Some((_, events)) = self.replies.get(request_id) else { return true };
        if events.is_empty() {
            return true;
        }
        let failed = self.failed.entry(request_id.to_owned()).or_default();
        *failed += 1;
        *failed >= limits::TRIES_MAX
    }

    /// The events of a reply are set aside for people, so that what comes behind them is acknowledged.
    fn park(&mut self, request_id: &str) {
        self.failed.remove(request_id);
        let Some((_, events)) = self.replies.get(request_id) else { return };
        for (slot, position) in events {
            let reason = format!("the window failed over the reply {request_id}");
            let at = Some(v1::Position { slot: *slot, position: *position });
            self.parked.push(v1::Park { position: at, reason });
        }
    }

    /// Moves the acknowledgement of a slot over events that wait for nothing.
    fn settle(&mut self, slot: u32) {
        let Some(open) = self.open.get_mut(&slot) else { return };
        while let Some(first) = open.first_entry() {
            if *first.get() > 0 {
                break;
            }
            let (position, _) = first.remove_entry();
            self.done.insert(slot, position);
        }
    }

    async fn send(
        &self,
        sender: &mpsc::Sender<v1::ConnectRequest>,
        due: Vec<String>,
    ) -> Result<(), Status> {
        let known = due.iter().filter_map(|id| self.replies.get(id));
        for answers in frames(known.map(|(reply, _)| reply.answer.clone())) {
            send(sender, Out::Answers(answers)).await?;
        }
        Ok(())
    }

    async fn acknowledge(
        &mut self,
        sender: &mpsc::Sender<v1::ConnectRequest>,
    ) -> Result<(), Status> {
        for park in self.parked.drain(..) {
            tracing::error!(reason = park.reason, at = ?park.position, "an event was set aside");
            send(sender, Out::Park(park)).await?;
        }
        if self.done.is_empty() {
            return Ok(());
        }
        let done = std::mem::take(&mut self.done);
        let positions =
            done.into_iter().map(|(slot, position)| v1::Position { slot, position }).collect();
        send(sender, Out::Ack(v1::Ack { positions, epoch: self.epoch })).await
    }
}

/// Answers as frames, in their order, as many in one as it may hold.
fn frames(answers: impl Iterator<Item = v1::Answer>) -> Vec<v1::Answers> {
    let mut frames: Vec<v1::Answers> = Vec::new();
    let mut bytes = 0;
    for answer in answers {
        bytes += answer.encoded_len();
        let fits = |last: &&mut v1::Answers| {
            last.answers.len() < limits::ANSWERS_MAX && bytes <= limits::EXCHANGE_BATCH_BYTES_MAX
        };
        if let Some(last) = frames.last_mut().filter(fits) {
            last.answers.push(answer);
        } else {
            bytes = answer.encoded_len();
            frames.push(v1::Answers { answers: vec![answer] });
        }
    }
    frames
}

async fn send(sender: &mpsc::Sender<v1::ConnectRequest>, frame: Out) -> Result<(), Status> {
    let request = v1::ConnectRequest { frame: Some(frame) };
    sender.send(request).await.map_err(|_| Status::unavailable("the stream ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(position: u64) -> v1::Event {
        v1::Event { slot: 1, position, ..Default::default() }
    }

    fn reply(request_id: &str) -> ConsumerAnswer {
        let request_id = request_id.to_owned();
        ConsumerAnswer::now(v1::Answer { request_id, ..Default::default() })
    }

    /// What to reply to each position.
    struct Script(fn(u64) -> Vec<ConsumerAnswer>);

    impl Handler for Script {
        async fn handle(
            &mut self,
            events: Vec<v1::Event>,
        ) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
            Ok(events.iter().map(|event| (self.0)(event.position)).collect())
        }

        fn result(&mut self, _: &v1::Result) {}
    }

    fn applied(request_id: &str) -> v1::Result {
        let result = v1::ResultCode::Applied.into();
        v1::Result { request_id: request_id.to_owned(), result, ..Default::default() }
    }

    fn spontaneous() -> (mpsc::Sender<ConsumerAnswer>, Spontaneous) {
        let (sender, receiver) = mpsc::channel(8);
        (sender, Spontaneous { receiver, unanswered: VecDeque::new() })
    }

    fn ids(replies: &VecDeque<ConsumerAnswer>) -> Vec<&str> {
        replies.iter().map(ConsumerAnswer::request_id).collect()
    }

    #[tokio::test]
    async fn an_event_is_acknowledged_after_its_replies_also_when_it_comes_again() {
        let (mut session, (_sender, mut nobody)) = (Session::default(), spontaneous());
        let mut handler = Script(|position| match position {
            1 => vec![reply("a"), reply("a"), reply("b")],
            2 => Vec::new(),
            _ => vec![reply("b")],
        });
        let events = vec![event(1), event(2), event(3)];
        let now = session.take(events, &mut handler).await.expect("the handler fails never");
        assert_eq!(now, ["a", "a", "b", "b"]);
        // A slot that was lost and regained brings its events again.
        session.take(vec![event(1), event(2)], &mut handler).await.expect("the same");
        assert!(session.done.is_empty(), "nothing is answered yet");
        session.answered(&applied("a"), &mut nobody);
        assert!(session.done.is_empty(), "one reply is still on its way");
        session.answered(&applied("b"), &mut nobody);
        session.answered(&applied("b"), &mut nobody);
        assert_eq!(session.done, BTreeMap::from([(1, 3)]), "both events waited for the same reply");
    }

    /// Commits before it replies, and cannot at first.
    struct CommitFirst {
        away: bool,
        kept: Vec<u64>,
    }

    impl Handler for CommitFirst {
        async fn handle(
            &mut self,
            events: Vec<v1::Event>,
        ) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
            tokio::task::yield_now().await;
            if std::mem::take(&mut self.away) {
                return Err(Status::unavailable("no database"));
            }
            self.kept.extend(events.iter().map(|event| event.position));
            Ok(events.iter().map(|event| vec![reply(&event.position.to_string())]).collect())
        }

        fn result(&mut self, _: &v1::Result) {}
    }

    #[tokio::test]
    async fn what_was_not_committed_is_neither_answered_nor_acknowledged() {
        let mut session = Session::default();
        let mut handler = CommitFirst { away: true, kept: Vec::new() };
        let failed = session.take(vec![event(1)], &mut handler).await;
        assert!(failed.is_err() && session.replies.is_empty() && session.open.is_empty());
        let now = session.take(vec![event(1), event(2)], &mut handler).await;
        assert_eq!(now.expect("it is back"), ["1", "2"]);
        session.take(vec![event(2)], &mut handler).await.expect("it is known");
        assert_eq!(handler.kept, [1, 2], "an event on its way is not handled twice");
    }

    #[tokio::test]
    async fn what_belongs_to_no_event_is_said_until_it_is_answered() {
        let (mut session, (sender, mut spontaneous_answers)) = (Session::default(), spontaneous());
        for id in ["a", "b", "c"] {
            sender.send(reply(id)).await.expect("somebody listens");
        }
        let more = spontaneous_answers.next().await;
        assert_eq!(session.add_replies(more), ["a", "b", "c"]);
        session.answered(&applied("b"), &mut spontaneous_answers);
        let again = v1::Result { result: v1::ResultCode::Retry.into(), ..applied("c") };
        session.answered(&again, &mut spontaneous_answers);
        assert_eq!(session.later.len(), 1, "it is sent again on this connection");
        assert_eq!(ids(&spontaneous_answers.unanswered), ["a", "c"]);

        // The connection breaks; the next one says what is left, in its order.
        let mut session = Session::default();
        assert_eq!(session.add_replies(spontaneous_answers.unanswered.iter().cloned()), ["a", "c"]);
        session.answered(&applied("a"), &mut spontaneous_answers);
        session.answered(&applied("c"), &mut spontaneous_answers);
        assert!(spontaneous_answers.unanswered.is_empty() && session.replies.is_empty());
        assert!(session.done.is_empty(), "no event waited");
    }

    #[tokio::test]
    async fn no_more_is_taken_than_there_is_room_for() {
        let (sender, receiver) = mpsc::channel(2 * SPONTANEOUS_MAX);
        let mut spontaneous_answers = Spontaneous { receiver, unanswered: VecDeque::new() };
        for number in 0..=SPONTANEOUS_MAX {
            sender.send(reply(&number.to_string())).await.expect("somebody listens");
        }
        assert_eq!(spontaneous_answers.next().await.len(), SPONTANEOUS_MAX);
        assert!(!spontaneous_answers.has_room());
        spontaneous_answers.answered("0");
        assert_eq!(spontaneous_answers.next().await.len(), 1);
        drop(sender);
        spontaneous_answers.answered("1");
        let nothing =
            tokio::time::timeout(Duration::from_millis(10), spontaneous_answers.next()).await;
        assert!(nothing.is_err(), "nobody is left to say anything");
    }

    #[tokio::test]
    async fn a_reply_over_which_the_window_fails_holds_up_nobody_for_ever() {
        let (mut session, (sender, mut spontaneous_answers)) = (Session::default(), spontaneous());
        let mut handler = Script(|position| match position {
            1 => vec![reply("bad")],
            _ => vec![reply("good")],
        });
        let events = vec![event(1), event(2)];
        session.take(events, &mut handler).await.expect("the handler fails never");
        session.answered(&applied("good"), &mut spontaneous_answers);
        let away = v1::Result { result: v1::ResultCode::Retry.into(), ..applied("bad") };
        let failed = v1::Result { code: Code::Internal.id().to_owned(), ..away.clone() };
        for _ in 0..10 {
            session.answered(&away, &mut spontaneous_answers);
        }
        for _ in 1..limits::TRIES_MAX {
            session.answered(&failed, &mut spontaneous_answers);
            assert!(session.done.is_empty() && session.parked.is_empty(), "it has a few tries");
        }
        session.answered(&failed, &mut spontaneous_answers);
        let [parked] = &session.parked[..] else { panic!("{:?}", session.parked) };
        assert_eq!(parked.position, Some(v1::Position { slot: 1, position: 1 }));
        assert_eq!(session.done, BTreeMap::from([(1, 2)]), "what is behind it is acknowledged");

        // What belongs to no event is left to whoever said it.
        sender.send(reply("n")).await.expect("somebody listens");
        let more = spontaneous_answers.next().await;
        session.add_replies(more);
        let failed = v1::Result { request_id: "n".to_owned(), ..failed };
        session.answered(&failed, &mut spontaneous_answers);
        assert!(spontaneous_answers.unanswered.is_empty() && !session.replies.contains_key("n"));
    }

    #[test]
    fn replies_share_frames_in_their_order() {
        let counts = |answers: Vec<ConsumerAnswer>| -> Vec<usize> {
            let frames = frames(answers.into_iter().map(|reply| reply.answer));
            frames.iter().map(|frame| frame.answers.len()).collect()
        };
        assert_eq!(counts(["a", "b", "c"].map(reply).into()), [3]);
        let many = (0..=limits::ANSWERS_MAX).map(|number| reply(&number.to_string()));
        assert_eq!(counts(many.collect()), [limits::ANSWERS_MAX, 1]);
        let verdict = v1::Verdict {
            reasons: vec![v1::Reason { code: String::new(), text: "x".repeat(600_000) }],
            ..Default::default()
        };
        let what = Some(v1::answer::What::Verdict(verdict));
        let long = ConsumerAnswer::now(v1::Answer { what, ..Default::default() });
        assert_eq!(counts(vec![long.clone(), long.clone(), reply("a"), long]), [1, 2, 1]);
    }

    #[tokio::test]
    async fn the_handler_is_asked_before_each_connection() {
        /// Lets two connections go and no third.
        struct ConnectCount<'a>(&'a mut u32);

        impl Handler for ConnectCount<'_> {
            fn handle(
                &mut self,
                _: Vec<v1::Event>,
            ) -> impl Future<Output = Result<Vec<Vec<ConsumerAnswer>>, Status>> + Send {
                std::future::ready(Ok(Vec::new()))
            }

            fn result(&mut self, _: &v1::Result) {}

            async fn may_connect(&mut self, _: &Window) -> Result<(), Status> {
                *self.0 += 1;
                let denied = || proto::status::plain(Code::NotAllowed);
                (*self.0 < 3).then_some(()).ok_or_else(denied)
            }
        }

        // Nobody listens there.
        let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let window = Window::over(channel);
        let consumer = Consumer::new(window, v1::Subscriber::Customs, "c");
        let ((_sender, answers), mut asked) = (mpsc::channel(1), 0);
        let served =
            consumer.serve(ConnectCount(&mut asked), answers, CancellationToken::new()).await;
        assert_eq!(served.map_err(|status| status.code()), Err(tonic::Code::PermissionDenied));
        assert_eq!(asked, 3);
    }
}
