/* The daemon and the way of a request: route, token, upload, wait, response. libmicrohttpd runs
 * without a thread of its own; a request that waits is suspended. */
#include "engine/api/api_request.h"

#include "base/log.h"
#include "crypto/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKENS_LEN (CONFIG_CLIENTS_MAX * sizeof(struct api_token))
#define IDLE_TIMEOUT_S 60u
#define CONNECTION_MEMORY (128u << 10)
#define ROUNDS_MAX 64 /* of one turn, so that the control thread comes to its other work */

/* The whole API; openapi.yaml describes it, test_api holds the two together. */
static const struct api_route routes[] = {
    /* clang-format off */
    { "POST",   "/v1/jobs",     .single = true, .bulk = true, .offer = api_job_offer, .status = api_job_status },
    { "GET",    "/v1/jobs/",    .respond = api_job_get },
    { "DELETE", "/v1/jobs/",    .respond = api_job_delete },
    { "POST",   "/v1/devices",  .bulk = true, .offer = api_device_offer, .status = api_device_status },
    { "GET",    "/v1/devices",  .respond = api_device_list },
    { "PUT",    "/v1/devices/", .single = true, .offer = api_device_offer, .status = api_device_status },
    { "GET",    "/v1/devices/", .respond = api_device_get },
    { "DELETE", "/v1/devices/", .respond = api_device_delete },
    { "GET",    "/v1/results",  .respond = api_results },
    { "GET",    "/healthz",     .open = true, .respond = api_health },
    { "GET",    "/readyz",      .open = true, .respond = api_ready },
    { "GET",    "/metrics",     .open = true, .respond = api_metrics },
    /* clang-format on */
};

static bool path_matches(const struct api_route *route, const char *url)
{
    size_t len = strlen(route->path);
    if (route->path[len - 1] != '/')
        return strcmp(url, route->path) == 0;
    return strncmp(url, route->path, len) == 0 && url[len] != '\0' &&
           strchr(url + len, '/') == NULL;
}

/* The route of method and path. Else NULL, with the methods that the path has in `allow`. */
static const struct api_route *route_find(const char *method, const char *url, char *allow,
                                          size_t cap)
{
    size_t len = 0;
    allow[0] = '\0';
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (!path_matches(&routes[i], url))
            continue;
        bool head = strcmp(method, "HEAD") == 0 && strcmp(routes[i].method, "GET") == 0;
        if (head || strcmp(method, routes[i].method) == 0)
            return &routes[i];
        len +=
            (size_t)snprintf(allow + len, cap - len, "%s%s", len > 0 ? ", " : "", routes[i].method);
    }
    return NULL;
}

