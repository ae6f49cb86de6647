//! What a national document must satisfy by itself, and the texts of published codes.

use std::collections::BTreeMap;

use domain::declaration::Profile;
use domain::documents::DocumentKind::{self, *};
use domain::documents::errors::ERRORS;
use domain::documents::identity::{self, IdentityFault, SAMPLE_PERSON};
use domain::documents::{DocumentViolation, Elements, refusal};
use proptest::prelude::*;

/// A document of a few elements.
#[derive(Default, Clone)]
struct Document {
    head: BTreeMap<&'static str, String>,
    lines: Vec<BTreeMap<&'static str, String>>,
}

impl Elements for Document {
    fn head(&self, element: &str) -> Option<String> {
        self.head.get(element).cloned()
    }

    fn lines(&self, element: &str) -> Vec<String> {
        self.lines.iter().filter_map(|line| line.get(element).cloned()).collect()
    }
}

/// As outside of the sandbox.
fn check(kind: DocumentKind, document: &Document) -> Vec<DocumentViolation> {
    domain::documents::check(kind, document, &Profile::default())
}

fn sandbox() -> Profile {
    let sample_declarants = vec!["1105910159".to_owned()];
    Profile { sandbox: true, sample_declarants, ..Profile::default() }
}

fn head(elements: &[(&'static str, &str)]) -> Document {
    let head = elements.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Document { head, lines: Vec::new() }
}

fn line(element: &'static str, value: &str) -> Document {
    let lines = vec![BTreeMap::from([("gnum", "1".to_owned()), (element, value.to_owned())])];
    Document { lines, ..Document::default() }
}

fn elements(violations: &[DocumentViolation]) -> Vec<&'static str> {
    violations.iter().map(|violation| violation.element).collect()
}

/// What is wrong: kind, document, element.
#[rustfmt::skip]
const WRONG: &[(DocumentKind, &str, &str)] = &[
    (ImportOrder, "orderType", "E"), (ExportOrder, "orderType", "X"),
    (ImportOrder, "buyerIdType", "2"), (ImportInventory, "buyerIdType", "2"),
    (ImportCancel, "buyerIdType", "3"), (ImportRefund, "buyerIdType", "2"),
    (ImportCancel, "appType", "2"), (ImportCancel, "appType", "3"), (ExportInventory, "ieFlag", "a"),
    (ExportReturn, "tradeMode", "0110"), (ExportReturn, "country", "142"),
    (Payment, "payerIdType", "2"), (WaybillStatus, "logisticsStatus", "R"),
    (ImportInventory, "ieFlag", "E"), (ImportInventory, "ieFlag", "X"),
    (ExportReturn, "ieFlag", "E"), (Tally, "ieFlag", "E"), (Arrival, "ieFlag", "X"),
    (Delivery, "ieFlag", "i"), (MoneyReceipt, "charge", "0"), (ExportWaybill, "packNo", "0"),
    (SummaryApply, "summaryFlag", "3"), (ImportWaybill, "packNo", "2"),
    (Payment, "payTime", "20261131120000"), (WaybillStatus, "logisticsTime", "20260101250000"),
    (MoneyReceipt, "accountingDate", "20260229000000"), (Departure, "leaveTime", "2026010112"),
    (SummaryApply, "startTime", "20261301000000"), (SummaryApply, "endTime", "00000000000000"),
    (SummaryApply, "endTime", "00010101000000"), (Payment, "payTime", "+0260101000000"),
    (ImportOrder, "appTime", "20260101006000"),
    (ImportOrder, "freight", "-20"), (ImportOrder, "goodsValue", "-0.01"),
    (ImportOrder, "discount", "-1"), (ImportOrder, "taxTotal", "-1"),
    (ImportOrder, "acturalPaid", "-1"), (Payment, "amountPaid", "-5"),
    (MoneyReceipt, "charge", "-5"), (ImportWaybill, "insuredFee", "-5"),
    (ImportWaybill, "weight", "0"), (ExportWaybill, "grossWeight", "0"), (WaybillList, "grossWeight", "-1"),
    (ImportWaybill, "freight", "-1"), (ExportOrder, "goodsValue", "0"),
];

#[test]
fn each_wrong_element_is_found_and_named() {
    for (kind, element, value) in WRONG {
        let found = check(*kind, &head(&[(element, value)]));
        assert_eq!(elements(&found), [*element], "{kind:?} {element} {value}");
        let told = refusal(*kind, &found).expect("it is refused");
        assert!(told.status < 0, "{told:?}");
        assert!(told.info.contains(element) && told.info.contains(value), "{told:?}");
    }
    for (kind, element, value) in [
        (ImportOrder, "qty", "0"),
        (ImportOrder, "qty", "-1"),
        (ImportOrder, "price", "-1"),
        (ExportOrder, "totalPrice", "-1"),
        (ImportRefund, "qty", "0"),
        (ExportReturn, "qty1", "-2"),
        (ExportReturn, "qty2", "0"),
        (ExportOrder, "price", "0"),
    ] {
        let found = check(kind, &line(element, value));
        assert_eq!(elements(&found), [element], "{kind:?} {element} {value}");
        assert_eq!(found[0].line, Some(1));
    }
}

#[test]
fn what_the_text_allows_is_let_through() {
    #[rustfmt::skip]
    let right = [
        (ImportOrder, "orderType", "I"), (ExportOrder, "orderType", "B"), (SummaryApply, "summaryFlag", "2"),
        (ExportReturn, "ieFlag", ""), (SummaryApply, "startTime", ""), (Payment, "payTime", "20240229235959"),
        (ImportOrder, "freight", "0"), (ImportOrder, "taxTotal", "0"), (ImportWaybill, "weight", "0.00001"),
        (Payment, "amountPaid", "0"), (ExportReturn, "tradeMode", "9810"), (Arrival, "ieFlag", "I"),
        // Of an inventory, the rules of a declaration look at these.
        (ImportInventory, "freight", "-1"), (ImportInventory, "buyerIdNumber", "1"),
    ];
    for (kind, element, value) in right {
        assert_eq!(check(kind, &head(&[(element, value)])), [], "{kind:?} {element} {value}");
    }
    assert_eq!(check(ImportOrder, &line("price", "0")), [], "a gift");
}

#[test]
fn lines_are_numbered_without_gaps_and_repetition() {
    let numbered = |numbers: &[u32]| Document {
        lines: numbers.iter().map(|n| BTreeMap::from([("gnum", n.to_string())])).collect(),
        ..Document::default()
    };
    for (numbers, wrong) in
        [(&[1, 2, 3][..], 0), (&[1, 1, 2], 1), (&[2, 3], 1), (&[1, 3], 1), (&[2, 1], 2), (&[0], 1)]
    {
        for kind in [ImportOrder, ExportOrder, Arrival, Departure, WaybillList, Delivery] {
            let found = check(kind, &numbered(numbers));
            assert_eq!(found.len(), wrong, "{kind:?} {numbers:?}");
        }
        // Returns name the lines of the inventory.
        assert_eq!(check(ImportRefund, &numbered(numbers)), []);
    }
    let told = refusal(ImportOrder, &check(ImportOrder, &numbered(&[1, 1])));
    let told = told.expect("refused");
    assert_eq!((told.status, told.info.as_str()), (-301_002, "订单商品信息内有重复商品序号"));
    // With another fault its code stays, and the other fault follows.
    let mut two = numbered(&[1, 1]);
    two.head.insert("freight", "-1".to_owned());
    let told = refusal(ImportOrder, &check(ImportOrder, &two)).expect("refused");
    assert_eq!(told.status, -301_002);
    assert_eq!(told.info, "订单商品信息内有重复商品序号；freight：填写了-1，不得小于零");
    // A later part of a split document goes on where the one before ended; or begins anew.
    for (part, numbers, wrong) in [
        ("1", &[5, 6][..], 1),
        ("2", &[5, 6], 0),
        ("2", &[1, 2], 0),
        ("2", &[5, 7], 1),
        ("2", &[5, 5], 1),
        ("2", &[0, 1], 1),
    ] {
        let mut document = numbered(numbers);
        document.head.insert("msgSeqNo", part.to_owned());
        let found = check(WaybillList, &document);
        assert_eq!(found.len(), wrong, "part {part} {numbers:?}");
    }
    let told = refusal(ImportOrder, &check(ImportOrder, &numbered(&[1, 3])));
    assert_eq!(told.expect("refused").status, -301_008);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut document = head(&[("orderType", "E"), ("freight", "-1"), ("buyerIdType", "1")]);
    document.head.insert("buyerIdNumber", "110101199003074515".to_owned());
    let found = check(ImportOrder, &document);
    assert_eq!(elements(&found), ["orderType", "freight", "buyerIdNumber"]);
    let told = refusal(ImportOrder, &found).expect("refused");
    assert_eq!(told.status, -301_008);
    for element in elements(&found) {
        assert!(told.info.contains(element), "{}", told.info);
    }
    assert!(
        told.info.starts_with("参数校验不通过，") && told.info.contains("订购人身份证号码有误")
    );
    assert!(!told.info.contains("110101"), "the number itself is not told");
    assert_eq!(refusal(ImportOrder, &[]), None);
}

#[test]
fn identity_numbers_are_those_of_the_standard() {
    for number in [
        "110101199003074514",
        "11010519491231002X",
        "11010519491231002x",
        "370285195303200600".replace("200600", "20060X").as_str(),
    ] {
        assert_eq!(identity::check(number), Ok(()), "{number}");
    }
    for (number, wrong) in [
        ("", IdentityFault::Length),
        ("11010119900307451", IdentityFault::Length),
        ("110101900307451", IdentityFault::Length),
        ("1101011990030745144", IdentityFault::Length),
        (" 10101199003074514", IdentityFault::Characters),
        ("１10101199003074514", IdentityFault::Characters),
        ("1101011990030745X4", IdentityFault::Characters),
        ("11010119900307451A", IdentityFault::Characters),
        ("110101199002304514", IdentityFault::Birthday),
        ("110101199013074514", IdentityFault::Birthday),
        ("110101000003074514", IdentityFault::Birthday),
        ("110101199003074515", IdentityFault::Check),
        ("101101199003074514", IdentityFault::Check),
        (SAMPLE_PERSON, IdentityFault::Birthday),
    ] {
        assert_eq!(identity::check(number), Err(wrong), "{number}");
    }
    let payment = head(&[("payerIdType", "1"), ("payerIdNumber", SAMPLE_PERSON)]);
    let found = domain::documents::check(Payment, &payment, &sandbox());
    assert_eq!(found, [], "the samples' person, in the sandbox");
    assert_eq!(elements(&check(Payment, &payment)), ["payerIdNumber"]);
}

#[test]
fn every_number_of_a_person_is_looked_at() {
    for (kind, id_type, number, zh) in [
        (ImportOrder, "buyerIdType", "buyerIdNumber", "订购人"),
        (ImportCancel, "buyerIdType", "buyerIdNumber", "订购人"),
        (ImportRefund, "buyerIdType", "buyerIdNumber", "订购人"),
        (Payment, "payerIdType", "payerIdNumber", "支付人"),
    ] {
        let wrong = head(&[(id_type, "1"), (number, "110101199003074515")]);
        let told = refusal(kind, &check(kind, &wrong)).expect("it is refused").info;
        assert!(told.contains(&format!("{zh}身份证号码有误")), "{kind:?}: {told}");
        assert!(!told.contains("110101"), "the number itself is not told: {told}");
        let right = head(&[(id_type, "1"), (number, "110101199003074514")]);
        assert_eq!(check(kind, &right), [], "{kind:?}");
    }
}

#[test]
fn drafts_may_be_unfinished_and_samples_are_as_published() {
    let draft = head(&[("appStatus", "1"), ("orderType", "E"), ("appTime", "20261331000000")]);
    assert_eq!(elements(&check(ImportOrder, &draft)), ["appTime"]);
    let sample = head(&[("agentCode", "1105910159"), ("ieFlag", "a")]);
    assert_eq!(domain::documents::check(ExportInventory, &sample, &sandbox()), []);
    assert_eq!(elements(&check(ExportInventory, &sample)), ["ieFlag"]);
    let other = head(&[("agentCode", "3702960001"), ("ieFlag", "a")]);
    let found = domain::documents::check(ExportInventory, &other, &sandbox());
    assert_eq!(elements(&found), ["ieFlag"]);
}

proptest! {
    /// One wrong digit, or two exchanged neighbours, never pass: the reason for MOD 11-2.
    #[test]
    fn typing_mistakes_are_found(at in 0_usize..17, digit in 0_u8..10, swap in 0_usize..16) {
        let number = "110101199003074514";
        let mut one: Vec<u8> = number.bytes().collect();
        one[at] = b'0' + digit;
        let one = String::from_utf8(one).expect("ASCII");
        prop_assert_eq!(identity::check(&one).is_ok(), one == number);
        let mut two: Vec<u8> = number.bytes().collect();
        two.swap(swap, swap + 1);
        let two = String::from_utf8(two).expect("ASCII");
        prop_assert_eq!(identity::check(&two).is_ok(), two == number);
    }

    /// Whatever stands in them, nothing panics, and what is checked is never two spellings of one.
    #[test]
    fn any_text_is_judged(number in "\\PC{0,24}") {
        let normal = identity::normalised(&number);
        prop_assert_eq!(identity::normalised(&normal), normal.clone());
        if identity::check(&number).is_ok() {
            prop_assert_eq!(number.to_uppercase(), normal);
        }
    }

    /// However a number is spelt, it is counted as one person.
    #[test]
    fn a_spelling_is_no_fresh_limit(
        wide in proptest::collection::vec(any::<bool>(), 18),
        odd in proptest::collection::vec(
            proptest::sample::select(vec!["", " ", "\u{200b}", "\u{3000}", "\u{feff}", "-"]), 18),
        small in any::<bool>(),
    ) {
        let number = "11010519491231002X";
        let spelt: String = number
            .chars()
            .zip(wide)
            .zip(odd)
            .map(|((c, wide), odd)| {
                let c = if small { c.to_ascii_lowercase() } else { c };
                let c = if wide { char::from_u32(u32::from(c) + 0xfee0).expect("it exists") } else { c };
                format!("{c}{odd}")
            })
            .collect();
        prop_assert_eq!(identity::normalised(&spelt), number);
    }
}

#[test]
fn a_number_of_fifteen_digits_is_that_of_eighteen() {
    for (old, new) in [
        ("110105491231002", "11010519491231002X"),
        ("１１０１０５ 491231-002", "11010519491231002X"),
        ("110101900307451", "110101199003074514"),
        // No day of birth, or no digits: another document, which stays as it is.
        ("110105491331002", "110105491331002"),
        ("11010549123100X", "11010549123100X"),
        ("11010549123100", "11010549123100"),
    ] {
        assert_eq!(identity::normalised(old), new, "{old}");
        assert_eq!(identity::normalised(new), new);
    }
}

/// A cell of a list, which stands in quotation marks where it contains a comma or one of them.
fn cell(text: &str) -> String {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => text.replace("\"\"", "\""),
        None => text.to_owned(),
    }
}

