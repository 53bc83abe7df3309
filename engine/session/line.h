/* Where jobs wait: pools of waiting jobs and sessions, a line per device and priority, and lines of
 * devices that wait for SMS credits. Indexes, not pointers; WORKER_NONE ends a line. */
#ifndef ENGINE_SESSION_LINE_H
#define ENGINE_SESSION_LINE_H

#include "engine/worker.h"

/* All entries free, all lines empty. */
void lines_init(struct worker *worker);

/* Back to the pool; nothing may wait or fly. */
void session_free(struct worker *worker, struct session *session);

/* A zeroed entry, or WORKER_NONE. */
uint32_t waiting_take(struct worker *worker);
void waiting_give(struct worker *worker, uint32_t index);

void line_append(struct worker *worker, struct session *session, uint32_t index);
void line_prepend(struct worker *worker, struct session *session, uint32_t index);
/* False when it stands in no line. */
bool line_remove(struct worker *worker, struct session *session, uint32_t index);
/* The oldest of the highest priority, or WORKER_NONE. */
uint32_t line_first(const struct session *session);
uint32_t line_find_job(struct worker *worker, struct session *session, uint64_t job_id);

/* Into its account's line, once. */
void ready_append(struct worker *worker, struct session *session);
/* Out of it, if it stands there. */
void ready_remove(struct worker *worker, struct session *session);
/* The longest waiting of the highest priority, or NULL. */
struct session *ready_pop(struct worker *worker, uint32_t account);

#endif
