//! Limits of a record: those whose parts a map names, field by field, and how they are told.

use super::{Place, Recorder};
use crate::decode::eval::{Line, Seen};
use crate::decode::headers;
use crate::decode::map::{Alt, Alts, As, From, Limit, Map, Part, Spot};
use crate::domain::{
    Amount, Batch, Blame, Layer, LimitId, LimitReading, NameKind, Observation, ReadingSource,
    Request, Reset, ResetKind, Resource, Sym, Wall, WindowFrom,
};

/// A plan's use is told in percent.
const WHOLE_PLAN: Amount = Amount::whole(100);

impl Recorder {
    /// The limits of a response that counts as no call.
    pub(super) fn push_limits(
        &mut self,
        map: &Map<Spot>,
        request: &Request,
        place: Place,
        out: &mut Batch,
    ) {
        let Request { at, caller, .. } = *request;
        place.push(out, Observation::Limits { at, caller });
        self.push_each_limit(map, place, out);
    }

    pub(super) fn push_each_limit(&mut self, map: &Map<Spot>, place: Place, out: &mut Batch) {
        for limit in &mut self.report.limits {
            if limit.id.layer == Layer::Unknown {
                limit.id.layer = map.headers.layer;
            }
            out.push_with(place.at.number, || Observation::Limit(*limit));
        }
    }

    /// Adds what the map's limits say to what the headers said.
    pub(super) fn read_limits(&mut self, map: &Map<Spot>, line: Line<'_>, request: &Request) {
        for limit in &map.limits {
            if limit.when.as_ref().is_none_or(|when| line.holds(when))
                && let Some(reading) = self.limit(limit, line, request)
            {
                self.report.limits.push(reading);
            }
        }
    }

    fn limit(
        &mut self,
        limit: &Limit<Spot>,
        line: Line<'_>,
        request: &Request,
    ) -> Option<LimitReading> {
        let mut size = amount(line, limit.part(Part::Limit));
        let mut remaining = amount(line, limit.part(Part::Remaining));
        let used = amount(line, limit.part(Part::Used));
        let percent = amount(line, limit.part(Part::UsedPercent));
        if remaining.is_none() && used.is_none() && percent.is_none() && size.is_none() {
            return None;
        }
        if let Some(percent) = percent
            && size.is_none()
        {
            size = Some(WHOLE_PLAN);
            remaining = remaining.or(Some(Amount(WHOLE_PLAN.0 - percent.0)));
        }
        let window_s = window_s(line, limit);
        let reset = limit.part(Part::Reset);
        let kind = match limit.resource {
            Resource::PlanUsage => ResetKind::WindowEndsAt,
            _ => ResetKind::Unknown,
        };
        let mut name = |part| {
            self.names.of(&line, Alts::all(limit.part(part)), NameKind::Label, &mut self.scratch)
        };
        let (label, subject) = (name(Part::Label), name(Part::Subject));
        let label = label.or_else(|| {
            let plan = limit.resource == Resource::PlanUsage;
            self.window_label(window_s.filter(|_| plan)?)
        });
        Some(LimitReading {
            id: LimitId {
                layer: limit.layer.unwrap_or_default(),
                provider: request.provider,
                model: request.model.filter(|_| limit.resource != Resource::PlanUsage),
                scope: limit.scope,
                subject,
                resource: limit.resource,
                window_s,
                label,
            },
            at: request.at,
            heard: request.at,
            limit: size,
            remaining,
            used,
            used_ratio: None,
            reset: reset_at(line, reset, request.at).map(|at| Reset { at, kind }),
            status: None,
            blame: Blame::Unsaid,
            window_from: window_s.map(|_| WindowFrom::Policy),
            source: ReadingSource::Log,
        })
    }

    /// `5h`, `7d`: how people call a plan's windows.
    fn window_label(&mut self, seconds: u32) -> Option<Sym> {
        let text = match seconds {
            s if s % 86_400 == 0 => format!("{}d", s / 86_400),
            s if s % 3600 == 0 => format!("{}h", s / 3600),
            s => format!("{}m", s / 60),
        };
        self.names.intern(NameKind::Label, &text)
    }
}

fn window_s(line: Line<'_>, limit: &Limit<Spot>) -> Option<u32> {
    let count = |part| line.count(Alts::all(limit.part(part))).ok();
    // Five hours are 300 minutes, and 299 where a writer left out the last one.
    let whole = |minutes: u64| if minutes % 60 == 59 { minutes + 1 } else { minutes };
    let minutes = || whole(count(Part::WindowMinutes)?).checked_mul(60);
    let seconds = count(Part::WindowS).or_else(minutes)?;
    u32::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

/// A quantity, exact where it stands in one field as it is.
fn amount(line: Line<'_>, alts: &[Alt<Spot>]) -> Option<Amount> {
    alts.iter().find_map(|alt| {
        if alt.when.as_ref().is_some_and(|when| !line.holds(when)) {
            return None;
        }
        if let (From::Path(_), true) = (&alt.from, alt.is_plain()) {
            return line.value(alt)?.as_decimal().ok().map(Amount);
        }
        match line.number(Alts::one(alt)) {
            Seen::Is(number) => rounded(number),
            Seen::Absent | Seen::Unreadable => None,
        }
    })
}

#[allow(clippy::cast_possible_truncation, reason = "in range, as tested before")]
fn rounded(number: f64) -> Option<Amount> {
    const LARGEST: f64 = 1e18;
    (number.abs() < LARGEST).then(|| Amount((number * 1e9).round() as i128))
}

/// The time of a reset; the form of its text says whether it is a wait or a date.
fn reset_at(line: Line<'_>, alts: &[Alt<Spot>], now: Wall) -> Option<Wall> {
    alts.iter().find_map(|alt| {
        if alt.when.as_ref().is_some_and(|when| !line.holds(when)) {
            return None;
        }
        if alt.read_as != As::Plain {
            return line.time(Alts::one(alt)).ok();
        }
        let by_form = line.value(alt).and_then(|value| headers::reset_at(value.raw, now));
        by_form.or_else(|| line.time(Alts::one(alt)).ok())
    })
}
