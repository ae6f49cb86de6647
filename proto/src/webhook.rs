//! What is posted to webhooks: the types of what happens, and the JSON of a message. It carries the same JSON as the
//! events over HTTP.

use crate::v1;
use crate::v1::fact::Kind as Fact;

/// The type of a message that only tries a webhook.
pub const TEST: &str = "webhook.test";
/// The type of a message that says that another webhook of the caller was paused.
pub const PAUSED: &str = "webhook.paused";
/// The type of news of which nothing can be read any more.
const UNREADABLE: &str = "declaration.unreadable";

/// Every type that a webhook can be for, those that weigh most first: a message has the type of the weightiest that
/// happened together.
pub const TYPES: [&str; 23] = [
    "declaration.released",
    "declaration.rejected",
    "declaration.returned",
    "declaration.withdrawn",
    "declaration.inspection_ordered",
    "declaration.inspection_reopened",
    "declaration.inspection_joined",
    "declaration.inspection_answered",
    "declaration.inspection_completed",
    "declaration.inspection_cancelled",
    "declaration.inspection_progress",
    "declaration.documents_requested",
    "declaration.documents_waived",
    "declaration.documents_provided",
    "declaration.filed",
    "declaration.amended",
    "declaration.duty_progress",
    "declaration.receipt_progress",
    "declaration.export_progress",
    "declaration.stand_changed",
    "declaration.numbered",
    UNREADABLE,
    PAUSED,
];

/// The types of what happened together, the weightiest first; none when nothing of it is told.
pub fn types_of(news: &v1::WatchResponse) -> Vec<&'static str> {
    if news.unreadable {
        return vec![UNREADABLE];
    }
    let mut types: Vec<_> =
        news.facts.iter().filter_map(|fact| type_of(fact.kind.as_ref()?)).collect();
    types.sort_by_key(|name| TYPES.iter().position(|it| it == name));
    types.dedup();
    types
}

fn type_of(fact: &Fact) -> Option<&'static str> {
    Some(match fact {
        Fact::Filed(_) => "declaration.filed",
        Fact::Amended(_) => "declaration.amended",
        Fact::Withdrawn(_) => "declaration.withdrawn",
        Fact::StandChanged(_) => "declaration.stand_changed",
        Fact::InspectionOrdered(_) => "declaration.inspection_ordered",
        Fact::InspectionJoined(_) => "declaration.inspection_joined",
        Fact::InspectionCompleted(_) => "declaration.inspection_completed",
        Fact::InspectionAnswered(_) => "declaration.inspection_answered",
        Fact::InspectionCancelled(_) => "declaration.inspection_cancelled",
        Fact::InspectionReopened(_) => "declaration.inspection_reopened",
        Fact::InspectionProgress(_) => "declaration.inspection_progress",
        Fact::Numbered(_) => "declaration.numbered",
        Fact::Released(_) => "declaration.released",
        Fact::Rejected(_) => "declaration.rejected",
        Fact::Returned(_) => "declaration.returned",
        Fact::DutyProgress(_) => "declaration.duty_progress",
        Fact::ReceiptProgress(_) => "declaration.receipt_progress",
        Fact::ExportProgress(_) => "declaration.export_progress",
        Fact::DocumentsRequested(_) => "declaration.documents_requested",
        Fact::DocumentsProvided(_) => "declaration.documents_provided",
        Fact::DocumentsWaived(_) => "declaration.documents_waived",
        // It concerns the bank.
        Fact::BankNotice(_) => return None,
    })
}

/// The body of a message. `data` is the JSON of what happened.
pub fn body(name: &str, created: time::OffsetDateTime, data: &str) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    let time = crate::text(created.format(format).ok());
    format!(r#"{{"type":"{name}","timestamp":"{time}","data":{data}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_type_of_what_weighs_most() {
        let fact = |kind| v1::Fact { kind: Some(kind) };
        let facts = vec![
            fact(Fact::StandChanged(v1::StandChanged::default())),
            fact(Fact::StandChanged(v1::StandChanged::default())),
            fact(Fact::Released(v1::Released::default())),
        ];
        let news = v1::WatchResponse { facts, ..Default::default() };
        assert_eq!(types_of(&news), ["declaration.released", "declaration.stand_changed"]);
    }
}
