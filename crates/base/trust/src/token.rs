//! A cryptographic module behind PKCS #11 as the home of the master key: an AES key that never leaves the token wraps it, so the
//! city opens only where the token is and its PIN is right.
//!
//! The wrapped master key is a file of two lines: `yiwang-token/1 aes-256-gcm IV TOKEN`, and the ciphertext with its tag in hex.
//! The library is loaded when such a file is opened, and never otherwise.

use crate::crypto::random;
use crate::vault::Master;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use kernel::Fault;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use zeroize::Zeroizing;

const HEAD: &str = "yiwang-token/1";
/// Label of the wrapping key in the token.
const KEY: &str = "yiwang-master-wrap";
const TAG_BITS: u64 = 128;

/// `pkcs11` below `[keys]` in `yiwang.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The shared library of the module.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// A file with the user PIN.
    pub pin_file: PathBuf,
}

/// An opened token.
pub struct Token {
    context: Pkcs11,
    slot: Slot,
    session: Mutex<Session>,
    label: String,
    model: String,
}

/// A library may be initialised once in a process, so there is one token.
static TOKEN: OnceLock<Token> = OnceLock::new();
static OPENING: Mutex<()> = Mutex::new(());

/// What is known of the module that guards the master key.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ModuleStatus {
    pub token: String,
    pub model: String,
    /// Why it cannot be reached now.
    pub trouble: Option<String>,
}

/// The module that guards the master key of this process, if one does. Whether it is certified, its papers say, not the program.
pub fn module_status() -> Option<ModuleStatus> {
    let t = TOKEN.get()?;
    Some(ModuleStatus {
        token: t.label.clone(),
        model: t.model.clone(),
        trouble: t.trouble(),
    })
}

/// Whether this is a master key that a token wraps.
pub fn is_wrapped(text: &str) -> bool {
    text.trim_start().starts_with(HEAD)
}

/// The token of these settings, opened at the first call.
pub fn token(s: &Settings) -> Result<&'static Token, Fault> {
    let _one = OPENING.lock().unwrap_or_else(|p| p.into_inner());
    if let Some(open) = TOKEN.get() {
        return match open.label == s.token {
            true => Ok(open),
            false => Err(Fault::new(format!("the token {} is open already", open.label))),
        };
    }
    let made = Token::open(s)?;
    Ok(TOKEN.get_or_init(|| made))
}

