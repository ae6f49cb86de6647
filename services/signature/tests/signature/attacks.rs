//! What an attacker may try with a message that somebody else signed. Each case is named, and for each
//! the code is fixed that the attacker gets.

use std::fmt::Write;

use signature::{MixedDigest, SignatureRefusal, sign};

use super::firms::{Firms, MESSAGE, NOW, RSA_2048, SM2, key, key_of, pinning, this_year};

const DSIG: &str = "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"";

/// A forged message, with the name of the attack and the refusal's platform code.
type Case = (&'static str, String, &'static str);

/// A signed message in parts to be put together wrongly.
struct Parts {
    signed: String,
    signature: String,
    payload: String,
}

impl Parts {
    fn new(firms: &Firms) -> Self {
        let signed = firms.signed();
        let (_, rest) = signed.split_once("<ds:Signature").expect("a signature");
        let (inside, _) = rest.split_once("</ds:Signature>").expect("its end");
        let signature = format!("<ds:Signature{inside}</ds:Signature>");
        let (_, rest) = signed.split_once("<ceb:Inventory>").expect("a payload");
        let (inside, _) = rest.split_once("</ceb:Inventory>").expect("its end");
        let payload = format!("<ceb:Inventory>{inside}</ceb:Inventory>");
        Self { signed, signature, payload }
    }

    fn replace(&self, from: &str, to: &str) -> String {
        assert!(self.signed.contains(from), "{from} is not in the message");
        self.signed.replacen(from, to, 1)
    }

    /// With something inside of the signature changed.
    fn inside(&self, from: &str, to: &str) -> String {
        assert!(self.signature.contains(from), "{from} is not in the signature");
        self.replace(&self.signature, &self.signature.replacen(from, to, 1))
    }

    /// The message whose payload is forged.
    fn forged(&self) -> String {
        self.replace("买家", "强盗")
    }
}

