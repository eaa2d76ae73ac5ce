//! What the rows of a picture are called, and what can be read off them: asked by
//! every viewer, so that all of them say the same.

use super::{Alert, Cap, Key, Limit, LimitName, Number, Snapshot, Switch, Traffic, UNATTRIBUTED};
use crate::domain::{Layer, Resource, Scope};
use crate::engine::{LimitParts, NO_KEY, back_in_words, span_in_words};

impl Limit {
    /// Whether the provider says that calls are refused, whatever is left.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.status == Some("rejected")
    }

    /// When it is back, in words. Of a bucket that fills up all the time calls pass before
    /// it is full, and when is not known.
    #[must_use]
    pub fn back_in_words(&self) -> Option<String> {
        let in_s = self.reset_in_s?;
        let fills = self.exhausted && self.reset_kind == Some("full");
        Some(if fills { format!("full in {}", span_in_words(in_s)) } else { back_in_words(in_s) })
    }

    /// Whether there is none of it, so that waiting brings none.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.limit.is_some_and(|Number(limit)| limit == 0.0)
    }

    /// What it is called, wherever it is named.
    #[must_use]
    pub fn name(&self) -> LimitName {
        LimitName::from(LimitParts {
            layer: Layer::from_word(self.layer).unwrap_or_default(),
            provider: self.provider.clone(),
            model: self.model.clone(),
            scope: match self.key {
                Some(_) => Scope::Key,
                None => Scope::from_word(self.scope).unwrap_or_default(),
            },
            subject: self.key.clone().or_else(|| self.subject.clone()),
            label: self.label.clone(),
            resource: Resource::from_word(self.resource).unwrap_or(Resource::Other),
            window_s: self.window_s,
            has_twin: self.has_twin,
        })
    }

    /// Whether it is known by refusals alone, and those name no limit.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        let number = self.limit.or(self.remaining).map(|Number(number)| number);
        let is_told = self.was_reset || number.or(self.used_ratio).is_some();
        self.resource == Resource::Other.word() && !is_told
    }
}

impl Cap {
    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.used_ratio.is_some_and(|used| used >= 1.0)
    }

    /// Whether nothing is known of what was spent: no call of several has a price.
    #[must_use]
    pub fn is_unpriced(&self) -> bool {
        self.spent_usd.is_none()
    }

    /// What people call it: its name, and whose row it is.
    #[must_use]
    pub fn title(&self) -> String {
        self.of.as_ref().map_or_else(|| self.name.to_string(), |of| format!("{} {of}", self.name))
    }
}

impl Switch {
    /// The time of day from which on it was watched, where it stood before that.
    #[must_use]
    pub fn watched_from(&self) -> Option<String> {
        let time = self.watched_from.as_deref()?.get(11..19)?;
        Some(format!("{time}Z"))
    }
}

impl Traffic {
    /// Share of calls that a limit refused.
    #[must_use]
    pub fn refused_ratio(&self) -> f64 {
        self.share(&["rate_limited", "quota_exhausted"])
    }

    /// Share of calls that the server failed, or did not answer in time.
    #[must_use]
    pub fn broken_ratio(&self) -> f64 {
        self.share(&["failed", "overloaded", "timed_out"])
    }

    /// Share of calls that nobody would take as they were: a key that does not work, a
    /// model that is not known.
    #[must_use]
    pub fn rejected_ratio(&self) -> f64 {
        self.share(&["auth_failed", "client_error"])
    }

    /// The largest of these shares.
    #[must_use]
    pub fn hurt_ratio(&self) -> f64 {
        self.refused_ratio().max(self.broken_ratio()).max(self.rejected_ratio())
    }

    /// Share of calls that ended in one of these ways.
    #[must_use]
    pub fn share(&self, outcomes: &[&str]) -> f64 {
        outcomes.iter().filter_map(|outcome| self.outcomes.get(outcome)).sum()
    }

    /// What it is called: provider, model and endpoint, as far as they are known.
    #[must_use]
    pub fn title(&self) -> String {
        let parts = [&self.provider, &self.model, &self.endpoint];
        let known: Vec<&str> = parts.into_iter().flatten().map(AsRef::as_ref).collect();
        if known.is_empty() { "traffic of no named provider".to_owned() } else { known.join(" ") }
    }
}

impl Key {
    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        if &*self.key_id == UNATTRIBUTED { NO_KEY } else { &self.key_id }
    }
}

impl Alert {
    /// Its state as a word for people.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            "no_data" => "no data",
            state => state,
        }
    }
}

impl Snapshot {
    /// Age of the newest line of any source.
    #[must_use]
    pub fn data_age_s(&self) -> Option<f64> {
        self.sources.iter().filter_map(|source| source.last_line_age_s).reduce(f64::min)
    }
}
