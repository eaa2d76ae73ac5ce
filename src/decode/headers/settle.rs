//! From drafts to readings: which drafts are one bucket, whose it is, how long
//! its window is, when it comes back. Works on collected values only.

use std::time::Duration;

use super::draft::Draft;
use super::families::Kin;
use super::law::{self, Span, Unit, Verdict};
use super::moment::Moment;
use super::provider::{BareReset, Doc, Profile};
use super::reset::Written;
use crate::domain::amount::SCALE;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{
    Amount, Blame, Layer, LimitId, LimitReading, ReadingSource, Reset, ResetKind, Resource, Scope,
    Sym, Wall, WindowFrom,
};

/// A bare reset above this is in milliseconds where the family says so.
const DAY_NANOS: i64 = 86_400 * NANOS_PER_S;

/// What is known around the buckets of one response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// What readings are of and relative times count from.
    pub moment: Moment,
    pub status: Option<u16>,
    pub provider: Option<Sym>,
    pub model: Option<Sym>,
    /// Account or deployment that the provider counts for.
    pub account: Option<Sym>,
    /// The key or deployment that a header names.
    pub subject: Option<Sym>,
    /// That of the account.
    pub part: Option<Sym>,
    /// Name of the policy of an old trio.
    pub policy: Option<Sym>,
    pub profile: Option<&'static Profile>,
    pub litellm: bool,
}

/// Joins drafts that are the same bucket and appends a reading of each.
pub(super) fn settle(drafts: &mut [Draft], setting: &Setting, out: &mut Vec<LimitReading>) {
    let unit = join(drafts, setting);
    out.extend(drafts.iter().filter_map(|draft| settled(draft, setting, unit)));
}

/// Joins drafts that are the same bucket; the unit of their bare resets.
pub(super) fn join(drafts: &mut [Draft], setting: &Setting) -> Unit {
    join_states(drafts);
    join_upstream_copies(drafts);
    hand_out_bare_resets(drafts);
    let bare = |draft: &Draft| matches!(draft.reset.value(), Some(Written::Bare(_)));
    if drafts.iter().any(bare) { bare_unit(drafts, setting) } else { Unit::Seconds }
}

/// The reading of a joined draft, if it is one.
pub(super) fn settled(draft: &Draft, setting: &Setting, unit: Unit) -> Option<LimitReading> {
    if draft.absorbed || draft.unlimited { None } else { reading(draft, setting, unit) }
}

/// A trio beside named windows, a state beside its policy.
fn join_states(drafts: &mut [Draft]) {
    each_pair(drafts, Draft::may_be_state, |state, windowed| {
        if state.is_state_of(windowed) {
            windowed.absorb(state);
        }
    });
}

/// LiteLLM sends its provider's numbers twice, unless it has limits of its own:
/// then the numbers differ, and the plain ones are the key's.
fn join_upstream_copies(drafts: &mut [Draft]) {
    if drafts.iter().all(|draft| !draft.key.upstream) {
        return;
    }
    each_pair(drafts, Draft::is_plain, |plain, upstream| {
        if !plain.may_repeat(upstream) {
            return;
        }
        if plain.is_copy_of(upstream) {
            upstream.absorb(plain);
        } else {
            plain.key.scope = Scope::Key;
        }
    });
}

/// Kong's AI limiter sends one reset for the bucket that refused.
fn hand_out_bare_resets(drafts: &mut [Draft]) {
    if drafts.iter().all(|draft| draft.key.family.kin != Kin::Ai) {
        return;
    }
    let fits = |draft: &Draft| draft.key.family.kin == Kin::Ai && draft.limit.is_known();
    let spent = |draft: &Draft| draft.remaining().is_some_and(|left| left.0 <= 0);
    let candidates = drafts.iter().filter(|draft| fits(draft)).count();
    let is_bare = |draft: &Draft| {
        let key = &draft.key;
        key.family.kin == Kin::Ai && key.label.is_none() && !draft.limit.is_known()
    };
    each_pair(drafts, is_bare, |reset, bucket| {
        if fits(bucket) && (candidates == 1 || spent(bucket)) {
            bucket.absorb(reset);
        }
    });
}

