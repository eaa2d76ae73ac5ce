//! Where a question may go: checked before anything is sent.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;

/// An address that may be asked: `https`, or plain `http` to this machine, with
/// nothing secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why an address may not be asked. The texts repeat nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("is not an address such as \"https://api.example.com/v1\"")]
    NotOne,
    /// `file:`, `ftp:`, …
    #[error("must be an https:// address, or http:// on this machine")]
    Scheme,
    /// A user name or password stands in it.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// Plain HTTP to another machine: everybody on the way can read the key.
    #[error("must be https:// for another machine than this one")]
    Plain,
    /// Link-local addresses are those of cloud metadata services.
    #[error("must not be a link-local address")]
    LinkLocal,
    /// A key stands in it.
    #[error("must not hold a key: addresses end up in logs")]
    Secret,
    /// A part that is never sent.
    #[error("must not have a fragment (`#…`)")]
    Fragment,
}

impl Address {
    /// Check an address as written.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::NotOne)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NotOne)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if ip.is_some_and(is_link_local) {
            return Err(AddressError::LinkLocal);
        }
        let here = host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        if url.scheme() == "http" && !here {
            return Err(AddressError::Plain);
        }
        if crate::text::mask(text) != text {
            return Err(AddressError::Secret);
        }
        Ok(Address(url))
    }

    /// Host and port, as people write them.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// As it is asked.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Without the query: nobody needs it to know which address it is.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip == Ipv4Addr::UNSPECIFIED,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_addresses_without_secrets_are_asked() {
        use AddressError as E;
        for good in [
            "https://api.openai.com/v1/models?limit=1",
            "http://127.0.0.1:4000/metrics",
            "http://127.8.8.8/",
            "http://[::1]:8000/metrics",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost:8000",
            "HTTP://LOCALHOST/",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", E::NotOne),
            ("api.openai.com", E::NotOne),
            ("https://", E::NotOne),
            ("file:///etc/passwd", E::Scheme),
            ("gopher://127.0.0.1/", E::Scheme),
            ("https://user:pass@example.com/", E::UserInfo),
            ("https://user@example.com/", E::UserInfo),
            ("http://example.com/metrics", E::Plain),
            ("http://localhost.example.com/", E::Plain),
            ("http://10.0.0.8:8000/metrics", E::Plain),
            ("http://169.254.169.254/latest/meta-data", E::LinkLocal),
            ("https://169.254.169.254/", E::LinkLocal),
            ("http://2852039166/", E::LinkLocal),
            ("http://[fe80::1]/", E::LinkLocal),
            ("http://0.0.0.0:80/", E::LinkLocal),
            ("https://example.com/?key=AIzaSyA1234567890abcdefghijklmnopqrstuv", E::Secret),
            ("https://example.com/#x", E::Fragment),
        ] {
            assert_eq!(Address::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_of_one_has_no_query() {
        let address = Address::parse("https://example.com:8443/a?user=bob").unwrap();
        assert_eq!(
            format!("{address} {address:?}"),
            "https://example.com:8443/a https://example.com:8443/a"
        );
    }
}
