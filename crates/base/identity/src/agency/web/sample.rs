//! Samples of the pages.

use kernel::module::Sample;
use serde_json::{Value as Json, json};

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let power = |role: &str, state: &str| {
        json!({ "id": "p", "principal": "f", "whom": "演示公司", "code": "91320899MA8YW00152", "name": "演示经办人", "role": role,
            "role_text": "经办人", "verbs": ["申请办事"], "matters": ["occupy-road"], "from": "2026-01-01", "until": "2027-01-01",
            "state": state, "state_text": "有效", "kind": "good", "live": true, "reason": "", "basis": "法定代表人授予",
            "chosen": true, "runs": true, "ruled": true, "own": false })
    };
    let none = json!({ "all": null, "fields": {} });
    let bad = json!({ "all": "不能办理", "fields": { "code": "校验码不对", "number": "不对", "name": "不对", "document": "请填写" } });
    let own = |mine: Json, wrong: &Json, level: i64| json!({ "mine": mine, "invitations": mine, "over_me": mine, "level": level, "typed": {}, "wrong": wrong, "acting": null });
    let firm = |people: Json, gives: bool, wrong: &Json| {
        json!({ "firm": { "id": "f", "name": "演示公司", "code": "91320899MA8YW00152" }, "people": people,
            "history": if gives { json!([{ "what": "法人开通", "at": 1_795_000_000_000i64, "who": "演**", "role": "法定代表人" }]) } else { json!([]) },
            "mine": power("agent", "active"), "gives": gives, "manages": gives,
            "verbs": [{ "id": "apply", "text": "申请办事", "chosen": true }], "typed": {}, "wrong": wrong })
    };
    let office = |found: Json, wrong: &Json, q: &str| json!({ "q": q, "done": false, "found": found, "typed": {}, "wrong": wrong, "guards": true, "establishes": true });
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
                json!({ "name": "演示公司", "code": "9", "people": some }),
                &none,
                "9",
            ),
        ),
    ]
}
