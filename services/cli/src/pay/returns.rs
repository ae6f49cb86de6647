//! `pay returns`, `goods-back`: goods of imports that may come back, and that the site counted them.

use domain::rules::decimal;
use proto::v1;
use uuid::Uuid;

use super::listing::Listing;
use super::{PayPrinter, yuan};
use crate::words::pick;
use crate::{Exit, Language};

/// List goods of imports that may come back (进口退货): what was applied for (CEB625), what the site counted, until when.
#[derive(Debug, clap::Args)]
pub(super) struct ReturnsArgs {
    /// Of this declaration: declarations/{uuid}, or the UUID [default: all that you see].
    declaration: Option<String>,
    /// Whose tax it is (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    payer: Option<String>,
    /// awaited, back, lapsed or late [default: all].
    #[arg(long, value_name = "STATE", value_parser = parse_state)]
    state: Option<v1::ImportReturnState>,
    /// Only those of which something is not there yet.
    #[arg(long)]
    missing: bool,
}

/// Say that goods of an import are back at the site, and were counted: by the site, or the operator.
#[derive(Debug, clap::Args)]
pub(super) struct GoodsBackArgs {
    /// declarations/{uuid}, or the UUID.
    declaration: String,
    /// guid of the application (CEB625), as `pay returns` shows it.
    application: String,
    /// LINE=QUANTITY of what came this time [default: everything that is missing].
    #[arg(value_name = "LINE=QUANTITY", value_parser = parse_count)]
    counted: Vec<(u32, i64)>,
    /// Only check it.
    #[arg(long)]
    validate_only: bool,
}

fn parse_state(text: &str) -> Result<v1::ImportReturnState, String> {
    Ok(match text {
        "awaited" => v1::ImportReturnState::Awaited,
        "back" => v1::ImportReturnState::Back,
        "lapsed" => v1::ImportReturnState::Lapsed,
        "late" => v1::ImportReturnState::Late,
        _ => return Err("a state is awaited, back, lapsed or late".into()),
    })
}

fn parse_count(text: &str) -> Result<(u32, i64), String> {
    let wrong =
        || "a count is LINE=QUANTITY, as 1=2 or 3=0.5, with at most five digits after the point";
    let (line, qty) = text.split_once('=').ok_or_else(wrong)?;
    let line = line.parse().map_err(|_| wrong())?;
    let (whole, rest) = qty.split_once('.').unwrap_or((qty, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || rest.len() > 5 || whole.len() > 13 {
        return Err(wrong().to_owned());
    }
    let qty_e5 = format!("{whole}{rest:0<5}").parse().map_err(|_| wrong())?;
    Ok((line, qty_e5))
}

/// Where goods stand that may come back.
fn state(it: &v1::ImportReturn, language: Language) -> &'static str {
    let (english, chinese) = match it.state() {
        v1::ImportReturnState::Unspecified => ("?", "？"),
        v1::ImportReturnState::Awaited => ("the site waits", "待退回"),
        v1::ImportReturnState::Back => ("back", "已退回"),
        v1::ImportReturnState::Lapsed => ("not back in time", "逾期未退回"),
        v1::ImportReturnState::Late => ("back too late", "逾期退回"),
    };
    pick(language, english, chinese)
}

/// Counted of what was applied for, line by line.
fn counted(it: &v1::ImportReturn) -> String {
    let line = |line: &v1::ImportReturnLine| {
        let (counted, applied) = (decimal(line.counted_e5), decimal(line.applied_e5));
        format!("{}: {counted}/{applied}", line.gnum)
    };
    it.lines.iter().map(line).collect::<Vec<_>>().join(", ")
}

const RETURNS: Listing<v1::ImportReturn, 8> = Listing {
    header: (
        [
            "application",
            "own number",
            "declaration",
            "state",
            "site",
            "line: counted",
            "until",
            "given back",
        ],
        ["退货申请guid", "申请编号", "清单", "状态", "监管场所", "项：已理货", "期限", "已退税款"],
    ),
    flexible: Some(5),
    none: ("no goods that may come back", "没有退货"),
    row: |it, language| {
        [
            it.application.clone(),
            it.cop_no.clone(),
            it.declaration.clone(),
            state(it, language).to_owned(),
            it.loct_no.clone(),
            counted(it),
            it.back_until.clone(),
            yuan(it.returned_fen),
        ]
    },
};

/// Lists goods that may come back.
pub(super) async fn returns(teller: PayPrinter<'_>, args: ReturnsArgs) -> anyhow::Result<Exit> {
    let ReturnsArgs { declaration, payer, state, missing } = args;
    // Every state, where none is named.
    let asked = state.unwrap_or(v1::ImportReturnState::Unspecified);
    let request = v1::ListImportReturnsRequest {
        payer: proto::text(payer),
        declaration: proto::text(declaration),
        state: asked.into(),
        missing,
        ..Default::default()
    };
    let list = async |it: &client::Window, ask| it.payment().list_import_returns(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    RETURNS.print(teller, &found)
}

/// Reports a count.
pub(super) async fn goods_back(
    teller: PayPrinter<'_>,
    args: GoodsBackArgs,
) -> anyhow::Result<Exit> {
    let GoodsBackArgs { declaration, application, counted, validate_only } = args;
    let lines = counted.into_iter().map(|(gnum, qty_e5)| v1::CountedLine { gnum, qty_e5 });
    let request = v1::ReportGoodsBackRequest {
        request_id: Uuid::now_v7().to_string(),
        declaration,
        application,
        lines: lines.collect(),
        validate_only,
    };
    let session = teller.session;
    let make = async |it: &client::Window, ask| it.payment().report_goods_back(ask).await;
    let goods = session.ask(request, make).await?.goods;
    RETURNS.print(teller, goods.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_to_the_fifth_digit() {
        for (text, count) in
            [("1=2", (1, 200_000)), ("3=0.5", (3, 50_000)), ("2=1.00001", (2, 100_001))]
        {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        for text in ["1", "1=", "=1", "1=-1", "1=1.000001", "a=1", "1=1.", "1=12345678901234"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
