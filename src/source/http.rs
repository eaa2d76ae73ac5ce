//! The one way to ask over HTTP: rustls with ring, no redirects, no proxies, a
//! deadline, and a limit on what is read. It must not know what is asked.

mod address;

use std::error::Error;
use std::ops::Deref;
use std::sync::{Arc, Once};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::Wall;
use crate::scan::{number, time};
pub use address::{Address, AddressError, Plain, Reach, reach};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest wait for the whole of an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer that are taken, unless it is read as a stream.
pub const MOST: usize = 1024 * 1024;

/// A client builder that follows no redirect, so that a key never leaves the
/// origin it was meant for, and knows no proxy. The caller sets the timeouts.
///
/// Certificates are held against the system's own store, or against what
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
pub fn client() -> reqwest::ClientBuilder {
    use_ring();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

/// Makes ring encrypt everything that goes out of this process.
pub fn use_ring() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // It fails only where there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Asks, within limits of time and size.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Option<reqwest::Client>,
    roots: Roots,
}

/// Whether there is anything to hold certificates against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roots {
    Known,
    None,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: Method,
    /// Where it goes, and nowhere else.
    pub address: Address,
    /// Its headers; keys among them are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body, empty for none.
    pub body: String,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Vec<u8>,
}

/// An answer of which the body is still to be read.
#[derive(Debug)]
pub struct Stream {
    inner: reqwest::Response,
    read: usize,
    most: usize,
}

/// Why there is no answer. Never says where it was looked for: an address can
/// hold a secret, and whoever asked knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nobody is there.
    #[error("no connection")]
    NoConnection,
    /// Its certificate is not to be trusted: unknown issuer, wrong name, expired.
    #[error("its certificate is not trusted")]
    NotTrusted,
    /// Nothing can be trusted: this machine knows no certificate authority.
    #[error(
        "this machine has no certificate authorities: install ca-certificates or set SSL_CERT_FILE"
    )]
    NoRoots,
    /// There is somebody, but no common way to encrypt.
    #[error("no TLS connection")]
    NoTls,
    /// It took longer than the deadline.
    #[error("no answer in time")]
    TooSlow,
    /// The body is larger than is good.
    #[error("the answer is larger than {} bytes", .0)]
    TooLarge(usize),
    /// It ended in the middle, or was no HTTP.
    #[error("the answer broke off")]
    Broken,
    /// It can't even be sent.
    #[error("the request is not one that can be sent")]
    NotSendable,
}

impl Default for Client {
    fn default() -> Client {
        Client::new()
    }
}

impl Client {
    /// A client. Without certificate authorities it can still ask over plain HTTP.
    #[must_use]
    pub fn new() -> Client {
        let builder = || {
            let agent = concat!("tripline/", env!("CARGO_PKG_VERSION"));
            client().user_agent(agent).connect_timeout(CONNECT).timeout(ANSWER).referer(false)
        };
        if let Ok(inner) = builder().build() {
            return Client { inner: Some(inner), roots: Roots::Known };
        }
        Client { inner: builder().tls_certs_only([]).build().ok(), roots: Roots::None }
    }

    /// Ask, and read an answer of at most [`MOST`] bytes.
    pub async fn ask(&self, call: Call) -> Result<Answer, HttpError> {
        let mut stream = self.open(call, MOST).await?;
        let mut answer =
            Answer { status: stream.status(), headers: stream.headers().clone(), body: Vec::new() };
        while let Some(part) = stream.next().await? {
            answer.body.extend_from_slice(&part);
        }
        Ok(answer)
    }

    /// Ask; the body, of at most `most` bytes, is read part by part.
    pub async fn open(&self, call: Call, most: usize) -> Result<Stream, HttpError> {
        let client = self.inner.as_ref().ok_or(HttpError::NoRoots)?;
        let mut request = client.request(call.method, call.address.url().clone());
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        let inner = request.send().await.map_err(|error| self.reason(&error))?;
        if inner.content_length().is_some_and(|length| length > most as u64) {
            return Err(HttpError::TooLarge(most));
        }
        Ok(Stream { inner, read: 0, most })
    }

    fn reason(&self, error: &reqwest::Error) -> HttpError {
        // Whoever is not even reached was sent nothing.
        if error.is_timeout() && !error.is_connect() {
            return HttpError::TooSlow;
        }
        if let Some(tls) = tls_error(error) {
            let untrusted = matches!(tls, rustls::Error::InvalidCertificate(_));
            return match self.roots {
                Roots::None => HttpError::NoRoots,
                Roots::Known if untrusted => HttpError::NotTrusted,
                Roots::Known => HttpError::NoTls,
            };
        }
        match error {
            error if error.is_connect() => HttpError::NoConnection,
            error if error.is_builder() => HttpError::NotSendable,
            _ => HttpError::Broken,
        }
    }
}

/// TLS errors travel inside errors of reading and writing, which do not name
/// what they hold as their source.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    find_tls_error(error.source())
}

/// The TLS error in a cause, however it is wrapped.
pub(super) fn find_tls_error<'e>(
    mut cause: Option<&'e (dyn Error + 'static)>,
) -> Option<&'e rustls::Error> {
    while let Some(why) = cause {
        if let Some(tls) = why.downcast_ref() {
            return Some(tls);
        }
        let shared = why.downcast_ref::<Arc<dyn Error + Send + Sync>>();
        cause = match (shared, why.downcast_ref::<std::io::Error>()) {
            (Some(shared), _) => Some(&**shared),
            (_, Some(io)) => io.get_ref().map(|inner| -> &(dyn Error + 'static) { inner }),
            _ => why.source(),
        };
    }
    None
}

impl Answer {
    /// How long the server asks to stay away.
    #[must_use]
    pub fn retry_after(&self, now: Wall) -> Option<Duration> {
        retry_after(&self.headers, now)
    }
}

/// How long a server asks to stay away: in milliseconds, in seconds, or until a
/// date. What it can't be, it did not say.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Wall) -> Option<Duration> {
    let text = |name: &str| headers.get(name).map(|value| value.as_bytes().trim_ascii());
    let number = |text: &[u8]| number::float(text).filter(|span| (0.0..1e9).contains(span));
    if let Some(millis) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(millis / 1000.0));
    }
    let said = text("retry-after")?;
    let until = || time::http_date(said).map(|at| at.since(now));
    number(said).map(Duration::from_secs_f64).or_else(until)
}

impl Stream {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Headers of the answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The next part of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, HttpError> {
        let part = self.inner.chunk().await.map_err(|error| {
            if error.is_timeout() { HttpError::TooSlow } else { HttpError::Broken }
        })?;
        self.read += part.as_deref().map_or(0, <[u8]>::len);
        if self.read > self.most { Err(HttpError::TooLarge(self.most)) } else { Ok(part) }
    }
}
