//! Answers to the declaration service: what it must hear of an order. Each is an item of a queue, written
//! with what it is about, until the declaration service has answered; it is told under the item's id,
//! however often. Those of one declaration are told in order.

use domain::answer::{ExchangeAnswer, Payload};
use domain::clearance::Agency;
use domain::history::{InspectionProgress, InspectionStep};
use domain::inspection::finding::ExaminationFinding;
use domain::inspection::joint::{self, ReviewRound};
use domain::inspection::order::{OrderFact, Stage};
use domain::subscriber::Subscriber;
use domain::{RequestId, limits};
use prost::Message as _;
use sqlx::PgConnection;
use store::Fault;
use store::cipher::Cipher;
use store::queue::{self, Item};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::orders::OrderRow;

/// The queue. The subject of an answer is the declaration.
pub(crate) const ANSWERS: &str = "answers";

/// Something that the declaration service must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutgoingAnswer(ExchangeAnswer);

/// What everybody is told of the facts of an order.
pub(crate) fn news(filed: &OrderRow, before: Stage, facts: &[OrderFact]) -> Vec<OutgoingAnswer> {
    let mut answers = Vec::new();
    for fact in facts {
        let stage = filed.case.order.stage;
        let moved_on = stage != before;
        let step = match fact {
            OrderFact::Appointed => InspectionStep::Appointed,
            OrderFact::Rescheduled => InspectionStep::Rescheduled,
            OrderFact::NoShow(_) => InspectionStep::NoShow,
            OrderFact::Presented(_) => InspectionStep::Presented,
            OrderFact::Began(_) if moved_on => InspectionStep::Examining,
            OrderFact::Taken(_) if moved_on => InspectionStep::Sampled,
            OrderFact::Sent(_) if moved_on => InspectionStep::Laboratory,
            OrderFact::TreatmentOrdered => InspectionStep::Treating,
            OrderFact::Treated(_) => InspectionStep::Treated,
            OrderFact::Disposed(_) => InspectionStep::Disposed,
            OrderFact::Closed => InspectionStep::Closed,
            // A correction after the last answer; the others come with the report.
            OrderFact::Found(..) if before == Stage::Found => InspectionStep::Found,
            OrderFact::Completed
            | OrderFact::Began(_)
            | OrderFact::Taken(_)
            | OrderFact::Sent(_)
            | OrderFact::Ordered(_)
            | OrderFact::Joined(_)
            | OrderFact::Extended(_)
            | OrderFact::Answered(_)
            | OrderFact::Compelled
            | OrderFact::Assigned
            | OrderFact::Replaced
            | OrderFact::Found(..)
            | OrderFact::Objected
            | OrderFact::Decided(..)
            | OrderFact::Cancelled => continue,
        };
        answers.push(progress_answer(filed, step, words(filed, fact)));
    }
    answers
}

pub(crate) fn progress_answer(
    filed: &OrderRow,
    step: InspectionStep,
    (text, text_zh): (String, String),
) -> OutgoingAnswer {
    let appointment = filed.case.order.appointment.as_ref();
    let moved = InspectionProgress {
        order_id: filed.order_id,
        step,
        examination: filed.case.order.examination,
        place: appointment.map_or(String::new(), |it| it.place.clone()),
        place_name: appointment.map_or(String::new(), |_| filed.place_name.clone()),
        place_name_zh: appointment.map_or(String::new(), |_| filed.place_name_zh.clone()),
        window_start: appointment.map(|it| it.window.start),
        window_end: appointment.map(|it| it.window.end),
        text,
        text_zh,
    };
    new_answer(filed, filed.case.asked, Payload::Progress(moved))
}

/// An answer of the inspection service that is not said yet.
fn new_answer(
    filed: &OrderRow,
    ReviewRound { version, round }: ReviewRound,
    what: Payload,
) -> OutgoingAnswer {
    let request = RequestId(Uuid::now_v7());
    OutgoingAnswer(ExchangeAnswer {
        request,
        declaration: filed.id,
        version,
        round,
        by: Subscriber::InspectionService,
        what,
    })
}

