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

pub use connect::{Bearer, Config, Error, IdentityPart, Line, Obstacle, Window};
pub use consume::{Consumer, ConsumerAnswer, Handler};
pub use follow::{Update, order_updates, receipt_updates, receipts, refunds, watch, watch_updates};
pub use submit::{submit_all, submit_stream};

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use proto::status::is_worth_repeating;
use tonic::Status;
use tonic_types::StatusExt as _;

/// Repeats a call while repeating can help, with growing pauses, for about half a minute. A pause is never shorter
/// than the window asks for.
///
/// # Errors
///
/// The last status.
pub async fn repeat<T, F>(call: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    call.retry(backoff().with_max_times(12))
        .when(|status| is_worth_repeating(status.code()))
        .adjust(|status, pause| pause.map(|pause| pause_after(status, pause)))
        .await
}

/// The pause before something is repeated that ended like this.
fn pause_after(status: &Status, pause: Duration) -> Duration {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    asked.map_or(pause, |asked| pause.max(asked))
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_says_how_long_to_wait_at_least() {
        let away = proto::status::plain(domain::refusal::Code::Unavailable);
        let (short, long) = (Duration::from_millis(50), Duration::from_secs(5));
        assert_eq!(pause_after(&away, short), Duration::from_millis(500));
        assert_eq!(pause_after(&away, long), long);
        assert_eq!(pause_after(&Status::unavailable("cut"), short), short);
    }
}
