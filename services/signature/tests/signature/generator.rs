//! Random documents with everything that canonicalisation has a rule for, the same ones for the same
//! seed.

/// A document in two spellings of one content. Other programs keep comments in their canonical text,
/// so they get the one without.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) commented: String,
    pub(crate) bare: String,
}

pub(crate) struct Generator {
    state: u64,
    document: Document,
    /// Prefixes in scope with their namespaces, innermost last.
    scope: Vec<(&'static str, &'static str)>,
}

const PREFIXES: [&str; 5] = ["", "a", "b", "ceb", "z"];
/// Without `&`, which libxml2 forgets to escape in namespaces.
const SPACES: [&str; 4] =
    ["http://www.chinaport.gov.cn/ceb", "urn:x:1", "http://x/a?b=1", "urn:x:0"];
const NAMES: [&str; 8] = ["x", "goods", "Order", "名", "_a", "a-b.c", "x1", "Signature"];
const TEXT: [&str; 20] = [
    "plain",
    "中文",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "&amp;",
    "&lt;",
    "&gt;",
    ">",
    "\"",
    "'",
    "&#13;",
    "&#xA;",
    "&#9;",
    "&quot;",
    "&apos;",
    "\u{1F4E6}",
    "&#x4e2d;",
];
const SECTIONS: [&str; 5] = [
    "<![CDATA[]]>",
    "<![CDATA[<a>&amp;\r\n]]>",
    "<![CDATA[]]]]>",
    "<![CDATA[>]]>",
    "<![CDATA['\"]]>",
];
const COMMENTS: [&str; 4] = ["<!---->", "<!-- <a> &amp; -->", "<!--\n中\n-->", "<!--->-->"];
const BLANKS: [&str; 5] = [" ", "\n", "  ", "\r\n\t", " \n "];

impl Generator {
    /// A document whose root has this name and prefix.
    pub(crate) fn document(seed: u64) -> Document {
        let mut generator = Self { state: seed, document: Document::default(), scope: Vec::new() };
        if generator.one_in(2) {
            generator.both("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
            generator.both("\n");
        }
        if generator.one_in(3) {
            generator.comment();
            generator.both("\r\n");
        }
        generator.element(0);
        if generator.one_in(3) {
            generator.both("\n");
            generator.comment();
        }
        generator.document
    }

    /// A document with one or two characters changed, lost or repeated.
    pub(crate) fn spoiled(seed: u64) -> String {
        let mut characters: Vec<char> = Self::document(seed).bare.chars().collect();
        let mut generator = Self { state: !seed, document: Document::default(), scope: Vec::new() };
        for _ in 0..=generator.below(2) {
            let at = generator.below(characters.len());
            match generator.below(4) {
                0 => {
                    characters.remove(at);
                }
                1 => characters.insert(at, characters[at]),
                2 => characters.insert(at, generator.spoiler()),
                _ => characters[at] = generator.spoiler(),
            }
        }
        characters.into_iter().collect()
    }

    fn spoiler(&mut self) -> char {
        let spoilers: Vec<char> =
            "<>&;\"'=:/ !-[]?#x0\t\n\r\u{1}\u{FFFE}\u{B7}中".chars().collect();
        spoilers[self.below(spoilers.len())]
    }

    fn element(&mut self, depth: usize) {
        let outer = self.scope.len();
        let mut parts: Vec<String> = Vec::new();
        for prefix in PREFIXES {
            if self.one_in(4) {
                let undeclare = prefix.is_empty() && self.one_in(3);
                let space = if undeclare { "" } else { self.pick(&SPACES) };
                let colon = if prefix.is_empty() { "" } else { ":" };
                parts.push(format!("xmlns{colon}{prefix}={}", self.quoted(space)));
                self.scope.push((prefix, space));
            }
        }
        let mut taken: Vec<(&str, &str)> = Vec::new();
        for _ in 0..self.below(4) {
            let (prefix, space) = self.prefix_for_attribute();
            let name = self.pick(&NAMES);
            if taken.contains(&(space, name)) {
                continue;
            }
            taken.push((space, name));
            let value = self.value();
            let colon = if prefix.is_empty() { "" } else { ":" };
            parts.push(format!("{prefix}{colon}{name}={value}"));
        }
        if self.one_in(6) {
            parts.push(format!("xml:lang={}", self.quoted("zh")));
        }
        if self.one_in(6) {
            parts.push(format!("xml:space={}", self.quoted("preserve")));
        }
        self.shuffle(&mut parts);
        let prefix = self.pick(&PREFIXES);
        let known = prefix.is_empty() || self.scope.iter().any(|&(other, _)| other == prefix);
        let local = self.pick(&NAMES);
        let name = if known && !prefix.is_empty() {
            format!("{prefix}:{local}")
        } else {
            local.to_owned()
        };
        let mut tag = format!("<{name}");
        for part in &parts {
            tag.push_str(self.pick(&BLANKS));
            tag.push_str(part);
        }
        if self.one_in(5) {
            tag.push_str(self.pick(&BLANKS));
        }
        // The root keeps an end tag, so that a signature can be put in.
        if depth > 0 && self.one_in(6) {
            self.both(&format!("{tag}/>"));
        } else {
            self.both(&format!("{tag}>"));
            self.content(depth);
            let blank = if self.one_in(5) { self.pick(&BLANKS) } else { "" };
            self.both(&format!("</{name}{blank}>"));
        }
        self.scope.truncate(outer);
    }

    fn content(&mut self, depth: usize) {
        for _ in 0..self.below(6) {
            match self.below(6) {
                0 | 1 if depth < 6 => self.element(depth + 1),
                2 => {
                    let section = self.pick(&SECTIONS);
                    self.both(section);
                }
                3 => self.comment(),
                _ => {
                    let text = self.pick(&TEXT);
                    self.both(text);
                }
            }
        }
    }

    fn value(&mut self) -> String {
        let mut value = String::new();
        for _ in 0..self.below(5) {
            value.push_str(self.pick(&TEXT));
        }
        self.quoted(&value)
    }

    fn quoted(&mut self, value: &str) -> String {
        if self.one_in(2) {
            format!("\"{}\"", value.replace('"', "&quot;"))
        } else {
            format!("'{}'", value.replace('\'', "&#39;"))
        }
    }

    fn prefix_for_attribute(&mut self) -> (&'static str, &'static str) {
        let prefix = self.pick(&PREFIXES);
        if prefix.is_empty() {
            return ("", "");
        }
        self.scope.iter().rev().find(|&&(other, _)| other == prefix).copied().unwrap_or(("", ""))
    }

    fn comment(&mut self) {
        let comment = self.pick(&COMMENTS);
        // Between CR and LF it would make two lines of one.
        if self.document.commented.ends_with('\r') {
            return;
        }
        self.document.commented.push_str(comment);
    }

    fn both(&mut self, text: &str) {
        self.document.commented.push_str(text);
        self.document.bare.push_str(text);
    }

    fn shuffle(&mut self, parts: &mut [String]) {
        for last in (1..parts.len()).rev() {
            let other = self.below(last + 1);
            parts.swap(last, other);
        }
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        let index = self.below(list.len());
        list[index]
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// SplitMix64.
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let limit = u64::try_from(limit).expect("a small number");
        usize::try_from(mixed % limit).expect("a small number")
    }
}
