//! The one name of a provider, however a log writes it. Each writer has a name of its own
//! for the same service, and what is said of a provider (a cap, a rule, a stop) must find
//! all of its calls. Knows no log format.

use std::borrow::Cow;

/// Names, each with what else is written for it: by OpenTelemetry's conventions, `LangChain`,
/// Vercel's SDK and gateways; in lower case, without what stands between words. Where `LiteLLM`
/// has a name, it is that one, since its switch looks for files by it.
const NAMES: &[(&str, &[&str])] = &[
    ("openai", &["openaichat", "openairesponses"]),
    ("anthropic", &[]),
    ("groq", &[]),
    ("cerebras", &[]),
    ("sambanova", &[]),
    ("deepinfra", &[]),
    ("replicate", &[]),
    ("baseten", &[]),
    ("ollama", &[]),
    ("vllm", &[]),
    ("hosted_vllm", &[]),
    ("sglang", &[]),
    ("lm_studio", &[]),
    ("llama_cpp", &[]),
    ("llamafile", &[]),
    ("localai", &[]),
    ("xinference", &[]),
    ("nvidia_nim", &[]),
    ("novita", &["novitaai"]),
    ("nebius", &["nebiusai"]),
    ("hyperbolic", &[]),
    ("friendliai", &[]),
    ("featherless_ai", &[]),
    ("anyscale", &[]),
    ("siliconflow", &[]),
    ("dashscope", &[]),
    ("volcengine", &[]),
    ("sagemaker", &["awssagemaker", "amazonsagemaker"]),
    ("azure", &["azureopenai", "azureaiopenai", "azaiopenai"]),
    ("azure_ai", &["azureaiinference", "azaiinference"]),
    ("bedrock", &["awsbedrock", "amazonbedrock", "bedrockconverse", "aws", "amazon"]),
    (
        "vertex_ai",
        &[
            "vertex",
            "gcpvertexai",
            "googlevertex",
            "googlevertexai",
            "vertexanthropic",
            "googlevertexanthropic",
        ],
    ),
    (
        "gemini",
        &[
            "google",
            "gcpgemini",
            "gcpgenai",
            "googlegemini",
            "googlegenai",
            "googlegla",
            "googlegenerativeai",
            "googleaistudio",
        ],
    ),
    ("xai", &["grok"]),
    ("mistral", &["mistralai"]),
    ("cohere", &["cohereai"]),
    ("deepseek", &["deepseekai"]),
    ("moonshot", &["moonshotai"]),
    ("perplexity", &["perplexityai"]),
    ("together_ai", &["together"]),
    ("fireworks_ai", &["fireworks"]),
    ("watsonx", &["watsonxai", "ibmwatsonx", "ibmwatsonxai"]),
    ("cloudflare", &["workersai", "cloudflareworkersai"]),
    ("huggingface", &[]),
    ("openrouter", &[]),
];

/// What Vercel's SDK puts behind the name of a provider and a dot: which API of it was
/// called. A gateway or a host may well be called so, too.
const APIS: &[&str] = &[
    "chat",
    "completion",
    "completions",
    "responses",
    "messages",
    "embedding",
    "embeddings",
    "image",
    "speech",
    "transcription",
];

/// The name of a provider that somebody calls `written`; of one that is not known, that
/// in lower case.
#[must_use]
pub fn name(written: &str) -> Cow<'_, str> {
    let service = written.rsplit_once('.').and_then(|(service, api)| {
        APIS.iter().any(|known| api.eq_ignore_ascii_case(known)).then(|| known(service))?
    });
    match service.or_else(|| known(written)) {
        Some(name) => Cow::Borrowed(name),
        None if written.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(written.to_ascii_lowercase())
        }
        None => Cow::Borrowed(written),
    }
}

/// Whether a name that [`name`] gave is of a provider that is known here.
#[must_use]
pub fn is_known(name: &str) -> bool {
    NAMES.iter().any(|(known, _)| *known == name)
}

/// The provider that a model's name begins with, as LiteLLM writes it: `groq/llama-3.3-70b`,
/// or as [`and_model`] reads it. Who made a model with open weights may have the same name,
/// and serves it not always.
#[must_use]
pub fn of_model(model: &str) -> Option<&'static str> {
    let (provider, name) = and_model(model).or_else(|| {
        let (prefix, name) = model.split_once('/')?;
        let (provider, _) = NAMES.iter().find(|(provider, _)| *provider == prefix)?;
        Some((*provider, name))
    })?;
    (!name.starts_with("gpt-oss")).then_some(provider)
}

