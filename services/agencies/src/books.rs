//! What customs remembers of imports: who has used how much of a year, and what became of each
//! declaration. Pure: it hears events and says what it makes of them; the file is [`crate::ledger`].
//!
//! Everything hangs on the case of a declaration. What a person has used of a year is the sum over
//! the cases, so replacing a case by what it is now books an amendment, a rejection and a return
//! alike, and hearing the same again changes nothing.

use std::collections::HashMap;

use domain::documents::identity::normalised;
use domain::documents::limits::{self, Quota, check_single};
use domain::documents::tax::{
    Band, DutyInput, Measure, SAMPLE_TARIFF, Tax, TaxableLine, Unassessable,
};
use domain::documents::{ReceiptStatus, key, status, tax};
use proto::ceb::import::InvtRefund;
use proto::v1::{self, fact::Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::{Date, OffsetDateTime, UtcOffset};

use crate::script::Script;

/// China Standard Time: in it the year of the limit and the day of the rates are counted.
pub(crate) const CHINA: UtcOffset = time::macros::offset!(+8);
/// A fen in 1/100000 yuan.
pub(crate) const FEN_E5: i64 = 1_000;

/// What customs tells by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The tax bill: a CEB816.
    Bill,
    /// The bill went into a payment order: a CEB818 with status 2.
    Summarised,
    /// The bill is void, because everything came back: a CEB818 with status 3.
    Void,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportStanding {
    /// Under review.
    #[default]
    Open,
    /// Rejected, withdrawn or sent back abroad; only an amendment goes on.
    Ended,
    /// Released.
    Released,
}

/// A quantity with its customs unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    unit: String,
    qty_e5: i64,
}

impl Amount {
    fn measure(&self) -> Measure<'_> {
        Measure { unit: &self.unit, qty_e5: self.qty_e5 }
    }
}

/// A line of goods, as far as tax and returns need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportLine {
    /// Its number.
    pub gnum: u32,
    /// Goods code.
    pub gcode: String,
    total_price_e5: i64,
    qty_e5: i64,
    first: Amount,
    second: Option<Amount>,
    /// How much of the quantity came back.
    returned_e5: i64,
}

impl ImportLine {
    fn goods(&self) -> TaxableLine<'_> {
        TaxableLine {
            gnum: self.gnum,
            gcode: &self.gcode,
            total_price_e5: self.total_price_e5,
            first: self.first.measure(),
            second: self.second.as_ref().map(Amount::measure),
        }
    }

    /// The price of what came back.
    fn returned_value_e5(&self) -> i64 {
        let value = i128::from(self.total_price_e5) * i128::from(self.returned_e5)
            / i128::from(self.qty_e5.max(1));
        // No more comes back than there was.
        i64::try_from(value).unwrap_or(self.total_price_e5)
    }
}

/// What customs keeps of one import declaration. No personal data: the buyer is a digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportCase {
    /// Its id.
    pub declaration_id: String,
    version: u32,
    /// SHA-256 of the buyer's id number, normalised; empty when none was given.
    person: String,
    /// Calendar year in China whose limit it counts against.
    year: i32,
    /// Dutiable value.
    amount_fen: i64,
    /// Code and text when it is over a limit: nothing is booked then.
    refusal: Option<(String, String)>,
    /// One single item above the single limit: taxed in full.
    above: bool,
    freight_e5: i64,
    insured_e5: i64,
    /// Its goods.
    pub lines: Vec<ImportLine>,
    /// Customs house.
    pub customs_code: String,
    /// Declarant.
    pub agent_code: String,
    /// E-commerce firm.
    pub ebc_code: String,
    /// Logistics firm.
    pub logistics_code: String,
    /// Guarantor.
    pub assure_code: String,
    /// The script wants the bill to be paid.
    pays: bool,
    /// Customs' number; empty before it is known.
    pub invt_no: String,
    standing: ImportStanding,
    /// When it was released, in milliseconds of Unix time.
    pub released_ms: i64,
    /// When everything was back.
    pub returned_ms: i64,
    /// What is still to be told, in this order.
    notices: Vec<Notice>,
    /// The national door filed it, so its sender probably wants to be told.
    pub national: bool,
    /// Nobody wants to be told.
    unwanted: bool,
    /// The bill went into a payment order.
    summarised: bool,
    /// guids of the returns (625) that were counted.
    returns: Vec<String>,
}

