//! What a firm's system sees that sends national messages: receipts like those of the real system.

use proto::ceb::Document;

use crate::harness::Sandbox;
use crate::harness::national::{Erp, app_time, example, export, guid, import};

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_matched_whatever_comes_first_and_taxed_after_its_release() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let import = import("QDCEB-1");

    let first = erp.sends(&[import.inventory()]).await;
    assert_eq!(first.len(), 1, "{first:#?}");
    assert_eq!(first[0].return_status, 2);
    assert_eq!(
        first[0].return_info,
        "清单新增申报成功[电商企业编码：3702960015订单编号：QDCEB-1]; \
         对应电商平台为[3702960023]订单号为[QDCEB-1]支付信息不存在"
    );
    assert_eq!(first[0].pre_no.len(), 18);
    assert_eq!(first[0].document_guid, import.inventory.head.guid);
    assert_eq!(first[0].key, "3702960015 QDCEB-1");
    let waiting = erp.documents("QDCEB-1").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].missing, ["order", "payment", "waybill"]);

    for document in [import.waybill(), import.payment(), import.order()] {
        let said = erp.sends(&[document]).await;
        assert_eq!(said[0].return_status, 2, "{said:?}");
        assert!(said[0].return_info.starts_with("新增申报成功["), "{said:?}");
    }
    let seen = erp.hears(622, &import.inventory.head.cop_no, 899).await;
    assert_eq!(seen, [2, 3, 120, 399, 800, 899]);
    assert_eq!(erp.statuses(312, "QDCEB-1").await, [2, 3, 120]);
    assert_eq!(erp.statuses(412, &import.payment.head.pay_transaction_id).await, [2, 3, 120]);
    assert_eq!(erp.statuses(512, &import.waybill.head.logistics_no).await, [2, 3, 120]);

    // Customs' tax bill: 547 yuan (goods 527, freight 20) at 13 %, 70 % of it, line by line.
    let bills = erp.gets(816, "valueAddedTax", 1).await;
    let read = proto::ceb::read(bills[0].as_bytes()).expect("a bill can be read");
    let Document::Ceb816(bill) = &read.documents[0].document else { panic!("a bill") };
    let record = &erp.documents("QDCEB-1").await;
    let inventory = record.iter().find(|r| r.message_type == 621).expect("it is kept");
    assert_eq!(bill.head.invt_no, inventory.invt_no);
    assert_eq!(bill.head.status, "1");
    assert_eq!(bill.head.customs_tax, 0);
    assert_eq!(bill.head.value_added_tax, 4_977_000, "49.77 = 24.46 + 25.31");
    assert_eq!(bills.len(), 1);
    assert!(inventory.declaration.starts_with("declarations/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_do_not_fit_are_rejected_and_can_be_corrected() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut import = import("QDCEB-2");
    let right = import.payment.head.amount_paid;
    import.payment.head.amount_paid = 319_795_000;
    import.waybill.head.consignee = "别人".to_owned();
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    let copy = &import.inventory.head.cop_no.clone();
    assert_eq!(erp.statuses(622, copy).await, [2, 100]);
    let log = erp.log().await;
    let info: Vec<String> = log
        .into_iter()
        .filter(|message| message.message_type == 622)
        .flat_map(|message| message.receipts)
        .map(|receipt| receipt.return_info)
        .collect();
    let info = &info[1];
    assert!(info.contains("[Code:1332;Desc:支付单支付金额与订单支付金额不一致]"), "{info}");
    assert!(info.contains("PaymentHead.amountPaid3197.95]"), "{info}");
    assert!(info.contains("运单收货人信息与订单收货人信息不一致"), "{info}");

    // The firms correct what was wrong, then the inventory is sent anew.
    import.payment.head.amount_paid = right;
    import.waybill.head.consignee.clone_from(&import.order.head.consignee);
    for (guid_of, type_of, time_of) in [
        (
            &mut import.payment.head.guid,
            &mut import.payment.head.app_type,
            &mut import.payment.head.app_time,
        ),
        (
            &mut import.waybill.head.guid,
            &mut import.waybill.head.app_type,
            &mut import.waybill.head.app_time,
        ),
    ] {
        *guid_of = guid();
        *type_of = "2".to_owned();
        *time_of = app_time(10);
    }
    for document in [import.payment(), import.waybill()] {
        let said = erp.sends(&[document]).await;
        assert_eq!(said[0].return_status, 2, "{said:?}");
    }
    import.inventory.head.guid = guid();
    import.inventory.head.app_time = app_time(10);
    erp.sends(&[import.inventory()]).await;
    let seen = erp.hears(622, copy, 899).await;
    assert_eq!(seen, [2, 100, 2, 3, 120, 399, 800, 899]);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_older_and_second_documents_change_nothing() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut import = import("QDCEB-3");
    let first = erp.sends(&[import.order()]).await;
    let again = erp.sends(&[import.order()]).await;
    assert_eq!(first[0].return_info, again[0].return_info);
    assert_eq!(erp.statuses(312, "QDCEB-3").await, [2], "a repetition is not told twice");

    import.order.head.guid = guid();
    import.order.head.app_type = "2".to_owned();
    import.order.head.app_time = app_time(-100);
    assert_eq!(erp.sends(&[import.order()]).await[0].return_status, -301_014, "older");
    import.order.head.app_time = app_time(100);
    import.order.head.app_type = "1".to_owned();
    assert_eq!(erp.sends(&[import.order()]).await[0].return_status, -301_010, "it exists");
    import.order.head.app_type = "2".to_owned();
    assert_eq!(erp.sends(&[import.order()]).await[0].return_status, 2, "a change");

    for document in [import.payment(), import.waybill(), import.inventory()] {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &import.inventory.head.cop_no, 899).await;
    import.order.head.guid = guid();
    import.order.head.app_time = app_time(200);
    assert_eq!(erp.sends(&[import.order()]).await[0].return_status, -301_011, "in use");
    import.inventory.head.guid = guid();
    import.inventory.head.app_time = app_time(200);
    assert_eq!(erp.sends(&[import.inventory()]).await[0].return_status, -621_004, "declared");
    assert_eq!(erp.statuses(622, &import.inventory.head.cop_no).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_is_cancelled_before_and_returned_after_its_release() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    // Customs never answers: the inventory can be taken back.
    let silent = import("SBX-SILENT-4");
    for document in silent.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &silent.inventory.head.cop_no, 3).await;
    let Document::Ceb623(invented) = example(623) else { panic!("a cancellation") };
    let mut cancel = silent.cancel("CANCEL-4", &invented.invt_no);
    erp.sends(&[Document::Ceb623(cancel.clone())]).await;
    assert_eq!(erp.hears(624, "CANCEL-4", 399).await, [2, 3, 399]);
    let log = erp.log().await;
    let last = log.iter().rev().find(|m| m.message_type == 624).expect("it was told");
    assert_eq!(
        last.receipts[0].return_info,
        "[Code:2300;Desc:审核通过],撤单申请审核通过,清单已成功撤单"
    );
    cancel.guid = guid();
    cancel.cop_no = "CANCEL-4B".to_owned();
    let again = erp.sends(&[Document::Ceb623(cancel)]).await;
    assert_eq!(again.last().expect("it is told").return_status, -623_009, "{again:?}");

    // Released goods come back: the amount is restored and the bill is void.
    let sold = import("QDCEB-5");
    for document in sold.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &sold.inventory.head.cop_no, 899).await;
    erp.gets(816, "valueAddedTax", 1).await;
    let records = erp.documents("QDCEB-5").await;
    let invt_no = &records.iter().find(|r| r.message_type == 621).expect("kept").invt_no;
    let refund = sold.refund("RETURN-5", invt_no);
    let mut too_many = refund.clone();
    too_many.head.cop_no = "RETURN-5B".to_owned();
    too_many.lines[0].qty += 100_000;
    let said = erp.sends(&[Document::Ceb625(too_many)]).await;
    assert_eq!(said.last().expect("it is told").return_status, 100, "{said:?}");
    erp.sends(&[Document::Ceb625(refund)]).await;
    assert_eq!(erp.statuses(626, "RETURN-5<").await, [2, 3, 120, 800]);
    let void = erp.gets(818, invt_no, 1).await;
    assert!(void[0].contains("<status>3</status>"), "{}", void[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_must_fit_the_message_and_the_declarant() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let import = import("QDCEB-6");
    let good = erp.message(&[import.inventory()]);
    let tampered = good.replace("<ceb:packNo>1<", "<ceb:packNo>2<");
    assert_ne!(good, tampered);
    assert_eq!(erp.sends_text(&tampered).await[0].return_status, -621_028);

    let unsigned = erp.unsigned(&[import.inventory()]);
    let request = proto::v1::SendRequest { message: unsigned.into_bytes() };
    let answer = erp.window.ceb().send(request).await.expect("it is answered").into_inner();
    assert_eq!(answer.messages[0].message_type, 900);
    assert!(answer.messages[0].receipts[0].return_status < 0);
    assert!(answer.faults[0].element.contains("Signature"), "{:?}", answer.faults);
    assert_eq!(erp.gets(900, "Signature", 1).await.len(), 1, "it is in the log of the sender");

    // Somebody else's card, who has no mandate: the firm's own system may not use it.
    let mut other = Erp::of(&sandbox).await;
    other.window = sandbox.connect("enterprise-a").await;
    other.dxp_id = "DXPENT0000000001".to_owned();
    let said = other.sends(&[import.inventory()]).await;
    assert_eq!(said[0].return_status, -621_015, "{said:?}");
    assert!(erp.documents("QDCEB-6").await.is_empty(), "nothing was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_goes_with_its_bill_and_is_closed_when_the_vehicle_has_left() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let exports = [export("QDCEB-71"), export("QDCEB-72")];
    for export in &exports {
        erp.sends(&[Document::Ceb403(export.money.clone())]).await;
        let [order, waybill, inventory] = export.all();
        // The waybill names no order: whichever comes last completes the set.
        for document in [inventory, order, waybill] {
            erp.sends(&[document]).await;
        }
    }
    for export in &exports {
        let copy = &export.inventory.head.cop_no;
        assert_eq!(erp.hears(604, copy, 399).await, [2, 3, 120, 399]);
        assert_eq!(erp.hears(404, &export.order.head.order_no, 120).await, [2, 3, 120]);
        assert_eq!(erp.statuses(506, &export.waybill.logistics_no).await, [2, 3, 120]);
    }
    let released = |record: &proto::v1::DocumentRecord| record.message_type == 603;
    let record = erp.documents("QDCEB-71").await.into_iter().find(released).expect("kept");
    let firm = crate::harness::people::Enterprise(sandbox.connect("agent").await);
    for order_no in ["QDCEB-71", "QDCEB-72"] {
        let record = erp.documents(order_no).await.into_iter().find(released).expect("kept");
        firm.sees(&record.declaration, proto::v1::State::Released).await;
    }
    assert!(!erp.statuses(604, &exports[0].inventory.head.cop_no).await.contains(&800));

    // The list comes in two parts; the second one completes it.
    let Document::Ceb607(list) = example(607) else { panic!("a list") };
    for (part, export) in exports.iter().enumerate() {
        let mut list = list.clone();
        list.head.guid = guid();
        list.head.app_time = app_time(5);
        list.head.cop_no = "LIST-7".to_owned();
        list.head.bill_no = "99988877766".to_owned();
        list.head.msg_count = 2;
        list.head.msg_seq_no = 2 - u32::try_from(part).expect("two parts");
        list.head.logistics_code.clone_from(&export.inventory.head.logistics_code);
        list.lines.truncate(1);
        list.lines[0].gnum = 1;
        list.lines[0].logistics_no.clone_from(&export.inventory.head.logistics_no);
        list.lines[0].invt_no = String::new();
        erp.sends(&[Document::Ceb607(list)]).await;
    }
    assert_eq!(erp.statuses(608, "LIST-7").await, [2, 3, 2, 3, 399, 399, 800, 800]);
    for export in &exports {
        let copy = &export.inventory.head.cop_no;
        assert_eq!(erp.hears(604, copy, 800).await, [2, 3, 120, 399, 800]);
    }
    let Document::Ceb509(mut departure) = example(509) else { panic!("a departure") };
    departure.head.guid = guid();
    departure.head.app_time = app_time(6);
    departure.head.cop_no = "LEFT-7".to_owned();
    departure.head.bill_no = "99988877766".to_owned();
    departure.head.logistics_code.clone_from(&exports[0].inventory.head.logistics_code);
    departure.head.msg_count = 1;
    departure.head.msg_seq_no = 1;
    departure.lines.truncate(1);
    departure.lines[0].logistics_no.clone_from(&exports[0].inventory.head.logistics_no);
    erp.sends(&[Document::Ceb509(departure)]).await;
    assert_eq!(erp.statuses(510, "LEFT-7").await, [2, 3, 399]);
    let first = &exports[0].inventory.head.cop_no;
    assert_eq!(erp.statuses(604, first).await, [2, 3, 120, 399, 800, 899]);
    assert!(!erp.statuses(604, &exports[1].inventory.head.cop_no).await.contains(&899));

    // The month is summed up.
    let Document::Ceb701(mut summary) = example(701) else { panic!("a summary") };
    summary.head.guid = guid();
    summary.head.app_time = app_time(7);
    summary.head.cop_no = "SUM-7".to_owned();
    summary.head.start_time = String::new();
    summary.head.end_time = String::new();
    summary.head.msg_count = 1;
    summary.head.msg_seq_no = 1;
    summary.lines.truncate(1);
    summary.lines[0].invt_no.clone_from(&record.invt_no);
    erp.sends(&[Document::Ceb701(summary.clone())]).await;
    assert_eq!(erp.statuses(702, "SUM-7<").await, [2, 3, 399]);
    let result = erp.gets(792, &record.invt_no, 1).await;
    assert!(proto::ceb::read(result[0].as_bytes()).is_ok());
    // By period: what was summed up before is not summed up again, and what is not closed not yet.
    let mut early = summary.clone();
    early.head.guid = guid();
    early.head.cop_no = "SUM-7A".to_owned();
    early.head.start_time = app_time(-3_600);
    early.head.end_time = app_time(3_600);
    erp.sends(&[Document::Ceb701(early)]).await;
    assert_eq!(erp.statuses(702, "SUM-7A").await, [2, 100]);
    let late = exports[1].departure("LEFT-7B", "99988877766");
    erp.sends(&[Document::Ceb509(late)]).await;
    erp.hears(604, &exports[1].inventory.head.cop_no, 899).await;
    summary.head.guid = guid();
    summary.head.cop_no = "SUM-7B".to_owned();
    summary.head.start_time = app_time(-3_600);
    summary.head.end_time = app_time(3_600);
    erp.sends(&[Document::Ceb701(summary)]).await;
    assert_eq!(erp.statuses(702, "SUM-7B").await, [2, 3, 399]);
    let other = &exports[1].inventory.head.logistics_no;
    let result = erp.gets(792, other, 1).await;
    assert!(!result[0].contains(&record.invt_no), "{}", result[0]);
}
