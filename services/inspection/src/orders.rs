//! Joint orders in their table, and what of an order is found by index.

use std::collections::{BTreeMap, BTreeSet};

use domain::clearance::{Agency, ReleaseCondition};
use domain::inspection::joint::{JointCase, ReviewRound};
use domain::inspection::order::{Appointment, JointOrder, Stage};
use domain::{DeclarationId, OrderId};
use proto::inspection::{OrderView, decode_order, encode_order};
use sqlx::PgConnection;
use store::Fault;
use store::column::{array, integer, number};
use time::OffsetDateTime;
use uuid::Uuid;

/// An order with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderRow {
    pub(crate) id: DeclarationId,
    pub(crate) order_id: OrderId,
    pub(crate) declarant_code: String,
    pub(crate) port_code: String,
    pub(crate) trade_mode: String,
    /// Number of the trade order, which scripts of the sandbox are written in.
    pub(crate) order_no: String,
    /// Codes of every firm in the declaration.
    pub(crate) firms: Vec<String>,
    /// The lines of goods, encoded.
    pub(crate) goods: Vec<u8>,
    /// The order, and what it waits for.
    pub(crate) case: JointCase,
    /// The window that is kept for it in the table of bookings.
    pub(crate) booked: Option<(String, OffsetDateTime)>,
    /// Name of the place of the appointment.
    pub(crate) place_name: String,
    /// The same in Chinese.
    pub(crate) place_name_zh: String,
    /// The site that took it on; empty before.
    pub(crate) claimed_by: String,
    /// What the release of the declaration waits for, as last heard of.
    pub(crate) waits_for: Vec<ReleaseCondition>,
    pub(crate) ordered_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
}

impl OrderRow {
    /// The appointment for which a place keeps a station.
    pub(crate) fn standing(&self) -> Option<&Appointment> {
        self.case.order.appointment.as_ref().filter(|_| holds_window(self.case.order.stage))
    }

    /// As it is said.
    pub(crate) fn shown(&self) -> OrderView<'_> {
        OrderView {
            id: self.id,
            order_id: self.order_id,
            declarant_code: &self.declarant_code,
            port_code: &self.port_code,
            trade_mode: &self.trade_mode,
            order_no: &self.order_no,
            order: &self.case.order,
            place: (&self.place_name, &self.place_name_zh),
            claimed_by: &self.claimed_by,
            objection_pending: self.case.objection_pending,
            times: (self.ordered_time, self.changed_time),
            goods: &self.goods,
            waits_for: &self.waits_for,
        }
    }
}

/// A stage as a column, part of the stored format; 0 for an order that was never made, which no row has.
pub(crate) fn stage_column(stage: Stage) -> i16 {
    match stage {
        Stage::None => 0,
        Stage::Ordered => 1,
        Stage::Appointed => 2,
        Stage::Presented => 3,
        Stage::Examining => 4,
        Stage::Sampled => 5,
        Stage::Laboratory => 6,
        Stage::Found => 7,
        Stage::Treating => 8,
        Stage::Disposed => 9,
        Stage::Closed => 10,
        Stage::Cancelled => 11,
    }
}

/// What a release waits for as a column: a bit for each.
fn awaited_column(waits_for: &[ReleaseCondition]) -> i16 {
    waits_for.iter().map(|what| bit(*what)).sum()
}

fn awaited(column: i16) -> Vec<ReleaseCondition> {
    ReleaseCondition::all().filter(|what| column & bit(*what) != 0).collect()
}

fn bit(what: ReleaseCondition) -> i16 {
    match what {
        ReleaseCondition::Findings => 1,
        ReleaseCondition::Clearance(who) => 2 << who.place(),
        ReleaseCondition::Documents => 1 << 8,
    }
}

