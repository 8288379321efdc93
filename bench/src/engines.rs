//! The pure engines: decisions of a ten-row table, and process instances in memory beside PyPI SpiffWorkflow.

use crate::{Failure, Figure, ROUNDS};
use decision::Decision;
use kernel::Db;
use kernel::db::Migration;
use process::{Command, Definition, Environment, State};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// SpiffWorkflow in a virtual environment of this run.
struct Spiff {
    python: std::path::PathBuf,
    script: std::path::PathBuf,
    model: std::path::PathBuf,
}

fn output(c: &mut std::process::Command) -> Result<String, Failure> {
    let out = c.output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

impl Spiff {
    fn install(folder: &Path) -> Result<Spiff, Failure> {
        let venv = folder.join("venv");
        output(
            std::process::Command::new("python3")
                .args(["-m", "venv"])
                .arg(&venv),
        )?;
        let pip = venv.join("bin/pip");
        output(std::process::Command::new(pip).args(["install", "--quiet", "SpiffWorkflow==3.1.2"]))?;
        let spiff = Spiff {
            python: venv.join("bin/python"),
            script: folder.join("spiff.py"),
            model: folder.join("nine.bpmn"),
        };
        std::fs::write(&spiff.script, PEER)?;
        std::fs::write(&spiff.model, MODEL)?;
        Ok(spiff)
    }
    /// Instances a second; stored after each step when a database is given.
    fn rate(&self, database: Option<&Path>) -> Result<f64, Failure> {
        let mut c = std::process::Command::new(&self.python);
        c.arg(&self.script).arg(&self.model).args(database);
        Ok(output(&mut c)?.trim().parse()?)
    }
}

/// `instances`: whole instances of a nine-node model in memory ÷ the same model in SpiffWorkflow (CPython), one thread each.
pub fn instances(folder: &Path) -> Result<Figure, Failure> {
    let definition = Definition::parse(MODEL).map_err(|e| e.to_string())?;
    let spiff = Spiff::install(folder)?;
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
        figure.peer.push(spiff.rate(None)?);
        let (begun, mut done) = (Instant::now(), 0u64);
        while begun.elapsed() < ROUND {
            std::hint::black_box(instance(&definition, done)?);
            done += 1;
        }
        figure.ours.push(done as f64 / begun.elapsed().as_secs_f64());
    }
    Ok(figure)
}

const SCHEMA: &str = "CREATE TABLE bench_instance (id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL);";

/// `durable`: the same with the whole state stored in SQLite (WAL, `synchronous=FULL`) after each step ÷ SpiffWorkflow storing
/// its state the same way. Ours are 64 tasks that share group commits, which is how the product runs; one thread is the peer's way.
pub fn durable(folder: &Path) -> Result<Figure, Failure> {
    let definition = Arc::new(Definition::parse(MODEL).map_err(|e| e.to_string())?);
    let spiff = Spiff::install(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let failed = |f: kernel::Fault| Failure::from(f.to_string());
    let db = runtime.block_on(async {
        let db = Db::open(&folder.join("ours.db").display().to_string())
            .await
            .map_err(failed)?;
        let migration = Migration {
            module: "bench".into(),
            number: 1,
            name: "instance".into(),
            sql: SCHEMA.into(),
        };
        db.migrate(&[migration], 0).await.map_err(failed)?;
        Ok::<_, Failure>(db)
    })?;
    let mut figure = Figure {
        name: "durable",
        ours_is: "durable instances of nine nodes, 64 tasks",
        peer_is: "SpiffWorkflow 3.1.2, stored after each step",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 2.0,
        more: Vec::new(),
    };
    let next = Arc::new(AtomicU64::new(0));
    for round in 0..=ROUNDS {
        let peer = spiff.rate(Some(&folder.join("peer.db")))?;
        let (begun, before) = (Instant::now(), next.load(Ordering::Relaxed));
        runtime.block_on(stored(&db, &definition, &next))?;
        let done = next.load(Ordering::Relaxed) - before;
        // The first round warms caches.
        if round > 0 {
            figure.peer.push(peer);
            figure.ours.push(done as f64 / begun.elapsed().as_secs_f64());
        }
    }
    runtime.block_on(db.close());
    Ok(figure)
}

/// One round of whole instances by 64 tasks, each step a transaction.
async fn stored(db: &Db, definition: &Arc<Definition>, next: &Arc<AtomicU64>) -> Result<(), Failure> {
    let until = Instant::now() + ROUND;
    let mut tasks = Vec::new();
    for _ in 0..64 {
        let (db, definition, next) = (db.clone(), definition.clone(), next.clone());
        tasks.push(tokio::spawn(async move {
            while Instant::now() < until {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let id = format!("instance-{n}");
                let mut state = State::default();
                let mut command = Command::Start {
                    variables: json!({ "big": n.is_multiple_of(2) }),
                    at: 0,
                };
                loop {
                    state
                        .step(&definition, command, &Always)
                        .map_err(|e| e.to_string())?;
                    let text = serde_json::to_string(&state)?;
                    db.write("bench.step", |tx| {
                        let sql = "INSERT INTO bench_instance(id, state) VALUES ($1, $2) \
                                   ON CONFLICT (id) DO UPDATE SET state = $2";
                        Ok(tx.execute(sql, &[id.as_str().into(), text.as_str().into()])?)
                    })
                    .await
                    .map_err(|p| p.to_string())?;
                    let Some(work) = state.open().next().map(|w| w.id) else {
                        break;
                    };
                    command = Command::Complete {
                        work,
                        outcome: "done".into(),
                        by: "bench".into(),
                        at: 1,
                    };
                }
            }
            Ok::<_, Failure>(())
        }));
    }
    for t in tasks {
        t.await??;
    }
    Ok(())
}
