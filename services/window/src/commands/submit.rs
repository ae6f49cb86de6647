//! `submit`: files the documents of any number of files over one stream, and says what became of
//! each. Repeating the command files nothing twice.

use std::collections::HashSet;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use domain::Code;
use indicatif::{ProgressBar, ProgressStyle};
use proto::ceb::{AppType, ReadDocument};
use proto::v1;
use tonic::Status;

use super::follow::Follower;
use super::input::{self, Item};
use super::problem::{Broken, Problem};
use super::report::{self, Outcome, Row};
use super::words::pick;
use super::{Exit, Output, Session, say};

/// Fewer documents are done before a bar could be read.
const BAR_FROM: u64 = 21;

/// File declarations.
///
/// A file is JSON of the schema (a declaration, a request {"request_id": …, "declaration": {…}}, or a
/// list of either) or a CEB621 or CEB603 message. The same document is the same request, so the
/// command may be repeated: what was filed keeps its receipt. To file the same JSON content once more
/// after it ended, give it a new request_id.
#[derive(Debug, clap::Args)]
pub struct Submit {
    /// Files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only check: nothing is kept.
    #[arg(long, conflicts_with = "wait")]
    pub check: bool,
    /// Wait until each one is released, rejected, withdrawn or returned; the exit code is 0 when all
    /// are released.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    pub wait_seconds: u64,
    /// Declare drafts (appStatus 1) too.
    #[arg(long)]
    pub declare_drafts: bool,
}

/// Files, waits if asked, and reports.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: Submit) -> anyhow::Result<Exit> {
    session.settle(submit(session, args).await)
}

async fn submit(session: &Session, args: Submit) -> anyhow::Result<Exit> {
    let mut batch = Batch::default();
    for path in &args.files {
        match input::read(path, session.language).await {
            Ok(items) => items.into_iter().for_each(|item| {
                batch.add(item, input::name(path), &args, session);
            }),
            Err(problem) => batch.rows.push(Row::unread(input::name(path), problem)),
        }
    }
    let mut follower = if args.wait { Follower::start(session).await } else { Follower::idle() };
    let mut ended = batch.file(session, &mut follower).await;
    if args.wait && ended.is_ok() {
        ended = batch.wait(session, &mut follower, Duration::from_secs(args.wait_seconds)).await;
    }
    match session.output {
        Output::Json => report::json(&batch.rows)?,
        Output::Table => say(&report::table(&batch.rows, session.language, args.wait))?,
    }
    let exit = report::exit(&batch.rows, args.wait);
    match ended {
        Ok(()) => Ok(exit),
        Err(status) => {
            let told = session.refused(&Problem::of_status(&status, session.language))?;
            // A caller who may not file at all is refused; repeating would not help.
            let final_word = !proto::status::is_worth_repeating(status.code());
            Ok(if final_word { told } else { exit.max(told) })
        }
    }
}

/// The documents of one command.
#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    requests: Vec<v1::SubmitRequest>,
    /// The row of each request.
    places: Vec<usize>,
}

impl Batch {
    /// Takes a document up; files it later unless something speaks against it here.
    fn add(&mut self, item: Item, file: String, args: &Submit, session: &Session) {
        let Item { document, mut request, source } = item;
        request.validate_only |= args.check;
        let mut row = Row::new(file, document, &request);
        match source.as_ref().and_then(|source| obstacle(source, args, session)) {
            Some(outcome) => row.outcome = outcome,
            None => {
                self.requests.push(request);
                self.places.push(self.rows.len());
            }
        }
        let remarks = source.iter().flat_map(|source| &source.warnings);
        row.warnings = remarks.map(|fault| Broken::of_fault(fault, session.language)).collect();
        row.source = source;
        self.rows.push(row);
    }

    /// Files what was taken up. Ctrl-C leaves the rest unanswered.
    async fn file(&mut self, session: &Session, follower: &mut Follower) -> Result<(), Status> {
        let requests = std::mem::take(&mut self.requests);
        if requests.is_empty() {
            return Ok(());
        }
        let bar = progress(requests.len(), pick(session.language, "filed", "已申报"));
        let (rows, places) = (&mut self.rows, &self.places);
        let checks: Vec<bool> = requests.iter().map(|request| request.validate_only).collect();
        let answered = |place: usize, answer: v1::SubmitStreamResponse| {
            rows[places[place]].answered(answer, checks[place], session.language);
            bar.inc(1);
        };
        let mut filing = pin!(client::submit_all(&session.window, requests, answered));
        let filed = loop {
            tokio::select! {
                filed = &mut filing => break filed,
                () = follower.hear() => {}
                _ = tokio::signal::ctrl_c() => break Ok(()),
            }
        };
        bar.finish_and_clear();
        filed
    }

    /// Waits for what was filed and writes down how it ended.
    async fn wait(
        &mut self,
        session: &Session,
        follower: &mut Follower,
        patience: Duration,
    ) -> Result<(), Status> {
        let names: HashSet<String> =
            self.rows.iter().filter_map(|row| row.name().map(str::to_owned)).collect();
        let count = names.len();
        let bar = progress(count, pick(session.language, "ended", "已终结"));
        let ended = follower
            .wait(session, names, patience, |open| {
                bar.set_position(u64::try_from(count.saturating_sub(open)).unwrap_or_default());
            })
            .await;
        bar.finish_and_clear();
        for row in &mut self.rows {
            row.standing = row.name().and_then(|name| follower.standing(name)).cloned();
        }
        ended
    }
}

/// Why a document of a message is not filed, when something in the message itself says so.
fn obstacle(document: &ReadDocument, args: &Submit, session: &Session) -> Option<Outcome> {
    let language = session.language;
    let text = match document.app_type() {
        AppType::New if document.draft() && !args.declare_drafts => return Some(Outcome::Draft),
        AppType::New => return None,
        AppType::Change => pick(
            language,
            "appType 2 changes an earlier declaration: use `single-window amend NAME FILE`",
            "appType为2（变更）：请使用 single-window amend NAME FILE",
        ),
        AppType::Delete => pick(
            language,
            "appType 3 takes an earlier declaration back: use `single-window withdraw NAME`",
            "appType为3（删除）：请使用 single-window withdraw NAME",
        ),
    };
    let why = Broken::in_document(Code::XmlTypeUnsupported, document, "appType", text);
    Some(Outcome::Refused(Problem::local(Code::XmlTypeUnsupported, language, vec![why])))
}

/// A bar on stderr, for many documents and people; it hides itself when stderr is no terminal.
fn progress(count: usize, word: &'static str) -> ProgressBar {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    if count < BAR_FROM {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} {per_sec}");
    let bar = ProgressBar::new(count).with_message(word);
    // The template is constant; a default bar does as well if it could not be read.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
