//! `ceb send`: files go to the window as they are, in their order; what it answers is a table of
//! receipts. Repeating the command has no second effect: documents are known by their guid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use domain::Code;
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use proto::status::Language;
use proto::v1;
use serde_json::json;
use tonic::{Response, Status};

use super::super::problem::{BrokenRule, Problem};
use super::super::words::{self, pick};
use super::super::{Exit, Output, Session, print_json, print_line, print_refusal};
use super::message::{self, File};
use super::standing::{Last, Standings, is_refusal, meaning};
use super::{FileArgs, advice, receipts};

/// Send national messages (CEB) or transport envelopes (DxpMsg).
///
/// The files are sent as they are, one after the other. A message that breaks the schema is refused
/// whole, with every fault. Documents are known by their guid, so the command may be repeated.
#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Wait until every document is released, concluded or refused; the exit code is 0 when none is
    /// refused.
    #[arg(long)]
    pub(super) wait: bool,
    /// How long to wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    pub(super) wait_seconds: u64,
}

/// Sends, waits if asked, and reports.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(session: &Session, args: SendArgs) -> anyhow::Result<Exit> {
    let mut standings = Standings::default();
    let mut rows = Vec::new();
    for path in &args.files.files {
        let row = match message::open(path, session.language) {
            Ok(file) => Row::new(session, file, &mut standings).await,
            Err(problem) => Row::refused(super::super::input::name(path), problem),
        };
        rows.push(row);
    }
    let mut ended = Ok(());
    if args.wait {
        ended = wait(session, &rows, &mut standings, args.wait_seconds).await;
    }
    match session.output {
        Output::Json => rows.iter().try_for_each(|row| print_json(&row.json(&standings)))?,
        Output::Table => print_line(&table(&rows, &standings, session.language, args.wait))?,
    }
    let exit = rows.iter().map(|row| row.exit(&standings, args.wait)).max().unwrap_or(Exit::Done);
    Ok(match ended {
        Ok(()) => exit,
        Err(status) => {
            let problem = Problem::of_status(&status, session.language);
            exit.max(print_refusal(session.output, &problem)?)
        }
    })
}

/// Sends one file; repeated while the window is away.
pub(super) async fn send(session: &Session, bytes: &[u8]) -> Result<v1::SendResponse, Status> {
    let request = v1::SendRequest { message: bytes.to_vec() };
    session.ask(request, async |it, ask| it.ceb().send(ask).await).await
}

/// Sends one file, once.
pub(super) async fn once(session: &Session, bytes: &[u8]) -> Result<v1::SendResponse, Status> {
    let request = session.request(v1::SendRequest { message: bytes.to_vec() });
    session.window.ceb().send(request).await.map(Response::into_inner)
}

/// The faults of a message that breaks the schema, as a refusal of the file; `None` when there are
/// none.
pub(super) fn faults(answer: &v1::SendResponse, language: Language) -> Option<Problem> {
    let first = answer.faults.first()?;
    let code = super::super::problem::known(&first.code).unwrap_or(Code::XmlMalformed);
    let fault = |fault: &v1::MessageFault| BrokenRule::of_message_fault(fault.clone(), language);
    Some(Problem::local(code, language, answer.faults.iter().map(fault).collect()))
}

/// Why a file was taken for nothing: every one of its documents was refused. `None` when one was not.
pub(super) fn refused_whole(answer: &v1::SendResponse, language: Language) -> Option<Problem> {
    let receipts: Vec<&v1::Receipt> = answer.messages.iter().flat_map(|it| &it.receipts).collect();
    if receipts.is_empty() || !receipts.iter().all(|it| is_refusal(it.return_status)) {
        return None;
    }
    let code = |receipt: &v1::Receipt| advice::own_code(&receipt.return_info);
    let why = |receipt: &&v1::Receipt| {
        let v1::Receipt { key, return_status, return_info, .. } = receipt;
        let page = advice::page(*return_status, return_info).unwrap_or_default(); // not every status has a page
        let see = pick(language, "see", "见");
        let why = format!("{key}: {return_status} {return_info}; {see} {page}");
        BrokenRule::plain(code(receipt).unwrap_or(Code::Invalid), why)
    };
    // The page of the file is that of its first reason, where that is one of ours.
    let first = receipts.iter().find_map(|receipt| code(receipt)).unwrap_or(Code::Invalid);
    Some(Problem::local(first, language, receipts.iter().map(why).collect()))
}

/// One file.
struct Row {
    file: String,
    answer: Result<v1::SendResponse, Problem>,
    /// Whose receipts to follow; empty when the message cannot be read.
    dxp_id: String,
    /// Its documents, when the window took it.
    documents: Vec<usize>,
    /// What was said at once about no document of the file.
    strange: Vec<Last>,
}

impl Row {
    async fn new(session: &Session, file: File, standings: &mut Standings) -> Self {
        let File { name, bytes } = file;
        let sent = send(session, &bytes).await;
        let refused = |status: Status| Problem::of_status(&status, session.language);
        let answer = sent.map_err(refused).and_then(|answer| {
            let refused = faults(&answer, session.language);
            refused.map_or(Ok(answer), Err)
        });
        let mut row = Self { answer, ..Self::empty(name) };
        let Ok(answer) = &row.answer else { return row };
        if let Ok(message) = message::contents(&bytes) {
            row.dxp_id = message.transfer.dxp_id;
            let documents = message.documents.into_iter();
            row.documents = documents.map(|read| standings.add(read.document)).collect();
        }
        row.strange =
            answer.messages.iter().flat_map(|message| standings.record(message)).collect();
        row
    }

