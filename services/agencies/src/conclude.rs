//! What the simulated agencies make of findings: of those that the exchange tells, and of those that
//! stand in the order. Decided by the findings, never by the script.

use std::time::Duration;

use client::ConsumerAnswer;
use domain::inspection::finding::{Disposal, FoundResult};
use proto::v1::{self, Agency, OrderStage, Outcome};

use crate::{Round, reason, verdict};

/// What an agency makes of the findings of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// No objection.
    Clear,
    /// The goods are treated, and then looked at again.
    Treat,
    /// The goods are detained and handed over to the anti-smuggling department.
    Detain,
    /// Rejected because of this.
    Reject(String),
}

/// A finding: under whose instruction, and what.
pub(crate) type FindingResult<'f> = (Agency, &'f str);

pub(crate) fn of_findings(findings: &[v1::Finding]) -> Vec<FindingResult<'_>> {
    findings.iter().map(|finding| (finding.instructed_by(), finding.result.as_str())).collect()
}

fn of_record(state: &v1::OrderState) -> Vec<FindingResult<'_>> {
    let findings = state.work.iter().flat_map(|work| &work.findings);
    findings.map(|finding| (finding.agency(), finding.result.as_str())).collect()
}

fn is_bad((_, result): &&FindingResult<'_>) -> bool {
    *result != FoundResult::Conform.code()
}

/// A result that is not known counts as something wrong.
pub(crate) fn conclude(agency: Agency, found: &[FindingResult<'_>]) -> Conclusion {
    let any = |result: FoundResult| found.iter().any(|(_, it)| *it == result.code());
    let first_bad = found.iter().find(is_bad);
    let own_bad = || found.iter().filter(is_bad).find(|(whose, _)| *whose == agency);
    let treatable =
        |it: &FindingResult<'_>| !is_bad(&it) || it.1 == FoundResult::QuarantineFail.code();
    match (agency, first_bad) {
        (_, None) => Conclusion::Clear,
        (Agency::Customs, Some(_)) if any(FoundResult::Prohibited) => Conclusion::Detain,
        (_, Some(_)) if any(FoundResult::Prohibited) => match own_bad() {
            None => Conclusion::Clear,
            Some((_, result)) => Conclusion::Reject((*result).to_owned()),
        },
        (_, Some(_)) if found.iter().all(treatable) => Conclusion::Treat,
        (_, Some((_, result))) => Conclusion::Reject((*result).to_owned()),
    }
}

/// The verdict of a conclusion; none where the goods are treated first.
pub(crate) fn reply(
    agency: Agency,
    round: &Round<'_>,
    conclusion: &Conclusion,
) -> Option<ConsumerAnswer> {
    let (outcome, reasons) = match conclusion {
        Conclusion::Clear => (Outcome::Cleared, Vec::new()),
        Conclusion::Treat => return None,
        Conclusion::Detain => (Outcome::Detained, reason("502", "扣留移送缉私")),
        Conclusion::Reject(result) => {
            (Outcome::Rejected, reason("1300", &format!("查验结果：{result}")))
        }
    };
    Some(verdict(agency, round, (outcome, Duration::ZERO), reasons))
}

/// The verdict after a treatment.
pub(crate) fn after_treatment(
    agency: Agency,
    round: &Round<'_>,
    passed: bool,
) -> Option<ConsumerAnswer> {
    let (outcome, reasons) = match (agency, passed) {
        (_, true) => (Outcome::Cleared, Vec::new()),
        (Agency::Quarantine, false) => (Outcome::Returned, reason("700", "除害处理不合格，退运")),
        // The goods go; customs has nothing to add.
        (Agency::Customs | Agency::Unspecified, false) => return None,
    };
    Some(verdict(agency, round, (outcome, Duration::ZERO), reasons))
}

/// What an agency still has to say about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RemainingActs {
    /// What becomes of the goods.
    pub(crate) disposal: Option<Disposal>,
    /// They were treated, with this success, and the declaration waits for the verdict on that.
    pub(crate) treated: Option<bool>,
}

