"""Everything a person sees or types. Nothing in `capture` knows of it."""
