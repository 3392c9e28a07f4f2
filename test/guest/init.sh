#!/busybox sh
# The guest's first process, in its memory. The new root is an overlay: this machine's root,
# read-only, below a disk of the guest.
set -eu
b=/busybox
$b mkdir -p /proc /sys /dev /host /disk /root
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod "$module"; done
$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host /host
$b mount -t ext4 /dev/vda /disk
$b mkdir /disk/changes /disk/work /disk/labs
$b mount -t overlay -o lowerdir=/host,upperdir=/disk/changes,workdir=/disk/work overlay /root
# containerd's own overlays cannot lie on an overlay.
$b mkdir -p /root/var/lib/berth-lab
$b mount -o bind /disk/labs /root/var/lib/berth-lab
$b mount -o move /dev /root/dev
$b mount -o move /sys /root/sys
$b mount -o move /proc /root/proc
# shellcheck disable=SC2154 # The kernel sets it, from its command line.
exec $b switch_root /root /bin/sh "$berth_script"
