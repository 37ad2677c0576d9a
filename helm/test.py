#!/usr/bin/env python3
"""The chart: lints, renders, is valid Kubernetes, is the same edge as in development. Run by helm/test.sh, which installs
what it needs. Ends with `N passed, N failed`."""
import json
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "envoy"))
import template  # noqa: E402

CHART = HERE / "crewup"
HELM = ROOT / ".tools" / "bin" / "helm"
ENVOY = ROOT / ".tools" / "bin" / "envoy"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
VERSIONS = ["1.32", "1.33", "1.34", "1.35", "1.36", "1.37"]
PORTS = json.loads((ROOT / "envoy" / "ports.json").read_text())
CALLS = json.loads((ROOT / "envoy" / "calls.json").read_text())
ISSUER = "issuer=https://id.example.org/realms/crewup"
TESTS = []


def test(body):
    TESTS.append(body)
    return body


def helm(*args):
    return subprocess.run([HELM, *map(str, args)], capture_output=True, text=True, check=False)


def rendered(*args, chart=CHART):
    run = helm("template", "crewup", chart, "--namespace", "app", "--kube-version", "1.32.0", *args)
    assert run.returncode == 0, run.stderr
    return run.stdout


def objects(text):
    return [document for document in yaml.safe_load_all(text) if document]


def every():
    for values in VALUES:
        yield values.stem, objects(rendered("-f", values))


