# SPDX-License-Identifier: GPL-2.0
# XFS.

KIND=xfs
SIZE=320M
STEPS="create stat drop rename unlink create"

make_disk() {
	/opt/mkfs.xfs -q $1
}

check_disk() {
	/opt/xfs_repair -n $1
}
