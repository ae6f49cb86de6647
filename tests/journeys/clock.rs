//! Time that is moved: what takes days and years elsewhere, in a minute.

use domain::ids::slot_of_pre_no;
use proto::v1;
use proto::v1::move_clock_request::To;
use time::macros::offset;
use time::{Duration, OffsetDateTime};
use tonic::{Response, Status};

use super::command_line::shown;
use crate::harness::Sandbox;
use crate::harness::national::{Erp, import};
use crate::harness::people::{Enterprise, code};

pub(super) async fn moves(admin: &client::Window, to: To) -> Result<OffsetDateTime, Status> {
    let moved = admin.sandbox().move_clock(v1::MoveClockRequest { to: Some(to) }).await;
    let clock = moved.map(Response::into_inner)?.clock.expect("it says the time");
    Ok(clock.time.and_then(proto::time).expect("a time"))
}

pub(super) fn days(days: i64) -> To {
    To::AdvanceSeconds(Duration::days(days).whole_seconds().unsigned_abs())
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_begin_again_with_the_day_and_the_year() {
    let mut sandbox = Sandbox::process(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let (before, again) = (firm.files("QD-CLOCK-1").await, firm.files("QD-CLOCK-2").await);
    let number = |pre_no: &str| pre_no.split_at(pre_no.len() - 9).1.to_owned();
    let day = |pre_no: &str| pre_no.split_at(pre_no.len() - 9).0.to_owned();
    assert_eq!(day(&before.pre_no), day(&again.pre_no));
    assert_ne!(number(&before.pre_no), number(&again.pre_no));

    let output = sandbox.command(&["clock", "set", "2031-01-01"]);
    assert!(output.status.success() && shown(&output).starts_with("2031-01-01 00:00:00"));
    let next = firm.files("QD-CLOCK-3").await;
    assert!(next.pre_no.contains("20310101"), "{next:?}");
    assert_eq!(slot_of_pre_no(&next.pre_no), slot_of_pre_no(&before.pre_no));
    let counted = "select used from declaration.number_used where kind = 'B' and period = 20310101";
    let mut database = sandbox.database().await;
    let used: Vec<i64> = sqlx::query_scalar(counted).fetch_all(&mut database).await.expect("it");
    assert_eq!(used, [1], "the first of its day again");
    firm.sees(&next.name, v1::State::Released).await;
    let released = firm.reads(&next.name).await;
    assert!(released.invt_no.contains("2031"), "the year of the number: {released:?}");
    let filed = released.filed_time.and_then(proto::time).expect("a time");
    assert_eq!(filed.to_offset(offset!(+8)).year(), 2031);

    // It stays there when the sandbox is started again, also after a sudden end.
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;
    let output = sandbox.command(&["clock"]);
    assert!(output.status.success() && shown(&output).starts_with("2031-01-01"), "{output:?}");
    let told = shown(&sandbox.command(&["clock", "advance", "31d", "--language", "zh"]));
    assert!(told.starts_with("2031-02-01") && told.contains("比本机时钟提前"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_goes_forward_only_and_not_for_everybody() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let now = moves(&admin, days(1)).await.expect("forward");
    let back = moves(&admin, To::Time(proto::timestamp(now - Duration::hours(2)))).await;
    assert_eq!(code(&back.expect_err("it would be earlier")).0, "SW-1613");
    for far in
        [days(3_600), To::AdvanceSeconds(u64::MAX), To::AdvanceSeconds(i64::MAX.unsigned_abs())]
    {
        assert_eq!(code(&moves(&admin, far).await.expect_err("too far")).0, "SW-1001");
    }
    let nowhere = admin.sandbox().move_clock(v1::MoveClockRequest { to: None }).await;
    assert_eq!(code(&nowhere.expect_err("no time")).0, "SW-1001");
    for caller in ["enterprise-a", "customs"] {
        let window = sandbox.connect(caller).await;
        assert_eq!(code(&moves(&window, days(1)).await.expect_err("not its clock")).0, "SW-1303");
        let clock = window.sandbox().get_clock(v1::GetClockRequest {}).await.expect("it may look");
        let clock = clock.into_inner().clock.expect("the time");
        assert_eq!(clock.ahead_seconds, 86_400, "nothing that was refused moved it");
    }
    assert_eq!(sandbox.command(&["clock", "advance", "soon"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_whose_documents_do_not_come_is_rejected_after_a_day() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let parcel = import("QDCLOCK-1");
    erp.sends(&[parcel.inventory()]).await;
    let admin = sandbox.connect("admin").await;
    moves(&admin, To::AdvanceSeconds(Duration::hours(23).whole_seconds().unsigned_abs()))
        .await
        .expect("forward");
    erp.sends(&[parcel.order()]).await;
    assert_eq!(erp.statuses(622, "QDCLOCK-1").await.last(), Some(&2), "it still waits");
    moves(&admin, days(2)).await.expect("forward");
    erp.hears(622, "QDCLOCK-1", 100).await;
    // A consumer that is connected keeps its slots: leases are no deadlines.
    let receipt = Enterprise(sandbox.connect("enterprise-a").await).files("QD-CLOCK-9").await;
    Enterprise(sandbox.connect("enterprise-a").await)
        .sees(&receipt.name, v1::State::Released)
        .await;
}
