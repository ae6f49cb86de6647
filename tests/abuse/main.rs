//! Attacks on a real window, from outside: what one caller, or somebody without a certificate, does to
//! take the window away from everybody else.
//!
//! Every attack is bounded in count and time, and has a control: the same attack on a bare server of the
//! same libraries without our defences ([`bare`]), where it works. Beside each a bystander goes on with its
//! own work; how long it waits and what the window costs is measured and said.
//!
//! A longer run: `SW_ABUSE=20 cargo test --package tests --test abuse -- --nocapture` does everything
//! twenty times as much. `SW_WINDOW=target/release/single-window` attacks a window that is built for speed, whose
//! bounds of time are narrower.
#![expect(clippy::print_stdout, reason = "tests tell people what they measured")]

mod attachments;
mod bare;
mod calls;
mod doors;
mod floods;
#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the journeys use more of it")]
mod harness;
mod http;
mod load;
mod memory;
mod meter;
mod overload;
mod process;
mod reads;
mod space;
mod stalled;
mod watches;
mod wire;

/// One attack at a time: another one beside it would be measured with it.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Waits for the end of the attacks before.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    TURN.lock().await
}

/// How much of everything, for the long run.
fn times() -> usize {
    let times = std::env::var_os("SW_ABUSE");
    times.and_then(|times| times.to_str().and_then(|times| times.parse().ok())).unwrap_or(1)
}
