//! Files many declarations over one stream, and says how each one went.
//!
//! ```text
//! cargo run --package client --example many < FILE
//! ```
//!
//! FILE has a line of JSON for each: `{"requestId": "…", "declaration": {…}}`. The window may die meanwhile: what it has
//! not answered is sent again. Start the sample again with the same file, and nothing is filed twice.
#![expect(clippy::print_stdout, reason = "a sample says what happens")]

mod sandbox;

use std::io::BufRead as _;

use proto::v1;
use proto::v1::submit_stream_response::Result::{Receipt, Refusal};
use tokio_stream::wrappers::ReceiverStream;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let window = sandbox::window("enterprise-a").await?;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let reader = std::thread::spawn(move || -> anyhow::Result<()> {
        for line in std::io::stdin().lock().lines() {
            let request: v1::SubmitRequest = serde_json::from_str(&line?)?;
            sender.blocking_send(request)?;
        }
        Ok(())
    });
    let requests = ReceiverStream::new(receiver);
    let mut refused = 0;
    // snippet: many
    client::submit_stream(&window, requests, |_, answer| match answer.result {
        Some(Receipt(receipt)) => println!("{} filed {}", answer.request_id, receipt.name),
        Some(Refusal(refusal)) => {
            println!("{} refused {} {:?}", answer.request_id, refusal.code, refusal.violations);
            refused += 1;
        }
        None => {}
    })
    .await?;
    // end
    reader.join().map_err(|_| anyhow::anyhow!("the reader of lines failed"))??;
    anyhow::ensure!(refused == 0, "{refused} refused");
    Ok(())
}
