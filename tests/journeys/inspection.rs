//! The joint inspection as its people meet it: agencies, site, enterprise.

use std::time::Duration;

use proto::v1::report_request::Step;
use proto::v1::{self, InspectionStep, OrderStage, ResultCode, fact::Kind};
use sqlx::Row as _;
use uuid::Uuid;

use crate::harness::exchange::{Stream, explained, verdict};
use crate::harness::inspection::{
    PLACE, SMALL, Site, Stage, appoint, findings, officer, stage, state, wants,
};
use crate::harness::people::{FIRM_A, code, count, export};
use crate::harness::{Sandbox, eventually};

fn step_of(fact: &Kind) -> Option<InspectionStep> {
    match fact {
        Kind::InspectionProgress(moved) => Some(moved.step()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_demands_one_order_one_examination_one_release() {
    let mut stage_ = Stage::set().await;
    let (name, event, order) = stage_.orders("QD-1").await;
    assert_eq!(stage(&order), OrderStage::Ordered);
    let agencies: Vec<i32> = state(&order).instructions.iter().map(|i| i.agency).collect();
    assert_eq!(agencies, [1, 2], "one instruction of each agency");
    let full = stage_.site.reads(&name).await.expect("it is there").order.expect("an order");
    assert_eq!(full.lines, export("QD-1").lines, "the site sees the goods");

    // The enterprise chooses a window and hears of it where it hears of everything.
    let firm = stage_.firm.0.clone();
    let windows = v1::ListWindowsRequest { place: PLACE.into(), days: 2, ..Default::default() };
    let windows = firm.inspection().list_windows(windows).await.expect("it may").into_inner();
    let chosen = *windows.windows.get(30).expect("there are more");
    assert_eq!(chosen.free, 100);
    let order = appoint(&firm, &order, PLACE, chosen.start).await.expect("there is room");
    assert_eq!(stage(&order), OrderStage::Appointed);

    let claimed = stage_.site.claims(&order).await.expect("it is free");
    assert_eq!(claimed.draw.len(), 12, "every officer has a place in the draw");
    assert_eq!(claimed.draw.iter().filter(|drawn| drawn.chosen).count(), 2, "one of each agency");
    let order = claimed.order.expect("an order");
    let attendance = v1::Attendance::Declarant.into();
    let present = Step::Presentation(v1::Presentation { attendance });
    let order = stage_.site.reports(&order, present).await.expect("in step");
    let early = stage_.site.finds_everywhere(&order, "CONFORM").await.expect_err("too early");
    assert_eq!(code(&early).0, "SW-1601");
    let begin = v1::Beginning { method: v1::Method::Manual.into(), officer: officer(&order) };
    let order = stage_.site.reports(&order, Step::Beginning(begin)).await.expect("in step");
    let order = stage_.site.finds_everywhere(&order, "CONFORM").await.expect("all at once");
    assert_eq!(stage(&order), OrderStage::Found);

    // Both agencies are told what was found, and conclude.
    for stream in [&mut stage_.customs, &mut stage_.ciq] {
        loop {
            let event = stream.tells(&event.declaration_id).await;
            let facts = event.facts.expect("facts").facts;
            let completed = facts.into_iter().find_map(|fact| match fact.kind {
                Some(Kind::InspectionCompleted(completed)) => Some(completed),
                _ => None,
            });
            if let Some(completed) = completed {
                let results: Vec<_> =
                    completed.findings.iter().map(|f| (f.instructed_by, &*f.result)).collect();
                assert_eq!(results, [(1, "CONFORM"), (2, "CONFORM")]);
                break;
            }
        }
    }
    // The order says whose verdict the release waits for.
    let cleared = |event| v1::Answer { round: 2, ..verdict(event, v1::Outcome::Cleared) };
    stage_.customs.decides(cleared(&event)).await;
    eventually("the site hears of it", Duration::from_secs(20), async || {
        let waits = waits_for(&stage_.site, &name).await;
        if waits == [v1::Awaited::QuarantineVerdict] { Ok(()) } else { Err(waits) }
    })
    .await;
    stage_.ciq.decides(cleared(&event)).await;
    let seen = stage_.firm.sees(&name, v1::State::Released).await;
    for (is, what) in [
        (count(&seen, |f| matches!(f, Kind::InspectionOrdered(_))), "ordered"),
        (count(&seen, |f| matches!(f, Kind::InspectionJoined(_))), "joined"),
        (count(&seen, |f| matches!(f, Kind::InspectionCompleted(_))), "completed"),
        (count(&seen, |f| matches!(f, Kind::Released(_))), "released"),
    ] {
        assert_eq!(is, 1, "{what}: {seen:#?}");
    }
    let appointed = seen.iter().find_map(|fact| match fact {
        Kind::InspectionProgress(moved) if moved.step() == InspectionStep::Appointed => Some(moved),
        _ => None,
    });
    let appointed = appointed.expect("it was told its appointment");
    assert_eq!((appointed.place.as_str(), &appointed.window_start), (PLACE, &chosen.start));
    assert_eq!(appointed.place_name_zh, "青岛查验场");
    let steps: Vec<_> = seen.iter().filter_map(step_of).collect();
    use InspectionStep::{Appointed, Examining, Presented};
    assert_eq!(steps, [Appointed, Presented, Examining], "in order");

    // What the agencies said about the declaration says what becomes of the goods.
    let order = stage_.site.finds(&name, |order| stage(order) == OrderStage::Closed).await;
    assert_eq!(state(&order).disposal, "RELEASE");
    assert_eq!(waits_for(&stage_.site, &name).await, [], "it is over");
    let own = firm.inspection().get_order(v1::GetOrderRequest { name: name.clone() }).await;
    let own = own.expect("it is its own").into_inner();
    let shown = own.order.expect("an order");
    assert!(
        shown.claimed_by.is_empty()
            && state(&shown).work.as_ref().is_some_and(|work| {
                work.officers.is_empty()
                    && work.findings.iter().all(|found| found.officer.is_empty())
            })
    );
    assert!(own.history.len() >= 7, "{:#?}", own.history);
    let other = stage_.sandbox.connect("enterprise-b").await;
    let hidden = other.inspection().get_order(v1::GetOrderRequest { name }).await;
    assert_eq!(code(&hidden.expect_err("not its own")).0, "SW-1201");

    let statistics = stage_.sandbox.connect("admin").await.inspection();
    let table = { statistics }.get_statistics(v1::GetStatisticsRequest::default()).await;
    let rows = table.expect("it may").into_inner().rows;
    let all = rows.first().expect("all of them");
    assert_eq!((all.cases, all.released, all.inspected, all.joint), (1, 1, 1, 1));
    assert_eq!((all.inspected_bp, all.joint_bp), (10_000, 10_000));
    let credit = credit(&stage_.sandbox.connect("customs").await).await;
    assert_eq!((credit.points, credit.class.as_str()), (71, "general"), "one conforming");
}

async fn credit(window: &client::Window) -> v1::CreditRecord {
    let request = v1::GetCreditRequest { firm: FIRM_A.into() };
    let response = window.inspection().get_credit(request).await.expect("it may").into_inner();
    response.credit.expect("a record")
}

/// A rule set with one rule about the goods of `export`.
fn rules(version: u32, condition: &serde_json::Value, action: &serde_json::Value) -> String {
    serde_json::json!({
        "agency": "customs", "version": version, "sample": true,
        "rates": { "advanced_bp": 0, "general_bp": 0, "untrusted_bp": 0 },
        "rules": [{
            "id": "C-1", "title": "cups", "title_zh": "杯子", "valid_from": "2020-01-01",
            "source": "ours", "condition": condition, "action": action,
        }],
    })
    .to_string()
}

fn wanted() -> serde_json::Value {
    serde_json::json!([{ "code": "LOOK", "text": "count the cups", "text_zh": "清点",
                         "method": "manual", "sampling": false }])
}

async fn put_rules(window: &client::Window, document: String) -> Result<u32, tonic::Status> {
    let request = v1::PutRuleSetRequest { document, validate_only: false };
    window.inspection().put_rule_set(request).await.map(|put| put.into_inner().version)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_are_asked_before_anything_is_released_and_explain_themselves() {
    let mut stage_ = Stage::set().await;
    let customs = stage_.sandbox.connect("customs").await;
    let demand = serde_json::json!({ "demand": { "wanted": wanted() } });
    let cups = serde_json::json!({ "goods": ["9617"] });
    let wrong = put_rules(&customs, rules(2, &cups, &demand)).await.expect_err("not the next one");
    assert_eq!(code(&wrong).0, "SW-1202");
    let wrong = rules(1, &cups, &serde_json::json!({ "demand": { "wanted": [] } }));
    assert_eq!(code(&put_rules(&customs, wrong).await.expect_err("it wants nothing")).0, "SW-1621");
    let ciq = stage_.sandbox.connect("quarantine").await;
    let foreign = put_rules(&ciq, rules(1, &cups, &demand)).await.expect_err("not its rules");
    assert_eq!(code(&foreign).0, "SW-1304");
    assert_eq!(put_rules(&customs, rules(1, &cups, &demand)).await.expect("in order"), 1);

    let (name, event) = stage_.files("QD-1").await;
    for stream in [&mut stage_.customs, &mut stage_.ciq] {
        // Whether the demand or the clearance comes first, goods are looked at before the release.
        let said = stream.decides(verdict(&event, v1::Outcome::Cleared)).await;
        assert!(said.result() == ResultCode::Applied || said.code == "SW-1205", "{said:?}");
    }
    let order = stage_.site.finds(&name, |order| stage(order) == OrderStage::Ordered).await;
    let instruction = state(&order).instructions.first().expect("one").clone();
    assert_eq!((&*instruction.id, &*instruction.text), ("C-1/LOOK", "count the cups"));
    let record = stage_.firm.reads(&name).await;
    assert_eq!(record.state(), v1::State::Inspecting);

    let ask = v1::GetAssessmentRequest { name: name.clone(), version: 1 };
    let denied = stage_.firm.0.inspection().get_assessment(ask.clone()).await;
    assert_eq!(code(&denied.expect_err("a secret")).0, "SW-1303");
    let said = customs.inspection().get_assessment(ask).await.expect("it may").into_inner();
    let assessment = said.assessments.first().expect("of customs");
    assert!(assessment.selected && assessment.sample && assessment.rule_set_version == 1);
    let matched = assessment.matched.first().expect("the rule");
    assert_eq!((&*matched.rule, &*matched.lines), ("C-1", &[1][..]));
    assert!(matched.because[0].text.contains("9617"), "{:?}", matched.because);

    // A rule of chance, told so that anybody can draw again when the day's seed is out.
    let always = serde_json::json!({ "random_at": {
        "rates": { "advanced_bp": 0, "general_bp": 10_000, "untrusted_bp": 10_000 },
        "wanted": wanted(),
    }});
    put_rules(&customs, rules(2, &cups, &always)).await.expect("the next one");
    let (name, _) = stage_.files("QD-2").await;
    stage_.site.finds(&name, |order| stage(order) == OrderStage::Ordered).await;
    let ask = v1::GetAssessmentRequest { name: name.clone(), version: 0 };
    let said = customs.inspection().get_assessment(ask).await.expect("it may").into_inner();
    let draw = said.assessments[0].matched[0].draw.clone().expect("it was drawn");
    assert_eq!((draw.below, draw.threshold), (10_000, 10_000));
    let seeds = customs.inspection().list_seeds(v1::ListSeedsRequest::default()).await;
    let seed = seeds.expect("everybody may").into_inner().seeds.pop().expect("today's");
    assert!(seed.seed.is_empty() && seed.commitment.len() == 32, "secret until the day is over");
    let kept = sqlx::query("select bytes from inspection.seed")
        .fetch_one(&mut stage_.sandbox.database().await)
        .await
        .expect("it is kept");
    let bytes: [u8; 32] = kept.get::<Vec<u8>, _>(0).try_into().expect("32 bytes");
    let day = domain::inspection::draw::Seed { day: time::Date::MIN, bytes };
    let id = name.trim_start_matches("declarations/");
    let again = domain::inspection::draw::Draw {
        seed: day,
        subject: Uuid::try_parse(id).expect("an id"),
        sha256,
    };
    let number = again.number(domain::inspection::draw::DrawPurpose::Goods, &draw.key, draw.below);
    assert_eq!(number.number, draw.number);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_second_is_told_so() {
    let mut stage_ = Stage::set().await;
    let (_, _, order) = stage_.orders("QD-1").await;
    let other = Site(stage_.sandbox.connect("site-b").await);
    let order = stage_.site.appoints(&order, PLACE, None).await.expect("there is room");
    let (one, two) = tokio::join!(stage_.site.claims(&order), other.claims(&order));
    let (won, lost, by) = if one.is_ok() { (one, two, &stage_.site) } else { (two, one, &other) };
    let loser = if one_is(by, &stage_.site) { &other } else { &stage_.site };
    let order = won.expect("one of them").order.expect("an order");
    let (refused, data) = code(&lost.expect_err("only one"));
    assert_eq!((refused.as_str(), data["claimed_by"].as_str()), ("SW-1603", &*order.claimed_by));
    let present =
        Step::Presentation(v1::Presentation { attendance: v1::Attendance::Declarant.into() });
    let foreign = loser.reports(&order, present.clone()).await.expect_err("not its order");
    assert_eq!(code(&foreign).0, "SW-1603");
    by.claims(&order).await.expect("again is the same");
    by.reports(&order, present).await.expect("in step");

    // One station, two orders at once.
    let (_, _, first) = stage_.orders("QD-2").await;
    let (_, _, second) = stage_.orders("QD-3").await;
    let windows = windows(&stage_.firm.0, SMALL).await;
    let (start, later) = (windows[20].start, windows[21].start);
    let firm = &stage_.firm.0;
    let (one, two) =
        tokio::join!(appoint(firm, &first, SMALL, start), appoint(firm, &second, SMALL, start));
    let (mut order, lost) = match (one, two) {
        (Ok(order), lost) => (order, lost),
        (lost, order) => (order.expect("one of them has it"), lost),
    };
    assert_eq!(code(&lost.expect_err("one station")).0, "SW-1616");
    // Seen too early, too soon, too often.
    let stale =
        appoint(firm, &first, PLACE, None).await.and(appoint(firm, &second, PLACE, None).await);
    assert_eq!(code(&stale.expect_err("one of them was appointed")).0, "SW-1603");
    // What is full, or too soon for a firm, is not offered to it; a site may use a window that runs.
    let offered = self::windows(firm, SMALL).await;
    assert!(offered.iter().all(|window| window.free > 0 && window.start != start));
    let runs = self::windows(&stage_.site.0, SMALL).await[0].start;
    assert!(windows.iter().all(|window| window.start != runs), "no notice");
    let soon = appoint(firm, &order, SMALL, runs).await;
    assert_eq!(code(&soon.expect_err("no notice")).0, "SW-1613");
    for window in [&later, &start] {
        order = appoint(firm, &order, SMALL, *window).await.expect("it may be moved twice");
    }
    let often = appoint(firm, &order, SMALL, later).await.expect_err("not a third time");
    assert_eq!(code(&often).0, "SW-1614");
    let nowhere = appoint(firm, &order, "QD-9", None).await.expect_err("there is none");
    assert_eq!(code(&nowhere).0, "SW-1620");
}

/// What the release waits for, as the order says it.
async fn waits_for(site: &Site, name: &str) -> Vec<v1::Awaited> {
    let order = site.reads(name).await.expect("it is there").order.expect("an order");
    order.waits_for().collect()
}

/// The windows that are offered to a caller.
async fn windows(caller: &client::Window, place: &str) -> Vec<v1::Window> {
    let request = v1::ListWindowsRequest { place: place.into(), days: 2, ..Default::default() };
    let answer = caller.inspection().list_windows(request).await.expect("it may");
    answer.into_inner().windows
}

fn one_is(by: &Site, site: &Site) -> bool {
    std::ptr::eq(by, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_ends_the_order_and_a_new_version_opens_the_same_one() {
    let mut stage_ = Stage::set().await;
    let (name, event, order) = stage_.orders("QD-1").await;
    let order = stage_.site.begins(&order).await;
    let status = stage_.firm.amends(&name, 1, export("QD-1")).await.expect_err("while looked at");
    assert_eq!(code(&status).0, "SW-1205");
    let why = vec![v1::Reason { code: "1300".into(), text: "退单".into() }];
    let reject = explained(&event, v1::Outcome::Rejected, why);
    assert_eq!(stage_.customs.decides(reject).await.result(), ResultCode::Applied);
    stage_.site.finds(&name, |order| stage(order) == OrderStage::Cancelled).await;
    let late = stage_.site.finds_everywhere(&order, "CONFORM").await.expect_err("it fell away");
    assert_eq!(code(&late).0, "SW-1207");

    // The same order, on the next version; what was told about the first is void.
    stage_.firm.amends(&name, 1, export("QD-1")).await.expect("it was rejected");
    let id = name.trim_start_matches("declarations/").to_owned();
    let amended = loop {
        let event = stage_.customs.tells(&id).await;
        if event.version == 2 {
            break event;
        }
    };
    assert_eq!(stage_.customs.decides(wants(&amended, "再看")).await.result(), ResultCode::Applied);
    let again = stage_.site.finds(&name, |order| state(order).version == 2).await;
    assert_eq!((&again.order_id, stage(&again)), (&order.order_id, OrderStage::Ordered));
    assert_eq!(state(&again).instructions.len(), 1, "quarantine has not asked again");
    let void = stage_.site.finds_everywhere(&order, "CONFORM").await.expect_err("version 1");
    assert_eq!(code(&void).0, "SW-1210");
    let again = stage_.site.begins(&again).await;
    stage_.site.finds_everywhere(&again, "CONFORM").await.expect("in step");
    let found = |facts: &v1::Facts| {
        facts.facts.iter().any(|f| matches!(f.kind, Some(Kind::InspectionCompleted(_))))
    };
    let completed = loop {
        let event = stage_.customs.tells(&id).await;
        if event.facts.as_ref().is_some_and(found) {
            break event;
        }
    };
    // A demand after the findings is answered from the record, and one after the release is refused.
    let late = wants(&completed, "检疫");
    assert_eq!(stage_.ciq.decides(late).await.result(), ResultCode::Applied);
    let answered = |order: &v1::OrderRecord| !state(order).late.is_empty();
    let record = stage_.site.finds(&name, answered).await;
    assert_eq!(stage(&record), OrderStage::Found);
    stage_.clear(&completed, completed.round).await;
    stage_.firm.sees(&name, v1::State::Released).await;
    let after = stage_.ciq.decides(wants(&completed, "检疫")).await;
    assert_eq!(after.code, "SW-1203");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_stops_the_declaration_and_others_look_again() {
    let mut stage_ = Stage::set().await;
    let (name, event, order) = stage_.orders("QD-1").await;
    let order = stage_.site.begins(&order).await;
    let first: Vec<String> = officers(&order);
    stage_.site.finds_everywhere(&order, "QTY_MISMATCH").await.expect("in step");
    stage_.firm.waits(&name, |record| record.round == 2).await;
    let customs = stage_.sandbox.connect("customs").await;
    let counted = credit(&customs).await;
    assert_eq!(
        (counted.points, counted.entries.len()),
        (65, 1),
        "five points for both instructions"
    );

    let object = |examination| v1::ObjectRequest {
        request_id: Uuid::now_v7().to_string(),
        name: name.clone(),
        examination,
        reason: "数量在装箱单中已说明".into(),
    };
    let mut inspection = stage_.firm.0.inspection();
    let made = inspection.object(object(1)).await.expect("once").into_inner();
    assert!(made.order.expect("an order").objection_pending);
    let again = |order: &v1::OrderRecord| state(order).examination == 2;
    let order = stage_.site.finds(&name, again).await;
    assert_eq!(stage(&order), OrderStage::Ordered);
    let record = stage_.firm.reads(&name).await;
    assert_eq!(record.state(), v1::State::Inspecting, "the declaration was stopped");
    let order = stage_.site.begins(&order).await;
    assert!(officers(&order).iter().all(|officer| !first.contains(officer)), "others look");
    stage_.site.finds_everywhere(&order, "CONFORM").await.expect("in step");
    stage_.firm.waits(&name, |record| record.round == 3).await;
    let status = inspection.object(object(2)).await.expect_err("only once");
    assert_eq!(code(&status).0, "SW-1611");
    let cleared = credit(&customs).await;
    assert_eq!(cleared.points, 71, "the second examination takes the place of the first");

    stage_.clear(&event, 3).await;
    let seen = stage_.firm.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionReopened(_))), 1);
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionCompleted(_))), 2);
    assert_eq!(count(&seen, |f| matches!(f, Kind::Released(_))), 1);
}

fn officers(order: &v1::OrderRecord) -> Vec<String> {
    let work = state(order).work.as_ref().expect("an examination");
    work.officers.iter().map(|duty| duty.officer.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_comes_within_sixty_days() {
    let mut stage_ = Stage::set().await;
    let (_, _, order) = stage_.orders("QD-1").await;
    let order = stage_.site.begins(&order).await;
    stage_.site.finds_everywhere(&order, "PROHIBITED").await.expect("in step");
    let customs = stage_.sandbox.connect("customs").await;
    let entries = credit(&customs).await.entries;
    let [entry] = entries.as_slice() else { panic!("one entry: {entries:#?}") };
    let appeals = async || {
        let appeal = v1::AppealRequest {
            request_id: Uuid::now_v7().to_string(),
            firm: FIRM_A.into(),
            source: entry.source.clone(),
            reason: "货物不在目录内".into(),
        };
        stage_.firm.0.inspection().appeal(appeal).await
    };
    let moved = stage_.sandbox.command(&["clock", "advance", "61d"]);
    assert!(moved.status.success(), "{moved:?}");
    let late = appeals().await.expect_err("sixty days are over");
    assert_eq!(code(&late).0, "SW-1613");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_decides_about_goods_and_credit() {
    let mut stage_ = Stage::set().await;
    let (name, event, order) = stage_.orders("QD-1").await;
    let order = stage_.site.begins(&order).await;
    // A sample goes to the laboratory; its result is not there yet.
    let ciq = v1::Agency::Quarantine;
    let sample = v1::Sample {
        id: "S-1".into(),
        agency: ciq.into(),
        instruction: "500".into(),
        gnum: 1,
        officer: officer(&order),
        ..Default::default()
    };
    let order = stage_.site.reports(&order, Step::Sample(sample)).await.expect("in step");
    assert_eq!(stage(&order), OrderStage::Sampled);
    let send = v1::Dispatch { sample: "S-1".into(), laboratory: "QDLAB".into() };
    let order = stage_.site.reports(&order, Step::Dispatch(send)).await.expect("in step");
    assert_eq!(stage(&order), OrderStage::Laboratory);
    let conform = findings(&order, |_| "CONFORM".into());
    let order = stage_.site.reports(&order, Step::Findings(conform)).await.expect("in step");
    assert_eq!(stage(&order), OrderStage::Laboratory, "one result is missing");
    let result = v1::ExaminationFinding {
        agency: ciq.into(),
        instruction: "500".into(),
        gnum: 1,
        sample: "S-1".into(),
        result: "QUARANTINE_FAIL".into(),
        method: v1::Method::Manual.into(),
        officer: "analyst-3".into(),
        revision: 1,
        ..Default::default()
    };
    let result = v1::Findings { findings: vec![result] };
    let order = stage_.site.reports(&order, Step::Findings(result)).await.expect("in step");
    assert_eq!(stage(&order), OrderStage::Found);

    let dispose = |disposal: &str| v1::DisposeRequest {
        request_id: Uuid::now_v7().to_string(),
        name: name.clone(),
        examination: 1,
        disposal: disposal.into(),
    };
    let (customs, quarantine) =
        (stage_.sandbox.connect("customs").await, stage_.sandbox.connect("quarantine").await);
    let unfounded = quarantine.inspection().dispose(dispose("RELEASE")).await;
    assert_eq!(code(&unfounded.expect_err("it did not pass")).0, "SW-1608");
    quarantine.inspection().dispose(dispose("TREAT")).await.expect("it is founded");
    customs.inspection().dispose(dispose("RELEASE")).await.expect("nothing of its own is wrong");
    let order = stage_.site.finds(&name, |order| stage(order) == OrderStage::Treating).await;
    let treatment =
        v1::Treatment { certificate: "QD2026-77".into(), digest: vec![1; 32], passed: true };
    let order = stage_.site.reports(&order, Step::Treatment(treatment)).await.expect("treated");
    assert_eq!(stage(&order), OrderStage::Found, "the agencies decide again");
    stage_.firm.waits(&name, |record| record.round == 2).await;
    stage_.clear(&event, 2).await;
    let seen = stage_.firm.sees(&name, v1::State::Released).await;
    let steps: Vec<_> = seen.iter().filter_map(step_of).collect();
    use InspectionStep::{Appointed, Examining, Laboratory, Presented, Sampled, Treated, Treating};
    assert_eq!(steps, [Appointed, Presented, Examining, Sampled, Laboratory, Treating, Treated]);
    let order = stage_.site.finds(&name, |order| stage(order) == OrderStage::Closed).await;
    assert_eq!(state(&order).disposal, "RELEASE");

    // Prohibited goods put a firm on the blacklist, and rules ask for that.
    let blacklisted = serde_json::json!("blacklisted");
    let demand = serde_json::json!({ "demand": { "wanted": wanted() } });
    put_rules(&customs, rules(1, &blacklisted, &demand)).await.expect("in order");
    let (name, _, order) = stage_.orders("QD-2").await;
    let order = stage_.site.begins(&order).await;
    stage_.site.finds_everywhere(&order, "PROHIBITED").await.expect("in step");
    let known = credit(&customs).await;
    assert!(known.blacklisted && known.class == "untrusted", "{known:#?}");
    let (third, _) = stage_.files("QD-3").await;
    stage_.site.finds(&third, |order| stage(order) == OrderStage::Ordered).await;
    let listed = v1::ListCreditRequest { blacklisted: true, ..Default::default() };
    let listed = quarantine.inspection().list_credit(listed).await.expect("both agencies see it");
    assert_eq!(listed.into_inner().firms.len(), 1);

    // The firm appeals and is right.
    let grave: Vec<_> = known.entries.iter().filter(|e| e.cause == "PROHIBITED").collect();
    assert_eq!(grave.len(), 1, "one box, though both agencies asked");
    let mut firm = stage_.firm.0.inspection();
    for entry in grave {
        let appeal = |firm: &str| v1::AppealRequest {
            request_id: Uuid::now_v7().to_string(),
            firm: firm.into(),
            source: entry.source.clone(),
            reason: "货物不在目录内".into(),
        };
        let foreign = firm.appeal(appeal("3702960002")).await.expect_err("another firm");
        assert_eq!(code(&foreign).0, "SW-1201");
        firm.appeal(appeal(FIRM_A)).await.expect("in time");
        let decide = v1::DecideAppealRequest {
            request_id: Uuid::now_v7().to_string(),
            firm: FIRM_A.into(),
            source: entry.source.clone(),
            overturned: true,
            reason: "属实".into(),
        };
        customs.inspection().decide_appeal(decide.clone()).await.expect("there is an appeal");
        customs.inspection().decide_appeal(decide).await.expect("again is the same");
    }
    let now = credit(&customs).await;
    assert!(!now.blacklisted && now.class == "general", "{now:#?}");
    assert_eq!(stage_.firm.reads(&name).await.state(), v1::State::UnderReview);
}

/// Redelivery, and a service that was away: what was filed meanwhile is assessed when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_its_news_survive_kills() {
    let mut stage_ = Stage::on(Sandbox::process(&["--no-agencies"]).await).await;
    let (name, event, order) = stage_.orders("QD-1").await;
    let order = stage_.site.begins(&order).await;
    stage_.sandbox.kill();
    stage_.sandbox.spawn();
    stage_.sandbox.ready().await;
    stage_.site = Site(stage_.sandbox.connect("site").await);
    stage_.site.finds_everywhere(&order, "CONFORM").await.expect("in step");
    // The report may be on its way.
    stage_.sandbox.kill();
    stage_.sandbox.spawn();
    stage_.sandbox.ready().await;
    let firm = crate::harness::people::Enterprise(stage_.sandbox.connect("enterprise-a").await);
    stage_.firm = firm;
    stage_.firm.waits(&name, |record| record.round == 2).await;
    let open = |window: client::Window, agency| async move {
        Stream::open(&window, agency, "one", Vec::new(), 0).await.expect("it may")
    };
    let (customs, ciq) =
        (stage_.sandbox.connect("customs").await, stage_.sandbox.connect("quarantine").await);
    stage_.customs = open(customs, v1::Agency::Customs).await;
    stage_.ciq = open(ciq, v1::Agency::Quarantine).await;
    stage_.clear(&event, 2).await;
    let seen = stage_.firm.sees(&name, v1::State::Released).await;
    assert_eq!(count(&seen, |f| matches!(f, Kind::InspectionCompleted(_))), 1);
    let steps: Vec<_> = seen.iter().filter_map(step_of).collect();
    use InspectionStep::{Appointed, Examining, Presented};
    assert_eq!(steps, [Appointed, Presented, Examining], "each once, in order");
}
