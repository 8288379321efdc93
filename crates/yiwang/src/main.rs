//! `yiwang`: serve the city, check a pack, look after accounts, examine the log.

use kernel::ctx::{App, SystemClock};
use kernel::{http, job, start};
use std::process::ExitCode;
use std::sync::Arc;
use yiwang::config::{self, Options};
use yiwang::server;

const HELP: &str = "yiwang — the digital government of a city in one program

  yiwang serve                     start the city (default)
  yiwang demo                      start a demonstration city with synthetic accounts, in data/demo
  yiwang pack check [FOLDER]       check a city pack and play its stories
  yiwang pack diff [FOLDER]        in what a pack and the city differ, and who changed what since it was taken in
  yiwang pack apply [FOLDER]       take a newer pack in, three ways: what was edited in the city stays and is named
  yiwang pack export FOLDER        write what was edited in the city back into a pack's folder
  yiwang account list              list accounts
  yiwang account posts             list the posts of the organisation tree
  yiwang account open LOGIN POST   an official's account; asks name and number, prints the first password
  yiwang account forget-factors LOGIN   takes lost second factors away, ends the sessions
  yiwang account token LOGIN       a bearer token for /api/v1
  yiwang log export FOLDER         the proof log as files, for yiwang-verify
  yiwang log witness add FILE | remove NAME | list   logs of others, by their keys, whose heads are cosigned here
  yiwang objects status | check | sweep   what lies in the object store of [objects] in yiwang.toml
  yiwang ca show | init | list     the certificate authority; ca revoke SERIAL REASON
  yiwang client add                registers a system at the OpenID provider, and prints its secret once
  yiwang who PERMISSION [ORGANISATION]   who may do what
  yiwang keys rotate | status      seal the sensitive columns under a new data key; how far that is
  yiwang master-key make FILE      a new master key
  yiwang master-key protect FROM TO   the same master key under a passphrase
  yiwang master-key wrap FROM TO      the same master key wrapped by the PKCS #11 token of [keys] in yiwang.toml
  yiwang master-key change FILE    puts the data keys under the master key in FILE; the old one opens the city no more
  yiwang backup FOLDER [--keep N]  a copy to restore from, while the city works; keeps the newest N
  yiwang restore BACKUP            into an empty data folder or database; the log opens a new epoch
  yiwang verify [--witness FILE]   prove the own log offline, against a checkpoint kept outside if given
  yiwang doctor                    look for altered rows, failed jobs and ageing tables

Options (also as YIWANG_… or in yiwang.toml): --listen ADDRESS --url URL --data FOLDER --database postgres://…
  --pack FOLDER --node NAME --demo --config FILE --log FILTER --log-format json|text --proxies ADDRESSES.
  The master key: YIWANG_MASTER_KEY_FILE (or YIWANG_MASTER_KEY), its passphrase YIWANG_MASTER_PASSPHRASE; another machine's access to /metrics:
  YIWANG_METRICS_TOKEN. All of it with explanations: docs/guides/production.md.

