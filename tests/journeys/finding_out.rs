//! Finding out why: the story of a document by any of its numbers, receipts of one order, a set of files
//! that is compared before it is sent, and a folder that tells how everything ended.

use std::process::Command;

use proto::ceb::Document;
use proto::v1;
use serde_json::Value;

use super::command_line::{lines, shown};
use crate::harness::national::{DXP, Erp, Import, app_time, export, import};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually};

fn text_of(output: &std::process::Output, exit: i32) -> String {
    let text = shown(output);
    assert_eq!(output.status.code(), Some(exit), "{text}");
    text
}

fn has(text: &str, all: &[&str]) {
    for expected in all {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

/// Sends all four and waits for the tax bill.
async fn released(erp: &Erp, parcel: &Import) -> v1::DocumentRecord {
    for document in parcel.all() {
        erp.sends(&[document]).await;
    }
    let order_no = &parcel.order.head.order_no;
    let what = format!("{order_no} is released");
    let inventory = eventually(&what, PATIENCE, async || {
        let documents = erp.documents(order_no).await;
        let stands = |it: &v1::DocumentRecord| (it.message_type, it.return_status);
        let seen: Vec<_> = documents.iter().map(stands).collect();
        documents.into_iter().find(|it| stands(it) == (621, 899)).ok_or(seen)
    });
    let inventory = inventory.await;
    erp.gets(816, &inventory.invt_no, 1).await;
    inventory
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_shown_by_any_of_its_numbers_with_its_whole_story() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let ceb = |args: &[&str]| sandbox.command(&[&["ceb"], args].concat());

    // It waits: for what, and what to do.
    let parcel = import("QDWHY-1");
    erp.sends(&[parcel.order()]).await;
    erp.sends(&[parcel.inventory()]).await;
    let text = text_of(&ceb(&["show", "QDWHY-1"]), 0);
    has(
        &text,
        &[
            "CEB621 import inventory  3702960015 QDWHY-1",
            "2 being declared",
            "支付信息不存在",
            "payment, waybill",
            "send the payment (CEB411) and the waybill (CEB511)",
            "docs/ceb.md#three-document-match",
            "CEB622",
            "also of order QDWHY-1",
            "CEB311 import order",
        ],
    );
    let text = text_of(&ceb(&["show", "QDWHY-1", "--language", "zh"]), 0);
    has(&text, &["进口清单", "下一步", "支付单（CEB411）、运单（CEB511）"]);
    let text = text_of(&ceb(&["show", "QDWHY-1", "--type", "CEB311"]), 0);
    has(&text, &["CEB311 import order", "CEB312", "waits for its inventory"]);
    assert!(!text.contains("CEB622 "), "an order and its inventory have one key:\n{text}");

    // It came to its end: the same by every number, with the tax bill as one.
    let inventory = released(&erp, &parcel).await;
    let head = &parcel.inventory.head;
    for number in [
        "QDWHY-1",
        &head.logistics_no,
        &head.cop_no,
        &head.guid,
        &head.guid.to_lowercase(),
        &inventory.pre_no,
        &inventory.invt_no,
    ] {
        let text = text_of(&ceb(&["show", number]), 0);
        has(&text, &["CEB621 import inventory", "899 formalities closed", &inventory.invt_no]);
        has(&text, &["CEB816  tax bill", "of inventory", "order QDWHY-1, made out, duty 0, VAT "]);
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
        assert!(
            at("  2 being declared  ") < at("  120 taken in")
                && at("  120 taken in") < at("  800 released")
        );
    }
    let output = ceb(&["show", "QDWHY-1", "--output", "json"]);
    text_of(&output, 0);
    let story = &lines(&output)[0];
    assert_eq!(story["document"]["invt_no"], inventory.invt_no.as_str(), "{story}");
    assert_eq!(story["of_the_order"].as_array().map(Vec::len), Some(3), "{story}");
    let receipts = story["receipts"].as_array().expect("a list");
    assert_eq!(receipts.last().map(|it| &it["message_type"]), Some(&Value::from(816)), "{story}");
    let bill = receipts.last().map(|it| it["tax_bills"][0].clone()).unwrap_or_default();
    assert_eq!((&bill["order_no"], &bill["status"]), (&"QDWHY-1".into(), &1.into()), "{bill}");
    assert!(bill["amounts"]["value_added_tax_e5"].is_string(), "{bill}");

    // Nobody else finds it, and what is not there is said to be so.
    let other = ["show", "QDWHY-1", "--as", "enterprise-b"];
    let nothing = ["show", "QDWHY-9", "--as", "enterprise-b"];
    let [other, nothing] = [&other, &nothing].map(|args| text_of(&ceb(args), 4));
    assert_eq!(other.replace("QDWHY-1", "QDWHY-9"), nothing, "what is foreign is not there");
    has(&nothing, &["SW-1201", "ceb receipts --dxp-id ID --order QDWHY-9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_shows_its_reason_and_the_page() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let ceb = |args: &[&str]| sandbox.command(&[&["ceb"], args].concat());
    let mut parcel = import("QDWHY-2");
    parcel.payment.head.amount_paid += 100_000;
    for document in parcel.all() {
        erp.sends(&[document]).await;
    }
    let amounts = "支付单支付金额与订单支付金额不一致";
    let text = text_of(&ceb(&["documents", "--order-no", "QDWHY-2"]), 0);
    has(&text, &["CEB621 3702960015 QDWHY-2: 100", amounts, "docs/ceb.md#three-document-match"]);
    let text = text_of(&ceb(&["documents", "--number", &parcel.inventory.head.cop_no]), 0);
    has(&text, &[amounts]);
    assert!(!text.contains("CEB311"), "{text}");
    let text = text_of(&ceb(&["show", "QDWHY-2"]), 0);
    has(&text, &["100 rejected", amounts, "newer appTime", "docs/ceb.md#three-document-match"]);

    // Corrected, it is the same document: what was said before stays part of its story.
    parcel.payment.head.amount_paid -= 100_000;
    parcel.payment.head.app_type = "2".to_owned();
    parcel.payment.head.guid = crate::harness::national::guid();
    parcel.inventory.head.guid = crate::harness::national::guid();
    parcel.payment.head.app_time = app_time(1);
    parcel.inventory.head.app_time = app_time(1);
    erp.sends(&[parcel.payment()]).await;
    erp.sends(&[parcel.inventory()]).await;
    erp.hears(622, &parcel.inventory.head.cop_no, 899).await;
    let text = text_of(&ceb(&["show", "QDWHY-2"]), 0);
    has(&text, &["  100 rejected", "  899 formalities closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_an_order_are_those_of_its_documents_kept_or_not() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let ceb = |args: &[&str]| sandbox.command(&[&["ceb"], args].concat());
    let (mine, other) = (import("QDWHY-3"), import("QDWHY-33"));
    released(&erp, &mine).await;
    released(&erp, &other).await;
    let log = erp.log().await;
    let about = |number: &str| {
        let number = format!(">{number}<");
        let parcel = &mine;
        let names = [
            number,
            format!(">{}<", parcel.payment.head.pay_transaction_id),
            format!(">{}<", parcel.waybill.head.logistics_no),
            format!(">{}<", parcel.inventory.head.cop_no),
        ];
        let meant = log.iter().filter(|it| names.iter().any(|name| it.xml.contains(name)));
        meant.map(|message| message.position).collect::<Vec<_>>()
    };
    let mut expected = about("QDWHY-3");
    let bills = log.iter().filter(|it| it.message_type == 816);
    let of_order = |it: &&v1::OutgoingMessage| it.tax_bills[0].order_no == "QDWHY-3";
    expected.extend(bills.filter(of_order).map(|it| it.position));
    expected.sort_unstable();
    let mut request = v1::ListReceiptsRequest {
        dxp_id: DXP.to_owned(),
        order_no: "QDWHY-3".to_owned(),
        page_size: 3,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page = erp.window.ceb().list_receipts(request.clone()).await.expect("its own log");
        let page = page.into_inner();
        if page.messages.is_empty() {
            break;
        }
        request.after = page.next_after;
        found.extend(page.messages.iter().map(|message| message.position));
    }
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(found, expected);

    let text = text_of(&ceb(&["receipts", "--order", "QDWHY-3"]), 0);
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    has(&text, &["CEB312", "CEB412", "CEB512", "CEB622", "CEB816  tax bill"]);
    assert!(!text.contains("QDWHY-33"), "{text}");

    // What was refused for itself is not kept; what was said about it is.
    let mut wrong = import("QDWHY-4");
    wrong.inventory.head.pack_no = 2;
    let refused = erp.sends(&[wrong.inventory()]).await;
    assert!(refused[0].return_status != 2, "{refused:?}");
    text_of(&ceb(&["receipts", "--order", "QDWHY-4"]), 4);
    let text = text_of(&ceb(&["receipts", "--order", "QDWHY-4", "--dxp-id", DXP]), 0);
    has(&text, &["CEB622  3702960015 QDWHY-4", "SW-2016"]);

    // Nobody reads another's log, whatever it asks for.
    let firm = sandbox.connect("enterprise-b").await;
    request.after = 0;
    let refusal = firm.ceb().list_receipts(request).await.expect_err("it is not its own");
    assert!(refusal.message().contains("exchange number") || !refusal.message().is_empty());
    assert_eq!(refusal.code(), tonic::Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_tells_its_bill_and_what_else_is_under_it() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let ceb = |args: &[&str]| sandbox.command(&[&["ceb"], args].concat());
    let bill = format!("BL{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
    for number in ["QDWHY-5", "QDWHY-6"] {
        let mut parcel = export(number);
        parcel.inventory.head.bill_no.clone_from(&bill);
        for document in parcel.all() {
            erp.sends(&[document]).await;
        }
        erp.hears(604, number, 399).await;
    }
    let text = text_of(&ceb(&["show", "QDWHY-5"]), 0);
    has(
        &text,
        &[
            "CEB603 export inventory",
            &format!("also under bill of lading {bill}: 1 documents"),
            "CEB603 export inventory  3702960015 QDWHY-6  399 concluded",
            "send the way-bill list (CEB607)",
        ],
    );
    let output = ceb(&["show", &bill, "--output", "json"]);
    text_of(&output, 0);
    let story = &lines(&output)[0];
    assert_eq!(story["document"]["bill_no"], bill.as_str(), "{story}");
    assert_eq!(story["under_the_bill"].as_array().map(Vec::len), Some(1), "{story}");
}

/// Runs the binary where no window is.
fn explain(args: &[&str]) -> std::process::Output {
    let nowhere = data_dir();
    let command = Command::new(binary())
        .args(["ceb", "explain", "--brief", "--data-dir"])
        .arg(nowhere.path())
        .args(args)
        .output();
    command.expect("the binary starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_parcel_are_compared_before_they_are_sent() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let files = data_dir();
    let write = |name: &str, document: Document| -> String {
        let path = files.path().join(name).display().to_string();
        std::fs::write(&path, erp.message(&[document])).expect("the directory is ours");
        path
    };
    let parcel = import("QDSET-1");
    let good = [
        write("order.xml", parcel.order()),
        write("payment.xml", parcel.payment()),
        write("waybill.xml", parcel.waybill()),
        write("inventory.xml", parcel.inventory()),
    ];
    let paths = |files: &[String]| files.to_vec();
    let run = |files: &[String], more: &[&str]| {
        let files = paths(files);
        let all: Vec<&str> = files.iter().map(String::as_str).chain(more.iter().copied()).collect();
        explain(&all)
    };
    has(&text_of(&run(&good, &[]), 0), &["the documents of order QDSET-1", "they fit each other"]);

    let mut other = parcel.clone();
    other.payment.head.payer_name = "王五".to_owned();
    other.payment.head.amount_paid = 100_000;
    other.waybill.head.consignee_address = "青岛市市南区一号".to_owned();
    other.inventory.lines[0].item_no = "X9".to_owned();
    let wrong = [
        good[0].clone(),
        write("payment2.xml", other.payment()),
        write("waybill2.xml", other.waybill()),
        write("inventory2.xml", other.inventory()),
    ];
    let buyer = parcel.order.head.buyer_name.clone();
    let output = run(&wrong, &[]);
    let text = text_of(&output, 1);
    has(
        &text,
        &[
            "M6 1332 the amount paid is not the amount of the order",
            "payment2.xml:",
            "Payment[1]/PaymentHead/amountPaid  1\n",
            "M7 1327 buyer and payer differ",
            &format!("Order[1]/OrderHead/buyerName  {buyer}"),
            "Payment[1]/PaymentHead/payerName  王五",
            "Inventory[1]/InventoryList[1]/itemNo  X9\n",
            "Logistics[1]/LogisticsHead/consigneeAddress  青岛市市南区一号",
            "they do not fit each other",
        ],
    );
    assert!(!text.contains("buyerIdNumber"), "only what differs is named:\n{text}");
    let text = text_of(&run(&wrong, &["--language", "zh"]), 1);
    has(&text, &["订单QDSET-1的单证", "1332 支付单支付金额与订单支付金额不一致", "单证互不相符"]);
    let output = run(&wrong, &["--output", "json"]);
    text_of(&output, 1);
    let set = lines(&output).pop().expect("the set comes last");
    let rules: Vec<_> = set["set"]["violations"].as_array().into_iter().flatten().collect();
    let rules: Vec<_> = rules.iter().map(|it| it["rule"].as_str().unwrap_or_default()).collect();
    assert_eq!(rules, ["M6", "M7", "M11", "M12"], "{set}");

    // The window says the same.
    for document in other.all() {
        erp.sends(&[document]).await;
    }
    erp.hears(622, &other.inventory.head.cop_no, 100).await;
    let inventory = erp.documents("QDSET-1").await.into_iter().find(|it| it.message_type == 621);
    let info = inventory.expect("it is kept").return_info;
    has(&info, &["1332", "1327", "1322", "运单收货人信息"]);

    // A document of another parcel is not taken for this one's.
    let mut stranger = parcel.clone();
    stranger.payment.head.order_no = "QDSET-2".to_owned();
    let mut strange = good.clone();
    strange[1] = write("payment3.xml", stranger.payment());
    let text = text_of(&run(&strange, &[]), 1);
    has(
        &text,
        &[
            "would not take the payment",
            "PaymentHead/orderNo  QDSET-2",
            "InventoryHead/orderNo  QDSET-1",
        ],
    );
    // Without it, the others are compared as far as they go.
    let text = text_of(&run(&[good[0].clone(), good[2].clone(), good[3].clone()], &[]), 0);
    has(&text, &["the payment is not there", "they fit each other"]);

    // What an order alone contradicts is wrong in its file.
    let mut sums = parcel.clone();
    sums.order.head.goods_value += 100_000;
    let file = write("sums.xml", sums.order());
    let text = text_of(&explain(&[&file]), 1);
    has(
        &text,
        &[
            "M5 ",
            "OrderHead/acturalPaid",
            "M13 ",
            "OrderHead/goodsValue",
            "Σ OrderList/totalPrice = 527",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_tells_how_each_document_ended_and_keeps_logs_apart() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut second = Erp::of(&sandbox).await;
    second.dxp_id = "DXPENT0000000019".to_owned();
    let folder = data_dir();
    let put = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("the directory is ours");
    };
    let watch = || {
        let command = Command::new(binary())
            .args(["ceb", "watch", "--once", "--settle", "1", "--data-dir"])
            .arg(sandbox.directory.path())
            .arg(folder.path())
            .output();
        command.expect("the binary starts")
    };
    let parcel = import("QDFOLD-1");
    let mut wrong = import("QDFOLD-2");
    wrong.payment.head.amount_paid += 100_000;
    put("1.xml", erp.message(&[parcel.order(), wrong.order()]));
    put("2.xml", erp.message(&[parcel.payment(), wrong.payment()]));
    put("3.xml", second.message(&[parcel.waybill(), wrong.waybill()]));
    put("4.xml", second.message(&[parcel.inventory(), wrong.inventory()]));
    let mut unsigned = import("QDFOLD-3");
    unsigned.inventory.head.pack_no = 2;
    put("5.xml", second.message(&[unsigned.inventory()]));
    let first = text_of(&watch(), 1);
    // Every document of a file has its answer.
    has(
        &first,
        &["sent  done/1.xml  CEB311", "3702960015 QDFOLD-1  2 ", "3702960015 QDFOLD-2  2 "],
    );
    has(&first, &["refused  failed/5.xml"]);
    let why = std::fs::read_to_string(folder.path().join("failed/5.xml.txt")).expect("the reasons");
    has(&why, &["see docs/errors/SW-2016.md"]);

    second.gets(816, "valueAddedTax", 1).await;
    let text = text_of(&watch(), 0);
    let second_log = second.log().await;
    let bill = second_log.iter().find(|message| message.message_type == 816).expect("it came");
    // A fast window may have made it out before the first look ended.
    has(&format!("{first}{text}"), &["tax bill", "order QDFOLD-1, made out"]);
    assert_eq!(bill.tax_bills.len(), 1);
    let earlier = shown(&watch());
    assert_eq!(earlier, "", "everything was told");
    let all = first + &text;
    has(&all, &["ended: done  CEB621  3702960015 QDFOLD-1  899 formalities closed"]);
    has(&all, &["ended: no  CEB621  3702960015 QDFOLD-2  100 rejected"]);
    has(&all, &["; see docs/ceb.md#three-document-match"]);
    let count = |erp_log: &[v1::OutgoingMessage], dxp_id: &str| {
        let files = std::fs::read_dir(folder.path().join("receipts").join(dxp_id));
        assert_eq!(files.expect("it is there").count(), erp_log.len(), "{dxp_id}");
    };
    count(&erp.log().await, DXP);
    count(&second_log, "DXPENT0000000019");
    let below = std::fs::read_dir(folder.path().join("receipts")).expect("it is there");
    assert!(below.flatten().all(|entry| entry.path().is_dir()), "nothing lies between the logs");
}
