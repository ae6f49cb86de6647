//! One PostgreSQL for all journeys of this program, with a database for each.
//!
//! The first that needs it starts it, and it ends with the program, however that ends: a shell waits at a
//! pipe that nobody else holds. Nothing in it outlives the program, so it is kept in memory where there
//! is room. What is about PostgreSQL itself, or about what a disk keeps, has a server of its own
//! ([`Sandbox::alone`](super::Sandbox::alone)).

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use store::cipher::DataKeys;
use store::private::PrivatePostgres;
use window::signals::Ending;

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// What a database of a journey is a copy of: every table, and nothing in it.
const TEMPLATE: &str = "template_of_journeys";

/// The file of data keys in a data directory.
const DATA_KEYS: &str = "data-keys";

/// Windows side by side have more connections than one.
const CONNECTIONS: u32 = 300;

/// Waits until the program is gone, then ends the server and removes what it left. It is told to die at
/// once, since nobody wants its data.
const WATCH: &str = r#"trap '' HUP INT TERM
read -r _
pid=$(head -n 1 "$0/server/pg/postmaster.pid") && kill -QUIT "$pid"
tries=0
while kill -0 "$pid" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$0""#;

/// The server, and the certificates that every journey gets a copy of.
struct Cluster {
    directory: PathBuf,
    options: PgConnectOptions,
    /// Closed by the system when the program ends.
    _alive: ChildStdin,
}

impl Cluster {
    fn shared() -> &'static Self {
        CLUSTER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("sw-tests-").tempdir_in(memory());
        let directory = directory.expect("a directory").keep();
        super::let_everybody_in(&directory);
        let watch = Command::new("sh")
            .args(["-c", WATCH])
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let alive = watch.expect("a shell").stdin.take().expect("it is piped");
        let (started, starting) = std::sync::mpsc::channel();
        let server = directory.join("server");
        // A thread of its own: the journey that is first ends before the others.
        std::thread::spawn(move || {
            block_on(async {
                let (postgres, options) = start(&server).await;
                make_template(&server, &options).await;
                started.send(options).expect("somebody waits");
                postgres.run(std::future::pending()).await.expect("it runs until the end");
            });
        });
        #[expect(clippy::disallowed_methods, reason = "certificates begin now")]
        let now = time::OffsetDateTime::now_utc();
        let identities = cli::sandbox::identities(&directory);
        let keys = DataKeys::fresh().expect("random bytes");
        std::fs::write(directory.join(DATA_KEYS), keys).expect("the directory is ours");
        window::certificates::ensure(&identities, now).expect("certificates are made");
        let options = starting.recv().expect("PostgreSQL starts");
        Self { directory, options, _alive: alive }
    }
}

/// Memory, when there is enough of it.
pub(crate) fn memory() -> &'static Path {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize));
    if free > 2 << 30 { memory } else { Path::new("/tmp") }
}

/// Runs something to its end on this thread, which has nothing else to do.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

/// The same from anywhere, also from a destructor that runs within a runtime.
pub(super) fn on_own_thread<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| block_on(work)).join()).expect("it does not panic")
}

async fn start(directory: &Path) -> (PrivatePostgres, PgConnectOptions) {
    let path = std::env::var_os("PATH");
    let start = async || {
        let started =
            PrivatePostgres::start(directory, None, path.as_deref(), std::future::pending());
        started.await.expect("PostgreSQL starts").expect("nobody stops it")
    };
    let first = start().await;
    let more = format!("alter system set max_connections = {CONNECTIONS}");
    execute(&first.connect_options(), &more).await;
    first.run(std::future::ready(())).await.expect("it stops");
    let postgres = start().await;
    let options = postgres.connect_options();
    (postgres, options)
}

async fn make_template(directory: &Path, options: &PgConnectOptions) {
    execute(options, &format!("create database {TEMPLATE}")).await;
    let args = ["single-window", "sandbox", "--database-url", &url(options, TEMPLATE)];
    let mut args: Vec<_> = args.iter().map(Into::into).collect();
    args.extend(["--data-dir".into(), directory.into()]);
    let (settings, _) = super::in_process::settings(args);
    window::run::migrate(&settings, &Ending::default()).await.expect("the tables are made");
    // Each window makes keys of its own.
    for service in SERVICES {
        let forget = format!("delete from {service}.token_key");
        execute(&options.clone().database(TEMPLATE), &forget).await;
    }
}

async fn execute(options: &PgConnectOptions, command: &str) {
    let mut connection = options.connect().await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(command)).execute(&mut connection).await.expect(command);
    connection.close().await.expect("it was open");
}

fn url(options: &PgConnectOptions, database: &str) -> String {
    let (user, socket) = (options.get_username(), options.get_socket().expect("it has one"));
    format!("postgres://{user}@localhost/{database}?sslmode=disable&host={}", socket.display())
}

/// Services with tables, by their schemas.
const SERVICES: [&str; 4] = ["declaration", "ceb", "inspection", "payment"];

/// A database of one journey. It goes with it.
pub(crate) struct Database(String);

impl Database {
    /// A copy of the template.
    pub(crate) async fn new() -> Self {
        // The first one waits for the server, with all who run on the same thread.
        let cluster = tokio::task::spawn_blocking(Cluster::shared).await.expect("it starts");
        let name = format!("journey_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        execute(&cluster.options, &format!("create database {name} template {TEMPLATE}")).await;
        Self(name)
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        Cluster::shared().options.clone().database(&self.0)
    }

    pub(crate) fn url(&self) -> String {
        url(&Cluster::shared().options, &self.0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let gone = format!("drop database {} with (force)", self.0);
        on_own_thread(execute(&Cluster::shared().options, &gone));
    }
}

/// Copies the certificates into a data directory, since to make them takes longer than to start a window,
/// and the data keys, which windows on one database share.
pub(crate) fn lend_identities(data_dir: &Path) {
    let from = cli::sandbox::identities(&Cluster::shared().directory);
    super::copy_identities(&from, &cli::sandbox::identities(data_dir));
    let keys = data_dir.join(DATA_KEYS);
    std::fs::copy(Cluster::shared().directory.join(DATA_KEYS), &keys).expect("it can be copied");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(keys, private).expect("the file is ours");
}

/// What queues still have to do by this time, and what was set aside: a line for each item.
pub(crate) async fn work_left(
    options: &PgConnectOptions,
    now: time::OffsetDateTime,
) -> Vec<String> {
    let mut left = Vec::new();
    let mut connection = options.connect().await.expect("PostgreSQL answers");
    for service in SERVICES {
        let items = format!(
            "select '{service}.' || queue || ' ' || subject || case when stuck_time is null then ' ' \
             else ' stuck: ' end || reason from {service}.queue_item \
             where due_time <= $1 or tries > 0 or stuck_time is not null"
        );
        let items = sqlx::query_scalar::<_, String>(AssertSqlSafe(items)).bind(now);
        left.extend(items.fetch_all(&mut connection).await.expect("the table is there"));
    }
    connection.close().await.expect("it was open");
    left
}
