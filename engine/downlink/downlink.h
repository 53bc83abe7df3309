/* The downlink's stages in path order. Each takes what the one before left in the worker. */
#ifndef ENGINE_DOWNLINK_DOWNLINK_H
#define ENGINE_DOWNLINK_DOWNLINK_H

#include "crypto/scp80_wire.h"
#include "engine/worker.h"

/* Flags of MSG_ADMIT. */
#define ADMIT_IDEMPOTENT 0x01
#define ADMIT_IN_FLIGHT 0x02 /* at start: part of the command that MSG_RESUME will bring */
#define ADMIT_STOPPED 0x04   /* at start: cancelled on its way into flight; nothing left */

/* Flags of MSG_RESUME; status: the parts that the SMSC holds, expiry_ms: until when. */
#define RESUME_TAKEN 0x01   /* all of them */
#define RESUME_STOPPED 0x02 /* cancelled: an answer may come, its octets are not sent again */

/* Takes jobs, cancellations and, at start, open commands and unconsumed uplink records from control.
 * Goes home: ERR_OK; ERR_FULL; ERR_UNKNOWN (no such device or job); ERR_CONFLICT (in flight). */
bool downlink_admit(struct worker *worker);

/* A waiting job's timer: its not-before came, or its expiry. */
void job_timer(struct worker *worker, struct waiting *entry);

/* Grants credits to devices in line and asks the store for their scripts or octets. */
bool downlink_start(struct worker *worker);

/* A fetched script in; security, counter and secured data out (worker->downlink). */
void downlink_plan(struct worker *worker, struct msg *fetched);

/* elapsed.c: how long a command takes us. It is granted credits; these were asked for at the store;
 * this came home from there. */
void elapsed_granted(struct worker *worker, struct session *session);
void elapsed_asked(struct worker *worker, struct session *const sessions[], uint32_t count);
void elapsed_stored(struct worker *worker, const struct msg *msg);

/* "Exactly one higher": only for devices whose counters are journalled one by one. */
static inline bool spi_wants_exact(uint16_t spi)
{
    return (spi & SCP80_SPI_COUNTER) >> SCP80_SPI_COUNTER_SHIFT == SCP80_COUNTER_NEXT;
}

/* The batch of worker->downlink: all CMACs, then all CBCs. */
void downlink_seal(struct worker *worker);

/* Sealed packets to the journal, in order. They come back when durable. */
void downlink_commit(struct worker *worker);

/* The session's command is this one. */
void command_adopt(struct worker *worker, struct session *session,
                   const struct record_command *command);

/* Durable commands in (worker->durable); short messages to the edge out. */
void downlink_segment(struct worker *worker);

/* What the edge said of short messages: sessions stepped, credits back. */
bool downlink_sent(struct worker *worker);

/* What the store said: scripts to plan, octets to send, blocks, results durable. */
bool downlink_stored(struct worker *worker);

#endif
