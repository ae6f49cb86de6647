//! How far the consumers of a journal are behind, for operators.

use domain::subscriber::Subscriber;
use sqlx::PgPool;
use store::Fault;
use time::OffsetDateTime;

/// How far a subscriber is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Its name.
    pub agency: &'static str,
    /// Consumers with a lease.
    pub connected: i64,
    /// Of them, those that acknowledge nothing.
    pub stalled: i64,
    /// Events for it that it has not acknowledged, of each slot at most [`COUNTED`].
    pub waiting: i64,
    /// When the oldest of them was written.
    pub oldest: Option<OffsetDateTime>,
}

/// So many events of a slot are counted: whoever is further behind is so much behind at least.
const COUNTED: i64 = 100;

/// Of every subscriber that ever read the journal of this schema.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn lags(pool: &PgPool) -> Result<Vec<Lag>, Fault> {
    let rows = Subscriber::ALL.map(Subscriber::row);
    let agencies = rows.map(|row| row.column);
    let (any, all): (Vec<i32>, Vec<i32>) = rows.iter().map(|row| row.topics.columns()).unzip();
    let found = sqlx::query!(
        r#"select asked.agency as "agency!",
                  (select count(*) from consumer c
                   where c.agency = asked.agency and c.expires_time > clock_timestamp()) as "connected!",
                  (select count(*) from consumer c
                   where c.agency = asked.agency and c.expires_time > clock_timestamp()
                     and c.stalled) as "stalled!",
                  sum(behind.events)::bigint as "waiting!", min(behind.oldest) as oldest
           from unnest($1::smallint[], $2::int[], $3::int[]) as asked (agency, "any", "all")
           join subscription s on s.agency = asked.agency
           cross join lateral (
               select count(*) as events, min(recorded_time) as oldest
               from (select j.recorded_time from journal j
                     where j.slot = s.slot and j.position > s.position
                       and j.topics & asked."any" <> 0 and j.topics & asked."all" = asked."all"
                     order by j.position limit $4) as first
           ) as behind
           group by asked.agency"#,
        &agencies[..],
        &any,
        &all,
        COUNTED
    )
    .fetch_all(pool)
    .await?;
    let lag = |row: &domain::subscriber::SubscriberRow| {
        let found = found.iter().find(|found| found.agency == row.column)?;
        Some(Lag {
            agency: row.name,
            connected: found.connected,
            stalled: found.stalled,
            waiting: found.waiting,
            oldest: found.oldest,
        })
    };
    Ok(rows.iter().filter_map(lag).collect())
}
