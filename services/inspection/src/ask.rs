//! What sites, enterprises and agencies ask of an order: appoint, claim, report, object, dispose.
//!
//! A request has one effect for each request id of a caller; asked again it is answered with the order as
//! it stands.

use std::collections::BTreeSet;

use domain::clearance::Agency;
use domain::inspection::appointment::{By, TimeWindow, book};
use domain::inspection::draw::{Draw, Selection, Task, officers};
use domain::inspection::finding::Disposal;
use domain::inspection::joint;
use domain::inspection::order::{Act, Appointment, Event, InstructionKey, Order, Stage, Treatment};
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, RequestId};
use proto::inspection::{Told, line_numbers};
use store::Fault;
use store::request::{Digest, RequestKey, Seen};
use time::{Duration, OffsetDateTime};

use crate::commit::{Answer, Done, Step};
use crate::errand;
use crate::orders::Filed;
use crate::risk::sha256;
use crate::view::{self, View};

/// Officers who examine together: one of each agency where both look, two where one does. Two at least
/// follow 海关进出口货物查验管理办法 (GACC Order 138, from general knowledge, unverified).
const OFFICERS_TOGETHER: usize = 2;

/// Something asked of an order.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request_id: RequestId,
    /// Name of the caller in the registry.
    pub(crate) caller: String,
    /// Which orders the caller sees.
    pub(crate) view: View,
    pub(crate) id: DeclarationId,
    /// Of the request, to tell a repetition from another one.
    pub(crate) digest: Digest,
    pub(crate) trace: String,
    pub(crate) what: Ask,
}

/// What.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Make or move the appointment; without a time, the next free window.
    Appoint { seen: u32, place: String, start: Option<OffsetDateTime>, by: By },
    /// Take it on.
    Claim { examination: u32 },
    /// A step of the site.
    Report { version: u32, examination: u32, step: Reported },
    /// The enterprise objects.
    Object { examination: u32, reason: String },
    /// An agency decides.
    Dispose { agency: Agency, examination: u32, disposal: Disposal },
}

/// A step of the site.
#[derive(Debug)]
pub(crate) enum Reported {
    /// An act of the examination.
    Act(Act),
    /// Nobody came to this appointment.
    NoShow { seen: u32 },
    /// An officer cannot come: another one is drawn.
    Replace { officer: String },
    /// The goods were treated.
    Treated(Treatment),
    /// What was decided is done.
    Close,
}

/// The draw of each agency.
pub(crate) type Draws = Vec<(Agency, Selection)>;

impl Asked {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        RequestKey { slot: self.id.slot(), id: self.request_id, caller: self.caller.clone() }
    }
}

/// Does it.
pub(crate) async fn ask(step: &mut Step<'_>, asked: &Asked) -> Result<Answer, Fault> {
    let id = asked.id;
    let unknown = || Refusal::of(Code::NotFound).with("name", proto::inspection::order_name(id));
    let Some(filed) = step.orders.get(&id).filter(|it| asked.view.shows(view::Seen::of(it))) else {
        return Ok(Err(unknown()));
    };
    let key = asked.key();
    match step.requests.seen(&key, &asked.digest) {
        Seen::New => {}
        Seen::Same(_) => return Ok(Ok(Done::Order(Box::new(filed.clone()), Draws::new()))),
        Seen::Other(_) => return Ok(Err(named(Refusal::of(Code::RequestIdReused), filed))),
    }
    let done = match &asked.what {
        // Another's place looks like none.
        Ask::Appoint { place, .. } if !asked.view.shows_place(place) => {
            Err(Refusal::of(Code::PlaceUnknown).with("place", place))
        }
        Ask::Appoint { seen, place, start, by } => {
            appoint(step, id, *seen, (place, *start), (*by, &asked.caller)).await?
        }
        Ask::Claim { examination } => claim(step, id, *examination, &asked.caller).await?,
        Ask::Report { version, examination, step: told } => {
            report(step, id, (*version, *examination), told, &asked.caller).await?
        }
        Ask::Object { examination, reason } => {
            object(step, id, *examination, reason)?.map(|()| Draws::new())
        }
        Ask::Dispose { agency, examination, disposal } => {
            let (agency, examination, disposal) = (*agency, *examination, *disposal);
            let event = Event::Dispose { agency, examination, disposal };
            step.apply(id, &event)?.map(|_| Draws::new())
        }
    };
    let draws = match done {
        Ok(draws) => draws,
        Err(refusal) => {
            let filed = step.orders.get(&id);
            return Ok(Err(filed.map_or(refusal.clone(), |filed| named(refusal, filed))));
        }
    };
    step.trace(id, &asked.trace);
    // It is answered with the order as it stands.
    step.requests.keep(key, asked.digest, Vec::new());
    let now = step.order(id)?.clone();
    Ok(Ok(Done::Order(Box::new(now), draws)))
}

