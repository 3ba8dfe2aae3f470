#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-or-later
# From the figures of store.sh to its tables, the RESULT line, and the targets of docs/bench.md that were missed (exit 1).

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
function smaller(a, b) { return b == "-" || (a != "" && a != "-" && a + 0 < b + 0) ? (a == "" ? "-" : a) : b }

$2 == "limit" { limit[$1, $3] = $4; if (!($1 in seen)) { seen[$1]; trees[++ntrees] = $1 }; next }
!(($2) in known) { known[$2]; tool[++ntools] = $2 }
$3 == "size" { size[$1, $2] = size[$1, $2] " " $4; next }
$3 == "differs" { if ($4 > differs[$1, $2] + 0) differs[$1, $2] = $4; next }
$3 == "delta" { delta[$2] = $4; first[$2] = $5; next }
{
	k = $1 SUBSEP $2 SUBSEP $3
	durable[k] = durable[k] " " $4
	ended[k] = ended[k] " " $5
	cpu[k] = cpu[k] " " $7
	if ($6 > peak[k] + 0) peak[k] = $6
	if ($2 == "orthrus" && $6 > rss) rss = $6
}

function table(t,    i, n, in_, out, mb) {
	mb = limit[t, "content_mb"]
	printf "\n%s: %.0f MB in %d files; medians, seconds until durable (least-most), until the program ended, of CPU\n", t, mb, limit[t, "files"]
	printf "  %-11s %8s %-13s %7s %7s %9s   %8s %-13s %7s %7s %9s %9s\n", "", "ingest", "", "ended", "cpu", "peak MiB", "restore", "", "ended", "cpu", "peak MiB", "size MB"
	for (i = 1; i <= ntools; i++) {
		n = tool[i]
		in_ = t SUBSEP n SUBSEP "ingest"
		out = t SUBSEP n SUBSEP "restore"
		if (!(in_ in durable))
			continue
		printf "  %-11s %8.2f %-13s %7.2f %7.2f %9.0f   %8.2f %-13s %7.2f %7.2f %9.0f %9.1f", n, median(durable[in_]), spread(durable[in_]),
			median(ended[in_]), median(cpu[in_]), peak[in_] / 1024, median(durable[out]), spread(durable[out]), median(ended[out]),
			median(cpu[out]), peak[out] / 1024, median(size[t, n]) / 1e6
		if (differs[t, n])
			printf "  (%d entries not as they were)", differs[t, n]
		printf "\n"
	}
}
function times(t, n, op) { return median(durable[t, n, op]) }

