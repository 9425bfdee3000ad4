// The parts of docs/steps.md and docs/errors.md that come from the goldens of
// schedule steps. A new step needs its row in the table of docs/guide.md, its line of
// text in tc/schedule/step.h and a golden; no page is edited.
#pragma once
#include <string>

namespace tc::docs {

/// For every step, in the order of StepKind: what it does and requires (the table of
/// the guide), its text (step.h), the errors of which a golden shows that it raises
/// them, and what it makes of the programs of test/golden/schedule. Throws
/// std::runtime_error where a step lacks one of these.
std::string step_reference();

/// The shortest golden of every code in test/golden/schedule/errors.
std::string step_errors();

}  // namespace tc::docs
