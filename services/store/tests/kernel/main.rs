//! The kernel against a real PostgreSQL: what it promises to the services that stand on it.

mod database;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::principal::ActingPerson;
use domain::{RequestId, Slot, limits};
use sqlx::{PgConnection, PgPool};
use store::Fault;
use store::column;
use store::commit_queue::{CommitQueue, EnqueueError, Reply, Transaction, lanes, rehearse};
use store::content::{self, ContentKey};
use store::inbox::Inbox;
use store::journal::{Heads, JournalEntry, heads};
use store::numbers::{NumberSeries, use_numbers, used_numbers};
use store::request::{RequestKey, RequestStatus as SeenRequest, Requests};
use store::share::Share;
use store::tail::{Reader, Signal, Tail};
use store::token::TokenKey;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::database::{Database, cipher};

/// Tables of a service, for those that every service has.
static TABLES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

/// Long enough for everything here.
const PATIENCE: Duration = Duration::from_secs(60);

fn slot(number: u32) -> Slot {
    Slot::new(number).expect("a slot")
}

/// Writes entries and nothing else.
struct Clerk {
    tail: Tail,
    /// How many requests each transaction had.
    transactions: Mutex<Vec<usize>>,
    published: AtomicUsize,
    /// What was committed cannot be told.
    is_mute: bool,
}

impl Default for Clerk {
    fn default() -> Self {
        Self {
            tail: Tail::new(cipher()),
            transactions: Mutex::default(),
            published: AtomicUsize::default(),
            is_mute: false,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum What {
    Append(Slot),
    /// The same, in a transaction that takes a second.
    Slow(Slot),
    /// An entry where nothing is locked.
    Unlocked(Slot),
    /// A statement that cannot be carried out.
    Poison,
    /// A bug of the worst kind.
    Panic,
    /// Is forgotten.
    Silence,
    /// Is forgotten when it is alone.
    Shy,
    Away,
}

impl What {
    fn appending(self, reply: Reply<i64>) -> Command {
        Command::Write(self, reply)
    }
}

#[derive(Debug)]
enum Command {
    /// Answered with a position.
    Write(What, Reply<i64>),
    /// Answered with how many commands stood before it, in words.
    Count(Reply<String>),
}

fn entry(slot: Slot, position: i64) -> JournalEntry {
    JournalEntry {
        slot,
        position,
        event_id: Uuid::now_v7(),
        subject: Uuid::nil(),
        owner: String::new(),
        version: 1,
        round: 1,
        phase: 1,
        topics: 1,
        recorded_time: OffsetDateTime::UNIX_EPOCH,
        trace: String::new(),
        actor: String::new(),
        facts: position.to_string().into(),
        shows_content: false,
        body: Ok(None),
    }
}

impl Transaction for Clerk {
    type Command = Command;
    type Publication = Vec<JournalEntry>;
    type Held = ();

    fn held() {}

    async fn run(
        &self,
        tx: &mut PgConnection,
        commands: &[Command],
    ) -> Result<Vec<JournalEntry>, Fault> {
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner).push(commands.len());
        let slots: Vec<i16> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Write(What::Append(slot) | What::Slow(slot), _) => Some(slot.column()),
                Command::Write(..) | Command::Count(_) => None,
            })
            .collect();
        let mut heads = Heads::lock(&mut *tx, &slots).await?;
        if commands.iter().any(|command| matches!(command, Command::Write(What::Slow(_), _))) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut entries = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            let (what, reply) = match command {
                Command::Write(what, reply) => (*what, reply),
                Command::Count(reply) => {
                    reply.give(format!("{at} before"));
                    continue;
                }
            };
            match what {
                What::Append(slot) | What::Slow(slot) | What::Unlocked(slot) => {
                    let position = heads.next(slot)?;
                    entries.push(entry(slot, position));
                    reply.give(position);
                }
                What::Poison => {
                    sqlx::query("select 1 / 0").execute(&mut *tx).await?;
                }
                What::Panic => panic!("a bug"),
                What::Silence => {}
                What::Shy if commands.len() == 1 => {}
                What::Shy => reply.give(0),
                What::Away => return Err(Fault::Away("a test".to_owned())),
            }
        }
        heads.append(&mut *tx, &cipher(), &entries).await?;
        Ok(entries)
    }

    fn publish(&self, entries: Vec<JournalEntry>) {
        assert!(!self.is_mute, "a bug after the commit");
        self.published.fetch_add(entries.len(), Ordering::Relaxed);
        self.tail.publish(entries);
    }
}

