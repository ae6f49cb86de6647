//! Three hosts with PostgreSQL, Patroni and etcd, and haproxy beside the window, set up with the files of `deploy/ha`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::network::Network;
use crate::harness::cluster::memory;
use crate::harness::{eventually, workspace};

/// The hosts, as the files of `deploy/ha` name them.
pub(super) const HOSTS: [&str; 3] = ["db1", "db2", "db3"];

/// What has to be installed, by the packages of Debian.
const PROGRAMS: [(&str, &str); 3] =
    [("etcd", "etcd-server"), ("patroni", "patroni"), ("haproxy", "haproxy")];

/// Longer than a failover takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

const PASSWORD: &str = "of-the-test";

/// Where the window finds whichever database leads.
pub(super) const URL: &str =
    "postgres://single_window:of-the-test@127.0.0.1:5432/single_window?sslmode=disable";

/// The package of the first program that is missing.
pub(super) fn missing_package() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default(); // why: without one nothing is found
    let is_there = |program: &str| {
        std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    };
    PROGRAMS.iter().find(|(program, _)| !is_there(program)).map(|(_, package)| *package)
}

/// A cluster that runs.
pub(super) struct DatabaseHosts<'a> {
    network: &'a Network,
    directory: tempfile::TempDir,
    programs: PathBuf,
    running: Vec<Child>,
}

impl<'a> DatabaseHosts<'a> {
    /// Starts everything, and makes the window's database.
    pub(super) async fn start(network: &'a Network) -> Self {
        let directory = tempfile::Builder::new().prefix("sw-ha-").tempdir_in(memory());
        let directory = directory.expect("a directory");
        crate::harness::let_everybody_in(directory.path());
        let path = std::env::var_os("PATH");
        let programs = store::private::programs(Path::new("/nowhere"), (None, path.as_deref()));
        let programs = programs.await.expect("PostgreSQL is installed");
        let mut hosts = Self { network, directory, programs, running: Vec::new() };
        for host in HOSTS {
            let own = hosts.directory(host);
            let mut install = Command::new("install");
            install.args(["-d", "-m", "0700", "-o", "postgres"]).arg(&own);
            assert!(install.status().expect("install").success(), "{}", own.display());
            hosts.start_host(host);
        }
        let file = workspace().join("deploy/ha/haproxy.cfg");
        let log = hosts.log("haproxy");
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(file);
        hosts.spawn(haproxy, log);
        hosts.whole().await;
        hosts.make_database().await;
        hosts
    }

    fn directory(&self, host: &str) -> PathBuf {
        self.directory.path().join(host)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.log"))
    }

    fn spawn(&mut self, mut command: Command, log: PathBuf) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let log = log.expect("the log can be written");
        let errors = log.try_clone().expect("it is open");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.running.push(command.spawn().expect("it starts"));
    }

    /// Starts what is not running of etcd and Patroni on a host, as after the host was started again.
    pub(super) fn start_host(&mut self, host: &str) {
        let own = self.directory(host);
        for file in ["etcd.conf.yml", "patroni.yml"] {
            let text = std::fs::read_to_string(workspace().join("deploy/ha").join(file));
            let text = text.expect("it is there").replace("NAME", host);
            let text = text.replace("DIRECTORY", &own.display().to_string());
            let text = text.replace("PASSWORD", PASSWORD);
            // A password costs a debug build 70 ms of a core: on a busy machine all the connections of a window,
            // which connect at once after a failover, would take longer than a pool waits for one.
            let text = text.replace("scram-sha-256", "trust");
            let text = text.replace("BIN", &self.programs.display().to_string());
            std::fs::write(own.join(file), text).expect("the directory is ours");
        }
        let running = self.network.processes(host);
        if !running.iter().any(|(_, name)| name == "etcd") {
            let mut etcd = self.network.command(host, "etcd");
            etcd.arg("--config-file").arg(own.join("etcd.conf.yml"));
            self.spawn(etcd, self.log(&format!("{host}-etcd")));
        }
        if !running.iter().any(|(_, name)| name == "patroni") {
            let mut patroni = self.network.command(host, "setpriv");
            patroni.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "patroni"]);
            patroni.arg(own.join("patroni.yml"));
            self.spawn(patroni, self.log(&format!("{host}-patroni")));
        }
    }

    /// Waits until one host leads, another has every commit, and all three run; gives the one that leads.
    pub(super) async fn whole(&self) -> String {
        eventually(
            "three hosts have one leader and one that may replace it",
            PATIENCE,
            async || {
                let mut seen = Vec::new();
                for host in HOSTS {
                    let cluster = match ask(host, "/cluster").await {
                        Ok(cluster) => cluster,
                        Err(why) => {
                            seen.push(format!("{host}: {why}"));
                            continue;
                        }
                    };
                    let members = cluster["members"].as_array().cloned().unwrap_or_default(); // why: seen
                    let of = |role: &str| {
                        let is = |it: &&Value| it["role"] == role && it["state"] == "running";
                        members.iter().filter(is).map(|it| it["name"].clone()).collect::<Vec<_>>()
                    };
                    let (leaders, ready) = (of("leader"), of("sync_standby"));
                    let followers = of("replica");
                    if let ([Value::String(leader)], [_], [_]) =
                        (&leaders[..], &ready[..], &followers[..])
                    {
                        return Ok(leader.clone());
                    }
                    seen.push(cluster.to_string());
                }
                Err(seen)
            },
        )
        .await
    }

    async fn make_database(&self) {
        let administrator: PgConnectOptions = URL.parse().expect("an address");
        let administrator = administrator.username("postgres").database("postgres");
        let mut database = eventually("haproxy finds the leader", PATIENCE, async || {
            administrator.connect().await.map_err(|error| error.to_string())
        })
        .await;
        for statement in [
            "create role single_window login password 'of-the-test'",
            "create database single_window owner single_window",
        ] {
            database.execute(statement).await.expect(statement);
        }
        database.close().await.expect("it was open");
    }

    /// What every program logged last.
    pub(super) fn logged(&self) -> String {
        let files = std::fs::read_dir(self.directory.path()).expect("it is ours");
        let logs = files.filter_map(|file| file.ok().map(|file| file.path()));
        let logs = logs.filter(|path| path.extension().is_some_and(|it| it == "log"));
        let mut all = String::new();
        for path in logs {
            let text = std::fs::read_to_string(&path).unwrap_or_default(); // why: only for people
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            all.push_str(&format!("{}:\n{}\n", path.display(), last.join("\n")));
        }
        all
    }
}

impl Drop for DatabaseHosts<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.logged());
        }
        for host in HOSTS {
            self.network.kill_all_but(host, None);
        }
        for child in &mut self.running {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// What Patroni of a host answers.
async fn ask(host: &str, path: &str) -> Result<Value, String> {
    let answer = async {
        let mut connection = tokio::net::TcpStream::connect((host, 8008)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;
    let answer = answer.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer over HTTP")?;
    serde_json::from_str(body).map_err(|error| format!("{error}: {answer}"))
}
