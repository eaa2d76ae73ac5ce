//! Ways in over the network: things that are asked every so often.
//!
//! All of them run on one thread, each as a task of its own with at most one
//! question in flight. An answer that is text goes to a [`LineSink`] like the lines
//! of a file, so there is one reader for each kind of text; other answers are read
//! where they are asked for. It reads no clock: [`World`] says what time it is and
//! takes what was found. It must not know what becomes of that.

mod account;
mod outcome;
mod pace;
mod poll;
mod probe;
mod reader;
mod redis;
mod scrape;
pub mod secret;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::task::{JoinSet, LocalSet};

use super::http::Client;
use super::jitter::Jitter;
use super::status::{Finding, SourceStatus};
use super::world::World;
use super::{LineSink, SourceSpec};
use crate::decode;
use crate::domain::{NameKind, Names, SourceId, Sym};

use account::Accounts;
pub use account::Budget;
use outcome::{Outcome, Refused, Sent};
use pace::Pace;
pub use poll::{APIS, Api, PollSpec};
pub use probe::ProbeSpec;
use reader::Reader;
pub use redis::{Convention, Holds, QueueSpec, RedisAddress, RedisAddressError, RedisSpec};
pub use scrape::ScrapeSpec;
use secret::{HeaderSpec, SecretFrom, Secrets};

/// What is said of a question that ended in a mistake of ours. Not what the mistake was:
/// that may quote what was read.
const CRASHED: &str = "a mistake in tripline ended the question; please report what it says \
                       on standard error. It is asked again";

/// No source is asked more often than this over restarts, where that is kept.
const LEAST_APART: Duration = Duration::from_secs(60);

/// A source that is asked over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSpec {
    /// Time between two questions.
    pub every: Duration,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A request whose answer has the headers that count.
    Probe(ProbeSpec),
    /// A page of metrics.
    Scrape(ScrapeSpec),
    /// Numbers of an administration API.
    Poll(PollSpec),
    /// Queues in a Redis.
    Redis(RedisSpec),
}

impl Ask {
    /// The word of the configuration and of the public snapshot.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Ask::Probe(_) => "probe",
            Ask::Scrape(_) => "scrape",
            Ask::Poll(_) => "poll",
            Ask::Redis(_) => "redis",
        }
    }

    /// Where it goes, without anything secret.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Ask::Probe(probe) => probe.address.to_string(),
            Ask::Scrape(scrape) => scrape.address.to_string(),
            Ask::Poll(poll) => format!("{} {}", poll.api.name, poll.address),
            Ask::Redis(redis) => redis.address.to_string(),
        }
    }

    /// The host of queues it tells of, where it tells of any.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        match self {
            Ask::Scrape(scrape) => Some(scrape.address.host()),
            Ask::Redis(redis) => Some(redis.address.host()),
            Ask::Probe(_) | Ask::Poll(_) => None,
        }
    }

    /// How its answers are read, where that is no format of lines.
    const fn format(&self) -> Option<&'static str> {
        match self {
            Ask::Poll(poll) => Some(poll.api.name),
            Ask::Redis(_) => Some("redis"),
            Ask::Probe(_) | Ask::Scrape(_) => None,
        }
    }
}

/// What all network sources of a run share.
#[derive(Clone, Debug)]
pub struct Shared {
    client: Client,
    secrets: Secrets,
    accounts: Accounts,
    names: Names,
    key_salt: u64,
}

impl Shared {
    /// For a run whose state is kept in `state_dir`; `env` reads the environment,
    /// `key_salt` makes fingerprints of keys differ from other installations'.
    #[must_use]
    pub fn new(state_dir: &Path, env: secret::Env, names: Names, key_salt: u64) -> Shared {
        Shared {
            client: Client::new(),
            secrets: Secrets::new(env),
            accounts: Accounts::new(state_dir),
            names,
            key_salt,
        }
    }

    fn naming(&self, spec: &SourceSpec) -> Naming {
        Naming {
            names: self.names.clone(),
            key_salt: self.key_salt,
            host: spec.host.clone(),
            provider: spec.provider.clone(),
            environment: spec.environment.clone(),
        }
    }
}

/// Makes names of what the answers of one source say.
#[derive(Clone, Debug)]
struct Naming {
    names: Names,
    key_salt: u64,
    host: Option<String>,
    provider: Option<String>,
    environment: Option<String>,
}

impl Naming {
    /// The symbol of a text, without key material.
    fn name(&self, kind: NameKind, text: &str) -> Option<Sym> {
        decode::intern(&self.names, kind, text, self.key_salt, &mut false)
    }
}

/// One source that is asked.
pub struct Asker {
    id: SourceId,
    name: String,
    every: Duration,
    shared: Shared,
    kind: Kind,
    reader: Reader,
    format: Option<&'static str>,
    refused: Option<Refused>,
}

enum Kind {
    Probe(Box<probe::Probe>),
    Scrape(ScrapeSpec),
    Poll(Box<poll::Poll>),
    Redis(Box<redis::Redis>),
}

/// What a kind of source works with while it asks.
struct Turn<'a> {
    world: &'a World,
    shared: &'a Shared,
    reader: &'a mut Reader,
    refused: Option<&'a Refused>,
    /// Of the keys that are sent, where there are any.
    mark: Option<u64>,
    /// What could be better although there is an answer, for people.
    found: Vec<Finding>,
}

