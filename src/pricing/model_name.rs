//! The names one model goes by: prefixes of gateways and regions, dated
//! releases, aliases. Only ever used to find a price; names are shown as sent.

use crate::domain::provider;

/// Providers whose calls a table has under another name, that name, and whose prices they
/// take where it has none.
const HOSTS: &[(&str, &str, &str)] = &[
    ("azure", "azure", "openai"),
    ("azure_ai", "azure", "openai"),
    ("vertex_ai", "vertex", "gemini"),
    ("cohere_chat", "cohere", "cohere"),
];

/// Who sells the models of others for what their makers take. Of everybody else that is
/// known the prices are their own.
const RESELLERS: &[&str] = &["azure", "azure_ai", "bedrock", "vertex_ai", "openrouter"];

/// Names of protocols as well: with a model of another maker nobody knows who answered.
const PROTOCOLS: &[&str] = &["openai", "anthropic"];

/// Region prefixes of Bedrock's inference profiles.
const REGIONS: &[&str] = &["us.", "eu.", "apac.", "jp.", "au.", "ca.", "us-gov.", "global."];

/// The model without its provider.
pub(super) fn bare(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, model)| model)
}

/// A name of the user's, by which it is found whatever its provider is called.
pub(super) fn named(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.split_once('/') {
        Some((provider, model)) => format!("{}/{model}", host(&provider::name(provider))),
        None => name,
    }
}

/// A model exactly as a log names it, with its provider and without.
pub(super) fn as_logged(provider: Option<&str>, model: &str) -> impl Iterator<Item = String> {
    let model = model.to_ascii_lowercase();
    let with_provider = provider.map(|provider| named(&format!("{provider}/{model}")));
    with_provider.into_iter().chain([named(&model)])
}

/// One of the names that a model may be listed under.
pub(super) struct Spelling {
    pub(super) provider: Option<String>,
    pub(super) model: String,
}

impl Spelling {
    /// As a table lists it.
    pub(super) fn full_name(&self) -> String {
        match &self.provider {
            Some(provider) => format!("{provider}/{}", self.model),
            None => self.model.clone(),
        }
    }
}

/// Where to look for a model, best guess first: with the provider the log
/// names, with the ones its prefixes name, then by its name alone; each as
/// written and without its release date. Where one of these sets prices of its own,
/// nobody else's are looked for.
pub(super) fn spellings(provider: Option<&str>, model: &str) -> impl Iterator<Item = Spelling> {
    let provider = provider.map(|provider| provider::name(provider).into_owned());
    let model = undecorated(&model.to_ascii_lowercase()).to_owned();
    let mut seller = provider.clone().filter(|provider| sets_prices(provider));
    let mut found = Vec::new();
    let mut rest = model.as_str();
    loop {
        push_hosts(&mut found, provider.as_deref().or(seller.as_deref()), rest);
        let parts = provider::and_model(rest).or_else(|| rest.split_once('/'));
        let Some((prefix, tail)) = parts.or_else(|| vendor_dot(rest)) else { break };
        if seller.is_none() {
            let prefix = provider::name(prefix).into_owned();
            push_hosts(&mut found, Some(&prefix), tail);
            seller = Some(prefix).filter(|prefix| sets_prices(prefix));
        }
        rest = tail;
    }
    if seller.is_none() {
        push_releases(&mut found, None, rest);
    }
    found.into_iter()
}

/// Whether what a provider takes for a model is no other's price.
fn sets_prices(provider: &str) -> bool {
    let is_any = RESELLERS.contains(&provider) || PROTOCOLS.contains(&provider);
    provider::is_known(provider) && !is_any
}

fn host(provider: &str) -> &str {
    let known = HOSTS.iter().find(|(name, ..)| *name == provider);
    known.map_or(provider, |(_, host, _)| host)
}

fn family(provider: &str) -> &str {
    let known = HOSTS.iter().find(|(name, ..)| *name == provider);
    known.map_or(provider, |(.., family)| family)
}

/// Without an ARN's beginning, a region (`us.`), a Bedrock version (`-v1:0`), a Vertex version
/// mark (`@`) and the suffix of a fine-tuned model (`ft:base:org::id`).
fn undecorated(model: &str) -> &str {
    let model = model.rsplit_once("bedrock/").map_or(model, |(_, tail)| tail);
    let arn = model.strip_prefix("arn:").and_then(|arn| arn.rsplit_once('/'));
    let model = arn.map_or(model, |(_, id)| id);
    let model = REGIONS.iter().find_map(|region| model.strip_prefix(region)).unwrap_or(model);
    if let Some(tuned) = model.strip_prefix("ft:") {
        let base = tuned.split(':').next().unwrap_or(tuned);
        return model.get(..base.len() + 3).unwrap_or(model);
    }
    match model.rsplit_once("-v") {
        Some((name, version)) if is_version(name, version) => name,
        _ => model,
    }
}

/// `1:0`, as Bedrock ends its names, or `1` behind a name with its vendor.
fn is_version(name: &str, version: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match version.split_once(':') {
        Some((major, minor)) => digits(major) && digits(minor),
        None => digits(version) && name.rsplit('/').next().and_then(vendor_dot).is_some(),
    }
}

/// `anthropic.claude-…` as Bedrock writes it; not the point in `gpt-4.1`.
fn vendor_dot(model: &str) -> Option<(&str, &str)> {
    let (vendor, tail) = model.split_once('.')?;
    let vendor_like = !vendor.is_empty() && vendor.bytes().all(|b| b.is_ascii_lowercase());
    vendor_like.then_some((vendor, tail))
}

fn push_hosts(found: &mut Vec<Spelling>, provider: Option<&str>, model: &str) {
    let Some(provider) = provider else { return push_releases(found, None, model) };
    push_releases(found, Some(host(provider)), model);
    if family(provider) != host(provider) {
        push_releases(found, Some(family(provider)), model);
    }
}

fn push_releases(found: &mut Vec<Spelling>, provider: Option<&str>, model: &str) {
    push_each(found, provider, model);
    if model.contains('.') {
        // OpenRouter's spelling of `claude-sonnet-4-5`.
        push_each(found, provider, &model.replace('.', "-"));
    }
}

fn push_each(found: &mut Vec<Spelling>, provider: Option<&str>, model: &str) {
    let provider = provider.map(str::to_owned);
    let mut push = |model: &str| {
        found.push(Spelling { provider: provider.clone(), model: model.to_owned() });
    };
    push(model);
    if let Some((name, version)) = model.split_once('@') {
        push(&format!("{name}-{version}"));
        push(name);
    } else if let Some(name) = model.strip_suffix("-latest") {
        push(name);
    } else if let Some(name) = undated(model) {
        push(name);
    } else {
        push(&format!("{model}-latest"));
    }
}

/// Without `-2024-08-06` or `-20240806`.
fn undated(model: &str) -> Option<&str> {
    let cut = |len: usize| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(len)?)?;
        let shape = |(i, b): (usize, u8)| match (len, i) {
            (_, 0) | (11, 5 | 8) => b == b'-',
            _ => b.is_ascii_digit(),
        };
        (!name.is_empty() && date.bytes().enumerate().all(shape)).then_some(name)
    };
    cut(11).or_else(|| cut(9))
}
