//! The one way to ask over HTTP: rustls with ring, no redirects, no proxies.
//! It must not know what is asked.

use std::sync::Once;

/// A client builder that follows no redirect, so that a key never leaves the
/// origin it was meant for, and knows no proxy. The caller sets the timeouts.
pub fn client() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // It fails only where there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}
