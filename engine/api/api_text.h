/* Text that grows: answers of the API, and JSON strings within it. */
#ifndef ENGINE_API_API_TEXT_H
#define ENGINE_API_API_TEXT_H

#include "base/span.h"

struct api_text {
    char *bytes; /* malloc; NULL while empty */
    size_t len, cap;
};

void api_text_put(struct api_text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void api_text_add(struct api_text *text, struct span bytes);
/* In quotes, escaped; octets that are no ASCII text become \u00XX. */
void api_text_string(struct api_text *text, struct span value);
void api_text_number(struct api_text *text, uint64_t value); /* decimal */
void api_text_hex(struct api_text *text, struct span value);
void api_text_free(struct api_text *text);

#endif
