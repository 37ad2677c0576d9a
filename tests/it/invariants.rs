//! The invariants of docs/ARCHITECTURE.md that no compiler holds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crewup_proto::{
    call::{CALLS, find},
    error::ErrorReason,
};
use prost_reflect::DescriptorPool;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below `folder` with this ending, as (path from the root, content).
pub(crate) fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// Where hand-written Rust is.
const FOLDERS: [&str; 8] = ["proto", "shared", "services", "image", "issuer", "seed", "tests", "bench"];

#[test]
fn no_service_crate_depends_on_another_and_dependence_runs_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed = |name: &str| -> &[&str] {
        match name {
            "crewup-proto" | "crewup-issuer" => &[],
            // The demo people are those who can sign in.
            "crewup-seed" => &["crewup-issuer"],
            "crewup-shared" => &["crewup-proto"],
            // The program of the image, which is all of them.
            "crewup" => {
                &["crewup-shared", "crewup-event", "crewup-group", "crewup-user", "crewup-safety", "crewup-moderation"]
            }
            "crewup-bench" => &["crewup-proto", "crewup-shared", "crewup-issuer"],
            "crewup-tests" => &[
                "crewup-proto",
                "crewup-shared",
                "crewup-event",
                "crewup-group",
                "crewup-user",
                "crewup-safety",
                "crewup-moderation",
                "crewup-issuer",
                "crewup-seed",
            ],
            _ => &["crewup-proto", "crewup-shared"],
        }
    };
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 6);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            assert!(!on.starts_with("crewup-") || allowed(name).contains(&on), "{name} depends on {on}");
        }
    }
}

#[test]
fn every_call_of_the_contracts_has_an_access_rule() {
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let mut count = 0;
    for service in pool.services().filter(|service| service.full_name().starts_with("crewup.")) {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let call = find(&path).unwrap_or_else(|| panic!("{path} has no rule"));
            assert!(!call.access.is_empty(), "{path}");
            count += 1;
        }
    }
    assert_eq!(count, CALLS.len());
    assert!(find("/crewup.event.v1.EventService/Nothing").is_none(), "default deny");
}

#[test]
fn hand_written_rust_files_stay_under_500_lines() {
    for folder in FOLDERS {
        for (name, content) in files(folder, "rs") {
            let lines = content.lines().count();
            assert!(lines <= 500, "{name} has {lines} lines");
        }
    }
}

#[test]
fn only_the_homes_of_a_thing_allow_what_clippy_forbids() {
    let homes = [
        "shared/src/clock.rs",
        "shared/src/db.rs",
        "shared/src/together.rs",
        "shared/src/migrate/",
        "issuer/src/",
        "tests/",
        "issuer/tests/",
        "seed/src/",
        "bench/src/",
    ];
    for folder in FOLDERS {
        for (name, content) in files(folder, "rs") {
            let allows = content.contains("clippy::disallowed_methods");
            assert!(!allows || homes.iter().any(|home| name.starts_with(home)), "{name} allows a disallowed method");
        }
    }
}

#[test]
fn sql_of_ours_names_no_clock_but_crewup_now() {
    for (name, content) in files("services", "rs").into_iter().chain(files("shared/src", "rs")) {
        let code: String = content.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.to_lowercase();
        for clock in ["current_timestamp", "clock_timestamp", "statement_timestamp", "localtimestamp"] {
            assert!(!code.contains(clock), "{name} names {clock} (E4)");
        }
        assert!(!code.replace("crewup.now()", "").contains(" now()"), "{name} names now() (E4)");
    }
}

#[test]
fn every_error_reason_is_produced_by_a_test() {
    let tests: String = files("tests", "rs").into_iter().map(|(_, content)| content).collect();
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let reasons = pool.get_enum_by_name("crewup.common.v1.ErrorReason").unwrap();
    // The first one is UNSPECIFIED.
    for value in reasons.values().skip(1) {
        let reason = ErrorReason::try_from(value.number()).unwrap();
        if LATER.contains(&reason) {
            continue;
        }
        assert!(tests.contains(&format!("\"{}\"", reason.name())), "no test produces {}", reason.name());
    }
}

/// CANCELLED: whoever would see it has gone away.
const LATER: [ErrorReason; 1] = [ErrorReason::Cancelled];
