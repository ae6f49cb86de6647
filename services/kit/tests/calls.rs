//! What stands around a call, against a real server and a real PostgreSQL: a service that is written with
//! nothing but the kit.

#[path = "../../store/tests/kernel/database.rs"]
mod database;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::refusal::{Code, Refusal};
use domain::{Kind, Principal, Slot};
use futures::StreamExt as _;
use kit::api_keys::ApiKeys;
use kit::deliver::{Delivery, Port};
use kit::operation::{self, Operation};
use kit::rpc::{self, Answer, Answers, Call};
use kit::service::{Connections, Loops, Manifest, Mount, Parts, Plans, Pools, Start};
use kit::watch::{self, Journal, Subject, Watcher};
use proto::v1;
use proto::v1::declaration_service_client::DeclarationServiceClient;
use proto::v1::declaration_service_server::{DeclarationService, DeclarationServiceServer};
use proto::v1::operation_service_client::OperationServiceClient;
use sqlx::PgPool;
use store::follow::JournalUpdate;
use store::journal::{Heads, JournalEntry};
use store::queue::{self, Item};
use store::replica::ListPools;
use store::tail::Tail;
use store::token::TokenKey;
use store::{Clock, Fault, ServiceError};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::{Channel, Server};
use tonic::{Code as Grpc, Request, Status, Streaming};
use uuid::Uuid;

use crate::database::{Database, cipher};

const PATIENCE: Duration = Duration::from_secs(60);
/// Items of a stream at once.
const IN_FLIGHT: usize = 3;
const LETTERS: &str = "letters";

static TABLES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

static MANIFEST: Manifest = Manifest {
    name: "notes",
    purpose: "Notes",
    migrator: &TABLES,
    apis: &[],
    connections: Connections::Fixed(2),
    plans: Plans::Free,
    identity: None,
};

/// Keeps notes, of whose methods each shows one piece of the kit.
#[derive(Debug, Clone)]
struct Notes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reads: PgPool,
    tokens: TokenKey,
    tail: Tail,
    draining: CancellationToken,
    /// Lets an item be answered.
    pens: Arc<Semaphore>,
    /// Items that wait for that, now and at most.
    writing: AtomicUsize,
    most: AtomicUsize,
}

impl Shared {
    async fn write_down(
        self: Arc<Self>,
        number: u64,
        request_id: String,
    ) -> v1::SubmitStreamResponse {
        let writing = self.writing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(writing, Ordering::SeqCst);
        // Those with even numbers are faster.
        if !number.is_multiple_of(2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.pens.acquire().await.expect("it is open").forget();
        self.writing.fetch_sub(1, Ordering::SeqCst);
        v1::SubmitStreamResponse { request_id, result: None }
    }

    async fn watch(
        &self,
        call: &Call,
        request: v1::WatchRequest,
    ) -> Result<
        impl futures::Stream<Item = Result<v1::WatchResponse, ServiceError>> + use<>,
        ServiceError,
    > {
        let owner = call.principal.name.clone();
        let v1::WatchRequest { resume_token, name } = request;
        let only = Uuid::try_parse(&name).ok().map(|id| Subject { slot: slot(id), id });
        let journal = Journal {
            reads: &self.reads,
            tail: &self.tail,
            tokens: &self.tokens,
            draining: &self.draining,
        };
        let watcher = Watcher { caller: &owner, token: &resume_token, only };
        let positions = async |subject: Subject| {
            let all: Vec<i64> = (1..=100).collect();
            let entries = self.tail.at(&self.reads, subject.slot, &all).await?;
            let own = entries.iter().filter(|it| it.subject == subject.id && it.owner == owner);
            let positions: Vec<i64> = own.map(|entry| entry.position).collect();
            if positions.is_empty() {
                return Err(Refusal::of(Code::NotFound).into());
            }
            Ok(positions)
        };
        let own = owner.clone();
        let concerns = move |entry: &JournalEntry| entry.owner == own;
        let news = journal.watch(watcher, Slot::all().collect(), positions, concerns).await?;
        let to_wire = |news| {
            Ok(match news {
                JournalUpdate::Quiet(resume_token) => {
                    v1::WatchResponse { resume_token, ..Default::default() }
                }
                JournalUpdate::Entry(entry, token) => v1::WatchResponse {
                    name: entry.subject.to_string(),
                    version: store::column::number(entry.version)?,
                    resume_token: proto::text(token),
                    ..Default::default()
                },
            })
        };
        let unreadable = |entry: &JournalEntry, token| v1::WatchResponse {
            name: entry.subject.to_string(),
            resume_token: proto::text(token),
            unreadable: true,
            ..Default::default()
        };
        let tail = self.tail.clone();
        Ok(news.map(move |news| watch::answer(&tail, news?, to_wire, unreadable)))
    }
}

#[tonic::async_trait]
impl DeclarationService for Notes {
    type SubmitStreamStream = Answers<v1::SubmitStreamResponse>;
    type WatchStream = Answers<v1::WatchResponse>;

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        rpc::change(request, async |_, change, _| {
            let digest = change.digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let name = change.request_id.0.to_string();
            Ok(v1::SubmitResponse { name, pre_no: digest, ..Default::default() })
        })
        .await
    }

