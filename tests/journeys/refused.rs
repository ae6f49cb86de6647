//! Agencies and the enterprise say no: rejection, hold, amendment, withdrawal.

use proto::v1::{self, fact::Kind};

use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, code, count, export, filing};

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_declaration_says_why_and_leaves_its_order_to_a_new_one() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    for (order, agency) in
        [("SBX-REJECT1313-1", v1::Agency::Customs), ("SBX-CIQREJECT77-1", v1::Agency::Quarantine)]
    {
        let first = firm.files(order).await;
        let seen = firm.sees(&first.name, v1::State::Rejected).await;
        let rejected = seen.iter().find_map(|fact| match fact {
            Kind::Rejected(rejected) => Some(rejected),
            _ => None,
        });
        let rejected = rejected.unwrap_or_else(|| panic!("{seen:#?}"));
        assert_eq!(rejected.agency(), agency);
        assert!(order.contains(&rejected.reasons[0].code));
        assert_eq!(count(&seen, |f| matches!(f, Kind::Released(_))), 0);
        let second = firm.files(order).await;
        assert_ne!(first.name, second.name, "the same order may be filed again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_restarts_review() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("SBX-HOLD-1").await;
    firm.waits(&receipt.name, |record| record.customs() == v1::Stand::Held).await;
    let mut better = export("SBX-HOLD-1");
    better.note = "发票已补".into();
    let status = firm.amends(&receipt.name, 7, better.clone()).await.expect_err("never seen");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1202", tonic::Code::Aborted));
    let mut other = better.clone();
    other.order_no = "ANOTHER".into();
    let status = firm.amends(&receipt.name, 1, other).await.expect_err("another declaration");
    assert_eq!(code(&status).1["field"], "declaration.order_no");

    let amended = firm.amends(&receipt.name, 1, better.clone()).await.expect("it is held");
    assert_eq!(amended.version, 2);
    let seen = firm.sees(&receipt.name, v1::State::Released).await;
    assert_eq!(count(&seen, |f| matches!(f, Kind::Amended(_))), 1);
    assert_eq!(
        count(&seen, |f| matches!(f, Kind::Numbered(_))),
        1,
        "numbered once for all versions"
    );
    let record = firm.reads(&receipt.name).await;
    assert_eq!((record.version, record.declaration), (2, Some(better.clone())));
    let status = firm.amends(&receipt.name, 2, better).await.expect_err("released");
    assert_eq!(code(&status).0, "SW-1203");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_over() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("SBX-SILENT-1").await;
    let withdrawn = firm.withdraws(&receipt.name, 1).await.expect("customs is silent");
    assert_eq!(withdrawn.state(), v1::State::Withdrawn);
    let status = firm.withdraws(&receipt.name, 1).await.expect_err("over");
    assert_eq!(code(&status).0, "SW-1204");
    let status = firm.amends(&receipt.name, 1, export("SBX-SILENT-1")).await.expect_err("over");
    assert_eq!(code(&status).0, "SW-1204");
    firm.files("SBX-SILENT-1").await;

    let receipt = firm.files("QD-2").await;
    firm.sees(&receipt.name, v1::State::Released).await;
    let status = firm.withdraws(&receipt.name, 1).await.expect_err("released");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1203", tonic::Code::FailedPrecondition)
    );
    let status = firm.tries(filing(export("QD-2"))).await.expect_err("released keeps its order");
    assert_eq!(code(&status).1["existing"], receipt.name);
}
