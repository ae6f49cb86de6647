//! Changes that keep most of a message intact: whole elements are dropped, repeated and moved, and
//! texts are exchanged for others that are likely to be trouble. Half of the time libFuzzer's own
//! changes of bytes and words of the dictionary are taken.

use libfuzzer_sys::fuzzer_mutate;

/// What may go wrong in a text, an attribute or between elements.
const TROUBLE: [&str; 36] = [
    "",
    " ",
    "\n",
    "\r",
    "\t",
    "&#13;",
    "&#10;",
    "&#9;",
    "&#0;",
    "&#1;",
    "&#xFFFF;",
    "&#xD800;",
    "&#xA0;",
    "\u{feff}",
    "\u{ffff}",
    "\u{fffe}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "&amp;",
    "&lt;",
    "&quot;",
    "&x;",
    "]]>",
    "<![CDATA[]]>",
    "<![CDATA[ a\r\nb]]&gt; ]]>",
    "<![CDATA[]]]]>",
    "<!---->",
    "<!-- -- -->",
    "<?x y?>",
    "0",
    "-0.00001",
    "92233720368547.75807",
    "99999999999999999999",
    "3",
    "中",
];
const ATTRIBUTES: [&str; 8] = [
    " a=\"\"",
    " xmlns=\"\"",
    " xmlns=\"http://www.chinaport.gov.cn/ceb\"",
    " xmlns:ceb=\"http://www.chinaport.gov.cn/ceb\"",
    " xmlns:x=\"urn:x\" x:y='\"'",
    " xml:lang=\"zh&#10;&#13;&#9;\"",
    " xsi:nil='true'",
    " xmlns:dxp=\"http://www.chinaport.gov.cn/dxp\"",
];

/// Changes the first `size` bytes of `data` and tells their new number, at most `max_size`.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance(seed.into());
    if chance.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let Ok(text) = std::str::from_utf8(&data[..size]) else {
        return fuzzer_mutate(data, size, max_size);
    };
    let mut pieces = pieces(text);
    if pieces.len() < 3 {
        return fuzzer_mutate(data, size, max_size);
    }
    for _ in 0..=chance.below(3) {
        change(&mut pieces, &mut chance);
    }
    let changed = pieces.concat();
    if changed.is_empty() || changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(changed.as_bytes());
    changed.len()
}

/// The text cut before each `<`: a tag and the text behind it.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices('<').filter(|&(at, _)| at > 0) {
        pieces.push(text[from..at].to_owned());
        from = at;
    }
    pieces.push(text[from..].to_owned());
    pieces
}

fn change(pieces: &mut Vec<String>, chance: &mut Chance) {
    if pieces.is_empty() {
        return;
    }
    let (one, other) = (chance.below(pieces.len()), chance.below(pieces.len()));
    let element = one..=end(pieces, one);
    match chance.below(8) {
        0 => drop(pieces.drain(element)),
        1 => {
            let copy = pieces[element].to_vec();
            drop(pieces.splice(other..other, copy));
        }
        2 => {
            let moved: Vec<String> = pieces.drain(element).collect();
            let to = other.min(pieces.len());
            drop(pieces.splice(to..to, moved));
        }
        3 => pieces.swap(one, other),
        4 => {
            let text = text_of(&pieces[other]).to_owned();
            retext(&mut pieces[one], &text);
        }
        5 => retext(&mut pieces[one], chance.pick(&TROUBLE)),
        6 => {
            let trouble = chance.pick(&TROUBLE);
            let piece = &mut pieces[one];
            let places: Vec<usize> = piece.char_indices().map(|(at, _)| at).skip(1).collect();
            if !places.is_empty() {
                piece.insert_str(places[chance.below(places.len())], trouble);
            }
        }
        _ => {
            let attribute = chance.pick(&ATTRIBUTES);
            let piece = &mut pieces[one];
            if let Some(at) = piece.find(['/', '>']).filter(|&at| at > 1) {
                piece.insert_str(at, attribute);
            }
        }
    }
}

/// The last piece of the element that begins with this piece, or the piece itself.
fn end(pieces: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, piece) in pieces.iter().enumerate().skip(start) {
        let closes = piece.starts_with("</");
        let opens = piece.starts_with('<')
            && !closes
            && !piece.starts_with("<!")
            && !piece.starts_with("<?")
            && !piece.contains("/>");
        depth = if opens { depth + 1 } else { depth.saturating_sub(usize::from(closes)) };
        if depth == 0 {
            return at;
        }
    }
    start
}

fn text_of(piece: &str) -> &str {
    piece.split_once('>').map_or("", |(_, text)| text)
}

fn retext(piece: &mut String, text: &str) {
    if let Some(at) = piece.find('>') {
        piece.truncate(at + 1);
        piece.push_str(text);
    }
}

/// Choices that follow from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(bound).expect("small")).expect("small")
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}
