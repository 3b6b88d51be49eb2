# SPDX-License-Identifier: GPL-2.0
# ext4 with its journal on a loop device in tmpfs.

prepare() {
	truncate -s 192M /tmp/disk
	/opt/mke2fs -q -t ext4 -N 65536 /tmp/disk || fail "mke2fs failed"
}

work() {
	mkdir -p /tmp/at
	losetup /dev/loop0 /tmp/disk
	mount -t ext4 /dev/loop0 /tmp/at
	for phase in create stat rename unlink; do
		counted /opt/files $phase /tmp/at $NUMBER
		# Of the first two phases inodes and dentries are dropped.
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
	/opt/e2fsck -fn /tmp/disk || fail "the file system has errors"
}
