//! The verbs: see figures, open them to their rows, take the rows away, keep history.

use super::model::{By, Figure, Kind, Part, Point, Source};
use super::store::{self, Counted, From, Line, Series, Within};
use crate::READ;
use crate::pack::Definition;
use kernel::{Ctx, Fault, Recorded, Refusal, Resource, Result, Scope, Tx, fact};
use std::collections::BTreeMap;

/// Rows on one page.
pub(crate) const PAGE: i64 = 50;
/// Rows of one export; beyond it the reader narrows by organisation or matter.
pub(crate) const EXPORT: i64 = 100_000;
const POINTS: u32 = 60;

/// An indicator with the reader's figure; `kind` is `None` when nothing here computes it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub definition: Definition,
    pub kind: Option<Kind>,
    pub figure: Figure,
    /// History of the same records, up to now; empty when the reader sees only a part of every
    /// recorded series.
    pub points: Vec<Point>,
}

/// All indicators broken down by one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Id, name in the reader's language, figures.
    pub lines: Vec<(String, String, BTreeMap<Kind, Figure>)>,
}

/// Everything on the cockpit.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub shown: Vec<Shown>,
    pub organisations: Table,
    pub matters: Table,
    pub events: Vec<(String, i64)>,
}

/// What this reader may see, with the names of organisations in the reader's language.
struct Eyes {
    within: Within,
    names: BTreeMap<String, String>,
}

