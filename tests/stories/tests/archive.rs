//! Archive packages: an ended case leaves one, the archivist reads and checks it, nobody else does.

use kernel::params;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use stories::matter::{PDF, PDF2};
use stories::{City, Client, Db, on_both};

on_both!(
    an_ended_case_leaves_a_package,
    what_is_altered_is_found,
    a_withdrawn_case_is_archived_too,
);

/// The files of a ZIP without compression, as its format says: a reader of the story's own.
fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |at: usize, n: usize| {
        bytes[at..at + n]
            .iter()
            .rev()
            .fold(0usize, |sum, b| sum << 8 | *b as usize)
    };
    let end = bytes.len() - 22;
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let (many, mut at) = (number(end + 10, 2), number(end + 16, 4));
    let mut out = BTreeMap::new();
    for _ in 0..many {
        assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
        let (size, name, local) = (number(at + 24, 4), number(at + 28, 2), number(at + 42, 4));
        let called = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap();
        let from = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        out.insert(called, bytes[from..from + size].to_vec());
        at += 46 + name + number(at + 30, 2) + number(at + 32, 2);
    }
    out
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn granted(city: &City) -> (String, String) {
    let (case, number) = city.client("resident").await.apply().await;
    city.decide(&case, "agree", "grant").await;
    (case, number)
}

async fn package(c: &mut Client, case: &str) -> Vec<u8> {
    let answer = c.get(&format!("/work/archive/{case}.zip")).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/zip");
    answer.body
}

async fn an_ended_case_leaves_a_package(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut archivist = city.client("archivist").await;
    assert!(
        archivist
            .get("/work/archive")
            .await
            .expect(200)
            .has("没有符合条件的归档包")
    );
    let (open, _) = city.client("agent").await.apply().await;
    let (case, number) = granted(&city).await;

    let list = archivist.get("/work/archive").await.expect(200);
    assert!(list.has(&number) && list.has("2056年11月23日"), "{}", list.text());
    assert!(
        archivist
            .get(&format!("/work/archive?q={number}&state=built"))
            .await
            .has(&number)
    );
    assert!(!archivist.get("/work/archive?state=failed").await.has(&number));
    archivist.get(&format!("/work/archive/{open}")).await.expect(404);

    let zip = package(&mut archivist, &case).await;
    let said: String = city
        .scalar(
            "SELECT payload FROM kernel_fact WHERE type = 'cases.archive.built' AND subject = $1",
            params![case.as_str()],
        )
        .await
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["sha256"], hash(&zip), "the log names the package");
    assert!(list.has(&hash(&zip)));

    let files = unzip(&zip);
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["number"], number);
    assert_eq!(manifest["state"], "granted");
    assert_eq!(manifest["retention_years"], 30);
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!(
        listed.len() + 1,
        files.len(),
        "every file but the manifest is in the manifest"
    );
    for l in listed {
        let content = &files[l["path"].as_str().unwrap()];
        assert_eq!(l["sha256"], hash(content), "{l}");
        assert_eq!(l["size"], content.len());
    }
    let uploads: Vec<&Vec<u8>> = files
        .iter()
        .filter(|(n, _)| n.starts_with("materials/"))
        .map(|(_, c)| c)
        .collect();
    assert!(uploads.len() == 2 && uploads.contains(&&PDF.to_vec()) && uploads.contains(&&PDF2.to_vec()));
    assert!(
        files
            .iter()
            .any(|(n, c)| n.starts_with("certificates/") && n.ends_with(".pdf") && c.starts_with(b"%PDF"))
    );
    assert!(
        files
            .iter()
            .any(|(n, c)| n.starts_with("certificates/") && n.ends_with(".sm2") && !c.is_empty())
    );
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    assert!(text("application.json").contains(stories::matter::LOCATION));
    assert!(text("opinions.json").contains("按会审意见。") && text("timeline.json").contains("\"at\""));
    assert!(text("way.json").contains("visited"));
    assert!(
        !text("manifest.json").contains("演示居民甲"),
        "the manifest names nobody"
    );
    let kept = "SELECT COUNT(*) FROM cases_archive_part WHERE CAST(content AS TEXT) LIKE '%manifest.json%'";
    assert_eq!(city.count(kept, &[]).await, 0, "the content is sealed");

    // The look is in her access record; a second version leaves the first.
    assert!(
        city.client("resident")
            .await
            .get("/me/security")
            .await
            .expect(200)
            .has("archive")
    );
    let path = format!("/work/archive/{case}");
    assert!(
        archivist
            .post_form(&format!("{path}/verification"), &[])
            .await
            .expect(200)
            .has("核验一致")
    );
    archivist
        .post_form(&format!("{path}/builds"), &[])
        .await
        .expect(303);
    city.settle().await;
    let page = archivist.get(&path).await.expect(200);
    assert!(page.has("第 2 版") && page.has("第 1 版"));
    assert!(
        archivist
            .post_form(&format!("{path}/verification"), &[])
            .await
            .expect(200)
            .has("核验一致")
    );

    // The auditor reads but does not build; those who handled the case and the applicant have no business here.
    let mut auditor = city.client("auditor").await;
    auditor.get(&path).await.expect(200);
    auditor
        .post_form(&format!("{path}/builds"), &[])
        .await
        .expect(403);
    for who in ["clerk", "head", "resident", "agent"] {
        let mut c = city.client(who).await;
        c.get("/work/archive").await.expect(403);
        c.get(&format!("{path}.zip")).await.expect(403);
        c.post_form(&format!("{path}/builds"), &[]).await.expect(403);
    }
    archivist.get("/work/archive/nothing.zip").await.expect(404);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn what_is_altered_is_found(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let (case, _) = granted(&city).await;
    let mut auditor = city.client("auditor").await;
    let verify = format!("/work/archive/{case}/verification");
    assert_eq!(city.altered().await, Vec::<String>::new());
    let real: String = city
        .scalar("SELECT sha256 FROM cases_archive", &[])
        .await
        .unwrap();
    let other = hash(b"another package");
    city.execute("UPDATE cases_archive SET sha256 = $1", params![other.as_str()])
        .await;
    let said = auditor.post_form(&verify, &[]).await.expect(200);
    assert!(said.has("登记的是") && said.has(&other));
    let found = city.altered().await.join("\n");
    assert!(found.contains("cases_archive"), "doctor: {found}");
    city.execute("UPDATE cases_archive SET sha256 = $1", params![real.as_str()])
        .await;
    assert!(auditor.post_form(&verify, &[]).await.has("核验一致"));
    city.execute("DELETE FROM cases_archive_part", &[]).await;
    let said = auditor.post_form(&verify, &[]).await.expect(200);
    assert!(
        said.has("核验发现不一致") && said.has("不是完整的 ZIP"),
        "{}",
        said.text()
    );
}

async fn a_withdrawn_case_is_archived_too(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    her.post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(303);
    city.settle().await;
    let mut archivist = city.client("archivist").await;
    assert!(archivist.get("/work/archive").await.has(&number));
    let files = unzip(&package(&mut archivist, &case).await);
    assert!(!files.keys().any(|n| n.starts_with("certificates/")));
    assert!(String::from_utf8_lossy(&files["manifest.json"]).contains("withdrawn"));
}
