/* Hexadecimal text, both ways. */
#include "base/hex.h"

int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

enum err hex_read(struct span text, struct writer *out)
{
    if (text.len % 2 != 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_digit((char)text.bytes[i]);
        int low = hex_digit((char)text.bytes[i + 1]);
        if (high < 0 || low < 0)
            return ERR_MALFORMED;
        writer_u8(out, (uint8_t)(high << 4 | low));
    }
    return out->err;
}

void hex_write(struct span in, char *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    ASSERT(cap > 2 * in.len);
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.bytes[i] >> 4];
        out[2 * i + 1] = digits[in.bytes[i] & 0xF];
    }
    out[2 * in.len] = '\0';
}
