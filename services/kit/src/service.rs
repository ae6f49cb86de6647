//! What a service is: one shape for all of them, so that mounting one knows none of them by name.
//!
//! A service says in a [`Manifest`] what is known of it before it runs, and in a [`Start`] how it runs.
//! Whoever mounts it brings its schema up to date, connects it ([`Parts`]), and has its [`Mount`]: its calls,
//! its loops with their progress, and where its stuck items are.

use std::pin::Pin;
use std::sync::Arc;

use client::Window;
use domain::Kind;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use store::Clock;
use store::cipher::Cipher;
use store::replica::ListPools;
use store::token::TokenKey;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::deliver::{DeliveryQueue, FIRST_PAUSE, Port};
use crate::progress::{Progress, measure};
use crate::queue_source::Source;

/// What is known of a service before it runs.
#[derive(Debug)]
pub struct Manifest {
    /// Its name: on the command line, of its schema, and before those of its loops.
    pub name: &'static str,
    /// What it does, for the help of the command line.
    pub purpose: &'static str,
    /// Brings its schema up to date.
    pub migrator: &'static Migrator,
    /// Its gRPC services.
    pub apis: &'static [Api],
    /// Connections of its transactions.
    pub connections: Connections,
    /// How its transactions are planned. What reads beside them always goes by index.
    pub plans: Plans,
    /// As whom it calls a window; `None` when it calls nobody.
    pub identity: Option<Identity>,
}

/// A gRPC service, and who may call what of it.
#[derive(Debug)]
pub struct Api {
    /// Its full name, which is also that of its health.
    pub name: &'static str,
    /// A line a method. A method without one does not start.
    pub methods: &'static [(&'static str, &'static [Kind])],
}

/// How many connections the transactions of a service have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// So many.
    Fixed(u32),
    /// One for each lane that the window is told to have, and so many more.
    BesideLanes(u32),
}

/// How the transactions of a service are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plans {
    /// As PostgreSQL finds best.
    Free,
    /// By index: tables fill within seconds from nothing, and a planner that has not seen them yet would
    /// read them whole.
    ByIndex,
}

/// As whom a service calls a window. Its flags on the command line begin with the kind of caller.
#[derive(Debug)]
pub struct Identity {
    /// The kind of caller, as the registry spells it; the sandbox has one of this name.
    pub kind: &'static str,
    /// What stands above its flags in the help.
    pub title: &'static str,
    /// What its certificate is, and what it is for, in the help.
    pub certificate: &'static str,
    /// Whether it sits at the exchange, where every consumer has a name.
    pub consumes: bool,
}

/// What a service gets from whoever mounts it.
#[derive(Debug)]
pub struct Parts {
    /// Its connections.
    pub pools: Pools,
    /// Its time.
    pub clock: Clock,
    /// Calls and loops end.
    pub draining: CancellationToken,
    /// Lanes end, when what they took is done.
    pub closing: CancellationToken,
}

/// The connections of a service to its own schema.
#[derive(Debug, Clone)]
pub struct Pools {
    /// For transactions.
    pub work: PgPool,
    /// For reading: what many readers do must not keep a transaction from its connection.
    pub reads: PgPool,
    /// For lists and statistics, also in a database that follows the one that leads.
    pub lists: ListPools,
    /// Of the tokens that its callers keep.
    pub tokens: TokenKey,
    /// What is encrypted in its tables is encrypted with this.
    pub cipher: Cipher,
}

impl Pools {
    /// Waits for its connections to end.
    pub async fn close(&self) {
        self.work.close().await;
        self.reads.close().await;
        self.lists.close().await;
    }
}

/// How a service reaches others.
#[derive(Debug)]
pub struct Caller {
    /// The window, also within one process.
    pub window: Window,
    /// Its name on the exchange, when it has a seat there.
    pub name: String,
}

/// How a service runs.
pub enum Start {
    /// It calls nobody.
    Alone(Box<dyn FnOnce(Parts) -> Mount + Send>),
    /// It calls a window, with the identity of its manifest.
    Calling(Box<dyn FnOnce(Parts, Caller) -> Mount + Send>),
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Alone(_) => "Alone",
            Self::Calling(_) => "Calling",
        })
    }
}

