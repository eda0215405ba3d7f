//! How patient a migrator is, from the environment and from a command line.

use std::env;
use std::str::FromStr;
use std::time::Duration;

use super::{Migrator, Settings};
use crate::error::{Error, ErrorKind};

/// Finds what a variable sets.
enum Setting {
    /// A value as in `500ms`, `10s`, `5min`.
    Duration(fn(&mut Settings) -> &mut Duration),
    /// A whole number, at least 1.
    Count(fn(&mut Settings) -> &mut usize),
    /// A whole number.
    Number(fn(&mut Settings) -> &mut u32),
}

use Setting::{Count, Duration as Time, Number};

/// The variables, and what they set.
const VARIABLES: [(&str, Setting); 9] = [
    ("RESHAPE_LOCK_TIMEOUT", Time(|settings| &mut settings.lock_timeout)),
    ("RESHAPE_RETRY_BUDGET", Time(|settings| &mut settings.retry_budget)),
    ("RESHAPE_RETRY_DELAY", Time(|settings| &mut settings.retry_delays.0)),
    ("RESHAPE_RETRY_MAX_DELAY", Time(|settings| &mut settings.retry_delays.1)),
    ("RESHAPE_WAIT_TIMEOUT", Time(|settings| &mut settings.wait_timeout)),
    ("RESHAPE_BATCH_DURATION", Time(|settings| &mut settings.batch_duration)),
    ("RESHAPE_MAX_LAG", Time(|settings| &mut settings.max_lag)),
    ("RESHAPE_MAX_LOAD", Number(|settings| &mut settings.max_load)),
    ("RESHAPE_WORKERS", Count(|settings| &mut settings.workers)),
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
    pub(crate) workers: Option<usize>,
    pub(crate) max_lag: Option<Duration>,
    pub(crate) max_load: Option<u32>,
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
            (limits.max_lag, &mut settings.max_lag),
        ];
        for (given, setting) in durations {
            *setting = given.unwrap_or(*setting);
        }
        settings.max_load = limits.max_load.unwrap_or(settings.max_load);
        settings.lock_timeout = settings.lock_timeout.max(Duration::from_millis(1));
        settings.workers = limits.workers.unwrap_or(settings.workers).max(1);
        self
    }

    /// Takes what is set in the environment: `RESHAPE_LOCK_TIMEOUT`, `RESHAPE_RETRY_BUDGET`, `RESHAPE_RETRY_DELAY`,
    /// `RESHAPE_RETRY_MAX_DELAY`, `RESHAPE_WAIT_TIMEOUT`, `RESHAPE_BATCH_DURATION`, `RESHAPE_MAX_LAG`, each a duration with its unit (`500ms`, `10s`,
    /// `5min`), and `RESHAPE_WORKERS` and `RESHAPE_MAX_LOAD`, numbers. An empty variable counts as none; what is set after this call wins.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for a value that is not a duration, or not a number.
    pub fn limits_from_environment(mut self) -> Result<Self, Error> {
        from(&mut self.settings, &|name| env::var(name).ok())?;
        Ok(self)
    }
}

fn from(settings: &mut Settings, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), Error> {
    for (name, setting) in VARIABLES {
        let Some(text) = variable(name).filter(|text| !text.is_empty()) else { continue };
        match setting {
            Time(setting) => *setting(settings) = duration(name, &text)?,
            Count(setting) => *setting(settings) = number(name, &text, &1)?,
            Number(setting) => *setting(settings) = number(name, &text, &0)?,
        }
    }
    settings.lock_timeout = settings.lock_timeout.max(Duration::from_millis(1));
    Ok(())
}

fn duration(name: &str, text: &str) -> Result<Duration, Error> {
    humantime::parse_duration(text).map_err(|error| {
        Error::new(ErrorKind::Setting, format!("`{name}` is not a duration: `{text}`: {error}"))
            .with_help("give a number and a unit, as in `500ms`, `10s` or `5min`")
    })
}

fn number<N: FromStr + PartialOrd>(name: &str, text: &str, least: &N) -> Result<N, Error> {
    text.trim().parse().ok().filter(|number| number >= least).ok_or_else(|| {
        Error::new(ErrorKind::Setting, format!("`{name}` is not a number: `{text}`"))
            .with_help("give a whole number, as in `4`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        let mut settings = Settings::default();
        let is_count = |name: &str| name.ends_with("WORKERS") || name.ends_with("LOAD");
        let unit = |name: &str| if is_count(name) { "" } else { "s" };
        from(&mut settings, &|name| Some(format!("{}{}", name.len(), unit(name)))).unwrap();
        for (name, setting) in VARIABLES {
            match setting {
                Time(setting) => {
                    assert_eq!(setting(&mut settings).as_secs(), name.len() as u64, "{name}");
                }
                Count(setting) => assert_eq!(*setting(&mut settings), name.len(), "{name}"),
                Number(setting) => {
                    assert_eq!(*setting(&mut settings) as usize, name.len(), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_count_is_a_number_and_not_none() {
        for text in ["0", "-1", "two", "1.5"] {
            let only = |name: &str| name.ends_with("WORKERS").then(|| String::from(text));
            let error = from(&mut Settings::default(), &only).unwrap_err();
            assert_eq!(error.message(), format!("`RESHAPE_WORKERS` is not a number: `{text}`"));
        }
    }

    #[test]
    fn what_is_empty_or_missing_is_left_alone() {
        let mut settings = Settings::default();
        from(&mut settings, &|name| name.ends_with("BUDGET").then(String::new)).unwrap();
        assert_eq!(settings.retry_budget, Settings::default().retry_budget);
    }

    #[test]
    fn what_is_no_number_is_named() {
        let count = |name: &str| name.ends_with("LOAD").then(|| String::from("much"));
        let error = from(&mut Settings::default(), &count).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(
            error.message().starts_with("`RESHAPE_MAX_LOAD` is not a number: `much`"),
            "{error}"
        );
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
