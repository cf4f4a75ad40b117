"""The rules of the catalog: pure, synchronous functions over `ports.engine`, the same on every engine.

What may be written, in which order, and what a reader finds (docs/specs/catalog-rows.md). A function that takes a `Tx`
is (part of) one transaction: it may run again, so it draws nothing, sends nothing and remembers nothing.
"""
