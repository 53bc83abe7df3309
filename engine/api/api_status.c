/* /healthz, /readyz, /metrics: for the operator's machines; no token. */
#include "engine/api/api_request.h"

#include <math.h>

enum MHD_Result api_health(struct api_request *request)
{
    struct api_text text = { 0 };
    api_text_add(&text, span_text("{\"status\":\"alive\"}\n"));
    return api_reply_text(request, MHD_HTTP_OK, "application/json", &text);
}

enum MHD_Result api_ready(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    const char *why = "shutting down";
    struct api_text text = { 0 };
    if (request->api->draining || !ops->ready(ops->ctx, &why))
        return api_reply_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, why);
    api_text_add(&text, span_text("{\"status\":\"ready\"}\n"));
    return api_reply_text(request, MHD_HTTP_OK, "application/json", &text);
}

struct exposition {
    struct api_text text;
    const char *last; /* the name whose HELP and TYPE stand above */
};

/* Prometheus text format 0.0.4. */
static void metric_write(void *arg, const struct api_metric *metric)
{
    struct exposition *out = arg;
    if (out->last == NULL || strcmp(out->last, metric->name) != 0)
        api_text_put(&out->text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                     metric->name, metric->type);
    out->last = metric->name;
    api_text_put(&out->text, "%s%s", metric->name, metric->suffix);
    if (metric->labels[0] != '\0')
        api_text_put(&out->text, "{%s}", metric->labels);
    if (metric->value == floor(metric->value) && fabs(metric->value) < 9007199254740992.0)
        api_text_put(&out->text, " %.0f\n", metric->value);
    else
        api_text_put(&out->text, " %.9g\n", metric->value);
}

enum MHD_Result api_metrics(struct api_request *request)
{
    const struct api_ops *ops = request->api->ops;
    struct exposition out = { .last = NULL };
    const struct api_metric open = {
        "starling_api_requests", "Requests under way.", "gauge", "", request->api->active, ""
    };
    const struct api_metric streams = { "starling_api_result_streams",
                                        "Open result streams.",
                                        "gauge",
                                        "",
                                        request->api->streaming,
                                        "" };
    metric_write(&out, &open);
    metric_write(&out, &streams);
    ops->metrics(ops->ctx, metric_write, &out);
    return api_reply_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                          &out.text);
}
