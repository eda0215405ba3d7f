//! Writes what `reshape-build` writes, for fixtures about the macros alone: every `.toml` file in `migrations` is a migration
//! without actions, its first line the description; `PROBLEM` in it is one problem.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    let mut names = fs::read_dir("migrations")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    names.sort();

    let format = fs::read_to_string("migrations/format").unwrap_or("1".into());
    let mut index = format!("reshape-index\t{}\n", format.trim());
    let (mut actions, mut migrations) = (String::new(), String::new());
    let mut problems = false;
    for (position, name) in names.iter().enumerate() {
        let text = fs::read_to_string(format!("migrations/{name}.toml")).unwrap();
        let description = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        let constant = format!("M{}", name.to_uppercase().replace('-', "_"));
        let ident = constant.split('_').map(|part| part[..1].to_owned() + &part[1..].to_lowercase());
        let ident = ident.collect::<String>();
        writeln!(
            index,
            "migration\t{name}\t{ident}\t{constant}\tcafe{position}\t{description}\tmigrations/{name}.toml"
        )
        .unwrap();
        if text.contains("PROBLEM") {
            problems = true;
            writeln!(
                index,
                "problem\terror: there is no table `user`\\n \
                 --> migrations/{name}.toml:2:9\\n  |\\n2 | table = \"user\"\\n  |         ^^^^^^\\n  \
                 = help: did you mean `users`?"
            )
            .unwrap();
        }
        writeln!(actions, "pub(super) const ACTIONS_{position}: &[__rt::action::Action] = &[];").unwrap();
        writeln!(
            migrations,
            "__rt::model::Migration {{ name: ::std::borrow::Cow::Borrowed({name:?}), description: None, \
             checksum: ::std::borrow::Cow::Borrowed(\"cafe{position}\"), \
             actions: ::std::borrow::Cow::Borrowed(ACTIONS_{position}) }},"
        )
        .unwrap();
    }
    if problems {
        (actions, migrations) = (String::new(), String::new());
    }
    let folder = Path::new(&env::var("OUT_DIR").unwrap()).join("reshape");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("index.txt"), index).unwrap();
    let all = "pub(super) const MIGRATIONS: &[__rt::model::Migration]";
    fs::write(folder.join("migrations.rs"), format!("{actions}{all} = &[{migrations}];\n")).unwrap();
}
