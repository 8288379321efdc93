//! All SQL of indicators: counts and rows over the public views, definitions, history, the newest facts.

use super::model::{By, Figure, Kind, Part, Point, Source};
use crate::pack::{Better, Definition};
use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value, params};

/// Ratings of this grade and above count as good.
const GOOD_GRADE: i64 = 3;

/// The records a count may see: the reader's reach, narrowed to one organisation or matter ('' = all).
#[derive(Clone, Debug)]
pub(crate) struct Within {
    pub scope: Scope,
    /// Matters carry no path of their own, so they are scoped by their organisation; `None` = all.
    pub organisations: Option<Vec<String>>,
    pub organisation: String,
    pub matter: String,
}

impl Within {
    /// Everything, for history.
    pub(crate) fn all() -> Within {
        Within {
            scope: Scope::All,
            organisations: None,
            organisation: String::new(),
            matter: String::new(),
        }
    }
    pub(crate) fn narrowed(&self, organisation: &str, matter: &str) -> Within {
        Within {
            organisation: organisation.into(),
            matter: matter.into(),
            ..self.clone()
        }
    }
}

fn view(source: Source) -> &'static str {
    match source {
        Source::Cases => "pub_cases_case",
        Source::Matters => "pub_services_matter",
    }
}

fn column(source: Source, by: By) -> &'static str {
    match (source, by) {
        (_, By::Organisation) => "v.organisation",
        (Source::Cases, By::Matter) => "v.matter",
        (Source::Matters, By::Matter) => "v.id",
    }
}

/// The condition of a counted row of `v`; the numerator's stands within the denominator's.
fn condition(kind: Kind, part: Part) -> String {
    let (counted, good) = match kind {
        Kind::Timeliness => ("v.state IN ('granted', 'refused')", "v.on_time = 1".to_string()),
        Kind::WhollyOnline => (
            "v.state IN ('granted', 'refused')",
            "v.visits = 0 AND v.channel = 'online'".to_string(),
        ),
        Kind::OneNetRate => (
            "1 = 1",
            "v.online = 'full' AND v.proven_case IS NOT NULL".to_string(),
        ),
        Kind::Satisfaction => ("v.grade IS NOT NULL", format!("v.grade >= {GOOD_GRADE}")),
    };
    match part {
        Part::Denominator => counted.to_string(),
        Part::Numerator => format!("{counted} AND {good}"),
    }
}

/// The reach as a condition on `v`; its parameters are appended.
fn reach(source: Source, w: &Within, params: &mut Vec<Value>) -> String {
    let mut all = vec![match (source, &w.organisations) {
        (Source::Cases, _) => {
            let columns = ScopeColumns {
                owner: "CAST(NULL AS TEXT)",
                about: "",
                org_path: "v.org_path",
                area_code: "v.area_code",
            };
            w.scope.sql(columns, params)
        }
        (Source::Matters, None) => "1 = 1".into(),
        (Source::Matters, Some(ids)) if ids.is_empty() => "1 = 0".into(),
        (Source::Matters, Some(ids)) => {
            let marks: Vec<String> = ids
                .iter()
                .map(|id| {
                    params.push(id.into());
                    format!("${}", params.len())
                })
                .collect();
            format!("v.organisation IN ({})", marks.join(", "))
        }
    }];
    for (by, wanted) in [(By::Organisation, &w.organisation), (By::Matter, &w.matter)] {
        if !wanted.is_empty() {
            params.push(wanted.into());
            all.push(format!("{} = ${}", column(source, by), params.len()));
        }
    }
    all.join(" AND ")
}

/// The counting columns of every indicator of a source, and how to read them back.
fn sums(source: Source) -> String {
    let one = |kind: Kind, part: Part, name: String| {
        format!(
            "COALESCE(SUM(CASE WHEN {} THEN 1 ELSE 0 END), 0) AS {name}",
            condition(kind, part)
        )
    };
    let columns: Vec<String> = Kind::of(source)
        .into_iter()
        .enumerate()
        .flat_map(|(i, k)| {
            [
                one(k, Part::Numerator, format!("n{i}")),
                one(k, Part::Denominator, format!("d{i}")),
            ]
        })
        .collect();
    columns.join(", ")
}

