//! How the inspection service hears of declarations and answers: over the exchange, like every agency.
//!
//! An event is taken down before it is acknowledged, and what the rules demand goes out after it is kept
//! ([`events`]). One that cannot be taken down waits in a queue, and with it what comes about the same
//! declaration: that one is not released meanwhile, since nobody says what the rules demand.
//! Answers are items of a queue as well; they are sent, and done when the window has taken them
//! ([`answers`]).

pub(crate) mod answers;
pub(crate) mod events;
pub(crate) mod refusals;

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::answer::{Demand, ExchangeAnswer, Payload};
use domain::clearance::Outcome;
use domain::subscriber::Subscriber;
use domain::{DeclarationId, RequestId};
use proto::v1;
use uuid::Uuid;

use crate::risk::WireDemands;

/// Ids of what the rules say are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0002_5157_0001);

/// What the risk rules say about a version.
fn risk_check(
    (declaration, version, round): (DeclarationId, u32, u32),
    demands: WireDemands,
) -> v1::Answer {
    let name = format!("targeting/{declaration}/{version}");
    let demands =
        demands.into_iter().map(|(agency, instructions)| Demand { agency, instructions }).collect();
    proto::exchange::answer_to_wire(&ExchangeAnswer {
        request: RequestId(Uuid::new_v5(&NAMESPACE, name.as_bytes())),
        declaration,
        version,
        round,
        by: Subscriber::InspectionService,
        what: Payload::Verdict {
            outcome: Outcome::Cleared,
            reasons: Vec::new(),
            demands,
            documents: None,
        },
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