impl Start {
    /// Of a service that calls nobody.
    pub fn alone(start: impl FnOnce(Parts) -> Mount + Send + 'static) -> Self {
        Self::Alone(Box::new(start))
    }

    /// Of a service that calls a window.
    pub fn calling(start: impl FnOnce(Parts, Caller) -> Mount + Send + 'static) -> Self {
        Self::Calling(Box::new(start))
    }
}

/// What a service has run as a task.
pub type Loop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What adds a service's calls to those that a window serves.
type AddRoutes = Box<dyn FnOnce(Routes) -> Routes + Send>;

/// A service as it is mounted.
pub struct Mount {
    /// Adds its calls to those that are served.
    pub routes: AddRoutes,
    /// What is run as tasks: lanes end after closing, the others with draining.
    pub loops: Vec<Loop>,
    /// How its loops get on.
    pub progress: Vec<Progress>,
    /// Where its stuck items are, when it has queues.
    pub stuck: Option<Source>,
    /// How many calls of one firm may be under way while too much waits for its commits; `None` while there
    /// is room.
    pub backlog: Option<MostOfEach>,
}

/// How many calls of one firm may be under way now.
pub type MostOfEach = Box<dyn Fn() -> Option<usize> + Send + Sync>;

impl Mount {
    /// With a bound of what waits for its commits.
    #[must_use]
    pub fn within(mut self, most: impl Fn() -> Option<usize> + Send + Sync + 'static) -> Self {
        self.backlog = Some(Box::new(most));
        self
    }
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// The loops of a service while it is put together.
pub struct Loops {
    service: &'static str,
    /// What its queues are worked off with.
    pool: PgPool,
    reads: PgPool,
    cipher: Cipher,
    clock: Clock,
    draining: CancellationToken,
    loops: Vec<Loop>,
    progress: Vec<Progress>,
}

impl std::fmt::Debug for Loops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loops").field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Loops {
    /// None yet. `pool` is what queues are worked off with.
    pub fn new(manifest: &Manifest, pool: &PgPool, parts: &Parts) -> Self {
        Self {
            service: manifest.name,
            pool: pool.clone(),
            reads: parts.pools.reads.clone(),
            cipher: parts.pools.cipher.clone(),
            clock: parts.clock.clone(),
            draining: parts.draining.clone(),
            loops: Vec::new(),
            progress: Vec::new(),
        }
    }

    /// One that knows by itself when it ends.
    pub fn add(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.loops.push(Box::pin(work));
    }

    /// The progress of one that is no queue's.
    pub fn progress(&mut self, name: &'static str) -> Progress {
        let progress = Progress::new(name);
        self.progress.push(progress.clone());
        progress
    }

    /// The loop of a queue. `wake` says that something may be new.
    pub fn queue<P: Port + 'static>(&mut self, name: &'static str, port: P, wake: Arc<Notify>) {
        let queue = DeliveryQueue {
            port,
            service: self.service,
            pool: self.pool.clone(),
            cipher: self.cipher.clone(),
            clock: self.clock.clone(),
            progress: self.progress(name),
            pause: FIRST_PAUSE,
        };
        let draining = self.draining.clone();
        self.add(async move { queue.run(&wake, &draining).await });
    }

    /// The service with these calls. `queues` are those of which figures are shown also while they are empty.
    pub fn mount(
        mut self,
        queues: &'static [&'static str],
        routes: impl FnOnce(Routes) -> Routes + Send + 'static,
    ) -> Mount {
        let stuck = (!queues.is_empty()).then(|| Source {
            service: self.service,
            pool: self.reads.clone(),
            cipher: self.cipher.clone(),
        });
        if stuck.is_some() {
            let rows = (self.pool.clone(), self.clock.clone());
            let (progress, draining) = (self.progress.clone(), self.draining.clone());
            self.add(measure(self.service, queues, rows, progress, draining));
        }
        let Self { loops, progress, .. } = self;
        Mount { routes: Box::new(routes), loops, progress, stuck, backlog: None }
    }
}
