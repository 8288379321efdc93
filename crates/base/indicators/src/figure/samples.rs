//! Data from which tests render every page, with and without records.

use kernel::module::Sample;
use serde_json::{Value as Json, json};

fn cell(value: Option<&str>, numerator: i64, denominator: i64) -> Json {
    json!({
        "value": value, "unit": "%", "numerator": numerator, "denominator": denominator, "none": "还没有办件",
        "href": "/work/indicators/timeliness/rows?part=denominator", "title": "按时办结率",
    })
}

fn shown(full: bool) -> Json {
    let part = |label: &str, n: i64, of: bool| {
        json!({ "label": label, "n": n, "href": "/work/indicators",
    "of": of })
    };
    json!({
        "id": "timeliness", "title": "按时办结率", "formula": "按时办结 ÷ 办结", "better": "up",
        "figure": if full { cell(Some("75.0"), 3, 4) } else { cell(None, 0, 0) },
        "line": full.then_some("0.0,31.0 60.0,3.0 120.0,17.0"),
        "trend": full.then(|| json!({ "text": "上升 25 个百分点", "up": true, "good": true })),
        "parts": [part("按时", if full { 3 } else { 0 }, true), part("办结", if full { 4 } else { 0 }, false)],
    })
}

/// An indicator of the pack that nothing here computes.
fn foreign() -> Json {
    let mut f = shown(false);
    f["parts"] = json!([]);
    f
}

fn lines(full: bool) -> Json {
    if !full {
        return json!([]);
    }
    json!([
        { "id": "chengguan", "name": "市城管局", "cells": [cell(Some("75.0"), 3, 4)] },
        { "id": "gongan", "name": "市公安局", "cells": [cell(None, 0, 0)] },
    ])
}

fn rows(full: bool, matters: bool) -> Json {
    let case = json!({
        "number": "2026-A-000001", "title": "临时占用城市道路审批", "organisation": "市城管局", "at": 1_795_000_000_000i64,
        "on_time": { "good": true, "text": "是" }, "visits": 0, "channel": "网上", "grade": 5, "online": null,
    });
    let matter = json!({
        "number": null, "title": "临时占用城市道路审批", "organisation": "市城管局", "at": null, "on_time": null,
        "visits": null, "channel": null, "grade": null, "online": "全程网办",
    });
    let part =
        |label: &str, on: bool| json!({ "label": label, "n": 3, "href": "/work/indicators", "on": on });
    json!({
        "id": "timeliness", "title": "按时办结率", "parts": [part("办结", true), part("按时", false)],
        "matters": matters,
        "rows": if !full { json!([]) } else if matters { json!([matter]) } else { json!([case]) },
        "figure": if full { cell(Some("75.0"), 3, 4) } else { cell(None, 0, 0) },
        "organisation": if full { "市城管局" } else { "" }, "matter": if full { "临时占用城市道路审批" } else { "" },
        "csv": "/work/indicators/timeliness/rows?format=csv", "page": 1, "pages": if full { 2 } else { 0 },
        "newer": null, "older": full.then_some("/work/indicators/timeliness/rows?page=2"),
    })
}

pub(crate) fn samples() -> Vec<Sample> {
    let one = |template, name, data| Sample { template, name, data };
    let mut all = vec![one("indicators/figure/parts.html", "macros only", json!({}))];
    for (name, full) in [("empty", false), ("with records", true)] {
        let events = if full {
            json!([{ "text": "受理了一件申请", "at": 1_795_000_000_000i64 }])
        } else {
            json!([])
        };
        all.push(one(
            "indicators/figure/cockpit.html",
            name,
            json!({ "figures": [shown(full)], "organisations": lines(full), "matters": lines(full),
            "events": events }),
        ));
        all.push(one(
            "indicators/figure/list.html",
            name,
            json!({ "figures": [shown(full), foreign()] }),
        ));
        let f = if full { shown(true) } else { foreign() };
        let show = json!({ "f": f, "organisations": lines(full), "matters": lines(full) });
        all.push(one("indicators/figure/show.html", name, show));
        all.push(one("indicators/figure/rows.html", name, rows(full, false)));
    }
    all.push(one(
        "indicators/figure/cockpit.html",
        "no definitions",
        json!({
            "figures": [], "organisations": [], "matters": [], "events": [],
        }),
    ));
    all.push(one(
        "indicators/figure/list.html",
        "no definitions",
        json!({ "figures": [] }),
    ));
    all.push(one("indicators/figure/rows.html", "matters", rows(true, true)));
    all
}
