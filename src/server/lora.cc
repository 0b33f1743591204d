#include "server/lora.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "server/admin.h"
#include "server/fields.h"
#include "server/json_input.h"

namespace sluice::server {
namespace {

constexpr size_t kLongestName = 200;

ApiError Off() {
  return {.status = 403,
          .message = "this server loads no adapters while it runs; start it with --lora-dir",
          .type = "permission_error",
          .code = "lora_off"};
}

// The folder that `path` names, if it is below the server's own: links are followed first.
ApiResult<std::string> Confine(const std::string& directory, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code no_root, no_folder;
  const fs::path root = fs::canonical(directory, no_root);
  const fs::path folder = fs::canonical(root / path, no_folder);
  const auto [end, _] = std::ranges::mismatch(root, folder);
  if (no_root || no_folder || end != root.end() || path.find('\0') != path.npos)
    return tl::make_unexpected(BadParam(
        "lora_path", "'lora_path' names no folder below the one that this server loads adapters from"));
  return folder.string();
}

void RefuseUnknown(Fields& fields) {
  fields.Ignore({"load_inplace", "lora_int_id", "base_model_name"});
  if (const auto unknown = fields.Unknown(); !unknown.empty())
    fields.Refuse(BadParam(unknown.front(), "there is no field '" + unknown.front() + "' here"));
}

std::string ReadName(Fields& fields) {
  std::string name = fields.Text("lora_name").value_or("");
  if (name.empty()) fields.Refuse(BadParam("lora_name", "'lora_name' must name an adapter"));
  return name;
}

bool IsPrintable(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c > ' ' && c != 0x7f; });
}

}  // namespace

Result<ModelHost::Order> LoraOrder(const ModelHost& models, const LoraOptions& options, std::string name,
                                   std::string path) {
  if (name.empty() || name.size() > kLongestName || !IsPrintable(name))
    return Fail(ErrorCode::kUsage,
                fmt::format("an adapter's name has 1 to {} visible ASCII characters", kLongestName));
  const auto base = models.Standard();
  if (base == nullptr) return Fail(ErrorCode::kUsage, "there is no model that the adapter could change");
  int count = 0;
  int64_t left = options.most_bytes;
  for (const auto& served : models.All()) {
    count += !served->backend->parent().empty();
    left -= served->backend->adapter_bytes();
  }
  if (count >= options.most || left <= 0)
    return Fail(ErrorCode::kUsage,
                fmt::format("{} adapters are loaded, of at most {}, and {} bytes are left for more", count,
                            options.most, std::max<int64_t>(0, left)),
                "unload one first, or raise --max-loras or --lora-memory");
  return ModelHost::Order{.path = std::move(path),
                          .name = std::move(name),
                          .replaces = {},
                          .base = base->backend->model_name(),
                          .most_bytes = left};
}

Answer LoadLora(ModelHost& models, const LoraOptions& options, const HttpRequest& request, Waker wake) {
  if (options.directory.empty()) return ErrorReply(Off());
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  Fields fields(*body);
  const std::string name = ReadName(fields), path = fields.Text("lora_path").value_or("");
  if (path.empty()) fields.Refuse(BadParam("lora_path", "'lora_path' must name an adapter's folder"));
  RefuseUnknown(fields);
  if (!fields.ok()) return ErrorReply(fields.error());
  auto folder = Confine(options.directory, path);
  if (!folder) return ErrorReply(folder.error());
  auto order = LoraOrder(models, options, name, std::move(*folder));
  if (!order) return ErrorReply(FromHost(order.error()));
  return BeginLoad(models, std::move(*order), std::move(wake));
}

Answer UnloadLora(ModelHost& models, const LoraOptions& options, const HttpRequest& request) {
  if (options.directory.empty()) return ErrorReply(Off());
  const auto body = ParseJson(request.body);
  if (!body) return ErrorReply(body.error());
  Fields fields(*body);
  const std::string name = ReadName(fields);
  RefuseUnknown(fields);
  if (!fields.ok()) return ErrorReply(fields.error());
  const auto served = models.Find(name);
  if (served == nullptr || served->backend->parent().empty() || !models.Unload(name))
    return ErrorReply(NotFound(fmt::format("the adapter '{}' is not loaded", name.substr(0, kLongestName)),
                               "model_not_found"));
  return Reply{200, Dump({{"model", name}})};
}

}  // namespace sluice::server
