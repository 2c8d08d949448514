// The command lines of commands_models.h.
#pragma once

namespace CLI {
class App;
}

namespace linvox {

/// Adds score, generate, import, inspect, grow and merge. What they parse into lives as long as the program.
void add_model_commands(CLI::App& app);

}  // namespace linvox
