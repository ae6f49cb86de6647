//! `inspect dry-run`: which past declarations a rule set would have selected, and why.
//!
//! The draws are those of `domain::inspection::draw`: whoever has the seed, the name of the
//! declaration and the id of the rule gets the same number. Nothing is ordered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use domain::clearance::Agency;
use domain::declaration::Declaration;
use domain::inspection::credit::Class;
use domain::inspection::draw::{Draw, DrawnNumber, Seed};
use domain::inspection::risk::{
    Assessment, Context, Match, NotInForce, RiskSubject, RuleEffect, RuleSet, assess,
};
use domain::inspection::{Explanation, RuleSource, agency_word};
use proto::rule_file;
use proto::v1;
use serde_json::json;
use time::Date;
use time::macros::format_description;
use tonic::{Code as Grpc, Status};
use uuid::Uuid;

use super::super::options::Options;
use super::super::words::{self, pick};
use super::super::{Exit, Language, Output, Session, print_json, print_line, print_refusal};
use super::{agency, either, hex, in_language, parse_hex, past, rules, sha256};

/// Assess past declarations with rule sets: who would have been looked at, and why.
#[derive(Debug, clap::Args)]
pub(super) struct DryRunArgs {
    /// A rule set (JSON), at most one of each agency; `inspect rules print` prints one to start from
    /// [default: the samples of both agencies].
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// Seed of the draws, 64 hexadecimal digits [default: all zeros].
    #[arg(long, value_name = "HEX64", value_parser = parse_hex)]
    seed: Option<[u8; 32]>,
    /// The day whose rules count [default: the day on which each was filed, in China].
    #[arg(long, value_name = "YYYYMMDD", value_parser = parse_date)]
    date: Option<Date>,
    /// Credit class of every declarant: advanced, general or untrusted [default: what the inspection
    /// service says of each today, general where it does not].
    #[arg(long, value_parser = parse_class)]
    class: Option<Class>,
    /// Read so many, from the newest on.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    /// Tell all that is needed to recompute each draw, also of those that did not select, and which
    /// rules were not in force.
    #[arg(long)]
    explain: bool,
}

fn parse_date(text: &str) -> Result<Date, String> {
    let day = Date::parse(text, format_description!("[year][month][day]"));
    day.map_err(|_| "a day is YYYYMMDD, as 20261124".to_owned())
}

fn parse_class(text: &str) -> Result<Class, String> {
    Class::parse(text).ok_or_else(|| "a class is advanced, general or untrusted".to_owned())
}

/// Assesses, and tells what would have been selected.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) async fn run(options: &Options, args: DryRunArgs) -> anyhow::Result<Exit> {
    let mut sets = Vec::new();
    let mut exit = Exit::Done;
    for path in &args.rules {
        match rules::read(path, options.language()) {
            Ok(set) => sets.push(set),
            Err(problem) => exit = exit.max(print_refusal(options.output(), &problem)?),
        }
    }
    if exit != Exit::Done {
        return Ok(exit);
    }
    if sets.is_empty() {
        sets =
            [Agency::Customs, Agency::Quarantine].map(|of| rule_file::sample(of).clone()).to_vec();
    }
    for of in [Agency::Customs, Agency::Quarantine] {
        let twice = sets.iter().filter(|set| set.agency == of).count() > 1;
        let word = agency_word(of);
        anyhow::ensure!(!twice, "two rule sets of {word}: to compare them, run the command twice");
    }
    assess_all(&options.session().await?, &args, &sets).await
}

async fn assess_all(
    session: &Session,
    args: &DryRunArgs,
    sets: &[RuleSet],
) -> anyhow::Result<Exit> {
    let filed = past::declarations(session, args.limit, PastDeclaration::of).await?;
    let credits = match args.class {
        Some(_) => DeclarantCredits::default(),
        None => credits(session, &filed.taken).await?,
    };
    let cases = cases(&filed.taken, args, sets, &credits);
    let classes = match (args.class, credits.is_empty()) {
        (Some(class), _) => Classes::Given(class),
        (None, false) => Classes::Known,
        (None, true) => Classes::General,
    };
    let report = Report { args, sets, cases, classes, is_cut: filed.is_cut };
    match session.output {
        Output::Json => report.json(session.language)?,
        Output::Table => print_line(&report.text(session.language))?,
    }
    Ok(Exit::Done)
}

