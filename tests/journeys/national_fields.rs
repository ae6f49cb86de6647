//! What one document must satisfy by itself, and what its receipt says when it does not.

use proto::ceb::{self, Document};
use proto::v1;
use tonic_types::StatusExt as _;

use crate::harness::national::{Erp, app_time, example, export, guid, import, person};
use crate::harness::people::{Enterprise, code, filing};
use crate::harness::{Sandbox, binary, workspace};

/// Status and text of the one receipt that comes at once for a document.
async fn receipt_of(erp: &Erp, document: Document) -> (i32, String) {
    let mut said = erp.sends(std::slice::from_ref(&document)).await;
    let first = said.remove(0);
    (first.return_status, first.return_info)
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_numbers_that_belong_to_nobody_are_refused_at_every_door() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    for (at, wrong) in
        ["110101199003074515", "11010119900307451", "110101199002304514", "１10101199003074514"]
            .into_iter()
            .enumerate()
    {
        let import = import(&format!("QDFIELD-1{at}")).bought_by(wrong);
        let (status, text) = receipt_of(&erp, import.order()).await;
        assert_eq!(status, -301_008, "{text}");
        assert!(text.starts_with("参数校验不通过，buyerIdNumber：订购人身份证号码有误"), "{text}");
        let (status, text) = receipt_of(&erp, import.payment()).await;
        assert_eq!(status, -401_009, "{text}");
        assert!(text.contains("支付人身份证号码有误") && !text.contains(wrong), "{text}");
        let (status, text) = receipt_of(&erp, import.inventory()).await;
        assert_eq!(status, 100, "{text}");
        assert!(
            text.contains("[Code:SW-2022;Desc:") && text.contains("订购人身份证号码有误"),
            "{text}"
        );

        let declaration = ceb::declaration(&import.inventory()).expect("it is an inventory");
        let firm = Enterprise(erp.window.clone());
        let status = firm.tries(filing(declaration)).await.expect_err("nobody has this number");
        assert_eq!(code(&status).0, "SW-1001");
        let listed = status.get_details_bad_request().expect("listed").field_violations;
        let fields: Vec<&str> = listed.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["declaration.buyer.id_number"]);
    }
    // The person of the published samples, whom the sandbox knows.
    let sample = import("QDFIELD-19").bought_by("130681136250023332");
    for document in sample.all() {
        let (status, text) = receipt_of(&erp, document).await;
        assert_eq!(status, 2, "{text}");
    }
    assert!(erp.hears(622, &sample.inventory.head.cop_no, 899).await.contains(&899));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_x_is_no_fresh_limit() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut persons = (0..1_000).map(|at| person(&format!("11010119900307{at:03}")));
    let with_x = persons.find(|number| number.ends_with('X')).expect("one in eleven");
    // Each is worth 5,490 with its freight; the fifth would be 27,450 in the year.
    let small = with_x.to_lowercase();
    for (at, number) in [&with_x, &small, &with_x, &small, &small].into_iter().enumerate() {
        let mut import = import(&format!("QDFIELD-2{at}")).bought_by(number);
        let value = 547_000_000;
        for (qty, price, total) in [
            {
                let line = &mut import.order.lines[0];
                (&mut line.qty, &mut line.price, &mut line.total_price)
            },
            {
                let line = &mut import.inventory.lines[0];
                (&mut line.qty, &mut line.price, &mut line.total_price)
            },
        ] {
            (*qty, *price, *total) = (100_000, value, value);
        }
        import.order.lines.truncate(1);
        import.inventory.lines.truncate(1);
        let line = &mut import.inventory.lines[0];
        if line.unit1 == line.unit {
            line.qty1 = line.qty;
        }
        let head = &mut import.order.head;
        head.goods_value = value;
        head.actural_paid = value + head.freight + head.tax_total - head.discount;
        import.payment.head.amount_paid = head.actural_paid;
        for document in import.all() {
            let (status, text) = receipt_of(&erp, document).await;
            assert_eq!(status, 2, "{text}");
        }
        let last = if at < 4 { 899 } else { 100 };
        let seen = erp.hears(622, &import.inventory.head.cop_no, last).await;
        assert_eq!(seen.last(), Some(&last), "{at}: {seen:?}");
    }
}

