/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of persistent threads. sw_pool_run calls fn(context, index, lane) for index 0..count-1;
 * `lane` < sw_pool_lanes names the thread for scratch. Which lane runs which index is unspecified,
 * so results must not depend on it. The caller's thread is lane 0. Not reentrant.
 */
#ifndef SW_SYS_POOL_H
#define SW_SYS_POOL_H
#include "base/base.h"

typedef struct sw_pool sw_pool;
typedef void (*sw_pool_fn)(void *context, size_t index, size_t lane);
SW_NODISCARD sw_status sw_pool_open(size_t lanes, sw_pool **out,
                                    sw_error *err); /* lanes 1..256; 1 starts no thread */
void sw_pool_close(sw_pool **pool);
size_t sw_pool_lanes(const sw_pool *pool);
void sw_pool_run(sw_pool *pool, size_t count, sw_pool_fn fn,
                 void *context); /* returns when all are done; no allocation */
size_t sw_cpu_count(void);       /* usable by this process (affinity), at least 1 */
#endif
