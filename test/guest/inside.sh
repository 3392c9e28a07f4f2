#!/bin/sh
# The guest's first process once the root is there: sets up the machine, runs the command and
# powers off. The kernel's command line sets berth_modules, the folder of its modules, in the
# environment.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
# Not over /tmp: the work tree may be there.
mkdir -m 1777 /run/tmp
export TMPDIR=/run/tmp
mount -t cgroup2 none /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
mount --make-rshared /
mkdir -p /lib/modules /run/out
# shellcheck disable=SC2154 # As above.
mount --bind "$berth_modules/lib/modules" /lib/modules
mount -t 9p -o trans=virtio,version=9p2000.L,cache=none out /run/out
ip link set lo up
echo guest >/proc/sys/kernel/hostname
stty -F /dev/ttyS1 raw
sh /run/out/command.sh </dev/null >/dev/ttyS1 2>&1
echo $? >/run/out/code
sync
echo b >/proc/sysrq-trigger
