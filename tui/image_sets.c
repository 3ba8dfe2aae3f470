/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "tui/answers.h"

/* Sizes are Installed-Size of these packages and of what they depend on, without recommendations, beyond what every node needs:
 * 203 packages with 741 MiB. */
const struct image_set image_sets[] = {
	{ "slurm", "Slurm and MUNGE: jobs", "slurmd munge", 9 },
	{ "mpi", "Open MPI: programs over many nodes", "openmpi-bin", 26 },
	{ "compilers", "compilers: C, C++, Fortran, make", "gcc g++ gfortran make libc6-dev", 290 },
	{ "nfs", "NFS client", "nfs-common", 1 },
	{ "monitoring", "Prometheus node exporter", "prometheus-node-exporter", 13 },
	{ "tools", "lspci, lsof, htop, strace, vim", "pciutils lsof htop strace vim-tiny", 7 },
};
const size_t n_image_sets = ARRAY_LEN(image_sets);
