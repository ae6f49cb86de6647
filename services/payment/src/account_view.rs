//! An account as it is shown.

use domain::payment::ledger::{Account, Totals};

/// An account with its totals, over all slots that have a row of it.
#[derive(Debug, Clone)]
pub(crate) struct AccountView {
    pub(crate) account: Account,
    pub(crate) totals: Totals,
    pub(crate) credit_line: i64,
}
