//! Receipts come in the order that firms' systems know, whoever is quicker; and what comes of a set of
//! documents does not depend on the order in which they arrive.

use std::collections::BTreeMap;

use proto::ceb::Document;

use crate::harness::national::{Erp, Import, app_time, export, guid, import};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// What is said about one document, in the order of the log: status, returnTime, invtNo.
async fn receipts_about(erp: &Erp, kind: u32, about: &str) -> Vec<(i32, String, String)> {
    let log = erp.log().await;
    let own = log.iter().filter(|it| it.message_type == kind && it.xml.contains(about));
    own.map(|message| {
        let read = proto::ceb::read(message.xml.as_bytes()).expect("a receipt can be read");
        let document = &read.documents[0].document;
        let value = |element| document.value(element).unwrap_or_default();
        let receipt = &message.receipts[0];
        (receipt.return_status, value("returnTime"), receipt.invt_no.clone())
    })
    .collect()
}

/// Times of one document neither go back nor are the same, so that a system may sort by them.
fn in_order_of_time(told: &[(i32, String, String)]) {
    assert!(told.windows(2).all(|pair| pair[0].1 < pair[1].1), "{told:?}");
    assert!(told.iter().all(|(_, time, _)| time.len() == 17), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_are_examined_are_numbered_and_concluded_first() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let imports: Vec<Import> = (0..8).map(|n| import(&format!("SBX-INSPECT-ORDER{n}"))).collect();
    let by_quarantine = import("SBX-CIQINSPECT-ORDER");
    for import in imports.iter().chain([&by_quarantine]) {
        for document in import.all() {
            erp.sends(&[document]).await;
        }
    }
    let exports: Vec<_> = (0..4).map(|n| export(&format!("SBX-INSPECT-OUT{n}"))).collect();
    for export in &exports {
        for document in export.all() {
            erp.sends(&[document]).await;
        }
        // The money waits for the 399 of its inventory.
        erp.sends(&[Document::Ceb403(export.money.clone())]).await;
    }
    for import in &imports {
        let copy = &import.inventory.head.cop_no;
        erp.hears(622, copy, 899).await;
        let told = receipts_about(&erp, 622, copy).await;
        let statuses: Vec<i32> = told.iter().map(|(status, ..)| *status).collect();
        assert_eq!(statuses, [2, 3, 120, 399, 500, 800, 899]);
        in_order_of_time(&told);
        let numbered =
            |(status, _, invt_no): &(i32, String, String)| (*status >= 120) != invt_no.is_empty();
        assert!(told.iter().all(numbered), "invtNo from 120 on: {told:?}");
    }
    // Customs did not want to see these: what it says of the data comes before 500 or not at all.
    let copy = &by_quarantine.inventory.head.cop_no;
    let mut statuses = erp.hears(622, copy, 899).await;
    statuses.retain(|status| *status != 399);
    assert_eq!(statuses, [2, 3, 120, 500, 800, 899]);
    let told_all = receipts_about(&erp, 622, copy).await;
    let at = |status| told_all.iter().position(|(told, ..)| *told == status);
    assert!(at(399) < at(500), "{told_all:?}");
    for export in &exports {
        let copy = &export.inventory.head.cop_no;
        assert_eq!(erp.hears(604, copy, 500).await[..5], [2, 3, 120, 399, 500]);
        in_order_of_time(&receipts_about(&erp, 604, copy).await);
        assert_eq!(erp.hears(404, &export.money.order_no, 120).await, [2, 3, 120]);
        in_order_of_time(&receipts_about(&erp, 404, &export.money.order_no).await);
    }
}

/// Every order of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    orders(count - 1)
        .into_iter()
        .flat_map(|rest| {
            (0..count).map(move |at| {
                let mut order = rest.clone();
                order.insert(at, count - 1);
                order
            })
        })
        .collect()
}

/// Statuses by type of receipt; the two payments by which is right.
type Outcome = BTreeMap<String, Vec<i32>>;

