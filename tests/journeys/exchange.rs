//! The stream as an agency's engineers meet it: resume, acknowledge, replay, share, be refused.

use std::time::Duration;

use proto::v1::InspectionStep::Appointed;
use proto::v1::answer::What;
use proto::v1::fact::Kind;
use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::harness::exchange::{Stream, answer, explained, verdict};
use crate::harness::people::{Enterprise, code, count, export, filing};
use crate::harness::{PATIENCE, Sandbox, eventually};

async fn customs(sandbox: &Sandbox) -> Stream {
    let window = sandbox.connect("customs").await;
    Stream::open(&window, v1::Agency::Customs, "one", Vec::new(), 0).await.expect("it may")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_does_not_come_again_and_the_rest_does() {
    let mut sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    for number in 0..5 {
        firm.files(&format!("QD-{number}")).await;
    }
    let mut stream = customs(&sandbox).await;
    assert_eq!(stream.slots, 256);
    let first = stream.events(5).await;
    let orders: Vec<_> =
        first.iter().map(|e| e.declaration.as_ref().expect("content").order_no.clone()).collect();
    assert_eq!(orders, ["QD-0", "QD-1", "QD-2", "QD-3", "QD-4"], "in the order of commit");
    let positions: Vec<_> = first.iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5], "dense");
    assert_eq!(first[0].declaration, Some(export("QD-0")), "as it was filed");

    stream.acknowledge(&first[1]).await;
    stream.leaves().await;
    let mut again = reopened(&sandbox, 3).await;
    let second = again.events(3).await;
    assert_eq!(second[0].position, 3);
    assert_eq!(second[0].event_id, first[2].event_id, "the same event");
    assert_eq!(second[0].attempt, 2, "it may have been delivered before");
    again.acknowledge(&second[2]).await;
    again.leaves().await;

    // Replay from any position, also after a restart.
    reopened(&sandbox, 0).await.leaves().await;
    sandbox.stop();
    sandbox.spawn();
    sandbox.ready().await;
    let slot = first[0].slot;
    let window = sandbox.connect("customs").await;
    let from = vec![v1::Position { slot, position: 2 }];
    let mut replay =
        Stream::open(&window, v1::Agency::Customs, "one", from, 0).await.expect("it may");
    assert_eq!(replay.events(4).await[0].event_id, first[1].event_id);
}

