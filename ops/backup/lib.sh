# What the scripts share. They run as PostgreSQL's own user, postgres, beside the database. Settings are pgBackRest's
# (/etc/pgbackrest, or PGBACKREST_*) and psql's (PGHOST, PGPORT).

# The database's name in the repository.
STANZA=crewup
PG_BIN=${PG_BIN:-/usr/lib/postgresql/15/bin}
ME=$(basename "$0" .sh)

say() { printf '%s: %s\n' "$ME" "$*"; }
# One line that says what is wrong and what to do.
die() { printf '%s: %s\n' "$ME" "$*" >&2; exit 1; }
[ "$(id -u)" != 0 ] || die "run it as postgres: sudo -u postgres $0"

# ask SQL: the answer of the running database.
ask() { psql --no-psqlrc -U postgres -d postgres -Atc "$1"; }

# backrest COMMAND [OPTION..]: pgBackRest, whose errors are explained where a sentence helps. Its answer is in OUTPUT.
backrest() {
    local code=0
    OUTPUT=$(pgbackrest --stanza="$STANZA" "$@" 2>&1 | tr -cd '[:print:]\n') || code=$?
    explain "$OUTPUT"
    [ "$code" = 0 ] || die "pgbackrest $1 failed ($code): $(grep -m 1 ERROR <<<"$OUTPUT" | sed 's/.*ERROR: //')"
}

# explain ANSWER: ends with a sentence about what stands in it. Not by the exit code: some commands answer 0 all the same.
explain() {
    case "$1" in
        *CryptoError* | *"found outside of section"* | *"No usable backup.info file"*)
            die "the passphrase does not open the repository: /etc/pgbackrest/conf.d/cipher.conf (or PGBACKREST_REPO1_CIPHER_PASS) must hold the one that it was made with" ;;
        *"requires option: repo1-cipher-pass"*)
            die "there is no passphrase: write repo1-cipher-pass=.. below [global] in /etc/pgbackrest/conf.d/cipher.conf" ;;
        *"unable to acquire lock"*) die "another backup or restore runs: try again when it is done" ;;
        *"unable to open missing file"*"stanza-create"* | *"missing stanza path"*)
            die "the repository knows no database $STANZA: is repo1-path right? A new repository: pgbackrest --stanza=$STANZA stanza-create" ;;
    esac
}

# The labels of all backups, oldest first, and when they ended; of pgbackrest info --output=json. Nothing, where there is none.
labels() { { grep -oE '"label":"[^"]+"' <<<"$1" || true; } | cut -d'"' -f4; }
ends() { { grep -oE '"stop":[0-9]+' <<<"$1" || true; } | cut -d: -f2; }
