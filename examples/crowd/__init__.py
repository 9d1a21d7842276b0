"""A crowd that plays the game: `make crowd`, or `python -m examples.crowd --players 200 --seconds 60`.

It counts twice: what the players were answered, and what a consumer reads from the topic. docs/how-to/crowd.md shows it.
"""
