// Compiled to make the precompiled header.
