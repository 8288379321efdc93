//! Organisations, posts, roles, policies and demonstration accounts, as the city pack brings them.

use crate::account::service::NewParty;
use crate::official::{held, model};
use crate::organisation::{Organisation, division, store as organisations};
use crate::{account, api};
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Fact, Fault, Result, Table, Tx, setting};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganisationFile {
    #[serde(default)]
    organisation: Vec<OrganisationRow>,
    #[serde(default)]
    pub post: Vec<PostRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganisationRow {
    id: String,
    name: String,
    short: Option<String>,
    #[serde(default)]
    name_en: String,
    kind: String,
    parent: Option<String>,
    area: String,
    #[serde(rename = "plan_name")]
    _plan_name: Option<String>,
    credit_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostRow {
    pub id: String,
    pub org: String,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    pub roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleFile {
    pub role: Vec<RoleRow>,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRow {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub permissions: Vec<String>,
    /// Roles that nobody may hold together with this one.
    #[serde(default)]
    pub excludes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoFile {
    account: Vec<DemoAccount>,
}

/// One synthetic account of `demo.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoAccount {
    pub login: String,
    pub name: String,
    /// `person`, `agent` or `official`.
    pub kind: String,
    pub post: Option<String>,
    pub citizen_id: String,
    pub phone: Option<String>,
    pub area: String,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    pub firm: Option<DemoFirm>,
}

/// The firm a demonstration agent acts for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoFirm {
    pub name: String,
    pub credit_code: String,
    pub role: String,
}

pub(crate) const ORGANISATIONS: &str = "organisations.toml";
pub(crate) const ROLES: &str = "roles.toml";
const DEMO: &str = "demo.toml";

/// The demonstration accounts of the pack; none when it brings no `demo.toml`.
pub fn demo_accounts(pack: &Pack) -> Result<Vec<DemoAccount>, PackError> {
    if pack.file(DEMO).is_none() {
        return Ok(Vec::new());
    }
    Ok(pack.toml::<DemoFile>(DEMO)?.account)
}

/// Parents before children, each with its path from the root; an unknown parent or a circle is an error.
fn tree(pack: &Pack, rows: Vec<OrganisationRow>) -> Result<Vec<Organisation>, PackError> {
    let mut left = rows;
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let mut out = Vec::new();
    while !left.is_empty() {
        let before = left.len();
        let mut later = Vec::new();
        for row in left {
            let parent = match &row.parent {
                None => Some("/".to_string()),
                Some(p) => paths.get(p).cloned(),
            };
            let Some(parent) = parent else {
                later.push(row);
                continue;
            };
            let path = format!("{parent}{}/", row.id);
            if paths.insert(row.id.clone(), path.clone()).is_some() {
                return Err(wrong(
                    pack,
                    ORGANISATIONS,
                    &row.id,
                    "this organisation stands twice",
                ));
            }
            out.push(Organisation {
                short: row.short.unwrap_or_else(|| row.name.clone()),
                id: row.id,
                name: row.name,
                name_en: row.name_en,
                kind: row.kind,
                parent: row.parent,
                path,
                area_code: row.area,
                credit_code: row.credit_code,
            });
        }
        if later.len() == before {
            let id = later[0].id.clone();
            return Err(wrong(
                pack,
                ORGANISATIONS,
                &id,
                "its parent is not in the pack, or the tree has a circle",
            ));
        }
        left = later;
    }
    Ok(out)
}

/// An error at the line of `id = "…"`.
fn wrong(pack: &Pack, file: &str, id: &str, message: &str) -> PackError {
    let line = pack
        .text(file)
        .ok()
        .and_then(|t| t.lines().position(|l| l.contains(&format!("\"{id}\""))))
        .map_or(0, |n| n + 1);
    pack.wrong(file, line, format!("{id}: {message}"))
}

/// The section's loader: organisations, posts and roles.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        let file: OrganisationFile = pack.toml(ORGANISATIONS)?;
        let roles: RoleFile = pack.toml(ROLES)?;
        let all = tree(&pack, file.organisation)?;
        division::load(&ctx, &pack).await?;
        // Each page with its own fact, so that no fact outgrows the log.
        for page in all.chunks(PAGE) {
            ctx.tx("identity.load", |tx| {
                for o in page {
                    organisations::put(tx, o)?;
                }
                covered(&ctx, tx, &crate::ORGANISATION, page.iter().map(|o| o.id.as_str()))
            })
            .await?;
        }
        for page in file.post.chunks(PAGE) {
            ctx.tx("identity.load", |tx| {
                for p in page {
                    organisations::put_post(tx, &p.id, &p.org, (&p.title, &p.title_en), &p.roles)?;
                }
                covered(&ctx, tx, &crate::POST, page.iter().map(|p| p.id.as_str()))
            })
            .await?;
        }
        ctx.tx("identity.load", |tx| {
            let mut pairs = BTreeSet::new();
            for r in &roles.role {
                for other in &r.excludes {
                    pairs.insert(held::put_exclusion(tx, &r.id, other)?);
                }
            }
            covered(&ctx, tx, &crate::EXCLUSION, pairs.iter().map(String::as_str))
        })
        .await?;
        ctx.tx("identity.load", |tx| {
            for r in &roles.role {
                organisations::put_role(tx, &r.id, (&r.title, &r.title_en), &r.permissions)?;
            }
            covered(&ctx, tx, &crate::ROLE, roles.role.iter().map(|r| r.id.as_str()))
        })
        .await
    })
}

