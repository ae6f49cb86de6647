//! Two payment processes on one database and a bank at each: whichever is killed while settlements are executed,
//! every order ends once, nothing is executed twice, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::v1;

use crate::faults::{agency, agency_named, until_answered};
use crate::harness::people::{Enterprise, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};
use crate::journeys::forex::{Treasurer, request_id, sale};

/// Exports with a receipt and an order each.
const EXPORTS: usize = 20;
/// What each of them costs, in US cents.
const CENTS: i64 = 10_000;
/// What the bank does, in turn.
const WORDS: [&str; 4] = ["BANKTWICE", "BANKFEE-BANKSLOW", "BANKPART-BANKTWICE", "BANKREJECT"];

/// Orders the settlement of receipts, now at one process, now at the other; each until it is answered.
async fn order(windows: [client::Window; 2], receipts: Vec<String>, done: Arc<AtomicUsize>) {
    for (number, receipt) in receipts.into_iter().enumerate() {
        let mut turns = (number..).map(|turn| windows[turn % 2].clone());
        let quote = || {
            let window = turns.next().expect("it has no end");
            let request =
                v1::QuoteSettlementRequest { receipt: receipt.clone(), ..Default::default() };
            async move { window.forex().quote_settlement(request).await }
        };
        let quote = until_answered(quote).await.quote.expect("a quote").id;
        let request =
            v1::AcceptQuoteRequest { request_id: request_id(), quote, validate_only: false };
        let mut turns = (number..).map(|turn| windows[turn % 2].clone());
        let accept = || {
            let (window, request) = (turns.next().expect("it has no end"), request.clone());
            async move { window.forex().accept_quote(request).await }
        };
        until_answered(accept).await.settlement.expect("an order");
        done.fetch_add(1, Ordering::Relaxed);
    }
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
async fn every_order_to_settle_ends_once_whichever_payment_process_is_killed() {
    let mut first = Sandbox::process(&["--no-agencies"]).await;
    first.may_log_errors = true;
    let mut names = vec!["--no-agencies"];
    for name in ["--inspection-service-name", "--gateway-name", "--payment-service-name"] {
        names.extend([name, "second"]);
    }
    let mut second = first.beside(&names).await;
    second.may_log_errors = true;
    let _agencies = ["customs", "quarantine", "bank"].map(|name| agency(&first, name));
    let _bank = agency_named(&second, "bank", "second");
    let firm = Enterprise(first.connect("enterprise-a").await);
    let treasurer = Treasurer(first.connect("enterprise-a").await);
    let mut receipts = Vec::new();
    for number in 0..EXPORTS {
        let order_no = format!("SBX-ACCEPT-{}-K{number}", WORDS[number % WORDS.len()]);
        let mut declared = sale(&order_no, CENTS);
        declared.cop_no = format!("K{number}");
        receipts.push(firm.tries(filing(declared)).await.expect("it is valid").name);
    }
    let mut ids = Vec::new();
    for name in receipts {
        ids.push(treasurer.receipt_of(&name).await.id);
    }
    let came = treasurer.balance("USD", v1::Purpose::Settlement).await;

    let done = Arc::new(AtomicUsize::new(0));
    let config = second.config("enterprise-a");
    let other = client::Window::connect(&config).await.expect("it serves");
    let windows = [treasurer.0.clone(), other];
    let load = tokio::spawn(order(windows, ids, Arc::clone(&done)));
    for part in 1..=4 {
        reached(&done, EXPORTS * part / 5).await;
        let killed = if part % 2 == 0 { &mut first } else { &mut second };
        killed.kill();
        // The other one goes on by itself for a while.
        reached(&done, EXPORTS * part / 5 + 1).await;
        killed.spawn();
        killed.ready().await;
    }
    load.await.expect("all was ordered");
    first.kill();
    first.spawn();
    first.ready().await;

    let treasurer = Treasurer(first.connect("enterprise-a").await);
    let settlements = eventually("every order ends", 2 * PATIENCE, async || {
        let found = treasurer.settlements().await;
        let open = found.iter().filter(|it| {
            matches!(it.state(), v1::SettlementState::Ordered | v1::SettlementState::Taken)
        });
        let open = open.count();
        if open == 0 { Ok(found) } else { Err(open) }
    })
    .await;
    assert_eq!(settlements.len(), EXPORTS, "one order each");
    for it in &settlements {
        assert_eq!((it.late_sold, it.late_fen), (0, 0), "executed twice: {it:?}");
        match it.state() {
            v1::SettlementState::Executed => assert_eq!(it.executed_sold, it.sold, "{it:?}"),
            v1::SettlementState::PartlyExecuted => assert_eq!(it.executed_sold, it.sold / 2),
            _ => assert_eq!((it.reason.as_str(), it.executed_sold), ("AM04", 0), "{it:?}"),
        }
    }
    let sold: i64 = settlements.iter().map(|it| it.executed_sold).sum();
    let yuan: i64 = settlements.iter().map(|it| it.executed_fen - it.fee_fen).sum();
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, came - sold);
    assert_eq!(treasurer.balance("CNY", v1::Purpose::Settlement).await, yuan);
    assert_eq!(treasurer.balance("USD", v1::Purpose::Suspense).await, 0);
    let receipts = treasurer.receipts().await;
    assert!(receipts.iter().all(|it| it.ordered == 0), "nothing is held: {receipts:?}");
    let verified = first.command(&["verify", "ledger", "--as", "admin"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let states = |state| settlements.iter().filter(|it| it.state() == state).count();
    println!(
        "forex faults: {} executed, {} in part, {} rejected, 5 kills",
        states(v1::SettlementState::Executed),
        states(v1::SettlementState::PartlyExecuted),
        states(v1::SettlementState::Rejected)
    );
}
