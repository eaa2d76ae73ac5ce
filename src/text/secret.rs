//! Credentials in text: found by their vendor's shape or by the word before
//! them, and shown as prefix and last four characters only.
//!
//! A log holds keys where nobody expects them: in error texts, in user fields,
//! in the name of a key. Hashes, request ids and aliases are no credentials.

mod shape;

use shape::Secret;
use std::borrow::Cow;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Shorter secrets do not show their last four characters.
const SHOWS_END: usize = 12;

/// `text` with every credential in it masked, as `sk-proj-…a91f`.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut at = 0;
    while let Some(secret) = shape::next(text, at) {
        out.push_str(text.get(at..secret.body.start).unwrap_or_default());
        out.push('…');
        out.push_str(last_four(secret.body_of(text)));
        at = secret.body.end;
    }
    if at == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

/// What is shown and kept of the credential `key`: vendor prefix, last four
/// characters and a short hash that differs from one installation to the next.
#[must_use]
pub fn fingerprint(key: &str, salt: u64) -> String {
    let whole = Secret { body: 0..key.len() };
    let secret = shape::next(key, 0).unwrap_or(whole);
    let prefix = key.get(..secret.body.start).unwrap_or_default();
    let mut hasher = SipHasher13::new();
    hasher.write_u64(salt);
    hasher.write(key.as_bytes());
    let hash = hasher.finish() & 0xffff;
    format!("{prefix}…{}#{hash:04x}", last_four(secret.body_of(key)))
}

/// The name to keep for the key that `text` names: its fingerprint if it is (or
/// holds) key material, else `text` itself. Aliases, hashes and last-four
/// digits stay as they are.
#[must_use]
pub fn key_label(text: &str, salt: u64) -> Cow<'_, str> {
    if shape::is_key_material(text) {
        return Cow::Owned(fingerprint(text, salt));
    }
    mask(text)
}

/// The name to keep for somebody, or something, that `text` names: the fingerprint of a
/// key that stands in its place, so that two of them stay two, else `text` itself with
/// every credential in it masked.
#[must_use]
pub fn label(text: &str, salt: u64) -> Cow<'_, str> {
    if shape::is_vendors_key(text) == Some(true) {
        return Cow::Owned(fingerprint(text, salt));
    }
    mask(text)
}

