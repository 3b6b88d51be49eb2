// SPDX-License-Identifier: GPL-2.0
/*
 * The shadow memory of generic KASAN; see shadow.h.  This file is not
 * instrumented itself.
 */
#include <linux/compiler.h>
#include <linux/math.h>

#include "base/compat.h"
#include "base/shadow.h"

#ifdef CONFIG_KASAN_GENERIC
#define GRANULE		(1UL << KASAN_SHADOW_SCALE_SHIFT)

/*
 * Not memset(): on some architectures that is KASAN's, which would look for the
 * shadow of the shadow.
 */
static void shadow_fill(u8 *shadow, size_t n, u8 value)
{
	while (n--)
		WRITE_ONCE(*shadow++, value);
}

/*
 * Make @bytes from @p on, which is aligned to a granule, inaccessible; the rest
 * of the last granule, too.  @value is the reason.
 */
void gom_shadow_poison(const void *p, size_t bytes, u8 value)
{
	shadow_fill(kasan_mem_to_shadow(p), DIV_ROUND_UP(bytes, GRANULE), value);
}
GOM_EXPORT_FOR_TEST(gom_shadow_poison);

/* Make @bytes from @p on accessible; the rest of the last granule is not. */
void gom_shadow_unpoison(const void *p, size_t bytes)
{
	u8 *shadow = kasan_mem_to_shadow(p);

	shadow_fill(shadow, bytes / GRANULE, 0);
	if (bytes % GRANULE)
		WRITE_ONCE(shadow[bytes / GRANULE], bytes % GRANULE);
}
GOM_EXPORT_FOR_TEST(gom_shadow_unpoison);
#endif
