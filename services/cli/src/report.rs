//! What became of the documents of one `submit`: sums and what is not well, or JSON lines.
//!
//! Of a few documents each one is shown; of many only those that somebody has to do something about.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use proto::status::Language;
use proto::v1;
use proto::v1::submit_stream_response::Result as Answer;
use serde_json::json;

use super::follow::FollowedState;
use super::problem::{self, BrokenRule, Problem};
use super::table::Table;
use super::words::{self, is_final, pick};
use super::{Exit, Output, print_json};

/// So many documents are shown; of more only what is not well, and no more of it. Programs get all.
const FEW_MAX: usize = 20;

/// One document.
#[derive(Debug)]
pub(super) struct DocumentResult {
    file: Arc<str>,
    /// Its place in the file; `None` for a file that cannot be read.
    document: Option<usize>,
    order_no: String,
    request_id: String,
    pub(super) outcome: DocumentOutcome,
    pub(super) warnings: Vec<BrokenRule>,
    /// It is on its way to the window.
    pub(super) waits: bool,
    /// It is checked only.
    pub(super) checks: bool,
    /// Where it stood at the end of the waiting.
    pub(super) standing: Option<FollowedState>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum DocumentOutcome {
    /// No answer came.
    ServiceError,
    /// Filed, now or before.
    Filed(v1::SubmitResponse),
    /// Could be filed; whether it was filed before.
    Checked(bool),
    /// Refused.
    Refused(Problem),
}

impl DocumentOutcome {
    fn status(&self) -> &'static str {
        match self {
            Self::ServiceError => "unanswered",
            Self::Filed(_) => "filed",
            Self::Checked(_) => "checked",
            Self::Refused(_) => "refused",
        }
    }

    /// It was filed by an earlier request; `None` where that is not known.
    fn is_repeated(&self) -> Option<bool> {
        match self {
            Self::Filed(receipt) => Some(receipt.repeated),
            Self::Checked(repeated) => Some(*repeated),
            Self::ServiceError | Self::Refused(_) => None,
        }
    }

    fn word(&self, language: Language) -> &'static str {
        match self {
            Self::ServiceError => pick(language, "no answer", "未答复"),
            Self::Filed(receipt) if receipt.repeated => {
                pick(language, "filed before", "此前已申报")
            }
            Self::Filed(_) => pick(language, "filed", "已申报"),
            Self::Checked(true) => pick(language, "correct, filed before", "校验通过，此前已申报"),
            Self::Checked(false) => pick(language, "correct", "校验通过"),
            Self::Refused(_) => pick(language, "refused", "拒绝"),
        }
    }
}

impl DocumentResult {
    /// A document that waits for its answer.
    pub(super) fn new(file: Arc<str>, document: usize, request: &v1::SubmitRequest) -> Self {
        let declaration = request.declaration.as_ref();
        Self {
            document: Some(document),
            order_no: declaration.map(|d| d.order_no.clone()).unwrap_or_default(), // an empty cell
            request_id: request.request_id.clone(),
            ..Self::unanswered(file)
        }
    }

    /// A file, or a document of it, that cannot be read.
    pub(super) fn unread(file: Arc<str>, document: Option<usize>, problem: Problem) -> Self {
        Self { document, outcome: DocumentOutcome::Refused(problem), ..Self::unanswered(file) }
    }

    fn unanswered(file: Arc<str>) -> Self {
        Self {
            file,
            document: None,
            order_no: String::new(),
            request_id: String::new(),
            outcome: DocumentOutcome::ServiceError,
            warnings: Vec::new(),
            waits: false,
            checks: false,
            standing: None,
        }
    }

    /// Takes the window's answer down.
    pub(super) fn answered(&mut self, answer: v1::SubmitStreamResponse, language: Language) {
        self.waits = false;
        self.outcome = match answer.result {
            Some(Answer::Receipt(mut receipt)) => {
                let warnings = std::mem::take(&mut receipt.warnings).into_iter();
                self.warnings = warnings.map(|it| BrokenRule::of_warning(it, language)).collect();
                let repeated = receipt.repeated;
                if self.checks {
                    DocumentOutcome::Checked(repeated)
                } else {
                    DocumentOutcome::Filed(receipt)
                }
            }
            Some(Answer::Refusal(refusal)) => {
                DocumentOutcome::Refused(Problem::of_refusal(refusal, language))
            }
            None => DocumentOutcome::ServiceError,
        };
    }