Exit codes of `pack`: 0 nothing is wrong, differs or was kept back; 1 errors (check, export), differences (diff), or something of
  the pack was not taken (apply: edited here, or a file that only a new city takes in); 2 it could not be done.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--help" || a == "-h" || a == "help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match config::read(&args, &|k| std::env::var(k).ok()) {
        Ok(o) => o,
        Err(e) => {
            eprintln!("yiwang: {e}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    for name in config::unknown(std::env::vars().map(|(name, _)| name)) {
        eprintln!(
            "yiwang: the environment variable {name} is none of ours and changes nothing; see `yiwang --help`"
        );
    }
    if let Err(e) = log(&options) {
        eprintln!("yiwang: {e}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(r) => r,
        Err(e) => {
            eprintln!("yiwang: cannot start: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(options)) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("yiwang: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Log lines on stderr: JSON objects for machines, or text for people at a terminal.
fn log(o: &Options) -> Result<(), String> {
    let filter =
        tracing_subscriber::EnvFilter::try_new(&o.log).map_err(|e| format!("log `{}`: {e}", o.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match o.log_json {
        true => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
        false => lines.init(),
    }
    Ok(())
}

async fn open(o: &Options) -> kernel::Result<Arc<App>> {
    let with = yiwang::Surroundings {
        clock: Arc::new(SystemClock),
        chance: start::system_chance(),
        master_key: o.master_key.clone(),
    };
    let app = yiwang::open(o.config.clone(), &o.pack, with).await?;
    if let Some(settings) = &o.objects {
        objects::open(&app.system("start"), settings)?;
    }
    comms::api::configure(&app.system("start"), o.comms.clone());
    identity::api::configure(&app.system("start"), o.sign_in.clone());
    Ok(app)
}

async fn run(o: Options) -> kernel::Result<ExitCode> {
    let words: Vec<&str> = o.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["serve"] | ["demo"] => serve(o).await,
        ["pack", "check", rest @ ..] => Ok(pack_check(rest.first().map_or(o.pack.as_path(), |f| f.as_ref()))),
        ["pack", verb @ ("diff" | "apply" | "export"), rest @ ..] => {
            Ok(pack_verb(o.clone(), verb, rest).await)
        }
        ["account", "list"] => {
            let app = open(&o).await?;
            for (login, kind) in identity::api::list_accounts(&app.system("cli")).await? {
                println!("{login}\t{kind}");
            }
            Ok(ExitCode::SUCCESS)
        }
        ["account", "forget-factors", login] => {
            let app = open(&o).await?;
            let n = identity::api::forget_factors(&app.system("cli"), login).await?;
            println!("{n} second factors of {login} taken away, its sessions ended");
            Ok(ExitCode::SUCCESS)
        }
        ["account", "posts"] => {
            let app = open(&o).await?;
            for [id, title, organisation, path] in identity::api::posts(&app.system("cli")).await? {
                println!("{id}\t{title}\t{organisation}\t{path}");
            }
            Ok(ExitCode::SUCCESS)
        }
        ["account", "open", login, post] => {
            // Name and number come by standard input: the command line stands in process lists and histories.
            let mut lines = std::io::stdin().lines();
            let mut ask = |what: &str| {
                eprint!("{what}: ");
                let line = lines.next().and_then(|l| l.ok()).unwrap_or_default();
                line.trim().to_string()
            };
            let (name, code) = (ask("name 姓名"), ask("citizen number 公民身份号码"));
            let app = open(&o).await?;
            let password =
                identity::api::open_official(&app.system("cli"), login, post, &name, &code).await?;
            eprintln!();
            println!("{password}");
            Ok(ExitCode::SUCCESS)
        }
        ["account", "token", login] => {
            let app = open(&o).await?;
            println!("{}", identity::api::api_token(&app.system("cli"), login).await?);
            Ok(ExitCode::SUCCESS)
        }
        ["master-key", "make", file] => {
            yiwang::master::make(file.as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        ["master-key", "protect", from, to] => {
            yiwang::master::protect(from.as_ref(), to.as_ref(), o.pkcs11.as_ref(), &|k| {
                std::env::var(k).ok()
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ["master-key", "wrap", from, to] => {
            yiwang::master::wrap(from.as_ref(), to.as_ref(), o.pkcs11.as_ref(), &|k| {
                std::env::var(k).ok()
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ["master-key", "change", file] => {
            yiwang::backup::must_exist(&o.config)?;
            let new = yiwang::master::read_new(&o.config, file.as_ref(), o.pkcs11.as_ref(), &|k| {
                std::env::var(k).ok()
            })?;
            let _lock = yiwang::lock::take(&o.config)?;
            let app = open(&o).await?;
            trust::change_master(&app.system("cli"), &new).await?;
            app.db.close().await;
            println!("the city opens with {file} from now on; keep the old key as long as backups need it");
            Ok(ExitCode::SUCCESS)
        }
        ["backup", rest @ ..] => {
            yiwang::backup::must_exist(&o.config)?;
            let app = open(&o).await?;
            let done = yiwang::backup::backup(&app, rest).await?;
            println!("{}", done.display());
            Ok(ExitCode::SUCCESS)
        }
        ["restore", from] => {
            let _lock = yiwang::lock::take(&o.config)?;
            yiwang::backup::restore(&o.config, o.master_key.as_deref(), from.as_ref()).await?;
            let app = open(&o).await?;
            for line in yiwang::backup::after_restore(&app).await? {
                println!("{line}");
            }
            app.db.close().await;
            Ok(ExitCode::SUCCESS)
        }
        ["verify", rest @ ..] => {
            yiwang::backup::must_exist(&o.config)?;
            let app = open(&o).await?;
            let (lines, good) = yiwang::backup::verify(&app, rest).await?;
            for line in lines {
                println!("{line}");
            }
            Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        ["doctor"] => {
            let app = open(&o).await?;
            job::follow(&app).await?;
            let mut findings = Vec::new();
            for check in app.modules.iter().flat_map(|m| &m.checks) {
                findings.extend(check(app.system("doctor")).await?);
            }
            for f in &findings {
                println!("{f}");
            }
            // A warning is work for some day; anything else is damage, and the exit code says so.
            let damage = findings.iter().filter(|f| !f.starts_with("warning: ")).count();
            println!("{damage} findings, {} warnings", findings.len() - damage);
            Ok(if damage == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        [verb, ..] => {
            let app = open(&o).await?;
            let Some(command) = app
                .modules
                .iter()
                .flat_map(|m| &m.commands)
                .find(|c| c.name == *verb)
                .cloned()
            else {
                eprintln!("yiwang: there is no verb `{verb}`\n\n{HELP}");
                return Ok(ExitCode::from(2));
            };
            (command.run)(app.system("cli"), o.words[1..].to_vec()).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `pack diff|apply|export`. Opened with the folder that is named, so that a city can be compared with any pack.
async fn pack_verb(mut o: Options, verb: &str, rest: &[&str]) -> ExitCode {
    match rest {
        [] if verb != "export" => {}
        [folder] => o.pack = folder.into(),
        _ => {
            eprintln!("yiwang: usage: yiwang pack {verb} FOLDER");
            return ExitCode::from(2);
        }
    }
    let done = async {
        yiwang::backup::must_exist(&o.config)?;
        let app = open(&o).await?;
        let said = match verb {
            "diff" => yiwang::packs::diff(&app, &o.pack).await?,
            "apply" => yiwang::packs::apply(&app, &o.pack).await?,
            _ => yiwang::packs::export(&app, &o.pack).await?,
        };
        app.db.close().await;
        Ok::<_, kernel::Problem>(said)
    };
    match done.await {
        Ok(said) => {
            for line in said.lines {
                println!("{line}");
            }
            ExitCode::from(said.code)
        }
        Err(e) => {
            eprintln!("yiwang: {e}");
            ExitCode::from(2)
        }
    }
}

fn pack_check(folder: &std::path::Path) -> ExitCode {
    let errors = yiwang::check_pack(folder);
    for e in &errors {
        println!("{e}");
    }
    for n in yiwang::pack_notes(folder) {
        println!("note: {n}");
    }
    println!("{}: {} errors", folder.display(), errors.len());
    if errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn serve(o: Options) -> kernel::Result<ExitCode> {
    kernel::fatal::exit_on_unknown_outcome();
    let _lock = yiwang::lock::take(&o.config)?;
    let app = open(&o).await?;
    if app.config.demo && !o.config.demo {
        return Err(kernel::Fault::new(
            "this is the database of a demonstration; start it with `yiwang demo`, or choose another --data or --database",
        )
        .into());
    }
    // Everybody who can reach a demonstration can read its passwords off the screen, so only this machine reaches it.
    if app.config.demo && !loopback(&app.config.listen) {
        return Err(kernel::Fault::new(format!(
            "a demonstration listens on this machine only, not on {}; choose 127.0.0.1:PORT",
            app.config.listen
        ))
        .into());
    }
    let fault = |what: &str| {
        let what = what.to_string();
        move |e: std::io::Error| kernel::Fault::of(what, e)
    };
    let listener = tokio::net::TcpListener::bind(&app.config.listen)
        .await
        .map_err(fault(&format!(
            "cannot listen on {}; choose another with --listen",
            app.config.listen
        )))?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let tasks = job::start(app.clone(), stopped.clone());
    println!(
        "{}  {}",
        app.city["title"].as_str().unwrap_or("Yiwang"),
        app.config.url
    );
    if app.config.demo {
        accounts(&app).await?;
    }
    let router = http::router(app.clone());
    let server = tokio::spawn(server::run(listener, router, server::Limits::default(), stopped));
    server::notify("READY=1");
    signal().await;
    server::notify("STOPPING=1");
    app.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    // Live streams look whether the process is ending when they are woken.
    app.wake_followers();
    let _ = stop.send(true);
    let _ = server.await;
    for t in tasks {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), t).await;
    }
    app.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Resolves on SIGINT or SIGTERM.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

/// Whether an address to listen on is reached from this machine alone.
fn loopback(listen: &str) -> bool {
    let host = listen
        .rsplit_once(':')
        .map_or(listen, |p| p.0)
        .trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

async fn accounts(app: &Arc<App>) -> kernel::Result<()> {
    let pack = app.services.get::<yiwang::CityPack>()?;
    let accounts = identity::api::demo_accounts(&pack.0)?;
    let password = identity::api::demo_password(&app.system("cli")).await?;
    println!("演示账号（虚构人物，密码都是 {password}）  Demonstration accounts, password {password}");
    for a in &accounts {
        println!("  {:<14} {}  {}", a.login, a.title, a.title_en);
    }
    Ok(())
}
