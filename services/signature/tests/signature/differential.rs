//! The same documents through other implementations: libxml2 for the canonical spelling, xmlsec1 for
//! RSA signatures in both directions, OpenSSL for SM2 certificates.

use std::fs;
use std::path::Path;

use signature::{SigningKey, canonical, sign};

use super::firms::{self, MESSAGE, NOW, RSA_1024, RSA_2048, key_of, pinning};
use super::generator::Generator;
use super::programs::{has, output_text, run};

/// Documents compared with xmllint, and how many in one run of it.
const DOCUMENTS: u64 = 3_000;
const BATCH: u64 = 100;
/// Documents spoiled at random; about one in four is still read.
const SPOILED: u64 = 4_000;
/// Signatures made and checked with xmlsec1, one run each.
const SIGNATURES: u64 = 40;

#[test]
fn canonical_text_is_that_of_libxml2() {
    if !has("xmllint") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for first in (0..DOCUMENTS).step_by(usize::try_from(BATCH).expect("small")) {
        let seeds: Vec<u64> = (first..first + BATCH).collect();
        compare(folder.path(), &seeds);
    }
    eprintln!("compared {DOCUMENTS} documents with xmllint");
}

/// The tokenizer underneath is lenient; what it lets through must not reach a signature. Documents are
/// spoiled at random, and libxml2 reads those alike that we still read.
#[test]
fn what_we_read_libxml2_reads_alike() {
    if !has("xmllint") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut compared = 0;
    for first in (0..SPOILED).step_by(usize::try_from(BATCH).expect("small")) {
        let documents: Vec<String> = (first..first + BATCH)
            .map(Generator::spoiled)
            // Comments are left out of our text only, and libxml2 takes other versions for 1.0.
            .filter(|spoiled| !spoiled.contains("<!--") && canonical(spoiled.as_bytes()).is_ok())
            .collect();
        compared += documents.len();
        compare_texts(folder.path(), &documents);
    }
    eprintln!("compared {compared} of {SPOILED} spoiled documents with xmllint");
}

