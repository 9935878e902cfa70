/* SPDX-License-Identifier: Apache-2.0
 *
 * Keccak-256: the sponge of FIPS 202 with rate 136 and 32 bytes out, padded as Keccak was before
 * the standard (0x01 where SHA3-256 has 0x06). OpenSSL 3.0 has the standard's padding alone.
 *
 * The state is the standard's A[x, y] as 25 lanes, lane x + 5y; bytes enter and leave it little
 * endian (FIPS 202, B.1). Public data only: nothing is wiped.
 */
#include "crypto/secp256k1.h"

#include <string.h>

enum { RATE = 136, LANES = 25, ROUNDS = 24, PADDING = 0x01, LAST = 0x80 };

typedef struct sponge {
    uint64_t lane[LANES];
    uint8_t block[RATE];
    size_t filled;
} sponge;

/* iota's constants, FIPS 202 3.2.5 */
static const uint64_t round_constants[ROUNDS] = {
    UINT64_C(0x0000000000000001), UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a),
    UINT64_C(0x8000000080008000), UINT64_C(0x000000000000808b), UINT64_C(0x0000000080000001),
    UINT64_C(0x8000000080008081), UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a),
    UINT64_C(0x0000000000000088), UINT64_C(0x0000000080008009), UINT64_C(0x000000008000000a),
    UINT64_C(0x000000008000808b), UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089),
    UINT64_C(0x8000000000008003), UINT64_C(0x8000000000008002), UINT64_C(0x8000000000000080),
    UINT64_C(0x000000000000800a), UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008080), UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008008),
};

static uint64_t rotated(uint64_t v, unsigned by) {
    return by == 0 ? v : v << by | v >> (64 - by);
}

static void theta(uint64_t a[LANES]) {
    uint64_t column[5];
    for (size_t x = 0; x < 5; x++) column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (size_t x = 0; x < 5; x++) {
        uint64_t d = column[(x + 4) % 5] ^ rotated(column[(x + 1) % 5], 1);
        for (size_t y = 0; y < LANES; y += 5) a[x + y] ^= d;
    }
}

/* rho's offsets are the triangular numbers along the walk that pi makes (FIPS 202 3.2.2, 3.2.3):
 * from (1, 0), each step goes from (x, y) to (y, 2x + 3y). */
static void rho_pi(uint64_t a[LANES]) {
    size_t x = 1, y = 0;
    uint64_t carried = a[x];
    for (unsigned t = 0; t < 24; t++) {
        size_t turned = (2 * x + 3 * y) % 5;
        x = y;
        y = turned;
        uint64_t here = a[x + 5 * y];
        a[x + 5 * y] = rotated(carried, (t + 1) * (t + 2) / 2 % 64);
        carried = here;
    }
}

static void chi(uint64_t a[LANES]) {
    for (size_t y = 0; y < LANES; y += 5) {
        uint64_t row[5];
        memcpy(row, a + y, sizeof row);
        for (size_t x = 0; x < 5; x++) a[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

static void absorb_block(sponge *s) {
    for (size_t i = 0; i < RATE; i++) s->lane[i / 8] ^= (uint64_t)s->block[i] << 8 * (i % 8);
    for (size_t round = 0; round < ROUNDS; round++) {
        theta(s->lane);
        rho_pi(s->lane);
        chi(s->lane);
        s->lane[0] ^= round_constants[round];
    }
    s->filled = 0;
}

static void absorb(sponge *s, sw_bytes in) {
    while (in.size > 0) {
        size_t part = RATE - s->filled < in.size ? RATE - s->filled : in.size;
        memcpy(s->block + s->filled, in.data, part);
        s->filled += part;
        in = SW_BYTES(in.data + part, in.size - part);
        if (s->filled == RATE) absorb_block(s);
    }
}

void sw_keccak256_parts(sw_hash *out, const sw_bytes *parts, size_t count) {
    sponge s = {0};
    for (size_t i = 0; i < count; i++) absorb(&s, parts[i]);
    memset(s.block + s.filled, 0, RATE - s.filled);
    s.block[s.filled] ^= PADDING;
    s.block[RATE - 1] ^= LAST;
    absorb_block(&s);
    for (size_t i = 0; i < SW_HASH_BYTES; i++) out->b[i] = (uint8_t)(s.lane[i / 8] >> 8 * (i % 8));
}

void sw_keccak256(sw_hash *out, sw_bytes in) {
    sw_keccak256_parts(out, &in, 1);
}
