//! Files of banks: every fault at once with its place, nothing panics, and what is written is read again as it
//! was.

use std::collections::BTreeSet;

use domain::payment::ledger::Currency;
use domain::payment::statement::{
    Balance, Bookings, EntryState, EntryUse, Statement, StatementEntry, StatementKind, sort,
};
use proptest::prelude::*;
use proto::bank::{
    AccountNumber, BankFile, BankParty, PaymentBatch, PaymentOrder, PaymentStatus, Report,
    StatementNotice, Transfer, csv, read, write_order, write_report, write_statements,
};
use time::macros::{date, datetime};

const SAMPLE: &str = include_str!("../../docs/examples/bank/camt053.xml");
const SPREADSHEET: &str = include_str!("../../docs/examples/bank/statement.csv");

fn statements(text: &str) -> Vec<Statement> {
    match read(text.as_bytes()) {
        Ok(BankFile::Statements(statements)) => statements,
        other => panic!("{other:?}"),
    }
}

/// Code, line and element of each fault.
fn faults(text: &str) -> Vec<String> {
    let faults = read(text.as_bytes()).expect_err("something is wrong");
    assert!(faults.iter().all(|fault| !fault.text.is_empty() && !fault.text_zh.is_empty()));
    let told = |fault: &proto::ceb::MessageFault| {
        format!("{} {} {}", fault.code.id(), fault.line, fault.element)
    };
    faults.iter().map(told).collect()
}

/// The sample with a change, which must be one.
fn changed(from: &str, to: &str) -> String {
    let text = SAMPLE.replacen(from, to, 1);
    assert_ne!(text, SAMPLE, "{from} does not stand there");
    text
}

#[test]
fn a_statement_is_read_entry_by_entry() {
    let read = statements(SAMPLE);
    let [statement] = &read[..] else { panic!("{read:?}") };
    assert_eq!(
        (statement.account.as_str(), statement.number.as_str()),
        ("37150100000000001234", "226")
    );
    assert_eq!(statement.opening.map(|balance| balance.amount), Some(100_000));
    assert_eq!(statement.closing.map(|balance| balance.amount), Some(155_450));
    assert_eq!(statement.entries.len(), 8, "the batch is two");
    let first = &statement.entries[0];
    assert_eq!((first.amount, first.charges, first.is_credit), (9_750, 200, true));
    assert_eq!((first.party.as_str(), first.reference.as_str()), ("Example Imports Ltd", "BK0001"));
    assert_eq!((first.end_to_end.as_str(), first.booked), ("", Some(date!(2026 - 11 - 24))));
    assert_eq!(first.texts, ["payment for order QD-A-1, thank you"]);
    assert_eq!((statement.entries[4].amount, statement.entries[5].amount), (8_000, 3_700));
    let returned = &statement.entries[6];
    assert_eq!((returned.is_reversal, returned.return_reason.as_str()), (true, "AC04"));
    assert_eq!(statement.entries[7].state, EntryState::Pending);
}

#[test]
fn two_equal_bookings_are_two_and_a_statement_that_comes_twice_is_one() {
    let read = statements(SAMPLE);
    let known = BTreeSet::from(["QD-A-1", "QD-B-1", "QD-B-2", "QD-C-1", "QD-D-1", "QD-E-1"]);
    let uses = |statements: &[Statement]| -> Vec<&'static str> {
        let sorted = sort(statements, &known, &mut Bookings::default());
        sorted
            .iter()
            .map(|sorted| match &sorted.usage {
                EntryUse::Receipt(line) if line.order_nos.is_empty() => "receipt of nothing",
                EntryUse::Receipt(_) => "receipt",
                EntryUse::Repeated => "repeated",
                EntryUse::Paid => "paid",
                EntryUse::Reversal => "reversal",
                EntryUse::NotBooked => "not booked",
            })
            .collect()
    };
    let once = [
        "receipt",
        "receipt",
        "receipt",
        "receipt",
        "receipt",
        "receipt of nothing",
        "reversal",
        "not booked",
    ];
    assert_eq!(uses(&read), once);
    let twice = uses(&[read[0].clone(), read[0].clone()]);
    assert_eq!(twice[..8], once);
    assert_eq!(twice[8..15], ["repeated"; 7]);
    // The same number a year later is another statement.
    let mut later = read[0].clone();
    for entry in &mut later.entries {
        entry.booked = Some(date!(2027 - 11 - 24));
    }
    assert_eq!(uses(&[read[0].clone(), later])[8..], once);
    let sorted = sort(&read, &known, &mut Bookings::default());
    assert_eq!(sorted[3].line, "37150100000000001234/2026-11-24/+5000USD/2");
    // A receipt counts with what the bank kept, and names its orders.
    let EntryUse::Receipt(first) = &sorted[0].usage else { panic!("{sorted:?}") };
    assert_eq!((first.amount, first.order_nos.as_slice()), (9_950, &["QD-A-1".to_owned()][..]));
}

