//! `refund invoices`, `register`.

use std::path::PathBuf;

use futures::StreamExt as _;
use proto::v1;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::csv_file;
use crate::pay::listing::Listing;
use crate::pay::{PayPrinter, parse_yuan, yuan};
use crate::problem::Problem;
use crate::words::pick;
use crate::{Exit, Language, print_refusal, progress};

/// Invoices that are on their way at once: many share a commit.
const AT_ONCE: usize = 64;
/// Ids of requests are made of what is registered, so that a file that is read again registers nothing twice.
const REQUESTS: Uuid = Uuid::from_u128(0x51d6_7c0e_2b7a_5f0c_8d11_5157_0000_0002);

/// List special VAT invoices with what the invoice platform says of them.
#[derive(Debug, clap::Args)]
pub(super) struct Invoices {
    /// Of this firm (customs code) [default: all that you see].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
    /// pending, genuine, unknown, differs, void or red-lettered [default: all].
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    status: Option<v1::InvoiceStatus>,
}

/// Register invoices of a CSV file: code, number, seller, issued, gcode, unit, quantity, net, rate, tax, note.
/// Lines of the same number are one invoice.
#[derive(Debug, clap::Args)]
pub(super) struct Register {
    /// The file.
    pub(super) file: PathBuf,
    /// For this firm (customs code) [default: your own].
    #[arg(long, value_name = "CODE")]
    firm: Option<String>,
}

fn parse_status(text: &str) -> Result<v1::InvoiceStatus, String> {
    Ok(match text {
        "pending" => v1::InvoiceStatus::Pending,
        "genuine" => v1::InvoiceStatus::Genuine,
        "unknown" => v1::InvoiceStatus::Unknown,
        "differs" => v1::InvoiceStatus::Differs,
        "void" => v1::InvoiceStatus::Void,
        "red-lettered" => v1::InvoiceStatus::RedLettered,
        _ => {
            return Err(
                "a status is pending, genuine, unknown, differs, void or red-lettered".into()
            );
        }
    })
}

fn status(language: Language, status: v1::InvoiceStatus) -> &'static str {
    let (english, chinese) = match status {
        v1::InvoiceStatus::Unspecified => ("?", "？"),
        v1::InvoiceStatus::Pending => ("pending", "待核验"),
        v1::InvoiceStatus::Genuine => ("genuine", "相符"),
        v1::InvoiceStatus::Unknown => ("unknown", "查无此票"),
        v1::InvoiceStatus::Differs => ("differs", "不一致"),
        v1::InvoiceStatus::Void => ("void", "作废"),
        v1::InvoiceStatus::RedLettered => ("red-lettered", "已红冲"),
    };
    pick(language, english, chinese)
}

/// Invoices.
pub const INVOICES: Listing<v1::RefundInvoice, 7> = Listing {
    header: (
        ["code", "number", "seller", "issued", "status", "net", "tax"],
        ["发票代码", "发票号码", "销售方", "开票日期", "核验", "不含税金额", "税额"],
    ),
    flexible: None,
    none: ("no invoices", "没有发票"),
    row: |it, language| {
        [
            it.code.clone(),
            it.number.clone(),
            it.seller.clone(),
            it.issued.clone(),
            status(language, it.status()).to_owned(),
            yuan(it.net_fen),
            yuan(it.tax_fen),
        ]
    },
};

/// Lists invoices.
pub(super) async fn invoices(teller: PayPrinter<'_>, args: Invoices) -> anyhow::Result<Exit> {
    // Every status, where none is named.
    let asked = args.status.unwrap_or(v1::InvoiceStatus::Unspecified);
    let request = v1::ListInvoicesRequest {
        firm: proto::text(args.firm),
        status: asked.into(),
        ..Default::default()
    };
    let list = async |it: &client::Window, ask| it.refund().list_invoices(ask).await;
    let found = teller.session.pages(request, usize::MAX, list).await?;
    INVOICES.print(teller, &found)
}

