// The routes below /admin: which models are served, and what the server is doing.
#pragma once

#include "server/answer.h"
#include "server/api_keys.h"
#include "server/http_message.h"
#include "server/model_host.h"

namespace sluice::server {

// Whether this request may use them: by a key with the role, or without any key on a loopback address, and
// then not by a page in a browser.
ApiResult<void> CheckAdmin(const HttpRequest& request, const KeyRing& keys);

// What the host says, for a client.
ApiError FromHost(const Error& error);
// Answers when the model is loaded.
Answer BeginLoad(ModelHost& models, ModelHost::Order order, Waker wake);

// {"path", "name"?}; for a swap also {"model"?}, the one that gives its place, otherwise the standard one.
// Answers when the model is loaded.
Answer LoadModel(ModelHost& models, const HttpRequest& request, bool swap, Waker wake);
// {"model"}
Answer UnloadModel(ModelHost& models, const HttpRequest& request);
// The models with their load, and the names and limits of the keys.
Reply AdminStatus(const ModelHost& models, const KeyRing& keys, bool draining, int64_t started);

}  // namespace sluice::server