fn assert_refused(firms: &Firms, cases: Vec<Case>) {
    assert!(firms.verifier.verify(firms.signed().as_bytes(), NOW).is_ok());
    let mut wrong = String::new();
    for (name, message, code) in cases {
        match firms.verifier.verify(message.as_bytes(), NOW) {
            Ok(_) => writeln!(wrong, "{name}: accepted").expect("a string"),
            Err(refused) if refused.platform_code() == code => {}
            Err(refused) => writeln!(wrong, "{name}: {refused:?}").expect("a string"),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_signature_is_wrapped() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let Parts { signed, signature, payload } = &parts;
    let forged = parts.forged();
    let end = "</ceb:CEB621Message>";
    let original = signed.split_once("?>").expect("a declaration").1;
    let extension =
        format!("<ceb:ExtendMessage><ceb:Message>{original}</ceb:Message></ceb:ExtendMessage>");
    let deeper = format!("<ceb:ExtendMessage>{signature}</ceb:ExtendMessage>");
    let object = format!("<ds:Object>{payload}</ds:Object></ds:Signature>");
    let with_id = signed.replacen("<ceb:Inventory>", "<ceb:Inventory Id=\"a\">", 1);
    let moved = with_id.replacen("URI=\"\"", "URI=\"#a\"", 1);
    let bare = signed.replacen(signature.as_str(), "", 1);
    let (head, tail) = signature.split_once("<ds:Reference").expect("a reference");
    let (reference, tail) = tail.split_once("</ds:Reference>").expect("its end");
    let twice = format!(
        "{head}<ds:Reference{reference}</ds:Reference><ds:Reference{reference}</ds:Reference>{tail}"
    );
    assert_refused(
        &firms,
        vec![
            ("signature moved deeper", bare.replacen(end, &format!("{deeper}{end}"), 1), "1001"),
            ("signature moved behind the root", format!("{bare}{signature}"), "0001"),
            (
                "signature around the document",
                format!("<ds:Signature {DSIG}>{original}</ds:Signature>"),
                "1001",
            ),
            ("second signature", signed.replacen(end, &format!("{signature}{end}"), 1), "1001"),
            (
                "second signature, first one",
                signed.replacen("<ceb:Inventory>", &format!("{signature}<ceb:Inventory>"), 1),
                "1001",
            ),
            ("reference to an id", moved, "1001"),
            ("reference to an XPointer", parts.inside("URI=\"\"", "URI=\"#xpointer(/)\""), "1001"),
            ("reference to elsewhere", parts.inside("URI=\"\"", "URI=\"http://x/a.xml\""), "1001"),
            ("reference without URI", parts.inside(" URI=\"\"", ""), "1001"),
            ("two references", signed.replacen(signature.as_str(), &twice, 1), "1001"),
            (
                "signed original in the extension, forged payload outside",
                forged.replacen(end, &format!("{extension}{end}"), 1),
                "1001",
            ),
            (
                "signed original as object inside the signature",
                forged.replacen("</ds:Signature>", &object, 1),
                "1001",
            ),
            (
                "forged payload inside the signature",
                parts.inside("<ds:KeyInfo>", &format!("{payload}<ds:KeyInfo>")),
                "1001",
            ),
            (
                "forged payload inside SignedInfo",
                parts.inside("</ds:SignedInfo>", &format!("{payload}</ds:SignedInfo>")),
                "1001",
            ),
            (
                "forged payload inside KeyName",
                parts.inside("<ds:KeyName>", &format!("<ds:KeyName>{payload}")),
                "1001",
            ),
            (
                "text inside the signature",
                parts.inside("<ds:KeyInfo>", "forged<ds:KeyInfo>"),
                "1001",
            ),
            (
                "second payload",
                parts.replace("<ceb:BaseTransfer>", &format!("{payload}<ceb:BaseTransfer>")),
                "1004",
            ),
            ("signature is the root", signature.clone(), "1001"),
            ("second root", format!("{}{original}", forged.trim_end()), "0001"),
        ],
    );
}

#[test]
fn transforms_and_algorithms_are_chosen_by_the_attacker() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>";
    let more = |algorithm: &str| {
        let transform = format!("<ds:Transform Algorithm=\"{algorithm}\"></ds:Transform>");
        parts.inside(enveloped, &format!("{enveloped}{transform}"))
    };
    let xpath = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>not(self::x)</ds:XPath></ds:Transform>";
    let method = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3";
    let digest = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3";
    let c14n = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    let dsig = "http://www.w3.org/2000/09/xmldsig#";
    let both = parts.inside(method, &format!("{dsig}rsa-sha1"));
    assert_refused(
        &firms,
        vec![
            ("XPath transform", parts.inside(enveloped, &format!("{enveloped}{xpath}")), "1001"),
            ("XPath instead", parts.inside(enveloped, xpath), "1001"),
            ("XSLT transform", more("http://www.w3.org/TR/1999/REC-xslt-19991116"), "1001"),
            ("base64 transform", more("http://www.w3.org/2000/09/xmldsig#base64"), "1001"),
            (
                "enveloped twice",
                parts.inside(enveloped, &format!("{enveloped}{enveloped}")),
                "1001",
            ),
            ("canonicalisation as transform", more(c14n), "1001"),
            ("no transform", parts.inside(enveloped, ""), "1001"),
            (
                "no transforms",
                parts.inside(&format!("<ds:Transforms>{enveloped}</ds:Transforms>"), ""),
                "1001",
            ),
            (
                "exclusive canonicalisation",
                parts.inside(c14n, "http://www.w3.org/2001/10/xml-exc-c14n#"),
                "1001",
            ),
            (
                "canonicalisation with comments",
                parts.inside(c14n, &format!("{c14n}#WithComments")),
                "1001",
            ),
            ("RSA named for an SM2 key", both.replacen(digest, &format!("{dsig}sha1"), 1), "1001"),
            ("RSA named, digest left", both, "1001"),
            (
                "HMAC keyed by the certificate",
                parts.inside(method, &format!("{dsig}hmac-sha1")),
                "1001",
            ),
            ("no algorithm", parts.inside(method, ""), "1001"),
            ("digest of the other family", parts.inside(digest, &format!("{dsig}sha1")), "1001"),
            (
                "digest MD5",
                parts.inside(digest, "http://www.w3.org/2001/04/xmldsig-more#md5"),
                "1001",
            ),
            (
                "other spelling, signed with the first",
                parts.inside(method, &format!("{dsig}sm2-sm3")),
                "1001",
            ),
            (
                "parameters in an algorithm",
                parts.inside(
                    "#sm2-sm3\">",
                    "#sm2-sm3\"><ds:HMACOutputLength>8</ds:HMACOutputLength>",
                ),
                "1001",
            ),
        ],
    );
}

#[test]
fn xml_is_read_in_two_ways() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let root = "<ceb:CEB621Message ";
    let dtd = |subset: &str| {
        parts.replace("<ceb:CEB621Message", &format!("<!DOCTYPE x [{subset}]><ceb:CEB621Message"))
    };
    let prefix = format!("xmlns:ds=\"{}\"", "http://www.w3.org/2000/09/xmldsig#");
    assert_refused(
        &firms,
        vec![
            ("signature in no namespace", parts.inside(&prefix, "xmlns:ds=\"urn:x\""), "1001"),
            (
                "SignedInfo in another namespace",
                parts.inside("<ds:SignedInfo>", "<ds:SignedInfo xmlns:ds=\"urn:x\">"),
                "1001",
            ),
            (
                "prefix rebound below SignedInfo",
                parts.inside("<ds:Reference ", "<ds:Reference xmlns:ds=\"urn:x\" "),
                "1001",
            ),
            (
                "payload in another namespace",
                parts.replace("<ceb:Inventory>", "<ceb:Inventory xmlns:ceb=\"urn:x\">"),
                "1004",
            ),
            (
                "a namespace more on the root",
                parts.replace(root, &format!("{root}xmlns:x=\"urn:x\" ")),
                "1004",
            ),
            (
                "attribute twice on the root",
                parts.replace(root, &format!("{root}guid=\"x\" ")),
                "0001",
            ),
            (
                "attribute twice by two prefixes",
                parts.replace(
                    root,
                    &format!("{root}xmlns:a=\"urn:a\" xmlns:b=\"urn:a\" a:x=\"1\" b:x=\"2\" "),
                ),
                "0001",
            ),
            (
                "attribute on the signature",
                parts.inside("<ds:SignedInfo", "<ds:SignedInfo Id=\"a\""),
                "1001",
            ),
            ("default attribute by DTD", dtd("<!ATTLIST ceb:Inventory x CDATA 'y'>"), "0001"),
            ("entity by DTD", dtd("<!ENTITY e '强盗'>"), "0001"),
            ("external entity", dtd("<!ENTITY e SYSTEM 'file:///etc/passwd'>"), "0001"),
            ("undeclared entity", parts.replace("买家", "&e;买家"), "0001"),
            ("processing instruction", parts.replace("买家", "<?x y?>买家"), "0001"),
            (
                "CDATA around markup",
                parts.replace("<ceb:note></ceb:note>", "<![CDATA[<ceb:note></ceb:note>]]>"),
                "1004",
            ),
            ("end of CDATA in text", parts.replace("买家", "]]>买家"), "0001"),
            ("control character", parts.replace("买家", "\u{1}买家"), "0001"),
            ("control character by reference", parts.replace("买家", "&#1;买家"), "0001"),
            ("other encoding", parts.replace("UTF-8", "UTF-7"), "0001"),
            (
                "XML 1.1",
                parts.replace("version=\"1.0\" encoding", "version=\"1.1\" encoding"),
                "0001",
            ),
        ],
    );
}

