/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka with the headers that it wants before itself.
 */
#ifndef SW_TESTS_CMOCKA_PLAIN_H
#define SW_TESTS_CMOCKA_PLAIN_H
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#endif
