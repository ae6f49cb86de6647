//! A firm's system that speaks national messages: it makes documents from our examples, signs them,
//! sends them and reads its receipts.

use proto::ceb::{self, Document, OutgoingMessage, Transfer};
use proto::v1;
use signature::SigningKey;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PATIENCE, Sandbox, eventually, workspace};

/// The exchange number under which it sends.
pub(crate) const DXP: &str = "DXPENT0000000009";

/// A firm's system.
pub(crate) struct Erp {
    pub(crate) window: client::Window,
    pub(crate) dxp_id: String,
    /// The firm that transmits.
    pub(crate) cop_code: String,
    /// Who gets copies of what it sends from now on.
    pub(crate) subscribers: Vec<ceb::Subscribe>,
    key: SigningKey,
}

impl Erp {
    /// Connects as the sandbox's agent, who stands for every firm.
    pub(crate) async fn of(sandbox: &Sandbox) -> Self {
        Self::as_caller(sandbox, "agent", "3702960001", DXP).await
    }

    /// Connects as one of the callers.
    pub(crate) async fn as_caller(
        sandbox: &Sandbox,
        caller: &str,
        cop_code: &str,
        dxp_id: &str,
    ) -> Self {
        let identities = sandbox.directory.path().join("identities");
        Self::with_key(sandbox.connect(caller).await, &identities, caller, (cop_code, dxp_id))
    }

    /// The same over a connection, with the key that the caller has in a directory of identities.
    pub(crate) fn with_key(
        window: client::Window,
        identities: &std::path::Path,
        caller: &str,
        (cop_code, dxp_id): (&str, &str),
    ) -> Self {
        let read =
            |name: &str| std::fs::read_to_string(identities.join(name)).expect("it was made");
        let [key, card] = ["key", "pem"].map(|end| read(&format!("{caller}-signer.{end}")));
        let key = SigningKey::from_pem(&key, &card);
        Self {
            window,
            dxp_id: dxp_id.to_owned(),
            cop_code: cop_code.to_owned(),
            subscribers: Vec::new(),
            key: key.expect("the sandbox makes usable keys"),
        }
    }

    /// Sends over this connection, under this number, and signs with this key.
    pub(crate) fn with(
        window: client::Window,
        cop_code: &str,
        dxp_id: &str,
        key: SigningKey,
    ) -> Self {
        let (dxp_id, cop_code) = (dxp_id.to_owned(), cop_code.to_owned());
        Self { window, dxp_id, cop_code, subscribers: Vec::new(), key }
    }

    /// The message of these documents, signed where the schema wants it.
    pub(crate) fn message(&self, documents: &[Document]) -> String {
        let message_type = documents[0].message_type();
        let text = self.unsigned(documents);
        if message_type.signature_required() {
            signature::sign(text.as_bytes(), &self.key).expect("our own message can be signed")
        } else {
            text
        }
    }

    pub(crate) fn unsigned(&self, documents: &[Document]) -> String {
        let transfer = Transfer {
            cop_code: self.cop_code.clone(),
            cop_name: "青岛示例报关服务有限公司".to_owned(),
            dxp_mode: "DXP".to_owned(),
            dxp_id: self.dxp_id.clone(),
            note: String::new(),
        };
        ceb::write_message(&OutgoingMessage {
            message_type: documents[0].message_type(),
            guid: &guid(),
            transfer: &transfer,
            subscribers: &self.subscribers,
            documents,
        })
    }

    /// Sends documents of one type; gives the receipts that come at once.
    pub(crate) async fn sends(&self, documents: &[Document]) -> Vec<v1::Receipt> {
        self.sends_text(&self.message(documents)).await
    }

    pub(crate) async fn sends_text(&self, text: &str) -> Vec<v1::Receipt> {
        let message = text.as_bytes().to_vec();
        let sent = self.window.ceb().send(v1::SendRequest { message }).await;
        let sent = sent.expect("the window takes messages").into_inner();
        sent.messages.into_iter().flat_map(|message| message.receipts).collect()
    }

