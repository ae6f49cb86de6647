//! The duty of an import as it is kept: what its bill is made of, and how it was computed.

use domain::documents::tax::{Band, LineTax, Tax};
use domain::payment::bill::{BilledLine, Taxes};
use domain::payment::import_return::ImportReturnLine;
use domain::payment::parameter_set::{ParameterFile, ParameterSet};
use domain::payment::parameters::Parameters;
use domain::payment::tax::{Comparison, Step};
use prost::Message as _;

use crate::schema::single_window::stored::v1 as stored;
use crate::v1;

/// What a bill is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DutyCase {
    /// Customs house.
    pub customs_code: String,
    /// Declarant.
    pub agent_code: String,
    /// E-commerce firm.
    pub ebc_code: String,
    /// Logistics firm.
    pub logistics_code: String,
    /// Order number.
    pub order_no: String,
    /// It came as a national message, so its sender wants the bill.
    pub national: bool,
    /// Goods with their taxes.
    pub lines: Vec<DutyLine>,
    /// Duty.
    pub customs_tax_fen: i64,
    /// Value-added tax.
    pub vat_fen: i64,
    /// Consumption tax.
    pub consumption_fen: i64,
    /// Code and text with which it is rejected; empty where it is not.
    pub refusal: (String, String),
    /// The site at which its goods are; empty where it names none.
    pub loct_no: String,
}

/// Goods of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyLine {
    /// Goods code.
    pub gcode: String,
    /// Dutiable value in 1/100000 yuan.
    pub tax_price_e5: i64,
    /// Quantities and taxes.
    pub billed: BilledLine,
}

impl DutyLine {
    fn kept(&self) -> stored::DutyLine {
        let Self { gcode, tax_price_e5, billed } = self.clone();
        let BilledLine { gnum, qty_e5, returned_e5, price_e5, taxes } = billed;
        let [customs_tax_fen, vat_fen, consumption_fen] = taxes;
        stored::DutyLine {
            gnum,
            gcode,
            tax_price_e5,
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            qty_e5,
            returned_e5,
            price_e5,
        }
    }
}

impl From<stored::DutyLine> for DutyLine {
    fn from(line: stored::DutyLine) -> Self {
        let stored::DutyLine {
            gnum,
            gcode,
            tax_price_e5,
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            qty_e5,
            returned_e5,
            price_e5,
        } = line;
        let taxes = [customs_tax_fen, vat_fen, consumption_fen];
        let billed = BilledLine { gnum, qty_e5, returned_e5, price_e5, taxes };
        Self { gcode, tax_price_e5, billed }
    }
}

impl DutyCase {
    /// With goods by code, price and quantity, and the taxes that were computed for them.
    #[must_use]
    pub fn taxed(mut self, goods: &[(&str, i64, i64)], tax: &Tax) -> Self {
        let line = |(&(gcode, price_e5, qty_e5), tax): (&(&str, i64, i64), &LineTax)| DutyLine {
            gcode: gcode.to_owned(),
            tax_price_e5: tax.tax_price_e5,
            billed: BilledLine {
                gnum: tax.gnum,
                qty_e5,
                returned_e5: 0,
                price_e5,
                taxes: [tax.customs_tax_fen, tax.vat_fen, tax.consumption_fen],
            },
        };
        self.lines = goods.iter().zip(&tax.lines).map(line).collect();
        self.customs_tax_fen = tax.customs_tax_fen;
        self.vat_fen = tax.vat_fen;
        self.consumption_fen = tax.consumption_fen;
        self
    }

    /// Duty, VAT and consumption tax.
    pub fn taxes(&self) -> Taxes {
        [self.customs_tax_fen, self.vat_fen, self.consumption_fen]
    }

    /// All taxes together.
    pub fn total_fen(&self) -> i64 {
        self.customs_tax_fen + self.vat_fen + self.consumption_fen
    }