def find(all_, kind, name):
    [found] = [one for one in all_ if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods(all_):
    for one in all_:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


@test
def lints_strictly_with_every_set_of_values():
    for values in VALUES:
        run = helm("lint", "--strict", "-f", values, CHART)
        assert run.returncode == 0, f"{values.stem}: {run.stdout}{run.stderr}"


@test
def everything_is_valid_in_every_version_of_kubernetes():
    count = 0
    for values in VALUES:
        for version in VERSIONS:
            for one in objects(rendered("-f", values, "--kube-version", f"{version}.0")):
                kubernetes_validate.validate(one, version, strict=True)
                count += 1
    assert count > len(VALUES) * len(VERSIONS) * 10, count


@test
def the_validator_would_say_no():
    [deployment, *_] = [one for one in objects(rendered("-f", VALUES[0])) if one["kind"] == "Deployment"]
    deployment["spec"]["replica"] = 1
    try:
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("a misspelt field was accepted")


@test
def renders_the_same_twice():
    for values in VALUES:
        assert rendered("-f", values) == rendered("-f", values)


@test
def nonsense_is_refused():
    nonsense = [
        (None, "issuer"),
        ("issuer=id.example.org", "issuer"),
        ("issuer=https://id.example.org/realms/crewup/", "issuer"),
        ("isuer=https://id.example.org", "isuer"),
        ("mode=prod", "mode"),
        ("services.events.replicas=2", "events"),
        ("services.event.replica=2", "replica"),
        ("services.event.replicas=0", "replicas"),
        ("services.event.env.CREWUP_CLIENT_SECRET=x", "CREWUP_CLIENT_SECRET"),
        ("services.event.env.CREWUP_LISTEN=x", "CREWUP_LISTEN"),
        ("services.event.env.DATABASE_URL=x", "DATABASE_URL"),
        ("edge.origins={*}", "origins"),
        ("edge.origins={https://app.example.org/}", "origins"),
        ("edge.plain.enabled=false", "nobody could call"),
        ("edge.rate.perSecond=0", "perSecond"),
        ("edge.trustedHops=-1", "trustedHops"),
        ("edge.service.type=Loadbalancer", "type"),
        ("database.kind=external", "externalName"),
        ("database.kind=postgres", "kind"),
        ("database.sslMode=yes", "sslMode"),
        ("database.password=x", "password"),
        ("otlpEndpoint=https://otel:4317", "otlpEndpoint"),
        ("image.digest=sha256:abc", "digest"),
        ("serviceDefaults.resources.limits.memory=lots", "memory"),
    ]
    for setting, word in nonsense:
        args = ["--set", ISSUER] if setting else []
        args += ["--set", setting] if setting else []
        run = helm("template", "crewup", CHART, *args)
        assert run.returncode != 0, f"{setting} was accepted"
        assert word in run.stderr, f"{setting}: {run.stderr}"


@test
def an_old_cluster_is_refused():
    run = helm("template", "crewup", CHART, "--set", ISSUER, "--kube-version", "1.31.0")
    assert run.returncode != 0
    assert "kubeVersion" in run.stderr, run.stderr


@test
def the_services_are_those_of_the_list():
    for name, all_ in every():
        deployed = {one["metadata"]["name"] for one in all_ if one["kind"] == "Deployment"}
        assert deployed == {f"crewup-{port['name']}" for port in PORTS} | {"crewup-edge"}, name
        for port in PORTS:
            service = find(all_, "Service", f"crewup-{port['name']}")
            assert service["spec"]["clusterIP"] == "None"
            assert [one["port"] for one in service["spec"]["ports"]] == [port["port"], port["plain"]]
            [container] = find(all_, "Deployment", f"crewup-{port['name']}")["spec"]["template"]["spec"]["containers"]
            assert container["command"] == [f"crewup-{port['name']}"]
            named = {one["name"]: one["containerPort"] for one in container["ports"]}
            assert named == {"grpc": port["port"], "plain": port["plain"]}
            for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
                assert container[probe]["httpGet"] == {"path": path, "port": "plain"}, probe


@test
def services_wait_for_the_schema():
    for name, all_ in every():
        for port in PORTS:
            [waits] = find(all_, "Deployment", f"crewup-{port['name']}")["spec"]["template"]["spec"]["initContainers"]
            assert waits["command"][:2] == ["crewup-migrate", "wait"], name


@test
def secrets_come_from_secrets_only():
    for name, all_ in every():
        assert not [one for one in all_ if one["kind"] == "Secret"], name
        seen = 0
        for where, pod in pods(all_):
            for container in containers(pod):
                for variable in container.get("env", []):
                    if variable["name"].endswith(("_PASSWORD", "_SECRET")):
                        assert set(variable) == {"name", "valueFrom"}, f"{name} {where} {variable}"
                        assert variable["valueFrom"]["secretKeyRef"]["key"]
                        seen += 1
                    if variable["name"] == "DATABASE_URL":
                        assert ":$(DATABASE_PASSWORD)@postgres-service.app.svc.cluster.local:5432/crewup?" in variable["value"]
        assert seen >= 10, name


@test
def every_container_is_restricted():
    for name, all_ in every():
        for where, pod in pods(all_):
            at = f"{name} {where}"
            assert pod["automountServiceAccountToken"] is False, at
            assert pod["securityContext"]["runAsNonRoot"] is True, at
            assert pod["securityContext"]["runAsUser"] > 0, at
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, at
            for container in containers(pod):
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False, at
                assert security["readOnlyRootFilesystem"] is True, at
                assert security["capabilities"] == {"drop": ["ALL"]}, at
                assert container["resources"]["limits"]["memory"], at
        for account in (one for one in all_ if one["kind"] == "ServiceAccount"):
            assert account["automountServiceAccountToken"] is False, name


def context(**changes):
    """What the chart should give the edge's template, said once more, by hand."""
    services = [dict(service, host=f"crewup-{service['name']}.app.svc.cluster.local") for service in CALLS["services"]]
    base = {
        "bind": "0.0.0.0", "reusePort": "true", "opsPort": 9050, "adminPort": 9901, "configDir": "/etc/envoy", "certDir": "/etc/envoy-tls",
        "listeners": [{"name": "plain", "port": 8080, "tls": False}], "origins": [], "trustedHops": 0, "maxConnections": 10000,
        "rate": {"perSecond": 100, "burst": 200}, "reflection": "", "otlp": None, "services": services, "refusals": CALLS["refusals"],
    }
    return base | changes


@test
def the_edge_is_the_one_of_development():
    expected = {
        "minimal": context(),
        "trial": context(origins=["http://localhost:5173"], reflection=PORTS[0]["name"]),
        "production": context(
            origins=["https://app.example.org", "https://www.example.org"],
            listeners=[{"name": "secure", "port": 8443, "tls": True}],
            rate={"perSecond": 1000000, "burst": 2000000},
            otlp={"host": "collector.observability.svc.cluster.local", "port": 4317, "percent": 10},
        ),
    }
    assert set(expected) == {values.stem for values in VALUES}
    for name, all_ in every():
        data = find(all_, "ConfigMap", "crewup-edge")["data"]
        for file in ("envoy.yaml", "certificate.yaml"):
            source = (ROOT / "envoy" / f"{file}.tmpl").read_text()
            assert data[file].rstrip() == template.render(source, expected[name]).rstrip(), f"{name} {file}"


@test
def envoy_accepts_what_the_chart_configures():
    for name, all_ in every():
        data = find(all_, "ConfigMap", "crewup-edge")["data"]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "envoy.yaml").write_text(data["envoy.yaml"].replace("/etc/envoy/", f"{folder}/"))
            (folder / "certificate.yaml").write_text(data["certificate.yaml"])
            run = subprocess.run(
                [ENVOY, "--mode", "validate", "-c", folder / "envoy.yaml", "-l", "warn"], capture_output=True, text=True, check=False
            )
        assert run.returncode == 0, f"{name}: {run.stderr}"


