"""The tests' own tools: each is shown to go red."""
