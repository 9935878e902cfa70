/* SPDX-License-Identifier: Apache-2.0
 *
 * What the JSON files share: numbers, and the order of member names.
 */
#ifndef SW_CODEC_JSON_INTERNAL_H
#define SW_CODEC_JSON_INTERNAL_H
#include "codec/json.h"

enum { SW_JSON_DEPTH_MAX = 128, SW_JSON_NUMBER_BYTES = 128 };

/* `text` matches RFC 8259's number; false when it is not finite or longer than the limit. */
bool sw_json_number_parse(sw_bytes text, double *out);
/* RFC 8785 section 3.2.2.3 (ECMAScript Number::toString); v is finite. */
void sw_json_number_encode(sw_buffer *out, double v);
/* RFC 8785 section 3.2.3: by UTF-16 code units; both are valid UTF-8. */
int sw_json_key_compare(sw_bytes a, sw_bytes b);
/* Sets number, integral and integer. */
void sw_json_set_number(sw_json *node, double v);

#endif
