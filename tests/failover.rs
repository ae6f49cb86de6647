//! The host of the database that leads dies under load, Patroni makes another one lead, and nothing that was
//! acknowledged is lost: three hosts with PostgreSQL, Patroni and etcd as `deploy/ha` sets them up, and one with the
//! window and haproxy.
//!
//! `SW_FAILOVERS=3 cargo test --package tests --test main -- failover --nocapture`, as root, with Debian's packages
//! patroni, etcd-server and haproxy; about a minute for each.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::v1;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::faults::{acknowledged_are_there, agency_on, rows_are_right};
use crate::harness::hosts::{Hosts, give_to_postgres, postgres_programs};
use crate::harness::people::{Enterprise, export, filing};
use crate::harness::{Sandbox, data_dir, eventually, workspace};

/// Milliseconds that a packet is under way: machines of one site.
const DELAY: u32 = 1;
const DATABASES: [&str; 3] = ["db1", "db2", "db3"];
const PATIENCE: Duration = Duration::from_secs(180);
/// Of every role; the hosts have no other way in than each other.
const PASSWORD: &str = "secret";

/// Three hosts with the database.
struct Cluster {
    hosts: Hosts,
    directory: tempfile::TempDir,
}

impl Cluster {
    fn of(&self, host: &str) -> PathBuf {
        self.directory.path().join(host)
    }

    /// A file of `deploy/ha` for a host.
    fn configure(&self, host: &str, name: &str) -> PathBuf {
        let text = std::fs::read_to_string(workspace().join("deploy/ha").join(name));
        let text = text
            .expect("the file is there")
            .replace("NAME", host)
            .replace("DIRECTORY", self.of(host).to_str().expect("a path"))
            .replace("BIN", postgres_programs().to_str().expect("a path"))
            .replace("PASSWORD", PASSWORD);
        let file = self.of(host).join(name);
        std::fs::write(&file, text).expect("the directory is ours");
        file
    }

    fn prepare(&self) {
        for host in DATABASES {
            std::fs::create_dir(self.of(host)).expect("ours");
            self.configure(host, "etcd.conf.yml");
            self.configure(host, "patroni.yml");
            give_to_postgres(&self.of(host));
        }
    }

    /// Starts etcd and Patroni on a host.
    fn start(&self, host: &str) -> [Child; 2] {
        let log = |name: &str| {
            let options = std::fs::OpenOptions::new().create(true).append(true).clone();
            options.open(self.of(host).join(name)).expect("the log can be written")
        };
        let mut etcd = self.hosts.as_postgres(host, "etcd");
        etcd.arg("--config-file").arg(self.of(host).join("etcd.conf.yml")).stderr(log("etcd.log"));
        let mut patroni = self.hosts.as_postgres(host, "patroni");
        patroni
            .arg(self.of(host).join("patroni.yml"))
            .stdout(log("patroni.log"))
            .stderr(log("patroni.log"));
        [etcd, patroni].map(|mut it| it.spawn().expect("Debian's packages are installed"))
    }

    /// What Patroni on a host says to a question, with the status; nothing when it does not answer.
    async fn asks(&self, host: &str, what: &str) -> Option<(String, String)> {
        let address = format!("{}:8008", self.hosts.address(host));
        let asked = async {
            let mut stream = TcpStream::connect(address).await.ok()?;
            let request = format!("GET /{what} HTTP/1.0\r\nHost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.ok()?;
            let (head, body) = text.split_once("\r\n\r\n")?;
            Some((head.to_owned(), body.to_owned()))
        };
        tokio::time::timeout(Duration::from_secs(2), asked).await.ok()?
    }

    async fn leader(&self) -> Option<&'static str> {
        for host in DATABASES {
            let answer = self.asks(host, "primary").await;
            if answer.is_some_and(|(head, _)| head.contains(" 200 ")) {
                return Some(host);
            }
        }
        None
    }

