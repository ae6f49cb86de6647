//! `inspect`: the one joint inspection of a declaration, for everybody who has to do with it. Clients
//! of the public schema like every other command.
//!
//! | who | what |
//! |---|---|
//! | everybody | `list`, `show`, `watch`, `windows`, `places`, `seeds` |
//! | enterprise | `appoint`, `object`, `appeal` |
//! | site | `claim`, `report` |
//! | agencies | `dispose`, `rules`, `assessment`, `officers`, `places put`, `credit`, `dry-run` |
//! | statistics | `statistics` |

mod ask;
mod assessment;
mod card;
mod credit;
pub mod dry_run;
mod file;
mod find;
mod officers;
mod orders;
mod past;
mod places;
mod report;
mod rules;
mod statistics;
mod watch;
pub mod words;

pub use find::FindingReport;

use anyhow::Context as _;
use domain::clearance::Agency;
use domain::inspection::Explanation;
use domain::refusal::{Code, Refusal};
use proto::v1;
use sha2::{Digest as _, Sha256};
use tonic::{Code as Grpc, Status};
use uuid::Uuid;

use super::options::Options;
use super::words::{hex, pick};
use super::{Exit, Language, Session, read};

/// Inspection (查验): orders, appointments, reports, decisions, rules, credit and statistics.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Everybody:   list, show, watch, windows, places, seeds
Enterprise:  appoint, object, appeal
Site:        claim, report
Agencies:    dispose, rules, assessment, officers, places put, credit, dry-run
Statistics:  statistics

Who calls is chosen with --as, for example --as site; docs/inspection.md is the guide.")]
pub struct InspectArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(flatten)]
    Asking(ReadCommand),
    Rules(rules::RulesArgs),
    DryRun(dry_run::DryRunArgs),
    Statistics(statistics::StatisticsArgs),
}

/// What is asked of the service and nothing else.
#[derive(Debug, clap::Subcommand)]
enum ReadCommand {
    List(orders::OrderListArgs),
    Show(orders::OrderShowArgs),
    Watch(watch::OrderWatchArgs),
    Windows(places::WindowsArgs),
    Places(places::PlacesArgs),
    Seeds(assessment::SeedsArgs),
    Appoint(ask::AppointArgs),
    Object(ask::ObjectArgs),
    Appeal(credit::AppealArgs),
    Claim(ask::ClaimArgs),
    Report(report::ReportArgs),
    Dispose(ask::DisposeArgs),
    Assessment(assessment::AssessmentArgs),
    Officers(officers::OfficersArgs),
    Credit(credit::CreditArgs),
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(options: &Options, args: InspectArgs) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Asking(asking) => ask(&options.session().await?, asking).await,
        Verb::Rules(args) => rules::run(options, args).await,
        Verb::DryRun(args) => dry_run::run(options, args).await,
        Verb::Statistics(args) => statistics::run(options, args).await,
    }
}

async fn ask(session: &Session, asking: ReadCommand) -> anyhow::Result<Exit> {
    match asking {
        ReadCommand::List(args) => orders::list(session, args).await,
        ReadCommand::Show(args) => orders::show(session, args).await,
        ReadCommand::Watch(args) => watch::run(session, args).await,
        ReadCommand::Windows(args) => places::windows(session, args).await,
        ReadCommand::Places(args) => places::run(session, args).await,
        ReadCommand::Seeds(args) => assessment::seeds(session, args).await,
        ReadCommand::Appoint(args) => ask::appoint(session, args).await,
        ReadCommand::Object(args) => ask::object(session, args).await,
        ReadCommand::Appeal(args) => credit::appeal(session, args).await,
        ReadCommand::Claim(args) => ask::claim(session, args).await,
        ReadCommand::Report(args) => report::run(session, args).await,
        ReadCommand::Dispose(args) => ask::dispose(session, args).await,
        ReadCommand::Assessment(args) => assessment::explain(session, args).await,
        ReadCommand::Officers(args) => officers::run(session, args).await,
        ReadCommand::Credit(args) => credit::run(session, args).await,
    }
}

