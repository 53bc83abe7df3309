/* Members of an EIS, one typed call each: the first thing that is wrong becomes the fault, with the
 * path of the member; after it every call gives a harmless value, and the caller asks once.
 *
 * A fault never quotes text of the input: it may be a key that stands in the wrong place. */
#ifndef ENGINE_DEVICE_EIS_FIELD_H
#define ENGINE_DEVICE_EIS_FIELD_H

#include "base/fault.h"
#include "base/span.h"

#include <jansson.h>

struct eis_field {
    uint32_t line_no; /* 0: not told */
    struct fault *fault;
    bool failed;
    char path[128]; /* where we are: "isd-r.keySets[0]." */
    size_t path_len;
};

/* Goes into a member, or an array's element; `eis_field_leave` with what `enter` returned. */
size_t eis_field_enter(struct eis_field *field, const char *name);
size_t eis_field_enter_at(struct eis_field *field, const char *name, size_t index);
void eis_field_leave(struct eis_field *field, size_t mark);

/* "line N: PATH.NAME: " and the sentence. `name` may be empty. */
void eis_field_fail(struct eis_field *field, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Names every member of `object` that `names` has not, as a fault. */
void eis_field_only(struct eis_field *field, json_t *object, const char *const *names,
                    size_t count);

enum eis_need { EIS_OPTIONAL, EIS_REQUIRED };

/* NULL when it is absent (a fault when it is required) or of another type (a fault). */
json_t *eis_field_object(struct eis_field *field, json_t *in, const char *name, enum eis_need need);
json_t *eis_field_array(struct eis_field *field, json_t *in, const char *name, enum eis_need need,
                        size_t least, size_t most);
const char *eis_field_text(struct eis_field *field, json_t *in, const char *name,
                           enum eis_need need);
bool eis_field_bool(struct eis_field *field, json_t *in, const char *name, bool otherwise);
json_int_t eis_field_int(struct eis_field *field, json_t *in, const char *name, enum eis_need need,
                         json_int_t least, json_int_t most, json_int_t otherwise);

/* Hex text of `least` to `most` octets into `out`; returns their count, 0 when absent or wrong. */
size_t eis_field_hex(struct eis_field *field, const char *name, const char *text, size_t least,
                     size_t most, uint8_t *out);

/* Decimal digits, `least` to `most` of them. False (a fault) otherwise. */
bool eis_field_digits(struct eis_field *field, const char *name, const char *text, size_t least,
                      size_t most);

#endif
