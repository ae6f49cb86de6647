//! Exports and money from abroad: what comes is matched, settled and declared, and everything sums to nothing.

use proto::v1::{self, fact::Kind};
use uuid::Uuid;

use crate::harness::people::{Enterprise, FIRM_A, code, export, filing, finds_no_difference};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// Somebody who looks after the forex of a firm.
pub(crate) struct Treasurer(pub(crate) client::Window);

pub(crate) fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// An export in US dollars, of so many cents.
pub(crate) fn sale(order_no: &str, cents: i64) -> v1::Declaration {
    let mut sale = export(order_no);
    let usd = |amount_e5| Some(v1::Money { currency: "502".into(), amount_e5 });
    sale.logistics_no = order_no.replace("SBX-", "L");
    for line in &mut sale.lines {
        line.qty = Some(v1::Quantity { unit: "007".into(), value_e5: 100_000 });
        (line.price, line.total_price) = (usd(cents * 1_000), usd(cents * 1_000));
    }
    sale
}

impl Treasurer {
    pub(crate) async fn receipts(&self) -> Vec<v1::ForexReceipt> {
        let request = v1::ListForexReceiptsRequest { page_size: 500, ..Default::default() };
        let found = self.0.forex().list_forex_receipts(request).await.expect("it answers");
        found.into_inner().receipts
    }

    /// The receipt that pays a declaration.
    pub(crate) async fn receipt_of(&self, name: &str) -> v1::ForexReceipt {
        eventually("money came for it", PATIENCE, async || {
            let found = self.receipts().await;
            let pays =
                |it: &v1::ForexReceipt| it.matches.iter().any(|part| part.declaration == name);
            found.into_iter().find(pays).ok_or("nothing yet")
        })
        .await
    }

    pub(crate) async fn quote(&self, receipt: &str) -> v1::ForexQuote {
        let request = v1::QuoteSettlementRequest { receipt: receipt.into(), ..Default::default() };
        let found = self.0.forex().quote_settlement(request).await.expect("there is a rate");
        found.into_inner().quote.expect("a quote")
    }

    pub(crate) async fn accepts(&self, quote: &str) -> Result<v1::Settlement, tonic::Status> {
        let request = v1::AcceptQuoteRequest {
            request_id: request_id(),
            quote: quote.into(),
            validate_only: false,
        };
        let done = self.0.forex().accept_quote(request).await?.into_inner();
        Ok(done.settlement.expect("an order"))
    }

    /// Settles what came for a declaration, into yuan.
    pub(crate) async fn settles(&self, declaration: &str) {
        let receipt = self.receipt_of(declaration).await;
        let quote = self.quote(&receipt.id).await;
        let order = self.accepts(&quote.id).await.expect("it is valid");
        assert_eq!(self.ended(&order.id).await.state(), v1::SettlementState::Executed);
    }

    /// The order when the bank has executed or rejected it.
    pub(crate) async fn ended(&self, id: &str) -> v1::Settlement {
        eventually("the bank has done it", PATIENCE, async || {
            let found = self.settlement(id).await;
            match found.state() {
                v1::SettlementState::Ordered | v1::SettlementState::Taken => Err("not yet"),
                _ => Ok(found),
            }
        })
        .await
    }

    pub(crate) async fn settlements(&self) -> Vec<v1::Settlement> {
        let request = v1::ListSettlementsRequest { page_size: 500, ..Default::default() };
        let found = self.0.forex().list_settlements(request).await.expect("it answers");
        found.into_inner().settlements
    }

    pub(crate) async fn settlement(&self, id: &str) -> v1::Settlement {
        let found = self.settlements().await.into_iter().find(|it| it.id == id);
        found.expect("there is such an order")
    }

    pub(crate) async fn assigns(
        &self,
        id: &str,
    ) -> Result<v1::AssignSettlementResponse, tonic::Status> {
        let request = v1::AssignSettlementRequest {
            request_id: request_id(),
            settlement: id.to_owned(),
            ..Default::default()
        };
        Ok(self.0.forex().assign_settlement(request).await?.into_inner())
    }

    pub(crate) async fn balance(&self, currency: &str, purpose: v1::Purpose) -> i64 {
        let request = v1::GetBalanceRequest {
            owner: FIRM_A.to_owned(),
            currency: currency.to_owned(),
            purpose: purpose.into(),
            ..Default::default()
        };
        self.0.payment().get_balance(request).await.expect("it answers").into_inner().balance
    }

    async fn payments(&self) -> Vec<v1::PaymentsRecord> {
        use futures::TryStreamExt as _;
        let request = v1::ExportPaymentsRequest::default();
        let told = self.0.forex().export_payments(request).await.expect("it answers").into_inner();
        told.try_collect().await.expect("to its end")
    }
}

pub(crate) async fn files(firm: &Enterprise, declaration: v1::Declaration) -> String {
    let name = firm.tries(filing(declaration)).await.expect("it is valid").name;
    firm.sees(&name, v1::State::Released).await;
    name
}

