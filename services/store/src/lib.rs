//! The durable kernel: private PostgreSQL, pool, group commit and journal. It knows no business
//! table. What it promises: nothing is answered before it is durable, and a slot's journal has no
//! gaps and no reordering.

pub mod api_key;
pub mod backup;
pub mod cipher;
pub mod column;
pub mod commit_queue;
pub mod connect;
pub mod content;
pub mod follow;
pub mod inbox;
pub mod journal;
pub mod migration;
pub mod numbers;
pub mod page;
pub mod permutation;
pub mod private;
pub mod queue;
pub mod replica;
pub mod request;
pub mod share;
pub mod tail;
pub mod token;

mod service_error;

pub use connect::{Error, connect};
pub use service_error::ServiceError;

use std::sync::Arc;
use time::OffsetDateTime;

/// Where the time comes from. Whoever starts the service says, so that nothing else reads a clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// A clock that reads like this.
    pub fn new(read: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time, UTC, in whole microseconds: finer ones would not come back from the database, and
    /// a repeated request must get the same answer.
    pub fn now(&self) -> OffsetDateTime {
        let now = (self.0)();
        now.replace_nanosecond(now.nanosecond() / 1_000 * 1_000).unwrap_or(now)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// A failure of ours while answering: logged once where it is handled, shown as "unavailable",
/// "storage full" or "internal".
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The database is away for a moment; repeating with the same request id is safe.
    #[error("the database is not available: {0}")]
    Away(String),
    /// The database has no room.
    #[error("the database has no room: {0}")]
    Full(String),
    /// A bug: a query or a stored value that cannot be.
    #[error("internal fault: {0}")]
    Broken(String),
}

impl Fault {
    /// Logs and counts a failure, once, where it is handled. What is broken needs people; the others
    /// pass.
    pub fn report(&self, what: &str) {
        let kind = match self {
            Self::Away(_) => "away",
            Self::Full(_) => "full",
            Self::Broken(_) => "broken",
        };
        metrics::counter!("sw_faults_total", "kind" => kind).increment(1);
        match self {
            Self::Broken(_) => tracing::error!(fault = %self, "{what}"),
            Self::Away(_) | Self::Full(_) => tracing::warn!(fault = %self, "{what}"),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.code().as_deref() {
                // Disk full, out of memory, configuration limit.
                Some(code) if code.starts_with("53") && code != "53300" => {
                    Self::Full(error.to_string())
                }
                // Connection trouble, too many connections, shutdown, serialisation, deadlock.
                Some(code)
                    if code.starts_with("08")
                        || code.starts_with("57P")
                        || code.starts_with("40")
                        || code == "53300"
                        || code == "57014"
                        || code == "25P03"
                        || code == "58030"
                        // A standby after a failover takes no writes.
                        || code == "25006" =>
                {
                    Self::Away(error.to_string())
                }
                _ => Self::Broken(error.to_string()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Away(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}
