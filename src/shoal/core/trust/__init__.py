"""Who may do what: keys derived from the cluster secret, signed requests, grants and receipts. Pure functions."""
