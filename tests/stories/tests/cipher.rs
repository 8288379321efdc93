//! Keys as a service: systems sign, encrypt and stamp through the API, under a policy, with every request in the log.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as B64, URL_SAFE_NO_PAD};
use kernel::params;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    every_operation_round_trips,
    openssl_verifies_what_was_signed,
    tokens_open_the_door,
    versions_rotate_and_retire,
    a_key_is_disabled_and_destroyed,
    nobody_uses_the_keys_of_others,
    malformed_requests_are_refused_and_logged,
    limits_hold,
    nonces_run_out,
    the_log_is_whole_and_sealed,
    officials_manage_and_try,
    time_stamps_verify,
    anybody_seals_to_a_public_key_and_only_it_opens,
    digests_are_signed_where_the_policy_says_so,
);

const DAY: &str = "2026-11-24";
const OFFICER: &str = "cryptography";

/// A registered system with a token of its own; how facts and grants name it.
async fn system(city: &City, name: &str, scope: &str) -> (String, Client) {
    let (id, program) = city.machine(name, scope).await;
    (format!("client:{id}"), program)
}

/// Makes a key on the page; its alias.
async fn key(officer: &mut Client, name: &str, kind: &str, more: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("title", "演示密钥"),
        ("organisation", "shi"),
        ("name", name),
        ("kind", kind),
    ];
    fields.extend(more);
    let made = officer.post_form("/work/keys/new", &fields).await.expect(303);
    let alias = format!("shi/{name}");
    assert_eq!(made.location(), format!("/work/keys/{alias}"));
    alias
}

async fn grant(officer: &mut Client, alias: &str, holder: &str, operations: &[&str], more: &[(&str, &str)]) {
    let mut fields = vec![("holder", holder)];
    fields.extend(operations.iter().map(|o| ("operation", *o)));
    fields.extend(more);
    officer
        .post_form(&format!("/work/keys/{alias}/policy"), &fields)
        .await
        .expect(303);
}

async fn call(who: &mut Client, alias: &str, action: &str, body: Json) -> Answer {
    who.post_json(&format!("/api/v1/crypto/keys/{alias}/{action}"), &[], &body)
        .await
}

fn word(answer: &Json, name: &str) -> String {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name}: {answer}"))
        .to_string()
}

/// The name of the refusal.
fn why(answer: &Answer) -> String {
    let kind = word(&answer.json(), "type");
    kind.rsplit('/').next().unwrap().to_string()
}

fn b64(text: &str) -> String {
    B64.encode(text)
}

/// Whether a page says it; templates write slashes as references.
fn says(answer: &Answer, words: &str) -> bool {
    answer.text().replace("&#x2f;", "/").contains(words)
}

/// Runs a periodic job as if its time had come.
async fn job(city: &City, name: &str) {
    let mut kinds = city.app.modules.iter().flat_map(|m| &m.jobs);
    let kind = kinds.find(|k| k.name == name).unwrap();
    (kind.run)(city.app.system("story"), Json::Null).await.unwrap();
    city.settle().await;
}

async fn uses(city: &City) -> i64 {
    city.count("SELECT COUNT(*) FROM cipher_use", &[]).await
}

async fn every_operation_round_trips(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let text = "政务数据 ✓";
    for kind in ["sign:sm2", "sign:es256", "sign:ed25519"] {
        let name = kind.replace(':', "-");
        let alias = key(&mut officer, &name, kind, &[]).await;
        grant(&mut officer, &alias, &id, &["sign", "verify"], &[]).await;
        let signed = call(&mut it, &alias, "sign", json!({ "message": b64(text) }))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (signed["version"].as_i64(), word(&signed, "key")),
            (Some(1), alias.clone())
        );
        let proof = word(&signed, "signature");
        for (message, fits) in [(text, true), ("other", false)] {
            let body = json!({ "message": b64(message), "signature": proof });
            let said = call(&mut it, &alias, "verify", body).await.expect(200).json();
            assert_eq!(said["valid"], json!(fits), "{kind} {message}");
        }
        // A public key, as PEM and as JWK; nothing private anywhere.
        let told = it.get(&format!("/api/v1/crypto/keys/{alias}")).await.expect(200);
        assert!(word(&told.json()["versions"][0], "public_key").starts_with("-----BEGIN PUBLIC KEY-----"));
        assert!(told.json()["versions"][0]["jwk"]["x"].is_string() && !told.has("\"d\""));
    }
    for kind in ["mac:hmac-sm3", "mac:hmac-sha256"] {
        let name = kind.replace(':', "-");
        let alias = key(&mut officer, &name, kind, &[]).await;
        grant(&mut officer, &alias, &id, &["mac", "verify"], &[]).await;
        let made = call(&mut it, &alias, "mac", json!({ "message": b64(text) }))
            .await
            .expect(200)
            .json();
        let mac = word(&made, "mac");
        assert_eq!(B64.decode(&mac).unwrap().len(), 32);
        for (message, fits) in [(text, true), ("other", false)] {
            let body = json!({ "message": b64(message), "mac": mac });
            let said = call(&mut it, &alias, "mac-verification", body)
                .await
                .expect(200)
                .json();
            assert_eq!(said["valid"], json!(fits), "{kind} {message}");
        }
    }
    for kind in ["encrypt:sm4-gcm", "encrypt:aes-256-gcm"] {
        let name = kind.replace(':', "-");
        let alias = key(&mut officer, &name, kind, &[]).await;
        grant(&mut officer, &alias, &id, &["encrypt", "decrypt"], &[]).await;
        let body = json!({ "plaintext": b64(text), "context": "case:7" });
        let first = word(
            &call(&mut it, &alias, "encrypt", body.clone())
                .await
                .expect(200)
                .json(),
            "ciphertext",
        );
        let second = word(
            &call(&mut it, &alias, "encrypt", body).await.expect(200).json(),
            "ciphertext",
        );
        assert_ne!(first, second, "the same request again is harmless");
        assert!(first.starts_with("yw1:"));
        let open = |c: &str, context: &str| json!({ "ciphertext": c, "context": context });
        let plain = call(&mut it, &alias, "decrypt", open(&first, "case:7"))
            .await
            .expect(200)
            .json();
        assert_eq!(word(&plain, "plaintext"), b64(text));
        let no = call(&mut it, &alias, "decrypt", open(&first, "case:8"))
            .await
            .expect(422);
        assert_eq!(why(&no), "cipher-unopened");
        // Each single character counts.
        let at = first.len() - 3;
        let flipped = if &first[at..=at] == "A" { "B" } else { "A" };
        let broken = format!("{}{flipped}{}", &first[..at], &first[at + 1..]);
        let no = call(&mut it, &alias, "decrypt", open(&broken, "case:7"))
            .await
            .expect(422);
        assert_eq!(why(&no), "cipher-unopened");
    }
    for kind in ["envelope:sm4-gcm", "envelope:aes-256-gcm"] {
        let name = kind.replace(':', "-");
        let alias = key(&mut officer, &name, kind, &[]).await;
        grant(&mut officer, &alias, &id, &["envelope", "decrypt"], &[]).await;
        let large = B64.encode(vec![7u8; 1 << 20]);
        let made = call(
            &mut it,
            &alias,
            "envelope",
            json!({ "plaintext": large, "context": "f" }),
        )
        .await
        .expect(200)
        .json();
        let envelope = word(&made, "envelope");
        let open = json!({ "envelope": envelope, "context": "f" });
        let opened = call(&mut it, &alias, "envelope-opening", open)
            .await
            .expect(200)
            .json();
        assert_eq!(word(&opened, "plaintext"), large);
        let data = call(&mut it, &alias, "data-key", json!({}))
            .await
            .expect(200)
            .json();
        let wrapped = word(&data, "wrapped");
        let opened = call(&mut it, &alias, "data-key-opening", json!({ "wrapped": wrapped }))
            .await
            .expect(200)
            .json();
        assert_eq!(opened["plaintext"], data["plaintext"]);
        let size = if kind.ends_with("sm4-gcm") { 16 } else { 32 };
        assert_eq!(B64.decode(word(&data, "plaintext")).unwrap().len(), size);
        // The data key of an envelope is no data key to hand out.
        let inside = envelope.strip_prefix("ywe1:").unwrap().split('.').next().unwrap();
        let no = call(
            &mut it,
            &alias,
            "data-key-opening",
            json!({ "wrapped": inside, "context": "f" }),
        )
        .await
        .expect(422);
        assert_eq!(why(&no), "cipher-unopened");
    }
    // Hashes need no key; the value is the standard's own example.
    let sm3 = it
        .post_json(
            "/api/v1/crypto/hash",
            &[],
            &json!({ "algorithm": "sm3", "message": b64("abc") }),
        )
        .await
        .expect(200);
    assert_eq!(
        word(&sm3.json(), "hex"),
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
    let listed = it.get("/api/v1/crypto/keys").await.expect(200).json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 9);
}

