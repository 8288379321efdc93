//! Two modules exchange one fact; the same on both databases.

use crate::sample::*;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use kernel::*;
use tower::ServiceExt;

async fn exchange(database: &Fresh) {
    let app = app(&database.address, "node-a").await;
    let ctx = ctx(&app);
    for text in ["一", "二", "三"] {
        send(&ctx, text).await.unwrap();
    }
    let refused = send(&ctx, "").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().key, "letters-empty");
    job::settle(&app).await.unwrap();
    job::settle(&app).await.unwrap();
    assert_eq!(
        (
            counted(&ctx, "letters").await.unwrap(),
            counted(&ctx, "rings").await.unwrap()
        ),
        (3, 3)
    );

    let facts = ctx.read("t", |tx| Ok(fact::after(tx, 0, 100)?)).await.unwrap();
    assert_eq!(
        facts.iter().map(|f| f.seq).collect::<Vec<_>>(),
        [1, 2, 3],
        "seq is dense"
    );
    let f = &facts[0];
    assert_eq!(
        (f.kind.as_str(), f.actor.as_str(), f.node.as_str()),
        ("letters.letter.sent", "account:1", "node-a")
    );
    assert!(
        !f.leaf().unwrap().contains('一'),
        "no content in the log, only hashes"
    );
    let hash = f.touched[0]["hash"].as_str().unwrap().to_string();
    let now = |salt: String| {
        let id = f.subject.clone();
        let ctx = &ctx;
        async move {
            ctx.read("t", |tx| Ok(fact::row_hash(tx, &LETTER, &id, &salt)?))
                .await
                .unwrap()
        }
    };
    assert_eq!(now(f.salt.clone()).await, Some(hash.clone()));
    ctx.tx("t.alter", |tx| {
        tx.execute(
            "UPDATE letters_letter SET text = 'x' WHERE id = $1",
            params![f.subject.clone()],
        )?;
        Ok(())
    })
    .await
    .unwrap();
    assert_ne!(
        now(f.salt.clone()).await,
        Some(hash),
        "an altered row has another hash"
    );
    let views = ctx
        .read("t", |tx| {
            Ok(tx.query("SELECT id FROM pub_letters_letter", &[])?.len())
        })
        .await
        .unwrap();
    assert_eq!(views, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    exchange(&sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    exchange(&postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_schemas_are_the_same() {
    let (s, p) = (sqlite(), postgres().await);
    let (a, b) = (app(&s.address, "a").await, app(&p.address, "b").await);
    let (a, b) = (
        db::schema_of(&a.db).await.unwrap(),
        db::schema_of(&b.db).await.unwrap(),
    );
    assert!(a.len() > 40, "{}", a.len());
    assert_eq!(a, b);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_apply_once_and_never_change() {
    let s = sqlite();
    let first = app(&s.address, "a").await;
    send(&ctx(&first), "stays").await.unwrap();
    first.db.close().await;
    let again = app(&s.address, "a").await;
    job::settle(&again).await.unwrap();
    assert_eq!(counted(&ctx(&again), "letters").await.unwrap(), 1);
    let mut changed = again
        .modules
        .iter()
        .flat_map(|m| m.migrations.clone())
        .collect::<Vec<_>>();
    changed.last_mut().unwrap().sql.push_str("\n-- later thought");
    let e = again.db.migrate(&changed, 0).await.unwrap_err();
    assert!(e.to_string().contains("was changed after it was applied"), "{e}");
    // An older program leaves a newer one's database alone.
    let mut older = again
        .modules
        .iter()
        .flat_map(|m| m.migrations.clone())
        .collect::<Vec<_>>();
    let newest = older.pop().unwrap();
    let e = again.db.migrate(&older, 0).await.unwrap_err().to_string();
    assert!(e.contains("newer program") && e.contains(&newest.module), "{e}");
}

/// Two nodes on one PostgreSQL: facts from both are numbered densely, whoever numbers; jobs run once.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_the_work() {
    let p = postgres().await;
    let (a, b) = (app(&p.address, "a").await, app(&p.address, "b").await);
    let (ca, cb) = (ctx(&a), ctx(&b));
    let write = |c: Ctx| async move {
        for n in 0..30 {
            send(&c, &n.to_string()).await.unwrap();
        }
    };
    let follow = |app: std::sync::Arc<App>| async move {
        for _ in 0..40 {
            job::follow(&app).await.unwrap();
            job::run_due(&app).await.unwrap();
        }
    };
    tokio::join!(write(ca.clone()), write(cb), follow(a.clone()), follow(b.clone()));
    tokio::join!(async { job::settle(&a).await.unwrap() }, async {
        job::settle(&b).await.unwrap()
    });
    let facts = ca.read("t", |tx| Ok(fact::after(tx, 0, 200)?)).await.unwrap();
    assert_eq!(
        facts.iter().map(|f| f.seq).collect::<Vec<_>>(),
        (1..=60).collect::<Vec<_>>()
    );
    assert_eq!(
        (
            counted(&ca, "letters").await.unwrap(),
            counted(&ca, "rings").await.unwrap()
        ),
        (60, 60)
    );
}

/// A job whose node died is taken over when its lease ends, and the dead node's late finish changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_nodes_job_is_taken_over() {
    let s = sqlite();
    let a = app(&s.address, "a").await;
    let c = ctx(&a);
    c.tx("t", |tx| {
        job::enqueue(tx, &c, "tally.ring", "k", c.now(), serde_json::Value::Null)?;
        job::enqueue(tx, &c, "tally.ring", "k", c.now(), serde_json::Value::Null)?;
        tx.execute(
            "UPDATE kernel_job SET state = 'running', holder = 'dead', fence = 1, lease_until = $1",
            params![c.now() + 5],
        )?;
        Ok(())
    })
    .await
    .unwrap();
    for _ in 0..20 {
        a.clock.now();
    }
    job::run_due(&a).await.unwrap();
    assert_eq!(
        counted(&c, "rings").await.unwrap(),
        1,
        "one row for one due key, run once"
    );
    let fence: Option<i64> = c
        .read("t", |tx| {
            Ok(tx.scalar("SELECT fence FROM kernel_job WHERE state = 'done'", &[])?)
        })
        .await
        .unwrap();
    assert_eq!(fence, Some(2));
}

async fn call(app: &std::sync::Arc<App>, request: Request<Body>) -> (u16, String, axum::http::HeaderMap) {
    let response = http::router(app.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        parts.status.as_u16(),
        String::from_utf8_lossy(&bytes).into_owned(),
        parts.headers,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_problems_pages_and_languages() {
    let s = sqlite();
    let app = app(&s.address, "a").await;
    let get = |path: &str| Request::get(path).header("accept", "application/json");
    let post = || Request::post("/letters").header("accept", "application/json");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();

    let (status, body, headers) = call(&app, post().body("hi".into()).unwrap()).await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (401, "application/problem+json")
    );
    assert!(
        json(&body)["instance"].as_str().unwrap().starts_with("urn:uuid:"),
        "{body}"
    );
    let (status, ..) = call(
        &app,
        post()
            .header("authorization", "Bearer nobody")
            .body("hi".into())
            .unwrap(),
    )
    .await;
    assert_eq!(status, 401);
    let signed = || post().header("cookie", "yw_session=writer");
    let (status, ..) = call(
        &app,
        signed()
            .header("sec-fetch-site", "cross-site")
            .body("hi".into())
            .unwrap(),
    )
    .await;
    assert_eq!(status, 403, "a write from another site");
    let (status, ..) = call(
        &app,
        signed()
            .header("origin", "https://evil.example")
            .body("hi".into())
            .unwrap(),
    )
    .await;
    assert_eq!(status, 403);
    let (status, ..) = call(
        &app,
        signed()
            .header("sec-fetch-site", "same-origin")
            .body("hi".into())
            .unwrap(),
    )
    .await;
    assert_eq!(status, 200);
    job::settle(&app).await.unwrap();

    let (status, body, headers) = call(&app, Request::get("/tally").body(Body::empty()).unwrap()).await;
    assert_eq!((status, body.contains("共 1 封")), (200, true), "{body}");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("script-src 'self'")
    );
    let (_, body, headers) = call(&app, Request::get("/tally?lang=en").body(Body::empty()).unwrap()).await;
    assert!(
        body.contains("1 letters") && headers["set-cookie"].to_str().unwrap().contains("yw_locale=en"),
        "{body}"
    );
    let (status, ..) = call(&app, get("/nowhere").body(Body::empty()).unwrap()).await;
    assert_eq!(status, 404);
    let (status, body, headers) = call(
        &app,
        Request::delete("/tally")
            .header("accept", "application/json")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, headers["content-type"].to_str().unwrap()),
        (405, "application/problem+json"),
        "{body}"
    );
    let (_, body, _) = call(&app, get("/api/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(
        json(&body)["paths"]["/letters"]["post"]["summary"],
        "Send a letter"
    );
    assert_eq!(page::check_samples(&app), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_by_word_pinyin_and_with_one_wrong_character() {
    for fresh in [sqlite(), postgres().await] {
        let app = app(&fresh.address, "a").await;
        let c = ctx(&app);
        c.tx("t", |tx| {
            for (id, title) in [
                ("1", "临时占用城市道路审批"),
                ("2", "挖掘城市道路审批"),
                ("3", "取水许可"),
                ("4", "公共场所卫生许可"),
            ] {
                search::put(
                    tx,
                    &search::Entry {
                        source: "t",
                        id: id.into(),
                        locale: Locale::Zh,
                        title: title.into(),
                        summary: String::new(),
                        href: String::new(),
                        words: vec![],
                    },
                )?;
            }
            Ok(())
        })
        .await
        .unwrap();
        for query in [
            "占用道路",
            "临时占用城市道路",
            "linshizhanyong",
            "lszy",
            "临时占用成市道路",
            "临时站用",
            "LinShi ZhanYong",
        ] {
            let hits = c
                .read("t", |tx| Ok(search::find(tx, query, Locale::Zh, 10)?))
                .await
                .unwrap();
            assert_eq!(
                hits.first().map(|h| h.id.as_str()),
                Some("1"),
                "{query}: {hits:?}"
            );
        }
        let none = c
            .read("t", |tx| Ok(search::find(tx, "结婚登记", Locale::Zh, 10)?))
            .await
            .unwrap();
        assert!(none.is_empty(), "{none:?}");
    }
}

/// A command-line verb writes into the file of a running server: both keep the numbers dense.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_file_number_densely() {
    let s = sqlite();
    let (server, verb) = (app(&s.address, "a").await, app(&s.address, "a").await);
    for n in 0..20 {
        let of = if n % 3 == 0 { &verb } else { &server };
        send(&ctx(of), &n.to_string()).await.unwrap();
    }
    let facts = ctx(&server)
        .read("t", |tx| Ok(fact::after(tx, 0, 100)?))
        .await
        .unwrap();
    assert_eq!(
        facts.iter().map(|f| f.seq).collect::<Vec<_>>(),
        (1..=20).collect::<Vec<_>>()
    );
}
