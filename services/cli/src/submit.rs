//! `submit`: files the documents of any number of files over one stream, and says what became of
//! each. Repeating the command files nothing twice.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

use futures::stream;
use proto::v1;
use tonic::Status;

use super::follow::Follower;
use super::input::{self, InputDocument, InputResult};
use super::problem::Problem;
use super::report::{DocumentReport, DocumentResult};
use super::words::pick;
use super::{Exit, Output, Session, ceb, print_line, print_refusal, progress};

/// File declarations.
///
/// A file is JSON of the schema (a declaration, a request {"request_id": …, "declaration": {…}}, a list
/// of either, or one of either a line). The same document is the same request, so the command may be
/// repeated: what was filed keeps its receipt. To file the same content once more after it ended, give it
/// a new request_id.
///
/// A national message (CEB) is sent as `ceb send` does, after the JSON; with --check it is explained as by
/// `ceb explain --brief` instead.
#[derive(Debug, clap::Args)]
pub struct SubmitArgs {
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
    /// Show every document, also of many; without it only those that are not well.
    #[arg(long)]
    pub all: bool,
}

/// Files, waits if asked, and reports.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, mut args: SubmitArgs) -> anyhow::Result<Exit> {
    let is_message = |file: &PathBuf| input::is_message(file);
    let (messages, files) = std::mem::take(&mut args.files).into_iter().partition(is_message);
    args.files = files;
    let mut exit = Exit::Done;
    if !args.files.is_empty() {
        exit = declare(session, &args).await?;
    }
    let messages: Vec<PathBuf> = messages;
    if messages.is_empty() {
        return Ok(exit);
    }
    let patience = args.wait.then_some(args.wait_seconds);
    Ok(exit.max(match args.check {
        true => ceb::check(session, messages)?,
        false => ceb::send(session, messages, patience).await?,
    }))
}

/// Files declarations, waits if asked, and reports.
async fn declare(session: &Session, args: &SubmitArgs) -> anyhow::Result<Exit> {
    let mut follower = if args.wait { Follower::start(session).await } else { Follower::idle() };
    let report = DocumentReport::new(session.output, session.language, args.wait, args.all);
    let mut batch = Batch::new(report, args);
    let mut ended = batch.file(session, args, &mut follower).await;
    if args.wait && ended.is_ok() {
        ended = batch.wait(session, &mut follower, Duration::from_secs(args.wait_seconds)).await;
    }
    let report = batch.end()?;
    if session.output == Output::Table {
        print_line(&report.text())?;
    }
    match ended {
        Ok(()) => Ok(report.exit()),
        Err(status) => {
            let exit =
                print_refusal(session.output, &Problem::of_status(&status, session.language))?;
            // A caller who may not file at all is refused; repeating would not help.
            let final_word = !proto::status::is_worth_repeating(status.code());
            Ok(if final_word { exit } else { report.exit().max(exit) })
        }
    }
}

/// The documents of one command, in their order: those on their way, and with `--wait` those that are
/// waited for. The others are told and forgotten.
struct Batch {
    report: DocumentReport,
    /// They stay until each one has come to its end.
    keeps: bool,
    rows: VecDeque<DocumentResult>,
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
    fn new(report: DocumentReport, args: &SubmitArgs) -> Self {
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

    /// Takes a document up. The request, unless it cannot be read.
    fn add(&mut self, read: InputResult, args: &SubmitArgs) -> Option<v1::SubmitRequest> {
        let (mut row, request) = match read {
            InputResult::Broken(file, document, problem) => {
                (DocumentResult::unread(file, document, problem), None)
            }
            InputResult::Item(file, item) => {
                let InputDocument { document, mut request } = *item;
                request.validate_only |= args.check;
                (DocumentResult::new(file, document, &request), Some(request))
            }
        };
        if let Some(request) = &request {
            row.waits = true;
            row.checks = request.validate_only;
            self.places.insert(self.requests, self.first + self.rows.len());
            self.requests += 1;
        }
        self.rows.push_back(row);
        self.report_finished();
        request
    }

    /// Takes an answer down.
    fn answered(&mut self, place: usize, answer: v1::SubmitStreamResponse, session: &Session) {
        let document = self.places.remove(&place);
        if let Some(row) = document.and_then(|document| self.rows.get_mut(document - self.first)) {
            row.answered(answer, session.language);
        }
        self.report_finished();
    }

    /// Tells of the documents in front that wait for nothing, and forgets them.
    fn report_finished(&mut self) {
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
    fn end(mut self) -> io::Result<DocumentReport> {
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
        args: &SubmitArgs,
        follower: &mut Follower,
    ) -> Result<(), Status> {
        let bar = progress::counter(pick(session.language, "documents", "份单证"));
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
                if let Some(request) = batch.add(read, args) {
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
                () = follower.receive() => {}
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
        let bar = progress::bar(count, pick(session.language, "ended", "已终结"));
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
