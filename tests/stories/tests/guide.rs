//! The guide "writing a matter", followed to the letter: its files are pasted into a pack, the pack is checked, and the
//! new matter is applied for and decided. No line of code is added.

use stories::{City, Db, Place, on_both, pack_copy};

on_both!(writing_a_matter);

/// (file name, content) of every code block under a heading that begins with a file name.
fn pasted(guide: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for section in guide.split("\n## ").skip(1) {
        let name = section.split([':', '\n']).next().unwrap().trim();
        if !name.contains('.') {
            continue;
        }
        let block = section.split("```").nth(1).expect("a code block");
        let (_, content) = block.split_once('\n').unwrap();
        out.push((name.to_string(), content.to_string()));
    }
    out
}

async fn writing_a_matter(db: Db) {
    let guide = include_str!("../../../docs/guides/writing-a-matter.md");
    let folder = tempfile::tempdir().unwrap();
    let pack = pack_copy(folder.path());
    let matter = pack.join("matters/hang-banner");
    std::fs::create_dir(&matter).unwrap();
    let files = pasted(guide);
    let names: Vec<&str> = files.iter().map(|(n, _)| n.as_str()).collect();
    let five = [
        "matter.toml",
        "form.json",
        "decision.dmn",
        "process.bpmn",
        "stories.toml",
    ];
    assert_eq!(names, five);
    for (name, content) in &files {
        std::fs::write(matter.join(name), content).unwrap();
    }
    let errors = yiwang::check_pack(&pack);
    assert!(errors.is_empty(), "{errors:#?}");

    // The check sees a mistake in any of them.
    for (name, content) in &files {
        let broken = match name.as_str() {
            "matter.toml" => content.replacen("chengguan", "nobody", 1),
            "form.json" => content.replacen("\"promise\"] }", "] }", 1),
            "decision.dmn" => content.replacen("[1..14]", "[1..", 1),
            "process.bpmn" => content.replacen("hang-banner-route", "another", 1),
            _ => content.replacen("ends = \"granted\"", "ends = \"refused\"", 1),
        };
        assert_ne!(&broken, content, "{name}");
        std::fs::write(matter.join(name), &broken).unwrap();
        let errors = yiwang::check_pack(&pack);
        let named = format!("hang-banner/{name}:");
        assert!(errors.iter().any(|e| e.contains(&named)), "{named} {errors:#?}");
        std::fs::write(matter.join(name), content).unwrap();
    }

    let place = Place::new(db);
    let config = place.config();
    let city = City::with_pack(place, config, &pack, "2026-11-24", None)
        .await
        .unwrap();
    let mut her = city.client("resident").await;
    let found = her.get("/matters?q=横幅").await.expect(200);
    assert!(found.has("悬挂横幅备案"));
    for page in ["/matters/hang-banner", "/matters/hang-banner?lang=en"] {
        her.get(page).await.expect(200);
    }
    let case = her.begin("hang-banner").await;
    let fields = [
        ("applicant_name", "演示居民甲"),
        ("location", "演示路8号门前"),
        ("start_date", "2026-12-01"),
        ("days", "7"),
        ("promise", "true"),
        ("action", "submit"),
    ];
    her.post_multipart(&format!("/cases/{case}/form"), &fields, &[])
        .await
        .expect(303);
    for (who, outcome) in [("clerk", "done"), ("head", "grant")] {
        let mut official = city.client(who).await;
        official.finish(&case, outcome, "").await.expect(303);
    }
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    assert!(her.get(&format!("/cases/{case}")).await.has("/me/certificates/"));
}
