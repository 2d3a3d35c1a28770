/* server.c — see server.h. */
#include "server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS_MAX     10000
#define ANSWER_BYTES_MAX ((size_t)16 << 20)

/* A port that was free a moment ago; 0: none. */
static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    bool good = bind(fd, (struct sockaddr *)&at, len) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0;
    close(fd);
    return good ? ntohs(at.sin_port) : 0;
}

static void become_server(const char *command, const char *folder, int port)
{
    char port_text[16];
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    snprintf(port_text, sizeof port_text, "%d", port);
    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    execl(command, command, "serve", "--port", port_text, "--data-dir", folder, "--log-level",
          "off", (char *)NULL);
    _exit(127);
}

static bool answers(const server *s)
{
    char url[96];
    CURL *curl = curl_easy_init();
    if (!curl) return false;
    snprintf(url, sizeof url, "%s/readyz", s->url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    FILE *nowhere = fopen("/dev/null", "we");
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, nowhere);
    bool good = nowhere && curl_easy_perform(curl) == CURLE_OK;
    if (nowhere) fclose(nowhere);
    curl_easy_cleanup(curl);
    return good;
}

varve_status server_start(const bench_options *o, const char *folder, server *ret, varve_error *err)
{
    int port = free_port();
    if (access(o->varve, X_OK) != 0)
        return vv_fail(err, VARVE_NOT_FOUND, "no varve command at %s: name it with --varve",
                       o->varve);
    if (port == 0) return vv_fail(err, VARVE_IO, "no free port");
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return vv_fail(err, VARVE_IO, "cannot fork: %s", strerror(errno));
    if (child == 0) become_server(o->varve, folder, port);
    server s = {.pid = child};
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d", port);
    for (uint64_t from = clock_now_ns(); !answers(&s);) {
        if (clock_now_ns() - from > START_MS_MAX * 1000000ull || waitpid(child, NULL, WNOHANG)) {
            server_stop(&s);
            return vv_fail(err, VARVE_IO, "%s serve does not answer", o->varve);
        }
        clock_sleep_ms(20);
    }
    *ret = s;
    return VARVE_OK;
}

void server_stop(server *s)
{
    if (s->pid <= 0) return;
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    post *p = context;
    return buffer_add(&p->answer, bytes, size * count, NULL) == VARVE_OK ? size * count : 0;
}

varve_status post_init(post *p, varve_error *err)
{
    buffer_init(&p->answer, ANSWER_BYTES_MAX, "answer");
    p->curl = curl_easy_init();
    return p->curl ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "libcurl does not start");
}

void post_done(post *p)
{
    if (p->curl) curl_easy_cleanup(p->curl);
    buffer_done(&p->answer);
    p->curl = NULL;
}

varve_status post_send(post *p, const server *s, const char *path, const char *type,
                       const void *body, size_t len, varve_error *err)
{
    char url[512], header[96];
    long code = 0;
    struct curl_slist *headers;
    snprintf(url, sizeof url, "%s%s", s->url, path);
    snprintf(header, sizeof header, "Content-Type: %s", type);
    headers = curl_slist_append(curl_slist_append(NULL, header), "Expect:");
    buffer_clear(&p->answer);
    curl_easy_setopt(p->curl, CURLOPT_URL, url);
    curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
    CURLcode sent = curl_easy_perform(p->curl);
    curl_slist_free_all(headers);
    if (sent != CURLE_OK) return vv_fail(err, VARVE_IO, "%s: %s", url, curl_easy_strerror(sent));
    curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200)
        return vv_fail(err, VARVE_IO, "%s answers %ld: %.*s", path, code,
                       (int)VV_MIN(p->answer.len, 300), p->answer.data ? p->answer.data : "");
    return VARVE_OK;
}
