//! What became of the documents of one `submit`: a table with the details below, or JSON lines.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io;

use domain::Code;
use proto::ceb::ReadDocument;
use proto::status::Language;
use proto::v1;
use proto::v1::submit_stream_response::Result as Answer;
use serde_json::json;

use super::follow::Standing;
use super::problem::{self, Broken, Problem};
use super::words::{self, is_final, pick};
use super::{Exit, say_json};

/// Refusals that are told in full below a table; programs get all.
const DETAILS_MAX: usize = 20;

/// One document.
#[derive(Debug)]
pub(super) struct Row {
    file: String,
    /// Its place in the file; `None` for a file that cannot be read.
    document: Option<usize>,
    order_no: String,
    request_id: String,
    pub(super) outcome: Outcome,
    pub(super) warnings: Vec<Broken>,
    /// Where its fields stand, for a CEB message.
    pub(super) source: Option<ReadDocument>,
    /// Where it stood at the end of the waiting.
    pub(super) standing: Option<Standing>,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// No answer came.
    Unanswered,
    /// Filed, now or before.
    Filed(v1::SubmitResponse),
    /// Could be filed.
    Checked,
    /// A draft, not declared.
    Draft,
    /// Refused.
    Refused(Problem),
}

impl Outcome {
    fn status(&self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Filed(_) => "filed",
            Self::Checked => "checked",
            Self::Draft => "draft",
            Self::Refused(_) => "refused",
        }
    }

    fn word(&self, language: Language) -> &'static str {
        match self {
            Self::Unanswered => pick(language, "no answer", "未答复"),
            Self::Filed(_) => pick(language, "filed", "已申报"),
            Self::Checked => pick(language, "correct", "校验通过"),
            Self::Draft => pick(language, "draft, not declared", "暂存，未申报"),
            Self::Refused(_) => pick(language, "refused", "拒绝"),
        }
    }
}

impl Row {
    /// A document that waits for its answer.
    pub(super) fn new(file: String, document: usize, request: &v1::SubmitRequest) -> Self {
        let declaration = request.declaration.as_ref();
        Self {
            document: Some(document),
            order_no: declaration.map(|d| d.order_no.clone()).unwrap_or_default(),
            request_id: request.request_id.clone(),
            ..Self::unanswered(file)
        }
    }

    /// A file that cannot be read.
    pub(super) fn unread(file: String, problem: Problem) -> Self {
        Self { outcome: Outcome::Refused(problem), ..Self::unanswered(file) }
    }

    fn unanswered(file: String) -> Self {
        Self {
            file,
            document: None,
            order_no: String::new(),
            request_id: String::new(),
            outcome: Outcome::Unanswered,
            warnings: Vec::new(),
            source: None,
            standing: None,
        }
    }

    /// Takes the window's answer down.
    pub(super) fn answered(
        &mut self,
        answer: v1::SubmitStreamResponse,
        checked: bool,
        language: Language,
    ) {
        let source = self.source.as_ref();
        self.outcome = match answer.result {
            Some(Answer::Receipt(mut receipt)) => {
                for warning in std::mem::take(&mut receipt.warnings) {
                    let mut warning = Broken::of_warning(warning, language);
                    warning.place(source);
                    self.warnings.push(warning);
                }
                if checked { Outcome::Checked } else { Outcome::Filed(receipt) }
            }
            Some(Answer::Refusal(refusal)) => {
                Outcome::Refused(Problem::of_refusal(refusal, language).placed(source))
            }
            None => Outcome::Unanswered,
        };
    }

    /// The declaration, when there is one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Filed(receipt) => Some(&receipt.name),
            Outcome::Unanswered | Outcome::Checked | Outcome::Draft | Outcome::Refused(_) => None,
        }
    }

    fn receipt(&self) -> Option<&v1::SubmitResponse> {
        match &self.outcome {
            Outcome::Filed(receipt) => Some(receipt),
            Outcome::Unanswered | Outcome::Checked | Outcome::Draft | Outcome::Refused(_) => None,
        }
    }

    fn state(&self) -> Option<v1::State> {
        let heard = self.standing.as_ref().map(|standing| standing.state);
        heard.or_else(|| self.receipt().map(v1::SubmitResponse::state))
    }
}

