//! An order of a seller is declared once (一单一报), whoever declares it.
//!
//! The invariant: table `declared_order` names for each order the one declaration that has it, under the slot of
//! the order's number and not of a declarant, so that declarants of all slots meet in one row. Whoever has no
//! declaration of an order puts its own there before anything is decided; two who do so at once wait for each
//! other there, and the second finds the first. A declaration that ended without release gives way, and
//! has to find itself still there before it is amended.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::clearance::Stand;
use domain::{DeclarationId, Slot};
use sqlx::PgConnection;
use store::Fault;
use uuid::Uuid;

use crate::key_holder::KeyHolder;
use crate::row::{DeclarationRow, phase, stand_column};

/// An order of a seller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderKey {
    pub(crate) order_no: String,
    pub(crate) ebc_code: String,
}

impl OrderKey {
    pub(crate) fn of(row: &DeclarationRow) -> Self {
        Self { order_no: row.order_no.clone(), ebc_code: row.ebc_code.clone() }
    }

    /// As a refusal names it.
    pub(crate) fn describe(&self) -> String {
        format!("ebc.code {} + order_no {}", self.ebc_code, self.order_no)
    }

    /// Where its row is. Whoever looks for the number alone finds it there too.
    fn slot(&self) -> i16 {
        Slot::of(&self.order_no).column()
    }
}

/// The orders that a transaction is about, and who has them.
#[derive(Debug, Default)]
pub(crate) struct DeclaredOrders {
    /// As the table has them within this transaction.
    stored: BTreeMap<OrderKey, DeclarationId>,
    /// As they are now.
    now: BTreeMap<OrderKey, Option<DeclarationId>>,
    /// Those that had one before, by their ids.
    before: HashMap<DeclarationId, KeyHolder>,
}

impl DeclaredOrders {
    /// Puts the declarations that `new` orders would get there, where there is none; and locks the orders that
    /// are `asked` about, of declarations that want to go on. Of `checks` without effect it only looks.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        new: &BTreeMap<OrderKey, DeclarationId>,
        asked: &BTreeSet<OrderKey>,
        checks: &BTreeSet<OrderKey>,
    ) -> Result<Self, Fault> {
        let mut stored = put(&mut *tx, new).await?;
        stored.extend(lock(&mut *tx, asked).await?);
        stored.extend(look(&mut *tx, checks).await?);
        let fresh = |(key, id): &(&OrderKey, &DeclarationId)| new.get(*key) == Some(*id);
        let held: Vec<DeclarationId> =
            stored.iter().filter(|it| !fresh(it)).map(|(_, id)| *id).collect();
        let mut orders = Self { before: holders(tx, &held).await?, ..Self::default() };
        for (key, id) in stored {
            let has = orders.before.contains_key(&id).then_some(id);
            orders.now.insert(key.clone(), has);
            orders.stored.insert(key, id);
        }
        Ok(orders)
    }

    /// Which declaration has an order.
    pub(crate) fn declaration(&self, key: &OrderKey) -> Option<DeclarationId> {
        self.now.get(key).copied().flatten()
    }

    /// What was known of it when the transaction began; `None` for one of this transaction.
    pub(crate) fn holder(&self, id: DeclarationId) -> Option<&KeyHolder> {
        self.before.get(&id)
    }

    /// The id that stands there for a new declaration in this slot, while nobody has it.
    pub(crate) fn reserved(&self, key: &OrderKey, slot: Slot) -> Option<DeclarationId> {
        let is_free = self.declaration(key).is_none();
        let id = self.stored.get(key).copied().filter(|id| is_free && id.slot() == slot);
        id.filter(|id| !self.before.contains_key(id))
    }

    /// A declaration has the order from now on.
    pub(crate) fn take(&mut self, key: OrderKey, id: DeclarationId) {
        self.now.insert(key, Some(id));
    }

    /// Writes who has them where that is another one than what was put there.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        let (mut moved, mut unused) = (Vec::new(), Vec::new());
        for (key, stored) in &self.stored {
            match self.declaration(key) {
                Some(now) if now != *stored => moved.push((key, now)),
                Some(_) => {}
                None => unused.push(key),
            }
        }
        if !moved.is_empty() {
            let (slots, orders, sellers) = columns(moved.iter().map(|(key, _)| *key));
            let ids: Vec<Uuid> = moved.iter().map(|(_, id)| id.uuid()).collect();
            sqlx::query!(
                "update declared_order o set declaration_id = now.id
                 from unnest($1::smallint[], $2::text[], $3::text[], $4::uuid[])
                   as now (slot, order_no, ebc_code, id)
                 where o.slot = now.slot and o.order_no = now.order_no and o.ebc_code = now.ebc_code",
                &slots,
                &orders as &[&str],
                &sellers as &[&str],
                &ids
            )
            .execute(&mut *tx)
            .await?;
        }
        if !unused.is_empty() {
            // What was refused leaves nothing.
            let (slots, orders, sellers) = columns(unused.into_iter());
            sqlx::query!(
                "delete from declared_order o
                 using unnest($1::smallint[], $2::text[], $3::text[]) as gone (slot, order_no, ebc_code)
                 where o.slot = gone.slot and o.order_no = gone.order_no and o.ebc_code = gone.ebc_code",
                &slots,
                &orders as &[&str],
                &sellers as &[&str]
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

type Columns<'a> = (Vec<i16>, Vec<&'a str>, Vec<&'a str>);

fn columns<'a>(keys: impl Iterator<Item = &'a OrderKey>) -> Columns<'a> {
    let mut columns = Columns::default();
    for key in keys {
        columns.0.push(key.slot());
        columns.1.push(&key.order_no);
        columns.2.push(&key.ebc_code);
    }
    columns
}

