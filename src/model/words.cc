#include "model/words.h"

namespace sluice::model {

const char* Word(Norm::Kind kind) {
  switch (kind) {
    case Norm::Kind::kRms:
      return "rms";
    case Norm::Kind::kLayer:
      return "layer";
    case Norm::Kind::kNone:
      return "none";
  }
  return "";
}

const char* Word(Act act) {
  switch (act) {
    case Act::kSilu:
      return "silu";
    case Act::kGelu:
      return "gelu";
    case Act::kGeluTanh:
      return "gelu_tanh";
    case Act::kRelu:
      return "relu";
    case Act::kClampedSwiglu:
      return "clamped_swiglu";
  }
  return "";
}

const char* Word(Gqa::QkNorm norm) {
  switch (norm) {
    case Gqa::QkNorm::kNone:
      return "none";
    case Gqa::QkNorm::kPerHead:
      return "per head";
    case Gqa::QkNorm::kFullWidth:
      return "full width";
  }
  return "";
}

const char* Word(Gqa::Sees sees) {
  switch (sees) {
    case Gqa::Sees::kPast:
      return "past";
    case Gqa::Sees::kAll:
      return "all";
    case Gqa::Sees::kSource:
      return "source";
  }
  return "";
}

const char* Word(Router::Score score) {
  switch (score) {
    case Router::Score::kSoftmax:
      return "softmax";
    case Router::Score::kSigmoid:
      return "sigmoid";
    case Router::Score::kSoftmaxOfTopK:
      return "softmax of top-k";
    case Router::Score::kSparseMixer:
      return "sparse mixer";
  }
  return "";
}

const char* Word(Router::Groups::By by) {
  return by == Router::Groups::By::kMax ? "best expert" : "sum of two best";
}

}  // namespace sluice::model
