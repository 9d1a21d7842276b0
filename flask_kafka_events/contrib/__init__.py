"""What this package does for others' libraries: each module needs the extra of its name, and nothing here imports it."""
