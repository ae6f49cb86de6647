//! Starts windows as users do, files declarations, waits for what must happen.

pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod endpoint;
pub(crate) mod exchange;
pub(crate) mod http;
pub(crate) mod in_process;
pub(crate) mod inspection;
pub(crate) mod national;
pub(crate) mod people;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use client::{Config, Window};
use sqlx::postgres::PgConnectOptions;
use window::run::Settings;

use self::cluster::Database;
use self::in_process::{Ended, InProcess};

/// Nothing in these tests takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long between two looks at what must happen.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until it is so, and gives what was looked for; when it takes longer, fails with what is there
/// instead.
pub(crate) async fn eventually<T, S: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(start.elapsed() < within, "not in {within:?}: {what}: {seen:#?}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The binary under test, built by `cargo build` before the tests run.
pub(crate) fn binary() -> PathBuf {
    static BINARY: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let target = test.ancestors().nth(2).expect("tests run from target/<profile>/deps");
        let given = std::env::var_os("SW_WINDOW").map(PathBuf::from);
        let binary = given.unwrap_or_else(|| target.join("single-window")); // why: beside the tests
        let stale = if binary.exists() { newer_source(&binary) } else { Some(binary.clone()) };
        match stale {
            None => Ok(binary),
            Some(file) => Err(format!("cargo build --workspace first: {} is new", file.display())),
        }
    });
    BINARY.clone().unwrap_or_else(|what_to_do| panic!("{what_to_do}"))
}

/// A source of the binary that was changed after it was built, as Cargo lists them beside it.
fn newer_source(binary: &Path) -> Option<PathBuf> {
    let changed = |file: &Path| std::fs::metadata(file).and_then(|it| it.modified()).ok();
    let built = changed(binary);
    let listed = std::fs::read_to_string(binary.with_extension("d")).expect("Cargo lists sources");
    let (_, sources) = listed.split_once(": ").expect("a rule");
    // A space within a name is escaped.
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split_whitespace().map(|source| PathBuf::from(source.replace('\0', " ")));
    sources.into_iter().find(|source| changed(source) > built)
}

/// What a command prints until it ends; fails when it does not.
pub(crate) fn output(command: &mut Command) -> Output {
    output_within(PATIENCE, command)
}

/// The same of a command that may take longer.
pub(crate) fn output_within(patience: Duration, command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
        if late {
            // It may have ended at this moment.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        late
    });
    let output = child.wait_with_output().expect("it is our child");
    drop(ended);
    let late = watch.join().expect("it does not panic");
    assert!(!late, "{command:?} does not end: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// A directory that the user `postgres` can reach.
pub(crate) fn data_dir() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("sw-").tempdir_in("/tmp").expect("/tmp exists");
    let_everybody_in(directory.path());
    directory
}

pub(crate) fn let_everybody_in(directory: &Path) {
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory, open).expect("the directory is ours");
}

pub(crate) fn copy_identities(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("the directory is ours");
    for file in std::fs::read_dir(from).expect("they were made") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("it can be copied");
    }
}

/// Where a sandbox runs.
#[derive(Clone, Copy)]
enum Runs {
    InProcess,
    AsProcess,
}

/// A sandbox that runs.
enum Running {
    InProcess(InProcess),
    Process(Child),
}

/// A sandbox. Ends in order when dropped; then it must have logged no error, and have nothing left to do.
pub(crate) struct Sandbox {
    pub(crate) directory: tempfile::TempDir,
    /// Flags of the next start.
    pub(crate) args: Vec<String>,
    runs: Runs,
    /// Another program than the one under test, or what runs it on a host, for the next start of a process.
    pub(crate) program: Vec<OsString>,
    /// What no flag of the sandbox says; for windows in this process.
    change: fn(&mut Settings),
    running: Option<Running>,
    /// Errors in the log are part of the test.
    pub(crate) may_log_errors: bool,
    /// So is what its queues have to do at the end, or have set aside.
    pub(crate) may_leave_work: bool,
    /// The address of a database on other hosts, which the test looks after.
    elsewhere: Option<String>,
    /// In the server of all; `None` with a server of its own. Dropped last.
    database: Option<Arc<Database>>,
}

impl Sandbox {
    /// Starts one in this process, with simulated agencies.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts one in this process, with more flags.
    pub(crate) async fn with(args: &[&str]) -> Self {
        let mut sandbox = Self::new(data_dir(), Runs::InProcess);
        sandbox.database = Some(Arc::new(Database::new().await));
        sandbox.begin(args).await
    }

    /// Starts one in this process that asks risk rules, and leaves it to the test to be the inspection
    /// service that answers, and the agencies.
    pub(crate) async fn that_asks_the_test() -> Self {
        let mut sandbox = Self::new(data_dir(), Runs::InProcess);
        sandbox.database = Some(Arc::new(Database::new().await));
        sandbox.change = |settings| settings.targeting = true;
        sandbox.begin(&["--no-agencies", "--no-inspection"]).await
    }

