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
    /// Words start like this: the rest must be one piece, and no word.
    Vague,
}

/// Longer prefixes before the shorter ones they start with.
const VENDORS: &[(&str, Sign)] = &[
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
    ("sk_", Sign::Vague),
    ("sess-", Sign::Likely),
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
    ("xapp-", Sign::Likely),
    ("eyJ", Sign::Likely),
    ("lsv2_pt_", Sign::Likely),
    ("lsv2_sk_", Sign::Likely),
    ("dapi", Sign::Vague),
    ("ak-", Sign::Vague),
    ("as-", Sign::Vague),
    ("tvly-", Sign::Likely),
    ("fc-", Sign::Vague),
    ("pcsk_", Sign::Likely),
    ("vck_", Sign::Likely),
    ("rpa_", Sign::Likely),
    ("hvs.", Sign::Likely),
    ("hvb.", Sign::Likely),
    ("pypi-", Sign::Likely),
    ("dckr_pat_", Sign::Likely),
    ("tskey-", Sign::Likely),
    ("ntn_", Sign::Likely),
    ("lin_api_", Sign::Likely),
    ("glsa_", Sign::Likely),
    ("glc_", Sign::Likely),
    ("whsec_", Sign::Likely),
];

/// Prefixes of keys that go on in base64.
const BASE64: [&str; 2] = ["ABSK", "bedrock-api-key-"];

/// Names whose value is a secret, before `=` or `:`; without the `_` and `-` that may
/// stand between their words.
const NAMES: &[(&str, Sign)] = &[
    ("password", Sign::Sure),
    ("passwd", Sign::Sure),
    ("pwd", Sign::Sure),
    ("passphrase", Sign::Sure),
    ("secret", Sign::Sure),
    ("clientsecret", Sign::Sure),
    ("secretkey", Sign::Sure),
    ("secretaccesskey", Sign::Sure),
    ("privatekey", Sign::Sure),
    ("apikey", Sign::Sure),
    ("accesskey", Sign::Sure),
    ("accountkey", Sign::Sure),
    ("accesstoken", Sign::Sure),
    ("refreshtoken", Sign::Sure),
    ("authtoken", Sign::Sure),
    ("idtoken", Sign::Sure),
    ("sessiontoken", Sign::Sure),
    ("securitytoken", Sign::Sure),
    ("authorization", Sign::Sure),
    ("cfbm", Sign::Sure),
    ("cfuvid", Sign::Sure),
    ("signature", Sign::Likely),
    ("sig", Sign::Likely),
    ("token", Sign::Likely),
    ("key", Sign::Likely),
];

const SCHEMES: [&str; 2] = ["Bearer", "Basic"];

/// Bytes by which a credential is known.
const NEAR: usize = 512;

/// What stands between a scheme and its credential, also in a URL.
const SPACES: [&str; 3] = [" ", "%20", "+"];

/// What stands between a name and its value, also in a URL.
const ASSIGNS: [&str; 6] = ["=", ":", "%3D", "%3d", "%3A", "%3a"];

/// The first credential in `text` from byte `from` on.
pub(super) fn next(text: &str, from: usize) -> Option<Secret> {
    (from..text.len()).filter(|at| text.is_char_boundary(*at)).find_map(|at| {
        if text.get(at..)?.starts_with("://") {
            return in_url(text, at + 3);
        }
        let body = match beginning(text, from, at) {
            Beginning::Word => behind_vendor(text, at)
                .or_else(|| behind_scheme(text, at))
                .or_else(|| behind_name(text, at))
                .or_else(|| private_key(text, at))
                .or_else(|| azure_key(text, at)),
            Beginning::Hump => behind_name(text, at),
            Beginning::Nothing => within_word(text, at),
        };
        Some(Secret { body: body? })
    })
}

/// What begins at a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Word,
    /// A word within a word, as in `dbPassword`.
    Hump,
    /// Nothing starts inside a word: `task-4711` holds no `sk-4711`.
    Nothing,
}

fn beginning(text: &str, from: usize, at: usize) -> Beginning {
    let bytes = text.as_bytes();
    let Some(before) = bytes.get(from..at).filter(|before| !before.is_empty()) else {
        return Beginning::Word;
    };
    let is_in_word = before.last().is_some_and(u8::is_ascii_alphanumeric);
    if !is_in_word || is_behind_escape(before) {
        return Beginning::Word;
    }
    let is_lower = before.last().is_some_and(u8::is_ascii_lowercase);
    let is_hump = is_lower && bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    if is_hump { Beginning::Hump } else { Beginning::Nothing }
}

