//! What the figures depend on.

use std::process::Command;
use std::{env, fs, thread};

/// Date, commit, processors, memory, disk, and the versions of what was measured with.
pub(crate) fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or("an unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or(String::from("unknown memory"), |kib| format!("{} GiB of memory", kib >> 20));
    let server = env::var("BENCH_SERVER").unwrap_or_default();
    let parts = [
        said("date", &["+%Y-%m-%d"]).unwrap_or_default(),
        format!("reshape {} at commit {}", env!("CARGO_PKG_VERSION"), commit()),
        format!("{cores} cores of {cpu}, {memory}, {}", disk()),
        said("uname", &["-s"]).unwrap_or_else(|| env::consts::OS.to_owned()),
        said("rustc", &["--version"]).unwrap_or_default(),
        server,
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// With a word if what was measured is not what was committed.
fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    match said("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if !changed.is_empty() => format!("{commit} with changes"),
        _ => commit,
    }
}

/// The file system where the server of `tests/bench` has its data.
fn disk() -> String {
    let folder = env::temp_dir().display().to_string();
    let line = said("df", &["--output=source,fstype,size", "-h", &folder]);
    let line = line.and_then(|text| text.lines().last().map(str::to_owned));
    let words: Vec<&str> = line.iter().flat_map(|line| line.split_whitespace()).collect();
    let [device, kind, size] = words[..] else { return String::from("an unknown disk") };
    let name = device.trim_start_matches("/dev/");
    let turns = fs::read_to_string(format!("/sys/block/{name}/queue/rotational"));
    let what = match turns.as_deref().map(str::trim) {
        Ok("0") => ", does not rotate",
        Ok("1") => ", said to rotate",
        _ => "",
    };
    format!("a disk of {size} with {kind}{what}")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
