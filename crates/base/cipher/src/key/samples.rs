//! Sample data of the pages.

use crate::usage::web::sample_row;
use kernel::module::Sample;
use serde_json::{Value as Json, json};

fn key(state: &str, kind: &str) -> Json {
    json!({ "alias": "shi/parking", "title": "停车系统签名", "purpose": "签名", "algorithm": "SM2", "state": state,
        "state_text": "启用", "state_kind": kind, "newest": 3, "least": 2, "rotate_days": 90, "rotated_at": 1_795_000_000_000i64,
        "bound": true, "digests": true, "destroy_at": 1_796_000_000_000i64, "version": 4, "created_at": 1_795_000_000_000i64 })
}

fn grant() -> Json {
    json!({ "holder": "client:0a", "name": "演示停车系统", "per_minute": 60, "per_day": 0,
        "operations": [{ "id": "sign", "label": "签名", "on": true }, { "id": "verify", "label": "验签", "on": false }] })
}

fn show(state: &str, kind: &str, full: bool) -> Json {
    let columns: Vec<Json> = (0..30)
        .map(|i| json!({ "x": i * 20 + 2, "height": i, "y": 110 - i, "bad": 0, "bad_y": 110, "title": "2026-11-24" }))
        .collect();
    let version = json!({ "number": 3, "state": "当前", "used": 7, "created_at": 1_795_000_000_000i64,
        "public": if full { "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n" } else { "" } });
    json!({ "key": key(state, kind), "organisation": "演示市人民政府", "versions": [version], "older_versions": full,
        "grants": if full { json!([grant()]) } else { json!([]) },
        "chart": { "columns": columns, "most": 29, "total": if full { 435 } else { 0 } },
        "uses": if full { json!([sample_row("good"), sample_row("warn")]) } else { json!([]) },
        "logs": full, "manages": full, "tries": full, "module": if full { Json::Null } else { json!("演示密码机") } })
}

pub(crate) fn all() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let list = |items: Json, full: bool| json!({ "items": items, "q": "", "next": if full { json!("shi/parking") } else { Json::Null }, "manages": full, "logs": full, "tries": full, "module": null });
    let form = |wrong: Json, error: Json| {
        json!({ "organisations": [{ "id": "shi", "name": "演示市人民政府" }], "wrong": wrong, "error": error, "module": null,
            "kinds": [{ "label": "签名", "algorithms": [{ "id": "sign:sm2", "label": "SM2" }] }],
            "key": { "organisation": "shi", "name": "parking", "title": "停车系统签名", "kind": "sign:sm2", "rotate_days": "90", "bound": false, "digests": false } })
    };
    let edit = |wrong: Json, error: Json| {
        json!({ "key": key("active", "good"), "wrong": wrong, "error": error, "binds": true, "digesting": true, "module": null,
            "form": { "version": 4, "title": "停车系统签名", "rotate_days": "90", "least": "2", "bound": true, "digests": false } })
    };
    let destruction = |wrong: Json| json!({ "key": key("active", "good"), "wrong": wrong, "days": "30", "typed": "", "module": null });
    let policy = |grants: Json, error: Json| {
        json!({ "key": key("active", "good"), "grants": grants, "error": error, "module": null,
            "holders": [{ "id": "office", "name": "有权限的工作人员" }, { "id": "client:0a", "name": "演示停车系统" }],
            "operations": [{ "id": "sign", "label": "签名", "on": true }, { "id": "verify", "label": "验签", "on": false }],
            "wish": { "holder": "client:0a", "per_minute": 60, "per_day": 0 } })
    };
    let trial = |result: Json, error: Json, proves: bool| {
        json!({ "key": key("active", "good"), "actions": [{ "id": "sign", "label": "签名" }], "result": result, "error": error,
            "proves": proves, "tried": { "action": "sign", "text": "一份文件", "proof": "", "context": "" }, "module": null })
    };
    let hash = |digest: Json| json!({ "algorithms": ["sm3", "sha256"], "algorithm": "sm3", "text": "一份文件", "digest": digest, "module": null });
    vec![
        sample("cipher/key/hash.html", "ready", hash(Json::Null)),
        sample("cipher/key/hash.html", "done", hash(json!("66c7f0f4"))),
        sample("cipher/key/list.html", "none", list(json!([]), false)),
        sample(
            "cipher/key/list.html",
            "some",
            list(json!([key("active", "good"), key("scheduled", "warn")]), true),
        ),
        sample("cipher/key/form.html", "new", form(json!({}), Json::Null)),
        sample(
            "cipher/key/form.html",
            "wrong",
            form(json!({ "name": "已有这个名称" }), json!("已有这个名称")),
        ),
        sample("cipher/key/show.html", "active", show("active", "good", true)),
        sample("cipher/key/show.html", "disabled", show("disabled", "warn", true)),
        sample(
            "cipher/key/show.html",
            "scheduled",
            show("scheduled", "warn", true),
        ),
        sample(
            "cipher/key/show.html",
            "destroyed",
            show("destroyed", "bad", true),
        ),
        sample("cipher/key/show.html", "read only", show("active", "good", false)),
        sample("cipher/key/edit.html", "now", edit(json!({}), Json::Null)),
        sample(
            "cipher/key/edit.html",
            "wrong",
            edit(json!({ "least": "没有这个版本" }), json!("没有这个版本")),
        ),
        sample("cipher/key/destruction.html", "ask", destruction(json!({}))),
        sample(
            "cipher/key/destruction.html",
            "wrong",
            destruction(json!({ "typed": "别名不一致", "days": "7 至 30 天" })),
        ),
        sample("cipher/key/policy.html", "none", policy(json!([]), Json::Null)),
        sample(
            "cipher/key/policy.html",
            "some",
            policy(json!([grant()]), json!("请选择操作")),
        ),
        sample(
            "cipher/key/trial.html",
            "ready",
            trial(Json::Null, Json::Null, true),
        ),
        sample(
            "cipher/key/trial.html",
            "done",
            trial(json!([{ "name": "签名", "value": "MEUC" }]), Json::Null, true),
        ),
        sample(
            "cipher/key/trial.html",
            "refused",
            trial(Json::Null, json!("没有授权"), false),
        ),
    ]
}