fn openssl(folder: &Path, line: &str) -> (bool, String) {
    let done = Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output();
    let done = done.expect("the openssl command must be installed");
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn openssl_verifies_what_was_signed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("file"), "一份文件").unwrap();
    for (kind, line) in [
        (
            "sm2",
            "dgst -sm3 -verify pub.pem -signature sig -sigopt distid:1234567812345678 file",
        ),
        ("es256", "dgst -sha256 -verify pub.pem -signature sig file"),
        (
            "ed25519",
            "pkeyutl -verify -rawin -pubin -inkey pub.pem -sigfile sig -in file",
        ),
    ] {
        let alias = key(&mut officer, kind, &format!("sign:{kind}"), &[]).await;
        grant(&mut officer, &alias, &id, &["sign"], &[]).await;
        officer
            .post_form(&format!("/work/keys/{alias}/rotation"), &[])
            .await
            .expect(303);
        // A batch with a bad item: the others are done, and the bad one says why.
        let items =
            json!({ "items": [{ "message": b64("一份文件") }, { "message": "?" }, { "message": b64("x") }] });
        let told = call(&mut it, &alias, "sign", items).await.expect(200).json();
        let results = told["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        assert!(word(&results[1]["error"], "type").ends_with("/problems/cipher-base64"));
        assert_eq!(results[0]["version"], json!(2));
        let described = it
            .get(&format!("/api/v1/crypto/keys/{alias}"))
            .await
            .expect(200)
            .json();
        std::fs::write(at.join("pub.pem"), word(&described["versions"][0], "public_key")).unwrap();
        for (n, fits) in [(0, true), (2, false)] {
            std::fs::write(
                at.join("sig"),
                B64.decode(word(&results[n], "signature")).unwrap(),
            )
            .unwrap();
            let (ok, said) = openssl(at, line);
            assert_eq!(ok, fits, "{kind}: {said}");
        }
        let sql = "SELECT digest FROM cipher_use WHERE alias = $1 AND operation = 'sign'";
        let digests: String = city.scalar(sql, &[alias.as_str().into()]).await.unwrap();
        let digests: Vec<&str> = digests.split(' ').collect();
        assert_eq!((digests.len(), digests[1], digests[0].len()), (3, "-", 64));
    }
    // Not permitted: verifying was not granted.
    let no = call(
        &mut it,
        "shi/sm2",
        "verify",
        json!({ "message": "", "signature": "" }),
    )
    .await
    .expect(403);
    assert_eq!(why(&no), "cipher-not-granted");
}

async fn tokens_open_the_door(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let alias = key(&mut officer, "k", "sign:sm2", &[]).await;
    let body = json!({ "message": b64("x") });
    // No token, a strange one, a cookie alone, a token with another scope.
    let mut nobody = city.visitor();
    assert_eq!(call(&mut nobody, &alias, "sign", body.clone()).await.status, 401);
    nobody.bearer = Some("nonsense".into());
    assert_eq!(call(&mut nobody, &alias, "sign", body.clone()).await.status, 401);
    assert_eq!(
        call(&mut officer, &alias, "sign", body.clone()).await.status,
        401,
        "cookies open nothing here"
    );
    let (_, mut other) = system(&city, "演示资源系统", "introspection").await;
    let no = call(&mut other, &alias, "sign", body.clone()).await.expect(403);
    assert_eq!(why(&no), "openid-scope");
    assert_eq!(uses(&city).await, 0, "whoever is not known leaves no row");
    // A token ends after ten minutes, and with its system.
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    grant(&mut officer, &alias, &id, &["sign"], &[]).await;
    call(&mut it, &alias, "sign", body.clone()).await.expect(200);
    // It opens nothing else of the city.
    it.get("/api/v1/library/elements").await.expect(401);
    it.get("/work/keys").await.expect(401);
    city.clock.set(city.system().now() + 11 * 60_000);
    call(&mut it, &alias, "sign", body.clone()).await.expect(401);
    // An account's API token works under the grant for the office.
    let mut program = city.program(OFFICER).await;
    let no = call(&mut program, &alias, "sign", body.clone()).await.expect(403);
    assert_eq!(why(&no), "cipher-not-granted");
    let mut officer = city.client(OFFICER).await;
    grant(&mut officer, &alias, "office", &["sign"], &[]).await;
    call(&mut program, &alias, "sign", body.clone()).await.expect(200);
    for login in ["resident", "clerk", "auditor"] {
        let mut without = city.program(login).await;
        call(&mut without, &alias, "sign", body.clone()).await.expect(403);
    }
    // Everybody may know what the service is, and what it is not.
    let said = city
        .visitor()
        .get("/api/v1/crypto/status")
        .await
        .expect(200)
        .json();
    assert_eq!(said["certified_module"], Json::Null);
    assert!(word(&said, "notice").contains("未使用经认证的密码模块"));
    let openapi = city.visitor().get("/api/openapi.json").await.expect(200).json();
    let path = &openapi["paths"]["/api/v1/crypto/keys/{organisation}/{name}/sign"]["post"];
    assert_eq!(path["security"], json!([{ "bearer": [] }]));
}

