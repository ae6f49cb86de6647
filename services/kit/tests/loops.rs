//! The loops against a real PostgreSQL: one item stops neither the others nor the loop.

#[path = "../../store/tests/kernel/database.rs"]
mod database;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Slot, limits};
use kit::deliver::{Delivery, DeliveryQueue, Port, settle};
use kit::listen::{LateEvents, Listener, UnreadableEvent, take_events};
use kit::progress::Progress;
use proto::v1;
use sqlx::PgPool;
use store::queue::{self, Item};
use store::{Clock, Fault};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::database::{Database, cipher};

static TABLES: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/declaration");

/// Long enough for everything here.
const PATIENCE: Duration = Duration::from_secs(60);
const LETTERS: &str = "letters";

/// A post office: what it delivered, by subject, and what it does not like.
#[derive(Debug, Clone, Default)]
struct Post(Arc<Mutex<Office>>);

#[derive(Debug, Default)]
struct Office {
    delivered: BTreeMap<Uuid, Vec<u8>>,
    /// Every letter that was tried, with how many went along.
    tried: Vec<(u8, usize)>,
    poison: BTreeSet<u8>,
    panics: BTreeSet<u8>,
    early: BTreeSet<u8>,
    away: bool,
    /// A poisoned letter spoils the bag that it is in.
    bags: bool,
}

impl Post {
    fn office(&self) -> MutexGuard<'_, Office> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Office)) {
        change(&mut self.office());
    }

    fn of(&self, subject: u128) -> Vec<u8> {
        self.office().delivered.get(&Uuid::from_u128(subject)).cloned().unwrap_or_default()
    }

    fn tries(&self, letter: u8) -> usize {
        self.office().tried.iter().filter(|(tried, _)| *tried == letter).count()
    }
}

/// Delivers letters of one byte.
#[derive(Debug)]
struct Carrier(Post, PgPool);

impl Port for Carrier {
    const QUEUE: &'static str = LETTERS;

    async fn deliver(&self, items: &[Item]) -> Vec<Delivery> {
        let mut became = Vec::new();
        for item in items {
            let letter = item.body[0];
            let what = {
                let mut office = self.0.office();
                office.tried.push((letter, items.len()));
                let spoiled =
                    office.bags && items.iter().any(|it| office.poison.contains(&it.body[0]));
                if office.away {
                    Delivery::Away("no road".to_owned())
                } else if spoiled {
                    Delivery::Suspect("the bag is wet".to_owned())
                } else if office.poison.contains(&letter) {
                    Delivery::Failed("poison\0 in it".to_owned())
                } else if office.early.contains(&letter) {
                    Delivery::NotYet
                } else {
                    assert!(!office.panics.contains(&letter), "letter {letter}");
                    Delivery::Done
                }
            };
            if what == Delivery::Done {
                let mut tx = self.1.begin().await.expect("the database is there");
                let which = [(item.slot, item.id)];
                let taken = queue::settle(&mut tx, LETTERS, &which).await.expect("it is there");
                tx.commit().await.expect("the database is there");
                if taken.contains(&item.id) {
                    self.0.change(|office| {
                        office.delivered.entry(item.subject).or_default().push(letter);
                    });
                }
            }
            became.push(what);
        }
        became
    }
}

fn letter(subject: u128, letter: u8) -> Item {
    let subject = Uuid::from_u128(subject);
    Item {
        slot: Slot::of(&subject.to_string()),
        id: Uuid::from_u128(u128::from(letter)),
        kind: 0,
        subject,
        place: i64::from(letter),
        body: vec![letter],
        due: OffsetDateTime::UNIX_EPOCH,
        tries: 0,
    }
}

async fn write(pool: &PgPool, letters: &[Item]) {
    let mut connection = pool.acquire().await.expect("the database is there");
    queue::enqueue(&mut connection, &cipher(), LETTERS, letters).await.expect("they fit");
}

#[expect(clippy::disallowed_methods, reason = "tests are a process of their own")]
fn clock() -> Clock {
    Clock::new(OffsetDateTime::now_utc)
}

/// A process with the loop.
struct Process {
    tasks: JoinSet<()>,
    closing: CancellationToken,
    progress: Progress,
}

impl Process {
    fn start(post: &Post, pool: &PgPool) -> Self {
        Self::of(Carrier(post.clone(), pool.clone()), pool)
    }

