//! What happens at an examination: instructions, appointments, samples, findings, treatments.

use std::collections::{BTreeMap, BTreeSet};

use domain::inspection::appointment;
use domain::inspection::finding::{ExaminationFinding, FindingKey, FoundResult};
use domain::inspection::order::{
    Appointment, Attendance, Examination, Instruction, InstructionKey, Method, OfficerDuty, Sample,
    Treatment,
};

use super::{WireResult, agency_from_wire, agency_to_wire};
use crate::v1;

/// The way of looking that is meant.
pub fn method_from_wire(wire: i32) -> Option<Method> {
    match v1::Method::try_from(wire) {
        Ok(v1::Method::Machine) => Some(Method::Machine),
        Ok(v1::Method::Manual) => Some(Method::Manual),
        Ok(v1::Method::Unspecified) | Err(_) => None,
    }
}

fn method_to_wire(method: Method) -> i32 {
    match method {
        Method::Machine => v1::Method::Machine,
        Method::Manual => v1::Method::Manual,
    }
    .into()
}

/// Who is meant to have been there.
pub fn attendance_from_wire(wire: i32) -> Option<Attendance> {
    match v1::Attendance::try_from(wire) {
        Ok(v1::Attendance::Declarant) => Some(Attendance::Declarant),
        Ok(v1::Attendance::SiteOperator) => Some(Attendance::SiteOperator),
        Ok(v1::Attendance::Unspecified) | Err(_) => None,
    }
}

fn attendance_to_wire(attendance: Option<Attendance>) -> i32 {
    match attendance {
        None => v1::Attendance::Unspecified,
        Some(Attendance::Declarant) => v1::Attendance::Declarant,
        Some(Attendance::SiteOperator) => v1::Attendance::SiteOperator,
    }
    .into()
}

pub(super) fn instruction_to_wire(
    instruction: &Instruction,
    answered_on_version: u32,
) -> v1::Instruction {
    let Instruction { key, text, text_zh, lines, method, sampling } = instruction.clone();
    v1::Instruction {
        agency: agency_to_wire(key.agency),
        id: key.id,
        text,
        text_zh,
        lines,
        method: method_to_wire(method),
        sampling,
        answered_on_version,
    }
}

pub(super) fn instruction_from_wire(wire: v1::Instruction) -> WireResult<Instruction> {
    let agency = agency_from_wire(wire.agency).ok_or("instruction.agency")?;
    Ok(Instruction {
        key: InstructionKey { agency, id: wire.id },
        text: wire.text,
        text_zh: wire.text_zh,
        lines: wire.lines,
        method: method_from_wire(wire.method).ok_or("instruction.method")?,
        sampling: wire.sampling,
    })
}

/// Where and when, as it is said.
pub fn appointment_to_wire(appointment: &Appointment) -> v1::Appointment {
    v1::Appointment {
        place: appointment.place.clone(),
        start: Some(crate::timestamp(appointment.window.start)),
        end: Some(crate::timestamp(appointment.window.end)),
        ..Default::default()
    }
}

pub(super) fn appointment_from_wire(wire: v1::Appointment) -> WireResult<Appointment> {
    let time = |time: Option<_>| time.and_then(crate::time).ok_or("appointment");
    let window = appointment::TimeWindow { start: time(wire.start)?, end: time(wire.end)? };
    Ok(Appointment { place: wire.place, window })
}

/// A sample that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn sample_from_wire(wire: v1::Sample) -> WireResult<Sample> {
    let agency = agency_from_wire(wire.agency).ok_or("sample.agency")?;
    Ok(Sample {
        id: wire.id,
        instruction: InstructionKey { agency, id: wire.instruction },
        gnum: wire.gnum,
        officer: wire.officer,
    })
}

