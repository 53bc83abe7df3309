/* What the kernel says of the machine in /sys, below a root that tests may choose. */
#ifndef ENGINE_CLI_SYSFS_H
#define ENGINE_CLI_SYSFS_H

#include "base/check.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first line of the file, without its end; false, and "", when there is none. */
bool sysfs_line(char *out, size_t cap, const char *path, ...) PRINTF_LIKE(3, 4);
bool sysfs_exists(const char *path, ...) PRINTF_LIKE(1, 2);

/* The kernel's interface that a port's device names (iface=NAME), or false. */
bool sysfs_interface(const char *device, char out[IF_NAMESIZE]);

/* The NUMA node of a port's device; -1: none, or not known. */
int sysfs_port_node(const char *root, const char *device);

/* Queues of an interface: "rx" or "tx". 0: not known. */
uint32_t sysfs_queues(const char *root, const char *interface, const char *way);

#endif
