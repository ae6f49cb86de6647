//! What went through the listener in the scenario that is under way: filings with what became of them, and what the
//! firm's system was told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::sync::Notify;

use super::filed_request::Filing;
use super::scenario::TransportFault;

/// A filing or an amendment as it came, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct FilingCall {
    /// What it says.
    pub(crate) filing: Filing,
    /// When it was here whole.
    pub(crate) since: Instant,
    /// The same on the clock, for the report.
    pub(crate) time: OffsetDateTime,
    /// What was done to it on purpose.
    pub(crate) fault: Option<TransportFault>,
    pub(crate) outcome: CallOutcome,
    /// When its answer went out, or the connection was cut.
    pub(crate) ended: Option<Instant>,
}

/// What the window said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// Nothing yet.
    Open,
    /// The window has not seen it.
    Unseen,
    /// It took it: resource name where there is one, and whether it was an answer of before.
    Accepted { name: String, repeated: bool },
    /// It refused it: status, code, and how many rules are broken.
    Refused { status: String, code: String, rules: usize },
}

/// Where something stands, as the firm's system was told: a declaration by its name, a document by its guid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusNotice {
    pub(crate) subject: String,
    /// Name of the state (`STATE_RELEASED`), or returnStatus.
    pub(crate) status: String,
}

/// What the current scenario saw.
#[derive(Debug, Default)]
struct TrafficLog {
    /// What its order numbers begin with; empty while none is under way.
    prefix: String,
    /// Comes to the first filing.
    fault: Option<TransportFault>,
    calls: Vec<FilingCall>,
    notices: Vec<StatusNotice>,
    /// Order numbers and calls that belong to no scenario: for hints.
    strange: Vec<String>,
}

/// Shared by the listener, which writes, and the runner, which judges.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    log: Mutex<TrafficLog>,
    news: Notify,
}

/// Where a call stands in the log of its scenario.
#[derive(Debug, Clone)]
pub(crate) struct CallPlace {
    prefix: String,
    index: usize,
}

/// Hints are few.
const STRANGE_MAX: usize = 5;

impl Traffic {
    fn log(&self) -> MutexGuard<'_, TrafficLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a scenario: whatever came before is forgotten.
    pub(crate) fn begin(&self, prefix: &str, fault: Option<TransportFault>) {
        *self.log() = TrafficLog { prefix: prefix.to_owned(), fault, ..TrafficLog::default() };
    }

    /// Takes a call down. The fault that comes to it, and where it stands; `None` when it belongs to no scenario.
    pub(crate) fn add(
        &self,
        filing: Filing,
        time: OffsetDateTime,
    ) -> Option<(CallPlace, Option<TransportFault>)> {
        let mut log = self.log();
        if log.prefix.is_empty() || !filing.order_no.starts_with(&log.prefix) {
            log.note(&filing.order_no);
            return None;
        }
        let fault = if filing.is_filing { log.fault.take() } else { None };
        let outcome = CallOutcome::Open;
        let (since, ended) = (Instant::now(), None);
        log.calls.push(FilingCall { filing, since, time, fault, outcome, ended });
        let place = CallPlace { prefix: log.prefix.clone(), index: log.calls.len() - 1 };
        drop(log);
        self.news.notify_one();
        Some((place, fault))
    }

    /// What became of a call.
    pub(crate) fn end(&self, place: &CallPlace, outcome: CallOutcome) {
        let mut log = self.log();
        if log.prefix == place.prefix
            && let Some(call) = log.calls.get_mut(place.index)
        {
            call.outcome = outcome;
            call.ended = Some(Instant::now());
        }
        drop(log);
        self.news.notify_one();
    }

    /// The system was told these.
    pub(crate) fn record(&self, notices: Vec<StatusNotice>) {
        if notices.is_empty() {
            return;
        }
        let mut log = self.log();
        for notice in notices {
            if !log.notices.contains(&notice) {
                log.notices.push(notice);
            }
        }
        drop(log);
        self.news.notify_one();
    }

    /// Something came that no scenario can read.
    pub(crate) fn note(&self, what: &str) {
        self.log().note(what);
    }

    /// What came so far.
    pub(crate) fn view(&self) -> TrafficView {
        let log = self.log();
        TrafficView {
            calls: log.calls.clone(),
            notices: log.notices.clone(),
            strange: log.strange.clone(),
        }
    }

    /// Ends when something came, or after this long.
    pub(crate) async fn changed(&self, within: Duration) {
        // Both ways of ending are the same to whoever looks again.
        let _either = tokio::time::timeout(within, self.news.notified()).await;
    }
}

impl TrafficLog {
    fn note(&mut self, what: &str) {
        let is_new = !self.strange.iter().any(|known| known == what);
        if is_new && self.strange.len() < STRANGE_MAX && !what.is_empty() {
            self.strange.push(what.to_owned());
        }
    }
}

/// What came in the current scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrafficView {
    pub(crate) calls: Vec<FilingCall>,
    pub(crate) notices: Vec<StatusNotice>,
    pub(crate) strange: Vec<String>,
}

impl TrafficView {
    /// The filings, without amendments and the other documents of an order.
    pub(crate) fn filings(&self) -> impl Iterator<Item = &FilingCall> {
        self.calls.iter().filter(|call| call.filing.is_filing)
    }

    /// The order numbers that came, each once.
    pub(crate) fn orders(&self) -> Vec<&str> {
        let mut orders: Vec<_> =
            self.calls.iter().map(|call| call.filing.order_no.as_str()).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }
}
