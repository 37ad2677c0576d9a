#!/usr/bin/env bash
# again.sh PID OTHER: what becomes of a city when `./dev up`, the process PID, is stopped and started again, by the ports and the
# state of the environment, as ./dev does. OTHER is a process of CrewUp that it did not start. Prints a line for each check and the sum; in the end nothing runs.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0
pid=$1 other=$2 log=$CREWUP_STATE/again.log

# check NAME COMMAND..: it succeeds.
check() {
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'FAIL %s\n' "$name"; fi
}

ports() { env | grep -v _BENCH_ | sed -nE 's/^CREWUP_[A-Z_]*PORT=([0-9]+)$/\1/p'; }

# Whether nobody listens where it listened.
all_closed() {
    local port
    for port in $(ports); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "port $port is open"; return 1; fi
    done
}

# As Ctrl-C does.
interrupt() {
    kill -INT "$pid"
    timeout 30 tail --pid="$pid" -f /dev/null
}

# start [OPTION..]: ./dev up, until it is up. A shell without a terminal starts its children deaf to Ctrl-C.
start() {
    local began=$SECONDS
    env --default-signal=INT ./dev up "$@" >"$log" 2>&1 &
    pid=$!
    until grep -q "CrewUp is up" "$log"; do
        kill -0 "$pid" 2>/dev/null && [ $((SECONDS - began)) -lt 120 ] || { cat "$log"; return 1; }
        sleep 0.1
    done
    took=$((SECONDS - began))
    echo "./dev up ${*:-again}: ready after $took s"
}

of_the_city() { ./dev psql -Atc "select count(*), md5(string_agg(id::text, ' ' order by id)) from events"; }
has_mark() { [ "$(./dev psql -Atc "select to_regclass('mark') is not null")" = t ]; }
has_events() {
    ./dev grpcurl -d '{}' "127.0.0.1:$CREWUP_EDGE_PORT" crewup.event.v1.EventService/ListEvents | grep -q '"events"'
}
is_the_same() { [ "$(of_the_city)" = "$before" ]; }

check "ports are known" test "$(ports | wc -l)" -ge 14
./dev psql -qc 'create table mark ()'
before=$(of_the_city)
check "Ctrl-C ends it" interrupt
check "Ctrl-C ends all that it started" all_closed
check "Ctrl-C ends nothing else" kill -0 "$other"
check "it starts again" start
check "it starts again at once, and builds and fills nothing" test "$took" -le 15
check "it has the same data" has_mark
check "it has the same city" is_the_same
check "Ctrl-C ends it again" interrupt
check "it starts over" start --fresh
check "it has forgotten" eval '! has_mark'
check "it has a city" has_events
check "Ctrl-C ends that one" interrupt
check "nothing is left" all_closed
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