/// Runs what all waited when the lane began; answers in their order.
async fn together(pool: &PgPool, all: &[What]) -> (Arc<Clerk>, Vec<Result<i64, EnqueueError>>) {
    let clerk = Arc::new(Clerk::default());
    let (closing, share) = (CancellationToken::new(), Share::Kept);
    let (batch, lanes) = lanes(Arc::clone(&clerk), pool, 1, &closing);
    let offers =
        all.iter().map(|what| batch.try_enqueue(slot(0), &share, |reply| what.appending(reply)));
    let answers = async {
        let answers = futures::future::join_all(offers).await;
        closing.cancel();
        answers
    };
    // The offers are asked first, so the lane finds all of them.
    let (answers, _) = tokio::join!(answers, futures::future::join_all(lanes));
    (clerk, answers)
}

fn is_broken(answer: &Result<i64, EnqueueError>) -> bool {
    matches!(answer, Err(EnqueueError::Fault(Fault::Broken(_))))
}

async fn entries(pool: &PgPool, slot: Slot) -> Vec<i64> {
    let all: Vec<i64> = (1..=10_000).collect();
    let found = Tail::new(cipher()).at(pool, slot, &all).await.expect("the database is there");
    found.iter().map(|entry| entry.position).collect()
}

#[tokio::test]
async fn a_poisoned_request_fails_alone() {
    let database = Database::new("poison").await;
    let pool = &database.pool;
    let (append, unlocked) = (What::Append(slot(7)), What::Unlocked(slot(8)));
    let commands = [append, What::Poison, append, unlocked, What::Silence, append, What::Panic];
    let (clerk, answers) = together(pool, &commands).await;

    let good: Vec<i64> = [0, 2, 5].map(|at| *answers[at].as_ref().expect("it is good")).to_vec();
    assert_eq!(good, [1, 2, 3], "the good ones are done, in their order");
    for bad in [1, 3, 4, 6] {
        assert!(is_broken(&answers[bad]), "{:?}: {:?}", commands[bad], answers[bad]);
    }
    let transactions = clerk.transactions.lock().expect("nobody panicked").clone();
    assert_eq!(transactions, [7, 1, 1, 1, 1, 1, 1, 1], "together first, then one by one");
    assert_eq!(entries(pool, slot(7)).await, [1, 2, 3], "nothing of the batch that failed is left");
    assert_eq!(entries(pool, slot(8)).await, [0; 0], "an unlocked slot is not written");
    assert_eq!(clerk.published.load(Ordering::Relaxed), 3, "only what is durable was told");
}

#[tokio::test]
async fn a_database_that_is_away_fails_a_batch_as_one() {
    let database = Database::new("away").await;
    let append = What::Append(slot(7));
    let (clerk, answers) = together(&database.pool, &[append, What::Away, append]).await;
    for answer in &answers {
        assert!(matches!(answer, Err(EnqueueError::Fault(Fault::Away(_)))), "{answer:?}");
    }
    let transactions = clerk.transactions.lock().expect("nobody panicked").clone();
    assert_eq!(transactions, [3], "trying one by one would not help");
    assert_eq!(entries(&database.pool, slot(7)).await, [0; 0]);
}

