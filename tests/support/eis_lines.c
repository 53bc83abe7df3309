/* EIS lines for tests. */
#include "tests/support/eis_lines.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

const char eis_line_full[] =
    "{\"eid\":\"89001012012341234012345678901224\","
    "\"isd-r\":{\"aid\":\"A0000005591010FFFFFFFF8900000100\",\"tar\":[\"000001\"],"
    "\"keySets\":[{\"version\":\"01\",\"type\":\"SCP80\",\"cntr\":\"0000000010\","
    "\"keys\":[{\"index\":1,\"kcv\":\"c35280\",\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"000102030405060708090a0b0c0d0e0f\"}]},{\"index\":2,\"kcv\":\"b5a1dd\","
    "\"keyComponents\":[{\"type\":\"88\",\"value\":\"5c77d7fd8f51ed0c2a913e46326ff6d2\"}]},"
    "{\"index\":3,\"kcv\":\"458764\",\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"24400004dc6ef1610dec22ebe2eb7159\"}]}]},{\"version\":\"02\","
    "\"type\":\"SCP80\",\"cntr\":\"FFFFFFFFFF\",\"keys\":[{\"index\":2,\"kcv\":\"4a0064\","
    "\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"17cd0d6f7bf9f368d483c2571412393b8e8a4d128e27addb1848804b3377eaf0\"}]},"
    "{\"index\":1,\"kcv\":\"53148b\",\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"f7ff48abcd695b17cef6ac8560c9a8db044a7aa32fe30c5a4f34ce8e71dc9990\"}]}]},"
    "{\"version\":\"40\",\"type\":\"SCP81\",\"keys\":[{\"index\":1,"
    "\"keyComponents\":[{\"type\":\"85\","
    "\"value\":\"233edfa58c84847712e911572533907dc46771c2af022cea0766b422d44f31e5\"}]},"
    "{\"index\":2,\"kcv\":\"4af753\",\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"ef122b87eb87546a16a3fbf075fb3800\"}]}]},{\"version\":\"30\","
    "\"type\":\"SCP03\",\"keys\":[{\"index\":1,\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"e8bc163c82eee18733288c7d4ac636db\"}]},{\"index\":2,"
    "\"keyComponents\":[{\"type\":\"88\",\"value\":\"ad328846aa18b32a335816374511cac1\"}]},"
    "{\"index\":3,\"keyComponents\":[{\"type\":\"88\","
    "\"value\":\"41242b9fae56fad4e6e77dfe33cb18d1\"}]}]}]},"
    "\"mno-sd\":{\"aid\":\"A000000151000000\",\"tar\":[\"B20100\",\"B20101\"],"
    "\"format\":\"compact\",\"keySets\":[{\"version\":\"01\",\"type\":\"SCP80\","
    "\"cntr\":\"0000000000\",\"keys\":[{\"index\":1,\"kcv\":\"08d7b4\","
    "\"keyComponents\":[{\"type\":\"82\",\"value\":\"0123456789abcdeffedcba9876543210\"}]},"
    "{\"index\":2,\"keyComponents\":[{\"type\":\"80\","
    "\"value\":\"e788103ee15318fcd2af9b73b4ebbb33\"}]}]}]},"
    "\"profiles\":[{\"iccid\":\"8986001234567890120\","
    "\"isd-p-aid\":\"A0000005591010FFFFFFFF8900001000\",\"msisdn\":\"447700900123\","
    "\"imsi\":\"234150999999999\",\"state\":\"Enabled\",\"fallbackAttribute\":true},"
    "{\"iccid\":\"89441234567890123454\",\"msisdn\":\"447700900124\",\"state\":\"Disabled\","
    "\"fallbackAttribute\":false}],\"capabilities\":{\"cattpSupport\":false,"
    "\"httpSupport\":true},\"options\":{\"exactCounter\":false,\"ccLength\":8,"
    "\"segmentsMax\":5,\"concatRef16\":true},"
    "\"additionalProperties\":{\"label\":\"truck 7\"},\"Eum-Id\":\"1.2.3.4\"}";

const char *const eis_line_secrets[] = {
    "000102030405060708090a0b0c0d0e0f",
    "5c77d7fd8f51ed0c2a913e46326ff6d2",
    "24400004dc6ef1610dec22ebe2eb7159",
    "f7ff48abcd695b17cef6ac8560c9a8db044a7aa32fe30c5a4f34ce8e71dc9990",
    "17cd0d6f7bf9f368d483c2571412393b8e8a4d128e27addb1848804b3377eaf0",
    "233edfa58c84847712e911572533907dc46771c2af022cea0766b422d44f31e5",
    "ef122b87eb87546a16a3fbf075fb3800",
    "e8bc163c82eee18733288c7d4ac636db",
    "ad328846aa18b32a335816374511cac1",
    "41242b9fae56fad4e6e77dfe33cb18d1",
    "0123456789abcdeffedcba9876543210",
    "e788103ee15318fcd2af9b73b4ebbb33",
    NULL,
};

/* The element of `json` that the first `len` characters of `name` name. */
static json_t *child(json_t *json, const char *name, size_t len)
{
    char text[64];
    ASSERT(len < sizeof text);
    memcpy(text, name, len);
    text[len] = '\0';
    return json_is_array(json) ? json_array_get(json, strtoul(text, NULL, 10))
                               : json_object_get(json, text);
}

char *eis_line_with(const char *path, const char *value)
{
    json_t *root = json_loads(eis_line_full, 0, NULL), *at = root;
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        at = child(at, path, (size_t)(dot - path));
        ASSERT(at != NULL);
        path = dot + 1;
    }
    json_t *json = value != NULL ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    ASSERT(value == NULL || json != NULL);
    size_t index = strtoul(path, NULL, 10);
    if (json_is_array(at) && json == NULL)
        ASSERT(json_array_remove(at, index) == 0);
    else if (json_is_array(at) && index == json_array_size(at))
        ASSERT(json_array_append_new(at, json) == 0);
    else if (json_is_array(at))
        ASSERT(json_array_set_new(at, index, json) == 0);
    else if (json == NULL)
        ASSERT(json_object_del(at, path) == 0);
    else
        ASSERT(json_object_set_new(at, path, json) == 0);
    char *line = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return line;
}
