//! What the risk rules say.

use domain::inspection::order::Instruction;
use domain::inspection::risk::RuleEffect;
use domain::inspection::{Explanation, RuleSource, credit, risk};
use prost::Message as _;

use super::examination::{instruction_from_wire, instruction_to_wire};
use super::{StoredBytesError, agency_to_wire, day};
use crate::schema::single_window::stored::v1 as stored;
use crate::v1;

fn reasoning_to_wire(why: &Explanation) -> v1::Reasoning {
    v1::Reasoning { text: why.en.clone(), text_zh: why.zh.clone() }
}

/// An assessment as it is said and kept.
pub fn assessment_to_wire(assessment: &risk::Assessment) -> v1::Assessment {
    let matched = |matched: &risk::Match| {
        let (law, unverified) = match &matched.source {
            RuleSource::Ours => (String::new(), false),
            RuleSource::Law { number, unverified } => (number.clone(), *unverified),
        };
        let draw = match &matched.effect {
            RuleEffect::Demanded => None,
            RuleEffect::Drawn { drawn, threshold_bp, .. } => Some(v1::RuleDraw {
                day: day(drawn.seed.day),
                key: drawn.key.clone(),
                counter: drawn.counter,
                number: drawn.number,
                below: drawn.below,
                threshold: *threshold_bp,
            }),
        };
        v1::RuleMatch {
            rule: matched.rule.clone(),
            title: matched.title.en.clone(),
            title_zh: matched.title.zh.clone(),
            law,
            unverified,
            lines: matched.lines.clone(),
            because: matched.because.iter().map(reasoning_to_wire).collect(),
            effect: Some(reasoning_to_wire(&matched.effect.explain())),
            selected: matched.effect.is_selected(),
            draw,
        }
    };
    v1::Assessment {
        agency: agency_to_wire(assessment.agency),
        rule_set_version: assessment.version,
        sample: assessment.sample,
        selected: assessment.is_selected(),
        matched: assessment.matched.iter().map(matched).collect(),
        instructions: assessment.instructions().iter().map(|i| instruction_to_wire(i, 0)).collect(),
    }
}

/// What the rules said about one version, as it is kept.
pub fn encode_assessments(class: credit::Class, assessments: &[risk::Assessment]) -> Vec<u8> {
    let assessments = assessments.iter().map(assessment_to_wire).collect();
    stored::Assessments { class: class.word().to_owned(), assessments }.encode_to_vec()
}

/// The credit class and what each rule set said, of assessments that were kept.
///
/// # Errors
///
/// When the bytes are no assessments.
pub fn decode_assessments(bytes: &[u8]) -> Result<(String, Vec<v1::Assessment>), StoredBytesError> {
    let unreadable = |_| StoredBytesError { what: "assessment" };
    let stored::Assessments { class, assessments } =
        stored::Assessments::decode(bytes).map_err(unreadable)?;
    Ok((class, assessments))
}

/// What was demanded by an assessment that was kept, by agency.
///
/// # Errors
///
/// When the bytes are no assessment.
pub fn decode_instructions(bytes: &[u8]) -> Result<Vec<Instruction>, StoredBytesError> {
    let (_, assessments) = decode_assessments(bytes)?;
    let all = assessments.into_iter().flat_map(|assessment| assessment.instructions);
    all.map(|wire| instruction_from_wire(wire).map_err(|what| StoredBytesError { what })).collect()
}
