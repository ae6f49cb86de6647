//! A declaration that obeys every rule and waits for its transaction.

use bytes::Bytes;
use domain::clearance::Clearance;
use domain::declaration::ValidDeclaration;
use domain::{DeclarationId, RequestId, Slot};
use store::journal::Origin;
use store::request::{Digest, RequestKey};
use time::OffsetDateTime;

use crate::answers::AppliedAnswers;
use crate::declared_order::OrderKey;
use crate::filing;
use crate::row::DeclarationRow;

/// A declaration that obeys every rule and waits for its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) request_id: RequestId,
    pub(crate) slot: Slot,
    pub(crate) checked: ValidDeclaration,
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
    /// It is only checked: nothing of it is kept.
    pub(crate) only_check: bool,
    /// By whose request.
    pub(crate) origin: Origin,
}

impl Submission {
    /// Of its request.
    pub(crate) fn key(&self) -> RequestKey {
        filing::key(self.slot, self.request_id, &self.checked.declaration.declarant.code)
    }

    /// The order that it declares.
    pub(crate) fn order(&self) -> OrderKey {
        let declaration = &self.checked.declaration;
        let (order_no, ebc_code) = (declaration.order_no.clone(), declaration.ebc.code.clone());
        OrderKey { order_no, ebc_code }
    }

    /// The declarant's own number of it, where it has one.
    pub(crate) fn own_number(&self) -> Option<OwnNumber> {
        let declaration = &self.checked.declaration;
        let (declarant_code, cop_no) =
            (declaration.declarant.code.clone(), declaration.cop_no.clone());
        let slot = self.slot;
        (!cop_no.is_empty()).then_some(OwnNumber { slot, declarant_code, cop_no })
    }

    /// A declaration that is being filed.
    pub(crate) fn row(
        &self,
        id: DeclarationId,
        pre_no: String,
        filed_time: OffsetDateTime,
    ) -> DeclarationRow {
        let Submission { checked, clearance, national, .. } = self;
        let d = &checked.declaration;
        DeclarationRow {
            id,
            declarant_code: d.declarant.code.clone(),
            ebc_code: d.ebc.code.clone(),
            order_no: d.order_no.clone(),
            cop_no: d.cop_no.clone(),
            logistics_no: d.logistics_no.clone(),
            bill_no: d.bill_no.clone(),
            direction: checked.direction,
            trade_mode: d.trade_mode.clone(),
            customs_code: d.customs_code.clone(),
            pre_no,
            invt_no: None,
            filed_time,
            national: *national,
            current: true,
            clearance: *clearance,
            stored_phase: None,
            answers: AppliedAnswers::default(),
            added: Vec::new(),
            order: None,
        }
    }
}

/// A number of a declarant's own, which it gives once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OwnNumber {
    pub(crate) slot: Slot,
    pub(crate) declarant_code: String,
    pub(crate) cop_no: String,
}

impl OwnNumber {
    /// As a refusal names it.
    pub(crate) fn describe(&self) -> String {
        format!("declarant.code {} + cop_no {}", self.declarant_code, self.cop_no)
    }
}