/// Kind, document that is spoilt, status, and what its receipt says.
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_document_is_told_every_element_and_why() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let parcel = import("QDFIELD-3");
    let mut order = parcel.order.clone();
    (order.head.order_type, order.head.freight) = ("E".to_owned(), -2_000_000);
    let mut twice = parcel.order.clone();
    twice.lines[1].gnum = 1;
    let mut payment = parcel.payment.clone();
    payment.head.pay_time = "20261131120000".to_owned();
    payment.head.amount_paid = -500_000;
    let mut waybill = parcel.waybill.clone();
    (waybill.head.pack_no, waybill.head.weight) = (2, 0);
    let mut inventory = parcel.inventory.clone();
    inventory.head.ie_flag = "X".to_owned();
    inventory.head.buyer_id_type = "2".to_owned();
    let mut gaps = parcel.inventory.clone();
    gaps.lines[1].gnum = 3;
    let Document::Ceb513(mut signed_for) = example(513) else { panic!("a waybill status") };
    signed_for.logistics_status = "R".to_owned();
    let goods = export("QDFIELD-4");
    let mut export_order = goods.order.clone();
    export_order.head.order_type = "X".to_owned();
    let mut money = goods.money.clone();
    (money.charge, money.accounting_date) = (0, "20260229000000".to_owned());
    let Document::Ceb701(mut summary) = example(701) else { panic!("a summary") };
    summary.head.summary_flag = "3".to_owned();
    let Document::Ceb711(mut delivery) = example(711) else { panic!("a delivery") };
    delivery.head.ie_flag = "X".to_owned();
    let Document::Ceb623(mut cancel) = example(623) else { panic!("a cancellation") };
    cancel.app_type = "2".to_owned();
    #[rustfmt::skip]
    let table = [
        (Document::Ceb311(order), -301_008, "参数校验不通过，orderType：填写了E，限定为I；freight：填写了-20，不得小于零"),
        (Document::Ceb311(twice), -301_002, "订单商品信息内有重复商品序号"),
        (Document::Ceb411(payment), -401_009, "参数校验不通过，[payTime：20261131120000不是有效的时间，格式为YYYYMMDDhhmmss；amountPaid：填写了-5，不得小于零]"),
        (Document::Ceb511(waybill), -504_011, "参数校验不通过，packNo：填写了2，限定为1；weight：填写了0，须大于零"),
        (Document::Ceb513(signed_for), -504_011, "参数校验不通过，logisticsStatus：填写了R，限定为S"),
        (Document::Ceb621(inventory), -621_001, "清单报文校验失败，[ieFlag：填写了X，限定为I；buyerIdType：填写了2，限定为1]"),
        (Document::Ceb621(gaps), -621_027, "请确认表体gnum 无重复！"),
        (Document::Ceb303(export_order), -301_008, "参数校验不通过，orderType：填写了X，限定为I、E、B、W"),
        (Document::Ceb403(money), -401_009, "参数校验不通过，[accountingDate：20260229000000不是有效的时间，格式为YYYYMMDDhhmmss；charge：填写了0，须大于零]"),
        (Document::Ceb701(summary), -800_001, "校验不通过，[summaryFlag：填写了3，限定为1、2]"),
        (Document::Ceb711(delivery), -800_001, "校验不通过，[ieFlag：填写了X，限定为I、E]"),
        (Document::Ceb623(cancel), -623_001, "报文校验失败，[appType：填写了2，限定为1]\""),
    ];
    for (document, status, text) in table {
        assert_eq!(receipt_of(&erp, document).await, (status, text.to_owned()));
    }
    // Nothing of it is kept; corrected, everything goes on.
    for document in parcel.all() {
        assert_eq!(receipt_of(&erp, document).await.0, 2);
    }
    erp.hears(622, &parcel.inventory.head.cop_no, 899).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_escaped_is_told_in_the_language_asked_for() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let good = erp.message(&[import("QDFIELD-5").order()]);
    let wrong = good.replacen("</ceb:itemName>", " & 配件</ceb:itemName>", 1);
    assert_ne!(good, wrong);
    let request = v1::SendRequest { message: wrong.clone().into_bytes() };
    let answer = erp.window.ceb().send(request).await.expect("it is answered").into_inner();
    let xml = &answer.messages[0].xml;
    assert!(xml.contains("oriMessageType>CEB311Message<"), "{xml}");
    let text = &answer.messages[0].receipts[0].return_info;
    assert!(text.contains("文本中的&须写作&amp;") && !text.contains("ill-formed"), "{text}");

    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("order.xml");
    std::fs::write(&file, &wrong).expect("it can be written");
    for (language, words) in [("en", "in a text write &amp;"), ("zh", "文本中的&须写作&amp;")]
    {
        let output = std::process::Command::new(binary())
            .args(["ceb", "explain", "--language", language])
            .arg(&file)
            .current_dir(workspace())
            .output()
            .expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stdout).replace('\n', " ")
            + &String::from_utf8_lossy(&output.stderr).replace('\n', " ");
        assert!(said.contains(words), "{language}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mismatch_names_the_fields_and_a_taken_key_is_not_called_old() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut import = import("QDFIELD-6");
    let mut again = import.order.clone();
    import.waybill.head.consignee_telephone = "13912345678".to_owned();
    import.payment.head.payer_name = "王五".to_owned();
    for document in import.all() {
        erp.sends(&[document]).await;
    }
    let copy = &import.inventory.head.cop_no;
    erp.hears(622, copy, 100).await;
    let log = erp.log().await;
    let receipts = log.into_iter().filter(|message| message.message_type == 622);
    let rejection = receipts.flat_map(|it| it.receipts).find(|it| it.return_status == 100);
    let text = rejection.expect("it was heard").return_info;
    let name = &import.order.head.buyer_name;
    let first = name.chars().next().expect("a name");
    for part in [
        "[Code:1327;Desc:订单购买人与支付单支付人名字或身份证号码不一致],[OrderHead.buyerName:",
        &format!("OrderHead.buyerName:{first}*"),
        "PaymentHead.payerName:王*]",
        "LogisticsHead.consigneeTelephone:139****5678,OrderHead.consigneeTelephone:",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for secret in [name.as_str(), "王五", "13912345678", &import.order.head.consignee_telephone] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }

    (again.head.guid, again.head.app_time) = (guid(), app_time(-60));
    let (status, text) = receipt_of(&erp, Document::Ceb311(again.clone())).await;
    assert_eq!((status, text.as_str()), (-301_010, "已存在相同编号的订单"));
    again.head.app_type = "2".to_owned();
    let (status, _) = receipt_of(&erp, Document::Ceb311(again)).await;
    assert_eq!(status, -301_014, "a change may be old");
}
