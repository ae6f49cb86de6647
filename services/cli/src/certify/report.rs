//! The report of a certification: every scenario with what was expected, what was seen, and what to do.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::super::words::{self, pick};
use super::super::{BilingualText, Language};
use super::judge::{self, CheckResult, CheckState};
use super::scenario::Scenario;
use super::traffic::FilingCall;

/// How a scenario went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScenarioVerdict {
    Passed,
    Failed,
    /// It was not asked for, or the command ended before.
    NotRun,
}

/// A scenario and how it went.
#[derive(Debug)]
pub(crate) struct ScenarioResult {
    scenario: Scenario,
    pub(crate) order_no: String,
    /// It was asked for.
    pub(crate) is_chosen: bool,
    pub(crate) verdict: ScenarioVerdict,
    pub(crate) started: Option<OffsetDateTime>,
    pub(crate) ended: Option<OffsetDateTime>,
    /// In the order of the scenario.
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) calls: Vec<FilingCall>,
    /// What came meanwhile and belongs to no scenario.
    pub(crate) strange: Vec<String>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct CertifyReport {
    pub(crate) run: String,
    pub(crate) address: String,
    pub(crate) started: OffsetDateTime,
    pub(crate) results: Vec<ScenarioResult>,
}

/// How many went how.
#[derive(Debug, Default)]
pub(crate) struct VerdictCounts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) not_run: usize,
}

impl ScenarioVerdict {
    fn id(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not-run",
        }
    }

    fn text(self, language: Language) -> &'static str {
        match self {
            Self::Passed => pick(language, "passed", "通过"),
            Self::Failed => pick(language, "failed", "未通过"),
            Self::NotRun => pick(language, "not run", "未进行"),
        }
    }
}

impl CheckState {
    fn id(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Open => "open",
            Self::Failed => "failed",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Open | Self::Failed => "✗",
        }
    }
}

impl VerdictCounts {
    pub(crate) fn text(&self, language: Language) -> String {
        let Self { passed, failed, not_run } = self;
        match language {
            Language::English => format!("{passed} passed, {failed} failed, {not_run} not run"),
            Language::Chinese => format!("通过{passed}，未通过{failed}，未进行{not_run}"),
        }
    }
}

/// A request and what became of it, in a line.
pub(crate) fn line(call: &FilingCall, language: Language) -> String {
    let kind = match (&call.filing.documents[..], call.filing.is_filing) {
        ([document, ..], _) => format!("CEB{document}"),
        ([], true) => pick(language, "filing", "申报").to_owned(),
        ([], false) => pick(language, "amendment", "修改").to_owned(),
    };
    let (when, id) = (words::when(Some(call.time)), &call.filing.request_id);
    let fault = if call.fault.is_some() { pick(language, "  [fault]", "  [故障]") } else { "" };
    let outcome = judge::outcome(call);
    format!("{when}  {kind}  {id}  {}{fault}", outcome.text(language))
}

