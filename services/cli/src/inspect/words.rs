//! Words of inspections as people read and type them, in both languages, in one place.

use domain::clearance::Agency;
use domain::inspection::agency_word;
use domain::inspection::credit::{Class, CreditCause};
use domain::inspection::finding::{Disposal, FoundResult};
use domain::inspection::order::{InstructionKey, Method};
use proto::v1;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::super::Language;
use super::super::words::{self, pick};

/// One of two texts that were made for the occasion, by language.
pub(super) fn either_text(language: Language, english: String, chinese: String) -> String {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Where an order stands, in English and Chinese.
pub(super) fn stage(stage: v1::OrderStage) -> (&'static str, &'static str) {
    let known = proto::inspection::stage_from_wire(stage.into());
    known.map_or(("UNKNOWN", "未知"), |stage| (stage.word(), stage.zh()))
}

/// The same in one language.
pub fn stage_in(language: Language, of: v1::OrderStage) -> &'static str {
    let (english, chinese) = stage(of);
    pick(language, english, chinese)
}

/// A stage as people type it: found, FOUND, ORDER_STAGE_FOUND or 待处置.
pub(super) fn parse_stage(text: &str) -> Result<v1::OrderStage, String> {
    let wanted = spelt(text);
    let stages = (1..).map_while(|number| v1::OrderStage::try_from(number).ok());
    let fits = |of: &v1::OrderStage| {
        let (english, chinese) = stage(*of);
        of.as_str_name() == wanted || english == wanted || chinese == text
    };
    stages.clone().find(fits).ok_or_else(|| {
        let names: Vec<_> = stages.map(|of| stage(of).0.to_lowercase()).collect();
        format!("a stage is one of {}", names.join(", "))
    })
}

/// A word as codes are spelt.
fn spelt(text: &str) -> String {
    text.trim().to_ascii_uppercase().replace(['-', ' '], "_")
}

/// A result in one language; what is unknown to this version is left as it is.
pub fn result(language: Language, code: &str) -> String {
    match FoundResult::parse(code) {
        Some(result) => super::in_language(language, &result.title()).to_owned(),
        None => code.to_owned(),
    }
}

/// A result as people type it: conform, CONFORM, qty-mismatch or 相符.
pub(super) fn parse_result(text: &str) -> Result<FoundResult, String> {
    let known = || FoundResult::ALL.into_iter();
    FoundResult::parse(&spelt(text))
        .or_else(|| known().find(|it| it.title().zh == text))
        .ok_or_else(|| {
            format!(
                "a result is one of {}",
                known().map(FoundResult::code).collect::<Vec<_>>().join(", ")
            )
        })
}

/// A disposal in one language; what is unknown to this version is left as it is.
pub fn disposal(language: Language, code: &str) -> String {
    match Disposal::parse(code) {
        Some(disposal) => words::title(language, disposal.titles()).to_owned(),
        None => code.to_owned(),
    }
}

/// A disposal as people type it: release, AMEND_AND_RELEASE, other-detain or 退运.
pub(super) fn parse_disposal(text: &str) -> Result<Disposal, String> {
    let known = || Disposal::ALL.into_iter();
    let chinese = |it: &Disposal| it.titles().1 == text;
    Disposal::parse(&spelt(text)).or_else(|| known().find(chinese)).ok_or_else(|| {
        let codes: Vec<_> = known().map(Disposal::code).collect();
        format!("a disposal is one of {}", codes.join(", "))
    })
}

/// How goods are looked at.
pub fn method(language: Language, method: v1::Method) -> &'static str {
    let known = proto::inspection::method_from_wire(method.into());
    words::title(language, known.map_or(("unknown", "未知"), Method::titles))
}

/// A way of looking as people type it.
pub(super) fn parse_method(text: &str) -> Result<v1::Method, String> {
    match spelt(text).as_str() {
        "MACHINE" | "机检" => Ok(v1::Method::Machine),
        "MANUAL" | "人工查验" => Ok(v1::Method::Manual),
        _ => Err("a method is machine or manual".to_owned()),
    }
}

