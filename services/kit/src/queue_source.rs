//! Where the queues of a service are, for whoever looks after what is stuck in them.

use sqlx::PgPool;
use store::cipher::Cipher;

/// The queues of a service in this process.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub service: &'static str,
    /// Where its rows are.
    pub pool: PgPool,
    /// What their bodies are encrypted with.
    pub cipher: Cipher,
}
