#!/usr/bin/env bash
# What a newcomer does with a running `./dev up`: the README's calls, and a few things that go wrong. Uses the ports of
# the environment, as ./dev does. Prints a line for each check and the sum.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0
edge=127.0.0.1:${CREWUP_EDGE_PORT:-8080}
mesh=${CREWUP_STATE:-.dev}/mesh

# expect NAME PATTERN COMMAND..: the command's output, errors included, matches the pattern.
expect() {
    local name=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>&1)
    if grep -qE "$pattern" <<<"$output"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL %s: expected %s in:\n%s\n' "$name" "$pattern" "$output"
    fi
}

event=crewup.event.v1.EventService
group=crewup.group.v1.GroupService
user=crewup.user.v1.UserService
safety=crewup.safety.v1.SafetyService
moderation=crewup.moderation.v1.ModerationService
start=$(date -u -d '+2 days' +%Y-%m-%dT20:00:00Z)
draft='{"event": {"name": "Rooftop", "type": "EVENT_TYPE_BAR", "address": "Limmatquai 1", "start_time": "'$start'", "max_attendees": 6}, "request_id": "0190a000-0000-7000-8000-'$(printf '%012d' $RANDOM)'"}'

# Ports that nobody listens on, for all services.
free=() at=15980
for service in EVENT GROUP USER SAFETY MODERATION; do
    free+=("CREWUP_${service}_PORT=$((at++))" "CREWUP_${service}_PLAIN_PORT=$((at++))")
done

expect "reflection lists the services" "$user" ./dev grpcurl "$edge" list
expect "reflection lists services that another process serves" "$event" ./dev grpcurl "$edge" list
expect "the demo city is there to be searched" '"name"' ./dev grpcurl -d '{"query": "jazz"}' "$edge" $event/SearchEvents
expect "places are searched" 'distanceMeters' ./dev grpcurl \
    -d '{"area": {"center": {"latitude": 47.3779, "longitude": 8.5403}, "radius_meters": 3000}}' "$edge" $event/SearchEvents
# Which crews of the city are of an event to come depends on the hour.
name=$(./dev psql -Atc "select g.name from groups g join events e on e.id = g.event_id
    where e.event_start > crewup.now() and e.is_public and not e.is_cancelled and g.archived_at is null limit 1")
expect "crews are searched" '"memberCount"' ./dev grpcurl -d "{\"query\": \"$name\"}" "$edge" $group/SearchGroups
expect "the host is in crews that talk" '"lastSequence"' ./dev grpcurl "$edge" $group/ListMyGroups
expect "an alert without an active crew is no silent success" 'NO_ACTIVE_CREW' env CREWUP_PERSON=nobody ./dev grpcurl \
    -d '{"request_id": "0190a000-0000-7000-8000-000000000001"}' "$edge" $safety/TriggerAlert
expect "a moderator has a queue of reports" '"snapshot"' env CREWUP_PERSON=mod ./dev grpcurl "$edge" $moderation/ListReports
expect "nobody else sees it" 'ROLE_REQUIRED' ./dev grpcurl "$edge" $moderation/ListReports
expect "the host has a profile" '"email": "host@' ./dev grpcurl "$edge" $user/GetMe
expect "a moderator signs in" '"id"' env CREWUP_PERSON=mod ./dev grpcurl "$edge" $user/GetMe
expect "an event is made" '"goingCount": 1' ./dev grpcurl -d "$draft" "$edge" $event/CreateEvent
expect "a retry makes the same event" '"goingCount": 1' ./dev grpcurl -d "$draft" "$edge" $event/CreateEvent
expect "wrong fields are named" '"reason": ?"INVALID_FIELDS"' ./dev grpcurl -d '{}' "$edge" $event/CreateEvent
expect "an absent event is not found" 'NotFound' ./dev grpcurl \
    -d '{"event_id": "0190a000-0000-7000-8000-000000000000"}' "$edge" $event/GetEvent
expect "a bad token is refused" 'Unauthenticated' .tools/py/bin/grpcurl -plaintext -H 'authorization: Bearer x' "$edge" $user/GetMe
expect "internal calls are not routed" 'Unimplemented' ./dev grpcurl "$edge" crewup.user.internal.v1.UserInternalService/EnsureUser
expect "the second start says that it runs already" 'runs already' ./dev up
expect "a taken port is named with its variable" 'CREWUP_EDGE_PORT' env CREWUP_STATE=/tmp/crewup-nowhere CREWUP_DB_PORT=15999 \
    CREWUP_ISSUER_PORT=15998 "${free[@]}" ./dev up
expect "an unknown command is refused" 'unknown: nonsense' ./dev nonsense
expect "the database answers" '^ *[0-9]+ *$' ./dev psql -tc 'select count(*) from events'
expect "a wrong setting is named by its variable" "invalid value 'staging' for CREWUP_MODE" env CREWUP_MODE=staging target/debug/crewup-event
expect "the city keeps the rules" '[0-9]+ rules hold' ./dev seed check
expect "a service talks to who has the developer's certificate" '"email": "host@' ./dev grpcurl \
    "127.0.0.1:${CREWUP_USER_PORT:-50053}" $user/GetMe
expect "and to nobody without one" 'Failed to dial' .tools/py/bin/grpcurl -insecure "127.0.0.1:${CREWUP_USER_PORT:-50053}" list
expect "nor to who has another's" 'Failed to dial' .tools/py/bin/grpcurl -cacert "$mesh/ca.crt" -cert "$mesh/group.crt" \
    -key "$mesh/group.key" "127.0.0.1:${CREWUP_SAFETY_PORT:-50054}" list
expect "nor does PostgreSQL" 'requires a valid client certificate' psql \
    "host=127.0.0.1 port=${CREWUP_DB_PORT:-5432} user=crewup password=crewup_dev_password dbname=crewup sslmode=require" -c 'select 1'
expect "nor without TLS" 'no encryption' psql \
    "host=127.0.0.1 port=${CREWUP_DB_PORT:-5432} user=crewup password=crewup_dev_password dbname=crewup sslmode=disable" -c 'select 1'
expect "the edge's own certificate is of the same authority" '"email": "host@' ./dev grpcurl \
    "localhost:${CREWUP_EDGE_TLS_PORT:-8443}" $user/GetMe

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
