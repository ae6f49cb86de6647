//! Filing a declaration: parse, check, keep once, write down as `Filed` in a shared commit. Step 2 of 5.
//!
//! The invariant: what was acknowledged is in the database, once for each request id and once for
//! each business key. Repeating a request gives the same receipt.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use domain::clearance::{Clearance, Phase, Stand};
use domain::declaration::Checked;
use domain::history::HistoryFact;
use domain::ids::is_given_by_door;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Kind as Caller, Principal, RequestId, Slot, limits};
use prost::Message as _;
use proto::stored::FilingKind;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::numbers::{CHINA, Numbers, use_numbers};
use store::request::{Digest, RequestKey, Seen};
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::row::{DeclarationRow, phase, stand_column};
use crate::transaction::DeclarationTransaction;
use crate::{Declarations, Error, filing};

/// A declaration that obeys every rule and waits for its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) request_id: RequestId,
    pub(crate) slot: Slot,
    pub(crate) checked: Checked,
    /// Where it begins: a window that asks the risk rules waits for them.
    pub(crate) clearance: Clearance,
    /// The content as it is kept and sent on.
    pub(crate) body: Bytes,
    /// To tell a repetition from another request under the same id.
    pub(crate) digest: Digest,
    /// It comes by the national door,
    pub(crate) national: bool,
    /// which gave its preNo already.
    pub(crate) pre_no: Option<String>,
    /// `traceparent` of the caller.
    pub(crate) trace: String,
}

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
    trace: String,
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
    Ok(Submission { request_id, slot, checked, clearance, body, digest, national, pre_no, trace })
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
    /// Who has the business keys.
    holders: HashMap<Key, Holder>,
    /// The day's numbers of the slots.
    numbers: Numbers,
    /// The day in China as eight digits.
    day: i32,
}

/// Looks up what new filings need.
pub(crate) async fn look_up(
    step: &mut DeclarationTransaction<'_>,
    submissions: &[&Submission],
) -> Result<Lookup, Fault> {
    let is_new = |s: &&&Submission| step.requests.seen(&s.key(), &s.digest) == Seen::New;
    let new: Vec<&Submission> = submissions.iter().filter(is_new).copied().collect();
    let mut wanted: BTreeMap<Slot, i64> = BTreeMap::new();
    for submission in new.iter().filter(|submission| submission.pre_no.is_none()) {
        *wanted.entry(submission.slot).or_default() += 1;
    }
    let date = step.now.to_offset(CHINA).date();
    let day =
        date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day());
    let holders = holders(step.tx, &new).await?;
    let numbers = use_numbers(step.tx, "B", day, &wanted).await?;
    Ok(Lookup { holders, numbers, day })
}

/// Files one, or answers as it was answered before.
pub(crate) async fn submit(
    step: &mut DeclarationTransaction<'_>,
    submission: &Submission,
    lookup: &mut Lookup,
) -> Result<Result<Receipt, Refusal>, Fault> {
    let (before, is_same) = match step.requests.seen(&submission.key(), &submission.digest) {
        Seen::New => return file(step, submission, lookup).await,
        Seen::Same(outcome) => (filing::read(outcome)?, true),
        Seen::Other(outcome) => (filing::read(outcome)?, false),
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
async fn file(
    step: &mut DeclarationTransaction<'_>,
    submission: &Submission,
    lookup: &mut Lookup,
) -> Result<Result<Receipt, Refusal>, Fault> {
    let keys = keys(submission);
    for key in &keys {
        let Some(holder) = lookup.holders.get(key) else { continue };
        // What happened to it in this transaction counts.
        let holder = step.cases.get(&holder.id).map_or_else(|| holder.clone(), Holder::of);
        if !matches!(holder.phase, Phase::Rejected | Phase::Withdrawn | Phase::Returned) {
            let taken = Refusal::of(Code::BusinessKeyTaken).with("key", key.describe());
            return Ok(Err(holder.named(taken)));
        }
        if holder.detained {
            // Filing anew is no way out of a detention.
            return Ok(Err(holder.named(Refusal::of(Code::GoodsDetained))));
        }
    }
    let pre_no = match &submission.pre_no {
        Some(given) => given.clone(),
        None => match lookup.number(submission.slot)? {
            Some(number) => number,
            None => return Ok(Err(Refusal::of(Code::NumbersUsedUp))),
        },
    };
    let id = DeclarationId::new(Uuid::now_v7(), submission.slot);
    let case = DeclarationRow::filed(id, submission, pre_no.clone(), step.now);
    for key in keys {
        if let Some(holder) = lookup.holders.insert(key, Holder::of(&case)) {
            give_way(step, holder.id).await?;
        }
    }
    step.open(case);
    step.record(id, [HistoryFact::Filed { pre_no: pre_no.clone() }]);
    step.show(id, submission.body.clone());
    let position = step.enter(id, &submission.trace)?;
    step.case(id)?.content_position = position;
    let request = (submission.key(), submission.digest);
    filing::keep(step, request, (FilingKind::Submit, position), (id, 1));
    let filed_time = step.now;
    Ok(Ok(Receipt { id, pre_no, filed_time, repeated: false }))
}

impl Submission {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        filing::key(self.slot, self.request_id, &self.checked.declaration.declarant.code)
    }
}

impl Lookup {
    /// preNo: B, the date in China, nine digits; the digits are shared evenly among the slots. `None`
    /// where the day's numbers are used up.
    fn number(&mut self, slot: Slot) -> Result<Option<String>, Fault> {
        let used = self.numbers.next(slot)?;
        let serial = i64::from(slot.column()) * limits::NUMBERS_PER_SLOT + used;
        let is_left = used < limits::NUMBERS_OF_DOOR_FROM;
        Ok(is_left.then(|| format!("B{:08}{serial:09}", self.day)))
    }
}

/// What a declarant may have only once: the order of a seller, and its own number. Both are its own matter:
/// what another declarant of the slot files neither takes them nor shows in a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Order { slot: Slot, declarant_code: String, ebc_code: String, order_no: String },
    Own { slot: Slot, declarant_code: String, cop_no: String },
}

