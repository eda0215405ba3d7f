//! Finds, checks and embeds migrations from a build script.
