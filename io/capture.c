/* Stages that copy, and the file they end in. The only file that includes libpcap. */
#include "io/capture.h"

#include "base/log.h"
#include "io/flow_read.h"
#include "io/frame_ring.h"

#include <rte_malloc.h>

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS 1000000000u
#define RECORD_HEADER 16u /* of a frame in the file */
#define FILE_HEADER 24u
#define STAMP_LEN 12u /* before each copy: its time, and the frame's own length */

struct capture_stage {
    struct port port;
    struct capture *capture;
    struct frame_ring ring;
    uint64_t now_ns;
    struct counter copied, missed;
};

struct capture {
    struct capture_config config;
    pcap_t *pcap;
    pcap_dumper_t *file;
    uint64_t written;
    atomic_bool is_over; /* the limit, or the disk's */
    uint32_t stage_count;
    struct capture_stage *stages[CAPTURE_QUEUES_MAX];
};

/* ---- On the data path -------------------------------------------------------------------------- */

static bool is_wanted(const struct capture *capture, const struct rte_mbuf *frame)
{
    struct flow flow;
    if (ip_is_none(capture->config.peer))
        return true;
    flow_read(frame_bytes(frame), &flow);
    return ip_equal(flow.addr[0], capture->config.peer) ||
           ip_equal(flow.addr[1], capture->config.peer);
}

static void copy_all(struct capture_stage *stage, struct rte_mbuf *const *frames, uint32_t count)
{
    if (atomic_load_explicit(&stage->capture->is_over, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_wanted(stage->capture, frames[i]))
            continue;
        struct rte_mbuf *copy = frame_ring_copy(&stage->ring, frames[i]);
        counter_add(copy != NULL ? &stage->copied : &stage->missed, 1);
        if (copy == NULL)
            continue;
        struct writer stamp = frame_prepend(copy, STAMP_LEN);
        writer_u64(&stamp, stage->now_ns);
        writer_u32(&stamp, frames[i]->pkt_len);
        frame_ring_put(&stage->ring, copy);
    }
}

static uint32_t stage_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    uint32_t count = port_rx(port->under, frames, cap);
    copy_all(CONTAINER_OF(port, struct capture_stage, port), frames, count);
    return count;
}

static uint32_t stage_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    copy_all(CONTAINER_OF(port, struct capture_stage, port), frames, count);
    port_tx(port->under, frames, count);
    return count;
}

static bool stage_step(struct port *port, uint64_t now_ns)
{
    CONTAINER_OF(port, struct capture_stage, port)->now_ns = now_ns;
    return port_step(port->under, now_ns);
}

static int stage_fd(struct port *port)
{
    return port_fd(port->under);
}

static void stage_figures(struct port *port, port_each *each, void *ctx)
{
    const struct capture_stage *stage = CONTAINER_OF(port, struct capture_stage, port);
    each(ctx, "capture", "copied", counter_read(&stage->copied));
    each(ctx, "capture", "missed", counter_read(&stage->missed));
}

static void stage_close(struct port *port)
{
    struct capture_stage *stage = CONTAINER_OF(port, struct capture_stage, port);
    port_close(port->under);
    frame_ring_close(&stage->ring);
    rte_free(stage);
}

static const struct port_ops stage_ops = { .rx = stage_rx,
                                           .tx = stage_tx,
                                           .step = stage_step,
                                           .fd = stage_fd,
                                           .figures = stage_figures,
                                           .close = stage_close };

struct port *capture_over(struct capture *capture, struct port *queue, struct fault *fault)
{
    ASSERT(capture->stage_count < CAPTURE_QUEUES_MAX);
    struct capture_stage *stage = rte_zmalloc("capture_stage", sizeof *stage, CACHE_LINE);
    if (stage == NULL) {
        fault_set(fault, "no memory to capture: raise memory.size");
        return NULL;
    }
    if (!frame_ring_open(&stage->ring, CAPTURE_FRAMES, fault)) {
        rte_free(stage);
        return NULL;
    }
    port_over(&stage->port, queue, &stage_ops);
    stage->capture = capture;
    capture->stages[capture->stage_count++] = stage;
    return &stage->port;
}

