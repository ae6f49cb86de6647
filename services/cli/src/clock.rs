//! `clock`: the time in a sandbox, and moving it forward.

use domain::refusal::Code;
use proto::v1;
use proto::v1::move_clock_request::To;
use time::OffsetDateTime;
use tonic::{Code as Grpc, Response, Status};

use super::words::{self, pick};
use super::{BilingualText, Exit, Output, Session, print_json, print_line};

/// Show the time in the sandbox, or move it forward (deadlines of days and years can be tried so).
///
/// Everything counts by it: deadlines, days, months and years of numbers, taxes and credit, in the window
/// and for its simulated agencies. It never goes back, and stays moved when the sandbox is started again;
/// a new data directory begins with the time of the machine.
#[derive(Debug, clap::Args)]
pub struct ClockArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Advance(AdvanceArgs),
    Set(SetArgs),
}

/// Move the time forward by this long.
#[derive(Debug, clap::Args)]
struct AdvanceArgs {
    /// How long: 31d, 12h, 90min, "1year 2days".
    #[arg(value_parser = humantime::parse_duration)]
    by: std::time::Duration,
}

/// Move the time forward to this one.
#[derive(Debug, clap::Args)]
struct SetArgs {
    /// YYYY-MM-DD (midnight in China) or RFC 3339.
    #[arg(value_name = "TIME", value_parser = words::parse_from)]
    time: OffsetDateTime,
}

/// Shows or moves the clock.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: ClockArgs) -> anyhow::Result<Exit> {
    let to = args.verb.map(|verb| match verb {
        // Less than a second is none.
        Verb::Advance(AdvanceArgs { by }) => To::AdvanceSeconds(by.as_secs()),
        Verb::Set(SetArgs { time }) => To::Time(proto::timestamp(time)),
    });
    let clock = match to {
        None => {
            let get = session
                .ask(v1::GetClockRequest {}, async |it, ask| it.sandbox().get_clock(ask).await);
            get.await.map(|answer| answer.clock)
        }
        // Not repeated: a second advance would be another one.
        Some(to) => advance(session, to).await,
    };
    let clock = match clock {
        Err(status) if status.code() == Grpc::Unimplemented => {
            let no_sandbox = BilingualText::new(
                "the clock of a window with real declarations is not moved, and nothing was changed",
                "真实申报的单一窗口时钟不可调整，未作任何更改",
            );
            return Err(anyhow::Error::new(no_sandbox).context(Code::NotASandbox));
        }
        clock => clock?.ok_or_else(|| Status::internal("the window's answer holds no time"))?,
    };
    match session.output {
        Output::Json => print_json(&clock)?,
        Output::Table => {
            let ahead = std::time::Duration::from_secs(clock.ahead_seconds);
            let ahead = if ahead.is_zero() {
                pick(session.language, "as the machine's clock", "与本机时钟一致").to_owned()
            } else {
                let word =
                    pick(session.language, "ahead of the machine's clock by", "比本机时钟提前");
                format!("{word} {}", humantime::format_duration(ahead))
            };
            print_line(&format!("{}  {ahead}", words::when(clock.time.and_then(proto::time))))?;
        }
    }
    Ok(Exit::Done)
}

async fn advance(session: &Session, to: To) -> Result<Option<v1::Clock>, Status> {
    let asked = session.request(v1::MoveClockRequest { to: Some(to) });
    session.window.sandbox().move_clock(asked).await.map(Response::into_inner).map(|it| it.clock)
}
