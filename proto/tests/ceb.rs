//! The CEB reader against the official samples, our own examples, and everything that may be wrong.

use domain::Code;
use domain::declaration::Profile;
use proto::ceb::{self, AppType, Document, Message, MessageFault, MessageType, ReadDocument, dxp};
use proto::v1;

const IMPORT: &str = include_str!("messages/import-9610.xml");
const EXPORT: &str = include_str!("messages/export-9610.xml");
const EXAMPLES: [&str; 4] = [
    IMPORT,
    include_str!("messages/import-1210.xml"),
    EXPORT,
    include_str!("messages/export-9710.xml"),
];
const JSON_EXAMPLES: [&str; 2] = [
    include_str!("../../docs/examples/import-9610.json"),
    include_str!("../../docs/examples/export-9810.json"),
];

/// An official sample. They are not in the repository: a run without them skips, except in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn official(path: &str) -> Option<String> {
    let path = format!("{}/../../shared/ceb/202205/{path}", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{path}: {error}");
            println!("skipped: no official sample at {path}");
            None
        }
    }
}

fn reads(text: &str) -> Message {
    match ceb::read(text.as_bytes()) {
        Ok(message) => message,
        Err(faults) => panic!("refused: {faults:#?}"),
    }
}

fn refused(bytes: &[u8]) -> Vec<MessageFault> {
    match ceb::read(bytes) {
        Ok(message) => panic!("read: {message:?}"),
        Err(faults) => {
            assert!(!faults.is_empty(), "a refusal has a reason");
            faults
        }
    }
}

fn declared(document: &ReadDocument) -> v1::Declaration {
    ceb::declaration(&document.document).expect("it is an inventory")
}

/// The line of the first place where a text stands.
fn line_of(text: &str, what: &str) -> u32 {
    let at = text.find(what).expect("the text stands in the message");
    u32::try_from(text[..at].matches('\n').count() + 1).expect("few lines")
}

#[test]
fn the_official_import_sample_is_ten_documents_of_which_five_are_drafts() {
    let Some(text) = official("import/CEB621Message.xml") else { return };
    let message = reads(&text);
    assert_eq!(message.message_type, MessageType::Ceb621);
    assert_eq!(message.guid, "4CDE1CFD-EDED-46B1-946C-B8022E42FC94");
    assert_eq!(message.transfer.cop_code, "1101180326");
    assert_eq!(message.transfer.dxp_id, "DXPLGS0000000001");
    assert!(message.signed);
    assert_eq!(message.documents.len(), 10);
    assert_eq!(message.documents.iter().filter(|d| d.draft()).count(), 5);
    assert!(
        message.documents.iter().all(|d| d.app_type() == AppType::New && d.warnings.is_empty())
    );

    let first = &message.documents[0];
    assert_eq!(first.line, 4);
    let d = declared(first);
    assert_eq!(d.ie_flag(), v1::Direction::Import);
    assert_eq!(
        (d.order_no.as_str(), d.pack_no, d.lines.len()),
        ("order2016030811340001", 6_000, 2)
    );
    assert_eq!(d.freight, Some(v1::Money { currency: "142".into(), amount_e5: 50_000_000 }));
    assert_eq!(d.buyer.as_ref().map(|b| b.name.as_str()), Some("李小宝"));
    assert_eq!(d.area.as_ref().map(|a| a.code.as_str()), Some("110108130000000007"));
    assert_eq!((&d.agent, &d.owner, &d.iac), (&None, &None, &None));
    assert_eq!(d.guid.len(), 36);
    let line = &d.lines[1];
    assert_eq!(line.qty2, Some(v1::Quantity { unit: "035".into(), value_e5: 30_000_000 }));
    assert_eq!(line.total_price, Some(v1::Money { currency: "142".into(), amount_e5: 1_200_000 }));
    let place = first.place("lines[1].total_price").expect("the message has it");
    assert_eq!(place.element, "Inventory[1]/InventoryList[2]/totalPrice");
    assert_eq!(
        text.lines().nth(place.line as usize - 1).map(str::trim),
        Some("<ceb:totalPrice>12</ceb:totalPrice>")
    );
}

