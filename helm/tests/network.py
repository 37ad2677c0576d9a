"""Who may talk to whom. The policies are carried out here as Kubernetes says, and the outcome for every pair is compared with a
list of hops that is written by hand."""
import ipaddress

from .kit import CALLS, ISSUER, OPERATOR, PORTS, SERVICES, objects, of_kind, template_of, test

GRPC = {one["name"]: one["port"] for one in PORTS}
PLAIN = {one["name"]: one["plain"] for one in PORTS}


class End:
    """One end of a connection: a pod, or an address outside of the cluster."""

    def __init__(self, name, namespace=None, labels=None, address=None):
        self.name, self.namespace, self.labels, self.address = name, namespace, labels or {}, address


def selects(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In", rule
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def is_one_of(peers, end, namespace):
    for peer in peers:
        if "ipBlock" in peer:
            if end.address and ipaddress.ip_address(end.address) in ipaddress.ip_network(peer["ipBlock"]["cidr"]):
                return True
        elif end.namespace:
            place = {"kubernetes.io/metadata.name": end.namespace}
            there = selects(peer["namespaceSelector"], place) if "namespaceSelector" in peer else end.namespace == namespace
            if there and selects(peer.get("podSelector", {}), end.labels):
                return True
    return False


def side(policies, kind, here, there, port, protocol):
    """Whether one side lets it pass: nobody has a policy for it, or one of them allows it."""
    words = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[kind]
    mine = [one for one in policies if here.namespace == one["metadata"]["namespace"] and kind in one["spec"]["policyTypes"]
            and selects(one["spec"]["podSelector"], here.labels)]
    for policy in mine:
        for rule in policy["spec"].get(words[0], []):
            peers, ports = rule.get(words[1]), rule.get("ports")
            if peers is not None and not is_one_of(peers, there, policy["metadata"]["namespace"]):
                continue
            if ports is None or {"protocol": protocol, "port": port} in ports:
                return True
    return not mine


def passes(policies, source, target, port, protocol="TCP"):
    return (not source.namespace or side(policies, "Egress", source, target, port, protocol)) and \
        (not target.namespace or side(policies, "Ingress", target, source, port, protocol))


def ends(all_, data="app"):
    found = {}
    for one in all_:
        if template_of(one):
            labels = template_of(one)[0]
            name = labels["app.kubernetes.io/component"]
            found[name] = End(name, one["metadata"]["namespace"], labels)
    for cluster in of_kind(all_, "Cluster"):
        found["postgres"] = End("postgres", data, {"cnpg.io/cluster": cluster["metadata"]["name"]})
    for name, namespace in (("dns", "kube-system"), ("monitoring", "monitoring"), ("collector", "observability"), ("operator", "cnpg-system"),
                            ("neighbour", "app"), ("stranger", "elsewhere")):
        found[name] = End(name, namespace, {"app": name})
    for name, address in (("internet", "198.51.100.7"), ("issuer", "203.0.113.9"), ("server", "192.0.2.10")):
        found[name] = End(name, address=address)
    return found


def hops(edge_port, postgres, collector=True):
    """Everything that may be, by hand: (from, to, port)."""
    yield from (("edge", service, GRPC[service]) for service in SERVICES)
    for service in CALLS["services"]:
        yield from ((service["name"], peer, GRPC[peer]) for peer in service["peers"])
        yield service["name"], "issuer", 443
        yield service["name"], postgres, 5432
        yield "monitoring", service["name"], PLAIN[service["name"]]
    yield "migrate", postgres, 5432
    yield "monitoring", "edge", 9050
    for caller in ("internet", "issuer", "server", "neighbour", "stranger", "monitoring", "dns", "collector", "operator", "test"):
        yield caller, "edge", edge_port
    for one in (*SERVICES, "edge", "migrate", "test"):
        yield one, "dns", 53
    if collector:
        yield from ((one, "collector", 4317) for one in (*SERVICES, "edge"))


def found_hops(all_, data="app", ports=()):
    policies = of_kind(all_, "NetworkPolicy")
    everyone = ends(all_, data)
    ours = {*SERVICES, "edge", "migrate", "test", "postgres"} & everyone.keys()
    ports = {*ports, *GRPC.values(), *PLAIN.values(), 53, 80, 443, 4317, 5432, 6443, 8000, 8080, 8443, 9050, 9187, 9901}
    for source in everyone.values():
        for target in everyone.values():
            if source is not target and ours & {source.name, target.name}:
                yield from ((source.name, target.name, port) for port in ports if passes(policies, source, target, port))


def compare(found, expected):
    found, expected = set(found), set(expected)
    assert found == expected, f"not expected: {sorted(found - expected)}; missing: {sorted(expected - found)}"


BASE = ["--set", ISSUER, "--set", "otlpEndpoint=http://collector.observability.svc.cluster.local:4317",
        "--set", "networkPolicy.issuer.cidrs={203.0.113.0/24}", *OPERATOR]


@test
def every_hop_has_a_name_and_there_is_no_other():
    # A server outside: one address, and the pods where postgres-service is.
    external = [*BASE, "--set", "database.kind=external", "--set", "database.externalName=db.example.org",
                "--set", "networkPolicy.database.cidrs={192.0.2.10/32}", "--set", "database.namespace=data"]
    compare(found_hops(objects(*external)), hops(8080, "server"))


@test
def each_side_of_a_hop_is_as_narrow_as_the_other():
    """One that is too wide would be hidden by the other, until somebody widens that."""
    all_ = objects(*BASE, "--set", "database.kind=inChart")
    policies, everyone = of_kind(all_, "NetworkPolicy"), ends(all_)
    ours = [everyone[name] for name in (*SERVICES, "edge", "migrate", "test", "postgres")]
    expected = {hop for hop in hops(8080, "postgres") if {hop[0], hop[1]} <= {one.name for one in ours}}
    ports = {hop[2] for hop in expected} | {*PLAIN.values(), 9050}
    between = [(source, target, port) for source in ours for target in ours if source is not target for port in ports]
    out = {(a.name, b.name, port) for a, b, port in between if side(policies, "Egress", a, b, port, "TCP")}
    into = {(a.name, b.name, port) for a, b, port in between if side(policies, "Ingress", b, a, port, "TCP")}
    compare(out, expected)
    # The edge is called by anybody, so by any of ours.
    compare({hop for hop in into if hop[1:] != ("edge", 8080)}, expected - {("test", "edge", 8080)})


@test
def what_nobody_thought_of_is_denied():
    all_ = objects(*BASE)
    policies, labels = of_kind(all_, "NetworkPolicy"), {"app.kubernetes.io/name": "crewup", "app.kubernetes.io/instance": "crewup"}
    new, everyone = End("new", "app", labels), ends(all_)
    for other in (*everyone.values(), End("another", "app", labels)):
        for port in (*GRPC.values(), 53, 443, 5432, 8080):
            assert not passes(policies, other, new, port), f"{other.name} to a new pod"
            assert passes(policies, new, other, port) == ((other.name, port) == ("dns", 53)), f"a new pod to {other.name}"
    [deny] = [one for one in policies if one["metadata"]["name"] == "crewup-default-deny"]
    assert deny["spec"] == {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress", "Egress"]}


@test
def a_trials_database_talks_to_nobody():
    trial = [*BASE, "--set", "database.kind=inChart", "--set", "database.namespace=data"]
    compare(found_hops(objects(*trial)), hops(8080, "postgres"))


@test
def the_operators_servers_are_reached_by_those_who_must():
    cluster = [*BASE, "--set", "database.kind=cloudNativePG", "--set", "database.cloudNativePG.backup.destinationPath=s3://bucket",
               "--set", "edge.tls.secretName=tls", "--set", "edge.plain.enabled=false"]
    # What the servers dial is not limited (object store, API server).
    found = {hop for hop in found_hops(objects(*cluster)) if hop[0] != "postgres"}
    more = [("operator", "postgres", 5432), ("operator", "postgres", 8000), ("monitoring", "postgres", 9187)]
    compare(found, [*hops(8443, "postgres"), *more])


@test
def the_edge_can_be_closed_to_all_but_some():
    closed = [*BASE, "--set", "networkPolicy.edgeFrom[0].ipBlock.cidr=198.51.100.0/24"]
    callers = {hop[0] for hop in found_hops(objects(*closed)) if hop[1] == "edge" and hop[2] == 8080}
    assert callers == {"internet", "test"}, callers


@test
def names_are_looked_up_by_both_protocols():
    all_ = objects(*BASE, "--set", "database.kind=inChart")
    policies, everyone = of_kind(all_, "NetworkPolicy"), ends(all_)
    for name in (*SERVICES, "edge", "migrate", "test"):
        assert passes(policies, everyone[name], everyone["dns"], 53, "UDP"), name
        assert not passes(policies, everyone[name], everyone["stranger"], 53, "UDP"), name


@test
def an_issuer_in_the_cluster_is_looked_for_in_its_namespace():
    inside = [*BASE, "--set", "issuer=https://keycloak.elsewhere.svc:8080/realms/crewup", "--set", "database.kind=inChart"]
    to = {hop for hop in found_hops(objects(*inside)) if hop[1] in ("stranger", "issuer", "internet")}
    assert to == {(service, "stranger", 8080) for service in SERVICES}, to
    ports = [*inside, "--set", "networkPolicy.issuer.ports={8443}"]
    to = {hop for hop in found_hops(objects(*ports)) if hop[1] == "stranger"}
    assert to == {(service, "stranger", 8443) for service in SERVICES}, to


@test
def an_admin_api_elsewhere_is_reached_by_the_user_service_alone():
    apart = [*BASE, "--set", "admin.clientSecret=sync", "--set", "admin.url=https://keycloak.elsewhere.svc:8444/admin/realms/crewup"]
    to = {hop for hop in found_hops(objects(*apart), ports=[8444]) if hop[1] == "stranger"}
    assert to == {("user", "stranger", 8444)}, to


@test
def policies_can_be_left_out():
    assert not of_kind(objects(*BASE, "--set", "networkPolicy.enabled=false"), "NetworkPolicy")
