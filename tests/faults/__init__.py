"""Faults, injected into real recordings: each kind in a file of its own, run by the tests (once) and the bench (often).

frame     what a fault is, what becomes of one, and judging a recorded file
once      one run of one fault, as a child process, so that it can be ended when it hangs
register  all of them
"""
