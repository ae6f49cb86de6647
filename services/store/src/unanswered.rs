//! Refusals and faults, never mixed: a refusal is an answer, a fault is our problem.

use domain::refusal::{Code, Refusal};
use uuid::Uuid;

use crate::Fault;
use crate::batch::Missed;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The business says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Missed> for Unanswered {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Busy => Self::Refused(Refusal::of(Code::Overloaded)),
            Missed::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What the caller is told. A fault is logged here, once, with the reference that the caller gets.
impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        let refusal = match unanswered {
            Unanswered::Refused(refusal) => refusal,
            Unanswered::Fault(fault) => {
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
        };
        metrics::counter!("sw_refusals_total", "code" => refusal.code.id()).increment(1);
        refusal
    }
}
