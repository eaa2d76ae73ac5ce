//! Labels: what a series is called in rules, alerts and events.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::callers::UNATTRIBUTED;
use super::effect::Labels;
use super::gauges::{self, Gauge};
use super::sources::SourceRow;
use super::spend::Cap;
use super::traffic::RowId;
use super::wording;
use crate::domain::{Dimension, MetricReading, Mono, Names, Priority, Sym};

/// Names that stand for several: no key, and whatever the table of names had no
/// room for.
pub const COLLECTIVE: [&str; 2] = [UNATTRIBUTED, crate::domain::names::OTHER];

/// Labels of a limit. Its window is one of them where that tells limits apart: one that
/// was only worked out some readings show and others do not.
#[must_use]
pub fn limit(gauge: &Gauge, names: &Names) -> Labels {
    let id = &gauge.last.id;
    let mut labels = pair(id.provider, id.model, names);
    let mut put = |name, sym: Option<Sym>| {
        if let Some(sym) = sym {
            labels.insert(name, names.text(sym));
        }
    };
    put("key", id.subject.filter(|_| id.scope == crate::domain::Scope::Key));
    put("subject", id.subject);
    put("label", id.label);
    labels.insert("scope", id.scope.word().into());
    labels.insert("resource", id.resource.word().into());
    labels.insert("layer", id.layer.word().into());
    if let Some(window_s) = gauges::sure_window(gauge) {
        labels.insert(WINDOW, window(window_s));
    }
    labels
}

/// The label of a limit that says over which time it counts …
pub const WINDOW: &str = "window";

/// … and what it says: `60s`.
#[must_use]
pub fn window(window_s: u32) -> Arc<str> {
    format!("{window_s}s").into()
}

/// What an alert on a series is about: for rules and scripts, and for people.
#[derive(Clone, Debug)]
pub struct About {
    /// Labels.
    pub labels: Labels,
    /// What a sentence begins with.
    pub title: String,
    /// What it says in place of numbers, where there are none.
    pub instead: Option<&'static str>,
}

impl From<Labels> for About {
    fn from(labels: Labels) -> About {
        About { title: wording::subject(&labels), labels, instead: None }
    }
}

/// A limit goes by its name, which its labels alone do not make.
#[must_use]
pub fn about_limit(gauge: &Gauge, names: &Names) -> About {
    let name = gauge.name(names);
    let (title, instead) = if gauge.is_unnamed() {
        (name.refused(), Some("refused, limit not stated"))
    } else {
        (name.title(), None)
    };
    About { labels: limit(gauge, names), title, instead }
}

/// Labels of a row of traffic.
#[must_use]
pub fn traffic(id: RowId, names: &Names) -> Labels {
    let mut labels = pair(id.provider, id.model, names);
    if let Some(endpoint) = id.endpoint {
        labels.insert("endpoint", names.text(endpoint));
    }
    labels
}

/// Labels of retries.
#[must_use]
pub fn pair(provider: Option<Sym>, model: Option<Sym>, names: &Names) -> Labels {
    let mut labels = Labels::new();
    if let Some(provider) = provider {
        labels.insert("provider", names.text(provider));
    }
    if let Some(model) = model {
        labels.insert("model", names.text(model));
    }
    labels
}

/// Labels of a cap: its name and period, and the names it is about, so that a
/// rule on it can trip exactly those.
#[must_use]
pub fn cap(cap: &Cap, names: &Names) -> Labels {
    let mut labels = Labels::new();
    labels.insert("cap", Arc::from(cap.spec.name.as_str()));
    labels.insert("period", cap.spec.period.to_string().into());
    for name in Dimension::ALL.iter().map(|dimension| dimension.word()) {
        if let Some(text) = cap.spec.matches.get(name).filter(|text| *text != "*") {
            labels.insert(name, Arc::from(text.as_str()));
        }
    }
    if let Some((dimension, name)) = cap.of {
        labels.insert(dimension.word(), names.text(name));
    }
    labels
}

/// Labels of a queue.
#[must_use]
pub fn queue(name: Option<Sym>, priority: Option<Priority>, names: &Names) -> Labels {
    let mut labels = Labels::new();
    if let Some(name) = name {
        labels.insert("queue", names.text(name));
    }
    if let Some(priority) = priority {
        labels.insert("priority", priority.word().into());
    }
    labels
}

/// Labels of a metric.
#[must_use]
pub fn measure(reading: &MetricReading, names: &Names) -> Labels {
    let mut labels = Labels::from([("metric", names.text(reading.name))]);
    if let Some(whose) = reading.labels {
        labels.insert("labels", names.text(whose));
    }
    if let Some(host) = reading.host {
        labels.insert("host", names.text(host));
    }
    labels
}

/// Labels of a key.
#[must_use]
pub fn caller(key: Option<Sym>, environment: Option<Sym>, names: &Names) -> Labels {
    let mut labels = Labels::new();
    labels.insert("key", key.map_or_else(|| UNATTRIBUTED.into(), |key| names.text(key)));
    if let Some(environment) = environment {
        labels.insert("environment", names.text(environment));
    }
    labels
}

