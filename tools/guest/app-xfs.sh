# SPDX-License-Identifier: GPL-2.0
# XFS on a loop device in tmpfs.

prepare() {
	truncate -s 320M /tmp/disk
	/opt/mkfs.xfs -q /tmp/disk || fail "mkfs.xfs failed"
}

work() {
	mkdir -p /tmp/at
	losetup /dev/loop0 /tmp/disk
	mount -t xfs /dev/loop0 /tmp/at
	for phase in create stat rename unlink; do
		counted /opt/files $phase /tmp/at $NUMBER
		[ $phase != stat ] || counted drop
	done
	counted /opt/files create /tmp/at $NUMBER
}

drop() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

finish() {
	umount /tmp/at
	losetup -d /dev/loop0
	/opt/xfs_repair -n /tmp/disk > /tmp/repair 2>&1 ||
		fail "the file system has errors: $(cat /tmp/repair)"
}
