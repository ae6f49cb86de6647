//! The console as a firm's accountant uses it: money from abroad, and claims of the export tax refund, by the forms of
//! its pages.

use proto::v1;

use super::clock::{days, moves};
use super::console::until;
use super::forex::{Treasurer, files, sale};
use super::refund::{RefundDesk, invoice};
use crate::harness::browser::Browser;
use crate::harness::people::Enterprise;
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A form that says so of what it is about.
fn about<'a>(name: &'a str, value: &'a str) -> impl Fn(&[(String, String)]) -> bool {
    move |form| form.iter().any(|(known, said)| known == name && said == value)
}

#[tokio::test(flavor = "multi_thread")]
async fn money_from_abroad_is_looked_after_in_a_browser() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let treasurer = Treasurer(sandbox.connect("enterprise-a").await);
    let mut person = Browser::of(&sandbox, "enterprise-a").await;

    // What names nothing is matched by hand, and stays in forex.
    let unnamed = files(&firm, sale("SBX-ACCEPT-UNNAMED-WEB1", 40_000)).await;
    let id = unnamed.trim_start_matches("declarations/");
    let page = until(&mut person, "/console/forex", "/console/forex/match").await;
    let to = (&page, "/console/forex/match");
    let wrong = person.sends_form(to, |_| true, &[("declaration", "nothing")]).await;
    assert!((400..500).contains(&wrong.status), "{}", wrong.text);
    let page = person.sends_form(to, |_| true, &[("declaration", id)]).await;
    let receipt = treasurer.receipt_of(&unnamed).await;
    assert_eq!((receipt.available, receipt.kept), (40_000, 0));
    let of = about("receipt", &receipt.id);
    person.sends_form((&page, "/console/forex/keep"), of, &[]).await;
    assert_eq!(treasurer.receipt_of(&unnamed).await.kept, 40_000);

    // What is not told to the balance of payments yet is told; without a code it is refused.
    let sold = files(&firm, sale("SBX-ACCEPT-WEB2", 10_000)).await;
    treasurer.settles(&sold).await;
    let receipt = treasurer.receipt_of(&sold).await;
    let page = person.opens("/console/forex").await;
    let of = about("receipt", &receipt.id);
    let to = (&page, "/console/forex/declare");
    let wrong = person.sends_form(to, &of, &[("code", "")]).await;
    assert!((400..500).contains(&wrong.status), "{}", wrong.text);
    let typed = [("code", "121010"), ("country", ""), ("goods", "")];
    let page = person.sends_form(to, &of, &typed).await;
    assert!(!page.forms("/console/forex/declare").iter().any(|form| of(form)), "{}", page.text);

    // What a bank executed after it had rejected it finds its receipt again.
    let late = files(&firm, sale("SBX-ACCEPT-BANKLATE-WEB3", 20_000)).await;
    let receipt = treasurer.receipt_of(&late).await;
    let order = treasurer.accepts(&treasurer.quote(&receipt.id).await.id).await.expect("it binds");
    let page = until(&mut person, "/console/forex", "/console/forex/assign").await;
    let of = about("settlement", &order.id);
    let page = person.sends_form((&page, "/console/forex/assign"), &of, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let order = treasurer.settlement(&order.id).await;
    assert_eq!((order.state(), order.executed_sold), (v1::SettlementState::Executed, 20_000));
    assert!(page.forms("/console/forex/assign").is_empty(), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_proposed_handed_in_answered_and_taken_back_in_a_browser() {
    let sandbox = Sandbox::start().await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let mut names = Vec::new();
    for number in 1..=3 {
        names.push(desk.exports(&format!("QD-CLAIM-WEB-{number}")).await);
    }
    desk.registers(invoice(1, 6, "")).await;
    for name in &names {
        desk.stands(name, v1::RefundStanding::Claimable).await;
    }
    let mut person = Browser::of(&sandbox, "enterprise-a").await;
    let page = person.opens("/console/refund").await;
    let typed = [("month", "2026-11"), ("note", "SBX-DOUBT2")];
    let claim = person.sends_form((&page, "/console/refund/propose"), |_| true, &typed).await;
    let (_, name) = claim.text.split_once("name=\"name\" value=\"").expect("its name");
    let name = name.split('"').next().expect("a name").to_owned();
    desk.waits(&name, |it| it.complete && it.lines == 3).await;
    let path = format!("/console/refund/claim?name={}", name.replace('/', "%2F"));

    // The third line is taken out of the draft; the rest is handed in.
    let page = person.opens(&path).await;
    person.sends_form((&page, "/console/refund/drop"), about("line", "3"), &[]).await;
    desk.waits(&name, |it| it.undecided == 2).await;
    let page = until(&mut person, &path, "/console/refund/submit").await;
    let page = person.sends_form((&page, "/console/refund/submit"), |_| true, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);

    // The tax office doubts the second one, and is answered.
    desk.waits(&name, |it| it.queried == 1 && it.paid_fen == 780).await;
    let page = until(&mut person, &path, "/console/refund/answer").await;
    let to = (&page, "/console/refund/answer");
    let page = person.sends_form(to, about("line", "2"), &[("text", "两件，见装箱单")]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let ended = desk.waits(&name, |it| it.ended).await;
    assert_eq!((ended.paid_fen, ended.queried), (2 * 780, 0));

    // What was taken out is claimed anew, and taken back.
    let page = person.opens("/console/refund").await;
    let typed = [("month", "2026-11")];
    let again = person.sends_form((&page, "/console/refund/propose"), |_| true, &typed).await;
    let (_, other) = again.text.split_once("name=\"name\" value=\"").expect("its name");
    let other = other.split('"').next().expect("a name").to_owned();
    desk.waits(&other, |it| it.complete && it.lines == 1).await;
    let path = format!("/console/refund/claim?name={}", other.replace('/', "%2F"));
    let page = person.opens(&path).await;
    let page = person.sends_form((&page, "/console/refund/withdraw"), |_| true, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    desk.waits(&other, |it| it.undecided == 0).await;
    let page = person.opens(&path).await;
    assert!(page.forms("/console/refund/submit").is_empty(), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advance_is_settled_by_what_was_sold_in_a_browser() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let desk = RefundDesk::of(&sandbox, "enterprise-a").await;
    let name = desk.stocks("SBX-ACCEPT-NOPAY-WEB4", 10).await;
    desk.stands(&name, v1::RefundStanding::Claimable).await;
    let claim = desk.proposes("").await;
    desk.submits(&claim).await;
    let claim = desk.waits(&claim.name, |it| it.paid_fen == it.amount_fen).await;
    moves(&admin, days(35)).await.expect("forward");
    let mut person = Browser::of(&sandbox, "enterprise-a").await;
    let path = format!("/console/refund/claim?name={}", claim.name.replace('/', "%2F"));
    let page = until(&mut person, &path, "/console/refund/settle").await;
    let page = person.sends_form((&page, "/console/refund/settle"), about("line", "1"), &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    // Nothing was sold, so all of it is given back.
    let settled = eventually("it is settled", PATIENCE, async || {
        let found = desk.claim(&claim.name).await;
        if found.ended && found.repaid_fen == found.paid_fen { Ok(found) } else { Err(found) }
    })
    .await;
    let page = person.opens(&path).await;
    assert!(page.forms("/console/refund/settle").is_empty(), "{settled:?}: {}", page.text);
}
