//! Measures this machine: cleared declarations a second, end to end and durable, beside the machine's
//! own limits in the same run, so that the ratios hold where absolute figures drift.
//!
//! A run counts only if it is right: every acknowledged declaration was released, and once.

mod limits;
mod load;
mod national;
mod rest;
mod stored;
mod transfers;
mod work;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use agencies::Simulator;
use anyhow::Context as _;
use client::{Config, Window};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::sandbox;
use crate::tasks::{Task, Tasks};
use load::{FilingLoop, InspectionShare, Load};
use work::{DeclarationWork, MeasuredDatabase};

/// Measure this machine: cleared declarations a second, beside the machine's own limits.
///
/// Starts a window of its own in a temporary directory, with simulated agencies, and files against
/// it over streams and by unary calls. Everything is durable and over mutual TLS.
#[derive(Debug, Clone, clap::Args)]
pub struct Bench {
    /// Seconds of each measured part.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Declarations on their way at once over streams.
    #[arg(long, default_value_t = 2_048)]
    stream_in_flight: usize,
    /// Streams that carry them.
    #[arg(long, default_value_t = 4)]
    streams: usize,
    /// Declarations on their way at once by unary calls.
    #[arg(long, default_value_t = 1_024)]
    unary_in_flight: usize,
    /// Declarations on their way at once when all of them are inspected.
    #[arg(long, default_value_t = 256)]
    inspected_in_flight: usize,
    /// Declarants; their slots share the work.
    #[arg(long, default_value_t = 64)]
    declarants: usize,
    /// Measure something else: what each call takes in an empty window, and beside so many finished declarations
    /// that are loaded in bulk.
    #[arg(long, value_name = "COUNT")]
    stored: Option<u64>,
    /// Measure imports whose duty is secured only, and exports right before them.
    #[arg(long)]
    imports: bool,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench/main.json")]
    out: PathBuf,
}

/// What was measured; rates are a second, latencies in microseconds.
#[derive(Debug, Default)]
struct Figures {
    limit_commits: u64,
    limit_bulk_rows: u64,
    limit_echo: u64,
    limit_echo_stream: u64,
    stream: u64,
    unary: u64,
    stream_latency: Latency,
    unary_latency: Latency,
    submitted: u64,
    released: u64,
    rss_mb: u64,
    /// Of declarations over streams.
    work: DeclarationWork,
    message_bytes: u64,
    national: national::NationalRates,
    /// Imports, released when their duty is held on a guarantee.
    import_stream: u64,
    import_unary: u64,
    /// Of imports over streams.
    import_work: DeclarationWork,
    /// Exports over streams right before them.
    export_beside: u64,
    /// Until the window had done what followed from those exports, and from the imports over streams; milliseconds
    /// after the last of them was released.
    export_rest_ms: u128,
    import_rest_ms: u128,
    /// Of the ledger alone, two writers with a transaction for 500 of them.
    transfers: u64,
    /// All of them are inspected by both agencies.
    inspected: u64,
    inspected_latency: Latency,
    /// One in [`SHARE`] is.
    mixed: u64,
    /// What that rate would be if an inspected declaration cost the others nothing but its own work.
    mixed_expected: u64,
    /// Of the others, at half that rate.
    mixed_latency: Latency,
}

/// One declaration in so many is inspected where inspections are measured beside others.
const SHARE: u64 = 20;

/// Percentiles from submit to release seen on `Watch`, in microseconds.
#[derive(Debug, Default, Clone, Copy)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
}

