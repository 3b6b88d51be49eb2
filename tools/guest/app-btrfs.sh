# SPDX-License-Identifier: GPL-2.0
# btrfs, with a snapshot of the files while these are renamed and removed.

KIND=btrfs
MAKE_DISK="mkfs.btrfs -q"
CHECK_DISK="btrfs check"
STEPS="create snapshot stat drop rename unlink delete"

snapshot() {
	/opt/btrfs -q subvolume snapshot /tmp/at /tmp/at/snapshot
}

delete() {
	/opt/btrfs -q subvolume delete -c /tmp/at/snapshot
	/opt/btrfs subvolume sync /tmp/at
}
