//! What customs issues by itself: electronic tax bills (816) and their changes (818). They go to
//! whoever sent the inventory, once each.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::Slot;
use proto::ceb::MessageType;
use sqlx::PgConnection;
use store::Fault;
use time::OffsetDateTime;

use crate::commit::{Command, Step};

/// A document that customs issued, as a message of its own.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) message_type: MessageType,
    /// guid of the document: the same one is told once.
    pub(crate) guid: String,
    /// The inventory that it is about.
    pub(crate) invt_no: String,
    pub(crate) status: i32,
    pub(crate) body: Bytes,
}

impl Issued {
    fn key(&self) -> (Slot, String) {
        (Slot::of(&self.invt_no), self.guid.to_ascii_uppercase())
    }
}

/// Which were issued before, and which are now.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    known: BTreeSet<(i16, String)>,
    new: Vec<(i16, String, i16, String)>,
}

impl Writes {
    pub(crate) async fn load(tx: &mut PgConnection, commands: &[Command]) -> Result<Self, Fault> {
        let (slots, guids): (Vec<i16>, Vec<String>) = commands
            .iter()
            .filter_map(|command| match command {
                Command::Issue(issued) => Some(issued.key()),
                _ => None,
            })
            .map(|(slot, guid)| (slot.column(), guid))
            .unzip();
        if slots.is_empty() {
            return Ok(Self::default());
        }
        let rows = sqlx::query!(
            "select i.slot, i.guid from unnest($1::smallint[], $2::text[]) as wanted (slot, guid)
             join issued i on i.slot = wanted.slot and i.guid = wanted.guid",
            &slots,
            &guids
        )
        .fetch_all(tx)
        .await?;
        let known = rows.into_iter().map(|row| (row.slot, row.guid)).collect();
        Ok(Self { known, new: Vec::new() })
    }

    pub(crate) async fn write(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        if self.new.is_empty() {
            return Ok(());
        }
        let slots: Vec<i16> = self.new.iter().map(|(slot, ..)| *slot).collect();
        let guids: Vec<&str> = self.new.iter().map(|(_, guid, ..)| guid.as_str()).collect();
        let types: Vec<i16> = self.new.iter().map(|(_, _, kind, _)| *kind).collect();
        let invt_nos: Vec<&str> = self.new.iter().map(|(.., no)| no.as_str()).collect();
        sqlx::query!(
            "insert into issued (slot, guid, message_type, invt_no, issued_time)
             select slot, guid, message_type, invt_no, $5
             from unnest($1::smallint[], $2::text[], $3::smallint[], $4::text[])
                  as given (slot, guid, message_type, invt_no)",
            &slots,
            &guids as &[&str],
            &types,
            &invt_nos as &[&str],
            now
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Hands it on. False when nobody here knows the inventory, or its release has not been told yet: a bill
/// comes after it, and customs asks again.
pub(crate) fn issue(step: &mut Step, issued: &Issued) -> bool {
    let (slot, guid) = issued.key();
    let key = (slot.column(), guid);
    if step.issued.known.contains(&key) {
        return true;
    }
    let found =
        step.shelf.find(|paper| paper.invt_no == issued.invt_no && paper.kind.is_inventory());
    let Some(inventory) = found.filter(|paper| paper.released.is_some()).cloned() else {
        return false;
    };
    for to in std::iter::once(&inventory.dxp_id).chain(&inventory.subscribers) {
        let kind = (issued.message_type.number(), issued.status);
        step.mail_to(to, kind, issued.body.clone(), Some(&inventory));
    }
    let kind = issued.message_type.number().cast_signed();
    step.issued.new.push((key.0, key.1.clone(), kind, issued.invt_no.clone()));
    step.issued.known.insert(key);
    true
}