/// Labels of a source.
#[must_use]
pub fn source(row: &SourceRow) -> Labels {
    Labels::from([("source", Arc::from(row.name.name.as_str())), ("kind", row.name.kind.into())])
}

/// Pairs of a tripped scope and a host that rules have watched. A pair outlives
/// its trip, so that its alert ends with it.
#[derive(Debug, Default)]
pub struct HostSeries {
    numbers: HashMap<(Arc<str>, Option<Sym>), u32, FxBuildHasher>,
    rows: Vec<HostRow>,
    /// Rows that may make room, where there is none left.
    free: Vec<u32>,
    not_kept: u64,
}

/// A kill file that was removed by hand is made again within this, and is the same stop.
pub const MADE_AGAIN: Duration = Duration::from_secs(3);

/// One pair.
#[derive(Debug)]
pub struct HostRow {
    /// The scope.
    pub scope: Arc<str>,
    /// The host.
    pub host: Option<Sym>,
    /// Rules that watch it.
    pub rules: Box<[u16]>,
    /// Since when the stop does not stand any more.
    pub over_since: Option<Mono>,
}

impl HostSeries {
    /// Pairs kept; hosts beyond that are shown, but alarm nobody by name.
    const KEPT: usize = 4096;

    /// Make room for a pair if it is new; `rules` tells which watch it.
    pub fn add(&mut self, scope: &str, host: Option<Sym>, rules: impl FnOnce() -> Box<[u16]>) {
        let key = (Arc::from(scope), host);
        if self.numbers.contains_key(&key) {
            return;
        }
        let new = u32::try_from(self.rows.len()).ok().filter(|_| self.rows.len() < Self::KEPT);
        let Some(number) = new.or_else(|| self.free.pop()) else {
            self.not_kept += 1;
            return;
        };
        let row = HostRow { scope: Arc::clone(&key.0), host, rules: rules(), over_since: None };
        match self.rows.get_mut(number as usize) {
            Some(old) => {
                let old = std::mem::replace(old, row);
                self.numbers.remove(&(old.scope, old.host));
            }
            None => self.rows.push(row),
        }
        self.numbers.insert(key, number);
    }

    /// Note which stops stand. Of those that do not, pairs that no alert is about may make
    /// room, where there is none; `lives` tells of which there is one.
    pub fn look(&mut self, is_over: impl Fn(&str) -> bool, lives: impl Fn(u32) -> bool, now: Mono) {
        self.free.clear();
        let is_full = self.rows.len() >= Self::KEPT;
        for (number, row) in (0u32..).zip(&mut self.rows) {
            let over = is_over(&row.scope);
            row.over_since = over.then(|| row.over_since.unwrap_or(now));
            let ended = row.over_since.is_some_and(|since| now.since(since) >= MADE_AGAIN);
            if is_full && ended && !lives(number) {
                self.free.push(number);
            }
        }
    }

    /// What found no room: what it is, how often, and how many there are.
    #[must_use]
    pub fn overflowed(&self) -> (&'static str, u64, usize) {
        ("hosts of stops", self.not_kept, Self::KEPT)
    }

    /// All pairs, in order of first sight.
    pub fn rows(&self) -> &[HostRow] {
        &self.rows
    }
}

/// Labels of what a host does about a trip.
#[must_use]
pub fn host(scope: &str, host: Option<Sym>, names: &Names) -> Labels {
    let host = host.map_or_else(|| "?".into(), |host| names.text(host));
    Labels::from([("scope", Arc::from(scope)), ("host", host)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::NameKind;

    #[test]
    fn pairs_whose_stop_is_over_make_room_and_what_finds_none_is_counted() {
        let names = Names::default();
        let host = |n: usize| Some(names.intern(NameKind::Host, &format!("host-{n}")));
        let mut hosts = HostSeries::default();
        let at = |seconds| Mono(0).plus(Duration::from_secs(seconds));
        for n in 0..HostSeries::KEPT {
            hosts.add("provider/openai", host(n), Box::default);
        }
        hosts.add("all", host(0), Box::default);
        assert_eq!((hosts.rows().len(), hosts.overflowed().1), (HostSeries::KEPT, 1));
        // The stop is over. About one of its hosts there is still an alert.
        for second in [10, 20] {
            hosts.look(|scope| scope == "provider/openai", |number| number == 4095, at(second));
        }
        for n in 0..HostSeries::KEPT {
            hosts.add("all", host(n), Box::default);
            hosts.add("all", host(0), Box::default);
        }
        let kept = |scope: &str| hosts.rows().iter().filter(|row| &*row.scope == scope).count();
        assert_eq!((kept("all"), kept("provider/openai")), (HostSeries::KEPT - 1, 1));
        assert_eq!(hosts.rows().last().map(|row| row.host), Some(host(4095)));
        assert_eq!(hosts.overflowed().1, 2);
        // The first pair of the old stop is another one now, and is found as such.
        hosts.look(|_| false, |_| false, at(30));
        hosts.add("all", host(1), Box::default);
        assert_eq!(hosts.overflowed().1, 2);
    }
}
