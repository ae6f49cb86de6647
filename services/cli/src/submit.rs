//! `submit`: files the documents of any number of files over one stream, and says what became of
//! each. Repeating the command files nothing twice.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use domain::Code;
use futures::stream;
use indicatif::{ProgressBar, ProgressStyle};
use proto::ceb::{AppType, ReadDocument};
use proto::v1;
use tonic::Status;

use super::follow::Follower;
use super::input::{self, Item, Read};
use super::problem::{Broken, Problem};
use super::report::{Outcome, Report, Row};
use super::words::pick;
use super::{Exit, Output, Session, say};

/// Fewer documents are done before a bar could be read.
const BAR_FROM: u64 = 21;

/// File declarations.
///
/// A file is JSON of the schema (a declaration, a request {"request_id": …, "declaration": {…}}, a list
/// of either, or one of either a line) or a CEB621 or CEB603 message. The same document is the same request, so the
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
    /// Show every document, also of many; without it only those that are not well.
    #[arg(long)]
    pub all: bool,
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
    let mut follower = if args.wait { Follower::start(session).await } else { Follower::idle() };
    let report = Report::new(session.output, session.language, args.wait, args.all);
    let mut batch = Batch::new(report, &args);
    let mut ended = batch.file(session, &args, &mut follower).await;
    if args.wait && ended.is_ok() {
        ended = batch.wait(session, &mut follower, Duration::from_secs(args.wait_seconds)).await;
    }
    let report = batch.end()?;
    if session.output == Output::Table {
        say(&report.text())?;
    }
    match ended {
        Ok(()) => Ok(report.exit()),
        Err(status) => {
            let told = session.refused(&Problem::of_status(&status, session.language))?;
            // A caller who may not file at all is refused; repeating would not help.
            let final_word = !proto::status::is_worth_repeating(status.code());
            Ok(if final_word { told } else { report.exit().max(told) })
        }
    }
}

/// The documents of one command, in their order: those on their way, and with `--wait` those that are
/// waited for. The others are told and forgotten.
struct Batch {
    report: Report,
    /// They stay until each one has come to its end.
    keeps: bool,
    rows: VecDeque<Row>,
    /// Which document the first row is.
    first: usize,
    /// The document of each request that has no answer, by its place among the requests.
    places: HashMap<usize, usize>,
    /// How many requests there were.
    requests: usize,
    /// Why nothing more can be told.
    failed: Option<io::Error>,
}

impl Batch {
    fn new(report: Report, args: &Submit) -> Self {
        Self {
            report,
            keeps: args.wait,
            rows: VecDeque::new(),
            first: 0,
            places: HashMap::new(),
            requests: 0,
            failed: None,
        }
    }

    /// Takes a document up. The request, unless something speaks against it here.
    fn add(&mut self, read: Read, args: &Submit, session: &Session) -> Option<v1::SubmitRequest> {
        let (mut row, request) = match read {
            Read::Broken(file, document, problem) => (Row::unread(file, document, problem), None),
            Read::Item(file, item) => {
                let Item { document, mut request, source } = *item;
                request.validate_only |= args.check;
                let mut row = Row::new(file, document, &request);
                let obstacle = source.as_ref().and_then(|source| obstacle(source, args, session));
                let remarks = source.iter().flat_map(|source| &source.warnings);
                row.warnings =
                    remarks.map(|fault| Broken::of_fault(fault, session.language)).collect();
                row.source = source;
                let files = obstacle.is_none();
                row.outcome = obstacle.unwrap_or(Outcome::Unanswered);
                (row, files.then_some(request))
            }
        };
        if let Some(request) = &request {
            row.waits = true;
            row.checks = request.validate_only;
            self.places.insert(self.requests, self.first + self.rows.len());
            self.requests += 1;
        }
        self.rows.push_back(row);
        self.tell();
        request
    }

    /// Takes an answer down.
    fn answered(&mut self, place: usize, answer: v1::SubmitStreamResponse, session: &Session) {
        let document = self.places.remove(&place);
        if let Some(row) = document.and_then(|document| self.rows.get_mut(document - self.first)) {
            row.answered(answer, session.language);
        }
        self.tell();
    }

    /// Tells of the documents in front that wait for nothing, and forgets them.
    fn tell(&mut self) {
        if self.keeps {
            return;
        }
        while self.failed.is_none() && self.rows.front().is_some_and(|row| !row.waits) {
            let Some(row) = self.rows.pop_front() else { return };
            self.first += 1;
            self.failed = self.report.take(row).err();
        }
    }

    /// Tells of all that are left.
    fn end(mut self) -> io::Result<Report> {
        match self.failed {
            Some(error) => Err(error),
            None => {
                self.rows.into_iter().try_for_each(|row| self.report.take(row))?;
                Ok(self.report)
            }
        }
    }

    /// Files what stands in the files. Ctrl-C leaves the rest.
    async fn file(
        &mut self,
        session: &Session,
        args: &Submit,
        follower: &mut Follower,
    ) -> Result<(), Status> {
        let bar = spinner(pick(session.language, "documents", "份单证"));
        let mut reading = input::stream(args.files.clone(), session.language);
        let batch = RefCell::new(self);
        let coming = stream::poll_fn(|context| {
            loop {
                let Some(read) = ready!(reading.poll_recv(context)) else {
                    return Poll::Ready(None);
                };
                let mut batch = batch.borrow_mut();
                if batch.failed.is_some() {
                    return Poll::Ready(None);
                }
                if let Some(request) = batch.add(read, args, session) {
                    return Poll::Ready(Some(request));
                }
            }
        });
        let answered = |place: usize, answer: v1::SubmitStreamResponse| {
            batch.borrow_mut().answered(place, answer, session);
            bar.inc(1);
        };
        let mut filing = pin!(client::submit_stream(&session.window, coming, answered));
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
                bar.set_position(u64::try_from(count.saturating_sub(open)).unwrap_or_default()); // a bar only
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

/// How many so far, on stderr, for people; it hides itself when stderr is no terminal.
fn spinner(word: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg} {per_sec}");
    let bar = ProgressBar::new_spinner().with_message(word);
    // The template is constant; a default bar does as well if it could not be read.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// A bar on stderr, for many documents and people; it hides itself when stderr is no terminal.
fn progress(count: usize, word: &'static str) -> ProgressBar {
    let count = u64::try_from(count).unwrap_or(u64::MAX); // a bar only
    if count < BAR_FROM {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} {per_sec}");
    let bar = ProgressBar::new(count).with_message(word);
    // The template is constant; a default bar does as well if it could not be read.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
