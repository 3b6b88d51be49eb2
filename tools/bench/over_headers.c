// SPDX-License-Identifier: GPL-2.0
/*
 * No code: the headers of the functions that as_slab.h refuses.  If one has
 * another prototype on this kernel, or uses such a function itself, this file
 * does not compile.
 */
#include <crypto/hash.h>
#include <crypto/internal/hash.h>
#include <linux/dma-fence.h>
#include <linux/gameport.h>
#include <linux/serio.h>
#include <linux/skbuff.h>
#include <linux/textsearch.h>
#include <net/pkt_cls.h>

#if IS_ENABLED(CONFIG_DRM)
#include <drm/drm_plane_helper.h>
#endif
