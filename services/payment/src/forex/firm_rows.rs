//! How SAFE supervises firms, as rows.

use domain::Slot;
use domain::payment::forex::{Channel, ForexClass};
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

/// How SAFE supervises a firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForexFirm {
    pub(crate) class: ForexClass,
    pub(crate) is_listed: bool,
    pub(crate) channel: Channel,
    /// The payment institution that brings its money is listed.
    pub(crate) is_institution_listed: bool,
}

impl Default for ForexFirm {
    fn default() -> Self {
        Self {
            class: ForexClass::A,
            is_listed: false,
            channel: Channel::BankOnTransactions,
            is_institution_listed: true,
        }
    }
}

fn class_column(class: ForexClass) -> i16 {
    match class {
        ForexClass::A => 1,
        ForexClass::B => 2,
        ForexClass::C => 3,
    }
}

fn channel_column(channel: Channel) -> i16 {
    match channel {
        Channel::BankOnDocuments => 1,
        Channel::BankOnTransactions => 2,
        Channel::Institution => 3,
    }
}

/// How SAFE supervises a firm; as most of them, where nobody said it.
pub(crate) async fn firm(tx: &mut PgConnection, owner: &str) -> Result<ForexFirm, Fault> {
    let row = sqlx::query!(
        "select class, is_listed, channel, is_institution_listed from forex_firm where slot = $1 and owner = $2",
        Slot::of(owner).column(),
        owner
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(ForexFirm::default()) };
    let classes = [ForexClass::A, ForexClass::B, ForexClass::C];
    let channels = [Channel::BankOnDocuments, Channel::BankOnTransactions, Channel::Institution];
    Ok(ForexFirm {
        class: column::value("class of a firm", classes, class_column, row.class)?,
        is_listed: row.is_listed,
        channel: column::value("channel", channels, channel_column, row.channel)?,
        is_institution_listed: row.is_institution_listed,
    })
}

/// Whether SAFE registered a receipt.
pub(crate) async fn is_registered(
    tx: &mut PgConnection,
    (slot, receipt): (Slot, Uuid),
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"select exists (select 1 from forex_registration where slot = $1 and receipt_id = $2)
           as "registered!""#,
        slot.column(),
        receipt
    )
    .fetch_one(tx)
    .await?;
    Ok(found)
}

/// Writes that SAFE registered a receipt; the newest number counts.
pub(crate) async fn register(
    tx: &mut PgConnection,
    (slot, receipt): (Slot, Uuid),
    number: &str,
    (actor, now): (&str, OffsetDateTime),
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into forex_registration (slot, receipt_id, number, actor, registered_time)
         values ($1, $2, $3, $4, $5)
         on conflict (slot, receipt_id) do update
         set number = excluded.number, actor = excluded.actor,
             registered_time = excluded.registered_time",
        slot.column(),
        receipt,
        number,
        actor,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes how a firm is supervised.
pub(crate) async fn write_firm(
    tx: &mut PgConnection,
    owner: &str,
    firm: ForexFirm,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into forex_firm (slot, owner, class, is_listed, channel, is_institution_listed,
                                 changed_time)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (slot, owner) do update
         set class = excluded.class, is_listed = excluded.is_listed, channel = excluded.channel,
             is_institution_listed = excluded.is_institution_listed,
             changed_time = excluded.changed_time",
        Slot::of(owner).column(),
        owner,
        class_column(firm.class),
        firm.is_listed,
        channel_column(firm.channel),
        firm.is_institution_listed,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
