// Packs panels with every thread and writes them in order, a bounded piece of the file at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/thread_team.h"
#include "convert/write_progress.h"
#include "formats/gguf_writer.h"
#include "model/panel_run.h"

namespace sluice::convert {

class ChunkWriter {
 public:
  ChunkWriter(formats::GgufWriter& writer, ThreadTeam& team, WriteProgress progress,
              std::function<bool()> interrupted)
      : writer_(writer), team_(team), progress_(std::move(progress)), interrupted_(std::move(interrupted)) {}

  // What follows belongs to tensor `name`.
  void Begin(std::string name);
  // All panels of a run, at a multiple of 64 bytes. `run` must live until End.
  Status Append(const model::PanelRun& run);
  // Zeros up to `offset` of the tensor.
  Status PadTo(int64_t offset);
  Status AppendBytes(std::span<const std::byte> bytes);
  Status End();

  bool interrupted() const { return stopped_; }

 private:
  struct Slice {
    const model::PanelRun* run;
    int64_t first, panels, at;  // `at`: in the chunk
  };
  Status Flush();
  Status Write(std::span<const std::byte> bytes);

  formats::GgufWriter& writer_;
  ThreadTeam& team_;
  const WriteProgress progress_;
  const std::function<bool()> interrupted_;
  std::string name_;
  std::vector<Slice> slices_;
  int64_t chunk_bytes_ = 0;  // of the slices and the zeros between them
  int64_t in_tensor_ = 0;    // bytes before this chunk
  uint64_t written_ = 0;     // of all tensors
  Arena buffer_;
  bool stopped_ = false;
};

}  // namespace sluice::convert
