"""How instructions and texts are worded."""