#[tokio::test]
async fn money_for_an_export_is_matched_settled_and_declared() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;

    let name = files(&firm, sale("SBX-ACCEPT-BANKFEE-BANKTWICE-FX1", 10_000)).await;
    let receipt = treasurer.receipt_of(&name).await;
    assert_eq!((receipt.amount, receipt.charges, receipt.available), (10_000, 250, 9_750));
    assert_eq!(treasurer.receipts().await.len(), 1, "what the bank says twice came once");
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, 9_750);
    assert_eq!(treasurer.balance("USD", v1::Purpose::Suspense).await, 0);
    assert_eq!(treasurer.balance("USD", v1::Purpose::ForexReceivable).await, 0);

    let quote = treasurer.quote(&receipt.id).await;
    assert_eq!((quote.sold, quote.bought_fen), (9_750, 69_030), "97.50 at 7.08, down");
    let order = treasurer.accepts(&quote.id).await.expect("it binds");
    let twice = treasurer.accepts(&quote.id).await.expect_err("once");
    assert_eq!(code(&twice).0, "SW-1733");
    let done = treasurer.ended(&order.id).await;
    assert_eq!(done.state(), v1::SettlementState::Executed, "{done:?}");
    assert_eq!((done.executed_sold, done.executed_fen, done.fee_fen), (9_750, 69_030, 250));
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, 0);
    assert_eq!(treasurer.balance("CNY", v1::Purpose::Settlement).await, 68_780);

    // The firm and whoever refunds its tax are told by the declaration itself.
    let record = firm.waits(&name, |record| {
        let facts = record.history.iter().flat_map(|entry| &entry.facts);
        facts.filter_map(|fact| fact.kind.as_ref()).any(|fact| {
            matches!(fact, Kind::ReceiptProgress(it) if it.step() == v1::ReceiptStep::Settled
                && (it.due, it.received, it.settled) == (10_000, 10_000, 10_000))
        })
    });
    record.await;
    eventually("the refund knows of the money", PATIENCE, async || {
        let request = v1::ListExportLinesRequest::default();
        let found = treasurer.0.refund().list_export_lines(request).await.expect("it answers");
        let lines = found.into_inner().lines;
        let known = lines.len() == 1 && lines[0].money() == v1::RefundMoney::Settled;
        if known { Ok(()) } else { Err(lines) }
    })
    .await;

    // 9610 through a bank is unclear: it is asked for, never guessed.
    let missing = treasurer.payments().await;
    assert_eq!((missing.len(), missing[0].missing.len()), (1, 1), "{missing:?}");
    let declare = |code: &str| v1::DeclarePaymentRequest {
        request_id: request_id(),
        receipt: receipt.id.clone(),
        code: code.to_owned(),
        ..Default::default()
    };
    let refused = treasurer.0.forex().declare_payment(declare("")).await.expect_err("unclear");
    assert_eq!(code(&refused).0, "SW-1736");
    treasurer.0.forex().declare_payment(declare("122030")).await.expect("it is said");
    let corrected = treasurer.0.forex().declare_payment(declare("121010")).await.expect("again");
    assert_eq!(corrected.into_inner().record.expect("a record").number, 2);
    assert_eq!(treasurer.payments().await[0].code, "121010");
    finds_no_difference(&operator).await;

    let stranger = Treasurer(sandbox.connect("enterprise-b").await);
    assert!(stranger.receipts().await.is_empty(), "another firm sees nothing");
    let request = v1::QuoteSettlementRequest { receipt: receipt.id, ..Default::default() };
    let refused = stranger.0.forex().quote_settlement(request).await.expect_err("not its own");
    assert_eq!(code(&refused).0, "SW-1201");
}