/// Who was there when the goods were opened; empty before.
pub fn attendance(language: Language, attendance: v1::Attendance) -> &'static str {
    match attendance {
        v1::Attendance::Unspecified => "",
        v1::Attendance::Declarant => pick(language, "the declarant", "申报企业"),
        v1::Attendance::SiteOperator => {
            pick(language, "only the operator of the site", "仅场地经营人（径行开验）")
        }
    }
}

/// An agency as people type it.
pub(super) fn parse_agency(text: &str) -> Result<Agency, String> {
    let known = Agency::ALL.into_iter().find(|it| it.titles().0 == text || it.titles().1 == text);
    known.ok_or_else(|| "an agency is customs or quarantine".to_owned())
}

/// Something of an agency: customs/ID or quarantine/ID.
pub(super) fn parse_key(text: &str) -> Result<InstructionKey, String> {
    let wrong = || "write customs/ID or quarantine/ID".to_owned();
    let (agency, id) = text.split_once('/').ok_or_else(wrong)?;
    let agency = parse_agency(agency).map_err(|_| wrong())?;
    if id.is_empty() { Err(wrong()) } else { Ok(InstructionKey { agency, id: id.to_owned() }) }
}

/// The same as it is shown.
pub fn key(agency: v1::Agency, id: &str) -> String {
    let agency = match agency {
        v1::Agency::Customs => agency_word(Agency::Customs),
        v1::Agency::Quarantine => agency_word(Agency::Quarantine),
        v1::Agency::Unspecified => "?",
    };
    format!("{agency}/{id}")
}

/// Lines of goods; none stands for the consignment.
pub fn lines(language: Language, lines: &[u32]) -> String {
    if lines.is_empty() {
        return pick(language, "all", "整批").to_owned();
    }
    lines.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// A credit class.
pub fn class(language: Language, word: &str) -> String {
    match (Class::parse(word), language) {
        (Some(class), Language::Chinese) => class.zh().to_owned(),
        (Some(_), Language::English) | (None, _) => word.to_owned(),
    }
}

/// What a credit entry is about.
pub(super) fn cause(language: Language, code: &str) -> String {
    let cause = match code {
        "NO_SHOW" => Some(CreditCause::NoShow),
        other => FoundResult::parse(other).map(CreditCause::Found),
    };
    cause.map_or_else(
        || code.to_owned(),
        |cause| super::in_language(language, &cause.title()).to_owned(),
    )
}

/// Where a credit entry stands.
pub(super) fn credit_status(language: Language, status: v1::CreditStatus) -> &'static str {
    match status {
        v1::CreditStatus::Unspecified => pick(language, "unknown", "未知"),
        v1::CreditStatus::Active => pick(language, "counts", "有效"),
        v1::CreditStatus::Appealed => pick(language, "counts, appealed against", "申诉中，有效"),
        v1::CreditStatus::Upheld => pick(language, "counts, the appeal failed", "申诉不成立，有效"),
        v1::CreditStatus::Overturned => pick(language, "does not count", "已撤销"),
    }
}

/// Yes or no.
pub fn yes(language: Language, is: bool) -> &'static str {
    if is { pick(language, "yes", "是") } else { pick(language, "no", "否") }
}

/// Several facts of an order in words.
pub fn facts(facts: &[v1::OrderFact], language: Language) -> String {
    let facts: Vec<_> = facts.iter().map(|it| fact(it, language)).collect();
    facts.join(pick(language, "; ", "；"))
}

