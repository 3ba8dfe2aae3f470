#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-or-later
# From the prober's logs (tests/lab/prober.c) of failover.sh to the tables, the RESULT line, a plot (-v svg=FILE), and the targets that
# were missed (exit 1). The files are parts of a series each: t20.1.log, t20.2.log, t100.1.log, keepalived.1.log.
#
# A fault's gap is the longest silence that began before the fault was undone; below 3 ms it was none, and counts as 1. Where silence
# lasted until the fault was undone nobody took over: "stuck", not in the percentiles. In the percentiles are the faults that strike the head
# that answers; the loss of a witness strikes nobody.
# Dual is a fault in whose time
#   - one question was answered by both heads, or
#   - the address moved to the other head, and then the first one answered again before the fault was undone, or
#   - it moved there and back within 10 ms: less than a lease takes to run out.
# A false failover is any other move that no fault called for: while a witness was lost, after a fault was undone, in the control.

function name_of(file) { sub(/.*\//, "", file); sub(/(\.[0-9]+)?\.log$/, "", file); return file }
FNR == 1 {
	s = name_of(FILENAME)
	part++
	if (!(s in seen)) serie[++series] = s
	seen[s]
	phase = "before"
	f = 0
	last_move = -1000
}
function dual_here(    k) {
	if (phase == "before")
		return
	k = phase == "control" ? s SUBSEP "control" SUBSEP part SUBSEP int(now / 1000) : s SUBSEP f
	if (k in is_dual)
		return
	is_dual[k]
	duals[s]++
	dual_of[s, phase == "control" ? "control" : kind[s, f]]++
}
$1 == "mark" {
	if ($3 == "begin") { phase = "calm"; begun[part] = $2 }
	if ($3 == "fault") {
		f = ++n_faults[s]
		kind[s, f] = $4; owner[s, f] = $6; from[s, f] = $2; gap[s, f] = 1; moves = 0
		if (!((s, $4) in have_kind)) { have_kind[s, $4]; kinds[s] = kinds[s] " " $4 }
		phase = "fault"
	}
	if ($3 == "ended") own_ends[s]++
	if ($3 == "heal") { until[s, f] = $2; phase = "repair" }
	if ($3 == "calm") phase = "calm"
	if ($3 == "control") { phase = "control"; control_from[s] = $2 }
	if ($3 == "end") { control_ms[s] += $2 - control_from[s]; phase = "before" }
}
$1 == "gap" && begun[part] && phase != "before" {
	now = $3
	g = $3 - $2
	# One that goes on when the fault is undone is its gap if nobody had taken over by then; else it is the repair's.
	if (f && phase != "control" && $3 > from[s, f] && (phase == "fault" || ($2 < until[s, f] && !moves))) {
		if (phase != "fault" && kind[s, f] != "witness")
			stuck[s, f]
		if (g > gap[s, f]) gap[s, f] = g
	} else {
		if (g > other_gap[s, phase] + 0) other_gap[s, phase] = g
		other_gaps[s, phase]++
	}
}
$1 == "id" && phase != "before" {
	now = $2
	back = $4 == last_from && now - last_move < 10
	last_move = now; last_from = $3
	if (phase == "fault" && kind[s, f] != "witness") {
		moves++
		if (moves > 1 && $4 == owner[s, f]) dual_here()
	} else if (back)
		dual_here()
	else
		false_moves[s, phase]++
}
$1 == "two" { now = $2; dual_here() }
$1 == "end" { stalls[s] += $6; questions[s] += $3 }

function sort(a, n,    i, j, t, step) {
	for (step = int(n / 2); step > 0; step = int(step / 2))
		for (i = step + 1; i <= n; i++) {
			t = a[i]
			for (j = i; j > step && a[j - step] > t; j -= step) a[j] = a[j - step]
			a[j] = t
		}
}
# The faults of series x and a kind ("all": those that strike the head that answers) into v, sorted; how many.
function collect(x, which, v,    i, n) {
	delete v
	n = missed_takeovers = struck = 0
	for (i = 1; i <= n_faults[x]; i++) {
		if (which == "all" ? kind[x, i] == "witness" : kind[x, i] != which)
			continue
		struck++
		if ((x, i) in stuck) { missed_takeovers++; continue }
		v[++n] = gap[x, i] + 0
	}
	sort(v, n)
	return n
}
function rank(v, n, share,    i) { # nearest rank
	if (!n) return "-"
	i = int(share * n)
	if (i < share * n) i++
	return sprintf("%.1f", v[i < 1 ? 1 : i])
}
function row(x, which,    n) {
	n = collect(x, which, v)
	printf "  %-10s %6d %8s %8s %8s %6d %6d\n", which, struck, rank(v, n, 0.5), rank(v, n, 0.99), n ? sprintf("%.1f", v[n]) : "-", missed_takeovers,
		which == "all" ? duals[x] - dual_of[x, "control"] - dual_of[x, "witness"] : dual_of[x, which]
}
function most(a, b) { return a + 0 > b + 0 ? a + 0 : b + 0 }
function table(x,    i, n, list) {
	printf "\n%s: ms without an answer, and how often\n  %-10s %6s %8s %8s %8s %6s %6s\n", x, "fault", "n", "p50", "p99", "max", "stuck", "dual"
	n = split(kinds[x], list, " ")
	for (i = 1; i <= n; i++)
		row(x, list[i])
	row(x, "all")
	printf "  without faults, %.0f s: longest %.1f ms, %d of 3 ms or more; moves %d, dual %d\n", control_ms[x] / 1000, other_gap[x, "control"] ? other_gap[x, "control"] : 1,
		other_gaps[x, "control"], false_moves[x, "control"], dual_of[x, "control"]
	printf "  after repairs: longest %.1f ms; moves that no fault called for: %d; while a witness was lost: %d\n",
		most(other_gap[x, "repair"], other_gap[x, "calm"]), false_moves[x, "repair"] + false_moves[x, "calm"], false_moves[x, "fault"]
	if (own_ends[x]) printf "  it ended by itself, and was begun again, %d times\n", own_ends[x]
	printf "  the prober itself did not run %d times for 3 ms or more, of %d questions\n", stalls[x], questions[x]
}
function value(x, share,    n) {
	if (!(x in seen)) return "-"
	n = collect(x, "all", v)
	return rank(v, n, share)
}
function moves_of(x) { return false_moves[x, "control"] + false_moves[x, "repair"] + false_moves[x, "calm"] + false_moves[x, "fault"] }
function miss(what, is, op, target) {
	if (is == "-" || (op == "at most" ? is + 0 <= target + 0 : is + 0 == target + 0))
		return
	printf "MISSED: %s is %s, the target %s%s\n", what, is, op == "at most" ? "at most " : "", target
	bad = 1
}

# The share of faults whose gap is no longer than so many ms, a step for each fault.
function px(ms) { return 70 + ms / widest * 680 }
function py(share) { return 400 - share * 360 }
function curve(x, colour, i_label,    n, i, d) {
	n = collect(x, "all", v)
	if (!n) return
	d = sprintf("M%.1f %.1f", px(0), py(0))
	for (i = 1; i <= n; i++)
		d = d sprintf(" H%.1f V%.1f", px(v[i] < widest ? v[i] : widest), py(i / struck))
	printf "<path d=\"%s H%.1f\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", d, px(widest), colour >svg
	printf "<text x=\"600\" y=\"%d\" fill=\"%s\">%s (%d faults)</text>\n", 320 + i_label * 20, colour, x == "keepalived" ? x : "orthrus-guard " x, struck >svg
}
function plot(    i, n) {
	widest = 50
	for (i = 1; i <= series; i++) {
		n = collect(serie[i], "all", v)
		while (n && rank(v, n, 0.99) > widest && widest < 400) widest += 50
	}
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"460\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"800\" height=\"460\" fill=\"white\"/>" >svg
	print "<text x=\"70\" y=\"24\" font-size=\"15\">How long nobody answers when the head that did fails: share of faults below a time</text>" >svg
	for (i = 0; i <= 10; i++) {
		printf "<path d=\"M70 %.1f H750\" stroke=\"#ddd\"/><text x=\"62\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>\n", py(i / 10), py(i / 10) + 4, i * 10 >svg
		printf "<path d=\"M%.1f 40 V400\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"418\" text-anchor=\"middle\">%g</text>\n", px(widest * i / 10), px(widest * i / 10), widest * i / 10 >svg
	}
	print "<text x=\"410\" y=\"445\" text-anchor=\"middle\">ms without an answer</text>" >svg
	curve("t20", "#1a7f37", 0)
	curve("t100", "#0550ae", 1)
	curve("keepalived", "#cf222e", 2)
	print "</svg>" >svg
	close(svg)
}
END {
	for (i = 1; i <= series; i++)
		table(serie[i])
	if (svg != "")
		plot()
	ours = "t20" in seen || "t100" in seen
	n = collect("t20", "all", v); stucks = missed_takeovers
	n = collect("t100", "all", v); stucks += missed_takeovers
	dual = ours ? duals["t20"] + duals["t100"] : "-"
	printf "\nRESULT failover t20_p50_ms=%s t20_p99_ms=%s t100_p99_ms=%s keepalived_p50_ms=%s keepalived_p99_ms=%s dual_responders=%s keepalived_dual=%s false_failovers=%s stuck=%s\n",
		value("t20", 0.5), value("t20", 0.99), value("t100", 0.99), value("keepalived", 0.5), value("keepalived", 0.99), dual,
		"keepalived" in seen ? duals["keepalived"] + 0 : "-", ours ? moves_of("t20") + moves_of("t100") : "-", ours ? stucks : "-"
	miss("t20_p50_ms", value("t20", 0.5), "at most", 25)
	miss("t20_p99_ms", value("t20", 0.99), "at most", 40)
	miss("dual_responders", dual, "is", 0)
	miss("stuck", ours ? stucks : "-", "is", 0)
	if ("t100" in seen)
		miss("false failovers of t100", moves_of("t100"), "is", 0)
	exit bad
}
