//! Random models of nested blocks under random commands of every kind.

mod house;

use house::{Builder, Case, Env};
use process::{Command, Definition};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn genes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 4..60)
}
fn moves() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_on_any_model_can_end_and_replays(genes in genes(), flags in any::<u8>(), moves in moves()) {
        let xml = Builder::model(&genes);
        let d = Definition::parse(&xml).unwrap();
        prop_assert_eq!(d.deploy_check(&["rule"]), Vec::<String>::new(), "{}", xml);
        let mut c = Case::begin(d, flags);
        c.sound();
        for (kind, x, y) in moves {
            let next = c.command(kind, x, y);
            let _ = c.run(next);
            c.sound();
        }
        if c.s.ended.is_none() {
            let mut withdrawn = c.s.clone();
            withdrawn.step(&c.d, Command::Withdraw { at: 9 }, &Env).unwrap();
            prop_assert!(withdrawn.tokens.is_empty() && withdrawn.timers.is_empty() && withdrawn.messages.is_empty());
            prop_assert!(withdrawn.scopes.is_empty() && withdrawn.many.is_empty() && withdrawn.open().count() == 0);
        }
        c.finish_all();
        prop_assert_eq!(&c.replayed(), &c.s);
    }
}

/// The models are not all alike: together they use everything the engine knows.
#[test]
fn the_models_use_every_element() {
    let mut seen = BTreeSet::new();
    for seed in 0..400u32 {
        let genes: Vec<u8> = (0..60u32)
            .map(|n| {
                (seed
                    .wrapping_mul(2_654_435_761)
                    .wrapping_add(n.wrapping_mul(40_503))
                    >> 11) as u8
            })
            .collect();
        let d = Definition::parse(&Builder::model(&genes)).unwrap();
        for n in d.nodes.values() {
            let kind = format!("{:?}", n.kind);
            seen.insert(kind.split(['(', ' ']).next().unwrap_or_default().to_string());
            if n.multi.is_some() {
                seen.insert(format!(
                    "many {}",
                    kind.split(['(', ' ']).next().unwrap_or_default()
                ));
            }
        }
    }
    let all = [
        "Boundary",
        "Call",
        "End",
        "EventBased",
        "Exclusive",
        "Inclusive",
        "Parallel",
        "Pass",
        "Rule",
        "Send",
        "Service",
        "Start",
        "Sub",
        "User",
        "Wait",
        "many Call",
        "many Sub",
        "many User",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