async fn versions_rotate_and_retire(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(
        &mut officer,
        "data",
        "encrypt:sm4-gcm",
        &[("rotate_days", "30"), ("bound", "1")],
    )
    .await;
    let signing = key(&mut officer, "signing", "sign:es256", &[("rotate_days", "30")]).await;
    grant(&mut officer, &alias, &id, &["encrypt", "decrypt"], &[]).await;
    grant(&mut officer, &signing, &id, &["sign", "verify"], &[]).await;
    let no = call(&mut it, &alias, "encrypt", json!({ "plaintext": b64("x") }))
        .await
        .expect(422);
    assert_eq!(why(&no), "cipher-context-missing");
    let made = call(
        &mut it,
        &alias,
        "encrypt",
        json!({ "plaintext": b64("x"), "context": "c" }),
    )
    .await
    .expect(200)
    .json();
    let old = word(&made, "ciphertext");
    let proof = word(
        &call(&mut it, &signing, "sign", json!({ "message": b64("m") }))
            .await
            .expect(200)
            .json(),
        "signature",
    );
    job(&city, "cipher.due").await;
    let versions = "SELECT newest FROM cipher_key WHERE alias = $1";
    assert_eq!(
        city.count(versions, &[alias.as_str().into()]).await,
        1,
        "not before its time"
    );
    // A month later the job makes version 2 of each, and the owner is told.
    city.day("2026-12-26");
    job(&city, "cipher.due").await;
    job(&city, "cipher.due").await;
    assert_eq!(city.count(versions, &[alias.as_str().into()]).await, 2);
    let mut officer = city.client(OFFICER).await;
    assert!(says(
        &officer.get("/me/messages").await.expect(200),
        "密钥已自动轮换：shi/data"
    ));
    let (id, mut it) = system(&city, "演示新系统", "cipher").await;
    grant(&mut officer, &alias, &id, &["encrypt", "decrypt"], &[]).await;
    grant(&mut officer, &signing, &id, &["sign", "verify"], &[]).await;
    let open = |c: &str| json!({ "ciphertext": c, "context": "c" });
    let plain = call(&mut it, &alias, "decrypt", open(&old))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (plain["version"].as_i64(), word(&plain, "plaintext")),
        (Some(1), b64("x"))
    );
    let body = json!({ "message": b64("m"), "signature": proof });
    assert_eq!(
        call(&mut it, &signing, "verify", body.clone())
            .await
            .expect(200)
            .json()["version"],
        json!(1)
    );
    let newer = call(&mut it, &signing, "sign", json!({ "message": b64("m") }))
        .await
        .expect(200)
        .json();
    assert_eq!(newer["version"], json!(2));
    // Brought to the newest version without being shown.
    let again = call(&mut it, &alias, "reencrypt", open(&old))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (again["version"].as_i64(), again.get("plaintext")),
        (Some(2), None)
    );
    let fresh = word(&again, "ciphertext");
    // Version 1 is retired: its ciphertexts and signatures no longer count, until that is taken back.
    let page = officer.get(&format!("/work/keys/{alias}/edit")).await.expect(200);
    let version = page.hidden("version").unwrap();
    let edit = |version: &str, least: &'static str| {
        vec![
            ("version".to_string(), version.to_string()),
            ("title".into(), "演示密钥".into()),
            ("least".into(), least.into()),
            ("bound".into(), "1".into()),
        ]
    };
    let fields = edit(&version, "3");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    officer
        .post_form(&format!("/work/keys/{alias}/edit"), &fields)
        .await
        .expect(422);
    let fields = edit(&version, "2");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    officer
        .post_form(&format!("/work/keys/{alias}/edit"), &fields)
        .await
        .expect(303);
    officer
        .post_form(&format!("/work/keys/{alias}/edit"), &fields)
        .await
        .expect(412);
    let no = call(&mut it, &alias, "decrypt", open(&old)).await.expect(422);
    assert_eq!(why(&no), "cipher-version-retired");
    assert_eq!(
        word(
            &call(&mut it, &alias, "decrypt", open(&fresh))
                .await
                .expect(200)
                .json(),
            "plaintext"
        ),
        b64("x")
    );
    // A ciphertext with another version written on it opens nothing.
    let forged = fresh.replace(":2:", ":1:");
    call(&mut it, &alias, "decrypt", open(&forged)).await.expect(422);
    let forged = fresh.replace(":2:", ":3:");
    assert_eq!(
        why(&call(&mut it, &alias, "decrypt", open(&forged)).await.expect(422)),
        "cipher-no-version"
    );
    assert!(city.altered().await.is_empty());
}

async fn a_key_is_disabled_and_destroyed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(&mut officer, "k", "sign:sm2", &[]).await;
    grant(&mut officer, &alias, &id, &["sign", "verify"], &[]).await;
    let body = json!({ "message": b64("x") });
    let page = format!("/work/keys/{alias}");
    let to = |part: &str| format!("{page}/{part}");
    officer.post_form(&to("disablement"), &[]).await.expect(303);
    assert_eq!(
        why(&call(&mut it, &alias, "sign", body.clone()).await.expect(409)),
        "cipher-disabled"
    );
    officer.post_form(&to("disablement"), &[]).await.expect(409);
    officer.post_form(&to("rotation"), &[]).await.expect(409);
    officer.post_form(&to("enablement"), &[]).await.expect(303);
    call(&mut it, &alias, "sign", body.clone()).await.expect(200);
    for (days, typed) in [
        ("6", alias.as_str()),
        ("31", &alias),
        ("x", &alias),
        ("7", "shi/other"),
    ] {
        officer
            .post_form(&to("destruction"), &[("days", days), ("typed", typed)])
            .await
            .expect(422);
    }
    officer
        .post_form(&to("destruction"), &[("days", "7"), ("typed", &alias)])
        .await
        .expect(303);
    assert_eq!(
        why(&call(&mut it, &alias, "sign", body.clone()).await.expect(409)),
        "cipher-scheduled"
    );
    assert!(officer.get(&page).await.expect(200).has("撤销销毁"));
    officer
        .post_form(&to("destruction/cancellation"), &[])
        .await
        .expect(303);
    officer.post_form(&to("enablement"), &[]).await.expect(303);
    call(&mut it, &alias, "sign", body.clone()).await.expect(200);
    officer
        .post_form(&to("destruction"), &[("days", "7"), ("typed", &alias)])
        .await
        .expect(303);
    city.day("2026-11-30");
    job(&city, "cipher.due").await;
    let sealed = "SELECT COUNT(*) FROM cipher_key_version WHERE sealed IS NOT NULL";
    assert_eq!(
        city.count(sealed, &[]).await,
        1,
        "six days later it is still there"
    );
    city.day("2026-12-02");
    job(&city, "cipher.due").await;
    job(&city, "cipher.due").await;
    assert_eq!(
        city.count(sealed, &[]).await,
        0,
        "the material is gone, the row stays"
    );
    assert_eq!(
        city.count("SELECT COUNT(*) FROM cipher_key WHERE state = 'destroyed'", &[])
            .await,
        1
    );
    let (_, mut late) = system(&city, "演示新系统", "cipher").await;
    call(&mut late, &alias, "sign", body.clone()).await.expect(403);
    let mut officer = city.client(OFFICER).await;
    officer
        .post_form(&to("destruction/cancellation"), &[])
        .await
        .expect(409);
    officer.post_form(&to("enablement"), &[]).await.expect(409);
    assert!(officer.get(&page).await.expect(200).has("已销毁"));
    assert!(city.altered().await.is_empty());
}

