//! The usual response: under the same names as the one before it, from the same
//! provider, answered, with plain numbers. Of such a one only the numbers are read:
//! whose buckets they are, and that none of them is a part of another one but those
//! that repeat it to the letter, was found when the names were read in full.
//!
//! Never more than a shortcut. It takes nothing whose meaning depends on another
//! value; at the first value of another form the response is read in full.

use super::bag::{HeaderBag, Mark};
use super::cards::Role;
use super::draft::Draft;
use super::families::Kin;
use super::gather::Gathered;
use super::law::Span;
use super::moment::Moment;
use super::plan::Plan;
use super::reset::{self, Written};
use super::settle::{Frame, Levels, Setting};
use super::vocabulary::Verb;
use super::{CallState, HeaderContext, HeaderReport};
use crate::domain::{Amount, Layer, LimitReading, Sym};
use crate::scan::number;

/// Lists of names that are known, each with one provider and one account.
const KEPT: usize = 8;

/// What is known of usual responses.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    known: Vec<Known>,
    oldest: usize,
    /// The mark of the last response that was read in full.
    before: Mark,
}

/// Responses with the same names from the same provider.
#[derive(Clone, Debug, Default)]
struct Known {
    mark: Mark,
    /// The provider, as the log names it.
    provider: Option<String>,
    deployment: Option<Sym>,
    /// What the headers that say whose limits these are stand at, and say.
    whose: Vec<(usize, Box<[u8]>)>,
    /// Without any, none of them is usual.
    buckets: Vec<Bucket>,
    /// Positions of values that must be the same: what a gateway sends twice.
    copies: Vec<[usize; 2]>,
    /// What does not depend on values.
    report: HeaderReport,
}

/// A bucket, and at which positions its values stand.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    frame: Frame,
    limit: Option<usize>,
    remaining: Option<usize>,
    reset: Option<(usize, Form)>,
}

/// How a reset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Span,
    Epoch,
    Date,
}

impl Form {
    /// A number without a unit has none: what it means is found with the others.
    fn of(written: Written) -> Option<Form> {
        match written {
            Written::Span(_) => Some(Form::Span),
            Written::Epoch(_) => Some(Form::Epoch),
            Written::Date(_) => Some(Form::Date),
            Written::Bare(_) => None,
        }
    }
}

impl Usual {
    /// Reads a response that is like the one before; whether it was.
    #[inline]
    pub(super) fn read(
        &self,
        bag: &HeaderBag,
        context: &HeaderContext<'_>,
        report: &mut HeaderReport,
    ) -> bool {
        let mark = bag.mark();
        let known = self.known.iter().find(|known| known.is_of(mark, bag, context));
        let usual = known.filter(|known| !known.buckets.is_empty() && may_be_usual(context));
        let Some(Known { buckets, copies, report: fixed, .. }) = usual else { return false };
        if copies.iter().any(|[copy, original]| bag.value(*copy) != bag.value(*original)) {
            return false;
        }
        report.limits.clear();
        for bucket in buckets {
            if bucket.read(bag, context, &mut report.limits).is_none() {
                return false;
            }
        }
        report.says_no_more_than(fixed);
        true
    }

    /// Learns from a response that was read in full, if others like it may follow.
    pub(super) fn learn(
        &mut self,
        bag: &HeaderBag,
        context: &HeaderContext<'_>,
        plan: &Plan,
        gathered: &Gathered,
        setting: &Setting,
        report: &HeaderReport,
    ) {
        let mark = bag.mark();
        let again = std::mem::replace(&mut self.before, mark) == mark;
        if !again || !may_be_usual(context) || !report.says_levels_only() || !is_plain(plan) {
            return;
        }
        let place = self.known.iter().position(|known| known.is_of(mark, bag, context));
        let place = place.unwrap_or_else(|| self.room());
        let Some(known) = self.known.get_mut(place) else { return };
        known.be_of(mark, bag, context, plan);
        let all_known = known.buckets_of(plan, &gathered.drafts, setting).is_some();
        if !all_known || report.limits.len() != known.buckets.len() {
            return known.buckets.clear();
        }
        let (limits, faults) = (Vec::new(), Vec::new());
        known.report = HeaderReport { limits, faults, ..*report };
    }

    /// Where to keep what is new.
    fn room(&mut self) -> usize {
        if self.known.len() < KEPT {
            self.known.push(Known::default());
            return self.known.len() - 1;
        }
        let place = self.oldest;
        self.oldest = (place + 1) % KEPT;
        place
    }
}

impl Known {
    #[inline]
    fn is_of(&self, mark: Mark, bag: &HeaderBag, context: &HeaderContext<'_>) -> bool {
        self.mark == mark
            && self.deployment == context.deployment
            && self.provider.as_deref() == context.provider
            && self.whose.iter().all(|(index, name)| bag.value(*index) == Some(&**name))
    }

    /// Starts over for these.
    fn be_of(&mut self, mark: Mark, bag: &HeaderBag, context: &HeaderContext<'_>, plan: &Plan) {
        self.mark = mark;
        self.deployment = context.deployment;
        let names = plan.steps.iter().filter(|step| says_whose(step.role));
        let whose = names.filter_map(|step| Some((step.index, bag.value(step.index)?.into())));
        self.whose.clear();
        self.whose.extend(whose);
        self.buckets.clear();
        self.copies.clear();
        match (&mut self.provider, context.provider) {
            (Some(known), Some(name)) => {
                known.clear();
                known.push_str(name);
            }
            (known, name) => *known = name.map(str::to_owned),
        }
    }

