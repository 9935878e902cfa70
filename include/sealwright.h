/* SPDX-License-Identifier: Apache-2.0
 *
 * sealwright.h - the installed interface of libsealwright.
 *
 * Seal a stream for its owner, open a sealed stream again by chunk or whole, and verify a manifest offline.
 * The library keeps no global state, never prints, never exits and never reads the environment. Functions
 * are safe to call from several threads as long as no two threads share one object.
 *
 * Formats: docs/formats/seal.md, docs/formats/manifest.md.
 */
#ifndef SEALWRIGHT_H
#define SEALWRIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L)
#define SW_NODISCARD [[nodiscard]]
#else
#define SW_NODISCARD __attribute__((warn_unused_result))
#endif

/* What a caller can act on. SW_OK is 0; every other value means that no output was written. */
typedef enum sw_status {
    SW_OK = 0,
    SW_USAGE,       /* the caller asked for something that has no meaning */
    SW_MALFORMED,   /* bytes from outside do not follow their format */
    SW_REFUSED,     /* well-formed, but a rule, a policy or an owner says no */
    SW_UNAUTHENTIC, /* a signature, a tag, a hash or a commitment does not hold */
    SW_MISSING,     /* something that was named is not there */
    SW_EXISTS,      /* something is there that must not be overwritten */
    SW_LIMIT,       /* a named limit was exceeded */
    SW_IO,          /* the operating system refused */
    SW_UNAVAILABLE, /* a peer does not answer; trying again may help */
    SW_MEMORY,      /* no memory, or no lockable memory for a secret */
    SW_INTERNAL     /* an invariant of our own does not hold */
} sw_status;

#define SW_ERROR_WORD_BYTES 24
#define SW_ERROR_MESSAGE_BYTES 512
#define SW_ERROR_HINT_BYTES 384

/* One sentence for people, a stable word for programs. Owned by the caller; never holds a secret or raw input. */
typedef struct sw_error {
    sw_status status;
    char word[SW_ERROR_WORD_BYTES]; /* "revoked", "quorum", "lease", "evidence", "format", ... */
    char message[SW_ERROR_MESSAGE_BYTES];
    char hint[SW_ERROR_HINT_BYTES]; /* empty when there is nothing useful to do */
} sw_error;

#ifdef __cplusplus
}
#endif
#endif
