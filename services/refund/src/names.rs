//! The names of what the service keeps: claims, export lines and invoices.

use domain::tax_refund::invoice::InvoiceNumber;
use domain::{DeclarationId, Slot};
use time::{Date, Month};
use uuid::Uuid;

/// Ids are made of what they are about, so that they are the same again.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1d_4a7e_0b52_5f3c_8e1f_0004_5157_0001);

/// An id that is the same whenever it is made again.
pub(crate) fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// A claim: a firm, the month until whose end its exports left, and which one of that month.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClaimName {
    pub(crate) firm: String,
    /// YYYYMM.
    pub(crate) month: i32,
    /// From 1.
    pub(crate) batch: i32,
}

impl ClaimName {
    /// Reads `refunds/{firm}-{YYYYMM}-{batch}`, with or without the collection.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix("refunds/").unwrap_or(name); // either is a name
        let (rest, batch) = name.rsplit_once('-')?;
        let (firm, month) = rest.rsplit_once('-')?;
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i32>().ok().filter(|number| plain && *number > 0)
        };
        let (month, batch) = (number(month)?, number(batch)?);
        last_day(month)?;
        (!firm.is_empty()).then(|| Self { firm: firm.to_owned(), month, batch })
    }

    /// As it is said.
    pub(crate) fn name(&self) -> String {
        format!("refunds/{}-{}-{}", self.firm, self.month, self.batch)
    }

    /// Where it lies.
    pub(crate) fn slot(&self) -> Slot {
        Slot::of(&self.firm)
    }
}

/// Reads a month as people write it, YYYY-MM.
pub(crate) fn month(text: &str) -> Option<i32> {
    let (year, month) = text.split_once('-').filter(|_| text.len() == 7)?;
    let number = format!("{year}{month}").parse().ok()?;
    last_day(number).map(|_| number)
}

/// The last day of a month that is written as YYYYMM.
pub(crate) fn last_day(month: i32) -> Option<Date> {
    let (year, month) = (month / 100, u8::try_from(month % 100).ok()?);
    let month = Month::try_from(month).ok()?;
    let year = Some(year).filter(|year| (2000..=2999).contains(year))?;
    Date::from_calendar_date(year, month, month.length(year)).ok()
}

/// A line of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExportName {
    pub(crate) id: DeclarationId,
    /// From 1.
    pub(crate) line: i32,
}

impl ExportName {
    /// Reads `declarations/{uuid}/lines/{n}`; without the line it is the first one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (declaration, line) = match name.split_once("/lines/") {
            Some((declaration, line)) => (declaration, line.parse().ok()?),
            None => (name, 1),
        };
        Some(Self { id: DeclarationId::parse(declaration)?, line })
    }

    /// As it is said.
    pub(crate) fn name(self) -> String {
        format!("{}/lines/{}", self.id.name(), self.line)
    }
}

/// An invoice, as it is said.
pub(crate) fn invoice_name(code: &str, number: &str) -> String {
    format!("invoices/{code}-{number}")
}

/// The number of an invoice with its parts, which a firm wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WrittenNumber {
    pub(crate) code: String,
    pub(crate) number: String,
}

impl WrittenNumber {
    /// The number by the rules; `None` when it is none.
    pub(crate) fn checked(&self) -> Option<InvoiceNumber> {
        InvoiceNumber::parse(&self.code, &self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_called_by_firm_month_and_batch() {
        let claim = ClaimName { firm: "3702960001".into(), month: 202_611, batch: 2 };
        assert_eq!(claim.name(), "refunds/3702960001-202611-2");
        for name in [claim.name(), "3702960001-202611-2".to_owned()] {
            assert_eq!(ClaimName::parse(&name), Some(claim.clone()), "{name}");
        }
        for name in ["", "refunds/", "a-202613-1", "a-202611-0", "a-202611-+1", "-202611-1", "a-b"]
        {
            assert_eq!(ClaimName::parse(name), None, "{name}");
        }
        assert_eq!(month("2026-11"), Some(202_611));
        assert_eq!(last_day(202_602).map(|day| day.to_string()).as_deref(), Some("2026-02-28"));
        for text in ["2026-13", "202611", "2026-1", "26-11", ""] {
            assert_eq!(month(text), None, "{text}");
        }
    }
}
