//! Every table and key of the configuration, once: names, defaults and meaning.
//! Unknown keys, "did you mean", `config show` and `config schema` come from
//! here, and tests hold `config.toml.example` to it.

use std::fmt::Write;

/// A table of the configuration.
pub struct Table {
    /// Its name; empty for the keys at the top of the file.
    pub name: &'static str,
    /// How it is written.
    pub shape: Shape,
    /// What it is for.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Keys at the top of the file.
    Top,
    /// `[name]`, once.
    One,
    /// `[[name]]`, any number of times.
    Many,
    /// `[name."something"]`, any number of times.
    Named,
}

/// A key.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds, in words.
    pub holds: &'static str,
    /// Default as TOML, where there is one.
    pub default: Option<&'static str>,
    /// What it does.
    pub about: &'static str,
}

/// All of it.
pub const TABLES: &[Table] = &[
    TOP,
    BUILTIN_RULES,
    SWITCH,
    ENGINE,
    LEDGER,
    SERVE,
    DISPLAY,
    SOURCE,
    FORMAT,
    SCRAPE_MAP,
    CAP,
    RULE,
    PRICE,
];

pub(super) const TOP: Table = Table {
    name: "",
    shape: Shape::Top,
    about: "Keys at the top of the file, before any table.",
    keys: &[
        key("config_version", "1", Some("1"), "Version of this file's language."),
        key("timezone", "IANA name", Some("\"UTC\""), "Where days and months of spend begin."),
        key(
            "state_dir",
            "absolute path",
            None,
            "Where state is kept; else $XDG_STATE_HOME/tripline.",
        ),
    ],
};

pub(super) const BUILTIN_RULES: Table = Table {
    name: "builtin_rules",
    shape: Shape::One,
    about: "The rules that need no configuration. None of them stops traffic.",
    keys: &[key("enabled", "boolean", Some("true"), "Whether they are on.")],
};

pub(super) const SWITCH: Table = Table {
    name: "switch",
    shape: Shape::One,
    about: "The kill switch: a directory that gateways look into.",
    keys: &[
        key("dir", "absolute path", None, "The directory; else kill.d in the state directory."),
        key("armed", "boolean", Some("false"), "Whether rules may trip it by themselves."),
        key(
            "allow_network_fs",
            "name",
            None,
            "Accept a directory on this network file system, such as \"nfs\".",
        ),
        key(
            "obey_grace",
            "duration",
            Some("\"1s\""),
            "Time a gateway has to see a trip before calls count as not obeying.",
        ),
    ],
};

pub(super) const ENGINE: Table = Table {
    name: "engine",
    shape: Shape::One,
    about: "Which evidence counts.",
    keys: &[
        key(
            "max_age",
            "duration",
            Some("\"2m\""),
            "Lines older than this count into totals but never trip.",
        ),
        key(
            "silent_after",
            "duration",
            Some("\"5m\""),
            "A source without a line for this long is silent.",
        ),
        key(
            "max_request_usd",
            "dollars",
            Some("1000"),
            "One call that costs more is suspect: set aside and alarmed.",
        ),
    ],
};

pub(super) const LEDGER: Table = Table {
    name: "ledger",
    shape: Shape::One,
    about: "What was spent, kept over restarts, with how far each log is read.",
    keys: &[
        key(
            "enabled",
            "boolean",
            Some("true"),
            "Whether `serve`, and the console and `watch` over configured sources, keep it.",
        ),
        key("dir", "absolute path", None, "Where ledger.db is; else the state directory."),
    ],
};

pub(super) const SERVE: Table = Table {
    name: "serve",
    shape: Shape::One,
    about: "`tripline serve`: the engine without a screen.",
    keys: &[key(
        "socket",
        "absolute path",
        None,
        "Where `status` asks; else $XDG_RUNTIME_DIR/tripline.sock, else tripline.sock in the state directory.",
    )],
};

pub(super) const DISPLAY: Table = Table {
    name: "display",
    shape: Shape::One,
    about: "The console.",
    keys: &[
        key(
            "ascii",
            "auto|always|never",
            Some("\"auto\""),
            "Draw with ASCII only; auto asks the locale.",
        ),
        key("color", "auto|always|never", Some("\"auto\""), "Use colour; auto obeys NO_COLOR."),
        key("utc", "boolean", Some("false"), "Show times in UTC instead of `timezone`."),
        key("fps", "1 to 30", Some("4"), "Frames a second at most."),
        key("mouse", "boolean", Some("false"), "Take mouse clicks and wheel from the terminal."),
        key("read_only", "boolean", Some("false"), "Refuse everything that changes something."),
    ],
};

