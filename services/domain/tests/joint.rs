//! The seam between the two life cycles, case by case. Most cases are what `services/domain/tests/joint_model.rs`
//! once found, on its shortest way.

use domain::clearance::Agency::{self, Customs, Quarantine};
use domain::inspection::appointment::{AppointmentMaker, TimeWindow};
use domain::inspection::finding::{Disposal, ExaminationFinding, FindingKey, FoundResult};
use domain::inspection::joint::{
    DeclarationEvent, JointCase, OrderMessage, ReviewRound, on_declaration_event, on_objection,
    on_order_event, on_refusal, record,
};
use domain::inspection::order::{
    Appointment, Attendance, INSTRUCTIONS_MAX, Instruction, InstructionKey, JointOrder, Method,
    OrderEvent, SiteAct, Stage, Treatment,
};
use domain::refusal::Code;
use time::Duration;
use time::macros::datetime;

use FoundResult::{Conform, LabPending, Prohibited, QtyMismatch, QuarantineFail};

const fn on(version: u32, round: u32) -> ReviewRound {
    ReviewRound { version, round }
}

/// A case and what has to be told after the last step.
type Now = (JointCase, Vec<OrderMessage>);
type Step = Box<dyn Fn(&Now) -> Now>;

/// The declaration service tells something.
fn declaration_event(version: u32, round: u32, event: DeclarationEvent) -> Step {
    Box::new(move |(case, _)| {
        let then = on_declaration_event(case, on(version, round), &event);
        (then.case, then.messages)
    })
}

fn demanded(agency: Agency, version: u32, round: u32) -> Step {
    declaration_event(version, round, DeclarationEvent::Demanded(agency, Vec::new()))
}

fn acted(case: &JointCase, event: &OrderEvent) -> Now {
    let then =
        on_order_event(case, event).unwrap_or_else(|refusal| panic!("{event:?}: {refusal:?}"));
    (then.case, then.messages)
}

fn site(case: &JointCase, act: SiteAct) -> Now {
    let JointOrder { version, examination, .. } = case.order;
    acted(case, &OrderEvent::Site { version, examination, act })
}

fn disposed(agency: Agency, disposal: Disposal) -> Step {
    Box::new(move |(case, _)| {
        let examination = case.order.examination;
        acted(case, &OrderEvent::Dispose { agency, examination, disposal })
    })
}

fn closed() -> Step {
    Box::new(|(case, _)| acted(case, &OrderEvent::Close { examination: case.order.examination }))
}

fn treated(passed: bool) -> Step {
    Box::new(move |(case, _)| {
        let treatment = Treatment { certificate: "T".into(), digest: [0; 32], passed };
        acted(case, &OrderEvent::Treated { examination: case.order.examination, treatment })
    })
}

fn objected() -> Step {
    Box::new(|(case, _)| {
        let (then, message) = on_objection(case, case.order.examination).expect("may object");
        (then, message.into_iter().collect())
    })
}

fn not_taken(message: OrderMessage) -> Step {
    Box::new(move |(case, _)| {
        let case = on_refusal(case, message).map_or_else(|| case.clone(), |then| then.case);
        (case, Vec::new())
    })
}

/// Officers go to work, others each time.
fn begun() -> Step {
    Box::new(|(case, _)| {
        let start = datetime!(2026-11-25 09:00 +8);
        let window = TimeWindow { start, end: start + Duration::hours(1) };
        let appointment = Appointment { place: "P".into(), window };
        let (seen, officer) = (case.order.appointments, case.order.examination.to_string());
        let acts = [
            SiteAct::Appoint { seen, appointment, by: AppointmentMaker::Site },
            SiteAct::Assign { officers: [officer.clone()].into() },
            SiteAct::Present { attendance: Attendance::Declarant },
            SiteAct::Examine { method: Method::Manual, officer },
        ];
        acts.into_iter().fold((case.clone(), Vec::new()), |(case, _), act| site(&case, act))
    })
}

/// The same under every instruction of an agency.
fn reported(agency: Agency, result: FoundResult) -> Step {
    Box::new(move |(case, _)| {
        let keys = case.order.instructions.keys().filter(|key| key.agency == agency);
        let findings = keys.map(|key| ExaminationFinding {
            key: FindingKey { instruction: key.clone(), gnum: 0, sample: None },
            result,
            method: Method::Manual,
            text: String::new(),
            evidence: Vec::new(),
            officer: case.order.examination.to_string(),
            revision: 1,
        });
        site(case, SiteAct::Report { findings: findings.collect() })
    })
}

