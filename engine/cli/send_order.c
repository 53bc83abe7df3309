/* `starling send EID …`: one job from the shell, through the API, awaited and shown. */
#include "engine/cli/cli.h"

#include "engine/cli/api_client.h"
#include "engine/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_DEFAULT_S 600u
#define WAIT_MAX_S 2678400u
#define LOOK_FIRST_MS 100u
#define LOOK_LAST_MS 2000u

static const char usage[] =
    "usage: starling send EID --script HEX[,HEX...] | --audit | --delete-profile AID [OPTIONS]\n"
    "  --script HEX[,HEX...]  C-APDUs, in order\n"
    "  --audit                what the eUICC holds (SGP.02 eUICCCapabilityAudit)\n"
    "  --delete-profile AID   the ISD-P's AID, 32 hexadecimal digits, or its TAR, 6\n"
    "  --tar HEX --kvn N --spi HEX     security domain, key set, SPI of a script\n"
    "  --priority 0..3 --idempotent --key TEXT --expires-in SECONDS\n"
    "  --no-wait              print the job's id and leave\n"
    "  --timeout SECONDS      how long to wait for its result; 600\n"
    "  --json                 the job as the API shows it\n";

struct order {
    const char *eid;
    json_t *job;
    bool typed; /* a type was given */
    bool wait, json;
    uint64_t timeout_s;
};

/* A number of one's own range; the API judges the rest. */
static bool number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return end != text && *end == '\0' && text[0] != '-' && *out <= most;
}

static bool add_number(struct order *order, const char *member, const char *text)
{
    uint64_t value;
    if (!number(text, INT32_MAX, &value))
        return false;
    return json_object_set_new(order->job, member, json_integer((json_int_t)value)) == 0;
}

static bool add_text(struct order *order, const char *member, const char *text)
{
    json_t *value = json_string(text); /* NULL: not UTF-8 */
    return value != NULL && json_object_set_new(order->job, member, value) == 0;
}

static bool set_type(struct order *order, const char *type)
{
    bool once = !order->typed;
    order->typed = true;
    return once && add_text(order, "type", type);
}

static bool add_script(struct order *order, const char *list)
{
    json_t *script = json_array();
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        json_array_append_new(script, json_stringn(at, len));
        at += len;
        if (*at == '\0')
            break;
    }
    return json_object_set_new(order->job, "script", script) == 0 && set_type(order, "script");
}

/* One option of our own and its value; *index moves past both. False: misuse. */
static bool take_option(struct order *order, int argc, char **argv, int *index)
{
    static const struct {
        const char *name;
        const char *member;
        char kind; /* t text, n number, f flag, and those with a meaning of their own */
    } table[] = {
        { "--script", "script", 's' },
        { "--audit", "audit", 'a' },
        { "--delete-profile", "isdpAid", 'd' },
        { "--tar", "tar", 't' },
        { "--kvn", "kvn", 'n' },
        { "--spi", "spi", 't' },
        { "--priority", "priority", 'n' },
        { "--idempotent", "idempotent", 'f' },
        { "--key", "key", 't' },
        { "--expires-in", "expiresIn", 'n' },
        { "--wait", "", 'w' },
        { "--no-wait", "", 'W' },
        { "--timeout", "", 'T' },
        { "--json", "", 'j' },
    };
    const char *given = argv[(*index)++];
    size_t i = 0;
    while (i < COUNT(table) && strcmp(table[i].name, given) != 0)
        i++;
    if (i == COUNT(table))
        return false;
    const char *value = "";
    if (strchr("sdtnT", table[i].kind) != NULL) {
        if (*index >= argc)
            return false;
        value = argv[(*index)++];
    }
    switch (table[i].kind) {
    case 's':
        return add_script(order, value);
    case 'a':
        return set_type(order, "audit");
    case 'd':
        return add_text(order, "isdpAid", value) && set_type(order, "delete-profile");
    case 't':
        return add_text(order, table[i].member, value);
    case 'n':
        return add_number(order, table[i].member, value);
    case 'f':
        return json_object_set_new(order->job, table[i].member, json_true()) == 0;
    case 'w':
    case 'W':
        order->wait = table[i].kind == 'w';
        return true;
    case 'T':
        return number(value, WAIT_MAX_S, &order->timeout_s);
    default:
        order->json = true;
        return true;
    }
}

