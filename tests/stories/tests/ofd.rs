//! The OFD file of a certificate: sealed with SM2, verified by anybody, every change named.

use std::io::{Read, Write};
use stories::paper::papers;
use stories::{Answer, City, Client, Db, on_both};
use zip::write::SimpleFileOptions;

on_both!(a_certificate_as_ofd, papers_as_ofd, hostile_files_are_refused,);

/// The same package with one file changed.
fn altered(package: &[u8], name: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(package)).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut found = false;
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let path = file.name().unwrap().to_string();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if path.ends_with(name) {
            found = true;
            bytes = change(String::from_utf8(bytes).unwrap()).into_bytes();
        }
        out.start_file(path, SimpleFileOptions::default()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    assert!(found, "{name} is not there");
    out.finish().unwrap().into_inner()
}

async fn verify(who: &mut Client, name: &str, bytes: &[u8]) -> Answer {
    who.post_multipart("/verify", &[], &[("file", name, bytes)]).await
}

async fn a_certificate_as_ofd(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    city.settle().await;
    let id = city
        .scalar::<String>("SELECT id FROM documents_certificate", &[])
        .await
        .unwrap();
    assert!(
        her.get(&format!("/me/certificates/{id}"))
            .await
            .expect(200)
            .has("OFD 版式文件")
    );
    let file = her.get(&format!("/me/certificates/{id}.ofd")).await.expect(200);
    assert_eq!(file.header("content-type"), "application/ofd");
    city.client("agent")
        .await
        .get(&format!("/me/certificates/{id}.ofd"))
        .await
        .expect(404);
    // It says what the PDF says.
    let read = ofd::read(&file.body, &ofd::Limits::default()).unwrap();
    let text: String = read.text().chars().filter(|c| !c.is_whitespace()).collect();
    assert!(text.contains("演示居民甲"), "{text}");
    assert_eq!(read.signatures.len(), 1);
    assert!(read.signatures[0].whole());
    // Anybody verifies it, without signing in.
    let mut visitor = city.visitor();
    let good = verify(&mut visitor, "a.ofd", &file.body).await.expect(200);
    assert!(!good.has("notice bad"), "{}", good.text());
    assert!(good.has("淮安市城市管理局") && good.has("OFD"));
    // A page rewritten after the seal.
    let forged = altered(&file.body, "Content.xml", |xml| {
        xml.replace("TextCode ", "TextCode  ")
    });
    let bad = verify(&mut visitor, "a.ofd", &forged).await.expect(200);
    assert!(bad.has("notice bad") && bad.has("Content.xml"), "{}", bad.text());
    // Another seal, and none.
    let unsealed = altered(&file.body, "Signature.xml", |xml| xml.replace("Yiwang", "Nobody"));
    assert!(
        verify(&mut visitor, "a.ofd", &unsealed)
            .await
            .expect(200)
            .has("notice bad")
    );
    // The seal of another city proves nothing here.
    let elsewhere = City::open(Db::Sqlite, "2026-11-24").await;
    let mut there = elsewhere.visitor();
    let foreign = verify(&mut there, "a.ofd", &file.body).await.expect(200);
    assert!(foreign.has("notice bad"), "{}", foreign.text());
    assert_eq!(city.altered().await, Vec::<String>::new());
}

/// What a page says, without white space.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200b}')
        .collect()
}

