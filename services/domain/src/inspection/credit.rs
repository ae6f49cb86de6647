//! Traceability (measure 31 of 鲁政发〔2016〕13号): what is found at inspections feeds the credit class of
//! the enterprise and the blacklist, by rule, with reasons, expiry and appeal.
//!
//! The three classes are those of 海关注册登记和备案企业信用管理办法 (GACC Order 251, in force from
//! 2021-11-01; unverified): certified (高级认证), untrusted (失信), and everybody else under the usual
//! rules. Certification is granted by customs and only recorded here. Points, offences, terms and the
//! blacklist are ours.
//!
//! Class, points and blacklisting follow from the entries that count and from nothing else. So the
//! order in which findings arrive does not matter, and what is overturned leaves no trace in them.

use std::collections::BTreeMap;

use time::{Date, Duration};

use super::Explanation;
use super::finding::{ExaminationFinding, FoundResult};
use crate::refusal::{Code, Refusal};

/// Most points. Ours, like every number here.
pub const POINTS_MAX: i32 = 100;
/// Points of somebody nothing is known about.
pub const POINTS_START: i32 = 70;
/// Points that conforming inspections can add, one each.
pub const CONFORM_POINTS_MAX: i32 = 30;
/// How long a conforming inspection counts, in days.
pub const CONFORM_DAYS: i64 = 365;
/// Below this an enterprise is untrusted.
pub const UNTRUSTED_BELOW: i32 = 30;
/// Below this a certified enterprise is treated like everybody else.
pub const ADVANCED_FROM: i32 = 80;
/// So many grave entries that count put an enterprise on the blacklist, even if none of them does so
/// by itself.
pub const GRAVE_ENTRIES_BLACKLIST: usize = 3;
/// Days to appeal against an entry: those of an application for administrative reconsideration
/// (行政复议法, unverified).
pub const APPEAL_DAYS: i64 = 60;

/// Credit class of an enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Certified by customs (高级认证企业, AEO).
    Advanced,
    /// Everybody else (常规管理).
    General,
    /// Untrusted (失信企业).
    Untrusted,
}

impl Class {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Advanced => "advanced",
            Self::General => "general",
            Self::Untrusted => "untrusted",
        }
    }

    /// In Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Advanced => "高级认证企业",
            Self::General => "一般企业",
            Self::Untrusted => "失信企业",
        }
    }

    /// The class with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Advanced, Self::General, Self::Untrusted].into_iter().find(|c| c.word() == word)
    }
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CreditCause {
    /// A finding.
    Found(FoundResult),
    /// Nobody came to an appointment.
    NoShow,
}

/// What a cause costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offence {
    /// Its name, for explanations.
    pub id: &'static str,
    /// Of what.
    pub cause: CreditCause,
    /// Points that it takes.
    pub points: i32,
    /// How long, in days.
    pub days: i64,
    /// Counts towards the blacklist.
    pub grave: bool,
    /// Puts on the blacklist by itself.
    pub blacklists: bool,
}

const fn offence(id: &'static str, cause: CreditCause, points: i32, days: i64) -> Offence {
    Offence { id, cause, points, days, grave: false, blacklists: false }
}

const fn grave(id: &'static str, result: FoundResult, points: i32, days: i64) -> Offence {
    Offence { grave: true, ..offence(id, CreditCause::Found(result), points, days) }
}

const fn barred(id: &'static str, result: FoundResult, points: i32, days: i64) -> Offence {
    Offence { blacklists: true, ..grave(id, result, points, days) }
}

/// The table of offences. All of it is ours.
pub const OFFENCES: &[Offence] = &[
    offence("CR-01", CreditCause::NoShow, 2, 365),
    offence("CR-02", CreditCause::Found(FoundResult::DocMismatch), 3, 365),
    offence("CR-03", CreditCause::Found(FoundResult::QtyMismatch), 5, 365),
    offence("CR-04", CreditCause::Found(FoundResult::NameOrCodeMismatch), 5, 365),
    grave("CR-05", FoundResult::QualityFail, 10, 365),
    grave("CR-06", FoundResult::QuarantineFail, 15, 730),
    barred("CR-07", FoundResult::IpInfringement, 30, 730),
    barred("CR-08", FoundResult::Prohibited, 45, 730),
];

impl Offence {
    /// What a cause costs; `None` for what costs nothing.
    pub fn of(cause: CreditCause) -> Option<&'static Self> {
        OFFENCES.iter().find(|offence| offence.cause == cause)
    }
}

