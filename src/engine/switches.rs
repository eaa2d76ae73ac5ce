//! Kill switches as the engine knows them, and the proof that a stop stops:
//! what the logs of each host show after a trip.

mod records;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use records::StopRecord;

use super::hosts::{EXPECTED, Hosts, Who, on_our_clock};
use super::skew::SKEW;
use crate::domain::{ErrorKind, Layer, Mono, Names, Outcome, Request, Stamp, Sym, Wall, provider};

/// A trip that is seen so soon is seen as it is made.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Nobody waits longer for one call; one that ends so late began after the trip.
const LONGEST_CALL: Duration = Duration::from_secs(600);

/// A scope that is, or can be, tripped; told by whoever reads the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchState {
    /// Scope, e.g. `all` or `model/openai/gpt-4o`.
    pub scope: String,
    /// Its kill file.
    pub path: String,
    /// The trip, if it is tripped.
    pub trip: Option<Trip>,
    /// Whether rules may trip it.
    pub armed: Armed,
    /// Whether a stop was asked for that could not be made: its traffic passes.
    pub failed: bool,
    /// What is in the place of its kill file may stop it or not: nobody can tell.
    pub in_doubt: bool,
    /// Why it can't be armed, read or made, where it can't.
    pub problem: Option<String>,
}

impl SwitchState {
    /// Whether nobody can tell if it is stopped.
    fn is_unknown(&self) -> bool {
        self.in_doubt || self.armed == Armed::Unknown
    }
}

/// Whether rules may trip by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Armed {
    Armed,
    Disarmed,
    /// The directory can't be used.
    Unknown,
}

/// Who tripped it, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Trip {
    /// When.
    pub at: Wall,
    /// When its kill file was made again, if somebody had removed it.
    pub again: Option<Wall>,
    /// Who: a user, or `tripline` for a rule.
    pub by: Option<String>,
    /// The rule that asked.
    pub rule: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Seconds until it may lift by itself, where that was allowed.
    pub ttl_s: Option<u32>,
    /// Whether it is a tripline's, and its file says whose: until then it does not say when
    /// it was made either.
    pub is_told: bool,
}

impl Trip {
    /// Since when its kill file stands: no call is judged by one that was not there.
    #[must_use]
    pub fn stands_since(&self) -> Wall {
        self.again.unwrap_or(self.at)
    }

    /// What a trip is to this one, which stood at the last look in its place.
    fn turned_into(&self, now: &Trip) -> Turned {
        if self.is_told && !same_ms(self.at, now.at) {
            Turned::Another
        } else if now.again.is_some() && !same_ms(self.stands_since(), now.stands_since()) {
            Turned::Again
        } else {
            Turned::Same
        }
    }
}

/// What became of a trip between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turned {
    Same,
    /// Its file was removed and made again.
    Again,
    /// It was reset, and somebody tripped the scope since.
    Another,
}

/// All switches, and what hosts do about them.
#[derive(Debug, Default)]
pub struct Switches {
    rows: Vec<Row>,
    /// Who is expected to obey, and by which clock.
    pub heard: Hosts,
    tripped: usize,
    /// Whether the directory was looked at.
    known: bool,
    /// Hosts that have begun to obey a scope's stop, not told yet.
    began_to_obey: Vec<(String, Option<Sym>)>,
    /// What an earlier run knew of stops.
    before: Vec<StopRecord>,
    /// What is known of a stop has changed.
    changed: bool,
}

/// One switch and its evidence.
#[derive(Debug)]
pub struct Row {
    /// Its state.
    pub state: SwitchState,
    /// Evidence by host since the trip.
    pub hosts: Vec<Host>,
    target: Target,
    /// When its trip was first seen here.
    learned: Mono,
}

impl Row {
    /// Since when its kill file stands. What lies ahead was dated by a clock that has
    /// been set since.
    fn tripped(&self, now: Stamp) -> Option<Wall> {
        let stands = self.state.trip.as_ref()?.stands_since();
        let is_ahead = stands > now.wall.plus(SKEW);
        Some(if is_ahead { now.wall.minus(now.mono.since(self.learned)) } else { stands })
    }

