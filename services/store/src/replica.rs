//! Lists and statistics read from a database that follows the one that leads, where there is one.
//!
//! The invariant: a list has everything that was acknowledged before it was asked for, whoever wrote it, through
//! whichever process. So the one that leads says how far it has written, and the follower is asked only when it has
//! come as far, or does so within a moment; otherwise the one that leads is read itself. That question costs the one
//! that leads next to nothing: it reads no table.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::time::Instant;

use crate::Fault;
use crate::connect::of_service;

/// How long a list waits for the follower to have what was acknowledged before.
const CATCH_UP_MAX: Duration = Duration::from_millis(250);
/// From one look at the follower to the next.
const LOOK: Duration = Duration::from_millis(10);
/// A follower that did not answer is left alone for so long: lists do not wait for it one after the other.
const AWAY: Duration = Duration::from_secs(2);

/// A database that follows the one that leads.
#[derive(Debug, Clone)]
pub struct ReadReplica {
    pool: PgPool,
    /// Until when it is not asked.
    away: Arc<Mutex<Option<Instant>>>,
}

/// Where lists and statistics of a service are read.
#[derive(Debug, Clone)]
pub struct ListPools {
    leader: PgPool,
    replica: Option<ReadReplica>,
}

impl ReadReplica {
    /// With connections to the schema of a service; none is made before it is needed, so that a window starts also
    /// while the follower is away.
    pub fn new(options: PgConnectOptions, schema: &'static str, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CATCH_UP_MAX)
            .test_before_acquire(false)
            .connect_lazy_with(of_service(options, schema));
        Self { pool, away: Arc::default() }
    }

    fn is_away(&self) -> bool {
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|until| Instant::now() < until)
    }

    fn leave_alone(&self) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + AWAY);
    }

    /// How many bytes of what was written until `position` it does not have yet; `None` when it follows nobody.
    async fn behind(&self, position: &str) -> Result<Option<i64>, Fault> {
        let behind: Option<i64> = sqlx::query_scalar(
            "select case when pg_is_in_recovery()
                    then greatest(pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint end",
        )
        .bind(position)
        .fetch_one(&self.pool)
        .await?;
        Ok(behind)
    }

    /// Waits until it has what was written until `position`, for a moment.
    async fn catches_up(&self, position: &str) -> Result<bool, Fault> {
        let start = Instant::now();
        loop {
            let behind = self.behind(position).await?;
            if let Some(behind) = behind {
                #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                metrics::gauge!("sw_replica_behind_bytes").set(behind as f64);
            }
            match behind {
                Some(0) => return Ok(true),
                Some(_) if start.elapsed() < CATCH_UP_MAX => tokio::time::sleep(LOOK).await,
                Some(_) | None => return Ok(false),
            }
        }
    }
}

impl ListPools {
    /// Of a service whose tables are read in `leader`, and in a follower where there is one.
    pub fn new(leader: PgPool, replica: Option<ReadReplica>) -> Self {
        Self { leader, replica }
    }

    /// Where a list is read that is asked for now.
    pub async fn get(&self) -> PgPool {
        let Some(replica) = &self.replica else { return self.leader.clone() };
        let caught_up = match tokio::time::timeout(2 * CATCH_UP_MAX, self.has_all(replica)).await {
            Ok(caught_up) => caught_up,
            Err(_) => Err(Fault::Away("the follower does not answer".to_owned())),
        };
        let (pool, from) = match caught_up {
            Ok(true) => (&replica.pool, "replica"),
            Ok(false) => (&self.leader, "leader"),
            Err(fault) => {
                fault.report("lists are not read from the database that follows");
                replica.leave_alone();
                (&self.leader, "leader")
            }
        };
        metrics::counter!("sw_lists_total", "from" => from).increment(1);
        pool.clone()
    }

    async fn has_all(&self, replica: &ReadReplica) -> Result<bool, Fault> {
        if replica.is_away() {
            return Ok(false);
        }
        // Whoever was acknowledged has been written until here.
        let written: Option<String> = sqlx::query_scalar(
            "select case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end",
        )
        .fetch_one(&self.leader)
        .await?;
        match written {
            Some(position) => replica.catches_up(&position).await,
            // A leader that leads no more: nobody knows what was acknowledged elsewhere.
            None => Ok(false),
        }
    }

    /// Waits for its connections to the follower to end.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.pool.close().await;
        }
    }
}
