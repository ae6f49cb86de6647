//! The console, as firms, sites, agencies and operators use it.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use proto::v1;

use super::forex::sale;
use crate::harness::browser::{Browser, WebPage};
use crate::harness::people::{Enterprise, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A page as soon as it says this.
async fn until(browser: &mut Browser, target: &str, text: &str) -> WebPage {
    eventually(text, PATIENCE, async || {
        let page = browser.opens(target).await;
        if page.says(text) { Ok(page) } else { Err(page.text) }
    })
    .await
}

/// A form with the fields of a page and these instead.
async fn files(
    browser: &mut Browser,
    page: &WebPage,
    act: &str,
    instead: &[(&str, &str)],
) -> WebPage {
    let mut fields = page.fields();
    fields.insert("f.ie_flag".to_owned(), "DIRECTION_IMPORT".to_owned());
    for (name, value) in instead {
        fields.insert(format!("f.{name}"), (*value).to_owned());
    }
    let given = ["token", "request_id", "amends", "version"].map(|name| (name, page.value(name)));
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let form: Vec<_> = given.into_iter().chain(fields).chain([("act", act)]).collect();
    browser.sends("/console/file", &form).await
}

/// The declaration that a story is about, as its copy names it.
fn copied(story: &WebPage) -> Option<&str> {
    let (_, rest) = story.text.split_once("/console/file?copy=")?;
    rest.split('"').next()
}

/// A new order number for the example of the form.
fn named(order_no: &str) -> [(&str, &str); 3] {
    [("order_no", order_no), ("cop_no", order_no), ("logistics_no", order_no)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_files_in_a_browser_and_reads_the_whole_story() {
    let sandbox = Sandbox::start().await;
    let mut firm = Browser::of(&sandbox, "enterprise-a").await;
    let start = firm.opens("/console").await;
    assert_eq!((start.status, start.location.as_str()), (303, "/console/declarations"));
    assert!(firm.opens("/console/declarations").await.says("No declarations."));

    // What is refused is marked where it was typed, and nothing is lost of the rest.
    let empty = firm.opens("/console/file?example=import-9610").await;
    let wrong = [("lines[1].gcode", "42"), ("freight.amount_e5", "ten")];
    let refused = files(&mut firm, &empty, "file", &wrong[1..]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("id=\"freight.amount_e5-no\""), "{}", refused.text);
    let refused = files(&mut firm, &empty, "file", &wrong[..1]).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.says("SW-1001") && refused.says("href=\"#lines[1].gcode\""));
    assert!(refused.says("id=\"lines[1].gcode-no\""), "marked at its field: {}", refused.text);
    assert_eq!(refused.fields()["f.buyer.name"], "张示例");
    assert!(firm.opens("/console/declarations").await.says("No declarations."));

    // Checked, nothing is filed; filed twice by one form, it is filed once.
    let checked = files(&mut firm, &refused, "check", &[("lines[1].gcode", "4202320000")]).await;
    assert!(checked.says("Every rule is met. Nothing was filed."), "{}", checked.text);
    let evil = "<script>alert('x')</script>";
    let texts = [named("QD-CONSOLE-1").as_slice(), &[("lines[0].gname", evil)]].concat();
    let filed = files(&mut firm, &checked, "file", &texts).await;
    assert_eq!(filed.status, 200, "{}", filed.text);
    let again = files(&mut firm, &checked, "file", &texts).await;
    assert_eq!(copied(&filed), copied(&again));
    let list = until(&mut firm, "/console/declarations", "RELEASED").await;
    assert_eq!(list.text.matches("QD-CONSOLE-1<").count(), 1, "{}", list.text);

    // Found by its number; texts of others are no part of the page; a person is masked.
    let found = firm.opens("/console/declarations?number=QD-CONSOLE-1").await;
    assert_eq!(found.status, 303);
    let story = until(&mut firm, &found.location, "RELEASED, release").await;
    for text in ["filed as B2", "customs cleared", "quarantine cleared", "张* ****1237"] {
        assert!(story.says(text), "{text}: {}", story.text);
    }
    assert!(story.says("&#60;script&#62;alert") && !story.says(evil), "{}", story.text);
    assert!(!story.says("110101199001011237") && !story.says("13800000000"));

    // In Chinese, as the browser prefers it, and by the switch.
    firm.language = "zh-CN,zh;q=0.9,en;q=0.8";
    let chinese = firm.opens(&found.location).await;
    for text in ["lang=\"zh-CN\"", "办理过程", "放行编号", "海关同意放行"] {
        assert!(chinese.says(text), "{text}: {}", chinese.text);
    }
    let back = firm.opens("/console/language?to=en&back=%2Fconsole%2Fdeclarations").await;
    assert_eq!(back.location, "/console/declarations");
    assert!(firm.opens("/console/declarations").await.says("lang=\"en\""));

    // A copy begins with the same content, and its order is declared already.
    let id = found.location.trim_start_matches("/console/declarations/").to_owned();
    let copy = firm.opens(&format!("/console/file?copy={id}")).await;
    let clash = files(&mut firm, &copy, "file", &[]).await;
    assert_eq!(clash.status, 409, "{}", clash.text);
    assert!(clash.says("SW-1102") && clash.says(&format!("href=\"/console/declarations/{id}\"")));
    let json = files(&mut firm, &copy, "as-json", &[]).await;
    assert!(json.says("<textarea") && json.says("QD-CONSOLE-1"), "{}", json.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_nothing_and_forms_of_others_do_nothing() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let agent = Enterprise(sandbox.connect("agent").await);
    let filed = agent.files("QD-CONSOLE-2").await;
    let path = format!("/console/{}", filed.name);
    let mut firm = Browser::of(&sandbox, "enterprise-a").await;
    let mut other = Browser::of(&sandbox, "enterprise-b").await;
    let story = firm.opens(&path).await;
    assert!(story.says("QD-CONSOLE-2") && story.says("waits for"), "{}", story.text);
    let hidden = other.opens(&path).await;
    assert_eq!(hidden.status, 404);
    assert!(hidden.says("SW-1201") && !hidden.says("QD-CONSOLE-2"), "{}", hidden.text);
    let missing = other.opens("/console/declarations?number=QD-CONSOLE-2").await;
    assert!(missing.says("No declaration that you may see has this number:"), "{}", missing.text);
    assert_eq!(firm.opens("/console/operation").await.status, 403);
    assert_eq!(firm.opens("/console/nowhere").await.status, 404);

    // Neither without a token, nor with that of somebody else, nor from another site.
    let withdraw = format!("{path}/withdraw");
    let theirs = other.opens("/console/declarations").await;
    let request_id = story.value("request_id").to_owned();
    let form = |token| {
        [("token", token), ("request_id", request_id.as_str()), ("version", "1"), ("reason", "x")]
    };
    for token in ["", "guessed", theirs.value("token")] {
        assert_eq!(firm.posts(&withdraw, &form(token)).await.status, 403, "{token}");
    }
    let token = story.value("token").to_owned();
    firm.origin = "https://evil.example";
    assert_eq!(firm.posts(&withdraw, &form(&token)).await.status, 403);
    // A cookie of somebody else, or one that was changed, is none.
    firm.origin = "https://localhost";
    let mine = std::mem::replace(&mut firm.cookies, other.cookies.clone());
    assert_eq!(firm.posts(&withdraw, &form(theirs.value("token"))).await.status, 403);
    firm.cookies = mine;
    assert!(firm.opens(&path).await.says("UNDER REVIEW"), "nothing happened");
    assert_eq!(firm.posts(&withdraw, &form(&token)).await.status, 303);
    assert!(firm.opens(&path).await.says("withdrawn: x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspection_is_followed_by_all_who_have_to_do_with_it() {
    let sandbox = Sandbox::with(&[]).await;
    let mut firm = Browser::of(&sandbox, "enterprise-a").await;
    let buttons = firm.opens("/console/sandbox").await;
    let given = ["token", "request_id"].map(|name| (name, buttons.value(name)));
    let form = [given.as_slice(), &[("script", "INSPECT"), ("example", "import-9610")]].concat();
    let filed = firm.posts("/console/sandbox/file", &form).await;
    assert_eq!(filed.status, 303, "{}", filed.text);
    let story = until(&mut firm, &filed.location, "RELEASED, release").await;
    assert!(story.says("joint inspection completed"), "{}", story.text);
    let billed = until(&mut firm, &filed.location, "to be paid").await;
    assert!(billed.says("49.77 CNY"), "the duty and its bill: {}", billed.text);
    let money = firm.opens("/console/money").await;
    for text in ["Accounts", "guarantee", "made out"] {
        assert!(money.says(text), "{text}: {}", money.text);
    }

    let id = filed.location.trim_start_matches("/console/declarations/");
    let order = format!("/console/orders/{id}");
    for caller in ["enterprise-a", "site", "customs", "admin"] {
        let mut person = Browser::of(&sandbox, caller).await;
        assert!(person.opens("/console/orders").await.says(id), "{caller}");
        let page = until(&mut person, &order, "CLOSED").await;
        for text in ["Instructions", "customs/", "as declared", "Findings"] {
            assert!(page.says(text), "{caller}: {text}: {}", page.text);
        }
    }
    let mut admin = Browser::of(&sandbox, "admin").await;
    let statistics = admin.opens("/console/statistics").await;
    assert!(statistics.says("<svg") && statistics.says("with inspection"), "{}", statistics.text);
    let operation = admin.opens("/console/operation").await;
    assert!(
        operation.says("Nothing is stuck.") && operation.says(">serves<"),
        "{}",
        operation.text
    );
    let clock = admin.opens("/console/sandbox").await;
    let form = [("token", clock.value("token")), ("hours", "744")];
    assert_eq!(admin.sends("/console/sandbox/clock", &form).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_certificate_logs_in_by_a_key_for_as_long_as_it_is_good() {
    let sandbox = Sandbox::start().await;
    let mut person = Browser::of_nobody(&sandbox).await;
    let sent = person.opens("/console/declarations?state=3").await;
    assert_eq!(sent.location, "/console/login?back=%2Fconsole%2Fdeclarations%3Fstate%3D3");
    let form = person.opens(&sent.location).await;
    assert!(form.says("API key") && !form.says("Log out"), "{}", form.text);
    assert_eq!(person.opens("/console/login?token=guessed").await.status, 401);
    let back = form.value("back").to_owned();
    for wrong in ["", "swk_guessed"] {
        let refused = person.posts("/console/login", &[("back", &back), ("key", wrong)]).await;
        assert_eq!(refused.status, 401, "{wrong}");
    }
    assert_eq!(person.posts("/console/declarations", &[]).await.location, "/console/login");

    // An operator makes a key in the console, and sees it once.
    let mut admin = Browser::of(&sandbox, "admin").await;
    let operation = admin.opens("/console/operation").await;
    let token = operation.value("token").to_owned();
    let asked = [("token", token.as_str()), ("caller", "enterprise-b"), ("note", "console")];
    let made = admin.posts("/console/operation/make-key", &asked).await;
    let (_, key) = made.text.split_once("<code>swk_").unwrap_or_else(|| panic!("{}", made.text));
    let key = format!("swk_{}", key.split('<').next().expect("a key"));
    assert!(!admin.opens("/console/operation").await.says(&key));

    let form = [("back", back.as_str()), ("key", key.as_str())];
    let entered = person.posts("/console/login", &form).await;
    assert_eq!((entered.status, entered.location.as_str()), (303, "/console/declarations?state=3"));
    let cookie = person.cookies["__Host-session"].clone();
    assert!(!cookie.contains(&key) && !cookie.contains("enterprise"), "{cookie}");
    let list = person.opens("/console/declarations").await;
    assert!(list.says("enterprise-b") && list.says("No declarations."), "{}", list.text);
    // Whom the sandbox lets play everybody came by its link.
    let play = [("token", list.value("token")), ("caller", "admin")];
    assert_eq!(person.posts("/console/sandbox/as", &play).await.status, 403);

    let row = made.text.split("<tr>").find(|row| row.contains(">console<")).expect("its row");
    let (_, id) = row.split_once("name=\"id\" value=\"").expect("it can be revoked");
    let id = id.split('"').next().expect("an id");
    let revoke = [("token", token.as_str()), ("id", id)];
    assert_eq!(admin.posts("/console/operation/revoke-key", &revoke).await.status, 303);
    // The connection ends with the key as well.
    let mut person = Browser::of_nobody(&sandbox).await;
    person.cookies.insert("__Host-session".to_owned(), cookie);
    assert!(person.opens("/console/declarations").await.location.starts_with("/console/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_elsewhere_is_said_to_be() {
    let sandbox = Sandbox::with(&["--no-payment"]).await;
    let mut firm = Browser::of(&sandbox, "enterprise-a").await;
    let money = firm.opens("/console/money").await;
    assert_eq!(money.status, 501);
    assert!(money.says("not in this window"), "{}", money.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rows_are_one_page() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let agent = sandbox.connect("agent").await;
    let items = (0..10_000).map(|number| {
        let item = Some(filing(export(&format!("QD-ROWS-{number}"))));
        v1::SubmitStreamRequest { item }
    });
    let items = tokio_stream::iter(items.collect::<Vec<_>>());
    let answers = agent.declarations().submit_stream(items).await.expect("a stream");
    let answers = answers.into_inner().count().await;
    assert_eq!(answers, 10_000);
    let mut firm = Browser::of(&sandbox, "enterprise-a").await;
    let start = Instant::now();
    let page = firm.opens("/console/declarations?size=10000").await;
    let took = start.elapsed();
    assert_eq!(page.text.matches("QD-ROWS-").count(), 10_000);
    println!("a page of 10,000 declarations took {took:?}, {} KB", page.text.len() / 1024);
    // Optimised it takes a tenth of it; each row more than that is a call too many.
    assert!(took < Duration::from_secs(8), "{took:?}");
    let pages = firm.opens("/console/declarations?size=9600").await;
    let (_, next) = pages.text.split_once("href=\"?").expect("there is a next page");
    let next = next.split('"').next().expect("an address").replace("&#38;", "&");
    let rest = firm.opens(&format!("/console/declarations?{next}")).await;
    assert_eq!(rest.text.matches("QD-ROWS-").count(), 400, "{}", rest.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_told_over_all_services_and_its_money_settled() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let order_no = "SBX-ACCEPT-INSPECT-CONSOLEFX";
    let name = firm.tries(filing(sale(order_no, 10_000))).await.expect("it is valid").name;
    let id = name.trim_start_matches("declarations/");
    let mut person = Browser::of(&sandbox, "enterprise-a").await;

    // Money from abroad: a rate is asked for, accepted and executed; what SAFE is not told stays visible.
    let money = until(&mut person, "/console/forex", "Ask for a rate").await;
    assert!(money.says(&format!("href=\"/console/declarations/{id}\"")), "{}", money.text);
    let asked = |page: &WebPage, names: &[&'static str]| -> Vec<(&'static str, String)> {
        names.iter().map(|name| (*name, page.value(name).to_owned())).collect()
    };
    let form = asked(&money, &["token", "request_id", "receipt"]);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let quote = person.posts("/console/forex/quote", &form).await;
    assert!(quote.says("Settle at this rate") && quote.says("7.08"), "{}", quote.text);
    let form = asked(&quote, &["token", "request_id", "quote"]);
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(person.posts("/console/forex/accept", &form).await.location, "/console/forex");
    until(&mut person, "/console/forex", ">executed<").await;
    let undeclared = person.opens("/console/forex").await;
    assert!(undeclared.says("/console/forex/declare"), "{}", undeclared.text);

    // What is missing for the refund, and the whole of it as one story.
    let refund = until(&mut person, "/console/refund", order_no).await;
    assert!(refund.says(">waits<"), "{}", refund.text);
    let path = format!("/console/{name}");
    let story = until(&mut person, &path, "was settled into yuan").await;
    for text in ["ledger", "By which rules", "joint inspection completed"] {
        assert!(story.says(text), "{text}: {}", story.text);
    }
    let paper = person.opens(&format!("{path}/print")).await;
    let address = format!("/console/declarations/{id}</code>");
    assert!(paper.says("class=\"qr\"") && paper.says(&address), "{}", paper.text);

    // A month without exports gives a claim without lines, which is told as it is.
    let form = asked(&refund, &["token", "request_id"]);
    let mut form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.push(("month", "2026-11"));
    let claim = person.sends("/console/refund/propose", &form).await;
    assert!(claim.says("refunds/") && claim.says("Lines of the claim"), "{}", claim.text);

    // Others see their own only.
    let mut other = Browser::of(&sandbox, "enterprise-b").await;
    assert_eq!(other.opens(&path).await.status, 404);
    assert_eq!(other.opens(&format!("{path}/print")).await.status, 404);
    assert!(!other.opens("/console/forex").await.says(id));
    assert!(!other.opens("/console/refund").await.says(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_sees_its_appointments_as_a_calendar() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let order_no = "SBX-INSPECT-EXAMINE600-CALENDAR";
    firm.tries(filing(export(order_no))).await.expect("it is valid");
    let mut site = Browser::of(&sandbox, "site").await;
    let week = until(&mut site, "/console/calendar", order_no).await;
    assert!(week.says("class=\"today\"") && week.says("rel=\"next\""), "{}", week.text);
    let far = site.opens("/console/calendar?from=2020-01-06").await;
    assert!(!far.says(order_no) && far.says("2020-01-12"), "{}", far.text);
}
