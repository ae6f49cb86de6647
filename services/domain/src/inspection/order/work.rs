//! One examination: who, what was done, what was found, and whether that answers an instruction.

use std::collections::{BTreeMap, BTreeSet};

use super::instruction::{Instruction, InstructionKey, Method};
use crate::inspection::appointment::TimeWindow;
use crate::inspection::finding::{
    EvidenceDigest, ExaminationFinding, FindingKey, FoundResult, Severity,
};

/// Where and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Appointment {
    /// At which place.
    pub place: String,
    /// When.
    pub window: TimeWindow,
}

/// Whether an officer is still on the examination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfficerDuty {
    /// At work.
    On,
    /// Replaced by somebody else; reports of what was done before still count.
    Replaced,
}

/// Who is there when the goods are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attendance {
    /// The declarant or its agent.
    Declarant,
    /// Only the operator of the site (径行开验).
    SiteOperator,
}

/// A sample for the laboratory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Number on the seal, unique within the examination.
    pub id: String,
    /// For which instruction.
    pub instruction: InstructionKey,
    /// Of which line, 0 for the consignment.
    pub gnum: u32,
    /// Who took it.
    pub officer: String,
}

/// A quarantine treatment (除害处理).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Treatment {
    /// Number of the certificate.
    pub certificate: String,
    /// SHA-256 of the certificate.
    pub digest: EvidenceDigest,
    /// The goods are clean now.
    pub passed: bool,
}

/// One examination: what was done and found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Examination {
    /// Who is or was on it.
    pub officers: BTreeMap<String, OfficerDuty>,
    /// Who was there; `None` before the goods were presented.
    pub attendance: Option<Attendance>,
    /// What was done.
    pub methods: BTreeSet<Method>,
    /// Samples by id.
    pub samples: BTreeMap<String, Sample>,
    /// Which laboratory has which sample.
    pub sent: BTreeMap<String, String>,
    /// What was found.
    pub findings: BTreeMap<FindingKey, ExaminationFinding>,
    /// The treatment.
    pub treatment: Option<Treatment>,
}

impl Examination {
    /// Officers who are at work on it now.
    pub fn on_duty(&self) -> BTreeSet<String> {
        let on = self.officers.iter().filter(|(_, duty)| **duty == OfficerDuty::On);
        on.map(|(officer, _)| officer.clone()).collect()
    }

    /// Samples whose result is not there.
    pub fn pending_samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.values().filter(|sample| !self.has_result(sample))
    }

    fn has_result(&self, sample: &Sample) -> bool {
        let findings = self.findings.values();
        let mut of_sample = findings.filter(|f| f.key.sample.as_ref() == Some(&sample.id));
        of_sample.any(|finding| finding.result.is_final())
    }

    /// Whether an instruction has its final result: nothing under it is pending, and for each of its
    /// lines, or for the consignment, something was found that counts.
    pub(super) fn answers(&self, instruction: &Instruction) -> bool {
        let own = || self.findings.values().filter(|f| f.key.instruction == instruction.key);
        let pending = own().any(|finding| !finding.result.is_final())
            || self.pending_samples().any(|sample| sample.instruction == instruction.key);
        let answered = |line: Option<u32>| {
            own().any(|finding| {
                let here = line.is_none_or(|line| [line, 0].contains(&finding.key.gnum));
                here && counts(instruction, finding)
            })
        };
        let lines = &instruction.lines;
        !pending
            && if lines.is_empty() {
                answered(None)
            } else {
                lines.iter().all(|line| answered(Some(*line)))
            }
    }
}

/// Something wrong counts however it was seen; conform is only what was looked at as demanded.
fn counts(instruction: &Instruction, finding: &ExaminationFinding) -> bool {
    match finding.result.severity() {
        Severity::Pending => false,
        Severity::Correctable | Severity::Treatable | Severity::Barred => true,
        Severity::None => {
            finding.key.sample.is_some()
                || (!instruction.sampling && finding.method >= instruction.method)
        }
    }
}

pub(super) fn final_results<'f>(
    findings: impl IntoIterator<Item = &'f ExaminationFinding>,
) -> Vec<FoundResult> {
    let results = findings.into_iter().map(|finding| finding.result);
    results.filter(|result| result.is_final()).collect()
}
