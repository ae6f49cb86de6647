//! Every service twice, each in a process of its own, on two hosts, with their database and their callers on others, and
//! 20 ms for the way from one host to another and back. Under load all processes of one host die at once, then those of
//! the other: everything is done once, and the books of all services agree.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::{Config, Window};
use proto::ceb::Document;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::task::JoinSet;

use super::network::{Distance, Network, address, on_network};
use crate::faults::{Seen, acknowledged_are_there, rows_are_right, until_answered_within, watch};
use crate::harness::cluster::memory;
use crate::harness::national::{DXP, Erp, Import, import, person};
use crate::harness::people::{export, filing};
use crate::harness::{binary, eventually, output, output_within};

/// The hosts: of the database, of the services twice, and of everybody else.
const HOSTS: [&str; 4] = ["db", "east", "west", "firm"];
/// Where services run.
const SIDES: [&str; 2] = ["east", "west"];
/// From one host to another.
const ONE_WAY: Duration = Duration::from_millis(10);
/// Services with their ports.
const SERVICES: [(&str, u16); 6] = [
    ("declaration", 7001),
    ("ceb", 7002),
    ("inspection", 7003),
    ("payment", 7004),
    ("refund", 7005),
    ("webhooks", 7006),
];
/// Where everybody finds them.
const ADDRESSES: &str = "declaration:7001,ceb=ceb:7002,inspection=inspection:7003,payment=payment:7004,\
                         refund=refund:7005,webhooks=webhooks:7006";
const URL: &str = "postgres://single_window@db/single_window?sslmode=disable";
/// Twelve processes start on whatever the machine has.
const PATIENCE: Duration = Duration::from_secs(180);

/// Firms that file exports, and imports by national messages.
const FIRMS: usize = 4;
const IMPORTS: usize = 24;

/// The services on their hosts, and whoever else runs elsewhere. Ends with the test.
struct Deployment<'a> {
    network: &'a Network,
    directory: tempfile::TempDir,
    running: HashMap<String, Child>,
}

