//! Places, officers and rule sets: what somebody puts and orders refer to. They live in slot 0.

use domain::clearance::Agency;
use domain::inspection::appointment::Place;
use domain::inspection::draw::Candidate;
use domain::refusal::{Code, Refusal};
use proto::inspection::{decode_officer, decode_place, encode_officer, encode_place};
use sqlx::{PgConnection, PgPool};
use store::{Fault, column};
use time::OffsetDateTime;

/// A place with the customs houses whose goods are examined there.
#[derive(Debug, Clone)]
pub(crate) struct SitePlace {
    pub(crate) place: Place,
    /// None means all.
    pub(crate) port_codes: Vec<String>,
}

impl SitePlace {
    /// Whether goods of a port are examined there.
    pub(crate) fn serves(&self, port_code: &str) -> bool {
        self.port_codes.is_empty() || self.port_codes.iter().any(|code| code == port_code)
    }
}

/// What somebody puts.
#[derive(Debug, Clone)]
pub(crate) enum ReferenceChange {
    /// A place.
    Site(SitePlace),
    /// An officer, and whether he or she left.
    Officer(Candidate, bool),
    /// A rule set with its document.
    Rules { agency: Agency, version: u32, document: String, by: String },
}

/// One place.
pub(crate) async fn site(tx: &mut PgConnection, id: &str) -> Result<Option<SitePlace>, Fault> {
    // Whoever books a window holds the place until the commit, so that nobody books the last one twice.
    let row =
        sqlx::query_scalar!("select body from place where slot = 0 and id = $1 for update", id)
            .fetch_optional(tx)
            .await?;
    row.map(|body| read_site(&body)).transpose()
}

/// Reads a place from its column.
pub(crate) fn read_site(body: &[u8]) -> Result<SitePlace, Fault> {
    let (place, port_codes) = decode_place(body).map_err(|e| Fault::Broken(e.to_string()))?;
    Ok(SitePlace { place, port_codes })
}

/// Officers who may be drawn.
pub(crate) async fn candidates(tx: &mut PgConnection) -> Result<Vec<Candidate>, Fault> {
    let rows = sqlx::query!("select body, last_firm from officer where slot = 0 order by id")
        .fetch_all(tx)
        .await?;
    let mut candidates = Vec::new();
    for row in rows {
        let (candidate, left) =
            decode_officer(&row.body).map_err(|e| Fault::Broken(e.to_string()))?;
        let last_firm = Some(row.last_firm).filter(|firm| !firm.is_empty());
        if !left {
            candidates.push(Candidate { last_firm, ..candidate });
        }
    }
    Ok(candidates)
}

/// Keeps whose goods officers examined last.
pub(crate) async fn examined(tx: &mut PgConnection, candidates: &[Candidate]) -> Result<(), Fault> {
    let ids: Vec<&str> = candidates.iter().map(|it| it.officer.as_str()).collect();
    let firms: Vec<&str> =
        candidates.iter().map(|it| it.last_firm.as_deref().unwrap_or("")).collect();
    sqlx::query!(
        "update officer o set last_firm = given.firm
         from unnest($1::text[], $2::text[]) as given (id, firm)
         where o.slot = 0 and o.id = given.id and o.last_firm <> given.firm",
        &ids as &[&str],
        &firms as &[&str]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether a rule set follows the newest one.
pub(crate) fn is_next(newest: u32, version: u32) -> Result<(), Refusal> {
    let next = newest.saturating_add(1);
    if version == next {
        return Ok(());
    }
    Err(Refusal::of(Code::VersionMismatch)
        .with("current_version", newest)
        .with("next_version", next)
        .with("your_version", version))
}

/// Keeps what somebody put.
pub(crate) async fn put(
    tx: &mut PgConnection,
    put: &ReferenceChange,
    now: OffsetDateTime,
) -> Result<Result<(), Refusal>, Fault> {
    match put {
        ReferenceChange::Site(SitePlace { place, port_codes }) => {
            sqlx::query!(
                "insert into place (slot, id, body) values (0, $1, $2)
                 on conflict (slot, id) do update set body = excluded.body",
                place.id,
                encode_place(place, port_codes)
            )
            .execute(tx)
            .await?;
        }
        ReferenceChange::Officer(candidate, left) => {
            // An officer belongs to one agency for good: the other one cannot take the id.
            let kept = sqlx::query!(
                "insert into officer (slot, id, agency, body) values (0, $1, $2, $3)
                 on conflict (slot, id) do update set body = excluded.body
                 where officer.agency = excluded.agency",
                candidate.officer,
                column::agency(candidate.agency),
                encode_officer(candidate, *left)
            )
            .execute(tx)
            .await?;
            if kept.rows_affected() == 0 {
                let refusal = Refusal::of(Code::NotYourAgency);
                return Ok(Err(refusal.with("officer", &candidate.officer)));
            }
        }
        ReferenceChange::Rules { agency, version, document, by } => {
            let column = column::agency(*agency);
            let newest = sqlx::query_scalar!(
                "select max(version) from rule_set where slot = 0 and agency = $1",
                column
            )
            .fetch_one(&mut *tx)
            .await?;
            let newest = newest.map_or(Ok(0), column::number)?;
            if let Err(refusal) = is_next(newest, *version) {
                return Ok(Err(refusal));
            }
            let version = column::integer(*version)?;
            sqlx::query!(
                "insert into rule_set (slot, agency, version, document, put_time, put_by)
                 values (0, $1, $2, $3, $4, $5)",
                column,
                version,
                document,
                now,
                by
            )
            .execute(tx)
            .await?;
        }
    }
    Ok(Ok(()))
}

/// Every place.
pub(crate) async fn places(pool: &PgPool) -> Result<Vec<SitePlace>, Fault> {
    let rows = sqlx::query_scalar!("select body from place where slot = 0 order by id")
        .fetch_all(pool)
        .await?;
    rows.iter().map(|body| read_site(body)).collect()
}
