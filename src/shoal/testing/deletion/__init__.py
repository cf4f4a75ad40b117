"""The deletion protocol as a model: every order of its atomic steps in small clusters, and mutants that must fail.

An atomic step is one transaction of the catalog, or one event at a node. Calls come late, again and in any order;
receipts are believed long after their bytes are gone; sessions die at any moment; a node goes away and comes back; the
holder of the lease is replaced while it sleeps. Collector and movers remember nothing between transactions, so any
number of their runs, of old and new holders, is covered. Chunk ids are unique by construction: chunk c is minted by
session c, and all chunks have the same bytes, so that each may be deduplicated onto any other.
"""
