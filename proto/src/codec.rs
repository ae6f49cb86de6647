//! How messages are read from the wire: counted before they are decoded, and refused as the caller's
//! fault when they are none.
//!
//! An entry of a list has two bytes on the wire and hundreds in memory, so the lists of a message are
//! counted on its bytes, by the schema, and so is the memory that it will take; the call that it came
//! with answers for that ([`crate::memory`]). Only what callers send is counted; answers come from us.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::LazyLock;

use bytes::Buf as _;
use domain::limits;
use domain::refusal::{Code, Refusal};
use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use tonic::Status;
use tonic::codec::{DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::memory;
use crate::status::{self, Language};

/// Before every message of gRPC: compressed or not, and the length.
const PREFIX_BYTES: usize = 5;

/// `application/grpc+proto`, as the generated services and clients use it.
#[derive(Debug, Clone)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: prost::Message + Send + 'static,
    U: prost::Message + prost::Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CountedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountedDecoder(PhantomData)
    }
}

/// Decodes what was counted.
#[derive(Debug, Clone)]
pub struct CountedDecoder<U>(PhantomData<U>);

impl<U: prost::Message + prost::Name + Default> Decoder for CountedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let refused = |refusal: Refusal| status::refused(&refusal, Language::English);
        if let Some(shape) = SHAPES.named.get(U::full_name().as_str()) {
            let bytes = buffer.copy_to_bytes(buffer.remaining());
            let size = count(&bytes, *shape).map_err(refused)?;
            memory::decoded(bytes.len() + PREFIX_BYTES, size).map_err(|no| refused(*no))?;
            let message = U::decode(bytes).map_err(|error| refused(malformed(error)))?;
            return Ok(Some(message));
        }
        U::decode(buffer).map(Some).map_err(|error| refused(malformed(error)))
    }
}

fn malformed(reason: impl std::fmt::Display) -> Refusal {
    Refusal::of(Code::MessageMalformed).with("reason", reason)
}

/// A message type: its fields of variable length, at their tags.
#[derive(Debug, Default)]
struct Shape {
    fields: Vec<Option<Field>>,
    /// About as many bytes as one takes, without what its fields point to.
    size: usize,
}

/// A pointer, and what an allocation costs besides.
const WORD: usize = size_of::<usize>();
const ALLOCATION: usize = 2 * WORD;
/// The largest of what a text or bytes are held by.
const TEXT: usize = 4 * WORD;

impl Shape {
    fn field(&self, tag: u64) -> Option<&Field> {
        self.fields.get(usize::try_from(tag).ok()?)?.as_ref()
    }
}

#[derive(Debug)]
struct Field {
    name: String,
    list: bool,
    /// What stands in it, when that is a message.
    message: Option<usize>,
}

/// Every message that a caller can send.
struct Shapes {
    shapes: Vec<Shape>,
    named: HashMap<String, usize>,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let schema = prost_types::FileDescriptorSet::decode(crate::DESCRIPTOR)
        .expect("the schema is one that the build script encoded");
    let mut messages = HashMap::new();
    let mut inputs = Vec::new();
    for file in &schema.file {
        for message in &file.message_type {
            messages.insert(format!("{}.{}", file.package(), message.name()), message);
        }
        let methods = file.service.iter().flat_map(|service| &service.method);
        inputs.extend(methods.map(|method| method.input_type().trim_start_matches('.').to_owned()));
    }
    let mut all = Shapes { shapes: Vec::new(), named: HashMap::new() };
    for input in inputs {
        all.add(&input, &messages);
    }
    all
});

impl Shapes {
    fn add(
        &mut self,
        name: &str,
        messages: &HashMap<String, &prost_types::DescriptorProto>,
    ) -> Option<usize> {
        if let Some(known) = self.named.get(name) {
            return Some(*known);
        }
        // What is not ours (a timestamp) has no lists.
        let message = messages.get(name)?;
        let index = self.shapes.len();
        self.named.insert(name.to_owned(), index);
        self.shapes.push(Shape::default());
        for field in &message.field {
            let list = field.label() == prost_types::field_descriptor_proto::Label::Repeated;
            let inner = match field.r#type() {
                Type::Message => self.add(field.type_name().trim_start_matches('.'), messages),
                Type::String | Type::Bytes => None,
                _ => {
                    self.shapes[index].size += if list { TEXT } else { WORD };
                    continue;
                }
            };
            // A message stands in the one around it, and one of another package is a time.
            let own = inner.map_or(TEXT, |inner| WORD + self.shapes[inner].size);
            self.shapes[index].size += if list { TEXT } else { own };
            let tag = usize::try_from(field.number()).expect("tags are above zero");
            let fields = &mut self.shapes[index].fields;
            fields.resize_with(fields.len().max(tag + 1), || None);
            fields[tag] = Some(Field { name: field.name().to_owned(), list, message: inner });
        }
        Some(index)
    }
}

/// Counts the entries of every list of a message; about as many bytes as it takes in memory.
fn count(bytes: &[u8], shape: usize) -> Result<usize, Refusal> {
    let mut counted = Counts { parts: 0, size: SHAPES.shapes[shape].size };
    walk(bytes, shape, &mut counted)?;
    let size = counted.size.saturating_mul(limits::MEMORY_PER_DECODED_BYTE);
    if size > limits::MEMORY_PER_PRINCIPAL_MAX {
        // No waiting makes room for it.
        let most = limits::MEMORY_PER_PRINCIPAL_MAX;
        return Err(Refusal::of(Code::TooManyEntries).with("bytes", size).with("bytes_max", most));
    }
    Ok(size)
}

