//! What a request of the system under test files, as it is compared with what came before.

/// What a request says that files or amends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filing {
    pub(crate) order_no: String,
    /// request_id, or the guid of the document.
    pub(crate) request_id: String,
    /// SHA-256 of what is said.
    pub(crate) content: String,
    /// It files: no amendment, and no document besides the inventory.
    pub(crate) is_filing: bool,
    /// Types of its documents, for national messages.
    pub(crate) documents: Vec<u32>,
}
