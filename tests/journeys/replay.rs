//! Everything may be repeated: the same request has one effect, another under its id is refused.

use proto::v1::{self, fact::Kind};
use tonic::Code;
use uuid::Uuid;

use crate::harness::Sandbox;
use crate::harness::people::{Enterprise, code, count, export, filing};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_submission_gets_the_same_receipt() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let request = filing(export("QD-1"));
    let first = firm.tries(request.clone()).await.expect("valid");
    assert!(!first.repeated, "it was filed now");
    let first = v1::SubmitResponse { repeated: true, ..first };
    let racing: Vec<_> =
        futures::future::join_all((0..20).map(|_| firm.tries(request.clone()))).await;
    for again in racing {
        assert_eq!(again.expect("the same answer"), first);
    }
    firm.sees(&first.name, v1::State::Released).await;
    assert_eq!(firm.tries(request.clone()).await.expect("still"), first);

    let mut other = request.clone();
    other.declaration.as_mut().expect("there").lines[0].gname = "别的".into();
    let status = firm.tries(other).await.expect_err("other content");
    let (reason, data) = code(&status);
    assert_eq!((reason.as_str(), status.code()), ("SW-1101", Code::AlreadyExists));
    assert_eq!(data["field"], "declaration.lines[0].gname");
    assert_eq!(data["existing"], first.name);

    let status = firm.tries(filing(export("QD-1"))).await.expect_err("the order is taken");
    let (reason, data) = code(&status);
    assert_eq!((reason.as_str(), status.code()), ("SW-1102", Code::AlreadyExists));
    assert_eq!(data["existing"], first.name);

    // Racing under different ids for one order: one wins, and the others are told who.
    let racing = (0..20).map(|_| firm.tries(filing(export("QD-2"))));
    let racing = futures::future::join_all(racing).await;
    let won: Vec<_> = racing.iter().flatten().collect();
    assert_eq!(won.len(), 1);
    for lost in racing.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(code(lost).1["existing"], won[0].name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amendments_and_withdrawals_repeat_too() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("SBX-SILENT-1").await;
    let amend = v1::AmendRequest {
        request_id: Uuid::now_v7().to_string(),
        name: receipt.name.clone(),
        version: 1,
        declaration: Some(export("SBX-SILENT-1")),
        validate_only: false,
    };
    let mut service = firm.0.declarations();
    let racing = (0..20).map(|_| {
        let (mut service, amend) = (service.clone(), amend.clone());
        async move { service.amend(amend).await.expect("the same answer").into_inner() }
    });
    let first = futures::future::join_all(racing).await;
    assert!(first.iter().all(|answer| answer.version == 2 && *answer == first[0]), "{first:?}");
    let withdraw = v1::WithdrawRequest {
        request_id: Uuid::now_v7().to_string(),
        name: receipt.name.clone(),
        version: 2,
        reason: "不再出口".into(),
        validate_only: false,
    };
    let racing = (0..20).map(|_| {
        let (mut service, withdraw) = (service.clone(), withdraw.clone());
        async move { service.withdraw(withdraw).await.expect("the same answer").into_inner() }
    });
    for done in futures::future::join_all(racing).await {
        assert_eq!(done.state(), v1::State::Withdrawn);
    }
    let reused =
        v1::SubmitRequest { request_id: withdraw.request_id.clone(), ..filing(export("QD-9")) };
    assert_eq!(code(&firm.tries(reused).await.expect_err("used for a withdrawal")).0, "SW-1101");
    let other = v1::WithdrawRequest { reason: "别的原因".into(), ..withdraw };
    let status = service.withdraw(other).await.expect_err("other content");
    assert_eq!(code(&status).0, "SW-1101");
    let seen = firm.sees(&receipt.name, v1::State::Withdrawn).await;
    assert_eq!(count(&seen, |f| matches!(f, Kind::Amended(_))), 1);
    assert_eq!(count(&seen, |f| matches!(f, Kind::Withdrawn(_))), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_only_checks_everything_and_keeps_nothing() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let only = |declaration| v1::SubmitRequest { validate_only: true, ..filing(declaration) };
    let checked = firm.tries(only(export("QD-1"))).await.expect("valid");
    assert!(checked.name.is_empty() && checked.pre_no.is_empty(), "{checked:?}");
    let filed = firm.files("QD-1").await;
    let status = firm.tries(only(export("QD-1"))).await.expect_err("the order is taken by now");
    assert_eq!(code(&status).1["existing"], filed.name);
    let mut database = sandbox.database().await;
    let kept: i64 = sqlx::query_scalar("select count(*) from declaration")
        .fetch_one(&mut database)
        .await
        .expect("the table is there");
    assert_eq!(kept, 1);
}