#[test]
fn the_spreadsheet_says_the_same() {
    let read = csv::read(SPREADSHEET.as_bytes()).expect("in order");
    let [statement] = &read[..] else { panic!("{read:?}") };
    let xml = statements(SAMPLE);
    let booked = |statement: &Statement| -> Vec<String> {
        let told = Bookings::default().take(statement);
        // A spreadsheet does not say what takes something back.
        told.into_iter().flatten().map(|(line, _)| line.replace("USDR/", "USD/")).collect()
    };
    assert_eq!(booked(statement), booked(&xml[0]));
    assert_eq!(statement.entries[0].texts, ["payment for order QD-A-1, thank you"]);
    assert_eq!(statement.entries[0].charges, 200);
}

#[test]
fn every_fault_of_a_file_comes_at_once_with_its_place() {
    let text = changed("<Id>226</Id>", "<Id></Id>")
        .replacen("<Ccy>USD</Ccy>", "<Ccy>usd</Ccy>", 1)
        .replacen("<CdtDbtInd>CRDT</CdtDbtInd>", "<CdtDbtInd>CREDIT</CdtDbtInd>", 1)
        .replacen("<Dt>2026-11-24</Dt>", "<Dt>2026-02-30</Dt>", 1)
        .replacen("<NbOfNtries>7</NbOfNtries>", "<NbOfNtries>seven</NbOfNtries>", 1)
        .replacen("<Amt Ccy=\"USD\">97.50</Amt>", "<Amt>97,50</Amt>", 1)
        .replacen("<Cd>PDNG</Cd>", "<Code>PDNG</Code>", 1);
    assert_eq!(
        faults(&text),
        [
            "SW-3010 9 BkToCstmrStmt/Stmt[1]/Id",
            "SW-3010 18 BkToCstmrStmt/Stmt[1]/Acct/Ccy",
            "SW-3010 27 BkToCstmrStmt/Stmt[1]/Bal[1]/CdtDbtInd",
            "SW-3010 29 BkToCstmrStmt/Stmt[1]/Bal[1]/Dt/Dt",
            "SW-3010 46 BkToCstmrStmt/Stmt[1]/TxsSummry/TtlNtries/NbOfNtries",
            "SW-3010 58 BkToCstmrStmt/Stmt[1]/Ntry[1]/Amt",
            "SW-2015 58 BkToCstmrStmt/Stmt[1]/Ntry[1]/Amt",
            "SW-3006 239 BkToCstmrStmt/Stmt[1]/Ntry[7]/Sts",
            "SW-3006 240 BkToCstmrStmt/Stmt[1]/Ntry[7]/Sts/Code",
        ]
    );
}

