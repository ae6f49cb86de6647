//! `inspect officers`: who may be drawn (双随机 draws officers as well as goods).

use domain::clearance::Agency;
use domain::inspection::order::InstructionKey;
use proto::v1;

use super::super::session::TableRow;
use super::super::{Exit, Language, Session};
use super::{wire, words};

/// List officers, or put one.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct OfficersArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: ListOfficersArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(ListOfficersArgs),
    Put(PutOfficerArgs),
}

/// List officers of one agency or of both.
#[derive(Debug, clap::Args)]
struct ListOfficersArgs {
    /// customs or quarantine [default: both].
    #[arg(long, value_parser = words::parse_agency)]
    agency: Option<Agency>,
}

/// Add or change an officer of your own agency. It is the whole record: what is left out is none.
#[derive(Debug, clap::Args)]
struct PutOfficerArgs {
    /// customs/ID or quarantine/ID.
    #[arg(value_name = "AGENCY/ID", value_parser = words::parse_key)]
    officer: InstructionKey,
    /// Days of leave, both included: 2026-12-01..2026-12-05, or one day; may be given several times.
    #[arg(long, value_name = "FIRST..LAST", value_parser = words::parse_leave)]
    leave: Vec<v1::Leave>,
    /// A firm (customs code) where a relative works or that the officer has a share in; may be given
    /// several times.
    #[arg(long, value_name = "CODE")]
    related: Vec<String>,
    /// Left: is drawn no more.
    #[arg(long)]
    left: bool,
}

/// Lists officers, or puts one.
pub(super) async fn run(session: &Session, args: OfficersArgs) -> anyhow::Result<Exit> {
    match args.verb {
        Some(Verb::Put(args)) => put(session, args).await,
        Some(Verb::List(args)) => list(session, &args).await,
        None => list(session, &args.list).await,
    }
}

async fn list(session: &Session, args: &ListOfficersArgs) -> anyhow::Result<Exit> {
    let request = v1::ListOfficersRequest { agency: wire(args.agency) };
    session.print(
        &session
            .ask(request, async |it, ask| it.inspection().list_officers(ask).await)
            .await?
            .officers,
    )
}

impl TableRow for v1::Officer {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("officer", "人员"),
        ("on leave", "休假"),
        ("related to", "关联企业"),
        ("examined last", "上次查验企业"),
        ("left", "已离任"),
    ];
    const NONE: (&'static str, &'static str) = ("no officers", "没有查验人员");
    const FLEXIBLE: Option<usize> = Some(1);

    fn cells(&self, language: Language) -> Vec<String> {
        let leave = self.leave.iter().map(|days| format!("{}..{}", days.first, days.last));
        vec![
            words::key(self.agency(), &self.id),
            leave.collect::<Vec<_>>().join(", "),
            self.related_firms.join(", "),
            self.last_firm.clone(),
            words::yes(language, self.left).to_owned(),
        ]
    }
}

async fn put(session: &Session, args: PutOfficerArgs) -> anyhow::Result<Exit> {
    let officer = v1::Officer {
        agency: wire(Some(args.officer.agency)),
        id: args.officer.id,
        leave: args.leave,
        related_firms: args.related,
        last_firm: String::new(),
        left: args.left,
    };
    let request = v1::PutOfficerRequest { officer: Some(officer.clone()) };
    session.ask(request, async |it, ask| it.inspection().put_officer(ask).await).await?;
    session.print(&[officer])
}
