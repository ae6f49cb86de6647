//! Starts windows as users do, files declarations, waits for what must happen.

pub(crate) mod exchange;
pub(crate) mod http;
pub(crate) mod inspection;
pub(crate) mod national;
pub(crate) mod people;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use client::{Config, Window};

/// Nothing in these tests takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test, built by `cargo build` before the tests run.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(2).expect("tests run from target/<profile>/deps");
    let binary = target.join("single-window");
    assert!(binary.exists(), "build the binary first: cargo build ({})", binary.display());
    binary
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// A directory that the user `postgres` can reach.
pub(crate) fn data_dir() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("sw-").tempdir_in("/tmp").expect("/tmp exists");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).expect("the directory is ours");
    directory
}

/// A sandbox as a process of its own. Ends gracefully when dropped, and must have logged no error.
pub(crate) struct Sandbox {
    pub(crate) directory: tempfile::TempDir,
    /// Flags of the next start.
    pub(crate) args: Vec<String>,
    pub(crate) process: Option<Child>,
    /// Errors in the log are part of the test.
    pub(crate) may_log_errors: bool,
}

impl Sandbox {
    /// Starts one with simulated agencies.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts one with more flags.
    pub(crate) async fn with(args: &[&str]) -> Self {
        Self::in_directory(data_dir(), args).await
    }

    /// Starts one in a directory that may have been used before.
    pub(crate) async fn in_directory(directory: tempfile::TempDir, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut sandbox = Self { directory, args, process: None, may_log_errors: false };
        sandbox.spawn();
        sandbox.ready().await;
        sandbox
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Starts the process; the port stays the same after the first time.
    pub(crate) fn spawn(&mut self) {
        let address = std::fs::read_to_string(self.directory.path().join("address")).ok();
        let port = address.and_then(|address| address.rsplit(':').next().map(str::to_owned));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        let process = Command::new(binary())
            .args(["sandbox", "--quiet", "--drain-seconds", "3", "--data-dir"])
            .arg(self.directory.path())
            .args(["--listen", &format!("127.0.0.1:{}", port.as_deref().unwrap_or("0"))])
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the log can be written"))
            .spawn()
            .expect("the binary starts");
        self.process = Some(process);
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self) {
        let start = Instant::now();
        loop {
            if let Ok(config) = self.try_config("admin")
                && Window::connect(&config).await.is_ok()
            {
                return;
            }
            let process = self.process.as_mut().expect("it was spawned");
            if let Some(status) = process.try_wait().expect("it is our child") {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                panic!("the sandbox ended with {status}:\n{log}");
            }
            assert!(start.elapsed() < PATIENCE, "the sandbox did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn try_config(&self, caller: &str) -> std::io::Result<Config> {
        let at = |name: String| self.directory.path().join("identities").join(name);
        Ok(Config {
            address: std::fs::read_to_string(self.directory.path().join("address"))?,
            authority: std::fs::read(at("authority.pem".to_owned()))?,
            certificate: std::fs::read(at(format!("{caller}.pem")))?,
            key: std::fs::read(at(format!("{caller}.key")))?,
        })
    }

    /// How a caller connects.
    pub(crate) fn config(&self, caller: &str) -> Config {
        self.try_config(caller).expect("the sandbox made its callers")
    }

    /// Connects as a caller.
    pub(crate) async fn connect(&self, caller: &str) -> Window {
        Window::connect(&self.config(caller)).await.expect("the sandbox serves")
    }

    /// Runs a client command of the binary against this sandbox.
    pub(crate) fn command(&self, args: &[&str]) -> Output {
        Command::new(binary())
            .args(args)
            .arg("--data-dir")
            .arg(self.directory.path())
            .current_dir(workspace())
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts")
    }

    /// Kills the process without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it is our child");
            process.wait().expect("it was killed");
        }
    }

    /// Memory of the window itself, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let process = self.process.as_ref().expect("it was spawned");
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
        let status = status.expect("it is our child");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of it");
        let kilobytes = line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok());
        kilobytes.expect("a number") * 1024
    }

    /// Process id of its private PostgreSQL.
    pub(crate) fn postgres(&self) -> Option<rustix::process::Pid> {
        let file = self.directory.path().join("pg/postmaster.pid");
        let text = std::fs::read_to_string(file).ok()?;
        rustix::process::Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
    }

    /// A connection to its database, to look at what is really there.
    pub(crate) async fn database(&self) -> sqlx::PgConnection {
        use sqlx::Connection as _;
        let options = sqlx::postgres::PgConnectOptions::new()
            .socket(self.directory.path().join("run"))
            .username("single_window")
            .database("single_window")
            .options([("search_path", "declaration")]);
        sqlx::PgConnection::connect_with(&options).await.expect("the private PostgreSQL answers")
    }

    /// Ends it gracefully and says how it ended.
    pub(crate) fn stop(&mut self) -> Option<std::process::ExitStatus> {
        let mut process = self.process.take()?;
        let pid = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw)?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok()?;
        process.wait().ok()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let ended = self.stop();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            println!("the log of the sandbox:\n{log}");
            return;
        }
        if let Some(status) = ended {
            assert!(status.success(), "the sandbox ended with {status}");
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let errors: Vec<&str> = log.lines().filter(|l| l.contains("\"level\":\"ERROR\"")).collect();
        assert!(self.may_log_errors || errors.is_empty(), "errors in the log: {errors:#?}");
    }
}
