//! The rules of the inspection service, case by case and at random.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use domain::CHINA;
use domain::clearance::Agency::{self, Customs, Quarantine};
use domain::codes;
use domain::declaration::{Declaration, Direction, GoodsLine, Money, Party, QuarantineData};
use domain::inspection::appointment::{self, AppointmentMaker, Place, TimeWindow, book};
use domain::inspection::condition::{Condition, Context, Range, RiskSubject};
use domain::inspection::credit::{self, Class, Credit, CreditNews, Status};
use domain::inspection::draw::{
    Candidate, Conflict, Draw, DrawPurpose, DrawTask, DrawnNumber, Fate, Seed, officers,
};
use domain::inspection::finding::{Disposal, ExaminationFinding, FindingKey, FoundResult};
use domain::inspection::order::{
    Appointment, Attendance, INSTRUCTIONS_MAX, Instruction, InstructionKey, JointOrder, Method,
    OrderEvent, OrderFact, Sample, SiteAct, Stage, Treatment, next,
};
use domain::inspection::risk::{
    Area, RiskRule, RuleAction, RuleEffect, RuleInstruction, RuleSet, SelectionRates, assess,
};
use domain::inspection::statistics::{ClearedCase, StatisticsGroup, table};
use domain::inspection::{Explanation, RuleSource};
use domain::refusal::{Code, Refusal};
use proptest::prelude::*;
use time::macros::{date, datetime, time};
use time::{Date, Duration, OffsetDateTime, Weekday};
use uuid::Uuid;

