//! Compiles the message schema in pure Rust: no protoc is needed on the machine.
//!
//! The exchange server is generated a second time with the two payload fields of an event as plain
//! bytes. Both spellings are the same on the wire, so a journal entry goes out as it was stored,
//! without being decoded and encoded once for each agency.

use prost_types::field_descriptor_proto::Type;

const SERVICES: [&str; 4] = [
    "single_window/ceb/v1/ceb_service.proto",
    "single_window/declaration/v1/declaration_service.proto",
    "single_window/exchange/v1/exchange_service.proto",
    "single_window/inspection/v1/inspection_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=single_window");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let schema = protox::compile(SERVICES, ["."])?;
    let encoded = prost::Message::encode_to_vec(&schema);
    std::fs::write(out.join("descriptor.bin"), &encoded)?;

    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".google.protobuf.Timestamp", "::pbjson_types::Timestamp")
        .compile_fds(schema.clone())?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .preserve_proto_field_names()
        .build(&[".single_window"])?;

    let mut raw = schema;
    for file in &mut raw.file {
        for message in &mut file.message_type {
            if message.name() == "Event" {
                for field in &mut message.field {
                    if ["facts", "declaration"].contains(&field.name()) {
                        field.set_type(Type::Bytes);
                        field.type_name = None;
                    }
                }
            }
        }
    }
    let raw_out = out.join("raw");
    std::fs::create_dir_all(&raw_out)?;
    tonic_prost_build::configure()
        .out_dir(&raw_out)
        .bytes(".")
        .build_client(false)
        .build_transport(false)
        .extern_path(".google.protobuf.Timestamp", "::pbjson_types::Timestamp")
        .extern_path(".single_window.trade.v1", "crate::schema::single_window::trade::v1")
        .extern_path(
            ".single_window.declaration.v1",
            "crate::schema::single_window::declaration::v1",
        )
        .compile_fds(raw)?;
    Ok(())
}
