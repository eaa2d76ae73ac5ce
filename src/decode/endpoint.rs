//! Which paths are endpoints of language models' APIs, wherever a gateway mounts them:
//! `/v1/chat/completions`, `/openai/deployments/x/embeddings`, `/v1beta/models/x:generateContent`.
//! Knows no log format; a path that is not known may still be one.

/// Last segments that no other API has, whatever stands before them.
const PLAIN: &[&str] = &[
    "completions",
    "embeddings",
    "moderations",
    "rerank",
    "converse",
    "converse-stream",
    "invoke-with-response-stream",
    "generate_stream",
    "infill",
];
/// Last segments that need another one of such an API right before them.
const BEHIND: &[(&str, &[&str])] = &[
    ("generations", &["images"]),
    ("edits", &["images"]),
    ("variations", &["images"]),
    ("speech", &["audio"]),
    ("transcriptions", &["audio"]),
    ("translations", &["audio"]),
    ("chat", &["api"]),
    ("generate", &["api"]),
    ("embed", &["api"]),
];
/// Last segments that are words of many APIs: behind a provider's name they are these.
const BEHIND_PROVIDER: &[&str] = &["messages", "responses", "chat", "completion", "generate"];
const PROVIDERS: &[&str] = &[
    "openai",
    "anthropic",
    "azure",
    "bedrock",
    "vertex",
    "vertex-ai",
    "vertex_ai",
    "gemini",
    "mistral",
    "cohere",
    "groq",
    "deepseek",
    "openrouter",
    "together",
    "fireworks",
    "xai",
    "perplexity",
    "ollama",
    "vllm",
    "litellm",
];
/// What an API of models answers without a model.
const LISTS: &[&str] =
    &["models", "files", "batches", "vector_stores", "uploads", "jobs", "count_tokens", "tokenize"];
/// What any API answers.
const STATES: &[&str] = &[
    "organization",
    "usage",
    "costs",
    "key",
    "keys",
    "credits",
    "health",
    "healthz",
    "ready",
    "readyz",
    "live",
    "livez",
    "ping",
    "status",
    "version",
    "metrics",
    "info",
];
/// What holds calls by their ids, to be asked for later.
const RESULTS: &[&str] = &[
    "responses",
    "completions",
    "messages",
    "batches",
    "runs",
    "predictions",
    "operations",
    "videos",
];
/// Methods of Google's API, behind the model and a colon.
const METHODS: &[&str] = &[
    "generateContent",
    "streamGenerateContent",
    "embedContent",
    "batchEmbedContents",
    "predict",
    "rawPredict",
    "streamRawPredict",
    "serverStreamingPredict",
];

/// Methods of Bedrock, behind the model and a slash.
const OF_BEDROCK: &[&str] =
    &["converse", "converse-stream", "invoke", "invoke-with-response-stream"];

/// What a request's method is to an API of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `POST` calls a model; of words that are no methods nobody knows.
    Calls,
    /// `GET` may ask what became of an earlier call.
    Gets,
    /// All others: a browser asks whether a call would be allowed, something is deleted.
    Asks,
}

impl Method {
    pub(super) fn of(word: &str) -> Method {
        let others = ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"];
        match word {
            get if get.eq_ignore_ascii_case("GET") => Method::Gets,
            other if others.iter().any(|known| other.eq_ignore_ascii_case(known)) => Method::Asks,
            _ => Method::Calls,
        }
    }

    /// Whether a request for the path of a URL or a request line calls no model, though it
    /// is of an API that may have some.
    pub(super) fn only_asks(self, text: &str) -> bool {
        let path = path_of(text);
        match self {
            Method::Calls => false,
            Method::Gets => is_of_a_result(path),
            Method::Asks => is_of_an_api(path),
        }
    }
}

/// Whether it is of an API that may have models, as far as a path tells.
fn is_of_an_api(path: &str) -> bool {
    is_of_models(path) || path.split('/').any(is_version)
}

/// Whether it is of what an API of models has beside them, as their list: it calls none,
/// but who is refused there is refused by that API.
pub(super) fn is_beside_models(text: &str) -> bool {
    let path = path_of(text);
    let mut segments = path.split('/').skip_while(|segment| !is_version(segment)).skip(1);
    segments.next().is_some_and(|first| LISTS.contains(&first) || RESULTS.contains(&first))
}

/// Whether it is what became of an earlier call (`/v1/responses/ID`), or a part of that.
fn is_of_a_result(path: &str) -> bool {
    let above = path.trim_end_matches('/').rsplit('/').skip(1).take(2);
    above.into_iter().any(|segment| RESULTS.contains(&segment))
}

