//! Puts a signature into a message: for integrators and the sandbox. The server only verifies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::SignatureRefusal;
use crate::algorithm::{C14N, ENVELOPED};
use crate::envelope::{DSIG, Envelope};
use crate::signing_key::SigningKey;
use crate::xml::{Tokens, XmlToken};

/// Messages whose schema has the signature before `ExtendMessage`: those of export. Everywhere else
/// it is the last child of the root.
const BEFORE_EXTENSION: [&str; 11] = [
    "CEB213Message",
    "CEB215Message",
    "CEB303Message",
    "CEB403Message",
    "CEB505Message",
    "CEB507Message",
    "CEB509Message",
    "CEB603Message",
    "CEB605Message",
    "CEB607Message",
    "CEB701Message",
];

/// Why a message could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The message is not one that could be verified.
    #[error("the message cannot be signed")]
    Message(#[source] SignatureRefusal),
    /// The root is an empty element, `<x/>`.
    #[error("the message has no content to sign")]
    NoContent,
    /// The key made no signature that its certificate verifies.
    #[error("the key made no valid signature")]
    Key,
}

/// Signs a message and puts the signature where the schema has it. A signature that is there already,
/// a sample's or an older one, is replaced.
///
/// # Errors
///
/// The message is not well-formed or too large, or the key fails.
pub fn sign(bytes: &[u8], key: &SigningKey) -> Result<String, SigningError> {
    let (head, tail) = halves(bytes)?;
    let document =
        Envelope::read(format!("{head}{tail}").as_bytes()).map_err(SigningError::Message)?;
    let digest = STANDARD.encode(key.algorithm().digest().of(&document.canonical));
    let signed = |value: &[u8]| format!("{head}{}{tail}", element(key, &digest, value));
    // SignedInfo takes over the namespaces of the root, so it is read back where it stands.
    let placed = Envelope::read(signed(&[]).as_bytes()).map_err(SigningError::Message)?;
    let signed_info = placed.signature.ok_or(SigningError::Key)?.signed_info;
    let value = key.sign(signed_info.as_bytes()).ok_or(SigningError::Key)?;
    Ok(signed(&value))
}

/// The message without its signature, cut where the new one belongs.
fn halves(bytes: &[u8]) -> Result<(String, String), SigningError> {
    let mut tokens = Tokens::new(bytes).map_err(SigningError::Message)?;
    let source = tokens.source();
    let mut before_extension = false;
    let mut place = None;
    let mut old: Vec<(usize, usize)> = Vec::new();
    while let Some(token) = tokens.next().map_err(SigningError::Message)? {
        match (token, tokens.depth()) {
            (XmlToken::Start(root), 1) => {
                before_extension = BEFORE_EXTENSION.contains(&root.local())
            }
            (XmlToken::Start(child), 2) if child.space == DSIG && child.local() == "Signature" => {
                let from = tokens.at();
                while tokens.depth() > 1 {
                    tokens.next().map_err(SigningError::Message)?;
                }
                old.push((from, tokens.position()));
            }
            (XmlToken::Start(child), 2) if before_extension && child.local() == "ExtendMessage" => {
                place = place.or(Some(tokens.at()));
            }
            // The end that is told for `<x/>` stands nowhere.
            (XmlToken::End(_), 0) if source[tokens.at()..].starts_with("</") => {
                place = place.or(Some(tokens.at()));
            }
            _ => {}
        }
    }
    let place = place.ok_or(SigningError::NoContent)?;
    let without = |from: usize, to: usize| {
        let mut text = String::with_capacity(to - from);
        let mut copied = from;
        for &(start, end) in old.iter().filter(|&&(start, end)| from <= start && end <= to) {
            text.push_str(&source[copied..start]);
            copied = end;
        }
        text.push_str(&source[copied..to]);
        text
    };
    Ok((without(0, place), without(place, source.len())))
}

/// A signature element without any white space, so that nothing reformats it by accident.
fn element(key: &SigningKey, digest: &str, value: &[u8]) -> String {
    let (method, digest_method) = key.spelling().names(key.algorithm());
    let (value, certificate) = (STANDARD.encode(value), STANDARD.encode(&key.certificate().der));
    let serial = &key.certificate().serial;
    format!(
        "<ds:Signature xmlns:ds=\"{DSIG}\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"{C14N}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{method}\"></ds:SignatureMethod>\
         <ds:Reference URI=\"\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{digest_method}\"></ds:DigestMethod>\
         <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>\
         <ds:SignatureValue>{value}</ds:SignatureValue>\
         <ds:KeyInfo><ds:KeyName>{serial}</ds:KeyName><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
         </ds:Signature>"
    )
}