    /// Waits until all three are there and one of them has every commit that the leader has.
    async fn is_whole(&self) {
        eventually("the cluster is whole", PATIENCE, async || {
            let mut seen = String::new();
            for host in DATABASES {
                if let Some((_, body)) = self.asks(host, "cluster").await {
                    seen = body;
                    break;
                }
            }
            let runs = seen.matches(r#""state": "running""#).count()
                + seen.matches(r#""state": "streaming""#).count();
            if runs == 3 && seen.contains("sync_standby") {
                return Ok(());
            }
            Err((seen, self.log()))
        })
        .await;
    }

    fn log(&self) -> String {
        let end = |host: &str| {
            let file = self.of(host).join("patroni.log");
            let text = std::fs::read_to_string(file).unwrap_or_default(); // why: it logged nothing
            let lines: Vec<&str> = text.lines().rev().take(4).collect();
            format!("{host}: {}", lines.join("\n     "))
        };
        DATABASES.map(end).join("\n")
    }

    async fn make_database(&self) {
        let leader = eventually("somebody leads", PATIENCE, async || {
            self.leader().await.ok_or_else(|| self.log())
        })
        .await;
        for command in [
            format!("create role single_window login password '{PASSWORD}'"),
            "create database single_window owner single_window".to_owned(),
        ] {
            let mut psql = self.hosts.as_postgres(leader, postgres_programs().join("psql"));
            psql.arg("-h").arg(self.of(leader)).args(["-d", "postgres", "-c", &command]);
            let done = psql.stderr(Stdio::inherit()).status().expect("psql starts");
            assert!(done.success(), "{command}");
        }
    }
}

/// Where the window finds whoever leads: haproxy on its own host.
fn database() -> PgConnectOptions {
    let options = PgConnectOptions::new().host("127.0.0.1").port(5432).username("single_window");
    options
        .password(PASSWORD)
        .database("single_window")
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
}

/// Files one after the other; keeps what was acknowledged, and when.
#[derive(Default)]
struct Load {
    receipts: Mutex<HashMap<String, String>>,
    times: Mutex<Vec<Instant>>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    fn count(&self) -> usize {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn file(self: Arc<Self>, window: client::Window) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let request = filing(export(&format!("QD-FAILOVER-{number}")));
            let name = loop {
                match window.declarations().submit(request.clone()).await {
                    Ok(answer) => break answer.into_inner().name,
                    Err(status) if proto::status::is_worth_repeating(status.code()) => {}
                    Err(status) => panic!("{status:?}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
            receipts.insert(request.request_id, name);
            self.times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
    }

    /// The longest time since then in which nothing was acknowledged.
    fn longest_gap(&self, since: Instant) -> Duration {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let after: Vec<_> = times.iter().filter(|time| **time >= since).collect();
        let first = after.first().map_or(Duration::MAX, |time| time.duration_since(since));
        let gaps = after.windows(2).map(|pair| pair[1].duration_since(*pair[0]));
        gaps.max().unwrap_or_default().max(first) // why: one has no gap to another
    }
}

#[test]
fn the_database_that_leads_dies_and_nothing_acknowledged_is_lost() {
    let failovers = std::env::var("SW_FAILOVERS").ok().and_then(|it| it.parse::<usize>().ok());
    let Some(failovers) = failovers else {
        println!("skipped: SW_FAILOVERS=3 kills the host of the database so many times");
        return;
    };
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !["patroni", "etcd", "haproxy"].into_iter().all(there) {
        println!("skipped: Debian's packages patroni, etcd-server and haproxy are not installed");
        return;
    }
    let Some(hosts) = Hosts::start(&[&DATABASES[..], &["window"]].concat(), DELAY) else { return };
    let cluster = Cluster { hosts, directory: data_dir() };
    cluster.prepare();
    let cluster = &cluster;
    cluster.hosts.on("window", || fail_over(cluster, failovers));
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the faults")]
async fn fail_over(cluster: &Cluster, failovers: usize) {
    let mut running: HashMap<&str, [Child; 2]> =
        DATABASES.into_iter().map(|host| (host, cluster.start(host))).collect();
    cluster.make_database().await;
    cluster.is_whole().await;
    let mut proxy = cluster.hosts.command("window", "haproxy");
    let mut proxy =
        proxy.arg("-f").arg(workspace().join("deploy/ha/haproxy.cfg")).spawn().expect("it starts");
    eventually("haproxy knows who leads", PATIENCE, async || database().connect().await.map(drop))
        .await;

    let url =
        format!("postgres://single_window:{PASSWORD}@127.0.0.1:5432/single_window?sslmode=disable");
    let prefix = cluster.hosts.prefix("window");
    let mut sandbox = Sandbox::on_host(&prefix, &["--no-agencies", "--database-url", &url]).await;
    (sandbox.may_log_errors, sandbox.may_leave_work) = (true, true);
    let _agencies =
        ["customs", "quarantine", "site"].map(|name| agency_on(&prefix, &sandbox, name));
    let load = Arc::new(Load::default());
    let mut filing = tokio::task::JoinSet::new();
    for _ in 0..8 {
        filing.spawn(Arc::clone(&load).file(sandbox.connect("agent").await));
    }
    let progress = async |by: usize| {
        let from = load.count();
        eventually("work goes on", PATIENCE, async || {
            if load.count() >= from + by {
                Ok(())
            } else {
                Err((load.count() - from, cluster.log()))
            }
        })
        .await;
    };
    progress(100).await;
    for number in 1..=failovers {
        let leader = cluster.leader().await.expect("somebody leads");
        let begin = Instant::now();
        cluster.hosts.kill(leader);
        for mut process in running.remove(leader).into_iter().flatten() {
            process.wait().expect("it was killed");
        }
        progress(100).await;
        let outage = load.longest_gap(begin);
        let next = cluster.leader().await.expect("somebody leads");
        assert_ne!(next, leader, "another one leads");
        println!(
            "failover {number}: {leader} died, {next} leads, nothing was acknowledged for {outage:?}"
        );
        assert!(outage < Duration::from_secs(90), "{outage:?}");
        running.insert(leader, cluster.start(leader));
        cluster.is_whole().await;
        progress(50).await;
    }
    load.stop.store(true, Ordering::Relaxed);
    while let Some(done) = filing.join_next().await {
        done.expect("every request was answered");
    }
    let receipts = load.receipts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let options = database().options([("search_path", "declaration")]);
    let mut rows = options.connect().await.expect("PostgreSQL answers");
    acknowledged_are_there(&mut rows, &receipts).await;
    let admin = Enterprise(sandbox.connect("admin").await);
    for name in receipts.values() {
        admin.sees(name, v1::State::Released).await;
    }
    rows_are_right(&mut rows).await;
    println!("{} declarations acknowledged over {failovers} failovers, none lost", receipts.len());
    drop(rows);
    assert_eq!(sandbox.stop(), Some(Ok(())));
    proxy.kill().expect("it is our child");
    proxy.wait().expect("it was killed");
    for host in DATABASES {
        cluster.hosts.kill(host);
    }
    for mut process in running.into_values().flatten() {
        process.wait().expect("it was killed");
    }
}