/// Comments are not signed, so whoever adds some must not change what is read.
#[test]
fn a_comment_does_not_cut_a_text() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let commented = parts.replace("买家 &amp; 朋友", "买家<!-- cut --> &amp; <![CDATA[朋友]]>");
    let verified = firms.verifier.verify(commented.as_bytes(), NOW).expect("a good signature");
    assert!(verified.canonical.contains("<ceb:buyerName>买家 &amp; 朋友</ceb:buyerName>"));
    assert!(!verified.canonical.contains("Signature"));
}

#[test]
fn values_are_exchanged() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let stranger = Firms::new();
    let theirs = Parts::new(&stranger);
    let own = |parts: &Parts, name: &str| {
        let (open, close) = (format!("<ds:{name}>"), format!("</ds:{name}>"));
        let (_, rest) = parts.signed.split_once(&open).expect("the element");
        rest.split_once(&close).expect("its end").0.to_owned()
    };
    let swap = |name: &str, value: &str| parts.inside(&own(&parts, name), value);
    let short = own(&parts, "DigestValue").chars().take(8).collect::<String>();
    assert_refused(
        &firms,
        vec![
            (
                "certificate of a stranger",
                swap("X509Certificate", &own(&theirs, "X509Certificate")),
                "1001",
            ),
            ("all signed by a stranger", theirs.signed.clone(), "1001"),
            ("no signature", signature_less(&parts), "1001"),
            ("empty value", swap("SignatureValue", ""), "1001"),
            ("blank value", swap("SignatureValue", " \n"), "1001"),
            ("value of zeros", swap("SignatureValue", &"A".repeat(88)), "1001"),
            (
                "value of another message",
                swap("SignatureValue", &own(&theirs, "SignatureValue")),
                "1001",
            ),
            ("value is no base64", swap("SignatureValue", "%"), "1001"),
            (
                "value has text before its end",
                parts.inside("</ds:SignatureValue>", "AAAA</ds:SignatureValue>"),
                "1001",
            ),
            ("empty digest", swap("DigestValue", ""), "1004"),
            ("short digest", swap("DigestValue", &short), "1004"),
            ("empty certificate", swap("X509Certificate", ""), "1001"),
            (
                "certificate and more",
                parts.inside("</ds:X509Certificate>", "AAAA</ds:X509Certificate>"),
                "1001",
            ),
            (
                "second certificate",
                parts.inside(
                    "</ds:X509Data>",
                    "<ds:X509Certificate></ds:X509Certificate></ds:X509Data>",
                ),
                "1001",
            ),
            (
                "key without certificate",
                parts.inside("<ds:X509Data>", "<ds:KeyValue></ds:KeyValue><ds:X509Data>"),
                "1001",
            ),
            ("no key", parts.inside("<ds:KeyInfo>", "<ds:KeyInfo xml:lang=\"\">"), "1001"),
            (
                "white space in SignedInfo",
                parts.inside("<ds:SignatureMethod", " <ds:SignatureMethod"),
                "1001",
            ),
            (
                "white space in the document",
                parts.replace("</ceb:InventoryHead>", "</ceb:InventoryHead> "),
                "1004",
            ),
            ("forged payload", parts.forged(), "1004"),
        ],
    );
}