/// A declaration that was filed, without what the rules do not ask.
struct PastDeclaration {
    name: String,
    id: Uuid,
    order_no: String,
    /// In China.
    day: Date,
    /// Its goods crossed the border, or still may.
    ships: bool,
    content: Declaration,
}

impl PastDeclaration {
    fn of(record: v1::DeclarationRecord) -> anyhow::Result<Self> {
        let filed = record.filed_time.and_then(proto::time).context("it has no time of filing")?;
        let filed =
            filed.checked_to_offset(domain::CHINA).context("its time of filing is absurd")?;
        Ok(Self {
            id: words::id(&record.name).parse().context("its name is no UUID")?,
            order_no: record.order_no.clone(),
            day: filed.date(),
            ships: match record.state() {
                v1::State::UnderReview | v1::State::Inspecting | v1::State::Released => true,
                v1::State::Unspecified
                | v1::State::Rejected
                | v1::State::Withdrawn
                | v1::State::Returned => false,
            },
            name: record.name,
            content: record
                .declaration
                .context("the window's answer holds no content of it")?
                .into(),
        })
    }

    /// Headings of its goods, each once.
    fn headings(&self) -> Vec<String> {
        let heading = |line: &domain::declaration::GoodsLine| {
            line.gcode.get(..4).unwrap_or(&line.gcode).to_owned()
        };
        let mut headings: Vec<_> = self.content.lines.iter().map(heading).collect();
        headings.sort_unstable();
        headings.dedup();
        headings
    }
}

/// Class of each declarant, and whether it is on the blacklist.
pub type DeclarantCredits = BTreeMap<String, (Class, bool)>;

/// Where credit classes are from.
#[derive(Debug, Clone, Copy)]
enum Classes {
    /// The command line.
    Given(Class),
    /// The inspection service.
    Known,
    /// Nobody may ask, or there is nobody to ask.
    General,
}

/// How many declarations a rule is about, and how many of them it selects.
#[derive(Debug, Clone)]
pub struct RuleCount {
    /// Whose rule.
    pub agency: Agency,
    /// Its id.
    pub rule: String,
    /// Its title.
    pub title: Explanation,
    /// Its condition holds for so many.
    pub matched: usize,
    /// And it selects so many of these.
    pub selected: usize,
}

/// What rule sets would have selected, counted.
#[derive(Debug)]
pub struct SelectionCounts {
    /// By customs, by quarantine, by both.
    pub selected: [usize; 3],
    /// Every rule of the sets.
    pub rules: Vec<RuleCount>,
}

/// Counts what rule sets would have selected of declarations, newest first, with the defaults of the command: the seed is
/// all zeros, and the rules of the day of filing count.
///
/// # Errors
///
/// When a declaration was not read whole.
pub fn count(
    newest_first: Vec<v1::DeclarationRecord>,
    sets: &[RuleSet],
    credits: &DeclarantCredits,
) -> anyhow::Result<SelectionCounts> {
    let filed = newest_first.into_iter().map(PastDeclaration::of);
    let filed: Vec<_> = filed.collect::<anyhow::Result<_>>()?;
    let args = DryRunArgs {
        rules: Vec::new(),
        seed: None,
        date: None,
        class: None,
        limit: filed.len(),
        explain: false,
    };
    let cases = cases(&filed, &args, sets, credits);
    let report = Report { args: &args, sets, cases, classes: Classes::Known, is_cut: false };
    let rules = sets.iter().flat_map(|set| set.rules.iter().map(move |rule| (set.agency, rule)));
    let counted = rules.map(|(agency, rule)| {
        let of_it = || {
            let matches = report.matches();
            matches.filter(|(_, it, matched)| it.agency == agency && matched.rule == rule.id)
        };
        RuleCount {
            agency,
            rule: rule.id.clone(),
            title: Explanation::new(&rule.title, &rule.title_zh),
            matched: of_it().count(),
            selected: of_it().filter(|(.., matched)| matched.effect.is_selected()).count(),
        }
    });
    Ok(SelectionCounts { rules: counted.collect(), selected: report.counts() })
}

