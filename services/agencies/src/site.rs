//! The simulated examination site with its laboratory: a client of the inspection service like the
//! system of any site. It follows orders and carries each as far as it goes.
//!
//! Beside it, it counts imports that come back ([`crate::goods_back`]).
//!
//! It remembers nothing but the time at which it saw an order: what is next follows from the newest
//! record ([`next_step`]), and a step that is made again, after a crash for example, is the same request.

use std::time::Duration;

use client::Window;
use futures::StreamExt as _;
use proto::v1::{self, OrderStage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::reference::ROUND_THE_CLOCK;
use crate::script::Script;
use crate::step::{SiteStep, StepTimes, next_step, request_id};
use crate::work_queue::{Next, Work, WorkItem, WorkQueue};
use crate::{goods_back, orders};

/// Orders that are worked on at once; those that wait for their time do not count.
const ORDERS_AT_ONCE_MAX: usize = 64;
/// Steps of an order at once: two for each sample, and a few more.
const STEPS_MAX: usize = 300;
/// Refusals after each of which an order is read again; then it waits.
const REFUSALS_MAX: usize = 3;

/// Stages at which there may be something to do.
const OPEN: &[OrderStage] = &[
    OrderStage::Ordered,
    OrderStage::Appointed,
    OrderStage::Presented,
    OrderStage::Examining,
    OrderStage::Sampled,
    OrderStage::Laboratory,
    OrderStage::Treating,
    OrderStage::Disposed,
];

/// Runs the site until `shutdown`.
///
/// # Errors
///
/// A status against which connecting again does not help.
pub async fn run(window: Window, shutdown: CancellationToken) -> Result<(), Status> {
    let work = |name, visit| -> Work<'_, Visit> { Box::pin(visit_order(&window, name, visit)) };
    let mut queue = WorkQueue::new(ORDERS_AT_ONCE_MAX);
    let mut news = std::pin::pin!(orders::follow(&window, OPEN));
    let mut counting = std::pin::pin!(goods_back::serve(&window));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            never = &mut counting => match never {},
            () = queue.turn(&work) => {}
            Some(update) = news.next(), if queue.has_room() => for record in update? {
                let visit = Visit::to(record);
                if visit.is_worth_while() {
                    queue.add(visit.name(), visit);
                }
            },
        }
    }
}

/// An order as the site remembers it.
#[derive(Debug)]
struct Visit {
    /// The newest record; without one it has to be read.
    record: Option<Box<v1::OrderRecord>>,
    mark: Mark,
    /// When the site first saw this examination.
    seen: Instant,
    /// When the last sample was sent, as far as the site knows.
    sent: Option<Instant>,
}

/// What tells a record from an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    changed: (i64, i32),
    version: u32,
    examination: u32,
    stage: i32,
    instructions: usize,
}

impl Mark {
    fn of(record: &v1::OrderRecord) -> Self {
        // One without a time is older than every other.
        let changed = record.changed_time.unwrap_or_default();
        let state = record.state.as_ref();
        Self {
            changed: (changed.seconds, changed.nanos),
            version: state.map_or(0, |state| state.version),
            examination: state.map_or(0, |state| state.examination),
            stage: state.map_or(0, |state| state.stage),
            instructions: state.map_or(0, |state| state.instructions.len()),
        }
    }

    fn is_same_examination(self, other: Self) -> bool {
        (self.version, self.examination) == (other.version, other.examination)
    }
}

impl Visit {
    fn to(record: v1::OrderRecord) -> Self {
        let mark = Mark::of(&record);
        Self { record: Some(Box::new(record)), mark, seen: Instant::now(), sent: None }
    }

    fn name(&self) -> String {
        self.record.as_ref().map_or(String::new(), |record| record.name.clone())
    }

    fn is_worth_while(&self) -> bool {
        let step = |record: &v1::OrderRecord| {
            next_step(record, &Script::of(&record.order_no), self.elapsed())
        };
        self.record.as_deref().is_some_and(|record| step(record) != SiteStep::Nothing)
    }

    fn elapsed(&self) -> StepTimes {
        let sent = self.sent.map_or(Duration::ZERO, |sent| sent.elapsed());
        StepTimes { seen: self.seen.elapsed(), sent }
    }

    /// Goes on from a record.
    fn note(&mut self, record: &v1::OrderRecord) {
        let mark = Mark::of(record);
        if !mark.is_same_examination(self.mark) {
            self.seen = Instant::now();
            self.sent = None;
        }
        if mark.stage == i32::from(OrderStage::Laboratory) {
            // Sent before a restart: the laboratory begins anew.
            self.sent.get_or_insert_with(Instant::now);
        }
        self.mark = mark;
    }
}