    /// The declaration, when there is one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.outcome {
            DocumentOutcome::Filed(receipt) => Some(&receipt.name),
            DocumentOutcome::ServiceError
            | DocumentOutcome::Checked(_)
            | DocumentOutcome::Refused(_) => None,
        }
    }

    fn receipt(&self) -> Option<&v1::SubmitResponse> {
        match &self.outcome {
            DocumentOutcome::Filed(receipt) => Some(receipt),
            DocumentOutcome::ServiceError
            | DocumentOutcome::Checked(_)
            | DocumentOutcome::Refused(_) => None,
        }
    }

    fn state(&self) -> Option<v1::State> {
        let followed = self.standing.as_ref().map(|standing| standing.state);
        followed.or_else(|| self.receipt().map(v1::SubmitResponse::state))
    }
}

/// How the command ends for a document.
fn exit(row: &DocumentResult, waited: bool) -> Exit {
    match &row.outcome {
        DocumentOutcome::ServiceError => Exit::Unreachable,
        DocumentOutcome::Refused(problem) => problem.exit,
        DocumentOutcome::Filed(_) if waited => match row.state() {
            Some(v1::State::Released) => Exit::Done,
            Some(state) if is_final(state) => Exit::Refused,
            Some(_) | None => Exit::Unreachable,
        },
        DocumentOutcome::Filed(_) | DocumentOutcome::Checked(_) => Exit::Done,
    }
}

/// What is told of the documents of a command, one after the other. However many there are, only those
/// are kept that are shown at the end.
#[derive(Debug)]
pub(super) struct DocumentReport {
    output: Output,
    language: Language,
    /// The end of each one was waited for.
    waited: bool,
    /// Each one is shown, well or not.
    all: bool,
    count: usize,
    shown: Vec<DocumentResult>,
    /// Refusals that are not told in full, by code.
    more: BTreeMap<String, usize>,
    warnings: BTreeMap<String, WarningCount>,
    sums: BTreeMap<&'static str, usize>,
    exit: Exit,
}

/// A warning: its first text, and how many documents have it.
#[derive(Debug)]
struct WarningCount {
    first: String,
    documents: usize,
}

impl DocumentReport {
    pub(super) fn new(output: Output, language: Language, waited: bool, all: bool) -> Self {
        Self {
            output,
            language,
            waited,
            all,
            count: 0,
            shown: Vec::new(),
            more: BTreeMap::new(),
            warnings: BTreeMap::new(),
            sums: BTreeMap::new(),
            exit: Exit::Done,
        }
    }

    /// Takes down what became of the next document; for programs it is said at once.
    pub(super) fn take(&mut self, row: DocumentResult) -> io::Result<()> {
        let exit = exit(&row, self.waited);
        self.exit = self.exit.max(exit);
        self.count += 1;
        if self.output == Output::Json {
            return print_json(&object(&row));
        }
        *self.sums.entry(row.outcome.word(self.language)).or_default() += 1;
        if let (true, Some(state), Some(_)) = (self.waited, row.state(), row.receipt()) {
            *self.sums.entry(words::state_in(self.language, state)).or_default() += 1;
        }
        self.warn(&row);
        if !self.all && self.count == FEW_MAX + 1 {
            self.shown.retain(|row| !is_well(row, self.waited));
        }
        let shows = self.all || self.count <= FEW_MAX || exit != Exit::Done;
        if shows && (self.all || self.shown.len() < FEW_MAX) {
            self.shown.push(row);
        } else if let (true, DocumentOutcome::Refused(problem)) = (shows, &row.outcome) {
            *self.more.entry(problem.code.clone()).or_default() += 1;
        }
        Ok(())
    }

    fn warn(&mut self, row: &DocumentResult) {
        let mut of_row = HashSet::new();
        for warning in &row.warnings {
            if of_row.insert(&warning.code) {
                let first = || warning.placed_text(Some(&row.file));
                let warned = self.warnings.entry(warning.code.clone());
                warned
                    .or_insert_with(|| WarningCount { first: first(), documents: 0 })
                    .documents += 1;
            }
        }
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people: the table, then refusals, then warnings, then the sums.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if !self.shown.is_empty() {
            let _infallible = writeln!(text, "{}", self.table());
        }
        self.refusals(&mut text);
        self.warnings(&mut text);
        let hidden = self.count - self.shown.len();
        if hidden > 0 {
            let _infallible = match self.language {
                Language::English => {
                    writeln!(text, "{hidden} documents are not shown: --all shows every one")
                }
                Language::Chinese => writeln!(text, "{hidden}份单证未列出，--all 可全部列出"),
            };
        }
        text.push_str(&self.sums());
        text
    }

