//! A joint inspection in a browser, by all who have a part in it: the firm appoints and objects, the site works,
//! customs and quarantine decide, the operator moves the clock. No simulator is there to do it for them.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::driver::Browser;
use crate::{Sandbox, enters, enters_narrow, looks, plays, starts_with};

/// What simulated agencies have to do takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulated agency beside the sandbox, until it is dropped.
struct Simulator(Child);

impl Simulator {
    fn start(sandbox: &Sandbox, agency: &str) -> Self {
        Self(sandbox.command(&["agency", agency]).spawn().expect("it starts"))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// People at the order of one declaration.
struct OrderPeople<'a> {
    browser: &'a Browser,
    origin: &'a str,
    order: String,
}

impl OrderPeople<'_> {
    /// Goes on as somebody else, at the page of the order.
    fn are(&self, caller: &str) {
        plays(self.browser, self.origin, caller);
        self.browser.opens(&self.order);
    }

    /// Fills in a form of the order and sends it; the page that follows says this stage.
    fn do_step(&self, act: &str, fields: &[(&str, &str)], stage: &str) {
        for (id, value) in fields {
            let value = Value::from(*value);
            self.browser.finds(&format!("document.getElementById('{id}').value = {value}"));
        }
        self.browser.finds("window.before = true");
        self.browser.clicks(&format!("form[action$='/{act}'] button"));
        self.browser.holds("!window.before");
        self.stand(stage);
    }

    /// Waits until the order stands so.
    fn stand(&self, stage: &str) {
        let badge = "document.querySelector('.badge.large')?.textContent";
        self.browser.holds(&format!("{badge} === '{stage}'"));
    }

    /// What a script finds, as a text.
    fn text(&self, script: &str) -> String {
        let found = self.browser.finds(script);
        found.as_str().unwrap_or_else(|| panic!("{script}: {found}")).to_owned()
    }

    /// The first officer who is on it for an agency.
    fn officer(&self, prefix: &str) -> String {
        self.text(&format!(
            "return [...document.querySelectorAll('#begin-officer option')]\
             .map(it => it.textContent).find(it => it.startsWith('{prefix}'))"
        ))
    }

    /// The key of the instruction of an agency.
    fn instruction(&self, agency: &str) -> String {
        self.text(&format!(
            "return [...document.querySelectorAll('#find-for option')]\
             .map(it => it.textContent).find(it => it.startsWith('{agency}/'))"
        ))
    }

    /// The clock of the sandbox, in seconds.
    fn clock(&self) -> i64 {
        let said = self.text("return document.querySelector('strong.number').textContent");
        let time = format!("Date.parse('{said}'.replace(' ', 'T').replace(' ', ''))");
        let seconds = self.browser.finds(&format!("return Math.floor({time} / 1000)"));
        seconds.as_i64().unwrap_or_else(|| panic!("{said}: {seconds}"))
    }
}

/// Files what both agencies want to look at, and leaves when they have said so.
fn is_ordered(sandbox: &Sandbox, browser: &Browser) -> String {
    let _agencies = ["customs", "quarantine"].map(|agency| Simulator::start(sandbox, agency));
    browser.clicks("button[value=INSPECT]");
    browser.arrives("/console/declarations/");
    let order = browser.address().replace("/declarations/", "/orders/");
    let start = Instant::now();
    loop {
        browser.opens(&order);
        let page = browser.finds("return document.body.innerText");
        let page = page.as_str().expect("a text");
        if page.contains("customs/") && page.contains("quarantine/") {
            // Until there was an order the browser complained of a page that is not there.
            let _expected = browser.complaints();
            return order;
        }
        assert!(start.elapsed() < PATIENCE, "nobody wants to look: {page}");
    }
}

