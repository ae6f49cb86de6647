//! Scenarios as files: what a firm's system does, which fault of transport comes, and what must be so at the end.

use std::path::Path;

use anyhow::Context as _;
use proto::v1;
use serde::{Deserialize, Serialize};

use super::super::words::{parse_state, state_in};
use super::super::{BilingualText, Language};

/// The scenarios of the program, in their order.
const FILES: &[(&str, &str)] = &[
    ("01-released.toml", include_str!("../../scenarios/01-released.toml")),
    ("02-corrected.toml", include_str!("../../scenarios/02-corrected.toml")),
    ("03-repeated.toml", include_str!("../../scenarios/03-repeated.toml")),
    ("04-lost-answer.toml", include_str!("../../scenarios/04-lost-answer.toml")),
    ("05-cut.toml", include_str!("../../scenarios/05-cut.toml")),
    ("06-too-many-requests.toml", include_str!("../../scenarios/06-too-many-requests.toml")),
    ("07-slow.toml", include_str!("../../scenarios/07-slow.toml")),
    ("08-inspected.toml", include_str!("../../scenarios/08-inspected.toml")),
    ("09-amended.toml", include_str!("../../scenarios/09-amended.toml")),
    ("10-rejected.toml", include_str!("../../scenarios/10-rejected.toml")),
    ("11-national-set.toml", include_str!("../../scenarios/11-national-set.toml")),
    ("12-national-lost-answer.toml", include_str!("../../scenarios/12-national-lost-answer.toml")),
    (
        "13-national-too-many-requests.toml",
        include_str!("../../scenarios/13-national-too-many-requests.toml"),
    ),
];

/// What a firm's system has to show.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    /// What it is called by, for ever: reports name it.
    pub(crate) number: u32,
    /// Over which interface.
    pub(crate) door: ScenarioDoor,
    /// What it is about.
    pub(crate) title: ScenarioText,
    /// What the firm's system has to do.
    pub(crate) send: ScenarioText,
    /// Words for the simulated agencies, between `SBX-` and the number of this run (docs/sandbox.md).
    #[serde(default)]
    pub(crate) words: String,
    /// From the first request to the end, at most.
    pub(crate) within_seconds: u64,
    /// Nothing wrong may come in this time after everything is as it must be.
    pub(crate) quiet_seconds: u64,
    /// What goes wrong with the first filing.
    #[serde(default)]
    pub(crate) fault: Option<TransportFault>,
    /// What must be so; the order is that of the report.
    #[serde(rename = "check")]
    pub(crate) checks: Vec<ScenarioCheck>,
}

/// A text in both languages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioText {
    en: String,
    zh: String,
}

impl ScenarioText {
    pub(crate) fn text(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// Over which interface a scenario goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScenarioDoor {
    /// Declarations, as JSON over HTTP or gRPC.
    Declarations,
    /// National messages (CEB).
    National,
}

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TransportFault {
    /// The window does it, and the connection is cut before the answer.
    LostAnswer,
    /// The connection is cut before the window has seen it.
    Cut,
    /// 429 or RESOURCE_EXHAUSTED with this many seconds to wait; the window does not see it.
    TooManyRequests(u64),
    /// The window does it, and the answer comes so many seconds later.
    Slow(u64),
}

/// Something that must be so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioCheck {
    /// What.
    pub(crate) expects: Expectation,
    /// What to do when it is not.
    pub(crate) advice: ScenarioText,
}

/// What can be expected. A filing is a `Submit`, or a national message with an inventory (CEB621, CEB603).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expectation {
    /// The window took a filing.
    Filed,
    /// The first filing was refused with at least so many broken rules.
    Refused(usize),
    /// The filing after the refused one was taken.
    CorrectedAtOnce,
    /// The first filing came again with the same request id (guid) and the same content.
    Repeated,
    /// Nothing came again before the seconds that the fault said.
    Waited,
    /// No filing came with another request id (guid).
    OneRequestId,
    /// The window has so many declarations (inventories) of the order.
    Declarations(usize),
    /// The newest declaration stands so.
    State(DeclarationState),
    /// Its goods were looked at.
    Inspected,
    /// The system was told of the end through the listener.
    Followed,
    /// There is a second version.
    Amended,
    /// After the first declaration had ended, a filing with another request id was taken.
    FiledAnew,
    /// The window has a document of each of these types, none of them refused.
    Documents(Vec<u32>),
    /// The inventory has one of these statuses (returnStatus).
    Status(Vec<i32>),
}