fn run(steps: Vec<Step>) -> Now {
    steps.iter().fold((JointCase::none(), Vec::new()), |now, step| step(&now))
}

/// Customs alone asked.
fn found(result: FoundResult) -> Vec<Step> {
    vec![demanded(Customs, 1, 1), begun(), reported(Customs, result)]
}

/// Both asked.
fn found_by_both(customs: FoundResult, quarantine: FoundResult) -> Vec<Step> {
    vec![
        demanded(Customs, 1, 1),
        demanded(Quarantine, 1, 1),
        begun(),
        reported(Customs, customs),
        reported(Quarantine, quarantine),
    ]
}

fn then(mut steps: Vec<Step>, more: Vec<Step>) -> Vec<Step> {
    steps.extend(more);
    steps
}

fn reopened(version: u32, round: u32) -> Step {
    declaration_event(version, round, DeclarationEvent::Reopened)
}

/// Looked at twice on version 1.
fn found_twice() -> Vec<Step> {
    let again = vec![reopened(1, 2), begun(), reported(Customs, QtyMismatch)];
    then(found(QtyMismatch), again)
}

/// What the last step leads to: stage, examination, whether an objection is pending, messages.
type Row = (&'static str, Vec<Step>, (Stage, u32, bool), Vec<OrderMessage>);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Disposal::{AmendAndRelease, DetainOther, Release, Return, Treat};
    use OrderMessage::{Findings, Reopening};
    use Stage::{Cancelled, Closed, Disposed, Found, Ordered, Treating};
    let none = Vec::new;
    let mixed = || found_by_both(QtyMismatch, QtyMismatch);
    let detained = |agency| declaration_event(1, 2, DeclarationEvent::Detained(agency, DetainOther));
    let released = || declaration_event(1, 2, DeclarationEvent::Released);
    vec![
        // Findings.
        ("findings name who waits for them", found(Conform), (Found, 1, false), vec![Findings(on(1, 1))]),
        ("the last who asked counts", vec![demanded(Customs, 1, 1), demanded(Quarantine, 1, 3), begun(), reported(Customs, Conform), reported(Quarantine, Conform)], (Found, 1, false), vec![Findings(on(1, 3))]),
        ("told again it asks for nothing", then(found(Conform), vec![demanded(Customs, 1, 1)]), (Found, 1, false), none()),
        ("what was found is reported again for a second version", then(found(Conform), vec![demanded(Customs, 2, 1)]), (Found, 1, false), vec![Findings(on(2, 1))]),
        ("and once", then(found(Conform), vec![demanded(Customs, 2, 1), demanded(Customs, 2, 1)]), (Found, 1, false), none()),
        ("who came late waits for the record", then(found(Conform), vec![demanded(Quarantine, 1, 1)]), (Found, 1, false), vec![Findings(on(1, 1))]),
        ("who was answered does not", then(found(Conform), vec![declaration_event(1, 2, DeclarationEvent::Answered(Quarantine, none_of()))]), (Found, 1, false), none()),
        ("the second examination is of its own round", found_twice(), (Found, 2, false), vec![Findings(on(1, 2))]),
        ("and of the version that was stopped", then(found(QtyMismatch), vec![demanded(Customs, 2, 1), reopened(2, 2), begun(), reported(Customs, Conform)]), (Found, 2, false), vec![Findings(on(2, 2))]),
        ("an old demand asks for nothing newer", then(found(Conform), vec![demanded(Customs, 2, 1), demanded(Quarantine, 1, 1)]), (Found, 1, false), vec![Findings(on(2, 1))]),
        ("opened again on a later version", vec![demanded(Customs, 1, 1), declaration_event(1, 1, DeclarationEvent::Cancelled), demanded(Quarantine, 2, 1), begun(), reported(Quarantine, Conform)], (Found, 1, false), vec![Findings(on(2, 1))]),

        // Objections.
        ("an objection asks to stop the declaration", then(found(QtyMismatch), vec![objected()]), (Found, 1, true), vec![Reopening(1)]),
        ("on the newest version that was heard of", then(found(QtyMismatch), vec![demanded(Customs, 2, 1), objected()]), (Found, 1, true), vec![Reopening(2)]),
        ("asked again it asks for nothing", then(found(QtyMismatch), vec![objected(), objected()]), (Found, 1, true), none()),
        ("a reopening that is not taken ends the objection", then(found(QtyMismatch), vec![objected(), not_taken(Reopening(1))]), (Found, 1, false), none()),
        ("findings that are not taken do not", then(found(QtyMismatch), vec![objected(), not_taken(Findings(on(1, 1)))]), (Found, 1, true), none()),
        ("and then another", then(found(QtyMismatch), vec![objected(), not_taken(Reopening(1)), objected()]), (Found, 1, true), vec![Reopening(1)]),
        ("stopped", then(found(QtyMismatch), vec![objected(), reopened(1, 2)]), (Ordered, 2, false), none()),
        ("told twice", then(found(QtyMismatch), vec![objected(), reopened(1, 2), reopened(1, 2)]), (Ordered, 2, false), none()),
        ("told again after the second examination", then(found_twice(), vec![reopened(1, 2)]), (Found, 2, false), none()),
        ("stopped before the answer", then(found(QtyMismatch), vec![objected(), reopened(1, 2), not_taken(Reopening(1))]), (Ordered, 2, false), none()),
        ("stopped, detained meanwhile", then(found(QtyMismatch), vec![objected(), disposed(Customs, DetainOther), reopened(1, 2)]), (Ordered, 2, false), none()),
        ("stopped, treated meanwhile", then(found(QuarantineFail), vec![objected(), disposed(Customs, Treat), reopened(1, 2)]), (Ordered, 2, false), none()),
        ("stopped after the end", then(found(Conform), vec![disposed(Customs, Release), closed(), reopened(1, 2)]), (Ordered, 2, false), none()),
        ("a reopening of the version before", then(found_twice(), vec![reopened(1, 2), declaration_event(1, 3, DeclarationEvent::Rejected(Customs)), demanded(Customs, 2, 1), reopened(1, 2)]), (Disposed, 2, false), none()),
        ("also when the order was opened again", vec![demanded(Customs, 1, 1), declaration_event(1, 1, DeclarationEvent::Cancelled), demanded(Customs, 2, 1), begun(), reported(Customs, QtyMismatch), reopened(1, 2)], (Found, 1, false), none()),
        ("the end of the version before", vec![demanded(Customs, 1, 1), declaration_event(1, 1, DeclarationEvent::Cancelled), demanded(Customs, 2, 1), declaration_event(1, 1, DeclarationEvent::Cancelled)], (Ordered, 1, false), none()),
        ("rejected while it is looked at again", then(found(QtyMismatch), vec![reopened(1, 2), declaration_event(1, 2, DeclarationEvent::Cancelled)]), (Cancelled, 2, false), none()),

        // What an agency says about the declaration says what becomes of the goods.
        ("released", then(found(Conform), vec![released()]), (Closed, 1, false), none()),
        ("released with what was corrected", then(mixed(), vec![released()]), (Closed, 1, false), none()),
        ("released again", then(found(Conform), vec![released(), released()]), (Closed, 1, false), none()),
        ("released after a treatment", then(found(QuarantineFail), vec![disposed(Customs, Treat), treated(true), released()]), (Closed, 1, false), none()),
        ("never what findings do not carry", then(found(Prohibited), vec![released()]), (Found, 1, false), none()),
        ("detained", then(found(QtyMismatch), vec![detained(Customs)]), (Disposed, 1, false), none()),
        ("by one who did not ask", then(found(QtyMismatch), vec![detained(Quarantine)]), (Found, 1, false), none()),
        ("before anything was found", vec![demanded(Customs, 1, 1), detained(Customs)], (Ordered, 1, false), none()),
        ("a release lifts a detention", then(mixed(), vec![detained(Customs), disposed(Quarantine, AmendAndRelease), released()]), (Closed, 1, false), none()),
        ("whatever was found", then(found(Prohibited), vec![detained(Customs), released()]), (Closed, 1, false), none()),
        ("before the other decided", then(mixed(), vec![detained(Customs), released()]), (Closed, 1, false), none()),
        ("before the other decided, whatever was found", then(found_by_both(Prohibited, Conform), vec![detained(Customs), released()]), (Closed, 1, false), none()),
        ("both detentions", then(mixed(), vec![detained(Customs), detained(Quarantine), released()]), (Closed, 1, false), none()),
        ("no other disposal", then(mixed(), vec![disposed(Customs, Return), disposed(Quarantine, Return), released()]), (Disposed, 1, false), none()),
        ("nor before the other decided", then(mixed(), vec![disposed(Customs, Return), released()]), (Disposed, 1, false), none()),
        ("rejected with something to correct", then(found(QtyMismatch), vec![declaration_event(1, 2, DeclarationEvent::Rejected(Customs))]), (Disposed, 1, false), none()),
        ("rejected for another reason", then(found(Conform), vec![declaration_event(1, 2, DeclarationEvent::Rejected(Customs))]), (Found, 1, false), none()),
        ("sent back", then(found(QtyMismatch), vec![declaration_event(1, 2, DeclarationEvent::Returned(Customs))]), (Disposed, 1, false), none()),
        ("what was decided stands", then(found(QuarantineFail), vec![disposed(Customs, Treat), declaration_event(1, 2, DeclarationEvent::Returned(Customs))]), (Treating, 1, false), none()),
        ("of the version before", vec![demanded(Customs, 1, 1), declaration_event(1, 1, DeclarationEvent::Cancelled), demanded(Customs, 2, 1), begun(), reported(Customs, QtyMismatch), declaration_event(1, 1, DeclarationEvent::Rejected(Customs))], (Found, 1, false), none()),
    ]
}

