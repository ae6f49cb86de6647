//! Compiles the message schema in pure Rust: no protoc is needed on the machine.
//!
//! The exchange server is generated a second time with the two payload fields of an event as plain
//! bytes. Both spellings are the same on the wire, so a journal entry goes out as it was stored,
//! without being decoded and encoded once for each agency.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// Packages that nobody outside says: what is in them is stored.
const STORED: [&str; 1] = ["stored"];
/// Packages without JSON.
const WITHOUT_JSON: [&str; 2] = ["exchange", "stored"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=single_window");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    println!("cargo:rerun-if-changed=google");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(files(Path::new("single_window"))?)?;
    // Only the encoded one has the annotations, which are read from it when the window runs.
    let (schema, encoded) = (compiler.file_descriptor_set(), compiler.encode_file_descriptor_set());
    std::fs::write(out.join("descriptor.bin"), &encoded)?;

    std::fs::write(out.join("texts.rs"), texts(&schema)?)?;
    let (schema_rs, v1) = modules(&schema)?;
    std::fs::write(out.join("schema.rs"), schema_rs)?;
    std::fs::write(out.join("v1.rs"), v1)?;

    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path(CODEC)
        // Pieces of files are large and many: they are not copied.
        .bytes(".single_window.declaration.v1.PutAttachmentRequest")
        .bytes(".single_window.declaration.v1.GetAttachmentResponse")
        .extern_path(".google.protobuf.Timestamp", "::pbjson_types::Timestamp")
        .compile_fds_with_config(schema.clone(), named())?;
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
        .codec_path(CODEC)
        .extern_path(".google.protobuf.Timestamp", "::pbjson_types::Timestamp")
        .extern_path(".single_window.trade.v1", "crate::schema::single_window::trade::v1")
        .extern_path(
            ".single_window.declaration.v1",
            "crate::schema::single_window::declaration::v1",
        )
        .compile_fds_with_config(raw, named())?;
    Ok(())
}

/// The files of the schema below a folder.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A module for each package, and all that is published as one.
fn modules(schema: &FileDescriptorSet) -> Result<(String, String), std::fmt::Error> {
    let name = |package: &str| {
        Some(package.strip_prefix("single_window.")?.strip_suffix(".v1")?.to_owned())
    };
    let packages: BTreeSet<_> = schema.file.iter().filter_map(|it| name(it.package())).collect();
    let (mut modules, mut published) = ("pub mod single_window {\n".to_owned(), String::new());
    for package in packages {
        let file = |file: String| format!("include!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));");
        let own = file(format!("single_window.{package}.v1.rs"));
        let json = file(format!("single_window.{package}.v1.serde.rs"));
        let json = if WITHOUT_JSON.contains(&&*package) { String::new() } else { json };
        writeln!(modules, "pub mod {package} {{ pub mod v1 {{ {own} {json} }}")?;
        if package == "exchange" {
            let raw = file(format!("raw/single_window.{package}.v1.rs"));
            writeln!(modules, "pub mod raw {{ {raw} }}")?;
        }
        modules.push_str("}\n");
        if !STORED.contains(&&*package) {
            writeln!(published, "pub use crate::schema::single_window::{package}::v1::*;")?;
        }
    }
    modules.push_str("}\n");
    Ok((modules, published))
}

/// Counts a message before it decodes it, and blames the caller for what is none.
const CODEC: &str = "crate::codec::Codec";

/// Messages know their names: the codec finds their shape by it.
fn named() -> tonic_prost_build::Config {
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    config
}

/// Fields that hold a sentence of a person. Everything else is a number, a code or a name.
const SENTENCES: [&str; 4] = ["reason", "text", "text_zh", "note"];
/// Fields that hold a token of ours.
const TOKENS: [&str; 2] = ["page_token", "resume_token"];
/// Fields that hold a whole file of text.
const DOCUMENTS: [&str; 1] = ["document"];
/// Messages whose texts are read elsewhere; `proto::text` says why.
const EXEMPT: [&str; 2] =
    [".single_window.trade.v1.Declaration", ".single_window.exchange.v1.Park"];

