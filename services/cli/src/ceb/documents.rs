//! `ceb documents`: what the window keeps of what was sent, and what each still waits for.

use proto::status::Language;
use proto::v1;
use tonic::Response;

use super::super::words::{self, pick};
use super::super::{Exit, Output, Session, say, say_json};
use super::advice;
use super::standing::meaning;

/// List what was sent, newest first. Every filter that is set must hold.
#[derive(Debug, clap::Args)]
pub(super) struct DocumentListArgs {
    /// Only those of this order.
    #[arg(long, value_name = "NUMBER")]
    pub(super) order_no: Option<String>,
    /// Only those with this number, whichever it is: order, way-bill, copNo, preNo, invtNo, guid, bill.
    #[arg(long, value_name = "NUMBER")]
    pub(super) number: Option<String>,
    /// Only this type, for example 621 or CEB621.
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    pub(super) message_type: Option<u32>,
    /// Only those that still wait for an order, a payment or a waybill.
    #[arg(long)]
    pub(super) waiting: bool,
    /// At most this many.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub(super) limit: usize,
}

/// 621, CEB621 or CEB621Message.
pub(super) fn parse_type(text: &str) -> Result<u32, String> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("CEB").unwrap_or(&upper);
    let digits = digits.strip_suffix("MESSAGE").unwrap_or(digits);
    digits.parse().map_err(|_| "a type is a number, for example 621".to_owned())
}

/// Lists documents.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(session: &Session, args: DocumentListArgs) -> anyhow::Result<Exit> {
    session.settle(table_of(session, args).await)
}

async fn table_of(session: &Session, args: DocumentListArgs) -> anyhow::Result<Exit> {
    // A filter that was not given is an empty one.
    let wanted = v1::ListDocumentsRequest {
        order_no: args.order_no.unwrap_or_default(), // no filter
        number: args.number.unwrap_or_default(),     // no filter
        message_type: args.message_type.unwrap_or_default(), // no filter
        waiting: args.waiting,
        ..Default::default()
    };
    let documents = list(session, wanted, args.limit).await?;
    match session.output {
        Output::Json => documents.iter().try_for_each(say_json)?,
        Output::Table => {
            say(&table(&documents, session))?;
            reasons(&documents, session.language).iter().try_for_each(|line| say(line))?;
        }
    }
    Ok(Exit::Done)
}

/// Documents, page by page, at most so many.
pub(super) async fn list(
    session: &Session,
    mut wanted: v1::ListDocumentsRequest,
    most: usize,
) -> anyhow::Result<Vec<v1::DocumentRecord>> {
    let mut documents = Vec::new();
    while documents.len() < most {
        let left = i32::try_from(most - documents.len()).unwrap_or(i32::MAX); // the window gives a page at most
        wanted.page_size = left.min(domain::limits::PAGE_MAX);
        let call = async || {
            let request = session.request(wanted.clone());
            session.window.ceb().list_documents(request).await.map(Response::into_inner)
        };
        let page = client::repeat(call).await?;
        documents.extend(page.documents);
        if page.next_page_token.is_empty() {
            break;
        }
        wanted.page_token = page.next_page_token;
    }
    documents.truncate(most);
    Ok(documents)
}

/// Why documents stand where they stand, where that is a "no" or a stop, and the page about it.
fn reasons(documents: &[v1::DocumentRecord], language: Language) -> Vec<String> {
    let reason = |document: &v1::DocumentRecord| {
        let v1::DocumentRecord { message_type, key, return_status, return_info, .. } = document;
        let page = advice::page(*return_status, return_info).filter(|_| !document.deleted)?;
        let see = pick(language, "see", "见");
        Some(format!("CEB{message_type} {key}: {return_status} {return_info}; {see} {page}"))
    };
    documents.iter().filter_map(reason).collect()
}

fn table(documents: &[v1::DocumentRecord], session: &Session) -> String {
    let english = [
        "changed",
        "type",
        "key",
        "order no.",
        "status",
        "meaning",
        "waits for",
        "preNo",
        "invtNo",
    ];
    let chinese = [
        "更新时间",
        "类型",
        "业务主键",
        "订单编号",
        "状态",
        "含义",
        "等待",
        "预录入编号",
        "清单编号",
    ];
    let header = if pick(session.language, "en", "zh") == "en" { english } else { chinese };
    let mut table = words::table(&header, Some(2));
    for document in documents {
        let deleted = pick(session.language, "deleted", "已删除");
        let status = meaning(document.return_status, session.language);
        let missing = document.missing.iter().map(|what| waits_for(what, session.language));
        table.add_row(vec![
            words::minute(document.changed_time.and_then(proto::time)),
            format!("CEB{}", document.message_type),
            document.key.clone(),
            document.order_no.clone(),
            document.return_status.to_string(),
            if document.deleted { deleted } else { status }.to_owned(),
            missing.collect::<Vec<_>>().join(", "),
            document.pre_no.clone(),
            document.invt_no.clone(),
        ]);
    }
    table.to_string()
}

/// The window says it in English.
pub(super) fn waits_for(what: &str, language: Language) -> &str {
    if language == Language::English {
        return what;
    }
    let words = [("payment", "支付单"), ("waybill", "运单"), ("order", "订单")];
    words.into_iter().find(|(english, _)| what.contains(english)).map_or(what, |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_in_any_usual_way() {
        for text in ["621", "CEB621", "ceb621Message"] {
            assert_eq!(parse_type(text), Ok(621));
        }
        assert!(parse_type("inventory").is_err());
    }
}
