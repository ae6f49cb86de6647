//! What persons buy in a year (年度限额): reserved when an import is heard of, given back when it ends or comes back.
//!
//! A person is a keyed hash. Whoever changes a year has the lock of the person's slot, and the table refuses more
//! than the limit, so a year is exact whatever happens at once.

use std::collections::{BTreeMap, BTreeSet};

use domain::documents::ReceiptStatus;
use domain::documents::limits::{Checker, Quota, Reservation, annual_limit, purchase};
use domain::{DeclarationId, Slot};
use sqlx::{PgConnection, PgPool};
use store::Fault;
use time::Date;
use uuid::Uuid;

/// Purchases that are shown of a year at most.
const PURCHASES_MAX: i64 = 1_000;

/// A keyed hash of an identity number.
pub(crate) type PersonHash = [u8; 32];

/// A purchase as it was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeclaredPurchase {
    /// `None` where no buyer is named: nobody has no limit of a year, and the window asks for the name.
    pub(crate) person: Option<PersonHash>,
    /// Name of the buyer, masked.
    pub(crate) buyer: String,
    /// Names the inventory in a refusal.
    pub(crate) key: String,
    /// Day of filing in China.
    pub(crate) day: Date,
    /// Goods, freight and insurance, in 1/100000 yuan.
    pub(crate) value_e5: i64,
    pub(crate) quantities_e5: Vec<i64>,
}

/// The purchase of a declaration, as it counts to a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuyerPurchase {
    pub(crate) person: PersonHash,
    pub(crate) reservation: Reservation,
}

/// A year of a person, as its transaction sees it.
#[derive(Debug, Clone, Copy, Default)]
struct PersonYear {
    quota: Quota,
    limit_fen: i64,
}

/// Years and purchases of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Purchases {
    years: BTreeMap<(PersonHash, i32), PersonYear>,
    /// Of declarations that were asked for; `None` where there is none.
    rows: BTreeMap<DeclarationId, Option<BuyerPurchase>>,
    touched_years: BTreeSet<(PersonHash, i32)>,
    touched_rows: BTreeSet<DeclarationId>,
}

/// The slot of a person.
pub(crate) fn slot_of(person: &PersonHash) -> Slot {
    let number = u32::from(person[0]);
    Slot::new(number).unwrap_or_else(|| Slot::of("")) // a byte is a slot
}

/// Who bought by these declarations; those without a purchase are left out.
pub(crate) async fn load_rows(
    tx: &mut PgConnection,
    ids: &BTreeSet<DeclarationId>,
) -> Result<BTreeMap<DeclarationId, BuyerPurchase>, Fault> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (slots, ids): (Vec<i16>, Vec<Uuid>) =
        ids.iter().map(|id| (id.slot().column(), id.uuid())).unzip();
    let rows = sqlx::query!(
        "select p.declaration_id, p.person, p.year, p.amount_fen, p.restored_fen
         from unnest($1::smallint[], $2::uuid[]) as wanted (slot, id)
         join person_purchase p on p.slot = wanted.slot and p.declaration_id = wanted.id",
        &slots,
        &ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let reservation = Reservation {
                year: row.year,
                amount_fen: row.amount_fen,
                restored_fen: row.restored_fen,
            };
            let found = BuyerPurchase { person: person(&row.person)?, reservation };
            Ok((DeclarationId::from_uuid(row.declaration_id), found))
        })
        .collect()
}

/// What counts to a year of a person, and its purchases, newest declarations first.
pub(crate) async fn of_year(
    pool: &PgPool,
    person: &PersonHash,
    year: i32,
) -> Result<(i64, Vec<(DeclarationId, Reservation)>), Fault> {
    let used = sqlx::query_scalar!(
        "select used_fen from person_year where slot = $1 and person = $2 and year = $3",
        slot_of(person).column(),
        person,
        year
    );
    // Who bought nothing yet has no year.
    let used = used.fetch_optional(pool).await?.unwrap_or(0);
    let rows = sqlx::query!(
        "select declaration_id, amount_fen, restored_fen from person_purchase
         where person = $1 and year = $2 order by declaration_id desc limit $3",
        person,
        year,
        PURCHASES_MAX
    )
    .fetch_all(pool)
    .await?;
    let purchase = |row: (Uuid, i64, i64)| {
        let (id, amount_fen, restored_fen) = row;
        (DeclarationId::from_uuid(id), Reservation { year, amount_fen, restored_fen })
    };
    let rows = rows.into_iter().map(|it| (it.declaration_id, it.amount_fen, it.restored_fen));
    Ok((used, rows.map(purchase).collect()))
}

