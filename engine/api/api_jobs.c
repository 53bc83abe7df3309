/* /v1/jobs: taking jobs in, showing one with its attempts, withdrawing one. */
#include "engine/api/api_request.h"

#include "engine/job/rfc3339.h"

#include <inttypes.h>

enum err api_job_offer(struct api_request *request, struct span text, uint64_t cookie,
                       struct job_fault *fault)
{
    struct api *api = request->api;
    const struct api_ops *ops = api->ops;
    enum err err = job_from_json(text, &api->rules, ops->now_ms(ops->ctx), &api->job, fault);
    if (err != ERR_OK)
        return err;
    api->job.client = request->client;
    return ops->job_submit(ops->ctx, &api->job, cookie, &fault->text);
}

unsigned api_job_status(enum err err, uint64_t id)
{
    (void)id;
    switch ((int)err) {
    case ERR_OK:
        return MHD_HTTP_ACCEPTED;
    case ERR_DUPLICATE:
        return MHD_HTTP_OK;
    case ERR_MALFORMED:
    case ERR_RANGE:
        return MHD_HTTP_BAD_REQUEST;
    case ERR_UNKNOWN:
        return MHD_HTTP_NOT_FOUND;
    case ERR_CONFLICT:
    case ERR_KEY:
    case ERR_UNREACHABLE:
    case ERR_EXHAUSTED:
    case ERR_OUT_OF_STEP:
        return MHD_HTTP_CONFLICT;
    case ERR_FULL:
        return MHD_HTTP_TOO_MANY_REQUESTS;
    default:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
}

static bool id_read(const char *text, uint64_t *id)
{
    uint64_t sum = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (text[i] < '0' || text[i] > '9' || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *id = sum;
    return len > 0;
}

static void time_write(struct api_text *out, const char *name, uint64_t ms)
{
    char text[RFC3339_LEN + 1];
    if (ms == 0)
        return;
    rfc3339_write(ms, text);
    api_text_put(out, ",\"%s\":\"%s\"", name, text);
}

/* SMPP 3.4 §5.2.28. */
static const char *receipt_name(uint8_t state)
{
    static const char *const names[] = { NULL,       "ENROUTE", "DELIVERED",
                                         "EXPIRED",  "DELETED", "UNDELIVERABLE",
                                         "ACCEPTED", "UNKNOWN", "REJECTED" };
    return state < COUNT(names) ? names[state] : "UNKNOWN";
}

static void attempt_write(struct api_text *out, const struct record_attempt *attempt)
{
    api_text_put(out, "{\"attempt\":%u,\"part\":%u,\"parts\":%u", attempt->attempt,
                 attempt->part + 1u, attempt->part_count);
    if (attempt->status != RECORD_NEVER_LEFT)
        api_text_put(out, ",\"status\":%" PRIu32, attempt->status);
    if (attempt->message_id[0] != '\0') {
        api_text_add(out, span_text(",\"messageId\":"));
        api_text_string(out, span_of(attempt->message_id,
                                     strnlen(attempt->message_id, sizeof attempt->message_id)));
    }
    if (receipt_name(attempt->state) != NULL)
        api_text_put(out, ",\"receipt\":\"%s\"", receipt_name(attempt->state));
    time_write(out, "at", attempt->at_ms);
    time_write(out, "validUntil", attempt->validity_ms);
    api_text_add(out, span_text("}"));
}

void api_answers_write(struct api_text *out, const struct record_result *result)
{
    if (result->por_status != 0xFF)
        api_text_put(out, ",\"porStatus\":\"%02x\"", result->por_status);
    if (result->answer.len > 0 && result->answer_raw != 0) {
        api_text_add(out, span_text(",\"answer\":\""));
        api_text_hex(out, result->answer);
        api_text_add(out, span_text("\""));
    } else if (result->answer.len > 0) {
        struct reader in = reader_over(result->answer);
        const char *before = ",\"responses\":[\"";
        while (reader_more(&in)) {
            struct span response = reader_bytes(&in, reader_u16(&in));
            api_text_add(out, span_text(before));
            api_text_hex(out, response);
            before = "\",\"";
        }
        api_text_add(out, span_text("\"]"));
    }
}

static void job_write(struct api_text *out, const struct api_job *view)
{
    static const char *const states[] = {
        [API_JOB_WAITING] = "waiting", [API_JOB_IN_FLIGHT] = "in-flight", [API_JOB_FINAL] = "final"
    };
    const struct job *job = &view->job;
    char eid[EID_DIGITS + 1];
    eid_write(&job->eid, eid);
    api_text_put(out, "{\"id\":\"%" PRIu64 "\",\"eid\":\"%s\",\"type\":\"%s\",\"state\":\"%s\"",
                 job->id, eid, job_kind_name((enum job_kind)job->kind), states[view->state]);
    api_text_put(out, ",\"priority\":%u,\"idempotent\":%s", job->priority,
                 job->idempotent ? "true" : "false");
    if (job->key_len > 0) {
        api_text_add(out, span_text(",\"key\":"));
        api_text_string(out, span_of(job->key, job->key_len));
    }
    time_write(out, "acceptedAt", job->accepted_ms);
    time_write(out, "notBefore", job->not_before_ms);
    time_write(out, "expiry", job->expiry_ms);
    if (view->state == API_JOB_FINAL) {
        api_text_put(out, ",\"outcome\":\"%s\"",
                     job_outcome_name((enum job_outcome)view->result.outcome));
        if (view->result.reason != ERR_OK)
            api_text_put(out, ",\"reason\":\"%s\"", err_label((enum err)view->result.reason));
        api_answers_write(out, &view->result);
        time_write(out, "finishedAt", view->result.finished_ms);
    }
    api_text_add(out, span_text(",\"attempts\":["));
    for (uint32_t i = 0; i < view->attempt_count; i++) {
        api_text_add(out, span_text(i > 0 ? "," : ""));
        attempt_write(out, &view->attempts[i]);
    }
    api_text_add(out, span_text("]}\n"));
}

enum MHD_Result api_job_get(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    struct api_job *view = &request->api->view;
    struct api_text text = { 0 };
    uint64_t id;
    enum err err = ERR_UNKNOWN;
    if (id_read(request->target, &id))
        err = ops->job_get(ops->ctx, request->client, id, view);
    if (err == ERR_UNKNOWN)
        return api_reply_error(request, MHD_HTTP_NOT_FOUND, "no such job of this client");
    if (err != ERR_OK)
        return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, err_text(err));
    job_write(&text, view);
    return api_reply_text(request, MHD_HTTP_OK, "application/json", &text);
}

/* The answer of the control thread, as one item. */
static enum MHD_Result cancelled(struct api_request *request)
{
    switch ((int)request->items[0].err) {
    case ERR_OK: {
        struct api_text text = { 0 };
        api_text_put(&text, "{\"id\":\"%s\",\"outcome\":\"cancelled\"}\n", request->target);
        return api_reply_text(request, MHD_HTTP_OK, "application/json", &text);
    }
    case ERR_CONFLICT:
        return api_reply_error(request, MHD_HTTP_CONFLICT,
                               "in flight: it may run; it is not repeated any more");
    case ERR_UNEXPECTED:
        return api_reply_error(request, MHD_HTTP_CONFLICT, "already final");
    case ERR_UNKNOWN:
        return api_reply_error(request, MHD_HTTP_NOT_FOUND, "no such job of this client");
    default:
        return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
                               err_text((enum err)request->items[0].err));
    }
}

enum MHD_Result api_job_delete(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    uint64_t id;
    if (request->item_count > 0)
        return cancelled(request);
    if (!id_read(request->target, &id))
        return api_reply_error(request, MHD_HTTP_NOT_FOUND, "no such job of this client");
    uint32_t item = api_item_add(request);
    request->outstanding++;
    enum err err = ops->job_cancel(ops->ctx, request->client, id, api_cookie(request, item));
    if (err == ERR_OK) /* answered later, or within the call */
        return request->outstanding > 0 ? MHD_YES : cancelled(request);
    request->outstanding--;
    request->items[0].err = (uint8_t)err;
    return cancelled(request);
}
