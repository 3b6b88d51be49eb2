# SPDX-License-Identifier: GPL-2.0
# The null block device keeps its pages in memory, and allocates a record for
# each.

work() {
	counted dd if=/dev/zero of=/dev/nullb0 bs=64k count=$((NUMBER / 16)) 2> /dev/null
	counted sync
	counted dd if=/dev/nullb0 of=/dev/null bs=64k count=$((NUMBER / 16)) 2> /dev/null
	counted blkdiscard /dev/nullb0
	counted dd if=/dev/zero of=/dev/nullb0 bs=64k count=$((NUMBER / 16)) 2> /dev/null
	counted sync
}
