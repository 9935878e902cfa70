/* SPDX-License-Identifier: Apache-2.0
 *
 * What the compute rooms ask of a processor: they are compiled for x86-64-v3 (mk/variants.mk), and
 * on one without it they would end by a signal and without a word. Spec: docs/formats/numerics.md,
 * NUM-007.
 */
#ifndef SW_SYS_PROCESSOR_H
#define SW_SYS_PROCESSOR_H
#include "sys/cpuid.h"

/* `ask` is sw_cpuid_ask, or a test's. SW_REFUSED "processor" names what is lacking first. */
SW_NODISCARD sw_status sw_processor_check(sw_cpuid *ask, sw_error *err);
#endif
