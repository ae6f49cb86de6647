//! Bookings that banks told, and what they took back before it came, as rows.

use domain::Slot;
use domain::payment::ledger::Currency;
use domain::payment::statement::Booking;
use proto::forex::ReceiptDetails;
use sqlx::PgConnection;
use store::cipher::{Cell, Cipher};
use store::{Fault, column};
use time::{Date, OffsetDateTime};

/// The bookings of these keys.
pub(crate) async fn bookings(
    tx: &mut PgConnection,
    slot: Slot,
    keys: &[String],
) -> Result<Vec<Booking>, Fault> {
    let rows = sqlx::query!(
        "select booking, number, reference, notice, statement from bank_booking
         where slot = $1 and booking = any($2)",
        slot.column(),
        keys
    )
    .fetch_all(tx)
    .await?;
    let bookings = rows.into_iter().map(|row| {
        Ok(Booking {
            key: row.booking,
            number: column::number(row.number)?,
            reference: row.reference,
            notice: row.notice,
            statement: row.statement,
        })
    });
    bookings.collect()
}

/// Writes bookings of an account: new ones, and what more is known of others. Nothing is moved by them yet.
pub(crate) async fn write_bookings(
    tx: &mut PgConnection,
    (slot, account): (Slot, &str),
    bookings: &[(&Booking, Date)],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if bookings.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&Booking) -> &String| -> Vec<String> {
        bookings.iter().map(|(it, _)| of(it).clone()).collect()
    };
    let numbers: Result<Vec<i32>, Fault> =
        bookings.iter().map(|(it, _)| column::integer(it.number)).collect();
    let days: Vec<Date> = bookings.iter().map(|(_, day)| *day).collect();
    sqlx::query!(
        "insert into bank_booking (slot, account, moved, taken_time, booking, number, day, reference, notice, statement)
         select $1, $2, 0, $3, n.* from unnest($4::text[], $5::integer[], $6::date[], $7::text[], $8::text[], $9::text[]) n
         on conflict (slot, booking, number) do update
         set reference = excluded.reference, notice = excluded.notice, statement = excluded.statement",
        slot.column(),
        account,
        now,
        &texts(|it| &it.key),
        &numbers?,
        &days,
        &texts(|it| &it.reference),
        &texts(|it| &it.notice),
        &texts(|it| &it.statement)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what bookings, by their identities, moved in the ledger.
pub(crate) async fn write_moved(
    tx: &mut PgConnection,
    slot: Slot,
    moved: &[(String, i64)],
) -> Result<(), Fault> {
    if moved.is_empty() {
        return Ok(());
    }
    let (lines, amounts): (Vec<String>, Vec<i64>) = moved.iter().cloned().unzip();
    sqlx::query!(
        "update bank_booking b set moved = m.moved
         from unnest($2::text[], $3::bigint[]) m (line, moved)
         where b.slot = $1 and b.booking = left(m.line, -1 - length(split_part(m.line, '/', -1)))
           and b.number = split_part(m.line, '/', -1)::integer",
        slot.column(),
        &lines,
        &amounts
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What bookings of an account from a day on moved in the ledger.
pub(crate) async fn moved_since(
    tx: &mut PgConnection,
    (slot, account): (Slot, &str),
    day: Date,
) -> Result<i64, Fault> {
    let sum = sqlx::query_scalar!(
        r#"select coalesce(sum(moved), 0)::bigint as "sum!" from bank_booking
           where slot = $1 and account = $2 and day >= $3"#,
        slot.column(),
        account,
        day
    )
    .fetch_one(tx)
    .await?;
    Ok(sum)
}

/// What a bank took back before it told that it came.
#[derive(Debug, Clone)]
pub(crate) struct EarlyReversal {
    pub(crate) slot: Slot,
    /// Identity of its booking.
    pub(crate) line: String,
    pub(crate) owner: String,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) day: Date,
    /// Of the bank.
    pub(crate) reference: String,
    /// Everything that it names.
    pub(crate) names: Vec<String>,
}

fn cell<'a>(slot: Slot, line: &'a str) -> Cell<'a> {
    Cell { column: "early_reversal.body", slot, key: line.as_bytes() }
}

/// Keeps one until what it takes back comes.
pub(crate) async fn insert_early_reversal(
    tx: &mut PgConnection,
    cipher: &Cipher,
    row: &EarlyReversal,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let details = ReceiptDetails { party: String::new(), texts: row.names.clone() };
    let body = cipher.encrypt(cell(row.slot, &row.line), &details.encode())?;
    sqlx::query!(
        "insert into early_reversal (slot, line, owner, currency, amount, day, reference, taken_time, body)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        row.slot.column(),
        row.line,
        row.owner,
        row.currency.letters(),
        row.amount,
        row.day,
        row.reference,
        now,
        body
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The oldest one that takes back money of a firm under a reference of the bank, of this net amount. It waits no more.
pub(crate) async fn take_early_reversal(
    tx: &mut PgConnection,
    cipher: &Cipher,
    (slot, owner): (Slot, &str),
    (currency, amount): (Currency, i64),
    reference: &str,
) -> Result<Option<EarlyReversal>, Fault> {
    let rows = sqlx::query!(
        "select line, day, reference, body from early_reversal
         where slot = $1 and owner = $2 and currency = $3 and amount = $4
         order by taken_time, line",
        slot.column(),
        owner,
        currency.letters(),
        amount
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in rows {
        let details = ReceiptDetails::decode(&cipher.decrypt(cell(slot, &row.line), row.body)?);
        let damaged = || Fault::Broken(format!("what {} takes back cannot be read", row.line));
        let names = details.ok_or_else(damaged)?.texts;
        if names.iter().any(|name| name == reference) {
            sqlx::query!(
                "delete from early_reversal where slot = $1 and line = $2",
                slot.column(),
                row.line
            )
            .execute(&mut *tx)
            .await?;
            let (line, day, reference) = (row.line, row.day, row.reference);
            let owner = owner.to_owned();
            return Ok(Some(EarlyReversal {
                slot,
                line,
                owner,
                currency,
                amount,
                day,
                reference,
                names,
            }));
        }
    }
    Ok(None)
}
