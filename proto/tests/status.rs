//! A refusal reaches every stock client, whatever was sent.

use domain::Code;
use domain::limits;
use domain::refusal::{Refusal, Violation};
use proptest::prelude::*;
use proto::status::{self, LEFT_OUT, Language};
use tonic_types::StatusExt as _;

/// What stock clients take as trailers: names, values, and 32 bytes for each as HTTP/2 counts them.
const TRAILERS_MAX: usize = 8 * 1024;

fn trailers(status: tonic::Status) -> usize {
    let headers = status.into_http::<tonic::body::Body>().into_parts().0.headers;
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn violation(field: String, text: String) -> Violation {
    let text_zh = text.clone();
    Violation { code: Code::BadCharacter, field, text, text_zh, customs_code: Some("-304") }
}

#[test]
fn a_short_refusal_says_everything() {
    let violations = (0..10).map(|n| violation(format!("lines[{n}].gcode"), "is empty".into()));
    let refusal = Refusal::invalid(violations.collect()).with("existing", "declarations/x");
    let details = status::refused(&refusal, Language::English).get_error_details();
    assert_eq!(details.bad_request().map(|bad| bad.field_violations.len()), Some(10));
    let metadata = &details.error_info().expect("always").metadata;
    assert_eq!(metadata.get("existing").map(String::as_str), Some("declarations/x"));
    assert!(!metadata.contains_key(LEFT_OUT));
}

#[test]
fn a_violation_is_told_in_both_languages() {
    let text_zh = "须填写".to_owned();
    let refusal =
        Refusal::invalid(vec![Violation { text_zh, ..violation("a".into(), "is empty".into()) }]);
    for (language, said, other) in [
        (Language::English, "[SW-2004] is empty (-304)", ("zh-CN", "须填写")),
        (Language::Chinese, "[SW-2004] 须填写 (-304)", ("en", "is empty")),
    ] {
        let status = status::refused(&refusal, language);
        let title = status.get_details_localized_message().expect("in the caller's language");
        assert_ne!(title.locale, other.0);
        let broken = status.get_details_bad_request().expect("listed").field_violations.remove(0);
        let localized = broken.localized_message.expect("there is room");
        assert_eq!(broken.description, said);
        assert_eq!((localized.locale.as_str(), localized.message.as_str()), other);
    }
}

#[test]
fn a_long_refusal_says_how_much_it_leaves_out() {
    let violations = (0..limits::VIOLATIONS_MAX)
        .map(|n| violation(format!("lines[{n}].gcode"), "商品编码须为10位数字，实为空".into()));
    let refusal = Refusal::invalid(violations.collect());
    for language in [Language::English, Language::Chinese] {
        let status = status::refused(&refusal, language);
        let details = status.get_error_details();
        let shown = details.bad_request().map_or(0, |bad| bad.field_violations.len());
        let left_out = &details.error_info().expect("always").metadata[LEFT_OUT];
        assert!(shown >= 20, "{shown} fit");
        assert_eq!(shown + left_out.parse::<usize>().expect("a number"), limits::VIOLATIONS_MAX);
        assert!(trailers(status) < TRAILERS_MAX);
    }
}

#[test]
fn a_value_of_the_caller_is_cut() {
    let refusal = Refusal::of(Code::NameMalformed).with("name", "名".repeat(100_000));
    let status = status::refused(&refusal, Language::English);
    let metadata = status.get_error_details().error_info().expect("always").metadata.clone();
    assert_eq!(metadata["name"].chars().count(), limits::REFUSAL_VALUE_MAX + 1);
    let item = status::refused_item(refusal);
    assert_eq!(item.metadata["name"].chars().count(), limits::REFUSAL_VALUE_MAX + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_refusal_is_too_long_for_a_stock_client(
        code in 0..Code::ALL.len(),
        data in prop::collection::vec("\\PC{0,300}", 0..12),
        violations in prop::collection::vec(("\\PC{0,250}", "\\PC{0,450}"), 0..40),
    ) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let refusal = Refusal {
            code: Code::ALL[code],
            data: names.into_iter().zip(data).collect(),
            violations: violations.into_iter().map(|(f, t)| violation(f, t)).collect(),
        };
        for language in [Language::English, Language::Chinese] {
            let long = trailers(status::refused(&refusal, language));
            prop_assert!(long < TRAILERS_MAX, "{long} bytes");
        }
    }
}
