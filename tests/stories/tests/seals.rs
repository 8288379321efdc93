//! Electronic seals: from the application to the destruction, who may use them, and what waits for them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::io::{Read, Write};
use stories::paper::papers;
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    a_whole_life,
    nobody_approves_their_own,
    without_a_grant_it_is_refused_and_logged,
    a_limit_holds_when_uses_race,
    a_suspended_seal_makes_certificates_wait,
    a_batch_goes_on_past_a_broken_file,
    programs_seal_too,
    ofd_files_are_sealed_and_hostile_ones_refused,
    a_keyword_places_the_seal,
    a_keyword_stands_at_the_same_place_in_both_forms,
    everybody_has_their_verbs,
    an_organisation_without_a_seal_issues_nothing,
);

const DAY: &str = "2026-11-24";
const CITY: &str = "/work/seals/pack:chengguan";

/// A PDF of one page; `more` stands in its trailer, `word` makes it another file.
fn pdf(word: &str, more: &str) -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_string(),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".into(),
        "<</Type/Page/Parent 2 0 R>>".into(),
        format!("<</Title({word})>>"),
    ];
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, body) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend(format!("{} 0 obj\n{body}\nendobj\n", n + 1).bytes());
    }
    let start = out.len();
    out.extend(table.bytes());
    let end = format!("trailer\n<</Size 5/Root 1 0 R/Info 4 0 R{more}>>\nstartxref\n{start}\n%%EOF\n");
    out.extend(end.bytes());
    out
}

const LOCKED: &str = "/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O(00000000000000000000000000000000)/U(00000000000000000000000000000000)>>/ID[(0)(0)]";

async fn account(city: &City, login: &str) -> String {
    let sql = "SELECT id FROM identity_account WHERE login = $1";
    format!(
        "account:{}",
        city.scalar::<String>(sql, &[login.into()]).await.unwrap()
    )
}

fn application<'a>(kind: &'a str, purpose: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("organisation", "chengguan"),
        ("kind", kind),
        ("purpose", purpose),
        ("code", "3208990000015"),
        ("reason", "开展行政审批，需要专用章。"),
        ("basis", "演示〔2026〕15号"),
        ("processes", "certificate:dig-road-permit"),
    ]
}

async fn apply(who: &mut Client) -> String {
    let sent = who
        .post_form("/work/seals/new", &application("special", "行政审批专用章"))
        .await
        .expect(303);
    sent.location().to_string()
}

/// Gives the reviewer a right to seal uploads with the bureau's own seal.
async fn grant(city: &City, limits: &[(&str, &str)]) {
    let who = format!("person:{}", account(city, "reviewer-cg").await);
    let mut fields = vec![("grantee", who.as_str()), ("kinds", "upload")];
    fields.extend(limits);
    let path = format!("{CITY}/grants");
    city.client("head")
        .await
        .post_form(&path, &fields)
        .await
        .expect(303);
}

/// Uploads files; the answer leads to the batch.
async fn seal(who: &mut Client, at: &str, files: &[(&str, &[u8])]) -> Answer {
    let fields = [
        ("purpose", "签订合同"),
        ("page", "last"),
        ("place", "bottom-right"),
        ("number", ""),
        ("x", ""),
        ("y", ""),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| ("files", *name, *bytes))
        .collect();
    who.post_multipart(&format!("{at}/use"), &fields, &files).await
}

async fn state(city: &City, id: &str) -> String {
    let sql = "SELECT state FROM seals_seal WHERE id = $1";
    city.scalar(sql, &[id.into()]).await.unwrap()
}

/// What the doctor finds.
async fn findings(city: &City) -> Vec<String> {
    let mut all = Vec::new();
    for check in city.app.modules.iter().flat_map(|m| &m.checks) {
        all.extend(check(city.app.system("doctor")).await.unwrap());
    }
    all.retain(|f| f.contains("seals_") || f.contains("trust_key") || f.contains("documents_"));
    all
}

