//! What the floors above may ask of identity.

pub use crate::account::service::NewParty;
use crate::account::{service, store};
use crate::agency::store as powers;
pub use crate::organisation::Organisation;
use kernel::{Ctx, Fault, Result, Tx};

/// A person or firm in clear; reading somebody else's goes through `ctx.accessed`.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub code: String,
    pub phone: Option<String>,
    pub area_code: String,
}

impl Party {
    /// 演**  — the first character and stars.
    pub fn masked_name(&self) -> String {
        mask_name(&self.name)
    }
    /// First six and last four characters of the code.
    pub fn masked_code(&self) -> String {
        let n = self.code.chars().count();
        self.code
            .chars()
            .enumerate()
            .map(|(i, c)| if i < 6.min(n) || i + 4 >= n { c } else { '*' })
            .collect()
    }
}

/// Keeps the first character of a person's name.
pub fn mask_name(name: &str) -> String {
    let mut chars = name.chars();
    let first: String = chars.next().into_iter().collect();
    first + &"*".repeat(chars.count().min(3))
}

/// The party with this subject id.
pub fn party(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Party>> {
    let Some(s) = store::subject(tx, id)? else {
        return Ok(None);
    };
    let protect = ctx.protect();
    let open =
        |column: &str, sealed: &[u8]| protect.open(&format!("identity_subject.{column}:{}", s.id), sealed);
    Ok(Some(Party {
        name: open("name", &s.name)?,
        code: open("code", &s.code)?,
        phone: s.phone.as_deref().map(|p| open("phone", p)).transpose()?,
        id: s.id.clone(),
        kind: s.kind,
        area_code: s.area_code,
    }))
}

/// Finds the subject by code or makes it known; returns its id.
pub fn know(ctx: &Ctx, tx: &mut Tx<'_>, party: &NewParty<'_>) -> Result<String> {
    service::know(ctx, tx, party)
}

/// The subject known under this code, if any.
pub fn subject_of_code(ctx: &Ctx, tx: &mut Tx<'_>, code: &str) -> Result<Option<String>> {
    Ok(store::subject_by_index(tx, &ctx.protect().index("code", code))?)
}

pub fn organisation(tx: &mut Tx<'_>, id: &str) -> Result<Option<Organisation>, Fault> {
    crate::organisation::store::get(tx, id)
}

/// The organisation at this path of the tree.
pub fn organisation_at(tx: &mut Tx<'_>, path: &str) -> Result<Option<Organisation>, Fault> {
    crate::organisation::store::at(tx, path)
}

pub fn organisations(tx: &mut Tx<'_>) -> Result<Vec<Organisation>, Fault> {
    crate::organisation::store::all(tx)
}

/// (id, role as people read it) of every firm, child or dependant for whom the person may act today.
pub fn firms_of(ctx: &Ctx, tx: &mut Tx<'_>, person: &str) -> Result<Vec<(String, String)>, Fault> {
    let today = ctx.today().to_string();
    let mut out: Vec<(String, String)> = Vec::new();
    for p in powers::of_holder(tx, person)?.iter().filter(|p| p.runs(&today)) {
        if out.iter().all(|(id, _)| *id != p.principal) {
            out.push((
                p.principal.clone(),
                ctx.t(&format!("identity-role-{}", p.role), &[]),
            ));
        }
    }
    Ok(out)
}

/// Whether a person may today do this (`apply`, `read`, `receive`, `code`, `sign`) for somebody, whatever it is about.
pub fn may_for(ctx: &Ctx, tx: &mut Tx<'_>, person: &str, principal: &str, verb: &str) -> Result<bool, Fault> {
    let power = powers::in_force(tx, person, principal, &ctx.today().to_string())?;
    let mandate = power.map(|p| p.mandate(String::new()));
    Ok(crate::agency::model::lacks(mandate.as_ref(), verb, None).is_none())
}

/// Refuses when the actor acts for somebody and the power does not hold this verb; the refusal says who can give it.
pub fn covers(ctx: &Ctx, verb: &str) -> Result<(), kernel::Refusal> {
    let behalf = ctx.actor.on_behalf.is_some();
    match crate::agency::model::lacks(ctx.actor.mandate.as_ref(), verb, None).filter(|_| behalf) {
        Some(key) => Err(kernel::Refusal::new(key).status(403)),
        None => Ok(()),
    }
}

/// Whether a refusal says that a power does not reach so far: only who acts for the owner is told that.
pub fn beyond_scope(refusal: &kernel::Refusal) -> bool {
    refusal.key.starts_with("identity-scope-")
}

/// The legal representatives of a firm, the guardians of a child or dependant.
pub fn heads_of(ctx: &Ctx, tx: &mut Tx<'_>, principal: &str) -> Result<Vec<String>, Fault> {
    let today = ctx.today().to_string();
    let all = powers::of_principal(tx, principal, 1000)?;
    let heads = all
        .into_iter()
        .filter(|p| matches!(p.role.as_str(), "representative" | "guardian") && p.runs(&today));
    Ok(heads.map(|p| p.holder).collect())
}

/// Login names with kinds, for `yiwang account list`.
pub async fn list_accounts(ctx: &Ctx) -> Result<Vec<(String, String)>> {
    ctx.read("identity.list", |tx| {
        Ok(store::accounts(tx, "", 1000)?
            .into_iter()
            .map(|a| (a.login, a.kind))
            .collect())
    })
    .await
}

/// A bearer token for `/api/v1`.
pub async fn api_token(ctx: &Ctx, login: &str) -> Result<String> {
    service::api_token(ctx, login).await
}

/// Signs in as a browser would and returns the session cookie's value; stories use it through HTTP instead.
pub async fn open_account(
    ctx: &Ctx,
    login: &str,
    kind: &str,
    subject: &str,
    password: &str,
) -> Result<kernel::Uuid> {
    service::open_account(ctx, login, kind, subject, password).await
}

/// (id, title, organisation's name, its path) of every post, for `yiwang account posts`.
pub async fn posts(ctx: &Ctx) -> Result<Vec<[String; 4]>> {
    ctx.read("identity.posts", |tx| Ok(crate::organisation::store::posts(tx)?))
        .await
}

/// Opens an official's account at a post, from today on; returns the first password. For the operator: the messages are
/// those of the command line.
pub async fn open_official(ctx: &Ctx, login: &str, post: &str, name: &str, code: &str) -> Result<String> {
    let no = |text: String| kernel::Problem::from(Fault::new(text));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    if !(2..=40).contains(&login.len()) || !login.chars().all(plain) {
        return Err(no(format!(
            "`{login}`: a login has 2 to 40 small letters, digits, `-`, `.` or `_`"
        )));
    }
    if name.trim().is_empty() {
        return Err(no("the name is missing".into()));
    }
    codes::citizen_id(code).map_err(|e| no(format!("the citizen number: {e}")))?;
    let known = posts(ctx).await?;
    if !known.iter().any(|p| p[0] == post) {
        return Err(no(format!(
            "there is no post `{post}`; `yiwang account posts` lists them"
        )));
    }
    let subject = ctx
        .tx("identity.open-official", |tx| {
            let area = crate::organisation::store::area_of_post(tx, post)?;
            let person = NewParty {
                kind: "natural",
                name: name.trim(),
                code,
                phone: None,
                area_code: &area,
                synthetic: false,
            };
            know(ctx, tx, &person)
        })
        .await?;
    let password = crate::pack::readable(ctx);
    let account = match open_account(ctx, login, "official", &subject, &password).await {
        Err(kernel::Problem::Refusal(r)) if r.status == 409 => {
            return Err(no(format!("there is an account `{login}` already")));
        }
        opened => opened?,
    };
    appoint(ctx, post, account, &ctx.today().to_string()).await?;
    Ok(password)
}

/// Takes every second factor from an account whose owner has lost them, and ends its sessions; returns how many there were.
pub async fn forget_factors(ctx: &Ctx, login: &str) -> Result<usize> {
    crate::factor::service::forget(ctx, login).await
}

pub use crate::settings::configure;

/// What a migration left to be done by the program, at every start.
pub async fn settle(ctx: &Ctx) -> Result<()> {
    crate::agency::watch::take_over(ctx).await
}

/// How the person in front of the browser showed who they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub account: kernel::Uuid,
    pub subject: String,
    pub on_behalf: Option<String>,
    /// Names the browser session through all its renewals; no secret.
    pub session: String,
    /// UTC milliseconds.
    pub shown_at: i64,
    /// Names of RFC 8176.
    pub methods: Vec<String>,
    /// Real-name level, 1 to 4.
    pub level: u8,
}

