//! Matters of the city pack: read, checked with file and line, stories played on the pure engines, published.

use super::model::{Parts, Sheet};
use super::service;
use cases::Matter;
use form::Checks;
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Problem};
use process::{Command, Environment, State};
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stories {
    story: Vec<Story>,
}

/// One way through the process with its end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    name: String,
    #[serde(rename = "name_en", default)]
    _name_en: String,
    form: serde_json::Map<String, Json>,
    steps: Vec<Step>,
    ends: String,
    visits: Vec<String>,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(rename = "do")]
    verb: String,
    task: Option<String>,
    outcome: Option<String>,
}

pub(crate) fn read(pack: &Pack, folder: &str) -> Result<Parts, PackError> {
    let file = |name: &str| format!("matters/{folder}/{name}");
    let sheet: Sheet = pack.toml(&file("matter.toml"))?;
    if sheet.id != folder {
        return Err(pack.wrong(
            &file("matter.toml"),
            1,
            format!("id {} differs from the folder's name", sheet.id),
        ));
    }
    Ok(Parts {
        sheet,
        form: pack.text(&file("form.json"))?,
        process: pack.text(&file("process.bpmn"))?,
        decision: pack.text(&file("decision.dmn"))?,
        // That it is there and passes is the check's business.
        stories: pack.text(&file("stories.toml")).unwrap_or_default(),
    })
}

/// The section's loader: publishes each matter as version 1.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        for folder in pack.folders("matters/") {
            let parts = read(&pack, &folder)?;
            service::publish(&ctx, &parts, 1).await?;
        }
        Ok(())
    })
}

/// Everything wrong with the pack's matters.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let mut bad = Vec::new();
    let organisations = pack.text("organisations.toml").unwrap_or_default();
    for folder in pack.folders("matters/") {
        let path = |name: &str| format!("matters/{folder}/{name}");
        let parts = match read(pack, &folder) {
            Ok(p) => p,
            Err(e) => {
                bad.push(e.to_string());
                continue;
            }
        };
        for org in std::iter::once(&parts.sheet.organisation).chain(&parts.sheet.joint) {
            if !organisations.contains(&format!("id = \"{org}\"")) {
                bad.push(
                    pack.wrong(&path("matter.toml"), 0, format!("organisation {org} is unknown"))
                        .to_string(),
                );
            }
        }
        bad.extend(
            references(pack, &parts)
                .into_iter()
                .map(|(file, m)| pack.wrong(&path(file), 0, m).to_string()),
        );
        if let Some(c) = &parts.sheet.result.certificate
            && pack.file(&format!("certificates/{c}/certificate.toml")).is_none()
        {
            bad.push(
                pack.wrong(&path("matter.toml"), 0, format!("certificate {c} is unknown"))
                    .to_string(),
            );
        }
        match parts.build(1, false) {
            Err(wrongs) => {
                bad.extend(
                    wrongs
                        .into_iter()
                        .map(|(file, line, m)| pack.wrong(&path(file), line, m).to_string()),
                );
            }
            Ok(matter) => match pack.toml::<Stories>(&path("stories.toml")) {
                Err(e) => bad.push(e.to_string()),
                Ok(stories) => {
                    if stories.story.is_empty() {
                        bad.push(
                            pack.wrong(&path("stories.toml"), 1, "a matter needs at least one story")
                                .to_string(),
                        );
                    }
                    for s in &stories.story {
                        if let Err(m) = play(&matter, s) {
                            let line = pack
                                .text(&path("stories.toml"))
                                .ok()
                                .and_then(|t| t.lines().position(|l| l.contains(&s.name)));
                            let line = line.map_or(0, |n| n + 1);
                            bad.push(
                                pack.wrong(&path("stories.toml"), line, format!("{}: {m}", s.name))
                                    .to_string(),
                            );
                        }
                    }
                }
            },
        }
    }
    bad
}

