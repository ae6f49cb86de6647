//! `inspect report find`: findings. What a person leaves out is what the order says: which instructions
//! wait, how goods were looked at, and which revision comes next.

use std::path::PathBuf;

use domain::inspection::finding::FoundResult;
use domain::inspection::order::InstructionKey;
use proto::v1;

use super::super::Language;
use super::super::problem::Problem;
use super::{card, file, wire, words};

/// Something was found, by officers or by the laboratory. All of one command takes effect together.
#[derive(Debug, clap::Args)]
pub(super) struct FindArgs {
    /// Name (declarations/UUID, with or without /inspection), UUID or order number.
    pub(super) name: String,
    /// CONFORM, DOC_MISMATCH, QTY_MISMATCH, NAME_OR_CODE_MISMATCH, IP_INFRINGEMENT, PROHIBITED,
    /// QUARANTINE_FAIL, QUALITY_FAIL or LAB_PENDING.
    #[arg(long, value_parser = words::parse_result)]
    result: FoundResult,
    /// Which instruction it answers, customs/ID or quarantine/ID; may be given several times
    /// [default: that of the sample, or every one that has no final result yet].
    #[arg(long, value_name = "AGENCY/ID", value_parser = words::parse_key)]
    instruction: Vec<InstructionKey>,
    /// Which line of goods [default: that of the sample, or the consignment].
    #[arg(long, value_name = "N")]
    line: Option<u32>,
    /// The sample that the laboratory analysed.
    #[arg(long, value_name = "ID")]
    sample: Option<String>,
    /// manual or machine [default: by hand when that has begun].
    #[arg(long, value_parser = words::parse_method)]
    method: Option<v1::Method>,
    /// The officer, or the analyst of the laboratory.
    #[arg(long, value_name = "ID")]
    officer: String,
    /// In words.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    text: String,
    /// A photograph, record or certificate; may be given several times. Only its digest (SHA-256) is
    /// told, so keep the file.
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,
    /// From 1; a correction has a higher one [default: the next one].
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
}

impl FindArgs {
    /// The findings as they are said, or why a file cannot be used.
    pub(super) fn findings(
        self,
        state: &v1::OrderState,
        language: Language,
    ) -> anyhow::Result<Result<v1::Findings, Problem>> {
        let work = state.work.clone().unwrap_or_default(); // nobody has claimed it: the window says so
        let sample = match &self.sample {
            None => None,
            Some(id) => {
                let known = work.samples.iter().find(|sample| sample.id == *id);
                anyhow::ensure!(known.is_some(), "there is no sample {id} in this examination");
                known.cloned()
            }
        };
        let instructions: Vec<(i32, String)> =
            self.instruction.into_iter().map(|key| (wire(Some(key.agency)), key.id)).collect();
        let mut evidence = Vec::new();
        for path in &self.evidence {
            match file::digest(path, language) {
                Ok(digest) => evidence.push(digest),
                Err(problem) => return Ok(Err(problem)),
            }
        }
        let report = FindingReport {
            result: self.result.code().to_owned(),
            instructions,
            line: self.line,
            sample,
            method: self.method,
            officer: self.officer,
            text: self.text,
            evidence,
            revision: self.revision,
        };
        let findings = report.about(state);
        let nothing =
            "every instruction has a final result; name one with --instruction to correct it";
        anyhow::ensure!(!findings.findings.is_empty(), nothing);
        Ok(Ok(findings))
    }
}

/// What a person says of one result. What is left out is what the order says.
#[derive(Debug, Default)]
pub struct FindingReport {
    /// Word of the result.
    pub result: String,
    /// Agency and id of those it answers; none: that of the sample, or every one without a final result.
    pub instructions: Vec<(i32, String)>,
    /// Line of goods; `None`: that of the sample, or the consignment.
    pub line: Option<u32>,
    /// The sample that was analysed.
    pub sample: Option<v1::Sample>,
    /// How was looked; `None`: by hand when that has begun.
    pub method: Option<v1::Method>,
    /// The officer, or the analyst of the laboratory.
    pub officer: String,
    /// In words.
    pub text: String,
    /// SHA-256 of photographs and records.
    pub evidence: Vec<Vec<u8>>,
    /// From 1; `None`: the next one.
    pub revision: Option<u32>,
}