impl<'a> Deployment<'a> {
    async fn start(network: &'a Network) -> Self {
        let directory = tempfile::Builder::new().prefix("sw-apart-").tempdir_in(memory());
        let directory = directory.expect("a directory");
        crate::harness::let_everybody_in(directory.path());
        let mut site = Self { network, directory, running: HashMap::new() };
        for host in HOSTS {
            network.add_names(host, &names(host));
        }
        site.start_database().await;
        site.make_identities();
        let mut migrate = network.command("db", &binary().display().to_string());
        migrate.args(["migrate", "--database-url", URL, "--data-dir"]).arg(site.path("keys"));
        let migrated = output(&mut migrate);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        for side in SIDES {
            site.start_side(side);
        }
        for side in SIDES {
            site.serves(side).await;
        }
        for agency in ["customs", "quarantine", "site", "bank", "tax-office"] {
            let mut command = Command::new(binary());
            command.args(["agency", agency, "--log", "off", "--data-dir"]).arg(site.path("firm"));
            site.spawn(agency, command);
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spawn(&mut self, name: &str, mut command: Command) {
        let log = self.path(&format!("{name}.log"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let log = log.expect("the directory is ours");
        let errors = log.try_clone().expect("it is open");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.running.insert(name.to_owned(), child.expect("it starts"));
    }

    /// PostgreSQL on its host, open to the hosts of this network.
    async fn start_database(&mut self) {
        let path = std::env::var_os("PATH");
        let programs = store::private::programs(Path::new("/nowhere"), (None, path.as_deref()));
        let programs = programs.await.expect("PostgreSQL is installed");
        let data = self.path("pg");
        let mut install = Command::new("install");
        install.args(["-d", "-m", "0700", "-o", "postgres"]).arg(&data);
        assert!(install.status().expect("install").success(), "a directory of postgres");
        let program = |name: &str| {
            let mut command = self.network.command("db", "setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
            command.arg(programs.join(name)).arg("-D").arg(&data);
            command
        };
        let mut initdb = program("initdb");
        let made = output(initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let rules = data.join("pg_hba.conf");
        std::fs::write(&rules, "host all all samenet trust\n").expect("we are root");
        let mut server = program("postgres");
        server.args(["-c", "listen_addresses=*", "-c", "max_connections=400"]);
        server.args(["-c", "unix_socket_directories="]);
        self.spawn("database", server);
        let administrator: PgConnectOptions = URL.parse().expect("an address");
        let administrator = administrator.username("postgres").database("postgres");
        let mut connection = eventually("PostgreSQL answers", PATIENCE, async || {
            administrator.connect().await.map_err(|error| error.to_string())
        })
        .await;
        for statement in
            ["create role single_window login", "create database single_window owner single_window"]
        {
            connection.execute(statement).await.expect(statement);
        }
    }

    /// The callers of a sandbox, and certificates of the window for the names of its services, for every process.
    fn make_identities(&self) {
        let first = self.path("identities");
        #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
        let now = time::OffsetDateTime::now_utc();
        window::certificates::ensure(&first, now).expect("certificates are made");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let names = SERVICES.map(|(service, _)| service.to_owned()).to_vec();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority).expect("it is signed");
        let write = |file: &str, text: String| {
            std::fs::write(first.join(file), text).expect("the directory is ours");
        };
        write("window.pem", certificate.pem());
        write("window.key", key.serialize_pem());
        let both = std::fs::read_to_string(first.join("authority.pem")).expect("it was made");
        write("authority.pem", both + &authority.pem());
        let keys = store::cipher::DataKeys::fresh().expect("random bytes");
        let processes =
            SIDES.iter().flat_map(|side| SERVICES.map(|(it, _)| format!("{side}-{it}")));
        for name in processes.chain(["keys".to_owned(), "firm".to_owned()]) {
            let own = self.path(&name);
            std::fs::create_dir(&own).expect("the directory is ours");
            crate::harness::copy_identities(&first, &own.join("identities"));
            std::fs::write(own.join("data-keys"), &keys).expect("the directory is ours");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(own.join("data-keys"), private).expect("it is ours");
        }
        std::fs::write(self.path("firm").join("address"), ADDRESSES).expect("it is ours");
    }

    fn start_side(&mut self, side: &str) {
        for (service, port) in SERVICES {
            let name = format!("{side}-{service}");
            let mut command = self.network.command(side, &binary().display().to_string());
            command.args(["sandbox", "--quiet", "--no-agencies", "--drain-seconds", "3"]);
            command.args(["--only", service, "--services", ADDRESSES, "--database-url", URL]);
            command
                .args(["--listen", &format!("0.0.0.0:{port}"), "--data-dir"])
                .arg(self.path(&name));
            for flag in ["inspection-service", "gateway", "payment-service", "refund-service"] {
                command.args([format!("--{flag}-name"), side.to_owned()]);
            }
            self.spawn(&name, command);
        }
    }

    /// Waits until every service of a host answers.
    async fn serves(&mut self, side: &str) {
        let number = HOSTS.iter().position(|host| *host == side).expect("a host");
        for (service, port) in SERVICES {
            eventually(&format!("{service} serves on {side}"), PATIENCE, async || {
                let ended = self.running.get_mut(&format!("{side}-{service}"));
                let ended = ended.and_then(|it| it.try_wait().expect("it is our child"));
                assert!(ended.is_none(), "{side}-{service}: {ended:?}");
                let at = (address(number), port);
                tokio::net::TcpStream::connect(at)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
            .await;
        }
    }

    /// Everything on a host dies at once.
    fn kill_side(&mut self, side: &str) {
        self.network.kill_all_but(side, None);
        for (service, _) in SERVICES {
            if let Some(mut child) = self.running.remove(&format!("{side}-{service}")) {
                let _killed = child.wait();
            }
        }
    }

    fn config(&self, caller: &str) -> Config {
        let identities = self.path("firm").join("identities");
        let read = |name: &str| std::fs::read(identities.join(name)).expect("it was made");
        Config {
            address: ADDRESSES.to_owned(),
            authority: read("authority.pem"),
            certificate: read(&format!("{caller}.pem")),
            key: read(&format!("{caller}.key")),
            api_key: String::new(),
        }
    }

    async fn connect(&self, caller: &str) -> Window {
        let config = self.config(caller);
        eventually("the declaration service answers", PATIENCE, async || {
            Window::connect(&config).await.map_err(|error| error.to_string())
        })
        .await
    }

    async fn database(&self) -> sqlx::PgConnection {
        let options: PgConnectOptions = URL.parse().expect("an address");
        let options = options.options([("search_path", "declaration")]);
        options.connect().await.expect("PostgreSQL answers")
    }
}

impl Drop for Deployment<'_> {
    fn drop(&mut self) {
        for host in &HOSTS[..3] {
            self.network.kill_all_but(host, None);
        }
        for child in self.running.values_mut() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        if !std::thread::panicking() {
            return;
        }
        for file in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            if file.path().extension().is_some_and(|it| it == "log") {
                let text = std::fs::read_to_string(file.path()).unwrap_or_default(); // why: for people
                let lines: Vec<&str> = text.lines().collect();
                let last = &lines[lines.len().saturating_sub(15)..];
                println!("{}:\n{}", file.path().display(), last.join("\n"));
            }
        }
    }
}

/// The names of services for programs on a host: two addresses each, its own first. Who is on neither finds every
/// second service in the east first.
fn names(host: &str) -> String {
    let at = |side: &str| address(HOSTS.iter().position(|host| *host == side).expect("a host"));
    let mut names = String::new();
    for (number, (service, _)) in SERVICES.iter().enumerate() {
        let mut sides = SIDES;
        if host == "west" || (host != "east" && number % 2 == 1) {
            sides.reverse();
        }
        for side in sides {
            names.push_str(&format!("{} {service}\n", at(side)));
        }
    }
    names
}

#[test]
fn every_service_is_twice_and_half_of_them_die_in_turn() {
    let test = "hosts::apart::every_service_is_twice_and_half_of_them_die_in_turn";
    on_network((&HOSTS, Distance::OneWay(ONE_WAY)), test, live_apart);
}

/// What was acknowledged: names by request.
type Book = Arc<Mutex<HashMap<String, String>>>;

/// A firm files exports one after the other, each until it is answered, until it is told to stop.
async fn files(window: Window, firm: usize, book: Book, stop: Arc<AtomicBool>) {
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let script = if number % 10 == 0 { "SBX-EXAMINE0-CIQINSPECT" } else { "QD" };
        let mut declaration = export(&format!("{script}-{firm}-{number}"));
        let code = format!("37029{firm:05}");
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        let request = filing(declaration);
        let submit = || async { window.declarations().submit(request.clone()).await };
        let receipt = until_answered_within(PATIENCE, submit).await;
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.insert(request.request_id, receipt.name);
    }
}

/// A firm's system sends imports, a message a kind of document, until it is told to stop or has sent all.
async fn sends(erp: Arc<Erp>, imports: Arc<Vec<Import>>, sent: Arc<AtomicUsize>) {
    for import in imports.iter() {
        for document in [import.inventory(), import.order(), import.payment(), import.waybill()] {
            let documents: [Document; 1] = [document];
            let message = erp.message(&documents).into_bytes();
            let send = || {
                let message = message.clone();
                async { erp.window.ceb().send(proto::v1::SendRequest { message }).await }
            };
            let faults = until_answered_within(PATIENCE, send).await.faults;
            assert!(faults.is_empty(), "{faults:?}");
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

async fn live_apart(network: &Network) {
    let mut site = Deployment::start(network).await;
    let book = Book::default();
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut watcher = JoinSet::new();
    watcher.spawn(watch(site.connect("admin").await, Arc::clone(&seen)));
    let mut load = JoinSet::new();
    for firm in 0..FIRMS {
        let window = site.connect("agent").await;
        load.spawn(files(window, firm, Arc::clone(&book), Arc::clone(&stop)));
    }
    let imports: Vec<Import> = (0..IMPORTS)
        .map(|n| {
            import(&format!("QDAPART{n}")).bought_by(&person(&format!("11010119900307{n:03}")))
        })
        .collect();
    let imports = Arc::new(imports);
    let identities = site.path("firm").join("identities");
    let window = site.connect("agent").await;
    let erp = Arc::new(Erp::with_key(window, &identities, "agent", ("3702960001", DXP)));
    let sent = Arc::new(AtomicUsize::new(0));
    load.spawn(sends(Arc::clone(&erp), Arc::clone(&imports), Arc::clone(&sent)));

    let done = || {
        (book.lock().unwrap_or_else(PoisonError::into_inner).len(), sent.load(Ordering::Relaxed))
    };
    let goes_on = async |exports: usize, documents: usize| {
        let before = done();
        eventually("work goes on", PATIENCE, async || {
            let now = done();
            let all_sent = now.1 == IMPORTS || now.1 >= before.1 + documents;
            if now.0 >= before.0 + exports && all_sent { Ok(()) } else { Err((before, now)) }
        })
        .await;
    };
    goes_on(30, 3).await;
    for side in SIDES {
        site.kill_side(side);
        // The other host does everything meanwhile.
        goes_on(30, 3).await;
        site.start_side(side);
        site.serves(side).await;
        goes_on(20, 2).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = load.join_next().await {
        ended.expect("every request was answered");
    }
    let names = book.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let distinct: HashSet<&String> = names.values().collect();
    assert_eq!(distinct.len(), names.len(), "one declaration for each request");
    eventually("all are released", PATIENCE, async || {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left = distinct.iter().filter(|name| !seen.releases.contains_key(**name)).count();
        let all =
            seen.filed.len() == names.len() + IMPORTS && seen.releases.len() == seen.filed.len();
        if left == 0 && all { Ok(()) } else { Err((left, seen.filed.len(), seen.releases.len())) }
    })
    .await;
    watcher.abort_all();
    {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(seen.releases.values().all(|ids| ids.len() == 1), "released twice");
        assert!(distinct.iter().all(|name| seen.filed.contains(*name)), "an event was lost");
    }
    for import in imports.iter() {
        let told = erp.hears(622, &import.inventory.head.cop_no, 899).await;
        assert_eq!(told, [2, 3, 120, 399, 800, 899], "{}", import.inventory.head.order_no);
    }
    acknowledged_are_there(&mut site.database().await, &names).await;
    rows_are_right(&mut site.database().await).await;
    // What one service has not told another yet differs for a while.
    eventually("the books of all services agree", PATIENCE, async || {
        let mut verify = network.command("db", &binary().display().to_string());
        verify.args(["verify", "--database-url", URL, "--wait-seconds", "5", "--data-dir"]);
        let verified = output_within(PATIENCE, verify.arg(site.path("keys")));
        let said = [verified.stdout, verified.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if verified.status.success() { Ok(()) } else { Err(said) }
    })
    .await;
    println!(
        "{} exports and {IMPORTS} imports through {} processes on two hosts, 20 ms from everybody, each of which died \
         once: all is there once and the books agree",
        names.len(),
        2 * SERVICES.len()
    );
}