    /// All receipts of its number so far, with their positions.
    pub(crate) async fn log(&self) -> Vec<v1::OutgoingMessage> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let request = v1::ListReceiptsRequest {
                dxp_id: self.dxp_id.clone(),
                after,
                page_size: 1000,
                ..Default::default()
            };
            let page = self.window.ceb().list_receipts(request).await.expect("it may read");
            let page = page.into_inner();
            if page.messages.is_empty() {
                return all;
            }
            after = page.next_after;
            all.extend(page.messages);
        }
    }

    /// The statuses of a kind of receipt about a document, once one of them is there. The document
    /// is named by something that stands in the receipt.
    pub(crate) async fn hears(&self, kind: u32, about: &str, until: i32) -> Vec<i32> {
        eventually(&format!("CEB{kind} {about} says {until}"), PATIENCE, async || {
            let statuses = self.statuses(kind, about).await;
            if statuses.contains(&until) {
                return Ok(statuses);
            }
            // Waits for the next message of the log, whichever it is.
            let last = self.log().await.last().map_or(0, |message| message.position);
            let request = v1::ListReceiptsRequest {
                dxp_id: self.dxp_id.clone(),
                after: last,
                page_size: 1,
                wait_seconds: 2,
                ..Default::default()
            };
            self.window.ceb().list_receipts(request).await.expect("it may read");
            Err(statuses)
        })
        .await
    }

    pub(crate) async fn statuses(&self, kind: u32, about: &str) -> Vec<i32> {
        self.log()
            .await
            .into_iter()
            .filter(|message| message.message_type == kind && message.xml.contains(about))
            .flat_map(|message| message.receipts)
            .map(|receipt| receipt.return_status)
            .collect()
    }

    /// The messages of a type that name something, once there are as many.
    pub(crate) async fn gets(&self, kind: u32, about: &str, many: usize) -> Vec<String> {
        eventually(&format!("{many} of CEB{kind} name {about}"), PATIENCE, async || {
            let log = self.log().await.into_iter();
            let found = log.filter(|one| one.message_type == kind && one.xml.contains(about));
            let found: Vec<String> = found.map(|message| message.xml).collect();
            if found.len() >= many { Ok(found) } else { Err(found.len()) }
        })
        .await
    }

    /// The number that customs gave to the inventory of an order.
    pub(crate) async fn invt_no(&self, order_no: &str) -> String {
        let inventory = |record: &v1::DocumentRecord| matches!(record.message_type, 603 | 621);
        let found = self.documents(order_no).await.into_iter().find(inventory);
        found.expect("it is kept").invt_no
    }

    /// Where the documents of an order stand.
    pub(crate) async fn documents(&self, order_no: &str) -> Vec<v1::DocumentRecord> {
        let request =
            v1::ListDocumentsRequest { order_no: order_no.to_owned(), ..Default::default() };
        let found = self.window.ceb().list_documents(request).await.expect("it may read");
        found.into_inner().documents
    }
}

/// A guid as firms write it.
pub(crate) fn guid() -> String {
    Uuid::now_v7().to_string().to_uppercase()
}

/// An appTime so many seconds from now: a later document has a later one.
pub(crate) fn app_time(seconds: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a firm reads its own clock")]
    let now = OffsetDateTime::now_utc().to_offset(time::macros::offset!(+8));
    let then = now + time::Duration::seconds(seconds);
    let format = time::macros::format_description!("[year][month][day][hour][minute][second]");
    then.format(format).expect("a time has digits")
}

/// The first document of one of our examples.
pub(crate) fn example(number: u16) -> Document {
    let file = workspace().join(format!("docs/examples/ceb/ceb{number}.xml"));
    let bytes = std::fs::read(&file).expect("every type has an example");
    let mut message = ceb::read(&bytes).expect("our examples can be read");
    message.documents.remove(0).document
}

