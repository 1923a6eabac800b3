//! The exit codes of all commands: the one table. `--help`, the manual pages and deploy/operate.md show it.

use std::process::ExitCode;

use crate::admin::cancel_booking::CancelError;
use crate::admin::keys::KeyError;
use crate::app::StartError;
use crate::erasure::erase::ErasureError;
use crate::storage::StorageError;
use crate::storage::database::OpenError;
use crate::sync::SyncError;

/// How a command ends. Scripts depend on the codes, so a code never gets another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// The command did its work.
    Done,
    /// It failed for a reason that has no code of its own.
    Failed,
    /// Also what the parser of the arguments returns. systemd does not restart the service after it.
    Mistake,
    /// The command worked, and what it checked is not as it should be.
    Problem,
    /// What the arguments name does not exist.
    NotFound,
    /// The same command may work in a moment. `EX_TEMPFAIL` in sysexits.h.
    Unreachable,
}

impl Exit {
    /// All codes, in their order.
    pub(super) const ALL: [Self; 6] =
        [Self::Done, Self::Failed, Self::Mistake, Self::Problem, Self::NotFound, Self::Unreachable];

    /// The code, and its meaning for people.
    pub(super) const fn code(self) -> (u8, &'static str) {
        match self {
            Self::Done => (0, "done"),
            Self::Failed => (1, "failed; the reason is on standard error"),
            Self::Mistake => (2, "a mistake in the arguments or settings, or a missing secret"),
            Self::Problem => (3, "a check found a problem (doctor, health, inbox verify, rebuild)"),
            Self::NotFound => {
                (4, "no such key, delivery, booking, person, record, decision, question")
            }
            Self::Unreachable => (75, "Postgres or the service is not reachable now; try again"),
        }
    }

    /// The code of an error.
    pub(super) fn of(error: &anyhow::Error) -> Self {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return failure.exit;
        }
        match (error.downcast_ref(), storage_error(error)) {
            (Some(CancelError::NotKnown), _) => Self::NotFound,
            (_, Some(error)) if error.is_temporary() => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code().0)
    }
}

/// The error of the database in an error. Not that of a cancellation: it may come after the call to the source, and a
/// script must not try that again.
fn storage_error(error: &anyhow::Error) -> Option<&StorageError> {
    let open = error.downcast_ref().and_then(|error: &OpenError| match error {
        OpenError::Storage(error) => Some(error),
        _ => None,
    });
    let start = error.downcast_ref().and_then(|error: &StartError| match error {
        StartError::Storage(error) | StartError::Erasure(ErasureError::Storage(error)) => {
            Some(error)
        }
        _ => None,
    });
    let erasure = error.downcast_ref().and_then(|error: &ErasureError| match error {
        ErasureError::Storage(error) => Some(error),
        _ => None,
    });
    let key = error.downcast_ref().and_then(|error: &KeyError| match error {
        KeyError::Storage(error) => Some(error),
        _ => None,
    });
    let sync = error.downcast_ref().and_then(|error: &SyncError| match error {
        SyncError::Storage(error) => Some(error),
        SyncError::Ending => None,
    });
    error.downcast_ref::<StorageError>().or(open).or(start).or(erasure).or(key).or(sync)
}

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// A mistake in the arguments or the settings that only the command itself can find.
    pub(super) fn mistake(message: impl Into<String>) -> Self {
        Self { exit: Exit::Mistake, message: message.into() }
    }

    /// A check found a problem.
    pub(super) fn problem(message: impl Into<String>) -> Self {
        Self { exit: Exit::Problem, message: message.into() }
    }

    /// What the arguments name does not exist.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, message: message.into() }
    }

    /// A service does not answer.
    pub(super) fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unreachable, message: message.into() }
    }
}

/// The table for the help of the program.
pub(super) fn exit_codes() -> String {
    let line = |exit: Exit| {
        let (code, meaning) = exit.code();
        format!("\n  {code:>2}  {meaning}")
    };
    format!("Exit codes:{}", Exit::ALL.map(line).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_database_are_temporary_only_if_it_may_come_back() {
        let away = || StorageError::from(sqlx::Error::PoolTimedOut);
        let broken = || StorageError::Corrupt("records");
        let temporary: [anyhow::Error; 5] = [
            away().into(),
            OpenError::from(away()).into(),
            StartError::from(ErasureError::from(away())).into(),
            KeyError::from(away()).into(),
            anyhow::Error::from(away()).context("while reading"),
        ];
        for error in temporary {
            assert_eq!(Exit::of(&error), Exit::Unreachable, "{error}");
        }
        let others: [anyhow::Error; 3] =
            [broken().into(), CancelError::from(away()).into(), anyhow::anyhow!("x")];
        for error in others {
            assert_eq!(Exit::of(&error), Exit::Failed, "{error}");
        }
        assert_eq!(Exit::of(&CancelError::NotKnown.into()), Exit::NotFound);
    }
}
