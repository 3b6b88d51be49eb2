# SPDX-License-Identifier: GPL-2.0
# Connection tracking of UDP: flows come, are found again, fill the table, and
# expire.

work() {
	ip link set lo up
	/opt/nft "add table ip t
		add chain ip t c { type filter hook output priority 0; }
		add rule ip t c ct state new counter" || fail "nft failed"
	cd /proc/sys/net/netfilter
	echo $((NUMBER / 2)) > nf_conntrack_max
	echo 2 > nf_conntrack_udp_timeout
	counted /opt/flows $((NUMBER / 2))
	counted /opt/flows $((NUMBER / 2))	# the same flows
	[ "$(cat nf_conntrack_count)" -gt $((NUMBER / 4)) ] || fail "flows are not tracked"
	sleep 4
	counted /opt/flows $NUMBER		# more than the table holds
	cd /modules
}

finish() {
	/opt/nft flush ruleset
}
