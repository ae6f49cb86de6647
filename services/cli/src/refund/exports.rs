//! `refund lines`, `explain`, `prove`.

use proto::v1;
use uuid::Uuid;

use crate::pay::listing::Listing;
use crate::pay::{PayPrinter, yuan};
use crate::table::{columns, fields};
use crate::words::{self, pick};
use crate::{Exit, Language, OutputFormat, print_json, print_line};

/// List exports by urgency: what has to be given back, then by the next day that matters.
#[derive(Debug, clap::Args)]
pub(super) struct ExportLinesArgs {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    /// to-recover, claimable, waiting, not-refunded or done [default: all].
    #[arg(long, value_name = "STANDING", value_parser = parse_standing)]
    standing: Option<v1::RefundStanding>,
    /// At most so many [default: all].
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

/// Show what an export is entitled to, by which rule, what is missing, and how the amount comes about.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainExport {
    /// declarations/{uuid}, its UUID, or declarations/{uuid}/lines/{n}.
    name: String,
}

/// Write down proofs of an export: all its lines.
#[derive(Debug, clap::Args)]
pub(super) struct Prove {
    /// declarations/{uuid}, or the UUID.
    declaration: String,
    /// Day on which it left, YYYY-MM-DD.
    #[arg(long, value_name = "DAY")]
    departed: Option<String>,
    /// Number of the goods declaration form (报关单号), 18 digits.
    #[arg(long, value_name = "NUMBER")]
    form: Option<String>,
    /// Its money: awaited, received or settled.
    #[arg(long, value_name = "MONEY", value_parser = parse_money)]
    money: Option<v1::RefundMoney>,
    /// The contract lets the buyer pay until then, YYYY-MM-DD.
    #[arg(long, value_name = "DAY")]
    payment_by: Option<String>,
}

fn parse_standing(text: &str) -> Result<v1::RefundStanding, String> {
    Ok(match text {
        "to-recover" => v1::RefundStanding::ToRecover,
        "claimable" => v1::RefundStanding::Claimable,
        "waiting" => v1::RefundStanding::Waiting,
        "not-refunded" => v1::RefundStanding::NotRefunded,
        "done" => v1::RefundStanding::Done,
        _ => {
            return Err("a standing is to-recover, claimable, waiting, not-refunded or done".into());
        }
    })
}

fn parse_money(text: &str) -> Result<v1::RefundMoney, String> {
    Ok(match text {
        "awaited" => v1::RefundMoney::Awaited,
        "received" => v1::RefundMoney::Received,
        "settled" => v1::RefundMoney::Settled,
        _ => return Err("money is awaited, received or settled".into()),
    })
}

/// A standing in words.
pub fn standing(language: Language, standing: v1::RefundStanding) -> &'static str {
    let (english, chinese) = match standing {
        v1::RefundStanding::Unspecified => ("?", "？"),
        v1::RefundStanding::ToRecover => ("to be given back", "应追回"),
        v1::RefundStanding::Claimable => ("claimable", "可申报"),
        v1::RefundStanding::Waiting => ("waits", "待补齐"),
        v1::RefundStanding::NotRefunded => ("not refunded", "不退税"),
        v1::RefundStanding::Done => ("done", "已办结"),
    };
    pick(language, english, chinese)
}

/// What is missing, or why nothing is refunded.
fn lacks(it: &v1::RefundEntitlement, language: Language) -> String {
    let (reason, text): (_, fn(&v1::MissingProof) -> &str) = match language {
        Language::English => (&it.reason, |missing| &missing.text),
        Language::Chinese => (&it.reason_zh, |missing| &missing.text_zh),
    };
    let missing = it.missing.iter().map(text);
    let all = missing.chain(Some(reason.as_str()).filter(|it| !it.is_empty()));
    all.collect::<Vec<_>>().join("; ")
}

fn row(it: &v1::ExportLine, language: Language) -> [String; 7] {
    let found = it.entitlement.clone().unwrap_or_default(); // the window always says it
    let due = found.due.as_ref();
    let days = due.map(|due| format!("{} ({})", due.last, due.days_left));
    let amount = found.estimate_fen.map(yuan);
    [
        it.name.clone(),
        it.order_no.clone(),
        standing(language, found.standing()).to_owned(),
        proto::text(amount),
        proto::text(days),
        proto::text(due.map(|due| pick(language, due.title.as_str(), due.title_zh.as_str()))),
        lacks(&found, language),
    ]
}

/// Export lines by urgency.
pub const LINES: Listing<v1::ExportLine, 7> = Listing {
    header: (
        ["line", "order", "standing", "refund", "until (days)", "for", "missing"],
        ["出口明细", "订单", "状态", "应退税额", "期限（天）", "事项", "缺少"],
    ),
    flexible: Some(6),
    none: ("no exports", "没有出口明细"),
    row,
};

