//! Credit of firms in its table, and what findings and absences do to it (measure 31).

use std::collections::{BTreeMap, BTreeSet};

use domain::inspection::credit::{
    Class, Credit, CreditCause, CreditEntry, CreditEvent, Status, offences,
};
use domain::inspection::finding::{ExaminationFinding, FoundResult};
use domain::inspection::order::{JointOrder, OrderFact};
use domain::inspection::{Explanation, agency_word};
use domain::refusal::Refusal;
use domain::{OrderId, Slot};
use proto::inspection::{change_texts, decode_credit, encode_credit};
use sqlx::PgConnection;
use store::Fault;
use time::{Date, OffsetDateTime};

/// Credit of firms while it is being worked on.
#[derive(Debug, Default)]
pub(crate) struct Credits {
    firms: BTreeMap<String, Credit>,
    touched: BTreeSet<String>,
    changes: Vec<(String, String, Explanation)>,
}

/// A class as a column.
pub(crate) fn class_column(class: Class) -> i16 {
    match class {
        Class::Advanced => 1,
        Class::General => 2,
        Class::Untrusted => 3,
    }
}

/// A class from its column.
pub(crate) fn class(found: i16) -> Result<Class, Fault> {
    let all = [Class::Advanced, Class::General, Class::Untrusted];
    store::column::value("class", all, class_column, found)
}

impl Credits {
    /// Loads the credit of these firms; nothing is known about the others.
    pub(crate) async fn load(
        tx: &mut PgConnection,
        firms: &BTreeSet<String>,
    ) -> Result<Self, Fault> {
        if firms.is_empty() {
            return Ok(Self::default());
        }
        let (slots, codes): (Vec<i16>, Vec<String>) =
            firms.iter().map(|firm| (Slot::of(firm).column(), firm.clone())).unzip();
        let rows = sqlx::query!(
            "select c.firm, c.state from unnest($1::smallint[], $2::text[]) as wanted (slot, firm)
             join credit c on c.slot = wanted.slot and c.firm = wanted.firm",
            &slots,
            &codes
        )
        .fetch_all(tx)
        .await?;
        let read = |bytes: &[u8]| decode_credit(bytes).map_err(|e| Fault::Broken(e.to_string()));
        let firms = rows.into_iter().map(|row| Ok((row.firm, read(&row.state)?)));
        Ok(Self { firms: firms.collect::<Result<_, Fault>>()?, ..Self::default() })
    }

    /// Credit of a firm on a day.
    pub(crate) fn on(&self, firm: &str, day: Date) -> Credit {
        let known = self.firms.get(firm).cloned().unwrap_or_else(|| Credit::new(day));
        // That a day came is never refused.
        known.apply(&CreditEvent::Day(day)).map_or(known.clone(), |(then, _)| then)
    }

    /// Applies an event; true when something changed.
    pub(crate) fn apply(
        &mut self,
        firm: &str,
        day: Date,
        event: &CreditEvent,
    ) -> Result<bool, Refusal> {
        let now = self.firms.get(firm).cloned().unwrap_or_else(|| Credit::new(day));
        let (then, changes) = now.apply(event)?;
        if changes.is_empty() {
            return Ok(false);
        }
        self.firms.insert(firm.to_owned(), then);
        self.touched.insert(firm.to_owned());
        for credit_change in &changes {
            let (what, why) = change_texts(credit_change);
            self.changes.push((firm.to_owned(), what, why));
        }
        Ok(true)
    }

    /// What somebody says about a change.
    pub(crate) fn remark(&mut self, firm: &str, by: &str, reason: &str) {
        let why = Explanation::new(reason, reason);
        self.changes.push((firm.to_owned(), format!("remark of {by}"), why));
    }

    /// What an order's new facts do to the declarant's credit. Called with what `next` returned, once.
    pub(crate) fn feed(
        &mut self,
        firm: &str,
        (order_id, order): (OrderId, &JointOrder),
        facts: &[OrderFact],
        day: Date,
    ) {
        let mut events = Vec::new();
        for fact in facts {
            if let OrderFact::NoShow(count) = fact {
                let source = format!("{}/no-show/{count}", order_id.0);
                events.push(CreditEvent::NoShow { source, date: day });
            }
        }
        if facts.contains(&OrderFact::Completed) {
            events.extend(self.completed(firm, (order_id, order), day));
        } else {
            events.extend(self.corrected(firm, (order_id, order), facts, day));
        }
        for event in events {
            // Findings and absences are never refused; only appeals are.
            let _never = self.apply(firm, day, &event);
        }
    }

