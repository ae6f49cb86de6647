//! What the simulated site does next with an order: a pure function of the newest record, the script and
//! the time that went by. So the site can be killed and started again anywhere.
//!
//! ```text
//!  ORDERED ─ appoint ─► APPOINTED ─ claim ─ present ─► PRESENTED ─ begin (by machine) ─ by hand
//!      ─ wait for the second agency ─ samples ─ send them ─ wait for the laboratory ─ findings ─► FOUND
//!  TREATING ─ treatment ─► FOUND          DISPOSED, and the goods go ─ close ─► CLOSED
//! ```

use std::time::Duration;

use domain::inspection::finding::{Disposal, FoundResult};
use domain::inspection::order::{FINDINGS_MAX, SAMPLES_MAX};
use proto::v1::report_request::Step as Act;
use proto::v1::{self, Method, OrderStage};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::NAMESPACE;
use crate::script::Script;

/// Name of the simulated laboratory, and of its analyst.
pub(crate) const LABORATORY: &str = "SIMLAB";

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SiteStep {
    /// Nothing, before there is news of the order.
    Nothing,
    /// Nothing for so long; then the order is to be read again.
    Wait(Duration),
    /// Make an appointment.
    Appoint,
    /// Take the order on.
    Claim,
    /// Tell the window of something.
    Report(Act),
}

/// How long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepTimes {
    /// That the site saw the order.
    pub(crate) seen: Duration,
    /// That the laboratory got the last sample.
    pub(crate) sent: Duration,
}

/// The next step.
pub(crate) fn next_step(record: &v1::OrderRecord, script: &Script, elapsed: StepTimes) -> SiteStep {
    let Some(state) = &record.state else { return SiteStep::Nothing };
    match state.stage() {
        OrderStage::Ordered => SiteStep::Appoint,
        OrderStage::Appointed if officers(state).next().is_none() => SiteStep::Claim,
        OrderStage::Appointed => {
            let attendance = v1::Attendance::Declarant.into();
            SiteStep::Report(Act::Presentation(v1::Presentation { attendance }))
        }
        OrderStage::Presented
        | OrderStage::Examining
        | OrderStage::Sampled
        | OrderStage::Laboratory => examine(record, state, script, elapsed),
        OrderStage::Treating => SiteStep::Report(Act::Treatment(treatment(record, state, script))),
        OrderStage::Disposed => close(record, state),
        OrderStage::Unspecified
        | OrderStage::Found
        | OrderStage::Closed
        | OrderStage::Cancelled => SiteStep::Nothing,
    }
}

/// Officers who are at work.
fn officers(state: &v1::OrderState) -> impl Iterator<Item = &str> {
    let duties = state.work.iter().flat_map(|work| &work.officers);
    duties.filter(|duty| !duty.replaced).map(|duty| duty.officer.as_str())
}

fn remaining(needed: Duration, elapsed: Duration) -> Option<Duration> {
    needed.checked_sub(elapsed).filter(|left| !left.is_zero())
}

fn examine(
    record: &v1::OrderRecord,
    state: &v1::OrderState,
    script: &Script,
    elapsed: StepTimes,
) -> SiteStep {
    let Some(officer) = officers(state).next() else { return SiteStep::Nothing };
    let none = v1::Examination::default();
    let work = state.work.as_ref().unwrap_or(&none);
    let by_machine = script.machine.then_some(Method::Machine);
    for method in by_machine.into_iter().chain([Method::Manual]) {
        if !work.methods.contains(&i32::from(method)) {
            let officer = officer.to_owned();
            return SiteStep::Report(Act::Beginning(v1::Beginning {
                method: method.into(),
                officer,
            }));
        }
    }
    if let Some(left) = remaining(script.examination, elapsed.seen) {
        return SiteStep::Wait(left);
    }
    if let Some(sample) = missing_sample(record, state, work, script) {
        return SiteStep::Report(Act::Sample(v1::Sample { officer: officer.to_owned(), ..sample }));
    }
    if let Some(sample) = work.samples.iter().find(|sample| sample.laboratory.is_empty()) {
        let (sample, laboratory) = (sample.id.clone(), LABORATORY.to_owned());
        return SiteStep::Report(Act::Dispatch(v1::Dispatch { sample, laboratory }));
    }
    let analysed: Vec<_> = pending(work).map(|sample| analysed(sample, script)).collect();
    if !analysed.is_empty()
        && let Some(left) = remaining(script.laboratory, elapsed.sent)
    {
        return SiteStep::Wait(left);
    }
    let seen = seen(state, work, script, officer);
    let findings: Vec<_> = seen.into_iter().chain(analysed).collect();
    if findings.is_empty() {
        return SiteStep::Nothing;
    }
    SiteStep::Report(Act::Findings(v1::Findings { findings }))
}

