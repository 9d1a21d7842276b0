"""The example programs, as a person would use them."""
