//! Keys of a firm's own programs in a browser: one that only reads is made, used and ended, and the operator sees what
//! was refused to it.

use crate::{enters, enters_by_key, looks, plays, starts};

#[test]
fn a_firm_makes_and_ends_a_key_in_a_browser() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let at = |path: &str| format!("{origin}/console{path}");
    plays(&wide, &origin, "enterprise-a");

    // It is shown once.
    wide.opens(&at("/keys"));
    wide.sees("sandbox");
    wide.finds("document.getElementById('key-note').value = 'reports'");
    wide.clicks("input[name=read_only]");
    wide.clicks("form[action='/console/keys'] button");
    wide.sees("shown now and never again");
    let key = wide.finds("return document.querySelector('.notice.good code').textContent");
    let key = key.as_str().expect("a text").to_owned();
    assert!(key.starts_with("swk_"), "{key}");
    looks(&wide, "keys-made", &origin, false);
    wide.opens(&at("/keys"));
    wide.sees("reports");
    assert_eq!(
        wide.finds("return document.body.innerText.includes('swk_')"),
        true,
        "the way to say it"
    );
    let said = format!("return document.body.innerText.includes('{key}')");
    assert_eq!(wide.finds(&said), false);

    // Whoever has it sees and changes nothing, and makes no other.
    let narrow = enters_by_key(&driver, &origin, "enterprise-a", &key);
    narrow.opens(&at("/keys"));
    narrow.sees("a key makes no other keys");
    assert_eq!(
        narrow.finds("return !document.querySelector(\"form[action='/console/keys']\")"),
        true
    );
    looks(&narrow, "keys-narrow", &origin, true);
    narrow.opens(&at("/webhooks"));
    narrow.finds("document.getElementById('url').value = 'https://example.com/'");
    narrow.clicks("main form button:not(.plain)");
    narrow.sees("SW-1309");
    assert_eq!(narrow.complaints().len(), 1);

    // It ends at once.
    wide.clicks("tbody tr:last-child summary");
    wide.clicks("tbody tr:last-child button.danger");
    wide.sees("revoked");
    looks(&wide, "keys-revoked", &origin, false);
    let again = driver.browser((360, 740), true);
    again.opens(&at("/login"));
    again.finds(&format!("document.getElementById('key').value = '{key}'"));
    again.finds("document.getElementById('person').value = '李明'");
    again.clicks("form.stack button");
    again.sees("That is no valid key.");
    wide.opens(&at("/language?to=zh&back=/console/keys"));
    wide.sees("新建密钥");
    looks(&wide, "keys-zh", &origin, false);
    wide.opens(&at("/language?to=en&back=/console/keys"));

    // The operator sees what was refused.
    plays(&wide, &origin, "admin");
    wide.opens(&at("/operation"));
    wide.sees("this key only reads");
    let link =
        wide.finds("return document.querySelector(\"a[href='/errors/SW-1309']\").textContent");
    assert_eq!(link, "SW-1309");
    looks(&wide, "operation-refusals", &origin, false);
}
