//! Which officials a directory sees, and as what.

use super::model;
use super::store::{self, Note};
use crate::door::web::{Call, instant, version};
use identity::api::official::{self, Person, State};
use kernel::ctx::Scope;
use kernel::{Result, Tx, Uuid};
use scim::message::Search;
use scim::resources::USERS;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Officials of one list at most.
const MOST: u32 = 20_000;

/// An official whom the directory sees.
pub(crate) struct Seen {
    pub person: Person,
    pub note: Option<Note>,
    /// Canonical, with `id` and `meta`.
    pub user: Json,
    pub version: String,
}

impl Seen {
    /// The subject of somebody whom the directory does not keep.
    pub(crate) fn stranger(&self) -> Option<String> {
        self.note.is_none().then(|| self.person.subject.clone())
    }
    /// Whether no other organisation has a post for the official: only then the whole account is the directory's to change.
    pub(crate) fn whole(&self, call: &Call) -> bool {
        let today = call.cx.today().to_string();
        let mut lasting = self.person.holdings.iter().filter(|h| h.lasts(&today));
        lasting.all(|h| h.path.starts_with(&call.path))
    }
}

/// Whether an official is one of the directory's people: in office, not brought by another directory in force, with a post in its
/// organisation, or brought by it and without any post yet.
fn belongs(call: &Call, person: &Person, note: Option<&Note>) -> bool {
    let client = &call.directory.client;
    let other = |of: &String| call.others.contains(of);
    if person.state == State::Left || other(&person.source) || note.is_some_and(|n| other(&n.client)) {
        return false;
    }
    let today = call.cx.today().to_string();
    let mut lasting = person.holdings.iter().filter(|h| h.lasts(&today)).peekable();
    let brought = person.source == *client || note.is_some_and(|n| n.client == *client);
    match lasting.peek() {
        None => brought,
        Some(_) => lasting.any(|h| h.path.starts_with(&call.path)),
    }
}

fn place(account: Uuid) -> String {
    format!("provisioning_user.document:{account}")
}

/// Seals what is noted.
pub(crate) fn seal(call: &Call, account: Uuid, noted: &Json) -> Result<Vec<u8>> {
    Ok(call.cx.protect().seal(&place(account), &noted.to_string())?)
}

/// An official as the directory sees one; nothing for somebody else's.
pub(crate) fn seen(call: &Call, tx: &mut Tx<'_>, person: Person) -> Result<Option<Seen>> {
    let note = store::get(tx, person.account)?;
    if !belongs(call, &person, note.as_ref()) {
        return Ok(None);
    }
    // What a directory of before noted is not the next one's to read.
    let note = note.filter(|n| n.client == call.directory.client);
    let noted: Json = match &note {
        Some(n) => serde_json::from_str(&call.cx.protect().open(&place(n.account), &n.document)?)?,
        None => json!({ "userName": person.login }),
    };
    let today = call.cx.today().to_string();
    let held: Vec<&official::Holding> = person
        .holdings
        .iter()
        .filter(|h| h.lasts(&today) && h.path.starts_with(&call.path))
        .collect();
    let external_id = note.as_ref().map(|n| n.external_id.clone()).unwrap_or_default();
    let record = model::Record {
        login: &person.login,
        name: &person.name,
        external_id: &external_id,
        active: person.state != State::Suspended,
        posts: held.iter().map(|h| (h.post.as_str(), h.title.as_str())).collect(),
    };
    let user = model::user(&noted, &record, &call.base);
    let ids: Vec<&str> = held.iter().map(|h| h.id.as_str()).collect();
    let own = note.as_ref().map_or(0, |n| n.version);
    let tag = version(&json!([
        person.account.to_string(),
        person.version,
        own,
        person.state.name(),
        ids
    ]));
    let changed = note.as_ref().map_or(0, |n| n.changed_at).max(person.changed_at);
    let user = scim::document::finish(
        &USERS,
        &user,
        &person.account.to_string(),
        &call.base,
        &instant(person.created_at),
        &instant(changed),
        &tag,
    );
    Ok(Some(Seen {
        person,
        note,
        user,
        version: tag,
    }))
}

/// The official with this id.
pub(crate) fn find(call: &Call, tx: &mut Tx<'_>, id: &str) -> Result<Option<Seen>> {
    let Ok(account) = id.parse::<Uuid>() else {
        return Ok(None);
    };
    match official::get(&call.cx, tx, account)? {
        Some(person) => seen(call, tx, person),
        None => Ok(None),
    }
}

/// Officials who may match: when the filter demands a login, an id or an id of the directory, only those; else all.
fn candidates(call: &Call, tx: &mut Tx<'_>, search: &Search) -> Result<Vec<Person>> {
    let filter = search.filter.as_ref();
    let demanded = |name: &str| filter.and_then(|f| f.demands(name));
    let accounts: Vec<Uuid> = if let Some(id) = demanded("id") {
        id.parse().into_iter().collect()
    } else if let Some(login) = demanded("userName") {
        official::by_login(tx, login)?.into_iter().collect()
    } else if let Some(external_id) = demanded("externalId") {
        store::by_external(tx, &call.directory.client, external_id)?
    } else {
        return everybody(call, tx, &call.directory.organisation, true);
    };
    let mut out = vec![];
    for account in accounts {
        out.extend(official::get(&call.cx, tx, account)?);
    }
    Ok(out)
}

/// Officials in office with a post of an organisation or below, and, when asked for, those whom the directory brought.
pub(crate) fn everybody(
    call: &Call,
    tx: &mut Tx<'_>,
    organisation: &str,
    brought: bool,
) -> Result<Vec<Person>> {
    let mut all: BTreeMap<Uuid, Person> = BTreeMap::new();
    for state in State::ALL.into_iter().filter(|s| *s != State::Left) {
        let within = official::Filter {
            organisation: organisation.into(),
            state: Some(state),
            ..official::Filter::default()
        };
        let own = official::Filter {
            source: call.directory.client.clone(),
            state: Some(state),
            ..official::Filter::default()
        };
        for filter in std::iter::once(within).chain(brought.then_some(own)) {
            let (found, _) = official::list(&call.cx, tx, &Scope::All, &filter, 0, MOST)?;
            all.extend(found.into_iter().map(|p| (p.account, p)));
        }
    }
    Ok(all.into_values().collect())
}

/// Writes down that a directory read people whom it does not keep, by their subjects. What it keeps it told us itself.
pub(crate) async fn accessed(call: &Call, mut subjects: Vec<String>) -> Result<()> {
    subjects.sort();
    subjects.dedup();
    if subjects.is_empty() {
        return Ok(());
    }
    call.cx
        .tx("provisioning.accessed", |tx| {
            call.cx.accessed(tx, &subjects, &["name"], "provisioning")
        })
        .await
}

/// What a list or search answers.
pub(crate) async fn list(call: &Call, search: &Search) -> Result<Json> {
    let (total, page, all) = call
        .cx
        .read("provisioning.users", |tx| {
            let mut all = vec![];
            for person in candidates(call, tx, search)? {
                all.extend(seen(call, tx, person)?);
            }
            let users = all.iter().map(|s| s.user.clone()).collect();
            let (total, page) = crate::door::web::listed(&USERS, search, users);
            Ok((total, page, all))
        })
        .await?;
    let told = all
        .iter()
        .filter(|s| page.iter().any(|u| u["id"] == s.user["id"]));
    accessed(call, told.filter_map(Seen::stranger).collect()).await?;
    Ok(crate::door::web::told(&USERS, search, total, &page))
}
