//! What credentials look like.
//!
//! Three signs: a vendor's prefix, a word such as `password=` or `Bearer` in
//! front, or (for a text that is meant to name a key) sheer randomness. In
//! doubt a text is masked: a mask is a nuisance, a leak is not undone.

use std::ops::Range;

/// A credential found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// The bytes to hide; a vendor's prefix before them may be shown.
    pub(super) body: Range<usize>,
}

impl Secret {
    pub(super) fn body_of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.body.clone()).unwrap_or_default()
    }
}

/// How sure a prefix is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Nothing else starts like this: eight characters are enough, or a digit. A proxy's
    /// master key may be as short as its owner likes (`sk-1234`); words are names.
    Sure,
    /// Other names may start like this: the rest must look random.
    Likely,
}

/// Longer prefixes before the shorter ones they start with.
const VENDORS: [(&str, Sign); 46] = [
    ("sk-ant-api03-", Sign::Sure),
    ("sk-ant-admin01-", Sign::Sure),
    ("sk-ant-oat01-", Sign::Sure),
    ("sk-ant-", Sign::Sure),
    ("sk-proj-", Sign::Sure),
    ("sk-svcacct-", Sign::Sure),
    ("sk-admin-", Sign::Sure),
    ("sk-or-v1-", Sign::Sure),
    ("sk-lf-", Sign::Sure),
    ("sk-", Sign::Sure),
    ("sk_live_", Sign::Sure),
    ("sk_test_", Sign::Sure),
    ("rk_live_", Sign::Sure),
    ("AIza", Sign::Likely),
    ("AQ.Ab", Sign::Likely),
    ("ya29.", Sign::Likely),
    ("ABSK", Sign::Likely),
    ("bedrock-api-key-", Sign::Likely),
    ("xai-", Sign::Likely),
    ("gsk_", Sign::Likely),
    ("csk-", Sign::Likely),
    ("AKIA", Sign::Likely),
    ("ASIA", Sign::Likely),
    ("ghp_", Sign::Likely),
    ("gho_", Sign::Likely),
    ("ghu_", Sign::Likely),
    ("ghs_", Sign::Likely),
    ("ghr_", Sign::Likely),
    ("github_pat_", Sign::Likely),
    ("glpat-", Sign::Likely),
    ("hf_", Sign::Likely),
    ("r8_", Sign::Likely),
    ("pplx-", Sign::Likely),
    ("nvapi-", Sign::Likely),
    ("fw_", Sign::Likely),
    ("tgp_v1_", Sign::Likely),
    ("pa-", Sign::Likely),
    ("jina_", Sign::Likely),
    ("npm_", Sign::Likely),
    ("dop_v1_", Sign::Likely),
    ("SG.", Sign::Likely),
    ("xoxb-", Sign::Likely),
    ("xoxp-", Sign::Likely),
    ("xoxa-", Sign::Likely),
    ("xoxs-", Sign::Likely),
    ("eyJ", Sign::Likely),
];

/// Prefixes of keys that go on in base64.
const BASE64: [&str; 2] = ["ABSK", "bedrock-api-key-"];

/// Names whose value is a secret, before `=` or `:`.
const NAMES: [(&str, Sign); 24] = [
    ("password", Sign::Sure),
    ("passwd", Sign::Sure),
    ("pwd", Sign::Sure),
    ("secret", Sign::Sure),
    ("client_secret", Sign::Sure),
    ("secret_key", Sign::Sure),
    ("private_key", Sign::Sure),
    ("api_key", Sign::Sure),
    ("api-key", Sign::Sure),
    ("apikey", Sign::Sure),
    ("access_key", Sign::Sure),
    ("access_token", Sign::Sure),
    ("refresh_token", Sign::Sure),
    ("auth_token", Sign::Sure),
    ("id_token", Sign::Sure),
    ("session_token", Sign::Sure),
    ("security-token", Sign::Sure),
    ("authorization", Sign::Sure),
    ("__cf_bm", Sign::Sure),
    ("_cfuvid", Sign::Sure),
    ("signature", Sign::Likely),
    ("sig", Sign::Likely),
    ("token", Sign::Likely),
    ("key", Sign::Likely),
];

const SCHEMES: [&str; 2] = ["Bearer ", "Basic "];

/// The first credential in `text` from byte `from` on.
pub(super) fn next(text: &str, from: usize) -> Option<Secret> {
    let bytes = text.as_bytes();
    (from..bytes.len()).filter(|at| text.is_char_boundary(*at)).find_map(|at| {
        if text.get(at..)?.starts_with("://") {
            return in_url(text, at + 3);
        }
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        // Inside a word nothing starts: `task-4711` holds no `sk-4711`.
        if at > from && before.is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let body = behind_vendor(text, at)
            .or_else(|| behind_scheme(text, at))
            .or_else(|| behind_name(text, at))
            .or_else(|| private_key(text, at))?;
        Some(Secret { body })
    })
}

