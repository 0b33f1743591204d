// What the answers of /v1/chat/completions and /v1/completions have in common.
#pragma once

#include "server/answer_format.h"

namespace sluice::server {

class OpenAiFormat : public AnswerFormat {
 public:
  // `include_usage`: a stream ends with a chunk that holds the usage.
  OpenAiFormat(AnswerId id, bool include_usage) : id_(std::move(id)), include_usage_(include_usage) {}

  std::string Begin(size_t choices, const Usage& prompt) override;
  std::string More(int index, const ChoiceDelta& delta) override;
  std::string End(const Usage& usage) override;
  std::string Failure(const ApiError& error) override;
  nlohmann::ordered_json Whole(const std::vector<ChoiceDelta>& choices, const Usage& usage) override;

 protected:
  // Each gives complete "choices" entries.
  virtual nlohmann::ordered_json FirstDelta(int index) const = 0;  // null: nothing comes before the text
  virtual nlohmann::ordered_json Delta(int index, const ChoiceDelta& delta) const = 0;
  virtual const char* chunk_object() const = 0;
  virtual nlohmann::ordered_json WholeChoice(int index, const ChoiceDelta& whole) const = 0;
  virtual const char* object() const = 0;

 private:
  AnswerId id_;
  bool include_usage_;

  nlohmann::ordered_json Envelope(const char* object) const;
  std::string Chunk(nlohmann::ordered_json choice) const;
};

}  // namespace sluice::server
