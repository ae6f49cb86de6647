//! The sandbox on this machine, as one of its callers.

use std::path::PathBuf;

use anyhow::Context as _;
use client::{Config, Window};

/// Connects to it; its data is where `SW_DATA_DIR` says.
pub(crate) async fn window(caller: &str) -> anyhow::Result<Window> {
    let data = std::env::var_os("SW_DATA_DIR").map(PathBuf::from);
    let data = data.context("SW_DATA_DIR says where the data of a sandbox is")?;
    let read = |file: String| std::fs::read(data.join(&file)).with_context(|| file);
    // snippet: connect
    let config = Config {
        address: String::from_utf8(read("address".into())?)?.trim().to_owned(),
        authority: read("identities/authority.pem".into())?,
        certificate: read(format!("identities/{caller}.pem"))?,
        key: read(format!("identities/{caller}.key"))?,
        api_key: String::new(), // or this alone
    };
    let window = Window::connect(&config).await?;
    // end
    Ok(window)
}