/// The next sample that has to be taken, of the consignment: first where only the laboratory can find
/// the goods conform, then where the script wants one.
fn missing_sample(
    record: &v1::OrderRecord,
    state: &v1::OrderState,
    work: &v1::Examination,
    script: &Script,
) -> Option<v1::Sample> {
    if work.samples.len() >= SAMPLES_MAX {
        return None;
    }
    let must = state.instructions.iter().filter(|instruction| instruction.sampling);
    let may = state.instructions.iter().filter(|instruction| !instruction.sampling);
    let may = may.filter(|_| script.sampled);
    let missing = must.chain(may).find(|instruction| !is_sampled(work, instruction))?;
    let v1::Instruction { agency, id, .. } = missing;
    // Unique within the examination, and the same again after a restart.
    let v1::OrderState { version, examination, .. } = state;
    let seal = format!("seal/{}/{version}/{examination}/{agency}/{id}", record.order_id);
    let (seal, _) = Uuid::new_v5(&NAMESPACE, seal.as_bytes()).as_u64_pair();
    Some(v1::Sample {
        id: format!("SIM-{seal:016X}"),
        agency: *agency,
        instruction: id.clone(),
        gnum: 0,
        officer: String::new(),
        laboratory: String::new(),
    })
}

fn is_sampled(work: &v1::Examination, instruction: &v1::Instruction) -> bool {
    let of = |sample: &v1::Sample| (sample.agency, sample.instruction.clone());
    work.samples.iter().any(|sample| of(sample) == (instruction.agency, instruction.id.clone()))
}

fn is_final(finding: &v1::ExaminationFinding) -> bool {
    finding.result != FoundResult::LabPending.code()
}

/// Samples without a result.
fn pending(work: &v1::Examination) -> impl Iterator<Item = &v1::Sample> {
    let has_result = |sample: &v1::Sample| {
        work.findings.iter().any(|finding| finding.sample == sample.id && is_final(finding))
    };
    work.samples.iter().filter(move |sample| !has_result(sample))
}

/// What the laboratory finds.
fn analysed(sample: &v1::Sample, script: &Script) -> v1::ExaminationFinding {
    v1::ExaminationFinding {
        agency: sample.agency,
        instruction: sample.instruction.clone(),
        gnum: sample.gnum,
        sample: sample.id.clone(),
        result: script.analysed(agency(sample.agency)).code().to_owned(),
        method: Method::Manual.into(),
        text: "simulated analysis".to_owned(),
        evidence: Vec::new(),
        officer: LABORATORY.to_owned(),
        revision: 1,
    }
}

