//! Proofs of an export that do not come by themselves: that it left, the number of its form, its money.

use std::collections::BTreeSet;

use domain::DeclarationId;
use domain::refusal::{Code, Refusal};
use domain::tax_refund::entitlement::MoneyStatus;
use store::Fault;
use time::Date;

use crate::export_rows;
use crate::note::{NoteKind, RefundNote};
use crate::transaction::RefundTransaction;

/// What is proved of all lines of a declaration; what is not said stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProofChange {
    pub(crate) id: DeclarationId,
    pub(crate) departed: Option<Date>,
    pub(crate) entry_id: Option<String>,
    pub(crate) money: Option<MoneyStatus>,
    pub(crate) payment_by: Option<Date>,
}

/// Writes it down. What is in a claim keeps its day and number: the claim was made with them.
pub(crate) async fn record(
    step: &mut RefundTransaction<'_>,
    firm: &str,
    proof: &ProofChange,
) -> Result<Result<(), Refusal>, Fault> {
    let ids = BTreeSet::from([proof.id]);
    let mut rows = export_rows::of_declarations(&mut *step.tx, &ids).await?;
    rows.retain(|row| row.firm == firm);
    if rows.is_empty() {
        return Ok(Err(Refusal::of(Code::NotFound).with("name", proof.id.name())));
    }
    for row in &mut rows {
        let before = (row.departed, row.entry_id.clone());
        row.departed = proof.departed.or(row.departed);
        if let Some(entry_id) = &proof.entry_id {
            row.entry_id.clone_from(entry_id);
        }
        if row.claimed_e5 > 0 && before != (row.departed, row.entry_id.clone()) {
            let refusal = Refusal::of(Code::ClaimOutOfStep).with("name", row.name.name());
            return Ok(Err(refusal));
        }
        row.money = proof.money.unwrap_or(row.money); // what is not said stays
        row.payment_by = proof.payment_by.or(row.payment_by);
    }
    step.write_exports(&rows).await?;
    let (mut texts, mut texts_zh) = (Vec::new(), Vec::new());
    if let Some(day) = proof.departed {
        texts.push(format!("left on {day}"));
        texts_zh.push(format!("{day}离境"));
    }
    if let Some(number) = &proof.entry_id {
        texts.push(format!("goods declaration form {number}"));
        texts_zh.push(format!("报关单{number}"));
    }
    if let Some(money) = proof.money {
        let (text, text_zh) = match money {
            MoneyStatus::Awaited => ("its money is awaited", "未收汇"),
            MoneyStatus::Received => ("its money came", "已收汇"),
            MoneyStatus::Settled => ("its money is settled", "已结汇"),
        };
        texts.push(text.to_owned());
        texts_zh.push(text_zh.to_owned());
    }
    let note = RefundNote::of(NoteKind::ProofRecorded, texts.join(", "), texts_zh.join("，"));
    step.add_note(firm, proof.id.name(), note);
    Ok(Ok(()))
}
