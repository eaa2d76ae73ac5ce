//! What is known about providers that their headers do not say: whose account
//! the numbers are, which windows the documentation gives, what happens at the
//! reset, in which unit a bare reset is written. Data and how to pick a row.

use crate::domain::{Layer, ResetKind, Scope};

/// How far the documented windows bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doc {
    /// There is nothing better.
    Firm,
    /// Only where the numbers neither show nor contradict it: OpenAI has minute,
    /// day and month buckets under one name.
    Yielding,
}

/// What a bare reset number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BareReset {
    Seconds,
    /// Seconds or milliseconds, by version; the refill law decides.
    ByLaw,
}

/// One provider (or a gateway that speaks in a provider's names).
#[derive(Debug)]
pub(super) struct Profile {
    pub name: &'static str,
    pub layer: Layer,
    /// Scope of OpenAI-like and generic names.
    pub scope: Scope,
    /// Scope of the IETF's fields.
    pub field_scope: Scope,
    pub requests_s: Option<u32>,
    pub tokens_s: Option<u32>,
    pub doc: Doc,
    pub reset: ResetKind,
    pub bare_reset: BareReset,
    /// Beginnings of provider names in logs.
    pub aliases: &'static [&'static str],
    /// Ends of host names.
    pub hosts: &'static [&'static str],
    /// Beginnings of header names that only this one sends.
    pub markers: &'static [&'static str],
}

const ROW: Profile = Profile {
    name: "",
    layer: Layer::Upstream,
    scope: Scope::Org,
    field_scope: Scope::Unknown,
    requests_s: None,
    tokens_s: None,
    doc: Doc::Firm,
    reset: ResetKind::Unknown,
    bare_reset: BareReset::Seconds,
    aliases: &[],
    hosts: &[],
    markers: &[],
};

const MINUTE: Option<u32> = Some(60);