/// The official list. It is not in the repository: a run without it skips, except in CI.
#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn texts_are_those_of_the_specification() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/ceb/202205/error-codes.csv");
    let Ok(list) = std::fs::read_to_string(path) else {
        assert!(std::env::var_os("CI").is_none(), "{path} is missing");
        println!("skipped: no official list at {path}");
        return;
    };
    // Two rows of the list have an example where a parameter stands.
    let known = [
        (-401_009, "参数校验不通过，[paymentHead,payment]", "参数校验不通过，[*]"),
        (-800_001, "校验不通过，[错误信息]", "校验不通过，[*]"),
    ];
    let mut official: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for row in list.lines().skip(1) {
        let mut cells = row.splitn(3, ',');
        let code = cells.next().and_then(|code| code.parse::<i32>().ok());
        let text = cell(cells.nth(1).unwrap_or_default());
        if let Some(code) = code.filter(|code| *code < 0) {
            let row = known.iter().find(|row| (row.0, row.1) == (code, text.as_str()));
            let text = row.map_or(text, |row| row.2.to_owned());
            official.entry(code).or_default().push(text);
        }
    }
    for (code, text, _) in ERRORS.iter().filter(|(code, ..)| *code != -304_001) {
        let texts = official.remove(code).unwrap_or_else(|| panic!("{code} is not in the list"));
        assert!(texts.iter().any(|official| official == text), "{code}: {text} is not {texts:?}");
    }
    assert!(official.is_empty(), "not in our table: {official:?}");
}
