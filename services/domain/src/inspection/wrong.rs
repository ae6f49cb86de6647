//! What the inspection service refuses. These are proposed refusal codes: until they stand in the
//! table of [`crate::refusal`], each travels under the nearest code that does, and its own name is in
//! the data of the refusal under `wrong`.

use crate::refusal::{Code, Refusal};

/// A "no" of the inspection service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// The order is not at this step yet, or past it.
    OutOfStep,
    /// The same id was used before with other content.
    Contradicted,
    /// Somebody else was first: another appointment or other officers stand.
    Taken,
    /// The officer is not assigned to this examination.
    OfficerNotAssigned,
    /// The officer may not take part: conflict of interest, or took part in the first examination.
    OfficerConflict,
    /// No agency gave this instruction.
    InstructionUnknown,
    /// No such sample was taken, or it was never sent to a laboratory.
    SampleUnknown,
    /// The findings do not carry this disposal.
    DisposalUnfounded,
    /// The disposal was given and is not a detention of this agency.
    DisposalGiven,
    /// The agency has no instruction in this order.
    NotInOrder,
    /// A second examination was held before; there is no third.
    ObjectionUsed,
    /// The declarant must be there; the site operator stands in only after repeated no-shows.
    AttendanceNeeded,
    /// Too late, or too soon, for this.
    WrongTime,
    /// Changed too often, or the enterprise lost the choice by not coming.
    ChoiceUsedUp,
    /// The place has no such window.
    NoSuchWindow,
    /// Everything is booked in this window.
    WindowFull,
    /// More instructions, findings or samples than an order may have.
    TooMany,
    /// There is no such credit entry.
    EntryUnknown,
    /// The entry was appealed against before, or is over.
    AppealUsed,
}

impl Wrong {
    /// Every one.
    pub const ALL: [Self; 19] = [
        Self::OutOfStep,
        Self::Contradicted,
        Self::Taken,
        Self::OfficerNotAssigned,
        Self::OfficerConflict,
        Self::InstructionUnknown,
        Self::SampleUnknown,
        Self::DisposalUnfounded,
        Self::DisposalGiven,
        Self::NotInOrder,
        Self::ObjectionUsed,
        Self::AttendanceNeeded,
        Self::WrongTime,
        Self::ChoiceUsedUp,
        Self::NoSuchWindow,
        Self::WindowFull,
        Self::TooMany,
        Self::EntryUnknown,
        Self::AppealUsed,
    ];

    /// The nearest code of the published table, by who must act; the stable name; the titles that the
    /// proposed code would have.
    fn entry(self) -> (Code, &'static str, &'static str, &'static str) {
        match self {
            Self::OutOfStep => (
                Code::NoOpenInspection,
                "out_of_step",
                "the inspection order is not at this step",
                "查验单不在该环节",
            ),
            Self::Contradicted => (
                Code::RequestIdReused,
                "contradicted",
                "this was reported before with other content",
                "此前已报送不同内容",
            ),
            Self::Taken => (
                Code::VersionMismatch,
                "taken",
                "another appointment or other officers stand by now; read the order again",
                "查验单已有其他预约或查验人员，请重新读取",
            ),
            Self::OfficerNotAssigned => (
                Code::NotAllowed,
                "officer_not_assigned",
                "the officer is not assigned to this examination",
                "该人员未被派往本次查验",
            ),
            Self::OfficerConflict => (
                Code::NotAllowed,
                "officer_conflict",
                "the officer may not take part in this examination",
                "该人员须回避本次查验",
            ),
            Self::InstructionUnknown => (
                Code::NeverSent,
                "instruction_unknown",
                "no agency gave this instruction",
                "没有该布控指令",
            ),
            Self::SampleUnknown => (
                Code::NeverSent,
                "sample_unknown",
                "this sample was not taken or not sent to a laboratory",
                "该样品未取样或未送检",
            ),
            Self::DisposalUnfounded => (
                Code::Invalid,
                "disposal_unfounded",
                "the findings do not carry this disposal",
                "查验结果不支持该处置",
            ),
            Self::DisposalGiven => (
                Code::AlreadyEnded,
                "disposal_given",
                "the disposal was given; only an agency's own detention can be lifted",
                "处置已作出，仅可解除本机关的扣留",
            ),
            Self::NotInOrder => (
                Code::NotYourAgency,
                "not_in_order",
                "this agency has no instruction in this order",
                "该机关在本查验单中没有布控指令",
            ),
            Self::ObjectionUsed => (
                Code::AlreadyEnded,
                "objection_used",
                "a second examination was held; there is no third",
                "已复验一次，不再复验",
            ),
            Self::AttendanceNeeded => (
                Code::NotAllowed,
                "attendance_needed",
                "the declarant must be there",
                "申报企业须到场",
            ),
            Self::WrongTime => {
                (Code::NumberOutOfRange, "wrong_time", "too late or too soon", "时间过晚或过早")
            }
            Self::ChoiceUsedUp => (
                Code::NotAllowed,
                "choice_used_up",
                "the enterprise cannot choose the time any more",
                "企业不能再选择查验时间",
            ),
            Self::NoSuchWindow => (
                Code::CodeUnknown,
                "no_such_window",
                "the place has no such window",
                "查验场地没有该时段",
            ),
            Self::WindowFull => {
                (Code::Overloaded, "window_full", "the window is fully booked", "该时段已约满")
            }
            Self::TooMany => (
                Code::NumberOutOfRange,
                "too_many",
                "more than one order may have",
                "超过单份查验单的数量上限",
            ),
            Self::EntryUnknown => {
                (Code::NotFound, "entry_unknown", "there is no such credit entry", "没有该信用记录")
            }
            Self::AppealUsed => (
                Code::AlreadyEnded,
                "appeal_used",
                "the entry was appealed against before, or is over",
                "该记录已申诉过或已失效",
            ),
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// What happened, in English.
    pub fn title(self) -> &'static str {
        self.entry().2
    }

    /// What happened, in Chinese.
    pub fn title_zh(self) -> &'static str {
        self.entry().3
    }

    /// The refusal that says so.
    pub fn refusal(self) -> Refusal {
        Refusal::of(self.entry().0).with("wrong", self.name())
    }
}
