//! SQL of requests, consents, sign-ins and tokens.

use super::model::{Grant, Kind, Pending, Token, words};
use kernel::{Fault, Row, Tx, Uuid, params};
use oidc::authorize::{Pushed, Request};
use oidc::decide::Progress;

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|e| Fault::of("stored request", e))
}

fn text<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|e| Fault::of("request", e))
}

pub(crate) fn insert_pushed(tx: &mut Tx<'_>, digest: &str, p: &Pushed) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_pushed(digest, pushed, expires_at) VALUES ($1, $2, $3)",
        params![digest, text(p)?, p.expires_at],
    )?;
    Ok(())
}

/// Takes a pushed request out; it serves once.
pub(crate) fn take_pushed(tx: &mut Tx<'_>, digest: &str) -> Result<Option<Pushed>, Fault> {
    let found: Option<String> = tx.scalar(
        "SELECT pushed FROM openid_pushed WHERE digest = $1",
        params![digest],
    )?;
    let Some(found) = found else { return Ok(None) };
    let taken = tx.execute("DELETE FROM openid_pushed WHERE digest = $1", params![digest])? == 1;
    match taken {
        true => json(&found).map(Some),
        false => Ok(None),
    }
}

pub(crate) fn insert_pending(
    tx: &mut Tx<'_>,
    digest: &str,
    browser: &str,
    request: &Request,
    now: i64,
    expires_at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_pending(digest, browser, client, request, progress, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            digest,
            browser,
            request.client_id.as_str(),
            text(request)?,
            text(&Progress::default())?,
            now,
            expires_at
        ],
    )?;
    Ok(())
}

/// A request that waits for this very browser.
pub(crate) fn pending(
    tx: &mut Tx<'_>,
    digest: &str,
    browser: &str,
    now: i64,
) -> Result<Option<Pending>, Fault> {
    tx.one(
        "SELECT client, request, progress, created_at FROM openid_pending WHERE digest = $1 AND browser = $2 AND expires_at > $3",
        params![digest, browser, now],
    )?
    .map(|r| {
        Ok(Pending {
            client: r.get("client")?,
            request: json(&r.get::<String>("request")?)?,
            progress: json(&r.get::<String>("progress")?)?,
            created_at: r.get("created_at")?,
        })
    })
    .transpose()
}

/// The address to which a waiting request will answer.
pub(crate) fn answers_to(tx: &mut Tx<'_>, digest: &str) -> Result<Option<String>, Fault> {
    let request: Option<String> = tx.scalar(
        "SELECT request FROM openid_pending WHERE digest = $1",
        params![digest],
    )?;
    Ok(request
        .map(|r| json::<Request>(&r))
        .transpose()?
        .map(|r| r.redirect_uri))
}

pub(crate) fn set_progress(tx: &mut Tx<'_>, digest: &str, progress: Progress) -> Result<(), Fault> {
    tx.execute(
        "UPDATE openid_pending SET progress = $2 WHERE digest = $1",
        params![digest, text(&progress)?],
    )?;
    Ok(())
}

/// False when it had ended.
pub(crate) fn end_pending(tx: &mut Tx<'_>, digest: &str) -> Result<bool, Fault> {
    Ok(tx.execute("DELETE FROM openid_pending WHERE digest = $1", params![digest])? == 1)
}

/// What an account let a system know.
pub(crate) fn consent(tx: &mut Tx<'_>, account: Uuid, client: &str) -> Result<Vec<String>, Fault> {
    let sql = "SELECT scopes FROM openid_consent WHERE account = $1 AND client = $2";
    let scopes: Option<String> = tx.scalar(sql, params![account, client])?;
    Ok(words(&scopes.unwrap_or_default()))
}

pub(crate) fn put_consent(
    tx: &mut Tx<'_>,
    account: Uuid,
    client: &str,
    scopes: &[String],
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_consent(account, client, scopes, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account, client) DO UPDATE SET scopes = $3, at = $4",
        params![account, client, scopes.join(" "), now],
    )?;
    Ok(())
}

pub(crate) fn remove_consent(tx: &mut Tx<'_>, account: Uuid, client: &str) -> Result<bool, Fault> {
    let sql = "DELETE FROM openid_consent WHERE account = $1 AND client = $2";
    Ok(tx.execute(sql, params![account, client])? == 1)
}

/// (client, its name, who runs it, scopes, when, last sign-in) of everything an account consented to.
pub(crate) fn consents(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT c.client, k.name, k.operator, c.scopes, c.at, \
         (SELECT MAX(g.created_at) FROM openid_grant g WHERE g.account = c.account AND g.client = c.client) AS last \
         FROM openid_consent c JOIN openid_client k ON k.id = c.client WHERE c.account = $1 ORDER BY c.at DESC LIMIT 200",
        params![account],
    )
}

pub(crate) fn insert_grant(tx: &mut Tx<'_>, g: &Grant) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_grant(id, client, account, subject, on_behalf, session, sub, request, scopes, shown_at, methods, acr, \
         level, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            g.id.as_str(),
            g.client.as_str(),
            g.account,
            g.subject.as_str(),
            g.on_behalf.as_deref(),
            g.session.as_str(),
            g.sub.as_str(),
            text(&g.request)?,
            g.scopes.join(" "),
            g.shown_at,
            g.methods.join(" "),
            g.acr.as_deref(),
            g.level,
            g.created_at
        ],
    )?;
    Ok(())
}

const GRANT: &str = "id, client, account, subject, on_behalf, session, sub, request, scopes, shown_at, methods, acr, level, \
                     created_at, ended_at";

