//! The rules of single documents against documents as they are read: our examples, each spoilt in one
//! element, and the published samples.

use std::collections::BTreeSet;

use domain::declaration::Profile;
use domain::documents::{DocumentKind, check};
use proto::ceb::{self, Document};

/// A published sample. They are not in the repository: a run without them skips, except in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn published(file: &str) -> Option<String> {
    let path = format!("{}/../../shared/ceb/202205/{file}", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{path}: {error}");
            println!("skipped: no published sample at {path}");
            None
        }
    }
}

/// What the window says of our examples, which people copy, and of the published samples.
#[test]
fn examples_obey_the_rules_of_documents() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/ceb");
    let mut kinds = BTreeSet::new();
    for file in std::fs::read_dir(directory).expect("the examples are there") {
        let path = file.expect("it can be listed").path();
        if path.extension().is_none_or(|end| end != "xml") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("it can be read");
        for read in ceb::read(&bytes).expect("it is a message").documents {
            let kind = kind(&read.document);
            kinds.insert(kind);
            let found = check(kind, &read.document, &Profile::default());
            assert_eq!(found, [], "{}", path.display());
        }
    }
    assert_eq!(kinds.len(), DocumentKind::ALL.len(), "every kind has an example");
}

fn kind(document: &Document) -> DocumentKind {
    DocumentKind::from_number(document.message_type().number()).expect("firms send it")
}

/// The elements by whose names the rules look are elements: a misspelt name would never be found.
#[test]
fn rules_of_documents_name_elements_that_exist() {
    let spoil = |xml: &str, element: &str, value: &str| {
        let (open, close) = (format!("{element}>"), format!("</ceb:{element}>"));
        let start = xml.find(&open).map(|at| at + open.len()).expect("the example has it");
        let end = start + xml[start..].find(&close).expect("it ends");
        format!("{}{value}{}", &xml[..start], &xml[end..])
    };
    #[rustfmt::skip]
    let table = [
        (213, "ieFlag", "E"), (213, "tradeMode", "0110"), (213, "country", "142"), (213, "qty", "-1"),
        (213, "qty1", "-1"), (213, "appTime", "20261301000000"), (215, "ieFlag", "E"),
        (303, "orderType", "X"), (303, "freight", "-1"), (303, "goodsValue", "-1"), (303, "gnum", "2"),
        (303, "qty", "0"), (303, "price", "-1"), (303, "totalPrice", "-1"), (311, "orderType", "E"),
        (311, "buyerIdType", "2"), (311, "buyerIdNumber", "110101199003074515"), (311, "gnum", "2"),
        (311, "goodsValue", "-1"), (311, "freight", "-1"), (311, "discount", "-1"),
        (311, "taxTotal", "-1"), (311, "acturalPaid", "-1"), (311, "price", "-1"),
        (403, "charge", "-1"), (403, "accountingDate", "20260230000000"), (411, "payerIdType", "2"),
        (411, "payerIdNumber", "110101199003074515"), (411, "amountPaid", "-5"),
        (411, "payTime", "20261131120000"), (505, "grossWeight", "0"), (505, "packNo", "0"),
        (505, "freight", "-1"), (505, "insuredFee", "-1"), (507, "ieFlag", "X"), (507, "gnum", "2"),
        (509, "leaveTime", "20261131120000"), (509, "gnum", "3"), (511, "weight", "-1"),
        (511, "packNo", "2"), (513, "logisticsStatus", "R"), (513, "logisticsTime", "20260101240000"),
        (607, "grossWeight", "-1"), (607, "gnum", "0"), (621, "buyerIdType", "2"), (621, "ieFlag", "X"),
        (621, "appTime", "20260101236000"), (623, "appType", "2"), (623, "buyerIdNumber", "1"),
        (625, "buyerIdNumber", "1"), (625, "qty", "0"), (701, "summaryFlag", "3"), (711, "ieFlag", "X"),
        (711, "gnum", "7"),
    ];
    for (number, element, value) in table {
        let path = format!("{}/../docs/examples/ceb/ceb{number}.xml", env!("CARGO_MANIFEST_DIR"));
        let xml = std::fs::read_to_string(&path).expect("every kind has an example");
        let spoilt = spoil(&xml, element, value);
        let read =
            ceb::read(spoilt.as_bytes()).unwrap_or_else(|faults| panic!("{number}: {faults:?}"));
        let document = &read.documents[0].document;
        let found = check(kind(document), document, &Profile::default());
        assert!(found.iter().any(|it| it.element == element), "{number} {element}: {found:?}");
    }
}

/// The published samples, in the sandbox: what they break is known.
#[test]
fn published_samples_obey_the_rules_of_documents_as_far_as_known() {
    let profile = Profile {
        sandbox: true,
        sample_declarants: vec!["1105910159".to_owned()],
        ..Profile::default()
    };
    for (file, known) in [
        ("import/CEB311Message.xml", &[][..]),
        ("import/CEB511Message.xml", &["packNo"]),
        ("import/CEB621Message.xml", &[]),
        ("import/CEB711Message.xml", &[]),
    ] {
        let Some(text) = published(file) else { return };
        let read = ceb::read(text.as_bytes()).unwrap_or_else(|faults| panic!("{file}: {faults:?}"));
        for document in read.documents.iter().map(|read| &read.document) {
            let found = check(kind(document), document, &profile);
            let elements: Vec<_> = found.iter().map(|it| it.element).collect();
            assert_eq!(elements, known, "{file}");
        }
    }
}
