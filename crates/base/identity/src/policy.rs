//! Cedar decides a verb on one row; the same grants compile to a [`Scope`] for lists. A property test holds the two
//! against each other.
//!
//! The policies come from the pack (`policies/*.cedar`). They see `context.granted` (some role of the actor grants the
//! permission), `context.in_org` and `context.in_area` (of such a role), `context.owns`, and `context.scope` (of whom the actor acts for the row
//! is not, or the power reaches to it).

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression,
};
use kernel::ctx::{Authorise, Term};
use kernel::{Actor, ActorKind, Fault, Refusal, Resource, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::RwLock;

/// Roles whose holders may read everywhere, whatever their organisation.
const EVERYWHERE: &[&str] = &["auditor", "administrator"];

/// The compiled policies and who may what.
#[derive(Default)]
pub struct Policies {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    set: PolicySet,
    /// role → permissions
    roles: BTreeMap<String, BTreeSet<String>>,
}

impl Policies {
    /// Parses policy texts: (file name, text). The error names the file.
    pub fn parse(texts: &[(String, String)]) -> Result<PolicySet, Fault> {
        let mut all = String::new();
        for (name, text) in texts {
            PolicySet::from_str(text).map_err(|e| Fault::new(format!("{name}: {e}")))?;
            all.push_str(text);
            all.push('\n');
        }
        PolicySet::from_str(&all).map_err(|e| Fault::of("policies", e))
    }

    pub(crate) fn replace(&self, set: PolicySet, roles: Vec<(String, Vec<String>)>) {
        let mut state = self.state.write().unwrap_or_else(|p| p.into_inner());
        state.set = set;
        state.roles = roles
            .into_iter()
            .map(|(r, p)| (r, p.into_iter().collect()))
            .collect();
    }

    fn grants(state: &State, role: &str, permission: &str) -> bool {
        state.roles.get(role).is_some_and(|p| p.contains(permission))
    }

    /// Permissions that no role grants; the test over all modules asserts there are none.
    pub fn ungranted<'a>(&self, permissions: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let state = self.state.read().unwrap_or_else(|p| p.into_inner());
        permissions
            .filter(|p| !state.roles.values().any(|r| r.contains(*p)))
            .collect()
    }
}

/// The roles every citizen has without a post.
fn citizen_roles(actor: &Actor) -> &'static [&'static str] {
    match actor.kind {
        ActorKind::Citizen if actor.on_behalf.is_some() => &["citizen", "agent"],
        ActorKind::Citizen => &["citizen"],
        _ => &[],
    }
}

fn quoted(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
        .collect()
}

impl Authorise for Policies {
    fn may(&self, actor: &Actor, permission: &str, resource: &Resource) -> Result<(), Refusal> {
        if actor.kind == ActorKind::System {
            return Ok(());
        }
        let state = self.state.read().unwrap_or_else(|p| p.into_inner());
        let granting: Vec<_> = actor
            .grants
            .iter()
            .filter(|g| Self::grants(&state, &g.role, permission))
            .collect();
        let by_citizen = citizen_roles(actor)
            .iter()
            .any(|r| Self::grants(&state, r, permission));
        let everywhere = granting.iter().any(|g| EVERYWHERE.contains(&g.role.as_str()));
        let within = granting.iter().any(|g| {
            resource.org_paths.iter().any(|p| p.starts_with(&g.org_path))
                && resource.area_code.starts_with(&g.area_code)
        });
        let first = resource.owners.first();
        let behalf = first.is_some() && actor.on_behalf.as_ref() == first && actor.subject.as_ref() != first;
        let owns = match actor.is_official() {
            true => actor
                .subject
                .iter()
                .chain(&actor.on_behalf)
                .any(|s| resource.owners.contains(s)),
            false => behalf || (first.is_some() && actor.subject.as_ref() == first),
        };
        let lacks = match behalf {
            true => crate::agency::model::lacks(
                actor.mandate.as_ref(),
                crate::agency::model::verb(permission),
                Some(resource),
            ),
            false => None,
        };
        let principal = if actor.is_official() {
            "Official"
        } else {
            "Citizen"
        };
        let make = || -> Result<Request, String> {
            let uid = |text: String| EntityUid::from_str(&text).map_err(|e| e.to_string());
            let flag = |b: bool| RestrictedExpression::new_bool(b);
            let context = Context::from_pairs([
                ("granted".to_string(), flag(!granting.is_empty() || by_citizen)),
                ("within".to_string(), flag(within)),
                ("in_org".to_string(), flag(within)),
                ("in_area".to_string(), flag(within)),
                ("everywhere".to_string(), flag(everywhere)),
                ("owns".to_string(), flag(owns)),
                ("scope".to_string(), flag(lacks.is_none())),
                (
                    "state".to_string(),
                    RestrictedExpression::new_string(resource.state.clone()),
                ),
            ])
            .map_err(|e| e.to_string())?;
            Request::new(
                uid(format!("{principal}::\"{}\"", quoted(&actor.id)))?,
                uid(format!("Action::\"{}\"", quoted(permission)))?,
                uid(format!("{}::\"{}\"", resource.kind, quoted(&resource.id)))?,
                context,
                None,
            )
            .map_err(|e| e.to_string())
        };
        let request = make().map_err(|e| {
            tracing::error!("authorisation request: {e}");
            Refusal::forbidden()
        })?;
        let answer = Authorizer::new().is_authorized(&request, &state.set, &Entities::empty());
        if answer.decision() == Decision::Allow {
            return Ok(());
        }
        let why = if let Some(lacks) = &lacks {
            lacks.as_str()
        } else if owns && actor.is_official() {
            "identity-own-case"
        } else if granting.is_empty() && !by_citizen {
            "identity-no-role"
        } else {
            "identity-elsewhere"
        };
        Err(Refusal::new(why).status(403).arg("permission", permission))
    }

    fn holds(&self, actor: &Actor, permission: &str) -> bool {
        let state = self.state.read().unwrap_or_else(|p| p.into_inner());
        actor.kind == ActorKind::System
            || actor
                .grants
                .iter()
                .any(|g| Self::grants(&state, &g.role, permission))
            || citizen_roles(actor)
                .iter()
                .any(|r| Self::grants(&state, r, permission))
    }

    fn scope(&self, actor: &Actor, permission: &str) -> Scope {
        if actor.kind == ActorKind::System {
            return Scope::All;
        }
        let state = self.state.read().unwrap_or_else(|p| p.into_inner());
        let mut terms = Vec::new();
        for g in actor
            .grants
            .iter()
            .filter(|g| Self::grants(&state, &g.role, permission))
        {
            if EVERYWHERE.contains(&g.role.as_str()) {
                return Scope::All;
            }
            terms.push(Term::Within {
                org_path: g.org_path.clone(),
                area_code: g.area_code.clone(),
            });
        }
        if citizen_roles(actor)
            .iter()
            .any(|r| Self::grants(&state, r, permission))
        {
            let verb = crate::agency::model::verb(permission);
            if let Some(whom) = &actor.on_behalf
                && crate::agency::model::lacks(actor.mandate.as_ref(), verb, None).is_none()
            {
                terms.push(match actor.mandate.as_ref().and_then(|m| m.about.clone()) {
                    Some(about) => Term::OwnerAbout {
                        owner: whom.clone(),
                        about,
                    },
                    None => Term::Owner(whom.clone()),
                });
            }
            terms.extend(actor.subject.iter().map(|s| Term::Owner(s.clone())));
        }
        Scope::Any(terms)
    }
}