fn compare_texts(folder: &Path, documents: &[String]) {
    let mut arguments = vec!["--c14n".to_owned()];
    let mut ours = String::new();
    for (number, document) in documents.iter().enumerate() {
        let name = format!("{number}.xml");
        fs::write(folder.join(&name), document).expect("a file");
        arguments.push(name);
        ours.push_str(&canonical(document.as_bytes()).expect("a document"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run("xmllint", &arguments, folder);
    if String::from_utf8_lossy(&output.stdout) == ours {
        return;
    }
    if let [document] = documents {
        // Of the inside of a URI we look at the characters only.
        if output_text(&output).contains("is not a valid URI") {
            return;
        }
        panic!("{document:?}\nours   {ours:?}\ntheirs {:?}", output_text(&output));
    }
    let (left, right) = documents.split_at(documents.len() / 2);
    compare_texts(folder, left);
    compare_texts(folder, right);
}

/// Compares the joined texts, then narrows a difference down to one document.
fn compare(folder: &Path, seeds: &[u64]) {
    let names: Vec<String> = seeds.iter().map(|seed| format!("{seed}.xml")).collect();
    let mut ours = String::new();
    for (seed, name) in seeds.iter().zip(&names) {
        let document = Generator::document(*seed);
        fs::write(folder.join(name), &document.bare).expect("a file");
        let text = canonical(document.commented.as_bytes());
        ours.push_str(&text.unwrap_or_else(|refused| panic!("{refused}\n{}", document.commented)));
    }
    let mut arguments = vec!["--c14n"];
    arguments.extend(names.iter().map(String::as_str));
    let output = run("xmllint", &arguments, folder);
    let theirs = String::from_utf8_lossy(&output.stdout);
    if theirs == ours {
        return;
    }
    if let [seed] = seeds {
        let document = Generator::document(*seed).bare;
        panic!("seed {seed}\n{document:?}\nours   {ours:?}\ntheirs {:?}", output_text(&output));
    }
    let (left, right) = seeds.split_at(seeds.len() / 2);
    compare(folder, left);
    compare(folder, right);
}

#[test]
fn xmlsec_verifies_what_we_sign() {
    if !has("xmlsec1") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for pem in [RSA_1024, RSA_2048] {
        fs::write(folder.path().join("cert.pem"), pem.1).expect("a file");
        let key = key_of(pem);
        for document in documents() {
            let signed = sign(document.as_bytes(), &key).expect("a signed document");
            fs::write(folder.path().join("signed.xml"), &signed).expect("a file");
            let arguments = [
                "--verify",
                "--enabled-key-data",
                "x509",
                "--trusted-pem",
                "cert.pem",
                "signed.xml",
            ];
            let output = run("xmlsec1", &arguments, folder.path());
            assert!(output.status.success(), "{}\n{signed}", output_text(&output));
        }
    }
}

#[test]
fn we_verify_what_xmlsec_signs() {
    if !has("xmlsec1") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for pem in [RSA_1024, RSA_2048] {
        fs::write(folder.path().join("cert.pem"), pem.1).expect("a file");
        fs::write(folder.path().join("key.pem"), pem.0).expect("a file");
        let key = key_of(pem);
        for document in documents() {
            let template = template(&document, &key);
            fs::write(folder.path().join("template.xml"), &template).expect("a file");
            let arguments = ["--sign", "--privkey-pem", "key.pem,cert.pem", "template.xml"];
            let output = run("xmlsec1", &arguments, folder.path());
            assert!(output.status.success(), "{}\n{template}", output_text(&output));
            let verified = pinning(&key).verify(&output.stdout, NOW);
            let verified =
                verified.unwrap_or_else(|refused| panic!("{refused:?}\n{}", output_text(&output)));
            assert_eq!(verified.certificate.serial, "01691fe9");
        }
    }
}

/// Real and random documents, with room for a signature.
fn documents() -> Vec<String> {
    let random = (0..SIGNATURES).map(|seed| Generator::document(1_000_000 + seed).commented);
    let mut documents: Vec<String> = random.collect();
    documents.push(MESSAGE.to_owned());
    // The attributes of the xml namespace are inherited by SignedInfo.
    documents
        .push("<a xml:lang='zh' xml:space='default' xmlns='urn:a'><b xml:lang='en'/></a>".into());
    documents
}

/// A document with a signature whose values are still empty.
fn template(document: &str, key: &SigningKey) -> String {
    let signed = sign(document.as_bytes(), key).expect("a signed document");
    let mut template = signed;
    for element in ["DigestValue", "SignatureValue", "X509Certificate"] {
        let (open, close) = (format!("<ds:{element}>"), format!("</ds:{element}>"));
        let (head, rest) = template.split_once(&open).expect("the element");
        let (_, tail) = rest.split_once(&close).expect("its end");
        template = format!("{head}{open}{close}{tail}");
    }
    template
}

#[test]
fn openssl_verifies_certificates_of_the_sandbox() {
    if !has("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let firms = firms::Firms::new();
    let issued = firms.authority.issue("某某公司", "37019837AB", firms::this_year());
    let issued = issued.expect("a certificate");
    fs::write(folder.path().join("firm.pem"), &issued.certificate_pem).expect("a file");
    fs::write(folder.path().join("ca.der"), firms.authority.certificate_der()).expect("a file");
    let convert = ["x509", "-inform", "der", "-in", "ca.der", "-out", "ca.pem"];
    assert!(run("openssl", &convert, folder.path()).status.success());
    let at = NOW.unix_timestamp().to_string();
    let user = "distid:1234567812345678";
    let verify = ["verify", "-vfyopt", user, "-attime", &at, "-CAfile", "ca.pem", "firm.pem"];
    let output = run("openssl", &verify, folder.path());
    assert!(output.status.success(), "{}", output_text(&output));
}
