"""The screen: areas, the sources of pictures, and the finding of what changed. See capture/__init__.py."""
