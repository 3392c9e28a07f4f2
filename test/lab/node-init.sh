#!/bin/sh
# First process of a node's PID namespace: gives the node folders of its own, then reaps orphans until somebody kills it.
# Usage: node-init.sh NAME NODE_FOLDER LAB_FOLDER
set -eu
name=$1 node=$2 lab=$3
echo "$name" >/proc/sys/kernel/hostname

# The host's cgroup v1 mounts go out of sight: the kubelet shall see version 2. A new sysfs shows the node's own links.
umount -l /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup

# Copies of the host's mounts would keep other labs' namespaces alive after their end.
while umount -l /run/netns 2>/dev/null; do :; done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns

# /var/lib of its own: the kubelet and the runtime have their usual paths, and nothing of theirs stays on the host.
mkdir -p "$node/containerd" "$node/kubelet" "$node/log" "$node/var-lib"
mount -t tmpfs -o mode=755 tmpfs "$node/var-lib"
mkdir -p "$node/var-lib/containerd" "$node/var-lib/kubelet" "$node/var-lib/cni"
mount --bind "$node/containerd" "$node/var-lib/containerd"
mount --bind "$node/kubelet" "$node/var-lib/kubelet"
mkdir -p "$node/var-lib/${lab#/var/lib/}"
mount --bind "$lab" "$node/var-lib/${lab#/var/lib/}"
mount --bind "$node/log" /var/log
mount --move "$node/var-lib" /var/lib

# Pods may ask for mounts that travel between them and the node.
mount --make-rshared /

: >/run/berth-node-booted
# "wait" without operands also collects orphans, which the shims of ended pods leave behind.
while :; do
  sleep 2147483647 &
  wait
done