/// The documents of one import, as they belong together.
#[derive(Clone)]
pub(crate) struct Import {
    pub(crate) order: ceb::import::Order,
    pub(crate) payment: ceb::import::Payment,
    pub(crate) waybill: ceb::import::Logistics,
    pub(crate) inventory: ceb::import::Inventory,
}

/// An import of one order, with numbers of its own.
pub(crate) fn import(order_no: &str) -> Import {
    let Document::Ceb311(mut order) = example(311) else { panic!("an order") };
    let Document::Ceb411(mut payment) = example(411) else { panic!("a payment") };
    let Document::Ceb511(mut waybill) = example(511) else { panic!("a waybill") };
    let Document::Ceb621(mut inventory) = example(621) else { panic!("an inventory") };
    let tail = Uuid::now_v7().simple().to_string().to_uppercase();
    let tail = &tail[16..];
    let paid = format!("PAY{tail}");
    let parcel = format!("EX{tail}");
    order.head.guid = guid();
    order.head.order_no = order_no.to_owned();
    order.head.pay_transaction_id.clone_from(&paid);
    payment.head.guid = guid();
    payment.head.order_no = order_no.to_owned();
    payment.head.pay_transaction_id = paid;
    waybill.head.guid = guid();
    waybill.head.order_no = order_no.to_owned();
    waybill.head.logistics_no.clone_from(&parcel);
    inventory.head.guid = guid();
    inventory.head.order_no = order_no.to_owned();
    inventory.head.logistics_no = parcel;
    inventory.head.cop_no = format!("C{tail}");
    for head in [
        &mut order.head.app_time,
        &mut payment.head.app_time,
        &mut waybill.head.app_time,
        &mut inventory.head.app_time,
    ] {
        *head = app_time(0);
    }
    Import { order, payment, waybill, inventory }
}

impl Import {
    /// Somebody else buys: the yearly limit is of a person.
    pub(crate) fn bought_by(mut self, person: &str) -> Self {
        person.clone_into(&mut self.order.head.buyer_id_number);
        person.clone_into(&mut self.payment.head.payer_id_number);
        person.clone_into(&mut self.inventory.head.buyer_id_number);
        self
    }

    pub(crate) fn order(&self) -> Document {
        Document::Ceb311(self.order.clone())
    }

    pub(crate) fn payment(&self) -> Document {
        Document::Ceb411(self.payment.clone())
    }

    pub(crate) fn waybill(&self) -> Document {
        Document::Ceb511(self.waybill.clone())
    }

    pub(crate) fn inventory(&self) -> Document {
        Document::Ceb621(self.inventory.clone())
    }

    /// All four, in the usual order.
    pub(crate) fn all(&self) -> [Document; 4] {
        [self.order(), self.payment(), self.waybill(), self.inventory()]
    }
}

impl Import {
    /// A cancellation of its inventory.
    pub(crate) fn cancel(&self, cop_no: &str, invt_no: &str) -> ceb::import::InvtCancel {
        let Document::Ceb623(cancel) = example(623) else { panic!("a cancellation") };
        let head = self.inventory.head.clone();
        ceb::import::InvtCancel {
            guid: guid(),
            app_time: app_time(5),
            order_no: head.order_no,
            ebp_code: head.ebp_code,
            ebc_code: head.ebc_code,
            logistics_no: head.logistics_no,
            logistics_code: head.logistics_code,
            cop_no: cop_no.to_owned(),
            pre_no: String::new(),
            invt_no: invt_no.to_owned(),
            buyer_id_type: head.buyer_id_type,
            buyer_id_number: head.buyer_id_number,
            buyer_name: head.buyer_name,
            buyer_telephone: head.buyer_telephone,
            agent_code: head.agent_code,
            ..cancel
        }
    }