#[test]
fn the_official_export_sample_has_two_transfer_blocks_and_nothing_else_wrong() {
    let Some(text) = official("export/CEB603Message.xml") else { return };
    let faults = refused(text.as_bytes());
    let second = text.rfind("<ceb:BaseTransfer>").expect("the sample has it");
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0].code, Code::XmlTransferBlock);
    assert_eq!(faults[0].element, "BaseTransfer");
    let first = line_of(&text, "<ceb:BaseTransfer>");
    assert_eq!(
        faults[0].text,
        format!(
            "BaseTransfer stands twice; the schema allows exactly one (the first is in line {first})"
        )
    );
    let end = "</ceb:BaseTransfer>";
    let until = second + text[second..].find(end).expect("it ends") + end.len();
    let message = reads(&[&text[..second], &text[until..]].concat());
    assert_eq!(message.message_type, MessageType::Ceb603);
    let document = &message.documents[0];
    assert_eq!(declared(document).ie_flag(), v1::Direction::Export);
    assert_eq!(document.warnings.len(), 1, "the sample says ieFlag a");
    assert_eq!(document.warnings[0].code, Code::DirectionUnclear);
    assert_eq!(document.warnings[0].element, "Inventory[1]/InventoryHead/ieFlag");
    assert_eq!(document.warnings[0].line, line_of(&text, "<ceb:ieFlag>"));
    let d = declared(document);
    assert_eq!(d.insured_fee, Some(v1::Money { currency: "142".into(), amount_e5: 5_232_000 }));
    assert_eq!((d.pod.as_str(), d.gross_weight_e5, &d.iac), ("002", 8_025_000, &None));
}

#[test]
fn our_examples_obey_every_rule() {
    let mut orders = Vec::new();
    for text in EXAMPLES {
        let message = reads(text);
        assert_eq!(message.signed, message.message_type == MessageType::Ceb621);
        for document in message.documents {
            assert!(document.warnings.is_empty() && !document.draft());
            let declaration = declared(&document);
            orders.push(declaration.order_no.clone());
            obeys(declaration);
        }
    }
    for text in JSON_EXAMPLES {
        let declaration: v1::Declaration = serde_json::from_str(text).expect("it fits the schema");
        orders.push(declaration.order_no.clone());
        obeys(declaration);
    }
    for it in [MessageType::Ceb621, MessageType::Ceb603] {
        for document in story(it).documents {
            assert!(document.warnings.is_empty() && !document.draft());
            let declaration = declared(&document);
            orders.push(declaration.order_no.clone());
            obeys(declaration);
        }
    }
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 10, "order numbers are distinct: {orders:?}");
}

/// One of our example messages; there is one of every type that firms send.
fn story(it: MessageType) -> Message {
    let path =
        format!("{}/../docs/examples/ceb/ceb{}.xml", env!("CARGO_MANIFEST_DIR"), it.number());
    reads(&std::fs::read_to_string(path).expect("there is an example"))
}

fn documents(it: MessageType) -> Vec<Document> {
    story(it).documents.into_iter().map(|read| read.document).collect()
}

#[test]
fn our_example_messages_belong_together() {
    let mut guids = std::collections::HashSet::new();
    for it in MessageType::ALL.into_iter().filter(|it| it.is_inbound()) {
        let message = story(it);
        assert_eq!((message.message_type, message.signed), (it, it.signature_required()));
        for document in &message.documents {
            let header = document.document.header().expect("firms send it");
            assert!(header.app_type == AppType::New && !header.draft);
            assert!(guids.insert(header.guid.to_owned()), "{} is there twice", header.guid);
        }
    }
    let orders = documents(MessageType::Ceb311);
    let payments = documents(MessageType::Ceb411);
    let waybills = documents(MessageType::Ceb511);
    let inventories = documents(MessageType::Ceb621);
    assert_eq!([orders.len(), payments.len(), waybills.len(), inventories.len()], [2; 4]);
    for (((order, payment), waybill), inventory) in
        orders.iter().zip(&payments).zip(&waybills).zip(&inventories)
    {
        use Document::{Ceb311, Ceb411, Ceb511, Ceb621};
        let (Ceb311(order), Ceb411(payment), Ceb511(waybill), Ceb621(inventory)) =
            (order, payment, waybill, inventory)
        else {
            panic!("each has its type")
        };
        let (o, p, w, i) = (&order.head, &payment.head, &waybill.head, &inventory.head);
        let key = |order_no: &str, ebp: &str| (order_no.to_owned(), ebp.to_owned());
        assert_eq!(key(&o.order_no, &o.ebp_code), key(&p.order_no, &p.ebp_code));
        assert_eq!(key(&o.order_no, &o.ebp_code), key(&i.order_no, &i.ebp_code));
        assert_eq!((&w.order_no, &w.logistics_no), (&o.order_no, &i.logistics_no));
        assert_eq!((&o.pay_code, &o.pay_transaction_id), (&p.pay_code, &p.pay_transaction_id));
        assert_eq!(o.actural_paid, o.goods_value + o.freight + o.tax_total - o.discount);
        assert_eq!(p.amount_paid, o.actural_paid);
        assert_eq!((&p.payer_name, &p.payer_id_number), (&o.buyer_name, &o.buyer_id_number));
        assert_eq!((&i.buyer_name, &i.buyer_id_number), (&o.buyer_name, &o.buyer_id_number));
        assert_eq!(i.buyer_telephone, o.buyer_telephone);
        assert_eq!(
            (&w.consignee, &w.consignee_address, &w.consignee_telephone),
            (&o.consignee, &o.consignee_address, &o.consignee_telephone)
        );
        assert_eq!(order.lines.iter().map(|line| line.total_price).sum::<i64>(), o.goods_value);
        assert_eq!(order.lines.len(), inventory.lines.len());
        for (a, b) in order.lines.iter().zip(&inventory.lines) {
            assert_eq!((a.gnum, &a.item_no, &a.unit), (b.gnum, &b.item_no, &b.unit));
            assert_eq!((a.qty, a.price, a.total_price), (b.qty, b.price, b.total_price));
            assert_eq!(a.total_price * 100_000, a.qty * a.price);
        }
    }
    let Document::Ceb311(first) = &orders[0] else { panic!("it is an order") };
    // 70 % of 13 % VAT on 268.82922 and 278.17078 yuan, each rounded to the fen.
    assert_eq!(first.head.tax_total, (2_446 + 2_531) * 1_000);
}

