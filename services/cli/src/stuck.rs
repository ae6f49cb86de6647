//! `stuck`: what the window's own loops could not handle and set aside (滞留件). For administrators, who
//! look into the cause, have items tried again when it is gone, or give them up.

use domain::refusal::{Code, Refusal};
use proto::v1;
use tonic::Status;
use uuid::Uuid;

use super::session::TableRow;
use super::table::{columns, fields};
use super::words::{self, pick};
use super::{Exit, Language, Session};

/// Stuck items: what a service could not handle after a few tries and set aside.
#[derive(Debug, clap::Args)]
pub struct StuckArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(ListItemsArgs),
    Show(ShowItemArgs),
    Retry(RetryArgs),
    Drop(DropArgs),
}

/// List stuck items, oldest first.
#[derive(Debug, clap::Args)]
struct ListItemsArgs {
    /// Of this service: declaration, ceb or inspection [default: all].
    #[arg(long)]
    service: Option<String>,
}

/// Show one stuck item with what the service was given.
#[derive(Debug, clap::Args)]
struct ShowItemArgs {
    /// Id of the item.
    id: Uuid,
}

/// Have stuck items tried again, when the cause is gone.
#[derive(Debug, clap::Args)]
struct RetryArgs {
    /// Id of the item.
    #[arg(required_unless_present = "all")]
    id: Option<Uuid>,
    /// All of them.
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

/// Give one stuck item up for ever; what waits behind it goes on. Nobody is told.
#[derive(Debug, clap::Args)]
struct DropArgs {
    /// Id of the item.
    id: Uuid,
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: StuckArgs) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List(args) => list(session, args).await,
        Verb::Show(args) => show(session, args.id).await,
        Verb::Retry(args) => retry(session, args.id).await,
        Verb::Drop(args) => drop(session, args.id).await,
    }
}

async fn pages(
    session: &Session,
    request: v1::ListStuckRequest,
) -> Result<Vec<v1::StuckItem>, Status> {
    session.pages(request, usize::MAX, async |it, ask| it.operation().list_stuck(ask).await).await
}

async fn list(session: &Session, args: ListItemsArgs) -> anyhow::Result<Exit> {
    let service = proto::text(args.service);
    let request = v1::ListStuckRequest { service, ..Default::default() };
    session.print(&pages(session, request).await?)
}

impl TableRow for v1::StuckItem {
    const HEADER: &'static [(&'static str, &'static str)] = &[
        ("id", "编号"),
        ("queue", "队列"),
        ("about", "对象"),
        ("since", "滞留时间"),
        ("behind", "后续"),
        ("reason", "原因"),
    ];
    const NONE: (&'static str, &'static str) = ("nothing is stuck", "没有滞留件");
    const FLEXIBLE: Option<usize> = Some(5);

    fn cells(&self, _: Language) -> Vec<String> {
        vec![
            self.id.clone(),
            format!("{}.{}", self.service, self.queue),
            self.subject.clone(),
            since(self),
            self.behind.to_string(),
            self.reason.clone(),
        ]
    }
}

fn since(item: &v1::StuckItem) -> String {
    words::when(item.stuck_time.and_then(proto::time))
}

async fn show(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::ListStuckRequest { id: id.to_string(), ..Default::default() };
    let items = pages(session, request).await?;
    let Some(item) = items.first() else {
        let refusal = Refusal::of(Code::NotFound).with("id", id);
        return Err(proto::status::refused(&refusal, session.language).into());
    };
    session.print_one(item, card)
}

fn card(item: &v1::StuckItem, language: Language) -> String {
    let name = |english, chinese| pick(language, english, chinese);
    let lines = [
        (name("id", "编号"), item.id.clone()),
        (name("queue", "队列"), format!("{}.{}", item.service, item.queue)),
        (name("about", "对象"), item.subject.clone()),
        (name("reason", "原因"), item.reason.clone()),
        (name("tries", "尝试次数"), item.tries.to_string()),
        (name("since", "滞留时间"), since(item)),
        (name("behind", "后续"), item.behind.to_string()),
        (name("bytes", "字节"), item.body.len().to_string()),
    ];
    fields(&lines, columns())
}

async fn retry(session: &Session, id: Option<Uuid>) -> anyhow::Result<Exit> {
    let id = proto::text(id.map(|id| id.to_string()));
    let request = v1::RetryStuckRequest { id, service: String::new() };
    let answer =
        session.ask(request, async |it, ask| it.operation().retry_stuck(ask).await).await?;
    let count = answer.retried;
    session.print_sentence(&answer, format!("{count} tried again"), format!("重试{count}件"))
}

async fn drop(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::DropStuckRequest { id: id.to_string() };
    // Not repeated: the second time there would be nothing of this name.
    let answer = session.window.operation().drop_stuck(session.request(request)).await?;
    session.print_sentence(&answer.into_inner(), "given up", "已放弃")
}