/// Looks at an order: which word of an agency is missing.
pub(crate) fn pending(agency: Agency, record: &v1::OrderRecord) -> RemainingActs {
    let nothing = RemainingActs { disposal: None, treated: None };
    let Some(state) = &record.state else { return nothing };
    let is_found = match state.stage() {
        OrderStage::Found => true,
        OrderStage::Disposed | OrderStage::Closed => false,
        OrderStage::Unspecified
        | OrderStage::Ordered
        | OrderStage::Appointed
        | OrderStage::Presented
        | OrderStage::Examining
        | OrderStage::Sampled
        | OrderStage::Laboratory
        | OrderStage::Treating
        | OrderStage::Cancelled => return nothing,
    };
    let found = of_record(state);
    let treatment = state.work.as_ref().and_then(|work| work.treatment.as_ref());
    let treated = treatment.map(|treatment| treatment.passed);
    let own_is_bad = found.iter().filter(is_bad).any(|(whose, _)| *whose == agency);
    let prohibited = found.iter().any(|(_, result)| *result == FoundResult::Prohibited.code());
    let disposal = match (conclude(agency, &found), treated) {
        (Conclusion::Treat, None) if own_is_bad => Some(Disposal::Treat),
        (Conclusion::Treat, None) => Some(Disposal::Release),
        // A verdict says the rest: the release disposes of the goods, and so does their return.
        (Conclusion::Treat, Some(false)) if !own_is_bad => Some(Disposal::Release),
        (Conclusion::Treat, Some(_)) => None,
        // Cleared, but the goods stay: no release will say what this agency thinks of them.
        (Conclusion::Clear, _) if prohibited => Some(Disposal::Release),
        (Conclusion::Clear | Conclusion::Detain | Conclusion::Reject(_), _) => None,
    };
    let instructed = state.instructions.iter().any(|it| it.agency == i32::from(agency));
    let decided = match agency {
        Agency::Customs => !state.by_customs.is_empty(),
        Agency::Quarantine => !state.by_quarantine.is_empty(),
        Agency::Unspecified => true,
    };
    RemainingActs {
        disposal: disposal.filter(|_| is_found && instructed && !decided),
        treated: treated.filter(|_| conclude(agency, &found) == Conclusion::Treat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Agency::{Customs, Quarantine};

    #[test]
    fn findings_lead_to_conclusions() {
        let reject = |result: &str| Conclusion::Reject(result.to_owned());
        let table = [
            (vec![], Conclusion::Clear, Conclusion::Clear),
            (
                vec![(Customs, "CONFORM"), (Quarantine, "CONFORM")],
                Conclusion::Clear,
                Conclusion::Clear,
            ),
            (
                vec![(Customs, "CONFORM"), (Quarantine, "QUARANTINE_FAIL")],
                Conclusion::Treat,
                Conclusion::Treat,
            ),
            (
                vec![(Customs, "QTY_MISMATCH"), (Quarantine, "QUARANTINE_FAIL")],
                reject("QTY_MISMATCH"),
                reject("QTY_MISMATCH"),
            ),
            (
                vec![(Quarantine, "CONFORM"), (Customs, "PROHIBITED")],
                Conclusion::Detain,
                Conclusion::Clear,
            ),
            (
                vec![(Customs, "PROHIBITED"), (Quarantine, "QUALITY_FAIL")],
                Conclusion::Detain,
                reject("QUALITY_FAIL"),
            ),
            (vec![(Customs, "UNHEARD_OF")], reject("UNHEARD_OF"), reject("UNHEARD_OF")),
        ];
        for (found, customs, quarantine) in table {
            assert_eq!(conclude(Customs, &found), customs, "{found:?}");
            assert_eq!(conclude(Quarantine, &found), quarantine, "{found:?}");
        }
    }

    fn record(
        stage: OrderStage,
        found: &[FindingResult<'_>],
        treated: Option<bool>,
    ) -> v1::OrderRecord {
        let instruction = |(agency, _): &FindingResult<'_>| v1::Instruction {
            agency: i32::from(*agency),
            ..Default::default()
        };
        let finding = |(agency, result): &FindingResult<'_>| v1::ExaminationFinding {
            agency: i32::from(*agency),
            result: (*result).to_owned(),
            ..Default::default()
        };
        let work = v1::Examination {
            findings: found.iter().map(finding).collect(),
            treatment: treated.map(|passed| v1::Treatment { passed, ..Default::default() }),
            ..Default::default()
        };
        let state = v1::OrderState {
            stage: stage.into(),
            instructions: found.iter().map(instruction).collect(),
            work: Some(work),
            ..Default::default()
        };
        v1::OrderRecord { state: Some(state), ..Default::default() }
    }

    #[test]
    fn an_order_shows_which_word_is_missing() {
        use Disposal::{Release, Treat};
        let pests = [(Customs, "CONFORM"), (Quarantine, "QUARANTINE_FAIL")];
        let only_pests = &pests[1..];
        let prohibited = [(Customs, "PROHIBITED"), (Quarantine, "CONFORM")];
        let wrong = [(Customs, "QTY_MISMATCH"), (Quarantine, "CONFORM")];
        let acts = |disposal, treated| RemainingActs { disposal, treated };
        let nothing = acts(None, None);
        let table = [
            (
                OrderStage::Found,
                &pests[..],
                None,
                acts(Some(Release), None),
                acts(Some(Treat), None),
            ),
            (OrderStage::Found, only_pests, None, nothing, acts(Some(Treat), None)),
            (OrderStage::Treating, &pests, None, nothing, nothing),
            (OrderStage::Found, &pests, Some(true), acts(None, Some(true)), acts(None, Some(true))),
            (
                OrderStage::Found,
                &pests,
                Some(false),
                acts(Some(Release), Some(false)),
                acts(None, Some(false)),
            ),
            (
                OrderStage::Disposed,
                &pests,
                Some(false),
                acts(None, Some(false)),
                acts(None, Some(false)),
            ),
            (OrderStage::Found, &prohibited, None, nothing, acts(Some(Release), None)),
            (OrderStage::Found, &wrong, None, nothing, nothing),
            (OrderStage::Ordered, &pests, None, nothing, nothing),
        ];
        for (stage, found, treated, customs, quarantine) in table {
            let record = record(stage, found, treated);
            assert_eq!(pending(Customs, &record), customs, "{stage:?} {found:?} {treated:?}");
            assert_eq!(pending(Quarantine, &record), quarantine, "{stage:?} {found:?} {treated:?}");
        }
        let mut decided = record(OrderStage::Found, &pests, None);
        decided.state.as_mut().expect("a state").by_quarantine = "TREAT".to_owned();
        assert_eq!(pending(Quarantine, &decided), nothing);
    }
}