/// Measures.
///
/// # Errors
///
/// What kept it from measuring.
pub async fn run(bench: Bench) -> anyhow::Result<ExitCode> {
    let place = tempdir()?;
    let removed =
        || std::fs::remove_dir_all(&place).context("the measurement's directory cannot be removed");
    if let Some(count) = bench.stored {
        let measured = stored::run(&place, count).await;
        removed()?;
        let costs = measured?;
        write(&bench.out, &stored::json(&costs, count))?;
        stored::print(&costs, count)?;
        return Ok(ExitCode::SUCCESS);
    }
    let measured = measure(&bench, &place).await;
    removed()?;
    let figures = measured?;
    write(&bench.out, &json(&figures))?;
    print(&figures)?;
    let right = figures.submitted == figures.released;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tempdir() -> anyhow::Result<PathBuf> {
    let place = std::env::temp_dir().join(format!("single-window-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place).context("no directory for the measurement")?;
    Ok(place)
}

async fn measure(bench: &Bench, place: &Path) -> anyhow::Result<Figures> {
    let time = Duration::from_secs(bench.seconds);
    let mut figures = Figures::default();
    report_progress("limits of this machine: durable commits, bulk insert, bare gRPC");
    figures.message_bytes = u64::try_from(load::message_bytes())?;
    (figures.limit_commits, figures.limit_bulk_rows) =
        limits::database(&place.join("limits"), time / 2).await?;
    report_progress("the ledger of the payment service over the same database");
    figures.transfers = transfers::run(&place.join("ledger"), time / 2).await?;
    (figures.limit_echo, figures.limit_echo_stream) =
        limits::echo(&place.join("echo"), time / 2, bench.unary_in_flight).await?;

    report_progress(
        "the window: service with its own PostgreSQL, simulated customs and quarantine",
    );
    let data_dir = place.join("window");
    let mut service = start(&data_dir).await?;
    let outcome = window(bench, &data_dir, &service, &mut figures).await;
    end(&mut service).await?;
    outcome?;
    Ok(figures)
}

async fn window(
    bench: &Bench,
    data_dir: &Path,
    service: &Child,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let time = Duration::from_secs(bench.seconds);
    let pid = service.id().context("the service has ended")?;
    let mut agencies = Tasks::default();
    let stop = CancellationToken::new();
    // Nothing is settled and no exports are claimed here.
    let idle = [Simulator::Bank, Simulator::TaxOffice];
    for simulator in Simulator::ALL.into_iter().filter(|it| !idle.contains(it)) {
        let window = Window::connect(&caller(data_dir, sandbox::caller(simulator)).await?).await?;
        let stop = stop.clone();
        agencies.spawn(Task::Agency, async move {
            Ok(agencies::run(window, simulator, "bench", stop).await?)
        });
    }
    let config = caller(data_dir, "agent").await?;
    let load = Load::start(&config, bench.declarants).await?;
    report_progress("warming up");
    let streams = FilingLoop::Streams { streams: bench.streams, in_flight: bench.stream_in_flight };
    let unary = FilingLoop::Unary { in_flight: bench.unary_in_flight };
    let none = InspectionShare::None;
    load.run(streams, None, none, Duration::from_secs(2)).await?;
    let database = MeasuredDatabase::of(data_dir).await?;
    let admin = Window::connect(&caller(data_dir, "admin").await?).await?;
    rest::wait(&admin).await?;
    if bench.imports {
        imports(bench, &load, (&database, pid, &admin), figures).await?;
        (figures.submitted, figures.released) = load.totals();
        figures.rss_mb = rss_mb(pid)?;
        stop.cancel();
        agencies.finish(Duration::from_secs(5)).await;
        return Ok(());
    }
    report_progress("streams, as fast as they go");
    let (before, (_, already)) = (database.books(pid).await?, load.totals());
    let ran = load.run(streams, None, none, time).await?;
    rest::wait(&admin).await?;
    // Those that were on their way when the time was over are released as well, and cost the same.
    let released = load.totals().1 - already;
    figures.work = DeclarationWork::between(&before, &database.books(pid).await?, released);
    figures.stream = ran.per_second();
    report_progress("unary calls, as fast as they go");
    figures.unary = load.run(unary, None, none, time).await?.per_second();
    report_progress("streams at half that rate");
    let half = load.run(streams, Some(figures.stream / 2), none, time).await?;
    figures.stream_latency = half.latency;
    report_progress("unary calls at half that rate");
    let half = load.run(unary, Some(figures.unary / 2), none, time).await?;
    figures.unary_latency = half.latency;
    inspections(bench, &load, figures).await?;
    imports(bench, &load, (&database, pid, &admin), figures).await?;
    (figures.submitted, figures.released) = load.totals();
    report_progress("national messages: orders, waybills and inventories of exports");
    let agent = Window::connect(&caller(data_dir, "agent").await?).await?;
    figures.national = national::run(&agent, time).await?;
    figures.rss_mb = rss_mb(pid)?;
    stop.cancel();
    agencies.finish(Duration::from_secs(5)).await;
    Ok(())
}

/// Imports whose duty is secured, beside exports.
async fn imports(
    bench: &Bench,
    load: &Load,
    (database, pid, admin): (&MeasuredDatabase, u32, &Window),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let time = Duration::from_secs(bench.seconds);
    let streams = FilingLoop::Streams { streams: bench.streams, in_flight: bench.stream_in_flight };
    let unary = FilingLoop::Unary { in_flight: bench.unary_in_flight };
    let none = InspectionShare::None;
    report_progress(
        "exports, and imports whose duty is secured, over streams; imports by unary calls",
    );
    let imports = load.of_imports()?;
    rest::wait(admin).await?;
    figures.export_beside = load.run(streams, None, none, time).await?.per_second();
    figures.export_rest_ms = rest::wait(admin).await?.as_millis();
    let (before, (_, already)) = (database.books(pid).await?, load.totals());
    figures.import_stream = imports.run(streams, None, none, time).await?.per_second();
    figures.import_rest_ms = rest::wait(admin).await?.as_millis();
    let released = load.totals().1 - already;
    figures.import_work = DeclarationWork::between(&before, &database.books(pid).await?, released);
    figures.import_unary = imports.run(unary, None, none, time).await?.per_second();
    Ok(())
}

/// Inspections: alone, and beside declarations that are not inspected.
async fn inspections(bench: &Bench, load: &Load, figures: &mut Figures) -> anyhow::Result<()> {
    let time = Duration::from_secs(bench.seconds);
    report_progress("every declaration inspected by both agencies");
    let all = FilingLoop::Streams { streams: bench.streams, in_flight: bench.inspected_in_flight };
    let ran = load.run(all, None, InspectionShare::OneIn(1), time).await?;
    (figures.inspected, figures.inspected_latency) = (ran.per_second(), ran.latency);
    report_progress("one in twenty inspected, as fast as they go");
    let streams = FilingLoop::Streams { streams: bench.streams, in_flight: bench.stream_in_flight };
    let share = InspectionShare::OneIn(SHARE);
    figures.mixed = load.run(streams, None, share, time).await?.per_second();
    // So many need the time of the others and of their own inspections.
    let [plain, inspected] = [figures.stream.max(1), figures.inspected.max(1)];
    figures.mixed_expected = SHARE * plain * inspected / ((SHARE - 1) * inspected + plain).max(1);
    report_progress("one in twenty inspected, at half that rate");
    let ran = load.run(streams, Some(figures.mixed / 2), share, time).await?;
    figures.mixed_latency = ran.latency;
    Ok(())
}

/// Starts the service as a process of its own, so that its memory is its own.
async fn start(data_dir: &Path) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("the own program has no path")?;
    let service = Command::new(program)
        .args(["sandbox", "--quiet", "--no-agencies", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("the service cannot be started")?;
    Ok(service)
}

async fn end(service: &mut Child) -> anyhow::Result<()> {
    if let Some(pid) = service.id().and_then(|pid| i32::try_from(pid).ok()) {
        let pid = rustix::process::Pid::from_raw(pid).context("the service has no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    let ended = tokio::time::timeout(Duration::from_secs(90), service.wait()).await;
    ended.context("the service did not end")??;
    Ok(())
}

/// How a caller connects, as soon as the service has written where it is.
async fn caller(data_dir: &Path, name: &str) -> anyhow::Result<Config> {
    for _ in 0..300 {
        match cli::sandbox::config(data_dir, name, None) {
            Ok(config) => return Ok(config),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    cli::sandbox::config(data_dir, name, None).context("the service did not start in 30 seconds")
}

/// User and system time of a process in microseconds (`/proc/PID/stat`, ticks of 10 ms).
fn cpu_us(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok());
    Ok(ticks.sum::<u64>() * 10_000)
}

/// Resident memory at its highest, in MB.
fn rss_mb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse().ok());
    Ok(kb.unwrap_or(0_u64) / 1_024)
}

fn report_progress(what: &str) {
    // Progress is for people; nothing depends on it.
    let _unseen = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("… {what}\n"));
}

fn json(figures: &Figures) -> serde_json::Value {
    let milli = |us: u64| format!("{}.{:03}", us / 1_000, us % 1_000);
    let number = |text: String| text.parse::<serde_json::Number>().unwrap_or_else(|_| 0.into());
    serde_json::json!({
        "stream_cleared_per_s": figures.stream,
        "unary_cleared_per_s": figures.unary,
        "p50_ms": number(milli(figures.stream_latency.p50)),
        "p99_ms": number(milli(figures.stream_latency.p99)),
        "unary_p50_ms": number(milli(figures.unary_latency.p50)),
        "unary_p99_ms": number(milli(figures.unary_latency.p99)),
        "limit_commits_per_s": figures.limit_commits,
        "limit_bulk_rows_per_s": figures.limit_bulk_rows,
        "limit_echo_per_s": figures.limit_echo,
        "limit_echo_stream_per_s": figures.limit_echo_stream,
        "service_rss_mb": figures.rss_mb,
        "each_declaration": figures.work.json(),
        "each_import": figures.import_work.json(),
        "message_bytes": figures.message_bytes,
        "imports_secured_stream_per_s": figures.import_stream,
        "imports_secured_unary_per_s": figures.import_unary,
        "exports_beside_imports_per_s": figures.export_beside,
        "exports_followed_after_ms": number(figures.export_rest_ms.to_string()),
        "imports_followed_after_ms": number(figures.import_rest_ms.to_string()),
        "ledger_transfers_per_s": figures.transfers,
        "inspected_per_s": figures.inspected,
        "inspected_p50_ms": number(milli(figures.inspected_latency.p50)),
        "inspected_p99_ms": number(milli(figures.inspected_latency.p99)),
        "one_in_twenty_inspected_per_s": figures.mixed,
        "one_in_twenty_inspected_expected_per_s": figures.mixed_expected,
        "beside_inspections_p50_ms": number(milli(figures.mixed_latency.p50)),
        "beside_inspections_p99_ms": number(milli(figures.mixed_latency.p99)),
        "national_documents_per_s": figures.national.documents,
        "national_inventories_per_s": figures.national.inventories,
        "submitted": figures.submitted,
        "released": figures.released,
    })
}

fn write(out: &Path, json: &serde_json::Value) -> anyhow::Result<()> {
    if let Some(directory) = out.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(out, serde_json::to_string_pretty(json)? + "\n")
        .with_context(|| format!("{} cannot be written", out.display()))
}

fn print(figures: &Figures) -> anyhow::Result<()> {
    let mut table = comfy_table::Table::new();
    table.set_header(["measured", "per second", "of commits", "of bulk rows", "of gRPC"]);
    let ratio = |of: u64, to: u64| {
        let hundredths = of * 100 / to.max(1);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    for (what, rate, echo) in [
        ("cleared declarations, streams", figures.stream, figures.limit_echo_stream),
        ("cleared declarations, unary", figures.unary, figures.limit_echo),
        ("imports, duty secured, streams", figures.import_stream, figures.limit_echo_stream),
        ("imports, duty secured, unary", figures.import_unary, figures.limit_echo),
        ("cleared, every one inspected", figures.inspected, figures.limit_echo),
        ("cleared, one in twenty inspected", figures.mixed, figures.limit_echo_stream),
        ("national documents taken", figures.national.documents, figures.limit_echo_stream),
        ("national inventories taken in", figures.national.inventories, figures.limit_echo_stream),
    ] {
        table.add_row([
            what.to_owned(),
            rate.to_string(),
            ratio(rate, figures.limit_commits),
            ratio(rate, figures.limit_bulk_rows),
            ratio(rate, echo),
        ]);
    }
    for (what, rate) in [
        ("ledger: transfers, 2 writers of 500 each", figures.transfers),
        ("limit: durable single-row commits, 32 connections", figures.limit_commits),
        ("limit: bulk insert of the same bytes, 2 writers", figures.limit_bulk_rows),
        ("limit: bare gRPC over TLS, unary", figures.limit_echo),
        ("limit: bare gRPC over TLS, streams", figures.limit_echo_stream),
    ] {
        table.add_row([what.to_owned(), rate.to_string()]);
    }
    let mut out = std::io::stdout().lock();
    let milli = |us: u64| format!("{}.{} ms", us / 1_000, us % 1_000 / 100);
    use std::io::Write as _;
    writeln!(out, "{table}")?;
    for (what, latency) in [
        ("streams", figures.stream_latency),
        ("streams, beside inspections", figures.mixed_latency),
        ("unary", figures.unary_latency),
    ] {
        let Latency { p50, p90, p99 } = latency;
        let (p50, p90, p99) = (milli(p50), milli(p90), milli(p99));
        writeln!(
            out,
            "submit to release at half that rate, {what}: p50 {p50}, p90 {p90}, p99 {p99}"
        )?;
    }
    writeln!(
        out,
        "one in twenty inspected: {} a second; {} if inspections cost the others nothing but their own \
         work ({})",
        figures.mixed,
        figures.mixed_expected,
        ratio(figures.mixed, figures.mixed_expected)
    )?;
    writeln!(
        out,
        "imports over streams: {} of {} exports a second right before ({}); transfers of the ledger: {} of \
         the rows that the database takes in bulk",
        figures.import_stream,
        figures.export_beside,
        ratio(figures.import_stream, figures.export_beside),
        ratio(figures.transfers, figures.limit_bulk_rows)
    )?;
    writeln!(
        out,
        "what followed in other services was done {} ms after the last of those exports was released, {} ms after \
         the last import",
        figures.export_rest_ms, figures.import_rest_ms
    )?;
    writeln!(
        out,
        "message {} bytes; service at most {} MB",
        figures.message_bytes, figures.rss_mb
    )?;
    writeln!(out, "{}\n{}", figures.work.table(), figures.work.words())?;
    writeln!(out, "imports:\n{}\n{}", figures.import_work.table(), figures.import_work.words())?;
    writeln!(out, "submitted {}, released {}", figures.submitted, figures.released)?;
    writeln!(out, "fsync, full_page_writes and synchronous_commit on; mutual TLS 1.3 on")?;
    Ok(())
}
