//! What agencies asked firms for (补充单证): the newest request of each agency of a declaration. Whether it is open
//! says the stand of its agency; what was asked before, and answered, is in the history.
//!
//! Requests are rare: one statement each, and none where nobody asks.

use std::collections::BTreeMap;

use domain::clearance::Agency;
use domain::document_request::DocumentRequest;
use domain::{DeclarationId, RequestId};
use sqlx::PgConnection;
use store::{Fault, column};

/// A request of an agency.
#[derive(Debug, Clone)]
pub(crate) struct DocumentRequestRow {
    /// That of the verdict that asked.
    pub(crate) request: RequestId,
    pub(crate) asked: DocumentRequest,
}

/// Requests of this transaction, by declaration and column of the agency.
#[derive(Debug, Default)]
pub(crate) struct DocumentRequests(BTreeMap<(DeclarationId, i16), DocumentRequestRow>);

impl DocumentRequests {
    /// An agency asks.
    pub(crate) fn ask(&mut self, id: DeclarationId, agency: Agency, row: DocumentRequestRow) {
        self.0.insert((id, column::agency(agency)), row);
    }

    /// The newest request of an agency; `None` when it never asked.
    pub(crate) async fn newest(
        &self,
        tx: &mut PgConnection,
        id: DeclarationId,
        agency: Agency,
    ) -> Result<Option<DocumentRequestRow>, Fault> {
        let agency = column::agency(agency);
        if let Some(row) = self.0.get(&(id, agency)) {
            return Ok(Some(row.clone()));
        }
        let found = sqlx::query!(
            "select request_id, asked from document_request
             where slot = $1 and declaration_id = $2 and agency = $3",
            id.slot().column(),
            id.uuid(),
            agency
        )
        .fetch_optional(tx)
        .await?;
        let read = found.map(|row| {
            let asked = proto::facts::decode_document_request(&row.asked);
            let broken = || Fault::Broken("a kept request for documents cannot be read".into());
            Ok(DocumentRequestRow {
                request: RequestId(row.request_id),
                asked: asked.ok_or_else(broken)?,
            })
        });
        read.transpose()
    }

    /// Writes them.
    pub(crate) async fn write(&self, tx: &mut PgConnection) -> Result<(), Fault> {
        for ((id, agency), DocumentRequestRow { request, asked }) in &self.0 {
            sqlx::query!(
                "insert into document_request (slot, declaration_id, agency, request_id, asked)
                 values ($1, $2, $3, $4, $5)
                 on conflict (slot, declaration_id, agency) do update
                 set request_id = excluded.request_id, asked = excluded.asked",
                id.slot().column(),
                id.uuid(),
                agency,
                request.0,
                proto::facts::encode_document_request(asked.clone())
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}