async fn a_whole_life(db: Db) {
    let city = City::open(db, DAY).await;
    let mut applicant = city.client("reviewer-cg").await;
    // The picture before anything is sent; what is wrong is marked, and what was typed stays.
    let mut fields = application("special", "行政审批专用章");
    fields.push(("action", "preview"));
    let shown = applicant.post_form("/work/seals/new", &fields).await.expect(200);
    assert!(shown.has("<svg") && shown.has("行政审批专用章 演示 3208990000015"));
    let wrong = applicant
        .post_form("/work/seals/new", &application("special", ""))
        .await
        .expect(422);
    assert!(wrong.has("专用章要写明用途文字") && wrong.has("演示〔2026〕15号"));
    applicant
        .post_form("/work/seals/new", &application("special", "\u{1F600}"))
        .await
        .expect(422);
    let page = apply(&mut applicant).await;
    let id = page.rsplit('/').next().unwrap().to_string();
    // The authority decides, in writing.
    let mut authority = city.client("seal-authority").await;
    assert!(authority.get("/work/seals/queue").await.expect(200).leads(&page));
    let decision = format!("{page}/decision");
    authority
        .post_form(&decision, &[("outcome", "approve"), ("words", " ")])
        .await
        .expect(422);
    authority
        .post_form(&format!("{page}/making"), &[])
        .await
        .expect(409);
    authority
        .post_form(&decision, &[("outcome", "approve"), ("words", "同意制作。")])
        .await
        .expect(303);
    authority
        .post_form(&decision, &[("outcome", "refuse"), ("words", "再想想")])
        .await
        .expect(409);
    authority
        .post_form(&format!("{page}/making"), &[])
        .await
        .expect(303);
    let made = authority.get(&page).await.expect(200);
    assert!(made.has("淮安市城市管理局（演示）") && made.has("同意制作。") && made.has("<svg"));
    // Custody takes two: who offers and who accepts.
    let head = account(&city, "head").await;
    let custody = format!("{page}/custody");
    let outsider = account(&city, "reviewer-jj").await;
    authority
        .post_form(&custody, &[("taker", &outsider)])
        .await
        .expect(422);
    authority
        .post_form(&custody, &[("taker", &head)])
        .await
        .expect(303);
    assert_eq!(state(&city, &id).await, "made");
    let accept = [("outcome", "accept")];
    let answer = format!("{page}/custody/answer");
    applicant.post_form(&answer, &accept).await.expect(404);
    let mut keeper = city.client("head").await;
    keeper.post_form(&answer, &accept).await.expect(303);
    assert_eq!(state(&city, &id).await, "active");
    keeper.post_form(&answer, &accept).await.expect(404);
    // A right to use, and the use.
    let who = format!("person:{}", account(&city, "reviewer-cg").await);
    let grants = format!("{page}/grants");
    let bad = [("grantee", who.as_str()), ("kinds", "*"), ("total", "-1")];
    let refused = keeper.post_form(&grants, &bad).await.expect(422);
    assert!(refused.has("文件种类的写法不对") && refused.has("请填写 1 到 1000000 的整数"));
    let good = [("grantee", who.as_str()), ("kinds", "upload"), ("total", "2")];
    keeper.post_form(&grants, &good).await.expect(303);
    let sent = seal(&mut applicant, &page, &[("合同.pdf", &pdf("a", ""))])
        .await
        .expect(303);
    city.settle().await;
    let batch = sent.location().to_string();
    let result = applicant.get(&batch).await.expect(200);
    assert!(result.has("已签章 1 个，共 1 个"), "{}", result.text());
    let sealed = applicant.get(&format!("{batch}/files/1")).await.expect(200);
    keeper.get(&batch).await.expect(404);
    keeper.get(&format!("{batch}/files/1")).await.expect(404);
    let whole = |page: &Answer| page.has("文件完整，签章可信") && page.has("行政审批专用章");
    let mut visitor = city.visitor();
    let verified = visitor
        .post_multipart("/verify", &[], &[("file", "a.pdf", &sealed.body)])
        .await
        .expect(200);
    assert!(whole(&verified) && verified.has("使用中"), "{}", verified.text());
    let log = keeper.get(&format!("{page}/uses.csv")).await.expect(200);
    assert!(
        log.has("合同.pdf") && log.has("签订合同") && log.has("已用印"),
        "{}",
        log.text()
    );
    // The custodian who has lost control of it stops it at once; only the authority lifts that.
    let reason = [("words", "密码可能泄露")];
    applicant
        .post_form(&format!("{page}/suspension"), &reason)
        .await
        .expect(403);
    keeper
        .post_form(&format!("{page}/suspension"), &reason)
        .await
        .expect(303);
    let refused = seal(&mut applicant, &page, &[("b.pdf", &pdf("b", ""))])
        .await
        .expect(409);
    assert!(refused.has("印章已停用"));
    keeper
        .post_form(&format!("{page}/lifting"), &reason)
        .await
        .expect(403);
    authority
        .post_form(&format!("{page}/lifting"), &reason)
        .await
        .expect(303);
    assert_eq!(state(&city, &id).await, "active");
    // The end: no key, no way back; what was sealed stays good.
    let end = format!("{page}/destruction");
    authority
        .post_form(&end, &[("words", "机构撤并")])
        .await
        .expect(303);
    authority.post_form(&end, &reason).await.expect(409);
    authority
        .post_form(&format!("{page}/lifting"), &reason)
        .await
        .expect(409);
    seal(&mut applicant, &page, &[("c.pdf", &pdf("c", ""))])
        .await
        .expect(409);
    let keys = "SELECT COUNT(*) FROM trust_key WHERE alias LIKE $1 AND retired_at IS NOT NULL AND LENGTH(sealed) = 0";
    assert_eq!(
        city.count(keys, &[format!("seal-%:chengguan.{id}").into()]).await,
        2
    );
    let asked = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'seals.revocation.requested' AND subject = $1";
    assert_eq!(city.count(asked, &[id.as_str().into()]).await, 1);
    let verified = visitor
        .post_multipart("/verify", &[], &[("file", "a.pdf", &sealed.body)])
        .await
        .expect(200);
    assert!(whole(&verified) && verified.has("已销毁"), "{}", verified.text());
    city.settle().await;
    assert_eq!(findings(&city).await, Vec::<String>::new());
}

