/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a call was reverted, in words (CHN-024). The data comes from a node and decides nothing; it
 * is read strictly all the same, and no byte of it reaches a terminal unescaped.
 */
#include "chain/chain_internal.h"
#include "codec/text.h"

enum { WORD = 32, SELECTOR = 4, WORDS_MAX = 2, TEXT_LIMIT = 160 };

static const struct {
    const char *error;
    size_t words;
    const char *text; /* with %llu for each word */
} errors[] = {
    {"NotAnOwner()", 0, "nobody has this place in the app"},
    {"NotActive()", 0, "this owner is not active in the app"},
    {"BadSignature()", 0, "the signature is not that of the owner at this place"},
    {"WrongSequence(uint64,uint64)", 2, "the owner's last sequence number is %llu, given was %llu"},
    {"WrongRound(uint64,uint64)", 2, "another round has begun: the app's is %llu, this one's %llu"},
    {"AlreadyApproved()", 0, "this owner has approved this already"},
    {"AlreadyRevoked()", 0, "this owner's revocation stands already"},
    {"NothingToLift()", 0, "there is no revocation of this owner's to lift"},
    {"BadChange()", 0, "the change does not fit the app as it is"},
    {"BelowQuorum(uint256,uint256)", 2, "%llu owners have signed the change, %llu must"},
};

static bool is(sw_bytes data, const char *signature) {
    sw_hash hash;
    sw_keccak256(&hash, sw_text(signature));
    return data.size >= SELECTOR && memcmp(data.data, hash.b, SELECTOR) == 0;
}

/* The n-th word behind the selector, when it is a number that we can name. */
static bool number_at(sw_bytes data, size_t n, unsigned long long *out) {
    if (data.size < SELECTOR + (n + 1) * WORD) return false;
    const uint8_t *w = data.data + SELECTOR + n * WORD;
    unsigned long long v = 0;
    for (size_t i = 0; i < WORD; i++) {
        if (v >> 56 != 0) return false;
        v = v << 8 | w[i];
    }
    *out = v;
    return true;
}

static bool put_known(sw_buffer *out, sw_bytes data) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        unsigned long long v[WORDS_MAX] = {0};
        if (!is(data, errors[i].error)) continue;
        if (data.size != SELECTOR + errors[i].words * WORD) return false;
        for (size_t k = 0; k < errors[i].words; k++)
            if (!number_at(data, k, &v[k])) return false;
        sw_put_format(out, errors[i].text, v[0], v[1]);
        return true;
    }
    return false;
}

/* A stranger's text: plain and short as it is, otherwise without what is not printable ASCII. */
static void put_quoted(sw_buffer *out, sw_bytes text) {
    size_t shown = text.size < TEXT_LIMIT ? text.size : TEXT_LIMIT;
    sw_put_u8(out, '"');
    for (size_t i = 0; i < shown; i++) {
        uint8_t c = text.data[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        if (plain)
            sw_put_u8(out, c);
        else
            sw_put_format(out, "\\x%02x", c);
    }
    sw_put_text(out, shown < text.size ? "...\"" : "\"");
}

/* Error(string): offset 32, size, text and zeros to whole words. */
static bool put_error_text(sw_buffer *out, sw_bytes data) {
    unsigned long long offset, size;
    if (!is(data, "Error(string)") || !number_at(data, 0, &offset) || !number_at(data, 1, &size) ||
        offset != WORD)
        return false;
    sw_bytes rest = SW_BYTES(data.data + SELECTOR + 2 * WORD, data.size - SELECTOR - 2 * WORD);
    if (size > rest.size || rest.size % WORD != 0 || rest.size - size >= WORD) return false;
    for (size_t i = (size_t)size; i < rest.size; i++)
        if (rest.data[i] != 0) return false;
    put_quoted(out, SW_BYTES(rest.data, (size_t)size));
    return true;
}

static bool put_panic(sw_buffer *out, sw_bytes data) {
    unsigned long long code;
    if (!is(data, "Panic(uint256)") || data.size != SELECTOR + WORD || !number_at(data, 0, &code))
        return false;
    sw_put_format(out, "the contract stopped itself (panic %llu)", code);
    return true;
}

void sw_app_revert_text(sw_buffer *out, sw_bytes data) {
    if (data.size == 0) {
        sw_put_text(out, "reverted without a reason");
        return;
    }
    if (put_known(out, data) || put_error_text(out, data) || put_panic(out, data)) return;
    sw_put_text(out, "reverted with a reason that is not known here, ");
    sw_hex_encode(out, SW_BYTES(data.data, data.size < SELECTOR ? data.size : SELECTOR));
    sw_put_format(out, " and %zu bytes", data.size < SELECTOR ? 0 : data.size - SELECTOR);
}
