//! Who has a business key: another declaration of the same order, or with the same own number.

use domain::DeclarationId;
use domain::clearance::Phase;
use domain::refusal::Refusal;

use crate::row::DeclarationRow;

/// Who has a business key now.
#[derive(Debug, Clone)]
pub(crate) struct KeyHolder {
    pub(crate) id: DeclarationId,
    pub(crate) declarant_code: String,
    pub(crate) phase: Phase,
    /// An agency detained the goods.
    pub(crate) detained: bool,
    pub(crate) pre_no: String,
    pub(crate) invt_no: Option<String>,
}

impl KeyHolder {
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
            declarant_code: case.declarant_code.clone(),
            phase: case.clearance.phase,
            detained: case.clearance.detained(),
            pre_no: case.pre_no.clone(),
            invt_no: case.invt_no.clone(),
        }
    }
}
