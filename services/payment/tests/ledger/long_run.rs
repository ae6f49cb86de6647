//! Random transfers by processes that are killed in the middle of their work, as PostgreSQL is: every currency sums to
//! zero, nobody is over a limit, nothing counts twice, nothing is held for ever.
//!
//! A longer run: `SW_TRANSFERS=1000000 cargo test --package payment --test ledger -- long_run --nocapture`.

#![expect(clippy::disallowed_methods, reason = "what a long run is told comes by the environment")]
#![expect(clippy::print_stdout, reason = "figures for people")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use domain::Slot;
use domain::payment::ledger::{
    Account, Action, Basis, Currency, Entry, EntryCheck, Error, Leg, Purpose,
};
use payment::ledger::{Ledger, Needs, verify_slot};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use store::Fault;
use store::migration::Extent;
use store::private::PrivatePostgres;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Transfers that are tried; few of them are refused.
const TRANSFERS: usize = 3_000;
/// Of one transaction.
const TOGETHER: usize = 100;
/// Processes.
const WRITERS: u8 = 2;
/// Firms, in as many slots as they fall into.
const FIRMS: u64 = 64;
/// What each firm begins with.
const LODGED: i64 = 10_000;
/// Between two kills of processes: few in a long run. A short one has one for each writer, and one of PostgreSQL.
const KILL_PAUSE: Duration = Duration::from_secs(7);
/// Between two kills of PostgreSQL: one that dies more often is given up.
const POSTGRES_PAUSE: Duration = Duration::from_secs(50);
/// What a process is: number, transactions and database.
const WRITER: &str = "SW_LEDGER_WRITER";
const SCHEMA: &str = "payment_long_run";
const NOW: OffsetDateTime = datetime!(2026-11-01 00:00 +8);

/// Numbers that look random, and are the same again (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn amount(&mut self) -> i64 {
        1 + i64::try_from(self.below(900)).expect("it is small")
    }
}

fn firm(number: u64) -> String {
    format!("37029{number:05}")
}

fn account(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.to_owned(), currency: Currency::Cny, purpose }
}

fn entry(id: Uuid, action: Action) -> Entry {
    let basis = Basis {
        event: "test".into(),
        declaration: None,
        bill: None,
        actor: "test".into(),
        rule: "测试".into(),
    };
    Entry { id, action, basis, effective: NOW, recorded: NOW }
}

fn transfer(from: Account, to: Account, amount: i64) -> Action {
    Action::Transfer(vec![Leg { from, to, amount }])
}

/// The entry at a place of a transaction of a writer. Its id is made before it is sent, and is the same again.
fn id(writer: u8, number: usize, place: usize) -> Uuid {
    let [number, place] = [number, place].map(|it| u128::try_from(it).expect("it is small"));
    Uuid::from_u128(u128::from(writer) << 120 | number << 32 | place)
}

/// A hold of a writer that did not end yet, as its tables say.
type Held = (Slot, Uuid, i64);

/// What a firm does: it lodges, pays, holds for its duty, or one of its holds ends.
fn random(random: &mut Random, id: Uuid, open: &mut Vec<Held>) -> (Slot, Entry) {
    let owner = firm(random.below(FIRMS));
    let slot = Slot::of(&owner);
    let guarantee = account(&owner, Purpose::Guarantee);
    let bank = account("BANK", Purpose::Settlement);
    let owed = account(&owner, Purpose::DutyPayable);
    let (what, amount) = (random.below(6), random.amount());
    let action = match what {
        0 => transfer(bank, guarantee, amount),
        1 => transfer(guarantee, bank, amount),
        2 | 3 => {
            let leg = Leg { from: guarantee, to: owed, amount };
            Action::Hold { legs: vec![leg], until: None, after: None }
        }
        _ if open.is_empty() => transfer(bank, guarantee, amount),
        which => {
            let count = u64::try_from(open.len()).expect("it is small");
            let at = usize::try_from(random.below(count)).expect("it is small");
            let (slot, hold, held) = open.swap_remove(at);
            let end = if which == 4 {
                Action::Void(hold)
            } else {
                Action::Post { hold, amounts: vec![held - held / 3] }
            };
            return (slot, entry(id, end));
        }
    };
    (slot, entry(id, action))
}

