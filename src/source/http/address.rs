//! Where a question may go: checked before anything is sent.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;

/// An address that may be asked: `https`, or plain `http` to this machine, with
/// nothing secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Where plain HTTP may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Nowhere but to this machine.
    Here,
    /// Anywhere: nothing secret is sent, and whoever reads along is welcome.
    Anywhere,
}

/// How far away a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This machine.
    Here,
    /// This link: cloud metadata services, and what is no address of a host.
    LinkLocal,
    /// Anywhere else.
    Elsewhere,
}

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
    pub fn parse(text: &str, plain: Plain) -> Result<Address, AddressError> {
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
        let reach = reach(host);
        if reach == Reach::LinkLocal {
            return Err(AddressError::LinkLocal);
        }
        if url.scheme() == "http" && reach != Reach::Here && plain == Plain::Here {
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

    /// Whether what is sent can be read on the way.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.0.scheme() == "http" && reach(self.0.host_str().unwrap_or_default()) != Reach::Here
    }

    /// The same origin, further down its path, with more parameters.
    #[must_use]
    pub fn at<'a>(
        &self,
        path: &str,
        query: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Address {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        let mut query = query.into_iter().peekable();
        if query.peek().is_some() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Address(url)
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

/// How far away a host is, as far as its name says.
#[must_use]
pub fn reach(host: &str) -> Reach {
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    match ip.map(|ip| ip.to_canonical()) {
        Some(ip) if ip.is_loopback() => Reach::Here,
        Some(IpAddr::V4(ip)) if ip.is_link_local() || ip == Ipv4Addr::UNSPECIFIED => {
            Reach::LinkLocal
        }
        Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() || ip.is_unspecified() => {
            Reach::LinkLocal
        }
        None if host.eq_ignore_ascii_case("localhost") => Reach::Here,
        _ => Reach::Elsewhere,
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
            assert!(Address::parse(good, Plain::Here).is_ok(), "{good}");
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
            assert_eq!(Address::parse(bad, Plain::Here), Err(why), "{bad}");
        }
    }

    #[test]
    fn plain_http_to_others_must_be_allowed_and_metadata_services_never_are() {
        let parse = |text| Address::parse(text, Plain::Anywhere);
        assert!(parse("http://vllm:8000/metrics").unwrap().is_readable());
        assert!(!parse("http://127.0.0.1:8000/metrics").unwrap().is_readable());
        assert!(!parse("https://example.com/").unwrap().is_readable());
        assert_eq!(parse("http://169.254.169.254/"), Err(AddressError::LinkLocal));
    }

    #[test]
    fn a_path_and_parameters_are_added_to_those_there_are() {
        let base = Address::parse("https://example.com/proxy/?a=1", Plain::Here).unwrap();
        let whole = base.at("/v1/x", [("b[]", "2 3".to_owned())]);
        assert_eq!(whole.url().as_str(), "https://example.com/proxy/v1/x?a=1&b%5B%5D=2+3");
        let root = Address::parse("https://example.com", Plain::Here).unwrap();
        assert_eq!(root.at("/v1/x", []).url().as_str(), "https://example.com/v1/x");
    }

    #[test]
    fn what_is_shown_of_one_has_no_query() {
        let text = "https://example.com:8443/a?user=bob";
        let address = Address::parse(text, Plain::Here).unwrap();
        assert_eq!(
            format!("{address} {address:?}"),
            "https://example.com:8443/a https://example.com:8443/a"
        );
    }
}
