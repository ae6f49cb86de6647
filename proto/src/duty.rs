//! The duty of an import as it is kept: what its bill is made of, and how it was computed.

use domain::documents::tax::{Band, LineTax, Tax};
use domain::payment::parameters::Parameters;
use domain::payment::tax::{Comparison, Missing, Step};
use prost::Message as _;

use crate::schema::single_window::stored::v1 as kept;
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
    /// Goods codes with their taxes.
    pub lines: Vec<(String, LineTax)>,
    /// Duty.
    pub customs_tax_fen: i64,
    /// Value-added tax.
    pub vat_fen: i64,
    /// Consumption tax.
    pub consumption_fen: i64,
}

impl DutyCase {
    /// With the taxes that were computed.
    #[must_use]
    pub fn taxed(mut self, codes: &[String], tax: &Tax) -> Self {
        self.lines = codes.iter().cloned().zip(tax.lines.iter().copied()).collect();
        self.customs_tax_fen = tax.customs_tax_fen;
        self.vat_fen = tax.vat_fen;
        self.consumption_fen = tax.consumption_fen;
        self
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
        } = self.clone();
        let line = |(gcode, tax): (String, LineTax)| kept::DutyLine {
            gnum: tax.gnum,
            gcode,
            tax_price_e5: tax.tax_price_e5,
            customs_tax_fen: tax.customs_tax_fen,
            vat_fen: tax.vat_fen,
            consumption_fen: tax.consumption_fen,
        };
        kept::DutyCase {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines: lines.into_iter().map(line).collect(),
            customs_tax_fen,
            vat_fen,
            consumption_fen,
        }
        .encode_to_vec()
    }

    /// Reads what was kept.
    ///
    /// # Errors
    ///
    /// When the bytes are none, which only a damaged database can cause.
    pub fn decode(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        let kept::DutyCase {
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
        } = kept::DutyCase::decode(bytes)?;
        let line = |line: kept::DutyLine| {
            let tax = LineTax {
                gnum: line.gnum,
                tax_price_e5: line.tax_price_e5,
                customs_tax_fen: line.customs_tax_fen,
                vat_fen: line.vat_fen,
                consumption_fen: line.consumption_fen,
            };
            (line.gcode, tax)
        };
        Ok(Self {
            customs_code,
            agent_code,
            ebc_code,
            logistics_code,
            order_no,
            national,
            lines: lines.into_iter().map(line).collect(),
            customs_tax_fen,
            vat_fen,
            consumption_fen,
        })
    }

    /// The lines of its bill.
    pub fn bill_lines(&self) -> Vec<v1::BillLine> {
        let line = |(gcode, tax): &(String, LineTax)| v1::BillLine {
            gnum: tax.gnum,
            gcode: gcode.clone(),
            tax_price_e5: tax.tax_price_e5,
            customs_tax_fen: tax.customs_tax_fen,
            vat_fen: tax.vat_fen,
            consumption_fen: tax.consumption_fen,
        };
        self.lines.iter().map(line).collect()
    }
}

/// How a duty was computed, as it is kept: both ways and which applies, by these numbers of the law.
pub fn encode_comparison(comparison: &Comparison, parameters: &Parameters) -> Vec<u8> {
    let applies = match &comparison.applies {
        Ok(Band::Within) => "WITHIN",
        Ok(Band::Above) => "FULL",
        Err(_) => "",
    };
    let refused = comparison.applies.as_ref().err().map(|refused| refused.info.clone());
    kept::DutyTrace {
        applies: applies.to_owned(),
        within: Some(step(&comparison.within.trace, parameters)),
        full: Some(step(&comparison.full.trace, parameters)),
        missing: refused.iter().cloned().collect(),
        missing_zh: refused.into_iter().collect(),
    }
    .encode_to_vec()
}

/// What was missing for a calculation, as it is kept.
pub fn encode_missing(missing: &[Missing]) -> Vec<u8> {
    kept::DutyTrace {
        missing: missing.iter().map(ToString::to_string).collect(),
        missing_zh: missing.iter().map(Missing::zh).collect(),
        ..kept::DutyTrace::default()
    }
    .encode_to_vec()
}

/// Reads how a duty was computed, for whoever asks; the duty itself is not part of it.
///
/// # Errors
///
/// When the bytes are none, which only a damaged database can cause.
pub fn decode_trace(bytes: &[u8]) -> Result<v1::GetDutyResponse, prost::DecodeError> {
    let kept::DutyTrace { applies, within, full, missing, missing_zh } =
        kept::DutyTrace::decode(bytes)?;
    let (within, full) = (within.map(shown), full.map(shown));
    Ok(v1::GetDutyResponse { duty: None, applies, within, full, missing, missing_zh })
}

fn step(of: &Step, parameters: &Parameters) -> kept::TraceStep {
    let inputs = of.inputs.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]);
    let read = of.parameters.iter().map(|read| {
        let law = &read.validity.law;
        kept::TraceParameter {
            name: read.name.clone(),
            value: read.value,
            valid_from: read.validity.from.to_string(),
            valid_to: crate::text(read.validity.to.map(|day| day.to_string())),
            law: parameters.law(law).unwrap_or(law).to_owned(),
            article: read.validity.article.clone(),
        }
    });
    kept::TraceStep {
        title: of.title.clone(),
        title_zh: of.title_zh.clone(),
        rule: of.rule.clone(),
        since: of.since.to_string(),
        inputs: inputs.collect(),
        parameters: read.collect(),
        result_fen: of.result_fen,
        steps: of.steps.iter().map(|inner| step(inner, parameters)).collect(),
    }
}

fn shown(kept: kept::TraceStep) -> v1::TaxStep {
    let kept::TraceStep { title, title_zh, rule, since, inputs, parameters, result_fen, steps } =
        kept;
    let input = |two: &[String]| match two {
        [name, value] => Some(v1::TaxInput { name: name.clone(), value: value.clone() }),
        _ => None,
    };
    let parameter = |read: kept::TraceParameter| {
        let kept::TraceParameter { name, value, valid_from, valid_to, law, article } = read;
        v1::TaxParameter { name, value, valid_from, valid_to, law, article }
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
