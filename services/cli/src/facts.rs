//! Facts of declarations in words.

use proto::status::Language;
use proto::v1;
use proto::v1::fact::Kind;

use super::words::{self, pick};

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
