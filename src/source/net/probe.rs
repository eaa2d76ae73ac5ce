//! A request made for its answer's headers: the only way to learn what is left
//! where no traffic of ours is seen. It costs money, so it is counted like any
//! other call, has a budget, and is never made unless it is configured.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::account::{Account, Budget, Price};
use super::secret::HeaderSpec;
use super::{Outcome, Turn};
use crate::domain::{NanoUsd, Observation, Request, Wall};
use crate::source::http::{Address, Answer, Call, HttpError};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Where it goes.
    pub address: Address,
    /// Its headers, keys among them.
    pub headers: Vec<HeaderSpec>,
    /// Its body, empty for none.
    pub body: String,
    /// The key its calls are shown under.
    pub key: String,
    /// What it may cost.
    pub budget: Budget,
}

/// One probe.
pub struct Probe {
    spec: ProbeSpec,
    account: Account,
    /// The model that its body asks for.
    model: Option<String>,
}

impl Probe {
    pub fn new(spec: ProbeSpec, account: Account) -> Probe {
        let body: Option<Value> = serde_json::from_str(&spec.body).ok();
        let model = body.and_then(|body| Some(body.get("model")?.as_str()?.to_owned()));
        let request = format!("{} {}\n{}", spec.method, spec.address, spec.body);
        let account = account.of_request(&request);
        Probe { spec, account, model }
    }

    /// Ask once, if the budget allows.
    pub async fn ask(&mut self, turn: &mut Turn<'_>) -> Result<Outcome, Outcome> {
        let headers = turn.headers(&self.spec.headers).await?;
        let begun = (turn.world.now)();
        let no_account =
            |why: std::io::Error| Outcome::failed(&format!("its account can't be kept: {why}"));
        if let Some(hold) = self.account.open(begun.wall).map_err(no_account)? {
            return Ok(Outcome::Held { problem: hold.why, rest: hold.rest });
        }
        let call = Call {
            method: self.spec.method.clone(),
            address: self.spec.address.clone(),
            headers,
            body: self.spec.body.clone(),
        };
        let answer = match turn.shared.client.ask(call).await {
            Ok(answer) => answer,
            Err(error) => {
                self.account.charge(price_of_nothing(error)).map_err(no_account)?;
                return Ok(Outcome::failed(&error));
            }
        };
        let ended = (turn.world.now)();
        turn.reader.take(self.record(&answer, ended.wall).as_bytes(), ended.wall, turn.world);
        turn.reader.end(ended.wall, turn.world);
        let mut price = None;
        for item in turn.reader.items() {
            if let Observation::Request { request, .. } = &mut item.seen {
                request.timing.latency_ms = Some(millis(ended.mono.since(begun.mono)));
                request.started_at = Some(begun.wall);
                price = Some(price_of(request));
            }
        }
        let uncounted = || price_of_uncounted(answer.status);
        self.account.charge(price.unwrap_or_else(uncounted)).map_err(no_account)?;
        Ok(turn.outcome(answer.status, answer.retry_after(ended.wall)))
    }

    /// The answer as one line of the `headers` format.
    fn record(&self, answer: &Answer, at: Wall) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = answer.headers.iter();
        let headers: Vec<Value> =
            pairs.map(|(name, value)| json!([name.as_str(), text(value.as_bytes())])).collect();
        let mut record = json!({
            "at": at.rfc3339(),
            "status": answer.status,
            "url": self.spec.address.to_string(),
            "key_id": self.spec.key,
            "headers": headers,
            "body": text(&answer.body),
        });
        if let (Some(model), Some(record)) = (&self.model, record.as_object_mut()) {
            record.insert("model".to_owned(), model.as_str().into());
        }
        format!("{record}\n")
    }
}

/// What an answered call cost. Whoever refuses charges nothing.
fn price_of(request: &Request) -> Price {
    let refused = request.status.is_some_and(|status| status >= 300);
    match request.cost {
        cost if refused => Price::Refused(cost.map_or(NanoUsd::ZERO, |cost| cost.usd)),
        Some(cost) => Price::Known(cost.usd),
        None => Price::Unknown,
    }
}

/// What an answer cost that is of no call, as one is that points elsewhere.
fn price_of_uncounted(status: u16) -> Price {
    if status >= 300 { Price::Refused(NanoUsd::ZERO) } else { Price::Unknown }
}

/// What a call without an answer cost.
fn price_of_nothing(error: HttpError) -> Price {
    match error {
        HttpError::TooSlow | HttpError::TooLarge(_) | HttpError::Broken => Price::Lost,
        HttpError::NoConnection
        | HttpError::NotTrusted
        | HttpError::NoRoots
        | HttpError::NoTls
        | HttpError::NotSendable => Price::Refused(NanoUsd::ZERO),
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
