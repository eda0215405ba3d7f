//! `docs`: the documentation of the actions, from where it is written, the comments of their types.
//!
//! **Invariant:** nothing is said twice: a new action has its page as soon as it is in [`PAGES`], which a test compares with the
//! folder.

use std::fmt::Write as _;

use crate::schema::nearest;

macro_rules! pages {
    ($($name:literal)*) => {
        /// Each action's name, and the file that documents it.
        const PAGES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../action/", $name, ".rs")))),*];
    };
}

pages! {
    "create_table" "rename_table" "remove_table" "add_column" "alter_column" "remove_column" "add_index" "remove_index"
    "add_foreign_key" "remove_foreign_key" "add_check" "remove_check" "create_enum" "remove_enum" "custom"
}

/// The page at `path`, e.g. `add_column` or `actions/add-column`; without one, what there is.
pub(super) fn page(path: Option<&str>) -> Result<String, String> {
    let Some(path) = path else { return Ok(contents()) };
    let name = path.trim_matches('/').trim_start_matches("actions/").replace('-', "_");
    if name == "actions" {
        return Ok(contents());
    }
    match PAGES.iter().find(|(action, _)| *action == name) {
        Some((action, source)) => Ok(format!("# `{action}`\n\n{}{}", docs(source), fields(source))),
        None => Err(match nearest(&name, PAGES.iter().map(|(action, _)| *action)) {
            Some(similar) => {
                format!("there is no page `{path}`\n  help: there is `docs {similar}`")
            }
            None => format!("there is no page `{path}`\n  help: `docs` alone lists what there is"),
        }),
    }
}

fn contents() -> String {
    let mut text = String::from(
        "A migration is a file, `.toml` or `.json`, with a list of actions:\n\n\
         \x20   description = \"optional\"\n\n\
         \x20   [[actions]]\n\
         \x20   type = \"rename_table\"\n\
         \x20   table = \"users\"\n\
         \x20   new_name = \"people\"\n\n\
         The files apply in the natural order of their names: `2_x` before `10_x`.\n\nActions:\n",
    );
    for (action, source) in PAGES {
        let docs = docs(source);
        let _ = writeln!(text, "  {action:<20}{}", docs.lines().next().unwrap_or_default());
    }
    text.push_str("\n`docs add_column` says more about one.\n");
    text
}

/// The first documentation comment of a file.
fn docs(source: &str) -> String {
    let lines = source.lines().skip_while(|line| !line.starts_with("///"));
    let lines = lines.map_while(|line| line.strip_prefix("///"));
    lines.fold(String::new(), |text, line| {
        // The page has a heading of its own above these.
        let level = if line.starts_with(" # ") { "#" } else { "" };
        text + level + line.strip_prefix(' ').unwrap_or(line) + "\n"
    })
}

/// The fields of a file's first struct, as they are called in a migration.
fn fields(source: &str) -> String {
    let mut text = String::from("\n## Fields\n\n");
    let (mut docs, mut rename, mut optional) = (String::new(), None, false);
    let body = source.lines().skip_while(|line| !line.starts_with("pub struct")).skip(1);
    for line in body.take_while(|line| *line != "}").map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            docs.push_str(more);
        } else if let Some(attributes) = line.strip_prefix("#[serde(") {
            optional |= attributes.contains("default");
            let renamed =
                attributes.split_once("rename = \"").and_then(|(_, rest)| rest.split_once('"'));
            rename = renamed.map(|(name, _)| name);
        } else if let Some((name, _)) =
            line.strip_prefix("pub ").and_then(|rest| rest.split_once(':'))
        {
            let mark = if optional { " (optional)" } else { "" };
            let _ = writeln!(text, "- `{}`{mark}:{docs}", rename.unwrap_or(name));
            (docs, rename, optional) = (String::new(), None, false);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_page() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/action");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|name| name != "mod")
            .collect();
        let mut pages: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
        files.sort();
        pages.sort_unstable();
        assert_eq!(pages, files);
        for (action, _) in PAGES {
            let page = page(Some(action)).unwrap();
            assert!(page.contains("## Example") && page.contains("\n- `"), "{page}");
        }
    }

    #[test]
    fn a_page_reads_like_the_format() {
        insta::assert_snapshot!(page(Some("actions/remove-enum")).unwrap());
    }

    #[test]
    fn what_there_is_not_gets_a_suggestion() {
        let error = page(Some("add_colum")).unwrap_err();
        assert!(error.ends_with("help: there is `docs add_column`"), "{error}");
        assert!(page(Some("zebra")).unwrap_err().contains("lists what there is"));
    }
}
