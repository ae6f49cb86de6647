//! What the simulated agencies do, written in the order number: `SBX-` and words joined by hyphens,
//! until the first word that is none. `SBX-DELAY2-INSPECT-0001` answers after two seconds and then
//! wants to look at the goods. Documented for integrators in `docs/sandbox.md`.
//!
//! Outside the sandbox the window refuses such order numbers (SW-2025).

use std::time::Duration;

use domain::inspection::finding::FoundResult;
use domain::rules::SCRIPT_PREFIX;
use proto::v1::Agency;

/// How long the simulated examination takes: long enough for the second agency to join the order.
const EXAMINATION: Duration = Duration::from_millis(300);
/// How long the simulated laboratory takes.
const LABORATORY: Duration = Duration::from_millis(300);
/// The longest scripted delay.
const DELAY_SECONDS_MAX: u64 = 3_600;

/// What an agency does at its first look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// No objection.
    Clear,
    /// Rejects with this code.
    Reject(String),
    /// Wants to look at the goods.
    Inspect,
    /// Holds the first version for documents; clears a later one.
    Hold,
    /// Holds the first version and asks for documents; clears when they are provided, or a later version.
    Documents,
    /// Detains the goods and leaves it at that.
    Detain,
    /// Sends the goods back abroad.
    Return,
    /// Never answers.
    Silence,
}

/// What the examination brings to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptedGoods {
    /// Everything is as declared.
    Conform,
    /// The quantity is another, whoever looks.
    Miscounted,
    /// The documents do not fit, whoever looks.
    Undocumented,
    /// What quarantine wants looked at has pests.
    Infested,
    /// What customs wants looked at is prohibited.
    Prohibited,
}

/// What the site reports of goods of an import that may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoodsWish {
    /// All of them, as soon as they may come.
    All,
    /// Half of each line, and no more.
    Half,
    /// All of them, when their term is over.
    Late,
    /// Nothing, ever.
    Never,
}

/// What the bank does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BankWish {
    /// It takes its time.
    pub slow: bool,
    /// It executes half of an order.
    pub part: bool,
    /// It rejects an order.
    pub rejects: bool,
    /// It sends every file twice.
    pub twice: bool,
    /// It keeps a fee.
    pub fee: bool,
    /// It takes the money back that came.
    pub back: bool,
    /// It takes the money back that came, after it was settled.
    pub recalls: bool,
    /// It rejects an order, and executes it all the same.
    pub late: bool,
    /// It says nothing to an order.
    pub never: bool,
    /// It tells things in the wrong order: that it takes money back before that came, and what it executed before it
    /// says that it has the order.
    pub disorder: bool,
    /// After each notice it sends the statement of the day so far.
    pub statement: bool,
    /// The buyer pays in two parts.
    pub part_paid: bool,
    /// The buyer does not say what it pays for.
    pub unnamed: bool,
    /// The buyer does not pay, nor does the bank what a payment order of bills says.
    pub unpaid: bool,
}

impl BankWish {
    /// What either of two says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            slow: self.slow || other.slow,
            part: self.part || other.part,
            rejects: self.rejects || other.rejects,
            twice: self.twice || other.twice,
            fee: self.fee || other.fee,
            back: self.back || other.back,
            recalls: self.recalls || other.recalls,
            late: self.late || other.late,
            never: self.never || other.never,
            disorder: self.disorder || other.disorder,
            statement: self.statement || other.statement,
            part_paid: self.part_paid || other.part_paid,
            unnamed: self.unnamed || other.unnamed,
            unpaid: self.unpaid || other.unpaid,
        }
    }
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    customs: Wish,
    quarantine: Wish,
    /// Before each answer.
    pub delay: Duration,
    /// Before the findings.
    pub examination: Duration,
    /// Every answer is given twice, under the same request id.
    pub twice: bool,
    /// Customs decides before it accepts.
    pub disorder: bool,
    /// An answer for the version before comes first.
    pub stale: bool,
    /// What is found.
    pub goods: ScriptedGoods,
    /// By machine first, then by hand.
    pub machine: bool,
    /// A sample goes to the laboratory for every instruction, also where none has to.
    pub sampled: bool,
    /// The laboratory finds that samples do not pass.
    pub contaminated: bool,
    /// Before the laboratory's results.
    pub laboratory: Duration,
    /// A treatment leaves the goods clean.
    pub treatable: bool,
    /// What the bank does.
    pub bank: BankWish,
    /// What the site reports of goods that may come back.
    pub goods_back: GoodsWish,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            customs: Wish::Clear,
            quarantine: Wish::Clear,
            delay: Duration::ZERO,
            examination: EXAMINATION,
            twice: false,
            disorder: false,
            stale: false,
            goods: ScriptedGoods::Conform,
            machine: false,
            sampled: false,
            contaminated: false,
            laboratory: LABORATORY,
            treatable: true,
            bank: BankWish::default(),
            goods_back: GoodsWish::All,
        }
    }
}

