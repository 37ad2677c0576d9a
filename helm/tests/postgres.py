"""The server of a trial with certificates, started here: with the arguments, pg_hba.conf and reload script that the chart renders, and
PostgreSQL itself. Only the container is missing."""
import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import psycopg

from .call import authority, free_port, openssl, put, until, workload
from .kit import find, objects, test
from .mesh import MANAGED

# The newest that is installed, as in dev.d/tools.sh.
BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=pathlib.Path("no PostgreSQL: apt-get install postgresql-15"))
HOST = "postgres-service.app.svc.cluster.local"


def pod():
    all_ = objects(*MANAGED, "--set", "database.kind=inChart")
    spec = find(all_, "StatefulSet", "postgres")["spec"]["template"]["spec"]
    return spec, find(all_, "ConfigMap", "crewup-postgres")["data"]


def certified(vouched, folder):
    """The server's, as cert-manager makes it."""
    names = find(objects(*MANAGED, "--set", "database.kind=inChart"), "Certificate", "crewup-postgres-tls")["spec"]["dnsNames"]
    workload(vouched, folder, "nobody")
    (folder / "names").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
    openssl("x509", "-req", "-in", folder / "csr", "-CA", vouched / "ca.crt", "-CAkey", vouched / "ca.key", "-days", "1", "-extfile", folder / "names",
            "-out", folder / "tls.crt")
    return folder


def mounted(secret, content, group):
    """With the kubelet's owner and mode: root, and readable for the pod's group."""
    put(secret, content)
    for file in ("tls.crt", "tls.key", "ca.crt"):
        os.chmod(secret / file, 0o440)
        if os.getuid() == 0:
            os.chown(secret / file, 0, group)
    secret.chmod(0o755)
    (secret / "..data").resolve().chmod(0o755)


@contextlib.contextmanager
def server(scratch, secret):
    """Its port. It runs as postgres where the tests run as root, which it refuses to be."""
    spec, data = pod()
    [postgres, reload] = spec["containers"]
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    home = scratch / "home"
    home.mkdir(mode=0o700)
    if who:
        shutil.chown(home, **{key: who[key] for key in ("user", "group")})
    (scratch / "password").write_text("secret")
    (scratch / "password").chmod(0o644)
    subprocess.run([BIN / "initdb", "-D", home / "data", "-U", "crewup", "--pwfile", scratch / "password", "--auth-host=scram-sha-256"],
                   check=True, capture_output=True, cwd=home, **who)
    # Everybody here comes from 127.0.0.1, which is the inside of the pod.
    (scratch / "pg_hba.conf").write_text(data["pg_hba.conf"].replace("127.0.0.1/32", "127.0.0.9/32"))

    def here(text):
        return text.replace("/etc/crewup/tls", str(secret)).replace("/etc/crewup/hba", str(scratch)).replace("/var/run/postgresql", str(home))

    port = free_port()
    running = [subprocess.Popen([BIN / "postgres", "-D", home / "data", "-p", str(port), "-c", f"unix_socket_directories={home}", *map(here, postgres["args"])],
                                stdout=subprocess.DEVNULL, stderr=(scratch / "log").open("w"), cwd=home, **who)]
    try:
        def ready():
            assert running[0].poll() is None, (scratch / "log").read_text()
            return subprocess.run([BIN / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True, check=False).returncode == 0

        until("a server", ready)
        script = here(reload["command"][2]).replace("sleep 10", "sleep 0.1")
        env = {"PATH": f"{BIN}:{os.environ['PATH']}", "PGPORT": str(port), "DATABASE": "postgres"}
        running.append(subprocess.Popen([*reload["command"][:2], script], env=env, cwd=home, stdout=subprocess.DEVNULL, **who))
        yield port
        # Or it would keep the pod for a minute.
        running[1].terminate()
        assert running[1].wait(5) == 0
    finally:
        for one in reversed(running):
            one.terminate()
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def answer(port, mesh, client=None, password="secret", **more):
    """What the server says to this client, with what DATABASE_URL names."""
    certificate = {"sslcert": str(client / "tls.crt"), "sslkey": str(client / "tls.key")} if client else {"sslcert": "none"}
    options = {"host": HOST, "hostaddr": "127.0.0.1", "port": port, "user": "crewup", "dbname": "postgres", "sslmode": "verify-full",
               "sslrootcert": str(mesh / "ca.crt"), "password": password, "connect_timeout": 5} | certificate | more
    try:
        with psycopg.connect(**options) as connection:
            return connection.execute("select version from pg_stat_ssl where pid = pg_backend_pid()").fetchone()[0]
    except psycopg.OperationalError as error:
        return str(error)


@test
def a_trial_s_server_asks_for_a_certificate_and_a_password():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        scratch.chmod(0o755)
        ours, other = authority(scratch / "ours"), authority(scratch / "other")
        group = pwd.getpwnam("postgres").pw_gid if os.getuid() == 0 else os.getgid()
        secret, event = scratch / "secret", workload(ours, scratch / "event", "event")
        mounted(secret, certified(ours, scratch / "first"), group)
        with server(scratch, secret) as port:
            assert answer(port, ours, event) == "TLSv1.3"
            assert "password authentication failed" in answer(port, ours, event, password="wrong")
            assert "requires a valid client certificate" in answer(port, ours)
            stranger = answer(port, ours, workload(other, scratch / "stranger", "event"))
            assert "unknown ca" in stranger, stranger
            assert "no pg_hba.conf entry" in answer(port, ours, sslmode="disable")
            assert "certificate verify failed" in answer(port, other, event)
            assert "does not match host name" in answer(port, ours, event, host="another.app.svc.cluster.local")

            # All is exchanged, as when cert-manager renews it: even the authority.
            mounted(secret, certified(other, scratch / "second"), group)
            theirs = workload(other, scratch / "theirs", "event")
            until("the renewed certificate", lambda: answer(port, other, theirs) == "TLSv1.3")
            assert "certificate verify failed" in answer(port, ours, event)
