//! When cargo embeds migrations again, and when it leaves them alone: real packages, compiled by cargo, offline.
//!
//! Each project is made below the target directory, has the workspace's `Cargo.lock`, and shares a target directory with the fixtures of
//! `ui.rs`, so that dependencies are compiled once.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use reshape_runtime::testing::Server;

const MAIN: &str = r#"
reshape_runtime::migrations!();

fn main() {
    for migration in &*migrations::SET.migrations {
        println!("{} {}", migration.name, &migration.checksum[..4]);
    }
}
"#;

/// A folder with packages in it.
struct Project {
    folder: PathBuf,
}

/// What cargo did.
struct Build {
    success: bool,
    /// What it said.
    text: String,
    /// The packages of the project that were compiled, without those that were fresh.
    compiled: Vec<String>,
    /// The packages of the project whose build script ran.
    scripts: Vec<String>,
    /// The folders that these left their output in.
    out: Vec<PathBuf>,
    binary: Option<PathBuf>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn table(name: &str) -> String {
    format!(
        "[[actions]]\ntype = \"create_table\"\nname = \"{name}\"\nprimary_key = \"id\"\n\
         columns = [{{ name = \"id\", type = \"int\" }}]\n"
    )
}

impl Project {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuild").join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => fs::create_dir_all(&folder).unwrap(),
        }
        Self { folder }
    }

    /// The same with one package at its root; `builder` is what the build script calls.
    fn package(name: &str, builder: &str) -> Self {
        let project = Self::new(name);
        project.add_package("", name, builder);
        project.lock_dependencies("");
        project
    }

    fn add_package(&self, place: &str, name: &str, builder: &str) {
        let root = root().display().to_string().replace('\\', "/");
        let own_workspace = if place.starts_with("member") { "" } else { "[workspace]" };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             description = \"a\"\nlicense = \"MIT\"\n\n[dependencies.reshape-runtime]\n\
             version = \"0.1.0\"\npath = \"{root}/reshape-runtime\"\ndefault-features = false\nfeatures = [\"macros\"]\n\n\
             [build-dependencies.reshape-build]\nversion = \"0.1.0\"\npath = \"{root}/reshape-build\"\n{own_workspace}\n"
        );
        self.write(&format!("{place}/Cargo.toml"), &manifest);
        self.write(&format!("{place}/build.rs"), &format!("fn main() {{ {builder} }}\n"));
        self.write(&format!("{place}/src/main.rs"), MAIN);
    }

    fn lock_dependencies(&self, place: &str) {
        let lock = self.folder.join(place).join("Cargo.lock");
        fs::copy(root().join("Cargo.lock"), lock).unwrap();
    }

    fn write(&self, path: &str, text: &str) {
        write(&self.folder.join(path.trim_start_matches('/')), text);
    }

    fn add(&self, folder: &str, migration: &str) {
        self.write(&format!("{folder}/{migration}.toml"), &table(migration));
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.join(from), self.folder.join(to)).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.folder.join(path)).unwrap();
    }

    /// Runs cargo in a folder of the project; `CI` and `RESHAPE_LOCK` are set only by `variables`.
    fn run(&self, place: &str, arguments: &str, variables: &[(&str, &str)]) -> Output {
        Command::new(env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()))
            .args(arguments.split(' '))
            .arg("--offline")
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui-target"))
            .env_remove("RUSTFLAGS")
            .env_remove("CI")
            .env_remove("RESHAPE_LOCK")
            .envs(variables.iter().copied())
            .current_dir(self.folder.join(place))
            .output()
            .unwrap()
    }

    /// Runs a command of cargo that builds.
    fn cargo_with(&self, place: &str, arguments: &str, variables: &[(&str, &str)]) -> Build {
        let arguments = format!("{arguments} --message-format=json");
        let output = self.run(place, &arguments, variables);
        let mut build = Build {
            success: output.status.success(),
            text: String::from_utf8(output.stderr).unwrap(),
            compiled: Vec::new(),
            scripts: Vec::new(),
            out: Vec::new(),
            binary: None,
        };
        let here = self.folder.display().to_string();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            if !message["package_id"].as_str().unwrap_or_default().contains(&here) {
                continue;
            }
            let name = message["target"]["name"].as_str().unwrap_or_default();
            let id = message["package_id"].as_str().unwrap_or_default();
            match message["reason"].as_str() {
                Some("compiler-artifact") if message["fresh"] == false => {
                    build.compiled.push(name.to_owned());
                }
                Some("build-script-executed") => {
                    build.scripts.push(id.rsplit(['/', '#']).next().unwrap_or_default().to_owned());
                    build.out.push(message["out_dir"].as_str().unwrap().into());
                }
                _ => {}
            }
            if let Some(rendered) = message["message"]["rendered"].as_str() {
                build.text.push_str(rendered);
            }
            if let Some(binary) = message["executable"].as_str() {
                build.binary = Some(binary.into());
            }
        }
        build
    }

    fn cargo(&self, arguments: &str) -> Build {
        self.cargo_with("", arguments, &[])
    }

    /// Builds, which must work, and gives what the binary prints: one line for each migration.
    fn names(&self) -> Vec<String> {
        self.cargo("build").names()
    }

    /// Nothing is compiled, and nothing is run.
    #[track_caller]
    fn assert_fresh(&self, arguments: &str) {
        // The output of a script that has not run is told, too; its time is what counts.
        let time = |build: &Build| {
            let files = build.out.iter().map(|out| out.parent().unwrap().join("output"));
            files.map(|file| fs::metadata(file).unwrap().modified().unwrap()).collect::<Vec<_>>()
        };
        let first = self.cargo(arguments);
        let (before, again) = (time(&first), self.cargo(arguments));
        assert!(first.success, "{}", first.text);
        assert_eq!(first.compiled, [""; 0], "compiled again although nothing has changed");
        assert_eq!(before, time(&again), "the build script ran although nothing has changed");
    }
}

