//! `refund sold`, `settle`: warehouses overseas (9810).

use std::path::PathBuf;

use domain::rules::FEN_E5;
use proto::v1;
use uuid::Uuid;

use super::{claims, csv_file};
use crate::pay::{PayPrinter, parse_yuan};
use crate::words::pick;
use crate::{Exit, print_line};

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
    let sale = |(line, [export_line, number, quantity, amount]): (u32, [String; 4])| {
        let e5 = |text: &str| match parse_yuan(text) {
            Ok(hundredths) => Ok(hundredths.saturating_mul(FEN_E5)),
            Err(what) => Err(csv_file::wrong(file, line, &what)),
        };
        let (qty_e5, amount_e5) = (e5(&quantity)?, e5(&amount)?);
        Ok(v1::WarehouseSale { export_line, number, qty_e5, amount_e5 })
    };
    csv_file::read(file, HEADER)?.into_iter().map(sale).collect()
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
        let make = async |it: &client::Window, ask| it.refund().report_sales(ask).await;
        session.ask(request, make).await?;
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
    let make = async |it: &client::Window, ask| it.refund().settle_advance(ask).await;
    let claim = session.ask(request, make).await?.claim;
    claims::CLAIMS.print(teller, claim.as_slice())
}
