/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease's end while the agent itself stands still (WRK-055): a disk or a service that the host
 * owns can hold up the one thread that looks at the lease, and so could keep keys and worker
 * beyond it.
 *
 * A guard is a thread that has a deadline and nothing else to wait for. At the deadline it kills
 * the worker; a grace later, where the agent has not come back and closed its guard, it takes the
 * keys from under it, wipes them and ends the process with exit 1.
 */
#ifndef SW_RUN_AGENT_GUARD_H
#define SW_RUN_AGENT_GUARD_H
#include "base/base.h"

typedef struct sw_agent_guard sw_agent_guard;
/* Without a deadline yet. All of these are called by the agent's thread; of NULL nothing has ended
 * and nothing is done. SW_MEMORY too where the program's own pages cannot be locked. */
SW_NODISCARD sw_status sw_agent_guard_open(int64_t grace_ms, sw_agent_guard **out, sw_error *err);
/* Before the keys that it was given are dropped, as they may be behind a release. */
void sw_agent_guard_close(sw_agent_guard **g);
/* The lease lasts until then, by sw_agent_guard_now_ms. False, and for good, when it had ended
 * before this was said. */
SW_NODISCARD bool sw_agent_guard_extend(sw_agent_guard *g, int64_t due_ms);
int64_t sw_agent_guard_now_ms(void); /* the kernel's steady clock */
/* The work is done, and no lease binds what follows: the keys are forgotten, so that they may be
 * dropped. False when the lease had ended before. */
SW_NODISCARD bool sw_agent_guard_release(sw_agent_guard *g);
bool sw_agent_guard_ended(sw_agent_guard *g);
/* Kills this child at the end, at once when that has come. -1: none, before the descriptor is
 * closed, so that one that was used again is never meant. */
void sw_agent_guard_child(sw_agent_guard *g, int pidfd);
/* A secret of sw_secret_alloc, at most SW_AGENT_GUARD_KEYS of them; NULL allowed. */
#define SW_AGENT_GUARD_KEYS 72
void sw_agent_guard_key(sw_agent_guard *g, void *key);
#endif
