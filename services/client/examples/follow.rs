//! Follows what happens to one's declarations, over cuts and restarts of either side.
//!
//! ```text
//! cargo run --package client --example follow -- STORE
//! ```
//!
//! STORE is a file that keeps where to go on. Ends with Ctrl-C.
#![expect(clippy::print_stdout, reason = "a sample says what happens")]

mod sandbox;

use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::Context as _;
use client::Update;
use futures::StreamExt as _;
use proto::v1;

fn kept(store: &Path) -> String {
    std::fs::read_to_string(store).unwrap_or_else(|_| "beginning".to_owned()) // nothing is kept yet
}

fn keep(store: &Path, token: &str) -> std::io::Result<()> {
    let beside = store.with_extension("new");
    std::fs::write(&beside, token)?;
    std::fs::rename(beside, store)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let store = std::env::args().nth(1).map(PathBuf::from).context("name a file for the token")?;
    let window = sandbox::window("enterprise-a").await?;
    // snippet: follow
    let request = v1::WatchRequest { resume_token: kept(&store), ..Default::default() };
    let mut news = pin!(client::watch_updates(window, request));
    while let Some(update) = news.next().await.transpose()? {
        match update {
            Update::Entry(entry) => {
                println!("{} {}", entry.name, entry.state().as_str_name());
                // Kept after it was processed: what came with it may come again, and nothing is missed.
                if !entry.resume_token.is_empty() {
                    keep(&store, &entry.resume_token)?;
                }
            }
            Update::Lost(why) => eprintln!("lost: {why}"),
            Update::Back => eprintln!("back"),
            Update::Heartbeat => {}
        }
    }
    // end
    Ok(())
}