/// A refusal because of what is there already names it and where it stands; the caller may see it.
fn named(refusal: Refusal, filed: &Filed) -> Refusal {
    match refusal.code {
        Code::AlreadyReported | Code::RequestIdReused => refusal
            .with("existing", proto::inspection::order_name(filed.id))
            .with("state", proto::inspection::stage(filed.case.order.stage).as_str_name()),
        _ => refusal,
    }
}

/// A refusal inside a fault-free step.
type Asking<T> = Result<Result<T, Refusal>, Fault>;

async fn appoint(
    step: &mut Step<'_>,
    id: DeclarationId,
    seen: u32,
    (place, start): (&str, Option<OffsetDateTime>),
    (by, caller): (By, &str),
) -> Asking<Draws> {
    let filed = step.order(id)?.clone();
    if by == By::Site
        && let Err(refusal) = is_claimed_by(&filed, caller)
    {
        return Ok(Err(refusal));
    }
    let Some(site) = step.site(place).await? else {
        return Ok(Err(Refusal::of(Code::PlaceUnknown).with("place", place)));
    };
    if !site.serves(&filed.port_code) {
        let refusal = Refusal::of(Code::PlaceUnknown).with("place", place);
        return Ok(Err(refusal.with("port", &filed.port_code)));
    }
    let now = step.now;
    let taken = step.taken(place).await?;
    // Nobody holds a window that has no row.
    let count = |window: TimeWindow| taken.get(&window.start).copied().unwrap_or_default();
    let window = match start {
        Some(start) => {
            let length = Duration::minutes(i64::from(site.place.window_minutes));
            Some(TimeWindow { start, end: start.saturating_add(length) })
        }
        None => site.place.next_free(count, by, now),
    };
    let Some(window) = window else {
        return Ok(Err(Refusal::of(Code::WindowFull).with("place", place)));
    };
    let appointment = Appointment { place: place.to_owned(), window };
    let stood = filed.standing().cloned();
    if stood.as_ref() != Some(&appointment)
        && let Err(refusal) = book(&site.place, window, count(window), by, now)
    {
        return Ok(Err(refusal));
    }
    let Order { version, examination, stage, .. } = filed.case.order;
    let booked = appointment.clone();
    let act = if stage == Stage::Appointed {
        Act::Reschedule { seen, appointment, by, at: now }
    } else {
        Act::Appoint { seen, appointment, by }
    };
    let named = step.order(id)?;
    named.place_name.clone_from(&site.place.name);
    named.place_name_zh.clone_from(&site.place.name_zh);
    match step.apply(id, &Event::Site { version, examination, act })? {
        Ok(facts) if facts.is_empty() => Ok(Ok(Draws::new())),
        Ok(_) => {
            step.move_booking(stood.as_ref(), &booked);
            Ok(Ok(Draws::new()))
        }
        Err(refusal) => {
            step.orders.insert(id, filed);
            Ok(Err(refusal))
        }
    }
}

/// Who may act on an order as its site.
fn is_claimed_by(filed: &Filed, caller: &str) -> Result<(), Refusal> {
    if filed.claimed_by.is_empty() || filed.claimed_by == caller {
        return Ok(());
    }
    Err(Refusal::of(Code::OrderTaken).with("claimed_by", &filed.claimed_by))
}

