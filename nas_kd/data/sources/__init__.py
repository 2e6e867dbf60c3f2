"""One file per place where images come from.

Each source is a function of a parsed specification and a `Request` that returns `RawSplits`.
"""