async fn nobody_uses_the_keys_of_others(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let (_, mut thief) = system(&city, "演示别的系统", "cipher").await;
    let mine = key(&mut officer, "mine", "encrypt:sm4-gcm", &[]).await;
    let other = key(&mut officer, "other", "encrypt:sm4-gcm", &[]).await;
    grant(&mut officer, &mine, &id, &["encrypt", "decrypt"], &[]).await;
    grant(&mut officer, &other, &id, &["encrypt", "decrypt"], &[]).await;
    let made = call(&mut it, &mine, "encrypt", json!({ "plaintext": b64("x") }))
        .await
        .expect(200)
        .json();
    let text = word(&made, "ciphertext");
    // Not granted and not there look alike, and both are in the log.
    let no = call(&mut thief, &mine, "decrypt", json!({ "ciphertext": text }))
        .await
        .expect(403);
    let none = call(
        &mut thief,
        "shi/nowhere",
        "decrypt",
        json!({ "ciphertext": text }),
    )
    .await
    .expect(403);
    assert_eq!(
        (why(&no), why(&none)),
        ("cipher-not-granted".into(), "cipher-not-granted".into())
    );
    thief
        .get(&format!("/api/v1/crypto/keys/{mine}"))
        .await
        .expect(403);
    let refused = "SELECT COUNT(*) FROM cipher_use WHERE result = 'cipher-not-granted' AND actor <> $1";
    assert_eq!(city.count(refused, &[id.as_str().into()]).await, 2);
    // A ciphertext opens under its own key only, also when its name is changed.
    let no = call(&mut it, &other, "decrypt", json!({ "ciphertext": text }))
        .await
        .expect(422);
    assert_eq!(why(&no), "cipher-other-key");
    let id_of = async |alias: &str| -> String {
        city.scalar("SELECT id FROM cipher_key WHERE alias = $1", &[alias.into()])
            .await
            .unwrap()
    };
    let renamed = text.replace(&id_of(&mine).await, &id_of(&other).await);
    let no = call(&mut it, &other, "decrypt", json!({ "ciphertext": renamed }))
        .await
        .expect(422);
    assert_eq!(why(&no), "cipher-unopened");
    let no = call(&mut it, &mine, "sign", json!({ "message": "" }))
        .await
        .expect(403);
    assert_eq!(why(&no), "cipher-not-granted");
    // A grant that was taken back is over at once.
    let path = format!("/work/keys/{mine}/policy/removal");
    officer.post_form(&path, &[("holder", &id)]).await.expect(303);
    officer.post_form(&path, &[("holder", &id)]).await.expect(404);
    call(&mut it, &mine, "decrypt", json!({ "ciphertext": text }))
        .await
        .expect(403);
    // Officials without the role see nothing; keys of an organisation that is not theirs do not exist for them.
    for login in ["clerk", "head", "admin"] {
        city.client(login).await.get("/work/keys").await.expect(403);
    }
    let mut auditor = city.client("auditor").await;
    assert!(says(&auditor.get("/work/keys").await.expect(200), &mine));
    assert!(
        !auditor
            .get(&format!("/work/keys/{mine}"))
            .await
            .expect(200)
            .has("立即轮换")
    );
    auditor
        .post_form(&format!("/work/keys/{mine}/rotation"), &[])
        .await
        .expect(403);
    // The officer of one bureau makes no keys for the whole city and does not see the city's.
    city.execute(
        "UPDATE identity_post SET organisation = 'dashuju' WHERE id = 'shi-cryptography'",
        &[],
    )
    .await;
    let mut officer = city.client(OFFICER).await;
    assert!(!says(&officer.get("/work/keys").await.expect(200), &mine));
    officer.get(&format!("/work/keys/{mine}")).await.expect(404);
    officer
        .post_form(&format!("/work/keys/{mine}/rotation"), &[])
        .await
        .expect(403);
    let fields = [
        ("title", "x"),
        ("organisation", "shi"),
        ("name", "foreign"),
        ("kind", "sign:sm2"),
    ];
    officer.post_form("/work/keys/new", &fields).await.expect(403);
    let fields = [
        ("title", "x"),
        ("organisation", "dashuju"),
        ("name", "own"),
        ("kind", "sign:sm2"),
    ];
    officer.post_form("/work/keys/new", &fields).await.expect(303);
    assert!(!says(&officer.get("/work/keys/uses").await.expect(200), "shi/"));
}

async fn malformed_requests_are_refused_and_logged(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let sign = key(&mut officer, "s", "sign:sm2", &[]).await;
    let data = key(&mut officer, "d", "encrypt:sm4-gcm", &[]).await;
    let wrap = key(&mut officer, "w", "envelope:sm4-gcm", &[]).await;
    grant(&mut officer, &sign, &id, &["sign", "verify"], &[]).await;
    grant(&mut officer, &data, &id, &["encrypt", "decrypt"], &[]).await;
    grant(&mut officer, &wrap, &id, &["envelope", "decrypt"], &[]).await;
    let of = |n: usize| B64.encode(vec![0u8; n]);
    let cases = [
        (
            &sign,
            "sign",
            json!({ "message": of(65_537) }),
            413,
            "cipher-too-large",
        ),
        (
            &sign,
            "sign",
            json!({ "message": "no base64!" }),
            422,
            "cipher-base64",
        ),
        (&sign, "sign", json!({ "text": "x" }), 422, "cipher-json"),
        (&sign, "sign", json!({}), 422, "cipher-field-missing"),
        (
            &sign,
            "sign",
            json!({ "items": vec![json!({ "message": "" }); 101] }),
            413,
            "cipher-batch",
        ),
        (
            &sign,
            "verify",
            json!({ "message": "", "signature": "", "version": 2 }),
            422,
            "cipher-no-version",
        ),
        (
            &data,
            "decrypt",
            json!({ "ciphertext": "yw1:zz:1:AA" }),
            422,
            "cipher-no-ciphertext",
        ),
        (
            &data,
            "encrypt",
            json!({ "plaintext": "", "context": "\u{0}" }),
            422,
            "cipher-context-long",
        ),
        (
            &wrap,
            "envelope",
            json!({ "plaintext": of((10 << 20) + 1) }),
            413,
            "cipher-too-large",
        ),
        (
            &wrap,
            "envelope-opening",
            json!({ "envelope": "ywe1:" }),
            422,
            "cipher-no-ciphertext",
        ),
    ];
    let n = cases.len() as i64;
    for (alias, action, body, status, name) in cases {
        let no = call(&mut it, alias, action, body).await.expect(status);
        assert_eq!(why(&no), name, "{action}");
    }
    // Beyond what is read at all, no JSON, another method, an alias that can be none.
    let path = format!("/api/v1/crypto/keys/{sign}/sign");
    let json_kind = [("content-type", "application/json")];
    let huge = it
        .send(Method::POST, &path, &json_kind, vec![b' '; (16 << 20) + 1])
        .await
        .expect(413);
    assert_eq!(why(&huge), "cipher-too-large");
    assert_eq!(
        why(&it
            .send(Method::POST, &path, &json_kind, b"{".to_vec())
            .await
            .expect(422)),
        "cipher-json"
    );
    it.get(&path).await.expect(405);
    let strange = "/api/v1/crypto/keys/shi/%00%2e%2e/sign";
    it.post_json(strange, &[], &json!({ "message": "" }))
        .await
        .expect(403);
    let no = it
        .post_json(
            "/api/v1/crypto/hash",
            &[],
            &json!({ "algorithm": "md5", "message": "" }),
        )
        .await
        .expect(422);
    assert_eq!(why(&no), "cipher-hash-unknown");
    assert_eq!(uses(&city).await, n + 4, "each of them is in the log");
    assert_eq!(
        city.count("SELECT COUNT(*) FROM cipher_use WHERE result = 'done'", &[])
            .await,
        0
    );
    // 64 KiB are taken, and the empty message too.
    for size in [0, 65_536] {
        call(&mut it, &sign, "sign", json!({ "message": of(size) }))
            .await
            .expect(200);
    }
}