async fn nobody_approves_their_own(db: Db) {
    let city = City::open(db, DAY).await;
    // One person with two accounts: the post does not make another of her.
    city.colleague("reviewer-cg", "her-office").await;
    city.colleague("seal-authority", "her-authority").await;
    let page = apply(&mut city.client("her-office").await).await;
    let fields = [("outcome", "approve"), ("words", "同意")];
    let path = format!("{page}/decision");
    let mut herself = city.client("her-authority").await;
    let refused = herself.post_form(&path, &fields).await.expect(403);
    assert!(refused.has("不能审批自己提出的申请"));
    let id = page.rsplit('/').next().unwrap();
    assert_eq!(state(&city, id).await, "applied");
    // What she may do is take it back, once.
    let back = format!("{page}/withdrawal");
    city.client("reviewer-cg")
        .await
        .post_form(&back, &[])
        .await
        .expect(403);
    let mut her = city.client("her-office").await;
    her.post_form(&back, &[]).await.expect(303);
    her.post_form(&back, &[]).await.expect(409);
    assert_eq!(state(&city, id).await, "refused");
}

async fn without_a_grant_it_is_refused_and_logged(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("reviewer-cg").await;
    let uses = "SELECT COUNT(*) FROM seals_use WHERE result = 'refused' AND why = $1";
    let refused = seal(&mut her, CITY, &[("a.pdf", &pdf("a", ""))])
        .await
        .expect(409);
    assert!(refused.has("没有这类文件的用印授权"));
    assert_eq!(city.count(uses, &["seals-no-grant".into()]).await, 1);
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'seals.use.refused'";
    assert_eq!(city.count(facts, &[]).await, 1);
    // A right for other kinds or other days is none for this one, and neither is one that was taken back.
    let who = format!("person:{}", account(&city, "reviewer-cg").await);
    let mut head = city.client("head").await;
    let grants = format!("{CITY}/grants");
    let others: [&[(&str, &str)]; 2] = [
        &[("kinds", "paper:*")],
        &[("kinds", "any"), ("valid_from", "2026-11-25")],
    ];
    for other in others {
        let mut fields = vec![("grantee", who.as_str())];
        fields.extend(other);
        head.post_form(&grants, &fields).await.expect(303);
    }
    seal(&mut her, CITY, &[("a.pdf", &pdf("a", ""))])
        .await
        .expect(409);
    grant(&city, &[]).await;
    let last = "SELECT id FROM seals_grant WHERE seal = 'pack:chengguan' AND kinds = 'upload'";
    let last: String = city.scalar(last, &[]).await.unwrap();
    head.post_form(&format!("{grants}/{last}/revocation"), &[])
        .await
        .expect(303);
    head.post_form(&format!("{grants}/{last}/revocation"), &[])
        .await
        .expect(404);
    seal(&mut her, CITY, &[("a.pdf", &pdf("a", ""))])
        .await
        .expect(409);
    assert_eq!(city.count(uses, &["seals-no-grant".into()]).await, 3);
    // Everybody at the post may, when the post was granted it.
    let post = [
        ("grantee", "post:chengguan-reviewer"),
        ("kinds", "upload"),
        ("per_day", "1"),
    ];
    head.post_form(&grants, &post).await.expect(303);
    seal(&mut her, CITY, &[("a.pdf", &pdf("a", ""))])
        .await
        .expect(303);
    city.settle().await;
    assert!(her.get(CITY).await.expect(200).has("没有这类文件的用印授权"));
}

async fn a_limit_holds_when_uses_race(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[("total", "3"), ("per_day", "3")]).await;
    let mut her = city.client("reviewer-cg").await;
    for n in 0..6 {
        seal(&mut her, CITY, &[("a.pdf", &pdf(&n.to_string(), ""))])
            .await
            .expect(303);
    }
    let run = || kernel::job::run_due(&city.app);
    let (a, b, c) = tokio::join!(run(), run(), run());
    a.unwrap();
    b.unwrap();
    c.unwrap();
    city.settle().await;
    let of = async |result: &str| {
        let sql = "SELECT COUNT(*) FROM seals_use WHERE occasion = 'upload' AND result = $1";
        city.count(sql, &[result.into()]).await
    };
    assert_eq!((of("done").await, of("refused").await), (3, 3));
    assert!(her.get(CITY).await.expect(200).has("授权的次数已用完"));
    // A file that could not be sealed does not count.
    grant(&city, &[("total", "1")]).await;
    seal(
        &mut her,
        CITY,
        &[("x.pdf", b"%PDF-1.4 nothing"), ("y.pdf", &pdf("y", ""))],
    )
    .await
    .expect(303);
    city.settle().await;
    assert_eq!(of("done").await, 4);
}

