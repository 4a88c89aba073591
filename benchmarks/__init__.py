"""Benchmarks: speed as a ratio against a peer in one run. Each module is a command and writes JSON."""
