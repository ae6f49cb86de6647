//! Bad input gets a clear refusal, all violations at once, and nothing is kept.

use proto::v1;
use tonic_types::StatusExt as _;

use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, code, export, filing};

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_is_named_at_once_in_the_callers_language() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let mut bad = export("QD-1");
    bad.trade_mode = "9999".into();
    bad.customs_code = "42".into();
    bad.ie_date = "20261332".into();
    bad.net_weight_e5 = 99_999_999;
    bad.lines[0].gcode = "96170".into();
    bad.lines[0].qty = Some(v1::Quantity { unit: "999".into(), value_e5: 0 });
    bad.lines[0].total_price.as_mut().expect("there").amount_e5 += 1_000_000;
    bad.order = Some(v1::Order { order_type: "E".into(), ..Default::default() });
    let mut request = tonic::Request::new(filing(bad));
    request.metadata_mut().insert("accept-language", "zh-CN".parse().expect("a value"));
    let status = firm.0.declarations().submit(request).await.expect_err("bad");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1001", tonic::Code::InvalidArgument)
    );
    let listed = status.get_details_bad_request().expect("listed").field_violations;
    let fields: Vec<&str> = listed.iter().map(|violation| violation.field.as_str()).collect();
    for field in [
        "declaration.trade_mode",
        "declaration.customs_code",
        "declaration.ie_date",
        "declaration.gross_weight_e5",
        "declaration.lines[0].gcode",
        "declaration.lines[0].qty.unit",
        "declaration.lines[0].qty",
        "declaration.order.goods_value",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(listed.iter().all(|violation| chinese(&violation.description)), "{listed:?}");
    let localized = status.get_details_localized_message().expect("localized");
    assert_eq!(localized.locale, "zh-CN");

    let list = firm.0.declarations().list(v1::ListRequest::default()).await.expect("an answer");
    assert!(list.into_inner().records.is_empty(), "nothing was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_by_name() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let mut service = firm.0.declarations();

    let mut nameless = filing(export("QD-1"));
    nameless.request_id = "not-a-uuid".into();
    let status = firm.tries(nameless).await.expect_err("no request id");
    assert_eq!(code(&status).0, "SW-1002");
    let nothing = v1::SubmitRequest { declaration: None, ..filing(export("QD-1")) };
    assert_eq!(code(&firm.tries(nothing).await.expect_err("empty")).0, "SW-1001");

    let get = v1::GetRequest { name: "declarations/1".into(), ..Default::default() };
    let status = service.get(get).await.expect_err("no id");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1003", tonic::Code::InvalidArgument)
    );
    let list = v1::ListRequest { page_token: "rubbish!".into(), ..Default::default() };
    assert_eq!(code(&service.list(list).await.expect_err("no token")).0, "SW-1004");
    let watch = v1::WatchRequest { resume_token: "rubbish".into(), ..Default::default() };
    let status = service.watch(watch).await.expect_err("no token");
    assert_eq!(code(&status).0, "SW-1005");
    let withdraw = v1::WithdrawRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        name: format!("declarations/{}", uuid::Uuid::now_v7()),
        version: 1,
        reason: " ".into(),
        validate_only: false,
    };
    assert_eq!(code(&service.withdraw(withdraw.clone()).await.expect_err("why?")).0, "SW-2026");
    let unknown = v1::WithdrawRequest { reason: "因为".into(), ..withdraw };
    assert_eq!(code(&service.withdraw(unknown).await.expect_err("unknown")).0, "SW-1201");

    let mut large = export("QD-1");
    large.note = "大".repeat(2_000_000);
    let status = firm.tries(filing(large)).await.expect_err("over four megabytes");
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status:?}");
    let mut many = export("QD-1");
    many.lines = (1..=101).map(|gnum| v1::GoodsLine { gnum, ..many.lines[0].clone() }).collect();
    let status = firm.tries(filing(many)).await.expect_err("over a hundred lines");
    let listed = status.get_details_bad_request().expect("listed").field_violations;
    assert!(listed.iter().any(|v| v.description.contains("SW-2013")), "{listed:?}");
}