impl ImportCase {
    fn open(event: &v1::Event, declaration: &v1::Declaration, date: Date) -> Self {
        let money = |money: &Option<v1::Money>| money.as_ref().map_or(0, |money| money.amount_e5);
        let code =
            |party: &Option<v1::Party>| proto::text(party.as_ref().map(|party| party.code.clone()));
        let lines: Vec<ImportLine> = declaration.lines.iter().map(line).collect();
        let (freight_e5, insured_e5) =
            (money(&declaration.freight), money(&declaration.insured_fee));
        let buyer = declaration.buyer.as_ref().map(|buyer| buyer.id_number.trim());
        let mut case = Self {
            declaration_id: event.declaration_id.clone(),
            version: event.version,
            // Nobody, where no buyer is named: nobody has no limit.
            person: proto::text(buyer.filter(|id| !id.is_empty()).map(digest)),
            year: date.year(),
            freight_e5,
            insured_e5,
            lines,
            customs_code: declaration.customs_code.clone(),
            agent_code: code(&declaration.declarant),
            ebc_code: code(&declaration.ebc),
            logistics_code: code(&declaration.logistics),
            assure_code: declaration.assure_code.clone(),
            national: !declaration.guid.is_empty(),
            pays: Script::of(&declaration.order_no).pays,
            ..Self::default()
        };
        case.amount_fen = limits::fen(case.value_e5());
        case
    }

    /// Dutiable value: goods, freight and insurance.
    fn value_e5(&self) -> i64 {
        let goods = self.lines.iter().map(|line| line.total_price_e5);
        let parts = goods.chain([self.freight_e5, self.insured_e5]);
        parts.fold(0, i64::saturating_add)
    }

    /// What it takes of the person's year. Freight and insurance come back only with everything.
    fn booked_fen(&self) -> i64 {
        if self.refusal.is_some() || self.standing == ImportStanding::Ended || self.is_back() {
            return 0;
        }
        let returned =
            self.lines.iter().map(ImportLine::returned_value_e5).fold(0, i64::saturating_add);
        self.amount_fen.saturating_sub(limits::fen(returned)).max(0)
    }

    /// The whole inventory came back.
    fn is_back(&self) -> bool {
        !self.returns.is_empty() && self.lines.iter().all(|line| line.returned_e5 >= line.qty_e5)
    }

    fn refusal(&self) -> Option<v1::Reason> {
        let (code, text) = self.refusal.clone()?;
        Some(v1::Reason { code, text })
    }

    /// What to tell next; nothing before customs knows its own number of the inventory.
    pub fn due(&self) -> Option<Notice> {
        self.notices.first().copied().filter(|_| !self.invt_no.is_empty())
    }

    /// What the import costs, by the rates of the day of its release.
    ///
    /// # Errors
    ///
    /// What the tariff cannot say.
    pub fn tax(&self) -> Result<Tax, Unassessable> {
        let goods: Vec<TaxableLine<'_>> = self.lines.iter().map(ImportLine::goods).collect();
        tax::assess(&DutyInput {
            tariff: SAMPLE_TARIFF,
            date: moment(self.released_ms).date(),
            band: if self.above { Band::Above } else { Band::Within },
            freight_e5: self.freight_e5,
            insurance_e5: self.insured_e5,
            lines: &goods,
        })
    }
}

fn line(line: &v1::GoodsLine) -> ImportLine {
    let amount =
        |quantity: &v1::Quantity| Amount { unit: quantity.unit.clone(), qty_e5: quantity.value_e5 };
    ImportLine {
        gnum: line.gnum,
        gcode: line.gcode.clone(),
        total_price_e5: line.total_price.as_ref().map_or(0, |price| price.amount_e5),
        qty_e5: line.qty.as_ref().map_or(0, |qty| qty.value_e5),
        // Goods without a first quantity were refused before customs saw them.
        first: line.qty1.as_ref().map(amount).unwrap_or_default(),
        second: line.qty2.as_ref().map(amount),
        returned_e5: 0,
    }
}

