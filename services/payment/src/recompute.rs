//! `VerifyDuties`: duties are computed again from what was kept of each calculation, by the numbers of now. Changes
//! nothing: what comes out otherwise is told.

use domain::DeclarationId;
use domain::refusal::{Code, Refusal};
use domain::rules::{FEN_E5, decimal};
use kit::rpc::Call;
use proto::duty_recomputation::{DutyRecomputation, recompute};
use proto::v1;
use sqlx::PgPool;
use store::page::Page;
use store::{Fault, ServiceError, column};
use uuid::Uuid;

use crate::Payments;

/// The newest calculation of a duty, beside what the duty says.
struct KeptDuty {
    slot: i16,
    id: DeclarationId,
    version: u32,
    amount_fen: i64,
    trace: Vec<u8>,
}

impl Payments {
    pub(crate) async fn verify_duties(
        &self,
        call: &Call,
        asked: v1::VerifyDutiesRequest,
    ) -> Result<v1::VerifyDutiesResponse, ServiceError> {
        let v1::VerifyDutiesRequest { page_size, page_token } = asked;
        let name = &call.principal.name;
        let page = Page::of(&self.tokens, name, "duties to verify", (page_size, &page_token))?;
        let (duties, next_page_token) = load(&self.lists.get().await, &page).await?;
        let (mut recomputed, mut differences) = (0, Vec::new());
        for duty in &duties {
            let found = recompute(&duty.trace, &self.numbers)
                .map_err(|error| Fault::Broken(format!("{}: {error}", duty.id)))?;
            let Some(found) = found else { continue };
            recomputed += 1;
            differences.extend(difference(duty, found));
        }
        Ok(v1::VerifyDutiesResponse { recomputed, differences, next_page_token })
    }
}

/// What is not as it was kept, when something is.
fn difference(duty: &KeptDuty, found: DutyRecomputation) -> Option<v1::DutyDifference> {
    let DutyRecomputation { kept_fen, computed_fen, by_other_files, mut differences } = found;
    if kept_fen != duty.amount_fen {
        let [was, is] = [duty.amount_fen, kept_fen].map(|fen| decimal(fen * FEN_E5));
        let english = format!("the duty is {was}, and its calculation comes to {is}");
        differences.push((english, format!("税款为{was}，而其计算结果为{is}")));
    }
    let (texts, texts_zh): (Vec<_>, Vec<_>) = differences.into_iter().unzip();
    let found = v1::DutyDifference {
        declaration: duty.id.name(),
        version: duty.version,
        kept_fen,
        computed_fen,
        by_other_files,
        texts,
        texts_zh,
    };
    (!found.texts.is_empty()).then_some(found)
}

/// A page of them, by slot and declaration.
async fn load(pool: &PgPool, page: &Page) -> Result<(Vec<KeptDuty>, String), ServiceError> {
    let foreign = || Refusal::of(Code::PageTokenForeign);
    let after = page.after()?;
    let (slot, id) = match after.split_once('/') {
        None => (-1, Uuid::nil()),
        Some((slot, id)) => {
            let slot = slot.parse::<i16>().map_err(|_| foreign())?;
            (slot, Uuid::try_parse(id).map_err(|_| foreign())?)
        }
    };
    let rows = sqlx::query!(
        "select d.slot, d.declaration_id, d.version, d.amount_fen, t.body
         from duty d join duty_trace t on t.slot = d.slot and t.declaration_id = d.declaration_id
                                      and t.version = d.version
         where (d.slot, d.declaration_id) > ($1, $2)
         order by d.slot, d.declaration_id limit $3",
        slot,
        id,
        page.count()
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(KeptDuty {
            slot: row.slot,
            id: DeclarationId::from_uuid(row.declaration_id),
            version: column::number(row.version)?,
            amount_fen: row.amount_fen,
            trace: row.body,
        });
    }
    let key = |it: &KeptDuty| format!("{:03}/{}", it.slot, it.id.uuid());
    Ok(page.cut(found, key)?)
}
