//! `watch`: follows what happens, one line an entry, and says each fact in words.

use std::io::{self, Write as _};
use std::pin::pin;

use client::Update;
use futures::{Stream, StreamExt as _};
use proto::status::Language;
use proto::v1;
use proto::v1::fact::Kind;
use tonic::Status;

use super::problem::Problem;
use super::words::{self, pick};
use super::{Exit, Output, Session, clean, print_json, print_line, read, reader_gone};

/// Columns of the longest state.
const STATE_COLUMNS: usize = 12;

/// Follow what happens to your declarations, from now on.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Only this declaration, its whole history first: name, UUID, or any of its numbers.
    pub name: Option<String>,
    /// Go on after this resume token of an earlier entry.
    #[arg(long, value_name = "TOKEN")]
    pub from: Option<String>,
    /// End when the declaration is released, rejected, withdrawn or returned; the exit code is 0
    /// when it is released.
    #[arg(long, requires = "name")]
    pub until_end: bool,
}

/// Follows until the end that was asked for, or Ctrl-C.
///
/// # Errors
///
/// What kept it from doing so.
pub async fn run(session: &Session, args: WatchArgs) -> anyhow::Result<Exit> {
    let mut request =
        v1::WatchRequest { resume_token: args.from.unwrap_or_default(), ..Default::default() }; // from now on
    // A rejected version that was amended since is part of the history and not its end.
    let mut last_version = 0;
    if let Some(name) = &args.name {
        let name = read::resolve(session, name).await?;
        if args.until_end {
            last_version = read::fetch(session, &name).await?.version;
        }
        request.name = name;
    }
    let mut connection = ConnectionNotice::new(session.language);
    let mut news = pin!(client::watch_updates(session.window.clone(), request));
    while let Some(entry) = connection.next(&mut news).await? {
        match session.output {
            Output::Json => print_json(&entry)?,
            Output::Table => print_line(&line(&entry, session.language))?,
        }
        let ended = words::is_final(entry.state()) && entry.version >= last_version;
        if args.until_end && ended {
            let released = entry.state() == v1::State::Released;
            return Ok(if released { Exit::Done } else { Exit::Refused });
        }
    }
    Ok(Exit::Done)
}

/// What becomes of the connection of a watch. It is no result: it goes to stderr, in every form of
/// output, once when the window is lost and once when it is back.
pub(super) struct ConnectionNotice {
    language: Language,
    lost: bool,
}

impl ConnectionNotice {
    pub(super) fn new(language: Language) -> Self {
        Self { language, lost: false }
    }

    /// The next entry, after telling what became of the connection meanwhile. `None` at the end: when
    /// nobody reads our output any more, or at Ctrl-C.
    pub(super) async fn next<T>(
        &mut self,
        updates: &mut (impl Stream<Item = Result<Update<T>, Status>> + Unpin),
    ) -> anyhow::Result<Option<T>> {
        loop {
            let update = tokio::select! {
                update = updates.next() => update,
                () = reader_gone() => return Ok(None),
                _ = tokio::signal::ctrl_c() => return Ok(None),
            };
            match update.transpose()? {
                Some(Update::Entry(entry)) => return Ok(Some(entry)),
                Some(Update::Heartbeat) => {}
                Some(Update::Lost(status)) => self.lost(&status)?,
                Some(Update::Back) => self.back()?,
                None => return Ok(None),
            }
        }
    }

    /// Says why the window is away.
    pub(super) fn lost(&mut self, status: &Status) -> io::Result<()> {
        if std::mem::replace(&mut self.lost, true) {
            return Ok(());
        }
        let problem = Problem::of_status(status, self.language);
        let why = problem.cause();
        let text = match self.language {
            Language::English => {
                format!("the window is lost ({why}); trying again until it is back")
            }
            Language::Chinese => format!("与单一窗口的连接中断（{why}），正在重新连接"),
        };
        writeln!(io::stderr(), "{}", clean(&text))
    }

