// Positions and the pages of the cache: what every step that stores or reads keys needs.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/context.h"

namespace sluice::backend::cpu {

// Where a position's keys and values go.
struct Slot {
  int32_t block;
  int64_t offset;  // in the page
};
Slot SlotOf(const Context& c, const BatchToken& token);

inline const kv::PageTable& PagesOf(const Context& c, int64_t t) {
  return *c.batch->sequences[c.batch->tokens[t].sequence];
}

// Where a page has the elements of a position.
enum class PageForm : uint8_t {
  kColumns,  // [elements][32], as keys are kept
  kRows,     // [32][elements]: values, and compressed rows
};

// Writes n floats to a page as its position `offset`.
void StoreKv(const Context& c, Worker& worker, const float* x, int64_t n, std::byte* page, int64_t offset,
             PageForm form);

// Asks for the memory that StoreKv will write with these n, page, offset and form.
void ReadAheadKv(const Context& c, int64_t n, std::byte* page, int64_t offset, PageForm form);

// Position `from` of a page of n elements by rows becomes position `to` of another.
void CopyKvRow(kernels::KvType type, int64_t n, const std::byte* from_page, int64_t from, std::byte* to_page,
               int64_t to);

// Rotates the first elements of x by token t's angles; `rope` is an index into Plan::ropes.
void Rotate(const Context& c, int rope, int64_t t, float* x);

// Pages [first, last) of one head; the vector is indexed by page number.
template <typename PageFn>
void TakePages(std::vector<const std::byte*>* pages, const kv::PageTable& table, int64_t first, int64_t last,
               PageFn page) {
  pages->resize(static_cast<size_t>(last));
  for (int64_t p = first; p < last; ++p) (*pages)[p] = page(table.blocks[p]);
}

}  // namespace sluice::backend::cpu
