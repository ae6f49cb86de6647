//! A private PostgreSQL for these tests: started by the first that needs it, shared by those that run
//! beside it, stopped by the last.

use std::ops::Add as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use store::cipher::{Cipher, DataKeys};
use store::migration::{Extent, migrate};
use store::private::PrivatePostgres;
use tokio::sync::oneshot;

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

struct Server {
    options: PgConnectOptions,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    fn start() -> Self {
        let (started, starting) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let directory = tempfile::Builder::new().prefix("sw-").tempdir_in("/tmp");
                let directory = directory.expect("/tmp exists");
                // The user `postgres` has to reach it.
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(directory.path(), open).expect("the directory is ours");
                let path = std::env::var_os("PATH");
                let server = PrivatePostgres::start(
                    directory.path(),
                    None,
                    path.as_deref(),
                    std::future::pending(),
                );
                let server = server.await.expect("PostgreSQL starts").expect("nobody stops it");
                started.send(server.connect_options()).expect("somebody waits");
                server.run(async { drop(stopped.await) }).await.expect("PostgreSQL stops");
            });
        });
        let options = starting.recv().expect("PostgreSQL started");
        Self { options, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server's thread ended well");
        }
    }
}

/// What these tests encrypt with.
pub(crate) fn cipher() -> Cipher {
    let keys = DataKeys::parse(&"A".repeat(43).add("=")).expect("a key");
    Cipher::new("tests", keys).expect("random bytes")
}

/// A schema of one test's own.
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    schema: &'static str,
    server: Arc<Server>,
}

impl Database {
    pub(crate) async fn new(schema: &'static str) -> Self {
        let server = tokio::task::spawn_blocking(Server::shared).await.expect("it started");
        let made = migrate(&server.options, schema, &crate::TABLES, Extent::Expanding).await;
        made.expect("the tables are made");
        let pool = connect(&server, schema).await;
        Self { pool, schema, server }
    }

    /// Connections of another process.
    pub(crate) async fn another_process(&self) -> PgPool {
        connect(&self.server, self.schema).await
    }
}

async fn connect(server: &Server, schema: &'static str) -> PgPool {
    store::connect(server.options.clone(), schema, 4).await.expect("it answers")
}
