"""Sound: devices and their changes, the sources, and what makes one gap-free signal of them."""
