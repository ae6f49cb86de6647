//! Imports and money: what is secured is released and billed, what is short waits until money comes, what ends
//! frees what was held.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use proto::v1::{self, fact::Kind};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::harness::http::Http;
use crate::harness::people::{
    Enterprise, FIRM_A, code, count, filing, finds_no_difference, import,
};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually, output, workspace};

/// The customs code of the sandbox's `enterprise-b`, whose guarantee has 10 yuan.
const FIRM_B: &str = "3702960002";

/// The tax of an import of 410.00 yuan (G1 of the golden vectors).
const TAX_FEN: i64 = 3_731;

/// Somebody who asks the payment service.
pub(super) struct Accountant(pub(super) client::Window);

impl Accountant {
    pub(super) async fn guarantee(&self, owner: &str) -> v1::Account {
        let request = v1::ListAccountsRequest { owner: owner.to_owned(), ..Default::default() };
        let found = self.0.payment().list_accounts(request).await.expect("it answers").into_inner();
        let mut accounts = found.accounts.into_iter();
        accounts.find(|it| it.purpose() == v1::Purpose::Guarantee).expect("there is a guarantee")
    }

    pub(super) async fn account(&self, owner: &str, purpose: v1::Purpose) -> i64 {
        let request = v1::GetBalanceRequest {
            owner: owner.to_owned(),
            purpose: purpose.into(),
            ..Default::default()
        };
        let found = self.0.payment().get_balance(request).await.expect("it answers");
        found.into_inner().balance
    }

    async fn duty(&self, name: &str) -> v1::GetDutyResponse {
        let request = v1::GetDutyRequest { declaration: name.to_owned(), version: 0 };
        self.0.payment().get_duty(request).await.expect("there is a duty").into_inner()
    }

    async fn bill(&self, name: &str) -> Option<v1::Bill> {
        let request = v1::GetBillRequest { declaration: name.to_owned() };
        let found = self.0.payment().get_bill(request).await.ok()?;
        found.into_inner().bill
    }

