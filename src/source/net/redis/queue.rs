//! How long a queue is and how old its oldest entry, by the conventions of those
//! who keep queues in Redis. Only commands that read, and of entries only the few
//! that are next. It must not know who is connected to what.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError, cmd};
use serde_json::Value;

use crate::domain::{Priority, Wall};
use crate::scan::time;

/// What a queue's priorities of Celery stand behind (the Redis transport's own).
const STEP: &str = "\u{6}\u{16}";
const STEPS: [u8; 3] = [3, 6, 9];
/// What is in an entry of BullMQ's sorted sets: a priority above a counter of 32
/// bits, or a time in milliseconds above 12 bits of an id.
const ABOVE_COUNTER: u64 = 1 << 32;
const ABOVE_ID: i64 = 1 << 12;
/// Priorities of BullMQ that are looked at for the oldest job.
const PRIORITIES: usize = 16;

/// A queue that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its key, or the name its keys are made of.
    pub key: String,
    /// The name it is shown under.
    pub name: String,
    /// Which class its entries are.
    pub priority: Option<Priority>,
    /// What the key holds.
    pub holds: Holds,
    /// Whose queue it is.
    pub convention: Convention,
    /// The consumer group whose backlog counts, of a stream.
    pub group: Option<String>,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Holds {
    Auto,
    List,
    Stream,
    SortedSet,
}

/// Whose queue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum Convention {
    Plain,
    Celery,
    Rq,
    BullMq,
}

/// What is known of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Length {
    /// `None` where the server can't tell.
    pub depth: Option<u64>,
    pub running: Option<u64>,
    pub oldest: Option<Wall>,
}

/// Why a queue has no length.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The server or the way to it.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The key holds something else.
    #[error("holds a {0}, which is no queue")]
    NoQueue(String),
    /// The stream has no such consumer group.
    #[error("has no consumer group of that name")]
    NoGroup,
}

type Connection = MultiplexedConnection;

impl QueueSpec {
    /// How long it is, as of `now`.
    pub(super) async fn length(
        &self,
        to: &mut Connection,
        now: Wall,
    ) -> Result<Length, QueueError> {
        match self.convention {
            Convention::Plain => self.plain(to, now).await,
            Convention::Celery => Ok(self.celery(to).await?),
            Convention::Rq => Ok(self.rq(to).await?),
            Convention::BullMq => Ok(self.bull_mq(to, now).await?),
        }
    }

    async fn plain(&self, to: &mut Connection, now: Wall) -> Result<Length, QueueError> {
        let key = self.key.as_str();
        let holds = match self.holds {
            Holds::Auto => ask::<String>(to, cmd("TYPE").arg(key)).await?,
            Holds::List => "list".to_owned(),
            Holds::Stream => "stream".to_owned(),
            Holds::SortedSet => "zset".to_owned(),
        };
        match holds.as_str() {
            "none" => Ok(Length::EMPTY),
            "list" => {
                let depth = Some(ask(to, cmd("LLEN").arg(key)).await?);
                // Which end is the older one is the program's own affair.
                let ends = [entry(to, key, 0).await?, entry(to, key, -1).await?];
                let oldest = ends.iter().flatten().filter_map(|entry| written_at(entry)).min();
                Ok(Length { depth, running: None, oldest })
            }
            "stream" => self.stream(to).await,
            "zset" => {
                let depth = Some(ask(to, cmd("ZCARD").arg(key)).await?);
                let score = first(to, key).await?.map(|(_, score)| score);
                let at = score.and_then(|score| time::epoch(score.as_bytes()));
                Ok(Length { depth, running: None, oldest: at.filter(|at| *at <= now) })
            }
            other => Err(QueueError::NoQueue(other.to_owned())),
        }
    }

