//! What can go wrong, and the one place that makes a gRPC `Status` of it.
//!
//! An error is a reason of the contract ([`ErrorReason`]), which fixes the status code, with what the caller needs to
//! mend it. Causes stay on this side: they are logged once, under the call's trace, and never sent (X2).

use std::{collections::HashMap, error::Error as StdError, fmt, time::Duration};

pub use crewup_proto::error::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The result of a handler.
pub type Result<T> = std::result::Result<T, Error>;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "crewup";

/// Why a call failed.
pub struct Error(Box<Parts>);

struct Parts {
    reason: ErrorReason,
    violations: Vec<(String, String)>,
    retry_after: Option<Duration>,
    resume_after: Option<i64>,
    again: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// The request's fields `violations` (field, what is wrong) are not acceptable.
    pub fn fields(violations: Vec<(String, String)>) -> Self {
        let mut error = Self::from(ErrorReason::InvalidFields);
        error.0.violations = violations;
        error
    }

    /// One field is not acceptable, for `reason`, which must be one with the code `INVALID_ARGUMENT`.
    pub fn field(reason: ErrorReason, field: &str, wrong: &str) -> Self {
        let mut error = Self::from(reason);
        error.0.violations = vec![(field.to_owned(), wrong.to_owned())];
        error
    }

    /// Something is wrong on our side.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::from(ErrorReason::Internal).because(cause)
    }

    /// Adds what the operator should know.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds when the caller may try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Adds the number from which a stream that was cut goes on (C5).
    #[must_use]
    pub fn resume_after(mut self, sequence: i64) -> Self {
        self.0.resume_after = Some(sequence);
        self
    }

    /// The same, for another who is told of it. Nobody tries again for its sake: it is what was left after trying.
    #[must_use]
    pub fn same(&self) -> Self {
        let mut same = Self::from(self.reason());
        same.0.violations.clone_from(&self.0.violations);
        same.0.retry_after = self.0.retry_after;
        same.0.resume_after = self.0.resume_after;
        same.because(self.cause())
    }

    /// What the operator should know, with the causes behind it, on one line. Empty: nothing more than the reason.
    pub(crate) fn cause(&self) -> String {
        self.0.cause.as_deref().map(|cause| Chain(cause).to_string()).unwrap_or_default()
    }

    /// The reason.
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// Whether the same transaction may succeed if it is run again: PostgreSQL broke it off (40001, 40P01; X6), or the
    /// connection was dead.
    pub(crate) fn is_retryable(&self) -> bool {
        self.0.again
    }

    /// Logs the error, once, at the level of its code, and makes the answer.
    pub fn into_status(self) -> Status {
        let cause = self.cause();
        let Parts { reason, violations, retry_after, resume_after, .. } = *self.0;
        match reason.code() {
            Code::Internal | Code::Unknown | Code::DataLoss => {
                tracing::error!(reason = reason.name(), cause, "call failed")
            }
            // What ends every stream that nothing else does.
            Code::Unavailable if reason == ErrorReason::StreamMoved => tracing::debug!("stream moved"),
            // Counted by the figures; to write a line for each would be more work for who has too much.
            Code::Unavailable if reason == ErrorReason::Overloaded => tracing::debug!(cause, "told to come again"),
            Code::Unavailable | Code::DeadlineExceeded => tracing::warn!(reason = reason.name(), cause, "call failed"),
            _ => tracing::debug!(reason = reason.name(), cause, "call refused"),
        }
        let metadata: HashMap<_, _> =
            resume_after.map(|sequence| ("sequence".to_owned(), sequence.to_string())).into_iter().collect();
        let mut details = ErrorDetails::with_error_info(reason.name(), DOMAIN, metadata);
        if !violations.is_empty() {
            let violations = violations.into_iter().map(|(field, wrong)| FieldViolation::new(field, wrong));
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(reason.code(), reason.text(), details)
    }
}

impl From<ErrorReason> for Error {
    fn from(reason: ErrorReason) -> Self {
        Self(Box::new(Parts {
            reason,
            violations: Vec::new(),
            retry_after: None,
            resume_after: None,
            again: false,
            cause: None,
        }))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(error) => error.code().map(|code| code.into_owned()),
            _ => None,
        };
        let (reason, again) = match (&error, code.as_deref()) {
            // serialization_failure, deadlock_detected
            (_, Some("40001" | "40P01")) => (ErrorReason::Conflict, true),
            // lock_not_available, query_canceled (statement_timeout)
            (_, Some("55P03" | "57014")) => (ErrorReason::Overloaded, false),
            // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections; read_only_sql_transaction: a server
            // that is not the primary, or is it no more
            (_, Some("57P01" | "57P02" | "57P03" | "53300" | "25006")) => (ErrorReason::DependencyUnavailable, true),
            // disk_full, out_of_memory: not made better by trying at once
            (_, Some("53100" | "53200")) => (ErrorReason::DependencyUnavailable, false),
            (sqlx::Error::Io(_), _) => (ErrorReason::DependencyUnavailable, true),
            _ => (ErrorReason::Internal, false),
        };
        let mut made = Self::from(reason).because(error);
        made.0.again = again;
        if reason == ErrorReason::Overloaded {
            made.0.retry_after = Some(Duration::from_secs(1));
        }
        made
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("reason", &self.0.reason.name())
            .field("violations", &self.0.violations)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.reason.name())?;
        self.0.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl StdError for Error {}

/// A cause with the causes behind it, on one line.
struct Chain<'a>(&'a (dyn StdError + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