fn obeys(declaration: v1::Declaration) {
    let order = declaration.order_no.clone();
    let declaration = domain::Declaration::from(declaration);
    match declaration.check(&Profile::default()) {
        Ok(checked) => assert!(checked.warnings.is_empty(), "{order}: {:#?}", checked.warnings),
        Err(violations) => panic!("{order}: {violations:#?}"),
    }
}

#[test]
fn prefixes_do_not_matter() {
    let plain = IMPORT.replace("ceb:", "").replace("xmlns:ceb", "xmlns");
    let other = IMPORT
        .replace("ceb:", "x:")
        .replace("xmlns:ceb", "xmlns:x")
        .replace("ds:", "y:")
        .replace("xmlns:ds", "xmlns:y");
    let marked = format!("\u{feff}{IMPORT}");
    let expected = reads(IMPORT);
    for text in [plain.replace("xmlns:\"", "xmlns=\""), other, marked, IMPORT.replace('\n', "\r\n")]
    {
        let message = reads(&text);
        assert_eq!(message.transfer, expected.transfer);
        assert_eq!(message.documents[0].document, expected.documents[0].document);
    }
}

/// A message with one thing wrong: what is replaced by what, the code, a text that stands in the line
/// (none: the last line) and, when it matters, the path that is told.
#[rustfmt::skip]
const WRONG: &[(&str, &str, Code, &str, &str)] = &[
    // Well-formedness.
    ("</ceb:orderNo>", "</ceb:orderNr>", Code::XmlMalformed, "</ceb:orderNr>", "Inventory[1]/InventoryHead"),
    ("</ceb:CEB621Message>", "", Code::XmlMalformed, "", ""),
    ("</ceb:CEB621Message>", "</ceb:CEB621Message><more/>", Code::XmlMalformed, "<more/>", ""),
    ("</ceb:CEB621Message>", "</ceb:CEB621Message>more", Code::XmlMalformed, ">more", ""),
    ("<ceb:country>116<", "<dec:country>116<", Code::XmlMalformed, "<dec:country>", ""),
    ("胶原蛋白饮品<", "胶原 & 蛋白<", Code::XmlMalformed, "胶原 & 蛋白", ""),
    ("胶原蛋白饮品<", "胶原&#0;蛋白<", Code::XmlMalformed, "胶原&#0;", ""),
    ("<?xml version=\"1.0\"", "<?xml version=\"1.1\"", Code::XmlMalformed, "<?xml", ""),
    (" version=\"1.0\" xmlns", " version=\"1.0\" version=\"1.0\" xmlns", Code::XmlMalformed, "<ceb:CEB621", ""),
    // Encoding and what is forbidden.
    ("encoding=\"UTF-8\"", "encoding=\"GBK\"", Code::XmlEncoding, "<?xml", ""),
    ("<ceb:CEB621Message", "<!DOCTYPE x SYSTEM \"http://localhost/x\">\n<ceb:CEB621Message", Code::XmlForbidden, "<!DOCTYPE", ""),
    ("<ceb:Inventory>", "<ceb:Inventory><?php x ?>", Code::XmlForbidden, "<?php", "Inventory[1]"),
    ("胶原蛋白饮品<", "胶原&xxe;<", Code::XmlForbidden, "&xxe;", "Inventory[1]/InventoryList[1]"),
    ("<ds:Reference URI=\"\"", "<ds:Reference URI=\"&xxe;\"", Code::XmlForbidden, "&xxe;", ""),
    // The root.
    ("CEB621Message", "CEB620Message", Code::XmlTypeUnsupported, "<ceb:CEB620Message", "CEB620Message"),
    ("chinaport.gov.cn/ceb\"", "chinaport.gov.cn/dec\"", Code::XmlTypeUnsupported, "<ceb:CEB621", "CEB621Message"),
    ("guid=\"5B0C26A1", "guid=\"B0C26A1", Code::WrongLength, "<ceb:CEB621", "CEB621Message/@guid"),
    (" version=\"1.0\" xmlns", " xmlns", Code::XmlElementUnexpected, "<ceb:CEB621", "CEB621Message/@version"),
    (" version=\"1.0\" xmlns", " version=\"1.0.0.0.0.0\" xmlns", Code::TooLong, "<ceb:CEB621", "CEB621Message/@version"),
    (" version=\"1.0\" xmlns", " version=\"1.0\" sender=\"me\" xmlns", Code::XmlElementUnexpected, "<ceb:CEB621", "CEB621Message"),
    // Elements.
    ("<ceb:gname>胶原", "<ceb:hscode>1</ceb:hscode>\n<ceb:gname>胶原", Code::XmlElementUnexpected, "<ceb:hscode>", "Inventory[1]/InventoryList[1]/hscode"),
    ("<ceb:orderNo>QD20261124-0001</ceb:orderNo>", "", Code::XmlElementUnexpected, "<ceb:ebpCode>", "Inventory[1]/InventoryHead/orderNo"),
    ("<ceb:netWeight>0.75</ceb:netWeight>", "", Code::XmlElementUnexpected, "</ceb:InventoryHead>", "Inventory[1]/InventoryHead/netWeight"),
    ("<ceb:packNo>1</ceb:packNo>", "<ceb:packNo>1</ceb:packNo>\n<ceb:packNo>2</ceb:packNo>", Code::XmlElementUnexpected, "<ceb:packNo>2", "Inventory[1]/InventoryHead/packNo"),
    ("<ceb:ebpCode>3702960023</ceb:ebpCode>", "<ceb:ebpCode><b>3702960023</b></ceb:ebpCode>", Code::XmlElementUnexpected, "<b>", ""),
    ("<ceb:gcode>2", "stray<ceb:gcode>2", Code::XmlElementUnexpected, "stray", "Inventory[1]/InventoryList[1]"),
    ("<ceb:gcode>2", "<ceb:gcode lang=\"zh\">2", Code::XmlElementUnexpected, "lang=", "Inventory[1]/InventoryList[1]/gcode"),
    ("<ceb:currency>142<", "<ceb:currency>502<", Code::CurrencyWrong, "<ceb:currency>", "Inventory[1]/InventoryHead/currency"),
    ("<ceb:ieFlag>I<", "<ceb:ieFlag>II<", Code::WrongLength, "<ceb:ieFlag>", ""),
    ("<ceb:voyageNo>EX8801</ceb:voyageNo>", "<ceb:VoyageNo>EX8801</ceb:VoyageNo>", Code::XmlElementUnexpected, "<ceb:VoyageNo>", ""),
    ("<ceb:freight>20</ceb:freight>", "<freight>20</freight>", Code::XmlElementUnexpected, "<freight>", ""),
    ("<ceb:dxpMode>DXP</ceb:dxpMode>", "", Code::XmlElementUnexpected, "<ceb:dxpId>", "BaseTransfer/dxpMode"),
    // Values.
    ("QD20261124-0001", "QD20261124-0001-0123456789012345678901234567890123456789012345", Code::TooLong, "<ceb:orderNo>", "Inventory[1]/InventoryHead/orderNo"),
    (">4220</ceb:customsCode>", ">422</ceb:customsCode>", Code::WrongLength, "<ceb:customsCode>", ""),
    (">4220</ceb:customsCode>", "> </ceb:customsCode>", Code::Required, "<ceb:customsCode>", ""),
    (">QD20261124-0001<", "><", Code::Required, "<ceb:orderNo>", ""),
    (">0.75<", ">0,75<", Code::XmlValueUnreadable, "0,75", "Inventory[1]/InventoryHead/netWeight"),
    (">0.75<", ">7.5e-1<", Code::XmlValueUnreadable, "7.5e-1", ""),
    (">0.75<", ">0.750001<", Code::XmlValueUnreadable, "0.750001", ""),
    (">0.75<", ">12345678901234567890<", Code::XmlValueUnreadable, "12345678901234567890", ""),
    (">0.75<", ">99999999999999.99999<", Code::XmlValueUnreadable, "99999999999999.99999", ""),
    ("<ceb:packNo>1<", "<ceb:packNo>1.5<", Code::XmlValueUnreadable, "<ceb:packNo>", ""),
    ("<ceb:packNo>1<", "<ceb:packNo>-1<", Code::XmlValueUnreadable, "<ceb:packNo>", ""),
    ("<ceb:appType>1<", "<ceb:appType>4<", Code::XmlValueUnreadable, "<ceb:appType>", ""),
    ("<ceb:appStatus>2<", "<ceb:appStatus>100<", Code::XmlValueUnreadable, "<ceb:appStatus>", ""),
    ("<ceb:ieFlag>I<", "<ceb:ieFlag>E<", Code::DirectionUnclear, "<ceb:ieFlag>", "Inventory[1]/InventoryHead/ieFlag"),
    ("胶原蛋白饮品<", "胶原&#1;蛋白<", Code::BadCharacter, "胶原&#1;", ""),
];

