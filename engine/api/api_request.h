/* Inside the API: one request from its first octet to its answer. Only engine/api includes this,
 * and only engine/api knows libmicrohttpd.
 *
 *   first call    route, token, type, size  ->  may be answered at once
 *   upload        items are offered to the control thread as they arrive
 *   upload ends   suspended until every item is answered, then the response */
#ifndef ENGINE_API_API_REQUEST_H
#define ENGINE_API_API_REQUEST_H

#include "engine/api/api.h"
#include "engine/api/api_text.h"

#include <microhttpd.h>

#define API_REQUESTS_MAX 1024u
#define API_BODY_MAX 65536u         /* one object, or one line of a bulk */
#define API_BULK_MAX (256ull << 20) /* octets of one bulk */
#define API_ITEMS_MAX 1000000u      /* lines of one bulk */
#define API_REASONS_MAX (8u << 20)  /* octets of reasons kept for one bulk */
#define API_TOKEN_LEAST 16u
#define API_TOKEN_MAX 256u
#define API_HEARTBEAT_MS 15000u /* an empty line on a silent result stream */

/* One object or line, in the order of arrival. */
struct api_item {
    uint64_t id;
    uint32_t line;
    uint32_t reason; /* offset + 1 in reasons of `"error":"…","field":"…"`; 0: only err_text */
    uint8_t err;     /* enum err */
    bool answered;
};

struct api_request {
    struct api *api;
    struct MHD_Connection *connection;
    const struct api_route *route;
    const char *target; /* what follows the route's path: an id or an EID; lives as the request */
    uint32_t slot, generation;
    uint32_t client;
    bool bulk;
    bool suspended;
    bool throttled; /* suspended until the control thread may have room */
    bool streaming; /* a result stream */
    bool overlong;  /* the line under way is too long: skip to its end */
    bool truncated; /* more lines than API_ITEMS_MAX */
    bool ended;     /* the last line was offered */
    uint64_t received;
    uint32_t line; /* lines seen */
    struct api_text partial;
    struct api_item *items;
    uint32_t item_count, item_cap, outstanding;
    struct api_text reasons;
    /* what is being sent: lines of a bulk, results */
    struct api_text out;
    uint32_t sent; /* items rendered */
    size_t out_at;
    uint64_t after; /* results: the last sequence rendered */
    uint64_t wrote_ms;
    bool wait;
};

/* Offers one item. ERR_THROTTLED: not taken, again later. */
typedef enum err api_offer(struct api_request *request, struct span text, uint64_t cookie,
                           struct job_fault *fault);
/* Answers a request that takes no body, or whose one item was answered. */
typedef enum MHD_Result api_respond(struct api_request *request);
/* HTTP status of an item. */
typedef unsigned api_status(enum err err, uint64_t id);

struct api_route {
    const char *method;
    const char *path; /* ends with "/" when a target follows */
    bool open;        /* no token asked */
    bool single, bulk;
    api_offer *offer;   /* NULL: no body */
    api_status *status; /* of an item */
    api_respond *respond;
};

struct api_token {
    char bytes[API_TOKEN_MAX]; /* zero-filled */
};

struct api {
    const struct config_api *config;
    const struct api_ops *ops;
    struct job_rules rules;
    struct MHD_Daemon *daemon;
    struct api_token *tokens; /* CONFIG_CLIENTS_MAX of them, in locked memory */
    struct job job;           /* the one being read */
    struct api_job view;      /* the one being shown */
    bool draining;
    uint32_t active, throttled, streaming;
    struct api_request *requests[API_REQUESTS_MAX];
    uint16_t generations[API_REQUESTS_MAX];
};

/* api_token.c */
MUST_CHECK enum err api_tokens_read(struct api *api, struct fault *fault);
/* The client whose token the Authorization header shows; ERR_DENIED. */
MUST_CHECK enum err api_token_find(const struct api *api, const char *authorization,
                                   uint32_t *client);

/* api_reply.c. Each queues a response; MHD_NO closes the connection. */
enum MHD_Result api_reply_text(struct api_request *request, unsigned status, const char *type,
                               struct api_text *text); /* takes the text */
enum MHD_Result api_reply_error(struct api_request *request, unsigned status, const char *error);
enum MHD_Result api_reply_item(struct api_request *request); /* the one item of a single */
enum MHD_Result api_reply_stream(struct api_request *request, MHD_ContentReaderCallback read);
enum MHD_Result api_reply_items(struct api_request *request);
/* `"error":"…","field":"…"` */
void api_reason_write(struct api_text *out, const char *error, const char *field);
void api_suspend(struct api_request *request);
void api_resume(struct api_request *request);

/* api_upload.c */
/* Takes what it can of an upload; how much. Suspends the request when throttled. */
size_t api_upload(struct api_request *request, const char *data, size_t len);
/* The upload is over: the last line, or the one object. False: throttled. */
bool api_upload_end(struct api_request *request);

/* api_jobs.c, api_devices.c, api_results.c, api_status.c: the resources */
api_offer api_job_offer, api_device_offer;
api_status api_job_status, api_device_status;
api_respond api_job_get, api_job_delete, api_device_get, api_device_delete, api_device_list,
    api_results, api_metrics, api_health, api_ready;
void api_answers_write(struct api_text *out, const struct record_result *result);
/* Whether a suspended result stream has something to do. */
bool api_results_due(const struct api_request *request);

/* Cookie of an item, so that an answer finds it, or nothing when the client has gone. */
uint64_t api_cookie(const struct api_request *request, uint32_t item);
/* Appends an item and returns its index. */
uint32_t api_item_add(struct api_request *request);

#endif
