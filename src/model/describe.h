// A described model for readers: people, programs, and those who compare two.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/accounting.h"
#include "model/family.h"
#include "model/weight_map.h"

namespace sluice::model {

// `weights` may be null: then nothing is said about bytes in the file.
std::string DescribeText(const Described& described, const WeightMap* weights);
// Every field of the description and of the accounting. Equal layers are told once, with the range they
// cover.
nlohmann::ordered_json DescribeJson(const Described& described, const WeightMap* weights);
// One line for each value that differs, "path: a -> b"; empty if the two are alike.
std::string DiffText(const Described& a, const Described& b);

}  // namespace sluice::model
