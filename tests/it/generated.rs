//! What is generated and committed is what the contracts say. `./dev generate` writes it.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use crewup_proto::error::ErrorReason;

#[test]
fn docs_errors_md_is_what_the_contract_says() {
    let mut text = String::from(
        "# Errors\n\n\
         Generated from `proto/crewup/common/v1/error_reason.proto` by `./dev generate`.\n\n\
         Every error is a `google.rpc.Status` with a `google.rpc.ErrorInfo` whose domain is `crewup` and whose reason is one\n\
         of these; a reason always has the same code. `INVALID_ARGUMENT` names the fields in `google.rpc.BadRequest`;\n\
         where a retry makes sense after a while, `google.rpc.RetryInfo` says when.\n\n\
         | reason | code | what happened, what to do |\n|---|---|---|\n",
    );
    for number in 1..1000 {
        let Ok(reason) = ErrorReason::try_from(number) else { continue };
        writeln!(text, "| `{}` | {:?} | {} |", reason.name(), reason.code(), reason.text()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ERRORS.md");
    if std::env::var_os("CREWUP_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "run ./dev generate");
}

#[test]
fn docs_rules_md_names_the_tests_of_each_rule_and_every_built_rule_has_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RULES.md");
    let text = fs::read_to_string(&path).unwrap();
    let marker = "<!-- tests: generated -->\n";
    let (rules, _) = text.split_once(marker).unwrap();
    let tests = tests_by_rule();
    let mut unproved = Vec::new();
    for line in rules.lines() {
        let Some(id) = line.strip_prefix("- **").and_then(|line| line.split([' ', '.', ';', '*']).next()) else {
            continue;
        };
        let is_rule = id.starts_with(['E', 'G', 'C', 'U', 'R', 'S', 'M', 'X'])
            && id[1..].chars().all(|digit| digit.is_ascii_digit());
        if is_rule && !tests.contains_key(id) {
            unproved.push(id);
        }
    }
    assert!(unproved.is_empty(), "no test proves {unproved:?}");
    let mut wanted = format!("{rules}{marker}| rule | proved by |\n|---|---|\n");
    let mut ordered: Vec<_> = tests.iter().collect();
    ordered.sort_by_key(|(id, _)| (id[..1].to_owned(), id[1..].parse::<u32>().unwrap()));
    for (id, names) in ordered {
        writeln!(wanted, "| {id} | {} |", names.join("<br>")).unwrap();
    }
    if std::env::var_os("CREWUP_UPDATE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted, "run ./dev generate");
}

/// The tests whose names begin with a rule's id, as `file: name`.
fn tests_by_rule() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["tests/it", "shared/src", "services", "seed/src", "issuer/tests"] {
        for (file, content) in crate::invariants::files(folder, "rs") {
            let lines: Vec<_> = content.lines().map(str::trim).collect();
            for (at, line) in lines.iter().enumerate() {
                let is_test = at > 0 && lines[..at].iter().rev().take(3).any(|above| above.contains("test"));
                let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test) else {
                    continue;
                };
                let name = name.split('(').next().unwrap();
                let ids = name.split('_').map(str::to_uppercase).take_while(|id| {
                    id.len() > 1
                        && id.starts_with(['E', 'G', 'C', 'U', 'R', 'S', 'M', 'X'])
                        && id[1..].chars().all(|c| c.is_ascii_digit())
                });
                for id in ids {
                    found.entry(id).or_default().push(format!("{file}: `{name}`"));
                }
            }
        }
    }
    found.values_mut().for_each(|names| names.sort());
    found
}
