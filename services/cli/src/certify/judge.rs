//! Whether what is expected is so: by what went through the listener, and by what the window says to the same caller.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proto::v1;
use tonic::Status;

use super::super::words::{is_final, state_in};
use super::super::{BilingualText, Language, Session};
use super::scenario::{DeclarationState, Expectation, ScenarioDoor, TransportFault};
use super::traffic::{CallOutcome, FilingCall, TrafficView};

/// How it is with one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckState {
    /// It is so.
    Passed,
    /// It may still become so.
    Open,
    /// It is not so, and will not be.
    Failed,
}

/// How it is, and what was seen.
#[derive(Debug, Clone)]
pub(crate) struct CheckResult {
    pub(crate) state: CheckState,
    pub(crate) seen: BilingualText,
}

/// What the window has of the orders of a scenario.
#[derive(Debug, Default)]
pub(crate) struct WindowView {
    /// Newest first.
    records: Vec<v1::DeclarationRecord>,
    documents: Vec<v1::DocumentRecord>,
}

/// Asks the window.
///
/// # Errors
///
/// What it refuses.
pub(crate) async fn look(
    session: &Session,
    door: ScenarioDoor,
    traffic: &TrafficView,
) -> Result<WindowView, Status> {
    let mut view = WindowView::default();
    for order_no in traffic.orders() {
        let order_no = order_no.to_owned();
        match door {
            ScenarioDoor::Declarations => {
                let request = v1::ListRequest { order_no, ..Default::default() };
                let call = async |it: &client::Window, ask| it.declarations().list(ask).await;
                view.records.extend(session.pages(request, MOST, call).await?);
            }
            ScenarioDoor::National => {
                let request = v1::ListDocumentsRequest { order_no, ..Default::default() };
                let call = async |it: &client::Window, ask| it.ceb().list_documents(ask).await;
                view.documents.extend(session.pages(request, MOST, call).await?);
            }
        }
    }
    Ok(view)
}

/// A scenario has a handful.
const MOST: usize = 1_000;
/// Broken rules are corrected, and then it is another request.
const BROKEN_RULES: &str = "SW-1001";

/// Judges one condition.
pub(crate) fn judge(
    condition: &Expectation,
    door: ScenarioDoor,
    traffic: &TrafficView,
    window: &WindowView,
) -> CheckResult {
    let filings: Vec<_> = traffic.filings().collect();
    match condition {
        Expectation::Filed => filed(&filings),
        Expectation::Refused(rules) => refused(&filings, *rules),
        Expectation::CorrectedAtOnce => corrected(&filings),
        Expectation::Repeated => repeated(&filings),
        Expectation::Waited => waited(&filings),
        Expectation::OneRequestId => one_request_id(&filings),
        Expectation::Declarations(many) => {
            let count = match door {
                ScenarioDoor::Declarations => window.records.len(),
                ScenarioDoor::National => window.inventories().count(),
            };
            let state = match count.cmp(many) {
                std::cmp::Ordering::Less => CheckState::Open,
                std::cmp::Ordering::Equal => CheckState::Passed,
                std::cmp::Ordering::Greater => CheckState::Failed,
            };
            result(state, count.to_string(), count.to_string())
        }
        Expectation::State(DeclarationState(wanted)) => window.newest(|record| {
            let is_over = is_final(record.state());
            (record.state() == *wanted, is_over)
        }),
        Expectation::Inspected => window
            .newest(|record| (!record.inspection_order_id.is_empty(), is_final(record.state()))),
        Expectation::Amended => {
            window.newest(|record| (record.version >= 2, is_final(record.state())))
        }
        Expectation::Followed => followed(door, traffic, window),
        Expectation::FiledAnew => filed_anew(&filings, window),
        Expectation::Documents(types) => documents(types, window),
        Expectation::Status(statuses) => status(statuses, window),
    }
}

/// Until when the answers of the listener are on their way, and nothing is quiet; `None` while one is open.
pub(crate) fn quiet_since(traffic: &TrafficView) -> Option<Instant> {
    let ends = traffic.calls.iter().map(|call| {
        let held = match call.fault {
            Some(TransportFault::Slow(seconds)) => Duration::from_secs(seconds),
            Some(_) | None => Duration::ZERO,
        };
        Some(call.ended? + held)
    });
    let ends: Option<Vec<_>> = ends.collect();
    ends?.into_iter().max()
}

