/* SPDX-License-Identifier: Apache-2.0
 *
 * A sealed file in every reader: inspect, peek, stream, by chunk. The readers agree, and a dataset
 * that its owner's signature covers is one of the corpus. The owner's scalar is 1, the data key and
 * the subkey are zeros.
 */
#include "fuzz.h"
#include "seal/container.h"
#include "sys/files.h"

#include <sys/mman.h>
#include <unistd.h>

static sw_status read_all(int fd, const sw_unseal_keys *keys, sw_container_trailer *trailer) {
    sw_unsealer *u = NULL;
    SW_SCOPED(sw_buffer) plain = SW_BUFFER((size_t)8 << 20);
    SW_TRY(sw_unsealer_open(fd, keys, &u, NULL));
    *trailer = *sw_unsealer_trailer(u);
    sw_status status = SW_OK;
    for (uint64_t i = 0; status == SW_OK && i < trailer->chunk_count; i++)
        status = sw_unsealer_chunk(u, i, &plain, NULL);
    sw_unsealer_close(&u);
    return status;
}

static void check(int fd) {
    static const uint8_t secret[32] = {[31] = 1};
    static const sw_data_key data_key = {{0}};
    static const sw_subkey subkey = {{0}};
    SW_SCOPED(sw_arena) arena = {.limit_bytes = (size_t)1 << 20};
    sw_p256_public owner;
    sw_container_body body = {0};
    sw_container_trailer inspected, peeked, streamed, random;
    FUZZ_REQUIRE(sw_p256_derive(secret, &owner, NULL) == SW_OK);
    sw_status inspect = sw_container_inspect(&arena, fd, NULL, &body, &inspected, NULL);
    sw_unseal_keys keys = {.data_key = &data_key,
                           .subkey = &subkey,
                           .recipient = (const sw_encryption_key *)secret,
                           .owner = &owner,
                           .binding = inspect == SW_OK ? &body.binding : NULL};
    FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    sw_status stream = sw_unseal_fd(fd, &keys, 1, NULL, NULL, &streamed, NULL);
    sw_status chunks = read_all(fd, &keys, &random);
    FUZZ_REQUIRE((stream == SW_OK) == (chunks == SW_OK));
    if (inspect != SW_OK) {
        FUZZ_REQUIRE(stream != SW_OK);
        return;
    }
    FUZZ_REQUIRE(sw_container_peek(&arena, fd, &body, &peeked, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_hash_equal(&peeked.root_id, &inspected.root_id));
    if (stream == SW_OK) FUZZ_REQUIRE(sw_hash_equal(&streamed.root_id, &inspected.root_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0);
    FUZZ_REQUIRE(sw_fd_write(fd, SW_BYTES(data, size), NULL) == SW_OK);
    FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    check(fd);
    (void)close(fd);
    return 0;
}