    fn of(port: impl Port + 'static, pool: &PgPool) -> Self {
        let progress = Progress::new("test.letters");
        let queue = DeliveryQueue {
            port,
            service: "test",
            pool: pool.clone(),
            cipher: cipher(),
            clock: clock(),
            progress: progress.clone(),
            pause: Duration::from_millis(5),
        };
        let (mut tasks, closing) = (JoinSet::new(), CancellationToken::new());
        let ending = closing.clone();
        tasks.spawn(async move { queue.run(&Notify::new(), &ending).await });
        Self { tasks, closing, progress }
    }

    async fn end(mut self) {
        self.closing.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("the loop ended well");
        }
    }
}

async fn eventually(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "not in time: {what}");
}

async fn stuck(pool: &PgPool) -> Vec<queue::StuckItem> {
    queue::stuck(pool, &cipher(), (Uuid::nil(), None), 100).await.expect("the database is there")
}

#[tokio::test]
async fn a_poisoned_item_is_set_aside_and_everything_else_goes_on() {
    let database = Database::new("poisoned").await;
    let post = Post::default();
    post.change(|office| office.poison.insert(2).then_some(()).expect("new"));
    // Two and three are about the same.
    write(&database.pool, &[letter(1, 1), letter(7, 2), letter(7, 3), letter(4, 4)]).await;
    let process = Process::start(&post, &database.pool);
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    assert_eq!((post.of(1), post.of(4)), (vec![1], vec![4]), "the others go on");
    let [item] = &stuck(&database.pool).await[..] else { panic!("one is stuck") };
    assert_eq!((item.id, item.behind), (Uuid::from_u128(2), 1));
    assert_eq!(item.reason, "poison in it", "what a column cannot hold is left out");
    assert_eq!(item.tries, limits::TRIES_MAX);
    assert_eq!(post.tries(2), usize::try_from(limits::TRIES_MAX).expect("few"));
    write(&database.pool, &[letter(5, 5)]).await;
    eventually("what comes later goes on", async || post.of(5) == [5]).await;
    assert_eq!(post.tries(3), 0, "nothing overtakes what is about the same");
    assert!(process.progress.still() < Duration::from_secs(5), "the loop does not stand still");

    // A restart keeps it set aside.
    process.end().await;
    let process = Process::start(&post, &database.pool);
    write(&database.pool, &[letter(6, 6)]).await;
    eventually("the loop runs", async || post.of(6) == [6]).await;
    assert_eq!(stuck(&database.pool).await.len(), 1);
    assert_eq!(post.tries(2), usize::try_from(limits::TRIES_MAX).expect("few"));

    // Tried again in vain, then after the cause is gone.
    let again = async || queue::retry(&database.pool, None, clock().now()).await.expect("it works");
    assert_eq!(again().await, 1);
    eventually("it is set aside again", async || !stuck(&database.pool).await.is_empty()).await;
    post.change(|office| office.poison.clear());
    assert_eq!(again().await, 1);
    eventually("it is delivered", async || post.of(7) == [2, 3]).await;
    assert!(stuck(&database.pool).await.is_empty());
    process.end().await;
}

#[tokio::test]
async fn an_item_that_cannot_be_decrypted_is_set_aside_and_can_be_looked_at() {
    let database = Database::new("undecrypted").await;
    let post = Post::default();
    write(&database.pool, &[letter(1, 1), letter(7, 2), letter(4, 4)]).await;
    // Somebody who can write to the table gives a row what belongs to another.
    let swapped =
        "update queue_item set body = (select body from queue_item where id = $1) where id = $2";
    let swapped = sqlx::query(swapped).bind(Uuid::from_u128(1)).bind(Uuid::from_u128(2));
    swapped.execute(&database.pool).await.expect("the database is there");
    let process = Process::start(&post, &database.pool);
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    eventually("the others go on", async || post.of(1) == [1] && post.of(4) == [4]).await;
    assert_eq!(post.tries(1), 1, "it was read in a row that is not its own");
    let one = (Uuid::nil(), Some(Uuid::from_u128(2)));
    let shown = queue::stuck(&database.pool, &cipher(), one, 1).await.expect("it is shown");
    let [item] = &shown[..] else { panic!("one is stuck") };
    assert!(item.reason.contains("belongs to another row"), "{}", item.reason);
    process.end().await;
}