#[tokio::test]
async fn what_the_bank_does_otherwise_leaves_nothing_held() {
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;

    let rejected = files(&firm, sale("SBX-ACCEPT-BANKREJECT-FX2", 20_000)).await;
    let receipt = treasurer.receipt_of(&rejected).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    let done = treasurer.ended(&order.id).await;
    assert_eq!((done.state(), done.reason.as_str()), (v1::SettlementState::Rejected, "AM04"));
    assert_eq!(treasurer.receipt_of(&rejected).await.available, 20_000, "it is free again");

    let parted = files(&firm, sale("SBX-ACCEPT-BANKPART-PAYPART-FX3", 30_000)).await;
    let receipt = treasurer.receipt_of(&parted).await;
    assert_eq!(receipt.amount, 15_000, "in two parts");
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    let done = treasurer.ended(&order.id).await;
    assert_eq!((done.state(), done.executed_sold), (v1::SettlementState::PartlyExecuted, 7_500));

    // What names nothing waits, is matched by hand, taken off again, and matched once more.
    let unnamed = files(&firm, sale("SBX-ACCEPT-UNNAMED-FX4", 40_000)).await;
    let waiting = eventually("it came", PATIENCE, async || {
        let found = treasurer.receipts().await.into_iter().find(|it| it.amount == 40_000);
        found.ok_or("nothing yet")
    })
    .await;
    assert_eq!(waiting.state(), v1::ForexReceiptState::Unmatched);
    assert_eq!(waiting.why, "its texts name no order and no announced payment that is known");
    let by_hand = |declaration: &str| v1::MatchReceiptRequest {
        request_id: request_id(),
        receipt: waiting.id.clone(),
        declarations: vec![declaration.to_owned()],
        validate_only: false,
    };
    let refused = treasurer.0.forex().match_receipt(by_hand(&rejected)).await.expect_err("paid");
    assert_eq!(code(&refused).0, "SW-1735");
    treasurer.0.forex().match_receipt(by_hand(&unnamed)).await.expect("it fits");
    let undo = v1::UnmatchReceiptRequest {
        request_id: request_id(),
        receipt: waiting.id.clone(),
        ..Default::default()
    };
    // What it would be is said with what the firm would have, and nothing is done.
    let forex = |found: &[v1::Account], purpose: v1::Purpose| {
        let account = found.iter().find(|it| it.currency == "USD" && it.purpose() == purpose);
        account.map_or(0, |it| it.balance)
    };
    let only =
        v1::UnmatchReceiptRequest { request_id: request_id(), validate_only: true, ..undo.clone() };
    let lying = treasurer.balance("USD", v1::Purpose::Settlement).await;
    let would = treasurer.0.forex().unmatch_receipt(only).await.expect("it can be").into_inner();
    let state = would.receipt.as_ref().map(v1::ForexReceipt::state);
    assert_eq!(state, Some(v1::ForexReceiptState::Unmatched));
    assert_eq!(forex(&would.accounts, v1::Purpose::Settlement), lying - 40_000, "{would:?}");
    assert_eq!(forex(&would.accounts, v1::Purpose::Suspense), 40_000, "{would:?}");
    assert_eq!(treasurer.balance("USD", v1::Purpose::Settlement).await, lying);
    let now = treasurer.receipts().await.into_iter().find(|it| it.id == waiting.id);
    assert_eq!(now.expect("it is there").state(), v1::ForexReceiptState::Matched);
    let undone = treasurer.0.forex().unmatch_receipt(undo).await.expect("nothing was settled");
    assert_eq!(undone.into_inner().accounts, would.accounts, "as it was said");
    let done = treasurer.0.forex().match_receipt(by_hand(&unnamed)).await.expect("again");
    assert_eq!(done.into_inner().receipt.expect("a receipt").available, 40_000);
    let keep = v1::KeepReceiptRequest {
        request_id: request_id(),
        receipt: waiting.id.clone(),
        ..Default::default()
    };
    let only =
        v1::KeepReceiptRequest { request_id: request_id(), validate_only: true, ..keep.clone() };
    let would = treasurer.0.forex().keep_receipt(only).await.expect("it can").into_inner();
    assert_eq!(would.receipt.expect("a receipt").kept, 40_000);
    let now = treasurer.receipts().await.into_iter().find(|it| it.id == waiting.id);
    assert_eq!(now.expect("it is there").kept, 0, "it was only asked");
    let kept = treasurer.0.forex().keep_receipt(keep).await.expect("it stays").into_inner();
    assert_eq!(kept.receipt.expect("a receipt").kept, 40_000);

    // A quote binds for a minute: afterwards there is a fresh one.
    let quote = treasurer.quote(&treasurer.receipt_of(&rejected).await.id).await;
    let to = Some(v1::move_clock_request::To::AdvanceSeconds(61));
    operator.sandbox().move_clock(v1::MoveClockRequest { to }).await.expect("forward");
    let refused = treasurer.accepts(&quote.id).await.expect_err("it does not bind any more");
    let (refusal, facts) = code(&refused);
    assert_eq!(refusal, "SW-1731");
    // It comes with the refusal, and binds.
    let fresh = facts.get("quote").expect("a fresh quote");
    assert_ne!(*fresh, quote.id);
    let order = treasurer.accepts(fresh).await.expect("it binds");
    assert_eq!((order.id.as_str(), order.sold), (fresh.as_str(), 20_000));
    treasurer.ended(&order.id).await;
    finds_no_difference(&operator).await;

    // Class C settles nothing that is not registered.
    let request = v1::SetForexFirmRequest {
        request_id: request_id(),
        owner: FIRM_A.to_owned(),
        supervision_class: v1::SupervisionClass::C.into(),
        is_listed: true,
        channel: v1::ForexChannel::BankOnTransactions.into(),
        validate_only: true,
        is_institution_unlisted: false,
    };
    operator.forex().set_forex_firm(request.clone()).await.expect("it could be said");
    treasurer.quote(&treasurer.receipt_of(&rejected).await.id).await;
    let request =
        v1::SetForexFirmRequest { request_id: request_id(), validate_only: false, ..request };
    operator.forex().set_forex_firm(request.clone()).await.expect("the operator says it");
    let receipt = treasurer.receipt_of(&rejected).await.id;
    let rule = async || {
        let receipt = receipt.clone();
        let request = v1::QuoteSettlementRequest { receipt, ..Default::default() };
        let refused = treasurer.0.forex().quote_settlement(request).await.expect_err("a rule");
        let (refusal, facts) = code(&refused);
        assert_eq!(refusal, "SW-1732");
        facts["rule"].clone()
    };
    assert_eq!(rule().await, "FX-09");
    // Only what the operator says is registered, and only by him.
    let register = |number: &str, validate_only| v1::RegisterReceiptRequest {
        request_id: request_id(),
        receipt: receipt.clone(),
        number: number.to_owned(),
        validate_only,
    };
    let refused = operator.forex().register_receipt(register(" ", false)).await.expect_err("none");
    assert_eq!(code(&refused).0, "SW-2001");
    let own = treasurer.0.forex().register_receipt(register("汇登1", false)).await;
    assert_eq!(code(&own.expect_err("a firm does not")).0, "SW-1303");
    operator.forex().register_receipt(register("汇登1", true)).await.expect("it could be");
    assert_eq!(rule().await, "FX-09", "it was only asked");
    operator.forex().register_receipt(register("汇登1", false)).await.expect("it is");
    assert_eq!(treasurer.quote(&receipt).await.sold, 20_000);
    // A payment institution has to be listed.
    let request = v1::SetForexFirmRequest {
        request_id: request_id(),
        supervision_class: v1::SupervisionClass::A.into(),
        channel: v1::ForexChannel::Institution.into(),
        is_institution_unlisted: true,
        ..request
    };
    operator.forex().set_forex_firm(request).await.expect("the operator says it");
    assert!(rule().await.contains("FX-02"));
}

