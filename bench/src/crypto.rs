//! SM2 signatures beside OpenSSL's, one thread each.

use crate::{Failure, Figure, ROUNDS};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use trust::crypto::{Kind, PrivateKey};

const ROUND: Duration = Duration::from_secs(1);

/// (signatures, verifications) a second that `openssl speed` counts on one core.
fn peer() -> Result<(f64, f64), Failure> {
    let out = Command::new("openssl")
        .args(["speed", "-seconds", "1", "-mr", "sm2"])
        .output()
        .map_err(|e| format!("openssl: {e}"))?;
    // Its machine-readable line of SM2: +F7:number:bits:name:sign/s:verify/s, times or rates by version.
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = text.lines().find(|l| l.contains("SM2") && l.starts_with("+F"));
    let line = line.ok_or_else(|| format!("openssl speed said no SM2 line: {text}"))?;
    let numbers: Vec<f64> = line.split(':').filter_map(|p| p.parse().ok()).collect();
    let [.., sign, verify] = numbers[..] else {
        return Err(format!("openssl speed: {line}").into());
    };
    let rate = |v: f64| if v < 1.0 { 1.0 / v } else { v };
    Ok((rate(sign), rate(verify)))
}

fn a_second(mut work: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let mut n = 0u64;
    while begun.elapsed() < ROUND {
        for _ in 0..16 {
            work()?;
        }
        n += 16;
    }
    Ok(n as f64 / begun.elapsed().as_secs_f64())
}

fn figure(name: &'static str, ours_is: &'static str, peer_is: &'static str) -> Figure {
    Figure {
        name,
        ours_is,
        peer_is,
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 1.0,
        more: Vec::new(),
    }
}

fn key() -> PrivateKey {
    let mut n = 7u8;
    PrivateKey::generate(Kind::Sm2, &mut |bytes: &mut [u8]| {
        for b in bytes {
            n = n.wrapping_mul(31).wrapping_add(17);
            *b = n;
        }
    })
}

const MESSAGE: [u8; 32] = [42; 32];

/// `sm2-sign`: signatures over 32 bytes, the signer's digest Z included.
pub fn sign(_: &Path) -> Result<Figure, Failure> {
    let mut f = figure(
        "sm2-sign",
        "SM2 signatures, one thread",
        "openssl speed sm2, sign/s",
    );
    let key = key();
    for _ in 0..ROUNDS {
        f.peer.push(peer()?.0);
        f.ours.push(a_second(|| {
            black_box(key.sign(black_box(&MESSAGE)).map_err(|e| e.to_string())?);
            Ok(())
        })?);
    }
    Ok(f)
}

/// `sm2-verify`: verifications over 32 bytes, reading the point included.
pub fn verify(_: &Path) -> Result<Figure, Failure> {
    let mut f = figure(
        "sm2-verify",
        "SM2 verifications, one thread",
        "openssl speed sm2, verify/s",
    );
    let key = key();
    let public = key.public();
    let signature = key.sign(&MESSAGE).map_err(|e| e.to_string())?;
    for _ in 0..ROUNDS {
        f.peer.push(peer()?.1);
        f.ours.push(a_second(|| {
            let done = public.verify(black_box(&MESSAGE), black_box(&signature));
            Ok(done.map_err(|e| e.to_string())?)
        })?);
    }
    Ok(f)
}
