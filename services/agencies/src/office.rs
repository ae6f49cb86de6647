//! Where a simulated agency decides about goods: it looks at orders beside the exchange, so that events
//! are answered while the inspection service is away.
//!
//! An event only says that an order is worth a look; what is missing follows from the order itself
//! ([`pending`]). So nothing is lost by a restart: at start every order with findings is looked at.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use client::{ConsumerAnswer, Window};
use domain::inspection::finding::Disposal;
use futures::StreamExt as _;
use proto::v1::fact::Kind;
use proto::v1::{self, Agency};
use tokio::sync::{Notify, mpsc};
use tonic::Status;
use uuid::Uuid;

use crate::conclude::{Conclusion, after_treatment, conclude, of_findings, pending};
use crate::work_queue::{self, Next, Work, WorkQueue};
use crate::{NAMESPACE, Round, orders};

/// Orders that are looked at side by side.
const ORDERS_AT_ONCE_MAX: usize = 8;
/// Orders that wait to be looked at. Beyond, all orders are looked at instead.
const FRESH_MAX: usize = 1_000;
/// Refusals after each of which an order is read again; then it is given up until the next start.
const REFUSALS_MAX: usize = 3;

/// The office of an agency.
#[derive(Debug)]
pub(crate) struct AgencyState {
    agency: Agency,
    fresh: Mutex<Fresh>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Fresh {
    /// By name of the order.
    looks: HashMap<String, Look>,
    /// There were more.
    more: bool,
}

/// The round of review in which an order is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    version: u32,
    round: u32,
}

impl work_queue::WorkItem for Look {
    fn join(&mut self, newer: Self) -> bool {
        let is_news = newer > *self;
        *self = newer.max(*self);
        is_news
    }
}