/// Sends a set in an order of arrival; what was said in the end.
async fn arrives(
    erp: &Erp,
    import: &Import,
    wrong: &Document,
    order: &[usize],
    end: i32,
) -> Outcome {
    let [first, payment, waybill, inventory] = import.all();
    let documents = [first, payment, wrong.clone(), waybill, inventory];
    for at in order {
        erp.sends(std::slice::from_ref(&documents[*at])).await;
    }
    let head = &import.inventory.head;
    let mut outcome = Outcome::new();
    outcome.insert("inventory".to_owned(), erp.hears(622, &head.cop_no, end).await);
    let right = &import.payment.head.pay_transaction_id;
    let wrong = wrong.value("payTransactionId").expect("it has one");
    for (what, kind, about) in [
        ("order", 312, &head.order_no),
        ("right payment", 412, right),
        ("wrong payment", 412, &wrong),
        ("waybill", 512, &head.logistics_no),
    ] {
        outcome.insert(what.to_owned(), erp.statuses(kind, &format!(">{about}<")).await);
    }
    outcome
}

/// An import, and a second payment for its order that does not fit it.
fn rivals(order_no: &str, order_names_payment: bool) -> (Import, Document) {
    let mut import = import(order_no);
    if !order_names_payment {
        import.order.head.pay_transaction_id = String::new();
    }
    let mut wrong = import.payment.clone();
    wrong.head.guid = guid();
    wrong.head.pay_transaction_id = format!("{}W", import.payment.head.pay_transaction_id);
    wrong.head.amount_paid = 100_000;
    (import, Document::Ceb411(wrong))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_payments_give_one_answer_in_every_order_of_arrival() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    // A set is decided when it is whole: with one payment, the other one comes too late for it.
    let whole_by_others = |order: &Vec<usize>| !matches!(order.last(), Some(1 | 2));
    let several: Vec<_> = orders(5).into_iter().filter(whole_by_others).collect();
    assert_eq!(several.len(), 72);
    let outcomes = several.iter().enumerate().step_by(4).map(async |(number, order)| {
        let (import, wrong) = rivals(&format!("QDRIVALS-{number}"), false);
        (order, arrives(&erp, &import, &wrong, order, -401_003).await)
    });
    let outcomes = futures::future::join_all(outcomes).await;
    assert_eq!(outcomes[0].1["inventory"], [2, -401_003]);
    for (order, outcome) in &outcomes {
        assert_eq!(outcome, &outcomes[0].1, "arrived as {order:?}");
    }

    // An order that names its payment has that one, whatever else comes and whenever.
    let outcomes = orders(5).into_iter().enumerate().step_by(7).map(async |(number, order)| {
        let (import, wrong) = rivals(&format!("QDNAMED-{number}"), true);
        let outcome = arrives(&erp, &import, &wrong, &order, 899).await;
        (order, outcome)
    });
    let outcomes = futures::future::join_all(outcomes).await;
    assert_eq!(outcomes[0].1["inventory"], [2, 3, 120, 399, 800, 899]);
    assert_eq!(outcomes[0].1["wrong payment"], [2]);
    for (order, outcome) in &outcomes {
        assert_eq!(outcome, &outcomes[0].1, "arrived as {order:?}");
    }

    // Once the one that is wrong is deleted, the inventory can be declared again.
    let (mut import, wrong) = rivals("QDRIVALS-DELETE", false);
    arrives(&erp, &import, &wrong, &[0, 1, 2, 3, 4], -401_003).await;
    let Document::Ceb411(mut wrong) = wrong else { panic!("a payment") };
    wrong.head.app_type = "3".to_owned();
    (wrong.head.guid, wrong.head.app_time) = (guid(), app_time(10));
    assert_eq!(erp.sends(&[Document::Ceb411(wrong)]).await[0].return_status, 2);
    (import.inventory.head.guid, import.inventory.head.app_time) = (guid(), app_time(10));
    erp.sends(&[import.inventory()]).await;
    let copy = &import.inventory.head.cop_no;
    assert_eq!(erp.hears(622, copy, 899).await, [2, -401_003, 2, 3, 120, 399, 800, 899]);
}