async fn limits_hold(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(&mut officer, "k", "mac:hmac-sm3", &[]).await;
    let limits = [("per_minute", "3"), ("per_day", "5")];
    grant(&mut officer, &alias, &id, &["mac"], &limits).await;
    let one = json!({ "message": "" });
    call(&mut it, &alias, "mac", one.clone()).await.expect(200);
    // Items count, and a batch that does not fit costs nothing.
    let three = json!({ "items": vec![one.clone(); 3] });
    let no = call(&mut it, &alias, "mac", three.clone()).await.expect(429);
    assert_eq!(why(&no), "cipher-limit");
    let wait: i64 = no.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    call(&mut it, &alias, "mac", json!({ "items": vec![one.clone(); 2] }))
        .await
        .expect(200);
    call(&mut it, &alias, "mac", one.clone()).await.expect(429);
    city.clock.set(city.system().now() + 60_000);
    call(&mut it, &alias, "mac", json!({ "items": vec![one.clone(); 2] }))
        .await
        .expect(200);
    let no = call(&mut it, &alias, "mac", one.clone()).await.expect(429);
    assert!(
        no.header("retry-after").parse::<i64>().unwrap() > 3600,
        "the day is used up"
    );
    // Two at once do not pass together.
    grant(
        &mut officer,
        &alias,
        &id,
        &["mac"],
        &[("per_minute", "10"), ("per_day", "0")],
    )
    .await;
    city.clock.set(city.system().now() + 60_000);
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (mut own, alias, one) = (city.visitor(), alias.clone(), one.clone());
        own.bearer = it.bearer.clone();
        tasks.push(tokio::spawn(async move {
            call(&mut own, &alias, "mac", one).await.status
        }));
    }
    let mut done = 0;
    for t in tasks {
        let status = t.await.unwrap();
        assert!([200, 429].contains(&status), "{status}");
        done += i32::from(status == 200);
    }
    assert_eq!(done, 10);
    for bad in [[("per_minute", "-1")], [("per_minute", "x")]] {
        let mut fields = vec![("holder", id.as_str()), ("operation", "mac")];
        fields.extend(bad);
        officer
            .post_form(&format!("/work/keys/{alias}/policy"), &fields)
            .await
            .expect(422);
    }
}

async fn nonces_run_out(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(&mut officer, "k", "encrypt:aes-256-gcm", &[]).await;
    grant(&mut officer, &alias, &id, &["encrypt", "decrypt"], &[]).await;
    let two = json!({ "items": vec![json!({ "plaintext": "" }); 2] });
    call(&mut it, &alias, "encrypt", two.clone()).await.expect(200);
    assert_eq!(city.count("SELECT used FROM cipher_key_version", &[]).await, 2);
    city.execute("UPDATE cipher_key_version SET used = 4294967295", &[])
        .await;
    let no = call(&mut it, &alias, "encrypt", two.clone()).await.expect(409);
    assert_eq!(why(&no), "cipher-exhausted");
    let told = call(&mut it, &alias, "encrypt", two).await.expect(200).json();
    assert_eq!(told["results"][0]["version"], json!(2), "it was rotated");
    // A hundred ciphertexts of a batch have a hundred nonces.
    let many = json!({ "items": vec![json!({ "plaintext": "" }); 100] });
    let told = call(&mut it, &alias, "encrypt", many).await.expect(200).json();
    let all: std::collections::BTreeSet<String> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| word(r, "ciphertext"))
        .collect();
    assert_eq!(all.len(), 100);
}

async fn the_log_is_whole_and_sealed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(&mut officer, "k", "sign:sm2", &[]).await;
    grant(&mut officer, &alias, &id, &["sign", "verify"], &[]).await;
    let secret = "绝密的一句话";
    let mut sent = 0;
    for n in 0..9 {
        let body = match n % 3 {
            0 => json!({ "message": b64(secret) }),
            1 => json!({ "message": "?" }),
            _ => json!({ "items": [{ "message": b64("a") }, { "message": b64("b") }] }),
        };
        call(&mut it, &alias, "sign", body).await;
        sent += 1;
    }
    // At once from many sides: none is lost.
    let mut tasks = Vec::new();
    for _ in 0..12 {
        let (mut own, alias) = (city.visitor(), alias.clone());
        own.bearer = it.bearer.clone();
        tasks.push(tokio::spawn(async move {
            call(&mut own, &alias, "sign", json!({ "message": b64("x") }))
                .await
                .expect(200)
        }));
        sent += 1;
    }
    let mut requests = std::collections::BTreeSet::new();
    for t in tasks {
        requests.insert(t.await.unwrap().header("x-request-id").to_string());
    }
    assert_eq!(uses(&city).await, sent);
    for request in &requests {
        let sql = "SELECT COUNT(*) FROM cipher_use WHERE request = $1";
        assert_eq!(city.count(sql, &[request.as_str().into()]).await, 1);
    }
    let page = officer.get("/work/keys/uses?result=refused").await.expect(200);
    assert!(
        page.has("不是 Base64") && page.has("演示停车系统"),
        "{}",
        page.text()
    );
    let file = officer
        .get("/work/keys/uses.csv?operation=sign")
        .await
        .expect(200);
    assert_eq!(file.text().lines().count() as i64, sent + 1);
    assert!(
        !file.has(secret) && !file.has(&b64(secret)),
        "never what was signed"
    );
    assert!(
        officer
            .get(&format!("/work/keys/{alias}"))
            .await
            .expect(200)
            .has("最近 30 天共 21 次请求")
    );
    let paged = officer.get("/work/keys/uses?alias=shi/none").await.expect(200);
    assert!(paged.has("没有记录"));
    // The hour is sealed when it is over, and the fact holds the digest of its rows.
    job(&city, "cipher.seal").await;
    assert_eq!(city.count("SELECT COUNT(*) FROM cipher_seal", &[]).await, 0);
    city.clock.set(city.system().now() + 3 * 3_600_000);
    job(&city, "cipher.seal").await;
    job(&city, "cipher.seal").await;
    assert_eq!(city.count("SELECT uses FROM cipher_seal", &[]).await, sent);
    let payload: Json = city
        .scalar(
            "SELECT payload FROM kernel_fact WHERE type = 'cipher.uses.sealed'",
            &[],
        )
        .await
        .unwrap();
    let digest: String = city.scalar("SELECT digest FROM cipher_seal", &[]).await.unwrap();
    assert_eq!(
        (&payload["uses"], word(&payload, "sha256")),
        (&json!(sent), digest)
    );
    assert!(city.altered().await.is_empty());
    // Rows are kept 400 days.
    job(&city, "cipher.sweep").await;
    assert_eq!(uses(&city).await, sent);
    // Whoever alters or removes a row is found.
    city.execute(
        "UPDATE cipher_use SET result = 'done' WHERE result = 'cipher-base64'",
        &[],
    )
    .await;
    assert!(city.altered().await.iter().any(|f| f.contains("cipher_use")));
    city.day("2028-01-10");
    job(&city, "cipher.sweep").await;
    assert_eq!(uses(&city).await, 0);
    assert!(city.altered().await.is_empty());
}

