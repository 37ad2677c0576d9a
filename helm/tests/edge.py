"""The edge: the configuration of development, and the ways in from outside."""
import pathlib
import subprocess
import tempfile

from .kit import CALLS, CHART, ENVOY, PORTS, ROOT, VALUES, every, find, objects, of_kind, test
import template


def context(**changes):
    """What the chart should give the edge's template, said once more, by hand."""
    services = [dict(service, host=f"crewup-{service['name']}.app.svc.cluster.local") for service in CALLS["services"]]
    base = {
        "bind": "0.0.0.0", "reusePort": "true", "opsPort": 9050, "adminPort": 9901, "configDir": "/etc/envoy", "certDir": "/etc/envoy-tls",
        "meshDir": "/etc/envoy-mesh", "meshName": "tls",
        "listeners": [{"name": "plain", "port": 8080, "tls": False}], "origins": [], "trustedHops": 0, "maxConnections": 10000,
        "maxHeapBytes": 400 << 20,
        "rate": {"perSecond": 100, "burst": 200}, "reflection": "", "otlp": None, "services": services, "refusals": CALLS["refusals"],
    }
    return base | changes


SECURE = {"name": "secure", "port": 8443, "tls": True}
COLLECTOR = {"host": "collector.observability.svc.cluster.local", "port": 4317, "percent": 10}
EXPECTED = {
    "minimal": context(),
    "gateway": context(trustedHops=1),
    "trial": context(meshDir="", origins=["http://localhost:5173"], reflection=PORTS[0]["name"]),
    "single-node": context(origins=["https://app.example.org"], trustedHops=1),
    "production": context(origins=["https://app.example.org"], listeners=[SECURE], otlp=COLLECTOR),
    "external": context(
        origins=["https://app.example.org", "https://www.example.org"], listeners=[SECURE],
        rate={"perSecond": 1000000, "burst": 2000000}, otlp=COLLECTOR,
    ),
}


@test
def the_edge_is_the_one_of_development():
    assert set(EXPECTED) == {values.stem for values in VALUES}
    for name, all_ in every():
        data = find(all_, "ConfigMap", "crewup-edge")["data"]
        mesh = ["workload.yaml", "authorities.yaml"] if EXPECTED[name]["meshDir"] else []
        assert [*data] == ["envoy.yaml", "certificate.yaml", *mesh], name
        for file in data:
            source = (ROOT / "envoy" / f"{file}.tmpl").read_text()
            assert data[file].rstrip() == template.render(source, EXPECTED[name]).rstrip(), f"{name} {file}"


@test
def envoy_accepts_what_the_chart_configures():
    for name, all_ in every():
        data = find(all_, "ConfigMap", "crewup-edge")["data"]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for file, content in data.items():
                (folder / file).write_text(content.replace("/etc/envoy/", f"{folder}/").replace("/etc/envoy-mesh", str(folder)))
            run = subprocess.run(
                [ENVOY, "--mode", "validate", "-c", folder / "envoy.yaml", "-l", "warn"], capture_output=True, text=True, check=False
            )
        assert run.returncode == 0, f"{name}: {run.stderr}"


@test
def a_changed_edge_is_rolled_out():
    def checksum(*args):
        edge = find(objects("-f", VALUES[0], *args), "Deployment", "crewup-edge")
        return edge["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum() == checksum("--set", "edge.concurrency=5")
    assert checksum() != checksum("--set", "edge.rate.burst=7")


@test
def the_ways_in_are_off_unless_asked_for():
    for values in VALUES:
        found = {one["kind"] for one in of_kind(objects("-f", values), "Ingress", "HTTPRoute", "Certificate")}
        # Those of the mesh are no way in.
        found -= {"Certificate"} - {one["kind"] for one in objects("-f", values) if "dnsNames" in one.get("spec", {})}
        expected = {"single-node": {"Ingress"}, "gateway": {"HTTPRoute"}, "production": {"Certificate"}}.get(values.stem, set())
        assert found == expected, f"{values.stem}: {found}"


@test
def a_way_in_takes_every_path_and_speaks_h2():
    """Native gRPC and grpc-web take the same way: by path, to a port that is known to speak h2."""
    single = objects("-f", CHART / "examples" / "single-node.yaml")
    [rule] = find(single, "Ingress", "crewup-edge")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert (path["path"], path["pathType"], path["backend"]["service"]) == ("/", "Prefix", {"name": "crewup-edge", "port": {"name": "plain"}})
    [port] = find(single, "Service", "crewup-edge")["spec"]["ports"]
    assert (port["name"], port["appProtocol"]) == ("plain", "kubernetes.io/h2c")
    routed = objects("-f", CHART / "ci" / "gateway.yaml")
    [rule] = find(routed, "HTTPRoute", "crewup-edge")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    [port] = find(routed, "Service", "crewup-edge")["spec"]["ports"]
    assert rule["backendRefs"] == [{"name": "crewup-edge", "port": port["port"]}]
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}, "streams would be cut"


@test
def the_certificate_is_the_one_that_envoy_reads():
    all_ = objects("-f", CHART / "examples" / "production.yaml")
    secret = find(all_, "Certificate", "crewup-edge")["spec"]["secretName"]
    volumes = find(all_, "Deployment", "crewup-edge")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "tls", "secret": {"secretName": secret}} in volumes
