//! What is generated and committed is what the contracts say. `./dev generate` writes it.

use std::{fmt::Write as _, fs, path::Path};

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
