//! What the bytes of an attachment are, by themselves: what a caller says of them is not asked.
//!
//! Taken are documents and pictures that an officer can open and that do nothing by themselves. Programs, pages and
//! scripts are not.

use infer::MatcherType;

/// The media type of what begins like this, when it is taken; `is_whole` says that nothing follows.
pub(crate) fn of(beginning: &[u8], is_whole: bool) -> Option<&'static str> {
    let Some(found) = infer::get(beginning) else {
        return is_text(beginning, is_whole).then_some("text/plain");
    };
    let media_type = found.mime_type();
    let is_taken = match found.matcher_type() {
        MatcherType::Image | MatcherType::Doc => true,
        // OFD, in which invoices come, is a ZIP file.
        MatcherType::Archive => ["application/pdf", "application/zip"].contains(&media_type),
        MatcherType::Text => media_type == "text/xml",
        MatcherType::App
        | MatcherType::Audio
        | MatcherType::Book
        | MatcherType::Font
        | MatcherType::Video
        | MatcherType::Custom => false,
    };
    is_taken.then_some(media_type)
}

/// Whether it is text in UTF-8; what is cut may end amid a character.
fn is_text(beginning: &[u8], is_whole: bool) -> bool {
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !is_whole => {
            let valid = beginning.get(..error.valid_up_to());
            // Nothing whole is no text.
            valid.and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_usual = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    !text.is_empty() && text.chars().all(is_usual) && !is_markup(text)
}

/// Pages are shown by browsers, and run what is in them.
fn is_markup(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect();
    let start = start.to_ascii_lowercase();
    ["<!doctype", "<html", "<script", "<svg", "#!"].iter().any(|begin| start.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bytes_are_they_say_themselves() {
        for (bytes, expected) in [
            (&b"%PDF-1.7\n%..."[..], Some("application/pdf")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"\xff\xd8\xff\xe0..JFIF", Some("image/jpeg")),
            (b"PK\x03\x04................", Some("application/zip")),
            (b"<?xml version=\"1.0\"?><a/>", Some("text/xml")),
            ("发票 1号,2,3\n".as_bytes(), Some("text/plain")),
            (b"MZ\x90\x00\x03\x00\x00\x00", None),
            (b"\x7fELF\x02\x01\x01\x00", None),
            (b"#!/bin/sh\nrm -rf /\n", None),
            (b"<!DOCTYPE html><html></html>", None),
            (b"  <script>alert(1)</script>", None),
            (b"\x00\x01\x02\x03", None),
            (b"ID3\x03\x00\x00....", None),
        ] {
            assert_eq!(of(bytes, true), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
        let cut = "单".as_bytes().get(..2).expect("three bytes");
        assert_eq!(of(&[b"text ", cut].concat(), false), Some("text/plain"));
        assert_eq!(of(&[b"text ", cut].concat(), true), None, "no character at its end");
    }
}
