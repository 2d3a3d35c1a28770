/* listener.c — names to addresses, and one address to listen on. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

static void freeaddrinfop(struct addrinfo **list)
{
    if (*list) freeaddrinfo(*list);
}

static varve_status resolve(const char *host, uint64_t port, struct addrinfo **ret,
                            varve_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char service[24];
    int error;
    (void)snprintf(service, sizeof service, "%" PRIu64, port);
    error = getaddrinfo(host, service, &hints, ret);
    if (error)
        return vv_fail(err, VARVE_INVALID, "host is '%.100s': %s", host, gai_strerror(error));
    return VARVE_OK;
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 ==
           IN_LOOPBACKNET;
}

varve_status listener_is_loopback(const char *host, bool *ret, varve_error *err)
{
    VV_CLEANUP(freeaddrinfop) struct addrinfo *list = NULL;
    bool all = true;
    VV_TRY(resolve(host, 0, &list, err));
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        all = all && is_loopback(a->ai_addr);
    *ret = all;
    return VARVE_OK;
}

static int port_of(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    (void)getsockname(fd, (struct sockaddr *)&a, &len);
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&a)->sin6_port
                                         : ((struct sockaddr_in *)(void *)&a)->sin_port);
}

varve_status listener_open(const char *host, uint64_t port, int *ret_fd, int *ret_port,
                           varve_error *err)
{
    VV_CLEANUP(freeaddrinfop) struct addrinfo *list = NULL;
    VV_CLEANUP(vv_closep) int fd = -1;
    int yes = 1;
    VV_TRY(resolve(host, port, &list, err));
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return vv_fail(err, VARVE_IO, "cannot listen on %s port %" PRIu64 ": %s", host, port,
                       strerror(errno));
    *ret_port = port_of(fd);
    *ret_fd = fd;
    fd = -1;
    return VARVE_OK;
}
