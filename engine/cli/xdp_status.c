/* An interface's program, queues, counters, peers, shed sources and drop list: as JSON, and from the
 * same JSON as text. */
#include "engine/cli/xdp_status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SHED_SHOWN 10u
#define LISTED_SHOWN 20u /* in the text; JSON has all */
#define SECOND_NS 1e9

static const char *const queue_modes[] = { [STEER_QUEUE_NONE] = "no socket",
                                           [STEER_QUEUE_COPY] = "copy",
                                           [STEER_QUEUE_ZERO_COPY] = "zero-copy" };

static json_t *prefix_json(const struct steer_row *row)
{
    char text[IP_TEXT_CAP], out[IP_TEXT_CAP + 4];
    ip_write(row->addr, text);
    if (row->prefix_len == (ip_is_v4(row->addr) ? 32 : 128))
        return json_string(text);
    snprintf(out, sizeof out, "%s/%u", text, row->prefix_len);
    return json_string(out);
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static void add_address(void *ctx, const struct steer_row *row)
{
    json_array_append_new(ctx, prefix_json(row));
}

static void add_listed(void *ctx, const struct steer_row *row)
{
    json_array_append_new(ctx, json_pack("{so ss so}", "prefix", prefix_json(row), "verdict",
                                         row->kind == STEER_DROP ? "drop" : "allow", "dropped",
                                         number(row->shed)));
}

static void add_peer(void *ctx, const struct steer_row *row)
{
    double rate = row->gap_ns > 0 ? SECOND_NS / (double)row->gap_ns : 0;
    json_array_append_new(ctx, json_pack("{ss so so so so}", "name", row->name, "prefix",
                                         prefix_json(row), "rate", number((uint64_t)(rate + 0.5)),
                                         "passed", number(row->passed), "shed", number(row->shed)));
}

/* The worst first; the least of them goes when there are too many. */
struct worst {
    struct steer_row rows[SHED_SHOWN];
    uint32_t count;
    uint64_t sources;
};

static void keep_worst(void *ctx, const struct steer_row *row)
{
    struct worst *worst = ctx;
    worst->sources++;
    uint32_t at = worst->count;
    while (at > 0 && worst->rows[at - 1].shed < row->shed)
        at--;
    if (at == SHED_SHOWN)
        return;
    if (worst->count < SHED_SHOWN)
        worst->count++;
    memmove(&worst->rows[at + 1], &worst->rows[at],
            (worst->count - 1 - at) * sizeof worst->rows[0]);
    worst->rows[at] = *row;
}

static json_t *shed_json(const struct steer_view *view)
{
    struct worst worst = { .count = 0 };
    json_t *out = json_array();
    steer_view_shed(view, keep_worst, &worst);
    for (uint32_t i = 0; i < worst.count; i++)
        json_array_append_new(
            out, json_pack("{so ss so so}", "source", prefix_json(&worst.rows[i]), "kind",
                           worst.rows[i].kind == STEER_LINK ? "neighbour" : "traffic", "passed",
                           number(worst.rows[i].passed), "shed", number(worst.rows[i].shed)));
    return json_pack("{so so}", "count", number(worst.sources), "worst", out);
}

static json_t *queues_json(const struct steer_view *view, const struct steer_settings *settings)
{
    json_t *out = json_array();
    for (uint32_t q = 0; q < STEER_QUEUES_MAX; q++) {
        struct steer_queue queue = steer_view_queue(view, q);
        uint8_t mode = settings->queue_mode[q];
        if (q < settings->queue_count || queue.redirected + queue.no_socket > 0)
            json_array_append_new(out,
                                  json_pack("{si ss so so}", "queue", (int)q, "socket",
                                            mode <= STEER_QUEUE_ZERO_COPY ? queue_modes[mode] : "?",
                                            "redirected", number(queue.redirected), "no_socket",
                                            number(queue.no_socket)));
    }
    return out;
}

static json_t *rows_json(const struct steer_view *view, steer_row_each *each,
                         void (*walk)(const struct steer_view *, steer_row_each *, void *))
{
    json_t *out = json_array();
    walk(view, each, out);
    return out;
}

static json_t *view_json(const struct steer_view *view)
{
    struct steer_settings settings = steer_view_settings(view);
    struct steer_attached attached = steer_view_attached(view);
    double gap = (double)settings.source_gap_ns;
    json_t *counters = json_object();
    for (uint32_t c = 0; c < STEER_COUNTER_COUNT; c++)
        json_object_set_new(counters, steer_counter_label(c), number(steer_view_counter(view, c)));
    return json_pack("{ss sb si so so so so so so so so so so}", "interface", view->interface,
                     "engine_alive", steer_view_is_owned(view), "pid", (int)settings.pid, "program",
                     attached.id == 0
                         ? json_null()
                         : json_pack("{si ss ss}", "id", (int)attached.id, "mode", attached.mode,
                                     "attached",
                                     attached.is_shared ? "by libxdp's dispatcher" : "alone"),
                     "vlan", number(settings.vlan), "addresses",
                     rows_json(view, add_address, steer_view_addresses), "source_rate",
                     number(gap > 0 ? (uint64_t)(SECOND_NS / gap + 0.5) : 0), "source_burst",
                     number(gap > 0 ? settings.source_burst_ns / settings.source_gap_ns + 1 : 0),
                     "queues", queues_json(view, &settings), "counters", counters, "peers",
                     rows_json(view, add_peer, steer_view_peers), "shed", shed_json(view), "listed",
                     rows_json(view, add_listed, steer_view_listed));
}

/* ---- Text -------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_head(const json_t *view)
{
    const json_t *program = json_object_get(view, "program"), *addresses, *address;
    size_t i;
    bool alive = json_is_true(json_object_get(view, "engine_alive"));
    printf("interface   %s\n", text_of(view, "interface"));
    printf("engine      pid %lld%s\n", number_of(view, "pid"),
           alive ? ""
           : json_is_null(program)
               ? ", gone, and its program, too: the next engine clears this away"
               : ", gone (killed?): what is for its addresses is dropped until "
                 "the next start");
    if (json_is_null(program))
        printf("program     none of ours on the interface: everything goes to the kernel\n");
    else
        printf("program     id %lld, %s, %s\n", number_of(program, "id"), text_of(program, "mode"),
               text_of(program, "attached"));
    printf("addresses  ");
    addresses = json_object_get(view, "addresses");
    json_array_foreach(addresses, i, address) printf(" %s", json_string_value(address));
    if (number_of(view, "vlan") > 0)
        printf(" on VLAN %lld", number_of(view, "vlan"));
    if (number_of(view, "source_rate") > 0)
        printf("\nper source  %lld packets/s, %lld at once\n", number_of(view, "source_rate"),
               number_of(view, "source_burst"));
    else
        printf("\nper source  no limit\n");
}

static void print_lists(const json_t *view)
{
    const json_t *row, *list = json_object_get(view, "peers");
    size_t i;
    printf("peers       %zu\n", json_array_size(list));
    json_array_foreach(list, i, row)
    {
        printf("  %-20s %-24s passed %lld, shed %lld", text_of(row, "name"), text_of(row, "prefix"),
               number_of(row, "passed"), number_of(row, "shed"));
        printf(number_of(row, "rate") > 0 ? ", %lld/s\n" : ", no limit\n", number_of(row, "rate"));
    }
    printf("shed        %lld sources\n", number_of(json_object_get(view, "shed"), "count"));
    list = json_object_get(json_object_get(view, "shed"), "worst");
    json_array_foreach(list, i, row)
        printf("  %-30s %-10s shed %lld, passed %lld\n", text_of(row, "source"),
               text_of(row, "kind"), number_of(row, "shed"), number_of(row, "passed"));
    list = json_object_get(view, "listed");
    printf("drop list   %zu entries\n", json_array_size(list));
    json_array_foreach(list, i, row)
    {
        if (i == LISTED_SHOWN) {
            printf("  … and %zu more; --json shows all\n", json_array_size(list) - LISTED_SHOWN);
            break;
        }
        printf("  %-30s %-6s", text_of(row, "prefix"), text_of(row, "verdict"));
        printf(strcmp(text_of(row, "verdict"), "drop") == 0 ? " dropped %lld\n" : "\n",
               number_of(row, "dropped"));
    }
}

static void print_view(const json_t *view)
{
    const json_t *row, *list = json_object_get(view, "queues"),
                       *counters = json_object_get(view, "counters");
    size_t i;
    print_head(view);
    printf("queues\n");
    json_array_foreach(list, i, row) printf(
        "  %-4lld %-10s redirected %lld, lost for want of a socket %lld\n", number_of(row, "queue"),
        text_of(row, "socket"), number_of(row, "redirected"), number_of(row, "no_socket"));
    printf("counters\n");
    for (uint32_t c = 0; c < STEER_COUNTER_COUNT; c++)
        printf("  %-18s %12lld  %s\n", steer_counter_label(c),
               number_of(counters, steer_counter_label(c)), steer_counter_help(c));
    print_lists(view);
}

bool xdp_status(const struct steer_view *views, uint32_t count, bool json)
{
    json_t *all = json_array();
    const json_t *view;
    size_t i;
    for (uint32_t v = 0; v < count; v++)
        json_array_append_new(all, view_json(&views[v]));
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        json_array_foreach(all, i, view)
        {
            if (i > 0)
                putchar('\n');
            print_view(view);
        }
    }
    json_decref(all);
    return fflush(stdout) == 0 && !ferror(stdout);
}
