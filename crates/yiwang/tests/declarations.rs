//! What the whole program declares about itself holds together: doors, facts, permissions, texts, pages.

use kernel::ctx::{Config, SetClock};
use std::path::PathBuf;
use std::sync::Arc;

async fn city() -> (Arc<kernel::ctx::App>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        url: "http://localhost:8151".into(),
        listen: String::new(),
        data: folder.path().into(),
        database: None,
        demo: true,
        node: "test".into(),
        fast_hash: true,
        edge: Default::default(),
        checked_pack: false,
    };
    let with = yiwang::Surroundings {
        clock: Arc::new(SetClock::at(1_795_500_000_000)),
        chance: kernel::start::system_chance(),
        master_key: None,
    };
    let pack = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packs/huaian"));
    (yiwang::open(config, &pack, with).await.unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_declared_holds_together() {
    let (app, _folder) = city().await;
    assert_eq!(
        kernel::start::check_declarations(&app.modules),
        Vec::<String>::new()
    );
    assert_eq!(kernel::page::check_samples(&app), Vec::<String>::new());
    let (zh, en) = app.texts.keys();
    let only: Vec<_> = zh.symmetric_difference(en).collect();
    assert!(only.is_empty(), "texts in one language only: {only:?}");
    // Every template has a sample, so the check above has seen it.
    let sampled: std::collections::BTreeSet<&str> = app
        .modules
        .iter()
        .flat_map(|m| &m.samples)
        .map(|s| s.template)
        .collect();
    // What extends no layout is a part of other templates; it is seen with them.
    let unseen: Vec<&String> = app
        .modules
        .iter()
        .flat_map(|m| &m.templates)
        .filter(|(n, source)| source.contains("{% extends") && !n.starts_with("kernel/"))
        .map(|(n, _)| n)
        .filter(|n| !sampled.contains(n.as_str()))
        .collect();
    assert!(unseen.is_empty(), "templates without a sample: {unseen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_permission_is_granted_to_some_role_of_the_pack() {
    let (app, _folder) = city().await;
    let pack = app.services.get::<yiwang::CityPack>().unwrap();
    let roles = pack.0.text("roles.toml").unwrap();
    let missing: Vec<&str> = app
        .modules
        .iter()
        .flat_map(|m| &m.permissions)
        .map(|p| p.name)
        .filter(|p| !roles.contains(&format!("\"{p}\"")))
        .collect();
    assert!(missing.is_empty(), "no role grants {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_city_is_found_sound_by_the_doctor() {
    let (app, _folder) = city().await;
    kernel::job::settle(&app).await.unwrap();
    for check in app.modules.iter().flat_map(|m| &m.checks) {
        let findings = check(app.system("doctor")).await.unwrap();
        let altered: Vec<_> = findings.iter().filter(|f| !f.contains("holiday table")).collect();
        assert!(altered.is_empty(), "{altered:?}");
    }
}
