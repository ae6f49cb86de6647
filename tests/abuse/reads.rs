//! Many long reads of one caller, and others who only want to know how one thing stands.

use std::time::{Duration, Instant};

use futures::future::join_all;
use proto::v1;

use crate::memory::crowded;
use crate::{meter, times};

/// A bystander reads one thing within this time, on a busy machine with the attacker and other tests on
/// it. In one queue with the attacker it waited for 5 s.
const SHORT_READ_MAX: Duration = Duration::from_millis(800);
const READERS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn long_reads_of_one_caller_do_not_hold_up_others() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowded().await;
    let calm = meter::calm(&sandbox).await;
    let mut windows = Vec::new();
    for _ in 0..4 {
        windows.push(client::Window::connect(&crowd[0]).await.expect("it listens"));
    }
    let long = Duration::from_secs(5) * u32::try_from(times()).expect("few");
    let attack = async {
        let start = Instant::now();
        let reader = async |n: usize| {
            let window = &windows[n % windows.len()];
            let (mut pages, mut longest) = (0, Duration::ZERO);
            while start.elapsed() < long {
                let begun = Instant::now();
                let request = v1::ListRequest { page_size: 1_000, ..Default::default() };
                let page = window.declarations().list(request).await.expect("it has its turn");
                assert_eq!(page.into_inner().records.len(), 1_000);
                longest = longest.max(begun.elapsed());
                pages += 1;
            }
            (pages, longest)
        };
        join_all((0..READERS).map(reader)).await
    };
    let (seen, read) = meter::measured(&sandbox, "60 readers of long lists", attack).await;
    let pages: u32 = read.iter().map(|(pages, _)| pages).sum();
    let longest = read.iter().map(|(_, longest)| *longest).max().expect("some read");
    println!(
        "{pages} pages, each reader waited up to {longest:?} for its own; a bystander {:?} (p99), \
         {calm:?} before",
        seen.p99
    );
    assert!(seen.p99 < SHORT_READ_MAX, "{:?}", seen.p99);
    // The control: in one queue the bystander would wait as long as the attacker makes itself wait.
    assert!(longest > 2 * seen.p99, "the attack is one: {longest:?}");
}
