//! `stuck`: what the window's own loops could not handle and set aside (滞留件). For administrators, who
//! look into the cause, have items tried again when it is gone, or give them up.

use domain::refusal::{Code, Refusal};
use proto::v1;
use uuid::Uuid;

use super::table::{columns, fields};
use super::words::{self, pick};
use super::{Exit, Language, Output, Session, say, say_json};

/// Stuck items: what a service could not handle after a few tries and set aside.
#[derive(Debug, clap::Args)]
pub struct Stuck {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(List),
    Show(Show),
    Retry(Retry),
    Drop(Drop),
}

/// List stuck items, oldest first.
#[derive(Debug, clap::Args)]
struct List {
    /// Of this service: declaration, ceb or inspection [default: all].
    #[arg(long)]
    service: Option<String>,
}

/// Show one stuck item with what the service was given.
#[derive(Debug, clap::Args)]
struct Show {
    /// Id of the item.
    id: Uuid,
}

/// Have stuck items tried again, when the cause is gone.
#[derive(Debug, clap::Args)]
struct Retry {
    /// Id of the item.
    #[arg(required_unless_present = "all")]
    id: Option<Uuid>,
    /// All of them.
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

/// Give one stuck item up for ever; what waits behind it goes on. Nobody is told.
#[derive(Debug, clap::Args)]
struct Drop {
    /// Id of the item.
    id: Uuid,
}

/// Does what the verb says.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: Stuck) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List(args) => list(session, args).await,
        Verb::Show(args) => show(session, args.id).await,
        Verb::Retry(args) => retry(session, args.id).await,
        Verb::Drop(args) => drop(session, args.id).await,
    }
}

async fn pages(
    session: &Session,
    mut request: v1::ListStuckRequest,
) -> anyhow::Result<Vec<v1::StuckItem>> {
    let mut items = Vec::new();
    loop {
        let list =
            async || session.window.operation().list_stuck(session.request(request.clone())).await;
        let page = client::repeat(list).await?.into_inner();
        items.extend(page.items);
        if page.next_page_token.is_empty() {
            return Ok(items);
        }
        request.page_token = page.next_page_token;
    }
}

async fn list(session: &Session, args: List) -> anyhow::Result<Exit> {
    let service = proto::text(args.service);
    let request = v1::ListStuckRequest { service, ..Default::default() };
    let items = pages(session, request).await?;
    session.print(&items, ("nothing is stuck", "没有滞留件"), rows)
}

fn rows(items: &[v1::StuckItem], language: Language) -> String {
    let header = match language {
        Language::English => ["id", "queue", "about", "since", "behind", "reason"],
        Language::Chinese => ["编号", "队列", "对象", "滞留时间", "后续", "原因"],
    };
    let mut table = words::table(&header, Some(5));
    for it in items {
        table.add_row([
            it.id.clone(),
            format!("{}.{}", it.service, it.queue),
            it.subject.clone(),
            since(it),
            it.behind.to_string(),
            it.reason.clone(),
        ]);
    }
    table.to_string()
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
    let retry =
        async || session.window.operation().retry_stuck(session.request(request.clone())).await;
    let answer = client::repeat(retry).await?.into_inner();
    match session.output {
        Output::Json => say_json(&answer)?,
        Output::Table => {
            let count = answer.retried;
            say(&match session.language {
                Language::English => format!("{count} tried again"),
                Language::Chinese => format!("重试{count}件"),
            })?;
        }
    }
    Ok(Exit::Done)
}

async fn drop(session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let request = v1::DropStuckRequest { id: id.to_string() };
    // Not repeated: the second time there would be nothing of this name.
    let answer = session.window.operation().drop_stuck(session.request(request)).await?;
    match session.output {
        Output::Json => say_json(&answer.into_inner())?,
        Output::Table => say(pick(session.language, "given up", "已放弃"))?,
    }
    Ok(Exit::Done)
}