/// Lists exports.
pub(super) async fn lines(teller: PayPrinter<'_>, args: ExportLinesArgs) -> anyhow::Result<Exit> {
    // Every standing, where none is named.
    let asked = args.standing.unwrap_or(v1::RefundStanding::Unspecified);
    let request = v1::ListExportLinesRequest {
        firm: proto::text(args.firm),
        standing: asked.into(),
        ..Default::default()
    };
    let most = args.limit.unwrap_or(usize::MAX); // all
    let list = async |it: &client::Window, ask| it.refund().list_export_lines(ask).await;
    let found = teller.session.pages(request, most, list).await?;
    LINES.print(teller, &found)
}

/// Explains one export.
pub(super) async fn explain(teller: PayPrinter<'_>, args: ExplainExport) -> anyhow::Result<Exit> {
    let request = v1::ExplainExportLineRequest { name: args.name };
    let session = teller.session;
    let get = async |it: &client::Window, ask| it.refund().explain_export_line(ask).await;
    let found = session.ask(request, get).await?;
    match teller.format {
        OutputFormat::Json => print_json(&found)?,
        OutputFormat::Csv => LINES.print(teller, found.line.as_slice()).map(drop)?,
        OutputFormat::Table => print_line(card(&found, session.language).trim_end())?,
    }
    Ok(Exit::Done)
}

/// The class of a firm, what that means, and whose parity it takes since when.
fn class(terms: &v1::RefundTerms, language: Language) -> String {
    let (class, days) = (terms.class, terms.working_days);
    let parity = match terms.parity() {
        v1::RefundParity::FirstOfMonth => pick(language, "of the first of the month", "当月首日"),
        v1::RefundParity::DayOfExport | v1::RefundParity::Unspecified => {
            pick(language, "of the day of export", "出口当日")
        }
    };
    let since = match terms.parity_since.as_str() {
        "" => String::new(),
        day => format!(" ({day})"),
    };
    match language {
        Language::English => {
            format!("{class}: decided in {days} working days; parity {parity}{since}")
        }
        Language::Chinese => format!("{class}类，{days}个工作日办结；中间价取{parity}{since}"),
    }
}

fn card(found: &v1::ExplainExportLineResponse, language: Language) -> String {
    let name = |english, chinese| pick(language, english, chinese);
    let Some(line) = &found.line else { return String::new() };
    let it = line.entitlement.clone().unwrap_or_default(); // the window always says it
    let due = it.due.as_ref().map(|due| {
        let title = pick(language, due.title.as_str(), due.title_zh.as_str());
        format!("{} ({title}, {}) [{}]", due.last, due.days_left, due.law)
    });
    let title = pick(language, it.title.as_str(), it.title_zh.as_str());
    let lines = [
        (name("line", "出口明细"), line.name.clone()),
        (name("firm", "出口企业"), line.firm.clone()),
        (name("goods", "商品"), format!("{} {}", line.gcode, line.gname)),
        (name("quantity", "数量"), words::decimal(line.qty_e5)),
        (name("bought", "有票数量"), words::decimal(line.bought_e5)),
        (name("claimed", "已申报数量"), words::decimal(line.claimed_e5)),
        (name("left on", "离境日期"), line.departed.clone()),
        (name("form", "报关单号"), line.entry_id.clone()),
        (name("standing", "状态"), standing(language, it.standing()).to_owned()),
        (name("rule", "规则"), format!("{title} [{}]", it.law)),
        (
            name("class", "管理类别"),
            proto::text(found.terms.as_ref().map(|of| class(of, language))),
        ),
        (name("refund", "应退税额"), proto::text(it.estimate_fen.map(yuan))),
        (name("until", "期限"), proto::text(due)),
    ];
    let mut text = fields(&lines, columns());
    for missing in &it.missing {
        let what = pick(language, missing.text.as_str(), missing.text_zh.as_str());
        text.push_str(&format!("\n! {what} ({})", missing.who));
    }
    let reason = pick(language, it.reason.as_str(), it.reason_zh.as_str());
    if !reason.is_empty() {
        text.push_str(&format!("\n! {reason}"));
    }
    let traces = match language {
        Language::English => &found.traces,
        Language::Chinese => &found.traces_zh,
    };
    for trace in traces {
        text.push_str(&format!("\n\n{}", trace.trim_end()));
    }
    text
}

/// Writes down proofs.
pub(super) async fn prove(teller: PayPrinter<'_>, args: Prove) -> anyhow::Result<Exit> {
    // What is not said stays as it is.
    let money = args.money.unwrap_or(v1::RefundMoney::Unspecified);
    let request = v1::RecordProofRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration: args.declaration,
        departed: proto::text(args.departed),
        entry_id: proto::text(args.form),
        money: money.into(),
        payment_by: proto::text(args.payment_by),
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.refund().record_proof(ask).await;
    let found = session.ask(request, make).await?;
    LINES.print(teller, &found.lines)
}