static const char *header(const struct api_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool type_is(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);
    return type != NULL && strncasecmp(type, wanted, len) == 0 &&
           (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* What the head of a request with a body says of it; 0: acceptable. */
static unsigned body_check(struct api_request *request, const char **why)
{
    const struct api_route *route = request->route;
    const char *type = header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    request->bulk = route->bulk && type_is(type, "application/x-ndjson");
    if (!request->bulk && !(route->single && type_is(type, "application/json"))) {
        *why = route->bulk && route->single
                   ? "Content-Type is not acceptable; accepted: application/json, "
                     "application/x-ndjson"
               : route->bulk ? "Content-Type is not acceptable; accepted: application/x-ndjson"
                             : "Content-Type is not acceptable; accepted: application/json";
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    if (length != NULL &&
        strtoull(length, NULL, 10) > (request->bulk ? API_BULK_MAX : API_BODY_MAX)) {
        *why = request->bulk ? "the body is too long; accepted: 256 MiB at a time"
                             : "the body is too long; accepted: 65536 octets";
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    return 0;
}

/* Everything that can be said before the body: 0, or the status of the refusal. */
static unsigned head_check(struct api_request *request, const char *method, const char *url,
                           char *allow, size_t cap, const char **why)
{
    request->route = route_find(method, url, allow, cap);
    if (request->route == NULL && allow[0] == '\0') {
        *why = "no such path; openapi.yaml lists them";
        return MHD_HTTP_NOT_FOUND;
    }
    if (request->route == NULL) {
        *why = "this path has no such method";
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (!request->route->open &&
        api_token_find(request->api, header(request, MHD_HTTP_HEADER_AUTHORIZATION),
                       &request->client) != ERR_OK) {
        *why = "no valid token; send Authorization: Bearer TOKEN, of a client in api.clients";
        return MHD_HTTP_UNAUTHORIZED;
    }
    if (request->api->draining && !request->route->open) {
        *why = "shutting down";
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    const char *slash = strrchr(request->route->path, '/');
    request->target = slash[1] == '\0' ? url + strlen(request->route->path) : "";
    return request->route->offer != NULL ? body_check(request, why) : 0;
}

static struct api_request *request_open(struct api *api, struct MHD_Connection *connection)
{
    for (uint32_t slot = 0; slot < API_REQUESTS_MAX; slot++) {
        if (api->requests[slot] != NULL)
            continue;
        struct api_request *request = calloc(1, sizeof *request);
        ASSERT(request != NULL);
        request->api = api;
        request->connection = connection;
        request->slot = slot;
        request->generation = ++api->generations[slot];
        api->requests[slot] = request;
        api->active++;
        return request;
    }
    return NULL;
}

/* Called by the library when a request is over, however it ended. */
static void request_close(void *arg, struct MHD_Connection *connection, void **memory,
                          enum MHD_RequestTerminationCode code)
{
    struct api *api = arg;
    struct api_request *request = *memory;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    api->requests[request->slot] = NULL;
    api->active--;
    api->throttled -= request->throttled;
    api->streaming -= request->streaming;
    api_text_free(&request->partial);
    api_text_free(&request->reasons);
    api_text_free(&request->out);
    free(request->items);
    free(request);
    *memory = NULL;
}

/* After the body, or when there is none; again after each resume. */
static enum MHD_Result request_finish(struct api_request *request)
{
    const struct api_route *route = request->route;
    if (request->received > (request->bulk ? API_BULK_MAX : API_BODY_MAX))
        return api_reply_error(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
    if (route->offer != NULL && !api_upload_end(request))
        return MHD_YES;
    if (route->offer == NULL && request->outstanding == 0) {
        enum MHD_Result result = route->respond(request);
        if (request->outstanding == 0)
            return result;
    }
    if (request->outstanding > 0) {
        api_suspend(request);
        return MHD_YES;
    }
    return request->bulk ? api_reply_items(request) : api_reply_item(request);
}

static enum MHD_Result request_step(void *arg, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *len, void **memory)
{
    struct api_request *request = *memory;
    (void)version;
    if (request == NULL) {
        char allow[64];
        const char *why = "";
        request = request_open(arg, connection);
        if (request == NULL)
            return MHD_NO;
        *memory = request;
        unsigned status = head_check(request, method, url, allow, sizeof allow, &why);
        if (status == 0)
            return MHD_YES;
        request->target = allow;
        enum MHD_Result queued = api_reply_error(request, status, why);
        request->target = "";
        return queued;
    }
    if (*len == 0)
        return request_finish(request);
    if (request->route->offer == NULL)
        *len = 0; /* a body nobody asked for */
    else
        *len -= api_upload(request, data, *len);
    return MHD_YES;
}

static void log_library(void *arg, const char *format, va_list args)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("api", "%s", text);
}

static enum err listen_at(struct api *api, struct fault *fault)
{
    const struct config_api *config = api->config;
    struct sockaddr_in six4 = { .sin_family = AF_INET, .sin_port = htons(config->port) };
    struct sockaddr_in6 six6 = { .sin6_family = AF_INET6, .sin6_port = htons(config->port) };
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    const void *address = &six4;
    if (inet_pton(AF_INET, config->host, &six4.sin_addr) != 1) {
        if (inet_pton(AF_INET6, config->host, &six6.sin6_addr) != 1) {
            fault_set(fault, "api.host: \"%s\" is no address", config->host);
            return ERR_MALFORMED;
        }
        flags |= MHD_USE_IPv6;
        address = &six6;
    }
    errno = 0;
    api->daemon = MHD_start_daemon(
        flags, config->port, NULL, NULL, request_step, api, MHD_OPTION_EXTERNAL_LOGGER, log_library,
        NULL, MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_NOTIFY_COMPLETED, request_close, api,
        MHD_OPTION_CONNECTION_LIMIT, API_REQUESTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_END);
    if (api->daemon != NULL)
        return ERR_OK;
    fault_set(fault, "api: cannot listen on %s port %u: %s; is another engine running? (ss -ltnp)",
              config->host, config->port, strerror(errno));
    return ERR_IO;
}

enum err api_create(const struct config_api *config, const struct config_jobs *jobs,
                    const struct api_ops *ops, struct api **out, struct fault *fault)
{
    struct api *api = calloc(1, sizeof *api);
    ASSERT(api != NULL);
    api->config = config;
    api->ops = ops;
    api->rules = (struct job_rules){ .segments_max = jobs->segments_max,
                                     .expiry_ms = (uint64_t)jobs->expiry_s * 1000 };
    api->tokens = secret_alloc(TOKENS_LEN, fault);
    enum err err = api->tokens != NULL ? api_tokens_read(api, fault) : ERR_NO_MEMORY;
    if (err == ERR_OK)
        err = listen_at(api, fault);
    if (err == ERR_OK) {
        *out = api;
        return ERR_OK;
    }
    secret_free(api->tokens, TOKENS_LEN);
    free(api);
    return err;
}

uint16_t api_port(const struct api *api)
{
    return MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

/* Uploads that were held back try again; result streams that have something to say go on. */
static void wake(struct api *api)
{
    bool has_room = api->throttled > 0 && api->ops->has_room(api->ops->ctx);
    if (!has_room && api->streaming == 0)
        return;
    for (uint32_t slot = 0; slot < API_REQUESTS_MAX; slot++) {
        struct api_request *request = api->requests[slot];
        if (request != NULL && request->suspended &&
            ((request->throttled && has_room) || (request->streaming && api_results_due(request))))
            api_resume(request);
    }
}

void api_turn(struct api *api, uint32_t timeout_ms)
{
    MHD_UNSIGNED_LONG_LONG left = 0;
    wake(api);
    MHD_run_wait(api->daemon, (int32_t)timeout_ms);
    for (int round = 1; round < ROUNDS_MAX; round++) {
        if (MHD_get_timeout(api->daemon, &left) != MHD_YES || left != 0)
            break;
        MHD_run_wait(api->daemon, 0);
    }
}

void api_answer(struct api *api, uint64_t cookie, enum err err, uint64_t id)
{
    uint32_t slot = (uint32_t)(cookie >> 48), item = (uint32_t)cookie;
    ASSERT(slot < API_REQUESTS_MAX);
    struct api_request *request = api->requests[slot];
    if (request == NULL || request->generation != (uint16_t)(cookie >> 32))
        return; /* the client has gone */
    ASSERT(item < request->item_count && request->outstanding > 0);
    ASSERT(!request->items[item].answered);
    request->items[item].answered = true;
    request->items[item].err = (uint8_t)err;
    request->items[item].id = id;
    request->outstanding--;
    if (request->outstanding == 0 && request->suspended && !request->throttled)
        api_resume(request);
}

void api_drain(struct api *api)
{
    api->draining = true;
}

bool api_idle(const struct api *api)
{
    return api->active == 0;
}

void api_destroy(struct api *api)
{
    if (api == NULL)
        return;
    api->draining = true;
    for (uint32_t slot = 0; slot < API_REQUESTS_MAX; slot++)
        if (api->requests[slot] != NULL && api->requests[slot]->suspended)
            api_resume(api->requests[slot]);
    MHD_stop_daemon(api->daemon);
    secret_free(api->tokens, TOKENS_LEN);
    free(api);
}
