//! What use callers make of the window: how many calls of each there were since it began, how many of them were
//! refused, and when it was seen last. For whoever operates it; nothing of it is kept.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::limits;
use proto::v1;
use time::OffsetDateTime;

use crate::clock;
use crate::standing::Standing;

/// Counts of one caller.
#[derive(Debug, Default)]
pub(crate) struct CallerUse {
    calls: AtomicU64,
    refused: AtomicU64,
    /// Seconds since 1970 by the machine's clock; 0 before the first.
    last_seen: AtomicI64,
}

impl CallerUse {
    /// It calls.
    pub(crate) fn calls(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.last_seen.fetch_max(clock::real().now().unix_timestamp(), Ordering::Relaxed);
    }

    /// A call of it was refused.
    pub(crate) fn is_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether an answer is a refusal: by the status of HTTP, or by that of gRPC where nothing else follows.
pub(crate) fn refuses<B>(answer: &http::Response<B>) -> bool {
    let status = answer.headers().get("grpc-status");
    answer.status().is_client_error()
        || answer.status().is_server_error()
        || status.is_some_and(|status| status.as_bytes() != b"0")
}

impl Standing {
    /// Callers by their names.
    pub(crate) fn callers(&self, asked: &v1::ListCallersRequest) -> v1::ListCallersResponse {
        let most = match asked.page_size {
            0 => limits::PAGE_DEFAULT,
            size => size.clamp(1, limits::PAGE_MAX),
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX); // it is above zero
        let registry = self.callers.registry();
        let after = asked.page_token.as_str();
        let mut roles = registry.roles().into_iter().filter(|(name, _)| name.as_str() > after);
        let record = |(name, role): (String, String)| {
            let code = registry.principal(&name).map(|it| it.customs_code.clone());
            let account = self.callers.quotas.find(&name);
            let (calls, refused, last_seen) = account.map_or((0, 0, 0), |account| {
                let CallerUse { calls, refused, last_seen } = &account.made;
                let (calls, refused) =
                    (calls.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
                (calls, refused, last_seen.load(Ordering::Relaxed))
            });
            let last_seen = Some(last_seen).filter(|seconds| *seconds > 0);
            let last_seen = last_seen.and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
            let last_seen_time = last_seen.map(proto::timestamp);
            let customs_code = proto::text(code);
            v1::CallerRecord { name, role, customs_code, calls, refused, last_seen_time }
        };
        let callers: Vec<_> = roles.by_ref().take(most).map(record).collect();
        let more = roles.next().is_some();
        let last = callers.last().filter(|_| more);
        v1::ListCallersResponse {
            next_page_token: proto::text(last.map(|it| it.name.clone())),
            callers,
            start_time: Some(proto::timestamp(self.start)),
        }
    }
}