fn eyes(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Eyes> {
    let scope = ctx.scope(READ);
    let all = identity::api::organisations(tx)?;
    let organisations = (scope != Scope::All).then(|| {
        let seen = all.iter().filter(|o| {
            let place = Resource {
                org_paths: vec![o.path.clone()],
                area_code: o.area_code.clone(),
                ..Resource::default()
            };
            scope.holds(&place)
        });
        seen.map(|o| o.id.clone()).collect()
    });
    let names = all
        .into_iter()
        .map(|o| (o.id, ctx.locale.pick(&o.short, &o.name_en).to_string()))
        .collect();
    let within = Within {
        scope,
        organisations,
        ..Within::all()
    };
    Ok(Eyes { within, names })
}

/// The four figures of these records.
fn count(tx: &mut Tx<'_>, w: &Within) -> Result<BTreeMap<Kind, Figure>, Fault> {
    let mut all = BTreeMap::new();
    for source in [Source::Cases, Source::Matters] {
        all.extend(store::totals(tx, source, w)?);
    }
    Ok(all)
}

/// Lines of both sources under one id, those with the most cases first.
fn table(ctx: &Ctx, tx: &mut Tx<'_>, eyes: &Eyes, by: By, limit: u32) -> Result<Table> {
    let mut lines: Vec<(String, String, BTreeMap<Kind, Figure>)> = Vec::new();
    for source in [Source::Cases, Source::Matters] {
        for Line {
            id,
            title,
            title_en,
            figures,
        } in store::by(tx, source, by, &eyes.within, limit)?
        {
            match lines.iter_mut().find(|l| l.0 == id) {
                Some(line) => line.2.extend(figures),
                None => {
                    let name = match by {
                        By::Organisation => eyes.names.get(&id).map(String::as_str).unwrap_or_default(),
                        By::Matter => ctx.locale.pick(&title, &title_en),
                    };
                    let name = if name.is_empty() {
                        id.clone()
                    } else {
                        name.to_string()
                    };
                    lines.push((id, name, figures.into_iter().collect()));
                }
            }
        }
    }
    lines.truncate(limit as usize);
    Ok(Table { lines })
}

/// History that covers exactly the records of the reader's figure: the city's when nothing is hidden
/// from the reader, the one organisation's when the reader sees that one whole, else none.
fn history(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    eyes: &Eyes,
    mine: &BTreeMap<Kind, Figure>,
    organisations: &Table,
) -> Result<BTreeMap<Kind, Vec<Point>>> {
    let city = if eyes.within.scope == Scope::All {
        mine.clone()
    } else {
        count(tx, &Within::all())?
    };
    let mut out = BTreeMap::new();
    for (kind, figure) in mine {
        let with: Vec<&str> = organisations
            .lines
            .iter()
            .filter(|l| l.2.get(kind).is_some_and(|f| f.denominator > 0))
            .map(|l| l.0.as_str())
            .collect();
        let organisation = if city.get(kind) == Some(figure) {
            ""
        } else if let [one] = with[..] {
            let whole = count(tx, &Within::all().narrowed(one, ""))?;
            if whole.get(kind) != Some(figure) {
                continue;
            }
            one
        } else {
            continue;
        };
        let mut points = store::points(
            tx,
            Series {
                kind: *kind,
                organisation,
                matter: "",
            },
            POINTS,
        )?;
        if points
            .last()
            .is_some_and(|p| p.figure != *figure && p.at < ctx.now())
        {
            points.push(Point {
                at: ctx.now(),
                figure: *figure,
            });
        }
        out.insert(*kind, points);
    }
    Ok(out)
}

fn shown(
    tx: &mut Tx<'_>,
    figures: &BTreeMap<Kind, Figure>,
    mut history: BTreeMap<Kind, Vec<Point>>,
) -> Result<Vec<Shown>> {
    let all = store::definitions(tx)?.into_iter().map(|definition| {
        let kind = Kind::parse(&definition.id);
        Shown {
            definition,
            kind,
            figure: kind.and_then(|k| figures.get(&k)).copied().unwrap_or_default(),
            points: kind.and_then(|k| history.remove(&k)).unwrap_or_default(),
        }
    });
    Ok(all.collect())
}

/// The cockpit: all figures with their breakdowns, and the newest facts. `limit`: lines of each
/// breakdown; 0 leaves the scan by matter out.
pub(crate) async fn board(ctx: &Ctx, limit: u32) -> Result<Board> {
    ctx.read("indicators.board", |tx| {
        let eyes = eyes(ctx, tx)?;
        let figures = count(tx, &eyes.within)?;
        let mut organisations = table(ctx, tx, &eyes, By::Organisation, 400)?;
        let history = history(ctx, tx, &eyes, &figures, &organisations)?;
        organisations.lines.truncate(limit as usize);
        Ok(Board {
            shown: shown(tx, &figures, history)?,
            matters: if limit > 0 {
                table(ctx, tx, &eyes, By::Matter, limit)?
            } else {
                Table::default()
            },
            organisations,
            events: store::events(tx, 20)?,
        })
    })
    .await
}

/// One indicator with its breakdowns.
pub(crate) async fn whole(ctx: &Ctx, id: &str, limit: u32) -> Result<(Shown, Table, Table)> {
    let Board {
        shown,
        organisations,
        matters,
        ..
    } = board(ctx, limit).await?;
    let one = shown
        .into_iter()
        .find(|s| s.definition.id == id)
        .ok_or_else(Refusal::not_found)?;
    let Some(kind) = one.kind else {
        return Ok((one, Table::default(), Table::default()));
    };
    let of = |mut t: Table| {
        t.lines
            .retain(|l| l.2.get(&kind).is_some_and(|f| f.denominator > 0));
        t
    };
    Ok((one, of(organisations), of(matters)))
}

/// Which rows are asked for; '' = of all organisations or matters.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub id: &'a str,
    pub part: Part,
    pub organisation: &'a str,
    pub matter: &'a str,
}

/// Some rows of a figure, with the figure itself and the names that the rows need.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub definition: Definition,
    pub kind: Kind,
    pub figure: Figure,
    pub rows: Vec<Counted>,
    /// Organisation id → name.
    pub names: BTreeMap<String, String>,
    /// Name of the organisation and title of the matter to which the rows are narrowed.
    pub organisation: String,
    pub matter: String,
}

