//! What the callers of a sandbox begin with.

use domain::{RequestId, Slot};
use store::share::Share;
use tokio_util::sync::CancellationToken;

use crate::Payments;
use crate::commit::PaymentCommand;
use crate::guarantee::{GuaranteeAct, GuaranteeChange};
use crate::names::id_of;

/// After a failure.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// What the callers of a sandbox begin with, in fen: two with enough and one without.
const SANDBOX_GUARANTEES: [(&str, i64); 3] =
    [("3702960001", 10_000_000_000), ("3702980001", 10_000_000_000), ("3702960002", 1_000)];

/// Gives the firms of a sandbox what they begin with, once.
pub(crate) async fn begin(payment: &Payments, closing: &CancellationToken) {
    for (owner, amount) in SANDBOX_GUARANTEES {
        let request_id = RequestId(id_of(&format!("sandbox/{owner}")));
        let change = GuaranteeChange {
            request_id,
            caller: "sandbox".to_owned(),
            digest: [0; 32],
            owner: owner.to_owned(),
            act: GuaranteeAct::Deposit(amount),
            reference: "沙箱初始担保金".to_owned(),
        };
        loop {
            let change = Box::new(change.clone());
            let command = |reply| PaymentCommand::Guarantee(change, reply);
            let done = payment.requests.enqueue(Slot::of(owner), &Share::Kept, command);
            let done = tokio::select! {
                done = done => done,
                () = closing.cancelled() => return,
            };
            match done {
                Ok(Ok(_)) => break,
                Ok(Err(refusal)) => {
                    tracing::warn!(%refusal, owner, "a firm of the sandbox has no guarantee");
                    break;
                }
                Err(fault) => {
                    tracing::warn!(%fault, "the guarantees of the sandbox wait");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
