//! Why a signature is refused, with the national codes and a sentence for people in both languages:
//! what is wrong, where, and what to do.

use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The business code for a signature that was good but could not be stored, which only the caller can
/// find out (-621025 签名信息保存失败). It is told once the fault is over and is no refusal.
pub const NOT_STORED: &str = "-621025";

/// A refusal of a message because of its signature.
///
/// The codes are those of the specification 202205, chapter 7. The business codes are published for
/// import inventories only; the other documents have none of their own, so they share them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureRefusal {
    /// The bytes are not XML that we read: nothing can be said about a signature.
    #[error("line {line}: {text}; send well-formed XML 1.0 in UTF-8, without DTD or instructions")]
    Malformed {
        /// Counted from 1.
        line: u32,
        /// What is wrong.
        text: String,
        /// The same in Chinese.
        text_zh: String,
    },
    /// There is no signature, or it has no value.
    #[error("line {line}: {text}; sign the message with the firm's certificate and send it again")]
    Empty {
        /// Counted from 1.
        line: u32,
        /// What is missing.
        text: String,
        /// The same in Chinese.
        text_zh: String,
    },
    /// The signature has another form than the one that the specification allows.
    #[error(
        "line {line}, {element}: {text}; sign with exactly the form of the specification 202205, 6.2"
    )]
    Form {
        /// Counted from 1.
        line: u32,
        /// The element in question.
        element: &'static str,
        /// What is wrong.
        text: String,
        /// The same in Chinese.
        text_zh: String,
    },
    /// The certificate cannot be used.
    #[error(
        "line {line}, X509Certificate: {text}; send the signing certificate that customs issued"
    )]
    Certificate {
        /// Counted from 1.
        line: u32,
        /// What is wrong.
        text: String,
        /// The same in Chinese.
        text_zh: String,
    },
    /// The message is not what was signed.
    #[error(
        "the digest in DigestValue is not that of the message: it was changed after signing; \
         sign the final text and do not reformat it"
    )]
    DataDiffers,
    /// The signature value was not made over this `SignedInfo` with the key of this certificate.
    #[error(
        "SignatureValue does not fit SignedInfo and the certificate {key_name}; \
         sign again, with the key of the certificate that is sent"
    )]
    Wrong {
        /// Number of the certificate, as the message says.
        key_name: String,
    },
    /// The certificate is not valid any more, or not yet.
    #[error(
        "the certificate {serial} is valid from {} to {}; renew it and sign again",
        day(.not_before), day(.not_after)
    )]
    Expired {
        /// Its serial number.
        serial: String,
        /// Begin of its validity.
        not_before: OffsetDateTime,
        /// End of its validity.
        not_after: OffsetDateTime,
    },
    /// Nobody whom we trust vouches for the certificate.
    #[error(
        "the certificate {serial} was issued by nobody whom this window trusts; \
         sign with a certificate of China E-Port, or have this one registered"
    )]
    Untrusted {
        /// Its serial number.
        serial: String,
    },
}

impl SignatureRefusal {
    /// Code of the exchange platform, four digits.
    #[must_use]
    pub fn platform_code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "0001",
            Self::Expired { .. } => "1002",
            Self::DataDiffers => "1004",
            Self::Empty { .. }
            | Self::Form { .. }
            | Self::Certificate { .. }
            | Self::Wrong { .. }
            | Self::Untrusted { .. } => "1001",
        }
    }

    /// Code of the business receipt. There is none for what is not XML: such a message is answered by
    /// CEB900 and gets no receipt.
    #[must_use]
    pub fn business_code(&self) -> Option<&'static str> {
        match self {
            Self::Malformed { .. } => None,
            Self::Empty { .. } => Some("-621026"),
            Self::DataDiffers => Some("-621028"),
            Self::Form { .. }
            | Self::Certificate { .. }
            | Self::Wrong { .. }
            | Self::Expired { .. }
            | Self::Untrusted { .. } => Some("-621029"),
        }
    }

    /// The sentence in Chinese; the English one is its `Display`.
    #[must_use]
    pub fn text_zh(&self) -> String {
        match self {
            Self::Malformed { line, text_zh, .. } => {
                format!("第{line}行：{text_zh}；请发送UTF-8编码、无DTD的XML 1.0报文")
            }
            Self::Empty { line, text_zh, .. } => {
                format!("第{line}行：{text_zh}；请用企业证书加签后重新发送")
            }
            Self::Form { line, element, text_zh, .. } => {
                format!("第{line}行{element}：{text_zh}；请按规范202205第6.2节加签")
            }
            Self::Certificate { line, text_zh, .. } => {
                format!("第{line}行X509Certificate：{text_zh}；请使用海关签发的签名证书")
            }
            Self::DataDiffers => {
                "签名与数据不符：报文加签后被改动；请对最终报文加签，之后不得重新排版".to_owned()
            }
            Self::Wrong { key_name } => {
                format!(
                    "验签不通过：签名值与签名信息或证书{key_name}不符；请用所附证书的私钥重新加签"
                )
            }
            Self::Expired { serial, not_before, not_after } => {
                let (from, to) = (day(not_before), day(not_after));
                format!("证书{serial}有效期为{from}至{to}，已过期或未生效；请更新证书后重新加签")
            }
            Self::Untrusted { serial } => {
                format!("证书{serial}的签发机构不受信任；请使用中国电子口岸证书或先登记证书")
            }
        }
    }
}

fn day(time: &OffsetDateTime) -> String {
    // A year that RFC 3339 cannot write is shown in the crate's own form.
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
