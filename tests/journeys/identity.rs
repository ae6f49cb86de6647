//! Who is calling: certificates, the registry, and what is not one's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use client::{Config, Window};
use proto::v1;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use signature::SigningKey;
use signature::sandbox::{ValidityPeriod, self_signed};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::clock::{days, moves};
use crate::harness::national::{Erp, import};
use crate::harness::people::{Enterprise, FIRM_A, code, export, filing};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_sees_only_its_own() {
    let sandbox = Sandbox::start().await;
    let a = Enterprise(sandbox.connect("enterprise-a").await);
    let b = Enterprise(sandbox.connect("enterprise-b").await);
    let receipt = a.files("QD-1").await;
    a.sees(&receipt.name, v1::State::Released).await;

    let get = v1::GetRequest { name: receipt.name.clone(), ..Default::default() };
    let status = b.0.declarations().get(get.clone()).await.expect_err("not theirs");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1201", tonic::Code::NotFound));
    for status in [
        b.amends(&receipt.name, 1, export("QD-1")).await.expect_err("not theirs"),
        b.withdraws(&receipt.name, 1).await.expect_err("not theirs"),
    ] {
        assert_eq!(status.code(), tonic::Code::NotFound);
    }
    let watch = v1::WatchRequest { name: receipt.name.clone(), ..Default::default() };
    let status = b.0.declarations().watch(watch).await.expect_err("not theirs");
    assert_eq!(status.code(), tonic::Code::NotFound);
    let list = v1::ListRequest { declarant_code: FIRM_A.into(), ..Default::default() };
    let listed = b.0.declarations().list(list).await.expect("an answer").into_inner();
    assert!(listed.records.is_empty());
    let status = b.tries(filing(export("QD-2"))).await.expect_err("files for another firm");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1305", tonic::Code::PermissionDenied)
    );

    // The administrator reads and files nothing.
    let admin = Enterprise(sandbox.connect("admin").await);
    assert_eq!(admin.reads(&receipt.name).await.name, receipt.name);
    let status = admin.tries(filing(export("QD-3"))).await.expect_err("reads only");
    assert_eq!(code(&status).0, "SW-1303");

    // A page token belongs to the caller and the filters.
    let page = v1::ListRequest { page_size: 1, ..Default::default() };
    a.files("QD-4").await;
    let token = a.0.declarations().list(page.clone()).await.expect("a page").into_inner();
    let token = token.next_page_token;
    assert!(!token.is_empty());
    for (who, request) in [
        (&b, v1::ListRequest { page_token: token.clone(), ..page.clone() }),
        (&a, v1::ListRequest { page_token: token, order_no: "QD-1".into(), ..page }),
    ] {
        let status = who.0.declarations().list(request).await.expect_err("foreign");
        assert_eq!(code(&status).0, "SW-1004");
    }
}

/// An authority of our own, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Certificate, key and fingerprint; valid from a day ago for this many days from now.
    fn signs(&self, usage: ExtendedKeyUsagePurpose, days: i64) -> (String, String, String) {
        self.signs_as(None, usage, days)
    }

    /// Its list of certificates that are good no more, by their serial numbers (CRL).
    fn revokes(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now() - Duration::days(1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: now() - Duration::days(1),
            next_update: now() + Duration::days(1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).and_then(|list| list.pem()).expect("a list")
    }

    /// The same with a serial number by which it can be revoked.
    fn signs_as(
        &self,
        serial: Option<u64>,
        usage: ExtendedKeyUsagePurpose,
        days: i64,
    ) -> (String, String, String) {
        use sha2::Digest as _;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        params.serial_number = serial.map(SerialNumber::from);
        let now = now();
        params.not_before = now - Duration::days(30);
        params.not_after = now + Duration::days(days);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        let digest = sha2::Sha256::digest(certificate.der());
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (certificate.pem(), key.serialize_pem(), fingerprint)
    }
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid now")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("bound").port()
}

/// Ends a window, which drains and says that all went well.
fn drains(served: &mut Child) {
    let pid = rustix::process::Pid::from_child(served);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is our child");
    assert!(served.wait().expect("it is our child").success());
}

fn serve(directory: &Path, port: u16, more: &[&str]) -> Child {
    serve_all(directory, port, &[&["--only", "declaration"], more].concat())
}

