/* Reads the YAML file by the rows of config_schema.c: first the shape, then each value, then what
 * settings say of each other. The document stays loaded until the end, so that every complaint has
 * its line. */
#include "engine/config.h"

#include "engine/config_schema.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define PATH_CAP 96
#define ACCEPTS_CAP 256
#define FILE_MAX (1u << 20)
#define DEPTH_MAX 32u /* settings have five */

struct load {
    const char *file;
    unsigned char *text;
    size_t len;
    yaml_document_t document;
    struct fault *fault;
};

/* Where in the file we are, for people: "accounts[1]." */
struct place {
    enum section_id section;
    char path[PATH_CAP];
    yaml_node_t *node; /* a mapping; NULL: absent, defaults only */
    void *base;        /* its struct */
};

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static enum err refuse(struct load *load, const yaml_node_t *node, const char *path,
                       const char *key, const char *problem, const char *accepts)
{
    char shown[48] = "", where[PATH_CAP];
    snprintf(where, sizeof where, "%.60s%.30s", path, key);
    size_t len = strlen(where);
    if (len > 0 && where[len - 1] == '.')
        where[len - 1] = '\0';
    if (node != NULL && node->type == YAML_SCALAR_NODE)
        snprintf(shown, sizeof shown, " \"%.40s\"", scalar(node));
    fault_set(load->fault, "%s:%zu: %s:%s %s; accepted: %s", load->file,
              node != NULL ? node->start_mark.line + 1 : 1, len > 0 ? where : "the file", shown,
              problem, accepts);
    return ERR_MALFORMED;
}

static yaml_node_t *find(struct load *load, const yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++)
        if (strcmp(scalar(yaml_document_get_node(&load->document, pair->key)), key) == 0)
            return yaml_document_get_node(&load->document, pair->value);
    return NULL;
}

static bool known(enum section_id id, const char *key)
{
    const struct section *section = &config_sections[id];
    for (uint32_t i = 0; i < section->setting_count; i++)
        if (strcmp(section->settings[i].key, key) == 0)
            return true;
    for (int i = 1; i < SECTION_COUNT; i++)
        if (config_sections[i].parent == id && strcmp(config_sections[i].key, key) == 0)
            return true;
    return false;
}

static void list_keys(enum section_id id, char *out, size_t cap)
{
    const struct section *section = &config_sections[id];
    size_t len = 0;
    for (uint32_t i = 0; i < section->setting_count && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "",
                                section->settings[i].key);
    for (int i = 1; i < SECTION_COUNT && len < cap; i++)
        if (config_sections[i].parent == id)
            len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "",
                                    config_sections[i].key);
}

/* Every key is one of ours and comes once. */
static enum err check_keys(struct load *load, const struct place *place)
{
    char keys[ACCEPTS_CAP];
    list_keys(place->section, keys, sizeof keys);
    if (place->node == NULL)
        return ERR_OK;
    if (place->node->type != YAML_MAPPING_NODE)
        return refuse(load, place->node, place->path, "", "is not a mapping of settings", keys);

    yaml_node_pair_t *start = place->node->data.mapping.pairs.start;
    for (yaml_node_pair_t *pair = start; pair < place->node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(&load->document, pair->key);
        if (key->type != YAML_SCALAR_NODE || !known(place->section, scalar(key)))
            return refuse(load, key, place->path, "", "is not a setting", keys);
        for (yaml_node_pair_t *earlier = start; earlier < pair; earlier++)
            if (strcmp(scalar(yaml_document_get_node(&load->document, earlier->key)),
                       scalar(key)) == 0)
                return refuse(load, key, place->path, "", "is given twice", "each setting once");
    }
    return ERR_OK;
}

static enum err read_numbers(struct load *load, const struct place *place,
                             const struct setting *setting, const yaml_node_t *node)
{
    char accepts[ACCEPTS_CAP];
    bool are_cpus = setting->kind == SETTING_CPU_LIST;
    setting_accepts(setting, accepts, sizeof accepts);
    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(load, node, place->path, setting->key, "is not a list", accepts);

    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    uint32_t *list = (uint32_t *)(void *)((char *)place->base + setting->offset), count = 0;
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&load->document, *item);
        const struct setting number = { .kind = SETTING_UINT,
                                        .width = 4,
                                        .most = are_cpus ? CPU_SETSIZE - 1 : setting->most - 1 };
        uint32_t value;
        if (count == setting->most || entry->type != YAML_SCALAR_NODE ||
            !setting_read(&number, scalar(entry), &value))
            return refuse(load, entry, place->path, setting->key, "is not acceptable", accepts);
        if (are_cpus && value >= cpus) {
            snprintf(accepts, sizeof accepts, "CPUs 0 to %ld of this machine", cpus - 1);
            return refuse(load, entry, place->path, setting->key, "does not exist", accepts);
        }
        for (uint32_t i = 0; i < count; i++)
            if (list[i] == value)
                return refuse(load, entry, place->path, setting->key, "is named twice", accepts);
        list[count++] = value;
    }
    if (count == 0)
        return refuse(load, node, place->path, setting->key, "is empty", accepts);
    *(uint32_t *)(void *)((char *)place->base + setting->second) = count;
    return ERR_OK;
}