pub(super) const SOURCE: Table = Table {
    name: "source",
    shape: Shape::Many,
    about: "What is read: log files, or something that is asked over the network.",
    keys: &[
        key(
            "name",
            "name",
            None,
            "Unique; the first path, unit, address or the command where absent.",
        ),
        key(
            "kind",
            "file|command|journald|probe|scrape|poll|redis",
            Some("\"file\""),
            "How it is read: log files, a command's output, the system's journal, a request whose answer's headers count, a page of metrics, an API's numbers, queues in Redis.",
        ),
        key(
            "paths",
            "list of paths",
            None,
            "Files, directories, globs, or one named pipe; \"-\" is standard input. Relative to this file.",
        ),
        key(
            "olddir",
            "path",
            None,
            "Where rotation moves files to, if not beside them (logrotate: `olddir`).",
        ),
        key(
            "command",
            "list of words",
            None,
            "A program and its arguments, without a shell; started again when it ends.",
        ),
        key("units", "list of names", None, "Units of the journal, such as \"litellm.service\"."),
        key("format", "format name", None, "Format of the lines; detected where absent."),
        key("timezone", "IANA name", None, "Zone of times that carry none; UTC where absent."),
        key("host", "name", None, "Host label; the machine's own name where absent."),
        key("provider", "name", None, "Provider of calls whose line names none."),
        key("environment", "name", None, "Environment of calls whose line names none."),
        key("account", "name", None, "Account of calls whose line names none."),
        key(
            "start",
            "beginning|end",
            Some("\"beginning\""),
            "Where to start in a file that has content; in the journal, \"end\" where absent.",
        ),
        key(
            "silent_after",
            "duration",
            None,
            "How long it may say nothing; else `silent_after` of [engine].",
        ),
        key(
            "count",
            "boolean",
            Some("true"),
            "false where another source counts the same calls: only limits are read.",
        ),
        key("url", "address", None, "What is asked: https, or http on this machine; redis://."),
        key("api", "openai-costs|anthropic-cost|…", None, "Which API is polled."),
        key(
            "allow_plain",
            "boolean",
            Some("false"),
            "Unencrypted to another machine, where no key is sent.",
        ),
        key("user", "name", None, "The user to log in to a Redis as."),
        key("password", "secret", None, "A Redis's: { env }, { file } or { command }."),
        key(
            "queues",
            "list of queues",
            None,
            "Queues in a Redis: { key, name, priority, type, convention, group }.",
        ),
        key(
            "headers",
            "headers",
            None,
            "Sent with a question. A key is { env }, { file } or { command }, with a `prefix`.",
        ),
        key("method", "GET|POST", None, "How a probe asks; POST where it has a body."),
        key("body", "text", None, "What a probe sends."),
        key(
            "every",
            "duration",
            None,
            "Time between two questions; 10m for a probe, 10s for a scrape and Redis, 1m to 10m for a poll.",
        ),
        key("max_per_day", "1 to 100000", Some("144"), "Requests of a probe in a UTC day."),
        key("max_usd_per_day", "dollars", Some("0.10"), "What a probe may cost in a UTC day."),
        key("key", "name", Some("\"tripline-probe\""), "The key a probe's calls are shown under."),
    ],
};

pub(super) const SCRAPE_MAP: Table = Table {
    name: "scrape.map",
    shape: Shape::Many,
    about: "What a metric of a scraped page means, before the shipped maps.",
    keys: &[
        key("metric", "name or list of names", None, "The metric; several where it was renamed."),
        key("where", "labels", None, "Only samples with these labels."),
        key(
            "queue",
            "depth|running|oldest_age_s|enqueued_total|dequeued_total|dropped_total",
            None,
            "It is this of a queue.",
        ),
        key("name", "text or list", None, "Name of the queue; {label} is a label's value."),
        key("limit", "limit|remaining|used|used_ratio|reset_in_s", None, "It is this of a limit."),
        key("resource", "requests|tokens|spend|…", None, "What the limit counts."),
        key("layer", "upstream|gateway|unknown", None, "Whose limit it is."),
        key("scope", "org|project|model|key|team|user|…", None, "What it is counted over."),
        key("provider", "text or list", None, "Provider of the limit; {label} is a label's value."),
        key("model", "text or list", None, "Model of the limit."),
        key("subject", "text or list", None, "Key, team or user of the limit."),
        key("window_s", "whole number", None, "Seconds of the limit's window."),
        key(
            "echo",
            "boolean",
            Some("false"),
            "Somebody else's last word: it is news only when it changes.",
        ),
        key("show", "name", None, "It is a metric of its own, shown under this name."),
        key(
            "labels",
            "list of labels",
            None,
            "Labels that a metric of its own keeps; all where absent.",
        ),
        key(
            "combine",
            "sum|min|max",
            None,
            "What becomes of samples that nothing else tells apart; sum, of limits min.",
        ),
        key("scale", "number", None, "The value is multiplied by this."),
    ],
};