    fn table(&self) -> Table {
        let (language, waited) = (self.language, self.waited);
        let english = ["file", "no.", "order no.", "result", "id", "preNo", "warnings"];
        let chinese = ["文件", "序号", "订单编号", "结果", "编号", "预录入编号", "警告"];
        let mut header = match language {
            Language::English => english,
            Language::Chinese => chinese,
        }
        .to_vec();
        if waited {
            header.extend([pick(language, "state", "状态"), pick(language, "invtNo", "清单编号")]);
        }
        let mut table = words::table(&header, Some(0));
        for row in &self.shown {
            table.add_row(cells(row, language, waited));
        }
        table
    }

    fn refusals(&self, text: &mut String) {
        for row in &self.shown {
            let DocumentOutcome::Refused(problem) = &row.outcome else { continue };
            let number = row.document.map(|number| format!(" #{number}")).unwrap_or_default(); // the only one has none
            let order = if row.order_no.is_empty() { "" } else { " " };
            let problem = problem.clone().in_file(&row.file).text();
            let _infallible =
                writeln!(text, "{}{number}{order}{}: {problem}", row.file, row.order_no);
        }
        for (code, count) in &self.more {
            let title = title(code, self.language);
            let _infallible = match self.language {
                Language::English => writeln!(text, "… {count} more refused: {code} {title}"),
                Language::Chinese => writeln!(text, "……另有{count}份被拒绝：{code} {title}"),
            };
        }
    }

    /// Each code once, with how many documents it concerns and the first place.
    fn warnings(&self, text: &mut String) {
        for (code, WarningCount { first, documents }) in &self.warnings {
            let title = title(code, self.language);
            let _infallible = match self.language {
                Language::English => {
                    writeln!(text, "warning {code} (documents: {documents}): {title}\n  {first}")
                }
                Language::Chinese => {
                    writeln!(text, "警告 {code}（{documents}份单证）：{title}\n  {first}")
                }
            };
        }
    }

    /// 5 filed; 1 refused.
    fn sums(&self) -> String {
        let sums = self.sums.iter().map(|(word, count)| format!("{count} {word}"));
        sums.collect::<Vec<_>>().join("; ")
    }
}

/// Nothing is to be done about it.
fn is_well(row: &DocumentResult, waited: bool) -> bool {
    exit(row, waited) == Exit::Done
}

fn object(row: &DocumentResult) -> serde_json::Value {
    let non_empty = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut object = json!({
        "file": &*row.file,
        "document": row.document,
        "order_no": non_empty(&row.order_no),
        "request_id": non_empty(&row.request_id),
        "status": row.outcome.status(),
        "repeated": row.outcome.is_repeated(),
        "name": row.name(),
        "pre_no": row.receipt().map(|receipt| &receipt.pre_no),
        "state": row.state().map(|state| state.as_str_name()),
        "invt_no": row.standing.as_ref().and_then(|standing| non_empty(&standing.invt_no)),
        "release_id": row.standing.as_ref().and_then(|standing| non_empty(&standing.release_id)),
        "warnings": row.warnings,
    });
    if let DocumentOutcome::Refused(problem) = &row.outcome {
        object["refusal"] = json!(problem);
    }
    object
}

fn cells(row: &DocumentResult, language: Language, waited: bool) -> Vec<String> {
    let receipt = row.receipt();
    let mut cells = vec![
        row.file.to_string(),
        row.document.map(|number| number.to_string()).unwrap_or_default(), // an empty cell
        row.order_no.clone(),
        row.outcome.word(language).to_owned(),
        receipt.map(|receipt| words::id(&receipt.name).to_owned()).unwrap_or_default(), // an empty cell
        receipt.map(|receipt| receipt.pre_no.clone()).unwrap_or_default(), // an empty cell
        Some(row.warnings.len())
            .filter(|count| *count > 0)
            .map_or_else(String::new, |c| c.to_string()),
    ];
    if waited {
        let state = row.state().map(|state| words::state_in(language, state).to_owned());
        cells.push(state.unwrap_or_default()); // an empty cell
        cells.push(row.standing.as_ref().map(|s| s.invt_no.clone()).unwrap_or_default()); // an empty cell
    }
    cells
}

/// What a code is called. A newer window knows codes that this program does not: those have the texts of
/// their documents only.
fn title(code: &str, language: Language) -> &'static str {
    problem::known(code).map_or("", |code| pick(language, code.title(), code.title_zh()))
}