    pub(super) async fn open_holds(&self) -> Vec<v1::Hold> {
        let state = v1::HoldState::Open.into();
        let mut request = v1::ListHoldsRequest { state, page_size: 1_000, ..Default::default() };
        let mut holds = Vec::new();
        loop {
            let page = self.0.payment().list_holds(request.clone()).await.expect("it answers");
            let page = page.into_inner();
            holds.extend(page.holds);
            if page.next_page_token.is_empty() {
                return holds;
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn deposits(&self, owner: &str, amount_fen: i64) -> v1::Account {
        let request = v1::DepositRequest {
            request_id: Uuid::now_v7().to_string(),
            owner: owner.to_owned(),
            amount_fen,
            reference: "银行流水 1".to_owned(),
            validate_only: false,
        };
        let done = self.0.payment().deposit(request).await.expect("it is lodged").into_inner();
        done.account.expect("the account")
    }

    /// Every entry is recomputed, and every currency sums to nothing.
    pub(super) async fn finds_no_difference(&self) -> i64 {
        finds_no_difference(&self.0).await
    }
}

fn secured(fact: &Kind) -> bool {
    matches!(fact, Kind::StandChanged(it) if it.who() == v1::Participant::Duty
        && it.stand() == v1::Stand::Cleared)
}

fn short(facts: &[Kind]) -> Option<&v1::DutyProgress> {
    facts.iter().find_map(|fact| match fact {
        Kind::DutyProgress(moved) if moved.step() == v1::DutyStep::Short => Some(moved),
        _ => None,
    })
}

/// Everything that happened to a declaration.
fn facts(record: &v1::DeclarationRecord) -> Vec<Kind> {
    let facts = record.history.iter().flat_map(|entry| &entry.facts);
    facts.filter_map(|fact| fact.kind.clone()).collect()
}

pub(super) async fn files(firm: &Enterprise, declaration: v1::Declaration) -> String {
    firm.tries(filing(declaration)).await.expect("it is valid").name
}

#[tokio::test]
async fn an_import_is_released_when_its_duty_is_secured_and_has_a_bill() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let operator = Accountant(sandbox.connect("admin").await);
    let before = eventually("the sandbox begins with money", PATIENCE, async || {
        let request = v1::ListAccountsRequest::default();
        let found = accountant.0.payment().list_accounts(request).await;
        let accounts = found.expect("it answers").into_inner().accounts;
        if accounts.is_empty() { Err("no account yet") } else { Ok(accounts[0].available) }
    })
    .await;

    let name = files(&firm, import("QD-PAY-1", FIRM_A, 41_000)).await;
    let seen = firm.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, secured), 1, "{seen:#?}");
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::Released(_))), 1);
    let at = |is: fn(&Kind) -> bool| seen.iter().position(is).expect("it happened");
    assert!(at(secured) < at(|fact| matches!(fact, Kind::Released(_))), "secured before released");

    // The bill says what is owed, and why; what was held for it stays held.
    let bill = eventually("a bill is made", PATIENCE, async || {
        accountant.bill(&name).await.ok_or("no bill")
    })
    .await;
    assert_eq!((bill.customs_tax_fen, bill.vat_fen, bill.consumption_fen), (0, TAX_FEN, 0));
    assert_eq!((bill.payer.as_str(), bill.status()), (FIRM_A, v1::BillStatus::MadeOut));
    assert_eq!(bill.tax_no, format!("T{}", bill.invt_no));
    assert_eq!(bill.lines.len(), 1);
    let told = firm.waits(&name, |record| {
        let billed =
            |fact: &Kind| matches!(fact, Kind::DutyProgress(it) if it.step() == v1::DutyStep::Billed);
        facts(record).iter().any(billed)
    });
    told.await;
    let guarantee = accountant.guarantee(FIRM_A).await;
    assert_eq!((guarantee.held_debits, guarantee.available), (TAX_FEN, before - TAX_FEN));
    assert_eq!(accountant.account(FIRM_A, v1::Purpose::DutyPayable).await, -TAX_FEN);
    let treasury = operator.account("TREASURY", v1::Purpose::Revenue).await;
    assert_eq!(treasury, TAX_FEN);

    // A balance at a time: of what counted until then, and of what was written until then.
    let entries = v1::ListEntriesRequest { declaration: name.clone(), ..Default::default() };
    let entries = accountant.0.payment().list_entries(entries).await.expect("it answers");
    let entries = entries.into_inner().entries;
    let made = entries.iter().find(|it| it.event == "bill.made_out").expect("the bill moved it");
    assert_eq!((made.declaration.as_str(), made.bill.clone()), (&*name, format!("{name}/bill")));
    let (counts, written) = (made.effective_time, made.recorded_time);
    let nanos = |time: Option<pbjson_types::Timestamp>| {
        time.map(|it| i128::from(it.seconds) * 1_000_000_000 + i128::from(it.nanos))
    };
    assert!(nanos(counts) < nanos(written), "{made:?}");
    let before = counts.map(|it| pbjson_types::Timestamp { seconds: it.seconds - 1, ..it });
    for (effective_time, recorded_time, expected) in [
        (counts, None, -TAX_FEN),
        (before, None, 0),
        (None, counts, 0),
        (counts, counts, 0),
        (None, written, -TAX_FEN),
    ] {
        let request = v1::GetBalanceRequest {
            owner: FIRM_A.to_owned(),
            purpose: v1::Purpose::DutyPayable.into(),
            effective_time,
            recorded_time,
            ..Default::default()
        };
        let found = accountant.0.payment().get_balance(request).await.expect("it answers");
        let found = found.into_inner().balance;
        assert_eq!(found, expected, "{effective_time:?} {recorded_time:?}");
    }

    // It explains itself, and nobody else is told.
    let duty = accountant.duty(&name).await;
    assert_eq!(duty.applies, "WITHIN");
    assert_eq!(duty.within.expect("a tree").result_fen, TAX_FEN);
    assert_eq!(duty.duty.expect("a duty").state(), v1::DutyState::Billed);
    let stranger = sandbox.connect("enterprise-b").await;
    let asked = v1::GetDutyRequest { declaration: name.clone(), version: 0 };
    let refused = stranger.payment().get_duty(asked).await.expect_err("another firm");
    assert_eq!(code(&refused).0, "SW-1201");
    let asked = v1::ListEntriesRequest { owner: FIRM_A.to_owned(), ..Default::default() };
    let refused = stranger.payment().list_entries(asked).await.expect_err("another firm");
    assert_eq!(code(&refused).0, "SW-1201");
    assert_eq!(operator.finds_no_difference().await, 5, "three to begin with, a hold and a bill");
    for (owner, from_slot) in [("", 256), (FIRM_A, 1)] {
        let asked = v1::VerifyLedgerRequest { owner: owner.to_owned(), from_slot };
        let refused = operator.0.payment().verify_ledger(asked).await.expect_err("no such slot");
        assert_eq!(code(&refused).0, "SW-2006", "{owner} {from_slot}");
    }
    // An export has nothing to do with the guarantee; its own money is another matter.
    let name = firm.files("QD-PAY-2").await.name;
    firm.sees(&name, v1::State::Released).await;
    assert_eq!(accountant.guarantee(FIRM_A).await, guarantee);
    operator.finds_no_difference().await;
}