#[test]
fn order_and_number_of_elements_are_those_of_the_schema() {
    let early =
        changed("      <Id>226</Id>\n", "").replacen("</Acct>", "</Acct>\n      <Id>226</Id>", 1);
    assert_eq!(faults(&early), ["SW-3006 19 BkToCstmrStmt/Stmt[1]/Id"]);
    let missing = changed("      <MsgId>STM-20261124-01</MsgId>\n", "");
    assert_eq!(faults(&missing), ["SW-3006 4 BkToCstmrStmt/GrpHdr/MsgId"]);
    let twice = changed("<Id>226</Id>", "<Id>226</Id><Id>227</Id>");
    assert_eq!(faults(&twice), ["SW-3006 9 BkToCstmrStmt/Stmt[1]/Id"]);
    let two = changed("<Cd>BOOK</Cd>", "<Cd>BOOK</Cd><Prtry>B</Prtry>");
    assert_eq!(faults(&two), ["SW-3006 60 BkToCstmrStmt/Stmt[1]/Ntry[1]/Sts"]);
    let foreign = changed("<Ntry>", "<Ntry xmlns=\"urn:x\">");
    assert_eq!(faults(&foreign), ["SW-3006 57 BkToCstmrStmt/Stmt[1]/Ntry"]);
    let unread = changed("<Sts>", "<Sts x=\"1\">");
    assert_eq!(faults(&unread).len(), 1, "an attribute that the schema does not have");
}

#[test]
fn sums_counts_and_balances_are_compared() {
    for (from, to, element) in [
        ("1554.50", "1554.51", "BkToCstmrStmt/Stmt[1]/Bal"),
        (
            "<NbOfNtries>7<",
            "<NbOfNtries>8<",
            "BkToCstmrStmt/Stmt[1]/TxsSummry/TtlNtries/NbOfNtries",
        ),
        ("<Sum>654.50<", "<Sum>654.5001<", "BkToCstmrStmt/Stmt[1]/TxsSummry/TtlCdtNtries/Sum"),
        ("<Sum>60.00<", "<Sum>-60<", "BkToCstmrStmt/Stmt[1]/TxsSummry/TtlDbtNtries/Sum"),
        ("<NbOfTxs>2<", "<NbOfTxs>3<", "BkToCstmrStmt/Stmt[1]/Ntry[5]/NtryDtls[1]/Btch/NbOfTxs"),
        ("Ccy=\"USD\">37.00", "Ccy=\"USD\">36.99", "BkToCstmrStmt/Stmt[1]/Ntry[5]"),
    ] {
        let told = faults(&changed(from, to));
        // The parts of an entry are also those of the balance.
        let is_meant = |told: &String| told.starts_with("SW-3012 ") && told.ends_with(element);
        assert!(told.iter().any(is_meant) && told.len() <= 2, "{from}: {told:?}");
    }
    // Yen have no digits after the point; a currency that is none of ours is told.
    let yen = SAMPLE.replace("USD", "JPY");
    assert!(faults(&yen).iter().any(|told| told.starts_with("SW-2006 ")), "{:?}", faults(&yen));
    let other = SAMPLE.replace("USD", "KRW");
    assert!(faults(&other)[0].starts_with("SW-2005 18 "), "{:?}", faults(&other));
    let mixed = changed("<Amt Ccy=\"USD\">97.50", "<Amt Ccy=\"EUR\">97.50");
    assert!(faults(&mixed).iter().any(|told| told.starts_with("SW-2015 ")), "{:?}", faults(&mixed));
}

