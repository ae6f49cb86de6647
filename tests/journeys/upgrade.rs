//! A window of the version before and one of this version meet on one database, under load, and the way back is
//! open until the tables are contracted. docs/upgrading.md says what is promised and what runs here.
//!
//! The version before is this program, and the tables after it are its own with what an expanding migration may do.
//! With `SW_PREVIOUS=/path/to/single-window` a real older program is the version before instead, and the tables after
//! it are those of this program.

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proto::v1;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use store::migration::{Extent, migrate};

use crate::faults::{books_are_right, until_answered};
use crate::harness::people::{export, filing};
use crate::harness::{PATIENCE, Sandbox, binary, eventually, output};

/// What the next version may do to the tables of declarations while this one works on them, and what it does when
/// this one is gone.
fn next_version(with_contract: bool) -> Migrator {
    let expand = "create table later (slot smallint primary key, note text);\n\
                  alter table declaration add column later_note text;\n\
                  alter table joint_inspection add column later_count integer not null default 0;";
    let index = "-- no-transaction\n\
                 create index concurrently declaration_later on declaration (slot, later_note);";
    let contract = "alter table declaration drop column later_note;";
    let of = |version, name: &'static str, sql: &'static str| {
        let by_itself = sql.starts_with("-- no-transaction");
        let (name, kind) = (Cow::Borrowed(name), MigrationType::Simple);
        Migration::new(version, name, kind, sql.into_sql_str(), by_itself)
    };
    let mut all: Vec<Migration> = declaration_tables().iter().cloned().collect();
    all.extend([of(901, "later columns", expand), of(902, "later index", index)]);
    all.extend(with_contract.then(|| of(903, "contract later columns", contract)));
    Migrator::with_migrations(all)
}

fn declaration_tables() -> &'static Migrator {
    static TABLES: Migrator = sqlx::migrate!("../migrations/declaration");
    &TABLES
}

/// People who file without end, now at one window, now at the other, as long as these serve.
struct Load {
    stop: Arc<AtomicBool>,
    filed: Arc<AtomicUsize>,
    names: Arc<Mutex<Vec<String>>>,
    tasks: tokio::task::JoinSet<()>,
}

impl Load {
    fn begin(windows: &[client::Window]) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            filed: Arc::default(),
            names: Arc::default(),
            tasks: tokio::task::JoinSet::new(),
        };
        for who in 0..4_usize {
            let windows = windows.to_vec();
            let (stop, filed) = (Arc::clone(&load.stop), Arc::clone(&load.filed));
            let names = Arc::clone(&load.names);
            load.tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = filed.fetch_add(1, Ordering::Relaxed);
                    let script = if number.is_multiple_of(5) { "SBX-TWICE" } else { "QD" };
                    let request =
                        filing(export(&format!("{script}-UPGRADE-{}-{number}", windows.len())));
                    let mut turns = (who + number..).map(|turn| &windows[turn % windows.len()]);
                    let receipt = until_answered(|| {
                        let (window, request) = (turns.next().expect("no end"), request.clone());
                        async move { window.declarations().submit(request).await }
                    })
                    .await;
                    names.lock().unwrap_or_else(PoisonError::into_inner).push(receipt.name);
                }
            });
        }
        load
    }

    async fn goes_on(&self) {
        let acknowledged = || self.names.lock().unwrap_or_else(PoisonError::into_inner).len();
        let before = acknowledged();
        eventually("work goes on", PATIENCE, async || {
            if acknowledged() >= before + 25 { Ok(()) } else { Err(acknowledged() - before) }
        })
        .await;
    }

    async fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.expect("every request was answered");
        }
        std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn text_and_exit(command: &mut Command) -> (String, Option<i32>) {
    let output = output(command);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("it is text"), output.status.code())
}

/// This program's `migrate` on the database of a sandbox.
fn migrates(sandbox: &Sandbox, args: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.arg("migrate").args(args).args(["--database-url", &sandbox.database_url()]);
    command.arg("--data-dir").arg(sandbox.directory.path());
    let (text, exit) = text_and_exit(&mut command);
    assert_eq!(exit, Some(0), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_works_on_expanded_tables_and_not_on_contracted_ones() {
    let previous = std::env::var_os("SW_PREVIOUS").map(PathBuf::from);
    let is_real = previous.is_some();
    let mut before = Sandbox::process(&["--no-agencies"]).await;
    before.may_log_errors = true;
    if is_real {
        assert_eq!(before.stop(), Some(Ok(())));
        before.program = previous.into_iter().map(Into::into).collect();
        before.spawn();
        before.ready().await;
    }
    let _agencies =
        ["customs", "quarantine", "site"].map(|name| crate::faults::agency(&before, name));
    let first = before.connect("agent").await;
    let load = Load::begin(std::slice::from_ref(&first));
    load.goes_on().await;

    // The tables are expanded while the version before works on them.
    println!("{}", migrates(&before, &["--plan"]).trim_end());
    migrates(&before, &[]);
    let tables = before.database_options();
    if !is_real {
        let next = next_version(false);
        let expanded = migrate(&tables, "declaration", &next, Extent::Expanding).await;
        expanded.expect("nobody is in the way for long");
    }
    load.goes_on().await;
    let mut names = load.end().await;

    // Both versions serve.
    let args = ["--no-agencies", "--inspection-service-name", "next", "--gateway-name", "next"];
    let more = ["--payment-service-name", "next", "--refund-service-name", "next"];
    let mut after = before.beside(&[&args[..], &more].concat()).await;
    after.may_log_errors = true;
    let second = after.connect("agent").await;
    let load = Load::begin(&[first.clone(), second.clone()]);
    load.goes_on().await;
    // The version before drains; whoever spoke to it turns to the other.
    assert_eq!(before.stop(), Some(Ok(())));
    load.goes_on().await;
    // One step back: it starts on the newer tables, and the newer version leaves.
    before.spawn();
    before.ready().await;
    load.goes_on().await;
    assert_eq!(after.stop(), Some(Ok(())));
    load.goes_on().await;
    names.extend(load.end().await);

    let admin = crate::harness::people::Enterprise(before.connect("admin").await);
    for name in &names {
        admin.sees(name, v1::State::Released).await;
    }
    books_are_right(&before).await;
    println!("{} declarations, each released once, through two versions and back", names.len());
    if is_real {
        return;
    }

    // Contracted tables are for the next version only: expanding leaves that step out, and after it the
    // version before says why it does not start.
    let next = next_version(true);
    let expanding = migrate(&tables, "declaration", &next, Extent::Expanding).await;
    expanding.expect("there is nothing to do");
    assert_eq!(before.stop(), Some(Ok(())));
    before.spawn();
    before.ready().await;
    let pending = store::migration::pending(&tables, "declaration", &next).await;
    let pending: Vec<i64> = pending.expect("it answers").iter().map(|it| it.version).collect();
    assert_eq!(pending, [903]);
    assert_eq!(before.stop(), Some(Ok(())));
    let contracted = migrate(&tables, "declaration", &next, Extent::Contracting).await;
    contracted.expect("nobody is left");
    let (text, exit) = text_and_exit(
        Command::new(binary())
            .args(["migrate", "--plan", "--database-url", &before.database_url(), "--data-dir"])
            .arg(before.directory.path()),
    );
    assert_ne!(exit, Some(0), "{text}");
    assert!(text.contains("contracted by a later version (migration 903"), "{text}");
    before.spawn();
    assert!(before.wait().is_some_and(|ended| ended.is_err()), "it does not start on them");
}