/// How many years of persons say something else than their purchases, as of one moment.
pub(crate) async fn years_differing(pool: &PgPool) -> Result<i64, Fault> {
    let found = sqlx::query_scalar!(
        r#"select count(*) as "count!" from person_year y
           where y.used_fen <> (select coalesce(sum(p.amount_fen - p.restored_fen), 0)
                                from person_purchase p
                                where p.person = y.person and p.year = y.year)"#
    );
    Ok(found.fetch_one(pool).await?)
}

/// A person from a column.
pub(crate) fn person(bytes: &[u8]) -> Result<PersonHash, Fault> {
    let strange = |_| Fault::Broken("the hash of a person has another length".to_owned());
    PersonHash::try_from(bytes).map_err(strange)
}

impl Purchases {
    /// Loads the years that these purchases, and those that are declared now, count to. The slots of the persons
    /// are locked.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        mut rows: BTreeMap<DeclarationId, BuyerPurchase>,
        asked: &BTreeSet<DeclarationId>,
        declared: impl Iterator<Item = (PersonHash, i32)>,
    ) -> Result<Self, Fault> {
        let kept = rows.values().map(|row| (row.person, row.reservation.year));
        let wanted: BTreeSet<(PersonHash, i32)> = kept.chain(declared).collect();
        let slots: Vec<i16> = wanted.iter().map(|(person, _)| slot_of(person).column()).collect();
        let persons: Vec<Vec<u8>> = wanted.iter().map(|(person, _)| person.to_vec()).collect();
        let years: Vec<i32> = wanted.iter().map(|(_, year)| *year).collect();
        let mut purchases = Self {
            rows: asked.iter().map(|id| (*id, rows.remove(id))).collect(),
            years: wanted.into_iter().map(|key| (key, PersonYear::default())).collect(),
            ..Self::default()
        };
        if slots.is_empty() {
            return Ok(purchases);
        }
        let found = sqlx::query!(
            "select y.person, y.year, y.used_fen, y.limit_fen
             from unnest($1::smallint[], $2::bytea[], $3::int[]) as wanted (slot, person, year)
             join person_year y on y.slot = wanted.slot and y.person = wanted.person
                                   and y.year = wanted.year",
            &slots,
            &persons,
            &years
        )
        .fetch_all(tx)
        .await?;
        for row in found {
            let quota = Quota { used_fen: row.used_fen };
            let year = PersonYear { quota, limit_fen: row.limit_fen };
            purchases.years.insert((person(&row.person)?, row.year), year);
        }
        Ok(purchases)
    }

    fn year(&mut self, key: (PersonHash, i32)) -> Result<&mut PersonYear, Fault> {
        let missing = || Fault::Broken(format!("the year {} of a person was not loaded", key.1));
        self.years.get_mut(&key).ok_or_else(missing)
    }

    /// Gives a part of the purchase of a declaration back, or whatever still counts; nothing where nothing does.
    pub(crate) fn restore(
        &mut self,
        id: DeclarationId,
        part_fen: Option<i64>,
    ) -> Result<(), Fault> {
        let lost = || Fault::Broken(format!("the purchase of {id} was not loaded"));
        let Some(row) = self.rows.get(&id).ok_or_else(lost)?.clone() else { return Ok(()) };
        let part_fen = part_fen.map(|part| part.min(row.reservation.left_fen()));
        let key = (row.person, row.reservation.year);
        let year = self.year(key)?;
        let (quota, reservation) =
            row.reservation.restore(year.quota, part_fen).map_err(|nothing| {
                Fault::Broken(format!("the purchase of {id} cannot be given back: {nothing}"))
            })?;
        year.quota = quota;
        self.rows.insert(id, Some(BuyerPurchase { reservation, ..row }));
        self.touched_years.insert(key);
        self.touched_rows.insert(id);
        Ok(())
    }

    /// Reserves the purchase of a version; the one before has been given back.
    pub(crate) fn reserve(
        &mut self,
        id: DeclarationId,
        declared: &DeclaredPurchase,
    ) -> Result<Result<(), ReceiptStatus>, Fault> {
        let DeclaredPurchase { person, buyer, key, day, value_e5, quantities_e5 } = declared;
        let year_key = person.map(|person| (person, day.year()));
        let year = match year_key {
            Some(key) => self.year(key)?.quota,
            None => Quota::default(),
        };
        // The e-port sees a year that is used up; customs computes what this purchase would make of it.
        let limit_fen = annual_limit(*day);
        let checker =
            if year.used_fen >= limit_fen { Checker::Eport { buyer } } else { Checker::Customs };
        let (quota, reservation) =
            match purchase(*day, *value_e5, quantities_e5, key, year, checker) {
                Ok((_, quota, reservation)) => (quota, reservation),
                Err(refused) => return Ok(Err(refused)),
            };
        if let (Some(person), Some(key)) = (*person, year_key) {
            *self.year(key)? = PersonYear { quota, limit_fen };
            self.rows.insert(id, Some(BuyerPurchase { person, reservation }));
            self.touched_years.insert(key);
            self.touched_rows.insert(id);
        }
        Ok(Ok(()))
    }

    /// Writes everything that changed.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        let years: Vec<(&(PersonHash, i32), &PersonYear)> =
            self.years.iter().filter(|(key, _)| self.touched_years.contains(key)).collect();
        if !years.is_empty() {
            let slots: Vec<i16> =
                years.iter().map(|((person, _), _)| slot_of(person).column()).collect();
            let persons: Vec<Vec<u8>> =
                years.iter().map(|((person, _), _)| person.to_vec()).collect();
            let numbers: Vec<i32> = years.iter().map(|((_, year), _)| *year).collect();
            let used: Vec<i64> = years.iter().map(|(_, year)| year.quota.used_fen).collect();
            let limits: Vec<i64> = years.iter().map(|(_, year)| year.limit_fen).collect();
            sqlx::query!(
                "insert into person_year (slot, person, year, used_fen, limit_fen)
                 select * from unnest($1::smallint[], $2::bytea[], $3::int[], $4::bigint[],
                                      $5::bigint[])
                 on conflict (slot, person, year) do update
                 set used_fen = excluded.used_fen, limit_fen = excluded.limit_fen",
                &slots,
                &persons,
                &numbers,
                &used,
                &limits
            )
            .execute(&mut *tx)
            .await?;
        }
        let touched = self.touched_rows.iter();
        let rows: Vec<(DeclarationId, &BuyerPurchase)> =
            touched.filter_map(|id| Some((*id, self.rows.get(id)?.as_ref()?))).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let slots: Vec<i16> = rows.iter().map(|(id, _)| id.slot().column()).collect();
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| id.uuid()).collect();
        let persons: Vec<Vec<u8>> = rows.iter().map(|(_, row)| row.person.to_vec()).collect();
        let years: Vec<i32> = rows.iter().map(|(_, row)| row.reservation.year).collect();
        let amounts: Vec<i64> = rows.iter().map(|(_, row)| row.reservation.amount_fen).collect();
        let restored: Vec<i64> = rows.iter().map(|(_, row)| row.reservation.restored_fen).collect();
        sqlx::query!(
            "insert into person_purchase (slot, declaration_id, person, year, amount_fen, restored_fen)
             select * from unnest($1::smallint[], $2::uuid[], $3::bytea[], $4::int[], $5::bigint[],
                                  $6::bigint[])
             on conflict (slot, declaration_id) do update
             set person = excluded.person, year = excluded.year, amount_fen = excluded.amount_fen,
                 restored_fen = excluded.restored_fen",
            &slots,
            &ids,
            &persons,
            &years,
            &amounts,
            &restored
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}
