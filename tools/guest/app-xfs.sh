# SPDX-License-Identifier: GPL-2.0
# XFS.

KIND=xfs
MAKE_DISK="mkfs.xfs -q"
CHECK_DISK="xfs_repair -n"
