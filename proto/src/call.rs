//! What every call brings along besides its message.

use std::sync::Arc;

use domain::Principal;
use domain::principal::ActingPerson;
use domain::refusal::Code;
use tonic::{Request, Status};

use crate::status::{self, Language};
use crate::text::{self, Texts};

/// Longest `traceparent` that is kept.
const TRACE_MAX: usize = 64;

/// Who calls, as the gate found out. Every call begins with it, so the texts of every message are read
/// here; those of a stream are read as they come, see [`text::check`].
///
/// # Errors
///
/// [`Code::IdentityMissing`] when the call came past the gate; every text that cannot be taken.
pub fn caller<T: Texts>(request: &Request<T>) -> Result<Arc<Principal>, Status> {
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    let principal = principal.ok_or_else(|| status::plain(Code::IdentityMissing))?;
    text::check(request.get_ref())
        .map_err(|refusal| status::refused(&refusal, Language::of(request.metadata())))?;
    Ok(principal)
}

/// Who acts, as the gate found out; empty where a service of the window goes on by itself.
pub fn acting<T>(request: &Request<T>) -> ActingPerson {
    // A call that came by no gate has nobody who acts.
    request.extensions().get::<ActingPerson>().cloned().unwrap_or_default()
}

/// A message that asks for something once, however often it comes. Written by the build script for those
/// with a `request_id`.
pub trait IdentifiedRequest {
    /// Given by the caller.
    fn request_id(&self) -> &str;
}

/// The caller's `traceparent`; empty when there is none.
pub fn trace<T>(request: &Request<T>) -> String {
    let value = request.metadata().get("traceparent").and_then(|value| value.to_str().ok());
    kept_trace(value)
}

/// A `traceparent` as far as it is kept.
pub fn kept_trace(value: Option<&str>) -> String {
    crate::text(value.filter(|value| value.len() <= TRACE_MAX))
}