async fn papers_as_ofd(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    city.settle().await;
    let all = papers(&city, &case).await;
    assert!(all.len() >= 3, "{all:?}");
    let mut visitor = city.visitor();
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    for (id, kind, number) in &all {
        let path = format!("/cases/{case}/papers/{id}.ofd");
        assert!(page.leads(&path), "{kind}");
        let file = her.get(&path).await.expect(200);
        assert_eq!(file.header("content-type"), "application/ofd");
        let read = ofd::read(&file.body, &ofd::Limits::default()).unwrap();
        let text = plain(&read.text());
        // The number, the organisation, and whom it is for: what the PDF says, which is set from the same pages.
        for part in [number.as_str(), "演示居民甲", "淮安市城市管理局"] {
            assert!(text.contains(part), "{kind} {part}: {text}");
        }
        // The seal stands where it stands in the PDF.
        let pdf = her
            .get(&format!("/cases/{case}/papers/{id}.pdf"))
            .await
            .expect(200)
            .body;
        let stamp = read.signatures[0].stamps[0].boundary;
        let ours = [stamp.x + stamp.width / 2.0, stamp.y + stamp.height / 2.0];
        let seal = widget(&pdf);
        assert!(
            (ours[0] - seal[0]).abs() < 0.2 && (ours[1] - seal[1]).abs() < 0.2,
            "{kind}: {ours:?} {seal:?}"
        );
        // Anybody verifies it: which paper it is, whose seal, and that the time is proved.
        let said = verify(&mut visitor, "a.ofd", &file.body).await.expect(200);
        assert!(
            !said.has("notice bad") && said.has(number) && said.has("时间戳"),
            "{}",
            said.text()
        );
        let forged = altered(&file.body, "Content.xml", |xml| {
            xml.replace("TextCode ", "TextCode  ")
        });
        let said = verify(&mut visitor, "a.ofd", &forged).await.expect(200);
        assert!(said.has("notice bad") && !said.has(number), "{}", said.text());
    }
    // The hash of the package stands in the fact that issued it.
    let told = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'documents.paper.issued' AND payload LIKE '%ofd_sha256%'";
    assert_eq!(city.count(told, &[]).await, all.len() as i64);
    // Nobody else's, and none for a paper from before there were any.
    let path = format!("/cases/{case}/papers/{}.ofd", all[0].0);
    city.client("agent").await.get(&path).await.expect(404);
    city.visitor().get(&path).await.expect(303);
    city.execute("DELETE FROM documents_paper_ofd", &[]).await;
    assert!(her.get(&path).await.expect(404).has("没有 OFD 文件"));
    her.get(&format!("/cases/{case}/papers/{}.pdf", all[0].0))
        .await
        .expect(200);
}

/// The middle of the last visible signature of an A4 PDF, in millimetres from the top left.
fn widget(pdf: &[u8]) -> [f64; 2] {
    let text = String::from_utf8_lossy(pdf);
    let rect = text.rsplit("/Rect").find_map(|part| {
        let inside = part.trim_start().strip_prefix('[')?.split(']').next()?;
        let numbers: Vec<f64> = inside.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        <[f64; 4]>::try_from(numbers).ok().filter(|r| r[2] - r[0] > 50.0)
    });
    let [a, b, c, d] = rect.unwrap();
    let mm = 25.4 / 72.0;
    [(a + c) / 2.0 * mm, 297.0 - (b + d) / 2.0 * mm]
}

async fn hostile_files_are_refused(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut visitor = city.visitor();
    let zip = |files: &[(&str, &[u8])]| {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            out.start_file(*name, SimpleFileOptions::default()).unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    };
    let entities =
        b"<!DOCTYPE a [<!ENTITY b \"c\">]><ofd:OFD xmlns:ofd=\"http://www.ofdspec.org/2016\">&b;</ofd:OFD>";
    let bomb = vec![0u8; 30 << 20];
    for (name, bytes) in [
        ("empty", zip(&[])),
        ("no ofd", zip(&[("a.txt", b"hello")])),
        ("entities", zip(&[("OFD.xml", entities)])),
        ("traversal", zip(&[("../OFD.xml", b"<a/>")])),
        ("bomb", zip(&[("OFD.xml", &bomb)])),
        ("cut", zip(&[("OFD.xml", entities)])[..40].to_vec()),
    ] {
        let refused = verify(&mut visitor, "a.ofd", &bytes).await.expect(422);
        assert!(
            refused.has("不是可以读取的 OFD 文件"),
            "{name}: {}",
            refused.text()
        );
    }
    assert!(
        verify(&mut visitor, "a.exe", b"MZ")
            .await
            .expect(422)
            .has("请上传 PDF 或 OFD 文件")
    );
}
