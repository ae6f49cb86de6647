//! Refusals and faults, never mixed: a refusal is an answer, a fault is our problem.

use domain::refusal::{Code, Refusal};
use proto::status::{self, Language};
use store::Fault;
use store::batch::Missed;
use tonic::Status;
use uuid::Uuid;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The business says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Missed> for Error {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Busy => Self::Refused(Refusal::of(Code::Overloaded)),
            Missed::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Error {
    /// What the caller is told. A fault is logged here, once, with the reference that the caller gets.
    pub(crate) fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Fault(fault) => {
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
                Refusal::of(code).with("reference", reference)
            }
        }
    }

    /// The same as a status.
    pub(crate) fn into_status(self, language: Language) -> Status {
        let refusal = self.into_refusal();
        metrics::counter!("sw_refusals_total", "code" => refusal.code.id()).increment(1);
        status::refused(&refusal, language)
    }
}
