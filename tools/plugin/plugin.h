/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Common to QEMU's plugins: QEMU's interface, marks in the guest's code, and the
 * argument out=FILE.
 *
 * A mark is a nop of eight bytes whose displacement is a command to the plugin.
 * Each plugin has commands of its own.
 *
 * Not all of Debian's packages contain QEMU's header, so the part of the
 * interface that is used, stable since QEMU 4.2, is declared here.  insn_data()
 * copies from version 3 on.
 */
#ifndef GOMALLOC_PLUGIN_H
#define GOMALLOC_PLUGIN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED	__attribute__((visibility("default")))

/* === QEMU's interface === */

typedef uint64_t plugin_id;
struct plugin_tb;
struct plugin_insn;

struct plugin_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
};

enum { CB_NO_REGS };
enum { MEM_READ_WRITE = 3 };

typedef void (*tb_trans_cb)(plugin_id id, struct plugin_tb *tb);
typedef void (*exec_cb)(unsigned int cpu, void *arg);
typedef void (*mem_cb)(unsigned int cpu, uint32_t info, uint64_t vaddr, void *arg);
typedef void (*exit_cb)(plugin_id id, void *arg);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_tb *tb, exec_cb cb, int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct plugin_insn *insn, exec_cb cb, int flags,
					    void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct plugin_insn *insn, mem_cb cb, int flags, int rw,
				      void *arg);
void qemu_plugin_register_atexit_cb(plugin_id id, exit_cb cb, void *arg);
size_t qemu_plugin_tb_n_insns(const struct plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct plugin_tb *tb);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_tb *tb, size_t index);
void *qemu_plugin_insn_data(const struct plugin_insn *insn, void *to, size_t len);
size_t qemu_plugin_insn_size(const struct plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);

EXPORTED int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc,
				 char **argv);

/* A version of the interface that this QEMU supports; set by the build. */
EXPORTED int qemu_plugin_version = PLUGIN_VERSION;

/* === Marks === */

#define INSN_MAX	15
#define MARK_MAGIC	0x676f6d00u	/* "gom", and the mark in the lowest byte */

static int interface_version;

/* Copy an instruction to `bytes`, of INSN_MAX; return its size. */
static size_t insn_bytes(const struct plugin_insn *insn, uint8_t *bytes)
{
	size_t size = qemu_plugin_insn_size(insn);

	if (size > INSN_MAX)
		size = INSN_MAX;
	if (interface_version >= 3)
		qemu_plugin_insn_data(insn, bytes, size);
	else
		memcpy(bytes, qemu_plugin_insn_data(insn, NULL, 0), size);
	return size;
}

/* Whether an instruction is one of `nr` marks, and which. */
static bool is_mark(const uint8_t *bytes, size_t size, uint32_t nr, uint32_t *mark)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x84, 0x00 };

	if (size != sizeof(nopl) + sizeof(*mark) || memcmp(bytes, nopl, sizeof(nopl)))
		return false;
	memcpy(mark, bytes + sizeof(nopl), sizeof(*mark));
	*mark -= MARK_MAGIC;
	return *mark < nr;
}

/* === Start === */

/*
 * Open the file of the argument out=FILE, and allocate a table; NULL, with a
 * message, if that is not possible.
 */
static FILE *plugin_start(const struct plugin_info *info, int argc, char **argv, const char *name,
			  void **table, size_t nr, size_t size)
{
	FILE *out;

	interface_version = info->version.cur;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "%s: the argument out=FILE is missing\n", name);
		return NULL;
	}
	out = fopen(argv[0] + 4, "w");
	*table = calloc(nr, size);
	if (!out || !*table) {
		fprintf(stderr, "%s: cannot write to %s, or there is no memory\n", name,
			argv[0] + 4);
		return NULL;
	}
	return out;
}

#endif /* GOMALLOC_PLUGIN_H */
