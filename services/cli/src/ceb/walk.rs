//! The elements of a message with their lines, as they stand there: also of a message that breaks the
//! schema, as far as it is XML.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Elements that are listed; a message within the limits of the window has fewer.
const ELEMENTS_MAX: usize = 400_000;

/// An element that holds text and no other elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Its line, from 1.
    pub(super) line: u32,
    /// Names from the child of the root down, with the number of each among those of the same name:
    /// `[("Inventory", 1), ("InventoryList", 2), ("gcode", 1)]`.
    pub(super) path: Vec<(String, u32)>,
    pub(super) value: String,
}

impl Leaf {
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", |(name, _)| name)
    }
}

/// An element that is open.
struct Open {
    name: String,
    line: u32,
    text: String,
    is_leaf: bool,
    /// How often each name stood among its children.
    children: Vec<(String, u32)>,
    number: u32,
}

/// Lists them. Signatures are left out: they say nothing to a person.
pub(super) fn leaves(text: &str) -> Vec<Leaf> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let (mut open, mut leaves): (Vec<Open>, Vec<Leaf>) = (Vec::new(), Vec::new());
    let (mut line, mut counted) = (1u32, 0usize);
    while leaves.len() < ELEMENTS_MAX {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len()); // at its end
        let breaks = text.as_bytes()[counted..at].iter().filter(|byte| **byte == b'\n').count();
        line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX)); // a place to show, not to count with
        counted = at;
        match reader.read_event() {
            Ok(Event::Start(tag)) => enter(&mut open, tag.local_name().into_inner(), line),
            Ok(Event::Empty(tag)) => {
                enter(&mut open, tag.local_name().into_inner(), line);
                leave(&mut open, &mut leaves);
            }
            Ok(Event::End(_)) => leave(&mut open, &mut leaves),
            Ok(Event::Text(more)) => {
                add(&mut open, &more.xml10_content());
            }
            Ok(Event::CData(more)) => {
                add(&mut open, &more.xml10_content());
            }
            Ok(Event::GeneralRef(name)) => {
                if let Ok(Some(character)) = name.resolve_char_ref() {
                    add(&mut open, character.encode_utf8(&mut [0; 4]));
                } else if let Some(text) = resolve_predefined_entity(&name) {
                    add(&mut open, text);
                }
            }
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Ok(Event::Eof) | Err(_) => break,
        }
    }
    leaves
}

fn enter(open: &mut Vec<Open>, name: &str, line: u32) {
    let name = name.to_owned();
    let mut number = 1;
    if let Some(parent) = open.last_mut() {
        parent.is_leaf = false;
        match parent.children.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => {
                *count += 1;
                number = *count;
            }
            None => parent.children.push((name.clone(), 1)),
        }
    }
    let (text, children) = (String::new(), Vec::new());
    open.push(Open { name, line, text, is_leaf: true, children, number });
}

fn add(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn leave(open: &mut Vec<Open>, leaves: &mut Vec<Leaf>) {
    let Some(element) = open.pop() else { return };
    let signature = |open: &Open| open.name == "Signature";
    if element.is_leaf && !open.is_empty() && !open.iter().any(signature) {
        let above = open.iter().skip(1).map(|above| (above.name.clone(), above.number));
        let path = above.chain([(element.name, element.number)]).collect();
        leaves.push(Leaf { line: element.line, path, value: element.text });
    }
}

/// A character that means something to XML and stands in a text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StrayCharacter {
    /// From 1.
    pub(super) line: u32,
    /// In characters, from 1.
    pub(super) column: u32,
    /// `&` or `<`.
    pub(super) character: char,
}

/// The first `&` that begins no reference, or `<` that begins no tag. Programs that glue texts together
/// write them so, and it is the most usual reason why a message is no XML.
pub(super) fn stray(text: &str) -> Option<StrayCharacter> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find(['&', '<']) {
        let start = at + found;
        let rest = &text[start..];
        let apart = [("<!--", "-->"), ("<![CDATA[", "]]>")];
        if let Some((begin, end)) = apart.into_iter().find(|(begin, _)| rest.starts_with(begin)) {
            at = start + begin.len() + rest[begin.len()..].find(end)? + end.len();
            continue;
        }
        let character = if rest.starts_with('&') { '&' } else { '<' };
        let next = rest[1..].chars().next();
        let means = match character {
            '&' => rest[1..].split_once(';').is_some_and(|(name, _)| is_reference(name)),
            _ => next.is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '!' | '?' | '_')),
        };
        if !means {
            let (before, line) = (&text[..start], text[..start].matches('\n').count() + 1);
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1; // a split has a first part
            let [line, column] = [line, column].map(|it| u32::try_from(it).unwrap_or(u32::MAX)); // a place to show
            return Some(StrayCharacter { line, column, character });
        }
        at = start + 1;
    }
    None
}

/// `amp`, `#38`, `#x26`.
fn is_reference(name: &str) -> bool {
    match name.strip_prefix('#') {
        Some(number) => {
            let digits = number.strip_prefix('x').unwrap_or(number);
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())
        }
        None => !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
    }
}

/// `Inventory[1]/InventoryList[2]/gcode`, as faults name elements; heads stand once.
pub(super) fn shown(path: &[(String, u32)]) -> String {
    let last = path.len().saturating_sub(1);
    let part = |(depth, (name, number)): (usize, &(String, u32))| {
        let numbered = depth == 0 || (depth < last || name.ends_with("List")) && *number > 0;
        let is_head = name.contains("Head");
        if numbered && !is_head { format!("{name}[{number}]") } else { name.clone() }
    };
    path.iter().enumerate().map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_lines_numbers_and_whole_texts() {
        let xml = "<?xml version=\"1.0\"?>\n<c:M xmlns:c=\"x\">\n <c:I>\n  <c:a>1 &lt; <![CDATA[&]]>\
                   &#50;</c:a>\n  <c:L><b/></c:L>\n  <c:L>\n<b>2</b></c:L></c:I>\n<ds:Signature>\
                   <ds:V>x</ds:V></ds:Signature><c:I><c:a>3";
        let shown = |leaf: Leaf| {
            let path: Vec<_> = leaf.path.iter().map(|(name, no)| format!("{name}{no}")).collect();
            format!("{} {} {}", leaf.line, path.join("/"), leaf.value)
        };
        let found: Vec<_> = leaves(xml).into_iter().map(shown).collect();
        assert_eq!(found, ["4 I1/a1 1 < &2", "5 I1/L1/b1 ", "7 I1/L2/b1 2"]);
    }

    #[test]
    fn a_character_that_was_not_escaped_is_found_with_its_place() {
        let of = |text: &str| stray(text).map(|it| (it.line, it.column, it.character));
        assert_eq!(of("<a>\n <b>李 & 韩</b></a>"), Some((2, 7, '&')));
        assert_eq!(of("<a><b>x < 3</b></a>"), Some((1, 9, '<')));
        assert_eq!(of("<a><b>A&B; C</b></a>"), None, "an unknown reference is another fault");
        assert_eq!(of("<a>AT&T</a>"), Some((1, 6, '&')));
        for well in [
            "<?xml version=\"1.0\"?><a><!-- & < --><b>&amp;&#38;&#x26;</b></a>",
            "<a><![CDATA[ & < ]]></a>",
            "<a><!-- & ",
            "",
        ] {
            assert_eq!(of(well), None, "{well}");
        }
    }
}