#[tokio::test]
async fn an_item_that_is_given_up_lets_what_is_behind_it_go_on() {
    let database = Database::new("given_up").await;
    let post = Post::default();
    post.change(|office| office.poison = BTreeSet::from([1]));
    write(&database.pool, &[letter(7, 1), letter(7, 2)]).await;
    let process = Process::start(&post, &database.pool);
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    let nobody = queue::give_up(&database.pool, Uuid::from_u128(2)).await.expect("it works");
    assert!(!nobody, "what is not stuck is not given up");
    assert!(queue::give_up(&database.pool, Uuid::from_u128(1)).await.expect("it works"));
    eventually("the next goes", async || post.of(7) == [2]).await;
    process.end().await;
}

#[tokio::test]
async fn what_is_away_is_nobodys_fault() {
    let database = Database::new("away").await;
    let post = Post::default();
    post.change(|office| office.away = true);
    write(&database.pool, &[letter(1, 1), letter(2, 2)]).await;
    let process = Process::start(&post, &database.pool);
    eventually("many tries", async || post.tries(1) > 5).await;
    assert!(stuck(&database.pool).await.is_empty());
    assert!(process.progress.still() > Duration::from_secs(1), "the loop stands, and says so");
    post.change(|office| office.away = false);
    eventually("both go", async || post.of(1) == [1] && post.of(2) == [2]).await;
    eventually("it rests", async || process.progress.still() == Duration::ZERO).await;
    process.end().await;
}

#[tokio::test]
async fn who_spoils_the_whole_bag_or_panics_is_found() {
    let database = Database::new("spoiled").await;
    let post = Post::default();
    post.change(|office| {
        office.bags = true;
        office.poison = BTreeSet::from([2]);
        office.panics = BTreeSet::from([4]);
    });
    let letters = (1..=5).map(|n| letter(u128::from(n), n)).collect::<Vec<_>>();
    write(&database.pool, &letters).await;
    let process = Process::start(&post, &database.pool);
    eventually("two are set aside", async || stuck(&database.pool).await.len() == 2).await;
    let ids: Vec<u128> = stuck(&database.pool).await.iter().map(|it| it.id.as_u128()).collect();
    assert_eq!(ids, [2, 4]);
    for well in [1, 3, 5] {
        eventually("the others go", async || post.of(u128::from(well)) == [well]).await;
    }
    process.end().await;
}

#[tokio::test]
async fn what_waits_for_something_else_keeps_nobody_waiting() {
    let database = Database::new("early").await;
    let post = Post::default();
    // More than go along at once stand in front.
    let count = u128::try_from(limits::QUEUE_ROUND_MAX).expect("it is above zero") + 10;
    let early: Vec<Item> = (0..count)
        .map(|n| Item { id: Uuid::from_u128(1_000 + n), ..letter(1_000 + n, 9) })
        .collect();
    post.change(|office| office.early = BTreeSet::from([9]));
    write(&database.pool, &early).await;
    let late = Item { due: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1), ..letter(1, 1) };
    write(&database.pool, &[late]).await;
    let process = Process::start(&post, &database.pool);
    eventually("the last one has its turn", async || post.of(1) == [1]).await;
    assert!(stuck(&database.pool).await.is_empty(), "they wait, and nothing is wrong");
    process.end().await;
}

#[tokio::test]
async fn two_processes_deliver_in_order_and_count_a_failure_once() {
    let database = Database::new("twice").await;
    let post = Post::default();
    post.change(|office| office.poison = BTreeSet::from([200]));
    let other = database.another_process().await;
    let letters: Vec<Item> = (1..=100).map(|n| letter(u128::from(n % 3), n)).collect();
    write(&database.pool, &letters).await;
    write(&database.pool, &[letter(9, 200)]).await;
    let processes = [Process::start(&post, &database.pool), Process::start(&post, &other)];
    eventually("all are delivered", async || {
        (0..3).map(|subject| post.of(subject).len()).sum::<usize>() == 100
    })
    .await;
    for subject in 0..3 {
        let of: Vec<u8> = (1..=100).filter(|n| n % 3 == subject).collect();
        assert_eq!(post.of(u128::from(subject)), of, "once each, in order");
    }
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    assert_eq!(stuck(&database.pool).await[0].tries, limits::TRIES_MAX);
    for process in processes {
        process.end().await;
    }
}