    /// Everything that is wrong has an entry; an examination without any is one conforming one. A
    /// second examination takes the place of the first.
    fn completed(
        &self,
        firm: &str,
        (id, order): (OrderId, &JointOrder),
        day: Date,
    ) -> Vec<CreditEvent> {
        let mut events = Vec::new();
        if order.examination > 1 {
            let overtaken = format!("{}/1/", id.0);
            let first = self.entered(firm, &overtaken);
            let first = first.filter(|(_, entry)| entry.status != Status::Overturned);
            events.extend(first.map(|(source, _)| found(source, FoundResult::Conform, day)));
        }
        let wrong = self.wrong(firm, (id, order));
        if wrong.is_empty() {
            let whole = format!("{}/{}", id.0, order.examination);
            events.push(found(&whole, FoundResult::Conform, day));
        }
        events.extend(wrong.iter().map(|(source, result)| found(source, *result, day)));
        events
    }

    /// A correction after the last answer: what is wrong is entered, and what turned out right is
    /// taken back where it was entered.
    fn corrected(
        &self,
        firm: &str,
        (id, order): (OrderId, &JointOrder),
        facts: &[OrderFact],
        day: Date,
    ) -> Vec<CreditEvent> {
        let corrects = facts.iter().any(|fact| matches!(fact, OrderFact::Found(..)));
        if !corrects || order.stage != domain::inspection::order::Stage::Found {
            return Vec::new();
        }
        let wrong = self.wrong(firm, (id, order));
        let own = format!("{}/{}/", id.0, order.examination);
        let entered = self.entered(firm, &own);
        let right = entered.filter(|(source, entry)| {
            entry.status != Status::Overturned && !wrong.contains_key(*source)
        });
        let mut events: Vec<CreditEvent> =
            right.map(|(source, _)| found(source, FoundResult::Conform, day)).collect();
        events.extend(wrong.iter().map(|(source, result)| found(source, *result, day)));
        events
    }

