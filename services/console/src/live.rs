//! Live pages: a stream of server-sent events, each of which says only that something happened. The page
//! then reads itself again, so that there is one way in which things are shown.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use http::header::CONTENT_TYPE;
use proto::v1;
use tonic::Status;

use crate::problem::{PageAnswer, settle};
use crate::visit::Visit;

/// `GET /console/live?name=…`: what happens to declarations.
pub(crate) async fn declarations(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, declaration_events(&visit).await)
}

async fn declaration_events(visit: &Visit) -> PageAnswer {
    let name = visit.query("name").to_owned();
    // Of one declaration its whole history comes first; it is on the page already.
    let request = v1::WatchRequest { name, ..Default::default() };
    let news = visit.declarations().watch(visit.call(request)).await?.into_inner();
    Ok(events(news, |told: &v1::WatchResponse| told.name.clone()))
}

/// `GET /console/live/orders?name=…`: what happens to inspection orders.
pub(crate) async fn orders(Extension(visit): Extension<Arc<Visit>>) -> Response {
    settle(&visit, order_events(&visit).await)
}

async fn order_events(visit: &Visit) -> PageAnswer {
    let name = visit.query("name").to_owned();
    let request = v1::WatchOrdersRequest { name, ..Default::default() };
    let news = visit.inspection().watch_orders(visit.call(request)).await?.into_inner();
    Ok(events(news, |told: &v1::WatchOrdersResponse| {
        told.order.as_ref().map_or_else(String::new, |order| order.name.clone())
    }))
}

/// An event for each thing that is told; a comment for a heartbeat. A stream that ends is opened again by
/// the browser.
fn events<T: Send + 'static>(
    news: impl Stream<Item = Result<T, Status>> + Send + 'static,
    name: impl Fn(&T) -> String + Send + 'static,
) -> Response {
    let lines = async_stream::stream! {
        yield Ok::<_, std::convert::Infallible>("retry: 3000\n\n".to_owned());
        for await told in news {
            let Ok(told) = told else { break };
            let name = name(&told);
            yield Ok(if name.is_empty() { ":\n\n".to_owned() } else { format!("data: {name}\n\n") });
        }
    };
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(lines)).into_response()
}
