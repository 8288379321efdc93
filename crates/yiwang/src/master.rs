//! `yiwang master-key …`, and the file that the master key comes from.

use crate::passphrase;
use kernel::ctx::Config;
use kernel::{Fault, Result};
use std::io::Write;
use std::path::Path;
use trust::{Master, master_file, token};

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The master key as 64 hex digits, from the text of its file.
pub fn opened(text: &str, pkcs11: Option<&token::Settings>, env: Env<'_>) -> Result<String, String> {
    if token::is_wrapped(text) {
        let s = pkcs11.ok_or("the master key is wrapped by a token: name it in yiwang.toml, [keys] pkcs11 = { module, token, pin_file }")?;
        let key = token::token(s)
            .and_then(|t| t.unwrap(text))
            .map_err(|e| e.to_string())?;
        return Ok(key.to_string());
    }
    if !master_file::is_protected(text) {
        return Ok(text.into());
    }
    let words = passphrase::get(
        "YIWANG_MASTER_PASSPHRASE",
        "passphrase of the master key 主密钥口令",
        env,
    )?;
    let key = master_file::unprotect(text, &words).map_err(|e| e.to_string())?;
    Ok(key.to_string())
}

fn read(file: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(file).map_err(|e| Fault::of(format!("cannot read {}", file.display()), e))
}

/// Into a new file that its owner alone may read.
fn write(file: &Path, text: &str) -> Result<(), Fault> {
    let cannot = |e| {
        Fault::of(
            format!("cannot make {} (nothing is overwritten)", file.display()),
            e,
        )
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut f = options.open(file).map_err(cannot)?;
    f.write_all(text.as_bytes())
        .and_then(|()| f.sync_all())
        .map_err(cannot)
}

/// `yiwang master-key make FILE`.
pub fn make(file: &Path) -> Result<()> {
    Ok(write(file, &format!("{}\n", *master_file::make()))?)
}

fn new_words(env: Env<'_>) -> Result<String, Fault> {
    passphrase::get("YIWANG_NEW_MASTER_PASSPHRASE", "new passphrase 新口令", env).map_err(Fault::new)
}

/// `yiwang master-key protect FROM TO`: the key of FROM, which may be under a passphrase already, into TO under a new one.
pub fn protect(from: &Path, to: &Path, pkcs11: Option<&token::Settings>, env: Env<'_>) -> Result<()> {
    let key = opened(&read(from)?, pkcs11, env).map_err(Fault::new)?;
    Ok(write(to, &master_file::protect(&key, &new_words(env)?)?)?)
}

/// `yiwang master-key wrap FROM TO`: the key of FROM into TO, wrapped by the token of the settings.
pub fn wrap(from: &Path, to: &Path, pkcs11: Option<&token::Settings>, env: Env<'_>) -> Result<()> {
    let key = opened(&read(from)?, pkcs11, env).map_err(Fault::new)?;
    let settings = pkcs11.ok_or_else(|| {
        Fault::new("no token is configured: in yiwang.toml, [keys] pkcs11 = { module, token, pin_file }")
    })?;
    Ok(write(to, &token::token(settings)?.wrap(&key)?)?)
}

/// The master key that is to be the new one.
pub fn read_new(
    config: &Config,
    file: &Path,
    pkcs11: Option<&token::Settings>,
    env: Env<'_>,
) -> Result<Master> {
    let mut text = read(file)?;
    if token::is_wrapped(&text) {
        text = opened(&text, pkcs11, env).map_err(Fault::new)?;
    }
    if master_file::is_protected(&text) {
        text = master_file::unprotect(&text, &new_words(env)?)?.to_string();
    }
    Ok(Master::open(&config.data, Some(text.as_str()), false)?)
}