    /// Starts one as a process of its own, which can be killed.
    pub(crate) async fn process(args: &[&str]) -> Self {
        let mut sandbox = Self::new(data_dir(), Runs::AsProcess);
        sandbox.database = Some(Arc::new(Database::new().await));
        sandbox.begin(args).await
    }

    /// Starts one as a process of its own, on a database on other hosts.
    pub(crate) async fn on_database(url: &str, args: &[&str]) -> Self {
        let mut sandbox = Self::new(data_dir(), Runs::AsProcess);
        sandbox.elsewhere = Some(url.to_owned());
        sandbox.begin(args).await
    }

    /// The address of its database on the command line, where it is no private one.
    pub(crate) fn database_url(&self) -> String {
        let elsewhere = self.elsewhere.clone();
        let shared = self.database.as_ref().map(|database| database.url());
        elsewhere.or(shared).expect("it is no private one")
    }

    /// Starts another process on the same database, with the same callers.
    pub(crate) async fn beside(&self, args: &[&str]) -> Self {
        let mut sandbox = Self::new(data_dir(), Runs::AsProcess);
        sandbox.database = self.database.clone();
        sandbox.begin(args).await
    }

    /// Starts one as a process of its own, with a PostgreSQL of its own.
    pub(crate) async fn alone(args: &[&str]) -> Self {
        Self::in_directory(data_dir(), args).await
    }

    /// The same in a directory that may have been used before.
    pub(crate) async fn in_directory(directory: tempfile::TempDir, args: &[&str]) -> Self {
        Self::new(directory, Runs::AsProcess).begin(args).await
    }

    fn new(directory: tempfile::TempDir, runs: Runs) -> Self {
        Self {
            directory,
            args: Vec::new(),
            runs,
            program: Vec::new(),
            change: |_| {},
            running: None,
            may_log_errors: false,
            may_leave_work: false,
            elsewhere: None,
            database: None,
        }
    }

