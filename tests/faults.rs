//! Real processes are killed under load, and the books are checked afterwards: every acknowledged
//! declaration is there once, each ends, none is released twice, no event is lost.
//!
//! A longer run: `SW_KILLS=200 cargo test --package tests faults -- --nocapture`.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::DeclarationId;
use futures::StreamExt as _;
use proto::ceb::Document;
use proto::stored::{FilingKind, FilingRecord};
use proto::v1::{self, fact::Kind};
use sqlx::PgConnection;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::harness::national::{Erp, Import, import, person};
use crate::harness::people::{export, filing};
use crate::harness::{PATIENCE, Sandbox, binary, eventually};

/// Declarants of the load, so that several slots are at work.
const DECLARANTS: u64 = 8;

/// Files without end; keeps what was acknowledged.
async fn file(
    window: client::Window,
    next: Arc<AtomicU64>,
    receipts: Arc<Mutex<HashMap<String, String>>>,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let scripted = ["QD", "SBX-TWICE", "SBX-DISORDER", "SBX-EXAMINE0-CIQINSPECT", "SBX-STALE"];
        let script = scripted[usize::try_from(number % 25 / 4).unwrap_or(0) % scripted.len()];
        let mut declaration = export(&format!("{script}-{number}"));
        let code = format!("37029{:05}", number % DECLARANTS);
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        let request = filing(declaration);
        let submit = || async { window.declarations().submit(request.clone()).await };
        let receipt = until_answered(submit).await;
        let mut kept = receipts.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(request.request_id.clone(), receipt.name);
    }
}

/// Asks the same until it is answered, as a client must.
pub(crate) async fn until_answered<T, F>(ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    until_answered_within(PATIENCE, ask).await
}

/// The same where that may take longer.
pub(crate) async fn until_answered_within<T, F>(patience: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let start = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer.into_inner(),
            Err(status) if proto::status::is_worth_repeating(status.code()) => {
                assert!(start.elapsed() < patience, "not answered in {patience:?}: {status:?}");
            }
            Err(status) => panic!("{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a watcher saw, across all cuts.
#[derive(Default)]
pub(crate) struct Seen {
    /// Names with the number of releases, by distinct entries.
    pub(crate) releases: HashMap<String, HashSet<String>>,
    pub(crate) filed: HashSet<String>,
}

pub(crate) async fn watch(window: client::Window, seen: Arc<Mutex<Seen>>) {
    // The load begins at the same time, and a window that is killed before it gave a token gave nothing to
    // go on from.
    let resume_token = "beginning".to_owned();
    let news = client::watch(window, v1::WatchRequest { resume_token, ..Default::default() });
    let mut news = std::pin::pin!(news);
    while let Some(told) = news.next().await {
        let told = told.expect("watching goes on");
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in told.facts {
            match fact.kind {
                Some(Kind::Released(released)) => {
                    let of = seen.releases.entry(told.name.clone()).or_default();
                    of.insert(released.release_id);
                }
                Some(Kind::Filed(_)) => {
                    seen.filed.insert(told.name.clone());
                }
                _ => {}
            }
        }
    }
}

/// A simulated agency as a process of its own, which reconnects by itself.
pub(crate) fn agency(sandbox: &Sandbox, name: &str) -> Agency {
    agency_named(sandbox, name, "simulator")
}

/// The same under a name of its own: two of one name would take each other's place.
pub(crate) fn agency_named(sandbox: &Sandbox, agency: &str, name: &str) -> Agency {
    agency_by(std::process::Command::new(binary()), sandbox, agency, name)
}

fn agency_by(
    mut command: std::process::Command,
    sandbox: &Sandbox,
    agency: &str,
    name: &str,
) -> Agency {
    let process = command
        .args(["agency", agency, "--name", name, "--log", "off", "--data-dir"])
        .arg(sandbox.directory.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    Agency(process)
}

/// Ends with the test, however that ends.
pub(crate) struct Agency(std::process::Child);

impl Drop for Agency {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the faults")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_released_twice() {
    let kills: u64 = std::env::var_os("SW_KILLS")
        .and_then(|kills| kills.to_str().and_then(|kills| kills.parse().ok()))
        .unwrap_or(20);
    let postgres_kills = (kills / 7).max(3);
    let mut sandbox = Sandbox::alone(&["--no-agencies"]).await;
    sandbox.may_log_errors = true;
    let _agencies = ["customs", "quarantine", "site"].map(|name| agency(&sandbox, name));

    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let receipts = Arc::new(Mutex::new(HashMap::new()));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let window = sandbox.connect("agent").await;
    let watcher = tokio::spawn(watch(sandbox.connect("admin").await, Arc::clone(&seen)));
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (next, stop) = (Arc::clone(&next), Arc::clone(&stop));
            tokio::spawn(file(window.clone(), next, Arc::clone(&receipts), stop))
        })
        .collect();

    let acknowledged = || receipts.lock().unwrap_or_else(PoisonError::into_inner).len();
    let progress = async |by: usize| {
        let from = acknowledged();
        eventually("work goes on after a kill", PATIENCE, async || {
            let now = acknowledged();
            if now < from + by { Err(now - from) } else { Ok(()) }
        })
        .await;
    };
    for kill in 0..kills {
        // A different moment each time, always in the middle of work.
        progress(20 + usize::try_from(kill * 37 % 60).unwrap_or(0)).await;
        sandbox.kill();
        sandbox.spawn();
    }
    for kill in 0..postgres_kills {
        progress(20 + usize::try_from(kill * 53 % 60).unwrap_or(0)).await;
        let postmaster = sandbox.postgres().expect("PostgreSQL runs");
        rustix::process::kill_process(postmaster, rustix::process::Signal::KILL).expect("ours");
    }
    progress(50).await;
    stop.store(true, Ordering::Relaxed);
    for filer in load {
        filer.await.expect("every request was answered");
    }

    let receipts = receipts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let names: HashSet<String> = receipts.values().cloned().collect();
    assert_eq!(names.len(), receipts.len(), "one declaration for each request");
    everything_acknowledged_is_there(&sandbox, &receipts).await;
    eventually("all are released", 2 * PATIENCE, async || {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left: Vec<_> = names.iter().filter(|name| !seen.releases.contains_key(*name)).collect();
        match left.first() {
            None => Ok(()),
            Some(one) => Err(format!("{} not, for example {one}", left.len())),
        }
    })
    .await;
    watcher.abort();
    {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.releases.values().all(|ids| ids.len() == 1), "released twice");
        assert!(names.iter().all(|name| seen.filed.contains(name)), "an event was lost");
    }
    books_are_right(&sandbox).await;
    println!(
        "faults: {} kills of the service, {postgres_kills} of PostgreSQL, {} declarations \
         acknowledged, each there once and released once",
        kills,
        receipts.len()
    );
}

