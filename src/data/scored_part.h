// Which tokens of an answer a loss scores: everything that is not given. What is unmarked here stays context.
#pragma once

#include "src/text/token_sequence.h"

namespace linvox {

/// `rejected` scored up to and with its first token that differs from `chosen`; what follows is given. Behind
/// a wrong number a solution can go on without a fault, and pushing that part down unlearns what is right.
/// Unchanged where nothing differs (one answer begins the other) or the differing token is given.
TokenSequence scored_to_first_difference(const TokenSequence& chosen, TokenSequence rejected);

}  // namespace linvox
