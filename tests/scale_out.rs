//! Every service twice, in processes of their own, on two hosts with 20 ms between any two hosts; either half dies in
//! the middle of work and comes back, and the books are right afterwards.
//!
//! `SW_HOSTS=1 cargo test --package tests --test main -- scale_out --nocapture`, as root; some two minutes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{Config, Consumer, ConsumerAnswer, Handler, Window};
use proto::v1::{self, fact::Kind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use crate::faults::{rows_are_right, until_answered};
use crate::harness::hosts::{Hosts, give_to_postgres, postgres_programs};
use crate::harness::people::{export, filing};
use crate::harness::{binary, data_dir, eventually, output};

/// Milliseconds that a packet is under way, in either direction.
const DELAY: u32 = 20;
/// Either half of the services.
const HALVES: [&str; 2] = ["window1", "window2"];
const PATIENCE: Duration = Duration::from_secs(120);
/// Services, their ports, and as whom they call the declaration service.
const SERVICES: [(&str, u16, &str); 6] = [
    ("declaration", 7443, ""),
    ("inspection", 7444, "inspection-service"),
    ("payment", 7445, "payment-service"),
    ("refund", 7446, "refund-service"),
    ("ceb", 7447, "gateway"),
    ("webhooks", 7448, "webhook-service"),
];

/// What all processes share: certificates, registry, keys.
struct Site {
    hosts: Hosts,
    directory: tempfile::TempDir,
}

impl Site {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn identity(&self, name: &str) -> PathBuf {
        self.file("identities").join(name)
    }

    /// Certificates of callers are those of a sandbox, the registry is without what only sandboxes allow.
    fn prepare(&self) {
        #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
        let now = time::OffsetDateTime::now_utc();
        window::certificates::ensure(&self.file("identities"), now).expect("they are made");
        let registry =
            std::fs::read_to_string(self.identity("registry.json")).expect("it is there");
        let mut callers: Vec<serde_json::Value> = serde_json::from_str(&registry).expect("JSON");
        let codes: Vec<String> = (0..8).map(|number| format!("37029{number:05}")).collect();
        // Nothing is examined here.
        callers.retain(|caller| caller["kind"] != "site");
        for caller in &mut callers {
            for (key, real) in [("mandates", &codes[..]), ("dxp_ids", &[][..])] {
                if caller[key].to_string().contains('*') {
                    caller[key] = serde_json::json!(real);
                }
            }
        }
        let registry = serde_json::to_string(&callers).expect("JSON");
        std::fs::write(self.file("registry.json"), registry).expect("ours");
        // One certificate for all processes: they are one window.
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.distinguished_name.push(DnType::CommonName, "authority of these hosts");
        let key = || KeyPair::generate().expect("random bytes");
        let authority = CertifiedIssuer::self_signed(authority, key()).expect("it signs itself");
        let mut names = vec!["window".to_owned()];
        names.extend(HALVES.map(|half| self.hosts.address(half)));
        let own = key();
        let certificate = CertificateParams::new(names).expect("names").signed_by(&own, &authority);
        let certificate = certificate.expect("it is signed").pem();
        self.write("authority.pem", &authority.pem());
        self.write("window.pem", &certificate);
        self.write("window.key", &own.serialize_pem());
        // Every process has the same keys of what is kept; they would not agree on new ones.
        let mut made = Command::new(binary());
        made.arg("add-data-key").arg("--data-keys").arg(self.file("data-keys"));
        assert!(output(&mut made).status.success(), "keys are made");
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("the directory is ours");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.file(name), private).expect("the file is ours");
    }

    /// PostgreSQL on a host of its own, reached over the network by all services.
    fn start_database(&self) -> Child {
        let (programs, directory) = (postgres_programs(), self.file("database"));
        std::fs::create_dir(&directory).expect("ours");
        give_to_postgres(&directory);
        let cluster = directory.join("pg");
        let mut made = self.hosts.as_postgres("database", programs.join("initdb"));
        made.args(["--auth=trust", "--encoding=UTF8", "--username=single_window", "-D"]);
        assert!(made.arg(&cluster).status().expect("it starts").success(), "initdb");
        std::fs::write(
            cluster.join("pg_hba.conf"),
            "local all all trust\nhost all all samenet trust\n",
        )
        .expect("we may");
        let mut server = self.hosts.as_postgres("database", programs.join("postgres"));
        server.arg("-D").arg(&cluster).args(["-h", "0.0.0.0", "-k"]).arg(&directory);
        server
            .args(["-c", "max_connections=400", "-c", "shared_buffers=256MB"])
            .spawn()
            .expect("it starts")
    }

    fn database(&self) -> PgConnectOptions {
        // Its socket is a file, which no network is between.
        let options = PgConnectOptions::new().socket(self.file("database"));
        options.username("single_window").database("postgres")
    }

    async fn look(&self) -> PgConnection {
        let options = self.database().options([("search_path", "declaration")]);
        options.connect().await.expect("PostgreSQL answers")
    }

    fn single_window(&self, host: &str, verb: &str, name: &str) -> Command {
        let mut command = self.hosts.command(host, binary());
        command.args([
            verb,
            "--database-url",
            "postgres://single_window@database/postgres?sslmode=disable",
        ]);
        command.arg("--data-keys").arg(self.file("data-keys"));
        command.arg("--data-dir").arg(self.file(name));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.file("log"));
        command.stderr(log.expect("the log can be written"));
        command.stdin(Stdio::null());
        command
    }

    /// Starts one service on a host.
    fn start(&self, host: &str, (service, port, kind): (&str, u16, &str)) -> Child {
        let mut command = self.single_window(host, "serve", &format!("{host}-{service}"));
        command.args(["--only", service, "--targeting", "--duty", "--listen"]);
        command.arg(format!("0.0.0.0:{port}"));
        command.arg("--server-cert").arg(self.file("window.pem"));
        command.arg("--server-key").arg(self.file("window.key"));
        command.arg("--client-ca").arg(self.identity("authority.pem"));
        command.arg("--registry").arg(self.file("registry.json"));
        if !kind.is_empty() {
            // `window` is both hosts: whichever answers.
            command.args([format!("--{kind}-endpoint"), "window:7443".to_owned()]);
            command.arg(format!("--{kind}-cert")).arg(self.identity(&format!("{kind}.pem")));
            command.arg(format!("--{kind}-key")).arg(self.identity(&format!("{kind}.key")));
            command.arg(format!("--{kind}-ca")).arg(self.file("authority.pem"));
            if service != "webhooks" {
                // Who sits at the exchange has a name there.
                command.args([format!("--{kind}-name"), host.to_owned()]);
            }
        }
        command.spawn().expect("the binary starts")
    }

    fn start_half(&self, host: &str) -> Vec<Child> {
        SERVICES.into_iter().map(|service| self.start(host, service)).collect()
    }

    /// How a caller reaches the declaration service of a half.
    fn config(&self, caller: &str, half: &str) -> Config {
        let read = |path: PathBuf| std::fs::read(path).expect("it was made");
        Config {
            address: format!("{}:7443", self.hosts.address(half)),
            authority: read(self.file("authority.pem")),
            certificate: read(self.identity(&format!("{caller}.pem"))),
            key: read(self.identity(&format!("{caller}.key"))),
            api_key: String::new(),
        }
    }

    fn window(&self, caller: &str, half: &str) -> Window {
        Window::connect_lazy(&self.config(caller, half)).expect("certificates can be read")
    }
}