/// What is wrong with the goods, each thing once: the line (0 for the consignment) and the result, with
/// the findings that say so. One box that is opened for both agencies answers the instructions of both,
/// and what is wrong in it is one offence; so are two samples of one line, and a line beside the
/// consignment that it is in.
pub fn offences<'f>(
    findings: impl IntoIterator<Item = &'f ExaminationFinding>,
) -> BTreeMap<(u32, FoundResult), Vec<&'f ExaminationFinding>> {
    let mut wrong: BTreeMap<(u32, FoundResult), Vec<&ExaminationFinding>> = BTreeMap::new();
    for finding in findings.into_iter().filter(|finding| finding.result.is_adverse()) {
        wrong.entry((finding.key.gnum, finding.result)).or_default().push(finding);
    }
    let of_lines: Vec<FoundResult> =
        wrong.keys().filter(|(gnum, _)| *gnum != 0).map(|(_, result)| *result).collect();
    wrong.retain(|(gnum, result), _| *gnum != 0 || !of_lines.contains(result));
    wrong
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Counts.
    Active,
    /// Counts until the appeal is decided: an appeal does not suspend it.
    Appealed,
    /// Counts; the appeal failed and there is no second one.
    Upheld,
    /// Does not count: the appeal succeeded, or the finding was corrected.
    Overturned,
}

impl Status {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Appealed => "appealed",
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreditEntry {
    /// What it is about.
    pub cause: CreditCause,
    /// The day of the finding.
    pub date: Date,
    /// The last day on which it counts.
    pub until: Date,
    /// Where it stands.
    pub status: Status,
}

impl CreditEntry {
    fn counts(&self) -> Option<&'static Offence> {
        match self.status {
            Status::Active | Status::Appealed | Status::Upheld => Offence::of(self.cause),
            Status::Overturned => None,
        }
    }
}

/// Credit of one enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credit {
    /// The class.
    pub class: Class,
    /// From 0 to [`POINTS_MAX`].
    pub points: i32,
    /// On the blacklist.
    pub blacklisted: bool,
    /// Customs certified it.
    pub certified: bool,
    /// The latest day that it has heard of. Time does not run back.
    pub as_of: Date,
    /// Entries by source. Those that have expired are gone; the journal has them.
    pub entries: BTreeMap<String, CreditEntry>,
    /// Conforming findings by day.
    pub conforming: BTreeMap<Date, u32>,
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CreditEvent {
    /// Something was found. The source names order, instruction, line and sample, so that a report
    /// that is told again has no second effect and a correction replaces what it corrects. Conforming
    /// findings have no entry: whoever feeds them does so once (they are consumed from a journal).
    Found {
        /// Unique name of the finding.
        source: String,
        /// What.
        result: FoundResult,
        /// When.
        date: Date,
    },
    /// Nobody came.
    NoShow {
        /// Unique name of the appointment.
        source: String,
        /// When.
        date: Date,
    },
    /// Customs granted, or took away, the certificate.
    Certified {
        /// Granted.
        granted: bool,
        /// When.
        date: Date,
    },
    /// The enterprise appeals.
    Appeal {
        /// Against which entry.
        source: String,
        /// When.
        date: Date,
    },
    /// The appeal is decided.
    AppealDecided {
        /// About which entry.
        source: String,
        /// It succeeded.
        overturned: bool,
        /// When.
        date: Date,
    },
    /// A day has come.
    Day(Date),
}

/// One thing that changed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditChange {
    /// What.
    pub what: CreditNews,
    /// Why.
    pub because: Explanation,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreditNews {
    /// An entry is new, corrected, appealed against or decided about; its source.
    Entry(String),
    /// An entry expired; its source.
    Expired(String),
    /// A conforming finding was counted.
    Conforming,
    /// The certificate.
    Certified(bool),
    /// The points.
    Points {
        /// Before.
        from: i32,
        /// After.
        to: i32,
    },
    /// The class.
    Class {
        /// Before.
        from: Class,
        /// After.
        to: Class,
    },
    /// On the blacklist, or off it.
    Blacklisted(bool),
}

impl Credit {
    /// An enterprise that nothing is known about.
    pub fn new(date: Date) -> Self {
        Self {
            class: Class::General,
            points: POINTS_START,
            blacklisted: false,
            certified: false,
            as_of: date,
            entries: BTreeMap::new(),
            conforming: BTreeMap::new(),
        }
    }

