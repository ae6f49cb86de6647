//! Filing a declaration: parse, check, keep once, write down as `Filed` in a shared commit. Step 2 of 5.
//!
//! The invariant: what was acknowledged is in the database, once for each request id and once for
//! each business key. Repeating a request gives the same receipt.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use domain::clearance::{Clearance, Phase, Stand};
use domain::declaration::Checked;
use domain::history::Record;
use domain::ids::is_given_by_door;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Kind as Caller, Principal, RequestId, Slot, limits};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::{Fault, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::case::{self, Case, phase, stand_column};
use crate::commit::{Answer, Done};
use crate::filing::{Filing, Kind, Known, known};
use crate::step::{Step, content, first_difference};
use crate::{Declarations, Error};
use store::numbers::{CHINA, use_numbers};

/// A declaration that obeys every rule and waits for its transaction.
#[derive(Debug, Clone)]
pub struct Submission {
    pub(crate) request_id: RequestId,
    pub(crate) slot: Slot,
    pub(crate) checked: Checked,
    /// Where it begins: a window that asks the risk rules waits for them.
    pub(crate) clearance: Clearance,
    /// The content as it is kept and sent on.
    pub(crate) body: Bytes,
    /// To tell a repetition from another request under the same id.
    pub(crate) digest: Vec<u8>,
    /// preNo that the national door gave already.
    pub(crate) pre_no: Option<String>,
    /// `traceparent` of the caller.
    pub(crate) trace: String,
}

/// What the enterprise gets for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) id: DeclarationId,
    pub(crate) pre_no: String,
    pub(crate) filed_time: OffsetDateTime,
    /// It was filed by an earlier request of this id; nothing was filed now.
    pub(crate) repeated: bool,
    /// The first field in which a national document differs from the one that it repeats. A document
    /// is known by its guid, so the first one stands; the declarant is told what was not taken.
    pub(crate) repeats: Option<String>,
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
    let digest = Sha256::new().chain_update(b"submit").chain_update(&body).finalize().to_vec();
    let clearance = Clearance::filed(declarations.profile.required(&checked));
    Ok(Submission { request_id, slot, checked, clearance, body, digest, pre_no, trace })
}

/// The national door answers before the declaration is filed, so it gives the number itself, from
/// the half of the numbers that is its own.
fn given_number(principal: &Principal, pre_no: String) -> Result<Option<String>, Refusal> {
    if pre_no.is_empty() {
        return Ok(None);
    }
    if principal.kind != Caller::Gateway || !is_given_by_door(&pre_no) {
        return Err(Refusal::of(Code::NotAllowed).with("field", "pre_no"));
    }
    Ok(Some(pre_no))
}

/// Files all of them; answers with their places.
pub(crate) async fn commit(
    step: &mut Step<'_>,
    submissions: &[(usize, &Submission)],
) -> Result<Vec<(usize, Answer)>, Fault> {
    if submissions.is_empty() {
        return Ok(Vec::new());
    }
    let requests = submissions.iter().map(|(_, s)| (s.slot, s.request_id));
    let before = known(step.tx, requests).await?;
    let (mut repeated, mut new) = (Vec::new(), Vec::new());
    for (index, submission) in submissions {
        match before.get(&(submission.slot, submission.request_id)) {
            Some(before) => repeated.push((*index, *submission, before)),
            None => new.push((*index, *submission)),
        }
    }

    let mut answers: Vec<(usize, Answer)> = Vec::with_capacity(submissions.len());
    let mut taken = holders(step.tx, &new).await?;
    let numbers = numbers(step, &new).await?;
    let mut numbers = numbers.into_iter();
    let mut in_batch: HashMap<(Slot, RequestId), (&Submission, Answer)> = HashMap::new();
    for (index, submission) in new {
        let request = (submission.slot, submission.request_id);
        // Every new one has a number, or is told that there are none left.
        let number =
            numbers.next().ok_or_else(|| Fault::Broken("a filing was not counted".into()))?;
        if let Some((first, answer)) = in_batch.get(&request) {
            // Its number stays unused.
            answers.push((index, repeated_in_batch(step, submission, first, answer.clone())?));
            continue;
        }
        let answer = file(step, submission, &mut taken, number).await?;
        in_batch.insert(request, (submission, answer.clone()));
        answers.push((index, answer));
    }
    for (index, submission, before) in repeated {
        answers.push((index, repeat(step.tx, submission, before).await?));
    }
    Ok(answers)
}

/// Files one that was not seen before.
async fn file(
    step: &mut Step<'_>,
    submission: &Submission,
    taken: &mut HashMap<Key, Holder>,
    number: Option<String>,
) -> Result<Answer, Fault> {
    let keys = keys(submission);
    for key in &keys {
        let Some(holder) = taken.get(key) else { continue };
        if !matches!(holder.phase, Phase::Rejected | Phase::Withdrawn | Phase::Returned) {
            let taken = Refusal::of(Code::BusinessKeyTaken).with("key", key.describe());
            return Ok(Err(holder.named(taken)));
        }
        if holder.detained {
            // Filing anew is no way out of a detention.
            return Ok(Err(holder.named(Refusal::of(Code::GoodsDetained))));
        }
    }
    let Some(pre_no) = number else { return Ok(Err(Refusal::of(Code::NumbersUsedUp))) };
    let id = DeclarationId::new(Uuid::now_v7(), submission.slot);
    for key in keys {
        let now = Holder {
            id,
            phase: Phase::UnderReview,
            detained: false,
            pre_no: pre_no.clone(),
            invt_no: None,
        };
        if let Some(holder) = taken.insert(key, now) {
            give_way(step, holder.id).await?;
        }
    }
    let (checked, clearance) = (&submission.checked, submission.clearance);
    step.open(Case::filed(id, checked, clearance, pre_no.clone(), step.now));
    step.record(id, [Record::Filed { pre_no: pre_no.clone() }]);
    step.show(id, submission.body.clone());
    let position = step.enter(id, &submission.trace)?;
    step.case(id)?.content_position = position;
    step.filings.push(Filing {
        request_id: submission.request_id,
        kind: Kind::Submit,
        digest: submission.digest.clone(),
        declaration: id,
        version: 1,
        position,
    });
    let filed_time = step.now;
    Ok(Ok(Done::Filed(Receipt { id, pre_no, filed_time, repeated: false, repeats: None })))
}