/// Numbers of identity cards may end in a small or a capital X.
fn digest(id_number: &str) -> String {
    format!("{:x}", Sha256::digest(normalised(id_number)))
}

/// A time that was kept, in China.
pub(crate) fn moment(ms: i64) -> OffsetDateTime {
    let time = OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::milliseconds(ms));
    time.to_offset(CHINA)
}

fn milliseconds(time: Option<OffsetDateTime>) -> i64 {
    time.map_or(0, |time| time.unix_timestamp() * 1_000 + i64::from(time.millisecond()))
}

/// When an event was recorded.
fn recorded(event: &v1::Event) -> i64 {
    milliseconds(event.time.and_then(proto::time))
}

/// What an event changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EventEffect {
    /// Customs refuses the declaration for this.
    pub refusal: Option<v1::Reason>,
    /// The case is another one now.
    pub changed: bool,
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    cases: HashMap<String, ImportCase>,
    /// By person and year.
    used: HashMap<(String, i32), Quota>,
    /// Declaration by customs' number.
    by_number: HashMap<String, String>,
    /// Up to where the log of the exchange number `CUSTOMS` was read.
    pub log_position: u64,
}

impl Books {
    /// No import was heard of yet.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// What is kept of a declaration.
    pub fn case(&self, declaration_id: &str) -> Option<&ImportCase> {
        self.cases.get(declaration_id)
    }

    /// Everything that is worth keeping over a restart. The window sends what it was not told that
    /// we heard once more, so an end without a sequel can be forgotten with its beginning.
    pub fn worth_keeping(&self) -> impl Iterator<Item = &ImportCase> {
        self.cases
            .values()
            .filter(|case| case.standing != ImportStanding::Ended || !case.invt_no.is_empty())
    }

    /// Declarations of which something is to be told.
    pub fn due(&self) -> Vec<String> {
        let due = self.cases.values().filter(|case| case.due().is_some());
        due.map(|case| case.declaration_id.clone()).collect()
    }

    /// Takes a case as it is now, instead of what it was.
    pub fn put(&mut self, case: ImportCase) {
        if let Some(old) = self.cases.get(&case.declaration_id) {
            let quota = self.used.entry((old.person.clone(), old.year)).or_default();
            *quota = quota.restore(old.booked_fen());
        }
        // An amount of nothing makes no entry: the limit was checked when it was reserved.
        if case.booked_fen() > 0 {
            let quota = self.used.entry((case.person.clone(), case.year)).or_default();
            quota.used_fen = quota.used_fen.saturating_add(case.booked_fen());
        }
        if !case.invt_no.is_empty() {
            self.by_number.insert(case.invt_no.clone(), case.declaration_id.clone());
        }
        self.cases.insert(case.declaration_id.clone(), case);
    }

    /// What happened to a declaration.
    pub fn hear(&mut self, event: &v1::Event) -> EventEffect {
        let mut heard = EventEffect::default();
        let facts = event.facts.iter().flat_map(|facts| &facts.facts);
        for kind in facts.filter_map(|fact| fact.kind.as_ref()) {
            heard.changed |= match kind {
                Kind::Filed(_) | Kind::Amended(_) => {
                    let (refusal, changed) = self.book(event);
                    heard.refusal = refusal;
                    changed
                }
                Kind::Numbered(v1::Numbered { invt_no }) => self.change(event, |case| {
                    invt_no.clone_into(&mut case.invt_no);
                }),
                Kind::Rejected(_) | Kind::Withdrawn(_) | Kind::Returned(_) => {
                    self.change(event, |case| case.standing = ImportStanding::Ended)
                }
                Kind::Released(_) => self.change(event, |case| release(case, event)),
                _ => false,
            };
        }
        heard
    }