/// A finding that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn finding_from_wire(wire: v1::ExaminationFinding) -> WireResult<ExaminationFinding> {
    let agency = agency_from_wire(wire.agency).ok_or("findings.agency")?;
    let digest = |bytes: Vec<u8>| bytes.try_into().map_err(|_| "findings.evidence");
    Ok(ExaminationFinding {
        key: FindingKey {
            instruction: InstructionKey { agency, id: wire.instruction },
            gnum: wire.gnum,
            sample: Some(wire.sample).filter(|sample| !sample.is_empty()),
        },
        result: FoundResult::parse(&wire.result).ok_or("findings.result")?,
        method: method_from_wire(wire.method).ok_or("findings.method")?,
        text: wire.text,
        evidence: wire.evidence.into_iter().map(digest).collect::<WireResult<_>>()?,
        officer: wire.officer,
        revision: wire.revision,
    })
}

fn finding_to_wire(finding: &ExaminationFinding) -> v1::ExaminationFinding {
    let ExaminationFinding { key, result, method, text, evidence, officer, revision } =
        finding.clone();
    v1::ExaminationFinding {
        agency: agency_to_wire(key.instruction.agency),
        instruction: key.instruction.id,
        gnum: key.gnum,
        sample: crate::text(key.sample),
        result: result.code().to_owned(),
        method: method_to_wire(method),
        text,
        evidence: evidence.into_iter().map(Vec::from).collect(),
        officer,
        revision,
    }
}

/// A treatment that a site tells of.
///
/// # Errors
///
/// The field that means nothing.
pub fn treatment_from_wire(wire: v1::Treatment) -> WireResult<Treatment> {
    let digest = wire.digest.try_into().map_err(|_| "treatment.digest")?;
    Ok(Treatment { certificate: wire.certificate, digest, passed: wire.passed })
}

fn treatment_to_wire(treatment: &Treatment) -> v1::Treatment {
    let Treatment { certificate, digest, passed } = treatment.clone();
    v1::Treatment { certificate, digest: digest.into(), passed }
}

pub(super) fn examination_to_wire(work: &Examination) -> v1::Examination {
    let sample = |sample: &Sample| v1::Sample {
        id: sample.id.clone(),
        agency: agency_to_wire(sample.instruction.agency),
        instruction: sample.instruction.id.clone(),
        gnum: sample.gnum,
        officer: sample.officer.clone(),
        // Empty until it is sent to one.
        laboratory: crate::text(work.sent.get(&sample.id).cloned()),
    };
    let duty = |(officer, duty): (&String, &OfficerDuty)| v1::Duty {
        officer: officer.clone(),
        replaced: *duty == OfficerDuty::Replaced,
    };
    v1::Examination {
        officers: work.officers.iter().map(duty).collect(),
        attendance: attendance_to_wire(work.attendance),
        methods: work.methods.iter().map(|method| method_to_wire(*method)).collect(),
        samples: work.samples.values().map(sample).collect(),
        findings: work.findings.values().map(finding_to_wire).collect(),
        treatment: work.treatment.as_ref().map(treatment_to_wire),
    }
}

pub(super) fn examination_from_wire(wire: v1::Examination) -> WireResult<Examination> {
    let mut sent = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for mut wire in wire.samples {
        let laboratory = std::mem::take(&mut wire.laboratory);
        let sample = self::sample_from_wire(wire)?;
        if !laboratory.is_empty() {
            sent.insert(sample.id.clone(), laboratory);
        }
        samples.insert(sample.id.clone(), sample);
    }
    let duty = |duty: v1::Duty| {
        (duty.officer, if duty.replaced { OfficerDuty::Replaced } else { OfficerDuty::On })
    };
    let methods = wire.methods.into_iter().map(|wire| method_from_wire(wire).ok_or("methods"));
    let findings = wire.findings.into_iter().map(|wire| {
        let finding = finding_from_wire(wire)?;
        Ok((finding.key.clone(), finding))
    });
    Ok(Examination {
        officers: wire.officers.into_iter().map(duty).collect(),
        attendance: match wire.attendance {
            0 => None,
            wire => Some(attendance_from_wire(wire).ok_or("attendance")?),
        },
        methods: methods.collect::<WireResult<BTreeSet<_>>>()?,
        samples,
        sent,
        findings: findings.collect::<WireResult<_>>()?,
        treatment: wire.treatment.map(treatment_from_wire).transpose()?,
    })
}
