//! How steps and refusals are put together.

use super::{Offenders, Phase, Refusal, Step, Work};

impl Refusal {
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Step {
    /// A step of one transaction.
    pub(crate) fn sql(phase: Phase, title: impl Into<String>, statements: Vec<String>) -> Self {
        Self {
            phase,
            title: title.into(),
            lock: None,
            work: Work::Sql { statements },
            offenders: Vec::new(),
            row: None,
            undo: Vec::new(),
            custom: false,
            patient: false,
        }
    }

    /// SQL of the user's own.
    pub(crate) fn custom(self) -> Self {
        Self { custom: true, ..self }
    }

    /// Of one whose locks no query of a client waits behind.
    pub(crate) fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    pub(crate) fn locking(mut self, lock: impl Into<String>) -> Self {
        self.lock = Some(lock.into());
        self
    }

    pub(crate) fn violated_by(mut self, offenders: impl IntoIterator<Item = Offenders>) -> Self {
        self.offenders.extend(offenders);
        self
    }

    pub(crate) fn undone_by(mut self, statements: Vec<String>) -> Self {
        if !statements.is_empty() {
            self.undo.push(Work::Sql { statements });
        }
        self
    }
}

impl Work {
    /// The statements of work that is one transaction.
    pub(crate) fn statements(&self) -> Option<&Vec<String>> {
        match self {
            Self::Sql { statements } => Some(statements),
            Self::CreateIndex { .. }
            | Self::DefineIndex { .. }
            | Self::CreateIndexes { .. }
            | Self::DropIndex { .. }
            | Self::Backfill { .. }
            | Self::Analyze { .. } => None,
        }
    }
}
