//! `ceb receipts`: what the window says to the holder of an exchange number, from a position on.

use std::collections::BTreeSet;
use std::pin::pin;

use anyhow::Context as _;
use domain::Code;
use domain::documents::tax;
use futures::StreamExt as _;
use proto::status::Language;
use proto::v1;
use tonic::Status;

use super::super::problem::{BrokenRule, Problem};
use super::super::words::{self, decimal, pick};
use super::super::{Exit, Output, Session, print_json, print_line, print_refusal};
use super::standing::meaning;
use super::{advice, documents};

/// Messages that are asked for at once.
const PAGE: i32 = 200;

/// Read the receipts (回执) of an exchange number, or of an order.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptsArgs {
    /// The exchange number under which the messages were sent. With --order it may be left out: then
    /// the numbers under which documents of the order are kept are read.
    #[arg(long, value_name = "ID", required_unless_present = "order")]
    pub(super) dxp_id: Option<String>,
    /// Only what is about documents of this order, tax bills included.
    #[arg(long, value_name = "NUMBER", conflicts_with = "follow")]
    pub(super) order: Option<String>,
    /// Only what came after this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub(super) after: u64,
    /// Go on with what comes, until Ctrl-C.
    #[arg(long)]
    pub(super) follow: bool,
    /// The messages themselves, one after the other.
    #[arg(long)]
    pub(super) xml: bool,
}

