//! Where a Redis is: checked before anything is sent.

use std::fmt;
use std::path::PathBuf;

use redis::ConnectionAddr;
use reqwest::Url;

use crate::source::http::{Plain, Reach, reach};

const PORT: u16 = 6379;

/// A Redis and the number of its database: `redis://`, `rediss://` with TLS, or
/// `unix://` for a socket, with nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAddress {
    place: Place,
    database: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Plain(String, u16),
    Tls(String, u16),
    Socket(PathBuf),
}

/// Why an address is none. The texts repeat nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisAddressError {
    /// It is none.
    #[error(
        "is not an address such as \"redis://127.0.0.1:6379/0\", \"rediss://…\" or \"unix:///run/redis.sock\""
    )]
    NotOne,
    /// A user name or password stands in it.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// Not encrypted, to another machine.
    #[error("must be rediss:// for another machine than this one")]
    Plain,
    /// Link-local addresses are those of cloud metadata services.
    #[error("must not be a link-local address")]
    LinkLocal,
}

impl RedisAddress {
    /// Check an address as written.
    pub fn parse(text: &str, plain: Plain) -> Result<RedisAddress, RedisAddressError> {
        use RedisAddressError as Error;
        let url = Url::parse(text).map_err(|_| Error::NotOne)?;
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(Error::UserInfo);
        }
        let is_bare = url.query().is_none() && url.fragment().is_none();
        if url.scheme() == "unix" && is_bare && url.path().starts_with('/') {
            let is_here = url.host_str().is_none_or(str::is_empty);
            let place = Place::Socket(PathBuf::from(url.path()));
            return is_here.then_some(RedisAddress { place, database: 0 }).ok_or(Error::NotOne);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Error::NotOne)?;
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| Error::NotOne)?,
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(PORT);
        let reach = reach(&host);
        let place = match url.scheme() {
            _ if !is_bare => return Err(Error::NotOne),
            _ if reach == Reach::LinkLocal => return Err(Error::LinkLocal),
            "rediss" => Place::Tls(host, port),
            "redis" if reach == Reach::Here || plain == Plain::Anywhere => Place::Plain(host, port),
            "redis" => return Err(Error::Plain),
            _ => return Err(Error::NotOne),
        };
        Ok(RedisAddress { place, database })
    }

    /// Whether what is sent can be read on the way.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        matches!(&self.place, Place::Plain(host, _) if reach(host) != Reach::Here)
    }

    /// Host and port, as people write them, or the socket's path.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.place {
            Place::Plain(host, port) | Place::Tls(host, port) => format!("{host}:{port}"),
            Place::Socket(path) => path.display().to_string(),
        }
    }

    pub(super) fn database(&self) -> i64 {
        self.database.into()
    }

    pub(super) fn connection(&self) -> ConnectionAddr {
        match self.place.clone() {
            Place::Plain(host, port) => ConnectionAddr::Tcp(host, port),
            Place::Tls(host, port) => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
            Place::Socket(path) => ConnectionAddr::Unix(path),
        }
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.place {
            Place::Plain(..) => "redis",
            Place::Tls(..) => "rediss",
            Place::Socket(_) => return write!(f, "unix://{}", self.host()),
        };
        write!(f, "{scheme}://{}/{}", self.host(), self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_addresses_without_secrets_are_asked() {
        use RedisAddressError as E;
        for (good, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
            ("redis://localhost:7000/3", "redis://localhost:7000/3"),
            ("redis://[::1]:7000", "redis://::1:7000/0"),
            ("rediss://cache.example.com", "rediss://cache.example.com:6379/0"),
            ("unix:///run/redis/redis.sock", "unix:///run/redis/redis.sock"),
        ] {
            assert_eq!(RedisAddress::parse(good, Plain::Here).unwrap().to_string(), shown);
        }
        for (bad, why) in [
            ("", E::NotOne),
            ("127.0.0.1:6379", E::NotOne),
            ("http://127.0.0.1/", E::NotOne),
            ("redis://127.0.0.1/x", E::NotOne),
            ("redis://127.0.0.1/0?x=1", E::NotOne),
            ("redis://:hunter2@127.0.0.1/", E::UserInfo),
            ("rediss://ann:hunter2@example.com/", E::UserInfo),
            ("redis://10.0.0.8", E::Plain),
            ("redis://redis:6379/0", E::Plain),
            ("redis://169.254.169.254", E::LinkLocal),
            ("unix://host/run/redis.sock", E::NotOne),
        ] {
            assert_eq!(RedisAddress::parse(bad, Plain::Here), Err(why), "{bad}");
        }
        let far = RedisAddress::parse("redis://redis:6379/0", Plain::Anywhere).unwrap();
        assert!(far.is_readable());
        assert!(!RedisAddress::parse("redis://[::1]", Plain::Anywhere).unwrap().is_readable());
    }
}
