//! `inspect report`: what the site did, one step a command. Version and examination are those of the
//! order as it stands, so that a step is about what the site sees.

use std::path::PathBuf;

use domain::inspection::order::InstructionKey;
use proto::v1::{self, report_request::Step};

use super::super::problem::Problem;
use super::super::{Exit, Language, Session};
use super::{ask, call, file, find, order, parse_hex, request_id, state, wire, words};

/// Tell as the site what was done and found.
#[derive(Debug, clap::Args)]
pub(super) struct Report {
    #[command(subcommand)]
    step: Told,
}

#[derive(Debug, clap::Subcommand)]
enum Told {
    NoShow(NoShow),
    Present(Present),
    Begin(Begin),
    Sample(Sample),
    Send(Send),
    Find(find::Find),
    Replace(Replace),
    Treated(Treated),
    Close(Close),
}

/// Nobody came to the appointment; from half an hour after its beginning on.
#[derive(Debug, clap::Args)]
struct NoShow {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Appointments so far, as you saw them [default: as they are now].
    #[arg(long, value_name = "N")]
    seen: Option<u32>,
}

/// The goods are there.
#[derive(Debug, clap::Args)]
struct Present {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Only the operator of the site is there (径行开验); after three times that nobody came.
    #[arg(long)]
    site_operator: bool,
}

/// Officers begin to look. Looking by machine and by hand are two steps.
#[derive(Debug, clap::Args)]
struct Begin {
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
struct Sample {
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
struct Send {
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
struct Replace {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
    /// Who cannot come.
    #[arg(long, value_name = "ID")]
    officer: String,
}

/// The goods were treated (除害处理); the agencies decide again.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("content").required(true).args(["file", "digest"]))]
struct Treated {
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
struct Close {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    name: String,
}

/// Tells a step.
pub(super) async fn run(session: &Session, args: Report) -> anyhow::Result<Exit> {
    let order = order(session, args.step.name()).await?;
    let state = state(&order);
    let step = match args.step.step(&state, session.language)? {
        Ok(step) => step,
        Err(problem) => return Ok(session.refused(&problem)?),
    };
    let request = v1::ReportRequest {
        request_id: request_id(),
        name: order.name,
        version: state.version,
        examination: state.examination,
        step: Some(step),
    };
    let report =
        async || session.window.inspection().report(session.request(request.clone())).await;
    let answer = call(report).await?;
    ask::tell(session, &answer, answer.order.as_ref())
}

impl Told {
    fn name(&self) -> &str {
        match self {
            Self::NoShow(NoShow { name, .. })
            | Self::Present(Present { name, .. })
            | Self::Begin(Begin { name, .. })
            | Self::Sample(Sample { name, .. })
            | Self::Send(Send { name, .. })
            | Self::Find(find::Find { name, .. })
            | Self::Replace(Replace { name, .. })
            | Self::Treated(Treated { name, .. })
            | Self::Close(Close { name }) => name,
        }
    }

    /// The step as it is said, or why a file cannot be used.
    fn step(
        self,
        state: &v1::OrderState,
        language: Language,
    ) -> anyhow::Result<Result<Step, Problem>> {
        let step = match self {
            Self::NoShow(NoShow { seen, name: _ }) => {
                Step::NoShow(v1::NoShow { seen: seen.unwrap_or(state.appointments) })
            }
            Self::Present(Present { site_operator, name: _ }) => {
                let attendance = if site_operator {
                    v1::Attendance::SiteOperator
                } else {
                    v1::Attendance::Declarant
                };
                Step::Presentation(v1::Presentation { attendance: attendance.into() })
            }
            Self::Begin(Begin { method, officer, name: _ }) => {
                Step::Beginning(v1::Beginning { method: method.into(), officer })
            }
            Self::Sample(Sample { id, instruction, line, officer, name: _ }) => {
                Step::Sample(v1::Sample {
                    id,
                    agency: wire(Some(instruction.agency)),
                    instruction: instruction.id,
                    gnum: line,
                    officer,
                    laboratory: String::new(),
                })
            }
            Self::Send(Send { sample, laboratory, name: _ }) => {
                Step::Dispatch(v1::Dispatch { sample, laboratory })
            }
            Self::Find(find) => {
                return find.findings(state, language).map(|found| found.map(Step::Findings));
            }
            Self::Replace(Replace { officer, name: _ }) => {
                Step::Replacement(v1::Replacement { officer })
            }
            Self::Treated(Treated { certificate, file, digest, failed, name: _ }) => {
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
            Self::Close(Close { name: _ }) => Step::Closing(v1::Closing {}),
        };
        Ok(Ok(step))
    }
}
