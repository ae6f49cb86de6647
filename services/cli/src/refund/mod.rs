//! `refund`: exports with what they are entitled to, invoices, and claims for the export tax refund (出口退税).
//! For a firm's accountant, who must know what is missing for which parcel and until when.

mod claims;
mod csv_file;
mod evidence;
mod exports;
mod invoices;
mod sales;

pub use claims::{CLAIM_LINES, CLAIMS};
pub use exports::{LINES as EXPORT_LINES, standing};
pub use invoices::INVOICES;

use super::pay::PayPrinter;
use super::{Exit, OutputFormat, Session};

/// Export tax refund (出口退税): what exports are entitled to, invoices, and claims.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exports:   lines, explain, prove
Invoices:  invoices, register
Claims:    propose, submit, withdraw, claims, claim, answer, drop, evidence
Overseas:  sold, settle
Follow:    watch

Who calls is chosen with --as, for example --as enterprise-a; docs/refund.md is the guide.")]
pub struct RefundArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Lines(exports::ExportLinesArgs),
    Explain(exports::ExplainExport),
    Prove(exports::Prove),
    Invoices(invoices::Invoices),
    Register(invoices::Register),
    Propose(claims::Propose),
    Submit(claims::SubmitClaimArgs),
    Withdraw(claims::WithdrawClaimArgs),
    Claims(claims::Claims),
    Claim(claims::ShowClaim),
    Answer(claims::AnswerArgs),
    Drop(claims::DropLine),
    Evidence(evidence::EvidenceArgs),
    Sold(sales::ReportSales),
    Settle(sales::Settle),
    Watch(claims::WatchRefundsArgs),
}

impl RefundArgs {
    /// The file that it reads.
    pub(super) fn file(&self) -> Option<&std::path::PathBuf> {
        match &self.verb {
            Verb::Register(args) => Some(&args.file),
            Verb::Sold(args) => Some(&args.file),
            _ => None,
        }
    }
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(
    session: &Session,
    format: OutputFormat,
    args: RefundArgs,
) -> anyhow::Result<Exit> {
    let teller = PayPrinter { session, format };
    match args.verb {
        Verb::Lines(args) => exports::lines(teller, args).await,
        Verb::Explain(args) => exports::explain(teller, args).await,
        Verb::Prove(args) => exports::prove(teller, args).await,
        Verb::Invoices(args) => invoices::invoices(teller, args).await,
        Verb::Register(args) => invoices::register(teller, args).await,
        Verb::Propose(args) => claims::propose(teller, args).await,
        Verb::Submit(args) => claims::submit(teller, args).await,
        Verb::Withdraw(args) => claims::withdraw(teller, args).await,
        Verb::Claims(args) => claims::claims(teller, args).await,
        Verb::Claim(args) => claims::claim(teller, args).await,
        Verb::Answer(args) => claims::answer(teller, args).await,
        Verb::Drop(args) => claims::drop_line(teller, args).await,
        Verb::Evidence(args) => evidence::evidence(teller, args).await,
        Verb::Sold(args) => sales::sold(teller, args).await,
        Verb::Settle(args) => sales::settle(teller, args).await,
        Verb::Watch(args) => claims::watch(teller, args).await,
    }
}
