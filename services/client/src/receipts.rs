//! Reading receipts without end: after a cut it goes on after the last one.

use futures::Stream;
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::Status;

use crate::{Window, backoff};

/// Follows the receipts of an exchange number (dxpId) after a position, reconnecting by itself.
/// Heartbeats are not shown. Ends with a status when repeating cannot help.
pub fn receipts(
    window: Window,
    dxp_id: String,
    after: u64,
) -> impl Stream<Item = Result<v1::OutgoingMessage, Status>> + Send {
    async_stream::try_stream! {
        let mut request = v1::FollowReceiptsRequest { dxp_id, after };
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        loop {
            let status = match window.ceb().follow_receipts(request.clone()).await {
                Ok(stream) => {
                    let mut stream = stream.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(Some(news)) => {
                                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
                                request.after = request.after.max(news.position);
                                if let Some(message) = news.message {
                                    // What was told before the cut is not told again.
                                    request.after = request.after.max(message.position);
                                    yield message;
                                }
                            }
                            Ok(None) => break Status::unavailable("the stream ended"),
                            Err(status) => break status,
                        }
                    }
                }
                Err(status) => status,
            };
            if !is_worth_repeating(status.code()) {
                Err(status)?;
            }
            if let Some(pause) = pauses.next() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}