impl WindowView {
    fn inventories(&self) -> impl Iterator<Item = &v1::DocumentRecord> {
        self.documents.iter().filter(|it| matches!(it.message_type, 603 | 621) && !it.deleted)
    }

    /// About the newest declaration: whether it is so, and whether it is too late for it.
    fn newest(&self, is: impl Fn(&v1::DeclarationRecord) -> (bool, bool)) -> CheckResult {
        let Some(record) = self.records.first() else {
            return result(CheckState::Open, "there is no declaration", "没有清单");
        };
        let state = match is(record) {
            (true, _) => CheckState::Passed,
            (false, true) => CheckState::Failed,
            (false, false) => CheckState::Open,
        };
        let (name, version) = (&record.name, record.version);
        let [english, chinese] =
            [Language::English, Language::Chinese].map(|it| state_in(it, record.state()));
        let inspection = match record.inspection_order_id.as_str() {
            "" => ("", ""),
            _ => (", inspected", "，经查验"),
        };
        result(
            state,
            format!("{name}, version {version}: {english}{}", inspection.0),
            format!("{name} 第{version}版：{chinese}{}", inspection.1),
        )
    }
}

fn result(
    state: CheckState,
    english: impl Into<String>,
    chinese: impl Into<String>,
) -> CheckResult {
    CheckResult { state, seen: BilingualText::new(english, chinese) }
}

fn nothing() -> CheckResult {
    result(CheckState::Open, "nothing came", "未收到")
}

/// What became of a call, in words.
pub(crate) fn outcome(call: &FilingCall) -> BilingualText {
    match &call.outcome {
        CallOutcome::Open => BilingualText::new("no answer yet", "尚无应答"),
        CallOutcome::Unseen => BilingualText::new("did not reach the window", "未到达单一窗口"),
        CallOutcome::Accepted { name, repeated: false } => {
            BilingualText::new(format!("taken {name}"), format!("受理 {name}"))
        }
        CallOutcome::Accepted { name, repeated: true } => {
            BilingualText::new(format!("taken before {name}"), format!("此前已受理 {name}"))
        }
        CallOutcome::Refused { status, code, rules } => BilingualText::new(
            format!("refused {status} {code}, broken rules: {rules}"),
            format!("被拒绝 {status} {code}，违反规则{rules}条"),
        ),
    }
}

fn result_of(state: CheckState, call: &FilingCall) -> CheckResult {
    CheckResult { state, seen: outcome(call) }
}

fn is_accepted(call: &FilingCall) -> bool {
    matches!(call.outcome, CallOutcome::Accepted { .. })
}

fn filed(filings: &[&FilingCall]) -> CheckResult {
    match (filings.iter().find(|call| is_accepted(call)), filings.last()) {
        (Some(call), _) => result_of(CheckState::Passed, call),
        (None, Some(last)) => result_of(CheckState::Open, last),
        (None, None) => nothing(),
    }
}

fn refused(filings: &[&FilingCall], least: usize) -> CheckResult {
    let Some(first) = filings.first() else { return nothing() };
    let state = match &first.outcome {
        CallOutcome::Refused { rules, .. } if *rules >= least => CheckState::Passed,
        CallOutcome::Refused { .. } | CallOutcome::Accepted { .. } => CheckState::Failed,
        CallOutcome::Open | CallOutcome::Unseen => CheckState::Open,
    };
    result_of(state, first)
}

fn corrected(filings: &[&FilingCall]) -> CheckResult {
    let is_refused = |call: &&&FilingCall| matches!(call.outcome, CallOutcome::Refused { .. });
    let mut filings = filings.iter();
    if !filings.any(|call| is_refused(&call)) {
        return result(CheckState::Open, "nothing was refused", "没有被拒绝的申报");
    }
    let Some(next) = filings.next() else {
        return result(CheckState::Open, "nothing came after the refusal", "被拒绝后未再申报");
    };
    let state = match next.outcome {
        CallOutcome::Accepted { .. } => CheckState::Passed,
        CallOutcome::Refused { .. } => CheckState::Failed,
        CallOutcome::Open | CallOutcome::Unseen => CheckState::Open,
    };
    result_of(state, next)
}