/* The call's body as JSON; NULL with the fault set. */
static json_t *call(struct api_client *client, const char *method, const char *path,
                    struct span body, struct fault *fault)
{
    struct api_answer answer;
    if (api_client_call(client, method, path, body.len > 0 ? "application/json" : NULL, body,
                        &answer, fault) != ERR_OK)
        return NULL;
    json_t *object = NULL;
    if (api_answer_check(&answer, fault) == ERR_OK) {
        object = json_loads(answer.body, 0, NULL);
        if (!json_is_object(object))
            fault_set(fault, "the answer is no JSON object; does an engine listen there?");
    }
    api_answer_drop(&answer);
    return object;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

static void show(const struct order *order, const json_t *job)
{
    size_t i;
    json_t *response;
    if (order->json) {
        json_dumpf(job, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
        return;
    }
    const char *outcome = text_of(job, "outcome");
    printf("job %s: %s", text_of(job, "id"), outcome[0] != '\0' ? outcome : text_of(job, "state"));
    if (text_of(job, "reason")[0] != '\0')
        printf(" (%s)", text_of(job, "reason"));
    if (text_of(job, "porStatus")[0] != '\0')
        printf(", PoR status %s", text_of(job, "porStatus"));
    printf(", %zu short messages sent\n", json_array_size(json_object_get(job, "attempts")));
    json_array_foreach(json_object_get(job, "responses"), i, response)
    {
        const char *octets = json_string_value(response);
        size_t len = octets != NULL ? strlen(octets) : 0;
        if (len >= 4)
            printf("  R-APDU %zu: SW %s %.*s\n", i + 1, octets + len - 4, (int)(len - 4), octets);
    }
    if (text_of(job, "answer")[0] != '\0')
        printf("  response data: %s\n", text_of(job, "answer"));
}

static uint64_t now_ms(void)
{
    return clock_now_ns() / 1000000;
}

/* Looks again and again, ever less often, until the job is final or time is up. */
static json_t *await(struct api_client *client, const struct order *order, const char *id,
                     struct fault *fault)
{
    char path[64];
    uint64_t end_ms = now_ms() + order->timeout_s * 1000, pause_ms = LOOK_FIRST_MS;
    snprintf(path, sizeof path, "/v1/jobs/%.40s", id);
    for (;;) {
        json_t *job = call(client, "GET", path, span_of(NULL, 0), fault);
        if (job == NULL || strcmp(text_of(job, "state"), "final") == 0 || now_ms() >= end_ms)
            return job;
        json_decref(job);
        struct timespec pause = { (time_t)(pause_ms / 1000), (long)(pause_ms % 1000) * 1000000 };
        nanosleep(&pause, NULL);
        pause_ms = pause_ms * 2 < LOOK_LAST_MS ? pause_ms * 2 : LOOK_LAST_MS;
    }
}

static int send_order(struct api_client *client, const struct order *order, struct fault *fault)
{
    char *body = json_dumps(order->job, JSON_COMPACT);
    ASSERT(body != NULL);
    json_t *job = call(client, "POST", "/v1/jobs", span_text(body), fault);
    free(body);
    if (job == NULL)
        return CLI_FAILED;
    if (order->wait) {
        char id[41];
        snprintf(id, sizeof id, "%.40s", text_of(job, "id"));
        json_decref(job);
        job = await(client, order, id, fault);
        if (job == NULL)
            return CLI_FAILED;
    }
    bool done = !order->wait || strcmp(text_of(job, "outcome"), "executed") == 0;
    if (order->wait || order->json)
        show(order, job);
    else
        printf("job %s accepted\n", text_of(job, "id"));
    if (order->wait && strcmp(text_of(job, "state"), "final") != 0)
        fault_set(fault, "no result after %" PRIu64 " s; the job goes on: GET /v1/jobs/%s",
                  order->timeout_s, text_of(job, "id"));
    json_decref(job);
    return done ? CLI_DONE : CLI_FAILED;
}

static int misuse(struct order *order, FILE *out)
{
    fputs(usage, out);
    fputs(api_client_usage, out);
    json_decref(order->job);
    return out == stdout ? CLI_DONE : CLI_USAGE;
}

int cli_send(int argc, char **argv)
{
    struct api_client_options options = api_client_defaults();
    struct order order = { .job = json_object(), .wait = true, .timeout_s = WAIT_DEFAULT_S };
    struct api_client *client = NULL;
    struct fault fault = { "" };
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0)
            return misuse(&order, stdout);
        if (api_client_option_take(&options, argc, argv, &i, &fault))
            continue;
        if (fault.text[0] != '\0') {
            fprintf(stderr, "starling send: %s\n", fault.text);
            return misuse(&order, stderr);
        }
        if (argv[i][0] != '-' && order.eid == NULL) {
            order.eid = argv[i++];
        } else if (argv[i][0] != '-' || !take_option(&order, argc, argv, &i)) {
            return misuse(&order, stderr);
        }
    }
    if (order.eid == NULL || !order.typed || !add_text(&order, "eid", order.eid))
        return misuse(&order, stderr);
    int code = CLI_FAILED;
    if (api_client_open(&options, &client, &fault) == ERR_OK) {
        code = send_order(client, &order, &fault);
        api_client_close(client);
    }
    if (fault.text[0] != '\0')
        fprintf(stderr, "starling send: %s\n", fault.text);
    json_decref(order.job);
    return code;
}
