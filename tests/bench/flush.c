/* Preloaded into a server: times every flush of a file, and makes it slower when asked to.
 *
 * BENCH_FLUSH_FILE names a file of BENCH_FLUSH_SLOTS + 1 unsigned 64-bit numbers: first how many flushes there have been,
 * then how long each took, in nanoseconds. Mapped, so that keeping an account costs a store in memory.
 * BENCH_FLUSH_DELAY_US is added to each flush, and counted in.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static uint64_t *account;
static uint64_t slots;
static struct timespec delay;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

__attribute__((constructor)) static void prepare(void) {
    const char *name = getenv("BENCH_FLUSH_FILE"), *count = getenv("BENCH_FLUSH_SLOTS"), *late = getenv("BENCH_FLUSH_DELAY_US");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (late) {
        uint64_t us = strtoull(late, NULL, 10);
        delay.tv_sec = (time_t)(us / 1000000u);
        delay.tv_nsec = (long)(us % 1000000u) * 1000;
    }
    int fd = name && count ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    slots = strtoull(count, NULL, 10);
    void *mapped = mmap(NULL, (slots + 1) * sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) account = mapped;
    close(fd);
}

static int flush(int (*real)(int), int fd) {
    uint64_t began = now();
    int result = real(fd);
    if (delay.tv_sec || delay.tv_nsec) nanosleep(&delay, NULL);
    if (account) {
        uint64_t turn = __atomic_fetch_add(&account[0], 1, __ATOMIC_RELAXED);
        account[1 + turn % slots] = now() - began;
    }
    return result;
}

int fdatasync(int fd) { return flush(real_fdatasync, fd); }
int fsync(int fd) { return flush(real_fsync, fd); }