/// An `impl Texts` for every message that a caller can send, and an `impl IdentifiedRequest` for those with a
/// request id.
fn texts(schema: &FileDescriptorSet) -> Result<String, Box<dyn std::error::Error>> {
    let mut messages = BTreeMap::new();
    let mut waiting = Vec::new();
    for file in &schema.file {
        for message in &file.message_type {
            messages.insert(format!(".{}.{}", file.package(), message.name()), message);
        }
        let methods = file.service.iter().flat_map(|service| &service.method);
        waiting.extend(methods.map(|method| method.input_type().to_owned()));
    }
    let (mut code, mut done) = (String::new(), BTreeSet::new());
    while let Some(name) = waiting.pop() {
        let Some(message) = messages.get(&name) else { continue };
        let ours = name.starts_with(".single_window.");
        if !ours || !done.insert(name.clone()) {
            continue;
        }
        let exempt = EXEMPT.contains(&name.as_str());
        writeln!(code, "impl crate::text::Texts for {} {{", rust_type(&name))?;
        writeln!(code, "fn texts(&self, reader: &mut crate::text::TextReader) {{")?;
        writeln!(code, "let _ = reader;")?;
        for field in message.field.iter().filter(|_| !exempt) {
            read_field(&mut code, &name, message, field)?;
            waiting.extend(field.type_name.clone());
        }
        writeln!(code, "}}\n}}")?;
        if message.field.iter().any(|field| field.name() == "request_id") {
            writeln!(code, "impl crate::call::IdentifiedRequest for {} {{", rust_type(&name))?;
            writeln!(code, "fn request_id(&self) -> &str {{ &self.request_id }}\n}}")?;
        }
    }
    Ok(code)
}

/// The line that shows one field to the reader.
fn read_field(
    code: &mut String,
    owner: &str,
    message: &DescriptorProto,
    field: &FieldDescriptorProto,
) -> Result<(), Box<dyn std::error::Error>> {
    let name = field.name();
    let call = match field.r#type() {
        Type::String if SENTENCES.contains(&name) => "sentence",
        Type::String if DOCUMENTS.contains(&name) => "document",
        Type::String if TOKENS.contains(&name) => "token",
        Type::String => "word",
        // Of the other packages, only times are used: they have no texts.
        Type::Message if field.type_name().starts_with(".single_window.") => "inside",
        _ => return Ok(()),
    };
    if let Some(index) = field.oneof_index {
        let oneof = message.oneof_decl[usize::try_from(index)?].name();
        let kind = format!("{}::{}", module(owner), camel(oneof));
        let variant = camel(name);
        writeln!(
            code,
            "if let Some({kind}::{variant}(it)) = &self.{oneof} {{ reader.{call}({name:?}, None, it); }}"
        )?;
        return Ok(());
    }
    let own = if name == "type" { "r#type" } else { name };
    match (field.label(), field.r#type()) {
        (Label::Repeated, _) => writeln!(
            code,
            "for (at, it) in self.{own}.iter().enumerate() {{ reader.{call}({name:?}, Some(at), it); }}"
        )?,
        (_, Type::Message) => {
            writeln!(
                code,
                "if let Some(it) = &self.{own} {{ reader.{call}({name:?}, None, it); }}"
            )?;
        }
        _ => writeln!(code, "reader.{call}({name:?}, None, &self.{own});")?,
    }
    Ok(())
}

/// Where the generated type is. The exchange is served in its raw spelling.
fn rust_type(name: &str) -> String {
    let path = name.trim_start_matches('.').replace(".exchange.v1.", ".exchange.raw.");
    format!("crate::schema::{}", path.replace('.', "::"))
}

/// The module of a message's own types.
fn module(name: &str) -> String {
    let path = rust_type(name);
    let (above, own) = path.rsplit_once("::").unwrap_or_default();
    let mut snake = String::new();
    for c in own.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    format!("{above}::{snake}")
}

fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    name.split('_').filter_map(word).collect()
}
