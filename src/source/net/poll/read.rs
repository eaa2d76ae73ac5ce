//! What the answers of each API mean. Amounts are read as they are written: dollars
//! as numbers or strings, cents as strings. It must not know how they are asked for.

use super::found::{Billed, Cents, DAY_S, Found, Limited, Usage, Used};
use super::node::Node;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{Amount, LimitStatus, Resource, Scope, Wall};
use crate::scan::time;

/// What an answer lacks, or has in an unknown way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Strange {
    /// A field is missing or not of its kind.
    #[error("the answer has no {0}")]
    No(&'static str),
    /// Another currency: no rate of exchange is known.
    #[error("the answer is not in US dollars")]
    Currency,
    /// It is only a part, and the rest can't be asked for.
    #[error("the answer has more pages and does not say which")]
    More,
    /// It says so itself.
    #[error("the answer is an error of its own")]
    Error,
}

/// Reads one page.
pub type Read = fn(Node<'_>, Context<'_>, &mut Found) -> Result<(), Strange>;

/// What a page does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// When the first page was asked for.
    pub now: Wall,
    /// Who is asked.
    pub host: &'a str,
}

/// `data[].results[].amount.value`: dollars as numbers.
pub fn openai_costs(page: Node<'_>, _: Context<'_>, found: &mut Found) -> Result<(), Strange> {
    for bucket in list(page.get("data"), "data")? {
        let day =
            bucket.get("start_time").and_then(Node::count).and_then(|s| i64::try_from(s).ok());
        let day = day.ok_or(Strange::No("data[].start_time"))?.div_euclid(DAY_S);
        let mut sum = Vec::new();
        for result in list(bucket.get("results"), "data[].results")? {
            dollars_only(result.at(&["amount", "currency"]))?;
            let value = result.at(&["amount", "value"]).and_then(Node::decimal);
            sum.push(Cents::of_dollars(value.ok_or(Strange::No("data[].results[].amount.value"))?));
        }
        bill_day(found, day, sum);
    }
    Ok(())
}

/// `data[].results[].amount`: cents as a decimal string.
pub fn anthropic_cost(page: Node<'_>, _: Context<'_>, found: &mut Found) -> Result<(), Strange> {
    for bucket in list(page.get("data"), "data")? {
        let start = bucket.get("starting_at").and_then(moment);
        let day = day_of(start.ok_or(Strange::No("data[].starting_at"))?);
        let mut sum = Vec::new();
        for result in list(bucket.get("results"), "data[].results")? {
            dollars_only(result.get("currency"))?;
            let value = result.get("amount").and_then(Node::decimal);
            sum.push(Cents::of_cents(value.ok_or(Strange::No("data[].results[].amount"))?));
        }
        bill_day(found, day, sum);
    }
    Ok(())
}

/// Tokens by model and key of the buckets of today.
pub fn openai_usage(
    page: Node<'_>,
    context: Context<'_>,
    found: &mut Found,
) -> Result<(), Strange> {
    for bucket in list(page.get("data"), "data")? {
        let start =
            bucket.get("start_time").and_then(Node::count).and_then(|s| i64::try_from(s).ok());
        if start.ok_or(Strange::No("data[].start_time"))?.div_euclid(DAY_S) < day_of(context.now) {
            continue;
        }
        for result in list(bucket.get("results"), "data[].results")? {
            let count = |name| result.get(name).and_then(Node::count);
            let usage = Usage {
                requests: count("num_model_requests"),
                input_tokens: Some(count("input_tokens").ok_or(Strange::No("input_tokens"))?),
                cached_input_tokens: count("input_cached_tokens"),
                output_tokens: count("output_tokens"),
            };
            found.used(used(result), usage);
        }
    }
    Ok(())
}