/// Rows of one transaction and one fact.
const PAGE: usize = 100;

fn covered<'i>(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    table: &'static Table,
    ids: impl Iterator<Item = &'i str>,
) -> Result<()> {
    let fact = Fact::new("identity.structure.loaded", table.name);
    ctx.emit(tx, ids.fold(fact, |f, id| f.touch(table, id)))?;
    Ok(())
}

/// Everything wrong in the section's files.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let mut bad: Vec<PackError> = Vec::new();
    let roles: Vec<RoleRow> = match pack.toml::<RoleFile>(ROLES) {
        Ok(f) => f.role,
        Err(e) => return vec![e.to_string()],
    };
    let known: BTreeSet<&str> = roles.iter().map(|r| r.id.as_str()).collect();
    let mut pairs = Vec::new();
    for r in &roles {
        for other in &r.excludes {
            if !known.contains(other.as_str()) || *other == r.id {
                let message = format!("excludes {other}, which is no other role");
                bad.push(wrong(pack, ROLES, &r.id, &message));
            }
            pairs.push((r.id.clone(), other.clone()));
        }
    }
    let mut posts = BTreeSet::new();
    let mut post_roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    match pack.toml::<OrganisationFile>(ORGANISATIONS) {
        Err(e) => bad.push(e),
        Ok(file) => match tree(pack, file.organisation) {
            Err(e) => bad.push(e),
            Ok(all) => {
                let ids: BTreeSet<&str> = all.iter().map(|o| o.id.as_str()).collect();
                for p in &file.post {
                    posts.insert(p.id.clone());
                    post_roles.insert(p.id.clone(), p.roles.clone());
                    if let Some((a, b)) = model::conflict(&[], &p.roles, &pairs) {
                        let message = format!("roles {a} and {b} exclude each other");
                        bad.push(wrong(pack, ORGANISATIONS, &p.id, &message));
                    }
                    if !ids.contains(p.org.as_str()) {
                        bad.push(wrong(
                            pack,
                            ORGANISATIONS,
                            &p.id,
                            &format!("organisation {} is unknown", p.org),
                        ));
                    }
                    for r in p.roles.iter().filter(|r| !known.contains(r.as_str())) {
                        bad.push(wrong(pack, ORGANISATIONS, &p.id, &format!("role {r} is unknown")));
                    }
                }
            }
        },
    }
    match demo_accounts(pack) {
        Err(e) => bad.push(e),
        Ok(accounts) => {
            // One person may have several accounts; what counts is the citizen number.
            let mut people: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for a in accounts {
                let coming = a.post.as_ref().and_then(|p| post_roles.get(p));
                if let Some(coming) = coming {
                    let own = people.entry(a.citizen_id.clone()).or_default();
                    if let Some((x, y)) = model::conflict(own, coming, &pairs) {
                        let message = format!("one person would hold {x} and {y}, which exclude each other");
                        bad.push(wrong(pack, DEMO, &a.login, &message));
                    }
                    own.extend(coming.iter().cloned());
                }
                if let Err(e) = codes::citizen_id(&a.citizen_id) {
                    bad.push(wrong(pack, DEMO, &a.login, &format!("citizen_id: {e}")));
                }
                if let Some(f) = &a.firm
                    && let Err(e) = codes::credit_code(&f.credit_code)
                {
                    bad.push(wrong(pack, DEMO, &a.login, &format!("credit_code: {e}")));
                }
                if let Some(p) = &a.post
                    && !posts.contains(p)
                {
                    bad.push(wrong(pack, DEMO, &a.login, &format!("post {p} is unknown")));
                }
            }
        }
    }
    let texts: Vec<(String, String)> = pack
        .under("policies/")
        .filter_map(|n| pack.text(n).ok().map(|t| (n.to_string(), t)))
        .collect();
    let policies = crate::Policies::parse(&texts).err().map(|e| e.to_string());
    bad.into_iter()
        .map(|e| e.to_string())
        .chain(policies)
        .chain(division::check(pack))
        .collect()
}

