//! Errors as a client sees them.

use std::{fmt::Debug, time::Duration};

use crewup_proto::error::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A refused call, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub code: Code,
    /// `ErrorInfo.reason`.
    pub reason: String,
    /// The fields of `BadRequest`, sorted.
    pub fields: Vec<String>,
    /// The text.
    pub message: String,
    /// `RetryInfo`.
    pub retry_after: Option<Duration>,
    /// The number from which a stream that was cut goes on.
    pub sequence: Option<i64>,
}

impl Refusal {
    /// Takes a status apart. Fails unless it has the shape that every error of ours has: an `ErrorInfo` with our domain,
    /// a reason of the contract and that reason's code.
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "crewup", "{status:?}");
        let known = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
        let known = known.unwrap_or_else(|| panic!("a reason outside the contract: {}", info.reason));
        assert_eq!(known.code(), status.code(), "the code of {}", info.reason);
        let mut fields: Vec<_> = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| &bad.field_violations)
            .map(|at| at.field.clone())
            .collect();
        fields.sort();
        Self {
            code: status.code(),
            reason: info.reason.clone(),
            fields,
            message: status.message().to_owned(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            sequence: info.metadata.get("sequence").and_then(|number| number.parse().ok()),
        }
    }
}

/// The refusal of a call that must fail.
pub fn refused<T: Debug>(answer: Result<T, Status>) -> Refusal {
    match answer {
        Ok(answer) => panic!("the call succeeded: {answer:?}"),
        Err(status) => Refusal::of(&status),
    }
}

/// The refusal's reason.
pub fn reason<T: Debug>(answer: Result<T, Status>) -> String {
    refused(answer).reason
}