/// Applies entries in one transaction.
async fn apply(
    pool: &PgPool,
    entries: &[(Slot, Entry)],
) -> Result<Vec<Result<EntryCheck, Error>>, Fault> {
    let mut tx = pool.begin().await?;
    let slots: BTreeSet<Slot> = entries.iter().map(|(slot, _)| *slot).collect();
    let mut ledger = Ledger::lock(&mut tx, &slots).await?;
    let mut needs = Needs::default();
    entries.iter().for_each(|(slot, entry)| needs.entry(*slot, entry));
    ledger.load(&mut tx, &needs).await?;
    let mut applied = Vec::with_capacity(entries.len());
    for (slot, entry) in entries {
        applied.push(ledger.apply(*slot, entry)?);
    }
    ledger.write(&mut tx).await?;
    tx.commit().await?;
    Ok(applied)
}

/// Applies the same until it is known to be written, as a lane does when the database died.
async fn until_written(pool: &PgPool, entries: &[(Slot, Entry)]) -> Vec<Result<EntryCheck, Error>> {
    loop {
        match apply(pool, entries).await {
            Ok(applied) => return applied,
            Err(Fault::Broken(broken)) => panic!("{broken}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The first entry of a transaction, which is never refused: it is there when the transaction was committed.
fn first(writer: u8, number: usize) -> (Slot, Entry) {
    let owner = firm(u64::from(writer));
    let bank = account("BANK", Purpose::Settlement);
    let action = transfer(bank, account(&owner, Purpose::Guarantee), 1);
    (Slot::of(&owner), entry(id(writer, number, 0), action))
}

/// Which of its transactions are written, and the holds of a writer that are open; `None` while the database is away.
async fn state(pool: &PgPool, writer: u8) -> Option<(usize, Vec<Held>)> {
    let (from, until) = (id(writer, 0, 0), id(writer + 1, 0, 0));
    let done =
        "select count(*) from entry where id >= $1 and id < $2 and right(id::text, 8) = '00000000'";
    let done: i64 = sqlx::query_scalar(done).bind(from).bind(until).fetch_one(pool).await.ok()?;
    let open = "select slot, id, amount from hold where state = 1 and id >= $1 and id < $2 order by id limit 400";
    let open: Vec<(i16, Uuid, i64)> =
        sqlx::query_as(open).bind(from).bind(until).fetch_all(pool).await.ok()?;
    let held = open.into_iter().map(|(slot, id, amount)| {
        let slot = u32::try_from(slot).ok().and_then(Slot::new);
        (slot.expect("the database holds slots"), id, amount)
    });
    Some((usize::try_from(done).expect("it counts"), held.collect()))
}

/// Writes until so many transactions are there, from where an earlier process of the same number was killed.
async fn write(pool: &PgPool, writer: u8, transactions: usize) {
    let mut begun = None;
    while begun.is_none() {
        begun = state(pool, writer).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (done, mut open) = begun.expect("it was waited for");
    for number in done..transactions {
        let seed = u64::from(writer) << 40 | u64::try_from(number).expect("it is small");
        let mut numbers = Random(seed);
        let mut batch = vec![first(writer, number)];
        for place in 1..TOGETHER {
            batch.push(random(&mut numbers, id(writer, number, place), &mut open));
        }
        let applied = until_written(pool, &batch).await;
        let mut written = Vec::with_capacity(batch.len());
        for (slot_entry, applied) in batch.into_iter().zip(applied) {
            match (applied, &slot_entry.1.action) {
                (Ok(_), Action::Hold { legs, .. }) => {
                    open.push((slot_entry.0, slot_entry.1.id, legs[0].amount));
                    written.push(slot_entry);
                }
                (Ok(_), _) => written.push(slot_entry),
                (Err(Error::NotEnough { .. }), _) => {}
                (Err(error), action) => panic!("{error}: {action:?}"),
            }
        }
        // What was sent is sent again now and then, since an answer may be lost.
        if number % 16 == 0 {
            let again = until_written(pool, &written).await;
            assert!(again.iter().all(|it| *it == Ok(EntryCheck::Known)), "{again:?}");
        }
    }
}

/// Is run by the long run as a process of its own, and does nothing otherwise.
#[tokio::test]
async fn a_writer_of_the_long_run() {
    let Ok(arguments) = std::env::var(WRITER) else { return };
    let mut words = arguments.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    let (writer, transactions) = (word().parse(), word().parse());
    let options = PgConnectOptions::from_str(word()).expect("a database");
    let pool = connect(options).await;
    write(&pool, writer.expect("a number"), transactions.expect("a number")).await;
}

/// A process of ours, which does not outlive us.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn spawn(writer: u8, transactions: usize, url: &str) -> Writer {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "long_run::a_writer_of_the_long_run", "--nocapture"])
        .env(WRITER, format!("{writer} {transactions} {url}"))
        .stdout(Stdio::null())
        .spawn();
    Writer(child.expect("a process"))
}

/// A PostgreSQL of its own, which comes back when it was killed.
struct Server {
    url: String,
    directory: PathBuf,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Server {
    fn start() -> Self {
        let (started, starting) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let directory = tempfile::Builder::new().prefix("sw-").tempdir_in("/tmp");
                let directory = directory.expect("/tmp exists");
                // The user `postgres` has to reach it.
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(directory.path(), open).expect("the directory is ours");
                let (path, never) = (std::env::var_os("PATH"), std::future::pending());
                let server =
                    PrivatePostgres::start(directory.path(), None, path.as_deref(), never).await;
                let server = server.expect("PostgreSQL starts").expect("nobody stops it");
                let begun = (server.url(), directory.path().to_owned());
                started.send(begun).expect("somebody waits");
                server.run(async { drop(stopped.await) }).await.expect("PostgreSQL stops");
            });
        });
        let (url, directory) = starting.recv().expect("PostgreSQL started");
        Self { url, directory, stop, thread }
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.directory.join("pg/postmaster.pid"));
        let pid = pid.ok().and_then(|it| it.lines().next()?.trim().parse().ok());
        let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else { return };
        if let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            println!("PostgreSQL was dead already: {error}");
        }
    }

    fn stop(self) {
        drop(self.stop);
        self.thread.join().expect("the server's thread ended well");
    }
}

