//! The certificate authority: requests and their review, the register, revocation as OpenSSL sees it, time-stamps, and what a
//! revoked seal means for what was sealed.

use axum::http::Method;
use kernel::params;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    asked_reviewed_issued,
    bad_requests,
    revoked_and_held,
    renewed,
    openssl_follows_the_chain,
    time_stamps,
    a_revoked_seal,
    the_register_is_found_in,
);

const DAY: &str = "2026-11-24";

fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl")
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (out.status.success(), text)
}

#[track_caller]
fn ok(folder: &Path, args: &[&str]) -> String {
    let (good, text) = openssl(folder, args);
    assert!(good, "openssl {args:?}: {text}");
    text
}

/// A new key and a request for it, in PEM.
fn request(folder: &Path, name: &str, curve: &str) -> String {
    let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
    ok(
        folder,
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            &format!("ec_paramgen_curve:{curve}"),
            "-out",
            &key,
        ],
    );
    let mut args = vec![
        "req",
        "-new",
        "-key",
        &key,
        "-subj",
        "/C=CN/CN=wish",
        "-out",
        &csr,
    ];
    if curve == "SM2" {
        args.extend(["-sm3", "-sigopt", "distid:1234567812345678"]);
    }
    ok(folder, &args);
    std::fs::read_to_string(folder.join(csr)).unwrap()
}

async fn ask(who: &mut Client, fields: &[(&str, &str)]) -> Answer {
    who.post_form("/work/authority/requests", fields).await
}

/// Asked by the administrator, issued by the officer; the serial number.
async fn issued(city: &City, pem: &str) -> String {
    let mut admin = city.client("admin").await;
    let fields = [
        ("profile", "node"),
        ("request", pem),
        ("names", "node.example 10.0.0.1"),
        ("reason", "新节点"),
    ];
    let to = ask(&mut admin, &fields).await.expect(303);
    let mut officer = city.client("certificates").await;
    let page = officer.get(to.location()).await.expect(200);
    let action = format!("{}/approval", to.location());
    let mut form = page.form(&action);
    form.retain(|(n, _)| n != "cn" && n != "o");
    form.push(("cn".into(), "演示节点".into()));
    form.push(("o".into(), "演示局".into()));
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let done = officer.post_form(&action, &form).await.expect(303);
    done.location().rsplit('/').next().unwrap().to_string()
}

async fn step(city: &City, serial: &str, noun: &str, more: &[(&str, &str)]) -> Answer {
    let mut officer = city.client("certificates").await;
    let version: i64 = city
        .scalar(
            "SELECT version FROM trust_certificate WHERE serial = $1",
            params![serial],
        )
        .await
        .unwrap();
    let version = version.to_string();
    let mut fields = vec![("version", version.as_str())];
    fields.extend_from_slice(more);
    officer
        .post_form(&format!("/work/authority/{serial}/{noun}"), &fields)
        .await
}

/// Files of the authority in a folder, as anybody gets them.
async fn fetch(city: &City, folder: &Path, names: &[&str]) {
    let mut visitor = city.visitor();
    for name in names {
        let file = visitor.get(&format!("/pki/{name}")).await.expect(200);
        std::fs::write(folder.join(name), &file.body).unwrap();
    }
}

async fn pem(city: &City, folder: &Path, serial: &str, as_: &str) {
    let mut officer = city.client("certificates").await;
    let at = format!("/work/authority/{serial}/file/certificate.pem");
    std::fs::write(folder.join(as_), officer.get(&at).await.expect(200).body).unwrap();
}

/// What OpenSSL reads in the city's OCSP answer about a certificate.
async fn ocsp(city: &City, folder: &Path, algorithm: &str, certificate: &str) -> String {
    let issuing = format!("issuing-{algorithm}.pem");
    ok(
        folder,
        &[
            "ocsp",
            "-issuer",
            &issuing,
            "-cert",
            certificate,
            "-reqout",
            "ask.der",
        ],
    );
    let ask = std::fs::read(folder.join("ask.der")).unwrap();
    let mut visitor = city.visitor();
    let kind = [("content-type", "application/ocsp-request")];
    let at = format!("/pki/ocsp/{algorithm}");
    let answer = visitor
        .send(Method::POST, &at, &kind, ask.clone())
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "application/ocsp-response");
    std::fs::write(folder.join("answer.der"), &answer.body).unwrap();
    let root = format!("root-{algorithm}.pem");
    let (_, text) = openssl(
        folder,
        &[
            "ocsp",
            "-respin",
            "answer.der",
            "-no_nonce",
            "-issuer",
            &issuing,
            "-cert",
            certificate,
            "-CAfile",
            &root,
            "-verify_other",
            &issuing,
            "-no_cert_checks",
            "-attime",
            &(city.system().now() / 1000).to_string(),
        ],
    );
    text
}

