/* SPDX-License-Identifier: GPL-2.0 */
/* The debugfs interface: files under /sys/kernel/debug/gomalloc/. */
#ifndef GOM_DEBUGFS_H
#define GOM_DEBUGFS_H

struct seq_file;

int gom_debugfs_memstats(struct seq_file *m);
void gom_debugfs_init(void);
void gom_debugfs_exit(void);

#endif /* GOM_DEBUGFS_H */
