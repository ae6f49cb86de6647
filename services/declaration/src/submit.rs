//! Filing a declaration: parse, check, keep once, write down as `Filed` in a shared commit. Step 2 of 5.
//!
//! The invariant: what was acknowledged is in the database, once for each request id and once for
//! each business key. Repeating a request gives the same receipt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use domain::CHINA;
use domain::clearance::{Clearance, Phase, Stand};
use domain::history::HistoryFact;
use domain::ids::is_given_by_door;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Kind as Caller, Principal, Slot, limits};
use prost::Message as _;
use proto::stored::FilingKind;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::journal::Origin;
use store::numbers::{NumberSeries, Numbers, use_numbers};
use store::permutation::NumberKey;
use store::request::RequestStatus;
use store::{Fault, column};
use time::OffsetDateTime;

use crate::declared_order::{DeclaredOrders, OrderKey};
use crate::key_holder::KeyHolder;
use crate::row::{phase, stand_column};
use crate::submission::{OwnNumber, Submission};
use crate::transaction::DeclarationTransaction;
use crate::{Declarations, Error, filing};

/// What the enterprise gets for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) id: DeclarationId,
    pub(crate) pre_no: String,
    pub(crate) filed_time: OffsetDateTime,
    /// It was filed by an earlier request of this id; nothing was filed now.
    pub(crate) repeated: bool,
}

/// From the message to a submission: every broken rule is named at once.
pub(crate) fn parse(
    declarations: &Declarations,
    principal: &Principal,
    (request_id, pre_no): (&str, String),
    content: Option<crate::Content>,
    (only_check, origin): (bool, Origin),
) -> Result<Submission, Error> {
    let request_id = proto::exchange::request(request_id)?;
    let pre_no = given_number(principal, pre_no)?;
    // Without content every rule that wants something is broken, and named.
    let content = content.unwrap_or_default();
    let body = Bytes::from(content.encode_to_vec());
    let declaration = domain::Declaration::from(content);
    let allowed = principal.may_declare(&declaration);
    let slot = Slot::of(&declaration.declarant.code);
    let checked = declaration
        .check(&declarations.profile)
        .map_err(|violations| Error::Refused(Refusal::invalid(violations)))?;
    if !allowed {
        let refusal = Refusal::of(Code::DeclarantForeign)
            .with("declarant", &checked.declaration.declarant.code);
        return Err(Error::Refused(refusal));
    }
    let digest = Sha256::new().chain_update(b"submit").chain_update(&body).finalize().into();
    let clearance = Clearance::filed(declarations.profile.required(&checked));
    let national = principal.kind == Caller::Gateway;
    Ok(Submission {
        request_id,
        slot,
        checked,
        clearance,
        body,
        digest,
        national,
        pre_no,
        only_check,
        origin,
    })
}

/// The national door answers before the declaration is filed, so it gives the number itself, from
/// the half of the numbers that is its own: a number of the other half may be given to somebody else.
fn given_number(principal: &Principal, pre_no: String) -> Result<Option<String>, Refusal> {
    if pre_no.is_empty() {
        return Ok(None);
    }
    if principal.kind != Caller::Gateway || !is_given_by_door(&pre_no) {
        return Err(Refusal::of(Code::NotAllowed).with("field", "pre_no"));
    }
    Ok(Some(pre_no))
}

/// What is looked up once for all filings of a transaction.
pub(crate) struct Lookup {
    /// Who has the own numbers of declarants.
    holders: HashMap<OwnNumber, KeyHolder>,
    /// The day's numbers of the slots.
    numbers: Numbers,
    /// The day in China as eight digits.
    day: i32,
}

/// Looks up what new filings need.
pub(crate) async fn look_up<'t>(
    step: &mut DeclarationTransaction<'t>,
    key: &NumberKey,
    submissions: &[&'t Submission],
    amended: &[DeclarationId],
) -> Result<Lookup, Fault> {
    let is_new = |s: &&&Submission| step.requests.seen(&s.key(), &s.digest) == RequestStatus::New;
    let new: Vec<&Submission> = submissions.iter().filter(is_new).copied().collect();
    let mut wanted: BTreeMap<Slot, i64> = BTreeMap::new();
    for submission in new.iter().filter(|submission| submission.pre_no.is_none()) {
        *wanted.entry(submission.slot).or_default() += 1;
    }
    let date = step.now.to_offset(CHINA).date();
    let day =
        date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day());
    step.orders = orders(step, &new, amended).await?;
    let holders = holders(step.tx, &new).await?;
    let series = NumberSeries { key, kind: "B", period: day, count: limits::NUMBERS_OF_DOOR_FROM };
    let numbers = use_numbers(step.tx, series, &wanted).await?;
    Ok(Lookup { holders, numbers, day })
}

