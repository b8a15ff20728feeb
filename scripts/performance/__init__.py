"""Measures what recording costs: Loopnote beside other recorders, on the same scenes. Used by scripts/bench.py."""
