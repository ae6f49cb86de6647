//! What the refund service keeps of exports, as messages.

pub use crate::schema::single_window::stored::v1::{UnreleasedLine, UnreleasedLines};
