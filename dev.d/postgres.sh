# A private PostgreSQL. It refuses to run as root, so that root runs it as the user `postgres`.

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups --no-new-privs env HOME=/tmp "$@"
    else
        "$@"
    fi
}

# Where the data of `./dev up` is: below the state folder, or, where PostgreSQL's user cannot reach that, in /var/tmp.
pg_home() {
    local home=$CREWUP_STATE/postgres
    mkdir -p "$CREWUP_STATE"
    if [ "$(id -u)" = 0 ] && ! as_postgres test -x "$CREWUP_STATE"; then
        home=/var/tmp/crewup-$(printf '%s' "$CREWUP_STATE" | cksum | cut -d' ' -f1)
    fi
    printf '%s' "$home"
}

# pg_start HOME PORT [OPTION..]: makes the cluster if there is none, and starts it.
pg_start() {
    local home=$1 port=$2
    shift 2
    if [ ! -e "$home/data/PG_VERSION" ]; then
        rm -rf "$home"
        mkdir -p "$home"
        [ "$(id -u)" = 0 ] && chown postgres "$home"
        chmod 700 "$home"
        as_postgres "$PG_BIN/initdb" --pgdata="$home/data" --username=postgres --auth-local=trust \
            --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >"$home.initdb.log" 2>&1 \
            || die 70 "initdb failed: see $home.initdb.log"
    fi
    as_postgres "$PG_BIN/pg_ctl" start --silent --wait --pgdata="$home/data" --log="$home/log" \
        -o "-p $port -k $home -h 127.0.0.1 -c max_connections=200 $*" \
        || die 70 "PostgreSQL did not start: see $home/log"
    as_postgres "$PG_BIN/psql" --quiet --no-psqlrc -h "$home" -p "$port" -U postgres -v ON_ERROR_STOP=1 >/dev/null <<SQL
select 'create role crewup login createrole' where not exists (select from pg_roles where rolname = 'crewup') \gexec
alter role crewup password '$DB_PASSWORD';
select 'create database crewup owner crewup' where not exists (select from pg_database where datname = 'crewup') \gexec
SQL
}

pg_stop() { as_postgres "$PG_BIN/pg_ctl" stop --silent --mode=fast --pgdata="$1/data" >/dev/null 2>&1 || true; }

# The migrations without crewup-migrate, which cannot be built while a query is not in .sqlx yet: the roles, sqlx's own
# table, which a grant names, and the files.
migrate_with_psql() {
    local file service
    {
        for service in "${SERVICES[@]}"; do echo "create role crewup_$service nologin;"; done
        echo 'create table _sqlx_migrations (version bigint primary key, description text not null,
              installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
              execution_time bigint not null);'
        for file in migrations/*.sql; do printf 'begin;\n%s\ncommit;\n' "$(cat "$file")"; done
    } | "$PG_BIN/psql" --quiet --no-psqlrc -v ON_ERROR_STOP=1 "$1" >/dev/null
}

# prepare FOLDER: checks every query against a database with all migrations, and writes what it learns to FOLDER. In a
# shell of its own, whose end stops the database however it comes.
prepare() (
    need_rust
    need_postgres
    port=$((20000 + RANDOM % 20000))
    home=$(mktemp -d /tmp/crewup-prepare-XXXXXX)
    trap 'pg_stop "$home"; rm -rf "$home" "$home.initdb.log"' EXIT
    pg_start "$home" "$port" -c fsync=off
    url=postgres://crewup:$DB_PASSWORD@127.0.0.1:$port/crewup
    migrate_with_psql "$url"
    mkdir -p "$1"
    find "$1" -name 'query-*.json' -delete
    # The macros look at the database only where they are expanded again.
    touch shared/src/lib.rs services/*/src/lib.rs
    DATABASE_URL=$url SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$1 \
        cargo clippy -q --workspace --all-targets -- -D warnings
)