impl ScenarioResult {
    pub(crate) fn new(scenario: &Scenario, order_no: String) -> Self {
        Self {
            scenario: scenario.clone(),
            order_no,
            is_chosen: false,
            verdict: ScenarioVerdict::NotRun,
            started: None,
            ended: None,
            checks: Vec::new(),
            calls: Vec::new(),
            strange: Vec::new(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&super::scenario::ScenarioCheck, &CheckResult)> {
        self.scenario.checks.iter().zip(&self.checks)
    }

    /// What came under other order numbers, when that may be why nothing came.
    fn hint(&self, language: Language) -> Option<String> {
        let is_so = self.verdict == ScenarioVerdict::Failed && !self.strange.is_empty();
        let word = pick(
            language,
            "came meanwhile, and belongs to no scenario (order numbers; batches and streams are not read)",
            "其间收到但不属于任何场景（订单编号；批量和流式申报不读取）",
        );
        is_so.then(|| format!("{word}: {}", self.strange.join(", ")))
    }

    /// For people, after its head was shown.
    pub(crate) fn text(&self, language: Language) -> String {
        let mut text = String::new();
        for (check, result) in self.rows() {
            let expected = check.expects.text();
            let (mark, expected) = (result.state.mark(), expected.text(language));
            let _infallible = write!(text, "   {mark} {expected}: {}", result.seen.text(language));
            if result.state != CheckState::Passed {
                let word = pick(language, "to do", "处理");
                let advice = check.advice.text(language);
                let _infallible = write!(text, "\n       {word}: {advice}");
            }
            text.push('\n');
        }
        if let Some(hint) = self.hint(language) {
            let _infallible = writeln!(text, "     {hint}");
        }
        text.push_str("   ");
        text.push_str(self.verdict.text(language));
        text
    }

    /// For programs.
    pub(crate) fn json(&self, language: Language) -> Value {
        let when = |time: Option<OffsetDateTime>| time.map(|time| words::when(Some(time)));
        let checks = self.rows().map(|(check, result)| {
            json!({
                "expected": check.expects.text().text(language),
                "state": result.state.id(),
                "seen": result.seen.text(language),
                "advice": check.advice.text(language),
            })
        });
        let calls = self.calls.iter().map(|call| {
            json!({
                "time": words::when(Some(call.time)),
                "order_no": call.filing.order_no,
                "request_id": call.filing.request_id,
                "is_filing": call.filing.is_filing,
                "documents": call.filing.documents,
                "fault": call.fault,
                "outcome": judge::outcome(call).text(language),
            })
        });
        json!({
            "number": self.scenario.number,
            "door": self.scenario.door,
            "title": self.scenario.title.text(language),
            "order_no": self.order_no,
            "verdict": self.verdict.id(),
            "started": when(self.started),
            "ended": when(self.ended),
            "checks": checks.collect::<Vec<_>>(),
            "calls": calls.collect::<Vec<_>>(),
            "strange": self.strange,
        })
    }

    fn markdown(&self, language: Language) -> String {
        let word = |english, chinese| pick(language, english, chinese);
        let scenario = &self.scenario;
        let mut text = format!(
            "## {}. {}: {}\n\n{}\n\n- {}: `{}`\n- {}: {}\n- {}: {} – {}\n\n",
            scenario.number,
            scenario.title.text(language),
            self.verdict.text(language),
            scenario.send.text(language),
            word("order number", "订单编号"),
            self.order_no,
            word("fault", "故障"),
            scenario.fault_text(language),
            word("time", "时间"),
            words::when(self.started),
            words::when(self.ended),
        );
        let _infallible = writeln!(
            text,
            "| | {} | {} | {} |\n|---|---|---|---|",
            word("expected", "要求"),
            word("seen", "实际"),
            word("to do", "处理")
        );
        for (check, result) in self.rows() {
            let is_passed = result.state == CheckState::Passed;
            let advice = if is_passed { "" } else { check.advice.text(language) };
            let expected = check.expects.text();
            let cells = [expected.text(language), result.seen.text(language), advice].map(cell);
            let _infallible = writeln!(text, "| {} | {} |", result.state.mark(), cells.join(" | "));
        }
        if let Some(hint) = self.hint(language) {
            let _infallible = write!(text, "\n{}\n", cell(&hint));
        }
        if !self.calls.is_empty() {
            let calls: Vec<_> = self.calls.iter().map(|call| line(call, language)).collect();
            let _infallible = write!(text, "\n```\n{}\n```\n", calls.join("\n"));
        }
        text
    }
}

/// A text as a cell of a table: what others wrote makes no rows and no columns.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl CertifyReport {
    pub(crate) fn sums(&self) -> VerdictCounts {
        let mut sums = VerdictCounts::default();
        for result in &self.results {
            match result.verdict {
                ScenarioVerdict::Passed => sums.passed += 1,
                ScenarioVerdict::Failed => sums.failed += 1,
                ScenarioVerdict::NotRun => sums.not_run += 1,
            }
        }
        sums
    }

    /// Whether everything that was asked for is passed.
    pub(crate) fn is_passed(&self) -> bool {
        let mut chosen = self.results.iter().filter(|result| result.is_chosen).peekable();
        chosen.peek().is_some() && chosen.all(|it| it.verdict == ScenarioVerdict::Passed)
    }

    /// Writes it as Markdown, and as JSON beside that.
    pub(crate) fn write(&self, path: &Path, language: Language) -> anyhow::Result<()> {
        let json = self.json(language);
        let beside = path.with_extension("json");
        for (path, text) in [(path, self.markdown(language)), (&*beside, format!("{json:#}\n"))] {
            std::fs::write(path, text).with_context(|| BilingualText::unwritable(path))?;
        }
        Ok(())
    }

    fn json(&self, language: Language) -> Value {
        let results: Vec<_> = self.results.iter().map(|it| it.json(language)).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "run": self.run,
            "address": self.address,
            "started": words::when(Some(self.started)),
            "passed": self.is_passed(),
            "scenarios": results,
        })
    }

    fn markdown(&self, language: Language) -> String {
        let word = |english, chinese| pick(language, english, chinese);
        let mut text = format!(
            "# {}\n\nsingle-window {}, {} {}, {}\n\n**{}**\n\n| | {} | {} |\n|---|---|---|\n",
            word("Certification of a firm's system", "企业系统联调认证报告"),
            env!("CARGO_PKG_VERSION"),
            word("run", "批次"),
            self.run,
            words::when(Some(self.started)),
            self.sums().text(language),
            word("scenario", "场景"),
            word("verdict", "结论"),
        );
        for result in &self.results {
            let title = result.scenario.title.text(language);
            let (number, verdict) = (result.scenario.number, result.verdict.text(language));
            let _infallible = writeln!(text, "| {number} | {} | {verdict} |", cell(title));
        }
        for result in self.results.iter().filter(|it| it.started.is_some()) {
            let _infallible = write!(text, "\n{}", result.markdown(language));
        }
        text
    }
}
