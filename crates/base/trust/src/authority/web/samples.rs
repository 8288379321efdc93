//! Invented data for the pages.

use kernel::module::Sample;
use serde_json::{Value as Json, json};

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let row = |state: &str| {
        json!({ "serial": "4f00", "cn": "演示节点", "o": "演示局", "profile": "节点", "algorithm": "P256", "until": 1_895_000_000_000i64,
            "since": 1_795_000_000_000i64, "state": state })
    };
    let list = |rows: Json, next: Json| json!({ "rows": rows, "next": next, "q": "", "profile": "", "state": "", "profiles": [{ "id": "node", "title": "节点" }], "may_ask": true });
    let certificate = |state: &str, error: &str| {
        let mut e = row(state);
        for (k, v) in [
            ("from", json!(1_795_000_000_000i64)),
            ("names", json!(["node.example"])),
            ("holder", json!("")),
            ("key_hash", json!("ab")),
            ("version", json!(1)),
            (
                "revoked_at",
                if state == "good" {
                    Json::Null
                } else {
                    json!(1_795_000_000_000i64)
                },
            ),
            ("reason", json!("被取代")),
            ("replaces", json!("4e00")),
            ("next", Json::Null),
            ("history", json!([{ "what": "签发", "at": 1_795_000_000_000i64 }])),
        ] {
            e[k] = v;
        }
        json!({ "e": e, "reasons": [{ "id": "superseded", "title": "被取代" }], "error": error, "may_revoke": true, "may_renew": true })
    };
    let line = json!({ "id": "r", "cn": "演示节点", "o": "演示局", "profile": "节点", "state": "asked", "at": 1_795_000_000_000i64, "algorithm": "SM2" });
    let ask = |own: Json, error: &str| {
        json!({ "profile": "node", "request": "", "names": "", "reason": "", "replaces": "", "profiles": [{ "id": "node", "title": "节点" }],
            "own": own, "error": error })
    };
    let request = |may: bool, own: bool, error: &str| {
        let mut a = line.clone();
        for (k, v) in [
            ("names", json!(["node.example"])),
            ("reason", json!("新节点")),
            ("key_hash", json!("ab")),
            ("version", json!(1)),
            ("opinion", Json::Null),
            ("serial", Json::Null),
            ("replaces", Json::Null),
            ("decided_at", Json::Null),
        ] {
            a[k] = v;
        }
        json!({ "a": a, "typed": { "cn": "演示节点", "o": "演示局", "opinion": "" }, "own": own, "may": may, "error": error })
    };
    vec![
        sample(
            "trust/authority/list.html",
            "some",
            list(
                json!([
                    row("good"),
                    row("ending"),
                    row("held"),
                    row("revoked"),
                    row("ended")
                ]),
                json!("1.4f"),
            ),
        ),
        sample("trust/authority/list.html", "none", list(json!([]), Json::Null)),
        sample(
            "trust/authority/certificate.html",
            "good",
            certificate("good", ""),
        ),
        sample(
            "trust/authority/certificate.html",
            "held, refused",
            certificate("held", "已经吊销"),
        ),
        sample("trust/authority/ask.html", "fresh", ask(json!([]), "")),
        sample(
            "trust/authority/ask.html",
            "refused",
            ask(json!([line]), "无法读取"),
        ),
        sample("trust/authority/queue.html", "some", json!({ "rows": [line] })),
        sample("trust/authority/queue.html", "none", json!({ "rows": [] })),
        sample(
            "trust/authority/request.html",
            "to decide",
            request(true, false, ""),
        ),
        sample(
            "trust/authority/request.html",
            "own",
            request(false, true, "不能审批自己的申请"),
        ),
    ]
}