/// Who has the orders of new submissions, and those of declarations that ended and are amended.
async fn orders<'t>(
    step: &mut DeclarationTransaction<'t>,
    new: &[&'t Submission],
    amended: &[DeclarationId],
) -> Result<DeclaredOrders, Fault> {
    let (mut fresh, mut checks) = (BTreeMap::new(), BTreeSet::new());
    for submission in new {
        if submission.only_check {
            checks.insert(submission.order());
        } else {
            fresh.entry(submission.order()).or_insert_with(|| fresh_id(step, submission));
        }
    }
    let ended = amended.iter().filter_map(|id| step.cases.get(id));
    let ended = ended.filter(|case| case.clearance.phase == Phase::Rejected);
    let asked: BTreeSet<OrderKey> = ended.map(OrderKey::of).collect();
    DeclaredOrders::load(step.tx, &fresh, &asked, &checks).await
}

/// Files one, or answers as it was answered before.
pub(crate) async fn submit<'t>(
    step: &mut DeclarationTransaction<'t>,
    submission: &'t Submission,
    lookup: &mut Lookup,
) -> Result<Result<Receipt, Refusal>, Fault> {
    let (before, is_same) = match step.requests.seen(&submission.key(), &submission.digest) {
        RequestStatus::New => return file(step, submission, lookup).await,
        RequestStatus::Same(outcome) => (filing::read(outcome)?, true),
        RequestStatus::Other(outcome) => (filing::read(outcome)?, false),
    };
    if before.kind != FilingKind::Submit {
        return Ok(Err(filing::reused(step, &before, None, "request_id").await?));
    }
    if !is_same {
        let body = Some(&submission.body[..]);
        return Ok(Err(filing::reused(step, &before, body, "request_id").await?));
    }
    let case = step.case(before.declaration)?;
    let (id, pre_no, filed_time) = (case.id, case.pre_no.clone(), case.filed_time);
    Ok(Ok(Receipt { id, pre_no, filed_time, repeated: true }))
}

/// Files one that was not seen before.
async fn file<'t>(
    step: &mut DeclarationTransaction<'t>,
    submission: &'t Submission,
    lookup: &mut Lookup,
) -> Result<Result<Receipt, Refusal>, Fault> {
    let (order, own) = (submission.order(), submission.own_number());
    if let Some(id) = step.orders.declaration(&order)
        && let Some(refusal) =
            clash(step, submission, step.orders.holder(id), id, || order.describe())?
    {
        return Ok(Err(refusal));
    }
    let holder = own.as_ref().and_then(|own| lookup.holders.get(own));
    if let (Some(own), Some(holder)) = (&own, holder)
        && let Some(refusal) = clash(step, submission, Some(holder), holder.id, || own.describe())?
    {
        return Ok(Err(refusal));
    }
    let pre_no = match &submission.pre_no {
        Some(given) => given.clone(),
        None => match lookup.number(submission.slot)? {
            Some(number) => number,
            None => return Ok(Err(Refusal::of(Code::NumbersUsedUp))),
        },
    };
    let reserved = step.orders.reserved(&order, submission.slot);
    // Another one of this transaction had it there, and was refused.
    let id = reserved.unwrap_or_else(|| fresh_id(step, submission)); // why: see above
    let case = submission.row(id, pre_no.clone(), step.now);
    let before = step.orders.declaration(&order).filter(|before| before.slot() == submission.slot);
    let own_before = own.and_then(|own| lookup.holders.insert(own, KeyHolder::of(&case)));
    // One that another declarant filed in another slot sees by its order that it gave way.
    let gives_way = before.into_iter().chain(own_before.map(|holder| holder.id));
    for id in gives_way.collect::<BTreeSet<_>>() {
        give_way(step, id).await?;
    }
    step.orders.take(order, id);
    step.open(case);
    step.record(id, [HistoryFact::Filed { pre_no: pre_no.clone() }]);
    step.keep_content(id, 1, submission.body.clone())?;
    step.enter(id, &submission.origin)?;
    let request = (submission.key(), submission.digest, &submission.origin);
    filing::keep(step, request, FilingKind::Submit, (id, 1));
    let filed_time = step.now;
    Ok(Ok(Receipt { id, pre_no, filed_time, repeated: false }))
}

