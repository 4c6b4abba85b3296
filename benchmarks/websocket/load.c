/* The WebSocket load: one thread, epoll, frames that were made beforehand. It does as little as a client can do, so that
 * the server is what is measured: it sends whole frames as they are, and of what comes it reads the frame heads
 * (RFC 6455, section 5.2) and counts. What is in the messages is checked by a real client before (measure.py).
 *
 *   load PORT echo|broadcast CONNECTIONS WARM_SECONDS SECONDS LENGTH FRAMES [EXTENSIONS]
 *
 * FRAMES is a file of client frames, each after its size (4 bytes, big-endian). LENGTH is what an answer's payload has
 * to be, 0 where it is compressed. EXTENSIONS is offered as Sec-WebSocket-Extensions and has to be agreed to.
 *
 * echo: every connection sends a message, waits for its answer, sends the next.
 * broadcast: every connection listens at /subscribe; one more sends to /publish, and again once all have heard.
 *
 * It says "ready" once all are connected and warm (SECONDS of 0 and no warming: one message each), goes on at a line on
 * standard input, says a line of JSON at the end, and stays connected, answering pings, until standard input ends. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTING, SHAKING, OPEN };
enum { AT_ONCE = 128, MAX_FRAMES = 256, MAX_SAMPLES = 1 << 22, BUFFER = 1 << 18, DRAIN_SECONDS = 10 };

typedef struct {
    int fd, state, waits; /* waits: for an answer */
    uint32_t interest;
    int frame;              /* which one it sends next */
    const char *out;        /* what is not sent yet */
    size_t out_left;
    unsigned char head[14]; /* of the frame that comes */
    int head_got;
    uint64_t left, message; /* payload still to come; payload of the message so far */
    unsigned char pong[131];
    char *answer;           /* of the handshake, so far */
    int answer_got;
    double sent;
} Connection;

static struct { char *data; size_t size; } frames[MAX_FRAMES];
static int frame_count, connection_count, publisher = -1, opened, connected, heard, running, measuring, epoll;
static uint64_t messages, bytes_in, expected, sample_count;
static uint32_t samples[MAX_SAMPLES];
static Connection *connections;
static const char *extensions, *mode;
static int port, broadcasting;
static char buffer[BUFFER], *requests[3];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
    printf("{\"error\": \"%s\"}\n", what);
    exit(1);
}

static void watch(Connection *c, uint32_t interest, int operation) {
    struct epoll_event event = {.events = interest, .data.u32 = (uint32_t)(c - connections)};
    if (operation == EPOLL_CTL_MOD && c->interest == interest) return;
    c->interest = interest;
    if (epoll_ctl(epoll, operation, c->fd, &event)) die("epoll_ctl failed");
}