/// Whether the path of a URL or a request line (`POST /v1/messages HTTP/1.1`) is one of them.
pub(super) fn is_of_models(text: &str) -> bool {
    let path = path_of(text);
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let (last, before) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    if let Some((_, method)) = last.rsplit_once(':') {
        return METHODS.contains(&method);
    }
    let mut of_a_model =
        || segments.next().is_some_and(|word| matches!(word, "model" | "models" | "endpoints"));
    PLAIN.contains(&last)
        || BEHIND.iter().any(|(word, parents)| *word == last && parents.contains(&before))
        || (BEHIND_PROVIDER.contains(&last) && PROVIDERS.contains(&before))
        || (matches!(last, "invoke" | "invocations") && of_a_model())
        || is_versioned(path)
}

/// The model that a path names, as those of Bedrock (`/model/NAME/converse`) and of Google
/// (`/models/NAME:generateContent`) do.
pub(super) fn model(text: &str) -> Option<String> {
    let mut segments = path_of(text).trim_end_matches('/').rsplit('/');
    let last = segments.next()?;
    let (name, above) = match last.rsplit_once(':') {
        Some((name, method)) if METHODS.contains(&method) => (name, "models"),
        None if OF_BEDROCK.contains(&last) => (segments.next()?, "model"),
        _ => return None,
    };
    (segments.next()? == above && !name.is_empty()).then(|| unescaped(name))?
}

/// `v1%3A0` is `v1:0`.
fn unescaped(segment: &str) -> Option<String> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, behind) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(behind.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The path of a URL or a request line.
fn path_of(text: &str) -> &str {
    let path = text.split(' ').find(|word| word.contains('/')).unwrap_or(text);
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Whether it is of an API with a version, as those of models are: `/v1/ask`. What may be
/// a call counts; lists, states and files are none.
fn is_versioned(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let has_version = segments.by_ref().take(4).any(is_version);
    let mut behind = segments.peekable();
    has_version
        && behind.peek().is_some()
        && !behind.any(|segment| {
            LISTS.contains(&segment) || STATES.contains(&segment) || segment.contains('.')
        })
}

/// `v1`, `v1beta`, `v2.1`
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_an_api_calls_no_model() {
        for (method, path) in [
            ("OPTIONS", "/v1/chat/completions"),
            ("options", "https://api.openai.com/v1/chat/completions"),
            ("GET", "/v1/responses/resp_1"),
            ("GET", "/v1/chat/completions/chatcmpl-1/messages"),
            ("GET", "/v1/messages/batches/b/results"),
            ("GET", "/v1/messages/stream"),
            ("HEAD", "/api/generate"),
            ("DELETE", "/v1/messages/batches/x"),
        ] {
            assert!(Method::of(method).only_asks(path), "{method} {path}");
        }
        for (method, path) in [
            ("POST", "/v1/chat/completions"),
            ("GET", "/v1/realtime?model=gpt-realtime"),
            // What a person asks a gateway whether it stops.
            ("GET", "/v1/models"),
            ("GET", "/v1/chat/completions"),
            ("GET", "/ask"),
            ("generate", "/v1/chat/completions"),
            ("", "/v1/chat/completions"),
        ] {
            assert!(!Method::of(method).only_asks(path), "{method} {path}");
        }
    }

    #[test]
    fn what_an_api_has_beside_its_models_is_known() {
        for path in [
            "/v1/models",
            "/openai/v1/models/gpt-4o",
            "/v1/files",
            "/v1/batches/batch_1",
            "/v1/messages/count_tokens",
            "https://api.anthropic.com/v1/messages/batches/b?x=1",
        ] {
            assert!(is_beside_models(path), "{path}");
        }
        for path in ["/v1/health", "/v1/users", "/models", "/v1", "/files/v1", "/metrics", ""] {
            assert!(!is_beside_models(path), "{path}");
        }
    }

    #[test]
    fn endpoints_are_known_wherever_they_are_mounted() {
        for path in [
            "/v1/chat/completions",
            "/llm/v1/chat/completions/",
            "/openai/deployments/x/chat/completions?api-version=2026-01-01",
            "/bedrock/model/anthropic.claude-v2/invoke",
            "/model/arn%3Aaws%3Abedrock/converse-stream",
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "/v1/projects/p/locations/l/publishers/google/models/x:rawPredict",
            "POST /anthropic/v1/messages HTTP/1.1",
            "https://api.openai.com/v1/chat/completions",
            "/anthropic/messages",
            "/v1/responses",
            "/v1/images/generations",
            "/v1/audio/transcriptions",
            "/v2/chat",
            "/api/generate",
            "/endpoints/llama/invocations",
            "/v1/rerank",
            "/v1/ask",
            "/team/llm/v2/answers/stream",
        ] {
            assert!(is_of_models(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/healthz",
            "/health/readiness",
            "/favicon.ico",
            "/static/app.js",
            "/metrics",
            "/v1/models",
            "/v1/messages/count_tokens",
            "/v1",
            "/v1/health/live",
            "/assets/v2/app.js",
            "/inbox/messages",
            "/api/orders",
            "/v1/files",
            "/ask",
            "/chat",
            "/time/12:30",
            "/lambda/invoke",
        ] {
            assert!(!is_of_models(path), "{path}");
        }
    }
}
