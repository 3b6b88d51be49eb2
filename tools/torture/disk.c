// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_torture_disk: a disk full of zeros.  Reading it fills the page cache
 * with clean pages, which the kernel reclaims under memory pressure; a guest
 * has no other file with reclaimable pages.  It does not use gomalloc, which
 * can so be unloaded meanwhile.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/version.h>

/* Since 6.9 it takes the queue limits and returns an error pointer. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
static struct gendisk *disk_alloc(void)
{
	return blk_alloc_disk(NULL, NUMA_NO_NODE);
}
#else
static struct gendisk *disk_alloc(void)
{
	return blk_alloc_disk(NUMA_NO_NODE) ?: ERR_PTR(-ENOMEM);
}
#endif

static struct gendisk *disk;

static void zeros_submit(struct bio *bio)
{
	zero_fill_bio(bio);
	bio_endio(bio);
}

static const struct block_device_operations zeros_ops = {
	.owner = THIS_MODULE,
	.submit_bio = zeros_submit,
};

static int __init disk_init(void)
{
	int err;

	disk = disk_alloc();
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	strscpy(disk->disk_name, "gom_zeros", sizeof(disk->disk_name));
	disk->fops = &zeros_ops;
	disk->flags |= GENHD_FL_NO_PART;
	set_capacity(disk, SZ_1T >> SECTOR_SHIFT);
	set_disk_ro(disk, true);
	err = add_disk(disk);
	if (err)
		put_disk(disk);
	return err;
}
module_init(disk_init);

static void __exit disk_exit(void)
{
	del_gendisk(disk);
	put_disk(disk);
}
module_exit(disk_exit);

MODULE_DESCRIPTION("A disk full of zeros, for memory pressure");
MODULE_LICENSE("GPL");
