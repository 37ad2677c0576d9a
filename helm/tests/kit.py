"""What the tests share: Helm, what it renders, and the list of tests."""
import copy
import functools
import json
import os
import pathlib
import subprocess
import sys
import time
import traceback

import yaml

HELM_DIR = pathlib.Path(__file__).resolve().parents[1]
ROOT = HELM_DIR.parent
sys.path.insert(0, str(ROOT / "envoy"))

CHART = HELM_DIR / "crewup"
TOOLS = ROOT / ".tools"
HELM = TOOLS / "bin" / "helm"
ENVOY = TOOLS / "bin" / "envoy"
PROMTOOL = TOOLS / "bin" / "promtool"
# The examples that people install, and values that no example has.
VALUES = sorted((CHART / "examples").glob("*.yaml")) + sorted((CHART / "ci").glob("*.yaml"))
VERSIONS = ["1.32", "1.33", "1.34", "1.35", "1.36", "1.37"]
PORTS = json.loads((ROOT / "envoy" / "ports.json").read_text())
CALLS = json.loads((ROOT / "envoy" / "calls.json").read_text())
SERVICES = [one["name"] for one in PORTS]
ISSUER = "issuer=https://id.example.org/realms/crewup"
OPERATOR = ["--api-versions", "monitoring.coreos.com/v1/PodMonitor", "--api-versions", "monitoring.coreos.com/v1/PrometheusRule"]
TESTS = []
# Handshakes that are to fail are no news.
os.environ["GRPC_VERBOSITY"] = "NONE"


def test(body):
    TESTS.append(body)
    return body


def helm(*args, **more):
    return subprocess.run([HELM, *map(str, args)], capture_output=True, text=True, check=False, **more)


class HelmAt:
    """Helm against a server: `env` says which."""

    patience = 60

    def helm(self, *args):
        run = helm(*args, "--namespace", "app", env=self.env, timeout=self.patience)
        run.stderr = "\n".join(line for line in run.stderr.splitlines() if not line.startswith("level=INFO"))
        return run

    def does(self, *args):
        run = self.helm(*args)
        assert run.returncode == 0, f"helm {args[0]}: {run.stdout[-1000:]}{run.stderr}"
        return run.stdout


def render(*args, chart=CHART, namespace="app", version="1.32"):
    """Whatever Helm says, not kept."""
    return helm("template", "crewup", chart, "--namespace", namespace, "--kube-version", f"{version}.0", *args)


@functools.cache
def text(*args, **more):
    run = render(*args, **more)
    assert run.returncode == 0, run.stderr
    return run.stdout


def objects(*args, **more):
    """The objects for these arguments of Helm, the caller's own to change."""
    return copy.deepcopy(parsed(text(*map(str, args), **more)))


@functools.cache
def parsed(manifest):
    return [document for document in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if document]


def every():
    """Each set of values with its objects, as in a cluster with the Prometheus operator."""
    for values in VALUES:
        yield values.stem, objects("-f", values, *OPERATOR)


def find(all_, kind, name):
    found = [one for one in all_ if one["kind"] == kind and one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def of_kind(all_, *kinds):
    return [one for one in all_ if one["kind"] in kinds]


def template_of(one):
    """Labels and spec of the pods that an object makes, or None."""
    if one["kind"] == "Pod":
        return one["metadata"].get("labels", {}), one["spec"]
    if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        template = one["spec"]["template"]
        return template["metadata"].get("labels", {}), template["spec"]
    if one["kind"] == "CronJob":
        template = one["spec"]["jobTemplate"]["spec"]["template"]
        return template["metadata"].get("labels", {}), template["spec"]
    return None


def pods(all_):
    for one in all_:
        if template_of(one):
            yield f"{one['kind']} {one['metadata']['name']}", template_of(one)[1]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def refuses(word, *args):
    """Helm says no, and names what is wrong."""
    run = render(*args)
    assert run.returncode != 0, f"{args} was accepted"
    said = "\n".join(line for line in run.stderr.splitlines() if not line.startswith("level="))
    assert word in said, f"{args}: {said}"


def run(words):
    """The tests that were imported, or those whose name has one of the words; what the process ends with."""
    passed = failed = 0
    for body in TESTS:
        name = body.__name__.replace("_", " ")
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            body()
            passed += 1
            print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # noqa: BLE001: every failure is a line of the report
            failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL  {name}\n{type(error).__name__} in {where.name}, line {where.lineno}: {str(error)[:4000]}", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0