#[cfg(test)]
mod tests {
    use domain::Code;

    use super::*;

    fn row(outcome: DocumentOutcome) -> DocumentResult {
        DocumentResult { outcome, ..DocumentResult::unanswered("a.json".into()) }
    }

    fn filed(state: v1::State) -> DocumentResult {
        let receipt = v1::SubmitResponse { state: state.into(), ..Default::default() };
        row(DocumentOutcome::Filed(receipt))
    }

    fn refused(code: Code) -> DocumentResult {
        let refusal = proto::status::refused_item(domain::Refusal::of(code));
        row(DocumentOutcome::Refused(Problem::of_refusal(refusal, Language::English)))
    }

    fn report(
        rows: impl IntoIterator<Item = DocumentResult>,
        waited: bool,
        all: bool,
    ) -> DocumentReport {
        let mut report = DocumentReport::new(Output::Table, Language::English, waited, all);
        for row in rows {
            report.take(row).expect("nothing is written");
        }
        report
    }

    #[test]
    fn the_worst_row_decides_the_exit_code() {
        let exit = |rows: Vec<DocumentResult>, waited| report(rows, waited, false).exit();
        let checked = || row(DocumentOutcome::Checked(false));
        assert_eq!(exit(vec![checked(), checked()], false), Exit::Done);
        assert_eq!(exit(vec![checked(), refused(Code::Invalid)], false), Exit::Refused);
        let both = vec![refused(Code::Internal), refused(Code::Invalid)];
        assert_eq!(exit(both, false), Exit::Fault);
        assert_eq!(exit(vec![row(DocumentOutcome::ServiceError)], false), Exit::Unreachable);
        assert_eq!(exit(vec![filed(v1::State::UnderReview)], false), Exit::Done);
        assert_eq!(exit(vec![filed(v1::State::UnderReview)], true), Exit::Unreachable);
        assert_eq!(exit(vec![filed(v1::State::Released)], true), Exit::Done);
        assert_eq!(exit(vec![filed(v1::State::Rejected)], true), Exit::Refused);
    }

    #[test]
    fn warnings_are_told_once_for_each_code() {
        let mut rows = [filed(v1::State::UnderReview), filed(v1::State::UnderReview)];
        for row in &mut rows {
            row.warnings = vec![BrokenRule::plain(Code::TransportUnusual, "by post")];
        }
        let text = report(rows, false, false).text();
        assert_eq!(text.matches("warning SW-2023 (documents: 2)").count(), 1, "{text}");
        assert!(text.ends_with("\n2 filed"), "{text}");
    }

    #[test]
    fn of_many_only_what_is_not_well_is_shown() {
        let rows = || {
            (0..10_000).map(|number| match number {
                17 | 5_000 => refused(Code::Invalid),
                _ => filed(v1::State::UnderReview),
            })
        };
        let text = report(rows(), false, false).text();
        assert!(text.lines().count() < 20, "{text}");
        assert_eq!(text.matches("SW-1001").count(), 4, "each with its page: {text}");
        assert!(text.ends_with(
            "9998 documents are not shown: --all shows every one\n9998 filed; 2 refused"
        ));
        let all = report(rows(), false, true).text();
        assert!(all.lines().count() > 10_000 && !all.contains("not shown"));
        let bad = report((0..10_000).map(|_| refused(Code::Invalid)), false, false).text();
        assert!(bad.contains("… 9980 more refused: SW-1001"), "{bad}");
        let few = report(rows().take(15), false, false).text();
        assert!(few.matches("filed").count() >= 15 && !few.contains("not shown"), "{few}");
    }

    #[test]
    fn a_repetition_is_told_from_a_new_filing() {
        let mut again = filed(v1::State::UnderReview);
        if let DocumentOutcome::Filed(receipt) = &mut again.outcome {
            receipt.repeated = true;
        }
        let fresh = filed(v1::State::UnderReview);
        assert_eq!(object(&again)["repeated"], json!(true));
        assert_eq!(object(&fresh)["repeated"], json!(false));
        let text = report([again, fresh], false, false).text();
        assert!(text.ends_with("\n1 filed; 1 filed before"), "{text}");
    }

    #[test]
    fn programs_get_what_people_see() {
        let mut row = filed(v1::State::UnderReview);
        row.standing = Some(FollowedState { state: v1::State::Released, ..Default::default() });
        let object = object(&row);
        assert_eq!(
            (&object["status"], &object["state"]),
            (&json!("filed"), &json!("STATE_RELEASED"))
        );
    }
}
