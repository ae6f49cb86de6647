//! Money that payment firms announced for exports (收款单), as rows.

use std::collections::BTreeMap;

use domain::DeclarationId;
use domain::payment::ledger::Currency;
use sqlx::PgConnection;
use store::Fault;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::sale_rows::SaleRow;

/// Money that is announced for an export; nothing where that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnnouncedReceipt {
    pub(crate) declaration: DeclarationId,
    pub(crate) pay_no: String,
    pub(crate) pay_code: String,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) day: Date,
}

/// What is announced under payment numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Announcements(BTreeMap<DeclarationId, BTreeMap<String, i64>>);

impl Announcements {
    /// The numbers.
    pub(crate) fn pay_nos(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Only what is announced under these numbers.
    pub(crate) fn only(&self, pay_nos: &[String]) -> Self {
        let parts = self.0.iter().filter_map(|(id, parts)| {
            let parts = parts.iter().filter(|(pay_no, _)| pay_nos.contains(pay_no));
            let parts: BTreeMap<_, _> = parts.map(|(no, sum)| (no.clone(), *sum)).collect();
            (!parts.is_empty()).then_some((*id, parts))
        });
        Self(parts.collect())
    }

    /// What may be given to an export of what is due for it: not more than is announced, where something is.
    pub(crate) fn due(&self, sale: &SaleRow) -> i64 {
        let due = sale.due().max(0);
        let announced = self
            .0
            .get(&sale.id)
            .map(|parts| parts.values().fold(0_i64, |sum, part| sum.saturating_add(*part)));
        announced.map_or(due, |announced| due.min(announced))
    }

    /// The exports.
    pub(crate) fn declarations(&self) -> impl Iterator<Item = DeclarationId> + '_ {
        self.0.keys().copied()
    }
}

/// What is announced under any of these numbers, of exports that a firm may receive money for.
pub(crate) async fn named(
    tx: &mut PgConnection,
    receiver: &str,
    words: &[String],
) -> Result<Announcements, Fault> {
    let rows = sqlx::query!(
        "select a.declaration_id, a.pay_no, a.amount
         from announced_receipt a
         join export_sale s on s.slot = a.slot and s.declaration_id = a.declaration_id
         where a.pay_no = any($2) and a.pay_no <> '' and (s.firm = $1 or s.ebc_code = $1)
           and s.state <> 3 and s.currency = a.currency",
        receiver,
        words
    )
    .fetch_all(tx)
    .await?;
    let mut found = Announcements::default();
    for row in rows {
        let id = DeclarationId::from_uuid(row.declaration_id);
        found.0.entry(id).or_default().insert(row.pay_no, row.amount);
    }
    Ok(found)
}

/// What is announced for exports, all together.
pub(crate) async fn sums(
    tx: &mut PgConnection,
    sales: &[SaleRow],
) -> Result<BTreeMap<DeclarationId, i64>, Fault> {
    let slots: Vec<i16> = sales.iter().map(|sale| sale.id.slot().column()).collect();
    let ids: Vec<Uuid> = sales.iter().map(|sale| sale.id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select a.declaration_id,
                  least(sum(a.amount), 9223372036854775807)::bigint as "amount!"
           from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
           join announced_receipt a on a.slot = wanted.slot and a.declaration_id = wanted.id
           group by a.declaration_id"#,
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    let sums =
        rows.into_iter().map(|row| (DeclarationId::from_uuid(row.declaration_id), row.amount));
    Ok(sums.collect())
}

/// Writes what is announced, in place of what was under its number.
pub(crate) async fn write(
    tx: &mut PgConnection,
    announced: &AnnouncedReceipt,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let (slot, id) = (announced.declaration.slot().column(), announced.declaration.uuid());
    if announced.amount == 0 {
        sqlx::query!(
            "delete from announced_receipt where slot = $1 and declaration_id = $2 and pay_no = $3",
            slot,
            id,
            announced.pay_no
        )
        .execute(tx)
        .await?;
        return Ok(());
    }
    sqlx::query!(
        "insert into announced_receipt (slot, declaration_id, pay_no, pay_code, currency, amount, day,
                                        announced_time)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (slot, declaration_id, pay_no) do update
         set pay_code = excluded.pay_code, currency = excluded.currency, amount = excluded.amount,
             day = excluded.day, announced_time = excluded.announced_time",
        slot,
        id,
        announced.pay_no,
        announced.pay_code,
        announced.currency.letters(),
        announced.amount,
        announced.day,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
