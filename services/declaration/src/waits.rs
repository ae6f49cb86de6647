//! For whom open declarations wait, for operators.

use domain::participant::Participant;
use sqlx::PgPool;
use store::Fault;
use time::OffsetDateTime;
use uuid::Uuid;

/// Open declarations that wait for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// For whom; `None` is the joint inspection.
    pub who: Option<Participant>,
    /// How many.
    pub declarations: i64,
    /// When the oldest was filed.
    pub since: OffsetDateTime,
    /// Which one it is.
    pub oldest: Uuid,
}

/// For whom they wait, longest first; `None` when there are too many rows to look at. What says whether one
/// is open has no index, since it changes on the way to release, so all are looked at.
///
/// # Errors
///
/// [`Fault`] from the database.
pub async fn waits(pool: &PgPool) -> Result<Option<Vec<Wait>>, Fault> {
    let mut tx = pool.begin().await?;
    sqlx::raw_sql("set local statement_timeout = '5s'; set local enable_seqscan = on")
        .execute(&mut *tx)
        .await?;
    let found = sqlx::query!(
        r#"select place as "place!", count(*) as "declarations!", min(filed_time) as "since!",
                  (array_agg(id order by filed_time, id))[1] as "oldest!"
           from declaration cross join generate_series(0, 4) as place
           where phase in (1, 2)
             and case place when 0 then phase = 2
                            else translate(substr(stands, place, 1), '08', '') <> '' end
           group by place order by min(filed_time), place"#
    )
    .fetch_all(&mut *tx)
    .await;
    let rows = match found {
        Ok(rows) => rows,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014") => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let waits = rows.into_iter().map(|row| Wait {
        who: Participant::ALL
            .into_iter()
            .find(|who| i32::try_from(who.place() + 1) == Ok(row.place)),
        declarations: row.declarations,
        since: row.since,
        oldest: row.oldest,
    });
    Ok(Some(waits.collect()))
}
