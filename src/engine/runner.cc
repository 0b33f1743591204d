#include "engine/runner.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/arena.h"

namespace sluice::engine {

Runner::Runner(std::unique_ptr<backend::Backend> backend, int64_t longest)
    : backend_(std::move(backend)), longest_(longest) {
  pages_.longest = longest;
}

Result<Runner> Runner::Create(const model::Model& model, ThreadTeam& team, kernels::Isa isa,
                              std::optional<kernels::KvType> kv, int64_t longest, int64_t source) {
  const int64_t context = RoundUp(longest, kernels::kPageTokens) + RoundUp(source, kernels::kPageTokens);
  SLUICE_TRY(auto backend, backend::CreateCpuBackend(
                               model, team, {isa, static_cast<int>(std::max(longest, source)), context, kv}));
  return Runner(std::move(backend), longest);
}

Status Runner::Encode(std::span<const int32_t> ids, backend::RouterTrace* trace,
                      backend::InputObserver* observer) {
  backend_->pool().Release(&source_);
  source_.longest = static_cast<int64_t>(ids.size());
  SLUICE_CHECK_OK(backend_->pool().Grow(&source_, source_.longest));
  std::vector<backend::BatchToken> tokens;
  for (size_t i = 0; i < ids.size(); ++i) tokens.push_back({ids[i], static_cast<int32_t>(i), 0, false});
  const kv::PageTable* tables[] = {&source_};
  SLUICE_CHECK_OK(backend_->Forward(
      {.tokens = tokens, .sequences = tables, .trace = trace, .encode = true, .observer = observer}));
  source_.length = source_.longest;
  return {};
}

Status Runner::Append(std::span<const int32_t> ids, backend::RouterTrace* trace,
                      backend::InputObserver* observer) {
  SLUICE_CHECK_OK(backend_->pool().Grow(&pages_, pages_.length + static_cast<int64_t>(ids.size())));
  std::vector<backend::BatchToken> tokens;
  for (size_t i = 0; i < ids.size(); ++i)
    tokens.push_back({ids[i], static_cast<int32_t>(pages_.length + static_cast<int64_t>(i)), 0, true});
  const kv::PageTable *tables[] = {&pages_}, *sources[] = {&source_};
  SLUICE_CHECK_OK(backend_->Forward(
      {.tokens = tokens, .sequences = tables, .trace = trace, .sources = sources, .observer = observer}));
  pages_.length += static_cast<int64_t>(ids.size());
  return {};
}

void Runner::Restart() {
  backend_->pool().Release(&pages_);
  pages_.longest = longest_;
}

}  // namespace sluice::engine
