#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-or-later
# From the figures of cast.sh to its tables, the RESULT lines, and the targets of docs/bench.md that were missed (exit 1).
# A line: ROW TOOL SECONDS BYTES CPU_SENDER CPU_RECEIVER PEAK_KB_SENDER PEAK_KB_RECEIVER SENT_BYTES SENT_PACKETS; "sweep" lines are not asked; "failed ROW TOOL": not every receiver got it.
# mbit: of the link in rows p0, p1, p5, with four receivers that lose 0, 1, 5 % each.

function median(list,    a, n, i, j, t) {
	n = split(list, a, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j] + 0 < a[j - 1] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	return n == 0 ? 0 : n % 2 ? a[(n + 1) / 2] + 0 : (a[n / 2] + a[n / 2 + 1]) / 2
}
function spread(list,    a, n, i, lo, hi) {
	n = split(list, a, " ")
	for (i = 1; i <= n; i++) {
		if (i == 1 || a[i] + 0 < lo) lo = a[i] + 0
		if (i == 1 || a[i] + 0 > hi) hi = a[i] + 0
	}
	return sprintf("%.2f-%.2f", lo, hi)
}
# "-" where one of both was not measured.
function ratio(a, b, digits) { return a > 0 && b > 0 ? sprintf("%." digits "f", a / b) : "-" }
function least(a, b) { return a > 0 && (b <= 0 || a < b) ? a : b }
function time(row, tool) { return median(seconds[row, tool]) }
# udpcast's better mode, as it starts by itself.
function udpcast(row) { return least(time(row, "udpcast_full"), time(row, "udpcast_half")) }

# How often a symbol of a block of k goes out, repair included, until all n receivers that lose p each have k of them, when exactly what
# is lacking is sent (docs/cast.md): (1/k) (k + sum over j >= 0 of 1 - F(j)^n), F of the negative binomial distribution.
function transmissions(k, n, p,    sum, term, f, j) {
	sum = 0
	term = exp(k * log(1 - p)) # none lost among the first k
	f = term
	for (j = 0; j < 10000 && 1 - exp(n * log(f)) > 1e-12; j++) {
		sum += 1 - exp(n * log(f))
		term *= p * (k + j) / (j + 1)
		f += term
		if (f > 1) f = 1
	}
	return (k + sum) / k
}

/^sweep / { next }
/^failed / { failures[$2, $3]++; next }
!($1 in have_row) { have_row[$1]; row[++rows] = $1 }
!($2 in have_tool) { have_tool[$2]; tool[++tools] = $2 }
{
	k = $1 SUBSEP $2
	seconds[k] = seconds[k] " " $3
	bytes[$1] = $4
	tx_cpu[k] = tx_cpu[k] " " $5
	rx_cpu[k] = rx_cpu[k] " " $6
	if ($7 > tx_peak[k] + 0) tx_peak[k] = $7
	if ($8 > rx_peak[k] + 0) rx_peak[k] = $8
	sent[k] = sent[k] " " ($9 - 42 * $10) # without heads of Ethernet, IP and UDP
	if ($2 == "orthrus") {
		if ($7 > tx_most) tx_most = $7
		if ($8 > rx_most) rx_most = $8
	}
}

