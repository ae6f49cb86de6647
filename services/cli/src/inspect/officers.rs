//! `inspect officers`: who may be drawn (双随机 draws officers as well as goods).

use domain::clearance::Agency;
use domain::inspection::order::InstructionKey;
use proto::v1;

use super::super::words as shared;
use super::super::{Exit, Language, Output, Session, say, say_json};
use super::{call, either, wire, words};

/// List officers, or put one.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Officers {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(List),
    Put(Put),
}

/// List officers of one agency or of both.
#[derive(Debug, clap::Args)]
struct List {
    /// customs or quarantine [default: both].
    #[arg(long, value_parser = words::parse_agency)]
    agency: Option<Agency>,
}

/// Add or change an officer of your own agency. It is the whole record: what is left out is none.
#[derive(Debug, clap::Args)]
struct Put {
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
pub(super) async fn run(session: &Session, args: Officers) -> anyhow::Result<Exit> {
    match args.verb {
        Some(Verb::Put(args)) => put(session, args).await,
        Some(Verb::List(args)) => list(session, &args).await,
        None => list(session, &args.list).await,
    }
}

async fn list(session: &Session, args: &List) -> anyhow::Result<Exit> {
    let request = v1::ListOfficersRequest { agency: wire(args.agency) };
    let list = async || session.window.inspection().list_officers(session.request(request)).await;
    let officers = call(list).await?.officers;
    session.print(&officers, ("no officers", "没有查验人员"), rows)
}

fn rows(officers: &[v1::Officer], language: Language) -> String {
    let english = ["officer", "on leave", "related to", "examined last", "left"];
    let chinese = ["人员", "休假", "关联企业", "上次查验企业", "已离任"];
    let mut table = shared::table(&either(language, english, chinese), Some(1));
    for it in officers {
        let leave: Vec<_> =
            it.leave.iter().map(|days| format!("{}..{}", days.first, days.last)).collect();
        table.add_row([
            words::key(it.agency(), &it.id),
            leave.join(", "),
            it.related_firms.join(", "),
            it.last_firm.clone(),
            words::yes(language, it.left).to_owned(),
        ]);
    }
    table.to_string()
}

async fn put(session: &Session, args: Put) -> anyhow::Result<Exit> {
    let officer = v1::Officer {
        agency: wire(Some(args.officer.agency)),
        id: args.officer.id,
        leave: args.leave,
        related_firms: args.related,
        last_firm: String::new(),
        left: args.left,
    };
    let request = v1::PutOfficerRequest { officer: Some(officer.clone()) };
    let put =
        async || session.window.inspection().put_officer(session.request(request.clone())).await;
    call(put).await?;
    match session.output {
        Output::Json => say_json(&officer)?,
        Output::Table => say(&rows(&[officer], session.language))?,
    }
    Ok(Exit::Done)
}
