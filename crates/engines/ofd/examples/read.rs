//! What the reader makes of OFD files: `cargo run -p ofd --example read -- FILE…`. For looking at files of other programs.

use std::error::Error;

use ofd::{Limits, State};

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let report = match ofd::read(&std::fs::read(&path)?, &Limits::default()) {
            Ok(report) => report,
            Err(why) => {
                println!("{path}: {why}");
                continue;
            }
        };
        println!(
            "{path}: {:?} by {:?}, {} files",
            report.title,
            report.creator,
            report.files.len()
        );
        for page in &report.pages {
            println!("page {} × {} mm\n{}", page.width, page.height, page.text());
        }
        for s in &report.signatures {
            println!(
                "signature {} ({}, {}), whole: {}",
                s.id,
                s.method,
                s.check_method,
                s.whole()
            );
            for state in [State::Differs, State::Missing, State::Unchecked] {
                println!("  {state:?}: {:?}", s.in_state(state).collect::<Vec<_>>());
            }
            println!("  not covered: {:?}\n  stamps: {:?}", s.uncovered, s.stamps);
        }
    }
    Ok(())
}