/// An entry of a statement: its day, cents that came or went, what the bank kept, its reference, and an order.
type DollarEntry<'a> = (&'a str, i64, i64, &'a str, &'a str);

/// A statement of the firm's account in US dollars, of the day of its last entry.
fn statement_of(entries: &[DollarEntry<'_>]) -> String {
    use domain::payment::ledger::Currency;
    use domain::payment::statement::{
        Balance, EntryState, Statement, StatementEntry, StatementKind,
    };
    let date = |text: &str| domain::payment::parameters::date(text).expect("a day");
    let day = entries.iter().map(|it| date(it.0)).max().expect("there are entries");
    let entry = |&(booked, cents, charges, reference, order): &DollarEntry<'_>| StatementEntry {
        currency: Currency::Usd,
        amount: cents.abs(),
        is_credit: cents > 0,
        is_reversal: false,
        state: EntryState::Booked,
        booked: Some(date(booked)),
        valued: Some(date(booked)),
        charges,
        reference: reference.to_owned(),
        end_to_end: order.to_owned(),
        party: String::new(),
        texts: Vec::new(),
        return_reason: String::new(),
    };
    let balance = |amount| Some(Balance { amount, day: Some(day) });
    let statement = Statement {
        kind: StatementKind::Statement,
        number: "2026-1".to_owned(),
        account: format!("{FIRM_A}-USD"),
        day: Some(day),
        currency: Some(Currency::Usd),
        opening: balance(0),
        closing: balance(entries.iter().map(|it| it.1).sum()),
        entries: entries.iter().map(entry).collect(),
    };
    let created = day.midnight().assume_utc();
    let head = proto::bank::StatementNotice { is_early: false, message_id: "S1", created };
    proto::bank::write_statements(head, &[statement]).expect("a statement")
}

#[tokio::test]
async fn a_statement_from_outside_is_compared_with_what_the_window_has() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let settled = files(&firm, sale("SBX-ACCEPT-BANKFEE-REC1", 10_000)).await;
    treasurer.settles(&settled).await;
    let (settled, order) =
        (treasurer.receipt_of(&settled).await, treasurer.settlements().await.remove(0));
    let other = files(&firm, sale("SBX-ACCEPT-REC2", 20_000)).await;
    let other = treasurer.receipt_of(&other).await;
    let net = settled.amount - settled.charges;
    assert!(settled.charges > 0 && order.executed_sold == net, "{settled:?} {order:?}");
    let id = order.id.replace('-', "");
    let (day, next) = (settled.booked.as_str(), other.booked.as_str());
    let came = (day, net, settled.charges, settled.reference.as_str(), "");
    let second = (next, 20_000, 0, other.reference.as_str(), "");
    let sold = (next, -net, 0, "FX1", id.as_str());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().display().to_string();
    let compared = |entries: &[DollarEntry<'_>]| {
        std::fs::write(&file, statement_of(entries)).expect("ours");
        let pay = ["--as", "enterprise-a", "pay", "reconcile", "--output", "json", &path];
        let output = sandbox.command(&pay);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let rows: Vec<serde_json::Value> = rows.collect();
        let rows = rows.into_iter().map(|it| (it["state"].to_string(), it["record"].to_string()));
        (output.status.code(), rows.collect::<Vec<_>>())
    };
    let of = |state: &str, record: &str| (format!("\"{state}\""), format!("\"{record}\""));
    let all = [of("agrees", &settled.id), of("agrees", &other.id), of("agrees", &order.id)];
    assert_eq!(compared(&[came, second, sold]), (Some(0), all.to_vec()));
    // One is missing, one was never told to the window, one has other charges, and less was sold.
    let charged = (day, net, settled.charges + 1, settled.reference.as_str(), "");
    let less = (next, -net + 100, 0, "FX1", id.as_str());
    let found = compared(&[charged, (next, 123, 0, "X1", ""), less]);
    let wrong = [
        of("differs", &settled.id),
        of("unknown", ""),
        of("differs", &order.id),
        of("missing", &other.id),
    ];
    assert_eq!(found, (Some(1), wrong.to_vec()));
}

