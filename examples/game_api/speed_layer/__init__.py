"""The speed layer: what each player bought, minute by minute, counted as the events come in.

`python -m examples.game_api.speed_layer` runs one member of it; a second one shares the work. `windows.py` is the
dataflow, in Quix Streams; `results.py` brings what comes out of it into a database, exactly once.
"""
