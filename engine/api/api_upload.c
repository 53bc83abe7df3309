/* Uploads: cut into lines and offered as they arrive, so that a bulk of any size costs a line of
 * memory and 24 octets an item until its answers are sent. */
#include "engine/api/api_request.h"

#include <stdlib.h>

uint64_t api_cookie(const struct api_request *request, uint32_t item)
{
    return (uint64_t)request->slot << 48 | (uint64_t)request->generation << 32 | item;
}

uint32_t api_item_add(struct api_request *request)
{
    if (request->item_count == request->item_cap) {
        request->item_cap = request->item_cap == 0 ? 1 : request->item_cap * 2;
        request->items = realloc(request->items, request->item_cap * sizeof request->items[0]);
        ASSERT(request->items != NULL);
    }
    request->items[request->item_count] = (struct api_item){ .line = request->line };
    return request->item_count++;
}

void api_reason_write(struct api_text *out, const char *error, const char *field)
{
    api_text_add(out, span_text("\"error\":"));
    api_text_string(out, span_text(error));
    if (field != NULL && field[0] != '\0') {
        api_text_add(out, span_text(",\"field\":"));
        api_text_string(out, span_text(field));
    }
}

static void item_fail(struct api_request *request, uint32_t item, enum err err, const char *error,
                      const char *field)
{
    struct api_item *at = &request->items[item];
    at->err = (uint8_t)err;
    at->answered = true;
    if (error[0] == '\0' || request->reasons.len > API_REASONS_MAX)
        return;
    at->reason = (uint32_t)request->reasons.len + 1;
    api_reason_write(&request->reasons, error, field);
    api_text_add(&request->reasons, span_of("", 1)); /* its NUL */
}

/* False: throttled, nothing was done. */
static bool offer(struct api_request *request, struct span text)
{
    struct job_fault fault = { .field = "" };
    bool blank = true;
    for (size_t i = 0; i < text.len && blank; i++)
        blank = text.bytes[i] == ' ' || text.bytes[i] == '\t' || text.bytes[i] == '\r';
    if (request->item_count >= API_ITEMS_MAX && !blank)
        request->truncated = true;
    if ((blank && !request->overlong && request->bulk) || request->truncated) {
        request->line++;
        return true;
    }
    request->line++;
    uint32_t item = api_item_add(request);
    if (request->overlong) {
        request->overlong = false;
        item_fail(request, item, ERR_RANGE, "longer than 65536 octets", NULL);
        return true;
    }
    request->outstanding++; /* first: the answer may come within the call */
    enum err err = request->route->offer(request, text, api_cookie(request, item), &fault);
    if (err == ERR_OK)
        return true;
    request->outstanding--;
    if (err == ERR_THROTTLED) {
        request->item_count--;
        request->line--;
        return false;
    }
    item_fail(request, item, err, fault.text.text, fault.field);
    return true;
}

/* Appends to the line under way, as far as a line may go. */
static void keep(struct api_request *request, struct span part)
{
    if (request->partial.len + part.len > API_BODY_MAX) {
        request->overlong = true;
        request->partial.len = 0;
    }
    if (!request->overlong)
        api_text_add(&request->partial, part);
}

static void hold_back(struct api_request *request)
{
    request->throttled = true;
    request->api->throttled++;
    api_suspend(request);
}

static bool take_line(struct api_request *request, struct span part)
{
    if (request->partial.len == 0 && !request->overlong && part.len <= API_BODY_MAX)
        return offer(request, part); /* the usual case: whole in what was received, not copied */
    size_t len = request->partial.len;
    bool overlong = request->overlong;
    keep(request, part);
    if (!offer(request, span_of(request->partial.bytes, request->partial.len))) {
        request->partial.len = len;
        request->overlong = overlong;
        return false;
    }
    request->partial.len = 0;
    return true;
}

size_t api_upload(struct api_request *request, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const char *end = request->bulk ? memchr(data + at, '\n', len - at) : NULL;
        size_t part = end != NULL ? (size_t)(end - (data + at)) : len - at;
        if (end == NULL) {
            keep(request, span_of(data + at, part));
            at = len;
        } else if (take_line(request, span_of(data + at, part))) {
            at += part + 1;
        } else {
            hold_back(request);
            break;
        }
    }
    request->received += at;
    return at;
}

bool api_upload_end(struct api_request *request)
{
    bool left = request->partial.len > 0 || request->overlong || !request->bulk;
    if (!request->ended && left && !take_line(request, span_of(NULL, 0))) {
        hold_back(request);
        return false;
    }
    request->ended = true;
    return true;
}