    /// Entries of a firm whose source begins so.
    fn entered<'a>(
        &'a self,
        firm: &str,
        beginning: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a CreditEntry)> {
        let known = self.firms.get(firm).map(|credit| &credit.entries);
        known.into_iter().flatten().filter(move |(source, _)| source.starts_with(beginning))
    }

    /// What is wrong, each thing once, under the source of one of the findings that say so: of the one
    /// that has the entry, so that it keeps it.
    fn wrong(
        &self,
        firm: &str,
        (id, order): (OrderId, &JointOrder),
    ) -> BTreeMap<String, FoundResult> {
        let known = self.firms.get(firm).map(|credit| &credit.entries);
        let has_entry = |source: &str, result| {
            known
                .and_then(|entries| entries.get(source))
                .is_some_and(|entry| entry.cause == CreditCause::Found(result))
        };
        let mut wrong = BTreeMap::new();
        for ((_, result), findings) in offences(order.work.findings.values()) {
            let mut sources: Vec<String> =
                findings.into_iter().map(|finding| source(id, order, finding)).collect();
            let at = sources.iter().position(|source| has_entry(source, result)).unwrap_or(0);
            wrong.insert(sources.swap_remove(at), result);
        }
        wrong
    }

    /// Writes what changed.
    pub(crate) async fn write(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let rows: Vec<(&String, &Credit)> =
            self.touched.iter().filter_map(|firm| self.firms.get_key_value(firm)).collect();
        let slots: Vec<i16> = rows.iter().map(|(firm, _)| Slot::of(firm).column()).collect();
        let firms: Vec<String> = rows.iter().map(|(firm, _)| (*firm).clone()).collect();
        let classes: Vec<i16> = rows.iter().map(|(_, credit)| class_column(credit.class)).collect();
        let blacklisted: Vec<bool> = rows.iter().map(|(_, credit)| credit.blacklisted).collect();
        let waits = |credit: &Credit| credit.entries.values().any(|e| e.status == Status::Appealed);
        let appealed: Vec<bool> = rows.iter().map(|(_, credit)| waits(credit)).collect();
        let states: Vec<Vec<u8>> =
            rows.iter().map(|(firm, credit)| encode_credit(firm, credit)).collect();
        sqlx::query!(
            "insert into credit (slot, firm, class, blacklisted, appealed, state, changed_time)
             select slot, firm, class, blacklisted, appealed, state, $7
             from unnest($1::smallint[], $2::text[], $3::smallint[], $4::boolean[], $5::boolean[],
                         $6::bytea[]) as given (slot, firm, class, blacklisted, appealed, state)
             on conflict (slot, firm) do update
             set class = excluded.class, blacklisted = excluded.blacklisted,
                 appealed = excluded.appealed, state = excluded.state,
                 changed_time = excluded.changed_time",
            &slots,
            &firms,
            &classes,
            &blacklisted,
            &appealed,
            &states,
            now
        )
        .execute(&mut *tx)
        .await?;
        let slots: Vec<i16> = self.changes.iter().map(|(f, ..)| Slot::of(f).column()).collect();
        let firms: Vec<String> = self.changes.iter().map(|(firm, ..)| firm.clone()).collect();
        let whats: Vec<String> = self.changes.iter().map(|(_, what, _)| what.clone()).collect();
        let texts: Vec<String> = self.changes.iter().map(|(.., why)| why.en.clone()).collect();
        let texts_zh: Vec<String> = self.changes.iter().map(|(.., why)| why.zh.clone()).collect();
        sqlx::query!(
            "insert into credit_change (slot, firm, number, changed_time, what, text, text_zh)
             select given.slot, given.firm,
                    coalesce((select max(number) from credit_change c
                              where c.slot = given.slot and c.firm = given.firm), 0)
                        + row_number() over (partition by given.slot, given.firm order by place),
                    $6, what, text, text_zh
             from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[])
                  with ordinality as given (slot, firm, what, text, text_zh, place)",
            &slots,
            &firms,
            &whats,
            &texts,
            &texts_zh,
            now
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

fn found(source: &str, result: FoundResult, date: Date) -> CreditEvent {
    CreditEvent::Found { source: source.to_owned(), result, date }
}

/// Names a finding for ever.
fn source(id: OrderId, order: &JointOrder, finding: &ExaminationFinding) -> String {
    let key = &finding.key;
    let (agency, instruction) = (agency_word(key.instruction.agency), &key.instruction.id);
    let sample = key.sample.as_deref().unwrap_or("");
    format!("{}/{}/{agency}/{instruction}/{}/{sample}", id.0, order.examination, key.gnum)
}

/// Firms on the blacklist on a day.
pub(crate) async fn blacklist(tx: &mut PgConnection, day: Date) -> Result<Vec<String>, Fault> {
    let rows =
        sqlx::query!("select firm, state from credit where blacklisted").fetch_all(tx).await?;
    let mut listed = Vec::new();
    for row in rows {
        let credit = decode_credit(&row.state).map_err(|e| Fault::Broken(e.to_string()))?;
        // An entry may have expired since it was written.
        let today = credit.apply(&CreditEvent::Day(day)).map_or(credit.clone(), |(then, _)| then);
        if today.blacklisted {
            listed.push(row.firm);
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use domain::clearance::Agency;
    use domain::inspection::finding::FindingKey;
    use domain::inspection::order::{InstructionKey, Method, Stage};
    use time::macros::date;
    use uuid::Uuid;

    use super::*;

    const FIRM: &str = "3702960001";

    /// What an agency's instruction is answered with.
    fn answer(order: &mut JointOrder, agency: Agency, result: FoundResult) -> OrderFact {
        let instruction = InstructionKey { agency, id: "LOOK".to_owned() };
        let key = FindingKey { instruction, gnum: 1, sample: None };
        let finding = ExaminationFinding {
            key: key.clone(),
            result,
            method: Method::Manual,
            text: String::new(),
            evidence: Vec::new(),
            officer: "K-1".to_owned(),
            revision: 1,
        };
        order.work.findings.insert(key.clone(), finding);
        OrderFact::Found(key, result)
    }

    #[test]
    fn a_finding_that_answers_both_agencies_counts_once() {
        use Agency::{Customs, Quarantine};
        use FoundResult::{Conform, DocMismatch, QtyMismatch};
        let (id, day) = (OrderId(Uuid::from_u128(7)), date!(2026 - 11 - 24));
        let mut order = JointOrder { stage: Stage::Found, ..JointOrder::none() };
        let mut credits = Credits::default();
        let mut facts = vec![
            answer(&mut order, Customs, QtyMismatch),
            answer(&mut order, Quarantine, QtyMismatch),
        ];
        facts.push(OrderFact::Completed);
        credits.feed(FIRM, (id, &order), &facts, day);
        let counting = |credits: &Credits| {
            let entries = credits.firms[FIRM].entries.values();
            entries.filter(|entry| entry.status != Status::Overturned).count()
        };
        assert_eq!((credits.firms[FIRM].points, counting(&credits)), (65, 1), "5 points, not 10");
        // Corrections: one answer is right after all, then is wrong in another way, then both are right.
        for (agency, result, points, entries) in [
            (Customs, Conform, 65, 1),
            (Customs, DocMismatch, 62, 2),
            (Customs, QtyMismatch, 65, 1),
            (Quarantine, Conform, 65, 1),
            (Customs, Conform, 70, 0),
        ] {
            let facts = [answer(&mut order, agency, result)];
            credits.feed(FIRM, (id, &order), &facts, day);
            let now = (credits.firms[FIRM].points, counting(&credits));
            assert_eq!(now, (points, entries), "{agency:?} {result:?}");
        }
    }
}