/// A fact of an order in words.
pub(super) fn fact(fact: &v1::OrderFact, language: Language) -> String {
    use v1::OrderFactKind as K;
    let by = words::agency(language, fact.agency());
    let detail = fact.detail.as_str();
    let plain = |english, chinese| pick(language, english, chinese).to_owned();
    let both = |english: String, chinese: String| either_text(language, english, chinese);
    match fact.kind() {
        K::Unspecified => plain("something that this program does not know", "未知事件"),
        K::Ordered => both(format!("ordered by {by}"), format!("{by}布控")),
        K::Joined => both(format!("{by} joined the same order"), format!("{by}加入同一查验单")),
        K::Extended => both(format!("{by} demands more"), format!("{by}追加布控")),
        K::Answered => both(
            format!("a late demand of {by} was answered from the record"),
            format!("{by}的后续布控以已有查验结果答复"),
        ),
        K::Appointed => plain("appointed", "已预约"),
        K::Rescheduled => plain("moved to another time", "已改期"),
        K::NoShow => {
            both(format!("nobody came, {detail} so far"), format!("未按预约到场，累计{detail}次"))
        }
        K::Compelled => plain(
            "from now on the site chooses the time and may open the goods without the declarant",
            "此后由场地定时，可径行开验",
        ),
        K::Assigned => plain("officers were drawn by lot", "已随机选派查验人员"),
        K::Replaced => plain("an officer was replaced", "已更换查验人员"),
        K::Presented => {
            let who = match detail {
                "DECLARANT" => v1::Attendance::Declarant,
                "SITE_OPERATOR" => v1::Attendance::SiteOperator,
                _ => v1::Attendance::Unspecified,
            };
            let who = attendance(language, who);
            both(format!("the goods are there, with {who}"), format!("货物到场，在场：{who}"))
        }
        K::Began => {
            let how = match detail {
                "MACHINE" => v1::Method::Machine,
                "MANUAL" => v1::Method::Manual,
                _ => v1::Method::Unspecified,
            };
            let how = method(language, how);
            both(format!("officers began to look {how}"), format!("开始{how}"))
        }
        K::Taken => both(format!("sample {detail} was taken"), format!("取样{detail}")),
        K::Sent => {
            both(format!("sample {detail} went to the laboratory"), format!("样品{detail}已送检"))
        }
        K::Found => found(fact, language),
        K::Completed => plain("every instruction has its result", "全部布控指令已有结果"),
        K::Objected => plain("a second examination was ordered", "已安排复验"),
        K::Decided => {
            let what = disposal(language, detail);
            both(format!("{by} decided: {what}"), format!("{by}处置：{what}"))
        }
        K::TreatmentOrdered => plain("the goods have to be treated", "须作除害处理"),
        K::Treated if detail == "PASSED" => {
            plain("the goods were treated and are clean", "除害处理合格")
        }
        K::Treated => plain("the treatment failed", "除害处理不合格"),
        K::Disposed => {
            let what = disposal(language, detail);
            both(format!("what happens to the goods: {what}"), format!("处置结论：{what}"))
        }
        K::Closed => plain("closed", "已办结"),
        K::Cancelled => plain("the order fell away", "查验单取消"),
        K::ObjectionMade => plain(
            "the enterprise objects; the declaration has to be stopped first",
            "企业提出异议，待暂停放行",
        ),
        K::ObjectionRefused => {
            plain("the objection came too late; the findings stand", "异议未被受理，查验结果有效")
        }
        K::Claimed => both(format!("taken on by {detail}"), format!("{detail}受理")),
    }
}

/// What was found: the detail is `GENERAL line 0: CONFORM`.
fn found(fact: &v1::OrderFact, language: Language) -> String {
    let split = fact.detail.rsplit_once(": ").and_then(|(about, code)| {
        let (id, line) = about.rsplit_once(" line ")?;
        Some((id, line.parse().ok()?, code))
    });
    let Some((id, line, code)) = split else { return fact.detail.clone() };
    let (key, what) = (key(fact.agency(), id), result(language, code));
    match line {
        0 => either_text(language, format!("{key}: {what}"), format!("{key}：{what}")),
        line => {
            let line: u32 = line;
            either_text(
                language,
                format!("{key} line {line}: {what}"),
                format!("{key}第{line}项：{what}"),
            )
        }
    }
}