    async fn begin(mut self, args: &[&str]) -> Self {
        if self.database.is_some() {
            cluster::lend_identities(self.directory.path());
        }
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.spawn();
        self.ready().await;
        self
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Starts it; the port stays the same after the first time.
    pub(crate) fn spawn(&mut self) {
        let args = self.command_line();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.expect("the log can be written");
        self.running = Some(match self.runs {
            Runs::InProcess => {
                let (mut settings, cast) = in_process::settings(args);
                (self.change)(&mut settings);
                Running::InProcess(InProcess::start(settings, cast, log))
            }
            Runs::AsProcess => {
                let usual = [binary().into()];
                let program = if self.program.is_empty() { &usual } else { &self.program[..] };
                let mut command = Command::new(&program[0]);
                command.args(&program[1..]);
                command.args(&args[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
                Running::Process(command.spawn().expect("the binary starts"))
            }
        });
    }

    fn command_line(&self) -> Vec<OsString> {
        let address = std::fs::read_to_string(self.directory.path().join("address")).ok();
        let port = address.and_then(|address| address.rsplit(':').next().map(str::to_owned));
        let listen = format!("127.0.0.1:{}", port.as_deref().unwrap_or("0"));
        let mut args: Vec<OsString> =
            ["single-window", "sandbox", "--quiet", "--drain-seconds", "3", "--listen", &listen]
                .map(OsString::from)
                .to_vec();
        args.extend(["--data-dir".into(), self.directory.path().into()]);
        if self.database.is_some() || self.elsewhere.is_some() {
            args.extend(["--database-url".into(), self.database_url().into()]);
        }
        args.extend(self.args.iter().map(OsString::from));
        args
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&mut self) {
        eventually("the sandbox starts", PATIENCE, async || {
            if let Ok(config) = self.try_config("admin")
                && Window::connect(&config).await.is_ok()
            {
                return Ok(());
            }
            if let Some(ended) = self.has_ended() {
                panic!("the sandbox ended with {ended:?}:\n{}", self.logged());
            }
            Err(self.logged())
        })
        .await;
    }

    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn has_ended(&mut self) -> Option<Ended> {
        match self.running.as_mut().expect("it was started") {
            Running::InProcess(window) => window.has_ended(),
            Running::Process(process) => {
                let ended = process.try_wait().expect("it is our child");
                ended.map(|status| Err(status.to_string()))
            }
        }
    }

    fn try_config(&self, caller: &str) -> std::io::Result<Config> {
        let at = |name: String| self.directory.path().join("identities").join(name);
        Ok(Config {
            address: std::fs::read_to_string(self.directory.path().join("address"))?,
            authority: std::fs::read(at("authority.pem".to_owned()))?,
            certificate: std::fs::read(at(format!("{caller}.pem")))?,
            key: std::fs::read(at(format!("{caller}.key")))?,
            api_key: String::new(),
        })
    }

    /// How a caller connects.
    pub(crate) fn config(&self, caller: &str) -> Config {
        self.try_config(caller).expect("the sandbox made its callers")
    }

    /// How somebody connects who has no certificate.
    pub(crate) fn config_without_certificate(&self) -> Config {
        Config { certificate: Vec::new(), key: Vec::new(), ..self.config("agent") }
    }

    /// The key (API key) of a caller.
    pub(crate) fn api_key(&self, caller: &str) -> String {
        let file = cli::sandbox::key_file(self.directory.path(), caller);
        let key = std::fs::read_to_string(file).expect("the sandbox made its callers' keys");
        key.trim().to_owned()
    }

    /// Connects as a caller.
    pub(crate) async fn connect(&self, caller: &str) -> Window {
        Window::connect(&self.config(caller)).await.expect("the sandbox serves")
    }

    /// Runs a client command of the binary against this sandbox.
    pub(crate) fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.args(args).arg("--data-dir").arg(self.directory.path()).current_dir(workspace());
        output(&mut command)
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        match self.running.as_ref().expect("it was started") {
            Running::Process(process) => process.id(),
            Running::InProcess(_) => panic!("this is about a process: `Sandbox::process`"),
        }
    }

    /// Kills the process without warning.
    pub(crate) fn kill(&mut self) {
        match self.running.take() {
            Some(Running::Process(mut process)) => {
                process.kill().expect("it is our child");
                process.wait().expect("it was killed");
            }
            Some(Running::InProcess(_)) => panic!("nobody kills a part: `Sandbox::process`"),
            None => {}
        }
    }

    /// Memory of the window itself, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
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
        let options = self.database_options().options([("search_path", "declaration")]);
        sqlx::PgConnection::connect_with(&options).await.expect("PostgreSQL answers")
    }

    /// Where its database is.
    pub(crate) fn database_options(&self) -> PgConnectOptions {
        match (&self.database, &self.elsewhere) {
            (Some(database), _) => database.options(),
            (None, Some(url)) => url.parse().expect("an address"),
            (None, None) => PgConnectOptions::new()
                .socket(self.directory.path().join("run"))
                .username("single_window")
                .database("single_window"),
        }
    }

    /// Ends it in order and says how it ended; `None` when it did not run.
    pub(crate) fn stop(&mut self) -> Option<Ended> {
        match self.running.as_ref()? {
            Running::InProcess(window) => window.drain(),
            Running::Process(process) => {
                let pid = i32::try_from(process.id()).ok().and_then(rustix::process::Pid::from_raw);
                let pid = pid.expect("a number of a process");
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
            }
        }
        self.wait()
    }

    /// Waits until it has ended, when somebody else told it to.
    pub(crate) fn wait(&mut self) -> Option<Ended> {
        Some(match self.running.take()? {
            Running::InProcess(window) => window.wait(),
            Running::Process(mut process) => {
                let status = process.wait().expect("it is our child");
                if status.success() { Ok(()) } else { Err(status.to_string()) }
            }
        })
    }

    /// What it still has to do, or has set aside, when it had time to do everything.
    fn work_left(&self) -> Vec<String> {
        let (options, now) = (self.database_options(), self.now());
        let look = async {
            let start = Instant::now();
            loop {
                let left = cluster::work_left(&options, now).await;
                if left.is_empty() || start.elapsed() > WORK {
                    return left;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        cluster::on_own_thread(look)
    }

    /// The time of its clock, which may have been moved.
    fn now(&self) -> time::OffsetDateTime {
        #[expect(clippy::disallowed_methods, reason = "the machine's clock, as the sandbox has it")]
        let now = time::OffsetDateTime::now_utc();
        let ahead = std::fs::read_to_string(self.directory.path().join("clock"));
        let ahead = ahead.map_or(0, |seconds| seconds.trim().parse().expect("a number of seconds"));
        now + time::Duration::seconds(ahead)
    }
}

/// What is to be done at the end of a journey takes no longer.
const WORK: Duration = Duration::from_secs(20);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        // One that does not run does nothing, and one that failed has not come to its end.
        let looks = self.running.is_some() && !failed && !self.may_leave_work;
        let left = if looks { self.work_left() } else { Vec::new() };
        let ended = self.stop();
        if failed {
            println!("the log of the sandbox:\n{}", self.logged());
            return;
        }
        assert!(left.is_empty(), "this is left to do: {left:#?}");
        assert!(ended.is_none_or(|ended| ended == Ok(())), "the sandbox ended otherwise");
        let log = self.logged();
        // Whatever may go wrong in a journey: the program is not to blame.
        let panics: Vec<&str> =
            log.split_inclusive('\n').filter(|l| l.contains(" panicked at ")).collect();
        assert!(panics.is_empty(), "the window panicked: {panics:#?}\n{log}");
        let errors: Vec<&str> = log.lines().filter(|l| l.contains("\"level\":\"ERROR\"")).collect();
        assert!(self.may_log_errors || errors.is_empty(), "errors in the log: {errors:#?}");
    }
}
