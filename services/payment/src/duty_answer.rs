//! What the declaration service is told of duties.

use domain::answer::{ExchangeAnswer, Payload};
use domain::clearance::Outcome;
use domain::history::{DutyProgress, DutyStep, Reason};
use domain::payment::duty::DutyState;
use domain::refusal::Code;
use domain::rules::{FEN_E5, decimal};
use domain::subscriber::Subscriber;
use domain::{DeclarationId, RequestId};

use crate::bill_rows;
use crate::duty_rows::DutyRow;
use crate::names::id_of;

/// What is to be said of a version: that its duty is secured, or that its buyer is over a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DutyAnswer {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) round: u32,
    pub(crate) payer: String,
    pub(crate) amount_fen: i64,
    /// Why it is rejected.
    pub(crate) refusal: Option<Reason>,
}

/// What a guarantee lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) available_fen: i64,
    pub(crate) missing_fen: i64,
}

impl DutyRow {
    /// What is said of it; nothing where it waits, or has ended.
    pub(crate) fn answer(&self, round: u32) -> Option<DutyAnswer> {
        let refusal = match self.state {
            DutyState::Secured | DutyState::Billed => None,
            DutyState::OverLimit => {
                let (code, text) = self.case.refusal.clone();
                Some(Reason { code, text })
            }
            DutyState::Open | DutyState::Unassessed | DutyState::Short | DutyState::Ended => {
                return None;
            }
        };
        Some(DutyAnswer {
            id: self.id,
            version: self.version,
            round,
            payer: self.payer.clone(),
            amount_fen: self.amount_fen,
            refusal,
        })
    }
}

/// News of a duty for its firm; `which` of several, where there may be more of a version. The same again has the same id.
pub(crate) fn news(
    row: &DutyRow,
    step: DutyStep,
    which: &str,
    code: Option<Code>,
    (text, text_zh): (String, String),
    shortage: Option<Shortage>,
) -> ExchangeAnswer {
    let id = row.id;
    let tax_no = match step {
        DutyStep::Billed
        | DutyStep::Returned
        | DutyStep::ReturnAllowed
        | DutyStep::ReturnLapsed
        | DutyStep::Collected
        | DutyStep::Paid => bill_rows::tax_no(&row.invt_no),
        DutyStep::Short | DutyStep::Unassessed | DutyStep::Low => String::new(),
    };
    let moved = DutyProgress {
        step,
        code: proto::text(code.map(Code::id)),
        assure_code: row.payer.clone(),
        amount_fen: row.amount_fen,
        available_fen: shortage.map_or(0, |it| it.available_fen),
        missing_fen: shortage.map_or(0, |it| it.missing_fen),
        tax_no,
        text,
        text_zh,
    };
    let (version, what) = (row.version, Payload::Duty(moved));
    let request = RequestId(id_of(&format!("{step:?}/{id}/{version}{which}")));
    let by = Subscriber::PaymentService;
    ExchangeAnswer { request, declaration: id, version, round: 0, by, what }
}

/// That the duty of a version is secured, or that its buyer is over a limit. The same again has the same id.
pub(crate) fn verdict(answer: &DutyAnswer) -> ExchangeAnswer {
    let DutyAnswer { id, version, round, payer, amount_fen, refusal } = answer;
    let amount = decimal(amount_fen * FEN_E5);
    let (word, outcome, reason) = match refusal {
        Some(refusal) => ("over-limit", Outcome::Rejected, refusal.clone()),
        None if *amount_fen == 0 => {
            let text = "无税款 no tax".to_owned();
            ("secured", Outcome::Cleared, Reason { code: "DUTY".to_owned(), text })
        }
        None => {
            let text = format!("{payer} 税款担保已冻结 {amount} CNY held on the guarantee");
            ("secured", Outcome::Cleared, Reason { code: "DUTY".to_owned(), text })
        }
    };
    ExchangeAnswer {
        request: RequestId(id_of(&format!("{word}/{id}/{version}"))),
        declaration: *id,
        version: *version,
        round: *round,
        by: Subscriber::PaymentService,
        what: Payload::Verdict {
            outcome,
            reasons: vec![reason],
            demands: Vec::new(),
            documents: None,
        },
    }
}
