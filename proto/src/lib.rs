//! Everything that is said over a wire, and the only place where said things become domain values.
//!
//! `v1` is the schema as integrators see it; `raw` is the exchange server's view of the same bytes.

pub mod bank;
pub mod call;
pub mod ceb;
pub mod codec;
pub mod declaration;
pub mod duty;
pub mod duty_recomputation;
pub mod exchange;
pub mod facts;
pub mod forex;
pub mod inspection;
pub mod json;
pub mod ledger;
pub mod memory;
pub mod refund;
pub mod rule_file;
pub mod status;
pub mod stored;
pub mod text;
pub mod turn;
pub mod webhook;

pub use pbjson_types::Timestamp;

/// The modules that the build script generates from the `.proto` files.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes,
    reason = "generated; documented in the .proto files"
)]
mod schema {
    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}

/// What the build script writes for [`text`].
mod texts {
    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}

/// The schema as it is published, in one place.
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/v1.rs"));
}

/// The exchange server's spelling of `v1`: the payload of an event stays as the bytes in the journal.
pub mod raw {
    pub use crate::schema::single_window::exchange::raw::*;
}

/// The compiled schema, for reflection and for tests that walk every RPC.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// An optional text as it is said: an absent one is the empty text, since proto3 tells no difference.
pub fn text(value: Option<impl Into<String>>) -> String {
    value.map_or_else(String::new, Into::into)
}

/// A point in time on the wire.
pub fn timestamp(time: time::OffsetDateTime) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: time.nanosecond().cast_signed(),
    }
}

/// A point in time from the wire; `None` when it is out of range.
pub fn time(wire: pbjson_types::Timestamp) -> Option<time::OffsetDateTime> {
    let whole = time::OffsetDateTime::from_unix_timestamp(wire.seconds).ok()?;
    Some(whole + time::Duration::nanoseconds(i64::from(wire.nanos)))
}
