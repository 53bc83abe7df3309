/* HTTP to a running engine, by libcurl: one connection, kept between calls. */
#include "engine/cli/api_client.h"

#include "crypto/ct.h"
#include "engine/config.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_MAX 256
#define ANSWER_MAX ((size_t)512 << 20)
#define CONNECT_TIMEOUT_S 10L

const char api_client_usage[] =
    "  --config FILE       where the engine listens and its first client's token (starling.yaml)\n"
    "  --url URL           instead: http://HOST:PORT of the engine\n"
    "  --token-file FILE   instead: a file with the bearer token\n";

struct api_client {
    CURL *curl;
    struct curl_slist *auth;
    char url[256];
    bool global;
};

struct api_client_options api_client_defaults(void)
{
    return (struct api_client_options){ 0 };
}

bool api_client_option_take(struct api_client_options *options, int argc, char **argv, int *index,
                            struct fault *fault)
{
    struct {
        const char *name;
        const char **value;
    } known[] = { { "--config", &options->config },
                  { "--url", &options->url },
                  { "--token-file", &options->token_file } };
    const char *arg = argv[*index];
    for (size_t i = 0; i < COUNT(known); i++) {
        size_t len = strlen(known[i].name);
        if (strncmp(arg, known[i].name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
            continue;
        if (arg[len] == '=') {
            *known[i].value = arg + len + 1;
        } else if (*index + 1 < argc) {
            *known[i].value = argv[++*index];
        } else {
            fault_set(fault, "%s needs a value", known[i].name);
            return false;
        }
        ++*index;
        return true;
    }
    return false;
}

static enum err token_load(struct api_client *client, const char *path, struct fault *fault)
{
    char line[TOKEN_MAX + 2] = "", header[TOKEN_MAX + 32];
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) {
        fault_set(fault, "%s: no API token could be read: %s", path,
                  file == NULL ? strerror(errno) : "the file is empty");
        if (file != NULL)
            fclose(file);
        return ERR_IO;
    }
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || strlen(line) > TOKEN_MAX) {
        fault_set(fault, "%s: holds no API token; accepted: one line of at most %d characters",
                  path, TOKEN_MAX);
        return ERR_MALFORMED;
    }
    snprintf(header, sizeof header, "Authorization: Bearer %s", line);
    client->auth = curl_slist_append(NULL, header);
    wipe(line, sizeof line);
    wipe(header, sizeof header);
    return client->auth != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* What the command line left open comes from the configuration. */
static enum err settle(struct api_client *client, const struct api_client_options *options,
                       struct fault *fault)
{
    struct config *config = NULL;
    enum err err = ERR_OK;
    if (options->url == NULL || options->token_file == NULL)
        err = config_load(options->config != NULL ? options->config : API_CLIENT_CONFIG, &config,
                          fault);
    if (err != ERR_OK)
        return err;
    if (options->url != NULL)
        snprintf(client->url, sizeof client->url, "%s", options->url);
    else
        snprintf(client->url, sizeof client->url, "http://%s:%u", config->api.host,
                 config->api.port);
    size_t len = strlen(client->url);
    if (len > 0 && client->url[len - 1] == '/')
        client->url[len - 1] = '\0';
    const char *token = options->token_file;
    if (token == NULL && config->api.client_count > 0)
        token = config->api.clients[0].token_file;
    if (token == NULL) {
        fault_set(fault, "the configuration names no API client; name one, or use --token-file");
        err = ERR_MALFORMED;
    } else {
        err = token_load(client, token, fault);
    }
    config_free(config);
    return err;
}

enum err api_client_open(const struct api_client_options *options, struct api_client **out,
                         struct fault *fault)
{
    struct api_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return ERR_NO_MEMORY;
    client->global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    client->curl = client->global ? curl_easy_init() : NULL;
    enum err err = client->curl != NULL ? settle(client, options, fault) : ERR_NO_MEMORY;
    if (err != ERR_OK) {
        fault_set(fault, "no client could be made: %s", err_text(err));
        api_client_close(client);
        return err;
    }
    *out = client;
    return ERR_OK;
}

void api_client_close(struct api_client *client)
{
    if (client == NULL)
        return;
    if (client->auth != NULL)
        wipe(client->auth->data, strlen(client->auth->data));
    curl_slist_free_all(client->auth);
    curl_easy_cleanup(client->curl);
    if (client->global)
        curl_global_cleanup();
    free(client);
}

/* libcurl's write callback. */
static size_t body_take(char *bytes, size_t size, size_t count, void *arg)
{
    struct api_answer *answer = arg;
    size_t len = size * count;
    if (len > ANSWER_MAX - answer->len)
        return 0;
    char *body = realloc(answer->body, answer->len + len + 1);
    if (body == NULL)
        return 0;
    memcpy(body + answer->len, bytes, len);
    answer->body = body;
    answer->len += len;
    body[answer->len] = '\0';
    return len;
}

/* This call's own headers; Expect is switched off: it costs a round trip. */
static struct curl_slist *headers_of(const struct api_client *client, const char *type)
{
    char header[96];
    snprintf(header, sizeof header, "Content-Type: %s", type != NULL ? type : "");
    struct curl_slist *headers = curl_slist_append(NULL, client->auth->data);
    struct curl_slist *more = headers != NULL ? curl_slist_append(headers, "Expect:") : NULL;
    if (more != NULL)
        more = curl_slist_append(more, header);
    if (more == NULL)
        curl_slist_free_all(headers);
    return more;
}

enum err api_client_call(struct api_client *client, const char *method, const char *path,
                         const char *type, struct span body, struct api_answer *out,
                         struct fault *fault)
{
    char url[sizeof client->url + 512], error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(client, type);
    *out = (struct api_answer){ .body = calloc(1, 1) };
    if (headers == NULL || out->body == NULL) {
        fault_set(fault, "no memory for a request");
        curl_slist_free_all(headers);
        api_answer_drop(out);
        return ERR_NO_MEMORY;
    }
    snprintf(url, sizeof url, "%s%s", client->url, path);
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (body.len > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.bytes : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    curl_slist_free_all(headers);
    if (code == CURLE_OK)
        return ERR_OK;
    fault_set(fault,
              "%s: %s; is the engine running, and is this where it listens (api.host, "
              "api.port)?",
              client->url, error[0] != '\0' ? error : curl_easy_strerror(code));
    api_answer_drop(out);
    return ERR_UNREACHABLE;
}

static enum err err_of(long status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_DENIED;
    case 404:
        return ERR_UNKNOWN;
    case 409:
        return ERR_CONFLICT;
    case 429:
    case 503:
        return ERR_THROTTLED;
    default:
        return ERR_REFUSED;
    }
}

enum err api_answer_check(const struct api_answer *answer, struct fault *fault)
{
    if (answer->status >= 200 && answer->status < 300)
        return ERR_OK;
    json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
    const char *error = json_string_value(json_object_get(json, "error"));
    fault_set(fault, "the engine answered %ld: %s%s", answer->status,
              error != NULL ? error : "no reason given",
              answer->status == 401 ? " (see --token-file)" : "");
    json_decref(json);
    return err_of(answer->status);
}

void api_answer_drop(struct api_answer *answer)
{
    free(answer->body);
    *answer = (struct api_answer){ 0 };
}
