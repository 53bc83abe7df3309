/* starling xdp status|drop|allow: the XDP program of a running engine, by its pinned maps. */
#include "engine/cli/cli.h"
#include "engine/cli/xdp_status.h"

#include <stdio.h>
#include <string.h>

#define INTERFACES_MAX 16

static const char usage[] =
    "usage: starling xdp status [--interface NAME] [--json]   what reaches the engine, what is "
    "shed\n"
    "       starling xdp drop  PREFIX... [--interface NAME] [--json]\n"
    "       starling xdp allow PREFIX... [--interface NAME] [--json]\n\n"
    "  PREFIX            an IPv4 or IPv6 address, or a prefix: 192.0.2.7, 2001:db8::/32\n"
    "  --interface NAME  of that interface alone; else of all that engines have\n"
    "  --json            for programs\n\n"
    "After drop nothing from the prefix reaches the engine, after allow all of it does, whatever "
    "was\n"
    "said before; packets for the kernel are never touched. The list lives as long as the engine: "
    "a\n"
    "restart after a kill keeps it, one after an orderly end begins with none. Needs root.\n";

struct xdp_arguments {
    const char *action, *interface;
    bool json;
    char **prefixes;
    int prefix_count;
};

static int misused(const char *text)
{
    fprintf(stderr, "starling xdp: %s\n\n%s", text, usage);
    return CLI_USAGE;
}

static int failed(const struct fault *fault)
{
    fprintf(stderr, "starling xdp: %s\n", fault->text);
    return CLI_FAILED;
}

static bool arguments_read(int argc, char **argv, struct xdp_arguments *out)
{
    *out = (struct xdp_arguments){ .action = argv[1], .prefixes = argv + 2 };
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            out->json = true;
        else if (strcmp(argv[i], "--interface") == 0 && i + 1 < argc)
            out->interface = argv[++i];
        else if (argv[i][0] == '-')
            return false;
        else
            out->prefixes[out->prefix_count++] = argv[i];
    }
    return true;
}

/* The interface asked for, or all there are. */
static uint32_t views_open(const struct xdp_arguments *arguments, struct steer_view *views,
                           struct fault *fault)
{
    char names[INTERFACES_MAX][IF_NAMESIZE];
    uint32_t count = 1, opened = 0;
    if (arguments->interface == NULL)
        count = steer_view_list(names, INTERFACES_MAX, fault);
    else
        snprintf(names[0], IF_NAMESIZE, "%s", arguments->interface);
    while (opened < count && steer_view_open(&views[opened], names[opened], fault))
        opened++;
    if (opened == count)
        return count;
    while (opened > 0)
        steer_view_close(&views[--opened]);
    return 0;
}

static bool prefix_read(const char *text, struct ip_addr *addr, uint8_t *len)
{
    if (!ip_read(text, addr))
        return ip_prefix_read(text, addr, len);
    *len = ip_is_v4(*addr) ? 32 : 128;
    return true;
}

/* All prefixes are read before the first is acted upon. */
static bool prefixes_sound(const struct xdp_arguments *arguments, struct fault *fault)
{
    struct ip_addr addr;
    uint8_t len;
    for (int i = 0; i < arguments->prefix_count; i++)
        if (!prefix_read(arguments->prefixes[i], &addr, &len)) {
            fault_set(fault, "\"%s\" is neither an address nor a prefix, like 192.0.2.0/24",
                      arguments->prefixes[i]);
            return false;
        }
    return true;
}

static bool prefix_edit(const struct xdp_arguments *arguments, const struct steer_view *view,
                        const char *text, struct fault *fault)
{
    struct ip_addr addr;
    uint8_t len;
    bool changed, is_drop = strcmp(arguments->action, "drop") == 0;
    if (!prefix_read(text, &addr, &len))
        return false;
    enum err err = is_drop ? steer_view_drop(view, addr, len, &changed)
                           : steer_view_allow(view, addr, len, &changed);
    if (err == ERR_UNSUPPORTED)
        fault_set(fault, "%s holds the IPv4-mapped addresses, so all of IPv4: not done", text);
    else if (err != ERR_OK)
        fault_set(fault, "%s on %s: %s", text, view->interface,
                  err == ERR_FULL ? "the drop list is full, or you may not write to it"
                                  : err_text(err));
    if (err != ERR_OK)
        return false;
    if (arguments->json)
        printf(
            "{\"interface\": \"%s\", \"prefix\": \"%s\", \"verdict\": \"%s\", \"changed\": %s}\n",
            view->interface, text, arguments->action, changed ? "true" : "false");
    else
        printf("%s: %s %s%s\n", view->interface, text, is_drop ? "is dropped" : "is let through",
               changed ? "" : ", as it was before");
    return true;
}

static int act(const struct xdp_arguments *arguments, const struct steer_view *views,
               uint32_t count)
{
    struct fault fault = { "" };
    if (strcmp(arguments->action, "status") == 0)
        return xdp_status(views, count, arguments->json) ? CLI_DONE : CLI_FAILED;
    for (uint32_t v = 0; v < count; v++)
        for (int i = 0; i < arguments->prefix_count; i++)
            if (!prefix_edit(arguments, &views[v], arguments->prefixes[i], &fault))
                return failed(&fault);
    return CLI_DONE;
}

int cli_xdp(int argc, char **argv)
{
    struct xdp_arguments arguments;
    struct steer_view views[INTERFACES_MAX];
    struct fault fault = { "" };
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return CLI_DONE;
    }
    if (argc < 2)
        return misused("status, drop or allow?");
    bool is_status = strcmp(argv[1], "status") == 0;
    if (!is_status && strcmp(argv[1], "drop") != 0 && strcmp(argv[1], "allow") != 0)
        return misused("status, drop and allow are what there is");
    if (!arguments_read(argc, argv, &arguments))
        return misused("an option that is none, or lacks its value");
    if (is_status != (arguments.prefix_count == 0))
        return misused(is_status ? "status takes no prefix" : "of which address or prefix?");
    if (!prefixes_sound(&arguments, &fault)) {
        failed(&fault);
        return CLI_USAGE;
    }
    uint32_t count = views_open(&arguments, views, &fault);
    if (count == 0)
        return failed(&fault);
    int status = act(&arguments, views, count);
    for (uint32_t v = 0; v < count; v++)
        steer_view_close(&views[v]);
    return status;
}
