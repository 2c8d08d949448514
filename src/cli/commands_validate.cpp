// src/cli/commands_validate.cpp
