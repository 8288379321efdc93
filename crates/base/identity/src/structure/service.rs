//! The verbs of the tree.

use super::model::{self, BEGINNING, Node, Version};
use super::store;
use crate::official::{held, model as officials, service::place};
use crate::organisation::{Organisation, store as organisations};
use crate::{OFFICIALS, STRUCTURE};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

/// Roles that come without a post.
const NOT_FOR_POSTS: [&str; 2] = ["citizen", "agent"];

/// What the page of an organisation asks for.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Wish {
    /// `rename`, `move`, `retire`, `child`, `post` or `retire-post`.
    pub act: String,
    /// Of what is new, or of the post that is retired.
    pub id: String,
    pub name: String,
    pub name_en: String,
    pub short: String,
    pub kind: String,
    pub parent: String,
    pub area: String,
    pub credit_code: String,
    pub roles: Vec<String>,
    pub on: String,
    pub reason: String,
}

fn wrong(key: &str, field: &str) -> Refusal {
    Refusal::new(key).field(field, key)
}

/// An organisation that the actor may change.
fn own(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Organisation> {
    let o = organisations::get(tx, id)?.ok_or_else(Refusal::not_found)?;
    let here = place("Organisation", &o.id, &o.path, &o.area_code);
    if !ctx.scope(OFFICIALS).holds(&here) {
        return Err(Refusal::not_found().into());
    }
    ctx.may(STRUCTURE, &here)?;
    if store::retired(tx, id)? {
        return Err(Refusal::new("identity-structure-retired").status(409).into());
    }
    Ok(o)
}

/// Writes down how something stands from a day on, and before its first change how it stood till then.
fn note(ctx: &Ctx, tx: &mut Tx<'_>, before: Option<&Version>, after: Version, fact: Fact) -> Result<()> {
    let mut fact = fact;
    if let Some(before) = before {
        store::insert(tx, before)?;
        fact = fact.touch(&crate::VERSION, &before.id);
    }
    store::insert(tx, &after)?;
    let fact = fact
        .payload(json!({ "change": after.change, "on": after.from_on }))
        .touch(&crate::VERSION, &after.id);
    ctx.emit(tx, fact)?;
    Ok(())
}

/// The versions of one so far as a change needs them: the day of the last one, and the one to be written first.
fn before(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &'static str,
    now: (&str, &str, &str, Option<String>),
) -> Result<(String, Option<Version>)> {
    let (subject, name, name_en, parent) = now;
    if let Some(last) = store::versions(tx, kind, subject)?.last() {
        return Ok((last.from_on.clone(), None));
    }
    let first = Version {
        id: ctx.id().to_string(),
        kind,
        subject: subject.into(),
        from_on: BEGINNING.into(),
        name: name.into(),
        name_en: name_en.into(),
        parent,
        retired: false,
        change: "loaded".into(),
        reason: String::new(),
        actor: String::new(),
        at: ctx.now(),
    };
    Ok((BEGINNING.into(), Some(first)))
}

fn after(
    ctx: &Ctx,
    kind: &'static str,
    subject: &str,
    change: &str,
    from_on: String,
    reason: &str,
) -> Version {
    Version {
        id: ctx.id().to_string(),
        kind,
        subject: subject.into(),
        from_on,
        name: String::new(),
        name_en: String::new(),
        parent: None,
        retired: change == "retired",
        change: change.into(),
        reason: reason.into(),
        actor: ctx.actor.id.clone(),
        // A version written first in the same transaction is older.
        at: ctx.now() + 1,
    }
}

/// Carries out what the page of an organisation asks for.
///
/// # Errors
/// 422 with the field that is wrong; 409 with what to do first when something retired is still in use; 403, 404.
pub(crate) async fn act(ctx: &Ctx, id: &str, wish: &Wish) -> Result<()> {
    let reason = officials::reason(&wish.reason)?;
    ctx.tx("identity.structure", |tx| {
        tx.lock("identity-structure")?;
        let o = own(ctx, tx, id)?;
        match wish.act.as_str() {
            "rename" => rename(ctx, tx, o, wish, &reason),
            "move" => move_to(ctx, tx, o, wish, &reason),
            "retire" => retire(ctx, tx, &o, wish, &reason),
            "child" => found(ctx, tx, &o, wish, &reason),
            "post" => found_post(ctx, tx, &o, wish, &reason),
            "retire-post" => retire_post(ctx, tx, &o, wish, &reason),
            _ => Err(Refusal::not_found().into()),
        }
    })
    .await
}

fn changed(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    old: &Organisation,
    new: &Organisation,
    change: &str,
    wish: &Wish,
    reason: &str,
) -> Result<()> {
    let now = (
        old.id.as_str(),
        old.name.as_str(),
        old.name_en.as_str(),
        old.parent.clone(),
    );
    let (last, first) = before(ctx, tx, "organisation", now)?;
    let day = model::day(&wish.on, ctx.today(), &last)?;
    let version = Version {
        name: new.name.clone(),
        name_en: new.name_en.clone(),
        parent: new.parent.clone(),
        ..after(ctx, "organisation", &new.id, change, day, reason)
    };
    match change {
        "retired" => store::retire(tx, &new.id, ctx.now())?,
        _ => store::save(tx, new)?,
    }
    let fact = Fact::new("identity.organisation.changed", &new.id).touch(&crate::ORGANISATION, &new.id);
    note(ctx, tx, first.as_ref(), version, fact)
}

fn rename(ctx: &Ctx, tx: &mut Tx<'_>, o: Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let name = model::name(&wish.name, true, "name")?;
    let short = model::name(&wish.short, false, "short")?;
    let new = Organisation {
        short: if short.is_empty() { name.clone() } else { short },
        name_en: model::name(&wish.name_en, false, "name_en")?,
        name,
        ..o.clone()
    };
    changed(ctx, tx, &o, &new, "renamed", wish, reason)
}

fn move_to(ctx: &Ctx, tx: &mut Tx<'_>, o: Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let key = "identity-structure-parent";
    if o.parent.is_none() || o.parent.as_deref() == Some(&wish.parent) {
        return Err(wrong(key, "parent").into());
    }
    let target = organisations::get(tx, &wish.parent)?.ok_or_else(|| wrong(key, "parent"))?;
    ctx.may(
        STRUCTURE,
        &place("Organisation", &target.id, &target.path, &target.area_code),
    )?;
    let parents = store::everything(tx)?
        .into_iter()
        .map(|(n, ..)| (n.id, n.parent))
        .collect();
    if store::retired(tx, &target.id)? || model::below(&parents, &target.id, &o.id) {
        return Err(wrong(key, "parent").into());
    }
    let new = Organisation {
        parent: Some(target.id),
        ..o.clone()
    };
    changed(ctx, tx, &o, &new, "moved", wish, reason)
}

fn retire(ctx: &Ctx, tx: &mut Tx<'_>, o: &Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let posts = store::posts(tx, &o.id, &ctx.today().to_string())?;
    let children = store::children(tx, &o.id)?;
    let open = posts.iter().filter(|p| !p.retired).count();
    let held: i64 = posts.iter().map(|p| p.held).sum();
    if o.parent.is_none() || children > 0 || open > 0 || held > 0 {
        return Err(Refusal::new("identity-structure-in-use")
            .status(409)
            .arg("children", children)
            .arg("posts", open)
            .arg("people", held)
            .into());
    }
    changed(ctx, tx, o, o, "retired", wish, reason)
}

fn found(ctx: &Ctx, tx: &mut Tx<'_>, parent: &Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let id = model::id(&wish.id)?;
    if organisations::get(tx, &id)?.is_some() {
        return Err(wrong("identity-structure-id-taken", "id").status(409).into());
    }
    let name = model::name(&wish.name, true, "name")?;
    let short = model::name(&wish.short, false, "short")?;
    let code = wish.credit_code.trim().to_uppercase();
    if !code.is_empty() && codes::credit_code(&code).is_err() {
        return Err(wrong("identity-firm-code", "credit_code").into());
    }
    let area = match wish.area.trim() {
        "" => parent.area_code.clone(),
        area => area.to_string(),
    };
    let digits = area.bytes().all(|b| b.is_ascii_digit()) && (2..=12).contains(&area.len());
    if !digits || !area.starts_with(&crate::account::area_prefix(&parent.area_code)) {
        return Err(wrong("identity-structure-area", "area").into());
    }
    let kind = model::id(&wish.kind).map_err(|_| wrong("identity-structure-kind", "kind"))?;
    let day = model::day(&wish.on, ctx.today(), BEGINNING)?;
    let new = Organisation {
        short: if short.is_empty() { name.clone() } else { short },
        name_en: model::name(&wish.name_en, false, "name_en")?,
        kind,
        parent: Some(parent.id.clone()),
        path: format!("{}{id}/", parent.path),
        area_code: area,
        credit_code: Some(code).filter(|c| !c.is_empty()),
        name,
        id,
    };
    organisations::put(tx, &new)?;
    let version = Version {
        name: new.name.clone(),
        name_en: new.name_en.clone(),
        parent: new.parent.clone(),
        ..after(ctx, "organisation", &new.id, "created", day, reason)
    };
    let fact = Fact::new("identity.organisation.changed", &new.id).touch(&crate::ORGANISATION, &new.id);
    note(ctx, tx, None, version, fact)
}

fn found_post(ctx: &Ctx, tx: &mut Tx<'_>, o: &Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let id = model::id(&wish.id)?;
    if held::post(tx, &id)?.is_some() {
        return Err(wrong("identity-structure-id-taken", "id").status(409).into());
    }
    let title = model::name(&wish.name, true, "name")?;
    let title_en = model::name(&wish.name_en, false, "name_en")?;
    let known = store::roles(tx)?;
    let good = |r: &String| known.iter().any(|(k, ..)| k == r) && !NOT_FOR_POSTS.contains(&r.as_str());
    if wish.roles.is_empty() || !wish.roles.iter().all(good) {
        return Err(wrong("identity-structure-roles", "roles").into());
    }
    let pairs = held::exclusions(tx)?;
    if officials::conflict(&[], &wish.roles, &pairs).is_some() {
        return Err(wrong("identity-structure-excluded", "roles").status(409).into());
    }
    let day = model::day(&wish.on, ctx.today(), BEGINNING)?;
    organisations::put_post(tx, &id, &o.id, (&title, &title_en), &wish.roles)?;
    let version = Version {
        name: title,
        name_en: title_en,
        parent: Some(o.id.clone()),
        ..after(ctx, "post", &id, "created", day, reason)
    };
    let fact = Fact::new("identity.organisation.changed", &o.id).touch(&crate::POST, &id);
    note(ctx, tx, None, version, fact)
}

fn retire_post(ctx: &Ctx, tx: &mut Tx<'_>, o: &Organisation, wish: &Wish, reason: &str) -> Result<()> {
    let posts = store::posts(tx, &o.id, &ctx.today().to_string())?;
    let post = posts.iter().find(|p| p.id == wish.id && !p.retired);
    let post = post.ok_or_else(Refusal::not_found)?;
    if post.held > 0 || post.proposed > 0 {
        return Err(Refusal::new("identity-structure-post-in-use")
            .status(409)
            .arg("people", post.held)
            .arg("proposals", post.proposed)
            .into());
    }
    let now = (
        post.id.as_str(),
        post.title.as_str(),
        post.title_en.as_str(),
        Some(o.id.clone()),
    );
    let (last, first) = before(ctx, tx, "post", now)?;
    let day = model::day(&wish.on, ctx.today(), &last)?;
    let version = Version {
        name: post.title.clone(),
        name_en: post.title_en.clone(),
        parent: Some(o.id.clone()),
        ..after(ctx, "post", &post.id, "retired", day, reason)
    };
    store::retire_post(tx, &post.id, ctx.now())?;
    let fact = Fact::new("identity.organisation.changed", &o.id).touch(&crate::POST, &post.id);
    note(ctx, tx, first.as_ref(), version, fact)
}

/// The organisations on a day that the actor may see.
pub(crate) fn tree(ctx: &Ctx, tx: &mut Tx<'_>, day: &str) -> Result<Vec<Node>> {
    let scope = ctx.scope(OFFICIALS);
    let mut now = Vec::new();
    for (node, retired, path, area) in store::everything(tx)? {
        if scope.holds(&place("Organisation", &node.id, &path, &area)) {
            now.push((node, retired));
        }
    }
    Ok(model::on(day, now, &store::all_versions(tx)?))
}