impl Script {
    /// Reads the script of an order number; the default when it has none.
    pub fn of(order_no: &str) -> Self {
        let mut script = Self::default();
        let Some(words) = order_no.strip_prefix(SCRIPT_PREFIX) else { return script };
        for word in words.split('-') {
            if !script.obey(word) {
                break;
            }
        }
        script
    }

    fn obey(&mut self, word: &str) -> bool {
        let seconds = |digits: &str| {
            digits.parse().ok().map(|n: u64| Duration::from_secs(n.min(DELAY_SECONDS_MAX)))
        };
        match word {
            "ACCEPT" => {}
            "INSPECT" => {
                self.customs = Wish::Inspect;
                self.quarantine = Wish::Inspect;
            }
            "CUSTOMSINSPECT" => self.customs = Wish::Inspect,
            "CIQINSPECT" => self.quarantine = Wish::Inspect,
            "HOLD" => self.customs = Wish::Hold,
            "DOCS" => self.customs = Wish::Documents,
            "DETAIN" => self.customs = Wish::Detain,
            "RETURN" => self.customs = Wish::Return,
            "SILENT" => self.customs = Wish::Silence,
            "TWICE" => self.twice = true,
            "DISORDER" => self.disorder = true,
            "STALE" => self.stale = true,
            "FAIL" => self.goods = ScriptedGoods::Miscounted,
            "DOC" => self.goods = ScriptedGoods::Undocumented,
            "QUARANTINE" => self.goods = ScriptedGoods::Infested,
            "PROHIBITED" => self.goods = ScriptedGoods::Prohibited,
            "MACHINE" => self.machine = true,
            "LAB" => self.sampled = true,
            "LABFAIL" => {
                self.sampled = true;
                self.contaminated = true;
            }
            "TREATFAIL" => self.treatable = false,
            // The payment service obeys it.
            "TAXPAID" | "NOMONEY" => {}
            "BANKSLOW" => self.bank.slow = true,
            "BANKPART" => self.bank.part = true,
            "BANKREJECT" => self.bank.rejects = true,
            "BANKTWICE" => self.bank.twice = true,
            "BANKFEE" => self.bank.fee = true,
            "BANKBACK" => self.bank.back = true,
            "BANKRECALL" => self.bank.recalls = true,
            "BANKLATE" => self.bank.late = true,
            "BANKNEVER" => self.bank.never = true,
            "BANKDISORDER" => self.bank.disorder = true,
            "BANKSTATEMENT" => self.bank.statement = true,
            "PAYPART" => self.bank.part_paid = true,
            "UNNAMED" => self.bank.unnamed = true,
            "NOPAY" => self.bank.unpaid = true,
            "BACKHALF" => self.goods_back = GoodsWish::Half,
            "BACKLATE" => self.goods_back = GoodsWish::Late,
            "BACKNEVER" => self.goods_back = GoodsWish::Never,
            other => {
                if let Some(code) = other.strip_prefix("CIQREJECT") {
                    self.quarantine = Wish::Reject(code_or_default(code));
                } else if let Some(code) = other.strip_prefix("REJECT") {
                    self.customs = Wish::Reject(code_or_default(code));
                } else if let Some(delay) = other.strip_prefix("DELAY").and_then(seconds) {
                    self.delay = delay;
                } else if let Some(time) = other.strip_prefix("EXAMINE").and_then(seconds) {
                    self.examination = time;
                } else if let Some(time) = other.strip_prefix("LAB").and_then(seconds) {
                    self.sampled = true;
                    self.laboratory = time;
                } else {
                    return false;
                }
            }
        }
        true
    }

