//! Settings of a set of migrations: `reshape.toml` beside the package's `Cargo.toml`, or `[package.metadata.reshape]` in that.
//!
//! ```toml
//! [lints]                            # what becomes of a hazard: "deny", "warn" or "allow"
//! unused-allow = "deny"              # by its name or its id; errors have no levels
//!
//! [types]                            # Rust types of the typed modules, by Postgres's types
//! timestamptz = "::jiff::Timestamp"
//!
//! [lock]
//! required = true                    # no build without `migrations.lock`
//! ```
//!
//! **Invariant:** settings never make an error acceptable, nor change what a migration does.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reshape_runtime::Rule;
use reshape_runtime::rule::LintLevel;

use crate::diagnostic::{Diagnostic, Place};
use crate::file;
use crate::text::Source;

/// The file's name.
const FILE: &str = "reshape.toml";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// Levels other than the hazards' own.
    pub(crate) levels: Vec<(Rule, LintLevel)>,
    /// Rust types by Postgres's.
    #[allow(dead_code, reason = "for the typed modules")]
    pub(crate) types: Vec<(String, String)>,
    pub(crate) lock: Lock,
}

/// `[lock]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    /// Whether the lock file has to exist.
    pub(crate) required: bool,
}

impl Config {
    /// The settings of the package in the folder `root`, which people know as `shown`; nothing where there are none.
    pub(crate) fn load(root: &Path, shown: &Path) -> (Self, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let own = read(root, shown, FILE, &mut problems);
        let manifest = read(root, shown, "Cargo.toml", &mut Vec::new());
        // What is wrong with that file as a whole is cargo's business.
        let manifest = manifest.and_then(|source| file::manifest_settings(&source));
        let config = match (own, manifest) {
            (Some(own), Some((place, _, _))) => {
                let message = format!("there are settings in `{FILE}` too");
                let here = Place::whole(&own);
                problems.push(
                    Diagnostic::new(Rule::TwoConfigurations, place, message)
                        .related(here, "these")
                        .help("keep one of the two"),
                );
                file::settings(&own).0
            }
            (Some(own), None) => {
                let (config, found) = file::settings(&own);
                problems.extend(found);
                config
            }
            (None, Some((_, config, found))) => {
                problems.extend(found);
                config
            }
            (None, None) => Self::default(),
        };
        (config, problems)
    }

    /// What becomes of a rule that is broken.
    pub(crate) fn level(&self, rule: Rule) -> LintLevel {
        let set = self.levels.iter().find(|(known, _)| *known == rule);
        set.map_or(rule.level(), |(_, level)| *level)
    }
}

/// The folder that has the settings of the migrations in `folders`: the one above the first.
pub(crate) fn root_of(folders: &[PathBuf]) -> PathBuf {
    let first = folders.first().map_or(Path::new("migrations"), PathBuf::as_path);
    match first.parent() {
        Some(parent) if first.file_name().is_some() => parent.to_owned(),
        Some(_) | None => first.join(".."),
    }
}

/// The files of the package in `root` that a build has to watch, relative to it. One that does not exist would make the build script
/// run with every build; a new `reshape.toml` counts from the next change of a migration or of `Cargo.toml` on.
pub(crate) fn watched(root: &Path) -> impl Iterator<Item = &'static str> {
    ["Cargo.toml", FILE].into_iter().filter(move |file| root.join(file).exists())
}

/// The text of a file; `None` if there is none.
fn read(
    root: &Path,
    shown: &Path,
    name: &str,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<Source>> {
    let error = match fs::read_to_string(root.join(name)) {
        Ok(text) => return Some(Source::new(&shown.join(name), text)),
        Err(error) => error,
    };
    let rule = match error.kind() {
        ErrorKind::NotFound => return None,
        ErrorKind::InvalidData => Rule::NotUtf8,
        _ => Rule::UnreadableFile,
    };
    let place = Place::whole(&Source::new(&shown.join(name), ""));
    problems.push(Diagnostic::new(rule, place, format!("cannot read the file: {error}")));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(own: Option<&str>, manifest: Option<&str>) -> (Config, String) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [(FILE, own), ("Cargo.toml", manifest)] {
            if let Some(text) = text {
                fs::write(root.path().join(name), text).unwrap();
            }
        }
        let (config, problems) = Config::load(root.path(), Path::new(""));
        let problems: Vec<String> = problems.iter().map(|problem| problem.render(false)).collect();
        (config, problems.join("\n\n"))
    }

    #[test]
    fn without_settings_every_hazard_has_its_own_level() {
        let (config, problems) = load(None, Some("[package]\nname = \"a\"\n"));
        assert_eq!((&config, problems.as_str()), (&Config::default(), ""));
        assert_eq!(config.level(Rule::UnusedAllow), LintLevel::Warn);
        assert_eq!(config.level(Rule::UnknownTable), LintLevel::Deny);
    }

    #[test]
    fn settings_are_read_from_either_place() {
        let tables = |prefix: &str| {
            format!(
                "[{prefix}lints]\nunused-allow = \"deny\"\n[{prefix}types]\n\"numeric(10, 2)\" = \"Price\"\n\
                 [{prefix}lock]\nrequired = true\n"
            )
        };
        let own = load(Some(&tables("")), None);
        assert_eq!(own, load(None, Some(&tables("package.metadata.reshape."))));
        let (config, problems) = own;
        assert_eq!(problems, "");
        assert_eq!(config.level(Rule::UnusedAllow), LintLevel::Deny);
        assert_eq!(config.types, [("numeric(10, 2)".to_owned(), "Price".to_owned())]);
        assert!(config.lock.required);
    }

    #[test]
    fn a_hazard_goes_by_its_id_too() {
        let (config, problems) = load(Some("[lints]\nr0400 = \"Allow\"\n"), None);
        assert_eq!((config.level(Rule::UnusedAllow), &*problems), (LintLevel::Allow, ""));
    }

    #[test]
    fn a_broken_manifest_is_the_business_of_cargo() {
        assert_eq!(load(None, Some("[package\n")), (Config::default(), String::new()));
    }

    #[test]
    fn no_settings_panic() {
        let text = "[package.metadata.reshape]\nlints = { unused-allow = \"deny\", R0400 = 1 }\n\
             [package.metadata.reshape.types]\n\"é\" = [1]\n[package.metadata.reshape.lock]\nrequired = \"true\"\n";
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for text in [text[..at].to_owned(), format!("{}\"{}", &text[..at], &text[at..])] {
                let source = Source::new(Path::new("Cargo.toml"), text.clone());
                let _ = file::manifest_settings(&source);
                let own = text.replace("package.metadata.reshape.", "");
                let (_, problems) = file::settings(&Source::new(Path::new(FILE), own));
                assert!(problems.iter().all(|problem| !problem.render(false).is_empty()));
            }
        }
    }

    #[test]
    fn the_settings_are_above_the_first_folder() {
        let root = |folder: &str| root_of(&[PathBuf::from(folder), "other".into()]);
        assert_eq!(root("migrations"), Path::new(""));
        assert_eq!(root("a/b/"), Path::new("a"));
        assert_eq!(root("."), Path::new("./.."));
        assert_eq!(root(".."), Path::new("../.."));
        assert_eq!(root_of(&[]), Path::new(""));
    }
}