/// What officers find where no sample was taken: under each instruction, for each of its lines, as far
/// as nothing was told yet.
fn seen(
    state: &v1::OrderState,
    work: &v1::Examination,
    script: &Script,
    officer: &str,
) -> Vec<v1::ExaminationFinding> {
    let lines = state.instructions.iter().map(|instruction| instruction.lines.len().max(1));
    let by_line = lines.sum::<usize>() <= FINDINGS_MAX;
    let mut findings = Vec::new();
    for instruction in state.instructions.iter().filter(|it| !is_sampled(work, it)) {
        let lines = if by_line { instruction.lines.as_slice() } else { &[] };
        let gnums = if lines.is_empty() { &[0] } else { lines };
        let own = |finding: &&v1::ExaminationFinding| {
            finding.agency == instruction.agency && finding.instruction == instruction.id
        };
        for gnum in gnums {
            let here = |finding: &v1::ExaminationFinding| [*gnum, 0].contains(&finding.gnum);
            if work.findings.iter().filter(own).any(|it| here(it) && is_final(it)) {
                continue;
            }
            findings.push(v1::ExaminationFinding {
                agency: instruction.agency,
                instruction: instruction.id.clone(),
                gnum: *gnum,
                sample: String::new(),
                result: script.found(agency(instruction.agency)).code().to_owned(),
                method: Method::Manual.into(),
                text: "simulated examination".to_owned(),
                evidence: Vec::new(),
                officer: officer.to_owned(),
                revision: 1,
            });
        }
    }
    findings
}

fn agency(wire: i32) -> v1::Agency {
    // An agency that this program does not know has no officers here.
    v1::Agency::try_from(wire).unwrap_or(v1::Agency::Unspecified)
}

fn treatment(record: &v1::OrderRecord, state: &v1::OrderState, script: &Script) -> v1::Treatment {
    let certificate = format!("SIM-{}-{}", record.order_id, state.examination);
    let digest = Sha256::digest(&certificate).to_vec();
    v1::Treatment { certificate, digest, passed: script.treatable }
}

/// Goods that go are gone when the site says so. Released ones leave with the release, and detained
/// ones stay, because their holder may come to another view.
fn close(record: &v1::OrderRecord, state: &v1::OrderState) -> SiteStep {
    match Disposal::parse(&state.disposal) {
        Some(Disposal::Return | Disposal::Destroy) if !record.objection_pending => {
            SiteStep::Report(Act::Closing(v1::Closing {}))
        }
        Some(
            Disposal::Return
            | Disposal::Destroy
            | Disposal::Release
            | Disposal::AmendAndRelease
            | Disposal::Treat
            | Disposal::DetainOther
            | Disposal::TransferClearance
            | Disposal::TransferLegal
            | Disposal::TransferAntismuggling,
        )
        | None => SiteStep::Nothing,
    }
}