/// Both parts of `openai:gpt-4o`, as Pydantic AI, LangChain and Vercel's SDK name a model. Of
/// names with a colon of their own (`llama3:8b`, `ft:gpt-4o:org::id`) none begins with a
/// provider but Ollama's `mistral:7b`, which is a family and a size.
#[must_use]
pub fn and_model(written: &str) -> Option<(&'static str, &str)> {
    let (prefix, model) = written.split_once(':')?;
    let provider = known(prefix)?;
    let names_a_model = provider != "mistral" || model.contains("tral");
    (names_a_model && !model.is_empty()).then_some((provider, model))
}

/// The name of one that is known.
fn known(written: &str) -> Option<&'static str> {
    let found = NAMES.iter().find(|(name, others)| {
        is_spelling(written, name) || others.iter().any(|other| is_spelling(written, other))
    });
    found.map(|(name, _)| *name)
}

/// Whether two texts are one word but for letter case and what stands between words.
fn is_spelling(text: &str, of: &str) -> bool {
    plain(text).eq(plain(of))
}

fn plain(text: &str) -> impl Iterator<Item = u8> {
    let letters = text.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b'.' | b' '));
    letters.map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_may_begin_with_its_provider() {
        for (model, provider) in [
            ("openai/gpt-4o", Some("openai")),
            ("groq/llama-3.3-70b-versatile", Some("groq")),
            ("vertex_ai/gemini-2.5-flash", Some("vertex_ai")),
            ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some("bedrock")),
            ("openrouter/openai/gpt-4o", Some("openrouter")),
            ("openai:gpt-4o", Some("openai")),
            ("openai-responses:gpt-5.4-mini", Some("openai")),
            ("google-gla:gemini-2.5-flash", Some("gemini")),
            ("google_vertexai:gemini-2.5-pro", Some("vertex_ai")),
            ("bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some("bedrock")),
            ("mistral:mistral-large-latest", Some("mistral")),
            ("mistralai:codestral-latest", Some("mistral")),
            ("openrouter:anthropic/claude-sonnet-4.5", Some("openrouter")),
            ("ollama:llama3:8b", Some("ollama")),
            // Names with a colon of their own.
            ("llama3:8b", None),
            ("mistral:7b", None),
            ("mistral:7b-instruct-v0.3-q4_0", None),
            ("mistral:latest", None),
            ("gpt-oss:20b", None),
            ("openai:gpt-oss-120b", None),
            ("anthropic.claude-3-sonnet-20240229-v1:0", None),
            ("cohere.command-r-v1:0", None),
            ("ft:gpt-4o:org::id", None),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-v1:0", None),
            ("deepseek/deepseek-r1:free", Some("deepseek")),
            ("openai:", None),
            // Makers of models that anybody serves, and other names of a router.
            ("openai/gpt-oss-120b", None),
            ("mistralai/Mistral-7B-Instruct", None),
            ("google/gemini-2.5-flash", None),
            ("Qwen/Qwen2.5-7B", None),
            ("gpt-4o", None),
        ] {
            assert_eq!(of_model(model), provider, "{model}");
        }
    }

    #[test]
    fn a_provider_has_one_name_however_it_is_written() {
        for (written, known) in [
            ("openai", "openai"),
            ("OpenAI", "openai"),
            ("OPENAI", "openai"),
            ("openai.chat", "openai"),
            ("openai.responses", "openai"),
            ("Anthropic", "anthropic"),
            ("anthropic.messages", "anthropic"),
            ("azure.ai.openai", "azure"),
            ("az.ai.openai", "azure"),
            ("azure-openai.chat", "azure"),
            ("Azure OpenAI", "azure"),
            ("azure.ai.inference", "azure_ai"),
            ("aws.bedrock", "bedrock"),
            ("amazon-bedrock", "bedrock"),
            ("Amazon Bedrock", "bedrock"),
            ("gcp.vertex_ai", "vertex_ai"),
            ("google.vertex.chat", "vertex_ai"),
            ("google_vertexai", "vertex_ai"),
            ("gcp.gemini", "gemini"),
            ("gcp.gen_ai", "gemini"),
            ("google.generative-ai", "gemini"),
            ("Google AI Studio", "gemini"),
            ("x_ai", "xai"),
            ("xAI", "xai"),
            ("mistral_ai", "mistral"),
            ("ibm.watsonx.ai", "watsonx"),
            ("Together", "together_ai"),
            ("groq.chat", "groq"),
            ("DeepSeek", "deepseek"),
            ("My-Router", "my-router"),
            ("gw.internal", "gw.internal"),
            ("acme.chat", "acme.chat"),
            ("LLM.Chat", "llm.chat"),
            (".chat", ".chat"),
            ("", ""),
        ] {
            assert_eq!(name(written), known, "{written}");
            assert_eq!(name(known), known, "{known} is a name");
        }
        // Names by which LiteLLM's switch looks for files.
        for known in ["vertex_ai", "azure_ai", "together_ai", "fireworks_ai", "cohere_chat"] {
            assert_eq!(name(known), known);
        }
    }
}