#[tokio::test]
async fn who_has_too_little_is_told_with_figures_and_goes_on_when_money_comes() {
    let sandbox = Sandbox::start().await;
    let agent = Enterprise(sandbox.connect("agent").await);
    let firm = Accountant(sandbox.connect("enterprise-b").await);
    let operator = Accountant(sandbox.connect("admin").await);
    let name = files(&agent, import("QD-SHORT-1", FIRM_B, 41_000)).await;
    let record = agent.waits(&name, |record| {
        let waits = record.waits_for.len() == 1;
        waits
            && short(&facts(record)).is_some_and(|it| {
                assert_eq!((it.code.as_str(), it.assure_code.as_str()), ("SW-1702", FIRM_B));
                assert_eq!(
                    (it.amount_fen, it.available_fen, it.missing_fen),
                    (TAX_FEN, 1_000, TAX_FEN - 1_000)
                );
                true
            })
    });
    let record = record.await;
    assert_eq!(record.waits_for, [i32::from(v1::Awaited::Duty)], "only the duty is missing");
    assert_eq!(record.state(), v1::State::UnderReview);
    assert_eq!(firm.guarantee(FIRM_B).await.held_debits, 0);
    // What it would be is said without being done.
    let ask = |amount_fen, validate_only| v1::DepositRequest {
        request_id: Uuid::now_v7().to_string(),
        owner: String::new(),
        amount_fen,
        reference: String::new(),
        validate_only,
    };
    let would = firm.0.payment().deposit(ask(5_000, true)).await.expect("it is right").into_inner();
    assert_eq!(would.account.expect("the account").available, 6_000);
    assert_eq!(firm.guarantee(FIRM_B).await.available, 1_000);
    // A fen too little, and then enough; the same request again has no second effect.
    assert_eq!(firm.deposits(FIRM_B, TAX_FEN - 1_001).await.available, TAX_FEN - 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(agent.reads(&name).await.state(), v1::State::UnderReview);
    let last = ask(1, false);
    let done = firm.0.payment().deposit(last.clone()).await.expect("it is lodged").into_inner();
    assert!(!done.repeated);
    let seen = agent.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, secured), 1);
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::Released(_))), 1);
    let again = firm.0.payment().deposit(last.clone()).await.expect("it is known").into_inner();
    assert!(again.repeated);
    let account = again.account.expect("the account");
    assert_eq!((account.balance, account.available), (TAX_FEN, 0));
    let other = v1::DepositRequest { amount_fen: 2, ..last };
    let refused = firm.0.payment().deposit(other).await.expect_err("another one");
    assert_eq!(code(&refused).0, "SW-1101");
    operator.finds_no_difference().await;
}