    /// Whether a refusal that names this scope names this one: as people write it, or as
    /// its file is called, which is all that a gateway knows.
    fn is_called(&self, scope: &str) -> bool {
        let file = Path::new(&self.state.path).file_stem().and_then(OsStr::to_str);
        let as_file = scope.bytes().map(|byte| if byte == b'/' { b'.' } else { byte });
        *scope == *self.state.scope || file.is_some_and(|file| file.bytes().eq(as_file))
    }

    /// Whether some host refuses calls, and none lets any through.
    fn is_obeyed(&self) -> bool {
        let refuses = |host: &Host| host.obeys() == Some(true);
        self.hosts.iter().any(refuses) && self.hosts.iter().all(|host| host.silent || refuses(host))
    }

    /// From when on what hosts do about its trip was seen, where it stood before that.
    #[must_use]
    pub fn watched_from(&self, now: Stamp) -> Option<Wall> {
        let learned = now.wall.minus(now.mono.since(self.learned));
        let stood = self.state.trip.as_ref()?.stands_since();
        (learned > stood.plus(AT_ONCE)).then_some(learned)
    }
}

/// What one host did since the trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Which host.
    pub host: Option<Sym>,
    /// Whether nothing was heard of it since, though it sent such calls before.
    pub silent: bool,
    /// Calls that began after the trip and were let through.
    pub started_after: u64,
    /// Calls refused by the switch.
    pub refused: u64,
    /// Calls refused by another one that covers them too, or by one of several: they
    /// prove nothing of this one.
    pub refused_by_another: u64,
    /// The stop that the last of those names.
    pub other_stop: Option<Sym>,
    /// When the last call ended that began after the trip and was let through.
    pub last_passed: Option<Mono>,
    /// When the last call was refused, by whichever stop.
    pub last_refused: Option<Mono>,
    /// Calls that are known to have begun before the trip could be seen, and
    /// ended after it.
    pub draining: u64,
    /// Calls that were let through and whose start no log tells: each may have
    /// begun after the trip, however soon after it it ended.
    pub start_unknown: u64,
}

impl Host {
    /// Whether it obeys; `None` without evidence. Silence is no proof, and
    /// neither are refusals beside calls that pass and may be new.
    #[must_use]
    pub fn obeys(&self) -> Option<bool> {
        match (self.started_after, self.start_unknown, self.refused) {
            (0, 0, 0) => None,
            (0, 0, _) => Some(true),
            (0, _, _) => None,
            _ => Some(false),
        }
    }

    fn seen(host: Option<Sym>) -> Host {
        Host {
            host,
            silent: true,
            started_after: 0,
            refused: 0,
            refused_by_another: 0,
            other_stop: None,
            last_passed: None,
            last_refused: None,
            draining: 0,
            start_unknown: 0,
        }
    }

    /// Whether it refuses calls since the last one that it should not have let through.
    #[must_use]
    pub fn refuses_since(&self) -> bool {
        self.last_refused > self.last_passed
    }

    /// Note a call that was refused, by this stop or by another one, if that is named.
    fn note_refused(&mut self, when: Mono, by_this: bool, named: Option<Sym>) {
        self.last_refused = self.last_refused.max(Some(when));
        if by_this {
            self.refused += 1;
        } else {
            self.refused_by_another += 1;
            self.other_stop = named;
        }
    }

    /// Note a call that was let through. A clock that may be `behind` by so much proves
    /// of no call that it began before.
    fn passed(
        &mut self,
        began: Option<Wall>,
        trip: Wall,
        ended: Wall,
        (grace, behind): (Duration, Duration),
    ) {
        let seen = trip.plus(grace);
        let count = match began {
            Some(began) if began <= seen && began.plus(behind) > seen => &mut self.start_unknown,
            Some(began) if began > seen => &mut self.started_after,
            Some(_) => &mut self.draining,
            None if ended.plus(behind) <= seen => &mut self.draining,
            None if ended > trip.plus(LONGEST_CALL) => &mut self.started_after,
            None => &mut self.start_unknown,
        };
        *count += 1;
    }
}

/// What a scope covers, resolved to symbols.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    All,
    Provider(Arc<str>),
    Model(Arc<str>, Arc<str>),
    Key(Arc<str>),
    Environment(Arc<str>),
    Nothing,
}

