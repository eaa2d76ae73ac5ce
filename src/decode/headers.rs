//! The one strict reader of rate-limit response headers, for every dialect.
//!
//! Headers of one response go in, readings of limits come out. What can't be
//! read is unknown, never zero, and is reported by the header's name. It knows
//! nothing of logs, files or how the headers were found in a line.
//!
//! Names are read by one grammar over tables (`families`, `vocabulary`), values
//! by their shape (`reset`, `ietf`), and what neither says comes from the refill
//! law (`law`) or from what is known of the provider (`provider`).

mod bag;
mod body;
mod cards;
mod claim;
mod draft;
mod explain;
mod families;
mod gather;
mod ietf;
mod labels;
mod law;
mod moment;
mod names;
mod plan;
mod prose;
mod provider;
mod quota;
mod reset;
mod retry;
mod settle;
mod state;
mod usual;
mod vocabulary;

pub use bag::{Header, HeaderBag};
pub(super) use bag::{Mark, NameList};
pub(super) use cards::Says;
pub use state::CallState;

use crate::domain::{Layer, LimitReading, LimitedBy, Names, NanoUsd, Sym, Wall};
use body::Said;
use cards::Cards;
use gather::{Aside, Gathered};
use labels::Labels;
use moment::Moment;
use plan::Plans;
use provider::Profile;
use settle::Setting;
use usual::Usual;

/// The time that a reset stands for, in whatever form it is written; what is
/// relative counts from `now`.
pub(super) fn reset_at(written: &[u8], now: Wall) -> Option<Wall> {
    reset::read(written).map(|written| written.at(now))
}

/// What is known around a response.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderContext<'a> {
    /// When it was received. Readings are of the time that the `Date` header says, and
    /// of this one where there is none.
    pub at: Wall,
    /// When the call began, as far as the log tells.
    pub began: Option<Wall>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Provider, as the log names it.
    pub provider: Option<&'a str>,
    /// Address or host that was called.
    pub url: Option<&'a str>,
    /// Model that was called.
    pub model: Option<Sym>,
    /// Which of several deployments or resources answered, as the log tells.
    pub deployment: Option<Sym>,
    /// The response's body or the beginning of it.
    pub body: Option<&'a [u8]>,
}

/// What the headers said. Reuse it: it is cleared by [`HeaderReader::read`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderReport {
    /// Every limit, in no particular order.
    pub limits: Vec<LimitReading>,
    /// What became of the call.
    pub state: CallState,
    /// Which limit refused it, where one did.
    pub limited_by: Option<LimitedBy>,
    /// Over how many seconds that one counts, where the refusal says.
    pub window_s: Option<u32>,
    /// Whose limit refused it.
    pub layer: Layer,
    /// How long the server asks to wait; also sent with successes.
    pub retry_after_s: Option<f64>,
    /// The server's own word on retrying. It is often wrong.
    pub should_retry: Option<bool>,
    /// Whether waiting can help; `None` where there is nothing to wait for.
    pub waiting_helps: Option<bool>,
    /// The provider, as the headers or the context show it.
    pub provider: Option<&'static str>,
    /// The server's clock.
    pub date: Option<Wall>,
    /// What the gateway says this call cost.
    pub response_cost: Option<NanoUsd>,
    request_id: Option<usize>,
    organization: Option<usize>,
    model: Option<usize>,
    stopped_by: Option<usize>,
    faults: Vec<usize>,
}

/// Reads headers. Owns the caches that make it cheap; keep one per thread.
#[derive(Clone, Debug)]
pub struct HeaderReader {
    labels: Labels,
    cards: Cards,
    plans: Plans,
    gathered: Gathered,
    told: Told,
    usual: Usual,
}

/// What the log's name for a provider comes to: it is the same line after line.
#[derive(Clone, Debug, Default)]
struct Told {
    name: String,
    profile: Option<&'static Profile>,
    provider: Option<Sym>,
}

impl Told {
    fn is(&mut self, name: &str, labels: &mut Labels) {
        if self.name != name {
            self.name.clear();
            self.name.push_str(name);
            self.profile = provider::by_alias(name);
            self.provider = labels.provider(name.as_bytes());
        }
    }
}

impl HeaderReader {
    /// A reader whose symbols mean something together with `names`.
    #[must_use]
    pub fn new(names: &Names) -> HeaderReader {
        HeaderReader {
            labels: Labels::new(names),
            cards: Cards::default(),
            plans: Plans::default(),
            gathered: Gathered::default(),
            told: Told::default(),
            usual: Usual::default(),
        }
    }