/* ---- The file ---------------------------------------------------------------------------------- */

static void over(struct capture *capture, const char *why)
{
    log_warning("capture", "%s: %s; what comes now is left out", capture->config.path, why);
    atomic_store_explicit(&capture->is_over, true, memory_order_relaxed);
}

/* What is written after a record that was cut could not be told from it. */
static void failed(struct capture *capture)
{
    char why[96];
    snprintf(why, sizeof why, "%s: the last packet may be cut short", strerror(errno));
    over(capture, why);
}

static void frame_write(struct capture *capture, struct rte_mbuf *copy)
{
    struct reader stamp = reader_over(frame_bytes(copy));
    uint64_t at_ns = capture->config.epoch_ns + reader_u64(&stamp);
    uint32_t len = reader_u32(&stamp);
    frame_strip(copy, STAMP_LEN);
    struct span octets = frame_bytes(copy);
    struct pcap_pkthdr header = { .ts = { .tv_sec = (time_t)(at_ns / SECOND_NS),
                                          .tv_usec = (suseconds_t)(at_ns % SECOND_NS) },
                                  .caplen = (uint32_t)octets.len,
                                  .len = len };
    if (atomic_load_explicit(&capture->is_over, memory_order_relaxed))
        return;
    if (capture->written + RECORD_HEADER + octets.len > capture->config.limit) {
        over(capture, "the limit is reached");
        return;
    }
    capture->written += RECORD_HEADER + octets.len;
    pcap_dump((u_char *)capture->file, &header, octets.bytes);
    if (ferror(pcap_dump_file(capture->file)) != 0)
        failed(capture);
}

/* Writes what the library still holds. */
static void flush(struct capture *capture)
{
    if (!atomic_load_explicit(&capture->is_over, memory_order_relaxed) &&
        pcap_dump_flush(capture->file) != 0)
        failed(capture);
}

bool capture_turn(struct capture *capture)
{
    struct rte_mbuf *copies[FRAME_BURST];
    bool busy = false;
    for (uint32_t s = 0; s < capture->stage_count; s++) {
        uint32_t count = frame_ring_pop(&capture->stages[s]->ring, copies, FRAME_BURST);
        for (uint32_t i = 0; i < count; i++) {
            frame_write(capture, copies[i]);
            frame_give(copies[i]);
        }
        busy |= count > 0;
    }
    if (!busy)
        flush(capture);
    return busy;
}

static bool file_open(struct capture *capture, struct fault *fault)
{
    const char *path = capture->config.path;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        fault_set(fault, "--pcap %s: cannot be made: %s%s", path, strerror(errno),
                  errno == EEXIST ? "; remove it, or name another" : "");
        return false;
    }
    FILE *file = fdopen(fd, "w");
    capture->pcap =
        pcap_open_dead_with_tstamp_precision(DLT_EN10MB, FRAME_CAP, PCAP_TSTAMP_PRECISION_NANO);
    if (file != NULL && capture->pcap != NULL)
        capture->file = pcap_dump_fopen(capture->pcap, file);
    if (capture->file != NULL)
        return true;
    fault_set(fault, "--pcap %s: cannot be written", path);
    if (file == NULL)
        close(fd);
    if (capture->pcap != NULL)
        pcap_close(capture->pcap);
    return false;
}

struct capture *capture_open(const struct capture_config *config, struct fault *fault)
{
    struct capture *capture = rte_zmalloc("capture", sizeof *capture, CACHE_LINE);
    if (capture == NULL) {
        fault_set(fault, "no memory to capture: raise memory.size");
        return NULL;
    }
    capture->config = *config;
    capture->written = FILE_HEADER;
    if (file_open(capture, fault))
        return capture;
    rte_free(capture);
    return NULL;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL)
        return;
    while (capture_turn(capture))
        ;
    if (!atomic_load_explicit(&capture->is_over, memory_order_relaxed))
        log_info("capture", "%s: %lu octets", capture->config.path,
                 (unsigned long)capture->written);
    pcap_dump_close(capture->file);
    pcap_close(capture->pcap);
    rte_free(capture);
}