type StoredOrders = BTreeMap<OrderKey, DeclarationId>;

/// A row of the table.
struct Row {
    order_no: String,
    ebc_code: String,
    declaration_id: Uuid,
}

fn stored(rows: Vec<Row>) -> StoredOrders {
    let entry = |Row { order_no, ebc_code, declaration_id }| {
        (OrderKey { order_no, ebc_code }, DeclarationId::from_uuid(declaration_id))
    };
    rows.into_iter().map(entry).collect()
}

/// Puts declarations there, in the order of the keys, so that transactions do not wait for each other in a
/// circle; who is there already stays, locked, and is given back.
async fn put(tx: &mut PgConnection, new: &StoredOrders) -> Result<StoredOrders, Fault> {
    if new.is_empty() {
        return Ok(StoredOrders::new());
    }
    let (slots, orders, sellers) = columns(new.keys());
    let ids: Vec<Uuid> = new.values().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        "insert into declared_order as o (slot, order_no, ebc_code, declaration_id)
         select slot, order_no, ebc_code, id
         from unnest($1::smallint[], $2::text[], $3::text[], $4::uuid[])
           as new (slot, order_no, ebc_code, id)
         order by slot, order_no, ebc_code
         on conflict (slot, order_no, ebc_code) do update set declaration_id = o.declaration_id
         returning order_no, ebc_code, declaration_id",
        &slots,
        &orders as &[&str],
        &sellers as &[&str],
        &ids
    )
    .fetch_all(tx)
    .await?;
    Ok(stored(rows))
}

/// Who has them, and keeps them until the end of the transaction.
async fn lock(tx: &mut PgConnection, keys: &BTreeSet<OrderKey>) -> Result<StoredOrders, Fault> {
    if keys.is_empty() {
        return Ok(StoredOrders::new());
    }
    let (slots, orders, sellers) = columns(keys.iter());
    let rows = sqlx::query_as!(
        Row,
        "select o.order_no, o.ebc_code, o.declaration_id
         from unnest($1::smallint[], $2::text[], $3::text[]) as asked (slot, order_no, ebc_code)
         join declared_order o on o.slot = asked.slot and o.order_no = asked.order_no
                              and o.ebc_code = asked.ebc_code
         order by o.slot, o.order_no, o.ebc_code for update of o",
        &slots,
        &orders as &[&str],
        &sellers as &[&str]
    )
    .fetch_all(tx)
    .await?;
    Ok(stored(rows))
}

/// Who has them at the moment.
async fn look(tx: &mut PgConnection, keys: &BTreeSet<OrderKey>) -> Result<StoredOrders, Fault> {
    if keys.is_empty() {
        return Ok(StoredOrders::new());
    }
    let (slots, orders, sellers) = columns(keys.iter());
    let rows = sqlx::query_as!(
        Row,
        "select o.order_no, o.ebc_code, o.declaration_id
         from unnest($1::smallint[], $2::text[], $3::text[]) as asked (slot, order_no, ebc_code)
         join declared_order o on o.slot = asked.slot and o.order_no = asked.order_no
                              and o.ebc_code = asked.ebc_code",
        &slots,
        &orders as &[&str],
        &sellers as &[&str]
    )
    .fetch_all(tx)
    .await?;
    Ok(stored(rows))
}

/// What there is of these declarations, in whichever slot they are.
async fn holders(
    tx: &mut PgConnection,
    ids: &[DeclarationId],
) -> Result<HashMap<DeclarationId, KeyHolder>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = ids.iter().map(|id| id.slot().column()).collect();
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"select d.id, d.phase, d.declarant_code, d.pre_no, d.invt_no,
                  (strpos(d.stands, $3) > 0) as "detained!"
           from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
           join declaration d on d.slot = wanted.slot and d.id = wanted.id"#,
        &slots,
        &uuids,
        &stand_column(Stand::Detained).to_string()
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = DeclarationId::from_uuid(row.id);
            let holder = KeyHolder {
                id,
                declarant_code: row.declarant_code,
                phase: phase(row.phase)?,
                detained: row.detained,
                pre_no: row.pre_no,
                invt_no: row.invt_no,
            };
            Ok((id, holder))
        })
        .collect()
}