#[test]
fn each_fault_is_told_with_its_code_line_and_element() {
    for &(good, bad, code, at, element) in WRONG {
        assert!(IMPORT.contains(good), "{good} is not in the example");
        // The root's name stands twice; everything else is replaced where it stands first.
        let times = if good == "CEB621Message" { 2 } else { 1 };
        let text = IMPORT.replacen(good, bad, times);
        let faults = refused(text.as_bytes());
        assert_eq!(faults.len(), 1, "{good} -> {bad}: {faults:#?}");
        let fault = &faults[0];
        assert_eq!(fault.code, code, "{good} -> {bad}: {fault:?}");
        let line =
            if at.is_empty() { line_of(&format!("{text}\0"), "\0") } else { line_of(&text, at) };
        assert_eq!(fault.line, line, "{good} -> {bad}: {fault:?}");
        assert!(element.is_empty() || fault.element == element, "{good} -> {bad}: {fault:?}");
        assert!(!fault.text.is_empty() && !fault.text_zh.is_empty());
    }
}

#[test]
fn the_frame_is_checked() {
    let block = |start: &str, end: &str| {
        let from = IMPORT.find(start).expect("the example has it");
        &IMPORT[from..IMPORT.find(end).expect("it ends") + end.len()]
    };
    let without = IMPORT.replace(block("<ds:Signature ", "</ds:Signature>"), "");
    let faults = refused(without.as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlElementUnexpected, 1));
    assert_eq!(faults[0].text, "Signature is required for CEB621");

    let transfer = block("<ceb:BaseTransfer>", "</ceb:BaseTransfer>");
    let faults = refused(IMPORT.replace(transfer, "").as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlTransferBlock, 1));
    let faults = refused(IMPORT.replace(transfer, &transfer.repeat(3)).as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlTransferBlock, 1), "told once");

    let inventory = block("<ceb:Inventory>", "</ceb:Inventory>");
    assert_eq!(reads(&IMPORT.replace(inventory, &inventory.repeat(100))).documents.len(), 100);
    let faults = refused(IMPORT.replace(inventory, &inventory.repeat(101)).as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlTooManyDocuments, 1));
    let faults = refused(IMPORT.replace(inventory, "").as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlTooManyDocuments, 1));

    let list = block("<ceb:InventoryList>", "</ceb:InventoryList>");
    assert_eq!(
        declared(&reads(&IMPORT.replace(list, &list.repeat(98))).documents[0]).lines.len(),
        99
    );
    let faults = refused(IMPORT.replace(list, &list.repeat(99)).as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::TooManyLines, 1));

    let subscribe = "<ceb:BaseSubscribe><ceb:status>ALL</ceb:status><ceb:dxpMode>DXP</ceb:dxpMode>\
        <ceb:dxpAddress>DXPENT0000000002</ceb:dxpAddress></ceb:BaseSubscribe>";
    let extend = "<ceb:ExtendMessage><ceb:name>x</ceb:name><ceb:version>1</ceb:version>\
        <ceb:Message><any a=\"1\">thing<!-- x --></any></ceb:Message></ceb:ExtendMessage>";
    reads(&IMPORT.replace(transfer, &[transfer, &subscribe.repeat(5), extend].concat()));
    let faults =
        refused(IMPORT.replace(transfer, &[transfer, &subscribe.repeat(6)].concat()).as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlElementUnexpected, 1));
    assert_eq!(faults[0].element, "BaseSubscribe");
    let faults = refused(IMPORT.replace(transfer, &[extend, transfer].concat()).as_bytes());
    assert_eq!((faults[0].code, faults.len()), (Code::XmlElementUnexpected, 1));
}

