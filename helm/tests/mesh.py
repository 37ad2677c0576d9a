"""Mutual TLS: who has which certificate, that nobody has another's, and that what is renewed gets there."""
import pathlib
import re
import subprocess
import tempfile
from urllib.parse import parse_qs, urlsplit

import yaml

from .kit import CHART, ISSUER, ROOT, SERVICES, VALUES, containers, find, objects, of_kind, pods, refuses, template_of, test
from .security import everything

WORKLOADS = [*SERVICES, "edge", "migrate"]
MANAGED = ["--set", ISSUER, "--set", "mesh.tls.kind=certManager", "--set", "mesh.tls.certManager.issuerName=authority"]
CLUSTER = ["--set", "database.kind=cloudNativePG", "--set", "database.cloudNativePG.backup.destinationPath=s3://bucket"]
ADMIN = ["--set", "admin.clientSecret=sync", "--set", "admin.url=https://id.example.org/admin/realms/crewup"]


def settings(*all_):
    return [argument for one in all_ for argument in ("--set", one)]


@test
def each_workload_s_certificate_has_its_own_uri_and_no_other_name():
    for database in (["--set", "database.kind=none"], ["--set", "database.kind=inChart"], CLUSTER):
        all_ = objects(*MANAGED, *database)
        of = {one["metadata"]["name"]: one["spec"] for one in of_kind(all_, "Certificate")}
        for name in WORKLOADS:
            spec = of.pop(f"crewup-{name}-tls")
            assert spec["uris"] == [f"spiffe://crewup/{name}"], name
            assert not {"commonName", "dnsNames", "ipAddresses", "emailAddresses", "otherNames", "subject", "isCA"} & spec.keys(), spec
            assert spec["secretName"] == f"crewup-{name}-tls"
            assert spec["usages"] == ["digital signature", "server auth", "client auth"]
            assert spec["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
            assert (spec["duration"], spec["renewBefore"]) == ("72h", "48h")
            assert spec["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "authority"}
        if "database.kind=none" in database:
            assert not of, of
            continue
        spec = of.pop("crewup-postgres-tls")
        assert not of and "uris" not in spec, "a database is no workload of the mesh"
        if database == CLUSTER:
            assert spec["commonName"] == "streaming_replica" and "dnsNames" not in spec and "server auth" not in spec["usages"]
            assert spec["secretTemplate"] == {"labels": {"cnpg.io/reload": ""}}
        else:
            assert "postgres-service.app.svc.cluster.local" in spec["dnsNames"] and "client auth" not in spec["usages"]


@test
def no_pod_has_another_s_certificate():
    """Whatever the settings: each mounts its own Secret, as a folder, and of Secrets that hold an authority the certificate only."""
    seen = set()
    for name, all_ in everything():
        authorities = {f"{one['metadata']['name']}-ca" for one in of_kind(all_, "Cluster")} | {"database-ca", "issuer-ca", "db-ca", "db-example-org-ca"}
        for one in all_:
            if not template_of(one):
                continue
            labels, pod = template_of(one)
            component, at = labels["app.kubernetes.io/component"], f"{name} {one['kind']} {one['metadata']['name']}"
            secrets = {volume["name"]: volume["secret"] for volume in pod.get("volumes", []) if "secret" in volume}
            for volume, secret in secrets.items():
                if secret["secretName"] in authorities:
                    assert secret["items"] == [{"key": "ca.crt", "path": "ca.crt"}], at
                elif (component, volume) != ("edge", "tls") and volume != "database-client":
                    assert secret["secretName"] == f"crewup-{component}-tls", at
                    assert secret["defaultMode"] == 0o440, at
                    seen.add(component)
            for container in containers(pod):
                for mount in container.get("volumeMounts", []):
                    assert "subPath" not in mount and "subPathExpr" not in mount, f"{at}: what is renewed would not get there"
                    assert mount["name"] not in secrets or mount["readOnly"] is True, at
    assert seen == {*WORKLOADS, "postgres"}, seen


@test
def a_service_is_given_the_files_that_it_reads():
    """Every path that an environment names is in a mounted folder, and every folder in a Secret with that key."""
    seen = 0
    for name, all_ in everything():
        meshed = find(all_, "ConfigMap", "crewup-edge")["data"].keys() >= {"workload.yaml"}
        for where, pod in pods(all_):
            volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
            for container in containers(pod):
                at = f"{name} {where} {container['name']}"
                folders = {mount["mountPath"]: volumes.get(mount["name"], {}) for mount in container.get("volumeMounts", [])}
                named = {one["name"]: one.get("value", "") for one in container.get("env", [])}
                files = [value for variable, value in named.items() if variable.endswith("_FILE")]
                query = parse_qs(urlsplit(named.get("DATABASE_URL", "")).query)
                files += [value for key in ("sslrootcert", "sslcert", "sslkey") for value in query.get(key, [])]
                for file in files:
                    folder, key = file.rsplit("/", 1)
                    secret = folders[folder]["secret"]
                    assert key in [item["path"] for item in secret.get("items", [])] or ("items" not in secret and key in ("tls.crt", "tls.key", "ca.crt")), at
                    seen += 1
                if where.startswith("Deployment") and container["name"] in SERVICES:
                    assert {"CREWUP_TLS_CERT_FILE", "CREWUP_TLS_KEY_FILE", "CREWUP_TLS_CA_FILE"} <= named.keys() if meshed else "CREWUP_TLS_CERT_FILE" not in named, at
                    for variable, value in named.items():
                        if variable.startswith("CREWUP_") and variable.endswith("_URL"):
                            assert value.startswith("https://" if meshed else "http://"), f"{at} {variable}"
                if "DATABASE_URL" in named:
                    [mode] = query["sslmode"]
                    assert mode.startswith("verify-") == ("sslrootcert" in query), at
                    assert ("sslcert" in query) == ("sslkey" in query), at
    assert seen > 500, seen


def database(*more):
    """What an event service of these settings dials."""
    [container] = find(objects("--set", ISSUER, *settings(*more)), "Deployment", "crewup-event")["spec"]["template"]["spec"]["containers"]
    url = urlsplit({one["name"]: one.get("value") for one in container["env"]}["DATABASE_URL"])
    return url.netloc.rpartition("@")[2], {key: value for key, [value] in parse_qs(url.query).items()}


@test
def the_database_is_called_by_the_name_in_its_certificate():
    inside = "postgres-service.app.svc.cluster.local:5432"
    own = {"sslcert": "/etc/crewup/tls/tls.crt", "sslkey": "/etc/crewup/tls/tls.key"}
    mesh, apart = "/etc/crewup/tls/ca.crt", "/etc/crewup/database-ca/ca.crt"
    outside = ["database.kind=external", "database.externalName=db.example.org"]
    full = {"sslmode": "verify-full"}
    assert database("database.kind=inChart") == (inside, full | {"sslrootcert": mesh} | own)
    # The operator's servers have the operator's authority.
    cluster = [one for one in CLUSTER if one != "--set"]
    assert database(*cluster) == (inside, full | {"sslrootcert": apart} | own)
    assert database(*outside) == ("db.example.org:5432", full | {"sslrootcert": mesh} | own)
    assert database(*outside, "database.tls.caSecret=ca", "database.tls.clientCertificate=false") == ("db.example.org:5432", full | {"sslrootcert": apart})
    theirs = {"sslcert": "/etc/crewup/database-client/tls.crt", "sslkey": "/etc/crewup/database-client/tls.key"}
    assert database(*outside, "database.sslMode=verify-ca", "database.tls.clientSecret=c") == (inside, {"sslmode": "verify-ca", "sslrootcert": mesh} | theirs)
    assert database("mode=development", "mesh.tls.kind=none", "database.sslMode=prefer") == (inside, {"sslmode": "prefer"})


@test
def the_operator_s_cluster_asks_for_a_certificate_and_a_password():
    [cluster] = of_kind(objects(*MANAGED, *CLUSTER), "Cluster")
    assert cluster["spec"]["certificates"]["clientCASecret"] == cluster["spec"]["certificates"]["replicationTLSSecret"] == "crewup-postgres-tls"
    # The operator appends `host all all all scram-sha-256`: who is of neither line must not get there.
    assert cluster["spec"]["postgresql"]["pg_hba"] == ["hostssl all all all scram-sha-256 clientcert=verify-ca", "hostnossl all all all reject"]
    [plain] = of_kind(objects("--set", ISSUER, *CLUSTER, *settings("mode=development", "mesh.tls.kind=none")), "Cluster")
    assert [*plain["spec"]["certificates"]] == ["serverAltDNSNames"] and "pg_hba" not in plain["spec"]["postgresql"]


@test
def production_without_tls_is_refused_and_says_why():
    for word, *more in [
        ("mesh.tls.kind: in production every hop has certificates", "mesh.tls.kind=none"),
        ("database.sslMode: require does not verify the server", "database.sslMode=require"),
        ("database.sslMode: disable does not verify", "database.sslMode=disable"),
        ("issuer: by http it is not for production", "issuer=http://id.example.org/realms/crewup"),
        ("issuer: on this machine", "issuer=https://localhost:8081/realms/crewup"),
        ("issuer: on this machine", "issuer=https://id.localhost/realms/crewup"),
        ("issuer: on this machine", "issuer=https://127.0.0.1/realms/crewup"),
        ("issuer: on this machine", "issuer=https://[::1]:8081/realms/crewup"),
        ("mesh.tls.certManager.issuerName: is required", "mesh.tls.kind=certManager"),
        ("renewBefore: must be less", "mesh.tls.kind=certManager", "mesh.tls.certManager.issuerName=a", "mesh.tls.certManager.duration=48h"),
        ("database.tls.caSecret: is required, for Secret postgres-ca is in namespace data", "database.namespace=data", *CLUSTER[1::2]),
        ("database.tls: a server that the chart makes", "database.kind=inChart", "database.tls.clientCertificate=false"),
        ("database.sslMode: verify-full needs a certificate", "mode=development", "mesh.tls.kind=none", "database.kind=inChart"),
        ("database.tls.caSecret: is required, for without mesh.tls", "mode=development", "mesh.tls.kind=none"),
        ("database.sslMode: a server that the chart makes", "mode=development", "database.kind=inChart", "database.sslMode=disable"),
    ]:
        refuses(word, "--set", ISSUER, *settings(*more))
    for taken in ("https://id.example.org/localhost/realms/crewup", "https://localhost.example.org/r", "https://127.example.org/r"):
        objects(*settings(f"issuer={taken}"))


@test
def the_edge_demands_of_each_service_that_it_is_this_one():
    for values in VALUES:
        config = yaml.safe_load(find(objects("-f", values), "ConfigMap", "crewup-edge")["data"]["envoy.yaml"])
        clusters = {one["name"]: one for one in config["static_resources"]["clusters"]}
        for service in SERVICES:
            socket = clusters[service].get("transport_socket")
            assert (socket is None) == (values.stem == "trial"), values.stem
            if not socket:
                continue
            common = socket["typed_config"]["common_tls_context"]
            [matcher] = common["combined_validation_context"]["default_validation_context"]["match_typed_subject_alt_names"]
            assert matcher == {"san_type": "URI", "matcher": {"exact": f"spiffe://crewup/{service}"}}, service
            assert common["tls_certificate_sds_secret_configs"][0]["sds_config"]["path_config_source"]["path"] == "/etc/envoy/workload.yaml"
            assert common["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_3"


@test
def other_names_of_secrets_are_used_everywhere():
    all_ = objects(*MANAGED, *CLUSTER, *settings("mesh.tls.secrets.event=mine", "mesh.tls.secrets.edge=front", "mesh.tls.secrets.postgres=data"))
    volumes = {name: find(all_, "Deployment", f"crewup-{name}")["spec"]["template"]["spec"]["volumes"] for name in ("event", "edge", "group")}
    of = {name: [one["secret"]["secretName"] for one in found if one["name"] in ("tls", "mesh")] for name, found in volumes.items()}
    assert of == {"event": ["mine"], "edge": ["front"], "group": ["crewup-group-tls"]}
    made = {one["metadata"]["name"]: one["spec"]["secretName"] for one in of_kind(all_, "Certificate")}
    assert (made["crewup-event-tls"], made["crewup-edge-tls"], made["crewup-postgres-tls"]) == ("mine", "front", "data")
    assert of_kind(all_, "Cluster")[0]["spec"]["certificates"]["clientCASecret"] == "data"


def read_by_services():
    """The variables that the services and the migrations read, from the source."""
    source = "".join(path.read_text() for folder in ("shared/src", "services") for path in sorted((ROOT / folder).rglob("*.rs")))
    found = set(re.findall(r'env = "([A-Z_]+)"', source))
    # Those of docs/adr/0023-keycloak.md come with its change; from then on they are looked for as the rest.
    if "AdminSettings" not in source:
        found |= {f"CREWUP_{name}" for name in ("ADMIN_URL", "ADMIN_CLIENT_ID", "ADMIN_CLIENT_SECRET", "SYNC_SECONDS", "GONE_DAYS")}
    return found


@test
def every_setting_is_one_that_the_services_have():
    there = read_by_services()
    assert {"DATABASE_URL", "CREWUP_TLS_CERT_FILE", "CREWUP_QUOTA_PERCENT"} <= there
    sets = [["-f", values] for values in VALUES] + [[*MANAGED, *ADMIN]]
    seen = set()
    for arguments in sets:
        for one in of_kind(objects(*arguments), "Deployment"):
            for container in containers(one["spec"]["template"]["spec"]):
                seen |= {variable["name"] for variable in container.get("env", [])}
    # The password is put into the URL; the log is the library's own.
    assert seen - there == {"DATABASE_PASSWORD", "RUST_LOG"}, seen - there


@test
def accounts_are_the_user_service_s_and_off_unless_asked_for():
    def admin(service, *more):
        [container] = find(objects("--set", ISSUER, *more), "Deployment", f"crewup-{service}")["spec"]["template"]["spec"]["containers"]
        names = ("CREWUP_ADMIN_", "CREWUP_SYNC_", "CREWUP_GONE_")
        return {one["name"].removeprefix("CREWUP_"): one.get("value", one.get("valueFrom")) for one in container["env"] if one["name"].startswith(names)}

    assert all(admin(service) == {} for service in SERVICES)
    assert all(admin(service, *ADMIN) == {} for service in SERVICES if service != "user")
    assert admin("user", *ADMIN) == {
        "ADMIN_URL": "https://id.example.org/admin/realms/crewup", "ADMIN_CLIENT_ID": "crewup-sync", "SYNC_SECONDS": "3600", "GONE_DAYS": "30",
        "ADMIN_CLIENT_SECRET": {"secretKeyRef": {"name": "sync", "key": "client-secret"}}}
    assert admin("user", *ADMIN, *settings("admin.syncSeconds=2592000"))["SYNC_SECONDS"] == "2592000"


@test
def quotas_are_set_for_all_and_for_one():
    all_ = objects("--set", ISSUER, *settings("serviceDefaults.quotaPercent=1000000", "services.safety.quotaPercent=50"))
    for service in SERVICES:
        [container] = find(all_, "Deployment", f"crewup-{service}")["spec"]["template"]["spec"]["containers"]
        assert {"name": "CREWUP_QUOTA_PERCENT", "value": "50" if service == "safety" else "1000000"} in container["env"], service


@test
def a_trial_stays_one_command():
    all_ = objects("-f", CHART / "examples" / "trial.yaml")
    assert not of_kind(all_, "Certificate")
    used = {volume["secret"]["secretName"] for _, pod in pods(all_) for volume in pod.get("volumes", []) if "secret" in volume}
    assert not used, used


@test
def the_readme_s_commands_make_what_the_pods_mount():
    """They are run, but for kubectl."""
    readme = (CHART / "README.md").read_text()
    [block] = re.findall(r"```sh\n(ec=.*?)```", readme, re.S)
    record = 'kubectl() { [ "$1 $2 $3 $4 $5" = "-n app create secret generic" ] && echo "$6" >>made && printf "%s\\n" "${@:7}" >"$6"; }\n'
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", record + block], cwd=folder, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        folder = pathlib.Path(folder)
        made = (folder / "made").read_text().split()
        assert sorted(made) == sorted(f"crewup-{name}-tls" for name in WORKLOADS), made
        for name in WORKLOADS:
            files = dict(line.removeprefix("--from-file=").split("=") for line in (folder / f"crewup-{name}-tls").read_text().split())
            assert files == {"tls.crt": f"{name}.crt", "tls.key": f"{name}.key", "ca.crt": "ca.crt"}
            subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", files["tls.crt"]], cwd=folder, check=True, capture_output=True)
            names = subprocess.run(["openssl", "x509", "-in", files["tls.crt"], "-noout", "-ext", "subjectAltName"], cwd=folder, check=True,
                                   capture_output=True, text=True).stdout.split("\n")[1].strip()
            assert names == f"URI:spiffe://crewup/{name}", names