    fn refused(file: String, problem: Problem) -> Self {
        Self { answer: Err(problem), ..Self::empty(file) }
    }

    fn empty(file: String) -> Self {
        let answer = Ok(v1::SendResponse::default());
        let (documents, strange) = (Vec::new(), Vec::new());
        Self { file, answer, dxp_id: String::new(), documents, strange }
    }

    /// The documents that still wait.
    fn open(&self, standings: &Standings) -> usize {
        let open = |document: &&usize| standings.of(**document).is_none_or(|last| !last.is_end());
        self.documents.iter().filter(open).count()
    }

    fn exit(&self, standings: &Standings, waited: bool) -> Exit {
        if let Err(problem) = &self.answer {
            return problem.exit;
        }
        let refused = |last: &Last| is_refusal(last.receipt.return_status);
        let refused = self.lasts(standings).any(refused);
        let now = if refused { Exit::Refused } else { Exit::Done };
        let later = self.documents.iter().filter(|_| waited).map(|it| standings.exit(*it));
        later.max().unwrap_or(Exit::Done).max(now)
    }

    /// What is said: the last receipt of each document, then what is about none.
    fn lasts<'a>(&'a self, standings: &'a Standings) -> impl Iterator<Item = &'a Last> {
        let documents = self.documents.iter().filter_map(|document| standings.of(*document));
        documents.chain(&self.strange)
    }

    fn json(&self, standings: &Standings) -> serde_json::Value {
        let answer = match &self.answer {
            Ok(answer) => answer,
            Err(problem) => return json!({ "file": self.file, "refusal": problem }),
        };
        let documents = self.documents.iter().map(|document| {
            let last = standings.of(*document);
            json!({
                "guid": standings.guid(*document),
                "receipt": last.map(|last| &last.receipt),
                "ended": last.is_some_and(Last::is_end),
            })
        });
        let documents = documents.collect::<Vec<_>>();
        json!({ "file": self.file, "answer": answer, "documents": documents })
    }
}

/// Follows the receipts of the senders until every document has an end, patience has, or Ctrl-C.
async fn wait(
    session: &Session,
    rows: &[Row],
    standings: &mut Standings,
    seconds: u64,
) -> Result<(), Status> {
    let mut from: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.open(standings) > 0) {
        let Ok(answer) = &row.answer else { continue };
        // The log has told nothing of these documents before the first receipt.
        let positions = answer.messages.iter().map(|message| message.position);
        let after = positions.filter(|position| *position > 0).min().unwrap_or(1) - 1;
        let known = from.entry(&row.dxp_id).or_insert(after);
        *known = after.min(*known);
    }
    let follow = |(dxp_id, after): (&str, u64)| {
        client::receipts(session.window.clone(), dxp_id.to_owned(), after).boxed()
    };
    let mut news: SelectAll<BoxStream<'static, _>> = from.into_iter().map(follow).collect();
    let mut deadline = std::pin::pin!(tokio::time::sleep(Duration::from_secs(seconds)));
    while rows.iter().any(|row| row.open(standings) > 0) {
        let next = tokio::select! {
            next = news.next() => next,
            () = &mut deadline => return Ok(()),
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        let Some(message) = next else { return Ok(()) };
        let _others = standings.record(&message?);
    }
    Ok(())
}

/// For people: one line a document, then refusals, then the sums.
fn table(rows: &[Row], standings: &Standings, language: Language, waited: bool) -> String {
    let mut table = words::table(&receipts::header(language), Some(5));
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pages: BTreeSet<String> = BTreeSet::new();
    for row in rows {
        for last in row.lasts(standings) {
            pages.extend(advice::page(last.receipt.return_status, &last.receipt.return_info));
            let mut cells = vec![row.file.clone()];
            cells.extend(receipts::cells(last.message_type, &last.receipt, language));
            table.add_row(cells);
            *sums.entry(meaning(last.receipt.return_status, language)).or_default() += 1;
        }
    }
    let refused = rows.iter().filter_map(|row| Some((row, row.answer.as_ref().err()?)));
    let refused: Vec<_> = refused.collect();
    let mut text =
        if sums.is_empty() && !refused.is_empty() { String::new() } else { format!("{table}\n") };
    for page in pages {
        let _infallible = writeln!(text, "{} {page}", pick(language, "see", "见"));
    }
    for (row, problem) in &refused {
        let problem = (*problem).clone().in_file(&row.file).text();
        let _infallible = writeln!(text, "{}: {problem}", row.file);
    }
    let mut sums: Vec<_> =
        sums.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    if !refused.is_empty() {
        let word = pick(language, "not taken", "未受理");
        sums.push(format!("{} {word}", refused.len()));
    }
    let open = rows.iter().map(|row| row.open(standings)).sum::<usize>();
    if waited && open > 0 {
        sums.push(format!("{open} {}", pick(language, "without an end in time", "超时未终结")));
    }
    text.push_str(&sums.join("; "));
    text
}