#[test]
fn limits_hold() {
    let mut large = IMPORT.to_owned();
    large.push_str(&" ".repeat(domain::limits::CEB_BYTES_MAX));
    assert_eq!(refused(large.as_bytes())[0].code, Code::XmlTooLarge);

    let deep = |depth| {
        let inner = [&"<ds:Object>".repeat(depth)[..], &"</ds:Object>".repeat(depth)].concat();
        IMPORT.replace("</ds:KeyInfo>", &format!("</ds:KeyInfo>{inner}"))
    };
    reads(&deep(30));
    assert_eq!(refused(deep(31).as_bytes())[0].code, Code::XmlTooDeep);

    let attributes = |count: usize| {
        let list: String = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
        IMPORT.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo{list}>"))
    };
    reads(&attributes(32));
    assert_eq!(refused(attributes(33).as_bytes())[0].code, Code::XmlTooDeep);
    let spaces: String = (0..50).map(|n| format!(" xmlns:a{n}=\"urn:{n}\"")).collect();
    let text = IMPORT.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo{spaces}>"));
    assert_eq!(refused(text.as_bytes())[0].code, Code::XmlTooDeep);

    let many =
        IMPORT.replace("<ceb:guid>", &["<x/>".repeat(1_000).as_str(), "<ceb:guid>"].concat());
    assert_eq!(refused(many.as_bytes()).len(), domain::limits::VIOLATIONS_MAX);
}