/// The first decision of an agency stands, and what cannot follow is not tried.
#[test]
fn what_is_told_decides_once_and_leaves_nothing_out() {
    use Disposal::{AmendAndRelease, DetainOther, Release, Return, Treat};
    let mixed = || found_by_both(QtyMismatch, QtyMismatch);
    let detained =
        |agency| declaration_event(1, 2, DeclarationEvent::Detained(agency, DetainOther));
    let decided = |agency, disposal| disposed(agency, disposal);
    type Row = (&'static str, Vec<Step>, DeclarationEvent, Stage, [Option<Disposal>; 2]);
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        ("released", found(Conform), DeclarationEvent::Released, Stage::Closed, [Some(Release), None]),
        ("released with what was corrected", mixed(), DeclarationEvent::Released, Stage::Closed, [Some(AmendAndRelease); 2]),
        ("released again", then(found(Conform), vec![declaration_event(1, 2, DeclarationEvent::Released)]), DeclarationEvent::Released, Stage::Closed, [Some(Release), None]),
        ("released while nothing carries it", found(Prohibited), DeclarationEvent::Released, Stage::Found, [None, None]),
        ("released while it is not examined", vec![demanded(Customs, 1, 1)], DeclarationEvent::Released, Stage::Ordered, [None, None]),
        ("released without an order", Vec::new(), DeclarationEvent::Released, Stage::None, [None, None]),
        ("released after it was sent back", then(found(QtyMismatch), vec![decided(Customs, Return)]), DeclarationEvent::Released, Stage::Disposed, [Some(Return), None]),
        ("released while it is treated", then(found(QuarantineFail), vec![decided(Customs, Treat)]), DeclarationEvent::Released, Stage::Treating, [Some(Treat), None]),
        ("released while an objection is pending", then(found(QtyMismatch), vec![objected()]), DeclarationEvent::Released, Stage::Disposed, [Some(AmendAndRelease), None]),
        ("rejected after the own detention", then(mixed(), vec![detained(Customs)]), DeclarationEvent::Rejected(Customs), Stage::Found, [Some(DetainOther), None]),
        ("sent back after the own detention", then(mixed(), vec![detained(Customs)]), DeclarationEvent::Returned(Customs), Stage::Found, [Some(DetainOther), None]),
        ("detained after the own decision", then(mixed(), vec![decided(Customs, AmendAndRelease)]), DeclarationEvent::Detained(Customs, DetainOther), Stage::Found, [Some(AmendAndRelease), None]),
        ("rejected by the other", then(mixed(), vec![detained(Customs)]), DeclarationEvent::Rejected(Quarantine), Stage::Disposed, [Some(DetainOther), Some(AmendAndRelease)]),
        ("detained before it is examined", vec![demanded(Customs, 1, 1)], DeclarationEvent::Detained(Customs, DetainOther), Stage::Ordered, [None, None]),
        ("detained by one who did not ask", found(QtyMismatch), DeclarationEvent::Detained(Quarantine, DetainOther), Stage::Found, [None, None]),
        ("rejected for another reason", found(Conform), DeclarationEvent::Rejected(Customs), Stage::Found, [None, None]),
    ];
    for (name, steps, last, stage, decisions) in rows {
        let (case, _) = run(steps);
        let then = on_declaration_event(&case, on(1, 2), &last);
        let order = &then.case.order;
        let by = [Customs, Quarantine].map(|agency| order.decision(agency));
        assert_eq!((order.stage, by, then.misfit), (stage, decisions, None), "{name}");
        let after = last == DeclarationEvent::Released;
        assert_eq!(then.case.released, case.released || after, "{name}");
    }
}