/// Runs the writers to their end, and kills them and PostgreSQL meanwhile; how often.
async fn run(server: &Server, transactions: usize, long: bool) -> (usize, usize) {
    let (mut kills, mut deaths) = (0, 0);
    let mut running: Vec<(u8, Writer)> =
        (1..=WRITERS).map(|writer| (writer, spawn(writer, transactions, &server.url))).collect();
    let (mut last, mut last_death) = (Instant::now(), Instant::now());
    let pause = if long { KILL_PAUSE } else { Duration::from_millis(500) };
    let death_pause = if long { POSTGRES_PAUSE } else { pause / 2 };
    while !running.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut ended = Vec::new();
        for (at, (writer, child)) in running.iter_mut().enumerate() {
            if let Some(status) = child.0.try_wait().expect("it is our child") {
                assert!(status.success(), "writer {writer}: {status}");
                ended.push(at);
            }
        }
        ended.into_iter().rev().for_each(|at| drop(running.remove(at)));
        if last_death.elapsed() > death_pause && (long || deaths == 0) {
            server.kill();
            (deaths, last_death) = (deaths + 1, Instant::now());
        }
        if last.elapsed() > pause && (long || kills < usize::from(WRITERS)) && !running.is_empty() {
            let at = kills % running.len();
            let (writer, child) = &mut running[at];
            child.0.kill().expect("it is our child");
            *child = spawn(*writer, transactions, &server.url);
            (kills, last) = (kills + 1, Instant::now());
        }
    }
    (kills, deaths)
}

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.expect("a number")
}

