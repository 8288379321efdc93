use crate::Decision;

/// `policy`, then inputs as `name:type`, then rows of cells with the output last, all split by `|`.
fn table(policy: &str, inputs: &str, rows: &[&str]) -> Decision {
    let escape = |t: &str| t.replace('<', "&lt;").replace('>', "&gt;");
    let mut xml = format!("<definitions xmlns:yw=\"y\"><decision id=\"d\"><decisionTable {policy}>");
    for i in inputs.split('|') {
        let mut parts = i.split(':');
        let (name, kind, allowed) = (parts.next().unwrap(), parts.next().unwrap_or(""), parts.next());
        let values = allowed.map_or(String::new(), |a| {
            format!("<inputValues><text>{}</text></inputValues>", escape(a))
        });
        xml.push_str(&format!(
            "<input><inputExpression typeRef=\"{kind}\"><text>{name}</text></inputExpression>{values}</input>"
        ));
    }
    xml.push_str("<output name=\"o\"/>");
    for (n, r) in rows.iter().enumerate() {
        let cells: Vec<&str> = r.split('|').collect();
        let (output, tests) = cells.split_last().unwrap();
        xml.push_str(&format!("<rule id=\"r{}\">", n + 1));
        for t in tests {
            xml.push_str(&format!("<inputEntry><text>{}</text></inputEntry>", escape(t)));
        }
        xml.push_str(&format!(
            "<outputEntry><text>{output}</text></outputEntry></rule>"
        ));
    }
    xml.push_str("</decisionTable></decision></definitions>");
    Decision::parse(&xml).unwrap_or_else(|e| panic!("{e}")).remove(0)
}

fn found(d: &Decision) -> (Vec<String>, Vec<String>) {
    let a = d.analyse(&|_| None);
    let texts = |f: Vec<crate::Finding>| f.into_iter().map(|f| f.message).collect();
    (texts(a.errors), texts(a.warnings))
}

#[test]
fn a_whole_table_has_no_findings() {
    let d = table(
        "",
        "area:number|road:boolean|use:string:\"goods\",\"works\"",
        &[
            "< 20|-|-|1",
            "[20..100)|true|\"goods\"|2",
            "[20..100)|true|not(\"goods\")|3",
            "[20..100)|false|-|4",
            ">= 100|-|-|5",
        ],
    );
    assert_eq!(found(&d), (vec![], vec![]));
}

#[test]
fn overlaps_are_named_with_an_example() {
    let rows = [
        "<= 20|\"a\",\"b\"|1",
        ">= 20|\"b\",\"c\"|2",
        "> 20|\"a\"|1",
        "-|not(\"a\",\"b\",\"c\")|4",
        "< 20|\"c\"|1",
    ];
    let (errors, _) = found(&table("", "area|use", &rows));
    assert_eq!(errors, ["rules r1 and r2 both match area = 20, use = \"b\""]);
    // The same under ANY is a fault only where the answers differ.
    let same = ["<= 20|1", ">= 20|1"];
    assert_eq!(
        found(&table("hitPolicy=\"ANY\"", "area", &same)).0,
        Vec::<String>::new()
    );
    let differ = ["<= 20|1", ">= 20|2"];
    assert_eq!(found(&table("hitPolicy=\"ANY\"", "area", &differ)).0.len(), 1);
    let computed = ["<= 20|area", ">= 20|20"];
    let (errors, warnings) = found(&table("hitPolicy=\"ANY\"", "area", &computed));
    assert_eq!((errors.len(), warnings.len()), (0, 1));
    assert_eq!(
        found(&table("hitPolicy=\"COLLECT\"", "area", &differ)),
        (vec![], vec![])
    );
}