    /// Says that the window is there again, when it was away.
    pub(super) fn back(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.lost) {
            return Ok(());
        }
        let text = pick(
            self.language,
            "the window is back; nothing was missed",
            "已重新连接单一窗口，其间消息未遗漏",
        );
        writeln!(io::stderr(), "{text}")
    }
}

/// One entry: when, which, where it stands, what happened.
fn line(entry: &v1::WatchResponse, language: Language) -> String {
    let time = words::when(entry.time.and_then(proto::time));
    let state = words::padded(words::state_in(language, entry.state()), STATE_COLUMNS);
    let facts = if entry.unreadable {
        unreadable(language).to_owned()
    } else {
        describe_all(&entry.facts, language)
    };
    let waits_for = waits_for(language, entry.waits_for());
    format!("{time}  {}  {state}  {facts}{waits_for}", short(&entry.name))
}

/// `; waits for the verdict of customs`, or nothing.
pub(super) fn waits_for(language: Language, awaited: impl Iterator<Item = v1::Awaited>) -> String {
    match (words::awaited(language, awaited).as_str(), language) {
        ("", _) => String::new(),
        (what, Language::English) => format!("; waits for {what}"),
        (what, Language::Chinese) => format!("；尚待{what}"),
    }
}

/// What is said of an entry that the window could not read.
pub(super) fn unreadable(language: Language) -> &'static str {
    pick(
        language,
        "something that the window cannot read any more; its operator is told",
        "该条记录已损坏，单一窗口无法读取，运维人员已获告警",
    )
}

/// The end of an id: its beginning is a time, which declarations of one moment share.
fn short(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or(name)
}

/// Several facts in words.
pub(super) fn describe_all(facts: &[v1::Fact], language: Language) -> String {
    let facts: Vec<_> = facts.iter().map(|fact| describe(fact, language)).collect();
    facts.join(pick(language, "; ", "；"))
}

