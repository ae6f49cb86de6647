//! The ledger of the payment service as it is kept: written and read here, and in no call.

use std::collections::BTreeMap;

use domain::payment::ledger::{
    Account, Action, Basis, CreditLine, Currency, Entry, Leg, Purpose, Record, Totals,
};
use prost::Message as _;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::schema::single_window::stored::v1 as stored;

/// A purpose as it is in its column.
pub fn purpose_column(purpose: Purpose) -> i16 {
    match purpose {
        Purpose::Guarantee => 1,
        Purpose::DutyPayable => 2,
        Purpose::DutyPaid => 3,
        Purpose::ForexReceivable => 4,
        Purpose::Settlement => 5,
        Purpose::Fees => 6,
        Purpose::Suspense => 7,
        Purpose::Revenue => 8,
        Purpose::ReversalPayable => 9,
    }
}

/// Encodes legs, such as those of a hold.
pub fn encode_legs(legs: &[Leg]) -> Vec<u8> {
    stored::LedgerLegs { legs: legs.iter().map(leg).collect() }.encode_to_vec()
}

/// Reads legs; `None` when they are none, which only a damaged database can cause.
pub fn decode_legs(bytes: &[u8]) -> Option<Vec<Leg>> {
    read_legs(stored::LedgerLegs::decode(bytes).ok()?.legs)
}

/// Encodes an entry with what it did; its id and times are columns.
pub fn encode_record(record: &Record) -> Vec<u8> {
    let Record { entry, moved, after } = record;
    let Basis { event, declaration, bill, actor, rule } = entry.basis.clone();
    stored::LedgerEntry {
        action: Some(action(&entry.action)),
        event,
        declaration_id: optional(declaration),
        bill_id: optional(bill),
        actor,
        rule,
        moved: moved.iter().map(leg).collect(),
        after: after.iter().map(|(account, totals)| self::totals(account, totals)).collect(),
    }
    .encode_to_vec()
}

/// Reads an entry; `None` when it is none, which only a damaged database can cause.
pub fn decode_record(
    (id, effective, recorded): (Uuid, OffsetDateTime, OffsetDateTime),
    bytes: &[u8],
) -> Option<Record> {
    let stored::LedgerEntry { action, event, declaration_id, bill_id, actor, rule, moved, after } =
        stored::LedgerEntry::decode(bytes).ok()?;
    let (declaration, bill) = (read_optional(&declaration_id)?, read_optional(&bill_id)?);
    let basis = Basis { event, declaration, bill, actor, rule };
    let action = read_action(action?)?;
    let after = after.into_iter().map(read_totals).collect::<Option<BTreeMap<_, _>>>()?;
    let entry = Entry { id, action, basis, effective, recorded };
    Some(Record { entry, moved: read_legs(moved)?, after })
}

fn action(action: &Action) -> stored::ledger_entry::Action {
    use stored::ledger_entry::Action as Kept;
    let part = |of: &Uuid, amounts: &[i64]| stored::LedgerPart {
        of: of.as_bytes().to_vec(),
        amounts: amounts.to_vec(),
    };
    match action {
        Action::Transfer(legs) => {
            Kept::Transfer(stored::LedgerLegs { legs: legs.iter().map(leg).collect() })
        }
        Action::Hold { legs, until, after } => Kept::Hold(stored::LedgerHold {
            legs: legs.iter().map(leg).collect(),
            until: until.map(microseconds),
            after: optional(*after),
        }),
        Action::Post { hold, amounts } => Kept::Post(part(hold, amounts)),
        Action::Void(hold) => Kept::Void(hold.as_bytes().to_vec()),
        Action::Expire(hold) => Kept::Expire(hold.as_bytes().to_vec()),
        Action::Reverse { of, amounts } => Kept::Reverse(part(of, amounts)),
        Action::SetCreditLine(CreditLine { account, from, amount }) => {
            Kept::CreditLine(stored::LedgerCreditLine {
                account: Some(self::account(account)),
                from: microseconds(*from),
                amount: *amount,
            })
        }
    }
}

fn read_action(kept: stored::ledger_entry::Action) -> Option<Action> {
    use stored::ledger_entry::Action as Kept;
    Some(match kept {
        Kept::Transfer(legs) => Action::Transfer(read_legs(legs.legs)?),
        Kept::Hold(stored::LedgerHold { legs, until, after }) => Action::Hold {
            legs: read_legs(legs)?,
            until: match until {
                Some(until) => Some(moment(until)?),
                None => None,
            },
            after: read_optional(&after)?,
        },
        Kept::Post(part) => Action::Post { hold: read_id(&part.of)?, amounts: part.amounts },
        Kept::Void(hold) => Action::Void(read_id(&hold)?),
        Kept::Expire(hold) => Action::Expire(read_id(&hold)?),
        Kept::Reverse(part) => Action::Reverse { of: read_id(&part.of)?, amounts: part.amounts },
        Kept::CreditLine(stored::LedgerCreditLine { account, from, amount }) => {
            let (account, from) = (read_account(account?)?, moment(from)?);
            Action::SetCreditLine(CreditLine { account, from, amount })
        }
    })
}

fn account(account: &Account) -> stored::LedgerAccount {
    stored::LedgerAccount {
        owner: account.owner.clone(),
        currency: account.currency.letters().to_owned(),
        purpose: purpose_column(account.purpose).into(),
    }
}

fn read_account(kept: stored::LedgerAccount) -> Option<Account> {
    let stored::LedgerAccount { owner, currency, purpose } = kept;
    let is_kept_so = |it: &Purpose| i32::from(purpose_column(*it)) == purpose;
    let purpose = Purpose::ALL.into_iter().find(is_kept_so)?;
    Some(Account { owner, currency: Currency::of(&currency)?, purpose })
}

fn leg(leg: &Leg) -> stored::LedgerLeg {
    let (from, to) = (Some(account(&leg.from)), Some(account(&leg.to)));
    stored::LedgerLeg { from, to, amount: leg.amount }
}

fn read_legs(legs: Vec<stored::LedgerLeg>) -> Option<Vec<Leg>> {
    let read = |leg: stored::LedgerLeg| {
        let (from, to) = (read_account(leg.from?)?, read_account(leg.to?)?);
        Some(Leg { from, to, amount: leg.amount })
    };
    legs.into_iter().map(read).collect()
}

fn totals(account: &Account, totals: &Totals) -> stored::LedgerTotals {
    let Totals { debits, credits, held_debits, held_credits } = *totals;
    let account = Some(self::account(account));
    stored::LedgerTotals { account, debits, credits, held_debits, held_credits }
}

fn read_totals(kept: stored::LedgerTotals) -> Option<(Account, Totals)> {
    let stored::LedgerTotals { account, debits, credits, held_debits, held_credits } = kept;
    Some((read_account(account?)?, Totals { debits, credits, held_debits, held_credits }))
}

fn optional(id: Option<Uuid>) -> Vec<u8> {
    id.map_or_else(Vec::new, |id| id.as_bytes().to_vec())
}

fn read_optional(bytes: &[u8]) -> Option<Option<Uuid>> {
    if bytes.is_empty() { Some(None) } else { read_id(bytes).map(Some) }
}

fn read_id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

/// Times are whole microseconds, as in the database.
fn microseconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1_000_000 + i64::from(time.microsecond())
}

fn moment(microseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1_000).ok()
}
