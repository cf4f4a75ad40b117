"""F4, hands: HTTP/1.1 server and client behind `ports.link`."""
