"""F4: the client: cuts objects into chunks, places them, reads them back checked."""
