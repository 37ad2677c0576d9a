"""Values in combination. Every pair of settings of different rows occurs together at least once, if it may."""
import itertools

# What a row's choice sets. A row is one thing that somebody decides.
ROWS = {
    "database": {
        "none": ["database.kind=none"],
        "external": ["database.kind=external", "database.externalName=db.example.org", "networkPolicy.database.cidrs={192.0.2.10/32}"],
        "inChart": ["database.kind=inChart"],
        "cloudNativePG": ["database.kind=cloudNativePG", "database.cloudNativePG.backup.destinationPath=s3://bucket/path",
                          "database.cloudNativePG.maxConnections=1000"],
    },
    "mode": {"production": [], "development": ["mode=development", "reflection=true"], "dev": ["mode=development", "dev=true"]},
    "services": {
        "two": [],
        "one": ["serviceDefaults.replicas=1"],
        "scaled": ["serviceDefaults.autoscaling.enabled=true", "services.event.autoscaling.maxReplicas=9"],
        "from one": ["serviceDefaults.autoscaling.enabled=true", "serviceDefaults.autoscaling.minReplicas=1"],
    },
    "edge": {"two": [], "one": ["edge.replicas=1"], "scaled": ["edge.autoscaling.enabled=true"]},
    "tls": {
        "plain": [],
        "secret": ["edge.tls.secretName=tls"],
        "certificate": ["edge.tls.secretName=tls", "edge.tls.certificate.enabled=true", "edge.tls.certificate.issuerName=ca",
                        "edge.tls.certificate.dnsNames={a.example.org}"],
        "only": ["edge.tls.secretName=tls", "edge.plain.enabled=false"],
    },
    "exposed": {
        "ClusterIP": [],
        "LoadBalancer": ["edge.service.type=LoadBalancer", "edge.service.annotations.a=b"],
        "ingress": ["edge.ingress.enabled=true", "edge.ingress.host=a.example.org", "edge.ingress.tlsSecretName=outside"],
        "gateway": ["edge.gateway.enabled=true", "edge.gateway.parentRefs[0].name=public"],
    },
    "network": {
        "open edge": [],
        "off": ["networkPolicy.enabled=false"],
        "closed edge": ["networkPolicy.edgeFrom[0].ipBlock.cidr=198.51.100.0/24"],
    },
    "monitoring": {"off": [], "on": ["monitoring.enabled=true", "monitoring.labels.release=prometheus"],
                   "without rules": ["monitoring.enabled=true", "monitoring.rules.enabled=false"]},
    "collector": {"none": [], "inside": ["otlpEndpoint=http://collector.observability.svc.cluster.local:4317"],
                  "outside": ["otlpEndpoint=http://otlp.example.org:4317"]},
    "issuer": {"outside": ["issuer=https://id.example.org/realms/crewup"],
               "inside": ["issuer=https://keycloak.identity.svc:8443/realms/crewup", "networkPolicy.issuer.ports={8443}", "issuerCaSecret=issuer-ca"]},
    "namespaces": {"one": [], "two": ["database.namespace=data", "database.tls.caSecret=database-ca"]},
    "mesh": {"secrets": [], "certManager": ["mesh.tls.kind=certManager", "mesh.tls.certManager.issuerName=authority"],
             "none": ["mesh.tls.kind=none", "database.sslMode=prefer"]},
    "images": {"tag": ["image.tag=1.2.3"], "digest": [f"image.digest=sha256:{'0' * 64}", f"edge.image.digest=sha256:{'1' * 64}",
                                                     "imagePullSecrets={registry}"]},
}
# The chart refuses these; tests.values shows that it does.
NEVER = [
    {"mode": "dev", "database": "cloudNativePG"},
    {"mode": "production", "mesh": "none"},
    {"tls": "only", "exposed": "ingress"},
    {"tls": "only", "exposed": "gateway"},
]


def allowed(case):
    return not any(all(case.get(row) == choice for row, choice in never.items()) for never in NEVER)


def pairs_of(case):
    return set(itertools.combinations(sorted(case.items()), 2))


def all_pairs():
    for one, other in itertools.combinations(ROWS, 2):
        for first, second in itertools.product(ROWS[one], ROWS[other]):
            pair = {one: first, other: second}
            if allowed(pair):
                yield next(iter(pairs_of(pair)))


def cases():
    """Greedy: each case takes the pairs that are still missing, the first of them always."""
    missing = dict.fromkeys(all_pairs())
    while missing:
        case = dict(next(iter(missing)))
        for row in ROWS:
            if row not in case:
                choices = [choice for choice in ROWS[row] if allowed(case | {row: choice})]
                case[row] = max(choices, key=lambda choice: len(pairs_of(case | {row: choice}) & missing.keys()))
        for pair in pairs_of(case):
            missing.pop(pair, None)
        yield case


def arguments(case):
    settings = [setting for row, choice in case.items() for setting in ROWS[row][choice]]
    return [argument for setting in settings for argument in ("--set", setting)]
