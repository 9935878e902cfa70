# SPDX-License-Identifier: Apache-2.0
"""Made by python/make_cdef.py from include/sealwright.h."""
SW_ERROR_WORD_BYTES = 24
SW_ERROR_MESSAGE_BYTES = 512
SW_ERROR_HINT_BYTES = 384
SEALWRIGHT_VERSION = "0.1.0"
SEALWRIGHT_ID_BYTES = 32
SEALWRIGHT_CHUNK_BYTES = 1048576
CDEF = """
typedef enum sw_status {
    SW_OK = 0,
    SW_USAGE,
    SW_MALFORMED,
    SW_REFUSED,
    SW_UNAUTHENTIC,
    SW_MISSING,
    SW_EXISTS,
    SW_LIMIT,
    SW_IO,
    SW_UNAVAILABLE,
    SW_MEMORY,
    SW_INTERNAL
} sw_status;
typedef struct sw_error {
    sw_status status;
    char word[24];
    char message[512];
    char hint[384];
} sw_error;
const char *sealwright_version(void);
const char *sealwright_status_name(sw_status status);
sw_status sealwright_lock_heap(sw_error *err);
typedef sw_status (*sealwright_passphrase)(void *context, const char *file, char *out, size_t limit,
                                           size_t *size, sw_error *err);
typedef struct sealwright_identity sealwright_identity;
sw_status sealwright_identity_make(const char *folder, const char *name,
                                                sealwright_passphrase ask, void *context,
                                                sw_error *err);
sw_status sealwright_identity_open(const char *folder, sealwright_passphrase ask,
                                                void *context, sealwright_identity **out,
                                                sw_error *err);
void sealwright_identity_close(sealwright_identity **identity);
void sealwright_identity_id(const sealwright_identity *identity, uint8_t out[32]);
typedef sw_status (*sealwright_write)(void *context, const void *bytes, size_t size, sw_error *err);
typedef struct sealwright_dataset {
    uint8_t id[32];
    uint8_t owner[32];
    uint64_t rows, bytes, chunks;
    char media_type[72];
    uint64_t reserved[4];
} sealwright_dataset;
typedef struct sealwright_sealer sealwright_sealer;
sw_status sealwright_sealer_open(sealwright_identity *owner, const char *media_type,
                                              size_t threads, sealwright_write write, void *context,
                                              sealwright_sealer **out, sw_error *err);
sw_status sealwright_sealer_add(sealwright_sealer *sealer, const void *bytes,
                                             size_t size, sw_error *err);
sw_status sealwright_sealer_finish(sealwright_sealer *sealer, sealwright_dataset *out,
                                                sw_error *err);
void sealwright_sealer_close(sealwright_sealer **sealer);
sw_status sealwright_seal_file(sealwright_identity *owner, const char *from,
                                            const char *to, const char *media_type, size_t threads,
                                            sealwright_dataset *out, sw_error *err);
sw_status sealwright_unseal_stream(sealwright_identity *identity,
                                                const uint8_t id[32], int fd,
                                                size_t threads, sealwright_write write,
                                                void *context, sealwright_dataset *out,
                                                sw_error *err);
typedef struct sealwright_unsealer sealwright_unsealer;
sw_status sealwright_unsealer_open(sealwright_identity *identity, int fd,
                                                sealwright_unsealer **out, sw_error *err);
void sealwright_unsealer_dataset(const sealwright_unsealer *unsealer, sealwright_dataset *out);
sw_status sealwright_unsealer_chunk(sealwright_unsealer *unsealer, uint64_t index,
                                                 void *out, size_t *size, sw_error *err);
void sealwright_unsealer_close(sealwright_unsealer **unsealer);
typedef void (*sealwright_link)(void *context, const char *name, bool holds, const char *detail);
typedef struct sealwright_verdict {
    uint8_t genesis[32], compose[32];
    uint8_t manifest[32];
    uint8_t ledger_head[32];
    uint64_t ledger_index;
    int64_t time_ms;
    uint64_t steps;
    bool simulated;
    bool model_compared;
    uint8_t padding[6];
    uint64_t reserved[8];
} sealwright_verdict;
sw_status sealwright_manifest_verify(const char *folder,
                                                  const uint8_t app[32],
                                                  const char *model, sealwright_link link,
                                                  void *context, sealwright_verdict *out,
                                                  sw_error *err);
"""