    /// A new content takes the place of the one before. The same again is answered alike.
    fn book(&mut self, event: &v1::Event) -> (Option<v1::Reason>, bool) {
        let import = i32::from(v1::Direction::Import);
        let Some(declaration) = event.declaration.as_ref().filter(|it| it.ie_flag == import) else {
            return (None, false);
        };
        let earlier = self.cases.get(&event.declaration_id);
        if let Some(known) = earlier.filter(|known| known.version >= event.version) {
            let same = known.version == event.version;
            return (known.refusal().filter(|_| same), false);
        }
        let date = moment(recorded(event)).date();
        let mut case = ImportCase::open(event, declaration, date);
        let mut quota = self.used(&case.person, case.year);
        if let Some(earlier) = earlier {
            case.invt_no.clone_from(&earlier.invt_no);
            if (&earlier.person, earlier.year) == (&case.person, case.year) {
                quota = quota.restore(earlier.booked_fen());
            }
        }
        let quantities: Vec<i64> = case.lines.iter().map(|line| line.qty_e5).collect();
        let name = key(&[&case.agent_code, &declaration.cop_no]);
        let judged = check_single(date, case.value_e5(), &quantities, &name).and_then(|band| {
            // Who is not named has no year; the window asks for the name.
            let named = !case.person.is_empty();
            if named { quota.reserve(date, case.amount_fen).map(|_| band) } else { Ok(band) }
        });
        match judged {
            Ok(band) => case.above = band == Band::Above,
            Err(refused) => case.refusal = Some(coded(refused)),
        }
        let refusal = case.refusal();
        self.put(case);
        (refusal, true)
    }

    /// Changes the case of an event, unless the event is about a version that is void.
    fn change(&mut self, event: &v1::Event, change: impl FnOnce(&mut ImportCase)) -> bool {
        let known = self.cases.get(&event.declaration_id);
        let Some(known) = known.filter(|case| case.version == event.version) else { return false };
        let mut case = known.clone();
        change(&mut case);
        let changed = case != *known;
        if changed {
            self.put(case);
        }
        changed
    }

    fn used(&self, person: &str, year: i32) -> Quota {
        // Who has bought nothing yet has no entry.
        self.used.get(&(person.to_owned(), year)).copied().unwrap_or_default()
    }

    /// Goods come back (CEB625): their value is the person's again. Says whose case changed.
    pub fn give_back(
        &mut self,
        refund: &InvtRefund,
        time: Option<OffsetDateTime>,
    ) -> Option<String> {
        let id = self.by_number.get(&refund.head.invt_no)?;
        let mut case = self.cases.get(id)?.clone();
        let guid = refund.head.guid.to_uppercase();
        if case.standing != ImportStanding::Released
            || case.returns.contains(&guid)
            || case.is_back()
        {
            return None;
        }
        case.returns.push(guid);
        for back in &refund.lines {
            if let Some(line) = case.lines.iter_mut().find(|line| line.gnum == back.gnum) {
                line.returned_e5 =
                    line.returned_e5.saturating_add(back.qty.max(0)).min(line.qty_e5);
            }
        }
        // When only a part came back the bill stays as it is: the schema knows no bill with a new
        // amount, and how customs corrects it is not published. A bill that is in a payment order
        // already cannot become void either; its tax would have to be paid back.
        if case.is_back() {
            case.returned_ms = milliseconds(time).max(case.released_ms);
            case.notices.retain(|notice| *notice == Notice::Bill);
            if !case.unwanted && !case.summarised {
                case.notices.push(Notice::Void);
            }
        }
        let id = case.declaration_id.clone();
        self.put(case);
        Some(id)
    }

    /// Something was told.
    pub fn told(&mut self, declaration_id: &str, told: Notice) {
        if let Some(case) = self.cases.get_mut(declaration_id) {
            case.notices.retain(|notice| *notice != told);
            case.summarised |= told == Notice::Summarised;
        }
    }

    /// Nobody wants to be told.
    pub fn forget(&mut self, declaration_id: &str) {
        if let Some(case) = self.cases.get_mut(declaration_id) {
            case.notices.clear();
            case.unwanted = true;
        }
    }
}

fn release(case: &mut ImportCase, event: &v1::Event) {
    if case.standing != ImportStanding::Open {
        return;
    }
    case.standing = ImportStanding::Released;
    case.released_ms = recorded(event);
    case.notices.push(Notice::Bill);
    if case.pays {
        case.notices.push(Notice::Summarised);
    }
}

/// Code and text of a refusal. The e-port's own are negative; customs writes its code into the text.
fn coded(refused: ReceiptStatus) -> (String, String) {
    let written = refused.info.strip_prefix("[Code:").and_then(|rest| rest.split_once(';'));
    let code = match written {
        Some((code, _)) if refused.status == status::REJECTED => code.to_owned(),
        _ => refused.status.to_string(),
    };
    (code, refused.info)
}

