"""A small Hub for the tests, and clients of it."""