function table(r,    i, k, gib, t) {
	gib = bytes[r] / 1073741824
	printf "\n%s: %.0f MiB; medians\n  %-14s %8s %-13s %7s %12s %12s %9s %9s\n", r, bytes[r] / 1048576, "", "seconds", "", "MB/s", "CPU s/GiB:", "CPU s/GiB:", "peak MiB:", "peak MiB:"
	printf "  %-14s %8s %-13s %7s %12s %12s %9s %9s\n", "", "", "", "", "sender", "a receiver", "sender", "receiver"
	for (i = 1; i <= tools; i++) {
		k = r SUBSEP tool[i]
		if (!(k in seconds))
			continue
		t = median(seconds[k])
		printf "  %-14s %8.2f %-13s %7.0f %12.2f %12.2f %9.0f %9.0f\n", tool[i], t, spread(seconds[k]), bytes[r] / t / 1e6, median(tx_cpu[k]) / gib,
			median(rx_cpu[k]) / gib, tx_peak[k] / 1024, rx_peak[k] / 1024
	}
	for (i = 1; i <= tools; i++)
		if ((r, tool[i]) in failures)
			printf "  %s failed %d times: not every receiver got the file\n", tool[i], failures[r, tool[i]]
}
# The link counts Ethernet's head and no more: 14 + 28 (IPv4, UDP) + 40 (ours) around 1408 bytes.
function link(p,    r, e, t, best, wire) {
	r = "p" p
	if (!((r, "orthrus") in seconds))
		return
	e = transmissions(128, 4, p / 100)
	t = time(r, "orthrus")
	best = bytes[r] * e / (mbit * 125000 * 1408 / (1408 + 14 + 28 + 40))
	wire = median(sent[r, "orthrus"]) / (bytes[r] * e)
	printf "  loss %d %%: ideal %.4f transmissions, %.2f s at the least; needed %.2f (%s): share %.3f; sent %.3f of the ideal payload\n", p, e, best, t,
		spread(seconds[r, "orthrus"]), best / t, wire
	share[r] = ratio(best, t, 3)
	if (wire > wire_most)
		wire_most = wire
}
function target(name, value, want, is_most) {
	if (value == "-" || value == "")
		return
	if (is_most ? value + 0 > want + 0 : value + 0 < want + 0) {
		printf "MISSED: %s is %s, the target %s %s\n", name, value, is_most ? "at most" : "at least", want
		missed = 1
	}
}
function or_dash(v) { return v == "" ? "-" : v }

END {
	if (!mbit)
		mbit = 200
	for (i = 1; i <= rows; i++)
		if (row[i] !~ /^p[0-9]+$/)
			table(row[i])
		else
			links = 1
	if (links) {
		printf "\nlink of %d Mbit/s, four receivers\n", mbit
		link(0); link(1); link(5)
	}
	printf "\n"
	n = split("n1 5.0 n4 5.0 n8 6.0 n1_loss 2.5 n4_loss 4.0", bar, " ")
	for (i = 1; i < n; i += 2) {
		got[bar[i]] = ratio(udpcast(bar[i]), time(bar[i], "orthrus"), 2)
		tuned[bar[i]] = ratio(time(bar[i], "udpcast_tuned"), time(bar[i], "orthrus"), 2)
		target(bar[i], got[bar[i]], bar[i + 1])
	}
	u1 = ratio(time("n1", "uftp"), time("n1", "orthrus"), 2)
	u4 = ratio(time("n4", "uftp"), time("n4", "orthrus"), 2)
	target("n1_uftp", u1, "8.0")
	target("n4_uftp", u4, "8.0")
	target("p0", share["p0"], "0.90")
	target("p1", share["p1"], "0.90")
	target("p5", share["p5"], "0.90")
	wire = wire_most ? sprintf("%.3f", wire_most) : "-"
	target("wire", wire, "1.08", 1)
	target("sender_mib", tx_most ? sprintf("%.0f", tx_most / 1024) : "-", 256, 1)
	target("receiver_mib", rx_most ? sprintf("%.0f", rx_most / 1024) : "-", 128, 1)
	printf "RESULT cast n1=%s n4=%s n8=%s n1_loss=%s n4_loss=%s n1_uftp=%s n4_uftp=%s\n", got["n1"], got["n4"], got["n8"], got["n1_loss"], got["n4_loss"], u1, u4
	printf "RESULT cast_tuned n1=%s n4=%s n1_loss=%s n1_uftp=%s n4_uftp=%s\n", tuned["n1"], tuned["n4"], tuned["n1_loss"],
		ratio(time("n1", "uftp_tuned"), time("n1", "orthrus"), 2), ratio(time("n4", "uftp_tuned"), time("n4", "orthrus"), 2)
	printf "RESULT cast_link p0=%s p1=%s p5=%s wire=%s\n", or_dash(share["p0"]), or_dash(share["p1"]), or_dash(share["p5"]), wire
	exit missed
}