/// A fact in words.
pub fn describe(fact: &v1::Fact, language: Language) -> String {
    let in_language = |english: String, chinese: String| match language {
        Language::English => english,
        Language::Chinese => chinese,
    };
    let who = |agency| words::agency(language, agency);
    let Some(kind) = &fact.kind else {
        return pick(language, "something that this program does not know", "未知事件").to_owned();
    };
    match kind {
        Kind::Filed(v1::Filed { pre_no }) => {
            in_language(format!("filed as {pre_no}"), format!("已申报，预录入编号{pre_no}"))
        }
        Kind::Amended(v1::Amended { previous_version: old }) => {
            in_language(format!("amended; version {old} is void"), format!("已变更，第{old}版作废"))
        }
        Kind::Withdrawn(v1::Withdrawn { reason }) => {
            in_language(format!("withdrawn: {reason}"), format!("企业撤单：{reason}"))
        }
        Kind::StandChanged(changed) if changed.who().agency().is_none() => {
            words::checked(language, changed.who()).to_owned()
        }
        Kind::StandChanged(changed) => {
            let stand = words::stand(language, changed.stand());
            let gap = pick(language, " ", "");
            let why = reasons(&changed.reasons, language);
            format!("{}{gap}{stand}{why}", words::participant(language, changed.who()))
        }
        Kind::InspectionOrdered(ordered) => {
            let (by, what) = (who(ordered.demanded_by()), reasons(&ordered.instructions, language));
            in_language(
                format!("one joint inspection ordered by {by}{what}"),
                format!("{by}布控，开立一次联合查验{what}"),
            )
        }
        Kind::InspectionJoined(joined) => {
            let (by, what) = (who(joined.demanded_by()), reasons(&joined.instructions, language));
            in_language(
                format!("{by} joined the same joint inspection{what}"),
                format!("{by}加入同一次联合查验{what}"),
            )
        }
        Kind::InspectionCompleted(done) => {
            let found = findings(&done.findings, language);
            in_language(
                format!("joint inspection completed{found}"),
                format!("联合查验完成{found}"),
            )
        }
        Kind::InspectionAnswered(answered) => {
            let by = who(answered.demanded_by());
            in_language(
                format!("{by} asked to inspect again; answered from the recorded findings"),
                format!("{by}再次要求查验，以已有查验结果答复"),
            )
        }
        Kind::InspectionCancelled(_) => {
            pick(language, "the joint inspection fell away", "联合查验取消").to_owned()
        }
        Kind::InspectionReopened(v1::InspectionReopened { reason, .. }) => in_language(
            format!("the joint inspection is open again, on objection: {reason}"),
            format!("联合查验复验：{reason}"),
        ),
        Kind::InspectionProgress(moved) => moved_on(moved, language),
        Kind::DutyProgress(moved) => {
            let code =
                if moved.code.is_empty() { String::new() } else { format!("{} ", moved.code) };
            in_language(
                format!("duty: {code}{}", moved.text),
                format!("税款：{code}{}", moved.text_zh),
            )
        }
        Kind::ReceiptProgress(moved) => {
            in_language(format!("receipt: {}", moved.text), format!("收汇：{}", moved.text_zh))
        }
        Kind::ExportProgress(moved) => {
            in_language(format!("export: {}", moved.text), format!("出口：{}", moved.text_zh))
        }
        Kind::DocumentsRequested(requested) => {
            let (by, what) = (who(requested.agency()), asked_for(requested, language));
            in_language(format!("{by} asks for documents{what}"), format!("{by}要求补交单证{what}"))
        }
        Kind::DocumentsProvided(provided) => {
            let (to, what) = (who(provided.agency()), provided_for(provided, language));
            in_language(
                format!("documents provided to {to}{what}"),
                format!("已向{to}补交单证{what}"),
            )
        }
        Kind::DocumentsWaived(waived) => {
            let by = who(waived.agency());
            in_language(
                format!("{by} goes on without the documents"),
                format!("{by}不再要求补交单证"),
            )
        }
        Kind::BankNotice(_) => pick(language, "a bank was told", "已通知银行").to_owned(),
        Kind::Numbered(v1::Numbered { invt_no }) => {
            in_language(format!("customs number {invt_no}"), format!("海关清单编号{invt_no}"))
        }
        Kind::Released(v1::Released { release_id, invt_no: _ }) => in_language(
            format!("RELEASED, release {release_id}"),
            format!("放行，放行编号{release_id}"),
        ),
        Kind::Rejected(rejected) => {
            let (by, why) = (who(rejected.agency()), reasons(&rejected.reasons, language));
            in_language(format!("rejected by {by}{why}"), format!("{by}退单{why}"))
        }
        Kind::Returned(returned) => {
            let (by, why) = (who(returned.agency()), reasons(&returned.reasons, language));
            in_language(format!("sent back abroad by {by}{why}"), format!("{by}责令退运{why}"))
        }
    }
}

/// What happened at the site: `the examination is appointed at Port One, 2026-11-25 09:00 to …`. Where and
/// when are said once, with the appointment.
fn moved_on(moved: &v1::InspectionProgress, language: Language) -> String {
    let step = words::step(language, moved.step());
    let (name, text) = match language {
        Language::English => (&moved.place_name, &moved.text),
        Language::Chinese => (&moved.place_name_zh, &moved.text_zh),
    };
    let parts = if text.is_empty() { Vec::new() } else { vec![text.clone()] };
    if !matches!(moved.step(), v1::InspectionStep::Appointed | v1::InspectionStep::Rescheduled) {
        return format!("{step}{}", listed(parts, language));
    }
    let place = if name.is_empty() { &moved.place } else { name };
    let place = match (place.as_str(), language) {
        ("", _) => String::new(),
        (place, Language::English) => format!(" at {place}"),
        (place, Language::Chinese) => format!("，{place}"),
    };
    let start = words::minute(moved.window_start.and_then(proto::time));
    let end = words::minute(moved.window_end.and_then(proto::time));
    let window = match (start.is_empty(), language) {
        (true, _) => String::new(),
        (false, Language::English) => format!(", {start} to {end}"),
        (false, Language::Chinese) => format!("，{start}至{end}"),
    };
    format!("{step}{place}{window}{}", listed(parts, language))
}