/// The same of Anthropic, whose input tokens leave out what was cached.
pub fn anthropic_usage(
    page: Node<'_>,
    context: Context<'_>,
    found: &mut Found,
) -> Result<(), Strange> {
    for bucket in list(page.get("data"), "data")? {
        let start = bucket.get("starting_at").and_then(moment);
        if day_of(start.ok_or(Strange::No("data[].starting_at"))?) < day_of(context.now) {
            continue;
        }
        for result in list(bucket.get("results"), "data[].results")? {
            let count = |path: &[&str]| result.at(path).and_then(Node::count);
            let fresh = count(&["uncached_input_tokens"]);
            let fresh = fresh.ok_or(Strange::No("uncached_input_tokens"))?;
            let cached = count(&["cache_read_input_tokens"]);
            let written = ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]
                .map(|class| count(&["cache_creation", class]).unwrap_or(0));
            let parts = written.into_iter().chain(cached);
            let usage = Usage {
                requests: None,
                input_tokens: Some(parts.fold(fresh, u64::saturating_add)),
                cached_input_tokens: cached,
                output_tokens: count(&["output_tokens"]),
            };
            found.used(used(result), usage);
        }
    }
    Ok(())
}

/// Budgets of the key that asks, and what it spent today.
pub fn openrouter_key(
    page: Node<'_>,
    context: Context<'_>,
    found: &mut Found,
) -> Result<(), Strange> {
    let data = page.get("data").ok_or(Strange::No("data"))?;
    amount(data, "usage").ok_or(Strange::No("data.usage"))?;
    let subject = data.get("label").and_then(Node::text);
    let status = refused(data, context.now);
    if let Some(today) = data.get("usage_daily").and_then(Node::decimal) {
        let billed = Billed { day: day_of(context.now), provider: None, key: subject.clone() };
        found.bill(billed, Cents::of_dollars(today));
    }
    let budgets: Vec<Node<'_>> =
        data.get("budgets").and_then(Node::items).map(Iterator::collect).unwrap_or_default();
    for budget in &budgets {
        let scope = match budget.get("scope").and_then(Node::text).unwrap_or_default() {
            scope if scope.starts_with("key") => Scope::Key,
            scope if scope.contains("member") || scope.contains("user") => Scope::User,
            scope if scope.contains("workspace") => Scope::Project,
            scope if scope.contains("organi") => Scope::Org,
            _ => Scope::Unknown,
        };
        let label = ["budget_id", "guardrail_id"].iter().find_map(|id| budget.get(id)?.text());
        let reset_at = budget.get("resets_at").and_then(moment);
        let names = ["limit_usd", "remaining_usd", "spend_usd", "reset_interval"];
        let limited = Limited {
            subject: subject.clone(),
            label,
            reset_at,
            status,
            ..budget_of(*budget, names)
        };
        found.limits.push(Limited { scope, ..limited });
    }
    // Replies from before there were several budgets have the key's own alone.
    if budgets.is_empty() && (data.get("limit").is_some() || status.is_some()) {
        let names = ["limit", "limit_remaining", "", "limit_reset"];
        found.limits.push(Limited { subject: subject.clone(), status, ..budget_of(data, names) });
    }
    if let Some(free) = data.get("free_model_daily_requests") {
        found.limits.push(Limited {
            subject,
            window_s: Some(86_400),
            label: Some("free".to_owned()),
            limit: amount(free, "limit"),
            remaining: amount(free, "remaining"),
            used: amount(free, "used"),
            ..Limited::of(Scope::Key, Resource::Requests)
        });
    }
    Ok(())
}

/// Credits bought and used since ever.
pub fn openrouter_credits(
    page: Node<'_>,
    _: Context<'_>,
    found: &mut Found,
) -> Result<(), Strange> {
    let data = page.get("data").ok_or(Strange::No("data"))?;
    let bought = amount(data, "total_credits").ok_or(Strange::No("data.total_credits"))?;
    let used = amount(data, "total_usage").ok_or(Strange::No("data.total_usage"))?;
    found.limits.push(Limited {
        limit: Some(bought),
        used: Some(used),
        remaining: Some(Amount(bought.0.saturating_sub(used.0))),
        ..Limited::of(Scope::Org, Resource::Credits)
    });
    Ok(())
}

