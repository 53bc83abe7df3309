/* Responses: texts, errors, and the lines of a bulk, rendered as they are sent. */
#include "engine/api/api_request.h"

#include <inttypes.h>
#include <stdlib.h>

#define JSON "application/json"
#define NDJSON "application/x-ndjson"
#define BLOCK 65536u /* octets rendered at a time */

void api_suspend(struct api_request *request)
{
    ASSERT(!request->suspended);
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

void api_resume(struct api_request *request)
{
    ASSERT(request->suspended);
    request->suspended = false;
    if (request->throttled) {
        request->throttled = false;
        request->api->throttled--;
    }
    MHD_resume_connection(request->connection);
}

static enum MHD_Result queue(struct api_request *request, unsigned status, const char *type,
                             struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                "Bearer realm=\"starling\"");
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->target);
    enum MHD_Result queued = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

enum MHD_Result api_reply_text(struct api_request *request, unsigned status, const char *type,
                               struct api_text *text)
{
    struct MHD_Response *response =
        text->len > 0
            ? MHD_create_response_from_buffer(text->len, text->bytes, MHD_RESPMEM_MUST_FREE)
            : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (text->len > 0)
        *text = (struct api_text){ 0 };
    return queue(request, status, type, response);
}

enum MHD_Result api_reply_error(struct api_request *request, unsigned status, const char *error)
{
    struct api_text text = { 0 };
    api_text_add(&text, span_text("{"));
    api_reason_write(&text, error, NULL);
    api_text_add(&text, span_text("}\n"));
    return api_reply_text(request, status, JSON, &text);
}

static void job_taken_write(const struct api_item *item, struct api_text *out)
{
    api_text_add(out, span_text("\"id\":\""));
    api_text_number(out, item->id);
    api_text_add(out, span_text(item->err == ERR_DUPLICATE ? "\",\"duplicate\":true" : "\""));
}

/* What an item says after its line and status. */
static void item_body_write(const struct api_request *request, const struct api_item *item,
                            unsigned status, struct api_text *out)
{
    if (status < 300 && request->route->offer == api_job_offer)
        job_taken_write(item, out);
    else if (status < 300)
        api_text_put(out, "\"created\":%s", item->id != 0 ? "true" : "false");
    else if (item->reason != 0)
        api_text_add(out, span_text(request->reasons.bytes + item->reason - 1));
    else if (status == MHD_HTTP_SERVICE_UNAVAILABLE && item->err == ERR_IO)
        api_reason_write(out, "not taken: the store cannot be written; try again later", NULL);
    else
        api_reason_write(out, err_text((enum err)item->err), NULL);
}

enum MHD_Result api_reply_item(struct api_request *request)
{
    struct api_text text = { 0 };
    const struct api_item *item = &request->items[0];
    unsigned status = request->route->status((enum err)item->err, item->id);
    if (status == MHD_HTTP_NO_CONTENT)
        return api_reply_text(request, status, JSON, &text);
    api_text_add(&text, span_text("{"));
    item_body_write(request, item, status, &text);
    api_text_add(&text, span_text("}\n"));
    return api_reply_text(request, status, JSON, &text);
}

static void render_items(struct api_request *request)
{
    struct api_text *out = &request->out;
    out->len = 0;
    request->out_at = 0;
    while (request->sent < request->item_count && out->len < BLOCK) {
        const struct api_item *item = &request->items[request->sent++];
        unsigned status = request->route->status((enum err)item->err, item->id);
        api_text_add(out, span_text("{\"line\":")); /* by hand: printf is a tenth of intake */
        api_text_number(out, item->line);
        api_text_add(out, span_text(",\"status\":"));
        api_text_number(out, status);
        api_text_add(out, span_text(","));
        item_body_write(request, item, status, out);
        api_text_add(out, span_text("}\n"));
    }
    if (request->sent == request->item_count && request->truncated) {
        request->truncated = false;
        api_text_put(out,
                     "{\"line\":%" PRIu32 ",\"status\":413,\"error\":\"this line and those after "
                     "it were not taken: send at most %u lines at a time\"}\n",
                     request->items[request->item_count - 1].line + 1, API_ITEMS_MAX);
    }
}

static ssize_t items_read(void *arg, uint64_t position, char *buf, size_t cap)
{
    struct api_request *request = arg;
    (void)position;
    if (request->out_at == request->out.len)
        render_items(request);
    size_t len = request->out.len - request->out_at;
    if (len == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    len = len < cap ? len : cap;
    memcpy(buf, request->out.bytes + request->out_at, len);
    request->out_at += len;
    return (ssize_t)len;
}

enum MHD_Result api_reply_stream(struct api_request *request, MHD_ContentReaderCallback read)
{
    return queue(request, MHD_HTTP_OK, NDJSON,
                 MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read, request, NULL));
}

enum MHD_Result api_reply_items(struct api_request *request)
{
    return api_reply_stream(request, items_read);
}
