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
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len());
        let breaks = text.as_bytes()[counted..at].iter().filter(|byte| **byte == b'\n').count();
        line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
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
}
