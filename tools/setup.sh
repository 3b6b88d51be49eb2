#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Install what the tools need and this machine lacks, from Debian's packages.
# Called by the Makefile before every verb that needs more than a compiler;
# does nothing, and needs neither root nor network, when everything is there.
#
# An argument names what it is for: "tests" (the default), or "docs".

fail() {
	echo "error: $*" >&2
	exit 1
}

case ${1:-tests} in
tests)
	packages="
		python3 perl
		gcc make flex bison bc libelf-dev libssl-dev xz-utils
		sparse
		busybox-static qemu-system-x86
		iso-codes gnuplot-nox google-perftools
		debootstrap debian-archive-keyring
	"
	;;
docs)
	packages="
		python3 xz-utils debian-archive-keyring
		python3-sphinx furo
	"
	;;
*)
	fail "There is no set of packages $1: give tests or docs."
	;;
esac

command -v apt-get > /dev/null && command -v dpkg-query > /dev/null ||
	fail "This machine has no apt-get: the tools need Debian 12 or 13."

missing=
for package in $packages; do
	# "busybox" has what busybox-static has only if it is the static one, so go by name.
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

[ "$(id -u)" = 0 ] ||
	fail "Missing packages:$missing. Install them as root: apt-get install$missing"

echo "==> installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update > "$log" 2>&1
if ! apt-get -qq install -y --no-install-recommends $missing >> "$log" 2>&1; then
	tail -n 5 "$log" >&2
	if [ "$(df -Pk /var/cache/apt | awk 'NR == 2 { print $4 }')" -lt 1000000 ]; then
		fail "There is too little disk space to install$missing: free at least 1 GB on the disk of /var and run the command again."
	fi
	fail "The packages$missing cannot be installed: check the network and the package source in /etc/apt, then run the command again."
fi
