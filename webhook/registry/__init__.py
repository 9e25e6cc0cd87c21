"""Asks registries what images are: user, ports, volumes, file capabilities. Never inside an admission request.

read_image (image.py)   which requests to make, and what the responses say: no I/O
LayerReader             the entries of a layer, while it arrives; PasswdFile and ImageFiles are shown them
RegistryClient          sends the requests: bounded, over verified TLS, to no address that is not allowed
"""
