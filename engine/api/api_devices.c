/* /v1/devices: registering (ES1), showing without keys, removing. */
#include "engine/api/api_request.h"

#include <stdlib.h>

#define LIST_DEFAULT 100u
#define LIST_MAX 10000u

static bool target_eid(const struct api_request *request, struct eid *eid)
{
    return eid_read(span_text(request->target), eid) == ERR_OK;
}

enum err api_device_offer(struct api_request *request, struct span text, uint64_t cookie,
                          struct job_fault *fault)
{
    const struct api_ops *ops = request->api->ops;
    struct eid eid;
    if (request->target[0] == '\0')
        return ops->device_put(ops->ctx, NULL, text, cookie, &fault->text);
    if (!target_eid(request, &eid)) {
        fault->field = "eid";
        fault_set(&fault->text, "the path names no EID; accepted: 32 decimal digits whose check "
                                "digits hold");
        return ERR_MALFORMED;
    }
    return ops->device_put(ops->ctx, &eid, text, cookie, &fault->text);
}

unsigned api_device_status(enum err err, uint64_t id)
{
    switch ((int)err) {
    case ERR_OK:
        return id != 0 ? MHD_HTTP_CREATED : MHD_HTTP_OK;
    case ERR_UNKNOWN:
        return MHD_HTTP_NOT_FOUND;
    case ERR_CONFLICT:
    case ERR_UNEXPECTED:
        return MHD_HTTP_CONFLICT;
    case ERR_FULL:
        return MHD_HTTP_INSUFFICIENT_STORAGE;
    case ERR_NO_MEMORY:
    case ERR_IO:
    case ERR_CORRUPT:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_BAD_REQUEST;
    }
}

static bool line_write(void *arg, struct span json)
{
    api_text_add(arg, json);
    api_text_add(arg, span_text("\n"));
    return true;
}

enum MHD_Result api_device_get(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    struct api_text text = { 0 };
    struct eid eid;
    enum err err = ERR_UNKNOWN;
    if (target_eid(request, &eid))
        err = ops->device_get(ops->ctx, &eid, line_write, &text);
    if (err == ERR_OK)
        return api_reply_text(request, MHD_HTTP_OK, "application/json", &text);
    api_text_free(&text);
    return api_reply_error(request,
                           err == ERR_UNKNOWN ? MHD_HTTP_NOT_FOUND : MHD_HTTP_SERVICE_UNAVAILABLE,
                           err == ERR_UNKNOWN ? "no such device" : err_text(err));
}

static enum MHD_Result removed(struct api_request *request)
{
    struct api_text none = { 0 };
    switch ((int)request->items[0].err) {
    case ERR_OK:
        return api_reply_text(request, MHD_HTTP_NO_CONTENT, "application/json", &none);
    case ERR_UNKNOWN:
        return api_reply_error(request, MHD_HTTP_NOT_FOUND, "no such device");
    case ERR_CONFLICT:
    case ERR_UNEXPECTED:
        return api_reply_error(request, MHD_HTTP_CONFLICT,
                               "jobs are under way for this device; cancel them first");
    default:
        return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                               err_text((enum err)request->items[0].err));
    }
}

enum MHD_Result api_device_delete(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    struct eid eid;
    if (request->item_count > 0)
        return removed(request);
    if (!target_eid(request, &eid))
        return api_reply_error(request, MHD_HTTP_NOT_FOUND, "no such device");
    uint32_t item = api_item_add(request);
    request->outstanding++;
    enum err err = ops->device_remove(ops->ctx, &eid, api_cookie(request, item));
    if (err == ERR_OK) /* answered later, or within the call */
        return request->outstanding > 0 ? MHD_YES : removed(request);
    request->outstanding--;
    request->items[0].err = (uint8_t)err;
    return removed(request);
}

enum MHD_Result api_device_list(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    struct MHD_Connection *connection = request->connection;
    const char *after = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "after");
    const char *limit = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "limit");
    unsigned long max = LIST_DEFAULT;
    struct api_text text = { 0 };
    struct eid eid;
    char *end = NULL;
    if (after != NULL && eid_read(span_text(after), &eid) != ERR_OK)
        return api_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "after is no EID; accepted: 32 decimal digits");
    if (limit != NULL)
        max = strtoul(limit, &end, 10);
    if (limit != NULL && (end == limit || *end != '\0' || max < 1 || max > LIST_MAX))
        return api_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "limit is not acceptable; accepted: a number from 1 to 10000");
    enum err err =
        ops->device_list(ops->ctx, after != NULL ? &eid : NULL, (uint32_t)max, line_write, &text);
    if (err == ERR_OK)
        return api_reply_text(request, MHD_HTTP_OK, "application/x-ndjson", &text);
    api_text_free(&text);
    return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, err_text(err));
}
