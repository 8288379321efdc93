//! The base library on both databases: collected from files with every kind of wrong row, asked, seen through
//! HTTP, and searched for plain text. PostgreSQL is started by `cargo xtask test`, which sets
//! `YIWANG_TEST_POSTGRES`.

mod house;

use axum::body::Body;
use axum::http::Request;
use house::*;
use http_body_util::BodyExt;
use kernel::*;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

type Found = Vec<(i64, String, String, String)>;

async fn counts(c: &Ctx, source: &str) -> (i64, i64, i64, i64, i64) {
    c.read("t", |tx| {
        let r = tx
            .one(
                "SELECT COUNT(*) AS runs, MAX(rows_read) AS a, MAX(rows_accepted) AS b, \
                 MAX(rows_rejected) AS c, MAX(rows_warned) AS d FROM data_run WHERE source = $1",
                params![source],
            )?
            .unwrap();
        Ok((r.get("runs")?, r.get("a")?, r.get("b")?, r.get("c")?, r.get("d")?))
    })
    .await
    .unwrap()
}

async fn issues(c: &Ctx, source: &str) -> Found {
    c.read("t", |tx| {
        let sql = "SELECT i.line, i.column_name, i.rule, i.severity FROM data_issue i \
                   JOIN data_source s ON s.last_run = i.run WHERE s.id = $1 ORDER BY i.number";
        let rows = tx.query(sql, params![source])?;
        let all: Result<Found, Fault> = rows
            .iter()
            .map(|r| {
                Ok((
                    r.get("line")?,
                    r.get("column_name")?,
                    r.get("rule")?,
                    r.get("severity")?,
                ))
            })
            .collect();
        Ok(all?)
    })
    .await
    .unwrap()
}

async fn number(c: &Ctx, sql: &str) -> i64 {
    c.read("t", |tx| Ok(tx.scalar::<i64>(sql, &[])?.unwrap_or(0)))
        .await
        .unwrap()
}

async fn subject(c: &Ctx, code: &str) -> String {
    c.read("t", |tx| identity::api::subject_of_code(c, tx, code))
        .await
        .unwrap()
        .expect("known")
}

fn found(line: i64, column: &str, rule: &str, severity: &str) -> (i64, String, String, String) {
    (line, column.into(), rule.into(), severity.into())
}

async fn asked(c: &Ctx, subject: &str, elements: &[&str]) -> Vec<Held> {
    let elements: Vec<String> = elements.iter().map(|e| e.to_string()).collect();
    c.tx("t.ask", |tx| c.ask(tx, subject, &elements, "核对申请"))
        .await
        .unwrap()
}

