# SPDX-License-Identifier: GPL-2.0
# ext4 with its journal.

KIND=ext4
SIZE=192M
STEPS="create stat drop rename unlink create"

make_disk() {
	/opt/mke2fs -q -t ext4 -N 65536 $1
}

check_disk() {
	/opt/e2fsck -fn $1
}