/// How many entries of the journal the national door has not said that it kept.
async fn not_kept(sandbox: &Sandbox) -> i64 {
    let waiting = "select coalesce(sum(h.position - s.position), 0)::bigint
                   from subscription s join journal_head h on h.slot = s.slot where s.agency = 4";
    let mut database = sandbox.database().await;
    sqlx::query_scalar(waiting).fetch_one(&mut database).await.expect("the tables are there")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_told_no_second_time() {
    let mut sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    for order_no in ["QDAGAIN-1", "SBX-INSPECT-AGAIN2", "SBX-DISORDER-AGAIN3"] {
        let import = import(order_no);
        for document in import.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(622, &import.inventory.head.cop_no, 899).await;
    }
    // Bills are customs' own, and come when they come.
    let log = async |erp: &Erp| -> Vec<String> {
        let log = erp.log().await.into_iter().filter(|message| message.message_type != 816);
        log.map(|message| message.xml).collect()
    };
    let before = log(&erp).await;
    sandbox.stop();

    // As after a crash before anything was acknowledged: all of it comes again.
    let mut database = sandbox.database().await;
    let back = sqlx::query("update subscription set position = 0 where agency = 4");
    let back = back.execute(&mut database).await.expect("it is ours");
    assert_eq!(back.rows_affected(), 256, "the door has a seat in every slot");
    assert!(not_kept(&sandbox).await > 0);
    sandbox.spawn();
    sandbox.ready().await;
    let erp = Erp::of(&sandbox).await;
    eventually("everything came again", PATIENCE, async || match not_kept(&sandbox).await {
        0 => Ok(()),
        waiting => Err(waiting),
    })
    .await;
    assert!(log(&erp).await == before, "nothing is said twice");

    // And what is new is told.
    let later = import("QDAGAIN-4");
    for document in later.all() {
        erp.sends(&[document]).await;
    }
    let told = erp.hears(622, &later.inventory.head.cop_no, 899).await;
    assert_eq!(told, [2, 3, 120, 399, 800, 899]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_is_told_when_it_is_sent_again() {
    let mut sandbox = Sandbox::process(&[]).await;
    sandbox.may_log_errors = true;
    let erp = Erp::of(&sandbox).await;
    let import = import("QDPARKED-1");
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    let copy = &import.inventory.head.cop_no;
    let before = erp.hears(622, copy, 899).await;
    sandbox.stop();

    // The filing cannot be read any more, and is to be sent another time.
    let mut database = sandbox.database().await;
    let filed = "select slot, position, facts from journal where topics & 256 <> 0
                 order by position limit 1";
    let (slot, position, facts): (i16, i64, Vec<u8>) =
        sqlx::query_as(filed).fetch_one(&mut database).await.expect("it is there");
    let put = "update journal set facts = $3 where slot = $1 and position = $2";
    let put = async |database: &mut sqlx::PgConnection, facts: &[u8]| {
        let put = sqlx::query(put).bind(slot).bind(position).bind(facts);
        assert_eq!(put.execute(database).await.expect("it is ours").rows_affected(), 1);
    };
    put(&mut database, b"\xff").await;
    let back = "update subscription set position = 0 where agency = 4";
    sqlx::raw_sql(back).execute(&mut database).await.expect("it is ours");
    sandbox.spawn();
    sandbox.ready().await;
    let parked = "select count(*) from queue_item where queue = 'parked-national-door'";
    let parked = async |database: &mut sqlx::PgConnection, due: i64| {
        eventually("it is in the queue, or out of it", PATIENCE, async || {
            let count: i64 =
                sqlx::query_scalar(parked).fetch_one(&mut *database).await.expect("up");
            if count == due { Ok(()) } else { Err(count) }
        })
        .await;
    };
    parked(&mut database, 1).await;

    // It is mended: the inbox has gone over it long ago, and still it has its effect, once.
    put(&mut database, &facts).await;
    let retried = sandbox.command(&["--as", "admin", "stuck", "retry", "--all"]);
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    parked(&mut database, 0).await;
    let erp = Erp::of(&sandbox).await;
    let told = erp.statuses(622, copy).await;
    assert_eq!(told, [&before[..], &[3]].concat());
}