# The least time that the work itself takes: the cores share what the processor must do with each byte and each file, and the disk takes
# what is written, meanwhile. Reading and creating files include the copies between the page cache and a buffer.
function bounds(t,    mb, files, cores, one, in_cpu, in_disk, out_cpu, out_disk, b) {
	mb = limit[t, "content_mb"]
	cores = limit[t, "cores"]
	files = limit[t, "files"]
	printf "  limits: memcpy %.1f GB/s, SHA-256 %d MB/s, zstd -3 %d MB/s, unzstd %d MB/s on one core; all %d: %.1f GB/s, %d, %d, %d MB/s\n",
		limit[t, "memcpy_1_mb_s"] / 1000, limit[t, "sha256_1_mb_s"], limit[t, "zstd3_1_mb_s"], limit[t, "unzstd_1_mb_s"], cores,
		limit[t, "memcpy_all_mb_s"] / 1000, limit[t, "sha256_all_mb_s"], limit[t, "zstd3_all_mb_s"], limit[t, "unzstd_all_mb_s"]
	printf "  limits: reading this tree %d MB/s (%d files/s), disk %d MB/s durable, new small files %d/s durable on one core, %d/s on all\n", limit[t, "read_mb_s"],
		limit[t, "read_files_s"], limit[t, "disk_write_mb_s"], limit[t, "create_1_files_s"], limit[t, "create_all_files_s"]
	in_cpu = mb * (1 + limit[t, "zstd3_ratio"]) / limit[t, "sha256_all_mb_s"] + mb / limit[t, "zstd3_all_mb_s"] + mb / limit[t, "read_mb_s"] / cores
	in_disk = mb * limit[t, "zstd3_ratio"] / limit[t, "disk_write_mb_s"]
	out_cpu = mb * limit[t, "zstd3_ratio"] / limit[t, "sha256_all_mb_s"] + mb / limit[t, "unzstd_all_mb_s"] + files / limit[t, "create_all_files_s"]
	out_disk = mb / limit[t, "disk_write_mb_s"]
	b = in_cpu > in_disk ? in_cpu : in_disk
	printf "  ingest: no less than %.2f s (cores %.2f, disk %.2f): orthrus reaches a share of %.0f %%, %.0f of %.0f MB/s\n", b, in_cpu, in_disk,
		100 * ratio(b, times(t, "orthrus", "ingest"), 4), ratio(mb, times(t, "orthrus", "ingest"), 1), mb / b
	b = out_cpu > out_disk ? out_cpu : out_disk
	printf "  restore: no less than %.2f s (cores %.2f, disk %.2f): orthrus reaches a share of %.0f %%, %.0f of %.0f MB/s\n", b, out_cpu, out_disk,
		100 * ratio(b, times(t, "orthrus", "restore"), 4), ratio(mb, times(t, "orthrus", "restore"), 1), mb / b
}
function target(name, value, least, is_most) {
	if (value == "-")
		return
	if (is_most ? value + 0 > least : value + 0 < least) {
		printf "MISSED: %s is %s, the target %s %s\n", name, value, is_most ? "at most" : "at least", least
		missed = 1
	}
}

END {
	for (i = 1; i <= ntrees; i++) {
		t = trees[i]
		table(t)
		bounds(t)
		a = ratio(times(t, "restic", "ingest"), times(t, "orthrus", "ingest"), 2)
		b = ratio(times(t, "borg", "ingest"), times(t, "orthrus", "ingest"), 2)
		c = ratio(times(t, "bsdtar", "restore"), times(t, "orthrus", "restore"), 2)
		d = ratio(times(t, "restic", "restore"), times(t, "orthrus", "restore"), 2)
		e = ratio(median(size[t, "orthrus"]), median(size[t, "tar"]), 3)
		printf "  %s: ingest %s times restic, %s times borg; restore %s times bsdtar, %s times restic; size %s of tar | zstd -3\n", t, a, b, c, d, e
		ra = smaller(ra, a); rb = smaller(rb, b); rc = smaller(rc, c); rd = smaller(rd, d)
	}
	printf "\n"
	for (i = 1; i <= ntools; i++)
		if (tool[i] in delta)
			printf "updated kernel: %s stores %.1f MB more, %.3f of the first image's %.1f MB, in %.2f s\n", tool[i], delta[tool[i]] / 1e6,
				delta[tool[i]] / first[tool[i]], first[tool[i]] / 1e6, times("updated", tool[i], "ingest")
	rs = ratio(median(size["compute", "orthrus"]), median(size["compute", "tar"]), 3)
	rz = ratio(delta["orthrus"], first["orthrus"], 3)
	rm = rss ? sprintf("%.0f", rss / 1024) : "-"
	target("ingest_vs_restic", ra, 1.7)
	target("ingest_vs_borg", rb, 2.2)
	target("restore_vs_bsdtar", rc, 2.0)
	target("restore_vs_restic", rd, 3.0)
	target("size_vs_tarzstd", rs, 1.06, 1)
	target("delta_ratio", rz, 0.55, 1)
	target("rss_mib", rm, 256, 1)
	printf "RESULT store ingest_vs_restic=%s ingest_vs_borg=%s restore_vs_bsdtar=%s restore_vs_restic=%s size_vs_tarzstd=%s delta_ratio=%s rss_mib=%s\n",
		ra, rb, rc, rd, rs, rz, rm
	exit missed
}
