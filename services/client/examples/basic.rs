//! Files one declaration and waits for its release.
//!
//! ```text
//! cargo run --package client --example basic -- FILE
//! ```
//!
//! FILE is a declaration as JSON, for example docs/examples/import-9610.json.
#![expect(clippy::print_stdout, reason = "a sample says what happens")]

mod sandbox;

use std::pin::pin;

use anyhow::Context as _;
use futures::StreamExt as _;
use proto::v1;
use tonic_types::StatusExt as _;
use uuid::Uuid;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let window = sandbox::window("enterprise-a").await?;
    let file = std::env::args().nth(1).context("name a file with a declaration")?;
    let mut declaration: v1::Declaration = serde_json::from_slice(&std::fs::read(file)?)?;
    // Each run of the sample is an order of its own.
    declaration.order_no = format!("RS-{}", &Uuid::now_v7().simple().to_string()[20..]);
    declaration.cop_no.clone_from(&declaration.order_no);
    let number = declaration.order_no.clone();
    // snippet: submit
    let request = v1::SubmitRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration: Some(declaration),
        ..Default::default()
    };
    let filed = client::repeat(|| {
        let (mut declarations, request) = (window.declarations(), request.clone());
        async move { declarations.submit(request).await }
    });
    let receipt = match filed.await {
        Ok(receipt) => receipt.into_inner(),
        Err(status) => {
            for broken in status
                .get_error_details()
                .bad_request()
                .iter()
                .flat_map(|bad| &bad.field_violations)
            {
                println!("{} {} {:?}", broken.field, broken.description, broken.localized_message);
            }
            anyhow::bail!("{}", status.message());
        }
    };
    println!("filed {} {}", receipt.name, receipt.pre_no);
    // end
    // snippet: wait
    let request = v1::WatchRequest { name: receipt.name, ..Default::default() };
    let mut news = pin!(client::watch(window.clone(), request));
    while let Some(news) = news.next().await.transpose()? {
        println!("{}", news.state().as_str_name());
        if news.waits_for.is_empty() {
            break;
        }
    }
    // end
    let request = v1::GetRequest { number, ..Default::default() };
    let found = window.declarations().get(request).await?.into_inner().record;
    let is_released = found.is_some_and(|record| !record.release_id.is_empty());
    anyhow::ensure!(is_released, "it was not released");
    Ok(())
}
