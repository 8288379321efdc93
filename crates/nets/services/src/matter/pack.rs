//! Matters of the city pack: read, checked with file and line, stories played on the pure engines, published.

use super::model::{Parts, Sheet, line_of};
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
    /// Ids of the materials that these answers call for, when the story says it.
    needs: Option<Vec<String>>,
    /// What the decision tables say on the way, output by output; those that the story does not name may be anything.
    #[serde(default)]
    decides: serde_json::Map<String, Json>,
}
/// `accept`; `complete` a task with an outcome; `wait` until a timer of the model fires; `message` that an event waits
/// for; `raise` an error at a task; `correct`: the clerk asks for a correction and the applicant answers; `send-back`
/// from a task to an earlier one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(rename = "do")]
    verb: String,
    /// The task, timer or message that is meant.
    task: Option<String>,
    outcome: Option<String>,
    to: Option<String>,
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
        // One place for all of them: the table, or the head of a file that has none.
        let line = pack
            .text(&path("matter.toml"))
            .ok()
            .and_then(|t| t.lines().position(|l| l.trim() == "[elements]"))
            .map_or(0, |n| n + 1);
        let wrong = |m: String| pack.wrong(&path("matter.toml"), line, m).to_string();
        bad.extend(parts.sheet.elements.wrongs(&parts.sheet).into_iter().map(wrong));
        bad.extend(
            parts
                .sheet
                .material_wrongs()
                .into_iter()
                .map(|m| pack.wrong(&path("matter.toml"), 0, m).to_string()),
        );
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
            Ok(matter) => {
                let (errors, _) = tables(&parts, &matter);
                let placed =
                    |(line, m): (usize, String)| pack.wrong(&path("decision.dmn"), line, m).to_string();
                bad.extend(errors.into_iter().map(placed));
                check_stories(pack, &path("stories.toml"), &matter, &mut bad);
            }
        }
    }
    bad
}

/// What an author should look at though nothing forbids it, with file and line.
pub fn notes(pack: &Pack) -> Vec<String> {
    let mut notes = Vec::new();
    for folder in pack.folders("matters/") {
        let file = format!("matters/{folder}/decision.dmn");
        if let Ok(parts) = read(pack, &folder)
            && let Ok(matter) = parts.build(1, false)
        {
            let placed = |(line, m): (usize, String)| pack.wrong(&file, line, m).to_string();
            notes.extend(tables(&parts, &matter).1.into_iter().map(placed));
        }
    }
    notes
}

/// What was found in a table: (line, message).
type Found = (usize, String);

/// Errors and notes of the decision tables, with their lines; the form tells which values a field can have.
fn tables(parts: &Parts, matter: &Matter) -> (Vec<Found>, Vec<Found>) {
    let domain = |name: &str| {
        let kind = &matter.form.fields.iter().find(|f| f.name == name)?.kind;
        let between = |min: Option<String>, max: Option<String>| match (min, max) {
            (Some(a), Some(b)) => format!("[{a}..{b}]"),
            (Some(a), None) => format!(">= {a}"),
            (None, Some(b)) => format!("<= {b}"),
            (None, None) => "-".into(),
        };
        Some(match kind {
            form::Kind::Choice(all) => {
                let quoted = all.iter().map(|(v, _)| Json::from(v.as_str()).to_string());
                ("string", quoted.collect::<Vec<_>>().join(","))
            }
            form::Kind::Boolean { .. } => ("boolean", "true,false".into()),
            form::Kind::Integer { min, max } => (
                "integer",
                between(min.map(|n| n.to_string()), max.map(|n| n.to_string())),
            ),
            form::Kind::Number { min, max } => (
                "number",
                between(min.map(|n| n.to_string()), max.map(|n| n.to_string())),
            ),
            form::Kind::Date => ("date", "-".into()),
            form::Kind::Text { .. } => return None,
        })
    };
    let (mut errors, mut notes) = (Vec::new(), Vec::new());
    for d in &matter.decisions {
        let found = d.analyse(&domain);
        let lined = |f: decision::Finding| (line_of(&parts.decision, f.at), f.message);
        errors.extend(found.errors.into_iter().map(lined));
        notes.extend(found.warnings.into_iter().map(lined));
    }
    (errors, notes)
}

