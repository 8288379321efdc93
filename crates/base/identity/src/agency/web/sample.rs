//! Samples of the pages.

use kernel::module::Sample;
use serde_json::{Value as Json, json};

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let power = |role: &str, state: &str| {
        json!({ "id": "p", "principal": "f", "whom": "演示公司", "code": "91320899MA8YW00152", "name": "演示经办人", "role": role,
            "role_text": "经办人", "verbs": ["申请办事"], "matters": ["占用城市道路许可", "主题：市政公用"], "from": "2026-01-01", "until": "2027-01-01",
            "state": state, "state_text": "有效", "kind": "good", "live": true, "reason": "", "basis": "法定代表人授予",
            "chosen": true, "runs": true, "ruled": true, "own": false })
    };
    let none = json!({ "all": null, "fields": {} });
    let bad = json!({ "all": "不能办理", "fields": { "code": "校验码不对", "number": "不对", "name": "不对", "document": "请填写", "verbs": "请勾选", "matters": "没有这个事项" } });
    let own = |mine: Json, wrong: &Json, level: i64| {
        json!({ "mine": mine, "invitations": mine, "over_me": mine, "level": level, "typed": {}, "wrong": wrong, "acting": null,
        "pager": { "previous": 0, "next": 2 }, "waiting_pager": { "previous": null, "next": 1 }, "over_pager": { "previous": null, "next": null } })
    };
    let extent =
        |until: Json| json!({ "verbs": ["申请办事"], "matters": ["主题：市政公用"], "until": until });
    let history = json!([
        { "what": "变更", "at": 1_795_000_000_000i64, "who": "演**", "role": "经办人", "was": extent(Json::Null), "now": extent("2027-01-01".into()) },
        { "what": "法人开通", "at": 1_795_000_000_000i64, "who": null, "role": "法定代表人", "was": null, "now": null },
    ]);
    let scope = json!({ "all_verbs": true, "all_matters": false, "verbs": [{ "name": "verb-apply", "text": "申请办事", "chosen": true }],
        "themes": [{ "name": "theme-市政公用", "text": "市政公用", "chosen": true }] });
    let firm = |people: Json, gives: bool, wrong: &Json| {
        json!({ "firm": { "id": "f", "name": "演示公司", "code": "91320899MA8YW00152" }, "people": people,
            "history": if gives { history.clone() } else { json!([]) }, "pager": { "previous": null, "next": 1 },
            "log_pager": { "previous": 0, "next": null }, "cases_pager": { "previous": 0, "next": 2 }, "q": "占用",
            "beyond": if gives { Json::Null } else { "您的授权不含查看办件".into() },
            "cases": [{ "id": "1", "number": "2026-OR-000001", "matter": "占用城市道路许可", "by": "演**", "state": { "kind": "info", "text": "办理中" },
                "created_at": 1_795_000_000_000i64, "submitted_at": null }],
            "mine": power("agent", "active"), "gives": gives, "manages": gives, "scope": scope, "typed": {}, "wrong": wrong })
    };
    let one = |ruled: bool, wrong: &Json| {
        json!({ "firm": { "id": "f", "name": "演示公司", "code": "91320899MA8YW00152" }, "power": power("agent", "active"), "ruled": ruled,
            "within": ruled, "own": !ruled, "history": history, "scope": scope, "typed": { "matters": "占用城市道路许可", "until": "2027-01-01" },
            "wrong": wrong })
    };
    let ward = |mine: bool, wrong: &Json| {
        json!({ "power": power("guardian", "active"), "history": if mine { history.clone() } else { json!([]) }, "alone": mine,
            "may_leave": mine, "wrong": wrong })
    };
    let office = |found: Json, wrong: &Json, q: &str| {
        json!({ "q": q, "done": false, "found": found, "typed": {}, "wrong": wrong, "guards": true, "establishes": true,
        "asked": true, "ward": if q == "x" { Json::Null } else { json!({ "name": "演***", "powers": if q.is_empty() { json!([]) } else { json!([power("guardian", "active")]) } }) } })
    };
    let some = json!([
        power("agent", "active"),
        power("manager", "suspended"),
        power("agent", "unconfirmed")
    ]);
    vec![
        sample("identity/agency/firms.html", "none", own(json!([]), &none, 1)),
        sample("identity/agency/firms.html", "some", own(some.clone(), &bad, 2)),
        sample("identity/agency/family.html", "none", own(json!([]), &none, 1)),
        sample("identity/agency/family.html", "some", own(some.clone(), &bad, 2)),
        sample(
            "identity/agency/firm.html",
            "agent",
            firm(json!([]), false, &none),
        ),
        sample(
            "identity/agency/firm.html",
            "representative",
            firm(some.clone(), true, &bad),
        ),
        sample("identity/agency/power.html", "own", one(false, &none)),
        sample("identity/agency/power.html", "ruled", one(true, &bad)),
        sample("identity/agency/guardian.html", "guardian", ward(true, &bad)),
        sample("identity/agency/guardian.html", "ward", ward(false, &none)),
        sample(
            "identity/agency/office.html",
            "fresh",
            office(Json::Null, &none, ""),
        ),
        sample(
            "identity/agency/office.html",
            "nothing found",
            office(Json::Null, &bad, "x"),
        ),
        sample(
            "identity/agency/office.html",
            "found",
            office(
                json!({ "name": "演示公司", "code": "9", "people": some, "pager": { "previous": null, "next": 1 } }),
                &none,
                "9",
            ),
        ),
    ]
}
