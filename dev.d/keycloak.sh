# A real Keycloak in the place of the development issuer: `./dev up --keycloak` (ADR 23). Its program is in .tools, its data in
# a database of its own beside CrewUp's, so that it is below $CREWUP_STATE, and --fresh starts it over, too.

KEYCLOAK_VERSION=26.7.3
KEYCLOAK_SHA256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
KEYCLOAK_URL=https://repo1.maven.org/maven2/org/keycloak/keycloak-quarkus-dist/$KEYCLOAK_VERSION/keycloak-quarkus-dist-$KEYCLOAK_VERSION.zip
KEYCLOAK=.tools/keycloak/keycloak-$KEYCLOAK_VERSION
# Known to everybody, as the development issuer's.
DEV_SECRET=crewup_dev_secret
KEYCLOAK_DB_PASSWORD=keycloak_dev_password

need_java() {
    local major
    major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' || true)
    [ "${major:-0}" -ge 17 ] || apt_install openjdk-17-jre-headless
}

# 170 MB from Maven Central, once; then built for PostgreSQL, so that every start is a quick one. 75: it cannot be had now.
need_keycloak() {
    need_java
    need curl curl
    need unzip unzip
    [ ! -e "$KEYCLOAK/.built" ] || return 0
    local new=.tools/keycloak/new.$$
    mkdir -p "$new"
    say "installing Keycloak $KEYCLOAK_VERSION into .tools (170 MB, once)"
    curl -fsSL --retry 3 -o "$new/keycloak.zip" "$KEYCLOAK_URL" \
        || { rm -rf "$new"; die 75 "Keycloak could not be fetched from $KEYCLOAK_URL"; }
    sha256sum --check --quiet <<<"$KEYCLOAK_SHA256  $new/keycloak.zip" >&2 \
        || { rm -rf "$new"; die 70 "what $KEYCLOAK_URL answered is not Keycloak $KEYCLOAK_VERSION: its checksum is another"; }
    unzip -q "$new/keycloak.zip" -d "$new"
    "$new/keycloak-$KEYCLOAK_VERSION/bin/kc.sh" build --db=postgres >"$new/build.log" 2>&1 \
        || die 70 "Keycloak could not be built: see $new/build.log"
    touch "$new/keycloak-$KEYCLOAK_VERSION/.built"
    # In one step, whoever else installs it at the same moment.
    rm -rf "$KEYCLOAK"
    mv "$new/keycloak-$KEYCLOAK_VERSION" "$KEYCLOAK"
    rm -rf "$new"
}

keycloak_super() {
    as_postgres "$PG_BIN/psql" --quiet --no-psqlrc -At -v ON_ERROR_STOP=1 -h "$PG_HOME" -p "$CREWUP_DB_PORT" -U postgres "$@"
}

# keycloak_settings: KEYCLOAK_ENV, the settings of kc.sh, on the database of PG_HOME.
keycloak_settings() {
    local tls="sslmode=verify-full&sslrootcert=$MESH/ca.crt&sslcert=$MESH/keycloak.crt&sslkey=$MESH/keycloak.pk8"
    KEYCLOAK_ENV=(KC_DB_URL="jdbc:postgresql://127.0.0.1:$CREWUP_DB_PORT/keycloak?$tls" KC_DB_USERNAME=keycloak
        KC_DB_PASSWORD="$KEYCLOAK_DB_PASSWORD" KC_DB_POOL_MAX_SIZE=10
        KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=crewup
        KC_HTTP_ENABLED=true KC_HTTP_HOST=127.0.0.1 KC_HTTP_PORT="$CREWUP_ISSUER_PORT"
        JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1 # Quicker to start, which is what it does most.
        KC_HOSTNAME="http://127.0.0.1:$CREWUP_ISSUER_PORT" KC_CACHE=local KC_LOG_LEVEL=WARN)
}

# city_people: a line of JSON for each profile, after the demo city was loaded: everybody in it has an account, of the same name.
city_people() {
    # Importing each takes a moment, so that their city is smaller where nothing else was asked for.
    : "${CREWUP_SEED_ARGS:=--people 400 --events 2000}"
    # shellcheck disable=SC2086 # arguments, on purpose
    DATABASE_URL=$(owner_url) target/debug/crewup-seed --if-empty $CREWUP_SEED_ARGS >&2
    "$PG_BIN/psql" --no-psqlrc -At "$(owner_url)" -c "select json_build_object('id', keycloak_id, 'username', split_part(email, '@', 1),
        'email', email, 'firstName', first_name, 'lastName', last_name) from users where erased_at is null"
}

# The realm, as production imports it, with what only development may have: on the first start.
keycloak_realm() {
    keycloak_super >/dev/null <<SQL
select 'create role keycloak login' where not exists (select from pg_roles where rolname = 'keycloak') \gexec
alter role keycloak password '$KEYCLOAK_DB_PASSWORD';
select 'create database keycloak owner keycloak' where not exists (select from pg_database where datname = 'keycloak') \gexec
SQL
    local there
    mkdir -p "$CREWUP_STATE/keycloak"
    there=$(keycloak_super -d keycloak -c "select to_regclass('realm') is not null")
    [ "$there" != t ] || there=$(keycloak_super -d keycloak -c "select exists (select from realm where name = 'crewup')")
    [ "$there" != t ] || return 0
    say "importing the realm into Keycloak (half a minute, once)"
    local realm=$CREWUP_STATE/keycloak/realm.json service secrets=()
    keycloak_settings
    city_people | .tools/py/bin/python keycloak/develop.py >"$realm"
    for service in "${SERVICES[@]}" sync; do secrets+=("CREWUP_${service^^}_CLIENT_SECRET=$DEV_SECRET"); done
    # Nobody listens there: mail of development goes nowhere.
    env "${KEYCLOAK_ENV[@]}" "${secrets[@]}" CREWUP_WEB_URL=http://localhost:5173 CREWUP_SMTP_HOST=127.0.0.1 CREWUP_SMTP_PORT=1 \
        CREWUP_SMTP_FROM=crewup@crewup.example CREWUP_SMTP_USER=crewup CREWUP_SMTP_PASSWORD=$DEV_SECRET \
        "$KEYCLOAK/bin/kc.sh" import --optimized --file "$realm" >"$CREWUP_STATE/log/keycloak-import.log" 2>&1 \
        || die 70 "the realm could not be imported: see $CREWUP_STATE/log/keycloak-import.log"
}

# Under the name of the issuer, whose place it takes.
start_keycloak() {
    keycloak_realm
    keycloak_settings
    start issuer env "${KEYCLOAK_ENV[@]}" "$KEYCLOAK/bin/kc.sh" start --optimized
    # For who wants to stop it.
    echo "${CHILDREN[issuer]}" >"$CREWUP_STATE/keycloak/pid"
    wait_for issuer 300 "$ISSUER/.well-known/openid-configuration"
    # For the services, of which the user service uses it.
    export CREWUP_ADMIN_CLIENT_SECRET=$DEV_SECRET
}

keycloak_table() {
    cat <<TEXT
  Keycloak    http://127.0.0.1:$CREWUP_ISSUER_PORT/admin (admin, crewup)   realm crewup; its people are the city's: host, .., person-17
              the password of everybody is crewup

TEXT
}
