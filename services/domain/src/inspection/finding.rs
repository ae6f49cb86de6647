//! What an examination finds, and what is done with the goods. No official list of either is public;
//! both sets are our own (domain brief §4.4).

use super::Explanation;
use super::order::instruction::{InstructionKey, Method};

/// The result of an examination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FoundResult {
    /// As declared.
    Conform,
    /// The documents do not fit.
    DocMismatch,
    /// Quantity or weight is another.
    QtyMismatch,
    /// Name or goods code is another.
    NameOrCodeMismatch,
    /// Infringes intellectual property.
    IpInfringement,
    /// Prohibited goods.
    Prohibited,
    /// Did not pass quarantine.
    QuarantineFail,
    /// Did not pass the check of quality or safety.
    QualityFail,
    /// The laboratory has not answered yet: the only result that is not final.
    LabPending,
}

/// What can be done about a result. Ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Nothing is wrong.
    None,
    /// The declaration is corrected.
    Correctable,
    /// The goods are treated, or go.
    Treatable,
    /// The goods never go on.
    Barred,
    /// Not known yet.
    Pending,
}

impl FoundResult {
    /// Every result.
    pub const ALL: [Self; 9] = [
        Self::Conform,
        Self::DocMismatch,
        Self::QtyMismatch,
        Self::NameOrCodeMismatch,
        Self::IpInfringement,
        Self::Prohibited,
        Self::QuarantineFail,
        Self::QualityFail,
        Self::LabPending,
    ];

    /// The word on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Conform => "CONFORM",
            Self::DocMismatch => "DOC_MISMATCH",
            Self::QtyMismatch => "QTY_MISMATCH",
            Self::NameOrCodeMismatch => "NAME_OR_CODE_MISMATCH",
            Self::IpInfringement => "IP_INFRINGEMENT",
            Self::Prohibited => "PROHIBITED",
            Self::QuarantineFail => "QUARANTINE_FAIL",
            Self::QualityFail => "QUALITY_FAIL",
            Self::LabPending => "LAB_PENDING",
        }
    }

    /// The result with this word.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.code() == code)
    }

    /// In words.
    pub fn title(self) -> Explanation {
        match self {
            Self::Conform => Explanation::new("as declared", "相符"),
            Self::DocMismatch => Explanation::new("documents do not fit", "单货不符"),
            Self::QtyMismatch => Explanation::new("quantity or weight differs", "数量或重量不符"),
            Self::NameOrCodeMismatch => Explanation::new("name or code differs", "品名或归类不符"),
            Self::IpInfringement => {
                Explanation::new("infringes intellectual property", "侵犯知识产权")
            }
            Self::Prohibited => Explanation::new("prohibited goods", "禁止进出境"),
            Self::QuarantineFail => Explanation::new("did not pass quarantine", "检疫不合格"),
            Self::QualityFail => {
                Explanation::new("did not pass the quality check", "质量安全不合格")
            }
            Self::LabPending => Explanation::new("waits for the laboratory", "待实验室结果"),
        }
    }

    /// What can be done about it.
    pub fn severity(self) -> Severity {
        match self {
            Self::Conform => Severity::None,
            Self::DocMismatch | Self::QtyMismatch | Self::NameOrCodeMismatch => {
                Severity::Correctable
            }
            Self::QuarantineFail | Self::QualityFail => Severity::Treatable,
            Self::IpInfringement | Self::Prohibited => Severity::Barred,
            Self::LabPending => Severity::Pending,
        }
    }

    /// Whether it can be answered from.
    pub fn is_final(self) -> bool {
        self != Self::LabPending
    }

    /// Whether something is wrong for certain.
    pub fn is_adverse(self) -> bool {
        match self.severity() {
            Severity::None | Severity::Pending => false,
            Severity::Correctable | Severity::Treatable | Severity::Barred => true,
        }
    }
}

/// SHA-256 of a photograph, a record or a certificate.
pub type EvidenceDigest = [u8; 32];

/// What one finding is about. A later one about the same replaces it by its revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingKey {
    /// The instruction that it answers.
    pub instruction: InstructionKey,
    /// Line of goods, 0 for the consignment.
    pub gnum: u32,
    /// The sample that the laboratory analysed.
    pub sample: Option<String>,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExaminationFinding {
    /// About what.
    pub key: FindingKey,
    /// What.
    pub result: FoundResult,
    /// How it was looked at; for a sample, how that was taken.
    pub method: Method,
    /// In words.
    pub text: String,
    /// Digests of the evidence.
    pub evidence: Vec<EvidenceDigest>,
    /// The officer, or the analyst of the laboratory.
    pub officer: String,
    /// From 1; a correction has a higher one. In the same revision a final result replaces a pending
    /// one, so the order in which reports arrive does not matter.
    pub revision: u32,
}

impl ExaminationFinding {
    /// What of two findings about the same thing counts.
    pub(super) fn rank(&self) -> (u32, bool) {
        (self.revision, self.result.is_final())
    }
}