fn check_stories(pack: &Pack, file: &str, matter: &Matter, bad: &mut Vec<String>) {
    let stories = match pack.toml::<Stories>(file) {
        Ok(stories) => stories,
        Err(e) => return bad.push(e.to_string()),
    };
    if stories.story.is_empty() {
        bad.push(
            pack.wrong(file, 1, "a matter needs at least one story")
                .to_string(),
        );
    }
    for s in &stories.story {
        if let Err(m) = play(matter, s) {
            let text = pack.text(file).unwrap_or_default();
            let line = text
                .lines()
                .position(|l| l.contains(&s.name))
                .map_or(0, |n| n + 1);
            bad.push(pack.wrong(file, line, format!("{}: {m}", s.name)).to_string());
        }
    }
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
    if let Some(expected) = &story.needs {
        let values = Json::Object(story.form.clone());
        let needed = matter.materials.iter().filter(|m| matter.needs(m, &values));
        let needed: Vec<&str> = needed.map(|m| m.id.as_str()).collect();
        if needed != *expected {
            return Err(format!("it needs the materials {needed:?}"));
        }
    }
    for (n, s) in story.steps.iter().enumerate() {
        for command in commands(&state, s, n as i64).map_err(|m| format!("step {}: {m}", n + 1))? {
            run(&mut state, command).map_err(|m| format!("step {}: {m}", n + 1))?;
        }
    }
    match &state.ended {
        Some(end) if *end == story.ends => {}
        other => return Err(format!("it ends at {other:?}, not at {}", story.ends)),
    }
    if state.visited != story.visits {
        return Err(format!("it takes the way {:?}", state.visited));
    }
    for (output, expected) in &story.decides {
        let said = state.variables.get(output).unwrap_or(&Json::Null);
        // Tables give decimal numbers; 3 and 3.0 are one.
        let same = match (said.as_f64(), expected.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => said == expected,
        };
        if !same {
            return Err(format!("{output} is decided as {said}, not as {expected}"));
        }
    }
    Ok(())
}

/// The engine's commands for one step.
fn commands(state: &State, step: &Step, at: i64) -> Result<Vec<Command>, String> {
    let named = || step.task.clone().ok_or_else(|| "task is missing".to_string());
    let open = |task: &str| {
        let item = state.open().find(|w| w.node == task);
        item.map(|w| w.id).ok_or_else(|| format!("{task} is not open"))
    };
    let by = || "story".to_string();
    let complete = |task: &str, outcome: String| {
        Ok(vec![Command::Complete {
            work: open(task)?,
            outcome,
            by: by(),
            at,
        }])
    };
    let outcome = || step.outcome.clone().unwrap_or_else(|| "done".into());
    match step.verb.as_str() {
        "accept" => complete("accept", outcome()),
        "complete" => complete(&named()?, outcome()),
        "wait" => {
            let timer = named()?;
            let set = state.timers.iter().find(|(_, t)| *t == timer);
            let (work, timer) = set.cloned().ok_or_else(|| format!("no timer {timer} runs"))?;
            Ok(vec![Command::Fire { work, timer, at }])
        }
        "message" => Ok(vec![Command::Message {
            name: named()?,
            variables: Json::Object(Default::default()),
            at,
        }]),
        "raise" => Ok(vec![Command::Raise {
            work: open(&named()?)?,
            error: outcome(),
            by: by(),
            at,
        }]),
        "correct" => Ok(vec![
            Command::RequestCorrection {
                work: open("accept")?,
                at,
            },
            Command::Correct {
                variables: Json::Object(Default::default()),
                at,
            },
        ]),
        "send-back" => {
            let to = step.to.clone().ok_or_else(|| "to is missing".to_string())?;
            let done = state
                .work
                .iter()
                .rev()
                .find(|w| w.node == to && w.outcome.is_some());
            Ok(vec![Command::SendBack {
                from: open(&named()?)?,
                to: done
                    .map(|w| w.id)
                    .ok_or_else(|| format!("{to} was not finished"))?,
                at,
            }])
        }
        other => Err(format!("`{other}` is no step")),
    }
}

/// The pack's problem in a refusal an operator can read.
pub(crate) fn problem(wrongs: Vec<super::model::Wrong>) -> Problem {
    let text: Vec<String> = wrongs
        .into_iter()
        .map(|(f, l, m)| format!("{f}:{l}: {m}"))
        .collect();
    kernel::Fault::new(text.join("\n")).into()
}