/// Connects when PostgreSQL is there again.
async fn connect(options: PgConnectOptions) -> PgPool {
    loop {
        if let Ok(pool) = store::connect(options.clone(), SCHEMA, 2).await {
            return pool;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn pool(server: &Server) -> PgPool {
    connect(PgConnectOptions::from_str(&server.url).expect("a database")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn random_transfers_sum_to_zero_whoever_is_killed() {
    let asked = std::env::var("SW_TRANSFERS").ok().and_then(|it| it.parse().ok());
    let transfers: usize = asked.unwrap_or(TRANSFERS);
    let server = tokio::task::spawn_blocking(Server::start).await.expect("it started");
    let options = PgConnectOptions::from_str(&server.url).expect("a database");
    let made = store::migration::migrate(&options, SCHEMA, &crate::TABLES, Extent::Expanding).await;
    made.expect("the tables are made");
    let before = pool(&server).await;
    let lodged = (0..FIRMS).map(|number| {
        let (owner, bank) = (firm(number), account("BANK", Purpose::Settlement));
        let action = transfer(bank, account(&owner, Purpose::Guarantee), LODGED);
        (Slot::of(&owner), entry(Uuid::from_u128(u128::from(number) + 1), action))
    });
    until_written(&before, &lodged.collect::<Vec<_>>()).await;
    before.close().await;

    let start = Instant::now();
    let transactions = transfers / TOGETHER / usize::from(WRITERS);
    let (kills, deaths) = run(&server, transactions, asked.is_some()).await;
    let took = start.elapsed();

    let pool = pool(&server).await;
    // Each transaction is there once, whole.
    for writer in 1..=WRITERS {
        let (done, _) = state(&pool, writer).await.expect("it answers");
        assert_eq!(done, transactions, "writer {writer}");
    }
    // Each hold ended once, or is open; nothing is held that nobody knows.
    let ends = "select count(*) from entry where substr(id::text, 1, 2) <> '00'";
    let entries = number(&pool, ends).await;
    let open: Vec<(i16, Uuid)> = sqlx::query_as("select slot, id from hold where state = 1")
        .fetch_all(&pool)
        .await
        .expect("holds");
    let voids = open.iter().zip(0..).map(|((slot, hold), place)| {
        let slot = u32::try_from(*slot).ok().and_then(Slot::new).expect("a slot");
        (slot, entry(id(255, 0, place), Action::Void(*hold)))
    });
    for voids in voids.collect::<Vec<_>>().chunks(TOGETHER) {
        let ended = until_written(&pool, voids).await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    }
    let sums = "select coalesce(max(abs(sum)), 0)::bigint from (select sum(credits - debits) from account group by currency) it";
    assert_eq!(number(&pool, sums).await, 0, "every currency sums to zero");
    let held = "select sum(held_debits + held_credits)::bigint from account";
    assert_eq!(number(&pool, held).await, 0, "nothing is held for ever");
    let least = "select min(credits - debits) from account where purpose = 1";
    assert!(number(&pool, least).await >= 0, "a guarantee is overdrawn");
    // What was lodged and posted, counted from the entries alone, is what the accounts say.
    let moved = "select (select sum(amount) from leg where not held)::bigint - (select sum(debits) from account)::bigint";
    assert_eq!(number(&pool, moved).await, 0, "something counts twice, or not at all");
    let mut verified = 0;
    for slot in Slot::all() {
        let found = verify_slot(&pool, slot).await.expect("it reads");
        assert_eq!(found.difference, None, "slot {slot:?}");
        verified += found.entries;
    }
    assert!(kills > 0 && deaths > 0, "nobody was killed: {kills} {deaths}");
    let rate = u128::try_from(transfers).expect("it is small") * 1_000 / took.as_millis().max(1);
    println!(
        "{transfers} transfers in {took:.1?} ({rate}/s): {entries} entries, {kills} processes and {deaths} times PostgreSQL killed, {} holds were open, {verified} entries verified",
        open.len()
    );
    pool.close().await;
    server.stop();
}
