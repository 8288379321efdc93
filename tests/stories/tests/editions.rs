//! Matters written, reviewed and published in the browser; lists of them as spreadsheets; packs that come after. Editors of
//! one office, an editor of another, and a publisher who wrote nothing.

use kernel::params;
use std::path::Path;
use stories::matter::answers;
use stories::paper::paper;
use stories::{Answer, City, Client, Db, Place, on_both};

on_both!(
    from_the_first_word_to_the_new_version,
    authors_do_not_publish,
    whoever_must_act_is_told,
    two_stewards_lose_nothing,
    what_is_broken_is_named,
    out_of_force_and_back,
    a_new_matter,
    an_old_version_comes_back,
    papers_quote_the_version_of_their_case,
    lists_go_out_and_come_in,
    hostile_files_are_refused,
    a_newer_pack_is_merged,
    an_exported_pack_says_the_same,
);

const MATTER: &str = "occupy-road";
const TITLE: &str = "临时占用城市道路审批";

/// Opens the work on a matter; returns the edition.
async fn begin(steward: &mut Client, matter: &str) -> String {
    let at = format!("/work/matters/{matter}/editions");
    let answer = steward.post_form(&at, &[]).await.expect(303);
    edition_of(&answer)
}

fn edition_of(answer: &Answer) -> String {
    answer.location().split('/').nth(4).unwrap().to_string()
}

fn sheet(edition: &str) -> String {
    format!("/work/matters/editions/{edition}/sheet")
}

