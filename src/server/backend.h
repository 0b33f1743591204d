// Who computes the answers, as the server sees it.
#pragma once

#include <memory>
#include <string>

#include "engine/request.h"
#include "tokenizer/tokenizer.h"

namespace sluice::server {

// Every method may be called from any thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Result<engine::RequestId> Submit(engine::Request request, engine::EventFn on_event) = 0;
  virtual void Cancel(engine::RequestId id) = 0;

  virtual const std::string& model_name() const = 0;
  virtual const tokenizer::Tokenizer& tokenizer() const = 0;
  virtual int context() const = 0;  // tokens of prompt and answer together
};

}  // namespace sluice::server
