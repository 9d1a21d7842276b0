"""No broker: what each module does by itself."""