/// A key's budget and its limits a minute. A key without a limit has none.
pub fn litellm_key(page: Node<'_>, context: Context<'_>, found: &mut Found) -> Result<(), Strange> {
    let info = page.get("info").ok_or(Strange::No("info"))?;
    let subject = ["key_alias", "key_name"].iter().find_map(|name| info.get(name)?.text());
    let status = refused(info, context.now);
    let key = |resource| Limited {
        subject: subject.clone(),
        status,
        ..Limited::of(Scope::Key, resource)
    };
    let spent = amount(info, "spend").ok_or(Strange::No("info.spend"))?;
    let budget = amount(info, "max_budget");
    let word = info.get("budget_duration").and_then(Node::text);
    found.limits.push(Limited {
        window_s: word.as_deref().and_then(span_s),
        limit: budget,
        used: Some(spent),
        remaining: budget.map(|budget| Amount(budget.0.saturating_sub(spent.0))),
        reset_at: info.get("budget_reset_at").and_then(moment),
        ..key(Resource::Spend)
    });
    let limits = [
        ("rpm_limit", Resource::Requests, Some(60)),
        ("tpm_limit", Resource::Tokens, Some(60)),
        ("max_parallel_requests", Resource::Concurrency, None),
    ];
    for (name, resource, window_s) in limits {
        if let Some(limit) = amount(info, name) {
            found.limits.push(Limited { window_s, limit: Some(limit), ..key(resource) });
        }
    }
    Ok(())
}

/// What the gateway has booked, by day and provider. What it can name no provider
/// of is its own.
pub fn litellm_spend(page: Node<'_>, _: Context<'_>, found: &mut Found) -> Result<(), Strange> {
    for day in list(page.get("results"), "results")? {
        let date = day.get("date").and_then(Node::text).ok_or(Strange::No("results[].date"))?;
        let start = time::rfc3339(format!("{date}T00:00:00Z").as_bytes());
        let number = day_of(start.ok_or(Strange::No("results[].date"))?);
        let all = day.at(&["metrics", "spend"]).and_then(Node::decimal);
        let mut rest = all.ok_or(Strange::No("results[].metrics.spend"))?;
        let providers = day.at(&["breakdown", "providers"]).map(Node::fields);
        for (provider, its) in providers.into_iter().flatten() {
            let spend = its.at(&["metrics", "spend"]).and_then(Node::decimal);
            let spend =
                spend.ok_or(Strange::No("results[].breakdown.providers.*.metrics.spend"))?;
            rest = rest.saturating_sub(spend);
            let billed = Billed { day: number, provider: Some(provider), key: None };
            found.bill(billed, Cents::of_dollars(spend));
        }
        // Sums of decimals that were floats there differ by a hair.
        if rest > 1000 || all == Some(0) {
            let billed = Billed { day: number, provider: None, key: None };
            found.bill(billed, Cents::of_dollars(rest));
        }
    }
    Ok(())
}

/// A balance in each currency there is.
pub fn deepseek_balance(page: Node<'_>, _: Context<'_>, found: &mut Found) -> Result<(), Strange> {
    let is_empty = page.get("is_available").is_some_and(|word| word.is("false"));
    for info in list(page.get("balance_infos"), "balance_infos")? {
        let balance = amount(info, "total_balance");
        let currency = info.get("currency").and_then(Node::text);
        found.limits.push(Limited {
            remaining: Some(balance.ok_or(Strange::No("balance_infos[].total_balance"))?),
            label: currency.filter(|word| word != "USD"),
            status: is_empty.then_some(LimitStatus::Rejected),
            ..Limited::of(Scope::Org, Resource::Credits)
        });
    }
    Ok(())
}

