//! What is known of a stop while nobody looks: over a restart, and while its kill file,
//! which somebody removed, is not made again yet.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Host, Row, Switches, Trip, same_ms};
use crate::domain::{Mono, NameKind, Names, Stamp, Wall};

/// Stops remembered that do not stand, or are not seen to.
const KEPT: usize = 256;

/// A stop, and what hosts did about it. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRecord {
    scope: String,
    at: i64,
    /// Since when its kill file stands.
    stands: i64,
    /// Since when it is watched.
    watched: i64,
    /// Whether it was in force when this was recorded, and it is known who made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stood: bool,
    hosts: Vec<HostRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HostRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<Arc<str>>,
    silent: bool,
    started_after: u64,
    refused: u64,
    #[serde(default)]
    refused_by_another: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_stop: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_passed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_refused: Option<i64>,
    draining: u64,
    start_unknown: u64,
}

/// What is taken over of a stop: its hosts, and when it was first seen.
pub(super) type Recalled = (Vec<Host>, Mono);

impl Switches {
    /// Whether what is known of stops has changed since it was last taken.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// It is taken.
    pub fn take_changed(&mut self) {
        self.changed = false;
    }

    /// Whether any scope is stopped.
    #[must_use]
    pub fn any_tripped(&self) -> bool {
        self.tripped > 0
    }

    /// What is known of the stops that may be seen to stand again, and of those that do:
    /// these come last, for of one scope the last one is remembered.
    pub fn records(&self, names: &Names, now: Stamp) -> impl Iterator<Item = StopRecord> {
        let standing = self.rows.iter().filter_map(move |row| row.record(names, now));
        self.before.iter().cloned().chain(standing)
    }

    /// Remember a stop whose file is gone, and whether it is over with that.
    pub(super) fn remember(&mut self, record: StopRecord, over: bool) {
        self.recall(StopRecord { stood: record.stood && !over, ..record });
    }

    /// Remember a stop that is not seen to stand now.
    pub fn recall(&mut self, record: StopRecord) {
        self.before.retain(|known| known.scope != record.scope);
        if self.before.len() == KEPT {
            self.before.remove(0);
        }
        self.before.push(record);
    }

    /// Stops that stood when an earlier run ended and do not any more: which, and when they
    /// were made.
    pub(in crate::engine) fn take_lost(&mut self) -> Vec<(String, Wall)> {
        let mut stood = Vec::new();
        for record in &mut self.before {
            if std::mem::take(&mut record.stood) {
                stood.push((record.scope.clone(), Wall(record.at)));
            }
        }
        self.changed |= !stood.is_empty();
        stood.retain(|(scope, _)| !self.stands(scope));
        stood
    }

    /// Whether a scope is stopped by a file of its own.
    pub(in crate::engine) fn stands(&self, scope: &str) -> bool {
        self.rows.iter().any(|row| row.state.scope == scope && row.state.trip.is_some())
    }

    /// What is known of a trip from before, if it is the same trip. No call that passed while
    /// its file was gone counts, and what was refused before tells nothing of the file that
    /// stands now; but a host that let calls through while there was one did not obey.
    pub(super) fn recalled(
        &mut self,
        (scope, trip): (&str, &Trip),
        names: &Names,
        now: Stamp,
    ) -> Option<Recalled> {
        let is_it = |known: &StopRecord| known.scope == scope && same_ms(Wall(known.at), trip.at);
        let position = self.before.iter().position(is_it)?;
        let known = self.before.remove(position);
        let stood = same_ms(Wall(known.stands), trip.stands_since());
        let host = |host: HostRecord| {
            let sym = host.host.map(|text| names.intern(NameKind::Host, &text));
            let mono = |at: Option<i64>| at.map(|at| now.mono_of(Wall(at)));
            let last_passed = mono(host.last_passed);
            let started_after = host.started_after;
            let disobeyed = Host { started_after, last_passed, ..Host::seen(sym) };
            if !stood {
                return (host.started_after > 0).then_some(disobeyed);
            }
            let HostRecord { silent, refused, refused_by_another, draining, .. } = host;
            let start_unknown = host.start_unknown;
            let other_stop = host.other_stop.map(|text| names.intern(NameKind::Label, &text));
            let last_refused = mono(host.last_refused);
            let disobeyed = Host { other_stop, last_refused, ..disobeyed };
            let known = Host { silent, refused, refused_by_another, draining, ..disobeyed };
            Some(Host { start_unknown, ..known })
        };
        let watched = if stood { now.mono_of(Wall(known.watched)) } else { now.mono };
        Some((known.hosts.into_iter().filter_map(host).collect(), watched))
    }
}

impl Row {
    pub(super) fn record(&self, names: &Names, now: Stamp) -> Option<StopRecord> {
        let trip = self.state.trip.as_ref()?;
        let wall = |at: Option<Mono>| at.map(|at| now.wall.minus(now.mono.since(at)).0);
        let host = |host: &Host| HostRecord {
            host: host.host.map(|sym| names.text(sym)),
            silent: host.silent,
            started_after: host.started_after,
            refused: host.refused,
            refused_by_another: host.refused_by_another,
            other_stop: host.other_stop.map(|sym| names.text(sym)),
            last_passed: wall(host.last_passed),
            last_refused: wall(host.last_refused),
            draining: host.draining,
            start_unknown: host.start_unknown,
        };
        Some(StopRecord {
            scope: self.state.scope.clone(),
            at: trip.at.0,
            stands: trip.stands_since().0,
            watched: now.wall.minus(now.mono.since(self.learned)).0,
            stood: trip.is_told,
            hosts: self.hosts.iter().map(host).collect(),
        })
    }
}
