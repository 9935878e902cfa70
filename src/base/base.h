/* SPDX-License-Identifier: Apache-2.0
 *
 * The ground floor in one include.
 */
#ifndef SW_BASE_H
#define SW_BASE_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/date.h"
#include "base/secret.h"
#include "base/sizes.h"
#include "base/status.h"
#include "base/utf8.h"
#endif
