//! What is kept in the database and read again: what cannot be read is never read as something else.

use prost::Message as _;
use proto::declaration::first_difference;
use proto::{inspection, v1};

#[test]
fn contents_that_cannot_be_read_are_not_the_same() {
    let content = |order_no: &str| {
        v1::Declaration { order_no: order_no.to_owned(), ..Default::default() }.encode_to_vec()
    };
    let (one, other) = (content("1"), content("2"));
    assert_eq!(first_difference(&one, &one).expect("both can be read"), None);
    let field = first_difference(&one, &other).expect("both can be read");
    assert_eq!(field.as_deref(), Some("declaration.order_no"));
    let (broken, nothing) = ([0xff], []);
    assert!(first_difference(&broken, &one).is_err());
    assert!(first_difference(&nothing, &broken).is_err(), "nothing is no default for it");
}

#[test]
fn an_order_without_its_work_is_no_order() {
    let order = v1::OrderState {
        stage: v1::OrderStage::Ordered.into(),
        version: 1,
        examination: 1,
        work: Some(v1::Examination::default()),
        ..Default::default()
    };
    inspection::decode_order(&order.encode_to_vec()).expect("it is one");
    let without = v1::OrderState { work: None, ..order.clone() };
    assert!(inspection::decode_order(&without.encode_to_vec()).is_err());
    let attended = v1::Examination { attendance: 77, ..Default::default() };
    let unknown = v1::OrderState { work: Some(attended), ..order };
    assert!(inspection::decode_order(&unknown.encode_to_vec()).is_err(), "attended by whom?");
}
