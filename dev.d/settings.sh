# What can be moved, and where to. Every port is one variable.
: "${CREWUP_EDGE_PORT:=8080}"          # the edge: HTTP/1.1 and h2c
: "${CREWUP_EDGE_TLS_PORT:=8443}"      # the edge: TLS, h2 and HTTP/1.1
: "${CREWUP_EDGE_OPS_PORT:=9050}"      # the edge's /readyz and /metrics
: "${CREWUP_EDGE_ADMIN_PORT:=9901}"    # Envoy's own pages
: "${CREWUP_ISSUER_PORT:=8180}"        # the development issuer
: "${CREWUP_DB_PORT:=5432}"            # PostgreSQL
: "${CREWUP_BENCH_DB_PORT:=15433}"    # the PostgreSQL of ./dev bench
: "${CREWUP_EVENT_PORT:=50051}"        # gRPC, and the plain ports of health and metrics
: "${CREWUP_GROUP_PORT:=50052}"
: "${CREWUP_USER_PORT:=50053}"
: "${CREWUP_SAFETY_PORT:=50054}"
: "${CREWUP_MODERATION_PORT:=50055}"
: "${CREWUP_EVENT_PLAIN_PORT:=9051}"
: "${CREWUP_GROUP_PLAIN_PORT:=9052}"
: "${CREWUP_USER_PLAIN_PORT:=9053}"
: "${CREWUP_SAFETY_PLAIN_PORT:=9054}"
: "${CREWUP_MODERATION_PLAIN_PORT:=9055}"
: "${CREWUP_STATE:=$ROOT/.dev}"        # data, logs, certificates
: "${CREWUP_SEED_ARGS:=}"              # more for crewup-seed, such as --events 2000
export CREWUP_EDGE_PORT CREWUP_EDGE_TLS_PORT CREWUP_EDGE_OPS_PORT CREWUP_EDGE_ADMIN_PORT CREWUP_ISSUER_PORT

SERVICES=(event group user safety moderation)
# What `./dev up` runs.
BINARIES=(-p crewup-shared -p crewup-issuer -p crewup-seed "${SERVICES[@]/#/-pcrewup-}")
DB_PASSWORD=crewup_dev_password
MESH=$CREWUP_STATE/mesh                # certificates of the services, the edge, PostgreSQL and the developer
ISSUER=http://127.0.0.1:$CREWUP_ISSUER_PORT/realms/crewup

say() { printf '%s\n' "$*" >&2; }
die() { say "$2"; exit "$1"; }
# The value of the variable CREWUP_<SERVICE>_<WHAT>.
port_of() { local name="CREWUP_${1^^}_$2"; printf '%s' "${!name}"; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