    /// What a header of this name can say.
    pub(super) fn says(&mut self, header: Header<'_>) -> Says {
        self.cards.of(header, &mut self.labels).says()
    }

    /// Reads the headers of one response.
    pub fn read(
        &mut self,
        bag: &HeaderBag,
        context: &HeaderContext<'_>,
        report: &mut HeaderReport,
    ) {
        let HeaderReader { labels, cards, plans, gathered, told, usual } = self;
        if usual.read(bag, context, report) {
            return;
        }
        gathered.faults.clear();
        let plan = plans.of(bag, cards, labels);
        let date = if plan.dated { gather::server_date(bag, &mut gathered.faults) } else { None };
        let now = date.unwrap_or(context.at);
        gathered.read(bag, plan, now, labels);
        claim::read(bag, gathered, labels);
        let said = match context.body {
            Some(body) => body::read(body, context.status, now, gathered, labels),
            None => Said::default(),
        };
        let aside = gathered.aside;
        let setting = setting(bag, context, date, &aside, labels, told);
        let profile = setting.profile;
        report.limits.clear();
        settle::settle(&mut gathered.drafts, &setting, &mut report.limits);
        report.retry_after_s = aside.retry.seconds();
        report.should_retry = aside.should_retry;
        report.provider = profile.map(|profile| profile.name);
        report.date = date;
        report.response_cost = aside.cost;
        report.request_id = aside.request_id;
        report.organization = aside.organization;
        report.model = aside.model;
        report.stopped_by = aside.stopped_by;
        report.faults.clear();
        report.faults.extend_from_slice(&gathered.faults);
        state::judge(report, context.status, said, &aside, bag);
        usual.learn(bag, context, plan, gathered, &setting, report);
    }
}

/// What is known around the buckets, once all headers are gathered.
fn setting(
    bag: &HeaderBag,
    context: &HeaderContext<'_>,
    date: Option<Wall>,
    aside: &Aside,
    labels: &mut Labels,
    told: &mut Told,
) -> Setting {
    let by_name = context.provider.and_then(|name| {
        told.is(name, labels);
        told.profile
    });
    let profile = aside.guess.settle(by_name, context.url);
    let provider = match context.provider {
        Some(_) => told.provider,
        None => profile.and_then(|profile| labels.provider(profile.name.as_bytes())),
    };
    let mut label = |index: Option<usize>| labels.label(bag.get(index?)?.value);
    let named = [aside.organization, aside.project, aside.subject, aside.policy].map(&mut label);
    let [organization, project, subject, policy] = named;
    // Deployments of one account share its limits.
    let account =
        organization.map_or(context.deployment, |whole| Some(labels.part(whole, project)));
    Setting {
        moment: Moment::of(context, date),
        status: context.status,
        provider,
        model: context.model,
        account,
        subject,
        part: account.map_or(subject, |whole| Some(labels.part(whole, subject))),
        policy,
        profile,
        litellm: aside.litellm,
    }
}

impl HeaderReport {
    /// The provider's request id, out of the bag that was read.
    #[must_use]
    pub fn request_id<'a>(&self, bag: &'a HeaderBag) -> Option<&'a [u8]> {
        bag.get(self.request_id?).map(|header| header.value)
    }

    /// The account at the provider, where a header tells, out of the bag that was read.
    #[must_use]
    pub fn account<'a>(&self, bag: &'a HeaderBag) -> Option<&'a [u8]> {
        bag.get(self.organization?).map(|header| header.value)
    }

    /// The model that answered, where a header tells, out of the bag that was read.
    #[must_use]
    pub fn model<'a>(&self, bag: &'a HeaderBag) -> Option<&'a [u8]> {
        bag.get(self.model?).map(|header| header.value)
    }

    /// The scope of the kill switch that refused, out of the bag that was read.
    #[must_use]
    pub fn stopped_by<'a>(&self, bag: &'a HeaderBag) -> Option<&'a [u8]> {
        bag.get(self.stopped_by?).map(|header| header.value)
    }

    /// Names of headers that were not understood, out of the bag that was read.
    pub fn faults<'a>(&self, bag: &'a HeaderBag) -> impl Iterator<Item = &'a [u8]> {
        self.faults.iter().filter_map(|index| bag.get(*index)).map(|header| header.name)
    }
}
