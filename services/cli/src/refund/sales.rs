//! `refund sold`, `settle`: warehouses overseas (9810).

use std::path::PathBuf;

use anyhow::Context as _;
use domain::rules::FEN_E5;
use proto::bank::csv;
use proto::v1;
use uuid::Uuid;

use super::{call, claims};
use crate::pay::{PayPrinter, parse_yuan};
use crate::words::pick;
use crate::{BilingualText, Exit, print_line};

/// Report what warehouses overseas sold (9810), by a CSV file: line, number, quantity, amount. The amount is FOB
/// in the currency of the export.
#[derive(Debug, clap::Args)]
pub(super) struct ReportSales {
    /// The file.
    pub(super) file: PathBuf,
    /// For this firm (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
}

/// Settle an advance refund (海外仓预退) by what was sold until now.
#[derive(Debug, clap::Args)]
pub(super) struct Settle {
    /// refunds/{firm}-{YYYYMM}-{batch}.
    name: String,
    /// The line.
    line: u32,
}

/// What stands above the columns.
const HEADER: [&str; 4] = ["line", "number", "quantity", "amount"];
/// Reports in one request.
const TOGETHER: usize = 1_000;

fn read(file: &std::path::Path) -> anyhow::Result<Vec<v1::WarehouseSale>> {
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| BilingualText::unreadable(file))?;
    let wrong = |line: u32, what: &str| {
        let text = format!("{shown}, line {line}: {what}");
        anyhow::Error::new(BilingualText::new(
            text,
            format!("{shown}第{line}行：格式不符（{what}）"),
        ))
    };
    let rows = csv::rows(&bytes).map_err(|_| wrong(1, "this is no CSV file"))?;
    let mut rows = rows.into_iter();
    let (_, header) = rows.next().ok_or_else(|| wrong(1, "the header is missing"))?;
    if header != HEADER {
        return Err(wrong(1, &format!("the header has to be {}", HEADER.join(","))));
    }
    let sale = |(line, cells): (u32, Vec<String>)| {
        let Ok([export_line, number, quantity, amount]) = <[String; 4]>::try_from(cells) else {
            return Err(wrong(line, "four columns are needed"));
        };
        let e5 = |text: &str| match parse_yuan(text) {
            Ok(hundredths) => Ok(hundredths.saturating_mul(FEN_E5)),
            Err(what) => Err(wrong(line, &what)),
        };
        let (qty_e5, amount_e5) = (e5(&quantity)?, e5(&amount)?);
        Ok(v1::WarehouseSale { export_line, number, qty_e5, amount_e5 })
    };
    rows.map(sale).collect()
}

/// Reports sales.
pub(super) async fn sold(teller: PayPrinter<'_>, args: ReportSales) -> anyhow::Result<Exit> {
    let session = teller.session;
    let sales = read(&args.file)?;
    for sales in sales.chunks(TOGETHER) {
        let request = v1::ReportSalesRequest {
            request_id: Uuid::now_v7().to_string(),
            firm: proto::text(args.firm.clone()),
            sales: sales.to_vec(),
        };
        let make =
            async || session.window.refund().report_sales(session.request(request.clone())).await;
        call(make).await?;
    }
    let count = sales.len();
    let texts = (format!("{count} reports"), format!("已报送{count}份销售报告"));
    print_line(pick(session.language, &texts.0, &texts.1))?;
    Ok(Exit::Done)
}

/// Settles an advance refund.
pub(super) async fn settle(teller: PayPrinter<'_>, args: Settle) -> anyhow::Result<Exit> {
    let request = v1::SettleAdvanceRequest {
        request_id: Uuid::now_v7().to_string(),
        name: args.name,
        line: args.line,
    };
    let session = teller.session;
    let make =
        async || session.window.refund().settle_advance(session.request(request.clone())).await;
    let claim = call(make).await?.claim;
    claims::CLAIMS.print(teller, claim.as_slice())
}
