/* A NIC that delivers what comes to any of its queues, as a veth's sender does: for a while to the
 * one, then to another, whatever the flow. */
#ifndef TESTS_SUPPORT_FAN_H
#define TESTS_SUPPORT_FAN_H

#include "io/port.h"

#define FAN_QUEUES_MAX 16u

/* Owns `wire` from now on; it closes with the last queue. False when there is no memory. */
bool fan_open(struct port *wire, struct rte_mempool *const *frames, uint32_t count, uint64_t seed,
              struct port **queues);

#endif
