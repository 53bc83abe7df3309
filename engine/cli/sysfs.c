/* Small files of one line, and directories whose entries count. */
#include "engine/cli/sysfs.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_CAP 512

bool sysfs_line(char *out, size_t cap, const char *path, ...)
{
    char name[PATH_CAP];
    va_list args;
    va_start(args, path);
    vsnprintf(name, sizeof name, path, args);
    va_end(args);
    out[0] = '\0';
    FILE *file = fopen(name, "re");
    bool got = file != NULL && fgets(out, (int)cap, file) != NULL;
    if (file != NULL)
        fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return got;
}

bool sysfs_exists(const char *path, ...)
{
    char name[PATH_CAP];
    va_list args;
    va_start(args, path);
    vsnprintf(name, sizeof name, path, args);
    va_end(args);
    return access(name, F_OK) == 0;
}

bool sysfs_interface(const char *device, char out[IF_NAMESIZE])
{
    const char *at = strstr(device, "iface=");
    size_t len = at != NULL ? strcspn(at + 6, ",") : 0;
    if (len == 0 || len >= IF_NAMESIZE)
        return false;
    memcpy(out, at + 6, len);
    out[len] = '\0';
    return true;
}

int sysfs_port_node(const char *root, const char *device)
{
    char interface[IF_NAMESIZE], line[32];
    bool got =
        sysfs_interface(device, interface)
            ? sysfs_line(line, sizeof line, "%s/sys/class/net/%s/device/numa_node", root, interface)
            : sysfs_line(line, sizeof line, "%s/sys/bus/pci/devices/%.64s/numa_node", root, device);
    return got ? (int)strtol(line, NULL, 10) : -1;
}

uint32_t sysfs_queues(const char *root, const char *interface, const char *way)
{
    char name[PATH_CAP];
    uint32_t count = 0;
    const struct dirent *entry;
    snprintf(name, sizeof name, "%s/sys/class/net/%s/queues", root, interface);
    DIR *folder = opendir(name);
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        count += strncmp(entry->d_name, way, strlen(way)) == 0;
    if (folder != NULL)
        closedir(folder);
    return count;
}
