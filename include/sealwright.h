/* SPDX-License-Identifier: Apache-2.0
 *
 * sealwright.h - the installed interface of libsealwright.
 *
 * Seal a stream for its owner, open a sealed stream again by chunk or whole, and verify a manifest
 * offline. The library keeps no global state, never prints, never exits and never reads the
 * environment. Functions are safe to call from several threads as long as no two threads share one
 * object.
 *
 * Every function that can fail returns a status and takes `sw_error *err` last (NULL allowed). On
 * failure its outputs are untouched, unless its comment says otherwise. Objects are opaque and
 * closed by a function that takes their address, sets the pointer to NULL and accepts NULL. Structs
 * that the library fills have reserved members: zero today, so that a later library can say more
 * without breaking a program that was compiled before.
 *
 * Formats: docs/formats/seal.md, docs/formats/manifest.md, docs/formats/identity.md,
 * docs/formats/errors.md. Compile and link with: cc $(pkg-config --cflags --libs sealwright)
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

#define SW_ERROR_WORD_BYTES    24
#define SW_ERROR_MESSAGE_BYTES 512
#define SW_ERROR_HINT_BYTES    384

/* One sentence for people, a stable word for programs. Owned by the caller; never holds a secret or
 * raw input. */
typedef struct sw_error {
    sw_status status;
    char word[SW_ERROR_WORD_BYTES]; /* "revoked", "quorum", "lease", "evidence", "format", ... */
    char message[SW_ERROR_MESSAGE_BYTES];
    char hint[SW_ERROR_HINT_BYTES]; /* empty when there is nothing useful to do */
} sw_error;

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- the library ---- */

#define SEALWRIGHT_VERSION "0.1.0" /* of this header */
/* Of the library that runs. Static. */
const char *sealwright_version(void);
/* "usage", "malformed", ...: for logs. Static; "unknown" for a number that is no status. */
const char *sealwright_status_name(sw_status status);
/* For a program's main, before it starts threads: OpenSSL then keeps the private keys it computes
 * with in locked memory. This is the one thing that concerns the whole process, so the library
 * never does it by itself. Again does nothing. SW_MEMORY when memory cannot be locked. */
SW_NODISCARD sw_status sealwright_lock_heap(sw_error *err);

/* ---- identity: an owner's folder of keys, or a recipient's (docs/formats/identity.md) ---- */

#define SEALWRIGHT_ID_BYTES 32

/* Asked for a passphrase when an encrypted key file is first needed. Writes at most `limit` bytes
 * to `out`, which is locked memory that the library wipes, and their number to *size. Anything but
 * SW_OK ends the call that needed the key with that status; fill *err then. */
typedef sw_status (*sealwright_passphrase)(void *context, const char *file, char *out, size_t limit,
                                           size_t *size, sw_error *err);

typedef struct sealwright_identity sealwright_identity;
/* Makes the keys of a new owner in `folder`, which must not exist. `ask` NULL: the key files are
 * not encrypted, mode 0600. SW_EXISTS, SW_IO, and what `ask` returns. */
SW_NODISCARD sw_status sealwright_identity_make(const char *folder, const char *name,
                                                sealwright_passphrase ask, void *context,
                                                sw_error *err);
/* Opens a folder that `sealwright identity new` or the function above made. Private keys are read
 * on first use and held in locked memory until close, which wipes them; `ask` NULL refuses
 * encrypted files. SW_MISSING, SW_MALFORMED. */
SW_NODISCARD sw_status sealwright_identity_open(const char *folder, sealwright_passphrase ask,
                                                void *context, sealwright_identity **out,
                                                sw_error *err);
void sealwright_identity_close(sealwright_identity **identity);
/* The owner's id: SHA-256 of the identity key. */
void sealwright_identity_id(const sealwright_identity *identity, uint8_t out[SEALWRIGHT_ID_BYTES]);

/* ---- sealed files (docs/formats/seal.md) ---- */

/* Takes bytes that are valid during the call; called by one thread at a time and in order, not
 * always by the same thread. Anything but SW_OK ends the call that gave them with that status. */
typedef sw_status (*sealwright_write)(void *context, const void *bytes, size_t size, sw_error *err);

/* What a sealed file is; filled only when all of it was verified. */
typedef struct sealwright_dataset {
    uint8_t id[SEALWRIGHT_ID_BYTES];    /* a hash of ciphertext: public */
    uint8_t owner[SEALWRIGHT_ID_BYTES]; /* who sealed it; for an opened output, who may read it */
    uint64_t rows, bytes, chunks;       /* rows: of "application/jsonl", else 0 */
    char media_type[72];                /* empty when a stream was opened by its id */
    uint64_t reserved[4];
} sealwright_dataset;

/* Seals a stream for `owner`. `media_type` has at most 64 bytes; of "application/jsonl" the rows
 * are counted. `threads` is 1 to 8, or 0 for one per processor up to 8; the bytes do not depend on
 * it. The owner's key is used in finish: `owner` outlives the sealer. */
