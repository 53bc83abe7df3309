/* The program on its interface: ours attached, a killed engine's taken off, all others' let be.
 *
 * By libxdp's dispatcher where the kernel lets it load, else alone. The tests run where it does not;
 * start, another program beside ours, kill -9, take-over and end by the dispatcher were seen on
 * Debian 12's own kernel (6.1). */
#include "io/xdp/steer_attach.h"

#include "base/log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#define TRY_RING 64u
#define TRY_LEN 4096u

static bool is_stale(const struct xdp_program *program)
{
    return program != NULL && strcmp(xdp_program__name(program), STEER_PROGRAM) == 0;
}

/* Whether no AF_XDP socket has the interface's first queue, which every engine polls; 0, or why it
 * cannot be known to be free. */
static int queue_try(const char *interface)
{
    static const struct xsk_umem_config memory = { .fill_size = TRY_RING,
                                                   .comp_size = TRY_RING,
                                                   .frame_size = TRY_LEN };
    static const struct xsk_socket_config config = { .rx_size = TRY_RING,
                                                     .libxdp_flags =
                                                         XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
                                                     .bind_flags = XDP_COPY };
    struct xsk_ring_prod fill;
    struct xsk_ring_cons completed, rx;
    struct xsk_umem *umem = NULL;
    struct xsk_socket *xsk = NULL;
    void *area = mmap(NULL, TRY_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return -errno;
    int failed = xsk_umem__create(&umem, area, TRY_LEN, &fill, &completed, &memory);
    if (failed == 0)
        failed = xsk_socket__create(&xsk, interface, 0, umem, &rx, NULL, &config);
    xsk_socket__delete(xsk);
    if (umem != NULL)
        xsk_umem__delete(umem);
    munmap(area, TRY_LEN);
    return failed;
}

/* The lock on the pins says that the engine before us lives no more; but in another mount namespace
 * it has pins that we do not see. */
static bool is_abandoned(const struct steer *steer, struct fault *fault)
{
    int failed = queue_try(steer->view.interface);
    if (failed == -EBUSY)
        fault_set(
            fault,
            "another engine runs on interface %s, with a bpffs of its own (a container, or ip "
            "netns exec): stop it first",
            steer->view.interface);
    else if (failed != 0)
        fault_set(fault,
                  "interface %s has the XDP program of another engine, of which it cannot be known "
                  "whether it lives: %s%s",
                  steer->view.interface, strerror(-failed),
                  failed == -ENETDOWN ? "; ip link set the interface up first" : "");
    return failed == 0;
}

/* Takes off what an engine before us left behind. */
static bool stale_detach(const struct steer *steer, int ifindex, struct fault *fault)
{
    struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex(ifindex);
    if (libxdp_get_error(all) != 0)
        return true; /* nothing there; or what attaching will tell better */
    bool clear = true;
    int failed = 0;
    if (!xdp_multiprog__is_legacy(all)) { /* libxdp's dispatcher: others' programs stay */
        struct xdp_program *one = NULL;
        enum xdp_attach_mode mode = xdp_multiprog__attach_mode(all);
        while (failed == 0 && (one = xdp_multiprog__next_prog(one, all)) != NULL)
            if (is_stale(one)) {
                clear = is_abandoned(steer, fault);
                failed = clear ? xdp_program__detach(one, ifindex, mode, 0) : 0;
                break; /* `all` no longer tells what is there */
            }
    } else if (is_stale(xdp_multiprog__main_prog(all))) {
        clear = is_abandoned(steer, fault);
        failed = clear ? xdp_multiprog__detach(all) : 0;
    } else {
        const struct xdp_program *other = xdp_multiprog__main_prog(all);
        fault_set(fault,
                  "interface %s has an XDP program that is not ours, \"%s\" (id %u), outside of "
                  "libxdp's dispatcher: choose another interface, or take it off: ip link set dev "
                  "%s xdp off",
                  steer->view.interface, other != NULL ? xdp_program__name(other) : "?",
                  other != NULL ? xdp_program__id(other) : 0, steer->view.interface);
        clear = false;
    }
    xdp_multiprog__close(all);
    if (failed != 0) {
        fault_set(fault,
                  "interface %s: the XDP program of an engine that was killed cannot be taken "
                  "off: %s; ip link set dev %s xdp off",
                  steer->view.interface, strerror(-failed), steer->view.interface);
        clear = false;
    }
    return clear;
}

static void fault_of_attach(const struct steer *steer, int failed, struct fault *fault)
{
    const char *hint = "ip -d link shows what is there";
    if (failed == -EPERM || failed == -EACCES)
        hint = "it needs root, or CAP_NET_ADMIN and CAP_BPF";
    else if (failed == -EBUSY || failed == -EEXIST)
        hint = "another XDP program has it, or one of ours that was left by kill -9 and that only "
               "CAP_SYS_ADMIN may take off: ip -d link shows which";
    else if (failed == -EINVAL || failed == -EOPNOTSUPP || failed == -ERANGE)
        hint = "the driver refuses: try a smaller MTU, LRO off (ethtool -K), fewer channels";
    fault_set(fault, "interface %s: the XDP program cannot be attached: %s; %s",
              steer->view.interface, strerror(-failed), hint);
}

bool steer_attach(struct steer *steer, struct fault *fault)
{
    struct xdp_program_opts opts = { .sz = sizeof opts,
                                     .obj = steer->object,
                                     .prog_name = STEER_PROGRAM };
    int ifindex = (int)if_nametoindex(steer->view.interface);
    if (!stale_detach(steer, ifindex, fault))
        return false;
    struct xdp_program *program = xdp_program__create(&opts);
    int failed = (int)libxdp_get_error(program);
    if (failed == 0) {
        steer->program = program;
        /* Native where the driver can, generic where not; by the dispatcher where it loads. */
        failed = xdp_program__attach(program, ifindex, XDP_MODE_UNSPEC, 0);
    }
    if (failed == 0) {
        steer->program_fd = xdp_program__fd(program);
        return true;
    }
    fault_of_attach(steer, failed, fault);
    if (steer->program != NULL)
        xdp_program__close(steer->program);
    steer->program = NULL;
    return false;
}

void steer_detach(struct steer *steer)
{
    int ifindex = (int)if_nametoindex(steer->view.interface);
    const struct bpf_xdp_attach_opts ours = { .sz = sizeof ours, .old_prog_fd = steer->program_fd };
    int failed =
        ifindex != 0 ? xdp_program__detach(steer->program, ifindex, XDP_MODE_UNSPEC, 0) : 0;
    /* The library asks the kernel what is there, by number, for which it wants CAP_SYS_ADMIN. */
    if (failed != 0)
        failed = bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &ours);
    if (failed != 0)
        log_warning("xdp",
                    "%s: the XDP program cannot be taken off: %s; ip link set dev %s xdp off",
                    steer->view.interface, strerror(-failed), steer->view.interface);
    xdp_program__close(steer->program);
    steer->program = NULL;
}