impl Turn<'_> {
    /// Headers with their keys, unless these very keys were refused not long ago.
    async fn headers(
        &mut self,
        specs: &[HeaderSpec],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Outcome> {
        let read = self.shared.secrets.headers(specs).await;
        let (headers, mark) = read.map_err(|error| Outcome::failed(&error))?;
        self.not_refused(mark)?;
        Ok(headers)
    }

    /// A password, if there is one, unless this very one was refused not long ago.
    async fn secret(&mut self, from: Option<&SecretFrom>) -> Result<Option<String>, Outcome> {
        let read = self.shared.secrets.plain(from).await;
        let (secret, mark) = read.map_err(|error| Outcome::failed(&error))?;
        self.not_refused(mark)?;
        Ok(secret)
    }

    fn not_refused(&mut self, mark: Option<u64>) -> Result<(), Outcome> {
        self.mark = mark;
        let now = (self.world.now)().mono;
        let barred = self.refused.zip(mark).and_then(|(refused, mark)| refused.bars(mark, now));
        barred.map_or(Ok(()), Err)
    }

    /// What the status of an answer means.
    fn outcome(&self, status: u16, retry_after: Option<Duration>) -> Outcome {
        let sent = if self.mark.is_some() { Sent::Key } else { Sent::NoKey };
        Outcome::of_status(status, retry_after, sent)
    }
}

impl Asker {
    /// The source that it asks for.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.id
    }

    /// The asker of a source, if it is one that is asked; what it hears goes to `sink`.
    #[must_use]
    pub fn of(
        id: SourceId,
        spec: &SourceSpec,
        sink: Box<dyn LineSink + Send>,
        shared: &Shared,
    ) -> Option<Asker> {
        let net = spec.net()?;
        let kind = match &net.ask {
            Ask::Probe(probe) => {
                let account = shared.accounts.account(&spec.name, probe.budget);
                Kind::Probe(Box::new(probe::Probe::new(probe.clone(), account)))
            }
            Ask::Scrape(scrape) => Kind::Scrape(scrape.clone()),
            Ask::Poll(poll) => {
                let budget = Budget { apart: LEAST_APART, per_day: None, usd_per_day: None };
                let account = shared.accounts.account(&spec.name, budget);
                Kind::Poll(Box::new(poll::Poll::new(poll.clone(), account, shared.naming(spec))))
            }
            Ask::Redis(redis) => {
                Kind::Redis(Box::new(redis::Redis::new(redis.clone(), shared.naming(spec))))
            }
        };
        Some(Asker {
            id,
            name: spec.name.clone(),
            every: net.every,
            shared: shared.clone(),
            kind,
            reader: Reader::new(id, sink),
            format: net.ask.format(),
            refused: None,
        })
    }

    /// Ask, hand on what is said, and tell how it went. What goes wrong with one source
    /// ends no other, nor this one for good.
    async fn ask(&mut self, world: &World) -> Outcome {
        let turn = AssertUnwindSafe(self.turn(world)).catch_unwind().await;
        let (outcome, findings) = turn.unwrap_or_else(|_| {
            self.reader.forget();
            let text = format!("{}: {CRASHED}", self.name);
            (Outcome::failed(&CRASHED), vec![Finding { kind: "question_crashed", text }])
        });
        (world.say)(SourceStatus {
            findings,
            source: self.id,
            state: outcome.state(),
            files: 0,
            problem: outcome.problem().map(str::to_owned),
            format: self.format.or(self.reader.format()).map(str::to_owned),
        });
        outcome
    }

    /// What came of one question, and what was met on the way.
    async fn turn(&mut self, world: &World) -> (Outcome, Vec<Finding>) {
        let mut turn = Turn {
            world,
            shared: &self.shared,
            reader: &mut self.reader,
            refused: self.refused.as_ref(),
            mark: None,
            found: Vec::new(),
        };
        let asked = match &mut self.kind {
            Kind::Probe(probe) => probe.ask(&mut turn).await,
            Kind::Scrape(scrape) => scrape.ask(&mut turn).await,
            Kind::Poll(poll) => poll.ask(&mut turn).await,
            Kind::Redis(redis) => redis.ask(&mut turn).await,
        };
        let outcome = asked.unwrap_or_else(|outcome| outcome);
        let Turn { mark, found: findings, .. } = turn;
        let before = self.refused.take();
        self.refused = Refused::after(before, &outcome, mark, (world.now)().mono);
        self.reader.flush(world);
        (outcome, findings)
    }

    async fn follow(mut self, world: Rc<World>) {
        // Sources that start together must not stay in step.
        let jitter = Jitter::of(&self.name, (world.now)().wall.0);
        let mut pace = Pace::new(self.every, jitter);
        let mut wait = pace.first();
        loop {
            tokio::time::sleep(wait).await;
            let asked = (world.now)().mono;
            let outcome = self.ask(&world).await;
            wait = pace.after(&outcome, (world.now)().mono.since(asked));
        }
    }
}

/// How often sources are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Each once.
    Once,
    /// Until nobody wants to know any more: until this is dropped.
    Forever,
}

/// Ask all of them, side by side.
pub async fn ask(askers: Vec<Asker>, times: Times, world: World) {
    let world = Rc::new(world);
    let (tasks, mut asking) = (LocalSet::new(), JoinSet::new());
    for mut asker in askers {
        let world = Rc::clone(&world);
        let ask = async move {
            match times {
                Times::Once => drop(asker.ask(&world).await),
                Times::Forever => asker.follow(world).await,
            }
        };
        asking.spawn_local_on(ask, &tasks);
    }
    let all = async {
        while let Some(ended) = asking.join_next().await {
            // A defect in one of them is none that the others could hide.
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    };
    tasks.run_until(all).await;
}