/// Takes events into a list, by their positions; poison takes nobody along.
#[derive(Debug, Clone)]
struct Ears(Post, PgPool);

impl Listener for Ears {
    const QUEUE: &'static str = LETTERS;
    type Event = (Uuid, u8);
    type Outcome = u8;

    fn read(&self, event: &Arc<v1::Event>) -> Result<Option<(Uuid, u8)>, UnreadableEvent> {
        let about = Uuid::try_parse(&event.declaration_id).map_err(|_| UnreadableEvent)?;
        let number = u8::try_from(event.position).map_err(|_| UnreadableEvent)?;
        Ok((number != IDLE).then_some((about, number)))
    }

    fn queue(&self) -> (&PgPool, OffsetDateTime) {
        (&self.1, clock().now())
    }

    async fn take(&self, events: Vec<(Uuid, u8)>, behind: Vec<Item>) -> Result<Vec<u8>, Fault> {
        {
            let office = self.0.office();
            if office.away {
                return Err(Fault::Away("no database".to_owned()));
            }
            if events.iter().any(|(_, number)| office.poison.contains(number)) {
                return Err(Fault::Broken("poison".to_owned()));
            }
        }
        write(&self.1, &behind).await;
        self.0.change(|office| {
            for (about, number) in &events {
                office.delivered.entry(*about).or_default().push(*number);
            }
        });
        Ok(events.into_iter().map(|(_, number)| number).collect())
    }

    async fn take_late(&self, item: &Item, event: (Uuid, u8)) -> Result<(), Delivery> {
        self.take(vec![event], Vec::new()).await.map_err(|fault| Delivery::of(&fault))?;
        settle(&self.1, LETTERS, item).await
    }
}

/// The position of an event that concerns nobody.
const IDLE: u8 = 99;

/// An event at this position about a declaration; about something that no one can name for 0.
fn event(about: u128, position: u8) -> Arc<v1::Event> {
    let named = if about == 0 { "?".to_owned() } else { Uuid::from_u128(about).to_string() };
    let position = u64::from(position);
    Arc::new(v1::Event { slot: 7, position, declaration_id: named, ..Default::default() })
}

#[tokio::test]
async fn an_event_that_cannot_be_taken_does_not_stop_those_that_come() {
    let database = Database::new("events").await;
    let post = Post::default();
    post.change(|office| office.poison = BTreeSet::from([2]));
    let ears = Arc::new(Ears(post.clone(), database.pool.clone()));
    let take = async |events: &[Arc<v1::Event>]| {
        let taken = take_events(&*ears, events).await?;
        Ok::<_, Fault>(taken.into_iter().map(|taken| (taken.at, taken.outcome)).collect::<Vec<_>>())
    };
    let taken = take(&[event(1, 1), event(7, 2), event(3, 3), event(7, IDLE)]).await;
    assert_eq!(taken.expect("they wait in the queue"), []);
    let process = Process::of(LateEvents(Arc::clone(&ears)), &database.pool);
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    assert_eq!((post.of(1), post.of(3)), (vec![1], vec![3]));
    // What comes about the same stands behind it, everything else is taken at once.
    let taken = take(&[event(7, 4), event(9, IDLE), event(1, 5)]).await;
    assert_eq!(taken.expect("it is there"), [(2, 5)]);
    assert_eq!(post.of(1), [1, 5]);
    post.change(|office| office.away = true);
    assert!(take(&[event(1, 6)]).await.is_err(), "a database that is away is nobody's fault");
    post.change(|office| {
        office.away = false;
        office.poison.clear();
    });
    let first = stuck(&database.pool).await[0].id;
    queue::retry(&database.pool, Some(first), clock().now()).await.expect("it works");
    eventually("both are taken, in order", async || post.of(7) == [2, 4]).await;
    // Nobody can read it, and it says of itself only where it stands.
    let taken = take(&[event(0, 8), event(3, 9)]).await;
    assert_eq!(taken.expect("it waits in the queue"), [(1, 9)]);
    eventually("it is set aside", async || !stuck(&database.pool).await.is_empty()).await;
    process.end().await;
}
