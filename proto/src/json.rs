//! Messages as JSON, by the schema: names as proto3 JSON has them, enums by their names, large numbers as texts, and
//! with what is empty.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

static SCHEMA: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(crate::DESCRIPTOR).map_err(|error| error.to_string()));

/// A message as JSON.
///
/// # Errors
///
/// Says what has no JSON.
pub fn write(message: &DynamicMessage) -> Result<String, String> {
    let all = SerializeOptions::new().skip_default_fields(false);
    let mut text = Vec::new();
    let mut json = serde_json::Serializer::new(&mut text);
    message.serialize_with_options(&mut json, &all).map_err(|error| error.to_string())?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

/// A message of the schema as JSON.
///
/// # Errors
///
/// Says what has no JSON.
pub fn of<M: prost::Message + prost::Name>(message: &M) -> Result<String, String> {
    let name = M::full_name();
    let schema = SCHEMA.as_ref().map_err(Clone::clone)?;
    let shape = schema.get_message_by_name(&name);
    let shape = shape.ok_or_else(|| format!("{name} is not in the schema"))?;
    let read = DynamicMessage::decode(shape, message.encode_to_vec().as_slice());
    write(&read.map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    #[test]
    fn a_message_is_written_as_it_is_over_http() {
        let news = v1::WatchResponse {
            name: "declarations/1".to_owned(),
            version: 1,
            ..Default::default()
        };
        let json = of(&news).expect("it has JSON");
        assert!(
            json.starts_with(
                r#"{"name":"declarations/1","version":1,"state":"STATE_UNSPECIFIED","facts":[]"#
            ),
            "{json}"
        );
        assert!(json.contains(r#""resumeToken":"""#), "{json}");
    }
}