async fn officials_manage_and_try(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let list = officer.get("/work/keys").await.expect(200);
    assert!(list.has("未使用经认证的密码模块") && list.has("还没有密钥"));
    officer.get("/work/keys/new").await.expect(200);
    for (name, value, at) in [
        ("name", "Bad Name", "别名只能用"),
        ("title", "", "请填写名称"),
        ("kind", "sign:sm4-gcm", "不适合这个用途"),
        ("kind", "", "请选择用途"),
        ("rotate_days", "4000", "1 至 3650"),
        ("rotate_days", "soon", "1 至 3650"),
        ("organisation", "nowhere", "没有这个单位"),
    ] {
        let mut fields = vec![
            ("title", "甲"),
            ("organisation", "shi"),
            ("name", "one"),
            ("kind", "sign:sm2"),
            ("rotate_days", ""),
        ];
        fields.retain(|(n, _)| *n != name);
        fields.push((name, value));
        let again = officer.post_form("/work/keys/new", &fields).await.expect(422);
        assert!(again.has(at), "{name}={value}: {}", again.text());
    }
    let alias = key(&mut officer, "one", "encrypt:sm4-gcm", &[]).await;
    let fields = [
        ("title", "乙"),
        ("organisation", "shi"),
        ("name", "one"),
        ("kind", "mac:hmac-sm3"),
    ];
    assert!(
        officer
            .post_form("/work/keys/new", &fields)
            .await
            .expect(409)
            .has("已有这个别名")
    );
    let page = format!("/work/keys/{alias}");
    assert!(officer.get(&page).await.expect(200).has("任何系统都不能使用"));
    assert!(says(&officer.get("/work/keys?q=演示").await.expect(200), &alias));
    assert!(!says(&officer.get("/work/keys?q=%25x").await.expect(200), &alias));
    // Trying obeys the policy.
    let trial = format!("{page}/trial");
    let no = officer
        .post_form(&trial, &[("action", "encrypt"), ("text", "你好")])
        .await
        .expect(403);
    assert!(
        no.has("没有使用这个密钥的授权") && no.has("你好"),
        "the words are kept"
    );
    grant(
        &mut officer,
        &alias,
        "office",
        &["encrypt", "decrypt"],
        &[("per_minute", "100")],
    )
    .await;
    let done = officer
        .post_form(&trial, &[("action", "encrypt"), ("text", "你好")])
        .await
        .expect(200);
    let text = done.between("yw1:", "</code>").unwrap();
    let shown = officer
        .post_form(&trial, &[("action", "decrypt"), ("text", &format!("yw1:{text}"))])
        .await
        .expect(200);
    assert!(shown.has("你好"), "{}", shown.text());
    officer
        .post_form(&trial, &[("action", "sign"), ("text", "x")])
        .await
        .expect(404);
    let policy = format!("{page}/policy");
    for fields in [
        vec![("holder", "office")],
        vec![("holder", "office"), ("operation", "sign")],
        vec![("holder", "client:nobody"), ("operation", "encrypt")],
        vec![("holder", "account:1"), ("operation", "encrypt")],
    ] {
        officer.post_form(&policy, &fields).await.expect(422);
    }
    let (id, _) = system(&city, "演示停车系统", "cipher").await;
    assert!(officer.get(&policy).await.expect(200).has("演示停车系统"));
    grant(&mut officer, &alias, &id, &["encrypt"], &[]).await;
    assert!(
        officer
            .get(&format!("{policy}?holder={}", id.replace(':', "%3A")))
            .await
            .expect(200)
            .has("演示停车系统")
    );
    let fields = [("algorithm", "sm3"), ("text", "abc")];
    let digest = officer.post_form("/work/keys/hash", &fields).await.expect(200);
    assert!(digest.has("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"));
    // Material lies sealed: no row, fact or page has it.
    let sealed: Vec<u8> = city
        .scalar("SELECT sealed FROM cipher_key_version", &[])
        .await
        .unwrap();
    let id: String = city.scalar("SELECT id FROM cipher_key", &[]).await.unwrap();
    let plain = city
        .system()
        .protect()
        .open(&format!("cipher_key_version.sealed:{id}.1"), &sealed)
        .unwrap();
    assert_eq!(plain.len(), 32, "sixteen bytes in hex");
    assert!(!officer.get(&page).await.expect(200).has(&plain));
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE CAST(payload AS TEXT) LIKE $1";
    assert_eq!(city.count(facts, params![format!("%{plain}%")]).await, 0);
    city.settle().await;
    assert!(city.altered().await.is_empty());
}