static bool is_list(const struct setting *setting)
{
    return setting->kind == SETTING_CPU_LIST || setting->kind == SETTING_LIST;
}

/* What is not in the file; of a list, its only entry. */
static void read_initial(const struct place *place, const struct setting *setting)
{
    struct setting one = *setting;
    if (is_list(setting)) {
        one = (struct setting){
            .kind = SETTING_UINT, .width = 4, .offset = setting->offset, .most = setting->most
        };
        *(uint32_t *)(void *)((char *)place->base + setting->second) = 1;
    }
    bool sound = setting_read(&one, setting->initial, place->base);
    ASSERT(sound);
}

static enum err read_setting(struct load *load, const struct place *place,
                             const struct setting *setting)
{
    char accepts[ACCEPTS_CAP];
    setting_accepts(setting, accepts, sizeof accepts);
    const yaml_node_t *node = find(load, place->node, setting->key);
    if (node == NULL) {
        if (setting->initial == NULL)
            return refuse(load, place->node, place->path, setting->key, "is missing", accepts);
        read_initial(place, setting);
        return ERR_OK;
    }
    if (is_list(setting))
        return read_numbers(load, place, setting, node);
    if (node->type != YAML_SCALAR_NODE)
        return refuse(load, node, place->path, setting->key, "is not a single value", accepts);
    if (!setting_read(setting, scalar(node), place->base))
        return refuse(load, node, place->path, setting->key, "is not acceptable", accepts);
    return ERR_OK;
}

