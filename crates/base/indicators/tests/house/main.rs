//! Figures over two tiny modules that stand in for cases and services, on SQLite and PostgreSQL,
//! through HTTP.

mod city;

use city::{City, Fresh, postgres, sqlite};
use kernel::page::check_samples;
use serde_json::{Value as Json, json};

/// Runs the same story on both databases.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                super::$name(super::sqlite()).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                super::$name(super::postgres().await).await;
            }
        }
    )+ };
}
stories!(
    no_records_no_value,
    counted_by_hand,
    a_reach_limits_figures_and_rows_alike,
    figures_equal_their_rows,
    a_point_once_per_change,
    history_only_of_what_one_sees_whole,
    files_and_pages,
    doors,
);

fn figure(numerator: i64, denominator: i64, value: Json) -> Json {
    json!({ "numerator": numerator, "denominator": denominator, "value": value })
}

async fn no_records_no_value(db: Fresh) {
    let city = City::new(db).await;
    let list = city.json("mayor", "/api/v1/indicators").await;
    let ids: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["timeliness", "wholly-online", "one-net-rate", "satisfaction"]
    );
    for item in list["items"].as_array().unwrap() {
        assert_eq!(item["figure"], figure(0, 0, Json::Null), "{item}");
    }
    for page in [
        "/cockpit",
        "/work/indicators",
        "/work/indicators/timeliness",
        "/work/indicators/timeliness/rows",
    ] {
        let text = city.page("mayor", page).await;
        assert!(!text.contains("0.0%") && !text.contains("100.0%"), "{page}");
    }
    assert!(city.page("mayor", "/cockpit").await.contains("还没有办件"));
    assert!(
        city.page("mayor", "/cockpit?lang=en")
            .await
            .contains("No ratings yet")
    );
    assert_eq!(check_samples(&city.app), Vec::<String>::new());
    let (zh, en) = city.app.texts.keys();
    assert_eq!(
        zh.difference(en).filter(|k| k.starts_with("indicators-")).count(),
        0
    );
    assert_eq!(
        en.difference(zh).filter(|k| k.starts_with("indicators-")).count(),
        0
    );
}

async fn counted_by_hand(db: Fresh) {
    let city = City::new(db).await;
    city.year().await;
    let of = async |who: &str, id: &str| city.json(who, &format!("/api/v1/indicators/{id}")).await;
    // Ended: c1 c2 c3 c4 r1 and d1 of the county; withdrawn and open ones do not count.
    let t = of("mayor", "timeliness").await;
    assert_eq!(t["figure"], figure(4, 6, json!(66.7)));
    let line = |t: &Json, of: &str, id: &str| {
        t[of]
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["id"] == id)
            .map(|l| l["figure"].clone())
    };
    assert_eq!(
        line(&t, "organisations", "roads"),
        Some(figure(2, 4, json!(50.0)))
    );
    assert_eq!(
        line(&t, "organisations", "police"),
        Some(figure(2, 2, json!(100.0)))
    );
    assert_eq!(line(&t, "organisations", "empty"), None);
    // Online without a visit: c1 c3 d1; c2 came once, c4 was filed at a window, r1 both.
    let w = of("mayor", "wholly-online").await;
    assert_eq!(w["figure"], figure(3, 6, json!(50.0)));
    assert_eq!(line(&w, "matters", "occupy"), Some(figure(2, 3, json!(66.7))));
    assert_eq!(line(&w, "matters", "dig"), Some(figure(1, 3, json!(33.3))));
    let name = |t: &Json| {
        t["matters"]
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["id"] == "dig")
            .unwrap()["name"]
            .clone()
    };
    assert_eq!(name(&w), "挖掘城市道路");
    assert_eq!(
        name(
            &city
                .json("mayor", "/api/v1/indicators/wholly-online?lang=en")
                .await
        ),
        "Dig up a road"
    );
    // Of three matters one is full and proven; one is full but unproven, one proven but partial.
    let o = of("mayor", "one-net-rate").await;
    assert_eq!(o["figure"], figure(1, 3, json!(33.3)));
    // Grades 5 4 3 1: three of four are 3 and above; not rated is not counted.
    let s = of("mayor", "satisfaction").await;
    assert_eq!(s["figure"], figure(3, 4, json!(75.0)));
    assert_eq!(
        line(&s, "organisations", "police"),
        Some(figure(0, 1, json!(0.0)))
    );
    // An unknown one is not there.
    assert_eq!(city.get("mayor", "/api/v1/indicators/luck").await.0, 404);
    // The matter's figure moves only with the matter's own state: another finished case changes nothing.
    city.case("c9", "occupy", "roads", "granted").await;
    assert_eq!(
        of("mayor", "one-net-rate").await["figure"],
        figure(1, 3, json!(33.3))
    );
    city.sql("UPDATE services_matter SET proven_case = 'c9', proven_at = 9 WHERE id = 'dig'")
        .await;
    assert_eq!(
        of("mayor", "one-net-rate").await["figure"],
        figure(2, 3, json!(66.7))
    );
}