/// Shows every ordered pair of live drafts whose first is of this sort.
fn each_pair(
    drafts: &mut [Draft],
    of_sort: impl Fn(&Draft) -> bool,
    mut join: impl FnMut(&mut Draft, &mut Draft),
) {
    for first in 0..drafts.len() {
        if !drafts.get(first).is_some_and(&of_sort) {
            continue;
        }
        for second in 0..drafts.len() {
            if let Ok([a, b]) = drafts.get_disjoint_mut([first, second])
                && !a.absorbed
                && !b.absorbed
            {
                join(a, b);
            }
        }
    }
}

/// The unit of bare resets under OpenAI's names. Azure changed it between
/// versions, but never within one response, so the buckets vote.
fn bare_unit(drafts: &[Draft], setting: &Setting) -> Unit {
    let by_law = setting.profile.is_some_and(|profile| profile.bare_reset == BareReset::ByLaw);
    let votes =
        drafts.iter().filter(|draft| by_law || draft.window.is_some()).filter_map(|draft| {
            let Some(Written::Bare(nanos)) = draft.reset.value() else { return None };
            let suffixed = draft.key.family.kin == Kin::Suffixed && draft.key.named;
            let (limit, remaining) = (draft.limit.agreed()?, draft.remaining()?);
            let reset = Amount(nanos.into()).as_f64();
            suffixed.then(|| law::unit(limit, remaining, draft.window_s().unwrap_or(60), reset))?
        });
    let balance: i32 = votes.map(|unit| if unit == Unit::Millis { 1 } else { -1 }).sum();
    if balance > 0 { Unit::Millis } else { Unit::Seconds }
}

fn reading(draft: &Draft, setting: &Setting, unit: Unit) -> Option<LimitReading> {
    let (resource, scale) = counted(draft);
    // Long division is slow and hardly ever needed.
    let scaled = |count: Option<Amount>| {
        if scale == 1 { count } else { count.map(|c| Amount(c.0 / i128::from(scale))) }
    };
    let limit = scaled(draft.limit.agreed());
    let used = scaled(draft.used.agreed());
    let mut remaining = scaled(draft.remaining());
    if let (None, Some(limit), Some(used)) = (remaining, limit, used) {
        remaining = Some(Amount(limit.0.saturating_sub(used.0)));
    }
    if stands_for_none(limit, remaining, setting.status) {
        return None;
    }
    let reset = draft.reset.value();
    let known = limit.is_some() || remaining.is_some() || used.is_some() || draft.ratio.is_some();
    if !known && reset.is_none() && draft.status.is_none() {
        return None;
    }
    let by_law = setting.profile.is_some_and(|profile| profile.bare_reset == BareReset::ByLaw);
    let span = match reset {
        Some(Written::Span(nanos)) => Some(Span::exact(nanos)),
        // The law that tells its unit tells the window as well.
        Some(Written::Bare(nanos)) if by_law => Some(Span::bare(nanos, unit)),
        _ => None,
    };
    let levels = Levels { limit, remaining, span };
    let reset = reset.map(|written| reset_at(draft, written, unit, setting.moment.at));
    let frame = Frame::of(draft, resource, setting);
    let reading = frame.reading(setting.moment, setting.model, levels, reset);
    let (status, blame) = (draft.status, draft.blame);
    Some(LimitReading { used, used_ratio: draft.ratio, status, blame, ..reading })
}

/// What a reading comes to before any level is known: it depends on whose bucket it is
/// and on how its reset is written, and on no number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// Without the window and the model.
    id: LimitId,
    /// The window that header, name or policy says.
    said: Option<(u32, WindowFrom)>,
    /// The window that stands in the documentation.
    documented: Option<u32>,
    /// Numbers that contradict the documentation are believed.
    yields: bool,
    /// What happens at the reset, where the numbers do not tell.
    kind: ResetKind,
    /// Whether they may tell.
    open: bool,
    /// Each model has such a limit of its own.
    by_model: bool,
    source: ReadingSource,
}

