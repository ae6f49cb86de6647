//! What was acknowledged before a moment is there after everything was lost and restored to that moment.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proto::v1;
use rustix::process::{Signal, kill_process, kill_process_group, test_kill_process};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::Code;

use super::command_line::shown;
use crate::harness::people::{export, filing};
use crate::harness::{PATIENCE, Sandbox, binary, eventually};

/// A declaration that was filed: when it was sent, when its receipt came, and its name.
struct Filed {
    sent: OffsetDateTime,
    acknowledged: OffsetDateTime,
    name: String,
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock, which PostgreSQL has too")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Those who file: whether they shall stop, and how much all of them have filed.
#[derive(Default)]
struct Filing {
    stops: AtomicBool,
    count: AtomicUsize,
}

impl Filing {
    /// Waits until so many more were filed.
    async fn goes_on(&self, more: usize) {
        let wanted = self.count.load(Ordering::Relaxed) + more;
        eventually("so many more are filed", PATIENCE, async || {
            let count = self.count.load(Ordering::Relaxed);
            if count >= wanted { Ok(()) } else { Err(count) }
        })
        .await;
    }
}

/// Files one after the other until told to stop, or until nobody answers.
async fn files(window: client::Window, who: usize, filing_of_all: Arc<Filing>) -> Vec<Filed> {
    let (mut declarations, mut filed) = (window.declarations(), Vec::new());
    while !filing_of_all.stops.load(Ordering::Relaxed) {
        let order = format!("QD-BACKUP-{who}-{}", filed.len());
        let sent = now();
        let Ok(answer) = declarations.submit(filing(export(&order))).await else { break };
        let name = answer.into_inner().name;
        filed.push(Filed { sent, acknowledged: now(), name });
        filing_of_all.count.fetch_add(1, Ordering::Relaxed);
    }
    filed
}

fn receiver(sandbox: &Sandbox, backups: &Path) -> Child {
    let mut command = Command::new(binary());
    command
        .arg("backup")
        .arg(backups)
        .args(["--receive", "--data-dir"])
        .arg(sandbox.directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // PostgreSQL's receiver is a child of it, and dies with its group.
    command.process_group(0);
    command.spawn().expect("the binary starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_is_restored_with_all_that_was_acknowledged_before() {
    let mut sandbox = Sandbox::alone(&[]).await;
    (sandbox.may_log_errors, sandbox.may_leave_work) = (true, true);
    let place = crate::harness::data_dir();
    let backups = place.path().join("backups");
    let path = backups.to_str().expect("a path").to_owned();
    let mut receiver = receiver(&sandbox, &backups);
    let filing_of_all = Arc::new(Filing::default());
    let mut load = tokio::task::JoinSet::new();
    for who in 0..4 {
        let window = sandbox.connect("agent").await;
        load.spawn(files(window, who, Arc::clone(&filing_of_all)));
    }
    // A copy that is made while everybody files, and one that another replaces.
    for _ in 0..2 {
        let copied = sandbox.command(&["backup", &path, "--keep", "1"]);
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    }
    let listed = sandbox.command(&["backup", &path, "--list"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 1, "one is kept");
    filing_of_all.goes_on(40).await;
    let moment = now();
    filing_of_all.goes_on(40).await;

    // Everything dies at once, and the disk with it.
    let postgres = sandbox.postgres().expect("it runs");
    sandbox.kill();
    kill_process(postgres, Signal::KILL).expect("it is ours");
    let group = rustix::process::Pid::from_child(&receiver);
    kill_process_group(group, Signal::KILL).expect("it is ours");
    receiver.wait().expect("it was killed");
    filing_of_all.stops.store(true, Ordering::Relaxed);
    let filed: Vec<Filed> = load.join_all().await.into_iter().flatten().collect();
    let start = Instant::now();
    while test_kill_process(postgres).is_ok() && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_dir_all(sandbox.directory.path().join("pg")).expect("it is ours");

    let until = moment.format(&Rfc3339).expect("a time");
    let restored = sandbox.command(&["restore", &path, "--until", &until]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let again = sandbox.command(&["restore", &path]);
    assert_eq!(again.status.code(), Some(2), "there is a database now");
    sandbox.spawn();
    sandbox.ready().await;
    let mut declarations = sandbox.connect("admin").await.declarations();
    let (mut before, mut after) = (0, 0);
    for Filed { sent, acknowledged, name } in &filed {
        let request = v1::GetRequest { name: name.clone(), ..Default::default() };
        let found = declarations.get(request).await;
        if *acknowledged < moment {
            before += 1;
            let record = found.expect("it was acknowledged before").into_inner().record;
            assert_eq!(&record.expect("a record").name, name);
        } else if *sent > moment {
            after += 1;
            assert_eq!(found.expect_err("it came later").code(), Code::NotFound);
        }
    }
    println!("{before} before the moment are there, {after} after it are not");
    assert!(before > 20 && after > 20, "{before} before, {after} after");
    for verify in [&["verify", "ledger"][..], &["verify"]] {
        let verified = sandbox.command(verify);
        assert!(verified.status.success(), "{verify:?}: {}", shown(&verified));
    }
    // It goes on from there.
    let mut declarations = sandbox.connect("agent").await.declarations();
    declarations.submit(filing(export("QD-BACKUP-AFTER"))).await.expect("it is filed");
}
