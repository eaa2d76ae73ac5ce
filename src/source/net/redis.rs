//! Queues that are kept in Redis: asked how long they are, with commands that only
//! read. Each question has a connection of its own, so the pace of questions is the
//! pace of reconnecting. It must not know how queues are kept (`queue`).

mod address;
mod queue;

use std::sync::Arc;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisConnectionInfo, RedisError};
use redis::{IntoConnectionInfo, ServerErrorKind};

use super::outcome::ASKED_AGAIN;
use super::secret::SecretFrom;
use super::{Naming, Outcome, Turn};
use crate::domain::{NameKind, Observation, QueueReading, Wall};
use crate::source::http::{HttpError, find_tls_error};
use crate::source::status::Finding;

pub use address::{RedisAddress, RedisAddressError};
pub use queue::{Convention, Holds, QueueSpec};
use queue::{Length, QueueError};

/// The client takes no part of a list of authorities.
const NO_LIST: &str = "this machine's certificate authorities can't all be read: look at \
                       SSL_CERT_FILE and SSL_CERT_DIR";

/// Longest wait for a connection, and for an answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(5);
/// Longest wait for all answers.
const ALL: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSpec {
    /// Where it is.
    pub address: RedisAddress,
    /// The user to log in as; the usual one where absent.
    pub user: Option<String>,
    /// Where its password comes from.
    pub password: Option<SecretFrom>,
    /// The queues in it.
    pub queues: Vec<QueueSpec>,
}

/// What queues said.
#[derive(Default)]
struct Told {
    seen: Vec<Observation>,
    /// What of them is unknown, for people.
    found: Vec<Finding>,
}

/// One Redis that is asked.
pub struct Redis {
    spec: RedisSpec,
    naming: Naming,
}

impl Redis {
    pub fn new(spec: RedisSpec, naming: Naming) -> Redis {
        // A connection with TLS takes the provider of the process.
        crate::source::http::use_ring();
        Redis { spec, naming }
    }

    /// Ask for all queues once. One that can't be read does not keep the others back.
    pub async fn ask(&mut self, turn: &mut Turn<'_>) -> Result<Outcome, Outcome> {
        let password = turn.secret(self.spec.password.as_ref()).await?;
        let now = (turn.world.now)().wall;
        let mut told = Told::default();
        let asked = tokio::time::timeout(ALL, self.lengths(password, now, &mut told)).await;
        if !told.seen.is_empty() {
            turn.reader.tell(0, told.seen);
        }
        turn.found = told.found;
        asked.map_err(|_| Outcome::failed(&"no answer in time"))?
    }

    async fn lengths(
        &self,
        password: Option<String>,
        now: Wall,
        told: &mut Told,
    ) -> Result<Outcome, Outcome> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let refused = |error: RedisError| outcome_of(&error);
        let client = self.client(password).map_err(refused)?;
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connected.map_err(refused)?;
        let mut outcome = Outcome::Answered;
        for queue in &self.spec.queues {
            match queue.length(&mut connection, now).await {
                Ok(length) => {
                    told.found.extend(unknown_depth(queue, length));
                    told.seen.push(self.reading(queue, length, now));
                }
                // A key that holds something else, or may not be read by us.
                Err(QueueError::Redis(error)) if !is_about_key(&error) => {
                    return Err(outcome_of(&error));
                }
                Err(error) => {
                    let why = match &error {
                        QueueError::Redis(error) => in_words(error),
                        other => other.to_string(),
                    };
                    outcome = Outcome::failed(&format!("the key '{}' {why}", queue.key));
                }
            }
        }
        Ok(outcome)
    }

    fn client(&self, password: Option<String>) -> Result<Client, RedisError> {
        let mut login = RedisConnectionInfo::default()
            .set_db(self.spec.address.database())
            .set_skip_set_lib_name();
        if let Some(user) = &self.spec.user {
            login = login.set_username(user);
        }
        if let Some(password) = password {
            login = login.set_password(password);
        }
        let info = self.spec.address.connection().into_connection_info()?;
        Client::open(info.set_redis_settings(login))
    }

    fn reading(&self, queue: &QueueSpec, length: Length, at: Wall) -> Observation {
        let host = self.naming.host.as_deref();
        Observation::Queue(QueueReading {
            at,
            name: self.naming.name(NameKind::Label, &queue.name),
            host: host.and_then(|host| self.naming.name(NameKind::Host, host)),
            priority: queue.priority,
            lane: self.naming.name(NameKind::Label, &queue.key),
            depth: length.depth,
            running: length.running,
            // A clock that is behind the writer's makes nobody older.
            oldest_age_s: length.oldest.map(|since| at.seconds_after(since).max(0.0)),
            enqueued_total: None,
            dequeued_total: None,
            dropped_total: None,
        })
    }
}

fn unknown_depth(queue: &QueueSpec, length: Length) -> Option<Finding> {
    let group = queue.group.as_ref().filter(|_| length.depth.is_none())?;
    let text = format!(
        "how many entries of the key '{}' wait for the group '{group}' is unknown: the server counts them from Redis 7 on, where none was removed",
        queue.key
    );
    Some(Finding { kind: "queue_depth_unknown", text })
}

/// Whether an error is about one key, so that others may still be read.
fn is_about_key(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGTYPE"))
        || (error.code() == Some("NOPERM")
            && error.detail().is_some_and(|text| text.contains("key")))
}

fn outcome_of(error: &RedisError) -> Outcome {
    let problem = in_words(error);
    let is_refused = matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
        || error.kind() == ErrorKind::AuthenticationFailed;
    if is_refused {
        Outcome::Denied { problem, retry_after: None }
    } else {
        Outcome::failed(&problem)
    }
}

/// Why there is no encrypted connection, if that is why.
fn tls_in_words(error: &RedisError) -> Option<String> {
    let cause = std::error::Error::source(error);
    if let Some(tls) = find_tls_error(cause) {
        let untrusted = matches!(tls, rustls::Error::InvalidCertificate(_));
        let why = if untrusted { HttpError::NotTrusted } else { HttpError::NoTls };
        return Some(why.to_string());
    }
    // What is neither read, written nor encrypted is the list of authorities.
    let shared = cause?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    let is_list = error.kind() == ErrorKind::Io && !shared.is::<std::io::Error>();
    is_list.then(|| NO_LIST.to_owned())
}

/// In words of our own: a server's may be anything.
fn in_words(error: &RedisError) -> String {
    if let Some(said) = tls_in_words(error) {
        return said;
    }
    let refused = || format!("the password is refused; {ASKED_AGAIN}");
    let said = match error.code() {
        Some("NOAUTH") => "it wants a password",
        Some("WRONGPASS") => return refused(),
        Some("NOPERM") => "may not be read: the user lacks the permission",
        Some("WRONGTYPE") => "holds something else",
        Some("MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT") => {
            "it is a cluster, of which another node has the key"
        }
        Some("LOADING") => "it is still loading its data",
        _ => match error.kind() {
            ErrorKind::AuthenticationFailed => return refused(),
            ErrorKind::Server(ServerErrorKind::ResponseError) => "it refuses the command",
            _ if error.is_timeout() => "no answer in time",
            _ if error.is_connection_refusal() => "no connection",
            ErrorKind::Io => "no connection, or it broke off",
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "the answer is none of Redis",
            _ => "it answers with an error",
        },
    };
    said.to_owned()
}
