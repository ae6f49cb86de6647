//! What the system does to the process: no descriptors, numbers given anew, signals, and other users.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually};
use crate::meter::{self, pid};
use crate::wire::tcp;

/// What it logged so far.
fn log_of(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.log()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_descriptors_is_no_death_of_anybody() {
    let _turn = crate::alone().await;
    let mut sandbox = Sandbox::alone(&[]).await;
    // Services that cannot connect for want of a descriptor say so.
    sandbox.may_log_errors = true;
    // The next window adopts the database, and has to look at it from outside.
    sandbox.kill();
    let postgres = sandbox.postgres().expect("it runs on");
    sandbox.spawn();
    sandbox.ready().await;
    let admin = sandbox.connect("admin").await;
    let mut readers = Vec::new();
    for name in ["admin", "agent", "enterprise-a", "enterprise-b"] {
        readers.push(sandbox.connect(name).await);
    }
    let usual = getrlimit(Resource::Nofile);

    // A crowd takes more than is left. The database has few connections to a window that has just begun: those
    // who read at once need more of them, which need a descriptor each.
    let attack = async {
        leave(&sandbox, 16);
        let mut crowd = Vec::new();
        for _ in 0..64 {
            crowd.push(tcp(&sandbox.config("agent")).await.expect("the system takes it"));
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(3) {
            let page = || proto::v1::ListRequest { page_size: 1, ..Default::default() };
            let reads = readers.iter().flat_map(|window| [window, window]).map(async |window| {
                window.declarations().list(page()).await.expect("who is let in is served")
            });
            join_all(reads).await;
        }
    };
    meter::beside(&sandbox, "a crowd for the last descriptors", attack).await;
    assert!(log_of(&sandbox).contains("was not accepted"), "the attack had its effect");

    // Nothing is left at all. Nine looks at the database would have been nine deaths.
    leave(&sandbox, 0);
    let crowd = tcp(&sandbox.config("agent")).await.expect("the system takes it");
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(crowd);
    prlimit(Some(window_of(&sandbox)), Resource::Nofile, usual).expect("ours");
    eventually("it serves on", PATIENCE, async || {
        let request = proto::v1::ListRequest { page_size: 1, ..Default::default() };
        admin.declarations().list(request).await.map(drop).map_err(|status| format!("{status:?}"))
    })
    .await;
    sandbox.connect("customs").await;
    assert_eq!(sandbox.postgres(), Some(postgres), "the database was left alone");
    let log = log_of(&sandbox);
    assert!(!log.contains("PostgreSQL died"), "{log}");
}

fn window_of(sandbox: &Sandbox) -> Pid {
    Pid::from_raw(pid(sandbox).try_into().expect("small")).expect("not zero")
}

/// Lets the window have so many more descriptors than it has.
fn leave(sandbox: &Sandbox, more: u64) {
    let open = std::fs::read_dir(format!("/proc/{}/fd", pid(sandbox))).expect("ours").count();
    let (current, maximum) = (Some(open as u64 + more), getrlimit(Resource::Nofile).maximum);
    prlimit(Some(window_of(sandbox)), Resource::Nofile, Rlimit { current, maximum }).expect("ours");
}

/// Somebody else with the number of a server that is gone; a process of the same user.
struct Stranger(std::process::Child);

impl Stranger {
    fn of_user(uid: u32, gid: u32) -> Self {
        let mut command = Command::new("sleep");
        command.arg("120").stdin(Stdio::null()).stdout(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(uid).gid(gid);
        }
        Self(command.spawn().expect("sleep is everywhere"))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_passed_on_to_somebody_else_keeps_nothing_from_starting() {
    let _turn = crate::alone().await;
    let mut sandbox = Sandbox::alone(&[]).await;
    sandbox.kill();
    let postgres = sandbox.postgres().expect("it runs on");
    kill_process(postgres, Signal::KILL).expect("ours");
    let start = Instant::now();
    while Path::new(&format!("/proc/{}/cmdline", postgres.as_raw_pid())).exists() {
        assert!(start.elapsed() < PATIENCE, "it does not go");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pg = sandbox.directory.path().join("pg");
    let about = std::fs::metadata(&pg).expect("there");
    let mut stranger = Stranger::of_user(about.uid(), about.gid());
    let record = std::fs::read_to_string(pg.join("postmaster.pid")).expect("left behind");
    let (_, rest) = record.split_once('\n').expect("lines");
    let stale = format!("{}\n{rest}", stranger.0.id());
    std::fs::write(pg.join("postmaster.pid"), stale).expect("ours");

    // The control: PostgreSQL by itself takes the number for its predecessor.
    if let Some(said) = by_itself(&pg, about.uid(), about.gid()) {
        assert!(said.contains("postmaster.pid\" already exists"), "{said}");
    }
    sandbox.spawn();
    sandbox.ready().await;
    assert!(stranger.0.try_wait().expect("ours").is_none(), "nobody else was ended");
}

/// What the server says when it is started without us; `None` where its programs are not found.
fn by_itself(pg: &Path, uid: u32, gid: u32) -> Option<String> {
    let version = std::fs::read_to_string(pg.join("PG_VERSION")).expect("a cluster");
    let usual = format!("/usr/lib/postgresql/{}/bin/postgres", version.trim());
    let program = Some(usual).filter(|program| Path::new(program).exists())?;
    let mut command = Command::new(program);
    command.arg("-D").arg(pg).current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(uid).gid(gid);
    }
    let output = command.output().expect("it ends by itself");
    assert!(!output.status.success());
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_nothing_and_an_end_is_orderly_in_every_state() {
    let _turn = crate::alone().await;
    let mut sandbox = Sandbox::alone(&[]).await;
    let window = Pid::from_raw(pid(&sandbox).try_into().expect("small")).expect("not zero");
    // It looks at its files again, and what cannot be read is not taken over: once since it changed, once since it
    // was told to.
    sandbox.may_log_errors = true;
    let registry = sandbox.directory.path().join("identities/registry.json");
    std::fs::write(registry, "{").expect("ours");
    for times in 1..=2 {
        eventually("the file is looked at", PATIENCE, async || {
            let log = log_of(&sandbox);
            let found = log.matches("what was good before still counts").count();
            if found == times { Ok(()) } else { Err(log) }
        })
        .await;
        if times == 1 {
            kill_process(window, Signal::HUP).expect("ours");
        }
    }
    sandbox.connect("admin").await;

    // Told twice while a stream keeps it from ending.
    let watching = sandbox.connect("agent").await;
    let request = tonic_health::pb::HealthCheckRequest::default();
    let mut health = tonic_health::pb::health_client::HealthClient::new(watching.channel());
    let _news = health.watch(request).await.expect("it serves");
    let postgres = sandbox.postgres().expect("it runs");
    kill_process(window, Signal::TERM).expect("ours");
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill_process(window, Signal::TERM).expect("ours");
    assert_eq!(sandbox.wait(), Some(Ok(())));
    assert!(!Path::new(&format!("/proc/{}", postgres.as_raw_pid())).exists(), "left running");
}

/// The server of a data directory, when one runs.
fn postgres_in(directory: &Path) -> Option<Pid> {
    let record = std::fs::read_to_string(directory.join("pg/postmaster.pid")).ok()?;
    Pid::from_raw(record.lines().next()?.trim().parse().ok()?)
}

#[test]
fn an_end_while_it_starts_leaves_nothing_running() {
    let _turn = crate::TURN.blocking_lock();
    // Amid making the cluster, and as soon as its server runs.
    for (signal, begun) in [(Signal::INT, "pg.tmp"), (Signal::TERM, "pg/postmaster.pid")] {
        let directory = data_dir();
        let at = |name: &str| directory.path().join(name);
        let log = std::fs::File::create(at("log")).expect("ours");
        let mut process = Command::new(binary())
            .args(["sandbox", "--quiet", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let start = Instant::now();
        let made = || {
            let entries = std::fs::read_dir(directory.path()).into_iter().flatten().flatten();
            let mut names = entries.map(|entry| entry.file_name());
            at(begun).exists() || names.any(|name| name.to_string_lossy().starts_with(begun))
        };
        while !made() {
            assert!(start.elapsed() < PATIENCE, "{begun} does not come");
            std::thread::sleep(Duration::from_millis(1));
        }
        let pid = Pid::from_raw(process.id().try_into().expect("small")).expect("not zero");
        kill_process(pid, signal).expect("ours");
        let ended = process.wait().expect("ours");
        let log = std::fs::read_to_string(at("log")).unwrap_or_default();
        let postgres = postgres_in(directory.path());
        if let Some(postgres) = postgres {
            kill_process(postgres, Signal::KILL).expect("ours");
        }
        assert_eq!(postgres, None, "{begun}: PostgreSQL runs on\n{log}");
        assert!(ended.success(), "{begun}: {ended}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_window_keeps_is_for_itself_only() {
    let _turn = crate::alone().await;
    // A directory that everybody may enter, as an older window left it.
    let directory = data_dir();
    let left = directory.path().join("postgres.log");
    std::fs::write(&left, "").expect("ours");
    std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let sandbox = Sandbox::in_directory(directory, &[]).await;
    let mode = |path: &Path| std::fs::symlink_metadata(path).expect("there").mode() & 0o777;
    let root = sandbox.directory.path();
    // As root, the server's user has to get through.
    let most = if rustix::process::geteuid().is_root() { 0o710 } else { 0o700 };
    assert_eq!(mode(root) & !most, 0, "{:o}", mode(root));
    let mut folders = vec![root.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("ours") {
            let entry = entry.expect("readable");
            let (path, kind) = (entry.path(), entry.file_type().expect("known"));
            // The log is the test's own, opened before the window was there.
            if kind.is_symlink() || path == root.join("log") {
                continue;
            }
            if kind.is_dir() {
                folders.push(path.clone());
            }
            let most = if kind.is_dir() || !kind.is_file() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path) & !most & 0o077, 0, "{}: {:o}", path.display(), mode(&path));
            seen += 1;
        }
    }
    assert!(seen > 100, "the cluster was looked at too");
}