/// What is done with the goods, the mildest first: when the agencies do not agree, the strictest
/// counts, because either can stop (invariant R2 of domain brief §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disposal {
    /// Nothing stands in the way of the release.
    Release,
    /// After an amendment of the declaration.
    AmendAndRelease,
    /// Quarantine treatment (除害处理), after which the agencies decide again.
    Treat,
    /// Back abroad (退运).
    Return,
    /// Destroyed.
    Destroy,
    /// Detained otherwise.
    DetainOther,
    /// Detained and handed over to the clearance department.
    TransferClearance,
    /// Detained and handed over to the legal department.
    TransferLegal,
    /// Detained and handed over to the anti-smuggling department.
    TransferAntismuggling,
}

impl Disposal {
    /// Every disposal.
    pub const ALL: [Self; 9] = [
        Self::Release,
        Self::AmendAndRelease,
        Self::Treat,
        Self::Return,
        Self::Destroy,
        Self::DetainOther,
        Self::TransferClearance,
        Self::TransferLegal,
        Self::TransferAntismuggling,
    ];

    /// The word on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Release => "RELEASE",
            Self::AmendAndRelease => "AMEND_AND_RELEASE",
            Self::Treat => "TREAT",
            Self::Return => "RETURN",
            Self::Destroy => "DESTROY",
            Self::DetainOther => "OTHER_DETAIN",
            Self::TransferClearance => "TRANSFER_CLEARANCE",
            Self::TransferLegal => "TRANSFER_LEGAL",
            Self::TransferAntismuggling => "TRANSFER_ANTISMUGGLING",
        }
    }

    /// The disposal with this word.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposal| disposal.code() == code)
    }

    /// In English and Chinese.
    pub const fn titles(self) -> (&'static str, &'static str) {
        match self {
            Self::Release => ("release", "放行"),
            Self::AmendAndRelease => ("amend and release", "改单放行"),
            Self::Treat => ("treat", "除害处理"),
            Self::Return => ("send back abroad", "退运"),
            Self::Destroy => ("destroy", "销毁"),
            Self::DetainOther => ("detain", "扣留"),
            Self::TransferClearance => ("detain, hand over to clearance", "扣留移送通关"),
            Self::TransferLegal => ("detain, hand over to legal", "扣留移送法规"),
            Self::TransferAntismuggling => ("detain, hand over to anti-smuggling", "扣留移送缉私"),
        }
    }

    /// The receipt status that tells it to the filer (specification 202205, return statuses). None:
    /// 800 belongs to the one release, which is given elsewhere, and nothing is published for
    /// treatment and destruction.
    pub fn status(self) -> Option<i32> {
        match self {
            Self::Release | Self::AmendAndRelease | Self::Treat | Self::Destroy => None,
            Self::TransferClearance => Some(501),
            Self::TransferAntismuggling => Some(502),
            Self::TransferLegal => Some(503),
            Self::DetainOther => Some(599),
            Self::Return => Some(700),
        }
    }

    /// Whether the goods stay detained. Only the agency that did it ends it.
    pub fn is_detention(self) -> bool {
        match self {
            Self::DetainOther
            | Self::TransferClearance
            | Self::TransferLegal
            | Self::TransferAntismuggling => true,
            Self::Release | Self::AmendAndRelease | Self::Treat | Self::Return | Self::Destroy => {
                false
            }
        }
    }

    /// Whether results carry an agency's disposal. `own` are those under its own instructions, `all`
    /// those of both agencies; `treated` says whether a treatment was made and passed. Ours:
    ///
    /// - release: nothing of its own is wrong, or what was wrong was treated with success;
    /// - amend and release: something of its own must be corrected, and nothing else of its own is
    ///   wrong or untreated;
    /// - treat: something can be treated and was not, and nothing is barred;
    /// - everything stricter: something is wrong.
    ///
    /// Every finding is under an instruction of some agency, and all of them decide, so what is wrong
    /// is never released.
    pub fn is_founded(
        self,
        own: &[FoundResult],
        all: &[FoundResult],
        treated: Option<bool>,
    ) -> bool {
        let any = |of: &[FoundResult], severity| of.iter().any(|r| r.severity() == severity);
        let clean = !any(own, Severity::Barred)
            && (!any(own, Severity::Treatable) || treated == Some(true));
        match self {
            Self::Release => clean && !any(own, Severity::Correctable),
            Self::AmendAndRelease => clean && any(own, Severity::Correctable),
            Self::Treat => {
                any(all, Severity::Treatable) && treated.is_none() && !any(all, Severity::Barred)
            }
            Self::Return
            | Self::Destroy
            | Self::DetainOther
            | Self::TransferClearance
            | Self::TransferLegal
            | Self::TransferAntismuggling => all.iter().any(|result| result.is_adverse()),
        }
    }
}
