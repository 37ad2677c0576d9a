"""Run by helm/cluster.sh, which builds what it needs. Ends with `N passed, N failed`."""
import signal
import sys

from tests import kit

from . import accepts, life, server  # noqa: F401: their tests register themselves

if __name__ == "__main__":
    print("etcd, kube-apiserver and kube-controller-manager are real. No container runs: a stand-in writes the status of pods.", flush=True)
    # Told to end, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code = kit.run(sys.argv[1:])
    finally:
        server.stop()
    sys.exit(code)
