#!/bin/sh
# Starts a containerd with a new root, imports image archives into it, and stops it.
# Usage: unpack-images.sh ROOT ARCHIVE...   (in mount and PID namespaces of its own)
set -eu
root=$1
shift
mount -t tmpfs -o mode=755 tmpfs /run
cat >/run/containerd.toml <<END
version = 2
root = "$root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri"]
END
containerd --config /run/containerd.toml --log-level warn >&2 &
tries=0
until ctr version >/dev/null 2>&1; do
  tries=$((tries + 1))
  test "$tries" -lt 100
  sleep 0.1
done
for archive; do
  ctr --namespace k8s.io images import "$archive"
done
kill -TERM $!
wait $! || true
