/* SPDX-License-Identifier: Apache-2.0
 *
 * tojson as transformers defines it: Python's json.dumps, and Python's repr of a float (TPL-037).
 */
#include "tokenizer/jinja_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest digits that read back as v; a point up to 16 digits, else an exponent. */
void sw_jinja_put_float(sw_buffer *out, double v) {
    char text[40];
    int precision = 0;
    do (void)snprintf(text, sizeof text, "%.*e", precision, v);
    while (strtod(text, NULL) != v && ++precision < 17);
    char *mark = strchr(text, 'e');
    if (!mark) return sw_buffer_fail(out, SW_INTERNAL);
    int exponent = (int)strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16) {
        *mark = 0;
        sw_put_format(out, "%se%c%02d", text, exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    int decimals = precision > exponent ? precision - exponent : 1;
    sw_put_format(out, "%.*f", decimals, v);
}

static void put_escape(sw_buffer *out, uint32_t c) {
    if (c >= 0x10000) {
        sw_put_format(out, "\\u%04x", 0xd800 + ((c - 0x10000) >> 10));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    sw_put_format(out, "\\u%04x", c);
}

static void put_string(sw_buffer *out, sw_bytes text, bool ascii) {
    static const char letters[] = "\"\\nrtbf", values[] = "\"\\\n\r\t\b\f";
    sw_put_u8(out, '"');
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = sw_utf8_next(text, &at);
        const char *known = c && c < 0x80 ? strchr(values, (int)c) : NULL;
        if (known) {
            sw_put_u8(out, '\\');
            sw_put_u8(out, (uint8_t)letters[known - values]);
        } else if (c < 0x20 || (ascii && c > 0x7e)) {
            put_escape(out, c);
        } else {
            sw_put_bytes(out, SW_BYTES(text.data + start, at - start));
        }
    }
    sw_put_u8(out, '"');
}

static void put_break(sw_buffer *out, int64_t indent, unsigned level) {
    if (indent < 0) return;
    sw_put_u8(out, '\n');
    for (int64_t i = 0; i < indent * level; i++) sw_put_u8(out, ' ');
}

typedef struct writer {
    sw_jinja_run *run;
    sw_buffer *out;
    bool ascii;
    int64_t indent;
} writer;

static sw_status put_value(writer *w, const sw_jinja_value *v, unsigned level);

static sw_status put_children(writer *w, const sw_jinja_value *v, unsigned level) {
    bool dict = v->type == SW_JINJA_DICT;
    sw_put_u8(w->out, dict ? '{' : '[');
    for (size_t i = 0; i < v->count; i++) {
        if (i > 0) sw_put_text(w->out, w->indent < 0 ? ", " : ",");
        put_break(w->out, w->indent, level + 1);
        if (dict) {
            put_string(w->out, v->entries[i].key, w->ascii);
            sw_put_text(w->out, ": ");
        }
        SW_TRY(put_value(w, dict ? &v->entries[i].value : &v->items[i], level + 1));
    }
    if (v->count) put_break(w->out, w->indent, level);
    sw_put_u8(w->out, dict ? '}' : ']');
    return SW_OK;
}

static sw_status put_value(writer *w, const sw_jinja_value *v, unsigned level) {
    SW_TRY(sw_jinja_spend(w->run, v->type == SW_JINJA_STRING ? v->text.size : 0));
    switch (v->type) {
    case SW_JINJA_NONE:
        sw_put_text(w->out, "null");
        return SW_OK;
    case SW_JINJA_BOOL:
        sw_put_text(w->out, v->integer ? "true" : "false");
        return SW_OK;
    case SW_JINJA_INTEGER:
        sw_put_format(w->out, "%lld", (long long)v->integer);
        return SW_OK;
    case SW_JINJA_FLOAT:
        sw_jinja_put_float(w->out, v->number);
        return SW_OK;
    case SW_JINJA_STRING:
        put_string(w->out, v->text, w->ascii);
        return SW_OK;
    case SW_JINJA_LIST:
    case SW_JINJA_DICT:
        return put_children(w, v, level);
    default:
        return sw_jinja_fail(w->run, "%s in tojson", sw_jinja_type_name(v));
    }
}

sw_status sw_jinja_put_json(sw_jinja_run *run, sw_buffer *out, const sw_jinja_value *v, bool ascii,
                            int64_t indent) {
    writer w = {run, out, ascii, indent};
    SW_TRY(put_value(&w, v, 0));
    return sw_buffer_check(out, "tojson", run->err);
}