    /// A stream keeps what was read: where there is a group, its backlog counts.
    async fn stream(&self, to: &mut Connection) -> Result<Length, QueueError> {
        let key = self.key.as_str();
        let Some(name) = &self.group else {
            let depth = Some(ask(to, cmd("XLEN").arg(key)).await?);
            let oldest = first_id(to, key, "-").await?.and_then(|id| added_at(&id));
            return Ok(Length { depth, running: None, oldest });
        };
        let groups: Vec<Vec<redis::Value>> = match ask(to, cmd("XINFO").arg("GROUPS").arg(key))
            .await
        {
            Err(error) if error.to_string().contains("no such key") => return Ok(Length::EMPTY),
            groups => groups?,
        };
        let groups = groups.iter().map(|group| Group(group));
        let mut named = groups.filter(|group| group.text("name").as_ref() == Some(name));
        let group = named.next().ok_or(QueueError::NoGroup)?;
        let last = group.text("last-delivered-id").unwrap_or_else(|| "0-0".to_owned());
        let next = first_id(to, key, &format!("({last}")).await?;
        // What a server does not know (before 7.0, after deletions) it leaves out. To
        // count the entries would be to fetch them all, whole.
        let depth = match (group.count("lag"), &next) {
            (Some(lag), _) => Some(lag),
            (None, None) => Some(0),
            (None, Some(_)) if first_id(to, key, "-").await? == next => {
                Some(ask(to, cmd("XLEN").arg(key)).await?)
            }
            (None, Some(_)) => None,
        };
        let oldest = next.and_then(|id| added_at(&id));
        Ok(Length { depth, running: group.count("pending"), oldest })
    }

    /// A list for each step of priority, filled on the left and emptied on the right.
    async fn celery(&self, to: &mut Connection) -> Result<Length, RedisError> {
        let steps = STEPS.iter().map(|step| format!("{}{STEP}{step}", self.key));
        let mut length = Length::EMPTY;
        for key in std::iter::once(self.key.clone()).chain(steps) {
            length.add(ask(to, cmd("LLEN").arg(&key)).await?);
            let last = entry(to, &key, -1).await?;
            length.is_as_old_as(last.and_then(|entry| written_at(&entry)));
        }
        Ok(length)
    }

    /// Ids of jobs in a list, filled on the right and emptied on the left.
    async fn rq(&self, to: &mut Connection) -> Result<Length, RedisError> {
        let name = self.key.strip_prefix("rq:queue:").unwrap_or(&self.key);
        let key = format!("rq:queue:{name}");
        let depth = Some(ask(to, cmd("LLEN").arg(&key)).await?);
        let running = Some(ask(to, cmd("ZCARD").arg(format!("rq:wip:{name}"))).await?);
        let mut oldest = None;
        if let Some(id) = entry(to, &key, 0).await? {
            let job = [b"rq:job:".as_slice(), &id].concat();
            let times = cmd("HMGET").arg(job).arg("enqueued_at").arg("created_at").to_owned();
            let times: Vec<Option<Vec<u8>>> = ask(to, &times).await?;
            oldest = times.iter().flatten().find_map(|at| moment(at));
        }
        Ok(Length { depth, running, oldest })
    }

    /// Waiting, paused and prioritized jobs, and delayed ones whose time has come.
    async fn bull_mq(&self, to: &mut Connection, now: Wall) -> Result<Length, RedisError> {
        let base =
            if self.key.contains(':') { self.key.clone() } else { format!("bull:{}", self.key) };
        let mut length = Length::EMPTY;
        for list in ["wait", "paused"] {
            let key = format!("{base}:{list}");
            let mut jobs: u64 = ask(to, cmd("LLEN").arg(&key)).await?;
            let mut last = entry(to, &key, -1).await?;
            if last.as_ref().is_some_and(|id| id.starts_with(b"0:")) {
                // A marker of version 4, which is no job.
                jobs = jobs.saturating_sub(1);
                last = entry(to, &key, -2).await?;
            }
            length.add(jobs);
            if let Some(id) = last {
                length.is_as_old_as(job_time(to, &base, &id).await?);
            }
        }
        let prioritized = format!("{base}:prioritized");
        length.add(ask(to, cmd("ZCARD").arg(&prioritized)).await?);
        let mut from = 0;
        for _ in 0..PRIORITIES {
            // The first of each priority is the oldest of it.
            let range = cmd("ZRANGEBYSCORE")
                .arg(&prioritized)
                .arg(from)
                .arg("+inf")
                .arg("WITHSCORES")
                .arg("LIMIT")
                .arg(0)
                .arg(1)
                .to_owned();
            let found: Vec<(Vec<u8>, f64)> = ask(to, &range).await?;
            let Some((id, score)) = found.into_iter().next() else { break };
            length.is_as_old_as(job_time(to, &base, &id).await?);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "scores count from 0, below 2^53"
            )]
            let priority = score as u64 / ABOVE_COUNTER;
            from = (priority + 1).saturating_mul(ABOVE_COUNTER);
        }
        let delayed = format!("{base}:delayed");
        let due = (now.0 / 1_000_000 + 1).saturating_mul(ABOVE_ID) - 1;
        length.add(ask(to, cmd("ZCOUNT").arg(&delayed).arg("-inf").arg(due)).await?);
        if let Some((_, score)) = first(to, &delayed).await? {
            #[allow(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
            let ms = score.parse::<f64>().map_or(0, |score| score as i64) / ABOVE_ID;
            length.is_as_old_as(Some(Wall::from_millis(ms)).filter(|at| *at <= now));
        }
        length.running = Some(ask(to, cmd("LLEN").arg(format!("{base}:active"))).await?);
        Ok(length)
    }
}

