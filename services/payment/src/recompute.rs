//! Duties are computed again from what was kept of each calculation, by the numbers of now. Changes nothing: what comes
//! out otherwise is told.

use domain::DeclarationId;
use domain::payment::parameter_set::ParameterSet;
use domain::refusal::{Code, Refusal};
use proto::duty_recomputation::{DutyRecomputation, UnreadableTrace, recompute};
use sqlx::PgPool;
use store::page::Page;
use store::{Fault, ServiceError, column};
use uuid::Uuid;

/// A duty beside what its newest calculation comes to now.
#[derive(Debug)]
pub(crate) struct RecomputedDuty {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    /// What the duty says.
    pub(crate) amount_fen: i64,
    pub(crate) found: DutyRecomputation,
}

/// The newest calculation of a duty, as it was kept.
struct KeptDuty {
    slot: i16,
    id: DeclarationId,
    version: u32,
    amount_fen: i64,
    trace: Vec<u8>,
}

/// A page of duties that were computed, by slot and declaration.
pub(crate) async fn duties(
    pool: &PgPool,
    page: &Page,
    set: &ParameterSet,
) -> Result<(Vec<RecomputedDuty>, String), ServiceError> {
    let (kept, next) = load(pool, page).await?;
    let mut recomputed = Vec::with_capacity(kept.len());
    for KeptDuty { slot: _, id, version, amount_fen, trace } in kept {
        // One that cannot be read is told like every difference: those behind it are computed all the same.
        let found = recompute(&trace, set);
        let found = found.unwrap_or_else(|UnreadableTrace| Some(unreadable(amount_fen)));
        recomputed.extend(found.map(|found| RecomputedDuty { id, version, amount_fen, found }));
    }
    Ok((recomputed, next))
}

/// Of a calculation that is kept and cannot be read nothing is known but what the duty says.
fn unreadable(amount_fen: i64) -> DutyRecomputation {
    let text = "what was kept of its calculation cannot be read".to_owned();
    DutyRecomputation {
        kept_fen: amount_fen,
        computed_fen: None,
        by_other_files: false,
        differences: vec![(text, "所留存的计算过程无法读取".to_owned())],
    }
}

async fn load(pool: &PgPool, page: &Page) -> Result<(Vec<KeptDuty>, String), ServiceError> {
    let foreign = || Refusal::of(Code::PageTokenForeign);
    let after = page.after()?;
    let (slot, id) = match after.split_once('/') {
        None => (-1, Uuid::nil()),
        Some((slot, id)) => {
            let slot = slot.parse::<i16>().map_err(|_| foreign())?;
            (slot, Uuid::try_parse(id).map_err(|_| foreign())?)
        }
    };
    let rows = sqlx::query!(
        "select d.slot, d.declaration_id, d.version, d.amount_fen, t.body
         from duty d join duty_trace t on t.slot = d.slot and t.declaration_id = d.declaration_id
                                      and t.version = d.version
         where (d.slot, d.declaration_id) > ($1, $2)
         order by d.slot, d.declaration_id limit $3",
        slot,
        id,
        page.count()
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(KeptDuty {
            slot: row.slot,
            id: DeclarationId::from_uuid(row.declaration_id),
            version: column::number(row.version)?,
            amount_fen: row.amount_fen,
            trace: row.body,
        });
    }
    let key = |it: &KeptDuty| format!("{:03}/{}", it.slot, it.id.uuid());
    Ok(page.cut(found, key)?)
}
