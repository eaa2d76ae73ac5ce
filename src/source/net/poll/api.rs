//! The APIs that can be polled, as a table: where they are, what is asked of them,
//! how they page, and who reads the answer.

use std::time::Duration;

use super::found::DAY_S;
use super::node::Node;
use super::read::{self, Read, Strange, day_of};
use crate::domain::time::NANOS_PER_S;
use crate::domain::{Layer, Wall};

/// One API.
#[derive(Debug)]
pub struct Api {
    /// The word of the configuration.
    pub name: &'static str,
    /// Whose numbers they are.
    pub provider: &'static str,
    /// Whose limits they are.
    pub layer: Layer,
    /// Where it is, unless everybody runs their own.
    pub base: Option<&'static str>,
    /// What is asked for.
    pub path: &'static str,
    /// Headers that are sent unless the configuration has them.
    pub headers: &'static [(&'static str, &'static str)],
    /// Parameters, as of a moment.
    pub query: fn(Wall) -> Query,
    /// How the rest of a long answer is asked for.
    pub paging: Paging,
    /// Reads a page.
    pub read: Read,
    /// Usual time between two questions.
    pub every: Duration,
    /// How long after its end a day may still grow.
    pub settles: Duration,
    /// The key it wants.
    pub needs: &'static str,
}

/// Parameters of a question.
pub type Query = Vec<(&'static str, String)>;

/// How the rest of a long answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// There is none.
    Whole,
    /// `has_more` and `next_page`, which goes into `page`.
    Token,
    /// `metadata.has_more`; pages are numbered from 1.
    Numbered,
}

/// Two are the same if they have the same name.
impl PartialEq for Api {
    fn eq(&self, other: &Api) -> bool {
        self.name == other.name
    }
}

impl Eq for Api {}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The version of which the samples are; a header of the configuration goes first.
const ANTHROPIC: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];
const OPENAI_ADMIN: &str = "an admin key (sk-admin-…) that may read usage";
const ANTHROPIC_ADMIN: &str = "an admin key (sk-ant-admin01-…)";

/// All that are known.
pub const APIS: &[Api] = &[
    Api {
        path: "/v1/organization/costs",
        query: |now| {
            let start = seconds(first_day(now)).to_string();
            vec![("start_time", start), ("bucket_width", "1d".into()), ("limit", "60".into())]
        },
        paging: Paging::Token,
        // No number is published for how late a cost can be.
        settles: Duration::from_secs(86_400),
        every: MINUTE.saturating_mul(10),
        ..api(
            "openai-costs",
            "openai",
            Some("https://api.openai.com"),
            OPENAI_ADMIN,
            read::openai_costs,
        )
    },
    Api {
        path: "/v1/organization/usage/completions",
        query: |now| {
            vec![
                ("start_time", seconds(day_of(now)).to_string()),
                ("bucket_width", "1d".into()),
                ("group_by", "model".into()),
                ("group_by", "api_key_id".into()),
            ]
        },
        paging: Paging::Token,
        ..api(
            "openai-usage",
            "openai",
            Some("https://api.openai.com"),
            OPENAI_ADMIN,
            read::openai_usage,
        )
    },
    Api {
        path: "/v1/organizations/cost_report",
        headers: ANTHROPIC,
        query: |now| {
            let start = midnight(first_day(now));
            vec![("starting_at", start), ("bucket_width", "1d".into()), ("limit", "31".into())]
        },
        paging: Paging::Token,
        every: MINUTE.saturating_mul(10),
        ..api("anthropic-cost", "anthropic", ANTHROPIC_BASE, ANTHROPIC_ADMIN, read::anthropic_cost)
    },
    Api {
        path: "/v1/organizations/usage_report/messages",
        headers: ANTHROPIC,
        query: |now| {
            vec![
                ("starting_at", midnight(day_of(now))),
                ("bucket_width", "1d".into()),
                ("group_by[]", "model".into()),
                ("group_by[]", "api_key_id".into()),
            ]
        },
        paging: Paging::Token,
        ..api(
            "anthropic-usage",
            "anthropic",
            ANTHROPIC_BASE,
            ANTHROPIC_ADMIN,
            read::anthropic_usage,
        )
    },
    Api {
        path: "/api/v1/key",
        every: MINUTE,
        ..api("openrouter-key", "openrouter", OPENROUTER, "the key itself", read::openrouter_key)
    },
    Api {
        path: "/api/v1/credits",
        ..api(
            "openrouter-credits",
            "openrouter",
            OPENROUTER,
            "a management key",
            read::openrouter_credits,
        )
    },
    Api {
        path: "/key/info",
        layer: Layer::Gateway,
        every: MINUTE,
        ..api(
            "litellm-key",
            "litellm",
            None,
            "the key itself, or an admin's and ?key=HASH in `url`",
            read::litellm_key,
        )
    },
    Api {
        path: "/user/daily/activity",
        layer: Layer::Gateway,
        query: |now| {
            let date = |day: i64| midnight(day).chars().take(10).collect();
            vec![
                ("start_date", date(first_day(now))),
                ("end_date", date(day_of(now))),
                ("page_size", "1000".into()),
            ]
        },
        paging: Paging::Numbered,
        ..api("litellm-spend", "litellm", None, "an admin's key", read::litellm_spend)
    },
    Api {
        path: "/user/balance",
        ..api(
            "deepseek-balance",
            "deepseek",
            Some("https://api.deepseek.com"),
            "any key",
            read::deepseek_balance,
        )
    },
    Api {
        path: "/v1/users/me/balance",
        ..api(
            "moonshot-balance",
            "moonshot",
            Some("https://api.moonshot.ai"),
            "any key",
            read::moonshot_balance,
        )
    },
];

