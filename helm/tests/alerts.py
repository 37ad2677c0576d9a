"""The alerts: right by promtool's tests, about figures that the services have, with a runbook; and the cluster gets the tested file."""
import json
import pathlib
import re
import subprocess
import tempfile

import yaml

from .kit import CHART, HELM_DIR, OPERATOR, PORTS, PROMTOOL, ROOT, find, objects, of_kind, template_of, test

FILE = CHART / "alerts" / "crewup.yaml"
TESTS = HELM_DIR / "alerts_test.yaml"
ENABLED = ["-f", CHART / "examples" / "production.yaml", *OPERATOR]
SUFFIX = {"": "", "s": "_seconds", "By": "_bytes", "1": "_ratio"}
FIGURE = re.compile(r"Figure::(count|times)\(\s*\"([a-z._]+)\"", re.S)
MADE = re.compile(r"\.(\w+)_(gauge|counter|histogram)\(\s*\"([a-z._]+)\"\s*\)((?:\s*\.with_\w+\([^;]*?\))*)", re.S)


def promtool(*args):
    run = subprocess.run([PROMTOOL, *args], capture_output=True, text=True, check=False, cwd=HELM_DIR)
    assert run.returncode == 0, run.stdout + run.stderr


def rules():
    return [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


@test
def the_alerts_are_what_promtool_expects():
    promtool("check", "rules", FILE)
    promtool("test", "rules", TESTS)


@test
def every_alert_is_seen_to_fire_and_to_be_silent():
    fires, silent = set(), set()
    for group in yaml.safe_load(TESTS.read_text())["tests"]:
        for one in group["alert_rule_test"]:
            (fires if one["exp_alerts"] else silent).add(one["alertname"])
    named = {rule["alert"] for rule in rules()}
    assert fires == silent == named, (fires ^ named, silent ^ named)


def figures():
    """Names as /metrics has them, from the source: dots become _, the unit and the kind are appended."""
    found = set()
    for path in [*ROOT.glob("shared/src/**/*.rs"), *ROOT.glob("services/*/src/**/*.rs")]:
        for number, kind, name, more in MADE.findall(path.read_text()):
            unit = re.search(r'with_unit\("([^"]*)"\)', more)
            full = name.replace(".", "_") + SUFFIX[unit[1] if unit else ""]
            if kind == "histogram":
                found |= {f"{full}_{part}" for part in ("bucket", "count", "sum")}
            else:
                found.add(full + ("_total" if kind == "counter" and "up_down" not in number else ""))
        for kind, name in FIGURE.findall(path.read_text()):
            full = name.replace(".", "_")
            found |= {f"{full}_total"} if kind == "count" else {f"{full}_seconds_{part}" for part in ("bucket", "count", "sum")}
    return found


def used(expr):
    """The figures that an expression asks for."""
    return set(re.findall(r"\b(?:crewup|rpc|db)_[a-z_]+(?=[\s{)\[]|$)", re.sub(r"\"[^\"]*\"|\{[^}]*\}|by \([^)]*\)", "", expr)))


@test
def alerts_are_about_figures_that_there_are():
    there = figures()
    assert {"crewup_outbox_lag_seconds", "crewup_outbox_parked", "crewup_streams", "rpc_server_call_duration_seconds_count"} <= there, there
    for rule in rules():
        named = used(rule["expr"])
        assert named, rule["alert"]
        assert named <= there, f"{rule['alert']}: {named - there}"


@test
def the_dashboard_shows_every_figure_that_there_is_and_no_other():
    [made] = [one for one in of_kind(objects(*ENABLED), "ConfigMap") if "crewup.json" in one["data"]]
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    source = (CHART / "dashboards" / "crewup.json").read_text()
    assert made["data"]["crewup.json"] == source
    panels = [panel for panel in json.loads(source)["panels"] if panel["type"] != "row"]
    asked = set()
    for panel in panels:
        for target in panel["targets"]:
            named = used(target["expr"])
            assert named and named <= figures(), f"{panel['title']}: {named - figures()}"
            asked |= {re.sub("_(bucket|count|sum)$", "", name) for name in named}
            promtool("check", "rules", rule_of(target["expr"]))
    there = {re.sub("_(bucket|count|sum)$", "", name) for name in figures()}
    # How many wait is in how long they wait.
    assert there - asked == {"crewup_outbox_waiting", "crewup_accounts_waiting", "crewup_db_connections_awaited"}, there - asked
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def rule_of(expr):
    """A file in which promtool reads the expression; Grafana fills its variables."""
    for variable, value in (("$__rate_interval", "5m"), ("$namespace", "app")):
        expr = expr.replace(variable, value)
    file = pathlib.Path(tempfile.mkdtemp()) / "rule.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panel", "rules": [{"record": "panel", "expr": expr}]}]}))
    return file


@test
def every_alert_says_how_bad_it_is_and_where_to_read_on():
    [made] = of_kind(objects(*ENABLED, "--set", "monitoring.rules.runbook=https://wiki.example.org/crewup"), "PrometheusRule")
    assert made["metadata"]["labels"]["release"] == "prometheus"
    source = {rule["alert"]: rule for rule in rules()}
    count = 0
    for group in made["spec"]["groups"]:
        for rule in group["rules"]:
            count += 1
            assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
            assert rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"]
            anchor = source[rule["alert"]]["annotations"]["runbook_url"]
            assert re.fullmatch("#[a-z-]+", anchor), rule["alert"]
            assert rule["annotations"]["runbook_url"] == "https://wiki.example.org/crewup" + anchor
            # But for that, what promtool tested.
            rule["annotations"]["runbook_url"] = anchor
            assert rule == source[rule["alert"]]
    assert count == len(source)


@test
def the_runbook_has_a_section_for_every_alert():
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "RUNBOOK.md").read_text(), re.M)
    anchors = {"#" + heading.lower().replace(" ", "-") for heading in headings}
    missing = {rule["annotations"]["runbook_url"] for rule in rules()} - anchors
    assert not missing, missing


@test
def the_monitors_read_every_pod_that_has_figures():
    all_ = objects(*ENABLED)
    read = set()
    for monitor in of_kind(all_, "PodMonitor"):
        [component] = monitor["spec"]["selector"]["matchExpressions"]
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["path"] == "/metrics"
        for deployment in of_kind(all_, "Deployment"):
            labels, pod = template_of(deployment)
            if labels[component["key"]] in component["values"] and monitor["spec"]["selector"]["matchLabels"].items() <= labels.items():
                [port] = [one["containerPort"] for one in pod["containers"][0]["ports"] if one["name"] == endpoint["port"]]
                read.add((deployment["metadata"]["name"], port))
    assert read == {(f"crewup-{one['name']}", one["plain"]) for one in PORTS} | {("crewup-edge", 9050)}, read
    assert find(all_, "PodMonitor", "crewup-services")["metadata"]["labels"]["release"] == "prometheus"
