//! Drafts in a browser: what was begun is gone on with later, and nothing of the buyer stays behind.

use crate::{enters, looks, plays, starts};

#[test]
fn a_declaration_is_kept_as_a_draft_until_it_is_filed() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let at = |path: &str| format!("{origin}/console{path}");
    let value = |of: &str| wide.finds(&format!("return document.getElementById('{of}').value"));
    let types = |of: &str, text: &str| {
        wide.finds(&format!("document.getElementById('{of}').value = '{text}'"));
    };
    let drafts = || wide.finds("return document.querySelectorAll('#drafts li').length");

    wide.opens(&at("/file?example=import-9610"));
    assert_eq!(wide.finds("return document.getElementById('drafts').hidden"), true);
    wide.finds("document.querySelector('button[value=add-line]').click()");
    wide.sees("Line 3");
    for name in ["order_no", "cop_no", "logistics_no"] {
        types(name, "QD-DRAFT-1");
    }
    types("lines[2].gname", "第三项");
    let buyer = value("buyer.id_number");
    let buyer = buyer.as_str().expect("the example has a buyer").to_owned();
    wide.clicks("[data-keep]");
    wide.sees("It is kept as a draft.");
    looks(&wide, "drafts", &origin, false);
    let stored = wide.finds("return JSON.stringify(localStorage)").to_string();
    assert!(stored.contains("QD-DRAFT-1") && stored.contains("第三项"), "{stored}");
    assert!(!stored.contains(&buyer) && !stored.contains("buyer"), "{stored}");

    // Another caller at the same browser has none of it.
    plays(&wide, &origin, "enterprise-b");
    wide.opens(&at("/file"));
    assert_eq!(drafts(), 0);
    plays(&wide, &origin, "agent");
    wide.opens(&at("/file"));
    assert_eq!(drafts(), 1);
    wide.clicks("[data-go-on]");
    wide.sees("Line 3");
    assert_eq!(
        (value("order_no"), value("lines[2].gname")),
        ("QD-DRAFT-1".into(), "第三项".into())
    );
    assert_eq!(value("buyer.id_number"), "");

    // Kept again it is the same one; refused it stays, and filed it goes.
    types("lines[2].gname", "第三");
    wide.clicks("[data-keep]");
    wide.sees("It is kept as a draft.");
    assert_eq!(drafts(), 1);
    wide.clicks("button[value=file]");
    wide.sees("SW-1001");
    assert_eq!(wide.complaints().len(), 1);
    assert_eq!(drafts(), 1);
    wide.finds("document.querySelector('button[value=remove-line]').click()");
    wide.holds("!document.body.innerText.includes('Line 3')");
    for (name, text) in [
        ("buyer.name", "张示例"),
        ("buyer.id_type", "1"),
        ("buyer.id_number", &*buyer),
        ("buyer.telephone", "13800000000"),
        ("buyer.consignee_address", "青岛市示例路1号"),
    ] {
        types(name, text);
    }
    wide.clicks("button[value=file]");
    wide.arrives("/console/declarations/");
    wide.opens(&at("/file"));
    assert_eq!(drafts(), 0);
    // Discarded it is gone as well.
    wide.clicks("[data-keep]");
    wide.sees("It is kept as a draft.");
    wide.clicks("[data-discard]");
    assert_eq!(wide.finds("return document.getElementById('drafts').hidden"), true);
    wide.opens(&at("/file"));
    assert_eq!(drafts(), 0);
    assert_eq!(wide.complaints(), Vec::<String>::new());
}
