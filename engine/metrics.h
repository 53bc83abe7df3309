/* /metrics: every counter of every core, by name (Prometheus text is the API's). */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "engine/topology.h"

/* Emits all samples; those of one name in a row. Control thread; reads others' counters. */
void metrics_emit(const struct topology *topology, api_metric_emit *emit, void *arg);

#endif