/// The id of the request that makes a step: the same whenever the same step is made again. The version
/// and the number of appointments tell a step from the same one of an order that began anew.
pub(crate) fn request_id(record: &v1::OrderRecord, step: &SiteStep) -> String {
    // One without a state gets no step.
    let state = record.state.clone().unwrap_or_default();
    let v1::OrderState { version, examination, appointments, .. } = state;
    let what = match step {
        SiteStep::Nothing | SiteStep::Wait(_) => String::new(),
        SiteStep::Appoint => "appoint".to_owned(),
        SiteStep::Claim => "claim".to_owned(),
        SiteStep::Report(act) => word(act),
    };
    let order_id = &record.order_id;
    let name = format!("site/{order_id}/{version}/{examination}/{appointments}/{what}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

fn word(act: &Act) -> String {
    match act {
        Act::NoShow(_) => "no-show".to_owned(),
        Act::Presentation(_) => "presentation".to_owned(),
        Act::Beginning(v1::Beginning { method, .. }) => format!("beginning/{method}"),
        Act::Sample(v1::Sample { id, .. }) => format!("sample/{id}"),
        Act::Dispatch(v1::Dispatch { sample, .. }) => format!("dispatch/{sample}"),
        Act::Findings(v1::Findings { findings }) => {
            let key = |finding: &v1::ExaminationFinding| {
                let v1::ExaminationFinding { agency, instruction, gnum, sample, .. } = finding;
                format!("/{agency}/{instruction}/{gnum}/{sample}")
            };
            format!("findings{}", findings.iter().map(key).collect::<String>())
        }
        Act::Replacement(v1::Replacement { officer }) => format!("replacement/{officer}"),
        Act::Treatment(v1::Treatment { certificate, .. }) => format!("treatment/{certificate}"),
        Act::Closing(_) => "closing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v1::Agency::{Customs, Quarantine};

    const LONG_AGO: StepTimes =
        StepTimes { seen: Duration::from_secs(9_000), sent: Duration::from_secs(9_000) };
    const JUST_NOW: StepTimes = StepTimes { seen: Duration::ZERO, sent: Duration::ZERO };

    fn instruction(agency: v1::Agency, id: &str) -> v1::Instruction {
        v1::Instruction { agency: agency.into(), id: id.to_owned(), ..Default::default() }
    }

    fn record(
        stage: OrderStage,
        instructions: Vec<v1::Instruction>,
        work: v1::Examination,
    ) -> v1::OrderRecord {
        let state = v1::OrderState {
            stage: stage.into(),
            version: 1,
            examination: 1,
            instructions,
            work: Some(work),
            ..Default::default()
        };
        v1::OrderRecord {
            order_id: "11111111-1111-4111-8111-111111111111".to_owned(),
            state: Some(state),
            ..Default::default()
        }
    }

    fn at_work(methods: &[Method]) -> v1::Examination {
        let duty = |officer: &str, replaced| v1::Duty { officer: officer.to_owned(), replaced };
        v1::Examination {
            officers: vec![duty("GC-01", true), duty("GC-02", false)],
            methods: methods.iter().map(|method| i32::from(*method)).collect(),
            ..Default::default()
        }
    }

    /// A step in one line.
    fn describe(step: &SiteStep) -> String {
        match step {
            SiteStep::Nothing => "nothing".to_owned(),
            SiteStep::Wait(left) => format!("wait {}", left.as_millis()),
            SiteStep::Appoint => "appoint".to_owned(),
            SiteStep::Claim => "claim".to_owned(),
            SiteStep::Report(Act::Findings(v1::Findings { findings })) => {
                let finding = |it: &v1::ExaminationFinding| {
                    let by_laboratory =
                        if it.sample.is_empty() { "" } else { " in the laboratory" };
                    format!("{} {}: {}{by_laboratory}", it.instruction, it.gnum, it.result)
                };
                findings.iter().map(finding).collect::<Vec<_>>().join(", ")
            }
            SiteStep::Report(Act::Sample(sample)) => format!("sample {}", sample.instruction),
            SiteStep::Report(Act::Dispatch(it)) => format!("send to {}", it.laboratory),
            SiteStep::Report(Act::Beginning(it)) => {
                format!("begin {:?} {}", it.method(), it.officer)
            }
            SiteStep::Report(Act::Treatment(it)) => format!("treat {}", it.passed),
            SiteStep::Report(Act::NoShow(_)) => "no-show".to_owned(),
            SiteStep::Report(Act::Presentation(_)) => "present".to_owned(),
            SiteStep::Report(Act::Replacement(_)) => "replace".to_owned(),
            SiteStep::Report(Act::Closing(_)) => "close".to_owned(),
        }
    }

    fn next(record: &v1::OrderRecord, order_no: &str, elapsed: StepTimes) -> String {
        describe(&next_step(record, &Script::of(order_no), elapsed))
    }

    #[test]
    fn every_stage_has_its_step() {
        use OrderStage as S;
        let nobody = v1::Examination::default;
        let (machine, both) = ([Method::Machine], [Method::Machine, Method::Manual]);
        let table = [
            (S::Unspecified, "QD-1", nobody(), LONG_AGO, "nothing"),
            (S::Ordered, "QD-1", nobody(), JUST_NOW, "appoint"),
            (S::Appointed, "QD-1", nobody(), JUST_NOW, "claim"),
            (S::Appointed, "QD-1", at_work(&[]), JUST_NOW, "present"),
            (S::Presented, "QD-1", at_work(&[]), JUST_NOW, "begin Manual GC-02"),
            (S::Presented, "SBX-MACHINE-1", at_work(&[]), JUST_NOW, "begin Machine GC-02"),
            (S::Examining, "SBX-MACHINE-1", at_work(&machine), JUST_NOW, "begin Manual GC-02"),
            (S::Examining, "SBX-MACHINE-1", at_work(&both), JUST_NOW, "wait 300"),
            (S::Examining, "SBX-EXAMINE7-1", at_work(&both), JUST_NOW, "wait 7000"),
            (S::Examining, "SBX-EXAMINE0-1", at_work(&both), JUST_NOW, "500 0: CONFORM"),
            (S::Examining, "SBX-FAIL-1", at_work(&both), LONG_AGO, "500 0: QTY_MISMATCH"),
            (S::Examining, "SBX-PROHIBITED-1", at_work(&both), LONG_AGO, "500 0: PROHIBITED"),
            (S::Examining, "SBX-QUARANTINE-1", at_work(&both), LONG_AGO, "500 0: CONFORM"),
            (S::Presented, "QD-1", nobody(), LONG_AGO, "nothing"),
            (S::Found, "QD-1", at_work(&both), LONG_AGO, "nothing"),
            (S::Treating, "SBX-QUARANTINE-1", at_work(&both), JUST_NOW, "treat true"),
            (S::Treating, "SBX-TREATFAIL-1", at_work(&both), JUST_NOW, "treat false"),
            (S::Disposed, "QD-1", at_work(&both), LONG_AGO, "nothing"),
            (S::Closed, "QD-1", at_work(&both), LONG_AGO, "nothing"),
            (S::Cancelled, "QD-1", at_work(&both), LONG_AGO, "nothing"),
        ];
        for (stage, order_no, work, elapsed, expected) in table {
            let record = record(stage, vec![instruction(Customs, "500")], work);
            assert_eq!(next(&record, order_no, elapsed), expected, "{stage:?} {order_no}");
        }
    }

    #[test]
    fn goods_that_go_are_closed_and_detained_ones_are_not() {
        for (disposal, objection_pending, expected) in [
            ("RETURN", false, "close"),
            ("DESTROY", false, "close"),
            ("RETURN", true, "nothing"),
            ("RELEASE", false, "nothing"),
            ("TRANSFER_ANTISMUGGLING", false, "nothing"),
        ] {
            let mut record = record(OrderStage::Disposed, Vec::new(), at_work(&[]));
            record.objection_pending = objection_pending;
            record.state.as_mut().expect("a state").disposal = disposal.to_owned();
            assert_eq!(next(&record, "QD-1", LONG_AGO), expected, "{disposal}");
        }
    }

    /// Keeps a report in the record like the window does.
    fn keep(record: &mut v1::OrderRecord, step: SiteStep) {
        let state = record.state.as_mut().expect("a state");
        let work = state.work.as_mut().expect("work");
        match step {
            SiteStep::Report(Act::Findings(v1::Findings { findings })) => {
                work.findings.extend(findings);
            }
            SiteStep::Report(Act::Sample(sample)) => work.samples.push(sample),
            SiteStep::Report(Act::Dispatch(v1::Dispatch { sample, laboratory })) => {
                for taken in work.samples.iter_mut().filter(|taken| taken.id == sample) {
                    taken.laboratory.clone_from(&laboratory);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    /// Everything from here until nothing is left to do.
    fn play(record: &mut v1::OrderRecord, order_no: &str) -> Vec<String> {
        let script = Script::of(order_no);
        let mut done = Vec::new();
        loop {
            let step = next_step(record, &script, LONG_AGO);
            if step == SiteStep::Nothing {
                return done;
            }
            done.push(describe(&step));
            keep(record, step);
        }
    }

    #[test]
    fn whoever_joins_late_is_answered_in_a_second_report() {
        let lines = v1::Instruction { lines: vec![2, 5], ..instruction(Customs, "500") };
        let mut record = record(OrderStage::Examining, vec![lines], at_work(&[Method::Manual]));
        let order_no = "SBX-INSPECT-QUARANTINE-1";
        assert_eq!(play(&mut record, order_no), ["500 2: CONFORM, 500 5: CONFORM"]);
        let first = record.clone();
        let state = record.state.as_mut().expect("a state");
        state.instructions.push(instruction(Quarantine, "500"));
        assert_eq!(play(&mut record.clone(), order_no), ["500 0: QUARANTINE_FAIL"]);

        // The same after a restart in between: what was told is not told again.
        let second = next_step(&record, &Script::of(order_no), LONG_AGO);
        assert_ne!(request_id(&record, &second), request_id(&first, &second_of(&first, order_no)));
        assert_eq!(request_id(&record, &second), request_id(&record, &second.clone()));
    }

    fn second_of(record: &v1::OrderRecord, order_no: &str) -> SiteStep {
        let mut record = record.clone();
        record.state.as_mut().expect("a state").work = Some(at_work(&[Method::Manual]));
        next_step(&record, &Script::of(order_no), LONG_AGO)
    }

    #[test]
    fn samples_are_taken_sent_and_waited_for() {
        let sampling = v1::Instruction { sampling: true, ..instruction(Quarantine, "FOOD") };
        let instructions = vec![instruction(Customs, "500"), sampling];
        let mut record = record(OrderStage::Examining, instructions, at_work(&[Method::Manual]));
        let mut only_one = record.clone();
        assert_eq!(
            play(&mut only_one, "QD-1"),
            ["sample FOOD", "send to SIMLAB", "500 0: CONFORM, FOOD 0: CONFORM in the laboratory"]
        );
        let all = [
            "sample FOOD",
            "sample 500",
            "send to SIMLAB",
            "send to SIMLAB",
            "FOOD 0: QUALITY_FAIL in the laboratory, 500 0: QUALITY_FAIL in the laboratory",
        ];
        assert_eq!(play(&mut record.clone(), "SBX-LABFAIL-1"), all);
        for _ in 0..2 {
            let step = next_step(&record, &Script::of("QD-1"), LONG_AGO);
            keep(&mut record, step);
        }
        let sent = |sent| StepTimes { sent, ..LONG_AGO };
        assert_eq!(next(&record, "QD-1", sent(Duration::from_millis(100))), "wait 200");
        let late = next(&record, "SBX-LABFAIL-LAB5-1", sent(Duration::from_secs(1)));
        assert_eq!(late, "sample 500", "first everything is on its way");
    }

    #[test]
    fn an_order_that_began_anew_has_other_requests() {
        let first = record(OrderStage::Ordered, Vec::new(), v1::Examination::default());
        let anew = |change: fn(&mut v1::OrderState)| {
            let mut record = first.clone();
            change(record.state.as_mut().expect("a state"));
            request_id(&record, &SiteStep::Claim)
        };
        let ids = [
            anew(|_| {}),
            anew(|state| state.version = 2),
            anew(|state| state.examination = 2),
            anew(|state| state.appointments = 2),
        ];
        for (n, id) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(id), "{n}");
        }
        assert_eq!(ids[0], anew(|_| {}), "repeated, it is the same request");
    }

    #[test]
    fn no_more_is_told_than_an_order_holds() {
        let wide = |n: usize| v1::Instruction {
            lines: (1..=100).collect(),
            ..instruction(Customs, &n.to_string())
        };
        let instructions = (0..200).map(wide).collect();
        let mut record = record(OrderStage::Examining, instructions, at_work(&[Method::Manual]));
        let steps = play(&mut record, "SBX-LAB-1");
        let work = record.state.as_ref().and_then(|state| state.work.as_ref()).expect("work");
        assert_eq!((work.samples.len(), work.findings.len()), (SAMPLES_MAX, 200));
        assert_eq!(steps.len(), 2 * SAMPLES_MAX + 1);
    }
}
