"""Generated from the `.proto` files beside it (`tools/protos.py`): never edited by hand."""