impl Token {
    fn open(s: &Settings) -> Result<Token, Fault> {
        let pin = std::fs::read_to_string(&s.pin_file)
            .map_err(|e| Fault::of(format!("cannot read the PIN file {}", s.pin_file.display()), e))?;
        let library = s.module.display().to_string();
        let context = Pkcs11::new(&s.module).map_err(|e| {
            Fault::of(
                format!(
                    "cannot load the PKCS #11 library {library}: is it installed, and does [keys] name it?"
                ),
                e,
            )
        })?;
        context
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|e| Fault::of(format!("the PKCS #11 library {library} does not start"), e))?;
        let slots = context
            .get_slots_with_initialized_token()
            .map_err(|e| Fault::of(format!("the PKCS #11 library {library} lists no tokens"), e))?;
        let mut labels = Vec::new();
        let mut found = None;
        for slot in slots {
            let info = context
                .get_token_info(slot)
                .map_err(|e| Fault::of("reading a token", e))?;
            labels.push(info.label().to_string());
            if info.label() == s.token {
                found = Some((slot, info));
            }
        }
        let Some((slot, info)) = found else {
            return Err(Fault::new(format!(
                "there is no token `{}` in {library}: put it in, or name one of these in [keys]: {}",
                s.token,
                labels.join(", ")
            )));
        };
        // A service that restarts by itself would use the tries up, and the token would lock itself: one wrong PIN is the last.
        if info.user_pin_locked() || info.user_pin_final_try() || info.user_pin_count_low() {
            return Err(Fault::new(format!(
                "a wrong PIN was given to the token {} before, so none is tried now: put {} right, log in once with the \
                 vendor's tool (such as pkcs11-tool --login --test), then start again",
                s.token,
                s.pin_file.display()
            )));
        }
        let session = context
            .open_rw_session(slot)
            .map_err(|e| Fault::of(format!("the token {} opens no session", s.token), e))?;
        let pin = AuthPin::new(pin.trim().to_string().into());
        session.login(UserType::User, Some(&pin)).map_err(|e| match e {
            Error::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid, _) => {
                Fault::new(format!(
                    "the PIN in {} is not the one of the token {}; it was tried once and is not tried again",
                    s.pin_file.display(),
                    s.token
                ))
            }
            e => Fault::of(format!("the token {} lets nobody in", s.token), e),
        })?;
        Ok(Token {
            slot,
            session: Mutex::new(session),
            label: s.token.clone(),
            model: format!("{} {}", info.manufacturer_id().trim(), info.model().trim()),
            context,
        })
    }

    /// Why the token cannot be reached now.
    fn trouble(&self) -> Option<String> {
        let there = self
            .context
            .get_token_info(self.slot)
            .is_ok_and(|i| i.label() == self.label);
        (!there).then(|| "token-removed".to_string())
    }

    fn failed(&self, what: &str) -> impl FnOnce(Error) -> Fault {
        let text = format!(
            "the token {} does not {what}; is it there, and is it the right one?",
            self.label
        );
        move |e| Fault::of(text, e)
    }

    fn key(&self, session: &Session) -> Result<Option<ObjectHandle>, Fault> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(KEY.into()),
        ];
        let found = session
            .find_objects(&template)
            .map_err(self.failed("list its keys"))?;
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Fault::new(format!(
                "the token {} holds several keys {KEY}; remove the wrong ones",
                self.label
            ))),
        }
    }

    fn key_or_make(&self, session: &Session) -> Result<ObjectHandle, Fault> {
        if let Some(key) = self.key(session)? {
            return Ok(key);
        }
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(KEY.into()),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(self.failed("make an AES key"))
    }

    /// Wraps a master key (64 hex digits); makes the wrapping key in the token when there is none.
    pub fn wrap(&self, key: &str) -> Result<String, Fault> {
        if Master::parse(key.trim()).is_none() {
            return Err(Fault::new("the master key must be 64 hex digits"));
        }
        let session = self.session.lock().unwrap_or_else(|p| p.into_inner());
        let handle = self.key_or_make(&session)?;
        let mut iv = [0u8; 12];
        random::system(&mut iv);
        let head = format!("{HEAD} aes-256-gcm {} {}", hex::encode(iv), self.label);
        let params = GcmParams::new(&mut iv, head.as_bytes(), TAG_BITS.into())
            .map_err(self.failed("take parameters"))?;
        let sealed = session
            .encrypt(&Mechanism::AesGcm(params), handle, key.trim().as_bytes())
            .map_err(self.failed("wrap the master key"))?;
        Ok(format!("{head}\n{}\n", hex::encode(sealed)))
    }

    /// The master key (64 hex digits) of a wrapped file.
    pub fn unwrap(&self, text: &str) -> Result<Zeroizing<String>, Fault> {
        let broken = || Fault::new("the file of the wrapped master key is damaged: use a copy of it");
        let mut lines = text.trim().lines().map(str::trim_end);
        let head = lines.next().ok_or_else(broken)?;
        let sealed = lines
            .next()
            .and_then(|l| hex::decode(l).ok())
            .ok_or_else(broken)?;
        let [HEAD, "aes-256-gcm", iv, _] = head.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            return Err(broken());
        };
        let mut iv: [u8; 12] = hex::decode(iv)
            .ok()
            .and_then(|b| b.try_into().ok())
            .ok_or_else(broken)?;
        let session = self.session.lock().unwrap_or_else(|p| p.into_inner());
        let handle = self.key(&session)?.ok_or_else(|| {
            Fault::new(format!(
                "the token {} holds no key {KEY}: it is not the one that wrapped the master key",
                self.label
            ))
        })?;
        let params = GcmParams::new(&mut iv, head.as_bytes(), TAG_BITS.into())
            .map_err(self.failed("take parameters"))?;
        let plain = session
            .decrypt(&Mechanism::AesGcm(params), handle, &sealed)
            .map_err(self.failed("unwrap the master key"))?;
        let plain = Zeroizing::new(plain);
        let key = std::str::from_utf8(&plain).map_err(|_| broken())?;
        Ok(Zeroizing::new(key.to_string()))
    }
}
