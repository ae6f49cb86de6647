//! `inspect report`: what the site did, one step a command. Version and examination are those of the
//! order as it stands, so that a step is about what the site sees.

use std::path::PathBuf;

use domain::inspection::order::InstructionKey;
use proto::v1::{self, report_request::Step};

use super::super::problem::Problem;
use super::super::{Exit, Language, Session};
use super::{ask, file, find, order, parse_hex, request_id, state, wire, words};

/// Tell as the site what was done and found.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    #[command(subcommand)]
    step: SiteCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SiteCommand {
    NoShow(NoShowArgs),
    Present(PresentArgs),
    Begin(BeginArgs),
    Sample(SampleArgs),
    Send(SendSampleArgs),
    Find(find::FindArgs),
    Replace(ReplaceArgs),
    Treated(TreatmentArgs),
    Close(CloseArgs),
}

/// Nobody came to the appointment; from half an hour after its beginning on.
#[derive(Debug, clap::Args)]
struct NoShowArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Appointments so far, as you saw them [default: as they are now].
    #[arg(long, value_name = "N")]
    seen: Option<u32>,
}

/// The goods are there.
#[derive(Debug, clap::Args)]
struct PresentArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Only the operator of the site is there (径行开验); after three times that nobody came.
    #[arg(long)]
    site_operator: bool,
}

/// Officers begin to look. Looking by machine and by hand are two steps.
#[derive(Debug, clap::Args)]
struct BeginArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// manual or machine.
    #[arg(long, value_parser = words::parse_method)]
    method: v1::Method,
    /// Who, one of those who were drawn.
    #[arg(long, value_name = "ID")]
    officer: String,
}

/// A sample was taken.
#[derive(Debug, clap::Args)]
struct SampleArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Number on the seal.
    #[arg(long, value_name = "ID")]
    id: String,
    /// For which instruction: customs/ID or quarantine/ID.
    #[arg(long, value_name = "AGENCY/ID", value_parser = words::parse_key)]
    instruction: InstructionKey,
    /// Of which line of goods [default: of the consignment].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    line: u32,
    /// Who took it.
    #[arg(long, value_name = "ID")]
    officer: String,
}

/// A sample went to a laboratory.
#[derive(Debug, clap::Args)]
struct SendSampleArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Number on the seal.
    #[arg(long, value_name = "ID")]
    sample: String,
    /// Name of the laboratory.
    #[arg(long, value_name = "NAME")]
    laboratory: String,
}

/// An officer cannot come; another one is drawn.
#[derive(Debug, clap::Args)]
struct ReplaceArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Who cannot come.
    #[arg(long, value_name = "ID")]
    officer: String,
}

/// The goods were treated (除害处理); the agencies decide again.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("content").required(true).args(["file", "digest"]))]
struct TreatmentArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Number of the certificate.
    #[arg(long, value_name = "NUMBER")]
    certificate: String,
    /// The certificate; only its digest is told.
    #[arg(long)]
    file: Option<PathBuf>,
    /// SHA-256 of the certificate, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX64", value_parser = parse_hex)]
    digest: Option<[u8; 32]>,
    /// The treatment failed.
    #[arg(long)]
    failed: bool,
}

/// What was decided about the goods is done.
#[derive(Debug, clap::Args)]
struct CloseArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
}

/// Tells a step.
pub(super) async fn run(session: &Session, args: ReportArgs) -> anyhow::Result<Exit> {
    let order = order(session, args.step.name()).await?;
    let state = state(&order);
    let step = args.step.step(&state, session.language)??;
    let request = v1::ReportRequest {
        request_id: request_id(),
        name: order.name,
        version: state.version,
        examination: state.examination,
        step: Some(step),
    };
    let answer = session.ask(request, async |it, ask| it.inspection().report(ask).await).await?;
    ask::print_order(session, &answer, answer.order.as_ref())
}

impl SiteCommand {
    fn name(&self) -> &str {
        match self {
            Self::NoShow(NoShowArgs { name, .. })
            | Self::Present(PresentArgs { name, .. })
            | Self::Begin(BeginArgs { name, .. })
            | Self::Sample(SampleArgs { name, .. })
            | Self::Send(SendSampleArgs { name, .. })
            | Self::Find(find::FindArgs { name, .. })
            | Self::Replace(ReplaceArgs { name, .. })
            | Self::Treated(TreatmentArgs { name, .. })
            | Self::Close(CloseArgs { name }) => name,
        }
    }

    /// The step as it is said, or why a file cannot be used.
    fn step(
        self,
        state: &v1::OrderState,
        language: Language,
    ) -> anyhow::Result<Result<Step, Problem>> {
        let step = match self {
            Self::NoShow(NoShowArgs { seen, name: _ }) => {
                Step::NoShow(v1::NoShow { seen: seen.unwrap_or(state.appointments) })
            }
            Self::Present(PresentArgs { site_operator, name: _ }) => {
                let attendance = if site_operator {
                    v1::Attendance::SiteOperator
                } else {
                    v1::Attendance::Declarant
                };
                Step::Presentation(v1::Presentation { attendance: attendance.into() })
            }
            Self::Begin(BeginArgs { method, officer, name: _ }) => {
                Step::Beginning(v1::Beginning { method: method.into(), officer })
            }
            Self::Sample(SampleArgs { id, instruction, line, officer, name: _ }) => {
                Step::Sample(v1::Sample {
                    id,
                    agency: wire(Some(instruction.agency)),
                    instruction: instruction.id,
                    gnum: line,
                    officer,
                    laboratory: String::new(),
                })
            }
            Self::Send(SendSampleArgs { sample, laboratory, name: _ }) => {
                Step::Dispatch(v1::Dispatch { sample, laboratory })
            }
            Self::Find(find) => {
                return find.findings(state, language).map(|found| found.map(Step::Findings));
            }
            Self::Replace(ReplaceArgs { officer, name: _ }) => {
                Step::Replacement(v1::Replacement { officer })
            }
            Self::Treated(TreatmentArgs { certificate, file, digest, failed, name: _ }) => {
                let digest = match (digest, file) {
                    (Some(digest), _) => digest.into(),
                    (None, Some(file)) => match file::digest(&file, language) {
                        Ok(digest) => digest,
                        Err(problem) => return Ok(Err(problem)),
                    },
                    (None, None) => Vec::new(),
                };
                Step::Treatment(v1::Treatment { certificate, digest, passed: !failed })
            }
            Self::Close(CloseArgs { name: _ }) => Step::Closing(v1::Closing {}),
        };
        Ok(Ok(step))
    }
}
