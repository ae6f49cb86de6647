//! A duty is secured, freed and billed as its life cycle (`domain::payment::duty`) says: the one place where its money is
//! held and the hold ends.

use domain::DeclarationId;
use domain::history::DutyStep;
use domain::payment::duty::{self, AssessmentOutcome, DutyAct, DutyEvent, DutyState};
use domain::payment::ledger::{
    Action, CreditLine, EntryCheck, Error, HoldState, Leg, Purpose, Totals,
};
use domain::refusal::Code;
use domain::rules::{FEN_E5, decimal};
use store::Fault;
use time::OffsetDateTime;

use crate::assess::AssessedDuty;
use crate::bill::{self, is_scripted};
use crate::duty_answer::{Shortage, verdict};
use crate::duty_rows::DutyRow;
use crate::guarantee::SANDBOX_LINE_FEN;
use crate::names::{bill_entry_id, guarantee, hold_id, opening_id, void_id, yuan};
use crate::transaction::PaymentTransaction;

/// In a sandbox, an import of such an order finds no money when it is filed, whoever stands for it; it is tried again when
/// money comes, like every other one.
const NO_MONEY: &str = "NOMONEY";

impl PaymentTransaction<'_> {
    /// Something happens to a duty; what changes nothing is no fault, since everything may come again.
    pub(crate) fn apply_duty_event(
        &mut self,
        id: DeclarationId,
        event: DutyEvent,
        time: OffsetDateTime,
    ) -> Result<(), Fault> {
        let now = self.now;
        let row = self.duty(id)?;
        let Some((state, acts)) = duty::next(Some(row.state), event) else {
            tracing::debug!(declaration = %id, state = ?row.state, ?event, "nothing follows");
            return Ok(());
        };
        row.state = state;
        row.changed_time = now;
        self.touched.insert(id);
        for act in acts {
            match act {
                DutyAct::Void => self.void(id, time)?,
                DutyAct::Bill => bill::make(self, id, time)?,
                // Said by whoever tried.
                DutyAct::Clear | DutyAct::Reject | DutyAct::TellIncomplete | DutyAct::TellShort => {
                }
            }
        }
        Ok(())
    }

    /// Reserves the purchase and holds what was assessed, and tells the firm where that cannot be done.
    pub(crate) fn assessed(
        &mut self,
        id: DeclarationId,
        assessed: &AssessedDuty,
    ) -> Result<(), Fault> {
        let filed = self.duty(id)?.filed_time;
        if let Some((text, text_zh)) = &assessed.missing {
            self.apply_duty_event(id, DutyEvent::Assessed(AssessmentOutcome::Incomplete), filed)?;
            let code = Code::DutyNotComputable;
            let text = format!("{}: {text}", code.title());
            let text_zh = format!("{}：{text_zh}", code.title_zh());
            return self.report(id, DutyStep::Unassessed, "", Some(code), (text, text_zh), None);
        }
        let reserved = match &assessed.refused {
            Some(refused) => Err(refused.clone()),
            None => self.purchases.reserve(id, &assessed.purchase)?,
        };
        if let Err(refused) = reserved {
            self.duty(id)?.case.refusal = (refused.code(), refused.info);
            return self.apply_duty_event(
                id,
                DutyEvent::Assessed(AssessmentOutcome::OverLimit),
                filed,
            );
        }
        let row = self.duty(id)?;
        let (needed, order_no) = (row.amount_fen, row.case.order_no.clone());
        let held = if self.writer.sandbox && is_scripted(&order_no, NO_MONEY) {
            Err(Shortage { available_fen: 0, missing_fen: needed })
        } else {
            self.hold(id)?
        };
        match held {
            Ok(()) => {
                self.apply_duty_event(id, DutyEvent::Assessed(AssessmentOutcome::Held), filed)
            }
            Err(shortage) => {
                self.apply_duty_event(
                    id,
                    DutyEvent::Assessed(AssessmentOutcome::TooLittle),
                    filed,
                )?;
                self.report_short(id, shortage)
            }
        }
    }

    /// Tries a duty again that waits; whether it is secured now, which is said then.
    pub(crate) fn retry(&mut self, id: DeclarationId) -> Result<bool, Fault> {
        let (now, row) = (self.now, self.duty(id)?);
        if row.state != DutyState::Short || self.hold(id)?.is_err() {
            return Ok(false);
        }
        self.apply_duty_event(id, DutyEvent::Funded, now)?;
        if let Some(answer) = self.duty(id)?.answer(0) {
            self.answers.push(verdict(&answer));
        }
        Ok(true)
    }

    /// Holds the tax of a duty on the guarantee of its payer, a leg for each kind of tax.
    fn hold(&mut self, id: DeclarationId) -> Result<Result<(), Shortage>, Fault> {
        let row = self.duty(id)?.clone();
        let (from, to) = (guarantee(&row.payer), yuan(&row.payer, Purpose::DutyPayable));
        let kinds = [row.case.customs_tax_fen, row.case.vat_fen, row.case.consumption_fen];
        let leg = |amount: i64| Leg { from: from.clone(), to: to.clone(), amount };
        let legs: Vec<Leg> = kinds.into_iter().filter(|it| *it > 0).map(leg).collect();
        if legs.is_empty() {
            return Ok(Ok(()));
        }
        let hold = hold_id(id, row.version);
        let action = Action::Hold { legs, until: None, after: row.hold_id };
        let entry = self.entry(&row, (hold, "duty.secured"), action, row.filed_time)?;
        let before = self.level(&row.payer)?;
        match self.ledger.apply(row.payer_slot(), &entry)? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {
                self.duty(id)?.hold_id = Some(hold);
                self.alarm(id, before)?;
                Ok(Ok(()))
            }
            Err(Error::NotEnough { .. }) if self.open_account(&row)? => self.hold(id),
            Err(Error::NotEnough { available, missing, .. }) => {
                // What a column holds fits.
                let fen = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
                Ok(Err(Shortage { available_fen: fen(available), missing_fen: fen(missing) }))
            }
            Err(error) => Err(Fault::Broken(format!("the tax of {id} cannot be held: {error}"))),
        }
    }

    /// In a sandbox, opens the account of a payer that has none with a credit line; whether it did.
    fn open_account(&mut self, row: &DutyRow) -> Result<bool, Fault> {
        let (slot, account) = (row.payer_slot(), guarantee(&row.payer));
        let is_open = self.ledger.balances(slot)?.totals(&account) != Totals::default();
        if !self.writer.sandbox || is_open {
            return Ok(false);
        }
        let from = self.ledger.time(slot, self.now)?;
        let line = CreditLine { account, from, amount: SANDBOX_LINE_FEN };
        let of = (opening_id(&row.payer), "guarantee.credit_line");
        let mut entry = self.entry(row, of, Action::SetCreditLine(line), from)?;
        entry.basis.rule = "沙箱授信额度".to_owned();
        // A line that was taken away since is not given again.
        Ok(matches!(self.ledger.apply(slot, &entry)?, Ok(EntryCheck::New(_))))
    }

    /// Frees what is held for a duty, if anything still is.
    pub(crate) fn void(&mut self, id: DeclarationId, time: OffsetDateTime) -> Result<(), Fault> {
        let row = self.duty(id)?.clone();
        let Some(hold) = row.hold_id else { return Ok(()) };
        let kept = self.ledger.balances(row.payer_slot())?.holds.get(&hold);
        if kept.is_none_or(|kept| kept.state != HoldState::Open) {
            return Ok(());
        }
        let of = (void_id(hold), "duty.freed");
        let mut entry = self.entry(&row, of, Action::Void(hold), time)?;
        entry.basis.bill = (row.state == DutyState::Billed).then(|| bill_entry_id(id));
        match self.ledger.apply(row.payer_slot(), &entry)? {
            Ok(EntryCheck::New(_) | EntryCheck::Known) => {
                self.funded.insert(row.payer);
                Ok(())
            }
            Err(error) => Err(Fault::Broken(format!("the hold of {id} cannot end: {error}"))),
        }
    }

    fn report_short(&mut self, id: DeclarationId, shortage: Shortage) -> Result<(), Fault> {
        let row = self.duty(id)?.clone();
        let Shortage { available_fen, missing_fen } = shortage;
        let money = |fen: i64| decimal(fen * FEN_E5);
        let (tax, has, lacks) = (money(row.amount_fen), money(available_fen), money(missing_fen));
        let payer = &row.payer;
        let text = format!(
            "{payer}: tax {tax} CNY, available {has} CNY, missing {lacks} CNY; it is tried again when \
             money comes"
        );
        let text_zh = format!(
            "{payer}：应缴税款{tax}元，可用担保余额{has}元，尚缺{lacks}元；资金到账后自动重试"
        );
        let code = Some(Code::GuaranteeShort);
        self.report(id, DutyStep::Short, "", code, (text, text_zh), Some(shortage))
    }
}