    /// Applies what happened. No changes: it was known, or counts no more.
    ///
    /// # Errors
    ///
    /// [`Code::CreditEntryUnknown`], [`Code::AppealUsed`] or [`Code::WrongTime`] for appeals.
    pub fn apply(&self, event: &CreditEvent) -> Result<(Self, Vec<CreditChange>), Refusal> {
        let mut then = self.clone();
        let mut changes = Vec::new();
        match event {
            CreditEvent::Found { source, result, date } => {
                then.expire(*date, &mut changes);
                then.found(source, *result, *date, &mut changes);
            }
            CreditEvent::NoShow { source, date } => {
                then.expire(*date, &mut changes);
                then.enter(source, CreditCause::NoShow, *date, &mut changes);
            }
            CreditEvent::Certified { granted, date } => {
                then.expire(*date, &mut changes);
                if then.certified != *granted {
                    then.certified = *granted;
                    let (en, zh) = if *granted {
                        ("certified by customs", "海关高级认证")
                    } else {
                        ("the certificate ended", "高级认证终止")
                    };
                    changes.push(change(CreditNews::Certified(*granted), en, zh));
                }
            }
            CreditEvent::Appeal { source, date } => {
                then.expire(*date, &mut changes);
                then.appeal(source, *date, &mut changes)?;
            }
            CreditEvent::AppealDecided { source, overturned, date } => {
                then.expire(*date, &mut changes);
                then.decide(source, *overturned, &mut changes)?;
            }
            CreditEvent::Day(date) => then.expire(*date, &mut changes),
        }
        then.follow(self, &mut changes);
        Ok((then, changes))
    }

    /// What is over on a day.
    fn expire(&mut self, date: Date, changes: &mut Vec<CreditChange>) {
        self.as_of = self.as_of.max(date);
        let today = self.as_of;
        for (source, entry) in self.entries.extract_if(.., |_, entry| entry.until < today) {
            let until = entry.until;
            changes.push(change(
                CreditNews::Expired(source),
                format!("the entry counted until {until}"),
                format!("记录有效期至{until}"),
            ));
        }
        self.conforming.retain(|day, _| last_day(*day, CONFORM_DAYS) >= today);
    }

    fn found(
        &mut self,
        source: &str,
        result: FoundResult,
        date: Date,
        changes: &mut Vec<CreditChange>,
    ) {
        if !result.is_final() {
            return;
        }
        if result != FoundResult::Conform {
            return self.enter(source, CreditCause::Found(result), date, changes);
        }
        if let Some(entry) = self.entries.get_mut(source) {
            if entry.status != Status::Overturned {
                entry.status = Status::Overturned;
                let source = CreditNews::Entry(source.to_owned());
                changes.push(change(source, "corrected: as declared", "更正为相符"));
            }
        } else if last_day(date, CONFORM_DAYS) >= self.as_of {
            let count = self.conforming.entry(date).or_default();
            *count = count.saturating_add(1);
            changes.push(change(CreditNews::Conforming, "found as declared", "查验相符"));
        }
    }

    fn enter(
        &mut self,
        source: &str,
        cause: CreditCause,
        date: Date,
        changes: &mut Vec<CreditChange>,
    ) {
        let Some(offence) = Offence::of(cause) else { return };
        let until = last_day(date, offence.days);
        let known = self.entries.get(source).map(|entry| entry.cause);
        if until < self.as_of || known == Some(cause) {
            return;
        }
        let entry = CreditEntry { cause, date, until, status: Status::Active };
        self.entries.insert(source.to_owned(), entry);
        let (id, points) = (offence.id, offence.points);
        let what = cause.title();
        changes.push(change(
            CreditNews::Entry(source.to_owned()),
            format!("{id}: {}, {points} points until {until}", what.en),
            format!("{id}：{}，扣{points}分，有效期至{until}", what.zh),
        ));
    }

    fn appeal(
        &mut self,
        source: &str,
        date: Date,
        changes: &mut Vec<CreditChange>,
    ) -> Result<(), Refusal> {
        let refusal = |code| Refusal::of(code).with("source", source);
        let unknown = || refusal(Code::CreditEntryUnknown);
        let entry = self.entries.get_mut(source).ok_or_else(unknown)?;
        match entry.status {
            Status::Appealed => return Ok(()),
            Status::Upheld | Status::Overturned => {
                return Err(refusal(Code::AppealUsed).with("status", entry.status.word()));
            }
            Status::Active if date > last_day(entry.date, APPEAL_DAYS) => {
                let latest = last_day(entry.date, APPEAL_DAYS);
                return Err(refusal(Code::WrongTime).with("possible_until", latest));
            }
            Status::Active => {}
        }
        entry.status = Status::Appealed;
        let source = CreditNews::Entry(source.to_owned());
        changes.push(change(source, "the enterprise appealed", "企业提出申诉"));
        Ok(())
    }