#[test]
fn what_attacks_a_reader_is_refused() {
    let doctype =
        changed("<Document", "<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<Document");
    assert!(faults(&doctype)[0].starts_with("SW-3004 2"));
    let entity = changed("<Id>226</Id>", "<Id>&x;</Id>");
    assert!(
        faults(&entity).iter().any(|told| told.starts_with("SW-3004 9")),
        "{:?}",
        faults(&entity)
    );
    let instruction = changed("<GrpHdr>", "<?php x?><GrpHdr>");
    assert!(faults(&instruction)[0].starts_with("SW-3004 "));
    let deep = changed("<Tp>", &format!("<Tp>{}{}", "<a>".repeat(40), "</a>".repeat(40)));
    assert!(faults(&deep).iter().any(|told| told.starts_with("SW-3005 ")), "{:?}", faults(&deep));
    let unseen = changed("thank you", "thank\u{202e}you");
    assert!(faults(&unseen)[0].starts_with("SW-2004 "), "{:?}", faults(&unseen));
    let large = format!("{SAMPLE}{}", " ".repeat(5 * 1024 * 1024));
    assert!(faults(&large)[0].starts_with("SW-3003 "));
    let many = changed("<Ntry>", &format!("{}<Ntry>", "<x/>".repeat(10_000)));
    assert_eq!(faults(&many).len(), 100);
    for (text, code) in [
        ("", "SW-3001"),
        ("<Document/>", "SW-3008"),
        ("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"/>", "SW-3008"),
        ("<x xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"/>", "SW-3008"),
        ("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"/>", "SW-3006"),
    ] {
        assert!(faults(text)[0].starts_with(code), "{text}: {:?}", faults(text));
    }
    assert!(
        faults("<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"/>").len() == 1
    );
}

#[test]
fn spreadsheets_are_read_with_every_fault() {
    let wrong = "account,statement,booked,currency,amount,colour\n,226,2026-2-3,USD,1.234,x\n\
                 1,2,2026-11-24,KRW,1,x\n1,2,2026-11-24,USD,1e3\n";
    let told = |text: &str| -> Vec<String> {
        let faults = csv::read(text.as_bytes()).expect_err("something is wrong");
        faults.iter().map(|it| format!("{} {} {}", it.code.id(), it.line, it.element)).collect()
    };
    assert_eq!(told(wrong), ["SW-3006 1 colour", "SW-3006 4 "]);
    let wrong = wrong.replace(",colour", "").replace(",x", "");
    assert_eq!(
        told(&wrong),
        [
            "SW-2001 2 account",
            "SW-2021 2 booked",
            "SW-3010 2 amount",
            "SW-2005 3 currency",
            "SW-3010 4 amount",
        ]
    );
    assert_eq!(told(""), ["SW-2001 1 "]);
    assert_eq!(told("account,\"state"), ["SW-3010 1 "]);
    assert_eq!(told("account,sta\"te\"\n").len(), 2);
    let rows = csv::rows(b"a,\"b \"\"c\"\"\n, d\",e\r\n\r\n\"\",x,").expect("in order");
    let cells = |row: &[&str]| row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    assert_eq!(rows, [(1, cells(&["a", "b \"c\"\n, d", "e"])), (4, cells(&["", "x", ""]))]);
}

fn order() -> PaymentOrder {
    let party = |name: &str, number: &str| BankParty {
        name: name.to_owned(),
        account: AccountNumber::Number(number.to_owned()),
        bic: String::new(),
    };
    let transfer = |end_to_end: &str, amount| Transfer {
        end_to_end: end_to_end.to_owned(),
        currency: Currency::Cny,
        amount,
        creditor: party("国家金库青岛市分库", "4521000000000001"),
        texts: vec!["缴款书 <1> & 2".to_owned()],
    };
    PaymentOrder {
        message_id: "PAY-1".to_owned(),
        created: datetime!(2026-12-02 09:00 +8),
        initiator: "青岛示例报关服务有限公司".to_owned(),
        payments: vec![PaymentBatch {
            id: "PAY-1-1".to_owned(),
            day: date!(2026 - 12 - 03),
            debtor: party("青岛示例报关服务有限公司", "37150100000000001234"),
            transfers: vec![transfer("T1", 3_731), transfer("T2", 23_059)],
        }],
    }
}

#[test]
fn an_order_is_written_with_its_sums_and_read_by_the_bank() {
    let text = write_order(&order()).expect("in order");
    for part in ["<NbOfTxs>2</NbOfTxs>", "<CtrlSum>267.9</CtrlSum>", "&lt;1&gt; &amp; 2"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(read(text.as_bytes()), Ok(BankFile::Order(order())));
    for (from, to, code) in [
        ("<NbOfTxs>2<", "<NbOfTxs>1<", "SW-3012"),
        ("<CtrlSum>267.9<", "<CtrlSum>267.91<", "SW-3012"),
        ("<EndToEndId>T2<", "<EndToEndId>T1<", "SW-3012"),
        (">37.31<", ">0.00<", "SW-2006"),
    ] {
        let wrong = faults(&text.replacen(from, to, 1));
        assert!(
            wrong.iter().all(|told| told.starts_with(code) || told.starts_with("SW-3012")),
            "{wrong:?}"
        );
        assert!(wrong.iter().any(|told| told.starts_with(code)), "{from}: {wrong:?}");
    }
    // What the schema does not allow never leaves; all of it is told.
    let mut wrong = order();
    wrong.message_id = "x".repeat(36);
    wrong.payments[0].transfers[0].texts = vec!["x".repeat(141)];
    wrong.payments[0].debtor.name = String::new();
    wrong.payments[0].debtor.bic = "x".to_owned();
    let told = write_order(&wrong).expect_err("four things are wrong");
    let elements: Vec<_> = told.iter().map(|fault| fault.element.as_str()).collect();
    assert_eq!(
        elements,
        [
            "CstmrCdtTrfInitn/GrpHdr/MsgId",
            "CstmrCdtTrfInitn/PmtInf[1]/Dbtr/Nm",
            "CstmrCdtTrfInitn/PmtInf[1]/DbtrAgt/FinInstnId/BICFI",
            "CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[1]/RmtInf/Ustrd",
        ]
    );
}

fn report() -> Report {
    let status = |end_to_end: &str, status: &str, reasons: &[&str]| PaymentStatus {
        payment_id: "PAY-1-1".to_owned(),
        end_to_end: end_to_end.to_owned(),
        status: status.to_owned(),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
    };
    Report {
        message_id: "BANK-9".to_owned(),
        created: datetime!(2026-12-02 09:01 +8),
        order_id: "PAY-1".to_owned(),
        status: "PART".to_owned(),
        reasons: Vec::new(),
        statuses: vec![
            status("", "PART", &[]),
            status("T1", "ACSC", &[]),
            status("T2", "RJCT", &["AC04", "账户已销户"]),
        ],
    }
}

#[test]
fn a_report_is_compared_with_its_order() {
    let text = write_report(&report()).expect("in order");
    assert_eq!(read(text.as_bytes()), Ok(BankFile::Report(report())));
    assert_eq!(report().strangers(&order()), []);
    let mut wrong = report();
    wrong.order_id = "PAY-2".to_owned();
    wrong.statuses[1].end_to_end = "T9".to_owned();
    wrong.statuses.push(wrong.statuses[2].clone());
    let told: Vec<_> = wrong.strangers(&order()).into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        told,
        [
            "it is about the order PAY-2, not PAY-1",
            "the order has no T9",
            "T2 has several statuses"
        ]
    );
    let counted = text.replace(
        "<OrgnlPmtInfId>PAY-1-1</OrgnlPmtInfId>",
        "<OrgnlPmtInfId>PAY-1-1</OrgnlPmtInfId><OrgnlNbOfTxs>3</OrgnlNbOfTxs>",
    );
    let counted = counted.replacen(
        "<TxInfAndSts>",
        "<NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>ACSC</DtldSts></NbOfTxsPerSts><TxInfAndSts>",
        1,
    );
    assert!(faults(&counted)[0].starts_with("SW-3012 "), "{:?}", faults(&counted));
}

/// Words that a bank could write, with what XML has to escape.
fn word(most: usize) -> impl Strategy<Value = String> {
    let characters = prop_oneof![
        Just('&'),
        Just('<'),
        Just('"'),
        Just('中'),
        Just(' '),
        prop::char::range('A', 'z')
    ];
    prop::collection::vec(characters, 1..=most).prop_map(|of| of.into_iter().collect())
}

fn entry() -> impl Strategy<Value = StatementEntry> {
    let flags = (any::<bool>(), any::<bool>(), 0usize..3);
    let texts = (word(12), word(12), word(20), prop::collection::vec(word(20), 0..3));
    (0i64..1_000_000_000, 0i64..1_000, flags, texts, 0i64..1_000).prop_map(
        |(
            amount,
            charges,
            (is_credit, is_reversal, state),
            (reference, end_to_end, party, texts),
            day,
        )| {
            let state = [EntryState::Booked, EntryState::Pending, EntryState::Information][state];
            StatementEntry {
                currency: Currency::Usd,
                amount,
                is_credit,
                is_reversal,
                state,
                booked: date!(2026 - 01 - 01).checked_add(time::Duration::days(day)),
                valued: None,
                charges,
                reference,
                end_to_end,
                party,
                texts,
                return_reason: String::new(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a bank writes is read as it was, as statement and as notice.
    #[test]
    fn statements_come_back(entries in prop::collection::vec(entry(), 0..6), opening in -1_000_000i64..1_000_000) {
        let booked = entries.iter().filter(|entry| entry.state == EntryState::Booked);
        let sum: i64 = booked.map(|it| if it.is_credit { it.amount } else { -it.amount }).sum();
        let balance = |amount| Some(Balance { amount, day: Some(date!(2026 - 11 - 24)) });
        let statement = Statement {
            kind: StatementKind::Statement,
            number: "17".to_owned(),
            account: "3715".to_owned(),
            day: Some(date!(2026 - 11 - 24)),
            currency: Some(Currency::Usd),
            opening: balance(opening),
            closing: balance(opening + sum),
            entries,
        };
        let created = datetime!(2026-11-24 18:00 +8);
        let head = StatementNotice { is_early: false, message_id: "M1", created };
        let text = write_statements(head, std::slice::from_ref(&statement)).expect("in order");
        prop_assert_eq!(read(text.as_bytes()), Ok(BankFile::Statements(vec![statement.clone()])));
        let notice = Statement {
            kind: StatementKind::Notice, opening: None, closing: None, ..statement
        };
        let head = StatementNotice { is_early: true, ..head };
        let text = write_statements(head, std::slice::from_ref(&notice)).expect("in order");
        prop_assert_eq!(read(text.as_bytes()), Ok(BankFile::Notices(vec![notice])));
    }

    #[test]
    fn orders_come_back(amounts in prop::collection::vec(1i64..i64::MAX / 1_000_000, 1..5), name in word(140)) {
        let mut order = order();
        order.initiator = name;
        let first = order.payments[0].transfers[0].clone();
        let transfer = |(at, amount): (usize, &i64)| Transfer { end_to_end: format!("T{at}"), amount: *amount, ..first.clone() };
        order.payments[0].transfers = amounts.iter().enumerate().map(transfer).collect();
        let text = write_order(&order).expect("in order");
        prop_assert_eq!(read(text.as_bytes()), Ok(BankFile::Order(order)));
    }

    /// Whatever comes, reading ends with a value or with faults.
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let _ = csv::read(&bytes);
    }

    /// The sample with a piece of something else in it, cut, and with bytes turned over.
    #[test]
    fn damaged_files_never_panic(
        at in 0usize..8_000, length in 0usize..200, end in 0usize..9_000,
        piece in prop_oneof![
            Just("<"), Just("&"), Just("<Ntry>"), Just("</Stmt>"), Just("<!--"), Just("]]>"), Just("&#0;"),
            Just("99999999999999999999"), Just("-"), Just("\u{0}"), Just("xmlns=\"\""),
        ],
    ) {
        for sample in [SAMPLE.as_bytes(), SPREADSHEET.as_bytes()] {
            let mut bytes = sample.to_vec();
            let at = at.min(bytes.len());
            let until = (at + length).min(bytes.len());
            bytes.splice(at..until, piece.bytes());
            bytes.truncate(end.max(at));
            let _ = read(&bytes);
            let _ = csv::read(&bytes);
        }
    }

    /// Each amount is written exactly.
    #[test]
    fn amounts_are_exact(amount in -100_000_000_000_000_000i64..100_000_000_000_000_000) {
        for currency in Currency::ALL {
            let text = domain::payment::amount::shown(currency, amount);
            prop_assert_eq!(domain::payment::amount::parse_signed(currency, &text), Ok(amount));
        }
    }
}
