#include "server/answer_reading.h"

namespace sluice::server {

std::shared_ptr<AnswerReading> MakeAnswerReading(const chat::AnswerSyntax& syntax,
                                                 const tokenizer::Tokenizer& tokenizer) {
  if (syntax.plain()) return nullptr;
  auto reading = std::make_shared<AnswerReading>();
  reading->syntax = syntax;
  for (const std::string& mark : syntax.Marks())
    if (const auto id = tokenizer.FindToken(mark)) reading->mark_tokens.insert(*id);
  return reading;
}

}  // namespace sluice::server
