//! `inspect`: who would be looked at under which rules, and how long clearance takes with and without
//! an inspection. Clients of the public schema like every other command: they read declarations and
//! assess them here.

mod dry_run;
mod past;
mod rules;
mod statistics;

use domain::clearance::Agency;
use domain::inspection::Why;

use super::ceb::Means;
use super::words::{self, pick};
use super::{Exit, Language, Session};

/// Inspection: dry runs of risk rules, and statistics of clearance.
#[derive(Debug, clap::Args)]
pub struct Inspect {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    DryRun(dry_run::DryRun),
    Rules(rules::Print),
    Statistics(statistics::Statistics),
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(means: Means, args: Inspect) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::DryRun(args) => dry_run::run(means, args).await,
        Verb::Rules(args) => super::quietly(rules::print(means.output, &args)),
        Verb::Statistics(args) => statistics::run(means, args).await,
    }
}

/// A session with a window that answers.
async fn connect(means: Means) -> anyhow::Result<Session> {
    let Means { output, language, config, key: _, cert: _ } = means;
    Ok(Session { window: client::Window::connect(&config?).await?, output, language })
}

/// A sentence in one language.
fn said(language: Language, why: &Why) -> &str {
    match language {
        Language::English => &why.en,
        Language::Chinese => &why.zh,
    }
}

fn agency(language: Language, of: Agency) -> &'static str {
    let of = match of {
        Agency::Customs => proto::v1::Agency::Customs,
        Agency::Inspection => proto::v1::Agency::Inspection,
    };
    words::agency(language, of)
}

/// A header, or whatever else has two lists of words.
fn either<const N: usize>(
    language: Language,
    english: [&'static str; N],
    chinese: [&'static str; N],
) -> [&'static str; N] {
    std::array::from_fn(|at| pick(language, english[at], chinese[at]))
}