    /// A return of everything.
    pub(crate) fn refund(&self, cop_no: &str, invt_no: &str) -> ceb::import::InvtRefund {
        let Document::Ceb625(mut refund) = example(625) else { panic!("a return") };
        let head = self.inventory.head.clone();
        refund.head = ceb::import::InvtRefundHead {
            guid: guid(),
            app_time: app_time(5),
            order_no: head.order_no,
            ebp_code: head.ebp_code,
            ebc_code: head.ebc_code,
            logistics_no: head.logistics_no,
            logistics_code: head.logistics_code,
            cop_no: cop_no.to_owned(),
            pre_no: String::new(),
            invt_no: invt_no.to_owned(),
            buyer_id_type: head.buyer_id_type,
            buyer_id_number: head.buyer_id_number,
            buyer_name: head.buyer_name,
            buyer_telephone: head.buyer_telephone,
            agent_code: head.agent_code,
            ..refund.head
        };
        let lines = self.inventory.lines.iter();
        refund.lines = lines
            .map(|line| ceb::import::InvtRefundList {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                qty: line.qty,
                unit: line.unit.clone(),
                note: String::new(),
            })
            .collect();
        refund
    }
}

/// The documents of one export, as they belong together.
#[derive(Clone)]
pub(crate) struct Export {
    pub(crate) order: ceb::export::Order,
    pub(crate) money: ceb::export::Receipts,
    pub(crate) waybill: ceb::export::Logistics,
    pub(crate) inventory: ceb::export::Inventory,
}

/// An export of one order, with numbers of its own.
pub(crate) fn export(order_no: &str) -> Export {
    let Document::Ceb303(mut order) = example(303) else { panic!("an order") };
    let Document::Ceb403(mut money) = example(403) else { panic!("a receipt of money") };
    let Document::Ceb505(mut waybill) = example(505) else { panic!("a waybill") };
    let Document::Ceb603(mut inventory) = example(603) else { panic!("an inventory") };
    let tail = Uuid::now_v7().simple().to_string().to_uppercase();
    let tail = &tail[16..];
    let parcel = format!("EX{tail}");
    order.head.guid = guid();
    order.head.order_no = order_no.to_owned();
    money.guid = guid();
    money.order_no = order_no.to_owned();
    waybill.guid = guid();
    waybill.logistics_no.clone_from(&parcel);
    inventory.head.guid = guid();
    inventory.head.order_no = order_no.to_owned();
    inventory.head.logistics_no = parcel;
    inventory.head.cop_no = format!("C{tail}");
    inventory.head.bill_no = String::new();
    for head in [
        &mut order.head.app_time,
        &mut money.app_time,
        &mut waybill.app_time,
        &mut inventory.head.app_time,
    ] {
        *head = app_time(0);
    }
    Export { order, money, waybill, inventory }
}

impl Export {
    /// Order, waybill and inventory.
    pub(crate) fn all(&self) -> [Document; 3] {
        [
            Document::Ceb303(self.order.clone()),
            Document::Ceb505(self.waybill.clone()),
            Document::Ceb603(self.inventory.clone()),
        ]
    }
}

impl Export {
    /// A way-bill list in one part, on which it stands alone.
    pub(crate) fn list(&self, cop_no: &str, bill_no: &str) -> ceb::export::WayBill {
        let Document::Ceb607(mut list) = example(607) else { panic!("a list") };
        list.head.guid = guid();
        list.head.app_time = app_time(5);
        list.head.cop_no = cop_no.to_owned();
        list.head.bill_no = bill_no.to_owned();
        (list.head.msg_count, list.head.msg_seq_no) = (1, 1);
        list.head.logistics_code.clone_from(&self.inventory.head.logistics_code);
        list.lines.truncate(1);
        list.lines[0].gnum = 1;
        list.lines[0].logistics_no.clone_from(&self.inventory.head.logistics_no);
        list.lines[0].invt_no = String::new();
        list
    }