/// An agency that has no objection to anything.
struct Content;

impl Handler for Content {
    async fn handle(&mut self, events: Vec<v1::Event>) -> Result<Vec<Vec<ConsumerAnswer>>, Status> {
        Ok(events.iter().map(no_objection).collect())
    }

    fn result(&mut self, _: &v1::Result) {}
}

fn no_objection(event: &v1::Event) -> Vec<ConsumerAnswer> {
    let mut facts = event.facts.iter().flat_map(|facts| &facts.facts);
    if !facts.any(|fact| matches!(fact.kind, Some(Kind::Filed(_)))) {
        return Vec::new();
    }
    let answer = |outcome: v1::Outcome| {
        let said = format!("{}/{}/{outcome:?}", event.declaration_id, event.version);
        let request_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, said.as_bytes()).to_string();
        let verdict = v1::Verdict { outcome: outcome.into(), ..Default::default() };
        let answer = crate::harness::exchange::answer(event, v1::answer::What::Verdict(verdict));
        ConsumerAnswer::now(v1::Answer { request_id, ..answer })
    };
    [v1::Outcome::Accepted, v1::Outcome::Cleared].map(answer).to_vec()
}

/// What was acknowledged so far, and the longest time without.
#[derive(Default)]
struct Acknowledged {
    names: Mutex<Vec<String>>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Acknowledged {
    fn count(&self) -> usize {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

async fn files(windows: [Window; 2], who: usize, all: Arc<Acknowledged>) {
    while !all.stop.load(Ordering::Relaxed) {
        let number = all.next.fetch_add(1, Ordering::Relaxed);
        let mut declaration = export(&format!("QD-HOSTS-{number}"));
        let code = format!("37029{:05}", number % 8);
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        let request = filing(declaration);
        let mut turns = (who..).map(|turn| &windows[turn % 2]);
        let receipt = until_answered(|| {
            let (window, request) = (turns.next().expect("no end"), request.clone());
            async move { window.declarations().submit(request).await }
        })
        .await;
        all.names.lock().unwrap_or_else(PoisonError::into_inner).push(receipt.name);
    }
}

#[test]
fn either_half_of_the_services_dies_and_the_books_are_right() {
    if std::env::var_os("SW_HOSTS").is_none() {
        println!("skipped: SW_HOSTS=1 runs every service twice on hosts of their own");
        return;
    }
    let Some(hosts) = Hosts::start(&["database", HALVES[0], HALVES[1], "people"], DELAY) else {
        return;
    };
    let site = Site { hosts, directory: data_dir() };
    site.prepare();
    let mut database = site.start_database();
    let site = &site;
    site.hosts.on("people", || on_hosts(site));
    database.kill().expect("it is our child");
    database.wait().expect("it was killed");
}

#[expect(clippy::disallowed_methods, reason = "the load runs beside the faults")]
async fn on_hosts(site: &Site) {
    eventually("PostgreSQL starts", PATIENCE, async || site.database().connect().await.map(drop))
        .await;
    let migrated = site.single_window("window1", "migrate", "migrate").status();
    assert!(migrated.expect("the binary starts").success(), "{}", log(&site.file("log")));
    let mut running: Vec<Vec<Child>> = HALVES.iter().map(|half| site.start_half(half)).collect();
    let begin = Instant::now();
    for half in HALVES {
        eventually("a half serves", PATIENCE, async || {
            Window::connect(&site.config("admin", half)).await.map_err(|_| log(&site.file("log")))
        })
        .await;
    }
    println!("twelve processes serve after {:?}", begin.elapsed());

    // An agency has two consumers, one at each half; they connect again by themselves.
    let end = CancellationToken::new();
    for (caller, subscriber) in
        [("customs", v1::Subscriber::Customs), ("quarantine", v1::Subscriber::Quarantine)]
    {
        for half in HALVES {
            let consumer = Consumer::new(site.window(caller, half), subscriber, half);
            let nothing = tokio::sync::mpsc::channel(1).1;
            tokio::spawn(consumer.serve(Content, nothing, end.clone()));
        }
    }
    let all = Arc::new(Acknowledged::default());
    let windows = HALVES.map(|half| site.window("agent", half));
    let load: Vec<_> =
        (0..8).map(|who| tokio::spawn(files(windows.clone(), who, Arc::clone(&all)))).collect();
    let progress = async |by: usize| {
        let (from, begin) = (all.count(), Instant::now());
        eventually("work goes on", PATIENCE, async || {
            if all.count() >= from + by { Ok(()) } else { Err(all.count() - from) }
        })
        .await;
        format!("{by} filings in {:?}", begin.elapsed())
    };
    println!("with both halves: {}", progress(150).await);
    for turn in 0..4 {
        let half = turn % 2;
        site.hosts.kill(HALVES[half]);
        for mut process in running[half].drain(..) {
            process.wait().expect("it was killed");
        }
        let (first, then) = (progress(1).await, progress(80).await);
        running[half] = site.start_half(HALVES[half]);
        println!("without {}: {first}, then {then}", HALVES[half]);
        eventually("the half is back", PATIENCE, async || {
            Window::connect(&site.config("admin", HALVES[half]))
                .await
                .map(drop)
                .map_err(|it| it.to_string())
        })
        .await;
        progress(60).await;
    }
    all.stop.store(true, Ordering::Relaxed);
    for filer in load {
        filer.await.expect("every request was answered");
    }
    let names: HashSet<String> =
        all.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    assert_eq!(names.len(), all.count(), "one declaration for each request");
    everything_is_done(site, &names).await;
    end.cancel();
    println!("{} declarations, each released once", names.len());
}

/// Released once each, and known once to every service whom it concerns.
async fn everything_is_done(site: &Site, names: &HashSet<String>) {
    let mut database = site.look().await;
    let count = i64::try_from(names.len()).expect("few");
    for (what, rows) in [
        ("released", "select count(*) from release"),
        ("assessed", "select count(*) from inspection.consignment"),
        (
            "in the books of money from abroad",
            "select count(distinct declaration_id) from payment.export_sale",
        ),
        (
            "kept for the tax refund",
            "select count(distinct declaration_id) from refund.export_line where released_time is not null",
        ),
    ] {
        eventually(what, PATIENCE, async || {
            let found: i64 = sqlx::query_scalar(rows).fetch_one(&mut database).await.expect(what);
            // What was acknowledged and never answered to its filer is there besides.
            if found >= count {
                Ok(())
            } else {
                Err(format!("{found} of {count}\n{}", log(&site.file("log"))))
            }
        })
        .await;
    }
    let there: Vec<Uuid> = sqlx::query_scalar("select declaration_id from release")
        .fetch_all(&mut database)
        .await
        .expect("the table is there");
    let there: HashSet<String> = there.iter().map(|id| format!("declarations/{id}")).collect();
    assert!(names.is_subset(&there), "an acknowledged declaration is missing");
    rows_are_right(&mut database).await;
}

/// The end of the log, for whoever reads why a test failed.
fn log(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default(); // why: nothing was logged
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.join("\n")
}
