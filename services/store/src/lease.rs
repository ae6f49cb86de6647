//! Leases (租约): of several processes of a service on one database, one does a thing at a time, and
//! another goes on when that one is gone.
//!
//! A lease keeps work from being done twice in vain; that it has no second effect is the matter of
//! whoever does it, since a lease may run out in the middle.

use domain::limits;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Fault;

/// The lease of one thing, for one process.
#[derive(Debug)]
pub struct Lease {
    pool: PgPool,
    name: &'static str,
    holder: Uuid,
}

impl Lease {
    /// A lease that nobody has yet. The pool is that of the service, whose schema has the table.
    pub fn new(pool: PgPool, name: &'static str) -> Self {
        Self { pool, name, holder: Uuid::now_v7() }
    }

    /// Takes it or extends it by the clock of the database; false when another process has it.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database: then it is not held.
    pub async fn hold(&self) -> Result<bool, Fault> {
        let held = sqlx::query_scalar!(
            "insert into lease (slot, name, holder, expires_time)
             values (0, $1, $2, clock_timestamp() + make_interval(secs => $3::int))
             on conflict (slot, name) do update
             set holder = excluded.holder, expires_time = excluded.expires_time
             where lease.holder = excluded.holder or lease.expires_time < clock_timestamp()
             returning holder",
            self.name,
            self.holder,
            limits::TASK_LEASE_SECONDS
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(held.is_some())
    }

    /// Gives it back, so that another process need not wait until it runs out.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database.
    pub async fn release(&self) -> Result<(), Fault> {
        sqlx::query!(
            "delete from lease where slot = 0 and name = $1 and holder = $2",
            self.name,
            self.holder
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