impl Switches {
    /// Replace what is known of the directory; evidence of trips that still
    /// stand is kept. Answers the scopes that tripped and those that were reset.
    pub fn set(&mut self, states: Vec<SwitchState>, names: &Names, now: Stamp) -> Changes {
        let mut changes = Changes::default();
        let mut old = std::mem::take(&mut self.rows);
        let begins = old.is_empty();
        self.known = true;
        for state in states {
            let before = old.iter().position(|row| row.state.scope == state.scope);
            let before = before.map(|index| old.swap_remove(index));
            let was = before.as_ref().and_then(|row| row.state.trip.as_ref());
            let stands = |trip: &Trip| trip.stands_since();
            let same_trip = was.map(stands) == state.trip.as_ref().map(stands);
            // One whose file is another now, or gone.
            let ended = before.as_ref().filter(|_| !same_trip);
            if let Some(record) = ended.and_then(|row| row.record(names, now)) {
                // What is to be made again is not over.
                self.remember(record, !state.failed);
            }
            let recalled = state.trip.as_ref().filter(|_| !same_trip);
            let recalled =
                recalled.and_then(|trip| self.recalled((&state.scope, trip), names, now));
            self.changed |= !same_trip;
            match (was, &state.trip) {
                // It was told when it was made, by an earlier run.
                (None, Some(_)) if recalled.is_some() && begins => {}
                (None, Some(_)) => changes.tripped.push(state.clone()),
                (Some(_), None) => changes.reset.push(state.clone()),
                (Some(was), Some(trip)) => match was.turned_into(trip) {
                    Turned::Same => {}
                    Turned::Again => changes.tripped.push(state.clone()),
                    Turned::Another => {
                        changes.reset.push(state.clone());
                        changes.tripped.push(state.clone());
                    }
                },
                (None, None) => {}
            }
            let known = before.as_ref().and_then(|row| row.state.problem.as_ref());
            let problem = state.problem.clone().filter(|problem| known != Some(problem));
            if state.is_unknown() && !state.failed {
                if begins { &mut changes.doubts } else { &mut changes.troubles }.extend(problem);
            }
            let target = Target::of(&state.scope);
            let expected = || {
                let hosts = self.heard.expected(now.mono, |who| target.covers(who, names));
                hosts.into_iter().map(|host| Host::seen(Some(host)))
            };
            let (hosts, learned) = match (before.filter(|_| same_trip), recalled) {
                (Some(row), _) => (row.hosts, row.learned),
                (None, Some((mut hosts, watched))) => {
                    let known: Vec<_> = hosts.iter().map(|host| host.host).collect();
                    hosts.extend(expected().filter(|host| !known.contains(&host.host)));
                    (hosts, watched)
                }
                (None, None) => (expected().collect(), now.mono),
            };
            let hosts = if state.trip.is_some() { hosts } else { Vec::new() };
            self.rows.push(Row { state, hosts, target, learned });
        }
        for row in old {
            if let Some(record) = row.record(names, now) {
                self.remember(record, true);
                self.changed = true;
                changes.reset.push(row.state);
            }
        }
        self.tripped = self.rows.iter().filter(|row| row.state.trip.is_some()).count();
        changes
    }

    /// Note what a call says about trips that cover it. Answers whether that is news: its
    /// host begins to obey, or should not have let it through.
    #[inline]
    pub fn call(&mut self, request: &Request, names: &Names, grace: Duration, now: Stamp) -> bool {
        self.any_tripped() && self.hold_against_trips(request, names, grace, now)
    }

