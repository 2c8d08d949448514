// src/data/validate_text.cpp