/// A balance in the currency of the site.
pub fn moonshot_balance(
    page: Node<'_>,
    context: Context<'_>,
    found: &mut Found,
) -> Result<(), Strange> {
    if page.get("code").is_some_and(|code| !code.is("0")) {
        return Err(Strange::Error);
    }
    let balance = page.get("data").and_then(|data| amount(data, "available_balance"));
    found.limits.push(Limited {
        remaining: Some(balance.ok_or(Strange::No("data.available_balance"))?),
        label: (context.host.rsplit('.').next() == Some("cn")).then(|| "CNY".to_owned()),
        ..Limited::of(Scope::Org, Resource::Credits)
    });
    Ok(())
}

fn list<'a>(
    node: Option<Node<'a>>,
    what: &'static str,
) -> Result<impl Iterator<Item = Node<'a>> + use<'a>, Strange> {
    node.and_then(Node::items).ok_or(Strange::No(what))
}

fn bill_day(found: &mut Found, day: i64, sums: Vec<Cents>) {
    let billed = Billed { day, provider: None, key: None };
    found.bill(billed.clone(), Cents::default());
    for sum in sums {
        found.bill(billed.clone(), sum);
    }
}

fn dollars_only(currency: Option<Node<'_>>) -> Result<(), Strange> {
    let word = currency.and_then(Node::text);
    let is_usd = word.is_none_or(|word| word.eq_ignore_ascii_case("usd"));
    if is_usd { Ok(()) } else { Err(Strange::Currency) }
}

/// Ids of a result; a later version of Anthropic's API has them in `scope`.
fn used(result: Node<'_>) -> Used {
    let text = |name| result.get(name).or_else(|| result.at(&["scope", name])).and_then(Node::text);
    Used {
        model: text("model"),
        key: text("api_key_id"),
        workspace: text("workspace_id").or_else(|| text("project_id")),
    }
}

/// A budget in dollars: its size, what is left, what is spent, how often it turns.
fn budget_of(node: Node<'_>, [limit, left, spent, turns]: [&str; 4]) -> Limited {
    let word = node.get(turns).and_then(Node::text);
    Limited {
        window_s: word.as_deref().and_then(|word| match word {
            "daily" => Some(86_400),
            "weekly" => Some(7 * 86_400),
            "monthly" => Some(30 * 86_400),
            _ => None,
        }),
        limit: amount(node, limit),
        remaining: amount(node, left),
        used: amount(node, spent),
        ..Limited::of(Scope::Key, Resource::Spend)
    }
}

fn amount(node: Node<'_>, name: &str) -> Option<Amount> {
    node.get(name)?.decimal().map(Amount)
}

/// What its issuer says of a key that calls can't be made with any more.
fn refused(key: Node<'_>, now: Wall) -> Option<LimitStatus> {
    let is_shut = ["blocked", "disabled", "is_disabled", "revoked"]
        .iter()
        .any(|word| key.get(word).is_some_and(|word| word.is("true")));
    let is_over = key.get("status").and_then(Node::text).is_some_and(|word| word != "active");
    let ends = ["expires", "expires_at"].iter().find_map(|name| moment(key.get(name)?));
    let is_refused = is_shut || is_over || ends.is_some_and(|ends| ends <= now);
    is_refused.then_some(LimitStatus::Rejected)
}

fn moment(node: Node<'_>) -> Option<Wall> {
    let text = node.text()?;
    let text = text.trim();
    // LiteLLM leaves out that its times are UTC.
    time::rfc3339(text.as_bytes()).or_else(|| Some(time::civil(text.as_bytes())?.utc()))
}

/// `30s`, `15m`, `24h`, `30d`, `1mo`.
fn span_s(word: &str) -> Option<u32> {
    let split = word.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = word.split_at_checked(split)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "mo" => 30 * 86_400,
        _ => return None,
    };
    count.parse::<u32>().ok()?.checked_mul(unit).filter(|span| *span > 0)
}

/// Days since 1970-01-01, UTC.
pub fn day_of(at: Wall) -> i64 {
    at.0.div_euclid(DAY_S * NANOS_PER_S)
}
