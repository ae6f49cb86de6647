//! Takes over what changes while a window serves: registry, certificates, revocations. At SIGHUP, and when the
//! files are others.
//!
//! The invariant: all of it is taken over or nothing. What cannot be used is logged, and what was good before
//! still counts; whoever is not a caller any more has no connection a moment later.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kit::api_keys::ApiKeys;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::callers::Callers;
use crate::clock;
use crate::registry::Registry;
use crate::run::Settings;
use crate::tls::{self, CurrentAcceptor};
use crate::validity::{self, CertificatePeriod};

/// How often is looked whether a file is another.
const LOOK: Duration = Duration::from_secs(1);
/// How often certificates that end soon are told of.
const WARNING_PAUSE: Duration = Duration::from_hours(24);
/// What ends sooner is told of.
pub(crate) const SOON_DAYS: i64 = 30;

/// The certificates of a window, those that end first before others.
pub(crate) type Periods = Arc<RwLock<Vec<CertificatePeriod>>>;

/// What is taken over, and from where.
#[derive(Debug)]
pub(crate) struct Reload {
    pub(crate) settings: Settings,
    pub(crate) callers: Arc<Callers>,
    pub(crate) acceptor: CurrentAcceptor,
    pub(crate) keys: ApiKeys,
    pub(crate) periods: Periods,
    /// Somebody asks for it.
    pub(crate) asked: Arc<Notify>,
}

/// By what a file is known to be another.
type Stamp = Option<(u64, i64, i64, u64)>;

impl Reload {
    /// Looks and takes over, until `draining`.
    pub(crate) async fn run(self, draining: CancellationToken) {
        let mut stamps = self.stamps();
        let mut warned: Option<tokio::time::Instant> = None;
        loop {
            let today = clock::real().now();
            self.callers.registry().end_overdue(today);
            let is_due = warned.is_none_or(|warned| warned.elapsed() >= WARNING_PAUSE);
            self.measure(today, is_due);
            if is_due {
                warned = Some(tokio::time::Instant::now());
            }
            let asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = self.asked.notified() => true,
                () = draining.cancelled() => return,
            };
            let now = self.stamps();
            if asked || now != stamps {
                stamps = now;
                let result = match self.take_over() {
                    Ok(()) => "taken",
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(error, "not taken over; what was good before still counts");
                        "refused"
                    }
                };
                metrics::counter!("sw_reloads_total", "result" => result).increment(1);
                warned = None;
            }
        }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let Settings { registry, authority, certificate, key, revocations, .. } = &self.settings;
        [registry, authority, certificate, key].into_iter().chain(revocations)
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |file: &PathBuf| {
            let about = std::fs::metadata(file).ok()?;
            Some((about.ino(), about.mtime(), about.mtime_nsec(), about.size()))
        };
        self.files().map(stamp).collect()
    }

    fn take_over(&self) -> anyhow::Result<()> {
        let settings = &self.settings;
        // What can fail comes first.
        let registry = Registry::load(&settings.registry, settings.sandbox)?;
        let own: (&Path, &Path) = (&settings.certificate, &settings.key);
        let revocations = settings.revocations.as_deref();
        let trust = (settings.authority.as_path(), revocations, settings.require_certificates);
        let verifier = tls::verifier(trust)?;
        let acceptor = tls::acceptor(own, Arc::clone(&verifier))?;
        let periods = validity::all(settings)?;
        self.keys.follow(registry.roles());
        self.acceptor.replace(acceptor);
        self.callers.replace(registry, |chain| tls::is_good(&*verifier, chain));
        *self.periods.write().unwrap_or_else(PoisonError::into_inner) = periods;
        tracing::info!("registry and certificates were taken over");
        Ok(())
    }

    /// Days of certificates for graphs, and in the log where they are few.
    fn measure(&self, today: OffsetDateTime, warns: bool) {
        let periods = self.periods.read().unwrap_or_else(PoisonError::into_inner).clone();
        // Those that end first come first, and set the gauge last.
        for period in periods.iter().rev() {
            let days = period.days_left(today);
            #[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
            metrics::gauge!("sw_certificate_days_left", "purpose" => period.purpose.clone())
                .set(days as f64);
        }
        let callers = self.callers.registry().ending(today);
        #[expect(clippy::cast_precision_loss, reason = "a figure for a graph, and they are few")]
        metrics::gauge!("sw_caller_certificates_ending").set(callers.len() as f64);
        let soon = periods.iter().filter(|period| period.days_left(today) < SOON_DAYS);
        for CertificatePeriod { purpose, subject, end } in soon.chain(&callers).filter(|_| warns) {
            tracing::warn!(purpose, subject, %end, "a certificate ends soon");
        }
    }
}