const ANTHROPIC_BASE: Option<&str> = Some("https://api.anthropic.com");
const OPENROUTER: Option<&str> = Some("https://openrouter.ai");

/// What most have in common.
const fn api(
    name: &'static str,
    provider: &'static str,
    base: Option<&'static str>,
    needs: &'static str,
    read: Read,
) -> Api {
    Api {
        name,
        provider,
        layer: Layer::Upstream,
        base,
        path: "",
        headers: &[],
        query: |_| Vec::new(),
        paging: Paging::Whole,
        read,
        every: MINUTE.saturating_mul(5),
        settles: HOUR,
        needs,
    }
}

impl Paging {
    /// The `page` to ask for after this one, the `number`th from 1; `None` at the end.
    /// An answer that does not say where its rest is has no known end.
    pub fn next(self, page: Node<'_>, number: usize) -> Result<Option<String>, Strange> {
        let token = || page.get("next_page").and_then(Node::text).filter(|next| !next.is_empty());
        let (more, next) = match self {
            Paging::Whole => return Ok(None),
            Paging::Token => (page.get("has_more"), token()),
            Paging::Numbered => {
                (page.at(&["metadata", "has_more"]), Some((number + 1).to_string()))
            }
        };
        match more {
            Some(more) if more.is("true") => next.map(Some).ok_or(Strange::More),
            Some(more) if more.is("false") => Ok(None),
            None => Ok(next.filter(|_| self == Paging::Token)),
            Some(_) => Err(Strange::More),
        }
    }
}

/// The day from which on bills are asked for: the first of the month, and early in a
/// month the last days of the one before, which may still have grown.
fn first_day(now: Wall) -> i64 {
    let today = day_of(now);
    let date = midnight(today);
    let day = date.get(8..10).and_then(|day| day.parse::<i64>().ok()).unwrap_or(1);
    (today - day + 1).min(today - 2)
}

fn midnight(day: i64) -> String {
    Wall::from_secs(seconds(day)).rfc3339().replace(".000Z", "Z")
}

fn seconds(day: i64) -> i64 {
    // Days come from a time of nanoseconds: there is room.
    day.saturating_mul(DAY_S).min(i64::MAX / NANOS_PER_S)
}