/// Keeps with the orders what the release of their declarations waits for. Most declarations have none.
pub(crate) async fn wait(
    tx: &mut PgConnection,
    waits: &BTreeMap<DeclarationId, Vec<ReleaseCondition>>,
) -> Result<(), Fault> {
    if waits.is_empty() {
        return Ok(());
    }
    let slots: Vec<i16> = waits.keys().map(|id| id.slot().column()).collect();
    let ids: Vec<Uuid> = waits.keys().map(|id| id.uuid()).collect();
    let columns: Vec<i16> = waits.values().map(|waits_for| awaited_column(waits_for)).collect();
    sqlx::query!(
        "update joint_order o set waits_for = given.waits_for
         from unnest($1::smallint[], $2::uuid[], $3::smallint[]) as given (slot, id, waits_for)
         where o.slot = given.slot and o.declaration_id = given.id
           and o.waits_for <> given.waits_for",
        &slots,
        &ids,
        &columns
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the place keeps a station for it.
fn holds_window(stage: Stage) -> bool {
    match stage {
        Stage::None | Stage::Ordered | Stage::Cancelled => false,
        Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Found
        | Stage::Treating
        | Stage::Disposed
        | Stage::Closed => true,
    }
}

/// Which of these declarations have an order.
pub(crate) async fn known(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeSet<DeclarationId>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (slots, uuids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query_scalar!(
        "select o.declaration_id from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join joint_order o on o.slot = wanted.slot and o.declaration_id = wanted.id",
        &slots,
        &uuids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(DeclarationId::from_uuid).collect())
}

/// Loads orders; declarations without one are left out.
pub(crate) async fn load(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeMap<DeclarationId, OrderRow>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (slots, uuids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"select o.declaration_id, o.order_id, o.declarant_code, o.port_code, o.trade_mode,
                o.order_no, o.firms, o.goods, o.state, o.claimed_by, o.objection_pending,
                o.place_name, o.place_name_zh, o.ordered_time, o.changed_time, o.waits_for,
                o.asked_version, o.asked_round, o.place, o.window_start,
                greatest(o.version, c.version) as "newest_version!",
                coalesce(c.ended = 1, false) as "released!"
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join joint_order o on o.slot = wanted.slot and o.declaration_id = wanted.id
         left join consignment c on c.slot = o.slot and c.declaration_id = o.declaration_id"#,
        &slots,
        &uuids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| row.filed().map(|filed| (filed.id, filed))).collect()
}

/// A row as it is read.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) declaration_id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) declarant_code: String,
    pub(crate) port_code: String,
    pub(crate) trade_mode: String,
    pub(crate) order_no: String,
    pub(crate) firms: Vec<String>,
    pub(crate) goods: Vec<u8>,
    pub(crate) state: Vec<u8>,
    pub(crate) newest_version: i32,
    pub(crate) released: bool,
    pub(crate) asked_version: i32,
    pub(crate) asked_round: i32,
    pub(crate) place: String,
    pub(crate) window_start: Option<OffsetDateTime>,
    pub(crate) place_name: String,
    pub(crate) place_name_zh: String,
    pub(crate) claimed_by: String,
    pub(crate) objection_pending: bool,
    pub(crate) waits_for: i16,
    pub(crate) ordered_time: OffsetDateTime,
    pub(crate) changed_time: OffsetDateTime,
}

impl Row {
    pub(crate) fn filed(self) -> Result<OrderRow, Fault> {
        let case = JointCase {
            order: decode_order(&self.state).map_err(|error| Fault::Broken(error.to_string()))?,
            newest_version: number(self.newest_version)?,
            asked: ReviewRound {
                version: number(self.asked_version)?,
                round: number(self.asked_round)?,
            },
            objection_pending: self.objection_pending,
            released: self.released,
        };
        Ok(OrderRow {
            id: DeclarationId::from_uuid(self.declaration_id),
            order_id: OrderId(self.order_id),
            declarant_code: self.declarant_code,
            port_code: self.port_code,
            trade_mode: self.trade_mode,
            order_no: self.order_no,
            firms: self.firms,
            goods: self.goods,
            case,
            booked: self.window_start.map(|start| (self.place, start)),
            place_name: self.place_name,
            place_name_zh: self.place_name_zh,
            claimed_by: self.claimed_by,
            waits_for: awaited(self.waits_for),
            ordered_time: self.ordered_time,
            changed_time: self.changed_time,
        })
    }
}

/// Writes orders, new and changed.
pub(crate) async fn write(tx: &mut PgConnection, orders: &[&OrderRow]) -> Result<(), Fault> {
    if orders.is_empty() {
        return Ok(());
    }
    let of = |read: fn(&OrderRow) -> &str| orders.iter().map(|o| read(o)).collect::<Vec<&str>>();
    let flags = |read: fn(&OrderRow) -> bool| orders.iter().map(|o| read(o)).collect::<Vec<bool>>();
    let standing: Vec<Option<&Appointment>> = orders.iter().map(|o| o.standing()).collect();
    let places: Vec<&str> =
        standing.iter().map(|it| it.map_or("", |it| it.place.as_str())).collect();
    let starts: Vec<_> = standing.iter().map(|it| it.map(|it| it.window.start)).collect();
    let ends: Vec<_> = standing.iter().map(|it| it.map(|it| it.window.end)).collect();
    let numbers = |read: fn(&OrderRow) -> u32| {
        orders.iter().map(|o| integer(read(o))).collect::<Result<Vec<i32>, _>>()
    };
    let slots: Vec<i16> = orders.iter().map(|o| o.id.slot().column()).collect();
    let ids: Vec<Uuid> = orders.iter().map(|o| o.id.uuid()).collect();
    let order_ids: Vec<Uuid> = orders.iter().map(|o| o.order_id.0).collect();
    let stages: Vec<i16> = orders.iter().map(|o| stage_column(o.case.order.stage)).collect();
    let versions = numbers(|o| o.case.order.version)?;
    let examinations = numbers(|o| o.case.order.examination)?;
    let firms: Vec<String> = orders.iter().map(|o| array(&o.firms)).collect();
    let states: Vec<Vec<u8>> = orders.iter().map(|o| encode_order(&o.case.order)).collect();
    let goods: Vec<&[u8]> = orders.iter().map(|o| o.goods.as_slice()).collect();
    let ordered: Vec<OffsetDateTime> = orders.iter().map(|o| o.ordered_time).collect();
    let asked_versions = numbers(|o| o.case.asked.version)?;
    let asked_rounds = numbers(|o| o.case.asked.round)?;
    let changed: Vec<OffsetDateTime> = orders.iter().map(|o| o.changed_time).collect();
    sqlx::query!(
        "insert into joint_order (slot, declaration_id, order_id, declarant_code, port_code,
                trade_mode, order_no, stage, version, examination, joint, completed,
                customs_undecided, quarantine_undecided, place, place_name, place_name_zh,
                window_start, window_end, claimed_by, objection_pending, firms, state, goods,
                ordered_time, changed_time, asked_version, asked_round)
         select slot, declaration_id, order_id, declarant_code, port_code, trade_mode, order_no,
                stage, version, examination, joint, completed, customs_undecided,
                quarantine_undecided, place, place_name, place_name_zh, window_start,
                window_end, claimed_by, objection_pending, firms::text[], state, goods,
                ordered_time, changed_time,
                asked_version, asked_round
         from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::smallint[], $9::int[], $10::int[], $11::boolean[],
                     $12::boolean[], $13::boolean[], $14::boolean[], $15::text[],
                     $16::timestamptz[], $17::timestamptz[], $18::text[], $19::boolean[],
                     $20::text[], $21::bytea[], $22::bytea[], $23::timestamptz[],
                     $24::timestamptz[], $25::text[], $26::text[], $27::int[], $28::int[])
              as given (slot, declaration_id, order_id, declarant_code, port_code, trade_mode,
                        order_no, stage, version, examination, joint, completed,
                        customs_undecided, quarantine_undecided, place, window_start, window_end,
                        claimed_by, objection_pending, firms, state, goods, ordered_time,
                        changed_time, place_name, place_name_zh, asked_version, asked_round)
         on conflict (slot, declaration_id) do update
         set port_code = excluded.port_code, trade_mode = excluded.trade_mode,
             stage = excluded.stage, version = excluded.version,
             examination = excluded.examination, joint = excluded.joint,
             completed = joint_order.completed or excluded.completed,
             customs_undecided = excluded.customs_undecided,
             quarantine_undecided = excluded.quarantine_undecided, place = excluded.place,
             place_name = excluded.place_name, place_name_zh = excluded.place_name_zh,
             window_start = excluded.window_start, window_end = excluded.window_end,
             claimed_by = excluded.claimed_by, objection_pending = excluded.objection_pending,
             firms = excluded.firms, state = excluded.state, goods = excluded.goods,
             changed_time = excluded.changed_time, asked_version = excluded.asked_version,
             asked_round = excluded.asked_round",
        &slots,
        &ids,
        &order_ids,
        &of(|o| &o.declarant_code) as &[&str],
        &of(|o| &o.port_code) as &[&str],
        &of(|o| &o.trade_mode) as &[&str],
        &of(|o| &o.order_no) as &[&str],
        &stages,
        &versions,
        &examinations,
        &flags(|o| o.case.order.is_joint()),
        &flags(|o| is_completed(o.case.order.stage)),
        &flags(|o| is_undecided_by(&o.case.order, Agency::Customs)),
        &flags(|o| is_undecided_by(&o.case.order, Agency::Quarantine)),
        &places as &[&str],
        &starts as &[Option<OffsetDateTime>],
        &ends as &[Option<OffsetDateTime>],
        &of(|o| &o.claimed_by) as &[&str],
        &flags(|o| o.case.objection_pending),
        &firms,
        &states,
        &goods as &[&[u8]],
        &ordered,
        &changed,
        &of(|o| &o.place_name) as &[&str],
        &of(|o| &o.place_name_zh) as &[&str],
        &asked_versions,
        &asked_rounds
    )
    .execute(&mut *tx)
    .await?;
    count_bookings(tx, orders).await
}

