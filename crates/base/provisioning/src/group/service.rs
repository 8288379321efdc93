//! Groups as a directory sees them, and how it changes who is in them.

use super::store;
use crate::door::answer::{no, refuse};
use crate::door::web::{Call, instant, version};
use crate::user::service as users;
use identity::api::official::{self, Post, Term};
use kernel::ctx::{Scope, Term as Within};
use kernel::{Fact, Locale, Refusal, Result, Tx};
use scim::message::Search;
use scim::patch::Operation;
use scim::resources::GROUPS_TYPE;
use scim::{Error, ScimType};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A post as the directory sees it.
pub(crate) struct Seen {
    pub post: Post,
    /// Canonical, with `id` and `meta`; without members when nobody asked for them.
    pub group: Json,
    pub version: String,
    external_id: String,
    /// Members whom the directory does not keep, by subject: that it read their names is written down.
    pub strangers: Vec<String>,
    /// Who is a member, by account id: the holdings.
    held: BTreeMap<String, Vec<String>>,
    /// Who waits for approval: the proposals.
    waiting: BTreeMap<String, Vec<String>>,
}

/// What a change came to.
pub(crate) struct Kept {
    pub seen: Seen,
    pub changed: Vec<String>,
    /// Account ids of those who wait for approval.
    pub waiting: Vec<String>,
}

fn posts(call: &Call, tx: &mut Tx<'_>) -> Result<Vec<Post>> {
    let within = Within::Within {
        org_path: call.path.clone(),
        area_code: String::new(),
    };
    official::posts(tx, &Scope::Any(vec![within]))
}

/// How a post is called in the directory: that of an organisation below with its organisation, so that names differ.
fn title(call: &Call, post: &Post) -> String {
    match post.organisation == call.directory.organisation {
        true => post.title.clone(),
        false => format!("{} {}", post.organisation_name, post.title),
    }
}

