// The command line (CLI11 lives in parse.cpp and parse_models.cpp alone).
#pragma once

namespace linvox {

/// Parses and runs one command. Returns the exit code of help, version and usage errors (2), and of
/// `validate` (2 when errors remain); errors of the command itself are thrown.
int parse_and_run(int argc, char** argv);

}  // namespace linvox