fn grant_of(r: &Row) -> Result<Grant, Fault> {
    Ok(Grant {
        id: r.get("id")?,
        client: r.get("client")?,
        account: r.get("account")?,
        subject: r.get("subject")?,
        on_behalf: r.get("on_behalf")?,
        session: r.get("session")?,
        sub: r.get("sub")?,
        request: json(&r.get::<String>("request")?)?,
        scopes: words(&r.get::<String>("scopes")?),
        shown_at: r.get("shown_at")?,
        methods: words(&r.get::<String>("methods")?),
        acr: r.get("acr")?,
        level: r.get("level")?,
        created_at: r.get("created_at")?,
        ended: r.get::<Option<i64>>("ended_at")?.is_some(),
    })
}

pub(crate) fn grant(tx: &mut Tx<'_>, id: &str) -> Result<Option<Grant>, Fault> {
    let sql = format!("SELECT {GRANT} FROM openid_grant WHERE id = $1");
    tx.one(&sql, params![id])?.map(|r| grant_of(&r)).transpose()
}

/// Sign-ins that came of a browser session and have not ended.
pub(crate) fn of_session(tx: &mut Tx<'_>, session: &str) -> Result<Vec<Grant>, Fault> {
    let sql = format!(
        "SELECT {GRANT} FROM openid_grant WHERE session = $1 AND ended_at IS NULL ORDER BY id LIMIT 500"
    );
    tx.query(&sql, params![session])?.iter().map(grant_of).collect()
}

/// Sign-ins of an account to a system that have not ended.
pub(crate) fn of_account(tx: &mut Tx<'_>, account: Uuid, client: &str) -> Result<Vec<Grant>, Fault> {
    let sql = format!(
        "SELECT {GRANT} FROM openid_grant WHERE account = $1 AND client = $2 AND ended_at IS NULL ORDER BY id LIMIT 500"
    );
    tx.query(&sql, params![account, client])?
        .iter()
        .map(grant_of)
        .collect()
}

/// Sign-ins of an account to whatever system that have not ended.
pub(crate) fn of_account_anywhere(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Grant>, Fault> {
    let sql = format!(
        "SELECT {GRANT} FROM openid_grant WHERE account = $1 AND ended_at IS NULL ORDER BY id LIMIT 200"
    );
    tx.query(&sql, params![account])?.iter().map(grant_of).collect()
}

/// Ends a sign-in; its tokens are void. False when it had ended.
pub(crate) fn end_grant(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    tx.execute(
        "DELETE FROM openid_token WHERE granted = $1 AND kind <> 'code'",
        params![id],
    )?;
    let sql = "UPDATE openid_grant SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.execute(sql, params![id, now])? == 1)
}

/// Takes every code and token of a system away.
pub(crate) fn remove_of_client(tx: &mut Tx<'_>, client: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM openid_token WHERE client = $1", params![client])?;
    Ok(())
}

pub(crate) fn insert_token(tx: &mut Tx<'_>, t: &Token) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_token(digest, kind, client, granted, scopes, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            t.digest.as_str(),
            t.kind.name(),
            t.client.as_str(),
            t.grant.as_deref(),
            t.scopes.join(" "),
            t.issued_at,
            t.expires_at
        ],
    )?;
    Ok(())
}

pub(crate) fn token(tx: &mut Tx<'_>, digest: &str) -> Result<Option<Token>, Fault> {
    tx.one(
        "SELECT digest, kind, client, granted, scopes, issued_at, expires_at, used_at FROM openid_token WHERE digest = $1",
        params![digest],
    )?
    .map(|r| {
        let kind: String = r.get("kind")?;
        Ok(Token {
            digest: r.get("digest")?,
            kind: Kind::of(&kind).ok_or_else(|| Fault::new(format!("token of kind {kind}")))?,
            client: r.get("client")?,
            grant: r.get("granted")?,
            scopes: words(&r.get::<String>("scopes")?),
            issued_at: r.get("issued_at")?,
            expires_at: r.get("expires_at")?,
            used: r.get::<Option<i64>>("used_at")?.is_some(),
        })
    })
    .transpose()
}

/// Uses up a code or refresh token; false when somebody was first.
pub(crate) fn use_token(tx: &mut Tx<'_>, digest: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE openid_token SET used_at = $2 WHERE digest = $1 AND used_at IS NULL";
    Ok(tx.execute(sql, params![digest, now])? == 1)
}

pub(crate) fn remove_token(tx: &mut Tx<'_>, digest: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM openid_token WHERE digest = $1", params![digest])?;
    Ok(())
}

/// Remembers an assertion; false when it was seen before.
pub(crate) fn insert_assertion(
    tx: &mut Tx<'_>,
    client: &str,
    jti: &str,
    expires_at: i64,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO openid_assertion(client, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT (client, jti) DO NOTHING";
    Ok(tx.execute(sql, params![client, jti, expires_at])? == 1)
}

/// Forgets what has expired: tokens, waiting and pushed requests, assertions (`now` in milliseconds).
pub(crate) fn sweep(tx: &mut Tx<'_>, now: i64) -> Result<(), Fault> {
    for (table, now) in [
        ("openid_token", now),
        ("openid_pending", now),
        ("openid_pushed", now.div_euclid(1000)),
        ("openid_assertion", now.div_euclid(1000)),
    ] {
        tx.execute(
            &format!("DELETE FROM {table} WHERE expires_at < $1"),
            params![now],
        )?;
    }
    Ok(())
}
