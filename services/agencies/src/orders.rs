//! Reading joint inspection orders: one, all at some stages, and what happens from now on.

use client::Window;
use futures::Stream;
use futures::stream::try_unfold;
use proto::status::is_worth_repeating;
use proto::v1;
use tonic::{Status, Streaming};

use crate::work_queue::pause;

/// Orders on a page.
const PAGE: i32 = 500;

/// Connecting again does not help against these.
pub(crate) fn is_final(status: &Status) -> bool {
    use tonic::Code::{PermissionDenied, Unauthenticated, Unimplemented};
    matches!(status.code(), PermissionDenied | Unauthenticated | Unimplemented)
}

/// One order as it is now; `None` when there is none.
pub(crate) async fn read(
    window: &Window,
    name: &str,
) -> Result<Option<Box<v1::OrderRecord>>, Status> {
    let request = v1::GetOrderRequest { name: name.to_owned() };
    let get = || async { window.inspection().get_order(request.clone()).await };
    match client::repeat(get).await {
        Ok(answer) => Ok(answer.into_inner().order.map(Box::new)),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// One page of orders, and the token of the next one.
async fn page(
    window: &Window,
    stages: &[v1::OrderStage],
    page_token: String,
) -> Result<(Vec<v1::OrderRecord>, Option<String>), Status> {
    let stages = stages.iter().map(|stage| i32::from(*stage)).collect();
    let mut request =
        v1::ListOrdersRequest { page_size: PAGE, page_token, stages, ..Default::default() };
    let mut failed = 0;
    loop {
        let list = || async { window.inspection().list_orders(request.clone()).await };
        match client::repeat(list).await {
            Ok(answer) => {
                let v1::ListOrdersResponse { orders, next_page_token } = answer.into_inner();
                return Ok((orders, Some(next_page_token).filter(|token| !token.is_empty())));
            }
            // The window is another one by now: from the first page again, so that none is left out.
            Err(status)
                if status.code() == tonic::Code::InvalidArgument
                    && !request.page_token.is_empty() =>
            {
                request.page_token.clear();
            }
            // Whoever asks remembers nothing of what is not listed, so a fault is waited for as well.
            Err(status)
                if is_worth_repeating(status.code()) || status.code() == tonic::Code::Internal =>
            {
                tracing::warn!(%status, "orders cannot be listed yet");
                tokio::time::sleep(pause(failed)).await;
                failed += 1;
            }
            Err(status) => return Err(status),
        }
    }
}

/// All orders at some stages, page by page. Waits for a window that is away.
pub(crate) fn list(
    window: &Window,
    stages: &'static [v1::OrderStage],
) -> impl Stream<Item = Result<Vec<v1::OrderRecord>, Status>> + Send + use<> {
    let window = window.clone();
    try_unfold(Some(String::new()), move |token| {
        let window = window.clone();
        async move {
            let Some(token) = token else { return Ok(None) };
            page(&window, stages, token).await.map(Some)
        }
    })
}

/// All orders at some stages, then every order to which something happens, without end and without a
/// gap. After a cut it goes on where it stopped.
///
/// The first token may come a while after the stream was opened, and what happens before counts from
/// when the window began to read. So orders are listed when the stream is open, and once more when
/// there is a token.
pub(crate) fn follow(
    window: &Window,
    stages: &'static [v1::OrderStage],
) -> impl Stream<Item = Result<Vec<v1::OrderRecord>, Status>> + Send + use<> {
    let watch = Watch {
        window: window.clone(),
        stages,
        token: String::new(),
        stream: None,
        listing: None,
        failed: 0,
    };
    try_unfold(watch, |mut watch| async move {
        let news = watch.next().await?;
        Ok(Some((news, watch)))
    })
}

struct Watch {
    window: Window,
    stages: &'static [v1::OrderStage],
    /// Where to go on; empty before the first one.
    token: String,
    stream: Option<Streaming<v1::WatchOrdersResponse>>,
    /// The page that is listed next.
    listing: Option<String>,
    failed: u32,
}

impl Watch {
    async fn next(&mut self) -> Result<Vec<v1::OrderRecord>, Status> {
        loop {
            if let Some(token) = self.listing.take() {
                let (orders, next) = page(&self.window, self.stages, token).await?;
                self.listing = next;
                return Ok(orders);
            }
            let status = match &mut self.stream {
                None => match self.open().await {
                    Ok(()) => continue,
                    Err(status) => status,
                },
                Some(stream) => match stream.message().await {
                    Ok(Some(news)) => {
                        self.note_token(&news.resume_token);
                        match news.order {
                            Some(order) => return Ok(vec![order]),
                            None => continue,
                        }
                    }
                    Ok(None) => Status::unavailable("the stream ended"),
                    Err(status) => status,
                },
            };
            self.stream = None;
            if status.code() == tonic::Code::InvalidArgument && !self.token.is_empty() {
                // The window is another one by now.
                self.token.clear();
            } else if is_final(&status) || status.code() == tonic::Code::InvalidArgument {
                return Err(status);
            }
            tracing::warn!(%status, "orders cannot be followed; connecting again");
            tokio::time::sleep(pause(self.failed)).await;
            self.failed = self.failed.saturating_add(1);
        }
    }

    async fn open(&mut self) -> Result<(), Status> {
        let resume_token = self.token.clone();
        let request = v1::WatchOrdersRequest { resume_token, name: String::new() };
        self.stream = Some(self.window.inspection().watch_orders(request).await?.into_inner());
        if self.token.is_empty() {
            self.listing = Some(String::new());
        }
        Ok(())
    }

    fn note_token(&mut self, token: &str) {
        self.failed = 0;
        if token.is_empty() {
            return;
        }
        if self.token.is_empty() {
            self.listing = Some(String::new());
        }
        token.clone_into(&mut self.token);
    }
}