/// The answer to a request whose id stands earlier in the same batch.
fn repeated_in_batch(
    step: &mut Step<'_>,
    submission: &Submission,
    first: &Submission,
    answer: Answer,
) -> Result<Answer, Fault> {
    let declarant = |s: &Submission| s.checked.declaration.declarant.code.clone();
    if declarant(submission) != declarant(first) {
        // Nothing is told about what belongs to somebody else.
        return Ok(Err(Refusal::of(Code::RequestIdReused)));
    }
    let field = first_difference(&first.body, &submission.body)?;
    let Ok(Done::Filed(receipt)) = answer else { return Ok(answer) };
    let receipt = Receipt { repeated: true, ..receipt };
    let holder = Holder::of(step.case(receipt.id)?);
    Ok(stand_by_first(submission, Ok(Done::Filed(receipt)), field, &holder))
}

/// The answer to a request that was answered before.
async fn repeat(
    tx: &mut PgConnection,
    submission: &Submission,
    before: &Known,
) -> Result<Answer, Fault> {
    let cases = case::load(tx, &[before.declaration]).await?;
    let case = cases
        .get(&before.declaration)
        .ok_or_else(|| Fault::Broken("a receipt names a declaration that is not there".into()))?;
    let own = case.declarant_code == submission.checked.declaration.declarant.code;
    if !own || before.kind != Kind::Submit {
        // Nothing is told about what may belong to somebody else.
        return Ok(Err(Refusal::of(Code::RequestIdReused)));
    }
    let answer = Ok(Done::Filed(Receipt {
        id: case.id,
        pre_no: case.pre_no.clone(),
        filed_time: case.filed_time,
        repeated: true,
        repeats: None,
    }));
    if before.digest == submission.digest {
        return Ok(answer);
    }
    let kept = content(tx, before.declaration.slot(), before.position).await?;
    let field = first_difference(&kept, &submission.body)?;
    let field = field.or_else(|| Some("request_id".to_owned()));
    Ok(stand_by_first(submission, answer, field, &Holder::of(case)))
}

/// The answer to a request whose id was used before, with the field in which it differs, if any.
fn stand_by_first(
    submission: &Submission,
    first: Answer,
    field: Option<String>,
    holder: &Holder,
) -> Answer {
    let (Some(field), Ok(Done::Filed(receipt))) = (field, &first) else { return first };
    if submission.checked.declaration.ceb.is_some() {
        return Ok(Done::Filed(Receipt { repeats: Some(field), ..receipt.clone() }));
    }
    Err(holder.named(Refusal::of(Code::RequestIdReused).with("field", field)))
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

    pub(crate) fn of(case: &Case) -> Self {
        Self {
            id: case.id,
            phase: case.clearance.phase,
            detained: false,
            pre_no: case.pre_no.clone(),
            invt_no: case.invt_no.clone(),
        }
    }
}

/// Finds who has the business keys of these submissions.
async fn holders(
    tx: &mut PgConnection,
    submissions: &[(usize, &Submission)],
) -> Result<HashMap<Key, Holder>, Fault> {
    let slots: Vec<i16> = submissions.iter().map(|(_, s)| s.slot.column()).collect();
    let of = |field: fn(&domain::Declaration) -> &str| {
        submissions.iter().map(|(_, s)| field(&s.checked.declaration)).collect::<Vec<&str>>()
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
pub(crate) async fn holder(tx: &mut PgConnection, case: &Case) -> Result<Option<Holder>, Fault> {
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
async fn give_way(step: &mut Step<'_>, id: DeclarationId) -> Result<(), Fault> {
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

/// preNo: B, the date in China, nine digits; the digits are shared evenly among the slots. `None`
/// where the day's numbers are used up.
async fn numbers(
    step: &mut Step<'_>,
    submissions: &[(usize, &Submission)],
) -> Result<Vec<Option<String>>, Fault> {
    let mut wanted: BTreeMap<Slot, i64> = BTreeMap::new();
    for (_, submission) in submissions.iter().filter(|(_, s)| s.pre_no.is_none()) {
        *wanted.entry(submission.slot).or_default() += 1;
    }
    let date = step.now.to_offset(CHINA).date();
    let day =
        date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day());
    let mut used = use_numbers(step.tx, "B", day, &wanted).await?;
    submissions
        .iter()
        .map(|(_, submission)| {
            if submission.pre_no.is_some() {
                return Ok(submission.pre_no.clone());
            }
            let used = used.next(submission.slot)?;
            let serial = i64::from(submission.slot.column()) * limits::NUMBERS_PER_SLOT + used;
            let left = used < limits::NUMBERS_OF_DOOR_FROM;
            Ok(left.then(|| format!("B{day:08}{serial:09}")))
        })
        .collect()
}