/// Whether a text ends with an escape: `%20`, `\n`, `\x22`, `\u003d`.
fn is_behind_escape(before: &[u8]) -> bool {
    let is = |mark: &[u8], digits: usize| {
        let Some((head, tail)) = before.len().checked_sub(digits).map(|at| before.split_at(at))
        else {
            return false;
        };
        head.ends_with(mark) && tail.iter().all(u8::is_ascii_hexdigit)
    };
    let is_letter = matches!(before, [.., b'\\', b'n' | b'r' | b't' | b'f' | b'b' | b'v']);
    is_letter || is(b"%", 2) || is(b"\\x", 2) || is(b"\\u", 4)
}

/// A key behind letters of something else. What starts so plainly and goes on so long is
/// nothing else.
fn within_word(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let is_plain = |(prefix, sign): &&(&str, Sign)| {
        *sign == Sign::Sure && prefix.len() >= 7 && rest.starts_with(prefix)
    };
    VENDORS.iter().find(is_plain)?;
    behind_vendor(text, at)
        .filter(|body| body.len() >= 20 && text.get(body.clone()).is_some_and(looks_random))
}

/// Whether `text` is a key by its vendor's prefix, and nothing else; `None` where it has
/// no such prefix.
pub(super) fn is_vendors_key(text: &str) -> Option<bool> {
    let body =
        behind_vendor(text, 0).or_else(|| behind_scheme(text, 0)).or_else(|| azure_key(text, 0))?;
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
    // AWS's secrets are 40 characters of base64, in whose midst a slash may stand.
    let is_base64 = text.len() == 40 && base64_len(text) == 40;
    let is_long = token && text.len() >= 32 && longest_run(text) >= 24;
    short_hex || (mixed && (is_base64 || is_long))
}

fn behind_vendor(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let (prefix, sign) = VENDORS.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let start = at + prefix.len();
    let body = text.get(start..)?;
    let len_of = if BASE64.contains(prefix) { base64_len } else { token_len };
    let near = near(body);
    let near = near.get(..len_of(near))?;
    let sure = match sign {
        Sign::Sure => near.len() >= 8 || is_short_key(near),
        Sign::Likely => near.len() >= 16 && looks_random(near),
        Sign::Vague => longest_run(near) >= 20 && near.bytes().any(|b| b.is_ascii_digit()),
    };
    sure.then(|| start..start + len_of(body))
}

/// As much of a text as tells what it begins with: a long one is looked through once,
/// not from each of its words on.
fn near(text: &str) -> &str {
    (0..=NEAR.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or(text)
}

/// Whether it is no word, and no end of a key that others have masked (`sk-...a91f`).
fn is_short_key(body: &str) -> bool {
    !body.starts_with('.') && body.bytes().any(|byte| byte.is_ascii_digit())
}

fn behind_scheme(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at + scheme_len(text.get(at..)?)?;
    if let Some(body) = behind_vendor(text, start) {
        return Some(body);
    }
    let body = text.get(start..)?;
    let near = value(near(body));
    let word = near.len() < 16 && near.bytes().all(|byte| byte.is_ascii_lowercase());
    (near.len() >= 8 && !word).then(|| start..start + value(body).len())
}

fn behind_name(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    NAMES.iter().find_map(|(name, sign)| {
        let after = behind_words(rest, name)?.trim_start_matches(['"', '\'', '\\', ' ']);
        let after = ASSIGNS.iter().find_map(|assign| after.strip_prefix(assign))?;
        let after = after.trim_start_matches(['"', '\'', '\\', ' ']);
        let start = text.len() - after.len();
        if scheme_len(after).is_some() {
            return behind_scheme(text, start);
        }
        if let Some(body) = behind_vendor(text, start) {
            return Some(body);
        }
        let near = value(near(after));
        let sure = match sign {
            Sign::Sure => near.len() >= 4,
            Sign::Likely | Sign::Vague => near.len() >= 16 && looks_random(near),
        };
        sure.then(|| start..start + value(after).len())
    })
}

/// What follows on a name whose words may be apart, if it ends there.
fn behind_words<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for (read, letter) in name.bytes().enumerate() {
        if read > 0 && matches!(bytes.get(at), Some(b'_' | b'-')) {
            at += 1;
        }
        if !bytes.get(at)?.eq_ignore_ascii_case(&letter) {
            return None;
        }
        at += 1;
    }
    let ends = bytes.get(at).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    text.get(at..).filter(|_| ends)
}

/// How long a scheme and the space behind it are.
fn scheme_len(text: &str) -> Option<usize> {
    let scheme = SCHEMES.iter().find(|scheme| starts_with(text, scheme))?;
    let space = SPACES
        .iter()
        .find(|space| text.get(scheme.len()..).is_some_and(|after| after.starts_with(**space)))?;
    Some(scheme.len() + space.len())
}

/// A key of Azure: 84 letters and digits with a mark of their own in the midst.
fn azure_key(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let len = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let is_marked = rest.get(52..).is_some_and(|tail| tail.starts_with("JQQJ99"));
    (len == 84 && is_marked).then_some(at..at + len)
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