async fn everything_acknowledged_is_there(sandbox: &Sandbox, receipts: &HashMap<String, String>) {
    acknowledged_are_there(&mut sandbox.database().await, receipts).await;
}

/// Each request that was acknowledged is there with what was acknowledged.
pub(crate) async fn acknowledged_are_there(
    database: &mut PgConnection,
    receipts: &HashMap<String, String>,
) {
    let kept: HashMap<String, String> = submissions(database)
        .await
        .into_iter()
        .map(|(request, id)| (request.to_string(), id.name()))
        .collect();
    for (request, name) in receipts {
        assert_eq!(kept.get(request), Some(name), "an acknowledged declaration is missing");
    }
}

/// Declarants have digits in their codes; subscribers of the exchange have names without.
const FILINGS: &str = "select request_id, outcome from request where caller ~ '[0-9]'";

/// Requests that filed a declaration, with what they filed.
async fn submissions(database: &mut PgConnection) -> Vec<(Uuid, DeclarationId)> {
    let kept: Vec<(Uuid, Vec<u8>)> =
        sqlx::query_as(FILINGS).fetch_all(database).await.expect("the table is there");
    let filings = kept.into_iter().filter_map(|(request, outcome)| {
        let filing = FilingRecord::decode(&outcome).expect("a filing");
        (filing.kind == FilingKind::Submit).then_some((request, filing.declaration))
    });
    filings.collect()
}

/// What the tables say.
pub(crate) async fn books_are_right(sandbox: &Sandbox) {
    rows_are_right(&mut sandbox.database().await).await;
}

/// The same in this database.
pub(crate) async fn rows_are_right(database: &mut PgConnection) {
    for (what, broken) in [
        (
            "released without a release",
            "select count(*) from declaration d where phase = 3 and not exists (select from release r where r.slot = d.slot and r.declaration_id = d.id)",
        ),
        (
            "a release of something not released",
            "select count(*) from release r join declaration d on d.slot = r.slot and d.id = r.declaration_id where d.phase <> 3",
        ),
        (
            "a list of those that are not released that is wrong",
            "select count(*) from (select slot, phase, id from declaration where phase <> 3) d full join unreleased u on u.slot = d.slot and u.phase = d.phase and u.declaration_id = d.id where d.id is null or u.declaration_id is null",
        ),
        (
            "gaps in a journal",
            "select count(*) from journal_head h where h.position <> (select count(*) from journal j where j.slot = h.slot) or h.position <> (select coalesce(max(position), 0) from journal j where j.slot = h.slot)",
        ),
        ("open inspections", "select count(*) from joint_inspection where state = 1"),
        (
            "numbers given twice",
            "select count(*) - count(distinct pre_no) + count(invt_no) - count(distinct invt_no) from declaration",
        ),
    ] {
        let count: i64 = sqlx::query_scalar(broken).fetch_one(&mut *database).await.expect(what);
        assert_eq!(count, 0, "{what}");
    }
    let declarations: Vec<Uuid> = sqlx::query_scalar("select id from declaration order by id")
        .fetch_all(&mut *database)
        .await
        .expect("the table is there");
    let filed = submissions(database).await;
    let mut filed: Vec<Uuid> = filed.into_iter().map(|(_, id)| id.uuid()).collect();
    filed.sort_unstable();
    assert_eq!(declarations, filed, "each declaration has exactly one filing");
}

