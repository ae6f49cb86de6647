//! An agency's consumer: connects, takes events in order, replies, acknowledges, and resumes after
//! a cut.
//!
//! The invariant: an event is acknowledged after every reply to it was answered by the window. So
//! nothing is lost when the consumer dies: what was not answered is delivered again, and replies
//! carry request ids that are the same the second time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt as _;
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
/// Frames that may wait to be sent.
const FRAMES_MAX: usize = 64;

/// What a consumer says to an event.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A verdict, after a while. Its request id must be the same when the event comes again.
    Verdict(Duration, v1::Verdict),
    /// Findings of the site, after a while.
    Findings(Duration, v1::FindingsReport),
}

impl Reply {
    fn after(&self) -> Duration {
        match self {
            Self::Verdict(after, _) | Self::Findings(after, _) => *after,
        }
    }

    fn request_id(&self) -> &str {
        match self {
            Self::Verdict(_, verdict) => &verdict.request_id,
            Self::Findings(_, findings) => &findings.request_id,
        }
    }
}

/// A consumer of an agency.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The window.
    pub window: Window,
    /// As whom.
    pub agency: v1::Agency,
    /// Name of this consumer, unique among those of the agency.
    pub name: String,
    /// Start at these positions instead of where it stopped.
    pub from: Vec<v1::Position>,
}