async fn story(fresh: &Fresh) {
    let folder = City::new();
    let app = app(&fresh.address, &folder.pack()).await;
    let c = app.system("t");
    data::collect_all(&c, &folder.pack()).await.unwrap();

    // Counts and issues of each wrong row.
    assert_eq!(counts(&c, "people").await, (1, 8, 4, 4, 2));
    assert_eq!(
        issues(&c, "people").await,
        [
            found(3, "citizen_id", "citizen-id", "reject"),
            found(4, "birth_date", "date", "reject"),
            found(5, "", "duplicate", "reject"),
            found(6, "address", "older", "warn"),
            found(8, "name", "not-empty", "reject"),
            found(9, "phone", "phone", "warn"),
        ]
    );
    assert_eq!(counts(&c, "firms").await, (1, 2, 1, 1, 0));
    assert_eq!(
        number(&c, "SELECT COUNT(*) FROM identity_subject").await,
        4,
        "rejected rows make nobody known"
    );
    let synthetic = "SELECT COUNT(*) FROM identity_subject WHERE synthetic = 1 AND area_code = '320899'";
    assert_eq!(number(&c, synthetic).await, 4);

    // The newest value of all sources, with source and date; ties go to the authority named first.
    let a = subject(&c, &CANARY.code()).await;
    let firm = subject(&c, &firm_code()).await;
    let mut clerk = Ctx::new(app.clone(), official(&[]), Locale::Zh);
    let held = asked(&clerk, &a, &["address", "phone", "sex", "nothing", "address"]).await;
    let one = |element: &str, value: &str, source: &str, as_of: &str| Held {
        element: element.into(),
        value: value.into(),
        source: source.into(),
        as_of: as_of.into(),
    };
    assert_eq!(
        held,
        [
            one(
                "address",
                "演示市演示街道新居路3号",
                "卫生登记（样例）",
                "2026-08-31"
            ),
            one("phone", CANARY.phone, "人口登记（样例）", "2026-06-30"),
            one("sex", "1", "人口登记（样例）", "2026-06-30"),
        ]
    );
    let b = subject(&c, &code(2)).await;
    assert_eq!(
        asked(&clerk, &b, &["name"]).await[0].source,
        "人口登记（样例）",
        "an equal date"
    );
    clerk.locale = Locale::En;
    assert_eq!(
        asked(&clerk, &firm, &["firm-name"]).await[0].source,
        "Firms (sample)"
    );

    // Reading somebody else's data is recorded with fields and purpose; one's own is not, nor are empty
    // answers.
    let rows = "SELECT COUNT(*) FROM identity_access";
    assert_eq!(number(&c, rows).await, 3);
    let (fields, purpose, who): (String, String, String) = c
        .read("t", |tx| {
            let r = tx
                .one(
                    "SELECT * FROM identity_access WHERE subject = $1",
                    params![a.as_str()],
                )?
                .unwrap();
            Ok((r.get("fields")?, r.get("purpose")?, r.get("actor")?))
        })
        .await
        .unwrap();
    assert_eq!(
        (fields.as_str(), purpose.as_str(), who.as_str()),
        ("address,phone,sex", "核对申请", "account:clerk")
    );
    let mut own = clerk.clone();
    own.actor.subject = Some(a.clone());
    own.actor.on_behalf = Some(firm.clone());
    let elements = ["name".to_string(), "firm-name".to_string()];
    for s in [&a, &firm] {
        let held = own
            .read("t", |tx| own.ask(tx, s, &elements, "预填"))
            .await
            .unwrap();
        assert_eq!(held.len(), 1, "one's own can be read in a read transaction");
    }
    assert!(asked(&clerk, "nobody", &["name"]).await.is_empty());
    assert_eq!(number(&c, rows).await, 3);
    let refused = clerk
        .tx("t", |tx| clerk.ask(tx, &a, &elements, " "))
        .await
        .unwrap_err();
    assert_eq!(refused.refusal().unwrap().key, "data-purpose-needed");

    // A second collection does nothing, also after a restart.
    data::collect_all(&c, &folder.pack()).await.unwrap();
    assert_eq!(number(&c, "SELECT COUNT(*) FROM data_run").await, 3);

    // A changed file is collected; an older date in it changes nothing.
    folder.write(
        "sources/people.csv",
        &format!("{HEAD}\n{}", folder.people_changed()),
    );
    data::collect_all(&c, &folder.pack()).await.unwrap();
    assert_eq!(
        number(&c, "SELECT COUNT(*) FROM data_run").await,
        4,
        "only the changed one ran"
    );
    let held = asked(&clerk, &a, &["phone", "address"]).await;
    assert_eq!(
        (held[0].value.as_str(), held[0].as_of.as_str()),
        ("19900000099", "2026-07-31")
    );
    assert_eq!(held[1].value, "演示市演示街道新居路3号");
    let held = asked(&clerk, &b, &["address"]).await;
    assert_eq!(
        (held[0].value.as_str(), held[0].as_of.as_str()),
        ("演示市演示街道二号", "2026-06-30")
    );
    // Changed rules are a change, too.
    folder.edit(
        "sources/collection.toml",
        "severity = \"warn\"",
        "severity = \"reject\"",
    );
    data::collect_all(&c, &folder.pack()).await.unwrap();
    assert_eq!(number(&c, "SELECT COUNT(*) FROM data_run").await, 7);

    // One fact a run; it covers the run row and holds counts only.
    let facts = c
        .read("t", |tx| {
            let sql =
                "SELECT subject, payload, touched, salt FROM kernel_fact WHERE type = 'data.run.finished'";
            tx.query(sql, &[])?
                .iter()
                .map(|r| {
                    let (id, salt): (String, String) = (r.get("subject")?, r.get("salt")?);
                    let table = app
                        .modules
                        .iter()
                        .flat_map(|m| &m.tables)
                        .find(|t| t.name == "data_run")
                        .unwrap();
                    let now = fact::row_hash(tx, table, &id, &salt)?;
                    let touched: Json = r.get("touched")?;
                    assert_eq!(touched[0]["hash"].as_str(), now.as_deref());
                    Ok(r.get::<Json>("payload")?)
                })
                .collect::<Result<Vec<Json>>>()
        })
        .await
        .unwrap();
    assert_eq!(facts.len(), 7);
    assert!(
        facts.contains(&json!({ "source": "people", "read": 8, "accepted": 4, "rejected": 4, "warned": 2 }))
    );
    let view = "SELECT COUNT(*) FROM pub_data_source \
                WHERE rows_accepted > 0 AND rows_rejected >= 0 AND as_of > '2026'";
    assert_eq!(number(&c, view).await, 3);

    // A source that the pack drops is answered no more; nothing is deleted.
    let values = number(&c, "SELECT COUNT(*) FROM data_value").await;
    let text = std::fs::read_to_string(folder.path("sources/collection.toml")).unwrap();
    folder.write(
        "sources/collection.toml",
        text.split("# --- health").next().unwrap(),
    );
    data::collect_all(&c, &folder.pack()).await.unwrap();
    assert_eq!(
        asked(&clerk, &a, &["address"]).await[0].source,
        "Population (sample)"
    );
    assert_eq!(number(&c, "SELECT COUNT(*) FROM data_value").await, values);

    no_plain_text(&app, fresh).await;
}

