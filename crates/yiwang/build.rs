//! A smaller binary, with the linker that Rust brings on this target: functions whose machine code is the same are folded
//! (generics leave many of them), and relocations are packed where the C library can read them.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("PROFILE", "release")
    {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
        if reads_packed_relocations() {
            println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// glibc 2.36 and later. The linker notes the demand in the binary, so an older one says so instead of starting it.
fn reads_packed_relocations() -> bool {
    let Ok(said) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else {
        return false;
    };
    let said = String::from_utf8_lossy(&said.stdout);
    let minor = said.trim().strip_prefix("glibc 2.").and_then(|v| v.parse().ok());
    minor.is_some_and(|minor: u32| minor >= 36)
}
