//! The schema half: what may stand in an element is a constant table, and one function reads any table.
//!
//! A row names an element, says whether it must stand there and how often it may, what it holds, and
//! where the value goes. Order is strict (`xs:sequence`). When it is broken, the fewest elements that
//! would have to move are named, so that one misplaced element is one fault and not forty.

use domain::Code;

use super::fault::Side;
use super::reader::{Item, Open, Reader, Space, Stop};
use super::value;

/// Rows of a table, at most.
const ROWS_MAX: usize = 64;

/// A row: one element of a sequence whose values go into a `T`.
pub(super) struct Element<T: 'static> {
    pub(super) name: &'static str,
    pub(super) space: Space,
    pub(super) need: Need,
    pub(super) max: u8,
    /// The refusal when it stands too seldom or too often.
    pub(super) count: Code,
    /// Paths in [`crate::v1::Declaration`] that its value fills, separated by spaces; from the line
    /// on within a line.
    pub(super) field: &'static str,
    content: Content<T>,
}

/// Whether an element may be left out. One that may be left out may also be empty: real systems send
/// `<preNo></preNo>` where the schema demands eighteen characters or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Must,
    May,
}

/// What an element holds. Setters are not called for empty values: absent and empty are the same in
/// the declaration.
enum Content<T: 'static> {
    /// Characters between the two lengths. With `Trim::Yes`, white space around them is no content.
    Text { min: usize, max: usize, trim: Trim, set: fn(&mut T, String) },
    /// One of a few words that the reader itself understands.
    Word(fn(&mut T, &str) -> Result<(), Trouble>),
    /// The one value that the schema fixes. An empty element stands for it.
    Fixed { value: &'static str, wrong: Code, set: fn(&mut T, String) },
    /// N19,5 in 1/100000.
    Decimal(fn(&mut T, i64)),
    /// A whole number of at most so many digits.
    Count { digits: usize, set: fn(&mut T, u32) },
    /// Elements with a table of their own.
    Group(fn(&mut Reader<'_>, &mut T, &Open<'_>) -> Result<(), Stop>),
    /// Anything well-formed; only its presence is told.
    Any(fn(&mut T)),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trim {
    Yes,
    No,
}

/// What is wrong with a word.
pub(super) struct Trouble {
    pub(super) code: Code,
    /// The document is read all the same.
    pub(super) warning: bool,
    pub(super) text: String,
    pub(super) text_zh: String,
}

impl<T> Element<T> {
    const fn new(name: &'static str, need: Need, field: &'static str, content: Content<T>) -> Self {
        let count = Code::XmlElementUnexpected;
        Self { name, space: Space::Ceb, need, max: 1, count, field, content }
    }

    /// May stand up to `max` times; otherwise `count` is the refusal.
    pub(super) const fn times(mut self, max: u8, count: Code) -> Self {
        self.max = max;
        self.count = count;
        self
    }

    /// Stands in the namespace of signatures.
    pub(super) const fn dsig(mut self) -> Self {
        self.space = Space::Dsig;
        self
    }
}

/// A code, number or date: white space around it is dropped.
pub(super) const fn code<T>(
    name: &'static str,
    need: Need,
    (min, max): (usize, usize),
    field: &'static str,
    set: fn(&mut T, String),
) -> Element<T> {
    Element::new(name, need, field, Content::Text { min, max, trim: Trim::Yes, set })
}

/// Words for people: kept as they are, white space included.
pub(super) const fn text<T>(
    name: &'static str,
    need: Need,
    (min, max): (usize, usize),
    field: &'static str,
    set: fn(&mut T, String),
) -> Element<T> {
    Element::new(name, need, field, Content::Text { min, max, trim: Trim::No, set })
}

/// A word that the reader understands.
pub(super) const fn word<T>(
    name: &'static str,
    field: &'static str,
    set: fn(&mut T, &str) -> Result<(), Trouble>,
) -> Element<T> {
    Element::new(name, Need::Must, field, Content::Word(set))
}

/// A value that the schema fixes; any other is refused with `wrong`.
pub(super) const fn fixed<T>(
    name: &'static str,
    value: &'static str,
    wrong: Code,
    field: &'static str,
    set: fn(&mut T, String),
) -> Element<T> {
    Element::new(name, Need::Must, field, Content::Fixed { value, wrong, set })
}

/// An amount, quantity or weight.
pub(super) const fn decimal<T>(
    name: &'static str,
    need: Need,
    field: &'static str,
    set: fn(&mut T, i64),
) -> Element<T> {
    Element::new(name, need, field, Content::Decimal(set))
}

/// A whole number.
pub(super) const fn count<T>(
    name: &'static str,
    digits: usize,
    field: &'static str,
    set: fn(&mut T, u32),
) -> Element<T> {
    Element::new(name, Need::Must, field, Content::Count { digits, set })
}

/// Elements within.
pub(super) const fn group<T>(
    name: &'static str,
    need: Need,
    read: fn(&mut Reader<'_>, &mut T, &Open<'_>) -> Result<(), Stop>,
) -> Element<T> {
    Element::new(name, need, "", Content::Group(read))
}

/// Anything.
pub(super) const fn any<T>(name: &'static str, need: Need, set: fn(&mut T)) -> Element<T> {
    Element::new(name, need, "", Content::Any(set))
}

impl Reader<'_> {
    /// Reads the children of the element that was opened last by a table, up to its end.
    pub(super) fn sequence<T>(
        &mut self,
        table: &'static [Element<T>],
        target: &mut T,
        open: &Open<'_>,
    ) -> Result<(), Stop> {
        debug_assert!(table.len() <= ROWS_MAX, "a table has at most {ROWS_MAX} rows");
        let marks = self.marks.len();
        self.marks.resize(marks + 1 + table.len(), 0);
        self.marks[marks] = mark(open.at);
        let mut counts = [0_u8; ROWS_MAX];
        let mut last = 0;
        let mut sorted = true;
        loop {
            let child = match self.next()? {
                Item::Open(child) => child,
                Item::Text(text) if text.trim_matches(value::is_space).is_empty() => continue,
                Item::Text(_) => {
                    self.between(open);
                    continue;
                }
                Item::Close | Item::End => break,
            };
            let Some(row) = find(table, last, &child) else {
                if let Some(meant) = self.unknown(table, open, &child)
                    && self.marks[marks + 1 + meant] == 0
                {
                    self.marks[marks + 1 + meant] = mark(child.at);
                }
                self.skip()?;
                continue;
            };
            let element = &table[row];
            counts[row] = counts[row].saturating_add(1);
            let number = counts[row];
            if number > element.max {
                if number == element.max + 1 {
                    self.too_often(element, self.marks[marks + 1 + row], child.at);
                }
                self.skip()?;
                continue;
            }
            if number == 1 {
                self.marks[marks + 1 + row] = mark(child.at);
                sorted &= row >= last;
            } else if row < last {
                self.misplaced(element.name, child.at, table[last].name, Side::Before);
            }
            last = row;
            self.child(element, number, target, &child)?;
        }
        if !sorted {
            self.disorder(table, marks + 1);
        }
        self.missing(table, marks + 1, open);
        Ok(())
    }

    fn child<T>(
        &mut self,
        element: &Element<T>,
        number: u8,
        target: &mut T,
        open: &Open<'_>,
    ) -> Result<(), Stop> {
        let plain = open.tag.attributes_raw().is_empty();
        if !plain && !matches!(element.content, Content::Any(_)) {
            self.attributes(open, &[]);
        }
        match element.content {
            Content::Group(read) => {
                let number = if element.max > 1 { usize::from(number) } else { 0 };
                self.path.push((element.name, number));
                read(self, target, open)?;
                self.path.pop();
            }
            Content::Any(set) => {
                self.skip()?;
                set(target);
            }
            Content::Text { .. }
            | Content::Word(_)
            | Content::Fixed { .. }
            | Content::Decimal(_)
            | Content::Count { .. } => {
                if let Some(text) = self.leaf(element.name)? {
                    self.value(element, target, open.at, &text);
                }
            }
        }
        Ok(())
    }

    fn value<T>(&mut self, element: &Element<T>, target: &mut T, at: usize, text: &str) {
        let name = element.name;
        let bare = text.trim_matches(value::is_space);
        self.characters(name, at, text);
        match element.content {
            Content::Text { min, max, trim, set } => {
                let text = if trim == Trim::Yes { bare } else { text };
                if text.is_empty() {
                    if min > 0 && element.need == Need::Must {
                        self.empty(name, at);
                    }
                } else if self.length(name, at, text, (min, max)) {
                    set(target, text.to_owned());
                }
            }
            Content::Fixed { value, wrong, set } => {
                if bare.is_empty() || bare == value {
                    set(target, value.to_owned());
                } else {
                    self.not_fixed(name, at, bare, value, wrong);
                }
            }
            _ if bare.is_empty() => {
                if element.need == Need::Must {
                    self.empty(name, at);
                }
            }
            Content::Word(set) => match set(target, bare) {
                Ok(()) => {}
                Err(Trouble { code, warning: true, text, text_zh }) => {
                    self.warn(code, at, name, text, text_zh);
                }
                Err(Trouble { code, warning: false, text, text_zh }) => {
                    self.fault(code, at, name, text, text_zh);
                }
            },
            Content::Decimal(set) => match value::decimal_e5(bare) {
                Ok(value) => set(target, value),
                Err(reason) => self.unreadable(name, at, bare, reason),
            },
            Content::Count { digits, set } => match value::count(bare, digits) {
                Ok(value) => set(target, value),
                Err(reason) => self.unreadable(name, at, bare, reason),
            },
            // Elements without text never come here.
            Content::Group(_) | Content::Any(_) => {}
        }
    }
}

/// The row of an element. Messages in order are found at the first or second comparison.
fn find<T>(table: &[Element<T>], last: usize, open: &Open<'_>) -> Option<usize> {
    let name = open.name();
    let is_it = |row: &Element<T>| row.name == name && row.space == open.space;
    match table[last..].iter().position(is_it) {
        Some(after) => Some(last + after),
        None => table[..last].iter().position(is_it),
    }
}

/// Offsets fit: a message has at most five megabytes.
fn mark(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
