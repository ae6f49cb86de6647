//! Attachments (随附单证): documents that a declaration names by their digest.

use std::fmt;

/// Kinds of documents: code, and what it is in English and Chinese. Agencies ask for these; what a declaration
/// calls its own attachments is free.
pub const DOCUMENT_KINDS: [(&str, &str, &str); 7] = [
    ("invoice", "invoice", "发票"),
    ("contract", "contract", "合同"),
    ("packing_list", "packing list", "装箱单"),
    ("licence", "licence", "许可证件"),
    ("certificate", "certificate", "证书"),
    ("photo", "photograph", "照片"),
    ("other", "another document", "其他单证"),
];

/// SHA-256 of the bytes of an attachment: its name everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentDigest(pub [u8; 32]);

impl AttachmentDigest {
    /// Reads 64 hexadecimal digits, small or capital.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        if text.len() != 2 * digest.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl fmt::Display for AttachmentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let digest = AttachmentDigest([0xa7; 32]);
        assert_eq!(AttachmentDigest::parse(&digest.to_string()), Some(digest));
        assert_eq!(AttachmentDigest::parse(&digest.to_string().to_uppercase()), Some(digest));
        for wrong in
            ["", "a7", &"a7".repeat(33), &"g7".repeat(32), &"+7".repeat(32), &"单".repeat(21)]
        {
            assert_eq!(AttachmentDigest::parse(wrong), None, "{wrong}");
        }
    }
}
