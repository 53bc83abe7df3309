/* A client of the engine's own HTTP API, for the commands that talk to a running engine.
 *
 *   struct api_client_options options = api_client_defaults();
 *   while an argument is left: api_client_option_take(&options, argc, argv, &index) or one's own
 *   api_client_open(&options, &client, &fault); api_client_call(…); api_answer_drop; …_close
 *
 * Where the engine listens and which token to show come from the configuration's `api` section
 * (its first client), or from --url and --token-file. Blocking: command line only. */
#ifndef ENGINE_CLI_API_CLIENT_H
#define ENGINE_CLI_API_CLIENT_H

#include "base/fault.h"
#include "base/span.h"

#define API_CLIENT_CONFIG "starling.yaml" /* when neither --config nor --url is given */

struct api_client_options {
    const char *config;     /* --config FILE */
    const char *url;        /* --url http://HOST:PORT */
    const char *token_file; /* --token-file FILE */
};

struct api_client_options api_client_defaults(void);

/* Takes argv[*index], and its value, when it is one of the three options (`--x V` or `--x=V`), and
 * moves *index past it. False: not one of them, or without value (`fault` is then set). */
bool api_client_option_take(struct api_client_options *options, int argc, char **argv, int *index,
                            struct fault *fault);

/* The lines of a usage text that explain the three. */
extern const char api_client_usage[];

struct api_client;

/* Reads configuration and token; connects at the first call. ERR_IO or ERR_MALFORMED with `fault`.
 */
MUST_CHECK enum err api_client_open(const struct api_client_options *options,
                                    struct api_client **out, struct fault *fault);
void api_client_close(struct api_client *client);

struct api_answer {
    long status; /* HTTP */
    char *body;  /* NUL-terminated; never NULL after ERR_OK */
    size_t len;
};

/* One exchange. `method` is "GET", "POST", "PUT" or "DELETE"; `path` starts with "/"; `body` may be
 * empty; `type` is its media type or NULL. ERR_OK whatever the status is; ERR_UNREACHABLE when
 * there is no answer, with `fault` saying where and what to check. Free with api_answer_drop. */
MUST_CHECK enum err api_client_call(struct api_client *client, const char *method, const char *path,
                                    const char *type, struct span body, struct api_answer *out,
                                    struct fault *fault);

/* For a status outside 2xx: sets `fault` from the answer's "error" member, or from the status.
 * ERR_OK for 2xx; else ERR_UNKNOWN (404), ERR_CONFLICT (409), ERR_DENIED (401, 403), ERR_THROTTLED
 * (429, 503), ERR_REFUSED. */
MUST_CHECK enum err api_answer_check(const struct api_answer *answer, struct fault *fault);

void api_answer_drop(struct api_answer *answer);

#endif
