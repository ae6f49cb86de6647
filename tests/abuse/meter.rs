//! What an attack costs: how long a bystander waits, and what the window needs meanwhile.

use std::time::{Duration, Instant};

use proto::v1;

use crate::harness::Sandbox;

/// A bystander may wait this long during an attack, on a busy machine with the attacker on it.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Memory that an attack may cost.
const GROWTH_KB_MAX: u64 = 150 * 1024;

/// Runs an attack beside a bystander, and says what came of both.
pub(crate) async fn beside<T>(sandbox: &Sandbox, what: &str, attack: impl Future<Output = T>) -> T {
    let window = sandbox.connect("enterprise-b").await;
    let request = v1::ListRequest { page_size: 1, ..Default::default() };
    window.declarations().list(request).await.expect("a bystander is served before");
    let mut waits = Vec::new();
    let bystander = async {
        loop {
            let start = Instant::now();
            let request = v1::ListRequest { page_size: 1, ..Default::default() };
            window.declarations().list(request).await.expect("a bystander is served");
            waits.push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (before, start) = (memory_kb(sandbox), Instant::now());
    let outcome = tokio::select! {
        outcome = attack => outcome,
        () = bystander => unreachable!("it goes on for ever"),
    };
    let after = memory_kb(sandbox);
    waits.sort();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    println!(
        "{what}: {:.1} s, a bystander waited {} ms (p99 of {}), memory {} MB, before {} MB",
        start.elapsed().as_secs_f32(),
        p99.as_millis(),
        waits.len(),
        after / 1024,
        before / 1024
    );
    assert!(p99 < WAIT_MAX, "{what}: the bystander waited {p99:?}");
    assert!(after < before + GROWTH_KB_MAX, "{what}: from {before} to {after} KB");
    outcome
}

/// The process of the window.
pub(crate) fn pid(sandbox: &Sandbox) -> u32 {
    sandbox.process.as_ref().expect("it was spawned").id()
}

/// Resident memory of the window.
pub(crate) fn memory_kb(sandbox: &Sandbox) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(sandbox)));
    let status = status.expect("the window runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says");
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).expect("a number")
}