impl AgencyState {
    pub(crate) fn new(agency: Agency) -> Self {
        Self { agency, fresh: Mutex::default(), news: Notify::new() }
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an order is worth a look.
    pub(crate) fn note_event(&self, event: &v1::Event) {
        let mut kinds = event.facts.iter().flat_map(|facts| &facts.facts);
        if !kinds.any(|fact| fact.kind.as_ref().is_some_and(|kind| self.concerns(kind))) {
            return;
        }
        let name = format!("declarations/{}/inspection", event.declaration_id);
        let look = Look { version: event.version, round: event.round };
        let mut fresh = self.fresh();
        if fresh.looks.len() < FRESH_MAX || fresh.looks.contains_key(&name) {
            fresh.looks.insert(name, look);
        } else {
            fresh.more = true;
        }
        drop(fresh);
        self.news.notify_one();
    }

    fn concerns(&self, fact: &Kind) -> bool {
        let worth = |findings: &[v1::Finding]| {
            let found = of_findings(findings);
            match conclude(self.agency, &found) {
                Conclusion::Treat => true,
                // Cleared although something is wrong.
                Conclusion::Clear => conclude(Agency::Customs, &found) != Conclusion::Clear,
                Conclusion::Detain | Conclusion::Reject(_) => false,
            }
        };
        match fact {
            Kind::InspectionCompleted(done) => worth(&done.findings),
            Kind::InspectionAnswered(it) => it.demanded_by() == self.agency && worth(&it.findings),
            Kind::InspectionProgress(moved) => moved.step() == v1::InspectionStep::Treated,
            Kind::Filed(_)
            | Kind::Amended(_)
            | Kind::Withdrawn(_)
            | Kind::StandChanged(_)
            | Kind::InspectionOrdered(_)
            | Kind::InspectionJoined(_)
            | Kind::InspectionCancelled(_)
            | Kind::InspectionReopened(_)
            | Kind::DocumentsRequested(_)
            | Kind::DocumentsProvided(_)
            | Kind::DocumentsWaived(_)
            | Kind::Numbered(_)
            | Kind::DutyProgress(_)
            | Kind::ReceiptProgress(_)
            | Kind::ExportProgress(_)
            | Kind::BankNotice(_)
            | Kind::Released(_)
            | Kind::Rejected(_)
            | Kind::Returned(_) => false,
        }
    }

    /// Looks at orders and says what is missing; never ends.
    pub(crate) async fn serve(
        &self,
        window: &Window,
        answers: mpsc::Sender<ConsumerAnswer>,
    ) -> std::convert::Infallible {
        let work =
            |name, look| -> Work<'_, Look> { Box::pin(self.look(window, &answers, name, look)) };
        let mut queue = WorkQueue::new(ORDERS_AT_ONCE_MAX);
        let all = || Some(Box::pin(orders::list(window, &[v1::OrderStage::Found])));
        let mut listing = all();
        loop {
            if queue.has_room() {
                let Fresh { looks, more } = std::mem::take(&mut *self.fresh());
                for (name, look) in looks {
                    queue.add(name, look);
                }
                if more {
                    listing = all();
                }
            }
            let page = async {
                match &mut listing {
                    Some(pages) => pages.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.news.notified() => {}
                page = page, if queue.has_room() => match page {
                    Some(Ok(records)) => for record in records {
                        if let Some((name, look)) = self.missed(record) {
                            queue.add(name, look);
                        }
                    },
                    Some(Err(status)) => {
                        let agency = self.agency;
                        tracing::info!(%status, ?agency, "the window shows no inspection orders");
                        listing = None;
                    }
                    None => listing = None,
                },
                () = queue.turn(&work) => {}
            }
        }
    }

    /// An order that waited while nobody was here. Its round follows from its examinations: each one
    /// that is completed begins the next round.
    fn missed(&self, record: v1::OrderRecord) -> Option<(String, Look)> {
        let acts = pending(self.agency, &record);
        let state = record.state.filter(|_| acts.disposal.is_some() || acts.treated.is_some())?;
        let look = Look { version: state.version, round: state.examination.saturating_add(1) };
        Some((record.name, look))
    }

    async fn look(
        &self,
        window: &Window,
        answers: &mpsc::Sender<ConsumerAnswer>,
        name: String,
        look: Look,
    ) -> (String, Look, Next) {
        let next = match self.decide(window, answers, &name, look).await {
            Ok(()) => Next::Done,
            Err(status) => {
                tracing::warn!(order = name, %status, "a decision about goods waits");
                Next::Failed
            }
        };
        (name, look, next)
    }

    async fn decide(
        &self,
        window: &Window,
        answers: &mpsc::Sender<ConsumerAnswer>,
        name: &str,
        Look { version, round }: Look,
    ) -> Result<(), Status> {
        for _ in 0..REFUSALS_MAX {
            let Some(record) = orders::read(window, name).await? else { return Ok(()) };
            let acts = pending(self.agency, &record);
            let id = name.trim_start_matches("declarations/").trim_end_matches("/inspection");
            let round = Round { declaration_id: id, version, round };
            let verdict = acts.treated.and_then(|it| after_treatment(self.agency, &round, it));
            if let Some(verdict) = verdict {
                // Nobody listens only when the agency ends.
                let _ = answers.send(verdict).await;
            }
            let Some(disposal) = acts.disposal else { return Ok(()) };
            let request = self.request(&record, disposal);
            let dispose = || async { window.inspection().dispose(request.clone()).await };
            match client::repeat(dispose).await {
                Ok(_) => return Ok(()),
                Err(status) if proto::status::is_worth_repeating(status.code()) => {
                    return Err(status);
                }
                Err(status) => {
                    let message = status.message();
                    tracing::info!(order = name, ?disposal, message, "a disposal was refused");
                }
            }
        }
        Ok(())
    }

    /// The id tells a disposal from the same one of an order that began anew, or was treated meanwhile.
    fn request(&self, record: &v1::OrderRecord, disposal: Disposal) -> v1::DisposeRequest {
        // One without a state has no disposal that waits.
        let state = record.state.clone().unwrap_or_default();
        let v1::OrderState { version, examination, work, .. } = state;
        let treated = work.is_some_and(|work| work.treatment.is_some());
        let (agency, order_id, disposal) = (self.agency, &record.order_id, disposal.code());
        let id =
            format!("dispose/{agency:?}/{order_id}/{version}/{examination}/{treated}/{disposal}");
        v1::DisposeRequest {
            request_id: Uuid::new_v5(&NAMESPACE, id.as_bytes()).to_string(),
            name: record.name.clone(),
            examination,
            disposal: disposal.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{TIME, event};

    fn finding(instructed_by: Agency, result: &str) -> v1::Finding {
        let (instructed_by, result) = (instructed_by.into(), result.to_owned());
        v1::Finding { instructed_by, result, ..Default::default() }
    }

    #[test]
    fn only_what_needs_more_than_a_verdict_is_looked_at() {
        let completed = |results: [&str; 2]| {
            let [customs, quarantine] = results;
            let findings =
                vec![finding(Agency::Customs, customs), finding(Agency::Quarantine, quarantine)];
            Kind::InspectionCompleted(v1::InspectionCompleted { findings, ..Default::default() })
        };
        let moved = |step: v1::InspectionStep| {
            Kind::InspectionProgress(v1::InspectionProgress {
                step: step.into(),
                ..Default::default()
            })
        };
        let table = [
            (completed(["CONFORM", "CONFORM"]), false, false),
            (completed(["QTY_MISMATCH", "CONFORM"]), false, false),
            (completed(["CONFORM", "QUARANTINE_FAIL"]), true, true),
            (completed(["PROHIBITED", "CONFORM"]), false, true),
            (moved(v1::InspectionStep::Treating), false, false),
            (moved(v1::InspectionStep::Treated), true, true),
        ];
        for (kind, customs, quarantine) in table {
            for (agency, expected) in [(Agency::Customs, customs), (Agency::Quarantine, quarantine)]
            {
                let office = AgencyState::new(agency);
                office.note_event(&event("a", 1, TIME, kind.clone()));
                let looks = std::mem::take(&mut office.fresh().looks);
                assert_eq!(!looks.is_empty(), expected, "{agency:?} {kind:?}");
            }
        }
    }

    #[test]
    fn what_is_too_much_to_remember_is_looked_for() {
        let office = AgencyState::new(Agency::Quarantine);
        let moved = v1::InspectionProgress {
            step: v1::InspectionStep::Treated.into(),
            ..Default::default()
        };
        for n in 0..=FRESH_MAX {
            let kind = Kind::InspectionProgress(moved.clone());
            office.note_event(&event(&n.to_string(), 1, TIME, kind));
        }
        let fresh = office.fresh();
        assert_eq!((fresh.looks.len(), fresh.more), (FRESH_MAX, true));
    }

    #[test]
    fn an_order_that_waited_is_decided_about_in_its_round() {
        let finding = v1::ExaminationFinding {
            agency: Agency::Quarantine.into(),
            result: "QUARANTINE_FAIL".to_owned(),
            ..Default::default()
        };
        let state = v1::OrderState {
            stage: v1::OrderStage::Found.into(),
            version: 3,
            examination: 2,
            instructions: vec![v1::Instruction {
                agency: Agency::Quarantine.into(),
                ..Default::default()
            }],
            work: Some(v1::Examination { findings: vec![finding], ..Default::default() }),
            ..Default::default()
        };
        let name = "declarations/a/inspection".to_owned();
        let record = v1::OrderRecord { name, state: Some(state), ..Default::default() };
        let office = AgencyState::new(Agency::Quarantine);
        let missed = office.missed(record.clone()).map(|(_, look)| look);
        assert_eq!(missed, Some(Look { version: 3, round: 3 }));
        assert_eq!(AgencyState::new(Agency::Customs).missed(record.clone()), None, "it has no say");

        let before = office.request(&record, Disposal::Release).request_id;
        assert_eq!(before, office.request(&record, Disposal::Release).request_id);
        let mut treated = record;
        if let Some(work) = treated.state.as_mut().and_then(|state| state.work.as_mut()) {
            work.treatment = Some(v1::Treatment::default());
        }
        assert_ne!(before, office.request(&treated, Disposal::Release).request_id);
    }
}