    /// As it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let Self {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines,
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            refusal: (refusal_code, refusal_text),
            loct_no,
        } = self.clone();
        stored::DutyCase {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines: lines.iter().map(DutyLine::kept).collect(),
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            refusal_code,
            refusal_text,
            loct_no,
        }
        .encode_to_vec()
    }

    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// When the bytes are none, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        let stored::DutyCase {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines,
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            refusal_code,
            refusal_text,
            loct_no,
        } = stored::DutyCase::decode(bytes)?;
        Ok(Self {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines: lines.into_iter().map(DutyLine::from).collect(),
            customs_tax_fen,
            vat_fen,
            consumption_fen,
            refusal: (refusal_code, refusal_text),
            loct_no,
        })
    }

    /// The lines of its bill.
    pub fn bill_lines(&self) -> Vec<v1::BillLine> {
        let line = |DutyLine { gcode, tax_price_e5, billed }: &DutyLine| v1::BillLine {
            gnum: billed.gnum,
            gcode: gcode.clone(),
            tax_price_e5: *tax_price_e5,
            customs_tax_fen: billed.taxes[0],
            vat_fen: billed.taxes[1],
            consumption_fen: billed.taxes[2],
            qty_e5: billed.qty_e5,
            returned_e5: billed.returned_e5,
        };
        self.lines.iter().map(line).collect()
    }
}

/// Goods that may come back, by an application (CEB625) that customs accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnedGoods {
    /// Customs number of the inventory.
    pub invt_no: String,
    /// guid of the application.
    pub guid: String,
    /// Own number of the application.
    pub cop_no: String,
    /// Number of the way-bill.
    pub logistics_no: String,
    /// What was applied for, and what the site counted of it.
    pub lines: Vec<ImportReturnLine>,
}

impl ReturnedGoods {
    /// As it is kept.
    pub fn encode(&self) -> Vec<u8> {
        let Self { invt_no, guid, cop_no, logistics_no, lines } = self.clone();
        let line = |line: ImportReturnLine| {
            let ImportReturnLine { gnum, applied_e5, counted_e5 } = line;
            stored::ReturnedLine { gnum, qty_e5: applied_e5, counted_e5 }
        };
        let lines = lines.into_iter().map(line).collect();
        stored::ReturnedGoods { invt_no, guid, lines, cop_no, logistics_no }.encode_to_vec()
    }

    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// When the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        let stored::ReturnedGoods { invt_no, guid, lines, cop_no, logistics_no } =
            stored::ReturnedGoods::decode(bytes)?;
        let line = |line: stored::ReturnedLine| {
            let stored::ReturnedLine { gnum, qty_e5, counted_e5 } = line;
            ImportReturnLine { gnum, applied_e5: qty_e5, counted_e5 }
        };
        let lines = lines.into_iter().map(line).collect();
        Ok(Self { invt_no, guid, cop_no, logistics_no, lines })
    }
}

/// A way of collection as the schema calls it.
pub fn band_word(band: Band) -> &'static str {
    match band {
        Band::Within => "WITHIN",
        Band::Above => "FULL",
    }
}

/// How a duty was computed, as it is kept: both ways and which applies, by these numbers of the law.
pub fn encode_comparison(comparison: &Comparison, set: &ParameterSet) -> Vec<u8> {
    let parameters = &set.parameters;
    let applies = comparison.applies.as_ref().map_or("", |band| band_word(*band));
    let refused = comparison.applies.as_ref().err().map(|refused| refused.info.clone());
    stored::DutyTrace {
        applies: applies.to_owned(),
        within: Some(kept_step(&comparison.within.trace, parameters)),
        full: Some(kept_step(&comparison.full.trace, parameters)),
        missing: refused.iter().cloned().collect(),
        missing_zh: refused.into_iter().collect(),
        files: kept_files(set),
    }
    .encode_to_vec()
}

