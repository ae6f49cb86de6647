//! National messages: documents a second that are taken, and inventories a second from three documents
//! to the number that customs gives.
//!
//! Exports, which need no signature: the cost of a signature is the signer's and is measured apart.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use client::Window;
use futures::StreamExt as _;
use proto::ceb::{self, Document, MessageType, OutgoingMessage, Transfer};
use proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

/// Documents in one message, as many as the specification allows.
const TOGETHER: usize = 100;
/// Messages on their way at once.
const IN_FLIGHT: usize = 16;
/// Longest wait for the last receipt.
const PATIENCE: Duration = Duration::from_secs(60);
/// The exchange number of the measurement.
const DXP: &str = "DXPENT0000009999";

/// What was measured, a second.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NationalRates {
    /// Documents that were taken.
    pub(super) documents: u64,
    /// Inventories that customs took in, from the first document to the last receipt.
    pub(super) inventories: u64,
}

/// Sends complete exports for a time, and waits for customs' number of each.
///
/// # Errors
///
/// When something was refused or never came.
pub(super) async fn run(window: &Window, time: Duration) -> anyhow::Result<NationalRates> {
    let started = Instant::now();
    let (sender, receiver) = tokio::sync::mpsc::channel(IN_FLIGHT);
    let mut answers = window.ceb().send_stream(ReceiverStream::new(receiver)).await?.into_inner();
    let templates = Templates::read()?;
    let make = async {
        let mut inventories = 0_usize;
        while started.elapsed() < time {
            for message in templates.exports(inventories) {
                let item = v1::SendStreamRequest { item: Some(v1::SendRequest { message }) };
                if sender.send(item).await.is_err() {
                    return inventories;
                }
            }
            inventories += TOGETHER;
        }
        drop(sender);
        inventories
    };
    let take = async {
        let mut taken = 0_usize;
        while let Some(answer) = answers.message().await? {
            let Some(v1::send_stream_response::Result::Answer(answer)) = answer.result else {
                anyhow::bail!("a message was refused: {answer:?}");
            };
            let receipts = answer.messages.iter().flat_map(|message| &message.receipts);
            taken += receipts.filter(|receipt| receipt.return_status > 0).count();
        }
        Ok(taken)
    };
    let (inventories, taken) = tokio::join!(make, take);
    let (taken, sending) = (taken?, started.elapsed());
    anyhow::ensure!(
        taken == 3 * inventories,
        "{taken} of {} documents were taken",
        3 * inventories
    );
    let log = client::receipts(window.clone(), DXP.to_owned(), 0);
    let mut log = std::pin::pin!(log);
    let mut numbered = 0_usize;
    while numbered < inventories {
        let left = (time + PATIENCE).saturating_sub(started.elapsed());
        let received = tokio::time::timeout(left, log.next()).await;
        let message = received.context("customs did not take in every inventory")?;
        let message = message.context("the log ended")??;
        let of =
            message.receipts.iter().filter(|r| r.message_type == 604 && r.return_status == 120);
        numbered += of.count();
    }
    let rate = |count: usize, time: Duration| {
        let millis = time.as_millis().max(1);
        // No machine that we run on has a wider usize.
        u64::try_from(u128::try_from(count).unwrap_or_default() * 1_000 / millis)
    };
    Ok(NationalRates {
        documents: rate(taken, sending)?,
        inventories: rate(inventories, started.elapsed())?,
    })
}

/// Our examples, from which exports are made.
struct Templates {
    order: ceb::export::Order,
    waybill: ceb::export::Logistics,
    inventory: ceb::export::Inventory,
}

impl Templates {
    fn read() -> anyhow::Result<Self> {
        let first = |text: &str| {
            let read = ceb::read(text.as_bytes()).ok();
            read.and_then(|read| read.documents.into_iter().next()).map(|read| read.document)
        };
        let order = first(include_str!("../../../../docs/examples/ceb/ceb303.xml"));
        let waybill = first(include_str!("../../../../docs/examples/ceb/ceb505.xml"));
        let inventory = first(include_str!("../../../../docs/examples/ceb/ceb603.xml"));
        let (
            Some(Document::Ceb303(order)),
            Some(Document::Ceb505(waybill)),
            Some(Document::Ceb603(inventory)),
        ) = (order, waybill, inventory)
        else {
            anyhow::bail!("the examples cannot be read");
        };
        Ok(Self { order, waybill, inventory })
    }

    /// Three messages: orders, waybills and inventories of as many exports.
    fn exports(&self, from: usize) -> [Vec<u8>; 3] {
        let (mut orders, mut waybills, mut inventories) = (Vec::new(), Vec::new(), Vec::new());
        for number in from..from + TOGETHER {
            let (order_no, parcel) = (format!("QDBENCH-{number}"), format!("EXB{number:013}"));
            let mut order = self.order.clone();
            order.head.guid = guid();
            order.head.order_no.clone_from(&order_no);
            orders.push(Document::Ceb303(order));
            let mut waybill = self.waybill.clone();
            waybill.guid = guid();
            waybill.logistics_no.clone_from(&parcel);
            waybills.push(Document::Ceb505(waybill));
            let mut inventory = self.inventory.clone();
            inventory.head.guid = guid();
            inventory.head.order_no = order_no;
            inventory.head.logistics_no = parcel;
            inventory.head.cop_no = format!("B{number}");
            inventory.head.bill_no = String::new();
            inventories.push(Document::Ceb603(inventory));
        }
        [
            message(MessageType::Ceb303, &orders),
            message(MessageType::Ceb505, &waybills),
            message(MessageType::Ceb603, &inventories),
        ]
    }
}

fn message(message_type: MessageType, documents: &[Document]) -> Vec<u8> {
    let transfer = Transfer {
        cop_code: "3702960001".to_owned(),
        cop_name: "bench".to_owned(),
        dxp_mode: "DXP".to_owned(),
        dxp_id: DXP.to_owned(),
        note: String::new(),
    };
    let guid = guid();
    let subscribers = &[];
    ceb::write_message(&OutgoingMessage {
        message_type,
        guid: &guid,
        transfer: &transfer,
        subscribers,
        documents,
    })
    .into_bytes()
}

fn guid() -> String {
    Uuid::now_v7().to_string().to_uppercase()
}
