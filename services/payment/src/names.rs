//! Ids and accounts by what they are about: the same again has the same name.

use domain::DeclarationId;
use domain::payment::ledger::{Account, Currency, Purpose};
use uuid::Uuid;

/// Ids are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0003_5157_0001);

/// The owner of the accounts that money of the bank comes from.
pub(crate) const BANK: &str = "BANK";

/// The owner of the accounts that tax goes to.
pub(crate) const TREASURY: &str = "TREASURY";

/// An id that is the same whenever it is made again.
pub(crate) fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// An account in yuan.
pub(crate) fn yuan(owner: &str, purpose: Purpose) -> Account {
    Account { owner: owner.to_owned(), currency: Currency::Cny, purpose }
}

/// The account that the tax of imports is held on.
pub(crate) fn guarantee(owner: &str) -> Account {
    yuan(owner, Purpose::Guarantee)
}

/// The id of the hold of a version.
pub(crate) fn hold_id(id: DeclarationId, version: u32) -> Uuid {
    id_of(&format!("hold/{id}/{version}"))
}

/// The id of the entry that frees a hold.
pub(crate) fn void_id(hold: Uuid) -> Uuid {
    id_of(&format!("void/{hold}"))
}

/// The id of the entry by which a sandbox opens the account of a firm that it sees for the first time.
pub(crate) fn opening_id(payer: &str) -> Uuid {
    id_of(&format!("sandbox/opened/{payer}"))
}

/// The id of the entry that moves the tax of a bill.
pub(crate) fn bill_entry_id(id: DeclarationId) -> Uuid {
    id_of(&format!("bill/{id}"))
}