/// See [`Shown`]; `None` when nobody has signed in by a browser.
pub fn shown(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Option<Shown>> {
    let (Some(account), Some(subject), Some(session)) =
        (ctx.actor.account, &ctx.actor.subject, &ctx.actor.session)
    else {
        return Ok(None);
    };
    let Some(s) = store::session(tx, session, "browser", ctx.now())? else {
        return Ok(None);
    };
    Ok(Some(Shown {
        account,
        subject: subject.clone(),
        on_behalf: s.acting_for.filter(|_| ctx.actor.on_behalf.is_some()),
        session: s.family,
        shown_at: s.shown_at,
        methods: s.methods.split(' ').map(String::from).collect(),
        level: level(ctx, tx, subject)?,
    }))
}

/// Makes one password hash as in production and forgets it; what its caller waits for is what a sign-in costs at least.
pub fn hash_cost() -> Result<(), Fault> {
    crate::account::hash_cost()
}

/// Whether an account may be used.
pub fn open(tx: &mut Tx<'_>, account: kernel::Uuid) -> Result<bool, Fault> {
    Ok(store::account(tx, account)?.is_some_and(|a| !a.retired))
}

/// The person behind an account.
pub fn subject_of(tx: &mut Tx<'_>, account: kernel::Uuid) -> Result<Option<String>, Fault> {
    Ok(store::account(tx, account)?.map(|a| a.subject))
}

/// The real-name level (实名等级) of a person today, 1 to 4.
pub fn level(ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<u8, Fault> {
    crate::assurance::store::level(tx, subject, &ctx.today().to_string())
}

/// Whether a person has shown that their phone number is theirs.
pub fn phone_confirmed(tx: &mut Tx<'_>, subject: &str) -> Result<bool, Fault> {
    crate::assurance::store::has(tx, subject, "phone")
}

pub use crate::account::onward::{Onward, Origin};
pub use crate::account::web::sign_out_to;

/// The life of an official, for whoever has the right to it: these do not ask whether their caller may. Each runs inside the
/// caller's transaction and emits its facts there.
pub mod official {
    pub use crate::official::assign::{approve, assign, end, refuse, withdraw};
    pub use crate::official::change::{Change, change};
    pub use crate::official::find::{Filter, Person, by_external, by_login, get, list, phone, posts};
    pub use crate::official::join::{Join, Joined, Secret, invite, join, rejoin};
    pub use crate::official::leave::{leave, resume, stay, suspend};
    pub use crate::official::model::{Holding, Post, Proposal, State, Term};
}

/// Counts what an official would leave unfinished, by actor id: (text, number).
pub type Left = fn(&Ctx, &mut Tx<'_>, &str) -> Result<Vec<(String, i64)>>;

/// What other crates know of it; a service, put by the binary.
pub struct Unfinished(pub Vec<Left>);

/// Gives an account a post from a legal day on, without a proposal: for the pack and the operator.
///
/// # Errors
/// `identity-official-excluded` (409) when the post's roles and those of the person exclude each other.
pub async fn appoint(ctx: &Ctx, post: &str, account: kernel::Uuid, from: &str) -> Result<()> {
    ctx.tx("identity.appoint", |tx| {
        if let Some(coming) = crate::official::held::post(tx, post)? {
            crate::official::assign::excluded(ctx, tx, account, &coming.roles)?;
        }
        let held = crate::organisation::store::hold(tx, post, account, from)?;
        let fact = kernel::Fact::new("identity.post.held", account).touch(&crate::HOLDING, held);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

/// Reads roles and policies from the database and the pack into memory; called after the pack was applied.
pub async fn load_policies(ctx: &Ctx, policies: &crate::Policies, pack: &kernel::pack::Pack) -> Result<()> {
    let texts: Vec<(String, String)> = pack
        .under("policies/")
        .map(String::from)
        .collect::<Vec<_>>()
        .into_iter()
        .map(|name| pack.text(&name).map(|t| (name, t)))
        .collect::<Result<_, _>>()?;
    let set = crate::Policies::parse(&texts)?;
    let roles = ctx
        .read("identity.roles", |tx| Ok(crate::organisation::store::roles(tx)?))
        .await?;
    policies.replace(set, roles);
    Ok(())
}

pub use crate::pack::{DemoAccount, demo_accounts, demo_password, open_demo};

/// Organisation and title of the post that an official with this actor id holds; `None` for people without a post.
pub fn post_title(ctx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<Option<String>, Fault> {
    let Some(account) = actor.strip_prefix("account:") else {
        return Ok(None);
    };
    let held = crate::organisation::store::first_post(tx, account, &ctx.today().to_string())?;
    Ok(held.map(|[title, title_en, short]| match ctx.locale {
        kernel::Locale::En if !title_en.is_empty() => title_en,
        _ => format!("{short} {title}"),
    }))
}

/// The organisation's name in the reader's language.
pub fn organisation_name(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<String, Fault> {
    Ok(organisation(tx, id)?.map_or_else(String::new, |o| {
        if ctx.locale == kernel::Locale::En && !o.name_en.is_empty() {
            o.name_en
        } else {
            o.name
        }
    }))
}

/// An official in office today, as colleagues see one.
#[derive(Clone, Debug, PartialEq)]
pub struct Official {
    /// Actor id, `account:<uuid>`.
    pub actor: String,
    pub subject: String,
    /// The person's name; officials are known by name in the office.
    pub name: String,
    /// Organisation and title of the first post.
    pub title: String,
    /// Organisation id, path and area of the first post.
    pub organisation: String,
    pub org_path: String,
    pub area_code: String,
    pub grants: Vec<kernel::ctx::Grant>,
}

/// Every official who holds a post today, in the order of the organisation tree.
pub fn officials(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Official>> {
    let accounts = crate::organisation::store::in_office(tx, &ctx.today().to_string())?;
    let mut out = Vec::new();
    for account in accounts {
        out.extend(official(ctx, tx, &format!("account:{account}"))?);
    }
    Ok(out)
}

/// The official with this actor id, when in office today.
pub fn official(ctx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<Option<Official>> {
    let Some(id) = actor
        .strip_prefix("account:")
        .and_then(|a| a.parse::<kernel::Uuid>().ok())
    else {
        return Ok(None);
    };
    let Some(account) = store::account(tx, id)?.filter(|a| a.kind == "official" && !a.retired) else {
        return Ok(None);
    };
    let grants = crate::account::grants_of(tx, id, &ctx.today().to_string())?;
    let Some(first) = grants.first().cloned() else {
        return Ok(None);
    };
    let name = party(ctx, tx, &account.subject)?.map_or(account.login, |p| p.name);
    Ok(Some(Official {
        title: post_title(ctx, tx, actor)?.unwrap_or_default(),
        actor: actor.to_string(),
        subject: account.subject,
        name,
        organisation: first.org,
        org_path: first.org_path,
        area_code: organisation(tx, &grants[0].org)?.map_or(first.area_code, |o| o.area_code),
        grants,
    }))
}