    /// A departure in one part, on which it stands alone.
    pub(crate) fn departure(&self, cop_no: &str, bill_no: &str) -> ceb::export::Departure {
        let Document::Ceb509(mut departure) = example(509) else { panic!("a departure") };
        departure.head.guid = guid();
        departure.head.app_time = app_time(6);
        departure.head.cop_no = cop_no.to_owned();
        departure.head.bill_no = bill_no.to_owned();
        departure.head.logistics_code.clone_from(&self.inventory.head.logistics_code);
        (departure.head.msg_count, departure.head.msg_seq_no) = (1, 1);
        departure.lines.truncate(1);
        departure.lines[0].logistics_no.clone_from(&self.inventory.head.logistics_no);
        departure
    }

    /// A return of everything.
    pub(crate) fn comes_back(&self, co_el_no: &str, invt_no: &str) -> ceb::export::InvtRefund {
        let Document::Ceb213(mut back) = example(213) else { panic!("a return") };
        let head = &self.inventory.head;
        back.head.guid = guid();
        back.head.app_time = app_time(5);
        back.head.ebp_code.clone_from(&head.ebp_code);
        back.head.ebc_code.clone_from(&head.ebc_code);
        back.head.agent_code.clone_from(&head.agent_code);
        back.head.co_el_no = co_el_no.to_owned();
        back.head.pre_no = String::new();
        back.head.invt_no = invt_no.to_owned();
        let lines = self.inventory.lines.iter();
        back.lines = lines
            .map(|line| ceb::export::InvtRefundList {
                gnum: line.gnum,
                gcode: line.gcode.clone(),
                gname: line.gname.clone(),
                gmodel: line.gmodel.clone(),
                qty: line.qty,
                qty1: line.qty1,
                unit: line.unit.clone(),
                unit1: line.unit1.clone(),
                qty2: line.qty2,
                unit2: line.unit2.clone(),
                note: String::new(),
            })
            .collect();
        back
    }

    /// Sends all of it and lets it leave under a bill of its own; gives the number of customs.
    pub(crate) async fn leaves(&self, erp: &Erp) -> String {
        for document in self.all() {
            erp.sends(&[document]).await;
        }
        let head = &self.inventory.head;
        erp.hears(604, &head.cop_no, 399).await;
        let bill_no = format!("B{}", head.cop_no);
        let list = self.list(&format!("L{}", head.cop_no), &bill_no);
        erp.sends(&[Document::Ceb607(list)]).await;
        erp.hears(604, &head.cop_no, 800).await;
        let departure = self.departure(&format!("D{}", head.cop_no), &bill_no);
        erp.sends(&[Document::Ceb509(departure)]).await;
        erp.hears(604, &head.cop_no, 899).await;
        erp.invt_no(&head.order_no).await
    }
}

/// What only customs may issue, as somebody else would write it.
pub(crate) fn tax_bill() -> String {
    let line =
        ceb::import::TaxListRd { gnum: 1, gcode: "4202320000".to_owned(), ..Default::default() };
    let head = ceb::import::TaxHeadRd {
        guid: guid(),
        return_time: format!("{}000", app_time(0)),
        invt_no: "422020261I00000001".to_owned(),
        tax_no: "T422020261I00000001".to_owned(),
        status: "1".to_owned(),
        assure_code: "3702960001".to_owned(),
        ebc_code: "3702960015".to_owned(),
        logistics_code: "3702980031".to_owned(),
        agent_code: "3702960001".to_owned(),
        customs_code: "4220".to_owned(),
        ..Default::default()
    };
    let bill = Document::Ceb816(ceb::import::Tax { head, lines: vec![line] });
    let text = ceb::write(ceb::MessageType::Ceb816, &guid(), &[bill]);
    ceb::read(text.as_bytes()).expect("it is a message");
    text
}

/// An identity number of these 17 digits, with its check character.
pub(crate) fn person(digits: &str) -> String {
    let last = domain::documents::identity::check_character(digits).expect("seventeen digits");
    format!("{digits}{last}")
}
