#!/usr/bin/env bash
# What a running `./dev up` has written and shows of itself: no token, password, e-mail address, text or place of a person (X10). It looks
# for everything that is in the database, in every log, in every process's arguments and, where CREWUP_SPANS names a file of
# crewup-test-collector, in every span and figure; and in a log of its own making, so that a look that finds nothing anywhere
# is no proof. Prints a line for each check and the sum.
set -uo pipefail
cd "$(dirname "$0")/.."
logs=${CREWUP_STATE:-.dev}/log
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); printf 'FAIL %s\n' "$*"; }
ask() { ./dev psql -qAt -v ON_ERROR_STOP=1 -c "$1"; }

# Short words are in every log.
ask "select email from users where email not like '%@erased.invalid'" >"$work/e-mail addresses"
ask "select keycloak_id from users" >"$work/subjects of accounts"
ask "select t.text from (
         select content from messages union select bio from users union select comment from ratings
         union select message from safety_alerts union select body from reports union select note from reports
         union select snapshot from reports union select reason from bans union select note from bans
     ) t (text) where length(t.text) >= 16 and t.text !~ E'\\n'" >"$work/texts"
ask "select latitude::float8 from events where latitude is not null union select longitude::float8 from events where longitude is not null
     union select latitude::float8 from alert_places union select longitude::float8 from alert_places" \
    | grep -E '\.[0-9]{4,}' >"$work/coordinates"
printf '%s\n' crewup_dev_password crewup_dev_secret >"$work/passwords"
{ for person in host guest mod; do ./dev token "$person"; echo; done; echo eyJhbGciOi; } | grep . >"$work/tokens"

# holding NAME FILE..: the lines of the files in which something of the list of that name is. When a line was written does not
# count: among thousands, some second is a latitude.
holding() {
    local name=$1
    shift
    cat -- "$@" | tr -d '\0' | LC_ALL=C sed -E 's/"timestamp":"[0-9T:.-]+Z"//' | grep -aF -f "$work/$name"
}

# look NAME FILE..: there is none.
look() {
    local found code=0
    found=$(holding "$@") || code=$?
    case "$code" in
        0) bad "$1: $(wc -l <<<"$found") lines, such as $(head -n 1 <<<"$found" | cut -c1-400)" ;;
        1) good ;;
        *) bad "$1: the search itself failed ($code)" ;;
    esac
}

seen=("$logs"/*.log)
if [ -n "${CREWUP_SPANS:-}" ]; then
    seen+=("$CREWUP_SPANS")
    for service in edge event group user safety moderation; do
        # A span's name and its service's, as the collector writes a message for people.
        if grep -qa "crewup-$service\".*Span {" "$CREWUP_SPANS"; then
            good
        else
            bad "spans: none of crewup-$service"
        fi
    done
fi

for name in "e-mail addresses" "subjects of accounts" texts coordinates passwords tokens; do
    lines=$(grep -c . "$work/$name")
    tail -n 1 "$work/$name" | sed 's/^/{"level":"INFO","message":"/; s/$/"}/' >"$work/planted.log"
    if [ "$lines" -ge 2 ] && [ -n "$(holding "$name" "$work/planted.log")" ]; then
        good
    else
        bad "$name: $lines are known, and one that was planted was not found"
    fi
    # Whom a service calls for is on its span, by the account's subject, which says nothing of the person.
    if [ "$name" = "subjects of accounts" ]; then look "$name" "$logs"/*.log; else look "$name" "${seen[@]}"; fi
done

for folder in /proc/[0-9]*; do { tr "\0" " " <"$folder/cmdline"; } 2>/dev/null; echo; done | grep -E 'crewup-|envoy|postgres' >"$work/arguments"
for name in passwords tokens; do look "$name" "$work/arguments"; done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
