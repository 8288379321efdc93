//! The verbs of reviews.

use super::model::{self, Head, Item, Review};
use super::store;
use crate::api;
use crate::official::{assign, held, model as officials};
use crate::{ANSWER, APPROVE, OFFICIALS, REVIEW};
use kernel::{Actor, ActorKind, Ctx, Fact, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// Job that closes campaigns whose due date has passed, and lets what nobody confirmed rest.
pub(crate) const DAILY: &str = "identity.reviews";
/// Rows that one fact covers.
const PAGE: usize = 100;

/// A campaign as somebody wishes it.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct Wish {
    pub title: String,
    /// Organisation id; empty for all.
    pub organisation: String,
    pub due: String,
    /// Account id; empty for the heads.
    pub reviewer: String,
    /// `1` when what nobody confirms rests after the due date.
    pub suspends: String,
}

/// Everybody who may review somewhere, by the posts that let them.
pub(crate) fn heads(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<(Head, String)>> {
    let authorise = ctx.app.ports.authorise.clone();
    let mut out = Vec::new();
    for o in api::officials(ctx, tx)? {
        let Some(account) = o.actor.strip_prefix("account:").and_then(|a| a.parse().ok()) else {
            continue;
        };
        let mut paths: Vec<&String> = Vec::new();
        for g in &o.grants {
            let alone = Actor {
                kind: ActorKind::Official,
                grants: vec![g.clone()],
                ..Actor::default()
            };
            if authorise.holds(&alone, ANSWER) && !paths.contains(&&g.org_path) {
                paths.push(&g.org_path);
            }
        }
        for path in paths {
            let head = Head {
                account,
                subject: o.subject.clone(),
                path: path.clone(),
            };
            out.push((head, format!("{} {}", o.title, o.name)));
        }
    }
    Ok(out)
}

/// Begins a campaign over every post that is held; returns its id.
///
/// # Errors
/// 422 with the field that is wrong; `identity-review-nothing` (409) when no post is held there.
pub(crate) async fn start(ctx: &Ctx, wish: &Wish) -> Result<String> {
    let due = model::due(&wish.due, ctx.today())?;
    let title = wish.title.trim();
    if !(1..=60).contains(&title.chars().count()) {
        let key = "identity-review-title-wrong";
        return Err(Refusal::new(key).field("title", key).into());
    }
    ctx.tx("identity.start-review", |tx| {
        let path = match wish.organisation.as_str() {
            "" => "/".to_string(),
            id => {
                let key = "identity-review-organisation";
                let o =
                    api::organisation(tx, id)?.ok_or_else(|| Refusal::new(key).field("organisation", key))?;
                ctx.may(
                    REVIEW,
                    &crate::official::service::place("Organisation", &o.id, &o.path, &o.area_code),
                )?;
                o.path
            }
        };
        let scope = ctx.scope(REVIEW);
        let heads: Vec<Head> = heads(ctx, tx)?.into_iter().map(|(h, _)| h).collect();
        let named = match wish.reviewer.as_str() {
            "" => None,
            id => {
                let key = "identity-review-reviewer-wrong";
                let found = heads.iter().find(|h| h.account.to_string() == id);
                Some(
                    found
                        .cloned()
                        .ok_or_else(|| Refusal::new(key).field("reviewer", key))?,
                )
            }
        };
        let review = Review {
            id: ctx.id().to_string(),
            title: title.into(),
            organisation: wish.organisation.clone(),
            due_on: due.clone(),
            reviewer: wish.reviewer.clone(),
            suspends: wish.suspends == "1",
            closed: false,
            started_by: ctx.actor.id.clone(),
            started_at: ctx.now(),
            closed_by: String::new(),
            closed_at: None,
        };
        store::insert(tx, &review)?;
        let mut items = Vec::new();
        for h in held::lasting(tx, &path, &ctx.today().to_string())? {
            let place = crate::official::service::place("Post", &h.post, &h.path, &h.area_code);
            if !scope.holds(&place) {
                continue;
            }
            let subject = api::subject_of(tx, h.account)?.unwrap_or_default();
            // The named person does not review what they hold themselves; then it is the head's.
            let own = |n: &&Head| n.account != h.account && n.subject != subject;
            let reviewer = named
                .as_ref()
                .filter(own)
                .or_else(|| model::reviewer(&heads, &h.path, h.account, &subject));
            let item = Item {
                id: ctx.id().to_string(),
                review: review.id.clone(),
                holding: h.id.clone(),
                account: h.account,
                post: h.post.clone(),
                path: h.path.clone(),
                reviewer: reviewer.map(|r| r.account.to_string()).unwrap_or_default(),
                answer: String::new(),
                reason: String::new(),
                answered_by: String::new(),
                answered_at: None,
            };
            store::insert_item(tx, &item)?;
            items.push(item.id);
        }
        if items.is_empty() {
            return Err(Refusal::new("identity-review-nothing").status(409).into());
        }
        let mut fact = Fact::new("identity.review.started", &review.id)
            .payload(json!({ "organisation": review.organisation, "due": due, "posts": items.len() }))
            .touch(&crate::REVIEW_TABLE, &review.id);
        for page in items.chunks(PAGE) {
            for id in page {
                fact = fact.touch(&crate::REVIEW_ITEM, id);
            }
            ctx.emit(tx, fact)?;
            fact = Fact::new("identity.review.started", &review.id);
        }
        Ok(review.id)
    })
    .await
}

/// A campaign that the actor may see: by the permission to see officials, or as one of its reviewers. The second value says whether
/// all of it.
pub(crate) fn seen(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<(Review, bool)> {
    let review = store::review(tx, id)?.ok_or_else(Refusal::not_found)?;
    if ctx.holds(OFFICIALS) {
        return Ok((review, true));
    }
    let me = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    let which = store::Which {
        reviewer: Some(&me),
        waiting: false,
    };
    match store::items(tx, id, which, Some((1, 0)))?.is_empty() {
        true => Err(Refusal::not_found().into()),
        false => Ok((review, false)),
    }
}

/// One that is open; a closed campaign stays as it is.
fn open(tx: &mut Tx<'_>, id: &str) -> Result<Review> {
    tx.lock(&format!("review:{id}"))?;
    let review = store::review(tx, id)?.ok_or_else(Refusal::not_found)?;
    match review.closed {
        true => Err(Refusal::new("identity-review-closed").status(409).into()),
        false => Ok(review),
    }
}

/// Whether the actor answers for this row: as its reviewer, or, when there is none, as whoever runs reviews; never for themself.
fn answers(ctx: &Ctx, tx: &mut Tx<'_>, item: &Item) -> Result<()> {
    let me = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    let subject = api::subject_of(tx, item.account)?;
    if me == item.account.to_string() || ctx.actor.subject == subject {
        return Err(Refusal::new("identity-review-own").status(403).into());
    }
    let mine = match item.reviewer.is_empty() {
        true => ctx.holds(REVIEW),
        false => item.reviewer == me && ctx.holds(ANSWER),
    };
    match mine {
        true => Ok(()),
        false => Err(Refusal::new("identity-review-other").status(403).into()),
    }
}

fn write(ctx: &Ctx, tx: &mut Tx<'_>, item: &Item, answer: &str, reason: &str) -> Result<()> {
    if !store::answer(tx, &item.id, answer, reason, &ctx.actor.id, ctx.now())? {
        return Err(Refusal::new("identity-review-answered").status(409).into());
    }
    let fact = Fact::new("identity.review.answered", &item.review)
        .payload(json!({ "item": item.id, "holding": item.holding, "answer": answer }));
    ctx.emit(tx, fact.touch(&crate::REVIEW_ITEM, &item.id))?;
    Ok(())
}

/// Whether the holding is still there to be reviewed; one that has ended is noted so.
fn lasts(ctx: &Ctx, tx: &mut Tx<'_>, item: &Item) -> Result<bool> {
    let today = ctx.today().to_string();
    let lasts = held::holding(tx, &item.holding)?.is_some_and(|h| h.lasts(&today));
    if !lasts {
        write(ctx, tx, item, model::LAPSED, "")?;
    }
    Ok(lasts)
}

/// Confirms rows of a campaign, or ends the holding of each with a reason; returns how many.
///
/// # Errors
/// `identity-review-closed`, `identity-review-answered` (409); `identity-review-own`, `identity-review-other` (403);
/// `identity-review-none`, `identity-official-reason` (422).
pub(crate) async fn answer(
    ctx: &Ctx,
    id: &str,
    items: &[String],
    confirm: bool,
    reason: &str,
) -> Result<usize> {
    if items.is_empty() {
        return Err(Refusal::new("identity-review-none").into());
    }
    if !confirm {
        officials::reason(reason)?;
    }
    ctx.tx("identity.answer-review", |tx| {
        open(tx, id)?;
        for item in items {
            let item = store::item(tx, item)?.filter(|i| i.review == id);
            let item = item.ok_or_else(Refusal::not_found)?;
            answers(ctx, tx, &item)?;
            if !item.answer.is_empty() {
                return Err(Refusal::new("identity-review-answered").status(409).into());
            }
            if !lasts(ctx, tx, &item)? {
                continue;
            }
            match confirm {
                true => write(ctx, tx, &item, model::CONFIRMED, "")?,
                false => {
                    assign::end(ctx, tx, &item.holding, None, reason)?;
                    write(ctx, tx, &item, model::ENDED, reason.trim())?;
                }
            }
        }
        Ok(items.len())
    })
    .await
}

/// Closes a campaign; what nobody answered is noted as missed, or rests when the campaign says so.
pub(crate) async fn close(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("identity.close-review", |tx| {
        let review = open(tx, id)?;
        shut(ctx, tx, &review, false)
    })
    .await
}

fn shut(ctx: &Ctx, tx: &mut Tx<'_>, review: &Review, due: bool) -> Result<()> {
    let waiting = store::Which {
        reviewer: None,
        waiting: true,
    };
    for item in store::items(tx, &review.id, waiting, None)? {
        if !lasts(ctx, tx, &item)? {
            continue;
        }
        if !(due && review.suspends) {
            write(ctx, tx, &item, model::MISSED, "")?;
            continue;
        }
        let reason = ctx.t("identity-review-overdue-reason", &[]);
        if store::pause(tx, &item.holding, &reason, ctx.now())? {
            let fact = Fact::new("identity.post.paused", item.account)
                .payload(json!({ "holding": item.holding, "post": item.post }))
                .touch(&crate::PAUSE, &item.holding);
            ctx.emit(tx, fact)?;
        }
        write(ctx, tx, &item, model::PAUSED, &reason)?;
    }
    if !store::close(tx, &review.id, &ctx.actor.id, ctx.now())? {
        return Err(Refusal::new("identity-review-closed").status(409).into());
    }
    let fact = Fact::new("identity.review.closed", &review.id).touch(&crate::REVIEW_TABLE, &review.id);
    ctx.emit(tx, fact)?;
    Ok(())
}

/// The daily job: campaigns that let things rest are closed when their due date has passed; others stay open as overdue.
pub(crate) async fn daily(ctx: Ctx) -> Result<()> {
    let over = ctx
        .read("identity.reviews-over", |tx| {
            Ok(store::over(tx, &ctx.today().to_string())?)
        })
        .await?;
    for review in over {
        ctx.tx("identity.close-review", |tx| {
            tx.lock(&format!("review:{}", review.id))?;
            match store::review(tx, &review.id)?.filter(|r| !r.closed) {
                Some(review) => shut(&ctx, tx, &review, true),
                None => Ok(()),
            }
        })
        .await?;
    }
    Ok(())
}

/// Lets a holding that rests grant its rights again: for whoever approves posts, and never for themself.
pub(crate) async fn unpause(ctx: &Ctx, account: Uuid, holding: &str) -> Result<()> {
    ctx.tx("identity.resume-post", |tx| {
        let person = crate::official::service::seen(ctx, tx, account, APPROVE)?;
        if ctx.actor.account == Some(account) || ctx.actor.subject.as_ref() == Some(&person.subject) {
            return Err(Refusal::new("identity-official-own").status(403).into());
        }
        let h = person.holdings.iter().find(|h| h.id == holding);
        let h = h.ok_or_else(Refusal::not_found)?;
        if !store::unpause(tx, holding)? {
            return Err(Refusal::new("identity-review-not-paused").status(409).into());
        }
        let fact = Fact::new("identity.post.resumed", account)
            .payload(json!({ "holding": h.id, "post": h.post }))
            .gone(&crate::PAUSE, holding);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}
