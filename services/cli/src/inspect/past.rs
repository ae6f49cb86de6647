//! Declarations that were filed, newest first, each read whole.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use proto::v1;

use super::super::{Session, read};

/// Declarations that are read at the same time.
const AT_ONCE: usize = 16;

/// What was read.
#[derive(Debug)]
pub(super) struct Past<T> {
    /// Newest first.
    pub(super) taken: Vec<T>,
    /// There were more than could be taken.
    pub(super) is_cut: bool,
}

/// Reads the newest, each whole, and keeps of each what is taken from it.
pub(super) async fn declarations<T>(
    session: &Session,
    limit: usize,
    take: impl Fn(v1::DeclarationRecord) -> anyhow::Result<T>,
) -> anyhow::Result<Past<T>> {
    let mut past = Past { taken: Vec::new(), is_cut: false };
    let mut request = v1::ListRequest { page_size: domain::limits::PAGE_MAX, ..Default::default() };
    loop {
        let page = read::page(session, &request).await?;
        let mut names: Vec<_> = page.records.into_iter().map(|record| record.name).collect();
        let left = limit - past.taken.len();
        past.is_cut = names.len() > left;
        names.truncate(left);
        let mut records = futures::stream::iter(names)
            .map(|name| async move { read::fetch(session, &name).await })
            .buffered(AT_ONCE);
        while let Some(record) = records.try_next().await? {
            let name = record.name.clone();
            past.taken.push(take(record).with_context(|| format!("{name} cannot be used"))?);
        }
        if past.is_cut || page.next_page_token.is_empty() {
            return Ok(past);
        }
        request.page_token = page.next_page_token;
    }
}