pub(super) const FORMAT: Table = Table {
    name: "format",
    shape: Shape::Many,
    about: "Formats of your own; a shipped format of the same id is replaced. \
            docs/FORMATS.md has the whole language.",
    keys: &[
        key("id", "name", None, "Name of the format."),
        key("about", "text", None, "What it is, for `tripline formats`."),
        key(
            "input",
            "jsonl|logfmt|regex|http-dump",
            Some("\"jsonl\""),
            "How lines become records.",
        ),
        key("patterns", "list of regexes", None, "Of `regex`: each named group is a field."),
        key("pairs", "list of names", None, "Groups of `patterns` that hold `key=value` pairs."),
        key("literals", "list of names", None, "Groups that hold what Python or Node prints."),
        key("mixed", "boolean", Some("false"), "Whether the log has lines for people as well."),
        key(
            "explode",
            "path",
            None,
            "An array, or with `{}` an object, whose elements are records.",
        ),
        key("detect", "list of paths", None, "A line with all of them is of this format."),
        key("detect_eq", "paths and values", None, "What some of its fields hold."),
        key("detect_re", "paths and regexes", None, "What paths of `detect` look like."),
        key("reject", "list of paths", None, "A line with any of them is of another format."),
        key("keep", "list of conditions", None, "Only such lines are of interest."),
        key("ignore", "list of conditions", None, "Lines of no interest."),
        key("queue", "list of conditions", None, "Lines that are queue readings."),
        key("timezone", "IANA name", None, "Zone of times that carry none; UTC where absent."),
        key(
            "dedup",
            "first|last|max:output_tokens",
            Some("\"first\""),
            "Which of the lines with one `dedup_key` counts.",
        ),
        key(
            "trusted_id",
            "boolean",
            None,
            "Whether (else not) an id alone makes lines equal: only where no client chooses it.",
        ),
        key(
            "id_space",
            "string",
            None,
            "Formats with the same word here have the same ids: their lines may tell of one call.",
        ),
        key("count", "boolean", Some("true"), "false: only limits are read, no call is counted."),
        key("tokens", "table", None, "What the token counts include."),
        key("sticky", "table", None, "Values remembered from earlier lines of the file."),
        key("fields", "table", None, "Where each field of a call is found."),
        key("headers", "table", None, "Where response headers are."),
        key("limits", "list of tables", None, "Limits whose parts stand in fields."),
        key("body", "list of paths", None, "Where the response body is."),
    ],
};

pub(super) const CAP: Table = Table {
    name: "cap",
    shape: Shape::Many,
    about: "Spend caps.",
    keys: &[
        key("name", "name", None, "Unique."),
        key("usd", "dollars", None, "How much, as a plain decimal."),
        key(
            "period",
            "day|week|month|duration",
            None,
            "Over which period; a duration of 1h to 31d is the time just past.",
        ),
        key(
            "match",
            "labels",
            None,
            "What it covers: provider, model, key, team, user, environment, account, host; everything where absent.",
        ),
        key(
            "each",
            "key|team|user|model|environment|account|provider|host",
            None,
            "Counts for each of these by itself, up to 4,096 of them.",
        ),
        key("timezone", "time zone", None, "Where its days begin; `timezone` where absent."),
    ],
};

