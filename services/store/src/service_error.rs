//! Refusals and faults, never mixed: a refusal is an answer, a fault is our problem.

use domain::refusal::{Code, Refusal};
use uuid::Uuid;

use crate::Fault;
use crate::commit_queue::EnqueueError;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The business says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<EnqueueError> for ServiceError {
    fn from(missed: EnqueueError) -> Self {
        match missed {
            EnqueueError::Busy => Self::Refused(Refusal::of(Code::Overloaded)),
            EnqueueError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What the caller is told. A fault is logged here, once, with the reference that the caller gets.
impl From<ServiceError> for Refusal {
    fn from(unanswered: ServiceError) -> Self {
        match unanswered {
            ServiceError::Refused(refusal) => refusal,
            ServiceError::Fault(fault) => {
                let reference = Uuid::now_v7();
                let code = match &fault {
                    // The lane that met it has said so once for all who waited.
                    Fault::Away(_) => {
                        tracing::debug!(%fault, %reference, "a call found the database away");
                        Code::Unavailable
                    }
                    Fault::Full(_) => {
                        tracing::debug!(%fault, %reference, "a call found the storage full");
                        Code::StorageFull
                    }
                    Fault::Broken(_) => {
                        tracing::error!(%fault, %reference, "a call failed");
                        Code::Internal
                    }
                };
                Self::of(code).with("reference", reference)
            }
        }
    }
}
