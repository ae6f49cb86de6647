//! Lists are read from a database that follows the one that leads, and never without what was acknowledged before.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use proto::v1;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};

use crate::harness::people::Enterprise;
use crate::harness::{PATIENCE, Sandbox, data_dir, eventually, output};

/// A PostgreSQL that follows the private one of a sandbox. Ends with the test.
struct Follower {
    directory: tempfile::TempDir,
    process: Child,
}

impl Follower {
    async fn of(sandbox: &Sandbox) -> Self {
        let path = std::env::var_os("PATH");
        let programs = store::private::programs(Path::new("/nowhere"), (None, path.as_deref()));
        let programs = programs.await.expect("PostgreSQL is installed");
        let directory = data_dir();
        let copy = directory.path().join("pg");
        let leader = sandbox.directory.path().join("run");
        let leader = format!("host={} user=single_window dbname=single_window", leader.display());
        let mut base = Command::new(programs.join("pg_basebackup"));
        base.args(["--write-recovery-conf", "--checkpoint=fast", "--dbname", &leader]);
        let made = output(base.arg("--pgdata").arg(&copy));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let process = start(&programs, directory.path());
        Self { directory, process }
    }

    fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new().socket(self.directory.path());
        options.username("single_window").database("single_window")
    }

    fn url(&self) -> String {
        let socket = self.directory.path().display();
        format!("postgres://single_window@localhost/single_window?sslmode=disable&host={socket}")
    }

    async fn does(&self, statement: &'static str) {
        let mut connection = self.options().connect().await.expect("it answers");
        connection.execute(statement).await.expect(statement);
    }
}

/// PostgreSQL refuses root: then it runs as the user of Debian's package.
fn start(programs: &Path, directory: &Path) -> Child {
    let server = programs.join("postgres");
    let mut command = if rustix::process::geteuid().is_root() {
        let owned = Command::new("chown").arg("-R").arg("postgres").arg(directory).status();
        assert!(owned.expect("chown").success(), "it is given to postgres");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(server);
        command
    } else {
        Command::new(server)
    };
    command.arg("-D").arg(directory.join("pg")).arg("-k").arg(directory);
    command.args(["-c", "listen_addresses=", "-c", "port=5432"]).stdin(Stdio::null());
    let log = std::fs::File::create(directory.join("log")).expect("the directory is ours");
    command.stdout(log.try_clone().expect("it is open")).stderr(log);
    command.spawn().expect("it starts")
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Lists that a window read from the follower, and from its own database.
fn lists(address: &str) -> (u64, u64) {
    use std::io::{Read as _, Write as _};
    let mut page = String::new();
    let mut connection = std::net::TcpStream::connect(address).expect("it serves metrics");
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it listens");
    connection.read_to_string(&mut page).expect("it answers");
    let of = |from: &str| {
        let name = format!("sw_lists_total{{from=\"{from}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.trim().parse().expect("a number"))
    };
    (of("replica"), of("leader"))
}

async fn newest(firm: &Enterprise) -> String {
    let asked = v1::ListRequest { page_size: 1, ..Default::default() };
    let listed = firm.0.declarations().list(asked).await.expect("it is answered").into_inner();
    let first = listed.records.into_iter().next();
    first.map_or(String::new(), |record| record.name)
}

/// An address that nobody serves at.
fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("it is bound").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_what_was_acknowledged_wherever_it_is_read() {
    let mut sandbox = Sandbox::alone(&["--no-agencies"]).await;
    sandbox.may_leave_work = true;
    let mut follower = Follower::of(&sandbox).await;
    assert_eq!(sandbox.stop(), Some(Ok(())));
    let address = free_address();
    let flags = ["--metrics", &address, "--read-database-url", &follower.url()];
    sandbox.args.extend(flags.map(str::to_owned));
    sandbox.spawn();
    sandbox.ready().await;
    eventually("it follows", PATIENCE, async || {
        let connection = follower.options().connect().await;
        connection.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let firm = Enterprise(sandbox.connect("agent").await);
    eventually("lists are read from it", PATIENCE, async || {
        newest(&firm).await;
        let (replica, leader) = lists(&address);
        if replica > 0 { Ok(()) } else { Err(leader) }
    })
    .await;

    // Each list right after an answer has what was answered.
    let before = lists(&address);
    for number in 0..20 {
        let filed = firm.files(&format!("QD-REPLICA-{number}")).await;
        assert_eq!(newest(&firm).await, filed.name);
    }
    let after = lists(&address);
    assert!(after.0 >= before.0 + 15, "{before:?} {after:?}: it follows within a moment");

    // One that is behind is not read.
    follower.does("select pg_wal_replay_pause()").await;
    let filed = firm.files("QD-REPLICA-BEHIND").await;
    assert_eq!(newest(&firm).await, filed.name);
    let behind = lists(&address);
    assert_eq!((behind.0, behind.1), (after.0, after.1 + 1), "it has not got that");
    follower.does("select pg_wal_replay_resume()").await;
    eventually("lists are read from it again", PATIENCE, async || {
        assert_eq!(newest(&firm).await, filed.name);
        if lists(&address).0 > behind.0 { Ok(()) } else { Err(lists(&address)) }
    })
    .await;

    // One that is gone is nobody's trouble, nor one that leads by itself.
    follower.does("select pg_promote()").await;
    let filed = firm.files("QD-REPLICA-PROMOTED").await;
    assert_eq!(newest(&firm).await, filed.name);
    follower.process.kill().expect("it is ours");
    let filed = firm.files("QD-REPLICA-GONE").await;
    assert_eq!(newest(&firm).await, filed.name);
    sandbox.kill();
    sandbox.spawn();
    sandbox.ready().await;
    assert_eq!(newest(&firm).await, filed.name);
    assert_eq!(lists(&address).0, 0, "nobody follows");
}