/// The first 32 bits of the fraction of a root of each prime, by search in whole numbers.
fn fractions(power: u32, how_many: usize) -> Vec<u32> {
    let primes = (2_u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    let fraction = |prime: u64| {
        let target = u128::from(prime) << (32 * power);
        let mut root = 0_u128;
        for bit in (0..40).rev() {
            let tried = root | 1 << bit;
            if tried.pow(power) <= target {
                root = tried;
            }
        }
        u32::try_from(root & u128::from(u32::MAX)).expect("masked")
    };
    primes.take(how_many).map(fraction).collect()
}

/// SHA-256 (FIPS 180-4), because the domain has none.
fn sha256(message: &[u8]) -> [u8; 32] {
    static ROUNDS: LazyLock<Vec<u32>> = LazyLock::new(|| fractions(3, 64));
    static START: LazyLock<Vec<u32>> = LazyLock::new(|| fractions(2, 8));
    let (constants, mut state) = (&*ROUNDS, START.clone());
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    let bits = u64::try_from(message.len()).expect("short") * 8;
    padded.extend_from_slice(&bits.to_be_bytes());
    for block in padded.as_chunks::<64>().0 {
        let mut w: Vec<u32> =
            block.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        for at in 16..64 {
            let (a, b) = (w[at - 15], w[at - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[at - 16].wrapping_add(s0).wrapping_add(w[at - 7]).wrapping_add(s1));
        }
        let mut s = state.clone();
        for (k, w) in constants.iter().zip(w) {
            let s1 = s[4].rotate_right(6) ^ s[4].rotate_right(11) ^ s[4].rotate_right(25);
            let choice = (s[4] & s[5]) ^ (!s[4] & s[6]);
            let one = [s1, choice, *k, w].into_iter().fold(s[7], u32::wrapping_add);
            let s0 = s[0].rotate_right(2) ^ s[0].rotate_right(13) ^ s[0].rotate_right(22);
            let majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
            s.rotate_right(1);
            s[4] = s[4].wrapping_add(one);
            s[0] = one.wrapping_add(s0).wrapping_add(majority);
        }
        for (sum, s) in state.iter_mut().zip(s) {
            *sum = sum.wrapping_add(s);
        }
    }
    let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.try_into().expect("eight words")
}

/// A cheap mixer that fills 32 bytes, for tests that draw very often.
fn mixed(message: &[u8]) -> [u8; 32] {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for byte in message {
        state = (state ^ u64::from(*byte)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        state ^= state >> 33;
    }
    let mut bytes = [0; 32];
    for chunk in bytes.as_chunks_mut::<8>().0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        *chunk = (z ^ (z >> 31)).to_be_bytes();
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const TODAY: Date = date!(2026 - 11 - 24);

fn seed() -> Seed {
    let bytes: Vec<u8> = (0..32).collect();
    Seed { day: TODAY, bytes: bytes.try_into().expect("32 bytes") }
}

fn draw_of(subject: u128) -> Draw {
    Draw { seed: seed(), subject: Uuid::from_u128(subject), sha256 }
}

fn quick_draw_of(subject: u128) -> Draw {
    Draw { sha256: mixed, ..draw_of(subject) }
}

/// The value of a name in the data of a refusal.
fn data_value<'r>(refusal: &'r Refusal, name: &str) -> Option<&'r str> {
    refusal.data.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

// The draw.

#[test]
fn the_hash_of_these_tests_is_sha256() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(&sha256(b"abc")), abc);
}

/// Computed with another program from the description alone.
#[test]
fn anybody_can_draw_again() {
    let drawn = draw_of(7).goods(Customs, "C-900");
    let expected = DrawnNumber {
        seed: seed(),
        subject: Uuid::from_u128(7),
        purpose: DrawPurpose::Goods,
        key: "customs/C-900".into(),
        counter: 0,
        number: 6_568,
        below: 10_000,
    };
    assert_eq!(drawn, expected);
    assert_eq!(
        hex(&seed().commitment(sha256)),
        "5bd7884a7e527816613e26816d0f388155505beda35cef59e5a685ad27342c3e"
    );
}

#[test]
fn draws_are_uniform() {
    // 100,000 draws in 100 classes: five standard deviations are 158.
    let mut classes = vec![0_u32; 100];
    let mut selected = 0_u32;
    for subject in 0..100_000 {
        let number = draw_of(subject).goods(Quarantine, "I-900").number;
        classes[usize::try_from(number / 100).expect("small")] += 1;
        selected += u32::from(number < 300);
    }
    assert!(classes.iter().all(|n| n.abs_diff(1_000) < 158), "{classes:?}");
    assert!(selected.abs_diff(3_000) < 270, "{selected} of 100,000 at 300 basis points");
    // A bound that does not divide 2^64: no side is favoured.
    let low =
        (0..30_000).filter(|s| quick_draw_of(*s).number(DrawPurpose::Goods, "x", 3).number == 0);
    assert!(low.count().abs_diff(10_000) < 410);
}

#[test]
fn a_function_that_is_no_hash_does_not_hang() {
    let draw = Draw { sha256: |_| [0xff; 32], ..draw_of(1) };
    assert_eq!(draw.number(DrawPurpose::Goods, "x", 3).number, 0);
    assert_eq!(draw.number(DrawPurpose::Goods, "x", 0).below, 1);
}

fn candidate(officer: &str) -> Candidate {
    Candidate {
        officer: officer.into(),
        agency: Customs,
        leave: Vec::new(),
        last_firm: None,
        related_firms: Vec::new(),
    }
}

fn task() -> DrawTask {
    DrawTask {
        agency: Customs,
        day: TODAY,
        firms: vec!["3702960001".into(), "330766K00Q".into()],
        examination: 1,
        earlier: Vec::new(),
    }
}

fn four() -> Vec<Candidate> {
    ["A1", "A2", "A3", "A4"].into_iter().map(candidate).collect()
}

#[test]
fn officers_are_drawn_in_the_order_of_their_digests() {
    let selection = officers(&draw_of(7), &four(), &task(), 2);
    let order: Vec<_> = selection.ranks.iter().map(|rank| rank.officer.as_str()).collect();
    assert_eq!(order, ["A1", "A3", "A4", "A2"]);
    assert_eq!(selection.chosen().collect::<Vec<_>>(), order[..2]);
    assert_eq!(selection.ranks[3].fate, Fate::NotReached);
}

#[test]
fn nobody_with_a_conflict_is_chosen_and_the_reason_is_told() {
    let mut candidates = four();
    candidates[0].leave = vec![(date!(2026 - 11 - 20), date!(2026 - 11 - 24))];
    candidates[1].last_firm = Some("3702960001".into());
    candidates[2].related_firms = vec!["330766K00Q".into(), "unknown".into()];
    candidates.push(Candidate { agency: Quarantine, ..candidate("B1") });
    let task = DrawTask { examination: 2, earlier: vec!["A4".into()], ..task() };
    let selection = officers(&draw_of(7), &candidates, &task, 2);
    assert_eq!((selection.chosen().count(), selection.missing), (0, 2));
    let fates: BTreeMap<_, _> =
        selection.ranks.iter().map(|rank| (rank.officer.as_str(), rank.fate.clone())).collect();
    let passed = |conflict| Fate::PassedOver(vec![conflict]);
    let expected = BTreeMap::from([
        ("A1", passed(Conflict::OnLeave { until: date!(2026 - 11 - 24) })),
        ("A2", passed(Conflict::SameFirmAsLastTime { firm: "3702960001".into() })),
        ("A3", passed(Conflict::Related { firm: "330766K00Q".into() })),
        ("A4", passed(Conflict::ExaminedBefore)),
    ]);
    assert_eq!(fates, expected);
    // Leave that ended yesterday, and other firms, do not matter.
    candidates[0].leave = vec![(date!(2026 - 11 - 20), date!(2026 - 11 - 23))];
    candidates[1].last_firm = Some("unknown".into());
    let chosen: BTreeSet<_> =
        officers(&draw_of(7), &candidates, &task, 2).chosen().map(str::to_owned).collect();
    assert_eq!(chosen, BTreeSet::from(["A1".to_owned(), "A2".to_owned()]));
}

#[test]
fn every_officer_is_drawn_as_often() {
    let mut times = BTreeMap::<String, u32>::new();
    for order in 0..10_000 {
        for officer in officers(&quick_draw_of(order), &four(), &task(), 1).chosen() {
            *times.entry(officer.to_owned()).or_default() += 1;
        }
    }
    assert!(times.len() == 4 && times.values().all(|n| n.abs_diff(2_500) < 220), "{times:?}");
}

// Risk.

fn line(gnum: u32, gcode: &str, country: &str) -> GoodsLine {
    let price = Money { currency: codes::CNY.into(), amount_e5: 20_000_000 };
    GoodsLine {
        gnum,
        gcode: gcode.into(),
        country: country.into(),
        total_price: Some(price),
        ..GoodsLine::default()
    }
}

/// Cheese from France and soap from Japan, 400 yuan, direct purchase through Huangdao.
fn parcel() -> Declaration {
    Declaration {
        ie_flag: Some(Direction::Import),
        trade_mode: "9610".into(),
        customs_code: "4218".into(),
        port_code: "4258".into(),
        declarant: Party { code: "3702960001".into(), name: "A".into() },
        country: "305".into(),
        gross_weight_e5: 250_000,
        wrap_type: "2".into(),
        lines: vec![line(1, "0406900000", "305"), line(2, "3401110000", "116")],
        ..Declaration::default()
    }
}

fn context() -> Context {
    Context {
        date: TODAY,
        class: Class::General,
        blacklist: Vec::new(),
        earlier_shipments: BTreeMap::from([("3401".into(), 4)]),
        value_cny_e5: None,
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn area(country: &str, goods: &[&str]) -> Area {
    Area {
        country: country.into(),
        goods: texts(goods),
        reason: Explanation::new("a test", "测试"),
        valid_from: date!(2026 - 11 - 01),
        valid_to: Some(TODAY),
        source: RuleSource::Ours,
    }
}

/// Lines for which a condition holds.
fn lines_of(condition: &Condition, parcel: &Declaration, context: &Context) -> Vec<u32> {
    let areas = [area("305", &["04"])];
    let subject = RiskSubject::of(parcel, context);
    let lines = subject.lines.iter();
    lines.filter(|l| condition.holds(&subject, l, &areas).is_some()).map(|l| l.gnum).collect()
}

type Row<'a> = (&'a str, Condition, &'a Declaration, &'a Context, &'a [u32]);

#[test]
#[rustfmt::skip]
fn every_condition() {
    use Condition as C;
    let goods = |items: &[&str]| C::Goods(texts(items));
    let not = |inner| C::Not(Box::new(inner));
    let range = |from_e5, below_e5| Range { from_e5, below_e5 };
    let import = parcel();
    let export = Declaration { ie_flag: Some(Direction::Export), ..parcel() };
    let wooden = Declaration { wrap_type: "1".into(), ..parcel() };
    let said = Declaration { quarantine: Some(QuarantineData { wooden_packing: true, ..QuarantineData::default() }), ..parcel() };
    let agent = Declaration { agent: Some(Party { code: "BAD".into(), name: "B".into() }), ..parcel() };
    let undirected = Declaration { ie_flag: None, ..parcel() };
    let mut dollars = parcel();
    dollars.lines[1].total_price = Some(Money { currency: "502".into(), amount_e5: 1 });
    let listed = Context { blacklist: texts(&["BAD", "WORSE"]), ..context() };
    let later = Context { date: date!(2026 - 11 - 25), ..context() };
    let known = Context { value_cny_e5: Some(100), ..context() };
    let untrusted = Context { class: Class::Untrusted, ..context() };
    let now = context();
    let (all, none): (&[u32], &[u32]) = (&[1, 2], &[]);
    let rows: Vec<Row<'_>> = vec![
        ("goods", goods(&["9", "0406"]), &import, &now, &[1]),
        ("goods elsewhere", goods(&["406"]), &import, &now, none),
        ("origin", C::Origin(texts(&["116"])), &import, &now, &[2]),
        ("no origin on exports", C::Origin(texts(&["116"])), &export, &now, none),
        ("dispatch", C::Dispatch(texts(&["305"])), &import, &now, all),
        ("no dispatch on exports", C::Dispatch(texts(&["305"])), &export, &now, none),
        ("destination of the line", C::Destination(texts(&["116"])), &export, &now, &[2]),
        ("destination of the declaration", C::Destination(texts(&["305"])), &export, &now, all),
        ("no destination on imports", C::Destination(texts(&["305"])), &import, &now, none),
        ("mode", C::Mode(texts(&["1210", "9610"])), &import, &now, all),
        ("mode whole", C::Mode(texts(&["96"])), &import, &now, none),
        ("direction", C::Direction(Direction::Import), &import, &now, all),
        ("other direction", C::Direction(Direction::Export), &import, &now, none),
        ("no direction", C::Direction(Direction::Export), &undirected, &now, none),
        ("house", C::House(texts(&["4218"])), &import, &now, all),
        ("house of the port", C::House(texts(&["4258"])), &import, &now, all),
        ("district", C::House(texts(&["43", "42"])), &import, &now, all),
        ("other district", C::House(texts(&["43"])), &import, &now, none),
        ("value from", C::Value(range(Some(40_000_000), None)), &import, &now, all),
        ("value below", C::Value(range(None, Some(40_000_000))), &import, &now, none),
        ("value between", C::Value(range(Some(1), Some(40_000_001))), &import, &now, all),
        ("value not known", C::Value(range(Some(0), None)), &dollars, &now, none),
        ("value told", C::Value(range(Some(100), Some(101))), &dollars, &known, all),
        ("the sum is surer", C::Value(range(Some(100), Some(101))), &import, &known, none),
        ("weight", C::GrossWeight(range(Some(250_000), Some(250_001))), &import, &now, all),
        ("weight below", C::GrossWeight(range(None, Some(250_000))), &import, &now, none),
        ("class", C::Class(vec![Class::Advanced, Class::Untrusted]), &import, &untrusted, all),
        ("other class", C::Class(vec![Class::Advanced]), &import, &now, none),
        ("blacklist", C::Blacklisted, &agent, &listed, all),
        ("nobody on it", C::Blacklisted, &import, &listed, none),
        ("wooden boxes", C::WoodenPacking, &wooden, &now, all),
        ("wood as said", C::WoodenPacking, &said, &now, all),
        ("cardboard", C::WoodenPacking, &import, &now, none),
        ("quarantine", C::QuarantineArea, &import, &now, &[1]),
        ("quarantine is over", C::QuarantineArea, &import, &later, none),
        ("no quarantine on exports", C::QuarantineArea, &export, &now, none),
        ("first shipment", C::FirstShipment, &import, &now, &[1]),
        ("all of one line", C::All(vec![goods(&["0406"]), C::Origin(texts(&["116"]))]), &import, &now, none),
        ("all", C::All(vec![goods(&["0406"]), C::Origin(texts(&["305"]))]), &import, &now, &[1]),
        ("any", C::Any(vec![goods(&["0406"]), C::Origin(texts(&["116"]))]), &import, &now, all),
        ("any of none", C::Any(Vec::new()), &import, &now, none),
        ("not", not(goods(&["0406"])), &import, &now, &[2]),
        ("not not", not(not(goods(&["0406"]))), &import, &now, &[1]),
    ];
    for (name, condition, parcel, context, expected) in rows {
        assert_eq!(lines_of(&condition, parcel, context), expected, "{name}");
        let what = condition.describe();
        assert!(!what.en.is_empty() && !what.zh.is_empty(), "{name}");
    }
}

fn wanted(code: &str) -> RuleInstruction {
    let (text, text_zh) = ("look".to_owned(), "看".to_owned());
    RuleInstruction { code: code.into(), text, text_zh, method: Method::Manual, sampling: false }
}

fn rule(id: &str, condition: Condition, action: RuleAction) -> RiskRule {
    RiskRule {
        id: id.into(),
        title: "a rule".into(),
        title_zh: "规则".into(),
        valid_from: date!(2026 - 11 - 24),
        valid_to: Some(date!(2026 - 11 - 24)),
        source: RuleSource::Ours,
        condition,
        action,
    }
}

fn set(rules: Vec<RiskRule>) -> RuleSet {
    RuleSet {
        agency: Customs,
        version: 3,
        sample: false,
        rates: SelectionRates { advanced_bp: 0, general_bp: 5_000, untrusted_bp: 10_000 },
        rules,
        areas: Vec::new(),
    }
}

#[test]
fn an_assessment_explains_itself() {
    let soap = || Condition::Goods(texts(&["34"]));
    let demand = || RuleAction::Demand { wanted: vec![wanted("OPEN"), wanted("COUNT")] };
    let random = RuleAction::RandomAt { rates: None, wanted: vec![wanted("SCAN")] };
    let mut old = rule("old", soap(), demand());
    old.valid_to = Some(date!(2026 - 11 - 23));
    old.valid_from = date!(2026 - 11 - 01);
    let mut new = rule("new", soap(), demand());
    new.valid_from = date!(2026 - 11 - 25);
    new.valid_to = None;
    let import = Condition::Direction(Direction::Import);
    let export = Condition::Direction(Direction::Export);
    let rules = vec![
        rule("soap", soap(), demand()),
        rule("random", import, random),
        rule("export", export, demand()),
        old,
        new,
    ];
    let (set, parcel, context) = (set(rules), parcel(), context());
    assert_eq!(set.problems(), []);
    let assessment = assess(&set, &RiskSubject::of(&parcel, &context), &draw_of(7));
    assert_eq!((assessment.agency, assessment.version, assessment.date), (Customs, 3, TODAY));
    let left_out: Vec<_> = assessment.not_in_force.iter().map(|n| n.rule.as_str()).collect();
    assert_eq!(left_out, ["old", "new"]);
    let [soap, random] = assessment.matched.as_slice() else { panic!("two rules match") };
    assert_eq!((soap.lines.as_slice(), &soap.effect), ([2].as_slice(), &RuleEffect::Demanded));
    assert_eq!(soap.because[0].en, "goods code 3401110000 begins with 34");
    assert_eq!(soap.because[0].zh, "商品编码3401110000属于34");
    assert!(random.lines.is_empty(), "about the declaration as a whole");
    let RuleEffect::Drawn { drawn, class, threshold_bp, selected } = &random.effect else {
        panic!("a draw")
    };
    assert_eq!((*class, *threshold_bp), (Class::General, 5_000));
    assert_eq!(drawn, &draw_of(7).goods(Customs, "random"));
    assert_eq!(*selected, drawn.number < 5_000);
    let explained = random.effect.explain();
    assert!(explained.en.contains(&format!("drew {} of 10000", drawn.number)), "{explained:?}");
    let instructions = assessment.instructions();
    let ids: Vec<_> = instructions.iter().map(|i| i.key.id.as_str()).collect();
    assert_eq!(ids[..2], ["soap/OPEN", "soap/COUNT"]);
    assert_eq!(ids.len(), 2 + usize::from(*selected));
    assert_eq!(instructions[0].lines, [2]);
}

#[test]
fn the_rate_is_that_of_the_class() {
    let always = Condition::Direction(Direction::Import);
    let random = |rates| RuleAction::RandomAt { rates, wanted: vec![wanted("SCAN")] };
    let own = SelectionRates { advanced_bp: 10_000, general_bp: 0, untrusted_bp: 0 };
    let of_set = set(vec![rule("r", always.clone(), random(None))]);
    let of_rule = set(vec![rule("r", always, random(Some(own)))]);
    for (class, by_set, by_rule) in
        [(Class::Advanced, false, true), (Class::Untrusted, true, false)]
    {
        let (parcel, context) = (parcel(), Context { class, ..context() });
        let subject = RiskSubject::of(&parcel, &context);
        for n in 0..50 {
            assert_eq!(assess(&of_set, &subject, &quick_draw_of(n)).is_selected(), by_set);
            assert_eq!(assess(&of_rule, &subject, &quick_draw_of(n)).is_selected(), by_rule);
        }
    }
}

#[test]
fn a_broken_rule_set_is_told_apart() {
    let demand = || RuleAction::Demand { wanted: vec![wanted("A")] };
    let bad = SelectionRates { advanced_bp: 0, general_bp: 10_001, untrusted_bp: 0 };
    let deep = (0..9).fold(Condition::Blacklisted, |c, _| Condition::Not(Box::new(c)));
    let mut backwards = rule("backwards", Condition::Blacklisted, demand());
    backwards.valid_to = Some(date!(2026 - 11 - 23));
    let rules = vec![
        rule("a", Condition::Blacklisted, demand()),
        rule("a", Condition::Blacklisted, demand()),
        backwards,
        rule("deep", deep, demand()),
        rule("empty", Condition::All(Vec::new()), demand()),
        rule("prefix", Condition::Goods(texts(&[""])), demand()),
        rule("range", Condition::Value(Range::default()), demand()),
        rule("nothing", Condition::Blacklisted, RuleAction::Demand { wanted: Vec::new() }),
        rule(
            "rate",
            Condition::Blacklisted,
            RuleAction::RandomAt { rates: Some(bad), wanted: vec![wanted("A"), wanted("A")] },
        ),
    ];
    let set = RuleSet { rates: bad, ..set(rules) };
    let found: Vec<_> = set.problems().into_iter().map(|problem| problem.rule).collect();
    let expected =
        ["", "a", "backwards", "deep", "empty", "prefix", "range", "nothing", "rate", "rate"];
    assert_eq!(found, expected);
    let refusal = set.check().expect_err("not put in force");
    let fields: Vec<_> = refusal.violations.iter().map(|v| v.field.as_str()).take(2).collect();
    let places = vec!["rates.general_bp", "rules[a].id"];
    assert_eq!((refusal.code, fields), (Code::RuleSetRefused, places));
    assert_eq!(refusal.violations.len(), expected.len(), "all of them at once");
}

/// Where a set with one rule of this condition is wrong.
fn faults_of(condition: Condition) -> Vec<String> {
    let demand = RuleAction::Demand { wanted: vec![wanted("A")] };
    let set = RuleSet { areas: Vec::new(), ..set(vec![rule("r", condition, demand)]) };
    set.problems().into_iter().map(|problem| problem.place).collect()
}

#[test]
fn every_place_that_can_never_match_is_named() {
    use Condition as C;
    let not = |condition| C::Not(Box::new(condition));
    let range = |from_e5, below_e5| Range { from_e5, below_e5 };
    let import = || C::Direction(Direction::Import);
    let export = || C::Direction(Direction::Export);
    let table: Vec<(C, &[&str])> = vec![
        (C::Goods(texts(&["2204", "0", "9617009000"])), &[]),
        (
            C::Goods(texts(&["22O4", "2204", "96170090001", "２２", "22 ", ""])),
            &["goods[0]", "goods[2]", "goods[3]", "goods[4]", "goods[5]"],
        ),
        (C::Origin(texts(&["116", "142"])), &[]),
        (C::Origin(texts(&["116", "JP", "000", "1160"])), &["origin[1]", "origin[2]", "origin[3]"]),
        (C::Dispatch(texts(&["JPN"])), &["dispatch[0]"]),
        (C::Destination(texts(&["999"])), &["destination[0]"]),
        (C::Mode(texts(&["9610", "1210"])), &[]),
        (C::Mode(texts(&["9611", "0110", "961"])), &["mode[0]", "mode[1]", "mode[2]"]),
        (C::House(texts(&["42", "4258"])), &[]),
        (C::House(texts(&["青岛", "42580", ""])), &["house[0]", "house[1]", "house[2]"]),
        (C::Value(range(Some(0), Some(1))), &[]),
        (C::Value(range(Some(5), Some(5))), &["value"]),
        (C::GrossWeight(range(None, Some(0))), &["gross_weight"]),
        (C::GrossWeight(range(Some(-5), None)), &[]),
        (C::Class(Vec::new()), &["class"]),
        (C::QuarantineArea, &[""]),
        (
            C::All(vec![C::Blacklisted, not(C::Any(vec![C::Mode(texts(&["1"])), import()]))]),
            &["all[1].not.any[0].mode[0]"],
        ),
        // Each part holds for something, but nothing fits all of them.
        (C::All(vec![import(), export()]), &[""]),
        (C::All(vec![import(), C::Destination(texts(&["502"]))]), &[""]),
        (C::All(vec![C::Mode(texts(&["9710", "9810"])), C::Origin(texts(&["116"]))]), &[""]),
        (C::All(vec![not(import()), C::Dispatch(texts(&["116"]))]), &[""]),
        (C::All(vec![not(import()), C::Destination(texts(&["116"]))]), &[]),
        (C::All(vec![C::Mode(texts(&["9710", "9610"])), C::Origin(texts(&["116"]))]), &[]),
        (C::Any(vec![C::All(vec![import(), export()]), C::Blacklisted]), &[]),
    ];
    for (condition, expected) in table {
        let places: Vec<String> = expected
            .iter()
            .map(|place| match *place {
                "" => "condition".to_owned(),
                place => format!("condition.{place}"),
            })
            .collect();
        assert_eq!(faults_of(condition.clone()), places, "{condition:?}");
    }
    let areas = vec![area("116", &["03"]), area("JP", &["03", "O3"])];
    let places: Vec<_> = RuleSet { areas, ..set(Vec::new()) }
        .problems()
        .into_iter()
        .map(|problem| problem.field())
        .collect();
    assert_eq!(places, ["areas[1].country", "areas[1].goods[1]"]);
}

// The order.

const V: u32 = 2;

fn key(agency: Agency, id: &str) -> InstructionKey {
    InstructionKey { agency, id: id.into() }
}

fn instruction(agency: Agency, id: &str, lines: &[u32]) -> Instruction {
    Instruction {
        key: key(agency, id),
        text: id.into(),
        text_zh: id.into(),
        lines: lines.to_vec(),
        method: Method::Manual,
        sampling: false,
    }
}

fn demand(agency: Agency, ids: &[&str]) -> OrderEvent {
    let instructions = ids.iter().map(|id| instruction(agency, id, &[])).collect();
    OrderEvent::Demand { agency, version: V, instructions }
}

fn site(act: SiteAct) -> OrderEvent {
    OrderEvent::Site { version: V, examination: 1, act }
}

fn at(start: OffsetDateTime) -> Appointment {
    let window = TimeWindow { start, end: start + Duration::hours(1) };
    Appointment { place: "QD-1".into(), window }
}

const NINE: OffsetDateTime = datetime!(2026-11-25 09:00 +8);

fn appointed() -> OrderEvent {
    site(SiteAct::Appoint { seen: 0, appointment: at(NINE), by: AppointmentMaker::Enterprise })
}

fn assigned() -> OrderEvent {
    site(SiteAct::Assign { officers: ["A1".to_owned(), "B1".to_owned()].into() })
}

fn examined(method: Method) -> OrderEvent {
    site(SiteAct::Examine { method, officer: "A1".into() })
}

fn finding(agency: Agency, id: &str, gnum: u32, result: FoundResult) -> ExaminationFinding {
    ExaminationFinding {
        key: FindingKey { instruction: key(agency, id), gnum, sample: None },
        result,
        method: Method::Manual,
        text: String::new(),
        evidence: vec![[7; 32]],
        officer: "A1".into(),
        revision: 1,
    }
}

fn analysed(finding: ExaminationFinding, sample: &str) -> ExaminationFinding {
    let key = FindingKey { sample: Some(sample.into()), ..finding.key };
    ExaminationFinding { key, officer: "lab".into(), ..finding }
}

fn reported(findings: &[ExaminationFinding]) -> OrderEvent {
    site(SiteAct::Report { findings: findings.to_vec() })
}

fn sample(agency: Agency, id: &str) -> Sample {
    Sample { id: "S1".into(), instruction: key(agency, id), gnum: 0, officer: "B1".into() }
}

fn taken() -> OrderEvent {
    site(SiteAct::Take { sample: sample(Quarantine, "lab") })
}

fn sent() -> OrderEvent {
    site(SiteAct::Send { sample: "S1".into(), laboratory: "L".into() })
}

fn disposed(agency: Agency, disposal: Disposal) -> OrderEvent {
    OrderEvent::Dispose { agency, examination: 1, disposal }
}

fn treated(passed: bool) -> OrderEvent {
    let treatment = Treatment { certificate: "T-1".into(), digest: [9; 32], passed };
    OrderEvent::Treated { examination: 1, treatment }
}

fn closed() -> OrderEvent {
    OrderEvent::Close { examination: 1 }
}

fn run(events: &[OrderEvent]) -> JointOrder {
    events.iter().fold(JointOrder::none(), |now, event| {
        let (then, facts) = next(&now, event).unwrap_or_else(|e| panic!("{event:?}: {e:?}"));
        assert!(!facts.is_empty(), "{event:?} changes nothing on {now:?}");
        then
    })
}

/// Both agencies ask; quarantine's sample fails.
fn to_work() -> Vec<OrderEvent> {
    vec![
        demand(Customs, &["count"]),
        demand(Quarantine, &["lab"]),
        appointed(),
        assigned(),
        site(SiteAct::Present { attendance: Attendance::Declarant }),
        examined(Method::Manual),
    ]
}

fn lab_fails() -> ExaminationFinding {
    analysed(finding(Quarantine, "lab", 0, FoundResult::QuarantineFail), "S1")
}

fn to_findings() -> Vec<OrderEvent> {
    let conform = finding(Customs, "count", 0, FoundResult::Conform);
    [to_work(), vec![taken(), sent(), reported(&[conform, lab_fails()])]].concat()
}

/// A history that leads to each stage.
fn histories() -> Vec<(Stage, Vec<OrderEvent>)> {
    let work = to_work();
    let found = to_findings();
    let release = disposed(Customs, Disposal::Release);
    let then = |events: &[OrderEvent]| [found.as_slice(), events].concat();
    let treat = then(&[release.clone(), disposed(Quarantine, Disposal::Treat)]);
    let back = then(&[release, disposed(Quarantine, Disposal::Return)]);
    vec![
        (Stage::None, Vec::new()),
        (Stage::Ordered, work[..2].to_vec()),
        (Stage::Appointed, work[..4].to_vec()),
        (Stage::Presented, work[..5].to_vec()),
        (Stage::Examining, work.clone()),
        (Stage::Sampled, found[..7].to_vec()),
        (Stage::Laboratory, found[..8].to_vec()),
        (Stage::Found, found.clone()),
        (Stage::Treating, treat),
        (Stage::Disposed, back.clone()),
        (Stage::Closed, [back, vec![closed()]].concat()),
        (Stage::Cancelled, [work, vec![OrderEvent::Cancel { version: V }]].concat()),
    ]
}

const STAGES: [(Stage, char); 12] = [
    (Stage::None, '-'),
    (Stage::Ordered, 'O'),
    (Stage::Appointed, 'A'),
    (Stage::Presented, 'P'),
    (Stage::Examining, 'E'),
    (Stage::Sampled, 'S'),
    (Stage::Laboratory, 'L'),
    (Stage::Found, 'F'),
    (Stage::Treating, 'T'),
    (Stage::Disposed, 'D'),
    (Stage::Closed, 'C'),
    (Stage::Cancelled, 'X'),
];

/// Every event on every stage. A letter: the stage that follows, with facts; `=`: nothing changes;
/// `.`: refused. The columns are the stages in the order of `STAGES`: - O A P E S L F T D C X.
#[rustfmt::skip]
fn matrix() -> Vec<(&'static str, OrderEvent, &'static str)> {
    let later = |event| match event {
        OrderEvent::Demand { agency, instructions, .. } => OrderEvent::Demand { agency, version: V + 1, instructions },
        other => other,
    };
    let evening = at(NINE + Duration::hours(8));
    let early = NINE - Duration::hours(10);
    vec![
        ("the same demand",       demand(Customs, &["count"]),                           "O==========."),
        ("another demand",        demand(Customs, &["seal"]),                            "OOAPESLFTDC."),
        ("on a later version",    later(demand(Customs, &["count"])),                    "OOOOOOOFTDCO"),
        ("general demand",        OrderEvent::Demand { agency: Quarantine, version: V, instructions: vec![] }, "OOAPESLFTDC."),
        ("appoint",               appointed(),                                           ".A=========."),
        ("appoint elsewhere",     site(SiteAct::Appoint { seen: 0, appointment: evening.clone(), by: AppointmentMaker::Site }), ".A.........."),
        ("reschedule",            site(SiteAct::Reschedule { seen: 1, appointment: evening, by: AppointmentMaker::Enterprise, at: early }), "..A........."),
        ("no-show",               site(SiteAct::NoShow { seen: 1, at: NINE + Duration::hours(1) }), "..O........."),
        ("assign",                assigned(),                                            "..=========."),
        ("assign others",         site(SiteAct::Assign { officers: ["A2".to_owned()].into() }), "............"),
        ("replace",               site(SiteAct::Replace { officer: "A1".into(), by: "A3".into() }), "..APESL....."),
        ("present",               site(SiteAct::Present { attendance: Attendance::Declarant }), "..P========."),
        ("present without him",   site(SiteAct::Present { attendance: Attendance::SiteOperator }), "............"),
        ("examine by hand",       examined(Method::Manual),                              "...E=======."),
        ("examine by machine",    examined(Method::Machine),                             "...EESL....."),
        ("take a sample",         taken(),                                               "....S======."),
        ("send it",               sent(),                                                ".....L=====."),
        ("find customs'",         reported(&[finding(Customs, "count", 0, FoundResult::Conform)]), "....ESL====."),
        ("find quarantine's",     reported(&[lab_fails()]),                              "......E====."),
        ("pending",               reported(&[finding(Customs, "count", 3, FoundResult::LabPending)]), "....ESL....."),
        ("one more line",         reported(&[finding(Customs, "count", 3, FoundResult::QtyMismatch)]), "....ESLF...."),
        ("object",                OrderEvent::Object { examination: 1 },                      ".......O.O.."),
        ("reopened",              OrderEvent::Reopened { version: V },                        ".......OOOO."),
        ("on a later version",    OrderEvent::Reopened { version: V + 1 },                    ".......OOOO."),
        ("on an older one",       OrderEvent::Reopened { version: V - 1 },                    ".==========="),
        ("customs releases",      disposed(Customs, Disposal::Release),                  ".......F===."),
        ("quarantine releases",   disposed(Quarantine, Disposal::Release),               "............"),
        ("quarantine sends back", disposed(Quarantine, Disposal::Return),                ".......F.==."),
        ("treated",               treated(true),                                         "........F..."),
        ("close",                 closed(),                                              ".........C=."),
        ("cancel",                OrderEvent::Cancel { version: V },                          "=XXXXXX====="),
        ("cancel an older one",   OrderEvent::Cancel { version: V - 1 },                      "============"),
    ]
}

fn cell(now: &JointOrder, event: &OrderEvent) -> char {
    match next(now, event) {
        Err(_) => '.',
        Ok((then, facts)) if facts.is_empty() => {
            assert_eq!(&then, now, "no facts, no change: {event:?}");
            '='
        }
        Ok((then, _)) => {
            let letter = STAGES.iter().find(|(stage, _)| *stage == then.stage);
            letter.expect("every stage has a letter").1
        }
    }
}

#[test]
fn every_event_on_every_stage() {
    let orders: Vec<JointOrder> = histories()
        .into_iter()
        .map(|(stage, events)| {
            let order = run(&events);
            assert_eq!(order.stage, stage);
            order
        })
        .collect();
    for (name, event, expected) in matrix() {
        let got: String = orders.iter().map(|order| cell(order, &event)).collect();
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn refusals_name_what_is_wrong() {
    let working = run(&to_work());
    let found = run(&to_findings());
    let no = |now: &JointOrder, event: &OrderEvent| next(now, event).expect_err("refused");
    let foreign = OrderEvent::Demand {
        agency: Customs,
        version: V,
        instructions: vec![instruction(Quarantine, "x", &[])],
    };
    assert_eq!(no(&working, &foreign).code, Code::NotYourAgency);
    let mut other = instruction(Customs, "count", &[]);
    other.text = "something else".into();
    let other = OrderEvent::Demand { agency: Customs, version: V, instructions: vec![other] };
    assert_eq!(no(&working, &other).code, Code::AlreadyReported);
    let old = OrderEvent::Site {
        version: V - 1,
        examination: 1,
        act: SiteAct::Report { findings: vec![finding(Customs, "count", 0, FoundResult::Conform)] },
    };
    assert_eq!(no(&working, &old).code, Code::StaleVersion);
    let unknown = finding(Customs, "seal", 0, FoundResult::Conform);
    assert_eq!(no(&working, &reported(&[unknown])).code, Code::InstructionUnknown);
    let stranger = ExaminationFinding {
        officer: "Z".into(),
        ..finding(Customs, "count", 0, FoundResult::Conform)
    };
    assert_eq!(no(&working, &reported(&[stranger])).code, Code::OfficerNotAssigned);
    assert_eq!(no(&working, &reported(&[lab_fails()])).code, Code::SampleUnknown);
    let undecided = disposed(Customs, Disposal::Release);
    assert_eq!(no(&working, &undecided).code, Code::InstructionUnanswered);
    assert_eq!(no(&found, &disposed(Quarantine, Disposal::Release)).code, Code::DisposalUnfounded);
    let withdrawn = run(&[to_work(), vec![OrderEvent::Cancel { version: V }]].concat());
    let late = reported(&[finding(Customs, "count", 0, FoundResult::Conform)]);
    assert_eq!(no(&withdrawn, &late).code, Code::NoOpenInspection);
    let second = OrderEvent::Object { examination: 2 };
    assert_eq!(no(&found, &second).code, Code::NeverSent);
}

#[test]
fn an_officer_who_is_not_assigned_is_refused_also_the_second_time() {
    let examine = |officer: &str| {
        site(SiteAct::Examine { method: Method::Manual, officer: officer.to_owned() })
    };
    let result = |officer: &str, revision| {
        let found = finding(Customs, "count", 0, FoundResult::Conform);
        reported(&[ExaminationFinding { officer: officer.to_owned(), revision, ..found }])
    };
    let after = |events: &[OrderEvent]| run(&[to_work(), events.to_vec()].concat());
    let working = after(&[]);
    let corrected = after(&[result("A1", 3)]);
    // What was said before, said by a stranger, and by somebody else who is assigned.
    for (now, event) in [(&working, examine("Z")), (&corrected, result("Z", 2))] {
        for _ in 0..2 {
            let refusal = next(now, &event).expect_err("nobody sent Z");
            assert_eq!(refusal.code, Code::OfficerNotAssigned, "{event:?}");
            assert_eq!(data_value(&refusal, "officer"), Some("Z"));
        }
    }
    for (now, event) in [(&working, examine("B1")), (&corrected, result("B1", 2))] {
        assert_eq!(next(now, &event).map(|(_, facts)| facts), Ok(Vec::new()), "{event:?}");
    }
    let drawn_again = site(SiteAct::Assign { officers: working.work.on_duty() });
    assert_eq!(next(&working, &drawn_again).map(|(_, facts)| facts), Ok(Vec::new()));
    let other_examination = OrderEvent::Site {
        version: V,
        examination: 2,
        act: SiteAct::Assign { officers: working.work.on_duty() },
    };
    let refusal = next(&working, &other_examination).expect_err("there is no second one");
    assert_eq!(refusal.code, Code::NeverSent);
}

#[test]
fn a_late_demand_is_answered_from_the_record() {
    let mut only_customs = vec![demand(Customs, &["count"])];
    only_customs.extend(to_work().into_iter().skip(2));
    only_customs.push(reported(&[finding(Customs, "count", 0, FoundResult::Conform)]));
    let found = run(&only_customs);
    assert_eq!(found.stage, Stage::Found);
    let (then, facts) = next(&found, &demand(Quarantine, &["lab"])).expect("answered");
    assert_eq!((then.stage, facts), (Stage::Found, vec![OrderFact::Answered(Quarantine)]));
    assert!(!then.is_joint() && then.late.len() == 1);
    assert_eq!(next(&then, &demand(Quarantine, &["lab"])).expect("known").1, []);
    // On the next version the same question waits for an answer again, once; the old one is over.
    let later = |agency| OrderEvent::Demand {
        agency,
        version: V + 1,
        instructions: vec![instruction(agency, "count", &[])],
    };
    let (again, facts) = next(&then, &later(Customs)).expect("answered");
    assert_eq!(facts, [OrderFact::Answered(Customs)]);
    assert_eq!(next(&again, &later(Customs)).expect("known").1, []);
    assert_eq!(next(&again, &demand(Customs, &["count"])).expect("known").1, []);
    let stale = next(&again, &demand(Customs, &["seal"])).expect_err("before that");
    assert_eq!(stale.code, Code::StaleVersion);
    // Customs alone decides, because it alone instructed.
    let (then, facts) = next(&then, &disposed(Customs, Disposal::Release)).expect("decided");
    assert_eq!(then.stage, Stage::Disposed);
    let decided = OrderFact::Decided(Customs, Disposal::Release);
    assert_eq!(facts, [decided, OrderFact::Disposed(Disposal::Release)]);
}

#[test]
fn a_cancelled_order_is_opened_again_only_on_a_later_version() {
    let cancelled = run(&[to_work(), vec![OrderEvent::Cancel { version: V }]].concat());
    let refusal = next(&cancelled, &demand(Customs, &["count"])).expect_err("told again");
    assert_eq!(refusal.code, Code::StaleVersion);
    let again = OrderEvent::Demand { agency: Quarantine, version: V + 1, instructions: Vec::new() };
    let (then, facts) = next(&cancelled, &again).expect("opened");
    assert_eq!(facts, [OrderFact::Ordered(Quarantine)]);
    assert_eq!((then.stage, then.version), (Stage::Ordered, V + 1));
    assert_eq!(then.instructions.len(), 1, "what was asked on the old version is void");
    let late = next(&then, &examined(Method::Manual)).expect_err("of the old version");
    assert_eq!(late.code, Code::StaleVersion);
    // The news of the cancellation is lost: the order says so itself.
    let (_, facts) = next(&run(&to_work()), &again).expect("opened");
    assert_eq!(facts, [OrderFact::Cancelled, OrderFact::Ordered(Quarantine)]);
}

#[test]
fn the_enterprise_that_does_not_come_loses_its_choice() {
    let mut now = run(&[demand(Customs, &["count"])]);
    let step = |now: &JointOrder, act| next(now, &site(act));
    let appoint = |seen, by| SiteAct::Appoint { seen, appointment: at(NINE), by };
    let alone = || SiteAct::Present { attendance: Attendance::SiteOperator };
    for n in 0..3 {
        now = step(&now, appoint(n, AppointmentMaker::Enterprise)).expect("appointed").0;
        assert_eq!(step(&now, alone()).expect_err("not yet").code, Code::AttendanceNeeded);
        let early = SiteAct::NoShow { seen: n + 1, at: NINE + Duration::minutes(29) };
        let early = step(&now, early).expect_err("too early");
        assert_eq!(early.code, Code::WrongTime);
        let (then, facts) =
            step(&now, SiteAct::NoShow { seen: n + 1, at: NINE + Duration::minutes(30) })
                .expect("counted");
        let compelled = facts.contains(&OrderFact::Compelled);
        assert_eq!((facts[0].clone(), compelled), (OrderFact::NoShow(n + 1), n == 2));
        now = then;
    }
    let choice = step(&now, appoint(3, AppointmentMaker::Enterprise)).expect_err("no choice");
    assert_eq!(choice.code, Code::ChoiceUsedUp);
    now = step(&now, appoint(3, AppointmentMaker::Site)).expect("the site chooses").0;
    assert_eq!(step(&now, alone()).expect("opened").0.stage, Stage::Presented);
}

#[test]
fn two_officers_claim_one_order() {
    let ordered = run(&[demand(Customs, &["count"])]);
    let other = site(SiteAct::Appoint {
        seen: 0,
        appointment: at(NINE + Duration::hours(1)),
        by: AppointmentMaker::Site,
    });
    let (then, _) = next(&ordered, &appointed()).expect("the first");
    let second = next(&then, &other).expect_err("the second");
    assert_eq!((second.code, data_value(&second, "appointments")), (Code::OrderTaken, Some("1")));
    let stands = "2026-11-25T09:00:00+08:00/2026-11-25T10:00:00+08:00";
    assert_eq!(data_value(&second, "window"), Some(stands));
    let nobody = site(SiteAct::Assign { officers: BTreeSet::new() });
    assert_eq!(next(&then, &nobody).expect_err("empty").code, Code::OfficersMissing);
}

#[test]
fn methods_and_samples_decide_what_conform_means() {
    let mut with_lab = instruction(Quarantine, "lab", &[1, 2]);
    with_lab.sampling = true;
    let ask = OrderEvent::Demand { agency: Quarantine, version: V, instructions: vec![with_lab] };
    let mut events = vec![ask, demand(Customs, &["count"])];
    events.extend(to_work().into_iter().skip(2));
    events.push(examined(Method::Machine));
    let now = run(&events);
    let unanswered = |order: &JointOrder| -> Vec<String> {
        order.unanswered().iter().map(|i| i.key.id.clone()).collect()
    };
    // A picture does not answer what asks for hands, nor hands what asks for the laboratory.
    let picture = ExaminationFinding {
        method: Method::Machine,
        ..finding(Customs, "count", 0, FoundResult::Conform)
    };
    let hands = finding(Quarantine, "lab", 0, FoundResult::Conform);
    let now = next(&now, &reported(&[picture, hands])).expect("kept").0;
    assert_eq!(unanswered(&now), ["count", "lab"]);
    let corrected = ExaminationFinding {
        revision: 2,
        ..finding(Customs, "count", 0, FoundResult::QtyMismatch)
    };
    let now = next(&now, &reported(&[corrected])).expect("kept").0;
    assert_eq!(unanswered(&now), ["lab"]);
    let of = |id: &str, gnum| Sample { id: id.into(), gnum, ..sample(Quarantine, "lab") };
    let mut now = now;
    for (id, gnum) in [("S1", 1), ("S2", 2)] {
        now = next(&now, &site(SiteAct::Take { sample: of(id, gnum) })).expect("taken").0;
        assert_eq!(now.stage, if id == "S1" { Stage::Sampled } else { Stage::Laboratory });
        let laboratory = "L".to_owned();
        now = next(&now, &site(SiteAct::Send { sample: id.into(), laboratory })).expect("sent").0;
        assert_eq!(now.stage, Stage::Laboratory);
    }
    let clean = |id, gnum| analysed(finding(Quarantine, "lab", gnum, FoundResult::Conform), id);
    now = next(&now, &reported(&[clean("S2", 2)])).expect("one result").0;
    assert_eq!((now.stage, unanswered(&now)), (Stage::Laboratory, vec!["lab".to_owned()]));
    let (now, facts) = next(&now, &reported(&[clean("S1", 1)])).expect("the other");
    assert_eq!((now.stage, facts.last()), (Stage::Found, Some(&OrderFact::Completed)));
    // A correction cannot take the answer away.
    let less = ExaminationFinding {
        method: Method::Machine,
        revision: 3,
        ..finding(Customs, "count", 0, FoundResult::Conform)
    };
    assert!(next(&now, &reported(&[less])).is_err());
}

#[test]
fn quarantine_treatment_and_release() {
    let mut now = run(&to_findings());
    let release = |agency| disposed(agency, Disposal::Release);
    now = next(&now, &release(Customs)).expect("its own are conform").0;
    assert_eq!(now.stage, Stage::Found);
    let (then, facts) = next(&now, &disposed(Quarantine, Disposal::Treat)).expect("treated");
    assert_eq!(then.stage, Stage::Treating);
    assert_eq!(facts.last(), Some(&OrderFact::TreatmentOrdered));
    let (good, facts) = next(&then, &treated(true)).expect("passed");
    assert_eq!((good.stage, facts), (Stage::Found, vec![OrderFact::Treated(true)]));
    let good = next(&good, &release(Quarantine)).expect("clean now").0;
    let (good, facts) = next(&good, &release(Customs)).expect("both");
    assert_eq!(good.disposal, Some(Disposal::Release));
    assert_eq!(facts.last(), Some(&OrderFact::Disposed(Disposal::Release)));
    let bad = next(&then, &treated(false)).expect("failed").0;
    assert!(next(&bad, &release(Quarantine)).is_err());
    assert!(next(&bad, &disposed(Quarantine, Disposal::Treat)).is_err(), "not twice");
    assert!(next(&bad, &disposed(Quarantine, Disposal::Destroy)).is_ok());
}

#[test]
fn the_strictest_counts_and_the_holder_lifts_its_detention() {
    let now = run(&to_findings());
    let now = next(&now, &disposed(Quarantine, Disposal::Return)).expect("decided").0;
    let now = next(&now, &disposed(Customs, Disposal::TransferAntismuggling)).expect("decided").0;
    assert_eq!(now.disposal, Some(Disposal::TransferAntismuggling));
    assert_eq!(now.disposal.and_then(Disposal::status), Some(502));
    let other = next(&now, &disposed(Quarantine, Disposal::Release)).expect_err("not its own");
    assert_eq!(other.code, Code::DisposalGiven);
    let objection = next(&now, &OrderEvent::Object { examination: 1 }).expect_err("handed over");
    assert_eq!(objection.code, Code::GoodsDetained);
    let (now, facts) = next(&now, &disposed(Customs, Disposal::Release)).expect("lifted");
    assert_eq!(facts.last(), Some(&OrderFact::Disposed(Disposal::Return)));
    assert_eq!(now.disposal.and_then(Disposal::status), Some(700));
}

#[test]
fn a_second_examination_is_made_once_and_by_others() {
    let now = run(&to_findings());
    let object = OrderEvent::Object { examination: 1 };
    let (now, facts) = next(&now, &object).expect("once");
    assert_eq!((now.stage, now.examination, facts), (Stage::Ordered, 2, vec![OrderFact::Objected]));
    assert_eq!(now.instructions.len(), 2);
    assert!(now.work.findings.is_empty() && now.first.is_some());
    assert_eq!(next(&now, &object).expect("told again").1, []);
    let stale = next(&now, &examined(Method::Manual)).expect_err("of the first one");
    assert_eq!(stale.code, Code::StaleRound);
    let again = |act| OrderEvent::Site { version: V, examination: 2, act };
    let appointment = at(NINE + Duration::days(1));
    let now =
        next(&now, &again(SiteAct::Appoint { seen: 1, appointment, by: AppointmentMaker::Site }))
            .expect("appointed")
            .0;
    let same = again(SiteAct::Assign { officers: ["A1".to_owned()].into() });
    let conflict = next(&now, &same).expect_err("took part");
    assert_eq!(conflict.code, Code::OfficerConflict);
    let others = again(SiteAct::Assign { officers: ["A9".to_owned()].into() });
    let mut now = next(&now, &others).expect("others").0;
    let report = [(Customs, "count"), (Quarantine, "lab")].map(|(agency, id)| ExaminationFinding {
        officer: "A9".into(),
        ..finding(agency, id, 0, FoundResult::Conform)
    });
    for act in [
        SiteAct::Present { attendance: Attendance::Declarant },
        SiteAct::Examine { method: Method::Manual, officer: "A9".into() },
        SiteAct::Report { findings: report.to_vec() },
    ] {
        now = next(&now, &again(act)).expect("done").0;
    }
    assert_eq!(now.stage, Stage::Found);
    let third = next(&now, &OrderEvent::Object { examination: 2 }).expect_err("no third");
    assert_eq!(third.code, Code::ObjectionUsed);
}

/// The declaration was stopped, so it waits for a second examination: whatever was decided is void.
#[test]
fn a_reopened_order_forgets_what_was_decided() {
    let back = disposed(Quarantine, Disposal::Return);
    let detains = disposed(Customs, Disposal::TransferLegal);
    let disposed = run(&[to_findings(), vec![back, detains]].concat());
    let object = next(&disposed, &OrderEvent::Object { examination: 1 }).expect_err("handed over");
    assert_eq!(object.code, Code::GoodsDetained);
    let reopened = OrderEvent::Reopened { version: V + 1 };
    let (then, facts) = next(&disposed, &reopened).expect("followed all the same");
    assert_eq!((then.stage, then.examination, then.version), (Stage::Ordered, 2, V + 1));
    assert_eq!(facts, [OrderFact::Objected]);
    assert_eq!((then.by_customs, then.by_quarantine, then.disposal), (None, None, None));
    assert_eq!(then.first, Some(disposed.work));
    // Told again, or of before: it is the second examination already.
    for version in [V, V + 1, V + 2] {
        assert_eq!(next(&then, &OrderEvent::Reopened { version }).expect("known").1, []);
    }
    let cancelled = next(&then, &OrderEvent::Cancel { version: V + 1 }).expect("fell away").0;
    assert_eq!(next(&cancelled, &reopened).expect_err("fell away").code, Code::NoOpenInspection);
    let open = next(&run(&to_work()), &reopened).expect_err("not found yet");
    assert_eq!(open.code, Code::InspectionOpen);
}

/// As many as two agencies may give, by verdict and by rules.
#[test]
fn an_order_has_four_hundred_instructions() {
    assert_eq!(INSTRUCTIONS_MAX, 400);
    let ids =
        |range: std::ops::Range<usize>| -> Vec<String> { range.map(|n| n.to_string()).collect() };
    let ask = |agency, version, ids: Vec<String>| {
        let instructions = ids.iter().map(|id| instruction(agency, id, &[])).collect();
        OrderEvent::Demand { agency, version, instructions }
    };
    let too_large = |now: &JointOrder, event: &OrderEvent| {
        let refusal = next(now, event).expect_err("too many");
        assert_eq!(
            (refusal.code, data_value(&refusal, "most")),
            (Code::OrderTooLarge, Some("400"))
        );
    };
    too_large(&JointOrder::none(), &ask(Customs, V, ids(0..401)));
    let full = run(&[ask(Customs, V, ids(0..200)), ask(Quarantine, V, ids(0..200))]);
    assert_eq!(full.instructions.len(), INSTRUCTIONS_MAX);
    too_large(&full, &ask(Customs, V, ids(200..201)));
    assert_eq!(next(&full, &ask(Customs, V, ids(0..200))).expect("known").1, []);
    // What comes late is counted too.
    let found = run(&to_findings());
    too_large(&found, &ask(Customs, V + 1, ids(0..401)));
    assert!(next(&found, &ask(Customs, V + 1, ids(0..400))).is_ok());
}

/// Own results, all results, treated, and what they carry.
type Carried<'a> = (&'a [FoundResult], &'a [FoundResult], Option<bool>, &'a str);

#[test]
#[rustfmt::skip]
fn every_disposal_on_every_result() {
    use Disposal as D;
    use FoundResult as R;
    // Letters: what is founded of Release, Amend, Treat, Back (and everything stricter).
    let rows: [Carried<'_>; 13] = [
        (&[R::Conform], &[R::Conform], None, "R"),
        (&[R::DocMismatch], &[R::DocMismatch], None, "AB"),
        (&[R::QtyMismatch, R::Conform], &[R::QtyMismatch, R::Conform], None, "AB"),
        (&[R::NameOrCodeMismatch], &[R::NameOrCodeMismatch], None, "AB"),
        (&[R::QuarantineFail], &[R::QuarantineFail], None, "TB"),
        (&[R::QuarantineFail], &[R::QuarantineFail], Some(false), "B"),
        (&[R::QuarantineFail], &[R::QuarantineFail], Some(true), "RB"),
        (&[R::QualityFail, R::DocMismatch], &[R::QualityFail, R::DocMismatch], None, "TB"),
        (&[R::QualityFail, R::DocMismatch], &[R::QualityFail, R::DocMismatch], Some(true), "AB"),
        (&[R::Prohibited, R::QuarantineFail], &[R::Prohibited, R::QuarantineFail], None, "B"),
        (&[R::IpInfringement], &[R::IpInfringement], Some(true), "B"),
        (&[R::Conform], &[R::Conform, R::QuarantineFail], None, "RTB"),
        (&[R::Conform], &[R::Conform, R::Prohibited], None, "RB"),
    ];
    for (own, all, treated, expected) in rows {
        for disposal in D::ALL {
            let letter = match disposal {
                D::Release => 'R',
                D::AmendAndRelease => 'A',
                D::Treat => 'T',
                D::Return | D::Destroy | D::DetainOther | D::TransferClearance | D::TransferLegal | D::TransferAntismuggling => 'B',
            };
            let founded = disposal.is_founded(own, all, treated);
            assert_eq!(founded, expected.contains(letter), "{disposal:?} on {own:?} of {all:?}, {treated:?}");
            assert_eq!(D::parse(disposal.code()), Some(disposal));
        }
    }
    for result in R::ALL {
        assert_eq!(R::parse(result.code()), Some(result));
    }
    let statuses: Vec<_> = D::ALL.into_iter().filter_map(D::status).collect();
    assert_eq!(statuses, [700, 599, 501, 503, 502]);
}

// At random.

/// Delivers events in this order, again and again until nothing is refused any more or nothing moves:
/// what is refused for its order comes again, as senders do.
fn deliver(mut now: JointOrder, events: &[OrderEvent]) -> (JointOrder, Vec<OrderFact>) {
    let mut waiting = events.to_vec();
    let mut all = Vec::new();
    loop {
        let before = waiting.len();
        waiting.retain(|event| match next(&now, event) {
            Ok((then, facts)) => {
                now = then;
                all.extend(facts);
                false
            }
            Err(_) => true,
        });
        if waiting.is_empty() || waiting.len() == before {
            return (now, all);
        }
    }
}

const IDS: [(Agency, &str); 4] =
    [(Customs, "a"), (Customs, "b"), (Quarantine, "a"), (Quarantine, "c")];

fn all_demands() -> Vec<OrderEvent> {
    IDS.into_iter().map(|(agency, id)| demand(agency, &[id])).collect()
}

/// Every instruction has a pending, a final and a corrected finding, as three reports, and one of the
/// instructions two lines.
fn all_reports(results: &[FoundResult]) -> Vec<OrderEvent> {
    let keys = IDS.into_iter().chain([(Customs, "a")]).zip([0, 0, 0, 0, 5]);
    let mut reports = Vec::new();
    for (((agency, id), gnum), result) in keys.zip(results) {
        let first = finding(agency, id, gnum, *result);
        let pending = ExaminationFinding { result: FoundResult::LabPending, ..first.clone() };
        let corrected =
            ExaminationFinding { revision: 2, result: FoundResult::DocMismatch, ..first.clone() };
        reports.extend([pending, first, corrected].map(|f| reported(&[f])));
    }
    reports
}

fn results() -> impl Strategy<Value = Vec<FoundResult>> {
    let result = prop::sample::select(FoundResult::ALL[..8].to_vec());
    prop::collection::vec(result, 5)
}

/// Any order, and some of it twice.
fn shuffled(events: Vec<OrderEvent>) -> impl Strategy<Value = Vec<OrderEvent>> {
    let extra = prop::collection::vec(prop::sample::select(events.clone()), 0..6);
    extra.prop_flat_map(move |extra| {
        let all = [events.clone(), extra].concat();
        Just(all).prop_shuffle()
    })
}

fn random_events() -> impl Strategy<Value = Vec<OrderEvent>> {
    let agency = || prop_oneof![Just(Customs), Just(Quarantine)];
    let version = || prop_oneof![8 => Just(V), 1 => Just(V - 1), 1 => Just(V + 1)];
    let examination = || prop_oneof![6 => Just(1_u32), 3 => Just(2)];
    let id = || prop::sample::select(vec!["count", "lab"]);
    let officer = || prop::sample::select(vec!["A1", "B1", "C1"]).prop_map(str::to_owned);
    let demands = (agency(), version(), id()).prop_map(|(agency, version, id)| {
        OrderEvent::Demand { agency, version, instructions: vec![instruction(agency, id, &[])] }
    });
    let hours = || (0_i64..30).prop_map(|hours| NINE + Duration::hours(hours - 5));
    let by = || prop_oneof![Just(AppointmentMaker::Enterprise), Just(AppointmentMaker::Site)];
    let reports = (agency(), id(), 0..2_u32, prop::sample::select(FoundResult::ALL.to_vec()))
        .prop_flat_map(move |(agency, id, gnum, result)| {
            (1..3_u32, any::<bool>(), prop::sample::select(vec!["A1", "B1", "C1"])).prop_map(
                move |(revision, lab, officer)| {
                    let f = finding(agency, id, gnum, result);
                    let f = ExaminationFinding { revision, officer: officer.into(), ..f };
                    SiteAct::Report { findings: vec![if lab { analysed(f, "S1") } else { f }] }
                },
            )
        });
    let acts = prop_oneof![
        3 => (0..4_u32, hours(), by()).prop_map(|(seen, start, by)| {
            SiteAct::Appoint { seen, appointment: at(start), by }
        }),
        1 => (0..4_u32, hours(), by(), hours()).prop_map(|(seen, start, by, now)| {
            SiteAct::Reschedule { seen, appointment: at(start), by, at: now }
        }),
        1 => (0..4_u32, hours()).prop_map(|(seen, at)| SiteAct::NoShow { seen, at }),
        3 => officer().prop_map(|officer| SiteAct::Assign { officers: [officer].into() }),
        1 => (officer(), officer()).prop_map(|(officer, by)| SiteAct::Replace { officer, by }),
        3 => Just(SiteAct::Present { attendance: Attendance::Declarant }),
        3 => officer().prop_map(|officer| SiteAct::Examine { method: Method::Manual, officer }),
        2 => (agency(), id(), officer()).prop_map(|(agency, id, officer)| SiteAct::Take {
            sample: Sample { officer, ..sample(agency, id) },
        }),
        2 => Just(SiteAct::Send { sample: "S1".into(), laboratory: "L".into() }),
        8 => reports,
    ];
    let sites = (version(), examination(), acts)
        .prop_map(|(version, examination, act)| OrderEvent::Site { version, examination, act });
    let disposals =
        (agency(), examination(), prop::sample::select(Disposal::ALL.to_vec())).prop_map(
            |(agency, examination, disposal)| OrderEvent::Dispose { agency, examination, disposal },
        );
    let treatments = (examination(), any::<bool>()).prop_map(|(examination, passed)| {
        let treatment = Treatment { certificate: "T".into(), digest: [0; 32], passed };
        OrderEvent::Treated { examination, treatment }
    });
    let one = prop_oneof![
        4 => demands,
        30 => sites,
        6 => disposals,
        2 => treatments,
        1 => examination().prop_map(|examination| OrderEvent::Object { examination }),
        1 => version().prop_map(|version| OrderEvent::Reopened { version }),
        2 => examination().prop_map(|examination| OrderEvent::Close { examination }),
        1 => version().prop_map(|version| OrderEvent::Cancel { version }),
    ];
    prop::collection::vec(one, 0..200)
}

fn is(fact: &OrderFact, what: &OrderFact) -> bool {
    std::mem::discriminant(fact) == std::mem::discriminant(what)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_demands_gives_one_order_with_all_instructions(
        demands in shuffled(all_demands())
    ) {
        let (order, facts) = deliver(JointOrder::none(), &demands);
        prop_assert_eq!(order.stage, Stage::Ordered);
        prop_assert_eq!(order.instructions.len(), IDS.len());
        prop_assert!(order.is_joint());
        let opened = facts.iter().filter(|fact| is(fact, &OrderFact::Ordered(Customs))).count();
        let joined = facts.iter().filter(|fact| is(fact, &OrderFact::Joined(Customs))).count();
        prop_assert_eq!((opened, joined, facts.len()), (1, 1, IDS.len()));
    }

    #[test]
    fn the_order_of_demands_and_findings_does_not_matter(
        (demands, reports, results) in results().prop_flat_map(|results| {
            (shuffled(all_demands()), shuffled(all_reports(&results)), Just(results))
        })
    ) {
        let work = to_work().split_off(2);
        let outcome = |demands: &[OrderEvent], reports: &[OrderEvent]| {
            let (order, _) = deliver(JointOrder::none(), &[demands, &work].concat());
            deliver(order, reports)
        };
        let (straight, _) = outcome(&all_demands(), &all_reports(&results));
        let (order, facts) = outcome(&demands, &reports);
        prop_assert_eq!(order.stage, Stage::Found);
        prop_assert_eq!(&order, &straight);
        let completed = facts.iter().filter(|fact| **fact == OrderFact::Completed).count();
        prop_assert_eq!(completed, 1);
    }

    #[test]
    fn any_sequence_keeps_the_promises(events in random_events()) {
        let mut now = JointOrder::none();
        let mut open = 0_i32;
        let mut completed = 0_u32;
        let mut examinations = 0_u32;
        for event in events {
            let Ok((then, facts)) = next(&now, &event) else { continue };
            if facts.is_empty() {
                prop_assert_eq!(&then, &now, "no facts, no change: {:?}", event);
                continue;
            }
            // Told again, it changes nothing or is refused.
            if let Ok((again, more)) = next(&then, &event) {
                prop_assert!(more.is_empty(), "{:?} twice: {:?}", event, more);
                prop_assert_eq!(&again, &then);
            }
            for fact in &facts {
                match fact {
                    OrderFact::Ordered(_) => open += 1,
                    OrderFact::Objected => { open += 1; examinations += 1; }
                    OrderFact::Cancelled => open -= 1,
                    OrderFact::Completed => {
                        open -= 1;
                        completed += 1;
                        prop_assert!(then.unanswered().is_empty());
                        prop_assert_eq!(then.work.pending_samples().count(), 0);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(open, i32::from(then.stage.is_open()), "one order: {:?}", then.stage);
            // Only a declaration that was stopped for it has goods looked at again.
            let reopened = matches!(event, OrderEvent::Reopened { .. });
            if now.stage == Stage::Closed && !reopened {
                prop_assert_eq!(then.stage, Stage::Closed);
                prop_assert!(facts.iter().all(|fact| is(fact, &OrderFact::Answered(Customs))));
            }
            if then.stage >= Stage::Found && then.stage <= Stage::Closed {
                prop_assert!(then.unanswered().is_empty(), "what is found stays answered");
            }
            if then.disposal == Some(Disposal::Release) && now.disposal.is_none() {
                let barred = then.results().iter().any(|r| {
                    r.is_adverse() && then.work.treatment.is_none()
                });
                prop_assert!(!barred, "released in spite of {:?}", then.results());
            }
            prop_assert!(then.version >= now.version);
            now = then;
        }
        prop_assert!(examinations <= 4 && completed <= 8);
    }

    #[test]
    fn the_order_of_candidates_does_not_matter(
        candidates in Just(four()).prop_shuffle(), order in any::<u64>()
    ) {
        let draw = quick_draw_of(u128::from(order));
        prop_assert_eq!(officers(&draw, &candidates, &task(), 2), officers(&draw, &four(), &task(), 2));
    }
}

// Appointments.

fn place() -> Place {
    Place {
        id: "QD-1".into(),
        name: "Huangdao site".into(),
        name_zh: "黄岛查验场".into(),
        capacity: 2,
        window_minutes: 60,
        opens: time!(09:00),
        closes: time!(11:30),
        rest_days: vec![Weekday::Saturday, Weekday::Sunday],
        closed: vec![date!(2026 - 11 - 26)],
    }
}

fn window() -> TimeWindow {
    TimeWindow { start: NINE, end: NINE + Duration::hours(1) }
}

#[test]
fn a_place_has_windows_on_working_days() {
    let place = place();
    assert_eq!(place.windows(date!(2026 - 11 - 25)).len(), 2, "09:00 and 10:00; 11:00 ends late");
    assert_eq!(place.windows(date!(2026 - 11 - 25))[0], window());
    assert!(place.windows(date!(2026 - 11 - 26)).is_empty(), "a holiday");
    assert!(place.windows(date!(2026 - 11 - 28)).is_empty(), "a Saturday");
}

#[test]
fn a_place_may_work_past_midnight_or_around_the_clock() {
    let day = date!(2026 - 11 - 25);
    let night = Place { opens: time!(20:00), closes: time!(02:00), ..place() };
    let windows = night.windows(day);
    assert_eq!(windows.len(), 6);
    assert_eq!(windows[0].start, datetime!(2026-11-25 20:00 +8));
    assert_eq!(windows[5].end, datetime!(2026-11-26 02:00 +8), "though the 26th is a holiday");
    assert!(night.windows(date!(2026 - 11 - 26)).is_empty());
    let always = Place { opens: time!(08:00), closes: time!(08:00), ..place() };
    let (first, second) = (always.windows(day), always.windows(date!(2026 - 11 - 24)));
    assert_eq!((first.len(), second.len()), (24, 24));
    assert_eq!(second[23].end, first[0].start, "no gap and nothing twice");
}

#[test]
fn booking() {
    let place = place();
    let now = datetime!(2026-11-24 12:00 +8);
    let no =
        |window, taken, by, now| book(&place, window, taken, by, now).expect_err("refused").code;
    assert_eq!((place.free(0), place.free(2), place.free(9)), (2, 0, 0));
    assert_eq!(book(&place, window(), 1, AppointmentMaker::Enterprise, now), Ok(()));
    let full = book(&place, window(), 2, AppointmentMaker::Site, now).expect_err("refused");
    assert_eq!((full.code, data_value(&full, "capacity")), (Code::WindowFull, Some("2")));
    let half =
        TimeWindow { start: NINE + Duration::minutes(30), end: NINE + Duration::minutes(90) };
    assert_eq!(no(half, 0, AppointmentMaker::Site, now), Code::NoSuchWindow);
    let long = TimeWindow { end: NINE + Duration::hours(2), ..window() };
    assert_eq!(no(long, 0, AppointmentMaker::Site, now), Code::NoSuchWindow);
    let last = datetime!(9999-12-31 23:00 UTC);
    let never = TimeWindow { start: last, end: last };
    assert_eq!(
        no(never, 0, AppointmentMaker::Site, now),
        Code::NoSuchWindow,
        "there is no later day"
    );
}

#[test]
fn the_notice_binds_the_enterprise_and_not_the_site() {
    let at = |by, now| match book(&place(), window(), 0, by, now) {
        Ok(()) => "ok",
        Err(refusal) if refusal.code != Code::WrongTime => "another",
        Err(refusal) if data_value(&refusal, "possible_until").is_some() => "late",
        Err(refusal) if data_value(&refusal, "possible_from").is_some() => "early",
        Err(_) => "says nothing",
    };
    let second = Duration::SECOND;
    assert_eq!(at(AppointmentMaker::Enterprise, NINE - appointment::BOOK_AHEAD_MIN), "ok");
    assert_eq!(
        at(AppointmentMaker::Enterprise, NINE - appointment::BOOK_AHEAD_MIN + second),
        "late"
    );
    assert_eq!(at(AppointmentMaker::Site, NINE + Duration::hours(1) - second), "ok");
    assert_eq!(at(AppointmentMaker::Site, NINE + Duration::hours(1)), "late");
    for by in [AppointmentMaker::Enterprise, AppointmentMaker::Site] {
        assert_eq!(at(by, NINE - appointment::BOOK_AHEAD_MAX), "ok");
        assert_eq!(at(by, NINE - appointment::BOOK_AHEAD_MAX - second), "early");
    }
}

#[test]
fn the_next_free_window() {
    let place = place();
    let next = |taken: &[(TimeWindow, u32)], by, now| {
        let taken: BTreeMap<_, _> = taken.iter().copied().collect();
        place.next_free(|window| taken.get(&window).copied().unwrap_or_default(), by, now)
    };
    let now = datetime!(2026-11-24 12:00 +8);
    let ten = TimeWindow { start: NINE + Duration::hours(1), end: NINE + Duration::hours(2) };
    assert_eq!(next(&[(window(), 1)], AppointmentMaker::Enterprise, now), Some(window()));
    assert_eq!(next(&[(window(), 2)], AppointmentMaker::Enterprise, now), Some(ten));
    assert_eq!(
        next(&[], AppointmentMaker::Site, NINE + Duration::minutes(59)),
        Some(window()),
        "still running"
    );
    let friday = datetime!(2026-11-27 9:00 +8);
    let after =
        next(&[], AppointmentMaker::Enterprise, NINE + Duration::minutes(59)).expect("later");
    assert_eq!(after.start, friday, "ten is too near, and the 26th is a holiday");
    assert_eq!(place.next_free(|_| 2, AppointmentMaker::Site, now), None, "everything is taken");
}

#[test]
fn only_windows_that_can_be_booked_are_offered() {
    // 09:00 and 10:00 on Tuesday to Friday; the 26th is a holiday, and then comes the weekend.
    let place = place();
    let now = datetime!(2026-11-25 08:00 +8);
    let full =
        TimeWindow { start: datetime!(2026-11-27 09:00 +8), end: datetime!(2026-11-27 10:00 +8) };
    let taken = |window: TimeWindow| if window == full { 2 } else { 1 };
    for by in [AppointmentMaker::Enterprise, AppointmentMaker::Site] {
        for days in 1..=20 {
            let offered = place.bookable((date!(2026 - 11 - 25), days), taken, by, now);
            for (window, free) in &offered {
                assert_eq!(book(&place, *window, taken(*window), by, now), Ok(()), "{window}");
                assert_eq!(*free, 1);
            }
            let all = (0..i64::from(days))
                .flat_map(|n| {
                    place.windows(date!(2026 - 11 - 25).saturating_add(Duration::days(n)))
                })
                .filter(|window| book(&place, *window, taken(*window), by, now).is_ok());
            let offered: Vec<_> = offered.into_iter().map(|(window, _)| window).collect();
            assert_eq!(offered, all.collect::<Vec<_>>(), "nothing that can be booked is missing");
        }
    }
    let starts = |by, day| -> Vec<u8> {
        let offered = place.bookable((day, 1), taken, by, now);
        offered.into_iter().map(|(window, _)| window.start.to_offset(CHINA).hour()).collect()
    };
    assert_eq!(
        starts(AppointmentMaker::Enterprise, date!(2026 - 11 - 25)),
        [10],
        "nine is too near"
    );
    assert_eq!(starts(AppointmentMaker::Site, date!(2026 - 11 - 25)), [9, 10]);
    assert!(starts(AppointmentMaker::Site, date!(2026 - 11 - 26)).is_empty(), "closed");
    assert_eq!(starts(AppointmentMaker::Site, date!(2026 - 11 - 27)), [10], "nine is full");
    let night = Place { opens: time!(20:00), closes: time!(06:00), ..place };
    let three = datetime!(2026-11-26 03:00 +8);
    let offered = night.bookable(
        (date!(2026 - 11 - 26), 1),
        |_| 0,
        AppointmentMaker::Enterprise,
        three - Duration::hours(2),
    );
    assert_eq!(
        offered.first().map(|(window, _)| window.start),
        Some(three),
        "of the evening before"
    );
}

#[test]
fn a_window_of_last_night_can_still_be_free() {
    let night = Place { opens: time!(20:00), closes: time!(06:00), ..place() };
    let now = datetime!(2026-11-26 00:30 +8);
    let window = |start| TimeWindow { start, end: start + Duration::hours(1) };
    let running = window(datetime!(2026-11-26 00:00 +8));
    assert_eq!(night.next_free(|_| 0, AppointmentMaker::Site, now), Some(running), "of the 25th");
    let three = window(datetime!(2026-11-26 03:00 +8));
    assert_eq!(night.next_free(|_| 0, AppointmentMaker::Enterprise, now), Some(three));
    assert_eq!(book(&night, running, 0, AppointmentMaker::Site, now), Ok(()));
    assert_eq!(book(&night, three, 0, AppointmentMaker::Enterprise, now), Ok(()));
    let holiday = window(datetime!(2026-11-27 00:00 +8));
    let refusal = book(&night, holiday, 0, AppointmentMaker::Site, now).expect_err("of the 26th");
    assert_eq!(refusal.code, Code::NoSuchWindow);
}

#[test]
fn rescheduling() {
    use appointment::may_reschedule;
    let no = |by, times, no_shows, hours| {
        let now = NINE - Duration::hours(hours);
        match may_reschedule(by, times, no_shows, window(), now) {
            Ok(()) => None,
            Err(refusal) => Some(refusal.code),
        }
    };
    assert_eq!(no(AppointmentMaker::Enterprise, 0, 0, 4), None);
    assert_eq!(no(AppointmentMaker::Enterprise, 0, 0, 3), Some(Code::WrongTime));
    assert_eq!(no(AppointmentMaker::Enterprise, 2, 0, 24), Some(Code::ChoiceUsedUp));
    assert_eq!(no(AppointmentMaker::Enterprise, 0, 3, 24), Some(Code::ChoiceUsedUp));
    assert_eq!(no(AppointmentMaker::Site, 9, 9, 0), None);
}

// Credit.

fn found(source: &str, result: FoundResult, date: Date) -> credit::CreditEvent {
    credit::CreditEvent::Found { source: source.into(), result, date }
}

fn credit_after(events: &[credit::CreditEvent]) -> Credit {
    events.iter().fold(Credit::new(date!(2026 - 01 - 01)), |credit, event| {
        credit.apply(event).expect("taken").0
    })
}

#[test]
fn findings_move_points_class_and_blacklist() {
    let day = date!(2026 - 03 - 01);
    let credit = Credit::new(date!(2026 - 01 - 01));
    let (credit, changes) =
        credit.apply(&found("o1", FoundResult::Prohibited, day)).expect("entered");
    assert_eq!((credit.points, credit.class, credit.blacklisted), (25, Class::Untrusted, true));
    let what: Vec<_> = changes.iter().map(|change| change.what.clone()).collect();
    let expected = [
        CreditNews::Entry("o1".into()),
        CreditNews::Points { from: 70, to: 25 },
        CreditNews::Class { from: Class::General, to: Class::Untrusted },
        CreditNews::Blacklisted(true),
    ];
    assert_eq!(what, expected);
    assert!(changes.iter().all(|c| !c.because.en.is_empty() && !c.because.zh.is_empty()));
    assert_eq!(credit.apply(&found("o1", FoundResult::Prohibited, day)).expect("known").1, []);
    assert_eq!(credit.apply(&found("o2", FoundResult::LabPending, day)).expect("no").1, []);
    // Two years later it is over, and the next day everything is as before.
    let last = credit.apply(&credit::CreditEvent::Day(date!(2028 - 02 - 29))).expect("a day");
    assert_eq!(last.1, []);
    let (credit, changes) =
        credit.apply(&credit::CreditEvent::Day(date!(2028 - 03 - 01))).expect("over");
    assert_eq!(changes[0].what, CreditNews::Expired("o1".into()));
    assert_eq!((credit.points, credit.class, credit.blacklisted), (70, Class::General, false));
    let late = credit.apply(&found("o0", FoundResult::Prohibited, day)).expect("too old");
    assert_eq!(late.1, []);
}

#[test]
fn what_is_wrong_in_one_box_is_one_offence() {
    use FoundResult::{Conform, QtyMismatch, QualityFail};
    let both = |gnum, result| {
        [finding(Customs, "count", gnum, result), finding(Quarantine, "look", gnum, result)]
    };
    let offences = |findings: &[ExaminationFinding]| -> Vec<(u32, FoundResult, usize)> {
        let offences = credit::offences(findings).into_iter();
        offences.map(|((gnum, result), said)| (gnum, result, said.len())).collect()
    };
    assert_eq!(offences(&both(0, Conform)), []);
    assert_eq!(offences(&both(0, QtyMismatch)), [(0, QtyMismatch, 2)], "one box, both agencies");
    let two = [both(1, QtyMismatch), both(2, QtyMismatch)].concat();
    assert_eq!(offences(&two), [(1, QtyMismatch, 2), (2, QtyMismatch, 2)], "two lines");
    let kinds =
        [finding(Customs, "count", 1, QtyMismatch), finding(Customs, "seal", 1, QualityFail)];
    assert_eq!(offences(&kinds).len(), 2, "two things wrong in one line");
    let sampled = [analysed(kinds[1].clone(), "S-1"), analysed(kinds[1].clone(), "S-2")];
    assert_eq!(offences(&sampled), [(1, QualityFail, 2)], "two samples of one line");
    let line =
        [finding(Customs, "count", 0, QtyMismatch), finding(Quarantine, "look", 1, QtyMismatch)];
    assert_eq!(offences(&line), [(1, QtyMismatch, 1)], "the line is in the consignment");
}

#[test]
fn grave_entries_add_up_and_certificates_need_points() {
    let day = date!(2026 - 03 - 01);
    let conform = |n: u32| (0..n).map(move |_| found("c", FoundResult::Conform, day));
    let certified = credit::CreditEvent::Certified { granted: true, date: day };
    let mut events: Vec<_> = conform(9).collect();
    events.push(certified);
    assert_eq!(credit_after(&events).class, Class::General, "79 points");
    events.extend(conform(1));
    assert_eq!(credit_after(&events).class, Class::Advanced, "80 points");
    events.extend(conform(50));
    assert_eq!(credit_after(&events).points, 100);
    events.push(found("q1", FoundResult::QuarantineFail, day));
    events.push(found("q2", FoundResult::QualityFail, day));
    assert!(!credit_after(&events).blacklisted);
    events.push(found("q3", FoundResult::QualityFail, day));
    assert!(credit_after(&events).blacklisted);
    events.push(found("q3", FoundResult::Conform, day));
    let corrected = credit_after(&events);
    assert!(!corrected.blacklisted);
    assert_eq!(corrected.entries["q3"].status, Status::Overturned);
    events.push(credit::CreditEvent::NoShow { source: "n".into(), date: day });
    assert_eq!(credit_after(&events).points, 100 - 25 - 2);
}

#[test]
fn appeals() {
    let day = date!(2026 - 03 - 01);
    let credit = credit_after(&[found("o1", FoundResult::IpInfringement, day)]);
    let appeal = |date| credit::CreditEvent::Appeal { source: "o1".into(), date };
    let decided = |overturned| credit::CreditEvent::AppealDecided {
        source: "o1".into(),
        overturned,
        date: date!(2026 - 05 - 01),
    };
    let no = |credit: &Credit, event| {
        let refusal = credit.apply(&event).expect_err("refused");
        assert!(data_value(&refusal, "source").is_some());
        refusal.code
    };
    let unknown = credit::CreditEvent::Appeal { source: "o2".into(), date: day };
    assert_eq!(no(&credit, unknown), Code::CreditEntryUnknown);
    assert_eq!(no(&credit, appeal(date!(2026 - 05 - 01))), Code::WrongTime);
    assert_eq!(no(&credit, decided(true)), Code::AppealUsed);
    let appealed = credit.apply(&appeal(date!(2026 - 04 - 30))).expect("in time").0;
    assert!(appealed.blacklisted, "an appeal does not suspend");
    assert_eq!(appealed.apply(&appeal(day)).expect("told again").1, []);
    let upheld = appealed.apply(&decided(false)).expect("decided").0;
    assert!(upheld.blacklisted);
    assert_eq!(no(&upheld, appeal(date!(2026 - 04 - 30))), Code::AppealUsed);
    let (free, changes) = appealed.apply(&decided(true)).expect("decided");
    assert_eq!((free.points, free.blacklisted), (70, false));
    assert!(changes.iter().any(|change| change.what == CreditNews::Blacklisted(false)));
    assert_eq!(free.apply(&decided(true)).expect("told again").1, []);
}

fn credit_events() -> impl Strategy<Value = Vec<credit::CreditEvent>> {
    let source = || (0..12_u32).prop_map(|n| n.to_string());
    let day = || (0..1_500_i64).prop_map(|n| date!(2026 - 01 - 01) + Duration::days(n));
    let one = prop_oneof![
        6 => (source(), prop::sample::select(FoundResult::ALL.to_vec()), day())
            .prop_map(|(source, result, date)| credit::CreditEvent::Found { source, result, date }),
        1 => (source(), day()).prop_map(|(source, date)| credit::CreditEvent::NoShow { source, date }),
        1 => (any::<bool>(), day())
            .prop_map(|(granted, date)| credit::CreditEvent::Certified { granted, date }),
        2 => (source(), day()).prop_map(|(source, date)| credit::CreditEvent::Appeal { source, date }),
        2 => (source(), any::<bool>(), day()).prop_map(|(source, overturned, date)| {
            credit::CreditEvent::AppealDecided { source, overturned, date }
        }),
        1 => day().prop_map(credit::CreditEvent::Day),
    ];
    prop::collection::vec(one, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn credit_stays_in_its_bounds_and_explains_every_change(events in credit_events()) {
        let mut now = Credit::new(date!(2026 - 01 - 01));
        for event in events {
            let Ok((then, changes)) = now.apply(&event) else { continue };
            prop_assert!((0..=credit::POINTS_MAX).contains(&then.points));
            prop_assert_eq!(then.class == Class::Untrusted, then.points < credit::UNTRUSTED_BELOW);
            prop_assert!(then.class != Class::Advanced || then.certified);
            let tells = |what: &CreditNews| changes.iter().any(|change| change.what == *what);
            if then.points != now.points {
                let change = CreditNews::Points { from: now.points, to: then.points };
                prop_assert!(tells(&change));
            }
            if then.class != now.class {
                let change = CreditNews::Class { from: now.class, to: then.class };
                prop_assert!(tells(&change));
            }
            if then.blacklisted != now.blacklisted {
                prop_assert!(tells(&CreditNews::Blacklisted(then.blacklisted)));
            }
            if changes.is_empty() {
                prop_assert_eq!(&then.entries, &now.entries);
            }
            now = then;
        }
    }

    #[test]
    fn the_order_of_findings_does_not_matter_for_credit(
        (events, other) in prop::collection::vec(
            (prop::sample::select(FoundResult::ALL.to_vec()), 0..900_i64), 0..30
        ).prop_flat_map(|found_on| {
            let events: Vec<_> = found_on.into_iter().enumerate().map(|(n, (result, day))| {
                found(&n.to_string(), result, date!(2026 - 01 - 01) + Duration::days(day))
            }).collect();
            (Just(events.clone()), Just(events).prop_shuffle())
        })
    ) {
        prop_assert_eq!(credit_after(&events), credit_after(&other));
    }
}

// Statistics.

#[test]
fn the_table_of_times() {
    let filed = datetime!(2026-11-24 08:00 +8);
    let case = |seconds: i64, inspected, joint, port: &str| ClearedCase {
        port: port.into(),
        mode: "9610".into(),
        class: Class::General,
        filed,
        released: Some(filed + Duration::seconds(seconds)),
        documents_ms: 0,
        inspected,
        joint,
    };
    let mut cases: Vec<ClearedCase> =
        (1..=100).rev().map(|n| case(n, false, false, "4218")).collect();
    cases.push(case(3_600, true, true, "4218"));
    cases.push(case(7_200, true, false, "4258"));
    cases.push(ClearedCase { released: None, ..case(0, true, false, "4258") });
    let rows = table(&cases);
    let groups: Vec<_> = rows.iter().map(|row| row.group.clone()).collect();
    let expected = [
        StatisticsGroup::All,
        StatisticsGroup::Port("4218".into()),
        StatisticsGroup::Port("4258".into()),
        StatisticsGroup::Mode("9610".into()),
        StatisticsGroup::Class(Class::General),
    ];
    assert_eq!(groups, expected);
    let all = &rows[0];
    assert_eq!((all.cases, all.released, all.inspected, all.joint), (103, 102, 3, 1));
    assert_eq!((all.inspected_bp, all.joint_bp), (291, 3_333));
    let times = all.without_inspection;
    assert_eq!((times.count, times.mean_ms), (100, 50_500));
    assert_eq!((times.p50_ms, times.p90_ms, times.p99_ms), (50_000, 90_000, 99_000));
    assert_eq!(times.max_ms, 100_000);
    let times = all.with_inspection;
    assert_eq!((times.count, times.mean_ms, times.p50_ms), (2, 5_400_000, 3_600_000));
    assert_eq!((times.p90_ms, times.p99_ms), (7_200_000, 7_200_000));
    assert_eq!((rows[2].cases, rows[2].inspected_bp), (2, 10_000));
    // The clock stands while documents are awaited, and a wait that ends in no release is nobody's.
    let mut waited = case(7_200, false, false, "4218");
    waited.documents_ms = 7_000_000;
    let rejected = ClearedCase { released: None, ..waited.clone() };
    let stands = &table(&[waited, rejected, case(100, false, false, "4218")])[0];
    let (took, awaited) = (stands.without_inspection, stands.waiting_for_documents);
    assert_eq!((took.count, took.p50_ms, took.max_ms), (2, 100_000, 200_000));
    assert_eq!((awaited.count, awaited.p50_ms), (1, 7_000_000));
    assert_eq!(all.waiting_for_documents.count, 0);
    let none = table(&[]);
    assert_eq!((none.len(), none[0].cases, none[0].inspected_bp), (1, 0, 0));
}
