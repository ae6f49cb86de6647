//! An agency's stream against a real PostgreSQL, when the database fails under it.

#[path = "../../store/tests/kernel/database.rs"]
mod database;

use std::sync::Arc;
use std::time::Duration;

use domain::decision::{Decided, Decision};
use domain::refusal::Refusal;
use domain::{DeclarationId, Kind, Principal, Slot, history};
use exchange::{Bench, Exchange};
use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use sqlx::PgPool;
use store::Fault;
use store::journal::{Entry, Heads};
use store::tail::Tail;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status, Streaming};
use uuid::Uuid;

use crate::database::Database;

const PATIENCE: Duration = Duration::from_secs(30);

/// Decides when it is let.
struct Slow(Arc<Semaphore>);

impl Bench for Slow {
    async fn decide(&self, _: Decision) -> Result<Result<Decided, Refusal>, Fault> {
        let _let = self.0.acquire().await;
        Ok(Ok(Decided::Applied))
    }
}

/// An exchange on the loopback; whoever calls is customs.
async fn served(pool: &PgPool, let_go: Arc<Semaphore>) -> (Channel, JoinSet<()>) {
    let tail = Tail::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(tail.run(pool.clone(), CancellationToken::new()));
    let exchange = Exchange::new(pool.clone(), tail, Slow(let_go), CancellationToken::new());
    let customs = Arc::new(Principal {
        name: "customs".to_owned(),
        kind: Kind::Customs,
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
            request.extensions_mut().insert(Arc::clone(&customs));
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
    let mut tx = pool.begin().await.expect("the database is there");
    let mut heads = Heads::lock(&mut tx, &[id.slot().column()]).await.expect("it has a head");
    let entry = Entry {
        slot: id.slot(),
        position: heads.next(id.slot()).expect("it is locked"),
        event_id: Uuid::now_v7(),
        subject: id.uuid(),
        owner: String::new(),
        version,
        round: 1,
        phase: 1,
        topics: history::topic::CONTENT,
        recorded_time: OffsetDateTime::UNIX_EPOCH,
        trace: String::new(),
        facts: Vec::new().into(),
        body: None,
    };
    heads.append(&mut tx, &[entry]).await.expect("it fits");
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

/// Customs, with one event that it has got.
async fn connected(
    channel: Channel,
) -> (mpsc::Sender<v1::ConnectRequest>, Streaming<v1::ConnectResponse>, u64, v1::Event) {
    let (sender, receiver) = mpsc::channel(8);
    let open = v1::Open {
        agency: v1::Agency::Customs.into(),
        consumer: "one".to_owned(),
        from: Vec::new(),
        max_in_flight: 0,
    };
    let frame = v1::ConnectRequest { frame: Some(Out::Open(open)) };
    sender.send(frame).await.expect("the receiver is ours");
    let mut client = v1::exchange_service_client::ExchangeServiceClient::new(channel);
    let answer = client.connect(ReceiverStream::new(receiver)).await;
    let mut frames = answer.expect("customs may").into_inner();
    let Ok(In::Opened(opened)) = next(&mut frames).await else { panic!("it opens") };
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
    let verdict = v1::Verdict {
        request_id: request_id.clone(),
        declaration_id: event.declaration_id,
        version: event.version,
        round: event.round,
        outcome: v1::Outcome::Accepted.into(),
        reasons: Vec::new(),
    };
    let positions = vec![v1::Position { slot: event.slot, position: event.position }];
    let verdicts = Out::Verdicts(v1::Verdicts { verdicts: vec![verdict] });
    // The cursor has to move, and cannot.
    let failed = sqlx::query("alter table subscription rename to nowhere").execute(&pool).await;
    failed.expect("it is ours");
    for frame in [verdicts, Out::Ack(v1::Ack { positions, epoch })] {
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
async fn an_entry_that_cannot_be_is_not_sent_as_another_one() {
    let database = Database::new("impossible").await;
    let pool = database.another_process().await;
    let id = DeclarationId::new(Uuid::now_v7(), Slot::of("3702960001"));
    write(&pool, id, 1).await;
    let (channel, _server) = served(&database.pool, Arc::new(Semaphore::new(1))).await;
    let (_sender, mut frames, _, event) = connected(channel).await;
    assert_eq!((event.version, event.position), (1, 1));

    write(&pool, id, -1).await;
    let ended = next(&mut frames).await.expect_err("there is no version below zero");
    assert_eq!(ended.code(), Code::Unavailable, "{ended}");
}
