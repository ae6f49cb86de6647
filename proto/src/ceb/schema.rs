//! One table makes an element: its typed struct and the rows by which it is read and written.
//!
//! A row of [`elements!`] is `field "element" need kind: "meaning";` — the field of the struct, the
//! element of the schema, `must` or `may`, and what it holds: `code(min, max)`, `text(min, max)`,
//! `data`, `word("1", "2")`, `fixed("142")`, `direction("CEB621", "I")`, `decimal` or `count(digits)`.
//! `or "1"` names what an empty element stands for. `and_ignored` lists elements that real systems
//! send and the schema lacks: they are read and never written.
//!
//! [`documents!`] joins a head and its lines to a document, with how often a line may stand.

use super::table::Element;

/// An element with a table.
pub(super) trait ElementTable: Default + 'static {
    /// Its rows, in the order of the schema.
    const TABLE: &'static [Element<Self>];
}

/// Whether JSON leaves a value out: absent and empty are the same.
pub(super) fn is_blank<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Typed structs and their tables, one from the other.
macro_rules! elements {
    ($(
        $about:literal
        $group:ident {
            $(
                $field:ident $name:literal $need:ident $kind:ident $( ( $($bound:literal),* ) )?
                $( or $empty:literal )? : $meaning:literal;
            )*
        }
        $( and_ignored { $( $ignored:literal $longest:literal; )* } )?
    )*) => {$(
        #[doc = concat!($about, "。")]
        #[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $group {
            $(
                #[doc = concat!($meaning, elements!(@unit $kind), "。")]
                #[serde(skip_serializing_if = "super::schema::is_blank")]
                pub $field: elements!(@type $need $kind),
            )*
        }

        /// Persons and amounts stand in it, so `Debug` shows none of its content.
        impl std::fmt::Debug for $group {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($group)).finish_non_exhaustive()
            }
        }

        impl super::schema::ElementTable for $group {
            const TABLE: &'static [super::table::Element<Self>] = &[
                $(
                    super::table::leaf::<Self>(
                        $name,
                        stringify!($field),
                        elements!(@need $need),
                        elements!(@kind $kind $( ( $($bound),* ) )?),
                        elements!(@content $need $kind $field),
                    )
                    .or(concat!($( $empty )?)),
                )*
                $( $(
                    super::table::leaf::<Self>(
                        $ignored,
                        "",
                        super::table::ElementNeed::May,
                        super::table::ElementKind::Code { min: 0, max: $longest },
                        super::table::ElementContent::Text { get: |_| "", set: |_, _| {} },
                    ),
                )* )?
            ];
        }
    )*};

    (@unit decimal) => { "（单位1/100000）" };
    (@unit $kind:ident) => { "" };

    (@type must decimal) => { i64 };
    (@type may decimal) => { Option<i64> };
    (@type must count) => { u32 };
    (@type may count) => { Option<u32> };
    (@type $need:ident $kind:ident) => { String };

    (@need must) => { super::table::ElementNeed::Must };
    (@need may) => { super::table::ElementNeed::May };

    (@kind code($min:literal, $max:literal)) => { super::table::ElementKind::Code { min: $min, max: $max } };
    (@kind text($min:literal, $max:literal)) => { super::table::ElementKind::Text { min: $min, max: $max } };
    (@kind data) => { super::table::ElementKind::Data };
    (@kind word($($word:literal),*)) => { super::table::ElementKind::Word(&[$($word),*]) };
    (@kind fixed($value:literal)) => { super::table::ElementKind::Fixed($value) };
    (@kind direction($message:literal, $own:literal)) => {
        super::table::ElementKind::Direction { message: $message, own: $own }
    };
    (@kind decimal) => { super::table::ElementKind::Decimal };
    (@kind count($digits:literal)) => { super::table::ElementKind::Count { digits: $digits } };

    (@content must decimal $field:ident) => {
        super::table::ElementContent::Decimal { get: |it| Some(it.$field), set: |it, v| it.$field = v }
    };
    (@content may decimal $field:ident) => {
        super::table::ElementContent::Decimal { get: |it| it.$field, set: |it, v| it.$field = Some(v) }
    };
    (@content must count $field:ident) => {
        super::table::ElementContent::Count { get: |it| Some(it.$field), set: |it, v| it.$field = v }
    };
    (@content may count $field:ident) => {
        super::table::Content::Count { get: |it| it.$field, set: |it, v| it.$field = Some(v) }
    };
    (@content $need:ident $kind:ident $field:ident) => {
        super::table::ElementContent::Text { get: |it| it.$field.as_str(), set: |it, v| it.$field = v }
    };
}
pub(super) use elements;

/// Documents of a head and its lines.
macro_rules! documents {
    ($( $about:literal $document:ident { $head:ident $(, $line:ident $need:ident $max:tt )? } )*) => {$(
        #[doc = concat!($about, "。")]
        #[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $document {
            /// 表头。
            pub head: $head,
            $(
                /// 表体。
                #[serde(skip_serializing_if = "Vec::is_empty")]
                pub lines: Vec<$line>,
            )?
        }

        impl super::schema::ElementTable for $document {
            const TABLE: &'static [super::table::Element<Self>] = &[
                super::table::group::<Self>(
                    stringify!($head),
                    super::table::ElementNeed::Must,
                    |reader, it, open| reader.element(&mut it.head, open),
                    |writer, it, name| writer.element(name, &it.head),
                    super::table::describe::<$head>,
                ),
                $(
                    super::table::group::<Self>(
                        stringify!($line),
                        elements!(@need $need),
                        |reader, it, open| {
                            let mut line = $line::default();
                            reader.element(&mut line, open)?;
                            it.lines.push(line);
                            Ok(())
                        },
                        |writer, it, name| {
                            for line in &it.lines {
                                writer.element(name, line);
                            }
                        },
                        super::table::describe::<$line>,
                    )
                    .times(documents!(@max $max), domain::Code::TooManyLines),
                )?
            ];
        }
    )*};

    (@max UNBOUNDED) => { u32::MAX };
    (@max $max:literal) => { $max };
}
pub(super) use documents;
