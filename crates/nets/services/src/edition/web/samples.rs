//! What the pages are drawn with in tests.

use super::STATES;
use crate::edition::model::state;
use kernel::module::Sample;
use serde_json::{Value as Json, json};

pub(crate) fn samples() -> Vec<Sample> {
    let item = json!({ "id": "m", "code": "1", "title": "示例事项", "organisation": "示例部门", "version": 2, "state": "force",
        "edition": "e", "open": "review", "origin": "edited", "changed_at": 1 });
    let mut fresh = item.clone();
    for (k, v) in [
        ("version", json!(0)),
        ("state", json!("new")),
        ("open", json!("draft")),
        ("origin", json!("local")),
    ] {
        fresh[k] = v;
    }
    let mut plain = item.clone();
    for (k, v) in [
        ("edition", Json::Null),
        ("open", json!("")),
        ("state", json!("retired")),
        ("origin", json!("pack")),
    ] {
        plain[k] = v;
    }
    let list = |items: Json, next: Json| {
        json!({ "items": items, "organisations": [{ "id": "o", "name": "示例部门" }], "q": "", "organisation": "o",
        "state": "review", "states": STATES, "total": 3, "filter": "q=", "may_edit": true,
        "pager": { "page": 1, "pages": 2, "previous": next, "next": next } })
    };
    let head = json!({ "id": "e", "matter": "m", "title": "示例事项", "state": state::DRAFT, "base": 1, "organisation": "示例部门",
        "note": "改时限", "authors": ["示例部门 事项管理员"], "reviewer": null, "opinion": null, "published": null, "version": 3,
        "created_at": 1, "updated_at": 2, "submitted_at": null, "closed_at": null, "origin": "网上编制", "may_edit": true,
        "may_withdraw": false, "may_decide": false, "own": false, "retired": false, "published_before": true });
    let state_of = |s: &str, may: &str| {
        let mut h = head.clone();
        h["state"] = s.into();
        h["may_edit"] = (s == state::DRAFT || s == state::RETURNED).into();
        if !may.is_empty() {
            h[may] = true.into();
        }
        if s == state::PUBLISHED {
            h["published"] = 2.into();
        }
        if s == state::PUBLISHED || s == state::RETURNED {
            h["reviewer"] = "示例部门 发布员".into();
            h["opinion"] = "同意".into();
        }
        h
    };
    let lines = json!([{ "kind": "same", "old": 1, "new": 1, "text": "a" }, { "kind": "del", "old": 2, "new": null, "text": "b" },
        { "kind": "add", "old": null, "new": 2, "text": "c" }, { "kind": "gap", "old": null, "new": null, "text": "" }]);
    let changes = json!([{ "unit": "title", "name": "事项名称", "what": "changed", "old": "旧", "new": "新", "lines": [] },
        { "unit": "form.json", "name": "申请表单", "what": "changed", "old": "b", "new": "c", "lines": lines },
        { "unit": "words", "name": "搜索用词", "what": "added", "old": "", "new": "占道", "lines": [] }]);
    let finding = json!({ "place": "process.bpmn", "line": 12, "text": "no start event", "source": "<process id=\"x\">", "href": "/work/matters/editions/e/parts/process.bpmn" });
    let show = |e: Json, findings: Json, behind: Json, refused: &str, changes: Json| {
        json!({ "e": e, "changes": changes, "findings": findings, "behind": behind,
        "parts": [{ "name": "form.json", "label": "申请表单", "bytes": 10 }], "refused": refused })
    };
    let field = |name: &str, kind: &str, options: Json| {
        json!({ "name": name, "label": "示例", "kind": kind, "value": "1", "yes": true, "options": options, "required": true,
        "max": 20, "help": "怎么填", "errors": ["必须填写"], "rows": null })
    };
    let options =
        json!([{ "value": "a", "label": "甲", "on": true }, { "value": "b", "label": "乙", "on": false }]);
    let mut rows = field("material", "rows", json!([]));
    let row = |n: usize| {
        let one = |kind: &&str| field(&format!("material.{n}.{kind}"), kind, json!([]));
        Json::from(
            ["text", "yes", "long", "words"]
                .iter()
                .map(one)
                .collect::<Vec<_>>(),
        )
    };
    rows["rows"] = json!([row(0), row(1)]);
    let kinds = [
        "text", "long", "words", "whole", "money", "yes", "choice", "choices", "several",
    ];
    let mut all: Vec<Json> = kinds.iter().map(|k| field(k, k, options.clone())).collect();
    all.push(rows);
    let sheet = |errors: Json, theirs: Json, stale: bool| {
        json!({ "e": head, "sections": [{ "id": "basic", "title": "基本信息", "fields": all }],
        "errors": errors, "theirs": theirs, "stale": stale })
    };
    let part = |refused: &str, lines: Json| {
        json!({ "e": head, "part": "form.json", "label": "申请表单", "text": "{}",
        "findings": [finding], "lines": lines, "refused": refused, "max": 400 })
    };
    let version = |n: i64, edition: Json, publisher: Json| json!({ "version": n, "at": 1, "edition": edition, "authors": ["示例"], "publisher": publisher, "note": "", "current": n == 2 });
    let matter = |retired: bool, open: Json, pack: Json| {
        json!({ "m": { "id": "m", "title": "示例事项", "code": "1", "version": 2, "retired": retired, "organisation": "示例部门",
            "pack_version": pack, "versions": [version(2, json!("e"), json!("发布员")), version(1, Json::Null, Json::Null)],
            "editions": [state_of(state::DISCARDED, "")],
            "retirements": [{ "reason": "合并", "who": "发布员", "at": 1, "by": "发布员", "ended_at": 2 },
                { "reason": "合并", "who": "发布员", "at": 1, "by": null, "ended_at": null }],
            "open": open, "may_edit": true, "may_publish": true }, "refused": if retired { "请写明原因" } else { "" } })
    };
    let behind = json!({ "version": 4, "units": [{ "name": "事项名称", "side": "conflict", "long": false, "mine": "甲", "theirs": "乙" },
        { "name": "表单", "side": "pack", "long": true, "mine": "甲", "theirs": "乙" }] });
    let new = |refused: &str, matters: Json| {
        json!({ "organisations": [{ "id": "o", "name": "示例部门" }], "matters": matters, "refused": refused, "id": "x",
        "title": "", "organisation": "o", "like": "m" })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("services/edition/list.html", "none", list(json!([]), Json::Null)),
        sample(
            "services/edition/list.html",
            "three",
            list(json!([item, fresh, plain]), json!(1)),
        ),
        sample("services/edition/new.html", "fresh", new("", json!([]))),
        sample("services/edition/new.html", "refused", new("已有", json!([item]))),
        sample(
            "services/edition/matter.html",
            "force",
            matter(false, Json::Null, json!(1)),
        ),
        sample(
            "services/edition/matter.html",
            "retired",
            matter(true, json!("e"), Json::Null),
        ),
        sample(
            "services/edition/compare.html",
            "three",
            json!({ "id": "m", "title": "示例", "from": 1, "to": 2, "changes": changes }),
        ),
        sample(
            "services/edition/compare.html",
            "same",
            json!({ "id": "m", "title": "示例", "from": 1, "to": 1, "changes": [] }),
        ),
        sample(
            "services/edition/show.html",
            "draft",
            show(
                head.clone(),
                json!([finding]),
                Json::Null,
                "还有问题",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "ready",
            show(head.clone(), json!([]), behind, "", changes.clone()),
        ),
        sample("services/edition/show.html", "retired", {
            let mut h = state_of(state::RETURNED, "");
            h["retired"] = true.into();
            show(h, json!([]), Json::Null, "", json!([]))
        }),
        sample(
            "services/edition/show.html",
            "review",
            show(
                state_of(state::REVIEW, "may_decide"),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "own",
            show(
                state_of(state::REVIEW, "own"),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "published",
            show(
                state_of(state::PUBLISHED, ""),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/sheet.html",
            "fresh",
            sheet(json!([]), json!([]), false),
        ),
        sample(
            "services/edition/sheet.html",
            "wrong",
            sheet(
                json!([{ "field": "title", "place": "事项名称", "text": "必须填写" }]),
                json!([]),
                false,
            ),
        ),
        sample(
            "services/edition/sheet.html",
            "stale",
            sheet(json!([]), changes, true),
        ),
        sample("services/edition/part.html", "fresh", part("", json!([]))),
        sample("services/edition/part.html", "stale", part("他人已保存", lines)),
    ]
}