async fn time_stamps_verify(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let (_, mut other) = system(&city, "演示别的系统", "cipher").await;
    let alias = key(&mut officer, "k", "sign:sm2", &[]).await;
    grant(&mut officer, &alias, &id, &["timestamp"], &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("data"), "一份文件").unwrap();
    let (ok, said) = openssl(at, "ts -query -data data -sha256 -cert -out req.tsq");
    assert!(ok, "{said}");
    let request = std::fs::read(at.join("req.tsq")).unwrap();
    let kind = [("content-type", "application/timestamp-query")];
    let path = "/api/v1/crypto/timestamp";
    let answer = it
        .send(Method::POST, path, &kind, request.clone())
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "application/timestamp-reply");
    std::fs::write(at.join("resp.tsr"), &answer.body).unwrap();
    let root = city.visitor().get("/trust/root/p256.pem").await.expect(200);
    std::fs::write(at.join("root.pem"), &root.body).unwrap();
    let line = format!(
        "ts -verify -queryfile req.tsq -in resp.tsr -CAfile root.pem -attime {}",
        city.system().now() / 1000
    );
    let (ok, said) = openssl(at, &line);
    assert!(ok && said.contains("Verification: OK"), "{said}");
    // In JSON, for those who have a digest.
    let body = json!({ "algorithm": "sm3", "digest": B64.encode([7u8; 32]) });
    let told = it.post_json(path, &[], &body).await.expect(200).json();
    std::fs::write(at.join("resp.tsr"), B64.decode(word(&told, "response")).unwrap()).unwrap();
    assert!(
        openssl(at, "ts -reply -in resp.tsr -text")
            .1
            .contains("Status: Granted")
    );
    let short = json!({ "algorithm": "sm3", "digest": B64.encode([7u8; 31]) });
    assert_eq!(
        why(&it.post_json(path, &[], &short).await.expect(422)),
        "cipher-digest-size"
    );
    // Nonsense is answered as the protocol says; who was not granted it gets none.
    let answer = it
        .send(Method::POST, path, &kind, b"nonsense".to_vec())
        .await
        .expect(200);
    std::fs::write(at.join("resp.tsr"), &answer.body).unwrap();
    assert!(
        openssl(at, "ts -reply -in resp.tsr -text")
            .1
            .contains("Status: Rejected")
    );
    other.send(Method::POST, path, &kind, request).await.expect(403);
    assert_eq!(
        city.count(
            "SELECT COUNT(*) FROM cipher_use WHERE operation = 'timestamp'",
            &[]
        )
        .await,
        5
    );
}

/// The private half of a version as OpenSSL reads it (PKCS #8), taken out of the city by whoever holds its master key.
async fn private_pem(city: &City, alias: &str, number: i64) -> String {
    let ctx = city.system();
    let sql = "SELECT v.sealed FROM cipher_key_version v JOIN cipher_key k ON k.id = v.key WHERE k.alias = $1 AND v.number = $2";
    let sealed: Vec<u8> = city.scalar(sql, &[alias.into(), number.into()]).await.unwrap();
    let id: String = city
        .scalar("SELECT id FROM cipher_key WHERE alias = $1", &[alias.into()])
        .await
        .unwrap();
    let text = ctx
        .protect()
        .open(&format!("cipher_key_version.sealed:{id}.{number}"), &sealed)
        .unwrap();
    let head = "3041020100301306072a8648ce3d020106082a811ccf5501822d0427302502010104 20".replace(' ', "");
    let der = [hex::decode(head).unwrap(), hex::decode(text).unwrap()].concat();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        B64.encode(der)
    )
}

/// The newest public half, as PEM and as a point without its mark.
async fn public_half(it: &mut Client, alias: &str) -> (String, Vec<u8>) {
    let told = it
        .get(&format!("/api/v1/crypto/keys/{alias}"))
        .await
        .expect(200)
        .json();
    let newest = &told["versions"][0];
    let part = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(newest["jwk"][name].as_str().unwrap())
            .unwrap()
    };
    (word(newest, "public_key"), [part("x"), part("y")].concat())
}