/// The directory's people at an organisation and below.
fn people(call: &Call, tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<users::Seen>> {
    let mut out = vec![];
    for person in users::everybody(call, tx, organisation, true)? {
        out.extend(users::seen(call, tx, person)?);
    }
    Ok(out)
}

fn seen(call: &Call, tx: &mut Tx<'_>, post: Post, people: Option<&[users::Seen]>) -> Result<Seen> {
    let note = store::get(tx, &call.directory.client, &post.id)?;
    let external_id = note.as_ref().map(|n| n.external_id.clone()).unwrap_or_default();
    let today = call.cx.today().to_string();
    let mut group = json!({ "displayName": title(call, &post) });
    if !external_id.is_empty() {
        group["externalId"] = json!(external_id);
    }
    let (mut held, mut waiting) = (BTreeMap::new(), BTreeMap::new());
    let (mut members, mut strangers) = (vec![], vec![]);
    for user in people.unwrap_or_default() {
        let p = &user.person;
        let id = p.account.to_string();
        let own = p.holdings.iter().filter(|h| h.post == post.id && h.lasts(&today));
        let own: Vec<String> = own.map(|h| h.id.clone()).collect();
        let coming = p.waiting.iter().filter(|q| q.post == post.id);
        let coming: Vec<String> = coming.map(|q| q.id.clone()).collect();
        if !own.is_empty() {
            members.push(json!({ "value": id, "$ref": format!("{}/Users/{id}", call.base), "display": p.name, "type": "User" }));
            if user.note.is_none() {
                strangers.push(p.subject.clone());
            }
            held.insert(id, own);
        } else if !coming.is_empty() {
            waiting.insert(id, coming);
        }
    }
    if !members.is_empty() {
        group["members"] = Json::Array(members);
    }
    let own = note.as_ref().map_or(0, |n| n.version);
    let tag = version(&json!([post.id, post.title, own, held]));
    let since = call.directory.created_at;
    let group = scim::document::finish(
        &GROUPS_TYPE,
        &group,
        &post.id,
        &call.base,
        &instant(note.as_ref().map_or(since, |n| n.created_at)),
        &instant(note.as_ref().map_or(since, |n| n.changed_at)),
        &tag,
    );
    Ok(Seen {
        post,
        group,
        version: tag,
        external_id,
        strangers,
        held,
        waiting,
    })
}

/// The post with this id, with its members.
pub(crate) fn find(call: &Call, tx: &mut Tx<'_>, id: &str) -> Result<Seen> {
    let post = posts(call, tx)?.into_iter().find(|p| p.id == id);
    let post = post.ok_or_else(Refusal::not_found)?;
    let people = people(call, tx, &post.organisation)?;
    seen(call, tx, post, Some(&people))
}

/// What a list or search answers. Members are looked up when they are asked for, told or not.
pub(crate) async fn list(call: &Call, search: &Search) -> Result<Json> {
    let told = search.projection.wants(&GROUPS_TYPE, "members");
    let filter = search.filter.as_ref();
    let members = told || filter.is_some_and(|f| f.to_string().to_lowercase().contains("members"));
    let (total, page, all) = call
        .cx
        .read("provisioning.groups", |tx| {
            let people = match members {
                true => Some(people(call, tx, &call.directory.organisation)?),
                false => None,
            };
            let only = match filter.and_then(|f| f.demands("externalId")) {
                Some(external_id) => Some(store::by_external(tx, &call.directory.client, external_id)?),
                None => None,
            };
            let mut all = vec![];
            for post in posts(call, tx)? {
                if only.as_ref().is_none_or(|o| o.as_ref() == Some(&post.id)) {
                    all.push(seen(call, tx, post, people.as_deref())?);
                }
            }
            let groups = all.iter().map(|s| s.group.clone()).collect();
            let (total, page) = crate::door::web::listed(&GROUPS_TYPE, search, groups);
            Ok((total, page, all))
        })
        .await?;
    let shown = all
        .into_iter()
        .filter(|s| page.iter().any(|g| g["id"] == s.post.id.as_str()));
    let strangers = shown.filter(|_| told).flat_map(|s| s.strangers);
    users::accessed(call, strangers.collect()).await?;
    Ok(crate::door::web::told(&GROUPS_TYPE, search, total, &page))
}

/// Nobody makes a post through a directory: what powers a post has the city decides.
///
/// # Errors
/// 409 when there is such a post, which the directory should look for; else 403.
pub(crate) async fn create(call: &Call, group: &Json) -> Result<()> {
    let wanted = group["displayName"].as_str().unwrap_or_default().to_string();
    let there = call
        .cx
        .read("provisioning.group", |tx| {
            Ok(posts(call, tx)?.iter().any(|p| title(call, p) == wanted))
        })
        .await?;
    match there {
        true => Err(no(Error::taken(call.cx.t("provisioning-post-there", &[])))),
        false => Err(refuse("provisioning-posts-here", 403)),
    }
}

pub(crate) async fn replace(call: &Call, id: &str, group: &Json) -> Result<Kept> {
    change(call, id, |_| Ok(group.clone())).await
}

pub(crate) async fn patch(call: &Call, id: &str, operations: &[Operation]) -> Result<Kept> {
    change(call, id, |now| {
        scim::patch::apply(&GROUPS_TYPE, now, operations).map_err(no)
    })
    .await
}

fn ids(group: &Json) -> BTreeSet<String> {
    let list = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = list.iter().filter_map(|m| m["value"].as_str());
    ids.map(str::to_string).collect()
}

/// Who waits counts as a member here, so that a directory may take somebody out who is not in yet.
async fn change(call: &Call, id: &str, make: impl Fn(&Json) -> Result<Json> + Send + Sync) -> Result<Kept> {
    call.cx
        .tx("provisioning.change-group", |tx| {
            tx.lock(&format!("provisioning:{}", call.directory.client))?;
            let seen = find(call, tx, id)?;
            call.matches(&seen.version)?;
            let members = seen.held.keys().chain(seen.waiting.keys());
            let members: Vec<Json> = members.map(|id| json!({ "value": id, "type": "User" })).collect();
            let mut now = json!({ "displayName": title(call, &seen.post) });
            if !members.is_empty() {
                now["members"] = Json::Array(members);
            }
            if !seen.external_id.is_empty() {
                now["externalId"] = json!(seen.external_id);
            }
            let after = make(&now)?;
            if after["displayName"] != now["displayName"] {
                return Err(refuse("provisioning-title", 400));
            }
            let mut changed = vec![];
            let external_id = after["externalId"].as_str().unwrap_or_default();
            if external_id != seen.external_id {
                note(call, tx, id, external_id)?;
                changed.push("externalId".to_string());
            }
            let (before, wanted) = (ids(&now), ids(&after));
            for account in wanted.difference(&before) {
                add(call, tx, id, account)?;
            }
            for account in before.difference(&wanted) {
                remove(call, tx, &seen, account)?;
            }
            if before != wanted {
                changed.push("members".to_string());
            }
            let seen = find(call, tx, id)?;
            let waiting = wanted
                .difference(&before)
                .filter(|a| seen.waiting.contains_key(*a));
            Ok(Kept {
                waiting: waiting.cloned().collect(),
                seen,
                changed,
            })
        })
        .await
}

fn note(call: &Call, tx: &mut Tx<'_>, post: &str, external_id: &str) -> Result<()> {
    let client = &call.directory.client;
    if !external_id.is_empty() && store::by_external(tx, client, external_id)?.is_some() {
        return Err(refuse("provisioning-known", 409));
    }
    store::put(tx, client, post, external_id, call.cx.now())?;
    let fact = Fact::new("provisioning.group.kept", post)
        .payload(json!({ "client": client, "changed": ["externalId"] }))
        .touch(&crate::GROUP, store::id(client, post));
    call.cx.emit(tx, fact)?;
    Ok(())
}

fn reason(call: &Call, key: &str) -> String {
    let mut here = call.cx.clone();
    here.locale = Locale::Zh;
    here.t(key, &[])
}

fn add(call: &Call, tx: &mut Tx<'_>, post: &str, account: &str) -> Result<()> {
    let Some(user) = users::find(call, tx, account)? else {
        let detail = "members: one of them is no user of this directory";
        return Err(no(Error::bad(ScimType::InvalidValue, detail)));
    };
    let term = Term {
        post,
        reason: &reason(call, "provisioning-reason-member"),
        ..Term::default()
    };
    official::assign(&call.cx, tx, user.person.account, &term)?;
    Ok(())
}

fn remove(call: &Call, tx: &mut Tx<'_>, seen: &Seen, account: &str) -> Result<()> {
    for proposal in seen.waiting.get(account).into_iter().flatten() {
        official::withdraw(&call.cx, tx, proposal)?;
    }
    let why = reason(call, "provisioning-reason-no-member");
    for holding in seen.held.get(account).into_iter().flatten() {
        official::end(&call.cx, tx, holding, None, &why)?;
    }
    Ok(())
}
