//! Every service runs twice on one database, under load, and either process is killed in the middle of
//! work: every document is answered exactly once and in order, no declaration is lost, no order is doubled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::ceb::Document;
use proto::v1;

use crate::faults::{agency, books_are_right, send, until_answered};
use crate::harness::national::{Erp, Import, import};
use crate::harness::people::{export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// Imports in the load; every third is examined.
const IMPORTS: usize = 36;
/// Declarations by gRPC beside them.
const DECLARATIONS: usize = 36;
/// Documents in one message.
const TOGETHER: usize = 4;

/// The load: order, payment, waybill and inventory of some imports in a message each, the inventory at
/// every place among them.
fn imports() -> Vec<Import> {
    (0..IMPORTS)
        .map(|number| {
            let script = if number % 3 == 0 { "SBX-INSPECT-TWICE" } else { "QDTWICE" };
            let mut import = import(&format!("{script}{number}"));
            // One person may buy for 26,000 a year.
            let person = person(number);
            import.order.head.buyer_id_number.clone_from(&person);
            import.payment.head.payer_id_number.clone_from(&person);
            import.inventory.head.buyer_id_number = person;
            import
        })
        .collect()
}

/// An identity number with its check character (GB 11643, MOD 11-2).
fn person(number: usize) -> String {
    const WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digits = format!("11010119900307{:03}", 100 + number);
    let sum: usize = digits
        .chars()
        .zip(WEIGHTS)
        .map(|(digit, weight)| weight * usize::from(u8::try_from(digit).unwrap_or(b'0') - b'0'))
        .sum();
    let check = ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][sum % 11];
    format!("{digits}{check}")
}

fn messages(erp: &Erp, imports: &[Import]) -> Vec<String> {
    let mut messages = Vec::new();
    for some in imports.chunks(TOGETHER) {
        let of = |document: fn(&Import) -> Document| some.iter().map(document).collect::<Vec<_>>();
        let kinds =
            [of(Import::inventory), of(Import::order), of(Import::payment), of(Import::waybill)];
        let first = messages.len() / 4 % 4;
        messages.extend((0..4).map(|n| erp.message(&kinds[(first + n) % 4])));
    }
    messages
}

/// Files exports, each until it is answered; the names by request id.
async fn file(windows: [client::Window; 2], done: Arc<AtomicUsize>) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for number in 0..DECLARATIONS {
        let script = if number % 4 == 0 { "SBX-TWICE" } else { "QD" };
        let mut declaration = export(&format!("{script}-FILED{number}"));
        let code = format!("37029{:05}", number % 8);
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        let request = filing(declaration);
        // The same request, now to one process, now to the other.
        let mut turns = (number..).map(|turn| &windows[turn % 2]);
        let submit = || {
            let (window, request) = (turns.next().expect("it has no end"), request.clone());
            async move { window.declarations().submit(request).await }
        };
        let receipt = until_answered(submit).await;
        names.insert(request.request_id, receipt.name);
        done.fetch_add(1, Ordering::Relaxed);
    }
    names
}

