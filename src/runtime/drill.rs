//! Asking a gateway what it does with one call: the proof of a drill, that
//! whoever reads the kill switch directory really reads it.
//!
//! It makes the request that it is told to make, and no other: no redirects, no
//! proxy, plain HTTP, a deadline, and at most 64 KiB of the answer.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a gateway gets to see a change of the directory.
const SEEN_WITHIN: Duration = Duration::from_secs(2);
/// Pause between two calls while waiting for it.
const PAUSE: Duration = Duration::from_millis(20);
/// Most of an answer that is looked at.
const MOST: usize = 64 * 1024;

/// What a gateway did with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It passed it on, or refused it for another reason than the switch.
    Passed {
        /// HTTP status.
        status: u16,
    },
    /// It refused it because of the switch.
    Refused,
    /// It gave no answer.
    Nothing(String),
}

/// Asks gateways over and over with the same call.
pub struct Caller {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

/// Why there can be no drill.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// A header is not one.
    #[error("'{0}' is not a header; write it like 'Authorization: Bearer …'")]
    Header(String),
    /// No client or runtime.
    #[error("cannot make an HTTP client: {0}")]
    Client(String),
}

impl Caller {
    /// A caller that sends these headers, each `Name: value`.
    pub fn new(headers: &[String]) -> Result<Caller, DrillError> {
        let mut map = HeaderMap::new();
        for header in headers {
            // The value may be a credential: only the name is ever repeated.
            let (name, value) = header.split_once(':').unwrap_or((header, ""));
            let refused = || DrillError::Header(name.to_owned());
            let known = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| refused())?;
            let mut value = HeaderValue::from_str(value.trim()).map_err(|_| refused())?;
            value.set_sensitive(true);
            map.insert(known, value);
        }
        let client = crate::source::http::client()
            .default_headers(map)
            .timeout(ANSWER)
            .build()
            .map_err(|error| DrillError::Client(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| DrillError::Client(error.to_string()))?;
        Ok(Caller { runtime, client })
    }

    /// Call until the gateway does what is `wanted`, but not for ever, and not once it is
    /// `over`; answers what it did last.
    #[must_use]
    pub fn until(
        &self,
        url: &str,
        wanted: impl Fn(&Heard) -> bool,
        over: impl Fn() -> bool,
    ) -> Heard {
        self.runtime.block_on(async {
            let deadline = tokio::time::Instant::now() + SEEN_WITHIN;
            loop {
                // What began before it could see the change proves nothing, however long it took.
                let begun = tokio::time::Instant::now();
                let Some(heard) = self.call_unless(url, &over).await else {
                    return Heard::Nothing("interrupted".to_owned());
                };
                if wanted(&heard) || begun >= deadline {
                    return heard;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// A call, given up once it is over.
    async fn call_unless(&self, url: &str, over: &impl Fn() -> bool) -> Option<Heard> {
        let mut call = std::pin::pin!(self.call(url));
        while !over() {
            if let Ok(heard) = tokio::time::timeout(PAUSE, &mut call).await {
                return Some(heard);
            }
        }
        None
    }

    async fn call(&self, url: &str) -> Heard {
        let sent = self.client.get(url).send().await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Heard::Nothing(reason(&error)),
        };
        let status = answer.status().as_u16();
        if status != 503 {
            return Heard::Passed { status };
        }
        if answer.headers().contains_key("x-kill-switch") {
            return Heard::Refused;
        }
        let mut body = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            body.extend_from_slice(&part);
            if body.len() > MOST {
                break;
            }
        }
        let says_so = memchr::memmem::find(&body, b"kill_switch").is_some();
        if says_so { Heard::Refused } else { Heard::Passed { status } }
    }
}

/// Why a call failed, without the address that it went to.
fn reason(error: &reqwest::Error) -> String {
    match error {
        error if error.is_timeout() => "no answer in time".to_owned(),
        error if error.is_connect() => "no connection".to_owned(),
        error if error.is_builder() => "the address is not one of plain http".to_owned(),
        _ => "the answer broke off".to_owned(),
    }
}
