//! What services keep of requests, to answer them again: written and read here, and in no call.

use domain::DeclarationId;
use prost::Message as _;
use uuid::Uuid;

use crate::schema::single_window::stored::v1 as stored;

/// What an enterprise asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilingKind {
    /// A declaration.
    Submit,
    /// A new version of one.
    Amend,
    /// That one is taken back.
    Withdraw,
    /// That documents are provided.
    Provide,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilingRecord {
    /// What was asked for.
    pub kind: FilingKind,
    /// Of which declaration.
    pub declaration: DeclarationId,
    /// The version that it made.
    pub version: u32,
}

impl FilingRecord {
    /// As it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            FilingKind::Submit => stored::FilingKind::Submit,
            FilingKind::Amend => stored::FilingKind::Amend,
            FilingKind::Withdraw => stored::FilingKind::Withdraw,
            FilingKind::Provide => stored::FilingKind::Provide,
        };
        let declaration_id = self.declaration.uuid().as_bytes().to_vec();
        stored::Filing { kind: kind.into(), declaration_id, version: self.version }.encode_to_vec()
    }

    /// Reads what was kept; `None` when it is no filing, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let filing = stored::Filing::decode(bytes).ok()?;
        let kind = match filing.kind() {
            stored::FilingKind::Submit => FilingKind::Submit,
            stored::FilingKind::Amend => FilingKind::Amend,
            stored::FilingKind::Withdraw => FilingKind::Withdraw,
            stored::FilingKind::Provide => FilingKind::Provide,
            stored::FilingKind::Unspecified => return None,
        };
        let declaration = Uuid::from_slice(&filing.declaration_id).ok()?;
        let declaration = DeclarationId::from_uuid(declaration);
        Some(Self { kind, declaration, version: filing.version })
    }
}