#[test]
fn only_utf8_is_read() {
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(IMPORT.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(refused(&utf16)[0].code, Code::XmlEncoding);
    assert_eq!(refused(&utf16[2..])[0].code, Code::XmlEncoding);
    let mut gbk = IMPORT.as_bytes().to_vec();
    let at = IMPORT.find("张示例").expect("the example has it");
    gbk.splice(at..at + 9, *b"\xd5\xc5\xca\xbe\xc0\xfd");
    let faults = refused(&gbk);
    assert_eq!((faults[0].code, faults[0].line), (Code::XmlEncoding, line_of(IMPORT, "张示例")));
    for empty in ["", " \n", "<?xml version=\"1.0\"?>", "text", "<", "&", "<![CDATA[x]]>"] {
        assert_eq!(refused(empty.as_bytes())[0].code, Code::XmlMalformed, "{empty:?}");
    }
}

#[test]
fn ten_faults_are_told_at_once() {
    let text = IMPORT
        .replace("<ceb:appType>1<", "<ceb:appType>x<")
        .replace("<ceb:ebpCode>", "<ceb:extra/><ceb:ebpCode>")
        .replace(">QD20261124-0001<", "><")
        .replace("<ceb:copNo>QDI", "<ceb:copNo>01234567890123456789QDI")
        .replace("<ceb:ieFlag>I<", "<ceb:ieFlag>E<")
        .replace(">4220</ceb:portCode>", ">42200</ceb:portCode>")
        .replace("<ceb:packNo>1</ceb:packNo>", "")
        .replace(">1.2<", ">1.2kg<")
        .replacen("<ceb:currency>142</ceb:currency>\n      <ceb:qty>", "<ceb:qty>", 1)
        .replace("<ceb:copCode>3702960001<", "<ceb:copCode><");
    let faults = refused(text.as_bytes());
    assert_eq!(faults.len(), 10, "{faults:#?}");
    assert!(faults.is_sorted_by_key(|fault| fault.line));
}

#[test]
fn a_misplaced_element_is_one_fault() {
    // The first is moved to the end, the last to the front, and two neighbours change places.
    let guid = "<ceb:guid>5B0C26A1-0101-4F6E-9A10-202611240001</ceb:guid>";
    let moved = IMPORT
        .replace(guid, "")
        .replace("</ceb:InventoryHead>", &format!("{guid}</ceb:InventoryHead>"));
    let country = "<ceb:country>116</ceb:country>\n      <ceb:freight>20</ceb:freight>";
    let swapped = IMPORT
        .replace(country, "<ceb:freight>20</ceb:freight>\n      <ceb:country>116</ceb:country>");
    let weight = "<ceb:netWeight>0.75</ceb:netWeight>";
    let early = IMPORT.replace(weight, "").replace("<ceb:guid>", &[weight, "<ceb:guid>"].concat());
    for (text, element) in [(moved, "guid"), (early, "netWeight"), (swapped, "country")] {
        let faults = refused(text.as_bytes());
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert_eq!(faults[0].code, Code::XmlElementUnexpected);
        assert!(faults[0].element.ends_with(element) || element == "country", "{faults:#?}");
        assert!(faults[0].text.contains("out of order"), "{faults:#?}");
    }
}

#[test]
fn text_may_be_written_in_every_way_that_xml_knows() {
    let text = IMPORT
        .replace(">张示例<", "> <![CDATA[张<示>]]>&amp;&#x4F8B;<!-- x --> &lt;<")
        .replace(">3702960015<", ">\n\t3702960015 \r\n<")
        .replace("<ceb:ieDate>20261123</ceb:ieDate>", "<ceb:preNo/>")
        .replace("<ceb:preNo/>", "<ceb:ieDate></ceb:ieDate>");
    let declaration = declared(&reads(&text).documents[0]);
    assert_eq!(declaration.buyer.as_ref().map(|b| b.name.as_str()), Some(" 张<示>&例 <"));
    assert_eq!(declaration.ebc.as_ref().map(|p| p.code.as_str()), Some("3702960015"));
    assert_eq!(declaration.ie_date, "", "an optional element that is empty counts as absent");
    let bare = EXPORT.replace("<ceb:fFlag>3<", "<ceb:fFlag><");
    assert_eq!(declared(&reads(&bare).documents[0]).f_flag, "3", "the schema fixes it");
    let half = IMPORT.replace("<ceb:qty2>0.15</ceb:qty2>", "<ceb:qty2/>");
    let line = &declared(&reads(&half).documents[0]).lines[1];
    assert_eq!(line.qty2, Some(v1::Quantity { unit: "035".into(), value_e5: 0 }));
}

/// Found by fuzzing: it was read, and written as U+FFFD.
#[test]
fn what_xml_forbids_is_refused_as_a_reference_too() {
    for bad in ["\u{ffff}", "\u{fffe}", "&#xFFFF;", "&#xFFFE;", "&#1;"] {
        let text = IMPORT.replacen(">张示例<", &format!(">张{bad}<"), 1);
        let faults = refused(text.as_bytes());
        assert_eq!((faults.len(), faults[0].code), (1, Code::BadCharacter), "{bad}: {faults:#?}");
        let envelope = |key: &str, name: &str| {
            let add_info = dxp::AddInfo {
                biz_key: vec![("NAME".to_owned(), "KEY".to_owned())],
                is_text: Some(String::new()),
                ..dxp::AddInfo::default()
            };
            let info = dxp::TransInfo {
                cop_msg_id: "1".to_owned(),
                sender_id: "1".to_owned(),
                receiver_ids: vec!["1".to_owned()],
                creat_time: "2026-11-24T09:30:01".to_owned(),
                msg_type: "CEB621Message".to_owned(),
            };
            let whole = dxp::DxpMsg {
                trans_info: info,
                add_info: Some(add_info),
                ..dxp::DxpMsg::default()
            };
            dxp::read(dxp::write(&whole).replace("KEY", key).replace("NAME", name).as_bytes())
        };
        assert!(envelope("1", "a").is_ok());
        for spoiled in [envelope(bad, "a"), envelope("1", bad)] {
            let faults = spoiled.expect_err("it is refused");
            assert_eq!((faults.len(), faults[0].code), (1, Code::BadCharacter), "{faults:#?}");
        }
    }
}

#[test]
fn what_nobody_sees_is_refused_in_every_code_and_name() {
    let spoil = |element: &str, bad: &str| {
        let opening = format!("<ceb:{element}>");
        assert!(IMPORT.contains(&opening), "{element} is in the sample");
        ceb::read(IMPORT.replacen(&opening, &format!("{opening}A{bad}"), 1).as_bytes())
    };
    let is_refused = |element: &str, bad: &str| {
        let read = spoil(element, bad);
        read.is_err_and(|faults| faults.iter().any(|fault| fault.code == Code::BadCharacter))
    };
    for element in ["orderNo", "copNo", "ebcCode", "ebcName", "buyerName", "gname", "logisticsNo"] {
        for bad in ["\u{202e}", "\u{2066}", "\u{200b}", "\u{ad}", "&#x202E;", "&#x7F;", "&#x85;"] {
            assert!(is_refused(element, bad), "{element} {bad:?}");
        }
        let is_code = element.ends_with("No") || element.ends_with("Code");
        for spelling in ["\u{200c}", "\n"] {
            assert_eq!(is_refused(element, spelling), is_code, "{element} {spelling:?}");
        }
    }
}

/// Found by fuzzing: line breaks of attributes were read again as spaces.
#[test]
fn attributes_are_written_as_they_were_read() {
    let it = MessageType::Ceb304;
    let guid = "0F0E0D0C\n0B0A\t4908-8706\r050403020100".to_owned();
    let document = Document::from_values(it, |element| {
        (element == "guid").then(|| "0F0E0D0C-0B0A-4908-8706-050403020100".to_owned())
    });
    let text = ceb::write(it, &guid, &[document]);
    assert!(text.contains("guid=\"0F0E0D0C&#10;0B0A&#9;4908-8706&#13;050403020100\""), "{text}");
}

#[test]
fn fields_are_found_in_the_file() {
    let document = &reads(IMPORT).documents[0];
    for (field, element, at) in [
        ("order_no", "Inventory[1]/InventoryHead/orderNo", "<ceb:orderNo>"),
        ("freight", "Inventory[1]/InventoryHead/freight", "<ceb:freight>"),
        ("freight.currency", "Inventory[1]/InventoryHead/currency", "<ceb:currency>"),
        ("insured_fee.currency", "Inventory[1]/InventoryHead/currency", "<ceb:currency>"),
        ("declarant.code", "Inventory[1]/InventoryHead/agentCode", "<ceb:agentCode>"),
        ("buyer", "Inventory[1]/InventoryHead/buyerIdType", "<ceb:buyerIdType>"),
        ("ie_flag", "Inventory[1]/InventoryHead/ieFlag", "<ceb:ieFlag>"),
        ("ems_no", "Inventory[1]/InventoryHead/emsNo", "<ceb:InventoryHead>"),
        ("lines", "Inventory[1]/InventoryList", "<ceb:InventoryList>"),
        ("lines[0]", "Inventory[1]/InventoryList[1]", "<ceb:InventoryList>"),
        ("lines[0].gcode", "Inventory[1]/InventoryList[1]/gcode", "<ceb:gcode>2106"),
        ("lines[1].gcode", "Inventory[1]/InventoryList[2]/gcode", "<ceb:gcode>4202"),
        ("lines[1].qty2.unit", "Inventory[1]/InventoryList[2]/unit2", "<ceb:unit2>"),
        ("lines[1].qty2.value_e5", "Inventory[1]/InventoryList[2]/qty2", "<ceb:qty2>"),
        (
            "lines[1].price.currency",
            "Inventory[1]/InventoryList[2]/currency",
            "<ceb:currency>142</ceb:currency>\n      <ceb:qty>1<",
        ),
    ] {
        let place = document.place(field).expect("the message has it");
        assert_eq!((place.element.as_str(), place.line), (element, line_of(IMPORT, at)), "{field}");
    }
    for field in
        ["order.goods_value", "owner.code", "lines[2].gcode", "lines[x]", "lines[0].ciq_code", ""]
    {
        assert_eq!(document.place(field), None, "{field}");
    }
}

/// Random damage is refused or read, and never a panic.
#[test]
fn damaged_messages_do_no_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).expect("fits")).expect("fits")
    };
    let pieces: [&[u8]; 10] = [
        b"<",
        b">",
        b"&",
        b"]]>",
        b"<!--",
        b"<![CDATA[",
        b"</ceb:",
        b"\"",
        b"\xff",
        b"<ceb:gcode>",
    ];
    for round in 0..2_000 {
        let mut bytes = if round % 2 == 0 { IMPORT } else { EXPORT }.as_bytes().to_vec();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = u8::try_from(random(256)).expect("a byte"),
                1 => bytes.truncate(at + 1),
                2 => drop(bytes.splice(at..at, pieces[random(pieces.len())].iter().copied())),
                _ => drop(bytes.drain(at..(at + random(40)).min(bytes.len()))),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Err(faults) = ceb::read(&bytes) {
            assert!(!faults.is_empty());
        }
    }
}

