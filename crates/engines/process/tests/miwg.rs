//! The reference models of the BPMN Model Interchange Working Group come in and go out whole, compared event by event
//! with another reading of the file than the engine's own.

use process::{Definition, Document};
use quick_xml::events::Event;
use std::collections::BTreeSet;

const MODELS: [(&str, &str); 8] = [
    ("A.1.0", include_str!("miwg/A.1.0.bpmn")),
    ("A.2.0", include_str!("miwg/A.2.0.bpmn")),
    ("A.2.1", include_str!("miwg/A.2.1.bpmn")),
    ("A.3.0", include_str!("miwg/A.3.0.bpmn")),
    ("A.4.0", include_str!("miwg/A.4.0.bpmn")),
    ("A.4.1", include_str!("miwg/A.4.1.bpmn")),
    ("B.1.0", include_str!("miwg/B.1.0.bpmn")),
    ("B.2.0", include_str!("miwg/B.2.0.bpmn")),
];

/// The file as a flat list: element beginnings with their attributes, ends, texts.
fn flat(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let (mut out, mut text) = (Vec::new(), String::new());
    loop {
        let event = reader.read_event().unwrap();
        if !matches!(event, Event::Text(_) | Event::GeneralRef(_)) && !text.trim().is_empty() {
            out.push(std::mem::take(&mut text));
        }
        match event {
            Event::Start(e) => {
                let mut attributes: Vec<String> = e
                    .attributes()
                    .map(|a| {
                        let a = a.unwrap();
                        let value = quick_xml::escape::unescape(&a.value).unwrap();
                        format!("{}={value}", a.key.as_ref())
                    })
                    .collect();
                attributes.sort();
                out.push(format!("<{} {}", e.name().as_ref(), attributes.join(" ")));
            }
            Event::End(e) => out.push(format!("/{}", e.name().as_ref())),
            Event::Text(t) => text.push_str(&t),
            Event::GeneralRef(r) => {
                text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*r)).unwrap());
            }
            Event::CData(t) => out.push(format!("cdata {}", &*t)),
            Event::Comment(t) => out.push(format!("comment {}", &*t)),
            Event::Eof => return out,
            _ => {}
        }
    }
}

#[test]
fn come_in_and_go_out_whole() {
    for (name, xml) in MODELS {
        let document = Document::parse(xml).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = document.write();
        let (before, after) = (flat(xml), flat(&again));
        assert!(before.len() > 60, "{name}: {} parts", before.len());
        for (n, (b, a)) in before.iter().zip(&after).enumerate() {
            assert_eq!(b, a, "{name}, part {n}");
        }
        assert_eq!(before.len(), after.len(), "{name}");
        let second = Document::parse(&again).unwrap();
        assert_eq!(second.items(), document.items(), "{name}");
        assert_eq!(second.write(), again, "{name}: written twice, the same bytes");
    }
}

#[test]
fn every_element_is_listed_and_every_shape_draws_one() {
    // Counted by hand with grep in the files themselves.
    let expected = [
        ("A.1.0", "task", 3),
        ("A.2.1", "exclusiveGateway", 2),
        ("A.3.0", "boundaryEvent", 2),
        ("A.4.0", "subProcess", 2),
        ("A.4.1", "lane", 3),
        ("B.1.0", "callActivity", 3),
        ("B.2.0", "boundaryEvent", 11),
        ("B.2.0", "eventBasedGateway", 1),
        ("B.2.0", "sequenceFlow", 85 / 2),
    ];
    for (name, xml) in MODELS {
        let items = Document::parse(xml).unwrap().items();
        let ids: BTreeSet<&str> = items
            .iter()
            .map(|i| i.id.as_str())
            .filter(|i| !i.is_empty())
            .collect();
        let shapes: Vec<_> = items
            .iter()
            .filter(|i| ["BPMNShape", "BPMNEdge"].contains(&i.kind.as_str()))
            .collect();
        assert!(!shapes.is_empty(), "{name}");
        for s in shapes {
            let drawn = s.draws.rsplit(':').next().unwrap();
            assert!(ids.contains(drawn), "{name}: {} draws {drawn}", s.id);
        }
        for (_, kind, count) in expected
            .iter()
            .filter(|(n, k, _)| *n == name && *k != "sequenceFlow")
        {
            assert_eq!(
                items.iter().filter(|i| i.kind == *kind).count(),
                *count,
                "{name}: {kind}"
            );
        }
        // A flow has a beginning and an end tag; the files write both.
        let flows = items.iter().filter(|i| i.kind == "sequenceFlow").count();
        let written = xml.matches("sequenceFlow ").count();
        assert_eq!(flows, written, "{name}");
    }
}

#[test]
fn what_the_engine_cannot_run_is_refused_by_name() {
    for (name, xml) in MODELS {
        let error = Definition::parse(xml).expect_err(name).message;
        assert!(
            error.contains("is not supported by this engine") || error.contains("needs"),
            "{name}: {error}"
        );
    }
    let first = Definition::parse(MODELS[0].1).unwrap_err();
    assert!(first.message.starts_with("element task "), "{first}");
    assert!(
        MODELS[0].1[first.at..].starts_with('<'),
        "the place is the element's"
    );
}

#[test]
fn files_that_are_none() {
    let bad = [
        ("", "no element"),
        ("<definitions><process></definitions>", ""),
        ("<definitions>", "ends too early"),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><definitions/>", "document type"),
        ("<html/>", "no BPMN file"),
        ("<definitions/>", "no process"),
        ("<definitions/><definitions/>", ""),
    ];
    for (xml, says) in bad {
        let e = Definition::parse(xml).unwrap_err();
        assert!(e.message.contains(says), "{xml}: {e}");
    }
    let deep = format!("<definitions>{}", "<a>".repeat(100_000));
    assert!(Definition::parse(&deep).unwrap_err().message.contains("deep"));
}
