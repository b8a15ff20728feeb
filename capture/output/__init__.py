"""Output: formats, encoders, the writer, file names, and the recovery of what a crash left. See capture/__init__.py."""
