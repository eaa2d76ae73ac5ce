//! A page of metrics, read as it comes: a busy gateway's page is larger than
//! anything else we ask for, so it is never held as a whole.

use super::secret::HeaderSpec;
use super::{Outcome, Turn};
use crate::domain::Observation;
use crate::source::http::{Address, Call, retry_after};
use reqwest::Method;

/// Bytes of a page that are read.
const MOST: usize = 32 * 1024 * 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeSpec {
    /// Where the page is.
    pub address: Address,
    /// Headers, keys among them.
    pub headers: Vec<HeaderSpec>,
}

impl ScrapeSpec {
    /// Ask once.
    pub(super) async fn ask(&self, turn: &mut Turn<'_>) -> Result<Outcome, Outcome> {
        let call = Call {
            method: Method::GET,
            address: self.address.clone(),
            headers: turn.headers(&self.headers).await?,
            body: String::new(),
        };
        let failed = |error| Outcome::failed(&error);
        let mut page = turn.shared.client.open(call, MOST).await.map_err(failed)?;
        let received = (turn.world.now)().wall;
        let outcome = turn.outcome(page.status(), retry_after(page.headers(), received));
        if outcome != Outcome::Answered {
            return Ok(outcome);
        }
        let read = loop {
            match page.next().await {
                Ok(Some(part)) => turn.reader.take(&part, received, turn.world),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // What came before a page broke off was said all the same.
        turn.reader.end(received, turn.world);
        read.map_err(failed)?;
        let says_something = |seen: &Observation| !matches!(seen, Observation::Fault { .. });
        if turn.reader.items().iter().any(|item| says_something(&item.seen)) {
            Ok(outcome)
        } else {
            Ok(Outcome::failed(&"the answer is no page of metrics"))
        }
    }
}