/// Registers what is in a file, in its order; what is refused is told and the rest goes on.
pub(super) async fn register(teller: PayPrinter<'_>, args: Register) -> anyhow::Result<Exit> {
    let session = teller.session;
    let buyer = proto::text(args.firm);
    let invoices = read(&args.file, &buyer)?;
    let register = |invoice: v1::RefundInvoice| async move {
        let digest = Sha256::digest(prost::Message::encode_to_vec(&invoice));
        let request = v1::RegisterInvoiceRequest {
            request_id: Uuid::new_v5(&REQUESTS, &digest).to_string(),
            invoice: Some(invoice.clone()),
            validate_only: false,
        };
        let make = async |it: &client::Window, ask| it.refund().register_invoice(ask).await;
        (invoice, session.ask(request, make).await)
    };
    let bar = progress::bar(invoices.len(), pick(session.language, "invoices", "张发票"));
    let mut answers = futures::stream::iter(invoices).map(register).buffered(AT_ONCE);
    let (mut registered, mut exit) = (Vec::new(), Exit::Done);
    while let Some((invoice, answer)) = answers.next().await {
        bar.inc(1);
        match answer {
            Ok(answer) => registered.extend(answer.invoice),
            Err(status) if proto::status::is_worth_repeating(status.code()) => {
                return Err(status.into());
            }
            Err(status) => {
                let problem = Problem::of_status(&status, session.language);
                exit = exit.max(print_refusal(session.output, &problem.in_file(&invoice.number))?);
            }
        }
    }
    bar.finish_and_clear();
    INVOICES.print(teller, &registered)?;
    Ok(exit)
}

/// The invoices of a file.
fn read(file: &std::path::Path, buyer: &str) -> anyhow::Result<Vec<v1::RefundInvoice>> {
    const COLUMNS: [&str; 11] = [
        "code", "number", "seller", "issued", "gcode", "unit", "quantity", "net", "rate", "tax",
        "note",
    ];
    let mut invoices: Vec<v1::RefundInvoice> = Vec::new();
    for (line, cells) in csv_file::read(file, COLUMNS)? {
        let [code, number, seller, issued, gcode, unit, quantity, net, rate, tax, note] = cells;
        let wrong = |what: &str| csv_file::wrong(file, line, what);
        let fen = |text: &str| parse_yuan(text).map_err(|what| wrong(&what));
        let hundredths = |text: &str, what: &str| fen(text).map_err(|_| wrong(what));
        let qty = hundredths(&quantity, "a quantity has at most two digits after the point")?;
        let levy = hundredths(&rate, "a rate is in per cent, as 13")?;
        let goods = v1::RefundInvoiceLine {
            gcode,
            unit,
            qty_e5: qty * 1_000,
            net_fen: fen(&net)?,
            levy_bp: u32::try_from(levy).map_err(|_| wrong("the rate is too high"))?,
            tax_fen: fen(&tax)?,
            used_e5: 0,
        };
        match invoices.last_mut().filter(|it| it.code == code && it.number == number) {
            Some(invoice) => invoice.lines.push(goods),
            None => invoices.push(v1::RefundInvoice {
                code,
                number,
                seller,
                buyer: buyer.to_owned(),
                issued,
                lines: vec![goods],
                note,
                ..Default::default()
            }),
        }
    }
    Ok(invoices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_number_are_one_invoice() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let header = "code,number,seller,issued,gcode,unit,quantity,net,rate,tax,note";
        let rows = "\
,00000000000000000001,S,2026-11-20,6109100021,007,2,60.00,13,7.80,
,00000000000000000001,S,2026-11-20,9503008900,007,1.5,10,9,0.90,
,00000000000000000002,S,2026-11-20,6109100021,007,1,30,13,3.9,SBX-VOID";
        std::fs::write(file.path(), format!("{header}\n{rows}\n")).expect("written");
        let read = read(file.path(), "3702960001").expect("it is right");
        assert_eq!(read.iter().map(|it| it.lines.len()).collect::<Vec<_>>(), [2, 1]);
        let line = &read[0].lines[1];
        assert_eq!(
            (line.qty_e5, line.net_fen, line.levy_bp, line.tax_fen),
            (150_000, 1_000, 900, 90)
        );
        assert_eq!(read[1].note, "SBX-VOID");
        for wrong in [
            "",
            "a,b",
            &format!("{header}\n1,2"),
            &format!("{header}\n{}", rows.replace("13", "x")),
        ] {
            std::fs::write(file.path(), wrong).expect("written");
            assert!(super::read(file.path(), "").is_err(), "{wrong}");
        }
    }
}
