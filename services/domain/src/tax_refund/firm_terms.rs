//! How a firm gets its refunds, as it was said from day to day: method, class, parity, waiver.
//!
//! What is said holds from its day on until the next; the first also before, since a firm is older than its first
//! word here. What holds already is not said otherwise: something new begins later. A parity is chosen for a year
//! (12 months; that the year begins with the choice is from general knowledge, unverified).

use std::collections::BTreeMap;

use time::Date;

use super::deadline::months_later;
use super::entitlement::{Firm, FirmClass, FirmKind, WithoutInvoice};
use super::parity::ParityBasis;

/// A firm of which nothing was said: it buys and exports, and is neither fast nor watched.
const ORDINARY: Firm = Firm {
    kind: FirmKind::Trader,
    class: FirmClass::Second,
    parity: ParityBasis::DayOfExport,
    parity_since: None,
    waived_from: None,
    without_invoice: WithoutInvoice::Domestic,
};

/// Months that a parity is chosen for.
const PARITY_MONTHS: i32 = 12;

/// What was said of a firm, by the day from which on it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirmTerms(BTreeMap<Date, Firm>);

/// Why something cannot be said from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Other terms begin on that day or later.
    #[error("other terms begin on {0}: what is new begins after that day")]
    Before(Date),
    /// Its parity is chosen until then.
    #[error("the parity is chosen until {0}: another one may begin on that day")]
    ParityBound(Date),
}

impl TermsError {
    /// The same in Chinese.
    pub fn text_zh(self) -> String {
        match self {
            Self::Before(day) => format!("已有自{day}起的登记，新登记须晚于该日"),
            Self::ParityBound(day) => format!("中间价口径一经选定一年内不得变更，{day}起方可变更"),
        }
    }
}

impl FirmTerms {
    /// As they were kept, in any order.
    pub fn kept(rows: impl IntoIterator<Item = (Date, Firm)>) -> Self {
        let mut terms = Self(rows.into_iter().collect());
        let mut before: Option<(ParityBasis, Date)> = None;
        for (from, firm) in &mut terms.0 {
            let since = before.filter(|(basis, _)| *basis == firm.parity).map(|(_, since)| since);
            let since = since.unwrap_or(*from); // chosen anew
            firm.parity_since = Some(since);
            before = Some((firm.parity, since));
        }
        terms
    }

    /// What holds on a day.
    pub fn on(&self, day: Date) -> Firm {
        let last = self.0.range(..=day).next_back().or_else(|| self.0.iter().next());
        last.map_or(ORDINARY, |(_, firm)| *firm)
    }

    /// Since when that was said; `None` where nothing was.
    pub fn since(&self, day: Date) -> Option<Date> {
        let last = self.0.range(..=day).next_back().or_else(|| self.0.iter().next());
        last.map(|(from, _)| *from)
    }

    /// Whether something may be said from a day on. What holds since today or later is replaced.
    ///
    /// # Errors
    ///
    /// It begins before what was said last, or the parity is chosen for longer.
    pub fn check(&self, from: Date, firm: &Firm, today: Date) -> Result<(), TermsError> {
        let mut periods = self.0.iter().rev();
        let Some((last, before)) = periods.next() else { return Ok(()) };
        let is_same = *before == Firm { parity_since: before.parity_since, ..*firm };
        if from == *last && is_same {
            return Ok(());
        }
        if from < *last || from == *last && from < today {
            return Err(TermsError::Before(*last));
        }
        let before =
            if from == *last { periods.next().map(|(_, firm)| firm) } else { Some(before) };
        let Some(before) = before else { return Ok(()) };
        let since = before.parity_since.filter(|_| before.parity != firm.parity);
        let until = since.and_then(|since| months_later(since, PARITY_MONTHS));
        match until {
            Some(until) if from < until => Err(TermsError::ParityBound(until)),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn of(class: FirmClass, parity: ParityBasis) -> Firm {
        Firm { class, parity, ..ORDINARY }
    }

    #[test]
    fn what_was_said_holds_from_its_day_on_and_the_first_before() {
        use FirmClass::{First, Fourth};
        use ParityBasis::{DayOfExport, FirstOfMonth};
        assert_eq!(FirmTerms::default().on(date!(2026 - 11 - 29)), ORDINARY);
        let (one, two) = (date!(2026 - 02 - 01), date!(2026 - 06 - 15));
        let terms =
            FirmTerms::kept([(two, of(Fourth, FirstOfMonth)), (one, of(First, FirstOfMonth))]);
        for (day, class) in [
            (date!(2025 - 12 - 31), First),
            (date!(2026 - 06 - 14), First),
            (date!(2026 - 06 - 15), Fourth),
            (date!(2030 - 01 - 01), Fourth),
        ] {
            let firm = terms.on(day);
            assert_eq!((firm.class, firm.parity_since), (class, Some(one)), "{day}");
        }
        assert_eq!(terms.since(date!(2026 - 07 - 01)), Some(two));

        // The class may change at any later day, the parity a year after it was chosen.
        let today = date!(2026 - 07 - 01);
        let change = |from, parity| terms.check(from, &of(First, parity), today);
        assert_eq!(change(date!(2026 - 06 - 15), FirstOfMonth), Err(TermsError::Before(two)));
        assert_eq!(change(date!(2026 - 06 - 16), FirstOfMonth), Ok(()));
        let bound = Err(TermsError::ParityBound(date!(2027 - 02 - 01)));
        assert_eq!(change(date!(2026 - 06 - 16), DayOfExport), bound);
        assert_eq!(change(date!(2027 - 01 - 31), DayOfExport), bound);
        assert_eq!(change(date!(2027 - 02 - 01), DayOfExport), Ok(()));
        assert_eq!(terms.check(two, &of(Fourth, FirstOfMonth), today), Ok(()), "the same again");
        // What was said today may be said otherwise today, but not what it was chosen against.
        assert_eq!(terms.check(two, &of(First, FirstOfMonth), two), Ok(()));
        assert_eq!(terms.check(two, &of(First, DayOfExport), two), bound);
        let first = FirmTerms::kept([(one, of(First, DayOfExport))]);
        assert_eq!(first.check(one, &of(First, FirstOfMonth), one), Ok(()));
    }
}
