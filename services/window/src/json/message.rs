//! Messages in JSON, by the schema: names as proto3 JSON has them or as the schema does, enums by their names,
//! large numbers as texts.
//!
//! The invariant: what a text takes in memory is known, and the caller has room for it, before it is read.

use domain::limits;
use domain::refusal::{Code, Refusal, Violation};
use prost::Message as _;
use prost_reflect::ReflectMessage as _;
use prost_reflect::{
    Cardinality, DeserializeOptions, DynamicMessage, Kind, MessageDescriptor, Value,
};
use proto::memory;
use serde_json::Value as Json;

type ReadResult<T> = Result<T, Box<Refusal>>;

/// A message from its JSON; nothing is the empty one.
pub(crate) fn read(shape: &MessageDescriptor, text: &[u8]) -> ReadResult<DynamicMessage> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(DynamicMessage::new(shape.clone()));
    }
    let parts = parts(text);
    if parts > limits::WIRE_PARTS_MAX {
        let refusal = Refusal::of(Code::TooManyEntries).with("most", limits::WIRE_PARTS_MAX);
        return Err(Box::new(refusal));
    }
    let _room = memory::room(parts.saturating_mul(limits::JSON_PART_BYTES))?;
    let mut json = serde_json::Deserializer::from_slice(text);
    let message = deserialize(shape, &mut json)?;
    json.end().map_err(|error| malformed("", &error))?;
    Ok(message)
}

fn deserialize<'de, D>(shape: &MessageDescriptor, json: D) -> ReadResult<DynamicMessage>
where
    D: serde::Deserializer<'de>,
    D::Error: std::fmt::Display,
{
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(json, &mut track);
    let strictly = DeserializeOptions::new().deny_unknown_fields(true);
    let read = DynamicMessage::deserialize_with_options(shape.clone(), tracked, &strictly);
    read.map_err(|error| {
        let path = track.path().to_string();
        malformed(if path == "." { "" } else { &path }, &error)
    })
}

/// How many objects, items and fields a JSON has, without reading it.
fn parts(text: &[u8]) -> usize {
    let (mut parts, mut in_text, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' | b',' | b':' if !in_text => parts += 1,
            _ => {}
        }
    }
    parts
}

/// Fits no message: where and why.
fn malformed(path: &str, why: &dyn std::fmt::Display) -> Box<Refusal> {
    let why: String = why.to_string().chars().take(limits::REFUSAL_TEXT_MAX).collect();
    let violation = Violation {
        code: Code::JsonMalformed,
        field: format!("$.{path}"),
        text_zh: format!("与数据结构不符：{why}"),
        text: why,
        customs_code: None,
    };
    Box::new(Refusal { code: Code::JsonMalformed, data: Vec::new(), violations: vec![violation] })
}

/// A message from a query: its fields by their names, lists by repeating them.
pub(crate) fn of_query(shape: &MessageDescriptor, query: &str) -> ReadResult<DynamicMessage> {
    let mut fields = serde_json::Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let field = shape.get_field_by_json_name(&name).or_else(|| shape.get_field_by_name(&name));
        let field = field.ok_or_else(|| malformed(&name, &"is no parameter of this path"))?;
        let value = match (field.kind(), &*text) {
            (Kind::Bool, "true" | "1") => Json::Bool(true),
            (Kind::Bool, "false" | "0") => Json::Bool(false),
            (Kind::Bool, _) => return Err(malformed(&name, &"is true or false")),
            _ => Json::String(text.into_owned()),
        };
        let key = field.json_name().to_owned();
        if field.cardinality() == Cardinality::Repeated {
            let list = fields.entry(key).or_insert_with(|| Json::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(value.clone()));
        } else if fields.insert(key, value).is_some() {
            return Err(malformed(&name, &"stands twice"));
        }
    }
    deserialize(shape, Json::Object(fields))
}