fn open(ctx: &Ctx, tx: &mut Tx<'_>, ask: &Ask<'_>, from: From<'_>, limit: i64) -> Result<Rows> {
    let kind = Kind::parse(ask.id).ok_or_else(Refusal::not_found)?;
    let definition = store::definitions(tx)?
        .into_iter()
        .find(|d| d.id == ask.id)
        .ok_or_else(Refusal::not_found)?;
    let eyes = eyes(ctx, tx)?;
    let within = eyes.within.narrowed(ask.organisation, ask.matter);
    let figure = count(tx, &within)?.get(&kind).copied().unwrap_or_default();
    let rows = store::rows(tx, kind, ask.part, &within, from, limit)?;
    let title = store::matter_title(tx, ask.matter)?;
    Ok(Rows {
        definition,
        kind,
        figure,
        rows,
        organisation: eyes
            .names
            .get(ask.organisation)
            .cloned()
            .unwrap_or_else(|| ask.organisation.to_string()),
        matter: title.map_or_else(
            || ask.matter.to_string(),
            |(zh, en)| ctx.locale.pick(&zh, &en).to_string(),
        ),
        names: eyes.names,
    })
}

/// One page of the rows that make a figure, newest first; `page` from 1.
pub(crate) async fn rows(ctx: &Ctx, ask: &Ask<'_>, page: i64) -> Result<Rows> {
    let offset = page
        .clamp(1, i64::MAX / PAGE)
        .saturating_sub(1)
        .saturating_mul(PAGE);
    ctx.read("indicators.rows", |tx| {
        open(ctx, tx, ask, From::Offset(offset), PAGE)
    })
    .await
}

/// All rows that make a figure, for a file; read in short transactions.
pub(crate) async fn all_rows(ctx: &Ctx, ask: &Ask<'_>) -> Result<Rows> {
    let mut all: Option<Rows> = None;
    loop {
        let after = all
            .as_ref()
            .and_then(|a| a.rows.last())
            .map(|r| r.id.clone())
            .unwrap_or_default();
        let next = ctx
            .read("indicators.export", |tx| {
                open(ctx, tx, ask, From::After(&after), 200)
            })
            .await?;
        if ask.part.of(next.figure) > EXPORT {
            return Err(Refusal::new("indicators-export-too-many")
                .arg("most", EXPORT)
                .into());
        }
        let full = next.rows.len() == 200;
        match &mut all {
            Some(a) => a.rows.extend(next.rows),
            None => all = Some(next),
        }
        if !full {
            return all.ok_or_else(|| Fault::new("export without a page").into());
        }
    }
}

/// Consumer: counts again what the fact may have moved and writes a point where the figure differs from
/// the last one. Every count notes how far the log had come, so a burst of facts is counted once.
pub(crate) fn record(ctx: &Ctx, tx: &mut Tx<'_>, f: &Recorded) -> Result<()> {
    let kinds = Kind::moved_by(&f.kind);
    let Some(source) = kinds.first().map(|k| k.source()) else {
        return Ok(());
    };
    let (organisation, matter) = store::place_of(tx, source, &f.subject)?.unwrap_or_default();
    let mut series = vec![("", ""), (organisation.as_str(), "")];
    if source == Source::Cases {
        series.push(("", matter.as_str()));
    }
    series.dedup();
    for (organisation, matter) in series {
        let mut due = Vec::new();
        for kind in kinds.iter().copied() {
            let s = Series {
                kind,
                organisation,
                matter,
            };
            let last = store::latest(tx, s)?;
            if last.is_none_or(|(_, seq)| seq < f.seq) {
                due.push((s, last.map(|(figure, _)| figure).unwrap_or_default()));
            }
        }
        if due.is_empty() {
            continue;
        }
        // Read before counting: whatever is numbered by now is committed and so in the count.
        let head = fact::head(tx)?;
        let counted = store::totals(tx, source, &Within::all().narrowed(organisation, matter))?;
        for (s, last) in due {
            let figure = counted
                .iter()
                .find(|(k, _)| *k == s.kind)
                .map(|(_, f)| *f)
                .unwrap_or_default();
            if figure != last {
                store::put_point(
                    tx,
                    s,
                    Point {
                        at: ctx.now(),
                        figure,
                    },
                )?;
            }
            store::put_latest(tx, s, figure, head)?;
        }
    }
    Ok(())
}