    fn decide(
        &mut self,
        source: &str,
        overturned: bool,
        changes: &mut Vec<CreditChange>,
    ) -> Result<(), Refusal> {
        let refusal = |code| Refusal::of(code).with("source", source);
        let unknown = || refusal(Code::CreditEntryUnknown);
        let entry = self.entries.get_mut(source).ok_or_else(unknown)?;
        let decided = if overturned { Status::Overturned } else { Status::Upheld };
        match entry.status {
            status if status == decided => return Ok(()),
            Status::Appealed => {}
            // Nobody appealed, or it was decided the other way.
            Status::Active | Status::Upheld | Status::Overturned => {
                return Err(refusal(Code::AppealUsed).with("status", entry.status.word()));
            }
        }
        entry.status = decided;
        let (en, zh) = if overturned {
            ("the appeal succeeded", "申诉成立")
        } else {
            ("the appeal failed", "申诉不成立")
        };
        changes.push(change(CreditNews::Entry(source.to_owned()), en, zh));
        Ok(())
    }

    /// What follows from the entries.
    fn follow(&mut self, before: &Self, changes: &mut Vec<CreditChange>) {
        let counting: Vec<&Offence> =
            self.entries.values().filter_map(CreditEntry::counts).collect();
        let lost = counting.iter().fold(0_i32, |sum, offence| sum.saturating_add(offence.points));
        let conforming = self.conforming.values().fold(0_u32, |sum, n| sum.saturating_add(*n));
        let gained = i32::try_from(conforming)
            .map_or(CONFORM_POINTS_MAX, |conforming| conforming.min(CONFORM_POINTS_MAX));
        self.points = (POINTS_START + gained).saturating_sub(lost).clamp(0, POINTS_MAX);
        let alone = counting.iter().find(|offence| offence.blacklists).map(|offence| offence.id);
        let grave = counting.iter().filter(|offence| offence.grave).count();
        self.blacklisted = alone.is_some() || grave >= GRAVE_ENTRIES_BLACKLIST;
        self.class = if self.points < UNTRUSTED_BELOW {
            Class::Untrusted
        } else if self.certified && self.points >= ADVANCED_FROM {
            Class::Advanced
        } else {
            Class::General
        };
        if self.points != before.points {
            let what = CreditNews::Points { from: before.points, to: self.points };
            changes.push(change(
                what,
                format!("{POINTS_START} points, {gained} gained, {lost} lost"),
                format!("基础{POINTS_START}分，加{gained}分，扣{lost}分"),
            ));
        }
        if self.class != before.class {
            let points = self.points;
            changes.push(change(
                CreditNews::Class { from: before.class, to: self.class },
                format!("{points} points, certified: {}", self.certified),
                format!("{points}分，{}高级认证", if self.certified { "有" } else { "无" }),
            ));
        }
        if self.blacklisted != before.blacklisted {
            let why = match (alone, self.blacklisted) {
                (Some(id), _) => {
                    Explanation::new(format!("an entry of {id}"), format!("存在{id}类记录"))
                }
                (None, true) => Explanation::new(
                    format!("{grave} grave entries"),
                    format!("存在{grave}条严重记录"),
                ),
                (None, false) => {
                    Explanation::new("no such entry counts any more", "已无有效的严重记录")
                }
            };
            changes.push(CreditChange {
                what: CreditNews::Blacklisted(self.blacklisted),
                because: why,
            });
        }
    }
}

impl CreditCause {
    /// In words.
    pub fn title(self) -> Explanation {
        match self {
            Self::Found(result) => result.title(),
            Self::NoShow => Explanation::new("nobody came to the appointment", "未按预约到场"),
        }
    }
}

fn change(what: CreditNews, en: impl Into<String>, zh: impl Into<String>) -> CreditChange {
    CreditChange { what, because: Explanation::new(en, zh) }
}

/// The last of so many days after a day.
fn last_day(date: Date, days: i64) -> Date {
    date.saturating_add(Duration::days(days))
}