impl Length {
    /// Of an absent key: Redis has no other empty queue.
    const EMPTY: Length = Length { depth: Some(0), running: None, oldest: None };

    fn add(&mut self, entries: u64) {
        self.depth = self.depth.map(|depth| depth.saturating_add(entries));
    }

    fn is_as_old_as(&mut self, at: Option<Wall>) {
        self.oldest = [self.oldest, at].into_iter().flatten().min();
    }
}

/// A consumer group as names and values in turn.
struct Group<'a>(&'a [redis::Value]);

impl Group<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(|value| String::from_redis_value_ref(value).ok())
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(|value| u64::from_redis_value_ref(value).ok())
    }

    fn value(&self, name: &str) -> Option<&redis::Value> {
        let mut pairs = self.0.chunks_exact(2);
        pairs.find_map(|pair| match pair {
            [key, value] if String::from_redis_value_ref(key).is_ok_and(|key| key == name) => {
                Some(value)
            }
            _ => None,
        })
    }
}

async fn ask<T: FromRedisValue>(to: &mut Connection, command: &Cmd) -> Result<T, RedisError> {
    command.query_async(to).await
}

async fn entry(to: &mut Connection, key: &str, at: i64) -> Result<Option<Vec<u8>>, RedisError> {
    ask(to, cmd("LINDEX").arg(key).arg(at)).await
}

/// The entry with the lowest score.
async fn first(to: &mut Connection, key: &str) -> Result<Option<(Vec<u8>, String)>, RedisError> {
    let range = cmd("ZRANGE").arg(key).arg(0).arg(0).arg("WITHSCORES").to_owned();
    Ok(ask::<Vec<(Vec<u8>, String)>>(to, &range).await?.into_iter().next())
}

/// The id of the first entry of a stream from an id on.
async fn first_id(
    to: &mut Connection,
    key: &str,
    from: &str,
) -> Result<Option<String>, RedisError> {
    let range = cmd("XRANGE").arg(key).arg(from).arg("+").arg("COUNT").arg(1).to_owned();
    let found: Vec<(String, redis::Value)> = ask(to, &range).await?;
    Ok(found.into_iter().next().map(|(id, _)| id))
}

/// When an entry of a stream was added: its id says so.
fn added_at(id: &str) -> Option<Wall> {
    id.split('-').next()?.parse().ok().map(Wall::from_millis)
}

/// When a job of BullMQ was added: milliseconds in its hash.
async fn job_time(to: &mut Connection, base: &str, id: &[u8]) -> Result<Option<Wall>, RedisError> {
    let job = [base.as_bytes(), b":", id].concat();
    let at: Option<Vec<u8>> = ask(to, cmd("HGET").arg(job).arg("timestamp")).await?;
    Ok(at.and_then(|at| time::epoch(&at)))
}

/// When a message was written, where it says so: in its headers, its properties
/// or itself.
fn written_at(entry: &[u8]) -> Option<Wall> {
    const NAMES: [&str; 6] =
        ["timestamp", "enqueued_at", "sent_at", "created_at", "published_at", "time"];
    let message: Value = serde_json::from_slice(entry).ok()?;
    let places = [message.get("headers"), message.get("properties"), Some(&message)];
    places.into_iter().flatten().find_map(|place| {
        NAMES.iter().find_map(|name| match place.get(name)? {
            Value::String(text) => moment(text.as_bytes()),
            Value::Number(number) => time::epoch(number.to_string().as_bytes()),
            _ => None,
        })
    })
}

fn moment(text: &[u8]) -> Option<Wall> {
    let civil = || time::civil(text).map(time::Civil::utc);
    time::rfc3339(text).or_else(civil).or_else(|| time::epoch(text))
}