async fn anybody_seals_to_a_public_key_and_only_it_opens(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let alias = key(&mut officer, "inbox", "asymmetric:sm2-encryption", &[]).await;
    grant(&mut officer, &alias, &id, &["envelope", "decrypt"], &[]).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Somebody outside encrypts a data key with OpenSSL; the city opens it, also after a rotation.
    let (pem, _) = public_half(&mut it, &alias).await;
    std::fs::write(at.join("pub.pem"), pem).unwrap();
    std::fs::write(at.join("dek"), [7u8; 16]).unwrap();
    let (ok, said) = openssl(at, "pkeyutl -encrypt -pubin -inkey pub.pem -in dek -out wrapped");
    assert!(ok, "{said}");
    let foreign = B64.encode(std::fs::read(at.join("wrapped")).unwrap());
    officer
        .post_form(&format!("/work/keys/{alias}/rotation"), &[])
        .await
        .expect(303);
    let opened = call(&mut it, &alias, "unwrap", json!({ "wrapped": foreign }))
        .await
        .expect(200)
        .json();
    assert_eq!(B64.decode(word(&opened, "plaintext")).unwrap(), [7u8; 16]);
    assert_eq!(opened["version"], json!(1));
    let no = call(
        &mut it,
        &alias,
        "unwrap",
        json!({ "wrapped": foreign, "version": 2 }),
    )
    .await
    .expect(422);
    assert_eq!(why(&no), "cipher-unopened");
    // What the city wraps is the standard's own form: OpenSSL opens it with the private half.
    let made = call(
        &mut it,
        &alias,
        "wrap",
        json!({ "plaintext": B64.encode([9u8; 16]) }),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(made["version"], json!(2));
    std::fs::write(at.join("wrapped"), B64.decode(word(&made, "wrapped")).unwrap()).unwrap();
    std::fs::write(at.join("key.pem"), private_pem(&city, &alias, 2).await).unwrap();
    let (ok, said) = openssl(at, "pkeyutl -decrypt -inkey key.pem -in wrapped -out opened");
    assert!(ok, "{said}");
    assert_eq!(std::fs::read(at.join("opened")).unwrap(), [9u8; 16]);
    // A whole envelope, bound to its context; one changed character and it stays shut.
    let large = B64.encode(vec![5u8; 1 << 20]);
    let made = call(
        &mut it,
        &alias,
        "asymmetric-envelope",
        json!({ "plaintext": large, "context": "case:7" }),
    )
    .await
    .expect(200)
    .json();
    let envelope = word(&made, "envelope");
    let open = |text: &str, context: &str| json!({ "envelope": text, "context": context });
    let opened = call(
        &mut it,
        &alias,
        "asymmetric-envelope-opening",
        open(&envelope, "case:7"),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(word(&opened, "plaintext"), large);
    let (head, body) = envelope.split_once('.').unwrap();
    let flipped = |text: &str, at: usize| {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    for (broken, context) in [
        (envelope.clone(), "case:8"),
        (format!("{head}.{}", flipped(body, 40)), "case:7"),
        (format!("{}.{body}", flipped(head, head.len() - 9)), "case:7"),
        (envelope.replacen(":2:", ":1:", 1), "case:7"),
    ] {
        let no = call(
            &mut it,
            &alias,
            "asymmetric-envelope-opening",
            open(&broken, context),
        )
        .await
        .expect(422);
        assert!(["cipher-unopened", "cipher-no-ciphertext"].contains(&why(&no).as_str()));
    }
    // One that somebody outside put together with the public half alone: SM4-GCM under their key, bound to what stands before the dot.
    let id_of: String = city
        .scalar(
            "SELECT id FROM cipher_key WHERE alias = $1",
            &[alias.as_str().into()],
        )
        .await
        .unwrap();
    let wrapped = URL_SAFE_NO_PAD.encode(B64.decode(&foreign).unwrap());
    let head = format!("ywa1:{id_of}:1:{wrapped}");
    let sealed =
        trust::crypto::sm::sm4_gcm_seal(&[7; 16], &[1; 12], head.as_bytes(), "来信".as_bytes()).unwrap();
    let theirs = format!(
        "{head}.{}",
        URL_SAFE_NO_PAD.encode([[1u8; 12].as_slice(), &sealed].concat())
    );
    let opened = call(&mut it, &alias, "asymmetric-envelope-opening", open(&theirs, ""))
        .await
        .expect(200)
        .json();
    assert_eq!(word(&opened, "plaintext"), b64("来信"));
    // Bad input, another purpose, and what was not granted.
    for (body, expected) in [
        (json!({ "wrapped": B64.encode([0u8; 90]) }), "cipher-unopened"),
        (json!({ "wrapped": "?" }), "cipher-base64"),
        (json!({ "wrapped": B64.encode([0u8; 1025]) }), "cipher-too-large"),
        (json!({}), "cipher-field-missing"),
    ] {
        assert_eq!(why(&call(&mut it, &alias, "unwrap", body).await), expected);
    }
    let no = call(&mut it, &alias, "envelope", json!({ "plaintext": b64("x") }))
        .await
        .expect(409);
    assert_eq!(why(&no), "cipher-other-purpose");
    let (writer, mut only) = system(&city, "演示写入系统", "cipher").await;
    grant(&mut officer, &alias, &writer, &["envelope"], &[]).await;
    call(&mut only, &alias, "wrap", json!({ "plaintext": b64("k") }))
        .await
        .expect(200);
    let no = call(&mut only, &alias, "unwrap", json!({ "wrapped": foreign }))
        .await
        .expect(403);
    assert_eq!(why(&no), "cipher-not-granted");
    // On the page too.
    grant(&mut officer, &alias, "office", &["envelope", "decrypt"], &[]).await;
    let path = format!("/work/keys/{alias}/trial");
    let tried = [
        ("action", "asymmetric-envelope-opening"),
        ("text", theirs.as_str()),
    ];
    assert!(officer.post_form(&path, &tried).await.expect(200).has("来信"));
    assert!(says(
        &officer.get(&format!("/work/keys/{alias}")).await.expect(200),
        "非对称信封"
    ));
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn digests_are_signed_where_the_policy_says_so(db: Db) {
    let city = City::open(db, DAY).await;
    let mut officer = city.client(OFFICER).await;
    let (id, mut it) = system(&city, "演示停车系统", "cipher").await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let file = "一份很大的文件".as_bytes();
    std::fs::write(at.join("file"), file).unwrap();
    for (kind, line) in [
        (
            "sm2",
            "dgst -sm3 -verify pub.pem -signature sig -sigopt distid:1234567812345678 file",
        ),
        ("es256", "dgst -sha256 -verify pub.pem -signature sig file"),
    ] {
        let alias = key(&mut officer, kind, &format!("sign:{kind}"), &[]).await;
        grant(&mut officer, &alias, &id, &["sign", "verify"], &[]).await;
        let (pem, point) = public_half(&mut it, &alias).await;
        std::fs::write(at.join("pub.pem"), pem).unwrap();
        let digest = match kind {
            // e = SM3(Z ‖ M), Z = SM3(length of the identifier in bits ‖ identifier ‖ a ‖ b ‖ G ‖ public point).
            "sm2" => {
                let curve = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC\
                             28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93\
                             32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7\
                             BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0";
                let z = [
                    &[0x00, 0x80],
                    b"1234567812345678".as_slice(),
                    &hex::decode(curve).unwrap(),
                    &point,
                ]
                .concat();
                trust::crypto::sm::sm3(&[trust::crypto::sm::sm3(&z).as_slice(), file].concat()).to_vec()
            }
            _ => trust::crypto::Hash::Sha256.digest(file),
        };
        let body = json!({ "digest": B64.encode(&digest) });
        // Off unless somebody allows it, and then it is a fact.
        let no = call(&mut it, &alias, "sign-digest", body.clone())
            .await
            .expect(409);
        assert_eq!(why(&no), "cipher-digests-off");
        let turn = async |officer: &mut Client, on: bool| {
            let path = format!("/work/keys/{alias}/edit");
            let version = officer.get(&path).await.expect(200).hidden("version").unwrap();
            let mut fields = vec![
                ("version", version.as_str()),
                ("title", "演示密钥"),
                ("rotate_days", ""),
                ("least", "1"),
            ];
            if on {
                fields.push(("digests", "1"));
            }
            officer.post_form(&path, &fields).await.expect(303);
        };
        turn(&mut officer, true).await;
        assert!(says(
            &officer.get(&format!("/work/keys/{alias}")).await.expect(200),
            "对摘要签名"
        ));
        let signed = call(&mut it, &alias, "sign-digest", body.clone())
            .await
            .expect(200)
            .json();
        std::fs::write(at.join("sig"), B64.decode(word(&signed, "signature")).unwrap()).unwrap();
        let (ok, said) = openssl(at, line);
        assert!(ok, "{kind}: {said}");
        // The log says that only a digest was seen, and which.
        let sql = "SELECT digest FROM cipher_use WHERE alias = $1 AND operation = 'sign-digest' AND result = 'done'";
        let kept: String = city.scalar(sql, &[alias.as_str().into()]).await.unwrap();
        assert_eq!(kept, hex::encode(&digest));
        let log = city.client("auditor").await.get("/work/keys/uses").await;
        assert!(log.status == 403 || says(&log, "对摘要签名"));
        assert!(says(
            &officer.get("/work/keys/uses").await.expect(200),
            "对摘要签名"
        ));
        for (body, expected) in [
            (
                json!({ "digest": B64.encode(&digest[..31]) }),
                "cipher-digest-size",
            ),
            (json!({ "digest": "?" }), "cipher-base64"),
            (json!({ "message": B64.encode(&digest) }), "cipher-field-missing"),
        ] {
            assert_eq!(
                why(&call(&mut it, &alias, "sign-digest", body).await.expect(422)),
                expected
            );
        }
        // A digest in the place of a message signs another thing.
        let other = call(&mut it, &alias, "sign", json!({ "message": B64.encode(&digest) }))
            .await
            .expect(200)
            .json();
        std::fs::write(at.join("sig"), B64.decode(word(&other, "signature")).unwrap()).unwrap();
        assert!(!openssl(at, line).0);
        turn(&mut officer, false).await;
        let no = call(&mut it, &alias, "sign-digest", body).await.expect(409);
        assert_eq!(why(&no), "cipher-digests-off");
        let facts = "SELECT COUNT(*) FROM kernel_fact f JOIN cipher_key k ON k.id = f.subject WHERE f.type = 'cipher.key.digests' AND k.alias = $1";
        assert_eq!(city.count(facts, &[alias.as_str().into()]).await, 2);
    }
    // Ed25519 signs messages only.
    let fields = [
        ("title", "演示密钥"),
        ("organisation", "shi"),
        ("name", "ed"),
        ("kind", "sign:ed25519"),
        ("digests", "1"),
    ];
    let no = officer.post_form("/work/keys/new", &fields).await.expect(422);
    assert!(no.has("只有 SM2 和 ECDSA P-256"), "{}", no.text());
    assert_eq!(city.altered().await, Vec::<String>::new());
}