async fn a_reach_limits_figures_and_rows_alike(db: Fresh) {
    let city = City::new(db).await;
    city.year().await;
    let value = async |who: &str, id: &str| {
        city.json(who, &format!("/api/v1/indicators/{id}")).await["figure"].clone()
    };
    // The head of roads sees roads in the whole city; the county clerk only its county's rows of any
    // organisation.
    assert_eq!(value("roads", "timeliness").await, figure(2, 4, json!(50.0)));
    assert_eq!(value("roads", "one-net-rate").await, figure(1, 2, json!(50.0)));
    assert_eq!(value("county", "timeliness").await, figure(1, 1, json!(100.0)));
    assert_eq!(value("county", "satisfaction").await, figure(0, 1, json!(0.0)));
    // A supervisor of the whole city has a reach and yet sees all.
    assert_eq!(value("supervisor", "timeliness").await, figure(4, 6, json!(66.7)));
    // Naming another's organisation opens nothing.
    let rows = city
        .csv("roads", "timeliness", "denominator", "organisation=police")
        .await;
    assert_eq!(rows.len(), 0);
    let rows = city.csv("roads", "timeliness", "denominator", "").await;
    assert!(rows.iter().all(|r| r[2] == "市道路局"), "{rows:?}");
    let wall = city.page("roads", "/cockpit").await;
    assert!(wall.contains("市道路局") && !wall.contains("市公安局"));
}

async fn figures_equal_their_rows(db: Fresh) {
    let city = City::new(db).await;
    city.year().await;
    // More than a page and more than one bite of the export.
    city.many("occupy", "roads", 260).await;
    for who in ["mayor", "roads", "county", "supervisor", "nobody"] {
        for id in ["timeliness", "wholly-online", "one-net-rate", "satisfaction"] {
            let whole = city.json(who, &format!("/api/v1/indicators/{id}")).await;
            let mut picks = vec![(String::new(), whole["figure"].clone())];
            for (name, by) in [("organisation", "organisations"), ("matter", "matters")] {
                let lines = whole[by].as_array().unwrap();
                let sum = |part: &str| {
                    lines
                        .iter()
                        .map(|l| l["figure"][part].as_i64().unwrap())
                        .sum::<i64>()
                };
                for part in ["numerator", "denominator"] {
                    assert_eq!(
                        sum(part),
                        whole["figure"][part].as_i64().unwrap(),
                        "{who} {id} {by} {part}"
                    );
                }
                picks.extend(lines.iter().map(|l| {
                    (
                        format!("{name}={}", l["id"].as_str().unwrap()),
                        l["figure"].clone(),
                    )
                }));
            }
            for (pick, figure) in picks {
                for part in ["numerator", "denominator"] {
                    let n = figure[part].as_u64().unwrap() as usize;
                    let what = format!("{who} {id} {pick} {part}");
                    assert_eq!(city.csv(who, id, part, &pick).await.len(), n, "{what}: file");
                    assert_eq!(city.listed(who, id, part, &pick).await, n, "{what}: pages");
                }
            }
        }
    }
}