#[tokio::test]
async fn each_command_is_answered_in_its_own_type_and_in_the_order_of_arrival() {
    let database = Database::new("typed").await;
    let (clerk, closing) = (Arc::new(Clerk::default()), CancellationToken::new());
    let (batch, lanes) = lanes(Arc::clone(&clerk), &database.pool, 1, &closing);
    let append = |reply| What::Append(slot(7)).appending(reply);
    let all = async {
        let answers = tokio::join!(
            batch.enqueue(slot(0), &Share::Kept, append),
            batch.enqueue(slot(0), &Share::Kept, Command::Count),
            batch.enqueue(slot(0), &Share::Kept, append),
            batch.enqueue(slot(0), &Share::Kept, Command::Count),
        );
        closing.cancel();
        answers
    };
    let ((first, one, second, three), _) = tokio::join!(all, futures::future::join_all(lanes));
    let positions: Vec<i64> = [first, second].map(|it| it.expect("it is done")).to_vec();
    let counts: Vec<String> = [one, three].map(|it| it.expect("it is done")).to_vec();
    assert_eq!((positions, counts), (vec![1, 2], vec!["1 before".into(), "3 before".into()]));
    assert_eq!(clerk.transactions.lock().expect("nobody panicked").len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_rolled_back_is_given_to_nobody() {
    let database = Database::new("buffered").await;
    let (closing, share) = (CancellationToken::new(), Share::Kept);
    let (batch, lanes) = lanes(Arc::new(Clerk::default()), &database.pool, 1, &closing);
    let count = batch.enqueue(slot(0), &share, Command::Count);
    let append = |reply| What::Append(slot(7)).appending(reply);
    let poison = batch.enqueue(slot(0), &share, |reply| What::Poison.appending(reply));
    let shy = batch.enqueue(slot(0), &share, |reply| What::Shy.appending(reply));
    let all = async {
        let answers = tokio::join!(
            batch.enqueue(slot(0), &share, append),
            count,
            shy,
            poison,
            batch.enqueue(slot(0), &share, Command::Count)
        );
        closing.cancel();
        answers
    };
    let ((position, count, shy, poison, last), _) =
        tokio::join!(all, futures::future::join_all(lanes));
    assert_eq!(position.expect("it is good alone"), 1);
    // In the batch that failed it would have been one; alone it stands before nobody.
    assert_eq!(count.expect("it is good alone"), "0 before");
    assert!(matches!(poison, Err(Fault::Broken(_))), "{poison:?}");
    assert!(matches!(shy, Err(Fault::Broken(_))), "its answer was that of the batch: {shy:?}");
    assert_eq!(last.expect("it is good alone"), "0 before");
}

#[tokio::test]
async fn who_no_longer_waits_harms_nobody_and_is_done() {
    let database = Database::new("gone").await;
    let pool = &database.pool;
    let (clerk, closing) = (Arc::new(Clerk::default()), CancellationToken::new());
    let (batch, lanes) = lanes(Arc::clone(&clerk), pool, 1, &closing);
    let append = |reply| What::Append(slot(7)).appending(reply);
    {
        let mut gone = std::pin::pin!(batch.enqueue(slot(0), &Share::Kept, append));
        assert!(futures::poll!(&mut gone).is_pending(), "it stands in the queue");
    }
    let rest = async {
        let answer = batch.enqueue(slot(0), &Share::Kept, append).await;
        closing.cancel();
        answer
    };
    let (answer, _) = tokio::join!(rest, futures::future::join_all(lanes));
    assert_eq!(answer.expect("it is done"), 2, "behind the one that nobody waits for");
    assert_eq!(entries(pool, slot(7)).await, [1, 2], "which is done as well");
    assert_eq!(clerk.published.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_is_committed_is_answered_whatever_happens_then() {
    let database = Database::new("mute").await;
    let pool = &database.pool;
    let clerk = Arc::new(Clerk { is_mute: true, ..Clerk::default() });
    let closing = CancellationToken::new();
    let (batch, lanes) = lanes(Arc::clone(&clerk), pool, 1, &closing);
    let append = |reply| What::Append(slot(7)).appending(reply);
    let all = async {
        let answers = tokio::join!(
            batch.enqueue(slot(0), &Share::Kept, append),
            batch.enqueue(slot(0), &Share::Kept, append),
        );
        closing.cancel();
        answers
    };
    let ((first, second), _) = tokio::join!(all, futures::future::join_all(lanes));
    assert_eq!([first, second].map(|it| it.expect("it is durable")), [1, 2]);
    assert_eq!(entries(pool, slot(7)).await, [1, 2], "once each");
    assert_eq!(*clerk.transactions.lock().expect("nobody panicked"), [2]);
}

#[tokio::test]
async fn a_rehearsal_is_answered_and_leaves_nothing() {
    let database = Database::new("rehearsal").await;
    let (pool, clerk) = (&database.pool, Clerk::default());
    for _ in 0..2 {
        let append = |reply| What::Append(slot(7)).appending(reply);
        assert_eq!(rehearse(&clerk, pool, append).await.expect("it would be done"), 1);
    }
    let silent = rehearse(&clerk, pool, |reply| What::Silence.appending(reply)).await;
    assert!(matches!(silent, Err(Fault::Broken(_))), "{silent:?}");
    assert_eq!(entries(pool, slot(7)).await, [0; 0]);
    assert_eq!(clerk.published.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn positions_are_given_under_the_lock_only() {
    let database = Database::new("heads").await;
    let mut tx = database.pool.begin().await.expect("the database is there");
    let mut heads = Heads::lock(&mut tx, &[3]).await.expect("the slot has a head");
    assert_eq!(heads.next(slot(3)).expect("it is locked"), 1);
    assert!(matches!(heads.next(slot(4)), Err(Fault::Broken(_))), "it is not");
    heads.lock_more(&mut tx, &[3, 4]).await.expect("it has a head, too");
    assert_eq!(heads.next(slot(4)).expect("it is locked now"), 1);
    assert_eq!(heads.next(slot(3)).expect("it is still locked"), 2, "and where it was");

    sqlx::query("delete from journal_head where slot = 5").execute(&mut *tx).await.expect("gone");
    let mut none = Heads::lock(&mut tx, &[5]).await.expect("nothing to wait for");
    assert!(matches!(none.next(slot(5)), Err(Fault::Broken(_))), "a slot without head");
}

#[tokio::test]
async fn a_request_is_seen_again_by_its_own_caller_only() {
    let database = Database::new("requests").await;
    let key = |caller: &str| RequestKey {
        slot: slot(3),
        id: RequestId(Uuid::from_u128(7)),
        caller: caller.to_owned(),
    };
    let mut tx = database.pool.begin().await.expect("it is there");
    let mut requests = Requests::load(&mut tx, [key("a")]).await.expect("none");
    assert_eq!(requests.seen(&key("a"), &[1; 32]), SeenRequest::New);
    let actor = ActingPerson::new("a", "李明");
    requests.keep_by(&actor, key("a"), [1; 32], b"done".to_vec());
    // Twice in one transaction is twice.
    assert_eq!(requests.seen(&key("a"), &[1; 32]), SeenRequest::Same(b"done"));
    assert_eq!(requests.seen(&key("a"), &[2; 32]), SeenRequest::Other(b"done"));
    requests.write(&mut tx, OffsetDateTime::UNIX_EPOCH).await.expect("written");
    tx.commit().await.expect("kept");

    let kept = sqlx::query_scalar::<_, String>("select actor from request");
    let kept = kept.fetch_all(&database.pool).await.expect("one");
    assert_eq!(kept, ["a / 李明"], "who acted stands with it");
    let mut tx = database.pool.begin().await.expect("it is there");
    let later = Requests::load(&mut tx, [key("a"), key("b")]).await.expect("one");
    assert_eq!(later.seen(&key("a"), &[1; 32]), SeenRequest::Same(b"done"));
    assert_eq!(later.seen(&key("a"), &[2; 32]), SeenRequest::Other(b"done"));
    assert_eq!(later.seen(&key("b"), &[1; 32]), SeenRequest::New, "each makes up its own ids");
    let again = requests.write(&mut tx, OffsetDateTime::UNIX_EPOCH).await;
    assert!(matches!(again, Err(Fault::Broken(_))), "the key holds it: {again:?}");
}

#[tokio::test]
async fn numbers_are_given_as_often_as_they_were_wanted() {
    let database = Database::new("numbers").await;
    let mut tx = database.pool.begin().await.expect("the database is there");
    let key = TokenKey::load(&database.pool).await.expect("it has one").numbers();
    let series = NumberSeries { key: &key, kind: "B", period: 20_261_128, count: 5 };
    let wanted = BTreeMap::from([(slot(1), 2), (slot(2), 1)]);
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut given = use_numbers(&mut tx, series, &wanted).await.expect("counted");
        ones.extend([given.next(slot(1)).expect("wanted"), given.next(slot(1)).expect("wanted")]);
        assert!(matches!(given.next(slot(1)), Err(Fault::Broken(_))), "somebody else's");
        twos.push(given.next(slot(2)).expect("wanted"));
        assert!(matches!(given.next(slot(3)), Err(Fault::Broken(_))), "none was wanted");
    }
    assert_eq!(ones.pop(), Some(None), "all five are used up");
    let each: BTreeSet<i64> = ones.iter().copied().flatten().collect();
    assert_eq!(each, (0..5).collect(), "each once");
    let order = series.of(slot(2)).expect("a series");
    let expected = [0, 1, 2].map(|place| order.number(place).expect("computed"));
    assert_eq!(twos, expected, "in the order of the slot");
    let used = used_numbers(&mut tx, series, &BTreeSet::from([slot(1), slot(2), slot(3)])).await;
    assert_eq!(used.expect("counted"), HashMap::from([(slot(1), 6), (slot(2), 3)]));
}

/// A process that appends to slots 0 and 1, each request on its own.
struct Process {
    clerk: Arc<Clerk>,
    batch: CommitQueue<Clerk>,
    /// Ends with the process.
    _tasks: JoinSet<()>,
}

impl Process {
    fn new(pool: &PgPool) -> Self {
        let clerk = Arc::new(Clerk::default());
        let closing = CancellationToken::new();
        let (batch, lanes) = lanes(Arc::clone(&clerk), pool, 1, &closing);
        let mut tasks: JoinSet<()> = lanes.into_iter().collect();
        tasks.spawn(clerk.tail.run(pool.clone(), closing));
        Self { clerk, batch, _tasks: tasks }
    }

    async fn append(&self, number: u32, count: usize) {
        for _ in 0..count {
            let append = |reply| What::Append(slot(number)).appending(reply);
            let done = self.batch.enqueue(slot(number), &Share::Kept, append).await;
            done.expect("the database is there");
        }
    }

    fn reader(&self, pool: &PgPool) -> Reader {
        self.clerk.tail.read(pool.clone(), [(slot(0), 0), (slot(1), 0)])
    }
}

/// What a reader gave, by slot; fails at a gap, a repetition or another slot.
#[derive(Default)]
struct RequestStatus(BTreeMap<u32, i64>);

impl RequestStatus {
    fn take(&mut self, entries: Vec<Arc<JournalEntry>>) {
        for entry in entries {
            let last = self.0.entry(entry.slot.number()).or_default();
            assert_eq!(entry.position, *last + 1, "slot {} in order", entry.slot.number());
            assert_eq!(entry.facts, entry.position.to_string().as_bytes());
            *last = entry.position;
        }
    }

    async fn until(&mut self, reader: &mut Reader, wanted: [i64; 2]) {
        let mut wanted = BTreeMap::from([(0, wanted[0]), (1, wanted[1])]);
        wanted.retain(|_, position| *position > 0);
        let read = async {
            while self.0 != wanted {
                self.take(reader.next().await.expect("the database is there"));
            }
        };
        let read = tokio::time::timeout(PATIENCE, read).await;
        assert!(read.is_ok(), "read {:?} of {wanted:?}", self.0);
    }
}

#[tokio::test]
async fn a_reader_that_lags_catches_up() {
    let database = Database::new("lag").await;
    let pool = &database.pool;
    let process = Process::new(pool);
    // More than a page before it begins, and more commits than the tail holds before it looks.
    process.append(0, usize::try_from(limits::REPLAY_PAGE).expect("short") + 9).await;
    let (mut reader, mut seen) = (process.reader(pool), RequestStatus::default());
    process.append(1, limits::TAIL_BATCHES_MAX + 9).await;
    process.append(0, 3).await;
    let written = heads(pool, &[0, 1]).await.expect("the database is there");
    let written = [0, 1].map(|at| written.iter().find(|(of, _)| of.column() == at).expect("").1);
    seen.until(&mut reader, written).await;
    process.append(1, 1).await;
    seen.until(&mut reader, [written[0], written[1] + 1]).await;
    assert_eq!(reader.cursors().get(&slot(1)), Some(&(written[1] + 1)));
}

#[tokio::test]
async fn a_reader_goes_on_behind_what_was_archived() {
    let database = Database::new("archived").await;
    let pool = &database.pool;
    let process = Process::new(pool);
    let last = 2 * limits::REPLAY_PAGE + 9;
    process.append(0, usize::try_from(last).expect("few")).await;
    let delete = "delete from journal where slot = 0 and position > $1 and position <= $2";
    sqlx::query(delete).bind(2_i64).bind(last - 3).execute(pool).await.expect("they were there");
    let found = async |reader: &mut Reader, until: i64| {
        let mut found = Vec::new();
        while found.last() != Some(&until) {
            let read = tokio::time::timeout(PATIENCE, reader.next()).await;
            let read = read.expect("it goes on").expect("the database is there");
            found.extend(read.iter().map(|entry| entry.position));
        }
        found
    };
    assert_eq!(found(&mut process.reader(pool), last).await, [1, 2, last - 2, last - 1, last]);

    // Nothing is left, and something comes.
    sqlx::query(delete).bind(0_i64).bind(last).execute(pool).await.expect("they were there");
    let mut reader = process.reader(pool);
    let nothing = tokio::time::timeout(Duration::from_millis(300), reader.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    process.append(0, 1).await;
    assert_eq!(found(&mut reader, last + 1).await, [last + 1]);
}

#[tokio::test]
async fn entries_show_the_content_of_their_version_while_it_is_there() {
    let database = Database::new("content").await;
    let (pool, cipher) = (&database.pool, cipher());
    let key = |version| ContentKey { slot: slot(5), subject: Uuid::nil(), version };
    let shown = [(1, "one"), (2, "two"), (1, "one")];
    let mut tx = pool.begin().await.expect("the database is there");
    let mut heads = Heads::lock(&mut tx, &[5]).await.expect("it has a head");
    let contents = [(key(1), "one".into()), (key(2), "two".into())];
    content::write(&mut tx, &cipher, &contents).await.expect("they are new");
    let mut entries = Vec::new();
    for (version, body) in shown {
        let position = heads.next(slot(5)).expect("it is locked");
        let body = Ok(Some(body.into()));
        entries.push(JournalEntry {
            version,
            shows_content: true,
            body,
            ..entry(slot(5), position)
        });
    }
    entries.push(entry(slot(5), heads.next(slot(5)).expect("it is locked")));
    heads.append(&mut tx, &cipher, &entries).await.expect("they follow");
    tx.commit().await.expect("the database is there");

    let tail = Tail::new(cipher.clone());
    let bodies = async || -> Vec<Result<Option<String>, Fault>> {
        let read = tail.at(pool, slot(5), &[1, 2, 3, 4]).await.expect("the database is there");
        let text = |body: bytes::Bytes| String::from_utf8_lossy(&body).into_owned();
        read.into_iter().map(|entry| entry.body.map(|body| body.map(text))).collect()
    };
    let texts: Vec<_> = bodies().await.into_iter().map(|body| body.expect("it is whole")).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(texts, [text("one"), text("two"), text("one"), None]);
    let in_journal = "select count(*) from journal where body is not null";
    let in_journal: i64 = sqlx::query_scalar(in_journal).fetch_one(pool).await.expect("a count");
    assert_eq!(in_journal, 0, "they are kept once");

    // In the row of another version it is nobody's.
    let moved = "update content set body = (select body from content where version = 2)
                 where version = 1";
    sqlx::query(moved).execute(pool).await.expect("it is there");
    let read = bodies().await;
    assert!(read[0].is_err() && read[1].is_ok() && read[2].is_err(), "{read:?}");

    sqlx::query("delete from content").execute(pool).await.expect("they are there");
    assert!(bodies().await.iter().all(|body| matches!(body, Ok(None))), "the entries stay");
}

#[tokio::test]
async fn a_reader_hears_of_what_another_process_writes() {
    let database = Database::new("second").await;
    let pool = &database.pool;
    let (one, other) = (Process::new(pool), Process::new(&database.another_process().await));
    let (mut reader, mut seen) = (one.reader(pool), RequestStatus::default());
    other.append(0, 3).await;
    other.append(1, 1).await;
    seen.until(&mut reader, [3, 1]).await;
    // Their commits mix: what this process tells has gaps.
    let both = async {
        for _ in 0..20 {
            tokio::join!(one.append(0, 1), other.append(0, 1), other.append(1, 1));
        }
    };
    tokio::join!(both, seen.until(&mut reader, [43, 21]));
}

#[tokio::test]
async fn a_reading_that_is_dropped_loses_nothing() {
    let database = Database::new("dropped").await;
    let pool = &database.pool;
    let process = Process::new(pool);
    process.append(0, usize::try_from(limits::REPLAY_PAGE).expect("short") + 9).await;
    let (mut reader, mut seen) = (process.reader(pool), RequestStatus::default());
    let written = limits::REPLAY_PAGE + 9 + 40;
    let write = async {
        for _ in 0..40 {
            tokio::join!(process.append(0, 1), process.append(1, 1));
        }
    };
    let (mut cut, mut whole) = (0_u64, 0);
    let read = async {
        while seen.0 != BTreeMap::from([(0, written), (1, 40)]) {
            let patience = Duration::from_micros(cut % 7 * 300);
            match tokio::time::timeout(patience, reader.next()).await {
                Ok(read) => {
                    whole += 1;
                    seen.take(read.expect("the database is there"));
                }
                Err(_) => cut += 1,
            }
        }
    };
    let both = tokio::time::timeout(PATIENCE, async { tokio::join!(write, read) }).await;
    assert!(both.is_ok(), "read {:?} after {whole} readings and {cut} cuts", seen.0);
    assert!(cut > 0, "something was cut");
}

#[test]
fn columns_hold_what_they_can_hold_and_nothing_else() {
    let broken = |fault: Fault| matches!(fault, Fault::Broken(_));
    assert_eq!(column::slot(255).expect("the last one"), slot(255));
    assert!([-1, 256].into_iter().all(|no| column::slot(no).is_err_and(broken)));
    assert_eq!(column::number(i32::MAX).expect("it fits"), 2_147_483_647);
    assert!(column::number(-1).is_err_and(broken));
    assert_eq!(column::integer(2_147_483_647).expect("it fits"), i32::MAX);
    assert!(column::integer(2_147_483_648).is_err_and(broken));
    assert!(column::unsigned(-1).is_err_and(broken));
    let letter = |value: char| if value == 'a' { 1 } else { 2 };
    assert_eq!(column::value("letter", ['a', 'b'], letter, 2).expect("b"), 'b');
    let unknown = column::value("letter", ['a', 'b'], letter, 3).expect_err("there is no third");
    assert!(unknown.to_string().contains("letter 3"), "{unknown}");
}

#[tokio::test]
async fn readers_share_what_they_read_and_hear_of_their_slots_only() {
    let database = Database::new("shared").await;
    let pool = &database.pool;
    let process = Process::new(pool);
    let tail = &process.clerk.tail;
    let mut same: Vec<Reader> = (0..100).map(|_| tail.read(pool.clone(), [(slot(0), 0)])).collect();
    let mut other = tail.read(pool.clone(), [(slot(1), 0)]);
    process.append(0, 1).await;
    for read in futures::future::join_all(same.iter_mut().map(Reader::next)).await {
        assert_eq!(read.expect("it is there").len(), 1, "each where it began");
    }
    process.append(0, 1).await;
    let from_memory = futures::future::join_all(same.iter_mut().map(Reader::next)).await;
    // What another process writes is found by one and read by one.
    let another = Process::new(&database.another_process().await);
    another.append(0, 1).await;
    let from_database = futures::future::join_all(same.iter_mut().map(Reader::next)).await;
    for read in [from_memory, from_database] {
        let read: Vec<_> = read.into_iter().map(|read| read.expect("it is there")).collect();
        assert!(read.iter().all(|one| one.len() == 1 && Arc::ptr_eq(&one[0], &read[0][0])));
    }
    // Nothing but its own wakes it, until its heartbeat comes.
    for _ in 0..3 {
        match other.next_signal().await.expect("the database is there") {
            Signal::Beat => process.append(0, limits::TAIL_BATCHES_MAX).await,
            Signal::Entries(entries) => panic!("{entries:?}"),
        }
    }
    process.append(1, 1).await;
    assert_eq!(other.next().await.expect("its own").len(), 1);
}

#[tokio::test]
async fn who_does_not_read_keeps_nothing_and_misses_nothing() {
    let database = Database::new("stuck").await;
    let pool = &database.pool;
    let process = Process::new(pool);
    let mut reader = process.reader(pool);
    let mut seen = RequestStatus::default();
    process.append(0, 1).await;
    seen.until(&mut reader, [1, 0]).await;
    let many = 3 * limits::TAIL_BATCHES_MAX;
    process.append(0, many).await;
    let written = i64::try_from(many).expect("few") + 1;
    seen.until(&mut reader, [written, 0]).await;
}

#[tokio::test]
async fn a_flood_of_one_caller_leaves_the_next_batch_to_others() {
    let database = Database::new("flood").await;
    let (clerk, closing) = (Arc::new(Clerk::default()), CancellationToken::new());
    let (batch, lanes) = lanes(Arc::clone(&clerk), &database.pool, 1, &closing);
    let (flood, firm) = (Share::firm("flood"), Share::firm("other"));
    let many = 10_000;
    let append = What::Append(slot(7));
    let floods = (0..many).map(|_| batch.enqueue(slot(0), &flood, |reply| append.appending(reply)));
    let all = async {
        let mut floods = std::pin::pin!(futures::future::join_all(floods));
        // All of it is there before the others come.
        assert!(futures::poll!(&mut floods).is_pending());
        let (other, agency) = (
            batch.try_enqueue(slot(0), &firm, |reply| append.appending(reply)),
            batch.enqueue(slot(0), &Share::Kept, |reply| append.appending(reply)),
        );
        let few = async {
            let (other, agency) = tokio::join!(other, agency);
            (other.expect("it is taken"), agency.expect("it is taken"))
        };
        let ((other, agency), floods) = tokio::join!(few, floods);
        closing.cancel();
        let mut flooded: Vec<i64> = floods.into_iter().map(|it| it.expect("done")).collect();
        let whole = flooded.len();
        flooded.sort_unstable();
        flooded.dedup();
        assert_eq!((whole, flooded.len()), (many, many), "nothing is lost or doubled");
        let first = i64::try_from(limits::COMMIT_BATCH_MAX).expect("few");
        assert!(other <= first && agency <= first, "{other}, {agency}: in the next batch");
    };
    tokio::join!(all, futures::future::join_all(lanes));
    let transactions = clerk.transactions.lock().expect("nobody panicked").clone();
    assert!(transactions.iter().all(|count| *count <= limits::COMMIT_BATCH_MAX));
    // How many had come when a batch was taken depends on who else uses the machine; tokio lets a task go on
    // for 128 steps at a time.
    assert!(transactions.len() < many / 64, "batches stay large: {transactions:?}");
}

#[tokio::test]
async fn what_two_processes_bring_is_taken_once() {
    let database = Database::new("inbox").await;
    let other = database.another_process().await;
    let places = |of: &[(u32, i64)]| of.iter().map(|(n, at)| (slot(*n), *at)).collect::<Vec<_>>();
    let taken = |inbox: &mut Inbox, of: &[(u32, i64)]| -> Vec<(u32, i64)> {
        of.iter().copied().filter(|(number, at)| inbox.take(slot(*number), *at)).collect()
    };

    // Positions are those of events that concern a service: they have gaps.
    let first = [(1, 2), (1, 5), (7, 1)];
    let mut tx = database.pool.begin().await.expect("the database is there");
    let mut inbox = Inbox::receive(&mut tx, places(&first)).await.expect("it has its places");
    // What waits behind another event of its subject is taken after what came later.
    assert_eq!(taken(&mut inbox, &[(1, 5), (7, 1), (1, 2)]), [(1, 5), (7, 1), (1, 2)]);
    assert_eq!(taken(&mut inbox, &first), [], "each once");
    assert_eq!(taken(&mut inbox, &[(9, 1)]), [], "nothing of a slot that was not asked for");

    // Another process has the same and more, and waits for the first.
    let second = [(1, 2), (1, 5), (1, 6), (3, 4)];
    let (more, places_of_both) = (second, places(&second));
    let waiting = async {
        let mut tx = other.begin().await.expect("the database is there");
        let mut inbox = Inbox::receive(&mut tx, places_of_both).await.expect("it has its places");
        let new = taken(&mut inbox, &more);
        tx.commit().await.expect("the database is there");
        new
    };
    let finish = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tx.commit().await.expect("the database is there");
    };
    let (new, ()) = futures::join!(waiting, finish);
    assert_eq!(new, [(1, 6), (3, 4)], "only what the first had not");

    // What is rolled back was not taken, and what comes again moves nothing back.
    let mut tx = database.pool.begin().await.expect("the database is there");
    let mut inbox = Inbox::receive(&mut tx, places(&[(7, 8)])).await.expect("it has its places");
    assert_eq!(taken(&mut inbox, &[(7, 8)]), [(7, 8)]);
    tx.rollback().await.expect("the database is there");
    let mut tx = database.pool.begin().await.expect("the database is there");
    let again = [(1, 2), (1, 5), (7, 1), (7, 8)];
    let mut inbox = Inbox::receive(&mut tx, places(&again)).await.expect("it has its places");
    assert_eq!(taken(&mut inbox, &again), [(7, 8)]);
    tx.commit().await.expect("the database is there");
    let mut tx = other.begin().await.expect("the database is there");
    let last = [(1, 6), (1, 7)];
    let mut inbox = Inbox::receive(&mut tx, places(&last)).await.expect("it has its places");
    assert_eq!(taken(&mut inbox, &last), [(1, 7)], "the place stayed at 6");
}

#[tokio::test]
async fn what_waits_for_a_slow_lane_is_bounded_and_who_decides_always_gets_in() {
    let database = Database::new("bounded").await;
    let (clerk, closing) = (Arc::new(Clerk::default()), CancellationToken::new());
    let (batch, lanes) = lanes(Arc::clone(&clerk), &database.pool, 1, &closing);
    let firms: Vec<Share> = (0..4).map(|n| Share::firm(&format!("firm {n}"))).collect();
    let offer = |firm: usize, what| {
        batch.try_enqueue(slot(0), &firms[firm], move |reply| Command::Write(what, reply))
    };
    let slow = What::Slow(slot(7));
    let all = async {
        // The lane knows how slow it is, and is at work.
        let first = futures::future::join_all((0..40).map(|_| offer(0, slow))).await;
        assert!(first.iter().all(Result::is_ok), "{first:?}");
        let done = clerk.transactions.lock().expect("nobody panicked").len();
        let mut busy = std::pin::pin!(offer(0, slow));
        assert!(futures::poll!(&mut busy).is_pending());
        while clerk.transactions.lock().expect("nobody panicked").len() == done {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Four firms offer ten times as much as it does in time; an agency decides meanwhile.
        let append = What::Append(slot(7));
        let offered = (0..8_000).map(|n| offer(n % firms.len(), append));
        let decided = (0..600).map(|_| {
            batch.enqueue(slot(0), &Share::Kept, move |reply| Command::Write(append, reply))
        });
        let (offered, decided, busy) = tokio::join!(
            futures::future::join_all(offered),
            futures::future::join_all(decided),
            busy
        );
        closing.cancel();
        assert!(busy.is_ok());
        assert!(decided.iter().all(Result::is_ok), "no verdict is shed");
        let taken = offered.iter().filter(|answer| answer.is_ok()).count();
        let most = limits::COMMIT_WAITING_MIN + firms.len() * limits::COMMIT_QUEUE_RESERVED;
        assert!((limits::COMMIT_WAITING_MIN / 2..=most).contains(&taken), "{taken} wait");
        let refused =
            |answer: &&Result<i64, EnqueueError>| matches!(answer, Err(EnqueueError::Busy));
        assert_eq!(offered.iter().filter(refused).count(), offered.len() - taken);
    };
    tokio::join!(all, futures::future::join_all(lanes));
}