#[tokio::test]
async fn what_is_missing_is_a_fee_within_the_tolerance_and_still_due_beyond_it() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;
    let sale_of = async |name: &str| {
        let found = treasurer.0.forex().list_sales(v1::ListSalesRequest::default()).await;
        let sales = found.expect("it answers").into_inner().sales;
        sales.into_iter().find(|it| it.declaration == name)
    };
    // 5.00 a receipt (`receipt.tolerance_hundredths`): 95.00 of 100.00 is all of it, 94.99 is not.
    for (order, cents, fee) in
        [("SBX-ACCEPT-NOPAY-TOL1", 9_500, 500), ("SBX-ACCEPT-NOPAY-TOL2", 9_499, 0)]
    {
        let name = files(&firm, sale(order, 10_000)).await;
        eventually("it is due", PATIENCE, async || {
            let found = sale_of(&name).await;
            let is_due = found.as_ref().is_some_and(|it| it.state() == v1::SaleState::Released);
            if is_due { Ok(()) } else { Err(found) }
        })
        .await;
        let document = notice_of((FIRM_A, order), cents, &format!("payment of {order}"));
        let request = v1::TakeBankFileRequest { document, ..Default::default() };
        operator.forex().take_bank_file(request).await.expect("a notice");
        let receipt = treasurer.receipt_of(&name).await;
        assert_eq!((receipt.matches[0].amount, receipt.matches[0].fee), (cents, fee), "{order}");
        let sale = sale_of(&name).await.expect("it is there");
        assert_eq!((sale.amount, sale.received), (10_000, cents + fee), "{order}");
    }
    let open = v1::ListSalesRequest { only_open: true, ..Default::default() };
    let open = treasurer.0.forex().list_sales(open).await.expect("it answers").into_inner().sales;
    let open: Vec<_> = open.iter().map(|it| it.order_no.as_str()).collect();
    assert_eq!(open, ["SBX-ACCEPT-NOPAY-TOL2"], "5.01 are still to come");
    finds_no_difference(&operator).await;
}

#[tokio::test]
async fn money_that_the_bank_takes_back_or_executes_late_is_never_lost() {
    use v1::Purpose::{ForexReceivable, Settlement, Suspense};
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;

    // It came, was matched, and is taken back: the export is due again.
    let back = files(&firm, sale("SBX-ACCEPT-BANKBACK-FX6", 10_000)).await;
    let receipt = treasurer.receipt_of(&back).await;
    let receipt = eventually("the bank takes it back", PATIENCE, async || {
        let found = treasurer.receipts().await.into_iter().find(|it| it.id == receipt.id);
        let found = found.expect("it does not go away");
        if found.state() == v1::ForexReceiptState::Reversed { Ok(found) } else { Err(found) }
    })
    .await;
    assert_eq!((receipt.matches.len(), receipt.available), (0, 0), "{receipt:?}");
    assert_eq!(receipt.why, "the bank took it back");
    assert_eq!(treasurer.balance("USD", ForexReceivable).await, 10_000, "due again");
    assert_eq!(treasurer.balance("USD", Settlement).await, 0);
    assert_eq!(treasurer.balance("USD", Suspense).await, 0);

    // The bank rejects an order, and executes it all the same.
    let late = files(&firm, sale("SBX-ACCEPT-BANKLATE-FX7", 20_000)).await;
    let receipt = treasurer.receipt_of(&late).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    assert_eq!(treasurer.ended(&order.id).await.state(), v1::SettlementState::Rejected);
    assert_eq!(code(&treasurer.assigns(&order.id).await.expect_err("nothing yet")).0, "SW-1733");
    let order = eventually("it is executed late", PATIENCE, async || {
        let found = treasurer.settlement(&order.id).await;
        if found.late_fen > 0 { Ok(found) } else { Err(found) }
    })
    .await;
    assert_eq!((order.late_sold, order.late_fen), (20_000, 141_600), "200.00 at 7.08");
    assert!(order.why.starts_with("the bank executed it after"), "{}", order.why);
    assert_eq!(order.state(), v1::SettlementState::Rejected);
    assert_eq!(treasurer.balance("USD", Suspense).await, -20_000, "it left");
    assert_eq!(treasurer.balance("CNY", Suspense).await, 141_600, "it came");
    finds_no_difference(&operator).await;
    // A second order for the same money, which the bank rejects before it executes it.
    let quote = treasurer.quote(&receipt.id).await;
    let second = treasurer.accepts(&quote.id).await.expect("it is free");
    assert_eq!(treasurer.ended(&second.id).await.state(), v1::SettlementState::Rejected);
    let done = treasurer.assigns(&order.id).await.expect("it is free again");
    let order = done.settlement.expect("an order");
    assert_eq!((order.state(), order.executed_sold), (v1::SettlementState::Executed, 20_000));
    assert_eq!((order.late_sold, order.late_fen, order.why.as_str()), (0, 0, ""));
    let receipt = treasurer.receipt_of(&late).await;
    assert_eq!((receipt.settled, receipt.available), (20_000, 0));
    // The second order is executed late, too: there is no money left that it could be for.
    eventually("so is the second one", PATIENCE, async || {
        let found = treasurer.settlement(&second.id).await;
        if found.late_fen > 0 { Ok(()) } else { Err(found) }
    })
    .await;
    assert_eq!(code(&treasurer.assigns(&second.id).await.expect_err("spent")).0, "SW-1734");
    assert_eq!(treasurer.balance("USD", Suspense).await, -20_000);
    assert_eq!(treasurer.balance("CNY", Settlement).await, 141_600);
    finds_no_difference(&operator).await;
    let stranger = Treasurer(sandbox.connect("enterprise-b").await);
    assert_eq!(code(&stranger.assigns(&second.id).await.expect_err("not its own")).0, "SW-1201");
}

