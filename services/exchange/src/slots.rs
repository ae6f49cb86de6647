//! Which consumer of an agency serves which slots, by lease and epoch, and how far it has stored them.
//!
//! The invariant: a cursor moves only under the lease of the connection that moves it. Slots are
//! shared evenly among the live consumers that make progress; a consumer that is silent for too long, or
//! acknowledges nothing of what it has got, loses its slots to them.

use domain::subscriber::Subscriber;
use domain::{Slot, limits};
use sqlx::{Connection as _, PgPool};
use store::{Fault, column};
use time::{Duration, OffsetDateTime};

const LEASE: Duration = Duration::seconds(limits::LEASE_SECONDS);

/// The lease of one connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLease {
    subscriber: Subscriber,
    consumer: String,
    epoch: i64,
}

/// Positions that an agency has stored, by slot.
pub(crate) type StoredPositions = Vec<(Slot, i64)>;

impl ConnectionLease {
    /// Registers a connection of a consumer; an older connection of the same name ends.
    pub(crate) async fn open(
        pool: &PgPool,
        subscriber: Subscriber,
        consumer: &str,
    ) -> Result<Self, Fault> {
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin().await?;
        let now = lock(&mut tx, subscriber).await?;
        sqlx::query!(
            "insert into subscription (slot, agency) select slot, $1 from generate_series(0, 255) slot
             on conflict do nothing",
            subscriber.row().column
        )
        .execute(&mut *tx)
        .await?;
        let row = sqlx::query!(
            r#"insert into consumer (agency, name, epoch, expires_time)
               select $1, $2,
                      1 + greatest((select coalesce(max(epoch), 0) from consumer where agency = $1),
                                   (select max(epoch) from subscription where agency = $1)),
                      $3
               on conflict (agency, name) do update
               set epoch = excluded.epoch, expires_time = excluded.expires_time, stalled = false
               returning epoch"#,
            subscriber.row().column,
            consumer,
            now + LEASE
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Self { subscriber, consumer: consumer.to_owned(), epoch: row.epoch })
    }