fn signature_less(parts: &Parts) -> String {
    parts.signed.replacen(&parts.signature, "", 1)
}

#[test]
fn codes_of_the_business_receipt() {
    let firms = Firms::new();
    let parts = Parts::new(&firms);
    let code = |message: &str| {
        let refused = firms.verifier.verify(message.as_bytes(), NOW).expect_err("a refusal");
        assert!(!refused.text_zh().is_empty() && !refused.to_string().is_empty());
        refused.business_code()
    };
    assert_eq!(code(&signature_less(&parts)), Some("-621026"));
    assert_eq!(code(&parts.forged()), Some("-621028"));
    assert_eq!(code(&parts.inside("URI=\"\"", "URI=\"#a\"")), Some("-621029"));
    assert_eq!(code("<a"), None);
}

/// Every twelfth byte of a signed message, each with two changes, is refused or changes nothing that
/// is read.
#[test]
fn no_byte_can_be_changed() {
    let firms = Firms::new();
    let signed = firms.signed().into_bytes();
    let good = firms.verifier.verify(&signed, NOW).expect("a good signature");
    let mut refused = 0;
    for at in (0..signed.len()).step_by(12) {
        for flip in [0x01, 0x20] {
            let mut changed = signed.clone();
            changed[at] ^= flip;
            match firms.verifier.verify(&changed, NOW) {
                Err(_) => refused += 1,
                // The name of the key, and white space that is normalised anyway.
                Ok(verified) => assert_eq!(verified.canonical, good.canonical, "byte {at}"),
            }
        }
    }
    assert!(refused * 100 > signed.len() / 12 * 2 * 90, "only {refused} were refused");
}

