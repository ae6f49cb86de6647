//! What can happen to an order, and what did.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::instruction::{Instruction, Method};
use super::work::{Appointment, Attendance, Sample, Treatment};
use crate::clearance::Agency;
use crate::inspection::appointment::AppointmentMaker;
use crate::inspection::finding::{Disposal, ExaminationFinding, FindingKey, FoundResult};

/// What the site says about an examination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SiteAct {
    /// Makes an appointment.
    Appoint {
        /// `Order::appointments` as the sender saw it.
        seen: u32,
        /// Where and when; the place has booked it ([`appointment::book`]).
        appointment: Appointment,
        /// Who chose it.
        by: AppointmentMaker,
    },
    /// Moves the appointment.
    Reschedule {
        /// `Order::appointments` as the sender saw it.
        seen: u32,
        /// Where and when now; the place has booked it.
        appointment: Appointment,
        /// Who wants it.
        by: AppointmentMaker,
        /// The time of the request.
        at: OffsetDateTime,
    },
    /// Nobody came.
    NoShow {
        /// `Order::appointments` as the sender saw it.
        seen: u32,
        /// The time of the report.
        at: OffsetDateTime,
    },
    /// Sends the officers that were drawn ([`super::draw::officers`]).
    Assign {
        /// Who.
        officers: BTreeSet<String>,
    },
    /// Sends somebody else, drawn again without the one who cannot come.
    Replace {
        /// Who goes.
        officer: String,
        /// Who comes.
        by: String,
    },
    /// The goods are there.
    Present {
        /// Who with them.
        attendance: Attendance,
    },
    /// Begins to look in this way.
    Examine {
        /// How.
        method: Method,
        /// Who.
        officer: String,
    },
    /// Takes a sample.
    Take {
        /// Which.
        sample: Sample,
    },
    /// Sends it to a laboratory.
    Send {
        /// Which.
        sample: String,
        /// To whom.
        laboratory: String,
    },
    /// Reports findings, or a laboratory its results.
    Report {
        /// All of them take effect together.
        findings: Vec<ExaminationFinding>,
    },
}

/// What can happen to an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// An agency wants the goods looked at.
    Demand {
        /// Who.
        agency: Agency,
        /// On which version of the declaration.
        version: u32,
        /// What for; none stands for [`Instruction::general`].
        instructions: Vec<Instruction>,
    },
    /// The site did something.
    Site {
        /// Version with which the order came.
        version: u32,
        /// Which examination, 1 or 2.
        examination: u32,
        /// What.
        act: SiteAct,
    },
    /// The enterprise objects to the findings: a second examination (复验), once.
    Object {
        /// To which examination.
        examination: u32,
    },
    /// The declaration was stopped for the second examination that an objection asked for. Whatever was
    /// decided about the goods meanwhile is void.
    Reopened {
        /// On which version of the declaration.
        version: u32,
    },
    /// An agency decides what happens to the goods.
    Dispose {
        /// Who.
        agency: Agency,
        /// On the findings of which examination.
        examination: u32,
        /// What.
        disposal: Disposal,
    },
    /// The goods were treated.
    Treated {
        /// After which examination.
        examination: u32,
        /// With which result.
        treatment: Treatment,
    },
    /// What was decided is done.
    Close {
        /// After which examination.
        examination: u32,
    },
    /// The declaration was rejected, returned or withdrawn.
    Cancel {
        /// In which version.
        version: u32,
    },
}

/// What happened, for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrderFact {
    /// The order was opened, or opened again on a later version.
    Ordered(Agency),
    /// The other agency joined it.
    Joined(Agency),
    /// An agency that was in it demands more.
    Extended(Agency),
    /// A late demand was answered from the record.
    Answered(Agency),
    /// It has a place and a time.
    Appointed,
    /// It has another one.
    Rescheduled,
    /// Nobody came, for the so manyth time.
    NoShow(u32),
    /// From now on the site chooses the time, and the goods may be opened without the declarant.
    Compelled,
    /// Officers were sent.
    Assigned,
    /// One was replaced.
    Replaced,
    /// The goods are there.
    Presented(Attendance),
    /// Officers began to look in this way.
    Began(Method),
    /// A sample was taken.
    Taken(String),
    /// A sample went to the laboratory.
    Sent(String),
    /// Something was found, or corrected.
    Found(FindingKey, FoundResult),
    /// Every instruction of both agencies is answered.
    Completed,
    /// A second examination was ordered.
    Objected,
    /// An agency decided.
    Decided(Agency, Disposal),
    /// The goods have to be treated.
    TreatmentOrdered,
    /// They were treated, with or without success.
    Treated(bool),
    /// It is decided what happens to the goods.
    Disposed(Disposal),
    /// Done.
    Closed,
    /// The open order fell away.
    Cancelled,
}