async fn a_point_once_per_change(db: Fresh) {
    let city = City::new(db).await;
    let n = async |indicator: &str, organisation: &str, matter: &str| {
        city.points(indicator, organisation, matter).await
    };
    // Matters stand in the pack; nothing moved, so there is no history.
    city.matters().await;
    city.settle().await;
    assert_eq!(n("one-net-rate", "", "").await, []);
    // One ended case: one point for the city, its organisation, its matter.
    city.case("c1", "occupy", "roads", "granted").await;
    city.sql("UPDATE cases_case SET on_time = 1, channel = 'online' WHERE id = 'c1'")
        .await;
    city.fact("cases.case.ended", "c1").await;
    city.settle().await;
    for (organisation, matter) in [("", ""), ("roads", ""), ("", "occupy")] {
        assert_eq!(n("timeliness", organisation, matter).await, [(1, 1)]);
        assert_eq!(n("wholly-online", organisation, matter).await, [(1, 1)]);
    }
    assert_eq!(n("satisfaction", "", "").await, []);
    // Facts that change nothing write nothing, nor does looking again.
    city.fact("cases.case.ended", "c1").await;
    city.fact("cases.case.accepted", "c1").await;
    city.settle().await;
    city.settle().await;
    assert_eq!(n("timeliness", "", "").await.len(), 1);
    // Two cases in one burst are one change; a figure that kept its value but not its counts is a change.
    city.case("c2", "occupy", "roads", "granted").await;
    city.case("c3", "dig", "police", "refused").await;
    city.sql("UPDATE cases_case SET on_time = 1 WHERE id IN ('c2', 'c3')")
        .await;
    city.fact("cases.case.ended", "c2").await;
    city.fact("cases.case.ended", "c3").await;
    city.settle().await;
    assert_eq!(n("timeliness", "", "").await, [(1, 1), (3, 3)]);
    assert_eq!(n("timeliness", "roads", "").await, [(1, 1), (2, 2)]);
    assert_eq!(n("timeliness", "police", "").await, [(1, 1)]);
    assert_eq!(n("timeliness", "", "dig").await, [(1, 1)]);
    // A rating and a proof move their own figures only.
    city.sql("UPDATE cases_case SET grade = 2 WHERE id = 'c3'").await;
    city.fact("cases.rating.given", "c3").await;
    city.sql("UPDATE services_matter SET proven_case = 'c1', proven_at = 5 WHERE id = 'dig'")
        .await;
    city.fact("services.matter.proven", "dig").await;
    city.settle().await;
    assert_eq!(n("satisfaction", "", "").await, [(0, 1)]);
    assert_eq!(n("one-net-rate", "", "").await, [(2, 3)]);
    assert_eq!(n("one-net-rate", "roads", "").await, [(2, 2)]);
    assert_eq!(n("timeliness", "", "").await.len(), 2);
    assert_eq!(
        city.json("mayor", "/api/v1/indicators/timeliness").await["points"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

async fn history_only_of_what_one_sees_whole(db: Fresh) {
    let city = City::new(db).await;
    city.matters().await;
    let points = async |who: &str| {
        city.json(who, "/api/v1/indicators/timeliness").await["points"]
            .as_array()
            .unwrap()
            .len()
    };
    let step = async |id: &str, organisation: &str, area: &str| {
        city.case(id, "occupy", organisation, "granted").await;
        city.sql(&format!(
            "UPDATE cases_case SET on_time = 0, area_code = '{area}' WHERE id = '{id}'"
        ))
        .await;
        city.fact("cases.case.ended", id).await;
        city.settle().await;
    };
    step("c1", "roads", "990101").await;
    step("c2", "roads", "990101").await;
    step("c3", "police", "990126").await;
    // City: three points. Roads sees its organisation whole: two. The county sees all of police: one.
    assert_eq!((points("mayor").await, points("supervisor").await), (3, 3));
    assert_eq!((points("roads").await, points("county").await), (2, 1));
    // Now police has a case outside the county: its history is no longer the county's.
    step("c4", "police", "990101").await;
    assert_eq!(
        (
            points("mayor").await,
            points("roads").await,
            points("county").await
        ),
        (4, 2, 0)
    );
    let wall = city.page("mayor", "/cockpit").await;
    assert!(wall.contains("<polyline"), "a value that stays is a level line");
}

async fn files_and_pages(db: Fresh) {
    let city = City::new(db).await;
    city.year().await;
    city.sql("UPDATE services_matter SET title = '=1+1,\"占道\"' WHERE id = 'occupy'")
        .await;
    city.sql("UPDATE cases_case SET number = '@SUM(1)' WHERE id = 'c1'")
        .await;
    let (status, raw) = city
        .get(
            "mayor",
            "/work/indicators/timeliness/rows?part=numerator&format=csv",
        )
        .await;
    assert_eq!(status, 200);
    assert!(raw.starts_with('\u{feff}') && raw.contains("\r\n"));
    assert!(raw.contains("\"'=1+1,\"\"占道\"\"\""), "{raw}");
    let rows = city.csv("mayor", "timeliness", "numerator", "").await;
    assert_eq!(rows.len(), 4);
    let first = rows.iter().find(|r| r[0] == "'@SUM(1)").unwrap();
    assert_eq!(first[1], "'=1+1,\"占道\"");
    assert_eq!(
        first[2..],
        ["市道路局", "2026-11-18T15:06:41Z", "是", "0", "online", "5"]
    );
    // The page shows the same text, escaped, and no name of anybody.
    let page = city
        .page("mayor", "/work/indicators/timeliness/rows?part=numerator")
        .await;
    assert!(
        page.contains("@SUM(1)") && page.contains("=1+1,&quot;占道&quot;"),
        "{page}"
    );
    // Matters open to their rows with the number of the case that proved them.
    let proven = city.csv("mayor", "one-net-rate", "numerator", "").await;
    assert_eq!(proven[0][0], "'@SUM(1)");
    // The wall names facts in words, unknown ones by type, and sign-ins not at all.
    for kind in [
        "cases.case.ended",
        "cases.case.accepted",
        "identity.session.begun",
    ] {
        city.fact(kind, "c1").await;
    }
    city.fact("services.matter.dreamt", "x").await;
    city.settle().await;
    let wall = city.page("mayor", "/cockpit").await;
    assert!(wall.contains("class=\"command\"") && wall.contains("data-live=\"log\""));
    assert!(wall.contains("办结了一件办件") && wall.contains("services.matter.dreamt"));
    assert!(!wall.contains("identity.session") && !wall.contains("style="));
    let link =
        "/work/indicators/timeliness/rows?part=denominator&amp;organisation=roads".replace('/', "&#x2f;");
    assert!(wall.contains(&link), "{wall}");
    for wrong in [
        "luck/rows",
        "timeliness/rows?part=half",
        "timeliness/rows?format=xls",
    ] {
        assert_eq!(
            city.get("mayor", &format!("/work/indicators/{wrong}")).await.0,
            404,
            "{wrong}"
        );
    }
    assert_eq!(
        city.get("mayor", "/work/indicators/timeliness/rows?page=99999999999999999")
            .await
            .0,
        200
    );
}

async fn doors(db: Fresh) {
    let city = City::new(db).await;
    for path in [
        "/cockpit",
        "/work/indicators",
        "/work/indicators/timeliness/rows",
        "/api/v1/indicators",
    ] {
        assert!([303, 401].contains(&city.get("stranger", path).await.0), "{path}");
        assert_eq!(city.get("visitor", path).await.0, 403, "{path}");
        assert_eq!(city.get("mayor", path).await.0, 200, "{path}");
    }
    let api = kernel::api::describe(&city.app);
    assert!(api["paths"]["/api/v1/indicators/{id}"]["get"]["summary"].is_string());
    assert!(
        city.page("mayor", "/work/indicators")
            .await
            .contains("href=\"/cockpit\"")
    );
}

#[test]
fn a_wrong_definition_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("indicators")).unwrap();
    write("pack.toml", "[pack]\nid = \"t\"\nversion = 1\ntitle = \"t\"\n");
    let one = "[[indicator]]\nid = \"a\"\ntitle = \"甲\"\ntitle_en = \"A\"\nunit = \"%\"\nformula = \"甲÷乙\"\n\
               formula_en = \"a/b\"\nbetter = \"up\"\n";
    write("indicators/a.toml", one);
    let check = || {
        let pack = kernel::pack::Pack::read(folder.path()).unwrap();
        (indicators::module().sections[0].check)(&pack)
    };
    assert_eq!(check(), Vec::<String>::new());
    write("indicators/b.toml", one);
    assert!(
        check()[0].contains("b.toml:2") && check()[0].contains("twice"),
        "{:?}",
        check()
    );
    write(
        "indicators/b.toml",
        "[[indicator]]\nid = \"b\"\ncolour = \"red\"\n",
    );
    assert!(
        check()[0].contains("b.toml:3") && check()[0].contains("colour"),
        "{:?}",
        check()
    );
}
