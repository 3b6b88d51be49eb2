# SPDX-License-Identifier: GPL-2.0
# ext4 with its journal.

KIND=ext4
SIZE=192M
MAKE_DISK="mke2fs -q -t ext4 -N 65536"
CHECK_DISK="e2fsck -fn"
