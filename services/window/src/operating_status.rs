//! How the window gets on, for whoever operates it: services, who is behind, what waits and on whom, space and
//! certificates.
//!
//! What the database knows is told of all processes of the window, the rest of this one.

use std::sync::PoisonError;

use declaration::Wait;
use domain::participant::Participant;
use exchange::Lag;
use kit::progress::Progress;
use kit::service::Manifest;
use proto::v1;
use sqlx::PgPool;
use store::queue::{self, Figures};
use store::{Fault, ServiceError};
use time::OffsetDateTime;

use crate::clock;
use crate::refusals;
use crate::standing::Standing;
use crate::validity::CertificatePeriod;

/// Services whose journal others read.
const WITH_JOURNAL: [&Manifest; 2] = [&declaration::MANIFEST, &payment::MANIFEST];

/// A service as it is told of.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) manifest: &'static Manifest,
    /// Its tables.
    pub(crate) pool: PgPool,
    /// Its loops; `None` when it does not run here.
    pub(crate) loops: Option<Vec<Progress>>,
}

impl Standing {
    /// Everything.
    pub(crate) async fn examine(&self) -> Result<v1::GetOperatingStatusResponse, ServiceError> {
        let now = self.clock.now();
        let (mut services, mut consumers, mut queues) = (Vec::new(), Vec::new(), Vec::new());
        for part in &self.parts {
            let name = part.manifest.name;
            services.push(part.status().await?);
            if WITH_JOURNAL.iter().any(|with| with.name == name) {
                let lags = exchange::lags(&part.pool).await?;
                consumers.extend(lags.into_iter().map(|lag| consumer(name, lag)));
            }
            let found = queue::figures(&part.pool, now).await?.into_iter();
            queues.extend(found.filter(is_busy).map(|figures| backlog(name, figures)));
        }
        // The first service has the declarations.
        let (pool, waits) = (&self.parts[0].pool, declaration::waits(&self.parts[0].pool).await?);
        let (postgres_version, database_bytes) = database(pool).await?;
        // Certificates follow no clock that was moved.
        let today = clock::real().now();
        let mut periods = self.certificates.read().unwrap_or_else(PoisonError::into_inner).clone();
        periods.extend(self.callers.registry().ending(today));
        periods.sort_by_key(|period| period.end);
        let (refusals_from, refusals) = refusals::recent(&self.clock);
        Ok(v1::GetOperatingStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            postgres_version,
            sandbox: self.sandbox,
            time: Some(proto::timestamp(now)),
            start_time: Some(proto::timestamp(self.start)),
            services,
            consumers,
            queues,
            waits_unknown: waits.is_none(),
            waits: waits.into_iter().flatten().map(waiting).collect(),
            storage: self.space.storage(),
            database_bytes,
            certificates: periods.iter().map(|it| validity(it, today)).collect(),
            refusals,
            refusals_from_time: Some(proto::timestamp(refusals_from)),
        })
    }
}

impl Part {
    async fn status(&self) -> Result<v1::OperatingService, Fault> {
        // Those of the kit, which every service has, begin with 1001.
        let own = "select max(version) from _sqlx_migrations where version < 1000";
        let migration = sqlx::query_scalar::<_, Option<i64>>(own).fetch_one(&self.pool).await?;
        let loops = self.loops.iter().flatten();
        Ok(v1::OperatingService {
            name: self.manifest.name.to_owned(),
            here: self.loops.is_some(),
            migration: migration.unwrap_or_default(), // none ran yet
            loops: loops.filter(|it| !it.still().is_zero()).map(busy).collect(),
        })
    }
}

fn busy(progress: &Progress) -> v1::OperatingLoop {
    v1::OperatingLoop {
        name: progress.name.to_owned(),
        still_seconds: progress.still().as_secs(),
        stands_still: progress.stands_still(),
    }
}

fn consumer(service: &str, lag: Lag) -> v1::ConsumerLag {
    v1::ConsumerLag {
        service: service.to_owned(),
        agency: lag.agency.to_owned(),
        // Nobody has more connections than that.
        connected: u32::try_from(lag.connected).unwrap_or(u32::MAX),
        stalled: u32::try_from(lag.stalled).unwrap_or(u32::MAX), // as above
        waiting: lag.waiting.unsigned_abs(),
        oldest_time: lag.oldest.map(proto::timestamp),
    }
}

fn is_busy(figures: &Figures) -> bool {
    figures.waiting > 0 || figures.stuck > 0
}

fn backlog(service: &str, figures: Figures) -> v1::QueueBacklog {
    v1::QueueBacklog {
        service: service.to_owned(),
        queue: figures.queue,
        waiting: figures.waiting.unsigned_abs(),
        oldest_time: figures.oldest.map(proto::timestamp),
        stuck: figures.stuck.unsigned_abs(),
    }
}

fn waiting(wait: Wait) -> v1::WaitingDeclarations {
    let who = match wait.who {
        Some(Participant::Customs) => "customs",
        Some(Participant::Quarantine) => "quarantine",
        Some(Participant::RiskCheck) => "risk-check",
        Some(Participant::Duty) => "duty",
        None => "inspection",
    };
    v1::WaitingDeclarations {
        who: who.to_owned(),
        declarations: wait.declarations.unsigned_abs(),
        oldest_time: Some(proto::timestamp(wait.since)),
        oldest: format!("declarations/{}", wait.oldest),
    }
}

fn validity(found: &CertificatePeriod, today: OffsetDateTime) -> v1::CertificateValidity {
    v1::CertificateValidity {
        purpose: found.purpose.clone(),
        subject: found.subject.clone(),
        end_time: Some(proto::timestamp(found.end)),
        days_left: found.days_left(today),
    }
}

/// The server's version, and the size of the database.
async fn database(pool: &PgPool) -> Result<(String, u64), Fault> {
    let found = sqlx::query_as::<_, (String, i64)>(
        "select current_setting('server_version'), pg_database_size(current_database())",
    );
    let (version, bytes) = found.fetch_one(pool).await?;
    Ok((version, bytes.unsigned_abs()))
}
