//! `certify`: walks a firm's own system through numbered scenarios, faults of transport included, and writes down how
//! it went. For integrators, against a sandbox.
//!
//! The firm's system is connected to a listener of this command ([`listener`]) instead of the window. What comes
//! through it ([`filing`], [`traffic`]) and what the window says to the same caller is compared with what a scenario
//! expects ([`judge`]). Scenarios are files ([`scenario`]); nothing of one is in the program.

mod filed_request;
mod filing;
mod judge;
mod listener;
mod report;
mod scenario;
mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Code;
use proto::v1;
use time::OffsetDateTime;
use tonic::Code as Grpc;

use super::options::Options;
use super::words::pick;
use super::{BilingualText, Exit, Language, Output, Session, interrupted, print_json, print_line};
use judge::{CheckResult, CheckState};
use listener::CertifyListener;
use report::{CertifyReport, ScenarioResult, ScenarioVerdict};
use scenario::{Scenario, ScenarioDoor};
use traffic::{FilingCall, Traffic};

/// Walk your own system through numbered scenarios, faults of transport included, and write a report.
///
/// Start the sandbox, start this, and connect your system to the address that it shows instead of the window (HTTP,
/// without TLS and without a key: this command calls as you). Each scenario says what to send and under which order
/// number; what comes of it is checked. The exit code is 0 when every scenario passed, and 1 otherwise.
#[derive(Debug, clap::Args)]
pub struct CertifyArgs {
    /// List the scenarios, and do nothing.
    #[arg(long)]
    list: bool,
    /// Only these scenarios, for example 3,5 [default: all of --door].
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', conflicts_with = "door")]
    only: Vec<u32>,
    /// Only scenarios of this interface: declarations (JSON over HTTP, gRPC) or national messages (CEB).
    #[arg(long, value_enum, default_value = "declarations")]
    door: ScenarioDoor,
    /// A folder with scenarios of your own (*.toml), instead of those of the program.
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Where the report is written (Markdown); the same as JSON beside it, with the ending .json.
    #[arg(long, value_name = "FILE", default_value = "certify.md")]
    report: PathBuf,
    /// Where your system connects; an address of this machine.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7480")]
    listen: SocketAddr,
    /// How long to wait for the first request of a scenario.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait_seconds: u64,
}

/// Lists or walks.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(options: &Options, args: CertifyArgs) -> anyhow::Result<Exit> {
    let all = scenario::scenarios(args.scenarios.as_deref())?;
    let (output, language) = (options.output(), options.language());
    if args.list {
        for scenario in &all {
            list(scenario, output, language)?;
        }
        return Ok(Exit::Done);
    }
    if let Some(number) = args.only.iter().find(|it| all.iter().all(|one| one.number != **it)) {
        anyhow::bail!(BilingualText::new(
            format!("there is no scenario {number}; --list shows them"),
            format!("没有编号为{number}的场景，可用--list查看"),
        ));
    }
    let is_chosen = |scenario: &Scenario| match &args.only[..] {
        [] => scenario.door == args.door,
        only => only.contains(&scenario.number),
    };
    writable(&args.report)?;
    let session = options.session().await?;
    ask_for_sandbox(&session).await?;
    let traffic = Arc::new(Traffic::default());
    let api_key = proto::text(options.api_key.as_deref());
    let channel = session.window.channel();
    let listener =
        CertifyListener::bind(args.listen, channel, &api_key, Arc::clone(&traffic)).await?;
    let address = format!("http://{}", listener.address()?);
    greet(&session, &address)?;

    let now = now();
    // Digits are no word, so what follows the words only makes the number unique: milliseconds, for four months.
    let run = (now.unix_timestamp_nanos() / 1_000_000).rem_euclid(10_000_000_000);
    let run = format!("{run:010}");
    let results = all.iter().map(|it| ScenarioResult::new(it, it.order_no(&run))).collect();
    let mut report = CertifyReport { run, address, started: now, results };
    let wait = Duration::from_secs(args.wait_seconds);
    let walk = async {
        for (scenario, result) in all.iter().zip(&mut report.results) {
            if is_chosen(scenario) {
                result.is_chosen = true;
                walk(&session, &traffic, scenario, result, &report.address, wait).await?;
            }
        }
        anyhow::Ok(())
    };
    let ended = tokio::select! {
        ended = walk => ended,
        () = listener.serve() => Ok(()),
        () = interrupted() => Ok(()),
    };
    // What was walked is written down, however it ended.
    report.write(&args.report, language)?;
    ended?;
    conclude(&session, &report, &args.report)
}

#[expect(clippy::disallowed_methods, reason = "the report says when it was")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A report that cannot be written is told before an hour of work, not after it.
fn writable(path: &Path) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let open = std::fs::OpenOptions::new().append(true).create(true).open(path);
    open.map(drop).with_context(|| BilingualText::unwritable(path))
}

/// Nothing of this is for a window with real declarations.
async fn ask_for_sandbox(session: &Session) -> anyhow::Result<()> {
    let call = async |it: &client::Window, ask| it.sandbox().get_clock(ask).await;
    match session.ask(v1::GetClockRequest {}, call).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Grpc::Unimplemented => {
            let no_sandbox = BilingualText::new(
                "scenarios file declarations that are none, which is for a sandbox only",
                "场景会申报并不存在的货物，只能在沙箱中进行",
            );
            Err(anyhow::Error::new(no_sandbox).context(Code::NotASandbox))
        }
        Err(status) => Err(status.into()),
    }
}

