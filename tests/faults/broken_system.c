// Preloaded into the server under test: a clock that can be set, and memory that runs out, as a shared file says.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct Faults {
  _Atomic long long clock_seconds;  // added to the time of day
  _Atomic long long allocations;    // that succeed before `failing` ones fail
  _Atomic long long failing;
  _Atomic long long failed;    // so far
  _Atomic long long smallest;  // of so many bytes can fail
};

static struct Faults none;
static struct Faults* faults = &none;

__attribute__((constructor)) static void Map(void) {
  const char* path = getenv("BROKEN_SYSTEM");
  const int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* at = mmap(NULL, sizeof(struct Faults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at != MAP_FAILED) faults = at;
}

static int Fails(size_t size) {
  if ((long long)size < atomic_load_explicit(&faults->smallest, memory_order_relaxed)) return 0;
  if (atomic_load_explicit(&faults->failing, memory_order_relaxed) <= 0) return 0;
  if (atomic_fetch_sub(&faults->allocations, 1) > 0) return 0;
  if (atomic_fetch_sub(&faults->failing, 1) <= 0) return 0;
  atomic_fetch_add(&faults->failed, 1);
  errno = ENOMEM;
  return 1;
}

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* old, size_t size);

void* malloc(size_t size) { return Fails(size) ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return Fails(count * size) ? NULL : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return Fails(size) ? NULL : __libc_realloc(old, size); }

int clock_gettime(clockid_t clock, struct timespec* time) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  const int status = real(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += atomic_load(&faults->clock_seconds);
  return status;
}
