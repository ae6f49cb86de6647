//! An agency's stream against a real PostgreSQL: when the database fails under it, and when a consumer
//! stands still.

#[path = "../../store/tests/kernel/database.rs"]
mod database;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::answer::{AnswerEffect, ExchangeAnswer};
use domain::{DeclarationId, Kind, Principal, Slot, history, limits};
use exchange::{AnswerHandler, AnswerOutcome, Exchange};
use futures::future::BoxFuture;
use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use sqlx::PgPool;
use store::journal::{Heads, JournalEntry};
use store::tail::Tail;
use store::{Clock, queue};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status, Streaming};
use uuid::Uuid;

use crate::database::{Database, cipher};

static TABLES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

const PATIENCE: Duration = Duration::from_secs(30);

/// Decides when it is let.
#[derive(Debug)]
struct Slow(Arc<Semaphore>);

impl AnswerHandler for Slow {
    fn handle(&self, _: ExchangeAnswer, _: String) -> BoxFuture<'_, AnswerOutcome> {
        Box::pin(async {
            let _let = self.0.acquire().await;
            Ok(Ok(AnswerEffect::Applied))
        })
    }
}

/// An exchange on the loopback; whoever calls is customs.
async fn served(pool: &PgPool, let_go: Arc<Semaphore>) -> (Channel, JoinSet<()>) {
    served_to(Kind::Customs, pool, let_go).await
}

