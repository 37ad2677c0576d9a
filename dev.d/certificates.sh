# The development authority, and a certificate for everyone who talks to somebody: each by its SPIFFE ID, and by the names
# of this machine for tools that look for those.

# need_certificates FOLDER: made once, and all again in the week before they end.
need_certificates() {
    local folder=$1.new name here=DNS:localhost,IP:127.0.0.1,IP:::1
    ! openssl x509 -checkend $((7 * 86400)) -noout -in "$1/ca.crt" >/dev/null 2>&1 || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    (
        umask 077
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 90 -subj "/CN=CrewUp development" \
            -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign -keyout "$folder/ca.key" \
            -out "$folder/ca.crt" 2>/dev/null
        for name in edge development "${SERVICES[@]}"; do vouch "$folder" "$name" "URI:spiffe://crewup/$name,$here"; done
        vouch "$folder" postgres "$here"
        vouch "$folder" public "$here"
        vouch "$folder" keycloak "$here"
        # Java reads keys in this form only.
        openssl pkcs8 -topk8 -nocrypt -outform DER -in "$folder/keycloak.key" -out "$folder/keycloak.pk8"
    )
    # All or nothing, whenever it is interrupted.
    rm -rf "$1"
    mv "$folder" "$1"
}

# vouch FOLDER NAME NAMES: a certificate with these alternative names.
vouch() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj "/CN=$2" -keyout "$1/$2.key" 2>/dev/null \
        | openssl x509 -req -CA "$1/ca.crt" -CAkey "$1/ca.key" -days 90 -extfile <(printf 'subjectAltName=%s' "$3") \
            -out "$1/$2.crt" 2>/dev/null
}

# database_url ROLE WORKLOAD: by TLS, verified at both ends.
database_url() {
    printf 'postgres://%s:%s@127.0.0.1:%s/crewup?sslmode=verify-full&sslrootcert=%s&sslcert=%s&sslkey=%s' \
        "$1" "$DB_PASSWORD" "$CREWUP_DB_PORT" "$MESH/ca.crt" "$MESH/$2.crt" "$MESH/$2.key"
}
owner_url() { database_url crewup development; }

# pg_tls HOME: the options of a server that talks to nobody without a certificate of the authority, but by its socket.
pg_tls() {
    local home=$1.tls
    mkdir -p "$home"
    cp "$MESH/postgres.crt" "$MESH/postgres.key" "$MESH/ca.crt" "$home"
    printf 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n' >"$home/hba.conf"
    if [ "$(id -u)" = 0 ]; then chown postgres "$home" "$home"/{postgres.crt,postgres.key,ca.crt,hba.conf}; fi
    chmod 600 "$home/postgres.key"
    printf -- '-c %s ' ssl=on "ssl_cert_file=$home/postgres.crt" "ssl_key_file=$home/postgres.key" \
        "ssl_ca_file=$home/ca.crt" "hba_file=$home/hba.conf"
}