impl Consumer {
    /// Consumes until `shutdown`, reconnecting by itself. `handle` says what to reply to an event;
    /// `result` hears what became of a reply.
    ///
    /// # Errors
    ///
    /// A status after which connecting again cannot help.
    pub async fn run(
        mut self,
        mut handle: impl FnMut(&v1::Event) -> Vec<Reply>,
        mut result: impl FnMut(&v1::Result),
        shutdown: CancellationToken,
    ) -> Result<(), Status> {
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        loop {
            let mut session = Session::default();
            let served = session.serve(&self, &mut handle, &mut result, &shutdown).await;
            // A replay is asked for once; afterwards it goes on where it stopped.
            self.from.clear();
            if session.opened {
                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
            }
            match served {
                Ok(()) if shutdown.is_cancelled() => return Ok(()),
                Ok(()) => {}
                Err(status) if is_final(&status) => return Err(status),
                Err(status) => {
                    tracing::warn!(%status, agency = ?self.agency, "the stream broke; connecting again")
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

/// One connection. Everything in it is made anew by redelivery after a cut.
#[derive(Default)]
struct Session {
    opened: bool,
    epoch: u64,
    /// Replies that an event still waits for, by slot and position.
    open: BTreeMap<u32, BTreeMap<u64, usize>>,
    /// Sent or waiting replies by request id, with the events that wait for them.
    replies: HashMap<String, (Reply, Vec<(u32, u64)>)>,
    later: DelayQueue<String>,
    /// Newest position of each slot that may be acknowledged.
    done: BTreeMap<u32, u64>,
}

impl Session {
    async fn serve(
        &mut self,
        consumer: &Consumer,
        handle: &mut impl FnMut(&v1::Event) -> Vec<Reply>,
        result: &mut impl FnMut(&v1::Result),
        shutdown: &CancellationToken,
    ) -> Result<(), Status> {
        let (sender, receiver) = mpsc::channel(FRAMES_MAX);
        let open = v1::Open {
            agency: consumer.agency.into(),
            consumer: consumer.name.clone(),
            from: consumer.from.clone(),
            max_in_flight: 0,
        };
        send(&sender, Out::Open(open)).await?;
        let frames = ReceiverStream::new(receiver);
        let mut frames = consumer.window.exchange().connect(frames).await?.into_inner();
        loop {
            tokio::select! {
                frame = frames.message() => match frame?.and_then(|frame| frame.frame) {
                    Some(In::Opened(opened)) => {
                        self.opened = true;
                        self.epoch = opened.epoch;
                    }
                    Some(In::Batch(batch)) => {
                        let now = self.take(batch.events, handle);
                        self.send(&sender, now).await?;
                    }
                    Some(In::Results(results)) => {
                        for answer in &results.results {
                            result(answer);
                            self.answered(answer);
                        }
                    }
                    Some(In::Heartbeat(_)) => {}
                    Some(In::GoAway(_)) | None => return Ok(()),
                },
                Some(due) = self.later.next(), if !self.later.is_empty() => {
                    self.send(&sender, vec![due.into_inner()]).await?;
                }
                () = shutdown.cancelled() => {
                    // Closing our side first lets the window keep what was acknowledged and give the
                    // slots to others at once.
                    drop(sender);
                    let rest = async { while let Ok(Some(_)) = frames.message().await {} };
                    let _too_slow = tokio::time::timeout(GOODBYE, rest).await;
                    return Ok(());
                }
            }
            self.acknowledge(&sender).await?;
        }
    }

    /// Asks the handler about events; returns the replies that are due now.
    fn take(
        &mut self,
        events: Vec<v1::Event>,
        handle: &mut impl FnMut(&v1::Event) -> Vec<Reply>,
    ) -> Vec<String> {
        let mut now = Vec::new();
        for event in events {
            let (slot, position) = (event.slot, event.position);
            if self.open.get(&slot).is_some_and(|open| open.contains_key(&position)) {
                // It came again while its replies are on their way: they are waited for already.
                continue;
            }
            let mut waiting = 0;
            for reply in handle(&event) {
                let (id, after) = (reply.request_id().to_owned(), reply.after());
                let known = self.replies.entry(id.clone()).or_insert_with(|| (reply, Vec::new()));
                // A script may say the same twice: it is one reply for the acknowledgement.
                if !known.1.contains(&(slot, position)) {
                    known.1.push((slot, position));
                    waiting += 1;
                }
                if after.is_zero() {
                    now.push(id);
                } else {
                    self.later.insert(id, after);
                }
            }
            self.open.entry(slot).or_default().insert(position, waiting);
            self.settle(slot);
        }
        now
    }

    fn answered(&mut self, answer: &v1::Result) {
        if answer.result == i32::from(v1::ResultCode::Retry) {
            if self.replies.contains_key(&answer.request_id) {
                self.later.insert(answer.request_id.clone(), RETRY);
            }
            return;
        }
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
        let mut verdicts = Vec::new();
        for id in due {
            match self.replies.get(&id) {
                Some((Reply::Verdict(_, verdict), _)) => verdicts.push(verdict.clone()),
                Some((Reply::Findings(_, findings), _)) => {
                    send(sender, Out::Findings(findings.clone())).await?;
                }
                None => {}
            }
        }
        for chunk in verdicts.chunks(domain::limits::VERDICTS_MAX) {
            send(sender, Out::Verdicts(v1::Verdicts { verdicts: chunk.to_vec() })).await?;
        }
        Ok(())
    }

    async fn acknowledge(
        &mut self,
        sender: &mpsc::Sender<v1::ConnectRequest>,
    ) -> Result<(), Status> {
        if self.done.is_empty() {
            return Ok(());
        }
        let done = std::mem::take(&mut self.done);
        let positions =
            done.into_iter().map(|(slot, position)| v1::Position { slot, position }).collect();
        send(sender, Out::Ack(v1::Ack { positions, epoch: self.epoch })).await
    }
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

    fn verdict(request_id: &str) -> Reply {
        let request_id = request_id.to_owned();
        Reply::Verdict(Duration::ZERO, v1::Verdict { request_id, ..Default::default() })
    }

    fn applied(request_id: &str) -> v1::Result {
        let result = v1::ResultCode::Applied.into();
        v1::Result { request_id: request_id.to_owned(), result, ..Default::default() }
    }

    #[tokio::test]
    async fn an_event_is_acknowledged_after_its_replies_also_when_it_comes_again() {
        let mut session = Session::default();
        let mut handle = |event: &v1::Event| match event.position {
            1 => vec![verdict("a"), verdict("a"), verdict("b")],
            2 => Vec::new(),
            _ => vec![verdict("b")],
        };
        session.take(vec![event(1), event(2), event(3)], &mut handle);
        // A slot that was lost and regained brings its events again.
        session.take(vec![event(1), event(2)], &mut handle);
        assert!(session.done.is_empty(), "nothing is answered yet");
        session.answered(&applied("a"));
        assert!(session.done.is_empty(), "one reply is still on its way");
        session.answered(&applied("b"));
        session.answered(&applied("b"));
        assert_eq!(session.done, BTreeMap::from([(1, 3)]), "both events waited for the same reply");
    }
}