fn none_of() -> Vec<Instruction> {
    Vec::new()
}

#[test]
fn every_case() {
    for (name, steps, expected, messages) in rows() {
        let (case, got) = run(steps);
        let order = &case.order;
        let is = (order.stage, order.examination, case.objection_pending);
        assert_eq!((is, got), (expected, messages), "{name}");
    }
}

/// Who is in the record.
fn agencies(case: &JointCase) -> Vec<Agency> {
    let mut agencies: Vec<Agency> = record(&case.order).into_iter().map(|(of, _)| of).collect();
    agencies.dedup();
    agencies
}

#[test]
fn everybody_who_asked_is_in_the_record() {
    let late =
        |steps, at: ReviewRound| then(steps, vec![demanded(Quarantine, at.version, at.round)]);
    let second = || vec![reopened(1, 2), begun(), reported(Customs, Conform)];
    let work = || vec![demanded(Customs, 1, 1), demanded(Quarantine, 1, 1), begun()];
    let rows: Vec<(&str, Vec<Step>, &[Agency])> = vec![
        ("nothing was found", vec![demanded(Customs, 1, 1), begun()], &[]),
        ("one asked", found(Conform), &[Customs]),
        ("both asked", found_by_both(Conform, QtyMismatch), &[Customs, Quarantine]),
        (
            "one is not answered yet",
            then(work(), vec![reported(Quarantine, Conform)]),
            &[Quarantine],
        ),
        ("the laboratory is", then(work(), vec![reported(Customs, LabPending)]), &[]),
        ("one came late", late(found(Conform), on(1, 1)), &[Customs, Quarantine]),
        ("on a second version", late(found(Conform), on(2, 1)), &[Customs, Quarantine]),
        (
            "and the goods were looked at again",
            then(late(found(QtyMismatch), on(1, 1)), second()),
            &[Customs, Quarantine],
        ),
    ];
    for (name, steps, expected) in rows {
        assert_eq!(agencies(&run(steps).0), expected, "{name}");
    }
    // Who came late is answered by everything, and who asked before by its own.
    let (case, _) = run(late(found(QtyMismatch), on(1, 1)));
    let results = |case: &JointCase, agency| -> Vec<FoundResult> {
        let record = record(&case.order).into_iter();
        record.filter(|(of, _)| *of == agency).map(|(_, finding)| finding.result).collect()
    };
    assert_eq!(results(&case, Quarantine), [QtyMismatch]);
    let (case, _) = run(late(found_by_both(QtyMismatch, Conform), on(2, 1)));
    assert_eq!(results(&case, Quarantine), [Conform]);
}