    /// The epoch of this connection.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Keeps what was stored, extends the lease, gives up slots that belong to others now and takes
    /// free ones of the fair share; who is stalled has none while others make progress. Returns the slots held with their stored positions; `None` when
    /// a newer connection of the same consumer took over.
    pub(crate) async fn renew(
        &self,
        pool: &PgPool,
        stored: &StoredPositions,
        stalled: bool,
    ) -> Result<Option<StoredPositions>, Fault> {
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin().await?;
        let now = lock(&mut tx, self.subscriber).await?;
        self.keep(&mut tx, stored).await?;
        let extended = sqlx::query!(
            "update consumer
             set expires_time = $4, stalled = $5
             where agency = $1 and name = $2 and epoch = $3",
            self.subscriber.row().column,
            self.consumer,
            self.epoch,
            now + LEASE,
            stalled
        )
        .execute(&mut *tx)
        .await?;
        if extended.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query!(
            "delete from consumer where agency = $1 and expires_time < $2",
            self.subscriber.row().column,
            now
        )
        .execute(&mut *tx)
        .await?;
        let live = sqlx::query!(
            "select name, stalled from consumer where agency = $1 order by name",
            self.subscriber.row().column
        )
        .fetch_all(&mut *tx)
        .await?;
        let (idle, working): (Vec<_>, Vec<_>) = live.into_iter().partition(|row| row.stalled);
        report_stalled(self.subscriber, idle.len());
        // Nobody is left to give slots to: who is stalled may still go on.
        let sharing = if working.is_empty() { idle } else { working };
        let names: Vec<String> = sharing.into_iter().map(|row| row.name).collect();
        let share = self.share(&names, stalled)?;
        sqlx::query!(
            "update subscription set consumer = '', expires_time = '-infinity'
             where agency = $1 and consumer = $2 and slot <> all($3)",
            self.subscriber.row().column,
            self.consumer,
            &share
        )
        .execute(&mut *tx)
        .await?;
        // A lease that still runs for long is left alone: an idle window writes next to nothing.
        let soon: OffsetDateTime = now + LEASE * 2 / 3;
        sqlx::query!(
            "update subscription
             set consumer = $2, epoch = $3, expires_time = $5
             where agency = $1 and slot = any($4) and (consumer in ('', $2) or expires_time < $6)
               and (consumer <> $2 or epoch <> $3 or expires_time < $7)",
            self.subscriber.row().column,
            self.consumer,
            self.epoch,
            &share,
            now + LEASE,
            now,
            soon
        )
        .execute(&mut *tx)
        .await?;
        let held = sqlx::query!(
            "select slot, position from subscription
             where agency = $1 and consumer = $2 and epoch = $3",
            self.subscriber.row().column,
            self.consumer,
            self.epoch
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let held = held.into_iter().map(|row| Ok((column::slot(row.slot)?, row.position)));
        held.collect::<Result<StoredPositions, Fault>>().map(Some)
    }

    /// Keeps what was stored.
    pub(crate) async fn store(&self, pool: &PgPool, stored: &StoredPositions) -> Result<(), Fault> {
        let mut connection = pool.acquire().await?;
        self.keep(&mut connection, stored).await
    }

    /// Keeps what was stored and gives everything back, at a clean end.
    pub(crate) async fn close(&self, pool: &PgPool, stored: &StoredPositions) -> Result<(), Fault> {
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin().await?;
        lock(&mut tx, self.subscriber).await?;
        self.keep(&mut tx, stored).await?;
        sqlx::query!(
            "update subscription set consumer = '', expires_time = '-infinity'
             where agency = $1 and consumer = $2 and epoch = $3",
            self.subscriber.row().column,
            self.consumer,
            self.epoch
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "delete from consumer where agency = $1 and name = $2 and epoch = $3",
            self.subscriber.row().column,
            self.consumer,
            self.epoch
        )
        .execute(&mut *tx)
        .await?;
        let stalled = sqlx::query_scalar!(
            r#"select count(*) as "count!" from consumer where agency = $1 and stalled"#,
            self.subscriber.row().column
        );
        let stalled = stalled.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        // Nobody has more consumers than that.
        report_stalled(self.subscriber, usize::try_from(stalled).unwrap_or(usize::MAX));
        Ok(())
    }

    async fn keep(
        &self,
        tx: &mut sqlx::PgConnection,
        stored: &StoredPositions,
    ) -> Result<(), Fault> {
        if stored.is_empty() {
            return Ok(());
        }
        let (slots, positions): (Vec<i16>, Vec<i64>) =
            stored.iter().map(|(slot, position)| (slot.column(), *position)).unzip();
        sqlx::query!(
            "update subscription set position = stored.position
             from unnest($4::smallint[], $5::bigint[]) as stored (slot, position)
             where subscription.slot = stored.slot and agency = $1 and consumer = $2 and epoch = $3
               and subscription.position < stored.position",
            self.subscriber.row().column,
            self.consumer,
            self.epoch,
            &slots,
            &positions
        )
        .execute(tx)
        .await?;
        Ok(())
    }

    /// The slots of this consumer when these share them evenly.
    fn share(&self, live: &[String], stalled: bool) -> Result<Vec<i16>, Fault> {
        let mine = match live.iter().position(|name| *name == self.consumer) {
            Some(mine) => mine,
            None if stalled => return Ok(Vec::new()),
            None => {
                let fault = "a consumer with a lease is not among those that live";
                return Err(Fault::Broken(fault.to_owned()));
            }
        };
        let all = Slot::all().map(Slot::column).enumerate();
        let own = all.filter(|(index, _)| index % live.len() == mine);
        Ok(own.map(|(_, slot)| slot).collect())
    }
}

/// How many consumers of an agency are stalled.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and they are few")]
fn report_stalled(subscriber: Subscriber, stalled: usize) {
    metrics::gauge!("sw_exchange_stalled", "agency" => subscriber.row().name).set(stalled as f64);
}

/// Changes of an agency's leases happen one at a time. The time of the database, once it is this one's turn:
/// leases of several processes go by one clock.
async fn lock(
    tx: &mut sqlx::PgConnection,
    subscriber: Subscriber,
) -> Result<OffsetDateTime, Fault> {
    let now = sqlx::query_scalar!(
        r#"select clock_timestamp() as "now!" from pg_advisory_xact_lock(7101, $1::int)"#,
        i32::from(subscriber.row().column)
    );
    Ok(now.fetch_one(tx).await?)
}
