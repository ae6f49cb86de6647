//! `inspect assessment` and `inspect seeds`: what the rules said about a declaration and why, and
//! whether each draw is the one that the published seed gives.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use domain::inspection::draw::{Draw, DrawPurpose, Seed};
use proto::v1;
use serde_json::json;
use time::Date;
use tonic::Status;
use uuid::Uuid;

use super::super::words::{self as shared, pick, when};
use super::super::{Exit, Language, Output, Session, print_json, print_line};
use super::{hex, resolve, sha256, words};

/// Explain what the risk rules said about a declaration, and verify their draws.
///
/// A draw can be made again when its day is over in China and the seed is published; before, the
/// commitment shows that the seed was fixed.
#[derive(Debug, clap::Args)]
pub(super) struct AssessmentArgs {
    /// Name (declarations/UUID), UUID, preNo or order number.
    declaration: String,
    /// Which version [default: the newest that was assessed].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    version: u32,
}

/// List the seeds of the draws: commitments in advance, seeds when the day is over.
#[derive(Debug, clap::Args)]
pub(super) struct SeedsArgs {
    /// First day, in China [default: a week ago].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = words::parse_day)]
    from: Option<Date>,
}

/// What the published seed says about a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeedCheck {
    /// It gives this number, and fits what was published before.
    Yes,
    /// It does not.
    No,
    /// The day is not over.
    NotYet,
    /// No seed of this day is known.
    Unknown,
}

impl SeedCheck {
    fn of(draw: &v1::RuleDraw, subject: Uuid, seed: Option<&v1::SeedRecord>) -> Self {
        let Some(record) = seed else { return Self::Unknown };
        if record.seed.is_empty() {
            return Self::NotYet;
        }
        let Some(seed) = published(record) else { return Self::No };
        let again =
            Draw { seed, subject, sha256 }.number(DrawPurpose::Goods, &draw.key, draw.below);
        let same = (again.number, again.counter) == (draw.number, draw.counter);
        if same && is_kept(&seed, record) { Self::Yes } else { Self::No }
    }

    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Yes => pick(language, "verified", "已验证"),
            Self::No => pick(language, "DOES NOT FIT THE SEED", "与种子不符"),
            Self::NotYet => {
                pick(language, "the seed is published when the day is over", "种子于当日结束后公布")
            }
            Self::Unknown => pick(language, "no seed of that day", "没有该日种子"),
        }
    }

    fn json(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::NotYet | Self::Unknown => None,
        }
    }
}

/// A seed that was published; `None` when its bytes are none.
fn published(record: &v1::SeedRecord) -> Option<Seed> {
    let day = proto::inspection::parse_day(&record.day)?;
    let bytes = record.seed.as_slice().try_into().ok()?;
    Some(Seed { day, bytes })
}

/// Whether a seed is the one that was committed to.
fn is_kept(seed: &Seed, record: &v1::SeedRecord) -> bool {
    seed.commitment(sha256).as_slice() == record.commitment.as_slice()
}

/// Lists seeds.
pub(super) async fn seeds(session: &Session, args: SeedsArgs) -> anyhow::Result<Exit> {
    let from_date = args.from.map(proto::inspection::day).unwrap_or_default(); // from the first
    let seeds = list(session, from_date).await?;
    match session.output {
        Output::Json => {
            for it in &seeds {
                print_json(&json!({
                    "day": it.day,
                    "commitment": hex(&it.commitment),
                    "seed": if it.seed.is_empty() { None } else { Some(hex(&it.seed)) },
                    "fits": published(it).map(|seed| is_kept(&seed, it)),
                }))?;
            }
        }
        Output::Table if seeds.is_empty() => {
            print_line(pick(session.language, "no draws on these days", "所选日期没有随机抽取"))?;
        }
        Output::Table => print_line(&rows(&seeds, session.language))?,
    }
    Ok(Exit::Done)
}

async fn list(session: &Session, from_date: String) -> Result<Vec<v1::SeedRecord>, Status> {
    let request = v1::ListSeedsRequest { from_date };
    Ok(session.ask(request, async |it, ask| it.inspection().list_seeds(ask).await).await?.seeds)
}

fn rows(seeds: &[v1::SeedRecord], language: Language) -> String {
    let mut text = String::new();
    for it in seeds {
        let (commitment, seed) = match published(it) {
            None => {
                let secret = pick(language, "secret until the day is over", "当日结束后公布");
                (hex(&it.commitment), secret.to_owned())
            }
            Some(seed) => {
                let fits = if is_kept(&seed, it) {
                    pick(language, "fits the commitment", "与承诺相符")
                } else {
                    pick(language, "DOES NOT FIT THE COMMITMENT", "与承诺不符")
                };
                (hex(&it.commitment), format!("{} ({fits})", hex(&seed.bytes)))
            }
        };
        let (day, committed) = (&it.day, pick(language, "commitment", "承诺"));
        let word = pick(language, "seed", "种子");
        let _infallible =
            write!(text, "\n{day}  {committed} {commitment}\n            {word} {seed}");
    }
    text.trim_start().to_owned()
}

