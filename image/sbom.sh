#!/usr/bin/env bash
# sbom.sh FILE: what is in the image, as CycloneDX: the crates of the program (of Cargo.lock, by cargo-cyclonedx) and the
# Debian packages of its libraries and certificates.
set -euo pipefail
cd "$(dirname "$0")/.."
file=$(realpath -m "$1")
version=0.5.9
if ! .tools/bin/cargo-cyclonedx cyclonedx --version 2>/dev/null | grep -qF "$version"; then
    cargo install --quiet --locked "cargo-cyclonedx@$version" --root .tools
fi
# It writes one beside every manifest of the workspace, and nowhere else.
trap 'find . -name crewup-sbom.json -not -path "./target/*" -not -path "./.tools/*" -delete' EXIT
.tools/bin/cargo-cyclonedx cyclonedx --quiet --manifest-path image/Cargo.toml --format json --spec-version 1.5 \
    --no-build-deps --override-filename crewup-sbom
python3 - image/crewup-sbom.json "$file" <<'PYTHON'
import json
import subprocess
import sys

source, target = sys.argv[1:]
sbom = json.load(open(source, encoding="utf-8"))
for package in ("libc6", "libgcc-s1", "ca-certificates"):
    query = ["dpkg-query", "--show", "--showformat=${Version} ${Architecture}", package]
    version, architecture = subprocess.run(query, check=True, capture_output=True, text=True).stdout.split()
    purl = f"pkg:deb/debian/{package}@{version}?arch={architecture}"
    sbom["components"].append({"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl})
with open(target, "w", encoding="utf-8") as out:
    json.dump(sbom, out, indent=1)
PYTHON
