// An embedding table in C++ as a user might write it, for comparison: linear probing at most half full, rows of values and
// AdaGrad accumulators contiguous. Pulls and pushes either one id at a time or in batches that prefetch first the index, then
// the rows.
// Input: u32 dimension, batch size, lists; then each list as u64 length and u64 ids, the first holding all ids. Then orders of
// two u32: what to do (0 pull, 1 push, 2 pull prefetching, 3 push prefetching) and the list to do it with, until the end.
// Output: a line when all ids are in, then one per order: the CPU seconds it took.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace {

constexpr float learning_rate = 0.05f, initial_accumulator = 1e-5f, epsilon = 1e-8f, gradient_value = 0.001f;
constexpr size_t line_bytes = 64;

template <class Value>
bool read_one(Value& value) {
  return std::fread(&value, sizeof value, 1, stdin) == 1;
}

template <class Value>
Value needed() {
  Value value;
  if (!read_one(value)) std::exit(2);
  return value;
}

std::vector<uint64_t> read_list() {
  std::vector<uint64_t> list(needed<uint64_t>());
  if (std::fread(list.data(), 8, list.size(), stdin) != list.size()) std::exit(2);
  return list;
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

template <size_t dimension>
class Table {
 public:
  explicit Table(size_t rows) {
    size_t places = 16;
    while (places < rows * 2) places *= 2;
    mask_ = places - 1;
    places_.resize(places);
    columns_ = static_cast<float*>(std::aligned_alloc(line_bytes, rows * row_bytes));
  }
  ~Table() { std::free(columns_); }

  void insert(uint64_t id) {
    size_t place = home(id);
    while (places_[place].id != 0) {
      if (places_[place].id == id) return;
      place = (place + 1) & mask_;
    }
    places_[place] = {id, used_++};
    float* row = values(places_[place].row);
    for (size_t column = 0; column < dimension; column++) {
      row[column] = 0.01f;
      row[dimension + column] = initial_accumulator;
    }
  }

  void pull(const uint64_t* ids, size_t count, float* out) const {
    for (size_t i = 0; i < count; i++) std::memcpy(out + i * dimension, values(find(ids[i])), dimension * 4);
  }

  void push(const uint64_t* ids, size_t count, const float* gradients) {
    for (size_t i = 0; i < count; i++) update(values(find(ids[i])), gradients + i * dimension);
  }

  void pull_prefetching(const uint64_t* ids, size_t count, float* out) {
    locate(ids, count);
    for (size_t i = 0; i < count; i++) std::memcpy(out + i * dimension, located_[i], dimension * 4);
  }

  void push_prefetching(const uint64_t* ids, size_t count, const float* gradients) {
    locate(ids, count);
    for (size_t i = 0; i < count; i++) update(located_[i], gradients + i * dimension);
  }

 private:
  struct Place {
    uint64_t id = 0;
    uint64_t row = 0;
  };
  static constexpr size_t row_bytes = dimension * 8;

  size_t home(uint64_t id) const {
    id = (id ^ (id >> 32)) * 0x9e3779b97f4a7c15ull;
    return (id ^ (id >> 29)) & mask_;
  }

  uint64_t find(uint64_t id) const {
    size_t place = home(id);
    while (places_[place].id != id) place = (place + 1) & mask_;
    return places_[place].row;
  }

  float* values(uint64_t row) const { return columns_ + row * dimension * 2; }

  static void update(float* __restrict weights, const float* __restrict gradient) {
    float* __restrict sums = weights + dimension;
    for (size_t column = 0; column < dimension; column++) {
      const float g = gradient[column];
      sums[column] += g * g;
      weights[column] -= learning_rate * g / (std::sqrt(sums[column]) + epsilon);
    }
  }

  void locate(const uint64_t* ids, size_t count) {
    located_.resize(count);
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&places_[home(ids[i])]);
    for (size_t i = 0; i < count; i++) {
      located_[i] = values(find(ids[i]));
      const char* line = reinterpret_cast<const char*>(located_[i]);
      for (size_t offset = 0; offset < row_bytes; offset += line_bytes) __builtin_prefetch(line + offset);
    }
  }

  size_t mask_ = 0;
  uint64_t used_ = 0;
  std::vector<Place> places_;
  std::vector<float*> located_;
  float* columns_ = nullptr;
};

template <size_t dimension>
void serve(size_t batch, size_t lists) {
  const std::vector<uint64_t> ids = read_list();
  std::vector<std::vector<uint64_t>> drawn;
  for (size_t list = 1; list < lists; list++) drawn.push_back(read_list());
  Table<dimension> table(ids.size());
  for (const uint64_t id : ids) table.insert(id);
  std::vector<float> out(batch * dimension), gradients(out.size(), gradient_value);
  std::puts("ready");
  std::fflush(stdout);
  for (uint32_t work; read_one(work);) {
    const std::vector<uint64_t>& list = drawn.at(needed<uint32_t>());
    const double start = cpu_seconds();
    for (size_t from = 0; from < list.size(); from += batch) {
      const size_t count = std::min(batch, list.size() - from);
      if (work == 0) table.pull(&list[from], count, out.data());
      if (work == 1) table.push(&list[from], count, gradients.data());
      if (work == 2) table.pull_prefetching(&list[from], count, out.data());
      if (work == 3) table.push_prefetching(&list[from], count, gradients.data());
    }
    std::printf("%.9f\n", cpu_seconds() - start);
    std::fflush(stdout);
  }
}

}  // namespace

int main() {
  const auto dimension = needed<uint32_t>();
  const auto batch = needed<uint32_t>();
  const auto lists = needed<uint32_t>();
  if (dimension == 16) serve<16>(batch, lists);
  else if (dimension == 32) serve<32>(batch, lists);
  else if (dimension == 64) serve<64>(batch, lists);
  else return 3;
}