    async fn submit_stream(
        &self,
        request: Request<Streaming<v1::SubmitStreamRequest>>,
    ) -> Answer<Self::SubmitStreamStream> {
        let (own, draining) = (Arc::clone(&self.0), self.0.draining.clone());
        rpc::answered_stream(request, IN_FLIGHT, draining, move |_, number, item| {
            let request_id = item.item.expect("a request").request_id;
            Arc::clone(&own).write_down(number, request_id)
        })
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::GetResponse> {
        rpc::unary(request, async |call, message| match message.name.as_str() {
            "refused" => Err(Refusal::of(Code::NotFound).with("name", "refused").into()),
            "broken" => Err(Fault::Broken("a secret of ours".to_owned()).into()),
            _ => {
                let name = format!("{} {}", call.principal.name, call.trace);
                let record = Some(v1::DeclarationRecord { name, ..Default::default() });
                Ok(v1::GetResponse { record, ..Default::default() })
            }
        })
        .await
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        rpc::unary(request, async |_, _| Ok(v1::ListResponse::default())).await
    }

    async fn amend(&self, request: Request<v1::AmendRequest>) -> Answer<v1::AmendResponse> {
        rpc::unary(request, async |_, _| Ok(v1::AmendResponse::default())).await
    }

    async fn withdraw(
        &self,
        request: Request<v1::WithdrawRequest>,
    ) -> Answer<v1::WithdrawResponse> {
        rpc::unary(request, async |_, _| Ok(v1::WithdrawResponse::default())).await
    }

    async fn provide_documents(
        &self,
        request: Request<v1::ProvideDocumentsRequest>,
    ) -> Answer<v1::ProvideDocumentsResponse> {
        rpc::unary(request, async |_, _| Ok(v1::ProvideDocumentsResponse::default())).await
    }

    async fn list_archivable(
        &self,
        request: Request<v1::ListArchivableRequest>,
    ) -> Answer<v1::ListArchivableResponse> {
        rpc::unary(request, async |_, _| Ok(v1::ListArchivableResponse::default())).await
    }

    async fn archive(&self, request: Request<v1::ArchiveRequest>) -> Answer<v1::ArchiveResponse> {
        rpc::unary(request, async |_, _| Ok(v1::ArchiveResponse::default())).await
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        rpc::stream(request, async |call, message| self.0.watch(&call, message).await).await
    }
}

/// Letters that nobody can deliver.
struct Nowhere;

impl Port for Nowhere {
    const QUEUE: &'static str = LETTERS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        items.iter().map(|_| Delivery::Failed("no such street".to_owned())).collect()
    }
}

fn slot(id: Uuid) -> Slot {
    Slot::of(&id.to_string())
}

/// The notes as they are served, mounted as a window does it.
struct Served {
    channel: Channel,
    notes: Notes,
    keys: ApiKeys,
    tail: Tail,
    draining: CancellationToken,
    tasks: JoinSet<()>,
    database: Database,
}

