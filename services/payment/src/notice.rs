//! What whoever sent the inventory is told of its bill: the bill (CEB816) and what becomes of it (CEB818). Each is
//! made of what is kept, so that a repeated one is the same to the letter.

use domain::CHINA;
use domain::rules::FEN_E5;
use proto::ceb::import::{Tax, TaxHeadRd, TaxHeadStatus, TaxListRd, TaxStatus};
use proto::ceb::{Document, write};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bill_rows::{BillRow, tax_no};
use crate::names::id_of;

/// What is told of a bill, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The bill: a CEB816.
    MadeOut,
    /// It is in a payment order: a CEB818 with status 2.
    Collected,
    /// It is void, because everything came back: a CEB818 with status 3.
    Void,
}

impl Notice {
    /// As customs numbers the status that it tells.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::MadeOut => 1,
            Self::Collected => 2,
            Self::Void => 3,
        }
    }

    /// The same whenever it is told again.
    pub(crate) fn id(self, bill: &BillRow) -> Uuid {
        id_of(&format!("notice/{}/{}", bill.id, self.status()))
    }

    /// The message, of what happened at that time.
    pub(crate) fn message(self, bill: &BillRow, time: OffsetDateTime) -> String {
        let guid = self.id(bill).to_string().to_uppercase();
        let document = match self {
            Self::MadeOut => Document::Ceb816(made_out(bill, guid, time)),
            Self::Collected | Self::Void => Document::Ceb818(TaxStatus {
                head: TaxHeadStatus {
                    guid,
                    return_time: written(time),
                    invt_no: bill.invt_no.clone(),
                    tax_no: tax_no(&bill.invt_no),
                    status: self.status().to_string(),
                    ent_duty_no: bill.ent_duty_no.clone(),
                    assure_code: bill.payer.clone(),
                },
            }),
        };
        let guid = id_of(&format!("message/{}/{}", bill.id, self.status()));
        let guid = guid.to_string().to_uppercase();
        write(document.message_type(), &guid, &[document])
    }
}

fn made_out(bill: &BillRow, guid: String, time: OffsetDateTime) -> Tax {
    let yuan_e5 = |fen: i64| fen.saturating_mul(FEN_E5);
    let case = &bill.case;
    let lines = case.lines.iter().map(|line| {
        let [duty, vat, consumption] = line.billed.taxes;
        TaxListRd {
            gnum: line.billed.gnum,
            gcode: line.gcode.clone(),
            tax_price: line.tax_price_e5,
            customs_tax: yuan_e5(duty),
            value_added_tax: yuan_e5(vat),
            consumption_tax: yuan_e5(consumption),
        }
    });
    Tax {
        lines: lines.collect(),
        head: TaxHeadRd {
            guid,
            return_time: written(time),
            invt_no: bill.invt_no.clone(),
            tax_no: tax_no(&bill.invt_no),
            customs_tax: yuan_e5(case.customs_tax_fen),
            value_added_tax: yuan_e5(case.vat_fen),
            consumption_tax: yuan_e5(case.consumption_fen),
            status: Notice::MadeOut.status().to_string(),
            assure_code: bill.payer.clone(),
            ebc_code: case.ebc_code.clone(),
            logistics_code: case.logistics_code.clone(),
            agent_code: case.agent_code.clone(),
            customs_code: case.customs_code.clone(),
            ..TaxHeadRd::default()
        },
    }
}

/// A time as C17: to the millisecond, in China.
fn written(time: OffsetDateTime) -> String {
    let time = time.to_offset(CHINA);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, ms) = time.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{ms:03}")
}

#[cfg(test)]
mod tests {
    use domain::payment::bill::{BillStatus, BilledLine};
    use proto::ceb::{MessageType, read};
    use proto::duty::{DutyCase, DutyLine};
    use time::macros::{date, datetime};

    use super::*;

    /// G1 of the golden vectors (410.00 within the limits) or G5 (6,000.00 above the single one).
    fn bill(price_fen: i64, taxes: [i64; 3]) -> BillRow {
        let billed = BilledLine {
            gnum: 1,
            qty_e5: 100_000,
            returned_e5: 0,
            price_e5: price_fen * FEN_E5,
            taxes,
        };
        let line =
            DutyLine { gcode: "4202320000".into(), tax_price_e5: price_fen * FEN_E5, billed };
        BillRow {
            id: domain::DeclarationId::from_uuid(Uuid::nil()),
            payer: "3702960001".into(),
            invt_no: "42202026I000000000".into(),
            status: BillStatus::MadeOut,
            returned_fen: 0,
            released_time: datetime!(2026-11-24 16:00 UTC),
            due_from: date!(2026 - 12 - 26),
            due_until: date!(2027 - 01 - 09),
            collect_time: datetime!(2026-12-25 16:00 UTC),
            ent_duty_no: String::new(),
            case: DutyCase {
                customs_code: "4220".into(),
                agent_code: "3702960001".into(),
                lines: vec![line],
                customs_tax_fen: taxes[0],
                vat_fen: taxes[1],
                ..DutyCase::default()
            },
        }
    }

    fn read_notice(bill: &BillRow, notice: Notice, expected: MessageType) -> Document {
        let xml = notice.message(bill, bill.released_time);
        assert_eq!(xml, notice.message(bill, bill.released_time), "a repeat is the same");
        let read = read(xml.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}\n{xml}"));
        assert_eq!(read.message_type, expected);
        let [one] = <[_; 1]>::try_from(read.documents).expect("one document");
        one.document
    }

    #[test]
    fn a_bill_reads_back_with_the_tax_of_the_golden_vectors() {
        for (price, taxes) in [(41_000, [0, 3_731, 0]), (600_000, [30_000, 81_900, 0])] {
            let bill = bill(price, taxes);
            let Document::Ceb816(read) = read_notice(&bill, Notice::MadeOut, MessageType::Ceb816)
            else {
                panic!("a bill");
            };
            let head = &read.head;
            let [duty, vat] = [taxes[0] * FEN_E5, taxes[1] * FEN_E5];
            assert_eq!((head.customs_tax, head.value_added_tax), (duty, vat));
            assert_eq!((head.consumption_tax, head.status.as_str()), (0, "1"));
            assert_eq!(head.tax_no, "T42202026I000000000");
            assert_eq!(head.return_time, "20261125000000000", "China Standard Time");
            assert_eq!(head.guid, head.guid.to_uppercase());
            assert_eq!(read.lines[0].tax_price, price * FEN_E5);
        }
    }

    #[test]
    fn what_becomes_of_a_bill_reads_back() {
        let mut bill = bill(41_000, [0, 3_731, 0]);
        let Document::Ceb818(void) = read_notice(&bill, Notice::Void, MessageType::Ceb818) else {
            panic!("a state");
        };
        bill.ent_duty_no = "42202026I000000000-L01".into();
        let Document::Ceb818(collected) =
            read_notice(&bill, Notice::Collected, MessageType::Ceb818)
        else {
            panic!("a state");
        };
        assert_eq!((void.head.status.as_str(), void.head.ent_duty_no.as_str()), ("3", ""));
        assert_eq!(collected.head.status, "2");
        assert_eq!(collected.head.ent_duty_no, bill.ent_duty_no);
        assert_eq!(void.head.tax_no, collected.head.tax_no);
        assert_ne!(void.head.guid, collected.head.guid);
    }
}