fn list(scenario: &Scenario, output: Output, language: Language) -> anyhow::Result<()> {
    let (number, title) = (scenario.number, scenario.title.text(language));
    match output {
        Output::Json => print_json(&serde_json::json!({
            "number": number,
            "door": scenario.door,
            "title": title,
            "send": scenario.send.text(language),
            "fault": scenario.fault,
        }))?,
        Output::Table => print_line(&format!("{number:>3}  {title}"))?,
    }
    Ok(())
}

fn greet(session: &Session, address: &str) -> anyhow::Result<()> {
    let language = session.language;
    match session.output {
        Output::Json => {
            print_json(&serde_json::json!({ "event": "listening", "address": address }))?;
        }
        Output::Table => {
            let word = pick(language, "connect your system to", "请将企业系统连接到");
            print_line(&format!("{word} {address}"))?;
        }
    }
    Ok(())
}

/// Walks through one scenario: shows it, and looks until it is passed or failed.
async fn walk(
    session: &Session,
    traffic: &Traffic,
    scenario: &Scenario,
    result: &mut ScenarioResult,
    address: &str,
    wait: Duration,
) -> anyhow::Result<()> {
    traffic.begin(&result.order_no, scenario.fault);
    result.started = Some(now());
    show(session, scenario, &result.order_no, address)?;
    let start = Instant::now();
    let mut seen = 0;
    loop {
        let view = traffic.view();
        let window = judge::look(session, scenario.door, &view).await?;
        let judged = |condition| judge::judge(condition, scenario.door, &view, &window);
        result.checks = scenario.checks.iter().map(|check| judged(&check.expects)).collect();
        let first = view.calls.first().map(|call| call.since);
        result.calls.clone_from(&view.calls);
        result.strange.clone_from(&view.strange);
        let has = |state| result.checks.iter().any(|check: &CheckResult| check.state == state);
        let is_quiet = judge::quiet_since(&view)
            .is_some_and(|it| it + Duration::from_secs(scenario.quiet_seconds) <= Instant::now());
        let late = match first {
            None => start.elapsed() >= wait,
            Some(first) => first.elapsed() >= Duration::from_secs(scenario.within_seconds),
        };
        let verdict = if has(CheckState::Failed) {
            Some(ScenarioVerdict::Failed)
        } else if !has(CheckState::Open) && is_quiet {
            Some(ScenarioVerdict::Passed)
        } else if late {
            Some(ScenarioVerdict::Failed)
        } else {
            None
        };
        // Each in its place, once it is known what became of it.
        let is_over = |call: &&FilingCall| verdict.is_some() || call.ended.is_some();
        for call in view.calls[seen..].iter().take_while(is_over) {
            seen += 1;
            if session.output == Output::Table {
                print_line(&format!("     {}", report::line(call, session.language)))?;
            }
        }
        if let Some(verdict) = verdict {
            traffic.begin("", None);
            result.verdict = verdict;
            result.ended = Some(now());
            return print_result(session, result);
        }
        traffic.changed(LOOK).await;
    }
}

/// How long between two looks at the window, which says nothing by itself here.
const LOOK: Duration = Duration::from_millis(200);

fn show(
    session: &Session,
    scenario: &Scenario,
    order_no: &str,
    address: &str,
) -> anyhow::Result<()> {
    let language = session.language;
    let (number, title) = (scenario.number, scenario.title.text(language));
    let (send, fault) = (scenario.send.text(language), scenario.fault_text(language));
    match session.output {
        Output::Json => print_json(&serde_json::json!({
            "event": "started",
            "number": number,
            "door": scenario.door,
            "title": title,
            "send": send,
            "order_no": order_no,
            "fault": scenario.fault,
            "address": address,
        }))?,
        Output::Table => {
            let order = pick(
                language,
                "order number (may be followed by more)",
                "订单编号（其后可接其他字符）",
            );
            let word = pick(language, "fault", "故障");
            print_line(&format!(
                "\n{number}. {title}\n   {send}\n   {order}: {order_no}\n   {word}: {fault}"
            ))?;
        }
    }
    Ok(())
}

fn print_result(session: &Session, result: &ScenarioResult) -> anyhow::Result<()> {
    match session.output {
        Output::Json => {
            let mut object = result.json(session.language);
            object["event"] = "ended".into();
            print_json(&object)?;
        }
        Output::Table => print_line(&result.text(session.language))?,
    }
    Ok(())
}

fn conclude(session: &Session, report: &CertifyReport, path: &Path) -> anyhow::Result<Exit> {
    let sums = report.sums();
    match session.output {
        Output::Json => print_json(&serde_json::json!({
            "event": "report",
            "report": path,
            "passed": sums.passed,
            "failed": sums.failed,
            "not_run": sums.not_run,
        }))?,
        Output::Table => {
            let word = pick(session.language, "report", "报告");
            let path = path.display();
            print_line(&format!("\n{}\n{word}: {path}", sums.text(session.language)))?;
        }
    }
    Ok(if report.is_passed() { Exit::Done } else { Exit::Refused })
}