fn instruction(agency: Agency, id: &str, text: &str) -> Instruction {
    let key = InstructionKey { agency, id: id.into() };
    Instruction { key, text: text.into(), ..Instruction::general(agency) }
}

fn ids(case: &JointCase) -> Vec<&str> {
    case.order.instructions.keys().map(|key| key.id.as_str()).collect()
}

/// An agency that is told what its rules demanded already does not say it in other words.
#[test]
fn what_contradicts_an_instruction_is_left_out() {
    let (case, _) = run(vec![declaration_event(
        1,
        1,
        DeclarationEvent::Demanded(Customs, vec![instruction(Customs, "a", "x")]),
    )]);
    let other = [instruction(Customs, "a", "y"), instruction(Customs, "b", "y")];
    let then =
        on_declaration_event(&case, on(1, 1), &DeclarationEvent::Demanded(Customs, other.to_vec()));
    assert_eq!((then.misfit, ids(&then.case)), (None, vec!["a", "b"]));
    assert_eq!(then.case.order.instructions[&other[0].key].text, "x");
    // Nothing is left: it is known, and not general.
    let then = on_declaration_event(
        &case,
        on(1, 1),
        &DeclarationEvent::Demanded(Customs, other[..1].to_vec()),
    );
    assert_eq!((then.misfit, then.facts, ids(&then.case)), (None, Vec::new(), vec!["a"]));
    // On a later version it is another order.
    let (case, _) = run(vec![
        declaration_event(
            1,
            1,
            DeclarationEvent::Demanded(Customs, vec![instruction(Customs, "a", "x")]),
        ),
        declaration_event(1, 1, DeclarationEvent::Cancelled),
        declaration_event(2, 1, DeclarationEvent::Demanded(Customs, other[..1].to_vec())),
    ]);
    assert_eq!(case.order.instructions[&other[0].key].text, "y");
}