/// The numbers of one reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    pub limit: Option<Amount>,
    pub remaining: Option<Amount>,
    /// The reset, where it is a duration.
    pub span: Option<Span>,
}

impl Frame {
    /// The frame of a draft that counts this.
    pub(super) fn of(draft: &Draft, resource: Resource, setting: &Setting) -> Frame {
        let (key, family) = (&draft.key, draft.key.family);
        let (scope, layer) = owner(draft, setting);
        let kind = match family.reset {
            ResetKind::Unknown if kong(draft) => ResetKind::WindowEndsAt,
            ResetKind::Unknown => setting.profile.map_or(ResetKind::Unknown, |p| p.reset),
            kind => kind,
        };
        let by_model = matches!(scope, Scope::Org | Scope::Model | Scope::Project | Scope::Unknown)
            && layer != Layer::Gateway
            && key.named
            && resource != Resource::Spend;
        let by_model = by_model || key.described && scope == Scope::Model;
        let mut id = LimitId {
            layer,
            provider: setting.provider,
            scope,
            label: key.label.or(setting.policy.filter(|_| family.kin == Kin::Trio)),
            ..LimitId::of(resource)
        };
        let plain = family.kin == Kin::Suffixed && !key.described;
        id.subject = match id.is_of_account() {
            true if plain => setting.part,
            true => setting.account,
            false => setting.subject.filter(|_| plain),
        };
        Frame {
            id,
            said: draft.window.or(key.window_s.map(|seconds| (seconds, WindowFrom::Name))),
            documented: documented(draft, setting, layer),
            yields: setting.profile.is_some_and(|profile| profile.doc == Doc::Yielding),
            kind,
            open: family.reset == ResetKind::Unknown,
            by_model,
            source: if family.kin == Kin::Body {
                ReadingSource::Log
            } else {
                ReadingSource::Header
            },
        }
    }

    /// The reading of these levels, beside a call of this model.
    #[inline]
    pub(super) fn reading(
        &self,
        moment: Moment,
        model: Option<Sym>,
        levels: Levels,
        reset: Option<Wall>,
    ) -> LimitReading {
        let Levels { limit, remaining, span } = levels;
        // What the refill law says of the window.
        let verdict = match (span, limit, remaining) {
            (Some(span), Some(limit), Some(remaining)) => law::window(limit, remaining, span),
            _ => Verdict::Silent,
        };
        let derived = match verdict {
            Verdict::Window(seconds) => Some((seconds, WindowFrom::Math)),
            _ => None,
        };
        let believed = verdict != Verdict::Contradiction || !self.yields;
        let documented = self.documented.filter(|_| believed).map(|s| (s, WindowFrom::Doc));
        let window = self.said.or(derived).or(documented);
        let kind = if self.open && derived.is_some() { ResetKind::FullAt } else { self.kind };
        let is_full = limit.is_none() || remaining.is_none_or(|left| Some(left) >= limit);
        let at = match reset.filter(|_| kind == ResetKind::FullAt && !is_full) {
            Some(full_at) => moment.before_full(full_at, || {
                let missing = 1.0 - remaining?.ratio_of(limit?)?;
                Duration::try_from_secs_f64(missing * f64::from(window?.0)).ok()
            }),
            None => moment.at,
        };
        LimitReading {
            id: LimitId {
                model: model.filter(|_| self.by_model),
                window_s: window.map(|(seconds, _)| seconds),
                ..self.id
            },
            at,
            heard: moment.heard,
            limit,
            remaining,
            used: None,
            used_ratio: None,
            reset: reset.map(|at| Reset { at, kind }),
            status: None,
            blame: Blame::Unsaid,
            window_from: window.map(|(_, from)| from),
            source: self.source,
        }
    }
}

