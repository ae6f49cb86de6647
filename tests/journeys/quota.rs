//! What a person may buy in a year: exact whatever happens at once, given back when an import ends or comes back.

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use proto::ceb::Document;
use proto::v1;
use proto::v1::fact::Kind;

use super::clock::{days, moves};
use super::payment::{Accountant, files};
use crate::harness::national::{Erp, import as national, person};
use crate::harness::people::{Enterprise, FIRM_A, filing, import};
use crate::harness::{PATIENCE, Sandbox, eventually};

fn buys(order_no: &str, buyer: &str, amount_fen: i64) -> v1::Declaration {
    let mut declared = import(order_no, FIRM_A, amount_fen);
    if let Some(named) = &mut declared.buyer {
        buyer.clone_into(&mut named.id_number);
    }
    declared
}

async fn quota(window: &client::Window, id_number: &str) -> v1::GetQuotaResponse {
    let request = v1::GetQuotaRequest { id_number: id_number.to_owned(), year: 0 };
    window.payment().get_quota(request).await.expect("it answers").into_inner()
}

/// Whether what counts to the year becomes this.
async fn counts(window: &client::Window, id_number: &str, fen: i64) {
    eventually("the year of the person", PATIENCE, async || {
        let found = quota(window, id_number).await.used_fen;
        if found == Some(fen) { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Code and text with which it was rejected.
fn rejected(record: &v1::DeclarationRecord) -> Option<v1::Reason> {
    let facts = record.history.iter().flat_map(|entry| &entry.facts);
    facts.filter_map(|fact| fact.kind.as_ref()).find_map(|kind| match kind {
        Kind::Rejected(it) => it.reasons.first().cloned(),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_is_given_back_by_what_ends_and_shown_to_whom_it_concerns() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let (admin, other) = (sandbox.connect("admin").await, sandbox.connect("enterprise-b").await);
    let buyer = person("11010519930307451");
    // 26,000 may be reached.
    let mut names = Vec::new();
    for number in 0..5 {
        let order = format!("SBX-SILENT-Q{number}");
        names.push(files(&firm, buys(&order, &buyer, 500_000)).await);
    }
    names.push(files(&firm, buys("SBX-SILENT-Q6", &buyer, 100_000)).await);
    counts(&admin, &buyer.to_lowercase(), 2_600_000).await;
    // A fen more is too much, and of a year that is used up the e-port says so.
    let more = files(&firm, buys("SBX-SILENT-Q7", &buyer, 1)).await;
    firm.sees(&more, v1::State::Rejected).await;
    let reason = rejected(&firm.reads(&more).await).expect("a reason");
    assert_eq!(reason.code, "-621018", "{reason:?}");
    assert!(reason.text.contains("26000") && !reason.text.contains(&buyer), "{reason:?}");
    counts(&admin, &buyer, 2_600_000).await;
    // What is withdrawn is given back; what is too much then is refused with what it would be.
    firm.withdraws(&names[5], 1).await.expect("it is under review");
    counts(&admin, &buyer, 2_500_000).await;
    let more = files(&firm, buys("SBX-SILENT-Q8", &buyer, 100_001)).await;
    firm.sees(&more, v1::State::Rejected).await;
    let reason = rejected(&firm.reads(&more).await).expect("a reason");
    assert_eq!(reason.code, "1313");
    assert!(reason.text.contains("totalPrice：26,000.01 > limitPrice: 26,000;"), "{reason:?}");
    // A rejected one may come again, cheaper; a cheaper version of another one frees its difference.
    firm.amends(&more, 1, buys("SBX-SILENT-Q8", &buyer, 100_000)).await.expect("it was rejected");
    counts(&admin, &buyer, 2_600_000).await;
    firm.amends(&names[0], 1, buys("SBX-SILENT-Q0", &buyer, 1)).await.expect("it is open");
    counts(&admin, &buyer, 2_100_001).await;

    // The firm sees what it sold, and not what the year has; another one sees nothing.
    let own = quota(&firm.0, &buyer).await;
    assert_eq!((own.limit_fen, own.used_fen, own.left_fen), (2_600_000, None, None));
    assert_eq!(own.purchases.len(), 7, "{own:?}");
    let theirs = quota(&other, &buyer).await;
    assert!(theirs.purchases.is_empty() && theirs.used_fen.is_none(), "{theirs:?}");
    Accountant(admin).finds_no_difference().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_that_come_back_are_given_back_to_the_year() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let admin = sandbox.connect("admin").await;
    let buyer = person("11010519940307451");
    let sold = national("QDQUOTA-1").bought_by(&buyer);
    for document in sold.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &sold.inventory.head.cop_no, 899).await;
    // Goods 527, freight 20.
    counts(&admin, &buyer, 54_700).await;
    let invt_no = erp.invt_no("QDQUOTA-1").await;
    let mut part = sold.refund("QUOTA-PART", &invt_no);
    part.lines.truncate(1);
    erp.sends(&[Document::Ceb625(part)]).await;
    counts(&admin, &buyer, 54_700 - 25_900).await;
    let mut rest = sold.refund("QUOTA-REST", &invt_no);
    rest.lines.remove(0);
    erp.sends(&[Document::Ceb625(rest)]).await;
    counts(&admin, &buyer, 0).await;
    Accountant(admin).finds_no_difference().await;
}

/// Imports of the race, of two people; a longer run has more, of one person in a hundred:
/// `SW_LIMIT_IMPORTS=20000 cargo test --package tests quota -- --nocapture`.
const IMPORTS: usize = 28;

/// Filings on their way at once.
const TOGETHER: usize = 64;

/// Two processes hear of purchases of the same people at once, and one of them dies in between, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_over_a_limit_by_two_processes_and_a_kill() {
    let mut first = Sandbox::process(&["--payment-service-name", "one"]).await;
    let second = first.beside(&["--no-agencies", "--payment-service-name", "two"]).await;
    first.may_log_errors = true;
    let windows = [first.connect("agent").await, second.connect("agent").await];
    let imports = std::env::var_os("SW_LIMIT_IMPORTS");
    let imports = imports.and_then(|it| it.to_str()?.parse().ok()).unwrap_or(IMPORTS);
    let people = (imports / 100).max(2);
    let buyers = (0..people).map(|number| person(&format!("11010519950307{number:03}")));
    let buyers: Vec<String> = buyers.collect();
    // 35,000 yuan a person: ten of 2,500 fit, of fourteen; or 74 of 350, of a hundred.
    let each = imports / people;
    let amount_fen = 3_500_000 / i64::try_from(each).expect("a few");
    let fit = 2_600_000 / amount_fen;
    let filings = (0..each * people).map(|number| {
        let declared = buys(&format!("QDRACE{number}"), &buyers[number % people], amount_fen);
        (number, filing(declared))
    });
    let filings: Vec<(usize, v1::SubmitRequest)> = filings.collect();
    let filed = async {
        let mut waiting = FuturesUnordered::new();
        let mut names = Vec::new();
        for (number, request) in filings {
            if waiting.len() == TOGETHER {
                names.extend(waiting.next().await);
            }
            let windows = &windows;
            waiting.push(async move {
                let mut turns = (number..).map(|turn| &windows[turn % windows.len()]);
                let submit = || {
                    let (window, request) = (turns.next().expect("no end"), request.clone());
                    async move { window.declarations().submit(request).await }
                };
                crate::faults::until_answered(submit).await.name
            });
        }
        names.extend(waiting.collect::<Vec<String>>().await);
        names
    };
    let kills = 1 + imports / 2_000;
    let (names, ()) = tokio::join!(filed, async {
        for _ in 0..kills {
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            first.kill();
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            first.spawn();
            first.ready().await;
        }
    });
    let agent = Enterprise(second.connect("agent").await);
    let mut ends = (0_i64, 0_i64);
    for name in &names {
        let record = agent
            .waits(name, |record| {
                matches!(record.state(), v1::State::Released | v1::State::Rejected)
            })
            .await;
        match rejected(&record) {
            None => ends.0 += 1,
            Some(reason) => {
                assert_eq!(reason.code, "1313", "{reason:?}");
                ends.1 += 1;
            }
        }
    }
    let (count, taken) = (i64::try_from(names.len()), fit * i64::try_from(people).expect("a few"));
    assert_eq!(ends, (taken, count.expect("a few") - taken));
    let admin = second.connect("admin").await;
    for buyer in &buyers {
        counts(&admin, buyer, fit * amount_fen).await;
    }
    // Nothing is held for what was rejected, and what is held is free when the bank has paid the bills.
    let accountant = Accountant(admin.clone());
    let held = accountant.open_holds().await.len();
    assert_eq!(i64::try_from(held), Ok(taken));
    moves(&admin, days(32)).await.expect("forward");
    // Of very many it takes its time.
    let patience =
        PATIENCE + std::time::Duration::from_millis(10 * u64::try_from(imports).expect("few"));
    eventually("the bank pays, and nothing is held", patience, async || {
        let held = accountant.open_holds().await.len();
        if held == 0 { Ok(()) } else { Err(held) }
    })
    .await;
    accountant.finds_no_difference().await;
}
