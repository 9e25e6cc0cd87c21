"""Asks registries for the configuration of images: user, ports, volumes. Never inside an admission request.

read_image (image.py)   which requests to make, and what the responses say: no I/O
RegistryClient          sends them: bounded, over verified TLS, to no address that is not allowed
"""