fn repeated(filings: &[&FilingCall]) -> CheckResult {
    // With a fault it is that request which has to come again, otherwise any.
    let faulty = filings.iter().position(|call| call.fault.is_some());
    let first = faulty.map_or(0..filings.len(), |place| place..place + 1);
    for place in first {
        let one = filings[place];
        let same_id = |call: &&&FilingCall| call.filing.request_id == one.filing.request_id;
        let Some(again) = filings[place + 1..].iter().find(same_id) else { continue };
        let id = &one.filing.request_id;
        if again.filing.content != one.filing.content {
            return result(
                CheckState::Failed,
                format!("request id {id} came again with another content"),
                format!("请求号{id}再次出现，但内容不同"),
            );
        }
        let after = again.since.saturating_duration_since(one.since).as_millis();
        return result(
            CheckState::Passed,
            format!("request id {id} came again after {after} ms"),
            format!("请求号{id}在{after}毫秒后再次出现"),
        );
    }
    match filings.len() {
        0 => nothing(),
        1 => result(CheckState::Open, "it came once", "只收到一次"),
        many => result(
            CheckState::Open,
            format!("{many} filings came, none with the request id of one before"),
            format!("收到{many}次申报，请求号各不相同"),
        ),
    }
}

fn waited(filings: &[&FilingCall]) -> CheckResult {
    let faulty = filings.iter().enumerate().find_map(|(place, call)| match call.fault {
        Some(TransportFault::TooManyRequests(seconds)) => Some((place, call.ended?, seconds)),
        Some(_) | None => None,
    });
    let Some((place, ended, seconds)) = faulty else { return nothing() };
    let Some(next) = filings.get(place + 1) else {
        return result(CheckState::Open, "nothing came again", "未再收到");
    };
    let after = next.since.saturating_duration_since(ended);
    let is_late = after >= Duration::from_secs(seconds);
    let after = after.as_millis();
    result(
        if is_late { CheckState::Passed } else { CheckState::Failed },
        format!("came again after {after} ms"),
        format!("{after}毫秒后再次收到"),
    )
}

fn one_request_id(filings: &[&FilingCall]) -> CheckResult {
    let is_counted = |call: &&&FilingCall| !matches!(&call.outcome, CallOutcome::Refused { code, .. } if code == BROKEN_RULES);
    let ids: BTreeSet<_> =
        filings.iter().filter(is_counted).map(|call| call.filing.request_id.as_str()).collect();
    let state = match ids.len() {
        0 => return nothing(),
        1 => CheckState::Passed,
        _ => CheckState::Failed,
    };
    let ids: Vec<_> = ids.into_iter().collect();
    result(state, ids.join(", "), ids.join("、"))
}

fn followed(door: ScenarioDoor, traffic: &TrafficView, window: &WindowView) -> CheckResult {
    let (subjects, statuses): (Vec<&str>, Vec<String>) = match door {
        ScenarioDoor::Declarations => {
            let Some(record) = window.records.first().filter(|it| is_final(it.state())) else {
                return result(CheckState::Open, "it has not ended yet", "尚未终结");
            };
            (vec![record.name.as_str()], vec![record.state().as_str_name().to_owned()])
        }
        ScenarioDoor::National => {
            let Some(it) = window.inventories().next() else { return nothing() };
            let names = [&it.guid, &it.cop_no, &it.pre_no].map(String::as_str);
            let names = names.into_iter().filter(|name| !name.is_empty());
            (names.collect(), [800, 899].map(|status: i32| status.to_string()).to_vec())
        }
    };
    let notice = traffic.notices.iter().find(|notice| {
        subjects.iter().any(|subject| subject.eq_ignore_ascii_case(&notice.subject))
            && statuses.contains(&notice.status)
    });
    match notice {
        Some(notice) => result(CheckState::Passed, notice.status.clone(), notice.status.clone()),
        None => {
            result(CheckState::Open, "the system did not read the end", "企业系统未读取最终结果")
        }
    }
}

fn filed_anew(filings: &[&FilingCall], window: &WindowView) -> CheckResult {
    let accepted = filings.iter().filter(|call| is_accepted(call));
    let ids: BTreeSet<_> = accepted.map(|call| call.filing.request_id.as_str()).collect();
    let many = window.records.len();
    let state = if ids.len() >= 2 && many >= 2 { CheckState::Passed } else { CheckState::Open };
    let ids = ids.len();
    result(
        state,
        format!("request ids that were taken: {ids}; declarations: {many}"),
        format!("受理的请求号{ids}个，清单{many}份"),
    )
}

/// Whether a document is refused by its status.
fn is_no(status: i32) -> bool {
    status < 0 || status == 100
}

