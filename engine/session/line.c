/* Where jobs wait: a line per device and priority, and lines of devices that wait for credits. */
#include "engine/session/line.h"

void lines_init(struct worker *worker)
{
    worker->waiting_free = worker->session_free = WORKER_NONE;
    for (uint32_t i = worker->waiting_cap; i-- > 0;) {
        worker->waiting[i].next = worker->waiting_free;
        worker->waiting_free = i;
        worker->sessions[i].next_ready = worker->session_free;
        worker->session_free = i;
    }
    for (uint32_t a = 0; a < CONFIG_ACCOUNTS_MAX; a++)
        for (uint32_t p = 0; p < JOB_PRIORITIES; p++)
            worker->accounts[a].lines[p] = (struct ready_line){ WORKER_NONE, WORKER_NONE };
}

uint32_t session_index(const struct worker *worker, const struct session *session)
{
    return (uint32_t)(session - worker->sessions);
}

struct session *session_find(struct worker *worker, struct device_ref device)
{
    uint32_t link = directory_live(worker->directory, device.record)->session;
    if (link == 0)
        return NULL;
    struct session *session = &worker->sessions[link - 1];
    return session->device.generation == device.generation ? session : NULL;
}

struct session *session_of(struct worker *worker, struct device_ref device, const struct eid *eid)
{
    struct session *session = session_find(worker, device);
    if (session != NULL)
        return session;
    if (worker->session_free == WORKER_NONE)
        return NULL;
    uint32_t index = worker->session_free;
    session = &worker->sessions[index];
    worker->session_free = session->next_ready;
    worker->session_count++;
    if (worker->session_free != WORKER_NONE)
        session_prefetch(worker, worker->session_free);
    uint32_t epoch = session->epoch;
    memset(session, 0, sizeof *session);
    session->epoch = epoch + 1;
    session->device = device;
    session->eid = *eid;
    session->flight = WORKER_NONE;
    session->next_ready = session->prev_ready = WORKER_NONE;
    for (uint32_t p = 0; p < JOB_PRIORITIES; p++)
        session->lines[p] = (struct waiting_line){ WORKER_NONE, WORKER_NONE };
    directory_live(worker->directory, device.record)->session = index + 1;
    return session;
}

void session_free(struct worker *worker, struct session *session)
{
    ASSERT(!session->is_ready && session->flight == WORKER_NONE && session->delayed == 0);
    wheel_disarm(&worker->core.wheel, &session->timer);
    struct eid eid;
    uint64_t msisdn;
    /* Of a device that was removed the record may be another's by now, and another worker's. */
    if (directory_identity(worker->directory, session->device, &eid, &msisdn) == ERR_OK)
        directory_live(worker->directory, session->device.record)->session = 0;
    session->epoch++;
    session->next_ready = worker->session_free;
    worker->session_free = session_index(worker, session);
    worker->session_count--;
}

uint32_t waiting_take(struct worker *worker)
{
    uint32_t index = worker->waiting_free;
    if (index == WORKER_NONE)
        return WORKER_NONE;
    worker->waiting_free = worker->waiting[index].next;
    worker->waiting_count++;
    if (worker->waiting_free != WORKER_NONE)
        __builtin_prefetch(&worker->waiting[worker->waiting_free]);
    memset(&worker->waiting[index], 0, sizeof worker->waiting[index]);
    worker->waiting[index].next = WORKER_NONE;
    return index;
}

void waiting_give(struct worker *worker, uint32_t index)
{
    wheel_disarm(&worker->core.wheel, &worker->waiting[index].timer);
    worker->waiting[index].next = worker->waiting_free;
    worker->waiting_free = index;
    worker->waiting_count--;
}

void line_append(struct worker *worker, struct session *session, uint32_t index)
{
    struct waiting *entry = waiting_at(worker, index);
    struct waiting_line *line = &session->lines[entry->priority];
    entry->next = WORKER_NONE;
    if (line->tail == WORKER_NONE)
        line->head = index;
    else
        waiting_at(worker, line->tail)->next = index;
    line->tail = index;
}

void line_prepend(struct worker *worker, struct session *session, uint32_t index)
{
    struct waiting *entry = waiting_at(worker, index);
    struct waiting_line *line = &session->lines[entry->priority];
    entry->next = line->head;
    line->head = index;
    if (line->tail == WORKER_NONE)
        line->tail = index;
}

bool line_remove(struct worker *worker, struct session *session, uint32_t index)
{
    struct waiting_line *line = &session->lines[waiting_at(worker, index)->priority];
    uint32_t before = WORKER_NONE;
    for (uint32_t at = line->head; at != WORKER_NONE; at = waiting_at(worker, at)->next) {
        if (at != index) {
            before = at;
            continue;
        }
        uint32_t after = waiting_at(worker, at)->next;
        if (before == WORKER_NONE)
            line->head = after;
        else
            waiting_at(worker, before)->next = after;
        if (line->tail == index)
            line->tail = before;
        waiting_at(worker, index)->next = WORKER_NONE;
        return true;
    }
    return false;
}

uint32_t line_first(const struct session *session)
{
    for (uint32_t p = JOB_PRIORITIES; p-- > 0;)
        if (session->lines[p].head != WORKER_NONE)
            return session->lines[p].head;
    return WORKER_NONE;
}

uint32_t line_find_job(struct worker *worker, struct session *session, uint64_t job_id)
{
    for (uint32_t p = 0; p < JOB_PRIORITIES; p++)
        for (uint32_t at = session->lines[p].head; at != WORKER_NONE;
             at = waiting_at(worker, at)->next)
            if (waiting_at(worker, at)->job_id == job_id)
                return at;
    return WORKER_NONE;
}

void ready_append(struct worker *worker, struct session *session)
{
    if (session->is_ready)
        return;
    uint32_t first = session->is_command ? session->flight : line_first(session);
    session->ready_priority = first == WORKER_NONE ? 0 : waiting_at(worker, first)->priority;
    struct ready_line *line = &worker->accounts[session->account].lines[session->ready_priority];
    uint32_t index = session_index(worker, session);
    session->next_ready = WORKER_NONE;
    session->prev_ready = line->tail;
    session->is_ready = true;
    if (line->tail == WORKER_NONE)
        line->head = index;
    else
        worker->sessions[line->tail].next_ready = index;
    line->tail = index;
}

void ready_remove(struct worker *worker, struct session *session)
{
    if (!session->is_ready)
        return;
    struct ready_line *line = &worker->accounts[session->account].lines[session->ready_priority];
    if (session->prev_ready == WORKER_NONE)
        line->head = session->next_ready;
    else
        worker->sessions[session->prev_ready].next_ready = session->next_ready;
    if (session->next_ready == WORKER_NONE)
        line->tail = session->prev_ready;
    else
        worker->sessions[session->next_ready].prev_ready = session->prev_ready;
    session->next_ready = session->prev_ready = WORKER_NONE;
    session->is_ready = false;
}

struct session *ready_pop(struct worker *worker, uint32_t account)
{
    for (uint32_t p = JOB_PRIORITIES; p-- > 0;) {
        const struct ready_line *line = &worker->accounts[account].lines[p];
        if (line->head == WORKER_NONE)
            continue;
        struct session *session = &worker->sessions[line->head];
        ready_remove(worker, session);
        return session;
    }
    return NULL;
}
