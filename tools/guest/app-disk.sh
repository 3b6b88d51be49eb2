# SPDX-License-Identifier: GPL-2.0
# A file system on a loop device in tmpfs, and many small files in it.  This comes
# after app-NAME.sh, which defines
#
#   KIND	the file system's name
#   SIZE	that of the disk, if not this
#   STEPS	the workload, if not this: phases of tools/apps/files.c, and functions
#   MAKE_DISK	the program of /opt that makes the file system in a file
#   CHECK_DISK	the one that fails if the file system in a file has errors

: ${SIZE:=320M} ${STEPS:=create stat drop rename unlink create}

prepare() {
	truncate -s $SIZE /tmp/disk
	/opt/$MAKE_DISK /tmp/disk > /dev/null || fail "the file system cannot be made"
}

work() {
	mkdir -p /tmp/at
	losetup /dev/loop0 /tmp/disk
	mount -t $KIND /dev/loop0 /tmp/at
	for step in $STEPS; do
		case $step in
		create | stat | rename | unlink)
			counted /opt/files $step /tmp/at $NUMBER
			;;
		*)
			counted $step
			;;
		esac
	done
}

# drop: free the inodes and dentries of what was done before.
drop() {
	sync
	echo 3 > /proc/sys/vm/drop_caches
}

finish() {
	umount /tmp/at
	losetup -d /dev/loop0
	/opt/$CHECK_DISK /tmp/disk > /tmp/check 2>&1 ||
		fail "the file system has errors: $(cat /tmp/check)"
}