/// Draws the officers and sends them.
async fn claim(
    step: &mut Step<'_>,
    id: DeclarationId,
    examination: u32,
    caller: &str,
) -> Asking<Draws> {
    let filed = step.order(id)?.clone();
    if let Err(refusal) = is_claimed_by(&filed, caller) {
        return Ok(Err(refusal));
    }
    let order = &filed.case.order;
    if filed.claimed_by == caller && !order.work.officers.is_empty() {
        // Nobody is drawn anew, but only for an examination that there is.
        let act = Act::Assign { officers: order.work.on_duty() };
        let event = Event::Site { version: order.version, examination, act };
        return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
    }
    let agencies: Vec<Agency> = [Agency::Customs, Agency::Inspection]
        .into_iter()
        .filter(|agency| order.has(*agency))
        .collect();
    let each = OFFICERS_TOGETHER.div_ceil(agencies.len().max(1));
    let mut draws = Draws::new();
    let mut chosen = BTreeSet::new();
    for agency in agencies {
        let selection = draw(step, &filed, agency, each, &BTreeSet::new()).await?;
        chosen.extend(selection.chosen().map(str::to_owned));
        draws.push((agency, selection));
    }
    // Where there is no appointment, that is what is wrong; the draw depends on its day.
    let missing: usize = draws.iter().map(|(_, selection)| selection.missing).sum();
    if missing > 0 && order.stage == Stage::Appointed {
        let short = draws.iter().find(|(_, selection)| selection.missing > 0);
        let agency = short.map_or("", |(agency, _)| domain::inspection::agency_word(*agency));
        let refusal = Refusal::of(Code::OfficersMissing).with("missing", missing);
        return Ok(Err(refusal.with("agency", agency)));
    }
    let officers: Vec<String> = chosen.iter().cloned().collect();
    let act = Act::Assign { officers: chosen };
    let version = order.version;
    if let Err(refusal) = step.apply(id, &Event::Site { version, examination, act })? {
        return Ok(Err(refusal));
    }
    step.examined(&officers, &filed.declarant_code);
    caller.clone_into(&mut step.order(id)?.claimed_by);
    step.tell(id, [Told::Claimed(caller.to_owned())]);
    Ok(Ok(draws))
}

async fn draw(
    step: &mut Step<'_>,
    filed: &Filed,
    agency: Agency,
    how_many: usize,
    without: &BTreeSet<&String>,
) -> Result<Selection, Fault> {
    let mut candidates = step.candidates().await?;
    candidates.retain(|candidate| !without.contains(&candidate.officer));
    let order = &filed.case.order;
    let day = order.appointment.as_ref().map_or(step.now, |it| it.window.start);
    let first = order.first.iter().flat_map(|first| first.officers.keys().cloned());
    let task = Task {
        agency,
        day: day.to_offset(domain::inspection::appointment::CHINA).date(),
        firms: filed.firms.clone(),
        examination: order.examination,
        earlier: first.collect(),
    };
    let draw = Draw { seed: step.seed().await?, subject: filed.order_id.0, sha256 };
    Ok(officers(&draw, &candidates, &task, how_many))
}

async fn report(
    step: &mut Step<'_>,
    id: DeclarationId,
    (version, examination): (u32, u32),
    told: &Reported,
    caller: &str,
) -> Asking<Draws> {
    let filed = step.order(id)?.clone();
    if let Err(refusal) = is_claimed_by(&filed, caller) {
        return Ok(Err(refusal));
    }
    // Who reports took the order on before; that nobody came is seen by whoever waits at the place.
    let is_current =
        (version, examination) == (filed.case.order.version, filed.case.order.examination);
    if is_current && filed.claimed_by.is_empty() && !matches!(told, Reported::NoShow { .. }) {
        let refusal = Refusal::of(Code::InspectionOutOfStep).with("claimed_by", "");
        return Ok(Err(refusal.with("stage", filed.case.order.stage.word())));
    }
    let act = match told {
        Reported::Act(act) => act.clone(),
        Reported::NoShow { seen } => Act::NoShow { seen: *seen, at: step.now },
        Reported::Treated(treatment) => {
            let event = Event::Treated { examination, treatment: treatment.clone() };
            return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
        }
        Reported::Close => {
            let event = Event::Close { examination };
            return Ok(step.apply(id, &event)?.map(|_| Draws::new()));
        }
        Reported::Replace { officer } => {
            return replace(step, id, (version, examination), officer).await;
        }
    };
    if let Err(refusal) = about_goods(&filed, &act)? {
        return Ok(Err(refusal));
    }
    Ok(step.apply(id, &Event::Site { version, examination, act })?.map(|_| Draws::new()))
}