fn figures(source: Source, r: &Row) -> Result<Vec<(Kind, Figure)>, Fault> {
    Kind::of(source)
        .into_iter()
        .enumerate()
        .map(|(i, k)| {
            Ok((
                k,
                Figure {
                    numerator: r.get(&format!("n{i}"))?,
                    denominator: r.get(&format!("d{i}"))?,
                },
            ))
        })
        .collect()
}

/// All figures of a source in one scan.
pub(crate) fn totals(tx: &mut Tx<'_>, source: Source, w: &Within) -> Result<Vec<(Kind, Figure)>, Fault> {
    let mut params = Vec::new();
    let reach = reach(source, w, &mut params);
    let sql = format!("SELECT {} FROM {} v WHERE {reach}", sums(source), view(source));
    match tx.one(&sql, &params)? {
        Some(r) => figures(source, &r),
        None => Ok(Vec::new()),
    }
}

/// One line of a breakdown.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Id of the organisation or matter.
    pub id: String,
    /// Title of a matter in Chinese and English; empty for organisations, which identity names.
    pub title: String,
    pub title_en: String,
    pub figures: Vec<(Kind, Figure)>,
}

/// All figures of a source by organisation or matter, those with the most records first.
pub(crate) fn by(
    tx: &mut Tx<'_>,
    source: Source,
    by: By,
    w: &Within,
    limit: u32,
) -> Result<Vec<Line>, Fault> {
    let mut params = Vec::new();
    let reach = reach(source, w, &mut params);
    let key = column(source, by);
    let (title, join) = match (source, by) {
        (_, By::Organisation) => ("'' AS title, '' AS title_en", ""),
        (Source::Matters, By::Matter) => ("MAX(v.title) AS title, MAX(v.title_en) AS title_en", ""),
        (Source::Cases, By::Matter) => (
            "MAX(COALESCE(m.title, '')) AS title, MAX(COALESCE(m.title_en, '')) AS title_en",
            "LEFT JOIN pub_services_matter m ON m.id = v.matter",
        ),
    };
    let sql = format!(
        "SELECT {key} AS k, {title}, COUNT(*) AS records, {} FROM {} v {join} WHERE {reach} AND {key} IS \
         NOT NULL GROUP BY {key} ORDER BY records DESC, k LIMIT {limit}",
        sums(source),
        view(source)
    );
    tx.query(&sql, &params)?
        .iter()
        .map(|r| {
            Ok(Line {
                id: r.get("k")?,
                title: r.get("title")?,
                title_en: r.get("title_en")?,
                figures: figures(source, r)?,
            })
        })
        .collect()
}

/// One counted row: a case, or a matter with the case that proved it. No names.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub id: String,
    /// Number of the case, or of the case that proved the matter.
    pub number: Option<String>,
    pub title: String,
    pub title_en: String,
    pub organisation: String,
    /// UTC milliseconds of the end of the case, or of the proof.
    pub at: Option<i64>,
    pub on_time: Option<bool>,
    pub visits: Option<i64>,
    pub channel: Option<String>,
    pub grade: Option<i64>,
    /// `full`, `partial` or `none`, for matters.
    pub online: Option<String>,
}

/// Where a list of rows begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From<'a> {
    /// Newest first, after so many rows.
    Offset(i64),
    /// In order of ids, after this one.
    After(&'a str),
}