/// Sets a text that the message does not say itself; it may say the same.
pub(crate) fn set(
    message: &mut DynamicMessage,
    name: &str,
    text: &str,
    from: &str,
) -> ReadResult<()> {
    let Some(field) = message.descriptor().get_field_by_name(name) else { return Ok(()) };
    let is_other = |value: &Value| value.as_str().is_some_and(|other| other != text);
    if message.has_field(&field) && is_other(&message.get_field(&field)) {
        return Err(malformed(name, &format!("says something else than the {from}")));
    }
    let value = match field.kind() {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Uint64 => text.parse().ok().map(Value::U64),
        _ => None,
    };
    let value = value.ok_or_else(|| malformed(name, &format!("cannot be read from the {from}")))?;
    message.set_field(&field, value);
    Ok(())
}

/// An answer as JSON, with what is empty.
pub(crate) fn write(message: &DynamicMessage) -> ReadResult<String> {
    // What is written stands there twice: as it came, and as text.
    let _room = memory::room(message.encoded_len().saturating_mul(8))?;
    proto::json::write(message).map_err(|error| {
        tracing::error!(%error, "an answer has no JSON");
        Box::new(Refusal::of(Code::Internal))
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    fn shape(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(proto::DESCRIPTOR).expect("compiled");
        pool.get_message_by_name(&format!("single_window.{name}")).expect("there is one")
    }

    #[test]
    fn names_are_taken_both_ways_and_others_are_refused_by_name() {
        let submit = shape("declaration.v1.SubmitRequest");
        let both = [
            r#"{"requestId": "a", "declaration": {"orderNo": "QD-1", "ieFlag": "DIRECTION_EXPORT"}}"#,
            r#"{"request_id": "a", "declaration": {"order_no": "QD-1", "ie_flag": 2}}"#,
        ];
        let read_both = both.map(|text| read(&submit, text.as_bytes()).expect("in order"));
        let flag = |message: &DynamicMessage| {
            let declaration = message.get_field_by_name("declaration").expect("a field");
            let declaration = declaration.as_message().expect("a message").clone();
            declaration.get_field_by_name("order_no").expect("a field").into_owned()
        };
        assert_eq!(flag(&read_both[0]), flag(&read_both[1]));
        for (text, path) in [
            (r#"{"declaration": {"lines": [{"gcode": "1"}, {"colour": 1}]}}"#, "lines[1]"),
            (r#"{"declaration": {"packNo": "many"}}"#, "declaration.packNo"),
            (r#"{"validateOnly": tru"#, ""),
            (r#"{} {}"#, ""),
        ] {
            let refusal = read(&submit, text.as_bytes()).expect_err(text);
            assert_eq!(refusal.code, Code::JsonMalformed);
            assert!(refusal.violations[0].field.contains(path), "{refusal:?}");
        }
        let refusal = read(&submit, br#"{"colour": 1}"#).expect_err("unknown");
        assert!(refusal.violations[0].text.contains("colour"), "{refusal:?}");
    }

    #[test]
    fn parts_are_counted_before_they_are_read() {
        assert_eq!(parts(br#"{"a,{": [1, 2, {"b\"{": ":"}]}"#), 7);
        let many = format!("[{}{{}}]", "{},".repeat(limits::WIRE_PARTS_MAX));
        let refusal = read(&shape("declaration.v1.SubmitRequest"), many.as_bytes());
        assert_eq!(refusal.expect_err("too many").code, Code::TooManyEntries);
    }

    #[test]
    fn a_query_names_fields_of_the_message() {
        let orders = shape("inspection.v1.ListOrdersRequest");
        let message = of_query(&orders, "pageSize=7&place=QD-1&page_token=x").expect("in order");
        let size = message.get_field_by_name("page_size").expect("a field");
        assert_eq!(size.as_i32(), Some(7));
        for wrong in ["size=7", "pageSize=7&pageSize=8", "pageSize=many"] {
            assert_eq!(of_query(&orders, wrong).expect_err(wrong).code, Code::JsonMalformed);
        }
    }
}