impl FindingReport {
    /// One finding for each instruction that it answers in an order that stands so.
    pub fn about(self, state: &v1::OrderState) -> v1::Findings {
        let work = state.work.clone().unwrap_or_default(); // nobody has claimed it: the window says so
        let Self { result, mut instructions, line, sample, method, .. } = self;
        if instructions.is_empty() {
            instructions = match &sample {
                Some(sample) => vec![(sample.agency, sample.instruction.clone())],
                None => {
                    let open = card::unanswered(state).into_iter();
                    open.map(|key| (wire(Some(key.agency)), key.id)).collect()
                }
            };
        }
        let by_hand = work.methods().any(|method| method == v1::Method::Manual);
        let by_machine = work.methods().any(|method| method == v1::Method::Machine);
        let used = if by_machine && !by_hand { v1::Method::Machine } else { v1::Method::Manual };
        let gnum = line.or(sample.as_ref().map(|sample| sample.gnum)).unwrap_or_default(); // 0: no line
        let sample = sample.map(|sample| sample.id).unwrap_or_default(); // none was taken
        let finding = |(agency, instruction): (i32, String)| {
            let mut finding = v1::ExaminationFinding {
                agency,
                instruction,
                gnum,
                sample: sample.clone(),
                result: result.clone(),
                method: method.unwrap_or(used).into(),
                text: self.text.clone(),
                evidence: self.evidence.clone(),
                officer: self.officer.clone(),
                revision: 1,
            };
            finding.revision = self.revision.unwrap_or_else(|| next_revision(&finding, &work));
            finding
        };
        v1::Findings { findings: instructions.into_iter().map(finding).collect() }
    }
}

/// The revision that takes effect: the first one, that of what is the same or was pending, or the next.
fn next_revision(finding: &v1::ExaminationFinding, work: &v1::Examination) -> u32 {
    let about = |it: &v1::ExaminationFinding| {
        (it.agency, it.instruction.clone(), it.gnum, it.sample.clone())
    };
    let Some(known) = work.findings.iter().find(|known| about(known) == about(finding)) else {
        return 1;
    };
    let same = v1::ExaminationFinding { revision: known.revision, ..finding.clone() } == *known;
    let pending = FoundResult::LabPending.code();
    let settles = known.result == pending && finding.result != pending;
    if same || settles { known.revision } else { known.revision.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use domain::clearance::Agency;

    use super::*;

    fn find(result: FoundResult) -> FindArgs {
        FindArgs {
            name: String::new(),
            result,
            instruction: Vec::new(),
            line: None,
            sample: None,
            method: None,
            officer: "K-1".to_owned(),
            text: String::new(),
            evidence: Vec::new(),
            revision: None,
        }
    }

    fn state() -> v1::OrderState {
        let instruction = |agency: v1::Agency, id: &str| v1::Instruction {
            agency: agency.into(),
            id: id.to_owned(),
            method: v1::Method::Machine.into(),
            ..Default::default()
        };
        v1::OrderState {
            stage: v1::OrderStage::Examining.into(),
            version: 1,
            examination: 1,
            instructions: vec![
                instruction(v1::Agency::Customs, "C-1"),
                instruction(v1::Agency::Quarantine, "I-1"),
            ],
            work: Some(v1::Examination {
                methods: vec![v1::Method::Machine.into()],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn found(find: FindArgs, state: &v1::OrderState) -> Vec<v1::ExaminationFinding> {
        let found = find.findings(state, Language::English).expect("it can be said");
        found.expect("there is no file").findings
    }

    #[test]
    fn what_is_left_out_is_what_waits() {
        let mut state = state();
        let all = found(find(FoundResult::Conform), &state);
        let about: Vec<_> = all.iter().map(|it| it.instruction.as_str()).collect();
        assert_eq!(about, ["C-1", "I-1"]);
        assert!(all.iter().all(|it| it.method() == v1::Method::Machine && it.revision == 1));
        state.work.as_mut().expect("it has one").findings = all;
        let again = find(FoundResult::Conform).findings(&state, Language::English);
        assert!(again.is_err(), "nothing waits");
    }

    #[test]
    fn a_correction_has_the_next_revision_and_a_repetition_the_same() {
        let mut state = state();
        let key = || vec![InstructionKey { agency: Agency::Customs, id: "C-1".to_owned() }];
        let with = |result| FindArgs { instruction: key(), ..find(result) };
        let put = |state: &mut v1::OrderState, findings| {
            state.work.as_mut().expect("it has one").findings = findings;
        };
        let pending = found(with(FoundResult::LabPending), &state);
        put(&mut state, pending);
        let settled = found(with(FoundResult::Conform), &state);
        assert_eq!(settled[0].revision, 1, "a final result replaces a pending one");
        put(&mut state, settled);
        assert_eq!(found(with(FoundResult::Conform), &state)[0].revision, 1);
        assert_eq!(found(with(FoundResult::QtyMismatch), &state)[0].revision, 2);
    }
}