/// Events of a sample import of one person.
#[cfg(test)]
pub(crate) mod sample {
    use proto::ceb::import::{InvtRefundHead, InvtRefundList};
    use time::macros::datetime;

    use super::*;

    /// Midnight in China.
    pub(crate) const TIME: OffsetDateTime = datetime!(2026-11-25 0:00 +8);

    pub(crate) fn event(id: &str, version: u32, at: OffsetDateTime, kind: Kind) -> v1::Event {
        v1::Event {
            declaration_id: id.to_owned(),
            version,
            round: 1,
            time: Some(proto::timestamp(at)),
            facts: Some(v1::Facts {
                facts: vec![v1::Fact { kind: Some(kind) }],
                waits_for: Vec::new(),
            }),
            ..v1::Event::default()
        }
    }

    fn money(amount_fen: i64) -> Option<v1::Money> {
        Some(v1::Money { currency: "142".to_owned(), amount_e5: amount_fen * FEN_E5 })
    }

    fn goods(gnum: u32, qty_e5: i64, amount_fen: i64) -> v1::GoodsLine {
        let qty = Some(v1::Quantity { unit: "007".to_owned(), value_e5: qty_e5 });
        v1::GoodsLine {
            gnum,
            gcode: "4202320000".to_owned(),
            qty1: qty.clone(),
            qty,
            total_price: money(amount_fen),
            ..v1::GoodsLine::default()
        }
    }

    /// A filing at a time; the lines are quantity and price.
    pub(crate) fn filing(
        (id, version, at): (&str, u32, OffsetDateTime),
        lines: &[(i64, i64)],
        charges_fen: (i64, i64),
    ) -> v1::Event {
        let party = |code: &str| Some(v1::Party { code: code.to_owned(), name: String::new() });
        let kind = if version == 1 {
            Kind::Filed(v1::Filed::default())
        } else {
            Kind::Amended(v1::Amended { previous_version: version - 1 })
        };
        let lines = (1..).zip(lines).map(|(gnum, &(qty, price))| goods(gnum, qty, price));
        let declaration = v1::Declaration {
            ie_flag: v1::Direction::Import.into(),
            customs_code: "4220".to_owned(),
            declarant: party("3702960001"),
            ebc: party("3702960015"),
            logistics: party("3702980031"),
            assure_code: "3702960001".to_owned(),
            cop_no: "C1".to_owned(),
            buyer: Some(v1::Buyer {
                id_number: "11010519491231002x".to_owned(),
                ..v1::Buyer::default()
            }),
            freight: money(charges_fen.0),
            insured_fee: money(charges_fen.1),
            lines: lines.collect(),
            ..v1::Declaration::default()
        };
        v1::Event { declaration: Some(declaration), ..event(id, version, at, kind) }
    }

    /// One single item.
    pub(crate) fn filed(id: &str, version: u32, amount_fen: i64) -> v1::Event {
        filing((id, version, TIME), &[(100_000, amount_fen)], (0, 0))
    }

    pub(crate) fn numbered(id: &str, version: u32) -> v1::Event {
        let invt_no = number(id);
        event(id, version, TIME, Kind::Numbered(v1::Numbered { invt_no }))
    }

    /// Customs' number: one letter makes the declaration, and its place in the alphabet the number.
    fn number(id: &str) -> String {
        let place = id.bytes().next().map_or(0, |letter| letter - b'a');
        format!("42202026I{place:09}")
    }

    pub(crate) fn released(id: &str, version: u32) -> v1::Event {
        event(id, version, TIME, Kind::Released(v1::Released::default()))
    }

