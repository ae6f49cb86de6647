//! The console, as firms, sites, agencies and operators use it.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use proto::v1;

use super::forex::sale;
use crate::harness::browser::{Browser, WebPage};
use crate::harness::http::Http;
use crate::harness::people::{Enterprise, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

/// A page as soon as it says this.
pub(super) async fn until(browser: &mut Browser, target: &str, text: &str) -> WebPage {
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

/// Who acted, by the entries of a declaration's history; those of the window itself name nobody.
async fn actors(window: &client::Window, name: &str) -> Vec<String> {
    let request = v1::GetRequest { name: name.to_owned(), ..Default::default() };
    let found = window.declarations().get(request).await.expect("its own").into_inner();
    let history = found.record.expect("it is there").history;
    history.into_iter().map(|entry| entry.actor).filter(|actor| !actor.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acted_stands_with_what_was_done() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let window = sandbox.connect("enterprise-a").await;
    let firm = Enterprise(window.clone());

    // By a certificate it is its caller, by a key what the key is for.
    let filed = firm.files("QD-ACTOR-1").await;
    assert_eq!(actors(&window, &filed.name).await, ["enterprise-a"]);
    let request = v1::CreateKeyRequest { note: "nightly export".to_owned(), ..Default::default() };
    let key = window.operation().create_key(request).await.expect("its own").into_inner().key;
    let mut http = Http::with_key(&sandbox, &key).await;
    http.headers.push_str(&format!("Idempotency-Key: {}\r\n", uuid::Uuid::now_v7()));
    let body = serde_json::json!({ "declaration": export("QD-ACTOR-2") }).to_string();
    let json = "application/json";
    let by_key = http.call("POST", "/v1/declarations", json, body.as_bytes()).await.json();
    let by_key = by_key["name"].as_str().expect("a name").to_owned();
    assert_eq!(actors(&window, &by_key).await, ["enterprise-a / nightly export"]);

    // In the console it is the person, by the name that was given; what nobody sees of it is left out.
    let mut person = Browser::of_nobody(&sandbox).await;
    let said = [("key", key.as_str()), ("person", " 李\u{202e}明 "), ("back", "/console")];
    assert_eq!(person.posts("/console/login", &said).await.status, 303);
    let path = format!("/console/{}", filed.name);
    let story = person.opens(&path).await;
    assert!(story.says("enterprise, 李明"), "{}", story.text);
    let form = [
        ("token", story.value("token")),
        ("request_id", story.value("request_id")),
        ("version", "1"),
        ("reason", "a mistake"),
    ];
    let withdrawn = person.sends(&format!("{path}/withdraw"), &form).await;
    assert!(withdrawn.says("enterprise-a / 李明"), "{}", withdrawn.text);
    assert_eq!(actors(&window, &filed.name).await, ["enterprise-a", "enterprise-a / 李明"]);

    // The record of the request has it too, and so has what the command line tells.
    let mut database = sandbox.database().await;
    let kept = sqlx::query_scalar("select actor from request order by recorded_time");
    let kept: Vec<String> = kept.fetch_all(&mut database).await.expect("they are kept");
    assert_eq!(kept, ["enterprise-a", "enterprise-a / nightly export", "enterprise-a / 李明"]);
    for command in ["trace", "get"] {
        let told = sandbox.command(&["--as", "enterprise-a", command, &filed.name]);
        let told = String::from_utf8(told.stdout).expect("text");
        assert!(told.contains("withdrawn: a mistake  (enterprise-a / 李明)"), "{command}: {told}");
    }
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

/// The bars of a chart: what each is about, how long it is, and what stands beside it.
fn bars(page: &WebPage, chart: &str) -> Vec<(String, i64, String)> {
    let from = format!("role=\"img\" aria-label=\"{chart}\">");
    let (_, rest) =
        page.text.split_once(&from).unwrap_or_else(|| panic!("no {chart}: {}", page.text));
    let svg = rest.split("</svg>").next().expect("it ends");
    let bar = |text: &str| {
        let label = text.split('>').nth(1)?.split('<').next()?.to_owned();
        let drawn = text.split("<rect").skip(1).find(|it| !it.contains("class=\"rest\""))?;
        let width = drawn.split("width=\"").nth(1)?.split('"').next()?.parse().ok()?;
        let value = text.rsplit_once("</text>")?.0.rsplit('>').next()?.to_owned();
        Some((label, width, value))
    };
    let bars = svg.split("<text x=\"0\"").skip(1);
    bars.map(|text| bar(text).unwrap_or_else(|| panic!("no bar: {text}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_drawn_by_port_mode_and_class_and_over_weeks() {
    const LONGEST: i64 = 420;
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let mut filed = Vec::new();
    for (order_no, port) in [
        ("SBX-ACCEPT-STATISTICS-1", "4258"),
        ("SBX-ACCEPT-STATISTICS-2", "4258"),
        ("SBX-ACCEPT-STATISTICS-3", "4258"),
        ("SBX-INSPECT-STATISTICS-4", "4220"),
    ] {
        let mut declaration = export(order_no);
        port.clone_into(&mut declaration.port_code);
        filed.push(firm.tries(filing(declaration)).await.expect("it is valid").name);
    }
    for name in &filed {
        firm.sees(name, v1::State::Released).await;
    }
    let admin = sandbox.connect("admin").await;
    let all_are_over = "all four are over in the statistics";
    let rows = eventually(all_are_over, PATIENCE, async || {
        let request = v1::GetStatisticsRequest::default();
        let found = admin.inspection().get_statistics(request).await.expect("it may");
        let rows = found.into_inner().rows;
        let all = rows.iter().find(|row| row.group == "all");
        if all.is_some_and(|row| row.released == 4) { Ok(rows) } else { Err(rows) }
    })
    .await;

    // One of four was inspected: all of those at one port, and none at the other.
    let mut person = Browser::of(&sandbox, "admin").await;
    let page = person.opens("/console/statistics").await;
    let shares = bars(&page, "Share that was inspected");
    for (about, width, value) in [
        ("all", LONGEST / 4, "25.0 %"),
        ("port 4220", LONGEST, "100.0 %"),
        ("port 4258", 1, "0.0 %"),
        ("mode 9610", LONGEST / 4, "25.0 %"),
    ] {
        let expected = (about.to_owned(), width, value.to_owned());
        assert!(shares.contains(&expected), "{expected:?}: {shares:?}");
    }
    let class = shares.iter().find(|(about, ..)| about.starts_with("credit "));
    assert_eq!(class.map(|it| it.1), Some(LONGEST / 4), "{shares:?}");
    let weeks = bars(&page, "Week by week: share that was inspected");
    let (_, width, value) = weeks.last().expect("this week");
    assert_eq!((*width, value.as_str()), (LONGEST / 4, "25.0 %"), "{weeks:?}");

    // Times are as long as they are to each other.
    let of =
        |times: &Option<v1::Times>| times.as_ref().filter(|it| it.count > 0).map(|it| it.p50_ms);
    let each = rows.iter().flat_map(|row| [of(&row.with_inspection), of(&row.without_inspection)]);
    let each: Vec<i64> = each.flatten().collect();
    let most = each.iter().max().expect("some");
    let expected: Vec<i64> = each.iter().map(|it| (it * LONGEST / most).max(1)).collect();
    let drawn = bars(&page, "From filing to release: half are released within");
    assert_eq!(drawn.iter().map(|it| it.1).collect::<Vec<_>>(), expected, "{drawn:?}");
    let one = person.opens("/console/statistics?port=4220").await;
    let shares = bars(&one, "Share that was inspected");
    assert_eq!(shares[0], ("all".to_owned(), LONGEST, "100.0 %".to_owned()), "{shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_firm_is_listed_and_what_was_wrong_is_sent_again() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let asked = firm.files("SBX-DOCS-WAITS-1").await.name;
    let rejected = firm.files("SBX-REJECT1300-WAITS-2").await.name;
    let done = firm.files("SBX-ACCEPT-WAITS-3").await.name;
    firm.sees(&rejected, v1::State::Rejected).await;
    firm.sees(&done, v1::State::Released).await;
    let mut person = Browser::of(&sandbox, "enterprise-a").await;
    let page = until(&mut person, "/console/declarations?waits=me", "SBX-DOCS-WAITS-1").await;
    assert!(!page.says("WAITS-2") && !page.says("WAITS-3"), "{}", page.text);
    assert!(page.says("name=\"waits\" value=\"me\" checked"), "{}", page.text);
    assert!(person.opens("/console/declarations").await.says("WAITS-3"));
    drop(asked);

    // What was rejected is corrected in a form with what was declared, and is a new version of the same.
    let id = rejected.trim_start_matches("declarations/");
    let story = person.opens(&format!("/console/declarations/{id}")).await;
    assert!(story.says(&format!("/console/file?amend={id}")), "{}", story.text);
    let form = person.opens(&format!("/console/file?amend={id}")).await;
    assert_eq!(form.fields()["f.order_no"], "SBX-REJECT1300-WAITS-2");
    let mut fields = form.fields();
    fields.insert("f.ie_flag".to_owned(), "DIRECTION_EXPORT".to_owned());
    fields.insert("f.lines[0].gname".to_owned(), "corrected goods".to_owned());
    let given = ["token", "request_id", "amends", "version"].map(|name| (name, form.value(name)));
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let sent: Vec<_> = given.into_iter().chain(fields).chain([("act", "file")]).collect();
    let amended = person.sends("/console/file", &sent).await;
    assert_eq!(amended.status, 200, "{}", amended.text);
    let record = firm.reads(&rejected).await;
    assert_eq!(record.version, 2, "{record:?}");
    let story = person.opens(&format!("/console/declarations/{id}")).await;
    assert!(story.says("corrected goods") && story.says("v2"), "{}", story.text);
    // The form that was looked at is of the version before: sent by somebody else it changes nothing.
    let stale: Vec<_> = sent.iter().filter(|(name, _)| *name != "request_id").copied().collect();
    let other_id = uuid::Uuid::now_v7().to_string();
    let stale = [stale.as_slice(), &[("request_id", other_id.as_str())]].concat();
    let refused = person.sends("/console/file", &stale).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(firm.reads(&rejected).await.version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_lodged_in_a_browser() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let account = async || {
        let window = sandbox.connect("enterprise-a").await;
        let request = v1::ListAccountsRequest::default();
        let found = window.payment().list_accounts(request).await.expect("its own").into_inner();
        let own = found.accounts.into_iter();
        let own = own.filter(|it| it.purpose() == v1::Purpose::Guarantee);
        own.map(|it| it.balance).sum::<i64>()
    };
    let before = eventually("what a sandbox begins with is there", PATIENCE, async || {
        let balance = account().await;
        if balance > 0 { Ok(balance) } else { Err(balance) }
    })
    .await;
    let mut person = Browser::of(&sandbox, "enterprise-a").await;
    let money = person.opens("/console/money").await;
    let given = ["token", "request_id"].map(|name| (name, money.value(name)));
    let lodge = |amount: &'static str| {
        [given.as_slice(), &[("amount", amount), ("reference", "transfer 7")]].concat()
    };
    let wrong = person.sends("/console/money/deposit", &lodge("12.345")).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    assert_eq!(account().await, before);
    // Sent twice it is lodged once.
    for _ in 0..2 {
        let lodged = person.sends("/console/money/deposit", &lodge("1234.50")).await;
        assert_eq!(lodged.status, 200, "{}", lodged.text);
    }
    assert_eq!(account().await - before, 123_450);
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
