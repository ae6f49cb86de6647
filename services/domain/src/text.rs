//! Which characters a text from outside may hold. One rule for every door: what a person cannot see, and
//! what changes how the rest is shown, has no place in a number, and hardly one in a sentence.

/// Why a character is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A control character (C0, DEL, C1), NUL among them: neither XML nor PostgreSQL keeps it.
    Control,
    /// It changes the direction of what is shown after it (bidirectional override or isolate).
    Direction,
    /// Nobody sees it: zero width, soft hyphen, byte order mark.
    Invisible,
}

impl Flaw {
    /// What is wrong, in English and Chinese.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Control => ("a control character", "控制字符"),
            Self::Direction => {
                ("a character that turns the direction of writing", "改变书写方向的字符")
            }
            Self::Invisible => ("an invisible character", "不可见字符"),
        }
    }
}

/// The first character that a sentence of a person may not hold. Line breaks and tabs may stand in it.
pub fn flaw_in_sentence(text: &str) -> Option<(Flaw, char)> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')) {
        return None;
    }
    let line = |c| matches!(c, '\t' | '\n' | '\r');
    // Joiners belong to the spelling of some languages.
    let joiner = |c| matches!(c, '\u{200c}' | '\u{200d}');
    text.chars().filter(|c| !line(*c) && !joiner(*c)).find_map(|c| Some((flaw(c)?, c)))
}

/// The first character that a number, a code or a name may not hold.
pub fn flaw_in_word(text: &str) -> Option<(Flaw, char)> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    text.chars().find_map(|c| Some((flaw(c)?, c)))
}

/// What is wrong with a character.
pub(crate) fn flaw(c: char) -> Option<Flaw> {
    match c {
        c if c.is_control() => Some(Flaw::Control),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            Some(Flaw::Direction)
        }
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => Some(Flaw::Invisible),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_refused_in_words() {
        for (text, flaw) in [
            ("QD\u{0}1", Flaw::Control),
            ("QD\u{7f}", Flaw::Control),
            ("QD\u{85}", Flaw::Control),
            ("QD\n1", Flaw::Control),
            ("QD\u{202e}1", Flaw::Direction),
            ("QD\u{200b}1", Flaw::Invisible),
            ("\u{feff}QD", Flaw::Invisible),
            ("Q\u{ad}D", Flaw::Invisible),
        ] {
            assert_eq!(flaw_in_word(text).map(|(flaw, _)| flaw), Some(flaw), "{text:?}");
        }
        for text in ["", "QD-1", "青岛 跨境", "é", "１２３"] {
            assert_eq!(flaw_in_word(text), None, "{text:?}");
        }
    }

    #[test]
    fn sentences_have_lines() {
        assert_eq!(flaw_in_sentence("第一行\n\tsecond\r\n"), None);
        assert_eq!(flaw_in_sentence("می\u{200c}خواهم"), None);
        assert_eq!(flaw_in_sentence("bad\u{0}"), Some((Flaw::Control, '\0')));
        assert_eq!(flaw_in_sentence("a\u{2066}b"), Some((Flaw::Direction, '\u{2066}')));
    }
}