/// Imports in the test of national messages.
const IMPORTS: usize = 120;
/// Documents in one message.
const TOGETHER: usize = 8;

/// Sends a message until it is answered, as a firm's system does: documents are known by guid.
pub(crate) async fn send(erp: &Erp, message: &str) {
    let send = || async {
        let request = v1::SendRequest { message: message.as_bytes().to_vec() };
        erp.window.ceb().send(request).await
    };
    let faults = until_answered(send).await.faults;
    assert!(faults.is_empty(), "{faults:?}");
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the faults")]
#[tokio::test(flavor = "multi_thread")]
async fn every_national_document_is_answered_once_whatever_is_killed() {
    let kills = 8_usize;
    let mut sandbox = Sandbox::alone(&["--no-agencies"]).await;
    sandbox.may_log_errors = true;
    let _agencies = ["customs", "quarantine", "site"].map(|name| agency(&sandbox, name));
    let erp = Arc::new(Erp::of(&sandbox).await);

    let imports: Vec<Import> = (0..IMPORTS)
        .map(|number| {
            // One person may buy for 26,000 a year.
            let person = person(&format!("11010119900307{number:03}"));
            import(&format!("QDKILL-{number}")).bought_by(&person)
        })
        .collect();
    let mut messages = Vec::new();
    for some in imports.chunks(TOGETHER) {
        let of = |document: fn(&Import) -> Document| some.iter().map(document).collect::<Vec<_>>();
        // The inventory comes first, in the middle, or last.
        let kinds =
            [of(Import::inventory), of(Import::order), of(Import::payment), of(Import::waybill)];
        let first = messages.len() % 4;
        messages.extend((0..4).map(|n| erp.message(&kinds[(first + n) % 4])));
    }
    let count = messages.len();
    let sent = Arc::new(AtomicU64::new(0));
    let load = tokio::spawn({
        let (erp, sent) = (Arc::clone(&erp), Arc::clone(&sent));
        async move {
            for message in messages {
                send(&erp, &message).await;
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    for kill in 1..=kills {
        let due = u64::try_from(count * kill / (kills + 1)).unwrap_or_default();
        eventually("work goes on after a kill", PATIENCE, async || {
            let sent = sent.load(Ordering::Relaxed);
            if sent < due { Err(sent) } else { Ok(()) }
        })
        .await;
        sandbox.kill();
        sandbox.spawn();
        sandbox.ready().await;
    }
    load.await.expect("all was sent");
    // Once more after all was taken, while customs still works.
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;

    for import in &imports {
        erp.hears(622, &import.inventory.head.cop_no, 899).await;
    }
    let mut books: HashMap<(u32, String), Vec<i32>> = HashMap::new();
    let mut last = 0;
    for message in erp.log().await {
        assert!(message.position > last, "positions grow");
        last = message.position;
        for receipt in message.receipts {
            let book = books.entry((message.message_type, receipt.key)).or_default();
            book.push(receipt.return_status);
        }
    }
    let told = |kind: u32, key: String| books.get(&(kind, key)).cloned().unwrap_or_default();
    for import in &imports {
        let head = &import.inventory.head;
        let inventory = told(622, format!("{} {}", head.ebc_code, head.order_no));
        assert_eq!(inventory, [2, 3, 120, 399, 800, 899], "{}", head.order_no);
        let order = told(312, format!("{} {}", head.ebc_code, head.order_no));
        assert_eq!(order, [2, 3, 120], "{}", head.order_no);
        let pay = &import.payment.head;
        let payment = told(412, format!("{} {}", pay.pay_code, pay.pay_transaction_id));
        assert_eq!(payment, [2, 3, 120], "{}", head.order_no);
        let waybill = told(512, format!("{} {}", head.logistics_code, head.logistics_no));
        assert_eq!(waybill, [2, 3, 120], "{}", head.order_no);
    }
    println!("{IMPORTS} imports, {count} messages, {} kills: every receipt once", kills + 1);
}
