//! The queues of the refund service.

/// The queue of goods of which exports and invoices are to be brought together.
pub(crate) const MATCHES: &str = "matches";

/// The queue of claims to which lines are to be added, or whose lines are to be freed.
pub(crate) const CLAIMS: &str = "claims";

/// The queue of firms whose lines are judged anew. Its subjects are firms.
pub(crate) const JUDGEMENTS: &str = "judgements";

/// The queue of invoices that are not good any more. Its subjects are invoices.
pub(crate) const INVALID_INVOICES: &str = "invalid-invoices";
