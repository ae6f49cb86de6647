//! Watches of one caller and of many, each as many as it may have, and a flood of filings.

use std::time::{Duration, Instant};

use domain::limits::STREAMS_PER_PRINCIPAL_MAX;
use proto::v1;
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::harness::Sandbox;
use crate::harness::people::{self, Enterprise, code, filing};
use crate::{meter, times};

/// Callers of a sandbox that may watch.
const WATCHERS: [&str; 3] = ["agent", "enterprise-a", "admin"];
const MB: u64 = 1024 * 1024;
/// Heartbeats come every five seconds; twice that is long enough for one of each.
const SOON: Duration = Duration::from_secs(12);

type News = Streaming<v1::WatchResponse>;

/// As many watches as a caller gets, over so many connections as they need.
async fn watches(sandbox: &Sandbox, caller: &str) -> Vec<News> {
    let mut news = Vec::new();
    loop {
        let window = sandbox.connect(caller).await;
        for _ in 0..50 {
            match window.declarations().watch(v1::WatchRequest::default()).await {
                Ok(stream) => news.push(stream.into_inner()),
                Err(status) => {
                    assert_eq!(code(&status).0, "SW-1403", "the quota refuses: {status:?}");
                    return news;
                }
            }
        }
    }
}

/// How long filings take one after the other, the middle of them.
async fn files(firm: &Enterprise, what: &str) -> Duration {
    let mut waits = Vec::new();
    for number in 0..40 {
        let mut content = people::export(&format!("QD{what}-{number}"));
        content.declarant = Some(v1::Party { code: "3702960002".into(), name: "b".into() });
        let start = Instant::now();
        firm.tries(filing(content)).await.expect("it is filed");
        waits.push(start.elapsed());
    }
    waits.sort();
    waits[waits.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_at_the_quota_cost_little_and_give_it_back() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&["--no-agencies"]).await;
    let bystander = Enterprise(sandbox.connect("enterprise-b").await);
    let before = (meter::memory_bytes(&sandbox), files(&bystander, "BEFORE").await);
    let attack = async {
        let mut all = Vec::new();
        for caller in WATCHERS {
            let news = watches(&sandbox, caller).await;
            assert_eq!(news.len(), STREAMS_PER_PRINCIPAL_MAX, "{caller}");
            all.extend(news);
        }
        let during = files(&bystander, "DURING").await;
        // Everybody who may see it is told, and every one of them lives.
        let heard = all.iter_mut().map(|news| async {
            let first = tokio::time::timeout(SOON, news.message()).await.expect("it lives");
            first.expect("it goes on").expect("it does not end");
        });
        futures::future::join_all(heard).await;
        let held = meter::memory_bytes(&sandbox);
        (all.len(), during, held)
    };
    let (count, during, held) = meter::beside(&sandbox, "watches at the quota", attack).await;
    let gone = Instant::now();
    let mut after = meter::memory_bytes(&sandbox);
    while gone.elapsed() < SOON && after > before.0 + 16 * MB {
        tokio::time::sleep(Duration::from_millis(200)).await;
        after = meter::memory_bytes(&sandbox);
    }
    println!(
        "{count} watches: filing takes {} ms, before {} ms; memory {} MB, before {} MB, after {} MB",
        during.as_millis(),
        before.1.as_millis(),
        held / MB,
        before.0 / MB,
        after / MB
    );
    assert!(during < 4 * before.1 + Duration::from_millis(200), "filing took {during:?}");
    assert!(held < before.0 + 100 * MB, "from {} to {held}", before.0);
    assert!(after < before.0 + 60 * MB, "from {} to {after}", before.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_that_wait_are_counted_like_streams() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&["--no-agencies"]).await;
    let pull = |window: &client::Window| {
        let mut ceb = window.ceb();
        let dxp_id = "DXPENT0000000001".to_owned();
        let request = v1::ListReceiptsRequest { dxp_id, wait_seconds: 25, ..Default::default() };
        async move { ceb.list_receipts(request).await }
    };
    let mut windows = Vec::new();
    for _ in 0..3 {
        windows.push(sandbox.connect("enterprise-a").await);
    }
    let mut waiting: JoinSet<_> =
        (0..=STREAMS_PER_PRINCIPAL_MAX).map(|at| pull(&windows[at % 3])).collect();
    let first = tokio::time::timeout(SOON, waiting.join_next()).await.expect("one is refused");
    let status = first.expect("it ended").expect("no panic").expect_err("one too many");
    assert_eq!(code(&status).0, "SW-1403", "{status:?}");
    let agent = sandbox.connect("agent").await;
    let other = tokio::time::timeout(Duration::from_secs(2), pull(&agent)).await;
    assert!(other.is_err(), "another caller waits as before");
    let request =
        v1::ListReceiptsRequest { dxp_id: "DXPENT0000000001".to_owned(), ..Default::default() };
    windows[0].ceb().list_receipts(request).await.expect("without waiting there is room");
}

/// Filings of one firm over streams, without end.
async fn flood(window: client::Window, number: usize) {
    let items = futures::stream::unfold(0_u64, move |at| async move {
        let content = people::export(&format!("QDFLOOD-{number}-{at}"));
        Some((v1::SubmitStreamRequest { item: Some(filing(content)) }, at + 1))
    });
    let answers = window.declarations().submit_stream(items).await.expect("it may");
    let mut answers = answers.into_inner();
    while answers.message().await.expect("it goes on").is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_firm_leaves_others_their_turn() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&["--no-agencies"]).await;
    let bystander = Enterprise(sandbox.connect("enterprise-b").await);
    let quiet = files(&bystander, "QUIET").await;
    let mut floods = JoinSet::new();
    for number in 0..4 {
        floods.spawn(flood(sandbox.connect("enterprise-a").await, number));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut waits = Vec::new();
    for number in 0..50 * times() {
        let mut content = people::export(&format!("QDTURN-{number}"));
        content.declarant = Some(v1::Party { code: "3702960002".into(), name: "b".into() });
        let start = Instant::now();
        bystander.tries(filing(content)).await.expect("it is filed, and not shed");
        waits.push(start.elapsed());
    }
    waits.sort();
    let (p50, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    println!(
        "a flood of one firm: another's filing takes {} ms (p50), {} ms (p99); {} ms when it is quiet",
        p50.as_millis(),
        p99.as_millis(),
        quiet.as_millis()
    );
    // The batch that runs, and the next one: not the thousands that wait.
    assert!(p99 < Duration::from_secs(4), "a turn took {p99:?}");
}