    fn hold_against_trips(
        &mut self,
        request: &Request,
        names: &Names,
        grace: Duration,
        now: Stamp,
    ) -> bool {
        let late = self.heard.late(request, now);
        let at = on_our_clock(request.at, late);
        let behind = Duration::from_nanos(u64::try_from(late).unwrap_or(0));
        let came_after = |trip: Wall| at.plus(behind) > trip;
        let refused = request.outcome() == Outcome::Blocked;
        let named = request.failure.stopped_by.filter(|_| refused);
        let named = named.map(|sym| (sym, names.text(sym)));
        let named = named.filter(|(_, scope)| Target::of(scope) != Target::Nothing);
        let other_stop = named.as_ref().map(|(sym, _)| *sym);
        let who = Who::of(request);
        let covered = |row: &Row| {
            let near = |trip: &Wall| came_after(*trip) || at.plus(EXPECTED) >= *trip;
            let tripped = row.tripped(now).filter(near)?;
            // Who refuses a call knows what stops it, whatever else the line tells of it.
            let is_named = named.as_ref().is_some_and(|(_, scope)| row.is_called(scope));
            (is_named || row.target.covers(who, names)).then_some(tripped)
        };
        let concerned = |row: &Row| covered(row).is_some_and(came_after);
        let scope = named.as_ref().map(|(_, scope)| &**scope);
        let refused_by = refused.then(|| self.refused_by(scope, concerned)).flatten();
        let when = now.mono_of(at);
        let mut is_news = false;
        for (index, row) in self.rows.iter_mut().enumerate() {
            let Some(tripped) = covered(row) else {
                let stands = row.tripped(now).is_some_and(came_after);
                let may_be = refused && row.target.may_cover(who, names);
                let known = row.hosts.iter_mut().find(|host| host.host == request.host);
                // It has not fallen silent, though its log does not tell whose calls it refuses.
                if let Some(host) = known.filter(|_| may_be && stands) {
                    host.silent = false;
                    host.note_refused(when, false, other_stop);
                    self.changed = true;
                }
                continue;
            };
            let position = row.hosts.iter().position(|host| host.host == request.host);
            if !came_after(tripped) {
                // It was read after the stop was seen, and its host is expected all the same.
                if position.is_none() && request.host.is_some() {
                    row.hosts.push(Host::seen(request.host));
                    self.changed = true;
                }
                continue;
            }
            let position = position.unwrap_or_else(|| {
                row.hosts.push(Host::seen(request.host));
                row.hosts.len() - 1
            });
            let Some(host) = row.hosts.get_mut(position) else { continue };
            let obeyed = host.obeys();
            host.silent = false;
            self.changed = true;
            let began = request.began().map(|began| on_our_clock(began, late));
            if refused {
                let ours = refused_by == Some(index);
                host.note_refused(when, ours, other_stop);
            } else if !proves_nothing(request) {
                let before = host.started_after;
                host.passed(began, tripped, at, (grace, behind));
                if host.started_after > before {
                    host.last_passed = host.last_passed.max(Some(when));
                    is_news = true;
                }
            }
            if obeyed != Some(true) && host.obeys() == Some(true) {
                self.began_to_obey.push((row.state.scope.clone(), host.host));
                is_news = true;
            }
        }
        is_news
    }

    /// Who has begun to obey since this was last asked: the scope, the host, and how many of
    /// how many hosts obey it by now.
    pub fn take_obeyed(&mut self) -> Vec<(String, Option<Sym>, (usize, usize))> {
        let obeyed = std::mem::take(&mut self.began_to_obey);
        let counted = obeyed.into_iter().map(|(scope, host)| {
            let row = self.rows.iter().find(|row| row.state.scope == scope);
            let hosts = row.map_or(&[][..], |row| &row.hosts);
            let obey = hosts.iter().filter(|host| host.obeys() == Some(true)).count();
            (scope, host, (obey, hosts.len()))
        });
        counted.collect()
    }

    /// Since when all calls of these are stopped, by a stop that hosts obey: a silent one lets
    /// nothing through.
    #[must_use]
    pub fn obeyed_since(&self, who: Who, names: &Names, now: Stamp) -> Option<Mono> {
        if !self.any_tripped() {
            return None;
        }
        let obeyed =
            self.rows.iter().filter(|row| row.is_obeyed() && row.target.covers(who, names));
        let since = obeyed.filter_map(|row| row.tripped(now));
        since.map(|since| now.mono_of(since)).min()
    }

    /// Which of the stops that cover a refused call refused it: the one that the refusal
    /// names, or the only one. Any file may hold it back before another is looked for.
    fn refused_by(&self, named: Option<&str>, covers: impl Fn(&Row) -> bool) -> Option<usize> {
        let covering = self.rows.iter().enumerate().filter(|(_, row)| covers(row));
        let mut fitting =
            covering.filter(|(_, row)| named.is_none_or(|scope| row.is_called(scope)));
        let (index, _) = fitting.next()?;
        fitting.next().is_none().then_some(index)
    }

