/* GET /v1/results: what became of the client's jobs, as lines, live. A stream that has nothing to
 * say is suspended; api_turn() looks whether something became durable. */
#include "engine/api/api_request.h"

#include "engine/job/rfc3339.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BLOCK 65536u
#define RESULTS_AT_ONCE 256u

static void api_result_write(struct api_text *out, uint64_t sequence,
                             const struct record_result *result)
{
    char eid[EID_DIGITS + 1], accepted[RFC3339_LEN + 1], finished[RFC3339_LEN + 1];
    eid_write(&result->eid, eid);
    rfc3339_write(result->accepted_ms, accepted);
    rfc3339_write(result->finished_ms, finished);
    api_text_put(
        out, "{\"sequence\":%" PRIu64 ",\"id\":\"%" PRIu64 "\",\"eid\":\"%s\",\"outcome\":\"%s\"",
        sequence, result->job_id, eid, job_outcome_name((enum job_outcome)result->outcome));
    if (result->reason != ERR_OK)
        api_text_put(out, ",\"reason\":\"%s\"", err_label((enum err)result->reason));
    api_answers_write(out, result);
    api_text_put(out, ",\"attempts\":%u,\"acceptedAt\":\"%s\",\"finishedAt\":\"%s\"}\n",
                 result->attempts, accepted, finished);
}

static bool take_result(void *arg, uint64_t sequence, const struct record_result *result)
{
    struct api_request *request = arg;
    if (request->out.len >= BLOCK)
        return false;
    api_result_write(&request->out, sequence, result);
    request->after = sequence;
    return true;
}

/* The next lines into `out`; ERR_STALE when a gap lies before them. */
static enum err render(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    request->out.len = 0;
    request->out_at = 0;
    if (ops->results_durable(ops->ctx, request->client) <= request->after)
        return ERR_OK;
    return ops->results_read(ops->ctx, request->client, request->after, RESULTS_AT_ONCE,
                             take_result, request);
}

static bool heartbeat_due(const struct api_request *request, uint64_t now_ms)
{
    return now_ms >= request->wrote_ms + API_HEARTBEAT_MS;
}

bool api_results_due(const struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    return request->api->draining ||
           ops->results_durable(ops->ctx, request->client) > request->after ||
           heartbeat_due(request, ops->now_ms(ops->ctx));
}

static ssize_t results_read(void *arg, uint64_t position, char *buf, size_t cap)
{
    struct api_request *request = arg;
    const struct api_ops *ops = request->api->ops;
    uint64_t now_ms = ops->now_ms(ops->ctx);
    (void)position;
    if (request->api->draining && request->out_at == request->out.len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (request->out_at == request->out.len && render(request) != ERR_OK)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = request->out.len - request->out_at;
    if (len == 0 && !request->wait)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (len == 0 && !heartbeat_due(request, now_ms)) {
        api_suspend(request);
        return 0;
    }
    request->wrote_ms = now_ms;
    if (len == 0) { /* an empty line: a peer that went away is noticed */
        buf[0] = '\n';
        return 1;
    }
    len = len < cap ? len : cap;
    memcpy(buf, request->out.bytes + request->out_at, len);
    request->out_at += len;
    return (ssize_t)len;
}

enum MHD_Result api_results(struct api_request *request)
{
    struct MHD_Connection *connection = request->connection;
    const char *after = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "after");
    const char *wait = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "wait");
    char *end = NULL;
    errno = 0;
    request->after = after != NULL ? strtoull(after, &end, 10) : 0;
    if (after != NULL && (after[0] < '0' || after[0] > '9' || *end != '\0' || errno != 0))
        return api_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "after is not acceptable; accepted: the sequence of a result, or 0");
    if (wait != NULL && strcmp(wait, "0") != 0 && strcmp(wait, "1") != 0)
        return api_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "wait is not acceptable; accepted: 0 or 1");
    request->wait = wait == NULL || strcmp(wait, "1") == 0;

    const struct api_ops *ops = request->api->ops;
    if (request->after > ops->results_durable(ops->ctx, request->client))
        return api_reply_error(request, MHD_HTTP_BAD_REQUEST,
                               "after is above the last result there is: it comes of another "
                               "client or another data directory; start with after=0");
    enum err err = render(request);
    if (err == ERR_STALE)
        return api_reply_error(request, MHD_HTTP_GONE,
                               "results after this sequence are no longer kept "
                               "(jobs.results_keep); start at the oldest with after=0, and audit");
    if (err != ERR_OK)
        return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, err_text(err));
    request->wrote_ms = ops->now_ms(ops->ctx);
    request->streaming = true;
    request->api->streaming++;
    return api_reply_stream(request, results_read);
}
