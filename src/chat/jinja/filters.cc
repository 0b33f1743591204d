#include "chat/jinja/filters.h"

namespace sluice::chat::jinja {

const Filter* FindFilter(std::string_view name) {
  if (const Filter* filter = FindValueFilter(name)) return filter;
  if (const Filter* filter = FindTextFilter(name)) return filter;
  if (const Filter* filter = FindSequenceFilter(name)) return filter;
  return FindSelectionFilter(name);
}

}  // namespace sluice::chat::jinja