/* `cores: auto`: the first CPU we may use for the edge, the next for the worker. */
static void choose_cores(struct config_cores *cores)
{
    cpu_set_t allowed;
    uint32_t found[2] = { 0, 0 }, count = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        for (uint32_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
            if (CPU_ISSET(cpu, &allowed))
                found[count++] = cpu;
    cores->is_auto = true;
    cores->edge[0] = found[0];
    cores->workers[0] = count > 1 ? found[1] : found[0];
    cores->edge_count = cores->worker_count = 1;
    cores->poll = POLL_ADAPTIVE;
}

static enum err read_section(struct load *load, const struct place *place);

static enum err read_list(struct load *load, const struct place *parent, enum section_id id)
{
    const struct section *section = &config_sections[id];
    char accepts[ACCEPTS_CAP];
    snprintf(accepts, sizeof accepts, "a list of %u to %u entries, each starting with \"- \"",
             section->least, section->most);
    const yaml_node_t *node = find(load, parent->node, section->key);
    if (node == NULL && section->least > 0)
        return refuse(load, parent->node, parent->path, section->key, "is missing", accepts);
    if (node == NULL)
        return ERR_OK;
    size_t count = node->type != YAML_SEQUENCE_NODE
                       ? 0
                       : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (node->type != YAML_SEQUENCE_NODE || count < section->least || count > section->most)
        return refuse(load, node, parent->path, section->key, "does not fit", accepts);

    uint32_t *counter = (uint32_t *)(void *)((char *)parent->base + section->count);
    for (size_t i = 0; i < count; i++) {
        struct place place = { .section = id };
        snprintf(place.path, sizeof place.path, "%.40s%s[%zu].", parent->path, section->key, i);
        place.node = yaml_document_get_node(&load->document, node->data.sequence.items.start[i]);
        place.base = (char *)parent->base + section->offset + i * section->size;
        *counter = (uint32_t)i + 1; /* first, so that config_free() sees a half-read one */
        enum err err = read_section(load, &place);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_child(struct load *load, const struct place *parent, enum section_id id)
{
    const struct section *section = &config_sections[id];
    if (section->most > 0)
        return read_list(load, parent, id);

    struct place place = { .section = id, .node = find(load, parent->node, section->key) };
    snprintf(place.path, sizeof place.path, "%.40s%s.", parent->path, section->key);
    place.base = (char *)parent->base + section->offset;
    if (id == SECTION_CORES && (place.node == NULL || (place.node->type == YAML_SCALAR_NODE &&
                                                       strcmp(scalar(place.node), "auto") == 0))) {
        choose_cores(place.base);
        return ERR_OK;
    }
    return read_section(load, &place);
}

static enum err read_section(struct load *load, const struct place *place)
{
    const struct section *section = &config_sections[place->section];
    enum err err = check_keys(load, place);
    for (uint32_t i = 0; i < section->setting_count && err == ERR_OK; i++)
        err = read_setting(load, place, &section->settings[i]);
    for (int i = 1; i < SECTION_COUNT && err == ERR_OK; i++)
        if (config_sections[i].parent == place->section)
            err = read_child(load, place, (enum section_id)i);
    return err;
}

/* The whole file, as long as it is none that only looks like settings. */
static enum err read_file(struct load *load)
{
    FILE *file = fopen(load->file, "rb");
    if (file == NULL) {
        fault_set(load->fault, "%s: cannot be read: %s", load->file, strerror(errno));
        return ERR_IO;
    }
    load->text = malloc(FILE_MAX + 1);
    ASSERT(load->text != NULL);
    load->len = fread(load->text, 1, FILE_MAX + 1, file);
    enum err err = ERR_OK;
    if (ferror(file) != 0) {
        fault_set(load->fault, "%s: cannot be read: %s", load->file, strerror(errno));
        err = ERR_IO;
    } else if (load->len > FILE_MAX) {
        fault_set(load->fault, "%s: is too long; accepted: at most %u octets", load->file,
                  FILE_MAX);
        err = ERR_RANGE;
    }
    fclose(file);
    return err;
}

static void parser_begin(const struct load *load, yaml_parser_t *parser)
{
    int sound = yaml_parser_initialize(parser);
    ASSERT(sound);
    yaml_parser_set_input_string(parser, load->text, load->len);
}

/* libyaml's time to make a document grows with the square of its depth: seconds for some 10,000
 * brackets. What is no YAML is told with the document. */
static enum err check_depth(const struct load *load)
{
    yaml_parser_t parser;
    yaml_event_t event;
    parser_begin(load, &parser);
    uint32_t depth = 0;
    bool at_end = false;
    while (!at_end && depth <= DEPTH_MAX && yaml_parser_parse(&parser, &event)) {
        at_end = event.type == YAML_STREAM_END_EVENT;
        depth += event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
        depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        if (depth > DEPTH_MAX)
            fault_set(load->fault, "%s:%zu: is nested too deeply; accepted: at most %u levels",
                      load->file, event.start_mark.line + 1, DEPTH_MAX);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return depth > DEPTH_MAX ? ERR_RANGE : ERR_OK;
}

static enum err load_document(struct load *load)
{
    yaml_parser_t parser;
    parser_begin(load, &parser);
    enum err err = ERR_OK;
    if (!yaml_parser_load(&parser, &load->document)) {
        fault_set(load->fault, "%s:%zu: is not YAML: %s%s%s", load->file,
                  parser.problem_mark.line + 1, parser.problem, parser.context != NULL ? " " : "",
                  parser.context != NULL ? parser.context : "");
        err = ERR_MALFORMED;
    }
    yaml_parser_delete(&parser);
    return err;
}

enum err config_load(const char *path, struct config **out, struct fault *fault)
{
    struct load load = { .file = path, .fault = fault };
    enum err err = read_file(&load);
    if (err == ERR_OK)
        err = check_depth(&load);
    if (err == ERR_OK)
        err = load_document(&load);
    free(load.text);
    if (err != ERR_OK)
        return err;

    struct config *config = calloc(1, sizeof *config);
    ASSERT(config != NULL);
    struct place root = { .section = SECTION_ROOT, .base = config };
    root.node = yaml_document_get_root_node(&load.document);
    struct config_where where = { .path = path, .document = &load.document };
    if (root.node == NULL) {
        fault_set(fault, "%s:1: is empty; deploy/starling.yaml shows every setting", path);
        err = ERR_MALFORMED;
    }
    if (err == ERR_OK)
        err = read_section(&load, &root);
    if (err == ERR_OK)
        err = config_cross_check(config, &where, fault);
    yaml_document_delete(&load.document);
    if (err == ERR_OK)
        *out = config;
    else
        config_free(config);
    return err;
}

static void free_texts(enum section_id id, void *base)
{
    const struct section *section = &config_sections[id];
    for (uint32_t i = 0; i < section->setting_count; i++) {
        const struct setting *setting = &section->settings[i];
        if (setting->kind <= SETTING_DIGITS || setting->kind == SETTING_HOST) {
            static_assert(SETTING_NAME == 0 && SETTING_DIGITS == 3, "the kinds kept as text");
            free(*(char **)(void *)((char *)base + setting->offset));
        }
    }
    for (int child = 1; child < SECTION_COUNT; child++) {
        const struct section *below = &config_sections[child];
        if (below->parent != id)
            continue;
        uint32_t count = below->most > 0 ? *(uint32_t *)(void *)((char *)base + below->count) : 1;
        for (uint32_t i = 0; i < count; i++)
            free_texts((enum section_id)child, (char *)base + below->offset + i * below->size);
    }
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    free_texts(SECTION_ROOT, config);
    free(config);
}
