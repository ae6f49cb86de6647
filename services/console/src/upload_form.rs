//! A form with files (multipart/form-data) whose parts are still to come ([`crate::upload`] reads them).

use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use multer::Multipart;

/// See the module.
pub(crate) struct UploadForm {
    pub(crate) parts: Multipart<'static>,
    /// Bytes of texts that came.
    pub(crate) texts: usize,
}

impl UploadForm {
    /// One that comes with these headers; `None` when it is no form with files.
    pub(crate) fn of(headers: &HeaderMap, body: &mut Body) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let boundary = multer::parse_boundary(content_type).ok()?;
        let body = std::mem::replace(body, Body::empty());
        Some(Self { parts: Multipart::new(one_at_a_time(body), boundary), texts: 0 })
    }
}

/// The pieces of a body one by one: whoever parses them takes all that is ready, and would hold all of it.
pub(crate) fn one_at_a_time(
    body: Body,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static {
    let mut source = body.into_data_stream();
    let mut is_full = false;
    futures::stream::poll_fn(move |cx| {
        if std::mem::take(&mut is_full) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = source.poll_next_unpin(cx);
        is_full = next.is_ready();
        next
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_piece_by_piece() {
        let pieces = ["a", "b", "c"].map(|it| Ok::<_, std::convert::Infallible>(Bytes::from(it)));
        let mut read = Box::pin(one_at_a_time(Body::from_stream(futures::stream::iter(pieces))));
        // What parses polls until there is nothing for now.
        let mut came_at_once = || {
            futures::executor::block_on(futures::future::poll_fn(|cx| {
                let mut came = 0;
                loop {
                    match read.poll_next_unpin(cx) {
                        Poll::Ready(Some(_)) => came += 1,
                        Poll::Pending if came == 0 => return Poll::Pending,
                        Poll::Ready(None) | Poll::Pending => return Poll::Ready(came),
                    }
                }
            }))
        };
        assert_eq!([(); 4].map(|()| came_at_once()), [1, 1, 1, 0]);
    }
}