fn serve_all(directory: &Path, port: u16, more: &[&str]) -> Child {
    let at = |name: &str| directory.join(name).display().to_string();
    Command::new(binary())
        .args(["serve", "--data-dir", &at("data")])
        .args(more)
        .args(["--listen", &format!("127.0.0.1:{port}"), "--drain-seconds", "1"])
        .args(["--server-cert", &at("server.pem"), "--server-key", &at("server.key")])
        .args(["--client-ca", &at("ca.pem"), "--registry", &at("registry.json")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(at("log")).expect("a log"))
        .spawn()
        .expect("the binary starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_window_trusts_its_own_authority_and_registry_only() {
    let directory = data_dir();
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("the directory is ours");
    };
    let authority = Authority::new();
    let (server, server_key, _) = authority.signs(ExtendedKeyUsagePurpose::ServerAuth, 10);
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let known = authority.signs(client.clone(), 10);
    let unregistered = authority.signs(client.clone(), 10);
    let expired = authority.signs(client.clone(), -1);
    let stranger = Authority::new().signs(client, 10);
    write("ca.pem", &authority.0.pem());
    write("server.pem", &server);
    write("server.key", &server_key);
    let registry = serde_json::json!([
        {"fingerprint": known.2, "name": "firm", "kind": "enterprise", "customs_code": FIRM_A},
        {"fingerprint": expired.2, "name": "old", "kind": "enterprise", "customs_code": FIRM_A},
    ]);
    write("registry.json", &registry.to_string());
    let port = free_port();
    // A key that everybody can read is no secret.
    let key = directory.path().join("server.key");
    let set = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&key, mode).expect("the key is ours");
    };
    set(0o644);
    let refused = serve(directory.path(), port, &[]).wait().expect("it ends");
    let said = std::fs::read_to_string(directory.path().join("log")).expect("a log");
    assert_eq!(refused.code(), Some(2), "{said}");
    assert!(said.contains("SW-4008") && said.contains("chmod 600"), "{said}");
    set(0o600);
    let mut served = serve(directory.path(), port, &["--require-certificates"]);
    let config = |(certificate, key, _): &(String, String, String)| Config {
        address: format!("localhost:{port}"),
        authority: authority.0.pem().into_bytes(),
        certificate: certificate.clone().into_bytes(),
        key: key.clone().into_bytes(),
        api_key: String::new(),
    };
    let firm = Enterprise(serves(&config(&known)).await);

    firm.files("QD-1").await;
    let status = firm.tries(filing(export("SBX-ACCEPT-1"))).await.expect_err("no sandbox");
    let violations = tonic_types::StatusExt::get_details_bad_request(&status).expect("listed");
    assert!(violations.field_violations[0].description.contains("SW-2025"), "{violations:?}");

    let nobody = Enterprise(Window::connect(&config(&unregistered)).await.expect("signed"));
    let status = nobody.tries(filing(export("QD-2"))).await.expect_err("not registered");
    assert_eq!(
        (code(&status).0.as_str(), status.code()),
        ("SW-1302", tonic::Code::Unauthenticated)
    );

    let nothing = (String::new(), String::new(), String::new());
    for (what, certificate) in
        [("expired", &expired), ("not trust", &stranger), ("asks for a client", &nothing)]
    {
        // TLS 1.3 tells the client after its handshake: the first call fails.
        let told = match Window::connect(&config(certificate)).await {
            Err(error) => error.to_string(),
            Ok(window) => {
                let status = Enterprise(window).tries(filing(export("QD-3"))).await;
                format!("{:?}", status.expect_err("refused"))
            }
        };
        let alert = match what {
            "expired" => "CertificateExpired",
            "not trust" => "DecryptError",
            _ => "CertificateRequired",
        };
        let unknown = told.contains("UnknownCA") || told.contains(what);
        assert!(told.contains(alert) || unknown, "{what}: {told}");
    }

    drains(&mut served);
}