/// All rows. Where two could match, the more telling one stands first.
pub(super) static PROFILES: &[Profile] = &[
    Profile {
        name: "azure",
        scope: Scope::Model,
        reset: ResetKind::FullAt,
        bare_reset: BareReset::ByLaw,
        aliases: &["azure"],
        hosts: &[".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"],
        markers: &["x-ms-", "azureml-", "x-ratelimit-key", "apim-request-id", "policy-id"],
        ..ROW
    },
    Profile {
        name: "github-models",
        layer: Layer::Unknown,
        scope: Scope::Gateway,
        reset: ResetKind::FullAt,
        bare_reset: BareReset::ByLaw,
        aliases: &["github"],
        hosts: &["models.github.ai", "models.inference.ai.azure.com"],
        markers: &["x-ratelimit-type", "x-ratelimit-timeremaining"],
        ..ROW
    },
    Profile {
        name: "groq",
        requests_s: Some(86_400),
        tokens_s: MINUTE,
        reset: ResetKind::FullAt,
        aliases: &["groq"],
        hosts: &["api.groq.com"],
        markers: &["x-groq-"],
        ..ROW
    },
    Profile {
        name: "anthropic",
        requests_s: MINUTE,
        tokens_s: MINUTE,
        reset: ResetKind::FullAt,
        aliases: &["anthropic", "claude"],
        hosts: &["api.anthropic.com"],
        // The bare spellings are those of its OpenAI-compatible endpoint.
        markers: &["anthropic-", "x-ratelimit-requests", "x-ratelimit-tokens"],
        ..ROW
    },
    Profile {
        name: "mistral",
        requests_s: MINUTE,
        tokens_s: MINUTE,
        reset: ResetKind::WindowEndsAt,
        aliases: &["mistral"],
        hosts: &["api.mistral.ai"],
        markers: &[
            "mistral-",
            "ratelimitbysize-",
            "x-ratelimit-limit-req-",
            "x-ratelimit-remaining-req-",
            "x-ratelimit-limit-ocr-",
            "x-ratelimit-tokens-query-cost",
            "x-max-retry-attempts-reached",
        ],
        ..ROW
    },
    Profile {
        name: "cohere",
        scope: Scope::Key,
        aliases: &["cohere"],
        hosts: &["api.cohere.com", "api.cohere.ai"],
        markers: &["x-trial-endpoint-", "x-endpoint-monthly-", "num-tokens"],
        ..ROW
    },
    Profile {
        name: "fireworks",
        requests_s: MINUTE,
        tokens_s: MINUTE,
        aliases: &["fireworks"],
        hosts: &["api.fireworks.ai"],
        markers: &["fireworks-", "x-ratelimit-over-limit", "x-ratelimit-limit-tokens-generated"],
        ..ROW
    },
    Profile {
        name: "together",
        reset: ResetKind::WindowEndsAt,
        aliases: &["together"],
        hosts: &["api.together.ai", "api.together.xyz"],
        markers: &["x-tokenlimit-"],
        ..ROW
    },
    Profile {
        name: "cerebras",
        requests_s: MINUTE,
        tokens_s: MINUTE,
        aliases: &["cerebras"],
        hosts: &["api.cerebras.ai"],
        ..ROW
    },
    Profile {
        name: "sambanova",
        scope: Scope::Key,
        requests_s: MINUTE,
        aliases: &["sambanova"],
        hosts: &["api.sambanova.ai"],
        ..ROW
    },
    Profile {
        name: "xai",
        tokens_s: MINUTE,
        aliases: &["xai", "x-ai", "grok"],
        hosts: &["api.x.ai"],
        ..ROW
    },
    Profile {
        name: "huggingface",
        layer: Layer::Unknown,
        scope: Scope::Unknown,
        field_scope: Scope::User,
        reset: ResetKind::WindowEndsAt,
        aliases: &["huggingface", "hugging-face", "hf"],
        hosts: &["huggingface.co"],
        ..ROW
    },
    Profile {
        name: "cloudflare",
        scope: Scope::User,
        field_scope: Scope::User,
        aliases: &["cloudflare", "workers-ai"],
        hosts: &["api.cloudflare.com"],
        ..ROW
    },
    Profile { name: "digitalocean", aliases: &["digitalocean"], hosts: &["do-ai.run"], ..ROW },
    Profile {
        name: "replicate",
        scope: Scope::Unknown,
        aliases: &["replicate"],
        hosts: &["api.replicate.com"],
        ..ROW
    },
    Profile {
        name: "openrouter",
        scope: Scope::User,
        reset: ResetKind::WindowEndsAt,
        aliases: &["openrouter"],
        hosts: &["openrouter.ai"],
        markers: &["x-generation-id"],
        ..ROW
    },
    Profile {
        name: "gemini",
        scope: Scope::Project,
        aliases: &["gemini", "google", "vertex"],
        hosts: &["generativelanguage.googleapis.com", "aiplatform.googleapis.com"],
        ..ROW
    },
    Profile {
        name: "moonshot",
        aliases: &["moonshot", "kimi"],
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        ..ROW
    },
    Profile {
        name: "bedrock",
        aliases: &["bedrock", "aws", "amazon"],
        hosts: &[".amazonaws.com"],
        markers: &["x-amzn-bedrock-"],
        ..ROW
    },
    Profile {
        name: "buildkite",
        requests_s: MINUTE,
        reset: ResetKind::WindowEndsAt,
        hosts: &["api.buildkite.com"],
        markers: &["ratelimit-scope"],
        ..ROW
    },
    Profile {
        name: "gitlab",
        scope: Scope::User,
        reset: ResetKind::WindowEndsAt,
        aliases: &["gitlab"],
        hosts: &["gitlab.com"],
        markers: &["ratelimit-name", "ratelimit-observed"],
        ..ROW
    },
    Profile {
        name: "aisix",
        layer: Layer::Gateway,
        scope: Scope::Gateway,
        requests_s: MINUTE,
        tokens_s: MINUTE,
        reset: ResetKind::WindowEndsAt,
        aliases: &["aisix"],
        markers: &["x-ratelimit-limit-concurrent", "x-ratelimit-remaining-concurrent"],
        ..ROW
    },
    Profile {
        name: "helicone-gateway",
        layer: Layer::Gateway,
        scope: Scope::Gateway,
        reset: ResetKind::WindowEndsAt,
        markers: &["x-ratelimit-after"],
        ..ROW
    },
    // Last: many speak in its names, and even its own headers are passed on.
    Profile {
        name: "openai",
        requests_s: MINUTE,
        tokens_s: MINUTE,
        doc: Doc::Yielding,
        reset: ResetKind::FullAt,
        aliases: &["openai", "chatgpt", "codex"],
        hosts: &["api.openai.com", "chatgpt.com"],
        markers: &["openai-", "x-codex-", "x-ratelimit-limit-tokens-usage-based"],
        ..ROW
    },
];