/// An exchange on the loopback; whoever calls is of this kind.
async fn served_to(kind: Kind, pool: &PgPool, let_go: Arc<Semaphore>) -> (Channel, JoinSet<()>) {
    let tail = Tail::new(cipher());
    let mut tasks = JoinSet::new();
    tasks.spawn(tail.run(pool.clone(), CancellationToken::new()));
    let slow = Arc::new(Slow(let_go));
    #[expect(clippy::disallowed_methods, reason = "tests are a process of their own")]
    let clock = Clock::new(OffsetDateTime::now_utc);
    let rows = (pool.clone(), clock);
    let exchange = Exchange::new("declaration", rows, tail, slow, CancellationToken::new());
    let caller = Arc::new(Principal {
        name: "caller".to_owned(),
        kind,
        customs_code: String::new(),
        mandates: Vec::new(),
        dxp_ids: Vec::new(),
        places: Vec::new(),
        signers: Vec::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let server = Server::builder().layer(tonic::service::interceptor::InterceptorLayer::new(
        move |mut request: Request<()>| -> Result<Request<()>, Status> {
            request.extensions_mut().insert(Arc::clone(&caller));
            Ok(request)
        },
    ));
    let server = { server }.add_service(exchange.into_server());
    tasks.spawn(async move {
        let served = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
        served.expect("it serves");
    });
    let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
    (channel.connect().await.expect("it listens"), tasks)
}

/// Writes an entry about a content.
async fn write(pool: &PgPool, id: DeclarationId, version: i32) {
    write_about((history::topic::CONTENT, FACTS), pool, id, version).await;
}

/// What every entry of the tests says, and what was declared.
const FACTS: &[u8] = b"\x12\x01\x01";
const CONTENT: &[u8] = b"\x12\x049610";

/// Writes an entry about these topics, with these facts.
async fn write_about(
    (topics, facts): (i32, &[u8]),
    pool: &PgPool,
    id: DeclarationId,
    version: i32,
) {
    let mut tx = pool.begin().await.expect("the database is there");
    let mut heads = Heads::lock(&mut tx, &[id.slot().column()]).await.expect("it has a head");
    let entry = JournalEntry {
        slot: id.slot(),
        position: heads.next(id.slot()).expect("it is locked"),
        event_id: Uuid::now_v7(),
        subject: id.uuid(),
        owner: String::new(),
        version,
        round: 1,
        phase: 1,
        topics,
        recorded_time: OffsetDateTime::UNIX_EPOCH,
        trace: String::new(),
        actor: String::new(),
        facts: facts.to_vec().into(),
        shows_content: false,
        body: Ok(Some(CONTENT.into())),
    };
    heads.append(&mut tx, &cipher(), &[entry]).await.expect("it fits");
    tx.commit().await.expect("the database is there");
}

/// The next frame that is no heartbeat.
async fn next(frames: &mut Streaming<v1::ConnectResponse>) -> Result<In, Status> {
    loop {
        let frame = tokio::time::timeout(PATIENCE, frames.message()).await.expect("in time")?;
        match frame.and_then(|frame| frame.frame).ok_or_else(|| Status::cancelled("the end"))? {
            In::Heartbeat(_) => {}
            frame => return Ok(frame),
        }
    }
}

/// A consumer of customs that connects.
async fn consumer(
    channel: Channel,
    name: &str,
    progress_seconds: u32,
) -> (mpsc::Sender<v1::ConnectRequest>, Streaming<v1::ConnectResponse>, v1::Opened) {
    let open = v1::Open {
        subscriber: v1::Subscriber::Customs.into(),
        consumer: name.to_owned(),
        progress_seconds,
        ..Default::default()
    };
    opened(channel, open).await.expect("it may")
}

/// A consumer that opens the stream like this.
async fn opened(
    channel: Channel,
    open: v1::Open,
) -> Result<(mpsc::Sender<v1::ConnectRequest>, Streaming<v1::ConnectResponse>, v1::Opened), Status>
{
    let (sender, receiver) = mpsc::channel(64);
    let frame = v1::ConnectRequest { frame: Some(Out::Open(open)) };
    sender.send(frame).await.expect("the receiver is ours");
    let mut client = v1::exchange_service_client::ExchangeServiceClient::new(channel);
    let mut frames = client.connect(ReceiverStream::new(receiver)).await?.into_inner();
    match next(&mut frames).await? {
        In::Opened(opened) => Ok((sender, frames, opened)),
        other => panic!("{other:?}"),
    }
}

/// Customs, with one event that it has got.
async fn connected(
    channel: Channel,
) -> (mpsc::Sender<v1::ConnectRequest>, Streaming<v1::ConnectResponse>, u64, v1::Event) {
    let (sender, mut frames, opened) = consumer(channel, "one", 0).await;
    let Ok(In::Batch(mut batch)) = next(&mut frames).await else { panic!("an event waits") };
    let event = batch.events.pop().expect("an event");
    (sender, frames, opened.epoch, event)
}

#[tokio::test]
async fn what_was_taken_is_answered_also_when_the_database_fails() {
    let database = Database::new("taken").await;
    let pool = database.another_process().await;
    let id = DeclarationId::new(Uuid::now_v7(), Slot::of("3702960001"));
    write(&pool, id, 1).await;
    let let_go = Arc::new(Semaphore::new(0));
    let (channel, _server) = served(&database.pool, Arc::clone(&let_go)).await;
    let (sender, mut frames, epoch, event) = connected(channel).await;

    let request_id = Uuid::now_v7().to_string();
    let verdict = v1::Verdict { outcome: v1::Outcome::Accepted.into(), ..Default::default() };
    let answer = v1::Answer {
        request_id: request_id.clone(),
        declaration_id: event.declaration_id,
        version: event.version,
        round: event.round,
        what: Some(v1::answer::What::Verdict(verdict)),
        trace_id: String::new(),
    };
    let positions = vec![v1::Position { slot: event.slot, position: event.position }];
    let answers = Out::Answers(v1::Answers { answers: vec![answer] });
    // The cursor has to move, and cannot.
    let failed = sqlx::query("alter table subscription rename to nowhere").execute(&pool).await;
    failed.expect("it is ours");
    for frame in [answers, Out::Ack(v1::Ack { positions, epoch })] {
        let frame = v1::ConnectRequest { frame: Some(frame) };
        sender.send(frame).await.expect("the stream holds");
    }
    // Long after the fault was met.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let_go.add_permits(1);
    match next(&mut frames).await.expect("the answer comes before the fault") {
        In::Results(results) => {
            let [result] = results.results.as_slice() else { panic!("{results:?}") };
            assert_eq!(
                (result.request_id.as_str(), result.result()),
                (&*request_id, v1::ResultCode::Applied)
            );
        }
        other => panic!("{other:?}"),
    }
    let ended = next(&mut frames).await.expect_err("then the stream ends");
    assert_eq!(ended.code(), Code::Unavailable, "{ended}");
}

#[tokio::test]
async fn an_entry_that_cannot_be_is_set_aside_and_nothing_else_is() {
    let database = Database::new("impossible").await;
    let pool = database.another_process().await;
    let id = DeclarationId::new(Uuid::now_v7(), Slot::of("3702960001"));
    write(&pool, id, 1).await;
    let (channel, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    let (_sender, mut frames, _, event) = connected(channel).await;
    assert_eq!((event.version, event.position), (1, 1));

    write(&pool, id, -1).await;
    write_about((history::topic::CONTENT, b"{"), &pool, id, 2).await;
    write(&pool, id, 3).await;
    // What cannot be may be read before what is behind it is there: an empty frame is none.
    let Ok(In::Batch(batch)) = next(&mut frames).await else { panic!("what is behind it comes") };
    let come: Vec<_> = batch.events.iter().map(|event| (event.version, event.position)).collect();
    assert_eq!(come, [(3, 4)], "there is no version below zero, and one is kept as no message");
    let parked = parked(&pool).await;
    let reasons: Vec<&str> = parked.iter().map(|item| item.reason.as_str()).collect();
    let [version, message] = reasons[..] else { panic!("{parked:?}") };
    assert!(version.contains("position 2") && version.contains("-1"), "{version}");
    assert!(message.contains("position 3") && message.contains("no message"), "{message}");
}

/// What was set aside, in its order.
async fn parked(pool: &PgPool) -> Vec<queue::StuckItem> {
    queue::stuck(pool, &cipher(), (Uuid::nil(), None), 100).await.expect("the database is there")
}

/// Parks an event.
async fn park(sender: &mpsc::Sender<v1::ConnectRequest>, event: &v1::Event, reason: &str) {
    let position = Some(v1::Position { slot: event.slot, position: event.position });
    let frame = Some(Out::Park(v1::Park { position, reason: reason.to_owned() }));
    sender.send(v1::ConnectRequest { frame }).await.expect("the stream holds");
}

#[tokio::test]
async fn a_parked_event_is_shown_and_sent_again_when_people_say_so() {
    let database = Database::new("parked").await;
    let pool = database.another_process().await;
    let id = DeclarationId::new(Uuid::now_v7(), Slot::of("3702960001"));
    write(&pool, id, 1).await;
    let (channel, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    let (sender, mut frames, epoch, event) = connected(channel.clone()).await;
    let unknown = v1::Event { position: 99, ..event.clone() };
    park(&sender, &unknown, "of which nobody knows").await;
    park(&sender, &event, "cannot\u{0} be stored").await;
    acknowledge(&sender, epoch, std::slice::from_ref(&event)).await;
    let shown = async |reason: &str| {
        let start = std::time::Instant::now();
        loop {
            let items = parked(&pool).await;
            if let [item] = &items[..]
                && item.reason.ends_with(reason)
            {
                return item.clone();
            }
            assert!(start.elapsed() < PATIENCE && items.len() < 2, "{items:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let item = shown("cannot be stored").await;
    assert_eq!((item.queue.as_str(), item.subject), ("parked-customs", id.uuid()));

    // What is behind it comes, and it comes again when people say so; it may fail again.
    write(&pool, id, 2).await;
    let Ok(In::Batch(batch)) = next(&mut frames).await else { panic!("what is behind it comes") };
    acknowledge(&sender, epoch, &batch.events).await;
    retry(&pool, &item).await;
    let Ok(In::Batch(batch)) = next(&mut frames).await else { panic!("it comes again") };
    let [again] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((again.position, &again.event_id), (event.position, &event.event_id));
    assert!(again.attempt > 1 && again.again && !event.again, "{again:?}");
    park(&sender, again, "not yet").await;
    acknowledge(&sender, epoch, std::slice::from_ref(again)).await;
    let item = shown("not yet").await;

    // Who gets it again and leaves without a word gets it another time; what is acknowledged is done.
    retry(&pool, &item).await;
    let Ok(In::Batch(batch)) = next(&mut frames).await else { panic!("it comes again") };
    assert_eq!(batch.events[0].position, event.position);
    drop((sender, frames));
    let (sender, mut frames, opened) = consumer(channel, "two", 0).await;
    let batch = loop {
        match next(&mut frames).await.expect("the stream holds") {
            In::Batch(batch) => break batch,
            In::Opened(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let positions: Vec<u64> = batch.events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [event.position], "and nothing that was acknowledged");
    acknowledge(&sender, opened.epoch, &batch.events).await;
    let start = std::time::Instant::now();
    let left = async || {
        let left = sqlx::query_scalar::<_, i64>("select count(*) from queue_item");
        left.fetch_one(&pool).await.expect("the database is there")
    };
    while left().await > 0 {
        assert!(start.elapsed() < PATIENCE, "it is out of the queue");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn retry(pool: &PgPool, item: &queue::StuckItem) {
    let before = OffsetDateTime::UNIX_EPOCH;
    let retried = queue::retry(pool, Some(item.id), before).await.expect("the database is there");
    assert_eq!(retried, 1);
}

/// Acknowledges events.
async fn acknowledge(sender: &mpsc::Sender<v1::ConnectRequest>, epoch: u64, events: &[v1::Event]) {
    let position = |event: &v1::Event| v1::Position { slot: event.slot, position: event.position };
    let positions = events.iter().map(position).collect();
    let frame = Some(Out::Ack(v1::Ack { positions, epoch }));
    sender.send(v1::ConnectRequest { frame }).await.expect("the stream holds");
}

/// How long a consumer of these tests may acknowledge nothing.
const PROGRESS_SECONDS: u32 = 2;
/// Declarations of the tests with two consumers, in as many slots.
const DECLARATIONS: u32 = 60;

#[tokio::test]
async fn a_consumer_that_acknowledges_nothing_keeps_no_declaration_from_the_others() {
    let database = Database::new("stalled").await;
    let (channel, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    let idle = consumer(channel.clone(), "idle", PROGRESS_SECONDS).await;
    let (idle_sender, mut idle_frames, opened) = idle;
    assert_eq!(opened.progress_seconds, PROGRESS_SECONDS);
    let (sender, mut frames, working) = consumer(channel, "working", PROGRESS_SECONDS).await;
    for number in 0..DECLARATIONS {
        let slot = Slot::new(number * 4).expect("a slot");
        write(&database.pool, DeclarationId::new(Uuid::now_v7(), slot), 1).await;
    }
    let mut had: Vec<v1::Event> = Vec::new();
    let mut stalled = false;
    let mut stored = std::collections::BTreeSet::new();
    let all = usize::try_from(DECLARATIONS).expect("few");
    let worked = async {
        while stored.len() < all {
            match next(&mut frames).await.expect("the stream holds") {
                In::Batch(batch) => {
                    acknowledge(&sender, working.epoch, &batch.events).await;
                    stored.extend(batch.events.into_iter().map(|event| event.declaration_id));
                }
                In::Opened(opened) => assert!(!opened.stalled, "it makes progress"),
                other => panic!("{other:?}"),
            }
        }
    };
    let idled = async {
        while !stalled {
            match next(&mut idle_frames).await.expect("the stream holds") {
                In::Batch(batch) => had.extend(batch.events),
                In::Opened(opened) => stalled = opened.stalled,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, futures::future::join(worked, idled))
        .await
        .expect("the working consumer gets all of them");
    assert!(!had.is_empty(), "it had some and did nothing");

    // It acknowledges after all, and gets a share again.
    acknowledge(&idle_sender, opened.epoch, &had).await;
    loop {
        match next(&mut idle_frames).await.expect("the stream holds") {
            In::Opened(opened) if !opened.stalled && !opened.slots.is_empty() => break,
            In::Opened(_) | In::Batch(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until a consumer holds so many slots.
async fn holds(frames: &mut Streaming<v1::ConnectResponse>, mut held: usize, wanted: usize) {
    while held != wanted {
        match next(frames).await.expect("the stream holds") {
            In::Opened(opened) => held = opened.slots.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn three_share_evenly_and_what_one_held_goes_over_when_its_lease_ends() {
    let database = Database::new("lease").await;
    let (here, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    // The third is served by a process that dies: nobody gives back what it held.
    let dying = tokio::runtime::Runtime::new().expect("threads");
    let pool = database.another_process().await;
    let there = async move { served(&pool, Arc::new(Semaphore::new(1))).await };
    let (there, _dies) = dying.spawn(there).await.expect("it serves");

    let (_one, mut one, held) = consumer(here.clone(), "one", 0).await;
    assert_eq!(held.slots.len(), 256);
    let (_two, mut two, held) = consumer(here, "two", 0).await;
    holds(&mut one, 256, 128).await;
    holds(&mut two, held.slots.len(), 128).await;
    let (_three, mut three, held) = consumer(there, "three", 0).await;
    holds(&mut one, 128, 86).await;
    holds(&mut two, 128, 85).await;
    holds(&mut three, held.slots.len(), 85).await;

    let died = Instant::now();
    dying.shutdown_background();
    let taken = async { tokio::join!(holds(&mut one, 86, 128), holds(&mut two, 85, 128)) };
    let lease = Duration::from_secs(limits::LEASE_SECONDS.unsigned_abs());
    tokio::time::timeout(2 * lease, taken).await.expect("they take over");
    // It was renewed within the first third of its time.
    assert!(died.elapsed() > lease / 2, "before it ended: {:?}", died.elapsed());

    // Every slot has somebody again, and each event goes to one of them.
    for number in 0..6 {
        let slot = Slot::new(number).expect("a slot");
        write(&database.pool, DeclarationId::new(Uuid::now_v7(), slot), 1).await;
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while first.len() + second.len() < 6 {
        tokio::select! {
            frame = next(&mut one) => if let Ok(In::Batch(batch)) = frame { first.extend(batch.events) },
            frame = next(&mut two) => if let Ok(In::Batch(batch)) = frame { second.extend(batch.events) },
        }
    }
    assert_eq!((first.len(), second.len()), (3, 3), "slots take turns");
}

#[tokio::test]
async fn who_is_slow_but_goes_on_keeps_its_slots_and_so_does_who_is_alone() {
    let database = Database::new("slow").await;
    let (channel, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    let (sender, mut frames, opened) = consumer(channel, "alone", PROGRESS_SECONDS).await;
    for number in 0..6 {
        let slot = Slot::new(number).expect("a slot");
        write(&database.pool, DeclarationId::new(Uuid::now_v7(), slot), 1).await;
    }
    let mut had: Vec<v1::Event> = Vec::new();
    while had.len() < 6 {
        let Ok(In::Batch(batch)) = next(&mut frames).await else { panic!("events come") };
        had.extend(batch.events);
    }
    // Longer than it may do nothing, all in all.
    for event in had.iter().take(4) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        acknowledge(&sender, opened.epoch, std::slice::from_ref(event)).await;
    }
    // Nobody says that it is stalled before it does nothing; then it is told, and keeps what it has.
    let Ok(In::Opened(opened)) = next(&mut frames).await else { panic!("it is told") };
    assert!(opened.stalled && opened.slots.len() == 256, "{} slots", opened.slots.len());
    acknowledge(&sender, opened.epoch, &had).await;
    let Ok(In::Opened(opened)) = next(&mut frames).await else { panic!("it is told") };
    assert!(!opened.stalled);
}

#[tokio::test]
async fn a_subscriber_is_told_of_its_own_and_of_what_it_asks_for() {
    use history::topic::{CHECKED, DETAINED, END, NATIONAL, PROGRESS};
    let database = Database::new("seats").await;
    let pool = database.another_process().await;
    let slot = Slot::of("3702960001");
    let [grpc, national] = [1, 2].map(|n| DeclarationId::new(Uuid::from_u128(n), slot));
    for (topics, id) in [
        (history::topic::CONTENT, grpc),
        (history::topic::CONTENT | NATIONAL, national),
        (PROGRESS | DETAINED, grpc),
        (CHECKED | NATIONAL, national),
        (PROGRESS | NATIONAL, national),
        (END, grpc),
        (END | NATIONAL, national),
        (CHECKED, grpc),
    ] {
        write_about((topics, FACTS), &pool, id, 1).await;
    }
    let let_go = || Arc::new(Semaphore::new(1));
    let (door, _of_door) = served_to(Kind::Gateway, &pool, let_go()).await;
    let open = v1::Open {
        subscriber: v1::Subscriber::NationalDoor.into(),
        consumer: "door".to_owned(),
        without_content: true,
        ..Default::default()
    };

    // What came by gRPC is not for the door, nor are answers of checks.
    let (sender, mut frames, lease) = opened(door.clone(), open.clone()).await.expect("it may");
    let mut had = Vec::new();
    while had.len() < 3 {
        let In::Batch(batch) = next(&mut frames).await.expect("events come") else { continue };
        had.extend(batch.events);
    }
    let seen: Vec<_> = had.iter().map(|it| (it.position, it.declaration_id.clone())).collect();
    assert_eq!(seen, [2, 5, 7].map(|position| (position, national.to_string())));
    for event in &had {
        assert_eq!(event.facts.as_ref().map(|it| it.waits_for.len()), Some(1), "what happened");
        assert_eq!(event.declaration, None, "and not what was declared");
    }
    acknowledge(&sender, lease.epoch, &had).await;
    drop(sender);
    while next(&mut frames).await.is_ok() {}
    let cursor = "select position from subscription where agency = 4 and slot = $1";
    let kept: i64 = sqlx::query_scalar(cursor)
        .bind(slot.column())
        .fetch_one(&pool)
        .await
        .expect("the database is there");
    assert_eq!(kept, 8, "what concerns others is passed over");

    // It may ask for less, and for nothing that its row does not have.
    let from = vec![v1::Position { slot: slot.number(), position: 1 }];
    let less = v1::Open { topics: vec![v1::Topic::End.into()], from, ..open.clone() };
    let (_sender, mut frames, _) = opened(door.clone(), less).await.expect("it may");
    let In::Batch(batch) = next(&mut frames).await.expect("an event comes") else { panic!() };
    assert_eq!(batch.events.iter().map(|it| it.position).collect::<Vec<_>>(), [7]);
    for (topics, code) in [
        (vec![v1::Topic::End.into(), v1::Topic::Detained.into()], Code::PermissionDenied),
        (vec![v1::Topic::Unspecified.into()], Code::InvalidArgument),
        (vec![77], Code::InvalidArgument),
    ] {
        let refused = opened(door.clone(), v1::Open { topics, ..open.clone() }).await;
        assert_eq!(refused.expect_err("it may not").code(), code);
    }
    let as_customs = v1::Open { subscriber: v1::Subscriber::Customs.into(), ..open };
    let refused = opened(door, as_customs).await.expect_err("it is the door");
    assert_eq!(refused.code(), Code::PermissionDenied);

    // Others see what came by the door like everything else.
    let (customs, _of_customs) = served(&pool, let_go()).await;
    let (_sender, mut frames, _) = consumer(customs, "one", 0).await;
    let mut had = Vec::new();
    while had.len() < 4 {
        let In::Batch(batch) = next(&mut frames).await.expect("events come") else { continue };
        had.extend(batch.events);
    }
    assert_eq!(had.iter().map(|it| it.position).collect::<Vec<_>>(), [1, 2, 6, 7]);
    assert!(had.iter().all(|event| event.declaration.is_some()), "with what was declared");
}

#[tokio::test]
async fn who_looks_on_takes_nothing_from_consumers() {
    let database = Database::new("onlooker").await;
    let pool = database.pool.clone();
    let slot = Slot::of("3702960001");
    let (id, other) =
        (DeclarationId::new(Uuid::now_v7(), slot), DeclarationId::new(Uuid::now_v7(), slot));
    for (subject, position) in [(id, 1), (other, 2), (id, 3)] {
        write(&pool, subject, position).await;
    }
    let let_go = Arc::new(Semaphore::new(0));
    let (channel, _server) = served(&pool, Arc::clone(&let_go)).await;
    // A consumer that holds every slot, and has got all and acknowledged nothing.
    let (sender, mut frames, epoch, _) = connected(channel.clone()).await;
    let leases = "select count(*) filter (where consumer = 'one'), sum(position)::bigint,
                         (select count(*) from consumer) from subscription where agency = 1";
    let before: (i64, i64, i64) =
        sqlx::query_as(leases).fetch_one(&pool).await.expect("the database is there");
    assert_eq!((before.0, before.2), (256, 1));

    let open = |position| v1::Open {
        subscriber: v1::Subscriber::Customs.into(),
        consumer: "somebody".to_owned(),
        from: vec![v1::Position { slot: slot.number(), position }],
        without_slots: true,
        ..Default::default()
    };
    // At once: it waits for nobody's lease.
    let (onlooker, mut seen, lease) = opened(channel.clone(), open(1)).await.expect("it may");
    assert_eq!(lease.epoch, 0);
    assert_eq!(lease.slots, [v1::Position { slot: slot.number(), position: 0 }]);
    let mut had = Vec::new();
    let caught_up = async {
        loop {
            let frame = seen.message().await.expect("it holds").expect("it goes on").frame;
            match frame.expect("a frame") {
                In::Batch(batch) => had.extend(batch.events.into_iter().map(|it| it.position)),
                In::Heartbeat(_) => return,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, caught_up)
        .await
        .expect("it is told that it was told everything");
    assert_eq!(had, [1, 2, 3]);

    // What it says counts, and it hears what happens.
    let request_id = Uuid::now_v7().to_string();
    let verdict = v1::Verdict { outcome: v1::Outcome::Accepted.into(), ..Default::default() };
    let answer = v1::Answer {
        request_id: request_id.clone(),
        declaration_id: id.to_string(),
        version: 1,
        round: 1,
        what: Some(v1::answer::What::Verdict(verdict)),
        trace_id: String::new(),
    };
    let answers = Out::Answers(v1::Answers { answers: vec![answer] });
    onlooker.send(v1::ConnectRequest { frame: Some(answers) }).await.expect("it holds");
    let_go.add_permits(1);
    let In::Results(results) = next(&mut seen).await.expect("it is answered") else { panic!() };
    assert_eq!(results.results[0].request_id, request_id);
    write(&pool, other, 4).await;
    let In::Batch(batch) = next(&mut seen).await.expect("it is told") else { panic!() };
    assert_eq!(batch.events.iter().map(|it| it.position).collect::<Vec<_>>(), [4]);
    // Whoever begins now is told nothing of before.
    let (_onlooker, mut later, _) = opened(channel.clone(), open(0)).await.expect("it may");
    write(&pool, other, 5).await;
    let In::Batch(batch) = next(&mut later).await.expect("it is told") else { panic!() };
    assert_eq!(batch.events.iter().map(|it| it.position).collect::<Vec<_>>(), [5]);

    // Longer than a lease is looked at: nothing of the consumer's has moved.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after: (i64, i64, i64) =
        sqlx::query_as(leases).fetch_one(&pool).await.expect("the database is there");
    assert_eq!(after, before, "slots, positions and consumers are as they were");
    let In::Batch(batch) = next(&mut seen).await.expect("it is told") else { panic!() };
    assert_eq!(batch.events.iter().map(|it| it.position).collect::<Vec<_>>(), [5], "the first too");
    // It has nothing to acknowledge, nor to set aside.
    let positions = vec![v1::Position { slot: slot.number(), position: 1 }];
    let ack = Out::Ack(v1::Ack { positions, epoch });
    onlooker.send(v1::ConnectRequest { frame: Some(ack) }).await.expect("it holds");
    let refused = next(&mut seen).await.expect_err("it has no lease");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    // The consumer was told meanwhile.
    let mut had = Vec::new();
    while !had.contains(&5) {
        let In::Batch(batch) = next(&mut frames).await.expect("events come") else { continue };
        had.extend(batch.events.into_iter().map(|it| it.position));
    }
    assert!(had.contains(&4), "{had:?}");
    drop(sender);
}