/// No cell of any table, and on SQLite no byte of the files, tells the canaries' names, codes, phones or
/// addresses.
async fn no_plain_text(app: &std::sync::Arc<App>, fresh: &Fresh) {
    let mut secrets: Vec<String> = Vec::new();
    for p in [&CANARY, &CANARY_WRONG] {
        secrets.extend([p.name.into(), p.code(), p.phone.into(), p.address.into()]);
    }
    let c = app.system("t");
    let mut tables: Vec<String> = db::schema_of(&app.db)
        .await
        .unwrap()
        .into_iter()
        .map(|(t, ..)| t)
        .collect();
    tables.dedup();
    assert!(tables.iter().any(|t| t == "data_value"));
    for table in tables {
        let rows = c
            .read("t", |tx| Ok(tx.query(&format!("SELECT * FROM {table}"), &[])?))
            .await
            .unwrap();
        for value in rows.iter().flat_map(|r| r.values()) {
            let bytes = match value {
                Value::Text(t) => t.as_bytes().to_vec(),
                Value::Bytes(b) => b.clone(),
                _ => continue,
            };
            assert_clean(&bytes, &secrets, &table);
        }
    }
    if !app.db.is_postgres() {
        app.db.close().await;
        for entry in std::fs::read_dir(fresh.folder()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            assert_clean(&bytes, &secrets, &path.display().to_string());
        }
        let file = std::fs::read(&fresh.address).unwrap();
        let open = "人口登记（样例）".as_bytes();
        assert!(
            file.windows(open.len()).any(|w| w == open),
            "what is not protected is found this way"
        );
    }
}

