/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4) of two messages at once, for the leaves of sealed files.
 *
 * The idea: the SHA instructions of x86 processors wait for their own results most of the time; two
 * independent messages, round by round in turn, fill the gaps. What is hashed here is ciphertext,
 * and tests compare every size around a block's end with OpenSSL's answer. Elsewhere, and on
 * processors without these instructions, OpenSSL hashes one after the other.
 */
#include "crypto/crypto.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

#define SHA_TARGET __attribute__((target("sha,sse4.1")))
enum { BLOCK = 64, GROUPS = 16 };

/* FIPS 180-4 4.2.2, four to a group. */
static const uint32_t constants[GROUPS][4] = {{0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5},
                                              {0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5},
                                              {0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3},
                                              {0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174},
                                              {0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc},
                                              {0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da},
                                              {0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7},
                                              {0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967},
                                              {0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13},
                                              {0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85},
                                              {0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3},
                                              {0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070},
                                              {0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5},
                                              {0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3},
                                              {0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208},
                                              {0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2}};

/* One message's state in the order that the instructions want, and 16 words of its schedule. */
typedef struct message {
    __m128i abef, cdgh, w[4];
} message;

SHA_TARGET static inline void start(message *m) {
    m->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    m->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
}

SHA_TARGET static inline void load(message *m, const uint8_t *block) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; i++)
        m->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), big_endian);
}

/* Four rounds, and the words that the group four groups later needs. */
SHA_TARGET static inline void rounds(message *m, int group) {
    const __m128i k = _mm_loadu_si128((const __m128i *)constants[group]);
    __m128i *now = &m->w[group % 4];
    const __m128i second = m->w[(group + 1) % 4], third = m->w[(group + 2) % 4],
                  fourth = m->w[(group + 3) % 4];
    __m128i sum = _mm_add_epi32(*now, k);
    m->cdgh = _mm_sha256rnds2_epu32(m->cdgh, m->abef, sum);
    m->abef = _mm_sha256rnds2_epu32(m->abef, m->cdgh, _mm_shuffle_epi32(sum, 0x0e));
    if (group >= GROUPS - 4) return;
    sum = _mm_add_epi32(_mm_sha256msg1_epu32(*now, second), _mm_alignr_epi8(fourth, third, 4));
    *now = _mm_sha256msg2_epu32(sum, fourth);
}

SHA_TARGET static void compress(message *a, message *b, const uint8_t *from_a,
                                const uint8_t *from_b, size_t blocks) {
    message x = *a, y = *b;
    for (; blocks > 0; blocks--, from_a += BLOCK, from_b += BLOCK) {
        const __m128i x0 = x.abef, x1 = x.cdgh, y0 = y.abef, y1 = y.cdgh;
        load(&x, from_a);
        load(&y, from_b);
#pragma GCC unroll 16
        for (int group = 0; group < GROUPS; group++) {
            rounds(&x, group);
            rounds(&y, group);
        }
        x.abef = _mm_add_epi32(x.abef, x0);
        x.cdgh = _mm_add_epi32(x.cdgh, x1);
        y.abef = _mm_add_epi32(y.abef, y0);
        y.cdgh = _mm_add_epi32(y.cdgh, y1);
    }
    *a = x;
    *b = y;
}

SHA_TARGET static void finish(const message *m, sw_hash *out) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i feba = _mm_shuffle_epi32(m->abef, 0x1b), dchg = _mm_shuffle_epi32(m->cdgh, 0xb1);
    const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0), hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)out->b, _mm_shuffle_epi8(dcba, big_endian));
    _mm_storeu_si128((__m128i *)(out->b + 16), _mm_shuffle_epi8(hgfe, big_endian));
}

/* What follows the last whole block: at most 63 bytes, 0x80, zeros, the size in bits. */
static size_t pad(uint8_t out[2 * BLOCK], const uint8_t *rest, size_t rest_bytes, uint64_t total) {
    size_t blocks = rest_bytes + 9 > BLOCK ? 2 : 1;
    memset(out, 0, 2 * BLOCK);
    if (rest_bytes > 0) memcpy(out, rest, rest_bytes);
    out[rest_bytes] = 0x80;
    for (size_t i = 0; i < 8; i++) out[blocks * BLOCK - 1 - i] = (uint8_t)(total * 8 >> 8 * i);
    return blocks;
}

/* The prefix and the first 63 bytes are a block of their own; the rest is read where it lies. Of at
 * least 63 bytes each. */
SHA_TARGET static void hash_pair(sw_hash out[2], uint8_t prefix, const uint8_t *a, const uint8_t *b,
                                 size_t size) {
    message x, y;
    uint8_t edge_a[2 * BLOCK], edge_b[2 * BLOCK];
    const size_t head = BLOCK - 1, whole = (size - head) / BLOCK, rest = (size - head) % BLOCK;
    start(&x);
    start(&y);
    edge_a[0] = edge_b[0] = prefix;
    memcpy(edge_a + 1, a, head);
    memcpy(edge_b + 1, b, head);
    compress(&x, &y, edge_a, edge_b, 1);
    compress(&x, &y, a + head, b + head, whole);
    size_t blocks = pad(edge_a, a + size - rest, rest, size + 1);
    (void)pad(edge_b, b + size - rest, rest, size + 1);
    compress(&x, &y, edge_a, edge_b, blocks);
    finish(&x, &out[0]);
    finish(&y, &out[1]);
}

static bool ask_processor(void) {
    unsigned a, b, c, d;
    bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
    return sha && __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0;
}

/* Asking the processor is slow in a virtual machine, so once: 0 not asked, 1 none, 2 there. */
static bool has_instructions(void) {
    static atomic_int known;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = ask_processor() ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}
#endif

void sw_sha256_pair(sw_hash out[2], uint8_t prefix, sw_bytes a, sw_bytes b) {
#if defined(__x86_64__)
    if (a.size == b.size && a.size >= BLOCK - 1 && has_instructions()) {
        hash_pair(out, prefix, a.data, b.data, a.size);
        return;
    }
#endif
    const sw_bytes first[] = {SW_BYTES(&prefix, 1), a}, second[] = {SW_BYTES(&prefix, 1), b};
    sw_sha256_parts(&out[0], first, 2);
    sw_sha256_parts(&out[1], second, 2);
}