fn documents(types: &[u32], window: &WindowView) -> CheckResult {
    let is_missing =
        |it: &&u32| !window.documents.iter().any(|document| document.message_type == **it);
    let is_missing = types.iter().any(|it| is_missing(&it));
    let is_refused = window.documents.iter().any(|document| is_no(document.return_status));
    let state = match (is_refused, is_missing) {
        (true, _) => CheckState::Failed,
        (false, true) => CheckState::Open,
        (false, false) => CheckState::Passed,
    };
    let seen = window.documents.iter().map(|it| {
        let why = if is_no(it.return_status) { it.return_info.as_str() } else { "" };
        format!("CEB{} {} {why}", it.message_type, it.return_status).trim_end().to_owned()
    });
    let seen: Vec<_> = seen.collect();
    if seen.is_empty() { nothing() } else { result(state, seen.join(", "), seen.join("、")) }
}

fn status(statuses: &[i32], window: &WindowView) -> CheckResult {
    let Some(it) = window.inventories().next() else { return nothing() };
    let state = if statuses.contains(&it.return_status) {
        CheckState::Passed
    } else if is_no(it.return_status) {
        CheckState::Failed
    } else {
        CheckState::Open
    };
    let missing = it.missing.join(", ");
    let seen = format!("{} {} {missing}", it.return_status, it.return_info);
    result(state, seen.trim_end(), seen.trim_end())
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::filed_request::Filing;
    use super::*;

    /// A filing with this id and content that came so many milliseconds after the first.
    fn filing(start: Instant, after_ms: u64, id: &str, content: &str) -> FilingCall {
        let since = start + Duration::from_millis(after_ms);
        FilingCall {
            filing: Filing {
                order_no: "SBX-1".to_owned(),
                request_id: id.to_owned(),
                content: content.to_owned(),
                is_filing: true,
                documents: Vec::new(),
            },
            since,
            time: OffsetDateTime::UNIX_EPOCH,
            fault: None,
            outcome: CallOutcome::Accepted { name: "declarations/1".to_owned(), repeated: false },
            ended: Some(since),
        }
    }

    fn state(condition: &Expectation, calls: Vec<FilingCall>) -> CheckState {
        let traffic = TrafficView { calls, ..Default::default() };
        judge(condition, ScenarioDoor::Declarations, &traffic, &WindowView::default()).state
    }

    #[test]
    fn only_the_same_again_is_a_repetition() {
        let start = Instant::now();
        let one = filing(start, 0, "a", "x");
        let with = |second| vec![one.clone(), second];
        let again = |id, content| filing(start, 10, id, content);
        let of = |calls| state(&Expectation::Repeated, calls);
        assert_eq!(of(vec![one.clone()]), CheckState::Open);
        assert_eq!(of(with(again("a", "x"))), CheckState::Passed);
        assert_eq!(of(with(again("b", "x"))), CheckState::Open);
        assert_eq!(of(with(again("a", "y"))), CheckState::Failed);
        let of = |calls| state(&Expectation::OneRequestId, calls);
        assert_eq!(of(with(again("a", "x"))), CheckState::Passed);
        assert_eq!(of(with(again("b", "x"))), CheckState::Failed);
        let mut corrected = one.clone();
        corrected.outcome = CallOutcome::Refused {
            status: "400".to_owned(),
            code: BROKEN_RULES.to_owned(),
            rules: 1,
        };
        assert_eq!(of(vec![corrected, again("b", "x")]), CheckState::Passed);
    }

    #[test]
    fn who_comes_again_too_early_has_not_waited() {
        let start = Instant::now();
        let mut busy = filing(start, 0, "a", "x");
        busy.fault = Some(TransportFault::TooManyRequests(3));
        busy.outcome = CallOutcome::Unseen;
        let of = |after_ms| {
            state(&Expectation::Waited, vec![busy.clone(), filing(start, after_ms, "a", "x")])
        };
        assert_eq!(of(2_999), CheckState::Failed);
        assert_eq!(of(3_000), CheckState::Passed);
        assert_eq!(state(&Expectation::Waited, vec![busy.clone()]), CheckState::Open);
    }

    #[test]
    fn nothing_is_quiet_while_an_answer_is_held_back() {
        let start = Instant::now();
        let mut slow = filing(start, 0, "a", "x");
        slow.fault = Some(TransportFault::Slow(8));
        let of = |call: &FilingCall| {
            quiet_since(&TrafficView { calls: vec![call.clone()], ..Default::default() })
        };
        assert_eq!(of(&slow), Some(start + Duration::from_secs(8)));
        slow.ended = None;
        assert_eq!(of(&slow), None);
    }
}
