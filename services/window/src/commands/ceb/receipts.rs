//! `ceb receipts`: what the window says to the holder of an exchange number, from a position on.

use std::pin::pin;

use futures::StreamExt as _;
use proto::status::Language;
use proto::v1;
use tonic::{Response, Status};

use super::super::words::{self, pick};
use super::super::{Exit, Output, Session, say, say_json};
use super::standing::meaning;

/// Messages that are asked for at once.
const PAGE: i32 = 200;

/// Read the receipts (回执) of an exchange number.
#[derive(Debug, clap::Args)]
pub(super) struct Receipts {
    /// The exchange number under which the messages were sent.
    #[arg(long, value_name = "ID")]
    pub(super) dxp_id: String,
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
pub(super) async fn run(session: &Session, args: Receipts) -> anyhow::Result<Exit> {
    session.settle(show(session, args).await)
}

async fn show(session: &Session, args: Receipts) -> anyhow::Result<Exit> {
    // An unset variable of a script must not stand for somebody else.
    anyhow::ensure!(!args.dxp_id.trim().is_empty(), "--dxp-id is empty");
    if args.follow {
        return follow(session, args).await;
    }
    let mut after = args.after;
    loop {
        let page = page(session, &args.dxp_id, after).await?;
        if page.messages.is_empty() {
            return Ok(Exit::Done);
        }
        after = page.next_after;
        for message in &page.messages {
            tell(message, session, args.xml)?;
        }
    }
}

async fn follow(session: &Session, args: Receipts) -> anyhow::Result<Exit> {
    let mut news = pin!(client::receipts(session.window.clone(), args.dxp_id, args.after));
    loop {
        let told = tokio::select! {
            told = news.next() => told,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        let Some(message) = told.transpose()? else { return Ok(Exit::Done) };
        tell(&message, session, args.xml)?;
    }
}

/// One page of the log of an exchange number.
pub(super) async fn page(
    session: &Session,
    dxp_id: &str,
    after: u64,
) -> Result<v1::ListReceiptsResponse, Status> {
    let wanted = v1::ListReceiptsRequest {
        dxp_id: dxp_id.to_owned(),
        after,
        page_size: PAGE,
        wait_seconds: 0,
    };
    let call = async || {
        let request = session.request(wanted.clone());
        session.window.ceb().list_receipts(request).await.map(Response::into_inner)
    };
    client::repeat(call).await
}

fn tell(message: &v1::OutgoingMessage, session: &Session, xml: bool) -> std::io::Result<()> {
    match session.output {
        Output::Json => say_json(message),
        Output::Table if xml => say(&message.xml),
        Output::Table => lines(message, session.language).iter().try_for_each(|line| say(line)),
    }
}

/// One line a receipt: where, when, which message, which document, what.
pub(super) fn lines(message: &v1::OutgoingMessage, language: Language) -> Vec<String> {
    let time = words::when(message.time.and_then(proto::time));
    let head = format!("{:>8}  {time}  {}", message.position, kind(message.message_type));
    if message.receipts.is_empty() {
        let copy = pick(language, "a message without receipts", "非回执报文");
        return vec![format!("{head}  {copy}")];
    }
    let line = |receipt: &v1::Receipt| format!("{head}  {}", told(receipt, language));
    message.receipts.iter().map(line).collect()
}

/// A receipt in words: which document, which status, what customs says.
pub(super) fn told(receipt: &v1::Receipt, language: Language) -> String {
    let status = receipt.return_status;
    let (what, meaning) = (named(receipt), meaning(status, language));
    format!("{what}  {status} {meaning}  {}", receipt.return_info)
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