async fn a_suspended_seal_makes_certificates_wait(db: Db) {
    let city = City::open(db, DAY).await;
    let mut head = city.client("head").await;
    let why = [("words", "正在核查")];
    head.post_form(&format!("{CITY}/suspension"), &why)
        .await
        .expect(303);
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    city.settle().await;
    let certificate = "SELECT state FROM documents_certificate";
    let now: String = city.scalar(certificate, &[]).await.unwrap();
    assert_eq!(now, "ordered");
    assert_eq!(city.count("SELECT COUNT(*) FROM documents_paper", &[]).await, 0);
    let failed = "SELECT COUNT(*) FROM kernel_job WHERE state = 'failed' OR last_error IS NOT NULL";
    assert_eq!(city.count(failed, &[]).await, 0, "waiting is no failure");
    // The clerk sees what it waits for.
    let mut clerk = city.client("clerk").await;
    let list = clerk.get("/work/certificates").await.expect(200);
    assert!(list.has("等待用印") && list.has("印章已停用"), "{}", list.text());
    let page = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("等待用印") && page.has("印章已停用"), "{}", page.text());
    let mut authority = city.client("seal-authority").await;
    authority
        .post_form(&format!("{CITY}/lifting"), &why)
        .await
        .expect(303);
    city.settle().await;
    let now: String = city.scalar(certificate, &[]).await.unwrap();
    assert_eq!(now, "valid");
    assert!(city.count("SELECT COUNT(*) FROM documents_paper", &[]).await > 0);
    assert_eq!(
        city.count("SELECT COUNT(*) FROM documents_paper_order", &[])
            .await,
        0
    );
    // Each use is a row, for whom and with the number.
    let rows = "SELECT COUNT(*) FROM seals_use WHERE occasion LIKE 'certificate:%' AND result = 'done' AND for_whom IS NOT NULL";
    assert_eq!(city.count(rows, &[]).await, 2, "PDF and OFD");
    let log = head.get(CITY).await.expect(200);
    assert!(log.has("为 演") && !log.has("演示居民甲"), "{}", log.text());
    assert_eq!(findings(&city).await, Vec::<String>::new());
}

async fn a_batch_goes_on_past_a_broken_file(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[]).await;
    let mut her = city.client("reviewer-cg").await;
    seal(&mut her, CITY, &[]).await.expect(422);
    let (good, locked) = (pdf("good", ""), pdf("locked", LOCKED));
    let mut files: Vec<(&str, &[u8])> = vec![
        ("第一份.pdf", &good),
        ("broken.pdf", b"%PDF-1.4\nnothing"),
        ("locked.pdf", &locked),
        ("words.docx", b"MZ"),
        ("../../../x.pdf", &good),
    ];
    // More than one run of the job.
    files.extend(std::iter::repeat_n(("more.pdf", good.as_slice()), 7));
    let batch = seal(&mut her, CITY, &files)
        .await
        .expect(303)
        .location()
        .to_string();
    assert!(her.get(&batch).await.expect(200).has("正在用印"));
    city.settle().await;
    let page = her.get(&batch).await.expect(200);
    assert!(page.has("已签章 9 个，共 12 个"), "{}", page.text());
    assert!(page.has("文件已损坏") && page.has("文件已加密") && page.has("不是 PDF 或 OFD 文件"));
    let zip = her.get(&format!("{batch}.zip")).await.expect(200);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip.body)).unwrap();
    let names: Vec<String> = archive.file_names().map(|n| n.unwrap().to_string()).collect();
    assert!(names.contains(&"001-第一份-sealed.pdf".to_string()), "{names:?}");
    assert!(names.contains(&"005-x-sealed.pdf".to_string()), "{names:?}");
    assert_eq!(names.len(), 10, "{names:?}");
    let mut list = String::new();
    archive
        .by_name("results.csv")
        .unwrap()
        .read_to_string(&mut list)
        .unwrap();
    assert!(
        list.contains("文件已加密") && list.lines().count() == 13,
        "{list}"
    );
    // A seal may stand beside another seal.
    let mut once = Vec::new();
    archive
        .by_name("001-第一份-sealed.pdf")
        .unwrap()
        .read_to_end(&mut once)
        .unwrap();
    let again = seal(&mut her, CITY, &[("twice.pdf", &once)]).await.expect(303);
    city.settle().await;
    let twice = her
        .get(&format!("{}/files/1", again.location()))
        .await
        .expect(200);
    assert!(twice.body.starts_with(&once));
    // Nothing of the files lies in clear, and after a day nothing lies there at all.
    city.day("2026-11-26");
    let ctx = city.system();
    ctx.tx("story.sweep", |tx| {
        Ok(kernel::job::enqueue(
            tx,
            &ctx,
            "seals.sweep",
            "story",
            0,
            json!(null),
        )?)
    })
    .await
    .unwrap();
    city.settle().await;
    assert_eq!(city.count("SELECT COUNT(*) FROM seals_file", &[]).await, 0);
    let mut her = city.client("reviewer-cg").await;
    assert!(her.get(&batch).await.expect(200).has("已经删除"));
    her.get(&format!("{batch}/files/1")).await.expect(404);
}