/// Run with `--release -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn speed() {
    let read = |text: &str| ceb::read(text.as_bytes()).is_ok();
    let declare = |text: &str| declared(&reads(text).documents[0]).lines.len() > 1;
    for text in EXAMPLES {
        let per_second = |work: &dyn Fn(&str) -> bool| {
            let rounds = 50_000_u32;
            let start = std::time::Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(work(std::hint::black_box(text)));
            }
            1_000_000_000 / (start.elapsed() / rounds).as_nanos()
        };
        let (read, declared) = (per_second(&read), per_second(&declare));
        println!("{} bytes: {read} read a second, {declared} declared", text.len());
    }
}

/// An `&` or `<` that was not escaped, wherever and before whatever it stands.
#[test]
fn what_was_not_escaped_is_named() {
    let at = IMPORT.find("</ceb:gname>").expect("the example has a name of goods");
    let ampersands = ["钻石 & 黄金", "A&B", "A&B;C", "&nbsp;", "&#xZZ;", "R&D; 5 &", "&"];
    let brackets = ["5 < 6", "a<b", "<", "<3个月>", "<=5kg", "<<", "a<b>c", "<!", "1<\"2", "</x>"];
    for (texts, mark, zh) in
        [(&ampersands[..], "&amp;", "须写作&amp;"), (&brackets, "&lt;", "须写作&lt;")]
    {
        for text in texts {
            let spoilt = format!("{}{text}{}", &IMPORT[..at], &IMPORT[at..]);
            let faults = ceb::read(spoilt.as_bytes()).expect_err("it is no XML");
            let told =
                faults.iter().any(|fault| fault.text.contains(mark) && fault.text_zh.contains(zh));
            assert!(told, "{text}: {faults:?}");
            // The words of the XML library are neither Chinese nor for people.
            for fault in &faults {
                for word in ["ill-formed", "not closed", "syntax error", "expected", "end of input"]
                {
                    assert!(
                        !fault.text.contains(word) && !fault.text_zh.contains(word),
                        "{fault:?}"
                    );
                }
            }
        }
    }
    let cut = ceb::read(&IMPORT.as_bytes()[..at]).expect_err("it is cut off");
    assert!(cut.iter().any(|fault| fault.text_zh.contains("不完整")), "{cut:?}");
}