/// More than an order holds: the agency must be answered all the same.
#[test]
fn a_demand_that_is_too_large_is_general() {
    let many: Vec<Instruction> =
        (0..=INSTRUCTIONS_MAX).map(|n| instruction(Quarantine, &n.to_string(), "")).collect();
    let then = on_declaration_event(
        &JointCase::none(),
        on(1, 1),
        &DeclarationEvent::Demanded(Quarantine, many.clone()),
    );
    assert_eq!((then.misfit, ids(&then.case)), (None, vec!["GENERAL"]));
    assert_eq!(then.case.asked, on(1, 1));
    let (case, _) = run(found(Conform));
    let then = on_declaration_event(&case, on(1, 1), &DeclarationEvent::Demanded(Quarantine, many));
    assert_eq!((then.misfit, then.messages), (None, vec![OrderMessage::Findings(on(1, 1))]));
}

#[test]
fn what_does_not_fit_is_said() {
    let (case, _) = run(vec![declaration_event(3, 1, DeclarationEvent::Reopened)]);
    assert_eq!((&case.order, case.newest_version, case.asked), (&JointOrder::none(), 3, on(0, 0)));
    let then = on_declaration_event(&case, on(3, 1), &DeclarationEvent::Reopened);
    assert_eq!(then.misfit.map(|refusal| refusal.code), Some(Code::NoOpenInspection));
    // The declaration ended before, so the demand is old news.
    let (case, _) =
        run(vec![demanded(Customs, 1, 1), declaration_event(1, 1, DeclarationEvent::Cancelled)]);
    let then =
        on_declaration_event(&case, on(1, 2), &DeclarationEvent::Demanded(Quarantine, Vec::new()));
    assert_eq!(then.misfit.map(|refusal| refusal.code), Some(Code::StaleVersion));
    assert_eq!((then.case.asked, then.messages), (on(1, 1), Vec::new()));
}

#[test]
fn goods_stay_while_an_objection_is_pending() {
    let steps = vec![objected(), disposed(Customs, Disposal::AmendAndRelease)];
    let (case, _) = run(then(found(QtyMismatch), steps));
    let close = OrderEvent::Close { examination: 1 };
    let no = on_order_event(&case, &close).expect_err("an objection is pending");
    assert_eq!(no.code, Code::InspectionOutOfStep);
    assert!(no.data.contains(&("objection", "pending".into())));
    // Also when they are released meanwhile: who objected is told first.
    let released = on_declaration_event(&case, on(1, 2), &DeclarationEvent::Released).case;
    assert_eq!(released.order.stage, Stage::Disposed);
    let told = on_refusal(&released, OrderMessage::Reopening(1)).expect("it fell through");
    assert_eq!(told.case.order.stage, Stage::Closed, "and then nothing is left to do");
    let free = on_refusal(&case, OrderMessage::Reopening(1)).expect("it fell through").case;
    assert_eq!(on_order_event(&free, &close).expect("free").case.order.stage, Stage::Closed);
    assert_eq!(on_refusal(&free, OrderMessage::Reopening(1)), None, "told once");
}

#[test]
fn nothing_is_decided_about_goods_that_were_released() {
    let (case, _) =
        run(then(found(Prohibited), vec![declaration_event(1, 2, DeclarationEvent::Released)]));
    assert!(case.released);
    let event =
        OrderEvent::Dispose { agency: Customs, examination: 1, disposal: Disposal::DetainOther };
    assert_eq!(
        on_order_event(&case, &event).expect_err("they are gone").code,
        Code::AlreadyReleased
    );
    assert_eq!(on_objection(&case, 1).expect_err("they are gone").code, Code::AlreadyReleased);
}

#[test]
fn an_objection_is_refused_at_once_when_it_would_be_later() {
    let no = |steps, examination| {
        let (case, _) = run(steps);
        on_objection(&case, examination).expect_err("refused").code
    };
    let detained = disposed(Customs, Disposal::DetainOther);
    assert_eq!(no(Vec::new(), 1), Code::NoOpenInspection);
    assert_eq!(no(vec![demanded(Customs, 1, 1)], 1), Code::InspectionOpen);
    assert_eq!(no(then(found(QtyMismatch), vec![detained]), 1), Code::GoodsDetained);
    assert_eq!(no(found_twice(), 2), Code::ObjectionUsed);
    let (case, _) = run(found_twice());
    assert_eq!(on_objection(&case, 1), Ok((case.clone(), None)), "it was followed");
}
