//! The database that leads dies under load, with its host or without: another one leads, nothing that was acknowledged
//! is lost, and window, firms and agencies go on by themselves.
//!
//! A longer run: `SW_HOSTS=1 SW_FAILOVERS=20 cargo test --workspace --test main -- hosts::failover --nocapture`.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::database::{DatabaseHosts, HOSTS, URL, missing_package};
use super::network::{Distance, Network, on_network};
use crate::faults::{
    Seen, acknowledged_are_there, agency, rows_are_right, until_answered_within, watch,
};
use crate::harness::people::{export, filing};
use crate::harness::{Sandbox, binary, eventually, output_within};

/// Firms that file at the same time, each of a slot of its own.
const FIRMS: u64 = 8;
/// A failover takes some 20 s, and on a busy machine longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// What was acknowledged: names by request, and when each came.
#[derive(Default)]
struct Receipts {
    names: HashMap<String, String>,
    times: Vec<Instant>,
}

type Book = Arc<Mutex<Receipts>>;

fn count(book: &Book) -> usize {
    book.lock().unwrap_or_else(PoisonError::into_inner).names.len()
}

/// A firm files one after the other, each until it is answered, until it is told to stop.
async fn files(
    window: client::Window,
    firm: u64,
    book: Book,
    stop: Arc<std::sync::atomic::AtomicBool>,
) {
    for number in 0_u64.. {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let script = if number % 20 == 0 { "SBX-EXAMINE0-CIQINSPECT" } else { "QD" };
        let mut declaration = export(&format!("{script}-{firm}-{number}"));
        let code = format!("37029{firm:05}");
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        let request = filing(declaration);
        let submit = || async { window.declarations().submit(request.clone()).await };
        let receipt = until_answered_within(PATIENCE, submit).await;
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.times.push(Instant::now());
        book.names.insert(request.request_id, receipt.name);
        drop(book);
    }
}

/// Waits until so many more are acknowledged.
async fn goes_on(book: &Book, more: usize) {
    let before = count(book);
    eventually("firms file on", PATIENCE, async || {
        let now = count(book);
        if now < before + more { Err(now - before) } else { Ok(()) }
    })
    .await;
}

#[test]
fn nothing_acknowledged_is_lost_when_another_database_leads() {
    if let Some(package) = missing_package() {
        return println!("skipped: Debian's package {package} is not installed (apt-get install)");
    }
    let hosts = [&HOSTS[..], &["window"]].concat();
    let test = "hosts::failover::nothing_acknowledged_is_lost_when_another_database_leads";
    on_network((&hosts, Distance::None), test, fail_over);
}

async fn fail_over(network: &Network) {
    let failovers: usize = std::env::var_os("SW_FAILOVERS")
        .and_then(|text| text.to_str().and_then(|text| text.parse().ok()))
        .unwrap_or(1);
    let mut databases = DatabaseHosts::start(network).await;
    let mut sandbox = Sandbox::on_database(URL, &["--no-agencies"]).await;
    (sandbox.may_log_errors, sandbox.may_leave_work) = (true, true);
    let _agencies =
        ["customs", "quarantine", "site", "bank", "tax-office"].map(|name| agency(&sandbox, name));
    let book = Book::default();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut watcher = JoinSet::new();
    watcher.spawn(watch(sandbox.connect("admin").await, Arc::clone(&seen)));
    let stop = Arc::default();
    let mut load = JoinSet::new();
    for firm in 0..FIRMS {
        let window = sandbox.connect("agent").await;
        load.spawn(files(window, firm, Arc::clone(&book), Arc::clone(&stop)));
    }
    let mut outages = Vec::new();
    for number in 0..failovers {
        goes_on(&book, 100).await;
        let leader = databases.whole().await;
        let begun = Instant::now();
        // The whole host, or what runs on it of the database: etcd is left then.
        let spared = (number % 2 == 1).then_some("etcd");
        network.kill_all_but(&leader, spared);
        goes_on(&book, 100).await;
        let outage = longest_gap(&book, begun);
        databases.start_host(&leader);
        let now = databases.whole().await;
        assert_ne!(now, leader, "another one leads");
        let whole = begun.elapsed();
        println!(
            "{leader} died, {now} leads: {outage:.1?} without an answer, whole after {whole:.1?}"
        );
        outages.push(outage);
    }
    goes_on(&book, 100).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    while let Some(ended) = load.join_next().await {
        ended.expect("every request was answered");
    }
    let names = book.lock().unwrap_or_else(PoisonError::into_inner).names.clone();
    let distinct: HashSet<&String> = names.values().collect();
    assert_eq!(distinct.len(), names.len(), "one declaration for each request");
    eventually("all are released", PATIENCE, async || {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left = distinct.iter().filter(|name| !seen.releases.contains_key(**name)).count();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    watcher.abort_all();
    {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.releases.values().all(|ids| ids.len() == 1), "released twice");
        assert!(distinct.iter().all(|name| seen.filed.contains(*name)), "an event was lost");
    }
    acknowledged_are_there(&mut sandbox.database().await, &names).await;
    rows_are_right(&mut sandbox.database().await).await;
    // What one service has not told another yet differs for a while.
    eventually("the books of all services agree", PATIENCE, async || {
        let mut verify = Command::new(binary());
        verify.args(["verify", "--database-url", URL, "--wait-seconds", "5", "--data-dir"]);
        let verified = output_within(PATIENCE, verify.arg(sandbox.directory.path()));
        let said = [verified.stdout, verified.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if verified.status.success() { Ok(()) } else { Err(said) }
    })
    .await;
    outages.sort();
    println!(
        "{failovers} failovers: {} declarations acknowledged, each there once and released once; \
         without an answer {:.1?} to {:.1?}",
        names.len(),
        outages.first().copied().unwrap_or_default(), // why: without failovers there was no outage
        outages.last().copied().unwrap_or_default(),  // why: the same
    );
}

/// The longest time without an acknowledgement since then.
fn longest_gap(book: &Book, since: Instant) -> Duration {
    let book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let times = book.times.iter().filter(|time| **time >= since);
    let times: Vec<Instant> = std::iter::once(since).chain(times.copied()).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("work goes on")
}
