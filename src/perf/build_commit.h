// Which sources this program was built from.
#pragma once

namespace sluice::perf {

// The commit, "-dirty" behind it where files differed from it; "unknown" outside a checkout.
const char* BuildCommit();

}  // namespace sluice::perf