async fn reached(done: &AtomicUsize, due: usize) {
    eventually("work goes on after a kill", PATIENCE, async || {
        let done = done.load(Ordering::Relaxed);
        if done < due { Err(done) } else { Ok(()) }
    })
    .await;
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the faults")]
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_every_service_do_everything_once() {
    let mut first = Sandbox::process(&["--no-agencies"]).await;
    first.may_log_errors = true;
    let names = ["--inspection-service-name", "second", "--gateway-name", "second"];
    let mut second = first.beside(&[&["--no-agencies"], &names[..]].concat()).await;
    second.may_log_errors = true;
    let _agencies = ["customs", "quarantine", "site"].map(|name| agency(&first, name));
    let erp = Arc::new(Erp::of(&first).await);
    let mut other = Erp::of(&first).await;
    let config = second.config("agent");
    other.window = client::Window::connect(&config).await.expect("it serves");
    let other = Arc::new(other);

    let imports = imports();
    let messages = messages(&erp, &imports);
    let sent = Arc::new(AtomicUsize::new(0));
    let all = messages.len();
    // Two senders, one at each process; every fourth message goes to both.
    let (even, odd): (Vec<_>, Vec<_>) =
        messages.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let load = [(Arc::clone(&erp), even), (Arc::clone(&other), odd)].map(|(erp, messages)| {
        let (sent, both) = (Arc::clone(&sent), [Arc::clone(&erp), Arc::clone(&other)]);
        tokio::spawn(async move {
            for (number, message) in messages {
                if number % 4 == 0 {
                    futures::join!(send(&both[0], &message), send(&both[1], &message));
                } else {
                    send(&erp, &message).await;
                }
                sent.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let filed = Arc::new(AtomicUsize::new(0));
    let windows =
        [first.connect("agent").await, client::Window::connect(&config).await.expect("up")];
    let filing = tokio::spawn(file(windows, Arc::clone(&filed)));

    reached(&sent, all / 4).await;
    second.kill();
    second.spawn();
    reached(&sent, all / 2).await;
    second.ready().await;
    first.kill();
    // The other one goes on by itself for a while.
    reached(&sent, all / 2 + 2).await;
    first.spawn();
    first.ready().await;
    reached(&sent, all * 3 / 4).await;
    second.kill();
    second.spawn();
    for load in load {
        load.await.expect("all was sent");
    }
    let names = filing.await.expect("all was filed");
    first.kill();
    first.spawn();
    first.ready().await;
    second.ready().await;

    for import in &imports {
        erp.hears(622, &import.inventory.head.cop_no, 899).await;
    }
    receipts_are_right(&erp, &imports).await;
    let distinct: HashSet<&String> = names.values().collect();
    assert_eq!((names.len(), distinct.len()), (DECLARATIONS, DECLARATIONS), "one each");
    let admin = crate::harness::people::Enterprise(first.connect("admin").await);
    for name in names.values() {
        admin.sees(name, v1::State::Released).await;
    }
    books_are_right(&first).await;
    inspections_are_right(&first).await;
}

/// Every document has exactly its receipts, in order, at times that grow.
async fn receipts_are_right(erp: &Erp, imports: &[Import]) {
    let mut books: HashMap<(u32, String), Vec<(i32, String)>> = HashMap::new();
    let mut last = 0;
    for message in erp.log().await {
        assert!(message.position > last, "positions grow");
        last = message.position;
        let read = proto::ceb::read(message.xml.as_bytes()).expect("a receipt can be read");
        for (receipt, read) in message.receipts.into_iter().zip(read.documents) {
            let time = read.document.value("returnTime").unwrap_or_default();
            let book = books.entry((message.message_type, receipt.key)).or_default();
            book.push((receipt.return_status, time));
        }
    }
    for ((kind, key), told) in &books {
        let grows = told.windows(2).all(|pair| pair[0].1 < pair[1].1);
        assert!(grows || matches!(kind, 816 | 818), "CEB{kind} {key}: {told:?}");
    }
    let told = |kind: u32, key: String| -> Vec<i32> {
        books.get(&(kind, key)).into_iter().flatten().map(|(status, _)| *status).collect()
    };
    for import in imports {
        let head = &import.inventory.head;
        let seen = told(622, format!("{} {}", head.ebc_code, head.order_no));
        let examined = head.order_no.contains("INSPECT");
        let expected: &[i32] =
            if examined { &[2, 3, 120, 399, 500, 800, 899] } else { &[2, 3, 120, 399, 800, 899] };
        assert_eq!(seen, expected, "{}", head.order_no);
        let pay = &import.payment.head;
        for (kind, key) in [
            (312, format!("{} {}", head.ebc_code, head.order_no)),
            (412, format!("{} {}", pay.pay_code, pay.pay_transaction_id)),
            (512, format!("{} {}", head.logistics_code, head.logistics_no)),
        ] {
            assert_eq!(told(kind, key), [2, 3, 120], "CEB{kind} of {}", head.order_no);
        }
    }
}

/// What the tables of the inspection service and of the national door say.
async fn inspections_are_right(sandbox: &Sandbox) {
    let mut database = sandbox.database().await;
    for (what, broken) in [
        (
            "inspections without their order",
            "select count(*) from declaration.joint_inspection i where not exists (select from inspection.joint_order o where o.declaration_id = i.declaration_id and o.order_id = i.order_id)",
        ),
        (
            "orders of one declaration",
            "select count(*) - count(distinct declaration_id) from inspection.joint_order",
        ),
        (
            "declarations that nobody assessed",
            "select count(*) from declaration.declaration d where not exists (select from inspection.consignment c where c.declaration_id = d.id)",
        ),
        (
            "inventories with two declarations",
            "select count(*) - count(distinct pre_no) from declaration.declaration",
        ),
        ("what nobody did", "select count(*) from ceb.queue_item"),
        ("errands that nobody told", "select count(*) from inspection.queue_item"),
        (
            "numbers given twice by the door",
            "select count(*) - count(distinct (kind, pre_no)) from ceb.document",
        ),
    ] {
        let count: i64 = sqlx::query_scalar(broken).fetch_one(&mut database).await.expect(what);
        assert_eq!(count, 0, "{what}");
    }
}