/// Posts the form of a page with some fields typed over.
async fn post(who: &mut Client, at: &str, page: &Answer, typed: &[(&str, &str)]) -> Answer {
    let mut fields = page.form(at);
    for (name, value) in typed {
        fields.retain(|(n, _)| n != name);
        fields.push((name.to_string(), value.to_string()));
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    who.post_form(at, &fields).await
}

async fn save(who: &mut Client, edition: &str, typed: &[(&str, &str)]) -> Answer {
    let at = sheet(edition);
    let page = who.get(&at).await.expect(200);
    post(who, &at, &page, typed).await
}

async fn version(city: &City, edition: &str) -> String {
    let sql = "SELECT version FROM services_edition WHERE id = $1";
    city.count(sql, params![edition]).await.to_string()
}

async fn state(city: &City, edition: &str) -> String {
    let sql = "SELECT state FROM services_edition WHERE id = $1";
    city.scalar(sql, params![edition]).await.unwrap()
}

/// A noun of an edition, at the version that it has now.
async fn act(city: &City, who: &mut Client, edition: &str, noun: &str, opinion: &str) -> Answer {
    let version = version(city, edition).await;
    let fields = [("version", version.as_str()), ("opinion", opinion)];
    who.post_form(&format!("/work/matters/editions/{edition}/{noun}"), &fields)
        .await
}

/// Writes a text of an edition.
async fn write(city: &City, who: &mut Client, edition: &str, part: &str, text: &str) -> Answer {
    let version = version(city, edition).await;
    let at = format!("/work/matters/editions/{edition}/parts/{part}/text");
    who.post_multipart(&at, &[("version", &version), ("text", text)], &[])
        .await
}

/// An edition with one more title, published.
async fn publish(city: &City, matter: &str, title: &str) -> String {
    let mut steward = city.client("steward-cg").await;
    let edition = begin(&mut steward, matter).await;
    save(&mut steward, &edition, &[("title", title)])
        .await
        .expect(303);
    act(city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut publisher = city.client("publisher").await;
    act(city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    edition
}

async fn pinned(city: &City, case: &str) -> i64 {
    let sql = "SELECT matter_version FROM cases_case WHERE id = $1";
    city.count(sql, params![case]).await
}

fn search(words: &str) -> String {
    format!("/search?q={}", kernel::http::percent(words))
}

fn part_of_pack(name: &str) -> String {
    std::fs::read_to_string(stories::pack_dir().join("matters").join(MATTER).join(name)).unwrap()
}

async fn from_the_first_word_to_the_new_version(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (running, _) = her.apply().await;
    let mut steward = city.client("steward-cg").await;
    let list = steward.get("/work/matters").await.expect(200);
    assert!(
        list.has(TITLE) && list.has("共 2 个事项"),
        "only their own: {}",
        list.text()
    );

    let edition = begin(&mut steward, MATTER).await;
    assert_eq!(begin(&mut steward, MATTER).await, edition, "one at a time");
    // A browser that sends the whole form back untouched changes nothing.
    save(&mut steward, &edition, &[]).await.expect(303);
    assert_eq!(version(&city, &edition).await, "1");
    let same = act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(422);
    assert!(same.has("没有可以提交的改动"));

    // What cannot be read is named, stays in its field, and nothing is saved.
    let typed = [("legal_days", "二十"), ("title", ""), ("title_en", "A title")];
    let page = save(&mut steward, &edition, &typed).await.expect(422);
    assert!(page.has("href=\"#field-legal_days\"") && page.has("请填 0 到 1000 之间的整数"));
    assert!(page.has("value=\"二十\"") && page.has("value=\"A title\""));
    assert_eq!(version(&city, &edition).await, "1");

    // Rows are added, filled, moved and taken out without script.
    let added = save(&mut steward, &edition, &[("action", "add:steps")])
        .await
        .expect(303);
    let page = steward
        .get(added.location().split('#').next().unwrap())
        .await
        .expect(200);
    let typed = [("steps.5.zh", "办结后可以评价"), ("action", "up:steps.5")];
    post(&mut steward, &sheet(&edition), &page, &typed)
        .await
        .expect(303);
    let page = steward.get(&sheet(&edition)).await.expect(200);
    let fields = page.form(&sheet(&edition));
    let step = fields.iter().find(|(n, _)| n == "steps.4.zh").unwrap();
    assert_eq!(step.1, "办结后可以评价");
    save(&mut steward, &edition, &[("action", "drop:steps.4")])
        .await
        .expect(303);

    let new = "临时占用城市道路许可";
    let typed = [("title", new), ("promised_days", "8"), ("note", "缩短承诺时限")];
    save(&mut steward, &edition, &typed).await.expect(303);
    let page = steward
        .get(&format!("/work/matters/editions/{edition}"))
        .await
        .expect(200);
    assert!(page.has("检查通过") && page.has(TITLE) && page.has(new) && page.has("缩短承诺时限"));
    let preview = steward
        .get(&format!("/work/matters/editions/{edition}/preview"))
        .await
        .expect(200);
    assert!(preview.has(new) && preview.has("尚未发布") && !preview.has("action=\"/matters/"));
    assert!(
        her.get("/matters/occupy-road").await.has(TITLE),
        "nobody outside sees it"
    );
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    // In review it stands still.
    assert!(steward.get(&sheet(&edition)).await.status == 303);
    let fields = [
        ("version", version(&city, &edition).await),
        ("title", "别的".into()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    steward.post_form(&sheet(&edition), &fields).await.expect(409);

    let mut publisher = city.client("publisher").await;
    let waiting = publisher.get("/work/matters?state=review").await.expect(200);
    assert!(waiting.has(&edition) && waiting.has("共 1 个事项"));
    let page = act(&city, &mut publisher, &edition, "return", " ")
        .await
        .expect(422);
    assert!(page.has("退回时请写明要改什么"));
    act(&city, &mut publisher, &edition, "return", "名称请加“审批”二字。")
        .await
        .expect(303);
    assert_eq!(state(&city, &edition).await, "returned");
    let page = steward
        .get(&format!("/work/matters/editions/{edition}"))
        .await
        .expect(200);
    assert!(page.has("名称请加“审批”二字。") && page.has("事项发布员"));
    let new = "临时占用城市道路许可审批";
    save(&mut steward, &edition, &[("title", new)]).await.expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    act(&city, &mut publisher, &edition, "publication", "同意。")
        .await
        .expect(303);
    assert_eq!(state(&city, &edition).await, "published");

    // The guide and the search show it at once; the running case ends by the version it began with.
    assert!(her.get("/matters/occupy-road").await.expect(200).has(new));
    assert!(her.get(&search("许可审批")).await.expect(200).has(new));
    assert_eq!(pinned(&city, &running).await, 1);
    let (next, _) = her.apply().await;
    assert_eq!(pinned(&city, &next).await, 2);
    city.decide(&running, "agree", "grant").await;
    assert_eq!(city.state(&running).await, "granted");
    assert_eq!(pinned(&city, &running).await, 1);

    // History: who wrote, who published, and in what the two differ.
    let page = steward.get("/work/matters/occupy-road").await.expect(200);
    assert!(page.has("第 2 版") && page.has("缩短承诺时限") && page.has("发布 市政府 事项发布员"));
    let compare = "/work/matters/occupy-road/comparison?from=1&to=2";
    let page = steward.get(compare).await.expect(200);
    assert!(
        page.has(TITLE) && page.has(new) && page.has("承诺办结时限"),
        "{}",
        page.text()
    );
    assert!(!page.has("申请表单"), "what did not change is not there");
    let page = steward
        .get("/work/matters/occupy-road/comparison?from=2&to=2")
        .await
        .expect(200);
    assert!(page.has("两个版本的内容相同"));
    steward
        .get("/work/matters/occupy-road/comparison?from=1&to=9")
        .await
        .expect(404);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn whoever_must_act_is_told(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;
    let edition = begin(&mut steward, MATTER).await;
    save(&mut steward, &edition, &[("title", "改了名称的事项")])
        .await
        .expect(303);
    let done = act(&city, &mut steward, &edition, "submission", "").await;
    done.expect(303);
    city.settle().await;
    let mut publisher = city.client("publisher").await;
    let list = publisher.get("/me/messages").await.expect(200);
    assert!(list.has("待审核：改了名称的事项"), "{}", list.text());
    // Its author is not asked to review it, even if that were a second post of theirs.
    assert!(!steward.get("/me/messages").await.expect(200).has("待审核"));
    let done = act(&city, &mut publisher, &edition, "return", "名称不规范").await;
    done.expect(303);
    city.settle().await;
    assert!(
        steward
            .get("/me/messages")
            .await
            .expect(200)
            .has("被退回：改了名称的事项")
    );
    let done = act(&city, &mut steward, &edition, "submission", "").await;
    done.expect(303);
    let done = act(&city, &mut publisher, &edition, "publication", "").await;
    done.expect(303);
    city.settle().await;
    assert!(
        steward
            .get("/me/messages")
            .await
            .expect(200)
            .has("已发布：改了名称的事项")
    );
}

async fn authors_do_not_publish(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;
    let edition = begin(&mut steward, MATTER).await;
    save(&mut steward, &edition, &[("title", "改了名称的事项")])
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "publication", "")
        .await
        .expect(403);
    // Not even with a second post that publishes.
    let account = "SELECT id FROM identity_account WHERE login = 'steward-cg'";
    let account: String = city.scalar(account, &[]).await.unwrap();
    identity::api::appoint(
        &city.system(),
        "zhengwu-publisher",
        account.parse().unwrap(),
        "2020-01-01",
    )
    .await
    .unwrap();
    let mut both = city.client("steward-cg").await;
    let at = format!("/work/matters/editions/{edition}");
    let page = both.get(&at).await.expect(200);
    assert!(page.has("您参与了编写") && !page.leads(&format!("{at}/publication")));
    for noun in ["publication", "return"] {
        let page = act(&city, &mut both, &edition, noun, "我看可以")
            .await
            .expect(403);
        assert!(page.has("您参与了编写"), "{noun}");
    }
    assert_eq!(state(&city, &edition).await, "review");
    // Who publishes does not write, and another department sees nothing of it.
    let mut publisher = city.client("publisher").await;
    publisher.get(&sheet(&edition)).await.expect(403);
    let mut other = city.client("steward-sl").await;
    other.get(&at).await.expect(404);
    other.get("/work/matters/occupy-road").await.expect(404);
    other
        .post_form("/work/matters/occupy-road/editions", &[])
        .await
        .expect(404);
    assert!(!other.get("/work/matters").await.expect(200).has(TITLE));
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    // Once is enough.
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(409);
    // Nobody gives a matter away to an office beyond their reach.
    let edition = begin(&mut steward, MATTER).await;
    save(&mut steward, &edition, &[("organisation", "shuili")])
        .await
        .expect(403);
}

async fn two_stewards_lose_nothing(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let (mut a, mut b) = (city.client("steward-cg").await, city.client("steward-cg2").await);
    let edition = begin(&mut a, MATTER).await;
    assert_eq!(begin(&mut b, MATTER).await, edition);
    let at = sheet(&edition);
    let (page_a, page_b) = (a.get(&at).await, b.get(&at).await);
    let theirs = [("title", "甲的名称"), ("fee.note", "甲的收费说明")];
    post(&mut a, &at, &page_a, &theirs).await.expect(303);
    let mine = [("title", "乙的名称"), ("legal_days", "18")];
    let page = post(&mut b, &at, &page_b, &mine).await.expect(412);
    // Both are there: what was saved, and every word that was typed here.
    for words in ["甲的名称", "甲的收费说明", "别人刚刚保存"] {
        assert!(page.has(words), "{words}: {}", page.text());
    }
    let kept = page.form(&at);
    let kept = |name: &str| kept.iter().find(|(n, _)| n == name).unwrap().1.clone();
    assert_eq!(
        (kept("title"), kept("legal_days")),
        ("乙的名称".into(), "18".into())
    );
    let title = "SELECT title FROM services_edition WHERE id = $1";
    let saved: String = city.scalar(title, params![edition.as_str()]).await.unwrap();
    assert_eq!(saved, "甲的名称");
    // Having seen it, the second one decides.
    let decided = [("fee.note", "甲的收费说明")];
    post(&mut b, &at, &page, &decided).await.expect(303);
    let saved: String = city.scalar(title, params![edition.as_str()]).await.unwrap();
    assert_eq!(saved, "乙的名称");

    // The same with a text.
    let form = part_of_pack("form.json");
    let stale = version(&city, &edition).await;
    let changed = form.replacen("\"title\"", "\"title\" ", 1);
    write(&city, &mut a, &edition, "form.json", &changed)
        .await
        .expect(303);
    let at = format!("/work/matters/editions/{edition}/parts/form.json/text");
    let mine = form.replacen('{', "{ ", 1);
    let page = b
        .post_multipart(&at, &[("version", &stale), ("text", &mine)], &[])
        .await
        .expect(412);
    assert!(page.has("别人刚刚保存") && page.has("class=\"del\"") && page.has("class=\"add\""));
    assert_eq!(page.form(&at).iter().find(|(n, _)| n == "text").unwrap().1, mine);
    // Both wrote, so neither publishes; both are named.
    let page = a
        .get(&format!("/work/matters/editions/{edition}"))
        .await
        .expect(200);
    assert!(page.has("事项管理员（我）"));
    let authors = "SELECT authors FROM services_edition WHERE id = $1";
    let authors: String = city.scalar(authors, params![edition.as_str()]).await.unwrap();
    assert_eq!(authors.matches("account:").count(), 2);
}

async fn what_is_broken_is_named(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;
    let edition = begin(&mut steward, MATTER).await;
    let at = format!("/work/matters/editions/{edition}");
    let broken = [
        (
            "process.bpmn",
            "yw:decision=\"occupy-road-route\"",
            "yw:decision=\"another\"",
            "another",
        ),
        (
            "process.bpmn",
            "yw:role=\"clerk\"",
            "yw:role=\"nobody\"",
            "nobody",
        ),
        ("process.bpmn", "</bpmn:process>", "", "process.bpmn"),
        ("form.json", "\"properties\"", "\"propertys\"", "form.json"),
        ("decision.dmn", "</decisionTable>", "", "decision.dmn"),
        (
            "stories.toml",
            "ends = \"granted\"",
            "ends = \"refused\"",
            "小店门前临时堆货",
        ),
        (
            "stories.toml",
            "review_days = 3",
            "review_days = 4",
            "review_days is decided as 3",
        ),
        ("stories.toml", "[[story]]", "[[stori]]", "stori"),
    ];
    for (part, from, to, said) in broken {
        let good = part_of_pack(part);
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{part}: {from}");
        write(&city, &mut steward, &edition, part, &text)
            .await
            .expect(303);
        // Saved as it is, with the place and the message; handing it in is refused.
        let page = steward.get(&format!("{at}/parts/{part}")).await.expect(200);
        assert!(
            page.has("个问题") && page.has(said),
            "{part} {from}: {}",
            page.text()
        );
        let page = act(&city, &mut steward, &edition, "submission", "")
            .await
            .expect(422);
        assert!(
            page.leads(&format!("{at}/parts/{part}")),
            "{part} {from}: {}",
            page.text()
        );
        write(&city, &mut steward, &edition, part, &good)
            .await
            .expect(303);
    }
    // The text goes out as a file, for an editor of its own.
    let file = steward
        .get(&format!("{at}/parts/process.bpmn?download=1"))
        .await
        .expect(200);
    assert!(file.header("content-disposition").contains("process.bpmn"));
    assert_eq!(file.text(), part_of_pack("process.bpmn"));
    // A line has its number, and what stands there.
    let text = part_of_pack("stories.toml").replacen("ends = \"granted\"", "ends = granted", 1);
    write(&city, &mut steward, &edition, "stories.toml", &text)
        .await
        .expect(303);
    let page = steward.get(&format!("{at}/parts/stories.toml")).await.expect(200);
    let line = text.lines().position(|l| l == "ends = granted").unwrap() + 1;
    assert!(page.has(&format!("第 {line} 行")) && page.has("<code>ends = granted</code>"));
    // No text at all, too much of it, no UTF-8.
    let large = " ".repeat(400_001);
    write(&city, &mut steward, &edition, "form.json", &large)
        .await
        .expect(422);
    let now = version(&city, &edition).await;
    let file = [("file", "form.json", &b"\xff\xfe{}"[..])];
    let page = steward
        .post_multipart(&format!("{at}/parts/form.json/text"), &[("version", &now)], &file)
        .await
        .expect(422);
    assert!(page.has("不是 UTF-8"));
    steward.get(&format!("{at}/parts/other.txt")).await.expect(404);
    // Sums that do not fit are found as well.
    write(
        &city,
        &mut steward,
        &edition,
        "stories.toml",
        &part_of_pack("stories.toml"),
    )
    .await
    .expect(303);
    save(&mut steward, &edition, &[("promised_days", "30")])
        .await
        .expect(303);
    let page = act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(422);
    assert!(
        page.has("promised_days is longer than legal_days"),
        "{}",
        page.text()
    );
    // Given up.
    act(&city, &mut steward, &edition, "discard", "")
        .await
        .expect(303);
    assert_eq!(state(&city, &edition).await, "discarded");
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(409);
}

async fn out_of_force_and_back(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (running, _) = her.apply().await;
    let draft = her.begin(MATTER).await;
    city.client("steward-cg")
        .await
        .post_form("/work/matters/occupy-road/retirement", &[("reason", "x")])
        .await
        .expect(403);
    let mut publisher = city.client("publisher").await;
    let at = "/work/matters/occupy-road/retirement";
    let page = publisher.post_form(at, &[("reason", " ")]).await.expect(422);
    assert!(page.has("请写明停用的原因"));
    publisher
        .post_form(at, &[("reason", "并入另一事项")])
        .await
        .expect(303);
    publisher.post_form(at, &[("reason", "再一次")]).await.expect(409);
    her.get("/matters/occupy-road").await.expect(404);
    assert!(!her.get(&search("占道")).await.expect(200).has(TITLE));
    her.post_form("/matters/occupy-road/cases", &[]).await.expect(404);
    her.hand_in(&draft, &answers()).await.expect(409);
    city.decide(&running, "agree", "grant").await;
    assert_eq!(city.state(&running).await, "granted", "what runs is finished");
    // No work on it while it is out of force reaches the public.
    let mut steward = city.client("steward-cg").await;
    let page = steward.get("/work/matters/occupy-road").await.expect(200);
    assert!(page.has("并入另一事项") && page.has("已停用"));
    publisher
        .post_form("/work/matters/occupy-road/reinstatement", &[])
        .await
        .expect(303);
    publisher
        .post_form("/work/matters/occupy-road/reinstatement", &[])
        .await
        .expect(409);
    assert!(her.get("/matters/occupy-road").await.expect(200).has(TITLE));
    assert!(her.get(&search("占道")).await.expect(200).has(TITLE));
    her.hand_in(&draft, &answers()).await.expect(303);
    let page = publisher.get("/work/matters/occupy-road").await.expect(200);
    assert!(page.has("恢复于") && page.has("并入另一事项"));
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_new_matter(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;
    let page = steward.get("/work/matters/new").await.expect(200);
    assert!(
        page.has("value=\"chengguan\"") && !page.has("value=\"shuili\""),
        "only where they may"
    );
    let create = async |who: &mut Client, id: &str, title: &str, organisation: &str, like: &str| {
        let fields = [
            ("id", id),
            ("title", title),
            ("organisation", organisation),
            ("like", like),
        ];
        who.post_form("/work/matters/new", &fields).await
    };
    for (id, title, org, status, said) in [
        ("Wrong Id", "名称", "chengguan", 422, "标识以小写字母开头"),
        ("hang-banner", " ", "chengguan", 422, "请填写事项名称"),
        ("hang-banner", "名称", "nobody", 422, "请选择实施主体"),
        (MATTER, "名称", "chengguan", 409, "已经有事项在用"),
    ] {
        let page = create(&mut steward, id, title, org, "").await.expect(status);
        assert!(page.has(said), "{id} {title} {org}: {}", page.text());
    }
    create(&mut steward, "hang-banner", "悬挂横幅", "shuili", "")
        .await
        .expect(403);

    // From nothing: everything that is missing is named, then filled in.
    let made = create(&mut steward, "hang-banner", "悬挂横幅备案", "chengguan", "")
        .await
        .expect(303);
    let edition = edition_of(&made);
    let at = format!("/work/matters/editions/{edition}");
    let page = steward.get(&at).await.expect(200);
    assert!(
        page.has("个问题")
            && page.leads(&format!("{at}/sheet#field-conditions"))
            && page.leads(&format!("{at}/parts/process.bpmn"))
    );
    let typed = [
        ("code", "000199001098"),
        ("kind", "行政许可"),
        ("audience", "natural"),
        ("_audience", "1"),
        ("online", "full"),
        ("acceptance_days", "5"),
        ("legal_days", "20"),
        ("promised_days", "3"),
        ("_conditions", "1"),
        ("conditions.0.zh", "最多悬挂30天（样例条件）"),
        ("_steps", "1"),
        ("steps.0.zh", "网上提交申请"),
        ("_basis", "1"),
        ("basis.0.law", "演示规定（虚构）"),
        ("basis.0.zh", "悬挂横幅应当经批准（样例）"),
        ("result.kind", "certificate"),
        ("result.certificate", "occupy-road-permit"),
        ("sample", "yes"),
        ("_sample", "1"),
        ("sample_note", "样例内容"),
        ("_material", "1"),
        ("material.0.id", "design"),
        ("material.0.title", "横幅样稿"),
        ("material.0.accept", "pdf、jpg"),
        ("material.0.max_mb", "10"),
        ("material.0.form", "both"),
        ("material.0.originals", "1"),
        ("material.0.source", "self"),
        ("elements.item_type", "01"),
        ("elements.level", "3"),
        ("elements.nature", "1"),
        ("elements.targets", "1"),
        ("elements.channels", "2"),
        ("elements.case_kind", "2"),
        ("elements.reach", "city"),
        ("elements.power", "法定本级行使"),
        ("elements.consult", "0517-00008151"),
        ("elements.complain", "12345"),
        ("_elements.faq", "1"),
        ("elements.faq.0.q", "要交费吗？"),
        ("elements.faq.0.a", "不收费（样例）。"),
    ];
    save(&mut steward, &edition, &typed).await.expect(303);
    for part in ["form.json", "process.bpmn", "decision.dmn", "stories.toml"] {
        let now = version(&city, &edition).await;
        let text = part_of_pack(part);
        let file = [("file", part, text.as_bytes())];
        steward
            .post_multipart(
                &format!("{at}/parts/{part}/text"),
                &[("version", &now), ("text", "")],
                &file,
            )
            .await
            .expect(303);
    }
    let page = steward.get(&at).await.expect(200);
    assert!(page.has("检查通过"), "{}", page.text());
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut her = city.client("resident").await;
    her.get("/matters/hang-banner").await.expect(404);
    let mut publisher = city.client("publisher").await;
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    assert!(her.get("/matters/hang-banner").await.expect(200).has("横幅样稿"));
    let case = her.begin("hang-banner").await;
    assert_eq!(pinned(&city, &case).await, 1);

    // Like another one: its texts come along, its code does not.
    let made = create(&mut steward, "hang-flag", "悬挂旗帜备案", "chengguan", MATTER)
        .await
        .expect(303);
    let edition = edition_of(&made);
    let page = act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(422);
    assert!(
        page.leads(&format!("{}#field-code", sheet(&edition))) && page.has("还有 1 个问题"),
        "{}",
        page.text()
    );
    save(&mut steward, &edition, &[("code", "000199001001")])
        .await
        .expect(303);
    let page = act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(422);
    assert!(page.has("已经用了这个编码"));
    save(&mut steward, &edition, &[("code", "000199001097")])
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "withdrawal", "")
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    assert!(
        her.get("/matters/hang-flag")
            .await
            .expect(200)
            .has("悬挂旗帜备案")
    );
    let case = her.begin("hang-flag").await;
    her.hand_in(&case, &answers()).await.expect(303);
    city.decide(&case, "agree", "grant").await;
    assert_eq!(city.state(&case).await, "granted");
}

async fn an_old_version_comes_back(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    publish(&city, MATTER, "第二个名称").await;
    let mut steward = city.client("steward-cg").await;
    let at = "/work/matters/occupy-road/editions";
    let answer = steward.post_form(at, &[("version", "1")]).await.expect(303);
    let edition = edition_of(&answer);
    let page = steward
        .get(&format!("/work/matters/editions/{edition}"))
        .await
        .expect(200);
    assert!(page.has("由第 1 版恢复") && page.has("第二个名称") && page.has(TITLE));
    // Not over somebody's open work.
    let page = steward.post_form(at, &[("version", "1")]).await.expect(409);
    assert!(page.has("已经有一个版本正在编制"));

    // Meanwhile another version is published: the work must take it in first, and keeps what it changed itself.
    save(&mut steward, &edition, &[("promised_days", "7")])
        .await
        .expect(303);
    let process = part_of_pack("process.bpmn").replacen("name=\"受理\"", "name=\"窗口受理\"", 1);
    services::api::revise(&city.system(), MATTER, &process)
        .await
        .unwrap();
    let page = act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(409);
    assert!(
        page.has("请先合并再提交") && page.has("第 3 版已经发布") && page.has("采用新版本"),
        "{}",
        page.text()
    );
    act(&city, &mut steward, &edition, "rebase", "").await.expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut publisher = city.client("publisher").await;
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    let page = publisher
        .get("/work/matters/occupy-road/comparison?from=3&to=4")
        .await
        .expect(200);
    assert!(
        page.has(TITLE) && page.has("承诺办结时限") && !page.has("办理流程图"),
        "{}",
        page.text()
    );
    let page = publisher
        .get("/work/matters/occupy-road/comparison?from=1&to=4")
        .await
        .expect(200);
    assert!(page.has("窗口受理") && !page.has("第二个名称"));
    assert!(city.visitor().get("/matters/occupy-road").await.has(TITLE));
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

/// A decision names the law as the matter's version said it when the case began.
async fn papers_quote_the_version_of_their_case(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (before, _) = her.apply().await;
    let mut steward = city.client("steward-cg").await;
    let edition = begin(&mut steward, MATTER).await;
    let typed = [("basis.0.law", "演示占道规定"), ("basis.0.article", "第七条")];
    save(&mut steward, &edition, &typed).await.expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut publisher = city.client("publisher").await;
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    let (after, _) = her.apply().await;
    for case in [&before, &after] {
        city.decide(case, "agree", "refuse").await;
    }
    city.settle().await;
    let (old, new) = (
        paper(&city, &mut her, &before, "refused").await,
        paper(&city, &mut her, &after, "refused").await,
    );
    assert!(
        !old.contains("演示占道规定") && new.contains("演示占道规定"),
        "{old}\n{new}"
    );
    assert!(old.contains("不予") && new.contains("第七条"), "{old}\n{new}");
}

/// Imports a file; returns the report's page.
async fn import(who: &mut Client, name: &str, bytes: &[u8]) -> Answer {
    let answer = who
        .post_multipart("/work/matters/imports", &[], &[("file", name, bytes)])
        .await
        .expect(303);
    who.get(answer.location()).await.expect(200)
}

fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (r, row) in rows.iter().enumerate() {
        for (c, cell) in row.iter().enumerate() {
            sheet.write_string(r as u32, c as u16, *cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

async fn editions(city: &City) -> i64 {
    city.count("SELECT COUNT(*) FROM services_edition", &[]).await
}

async fn lists_go_out_and_come_in(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;

    // Out and in again, in both formats and languages, is no change.
    for (format, language) in [("csv", "zh"), ("xlsx", "zh"), ("csv", "en"), ("xlsx", "en")] {
        steward.get(&format!("/matters?lang={language}")).await;
        let file = steward
            .get(&format!("/work/matters/export?format={format}"))
            .await
            .expect(200);
        assert!(file.header("content-disposition").contains(&format!(".{format}")));
        let page = import(&mut steward, &format!("matters.{format}"), &file.body).await;
        let none = if language == "zh" {
            "没有改动"
        } else {
            "no change"
        };
        assert!(
            page.text().matches(none).count() >= 2,
            "{format} {language}: {}",
            page.text()
        );
        assert_eq!(editions(&city).await, 0, "{format} {language}");
    }
    steward.get("/matters?lang=zh").await;
    // The empty form has the headings only.
    let blank = steward
        .get("/work/matters/export?state=none&format=csv")
        .await
        .expect(200);
    assert!(blank.has("实施编码") && !blank.has(TITLE));

    // UTF-8: one row is good, each of the others is named with its reason.
    let list = "实施编码,事项名称,承诺办结时限（工作日）,实施主体,备注\n\
        000199001001,占用城市道路审批,9,chengguan,随便写写\n\
        000199001002,挖掘城市道路审批,很快,chengguan,\n\
        000199001003,取水许可,15,shuili,\n\
        000199001001,又一次,9,chengguan,\n\
        000199001077,,5,nobody,\n\
        ,没有编码,5,chengguan,\n";
    let page = import(&mut steward, "五月.csv", list.as_bytes()).await;
    assert!(page.has("6 行，1 行通过，5 行有问题"), "{}", page.text());
    for said in [
        "改动：事项名称、承诺办结时限（工作日）",
        "请填 0 到 1000 之间的整数",
        "您的岗位不能编写这个部门的事项",
        "与第 2 行是同一个事项",
        "没有标识为 nobody 的部门",
        "事项标识和实施编码都没有填",
        "这些列不认识，没有读：备注",
    ] {
        assert!(page.has(said), "{said}: {}", page.text());
    }
    assert_eq!(
        editions(&city).await,
        1,
        "good rows become work, nothing else does"
    );
    let edition = page.between("href=\"/work/matters/editions/", "\"").unwrap();
    let open = steward
        .get(&format!("/work/matters/editions/{edition}"))
        .await
        .expect(200);
    assert!(open.has("占用城市道路审批") && open.has("表格导入"));
    assert!(
        city.visitor().get("/matters/occupy-road").await.has(TITLE),
        "nothing is published"
    );
    // The report goes out as well, and its rows can be narrowed.
    let id = page.between("/work/matters/imports/", "/report").unwrap();
    let file = steward
        .get(&format!("/work/matters/imports/{id}/report?format=csv"))
        .await
        .expect(200);
    assert!(file.has("没有标识为 nobody 的部门") && file.text().starts_with('\u{feff}'));
    let wrong = steward
        .get(&format!("/work/matters/imports/{id}?outcome=wrong"))
        .await
        .expect(200);
    assert!(wrong.has("没有编码") && !wrong.has("改动："));
    // It belongs to whoever imported it.
    city.client("steward-cg2")
        .await
        .get(&format!("/work/matters/imports/{id}"))
        .await
        .expect(404);
    // Somebody works on it now, so a second import of the row is named too.
    let page = import(&mut steward, "again.csv", list.as_bytes()).await;
    assert!(page.has("已经有一个版本正在编制"));
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut publisher = city.client("publisher").await;
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    let guide = city.visitor().get("/matters/occupy-road").await.expect(200);
    assert!(guide.has("占用城市道路审批") && guide.has("9 个工作日"));

    // GB18030, as Excel in Chinese saves it, and a workbook.
    let list = "事项标识,搜索用词\r\ndig-road,挖路、开挖、﨑\r\n";
    let (bytes, _, lost) = encoding_rs::GB18030.encode(list);
    assert!(!lost);
    let page = import(&mut steward, "gb.csv", &bytes).await;
    assert!(
        page.has("1 行，1 行通过") && page.has("改动：搜索用词"),
        "{}",
        page.text()
    );
    let edition = page.between("href=\"/work/matters/editions/", "\"").unwrap();
    let open = steward.get(&sheet(&edition)).await.expect(200);
    assert!(open.has("挖路、开挖、﨑"));
    act(&city, &mut steward, &edition, "discard", "")
        .await
        .expect(303);
    let rows = workbook(&[
        &["事项标识", "受理条件", "事项名称", "实施编码", "实施主体"],
        &[
            "dig-road",
            "确需挖掘 | There is need\n能够恢复",
            "挖掘城市道路审批",
            "000199001002",
            "chengguan",
        ],
        &[
            "hang-banner",
            "=1+1",
            "=HYPERLINK(\"http://example.com\")",
            "000199001098",
            "chengguan",
        ],
    ]);
    let page = import(&mut steward, "六月.xlsx", &rows).await;
    assert!(
        page.has("2 行，2 行通过") && page.has("新事项"),
        "{}",
        page.text()
    );
    // What would be a formula is disarmed in CSV and is text in a workbook.
    let banner = "SELECT id FROM services_edition WHERE matter = 'hang-banner'";
    let banner: String = city.scalar(banner, &[]).await.unwrap();
    let report = page.between("/work/matters/imports/", "/report").unwrap();
    let file = steward
        .get(&format!("/work/matters/imports/{report}/report?format=csv"))
        .await
        .expect(200);
    assert!(
        file.has("\"'=HYPERLINK(") && !file.has(",\"=HYPERLINK("),
        "{}",
        file.text()
    );
    let open = steward
        .get(&format!("/work/matters/editions/{banner}"))
        .await
        .expect(200);
    assert!(open.has("=HYPERLINK(&quot;"), "shown as it was typed");
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn hostile_files_are_refused(db: Db) {
    use std::io::Write;
    let city = City::open(db, "2026-11-24").await;
    let mut steward = city.client("steward-cg").await;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("xl/worksheets/sheet1.xml", options).unwrap();
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..80 {
        archive.write_all(&spaces).unwrap();
    }
    let bomb = archive.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20, "small as it comes");
    let many = "事项标识\n".to_string() + &"a\n".repeat(501);
    let files: [(&[u8], &str); 7] = [
        (&bomb, "文件展开后过大"),
        (b"PK\x03\x04 no workbook", "文件读不出来"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "旧版 Excel"),
        (b"", "文件是空的"),
        ("备注\n一\n".as_bytes(), "没有“事项标识”或“实施编码”这一列"),
        ("事项标识,事项标识\na,b\n".as_bytes(), "出现了两次"),
        (many.as_bytes(), "最多 500 行"),
    ];
    for (bytes, said) in files {
        let page = steward
            .post_multipart("/work/matters/imports", &[], &[("file", "x", bytes)])
            .await
            .expect(422);
        assert!(page.has(said), "{said}: {}", page.text());
    }
    let large = vec![b'a'; 6 << 20];
    let page = steward
        .post_multipart("/work/matters/imports", &[], &[("file", "x.csv", &large)])
        .await;
    assert_eq!(page.status, 413);
    assert_eq!(editions(&city).await, 0);
    assert!(city.count("SELECT COUNT(*) FROM services_import", &[]).await == 0);
}

fn rewrite(path: &Path, from: &str, to: &str) {
    let old = std::fs::read_to_string(path).unwrap();
    assert!(old.contains(from), "{}: {from}", path.display());
    std::fs::write(path, old.replacen(from, to, 1)).unwrap();
}

/// The sample matter once more, under another name.
fn add_matter(pack: &Path, id: &str, code: &str, title: &str) {
    let folder = pack.join("matters").join(id);
    std::fs::create_dir(&folder).unwrap();
    for name in [
        "matter.toml",
        "form.json",
        "process.bpmn",
        "decision.dmn",
        "stories.toml",
    ] {
        std::fs::write(folder.join(name), part_of_pack(name)).unwrap();
    }
    let sheet = folder.join("matter.toml");
    rewrite(&sheet, "id = \"occupy-road\"", &format!("id = \"{id}\""));
    rewrite(&sheet, "code = \"000199001001\"", &format!("code = \"{code}\""));
    rewrite(&sheet, TITLE, title);
}

async fn a_newer_pack_is_merged(db: Db) {
    let flag = |pack: &Path| add_matter(pack, "hang-flag", "000199001096", "悬挂旗帜");
    let city = City::with(db, "2026-11-24", flag).await;
    let pack = city.place.data().join("pack/city");
    let said = yiwang::packs::diff(&city.app, &pack).await.unwrap();
    assert_eq!((said.code, said.lines.len()), (0, 1), "{:?}", said.lines);
    let mut her = city.client("resident").await;
    let (running, _) = her.apply().await;
    publish(&city, MATTER, "本地改的名称").await;
    publish(&city, "hang-flag", "本地改的挂旗").await;

    // A newer pack: the same title changed otherwise, something that nobody touched here, one matter more, two fewer.
    let sheet = pack.join("matters/occupy-road/matter.toml");
    rewrite(&sheet, TITLE, "新包的名称");
    rewrite(&sheet, "promised_days = 10", "promised_days = 6");
    add_matter(&pack, "hang-banner", "000199001098", "新包带来的事项");
    for gone in ["tree-felling", "hang-flag"] {
        std::fs::remove_dir_all(pack.join("matters").join(gone)).unwrap();
    }
    assert_eq!(yiwang::check_pack(&pack), Vec::<String>::new());
    let said = yiwang::packs::diff(&city.app, &pack).await.unwrap();
    let report = said.lines.join("\n");
    assert_eq!(said.code, 1);
    for line in [
        "title: conflict, here “本地改的名称” stays, the pack has “新包的名称”",
        "promised_days: the pack changed it from 10 to 6",
        "matters/hang-banner 新包带来的事项: new in the pack",
        "matters/tree-felling 林木采伐许可: no longer in the pack; goes out of force",
        "matters/hang-flag 本地改的挂旗: conflict: no longer in the pack, but edited here, so it stays",
        "3 to take from the pack, 2 edited here, 2 of them in conflict, 0 other files",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    assert!(
        her.get("/matters/tree-felling").await.status == 200,
        "a diff changes nothing"
    );

    let said = yiwang::packs::apply(&city.app, &pack).await.unwrap();
    assert_eq!(said.code, 1, "something was not taken: {:?}", said.lines);
    city.settle().await;
    let guide = her.get("/matters/occupy-road").await.expect(200);
    assert!(guide.has("本地改的名称") && guide.has("6 个工作日") && !guide.has("新包的名称"));
    assert!(
        her.get("/matters/hang-banner")
            .await
            .expect(200)
            .has("新包带来的事项")
    );
    her.get("/matters/tree-felling").await.expect(404);
    assert!(
        her.get("/matters/hang-flag")
            .await
            .expect(200)
            .has("本地改的挂旗")
    );
    // A case begun before goes on; a new one follows the merged version.
    assert_eq!(pinned(&city, &running).await, 1);
    let (next, _) = her.apply().await;
    assert_eq!(pinned(&city, &next).await, 3);
    city.decide(&running, "agree", "grant").await;
    assert_eq!(city.state(&running).await, "granted");
    let page = city
        .client("publisher")
        .await
        .get("/work/matters/tree-felling")
        .await
        .expect(200);
    assert!(page.has("城市包不再包含本事项"));

    // Again is nothing new; what people edited is named as that and no longer as a conflict.
    let said = yiwang::packs::apply(&city.app, &pack).await.unwrap();
    assert_eq!(said.code, 0, "{:?}", said.lines);
    let report = said.lines.join("\n");
    assert!(
        report.contains("title: edited here from “新包的名称” to “本地改的名称”"),
        "{report}"
    );
    assert!(
        report.contains("matters/hang-flag 本地改的挂旗: made here"),
        "{report}"
    );

    // A matter that comes back is in force again; a pack with errors changes nothing.
    add_matter(&pack, "tree-felling", "000199001019", "林木采伐许可");
    rewrite(
        &pack.join("matters/tree-felling/matter.toml"),
        "chengguan",
        "nobody",
    );
    assert!(yiwang::packs::apply(&city.app, &pack).await.is_err());
    her.get("/matters/tree-felling").await.expect(404);
    rewrite(&pack.join("matters/tree-felling/matter.toml"), "nobody", "zigui");
    yiwang::packs::apply(&city.app, &pack).await.unwrap();
    city.settle().await;
    her.get("/matters/tree-felling").await.expect(200);

    // What only a new city takes in is said, every time.
    rewrite(&pack.join("organisations.toml"), "淮安市大数据局", "淮安市数据局");
    for said in [
        yiwang::packs::diff(&city.app, &pack).await.unwrap(),
        yiwang::packs::apply(&city.app, &pack).await.unwrap(),
    ] {
        assert_eq!(said.code, 1);
        let line =
            "organisations.toml: changed since the pack was taken in; only a new city takes this file in";
        assert!(said.lines.iter().any(|l| l == line), "{:?}", said.lines);
    }
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn an_exported_pack_says_the_same(db: Db) {
    let city = City::with(db, "2026-11-24", |_| {}).await;
    let pack = city.place.data().join("pack/city");
    let done = yiwang::packs::export(&city.app, &pack).await.unwrap();
    assert!(
        done.lines.len() == 1 && done.lines[0].ends_with("0 changes, 0 errors"),
        "{:?}",
        done.lines
    );

    publish(&city, MATTER, "本地改的\"名称\"").await;
    let mut steward = city.client("steward-cg").await;
    let fields = [
        ("id", "hang-flag"),
        ("title", "悬挂旗帜备案"),
        ("organisation", "chengguan"),
        ("like", MATTER),
    ];
    let made = steward.post_form("/work/matters/new", &fields).await.expect(303);
    let edition = edition_of(&made);
    save(&mut steward, &edition, &[("code", "000199001097")])
        .await
        .expect(303);
    act(&city, &mut steward, &edition, "submission", "")
        .await
        .expect(303);
    let mut publisher = city.client("publisher").await;
    act(&city, &mut publisher, &edition, "publication", "")
        .await
        .expect(303);
    publisher
        .post_form("/work/matters/tree-felling/retirement", &[("reason", "合并")])
        .await
        .expect(303);
    // An open draft is nobody's business yet.
    let open = begin(&mut steward, MATTER).await;
    save(&mut steward, &open, &[("title", "还没写完")])
        .await
        .expect(303);

    let done = yiwang::packs::export(&city.app, &pack).await.unwrap();
    let report = done.lines.join("\n");
    for line in [
        "wrote matters/occupy-road/matter.toml",
        "wrote matters/hang-flag/process.bpmn",
        "removed matters/tree-felling (out of force)",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    assert!(
        !report.contains("occupy-road/process.bpmn"),
        "only what changed: {report}"
    );
    let text = std::fs::read_to_string(pack.join("matters/occupy-road/matter.toml")).unwrap();
    assert!(text.starts_with("# 样例内容") && !text.contains("还没写完"));
    assert_eq!(yiwang::check_pack(&pack), Vec::<String>::new());
    for said in [
        yiwang::packs::diff(&city.app, &pack).await.unwrap(),
        yiwang::packs::apply(&city.app, &pack).await.unwrap(),
        yiwang::packs::diff(&city.app, &pack).await.unwrap(),
    ] {
        assert_eq!((said.code, said.lines.len()), (0, 1), "{:?}", said.lines);
    }
    // What else of the pack still names a matter that is out of force is said with its place.
    publisher
        .post_form("/work/matters/dig-road/retirement", &[("reason", "合并")])
        .await
        .expect(303);
    let done = yiwang::packs::export(&city.app, &pack).await.unwrap();
    assert_eq!(done.code, 1);
    assert!(
        done.lines
            .iter()
            .any(|l| l.contains("portal.toml") && l.contains("dig-road")),
        "{:?}",
        done.lines
    );
    let portal = pack.join("portal.toml");
    rewrite(&portal, ", \"dig-road\"]", "]");
    rewrite(&portal, ", \"dig-road\"]", "]");
    assert_eq!(yiwang::check_pack(&pack), Vec::<String>::new());
    // Another city from this pack has what people edited in the first one.
    let place = Place::new(db);
    let config = place.config();
    let second = City::with_pack(place, config, &pack, "2026-11-24", None)
        .await
        .unwrap();
    let guide = second.visitor().get("/matters/occupy-road").await.expect(200);
    assert!(guide.has("本地改的&quot;名称&quot;"));
    second.visitor().get("/matters/hang-flag").await.expect(200);
    second.visitor().get("/matters/tree-felling").await.expect(404);
}

/// Two servers over one database: the second learns of a publication made on the first.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_learns_of_it() {
    let one = City::open(Db::Postgres, "2026-11-24").await;
    let mut config = one.place.config();
    config.node = "second".into();
    let two = City::start(one.place.clone(), config, "2026-11-24", None)
        .await
        .unwrap();
    two.settle().await;
    publish(&one, MATTER, "在另一台发布的名称").await;
    two.settle().await;
    let mut her = two.client("resident").await;
    let (case, _) = her.apply().await;
    assert_eq!(pinned(&two, &case).await, 2);
    let mut publisher = one.client("publisher").await;
    publisher
        .post_form("/work/matters/occupy-road/retirement", &[("reason", "合并")])
        .await
        .expect(303);
    two.settle().await;
    her.post_form("/matters/occupy-road/cases", &[]).await.expect(404);
    publisher
        .post_form("/work/matters/occupy-road/reinstatement", &[])
        .await
        .expect(303);
    two.settle().await;
    her.begin(MATTER).await;
    // What it began there ends there.
    two.decide(&case, "agree", "grant").await;
    assert_eq!(two.state(&case).await, "granted");
}