#[tokio::test]
async fn money_that_goes_back_after_it_was_settled_is_a_debt_of_the_firm() {
    use v1::Purpose::{ForexReceivable, ReversalPayable, Settlement};
    let sandbox = Sandbox::with(&[]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;
    let name = files(&firm, sale("SBX-ACCEPT-BANKRECALL-FX8", 10_000)).await;
    let receipt = treasurer.receipt_of(&name).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    assert_eq!(treasurer.ended(&order.id).await.state(), v1::SettlementState::Executed);
    let declare = async |code: &str| {
        let request = v1::DeclarePaymentRequest {
            request_id: request_id(),
            receipt: receipt.id.clone(),
            code: code.to_owned(),
            ..Default::default()
        };
        let done = treasurer.0.forex().declare_payment(request).await.expect("it is complete");
        done.into_inner().record.expect("a record")
    };
    let declared = declare("122030").await;
    assert_eq!((declared.number, declared.is_refund), (1, false));
    let stands = async |state: v1::ForexReceiptState, owed: i64| {
        eventually("the receipt stands so", PATIENCE, async || {
            let found = treasurer.receipts().await.into_iter().find(|it| it.id == receipt.id);
            let found = found.expect("it does not go away");
            if (found.state(), found.owed) == (state, owed) { Ok(found) } else { Err(found) }
        })
        .await
    };
    let owed = stands(v1::ForexReceiptState::Owed, 10_000).await;
    assert_eq!((owed.settled, owed.available, owed.matches.len()), (10_000, 0, 0), "{owed:?}");
    assert!(owed.why.ends_with("100.00 USD are owed to it"), "{}", owed.why);
    assert_eq!(treasurer.balance("USD", ReversalPayable).await, -10_000);
    assert_eq!(treasurer.balance("USD", Settlement).await, 0);
    assert_eq!(treasurer.balance("CNY", Settlement).await, 70_800, "what was settled stays");
    assert_eq!(treasurer.balance("USD", ForexReceivable).await, 10_000, "due again");
    firm.waits(&name, |record| {
        let facts = record.history.iter().flat_map(|entry| &entry.facts);
        facts.filter_map(|fact| fact.kind.as_ref()).any(|fact| {
            matches!(fact, Kind::ReceiptProgress(it) if it.step() == v1::ReceiptStep::Reversed
                && (it.received, it.settled) == (0, 0)
                && it.text.ends_with("3702960001 owes its bank 100.00 USD"))
        })
    })
    .await;
    finds_no_difference(&operator).await;
    // In the balance of payments it went back: that is to be declared, under the original code.
    let record = treasurer.payments().await.pop().expect("one receipt");
    assert!(record.is_refund && record.declared_time.is_none(), "{record:?}");
    assert_eq!((record.code.as_str(), record.missing.len()), ("122030", 0), "{record:?}");
    // The same as a file for the bank as long as it is not declared, whatever language is spoken.
    let undeclared = |args: &[&str]| {
        let args = [&["--as", "enterprise-a", "pay", "bop", "--missing", "--output", "csv"], args];
        let output = sandbox.command(&args.concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let fields = [
        &record.receipt,
        &record.booked,
        "USD",
        "100.00",
        "122030",
        &record.country,
        &record.note,
        &record.declared_until,
        "",
        "",
    ];
    let header = "receipt,booked,currency,amount,code,country,note,until,declared,missing";
    assert_eq!(undeclared(&[]), format!("{header}\n{}\n", fields.join(",")));
    assert_eq!(undeclared(&["--language", "zh"]), undeclared(&[]), "a program reads it");
    let refund = declare("").await;
    assert_eq!(undeclared(&[]).lines().count(), 1, "nothing is left but the heads");
    assert_eq!((refund.number, refund.is_refund, refund.code.as_str()), (2, true, "122030"));
    assert_eq!(refund.note, format!("退款 {}", declared.note));
    assert_eq!(treasurer.payments().await, [refund], "the newest counts");

    // The firm pays a part of it, and the rest; what the bank says twice counts once.
    for (reference, cents, state, left) in [
        ("REPAY1", 4_000, v1::ForexReceiptState::Owed, 6_000),
        ("REPAY1", 4_000, v1::ForexReceiptState::Owed, 6_000),
        ("REPAY2", 6_000, v1::ForexReceiptState::Reversed, 0),
    ] {
        let text = format!("cover of {}", receipt.reference);
        let document = notice_of((FIRM_A, reference), cents, &text);
        let request = v1::TakeBankFileRequest { document, ..Default::default() };
        operator.forex().take_bank_file(request).await.expect("a statement");
        stands(state, left).await;
        assert_eq!(treasurer.balance("USD", ReversalPayable).await, -left);
    }
    assert_eq!(treasurer.receipts().await.len(), 1, "no money from abroad");
    finds_no_difference(&operator).await;

    // What was only ordered when it was taken back is free when the bank rejects the order: that covers the debt.
    let name = files(&firm, sale("SBX-ACCEPT-BANKSLOW-BANKREJECT-FX9", 20_000)).await;
    let receipt = treasurer.receipt_of(&name).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    let document = statement((FIRM_A, "BACK9"), 20_000, &receipt.reference, true);
    let only = v1::TakeBankFileRequest { document: document.clone(), validate_only: true };
    let would = operator.forex().take_bank_file(only).await.expect("it is one").into_inner();
    assert_eq!((would.taken, would.repeated), (1, 0), "{would:?}");
    let request = v1::TakeBankFileRequest { document, ..Default::default() };
    let taken = operator.forex().take_bank_file(request).await.expect("a statement").into_inner();
    assert_eq!(taken.taken, 1, "{taken:?}");
    assert_eq!(treasurer.ended(&order.id).await.state(), v1::SettlementState::Rejected);
    let found = treasurer.receipts().await.into_iter().find(|it| it.id == receipt.id);
    let found = found.expect("it does not go away");
    assert_eq!((found.state(), found.owed), (v1::ForexReceiptState::Reversed, 0), "{found:?}");
    assert_eq!(treasurer.balance("USD", Settlement).await, 0);
    assert_eq!(treasurer.balance("USD", ReversalPayable).await, 0);
    finds_no_difference(&operator).await;
}

/// The bank's notice of so many US cents that came for nothing that it names.
fn notice(cents: i64) -> String {
    notice_of((FIRM_A, "MANY1"), cents, "goods")
}

/// The bank's notice of US cents that came to a firm, under a reference, with a text.
fn notice_of((owner, reference): (&str, &str), cents: i64, text: &str) -> String {
    statement((owner, reference), cents, text, false)
}

/// The bank's notice of US cents that came to a firm, or that it takes back.
fn statement((owner, reference): (&str, &str), cents: i64, text: &str, is_back: bool) -> String {
    use domain::payment::ledger::Currency;
    use domain::payment::statement::{EntryState, Statement, StatementEntry, StatementKind};
    let at = time::macros::datetime!(2026-11-24 08:00 UTC);
    let entry = StatementEntry {
        currency: Currency::Usd,
        amount: cents,
        is_credit: !is_back,
        is_reversal: is_back,
        state: EntryState::Booked,
        booked: Some(at.date()),
        valued: Some(at.date()),
        charges: 0,
        reference: reference.to_owned(),
        end_to_end: String::new(),
        party: "Sample Buyer".to_owned(),
        texts: vec![text.to_owned()],
        return_reason: String::new(),
    };
    let statement = Statement {
        kind: StatementKind::Notice,
        number: reference.to_owned(),
        account: format!("{owner}-USD"),
        day: Some(at.date()),
        currency: Some(Currency::Usd),
        opening: None,
        closing: None,
        entries: vec![entry],
    };
    let head = proto::bank::StatementNotice { is_early: true, message_id: reference, created: at };
    proto::bank::write_statements(head, &[statement]).expect("a notice")
}

/// A payment firm collects from buyers and pays several orders by one transfer, which names only its own number. What
/// it announced (CEB403) says for which orders, and how much.
#[tokio::test(flavor = "multi_thread")]
async fn money_that_a_payment_firm_announced_is_found_by_its_number() {
    use crate::harness::national::{Erp, app_time, export as national_export, guid};
    use proto::ceb::Document;
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let firm = Enterprise(sandbox.connect("agent").await);
    let operator = sandbox.connect("admin").await;
    let treasurer = Treasurer(sandbox.connect("admin").await);
    let sales = async || {
        let found = operator.forex().list_sales(v1::ListSalesRequest::default()).await;
        found.expect("it answers").into_inner().sales
    };
    let pays = async |reference: &str, cents: i64, text: &str| {
        let document = notice_of(("3702960015", reference), cents, text);
        let request = v1::TakeBankFileRequest { document, ..Default::default() };
        operator.forex().take_bank_file(request).await.expect("a statement");
    };
    // Money that came before anybody said what it is for.
    pays("EARLY1", 1_000, "collected PAY-EARLY-1").await;
    let mut exports = ["SBX-ACCEPT-NOPAY-A1", "SBX-ACCEPT-NOPAY-A2"].map(national_export);
    for (export, charge) in exports.iter_mut().zip([2_000_000, 1_500_000]) {
        (export.money.pay_no, export.money.charge) = ("PAY-2026-77".to_owned(), charge);
        let [order, waybill, inventory] = export.all();
        for document in [Document::Ceb403(export.money.clone()), order, waybill, inventory] {
            erp.sends(&[document]).await;
        }
    }
    for export in &exports {
        let order_no = &export.order.head.order_no;
        assert_eq!(erp.hears(404, order_no, 120).await, [2, 3, 120]);
        let found = erp.documents(order_no).await;
        let inventory = found.into_iter().find(|record| record.message_type == 603).expect("kept");
        firm.sees(&inventory.declaration, v1::State::Released).await;
    }
    let announced = async || {
        let mut found: Vec<i64> = sales().await.iter().map(|it| it.announced).collect();
        found.sort_unstable();
        found
    };
    eventually("both are announced", PATIENCE, async || {
        let found = announced().await;
        if found == [1_500, 2_000] { Ok(()) } else { Err(found) }
    })
    .await;
    // A change (appType 2) takes the place of what was said.
    let money = &mut exports[1].money;
    (money.app_type, money.app_time, money.guid, money.charge) =
        ("2".to_owned(), app_time(20), guid(), 1_200_000);
    erp.sends(&[Document::Ceb403(money.clone())]).await;
    eventually("it is another amount", PATIENCE, async || {
        let found = announced().await;
        if found == [1_200, 2_000] { Ok(()) } else { Err(found) }
    })
    .await;
    pays("BATCH1", 3_200, "collected PAY-2026-77").await;
    let batch = treasurer.receipts().await.into_iter().find(|it| it.reference == "BATCH1");
    let batch = batch.expect("it came");
    let mut parts: Vec<i64> = batch.matches.iter().map(|it| it.amount).collect();
    parts.sort_unstable();
    assert_eq!(parts, [1_200, 2_000], "to each what was announced: {batch:?}");
    // The rest of the second one is announced later than its money came.
    let mut late = exports[1].money.clone();
    (late.app_type, late.app_time, late.guid) = ("1".to_owned(), app_time(21), guid());
    (late.pay_no, late.charge) = ("PAY-EARLY-1".to_owned(), 1_000_000);
    erp.sends(&[Document::Ceb403(late.clone())]).await;
    let early = eventually("what came early is matched", PATIENCE, async || {
        let found = treasurer.receipts().await.into_iter().find(|it| it.reference == "EARLY1");
        let found = found.expect("it came");
        if found.state() == v1::ForexReceiptState::Matched { Ok(found) } else { Err(found) }
    })
    .await;
    assert_eq!((early.matches.len(), early.matches[0].amount), (1, 1_000));
    // Deleted, it is announced no more; what was matched stays.
    (late.app_type, late.app_time, late.guid) = ("3".to_owned(), app_time(22), guid());
    erp.sends(&[Document::Ceb403(late)]).await;
    eventually("it is announced no more", PATIENCE, async || {
        let found = announced().await;
        if found == [1_200, 2_000] { Ok(()) } else { Err(found) }
    })
    .await;
    finds_no_difference(&operator).await;
}

/// Exports that one receipt pays; `SW_RECEIPT_EXPORTS=2000` for the large one.
const EXPORTS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_may_pay_many_exports() {
    let exports = std::env::var_os("SW_RECEIPT_EXPORTS");
    let exports = exports.and_then(|it| it.to_str()?.parse().ok()).unwrap_or(EXPORTS);
    // A large one has a database of its own.
    let sandbox =
        if exports > EXPORTS { Sandbox::alone(&[]).await } else { Sandbox::process(&[]).await };
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let operator = sandbox.connect("admin").await;
    let mut names = Vec::new();
    for number in 0..exports {
        let order_no = format!("SBX-ACCEPT-NOPAY-M{number}");
        names.push(firm.tries(filing(sale(&order_no, 100))).await.expect("it is valid").name);
    }
    for name in &names {
        firm.sees(name, v1::State::Released).await;
    }
    let document = notice(100 * i64::try_from(exports).expect("a few"));
    operator
        .forex()
        .take_bank_file(v1::TakeBankFileRequest { document, ..Default::default() })
        .await
        .expect("a statement");
    let receipt = treasurer.receipts().await.pop().expect("it came");
    let start = std::time::Instant::now();
    let request = v1::MatchReceiptRequest {
        request_id: request_id(),
        receipt: receipt.id.clone(),
        declarations: names,
        validate_only: false,
    };
    let matched = treasurer.0.forex().match_receipt(request).await.expect("it fits").into_inner();
    let (matched, took) = (matched.receipt.expect("a receipt"), start.elapsed());
    assert_eq!(matched.matches.len(), exports);
    let start = std::time::Instant::now();
    let keep = v1::KeepReceiptRequest {
        request_id: request_id(),
        receipt: receipt.id,
        ..Default::default()
    };
    treasurer.0.forex().keep_receipt(keep).await.expect("it stays");
    println!("{exports} exports: matched in {took:?}, kept in {:?}", start.elapsed());
    let settled = treasurer.0.forex().list_sales(v1::ListSalesRequest::default()).await;
    let sales = settled.expect("it answers").into_inner().sales;
    assert!(sales.iter().all(|it| (it.received, it.settled) == (100, 100)), "{sales:?}");
    finds_no_difference(&operator).await;
}
