// LoRA adapters over HTTP: each is a model of its own name, which the engine of its base computes.
#pragma once

#include <string>

#include "server/answer.h"
#include "server/http_message.h"
#include "server/model_host.h"

namespace sluice::server {

struct LoraOptions {
  std::string directory;  // adapters may be loaded from below it while the server runs; empty: none
  int most = 16;          // at once
  int64_t most_bytes = int64_t{4} << 30;  // of memory, together; those that only running answers hold aside
};

// What is asked for when an adapter is to be loaded: kUsage where the limits are reached or a name is wrong.
Result<ModelHost::Order> LoraOrder(const ModelHost& models, const LoraOptions& options, std::string name,
                                   std::string path);

// {"lora_name", "lora_path"}, the path being below the directory. Answers when the adapter is loaded.
Answer LoadLora(ModelHost& models, const LoraOptions& options, const HttpRequest& request, Waker wake);
// {"lora_name"}. Running answers keep it to their end.
Answer UnloadLora(ModelHost& models, const LoraOptions& options, const HttpRequest& request);

}  // namespace sluice::server
