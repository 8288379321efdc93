//! The verbs `pack diff`, `pack apply` and `pack export`: what they say, and the exit code that says it to a script.

use kernel::living::{self, Difference, Report, Side, Unit, What};
use kernel::pack::Pack;
use kernel::{App, Result};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

/// A report for people, and for scripts its exit code.
pub struct Said {
    pub lines: Vec<String>,
    pub code: u8,
}

/// `pack diff`: 0 when pack and city say the same, 1 when they differ.
pub async fn diff(app: &Arc<App>, folder: &Path) -> Result<Said> {
    let report = living::diff(app, &Pack::read(folder)?).await?;
    let mut lines = listed(&report);
    lines.push(match report.is_empty() {
        true => format!("{}: the city says the same", folder.display()),
        false => format!(
            "{}: {} to take from the pack, {} edited here, {} of them in conflict, {} other files",
            folder.display(),
            report.from_pack(),
            report.local(),
            report.conflicts(),
            report.others.len()
        ),
    });
    Ok(Said {
        lines,
        code: u8::from(!report.is_empty()),
    })
}

/// `pack apply`: 0 when everything of the pack is in force now, 1 when something edited here stayed against it or a file cannot
/// be merged. A pack with errors is a fault and changes nothing.
pub async fn apply(app: &Arc<App>, folder: &Path) -> Result<Said> {
    let report = living::apply(app, &Pack::read(folder)?).await?;
    let mut lines = listed(&report);
    lines.push(format!(
        "{}: {} taken from the pack, {} edited here and kept, {} of them in conflict, {} other files not taken in",
        folder.display(),
        report.from_pack(),
        report.local(),
        report.conflicts(),
        report.others.len()
    ));
    Ok(Said {
        lines,
        code: u8::from(report.conflicts() > 0 || !report.others.is_empty()),
    })
}

/// `pack export`: writes what people edited back into the pack's folder; 0, or 1 when the pack then has errors, such as another
/// file that names a matter which is out of force.
pub async fn export(app: &Arc<App>, folder: &Path) -> Result<Said> {
    let mut lines = living::export(app, folder).await?;
    let written = lines.len();
    let errors = crate::check_pack(folder);
    let code = u8::from(!errors.is_empty());
    lines.push(format!(
        "{}: {written} changes, {} errors",
        folder.display(),
        errors.len()
    ));
    lines.splice(written..written, errors);
    Ok(Said { lines, code })
}

fn listed(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.items.iter().flat_map(item).collect();
    for f in &report.others {
        let what = match f.what {
            What::Added => "new",
            What::Removed => "gone",
            _ => "changed",
        };
        lines.push(format!(
            "{}: {what} since the pack was taken in; only a new city takes this file in",
            f.name
        ));
    }
    lines
}

fn item(d: &Difference) -> Vec<String> {
    let head = |what: &str| format!("{}/{} {}: {what}", d.section, d.id, d.title);
    let mut lines = vec![match d.what {
        What::Added => head("new in the pack"),
        What::Removed => head("no longer in the pack; goes out of force"),
        What::Kept => head("conflict: no longer in the pack, but edited here, so it stays"),
        What::Here => head("made here"),
        What::Changed => head("differs"),
    }];
    lines.extend(d.units.iter().map(|u| format!("  {}", unit(u))));
    lines
}

fn unit(u: &Unit) -> String {
    let name = &u.name;
    match u.side {
        Side::Pack => format!(
            "{name}: the pack changed it from {} to {}",
            short(&u.local),
            short(&u.pack)
        ),
        Side::Local => format!(
            "{name}: edited here from {} to {}",
            short(&u.base),
            short(&u.local)
        ),
        Side::Conflict => format!(
            "{name}: conflict, here {} stays, the pack has {}",
            short(&u.local),
            short(&u.pack)
        ),
    }
}

/// One value on one line; of a whole file its size.
fn short(value: &Json) -> String {
    const MOST: usize = 60;
    let text = match value {
        Json::Null => return "nothing".into(),
        Json::String(text) if text.contains('\n') => {
            return format!("a text of {} lines", text.lines().count());
        }
        Json::String(text) => format!("“{text}”"),
        other => other.to_string(),
    };
    match text.chars().count() > MOST {
        true => text.chars().take(MOST).chain(['…']).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_fit_on_a_line() {
        assert_eq!(short(&json!(null)), "nothing");
        assert_eq!(short(&json!("a\nb\n")), "a text of 2 lines");
        assert_eq!(short(&json!("标题")), "“标题”");
        assert_eq!(short(&json!("长".repeat(90))).chars().count(), 61);
        let u = Unit {
            name: "legal_days".into(),
            side: Side::Conflict,
            base: json!(20),
            local: json!(15),
            pack: json!(10),
        };
        assert_eq!(unit(&u), "legal_days: conflict, here 15 stays, the pack has 10");
    }
}
