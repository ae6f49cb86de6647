//! Values as people read them: states, stands, times in China, decimals, and masked personal data.

use domain::attachment::DOCUMENT_KINDS;
use domain::clearance::Agency;
use proto::status::Language;
use proto::v1;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

pub(super) use super::table::{Table, table};

/// One of two, by language.
pub(super) fn pick<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Who acted, behind what was done; nothing where it is the caller itself and no person or key of a name.
pub(super) fn acted(actor: &str) -> String {
    if actor.contains(" / ") { format!("  ({actor})") } else { String::new() }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A state in English and Chinese.
pub(super) fn state(state: v1::State) -> (&'static str, &'static str) {
    match state {
        v1::State::Unspecified => ("UNKNOWN", "未知"),
        v1::State::UnderReview => ("UNDER REVIEW", "申报中"),
        v1::State::Inspecting => ("INSPECTING", "查验"),
        v1::State::Released => ("RELEASED", "放行"),
        v1::State::Rejected => ("REJECTED", "退单"),
        v1::State::Withdrawn => ("WITHDRAWN", "撤单"),
        v1::State::Returned => ("RETURNED", "退运"),
    }
}

/// A state in one language.
pub fn state_in(language: Language, of: v1::State) -> &'static str {
    let (english, chinese) = state(of);
    pick(language, english, chinese)
}

/// Whether nothing more is expected to happen by itself.
pub fn is_final(state: v1::State) -> bool {
    match state {
        v1::State::Released | v1::State::Rejected | v1::State::Withdrawn | v1::State::Returned => {
            true
        }
        v1::State::Unspecified | v1::State::UnderReview | v1::State::Inspecting => false,
    }
}

/// A state as people type it: released, RELEASED, STATE_RELEASED or 放行.
pub(super) fn parse_state(text: &str) -> Result<v1::State, String> {
    let wanted = text.to_ascii_uppercase().replace(['-', ' '], "_");
    let states = (1..).map_while(|number| v1::State::try_from(number).ok());
    let fits = |of: &v1::State| {
        let name = of.as_str_name();
        name == wanted || name.strip_prefix("STATE_") == Some(&wanted) || state(*of).1 == text
    };
    states.clone().find(fits).ok_or_else(|| {
        let names = states.filter_map(|of| of.as_str_name().strip_prefix("STATE_"));
        let names: Vec<_> = names.map(|name| name.to_lowercase().replace('_', "-")).collect();
        format!("a state is one of {}", names.join(", "))
    })
}

/// What the rules call something, in one language.
pub fn title(language: Language, titles: (&'static str, &'static str)) -> &'static str {
    pick(language, titles.0, titles.1)
}

/// An agency.
pub fn agency(language: Language, agency: v1::Agency) -> &'static str {
    match agency {
        v1::Agency::Customs => title(language, Agency::Customs.titles()),
        v1::Agency::Quarantine => title(language, Agency::Quarantine.titles()),
        v1::Agency::Unspecified => pick(language, "an agency", "机关"),
    }
}

/// Who takes part in the clearance.
pub(super) fn participant(language: Language, who: v1::Participant) -> &'static str {
    match who {
        v1::Participant::Customs => title(language, Agency::Customs.titles()),
        v1::Participant::Quarantine => title(language, Agency::Quarantine.titles()),
        v1::Participant::RiskCheck => pick(language, "the risk rules", "风险布控"),
        v1::Participant::Duty => pick(language, "the duty", "税款担保"),
        v1::Participant::Unspecified => pick(language, "somebody", "有关方"),
    }
}

/// A check that was answered.
pub(super) fn checked(language: Language, who: v1::Participant) -> &'static str {
    match who {
        v1::Participant::RiskCheck => pick(language, "the risk rules were asked", "已风险布控"),
        v1::Participant::Duty => pick(language, "the duty is secured", "税款已担保"),
        v1::Participant::Customs | v1::Participant::Quarantine | v1::Participant::Unspecified => {
            pick(language, "a check was answered", "已核查")
        }
    }
}

