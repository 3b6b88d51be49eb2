# SPDX-License-Identifier: GPL-2.0
# btrfs, with a snapshot of the files while these are renamed and removed.

KIND=btrfs
SIZE=320M
STEPS="create snapshot stat drop rename unlink delete"

make_disk() {
	/opt/mkfs.btrfs -q $1
}

check_disk() {
	/opt/btrfs check $1
}

snapshot() {
	/opt/btrfs -q subvolume snapshot /tmp/at /tmp/at/snapshot
}

delete() {
	/opt/btrfs -q subvolume delete -c /tmp/at/snapshot
	/opt/btrfs subvolume sync /tmp/at
}
