//! What happens around an inventory that is there: goods come back, a month is summed up, a document
//! names the wrong parcel, the parts of a list wait for each other.

use proto::ceb::{Document, export::InvtRefund};
use proto::v1;

use super::clock::{days, moves};
use super::command_line::shown;
use crate::harness::national::{Erp, Export, Import, app_time, example, export, guid, import};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The status and text that a document ended with, among the receipts that came at once.
fn end(said: &[v1::Receipt]) -> (i32, &str) {
    let last = said.last().expect("it is answered");
    (last.return_status, &last.return_info)
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_that_come_back_are_held_against_their_inventory() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let sold = export("QDBACK-1");
    let invt_no = sold.leaves(&erp).await;
    let back = |number: u32, change: &dyn Fn(&mut InvtRefund)| {
        let mut back = sold.comes_back(&format!("BACK-1-{number}"), &invt_no);
        change(&mut back);
        [Document::Ceb213(back)]
    };
    type Change = fn(&mut InvtRefund);
    let wrong: [(Change, i32, &str); 9] = [
        (|it| it.lines[0].qty += 1, 100, "InvtRefundList.qty，gnum:1"),
        (|it| it.lines[0].qty1 += 1, 100, "InvtRefundList.qty1，gnum:1"),
        (|it| it.lines[0].qty = 0, -625_001, "第1项qty：填写了0，须大于零"),
        (|it| it.lines[0].gcode = "6109100022".to_owned(), -625_209, "[6109100022]"),
        (|it| it.lines[0].gnum = 77, -625_209, "[77]"),
        (|it| it.lines[0].unit = "035".to_owned(), 100, "InvtRefundList.unit，gnum:1"),
        (|it| it.lines.push(it.lines[0].clone()), 100, "InvtRefundList.qty，gnum:1"),
        (|it| it.head.ebp_code = "3702960099".to_owned(), -625_001, "ebpCode"),
        (|it| it.head.ebc_code = "3702960099".to_owned(), 100, "原出口清单不存在"),
    ];
    for (number, (change, status, text)) in (1..).zip(wrong) {
        let said = erp.sends(&back(number, &change)).await;
        let (told, info) = end(&said);
        assert_eq!(told, status, "{number}: {said:?}");
        assert!(info.contains(text), "{number}: {info}");
    }
    // What is refused uses nothing up; what is accepted counts together.
    let half = |it: &mut InvtRefund| {
        for line in &mut it.lines {
            (line.qty, line.qty1) = (line.qty / 2, line.qty1 / 2);
            line.qty2 = line.qty2.map(|qty| qty / 2);
        }
    };
    for number in [21, 22] {
        let said = erp.sends(&back(number, &half)).await;
        assert_eq!(end(&said).0, 800, "{said:?}");
    }
    let said = erp.sends(&back(23, &half)).await;
    assert_eq!(end(&said).0, 100, "nothing is left: {said:?}");
    assert!(end(&said).1.contains("可退数量"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_come_back_count_together_in_the_unit_of_the_inventory() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let (sold, invt_no) = bought(&erp, "QDBACK-2").await;
    let whole = |cop_no: &str| sold.refund(cop_no, &invt_no);

    let mut twice = whole("BACK-2-1");
    twice.lines.push(twice.lines[0].clone());
    let mut unit = whole("BACK-2-2");
    unit.lines[0].unit = "001".to_owned();
    let mut name = whole("BACK-2-3");
    name.lines[0].gname = "别的".to_owned();
    let mut none = whole("BACK-2-4");
    none.lines[0].qty = 0;
    for (wrong, place) in
        [(twice, "qty，gnum:1"), (unit, "unit，gnum:1"), (name, "gname，gnum:1"), (none, "")]
    {
        let said = erp.sends(&[Document::Ceb625(wrong)]).await;
        let (status, text) = end(&said);
        assert!(status == 100 || status < 0, "{said:?}");
        assert!(text.contains(place), "{place}: {text}");
    }
    let mut first = whole("BACK-2-5");
    first.lines.truncate(1);
    let said = erp.sends(&[Document::Ceb625(first.clone())]).await;
    assert_eq!(end(&said).0, 800, "{said:?}");
    (first.head.guid, first.head.cop_no) = (guid(), "BACK-2-6".to_owned());
    let said = erp.sends(&[Document::Ceb625(first)]).await;
    assert_eq!(end(&said).0, 100, "the first line is used up: {said:?}");
    let mut rest = whole("BACK-2-7");
    rest.lines.remove(0);
    let said = erp.sends(&[Document::Ceb625(rest)]).await;
    assert_eq!(end(&said).0, 800, "{said:?}");
}

/// An import that is released, and its number.
async fn bought(erp: &Erp, order_no: &str) -> (Import, String) {
    let import = import(order_no);
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
    let invt_no = erp.invt_no(order_no).await;
    (import, invt_no)
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_of_different_parcels_are_refused() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let (sold, number) = bought(&erp, "QDMIX-1").await;
    let (other, other_number) = bought(&erp, "QDMIX-2").await;
    let pre_no = |records: Vec<v1::DocumentRecord>| {
        let inventory = records.into_iter().find(|record| record.message_type == 621);
        inventory.expect("it is kept").pre_no
    };
    let other_pre_no = pre_no(erp.documents("QDMIX-2").await);

    // 625: every identifier of another parcel, one at a time.
    let right = sold.refund("MIX-0", &number);
    let of_other = other.refund("MIX-0", &number);
    let (one, two) = (&right.head, &of_other.head);
    let heads = [
        ("orderNo", import_head(one, |it| it.order_no.clone_from(&two.order_no))),
        ("logisticsNo", import_head(one, |it| it.logistics_no.clone_from(&two.logistics_no))),
        ("logisticsCode", import_head(one, |it| it.logistics_code = "3702980099".to_owned())),
        ("ebpCode", import_head(one, |it| it.ebp_code = "3702960099".to_owned())),
        ("ebcCode", import_head(one, |it| it.ebc_code = "3702960099".to_owned())),
        ("buyerName", import_head(one, |it| it.buyer_name = "别人".to_owned())),
        ("preNo", import_head(one, |it| it.pre_no.clone_from(&other_pre_no))),
        ("copNo", import_head(one, |it| it.cop_no.clone_from(&other.inventory.head.cop_no))),
    ];
    for (at, (element, mut head)) in heads.into_iter().enumerate() {
        if element != "copNo" {
            head.cop_no = format!("MIX-{at}");
        }
        head.guid = guid();
        let mixed = proto::ceb::import::InvtRefund { head, lines: right.lines.clone() };
        let said = erp.sends(&[Document::Ceb625(mixed)]).await;
        let (status, text) = end(&said);
        assert_eq!(status, -625_001, "{element}: {said:?}");
        assert!(text.contains(element), "{element}: {text}");
        assert!(
            !text.contains("别人") && !text.contains(&sold.inventory.head.buyer_name),
            "{text}"
        );
    }
    let right = sold.refund("MIX-10", &number);
    let said = erp.sends(&[Document::Ceb625(right)]).await;
    assert_eq!(end(&said).0, 800, "all of one parcel: {said:?}");

    // 623: the same, while customs holds both; nothing happens to either of them.
    let (held, free) = (import("SBX-HOLD-MIX-3"), import("SBX-HOLD-MIX-4"));
    for import in [&held, &free] {
        for document in import.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(622, &import.inventory.head.cop_no, 300).await;
    }
    let held_number = erp.invt_no("SBX-HOLD-MIX-3").await;
    let mixed = free.cancel("MIX-20", &held_number);
    let said = erp.sends(&[Document::Ceb623(mixed)]).await;
    assert_eq!(end(&said).0, -623_001, "{said:?}");
    for import in [&held, &free] {
        let seen = erp.statuses(622, &import.inventory.head.cop_no).await;
        assert_eq!(seen, [2, 3, 120, 300]);
    }
    erp.sends(&[Document::Ceb623(held.cancel("MIX-21", &held_number))]).await;
    assert_eq!(erp.hears(624, "MIX-21", 399).await, [2, 3, 399]);

    // An inventory of somebody else is answered as one that does not exist, whatever else is said.
    let stranger = Erp::as_caller(&sandbox, "enterprise-b", "3702960002", "DXPENT0000000002").await;
    let mut texts = Vec::new();
    for (at, asked) in [&other_number, "42202026I999999999"].into_iter().enumerate() {
        for cop_no in ["STRANGE", &other.inventory.head.cop_no[..]] {
            let mut theirs = other.cancel(&format!("{cop_no}{at}"), asked);
            theirs.agent_code = "3702960002".to_owned();
            theirs.order_no = format!("QDMIX-{}", 8 + at);
            theirs.pre_no.clone_from(&other_pre_no);
            let said = stranger.sends(&[Document::Ceb623(theirs)]).await;
            let (status, text) = end(&said);
            assert_eq!(status, -623_003, "{said:?}");
            texts.push(text.replace(asked, "NUMBER"));
        }
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

fn import_head(
    head: &proto::ceb::import::InvtRefundHead,
    change: impl Fn(&mut proto::ceb::import::InvtRefundHead),
) -> proto::ceb::import::InvtRefundHead {
    let mut head = head.clone();
    change(&mut head);
    head
}

/// A summary of inventories by their numbers.
fn summary(cop_no: &str, numbers: &[&str]) -> proto::ceb::export::SummaryApply {
    let Document::Ceb701(mut summary) = example(701) else { panic!("a summary") };
    summary.head.guid = guid();
    summary.head.app_time = app_time(7);
    summary.head.cop_no = cop_no.to_owned();
    (summary.head.msg_count, summary.head.msg_seq_no) = (1, 1);
    summary.lines = numbers
        .iter()
        .map(|no| proto::ceb::export::SummaryApplyList { invt_no: (*no).to_owned() })
        .collect();
    summary
}

/// The goods declarations of a summary: declSeqNo and, of each line, invtNo and gseqno.
async fn declarations(erp: &Erp, about: &str) -> Vec<(String, Vec<(String, u32)>)> {
    let message = erp.gets(792, about, 1).await.remove(0);
    let read = proto::ceb::read(message.as_bytes()).expect("it is a message");
    let result = |document| match document {
        Document::Ceb792(result) => {
            let lines = result.lines.iter().map(|line| (line.invt_no.clone(), line.gseqno));
            (result.head.decl_seq_no.clone(), lines.collect())
        }
        other => panic!("a result: {other:?}"),
    };
    read.documents.into_iter().map(|read| result(read.document)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_takes_what_is_closed_and_puts_together_what_belongs_together() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let simple = |export: &mut Export| export.inventory.head.statistics_flag = "A".to_owned();
    let sea = |export: &mut Export| export.inventory.head.traf_mode = "2".to_owned();
    let maker = |export: &mut Export| export.inventory.head.owner_code = "3702960099".to_owned();
    let same = |_: &mut Export| {};
    let changes: [&dyn Fn(&mut Export); 5] = [&same, &simple, &sea, &maker, &same];
    let mut numbers = Vec::new();
    for (at, change) in changes.into_iter().enumerate() {
        let mut export = export(&format!("QDSUM-{at}"));
        change(&mut export);
        numbers.push(export.leaves(&erp).await);
    }
    let [one, simple, sea, maker, same] = &numbers[..] else { panic!("five") };
    let open = export("QDSUM-9");
    for document in open.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(604, &open.inventory.head.cop_no, 399).await;
    let open = erp.invt_no("QDSUM-9").await;

    // What does not fit is named, with its reason; nothing is taken up.
    let refused = summary("SUM-1", &[one, simple, &open, "42202026E999999999"]);
    let said = erp.sends(&[Document::Ceb701(refused)]).await;
    let (status, text) = end(&said);
    assert_eq!(status, 100, "{said:?}");
    for (no, named) in [(simple, true), (&open, true), (one, false)] {
        assert_eq!(text.contains(no.as_str()), named, "{no}: {text}");
    }
    assert!(text.contains("42202026E999999999清单不存在"), "{text}");

    // Times stand in pairs, in order, and are real.
    for (at, (start, end_time)) in [
        (app_time(-60), String::new()),
        (String::new(), app_time(60)),
        (app_time(60), app_time(-60)),
        ("20260230000000".to_owned(), app_time(60)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wrong = summary(&format!("SUM-2{at}"), &[one]);
        (wrong.head.start_time, wrong.head.end_time) = (start, end_time);
        let said = erp.sends(&[Document::Ceb701(wrong)]).await;
        let (status, text) = end(&said);
        assert!(status == 100 || status < 0, "{said:?}");
        assert!(text.contains("Time"), "{text}");
    }

    // In two parts; by consignor: what goes another way is another declaration.
    let mut parts = [summary("SUM-3", &[one, sea]), summary("SUM-3", &[maker])];
    for (seq, part) in (1..).zip(&mut parts) {
        (part.head.msg_count, part.head.msg_seq_no) = (2, seq);
    }
    let mut other = parts[1].clone();
    let [first, mut second] = parts;
    let said = erp.sends(&[Document::Ceb701(first)]).await;
    assert!(end(&said).1.contains("msgSeqNo[2]"), "it says what it waits for: {said:?}");
    other.head.summary_flag = "2".to_owned();
    other.head.guid = guid();
    let said = erp.sends(&[Document::Ceb701(other)]).await;
    assert!(end(&said).1.contains("summaryFlag"), "parts are of one application: {said:?}");
    second.head.app_time = app_time(9);
    let said = erp.sends(&[Document::Ceb701(second)]).await;
    assert_eq!(end(&said).0, 399, "{said:?}");
    let mut made = declarations(&erp, sea).await;
    made.sort_by_key(|(_, lines)| lines.len());
    assert_eq!(made.len(), 2, "{made:?}");
    assert_ne!(made[0].0, made[1].0, "each has a number of its own");
    assert!(made[0].1.iter().all(|(no, _)| no == sea), "{made:?}");
    assert!(made[1].1.iter().any(|(no, _)| no == one), "{made:?}");
    assert!(made[1].1.iter().any(|(no, _)| no == maker), "{made:?}");
    assert!(made[1].1.contains(&(one.clone(), 1)) && made[1].1.contains(&(maker.clone(), 1)));

    // Once only.
    let said = erp.sends(&[Document::Ceb701(summary("SUM-4", &[one, same]))]).await;
    assert!(end(&said).1.contains(&format!("{one}已汇总")), "{said:?}");
    let said = erp.sends(&[Document::Ceb701(summary("SUM-5", &[same]))]).await;
    assert_eq!(end(&said).0, 399, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_list_do_not_wait_in_silence() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let exports = [export("QDPART-1"), export("QDPART-2")];
    for export in &exports {
        for document in export.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(604, &export.inventory.head.cop_no, 399).await;
    }
    let part = |seq: u32, cop_no: &str| {
        let export = &exports[usize::from(seq == 2)];
        let mut list = export.list(cop_no, "77766655544");
        (list.head.msg_count, list.head.msg_seq_no) = (2, seq);
        [Document::Ceb607(list)]
    };
    let said = erp.sends(&part(1, "PART-A")).await;
    assert_eq!(end(&said).0, 3, "{said:?}");
    assert!(end(&said).1.contains("msgCount[2]，待收msgSeqNo[2]"), "{said:?}");
    let said = erp.sends(&part(2, "PART-B")).await;
    assert_eq!(end(&said).0, 100, "it would wait for ever: {said:?}");
    assert!(end(&said).1.contains("PART-A") && end(&said).1.contains("77766655544"), "{said:?}");
    let mut astray = exports[1].list("PART-A", "77766655545");
    (astray.head.msg_count, astray.head.msg_seq_no) = (2, 2);
    let said = erp.sends(&[Document::Ceb607(astray)]).await;
    assert_eq!(end(&said).0, 100, "a part under another bill: {said:?}");
    assert!(end(&said).1.contains("billNo[77766655545]"), "{said:?}");
    let said = erp.sends(&part(2, "PART-A")).await;
    assert_eq!(end(&said).0, 399, "{said:?}");
    // Another list under the same bill is no stray part: nobody lacks it.
    let said = erp.sends(&part(2, "PART-C")).await;
    assert_eq!(end(&said).0, 3, "{said:?}");
    for export in &exports {
        erp.hears(604, &export.inventory.head.cop_no, 800).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_back_keeps_no_bill_waiting() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let (goes, returns) = (export("QDBILL-1"), export("SBX-RETURN-BILL-2"));
    for (export, status) in [(&goes, 399), (&returns, 700)] {
        for document in export.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(604, &export.inventory.head.cop_no, status).await;
    }
    let mut list = goes.list("BILL-1", "77766655546");
    let mut line = list.lines[0].clone();
    line.gnum = 2;
    line.logistics_no.clone_from(&returns.inventory.head.logistics_no);
    list.lines.push(line);
    erp.sends(&[Document::Ceb607(list)]).await;
    assert_eq!(erp.hears(608, "BILL-1", 800).await, [2, 3, 399, 800]);
    erp.hears(604, &goes.inventory.head.cop_no, 800).await;
    let seen = erp.statuses(604, &returns.inventory.head.cop_no).await;
    assert!(!seen.contains(&800), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_may_come_back_until_their_last_day() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let erp = Erp::of(&sandbox).await;
    let sold = export("QDBACK-3");
    let sold_no = sold.leaves(&erp).await;
    let (import, import_no) = bought(&erp, "QDBACK-4").await;
    let line = |cop_no: &str, line: usize| {
        let mut application = import.refund(cop_no, &import_no);
        application.lines = vec![application.lines.remove(line)];
        [Document::Ceb625(application)]
    };
    moves(&admin, days(30)).await.expect("forward");
    let said = erp.sends(&line("BACK-4-1", 0)).await;
    assert_eq!(end(&said).0, 800, "on the last of thirty days: {said:?}");
    moves(&admin, days(1)).await.expect("forward");
    let said = erp.sends(&line("BACK-4-2", 1)).await;
    assert_eq!(end(&said), (100, "超过放行之日起30日，不允许退货"));

    let one = |co_el_no: &str| {
        let mut back = sold.comes_back(co_el_no, &sold_no);
        back.lines.truncate(1);
        (back.lines[0].qty, back.lines[0].qty1) = (100_000, 100_000);
        back.lines[0].qty2 = back.lines[0].qty2.map(|_| 20_000);
        [Document::Ceb213(back)]
    };
    moves(&admin, days(365 - 31)).await.expect("forward");
    let said = erp.sends(&one("BACK-3-1")).await;
    assert_eq!(end(&said).0, 800, "on the last day of the year: {said:?}");
    moves(&admin, days(1)).await.expect("forward");
    let said = erp.sends(&one("BACK-3-2")).await;
    assert_eq!(end(&said), (100, "超过出口放行之日起1年"));

    // What may come is counted by the site, and those whom the parcel concerns are told.
    let tally = |invt_no: &str, when: i64| {
        let Document::Ceb215(mut tally) = example(215) else { panic!("a tally") };
        (tally.guid, tally.app_time) = (guid(), app_time(when));
        (tally.invt_no, tally.co_el_no) = (invt_no.to_owned(), "BACK-3-1".to_owned());
        [Document::Ceb215(tally)]
    };
    let said = erp.sends(&tally("42202026E000999999", 5)).await;
    assert_eq!(end(&said).0, 100, "of nothing that is known: {said:?}");
    let mut records = erp.documents("QDBACK-3").await.into_iter();
    let name = records.rfind(|it| it.message_type == 603).expect("it is kept").declaration;
    let told = || shown(&sandbox.command(&["trace", &name, "--as", "admin", "--language", "en"]));
    let counted = "goods of application BACK-3-1 are back and counted";
    assert!(!told().contains(counted), "{}", told());
    let said = erp.sends(&tally(&sold_no, 6)).await;
    assert_eq!(end(&said).0, 399, "{said:?}");
    eventually("the count is told", PATIENCE, async || {
        let told = told();
        if told.contains(counted) { Ok(()) } else { Err(told) }
    })
    .await;
}