/// A state as files name it: `released`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct DeclarationState(pub(crate) v1::State);

impl TryFrom<String> for DeclarationState {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_state(&text).map(Self)
    }
}

impl Scenario {
    /// What an order number of this scenario begins with in a run.
    pub(crate) fn order_no(&self, run: &str) -> String {
        let words = if self.words.is_empty() { "ACCEPT" } else { &self.words };
        format!("SBX-{words}-{run}-{:02}", self.number)
    }

    /// What goes wrong, in words.
    pub(crate) fn fault_text(&self, language: Language) -> String {
        let text = match self.fault {
            None => BilingualText::new("none", "无"),
            Some(TransportFault::LostAnswer) => BilingualText::new(
                "the window takes the first filing, and its answer is lost",
                "单一窗口受理首次申报，但应答丢失",
            ),
            Some(TransportFault::Cut) => BilingualText::new(
                "the connection is cut at the first filing, before the window has it",
                "首次申报在到达单一窗口之前连接中断",
            ),
            Some(TransportFault::TooManyRequests(seconds)) => BilingualText::new(
                format!(
                    "the first filing is answered 429 (gRPC: RESOURCE_EXHAUSTED), Retry-After {seconds}"
                ),
                format!("首次申报应答429（gRPC：RESOURCE_EXHAUSTED），Retry-After为{seconds}秒"),
            ),
            Some(TransportFault::Slow(seconds)) => BilingualText::new(
                format!("the answer to the first filing comes {seconds} s late"),
                format!("首次申报的应答延迟{seconds}秒"),
            ),
        };
        text.text(language).to_owned()
    }
}

impl Expectation {
    /// What is expected, in words.
    pub(crate) fn text(&self) -> BilingualText {
        fn both(english: impl Into<String>, chinese: impl Into<String>) -> BilingualText {
            BilingualText::new(english, chinese)
        }
        match self {
            Self::Filed => both("the window takes a filing", "单一窗口受理申报"),
            Self::Refused(rules) => both(
                format!("the first filing is refused with {rules} broken rules or more"),
                format!("首次申报被拒绝，违反的规则不少于{rules}条"),
            ),
            Self::CorrectedAtOnce => {
                both("the next filing has every rule right", "下一次申报改正全部错误")
            }
            Self::Repeated => both(
                "the filing comes again with the same request id (guid) and content",
                "以相同的请求号（guid）和内容再次申报",
            ),
            Self::Waited => {
                both("it does not come again before Retry-After", "在Retry-After之前不重发")
            }
            Self::OneRequestId => {
                both("no other request id (guid) is used for it", "不使用其他请求号（guid）")
            }
            Self::Declarations(many) => both(
                format!("declarations of the order at the window: {many}"),
                format!("单一窗口内该订单的清单数：{many}"),
            ),
            Self::State(DeclarationState(state)) => both(
                format!("the declaration ends {}", state_in(Language::English, *state)),
                format!("清单最终状态为{}", state_in(Language::Chinese, *state)),
            ),
            Self::Inspected => both("the goods are inspected", "货物经过查验"),
            Self::Followed => both(
                "the system reads through the listener how it ended",
                "企业系统通过监听地址获知最终结果",
            ),
            Self::Amended => both("the declaration has a second version", "清单有第二版"),
            Self::FiledAnew => both(
                "after the end of the first declaration it is filed anew, with another request id",
                "首份清单终结后，以新的请求号重新申报",
            ),
            Self::Documents(types) => {
                let types: Vec<_> = types.iter().map(|it| format!("CEB{it}")).collect();
                let types = types.join(", ");
                both(
                    format!("the window has these documents, and refused none: {types}"),
                    format!("单一窗口收到并受理：{types}"),
                )
            }
            Self::Status(statuses) => {
                let statuses: Vec<_> = statuses.iter().map(i32::to_string).collect();
                both(
                    format!("status of the inventory: {}", statuses.join(" / ")),
                    format!("清单回执状态：{}", statuses.join(" / ")),
                )
            }
        }
    }
}

