//! AppliedAnswers of subscribers that had an effect on a declaration. They are kept in its row, which changes with
//! them anyway, so that each has its effect once.

use domain::RequestId;
use domain::subscriber::Subscriber;
use store::Fault;

/// SHA-256 of an answer, as far as it is kept: it tells a repetition from another one under the same id.
pub(crate) type AnswerDigest = [u8; 16];

/// Bytes of an answer: who gave it, its request id, its digest.
const BYTES: usize = 1 + 16 + 16;

/// The answers that had an effect on a declaration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AppliedAnswers(Vec<u8>);

/// Whether an answer came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlierAnswer {
    /// None under its id had an effect.
    New,
    /// It had its effect.
    Same,
    /// Another one of the same subscriber had, under its id.
    Other,
}

impl AppliedAnswers {
    /// Reads the column.
    pub(crate) fn read(found: Vec<u8>) -> Result<Self, Fault> {
        if found.len().is_multiple_of(BYTES) {
            return Ok(Self(found));
        }
        Err(Fault::Broken(format!("{} bytes are no answers", found.len())))
    }

    /// As it is kept.
    pub(crate) fn column(&self) -> &[u8] {
        &self.0
    }

    /// Whether this one came before. Every subscriber makes up its own ids.
    pub(crate) fn seen(
        &self,
        by: Subscriber,
        request: RequestId,
        digest: &AnswerDigest,
    ) -> EarlierAnswer {
        let start = start(by, request);
        let same = self.0.chunks_exact(BYTES).find(|answer| answer.starts_with(&start));
        match same {
            None => EarlierAnswer::New,
            Some(answer) if answer.ends_with(digest) => EarlierAnswer::Same,
            Some(_) => EarlierAnswer::Other,
        }
    }

    /// It has an effect.
    pub(crate) fn keep(&mut self, by: Subscriber, request: RequestId, digest: &AnswerDigest) {
        self.0.extend_from_slice(&start(by, request));
        self.0.extend_from_slice(digest);
    }
}

fn start(by: Subscriber, RequestId(id): RequestId) -> [u8; 17] {
    let mut start = [0; 17];
    start[0] = match by {
        Subscriber::Customs => 1,
        Subscriber::Quarantine => 2,
        Subscriber::InspectionService => 3,
        Subscriber::NationalDoor => 4,
        Subscriber::PaymentService => 5,
        Subscriber::Bank => 6,
        Subscriber::RefundService => 7,
    };
    start[1..].copy_from_slice(id.as_bytes());
    start
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_answer_is_seen_again_of_its_own_subscriber_and_in_its_own_words() {
        let [one, two] = [1, 2].map(|number| RequestId(Uuid::from_u128(number)));
        let mut answers = AppliedAnswers::default();
        let seen = |answers: &AppliedAnswers, by, id, digest| answers.seen(by, id, &[digest; 16]);
        for (by, id, digest) in [(Subscriber::Customs, one, 1), (Subscriber::Quarantine, two, 2)] {
            assert_eq!(seen(&answers, by, id, digest), EarlierAnswer::New);
            answers.keep(by, id, &[digest; 16]);
        }
        let answers = AppliedAnswers::read(answers.column().to_vec()).expect("as it was kept");
        let seen = |by, id, digest| seen(&answers, by, id, digest);
        assert_eq!(seen(Subscriber::Customs, one, 1), EarlierAnswer::Same);
        assert_eq!(seen(Subscriber::Customs, one, 2), EarlierAnswer::Other);
        assert_eq!(
            seen(Subscriber::Quarantine, one, 1),
            EarlierAnswer::New,
            "each makes up its own ids"
        );
        assert_eq!(seen(Subscriber::Quarantine, two, 2), EarlierAnswer::Same);
        assert!(AppliedAnswers::read(vec![0; BYTES + 1]).is_err(), "half an answer");
    }
}
