//! The floors of `docs/ARCHITECTURE.md`, held against every source file: a
//! module imports only from lower floors, and no file grows without end.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/rust_text.rs"]
mod rust_text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rust_text::{code_only, line_of, production_only, test_items};

/// Production lines that no file may exceed, and those worth a look.
const MOST_LINES: usize = 600;
const MANY_LINES: usize = 400;

type Floors = BTreeMap<String, u32>;

#[test]
fn every_import_goes_down() {
    let floors = floors();
    let broken: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| {
            violations(path, text, &floors)
                .into_iter()
                .map(move |(line, what)| format!("src/{}:{line}: {what}", path.display()))
        })
        .collect();
    assert!(broken.is_empty(), "imports against the floors:\n{}", broken.join("\n"));
}

#[test]
fn the_table_names_exactly_the_modules_that_exist() {
    let documented: BTreeSet<String> = floors().into_keys().collect();
    let existing: BTreeSet<String> =
        sources().iter().filter_map(|(path, _)| module_path(path).into_iter().next()).collect();
    assert_eq!(documented, existing);
}

/// `docs/RELIABILITY.md` says which test makes each fault: `file::test`, and further ones
/// of the same file by their names alone.
#[test]
fn every_test_that_the_fault_table_names_exists() {
    let table = fs::read_to_string(root().join("docs/RELIABILITY.md")).unwrap();
    let mut named = 0;
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let mut file = None;
        for word in row.split('`').skip(1).step_by(2) {
            let (place, test) = word.split_once("::").unwrap_or((word, word));
            if let Some(text) = test_file(place) {
                file = Some(text);
            } else if word.contains("::") {
                missing.push(word.to_owned());
                continue;
            }
            // Names of tests are sentences; other words in code type are not.
            let is_sentence = test.trim_matches('_').matches('_').count() >= 3;
            if !is_sentence || test.contains(char::is_whitespace) {
                continue;
            }
            named += 1;
            let (start, open) = test.strip_suffix('…').map_or((test, "("), |start| (start, ""));
            let is_there = |text: &String| text.contains(&format!("fn {start}{open}"));
            if !file.as_ref().is_some_and(is_there) {
                missing.push(word.to_owned());
            }
        }
    }
    assert!(named > 80, "{named}");
    assert!(missing.is_empty(), "named and not there: {missing:#?}");
}

/// The text of a file of tests, of a folder of them, or of a module with tests.
fn test_file(place: &str) -> Option<String> {
    let known = ["tests/{}.rs", "tests/{}/main.rs", "src/{}.rs", "benches/{}/main.rs"];
    let paths = known.map(|known| root().join(known.replace("{}", place)));
    paths.iter().find_map(|path| fs::read_to_string(path).ok())
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let lines = production_lines(&text);
        if lines > MANY_LINES {
            println!("{lines} production lines: src/{}", path.display());
        }
        if lines > MOST_LINES {
            long.push(format!("src/{}: {lines} production lines", path.display()));
        }
    }
    assert!(long.is_empty(), "more than {MOST_LINES}:\n{}", long.join("\n"));
}

#[test]
fn modules_are_files_with_a_header_beside_their_directory() {
    for (path, text) in sources() {
        assert_ne!(path.file_name().unwrap(), "mod.rs", "src/{}", path.display());
        assert!(text.starts_with("//! "), "src/{}: no header says why it exists", path.display());
    }
}

/// A test that may be skipped must run somewhere: it says its name, and CI asks for that
/// one again among all.
#[test]
fn what_may_be_skipped_is_run_again_where_it_may_not() {
    let tests = root().join("tests");
    let run = fs::read_to_string(root().join(".ci/run")).unwrap();
    let again = "TRIPLINE_PEERS=required cargo test --locked --tests -- --exact \"${skipped[@]}\"";
    assert!(run.contains(again), "the last run of .ci/run leaves some out");
    for (path, text) in rust_files(&tests) {
        let speaks = text.contains(concat!("SKIP", "PED:"));
        let is_need = path == Path::new("support/need.rs");
        assert!(!speaks || is_need, "{} skips by itself", path.display());
        assert!(!is_need || text.contains("thread.name()"), "nobody knows what was skipped");
    }
}

