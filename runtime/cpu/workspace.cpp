// tc_alloc and tc_free: workspace blocks, cached per thread.
//
// A block is a 64-byte header followed by the memory handed out. A thread keeps
// the blocks it frees, up to a count and a number of bytes, and takes the
// smallest one that fits and wastes less than half.
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "tc/runtime/c_api.h"
#include "text.h"

namespace tc::runtime {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kMostBytes = int64_t{1} << 47;  // of user address space
constexpr int kCachedBlocks = 16;
constexpr int64_t kCachedBytes = int64_t{256} << 20;

struct alignas(kAlignment) Block {
  int64_t capacity;  // bytes after the header
};

struct Cache {
  Block* blocks[kCachedBlocks];
  int count;
  int64_t bytes;
  bool registered;  // its blocks are freed when the thread ends
};

constinit thread_local Cache t_cache = {};

// Frees a thread's cache at its end. The key goes away with the library, since
// its destructor would then be unmapped code.
constinit std::atomic<int64_t> g_key{-1};

void empty_cache(void* argument) {
  Cache& cache = *static_cast<Cache*>(argument);
  for (int i = 0; i < cache.count; ++i) free(cache.blocks[i]);
  cache = {};
}

void register_cache(Cache& cache) {
  int64_t key = g_key.load(std::memory_order_acquire);
  if (key < 0) {
    pthread_key_t made;
    if (pthread_key_create(&made, empty_cache) != 0) return;
    if (g_key.compare_exchange_strong(key, made, std::memory_order_acq_rel)) {
      key = made;
    } else {
      pthread_key_delete(made);
    }
  }
  cache.registered = pthread_setspecific(static_cast<pthread_key_t>(key), &cache) == 0;
}

__attribute__((destructor)) void forget_key() {
  const int64_t key = g_key.exchange(-1, std::memory_order_acq_rel);
  if (key >= 0) pthread_key_delete(static_cast<pthread_key_t>(key));
  empty_cache(&t_cache);
}

Block* take_from_cache(int64_t bytes) {
  Cache& cache = t_cache;
  int best = -1;
  for (int i = 0; i < cache.count; ++i) {
    const int64_t capacity = cache.blocks[i]->capacity;
    if (capacity < bytes || capacity / 2 > bytes + 4096) continue;
    if (best < 0 || capacity < cache.blocks[best]->capacity) best = i;
  }
  if (best < 0) return nullptr;
  Block* block = cache.blocks[best];
  cache.blocks[best] = cache.blocks[--cache.count];
  cache.bytes -= block->capacity;
  return block;
}

/// Puts a block into the cache, at the cost of the oldest ones; false if it is
/// larger than the whole cache may be, or the cache would never be freed.
bool put_into_cache(Block* block) {
  Cache& cache = t_cache;
  if (!cache.registered) register_cache(cache);
  if (!cache.registered || block->capacity > kCachedBytes) return false;
  while (cache.count == kCachedBlocks || cache.bytes + block->capacity > kCachedBytes) {
    cache.bytes -= cache.blocks[0]->capacity;
    free(cache.blocks[0]);
    for (int i = 1; i < cache.count; ++i) cache.blocks[i - 1] = cache.blocks[i];
    --cache.count;
  }
  cache.blocks[cache.count++] = block;
  cache.bytes += block->capacity;
  return true;
}

Block* allocate(int64_t bytes) {
  const int64_t capacity = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t size = sizeof(Block) + static_cast<size_t>(capacity);
  const bool huge = capacity >= kHugePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, huge ? kHugePage : kAlignment, size) != 0) return nullptr;
  if (huge) madvise(memory, size, MADV_HUGEPAGE);  // fewer TLB misses; a refusal does not matter
  Block* block = static_cast<Block*>(memory);
  block->capacity = capacity;
  return block;
}

void refuse(const char* code, const char* sentence, int64_t bytes) {
  Text asked;
  asked.append("%lld bytes", static_cast<long long>(bytes));
  const Fact facts[] = {{"asked", asked.c_str()},
                        {"fix", "use smaller tensors or a schedule with less scratch"}};
  set_error(code, sentence, facts, 2);
}

}  // namespace
}  // namespace tc::runtime

using namespace tc::runtime;

extern "C" void* tc_alloc(int64_t bytes) {
  if (bytes < 0 || bytes > kMostBytes) {
    refuse("runtime.alloc.size", "a workspace has an impossible size", bytes);
    return nullptr;
  }
  Block* block = take_from_cache(bytes);
  if (block == nullptr) block = allocate(bytes);
  if (block == nullptr) {
    refuse("runtime.alloc.exhausted", "no memory is left for a workspace", bytes);
    return nullptr;
  }
  return block + 1;
}

extern "C" void tc_free(void* memory) {
  if (memory == nullptr) return;
  Block* block = static_cast<Block*>(memory) - 1;
  if (!put_into_cache(block)) free(block);
}
