"""Values: nonsense is refused by name, and every value is explained."""
import subprocess
import sys

from .kit import CHART, HELM_DIR, ISSUER, helm, refuses, test


@test
def nonsense_is_refused():
    refuses("issuer")
    for setting, word in [
        ("issuer=id.example.org", "issuer"),
        ("issuer=https://id.example.org/realms/crewup/", "issuer"),
        ("isuer=https://id.example.org", "isuer"),
        ("mode=prod", "mode"),
        ("dev=yes", "dev"),
        ("image.tag=latest", "tag"),
        ("image.digest=sha256:abc", "digest"),
        ("services.events.replicas=2", "events"),
        ("services.event.replica=2", "replica"),
        ("services.event.replicas=0", "replicas"),
        ("services.event.env.CREWUP_CLIENT_SECRET=x", "CREWUP_CLIENT_SECRET"),
        ("services.event.env.CREWUP_LISTEN=x", "CREWUP_LISTEN"),
        ("services.event.env.CREWUP_GROUP_URL=x", "CREWUP_GROUP_URL"),
        ("services.event.env.DATABASE_URL=x", "DATABASE_URL"),
        ("services.event.autoscaling.max=5", "max"),
        ("serviceDefaults.autoscaling.cpuPercent=0", "cpuPercent"),
        ("serviceDefaults.resources.limits.memory=lots", "memory"),
        ("edge.image.tag=latest", "tag"),
        ("edge.origins={*}", "origins"),
        ("edge.origins={https://app.example.org/}", "origins"),
        ("edge.plain.enabled=false", "nobody could call"),
        ("edge.rate.perSecond=0", "perSecond"),
        ("edge.trustedHops=-1", "trustedHops"),
        ("edge.service.type=Loadbalancer", "type"),
        ("edge.tls.certificate.issuerKind=Authority", "issuerKind"),
        ("edge.gateway.parentRefs[0].port=80", "parentRefs"),
        ("database.kind=external", "externalName"),
        ("database.kind=postgres", "kind"),
        ("database.sslMode=yes", "sslMode"),
        ("database.tls.clientCertificate=mine", "clientCertificate"),
        ("mesh.tls.kind=off", "kind"),
        ("mesh.tls.secrets.events=x", "mesh.tls.secrets.events"),
        ("mesh.tls.certManager.duration=3d", "duration"),
        ("admin.secret=x", "secret"),
        ("admin.goneDays=0", "goneDays"),
        ("serviceDefaults.quotaPercent=0", "quotaPercent"),
        ("services.event.env.CREWUP_TLS_CERT_FILE=x", "CREWUP_TLS_CERT_FILE"),
        ("services.event.env.CREWUP_CLIENT_ID=x", "CREWUP_CLIENT_ID"),
        ("database.password=x", "password"),
        ("database.inChart.image=postgres:16", "image"),
        ("database.inChart.image=postgres", "image"),
        ("database.cloudNativePG.image=ghcr.io/cloudnative-pg/postgresql:17", "image"),
        ("database.cloudNativePG.instances=2", "instances"),
        ("database.cloudNativePG.backup.destinationPath=/backups", "destinationPath"),
        ("database.cloudNativePG.backup.retention=a month", "retention"),
        ("database.cloudNativePG.backup.schedule=0 2 * * *", "schedule"),
        ("networkPolicy.issuer.cidrs={id.example.org}", "cidrs"),
        ("networkPolicy.dns.ports=[]", "ports"),
        ("monitoring.interval=often", "interval"),
        ("monitoring.rules.runbook=RUNBOOK.md", "runbook"),
        ("otlpEndpoint=https://otel:4317", "otlpEndpoint"),
        ("test.image=curl:latest", "image"),
    ]:
        refuses(word, "--set", ISSUER, "--set", setting)


@test
def values_that_do_not_go_together_are_refused():
    for word, *settings in [
        ("mode: development", "dev=true"),
        ("dev:", "dev=true", "mode=development", "database.kind=cloudNativePG"),
        ("edge.plain.enabled", "edge.tls.secretName=tls", "edge.plain.enabled=false", "edge.ingress.enabled=true"),
        ("edge.plain.enabled", "edge.tls.secretName=tls", "edge.plain.enabled=false", "edge.gateway.enabled=true"),
        ("edge.ingress.host", "edge.ingress.enabled=true"),
        ("edge.gateway.parentRefs", "edge.gateway.enabled=true"),
        ("edge.tls.secretName", "edge.tls.certificate.enabled=true"),
        ("issuerName and dnsNames", "edge.tls.secretName=tls", "edge.tls.certificate.enabled=true"),
        ("minReplicas is more", "edge.autoscaling.enabled=true", "edge.autoscaling.minReplicas=7"),
        ("autoscaling of event", "services.event.autoscaling.enabled=true", "serviceDefaults.resources.requests=null"),
        ("edge.maxHeapMiB: 400 MiB is not below", "edge.resources.limits.memory=400Mi"),
        ("edge.maxHeapMiB: 1536 MiB is not below", "edge.resources.limits.memory=1.5Gi", "edge.maxHeapMiB=1536"),
        ("backup.destinationPath", "database.kind=cloudNativePG"),
        ("database.port", "database.kind=cloudNativePG", "database.port=5433"),
        # Five services, 2 replicas and one while rolling, 12 connections and 2 of their own, and 10.
        ("may use 220 at once", "database.kind=cloudNativePG", "database.cloudNativePG.backup.destinationPath=s3://bucket",
         "database.cloudNativePG.maxConnections=219"),
    ]:
        refuses(word, "--set", ISSUER, *[argument for setting in settings for argument in ("--set", setting)])


@test
def a_release_s_name_leaves_room_for_the_names_made_of_it():
    for length, taken in ((41, True), (42, False)):
        run = helm("template", "r" * length, CHART, "--set", ISSUER)
        assert (run.returncode == 0) == taken and ("name of the release" in run.stderr) != taken, run.stderr


@test
def the_readme_lists_every_value_with_its_comment():
    run = subprocess.run([sys.executable, HELM_DIR / "readme.py", "--check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@test
def a_value_without_a_comment_is_noticed():
    sys.path.insert(0, str(HELM_DIR))
    import readme

    good = (CHART / "values.yaml").read_text()
    assert len(readme.rows(good)) > 100
    for bad in (good.replace("  # Calls at once.\n", "", 1), good + "unexplained: 1\n"):
        try:
            readme.rows(bad)
        except readme.Unexplained:
            continue
        raise AssertionError("a value without a comment was accepted")
