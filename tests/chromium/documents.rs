//! Documents in a browser: an agency asks, the firm uploads and answers, and those whom it concerns read the files.

use std::path::PathBuf;

use serde_json::json;

use crate::{enters, enters_narrow, looks, plays, starts};

const MIB: usize = 1024 * 1024;

#[test]
fn a_firm_provides_documents_in_a_browser() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let files = tempfile::tempdir().expect("a directory");
    let file = |name: &str, begin: &[u8], bytes: usize| -> PathBuf {
        let path = files.path().join(name);
        let mut content = begin.to_vec();
        content.resize(bytes, b' ');
        std::fs::write(&path, content).expect("it is written");
        path
    };
    let program = file("invoice.pdf", b"\x7fELF\x02\x01\x01", 200);
    let contract = file("合同 1.pdf", b"%PDF-1.7\ncontract", 300);

    wide.clicks("button[value=DOCS]");
    wide.arrives("/console/declarations/");
    wide.sees("documents are asked for: invoice, contract");
    let story = wide.address();
    looks(&wide, "story-documents", &origin, false);
    let documents = wide.finds("return document.querySelector('.notice a.button').href");
    let documents = documents.as_str().expect("a link to the form").to_owned();
    wide.opens(&documents);
    looks(&wide, "documents", &origin, false);

    // Everything that is wrong is told at once and marked, and nothing is lost of the rest.
    wide.chooses("[id='file.invoice']", &program);
    wide.chooses("[id='file.contract']", &contract);
    wide.finds("document.getElementById('number.invoice').value = 'INV-1'");
    wide.finds("document.getElementById('reason.contract').value = 'there is none'");
    wide.clicks("form[enctype] fieldset + button");
    wide.sees("SW-2030");
    wide.sees("SW-2034");
    for (input, expected) in [("file.invoice", "true"), ("file.contract", "true")] {
        let marked = wide.finds(&format!("return document.getElementById('{input}').ariaInvalid"));
        assert_eq!(marked, expected, "{input}");
    }
    assert_eq!(wide.finds("return document.getElementById('number.invoice').value"), "INV-1");
    // The browser says of its own that the answer was a no.
    assert_eq!(wide.complaints().len(), 1);
    looks(&wide, "documents-refused", &origin, false);

    // What was uploaded stays, and the answer is one that customs goes on with.
    let invoice = file("invoice.pdf", b"%PDF-1.7\ninvoice INV-1", 400);
    wide.chooses("[id='file.invoice']", &invoice);
    wide.finds("document.getElementById('reason.contract').value = ''");
    wide.clicks("form[enctype] fieldset + button");
    wide.sees("RELEASED, release");
    assert_eq!(wide.address(), story);

    // A file that is too large is known before it is sent, and refused where no script looks; the largest is kept.
    wide.opens(&documents);
    wide.sees("合同 1.pdf");
    wide.chooses("#files", &file("large.pdf", b"%PDF-1.7\n", 20 * MIB + 1));
    let invalid = wide.finds("return document.getElementById('files').validationMessage");
    assert_eq!(invalid, "A file has at most 20 MiB.");
    wide.finds("document.getElementById('files').setCustomValidity('')");
    wide.clicks("form.row button");
    wide.sees("SW-2032");
    assert_eq!(wide.complaints().len(), 1);
    wide.chooses("#files", &file("large.pdf", b"%PDF-1.7\n", 20 * MIB));
    wide.clicks("form.row button");
    wide.sees("Uploaded:");

    // A form that is not of this session does nothing.
    wide.opens(&documents);
    wide.finds("document.querySelectorAll('main [name=token]').forEach(it => { it.value = 'x' })");
    wide.chooses("#files", &invoice);
    wide.clicks("form.row button");
    wide.sees("This form is not from a page of yours.");
    assert_eq!(wide.complaints().len(), 1);

    // Whoever it concerns reads the files, as what they are; for others there is nothing.
    let narrow = enters_narrow(&sandbox, &driver, &origin, "enterprise-a");
    narrow.opens(&documents);
    narrow.sees("invoice.pdf");
    looks(&narrow, "documents-narrow", &origin, true);
    for (caller, length) in [("customs", Some(300)), ("enterprise-b", None)] {
        plays(&wide, &origin, caller);
        wide.opens(&documents);
        let link = "[...document.querySelectorAll('a[download]')]\
            .find(it => it.textContent === '合同 1.pdf')?.href ?? ''";
        let link = wide.finds(&format!("return {link}"));
        let Some(length) = length else {
            assert_eq!(link, "");
            wide.sees("There is nothing of this name for you.");
            continue;
        };
        let name = "attachment; filename*=UTF-8''%E5%90%88%E5%90%8C%201%2Epdf";
        let begin = format!("{:<100}", "%PDF-1.7\ncontract");
        let loaded = wide.loads(link.as_str().expect("a link"));
        assert_eq!(loaded, json!([200, name, length, begin]));
        assert_eq!(wide.finds("return document.querySelectorAll('main form').length"), 0);
        looks(&wide, "documents-customs", &origin, false);
    }
}