/// Whether every instruction was answered.
fn is_completed(stage: Stage) -> bool {
    match stage {
        Stage::Found | Stage::Treating | Stage::Disposed | Stage::Closed => true,
        Stage::None
        | Stage::Ordered
        | Stage::Appointed
        | Stage::Presented
        | Stage::Examining
        | Stage::Sampled
        | Stage::Laboratory
        | Stage::Cancelled => false,
    }
}

fn is_undecided_by(order: &JointOrder, agency: Agency) -> bool {
    order.stage == Stage::Found && order.has(agency) && order.decision(agency).is_none()
}

/// Counts orders in and out of windows, so that a window's room is one row however many are booked.
async fn count_bookings(tx: &mut PgConnection, orders: &[&OrderRow]) -> Result<(), Fault> {
    let mut moved: BTreeMap<(&str, OffsetDateTime), i32> = BTreeMap::new();
    for filed in orders {
        if let Some((place, start)) = &filed.booked {
            *moved.entry((place, *start)).or_default() -= 1;
        }
        if let Some(appointment) = filed.standing() {
            *moved.entry((&appointment.place, appointment.window.start)).or_default() += 1;
        }
    }
    moved.retain(|_, count| *count != 0);
    if moved.is_empty() {
        return Ok(());
    }
    let places: Vec<&str> = moved.keys().map(|(place, _)| *place).collect();
    let starts: Vec<OffsetDateTime> = moved.keys().map(|(_, start)| *start).collect();
    let counts: Vec<i32> = moved.values().copied().collect();
    sqlx::query!(
        "insert into booking (slot, place, window_start, orders)
         select 0, place, window_start, orders
         from unnest($1::text[], $2::timestamptz[], $3::int[])
              as given (place, window_start, orders)
         on conflict (slot, place, window_start)
         do update set orders = booking.orders + excluded.orders",
        &places as &[&str],
        &starts,
        &counts
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many orders hold the windows of a place, from a time on.
pub(crate) async fn taken(
    tx: &mut PgConnection,
    place: &str,
    from: OffsetDateTime,
) -> Result<BTreeMap<OffsetDateTime, u32>, Fault> {
    let rows = sqlx::query!(
        "select window_start, orders from booking
         where slot = 0 and place = $1 and window_start >= $2",
        place,
        from
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((row.window_start, number(row.orders)?))).collect()
}

/// The slots of orders, for locking heads.
pub(crate) fn slots(ids: &BTreeSet<DeclarationId>) -> BTreeSet<i16> {
    ids.iter().map(|id| id.slot().column()).collect()
}
