"""What this package does for others' libraries: each package needs the extra of its name, and nothing here imports it."""
