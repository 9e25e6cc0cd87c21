"""A webhook on aiohttp that decodes the uid of a review, and allows it: `noop.py PORT CERT KEY`."""

from __future__ import annotations

import asyncio
import ssl
import sys

import msgspec
import uvloop
from aiohttp import web


class _Request(msgspec.Struct):
    uid: str


class _Review(msgspec.Struct):
    request: _Request


_decoder = msgspec.json.Decoder(_Review)


async def _answer(request: web.Request) -> web.Response:
    uid = _decoder.decode(await request.read()).request.uid
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": True},
    }
    return web.Response(body=msgspec.json.encode(review), content_type="application/json")


async def _serve(port: str, cert: str, key: str) -> None:
    app = web.Application(client_max_size=2**20)
    app.router.add_post("/mutate", _answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port), ssl_context=context).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
