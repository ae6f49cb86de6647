//! If anyone wants to look at the goods there is one joint inspection, never two.

use proto::v1::{self, fact::Kind};

use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, code, count, export};

#[tokio::test(flavor = "multi_thread")]
async fn both_agencies_want_to_look_and_there_is_one_order() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("SBX-INSPECT-1").await;
    let seen = firm.sees(&receipt.name, v1::State::Released).await;
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionOrdered(_))), 1, "{seen:#?}");
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionJoined(_))), 1, "{seen:#?}");
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionCompleted(_))), 1);
    assert_eq!(count(&seen, |f| matches!(f, Kind::Released(_))), 1);
    let record = firm.reads(&receipt.name).await;
    assert_eq!(record.round, 2, "both concluded anew, with the findings in hand");
    assert!(!record.inspection_order_id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agency_is_enough_and_a_late_demand_is_answered_from_the_record() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    for script in ["CUSTOMSINSPECT", "CIQINSPECT", "EXAMINE0-INSPECT"] {
        let receipt = firm.files(&format!("SBX-{script}-1")).await;
        let seen = firm.sees(&receipt.name, v1::State::Released).await;
        assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionOrdered(_))), 1, "{script}");
        assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionCompleted(_))), 1, "{script}");
    }
    let receipt = firm.files("SBX-CUSTOMSINSPECT-FAIL-2").await;
    let seen = firm.sees(&receipt.name, v1::State::Rejected).await;
    let rejected = seen.iter().find_map(|fact| match fact {
        Kind::Rejected(rejected) => Some(rejected),
        _ => None,
    });
    assert!(rejected.expect("rejected").reasons[0].text.contains("QTY_MISMATCH"));
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_are_looked_at_are_neither_amended_nor_withdrawn() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("SBX-EXAMINE3600-INSPECT-1").await;
    firm.sees(&receipt.name, v1::State::Inspecting).await;
    let status = firm.amends(&receipt.name, 1, export("SBX-EXAMINE3600-INSPECT-1")).await;
    assert_eq!(code(&status.expect_err("refused")).0, "SW-1205");
    let status = firm.withdraws(&receipt.name, 1).await.expect_err("refused");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1205", tonic::Code::FailedPrecondition)
    );

    let receipt = firm.files("SBX-DETAIN-1").await;
    firm.waits(&receipt.name, |record| record.customs() == v1::Stand::Detained).await;
    let status = firm.withdraws(&receipt.name, 1).await.expect_err("refused");
    assert_eq!(code(&status).0, "SW-1206");
}
