//! `watch`: follows what happens, one line an entry, and says each fact in words.

use std::io::{self, Write as _};
use std::pin::pin;

use client::Update;
use futures::{Stream, StreamExt as _};
use proto::status::Language;
use proto::v1;
use tonic::Status;

use super::facts::describe_all;
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

#[cfg(test)]
mod tests {
    use domain::clearance::{Agency, Stand};
    use domain::history::{Finding, HistoryFact, InspectionProgress, InspectionStep, Reason};
    use domain::participant::Participant;
    use domain::{OrderId, ReleaseId};
    use uuid::Uuid;

    use super::*;
    use crate::facts::describe;

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
