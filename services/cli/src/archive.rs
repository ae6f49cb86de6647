//! `archive`: declarations that ended long ago go into a file, and out of the database.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use proto::v1;

use super::{BilingualText, Exit, Output, Session, print_json, print_line};

/// Archive declarations that ended long ago: what was declared and what happened leaves the database; where
/// they stood, their numbers and releases stay.
///
/// May be ended anywhere and begun again, beside a window that runs. Of a run that was ended, the last
/// declarations may stand in the file twice.
#[derive(Debug, clap::Args)]
pub struct ArchiveArgs {
    /// Those that ended so many days ago, with nothing since, for example 400d.
    #[arg(long, value_name = "DAYS", value_parser = days)]
    older_than: u32,
    /// The file that they are added to, one a line as JSON, made for its owner alone. It has personal data
    /// in clear.
    #[arg(long, value_name = "FILE", required_unless_present = "erase")]
    to: Option<PathBuf>,
    /// Keep them nowhere.
    #[arg(long, conflicts_with = "to")]
    erase: bool,
}

fn days(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse().ok());
    number.ok_or_else(|| "days like 400d are expected".to_owned())
}

/// Archives.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: ArchiveArgs) -> anyhow::Result<Exit> {
    let ArchiveArgs { older_than, to, erase: _ } = args;
    let mut file = to.as_deref().map(open).transpose()?;
    let (mut archived, mut waiting, mut after) = (0, 0, String::new());
    loop {
        let request = v1::ListArchivableRequest { older_than_days: older_than, after };
        let page = session
            .ask(request, async |it, ask| it.declarations().list_archivable(ask).await)
            .await?;
        waiting += page.waiting;
        if let Some((file, path)) = file.as_mut().zip(to.as_deref()) {
            append(file, &page.records).with_context(|| BilingualText::unwritable(path))?;
        }
        let names: Vec<_> = page.records.into_iter().map(|record| record.name).collect();
        if !names.is_empty() {
            let request = v1::ArchiveRequest { older_than_days: older_than, names };
            let done = session.ask(request, async |it, ask| it.declarations().archive(ask).await);
            archived += done.await?.archived;
        }
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    match session.output {
        Output::Json => {
            print_json(&serde_json::json!({ "archived": archived, "waiting": waiting }))?;
        }
        Output::Table => print_line(words(archived, waiting).text(session.language))?,
    }
    Ok(Exit::Done)
}

fn words(archived: u32, waiting: u32) -> BilingualText {
    let (waits, waits_zh) = match waiting {
        0 => (String::new(), String::new()),
        _ => (
            format!(
                "; {waiting} stay until every agency and service has stored what it was told of them"
            ),
            format!("；另有{waiting}份待各机关和服务确认接收后方可归档"),
        ),
    };
    BilingualText::new(
        format!("{archived} archived{waits}"),
        format!("已归档{archived}份{waits_zh}"),
    )
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    let file = options.create(true).append(true).mode(0o600).open(path);
    file.with_context(|| BilingualText::unwritable(path))
}

/// Durable before anything goes.
fn append(file: &mut File, records: &[v1::DeclarationRecord]) -> std::io::Result<()> {
    for record in records {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        file.write_all(&line)?;
    }
    file.sync_data()
}