/// What an agency asks for: `: invoice (with the seller's stamp), contract if there is one, until …`.
fn asked_for(requested: &v1::DocumentsRequested, language: Language) -> String {
    // A request that says nothing is told as one.
    let v1::DocumentRequest { items, until_time } = requested.asked.clone().unwrap_or_default();
    let item = |item: &v1::RequestedDocument| {
        let kind = words::document_kind(language, &item.kind);
        let text = if item.text.is_empty() { String::new() } else { format!(" ({})", item.text) };
        let optional = pick(language, " if there is one", "（非必需）");
        format!("{kind}{text}{}", if item.mandatory { "" } else { optional })
    };
    let until = words::minute(until_time.and_then(proto::time));
    let until = (!until.is_empty()).then(|| match language {
        Language::English => format!("until {until}"),
        Language::Chinese => format!("期限{until}"),
    });
    listed(items.iter().map(item).chain(until).collect(), language)
}

/// What a firm provides: `: invoice INV-1, no contract: the order stands for it`.
fn provided_for(provided: &v1::DocumentsProvided, language: Language) -> String {
    let document = |document: &v1::ProvidedDocument| {
        let v1::ProvidedDocument { kind, number, reason, .. } = document;
        let kind = words::document_kind(language, kind);
        match (reason.is_empty(), language) {
            (true, _) => format!("{kind} {number}").trim_end().to_owned(),
            (false, Language::English) => format!("no {kind}: {reason}"),
            (false, Language::Chinese) => format!("无{kind}：{reason}"),
        }
    };
    listed(provided.documents.iter().map(document).collect(), language)
}

/// What agencies say: `: 1313 weights differ, …`; nothing when they say nothing.
fn reasons(reasons: &[v1::Reason], language: Language) -> String {
    let parts = reasons.iter().map(|reason| format!("{} {}", reason.code, reason.text));
    listed(parts.map(|reason| reason.trim().to_owned()).collect(), language)
}

/// What was found, each under the agency that asked.
fn findings(findings: &[v1::Finding], language: Language) -> String {
    let found = |finding: &v1::Finding| {
        let by = words::agency(language, finding.instructed_by());
        let line = match (finding.gnum, language) {
            (0, _) => String::new(),
            (gnum, Language::English) => format!(" line {gnum}"),
            (gnum, Language::Chinese) => format!("第{gnum}项"),
        };
        format!("{by}{line} {} {}", finding.result, finding.text).trim_end().to_owned()
    };
    listed(findings.iter().map(found).collect(), language)
}

fn listed(items: Vec<String>, language: Language) -> String {
    if items.is_empty() {
        return String::new();
    }
    pick(language, ": ", "：").to_owned() + &items.join(pick(language, ", ", "，"))
}

#[cfg(test)]
mod tests {
    use domain::clearance::{Agency, Stand};
    use domain::history::{Finding, HistoryFact, InspectionProgress, InspectionStep, Reason};
    use domain::participant::Participant;
    use domain::{OrderId, ReleaseId};
    use uuid::Uuid;

    use super::*;

    fn both(record: HistoryFact) -> [String; 2] {
        let fact = record.into();
        [describe(&fact, Language::English), describe(&fact, Language::Chinese)]
    }