/// The rows that a figure counts, under the same conditions as the count.
pub(crate) fn rows(
    tx: &mut Tx<'_>,
    kind: Kind,
    part: Part,
    w: &Within,
    from: From<'_>,
    limit: i64,
) -> Result<Vec<Counted>, Fault> {
    let mut params = Vec::new();
    let source = kind.source();
    let reach = reach(source, w, &mut params);
    let (columns, join, at) = match source {
        Source::Cases => (
            "v.id, v.number, COALESCE(m.title, v.matter) AS title, COALESCE(m.title_en, '') AS title_en, \
             v.organisation, v.ended_at AS at, v.on_time, v.visits, v.channel, v.grade, \
             CAST(NULL AS TEXT) AS online",
            "LEFT JOIN pub_services_matter m ON m.id = v.matter",
            "v.ended_at",
        ),
        Source::Matters => (
            "v.id, c.number, v.title, v.title_en, v.organisation, v.proven_at AS at, \
             CAST(NULL AS BIGINT) AS on_time, CAST(NULL AS BIGINT) AS visits, CAST(NULL AS TEXT) AS channel, \
             CAST(NULL AS BIGINT) AS grade, v.online",
            "LEFT JOIN pub_cases_case c ON c.id = v.proven_case",
            "v.proven_at",
        ),
    };
    let (begin, order) = match from {
        From::Offset(n) => {
            params.push(n.into());
            (
                String::new(),
                format!(
                    "COALESCE({at}, 0) DESC, v.id LIMIT {limit} OFFSET ${}",
                    params.len()
                ),
            )
        }
        From::After(id) => {
            params.push(id.into());
            (
                format!(" AND v.id > ${}", params.len()),
                format!("v.id LIMIT {limit}"),
            )
        }
    };
    let sql = format!(
        "SELECT {columns} FROM {} v {join} WHERE {reach} AND {}{begin} ORDER BY {order}",
        view(source),
        condition(kind, part)
    );
    tx.query(&sql, &params)?
        .iter()
        .map(|r| {
            Ok(Counted {
                id: r.get("id")?,
                number: r.get("number")?,
                title: r.get("title")?,
                title_en: r.get::<Option<String>>("title_en")?.unwrap_or_default(),
                organisation: r.get::<Option<String>>("organisation")?.unwrap_or_default(),
                at: r.get("at")?,
                on_time: r.get("on_time")?,
                visits: r.get("visits")?,
                channel: r.get("channel")?,
                grade: r.get("grade")?,
                online: r.get("online")?,
            })
        })
        .collect()
}

/// Organisation and matter of a case or matter, by its id.
pub(crate) fn place_of(tx: &mut Tx<'_>, source: Source, id: &str) -> Result<Option<(String, String)>, Fault> {
    let matter = column(source, By::Matter);
    let sql = format!(
        "SELECT v.organisation AS o, {matter} AS m FROM {} v WHERE v.id = $1",
        view(source)
    );
    tx.one(&sql, params![id])?
        .map(|r| Ok((r.get::<Option<String>>("o")?.unwrap_or_default(), r.get("m")?)))
        .transpose()
}

/// Chinese and English title of a matter.
pub(crate) fn matter_title(tx: &mut Tx<'_>, id: &str) -> Result<Option<(String, String)>, Fault> {
    tx.one(
        "SELECT title, title_en FROM pub_services_matter WHERE id = $1",
        params![id],
    )?
    .map(|r| {
        Ok((
            r.get("title")?,
            r.get::<Option<String>>("title_en")?.unwrap_or_default(),
        ))
    })
    .transpose()
}

pub(crate) fn put_definition(tx: &mut Tx<'_>, place: i64, d: &Definition) -> Result<(), Fault> {
    let better = if d.better == Better::Up { "up" } else { "down" };
    tx.execute(
        "INSERT INTO indicators_definition(id, place, title, title_en, unit, formula, formula_en, better) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET place = $2, title = $3, \
         title_en = $4, \
         unit = $5, formula = $6, formula_en = $7, better = $8",
        params![
            d.id.as_str(),
            place,
            d.title.as_str(),
            d.title_en.as_str(),
            d.unit.as_str(),
            d.formula.as_str(),
            d.formula_en.as_str(),
            better
        ],
    )?;
    Ok(())
}