/// Where an agency stands, as what it did.
pub fn stand(language: Language, stand: v1::Stand) -> &'static str {
    match stand {
        v1::Stand::Unspecified => pick(language, "unknown", "未知"),
        v1::Stand::Pending => pick(language, "not heard yet", "待回执"),
        v1::Stand::Accepted => pick(language, "accepted", "入库"),
        v1::Stand::ManualReview => pick(language, "reviews by hand", "人工审核"),
        v1::Stand::Concluded => pick(language, "concluded the review of data", "审结"),
        v1::Stand::WantsInspection => pick(language, "wants to look at the goods", "要求查验"),
        v1::Stand::Held => pick(language, "holds it for documents", "待补单证"),
        v1::Stand::Detained => pick(language, "detained the goods", "扣留"),
        v1::Stand::Cleared => pick(language, "cleared", "同意放行"),
    }
}

/// What a release waits for: `verdict of customs, risk check`; empty when nothing is missing.
pub fn awaited(language: Language, waits_for: impl Iterator<Item = v1::Awaited>) -> String {
    let word = |what| match what {
        v1::Awaited::Unspecified => pick(language, "something else", "其他事项"),
        v1::Awaited::CustomsVerdict => pick(language, "verdict of customs", "海关回执"),
        v1::Awaited::QuarantineVerdict => pick(language, "verdict of quarantine (CIQ)", "国检回执"),
        v1::Awaited::Findings => pick(language, "findings of the joint inspection", "联合查验结果"),
        v1::Awaited::RiskCheck => pick(language, "risk check", "风险布控"),
        v1::Awaited::Duty => pick(language, "duty secured", "税款担保"),
        v1::Awaited::Documents => pick(language, "documents of the firm", "企业补交单证"),
    };
    waits_for.map(word).collect::<Vec<_>>().join(pick(language, ", ", "、"))
}

/// A kind of document; one that this program does not know, as it is.
pub fn document_kind(language: Language, kind: &str) -> String {
    let known = DOCUMENT_KINDS.iter().find(|(code, ..)| *code == kind);
    known.map_or_else(|| kind.to_owned(), |(_, en, zh)| pick(language, en, zh).to_owned())
}

/// A step of an inspection, as what happened.
pub(super) fn step(language: Language, step: v1::InspectionStep) -> &'static str {
    use v1::InspectionStep as Step;
    match step {
        Step::Unspecified => pick(language, "the inspection moved on", "查验进展"),
        Step::Appointed => pick(language, "the examination is appointed", "查验通知"),
        Step::Rescheduled => pick(language, "the examination is moved", "查验改期"),
        Step::NoShow => pick(language, "nobody presented the goods", "未到场"),
        Step::Presented => pick(language, "the goods are at the site", "货物到场"),
        Step::Examining => pick(language, "the examination has begun", "开箱查验"),
        Step::Sampled => pick(language, "a sample was taken", "取样"),
        Step::Laboratory => pick(language, "a sample went to the laboratory", "样品送检"),
        Step::Found => pick(language, "found at the inspection", "查验发现"),
        Step::Treating => pick(language, "the goods are being treated", "检疫处理中"),
        Step::Treated => pick(language, "the goods were treated", "检疫处理完成"),
        Step::Disposed => pick(language, "decided what becomes of the goods", "处置"),
        Step::Closed => pick(language, "the inspection is closed", "查验办结"),
        Step::ObjectionRefused => pick(language, "the objection was refused", "异议不予受理"),
    }
}

/// A point in time on China's clocks; empty when there is none.
pub fn when(time: Option<OffsetDateTime>) -> String {
    let shape = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3] +08:00"
    );
    let local = time.and_then(|time| time.checked_to_offset(domain::CHINA));
    local.and_then(|time| time.format(shape).ok()).unwrap_or_default() // an empty cell
}

/// The same to the minute, for lists.
pub fn minute(time: Option<OffsetDateTime>) -> String {
    let shape = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let local = time.and_then(|time| time.checked_to_offset(domain::CHINA));
    local.and_then(|time| time.format(shape).ok()).unwrap_or_default() // an empty cell
}

/// A time on the command line: a day in China, or RFC 3339.
pub(super) fn parse_from(text: &str) -> Result<OffsetDateTime, String> {
    match time::Date::parse(text, format_description!("[year]-[month]-[day]")) {
        Ok(day) => Ok(day.midnight().assume_offset(domain::CHINA)),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
            "a time is YYYY-MM-DD (a day in China) or RFC 3339, as 2026-11-24T08:30:00+08:00"
                .to_owned()
        }),
    }
}