/// Id of a request that is made once and repeated only by [`Session::ask`].
fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// Orders that are searched for an order number by somebody who cannot list declarations.
const SEARCH_MAX: usize = 20_000;

/// The name of what a person typed, as for declarations. Sites and agencies cannot list declarations,
/// so they find an order number among the orders.
async fn resolve(session: &Session, text: &str) -> anyhow::Result<String> {
    let error = match read::resolve(session, text).await {
        Ok(name) => return Ok(name),
        Err(error) => error,
    };
    let status = error.downcast_ref::<Status>();
    if status.is_none_or(|status| status.code() != Grpc::PermissionDenied) {
        return Err(error);
    }
    let mut found = orders::pages(session, v1::ListOrdersRequest::default(), SEARCH_MAX).await?;
    found.retain(|order| order.order_no == text);
    let lives = |order: &v1::OrderRecord| stage(order) != v1::OrderStage::Cancelled;
    match found.iter().find(|order| lives(order)).or(found.first()) {
        Some(order) => Ok(order.name.clone()),
        None => {
            let refusal = Refusal::of(Code::NotFound).with("name", text);
            Err(proto::status::refused(&refusal, session.language).into())
        }
    }
}

/// Reads an order with its history.
async fn fetch(session: &Session, name: &str) -> Result<v1::GetOrderResponse, Status> {
    let request = v1::GetOrderRequest { name: name.to_owned() };
    let found: v1::GetOrderResponse =
        session.ask(request, async |it, ask| it.inspection().get_order(ask).await).await?;
    if found.order.as_ref().is_none_or(|order| order.state.is_none()) {
        return Err(Status::internal(format!(
            "the answer about {name} does not say where it stands"
        )));
    }
    Ok(found)
}

/// The order that a person named.
async fn order(session: &Session, text: &str) -> anyhow::Result<v1::OrderRecord> {
    let name = resolve(session, text).await?;
    let found = fetch(session, &name).await?;
    found.order.context("the window's answer holds no order")
}

/// Where an order stands.
fn state(order: &v1::OrderRecord) -> v1::OrderState {
    order.state.clone().unwrap_or_default() // a list may hold orders without
}

fn stage(order: &v1::OrderRecord) -> v1::OrderStage {
    order.state.as_ref().map_or(v1::OrderStage::Unspecified, v1::OrderState::stage)
}

/// A sentence in one language.
fn in_language(language: Language, why: &Explanation) -> &str {
    match language {
        Language::English => &why.en,
        Language::Chinese => &why.zh,
    }
}

fn agency(language: Language, of: Agency) -> &'static str {
    super::words::agency(language, of.into())
}

/// An agency on the wire; nobody stands for both.
fn wire(agency: Option<Agency>) -> i32 {
    agency.map_or(v1::Agency::Unspecified, v1::Agency::from).into()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// 32 bytes as 64 hexadecimal digits.
///
/// # Errors
///
/// What to write instead.
pub fn parse_hex(text: &str) -> Result<[u8; 32], String> {
    let wrong = || "write 64 hexadecimal digits".to_owned();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    let bytes = bytes.filter(|_| rest.is_empty()).ok_or_else(wrong)?;
    bytes.try_into().map_err(|_| wrong())
}

/// A header, or whatever else has two lists of words.
fn either<const N: usize>(
    language: Language,
    english: [&'static str; N],
    chinese: [&'static str; N],
) -> [&'static str; N] {
    std::array::from_fn(|at| pick(language, english[at], chinese[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_digits() {
        let digest = parse_hex(&"0aF1".repeat(16)).expect("32 bytes");
        assert_eq!(hex(&digest), "0af1".repeat(16));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"零".repeat(64)]
        {
            assert!(parse_hex(wrong).is_err(), "{wrong}");
        }
    }
}