/// A ZIP of these files.
fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        out.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// An OFD file as somebody else's program would write it: A4 pages with these lines at x = 20 mm, from y = 100 mm down.
fn foreign(pages: &[&[&str]]) -> Vec<u8> {
    let ns = "xmlns:ofd=\"http://www.ofdspec.org/2016\"";
    let mut files = vec![(
        "OFD.xml".to_string(),
        format!(
            "<ofd:OFD {ns} Version=\"1.0\" DocType=\"OFD\"><ofd:DocBody><ofd:DocInfo><ofd:DocID>0</ofd:DocID></ofd:DocInfo>\
             <ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
        ),
    )];
    let mut list = String::new();
    for (n, lines) in pages.iter().enumerate() {
        let mut texts = String::new();
        for (i, line) in lines.iter().enumerate() {
            let many = line.chars().count() - 1;
            texts.push_str(&format!(
                "<ofd:TextObject ID=\"{}\" Boundary=\"20 {} 150 6\" Font=\"2\" Size=\"5\"><ofd:TextCode X=\"0\" Y=\"5\" \
                 DeltaX=\"g {many} 5\">{line}</ofd:TextCode></ofd:TextObject>",
                100 + n * 50 + i,
                95 + 50 * i
            ));
        }
        list.push_str(&format!(
            "<ofd:Page ID=\"{}\" BaseLoc=\"Pages/{n}.xml\"/>",
            n + 10
        ));
        files.push((
            format!("Doc_0/Pages/{n}.xml"),
            format!("<ofd:Page {ns}><ofd:Content><ofd:Layer ID=\"{}\">{texts}</ofd:Layer></ofd:Content></ofd:Page>", n + 50),
        ));
    }
    files.push((
        "Doc_0/Document.xml".into(),
        format!(
            "<ofd:Document {ns}><ofd:CommonData><ofd:MaxUnitID>999</ofd:MaxUnitID><ofd:PageArea><ofd:PhysicalBox>0 0 210 297\
             </ofd:PhysicalBox></ofd:PageArea></ofd:CommonData><ofd:Pages>{list}</ofd:Pages></ofd:Document>"
        ),
    ));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (n.as_str(), t.as_bytes())).collect();
    packed(&files)
}

/// Uploads files to be sealed at a keyword, or at a place; the page of the batch when it is done.
async fn seal_at(
    city: &City,
    who: &mut Client,
    fields: &[(&str, &str)],
    files: &[(&str, &[u8])],
) -> (String, Answer) {
    let mut all = vec![("purpose", "关键字用印")];
    all.extend(fields);
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| ("files", *name, *bytes))
        .collect();
    let sent = who
        .post_multipart(&format!("{CITY}/use"), &all, &files)
        .await
        .expect(303);
    let batch = sent.location().to_string();
    city.settle().await;
    let page = who.get(&batch).await.expect(200);
    (batch, page)
}

/// (page from 0, middle in millimetres from the top left) of every stamp of the newest signature.
fn stamps(package: &[u8]) -> Vec<(usize, [f64; 2])> {
    let read = ofd::read(package, &ofd::Limits::default()).unwrap();
    let last = read.signatures.last().unwrap();
    let middle = |r: ofd::Rect| [r.x + r.width / 2.0, r.y + r.height / 2.0];
    last.stamps
        .iter()
        .map(|s| (s.page.unwrap(), middle(s.boundary)))
        .collect()
}

/// The middles of the visible signatures of a PDF, in millimetres from the top left of an A4 page, the newest last.
fn signatures(pdf: &[u8]) -> Vec<[f64; 2]> {
    let text = String::from_utf8_lossy(pdf);
    let mut out = Vec::new();
    for part in text.split("/Rect").skip(1) {
        let inside = part
            .trim_start()
            .strip_prefix('[')
            .and_then(|p| p.split(']').next());
        let numbers: Vec<f64> = inside
            .into_iter()
            .flat_map(str::split_whitespace)
            .filter_map(|n| n.parse().ok())
            .collect();
        if let [a, b, c, d] = numbers[..]
            && c - a > 50.0
        {
            let mm = 25.4 / 72.0;
            out.push([(a + c) / 2.0 * mm, 297.0 - (b + d) / 2.0 * mm]);
        }
    }
    out
}

fn near(at: [f64; 2], x: f64, y: f64, by: f64) -> bool {
    (at[0] - x).abs() < by && (at[1] - y).abs() < by
}