    /// All switches.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Calls of a host that began after the trip of a scope and were let through.
    #[must_use]
    pub fn started_after(&self, scope: &str, host: Option<Sym>) -> u64 {
        let row = self.rows.iter().find(|row| row.state.scope == scope);
        let host = row.and_then(|row| row.hosts.iter().find(|seen| seen.host == host));
        host.map_or(0, |host| host.started_after)
    }

    /// Whether a stop of this scope, if there was one, is known to be over. Of a directory
    /// that can't be read nothing is known.
    #[must_use]
    pub fn is_over(&self, scope: &str) -> bool {
        let wanted = |row: &Row| row.state.trip.is_some() || row.state.failed;
        let unread = |row: &Row| row.state.scope == "all" && row.state.is_unknown();
        let stands = |row: &Row| row.state.scope == scope && wanted(row);
        self.known && !self.rows.iter().any(|row| stands(row) || unread(row))
    }

    /// Whether rules may trip by themselves.
    #[must_use]
    pub fn armed(&self) -> bool {
        self.rows.iter().any(|row| row.state.armed == Armed::Armed)
    }
}

/// Whether a gateway refused a call for another reason, or nobody can tell: a 503 with
/// nothing of a provider's answer in it proves nothing, for or against its host.
fn proves_nothing(request: &Request) -> bool {
    let is_plain = || {
        request.failure.kind == Some(ErrorKind::Unavailable)
            && request.status.is_none_or(|status| status == 503)
            && request.timing.ttft_ms.is_none()
            && request.tokens.output.is_none_or(|tokens| tokens == 0)
    };
    match request.failure.layer {
        Layer::Gateway => request.failure.kind.is_some(),
        Layer::Unknown => is_plain(),
        Layer::Upstream => false,
    }
}

/// A file knows its times to the millisecond.
fn same_ms(a: Wall, b: Wall) -> bool {
    a.0.div_euclid(1_000_000) == b.0.div_euclid(1_000_000)
}

/// What changed in the directory.
#[derive(Debug, Default)]
pub struct Changes {
    /// Scopes that are tripped now and were not.
    pub tripped: Vec<SwitchState>,
    /// Scopes that were tripped and are not any more.
    pub reset: Vec<SwitchState>,
    /// What is newly wrong with a switch.
    pub troubles: Vec<String>,
    /// The same at the first look: whoever only watches may have none.
    pub doubts: Vec<String>,
}

impl Target {
    fn of(scope: &str) -> Target {
        let mut parts = scope.splitn(3, '/');
        // A file may be named as a gateway spells its provider.
        let known = |written| Arc::from(&*provider::name(written));
        match (parts.next(), parts.next(), parts.next()) {
            (Some("all"), None, None) => Target::All,
            (Some("provider"), Some(provider), None) => Target::Provider(known(provider)),
            (Some("model"), Some(provider), Some(model)) => {
                Target::Model(known(provider), model.into())
            }
            (Some("key"), Some(_), _) => Target::Key(scope[4..].into()),
            (Some("env"), Some(_), _) => Target::Environment(scope[4..].into()),
            _ => Target::Nothing,
        }
    }

    /// Whether it covers these calls; what is not known of them is not what it means.
    fn covers(&self, who: Who, names: &Names) -> bool {
        self.fits(who, &|sym, text| sym.is_some_and(|sym| names.text(sym) == *text))
    }

    /// Whether it covers calls of which no more than this is known, or may.
    fn may_cover(&self, who: Who, names: &Names) -> bool {
        self.fits(who, &|sym, text| sym.is_none_or(|sym| names.text(sym) == *text))
    }

    fn fits(&self, who: Who, is: &dyn Fn(Option<Sym>, &Arc<str>) -> bool) -> bool {
        match self {
            Target::All => true,
            Target::Provider(provider) => is(who.provider, provider),
            Target::Model(provider, model) => is(who.provider, provider) && is(who.model, model),
            Target::Key(key) => is(who.key, key),
            Target::Environment(environment) => is(who.environment, environment),
            Target::Nothing => false,
        }
    }
}
