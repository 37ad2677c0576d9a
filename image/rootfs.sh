#!/usr/bin/env bash
# rootfs.sh PROGRAM FOLDER: the root file system of the image, of the program that image/src/main.rs becomes. The Dockerfile
# copies it into nothing (FROM scratch); image/test.sh runs every command from it. Nothing else is in it: no shell, no package
# manager, nothing that its user could write.
set -euo pipefail
program=$1 root=$2
[ ! -e "$root" ] || { echo "$root is there already" >&2; exit 73; }

install -D -m 755 "$program" "$root/usr/bin/crewup"
# The names of functions stay, for backtraces.
strip --strip-debug "$root/usr/bin/crewup"
for name in event group user safety moderation migrate; do
    ln -s crewup "$root/usr/bin/crewup-$name"
done

# The libraries that it is linked with, and the loader, by the paths that it looks for.
ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
done

# Whom to trust: the issuer, a collector, a database outside the cluster.
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo "crewup:x:10001:10001::/:/nonexistent" | install -D -m 644 /dev/stdin "$root/etc/passwd"
echo "crewup:x:10001:" | install -D -m 644 /dev/stdin "$root/etc/group"
echo "hosts: files dns" | install -D -m 644 /dev/stdin "$root/etc/nsswitch.conf"
