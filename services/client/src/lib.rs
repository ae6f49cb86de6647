//! What an integrator links: a typed client with request ids and retries, a watcher, a reader of
//! receipts and an agency consumer that resume by themselves.
//!
//! What this client promises: a mutation is repeated only with the same request id; a watcher, a
//! reader of receipts and a consumer go on where they stopped; a refusal of the window is never
//! hidden.

mod connect;
mod consume;
mod follow;
mod submit;
pub mod webhook;

pub use connect::{Config, Error, IdentityPart, Obstacle, Window};
pub use consume::{Consumer, ConsumerAnswer, Handler};
pub use follow::{Update, order_updates, receipt_updates, receipts, refunds, watch, watch_updates};
pub use submit::{submit_all, submit_stream};

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use proto::status::is_worth_repeating;
use tonic::Status;

/// Repeats a call while repeating can help, with growing pauses, for about half a minute.
///
/// # Errors
///
/// The last status.
pub async fn repeat<T, F>(call: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    call.retry(backoff().with_max_times(12)).when(|status| is_worth_repeating(status.code())).await
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
}