impl Key {
    fn describe(&self) -> String {
        match self {
            Self::Order { ebc_code, order_no, .. } => {
                format!("ebc.code {ebc_code} + order_no {order_no}")
            }
            Self::Own { declarant_code, cop_no, .. } => {
                format!("declarant.code {declarant_code} + cop_no {cop_no}")
            }
        }
    }
}

fn keys(submission: &Submission) -> Vec<Key> {
    let d = &submission.checked.declaration;
    let slot = submission.slot;
    let declarant_code = d.declarant.code.clone();
    let mut keys = vec![Key::Order {
        slot,
        declarant_code: declarant_code.clone(),
        ebc_code: d.ebc.code.clone(),
        order_no: d.order_no.clone(),
    }];
    if !d.cop_no.is_empty() {
        keys.push(Key::Own { slot, declarant_code, cop_no: d.cop_no.clone() });
    }
    keys
}

/// Who has a business key now.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) id: DeclarationId,
    pub(crate) phase: Phase,
    /// An agency detained the goods.
    detained: bool,
    pub(crate) pre_no: String,
    pub(crate) invt_no: Option<String>,
}

impl Holder {
    /// Names it in a refusal: for its own declarant only.
    pub(crate) fn named(&self, refusal: Refusal) -> Refusal {
        let named = refusal
            .with("existing", self.id.name())
            .with("pre_no", &self.pre_no)
            .with("state", proto::facts::state_name(self.phase));
        match &self.invt_no {
            Some(invt_no) => named.with("invt_no", invt_no),
            None => named,
        }
    }

    pub(crate) fn of(case: &DeclarationRow) -> Self {
        Self {
            id: case.id,
            phase: case.clearance.phase,
            detained: case.clearance.detained(),
            pre_no: case.pre_no.clone(),
            invt_no: case.invt_no.clone(),
        }
    }
}

/// Finds who has the business keys of these submissions.
async fn holders(
    tx: &mut PgConnection,
    submissions: &[&Submission],
) -> Result<HashMap<Key, Holder>, Fault> {
    if submissions.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = submissions.iter().map(|s| s.slot.column()).collect();
    let of = |field: fn(&domain::Declaration) -> &str| {
        submissions.iter().map(|s| field(&s.checked.declaration)).collect::<Vec<&str>>()
    };
    let rows = sqlx::query!(
        r#"select d.slot as "slot!", d.id as "id!", d.phase as "phase!",
                  d.declarant_code as "declarant_code!", d.pre_no as "pre_no!",
                  d.invt_no as "invt_no?", (strpos(d.stands, $6) > 0) as "detained!", d.ebc_code as "first!",
                  d.order_no as "second!", false as "own!"
           from unnest($1::smallint[], $2::text[], $3::text[], $4::text[])
             as wanted (slot, ebc_code, order_no, declarant_code)
           join declaration d on d.slot = wanted.slot and d.ebc_code = wanted.ebc_code
             and d.order_no = wanted.order_no and d.declarant_code = wanted.declarant_code
             and d.current
           union all
           select d.slot, d.id, d.phase, d.declarant_code, d.pre_no, d.invt_no,
                  strpos(d.stands, $6) > 0, d.declarant_code, d.cop_no, true
           from unnest($1::smallint[], $4::text[], $5::text[]) as wanted (slot, declarant_code, cop_no)
           join declaration d on d.slot = wanted.slot and d.declarant_code = wanted.declarant_code
             and d.cop_no = wanted.cop_no and d.current and d.cop_no <> ''"#,
        &slots,
        &of(|d| &d.ebc.code) as &[&str],
        &of(|d| &d.order_no) as &[&str],
        &of(|d| &d.declarant.code) as &[&str],
        &of(|d| &d.cop_no) as &[&str],
        &stand_column(Stand::Detained).to_string(),
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let slot = column::slot(row.slot)?;
            let key = if row.own {
                Key::Own { slot, declarant_code: row.first, cop_no: row.second }
            } else {
                let declarant_code = row.declarant_code;
                Key::Order { slot, declarant_code, ebc_code: row.first, order_no: row.second }
            };
            let id = DeclarationId::from_uuid(row.id);
            let (phase, detained) = (phase(row.phase)?, row.detained);
            let (pre_no, invt_no) = (row.pre_no, row.invt_no);
            Ok((key, Holder { id, phase, detained, pre_no, invt_no }))
        })
        .collect()
}

/// Which declaration of the same declarant has the order of a seller now.
pub(crate) async fn holder(
    tx: &mut PgConnection,
    case: &DeclarationRow,
) -> Result<Option<Holder>, Fault> {
    let row = sqlx::query!(
        r#"select id, phase, (strpos(stands, $5) > 0) as "detained!", pre_no, invt_no
           from declaration
           where slot = $1 and ebc_code = $2 and order_no = $3 and current and declarant_code = $4"#,
        case.id.slot().column(),
        case.ebc_code,
        case.order_no,
        case.declarant_code,
        &stand_column(Stand::Detained).to_string(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(Holder {
            id: DeclarationId::from_uuid(row.id),
            phase: phase(row.phase)?,
            detained: row.detained,
            pre_no: row.pre_no,
            invt_no: row.invt_no,
        })
    })
    .transpose()
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