impl Served {
    async fn new(schema: &'static str) -> Self {
        let database = Database::new(schema).await;
        let (work, reads) = (database.pool.clone(), database.another_process().await);
        let tokens = TokenKey::load(&work).await.expect("it has one");
        let draining = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "tests are a process of their own")]
        let clock = Clock::new(OffsetDateTime::now_utc);
        let parts = Parts {
            pools: Pools {
                work,
                lists: ListPools::new(reads.clone(), None),
                reads,
                tokens,
                cipher: cipher(),
            },
            clock: clock.clone(),
            draining: draining.clone(),
            closing: CancellationToken::new(),
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        let start = Start::alone(move |parts| {
            let Pools { work, reads, tokens, cipher, .. } = parts.pools.clone();
            let tail = Tail::new(cipher);
            let mut loops = Loops::new(&MANIFEST, &work, &parts);
            loops.add(tail.run(reads.clone(), parts.closing.clone()));
            loops.queue("notes.letters", Nowhere, Arc::default());
            let notes = Notes(Arc::new(Shared {
                reads,
                tokens,
                tail,
                draining: parts.draining,
                pens: Arc::new(Semaphore::new(0)),
                writing: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
            }));
            sender.send(notes.clone()).expect("somebody waits");
            loops.mount(&[LETTERS], |routes| {
                routes.add_service(DeclarationServiceServer::new(notes))
            })
        });
        let Start::Alone(start) = start else { panic!("it calls nobody") };
        let Mount { routes, loops, progress, stuck, backlog: _ } = start(parts);
        assert_eq!(progress.iter().map(|it| it.name).collect::<Vec<_>>(), ["notes.letters"]);
        let roles = [("firm".to_owned(), "enterprise".to_owned())].into();
        let keys = ApiKeys::open(database.pool.clone(), clock.clone(), roles).await;
        let keys = keys.expect("the table is there");
        let operation = Operation::new(stuck.into_iter().collect(), keys.clone(), clock);
        let operation = operation.into_server();
        let notes = receiver.recv().expect("it started");
        let mut tasks = JoinSet::new();
        for work in loops {
            tasks.spawn(work);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        // Who calls says so itself; without a name it came past the gate.
        let gate = tonic::service::interceptor::InterceptorLayer::new(
            |mut request: Request<()>| -> Result<Request<()>, Status> {
                let name = request.metadata().get("name").and_then(|name| name.to_str().ok());
                if let Some(name) = name.map(str::to_owned) {
                    request.extensions_mut().insert(Arc::new(firm(name)));
                }
                Ok(request)
            },
        );
        let served = Server::builder()
            .layer(gate)
            .add_routes(routes(Routes::new(operation)))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tasks.spawn(async move { served.await.expect("it serves") });
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect().await.expect("it listens");
        let tail = notes.0.tail.clone();
        Self { channel, notes, keys, tail, draining, tasks, database }
    }

    fn client(&self) -> DeclarationServiceClient<Channel> {
        DeclarationServiceClient::new(self.channel.clone())
    }

    /// Writes an entry of somebody's and tells readers, as a commit does.
    async fn write(&self, owner: &str, id: Uuid, version: i32) {
        let mut tx = self.database.pool.begin().await.expect("the database is there");
        let mut heads = Heads::lock(&mut tx, &[slot(id).column()]).await.expect("it has a head");
        let entry = JournalEntry {
            slot: slot(id),
            position: heads.next(slot(id)).expect("it is locked"),
            event_id: Uuid::now_v7(),
            subject: id,
            owner: owner.to_owned(),
            version,
            round: 1,
            phase: 1,
            topics: 0,
            recorded_time: OffsetDateTime::UNIX_EPOCH,
            trace: String::new(),
            actor: String::new(),
            facts: Vec::new().into(),
            shows_content: false,
            body: Ok(None),
        };
        heads
            .append(&mut tx, self.tail.cipher(), std::slice::from_ref(&entry))
            .await
            .expect("it fits");
        tx.commit().await.expect("the database is there");
        self.tail.publish(vec![entry]);
    }

    async fn watch(&self, name: &str, only: &str, token: &str) -> Result<Watching, Status> {
        let request = v1::WatchRequest { resume_token: token.to_owned(), name: only.to_owned() };
        Ok(Watching(self.client().watch(by(name, request)).await?.into_inner()))
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

fn firm(name: String) -> Principal {
    Principal {
        name,
        kind: Kind::Administrator,
        customs_code: String::new(),
        mandates: Vec::new(),
        dxp_ids: Vec::new(),
        places: Vec::new(),
        signers: Vec::new(),
    }
}

/// A request by somebody of this name.
fn by<T>(name: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("name", name.parse().expect("ASCII"));
    request
}

/// What somebody who watches is told.
struct Watching(Streaming<v1::WatchResponse>);

impl Watching {
    /// The next news, and the token with it.
    async fn next(&mut self) -> Result<(String, u32, String), Status> {
        loop {
            let update =
                tokio::time::timeout(PATIENCE, self.0.message()).await.expect("in time")?;
            let update = update.expect("it does not end like this");
            if !update.name.is_empty() {
                return Ok((update.name, update.version, update.resume_token));
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_answered_and_refused_in_the_language_of_its_caller() {
    let served = Served::new("calls").await;
    let get = async |name: Option<&str>, language: &str, what: &str| {
        let message = v1::GetRequest { name: what.to_owned(), ..Default::default() };
        let mut request =
            name.map_or_else(|| Request::new(message.clone()), |it| by(it, message.clone()));
        request.metadata_mut().insert("accept-language", language.parse().expect("ASCII"));
        request.metadata_mut().insert("traceparent", "00-1".parse().expect("ASCII"));
        served.client().get(request).await.map(|answer| answer.into_inner())
    };
    let answer = get(Some("anna"), "en", "x").await.expect("an answer");
    assert_eq!(answer.record.expect("a record").name, "anna 00-1");
    for (what, name, language, asked, code, words) in [
        ("past the gate", None, "en", "x", Grpc::Unauthenticated, Code::IdentityMissing.title()),
        ("refused", Some("anna"), "en", "refused", Grpc::NotFound, Code::NotFound.title()),
        (
            "refused in Chinese",
            Some("anna"),
            "zh-CN",
            "refused",
            Grpc::NotFound,
            Code::NotFound.title_zh(),
        ),
        ("broken", Some("anna"), "en", "broken", Grpc::Internal, Code::Internal.title()),
        ("a text", Some("anna"), "zh", "\u{7}", Grpc::InvalidArgument, Code::Invalid.title_zh()),
    ] {
        let status = get(name, language, asked).await.expect_err(what);
        assert_eq!(status.code(), code, "{what}: {status}");
        assert!(status.message().contains(words), "{what}: {status}");
        assert!(!status.message().contains("secret"), "{what}: {status}");
    }
    served.end().await;
}

#[tokio::test]
async fn a_change_is_known_by_its_id_and_by_all_that_it_says() {
    let served = Served::new("changes").await;
    let submit = async |id: &str, pre_no: &str| {
        let message = v1::SubmitRequest {
            request_id: id.to_owned(),
            pre_no: pre_no.to_owned(),
            ..Default::default()
        };
        served.client().submit(by("anna", message)).await.map(|answer| {
            let answer = answer.into_inner();
            (answer.name, answer.pre_no)
        })
    };
    let id = Uuid::from_u128(7).to_string();
    let one = submit(&id, "a").await.expect("an answer");
    assert_eq!(one.0, id);
    assert_eq!(submit(&id, "a").await.expect("an answer"), one, "the same again");
    assert_ne!(submit(&id, "b").await.expect("an answer").1, one.1, "another one");
    for wrong in ["", "x", &Uuid::nil().to_string()] {
        let status = submit(wrong, "a").await.expect_err("it has no id");
        assert!(status.message().starts_with(Code::RequestIdMissing.id()), "{status}");
    }
    served.end().await;
}

#[tokio::test]
async fn items_of_a_stream_are_answered_in_order_and_so_many_at_once() {
    let served = Served::new("items").await;
    let shared = Arc::clone(&served.notes.0);
    let (sender, receiver) = mpsc::channel(64);
    let item = |number: usize| v1::SubmitStreamRequest {
        item: Some(v1::SubmitRequest { request_id: number.to_string(), ..Default::default() }),
    };
    for number in 0..10 {
        sender.send(item(number)).await.expect("it is read");
    }
    let mut client = served.client();
    let answers = client.submit_stream(by("anna", ReceiverStream::new(receiver))).await;
    let mut answers = answers.expect("it begins").into_inner();
    let mut next = async || {
        let answer = tokio::time::timeout(PATIENCE, answers.message()).await.expect("in time");
        answer.map(|answer| answer.map(|answer| answer.request_id))
    };
    shared.pens.add_permits(5);
    for number in 0..5 {
        assert_eq!(next().await.expect("an answer"), Some(number.to_string()));
    }
    // What was taken is answered, and the rest is refused.
    while shared.writing.load(Ordering::SeqCst) < IN_FLIGHT {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    served.draining.cancel();
    // The stream has nothing else to do until it has seen that.
    tokio::time::sleep(Duration::from_secs(1)).await;
    shared.pens.add_permits(5);
    for number in 5..5 + IN_FLIGHT {
        assert_eq!(next().await.expect("an answer"), Some(number.to_string()));
    }
    assert_eq!(next().await.expect_err("it drains").code(), Grpc::Unavailable);
    assert_eq!(shared.most.load(Ordering::SeqCst), IN_FLIGHT);
    served.end().await;
}

#[tokio::test]
async fn a_stream_ends_when_its_caller_has_said_everything() {
    let served = Served::new("ends").await;
    served.notes.0.pens.add_permits(2);
    let item = v1::SubmitStreamRequest { item: Some(v1::SubmitRequest::default()) };
    let request = by("anna", futures::stream::iter([item.clone(), item]));
    let answers = served.client().submit_stream(request).await.expect("it begins").into_inner();
    let answers: Vec<_> = answers.collect().await;
    assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
    served.end().await;
}

#[tokio::test]
async fn a_watcher_is_told_of_its_own_and_goes_on_where_it_stopped() {
    let served = Served::new("watches").await;
    let [own, other] = [1, 2].map(Uuid::from_u128);
    served.write("anna", own, 1).await;
    let mut watching = served.watch("anna", "", "").await.expect("it begins");
    // Between the answer and the first news nothing is lost, and what was before does not come.
    served.write("bert", other, 1).await;
    served.write("anna", own, 2).await;
    let (name, version, token) = watching.next().await.expect("news");
    assert_eq!((name, version), (own.to_string(), 2));
    drop(watching);
    served.write("anna", own, 3).await;
    let mut resumed = served.watch("anna", "", &token).await.expect("it goes on");
    assert_eq!(resumed.next().await.expect("news").1, 3);
    for (what, name, only) in
        [("somebody else", "bert", ""), ("another watch", "anna", &*own.to_string())]
    {
        let status = served.watch(name, only, &token).await.err().expect(what);
        assert!(status.message().starts_with(Code::ResumeTokenMalformed.id()), "{what}: {status}");
    }
    // One is told from its beginning, and only to whom it belongs.
    let mut one = served.watch("anna", &own.to_string(), "").await.expect("it begins");
    served.write("anna", other, 9).await;
    served.write("anna", own, 4).await;
    for version in 1..=4 {
        assert_eq!(one.next().await.expect("news").1, version);
    }
    let status = served.watch("bert", &own.to_string(), "").await.err().expect("not his");
    assert_eq!(status.code(), Grpc::NotFound);
    // At the end both are told so.
    served.draining.cancel();
    for mut watching in [resumed, one] {
        let ended = loop {
            if let Err(status) = watching.next().await {
                break status;
            }
        };
        assert_eq!(ended.code(), Grpc::Unavailable);
    }
    served.end().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_ends_no_watch() {
    let served = Served::new("damaged").await;
    let own = Uuid::from_u128(1);
    served.write("anna", own, 1).await;
    let mut all = served.watch("anna", "", "").await.expect("it begins");
    for version in [-1, 3] {
        served.write("anna", own, version).await;
    }
    let mut one = served.watch("anna", &own.to_string(), "").await.expect("it begins");
    let mut updates = Vec::new();
    for (watching, count) in [(&mut all, 2), (&mut one, 3)] {
        for _ in 0..count {
            updates.push(watching.next().await.expect("it goes on"));
        }
    }
    // There is no version below zero; the watcher hears of it all the same, in its place.
    assert!(updates.iter().all(|(name, ..)| *name == own.to_string()), "{updates:?}");
    let versions: Vec<u32> = updates.iter().map(|(_, version, _)| *version).collect();
    assert_eq!(versions, [0, 3, 1, 0, 3]);
    // And goes on behind it.
    let (_, _, token) = updates.pop().expect("five");
    let mut resumed = served.watch("anna", &own.to_string(), &token).await.expect("it goes on");
    served.write("anna", own, 4).await;
    assert_eq!(resumed.next().await.expect("news").1, 4);
    served.end().await;
}

#[tokio::test]
async fn what_a_mounted_service_sets_aside_is_shown_under_its_name() {
    let served = Served::new("mounted").await;
    let mut connection = served.database.pool.acquire().await.expect("the database is there");
    let id = Uuid::from_u128(5);
    let letter = Item {
        slot: slot(id),
        id,
        kind: 0,
        subject: id,
        place: 1,
        body: vec![1],
        due: OffsetDateTime::UNIX_EPOCH,
        tries: 0,
    };
    queue::enqueue(&mut connection, &cipher(), LETTERS, &[letter]).await.expect("it fits");
    let mut operation = OperationServiceClient::new(served.channel.clone());
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let listed = operation.list_stuck(by("admin", v1::ListStuckRequest::default())).await;
            if let [item] = &listed.expect("an answer").into_inner().items[..] {
                return item.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let found = found.await.expect("in time");
    assert_eq!((found.service.as_str(), found.queue.as_str()), ("notes", LETTERS));
    assert_eq!(found.reason, "no such street");
    assert_eq!(operation::API.methods.len(), 6);
    served.end().await;
}

#[tokio::test]
async fn a_key_is_said_once_and_ends_at_once() {
    let served = Served::new("keys_of_callers").await;
    let keys = &served.keys;
    let mut operation = OperationServiceClient::new(served.channel.clone());
    let mut create = async |caller: &str, days| {
        let note = "tills".to_owned();
        let request =
            v1::CreateKeyRequest { caller: caller.to_owned(), days, note, read_only: false };
        operation.create_key(by("admin", request)).await.map(tonic::Response::into_inner)
    };
    let made = create("firm", 0).await.expect("the registry knows it");
    let record = made.record.expect("what is kept");
    assert_eq!((record.caller.as_str(), record.role.as_str()), ("firm", "enterprise"));
    let found = keys.find(&made.key).expect("it is good");
    assert_eq!(found.caller, "firm");
    for wrong in ["", "swk_", &made.key[..made.key.len() - 1], &format!("swk_{}", "A".repeat(43))] {
        assert!(keys.find(wrong).is_none(), "{wrong}");
    }
    let status = create("nobody", 0).await.expect_err("not in the registry");
    assert_eq!(status.code(), Grpc::NotFound);
    let status = create("firm", 1_096).await.expect_err("too long");
    assert_eq!(status.code(), Grpc::InvalidArgument);
    // Nothing in the table gives it back.
    let rows = "select count(*) from api_key where api_key::text like '%' || $1 || '%'";
    let count = sqlx::query_scalar::<_, i64>(rows).bind(&made.key[4..]);
    assert_eq!(count.fetch_one(&served.database.pool).await.expect("a number"), 0);

    // Another process on the same tables hears of both within moments.
    #[expect(clippy::disallowed_methods, reason = "tests are a process of their own")]
    let clock = Clock::new(OffsetDateTime::now_utc);
    let roles = [("firm".to_owned(), "enterprise".to_owned())].into();
    let other = ApiKeys::open(served.database.another_process().await, clock, roles).await;
    let other = other.expect("the table is there");
    let (elsewhere, until) = (other.clone(), served.draining.clone());
    let mut follows = JoinSet::new();
    follows.spawn(async move { elsewhere.run(until).await });
    let there = other.find(&made.key).expect("it is good there too");
    let mut operation = OperationServiceClient::new(served.channel.clone());
    for _ in 0..2 {
        let request = v1::RevokeKeyRequest { id: record.id.clone() };
        let revoked = operation.revoke_key(by("admin", request)).await.expect("it is there");
        assert!(revoked.into_inner().record.is_some_and(|it| it.revoked_time.is_some()));
    }
    assert!(keys.find(&made.key).is_none() && found.over.is_cancelled());
    tokio::time::timeout(PATIENCE, there.over.cancelled()).await.expect("it is told");
    assert!(other.find(&made.key).is_none());
    let listed = operation.list_keys(by("admin", v1::ListKeysRequest::default())).await;
    assert_eq!(listed.expect("a page").into_inner().records.len(), 1);
    let nothing = v1::RevokeKeyRequest { id: Uuid::nil().to_string() };
    let status = operation.revoke_key(by("admin", nothing)).await.expect_err("there is none");
    assert_eq!(status.code(), Grpc::NotFound);
    drop(follows);
    served.end().await;
}
