//! Identity numbers of persons (公民身份号码, GB 11643-1999): 17 digits and a check character.

use time::{Date, Month};

/// Number of the test person in the published samples of the specification 202205. It is none by
/// GB 11643 (month 62), and is taken in the sandbox only.
pub const SAMPLE_PERSON: &str = "130681136250023332";

/// What is wrong with an identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// Not 18 characters.
    Length,
    /// Something else than 17 digits and a digit or X, written in ASCII.
    Characters,
    /// Characters 7 to 14 are no day of the calendar.
    Birthday,
    /// The check character does not fit (ISO 7064, MOD 11-2).
    Check,
}

impl Wrong {
    /// In English and Chinese.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Length => ("must have 18 characters", "须为18位"),
            Self::Characters => (
                "must be 17 digits and a digit or X, without blanks",
                "须为17位数字加1位数字或X，不得含空格或全角字符",
            ),
            Self::Birthday => ("contains no real date of birth", "出生日期无效"),
            Self::Check => ("has a wrong check character", "校验码不正确"),
        }
    }
}

/// Checks an identity number as it is written.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check(number: &str) -> Result<(), Wrong> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECK: &[u8; 11] = b"10X98765432";
    if number.chars().count() != 18 {
        return Err(Wrong::Length);
    }
    let bytes = number.as_bytes();
    let digits = bytes.get(..17).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let last = bytes.get(17).map(u8::to_ascii_uppercase);
    let (Some(digits), Some(last @ (b'0'..=b'9' | b'X')), 18) = (digits, last, bytes.len()) else {
        return Err(Wrong::Characters);
    };
    let digit = |at: usize| u32::from(digits[at] - b'0');
    let number = |from: usize, until: usize| (from..until).fold(0, |n, at| n * 10 + digit(at));
    let month = u8::try_from(number(10, 12)).ok().and_then(|month| Month::try_from(month).ok());
    let year = i32::try_from(number(6, 10)).ok().filter(|year| *year >= 1800);
    let day = u8::try_from(number(12, 14)).ok();
    let born = year.zip(month).zip(day);
    if born.is_none_or(|((y, m), d)| Date::from_calendar_date(y, m, d).is_err()) {
        return Err(Wrong::Birthday);
    }
    let sum: u32 = WEIGHTS.iter().enumerate().map(|(at, weight)| digit(at) * weight).sum();
    if usize::try_from(sum % 11).is_ok_and(|at| CHECK[at] == last) {
        Ok(())
    } else {
        Err(Wrong::Check)
    }
}

/// A number as it is compared and counted: the person, not the spelling. Full-width letters and digits
/// become ASCII, small letters large; whatever is no letter and no digit is left out.
pub fn normalised(number: &str) -> String {
    let ascii = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let kept = number.chars().map(ascii).filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_uppercase).collect()
}
