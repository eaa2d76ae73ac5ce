//! Ways in over the network: things that are asked every so often.
//!
//! All of them run on one thread, each as a task of its own with at most one
//! question in flight. What an answer says goes to a [`LineSink`] like the lines
//! of a file, so there is one reader for each kind of text. It reads no clock:
//! [`World`] says what time it is and takes what was found. It must not know what
//! becomes of that.

mod account;
mod pace;
mod probe;
mod reader;
mod scrape;
pub mod secret;

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use tokio::task::LocalSet;

use super::http::{Address, Client};
use super::jitter::Jitter;
use super::status::{SourceState, SourceStatus};
use super::world::World;
use super::{LineSink, SourceSpec};
use crate::domain::SourceId;

use account::Accounts;
pub use account::Budget;
use pace::Pace;
pub use probe::ProbeSpec;
use reader::Reader;
pub use scrape::ScrapeSpec;
use secret::{HeaderSpec, Secrets};

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
}

impl Ask {
    /// The word of the configuration and of the public snapshot.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Ask::Probe(_) => "probe",
            Ask::Scrape(_) => "scrape",
        }
    }

    /// Where it goes.
    #[must_use]
    pub const fn address(&self) -> &Address {
        match self {
            Ask::Probe(probe) => &probe.address,
            Ask::Scrape(scrape) => &scrape.address,
        }
    }
}

/// What all network sources of a run share.
#[derive(Clone, Debug)]
pub struct Shared {
    client: Client,
    secrets: Secrets,
    accounts: Accounts,
}

impl Shared {
    /// For a run whose state is kept in `state_dir`; `env` reads the environment.
    #[must_use]
    pub fn new(state_dir: &Path, env: secret::Env) -> Shared {
        Shared {
            client: Client::new(),
            secrets: Secrets::new(env),
            accounts: Accounts::new(state_dir),
        }
    }
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// There is an answer, and it was read.
    Answered,
    /// There is none, for now.
    Failed {
        /// Why, without anything secret.
        problem: String,
        /// How long the other side asks us to stay away.
        retry_after: Option<Duration>,
    },
    /// We are not welcome. It is asked again only when the key changes.
    Denied {
        /// Why.
        problem: String,
    },
    /// It was not asked: its own budget is spent, or it was asked only just now
    /// by a run before this one.
    Held {
        /// Why.
        problem: String,
        /// For how long.
        rest: Duration,
    },
}

impl Outcome {
    fn failed(problem: &impl ToString) -> Outcome {
        Outcome::Failed { problem: problem.to_string(), retry_after: None }
    }

    /// What a status that is no success means.
    fn of_status(status: u16, retry_after: Option<Duration>) -> Outcome {
        match status {
            200..=299 => Outcome::Answered,
            300..=399 => Outcome::failed(&format!("HTTP {status}: redirects are not followed")),
            401 | 403 => {
                let problem =
                    format!("HTTP {status}: the key is refused; asked again with another");
                Outcome::Denied { problem }
            }
            _ => {
                let stay_away =
                    retry_after.map(|span| format!(", stay away for {} s", span.as_secs()));
                let problem = format!("HTTP {status}{}", stay_away.unwrap_or_default());
                Outcome::Failed { problem, retry_after }
            }
        }
    }

    fn state(&self) -> SourceState {
        match self {
            Outcome::Answered => SourceState::Live,
            Outcome::Failed { .. } => SourceState::Error,
            Outcome::Denied { .. } => SourceState::Denied,
            Outcome::Held { .. } => SourceState::Waiting,
        }
    }

    fn problem(&self) -> Option<&str> {
        match self {
            Outcome::Answered => None,
            Outcome::Failed { problem, .. }
            | Outcome::Denied { problem }
            | Outcome::Held { problem, .. } => Some(problem),
        }
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
    /// Mark of the keys that were refused.
    refused: Option<u64>,
}

enum Kind {
    Probe(Box<probe::Probe>),
    Scrape(ScrapeSpec),
}

/// What a kind of source works with while it asks.
struct Turn<'a> {
    world: &'a World,
    shared: &'a Shared,
    reader: &'a mut Reader,
    refused: Option<u64>,
    mark: u64,
}

impl Turn<'_> {
    /// Headers with their keys, unless these very keys were refused before.
    async fn headers(
        &mut self,
        specs: &[HeaderSpec],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Outcome> {
        let read = self.shared.secrets.headers(specs).await;
        let (headers, mark) = read.map_err(|error| Outcome::failed(&error))?;
        self.mark = mark;
        if self.refused == Some(mark) {
            let problem = "the key was refused; asked again with another".to_owned();
            return Err(Outcome::Denied { problem });
        }
        Ok(headers)
    }
}

impl Asker {
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
        };
        Some(Asker {
            id,
            name: spec.name.clone(),
            every: net.every,
            shared: shared.clone(),
            kind,
            reader: Reader::new(id, sink),
            refused: None,
        })
    }

    /// Ask, hand on what is said, and tell how it went.
    async fn ask(&mut self, world: &World) -> Outcome {
        let mut turn = Turn {
            world,
            shared: &self.shared,
            reader: &mut self.reader,
            refused: self.refused,
            mark: 0,
        };
        let asked = match &mut self.kind {
            Kind::Probe(probe) => probe.ask(&mut turn).await,
            Kind::Scrape(scrape) => scrape.ask(&mut turn).await,
        };
        let outcome = asked.unwrap_or_else(|outcome| outcome);
        let denied = matches!(outcome, Outcome::Denied { .. });
        self.refused = denied.then_some(turn.mark);
        self.reader.flush(world);
        (world.say)(SourceStatus {
            findings: Vec::new(),
            source: self.id,
            state: outcome.state(),
            files: 0,
            problem: outcome.problem().map(str::to_owned),
            format: self.reader.format().map(str::to_owned),
        });
        outcome
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
    let tasks = LocalSet::new();
    for mut asker in askers {
        let world = Rc::clone(&world);
        tasks.spawn_local(async move {
            match times {
                Times::Once => drop(asker.ask(&world).await),
                Times::Forever => asker.follow(world).await,
            }
        });
    }
    tasks.await;
}