/// Explains an assessment.
pub(super) async fn explain(session: &Session, args: AssessmentArgs) -> anyhow::Result<Exit> {
    let name = resolve(session, &args.declaration).await?;
    let request = v1::GetAssessmentRequest { name, version: args.version };
    let answer =
        session.ask(request, async |it, ask| it.inspection().get_assessment(ask).await).await?;
    let subject = shared::id(&answer.name).parse().context("the declaration's name is no UUID")?;
    let draws =
        answer.assessments.iter().flat_map(|it| &it.matched).filter_map(|it| it.draw.as_ref());
    let first = draws.map(|draw| draw.day.clone()).min();
    let mut seeds = BTreeMap::new();
    if let Some(first) = first {
        let known = list(session, first).await?;
        seeds.extend(known.into_iter().map(|seed| (seed.day.clone(), seed)));
    }
    let verify = |draw: &v1::RuleDraw| SeedCheck::of(draw, subject, seeds.get(&draw.day));
    match session.output {
        Output::Json => {
            print_json(&json!({ "assessment": answer }))?;
            for assessment in &answer.assessments {
                for it in &assessment.matched {
                    let Some(draw) = &it.draw else { continue };
                    print_json(&json!({ "draw": {
                        "rule": it.rule,
                        "day": draw.day,
                        "key": draw.key,
                        "counter": draw.counter,
                        "number": draw.number,
                        "below": draw.below,
                        "threshold": draw.threshold,
                        "selected": it.selected,
                        "verified": verify(draw).json(),
                    }}))?;
                }
            }
        }
        Output::Table => print_line(&text(&answer, verify, session.language))?,
    }
    Ok(Exit::Done)
}

fn text(
    answer: &v1::GetAssessmentResponse,
    verify: impl Fn(&v1::RuleDraw) -> SeedCheck,
    language: Language,
) -> String {
    let time = when(answer.time.and_then(proto::time));
    let class = words::class(language, &answer.class);
    let mut text = match (language, class.is_empty()) {
        (Language::English, true) => format!("{}  v{}  {time}", answer.name, answer.version),
        (Language::Chinese, true) => format!("{}  第{}版  {time}", answer.name, answer.version),
        (Language::English, false) => {
            format!("{}  v{}  {time}  credit class: {class}", answer.name, answer.version)
        }
        (Language::Chinese, false) => {
            format!("{}  第{}版  {time}  信用等级：{class}", answer.name, answer.version)
        }
    };
    for assessment in &answer.assessments {
        let _infallible = write!(text, "\n{}", heading(assessment, language));
        if assessment.matched.is_empty() {
            text.push_str(pick(language, "\n  no rule applies", "\n  没有适用的规则"));
        }
        for it in &assessment.matched {
            matched(&mut text, it, &verify, language);
        }
        for it in &assessment.instructions {
            let what = words::either_text(language, it.text.clone(), it.text_zh.clone());
            let key = words::key(it.agency(), &it.id);
            let how = words::method(language, it.method());
            let demanded = words::either_text(
                language,
                format!("demanded {key} ({how}): {what}"),
                format!("布控要求{key}（{how}）：{what}"),
            );
            let _infallible = write!(text, "\n  {demanded}");
        }
    }
    if !answer.refused.is_empty() {
        let refused = pick(language, "the demand could not be made: ", "布控未能执行：");
        let _infallible = write!(text, "\n{refused}{}", answer.refused);
    }
    text
}

/// `customs rules version 3: selected`.
fn heading(assessment: &v1::Assessment, language: Language) -> String {
    let by = shared::agency(language, assessment.agency());
    let version = assessment.rule_set_version;
    let selected = if assessment.selected {
        pick(language, "goods are to be looked at", "布控查验")
    } else {
        pick(language, "not selected", "未布控")
    };
    let sample = match (assessment.sample, language) {
        (false, _) => "",
        (true, Language::English) => " (sample, the rules of no authority)",
        (true, Language::Chinese) => "（示例，非任何机关的规则）",
    };
    match language {
        Language::English => format!("{by} rules version {version}{sample}: {selected}"),
        Language::Chinese => format!("{by}规则第{version}版{sample}：{selected}"),
    }
}

