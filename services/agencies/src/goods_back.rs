//! Imports that come back to the simulated site: a client of the payment service like the system of any site. It looks
//! every half second at what may come back, and reports all of it at once, unless the order number says otherwise.
//!
//! It remembers nothing: a report has an id made of what it is about, so that it has one effect however often it is
//! made.

use std::convert::Infallible;
use std::time::Duration;

use client::Window;
use proto::v1;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::NAMESPACE;
use crate::script::{GoodsWish, Script};
use crate::work_queue::pause;

/// How often is looked.
const LOOK: Duration = Duration::from_millis(500);
/// The same while there is no payment service, or none that lets a site count.
const ABSENT: Duration = Duration::from_secs(30);
/// Returns on a page.
const PAGE: i32 = 500;

/// Counts what comes back, without end.
pub(crate) async fn serve(window: &Window) -> Infallible {
    let mut failed = 0;
    loop {
        let rest = match look(window).await {
            Ok(()) => {
                failed = 0;
                LOOK
            }
            Err(status)
                if matches!(status.code(), Code::Unimplemented | Code::PermissionDenied) =>
            {
                ABSENT
            }
            Err(status) => {
                tracing::warn!(%status, "goods that come back wait for the window");
                failed += 1;
                pause(failed)
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// Looks once at everything of which something is missing.
async fn look(window: &Window) -> Result<(), Status> {
    let mut request =
        v1::ListImportReturnsRequest { missing: true, page_size: PAGE, ..Default::default() };
    loop {
        let list = || async { window.payment().list_import_returns(request.clone()).await };
        let page = client::repeat(list).await?.into_inner();
        for goods in &page.returns {
            if let Some(report) = report(goods) {
                count(window, report).await?;
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

async fn count(window: &Window, report: v1::ReportGoodsBackRequest) -> Result<(), Status> {
    let make = || async { window.payment().report_goods_back(report.clone()).await };
    match client::repeat(make).await {
        Ok(_) => Ok(()),
        // Somebody else was faster.
        Err(status)
            if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) =>
        {
            let message = status.message();
            tracing::info!(application = report.application, message, "a count was refused");
            Ok(())
        }
        Err(status) => Err(status),
    }
}

/// What is reported of goods now, as their order number says.
fn report(goods: &v1::ImportReturn) -> Option<v1::ReportGoodsBackRequest> {
    let awaited = goods.state() == v1::ImportReturnState::Awaited;
    let missing = |line: &v1::ImportReturnLine| v1::CountedLine {
        gnum: line.gnum,
        qty_e5: line.applied_e5 - line.counted_e5,
    };
    let half = |line: &v1::ImportReturnLine| v1::CountedLine {
        gnum: line.gnum,
        qty_e5: line.applied_e5 / 2,
    };
    let nothing_yet = goods.lines.iter().all(|line| line.counted_e5 == 0);
    let lines: Vec<v1::CountedLine> = match Script::of(&goods.order_no).goods_back {
        GoodsWish::All if awaited => goods.lines.iter().map(missing).collect(),
        GoodsWish::Late if !awaited => goods.lines.iter().map(missing).collect(),
        GoodsWish::Half if awaited && nothing_yet => goods.lines.iter().map(half).collect(),
        GoodsWish::All | GoodsWish::Late | GoodsWish::Half | GoodsWish::Never => return None,
    };
    let name = format!("goods back/{}", goods.application);
    Some(v1::ReportGoodsBackRequest {
        request_id: Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string(),
        declaration: goods.declaration.clone(),
        application: goods.application.clone(),
        lines: lines.into_iter().filter(|line| line.qty_e5 > 0).collect(),
        validate_only: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goods(order_no: &str, state: v1::ImportReturnState, counted_e5: i64) -> v1::ImportReturn {
        let line = v1::ImportReturnLine { gnum: 1, applied_e5: 400_000, counted_e5 };
        let mut goods = v1::ImportReturn {
            order_no: order_no.to_owned(),
            lines: vec![line],
            ..Default::default()
        };
        goods.set_state(state);
        goods
    }

    #[test]
    fn the_order_number_says_when_and_how_much_is_counted() {
        use v1::ImportReturnState::{Awaited, Lapsed};
        for (order_no, state, counted, reported) in [
            ("QD-1", Awaited, 0, Some(400_000)),
            ("QD-1", Awaited, 100_000, Some(300_000)),
            ("QD-1", Lapsed, 0, None),
            ("SBX-BACKNEVER-1", Awaited, 0, None),
            ("SBX-BACKNEVER-1", Lapsed, 0, None),
            ("SBX-BACKLATE-1", Awaited, 0, None),
            ("SBX-BACKLATE-1", Lapsed, 0, Some(400_000)),
            ("SBX-BACKHALF-1", Awaited, 0, Some(200_000)),
            ("SBX-BACKHALF-1", Awaited, 200_000, None),
        ] {
            let first_quantity = report(&goods(order_no, state, counted));
            let first_quantity =
                first_quantity.and_then(|it| it.lines.first().map(|line| line.qty_e5));
            assert_eq!(first_quantity, reported, "{order_no} {state:?}");
        }
    }
}
