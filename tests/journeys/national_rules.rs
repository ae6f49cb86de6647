//! What the national door does by its rules: drafts, copies, limits, and what it does not take.

use proto::ceb::{Document, MessageType, Subscribe, import::InventoryList};
use proto::v1;

use crate::harness::national::{Erp, Import, app_time, guid, import, tax_bill};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// The texts of the receipts of a kind that name something, in their order.
async fn texts(erp: &Erp, kind: u32, about: &str) -> Vec<String> {
    let log = erp.log().await.into_iter();
    let meant = log.filter(|message| message.message_type == kind && message.xml.contains(about));
    meant.flat_map(|message| message.receipts).map(|receipt| receipt.return_info).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_and_sets_nothing_going_until_it_is_declared() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut import = import("QDRULE-1");
    import.order.head.app_status = "1".to_owned();
    import.inventory.head.app_status = "1".to_owned();
    for document in import.all() {
        let draft = matches!(document.message_type(), MessageType::Ceb311 | MessageType::Ceb621);
        let said = erp.sends(&[document]).await;
        assert_eq!(said[0].return_status, if draft { 1 } else { 2 }, "{said:?}");
    }
    let stored = format!("新增暂存成功[{}]", import.order.head.guid);
    assert_eq!(texts(&erp, 312, "QDRULE-1").await, std::slice::from_ref(&stored));
    let again = erp.sends(&[import.order()]).await;
    assert_eq!((again[0].return_status, &again[0].return_info), (1, &stored));
    let statuses = |documents: Vec<v1::DocumentRecord>| {
        let of = |record: &v1::DocumentRecord| (record.message_type, record.return_status);
        let mut statuses: Vec<_> = documents.iter().map(of).collect();
        statuses.sort_unstable();
        statuses
    };
    let kept = erp.documents("QDRULE-1").await;
    assert!(kept.iter().all(|record| record.missing.is_empty()), "{kept:#?}");
    assert_eq!(statuses(kept), [(311, 1), (411, 2), (511, 2), (621, 1)]);

    // The inventory is declared, and its order is still none.
    import.inventory.head.guid = guid();
    import.inventory.head.app_time = app_time(5);
    import.inventory.head.app_status = "2".to_owned();
    assert_eq!(erp.sends(&[import.inventory()]).await[0].return_status, 2);
    let kept = erp.documents("QDRULE-1").await;
    let inventory = kept.iter().find(|record| record.message_type == 621).expect("it is kept");
    assert_eq!(inventory.missing, ["order"]);

    import.order.head.guid = guid();
    import.order.head.app_time = app_time(5);
    import.order.head.app_status = "2".to_owned();
    assert_eq!(erp.sends(&[import.order()]).await[0].return_status, 2);
    let copy = &import.inventory.head.cop_no;
    assert_eq!(erp.hears(622, copy, 899).await, [1, 2, 3, 120, 399, 800, 899]);
    assert_eq!(erp.statuses(312, "QDRULE-1").await, [1, 2, 3, 120]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribed_gets_copies_of_receipts_and_of_data() {
    let sandbox = Sandbox::start().await;
    let mut erp = Erp::of(&sandbox).await;
    let subscriber = |status: &str, dxp_address: &str| Subscribe {
        status: status.to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_address: dxp_address.to_owned(),
        note: String::new(),
    };
    let (ret, data, all) = ("DXPENT0000000101", "DXPENT0000000102", "DXPENT0000000103");
    let import = import("QDRULE-2");
    for document in [import.order(), import.payment(), import.waybill()] {
        erp.sends(&[document]).await;
    }
    erp.subscribers = vec![
        subscriber("RET", ret),
        subscriber("DATA", data),
        subscriber("ALL", all),
        subscriber("RET", &erp.dxp_id),
    ];
    let sent = erp.message(&[import.inventory()]);
    erp.sends_text(&sent).await;
    erp.gets(816, "valueAddedTax", 1).await;

    let mut logs = Vec::new();
    for dxp_id in [&erp.dxp_id.clone(), ret, data, all] {
        dxp_id.clone_into(&mut erp.dxp_id);
        logs.push(erp.log().await);
    }
    let [own, ret, data, all] = &logs[..] else { panic!("four logs") };
    let of = |log: &[v1::OutgoingMessage]| -> Vec<(u32, i32)> {
        let status = |message: &v1::OutgoingMessage| {
            let receipt = message.receipts.first();
            (message.message_type, receipt.map_or(0, |receipt| receipt.return_status))
        };
        log.iter().map(status).filter(|(kind, _)| !matches!(kind, 312 | 412 | 512)).collect()
    };
    let mut expected: Vec<_> = [2, 3, 120, 399, 800, 899].map(|status| (622, status)).into();
    expected.push((816, 0));
    assert_eq!(of(own), expected, "one of each, though the sender subscribed too");
    assert_eq!(of(ret), expected);
    assert_eq!(of(data), [(621, 0)]);
    expected.insert(0, (621, 0));
    assert_eq!(of(all), expected);
    for copy in [&data[0], &all[0]] {
        assert_eq!(copy.xml, sent, "the message to the letter, so that its signature holds");
    }
    assert_eq!(own.last().map(|bill| &bill.xml), ret.last().map(|bill| &bill.xml));
}

/// An import of one piece of goods at this price, in whole yuan.
fn single(order_no: &str, yuan: i64) -> Import {
    let mut import = import(order_no);
    let price = yuan * 100_000;
    import.order.lines.remove(0);
    import.inventory.lines.remove(0);
    let line: &mut InventoryList = &mut import.inventory.lines[0];
    (line.gnum, line.price, line.total_price) = (1, price, price);
    let line = &mut import.order.lines[0];
    (line.gnum, line.price, line.total_price) = (1, price, price);
    import.order.head.goods_value = price;
    pays(&mut import);
    import
}

/// The payment is what the parts of the order come to.
fn pays(import: &mut Import) {
    let head = &mut import.order.head;
    head.actural_paid = head.goods_value + head.freight + head.tax_total - head.discount;
    import.payment.head.amount_paid = head.actural_paid;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_buy_for_a_limit_in_a_year() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    // 24,926 and 547 yuan are within the limit; the third one would be 20 yuan above.
    for import in [single("QDRULE-31", 24_906), import("QDRULE-32")] {
        for document in import.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(622, &import.inventory.head.cop_no, 899).await;
    }
    let mut third = import("QDRULE-33");
    for document in third.all() {
        erp.sends(&[document]).await;
    }
    let copy = third.inventory.head.cop_no.clone();
    // Customs may have taken it in before the payment service had counted.
    let seen = erp.hears(622, &copy, 100).await;
    assert!(seen.starts_with(&[2, 3]) && seen.ends_with(&[100]), "{seen:?}");
    assert_eq!(
        texts(&erp, 622, &copy).await.last().map(String::as_str),
        Some(
            "[Code:1313;Desc:订购人购买超过年度限额,超过个人年度购买额度;\
             totalPrice：26,020 > limitPrice: 26,000;]"
        )
    );

    // The freight is waived: the limit may be reached.
    third.order.head.freight = 0;
    pays(&mut third);
    third.inventory.head.freight = 0;
    third.order.head.app_type = "2".to_owned();
    third.payment.head.app_type = "2".to_owned();
    for (guid_of, time_of) in [
        (&mut third.order.head.guid, &mut third.order.head.app_time),
        (&mut third.payment.head.guid, &mut third.payment.head.app_time),
        (&mut third.inventory.head.guid, &mut third.inventory.head.app_time),
    ] {
        (*guid_of, *time_of) = (guid(), app_time(10));
    }
    for document in [third.order(), third.payment(), third.inventory()] {
        let said = erp.sends(&[document]).await;
        assert_eq!(said[0].return_status, 2, "{said:?}");
    }
    let seen = erp.hears(622, &copy, 899).await;
    assert!(seen.ends_with(&[2, 3, 120, 399, 800, 899]), "{seen:?}");
    assert_eq!(erp.gets(816, "valueAddedTax", 3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_rules_is_answered_with_its_place_and_not_kept() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut bad = import("QDRULE-4");
    bad.inventory.head.pack_no = 2;
    bad.inventory.lines[1].total_price += 100_000;
    let text = erp.message(&[bad.inventory()]);
    let line_of = |element: &str| {
        let lines: Vec<_> = text.lines().collect();
        1 + lines.iter().rposition(|line| line.contains(element)).expect("the element is there")
    };
    let said = erp.sends_text(&text).await;
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].return_status == 100 || said[0].return_status < 0, "{said:#?}");
    let info = &said[0].return_info;
    for (code, line, element) in [
        ("SW-2016", line_of("<ceb:packNo>"), "Inventory[1]/InventoryHead/packNo"),
        ("SW-2009", line_of("<ceb:totalPrice>"), "Inventory[1]/InventoryList[2]/totalPrice"),
    ] {
        let place = format!("[Code:{code};Desc:第{line}行{element}：");
        assert!(info.contains(&place), "{place} is not in {info}");
    }
    assert!(erp.documents("QDRULE-4").await.is_empty(), "it was not kept");
    bad.inventory.head.pack_no = 1;
    bad.inventory.lines[1].total_price -= 100_000;
    assert_eq!(erp.sends(&[bad.inventory()]).await[0].return_status, 2, "not even its guid");

    // More than one piece above the single limit.
    let mut dear = single("QDRULE-5", 5_001);
    let line = &mut dear.inventory.lines[0];
    (line.qty, line.price) = (200_000, line.price / 2);
    let said = erp.sends(&[dear.inventory()]).await;
    assert_eq!(said[0].return_status, -621_005, "{said:?}");

    // Bills are for customs to issue, and come in another way.
    let request = v1::SendRequest { message: tax_bill().into_bytes() };
    let answer = erp.window.ceb().send(request).await.expect("it is answered").into_inner();
    assert_eq!(answer.messages[0].message_type, 900);
    assert!(answer.messages[0].receipts[0].return_info.contains("CEB816"), "{answer:?}");
    assert_eq!(answer.faults[0].code, "SW-3008", "{answer:?}");
    let request = v1::IssueRequest { message: tax_bill().into_bytes() };
    let status = erp.window.ceb().issue(request).await.expect_err("not by a firm");
    assert_eq!(crate::harness::people::code(&status).0, "SW-1303");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_the_sandbox_lead_through_every_receipt() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let send = async |import: &Import| {
        for document in import.all() {
            let said = erp.sends(&[document]).await;
            assert_eq!(said[0].return_status, 2, "{said:?}");
        }
    };
    let paid = import("SBX-TAXPAID-6");
    let [one, joint] = [import("SBX-CUSTOMSINSPECT-7"), import("SBX-INSPECT-7")];
    let held = import("SBX-HOLD-8");
    let mut rejected = import("SBX-REJECT1302-9");
    for import in [&paid, &one, &joint, &held, &rejected] {
        send(import).await;
    }
    let copy = |import: &Import| import.inventory.head.cop_no.clone();
    let examined = [2, 3, 120, 399, 500, 800, 899];
    assert_eq!(erp.hears(622, &copy(&one), 899).await, examined);
    assert_eq!(erp.hears(622, &copy(&held), 300).await, [2, 3, 120, 300]);
    // Also when quarantine is quicker than customs to want to look at the goods.
    let seen = erp.hears(622, &copy(&joint), 899).await;
    assert_eq!(seen, examined, "one joint inspection");

    // A rejection gives its reason, and the same order may be sent again.
    assert_eq!(erp.hears(622, &copy(&rejected), 100).await, [2, 3, 120, 100]);
    let info = texts(&erp, 622, &copy(&rejected)).await.pop();
    assert_eq!(info.as_deref(), Some("[Code:1302;Desc:人工退单]"));
    (rejected.inventory.head.guid, rejected.inventory.head.app_time) = (guid(), app_time(10));
    assert_eq!(erp.sends(&[rejected.inventory()]).await[0].return_status, 2);
    erp.gets(622, &copy(&rejected), 8).await;
    let seen = erp.statuses(622, &copy(&rejected)).await;
    assert_eq!(seen, [2, 3, 120, 100, 2, 3, 120, 100]);

    // The bill comes first, what became of it later.
    let summed = erp.gets(818, "<status>2</status>", 1).await;
    assert!(summed[0].contains("entDutyNo"), "{}", summed[0]);
    let log = erp.log().await;
    let numbered = invt_no(&summed[0]);
    let paid = erp.documents("SBX-TAXPAID-6").await;
    assert!(paid.iter().any(|record| record.invt_no == numbered), "{paid:?}");
    let taxed = log.iter().filter(|message| matches!(message.message_type, 816 | 818));
    let taxed = taxed.filter(|message| invt_no(&message.xml) == numbered);
    let taxed: Vec<_> = taxed.map(|message| message.message_type).collect();
    assert_eq!(taxed, [816, 818]);
}

/// The number that customs gave to what a message is about.
fn invt_no(xml: &str) -> String {
    let read = proto::ceb::read(xml.as_bytes()).expect("it is a message");
    let documents: Vec<Document> = read.documents.into_iter().map(|read| read.document).collect();
    documents[0].value("invtNo").expect("it has one")
}

/// The sandbox's second firm.
const FIRM_B: &str = "3702960002";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_what_belongs_to_another_firm() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let other = Erp::as_caller(&sandbox, "enterprise-b", FIRM_B, "DXPENT0000000002").await;
    let own = import("QDOWN-1");
    for document in [own.inventory(), own.order()] {
        erp.sends(&[document]).await;
    }

    // Names itself as the platform, so that it may send, and means the order of the seller.
    let mut theft = own.clone();
    theft.order.head.guid = guid();
    theft.order.head.app_time = app_time(50);
    theft.order.head.ebp_code = FIRM_B.to_owned();
    for app_type in ["2", "3"] {
        theft.order.head.app_type = app_type.to_owned();
        let said = other.sends(&[theft.order()]).await;
        assert_eq!(said[0].return_status, -301_009, "{said:?}");
    }
    theft.order.head.app_type = "1".to_owned();
    // It is kept beside: the order of another platform, of which nothing is told.
    assert_eq!(other.sends(&[theft.order()]).await[0].return_status, 2);
    theft.inventory.head.guid = guid();
    theft.inventory.head.app_time = app_time(50);
    theft.inventory.head.app_type = "2".to_owned();
    theft.inventory.head.agent_code = FIRM_B.to_owned();
    theft.inventory.head.assure_code = FIRM_B.to_owned();
    theft.inventory.head.cop_no = "THEFT-1".to_owned();
    let said = other.sends(&[theft.inventory()]).await;
    assert_eq!(said[0].return_status, -621_011, "{said:?}");

    // An order of another seller under the same number is another order.
    let mut stray = own.clone();
    stray.order.head.guid = guid();
    stray.order.head.ebc_code = FIRM_B.to_owned();
    stray.order.head.buyer_name = "别人".to_owned();
    other.sends(&[stray.order()]).await;
    for document in [own.payment(), own.waybill()] {
        erp.sends(&[document]).await;
    }
    let copy = &own.inventory.head.cop_no;
    assert_eq!(erp.hears(622, copy, 899).await, [2, 3, 120, 399, 800, 899]);
    assert!(
        other
            .log()
            .await
            .iter()
            .all(|message| message.message_type == 312 || message.message_type == 622)
    );

    // Nobody writes into the log of customs, and no date from the future blocks a key.
    let mut eavesdrop = Erp::of(&sandbox).await;
    eavesdrop.subscribers = vec![Subscribe {
        status: "DATA".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_address: "CUSTOMS".to_owned(),
        note: String::new(),
    }];
    let message = eavesdrop.message(&[import("QDOWN-2").order()]).into_bytes();
    let refused = eavesdrop.window.ceb().send(v1::SendRequest { message }).await;
    assert_eq!(refused.expect_err("it is reserved").code(), tonic::Code::PermissionDenied);
    let mut late = import("QDOWN-3");
    late.order.head.app_time = "99991231235959".to_owned();
    assert_eq!(erp.sends(&[late.order()]).await[0].return_status, 100);
    late.order.head.app_time = app_time(0);
    assert_eq!(erp.sends(&[late.order()]).await[0].return_status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_may_change_its_order_and_a_cancellation_is_always_answered() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    // The payment was sent under a wrong order number, which is where it stands.
    let mut import = import("QDMOVE-1");
    import.payment.head.order_no = "QDMOVE-0".to_owned();
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    let missing = |documents: Vec<v1::DocumentRecord>| {
        let inventory = documents.into_iter().find(|record| record.message_type == 621);
        inventory.expect("it is kept").missing
    };
    assert_eq!(missing(erp.documents("QDMOVE-1").await), ["payment"]);
    import.payment.head.guid = guid();
    import.payment.head.app_type = "2".to_owned();
    import.payment.head.app_time = app_time(5);
    import.payment.head.order_no = "QDMOVE-1".to_owned();
    assert_eq!(erp.sends(&[import.payment()]).await[0].return_status, 2);
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
    assert!(erp.documents("QDMOVE-0").await.is_empty(), "it stands in one place");

    // Cancellations that come while their inventories are being filed, numbered and released.
    let Document::Ceb623(cancel) = crate::harness::national::example(623) else {
        panic!("a cancellation")
    };
    let mut answers = Vec::new();
    for number in 0..12 {
        let import = crate::harness::national::import(&format!("QDRACE-{number}"));
        for document in import.all() {
            erp.sends(&[document]).await;
        }
        let cancel = import.cancel(&format!("RACE-{number}"), &cancel.invt_no);
        erp.sends(&[Document::Ceb623(cancel)]).await;
        answers.push((format!("RACE-{number}<"), import.inventory.head.cop_no.clone()));
    }
    for (cancel, inventory) in answers {
        let what = format!("{cancel} cancels {inventory}, or it is closed and that is refused");
        eventually(&what, PATIENCE, async || {
            let told = erp.statuses(624, &cancel).await;
            let seen = erp.statuses(622, &inventory).await;
            let cancelled = told.contains(&399) && !seen.contains(&800);
            let refused = told.iter().any(|status| *status < 0) && seen.contains(&899);
            if cancelled || refused { Ok(()) } else { Err((told, seen)) }
        })
        .await;
    }
}
