"""The stages between sources and file: what the mix, encode-video and write threads do. See capture/__init__.py."""
