"""WebSockets: what a message and an idle connection cost beside the peers, conformance, hostile and real clients."""
