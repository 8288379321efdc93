//! Yiwang (一网): the digital government of a city in one program. This crate only puts the rooms together: which modules
//! there are, how the kernel's ports are wired, how the city pack is applied, and the command line.

pub mod assets;
pub mod backup;
pub mod config;
pub mod lock;
pub mod master;
pub mod packs;
pub mod passphrase;
pub mod server;

use kernel::ctx::{App, Clock, Config, Ports};
use kernel::module::Services;
use kernel::pack::{self, Pack};
use kernel::start::{self, Chance};
use kernel::{Module, Result};
use std::path::Path;
use std::sync::Arc;

/// Every module, in the order of the floors. A new one is one line here.
pub fn modules() -> Vec<Module> {
    vec![
        kernel::module(),
        assets::module(),
        trust::module(),
        objects::module(),
        comms::module(),
        identity::module(),
        openid::module(),
        provisioning::module(),
        cipher::module(),
        seals::module(),
        data::module(),
        documents::module(),
        onecode::module(),
        cases::module(),
        services::module(),
        indicators::module(),
        portal::module(),
    ]
}

/// Every mistake that every module finds in a pack, as `file:line: message`, sorted. Needs no database.
pub fn check_pack(folder: &Path) -> Vec<String> {
    let pack = match Pack::read(folder) {
        Ok(pack) => pack,
        Err(e) => return vec![e.to_string()],
    };
    let sections = modules().into_iter().flat_map(|m| m.sections);
    let mut errors: Vec<String> = sections.flat_map(|s| (s.check)(&pack)).collect();
    errors.sort();
    errors
}

/// What an author should look at in a pack though nothing forbids it: rules that never answer, cells nobody can judge.
pub fn pack_notes(folder: &Path) -> Vec<String> {
    Pack::read(folder).map_or_else(|_| Vec::new(), |pack| services::api::pack_notes(&pack))
}

/// What [`open`] needs besides the configuration.
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub chance: Chance,
    /// The master key, 64 hex digits; a demonstration makes its own in the data folder when none is given.
    pub master_key: Option<String>,
}

/// Opens the city: keys, database, migrations, pack (into an empty database), policies, demonstration accounts.
pub async fn open(config: Config, pack_dir: &Path, with: Surroundings) -> Result<Arc<App>> {
    std::fs::create_dir_all(&config.data).map_err(|e| {
        kernel::Fault::of(
            format!("cannot make the data folder {}", config.data.display()),
            e,
        )
    })?;
    let master = trust::Master::open(&config.data, with.master_key.as_deref(), config.demo)?;
    let vault = Arc::new(trust::Vault::new(master, start::database(&config)));
    let master: Arc<dyn kernel::ctx::Protect> = vault.clone();
    let pack = Arc::new(Pack::read(pack_dir)?);
    let policies = Arc::new(identity::Policies::default());
    let zone = pack.city()["zone"]
        .as_str()
        .unwrap_or("Asia/Shanghai")
        .to_string();
    let matters = identity::Matters::default();
    let people = Arc::new(identity::Identity {
        policies: policies.clone(),
        protect: master.clone(),
        matters: matters.clone(),
        zone,
    });
    let ports = Ports {
        authorise: policies.clone(),
        protect: master,
        sessions: people.clone(),
        ask: Arc::new(data::Library),
        accessed: people,
    };
    let app = start::assemble(
        config,
        Some(&pack),
        modules(),
        ports,
        Services::default(),
        with.clock,
        with.chance,
    )
    .await?;
    app.services.put(matters);
    app.services.put(identity::api::FirmCases(cases::api::of_firm));
    let ctx = app.system("start");
    trust::check_master(&ctx, &vault).await?;
    trust::epoch::reopen(&ctx).await?;
    trust::open_keys(&ctx, vault).await?;
    pack::apply_to_empty(&app, pack.clone()).await?;
    identity::api::load_policies(&ctx, &policies, &pack).await?;
    services::open(&ctx, &pack).await?;
    portal::open(&ctx, &pack)?;
    let told = comms::api::Ports {
        directory: Arc::new(identity::People),
        audiences: vec![Arc::new(cases::CaseAudience), Arc::new(services::EditionAudience)],
    };
    comms::api::open(&ctx, &pack, told)?;
    identity::api::configure(&ctx, Default::default());
    identity::api::settle(&ctx).await?;
    openid::open(&ctx)?;
    onecode::open(&ctx, &pack)?;
    if app.config.demo {
        identity::api::open_demo(&ctx, &pack).await?;
        data::collect_all(&ctx, &pack).await?;
    }
    seals::open(&ctx, &pack).await?;
    app.services.put(identity::api::Unfinished(vec![
        cases::api::unfinished,
        seals::api::unfinished,
    ]));
    app.services.put(CityPack(pack));
    Ok(app)
}

/// The pack this instance was opened with, for command-line verbs.
pub struct CityPack(pub Arc<Pack>);
