/* Growing text. Running out of memory is our end: the control thread cannot answer without. */
#include "engine/api/api_text.h"

#include "base/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_LEAST 256

static char *room(struct api_text *text, size_t len)
{
    if (text->cap - text->len < len) {
        size_t cap = text->cap < TEXT_LEAST ? TEXT_LEAST : text->cap;
        while (cap - text->len < len)
            cap *= 2;
        text->bytes = realloc(text->bytes, cap);
        ASSERT(text->bytes != NULL);
        text->cap = cap;
    }
    return text->bytes + text->len;
}

void api_text_put(struct api_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(room(text, TEXT_LEAST), TEXT_LEAST, format, args);
    va_end(args);
    ASSERT(len >= 0);
    if ((size_t)len >= TEXT_LEAST) {
        va_start(args, format);
        vsnprintf(room(text, (size_t)len + 1), (size_t)len + 1, format, args);
        va_end(args);
    }
    text->len += (size_t)len;
}

void api_text_number(struct api_text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    api_text_add(text, span_of(digits + at, sizeof digits - at));
}

void api_text_add(struct api_text *text, struct span bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(room(text, bytes.len), bytes.bytes, bytes.len);
    text->len += bytes.len;
}

void api_text_string(struct api_text *text, struct span value)
{
    api_text_add(text, span_text("\""));
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.bytes[i];
        if (c == '"' || c == '\\')
            api_text_put(text, "\\%c", c);
        else if (c < 0x20 || c >= 0x7F)
            api_text_put(text, "\\u%04x", c);
        else
            api_text_add(text, span_of(&c, 1));
    }
    api_text_add(text, span_text("\""));
}

void api_text_hex(struct api_text *text, struct span value)
{
    size_t cap = 2 * value.len + 1;
    hex_write(value, room(text, cap), cap);
    text->len += cap - 1;
}

void api_text_free(struct api_text *text)
{
    free(text->bytes);
    *text = (struct api_text){ 0 };
}
