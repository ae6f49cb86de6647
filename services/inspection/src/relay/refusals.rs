//! Refusals of what the rules demand: in memory until they are kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Slot;
use store::Fault;
use store::share::Share;
use tokio_util::sync::CancellationToken;

use super::lock;
use crate::Inspection;
use crate::commit::InspectionCommand;

/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// How often refusals of demands are written down.
const LOOK: Duration = Duration::from_secs(1);

/// Has refusals of demands kept, until `closing`.
pub(crate) async fn keep_all(inspection: &Arc<Inspection>, closing: &CancellationToken) {
    loop {
        let refused = |(id, version, code)| {
            let command = move |reply| InspectionCommand::Refused(id, version, code, reply);
            inspection.requests.enqueue(Slot::of(""), &Share::Kept, command)
        };
        let pause = match keep(&inspection.refused, refused).await {
            Ok(()) => LOOK,
            Err(fault) => {
                tracing::warn!(%fault, "refusals of demands wait to be kept");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Has notes kept, each by a command of its own; they share transactions. A note leaves memory when it is
/// kept, not before: neither a failure nor a cut loses it. One that can never be kept is reported and left
/// out, so that it does not hold up the others.
async fn keep<T: Clone, F: Future<Output = Result<(), Fault>>>(
    notes: &Mutex<Vec<T>>,
    queue: impl Fn(T) -> F,
) -> Result<(), Fault> {
    let now = lock(notes).clone();
    let kept = futures::future::join_all(now.iter().cloned().map(queue)).await;
    let (mut waiting, mut missed) = (Vec::new(), Ok(()));
    for (note, done) in now.iter().zip(kept) {
        let fault = match done {
            Ok(()) => continue,
            Err(fault) => fault,
        };
        match fault {
            Fault::Broken(_) => fault.report("the refusal of a demand is not kept"),
            Fault::Away(_) | Fault::Full(_) => {
                waiting.push(note.clone());
                missed = Err(fault);
            }
        }
    }
    // What came meanwhile stands behind.
    lock(notes).splice(..now.len(), waiting);
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Result<(), Fault> {
        Err(Fault::Away("the database is away".to_owned()))
    }

    #[tokio::test]
    async fn what_the_database_could_not_take_stays_in_memory() {
        let notes = Mutex::new(vec![1, 2, 3]);
        let first_is_away = |note| async move { if note == 1 { away() } else { Ok(()) } };
        assert!(keep(&notes, first_is_away).await.is_err());
        assert_eq!(*lock(&notes), [1], "what was kept is forgotten, the rest is not");

        lock(&notes).extend([2, 3]);
        assert!(keep(&notes, |_| async { away() }).await.is_err());
        assert_eq!(*lock(&notes), [1, 2, 3]);
        // One that comes meanwhile stands behind, and waits for the next time.
        let another_comes = |note| {
            lock(&notes).push(note + 10);
            async move { if note == 2 { away() } else { Ok(()) } }
        };
        assert!(keep(&notes, another_comes).await.is_err());
        assert_eq!(*lock(&notes), [2, 11, 12, 13]);
        keep(&notes, |_| async { Ok(()) }).await.expect("the database is back");
        assert!(lock(&notes).is_empty());
    }

    #[tokio::test]
    async fn a_cut_while_notes_are_kept_loses_none() {
        let notes = Mutex::new(vec![1, 2]);
        let never = keep(&notes, |_| std::future::pending());
        let cut = tokio::time::timeout(Duration::from_millis(10), never).await;
        assert!(cut.is_err());
        assert_eq!(*lock(&notes), [1, 2]);
    }

    #[tokio::test]
    async fn a_note_that_can_never_be_kept_does_not_hold_up_the_others() {
        let notes = Mutex::new(vec![1, 2]);
        let poisoned = |note| async move {
            if note == 1 { Err(Fault::Broken("a bug".to_owned())) } else { Ok(()) }
        };
        keep(&notes, poisoned).await.expect("the database is there");
        assert!(lock(&notes).is_empty());
    }
}
