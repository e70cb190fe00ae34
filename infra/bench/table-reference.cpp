// An embedding table in C++ as a user might write it, for comparison: linear probing at most half full, rows of values and
// AdaGrad accumulators contiguous, and batches that prefetch first the index, then the rows.
// Input: u32 dimension, batch size, rounds, lists; then each list as u64 length and u64 ids, the first holding all ids.
// Output: one line per further list with pulls and pushes per second, best round.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

namespace {

constexpr float learning_rate = 0.05f, initial_accumulator = 1e-5f, epsilon = 1e-8f, gradient_value = 0.001f;
constexpr size_t line_bytes = 64;

template <class Value>
Value read_one() {
  Value value;
  if (std::fread(&value, sizeof value, 1, stdin) != 1) std::exit(2);
  return value;
}

std::vector<uint64_t> read_list() {
  std::vector<uint64_t> list(read_one<uint64_t>());
  if (std::fread(list.data(), 8, list.size(), stdin) != list.size()) std::exit(2);
  return list;
}

class Table {
 public:
  Table(size_t rows, size_t dimension) : dimension_(dimension) {
    size_t places = 16;
    while (places < rows * 2) places *= 2;
    mask_ = places - 1;
    places_.resize(places);
    columns_ = static_cast<float*>(std::aligned_alloc(line_bytes, aligned(rows * dimension * 8)));
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
    for (size_t column = 0; column < dimension_; column++) {
      row[column] = 0.01f;
      row[dimension_ + column] = initial_accumulator;
    }
  }

  void pull(const uint64_t* ids, size_t count, float* out) {
    locate(ids, count, dimension_ * 4);
    for (size_t i = 0; i < count; i++) std::memcpy(out + i * dimension_, located_[i], dimension_ * 4);
  }

  void push(const uint64_t* ids, size_t count, const float* gradients) {
    locate(ids, count, dimension_ * 8);
    for (size_t i = 0; i < count; i++) {
      float* __restrict weights = located_[i];
      float* __restrict sums = weights + dimension_;
      const float* __restrict gradient = gradients + i * dimension_;
      for (size_t column = 0; column < dimension_; column++) {
        const float g = gradient[column];
        sums[column] += g * g;
        weights[column] -= learning_rate * g / (std::sqrt(sums[column]) + epsilon);
      }
    }
  }

 private:
  struct Place {
    uint64_t id = 0;
    uint64_t row = 0;
  };

  static size_t aligned(size_t bytes) { return (bytes + line_bytes - 1) / line_bytes * line_bytes; }

  size_t home(uint64_t id) const {
    id = (id ^ (id >> 32)) * 0x9e3779b97f4a7c15ull;
    return (id ^ (id >> 29)) & mask_;
  }

  float* values(uint64_t row) { return columns_ + row * dimension_ * 2; }

  void locate(const uint64_t* ids, size_t count, size_t bytes) {
    located_.resize(count);
    for (size_t i = 0; i < count; i++) __builtin_prefetch(&places_[home(ids[i])]);
    for (size_t i = 0; i < count; i++) {
      size_t place = home(ids[i]);
      while (places_[place].id != ids[i]) place = (place + 1) & mask_;
      located_[i] = values(places_[place].row);
      const char* line = reinterpret_cast<const char*>(located_[i]);
      for (size_t offset = 0; offset < bytes; offset += line_bytes) __builtin_prefetch(line + offset);
    }
  }

  size_t dimension_, mask_ = 0;
  uint64_t used_ = 0;
  std::vector<Place> places_;
  std::vector<float*> located_;
  float* columns_ = nullptr;
};

template <class Work>
double seconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main() {
  const auto dimension = read_one<uint32_t>();
  const auto batch = read_one<uint32_t>();
  const auto rounds = read_one<uint32_t>();
  const auto lists = read_one<uint32_t>();
  const std::vector<uint64_t> ids = read_list();
  Table table(ids.size(), dimension);
  for (const uint64_t id : ids) table.insert(id);
  std::vector<float> out(size_t(batch) * dimension), gradients(out.size(), gradient_value);
  for (uint32_t list = 1; list < lists; list++) {
    const std::vector<uint64_t> drawn = read_list();
    double pull = std::numeric_limits<double>::infinity(), push = pull;
    const auto each = [&](auto call) {
      for (size_t start = 0; start < drawn.size(); start += batch) call(&drawn[start], std::min<size_t>(batch, drawn.size() - start));
    };
    for (uint32_t round = 0; round < rounds; round++) {
      pull = std::min(pull, seconds([&] { each([&](auto* at, size_t count) { table.pull(at, count, out.data()); }); }));
      push = std::min(push, seconds([&] { each([&](auto* at, size_t count) { table.push(at, count, gradients.data()); }); }));
    }
    std::printf("%.0f %.0f\n", double(drawn.size()) / pull, double(drawn.size()) / push);
  }
}
