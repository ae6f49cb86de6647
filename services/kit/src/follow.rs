//! What another service tells is followed until this one closes: it is listened to as long as it goes on, and again
//! after a pause.

use std::time::Duration;

use store::Fault;
use tokio_util::sync::CancellationToken;

/// After a fault.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs `listen` until `closing`, and again after the pause that it asks for. A fault is logged under the name of
/// what is followed; where to go on is `listen`'s own affair.
pub async fn follow<L>(what: &'static str, closing: &CancellationToken, listen: impl Fn() -> L)
where
    L: Future<Output = Result<Duration, Fault>>,
{
    loop {
        let pause = tokio::select! {
            ended = listen() => ended.unwrap_or_else(|fault| {
                tracing::warn!(%fault, what, "what is followed waits");
                PAUSE
            }),
            () = closing.cancelled() => return,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = closing.cancelled() => return,
        }
    }
}
