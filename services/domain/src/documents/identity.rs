//! Identity numbers of persons (公民身份号码, GB 11643-1999): 17 digits and a check character.
//!
//! The one place that knows what such a number is and how two of them are compared.

use crate::rules::is_day;

/// Number of the test person in the published samples of the specification 202205. It is none by
/// GB 11643 (month 62), and is taken in the sandbox only.
pub const SAMPLE_PERSON: &str = "130681136250023332";

/// What is wrong with an identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityFault {
    /// Not 18 characters.
    Length,
    /// Something else than 17 digits and a digit or X, written in ASCII.
    Characters,
    /// Characters 7 to 14 are no day of the calendar.
    Birthday,
    /// The check character does not fit (ISO 7064, MOD 11-2).
    Check,
}

impl IdentityFault {
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
pub fn check(number: &str) -> Result<(), IdentityFault> {
    if number.chars().count() != 18 {
        return Err(IdentityFault::Length);
    }
    let parts = number.split_at_checked(17).and_then(|(digits, last)| {
        let last = last.chars().next()?.to_ascii_uppercase();
        Some((digits, last, check_character(digits)?))
    });
    let Some((digits, last, expected)) =
        parts.filter(|(_, last, _)| last.is_ascii_digit() || *last == 'X')
    else {
        return Err(IdentityFault::Characters);
    };
    if !digits.get(6..14).is_some_and(is_day) {
        return Err(IdentityFault::Birthday);
    }
    if last == expected { Ok(()) } else { Err(IdentityFault::Check) }
}

/// The character that belongs behind seventeen digits (ISO 7064, MOD 11-2); `None` behind anything else.
pub fn check_character(digits: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHARACTERS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];
    if digits.len() != WEIGHTS.len() {
        return None;
    }
    let mut sum = 0;
    for (digit, weight) in digits.chars().zip(WEIGHTS) {
        sum += digit.to_digit(10)? * weight;
    }
    usize::try_from(sum % 11).ok().and_then(|at| CHARACTERS.get(at).copied())
}

/// Where a block of ten digits begins that people and programs write for 0 to 9: full-width, Arabic,
/// Persian, Indian, mathematical. And what begins with 1: circled, in parentheses, with a stop.
const ZEROS: &[u32] = &[
    0xff10, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xe50, 0xed0, 0xf20, 0x1040, 0x17e0, 0x1810, 0x2080, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
    0x1d7f6, 0x1fbf0,
];
const ONES: &[u32] = &[0x2460, 0x2474, 0x2488, 0x2776];

/// A number as it is compared and counted: the person, not the spelling. Digits and letters in other
/// forms become ASCII, small letters large, what looks like the check character X is X; whatever is no
/// letter and no digit, seen or unseen, is left out. A number of fifteen digits, as they were given until 1999,
/// becomes the one of eighteen that its person has now. Numbers that the rules let through differ in x and X
/// only; this holds for the others too (other documents than identity cards, old data).
pub fn normalised(number: &str) -> String {
    let large = number.chars().map(plain).flat_map(char::to_uppercase);
    let plain: String = large.filter(|c| c.is_alphanumeric()).collect();
    of_fifteen(&plain).unwrap_or(plain)
}

/// The number of eighteen characters of a person with one of fifteen digits; `None` when it is none. Whoever
/// has one was born in the twentieth century: the few born before got numbers that nobody uses any more.
fn of_fifteen(number: &str) -> Option<String> {
    if number.len() != 15 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (district, rest) = number.split_at_checked(6)?;
    let long = format!("{district}19{rest}");
    let born = long.get(6..14).filter(|day| is_day(day));
    let check = born.and_then(|_| check_character(&long))?;
    Some(format!("{long}{check}"))
}

fn plain(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let code = u32::from(c);
    let ascii = |offset: u32, first: char| char::from_u32(u32::from(first) + offset).unwrap_or(c);
    let of = |starts: &[u32], count: u32| {
        starts.iter().find_map(|start| code.checked_sub(*start).filter(|offset| *offset < count))
    };
    if let Some(digit) = of(ZEROS, 10) {
        return ascii(digit, '0');
    }
    if let Some(digit) = of(ONES, 9) {
        return ascii(digit, '1');
    }
    match c {
        // Superscripts do not stand in one row.
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => ascii(code - u32::from('⁴'), '4'),
        // Roman ten, Cyrillic ha, Greek chi, and the sign of multiplication.
        'Ⅹ' | 'ⅹ' | 'Х' | 'х' | 'Χ' | 'χ' | '×' => 'X',
        '\u{ff21}'..='\u{ff3a}' => ascii(code - 0xff21, 'A'),
        '\u{ff41}'..='\u{ff5a}' => ascii(code - 0xff41, 'A'),
        c => c,
    }
}
