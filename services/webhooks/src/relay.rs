//! How the webhook service follows what happens, as a caller of the window, and how it posts it.

pub(crate) mod follow;
pub(crate) mod post;
pub(crate) mod sender;
