/* The settings as a table: one row each, by section of the YAML file. What reads the file, what
 * checks deploy/starling.yaml and what prints "accepted" all go by these rows. */
#ifndef ENGINE_CONFIG_SCHEMA_H
#define ENGINE_CONFIG_SCHEMA_H

#include "engine/config.h"

#include <stddef.h>

enum setting_kind {
    SETTING_NAME,    /* lower-case letters, digits, - and _ */
    SETTING_TEXT,    /* least..most octets, printable */
    SETTING_PATH,    /* absolute */
    SETTING_DIGITS,  /* decimal digits, least..most of them */
    SETTING_UINT,    /* least..most */
    SETTING_SECONDS, /* number and unit; least, most and the field in seconds */
    SETTING_MILLIS,  /* number and unit; least, most and the field in milliseconds */
    SETTING_MEGA,    /* size with M or G; least, most and the field in MiB */
    SETTING_IP,      /* of either family: a struct ip_addr, like all of these */
    SETTING_IP4,     /* "192.0.2.1", or "none" */
    SETTING_IP6,     /* "2001:db8::1", or "none" */
    SETTING_IP4_NET, /* "192.0.2.1/24", or "none"; the length in `second` */
    SETTING_IP6_NET, /* "2001:db8::1/64", or "none"; likewise */
    SETTING_PREFIX,  /* an address with or without "/n", of either family; the length in `second` */
    SETTING_HOST,    /* IPv4 or IPv6 address, kept as text */
    SETTING_BOOL,    /* true, false */
    SETTING_CHOICE,  /* one of `choices`, the field is an enum */
    SETTING_AUTO,    /* a number, or "auto": CONFIG_AUTO */
    SETTING_CPU_LIST, /* [1, 2]: uint32_t array of `most`, its count in `second` */
    SETTING_LIST,     /* the same of numbers below `most`; `initial` is the only entry */
};

struct setting {
    const char *key;
    enum setting_kind kind;
    uint8_t width; /* octets of the field, for numbers */
    uint64_t least, most;
    const char *initial; /* as written in the file; NULL: must be given */
    const char *const *choices;
    size_t offset, second; /* in the section's struct */
    const char *help;      /* one line; also the comment in deploy/starling.yaml */
};

enum section_id {
    SECTION_ROOT,
    SECTION_CORES,
    SECTION_MEMORY,
    SECTION_PORTS,
    SECTION_TCP,
    SECTION_IMPAIR,
    SECTION_IMPAIR_RX,
    SECTION_IMPAIR_TX,
    SECTION_PEERS,
    SECTION_ACCOUNTS,
    SECTION_ROUTES,
    SECTION_API,
    SECTION_CLIENTS,
    SECTION_JOBS,
    SECTION_COUNT,
};

struct section {
    const char *key; /* in its parent; "" for the root */
    enum section_id parent;
    uint32_t least, most; /* elements of a sequence; most 0: a plain mapping */
    size_t offset, count; /* in the parent's struct: where it lies, how many there are */
    size_t size;          /* of one element */
    const struct setting *settings;
    uint32_t setting_count;
    const char *help;
};

extern const struct section config_sections[SECTION_COUNT];

/* What a row accepts, as a phrase: "a number from 1 to 16". */
void setting_accepts(const struct setting *setting, char *out, size_t cap);

/* Reads one scalar into the section's struct. False when it is not acceptable. */
MUST_CHECK bool setting_read(const struct setting *setting, const char *text, void *base);

/* Checks between settings. The line of what they complain about is asked for by path, for example
 * "routes[2].account". */
struct config_where {
    const char *path;
    const void *document;
};
MUST_CHECK enum err config_cross_check(const struct config *config,
                                       const struct config_where *where, struct fault *fault);

/* Part of it: whether ports and SMSCs can have their addresses, and reach each other. */
MUST_CHECK enum err config_net_check(const struct config *config, const struct config_where *where,
                                     struct fault *fault);

/* Line of a setting in the file, or of the nearest that encloses it; from 1. */
uint32_t config_line(const struct config_where *where, const char *setting);

#endif