/// What the inspection service says of each declarant today. Whoever may not ask goes on without.
async fn credits(session: &Session, filed: &[PastDeclaration]) -> Result<DeclarantCredits, Status> {
    let firms: BTreeSet<&str> = filed.iter().map(|it| it.content.declarant.code.as_str()).collect();
    let mut credits = DeclarantCredits::new();
    for firm in firms.into_iter().filter(|firm| !firm.is_empty()) {
        let request = v1::GetCreditRequest { firm: firm.to_owned() };
        match session.ask(request, async |it, ask| it.inspection().get_credit(ask).await).await {
            Ok(answer) => {
                let Some(credit) = answer.credit else {
                    return Err(Status::internal(format!("the answer holds no credit of {firm}")));
                };
                let class = Class::parse(&credit.class).unwrap_or(Class::General);
                credits.insert(firm.to_owned(), (class, credit.blacklisted));
            }
            Err(status) if status.code() == Grpc::NotFound => {}
            Err(status)
                if matches!(status.code(), Grpc::PermissionDenied | Grpc::Unimplemented) =>
            {
                return Ok(credits);
            }
            Err(status) => return Err(status),
        }
    }
    Ok(credits)
}

/// What the sets say about one declaration.
struct Case {
    name: String,
    order_no: String,
    assessments: Vec<Assessment>,
}

impl Case {
    fn is_selected_by(&self, agency: Agency) -> bool {
        self.assessments.iter().any(|it| it.agency == agency && it.is_selected())
    }
}

/// Assesses from the oldest to the newest, so that earlier shipments are known; newest first again.
fn cases(
    filed: &[PastDeclaration],
    args: &DryRunArgs,
    sets: &[RuleSet],
    credits: &DeclarantCredits,
) -> Vec<Case> {
    let mut shipped: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    let mut cases = Vec::with_capacity(filed.len());
    for it in filed.iter().rev() {
        let declarant = &it.content.declarant.code;
        let earlier = shipped.entry(declarant.clone()).or_default();
        let known = credits.get(declarant).copied();
        let (class, blacklisted) = known.unwrap_or((Class::General, false));
        let date = args.date.unwrap_or(it.day);
        let context = Context {
            date,
            class: args.class.unwrap_or(class),
            blacklist: if blacklisted { vec![declarant.clone()] } else { Vec::new() },
            earlier_shipments: earlier.clone(),
            value_cny_e5: None,
        };
        let subject = RiskSubject::of(&it.content, &context);
        let draw = draw(args.seed, date, it.id);
        cases.push(Case {
            name: it.name.clone(),
            order_no: it.order_no.clone(),
            assessments: sets.iter().map(|set| assess(set, &subject, &draw)).collect(),
        });
        for heading in it.headings().into_iter().filter(|_| it.ships) {
            *earlier.entry(heading).or_default() += 1;
        }
    }
    cases.reverse();
    cases
}

fn draw(seed: Option<[u8; 32]>, day: Date, subject: Uuid) -> Draw {
    Draw { seed: Seed { day, bytes: seed.unwrap_or_default() }, subject, sha256 } // zeros, as the help says
}

/// The bytes that were digested for a draw, and their digest.
fn recompute(drawn: &DrawnNumber) -> (String, String) {
    let draw = Draw { seed: drawn.seed, subject: drawn.subject, sha256 };
    let preimage = draw.preimage(drawn.purpose, &drawn.key, drawn.counter);
    (hex(&preimage), hex(&sha256(&preimage)))
}

