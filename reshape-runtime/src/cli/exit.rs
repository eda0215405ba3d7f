//! Exit codes.

use std::process::{ExitCode, Termination};

use crate::ErrorKind;

/// How a command ended; `main` can return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exit {
    /// 0: done, or there was nothing to do.
    Done,
    /// 1: refused or failed; the message says what became of the batch (mostly: it was rolled back).
    Failed,
    /// 2: the arguments or the environment make no sense. (What clap refuses ends with 2 as well.)
    Usage,
    /// 3: another migrator, a lock or an instance of the old version was in the way, or the version is not there yet; the same command may
    /// succeed later.
    TryAgain,
    /// 4: the migrations have problems.
    Invalid,
}

impl Exit {
    /// The code, as documented at each variant.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TryAgain => 3,
            Self::Invalid => 4,
        }
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Locked
            | ErrorKind::InUse
            | ErrorKind::LockTimeout
            | ErrorKind::Fenced
            | ErrorKind::Behind => Self::TryAgain,
            ErrorKind::Setting => Self::Usage,
            ErrorKind::Connect
            | ErrorKind::ReadOnly
            | ErrorKind::Permission
            | ErrorKind::State
            | ErrorKind::History
            | ErrorKind::Refused
            | ErrorKind::Drift
            | ErrorKind::Metadata
            | ErrorKind::Failed
            | ErrorKind::Database => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_says_so() {
        assert_eq!(Exit::from(ErrorKind::Locked).code(), 3);
        assert_eq!(Exit::from(ErrorKind::LockTimeout).code(), 3);
        assert_eq!(Exit::from(ErrorKind::Failed).code(), 1);
        assert_eq!(Exit::from(ErrorKind::Connect).code(), 1);
    }
}