fn last_four(secret: &str) -> &str {
    if secret.len() < SHOWS_END {
        return "";
    }
    let start = secret.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    secret.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made-up key material; no vendor ever issued anything like it.
    const BODY: &str = "Q7xWb2mK9rTfLp4Zs8Vd1Nc6Hy3Ja91f";

    #[test]
    fn key_material_becomes_a_fingerprint() {
        for (prefix, shown) in [
            ("sk-", "sk-"),
            ("sk-ant-api03-", "sk-ant-api03-"),
            ("sk-proj-", "sk-proj-"),
            ("xai-", "xai-"),
            ("gsk_", "gsk_"),
            ("AIza", "AIza"),
            ("ABSK", "ABSK"),
            ("ABSKab/cd+", "ABSK"),
            ("bedrock-api-key-", "bedrock-api-key-"),
            ("ghp_", "ghp_"),
            ("Bearer ", "Bearer "),
            ("Bearer sk-", "Bearer sk-"),
            ("", ""),
        ] {
            let label = key_label(&format!("{prefix}{BODY}"), 1).into_owned();
            let (start, hash) = label.split_once('#').unwrap();
            assert_eq!(start, format!("{shown}…a91f"), "{prefix}");
            assert!(hash.len() == 4 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
            assert_eq!(key_label(&label, 1), label, "a label is its own label");
        }
    }

    #[test]
    fn names_of_keys_stay() {
        for name in [
            "prod-web",
            "payments-prod",
            "task-force-4711-frontend",
            "disk-usage-alerts-2026",
            "7Qm2",
            "k1",
            "Payments-Production-EU-West-1-Batch",
            "0a577500-33be-4996-8d6f-17999c9993a3",
            "sk-...a91f",
            "0de476ee5299029ad4882e5b9f729d14aafd86f694fc1cdecc21c0c423cb5086",
            "apikey_01Rj2N8SVvo6BePZj99NhmiT",
            "hf_inference_prod_eu1",
            "fw_production_gateway",
            "canary ",
            "日本語のキー",
            "sk-prod",
            "",
            "…",
        ] {
            assert_eq!(key_label(name, 1), name);
        }
        assert!(matches!(mask("rate limit reached for gpt-4o in org-x"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_short_key_is_a_key_wherever_it_stands() {
        for key in ["sk-1234", "sk-1", "sk-master-1", "sk-ant-k1", "sk_test_7", "Bearer sk-1234"] {
            let secret = key.trim_start_matches("Bearer ").split_once(['-', '_']).unwrap().1;
            for kept in [key_label(key, 1), label(key, 1)] {
                assert!(kept.contains("…#") && !kept.contains(secret), "{key}: {kept}");
                assert_eq!(label(&kept, 1), kept);
            }
            let masked = mask(&format!("no key {key}, they said")).into_owned();
            assert!(!masked.contains(secret) && masked.ends_with("…, they said"), "{masked}");
        }
        assert_ne!(label("sk-1234", 1), label("sk-1235", 1), "two are two");
        for name in ["sk-prod", "sk-...a91f", "task-4711", "u-17", "disk-1", "sk-"] {
            assert_eq!((label(name, 1), key_label(name, 1)), (name.into(), name.into()));
        }
    }

    #[test]
    fn fingerprints_tell_keys_apart_and_differ_by_installation() {
        let (one, two) = (format!("sk-A{BODY}"), format!("sk-B{BODY}"));
        assert_ne!(fingerprint(&one, 1), fingerprint(&two, 1));
        assert_ne!(fingerprint(&one, 1), fingerprint(&one, 2));
        assert_eq!(fingerprint(&one, 1), fingerprint(&one, 1));
        assert_eq!(fingerprint("hunter2", 1).split('#').next(), Some("…"), "too short for an end");
    }

    #[test]
    fn secrets_in_text_are_masked_wherever_they_stand() {
        for (before, after) in [
            ("Incorrect API key provided: sk-", ". Find it at"),
            ("curl -H 'Authorization: Bearer ", "' https://x"),
            ("{\"x-api-key\":\"", "\"}"),
            ("{\\\"api_key\\\": \\\"", "\\\"}"),
            ("set-cookie: __cf_bm=", "; path=/"),
            ("GET /v1?key=", "&alt=sse"),
            ("https://user:", "@host/path"),
            ("OPENAI_API_KEY=", " failed"),
            ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", ""),
            ("-----BEGIN RSA PRIVATE KEY-----\n", "\n-----END RSA PRIVATE KEY-----"),
            ("két 日本 gsk_", " é"),
        ] {
            let text = format!("{before}{BODY}{after}");
            let masked = mask(&text).into_owned();
            assert!(!masked.contains(&BODY[..28]) && masked.contains('…'), "{masked}");
            assert!(masked.ends_with(after.trim_start_matches('\n')), "{masked}");
            assert_eq!(mask(&masked), masked, "a mask needs no mask");
        }
        let two = mask("sk-abcdefgh12345678 and sk-hgfedcba87654321").into_owned();
        assert_eq!(two, "sk-…5678 and sk-…4321");
        assert_eq!(mask("password=hunter2"), "password=…");
    }

    #[test]
    fn a_key_behind_an_escape_or_in_a_word_is_masked() {
        let key = format!("sk-proj-{BODY}");
        for before in [
            "openai%2F",
            "Bearer%20",
            "Bearer+",
            "key%3D",
            "line\\n",
            "k\\u003d",
            "say\\x22",
            "leaked",
            "x9",
        ] {
            let masked = mask(&format!("{before}{key} end")).into_owned();
            assert_eq!(masked, format!("{before}sk-proj-…a91f end"));
        }
        for before in ["Bearer%20", "api_key%3D", "dbPassword=", "\"SecretAccessKey\":\""] {
            let masked = mask(&format!("{before}{BODY}")).into_owned();
            assert_eq!(masked, format!("{before}…a91f"));
        }
        assert_eq!(mask("task-4711 disk-proj-4711-prod"), "task-4711 disk-proj-4711-prod");
    }

    #[test]
    fn keys_of_many_vendors_are_known() {
        // Shapes as their makers describe them; the characters are made up.
        let hex = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        let azure = format!("{0}{0}7xWb2mJQQJ99{BODY}", &BODY[..23]);
        let azure = &azure[..84];
        for (key, shown) in [
            (format!("lsv2_pt_{hex}_d44c85a3a8"), "lsv2_pt_"),
            (format!("sk_{hex}{hex}"), "sk_"),
            (format!("dapi{hex}"), "dapi"),
            ("ak-L8sfxLHMtlw4tUa5zGyYT6".to_owned(), "ak-"),
            (format!("sess-{BODY}"), "sess-"),
            (format!("tvly-{BODY}"), "tvly-"),
            (format!("hvs.{BODY}"), "hvs."),
            (format!("pypi-{BODY}"), "pypi-"),
            (format!("lin_api_{BODY}"), "lin_api_"),
            ("ync/xLdzIuJZIkTNoFcDJW4Gi9Y+tZ9hYfzHQwV3".to_owned(), ""),
            (azure.to_owned(), ""),
        ] {
            let label = key_label(&key, 1).into_owned();
            assert!(label.starts_with(&format!("{shown}…")), "{key}: {label}");
        }
        for name in ["as-needed-for-production1", "sk_prod_gateway_eu1", "dapi-prod", "fc-payments"]
        {
            assert_eq!((key_label(name, 1), mask(name)), (name.into(), name.into()));
        }
        assert_eq!(mask(&format!("as user {azure}, refused")).len(), "as user …".len() + 4 + 9);
    }

    /// Else whoever chooses a name chooses for how long it is looked through.
    #[test]
    fn a_long_text_is_looked_through_once() {
        for beginning in ["pa-", "key=", "api_key=a\"", "Bearer a "] {
            let text = beginning.repeat(100_000);
            assert!(mask(&text).len() <= text.len() + 100_000 * "…".len(), "{beginning}");
        }
        let long = format!("sk-proj-{}", BODY.repeat(1000));
        assert_eq!(mask(&format!("{long} end")), "sk-proj-…a91f end");
    }

    #[test]
    fn numbers_and_plain_words_are_no_secrets() {
        for text in [
            "max_tokens: 4096",
            "key=prod-web",
            "token: 12345678901234567890",
            "Bearer token is invalid",
            "tokens=128000",
            "monkey: abcdefghijklmnop1234",
            "the secret of success",
            "https://host:8080/x@y",
            "requests per min (RPM): Limit 500, Used 500",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
