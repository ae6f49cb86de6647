//! `ceb documents`: what the window keeps of what was sent, and what each still waits for.

use proto::status::Language;
use proto::v1;
use tonic::Status;

use super::super::session::TableRow;
use super::super::words::{self, pick};
use super::super::{Exit, Output, Session, print_line};
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
    // A filter that was not given is an empty one.
    let wanted = v1::ListDocumentsRequest {
        order_no: args.order_no.unwrap_or_default(), // no filter
        number: args.number.unwrap_or_default(),     // no filter
        message_type: args.message_type.unwrap_or_default(), // no filter
        waiting: args.waiting,
        ..Default::default()
    };
    let documents = list(session, wanted, args.limit).await?;
    session.print(&documents)?;
    if session.output == Output::Table {
        reasons(&documents, session.language).iter().try_for_each(|line| print_line(line))?;
    }
    Ok(Exit::Done)
}

/// Documents, at most so many.
pub(super) async fn list(
    session: &Session,
    wanted: v1::ListDocumentsRequest,
    most: usize,
) -> Result<Vec<v1::DocumentRecord>, Status> {
    session.pages(wanted, most, async |it, ask| it.ceb().list_documents(ask).await).await
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

impl TableRow for v1::DocumentRecord {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("changed", "更新时间"),
        ("type", "类型"),
        ("key", "业务主键"),
        ("order no.", "订单编号"),
        ("status", "状态"),
        ("meaning", "含义"),
        ("waits for", "等待"),
        ("preNo", "预录入编号"),
        ("invtNo", "清单编号"),
    ];
    const NONE: (&'static str, &'static str) = ("no documents", "没有符合条件的单证");
    const FLEXIBLE: Option<usize> = Some(2);

    fn cells(&self, language: Language) -> Vec<String> {
        let deleted = pick(language, "deleted", "已删除");
        let status = meaning(self.return_status, language);
        let missing = self.missing.iter().map(|what| waits_for(what, language));
        vec![
            words::minute(self.changed_time.and_then(proto::time)),
            format!("CEB{}", self.message_type),
            self.key.clone(),
            self.order_no.clone(),
            self.return_status.to_string(),
            if self.deleted { deleted } else { status }.to_owned(),
            missing.collect::<Vec<_>>().join(", "),
            self.pre_no.clone(),
            self.invt_no.clone(),
        ]
    }
}

/// What `DocumentRecord.missing` names.
pub(super) fn waits_for(what: &str, language: Language) -> &str {
    match what {
        "order" => pick(language, what, "订单"),
        "payment" => pick(language, what, "支付单"),
        "waybill" => pick(language, what, "运单"),
        _ => what,
    }
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
