//! Papers (文书) as people read them.

use crate::{City, Client};
use kernel::params;
use std::io::Write;
use std::process::{Command, Stdio};

/// The words of a PDF, without the white space that its lines put between them.
pub fn words(pdf: &[u8]) -> String {
    let mut reader = Command::new("pdftotext")
        // As written: else the letters of the watermark stand between those of the lines that cross it.
        .args(["-raw", "-enc", "UTF-8", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("poppler must be installed");
    reader.stdin.take().unwrap().write_all(pdf).unwrap();
    let out = reader.wait_with_output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200b}')
        .collect()
}

/// Id and number of the papers of a case, by kind, in the order of their issue.
pub async fn papers(city: &City, case: &str) -> Vec<(String, String, String)> {
    let ctx = city.system();
    let sql = "SELECT id, kind, number FROM documents_paper WHERE case_id = $1 ORDER BY issued_at, id";
    ctx.read("story.papers", |tx| {
        let rows = tx.query(sql, params![case])?;
        let all = rows
            .iter()
            .map(|r| Ok((r.get("id")?, r.get("kind")?, r.get("number")?)));
        Ok(all.collect::<Result<Vec<_>, kernel::Fault>>()?)
    })
    .await
    .unwrap()
}

/// The words of the newest paper of a kind, as this browser gets it.
pub async fn paper(city: &City, browser: &mut Client, case: &str, kind: &str) -> String {
    let all = papers(city, case).await;
    let (id, ..) = all
        .iter()
        .rfind(|(_, k, _)| k == kind)
        .unwrap_or_else(|| panic!("no {kind}: {all:?}"));
    let answer = browser
        .get(&format!("/cases/{case}/papers/{id}.pdf"))
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "application/pdf");
    words(&answer.body)
}
