//! Free space beside the database, looked at once a second, and what is refused when it runs short.
//!
//! A database that has no room left stops in the middle of something and may not start again. So firms
//! are refused (SW-1503) while there is still room: for reading, for checkpoints, and for what agencies
//! have to say about declarations that are there already. It lifts by itself when there is space again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use domain::Kind;
use domain::refusal::{Code, Refusal};
use proto::v1;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The name under which health says whether there is room to file.
const HEALTH: &str = "storage";
const LOOK: Duration = Duration::from_secs(1);

/// The space of a data directory. Without one, somebody else looks after the database's.
#[derive(Debug)]
pub struct Space {
    directory: Option<PathBuf>,
    least: u64,
    free: AtomicU64,
    short: AtomicBool,
}

impl Space {
    /// Looks at it for the first time.
    pub fn of(directory: Option<&Path>, least: u64) -> Arc<Self> {
        let space = Self {
            directory: directory.map(Path::to_owned),
            least,
            free: AtomicU64::new(u64::MAX),
            short: AtomicBool::new(false),
        };
        space.look();
        Arc::new(space)
    }

    /// Goes on looking, and says so in health under a name of its own.
    pub async fn watch(self: Arc<Self>, health: HealthReporter) {
        loop {
            let status =
                if self.is_short() { ServingStatus::NotServing } else { ServingStatus::Serving };
            health.set_service_status(HEALTH, status).await;
            tokio::time::sleep(LOOK).await;
            self.look();
        }
    }

    fn look(&self) {
        let Some(directory) = &self.directory else { return };
        let free = match rustix::fs::statvfs(directory) {
            Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
            Err(error) => {
                tracing::warn!(%error, "the free space of the data directory cannot be seen");
                return;
            }
        };
        self.free.store(free, Ordering::Relaxed);
        let was = self.is_short();
        // What is freed must be worth it, or it would come and go with every file.
        let least = if was { self.least.saturating_add(self.least / 8) } else { self.least };
        let short = free < least;
        self.short.store(short, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
        metrics::gauge!("sw_storage_free_bytes").set(free as f64);
        metrics::gauge!("sw_storage_short").set(f64::from(u8::from(short)));
        match (was, short) {
            (false, true) => {
                let (directory, least) = (directory.display(), self.least);
                tracing::warn!(%directory, free, least, "space runs short: filing is refused");
            }
            (true, false) => tracing::info!(free, "there is space again: filing goes on"),
            (true, true) | (false, false) => {}
        }
    }

    fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Whether there is room for what this kind of caller writes. What agencies, sites and administrators
    /// say ends what is there already, and is small: it is for them that some space is kept.
    ///
    /// # Errors
    ///
    /// [`Code::SpaceShort`].
    pub fn room_for(&self, kind: Kind) -> Result<(), Box<Refusal>> {
        if kind.is_filer() && self.is_short() {
            return Err(Box::new(Refusal::of(Code::SpaceShort)));
        }
        Ok(())
    }

    /// As callers are told; `None` when somebody else looks after it.
    pub fn storage(&self) -> Option<v1::Storage> {
        self.directory.as_ref().map(|_| v1::Storage {
            free_bytes: self.free.load(Ordering::Relaxed),
            least_bytes: self.least,
            short: self.is_short(),
        })
    }
}