    #[test]
    fn facts_are_said_in_words() {
        let cleared = HistoryFact::StandChanged {
            who: Participant::Customs,
            stand: Stand::Cleared,
            reasons: Vec::new(),
        };
        assert_eq!(both(cleared), ["customs cleared", "海关同意放行"]);
        let ordered = HistoryFact::InspectionOrdered {
            order_id: OrderId(Uuid::nil()),
            demanded_by: Agency::Customs,
            instructions: vec![Reason { code: "X1".to_owned(), text: "open the box".to_owned() }],
        };
        assert_eq!(
            both(ordered),
            [
                "one joint inspection ordered by customs: X1 open the box",
                "海关布控，开立一次联合查验：X1 open the box"
            ]
        );
        let finding = Finding {
            instructed_by: Agency::Quarantine,
            gnum: 2,
            result: "CONFORM".to_owned(),
            text: String::new(),
            evidence: Vec::new(),
        };
        let order_id = OrderId(Uuid::nil());
        let completed = HistoryFact::InspectionCompleted { order_id, findings: vec![finding] };
        assert_eq!(
            both(completed),
            [
                "joint inspection completed: quarantine line 2 CONFORM",
                "联合查验完成：国检第2项 CONFORM"
            ]
        );
        let reopened = HistoryFact::InspectionReopened { order_id, reason: "recount".to_owned() };
        assert_eq!(
            both(reopened),
            ["the joint inspection is open again, on objection: recount", "联合查验复验：recount"]
        );
        let checked =
            |who| HistoryFact::StandChanged { who, stand: Stand::Cleared, reasons: Vec::new() };
        assert_eq!(
            both(checked(Participant::RiskCheck)),
            ["the risk rules were asked", "已风险布控"]
        );
        assert_eq!(both(checked(Participant::Duty)), ["the duty is secured", "税款已担保"]);
        let begin = time::OffsetDateTime::UNIX_EPOCH;
        let moved = InspectionProgress {
            order_id,
            step: InspectionStep::Appointed,
            examination: 1,
            place: "S1".to_owned(),
            place_name: "Port One".to_owned(),
            place_name_zh: String::new(),
            window_start: Some(begin),
            window_end: Some(begin + time::Duration::HOUR),
            text: "bring the key".to_owned(),
            text_zh: String::new(),
        };
        let later = InspectionProgress { step: InspectionStep::Disposed, ..moved.clone() };
        assert_eq!(
            both(HistoryFact::InspectionProgress(moved)),
            [
                "the examination is appointed at Port One, 1970-01-01 08:00 to 1970-01-01 09:00: \
                 bring the key",
                "查验通知，S1，1970-01-01 08:00至1970-01-01 09:00"
            ]
        );
        let [later, _] = both(HistoryFact::InspectionProgress(later));
        assert_eq!(later, "decided what becomes of the goods: bring the key", "the place is known");
        let [released, _] = both(HistoryFact::Released {
            release_id: ReleaseId(Uuid::nil()),
            invt_no: String::new(),
        });
        assert!(released.starts_with("RELEASED, release 0000"));
        assert!(describe(&v1::Fact { kind: None }, Language::English).contains("does not know"));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_a_line_too() {
        let name = "declarations/0190a6e1-0000-7000-8000-0000000000ab".to_owned();
        let entry = v1::WatchResponse { name, unreadable: true, ..Default::default() };
        let line = line(&entry, Language::English);
        assert!(line.contains("0000000000ab") && line.contains("cannot read"), "{line}");
    }

    #[test]
    fn a_line_has_time_short_id_state_and_facts() {
        let entry = v1::WatchResponse {
            name: "declarations/0190a6e1-0000-7000-8000-0000000000ab".to_owned(),
            state: v1::State::Released.into(),
            facts: vec![HistoryFact::Numbered { invt_no: "4220".to_owned() }.into()],
            time: Some(proto::timestamp(time::OffsetDateTime::UNIX_EPOCH)),
            ..Default::default()
        };
        assert_eq!(
            line(&entry, Language::English),
            "1970-01-01 08:00:00.000 +08:00  0000000000ab  RELEASED      customs number 4220"
        );
    }
}
