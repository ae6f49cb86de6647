//! Three times as much as the window can do, offered by the clock, while an agency decides.
//!
//! Without a bound on the time that filings wait, nothing was refused: four thousand waited, one took
//! 13 s (p50), and it was back to normal 29 s after the end.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use tonic_types::StatusExt as _;

use crate::harness::exchange::{Stream, verdict};
use crate::harness::people::code;
use crate::harness::{Sandbox, binary};
use crate::load::{Answers, Filer, Filings, Pace, quantile, read_refusal};
use crate::memory::crowd;
use crate::{meter, times};

/// Connections of each of ten firms: enough streams for what waits.
const CONNECTIONS: usize = 16;
/// The load at which the window does the most it can: as much waits as may.
const AT_ONCE: usize = 8;
const PEAK: Duration = Duration::from_secs(10);
const OVERLOAD: Duration = Duration::from_secs(12);
/// While what waits is filling up.
const BEGINNING: Duration = Duration::from_secs(2);
const OFFERED: u64 = 3;
/// Whether the window is built for speed, by its folder.
fn is_optimised() -> bool {
    binary().parent().is_some_and(|folder| folder.ends_with("release"))
}

/// Per cent of what is filed at the peak with the same work. Without optimisation the libraries take a fifth of the
/// work of a filing to say no, twice for each filing; with it, a twentieth.
fn goodput_min() -> u64 {
    if is_optimised() { 90 } else { 60 }
}

/// Keeps the window and its PostgreSQL off one processor and us on it, so that our work is not taken from theirs,
/// neither at the peak nor beyond it. False where that cannot be: then only the work that is done says something.
fn kept_apart(sandbox: &Sandbox) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return false;
    }
    let pin = |cores: &str, process: u32| {
        let (cores, process) = (cores.to_owned(), process.to_string());
        let pinned = Command::new("taskset").args(["-a", "-c", "-p", &cores, &process]).output();
        pinned.is_ok_and(|output| output.status.success())
    };
    let (theirs, ours) = (format!("0-{}", cores - 2), (cores - 1).to_string());
    // Further processes of the server are where it is.
    let served = meter::processes(sandbox).into_iter().all(|process| pin(&theirs, process));
    served && pin(&ours, std::process::id())
}

fn recovery_max() -> Duration {
    Duration::from_secs(if is_optimised() { 10 } else { 20 })
}

/// What customs did: events seen, verdicts given, and what became of them.
#[derive(Debug, Default)]
struct Customs {
    seen: AtomicUsize,
    applied: AtomicUsize,
    ends: AtomicBool,
}

/// Accepts everything, as it comes, until it is told to end.
async fn customs(sandbox: &Sandbox, done: &Customs) {
    let window = sandbox.connect("customs").await;
    let stream = Stream::open(&window, v1::Agency::Customs, "c", Vec::new(), 0).await;
    let mut stream = stream.expect("it opens");
    while !done.ends.load(Ordering::Relaxed) {
        let next = tokio::time::timeout(Duration::from_millis(200), stream.next()).await;
        let Ok(next) = next else { continue };
        match next.expect("the stream of an agency holds") {
            In::Batch(batch) => {
                let files = |event: &&v1::Event| event.declaration.is_some();
                let verdicts: Vec<_> = batch
                    .events
                    .iter()
                    .filter(files)
                    .map(|event| verdict(event, v1::Outcome::Accepted))
                    .collect();
                done.seen.fetch_add(verdicts.len(), Ordering::Relaxed);
                let mut positions = BTreeMap::new();
                for event in &batch.events {
                    positions.insert(event.slot, event.position);
                }
                if !verdicts.is_empty() {
                    stream.send(Out::Answers(v1::Answers { answers: verdicts })).await;
                }
                let positions = positions.into_iter();
                let positions =
                    positions.map(|(slot, position)| v1::Position { slot, position }).collect();
                stream.send(Out::Ack(v1::Ack { positions, epoch: stream.epoch })).await;
            }
            In::Results(results) => {
                for result in results.results {
                    assert_eq!(result.result(), v1::ResultCode::Applied, "{result:?}");
                    done.applied.fetch_add(1, Ordering::Relaxed);
                }
            }
            In::Opened(opened) => stream.epoch = opened.epoch,
            other => panic!("{other:?}"),
        }
    }
}

async fn load(filers: &mut [Filer], pace: impl Fn(usize) -> Pace) -> Answers {
    let all = filers.iter_mut().enumerate().map(|(n, filer)| filer.files(pace(n)));
    let mut answers = Answers::default();
    for some in join_all(all).await {
        answers.add(some);
    }
    answers
}

fn ms(time: Duration) -> u128 {
    time.as_millis()
}

/// Filings for a second of work of the window and its PostgreSQL, refusals included: whatever else the
/// machine does meanwhile is no part of it.
fn worth(answers: &Answers, hundredths: u64) -> u64 {
    u64::try_from(answers.filed.len()).expect("few") * 100 / hundredths.max(1)
}

