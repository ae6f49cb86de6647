//! The clock of a window. A real one has the machine's; a sandbox's can be moved forward, and stays moved
//! over restarts.
//!
//! Leases and time-outs of connections do not follow it: they are about processes, not about deadlines.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context as _;
use cli::BilingualText;
use domain::refusal::{Code, Refusal, Violation};
use kit::rpc::{self, Answer};
use proto::v1;
use proto::v1::move_clock_request::To;
use proto::v1::sandbox_service_server::SandboxService;
use store::Clock;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use tonic::Request;

/// How far a sandbox's clock may be ahead. Its signers' certificates are valid for 3,650 days.
const AHEAD_MAX: Duration = Duration::days(3_600);

/// The machine's clock.
pub(crate) fn real() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    Clock::new(OffsetDateTime::now_utc)
}

/// The clock of a sandbox.
#[derive(Debug, Clone)]
pub(crate) struct SandboxClock {
    real: Clock,
    /// Seconds ahead of the machine's.
    ahead: Arc<AtomicI64>,
    /// Where that is kept; held while it changes.
    file: Arc<Mutex<PathBuf>>,
}

impl SandboxClock {
    /// The clock as it was left in this data directory.
    ///
    /// # Errors
    ///
    /// When the file holds no number of seconds.
    pub(crate) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let file = data_dir.join("clock");
        let ahead = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().with_context(|| BilingualText::unreadable(&file))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error).with_context(|| BilingualText::unreadable(&file)),
        };
        let ahead = Arc::new(AtomicI64::new(ahead));
        Ok(Self { real: real(), ahead, file: Arc::new(Mutex::new(file)) })
    }

    /// What services read.
    pub(crate) fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::new(move || this.now())
    }

    fn now(&self) -> OffsetDateTime {
        let ahead = Duration::seconds(self.ahead.load(Ordering::Acquire));
        self.real.now().saturating_add(ahead)
    }

    /// Moves the clock, durably before anybody sees it.
    async fn move_to(&self, to: To) -> Result<(), Refusal> {
        let file = self.file.lock().await;
        let target = target(to, self.ahead.load(Ordering::Acquire), self.real.now())?;
        keep(&file, target).map_err(|error| {
            tracing::error!(%error, file = %file.display(), "the clock cannot be kept");
            Refusal::of(Code::Unavailable)
        })?;
        self.ahead.store(target, Ordering::Release);
        Ok(())
    }

    fn wire(&self) -> v1::Clock {
        let ahead = self.ahead.load(Ordering::Acquire);
        // It only grows, from 0.
        let ahead_seconds = ahead.unsigned_abs();
        v1::Clock { time: Some(proto::timestamp(self.now())), ahead_seconds }
    }
}

/// How many seconds the clock is ahead when it stands there.
fn target(to: To, ahead: i64, real: OffsetDateTime) -> Result<i64, Refusal> {
    let target = match to {
        To::AdvanceSeconds(seconds) => {
            i64::try_from(seconds).ok().and_then(|by| ahead.checked_add(by))
        }
        // A part of a second is given up to the next whole one: the time asked for has come then.
        To::Time(time) => proto::time(time).map(|time| {
            let ahead = time - real;
            ahead.whole_seconds() + i64::from(ahead.subsec_nanoseconds() > 0)
        }),
    };
    let target = target.filter(|it| *it <= AHEAD_MAX.whole_seconds()).ok_or_else(too_far)?;
    if target < ahead {
        return Err(Refusal::of(Code::WrongTime));
    }
    Ok(target)
}

fn too_far() -> Refusal {
    let days = AHEAD_MAX.whole_days();
    let violation = Violation {
        code: Code::NumberOutOfRange,
        field: "to".to_owned(),
        text: format!(
            "the clock of a sandbox may be {days} days ahead at most, because its certificates end then; \
             start a new sandbox for more"
        ),
        text_zh: format!("沙箱时钟最多可提前{days}天，此后其证书失效；如需更长时间请新建沙箱"),
        customs_code: None,
    };
    Refusal::invalid(vec![violation])
}

fn missing() -> Refusal {
    let violation = Violation {
        code: Code::Required,
        field: "to".to_owned(),
        text: "advance_seconds or time is required".to_owned(),
        text_zh: "须填写advance_seconds或time".to_owned(),
        customs_code: None,
    };
    Refusal::invalid(vec![violation])
}

/// Readers see the old number or the new one, never half of it, also after a power cut.
fn keep(file: &Path, ahead: i64) -> std::io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let mut written = std::fs::File::create(&unfinished)?;
    writeln!(written, "{ahead}")?;
    written.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    match file.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[tonic::async_trait]
impl SandboxService for SandboxClock {
    async fn get_clock(
        &self,
        request: Request<v1::GetClockRequest>,
    ) -> Answer<v1::GetClockResponse> {
        rpc::unary(request, async |_, _| Ok(v1::GetClockResponse { clock: Some(self.wire()) }))
            .await
    }

    async fn move_clock(
        &self,
        request: Request<v1::MoveClockRequest>,
    ) -> Answer<v1::MoveClockResponse> {
        rpc::unary(request, async |call, message| {
            self.move_to(message.to.ok_or_else(missing)?).await?;
            let caller = &call.principal.name;
            tracing::info!(caller, time = %self.now(), "the clock was moved");
            Ok(v1::MoveClockResponse { clock: Some(self.wire()) })
        })
        .await
    }
}