#[test]
fn limits_hold() {
    let firms = Firms::new();
    let attributes: String = (0..33).map(|number| format!(" a{number}=\"\"")).collect();
    let spaces: String = (0..17).map(|number| format!(" xmlns:a{number}=\"urn:x\"")).collect();
    let other: String = (0..17).map(|number| format!(" xmlns:b{number}=\"urn:x\"")).collect();
    for (name, message) in [
        ("depth", format!("{}{}", "<a>".repeat(33), "</a>".repeat(33))),
        ("attributes", format!("<a{attributes}/>")),
        ("namespaces", format!("<a{spaces}><b{other}/></a>")),
        ("bytes", format!("<a>{}</a>", " ".repeat(5 * 1024 * 1024))),
        ("relative namespace", "<a xmlns='x'/>".to_owned()),
        ("empty", String::new()),
        ("open", "<a>".to_owned()),
        ("attributes without space", "<a b=\"\"c=\"\"/>".to_owned()),
        ("name", "<1/>".to_owned()),
        ("two colons", "<a:b:c xmlns:a='urn:a'/>".to_owned()),
        ("prefix xmlns", "<xmlns:a/>".to_owned()),
        ("undeclared prefix by empty name", "<a xmlns:b=''/>".to_owned()),
    ] {
        let refused = firms.verifier.verify(message.as_bytes(), NOW).expect_err(name);
        assert!(matches!(refused, SignatureRefusal::Malformed { .. }), "{name}: {refused:?}");
    }
}

/// The client software of e-port leaves the digest at SHA-1 (seen in 2023).
#[test]
fn a_mixed_digest_is_accepted_only_when_asked_for() {
    let firms = Firms::new();
    let signed = firms.signed();
    let mixed = signed.replacen(
        "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3",
        "http://www.w3.org/2000/09/xmldsig#sha1",
        1,
    );
    let lenient = firms.verifier.clone().with_mixed_digest(MixedDigest::AcceptSha1);
    // Past the form, the digest is judged: this one is still that of SM3.
    assert_eq!(
        lenient.verify(mixed.as_bytes(), NOW).expect_err("wrong"),
        SignatureRefusal::DataDiffers
    );
    let strict = firms.verifier.verify(mixed.as_bytes(), NOW).expect_err("mixed");
    assert!(matches!(strict, SignatureRefusal::Form { element: "ds:DigestMethod", .. }));
}

#[test]
fn a_key_of_one_type_is_not_taken_for_the_other() {
    let (rsa, sm2) = (key_of(RSA_2048), key_of(SM2));
    let firms = Firms::new();
    for own in [&rsa, &sm2, &firms.key] {
        let signed = sign(MESSAGE.as_bytes(), own).expect("a signed message");
        assert!(pinning(own).verify(signed.as_bytes(), NOW).is_ok());
        let other = firms.authority.issue("另一公司", "3701983702", this_year()).expect("issued");
        let refused = pinning(&key(&other)).verify(signed.as_bytes(), NOW).expect_err("untrusted");
        assert!(matches!(refused, SignatureRefusal::Untrusted { .. }));
    }
}