/// The scenarios of the program, or those of a folder instead.
///
/// # Errors
///
/// Names the file that cannot be used, and why.
pub(crate) fn scenarios(folder: Option<&Path>) -> anyhow::Result<Vec<Scenario>> {
    let mut all = match folder {
        None => FILES
            .iter()
            .map(|(name, text)| read(Path::new(name), text))
            .collect::<anyhow::Result<Vec<_>>>()?,
        Some(folder) => files(folder)?,
    };
    all.sort_by_key(|scenario| scenario.number);
    let twice = all.windows(2).find(|pair| pair[0].number == pair[1].number);
    if let Some([scenario, _]) = twice {
        let number = scenario.number;
        anyhow::bail!(BilingualText::new(
            format!("two scenarios have the number {number}"),
            format!("有两个场景的编号为{number}"),
        ));
    }
    anyhow::ensure!(
        !all.is_empty(),
        BilingualText::new("the folder holds no scenario (*.toml)", "目录中没有场景文件（*.toml）")
    );
    Ok(all)
}

fn files(folder: &Path) -> anyhow::Result<Vec<Scenario>> {
    let listed = std::fs::read_dir(folder).with_context(|| BilingualText::unreadable(folder))?;
    let mut all = Vec::new();
    for entry in listed {
        let path = entry.with_context(|| BilingualText::unreadable(folder))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = std::fs::read_to_string(&path);
            all.push(read(&path, &text.with_context(|| BilingualText::unreadable(&path))?)?);
        }
    }
    Ok(all)
}

fn read(path: &Path, text: &str) -> anyhow::Result<Scenario> {
    let unusable = || {
        let path = path.display();
        BilingualText::new(
            format!("{path} is no scenario (docs/certify.md)"),
            format!("{path}不是有效的场景文件（见docs/certify.md）"),
        )
    };
    let scenario: Scenario = toml::from_str(text).with_context(unusable)?;
    anyhow::ensure!(!scenario.checks.is_empty(), unusable());
    // It would be waited for what never comes.
    let is_faulty = matches!(scenario.fault, Some(TransportFault::TooManyRequests(_)));
    let waits = scenario.checks.iter().any(|check| check.expects == Expectation::Waited);
    anyhow::ensure!(is_faulty || !waits, unusable());
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_scenario_of_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let numbers = |all: Vec<Scenario>| all.iter().map(|it| it.number).collect::<Vec<_>>();
        let own = numbers(scenarios(None).expect("they can be read"));
        assert_eq!(own, numbers(scenarios(Some(&folder)).expect("the same")));
        assert_eq!(own, (1..=13).collect::<Vec<_>>());
        for (name, text) in FILES {
            let scenario = read(Path::new(name), text).expect("it can be read");
            assert!(name.starts_with(&format!("{:02}-", scenario.number)), "{name}");
        }
    }

    #[test]
    fn a_scenario_that_checks_nothing_or_something_unknown_is_refused() {
        let (_, text) = FILES[0];
        let refused = |text: &str| read(Path::new("x.toml"), text).expect_err("it is broken");
        let (head, _) = text.split_once("[[check]]").expect("a check");
        assert!(refused(&format!("check = []\n{head}")).to_string().contains("x.toml"));
        refused(&text.replace("\"filed\"", "\"perhaps\""));
        refused(&format!("colour = 1\n{text}"));
        refused(&text.replace("\"filed\"", "\"waited\""));
    }
}
