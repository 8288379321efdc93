//! Legal time: working days by the city's holiday table, the clocks of a case, its light.

use calendar::{Clock, Due, HolidayTable, Light};
use jiff::civil::Date;
use kernel::{Ctx, Fact, Fault, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The holiday table in force.
pub struct Holidays(pub HolidayTable);

const SETTING: &str = "holidays";

/// Reads a holiday table (TOML).
pub fn parse(text: &str) -> Result<HolidayTable, Fault> {
    toml::from_str(text).map_err(|e| Fault::of("holiday table", e))
}

/// The table in force; the pack's until an operator applies a newer one.
pub fn table(ctx: &Ctx) -> Result<Arc<Holidays>, Fault> {
    ctx.service::<Holidays>()
}

/// Puts the stored table, or the pack's, into force, and warns when it ends soon.
pub async fn open(ctx: &Ctx, pack: &kernel::pack::Pack) -> Result<()> {
    let stored: Option<String> = ctx
        .read("cases.holidays", |tx| Ok(kernel::setting::get(tx, SETTING)?))
        .await?;
    let text = match stored {
        Some(text) => text,
        None => pack.text("calendar/cn.toml")?,
    };
    ctx.app.services.put(Holidays(parse(&text)?));
    for warning in warnings(ctx)? {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// What an operator should know: the table ends within 60 days, or has ended.
pub fn warnings(ctx: &Ctx) -> Result<Vec<String>> {
    let holidays = table(ctx)?;
    let left = holidays
        .0
        .known_to
        .since(ctx.today())
        .map(|s| s.get_days())
        .unwrap_or(0);
    Ok(if left < 60 {
        vec![format!(
            "the holiday table ends on {}: later due dates count weekdays and are marked provisional; apply the next \
             table with `yiwang calendar FILE`",
            holidays.0.known_to
        )]
    } else {
        Vec::new()
    })
}

/// Applies a newer table and recomputes the provisional due dates of open cases.
pub async fn apply(ctx: &Ctx, text: &str) -> Result<usize> {
    let table = parse(text)?;
    ctx.app.services.put(Holidays(table));
    ctx.tx("cases.holidays", |tx| {
        Ok(kernel::setting::put(tx, SETTING, text)?)
    })
    .await?;
    let open: Vec<String> = ctx
        .read("cases.provisional", |tx| {
            let rows = tx.query(
                "SELECT id FROM cases_case WHERE provisional = 1 AND ended_at IS NULL ORDER BY id",
                &[],
            )?;
            Ok(rows
                .iter()
                .map(|r| r.get("id"))
                .collect::<Result<Vec<String>, Fault>>()?)
        })
        .await?;
    for id in &open {
        ctx.tx("cases.recompute", |tx| {
            let Some(mut case) = crate::case::store::load(ctx, tx, id)? else {
                return Ok(());
            };
            crate::case::runtime::set_due(ctx, &mut case)?;
            crate::case::store::save(ctx, tx, &case)?;
            let fact = Fact::new("cases.case.due-recomputed", id)
                .payload(serde_json::json!({ "due_on": case.due_on }));
            ctx.emit(tx, fact.touch(&crate::CASE, id))?;
            Ok(())
        })
        .await?;
    }
    Ok(open.len())
}

/// The clock of one phase of a case, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseClock {
    /// `acceptance` or `decision`.
    pub phase: String,
    pub start: Date,
    /// Working days.
    pub limit: u32,
    pub suspensions: Vec<(Date, Option<Date>)>,
    pub extension: u32,
    /// The phase before, for a case that goes back to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<CaseClock>>,
}

impl CaseClock {
    pub fn begin(phase: &str, start: Date, limit: u32) -> CaseClock {
        CaseClock {
            phase: phase.into(),
            start,
            limit,
            suspensions: Vec::new(),
            extension: 0,
            before: None,
        }
    }
    /// This phase, following another.
    pub fn after(mut self, before: Option<CaseClock>) -> CaseClock {
        self.before = before.map(Box::new);
        self
    }
    /// The phase before, which runs on as if it had never ended; this one when there was none.
    pub fn back(self) -> CaseClock {
        self.before.clone().map_or(self, |b| *b)
    }
    fn engine(&self) -> Clock {
        Clock {
            start: self.start,
            limit: self.limit,
            suspensions: self.suspensions.clone(),
            extension: self.extension,
        }
    }
    /// `None` while the clock is stopped.
    pub fn due(&self, table: &HolidayTable) -> Option<Due> {
        self.engine().due(table)
    }
    /// Working days left, negative when overdue.
    pub fn remaining(&self, table: &HolidayTable, today: Date) -> i64 {
        self.engine().remaining(table, today)
    }
    pub fn stop(&mut self, on: Date) {
        self.suspensions.push((on, None));
    }
    pub fn go_on(&mut self, on: Date) {
        if let Some(last) = self.suspensions.last_mut()
            && last.1.is_none()
        {
            last.1 = Some(on);
        }
    }
}

/// A light with its words: `green`, `yellow`, `red`, or `stopped` while the clock stands still.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    pub light: &'static str,
    pub text: String,
    pub remaining: i64,
}

/// The light of a clock today, by the pack's threshold.
pub fn light(ctx: &Ctx, clock: &CaseClock) -> Result<Shown> {
    let table = table(ctx)?;
    if clock.due(&table.0).is_none() {
        return Ok(Shown {
            light: "stopped",
            text: ctx.t("cases-light-stopped", &[]),
            remaining: i64::MAX,
        });
    }
    let yellow = ctx.app.city["lights"]["yellow_at_remaining"]
        .as_i64()
        .unwrap_or(2);
    let remaining = clock.remaining(&table.0, ctx.today());
    let light = match clock.engine().light(&table.0, ctx.today(), yellow) {
        Light::Green => "green",
        Light::Yellow => "yellow",
        Light::Red => "red",
    };
    let days = remaining.unsigned_abs().to_string();
    let key = match remaining {
        0 => "cases-light-today",
        n if n < 0 => "cases-light-over",
        _ => "cases-light-left",
    };
    Ok(Shown {
        light,
        text: ctx.t(key, &[("days", &days)]),
        remaining,
    })
}

/// The working days of a clock as a bar shows them: used, stopped, left, and their shares of its length in per cent.
pub fn bar(ctx: &Ctx, clock: &CaseClock) -> Result<serde_json::Value> {
    Ok(lengths(clock, &table(ctx)?.0, ctx.today()))
}

fn lengths(clock: &CaseClock, table: &HolidayTable, today: Date) -> serde_json::Value {
    let total = i64::from(clock.limit + clock.extension);
    let left = clock.remaining(table, today);
    let used = total - left;
    let paused: i64 = clock
        .suspensions
        .iter()
        .map(|(from, to)| table.working_days_between(*from, to.unwrap_or(today)).0.max(0))
        .sum();
    let whole = (total.max(used) + paused).max(1);
    serde_json::json!({
        "used": used, "paused": paused, "left": left.max(0), "over": (-left).max(0),
        "w_used": used * 100 / whole, "w_paused": paused * 100 / whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_used_stopped_and_left_days() {
        // November 2026 in this table: no holiday, so weekdays count.
        let table: HolidayTable = parse(include_str!("../../../../packs/base/calendar/cn.toml")).unwrap();
        let day = |s: &str| s.parse::<Date>().unwrap();
        let mut clock = CaseClock::begin("decision", day("2026-11-02"), 10);
        let at = |c: &CaseClock, s: &str| lengths(c, &table, day(s));
        let b = at(&clock, "2026-11-05");
        assert_eq!(
            (b["used"].as_i64(), b["left"].as_i64(), b["w_used"].as_i64()),
            (Some(3), Some(7), Some(30))
        );
        clock.stop(day("2026-11-05"));
        let b = at(&clock, "2026-11-09");
        assert_eq!((b["used"].as_i64(), b["paused"].as_i64()), (Some(3), Some(2)));
        clock.go_on(day("2026-11-09"));
        let b = at(&clock, "2026-12-10");
        assert!(b["over"].as_i64() > Some(0), "late in December: {b}");
        assert_eq!(b["left"], 0);
    }
}