    /// What officers find under an instruction of an agency.
    pub fn found(&self, agency: Agency) -> FoundResult {
        match (self.goods, agency) {
            (ScriptedGoods::Miscounted, _) => FoundResult::QtyMismatch,
            (ScriptedGoods::Undocumented, _) => FoundResult::DocMismatch,
            (ScriptedGoods::Infested, Agency::Quarantine) => FoundResult::QuarantineFail,
            (ScriptedGoods::Prohibited, Agency::Customs) => FoundResult::Prohibited,
            (ScriptedGoods::Conform | ScriptedGoods::Infested | ScriptedGoods::Prohibited, _) => {
                FoundResult::Conform
            }
        }
    }

    /// What the laboratory finds in a sample for an instruction of an agency.
    pub fn analysed(&self, agency: Agency) -> FoundResult {
        if self.contaminated { FoundResult::QualityFail } else { self.found(agency) }
    }

    /// What an agency does with a version.
    pub fn wish(&self, agency: Agency, version: u32) -> Wish {
        let wish = if agency == Agency::Customs { &self.customs } else { &self.quarantine };
        match wish {
            // The documents came with the new version.
            Wish::Hold | Wish::Documents if version > 1 => Wish::Clear,
            other => other.clone(),
        }
    }
}

fn code_or_default(code: &str) -> String {
    if code.is_empty() { "1300".to_owned() } else { code.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_obeyed_until_the_first_that_is_none() {
        let script = Script::of("SBX-DELAY2-REJECT1313-TWICE-0001-INSPECT");
        assert_eq!(script.wish(Agency::Customs, 1), Wish::Reject("1313".to_owned()));
        assert_eq!(script.wish(Agency::Quarantine, 1), Wish::Clear);
        assert_eq!(script.delay, Duration::from_secs(2));
        assert!(script.twice);
        assert_eq!(Script::of("QD-INSPECT-1"), Script::default());
        assert_eq!(Script::of("SBX-TAXPAID-HOLD-1"), Script::of("SBX-HOLD-1"));
        assert_eq!(Script::of("SBX-HOLD-1").wish(Agency::Customs, 2), Wish::Clear);
        assert_eq!(Script::of("SBX-DOCS-1").wish(Agency::Customs, 1), Wish::Documents);
        assert_eq!(Script::of("SBX-DOCS-1").wish(Agency::Customs, 2), Wish::Clear);
    }

    #[test]
    fn words_that_begin_alike_are_told_apart() {
        use FoundResult::{Conform, DocMismatch, Prohibited, QualityFail, QuarantineFail};
        let table = [
            ("SBX-LAB-1", true, LABORATORY, (Conform, Conform)),
            ("SBX-LABFAIL-1", true, LABORATORY, (QualityFail, QualityFail)),
            ("SBX-LAB5-1", true, Duration::from_secs(5), (Conform, Conform)),
            ("SBX-LABFAIL-LAB5-1", true, Duration::from_secs(5), (QualityFail, QualityFail)),
            ("SBX-LABX-LAB", false, LABORATORY, (Conform, Conform)),
            ("SBX-LAB-QUARANTINE-1", true, LABORATORY, (Conform, QuarantineFail)),
            ("SBX-PROHIBITED-1", false, LABORATORY, (Prohibited, Conform)),
            ("SBX-DOC-1", false, LABORATORY, (DocMismatch, DocMismatch)),
        ];
        for (order_no, sampled, laboratory, found) in table {
            let script = Script::of(order_no);
            assert_eq!((script.sampled, script.laboratory), (sampled, laboratory), "{order_no}");
            let analysed = (script.analysed(Agency::Customs), script.analysed(Agency::Quarantine));
            assert_eq!(analysed, found, "{order_no}");
        }
        assert!(!Script::of("SBX-TREATFAIL-1").treatable);
        assert!(Script::of("SBX-MACHINE-1").machine);
    }
}