    pub(crate) fn refund(guid: &str, id: &str, lines: &[(u32, i64)]) -> InvtRefund {
        let head = InvtRefundHead {
            guid: guid.to_owned(),
            invt_no: number(id),
            ..InvtRefundHead::default()
        };
        let line = |&(gnum, qty)| InvtRefundList { gnum, qty, ..InvtRefundList::default() };
        InvtRefund { head, lines: lines.iter().map(line).collect() }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::sample::{TIME, event, filed, filing, numbered, refund, released};
    use super::*;

    /// What the sample person has used of a year.
    fn used(books: &Books, year: i32) -> i64 {
        books.used(&digest("11010519491231002X"), year).used_fen
    }

    fn heard(books: &mut Books, events: &[v1::Event]) {
        for event in events {
            let heard = books.hear(event);
            assert_eq!(heard.refusal, None);
            assert!(heard.changed, "{event:?}");
            assert!(!books.hear(event).changed, "the same again changes nothing");
        }
    }

    #[test]
    fn g6_the_year_is_used_up_with_the_observed_text() {
        let mut books = Books::default();
        heard(&mut books, &[filed("a", 1, 2_500_000)]);
        let over = filing(("b", 1, TIME), &[(200_000, 100_000), (100_000, 10_000)], (1_000, 444));
        for _ in 0..2 {
            let reason = books.hear(&over).refusal.expect("over the limit, also the second time");
            assert_eq!(reason.code, "1313");
            assert_eq!(
                reason.text,
                "[Code:1313;Desc:订购人购买超过年度限额,超过个人年度购买额度;\
                 totalPrice：26,114.44 > limitPrice: 26,000;]"
            );
        }
        assert_eq!(used(&books, 2026), 2_500_000, "a refusal books nothing");
    }

    /// Whatever comes through a door: the year is that of the person.
    #[test]
    fn no_spelling_of_a_number_is_a_fresh_year() {
        let mut books = Books::default();
        heard(&mut books, &[filed("a", 1, 2_500_000)]);
        for (at, spelling) in [
            "11010519491231002X",
            "110105194912310\u{ff10}2\u{ff38}",
            " 110105 19491231 002 x ",
            "110105\u{200b}19491231\u{feff}002X",
            "110105-19491231-002\u{2169}",
        ]
        .into_iter()
        .enumerate()
        {
            let mut over = filed(&format!("b{at}"), 1, 200_000);
            let declaration = over.declaration.as_mut().expect("it is filed");
            declaration.buyer.as_mut().expect("somebody buys").id_number = spelling.to_owned();
            let reason = books.hear(&over).refusal.expect(spelling);
            assert_eq!(reason.code, "1313", "{spelling}");
        }
    }

    #[test]
    fn one_single_item_may_be_above_the_single_limit() {
        for (lines, passes) in [
            (&[(100_000, 600_000)][..], true),
            (&[(200_000, 600_000)], false),
            (&[(100_000, 300_000), (100_000, 200_001)], false),
            (&[(100_000, 300_000), (100_000, 200_000)], true),
        ] {
            let mut books = Books::default();
            let refusal = books.hear(&filing(("a", 1, TIME), lines, (0, 0))).refusal;
            assert_eq!(refusal.is_none(), passes, "{lines:?}");
            if let Some(reason) = refusal {
                assert_eq!(reason.code, "-621005");
                assert!(reason.text.contains("[3702960001+C1]") && reason.text.contains("[5000]"));
            }
        }
    }

    #[test]
    fn an_amendment_replaces_what_was_booked() {
        let mut books = Books::default();
        heard(&mut books, &[filed("a", 1, 100_000), filed("b", 1, 2_400_000)]);
        assert_eq!(used(&books, 2026), 2_500_000);
        heard(&mut books, &[filed("a", 2, 150_000)]);
        assert_eq!(used(&books, 2026), 2_550_000);
        assert!(!books.hear(&filed("a", 1, 100_000)).changed, "the version before is void");
        assert!(books.hear(&filed("a", 3, 200_001)).refusal.is_some());
        assert_eq!(used(&books, 2026), 2_400_000, "neither version counts");
        heard(&mut books, &[filed("a", 4, 200_000)]);
        assert_eq!(used(&books, 2026), 2_600_000, "the limit may be reached");
    }

    #[test]
    fn what_ends_before_release_is_given_back() {
        for end in [
            Kind::Rejected(v1::Rejected::default()),
            Kind::Withdrawn(v1::Withdrawn::default()),
            Kind::Returned(v1::Returned::default()),
        ] {
            let mut books = Books::default();
            let end = event("a", 1, TIME, end);
            heard(&mut books, &[filed("a", 1, 100_000), numbered("a", 1), end.clone()]);
            assert_eq!(used(&books, 2026), 0);
            assert!(!books.hear(&filed("a", 1, 100_000)).changed);
            heard(&mut books, &[filed("a", 2, 50_000)]);
            assert!(!books.hear(&end).changed, "the end of the version before");
            assert_eq!(used(&books, 2026), 50_000);
            heard(&mut books, &[released("a", 2)]);
            assert_eq!(books.due(), ["a"], "it kept its number");
        }
    }

    #[test]
    fn a_year_begins_in_china() {
        let mut books = Books::default();
        let last =
            filing(("a", 1, datetime!(2026-12-31 15:59:59 UTC)), &[(100_000, 2_600_000)], (0, 0));
        let first =
            filing(("b", 1, datetime!(2026-12-31 16:00 UTC)), &[(100_000, 2_600_000)], (0, 0));
        heard(&mut books, &[last, first]);
        assert_eq!((used(&books, 2026), used(&books, 2027)), (2_600_000, 2_600_000));
        assert!(books.hear(&filed("c", 1, 1)).refusal.is_some());
    }

    #[test]
    fn goods_that_come_back_are_given_back_by_quantity() {
        let mut books = Books::default();
        let import = filing(("a", 1, TIME), &[(300_000, 100_000), (100_000, 50_000)], (2_000, 0));
        assert!(books.give_back(&refund("r1", "a", &[(1, 100_000)]), None).is_none());
        heard(&mut books, &[import, numbered("a", 1)]);
        assert!(books.give_back(&refund("r1", "a", &[(1, 100_000)]), None).is_none());
        heard(&mut books, &[released("a", 1)]);
        assert_eq!(books.case("a").and_then(ImportCase::due), Some(Notice::Bill));
        books.told("a", Notice::Bill);
        // A third of the first line.
        assert!(books.give_back(&refund("r1", "a", &[(1, 100_000)]), None).is_some());
        assert!(books.give_back(&refund("R1", "a", &[(1, 100_000)]), None).is_none(), "once");
        assert_eq!(used(&books, 2026), 152_000 - 33_333);
        assert_eq!(books.case("a").and_then(ImportCase::due), None, "the bill stays");
        // The rest, and freight with it.
        let rest = refund("r2", "a", &[(1, 200_000), (2, 100_000)]);
        assert!(books.give_back(&rest, Some(TIME)).is_some());
        assert_eq!(used(&books, 2026), 0);
        assert_eq!(books.case("a").and_then(ImportCase::due), Some(Notice::Void));
        books.told("a", Notice::Void);
        assert!(books.due().is_empty());
    }

    #[test]
    fn nothing_is_told_without_a_number_or_to_nobody() {
        let mut books = Books::default();
        heard(&mut books, &[filed("a", 1, 100_000), released("a", 1)]);
        assert!(books.due().is_empty(), "the number may come later");
        heard(&mut books, &[numbered("a", 1)]);
        assert_eq!(books.due(), ["a"]);
        books.forget("a");
        assert!(books.give_back(&refund("r", "a", &[(1, 100_000)]), None).is_some());
        assert_eq!((books.due().len(), used(&books, 2026)), (0, 0));
    }

    #[test]
    fn a_bill_in_a_payment_order_does_not_become_void() {
        let mut books = Books::default();
        let mut import = filed("a", 1, 100_000);
        if let Some(declaration) = &mut import.declaration {
            declaration.order_no = "SBX-TAXPAID-1".to_owned();
        }
        heard(&mut books, &[import, numbered("a", 1), released("a", 1)]);
        books.told("a", Notice::Bill);
        assert_eq!(books.case("a").and_then(ImportCase::due), Some(Notice::Summarised));
        books.told("a", Notice::Summarised);
        assert!(books.give_back(&refund("r", "a", &[(1, 100_000)]), None).is_some());
        assert!(books.due().is_empty());
    }

    #[test]
    fn exports_are_not_heard() {
        let mut books = Books::default();
        let mut export = filed("a", 1, 9_000_000);
        if let Some(declaration) = &mut export.declaration {
            declaration.ie_flag = v1::Direction::Export.into();
        }
        for event in [export, numbered("a", 1), released("a", 1)] {
            assert_eq!(books.hear(&event), EventEffect::default());
        }
        assert!(books.is_empty());
    }
}