/// Opens the stream again until this many events are left for it; the cursor is kept lazily.
async fn reopened(sandbox: &Sandbox, left: usize) -> Stream {
    let mut database = sandbox.database().await;
    eventually("the cursor is kept", PATIENCE, async || {
        let waiting: i64 = sqlx::query_scalar(
            "select coalesce(sum(h.position - s.position), 0)::bigint
             from subscription s join journal_head h on h.slot = s.slot where s.agency = 1",
        )
        .fetch_one(&mut database)
        .await
        .expect("the tables are there");
        if waiting == i64::try_from(left).expect("few") { Ok(()) } else { Err(waiting) }
    })
    .await;
    customs(sandbox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_release_for_an_order_and_no_way_around_a_detention() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let window = sandbox.connect("quarantine").await;
    let mut customs = customs(&sandbox).await;
    let mut quarantine =
        Stream::open(&window, v1::Agency::Quarantine, "one", Vec::new(), 0).await.expect("it may");
    let why = || vec![v1::Reason { code: "1".into(), text: "why".into() }];

    // Rejected, filed anew: the first one has lost its order for good.
    let first = firm.files("QD-1").await;
    let event = customs.events(1).await.remove(0);
    let rejected = explained(&event, v1::Outcome::Rejected, why());
    assert_eq!(customs.decides(rejected).await.result(), v1::ResultCode::Applied);
    let second = firm.files("QD-1").await;
    assert_ne!(first.name, second.name);
    let status = firm.amends(&first.name, 1, export("QD-1")).await.expect_err("it has no order");
    assert_eq!(code(&status).0, "SW-1102");

    // Detained by one agency, rejected by the other: neither amending nor filing anew frees the goods.
    let detained = firm.files("QD-2").await;
    let id = detained.name.trim_start_matches("declarations/").to_owned();
    let on =
        |outcome| v1::Answer { declaration_id: id.clone(), ..explained(&event, outcome, why()) };
    assert_eq!(
        quarantine.decides(on(v1::Outcome::Detained)).await.result(),
        v1::ResultCode::Applied
    );
    assert_eq!(customs.decides(on(v1::Outcome::Rejected)).await.result(), v1::ResultCode::Applied);
    let status = firm.tries(filing(export("QD-2"))).await.expect_err("still detained");
    assert_eq!(code(&status).0, "SW-1206");
    firm.amends(&detained.name, 1, export("QD-2")).await.expect("rejected may be amended");
    let status = firm.withdraws(&detained.name, 2).await.expect_err("still detained");
    assert_eq!(code(&status).0, "SW-1206");

    // The same request id from both agencies is two requests.
    let third = firm.files("QD-3").await;
    let id = third.name.trim_start_matches("declarations/").to_owned();
    let cleared = v1::Answer { declaration_id: id, ..verdict(&event, v1::Outcome::Cleared) };
    assert_eq!(customs.decides(cleared.clone()).await.result(), v1::ResultCode::Applied);
    assert_eq!(quarantine.decides(cleared).await.result(), v1::ResultCode::Applied);
    firm.sees(&third.name, v1::State::Released).await;

    // Going forward without an acknowledgement would lose events.
    let slot = event.slot;
    let from = vec![v1::Position { slot, position: 1_000_000 }];
    let refused = Stream::open(&window, v1::Agency::Quarantine, "one", from, 0).await;
    assert_eq!(code(&refused.err().expect("refused")).0, "SW-1006");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_come_in_frames_that_every_client_takes() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    for number in 0..12 {
        let mut large = export(&format!("QD-{number}"));
        let line = v1::GoodsLine { note: "大".repeat(1_000), ..large.lines[0].clone() };
        large.lines = (1..=100).map(|gnum| v1::GoodsLine { gnum, ..line.clone() }).collect();
        firm.tries(filing(large)).await.expect("large is legal");
    }
    let mut stream = customs(&sandbox).await;
    let mut events = 0;
    while events < 12 {
        match stream.next().await.expect("the stream holds") {
            In::Batch(batch) => {
                let size = prost::Message::encoded_len(&batch);
                assert!(size < 2 * 1024 * 1024, "{size} bytes in one frame");
                events += batch.events.len();
            }
            In::Opened(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_consumer_gets_no_more_than_it_agreed_to() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let window = sandbox.connect("customs").await;
    let mut stream =
        Stream::open(&window, v1::Agency::Customs, "one", Vec::new(), 3).await.expect("it may");
    for number in 0..10 {
        firm.files(&format!("QD-{number}")).await;
    }
    let first = stream.events(3).await;
    assert_eq!(first.len(), 3);
    // What is said is answered in order with what is sent: no event stands before the answer.
    let marker = verdict(&first[0], v1::Outcome::Accepted);
    stream.send(Out::Answers(v1::Answers { answers: vec![marker] })).await;
    let next = stream.next().await.expect("the stream holds");
    assert!(matches!(next, In::Results(_)), "before an acknowledgement comes {next:?}");
    stream.acknowledge(&first[2]).await;
    assert_eq!(stream.events(3).await[0].position, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_answered_in_order_and_have_their_effect_once() {
    use v1::ResultCode::{Applied, Duplicate, Ignored, Refused, StaleRound, StaleVersion};
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("QD-1").await;
    let mut stream = customs(&sandbox).await;
    let event = stream.events(1).await.remove(0);

    let cleared = verdict(&event, v1::Outcome::Cleared);
    let late = verdict(&event, v1::Outcome::Accepted);
    let mut old = verdict(&event, v1::Outcome::Cleared);
    old.version = 0;
    let mut early = verdict(&event, v1::Outcome::Cleared);
    early.round = 9;
    let silent = verdict(&event, v1::Outcome::Rejected);
    let why = vec![v1::Reason { code: "X".into(), text: "x".into() }];
    let held = explained(&event, v1::Outcome::Held, why);
    let other = v1::Answer { request_id: cleared.request_id.clone(), ..held };
    let mut unknown = verdict(&event, v1::Outcome::Cleared);
    unknown.declaration_id = Uuid::now_v7().to_string();
    let answers = vec![cleared.clone(), cleared.clone(), late, old, early, silent, other, unknown];
    let ids: Vec<_> = answers.iter().map(|answer| answer.request_id.clone()).collect();
    stream.send(Out::Answers(v1::Answers { answers })).await;
    let mut results = Vec::new();
    while results.len() < ids.len() {
        results.extend(stream.results().await);
    }
    assert_eq!(results.iter().map(|r| r.request_id.clone()).collect::<Vec<_>>(), ids);
    let codes: Vec<_> = results.iter().map(|r| (r.result(), r.code.as_str())).collect();
    assert_eq!(
        codes,
        [
            (Applied, ""),
            (Duplicate, ""),
            (Ignored, ""),
            (StaleVersion, "SW-1210"),
            (Refused, "SW-1209"),
            (Refused, "SW-2026"),
            (Refused, "SW-1101"),
            (Refused, "SW-1201"),
        ]
    );

    // An inspection starts a new round: what was decided before it is void.
    let look = verdict(&event, v1::Outcome::WantsInspection);
    assert_eq!(stream.decides(look).await.result(), Applied);
    let site = sandbox.connect("inspection-service").await;
    let mut site = Stream::open(&site, v1::Subscriber::InspectionService, "one", Vec::new(), 0)
        .await
        .expect("it may");
    let ordered = site.events(1).await.remove(0);
    assert_eq!(ordered.declaration, Some(export("QD-1")), "the site sees what it looks for");
    let order_id = firm.reads(&receipt.name).await.inspection_order_id;
    let findings = |agency: v1::Agency, order_id: &str| {
        let finding = v1::Finding {
            instructed_by: agency.into(),
            result: "CONFORM".into(),
            ..Default::default()
        };
        let report = v1::FindingsReport { order_id: order_id.to_owned(), findings: vec![finding] };
        answer(&event, What::Findings(report))
    };
    let wrong_order = findings(v1::Agency::Customs, &Uuid::now_v7().to_string());
    for (report, expected) in [
        (wrong_order, "SW-1207"),
        (findings(v1::Agency::Quarantine, &order_id), "SW-1208"),
        (findings(v1::Agency::Customs, &order_id), ""),
        (findings(v1::Agency::Customs, &order_id), "SW-1207"),
    ] {
        assert_eq!(site.decides(report).await.code, expected);
    }
    assert_eq!(stream.decides(verdict(&event, v1::Outcome::Cleared)).await.result(), StaleRound);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_of_one_agency_share_the_slots_and_a_dead_one_is_replaced() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let (first, second) = (sandbox.connect("customs").await, sandbox.connect("customs").await);
    let open = |window: client::Window, name: &'static str| async move {
        Stream::open(&window, v1::Agency::Customs, name, Vec::new(), 0).await.expect("it may")
    };
    let mut one = open(first.clone(), "one").await;
    let mut two = open(second, "two").await;
    assert_eq!(one.slots, 256);
    // The first gives up half at its next renewal, and the second takes it.
    for stream in [&mut one, &mut two] {
        while stream.slots != 128 {
            match stream.next().await.expect("the stream holds") {
                In::Opened(opened) => stream.slots = opened.slots.len(),
                other => panic!("{other:?}"),
            }
        }
    }
    let admin = Enterprise(sandbox.connect("agent").await);
    for number in 0..40 {
        let mut declaration = export(&format!("QD-{number}"));
        let code = format!("37029{number:05}");
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        admin.tries(filing(declaration)).await.expect("valid");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    while ours.len() + theirs.len() < 40 {
        tokio::select! {
            events = one.events(1) => ours.extend(events),
            events = two.events(1) => theirs.extend(events),
        }
    }
    assert!(!ours.is_empty() && !theirs.is_empty(), "{} and {}", ours.len(), theirs.len());
    let shared = ours.iter().any(|a| theirs.iter().any(|b| a.event_id == b.event_id));
    assert!(!shared, "each event went to one of them");

    // A connection of the same name takes over; the old one may not acknowledge any more.
    let mut newer = open(first, "one").await;
    let status = loop {
        one.acknowledge(&ours[0]).await;
        match one.next().await {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(code(&status).0, "SW-1212");
    // The second leaves; the first serves everything, and what was not acknowledged comes again.
    drop(two);
    while newer.slots != 256 {
        match newer.next().await.expect("the stream holds") {
            In::Opened(opened) => newer.slots = opened.slots.len(),
            In::Batch(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_only_for_the_agency_of_the_certificate() {
    let mut sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let customs = sandbox.connect("customs").await;
    let open = |agency| Stream::open(&customs, agency, "one", Vec::new(), 0);
    let status = open(v1::Agency::Quarantine).await.err().expect("refused");
    assert_eq!(code(&status).0, "SW-1304");
    let status = open(v1::Agency::Unspecified).await.err().expect("refused");
    assert_eq!(code(&status).0, "SW-1304");
    let firm = sandbox.connect("enterprise-a").await;
    let refused = Stream::open(&firm, v1::Agency::Customs, "one", Vec::new(), 0).await;
    assert_eq!(refused.err().expect("refused").code(), tonic::Code::PermissionDenied);
    let status = Enterprise(customs.clone()).tries(filing(export("QD-1"))).await;
    assert_eq!(code(&status.expect_err("customs files nothing")).0, "SW-1303");

    // A draining window says goodbye.
    let mut stream = open(v1::Agency::Customs).await.expect("it may");
    sandbox.stop();
    let goodbye = loop {
        match stream.next().await.expect("goodbye comes first") {
            In::GoAway(goodbye) => break goodbye,
            In::Opened(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(goodbye.reason.contains("connect again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_window_answers_what_it_took_and_takes_no_more() {
    let mut sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let (sender, receiver) = mpsc::channel(8);
    let mut service = firm.0.declarations();
    let answers = service.submit_stream(ReceiverStream::new(receiver)).await.expect("a stream");
    let mut answers = answers.into_inner();
    let item = |order: &str| v1::SubmitStreamRequest { item: Some(filing(export(order))) };
    sender.send(item("QD-1")).await.expect("the stream holds");
    answers.message().await.expect("an answer").expect("an answer");

    // The client leaves its side open, as a busy one does; the window does not wait for it.
    let start = std::time::Instant::now();
    let stopped = tokio::task::spawn_blocking(move || sandbox.stop().map(|ended| (sandbox, ended)));
    let status = answers.message().await.expect_err("the window says that it goes");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1501", tonic::Code::Unavailable));
    let (_sandbox, ended) = stopped.await.expect("it stopped").expect("it was running");
    assert_eq!(ended, Ok(()));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}: no call was cut", start.elapsed());
    drop(sender);
}

/// What the inspection service says about an event.
struct InspectionService {
    event: v1::Event,
    order_id: String,
    /// Round that waits for findings.
    round: u32,
}

impl InspectionService {
    fn checks(&self, demands: &[v1::Agency]) -> v1::Answer {
        let demand = |agency: &v1::Agency| v1::Demand {
            agency: (*agency).into(),
            instructions: vec![v1::Reason { code: "R1".into(), text: "count them".into() }],
        };
        let outcome = v1::Outcome::Cleared.into();
        let demands = demands.iter().map(demand).collect();
        let verdict = v1::Verdict { outcome, demands, ..Default::default() };
        answer(&self.event, What::Verdict(verdict))
    }

    fn finds(&self, agencies: &[v1::Agency]) -> v1::Answer {
        let finding = |agency: &v1::Agency| v1::Finding {
            instructed_by: (*agency).into(),
            result: "CONFORM".into(),
            ..Default::default()
        };
        let report = v1::FindingsReport {
            order_id: self.order_id.clone(),
            findings: agencies.iter().map(finding).collect(),
        };
        v1::Answer { round: self.round, ..answer(&self.event, What::Findings(report)) }
    }

    fn reopens(&self, reason: &str) -> v1::Answer {
        let reopening = v1::Reopening { order_id: self.order_id.clone(), reason: reason.into() };
        answer(&self.event, What::Reopening(reopening))
    }

    fn tells(&self, order_id: &str, step: v1::InspectionStep) -> v1::Answer {
        let moved = v1::InspectionProgress {
            order_id: order_id.to_owned(),
            step: step.into(),
            ..Default::default()
        };
        answer(&self.event, What::Progress(moved))
    }
}

impl Stream {
    /// Says one thing and hears what became of it.
    async fn hears(&mut self, answer: v1::Answer) -> (v1::ResultCode, String) {
        let result = self.decides(answer).await;
        (result.result(), result.code)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_risk_rules_of_others_say_is_ignored_where_nobody_asks() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("QD-1").await;
    let window = sandbox.connect("inspection-service").await;
    let mut site = Stream::open(&window, v1::Subscriber::InspectionService, "one", Vec::new(), 0)
        .await
        .expect("it may");
    let event = site.events(1).await.remove(0);
    let service = InspectionService { event, order_id: Uuid::now_v7().to_string(), round: 1 };
    let demand = service.checks(&[v1::Agency::Customs]);
    assert_eq!(site.hears(demand).await.0, v1::ResultCode::Ignored);
    assert_eq!(firm.reads(&receipt.name).await.state(), v1::State::UnderReview);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_risk_rules_come_before_the_release_and_an_objection_after_the_findings() {
    use v1::ResultCode::{Applied, Duplicate, Ignored, Refused, StaleVersion};
    let sandbox = Sandbox::that_asks_the_test().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let receipt = firm.files("QD-1").await;
    let mut customs = customs(&sandbox).await;
    let ciq = sandbox.connect("quarantine").await;
    let mut ciq =
        Stream::open(&ciq, v1::Agency::Quarantine, "one", Vec::new(), 0).await.expect("it may");
    let site = sandbox.connect("site").await;
    let refused =
        Stream::open(&site, v1::Subscriber::InspectionService, "one", Vec::new(), 0).await;
    assert_eq!(code(&refused.err().expect("a site has no desk")).0, "SW-1303");
    let window = sandbox.connect("inspection-service").await;
    let mut site = Stream::open(&window, v1::Subscriber::InspectionService, "one", Vec::new(), 0)
        .await
        .expect("it may");
    let event = site.events(1).await.remove(0);
    assert_eq!(event.declaration, Some(export("QD-1")), "it is told what was filed");
    let mut service =
        InspectionService { event: event.clone(), order_id: Uuid::now_v7().to_string(), round: 1 };

    // Nobody else speaks about inspections, and nothing is ordered yet.
    let mut demanding = verdict(&event, v1::Outcome::Cleared);
    demanding.what = service.checks(&[v1::Agency::Quarantine]).what;
    for answer in [demanding, service.reopens("no"), service.tells(&service.order_id, Appointed)] {
        assert_eq!(customs.hears(answer).await, (Refused, "SW-1304".into()));
    }
    assert_eq!(site.hears(service.reopens("no")).await, (Refused, "SW-1207".into()));
    let held = verdict(&event, v1::Outcome::Concluded);
    assert_eq!(site.hears(held).await, (Refused, "SW-1304".into()), "it does not review");
    assert_eq!(site.hears(service.tells(&service.order_id, Appointed)).await.1, "SW-1207");
    for stream in [&mut customs, &mut ciq] {
        assert_eq!(stream.decides(verdict(&event, v1::Outcome::Cleared)).await.result(), Applied);
    }
    let record = firm.reads(&receipt.name).await;
    assert_eq!(record.state(), v1::State::UnderReview, "both cleared, and it waits");
    let mut early = service.event.clone();
    early.version = 0;
    let old = InspectionService { event: early, order_id: String::new(), round: 1 };
    assert_eq!(site.hears(old.checks(&[])).await.0, StaleVersion);
    let both = [v1::Agency::Customs, v1::Agency::Quarantine];
    assert_eq!(site.hears(service.checks(&both)).await.0, Applied);
    assert_eq!(site.hears(service.checks(&both)).await.0, Duplicate);
    let record = firm.reads(&receipt.name).await;
    assert_eq!(record.state(), v1::State::Inspecting);
    service.order_id = record.inspection_order_id;
    let rows: i64 =
        sqlx::query_scalar("select count(*) from declaration.request where caller = 'site'")
            .fetch_one(&mut sandbox.database().await)
            .await
            .expect("the table is there");
    assert_eq!(rows, 0, "what the rules say leaves no row");
    drop((customs, ciq, site));

    // A fresh reader sees all of it.
    let mut site = Stream::open(&window, v1::Subscriber::InspectionService, "one", Vec::new(), 0)
        .await
        .expect("it may");
    let [_, ordered] = <[v1::Event; 2]>::try_from(site.events(2).await).expect("filed, ordered");
    assert_eq!(ordered.declaration, Some(export("QD-1")), "whoever looks sees what was declared");
    let facts: Vec<_> =
        ordered.facts.expect("facts").facts.into_iter().flat_map(|f| f.kind).collect();
    let [Kind::StandChanged(_), Kind::InspectionOrdered(first), Kind::InspectionJoined(second)] =
        &facts[..]
    else {
        panic!("{facts:?}");
    };
    assert_eq!(first.instructions, second.instructions);
    assert_eq!(first.instructions[0].code, "R1");

    // News change nothing; the findings need an answer for both.
    let news = service.tells(&service.order_id, Appointed);
    assert_eq!(site.hears(news.clone()).await.0, Applied);
    assert_eq!(site.hears(news).await.0, Duplicate);
    let for_customs = [v1::Agency::Customs];
    assert_eq!(site.hears(service.finds(&for_customs)).await, (Refused, "SW-1208".into()));
    assert_eq!(site.hears(service.finds(&both)).await.0, Applied);

    // An objection: the same order once more, and its findings for a new round.
    let again = service.reopens("the firm counted otherwise");
    assert_eq!(site.hears(again.clone()).await.0, Applied);
    assert_eq!(site.hears(again).await.0, Duplicate);
    assert_eq!(site.hears(service.reopens("")).await, (Refused, "SW-2026".into()));
    assert_eq!(site.hears(service.reopens("twice")).await.0, Ignored);
    let record = firm.reads(&receipt.name).await;
    assert_eq!((record.state(), record.round), (v1::State::Inspecting, 2));
    assert_eq!(record.inspection_order_id, service.order_id, "it stays one order");
    let stale = site.hears(service.finds(&for_customs)).await.0;
    assert_eq!(stale, v1::ResultCode::StaleRound, "findings from before are void");
    service.round = 2;
    assert_eq!(site.hears(service.finds(&for_customs)).await.0, Applied);
    let third = v1::Event { round: 3, ..event.clone() };
    let mut customs = self::customs(&sandbox).await;
    let ciq = sandbox.connect("quarantine").await;
    let mut ciq =
        Stream::open(&ciq, v1::Agency::Quarantine, "one", Vec::new(), 0).await.expect("it may");
    for stream in [&mut customs, &mut ciq] {
        assert_eq!(stream.decides(verdict(&third, v1::Outcome::Cleared)).await.result(), Applied);
    }
    let seen = firm.sees(&receipt.name, v1::State::Released).await;
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::InspectionOrdered(_))), 1);
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::InspectionReopened(_))), 1);
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::InspectionProgress(_))), 1);
    assert_eq!(count(&seen, |fact| matches!(fact, Kind::InspectionCompleted(_))), 2);
    // What happens to the goods is told after the end as well; nothing else is possible.
    assert_eq!(site.hears(service.reopens("late")).await, (Refused, "SW-1203".into()));
    let closed = service.tells(&service.order_id, v1::InspectionStep::Closed);
    assert_eq!(site.hears(closed).await.0, Applied);
    assert_eq!(firm.reads(&receipt.name).await.state(), v1::State::Released);
}