/// Where a rule comes from, in words.
fn source(language: Language, source: &RuleSource) -> String {
    match source {
        RuleSource::Ours => pick(language, "ours", "本系统自定").to_owned(),
        RuleSource::Law { number, unverified: true } => {
            format!("{number}{}", pick(language, ", unverified", "，未核实"))
        }
        RuleSource::Law { number, unverified: false } => number.clone(),
    }
}

/// What is told.
struct Report<'a> {
    args: &'a DryRunArgs,
    sets: &'a [RuleSet],
    cases: Vec<Case>,
    classes: Classes,
    /// Older ones were not read.
    is_cut: bool,
}

impl Report<'_> {
    fn count(&self, is: impl Fn(&Case) -> bool) -> usize {
        self.cases.iter().filter(|case| is(case)).count()
    }

    /// By customs, by quarantine, by both.
    fn counts(&self) -> [usize; 3] {
        let by = |case: &Case, agency| case.is_selected_by(agency);
        [
            self.count(|case| by(case, Agency::Customs)),
            self.count(|case| by(case, Agency::Quarantine)),
            self.count(|case| by(case, Agency::Customs) && by(case, Agency::Quarantine)),
        ]
    }

    /// What matched, with whose rules they are.
    fn matches(&self) -> impl Iterator<Item = (&Case, &Assessment, &Match)> {
        self.cases.iter().flat_map(|case| {
            case.assessments.iter().flat_map(move |assessment| {
                assessment.matched.iter().map(move |matched| (case, assessment, matched))
            })
        })
    }

    /// Rules that their dates left out, once for each agency however many declarations they missed.
    fn not_in_force(&self) -> BTreeMap<(&'static str, &str), (&NotInForce, usize)> {
        let mut left_out = BTreeMap::new();
        for assessment in self.cases.iter().flat_map(|case| &case.assessments) {
            for rule in &assessment.not_in_force {
                let key = (agency_word(assessment.agency), rule.rule.as_str());
                left_out.entry(key).or_insert((rule, 0)).1 += 1;
            }
        }
        left_out
    }

    fn json(&self, language: Language) -> std::io::Result<()> {
        for (case, assessment, matched) in self.matches() {
            if self.args.explain || matched.effect.is_selected() {
                let effect = self.effect_json(case, assessment, matched, language);
                print_json(&json!({ "effect": effect }))?;
            }
        }
        for ((agency, rule), (dates, count)) in
            self.not_in_force().into_iter().filter(|_| self.args.explain)
        {
            print_json(&json!({ "not_in_force": {
                "agency": agency,
                "rule": rule,
                "valid_from": dates.valid_from.to_string(),
                "valid_to": dates.valid_to.map(|day| day.to_string()),
                "declarations": count,
            }}))?;
        }
        let [customs, quarantine, both] = self.counts();
        let set = |set: &RuleSet| {
            let (agency, version) = (agency_word(set.agency), set.version);
            json!({ "agency": agency, "version": version, "sample": set.sample })
        };
        print_json(&json!({ "summary": {
            "declarations": self.cases.len(),
            "older_not_read": self.is_cut,
            "customs": customs,
            "quarantine": quarantine,
            "both": both,
            "orders": customs + quarantine - both,
            "rule_sets": self.sets.iter().map(set).collect::<Vec<_>>(),
            "seed": hex(&self.args.seed.unwrap_or_default()), // as it was drawn with
            "seed_given": self.args.seed.is_some(),
            "date": self.args.date.map(|day| day.to_string()),
            "class": self.args.class.map(Class::word),
            "class_from": match self.classes {
                Classes::Given(_) => "flag",
                Classes::Known => "service",
                Classes::General => "default",
            },
        }}))
    }

    fn effect_json(
        &self,
        case: &Case,
        assessment: &Assessment,
        matched: &Match,
        language: Language,
    ) -> serde_json::Value {
        let because: Vec<_> =
            matched.because.iter().map(|why| in_language(language, why)).collect();
        let draw = match &matched.effect {
            RuleEffect::Demanded => None,
            RuleEffect::Drawn { drawn, class, threshold_bp, selected: _ } => {
                let explained = self.args.explain.then(|| recompute(drawn));
                let (preimage, digest) = explained.unzip();
                Some(json!({
                    "number": drawn.number,
                    "below": drawn.below,
                    "threshold_bp": threshold_bp,
                    "class": class.word(),
                    "key": drawn.key,
                    "counter": drawn.counter,
                    "preimage": preimage,
                    "sha256": digest,
                }))
            }
        };
        json!({
            "declaration": case.name,
            "order_no": case.order_no,
            "agency": agency_word(assessment.agency),
            "version": assessment.version,
            "sample": assessment.sample,
            "date": assessment.date.to_string(),
            "rule": matched.rule,
            "title": in_language(language, &matched.title),
            "source": source(language, &matched.source),
            "lines": matched.lines,
            "because": because,
            "draw": draw,
            "selected": matched.effect.is_selected(),
        })
    }

    fn text(&self, language: Language) -> String {
        let mut text = self.premises(language);
        let english = ["declaration", "order no.", "agency", "rule", "why", "draw"];
        let chinese = ["清单", "订单编号", "机关", "规则", "原因", "随机数/阈值"];
        let mut table = words::table(&either(language, english, chinese), Some(4));
        for (case, assessment, matched) in self.matches() {
            if matched.effect.is_selected() {
                let because: Vec<_> =
                    matched.because.iter().map(|why| in_language(language, why)).collect();
                table.add_row([
                    words::id(&case.name),
                    &case.order_no,
                    agency(language, assessment.agency),
                    &format!("{} {}", matched.rule, in_language(language, &matched.title)),
                    &because.join(pick(language, "; ", "；")),
                    &drawn(&matched.effect),
                ]);
            }
        }
        if !table.is_empty() {
            let _infallible = write!(text, "\n{table}");
        }
        if self.args.explain {
            self.explain(&mut text, language);
        }
        let all = self.cases.len();
        let [customs, quarantine, both] = self.counts();
        let closing = match language {
            Language::English => format!(
                "\n{all} declarations, {customs} selected by customs, {quarantine} by quarantine, \
                 {both} by both (one joint order each)"
            ),
            Language::Chinese => format!(
                "\n清单{all}份，海关布控{customs}份，国检布控{quarantine}份，\
                 其中双方布控{both}份（各一张联合查验单）"
            ),
        };
        text.push_str(&closing);
        if self.is_cut {
            text.push_str(pick(
                language,
                "\nolder ones were not read (--limit)",
                "\n更早的清单未读取（--limit）",
            ));
        }
        text
    }

    /// What the table rests on.
    fn premises(&self, language: Language) -> String {
        let set = |set: &RuleSet| {
            let (of, version) = (agency(language, set.agency), set.version);
            match (language, set.sample) {
                (Language::English, false) => format!("{of} version {version}"),
                (Language::English, true) => {
                    format!("{of} version {version} (sample, the rules of no authority)")
                }
                (Language::Chinese, false) => format!("{of}第{version}版"),
                (Language::Chinese, true) => {
                    format!("{of}第{version}版（示例，非任何机关的规则）")
                }
            }
        };
        let sets: Vec<_> = self.sets.iter().map(set).collect();
        let seed = match self.args.seed {
            Some(seed) => hex(&seed),
            None => pick(
                language,
                "32 zero bytes, fixed, because no --seed was given",
                "未指定--seed，固定为32个零字节",
            )
            .to_owned(),
        };
        let day = match self.args.date {
            Some(day) => day.to_string(),
            None => pick(language, "that of filing", "各清单申报日").to_owned(),
        };
        let one = |class: Class| match language {
            Language::English => {
                format!("credit class of everybody: {}; nobody is on the blacklist", class.word())
            }
            Language::Chinese => format!("企业信用等级均按{}计；黑名单为空", class.zh()),
        };
        let credit = match self.classes {
            Classes::Given(class) => one(class),
            Classes::General => one(Class::General),
            Classes::Known => pick(
                language,
                "credit class and blacklisting of declarants: what the inspection service says today",
                "申报企业信用等级和黑名单以查验服务当日记录为准",
            )
            .to_owned(),
        };
        let sets = sets.join(pick(language, ", ", "、"));
        match language {
            Language::English => format!(
                "rule sets: {sets}\nseed: {seed}\nday: {day}\n{credit}; \
                 earlier shipments are those among the declarations read"
            ),
            Language::Chinese => format!(
                "规则集：{sets}\n种子：{seed}\n日期：{day}\n{credit}；\
                 以往申报仅计本次读取的清单"
            ),
        }
    }

    /// Every effect with all that it takes to get to the same.
    fn explain(&self, text: &mut String, language: Language) {
        for (case, assessment, matched) in self.matches() {
            let effect = matched.effect.explain();
            let _infallible = write!(
                text,
                "\n{} {} {} v{} ({}): {}",
                words::id(&case.name),
                agency(language, assessment.agency),
                matched.rule,
                assessment.version,
                source(language, &matched.source),
                in_language(language, &effect),
            );
            if let RuleEffect::Drawn { drawn, .. } = &matched.effect {
                let (preimage, digest) = recompute(drawn);
                let _infallible = write!(text, "\n  SHA-256({preimage})\n  = {digest}");
            }
        }
        for ((_, rule), (dates, count)) in self.not_in_force() {
            let from = dates.valid_from;
            let to = dates.valid_to.map_or_else(|| "…".to_owned(), |day| day.to_string());
            let _infallible = match language {
                Language::English => {
                    write!(text, "\n{rule} is in force {from} to {to}: left out for {count}")
                }
                Language::Chinese => {
                    write!(text, "\n{rule}有效期{from}至{to}：{count}份清单不适用")
                }
            };
        }
    }
}