impl Build {
    fn names(self) -> Vec<String> {
        assert!(self.success, "{}", self.text);
        let output = Command::new(self.binary.unwrap()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

const MIGRATIONS: &str = "reshape_build::migrations(\"migrations\");";

#[test]
fn what_is_done_to_a_migration_is_embedded_and_nothing_else_is_compiled() {
    let project = Project::package("single", MIGRATIONS);
    project.add("migrations", "1_a");
    assert_eq!(project.names(), ["1_a"]);
    project.assert_fresh("build");

    project.add("migrations", "2_b");
    assert_eq!(project.names(), ["1_a", "2_b"]);
    project.assert_fresh("build");

    let checksums = || {
        let build = project.cargo("build");
        String::from_utf8(Command::new(build.binary.unwrap()).output().unwrap().stdout).unwrap()
    };
    let before = checksums();
    project.write("migrations/2_b.toml", &table("edited"));
    assert_ne!(before, checksums());
    project.assert_fresh("build");

    project.rename("migrations/2_b.toml", "migrations/3_c.toml");
    assert_eq!(project.names(), ["1_a", "3_c"]);
    project.assert_fresh("build");

    project.remove("migrations/1_a.toml");
    assert_eq!(project.names(), ["3_c"]);
    project.assert_fresh("build");

    // What is no migration costs a run of the build script: cargo watches the folder.
    project.write("src/other.rs", "");
    project.assert_fresh("build");
}

#[test]
fn an_error_is_told_until_it_is_gone() {
    let project = Project::package("error", MIGRATIONS);
    project.add("migrations", "1_a");
    project.add("migrations", "2_b");
    assert_eq!(project.names(), ["1_a", "2_b"]);
    project.write("migrations/2_b.toml", &table("1_a"));
    for command in ["build", "build", "check"] {
        let build = project.cargo(command);
        assert!(!build.success && build.text.contains("R0210"), "{}", build.text);
    }
    project.add("migrations", "2_b");
    assert_eq!(project.names(), ["1_a", "2_b"]);
}

#[test]
fn several_folders_are_watched_also_outside_the_package() {
    let project = Project::new("folders");
    let builder = "reshape_build::Builder::new().folder(\"migrations\").folder(\"../shared/migrations\").emit();";
    project.add_package("app", "folders", builder);
    project.lock_dependencies("app");
    project.add("app/migrations", "1_a");
    project.add("shared/migrations", "2_b");
    let names = || project.cargo_with("app", "build", &[]).names();
    let fresh = || project.cargo_with("app", "build", &[]).compiled.is_empty();
    assert_eq!(names(), ["1_a", "2_b"]);
    assert!(fresh());
    project.add("shared/migrations", "1_z");
    assert_eq!(names(), ["1_a", "1_z", "2_b"]);
    assert!(fresh());
    project.rename("shared/migrations/2_b.toml", "shared/migrations/3_b.toml");
    assert_eq!(names(), ["1_a", "1_z", "3_b"]);
    project.remove("shared/migrations/1_z.toml");
    project.remove("app/migrations/1_a.toml");
    project.add("app/migrations", "4_d");
    assert_eq!(names(), ["3_b", "4_d"]);
    assert!(fresh());
}

#[test]
fn members_of_a_workspace_are_embedded_apart() {
    let project = Project::new("workspace");
    project.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"member_a\", \"member_b\"]\n",
    );
    for member in ["member_a", "member_b"] {
        project.add_package(member, member, MIGRATIONS);
        project.add(&format!("{member}/migrations"), "1_a");
    }
    project.lock_dependencies("");
    assert!(project.cargo("build").success);
    project.assert_fresh("build");
    project.add("member_a/migrations", "2_b");
    assert_eq!(project.cargo("build").compiled, ["member_a"]);
    // From the folder of a member, too.
    let names = |member| project.cargo_with(member, "build", &[]).names();
    assert_eq!((names("member_a").len(), names("member_b").len()), (2, 1));
}

#[test]
fn check_embeds_as_build_does() {
    let project = Project::package("checked", MIGRATIONS);
    project.add("migrations", "1_a");
    assert!(project.cargo("check").success);
    project.assert_fresh("check");
    project.write("migrations/1_a.toml", "[[actions]]\ntype = \"remove_table\"\ntable = \"b\"\n");
    let check = project.cargo("check");
    assert!(!check.success && check.text.contains("R0201"), "{}", check.text);
    // The place that an editor shows: rustc's error names the file, the line and the column.
    assert!(check.text.contains("migrations/1_a.toml:3:9"), "{}", check.text);
}

#[test]
fn the_build_script_is_the_hosts_and_the_binary_the_targets() {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let build = format!("build --target {}", host.trim());
    let project = Project::package("crossed", MIGRATIONS);
    project.add("migrations", "1_a");
    assert_eq!(project.cargo(&build).names(), ["1_a"]);
    project.assert_fresh(&build);
    project.add("migrations", "2_b");
    let second = project.cargo(&build);
    assert!(second.binary.as_ref().unwrap().iter().any(|part| part == host.trim()));
    assert_eq!(second.names(), ["1_a", "2_b"]);
}

#[test]
fn the_output_depends_on_the_migrations_alone() {
    let output = |name| {
        let project = Project::new(name);
        project.add_package(
            "deeper/app",
            "same",
            "reshape_build::Builder::new().folder(\"migrations\").folder(\"../more\").emit();",
        );
        project.lock_dependencies("deeper/app");
        project.add("deeper/app/migrations", "1_a");
        project.add("deeper/more", "2_b");
        let build = project.cargo_with("deeper/app", "check", &[]);
        assert!(build.success, "{}", build.text);
        let [out] = &build.out[..] else { panic!("{:?}", build.out) };
        let read = |file| fs::read_to_string(out.join("reshape").join(file)).unwrap();
        let instructions = fs::read_to_string(out.parent().unwrap().join("output")).unwrap();
        let texts = [read("migrations.rs"), read("index.txt"), instructions];
        // The other project may have the same place.
        fs::remove_dir_all(out.join("reshape")).unwrap();
        texts
    };
    let (first, second) = (output("same_here"), output("same_there"));
    assert_eq!(first, second);
    let folder = env!("CARGO_TARGET_TMPDIR");
    assert!(
        first.iter().all(|text| !text.contains(folder)),
        "a path of this machine in {first:#?}"
    );
}

#[test]
fn a_lock_file_is_watched_as_soon_as_it_is_there() {
    let project = Project::package("locked", MIGRATIONS);
    project.add("migrations", "1_a");
    assert_eq!(project.names(), ["1_a"]);
    // Not written unasked, nor in CI.
    assert!(!project.folder.join("migrations.lock").exists());
    let ci = project.cargo_with("", "build", &[("RESHAPE_LOCK", "write"), ("CI", "true")]);
    assert!(ci.success && !project.folder.join("migrations.lock").exists());

    let written = project.cargo_with("", "build", &[("RESHAPE_LOCK", "write")]);
    assert!(written.success, "{}", written.text);
    let lock = fs::read_to_string(project.folder.join("migrations.lock")).unwrap();
    assert!(lock.contains("migration \"1_a\""), "{lock}");
    assert_eq!(project.names(), ["1_a"]);
    project.assert_fresh("build");

    project.write("migrations/1_a.toml", &table("edited"));
    let build = project.cargo("build");
    assert!(!build.success && build.text.contains("R0501"), "{}", build.text);
    // It is not written over: that is the command's business.
    assert!(!project.cargo_with("", "build", &[("RESHAPE_LOCK", "write")]).success);
    assert_eq!(fs::read_to_string(project.folder.join("migrations.lock")).unwrap(), lock);
    // The file itself is watched, too.
    project.write("migrations.lock", &lock.replace("1_a", "1_b"));
    assert!(project.cargo("build").text.contains("R0506"));
    project.remove("migrations.lock");
    assert_eq!(project.names(), ["1_a"]);
}

#[test]
fn a_required_lock_file_that_is_missing_fails_the_build() {
    let builder = "reshape_build::Builder::new().lock(reshape_build::lock::Lock::Required).emit();";
    let project = Project::package("required", builder);
    project.add("migrations", "1_a");
    let build = project.cargo("build");
    assert!(!build.success && build.text.contains("R0507"), "{}", build.text);
    assert!(project.cargo_with("", "build", &[("RESHAPE_LOCK", "write")]).success);
    assert_eq!(project.names(), ["1_a"]);
    project.assert_fresh("build");
}

/// Packs a project and unpacks it where none of its other files are.
fn packed(project: &Project, place: &str, name: &str) -> Project {
    // What cargo would look for in the registry is here.
    let packed =
        project.run(place, &format!("package --no-verify --allow-dirty {}", patches()), &[]);
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let archive = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("ui-target/package/{name}-0.0.0.crate"));
    let unpacked = Project::new(&format!("{name}_unpacked"));
    let tar = Command::new("tar").arg("-xzf").arg(archive).current_dir(&unpacked.folder).status();
    assert!(tar.unwrap().success());
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = [\"{name}-0.0.0\"]\n");
    unpacked.write("Cargo.toml", &workspace);
    unpacked.lock_dependencies("");
    unpacked
}

fn patches() -> String {
    let root = root().display().to_string();
    ["runtime", "build", "macros"]
        .map(|name| {
            format!("--config patch.crates-io.reshape-{name}.path=\"{root}/reshape-{name}\"")
        })
        .join(" ")
}

#[test]
fn a_packaged_crate_builds_from_its_own_files() {
    let project = Project::package("packaged", MIGRATIONS);
    project.add("migrations", "1_a");
    assert!(project.cargo_with("", "build", &[("RESHAPE_LOCK", "write")]).success);
    let unpacked = packed(&project, "", "packaged");
    assert!(unpacked.folder.join("packaged-0.0.0/migrations.lock").exists());
    let build = unpacked.cargo_with("packaged-0.0.0", &format!("build {}", patches()), &[]);
    assert_eq!(build.names(), ["1_a"]);
}

#[test]
fn a_packaged_crate_without_a_folder_of_it_says_why() {
    let project = Project::new("outside");
    let builder = "reshape_build::migrations(\"../shared/migrations\");";
    project.add_package("app", "outside", builder);
    project.lock_dependencies("app");
    project.add("shared/migrations", "1_a");
    assert_eq!(project.cargo_with("app", "build", &[]).names(), ["1_a"]);
    let unpacked = packed(&project, "app", "outside");
    let build = unpacked.cargo_with("outside-0.0.0", &format!("build {}", patches()), &[]);
    assert!(!build.success);
    assert!(build.text.contains("is outside the package"), "{}", build.text);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_outside_is_packed_as_the_folder() {
    let project = Project::new("linked");
    project.add_package("app", "linked", MIGRATIONS);
    project.lock_dependencies("app");
    project.add("shared/migrations", "1_a");
    let link = project.folder.join("app/migrations");
    std::os::unix::fs::symlink("../shared/migrations", link).unwrap();
    let unpacked = packed(&project, "app", "linked");
    let build = unpacked.cargo_with("linked-0.0.0", &format!("build {}", patches()), &[]);
    assert_eq!(build.names(), ["1_a"]);
}

#[test]
fn a_build_proves_the_migrations_when_it_is_asked() {
    let project = Project::package("proven", MIGRATIONS);
    let custom = "[[actions]]\ntype = \"custom\"\ncomplete = \"SELECT nothing_there(1)\"\n";
    project.write("migrations/1_a.toml", custom);
    assert!(project.cargo("build").success);
    let url = Server::shared().unwrap().url();
    let live =
        || project.cargo_with("", "build", &[("RESHAPE_CHECK", "live"), ("DATABASE_URL", url)]);
    let build = live();
    assert!(!build.success && build.text.contains("needs the feature `live`"), "{}", build.text);

    let manifest = fs::read_to_string(project.folder.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("/reshape-build\"", "/reshape-build\"\nfeatures = [\"live\"]");
    project.write("Cargo.toml", &manifest);
    assert!(project.cargo("build").success);
    let build = live();
    assert!(!build.success && build.text.contains("R0705"), "{}", build.text);
    assert!(build.text.contains("migrations/1_a.toml:3:20"), "{}", build.text);
    project.write("migrations/1_a.toml", &custom.replace("nothing_there(1)", "1"));
    assert!(live().success);
    assert!(live().compiled.is_empty(), "proven again although nothing has changed");
}
