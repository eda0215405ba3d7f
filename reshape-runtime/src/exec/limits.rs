//! How patient a migrator is, from the environment and from a command line.

use std::env;
use std::time::Duration;

use super::{Migrator, Settings};
use crate::error::{Error, ErrorKind};

/// Finds what a variable sets.
type Setting = fn(&mut Settings) -> &mut Duration;

/// The variables, and what they set. Values are as in `500ms`, `10s`, `5min`.
const VARIABLES: [(&str, Setting); 6] = [
    ("RESHAPE_LOCK_TIMEOUT", |settings| &mut settings.lock_timeout),
    ("RESHAPE_RETRY_BUDGET", |settings| &mut settings.retry_budget),
    ("RESHAPE_RETRY_DELAY", |settings| &mut settings.retry_delays.0),
    ("RESHAPE_RETRY_MAX_DELAY", |settings| &mut settings.retry_delays.1),
    ("RESHAPE_WAIT_TIMEOUT", |settings| &mut settings.wait_timeout),
    ("RESHAPE_BATCH_DURATION", |settings| &mut settings.batch_duration),
];

/// What a command line may set. What is `None` stays as it is.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) retry_budget: Option<Duration>,
    pub(crate) retry_delay: Option<Duration>,
    pub(crate) retry_max_delay: Option<Duration>,
    pub(crate) batch_duration: Option<Duration>,
}

impl Migrator {
    /// The limits that were given; the others stay as they are.
    #[cfg(feature = "cli")]
    pub(crate) fn limited(mut self, limits: Limits) -> Self {
        let settings = &mut self.settings;
        let durations = [
            (limits.lock_timeout, &mut settings.lock_timeout),
            (limits.retry_budget, &mut settings.retry_budget),
            (limits.retry_delay, &mut settings.retry_delays.0),
            (limits.retry_max_delay, &mut settings.retry_delays.1),
            (limits.batch_duration, &mut settings.batch_duration),
        ];
        for (given, setting) in durations {
            *setting = given.unwrap_or(*setting);
        }
        settings.lock_timeout = settings.lock_timeout.max(Duration::from_millis(1));
        self
    }

    /// Takes what is set in the environment: `RESHAPE_LOCK_TIMEOUT`, `RESHAPE_RETRY_BUDGET`, `RESHAPE_RETRY_DELAY`,
    /// `RESHAPE_RETRY_MAX_DELAY`, `RESHAPE_WAIT_TIMEOUT`, `RESHAPE_BATCH_DURATION`, each a duration with its unit (`500ms`, `10s`,
    /// `5min`). An empty variable counts as none; what is set after this call wins.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for a value that is not a duration.
    pub fn limits_from_environment(mut self) -> Result<Self, Error> {
        from(&mut self.settings, &|name| env::var(name).ok())?;
        Ok(self)
    }
}

fn from(settings: &mut Settings, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), Error> {
    for (name, setting) in VARIABLES {
        let Some(text) = variable(name).filter(|text| !text.is_empty()) else { continue };
        let value = humantime::parse_duration(&text).map_err(|error| {
            Error::new(ErrorKind::Setting, format!("`{name}` is not a duration: `{text}`: {error}"))
                .with_help("give a number and a unit, as in `500ms`, `10s` or `5min`")
        })?;
        *setting(settings) = value;
    }
    settings.lock_timeout = settings.lock_timeout.max(Duration::from_millis(1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        let mut settings = Settings::default();
        from(&mut settings, &|name| Some(format!("{}s", name.len()))).unwrap();
        for (name, setting) in VARIABLES {
            assert_eq!(setting(&mut settings).as_secs(), name.len() as u64, "{name}");
        }
    }

    #[test]
    fn what_is_empty_or_missing_is_left_alone() {
        let mut settings = Settings::default();
        from(&mut settings, &|name| name.ends_with("BUDGET").then(String::new)).unwrap();
        assert_eq!(settings.retry_budget, Settings::default().retry_budget);
    }

    #[test]
    fn a_value_without_a_unit_is_named() {
        let error = from(&mut Settings::default(), &|_| Some(String::from("5"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(
            error.message().starts_with("`RESHAPE_LOCK_TIMEOUT` is not a duration: `5`"),
            "{error}"
        );
    }
}