@test
def a_changed_edge_is_rolled_out():
    def checksum(*args):
        edge = find(objects(rendered("-f", VALUES[0], *args)), "Deployment", "crewup-edge")
        return edge["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum() == checksum("--set", "edge.replicas=5")
    assert checksum() != checksum("--set", "edge.rate.burst=7")


@test
def a_new_image_or_migration_is_a_new_job():
    def job(*args):
        [one] = [one for one in objects(rendered("-f", VALUES[0], *args)) if one["kind"] == "Job"]
        assert "helm.sh/hook" not in one["metadata"].get("annotations", {})
        return one["metadata"]["name"]

    newest = max(path.name[:4] for path in (ROOT / "migrations").glob("*.sql"))
    assert job().startswith(f"crewup-migrate-{newest}-"), job()
    assert job() == job("--set", "edge.replicas=5")
    assert job() != job("--set", "image.tag=2.0.0"), "a Job cannot be changed"


@test
def postgres_service_is_in_the_namespace_app():
    all_ = {name: [one for one in found if "postgres" in one["metadata"]["name"]] for name, found in every()}
    assert all_["minimal"] == []
    service, server = all_["trial"]
    assert (service["kind"], service["metadata"]["name"], service["metadata"]["namespace"]) == ("Service", "postgres-service", "app")
    assert (server["kind"], server["metadata"]["namespace"]) == ("StatefulSet", "app")
    assert server["spec"]["template"]["spec"]["containers"][0]["image"].endswith("postgres:15")
    for key, value in service["spec"]["selector"].items():
        assert server["spec"]["template"]["metadata"]["labels"][key] == value
    [service] = all_["production"]
    assert service["metadata"]["namespace"] == "app"
    assert service["spec"] == {"type": "ExternalName", "externalName": "db.example.org"}
    elsewhere = objects(rendered("-f", CHART / "ci" / "trial.yaml", "--namespace", "other"))
    assert find(elsewhere, "Service", "postgres-service")["metadata"]["namespace"] == "app"
    assert find(elsewhere, "Deployment", "crewup-event")["metadata"]["namespace"] == "other"


@test
def a_package_is_complete():
    with tempfile.TemporaryDirectory() as folder:
        run = helm("package", CHART, "--destination", folder)
        assert run.returncode == 0, run.stderr
        [package] = pathlib.Path(folder).glob("*.tgz")
        for values in VALUES:
            assert rendered("-f", values, chart=package) == rendered("-f", values), values.stem


def main():
    failed = 0
    for body in TESTS:
        name = body.__name__.replace("_", " ")
        try:
            body()
            print(f"ok    {name}")
        except Exception as error:  # noqa: BLE001: every failure is a line of the report
            failed += 1
            print(f"FAIL  {name}\n{type(error).__name__}: {error}")
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
