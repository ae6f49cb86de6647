//! How the window gets on, for its operator: how far every consumer of a journal and every queue is behind, for whom
//! declarations wait, and how long certificates are good.

use cli::words;
use proto::v1;
use time::Duration;

use crate::problem::RefusedCall;
use crate::refusals::{self, RefusalChart};
use crate::statistics::took;
use crate::visit::Visit;

/// See the module.
pub(crate) struct WindowLag {
    pub(crate) version: String,
    pub(crate) since: String,
    pub(crate) database: String,
    pub(crate) consumers: Vec<ConsumerRow>,
    pub(crate) queues: Vec<QueueRow>,
    pub(crate) waits: Vec<WaitingRow>,
    /// They were not counted.
    pub(crate) waits_unknown: bool,
    pub(crate) certificates: Vec<CertificateRow>,
    pub(crate) refusals: RefusalChart,
}

/// Whoever reads a journal.
pub(crate) struct ConsumerRow {
    pub(crate) journal: String,
    pub(crate) who: String,
    pub(crate) connected: u32,
    pub(crate) stalled: u32,
    pub(crate) waiting: u64,
    pub(crate) age: String,
}

/// A queue with something in it.
pub(crate) struct QueueRow {
    pub(crate) queue: String,
    pub(crate) waiting: u64,
    pub(crate) stuck: u64,
    pub(crate) age: String,
}

/// Open declarations that wait for somebody.
pub(crate) struct WaitingRow {
    pub(crate) who: String,
    pub(crate) declarations: u64,
    pub(crate) age: String,
    /// Id of the oldest.
    pub(crate) oldest: String,
}

/// How long a certificate is good.
pub(crate) struct CertificateRow {
    pub(crate) purpose: String,
    pub(crate) subject: String,
    pub(crate) end: String,
    pub(crate) days: i64,
    pub(crate) tone: &'static str,
}

/// From so many days on a certificate is to be renewed.
const DAYS_FEW: i64 = 30;

/// Asks how the window gets on.
pub(crate) async fn of(visit: &Visit) -> Result<WindowLag, Box<RefusedCall>> {
    let request = visit.call(v1::GetOperatingStatusRequest {});
    let status = visit.status().get_operating_status(request).await?.into_inner();
    let now = status.time.and_then(proto::time);
    let refusals = refusals::of(visit, &status);
    let age = |since: Option<pbjson_types::Timestamp>| {
        let past = now.zip(since.and_then(proto::time)).map(|(now, since)| now - since);
        past.map_or_else(String::new, |past| took(visit.language, milliseconds(past)))
    };
    let consumer = |it: v1::ConsumerLag| ConsumerRow {
        age: age(it.oldest_time),
        journal: it.service,
        who: it.agency,
        connected: it.connected,
        stalled: it.stalled,
        waiting: it.waiting,
    };
    let queue = |it: v1::QueueBacklog| QueueRow {
        age: age(it.oldest_time),
        queue: format!("{} / {}", it.service, it.queue),
        waiting: it.waiting,
        stuck: it.stuck,
    };
    let waiting = |it: v1::WaitingDeclarations| WaitingRow {
        age: age(it.oldest_time),
        oldest: words::id(&it.oldest).to_owned(),
        who: it.who,
        declarations: it.declarations,
    };
    let certificate = |it: v1::CertificateValidity| CertificateRow {
        end: words::minute(it.end_time.and_then(proto::time)),
        purpose: it.purpose,
        subject: it.subject,
        days: it.days_left,
        tone: match it.days_left {
            ..0 => "bad",
            0..DAYS_FEW => "attention",
            DAYS_FEW.. => "good",
        },
    };
    Ok(WindowLag {
        since: words::minute(status.start_time.and_then(proto::time)),
        database: format!("{} MB", status.database_bytes / 1_000_000),
        version: status.version,
        consumers: status.consumers.into_iter().map(consumer).collect(),
        queues: status.queues.into_iter().map(queue).collect(),
        waits: status.waits.into_iter().map(waiting).collect(),
        waits_unknown: status.waits_unknown,
        certificates: status.certificates.into_iter().map(certificate).collect(),
        refusals,
    })
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.whole_milliseconds()).unwrap_or(i64::MAX) // for ever
}
