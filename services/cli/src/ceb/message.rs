//! What a file is before the window has seen it: plain or compressed, a message or an envelope around
//! one. The window reads it again and has the last word; here it only tells whose receipts to follow.

use std::io::Read as _;
use std::path::Path;

use domain::{Code, limits};
use proto::ceb::{self, Message, MessageFault};
use proto::status::Language;

use super::super::input;
use super::super::problem::{BrokenRule, Problem};

/// Every compressed file begins so.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file as it is sent.
#[derive(Debug)]
pub(crate) struct File {
    /// As it is called in texts.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads a file, or standard input for `-`. No more is read than can be sent.
pub(crate) fn open(path: &Path, language: Language) -> Result<File, Problem> {
    let most = limits::CEB_ENVELOPE_BYTES_MAX;
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1); // it fits
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(bound).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(bound).read_to_end(&mut bytes))
    };
    let refused = |code, why| Problem::local(code, language, vec![BrokenRule::plain(code, why)]);
    match read {
        Err(error) => Err(refused(Code::FileUnreadable, error.to_string())),
        Ok(_) if bytes.len() > most => Err(refused(Code::XmlTooLarge, format!("> {most} bytes"))),
        Ok(_) => Ok(File { name: input::name(path), bytes }),
    }
}

/// Reads the message of a file.
///
/// # Errors
///
/// Every fault. Lines of faults in an enveloped message are those of the message.
pub(crate) fn contents(bytes: &[u8]) -> Result<Message, Vec<MessageFault>> {
    ceb::read(&unwrapped(bytes)?.0)
}

/// Faults as the refusal of a file.
pub(crate) fn refusal(faults: &[MessageFault], language: Language) -> Problem {
    let code = faults.first().map_or(Code::XmlMalformed, |fault| fault.code);
    Problem::local(
        code,
        language,
        faults.iter().map(|it| BrokenRule::of_fault(it, language)).collect(),
    )
}

/// The message of a file, and CopMsgId of its envelope.
pub(super) fn unwrapped(bytes: &[u8]) -> Result<(Vec<u8>, Option<String>), Vec<MessageFault>> {
    let text = plain(bytes).map_err(|text| {
        let text_zh = "压缩文件不完整或过大".to_owned();
        vec![MessageFault {
            code: Code::XmlMalformed,
            line: 1,
            element: String::new(),
            text,
            text_zh,
        }]
    })?;
    if !ceb::dxp::is_envelope(&text) {
        return Ok((text, None));
    }
    let envelope = ceb::dxp::read(&text)?;
    Ok((envelope.data, Some(envelope.trans_info.cop_msg_id)))
}

/// The bytes without compression, or why that is not possible.
pub(crate) fn plain(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes.to_vec());
    }
    let most = limits::CEB_ENVELOPE_BYTES_MAX;
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1); // it fits
    let mut text = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut text);
    match read {
        Err(error) => Err(format!("it is not whole gzip: {error}")),
        Ok(_) if text.len() > most => Err(format!("it has more than {most} bytes")),
        Ok(_) => Ok(text),
    }
}

/// Whether a file ends where its root element does. A file that is being written usually does not.
/// What this cannot read counts as not whole: whoever asks waits a while and then sends it anyway, so
/// that somebody hears what is wrong with it.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let Ok(text) = plain(bytes) else { return false };
    let Ok(text) = std::str::from_utf8(&text) else { return false };
    let Some(root) = root(text) else { return false };
    let text = text.trim_end();
    let Some(last) = text.strip_suffix('>') else { return false };
    match last.rfind('<').map(|start| &last[start + 1..]) {
        Some(tag) => tag.strip_prefix('/').is_some_and(|name| name.trim_end() == root),
        None => false,
    }
}

/// Name of the root element, as spelt.
fn root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest[rest.find('<')?..].strip_prefix('<')?;
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = &comment[comment.find("-->")?..];
        } else if !rest.starts_with(['?', '!']) {
            let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
            return Some(&rest[..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory takes everything");
        encoder.finish().expect("memory takes everything")
    }

    #[test]
    fn a_file_is_whole_when_its_root_is_closed() {
        let message =
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- <a> --><ceb:M guid=\"\">\n<x/></ceb:M>\n";
        assert!(is_whole(message.as_bytes()));
        for end in 0..message.len() - 1 {
            assert!(!is_whole(&message.as_bytes()[..end]), "{:?}", message.get(..end));
        }
        assert!(is_whole(b"<a><b></b></a >"));
        assert!(!is_whole(b"<a><b></b>"));
        assert!(!is_whole(b""));
    }

    #[test]
    fn compressed_files_are_looked_into() {
        let whole = gzip(b"<a></a>");
        assert!(is_whole(&whole));
        assert!(!is_whole(&whole[..whole.len() - 1]));
        assert!(!is_whole(&gzip(b"<a>")));
        assert_eq!(plain(&whole).expect("whole"), b"<a></a>");
    }
}
