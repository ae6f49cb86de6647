//! How SAFE supervises firms, as rows.

use domain::Slot;
use domain::payment::forex::{Channel, ForexClass};
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;

/// How SAFE supervises a firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForexFirm {
    pub(crate) class: ForexClass,
    pub(crate) is_listed: bool,
    pub(crate) channel: Channel,
}

impl Default for ForexFirm {
    fn default() -> Self {
        Self { class: ForexClass::A, is_listed: false, channel: Channel::BankOnTransactions }
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
        "select class, is_listed, channel from forex_firm where slot = $1 and owner = $2",
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
    })
}

/// Writes how a firm is supervised.
pub(crate) async fn write_firm(
    tx: &mut PgConnection,
    owner: &str,
    firm: ForexFirm,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into forex_firm (slot, owner, class, is_listed, channel, changed_time)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (slot, owner) do update
         set class = excluded.class, is_listed = excluded.is_listed, channel = excluded.channel,
             changed_time = excluded.changed_time",
        Slot::of(owner).column(),
        owner,
        class_column(firm.class),
        firm.is_listed,
        channel_column(firm.channel),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