/// All definitions in the pack's order.
pub(crate) fn definitions(tx: &mut Tx<'_>) -> Result<Vec<Definition>, Fault> {
    let sql = "SELECT id, title, title_en, unit, formula, formula_en, better FROM indicators_definition \
          ORDER BY place, id";
    tx.query(sql, &[])?
        .iter()
        .map(|r| {
            Ok(Definition {
                id: r.get("id")?,
                title: r.get("title")?,
                title_en: r.get("title_en")?,
                unit: r.get("unit")?,
                formula: r.get("formula")?,
                formula_en: r.get("formula_en")?,
                better: if r.get::<String>("better")? == "down" {
                    Better::Down
                } else {
                    Better::Up
                },
            })
        })
        .collect()
}

/// One line of history: both '' for the whole city.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series<'a> {
    pub kind: Kind,
    pub organisation: &'a str,
    pub matter: &'a str,
}

/// The newest count of a series and the position in the log up to which it holds.
pub(crate) fn latest(tx: &mut Tx<'_>, s: Series<'_>) -> Result<Option<(Figure, i64)>, Fault> {
    tx.one(
        "SELECT numerator, denominator, seq FROM indicators_latest \
         WHERE indicator = $1 AND organisation = $2 AND matter = $3",
        params![s.kind.id(), s.organisation, s.matter],
    )?
    .map(|r| {
        Ok((
            Figure {
                numerator: r.get("numerator")?,
                denominator: r.get("denominator")?,
            },
            r.get("seq")?,
        ))
    })
    .transpose()
}

pub(crate) fn put_latest(tx: &mut Tx<'_>, s: Series<'_>, f: Figure, seq: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO indicators_latest(indicator, organisation, matter, numerator, denominator, seq) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (indicator, organisation, matter) \
         DO UPDATE SET numerator = $4, denominator = $5, seq = $6",
        params![
            s.kind.id(),
            s.organisation,
            s.matter,
            f.numerator,
            f.denominator,
            seq
        ],
    )?;
    Ok(())
}

pub(crate) fn put_point(tx: &mut Tx<'_>, s: Series<'_>, p: Point) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO indicators_point(indicator, organisation, matter, at, numerator, denominator) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (indicator, organisation, matter, at) \
         DO UPDATE SET numerator = $5, denominator = $6",
        params![
            s.kind.id(),
            s.organisation,
            s.matter,
            p.at,
            p.figure.numerator,
            p.figure.denominator
        ],
    )?;
    Ok(())
}

/// The last points of a series, oldest first.
pub(crate) fn points(tx: &mut Tx<'_>, s: Series<'_>, limit: u32) -> Result<Vec<Point>, Fault> {
    let sql = format!(
        "SELECT at, numerator, denominator FROM indicators_point \
         WHERE indicator = $1 AND organisation = $2 AND matter = $3 ORDER BY at DESC LIMIT {limit}"
    );
    tx.query(&sql, params![s.kind.id(), s.organisation, s.matter])?
        .iter()
        .rev()
        .map(|r| {
            let figure = Figure {
                numerator: r.get("numerator")?,
                denominator: r.get("denominator")?,
            };
            Ok(Point {
                at: r.get("at")?,
                figure,
            })
        })
        .collect()
}

/// Type and time of the newest facts; sign-ins are left out, they say nothing about the city.
pub(crate) fn events(tx: &mut Tx<'_>, limit: u32) -> Result<Vec<(String, i64)>, Fault> {
    let sql = format!(
        "SELECT type, at FROM kernel_fact WHERE seq IS NOT NULL AND type NOT LIKE 'identity.session.%' \
         ORDER BY seq DESC LIMIT {limit}"
    );
    tx.query(&sql, &[])?
        .iter()
        .map(|r| Ok((r.get("type")?, r.get("at")?)))
        .collect()
}