/// The check itself, on code that breaks the floors in every way it looks for.
#[test]
fn the_check_finds_what_it_looks_for() {
    let floors = floors();
    let found = |path: &str, text: &str| {
        violations(Path::new(path), text, &floors).into_iter().map(|(line, _)| line).collect()
    };
    for (path, text, expected) in [
        ("engine/spend.rs", "use crate::domain::Wall;\nuse crate::stats::Sliding;\n", vec![]),
        ("engine/spend.rs", "//\nuse crate::snapshot::build;\n", vec![2]),
        ("engine/spend.rs", "fn f() { crate::source::files(&x); }\n", vec![1]),
        (
            "engine.rs",
            "use crate::{domain::Wall,\n    tui::{run, fmt},\n    config};\n",
            vec![2, 3],
        ),
        ("engine/spend.rs", "use super::super::cli;\n", vec![1]),
        ("engine/spend.rs", "use super::super::domain::Wall;\nuse super::Cap;\n", vec![]),
        ("engine/a/b.rs", "use super::super::tui;\n", vec![]),
        ("engine.rs", "use super::runtime::Clock;\n", vec![1]),
        ("engine.rs", "// crate::cli\nconst A: &str = \"crate::cli\";\n/* crate::tui */", vec![]),
        (
            "engine.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\nuse crate::tui;",
            vec![5],
        ),
        (
            "engine.rs",
            "pub(crate) use crate::engine::spend;\npub(in crate::engine) fn f() {}",
            vec![],
        ),
        ("engine.rs", "use crate::unheard_of;", vec![1]),
    ] {
        let found: Vec<usize> = found(path, text);
        assert_eq!(found, expected, "{path}: {text}");
    }
    let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    assert_eq!(production_lines(text), 2, "the function and the blank line after it");
}

/// Where a file's production code imports what it must not, and why.
fn violations(path: &Path, text: &str, floors: &Floors) -> Vec<(usize, String)> {
    let module = module_path(path);
    let Some(own) = module.first() else { return Vec::new() };
    let floor = |name: &str| floors.get(name).copied();
    let code = production_only(&code_only(text));
    let mut found = Vec::new();
    for (at, target) in imports(&code, module.len()) {
        if target == *own {
            continue;
        }
        let verdict = match (floor(own), floor(&target)) {
            (_, None) => Some(format!("`{target}` is on no floor")),
            (Some(here), Some(there)) if there >= here => {
                Some(format!("`{own}` (floor {here}) imports `{target}` (floor {there})"))
            }
            _ => None,
        };
        found.extend(verdict.map(|verdict| (line_of(&code, at), verdict)));
    }
    found
}

/// Top modules that the code names, and where. `depth` is how many `super` lead
/// to the root of the crate.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let to_root = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            found.extend(heads(code, at + root.len()));
        }
    }
    found.sort();
    found
}

/// The first words of a path, or of each path in a group.
fn heads(code: &str, start: usize) -> Vec<(usize, String)> {
    let word = |from: usize| {
        let rest = &code[from..];
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (len > 0 && !rest.starts_with("super")).then(|| (from, rest[..len].to_owned()))
    };
    if !code[start..].starts_with('{') {
        return word(start).into_iter().collect();
    }
    let (mut depth, mut expected, mut found) = (0, false, Vec::new());
    for (offset, c) in code[start..].char_indices() {
        match c {
            '{' => {
                depth += 1;
                expected = depth == 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ',' => expected = depth == 1,
            c if c.is_whitespace() => {}
            _ if expected => {
                found.extend(word(start + offset));
                expected = false;
            }
            _ => {}
        }
    }
    found
}

/// Lines that are not tests.
fn production_lines(text: &str) -> usize {
    let code = code_only(text);
    let items = test_items(&code);
    let tests: usize = items.into_iter().map(|item| code[item].lines().count()).sum();
    text.trim_end().lines().count() - tests
}

/// `engine/spend.rs` is `engine::spend`; the crate's own roots are nothing.
fn module_path(path: &Path) -> Vec<String> {
    let plain = path.with_extension("");
    let parts: Vec<String> = plain.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    match parts.as_slice() {
        [root] if root == "lib" || root == "main" => Vec::new(),
        _ => parts,
    }
}

/// The floors as the document has them.
fn floors() -> Floors {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let floor = cells.next()?.parse().ok()?;
        let module = cells.next()?.trim_matches('`').trim_end_matches('/');
        Some((module.to_owned(), floor))
    });
    let floors: Floors = rows.collect();
    assert!(floors.len() >= 15, "the table of floors is not where it was: {floors:?}");
    floors
}

/// Every source file, by its path under `src/`.
fn sources() -> Vec<(PathBuf, String)> {
    let found = rust_files(&root().join("src"));
    assert!(found.len() > 100, "sources are missing");
    found
}

fn rust_files(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![below.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(below).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