/// What was missing for a calculation, in English and Chinese, as it is kept.
pub fn encode_missing(missing: &[(String, String)], set: &ParameterSet) -> Vec<u8> {
    stored::DutyTrace {
        missing: missing.iter().map(|(english, _)| english.clone()).collect(),
        missing_zh: missing.iter().map(|(_, chinese)| chinese.clone()).collect(),
        files: kept_files(set),
        ..stored::DutyTrace::default()
    }
    .encode_to_vec()
}

/// Reads how a duty was computed, for whoever asks; the duty itself is not part of it.
///
/// # Errors
///
/// When the bytes are none, which only a damaged database can cause.
pub fn decode_trace(bytes: &[u8]) -> Result<v1::GetDutyResponse, prost::DecodeError> {
    let stored::DutyTrace { applies, within, full, missing, missing_zh, files } =
        stored::DutyTrace::decode(bytes)?;
    let (within, full) = (within.map(shown), full.map(shown));
    let file = |it: stored::TraceFile| v1::ParameterFile { name: it.name, sha256: hex(&it.sha256) };
    let files = files.into_iter().map(file).collect();
    Ok(v1::GetDutyResponse { duty: None, applies, within, full, missing, missing_zh, files })
}

/// The files of a set for whoever asks.
pub fn parameter_files(set: &ParameterSet) -> Vec<v1::ParameterFile> {
    let file =
        |it: &ParameterFile| v1::ParameterFile { name: it.name.clone(), sha256: hex(&it.sha256) };
    set.files.iter().map(file).collect()
}

/// The files of a set, as they are kept.
pub(crate) fn kept_files(set: &ParameterSet) -> Vec<stored::TraceFile> {
    let file = |it: &ParameterFile| stored::TraceFile {
        name: it.name.clone(),
        sha256: it.sha256.to_vec(),
    };
    set.files.iter().map(file).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A step of a calculation for whoever asks before anything is filed.
pub fn tax_step(of: &Step, parameters: &Parameters) -> v1::TaxStep {
    shown(kept_step(of, parameters))
}

/// A step of a calculation, as it is kept.
pub(crate) fn kept_step(of: &Step, parameters: &Parameters) -> stored::TraceStep {
    let inputs = of.inputs.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]);
    let read = of.parameters.iter().map(|read| {
        let law = &read.validity.law;
        stored::TraceParameter {
            name: read.name.clone(),
            value: read.value,
            valid_from: read.validity.from.to_string(),
            valid_to: crate::text(read.validity.to.map(|day| day.to_string())),
            law: parameters.law(law).unwrap_or(law).to_owned(),
            article: read.validity.article.clone(),
            checked_on: read.validity.checked_on.to_string(),
            verified: read.validity.is_verified,
        }
    });
    stored::TraceStep {
        title: of.title.clone(),
        title_zh: of.title_zh.clone(),
        rule: of.rule.clone(),
        since: of.since.to_string(),
        inputs: inputs.collect(),
        parameters: read.collect(),
        result_fen: of.result_fen,
        steps: of.steps.iter().map(|inner| kept_step(inner, parameters)).collect(),
    }
}

fn shown(kept: stored::TraceStep) -> v1::TaxStep {
    let stored::TraceStep { title, title_zh, rule, since, inputs, parameters, result_fen, steps } =
        kept;
    let input = |two: &[String]| match two {
        [name, value] => Some(v1::TaxInput { name: name.clone(), value: value.clone() }),
        _ => None,
    };
    let parameter = |read: stored::TraceParameter| {
        let stored::TraceParameter {
            name,
            value,
            valid_from,
            valid_to,
            law,
            article,
            checked_on,
            verified,
        } = read;
        v1::TaxParameter { name, value, valid_from, valid_to, law, article, checked_on, verified }
    };
    v1::TaxStep {
        title,
        title_zh,
        rule,
        since,
        inputs: inputs.chunks(2).filter_map(input).collect(),
        parameters: parameters.into_iter().map(parameter).collect(),
        result_fen,
        steps: steps.into_iter().map(shown).collect(),
    }
}