static void flush_out(Connection *c) {
    while (c->out_left) {
        ssize_t n = write(c->fd, c->out, c->out_left);
        if (n < 0) {
            if (errno != EAGAIN) die("a connection broke while it was written to");
            break;
        }
        c->out += n;
        c->out_left -= (size_t)n;
    }
    watch(c, c->out_left ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void put(Connection *c, const char *data, size_t size) {
    if (c->out_left) die("there was still something to send");
    c->out = data;
    c->out_left = size;
    flush_out(c);
}

static void send_message(Connection *c) {
    int frame = c->frame;
    c->frame = (frame + 1) % frame_count;
    c->waits = 1;
    c->message = 0;
    c->sent = now();
    put(c, frames[frame].data, frames[frame].size);
}

static char *request_for(const char *path) {
    char *text = malloc(1024);
    snprintf(text, 1024,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s\r\n",
             path, port, *extensions ? "Sec-WebSocket-Extensions: " : "", extensions, *extensions ? "\r\n" : "");
    return text;
}

static void open_one(Connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("no more sockets: raise the limit of open files (ulimit -n)");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("a connection was refused");
    c->state = CONNECTING;
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
    opened++;
}

static void shake(Connection *c) {
    int index = (int)(c - connections);
    const char *text = requests[!broadcasting ? 0 : index == publisher ? 2 : 1];
    c->state = SHAKING;
    c->answer = calloc(1, 4096);
    put(c, text, strlen(text));
}

/* How much of `data` belongs to the handshake's answer. */
static size_t shaken(Connection *c, const char *data, size_t size) {
    int before = c->answer_got;
    size_t room = (size_t)(4095 - before), take = size < room ? size : room;
    char *end;
    memcpy(c->answer + before, data, take);
    c->answer_got += (int)take;
    if (!(end = strstr(c->answer, "\r\n\r\n"))) {
        if (take < size) die("the handshake's answer has no end");
        return size;
    }
    *end = 0;
    if (strncmp(c->answer, "HTTP/1.1 101", 12)) die("the handshake was not answered with 101");
    if (*extensions && !strcasestr(c->answer, "permessage-deflate")) die("the server does not agree to permessage-deflate");
    take = (size_t)(end + 4 - c->answer) - (size_t)before;
    free(c->answer);
    c->state = OPEN;
    connected++;
    if (broadcasting) c->waits = (int)(c - connections) != publisher; /* for "here" */
    else send_message(c);
    return take;
}

static void complete(Connection *c) {
    if (!c->waits) die("a message came that nobody waited for");
    if (expected && running && c->message != expected) die("an answer has the wrong length");
    c->waits = 0;
    c->message = 0;
    if (broadcasting) {
        heard++;
        messages++;
        return;
    }
    messages++;
    if (measuring && sample_count < MAX_SAMPLES) samples[sample_count++] = (uint32_t)((now() - c->sent) * 1e6);
    if (running) send_message(c);
}

/* The payload, at most 125 bytes, is in its place in `pong` already, after a head and a mask of zeros. */
static void control(Connection *c, int opcode, size_t size) {
    if (opcode == 8) die("the server closed a connection");
    if (opcode != 9 || c->out_left) return; /* a pong that cannot be sent at once is left out */
    c->pong[0] = 0x8a;
    c->pong[1] = (unsigned char)(0x80 | size);
    put(c, (char *)c->pong, 6 + size);
}

static void take_frames(Connection *c, char *data, size_t size) {
    while (size) {
        int need = c->head_got < 2 ? 2 : (c->head[1] & 127) == 127 ? 10 : (c->head[1] & 127) == 126 ? 4 : 2;
        if (c->head_got < need) {
            c->head[c->head_got++] = (unsigned char)*data++;
            size--;
            if (c->head_got < 2) continue;
            if (c->head[1] & 128) die("the server masked a frame");
            need = (c->head[1] & 127) == 127 ? 10 : (c->head[1] & 127) == 126 ? 4 : 2;
            if (c->head_got < need) continue;
            c->left = c->head[1] & 127;
            if (need > 2) {
                c->left = 0;
                for (int i = 2; i < need; i++) c->left = c->left << 8 | c->head[i];
            }
            if (!(c->head[0] & 8)) c->message += c->left;
        }
        size_t take = c->left < size ? (size_t)c->left : size;
        int control_frame = c->head[0] & 8, final = c->head[0] & 128;
        if (control_frame) memcpy(c->pong + 6 + ((c->head[1] & 127) - c->left), data, take);
        data += take, size -= take, c->left -= take;
        if (c->left) continue;
        c->head_got = 0;
        if (control_frame) control(c, c->head[0] & 15, c->head[1] & 127);
        else if (final) complete(c);
    }
}

static void happened(Connection *c, uint32_t events) {
    if (c->state == CONNECTING) {
        int problem = 0;
        socklen_t size = sizeof problem;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem) die("a connection was refused");
        shake(c);
        return;
    }
    if (events & EPOLLOUT) flush_out(c);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t n = read(c->fd, buffer, BUFFER);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server dropped a connection");
    bytes_in += (uint64_t)n;
    char *data = buffer;
    size_t size = (size_t)n;
    if (c->state == SHAKING) {
        size_t used = shaken(c, data, size);
        data += used, size -= used;
    }
    if (size) take_frames(c, data, size);
}

static void publish(void) {
    Connection *c = &connections[publisher];
    for (int i = 0; i < publisher; i++) connections[i].waits = 1;
    heard = 0;
    send_message(c);
    c->waits = 0;
}

static int outstanding(void) {
    int count = 0;
    for (int i = 0; i < connection_count; i++) count += connections[i].waits || connections[i].state != OPEN;
    return count;
}

/* Until `until`, or until nothing is awaited (drain), or until standard input has a line or ends. */
static int turn(double until, int drain, int input) {
    struct epoll_event events[256];
    struct epoll_event line = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll, input ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, 0, &line);
    for (;;) {
        double left = until - now();
        if (left <= 0) return 0;
        if (drain && opened == connection_count && !outstanding()) return 0;
        while (opened < connection_count && opened - connected < AT_ONCE) open_one(&connections[opened]);
        if (broadcasting && running && heard == publisher) {
            if (measuring && sample_count < MAX_SAMPLES)
                samples[sample_count++] = (uint32_t)((now() - connections[publisher].sent) * 1e6);
            publish();
        }
        int n = epoll_wait(epoll, events, 256, left > 1 ? 1000 : (int)(left * 1000) + 1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == UINT32_MAX) {
                ssize_t got = read(0, buffer, BUFFER);
                return got > 0 ? 1 : 2;
            }
            happened(&connections[events[i].data.u32], events[i].events);
        }
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void drain(void) {
    running = 0;
    turn(now() + DRAIN_SECONDS, 1, 0);
    if (outstanding()) die("answers are missing");
}

static void load_frames(const char *path) {
    FILE *file = fopen(path, "rb");
    unsigned char size[4];
    if (!file) die("the file of frames cannot be read");
    while (frame_count < MAX_FRAMES && fread(size, 1, 4, file) == 4) {
        size_t length = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
        frames[frame_count].data = malloc(length);
        frames[frame_count].size = length;
        if (fread(frames[frame_count++].data, 1, length, file) != length) die("the file of frames is cut off");
    }
    fclose(file);
    if (!frame_count) die("there are no frames");
}

int main(int argc, char **argv) {
    if (argc < 8) return 2;
    port = atoi(argv[1]);
    mode = argv[2];
    connection_count = atoi(argv[3]);
    double warm = atof(argv[4]), seconds = atof(argv[5]);
    expected = strtoull(argv[6], 0, 10);
    load_frames(argv[7]);
    extensions = argc > 8 ? argv[8] : "";
    setvbuf(stdout, 0, _IOLBF, 0);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if ((broadcasting = !strcmp(mode, "broadcast"))) publisher = connection_count++;
    requests[0] = request_for("/");
    requests[1] = request_for("/subscribe");
    requests[2] = request_for("/publish");
    connections = calloc((size_t)connection_count, sizeof(Connection));
    epoll = epoll_create1(EPOLL_CLOEXEC);

    turn(now() + 120, 1, 0);
    if (outstanding() || opened < connection_count) die("not all connections were answered within 120 s");
    if (warm > 0) {
        running = 1;
        if (broadcasting) heard = publisher;
        else for (int i = 0; i < connection_count; i++) send_message(&connections[i]);
        turn(now() + warm, 0, 0);
        drain();
    }
    printf("ready\n");
    if (turn(now() + 3600, 0, 1) != 1) return 0;

    messages = bytes_in = sample_count = 0;
    double began = now();
    running = measuring = 1;
    if (broadcasting) publish();
    else for (int i = 0; i < connection_count; i++) send_message(&connections[i]);
    turn(began + seconds, 0, 0);
    drain();
    double took = now() - began;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    qsort(samples, sample_count, sizeof *samples, by_value);
    printf("{\"messages\": %llu, \"bytes\": %llu, \"seconds\": %.4f, \"p50_ms\": %.4f, \"p99_ms\": %.4f}\n",
           (unsigned long long)messages, (unsigned long long)bytes_in, took,
           sample_count ? samples[sample_count / 2] / 1e3 : 0.0, sample_count ? samples[sample_count * 99 / 100] / 1e3 : 0.0);
    turn(now() + 3600, 0, 1);
    return 0;
}
