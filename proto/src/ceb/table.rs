//! The schema half: what may stand in an element is a constant table, and one function reads any table.
//!
//! A row names an element, says whether it must stand there and how often it may, what it holds, and
//! where the value goes. Order is strict (`xs:sequence`). When it is broken, the fewest elements that
//! would have to move are named, so that one misplaced element is one fault and not forty.

use domain::Code;

use super::fault::Side;
use super::reader::{MessageReader, Namespace, Open, ReaderItem, Stop};
use super::schema::ElementTable;
use super::value;
use super::write::Writer;

/// Rows of a table, at most.
const ROWS_MAX: usize = 64;

/// A row: one element of a sequence whose values are in a `T`.
pub(super) struct Element<T: 'static> {
    pub(super) name: &'static str,
    /// The field of the typed struct.
    pub(super) field: &'static str,
    pub(super) space: Namespace,
    pub(super) need: ElementNeed,
    pub(super) max: u32,
    /// The refusal when it stands too seldom or too often.
    pub(super) count: Code,
    /// What an empty element stands for.
    pub(super) empty: &'static str,
    pub(super) kind: ElementKind,
    pub(super) content: ElementContent<T>,
}

/// Whether an element may be left out. One that may be left out may also be empty: real systems send
/// `<preNo></preNo>` where the schema demands eighteen characters or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementNeed {
    Must,
    May,
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// A code, number or date of so many characters: white space around it is dropped.
    Code {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// Words for people, kept as they are, white space included.
    Text {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// A text of any length, written as CDATA.
    Data,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// The one value that the schema fixes. An empty element stands for it.
    Fixed(&'static str),
    /// The direction of the message: the opposite is refused, another letter is odd.
    Direction {
        /// The message.
        message: &'static str,
        /// Its direction, I or E.
        own: &'static str,
    },
    /// A date, or a date with a time (xs:date, xs:dateTime).
    Time {
        /// It has a time of day.
        clock: bool,
    },
    /// N19,5 in 1/100000.
    Decimal,
    /// A whole number of at most so many digits.
    Count {
        /// At most.
        digits: usize,
    },
    /// Other elements.
    Elements,
}

/// Where the content of an element is kept. Setters are not called for empty values: absent and empty
/// are the same.
pub(super) enum ElementContent<T: 'static> {
    Text {
        get: fn(&T) -> &str,
        set: fn(&mut T, String),
    },
    /// The texts of an element that may stand several times.
    Texts {
        get: fn(&T) -> &[String],
        set: fn(&mut T, String),
    },
    Decimal {
        get: fn(&T) -> Option<i64>,
        set: fn(&mut T, i64),
    },
    Count {
        get: fn(&T) -> Option<u32>,
        set: fn(&mut T, u32),
    },
    /// Elements with a table of their own.
    Group {
        read: fn(&mut MessageReader<'_>, &mut T, &Open<'_>) -> Result<(), Stop>,
        write: fn(&mut Writer, &T, &'static str),
        describe: fn() -> Vec<SchemaField>,
    },
    /// Anything well-formed; only its presence is told.
    Any(fn(&mut T)),
}

/// A row of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaField {
    /// The XML element.
    pub element: &'static str,
    /// The field of the typed struct; empty when the value is not kept.
    pub name: &'static str,
    /// It must stand there.
    pub required: bool,
    /// What it stands for when it is empty; mostly nothing.
    pub empty: &'static str,
    /// What it holds.
    pub kind: ElementKind,
}

/// The rows of a table.
pub(super) fn describe<T: ElementTable>() -> Vec<SchemaField> {
    let field = |row: &Element<T>| SchemaField {
        element: row.name,
        name: row.field,
        required: row.need == ElementNeed::Must,
        empty: row.empty,
        kind: row.kind,
    };
    T::TABLE.iter().map(field).collect()
}

impl<T> Element<T> {
    /// May stand up to `max` times; otherwise `count` is the refusal.
    pub(super) const fn times(mut self, max: u32, count: Code) -> Self {
        self.max = max;
        self.count = count;
        self
    }

    /// Stands in another namespace.
    pub(super) const fn within(mut self, space: Namespace) -> Self {
        self.space = space;
        self
    }

    /// What an empty element stands for.
    pub(super) const fn or(mut self, empty: &'static str) -> Self {
        if !empty.is_empty() {
            self.empty = empty;
        }
        self
    }

    /// Elements of this name are counted.
    pub(super) fn is_repeated(&self) -> bool {
        self.max > 1
    }

    fn is_leaf(&self) -> bool {
        !matches!(self.content, ElementContent::Group { .. } | ElementContent::Any(_))
    }
}

/// A value.
pub(super) const fn leaf<T>(
    name: &'static str,
    field: &'static str,
    need: ElementNeed,
    kind: ElementKind,
    content: ElementContent<T>,
) -> Element<T> {
    let empty = if let ElementKind::Fixed(value) = kind { value } else { "" };
    let (space, count) = (Namespace::Ceb, Code::XmlElementUnexpected);
    Element { name, field, space, need, max: 1, count, empty, kind, content }
}

/// Elements within.
pub(super) const fn group<T>(
    name: &'static str,
    need: ElementNeed,
    read: fn(&mut MessageReader<'_>, &mut T, &Open<'_>) -> Result<(), Stop>,
    write: fn(&mut Writer, &T, &'static str),
    describe: fn() -> Vec<SchemaField>,
) -> Element<T> {
    leaf(name, "", need, ElementKind::Elements, ElementContent::Group { read, write, describe })
}

/// Anything.
pub(super) const fn any<T>(name: &'static str, need: ElementNeed, set: fn(&mut T)) -> Element<T> {
    leaf(name, "", need, ElementKind::Elements, ElementContent::Any(set))
}

impl MessageReader<'_> {
    /// Reads an element by its table.
    pub(super) fn element<T: ElementTable>(
        &mut self,
        it: &mut T,
        open: &Open<'_>,
    ) -> Result<(), Stop> {
        self.sequence(T::TABLE, it, open)
    }

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
        let mut counts = [0_u32; ROWS_MAX];
        let mut last = 0;
        let mut sorted = true;
        loop {
            let child = match self.next()? {
                ReaderItem::Open(child) => child,
                ReaderItem::Text(text) if value::is_blank(&text) => continue,
                ReaderItem::Text(_) => {
                    self.between(open);
                    continue;
                }
                ReaderItem::Close | ReaderItem::End => break,
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
        number: u32,
        target: &mut T,
        open: &Open<'_>,
    ) -> Result<(), Stop> {
        let plain = open.tag.attributes_raw().is_empty();
        if !plain && element.is_leaf() {
            self.attributes(open, &[]);
        }
        match element.content {
            ElementContent::Group { read, .. } => {
                let number = if element.is_repeated() { number } else { 0 };
                self.path.push((element.name, number));
                read(self, target, open)?;
                self.path.pop();
            }
            ElementContent::Any(set) => {
                self.skip()?;
                set(target);
            }
            ElementContent::Text { .. }
            | ElementContent::Texts { .. }
            | ElementContent::Decimal { .. }
            | ElementContent::Count { .. } => {
                if let Some(text) = self.leaf(element.name)? {
                    self.value(element, target, open.at, &text);
                }
            }
        }
        Ok(())
    }

    fn value<T>(&mut self, element: &Element<T>, target: &mut T, at: usize, text: &str) {
        let name = element.name;
        self.characters(element.kind, name, at, text);
        let bare = value::trim(text);
        let text = match element.kind {
            ElementKind::Text { .. } | ElementKind::Data => text,
            _ if bare.is_empty() => element.empty,
            _ => bare,
        };
        if text.is_empty() {
            if element.need == ElementNeed::Must && !element.kind.may_be_empty() {
                self.empty(name, at);
            }
            return;
        }
        match element.content {
            ElementContent::Text { set, .. } | ElementContent::Texts { set, .. } => {
                if self.fits(element.kind, name, at, text) {
                    set(target, text.to_owned());
                }
            }
            ElementContent::Decimal { set, .. } => match value::decimal_e5(text) {
                Ok(value) => set(target, value),
                Err(reason) => self.unreadable(name, at, text, reason),
            },
            ElementContent::Count { set, .. } => match value::count(text, element.kind.digits()) {
                Ok(value) => set(target, value),
                Err(reason) => self.unreadable(name, at, text, reason),
            },
            // Elements without text never come here.
            ElementContent::Group { .. } | ElementContent::Any(_) => {}
        }
    }

    /// Whether a text is one that the element may hold.
    fn fits(&mut self, kind: ElementKind, name: &str, at: usize, text: &str) -> bool {
        match kind {
            ElementKind::Code { min, max } | ElementKind::Text { min, max } => {
                self.length(name, at, text, (min, max))
            }
            ElementKind::Word(words) if !words.contains(&text) => {
                self.not_a_word(name, at, text, words)
            }
            ElementKind::Fixed(value) if value != text => self.not_fixed(name, at, text, value),
            ElementKind::Direction { message, own } if own != text => {
                self.other_direction(name, at, text, message, own)
            }
            ElementKind::Time { clock } => match value::time(text, clock) {
                Ok(()) => true,
                Err(reason) => {
                    self.unreadable(name, at, text, reason);
                    false
                }
            },
            ElementKind::Word(_)
            | ElementKind::Fixed(_)
            | ElementKind::Direction { .. }
            | ElementKind::Data
            | ElementKind::Decimal
            | ElementKind::Count { .. }
            | ElementKind::Elements => true,
        }
    }
}

impl ElementKind {
    fn may_be_empty(self) -> bool {
        matches!(self, Self::Code { min: 0, .. } | Self::Text { min: 0, .. } | Self::Data)
    }

    fn digits(self) -> usize {
        if let Self::Count { digits } = self { digits } else { 0 }
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
    // See above.
    u32::try_from(at).unwrap_or(u32::MAX)
}
