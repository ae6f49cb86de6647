//! Watching without end: after a cut it goes on from the last token.

use futures::Stream;
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::Status;

use crate::{Window, backoff};

/// Follows declarations from where the request says, reconnecting by itself. Heartbeats are not
/// shown. Ends with a status when repeating cannot help.
pub fn watch(
    window: Window,
    mut request: v1::WatchRequest,
) -> impl Stream<Item = Result<v1::WatchResponse, Status>> + Send {
    async_stream::try_stream! {
        let mut pauses = backon::BackoffBuilder::build(backoff().without_max_times());
        loop {
            let status = match window.declarations().watch(request.clone()).await {
                Ok(stream) => {
                    let mut stream = stream.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(Some(news)) => {
                                pauses = backon::BackoffBuilder::build(backoff().without_max_times());
                                if !news.resume_token.is_empty() {
                                    request.resume_token.clone_from(&news.resume_token);
                                }
                                if !news.name.is_empty() {
                                    yield news;
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