/// How the command ends.
pub(super) fn exit(rows: &[Row], waited: bool) -> Exit {
    let of = |row: &Row| match &row.outcome {
        Outcome::Unanswered => Exit::Unreachable,
        Outcome::Refused(problem) => problem.exit,
        Outcome::Filed(_) if waited => match row.state() {
            Some(v1::State::Released) => Exit::Done,
            Some(state) if is_final(state) => Exit::Refused,
            Some(_) | None => Exit::Unreachable,
        },
        Outcome::Filed(_) | Outcome::Checked | Outcome::Draft => Exit::Done,
    };
    rows.iter().map(of).max().unwrap_or(Exit::Done)
}

/// One line a document.
pub(super) fn json(rows: &[Row]) -> io::Result<()> {
    rows.iter().try_for_each(|row| say_json(&object(row)))
}

fn object(row: &Row) -> serde_json::Value {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut object = json!({
        "file": row.file,
        "document": row.document,
        "order_no": said(&row.order_no),
        "request_id": said(&row.request_id),
        "status": row.outcome.status(),
        "name": row.name(),
        "pre_no": row.receipt().map(|receipt| &receipt.pre_no),
        "state": row.state().map(|state| state.as_str_name()),
        "invt_no": row.standing.as_ref().and_then(|standing| said(&standing.invt_no)),
        "release_id": row.standing.as_ref().and_then(|standing| said(&standing.release_id)),
        "warnings": row.warnings,
    });
    match &row.outcome {
        Outcome::Refused(problem) => object["refusal"] = json!(problem),
        Outcome::Draft => {
            object["refusal"] =
                json!(Problem::local(Code::DraftNotDeclared, Language::English, Vec::new()));
        }
        Outcome::Unanswered | Outcome::Filed(_) | Outcome::Checked => {}
    }
    object
}

/// For people: the table, then refusals, then warnings, then the sums.
pub(super) fn table(rows: &[Row], language: Language, waited: bool) -> String {
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
    for row in rows {
        table.add_row(cells(row, language, waited));
    }
    let mut text = table.to_string();
    text.push_str(&refusals(rows));
    text.push_str(&warnings(rows, language));
    let _infallible = write!(text, "\n{}", sums(rows, language, waited));
    text
}

fn cells(row: &Row, language: Language, waited: bool) -> Vec<String> {
    let receipt = row.receipt();
    let mut cells = vec![
        row.file.clone(),
        row.document.map(|number| number.to_string()).unwrap_or_default(),
        row.order_no.clone(),
        row.outcome.word(language).to_owned(),
        receipt.map(|receipt| words::id(&receipt.name).to_owned()).unwrap_or_default(),
        receipt.map(|receipt| receipt.pre_no.clone()).unwrap_or_default(),
        row.warnings.len().to_string(),
    ];
    if waited {
        let state = row.state().map(|state| words::state_in(language, state).to_owned());
        cells.push(state.unwrap_or_default());
        cells.push(row.standing.as_ref().map(|s| s.invt_no.clone()).unwrap_or_default());
    }
    cells
}

fn refusals(rows: &[Row]) -> String {
    let mut text = String::new();
    let refused = rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Refused(problem) => Some((row, problem)),
        Outcome::Unanswered | Outcome::Filed(_) | Outcome::Checked | Outcome::Draft => None,
    });
    let count = refused.clone().count();
    for (row, problem) in refused.take(DETAILS_MAX) {
        let number = row.document.map(|number| format!(" #{number}")).unwrap_or_default();
        let order = if row.order_no.is_empty() { "" } else { " " };
        let problem = problem.clone().in_file(&row.file).text();
        let _infallible = write!(text, "\n{}{number}{order}{}: {problem}", row.file, row.order_no);
    }
    if count > DETAILS_MAX {
        let more = count - DETAILS_MAX;
        let _infallible = write!(text, "\n… {more} more refusals: see --output json");
    }
    text
}

