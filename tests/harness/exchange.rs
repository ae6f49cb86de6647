//! One connection of an agency, by hand.

use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::PATIENCE;

/// One connection of an agency, by hand.
pub(crate) struct Stream {
    pub(crate) sender: mpsc::Sender<v1::ConnectRequest>,
    pub(crate) frames: Streaming<v1::ConnectResponse>,
    pub(crate) epoch: u64,
    pub(crate) slots: usize,
}

impl Stream {
    /// Connects and opens.
    pub(crate) async fn open(
        window: &client::Window,
        subscriber: impl Into<v1::Subscriber>,
        consumer: &str,
        from: Vec<v1::Position>,
        max_in_flight: u32,
    ) -> Result<Self, Status> {
        let (sender, receiver) = mpsc::channel(64);
        let consumer = consumer.to_owned();
        let open = v1::Open {
            subscriber: subscriber.into().into(),
            consumer,
            from,
            max_in_flight,
            ..Default::default()
        };
        let request = v1::ConnectRequest { frame: Some(Out::Open(open)) };
        sender.send(request).await.expect("the receiver is ours");
        let frames = window.exchange().connect(ReceiverStream::new(receiver)).await?.into_inner();
        let mut stream = Self { sender, frames, epoch: 0, slots: 0 };
        match stream.next().await? {
            In::Opened(opened) => {
                (stream.epoch, stream.slots) = (opened.epoch, opened.slots.len());
                Ok(stream)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next frame that is no heartbeat.
    pub(crate) async fn next(&mut self) -> Result<In, Status> {
        let next = async {
            loop {
                let next = self.frames.message().await?;
                let next = next.ok_or_else(|| Status::cancelled("the end"))?;
                let frame = next.frame.expect("a frame");
                if !matches!(frame, In::Heartbeat(_)) {
                    return Ok(frame);
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("a frame in time")
    }

    /// Events until there are this many.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<v1::Event> {
        let mut events = Vec::new();
        while events.len() < count {
            match self.next().await.expect("the stream holds") {
                In::Batch(batch) => events.extend(batch.events),
                In::Opened(opened) => self.slots = opened.slots.len(),
                other => panic!("{other:?}"),
            }
        }
        events
    }

    /// Says something.
    pub(crate) async fn send(&self, frame: Out) {
        let request = v1::ConnectRequest { frame: Some(frame) };
        self.sender.send(request).await.expect("the stream holds");
    }

    /// Acknowledges an event.
    pub(crate) async fn acknowledge(&self, event: &v1::Event) {
        let positions = vec![v1::Position { slot: event.slot, position: event.position }];
        self.send(Out::Ack(v1::Ack { positions, epoch: self.epoch })).await;
    }

    /// What became of what was said, events aside.
    pub(crate) async fn results(&mut self) -> Vec<v1::Result> {
        loop {
            match self.next().await.expect("the stream holds") {
                In::Results(results) => return results.results,
                In::Batch(_) | In::Opened(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Closes this side and waits for the window to close its own.
    pub(crate) async fn leaves(self) {
        let Self { sender, mut frames, .. } = self;
        drop(sender);
        let end = async { while frames.message().await.expect("a clean end").is_some() {} };
        tokio::time::timeout(PATIENCE, end).await.expect("an end in time");
    }

    /// Gives one answer and hears what became of it.
    pub(crate) async fn decides(&mut self, answer: v1::Answer) -> v1::Result {
        self.send(Out::Answers(v1::Answers { answers: vec![answer] })).await;
        self.results().await.remove(0)
    }
}

/// An answer to what an event tells of.
pub(crate) fn answer(event: &v1::Event, what: v1::answer::What) -> v1::Answer {
    v1::Answer {
        request_id: Uuid::now_v7().to_string(),
        declaration_id: event.declaration_id.clone(),
        version: event.version,
        round: event.round,
        trace_id: event.trace_id.clone(),
        what: Some(what),
    }
}

/// A verdict on what an event tells of.
pub(crate) fn verdict(event: &v1::Event, outcome: v1::Outcome) -> v1::Answer {
    explained(event, outcome, Vec::new())
}

/// The same with reasons.
pub(crate) fn explained(
    event: &v1::Event,
    outcome: v1::Outcome,
    reasons: Vec<v1::Reason>,
) -> v1::Answer {
    let verdict = v1::Verdict { outcome: outcome.into(), reasons, ..Default::default() };
    answer(event, v1::answer::What::Verdict(verdict))
}
