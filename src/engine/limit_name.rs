//! What a limit is called: the one place that makes a name of its identity, for
//! the verdict, alerts, events, findings, and the rows of every screen and list.

use std::sync::Arc;

use crate::domain::{Layer, LimitId, Names, Resource, Scope};

/// Whose limit it is, what it is about and what it counts, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitName {
    /// `openai`; `gateway` for a gateway's own; `provider?` where nobody said.
    pub owner: Arc<str>,
    /// Model, key, team, label: whatever narrows it down. May be empty.
    pub about: String,
    /// `TPM`, `RPD`, `ITPM`, `5h`: what is counted, over which time.
    pub kind: String,
}

/// The identity of a limit, its names as text.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub struct LimitParts {
    pub layer: Layer,
    pub provider: Option<Arc<str>>,
    pub model: Option<Arc<str>>,
    pub scope: Scope,
    /// Key, team, deployment, policy.
    pub subject: Option<Arc<str>>,
    pub label: Option<Arc<str>>,
    pub resource: Resource,
    pub window_s: Option<u32>,
    /// Another account has a limit like it: only the subject tells them apart.
    pub has_twin: bool,
}

impl LimitParts {
    /// The parts of an identity.
    #[must_use]
    pub fn of(id: &LimitId, names: &Names) -> LimitParts {
        let text = |sym: Option<_>| sym.map(|sym| names.text(sym));
        LimitParts {
            layer: id.layer,
            provider: text(id.provider),
            model: text(id.model),
            scope: id.scope,
            subject: text(id.subject),
            label: text(id.label),
            resource: id.resource,
            window_s: id.window_s,
            has_twin: false,
        }
    }
}

impl LimitName {
    /// All of it, as a sentence has it: `openai gpt-4o TPM`.
    #[must_use]
    pub fn title(&self) -> String {
        let parts = [&*self.owner, &self.about, &self.kind];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The same for a refusal that names no limit: only who was refused is known.
    #[must_use]
    pub fn refused(&self) -> String {
        let parts = [&*self.owner, &self.about];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl From<LimitParts> for LimitName {
    fn from(parts: LimitParts) -> LimitName {
        let kind = kind(&parts);
        let owner = parts.provider.unwrap_or_else(|| match parts.layer {
            Layer::Gateway => "gateway".into(),
            Layer::Upstream | Layer::Unknown => "provider?".into(),
        });
        // Of an account there is mostly one, and it has a long name.
        let of_account = parts.layer != Layer::Gateway && parts.scope.is_of_account();
        let subject = parts.subject.filter(|_| parts.has_twin || !of_account);
        let subject = subject.map(|subject| match parts.scope {
            Scope::Unknown => subject.to_string(),
            scope => format!("{} {subject}", scope.word()),
        });
        // A plan's label is its window, which the kind says.
        let label = parts.label.filter(|_| parts.resource != Resource::PlanUsage);
        let about = [parts.model.as_deref(), subject.as_deref(), label.as_deref()];
        let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
        LimitName { owner, about, kind }
    }
}

fn kind(parts: &LimitParts) -> String {
    let (stem, no_window) = match parts.resource {
        Resource::Requests => ("R", "REQ"),
        Resource::Tokens => ("T", "TOK"),
        Resource::InputTokens => ("IT", "ITOK"),
        Resource::OutputTokens => ("OT", "OTOK"),
        Resource::Images => ("I", "IMAGE"),
        Resource::Pages => ("PG", "PAGE"),
        Resource::AudioSeconds => ("AS", "AUDIO"),
        Resource::Characters => ("CH", "CHAR"),
        Resource::ContentBytes => ("B", "BYTE"),
        Resource::Spend => ("$", "SPEND"),
        Resource::Concurrency => return "CONC".into(),
        Resource::Credits => return "CRED".into(),
        Resource::PlanUsage => {
            return parts.label.as_ref().map_or_else(|| "PLAN".into(), ToString::to_string);
        }
        Resource::Other => return "LIMIT".into(),
    };
    match parts.window_s {
        None => no_window.into(),
        Some(1) => format!("{stem}PS"),
        Some(60) => format!("{stem}PM"),
        Some(3600) => format!("{stem}PH"),
        Some(86_400) => format!("{stem}PD"),
        Some(2_592_000) => format!("{stem}PMO"),
        Some(seconds) if seconds % 86_400 == 0 => format!("{stem}/{}d", seconds / 86_400),
        Some(seconds) if seconds % 3600 == 0 => format!("{stem}/{}h", seconds / 3600),
        Some(seconds) if seconds % 60 == 0 => format!("{stem}/{}m", seconds / 60),
        Some(seconds) => format!("{stem}/{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_is_known_is_in_the_name_and_none_is_made_up() {
        let unnamed = LimitParts {
            layer: Layer::Upstream,
            provider: None,
            model: None,
            scope: Scope::Org,
            subject: None,
            label: None,
            resource: Resource::Requests,
            window_s: Some(60),
            has_twin: false,
        };
        let named = LimitParts {
            provider: Some("openai".into()),
            model: Some("gpt-4o".into()),
            ..unnamed.clone()
        };
        let of_key = LimitParts {
            layer: Layer::Gateway,
            scope: Scope::Key,
            subject: Some("prod-web".into()),
            window_s: None,
            ..unnamed.clone()
        };
        let plan = LimitParts {
            label: Some("5h".into()),
            resource: Resource::PlanUsage,
            window_s: Some(18_000),
            ..named.clone()
        };
        let pool = LimitParts {
            label: Some("fast".into()),
            window_s: Some(300),
            resource: Resource::InputTokens,
            ..named.clone()
        };
        let only = LimitParts { subject: Some("acme".into()), label: None, ..named.clone() };
        let twin = LimitParts { has_twin: true, ..only.clone() };
        for (parts, title) in [
            (unnamed, "provider? RPM"),
            (named, "openai gpt-4o RPM"),
            (of_key, "gateway key prod-web REQ"),
            (only, "openai gpt-4o RPM"),
            (twin, "openai gpt-4o org acme RPM"),
            (plan, "openai gpt-4o 5h"),
            (pool, "openai gpt-4o fast IT/5m"),
        ] {
            assert_eq!(LimitName::from(parts).title(), title);
        }
    }
}
