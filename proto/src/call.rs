//! What every call brings along besides its message.

use std::sync::Arc;

use domain::Principal;
use domain::refusal::Code;
use tonic::{Request, Status};

use crate::status;

/// Longest `traceparent` that is kept.
const TRACE_MAX: usize = 64;

/// Who calls, as the gate found out.
///
/// # Errors
///
/// [`Code::CertificateMissing`] when the call came past the gate.
pub fn caller<T>(request: &Request<T>) -> Result<Arc<Principal>, Status> {
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    principal.ok_or_else(|| status::plain(Code::CertificateMissing))
}

/// The caller's `traceparent`; empty when there is none.
pub fn trace<T>(request: &Request<T>) -> String {
    let value = request.metadata().get("traceparent").and_then(|value| value.to_str().ok());
    crate::text(value.filter(|value| value.len() <= TRACE_MAX))
}
