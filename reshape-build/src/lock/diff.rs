//! What was changed, for people: a diff of JSON, laid out with a line for each value.
//!
//! **Invariant:** the layout follows the text, never a map: the order of keys is that of the model.

/// How many unchanged lines are shown around a change.
const CONTEXT: usize = 2;

/// Beyond this many changed lines the diff is not worth its time: everything old, then everything new.
const MOST: usize = 1_000;

/// The lines that differ between two lists of actions, `-` and `+` before them, with some around.
pub(super) fn diff(old: &[String], new: &[String]) -> String {
    // What is the same at both ends need not be laid out.
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let lines = |actions: &[String]| -> Vec<String> {
        actions[start..actions.len() - end].iter().flat_map(|action| lay_out(action)).collect()
    };
    shorten(&edits(&lines(old), &lines(new)))
}

/// Compact JSON on several lines; the lines of a text in it, too.
fn lay_out(json: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut depth, mut quoted) = (0_usize, false);
    let mut chars = json.chars().peekable();
    while let Some(char) = chars.next() {
        let line = lines.last_mut().expect("there is always a line");
        match (char, quoted) {
            ('\\', true) => {
                let escaped = chars.next().unwrap_or_default();
                if escaped == 'n' {
                    lines.push("  ".repeat(depth + 1));
                } else if matches!(escaped, '"' | '\\') {
                    line.push(escaped);
                } else {
                    line.extend(['\\', escaped]);
                }
            }
            ('"', _) => {
                quoted = !quoted;
                line.push(char);
            }
            ('{' | '[', false) => {
                line.push(char);
                if !chars.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    depth += 1;
                    lines.push("  ".repeat(depth));
                }
            }
            ('}' | ']', false) => {
                if !line.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    lines.push("  ".repeat(depth));
                }
                lines.last_mut().expect("there is always a line").push(char);
            }
            (',', false) => {
                line.push(char);
                lines.push("  ".repeat(depth));
            }
            (':', false) => line.push_str(": "),
            (char, _) => line.push(char),
        }
    }
    lines
}

/// Each line with what became of it: ` `, `-` or `+`. The longest common subsequence.
fn edits<'l>(old: &'l [String], new: &'l [String]) -> Vec<(char, &'l str)> {
    if old.len().max(new.len()) > MOST {
        let gone = old.iter().map(|line| ('-', line.as_str()));
        return gone.chain(new.iter().map(|line| ('+', line.as_str()))).collect();
    }
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            common[i][j] = if a == b {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut edits = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            edits.push((' ', old[i].as_str()));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            edits.push(('-', old[i].as_str()));
            i += 1;
        } else {
            edits.push(('+', new[j].as_str()));
            j += 1;
        }
    }
    edits
}

/// Only what is near a change; `…` for the rest.
fn shorten(edits: &[(char, &str)]) -> String {
    let changed: Vec<bool> = edits.iter().map(|(kind, _)| *kind != ' ').collect();
    let near = |at: usize| {
        let range = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(changed.len());
        changed[range].contains(&true)
    };
    let mut lines: Vec<String> = Vec::new();
    for (at, (kind, line)) in edits.iter().enumerate() {
        if near(at) {
            lines.push(format!("{kind} {line}"));
        } else if lines.last().is_none_or(|line| line != "  …") {
            lines.push("  …".to_owned());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &[&str], new: &[&str]) -> String {
        let owned =
            |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        diff(&owned(old), &owned(new))
    }

    #[test]
    fn only_what_changed_is_shown() {
        let old = r#"{"type":"create_table","name":"users","columns":[{"name":"id","type":"int"},{"name":"a","type":"text"}],"x":[],"y":{}}"#;
        let new = old.replace(r#""type":"int""#, r#""type":"bigint","nullable":false"#);
        insta::assert_snapshot!(of(&["{\"a\":1}", old, "{\"b\":1}"], &["{\"a\":1}", &new, "{\"b\":1}"]), @r#"
          …
              {
                "name": "id",
        -       "type": "int"
        +       "type": "bigint",
        +       "nullable": false
              },
              {
          …
        "#);
    }

    #[test]
    fn a_text_of_several_lines_is_compared_line_by_line() {
        let old = r#"{"start":"UPDATE a\nSET b = \"c\"\nWHERE d"}"#;
        insta::assert_snapshot!(of(&[old], &[&old.replace("WHERE d", "WHERE e \\\\")]), @r#"
          …
            "start": "UPDATE a
              SET b = "c"
        -     WHERE d"
        +     WHERE e \"
          }
        "#);
    }

    #[test]
    fn actions_that_come_and_go() {
        insta::assert_snapshot!(of(&["{\"a\":[]}", "{\"b\":{}}"], &["{\"b\":{}}", "{\"c\":1}"]), @r#"
          {
        -   "a": []
        +   "b": {}
          }
          {
        -   "b": {}
        +   "c": 1
          }
        "#);
    }
}
