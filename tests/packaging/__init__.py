"""Wheel, sdist, layers, lowest dependencies, other Python versions."""
