// The fork-join pool behind tc_parallel_for.
//
// Each worker has a mailbox: the caller writes the job into it and then a new
// ticket; the worker runs the job and answers with the ticket. One cache line
// travels each way, and a region costs two such transfers. Whoever waits for a
// word (the worker for a ticket, the caller for an answer) spins for a while,
// then sleeps on it, having set its lowest bit to ask for a wake-up.
//
// Who may touch what: everything of Pool belongs to the thread that holds
// `busy`. A mailbox's job is written by the holder before the ticket, and read
// by the worker until it has answered.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <atomic>

#include "placement.h"
#include "tc/runtime/c_api.h"
#include "text.h"

namespace tc::runtime {
namespace {

// A worker without work spins this long before it sleeps: waking it costs 20 to
// 60 us, a region of a spinning one 0.1.
constexpr int64_t kSpinNs = 1'000'000;
// A caller with its own part done spins this long for the others.
constexpr int64_t kCallerSpinNs = 200'000;
// Looks at the mailbox between two looks at the clock (about 1 us).
constexpr int kLooksPerClock = 64;
// A spinner whose clock jumped this far was off its CPU: somebody else wants it,
// and a sleeper that is woken gets it back sooner than a spinner does. Beside
// one other busy thread on two CPUs, regions 200 us apart then keep half their
// rate; with sched_yield in the loop they kept 7%.
constexpr int64_t kPreemptedNs = 50'000;

struct Job {
  tc_loop_body body = nullptr;  // null: the worker ends
  void* closure = nullptr;
  int64_t begin = 0, end = 0;
  uint32_t float_mode = 0;
};

struct alignas(128) Mailbox {
  std::atomic<uint32_t> ticket{0};
  Job job;
  alignas(128) std::atomic<uint32_t> answer{0};
  int32_t status = 0;
  const char* error = nullptr;  // the worker's own text, valid until its next job
};

struct Pool {
  std::atomic<uint32_t> busy{0};
  int started = 0;  // workers 1..started run
  bool handles_fork = false;
  std::atomic<uint32_t> forks{0};
  Placement placement;
  pthread_t threads[Placement::kMaxThreads] = {};
  Mailbox mailboxes[Placement::kMaxThreads];
};

// No destructor runs on it: workers may outlive static destruction.
constinit Pool g_pool;
constinit thread_local bool t_inside = false;  // in a parallel loop's body

inline void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Rounding and flush-to-zero mode: workers take the caller's, so that results
/// do not depend on which thread computes them.
inline uint32_t float_mode() {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3fu;  // without the sticky exception flags
#else
  return 0;
#endif
}

inline void set_float_mode(uint32_t mode) {
#if defined(__x86_64__)
  if (float_mode() != mode) _mm_setcsr(mode);
#else
  (void)mode;
#endif
}

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void futex_wait(std::atomic<uint32_t>* word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// Returns the word's value once it differs from `old`, which is even.
uint32_t await_change(std::atomic<uint32_t>& word, uint32_t old, int64_t spin_ns) {
  int64_t now = monotonic_ns();
  for (const int64_t deadline = now + spin_ns; now < deadline;) {
    for (int i = 0; i < kLooksPerClock; ++i) {
      const uint32_t value = word.load(std::memory_order_acquire);
      if (value != old) return value;
      cpu_pause();
    }
    const int64_t before = now;
    now = monotonic_ns();
    if (now - before > kPreemptedNs) break;
  }
  uint32_t value = old;
  if (!word.compare_exchange_strong(value, old | 1, std::memory_order_acquire)) return value;
  do {
    futex_wait(&word, old | 1);
    value = word.load(std::memory_order_acquire);
  } while (value == (old | 1));
  return value;
}

/// Changes the word and wakes whoever sleeps on it.
void announce(std::atomic<uint32_t>& word, uint32_t value) {
  if (word.exchange(value, std::memory_order_acq_rel) & 1) futex_wake(&word);
}

void* worker_main(void* argument) {
  Mailbox& box = *static_cast<Mailbox*>(argument);
  t_inside = true;  // a loop inside a worker's part runs serially
  for (uint32_t seen = 0;;) {
    seen = await_change(box.ticket, seen, kSpinNs);
    const Job job = box.job;
    if (job.body == nullptr) return nullptr;
    set_float_mode(job.float_mode);
    const int32_t status = job.body(job.closure, job.begin, job.end);
    box.status = status;
    if (status != 0) box.error = tc_last_error();
    announce(box.answer, seen);
  }
}

/// Hands the box's job to its worker. Tickets are even, and an answer is the
/// ticket's number.
void post(Mailbox& box) { announce(box.ticket, box.answer.load(std::memory_order_relaxed) + 2); }

/// Waits until the worker has answered the newest ticket.
void await_answer(Mailbox& box) {
  // The worker may sleep again already, which shows in its ticket.
  const uint32_t ticket = box.ticket.load(std::memory_order_relaxed) & ~1u;
  const uint32_t answer = box.answer.load(std::memory_order_acquire);
  if (answer != ticket) await_change(box.answer, answer, kCallerSpinNs);
}

/// In the child: only the forking thread exists, and whatever the pool was
/// doing, it does no longer.
void forget_workers() {
  for (int worker = 1; worker <= g_pool.started; ++worker) {
    g_pool.mailboxes[worker].ticket.store(0, std::memory_order_relaxed);
    g_pool.mailboxes[worker].answer.store(0, std::memory_order_relaxed);
  }
  g_pool.started = 0;
  g_pool.placement.reset();
  g_pool.forks.fetch_add(1, std::memory_order_relaxed);
  g_pool.busy.store(0, std::memory_order_relaxed);
}

bool start_worker(int worker) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  cpu_set_t mask;
  const bool bound = g_pool.placement.cpus_of(worker, &mask) &&
                     pthread_attr_setaffinity_np(&attributes, sizeof mask, &mask) == 0;
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t* thread = &g_pool.threads[worker];
  Mailbox* box = &g_pool.mailboxes[worker];
  int error = pthread_create(thread, &attributes, worker_main, box);
  // A sandbox may forbid binding; an unbound worker is still right.
  if (error != 0 && bound) error = pthread_create(thread, nullptr, worker_main, box);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return false;
  pthread_setname_np(*thread, "tc-worker");
  return true;
}

void bind_worker(int worker) {
  cpu_set_t mask;
  if (worker > g_pool.started || !g_pool.placement.cpus_of(worker, &mask)) return;
  pthread_setaffinity_np(g_pool.threads[worker], sizeof mask, &mask);  // refusal: it stays where it is
}

/// Makes workers and their places fit for a region of `parts` in a pool of
/// `threads`. Returns how many parts can run at once, at least 1.
int prepare(int parts, int threads) {
  const int cpu = sched_getcpu();
  if (g_pool.placement.threads() != threads) {
    if (!g_pool.handles_fork) g_pool.handles_fork = pthread_atfork(nullptr, nullptr, forget_workers) == 0;
    g_pool.placement.cut(threads, cpu);
    for (int worker = 1; worker < threads; ++worker) bind_worker(worker);
  } else if (!g_pool.placement.is_caller_at(cpu)) {
    const int worker = g_pool.placement.caller_moved_to(cpu);
    if (worker != Placement::kNone) bind_worker(worker);
  }
  while (g_pool.started < parts - 1 && start_worker(g_pool.started + 1)) ++g_pool.started;
  return parts - 1 <= g_pool.started ? parts : g_pool.started + 1;
}

int32_t run_region(tc_loop_body body, void* closure, int64_t extent, int parts) {
  const int64_t share = extent / parts, longer = extent % parts;
  const uint32_t forks = g_pool.forks.load(std::memory_order_relaxed);
  const uint32_t mode = float_mode();
  const int64_t first_end = share + (longer > 0 ? 1 : 0);
  int64_t begin = first_end;
  for (int part = 1; part < parts; ++part) {
    const int64_t end = begin + share + (part < longer ? 1 : 0);
    g_pool.mailboxes[part].job = {body, closure, begin, end, mode};
    post(g_pool.mailboxes[part]);
    begin = end;
  }
  int32_t status = body(closure, 0, first_end);
  if (g_pool.forks.load(std::memory_order_relaxed) != forks) {
    const Fact fix = {"fix", "fork outside of loops, or call the function anew in the child"};
    set_error("runtime.fork",
              "the process forked inside a parallel loop; the loop's other threads stayed behind", &fix, 1);
    return 1;
  }
  for (int part = 1; part < parts; ++part) {
    Mailbox& box = g_pool.mailboxes[part];
    await_answer(box);
    if (status == 0 && box.status != 0) {
      status = box.status;
      adopt_error(box.error);
    }
  }
  return status;
}

int32_t run_serially(tc_loop_body body, void* closure, int64_t extent) {
  const bool outer = t_inside;
  t_inside = true;
  const int32_t status = body(closure, 0, extent);
  t_inside = outer;
  return status;
}

bool take_pool() {
  return g_pool.busy.load(std::memory_order_relaxed) == 0 &&
         g_pool.busy.exchange(1, std::memory_order_acquire) == 0;
}

/// Before the code of the workers is unmapped or the process ends. The pool
/// stays taken, so a loop that a later exit handler runs is serial. Where a
/// region is running (exit from within a loop) nothing can be waited for.
__attribute__((destructor)) void stop_workers() {
  if (t_inside || !take_pool()) return;
  for (int worker = 1; worker <= g_pool.started; ++worker) {
    g_pool.mailboxes[worker].job = {};
    post(g_pool.mailboxes[worker]);
  }
  for (int worker = 1; worker <= g_pool.started; ++worker) pthread_join(g_pool.threads[worker], nullptr);
}

}  // namespace
}  // namespace tc::runtime

using namespace tc::runtime;

extern "C" int32_t tc_parallel_for(tc_loop_body body, void* closure, int64_t extent) {
  if (extent <= 0) return 0;
  const int threads = t_inside ? 1 : tc_num_threads();
  if (threads == 1 || extent == 1 || !take_pool()) return run_serially(body, closure, extent);
  const int parts = prepare(extent < threads ? static_cast<int>(extent) : threads, threads);
  t_inside = true;
  const int32_t status = run_region(body, closure, extent, parts);
  t_inside = false;
  g_pool.busy.store(0, std::memory_order_release);
  return status;
}