/// Whose signature counts is what the registry says when a message comes, not what it said at the start.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_is_registered_and_removed_while_the_window_serves() {
    const DXP: &str = "DXPENT0000099001";
    let directory = data_dir();
    let at = |name: &str| directory.path().join(name);
    let write = |name: &str, text: &str| {
        std::fs::write(at(name), text).expect("the directory is ours");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(at(name), mode).expect("it is ours");
    };
    let authority = Authority::new();
    let (server, server_key, _) = authority.signs(ExtendedKeyUsagePurpose::ServerAuth, 10);
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let firm = authority.signs(client.clone(), 10);
    let gateway = authority.signs(client, 10);
    write("ca.pem", &authority.0.pem());
    write("server.pem", &server);
    write("server.key", &server_key);
    write("gateway.pem", &gateway.0);
    write("gateway.key", &gateway.1);
    let agent = import("QD-SIGNER").inventory.head.agent_code.clone();
    let period = ValidityPeriod { from: now() - Duration::days(1), to: now() + Duration::days(10) };
    let card = self_signed("青岛示例报关服务有限公司", &agent, period).expect("a card");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&card.certificate_der);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let register = |signers: &[&str]| {
        let registry = serde_json::json!([
            {"fingerprint": firm.2, "name": "firm", "kind": "enterprise", "customs_code": agent,
             "dxp_ids": [DXP], "signers": signers},
            {"fingerprint": gateway.2, "name": "gateway", "kind": "gateway"},
        ]);
        // As whoever changes a file that is read does it: whole, and at once.
        write("registry.new", &registry.to_string());
        std::fs::rename(at("registry.new"), at("registry.json")).expect("it is ours");
    };
    register(&[]);
    let port = free_port();
    let [cert, key, ca] =
        ["gateway.pem", "gateway.key", "ca.pem"].map(|name| at(name).display().to_string());
    let door = ["--gateway-cert", &cert, "--gateway-key", &key, "--gateway-ca", &ca];
    let mut served = Running(serve_all(directory.path(), port, &door));
    let config = Config {
        address: format!("localhost:{port}"),
        authority: authority.0.pem().into_bytes(),
        certificate: firm.0.clone().into_bytes(),
        key: firm.1.clone().into_bytes(),
        api_key: String::new(),
    };
    // The connection of a caller that changed ends, and the call on it: each time a new one.
    let statuses = async || {
        // What was taken once stands, whoever signed it: each time another one.
        let parcel = import(&format!("QD-SIGNER-{}", Uuid::now_v7().simple()));
        let key = SigningKey::from_pem(&card.key_pem, &card.certificate_pem).expect("a key");
        let erp = Erp::with(serves(&config).await, &agent, DXP, key);
        let message = erp.message(std::slice::from_ref(&parcel.inventory())).into_bytes();
        let sent = erp.window.ceb().send(v1::SendRequest { message }).await;
        let messages = sent.map_err(|status| status.to_string())?.into_inner().messages;
        let receipts = messages.into_iter().flat_map(|message| message.receipts);
        Ok::<_, String>(receipts.map(|receipt| receipt.return_status).collect::<Vec<_>>())
    };
    for signers in [vec![], vec![digest.as_str()], vec![]] {
        register(&signers);
        eventually(&format!("{signers:?} may sign"), PATIENCE, async || {
            let statuses = statuses().await?;
            // Told apart by what is refused: whose signature does not count.
            let is_taken = statuses.iter().all(|status| *status > 0);
            let is_refused = statuses == [-621_029];
            let is_expected = if signers.is_empty() { is_refused } else { is_taken };
            if is_expected { Ok(()) } else { Err(format!("{statuses:?}")) }
        })
        .await;
    }
    drains(&mut served.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_revocations_is_taken_over_while_the_window_serves() {
    let directory = data_dir();
    let at = |name: &str| directory.path().join(name);
    let write = |name: &str, text: &str| {
        std::fs::write(at(name), text).expect("the directory is ours");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(at(name), mode).expect("it is ours");
    };
    let authority = Authority::new();
    let (server, server_key, _) = authority.signs(ExtendedKeyUsagePurpose::ServerAuth, 10);
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let [kept, lost] =
        [1001, 1002].map(|serial| authority.signs_as(Some(serial), client.clone(), 10));
    write("ca.pem", &authority.0.pem());
    write("server.pem", &server);
    write("server.key", &server_key);
    write("crl.pem", &authority.revokes(&[]));
    let entry = |name: &str, of: &(String, String, String)| {
        serde_json::json!(
            {"fingerprint": of.2, "name": name, "kind": "enterprise", "customs_code": FIRM_A}
        )
    };
    let registry = serde_json::Value::from(vec![entry("kept", &kept), entry("lost", &lost)]);
    write("registry.json", &registry.to_string());
    let port = free_port();
    let list = at("crl.pem").display().to_string();
    let mut served = Running(serve(directory.path(), port, &["--client-crl", &list]));
    let config = |(certificate, key, _): &(String, String, String)| Config {
        address: format!("localhost:{port}"),
        authority: authority.0.pem().into_bytes(),
        certificate: certificate.clone().into_bytes(),
        key: key.clone().into_bytes(),
        api_key: String::new(),
    };
    let (kept, lost) = (config(&kept), config(&lost));
    let watching = |window: Window| async move {
        window.declarations().watch(v1::WatchRequest::default()).await.expect("its own")
    };
    let stays = watching(serves(&kept).await).await;
    let mut ends = watching(serves(&lost).await).await;

    write("crl.pem", &authority.revokes(&[1002]));
    let ended = tokio::time::timeout(PATIENCE, async {
        while let Ok(Some(_)) = ends.get_mut().message().await {}
    });
    ended.await.expect("its stream ends");
    let lists = async |config: &Config| {
        let window = Window::connect(config).await.map_err(|error| error.to_string())?;
        let listed = window.declarations().list(v1::ListRequest::default()).await;
        listed.map(drop).map_err(|status| format!("{status:?}"))
    };
    let refused = lists(&lost).await.expect_err("it is revoked");
    assert!(refused.contains("CertificateRevoked"), "{refused}");
    lists(&kept).await.expect("the other is not");
    let mut stays = stays.into_inner();
    let heartbeat = tokio::time::timeout(PATIENCE, stays.message()).await.expect("it goes on");
    assert!(heartbeat.expect("it goes on").is_some(), "nobody ended it");

    // A list that cannot be read revokes nobody anew, and forgets nobody.
    write("crl.pem", "no list");
    let log = || std::fs::read_to_string(at("log")).expect("a log");
    eventually("it is refused", PATIENCE, async || {
        if log().contains("not taken over") { Ok(()) } else { Err(log()) }
    })
    .await;
    lists(&kept).await.expect("what was good before counts");
    lists(&lost).await.expect_err("it is still revoked");
    served.0.kill().expect("it is our child");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_simulator_answers_where_declarations_are_real() {
    let directory = data_dir();
    let at = |name: &str| directory.path().join(name);
    let write = |name: &str, text: &str| {
        std::fs::write(at(name), text).expect("the directory is ours");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(at(name), mode).expect("it is ours");
    };
    let authority = Authority::new();
    let (server, server_key, _) = authority.signs(ExtendedKeyUsagePurpose::ServerAuth, 10);
    let mut registry = Vec::new();
    for kind in ["enterprise", "customs", "quarantine", "site", "administrator"] {
        let (certificate, key, fingerprint) =
            authority.signs(ExtendedKeyUsagePurpose::ClientAuth, 10);
        write(&format!("{kind}.pem"), &certificate);
        write(&format!("{kind}.key"), &key);
        let code = if kind == "enterprise" { FIRM_A } else { "" };
        let places = if kind == "site" { vec!["QD-SIM"] } else { Vec::new() };
        registry.push(serde_json::json!(
            {"fingerprint": fingerprint, "name": kind, "kind": kind, "customs_code": code,
             "places": places}
        ));
    }
    write("ca.pem", &authority.0.pem());
    write("server.pem", &server);
    write("server.key", &server_key);
    write("registry.json", &serde_json::Value::from(registry).to_string());
    let port = free_port();
    let mut served = serve(directory.path(), port, &[]);
    let read = |name: &str| std::fs::read(at(name)).expect("written");
    let config = Config {
        address: format!("localhost:{port}"),
        authority: read("ca.pem"),
        certificate: read("enterprise.pem"),
        key: read("enterprise.key"),
        api_key: String::new(),
    };
    let window = serves(&config).await;
    let standing = window.status().get_status(v1::GetStatusRequest {}).await.expect("it says");
    assert!(!standing.into_inner().sandbox);
    let firm = Enterprise(window);
    let receipt = firm.files("QD-REAL-1").await;

    // Nobody moves the clock by which real declarations go.
    let config_of = |name: &str| Config {
        certificate: read(&format!("{name}.pem")),
        key: read(&format!("{name}.key")),
        ..config.clone()
    };
    let admin = serves(&config_of("administrator")).await;
    let status = moves(&admin, days(1)).await.expect_err("it is no sandbox");
    assert_eq!(status.code(), tonic::Code::Unimplemented, "{status:?}");

    for agency in ["customs", "quarantine", "site"] {
        for (language, says) in [("en", "no simulator answers there"), ("zh", "模拟机关不予答复")]
        {
            let at = |name: String| at(&name).display().to_string();
            let child = Command::new(binary())
                .args(["agency", agency, "--endpoint", &config.address, "--language", language])
                .args(["--ca", &at("ca.pem".into()), "--cert", &at(format!("{agency}.pem"))])
                .args(["--key", &at(format!("{agency}.key"))])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the binary starts");
            let mut simulator = Running(child);
            let what = format!("{agency} does not work on real declarations");
            let ended = eventually(&what, PATIENCE, async || {
                simulator.0.try_wait().expect("it is our child").ok_or("it runs")
            })
            .await;
            let mut said = String::new();
            let mut stderr = simulator.0.stderr.take().expect("piped");
            std::io::Read::read_to_string(&mut stderr, &mut said).expect("text");
            assert_eq!(ended.code(), Some(6), "{agency}: {said}");
            let complete = said.contains("SW-4009") && said.contains(&config.address);
            assert!(complete && said.contains(says), "{agency}: {said}");
        }
    }
    // Nobody has taken the declaration in, cleared it, or so much as connected.
    let record = firm.reads(&receipt.name).await;
    assert_eq!((record.state(), record.version), (v1::State::UnderReview, 1));
    assert_eq!(record.history.len(), 1, "{record:?}");

    drains(&mut served);
    let log = std::fs::read_to_string(at("log")).expect("a log");
    assert!(!log.contains("an agency connected"), "{log}");
}

/// A connection, once the window serves.
async fn serves(config: &Config) -> Window {
    eventually("the window serves", PATIENCE, async || Window::connect(config).await).await
}

/// A process that ends with the test at the latest.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
