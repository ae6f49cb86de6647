//! The values of the schema: decimals and integers, read by their value as XML Schema reads them.
//!
//! Leading zeros, zeros at the end of the fraction and a sign do not count as digits; an exponent,
//! a space within or an empty value is no number. Nothing is ever rounded.

use std::ops::RangeInclusive;

/// Why a value cannot be read, in English and Chinese.
pub(super) type ValueReason = (&'static str, &'static str);

const NOT_DECIMAL: ValueReason =
    ("is not a decimal number; write digits and one point", "不是十进制数，只能含数字和一个小数点");
const FRACTION: ValueReason = ("has more than 5 digits after the point", "小数位数超过5位");
const DIGITS: ValueReason = ("has more than 19 digits", "总位数超过19位");
const OVERFLOW: ValueReason =
    ("is too large; the window holds up to 92233720368547.75807", "数值过大，超出可存储范围");
const NOT_INTEGER: ValueReason = ("is not a whole number", "不是整数");
const TOO_MANY: ValueReason = ("has too many digits", "位数过多");
const NOT_DATE: ValueReason = ("is not a date like 2026-11-24", "不是形如2026-11-24的日期");
const NOT_TIME: ValueReason =
    ("is not a time like 2026-11-24T09:30:01", "不是形如2026-11-24T09:30:01的时间");
const NEGATIVE: ValueReason = ("must not be negative", "不得为负");

/// A date (xs:date), or one with a time (xs:dateTime), as the exchange platform writes them:
/// 2026-11-24T09:30:01, with a fraction or a zone if need be.
pub(super) fn time(text: &str, clock: bool) -> Result<(), ValueReason> {
    let reason = if clock { NOT_TIME } else { NOT_DATE };
    let (day, rest) = text.split_at_checked(10).ok_or(reason)?;
    let digits = |text: &str, range: RangeInclusive<u8>| {
        is_digits(text) && text.parse().is_ok_and(|number| range.contains(&number))
    };
    let date = match day.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => {
            year.len() == 4 && is_digits(year) && digits(month, 1..=12) && digits(day, 1..=31)
        }
        _ => false,
    };
    let (rest, clock) = match rest.strip_prefix('T').filter(|_| clock) {
        Some(rest) => {
            let (time, rest) = rest.split_at_checked(8).ok_or(reason)?;
            let time = match time.split(':').collect::<Vec<_>>()[..] {
                [h, m, s] => digits(h, 0..=23) && digits(m, 0..=59) && digits(s, 0..=59),
                _ => false,
            };
            let rest = match rest.strip_prefix('.') {
                Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
                None => rest,
            };
            (rest, time)
        }
        None => (rest, !clock),
    };
    let zone = match rest.strip_prefix(['+', '-']) {
        Some(zone) => {
            let (hours, minutes) = zone.split_once(':').ok_or(reason)?;
            digits(hours, 0..=14) && digits(minutes, 0..=59) && zone.len() == 5
        }
        None => matches!(rest, "" | "Z"),
    };
    if date && clock && zone { Ok(()) } else { Err(reason) }
}

/// Space, tab, carriage return and line feed: what XML calls white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether there is nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// The text without white space around it.
pub(super) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let start = bytes.iter().position(|&byte| !is_space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|&byte| !is_space(byte)).map_or(start, |last| last + 1);
    // White space is ASCII, so both ends are those of characters.
    text.get(start..end).unwrap_or(text)
}

/// A decimal of at most 19 digits, 5 of them after the point (N19,5), in 1/100000.
pub(super) fn decimal_e5(text: &str) -> Result<i64, ValueReason> {
    let (negative, digits) = sign(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return Err(NOT_DECIMAL);
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 5 {
        return Err(FRACTION);
    }
    if whole.len() + fraction.len() > 19 {
        return Err(DIGITS);
    }
    let zeros = b"00000".iter().skip(fraction.len());
    let mut value: i64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros.copied()) {
        let digit = i64::from(digit - b'0');
        value = value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or(OVERFLOW)?;
    }
    Ok(if negative { -value } else { value })
}

/// A whole number of at most `digits` digits that is not negative. The schema's type is a signed
/// 32-bit integer, but every one of them counts something.
pub(super) fn count(text: &str, digits: usize) -> Result<u32, ValueReason> {
    let (negative, number) = sign(text);
    if number.is_empty() || !is_digits(number) {
        return Err(NOT_INTEGER);
    }
    let number = number.trim_start_matches('0');
    if negative && !number.is_empty() {
        return Err(NEGATIVE);
    }
    if number.len() > digits {
        return Err(TOO_MANY);
    }
    if number.is_empty() {
        return Ok(0);
    }
    match number.parse::<i32>() {
        Ok(value) => Ok(value.unsigned_abs()),
        Err(_) => Err(TOO_MANY),
    }
}

/// Characters, as the schema counts them: not bytes.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("12.34", 1_234_000),
            ("0.00001", 1),
            ("-1.5", -150_000),
            ("+7", 700_000),
            (".5", 50_000),
            ("5.", 500_000),
            ("000000000000000000000000001.50000000", 150_000),
            ("92233720368547.75807", i64::MAX),
        ] {
            assert_eq!(decimal_e5(text), Ok(value), "{text}");
        }
        for (text, reason) in [
            ("", NOT_DECIMAL),
            (".", NOT_DECIMAL),
            ("-", NOT_DECIMAL),
            ("--1", NOT_DECIMAL),
            ("1e5", NOT_DECIMAL),
            ("1,5", NOT_DECIMAL),
            ("1.2.3", NOT_DECIMAL),
            ("１２", NOT_DECIMAL),
            ("INF", NOT_DECIMAL),
            ("0.000001", FRACTION),
            ("123456789012345.12345", DIGITS),
            ("92233720368547.75808", OVERFLOW),
            ("9999999999999999999", OVERFLOW),
        ] {
            assert_eq!(decimal_e5(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn counts_are_bounded() {
        assert_eq!(count("007", 5), Ok(7));
        assert_eq!(count("-0", 9), Ok(0));
        assert_eq!(count("999999999", 9), Ok(999_999_999));
        assert_eq!(count("1000000000", 9), Err(TOO_MANY));
        assert_eq!(count("2147483648", 10), Err(TOO_MANY));
        assert_eq!(count("-1", 9), Err(NEGATIVE));
        assert_eq!(count("1.0", 9), Err(NOT_INTEGER));
        assert_eq!(count("", 9), Err(NOT_INTEGER));
    }
}
