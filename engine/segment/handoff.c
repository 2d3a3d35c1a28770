/* handoff.c — messages over the socket. SEQPACKET keeps their borders: a packet is a message, or is
 * refused whole. */
#include "segment/job.h"

#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NS_PER_MS 1000000u

static varve_status fail_socket(varve_error *err, const char *verb, int error)
{
    if (error == EPIPE || error == ECONNRESET || error == ENOTCONN)
        return vv_fail(err, VARVE_CLOSED, "hand-off: the other side is gone");
    return vv_fail(err, VARVE_IO, "hand-off: cannot %s: %s", verb, strerror(error));
}

/* Until fd is ready, or its peer is gone. */
static varve_status wait_for(int fd, short events, uint64_t timeout_ms, varve_error *err)
{
    uint64_t end_ns = clock_now_ns() + VV_MIN(timeout_ms, (uint64_t)INT32_MAX) * NS_PER_MS;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        uint64_t now_ns = clock_now_ns();
        int left_ms = now_ns < end_ns ? (int)((end_ns - now_ns) / NS_PER_MS) + 1 : 0;
        int ready = poll(&p, 1, timeout_ms ? left_ms : -1);
        if (ready > 0) return VARVE_OK;
        if (ready < 0 && errno != EINTR) return fail_socket(err, "wait", errno);
        if (ready == 0)
            return vv_fail(err, VARVE_TIMEOUT, "hand-off: no answer within %llu ms",
                           (unsigned long long)timeout_ms);
    }
}

/* ---- send ---------------------------------------------------------------------------------- */

static varve_status send_packet(int fd, const void *bytes, size_t len, varve_error *err)
{
    for (;;) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | MSG_EOR | MSG_DONTWAIT);
        if (sent == (ssize_t)len) return VARVE_OK;
        if (sent >= 0) return vv_fail(err, VARVE_IO, "hand-off: a packet was sent in part");
        if (errno == EAGAIN)
            VV_TRY(wait_for(fd, POLLOUT, HANDOFF_SEND_TIMEOUT_MS, err));
        else if (errno != EINTR)
            return fail_socket(err, "send", errno);
    }
}

varve_status handoff_send(int fd, const handoff_message *m, varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer b;
    fault_kind fault = VV_FAULT("handoff.send");
    buffer_init(&b, HANDOFF_MESSAGE_MAX, "message");
    VV_TRY(handoff_encode(m, &b, err));
    if (fault == VV_FAULT_SHORT) return send_packet(fd, b.data, b.len / 2, err);
    if (fault != VV_FAULT_NONE) return fail_socket(err, "send", EIO);
    return send_packet(fd, b.data, b.len, err);
}

/* ---- receive ------------------------------------------------------------------------------- */

/* A peer that closes before it has read all resets the connection. That is told once, before what
 * it had sent, which is still there: its last word counts. */
static varve_status receive_packet(int fd, uint8_t *bytes, size_t *ret_len, varve_error *err)
{
    struct iovec part = {bytes, HANDOFF_MESSAGE_MAX};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1};
    bool reset = false;
    ssize_t len;
    for (;;) {
        len = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
        if (len >= 0 || (errno != EINTR && (errno != ECONNRESET || reset))) break;
        reset = reset || errno == ECONNRESET;
    }
    if (len < 0) return fail_socket(err, "receive", errno);
    if (len == 0) return fail_socket(err, "receive", ECONNRESET);
    if (h.msg_flags & MSG_TRUNC)
        return vv_fail(err, VARVE_CORRUPT, "hand-off: a packet of more than %d bytes",
                       HANDOFF_MESSAGE_MAX);
    *ret_len = (size_t)len;
    return VARVE_OK;
}

varve_status handoff_receive(int fd, uint64_t timeout_ms, handoff_message *ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *bytes = malloc(HANDOFF_MESSAGE_MAX);
    size_t len = 0;
    if (!bytes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a message");
    VV_TRY(wait_for(fd, POLLIN, timeout_ms, err));
    fault_kind fault = VV_FAULT("handoff.receive");
    if (fault != VV_FAULT_NONE && fault != VV_FAULT_SHORT) return fail_socket(err, "receive", EIO);
    VV_TRY(receive_packet(fd, bytes, &len, err));
    return handoff_decode(bytes, fault == VV_FAULT_SHORT ? len / 2 : len, ret, err);
}