/// What is counted, and in how many parts of our unit.
fn counted(draft: &Draft) -> (Resource, u32) {
    if let Some(unit) = draft.unit {
        return unit;
    }
    // Kong's AI limiter counts tokens or dollars and does not say which; only
    // money comes in fractions.
    let fraction = |count: Option<Amount>| count.is_some_and(|count| count.0 % SCALE != 0);
    let money = draft.key.family.kin == Kin::Ai
        && (fraction(draft.limit.agreed()) || fraction(draft.remaining()));
    (if money { Resource::Spend } else { draft.key.resource }, 1)
}

/// A lone -1 on a success means "not counted"; on a refusal it is an overdraft.
fn stands_for_none(limit: Option<Amount>, left: Option<Amount>, status: Option<u16>) -> bool {
    limit.is_none() && left == Some(Amount::whole(-1)) && status.is_none_or(|status| status < 300)
}

/// Whose limit it is, and on which side of a gateway.
fn owner(draft: &Draft, setting: &Setting) -> (Scope, Layer) {
    let key = &draft.key;
    if key.described || (key.family.kin == Kin::Suffixed && key.scope == Scope::Key) {
        return (key.scope, Layer::Gateway);
    }
    if foreign(draft, setting) || kong(draft) {
        return (Scope::Gateway, Layer::Gateway);
    }
    let from_profile = |profile: &Profile| match key.family.kin {
        Kin::Field => profile.field_scope,
        _ => profile.scope,
    };
    let scope = match (key.scope, setting.profile) {
        (Scope::Unknown, Some(profile)) => from_profile(profile),
        (Scope::Unknown, None) if key.upstream && key.named => Scope::Org,
        (scope, _) => scope,
    };
    let layer = match (key.family.layer, setting.profile) {
        _ if key.upstream => Layer::Upstream,
        (Layer::Unknown, _) if setting.litellm => Layer::Upstream,
        (Layer::Unknown, Some(profile)) => profile.layer,
        (layer, _) => layer,
    };
    (scope, layer)
}

/// OpenAI never sends dates under its names: a gateway does.
fn foreign(draft: &Draft, setting: &Setting) -> bool {
    draft.key.family.kin == Kin::Suffixed
        && draft.key.named
        && !draft.key.upstream
        && setting.profile.is_none_or(|profile| profile.doc == Doc::Yielding)
        && matches!(draft.reset.value(), Some(Written::Epoch(_) | Written::Date(_)))
}

/// A window in the name and no noun: so Kong spells its limits.
fn kong(draft: &Draft) -> bool {
    let key = &draft.key;
    key.family.kin == Kin::Suffixed && !key.named && key.window_s.is_some()
}

fn documented(draft: &Draft, setting: &Setting, layer: Layer) -> Option<u32> {
    let key = &draft.key;
    if key.described {
        // LiteLLM's own limits are per minute; parallel calls have no window.
        return (key.resource != Resource::Concurrency).then_some(60);
    }
    let from_profile = |profile: &Profile| match key.resource {
        Resource::Requests => profile.requests_s,
        Resource::Tokens | Resource::InputTokens | Resource::OutputTokens | Resource::Images => {
            profile.tokens_s
        }
        _ => None,
    };
    let spoken = match key.family.kin {
        Kin::Suffixed => {
            key.named
                && key.scope != Scope::Key
                && (layer != Layer::Gateway || !foreign(draft, setting))
        }
        Kin::Trio => true,
        Kin::Field | Kin::Ai | Kin::Body | Kin::Plain => false,
    };
    key.family.window_s.or(setting.profile.filter(|_| spoken).and_then(from_profile))
}

fn reset_at(draft: &Draft, written: Written, unit: Unit, now: Wall) -> Wall {
    let family = draft.key.family;
    let written = match written {
        Written::Bare(nanos) if family.long_bare_is_millis && nanos > DAY_NANOS => {
            Written::Bare(nanos / 1000)
        }
        Written::Bare(nanos)
            if unit == Unit::Millis && family.kin == Kin::Suffixed && draft.key.named =>
        {
            Written::Bare(nanos / 1000)
        }
        written => written,
    };
    written.at(now)
}
