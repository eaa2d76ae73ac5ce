//! Applications that call the gateway, each in its own manner.
//!
//! What is sent, and when, follows from scenario and seed alone; how long it
//! takes and how often it is tried again depends on what comes back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::background::Stop;
use super::gateway::key_of;
use super::provider::Dialect;
use super::random::Random;
use super::scenario::{Caller, Model, Profile, Retries, Scenario};
use crate::domain::Priority;

/// Longest prompt, in tokens.
const MAX_INPUT: u64 = 60_000;
/// How long running calls may take to end once the load stops.
const GRACE: Duration = Duration::from_millis(500);
/// How often the plan looks again while nobody calls.
const IDLE_STEP: Duration = Duration::from_millis(100);
const FILLER: &str = "The customer asks where the parcel is, and whether it can still be sent \
                      to another address. Use the notes of the last calls. ";

/// One call as planned.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    /// Time since the start.
    pub at: Duration,
    /// Whose key.
    pub key: &'static str,
    /// Which model.
    pub model: &'static str,
    /// How important.
    pub priority: Priority,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens asked for at most.
    pub max_output_tokens: u64,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// End user.
    pub user: String,
}

/// The calls of a scenario, without end. Equal seeds plan equal calls.
pub fn planned_calls(scenario: Scenario, seed: u64) -> impl Iterator<Item = PlannedCall> {
    Plan::new(scenario.profile(), seed).map(|order| order.call)
}

/// Plays the calls of a profile against the gateways until told to stop.
pub(super) async fn run(
    profile: &'static Profile,
    seed: u64,
    gateways: Vec<String>,
    client: reqwest::Client,
    mut stop: Stop,
) {
    let started = Instant::now();
    let gateways = Arc::new(gateways);
    let mut running = JoinSet::new();
    for order in Plan::new(profile, seed) {
        tokio::select! {
            () = sleep_until(started + order.call.at) => {}
            _ = &mut stop => break,
        }
        while running.try_join_next().is_some() {}
        running.spawn(carry_out(order, client.clone(), Arc::clone(&gateways)));
    }
    let _ = timeout(GRACE, async { while running.join_next().await.is_some() {} }).await;
}

/// A planned call with all that is needed to make it.
struct Order {
    call: PlannedCall,
    caller: &'static Caller,
    model: &'static Model,
    random: Random,
}

struct Plan {
    profile: &'static Profile,
    random: Random,
    at: Duration,
    /// Calls made so far by each caller.
    made: Vec<u64>,
}

impl Plan {
    fn new(profile: &'static Profile, seed: u64) -> Plan {
        let made = vec![0; profile.callers.len()];
        Plan { profile, random: Random::new(seed, 2), at: Duration::ZERO, made }
    }

    fn order(&mut self, index: usize) -> Option<Order> {
        let caller = self.profile.callers.get(index)?;
        let made = self.made.get_mut(index)?;
        let weights = caller.models.iter().map(|(_, weight)| *weight);
        let (model, _) = caller.models.get(self.random.weighted(weights)?)?;
        let grown = caller.input_growth.saturating_mul(*made);
        *made += 1;
        let call = PlannedCall {
            at: self.at,
            key: caller.key_id,
            model: model.name,
            priority: caller.priority,
            input_tokens: self.random.within(&caller.input).saturating_add(grown).min(MAX_INPUT),
            max_output_tokens: self.random.within(&caller.max_output),
            stream: self.random.chance(caller.streams),
            user: format!("u-{}", self.random.within(&(1..40))),
        };
        Some(Order { call, caller, model, random: Random::new(self.random.bits(), 3) })
    }
}

impl Iterator for Plan {
    type Item = Order;

    fn next(&mut self) -> Option<Order> {
        loop {
            let now = self.at;
            let rates = self.profile.callers.iter().map(|caller| caller.calls_per_s(now));
            let Some(index) = self.random.weighted(rates.clone()) else {
                self.at += IDLE_STEP;
                continue;
            };
            self.at += self.random.interval(rates.sum());
            return self.order(index);
        }
    }
}

/// Makes one call, and again as its caller is used to.
async fn carry_out(mut order: Order, client: reqwest::Client, gateways: Arc<Vec<String>>) {
    let body = body_of(&order.call, order.model.dialect);
    let tries = match order.caller.retries {
        Retries::Polite => 3,
        Retries::Backoff => 4,
        Retries::Hammer => 6,
    };
    for retry in 0..tries {
        // Gateways are behind a balancer: each try may land on another one.
        let pick = order.random.within(&(0..gateways.len() as u64));
        let Some(gateway) = usize::try_from(pick).ok().and_then(|pick| gateways.get(pick)) else {
            return;
        };
        let answer = client
            .post(format!("{gateway}{}", order.model.dialect.endpoint()))
            .bearer_auth(key_of(order.caller))
            .header("x-stainless-retry-count", retry.to_string())
            .json(&body)
            .send()
            .await;
        let Ok(answer) = answer else { return };
        let hints = Hints::read(&answer);
        read_to_end(answer).await;
        match hints.pause(order.caller.retries, retry, &mut order.random) {
            Some(pause) => sleep(pause).await,
            None => return,
        }
    }
}

/// Reads the answer as a client would; what is in it is of no interest here.
async fn read_to_end(answer: reqwest::Response) {
    let mut chunks = answer.bytes_stream();
    while let Some(Ok(_)) = chunks.next().await {}
}

/// What an answer says about trying again.
struct Hints {
    status: u16,
    should_retry: Option<bool>,
    retry_after: Option<Duration>,
}

impl Hints {
    fn read(answer: &reqwest::Response) -> Hints {
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let seconds = |name: &str| header(name)?.parse::<f64>().ok();
        let retry_after = seconds("retry-after-ms")
            .map(|millis| millis / 1000.0)
            .or_else(|| seconds("retry-after"))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let should_retry = header("x-should-retry").and_then(|word| word.parse().ok());
        Hints { status: answer.status().as_u16(), should_retry, retry_after }
    }

    /// How long to wait before trying again; `None` to give up or be content.
    fn pause(&self, manner: Retries, retry: u32, random: &mut Random) -> Option<Duration> {
        let refused = matches!(self.status, 408 | 409 | 429 | 500..);
        let backoff = Duration::from_millis(400) * 2_u32.saturating_pow(retry);
        match manner {
            _ if !refused => None,
            Retries::Polite | Retries::Backoff if self.should_retry == Some(false) => None,
            Retries::Polite => Some(random.jitter(self.retry_after.unwrap_or(backoff))),
            Retries::Backoff => Some(random.jitter(backoff)),
            Retries::Hammer => Some(random.jitter(Duration::from_millis(250))),
        }
    }
}

fn body_of(call: &PlannedCall, dialect: Dialect) -> Value {
    let length = usize::try_from(call.input_tokens * 4).unwrap_or(0);
    let prompt: String = FILLER.chars().cycle().take(length).collect();
    let messages = json!([{"role": "user", "content": prompt}]);
    match dialect {
        Dialect::OpenAi if call.stream => json!({
            "model": call.model, "messages": messages, "user": call.user,
            "max_completion_tokens": call.max_output_tokens,
            "stream": true, "stream_options": {"include_usage": true},
        }),
        Dialect::OpenAi => json!({
            "model": call.model, "messages": messages, "user": call.user,
            "max_completion_tokens": call.max_output_tokens,
        }),
        Dialect::Anthropic => json!({
            "model": call.model, "messages": messages, "metadata": {"user_id": call.user},
            "max_tokens": call.max_output_tokens, "stream": call.stream,
        }),
    }
}
