//! Whom a fact about a case concerns, for notices (see comms).

use crate::case::model::Case;
use crate::case::store;
use comms::api::{Audience, Directory, Person, Told};
use kernel::{Ctx, Recorded, Result, Tx};
use std::collections::BTreeMap;

/// Facts of cases, and of certificates that a case ordered.
pub struct CaseAudience;

impl Audience for CaseAudience {
    fn about(
        &self,
        ctx: &Ctx,
        tx: &mut Tx<'_>,
        fact: &Recorded,
        wanted: &[String],
        directory: &dyn Directory,
    ) -> Result<Option<Told>> {
        let id = if fact.kind.starts_with("cases.") {
            fact.subject.as_str()
        } else if fact.kind.starts_with("documents.certificate.") {
            match fact.payload["case"].as_str() {
                Some(case) => case,
                None => return Ok(None),
            }
        } else {
            return Ok(None);
        };
        // A discarded draft is gone, and so is everybody's interest in it.
        let Some(case) = store::load(ctx, tx, id)? else {
            return Ok(None);
        };
        let mut told = Told {
            reference: case.id.clone(),
            link: format!("/cases/{}", case.id),
            work_link: format!("/work/cases/{}", case.id),
            args: args(ctx, tx, &case)?,
            people: BTreeMap::new(),
        };
        for audience in wanted {
            let people = match audience.as_str() {
                "applicant" => std::iter::once(case.applicant.clone())
                    .chain(identity::api::heads_of(ctx, tx, &case.applicant)?)
                    .map(|s| citizen(&s))
                    .collect(),
                "agent" => case.agent.iter().map(|a| citizen(a)).collect(),
                "assignee" => assignees(ctx, tx, &case, directory)?,
                other => match other.strip_prefix("role:") {
                    Some(role) => directory
                        .holders(ctx, tx, role, &case.org_path, &case.area_code)?
                        .into_iter()
                        .map(official)
                        .collect(),
                    None => Vec::new(),
                },
            };
            told.people.insert(audience.clone(), people);
        }
        Ok(Some(told))
    }
}

fn citizen(subject: &str) -> Person {
    Person {
        subject: subject.to_string(),
        official: false,
    }
}

fn official(subject: String) -> Person {
    Person {
        subject,
        official: true,
    }
}

/// Those whose turn it is: the person an open item was given to, else everybody who holds its role.
fn assignees(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, directory: &dyn Directory) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for w in store::works(ctx, tx, &case.id)?
        .into_iter()
        .filter(|w| w.status == "open")
    {
        match &w.assignee {
            Some(account) => {
                let actor = match account.starts_with("account:") {
                    true => account.clone(),
                    false => format!("account:{account}"),
                };
                people.extend(directory.subject_of(tx, &actor)?.map(official));
            }
            None => {
                let all = directory.holders(ctx, tx, &w.role, &w.org_path, &case.area_code)?;
                people.extend(all.into_iter().map(official));
            }
        }
    }
    Ok(people)
}

/// What the texts may say: nothing that the form holds.
fn args(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<BTreeMap<String, String>> {
    let matter = crate::case::runtime::matter_of(ctx, case)?;
    let answer_by = crate::case::store::answer_by(tx, &case.id)?;
    let mut args = BTreeMap::from([
        ("number".to_string(), case.number.clone().unwrap_or_default()),
        ("matter".to_string(), matter.title.clone()),
        ("matter_en".to_string(), matter.title_en.clone()),
    ]);
    // By whom and for whom, as ids: the page of a message gives the names to its reader.
    args.insert("whom".into(), case.applicant.clone());
    args.extend(case.agent.clone().map(|by| ("by_whom".to_string(), by)));
    for (name, value) in [("due", case.due_on.clone()), ("by", answer_by)] {
        args.insert(name.into(), value.unwrap_or_default());
    }
    Ok(args)
}