#[test]
fn gaps_are_named() {
    let gaps = |inputs: &str, rows: &[&str]| found(&table("", inputs, rows)).0;
    assert_eq!(
        gaps("area", &["< 20|1", "> 20|2"]),
        ["decision d: no rule covers area = 20"]
    );
    assert_eq!(
        gaps("area", &["[0..20)|1", "[20..50]|2"]),
        ["decision d: no rule covers area = < 0 or > 50"]
    );
    assert_eq!(
        gaps("area:number:>= 0", &["[0..20)|1", "[20..50]|2"]),
        ["decision d: no rule covers area = > 50"]
    );
    assert_eq!(gaps("n:integer", &["<= 20|1", ">= 21|2"]), Vec::<String>::new());
    assert_eq!(
        gaps("n:number", &["<= 20|1", ">= 21|2"]),
        ["decision d: no rule covers n = (20..21)"]
    );
    assert_eq!(
        gaps("use", &["\"a\"|1", "\"b\"|2"]),
        ["decision d: no rule covers use = anything else"]
    );
    assert_eq!(
        gaps("use:string:\"a\",\"b\",\"c\"", &["\"a\"|1", "\"b\"|2"]),
        ["decision d: no rule covers use = \"c\""]
    );
    assert_eq!(
        gaps("ok:boolean", &["true|1"]),
        ["decision d: no rule covers ok = false"]
    );
    assert_eq!(
        gaps(
            "day:date",
            &["<= date(\"2026-01-01\")|1", ">= date(\"2026-01-03\")|2"]
        ),
        ["decision d: no rule covers day = (2026-01-01..2026-01-03)"]
    );
    assert_eq!(
        gaps("day:date", &["< date(\"2026-01-02\")|1", ">= \"2026-01-02\"|2"]),
        Vec::<String>::new(),
        "as text too"
    );
    assert_eq!(
        gaps("day:date", &["<= \"2026-01-01\"|1", ">= \"2026-01-02\"|2"]),
        Vec::<String>::new(),
        "days are whole"
    );
    assert_eq!(
        gaps("a|b", &["< 1|true|1", ">= 1|-|2"]),
        ["decision d: no rule covers a = < 1, b = false"]
    );
    assert_eq!(gaps("x", &["null|1", "< 1|2", ">= 1|3"]), Vec::<String>::new());
    // A column that stands twice is one.
    assert_eq!(gaps("x|x", &["< 5|-|1", "-|>= 5|2"]), Vec::<String>::new());
    // Meant, or answered by a default.
    assert_eq!(
        found(&table("yw:gaps=\"allowed\"", "x", &["< 5|1"])).0,
        Vec::<String>::new()
    );
}

#[test]
fn a_form_tells_what_may_be_chosen() {
    let d = table("", "use", &["\"a\"|1", "\"b\"|2"]);
    let choices = |name: &str| (name == "use").then(|| ("string", "\"a\", \"b\"".to_string()));
    assert_eq!(d.analyse(&choices), crate::Analysis::default());
}

#[test]
fn masked_rules_and_cells_beyond_analysis_are_warnings() {
    let (errors, warnings) = found(&table(
        "hitPolicy=\"FIRST\"",
        "x|y",
        &["< 5|-|1", "-|true|2", "< 3|false|3", "-|-|4", "> 9|-|5"],
    ));
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(
        warnings,
        [
            "rule r3 never answers: rules before it cover all it matches",
            "rule r5 never answers: rules before it cover all it matches"
        ]
    );
    let (errors, warnings) = found(&table("", "x|y", &["< limit|-|1", ">= 5|true|2", ">= 5|true|3"]));
    assert_eq!(warnings, ["rule r1, x: `< limit` is not analysable"]);
    assert_eq!(
        errors,
        ["rules r2 and r3 both match x = >= 5, y = true"],
        "what is found beside it holds"
    );
}

/// The analysis against every case of a small grid, for tables of random cells.
#[test]
fn agrees_with_trying_every_case() {
    let cells = [
        "-", "< 2", ">= 2", "[1..3]", "2", "(2..3)", "not(2)", "1, 3", "> 3",
    ];
    let texts = ["-", "\"a\"", "not(\"a\")", "\"a\",\"b\""];
    // Between and beyond the values mentioned, halves stand for all.
    let numbers: Vec<f64> = (0..10).map(|n| f64::from(n) / 2.0).collect();
    let mut seed = 7u32;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % n
    };
    let (mut gaps, mut overlaps, mut masks) = (0, 0, 0);
    for _ in 0..600 {
        let rows: Vec<String> = (0..2 + next(4))
            .map(|n| format!("{}|{}|{n}", cells[next(cells.len())], texts[next(texts.len())]))
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let (unique, first) = (
            table("", "x|y", &rows),
            table("hitPolicy=\"FIRST\"", "x|y", &rows),
        );
        let mut hit = vec![0; rows.len()];
        let (mut gap, mut overlap) = (false, false);
        for x in &numbers {
            for y in ["a", "b", "z"] {
                let fired = unique.explain(&serde_json::json!({ "x": x, "y": y })).unwrap();
                let fired: Vec<usize> = (0..rows.len()).filter(|n| fired[*n].fired).collect();
                gap |= fired.is_empty();
                overlap |= fired.len() > 1;
                fired.first().into_iter().for_each(|n| hit[*n] += 1);
            }
        }
        let (errors, _) = found(&unique);
        assert_eq!(
            errors.iter().any(|e| e.contains("no rule covers")),
            gap,
            "{rows:?}: {errors:?}"
        );
        assert_eq!(
            errors.iter().any(|e| e.contains("both match")),
            overlap,
            "{rows:?}: {errors:?}"
        );
        let (_, warnings) = found(&first);
        let masked: Vec<String> = (1..rows.len())
            .filter(|n| hit[*n] == 0)
            .map(|n| {
                format!(
                    "rule r{} never answers: rules before it cover all it matches",
                    n + 1
                )
            })
            .collect();
        assert_eq!(warnings, masked, "{rows:?}");
        gaps += usize::from(gap);
        overlaps += usize::from(overlap);
        masks += masked.len();
    }
    assert!(
        gaps > 50 && overlaps > 50 && masks > 50,
        "{gaps} {overlaps} {masks}"
    );
}
