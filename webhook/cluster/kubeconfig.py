"""Credentials of a kubeconfig, by kubernetes-asyncio, which knows tokens, certificates, plugins and providers.

Only imported where a kubeconfig is read: the library loads every model of the Kubernetes API, and a server in a pod
would keep these 34 MiB for nothing.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.kube_config import KubeConfigLoader, load_kube_config

from webhook.cluster.credentials import Credentials
from webhook.errors import ClusterError


async def of_kubeconfig(file: Path | None, context: str | None) -> Credentials:
    """Read a kubeconfig.

    Args:
        file: by default $KUBECONFIG or ~/.kube/config.
        context: the context in it; by default its current one.

    Raises:
        ClusterError: it has no credentials that can be used.
        OSError: a file cannot be read.
        ValueError, KeyError, TypeError: it has another form.
    """
    configuration: Any = Configuration()
    try:
        loader: KubeConfigLoader = await load_kube_config(
            None if file is None else str(file), context, configuration, persist_config=False
        )
        current: Any = loader.current_context
    except ConfigException as error:
        raise ClusterError(0, str(error)) from error

    async def authorization() -> str | None:
        try:
            header: str | None = await configuration.get_api_key_with_prefix("BearerToken")
        except ConfigException as error:  # a plugin is asked again when its token expires
            raise ClusterError(0, str(error)) from error
        return header

    return Credentials(
        url=configuration.host,
        namespace=current["context"].get("namespace") or "default",
        tls=_tls(configuration),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
        authorization=authorization,
    )


def _tls(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