async fn ofd_files_are_sealed_and_hostile_ones_refused(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[]).await;
    let mut her = city.client("reviewer-cg").await;
    let good = foreign(&[&["合同第一页"], &["合同第二页"]]);
    let entities = packed(&[(
        "OFD.xml",
        b"<!DOCTYPE a [<!ENTITY b \"c\">]><ofd:OFD xmlns:ofd=\"http://www.ofdspec.org/2016\">&b;</ofd:OFD>",
    )]);
    let bomb = packed(&[("OFD.xml", &vec![b' '; 90 << 20])]);
    let outside = packed(&[("../OFD.xml", b"<a/>")]);
    let archive = packed(&[("word/document.xml", b"<a/>")]);
    let paper = pdf("beside", "");
    let at = [("page", "2"), ("place", "xy"), ("x", "105"), ("y", "200")];
    let files: [(&str, &[u8]); 7] = [
        ("合同.ofd", &good),
        ("实体.ofd", &entities),
        ("膨胀.ofd", &bomb),
        ("越界.ofd", &outside),
        ("文档.docx", &archive),
        ("截断.ofd", &good[..good.len() / 2]),
        ("一页.pdf", &paper),
    ];
    let (batch, page) = seal_at(&city, &mut her, &at, &files).await;
    assert!(page.has("已签章 1 个，共 7 个"), "{}", page.text());
    for why in [
        "不允许的 XML 文档类型或实体",
        "解压后过大",
        "压缩包结构异常",
        "不是 PDF 或 OFD 文件",
        "没有指定的页",
    ] {
        assert!(page.has(why), "{why}: {}", page.text());
    }
    let file = her.get(&format!("{batch}/files/1")).await.expect(200);
    assert_eq!(file.header("content-type"), "application/ofd");
    assert!(file.header("content-disposition").contains("-sealed.ofd"));
    let shown = stamps(&file.body);
    assert!(
        shown.len() == 1 && shown[0].0 == 1 && near(shown[0].1, 105.0, 200.0, 0.1),
        "{shown:?}"
    );
    let zip = her.get(&format!("{batch}.zip")).await.expect(200);
    let names = zip::ZipArchive::new(std::io::Cursor::new(zip.body)).unwrap();
    assert!(names.file_names().any(|n| n.unwrap() == "001-合同-sealed.ofd"));
    // Anybody verifies it; a second seal stands beside the first, and both hold.
    let mut visitor = city.visitor();
    let said = visitor
        .post_multipart("/verify", &[], &[("file", "a.ofd", &file.body)])
        .await
        .expect(200);
    assert!(
        said.has("文件完整，签章可信") && said.has("淮安市城市管理局") && said.has("使用中"),
        "{}",
        said.text()
    );
    let (again, _) = seal_at(
        &city,
        &mut her,
        &[("page", "first"), ("place", "top-left")],
        &[("再.ofd", &file.body)],
    )
    .await;
    let twice = her.get(&format!("{again}/files/1")).await.expect(200);
    let said = visitor
        .post_multipart("/verify", &[], &[("file", "a.ofd", &twice.body)])
        .await
        .expect(200);
    assert!(
        said.has("文件完整，签章可信") && said.has("每枚印章"),
        "{}",
        said.text()
    );
    // Each try is in the log, also those that came to nothing.
    let sql = "SELECT COUNT(*) FROM seals_use WHERE occasion = 'upload' AND result = $1";
    let of = async |result: &str| city.count(sql, &[result.into()]).await;
    assert_eq!(
        (of("done").await, of("refused").await, of("failed").await),
        (2, 5, 1)
    );
    assert_eq!(findings(&city).await, Vec::<String>::new());
}

async fn a_keyword_places_the_seal(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[]).await;
    let mut her = city.client("reviewer-cg").await;
    // A4: the keyword's middle is 20 + 5 × 5 = 45 mm from the left on its line.
    let file = foreign(&[&["甲　方盖章处处"], &["没有", "乙方盖章处处"]]);
    let by = |which: &'static str, keyword: &'static str| {
        [
            ("place", "keyword"),
            ("page", "last"),
            ("which", which),
            ("keyword", keyword),
        ]
    };
    let (_, page) = seal_at(&city, &mut her, &by("only", "盖章"), &[("a.ofd", &file)]).await;
    assert!(page.has("不止一处") && page.has("已签章 0 个"), "{}", page.text());
    let (_, page) = seal_at(&city, &mut her, &by("all", "签名"), &[("a.ofd", &file)]).await;
    assert!(page.has("没有这个关键字"), "{}", page.text());
    let first = seal_at(&city, &mut her, &by("first", "盖章"), &[("a.ofd", &file)])
        .await
        .0;
    let body = her.get(&format!("{first}/files/1")).await.expect(200).body;
    let shown = stamps(&body);
    // 20 mm, three characters, and half of two: 40; 100 − 0.35 em.
    assert!(
        shown.len() == 1 && shown[0].0 == 0 && near(shown[0].1, 40.0, 98.25, 0.1),
        "{shown:?}"
    );
    let last = seal_at(&city, &mut her, &by("last", "盖章"), &[("a.ofd", &file)])
        .await
        .0;
    let shown = stamps(&her.get(&format!("{last}/files/1")).await.expect(200).body);
    assert!(
        shown.len() == 1 && shown[0].0 == 1 && near(shown[0].1, 35.0, 148.25, 0.1),
        "{shown:?}"
    );
    // Every place under one signature, moved as asked, and one use.
    let mut all = by("all", "盖章").to_vec();
    all.extend([("x", "10"), ("y", "5")]);
    let (batch, _) = seal_at(&city, &mut her, &all, &[("a.ofd", &file)]).await;
    let body = her.get(&format!("{batch}/files/1")).await.expect(200).body;
    let shown = stamps(&body);
    assert_eq!(shown.len(), 2);
    assert!(
        near(shown[0].1, 50.0, 103.25, 0.1) && near(shown[1].1, 45.0, 153.25, 0.1),
        "{shown:?}"
    );
    assert_eq!(
        ofd::read(&body, &ofd::Limits::default())
            .unwrap()
            .signatures
            .len(),
        1
    );
    let said = city
        .visitor()
        .post_multipart("/verify", &[], &[("file", "a.ofd", &body)])
        .await
        .expect(200);
    assert!(said.has("文件完整，签章可信"), "{}", said.text());
    let done = "SELECT COUNT(*) FROM seals_use WHERE occasion = 'upload' AND result = 'done'";
    assert_eq!(city.count(done, &[]).await, 3);
    // The keyword may be a name: it lies nowhere in clear.
    let clear = "SELECT COUNT(*) FROM seals_batch WHERE place LIKE '%盖章%' OR place LIKE '%keyword\":%'";
    assert_eq!(city.count(clear, &[]).await, 0);
    // No keyword, and an unknown choice, are said at the form, with what was typed.
    for (which, keyword) in [("all", " "), ("most", "盖章")] {
        let fields = [
            ("purpose", "用印甲"),
            ("page", "last"),
            ("place", "keyword"),
            ("which", which),
            ("keyword", keyword),
        ];
        let said = her
            .post_multipart(&format!("{CITY}/use"), &fields, &[("files", "a.ofd", &file)])
            .await
            .expect(422);
        assert!(
            said.has("50 字以内的关键字") && said.has("用印甲"),
            "{}",
            said.text()
        );
    }
}

