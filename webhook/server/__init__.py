"""The aiohttp server: one composition root, thin handlers."""