/// The same as an end: a day counts as a whole.
pub(super) fn parse_until(text: &str) -> Result<OffsetDateTime, String> {
    let time = parse_from(text)?;
    let is_day = !text.contains(':');
    Ok(if is_day { time.saturating_add(time::Duration::DAY) } else { time })
}

/// An amount in 1/100000 without zeros that say nothing.
pub fn decimal(e5: i64) -> String {
    let (whole, part) = (e5.unsigned_abs() / 100_000, e5.unsigned_abs() % 100_000);
    let sign = if e5 < 0 { "-" } else { "" };
    let number = format!("{sign}{whole}.{part:05}");
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Money with its currency as banks write it.
pub fn money(money: Option<&v1::Money>) -> String {
    money.map_or_else(String::new, |money| {
        let currency = domain::codes::iso_currency(&money.currency).unwrap_or(&money.currency);
        format!("{} {currency}", decimal(money.amount_e5))
    })
}

/// A name of a person: 张*.
pub fn mask_name(name: &str) -> String {
    name.chars().next().map_or_else(String::new, |first| format!("{first}*"))
}

/// A number of a document: its last four characters, when it has enough others.
pub fn mask_number(number: &str) -> String {
    let length = number.chars().count();
    if length == 0 {
        return String::new();
    }
    let shown: String = number.chars().skip(length.saturating_sub(4)).collect();
    if length < 8 { "****".to_owned() } else { format!("****{shown}") }
}

/// A word filled up to so many columns of a terminal, where Chinese characters take two.
pub(super) fn padded(word: &str, columns: usize) -> String {
    let taken: usize = word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    word.to_owned() + &" ".repeat(columns.saturating_sub(taken))
}

/// The part of a resource name that tables show; every command takes it for the whole.
pub fn id(name: &str) -> &str {
    name.trim_start_matches("declarations/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_short() {
        for (e5, text) in [
            (1_234_000, "12.34"),
            (200_000, "2"),
            (0, "0"),
            (1, "0.00001"),
            (-50_000, "-0.5"),
            (i64::MIN, "-92233720368547.75808"),
        ] {
            assert_eq!(decimal(e5), text);
        }
        let yuan = v1::Money { currency: "142".to_owned(), amount_e5: 1_000_000 };
        assert_eq!(money(Some(&yuan)), "10 CNY");
    }

    #[test]
    fn personal_data_is_masked() {
        assert_eq!(mask_name("张示例"), "张*");
        assert_eq!(mask_number("110101199001011237"), "****1237");
        assert_eq!(mask_number("12345"), "****");
        assert_eq!(mask_number(""), "");
    }

    #[test]
    fn words_of_both_languages_fill_the_same_columns() {
        assert_eq!(padded("RELEASED", 10), "RELEASED  ");
        assert_eq!(padded("申报中", 10), "申报中    ");
        assert_eq!(padded("UNDER REVIEW", 10), "UNDER REVIEW");
    }

    #[test]
    fn states_are_known_by_each_of_their_names() {
        for text in ["released", "RELEASED", "STATE_RELEASED", "放行"] {
            assert_eq!(parse_state(text), Ok(v1::State::Released));
        }
        assert_eq!(parse_state("under-review"), Ok(v1::State::UnderReview));
        let refused = parse_state("unspecified").expect_err("nobody is in this state");
        assert!(
            refused.ends_with("under-review, inspecting, released, rejected, withdrawn, returned")
        );
    }

    #[test]
    fn a_day_begins_and_ends_in_china() {
        let from = parse_from("2026-11-24").expect("a day");
        let until = parse_until("2026-11-24").expect("a day");
        assert_eq!(from.unix_timestamp(), 1_795_449_600);
        assert_eq!(until - from, time::Duration::DAY);
        assert_eq!(
            parse_from("2026-11-24T00:00:00+08:00"),
            parse_until("2026-11-24T00:00:00+08:00")
        );
        assert!(parse_from("24.11.2026").is_err());
        let shown = when(Some(from));
        assert_eq!(shown, "2026-11-24 00:00:00.000 +08:00");
    }
}