async fn a_keyword_stands_at_the_same_place_in_both_forms(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[]).await;
    let mut resident = city.client("resident").await;
    let (case, _) = resident.apply().await;
    city.settle().await;
    let (id, ..) = papers(&city, &case).await.remove(0);
    let mut forms = Vec::new();
    for ending in ["pdf", "ofd"] {
        let path = format!("/cases/{case}/papers/{id}.{ending}");
        forms.push(resident.get(&path).await.expect(200).body);
    }
    let files: [(&str, &[u8]); 2] = [("a.pdf", &forms[0]), ("a.ofd", &forms[1])];
    let mut her = city.client("reviewer-cg").await;
    let by = [
        ("place", "keyword"),
        ("page", "last"),
        ("which", "first"),
        ("keyword", "收到的材料如下"),
    ];
    let (batch, page) = seal_at(&city, &mut her, &by, &files).await;
    assert!(page.has("已签章 2 个，共 2 个"), "{}", page.text());
    let pdf = her.get(&format!("{batch}/files/1")).await.expect(200).body;
    let package = her.get(&format!("{batch}/files/2")).await.expect(200).body;
    let (here, there) = (*signatures(&pdf).last().unwrap(), stamps(&package)[0].1);
    assert!(near(here, there[0], there[1], 0.5), "{here:?} {there:?}");
    // Two characters that stand often: in a PDF every place is a signature of its own.
    let by = [
        ("place", "keyword"),
        ("page", "last"),
        ("which", "all"),
        ("keyword", "申请材料"),
    ];
    let (batch, page) = seal_at(&city, &mut her, &by, &files).await;
    assert!(page.has("已签章 2 个，共 2 个"), "{}", page.text());
    let pdf = her.get(&format!("{batch}/files/1")).await.expect(200).body;
    let package = her.get(&format!("{batch}/files/2")).await.expect(200).body;
    let (here, there) = (signatures(&pdf), stamps(&package));
    // The paper's own seal is the first.
    assert!(
        there.len() > 1 && here.len() == there.len() + 1,
        "{here:?} {there:?}"
    );
    for (a, (_, b)) in here.iter().skip(1).zip(&there) {
        assert!(near(*a, b[0], b[1], 0.5), "{a:?} {b:?}");
    }
    let said = city
        .visitor()
        .post_multipart("/verify", &[], &[("file", "a.pdf", &pdf)])
        .await
        .expect(200);
    assert!(said.has("文件完整，签章可信"), "{}", said.text());
}

async fn programs_seal_too(db: Db) {
    let city = City::open(db, DAY).await;
    grant(&city, &[]).await;
    let mut program = city.visitor();
    program.bearer = Some(
        identity::api::api_token(&city.system(), "reviewer-cg")
            .await
            .unwrap(),
    );
    program.accept = "application/json";
    let path = "/api/v1/seals/pack:chengguan/uses";
    let order = |content: &str, page: &str| {
        json!({ "purpose": "接口用印", "page": page, "place": "xy", "x": 105, "y": 200,
            "files": [{ "name": "a.pdf", "content": content }] })
    };
    let good = STANDARD.encode(pdf("api", ""));
    program
        .post_json(path, &[], &order("no base64!", "1"))
        .await
        .expect(422);
    program
        .post_json(path, &[], &order(&good, "nowhere"))
        .await
        .expect(422);
    let taken = program
        .post_json(path, &[], &order(&good, "1"))
        .await
        .expect(202)
        .json();
    assert_eq!(taken["state"], "running");
    let late = program
        .post_json(path, &[], &order(&good, "7"))
        .await
        .expect(202)
        .json();
    city.settle().await;
    let shown = program
        .get(&format!(
            "/api/v1/seals/batches/{}",
            taken["id"].as_str().unwrap()
        ))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&shown["state"], &shown["files"][0]["result"]),
        (&json!("done"), &json!("done"))
    );
    let file = program
        .get(shown["files"][0]["href"].as_str().unwrap())
        .await
        .expect(200);
    assert!(file.body.starts_with(b"%PDF-"));
    let shown = program
        .get(&format!("/api/v1/seals/batches/{}", late["id"].as_str().unwrap()))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["files"][0]["why"], "没有指定的页，或印章在该位置放不下");
    // Another bureau's seal is not even there.
    let other = "/api/v1/seals/pack:shuili/uses";
    program
        .post_json(other, &[], &order(&good, "1"))
        .await
        .expect(404);
}

