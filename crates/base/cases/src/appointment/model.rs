//! Windows, their slots, and the states of a visit; pure.

use calendar::HolidayTable;
use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) mod state {
    pub const BOOKED: &str = "booked";
    pub const ARRIVED: &str = "arrived";
    pub const MISSED: &str = "missed";
    pub const CANCELLED: &str = "cancelled";
}

/// One window of `windows.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    pub id: String,
    pub organisation: String,
    /// Lead organisations whose matters are handled here; `*` for all.
    pub serves: Vec<String>,
    pub name: String,
    #[serde(default)]
    pub name_en: String,
    pub address: String,
    #[serde(default)]
    pub address_en: String,
    /// By weekday, `mon` to `sun`: spans such as `09:00-12:00`.
    pub hours: BTreeMap<String, Vec<String>>,
    pub slot_minutes: i64,
    /// People per slot.
    pub capacity: i64,
    /// How many calendar days ahead may be booked.
    pub days_ahead: i64,
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

/// Minutes of the day of `HH:MM`.
pub(crate) fn minutes(text: &str) -> Option<i64> {
    let t = Time::strptime("%H:%M", text).ok()?;
    Some(i64::from(t.hour()) * 60 + i64::from(t.minute()))
}

fn span(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    (from < to).then_some((from, to))
}

impl Window {
    /// What is wrong with it, for the pack's author.
    pub fn wrong(&self) -> Option<String> {
        if self.slot_minutes < 5 || self.slot_minutes > 240 {
            return Some("slot_minutes must be 5 to 240".into());
        }
        if self.capacity < 1 || self.days_ahead < 1 || self.days_ahead > 60 {
            return Some("capacity must be at least 1, days_ahead 1 to 60".into());
        }
        for (day, spans) in &self.hours {
            if !["mon", "tue", "wed", "thu", "fri", "sat", "sun"].contains(&day.as_str()) {
                return Some(format!("{day} is no weekday (mon to sun)"));
            }
            if let Some(bad) = spans.iter().find(|s| span(s).is_none()) {
                return Some(format!("{bad} is no span of time like 09:00-12:00"));
            }
        }
        None
    }
    pub fn serves(&self, organisation: &str) -> bool {
        self.serves.iter().any(|s| s == "*" || s == organisation)
    }
    pub fn name(&self, english: bool) -> &str {
        if english && !self.name_en.is_empty() {
            &self.name_en
        } else {
            &self.name
        }
    }
    pub fn address(&self, english: bool) -> &str {
        if english && !self.address_en.is_empty() {
            &self.address_en
        } else {
            &self.address
        }
    }
    /// The slots of a day as `HH:MM`; none on a closed one. A weekend day on which offices work in exchange for a holiday has
    /// the hours of a Monday, unless the window has hours of its own for it.
    pub fn slots(&self, date: Date, holidays: &HolidayTable) -> Vec<String> {
        let own = self.hours.get(weekday(date)).filter(|h| !h.is_empty());
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let open =
            holidays.counts(date) || (weekend && own.is_some() && !holidays.holidays.contains_key(&date));
        if !open {
            return Vec::new();
        }
        let hours = match own {
            None if weekend => self.hours.get("mon"),
            other => other,
        };
        let mut out = Vec::new();
        for (from, to) in hours.into_iter().flatten().filter_map(|s| span(s)) {
            let mut at = from;
            while at + self.slot_minutes <= to {
                out.push(format!("{:02}:{:02}", at / 60, at % 60));
                at += self.slot_minutes;
            }
        }
        out
    }
}

/// One booked visit.
#[derive(Clone, Debug)]
pub(crate) struct Appointment {
    pub id: String,
    pub window: String,
    pub org_path: String,
    pub area_code: String,
    pub matter: String,
    pub subject: String,
    pub day: String,
    pub slot: String,
    pub state: String,
    /// Called at the window.
    pub code: String,
}

impl Appointment {
    pub fn resource(&self) -> kernel::Resource {
        kernel::Resource {
            kind: "Appointment",
            about: Vec::new(),
            id: self.id.clone(),
            owners: vec![self.subject.clone()],
            org_paths: vec![self.org_path.clone()],
            area_code: self.area_code.clone(),
            state: self.state.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        toml::from_str(
            "id = 'w'\norganisation = 'o'\nserves = ['*']\nname = 'n'\naddress = 'a'\nslot_minutes = 30\ncapacity = 2\n\
             days_ahead = 14\nhours = { mon = ['09:00-10:00', '13:30-14:10'], sat = ['10:00-10:30'] }",
        )
        .unwrap()
    }

    #[test]
    fn slots_follow_hours_and_holidays() {
        let table: HolidayTable = toml::from_str(
            "known_from = '2026-01-01'\nknown_to = '2026-12-31'\nworkdays = ['2026-02-15']\n[holidays]\n2026-02-16 = 'h'\n2026-02-21 = 'h'",
        )
        .unwrap();
        let w = window();
        let on = |d: &str| w.slots(d.parse().unwrap(), &table);
        // A Monday: what does not fit whole is no slot.
        assert_eq!(on("2026-02-23"), ["09:00", "09:30", "13:30"]);
        assert!(on("2026-02-16").is_empty(), "a holiday on a Monday");
        assert_eq!(
            on("2026-02-15"),
            ["09:00", "09:30", "13:30"],
            "a Sunday that is worked"
        );
        assert_eq!(
            on("2026-02-28"),
            ["10:00"],
            "an ordinary Saturday with hours of its own"
        );
        assert!(on("2026-02-21").is_empty(), "a Saturday inside a holiday");
        assert!(on("2026-02-24").is_empty(), "a Tuesday without hours");
    }

    #[test]
    fn wrong_hours_are_named() {
        let mut w = window();
        assert_eq!(w.wrong(), None);
        w.hours.insert("mon".into(), vec!["12:00-09:00".into()]);
        assert!(w.wrong().unwrap().contains("12:00-09:00"));
    }
}