/// The most telling row so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guess(Option<usize>);

impl Guess {
    /// Takes a marker into account.
    pub fn see(&mut self, marker: Option<usize>) {
        self.0 = match (self.0, marker) {
            (Some(seen), Some(new)) => Some(seen.min(new)),
            (seen, new) => seen.or(new),
        };
    }

    /// The row, given what the log and the address say. They win, except that a
    /// log which says "OpenAI" may well mean OpenAI's models at Azure.
    pub fn settle(
        self,
        named: Option<&'static Profile>,
        url: Option<&str>,
    ) -> Option<&'static Profile> {
        let seen = self.0.and_then(|index| PROFILES.get(index));
        let told = by_host(url).or(named);
        match (told, seen) {
            (Some(told), Some(seen)) if told.name == "openai" && seen.name == "azure" => Some(seen),
            (Some(told), _) => Some(told),
            (None, seen) => seen,
        }
    }
}

/// The row that a header's name points to.
pub(super) fn marked(name: &[u8]) -> Option<usize> {
    let points = |profile: &Profile| profile.markers.iter().any(|marker| marks(name, marker));
    PROFILES.iter().position(points)
}

/// A marker that ends in `-` is a beginning, another one is the whole name.
fn marks(name: &[u8], marker: &str) -> bool {
    let rest = name.strip_prefix(marker.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || marker.ends_with('-'))
}

/// The row of a provider as a log names it.
pub(super) fn by_alias(provider: &str) -> Option<&'static Profile> {
    let provider = provider.as_bytes();
    let begins = |alias: &&str| {
        provider.get(..alias.len()).is_some_and(|head| head.eq_ignore_ascii_case(alias.as_bytes()))
    };
    PROFILES.iter().find(|profile| profile.aliases.iter().any(begins))
}

fn by_host(url: Option<&str>) -> Option<&'static Profile> {
    let url = url?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.split(':').next().unwrap_or(authority);
    PROFILES.iter().find(|profile| profile.hosts.iter().any(|known| host.ends_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_telling_sign_wins() {
        let guess = |names: &[&str], provider: Option<&str>, url| {
            let mut guess = Guess::default();
            for name in names {
                guess.see(marked(name.as_bytes()));
            }
            guess.settle(provider.and_then(by_alias), url).map(|profile| profile.name)
        };
        assert_eq!(guess(&["x-request-id", "server"], None, None), None);
        assert_eq!(guess(&["openai-model", "x-ms-region"], None, None), Some("azure"));
        assert_eq!(guess(&["x-ms-region"], Some("openai"), None), Some("azure"));
        assert_eq!(guess(&["openai-model"], Some("Groq"), None), Some("groq"));
        assert_eq!(guess(&[], None, Some("https://api.groq.com:443/openai/v1")), Some("groq"));
        assert_eq!(guess(&[], Some("openai"), Some("x.openai.azure.com")), Some("azure"));
        assert_eq!(guess(&[], Some("my-router"), Some("http://gw.internal/v1")), None);
    }
}