/// A random password of sixty bits that can be read aloud: `abcd-efgh-jkmn`.
pub(crate) fn readable(ctx: &Ctx) -> String {
    // Letters and digits that nobody mistakes for one another.
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    ctx.random::<12>()
        .iter()
        .enumerate()
        .flat_map(|(n, byte)| {
            let letter = char::from(ALPHABET[usize::from(byte % 32)]);
            (n > 0 && n % 4 == 0).then_some('-').into_iter().chain([letter])
        })
        .collect()
}

/// The one password of all demonstration accounts: random, made at the first start, kept sealed.
pub async fn demo_password(ctx: &Ctx) -> Result<String> {
    const PLACE: &str = "kernel_setting.demo-password";
    let fresh = readable(ctx);
    let sealed = hex::encode(ctx.protect().seal(PLACE, &fresh)?);
    let stored: Option<String> = ctx
        .tx("identity.demo-password", |tx| {
            // Two nodes may start at once; the first one's password stays.
            setting::put_new(tx, "demo-password", &sealed)?;
            Ok(setting::get(tx, "demo-password")?)
        })
        .await?;
    let sealed = hex::decode(stored.unwrap_or_default()).map_err(|e| Fault::of(PLACE, e))?;
    Ok(ctx.protect().open(PLACE, &sealed)?)
}

/// Opens the pack's demonstration accounts that are not open yet.
pub async fn open_demo(ctx: &Ctx, pack: &Pack) -> Result<Vec<DemoAccount>> {
    let accounts = demo_accounts(pack)?;
    let password = demo_password(ctx).await?;
    for a in &accounts {
        let known = ctx
            .read("identity.demo", |tx| {
                Ok(account::store::account_by_login(tx, &a.login)?)
            })
            .await?;
        if known.is_some() {
            continue;
        }
        let today = "2020-01-01";
        let subject = ctx
            .tx("identity.demo-person", |tx| {
                let person = NewParty {
                    kind: "natural",
                    name: &a.name,
                    code: &a.citizen_id,
                    phone: a.phone.as_deref(),
                    area_code: &a.area,
                    synthetic: true,
                };
                let subject = api::know(ctx, tx, &person)?;
                if let Some(f) = &a.firm {
                    let firm = NewParty {
                        kind: "legal",
                        name: &f.name,
                        code: &f.credit_code,
                        phone: None,
                        area_code: &a.area,
                        synthetic: true,
                    };
                    let firm = api::know(ctx, tx, &firm)?;
                    crate::agency::service::from_pack(ctx, tx, &firm, &subject, &f.role, today)?;
                }
                Ok(subject)
            })
            .await?;
        let kind = if a.kind == "official" {
            "official"
        } else {
            "person"
        };
        let id = api::open_account(ctx, &a.login, kind, &subject, &password).await?;
        if let Some(post) = &a.post {
            api::appoint(ctx, post, id, today).await?;
        }
    }
    Ok(accounts)
}