pub(super) const RULE: Table = Table {
    name: "rule",
    shape: Shape::Many,
    about: "What to watch. A built-in rule of the same name is replaced.",
    keys: &[
        key("name", "name", None, "Unique."),
        key(
            "enabled",
            "boolean",
            Some("true"),
            "false turns it off, also a built-in rule of that name.",
        ),
        key("metric", "metric name", None, "What it watches: `tripline config show --metrics`."),
        key("match", "labels", None, "Which series: each label must be equal; \"*\" is any value."),
        key(
            "above",
            "number or list",
            None,
            "Bad when greater than this; a list of { value, severity } has levels.",
        ),
        key(
            "below",
            "number or list",
            None,
            "Bad when less than this; a list of { value, severity } has levels.",
        ),
        key(
            "clear",
            "number",
            None,
            "Good again at this value; the mildest threshold where absent.",
        ),
        key("for", "duration", Some("\"0s\""), "How long it must be bad before it fires."),
        key(
            "keep_firing_for",
            "duration",
            Some("\"0s\""),
            "How long it keeps firing after it is good again.",
        ),
        key(
            "severity",
            "info|warning|critical",
            Some("\"warning\""),
            "How loud, where the threshold does not say.",
        ),
        key(
            "actions",
            "list of actions",
            Some("[]"),
            "\"trip:SCOPE\" stops traffic while the switch is armed.",
        ),
        key(
            "min_requests",
            "whole number",
            Some("0"),
            "Calls in the last minute without which it does not fire.",
        ),
        key(
            "cooldown",
            "duration",
            Some("\"0s\""),
            "Time after a resolve in which it does not act again.",
        ),
        key("on_no_data", "unknown|fire|ok", Some("\"unknown\""), "What missing data means."),
        key("runbook", "link", None, "Shown with the alert."),
    ],
};

pub(super) const PRICE: Table = Table {
    name: "price",
    shape: Shape::Named,
    about: "Dollars per million tokens of a model, before the built-in table.",
    keys: &[
        key("input", "dollars", None, "Input tokens."),
        key("output", "dollars", None, "Output tokens."),
        key(
            "cached_input",
            "dollars",
            None,
            "Input tokens read from a prompt cache; as input where absent.",
        ),
        key(
            "cache_write",
            "dollars",
            None,
            "Input tokens written to a prompt cache; as input where absent.",
        ),
        key(
            "cache_write_1h",
            "dollars",
            None,
            "Input tokens written to a cache for an hour; as cache_write where absent.",
        ),
        key("audio_input", "dollars", None, "Input tokens that are sound; none where absent."),
        key("audio_output", "dollars", None, "Output tokens that are sound; none where absent."),
        key("batch", "prices", None, "Of the batch tier; as the rest where absent."),
        key("flex", "prices", None, "Of the flex tier; as the rest where absent."),
        key("priority", "prices", None, "Of the priority tier; as the rest where absent."),
        key("fast", "number", None, "How many times as much Anthropic's fast mode costs."),
        key("us", "number", None, "How many times as much answers from the US alone cost."),
        key("above_32k", "prices", None, LONG),
        key("above_100k", "prices", None, LONG),
        key("above_128k", "prices", None, LONG),
        key("above_200k", "prices", None, LONG),
        key("above_256k", "prices", None, LONG),
        key("above_272k", "prices", None, LONG),
        key("above_512k", "prices", None, LONG),
    ],
};

const LONG: &str = "Of all of a call with more input; as the rest where absent.";

/// Words that people try, because another program has them, and what to do.
pub(super) const NOT_KEYS: &[(&str, &str)] = &[
    ("threshold", "a threshold is written `above = …` or `below = …`"),
    ("ttl", "a rule's trip has no end of its own: it stays until a person resets it"),
    ("expr", "a rule is a `metric` with `above` or `below`"),
    ("cap_usd", "the amount of a cap is written `usd = …`"),
    ("limit_usd", "the amount of a cap is written `usd = …`"),
    ("path", "a source has `paths = […]`, the switch has `dir`"),
    ("api_key", "no secret belongs in this file"),
    ("token", "no secret belongs in this file"),
    ("secret", "no secret belongs in this file"),
    ("password", "no secret belongs in this file"),
    ("notify", "this version has no sinks: use `tripline watch --ndjson`"),
    ("webhook", "this version has no sinks: use `tripline watch --ndjson`"),
    ("hook", "this version has no hooks: use `tripline watch --ndjson`"),
];

impl Table {
    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// How the table's beginning is written.
    #[must_use]
    pub fn header(&self) -> String {
        match self.shape {
            Shape::Top => "top of the file".to_owned(),
            Shape::One => format!("[{}]", self.name),
            Shape::Many => format!("[[{}]]", self.name),
            Shape::Named => format!("[{}.\"…\"]", self.name),
        }
    }
}

/// Every key, as text for people.
#[must_use]
pub fn schema() -> String {
    let mut out = String::new();
    for table in TABLES {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}\n  {}\n", table.header(), table.about);
        for key in table.keys {
            let default = key.default.map(|text| format!(" (default {text})")).unwrap_or_default();
            let _ = writeln!(out, "  {}: {}{default}\n      {}", key.name, key.holds, key.about);
        }
        out.push('\n');
    }
    out
}

const fn key(
    name: &'static str,
    holds: &'static str,
    default: Option<&'static str>,
    about: &'static str,
) -> Key {
    Key { name, holds, default, about }
}