fn fresh_id<'t>(step: &mut DeclarationTransaction<'t>, of: &'t Submission) -> DeclarationId {
    step.fresh_id(&of.checked.declaration.declarant.code, of.slot)
}

impl Lookup {
    /// preNo: B, the date in China, nine digits; the digits are shared evenly among the slots. `None`
    /// where the day's numbers are used up.
    fn number(&mut self, slot: Slot) -> Result<Option<String>, Fault> {
        let base = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT;
        let serial = self.numbers.next(slot)?.map(|number| base + number);
        Ok(serial.map(|serial| format!("B{:08}{serial:09}", self.day)))
    }
}

/// What keeps a declaration from being filed: another one that has the same business key and stands. What
/// another declarant has does not show.
fn clash(
    step: &DeclarationTransaction<'_>,
    submission: &Submission,
    known: Option<&KeyHolder>,
    id: DeclarationId,
    key: impl Fn() -> String,
) -> Result<Option<Refusal>, Fault> {
    // What happened to it in this transaction counts.
    let now = step.cases.get(&id).map(KeyHolder::of);
    let holder = now.as_ref().or(known);
    let holder =
        holder.ok_or_else(|| Fault::Broken(format!("declaration {id} has an order and no row")))?;
    let ended = matches!(holder.phase, Phase::Rejected | Phase::Withdrawn | Phase::Returned);
    if ended && !holder.detained {
        return Ok(None);
    }
    if holder.declarant_code != submission.checked.declaration.declarant.code {
        // A check without effect tells nothing of it: it would be a way to ask what others declare.
        let declared = Refusal::of(Code::OrderDeclared).with("key", key());
        return Ok((!submission.only_check).then_some(declared));
    }
    // Filing anew is no way out of a detention.
    let code = if ended { Code::GoodsDetained } else { Code::BusinessKeyTaken };
    let refusal = Refusal::of(code);
    let refusal = if ended { refusal } else { refusal.with("key", key()) };
    Ok(Some(holder.named(refusal)))
}

/// Finds who has the own numbers of these submissions.
async fn holders(
    tx: &mut PgConnection,
    submissions: &[&Submission],
) -> Result<HashMap<OwnNumber, KeyHolder>, Fault> {
    let wanted: Vec<OwnNumber> = submissions.iter().filter_map(|it| it.own_number()).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = wanted.iter().map(|own| own.slot.column()).collect();
    let declarants: Vec<&str> = wanted.iter().map(|own| own.declarant_code.as_str()).collect();
    let numbers: Vec<&str> = wanted.iter().map(|own| own.cop_no.as_str()).collect();
    let rows = sqlx::query!(
        r#"select d.slot, d.id, d.phase, d.declarant_code, d.cop_no, d.pre_no, d.invt_no,
                  (strpos(d.stands, $4) > 0) as "detained!"
           from unnest($1::smallint[], $2::text[], $3::text[]) as wanted (slot, declarant_code, cop_no)
           join declaration d on d.slot = wanted.slot and d.declarant_code = wanted.declarant_code
             and d.cop_no = wanted.cop_no and d.current and d.cop_no <> ''"#,
        &slots,
        &declarants as &[&str],
        &numbers as &[&str],
        &stand_column(Stand::Detained).to_string(),
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (slot, declarant_code) = (column::slot(row.slot)?, row.declarant_code);
            let own =
                OwnNumber { slot, declarant_code: declarant_code.clone(), cop_no: row.cop_no };
            let id = DeclarationId::from_uuid(row.id);
            let (phase, detained) = (phase(row.phase)?, row.detained);
            let (pre_no, invt_no) = (row.pre_no, row.invt_no);
            Ok((own, KeyHolder { id, declarant_code, phase, detained, pre_no, invt_no }))
        })
        .collect()
}

/// A declaration that ended without release leaves its business keys to a new one.
async fn give_way(step: &mut DeclarationTransaction<'_>, id: DeclarationId) -> Result<(), Fault> {
    // It is loaded only where something else is asked of it in this transaction.
    if let Some(case) = step.cases.get_mut(&id) {
        case.current = false;
    }
    let gave = sqlx::query!(
        "update declaration set current = false where slot = $1 and id = $2",
        id.slot().column(),
        id.uuid()
    )
    .execute(&mut *step.tx)
    .await?;
    match gave.rows_affected() {
        1 => Ok(()),
        _ => Err(Fault::Broken(format!("declaration {id} has business keys and no row"))),
    }
}
