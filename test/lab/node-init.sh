#!/bin/sh
# First process of a node's PID namespace. It gives the node its own folders, and then reaps orphans until it is killed.
# Usage: node-init.sh NAME NODE_FOLDER LAB_FOLDER
set -eu
name=$1 node=$2 lab=$3
echo "$name" >/proc/sys/kernel/hostname

# The kubelet must see cgroup version 2, so the host's cgroup v1 mounts are hidden. A new sysfs shows the node's own links.
umount -l /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup

# Copies of the host's mounts would keep the namespaces of other labs alive after these labs have ended.
while umount -l /run/netns 2>/dev/null; do :; done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns

# The node has its own /var/lib. So the kubelet and the runtime use their usual paths, and leave no files on the host.
mkdir -p "$node/containerd" "$node/kubelet" "$node/log" "$node/var-lib"
mount -t tmpfs -o mode=755 tmpfs "$node/var-lib"
mkdir -p "$node/var-lib/containerd" "$node/var-lib/kubelet" "$node/var-lib/cni"
mount --bind "$node/containerd" "$node/var-lib/containerd"
mount --bind "$node/kubelet" "$node/var-lib/kubelet"
mkdir -p "$node/var-lib/${lab#/var/lib/}"
mount --bind "$lab" "$node/var-lib/${lab#/var/lib/}"
mount --bind "$node/log" /var/log
mount --move "$node/var-lib" /var/lib

# Pods may request mounts that propagate between them and the node.
mount --make-rshared /

: >/run/berth-node-booted
# "wait" without operands also collects orphans, which the shims of ended pods leave behind.
while :; do
  sleep 2147483647 &
  wait
done
