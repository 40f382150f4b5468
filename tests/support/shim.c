/* Stands between a service and its system (LD_PRELOAD): kills it at a chosen call, lets calls fail, or delays them.

   The file named by SHIM_RULES says what to do, one rule a line; while there is no such file, nothing is done. It is
   read anew at every call, so that a fault can begin and end while the service runs.

       log 0 OP GLOB             write "OP PATH" to the file named by SHIM_LOG
       delay MS OP GLOB          wait before the call
       fail ERRNO OP GLOB        do not call; fail with that error
       kill-before N OP GLOB     SIGKILL before the N-th such call since the service started
       kill-after N OP GLOB      SIGKILL after it; at most one kill-rule in a file

   OP: look (open for reading), open (to write), read, write, fsync, link, rename, unlink, mkdir, rmdir, send, or *.
   GLOB: matches the path of a file or of an open descriptor, the new path of link and rename, or "tcp"; in a kill-rule a
   * stays within one folder. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long matched;            /* calls that a kill-rule named */
static _Thread_local bool dies_after;  /* the call in hand is the one */

/* System calls of our own are made directly: a call of the wrapped functions would come back here. */
static bool read_rules(char *text, size_t room) {
    int fd = syscall(SYS_openat, AT_FDCWD, getenv("SHIM_RULES"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t size = syscall(SYS_read, fd, text, room - 1);
    syscall(SYS_close, fd);
    if (size < 0) return false;
    text[size] = 0;
    return true;
}

static void note(const char *op, const char *path) {
    char line[PATH_MAX + 32];
    int size = snprintf(line, sizeof line, "%s %s\n", op, path);
    int fd = syscall(SYS_openat, AT_FDCWD, getenv("SHIM_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    syscall(SYS_write, fd, line, size);
    syscall(SYS_close, fd);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void wait_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Whether the call is to fail, with errno set. */
static bool before(const char *op, const char *path) {
    char text[8192], action[16], wanted[16], glob[1024], *rest = text;
    long number, error = 0;
    if (!read_rules(text, sizeof text)) return false;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (sscanf(line, "%15s %ld %15s %1023s", action, &number, wanted, glob) != 4) continue;
        int flags = strncmp(action, "kill", 4) ? 0 : FNM_PATHNAME;
        if (fnmatch(wanted, op, 0) || fnmatch(glob, path, flags)) continue;
        if (!strcmp(action, "log")) note(op, path);
        else if (!strcmp(action, "delay")) wait_ms(number);
        else if (!strcmp(action, "fail")) error = number;
        else if (atomic_fetch_add(&matched, 1) + 1 != number) continue;
        else if (!strcmp(action, "kill-before")) die();
        else if (!strcmp(action, "kill-after")) dies_after = true;
    }
    if (error) errno = error;
    return error != 0;
}

static void after(void) {
    if (dies_after) die();
}

static bool armed(void) {
    return getenv("SHIM_RULES") && !syscall(SYS_faccessat, AT_FDCWD, getenv("SHIM_RULES"), F_OK);
}

static bool of_path(char *found, const char *path) {
    return snprintf(found, PATH_MAX, "%s", path) < PATH_MAX;
}

static bool of_fd(char *found, int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, found, PATH_MAX - 1);
    if (size < 0) return false;
    found[size] = 0;
    return true;
}

static bool of_socket(char *found, int fd) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size)) return false;
    return (name.ss_family == AF_INET || name.ss_family == AF_INET6) && of_path(found, "tcp");
}

/* What a wrapped function does: `call` with the faults around it; `subject` fills in the path that it concerns. */
#define AROUND(name, op, subject, call)                             \
    {                                                               \
        static typeof(&name) real;                                  \
        char path[PATH_MAX];                                        \
        int was = errno;                                            \
        if (!real) real = (typeof(&name))dlsym(RTLD_NEXT, #name);   \
        bool faulty = armed() && subject;                           \
        errno = was;                                                \
        if (!faulty) return real call;                              \
        if (before(op, path)) return -1;                            \
        typeof(real call) result = real call;                       \
        after();                                                    \
        return result;                                              \
    }

#define OPENED(flags) ((flags) & (O_CREAT | O_WRONLY | O_RDWR) ? "open" : "look")
#define WITH_MODE(flags)                       \
    va_list rest;                              \
    va_start(rest, flags);                     \
    mode_t mode = va_arg(rest, mode_t);        \
    va_end(rest);

int open(const char *file, int flags, ...) {
    WITH_MODE(flags) AROUND(open, OPENED(flags), of_path(path, file), (file, flags, mode)) }
int open64(const char *file, int flags, ...) {
    WITH_MODE(flags) AROUND(open64, OPENED(flags), of_path(path, file), (file, flags, mode)) }
int openat(int dir, const char *file, int flags, ...) {
    WITH_MODE(flags) AROUND(openat, OPENED(flags), of_path(path, file), (dir, file, flags, mode)) }
int openat64(int dir, const char *file, int flags, ...) {
    WITH_MODE(flags) AROUND(openat64, OPENED(flags), of_path(path, file), (dir, file, flags, mode)) }

ssize_t read(int fd, void *data, size_t size)
    AROUND(read, "read", of_fd(path, fd), (fd, data, size))
ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
    AROUND(pread64, "read", of_fd(path, fd), (fd, data, size, offset))
ssize_t preadv64(int fd, const struct iovec *pieces, int count, off64_t offset)
    AROUND(preadv64, "read", of_fd(path, fd), (fd, pieces, count, offset))
ssize_t preadv64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags)
    AROUND(preadv64v2, "read", of_fd(path, fd), (fd, pieces, count, offset, flags))
ssize_t write(int fd, const void *data, size_t size)
    AROUND(write, "write", of_fd(path, fd), (fd, data, size))
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
    AROUND(pwrite64, "write", of_fd(path, fd), (fd, data, size, offset))
ssize_t writev(int fd, const struct iovec *pieces, int count)
    AROUND(writev, "write", of_fd(path, fd), (fd, pieces, count))
int fsync(int fd)
    AROUND(fsync, "fsync", of_fd(path, fd), (fd))
int fdatasync(int fd)
    AROUND(fdatasync, "fsync", of_fd(path, fd), (fd))

int link(const char *old, const char *new)
    AROUND(link, "link", of_path(path, new), (old, new))
int linkat(int from, const char *old, int to, const char *new, int flags)
    AROUND(linkat, "link", of_path(path, new), (from, old, to, new, flags))
int rename(const char *old, const char *new)
    AROUND(rename, "rename", of_path(path, new), (old, new))
int renameat(int from, const char *old, int to, const char *new)
    AROUND(renameat, "rename", of_path(path, new), (from, old, to, new))
int unlink(const char *file)
    AROUND(unlink, "unlink", of_path(path, file), (file))
int unlinkat(int dir, const char *file, int flags)
    AROUND(unlinkat, "unlink", of_path(path, file), (dir, file, flags))
int mkdir(const char *file, mode_t mode)
    AROUND(mkdir, "mkdir", of_path(path, file), (file, mode))
int mkdirat(int dir, const char *file, mode_t mode)
    AROUND(mkdirat, "mkdir", of_path(path, file), (dir, file, mode))
int rmdir(const char *file)
    AROUND(rmdir, "rmdir", of_path(path, file), (file))

ssize_t send(int fd, const void *data, size_t size, int flags)
    AROUND(send, "send", of_socket(path, fd), (fd, data, size, flags))
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length)
    AROUND(sendto, "send", of_socket(path, fd), (fd, data, size, flags, to, length))
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
    AROUND(sendmsg, "send", of_socket(path, fd), (fd, message, flags))
