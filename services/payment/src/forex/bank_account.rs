//! How a bank names accounts of firms and orders of ours.

use domain::payment::ledger::Currency;
use uuid::Uuid;

/// The firm and currency of an account; `None` where it is no firm's.
pub(super) fn holder(account: &str) -> Option<(&str, Currency)> {
    let (owner, letters) = account.rsplit_once('-')?;
    let is_code =
        matches!(owner.len(), 10 | 18) && owner.bytes().all(|b| b.is_ascii_alphanumeric());
    Some((owner, Currency::of(letters).filter(|_| is_code)?))
}

/// An order's id as it is in messages, whose references have 35 characters.
pub(crate) fn reference(id: Uuid) -> String {
    id.simple().to_string()
}
