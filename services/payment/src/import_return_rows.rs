//! Goods that may come back as their transaction sees them, and the columns that they are kept in.

use std::collections::{BTreeMap, BTreeSet};

use domain::payment::import_return::ImportReturnState;
use domain::{DeclarationId, Slot};
use proto::duty::ReturnedGoods;
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// Goods that may come back by one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportReturnRow {
    /// Rises with time.
    pub(crate) id: Uuid,
    pub(crate) declaration: DeclarationId,
    pub(crate) payer: String,
    pub(crate) agent_code: String,
    pub(crate) order_no: String,
    /// The site that waits for them; empty where the inventory names none.
    pub(crate) loct_no: String,
    pub(crate) state: ImportReturnState,
    /// Last day on which they count as back.
    pub(crate) back_until: Date,
    /// What was given back of the tax for them.
    pub(crate) returned_fen: i64,
    pub(crate) allowed_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
    pub(crate) goods: ReturnedGoods,
}

impl ImportReturnRow {
    /// Where the money of its payer is.
    fn slot(&self) -> Slot {
        Slot::of(&self.payer)
    }
}

/// The returns of a transaction, by their applications.
#[derive(Debug, Default)]
pub(crate) struct ImportReturns {
    rows: BTreeMap<String, ImportReturnRow>,
    touched: BTreeSet<String>,
}

/// A state as it is in its column.
pub(crate) fn state_column(state: ImportReturnState) -> i16 {
    match state {
        ImportReturnState::Awaited => 1,
        ImportReturnState::Back => 2,
        ImportReturnState::Lapsed => 3,
        ImportReturnState::Late => 4,
    }
}

/// What a row of the table has.
#[derive(Debug)]
pub(crate) struct ImportReturnColumns {
    pub(crate) id: Uuid,
    pub(crate) declaration_id: Uuid,
    pub(crate) payer: String,
    pub(crate) agent_code: String,
    pub(crate) order_no: String,
    pub(crate) loct_no: String,
    pub(crate) state: i16,
    pub(crate) back_until: Date,
    pub(crate) returned_fen: i64,
    pub(crate) allowed_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
    pub(crate) body: Vec<u8>,
}

impl TryFrom<ImportReturnColumns> for ImportReturnRow {
    type Error = Fault;

    fn try_from(row: ImportReturnColumns) -> Result<Self, Fault> {
        let declaration = DeclarationId::from_uuid(row.declaration_id);
        let damaged = |_| Fault::Broken(format!("a return of {declaration} cannot be read"));
        Ok(Self {
            id: row.id,
            declaration,
            payer: row.payer,
            agent_code: row.agent_code,
            order_no: row.order_no,
            loct_no: row.loct_no,
            state: column::value(
                "state of a return",
                ImportReturnState::ALL,
                state_column,
                row.state,
            )?,
            back_until: row.back_until,
            returned_fen: row.returned_fen,
            allowed_time: row.allowed_time,
            changed_time: row.changed_time,
            goods: ReturnedGoods::decode(&row.body).map_err(damaged)?,
        })
    }
}

impl ImportReturns {
    /// Loads those of bills, by the slots of their payers and their declarations.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        ids: impl IntoIterator<Item = (Slot, DeclarationId)>,
    ) -> Result<Self, Fault> {
        let (slots, ids): (Vec<i16>, Vec<Uuid>) =
            ids.into_iter().map(|(slot, id)| (slot.column(), id.uuid())).unzip();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let rows = sqlx::query_as!(
            ImportReturnColumns,
            "select r.id, r.declaration_id, r.payer, r.agent_code, r.order_no, r.loct_no, r.state, r.back_until,
                    r.returned_fen, r.allowed_time, r.changed_time, r.body
             from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
             join import_return r on r.declaration_id = wanted.id and r.slot = wanted.slot",
            &slots,
            &ids
        )
        .fetch_all(tx)
        .await?;
        let mut returns = Self::default();
        for row in rows {
            let row = ImportReturnRow::try_from(row)?;
            returns.rows.insert(row.goods.guid.clone(), row);
        }
        Ok(returns)
    }

    /// That of an application.
    pub(crate) fn get(&self, guid: &str) -> Option<&ImportReturnRow> {
        self.rows.get(guid)
    }

    /// Whether the site waits for goods of this declaration.
    pub(crate) fn are_awaited(&self, id: DeclarationId) -> bool {
        let mut rows = self.rows.values();
        rows.any(|row| row.declaration == id && row.state == ImportReturnState::Awaited)
    }

    /// Keeps one as it is now.
    pub(crate) fn keep(&mut self, row: ImportReturnRow) {
        self.touched.insert(row.goods.guid.clone());
        self.rows.insert(row.goods.guid.clone(), row);
    }

    /// Writes those that changed.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        for row in self.touched.iter().filter_map(|guid| self.rows.get(guid)) {
            sqlx::query!(
                "insert into import_return (slot, guid, id, declaration_id, payer, agent_code, order_no,
                                            loct_no, state, back_until, returned_fen, allowed_time, changed_time, body)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 on conflict (slot, guid) do update
                 set state = excluded.state, returned_fen = excluded.returned_fen,
                     changed_time = excluded.changed_time, body = excluded.body",
                row.slot().column(),
                row.goods.guid,
                row.id,
                row.declaration.uuid(),
                row.payer,
                row.agent_code,
                row.order_no,
                row.loct_no,
                state_column(row.state),
                row.back_until,
                row.returned_fen,
                row.allowed_time,
                row.changed_time,
                row.goods.encode()
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}