typedef struct sealwright_sealer sealwright_sealer;
SW_NODISCARD sw_status sealwright_sealer_open(sealwright_identity *owner, const char *media_type,
                                              size_t threads, sealwright_write write, void *context,
                                              sealwright_sealer **out, sw_error *err);
/* Any sizes. After a failure nothing can follow: close it and drop what was written. */
SW_NODISCARD sw_status sealwright_sealer_add(sealwright_sealer *sealer, const void *bytes,
                                             size_t size, sw_error *err);
/* Writes the end, and puts the data key into the owner's keyring. Only then is what was written of
 * use: without the key nobody, the owner included, opens it again. */
SW_NODISCARD sw_status sealwright_sealer_finish(sealwright_sealer *sealer, sealwright_dataset *out,
                                                sw_error *err);
void sealwright_sealer_close(sealwright_sealer **sealer); /* wipes; before finish: gives up */

/* Seals the file `from` into the new file `to`, reading, encrypting and writing at once. `to`
 * appears when it is complete and its key lies in the keyring, and never before; SW_EXISTS when
 * there is one. */
SW_NODISCARD sw_status sealwright_seal_file(sealwright_identity *owner, const char *from,
                                            const char *to, const char *media_type, size_t threads,
                                            sealwright_dataset *out, sw_error *err);

/* Opens a stream front to back, as the owner of a dataset or as the recipient of an opened output.
 * What `write` gets is authentic piece by piece, but only SW_OK says that nothing is missing: keep
 * what was written apart until then. `id` is the dataset id that must come out; NULL takes the one
 * that the file claims, which needs a regular file. SW_MISSING when the keyring has no key for it,
 * SW_UNAUTHENTIC for a changed byte, SW_MALFORMED for a cut. */
SW_NODISCARD sw_status sealwright_unseal_stream(sealwright_identity *identity,
                                                const uint8_t id[SEALWRIGHT_ID_BYTES], int fd,
                                                size_t threads, sealwright_write write,
                                                void *context, sealwright_dataset *out,
                                                sw_error *err);

/* Opens by chunk: key, signature, both ends and the last chunk are checked first, then each chunk
 * as it is read. `fd` is a regular file and stays the caller's; it outlives the unsealer. Its
 * position is not used. */
#define SEALWRIGHT_CHUNK_BYTES ((size_t)1 << 20)
typedef struct sealwright_unsealer sealwright_unsealer;
SW_NODISCARD sw_status sealwright_unsealer_open(sealwright_identity *identity, int fd,
                                                sealwright_unsealer **out, sw_error *err);
void sealwright_unsealer_dataset(const sealwright_unsealer *unsealer, sealwright_dataset *out);
/* Chunk `index` < chunks into `out`, which has room for SEALWRIGHT_CHUNK_BYTES; all chunks but the
 * last are that long. SW_UNAUTHENTIC when it was changed; SW_USAGE when there is no such chunk. */
SW_NODISCARD sw_status sealwright_unsealer_chunk(sealwright_unsealer *unsealer, uint64_t index,
                                                 void *out, size_t *size, sw_error *err);
void sealwright_unsealer_close(sealwright_unsealer **unsealer); /* wipes */

/* ---- manifest: offline verification (docs/formats/manifest.md) ---- */

/* One line per link, in order, from the genesis to the model. `detail` says what was checked.
 * `holds` is false for the last one reported only. Both texts are valid during the call. */
typedef void (*sealwright_link)(void *context, const char *name, bool holds, const char *detail);

typedef struct sealwright_verdict {
    uint8_t genesis[SEALWRIGHT_ID_BYTES], compose[SEALWRIGHT_ID_BYTES];
    uint8_t manifest[SEALWRIGHT_ID_BYTES];    /* SHA-256 of the signed statement */
    uint8_t ledger_head[SEALWRIGHT_ID_BYTES]; /* approvals and revocations as of this entry ... */
    uint64_t ledger_index;
    int64_t time_ms;     /* ... and this time, since 1970; what came later is not seen offline */
    uint64_t steps;      /* optimiser steps */
    bool simulated;      /* a software machine vouches for the run, no hardware does */
    bool model_compared; /* the opened model was given and is the one */
    uint8_t padding[6];
    uint64_t reserved[8];
} sealwright_verdict;

/* Verifies a run's out folder, link by link, from the genesis hash `app` that the caller knows from
 * elsewhere: no network, no secret, no trust in the folder. `model` names an opened model folder to
 * tie to the manifest, or is NULL. `link` may be NULL. SW_OK only when every link holds. With `app`
 * NULL all links are walked and the result is SW_REFUSED with word "app": consistent in itself,
 * compared with nobody's expectation. */
SW_NODISCARD sw_status sealwright_manifest_verify(const char *folder,
                                                  const uint8_t app[SEALWRIGHT_ID_BYTES],
                                                  const char *model, sealwright_link link,
                                                  void *context, sealwright_verdict *out,
                                                  sw_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
