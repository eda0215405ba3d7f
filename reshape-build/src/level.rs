//! What becomes of each problem: hazards have a level, and a migration can accept them.
//!
//! **Invariant:** an error stays one, whatever a file says.

use reshape_runtime::Rule;
use reshape_runtime::model::{Lint, Migration};
use reshape_runtime::rule::LintLevel;
use reshape_runtime::schema::{At, Problem, Segment};

use crate::config::Config;
use crate::diagnostic::Level;

/// The problems that are told, and how; `migrations` are those that were judged, all that was found about them being in `problems`.
pub(crate) fn judge(
    migrations: &[Migration],
    problems: Vec<Problem>,
    config: &Config,
) -> Vec<(Problem, Level)> {
    let unused = unused(migrations, &problems);
    let accepted = |problem: &Problem| {
        let migration = migrations.get(problem.at.migration);
        problem.rule.is_hazard() && migration.is_some_and(|m| accepts(m, problem.rule))
    };
    let left = problems.into_iter().filter(|problem| !accepted(problem)).chain(unused);
    left.filter_map(|problem| {
        let level = match config.level(problem.rule) {
            LintLevel::Deny => Level::Error,
            LintLevel::Warn => Level::Warning,
            LintLevel::Allow => return None,
        };
        Some((problem, level))
    })
    .collect()
}

fn accepts(migration: &Migration, rule: Rule) -> bool {
    migration.allow.iter().any(|allow| hazard(&allow.lint) == Some(rule))
}

/// The rule that a lint names, if it is one that is judged here.
fn hazard(lint: &Lint) -> Option<Rule> {
    match lint {
        Lint::Hazard(name) => Rule::parse(name),
        // The database decides about these.
        Lint::RowSecurityBypass | Lint::Drift => None,
    }
}

/// Exceptions that nothing needs: what they were made for is gone, and the next such hazard would go unnoticed.
fn unused(migrations: &[Migration], problems: &[Problem]) -> Vec<Problem> {
    let mut unused = Vec::new();
    for (number, migration) in migrations.iter().enumerate() {
        for (place, allow) in migration.allow.iter().enumerate() {
            let Some(rule) = hazard(&allow.lint) else { continue };
            let needed = problems.iter().any(|p| p.rule == rule && p.at.migration == number);
            // One that accepts unused exceptions is never unused itself: that would have no end.
            if needed || rule == Rule::UnusedAllow {
                continue;
            }
            let path = vec!["allow".into(), Segment::Index(place), "lint".into()];
            unused.push(Problem {
                rule: Rule::UnusedAllow,
                at: At::whole(number),
                path,
                within: None,
                message: format!("the migration does not have the hazard `{}`", rule.name()),
                help: Some("remove the exception".to_owned()),
                related: None,
            });
        }
    }
    unused.retain(|problem| !accepts(&migrations[problem.at.migration], Rule::UnusedAllow));
    unused
}

#[cfg(test)]
mod tests {
    use reshape_runtime::model::{Allow, Str};

    use super::*;

    fn migration(allow: &[&'static str]) -> Migration {
        let allow = allow
            .iter()
            .map(|name| Allow { lint: Lint::from(Str::Borrowed(name)), reason: "because".into() });
        Migration {
            name: "1_a".into(),
            description: None,
            checksum: "".into(),
            actions: Vec::new().into(),
            allow: allow.collect(),
            requires: Vec::new().into(),
        }
    }

    fn problem(rule: Rule) -> Problem {
        Problem {
            rule,
            at: At { migration: 0, action: 0 },
            path: Vec::new(),
            within: None,
            message: "wrong".to_owned(),
            help: None,
            related: None,
        }
    }

    fn judged(
        allow: &[&'static str],
        problems: &[Rule],
        levels: &[(Rule, LintLevel)],
    ) -> Vec<(Rule, Level)> {
        let config = Config { levels: levels.to_vec(), ..Config::default() };
        let problems = problems.iter().copied().map(problem).collect();
        let judged = judge(&[migration(allow)], problems, &config);
        judged.into_iter().map(|(problem, level)| (problem.rule, level)).collect()
    }

    #[test]
    fn a_hazard_has_the_level_that_is_set() {
        let hazard = Rule::UnusedAllow;
        assert_eq!(judged(&[], &[hazard], &[]), [(hazard, Level::Warning)]);
        let deny = [(hazard, LintLevel::Deny)];
        assert_eq!(judged(&[], &[hazard], &deny), [(hazard, Level::Error)]);
        assert_eq!(judged(&[], &[hazard], &[(hazard, LintLevel::Allow)]), []);
    }

    #[test]
    fn a_migration_accepts_a_hazard_whatever_its_level() {
        let hazard = Rule::UnusedAllow;
        let deny = [(hazard, LintLevel::Deny)];
        assert_eq!(judged(&[hazard.name()], &[hazard], &deny), []);
    }

    #[test]
    fn an_error_is_never_accepted() {
        let error = Rule::UnknownTable;
        assert_eq!(judged(&[error.name()], &[error], &[]), [(error, Level::Error)]);
    }

    #[test]
    fn what_the_database_decides_about_is_never_unused() {
        assert_eq!(judged(&["drift", "row_security_bypass"], &[], &[]), []);
        assert_eq!(judged(&["of-a-later-release"], &[], &[]), []);
    }
}