    /// Takes the plan's buckets, in the order in which they are met where every value
    /// says something, and what repeats them; `None` if there is more to them.
    fn buckets_of(&mut self, plan: &Plan, drafts: &[Draft], setting: &Setting) -> Option<()> {
        if drafts.len() != plan.buckets.len() {
            return None;
        }
        for key in &plan.buckets {
            let draft = drafts.iter().find(|draft| draft.key == *key)?;
            if draft.absorbed {
                self.copies_of(draft, drafts, plan)?;
            } else {
                self.buckets.push(Bucket::of(draft, plan, setting)?);
            }
        }
        Some(())
    }

    /// Takes what went into another bucket because it is sent twice.
    fn copies_of(&mut self, copy: &Draft, drafts: &[Draft], plan: &Plan) -> Option<()> {
        let mut originals = drafts.iter().filter(|draft| copy.may_repeat(draft));
        let (Some(original), None) = (originals.next(), originals.next()) else { return None };
        for step in &plan.steps {
            if let Some((verb, _)) = step.bucket.filter(|(_, key)| *key == copy.key) {
                let said = Some((verb, original.key));
                let first = plan.steps.iter().find(|step| step.bucket == said)?;
                self.copies.push([step.index, first.index]);
            }
        }
        Some(())
    }
}

/// A refusal is looked at as a whole.
fn may_be_usual(context: &HeaderContext<'_>) -> bool {
    context.status.is_none_or(|status| status < 400)
        && context.body.is_none()
        && context.url.is_none()
}

fn says_whose(role: Role) -> bool {
    matches!(role, Role::Organization | Role::Project)
}

/// Whether all that names say is about buckets of which none can be a part of another,
/// unless it repeats it.
fn is_plain(plan: &Plan) -> bool {
    let alone = |role: Role| {
        matches!(role, Role::Other | Role::RequestId | Role::Model) || says_whose(role)
    };
    !plan.dated
        && plan.steps.iter().all(|step| alone(step.role))
        && plan.buckets.iter().all(|key| match key.family.kin {
            Kin::Suffixed => key.named || key.described,
            Kin::Plain => true,
            Kin::Trio | Kin::Field | Kin::Ai | Kin::Body => false,
        })
}

impl Bucket {
    fn of(draft: &Draft, plan: &Plan, setting: &Setting) -> Option<Bucket> {
        let frame = Frame::of(draft, draft.key.resource, setting);
        let mut bucket = Bucket { frame, limit: None, remaining: None, reset: None };
        let written = draft.reset.value();
        for step in &plan.steps {
            let Some((verb, _)) = step.bucket.filter(|(_, key)| *key == draft.key) else {
                continue;
            };
            let again = match verb {
                Verb::Limit => bucket.limit.replace(step.index).is_some(),
                Verb::Remaining => bucket.remaining.replace(step.index).is_some(),
                Verb::Reset => bucket.reset.replace((step.index, Form::of(written?)?)).is_some(),
                _ => return None,
            };
            // Of copies that differ none may be believed.
            if again {
                return None;
            }
        }
        Some(bucket)
    }

    /// Adds its reading to `limits`, made where it stays, unless a value is of another form.
    #[inline]
    fn read(
        &self,
        bag: &HeaderBag,
        context: &HeaderContext<'_>,
        limits: &mut Vec<LimitReading>,
    ) -> Option<()> {
        let level = |at: Option<usize>| match at {
            Some(at) => Some(Some(level(bag.value(at)?)?)),
            None => Some(None),
        };
        let (limit, remaining) = (level(self.limit)?, level(self.remaining)?);
        let reset = match self.reset {
            Some((at, form)) => {
                let written = reset::read(bag.value(at)?)?;
                if Form::of(written) != Some(form) {
                    return None;
                }
                Some(written)
            }
            None => None,
        };
        let span = match reset {
            Some(Written::Span(nanos)) => Some(Span::exact(nanos)),
            _ => None,
        };
        let moment = Moment::of(context, None);
        let at = reset.map(|written| written.at(moment.at));
        let levels = Levels { limit, remaining, span };
        limits.push(self.frame.reading(moment, context.model, levels, at));
        Some(())
    }
}

/// A count that is neither an overdraft nor so large that it stands for no limit.
#[inline]
fn level(value: &[u8]) -> Option<Amount> {
    number::short_decimal(value).map(|billionths| Amount(billionths.into()))
}

impl HeaderReport {
    /// Takes all but the limits from a report that says levels only, field by field: a
    /// report is large.
    fn says_no_more_than(&mut self, fixed: &HeaderReport) {
        let HeaderReport {
            limits: _,
            state,
            limited_by,
            window_s,
            layer,
            retry_after_s,
            should_retry,
            waiting_helps,
            provider,
            date,
            response_cost,
            request_id,
            organization,
            model,
            stopped_by,
            faults,
        } = self;
        (*state, *limited_by, *layer) = (CallState::Ok, None, Layer::Unknown);
        *window_s = None;
        (*retry_after_s, *should_retry, *waiting_helps) = (None, None, None);
        (*date, *response_cost, *stopped_by) = (None, None, None);
        (*provider, *request_id, *model) = (fixed.provider, fixed.request_id, fixed.model);
        *organization = fixed.organization;
        faults.clear();
    }

    /// Whether the response was answered and says nothing but levels and ids.
    fn says_levels_only(&self) -> bool {
        self.state == CallState::Ok
            && self.limited_by.is_none()
            && self.layer == Layer::Unknown
            && self.retry_after_s.is_none()
            && self.should_retry.is_none()
            && self.waiting_helps.is_none()
            && self.date.is_none()
            && self.response_cost.is_none()
            && self.faults.is_empty()
    }
}
