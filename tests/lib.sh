# Functions that the scripts share; to be sourced by bash. Sets `root`, the folder of the workspace.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() {
    printf '\n==> %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  help: %s\n' "$line" >&2; done
    exit 1
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "\`$*\` needs root, and there is no sudo" "run it as root yourself, then try again"
    fi
}

# Installs the first package list whose package manager is here: install_packages apt-packages dnf-packages apk-packages brew-packages
install_packages() {
    if command -v apt-get >/dev/null; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        # Word splitting is meant: each argument is a list of packages.
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $1
    elif command -v dnf >/dev/null; then
        # shellcheck disable=SC2086
        as_root dnf install -y $2
    elif command -v apk >/dev/null; then
        # shellcheck disable=SC2086
        as_root apk add $3
    elif command -v brew >/dev/null; then
        # shellcheck disable=SC2086
        brew install $4
    else
        return 1
    fi
}

# Whether a folder holds the programs of a server.
holds_server() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ]
}

# Prints the folders in which there may be programs of a server. The same places as in reshape-runtime/src/testing/programs.rs.
server_folders() {
    tr ':' '\n' <<<"$PATH"
    pg_config --bindir 2>/dev/null || true
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin
}

# Whether a server can be had without installing one.
have_postgres() {
    [ -n "${DATABASE_URL:-}" ] || [ -n "${RESHAPE_PG_BIN:-}" ] && return 0
    local folder
    while IFS= read -r folder; do
        if holds_server "$folder"; then return 0; fi
    done < <(server_folders)
    return 1
}

# Makes sure that there are server programs.
need_postgres() {
    if have_postgres; then return; fi
    say "PostgreSQL is not here: installing it"
    local how="install PostgreSQL 14 or newer, name the folder of its programs in RESHAPE_PG_BIN, or a running server in DATABASE_URL"
    install_packages postgresql postgresql-server postgresql postgresql@17 || fail "PostgreSQL cannot be installed" "$how"
    have_postgres || fail "PostgreSQL was installed, but its programs are not found" "$how"
}

# Makes sure that there is what cargo needs and cannot fetch itself.
need_rust() {
    command -v cargo >/dev/null || fail "there is no cargo" "install Rust: https://rustup.rs"
    # rustc links with it.
    if ! command -v cc >/dev/null; then
        say "a C compiler is not here: installing it"
        install_packages "gcc libc6-dev" gcc "gcc musl-dev" gcc || fail "a C compiler cannot be installed" "install gcc or clang"
    fi
}

# Makes sure that `cargo $1` works, which rustup has in the component $2.
need_component() {
    if cargo "$1" --version >/dev/null 2>&1; then return; fi
    command -v rustup >/dev/null || fail "\`cargo $1\` is not installed" "install the package $2 of your Rust distribution"
    say "\`cargo $1\` is not here: installing $2"
    rustup component add "$2"
}

# Prints the path of the program `with-postgres`, built if necessary, with the features that the tests are built with.
with_postgres() {
    cargo build --workspace --all-features --bin with-postgres --message-format=json-render-diagnostics |
        sed -n 's/.*"executable":"\([^"]*with-postgres\)".*/\1/p'
}
