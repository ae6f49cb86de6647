//! `pay quota`: what a person bought in a year.

use std::io::Read as _;

use anyhow::Context as _;
use proto::v1;

use super::{PayPrinter, yuan};
use crate::table::{columns, fields};
use crate::words::pick;
use crate::{Exit, OutputFormat, csv, print_json, print_line};

/// Show what a person bought this year (年度限额): a firm sees its own sales to that person, customs and the
/// operator the year.
#[derive(Debug, clap::Args)]
pub(super) struct QuotaArgs {
    /// Identity number; `-` reads it from standard input, so that it stands in no history.
    id_number: String,
    /// Calendar year in China [default: this one].
    #[arg(long)]
    year: Option<i32>,
}

/// Shows it.
pub(super) async fn quota(teller: PayPrinter<'_>, args: QuotaArgs) -> anyhow::Result<Exit> {
    let mut id_number = args.id_number;
    if id_number == "-" {
        id_number.clear();
        std::io::stdin().read_to_string(&mut id_number).context("standard input")?;
    }
    // This year, where none is named.
    let year = args.year.unwrap_or(0);
    let request = v1::GetQuotaRequest { id_number: id_number.trim().to_owned(), year };
    let session = teller.session;
    let get = async |it: &client::Window, ask| it.payment().get_quota(ask).await;
    let found = session.ask(request, get).await?;
    match teller.format {
        OutputFormat::Json => print_json(&found)?,
        OutputFormat::Csv => {
            print_line(&csv::row(["declaration", "amount", "restored"]))?;
            for it in &found.purchases {
                let amounts = [yuan(it.amount_fen), yuan(it.restored_fen)];
                print_line(&csv::row([&it.declaration, &amounts[0], &amounts[1]]))?;
            }
        }
        OutputFormat::Table => {
            let name = |english, chinese| pick(session.language, english, chinese);
            let mut lines = vec![
                (name("year", "年度"), found.year.to_string()),
                (name("limit", "年度限额"), yuan(found.limit_fen)),
                (name("limit of a purchase", "单次限额"), yuan(found.single_limit_fen)),
            ];
            let year = [found.used_fen, found.left_fen];
            let names = [name("used", "已用额度"), name("left", "剩余额度")];
            lines.extend(
                names.into_iter().zip(year).filter_map(|(name, it)| Some((name, yuan(it?)))),
            );
            for it in &found.purchases {
                let back = match it.restored_fen {
                    0 => String::new(),
                    fen => format!(" (−{})", yuan(fen)),
                };
                let text = format!("{}{back}  {}", yuan(it.amount_fen), it.declaration);
                lines.push((name("purchase", "交易"), text));
            }
            print_line(fields(&lines, columns()).trim_end())?;
        }
    }
    Ok(Exit::Done)
}