/// A day on the command line.
pub(super) fn parse_day(text: &str) -> Result<Date, String> {
    proto::inspection::parse_day(text)
        .ok_or_else(|| "a day is YYYY-MM-DD, as 2026-11-26".to_owned())
}

/// A moment on the command line: in China without an offset, or RFC 3339.
pub(super) fn parse_moment(text: &str) -> Result<OffsetDateTime, String> {
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    match PrimitiveDateTime::parse(&text.replace(' ', "T"), shape) {
        Ok(moment) => Ok(moment.assume_offset(domain::CHINA)),
        Err(_) => words::parse_from(text).ok().filter(|_| text.contains(':')).ok_or_else(|| {
            "a time is 2026-11-26T09:00 (in China) or RFC 3339, as 2026-11-26T09:00:00+08:00"
                .to_owned()
        }),
    }
}

/// Days of leave on the command line: FIRST..LAST, or one day.
pub(super) fn parse_leave(text: &str) -> Result<v1::Leave, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (parse_day(first)?, parse_day(last)?);
    if first > last {
        return Err("the first day is not after the last".to_owned());
    }
    let day = proto::inspection::day;
    Ok(v1::Leave { first: day(first), last: day(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_by_each_of_their_names() {
        for text in ["found", "FOUND", "ORDER_STAGE_FOUND", "待处置"] {
            assert_eq!(parse_stage(text), Ok(v1::OrderStage::Found));
        }
        assert!(parse_stage("unknown").expect_err("nothing stands there").contains("closed"));
        for text in ["qty-mismatch", "QTY_MISMATCH", "数量或重量不符"] {
            assert_eq!(parse_result(text), Ok(FoundResult::QtyMismatch));
        }
        for text in ["amend-and-release", "AMEND_AND_RELEASE", "改单放行"] {
            assert_eq!(parse_disposal(text), Ok(Disposal::AmendAndRelease));
        }
        assert!(parse_disposal("burn").expect_err("not done").contains("OTHER_DETAIN"));
        let key = parse_key("quarantine/I-003").expect("a key");
        assert_eq!((key.agency, key.id.as_str()), (Agency::Quarantine, "I-003"));
        for wrong in ["", "site/1", "customs/", "customs"] {
            assert!(parse_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_without_an_offset_is_in_china() {
        let moment = parse_moment("2026-11-26T09:00").expect("a moment");
        assert_eq!(Ok(moment), parse_moment("2026-11-26T09:00:00+08:00"));
        assert_eq!(Ok(moment), parse_moment("2026-11-26 09:00"));
        assert!(parse_moment("2026-11-26").is_err(), "a window begins at an hour");
        let leave = parse_leave("2026-12-01..2026-12-05").expect("days");
        assert_eq!((leave.first.as_str(), leave.last.as_str()), ("2026-12-01", "2026-12-05"));
        assert!(parse_leave("2026-12-05..2026-12-01").is_err());
    }

    #[test]
    fn facts_are_said_in_words() {
        use v1::OrderFactKind as K;
        let fact_text = |kind: K, agency: v1::Agency, detail: &str, language| {
            let it =
                v1::OrderFact { kind: kind.into(), agency: agency.into(), detail: detail.into() };
            fact(&it, language)
        };
        let (en, zh) = (Language::English, Language::Chinese);
        let found = "C-9 line 2: QTY_MISMATCH";
        assert_eq!(
            fact_text(K::Found, v1::Agency::Customs, found, en),
            "customs/C-9 line 2: quantity or weight differs"
        );
        assert_eq!(
            fact_text(K::Found, v1::Agency::Customs, found, zh),
            "customs/C-9第2项：数量或重量不符"
        );
        assert_eq!(fact_text(K::Found, v1::Agency::Customs, "G line 0: X", en), "customs/G: X");
        let decided = fact_text(K::Decided, v1::Agency::Quarantine, "RELEASE", zh);
        assert_eq!(decided, "国检处置：放行");
        assert_eq!(
            fact_text(K::Began, v1::Agency::Unspecified, "MANUAL", en),
            "officers began to look by hand"
        );
    }
}
