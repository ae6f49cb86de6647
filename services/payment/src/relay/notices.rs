//! What firms are told of their bills by the national door (CEB816, CEB818), each once: a notice has the same guid
//! whenever it is told.

use std::sync::Arc;
use std::time::Duration;

use client::Window;
use kit::deliver::{Delivery, Port, settle};
use proto::status::is_worth_repeating;
use proto::v1;
use store::queue::Item;

use crate::Payments;
use crate::queues::NOTICES;

/// The door follows the journal like this service does, so a bill may come before the release was told there.
const LOOKS: u32 = 8;
const LOOK: Duration = Duration::from_millis(50);
/// So long after it was made nobody will know the inventory any more: it did not come by the door.
const KNOWN_WITHIN: time::Duration = time::Duration::minutes(10);

/// Notices on their way to the national door.
#[derive(Debug)]
pub(crate) struct Notices {
    pub(crate) own: Arc<Payments>,
    pub(crate) window: Window,
}

impl Port for Notices {
    const QUEUE: &'static str = NOTICES;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let deliveries = items.iter().map(async |item| self.send(item).await.into());
        futures::future::join_all(deliveries).await
    }
}

impl Notices {
    async fn send(&self, item: &Item) -> Result<(), Delivery> {
        for look in 0..LOOKS {
            let request = v1::IssueRequest { message: item.body.clone() };
            match self.window.ceb().issue(request).await {
                Ok(answer) if answer.get_ref().taken > 0 => {
                    return settle(&self.own.work, NOTICES, item).await;
                }
                Ok(_) => tokio::time::sleep(LOOK * look).await,
                Err(status) if is_no_door(&status) => {
                    let declaration = item.subject;
                    tracing::info!(%declaration, %status, "there is no national door for a bill");
                    return settle(&self.own.work, NOTICES, item).await;
                }
                Err(status) if is_worth_repeating(status.code()) => {
                    return Err(Delivery::Away(status.to_string()));
                }
                Err(status) => return Err(Delivery::Failed(status.to_string())),
            }
        }
        if self.own.clock.now() - item.due < KNOWN_WITHIN {
            return Err(Delivery::NotYet);
        }
        tracing::info!(declaration = %item.subject, "nobody at the national door wants a bill");
        settle(&self.own.work, NOTICES, item).await
    }
}

/// The window will not answer otherwise before it is another one.
pub(super) fn is_no_door(status: &tonic::Status) -> bool {
    use tonic::Code::{PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), Unimplemented | PermissionDenied | Unauthenticated)
}
