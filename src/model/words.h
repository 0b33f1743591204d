// The words for the description's choices.
#pragma once

#include "model/desc.h"

namespace sluice::model {

const char* Word(Norm::Kind kind);
const char* Word(Act act);
const char* Word(Gqa::QkNorm norm);
const char* Word(Gqa::Sees sees);
const char* Word(Router::Score score);
const char* Word(Router::Groups::By by);

}  // namespace sluice::model