/// Whether samples and findings are about goods that are there and, where the instruction names lines, about
/// these.
fn about_goods(filed: &Filed, act: &Act) -> Asking<()> {
    let named: Vec<(&InstructionKey, u32)> = match act {
        Act::Take { sample } => vec![(&sample.instruction, sample.gnum)],
        Act::Report { findings } => {
            findings.iter().map(|found| (&found.key.instruction, found.key.gnum)).collect()
        }
        Act::Appoint { .. }
        | Act::Reschedule { .. }
        | Act::NoShow { .. }
        | Act::Assign { .. }
        | Act::Replace { .. }
        | Act::Present { .. }
        | Act::Examine { .. }
        | Act::Send { .. } => return Ok(Ok(())),
    };
    let known = line_numbers(&filed.goods).map_err(|error| Fault::Broken(error.to_string()))?;
    for (key, gnum) in named.into_iter().filter(|(_, gnum)| *gnum != 0) {
        let instruction = filed.case.order.instructions.get(key);
        let meant = instruction.map_or(&[][..], |instruction| &instruction.lines);
        if !known.contains(&gnum) || !meant.is_empty() && !meant.contains(&gnum) {
            let lines = known.iter().filter(|line| meant.is_empty() || meant.contains(line));
            let lines = lines.map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let refusal = Refusal::of(Code::NumberOutOfRange).with("field", "gnum");
            return Ok(Err(refusal.with("gnum", gnum).with("lines", lines)));
        }
    }
    Ok(Ok(()))
}

/// Draws one more officer of the same agency.
async fn replace(
    step: &mut Step<'_>,
    id: DeclarationId,
    (version, examination): (u32, u32),
    officer: &str,
) -> Asking<Draws> {
    let filed = step.order(id)?.clone();
    let candidates = step.candidates().await?;
    let known = candidates.iter().find(|candidate| candidate.officer == officer);
    let Some(agency) = known.map(|candidate| candidate.agency) else {
        return Ok(Err(Refusal::of(Code::OfficerNotAssigned).with("officer", officer)));
    };
    let without: BTreeSet<&String> = filed.case.order.work.officers.keys().collect();
    let selection = draw(step, &filed, agency, 1, &without).await?;
    let Some(by) = selection.chosen().next().map(str::to_owned) else {
        let refusal = Refusal::of(Code::OfficersMissing).with("missing", selection.missing);
        let agency = domain::inspection::agency_word(agency);
        return Ok(Err(refusal.with("agency", agency)));
    };
    let act = Act::Replace { officer: officer.to_owned(), by: by.clone() };
    if let Err(refusal) = step.apply(id, &Event::Site { version, examination, act })? {
        return Ok(Err(refusal));
    }
    step.examined(&[by], &filed.declarant_code);
    Ok(Ok(vec![(agency, selection)]))
}

/// The declaration has to be stopped before goods are looked at again, so an objection waits for that.
fn object(step: &mut Step<'_>, id: DeclarationId, examination: u32, reason: &str) -> Asking<()> {
    let now = step.now;
    let filed = step.order(id)?;
    let (case, errand) = match joint::object(&filed.case, examination) {
        Ok(objected) => objected,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // It was made before.
    let Some(errand) = errand else { return Ok(Ok(())) };
    filed.case = case;
    filed.changed_time = now;
    let errand = errand::of(filed, errand, reason);
    step.errands.push(errand);
    step.tell(id, [Told::ObjectionMade]);
    Ok(Ok(()))
}