/// The number and what it had to be below; nothing for a demand.
fn drawn(effect: &RuleEffect) -> String {
    match effect {
        RuleEffect::Demanded => String::new(),
        RuleEffect::Drawn { drawn, threshold_bp, .. } => format!("{}/{threshold_bp}", drawn.number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_can_be_recomputed_from_what_is_told() {
        let day = parse_date("20261124").expect("a day");
        let drawn = draw(None, day, Uuid::nil()).goods(Agency::Customs, "C-900");
        let (preimage, digest) = recompute(&drawn);
        assert!(preimage.starts_with(&hex(b"single-window/draw/1\0goods\0")), "{preimage}");
        assert!(preimage.ends_with(&(hex(b"customs/C-900") + "00000000")), "{preimage}");
        let first = u64::from_str_radix(&digest[..16], 16).expect("hexadecimal");
        assert_eq!(u64::from(drawn.number), first % 10_000);
        assert!(parse_date("2026-11-24").is_err());
    }

    #[test]
    fn the_first_shipment_is_the_oldest_one_that_ships() {
        let line =
            domain::declaration::GoodsLine { gcode: "2204210000".into(), ..Default::default() };
        let filed = |number: u128, ships: bool| PastDeclaration {
            name: String::new(),
            id: Uuid::from_u128(number),
            order_no: number.to_string(),
            day: parse_date("20261124").expect("a day"),
            ships,
            content: Declaration {
                ie_flag: Some(domain::declaration::Direction::Import),
                trade_mode: "9610".into(),
                lines: vec![line.clone()],
                ..Default::default()
            },
        };
        let args = DryRunArgs {
            rules: Vec::new(),
            seed: None,
            date: None,
            class: None,
            limit: 9,
            explain: false,
        };
        let sets = [rule_file::sample(Agency::Quarantine).clone()];
        // Newest first. The oldest one was withdrawn, so it is no shipment.
        let cases = cases(
            &[filed(3, true), filed(2, true), filed(1, false)],
            &args,
            &sets,
            &DeclarantCredits::default(),
        );
        let first = |case: &Case| {
            case.assessments.iter().flat_map(|it| &it.matched).any(|it| it.rule == "I-003")
        };
        let found: Vec<_> = cases.iter().map(|it| (it.order_no.as_str(), first(it))).collect();
        assert_eq!(found, [("3", false), ("2", true), ("1", true)]);
    }
}