/// Names in a matter that nothing in the pack answers to: (file, message). Found here, they cannot become a fault in the
/// middle of a case.
fn references(pack: &Pack, parts: &Parts) -> Vec<(&'static str, String)> {
    let text = |name: &str| pack.text(name).unwrap_or_default();
    let (organisations, roles, elements) = (
        text("organisations.toml"),
        text("roles.toml"),
        text("elements.toml"),
    );
    let known = |all: &str, id: &str| all.lines().any(|l| l.replace(' ', "") == format!("id=\"{id}\""));
    let mut bad = Vec::new();
    if let Ok(d) = process::Definition::parse(&parts.process) {
        for n in d.nodes.values() {
            for (key, all) in [("role", &roles), ("org", &organisations)] {
                let id = n.hint(key);
                if !id.is_empty() && !known(all, id) {
                    bad.push(("process.bpmn", format!("{}: yw:{key} {id} is unknown", n.id)));
                }
            }
            if let process::NodeKind::Service(effect) = &n.kind {
                let fine = match effect.split_once(':') {
                    Some(("issue", c)) => pack.file(&format!("certificates/{c}/certificate.toml")).is_some(),
                    Some(("notify", _)) => true,
                    _ => false,
                };
                if !fine {
                    bad.push((
                        "process.bpmn",
                        format!("{}: yw:effect `{effect}` is not known", n.id),
                    ));
                }
            }
        }
        for f in d.flows.values() {
            if let Some(Err(e)) = f.condition.as_deref().map(decision::feel::parse) {
                bad.push(("process.bpmn", format!("flow {}: {e}", f.id)));
            }
        }
    }
    if let Ok(f) = form::Form::parse(&parts.form) {
        for e in f
            .fields
            .iter()
            .filter_map(|f| f.element.as_deref())
            .filter(|e| !known(&elements, e))
        {
            bad.push(("form.json", format!("x-element {e} is unknown")));
        }
    }
    bad
}

fn play(matter: &Matter, story: &Story) -> Result<(), String> {
    let holds = |c: &str, v: &Json| matter.holds(c, v);
    let wrongs = matter.form.validate(
        &story.form,
        &Checks {
            format: &|_, _| Ok(()),
            holds: &holds,
        },
    );
    if let Some(w) = wrongs.first() {
        return Err(format!("the form is refused: {w:?}"));
    }
    let mut state = State::default();
    let run =
        |state: &mut State, c: Command| state.step(&matter.process, c, matter).map_err(|e| e.to_string());
    run(
        &mut state,
        Command::Start {
            variables: Json::Object(story.form.clone()),
            at: 0,
        },
    )?;
    for (n, s) in story.steps.iter().enumerate() {
        let task = match s.verb.as_str() {
            "accept" => "accept".to_string(),
            "complete" => s
                .task
                .clone()
                .ok_or_else(|| format!("step {}: task is missing", n + 1))?,
            other => return Err(format!("step {}: `{other}` is no step", n + 1)),
        };
        let work = state
            .open()
            .find(|w| w.node == task)
            .map(|w| w.id)
            .ok_or_else(|| format!("step {}: {task} is not open", n + 1))?;
        let outcome = s.outcome.clone().unwrap_or_else(|| "done".into());
        run(
            &mut state,
            Command::Complete {
                work,
                outcome,
                by: "story".into(),
                at: n as i64,
            },
        )?;
    }
    match &state.ended {
        Some(end) if *end == story.ends => {}
        other => return Err(format!("it ends at {other:?}, not at {}", story.ends)),
    }
    if state.visited != story.visits {
        return Err(format!("it takes the way {:?}", state.visited));
    }
    Ok(())
}

/// The pack's problem in a refusal an operator can read.
pub(crate) fn problem(wrongs: Vec<super::model::Wrong>) -> Problem {
    let text: Vec<String> = wrongs
        .into_iter()
        .map(|(f, l, m)| format!("{f}:{l}: {m}"))
        .collect();
    kernel::Fault::new(text.join("\n")).into()
}