/// Shows receipts.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(session: &Session, args: ReceiptsArgs) -> anyhow::Result<Exit> {
    // An unset variable of a script must not stand for somebody else.
    let given = |value: &Option<String>| value.as_ref().is_none_or(|text| !text.trim().is_empty());
    anyhow::ensure!(given(&args.dxp_id), "--dxp-id is empty");
    anyhow::ensure!(given(&args.order), "--order is empty");
    if args.follow {
        return follow(session, args).await;
    }
    let order_no = args.order.unwrap_or_default().trim().to_owned(); // no filter
    let logs = match args.dxp_id {
        Some(dxp_id) => vec![dxp_id],
        None => senders(session, &order_no).await?,
    };
    if logs.is_empty() {
        return nobody(session, &order_no);
    }
    for dxp_id in logs {
        let about = LogSelection { dxp_id, order_no: order_no.clone(), ..LogSelection::default() };
        let mut after = args.after;
        loop {
            let page = page(session, &about, after).await?;
            if page.messages.is_empty() {
                break;
            }
            after = page.next_after;
            for message in &page.messages {
                print_message(message, session, args.xml)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The exchange numbers under which documents of an order are kept, each once.
async fn senders(session: &Session, order_no: &str) -> anyhow::Result<Vec<String>> {
    let wanted = v1::ListDocumentsRequest { order_no: order_no.to_owned(), ..Default::default() };
    let found = documents::list(session, wanted, usize::MAX).await?;
    let senders: BTreeSet<String> = found.into_iter().map(|document| document.dxp_id).collect();
    Ok(senders.into_iter().collect())
}

fn nobody(session: &Session, order_no: &str) -> anyhow::Result<Exit> {
    let why = match session.language {
        Language::English => format!(
            "no document of order {order_no} is kept for this caller; name the log with --dxp-id to see \
             what was said about documents that were refused"
        ),
        Language::Chinese => format!(
            "没有属于该用户的订单{order_no}的在案单证；用--dxp-id指定日志可查看被拒绝单证的回执"
        ),
    };
    let why = vec![BrokenRule::plain(Code::NotFound, why)];
    let _not_found =
        print_refusal(session.output, &Problem::local(Code::NotFound, session.language, why))?;
    Ok(Exit::NotFound)
}

async fn follow(session: &Session, args: ReceiptsArgs) -> anyhow::Result<Exit> {
    let dxp_id = args.dxp_id.context("--follow needs --dxp-id")?;
    let mut news = pin!(client::receipts(session.window.clone(), dxp_id, args.after));
    loop {
        let next = tokio::select! {
            next = news.next() => next,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        let Some(message) = next.transpose()? else { return Ok(Exit::Done) };
        print_message(&message, session, args.xml)?;
    }
}

/// Which messages of which log are read. What is empty sets no bound.
#[derive(Debug, Clone, Default)]
pub(super) struct LogSelection {
    pub(super) dxp_id: String,
    pub(super) order_no: String,
    pub(super) key: String,
}

impl LogSelection {
    /// Everything of an exchange number.
    pub(super) fn all(dxp_id: &str) -> Self {
        Self { dxp_id: dxp_id.to_owned(), ..Self::default() }
    }
}

/// One page of the log of an exchange number.
pub(super) async fn page(
    session: &Session,
    about: &LogSelection,
    after: u64,
) -> Result<v1::ListReceiptsResponse, Status> {
    let LogSelection { dxp_id, order_no, key } = about.clone();
    let wanted =
        v1::ListReceiptsRequest { dxp_id, order_no, key, after, page_size: PAGE, wait_seconds: 0 };
    session.ask(wanted, async |it, ask| it.ceb().list_receipts(ask).await).await
}

fn print_message(
    message: &v1::OutgoingMessage,
    session: &Session,
    xml: bool,
) -> std::io::Result<()> {
    match session.output {
        Output::Json => print_json(message),
        Output::Table if xml => print_line(&message.xml),
        Output::Table => {
            lines(message, session.language).iter().try_for_each(|line| print_line(line))
        }
    }
}

/// One line a receipt: where, when, which message, which document, what.
pub(super) fn lines(message: &v1::OutgoingMessage, language: Language) -> Vec<String> {
    let time = words::when(message.time.and_then(proto::time));
    let head = format!("{:>8}  {time}  {}", message.position, kind(message.message_type));
    if !message.tax_bills.is_empty() {
        let line = |bill: &v1::TaxBill| format!("{head}  {}", bill_text(bill, language));
        return message.tax_bills.iter().map(line).collect();
    }
    if message.receipts.is_empty() {
        let copy = pick(language, "a message without receipts", "非回执报文");
        return vec![format!("{head}  {copy}")];
    }
    let line = |receipt: &v1::Receipt| format!("{head}  {}", receipt_text(receipt, language));
    message.receipts.iter().map(line).collect()
}

/// A receipt in words: which document, which status, what customs says.
pub(super) fn receipt_text(receipt: &v1::Receipt, language: Language) -> String {
    let status = receipt.return_status;
    let (what, meaning) = (named(receipt), meaning(status, language));
    format!("{what}  {status} {meaning}  {}", receipt.return_info)
}

/// A tax bill, or its change, in words: which, of which inventory, how much.
pub(super) fn bill_text(bill: &v1::TaxBill, language: Language) -> String {
    let v1::TaxBill { tax_no, invt_no, order_no, ent_duty_no, .. } = bill;
    let status = bill.status.to_string();
    let status = pick(language, tax::bill_title(&status), tax::bill_title_zh(&status));
    let mut text = match language {
        Language::English => format!("tax bill {tax_no} of inventory {invt_no}"),
        Language::Chinese => format!("电子税单{tax_no}，清单{invt_no}"),
    };
    let mut add = |english: String, chinese: String| {
        text.push_str(pick(language, ", ", "，"));
        text.push_str(&if language == Language::English { english } else { chinese });
    };
    if !order_no.is_empty() {
        add(format!("order {order_no}"), format!("订单{order_no}"));
    }
    add(status.to_owned(), status.to_owned());
    if let Some(amounts) = &bill.amounts {
        let duty = decimal(amounts.customs_tax_e5);
        let (added, consumed) =
            (decimal(amounts.value_added_tax_e5), decimal(amounts.consumption_tax_e5));
        add(
            format!("duty {duty}, VAT {added}, consumption tax {consumed} CNY"),
            format!("关税{duty}元、增值税{added}元、消费税{consumed}元"),
        );
    }
    if !ent_duty_no.is_empty() {
        add(format!("payment order {ent_duty_no}"), format!("缴款书{ent_duty_no}"));
    }
    text
}

/// The same with the page that explains it, where it is a "no" or a stop.
pub(super) fn receipt_text_with_page(receipt: &v1::Receipt, language: Language) -> String {
    let text = receipt_text(receipt, language);
    match advice::page(receipt.return_status, &receipt.return_info) {
        Some(page) => format!("{text}; {} {page}", pick(language, "see", "见")),
        None => text,
    }
}

/// What a document is called: by its business key, or else its guid.
fn named(receipt: &v1::Receipt) -> &str {
    if receipt.key.is_empty() { &receipt.document_guid } else { &receipt.key }
}

/// CEB622; nothing for a copy of data, whose type stands in its text.
pub(super) fn kind(message_type: u32) -> String {
    if message_type == 0 { String::new() } else { format!("CEB{message_type}") }
}

/// The columns of a table of receipts, by file.
pub(super) fn header(language: Language) -> [&'static str; 6] {
    let english = ["file", "receipt", "document", "status", "meaning", "text"];
    let chinese = ["文件", "回执", "单证", "状态", "含义", "回执信息"];
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// A row of it, without the file.
pub(super) fn cells(message_type: u32, receipt: &v1::Receipt, language: Language) -> Vec<String> {
    vec![
        kind(message_type),
        named(receipt).to_owned(),
        receipt.return_status.to_string(),
        meaning(receipt.return_status, language).to_owned(),
        receipt.return_info.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tax_bill_is_told_as_one() {
        let bill = v1::TaxBill {
            message_type: 816,
            tax_no: "T1".to_owned(),
            invt_no: "I1".to_owned(),
            order_no: "O1".to_owned(),
            status: 1,
            amounts: Some(v1::TaxAmounts { value_added_tax_e5: 5_123_000, ..Default::default() }),
            ..Default::default()
        };
        let message =
            v1::OutgoingMessage { message_type: 816, tax_bills: vec![bill], ..Default::default() };
        for (language, expected) in [
            (
                Language::English,
                "CEB816  tax bill T1 of inventory I1, order O1, made out, duty 0, VAT 51.23, \
                 consumption tax 0 CNY",
            ),
            (
                Language::Chinese,
                "CEB816  电子税单T1，清单I1，订单O1，已生成，关税0元、增值税51.23元、消费税0元",
            ),
        ] {
            let lines = lines(&message, language);
            assert!(lines.len() == 1 && lines[0].ends_with(expected), "{lines:?}");
        }
        let change = v1::TaxBill {
            message_type: 818,
            status: 2,
            ent_duty_no: "P1".to_owned(),
            ..Default::default()
        };
        assert!(
            bill_text(&change, Language::English).ends_with("in a payment order, payment order P1")
        );
    }
}
