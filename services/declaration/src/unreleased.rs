//! Declarations that are not released, by where they stand. They are few beside those that are over, and people ask
//! for them; a list of them reads no others. Where a declaration stands changes on the way to release, so that an
//! index on its row would make every such update leave its page.

use domain::clearance::Phase;
use sqlx::PgConnection;
use store::Fault;
use uuid::Uuid;

use crate::row::{DeclarationRow, phase_column};

#[derive(Default)]
struct Columns {
    slots: Vec<i16>,
    phases: Vec<i16>,
    ids: Vec<Uuid>,
}

impl Columns {
    fn push(&mut self, row: &DeclarationRow, phase: Phase) {
        self.slots.push(row.id.slot().column());
        self.phases.push(phase_column(phase));
        self.ids.push(row.id.uuid());
    }
}

/// Writes where these stand, of which some were filed or changed.
pub(crate) async fn write(tx: &mut PgConnection, rows: &[&DeclarationRow]) -> Result<(), Fault> {
    let (mut gone, mut new) = (Columns::default(), Columns::default());
    for row in rows {
        let now = row.clearance.phase;
        if row.stored_phase == Some(now) {
            continue;
        }
        if let Some(before) = row.stored_phase.filter(|before| *before != Phase::Released) {
            gone.push(row, before);
        }
        if now != Phase::Released {
            new.push(row, now);
        }
    }
    if !gone.ids.is_empty() {
        sqlx::query!(
            "delete from unreleased u
             using unnest($1::smallint[], $2::smallint[], $3::uuid[]) as gone (slot, phase, id)
             where u.slot = gone.slot and u.phase = gone.phase and u.declaration_id = gone.id",
            &gone.slots,
            &gone.phases,
            &gone.ids
        )
        .execute(&mut *tx)
        .await?;
    }
    if !new.ids.is_empty() {
        sqlx::query!(
            "insert into unreleased (slot, phase, declaration_id)
             select * from unnest($1::smallint[], $2::smallint[], $3::uuid[])",
            &new.slots,
            &new.phases,
            &new.ids
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}