/// What a message has, all lists together.
struct Counts {
    /// Texts, bytes and messages.
    parts: usize,
    /// Bytes in memory.
    size: usize,
}

fn walk(mut bytes: &[u8], shape: usize, counts: &mut Counts) -> Result<(), Refusal> {
    let shape = &SHAPES.shapes[shape];
    // Lists of one message, by tag: few messages have more than one.
    let mut lists: Vec<(u64, usize)> = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let (tag, wire) = (key >> 3, key & 7);
        match wire {
            0 => {
                varint(&mut bytes)?;
                counts.size += WORD;
            }
            1 => take(&mut bytes, 8).map(drop)?,
            5 => take(&mut bytes, 4).map(drop)?,
            2 => {
                let length = varint(&mut bytes)?;
                let inner = take(&mut bytes, length)?;
                let Some(field) = shape.field(tag) else {
                    // Numbers in a row, or what nobody knows.
                    counts.size += WORD * inner.len();
                    continue;
                };
                counts.parts += 1;
                if counts.parts > limits::WIRE_PARTS_MAX {
                    return Err(too_many(&field.name, limits::WIRE_PARTS_MAX));
                }
                if field.list && one_more(&mut lists, tag) > limits::WIRE_LIST_MAX {
                    return Err(too_many(&field.name, limits::WIRE_LIST_MAX));
                }
                match field.message {
                    Some(message) => {
                        if field.list {
                            // A list grows by doubling.
                            counts.size += 2 * SHAPES.shapes[message].size;
                        }
                        walk(inner, message, counts)?;
                    }
                    None => {
                        counts.size += inner.len() + ALLOCATION;
                        counts.size += if field.list { 2 * TEXT } else { 0 };
                    }
                }
            }
            _ => return Err(malformed("groups are not part of this schema")),
        }
    }
    Ok(())
}

fn one_more(lists: &mut Vec<(u64, usize)>, tag: u64) -> usize {
    match lists.iter_mut().find(|(known, _)| *known == tag) {
        Some((_, count)) => {
            *count += 1;
            *count
        }
        None => {
            lists.push((tag, 1));
            1
        }
    }
}

fn too_many(field: &str, most: usize) -> Refusal {
    Refusal::of(Code::TooManyEntries).with("field", field).with("most", most)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Refusal> {
    prost::encoding::decode_varint(bytes).map_err(|_| malformed("a number is cut off"))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Refusal> {
    let cut = || malformed("a field is cut off");
    let length = usize::try_from(length).map_err(|_| cut())?;
    let (head, rest) = bytes.split_at_checked(length).ok_or_else(cut)?;
    *bytes = rest;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    fn shape(name: &str) -> usize {
        SHAPES.named[name]
    }

    #[test]
    fn lists_are_counted_before_they_are_decoded() {
        let submit = shape("single_window.declaration.v1.SubmitRequest");
        let of = |lines: usize| {
            let line = v1::GoodsLine::default();
            let declaration = v1::Declaration { lines: vec![line; lines], ..Default::default() };
            let declaration = Some(declaration);
            v1::SubmitRequest { declaration, ..Default::default() }.encode_to_vec()
        };
        assert!(count(&of(limits::WIRE_LIST_MAX), submit).is_ok());
        let refused = count(&of(limits::WIRE_LIST_MAX + 1), submit).map_err(|r| (r.code, r.data));
        let data = vec![("field", "lines".to_owned()), ("most", "1000".to_owned())];
        assert_eq!(refused, Err((Code::TooManyEntries, data)));
    }

    #[test]
    fn memory_is_counted_before_it_is_taken() {
        let submit = shape("single_window.declaration.v1.SubmitRequest");
        let line = size_of::<v1::GoodsLine>();
        for lines in [0, 1, 100, 1_000] {
            let declaration = v1::Declaration {
                lines: vec![v1::GoodsLine::default(); lines],
                order_no: "order".to_owned(),
                ..Default::default()
            };
            let fixed = size_of::<v1::SubmitRequest>();
            let request =
                v1::SubmitRequest { declaration: Some(declaration), ..Default::default() };
            let size = count(&request.encode_to_vec(), submit).expect("few enough");
            let real = fixed + lines * line;
            assert!((real..8 * real).contains(&size), "{lines} lines: {size} for {real}");
        }
        // A declaration that comes in many pieces is one: its lists grow over the pieces.
        let piece = v1::SubmitRequest {
            declaration: Some(v1::Declaration {
                lines: vec![v1::GoodsLine::default(); 1_000],
                ..Default::default()
            }),
            ..Default::default()
        };
        let many = piece.encode_to_vec().repeat(60);
        assert!(many.len() < 200 * 1024);
        let refused = count(&many, submit).map_err(|refusal| refusal.code);
        assert_eq!(refused, Err(Code::TooManyEntries));
    }

    #[test]
    fn what_is_no_message_is_the_callers_fault() {
        let withdraw = shape("single_window.declaration.v1.WithdrawRequest");
        for bytes in [&[0x0a, 0xff, 0x01][..], &[0x0a], &[0xff; 11], &[0x0b]] {
            let refused = count(bytes, withdraw).map(drop).map_err(|refusal| refusal.code);
            assert_eq!(refused, Err(Code::MessageMalformed), "{bytes:?}");
        }
    }
}