/// What an enterprise wants to know of a step.
fn words(filed: &OrderRow, fact: &OrderFact) -> (String, String) {
    let both = |en: &str, zh: &str| (en.to_owned(), zh.to_owned());
    match fact {
        OrderFact::NoShow(count) => (
            format!("nobody came, for the {count}. time; make another appointment"),
            format!("第{count}次未按预约到场，请重新预约"),
        ),
        OrderFact::TreatmentOrdered => both("the goods have to be treated", "货物须作除害处理"),
        OrderFact::Treated(passed) => {
            let number = filed.case.order.work.treatment.as_ref().map(|it| it.certificate.as_str());
            // It is on record with the fact.
            let number = number.unwrap_or_default();
            let (en, zh) =
                if *passed { ("passed", "合格") } else { ("did not pass", "不合格") };
            (format!("certificate {number}: {en}"), format!("处理证书{number}：{zh}"))
        }
        OrderFact::Found(key, result) => {
            let (line, title) = (key.gnum, result.title());
            (
                format!("corrected: {} (line {line}): {}", result.code(), title.en),
                format!("更正：第{line}项，{}", title.zh),
            )
        }
        OrderFact::Disposed(disposal) => {
            (disposal.code().to_owned(), disposal.titles().1.to_owned())
        }
        _ => both("", ""),
    }
}

/// What the declaration service is to be told.
pub(crate) fn of(filed: &OrderRow, message: joint::OrderMessage, reason: &str) -> OutgoingAnswer {
    let order_id = filed.order_id;
    match message {
        joint::OrderMessage::Findings(at) => {
            new_answer(filed, at, Payload::Findings { order_id, findings: findings(filed) })
        }
        joint::OrderMessage::Reopening(version) => {
            let at = ReviewRound { version, ..filed.case.asked };
            new_answer(filed, at, Payload::Reopening { order_id, reason: reason.to_owned() })
        }
    }
}

/// What is on record, by the agency that it answers. What is wrong comes first, so that a report that holds
/// no more still tells it; all of it stands with the order.
fn findings(filed: &OrderRow) -> Vec<domain::history::Finding> {
    let mut record = joint::record(&filed.case.order);
    record.sort_by_key(|(_, finding)| !finding.result.is_adverse());
    let agencies = [Agency::Customs, Agency::Quarantine];
    let most = limits::REASONS_MAX - agencies.len();
    let mut shown: Vec<(Agency, &ExaminationFinding)> = record.iter().take(most).copied().collect();
    for agency in agencies {
        // Every agency that instructed has an answer, also behind a hundred of the other.
        if !shown.iter().any(|(of, _)| *of == agency) {
            shown.extend(record.iter().find(|(of, _)| *of == agency));
        }
    }
    let finding =
        |(instructed_by, finding): (Agency, &ExaminationFinding)| domain::history::Finding {
            instructed_by,
            gnum: finding.key.gnum,
            result: finding.result.code().to_owned(),
            text: if finding.text.is_empty() {
                finding.result.title().zh
            } else {
                finding.text.clone()
            },
            evidence: finding.evidence.iter().map(|digest| digest.to_vec()).collect(),
        };
    shown.into_iter().map(finding).collect()
}

/// Writes answers.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    cipher: &Cipher,
    answers: &[OutgoingAnswer],
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let items = answers.iter().map(|answer| {
        let OutgoingAnswer(content) = answer;
        Item {
            slot: content.declaration.slot(),
            id: content.request.0,
            kind: 0,
            subject: content.declaration.uuid(),
            // Their ids say the order.
            place: 0,
            body: proto::exchange::answer_to_wire(content).encode_to_vec(),
            due: now,
            tries: 0,
        }
    });
    let items: Vec<Item> = items.collect();
    queue::enqueue(tx, cipher, ANSWERS, &items).await
}
