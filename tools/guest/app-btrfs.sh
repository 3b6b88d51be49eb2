# SPDX-License-Identifier: GPL-2.0
# btrfs on a loop device in tmpfs, with snapshots.

prepare() {
	truncate -s 320M /tmp/disk
	/opt/mkfs.btrfs -q /tmp/disk > /dev/null || fail "mkfs.btrfs failed"
}

work() {
	mkdir -p /tmp/at
	losetup /dev/loop0 /tmp/disk
	mount -t btrfs /dev/loop0 /tmp/at
	counted /opt/files create /tmp/at $NUMBER
	counted snapshot
	for phase in stat rename unlink; do
		counted /opt/files $phase /tmp/at $NUMBER
		[ $phase != stat ] || counted drop
	done
	counted delete
}

drop() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

snapshot() {
	/opt/btrfs -q subvolume snapshot /tmp/at /tmp/at/snapshot
}

delete() {
	/opt/btrfs -q subvolume delete -c /tmp/at/snapshot
	/opt/btrfs subvolume sync /tmp/at
}

finish() {
	umount /tmp/at
	losetup -d /dev/loop0
	/opt/btrfs check /tmp/disk > /tmp/check 2>&1 ||
		fail "the file system has errors: $(cat /tmp/check)"
}
