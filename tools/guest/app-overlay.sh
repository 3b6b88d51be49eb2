# SPDX-License-Identifier: GPL-2.0
# overlayfs, with both layers in tmpfs.

work() {
	mkdir -p /tmp/lower /tmp/upper /tmp/work /tmp/at
	/opt/files create /tmp/lower $NUMBER
	mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work none /tmp/at
	counted copy
	counted look
	counted /opt/files rename /tmp/at $NUMBER
	counted rm -r /tmp/at/copy
}

copy() {
	mkdir /tmp/at/copy
	cp -a /tmp/at/[0-9]* /tmp/at/copy
}

look() {
	found=$(find /tmp/at -type f | wc -l)
	[ "$found" = $((2 * NUMBER)) ] || fail "$found files were found, not $((2 * NUMBER))"
}

finish() {
	umount /tmp/at
}