/// Whether `text` is a key by its vendor's prefix, and nothing else; `None` where it has
/// no such prefix.
pub(super) fn is_vendors_key(text: &str) -> Option<bool> {
    let body = behind_vendor(text, 0).or_else(|| behind_scheme(text, 0))?;
    Some(body.end == text.len())
}

/// Whether `text`, meant to name a key, is the key.
pub(super) fn is_key_material(text: &str) -> bool {
    if let Some(is_key) = is_vendors_key(text) {
        return is_key;
    }
    let token = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=.~".contains(&b));
    // 32 hexadecimal digits are a key (Azure's old ones); 40 and more are hashes.
    let short_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let mixed =
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    short_hex || (token && text.len() >= 32 && mixed && longest_run(text) >= 24)
}

fn behind_vendor(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let (prefix, sign) = VENDORS.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let start = at + prefix.len();
    let body = text.get(start..)?;
    let end = if BASE64.contains(prefix) { base64_len(body) } else { token_len(body) };
    let body = body.get(..end)?;
    let sure = match sign {
        Sign::Sure => body.len() >= 8 || is_short_key(body),
        Sign::Likely => body.len() >= 16 && looks_random(body),
    };
    sure.then(|| start..start + body.len())
}

/// Whether it is no word, and no end of a key that others have masked (`sk-...a91f`).
fn is_short_key(body: &str) -> bool {
    !body.starts_with('.') && body.bytes().any(|byte| byte.is_ascii_digit())
}

fn behind_scheme(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let scheme = SCHEMES.iter().find(|scheme| starts_with(rest, scheme))?;
    let start = at + scheme.len();
    if let Some(body) = behind_vendor(text, start) {
        return Some(body);
    }
    let body = value(text.get(start..)?);
    let word = body.len() < 16 && body.bytes().all(|byte| byte.is_ascii_lowercase());
    (body.len() >= 8 && !word).then(|| start..start + body.len())
}

fn behind_name(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let named = |(name, _): &&(&str, Sign)| {
        let after = rest.as_bytes().get(name.len());
        starts_with(rest, name) && after.is_some_and(|byte| !byte.is_ascii_alphanumeric())
    };
    NAMES.iter().filter(named).find_map(|(name, sign)| {
        let after = rest.get(name.len()..)?.trim_start_matches(['"', '\'', '\\', ' ']);
        let after = after.strip_prefix(['=', ':'])?;
        let after = after.trim_start_matches(['"', '\'', '\\', ' ']);
        let start = text.len() - after.len();
        if SCHEMES.iter().any(|scheme| starts_with(after, scheme)) {
            return behind_scheme(text, start);
        }
        if let Some(body) = behind_vendor(text, start) {
            return Some(body);
        }
        let body = value(after);
        let sure = match sign {
            Sign::Sure => body.len() >= 4,
            Sign::Likely => body.len() >= 16 && looks_random(body),
        };
        sure.then(|| start..start + body.len())
    })
}

/// The password in `https://user:password@host`, seen from behind the slashes.
fn in_url(text: &str, start: usize) -> Option<Secret> {
    let rest = text.get(start..)?;
    let end = rest.find(|ch: char| ch.is_whitespace() || "/?#\"'".contains(ch));
    let (login, _) = rest.get(..end.unwrap_or(rest.len()))?.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let body = start + user.len() + 1..start + login.len();
    (!password.is_empty() && !is_masked(password)).then_some(Secret { body })
}

fn private_key(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let (head, body) = rest.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let start = text.len() - body.len();
    let end = body.find("-----END").map_or(text.len(), |end| start + end);
    (head.ends_with("PRIVATE KEY") && !is_masked(body)).then_some(start..end)
}

fn starts_with(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

fn token_len(text: &str) -> usize {
    let end = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    let token = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    token.trim_end_matches('.').len()
}

fn base64_len(text: &str) -> usize {
    let end = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
    end.unwrap_or(text.len())
}

/// The value up to a space, quote, or separator; nothing if it is masked already.
fn value(text: &str) -> &str {
    if is_masked(text) {
        return "";
    }
    let ends = |ch: char| ch.is_whitespace() || "\"'\\,;&<>(){}[]".contains(ch);
    text.split(ends).next().unwrap_or_default()
}

fn is_masked(text: &str) -> bool {
    let body = VENDORS.iter().find_map(|(prefix, _)| text.strip_prefix(prefix));
    body.unwrap_or(text).starts_with('…')
}

fn looks_random(body: &str) -> bool {
    let has = |is: fn(&u8) -> bool| body.as_bytes().iter().any(is);
    let run = longest_run(body);
    has(u8::is_ascii_alphabetic) && (run >= 16 || (run >= 10 && has(u8::is_ascii_digit)))
}

/// Longest stretch of letters and digits: words in aliases have separators.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|ch: char| !ch.is_ascii_alphanumeric());
    runs.map(str::len).max().unwrap_or(0)
}
