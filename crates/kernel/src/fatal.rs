//! The one way to end the process on purpose: a COMMIT whose outcome is unknown. Continuing could acknowledge work on
//! top of rows that recovery may or may not bring back, so `serve` exits and the next start recovers.

use std::sync::atomic::{AtomicBool, Ordering};

static EXIT: AtomicBool = AtomicBool::new(false);

/// `serve` turns this on; tests leave it off and look at the refused writes instead.
pub fn exit_on_unknown_outcome() {
    EXIT.store(true, Ordering::SeqCst);
}

pub(crate) fn raise(why: &str) {
    if EXIT.load(Ordering::SeqCst) {
        eprintln!("yiwang: ending the process: {why}");
        std::process::exit(70);
    }
}
