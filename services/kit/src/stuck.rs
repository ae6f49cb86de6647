//! What was set aside, for administrators: they see it, have it tried again, or give it up.

use domain::limits;
use domain::refusal::{Code, Refusal};
use proto::v1;
use store::ServiceError;
use store::queue::{self, StuckItem};
use uuid::Uuid;

use crate::operation::Operation;
use crate::queue_source::Source;

impl Operation {
    /// The services that are meant; the empty name means all.
    fn sources<'a>(&'a self, name: &'a str) -> Result<impl Iterator<Item = &'a Source>, Refusal> {
        let is_meant = move |source: &&Source| name.is_empty() || source.service == name;
        if !name.is_empty() && !self.sources.iter().any(|source| source.service == name) {
            return Err(Refusal::of(Code::NotFound).with("service", name));
        }
        Ok(self.sources.iter().filter(is_meant))
    }

    pub(crate) async fn list_items(
        &self,
        request: &v1::ListStuckRequest,
    ) -> Result<v1::ListStuckResponse, ServiceError> {
        let most = match request.page_size {
            0 => limits::PAGE_DEFAULT,
            size => size.clamp(1, limits::PAGE_MAX),
        };
        let only = optional(&request.id)?;
        let (from, mut after) = read_token(&request.page_token)?;
        let mut items: Vec<v1::StuckItem> = Vec::new();
        for source in self
            .sources(&request.service)?
            .skip_while(|source| !from.is_empty() && source.service != from)
        {
            // One more says that there is another page.
            let wanted = i64::from(most) + 1 - i64::try_from(items.len()).unwrap_or(i64::MAX); // a page is shorter
            if wanted <= 0 {
                break;
            }
            let found = queue::stuck(&source.pool, &source.cipher, (after, only), wanted).await?;
            items.extend(found.into_iter().map(|item| shown(source.service, item)));
            after = Uuid::nil();
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX); // it is above zero
        let more = items.len() > most;
        items.truncate(most);
        let last = items.last().filter(|_| more);
        let next_page_token = proto::text(last.map(|item| format!("{}/{}", item.service, item.id)));
        Ok(v1::ListStuckResponse { items, next_page_token })
    }

    pub(crate) async fn retry_items(
        &self,
        request: &v1::RetryStuckRequest,
    ) -> Result<v1::RetryStuckResponse, ServiceError> {
        let only = optional(&request.id)?;
        let (mut retried, now) = (0, self.clock.now());
        for source in self.sources(&request.service)? {
            retried += queue::retry(&source.pool, only, now).await?;
        }
        if retried == 0 && only.is_some() {
            return Err(nothing(&request.id).into());
        }
        tracing::info!(retried, id = request.id, "an administrator has stuck items tried again");
        // Nobody has more rows than that.
        Ok(v1::RetryStuckResponse { retried: u32::try_from(retried).unwrap_or(u32::MAX) })
    }

    pub(crate) async fn drop_item(&self, id: &str) -> Result<v1::DropStuckResponse, ServiceError> {
        let wanted =
            optional(id)?.ok_or_else(|| Refusal::of(Code::Required).with("field", "id"))?;
        for source in &self.sources {
            if queue::give_up(&source.pool, wanted).await? {
                let service = source.service;
                tracing::warn!(%id, service, "an administrator gave a stuck item up");
                return Ok(v1::DropStuckResponse {});
            }
        }
        Err(nothing(id).into())
    }
}

fn nothing(id: &str) -> Refusal {
    Refusal::of(Code::NotFound).with("id", id)
}

fn optional(id: &str) -> Result<Option<Uuid>, Refusal> {
    if id.is_empty() {
        return Ok(None);
    }
    Uuid::try_parse(id).map(Some).map_err(|_| nothing(id))
}

/// After which service and which item a page begins.
fn read_token(token: &str) -> Result<(&str, Uuid), Refusal> {
    if token.is_empty() {
        return Ok(("", Uuid::nil()));
    }
    let read =
        token.split_once('/').and_then(|(service, id)| Some((service, Uuid::try_parse(id).ok()?)));
    read.ok_or_else(|| Refusal::of(Code::PageTokenForeign))
}

fn shown(service: &str, item: StuckItem) -> v1::StuckItem {
    v1::StuckItem {
        service: service.to_owned(),
        queue: item.queue,
        id: item.id.to_string(),
        subject: item.subject.to_string(),
        reason: item.reason,
        tries: item.tries.unsigned_abs(),
        stuck_time: Some(proto::timestamp(item.since)),
        // Nobody has more rows than that.
        behind: u32::try_from(item.behind).unwrap_or(u32::MAX),
        body: item.body,
    }
}
