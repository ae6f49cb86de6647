//! What customs issues about an import: the tax bill (CEB816) and what becomes of it (CEB818). Each is
//! a function of the case, so that a repeated one is the same to the letter.

use domain::documents::tax::Unassessable;
use proto::ceb::import::{Tax, TaxHeadRd, TaxHeadStatus, TaxListRd, TaxStatus};
use proto::ceb::{Document, write};
use time::Duration;
use uuid::Uuid;

use crate::NAMESPACE;
use crate::books::{FEN_E5, ImportCase, Notice, moment};

/// How long after the bill its payment order follows. A real one comes after a month.
pub(crate) const SUMMARISED_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// The message that tells something.
///
/// # Errors
///
/// What the tariff cannot say.
pub fn message(case: &ImportCase, notice: Notice) -> Result<String, Unassessable> {
    let document = document(case, notice)?;
    let guid = guid(case, &format!("message/{notice:?}"));
    Ok(write(document.message_type(), &guid, &[document]))
}

fn document(case: &ImportCase, notice: Notice) -> Result<Document, Unassessable> {
    Ok(match notice {
        Notice::Bill => Document::Ceb816(bill(case)?),
        Notice::Summarised => {
            let at = moment(case.released_ms) + Duration::seconds(1);
            let mut status = status(case, notice, "2", at);
            status.head.ent_duty_no = format!("{}-L01", case.invt_no);
            Document::Ceb818(status)
        }
        Notice::Void => Document::Ceb818(status(case, notice, "3", moment(case.returned_ms))),
    })
}

fn bill(case: &ImportCase) -> Result<Tax, Unassessable> {
    let tax = case.tax()?;
    let yuan_e5 = |fen: i64| fen.saturating_mul(FEN_E5);
    let lines = case.lines.iter().zip(&tax.lines).map(|(line, tax)| TaxListRd {
        gnum: line.gnum,
        gcode: line.gcode.clone(),
        tax_price: tax.tax_price_e5,
        customs_tax: yuan_e5(tax.customs_tax_fen),
        value_added_tax: yuan_e5(tax.vat_fen),
        consumption_tax: yuan_e5(tax.consumption_fen),
    });
    Ok(Tax {
        lines: lines.collect(),
        head: TaxHeadRd {
            guid: guid(case, &format!("{:?}", Notice::Bill)),
            return_time: written(moment(case.released_ms)),
            invt_no: case.invt_no.clone(),
            tax_no: tax_no(case),
            customs_tax: yuan_e5(tax.customs_tax_fen),
            value_added_tax: yuan_e5(tax.vat_fen),
            consumption_tax: yuan_e5(tax.consumption_fen),
            status: "1".to_owned(),
            assure_code: case.assure_code.clone(),
            ebc_code: case.ebc_code.clone(),
            logistics_code: case.logistics_code.clone(),
            agent_code: case.agent_code.clone(),
            customs_code: case.customs_code.clone(),
            ..TaxHeadRd::default()
        },
    })
}

fn status(case: &ImportCase, notice: Notice, status: &str, at: time::OffsetDateTime) -> TaxStatus {
    TaxStatus {
        head: TaxHeadStatus {
            guid: guid(case, &format!("{notice:?}")),
            return_time: written(at),
            invt_no: case.invt_no.clone(),
            tax_no: tax_no(case),
            status: status.to_owned(),
            assure_code: case.assure_code.clone(),
            ..TaxHeadStatus::default()
        },
    }
}

/// How customs numbers its bills is not published; there is one for an inventory.
fn tax_no(case: &ImportCase) -> String {
    format!("T{}", case.invt_no)
}

/// The same whenever it is told again.
fn guid(case: &ImportCase, what: &str) -> String {
    let name = format!("duty/{}/{what}", case.declaration_id);
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string().to_uppercase()
}

/// A time as C17: to the millisecond.
fn written(time: time::OffsetDateTime) -> String {
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, ms) = time.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{ms:03}")
}

#[cfg(test)]
mod tests {
    use proto::ceb::{MessageType, read};

    use super::*;
    use crate::books::Books;
    use crate::books::sample::{filed, numbered, refund, released};

    /// The case of a declaration that was released and came back.
    fn case(amount_fen: i64) -> ImportCase {
        let mut books = Books::default();
        for event in [filed("a", 1, amount_fen), numbered("a", 1), released("a", 1)] {
            assert!(books.hear(&event).refusal.is_none());
        }
        books.give_back(&refund("r", "a", &[(1, 100_000)]), None).expect("it comes back");
        books.case("a").expect("it is there").clone()
    }

    fn told(case: &ImportCase, notice: Notice, message_type: MessageType) -> Document {
        let xml = message(case, notice).expect("it can be assessed");
        assert_eq!(xml, message(case, notice).expect("again"), "a repeat is the same");
        let read = read(xml.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}\n{xml}"));
        assert_eq!(read.message_type, message_type);
        let [one] = <[_; 1]>::try_from(read.documents).expect("one document");
        one.document
    }

    #[test]
    fn a_bill_reads_back_with_the_tax_of_the_golden_vectors() {
        // G1: 410.00 within the limits. G5: 6,000.00 above the single one, by a duty of 5 %.
        for (amount_fen, duty, vat) in [(41_000, 0, 3_731_000), (600_000, 30_000_000, 81_900_000)] {
            let case = case(amount_fen);
            let Document::Ceb816(bill) = told(&case, Notice::Bill, MessageType::Ceb816) else {
                panic!("a bill");
            };
            let head = &bill.head;
            assert_eq!((head.customs_tax, head.value_added_tax), (duty, vat));
            assert_eq!((head.consumption_tax, head.status.as_str()), (0, "1"));
            assert_eq!(
                (head.invt_no.as_str(), head.agent_code.as_str()),
                ("42202026I000000000", "3702960001")
            );
            assert_eq!(head.return_time, "20261125000000000", "China Standard Time");
            assert_eq!(head.guid, head.guid.to_uppercase());
            assert_eq!(bill.lines.len(), 1);
            assert_eq!(bill.lines[0].tax_price, amount_fen * FEN_E5);
        }
    }

    #[test]
    fn states_of_a_bill_read_back() {
        let case = case(41_000);
        let Document::Ceb818(paid) = told(&case, Notice::Summarised, MessageType::Ceb818) else {
            panic!("a state");
        };
        assert_eq!((paid.head.status.as_str(), paid.head.ent_duty_no.is_empty()), ("2", false));
        let Document::Ceb818(void) = told(&case, Notice::Void, MessageType::Ceb818) else {
            panic!("a state");
        };
        assert_eq!((void.head.status.as_str(), void.head.ent_duty_no.as_str()), ("3", ""));
        assert_eq!(void.head.tax_no, paid.head.tax_no);
        assert_ne!(void.head.guid, paid.head.guid);
    }
}