#[test]
fn an_inspection_is_carried_through_by_people_in_a_browser() {
    let Some((sandbox, driver)) = starts_with(&["--no-agencies"]) else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    // Whoever is played, it is this person at the browser.
    wide.finds("document.getElementById('person').value = '王芳'");
    plays(&wide, &origin, "enterprise-a");
    wide.opens(&format!("{origin}/console/sandbox"));
    let order = is_ordered(&sandbox, &wide);
    let people = OrderPeople { browser: &wide, origin: &origin, order };
    let story = people.order.replace("/orders/", "/declarations/");
    let photo = sandbox.directory.path().join("photo 1.jpg");
    std::fs::write(&photo, b"\xff\xd8\xff the goods as they were").expect("it is written");
    let digest: String = {
        let bytes = std::fs::read(&photo).expect("it is there");
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };

    // The firm appoints, the site takes it on, and nobody comes.
    people.stand("ORDERED");
    looks(&wide, "order-firm", &origin, false);
    people.do_step("appoint", &[], "APPOINTED");
    people.are("site");
    people.do_step("claim", &[], "APPOINTED");
    looks(&wide, "order-site-claimed", &origin, false);
    wide.clicks("form[action$='/no-show'] button");
    wide.sees("SW-1613");
    assert_eq!(wide.complaints().len(), 1, "not before half an hour");
    plays(&wide, &origin, "admin");
    wide.opens(&format!("{origin}/console/sandbox"));
    let before = people.clock();
    // A firm chooses two hours before, and half an hour is waited for it.
    for hours in 1..=3 {
        wide.finds("window.before = true");
        wide.clicks("form[action='/console/sandbox/clock'] button[value='1']");
        wide.holds("!window.before");
        let moved = people.clock() - before;
        let expected = hours * 3_600;
        assert!((expected..expected + 60).contains(&moved), "the clock moved by {moved} s");
    }
    people.are("site");
    people.do_step("no-show", &[], "ORDERED");
    wide.sees("nobody came");

    // Now they are there. Somebody else takes the place of an officer; a machine looks, a sample goes away.
    people.do_step("appoint", &[], "APPOINTED");
    people.do_step("claim", &[], "APPOINTED");
    people.do_step("present", &[], "PRESENTED");
    let replaced = people.officer("GC");
    people.do_step("replace", &[("replaced", &replaced)], "PRESENTED");
    let officer = people.officer("GC");
    assert_ne!(officer, replaced, "another one was drawn");
    let begun = [("begin-officer", officer.as_str()), ("begin-method", "machine")];
    people.do_step("begin", &begun, "EXAMINING");
    // By a machine alone nothing is answered that hands are wanted for.
    let begun = [("begin-officer", officer.as_str()), ("begin-method", "manual")];
    people.do_step("begin", &begun, "EXAMINING");
    let (customs, quarantine) = (people.instruction("customs"), people.instruction("quarantine"));
    let taker = people.officer("CQ");
    let sample = [
        ("sample-id", "SEAL-1"),
        ("sample-for", quarantine.as_str()),
        ("sample-officer", taker.as_str()),
    ];
    people.do_step("sample", &sample, "SAMPLED");
    people.do_step("send", &[("laboratory", "QD-LAB")], "LABORATORY");

    // A photograph stays with the site: its digest is told.
    wide.finds("document.getElementById('find-evidence').value = 'abc'");
    wide.finds(&format!("document.getElementById('find-officer').value = '{officer}'"));
    wide.clicks("form[action$='/find'] button");
    wide.sees("SW-2005");
    assert_eq!(wide.complaints().len(), 1, "that is no digest");
    wide.opens(&people.order);
    wide.chooses("#find-files", &photo);
    wide.holds(&format!("document.getElementById('find-evidence').value === '{digest}'"));
    looks(&wide, "order-site-examining", &origin, false);
    let found = [
        ("find-for", customs.as_str()),
        ("find-officer", officer.as_str()),
        ("find-text", "two cartons, as declared"),
    ];
    people.do_step("find", &found, "LABORATORY");
    wide.sees(&digest);
    let analysed = [
        ("find-sample", "SEAL-1"),
        ("find-result", "QUARANTINE_FAIL"),
        ("find-officer", "QD-LAB-7"),
    ];
    people.do_step("find", &analysed, "FOUND");

    // The firm objects, and others look again.
    people.are("enterprise-a");
    let reason = "the sample was not ours";
    let objected = [("reason", reason)];
    for (id, value) in objected {
        wide.finds(&format!("document.getElementById('{id}').value = '{value}'"));
    }
    wide.clicks("form[action$='/object'] button");
    people.stand("ORDERED");
    wide.opens(&story);
    wide.sees("open again, on objection: the sample was not ours");
    people.are("site");
    people.do_step("appoint", &[], "APPOINTED");
    people.do_step("claim", &[], "APPOINTED");
    people.do_step("present", &[], "PRESENTED");
    let officer = people.officer("GC");
    people.do_step("begin", &[("begin-officer", &officer)], "EXAMINING");
    let found = [("find-for", customs.as_str()), ("find-officer", officer.as_str())];
    people.do_step("find", &found, "EXAMINING");
    let officer = people.officer("CQ");
    let found = [("find-result", "QUARANTINE_FAIL"), ("find-officer", officer.as_str())];
    people.do_step("find", &found, "FOUND");

    // Customs has nothing against it; quarantine wants it treated, and then neither has.
    people.are("customs");
    looks(&wide, "order-customs", &origin, false);
    people.do_step("dispose", &[("disposal", "RELEASE")], "FOUND");
    people.are("quarantine");
    people.do_step("dispose", &[("disposal", "TREAT")], "TREATING");
    people.are("site");
    wide.chooses("#certificate-file", &photo);
    wide.holds(&format!("document.getElementById('certificate-digest').value === '{digest}'"));
    looks(&wide, "order-site-treating", &origin, false);
    people.do_step("treated", &[("certificate", "CERT-1")], "FOUND");
    for (agency, stage) in [("customs", "FOUND"), ("quarantine", "DISPOSED")] {
        people.are(agency);
        people.do_step("dispose", &[("disposal", "RELEASE")], stage);
    }
    people.are("site");
    people.do_step("close", &[], "CLOSED");
    // Of others a site is told which callers acted; whoever decides sees the people.
    wide.sees("site / 王芳");
    let page = wide.finds("return document.body.innerText");
    assert!(page.as_str().is_some_and(|page| !page.contains("enterprise-a / ")), "{page}");
    looks(&wide, "order-closed", &origin, false);
    people.are("customs");
    for actor in ["enterprise-a", "site", "customs", "quarantine"] {
        wide.sees(&format!("{actor} / 王芳"));
    }
    let narrow = enters_narrow(&sandbox, &driver, &origin, "site");
    narrow.opens(&people.order);
    narrow.sees("CERT-1");
    looks(&narrow, "order-closed-narrow", &origin, true);

    // Verdicts are for systems of agencies; the release follows from them.
    let id = people.order.rsplit('/').next().expect("an id");
    for agency in ["customs", "quarantine"] {
        let given = sandbox.command(&["--as", agency, "verdict", id, "--clear"]).output();
        let given = given.expect("it runs");
        assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    }
    plays(&wide, &origin, "enterprise-a");
    wide.opens(&story);
    wide.sees("RELEASED, release");
    looks(&wide, "story-inspected", &origin, false);
}
