"""asyncio's transports around the pure protocols and the apps."""