async fn asked_reviewed_issued(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let at = folder.path();
    let csr = request(at, "node", "P-256");
    let mut admin = city.client("admin").await;
    let fields = [
        ("profile", "node"),
        ("request", csr.as_str()),
        ("names", "node.example, 10.0.0.1"),
        ("reason", "新节点上线"),
    ];
    let to = ask(&mut admin, &fields).await.expect(303);
    let own = admin.get(to.location()).await.expect(200);
    assert!(own.has("不能审批自己的申请") && !own.leads(&format!("{}/approval", to.location())));
    // Four eyes: neither by another path nor with both posts.
    let approval = format!("{}/approval", to.location());
    admin
        .post_form(&approval, &[("version", "1"), ("cn", "x")])
        .await
        .expect(403);
    let account: String = city
        .scalar("SELECT id FROM identity_account WHERE login = 'admin'", &[])
        .await
        .unwrap();
    identity::api::appoint(
        &city.system(),
        "shi-certificate-officer",
        account.parse().unwrap(),
        "2020-01-01",
    )
    .await
    .unwrap();
    let mut both = city.client("admin").await;
    let no = both
        .post_form(&approval, &[("version", "1"), ("cn", "x")])
        .await
        .expect(403);
    assert!(no.has("不能审批自己的申请"));

    let mut officer = city.client("certificates").await;
    assert!(
        officer
            .get("/work/authority/queue")
            .await
            .expect(200)
            .leads(to.location())
    );
    let page = officer.get(to.location()).await.expect(200);
    assert!(page.has("新节点上线") && page.has("value=\"wish\""));
    let no = officer
        .post_form(&approval, &[("version", "1"), ("cn", ""), ("o", "演示局")])
        .await
        .expect(422);
    assert!(no.has("名称为 1 至 64 字") && no.has("value=\"演示局\""));
    officer
        .post_form(&approval, &[("version", "7"), ("cn", "x")])
        .await
        .expect(412);
    let done = officer
        .post_form(
            &approval,
            &[
                ("version", "1"),
                ("cn", "演示节点"),
                ("o", "演示局"),
                ("opinion", "同意"),
            ],
        )
        .await
        .expect(303);
    let serial = done.location().rsplit('/').next().unwrap().to_string();
    officer
        .post_form(&approval, &[("version", "1"), ("cn", "x")])
        .await
        .expect(409);
    let page = officer.get(done.location()).await.expect(200);
    assert!(
        page.has("演示节点") && page.has("node.example, 10.0.0.1") && page.has("有效") && page.has("签发")
    );
    // What OpenSSL sees: the reviewer's name, not the request's, and what the profile allows.
    pem(&city, at, &serial, "node.pem").await;
    let text = ok(
        at,
        &["x509", "-in", "node.pem", "-noout", "-text", "-nameopt", "utf8"],
    );
    for words in [
        "演示节点",
        "DNS:node.example, IP Address:10.0.0.1",
        "TLS Web Server Authentication",
        "/pki/issuing-p256.crl",
        "OCSP - URI",
        "CA:FALSE",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("wish"));
    // The applicant's program fetches it.
    let mut program = city.program("admin").await;
    let id = to.location().rsplit('/').next().unwrap();
    let seen = program
        .get(&format!("/api/v1/pki/requests/{id}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (seen["state"].as_str(), seen["serial"].as_str()),
        (Some("issued"), Some(serial.as_str()))
    );
    assert_eq!(
        seen["chain"]
            .as_str()
            .unwrap()
            .matches("BEGIN CERTIFICATE")
            .count(),
        3
    );
    let public = city
        .visitor()
        .get(&format!("/api/v1/pki/certificates/{serial}"))
        .await
        .expect(200)
        .json();
    assert_eq!(public["state"], "good");
    // Others see nothing of it.
    for login in ["clerk", "resident"] {
        let mut c = city.client(login).await;
        for path in [
            "/work/authority",
            "/work/authority/queue",
            done.location(),
            to.location(),
        ] {
            assert_ne!(c.get(path).await.status, 200, "{login} {path}");
        }
    }
    let altered = city.altered().await;
    assert!(altered.is_empty(), "{altered:?}");
}

async fn bad_requests(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let at = folder.path();
    let csr = request(at, "node", "P-256");
    let mut admin = city.client("admin").await;
    // Somebody else's signature under the request, cut off, RSA, nothing at all.
    let mut der = ok_der(at, "node.csr");
    let last = der.len() - 3;
    der[last] ^= 1;
    let forged = base64(&der);
    let cut = base64(&der[..der.len() - 9]);
    ok(
        at,
        &[
            "req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "r.key", "-subj", "/CN=r", "-out",
            "r.csr",
        ],
    );
    let rsa = std::fs::read_to_string(at.join("r.csr")).unwrap();
    for text in [forged.as_str(), cut.as_str(), rsa.as_str(), "nonsense", ""] {
        let no = ask(
            &mut admin,
            &[
                ("profile", "node"),
                ("request", text),
                ("names", "a.example"),
                ("reason", "留着的话"),
            ],
        )
        .await;
        let no = no.expect(422);
        assert!(no.has("读不出证书请求") && no.has("留着的话"), "{}", no.text());
    }
    for (field, fields) in [
        (
            "请选择用途",
            [("profile", "root"), ("names", "a.example"), ("reason", "x")],
        ),
        (
            "请选择用途",
            [("profile", "issuing"), ("names", "a.example"), ("reason", "x")],
        ),
        (
            "域名或 IP 地址",
            [("profile", "node"), ("names", ""), ("reason", "x")],
        ),
        (
            "域名或 IP 地址",
            [("profile", "node"), ("names", "*.example"), ("reason", "x")],
        ),
        (
            "请填写申请理由",
            [("profile", "node"), ("names", "a.example"), ("reason", " ")],
        ),
    ] {
        let mut all = fields.to_vec();
        all.push(("request", csr.as_str()));
        assert!(ask(&mut admin, &all).await.expect(422).has(field), "{field}");
    }
    // One key, one request.
    let good = [
        ("profile", "node"),
        ("request", csr.as_str()),
        ("names", "a.example"),
        ("reason", "x"),
    ];
    let first = ask(&mut admin, &good).await.expect(303);
    assert!(
        ask(&mut admin, &good)
            .await
            .expect(422)
            .has("已有有效证书或待审批的申请")
    );
    let mut officer = city.client("certificates").await;
    let refusal = format!("{}/refusal", first.location());
    assert!(
        officer
            .post_form(&refusal, &[("version", "1")])
            .await
            .expect(422)
            .has("不同意时请写明意见")
    );
    officer
        .post_form(&refusal, &[("version", "1"), ("opinion", "域名不对")])
        .await
        .expect(303);
    assert!(admin.get(first.location()).await.expect(200).has("域名不对"));
    ask(&mut admin, &good).await.expect(303);
    let mut clerk = city.client("clerk").await;
    clerk.get("/work/authority/requests").await.expect(403);
    let json_ = json!({ "profile": "node", "request": "x", "names": "a.example", "reason": "x" });
    let mut program = city.program("admin").await;
    let told = program
        .post_json("/api/v1/pki/requests", &[], &json_)
        .await
        .expect(422)
        .json();
    assert!(
        told["errors"].to_string().contains("request") || told.to_string().contains("request"),
        "{told}"
    );
}

fn ok_der(folder: &Path, csr: &str) -> Vec<u8> {
    ok(folder, &["req", "-in", csr, "-outform", "DER", "-out", "x.der"]);
    std::fs::read(folder.join("x.der")).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

async fn revoked_and_held(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let at = folder.path();
    let now = (city.system().now() / 1000).to_string();
    let serial = issued(&city, &request(at, "node", "P-256")).await;
    pem(&city, at, &serial, "node.pem").await;
    let all = [
        "root-p256.pem",
        "issuing-p256.pem",
        "issuing-p256.crl",
        "root-p256.crl",
    ];
    fetch(&city, at, &all).await;
    let told = ocsp(&city, at, "p256", "node.pem").await;
    assert!(told.contains("good\n"), "{told}");
    let lists = |folder: &Path| {
        for which in ["issuing", "root"] {
            ok(
                folder,
                &[
                    "crl",
                    "-inform",
                    "DER",
                    "-in",
                    &format!("{which}-p256.crl"),
                    "-out",
                    &format!("{which}.crl.pem"),
                ],
            );
        }
        let both: String = ["issuing", "root"]
            .map(|w| std::fs::read_to_string(folder.join(format!("{w}.crl.pem"))).unwrap())
            .concat();
        std::fs::write(folder.join("crls.pem"), both).unwrap();
    };
    lists(at);
    let check = [
        "verify",
        "-attime",
        &now,
        "-CAfile",
        "root-p256.pem",
        "-untrusted",
        "issuing-p256.pem",
        "-CRLfile",
        "crls.pem",
        "-crl_check_all",
        "node.pem",
    ];
    ok(at, &check);
    assert!(
        step(&city, &serial, "revocation", &[("reason", "")])
            .await
            .expect(422)
            .has("请选择吊销原因")
    );
    step(&city, &serial, "release", &[]).await.expect(409);

    step(&city, &serial, "hold", &[]).await.expect(303);
    let told = ocsp(&city, at, "p256", "node.pem").await;
    assert!(
        told.contains("revoked\n") && told.contains("certificateHold"),
        "{told}"
    );
    step(&city, &serial, "hold", &[]).await.expect(409);
    fetch(&city, at, &["issuing-p256.crl"]).await;
    lists(at);
    assert!(!openssl(at, &check).0);
    step(&city, &serial, "release", &[]).await.expect(303);
    let told = ocsp(&city, at, "p256", "node.pem").await;
    assert!(told.contains("good\n"), "{told}");
    fetch(&city, at, &["issuing-p256.crl"]).await;
    lists(at);
    ok(at, &check);

    step(&city, &serial, "revocation", &[("reason", "key-compromise")])
        .await
        .expect(303);
    let told = ocsp(&city, at, "p256", "node.pem").await;
    assert!(
        told.contains("revoked\n") && told.contains("keyCompromise"),
        "{told}"
    );
    fetch(&city, at, &["issuing-p256.crl"]).await;
    let list = ok(
        at,
        &[
            "crl",
            "-inform",
            "DER",
            "-in",
            "issuing-p256.crl",
            "-noout",
            "-text",
            "-CAfile",
            "issuing-p256.pem",
        ],
    );
    assert!(
        list.contains("verify OK")
            && list.to_lowercase().contains(&serial)
            && list.contains("Key Compromise"),
        "{list}"
    );
    for noun in ["hold", "release"] {
        step(&city, &serial, noun, &[]).await.expect(409);
    }
    // Its key is never certified again.
    let csr = std::fs::read_to_string(at.join("node.csr")).unwrap();
    let mut admin = city.client("admin").await;
    let again = [
        ("profile", "node"),
        ("request", csr.as_str()),
        ("names", "a.example"),
        ("reason", "x"),
    ];
    assert!(
        ask(&mut admin, &again)
            .await
            .expect(422)
            .has("曾因可能泄露被吊销")
    );
    // The list is signed anew in time; its number grows, and an old one is no longer current.
    let number = |text: &str| {
        text.split("CRL Number:")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let before = number(&list);
    city.day("2026-11-25");
    std::fs::copy(at.join("issuing-p256.crl"), at.join("old.crl")).unwrap();
    fetch(&city, at, &["issuing-p256.crl"]).await;
    let list = ok(
        at,
        &[
            "crl",
            "-inform",
            "DER",
            "-in",
            "issuing-p256.crl",
            "-noout",
            "-text",
        ],
    );
    assert_eq!(number(&list), before + 1);
    let old = std::fs::read(at.join("old.crl")).unwrap();
    let crl = trust::crypto::crl::Crl::from_der(&old).unwrap();
    assert!(!crl.fresh_at(city.system().now() + 86_400_000));
    let officer = city
        .client("certificates")
        .await
        .get(&format!("/work/authority/{serial}"))
        .await
        .expect(200);
    for words in ["已吊销", "私钥可能泄露", "冻结", "解除冻结"] {
        assert!(officer.has(words), "{words}");
    }
    let altered = city.altered().await;
    assert!(altered.is_empty(), "{altered:?}");
}

async fn renewed(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let serial = issued(&city, &request(folder.path(), "node", "P-256")).await;
    let done = step(&city, &serial, "renewal", &[]).await.expect(303);
    let new = done.location().rsplit('/').next().unwrap().to_string();
    assert_ne!(new, serial);
    let mut officer = city.client("certificates").await;
    assert!(
        officer
            .get(&format!("/work/authority/{new}"))
            .await
            .expect(200)
            .has(&serial)
    );
    assert!(
        officer
            .get(&format!("/work/authority/{serial}"))
            .await
            .expect(200)
            .has(&new)
    );
    step(&city, &serial, "renewal", &[]).await.expect(409);
    let keys = "SELECT COUNT(DISTINCT key_hash) FROM trust_certificate WHERE profile = 'node'";
    assert_eq!(city.count(keys, &[]).await, 1);
    // A compromised key is asked for anew by whoever holds the new one.
    step(&city, &new, "revocation", &[("reason", "key-compromise")])
        .await
        .expect(303);
    assert!(
        step(&city, &new, "renewal", &[])
            .await
            .expect(409)
            .has("由持有人重新提交请求")
    );
}

async fn openssl_follows_the_chain(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let at = folder.path();
    let now = (city.system().now() / 1000).to_string();
    for (kind, curve) in [("p256", "P-256"), ("sm2", "SM2")] {
        let serial = issued(&city, &request(at, kind, curve)).await;
        pem(&city, at, &serial, "leaf.pem").await;
        let (root, issuing) = (format!("root-{kind}.pem"), format!("issuing-{kind}.pem"));
        fetch(&city, at, &[&root, &issuing]).await;
        let mut args = vec!["verify", "-attime", &now];
        if kind == "sm2" {
            // OpenSSL gives the SM2 identifier to the leaf only, so there the chain starts at the issuer.
            args.extend([
                "-vfyopt",
                "distid:1234567812345678",
                "-partial_chain",
                "-CAfile",
                &issuing,
            ]);
        } else {
            args.extend(["-CAfile", &root, "-untrusted", &issuing]);
        }
        args.push("leaf.pem");
        ok(at, &args);
    }
    assert!(
        ocsp(&city, at, "p256", "issuing-p256.pem")
            .await
            .contains("Responder Error: unauthorized")
    );
    // Broken requests are answered in the protocol.
    let mut visitor = city.visitor();
    for body in [&b""[..], b"nonsense", &[0x30, 0x82, 0xff, 0xff]] {
        let answer = visitor
            .send(Method::POST, "/pki/ocsp/p256", &[], body.to_vec())
            .await
            .expect(200);
        std::fs::write(at.join("answer.der"), &answer.body).unwrap();
        let (_, text) = openssl(at, &["ocsp", "-respin", "answer.der", "-text", "-noverify"]);
        assert!(text.contains("malformedrequest"), "{text}");
    }
    visitor.get("/pki/ocsp/p256/%2F%2F").await.expect(200);
    visitor
        .send(Method::POST, "/pki/ocsp/rsa", &[], Vec::new())
        .await
        .expect(404);
    visitor
        .send(Method::POST, "/pki/ocsp/p256", &[], vec![0; 40 << 10])
        .await
        .expect(413);
    for name in ["root-rsa.cer", "leaf-p256.cer", "issuing-p256.key", "x"] {
        visitor.get(&format!("/pki/{name}")).await.expect(404);
    }
}

async fn time_stamps(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let at = folder.path();
    std::fs::write(at.join("file"), "what existed").unwrap();
    ok(
        at,
        &[
            "ts", "-query", "-data", "file", "-sha256", "-cert", "-out", "ask.tsq",
        ],
    );
    let ask = std::fs::read(at.join("ask.tsq")).unwrap();
    let mut visitor = city.visitor();
    let kind = [("content-type", "application/timestamp-query")];
    let answer = visitor
        .send(Method::POST, "/pki/tsa", &kind, ask.clone())
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "application/timestamp-reply");
    std::fs::write(at.join("answer.tsr"), &answer.body).unwrap();
    fetch(&city, at, &["root-p256.pem", "issuing-p256.pem"]).await;
    let now = (city.system().now() / 1000).to_string();
    let check = [
        "ts",
        "-verify",
        "-in",
        "answer.tsr",
        "-queryfile",
        "ask.tsq",
        "-CAfile",
        "root-p256.pem",
        "-untrusted",
        "issuing-p256.pem",
        "-attime",
        &now,
    ];
    assert!(ok(at, &check).contains("Verification: OK"));
    let again = visitor
        .send(Method::POST, "/pki/tsa", &kind, ask)
        .await
        .expect(200);
    assert_ne!(again.body, answer.body);
    assert_eq!(city.count("SELECT COUNT(*) FROM trust_stamp", &[]).await, 2);
    std::fs::write(at.join("file"), "what was changed").unwrap();
    let (good, _) = openssl(
        at,
        &[
            "ts",
            "-verify",
            "-in",
            "answer.tsr",
            "-data",
            "file",
            "-CAfile",
            "root-p256.pem",
            "-untrusted",
            "issuing-p256.pem",
        ],
    );
    assert!(!good);
    let refused = visitor
        .send(Method::POST, "/pki/tsa", &kind, b"nonsense".to_vec())
        .await
        .expect(200);
    std::fs::write(at.join("refused.tsr"), &refused.body).unwrap();
    assert!(ok(at, &["ts", "-reply", "-in", "refused.tsr", "-text"]).contains("Rejected"));
}

/// What `/verify` says of a file.
async fn judged(city: &City, pdf: &[u8]) -> Json {
    let mut visitor = city.visitor();
    visitor.accept = "application/json";
    let files: [stories::File<'_>; 1] = [("file", "a.pdf", pdf)];
    visitor
        .post_multipart("/verify", &[], &files)
        .await
        .expect(200)
        .json()["file"]
        .clone()
}

async fn a_revoked_seal(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    city.settle().await;
    let id: String = city
        .scalar(
            "SELECT id FROM documents_certificate WHERE issued_at IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    let pdf = her
        .get(&format!("/me/certificates/{id}.pdf"))
        .await
        .expect(200)
        .body;
    let good = judged(&city, &pdf).await;
    assert_eq!(
        (&good["trusted"], &good["proved"], &good["revoked"]),
        (&json!(true), &json!(true), &Json::Null),
        "{good}"
    );
    let serial: String = city
        .scalar(
            "SELECT serial FROM trust_certificate WHERE profile = 'seal' AND algorithm = 'p256' AND holder = \
                 (SELECT issuer FROM documents_certificate LIMIT 1)",
            &[],
        )
        .await
        .unwrap();
    let now = city.system().now();
    city.clock.set(now + 60_000);
    // Suspended, then revoked: what a time-stamp proves to be older stays good.
    step(&city, &serial, "revocation", &[("reason", "superseded")])
        .await
        .expect(303);
    let after = judged(&city, &pdf).await;
    assert_eq!(
        (&after["trusted"], &after["before"]),
        (&json!(true), &json!(true)),
        "{after}"
    );
    assert!(after["revoked"].is_i64());
    // A new one is issued by the officer, and with it sealing goes on.
    let done = step(&city, &serial, "renewal", &[]).await.expect(303);
    let new = done.location().rsplit('/').next().unwrap().to_string();
    assert_ne!(new, serial);
    // Whoever knows a key can claim any time, so a compromised one proves nothing.
    let compromised = "UPDATE trust_certificate SET reason = 1 WHERE serial = $1";
    city.execute(compromised, params![serial.as_str()]).await;
    let after = judged(&city, &pdf).await;
    assert_eq!(
        (&after["trusted"], &after["before"]),
        (&json!(false), &json!(false)),
        "{after}"
    );
}

async fn the_register_is_found_in(db: Db) {
    let (city, folder) = (City::open(db, DAY).await, tempfile::tempdir().unwrap());
    let serial = issued(&city, &request(folder.path(), "node", "SM2")).await;
    let mut officer = city.client("certificates").await;
    let at = |q: &str| format!("/work/authority?{q}");
    assert!(
        officer
            .get(&at(""))
            .await
            .expect(200)
            .leads(&format!("/work/authority/{serial}"))
    );
    let found = format!("q={}", &serial[..8]);
    assert!(officer.get(&at(&found)).await.expect(200).has(&serial));
    assert!(
        officer
            .get(&at("q=%E8%8A%82%E7%82%B9"))
            .await
            .expect(200)
            .has(&serial)
    );
    assert!(!officer.get(&at("profile=seal")).await.expect(200).has(&serial));
    assert!(
        officer
            .get(&at("state=revoked"))
            .await
            .expect(200)
            .has("没有符合条件的证书")
    );
    city.day("2027-12-10");
    assert!(
        city.client("certificates")
            .await
            .get(&at("state=ending"))
            .await
            .expect(200)
            .has(&serial)
    );
    let mut officer = city.client("certificates").await;
    officer.get("/work/authority/00").await.expect(404);
}