#[tokio::test]
async fn a_guarantee_that_is_nearly_used_up_is_told_with_what_is_left() {
    let sandbox = Sandbox::start().await;
    let agent = Enterprise(sandbox.connect("agent").await);
    let firm = Accountant(sandbox.connect("enterprise-b").await);
    // 46.00 yuan: 8.69 are left of it, which is less than a fifth.
    firm.deposits(FIRM_B, 3_600).await;
    let name = files(&agent, import("QD-LOW-1", FIRM_B, 41_000)).await;
    agent
        .waits(&name, |record| {
            facts(record).iter().any(|fact| match fact {
                Kind::DutyProgress(it) if it.step() == v1::DutyStep::Low => {
                    assert_eq!(it.available_fen, 4_600 - TAX_FEN, "{it:?}");
                    true
                }
                _ => false,
            })
        })
        .await;
    // Whoever stands for the tax of another one's declaration is told on its own watch; once, and again after it rose.
    let beginning = v1::WatchRequest { resume_token: "beginning".to_owned(), ..Default::default() };
    let news = firm.0.declarations().watch(beginning).await;
    let mut news = news.expect("its own").into_inner();
    let mut next = async || {
        let low = async {
            loop {
                let told = news.message().await.expect("it goes on").expect("it does not end");
                for fact in told.facts.into_iter().filter_map(|fact| fact.kind) {
                    if let Kind::DutyProgress(it) = fact
                        && it.step() == v1::DutyStep::Low
                    {
                        return (told.name, it.available_fen, it.text);
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, low).await.expect("it is told")
    };
    let (about, left, text) = next().await;
    assert_eq!((about.as_str(), left), (name.as_str(), 4_600 - TAX_FEN), "{text}");
    assert!(text.ends_with("has 8.69 of 46 CNY left, less than 20 %"), "{text}");
    // 8.60 more are held, so that it falls to the next level; nothing is told when money comes.
    let second = files(&agent, import("QD-LOW-3", FIRM_B, 9_450)).await;
    let (about, left, _) = next().await;
    assert_eq!((about.as_str(), left), (second.as_str(), 9));
    firm.deposits(FIRM_B, 10_000).await;
    let third = files(&agent, import("QD-LOW-4", FIRM_B, 100_000)).await;
    let (about, left, _) = next().await;
    assert_eq!((about.as_str(), left), (third.as_str(), 10_009 - 9_100), "again after it rose");
    // A letter of guarantee comes and goes: that is a fall as well.
    let line = async |fen: i64| {
        let request = v1::SetCreditLineRequest {
            request_id: Uuid::now_v7().to_string(),
            owner: FIRM_B.to_owned(),
            amount_fen: fen,
            ..Default::default()
        };
        firm.0.payment().set_credit_line(request).await.expect("in a sandbox it may");
    };
    line(100_000).await;
    line(0).await;
    let (about, left, _) = next().await;
    assert_eq!((about.as_str(), left), (third.as_str(), 909), "by the import secured last");
    // One with enough is told nothing.
    let name = files(&agent, import("QD-LOW-2", FIRM_A, 41_000)).await;
    let seen = agent.sees(&name, v1::State::Released).await;
    let low =
        |fact: &Kind| matches!(fact, Kind::DutyProgress(it) if it.step() == v1::DutyStep::Low);
    assert_eq!(count(&seen, low), 0);
}

#[tokio::test]
async fn a_firm_that_the_sandbox_does_not_know_gets_a_credit_line_once() {
    const FIRM_C: &str = "3702960077";
    let sandbox = Sandbox::start().await;
    let agent = Enterprise(sandbox.connect("agent").await);
    let operator = Accountant(sandbox.connect("admin").await);
    let name = files(&agent, import("QD-NEW-1", FIRM_C, 41_000)).await;
    agent.sees(&name, v1::State::Released).await;
    let account = operator.guarantee(FIRM_C).await;
    assert_eq!((account.balance, account.held_debits), (0, TAX_FEN));
    // A line that was taken away is not given again.
    let request = v1::SetCreditLineRequest {
        request_id: Uuid::now_v7().to_string(),
        owner: FIRM_C.to_owned(),
        ..Default::default()
    };
    operator.0.payment().set_credit_line(request).await.expect("what is held stays held");
    let second = files(&agent, import("QD-NEW-2", FIRM_C, 41_000)).await;
    agent.waits(&second, |record| short(&facts(record)).is_some()).await;
    operator.finds_no_difference().await;
}

#[tokio::test]
async fn what_ends_or_changes_frees_what_was_held() {
    let sandbox = Sandbox::start().await;
    let agent = Enterprise(sandbox.connect("agent").await);
    let firm = Accountant(sandbox.connect("enterprise-b").await);
    firm.deposits(FIRM_B, TAX_FEN - 1_000).await;
    // Customs says nothing, so that only the enterprise ends it.
    let name = files(&agent, import("SBX-SILENT-1", FIRM_B, 41_000)).await;
    let is_secured =
        |record: &v1::DeclarationRecord| !record.waits_for.contains(&i32::from(v1::Awaited::Duty));
    agent.waits(&name, is_secured).await;
    assert_eq!(firm.guarantee(FIRM_B).await.available, 0);
    // A second one has to wait for the first one.
    let second = files(&agent, import("QD-SECOND-1", FIRM_B, 41_000)).await;
    eventually("the second one waits for money", PATIENCE, async || {
        let duty = firm.duty_or_nothing(&second).await;
        if duty == Some(v1::DutyState::Short) { Ok(()) } else { Err(duty) }
    })
    .await;
    // A cheaper version needs less.
    let cheaper = import("SBX-SILENT-1", FIRM_B, 20_000);
    agent.amends(&name, 1, cheaper).await.expect("it is under review");
    eventually("the new version is held", PATIENCE, async || {
        let held = firm.guarantee(FIRM_B).await.held_debits;
        if held == 1_820 { Ok(()) } else { Err(held) }
    })
    .await;
    agent.withdraws(&name, 2).await.expect("it is under review");
    agent.sees(&second, v1::State::Released).await;
    let holds = firm.open_holds().await;
    assert_eq!(holds.len(), 1, "{holds:#?}");
    assert_eq!((holds[0].declaration.as_str(), holds[0].amount), (second.as_str(), TAX_FEN));
    // The goods of one that customs rejects are not paid for either.
    let rejected = files(&agent, import("SBX-REJECT1300-1", FIRM_A, 41_000)).await;
    agent.sees(&rejected, v1::State::Rejected).await;
    let operator = Accountant(sandbox.connect("admin").await);
    eventually("nothing is held for it", PATIENCE, async || {
        let holds = operator.open_holds().await;
        if holds.len() == 1 { Ok(()) } else { Err(holds) }
    })
    .await;
    operator.finds_no_difference().await;
}

impl Accountant {
    async fn duty_or_nothing(&self, name: &str) -> Option<v1::DutyState> {
        let request = v1::GetDutyRequest { declaration: name.to_owned(), version: 0 };
        let found = self.0.payment().get_duty(request).await.ok()?.into_inner();
        found.duty.map(|duty| duty.state())
    }
}

#[tokio::test]
async fn what_cannot_be_taxed_is_named_and_waits_for_a_new_version() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let mut unknown = import("QD-UNKNOWN-1", FIRM_A, 41_000);
    unknown.lines[0].gcode = "9999999999".to_owned();
    let name = files(&firm, unknown).await;
    firm.waits(&name, |record| {
        facts(record).iter().any(|fact| match fact {
            Kind::DutyProgress(it) => {
                assert_eq!((it.step(), it.code.as_str()), (v1::DutyStep::Unassessed, "SW-1715"));
                assert!(it.text.contains("9999999999"), "{}", it.text);
                true
            }
            _ => false,
        })
    })
    .await;
    firm.amends(&name, 1, import("QD-UNKNOWN-1", FIRM_A, 41_000)).await.expect("it is open");
    firm.sees(&name, v1::State::Released).await;
}

/// What an import would cost, as it is asked of the window.
async fn calculated(
    window: &client::Window,
    declaration: v1::Declaration,
    day: &str,
) -> v1::CalculateDutyResponse {
    let declaration = Some(declaration);
    let request = v1::CalculateDutyRequest { declaration, day: day.to_owned() };
    window.payment().calculate_duty(request).await.expect("it answers").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_would_cost_is_said_before_it_is_filed() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let parcel = import("QD-CALC-1", FIRM_A, 41_000);
    let told = calculated(&firm.0, parcel.clone(), "").await;
    assert_eq!(told.applies, "WITHIN");
    let (within, full) = (told.within.clone().expect("a tree"), told.full.clone().expect("a tree"));
    // 410.00 with a duty of 12 % and 13 % of VAT: 49.20 and 59.70.
    assert_eq!((within.result_fen, full.result_fen), (TAX_FEN, 4_920 + 5_970));
    assert_eq!((told.missing.len(), told.refusal.clone(), told.remarks.len()), (0, None, 0));
    // Nothing is kept; what is filed then costs that, by the same steps.
    let duties = firm.0.payment().list_duties(v1::ListDutiesRequest::default()).await;
    assert_eq!(duties.expect("it answers").into_inner().duties, []);
    let name = files(&firm, parcel.clone()).await;
    firm.sees(&name, v1::State::Released).await;
    let filed = accountant.duty(&name).await;
    assert_eq!((filed.within, filed.full), (told.within, told.full));

    // By the numbers of another day: 17 % of VAT.
    let then = calculated(&firm.0, parcel.clone(), "2018-04-30").await;
    assert_eq!(then.within.expect("a tree").result_fen, 4_879);
    assert_eq!(then.day, "2018-04-30");
    // All that is missing is named, with its field.
    let mut lacking = parcel.clone();
    lacking.freight = None;
    lacking.lines[0].gcode = "9999999999".to_owned();
    let lacks = calculated(&firm.0, lacking, "").await;
    assert_eq!((lacks.within, lacks.full, lacks.applies.as_str()), (None, None, ""));
    let fields: Vec<_> = lacks.missing.iter().map(|it| (&*it.code, &*it.field)).collect();
    let expected = [("SW-2001", "declaration.freight"), ("SW-2005", "declaration.lines[0].gcode")];
    assert_eq!(fields, expected);
    // Above the single limit with two pieces customs would refuse it; both ways are told all the same.
    let mut two = import("QD-CALC-2", FIRM_A, 500_001);
    two.lines[0].qty = Some(v1::Quantity { unit: "011".into(), value_e5: 200_000 });
    let refused = calculated(&firm.0, two, "").await;
    assert_eq!(refused.refusal.expect("above the limit").code, "-621005");
    assert!(refused.applies.is_empty() && refused.within.is_some() && refused.full.is_some());

    let mut long = parcel.clone();
    long.lines = vec![parcel.lines[0].clone(); 100];
    for (declaration, day, expected) in [
        (None, "", "SW-2001"),
        (Some(parcel.clone()), "2026-02-30", "SW-2021"),
        (Some(long), "", "SW-1008"),
    ] {
        let request = v1::CalculateDutyRequest { declaration, day: day.to_owned() };
        let refused = firm.0.payment().calculate_duty(request).await.expect_err("it is wrong");
        assert_eq!(code(&refused).0, expected);
    }
    let site = sandbox.connect("site").await;
    let request =
        v1::CalculateDutyRequest { declaration: Some(parcel.clone()), ..Default::default() };
    let forbidden = site.payment().calculate_duty(request).await.expect_err("it counts goods");
    assert_eq!(code(&forbidden).0, "SW-1303");

    // The same in JSON over HTTP, and on the command line.
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("enterprise-a")).await;
    let body = serde_json::json!({ "declaration": parcel, "day": "2018-04-30" }).to_string();
    let answer =
        http.call("POST", "/v1/duties:calculate", "application/json", body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer}");
    let told = answer.json();
    assert_eq!(
        (&told["applies"], &told["within"]["resultFen"]),
        (&"WITHIN".into(), &"4879".into())
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, serde_json::to_string(&parcel).expect("JSON")).expect("ours");
    let path = file.path().display().to_string();
    let pay = ["--as", "enterprise-a", "pay", "calculate", &path];
    let shown = |args: &[&str]| {
        let output = sandbox.command(&[&pay[..], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (exit, text) = shown(&[]);
    assert_eq!(exit, Some(0), "{text}");
    for part in ["37.31", "108.90", "410 × 13 % × 70 %"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("410 × 12 %") && shown(&["--both"]).1.contains("410 × 12 %"), "{text}");
    let (_, rows) = shown(&["--output", "csv", "--on", "2018-04-30"]);
    assert!(rows.contains(",QD-CALC-1,2018-04-30,48.79,") && rows.contains(",WITHIN,"), "{rows}");
    std::fs::write(
        &file,
        serde_json::to_string(&parcel).expect("JSON").replace("2106909090", "9999999999"),
    )
    .expect("ours");
    // What is refused is said beside the answers, as by every command.
    let output = sandbox.command(&pay);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && text.contains("lines[0].gcode"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tariff_of_ones_own_is_what_imports_are_taxed_by() {
    // The sample, in which our goods have the reduced rate.
    let sample = include_str!("../../services/domain/data/sample-tariff.toml");
    let at = sample.find("code = \"2106909090\"").expect("a row");
    let (before, row) = sample.split_at(at);
    let ours = format!("{before}{}", row.replacen("vat.general_bp", "vat.reduced_bp", 1));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("our-tariff.toml");
    std::fs::write(&file, &ours).expect("ours");
    let path = file.display().to_string();
    let sandbox = Sandbox::with(&["--import-tax", &path]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let parcel = import("QD-OWN-1", FIRM_A, 41_000);
    let told = calculated(&firm.0, parcel.clone(), "").await;
    // 410.00 with 9 % and 70 %.
    assert_eq!(told.within.as_ref().expect("a tree").result_fen, 2_583);
    let name = files(&firm, parcel).await;
    firm.sees(&name, v1::State::Released).await;
    let bill = eventually("a bill is made", PATIENCE, async || {
        accountant.bill(&name).await.ok_or("no bill")
    })
    .await;
    assert_eq!(bill.vat_fen, 2_583);
    // What is kept with it says by which files, and when each number was compared with the law.
    let duty = accountant.duty(&name).await;
    let digest = format!("{:x}", Sha256::digest(ours.as_bytes()));
    let names: Vec<_> = duty.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["our-tariff.toml", "import-tax.toml", "sample-import-list.toml"]);
    assert_eq!((&duty.files[0].sha256, &duty.files), (&digest, &told.files));
    let read = &duty.within.expect("a tree").steps[0].parameters[0];
    assert_eq!((read.name.as_str(), read.verified), ("vat.reduced_bp", false));
    assert!(read.checked_on.starts_with("20"), "{read:?}");
    let shown = sandbox.command(&["--as", "enterprise-a", "pay", "duty", &name]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("by our-tariff.toml {}", &digest[..12])), "{shown}");

    // Without a window the same; a file with faults is refused with all of them.
    let explain = ["tax", "--import-tax", &path, "explain", "--output", "json"];
    let example = workspace().join("docs/examples/import-9610.json").display().to_string();
    let told = sandbox.command(&[&explain[..], &[&example]].concat());
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(
        (&told["files"][0]["sha256"], &told["within"]["lines"][0]["vat_fen"]),
        (&digest.into(), &1_694.into())
    );
    let wrong =
        ours.replacen("duty_bp = 1000", "duty_bp = 10%", 1).replacen("= \"sample\"", "= sample", 1);
    std::fs::write(&file, wrong).expect("ours");
    let other = data_dir();
    let mut start = std::process::Command::new(binary());
    start.args(["sandbox", "--quiet", "--listen", "127.0.0.1:0", "--import-tax", &path]);
    let refused = output(start.arg("--data-dir").arg(other.path()));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    for part in ["our-tariff.toml: line ", "duty_bp = 10%", "= sample"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let refused = sandbox.command(&["tax", "--import-tax", &path, "rates"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("duty_bp = 10%"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn duties_are_computed_again_and_what_comes_out_otherwise_is_named() {
    let mut sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    // Two lines with freight to share, and one.
    let mut two: v1::Declaration =
        serde_json::from_str(include_str!("../../docs/examples/import-9610.json")).expect("ours");
    two.order_no = "QD-AGAIN-1".to_owned();
    two.cop_no = "QDAGAIN1".to_owned();
    two.logistics_no = "LAGAIN1".to_owned();
    let first = files(&firm, two).await;
    let second = files(&firm, import("QD-AGAIN-2", FIRM_A, 41_000)).await;
    for name in [&first, &second] {
        firm.sees(name, v1::State::Released).await;
    }
    let verified = |sandbox: &Sandbox, args: &[&str]| {
        let output = sandbox.command(&[&["verify", "duties"], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(
        verified(&sandbox, &[]),
        (Some(0), "2 duties recomputed, no difference\n".to_owned())
    );
    let asked = v1::VerifyDutiesRequest::default();
    let forbidden = firm.0.payment().verify_duties(asked).await.expect_err("it is no operator");
    assert_eq!(code(&forbidden).0, "SW-1303");
    // A page at a time each is there once.
    let admin = sandbox.connect("admin").await;
    let mut asked = v1::VerifyDutiesRequest { page_size: 1, ..Default::default() };
    let mut pages = Vec::new();
    loop {
        let page = admin.payment().verify_duties(asked.clone()).await.expect("it answers");
        let page = page.into_inner();
        pages.push(page.recomputed);
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = page.next_page_token;
    }
    assert_eq!(pages.iter().sum::<i64>(), 2, "{pages:?}");

    // A duty that says something else than its calculation.
    let mut database = sandbox.database().await;
    let id = second.trim_start_matches("declarations/").to_owned();
    sqlx::query(
        "update payment.duty set amount_fen = amount_fen + 1 where declaration_id = $1::uuid",
    )
    .bind(&id)
    .execute(&mut database)
    .await
    .expect("the column is there");
    let (exit, text) = verified(&sandbox, &[]);
    assert_eq!(exit, Some(1), "{text}");
    for part in [
        second.as_str(),
        "by the same files",
        "the duty is 37.32, and its calculation comes to 37.31",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(&first), "{text}");
    sqlx::query(
        "update payment.duty set amount_fen = amount_fen - 1 where declaration_id = $1::uuid",
    )
    .bind(&id)
    .execute(&mut database)
    .await
    .expect("the column is there");

    // What cannot be read is named, and those behind it are computed all the same.
    let damage =
        "update payment.duty_trace set body = '\\xff' || body where declaration_id = $1::uuid";
    let mend =
        "update payment.duty_trace set body = substr(body, 2) where declaration_id = $1::uuid";
    let both = [&first, &second].map(|it| it.trim_start_matches("declarations/"));
    sqlx::query(damage).bind(both[0]).execute(&mut database).await.expect("it is there");
    let (exit, text) = verified(&sandbox, &[]);
    assert!(exit == Some(1) && text.contains("2 duties recomputed, 1 come"), "{exit:?} {text}");
    assert!(text.contains(&first) && text.contains("cannot be read"), "{text}");
    sqlx::query(mend).bind(both[0]).execute(&mut database).await.expect("it is there");
    assert_eq!(verified(&sandbox, &[]).0, Some(0));

    // A tariff that was put right: the rate of one kind of goods, at every import of it.
    let sample = include_str!("../../services/domain/data/sample-tariff.toml");
    let (before, row) = sample.split_at(sample.find("code = \"4202320000\"").expect("a row"));
    let file = sandbox.directory.path().join("corrected.toml");
    std::fs::write(
        &file,
        format!("{before}{}", row.replacen("vat.general_bp", "vat.reduced_bp", 1)),
    )
    .expect("ours");
    sandbox.stop().expect("it runs").expect("in order");
    sandbox.args = ["--import-tax".to_owned(), file.display().to_string()].into();
    sandbox.spawn();
    sandbox.ready().await;
    let (exit, text) = verified(&sandbox, &["--output", "json"]);
    assert_eq!(exit, Some(1), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let found = told["differences"].as_array().expect("a list");
    assert_eq!((found.len(), &told["recomputed"]), (1, &"2".into()), "{text}");
    assert_eq!(found[0]["declaration"], first);
    // 278.18 with 9 instead of 13 %: 17.53 for 25.31.
    assert_eq!(
        (&found[0]["kept_fen"], &found[0]["computed_fen"]),
        (&"4977".into(), &"4199".into())
    );
    assert_eq!(found[0]["by_other_files"], true);
    let texts = found[0]["texts"].to_string();
    assert!(texts.contains("VAT: 25.31 was kept, 17.53 comes out"), "{texts}");
}

#[tokio::test]
async fn an_import_without_money_by_its_order_number_is_secured_when_anything_is_lodged() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let name = files(&firm, import("SBX-NOMONEY-1", FIRM_A, 41_000)).await;
    let record = firm.waits(&name, |record| {
        short(&facts(record)).is_some_and(|it| {
            assert_eq!(
                (it.code.as_str(), it.available_fen, it.missing_fen),
                ("SW-1702", 0, TAX_FEN)
            );
            record.waits_for.len() == 1
        })
    });
    assert_eq!(record.await.state(), v1::State::UnderReview);
    // The firm has enough, so every other import goes on.
    let other = files(&firm, import("QD-MONEY-1", FIRM_A, 41_000)).await;
    firm.sees(&other, v1::State::Released).await;
    accountant.deposits(FIRM_A, 1).await;
    let seen = firm.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, secured), 1);
}

#[tokio::test]
async fn a_bonded_import_is_taxed_like_a_direct_one_and_may_bring_more_goods() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    let bonded: v1::Declaration =
        serde_json::from_str(include_str!("../../docs/examples/import-1210.json")).expect("ours");
    assert_eq!(bonded.trade_mode, "1210");
    // The same goods as a parcel from abroad.
    let mut direct = import("QD-DIRECT-1", FIRM_A, 36_000);
    direct.lines.clone_from(&bonded.lines);
    // 360.00 with 13 % and 70 %: 3.60 a gram is less than the 10 from which on cosmetics owe consumption tax.
    for (declaration, tax) in [(bonded.clone(), 3_276), (direct.clone(), 3_276)] {
        let told = calculated(&firm.0, declaration.clone(), "").await;
        assert_eq!(told.within.expect("a tree").result_fen, tax);
        let name = files(&firm, declaration).await;
        firm.sees(&name, v1::State::Released).await;
        let bill = eventually("a bill is made", PATIENCE, async || {
            accountant.bill(&name).await.ok_or("no bill")
        })
        .await;
        assert_eq!((bill.vat_fen, bill.consumption_fen, bill.customs_tax_fen), (tax, 0, 0));
    }
    let guarantee = accountant.guarantee(FIRM_A).await;
    assert_eq!(guarantee.held_debits, 2 * 3_276, "both on one guarantee");
    // Rice within the quota may only come out of a bonded zone: the list says so, and of nothing else.
    let remarks = async |mut declaration: v1::Declaration| {
        declaration.lines[0].gcode = "1006302001".to_owned();
        let told = calculated(&firm.0, declaration, "").await;
        told.remarks.into_iter().map(|it| it.text).collect::<Vec<_>>()
    };
    assert_eq!(remarks(bonded).await, [""; 0]);
    let told = remarks(direct).await;
    assert_eq!(told, ["line 1: 1006302001 is only allowed as bonded import (1210)"]);
}

#[tokio::test]
async fn a_ledger_that_differs_from_its_entries_ends_the_command_with_one() {
    let sandbox = Sandbox::start().await;
    let accountant = Accountant(sandbox.connect("enterprise-a").await);
    accountant.deposits(FIRM_A, 12_345).await;
    let verified = || {
        let output = sandbox.command(&["verify", "ledger"]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (exit, text) = verified();
    assert!(exit == Some(0) && text.contains("no difference"), "{exit:?} {text}");
    let mut database = sandbox.database().await;
    // The triggers of the table name others of its schema.
    let schema = "set search_path = payment";
    sqlx::query(schema).execute(&mut database).await.expect("there is one");
    let planted = sqlx::query(
        "update account set credits = credits + 1, debits = debits + 1
         where owner = $1 and purpose = 1",
    );
    let planted = planted.bind(FIRM_A).execute(&mut database).await;
    assert_eq!(planted.expect("the columns are there").rows_affected(), 1);
    let (exit, text) = verified();
    assert_eq!(exit, Some(1), "{text}");
    let slot = domain::Slot::of(FIRM_A).number();
    assert!(text.starts_with(&format!("slot {slot} differs: ")) && text.contains(FIRM_A), "{text}");
}

/// Firms share the load; one of them has to wait for its money in between.
async fn load(windows: &[client::Window], imports: usize) -> Vec<String> {
    let filings: Vec<v1::SubmitRequest> = (0..imports)
        .map(|number| {
            let firm = if number % 4 == 0 { FIRM_B } else { FIRM_A };
            filing(import(&format!("QDLOAD{number}"), firm, 10_000))
        })
        .collect();
    let mut waiting = FuturesUnordered::new();
    for (number, request) in filings.into_iter().enumerate() {
        waiting.push(async move {
            // The same request, now to one process, now to the other.
            let mut turns = (number..).map(|turn| &windows[turn % windows.len()]);
            let submit = || {
                let (window, request) = (turns.next().expect("no end"), request.clone());
                async move { window.declarations().submit(request).await }
            };
            crate::faults::until_answered(submit).await.name
        });
    }
    let mut names = Vec::new();
    while let Some(name) = waiting.next().await {
        names.push(name);
    }
    names
}

/// Each was released once, its tax is held and billed, and everything sums to nothing.
async fn books_balance(sandbox: &Sandbox, names: &[String]) {
    let operator = Accountant(sandbox.connect("admin").await);
    let agent = Enterprise(sandbox.connect("agent").await);
    for name in names {
        let seen = agent.sees(name, v1::State::Released).await;
        assert_eq!(count(&seen, |fact| matches!(fact, Kind::Released(_))), 1, "{name}");
        assert_eq!(count(&seen, secured), 1, "{name}");
    }
    eventually("every one has its bill", PATIENCE, async || {
        let request = v1::ListBillsRequest { page_size: 1_000, ..Default::default() };
        let bills = operator.0.payment().list_bills(request).await.expect("it answers");
        let count = bills.into_inner().bills.len();
        if count == names.len() { Ok(()) } else { Err(count) }
    })
    .await;
    let holds = operator.open_holds().await;
    let held: std::collections::HashSet<&str> =
        holds.iter().map(|hold| hold.declaration.as_str()).collect();
    assert_eq!((holds.len(), held.len()), (names.len(), names.len()), "one hold each");
    operator.finds_no_difference().await;
    let tax: i64 = holds.iter().map(|hold| hold.amount).sum();
    assert_eq!(operator.account("TREASURY", v1::Purpose::Revenue).await, tax);
}

/// Two processes have a payment service each; one is killed in the middle and comes back.
#[tokio::test]
async fn two_processes_and_a_kill_lose_and_double_nothing() {
    let mut first = Sandbox::process(&["--payment-service-name", "one"]).await;
    let second = first.beside(&["--no-agencies", "--payment-service-name", "two"]).await;
    first.may_log_errors = true;
    let windows = [first.connect("agent").await, second.connect("agent").await];
    let firm = Accountant(second.connect("enterprise-b").await);
    let imports = 60;
    let (names, ()) = tokio::join!(load(&windows, imports), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        firm.deposits(FIRM_B, 5_000).await;
        first.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.spawn();
        first.ready().await;
        firm.deposits(FIRM_B, 20_000).await;
    });
    assert_eq!(names.len(), imports);
    books_balance(&second, &names).await;
}
