//! The pure engines: decisions of a ten-row table, and process instances in memory beside PyPI SpiffWorkflow.

use crate::{Failure, Figure, ROUNDS};
use decision::Decision;
use process::{Command, Definition, Environment, State};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(1_000);

const KINDS: [&str; 5] = ["goods", "maintenance", "promotion", "construction", "other"];

/// A table of ten rules over three inputs, as an office would write it.
fn table() -> String {
    let rules: String = (0..10)
        .map(|n| {
            let kind = KINDS[n % KINDS.len()];
            format!(
                "<rule id=\"r{n}\"><inputEntry id=\"a{n}\"><text>\"{kind}\"</text></inputEntry>\
                 <inputEntry id=\"b{n}\"><text>&lt; {}</text></inputEntry><inputEntry id=\"c{n}\"><text>-</text></inputEntry>\
                 <outputEntry id=\"o{n}\"><text>\"route-{n}\"</text></outputEntry></rule>",
                10 * (n + 1)
            )
        })
        .collect();
    format!(
        "<definitions xmlns=\"https://www.omg.org/spec/DMN/20191111/MODEL/\" id=\"d\" name=\"d\" namespace=\"n\">\
         <decision id=\"route\" name=\"route\"><variable name=\"route\"/><decisionTable id=\"t\" hitPolicy=\"FIRST\">\
         <input id=\"i1\"><inputExpression id=\"e1\" typeRef=\"string\"><text>kind</text></inputExpression></input>\
         <input id=\"i2\"><inputExpression id=\"e2\" typeRef=\"number\"><text>area</text></inputExpression></input>\
         <input id=\"i3\"><inputExpression id=\"e3\" typeRef=\"boolean\"><text>night</text></inputExpression></input>\
         <output id=\"o\" name=\"route\" typeRef=\"string\"/>{rules}</decisionTable></decision></definitions>"
    )
}

/// `decisions`: a ten-row table on one core ÷ 20,000 a second, the plan's floor.
pub fn decisions(_: &Path) -> Result<Figure, Failure> {
    let decisions = Decision::parse(&table()).map_err(|e| e.to_string())?;
    let decision = decisions.first().ok_or("no decision")?;
    let inputs: Vec<Json> = (0..50)
        .map(|n| json!({ "kind": KINDS[n % KINDS.len()], "area": n, "night": n % 2 == 0 }))
        .collect();
    let mut figure = Figure {
        name: "decisions",
        ours_is: "decisions of a ten-row table, one thread",
        peer_is: "the plan's floor",
        ours: Vec::new(),
        peer: vec![20_000.0; ROUNDS],
        aim: 1.0,
        more: Vec::new(),
    };
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut done = 0u32;
        while begun.elapsed() < ROUND {
            for i in &inputs {
                let answer = decision.decide(i).map_err(|e| e.to_string())?;
                std::hint::black_box(answer);
                done += 1;
            }
        }
        figure.ours.push(f64::from(done) / begun.elapsed().as_secs_f64());
    }
    Ok(figure)
}

/// Nine nodes: start, task, script, gateway, two tasks, gateway, task, end.
const MODEL: &str = include_str!("nine.bpmn");
const PEER: &str = include_str!("spiff.py");

struct Always;
impl Environment for Always {
    fn decide(&self, _: &str, _: &Json) -> Result<Json, String> {
        Ok(json!({}))
    }
    fn holds(&self, condition: &str, variables: &Json) -> Result<bool, String> {
        let e = decision::feel::parse(condition).map_err(|e| e.to_string())?;
        Ok(decision::feel::holds(&e, variables))
    }
}

fn instance(definition: &Definition, n: u64) -> Result<State, Failure> {
    let mut state = State::default();
    let step = |s: &mut State, c: Command| {
        s.step(definition, c, &Always)
            .map_err(|e| Failure::from(e.to_string()))
    };
    step(
        &mut state,
        Command::Start {
            variables: json!({ "big": n.is_multiple_of(2) }),
            at: 0,
        },
    )?;
    while state.ended.is_none() {
        let work = state.open().next().map(|w| w.id).ok_or("nothing is open")?;
        let complete = Command::Complete {
            work,
            outcome: "done".into(),
            by: "bench".into(),
            at: 1,
        };
        step(&mut state, complete)?;
    }
    Ok(state)
}

/// `instances`: whole instances of a nine-node model in memory ÷ the same model in SpiffWorkflow (CPython), one thread each.
pub fn instances(folder: &Path) -> Result<Figure, Failure> {
    let definition = Definition::parse(MODEL).map_err(|e| e.to_string())?;
    let venv = folder.join("venv");
    let run = |c: &mut std::process::Command| -> Result<String, Failure> {
        let out = c.output()?;
        if !out.status.success() {
            return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    run(std::process::Command::new("python3")
        .args(["-m", "venv"])
        .arg(&venv))?;
    let pip = venv.join("bin/pip");
    run(std::process::Command::new(pip).args(["install", "--quiet", "SpiffWorkflow==3.1.2"]))?;
    let (script, model) = (folder.join("spiff.py"), folder.join("nine.bpmn"));
    std::fs::write(&script, PEER)?;
    std::fs::write(&model, MODEL)?;
    let mut figure = Figure {
        name: "instances",
        ours_is: "instances of nine nodes in memory, one thread",
        peer_is: "SpiffWorkflow 3.1.2, the same file, one thread",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 50.0,
        more: Vec::new(),
    };
    for _ in 0..ROUNDS {
        let peer = run(std::process::Command::new(venv.join("bin/python"))
            .arg(&script)
            .arg(&model))?;
        figure.peer.push(peer.trim().parse()?);
        let (begun, mut done) = (Instant::now(), 0u64);
        while begun.elapsed() < ROUND {
            std::hint::black_box(instance(&definition, done)?);
            done += 1;
        }
        figure.ours.push(done as f64 / begun.elapsed().as_secs_f64());
    }
    Ok(figure)
}