/// One rule whose condition holds: why, from where, what followed, and its draw.
fn matched(
    text: &mut String,
    it: &v1::RuleMatch,
    verify: impl Fn(&v1::RuleDraw) -> SeedCheck,
    language: Language,
) {
    let title = words::either_text(language, it.title.clone(), it.title_zh.clone());
    let source = match (it.law.as_str(), it.unverified) {
        ("", _) => pick(language, "ours", "本系统自定").to_owned(),
        (law, true) => format!("{law}{}", pick(language, ", unverified", "，未核实")),
        (law, false) => law.to_owned(),
    };
    let _infallible = write!(text, "\n  {} {title} [{source}]", it.rule);
    if !it.lines.is_empty() {
        let lines = words::lines(language, &it.lines);
        let lines =
            words::either_text(language, format!(", lines {lines}"), format!("，商品项：{lines}"));
        text.push_str(&lines);
    }
    let reason =
        |why: &v1::Reasoning| words::either_text(language, why.text.clone(), why.text_zh.clone());
    let because: Vec<_> = it.because.iter().map(reason).collect();
    let because = because.join(pick(language, "; ", "；"));
    let effect = it.effect.as_ref().map(reason).unwrap_or_default(); // a rule on trial has none
    let because =
        words::either_text(language, format!("because: {because}"), format!("原因：{because}"));
    let _infallible = write!(text, "\n    {because}\n    {effect}");
    if let Some(draw) = &it.draw {
        let v1::RuleDraw { day, key, counter, number: _, below: _, threshold: _ } = draw;
        let found = verify(draw).text(language);
        let _infallible = match language {
            Language::English => {
                write!(text, "\n    draw of {day}, key {key}, counter {counter}: {found}")
            }
            Language::Chinese => {
                write!(text, "\n    {day}抽取，键{key}，计数{counter}：{found}")
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn() -> (v1::RuleDraw, Uuid, v1::SeedRecord) {
        let day = proto::inspection::parse_day("2026-11-26").expect("a day");
        let seed = Seed { day, bytes: [7; 32] };
        let subject = Uuid::from_u128(1);
        let drawn =
            Draw { seed, subject, sha256 }.number(DrawPurpose::Goods, "customs/C-9", 10_000);
        let draw = v1::RuleDraw {
            day: "2026-11-26".to_owned(),
            key: drawn.key,
            counter: drawn.counter,
            number: drawn.number,
            below: drawn.below,
            threshold: 300,
        };
        let record = v1::SeedRecord {
            day: draw.day.clone(),
            commitment: seed.commitment(sha256).into(),
            seed: seed.bytes.into(),
        };
        (draw, subject, record)
    }

    #[test]
    fn a_draw_is_verified_by_its_published_seed_and_by_nothing_else() {
        let (draw, subject, record) = drawn();
        assert_eq!(SeedCheck::of(&draw, subject, Some(&record)), SeedCheck::Yes);
        let other = v1::RuleDraw { number: (draw.number + 1) % 10_000, ..draw.clone() };
        assert_eq!(SeedCheck::of(&other, subject, Some(&record)), SeedCheck::No);
        assert_eq!(SeedCheck::of(&draw, Uuid::nil(), Some(&record)), SeedCheck::No);
        let changed = v1::SeedRecord { commitment: vec![0; 32], ..record.clone() };
        assert_eq!(SeedCheck::of(&draw, subject, Some(&changed)), SeedCheck::No);
        let secret = v1::SeedRecord { seed: Vec::new(), ..record };
        assert_eq!(SeedCheck::of(&draw, subject, Some(&secret)), SeedCheck::NotYet);
        assert_eq!(SeedCheck::of(&draw, subject, None), SeedCheck::Unknown);
    }

    #[test]
    fn an_assessment_says_rule_reason_and_draw() {
        let (draw, subject, record) = drawn();
        let rule = v1::RuleMatch {
            rule: "C-9".to_owned(),
            title: "everything".to_owned(),
            because: vec![v1::Reasoning { text: "it is".to_owned(), text_zh: String::new() }],
            draw: Some(draw),
            ..Default::default()
        };
        let assessment = v1::Assessment {
            agency: v1::Agency::Customs.into(),
            rule_set_version: 3,
            matched: vec![rule],
            ..Default::default()
        };
        let answer = v1::GetAssessmentResponse {
            name: format!("declarations/{subject}"),
            version: 1,
            class: "general".to_owned(),
            assessments: vec![assessment],
            ..Default::default()
        };
        let verify = |draw: &v1::RuleDraw| SeedCheck::of(draw, subject, Some(&record));
        let text = text(&answer, verify, Language::English);
        for expected in ["customs rules version 3: not selected", "because: it is", ": verified"] {
            assert!(text.contains(expected), "{text}");
        }
    }
}
