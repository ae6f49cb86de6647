//! The queues of the payment service.

/// The queue of what is said to the declaration service. Its subjects are declarations.
pub(crate) const ANSWERS: &str = "answers";

/// The queue of payers whose duties are tried again, since money came.
pub(crate) const RETRIES: &str = "retries";

/// The queue of payers whose bills are to be collected at a time.
pub(crate) const COLLECTIONS: &str = "collections";

/// The queue of what banks paid of payment orders.
pub(crate) const DUTY_PAYMENTS: &str = "duty-payments";

/// The queue of applications that wait for their bill. Its subjects are inventories.
pub(crate) const RETURNS: &str = "returns";

/// The queue of goods whose term ends. Its subjects are applications.
pub(crate) const RETURN_TERMS: &str = "return-terms";

/// The queue of what the national door is to hand on. Its subjects are declarations.
pub(crate) const NOTICES: &str = "notices";

/// The queue of what the refund service told. Its subjects are lines of claims.
pub(crate) const TAX_REFUNDS: &str = "tax-refunds";

/// The queue of events about exports that could not be taken when they came.
pub(crate) const EXPORTS: &str = "exports";

/// The queue of orders whose term is over at a time.
pub(crate) const SETTLEMENT_TERMS: &str = "settlement-terms";
