//! Usage, costs, balances and keys, asked for where the money is counted: slow
//! second opinions on what is seen live. Nothing is told before an answer is there
//! as a whole, whatever the number of its pages. It must not know what an API's
//! numbers mean (`read`), nor what becomes of them.

mod api;
mod found;
mod node;
mod read;

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::account::Account;
use super::secret::HeaderSpec;
use super::{Naming, Outcome, Turn};
use crate::domain::{NameKind, Sym, Wall};
use crate::source::http::{Address, Call, HttpError};

pub use api::{APIS, Api};
use found::Found;
use node::Node;
use read::Context;

/// Pages of one answer.
const MOST_PAGES: usize = 64;
/// Longest wait for all pages.
const ALL_PAGES: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollSpec {
    /// Which API.
    pub api: &'static Api,
    /// Where it is, without the API's own path.
    pub address: Address,
    /// Headers, keys among them.
    pub headers: Vec<HeaderSpec>,
}

/// One source that is polled.
pub struct Poll {
    spec: PollSpec,
    account: Account,
    naming: Naming,
}

/// What turns what was found into observations.
pub struct Teller<'a> {
    api: &'a Api,
    provider: &'a str,
    environment: Option<&'a str>,
    host: Option<&'a str>,
    naming: &'a Naming,
}

impl Teller<'_> {
    fn name(&self, kind: NameKind, text: &str) -> Option<Sym> {
        self.naming.name(kind, text)
    }
}

impl Poll {
    pub fn new(spec: PollSpec, account: Account, naming: Naming) -> Poll {
        Poll { spec, account, naming }
    }

    /// Ask once, unless it was asked just now.
    pub async fn ask(&mut self, turn: &mut Turn<'_>) -> Result<Outcome, Outcome> {
        let asked = self.answer(turn).await;
        asked.map_err(|outcome| match outcome {
            Outcome::Denied { problem, retry_after } => Outcome::Denied {
                problem: format!("{problem}; it needs {}", self.spec.api.needs),
                retry_after,
            },
            other => other,
        })
    }

    async fn answer(&mut self, turn: &mut Turn<'_>) -> Result<Outcome, Outcome> {
        let headers = self.headers(turn).await?;
        let now = (turn.world.now)().wall;
        let no_account =
            |why: std::io::Error| Outcome::failed(&format!("its account can't be kept: {why}"));
        if let Some(hold) = self.account.open(now).map_err(no_account)? {
            return Ok(Outcome::Held { problem: hold.why, rest: hold.rest });
        }
        let pages = tokio::time::timeout(ALL_PAGES, self.pages(turn, headers, now)).await;
        let (found, bytes) = pages.map_err(|_| Outcome::failed(&HttpError::TooSlow))??;
        let received = (turn.world.now)().wall;
        let teller = Teller {
            api: self.spec.api,
            provider: self.naming.provider.as_deref().unwrap_or(self.spec.api.provider),
            environment: self.naming.environment.as_deref(),
            host: self.naming.host.as_deref(),
            naming: &self.naming,
        };
        turn.reader.tell(bytes, found.tell(&teller, received));
        Ok(Outcome::Answered)
    }

    /// All pages of an answer, and their bytes.
    async fn pages(
        &self,
        turn: &Turn<'_>,
        headers: Vec<(HeaderName, HeaderValue)>,
        now: Wall,
    ) -> Result<(Found, usize), Outcome> {
        let (api, base) = (self.spec.api, &self.spec.address);
        let query = (api.query)(now);
        let host = base.url().host_str().unwrap_or_default();
        let (mut found, mut bytes, mut page) = (Found::default(), 0, None);
        for number in 1..=MOST_PAGES {
            let next = page.iter().map(|page: &String| ("page", page.clone()));
            let query = query.iter().cloned().chain(next);
            let call = Call {
                method: Method::GET,
                address: base.at(api.path, query),
                headers: headers.clone(),
                body: String::new(),
            };
            let failed = |error: HttpError| Outcome::failed(&error);
            let answer = turn.shared.client.ask(call).await.map_err(failed)?;
            let retry_after = answer.retry_after((turn.world.now)().wall);
            match turn.outcome(answer.status, retry_after) {
                Outcome::Answered => {}
                other => return Err(other),
            }
            bytes += answer.body.len();
            let node = Node::of(&answer.body);
            let node = node.ok_or_else(|| Outcome::failed(&"the answer is no JSON"))?;
            let read = (api.read)(node, Context { now, host }, &mut found);
            read.map_err(|strange| Outcome::failed(&strange))?;
            let next = api.paging.next(node, number).map_err(|strange| Outcome::failed(&strange));
            let before = std::mem::replace(&mut page, next?);
            match &page {
                None => return Ok((found, bytes)),
                same if *same == before => {
                    return Err(Outcome::failed(&"the answer's pages have no end"));
                }
                Some(_) => {}
            }
        }
        Err(Outcome::failed(&format!("the answer has more than {MOST_PAGES} pages")))
    }

    /// The configured headers, and those the API wants besides.
    async fn headers(
        &self,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Outcome> {
        let mut headers = turn.headers(&self.spec.headers).await?;
        for (name, value) in self.spec.api.headers {
            if !headers.iter().any(|(given, _)| given == name) {
                headers.push((HeaderName::from_static(name), HeaderValue::from_static(value)));
            }
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
