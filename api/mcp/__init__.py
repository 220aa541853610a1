"""The Model Context Protocol for agents: the protocol, the tools, and the route that serves them."""