/// One after the other, for this long.
async fn one_by_one(filers: &mut [Filer], time: Duration) -> Answers {
    filers[0].files(Pace::Closed { at_once: 1, time }).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, which depends on the machine: run it alone, with --ignored"]
async fn three_times_the_peak_is_refused_in_time() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowd().await;
    let apart = kept_apart(&sandbox);
    println!("{}on processors of our own", if apart { "" } else { "not " });
    let mut filers = Vec::new();
    for n in 0..crowd.len() * CONNECTIONS {
        let declarant = format!("37029{n:05}");
        let filings = Filings::new(&declarant, 1_000_000 * n as u64);
        filers.push(Filer::connect(&crowd[n % crowd.len()], filings).await);
    }
    let done = Customs::default();
    let attack = async {
        let calm = one_by_one(&mut filers, Duration::from_secs(2)).await;
        let calm = (quantile(&calm.filed, 50), quantile(&calm.filed, 99));
        println!("calm: filing takes {} ms (p50), {} ms (p99)", ms(calm.0), ms(calm.1));

        let (start, work) = (Instant::now(), meter::work_done(&sandbox));
        let peak = load(&mut filers, |_| Pace::Closed { at_once: AT_ONCE, time: PEAK }).await;
        // What waits at the agency is decided before, so that both begin alike.
        catch_up(&done).await;
        let most = peak.filed_per_second(start + BEGINNING, PEAK - BEGINNING);
        let peak_worth = worth(&peak, meter::work_done(&sandbox) - work);
        println!(
            "closed loop: {most} filings a second, {peak_worth} a second of work, {} ms (p50), \
             {} ms (p99), {} refused",
            ms(quantile(&peak.filed, 50)),
            ms(quantile(&peak.filed, 99)),
            peak.refused.len(),
        );

        let time = OVERLOAD * u32::try_from(times()).expect("few");
        let offered = most * OFFERED;
        let connections = u64::try_from(filers.len()).expect("few");
        let every = Duration::from_micros(1_000_000 * connections / offered);
        let count = usize::try_from(time.as_nanos() / every.as_nanos()).expect("few");
        let (start, work) = (Instant::now(), meter::work_done(&sandbox));
        let over = load(&mut filers, |_| Pace::Open { every, count }).await;
        let ended = Instant::now();
        let decided = done.applied.load(Ordering::Relaxed);
        let recovered = loop {
            let round = one_by_one(&mut filers, Duration::from_millis(500)).await;
            let p99 = quantile(&round.filed, 99);
            if p99 < 2 * calm.1 + Duration::from_millis(20) {
                break Instant::now().saturating_duration_since(start + time);
            }
            assert!(ended.elapsed() < 2 * recovery_max(), "it does not recover");
        };
        catch_up(&done).await;
        let over_worth = worth(&over, meter::work_done(&sandbox) - work);
        let good = over.filed_per_second(start + BEGINNING, time - BEGINNING);
        println!(
            "open loop: {offered} a second offered for {} s (the latest {} ms late), {good} filed, \
             {over_worth} a second of work, {} ms (p50), {} ms (p99); {} refused, after {} ms (p50), \
             {} ms (p99); {} not sent; {decided} of {} decided at the end",
            time.as_secs(),
            ms(over.late),
            ms(quantile(&over.filed, 50)),
            ms(quantile(&over.filed, 99)),
            over.refused.len(),
            ms(quantile(&over.refused, 50)),
            ms(quantile(&over.refused, 99)),
            over.unsent,
            done.seen.load(Ordering::Relaxed),
        );
        println!("back to normal {} ms after the end", ms(recovered));
        done.ends.store(true, Ordering::Relaxed);
        ((100 * over_worth / peak_worth, 100 * good / most), over, recovered)
    };
    let (((worth, good), over, recovered), ()) = tokio::join!(attack, customs(&sandbox, &done));

    let mut kinds = BTreeMap::<String, usize>::new();
    for (block, count) in &over.refusals {
        let status = read_refusal(block).await;
        *kinds.entry(code(&status).0).or_default() += count;
        let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert!(delay.is_some_and(|delay| !delay.is_zero()), "{status:?}");
    }
    println!("refused: {kinds:?}");
    assert!(!over.refused.is_empty(), "three times as much is too much");
    assert_eq!(over.cut, 0, "nothing ends without a word");
    println!("{good} % of the peak by the clock, {worth} % by the work");
    assert!(worth >= goodput_min(), "{worth} % of what is filed at the peak with the same work");
    assert!(!apart || good >= goodput_min(), "{good} % of what is filed at the peak");
    assert!(recovered < recovery_max(), "{recovered:?}");
}

/// Waits until customs has decided all that it has seen, and sees no more.
async fn catch_up(done: &Customs) {
    let start = Instant::now();
    let mut before = usize::MAX;
    loop {
        let (seen, applied) =
            (done.seen.load(Ordering::Relaxed), done.applied.load(Ordering::Relaxed));
        if seen == applied && seen == before {
            return;
        }
        before = seen;
        assert!(start.elapsed() < Duration::from_secs(30), "{applied} of {seen} are decided");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