async fn everybody_has_their_verbs(db: Db) {
    let city = City::open(db, DAY).await;
    let page = apply(&mut city.client("reviewer-cg").await).await;
    let posts = [
        "decision",
        "making",
        "lifting",
        "destruction",
        "suspension",
        "withdrawal",
        "custody",
        "custody/answer",
        "grants",
        "grants/1/revocation",
    ];
    let fields = [("words", "x"), ("outcome", "approve"), ("taker", "account:1")];
    // Neither the public nor residents see anything; a bureau sees its own.
    for (who, code) in [
        ("resident", 403),
        ("agent", 403),
        ("reviewer-jj", 404),
        ("head-sl", 404),
    ] {
        let mut other = city.client(who).await;
        other.get(&page).await.expect(code);
        other.get(&format!("{page}/uses.csv")).await.expect(code);
        for verb in posts {
            let answer = other.post_form(&format!("{page}/{verb}"), &fields).await;
            assert!(
                matches!(answer.status, 403 | 404),
                "{who} {verb}: {}",
                answer.status
            );
        }
    }
    assert!(
        city.visitor()
            .get(&page)
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    // Who works with seals does no more than their own part.
    for (who, verbs) in [
        ("reviewer-cg", &posts[..5]),
        (
            "head",
            &[
                "decision",
                "making",
                "lifting",
                "destruction",
                "withdrawal",
                "custody",
            ][..],
        ),
        ("clerk", &posts[..5]),
        ("auditor", &posts[..]),
        (
            "seal-authority",
            &["withdrawal", "grants", "grants/1/revocation", "custody/answer"][..],
        ),
    ] {
        let mut one = city.client(who).await;
        for verb in verbs {
            let answer = one.post_form(&format!("{page}/{verb}"), &fields).await;
            assert!(
                matches!(answer.status, 403 | 404),
                "{who} {verb}: {}",
                answer.status
            );
        }
    }
    assert_eq!(state(&city, page.rsplit('/').next().unwrap()).await, "applied");
    let mut clerk = city.client("clerk").await;
    clerk.get("/work/seals/new").await.expect(403);
    clerk.get("/work/seals/queue").await.expect(403);
    let jj = city
        .client("reviewer-jj")
        .await
        .get("/work/seals?q=城市管理局")
        .await
        .expect(200);
    assert!(jj.has("没有符合条件的印章"), "{}", jj.text());
    // Lists are searched and turned over.
    let mut authority = city.client("seal-authority").await;
    let all = authority.get("/work/seals").await.expect(200);
    assert!(all.has("城市管理局") && all.has("水利局"));
    let found = authority
        .get("/work/seals?q=行政审批&state=applied")
        .await
        .expect(200);
    assert!(found.leads(&page) && !found.has("水利局"));
    assert!(!authority.get("/work/seals?q=%25").await.expect(200).has("tbody"));
    seal(
        &mut city.client("auditor").await,
        CITY,
        &[("a.pdf", &pdf("a", ""))],
    )
    .await
    .expect(403);
}

async fn an_organisation_without_a_seal_issues_nothing(db: Db) {
    let city = City::with(db, DAY, |pack| {
        let file = pack.join("seals.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let rest: Vec<&str> = text
            .split("\n[[seal]]\n")
            .filter(|e| !e.starts_with("organisation = \"chengguan\""))
            .collect();
        std::fs::write(&file, rest.join("\n[[seal]]\n")).unwrap();
    })
    .await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    let why = "SELECT waiting FROM documents_certificate WHERE state = 'ordered'";
    let why: String = city.scalar(why, &[]).await.unwrap();
    assert_eq!(why, "seals-none");
    // The bureau gets one of its own, and what waited goes on.
    let mut fields = application("official", "");
    fields.retain(|f| f.0 != "processes");
    fields.push(("processes", "certificate:* paper:*"));
    let sent = city
        .client("reviewer-cg")
        .await
        .post_form("/work/seals/new", &fields)
        .await
        .expect(303);
    let page = sent.location().to_string();
    let mut authority = city.client("seal-authority").await;
    let yes = [("outcome", "approve"), ("words", "同意")];
    authority
        .post_form(&format!("{page}/decision"), &yes)
        .await
        .expect(303);
    authority
        .post_form(&format!("{page}/making"), &[])
        .await
        .expect(303);
    let head = account(&city, "head").await;
    authority
        .post_form(&format!("{page}/custody"), &[("taker", &head)])
        .await
        .expect(303);
    city.settle().await;
    let sealed = "SELECT COUNT(*) FROM documents_certificate WHERE state = 'valid'";
    assert_eq!(city.count(sealed, &[]).await, 0);
    city.client("head")
        .await
        .post_form(&format!("{page}/custody/answer"), &[("outcome", "accept")])
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(city.count(sealed, &[]).await, 1);
    // The detached signature is of this seal's key.
    let id: String = city
        .scalar("SELECT id FROM documents_certificate", &[])
        .await
        .unwrap();
    her.get(&format!("/me/certificates/{id}.sm2.pem"))
        .await
        .expect(200);
}