fn assert_clean(bytes: &[u8], secrets: &[String], place: &str) {
    for s in secrets {
        assert!(
            !bytes.windows(s.len()).any(|w| w == s.as_bytes()),
            "{s} stands in {place}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    story(&sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    story(&postgres().await).await;
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

async fn through_http(fresh: &Fresh) {
    let folder = City::new();
    let app = app(&fresh.address, &folder.pack()).await;
    data::collect_all(&app.system("t"), &folder.pack()).await.unwrap();
    let get = |who: &str, path: &str| {
        Request::get(path)
            .header("authorization", format!("Bearer {who}"))
            .header("accept", "text/html")
    };
    let post = |who: &str, path: &str| Request::post(path).header("authorization", format!("Bearer {who}"));
    let none = Body::empty;

    // Doors: nobody, a person without the permission, a reader who may not collect.
    let (status, _, headers) = call(
        &app,
        Request::get("/work/library")
            .header("accept", "text/html")
            .body(none())
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (303, "/sign-in?next=/work/library")
    );
    for path in [
        "/work/library",
        "/work/library/people",
        "/api/v1/library/elements",
    ] {
        assert_eq!(
            call(&app, get("citizen", path).body(none()).unwrap()).await.0,
            403,
            "{path}"
        );
        assert_eq!(
            call(&app, get("reader", path).body(none()).unwrap()).await.0,
            200,
            "{path}"
        );
    }
    assert_eq!(
        call(
            &app,
            post("reader", "/work/library/people/run").body(none()).unwrap()
        )
        .await
        .0,
        403
    );
    assert_eq!(
        call(&app, get("reader", "/work/library/nowhere").body(none()).unwrap())
            .await
            .0,
        404
    );
    assert_eq!(
        call(
            &app,
            post("steward", "/work/library/nowhere/run").body(none()).unwrap()
        )
        .await
        .0,
        404
    );

    // The list and the wrong rows, in both languages, masked.
    let (_, list, _) = call(&app, get("reader", "/work/library").body(none()).unwrap()).await;
    assert!(
        list.contains("人口登记（样例）") && list.contains("25.0 %") && !list.contains("重新归集"),
        "{list}"
    );
    let (_, page, _) = call(
        &app,
        get("steward", "/work/library/people?lang=en")
            .body(none())
            .unwrap(),
    )
    .await;
    for text in [
        "Population (sample)",
        "The check digit of the ID is wrong",
        "Repeats line 2",
        "Collect again",
        "320899****",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    for p in [&CANARY, &CANARY_WRONG] {
        for secret in [p.name, p.phone, p.address, &p.code()] {
            assert!(!page.contains(secret), "{secret}");
        }
    }

    // Collecting again: nothing to do, then a changed file, then one without a column, then none at all.
    let run = || post("steward", "/work/library/people/run").body(none()).unwrap();
    let to = |h: &axum::http::HeaderMap| h["location"].to_str().unwrap().to_string();
    let (status, _, headers) = call(&app, run()).await;
    assert_eq!(
        (status, to(&headers).as_str()),
        (303, "/work/library/people?done=same")
    );
    folder.write(
        "sources/people.csv",
        &format!("{HEAD}\n{}", folder.people_changed()),
    );
    let (_, _, headers) = call(&app, run()).await;
    assert_eq!(to(&headers), "/work/library/people?done=new");
    let (_, page, _) = call(&app, get("steward", &to(&headers)).body(none()).unwrap()).await;
    assert!(page.contains("文件已归集") && page.contains("100.0 %"), "{page}");
    folder.write("sources/people.csv", "citizen_id,name\n");
    let (status, body, _) = call(&app, run()).await;
    assert_eq!((status, body.contains("birth_date")), (422, true), "{body}");
    std::fs::remove_file(folder.path("sources/people.csv")).unwrap();
    assert_eq!(call(&app, run()).await.0, 409);

    // The API: elements, and asking for a purpose.
    let (_, body, _) = call(
        &app,
        get("reader", "/api/v1/library/elements").body(none()).unwrap(),
    )
    .await;
    let elements: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(
        elements["elements"][0],
        json!({
            "id": "name", "name": "姓名", "name_en": "Name", "type": "string", "grade": "L3",
            "source": null, "values": [],
        })
    );
    let c = app.system("t");
    let a = subject(&c, &CANARY.code()).await;
    let ask = |body: Json| {
        post("reader", "/api/v1/library/ask")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let wrong = [
        (json!({ "subject": a, "elements": ["name"] }), "purpose"),
        (
            json!({ "subject": a, "elements": ["name"], "purpose": "  " }),
            "purpose",
        ),
        (
            json!({ "subject": a, "elements": [], "purpose": "x" }),
            "elements",
        ),
        (
            json!({ "subject": a, "elements": ["unheard-of"], "purpose": "x" }),
            "elements",
        ),
        (json!({ "elements": ["name"], "purpose": "x" }), "subject"),
    ];
    for (body, field) in wrong {
        let (status, answer, _) = call(&app, ask(body.clone())).await;
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (status, answer["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{body} {answer}"
        );
    }
    assert_eq!(call(&app, ask(json!({ "who": a }))).await.0, 422);
    assert_eq!(number(&c, "SELECT COUNT(*) FROM identity_access").await, 0);
    let (status, body, _) = call(
        &app,
        ask(json!({ "subject": a, "elements": ["phone"], "purpose": "核验" })),
    )
    .await;
    let phone = json!({ "element": "phone", "value": "19900000099",
        "source": "人口登记（样例）", "as_of": "2026-07-31" });
    assert_eq!(
        (status, serde_json::from_str::<Json>(&body).unwrap()),
        (200, json!({ "values": [phone] }))
    );
    assert_eq!(
        number(&c, "SELECT COUNT(*) FROM identity_access WHERE purpose = '核验'").await,
        1
    );
    let api = kernel::api::describe(&app);
    assert!(api["paths"]["/api/v1/library/ask"]["post"]["requestBody"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn through_http_on_sqlite() {
    through_http(&sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_http_on_postgres() {
    through_http(&postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_texts_and_schema_are_sound() {
    let (s, p) = (sqlite(), postgres().await);
    let folder = City::new();
    let (a, b) = (
        app(&s.address, &folder.pack()).await,
        app(&p.address, &folder.pack()).await,
    );
    assert_eq!(
        db::schema_of(&a.db).await.unwrap(),
        db::schema_of(&b.db).await.unwrap()
    );
    assert_eq!(page::check_samples(&a), Vec::<String>::new());
    assert_eq!(start::check_declarations(&a.modules), Vec::<String>::new());
    let (zh, en) = a.texts.keys();
    let own = |keys: &std::collections::BTreeSet<String>| -> Vec<String> {
        keys.iter().filter(|k| k.starts_with("data-")).cloned().collect()
    };
    assert_eq!(own(zh), own(en));
    let module = data::module();
    let mut used: Vec<String> = module.permissions.iter().map(|p| p.title.into()).collect();
    used.extend(module.menu.iter().map(|m| m.title.to_string()));
    for (_, text) in &module.templates {
        used.extend(
            text.split("t(\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_string()),
        );
    }
    // Keys made by the program: rules, and the reasons that the codes engine can give.
    for rule in [
        "citizen-id",
        "credit-code",
        "date",
        "not-empty",
        "phone",
        "enum",
        "shape",
        "duplicate",
        "conflict",
        "older",
    ] {
        used.push(format!("data-rule-{rule}"));
    }
    for reason in [
        "citizen-length",
        "citizen-alphabet",
        "citizen-date",
        "citizen-check",
        "credit-length",
        "credit-alphabet",
        "credit-check",
        "organisation-alphabet",
        "organisation-check",
        "phone-length",
        "phone-alphabet",
        "empty",
        "nameless",
        "shape",
        "encoding",
        "date",
        "enum",
        "duplicate",
        "conflict",
        "older",
    ] {
        used.push(format!("data-reason-{reason}"));
    }
    for key in used {
        assert!(a.texts.has(&key), "no text for {key}");
    }
}

/// The city pack in this repository: sound, and its sample files hold the seven wrong rows each that they are
/// meant to.
#[tokio::test(flavor = "multi_thread")]
async fn the_citys_own_sources() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packs/huaian");
    let pack = pack::Pack::read(&dir).unwrap();
    assert_eq!((data::module().sections[0].check)(&pack), Vec::<String>::new());
    let s = sqlite();
    let app = app(&s.address, &pack).await;
    let c = app.system("t");
    data::collect_all(&c, &pack).await.unwrap();
    for source in ["population", "firms"] {
        let (_, read, accepted, rejected, warned) = counts(&c, source).await;
        assert_eq!(
            (read, accepted + rejected, rejected + warned),
            (40, 40, 7),
            "{source}: {:?}",
            issues(&c, source).await
        );
    }
}

#[test]
fn wrong_packs_are_told_with_file_and_line() {
    let check = |folder: &City| (data::module().sections[0].check)(&folder.pack());
    let folder = City::new();
    assert_eq!(check(&folder), Vec::<String>::new());
    let text = std::fs::read_to_string(folder.path("sources/collection.toml")).unwrap();
    let line = |what: &str| text.lines().position(|l| l.contains(what)).unwrap() + 1;
    for (old, new, message) in [
        (
            "element = \"sex\"",
            "element = \"gender\"",
            "unknown element `gender`",
        ),
        ("rule = \"enum\"", "rule = \"any\"", "unknown rule `any`"),
        (
            "column = \"sex\"",
            "column = \"gender\"",
            "people.csv has no column `gender`",
        ),
        (
            "key_kind = \"credit-code\"",
            "key_kind = \"tax\"",
            "unknown key_kind `tax`",
        ),
        (
            "file = \"firms.csv\"",
            "file = \"none.csv\"",
            "file `none.csv` is not in the pack's folder sources/",
        ),
        (
            "library = \"legal-person\"",
            "library = \"x\"",
            "unknown library `x`",
        ),
        ("id = \"firms\"", "id = \"people\"", "id `people` stands twice"),
        ("id = \"firms\"", "id = \"Firms/..\"", "id `Firms/..`: only"),
        (
            "element = \"firm-name\"",
            "element = \"address\"",
            "no rule brings element `firm-name`",
        ),
    ] {
        let folder = City::new();
        folder.edit("sources/collection.toml", old, new);
        let errors = check(&folder);
        let at = if message.starts_with("no rule") {
            "id = \"firms\""
        } else {
            old
        };
        let place = format!("collection.toml:{}: {message}", line(at));
        assert!(errors.iter().any(|e| e.contains(&place)), "{place}\n{errors:?}");
    }
    let folder = City::new();
    folder.edit(
        "elements.toml",
        "grade = \"L4\"",
        "grade = \"L9\"\ncolour = \"red\"",
    );
    assert!(
        check(&folder)[0].contains("elements.toml:") && check(&folder)[0].contains("colour"),
        "{:?}",
        check(&folder)
    );
    folder.edit("elements.toml", "\ncolour = \"red\"", "");
    assert!(
        check(&folder)[0].contains("unknown grade `L9`"),
        "{:?}",
        check(&folder)
    );
    assert!(
        check(&folder)[0].contains("elements.toml:13:"),
        "{:?}",
        check(&folder)
    );
}