/// Each code once, with how many documents it concerns and the first place.
fn warnings(rows: &[Row], language: Language) -> String {
    let mut by_code: BTreeMap<&str, (&Row, &Broken, HashSet<usize>)> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        for warning in &row.warnings {
            let entry = by_code.entry(&warning.code);
            entry.or_insert_with(|| (row, warning, HashSet::new())).2.insert(index);
        }
    }
    let mut text = String::new();
    for (code, (row, first, documents)) in by_code {
        let title = problem::known(code)
            .map(|code| pick(language, code.title(), code.title_zh()))
            .unwrap_or_default();
        let count = documents.len();
        let _infallible = match language {
            Language::English => {
                write!(text, "\nwarning {code} (documents: {count}): {title}")
            }
            Language::Chinese => write!(text, "\n警告 {code}（{count}份单证）：{title}"),
        };
        let _infallible = write!(text, "\n  {}", first.placed_text(Some(&row.file)));
    }
    text
}

/// 5 filed; 1 refused.
fn sums(rows: &[Row], language: Language, waited: bool) -> String {
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *sums.entry(row.outcome.word(language)).or_default() += 1;
        if let (true, Some(state), Some(_)) = (waited, row.state(), row.receipt()) {
            *sums.entry(words::state_in(language, state)).or_default() += 1;
        }
    }
    let sums: Vec<_> = sums.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
    sums.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome) -> Row {
        Row { outcome, ..Row::unanswered("a.xml".to_owned()) }
    }

    fn filed(state: v1::State) -> Row {
        let receipt = v1::SubmitResponse { state: state.into(), ..Default::default() };
        row(Outcome::Filed(receipt))
    }

    #[test]
    fn the_worst_row_decides_the_exit_code() {
        let refused = |code| {
            let refusal = domain::Refusal::of(code);
            let refusal = proto::status::refused_item(refusal);
            row(Outcome::Refused(Problem::of_refusal(refusal, Language::English)))
        };
        assert_eq!(exit(&[row(Outcome::Draft), row(Outcome::Checked)], false), Exit::Done);
        assert_eq!(exit(&[row(Outcome::Draft), refused(Code::Invalid)], false), Exit::Refused);
        assert_eq!(exit(&[refused(Code::Internal), refused(Code::Invalid)], false), Exit::Fault);
        assert_eq!(exit(&[row(Outcome::Unanswered)], false), Exit::Unreachable);
        assert_eq!(exit(&[filed(v1::State::UnderReview)], false), Exit::Done);
        assert_eq!(exit(&[filed(v1::State::UnderReview)], true), Exit::Unreachable);
        assert_eq!(exit(&[filed(v1::State::Released)], true), Exit::Done);
        assert_eq!(exit(&[filed(v1::State::Rejected)], true), Exit::Refused);
    }

    #[test]
    fn warnings_are_told_once_for_each_code() {
        let mut rows = [filed(v1::State::UnderReview), filed(v1::State::UnderReview)];
        for row in &mut rows {
            row.warnings = vec![Broken::plain(Code::SignatureNotChecked, "not checked")];
        }
        let text = table(&rows, Language::English, false);
        assert_eq!(text.matches("warning SW-3012 (documents: 2)").count(), 1, "{text}");
        assert!(text.ends_with("\n2 filed"), "{text}");
    }

    #[test]
    fn programs_get_what_people_see() {
        let mut row = filed(v1::State::UnderReview);
        row.standing = Some(Standing { state: v1::State::Released, ..Default::default() });
        let object = object(&row);
        assert_eq!(
            (&object["status"], &object["state"]),
            (&json!("filed"), &json!("STATE_RELEASED"))
        );
    }
}