impl WorkItem for Visit {
    /// The site hears of its own steps too; they are no news.
    fn join(&mut self, newer: Self) -> bool {
        if newer.mark.changed < self.mark.changed || newer.mark == self.mark {
            return false;
        }
        if !newer.mark.is_same_examination(self.mark) {
            self.seen = newer.seen;
            self.sent = None;
        }
        self.mark = newer.mark;
        self.record = newer.record;
        true
    }
}

/// Carries an order as far as it goes now.
async fn visit_order(window: &Window, name: String, mut visit: Visit) -> (String, Visit, Next) {
    let next = carry(window, &name, &mut visit).await;
    (name, visit, next)
}

async fn carry(window: &Window, name: &str, visit: &mut Visit) -> Next {
    let mut refusals = 0;
    let mut last = SiteStep::Nothing;
    for _ in 0..STEPS_MAX {
        let record = match visit.record.take() {
            Some(record) => record,
            None => match orders::read(window, name).await {
                Ok(Some(record)) => record,
                Ok(None) => return Next::Done,
                Err(status) => {
                    tracing::warn!(order = name, %status, "an order cannot be read");
                    return Next::Failed;
                }
            },
        };
        visit.note(&record);
        let step = next_step(&record, &Script::of(&record.order_no), visit.elapsed());
        match &step {
            SiteStep::Nothing => return Next::Done,
            SiteStep::Wait(left) => return Next::Again(*left),
            SiteStep::Appoint | SiteStep::Claim | SiteStep::Report(_) => {}
        }
        if step == last {
            // It had no effect, or is refused for good: the order belongs to another site, for example.
            tracing::info!(order = name, "an order waits");
            return Next::Failed;
        }
        match take(window, &record, &step).await {
            Ok(answer) => {
                if let SiteStep::Report(v1::report_request::Step::Dispatch(_)) = step {
                    visit.sent = Some(Instant::now());
                }
                visit.record = answer.map(Box::new);
                last = step;
            }
            Err(status) if is_refusal(&status) => {
                let message = status.message();
                tracing::info!(order = name, ?step, message, "a step was refused");
                refusals += 1;
                if refusals > REFUSALS_MAX {
                    return Next::Failed;
                }
                last = step;
            }
            Err(status) => {
                tracing::warn!(order = name, ?step, %status, "a step failed");
                return Next::Failed;
            }
        }
    }
    Next::Again(Duration::ZERO)
}

/// The order is another one by now, or somebody else was faster.
fn is_refusal(status: &Status) -> bool {
    use tonic::Code::{Aborted, AlreadyExists, FailedPrecondition, NotFound};
    matches!(status.code(), Aborted | AlreadyExists | FailedPrecondition | NotFound)
}

/// Makes a step; gives the order as it is then.
async fn take(
    window: &Window,
    record: &v1::OrderRecord,
    step: &SiteStep,
) -> Result<Option<v1::OrderRecord>, Status> {
    let Some(state) = record.state.clone() else {
        return Err(Status::internal("the window shows an order without a state"));
    };
    let v1::OrderState { version, examination, appointments, .. } = state;
    let (request_id, name) = (request_id(record, step), record.name.clone());
    match step {
        SiteStep::Nothing | SiteStep::Wait(_) => Ok(None),
        SiteStep::Appoint => {
            let place = place(window, &record.port_code).await?;
            let seen = appointments;
            let request = v1::AppointRequest { request_id, name, seen, place, start: None };
            let appoint = || async { window.inspection().appoint(request.clone()).await };
            Ok(client::repeat(appoint).await?.into_inner().order)
        }
        SiteStep::Claim => {
            let request = v1::ClaimRequest { request_id, name, examination };
            let claim = || async { window.inspection().claim(request.clone()).await };
            Ok(client::repeat(claim).await?.into_inner().order)
        }
        SiteStep::Report(act) => {
            let step = Some(act.clone());
            let request = v1::ReportRequest { request_id, name, version, examination, step };
            let report = || async { window.inspection().report(request.clone()).await };
            Ok(client::repeat(report).await?.into_inner().order)
        }
    }
}

/// Where goods of a port are examined: at our own place when it is there.
async fn place(window: &Window, port_code: &str) -> Result<String, Status> {
    let list = || async { window.inspection().list_places(v1::ListPlacesRequest {}).await };
    let mut places = client::repeat(list).await?.into_inner().places;
    places.retain(|it| it.port_codes.is_empty() || it.port_codes.iter().any(|p| p == port_code));
    let own = places.iter().position(|place| place.id == ROUND_THE_CLOCK);
    // Otherwise the first one does.
    let place = places.into_iter().nth(own.unwrap_or(0));
    // As long as nobody named a place the window refuses the nameless one, and the order waits.
    Ok(place.map_or(String::new(), |place| place.id))
}
