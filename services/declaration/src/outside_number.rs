//! Numbers that others gave: the way-bill and the bill of lading of the current version, and the preNo of the
//! national door. They do not say where their declaration is, so they have a table of their own, under the slot
//! of the number. What the window gives itself, preNo, invtNo and releases, says its slot.

use std::collections::BTreeMap;

use domain::numbers::NumberKind;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::Fault;
use uuid::Uuid;

use crate::row::DeclarationRow;

/// A number of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OutsideNumber {
    slot: i16,
    number: String,
    kind: i16,
    id: DeclarationId,
}

/// The column of a kind of number that has a row here.
pub(crate) fn kind_column(kind: NumberKind) -> Option<i16> {
    match kind {
        NumberKind::WayBill => Some(1),
        NumberKind::BillOfLading => Some(2),
        NumberKind::PreNo => Some(3),
        NumberKind::Order | NumberKind::Own | NumberKind::Customs | NumberKind::Release => None,
    }
}

/// What a transaction changes of them: with the declarant of those that are new, nothing for those that go.
#[derive(Debug, Default)]
pub(crate) struct OutsideNumbers(BTreeMap<OutsideNumber, Option<String>>);

impl OutsideNumbers {
    /// A declaration has these numbers from now on.
    pub(crate) fn put(&mut self, row: &DeclarationRow) {
        for number in numbers(row) {
            self.0.insert(number, Some(row.declarant_code.clone()));
        }
    }

    /// It has them no longer.
    pub(crate) fn remove(&mut self, row: &DeclarationRow) {
        self.0.extend(numbers(row).map(|number| (number, None)));
    }

    /// Writes it.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        let (mut new, mut gone) = (Columns::default(), Columns::default());
        let mut declarants = Vec::new();
        for (number, declarant) in &self.0 {
            match declarant {
                Some(declarant) => {
                    new.push(number);
                    declarants.push(declarant.as_str());
                }
                None => gone.push(number),
            }
        }
        if !gone.slots.is_empty() {
            sqlx::query!(
                "delete from outside_number o
                 using unnest($1::smallint[], $2::text[], $3::smallint[], $4::uuid[])
                   as gone (slot, number, kind, id)
                 where o.slot = gone.slot and o.number = gone.number and o.kind = gone.kind
                   and o.declaration_id = gone.id",
                &gone.slots,
                &gone.numbers as &[&str],
                &gone.kinds,
                &gone.ids
            )
            .execute(&mut *tx)
            .await?;
        }
        if !new.slots.is_empty() {
            sqlx::query!(
                "insert into outside_number (slot, number, kind, declaration_id, declarant_code)
                 select * from unnest($1::smallint[], $2::text[], $3::smallint[], $4::uuid[], $5::text[])
                 on conflict do nothing",
                &new.slots,
                &new.numbers as &[&str],
                &new.kinds,
                &new.ids,
                &declarants as &[&str]
            )
            .execute(tx)
            .await?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Columns<'a> {
    slots: Vec<i16>,
    numbers: Vec<&'a str>,
    kinds: Vec<i16>,
    ids: Vec<Uuid>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, number: &'a OutsideNumber) {
        self.slots.push(number.slot);
        self.numbers.push(&number.number);
        self.kinds.push(number.kind);
        self.ids.push(number.id.uuid());
    }
}

/// Those that a declaration has.
fn numbers(row: &DeclarationRow) -> impl Iterator<Item = OutsideNumber> {
    let of_door = if row.national { row.pre_no.as_str() } else { "" };
    let all = [
        (NumberKind::WayBill, row.logistics_no.as_str()),
        (NumberKind::BillOfLading, row.bill_no.as_str()),
        (NumberKind::PreNo, of_door),
    ];
    all.into_iter().filter(|(_, number)| !number.is_empty()).filter_map(|(kind, number)| {
        let (slot, number) = (Slot::of(number).column(), number.to_owned());
        Some(OutsideNumber { slot, number, kind: kind_column(kind)?, id: row.id })
    })
}
