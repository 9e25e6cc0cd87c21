# The image of the webhook: Python, what requirements.lock names, and this project. `make image` builds it.
#
# BASE is any image with Python 3.11 or newer and a shell, which only the build uses. COMPILER is one with the same Python
# at the same path, its headers and venv module, and a C compiler; nothing of it gets into the image. A tag moves with
# security updates; for one that never changes name its digest: --build-arg BASE=docker.io/library/python@sha256:…
ARG BASE=docker.io/library/python:3.13-slim-trixie
ARG COMPILER=docker.io/library/python:3.13-trixie

# --- built here, with tools that stay here ----------------------------------------------------------------------------
FROM ${COMPILER} AS build
ARG SOURCE_DATE_EPOCH=315532800
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN python3 -m venv /tools && python3 -m venv --without-pip /app
WORKDIR /source

# Every byte is one whose hash is in a lock. Only wheels are taken: a source archive would fetch build tools of its own.
# An index other than PyPI comes by secrets, which are in no layer: id=pip.conf, and id=ca.crt for its `cert`.
COPY requirements-compile.lock requirements.lock ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt \
    /tools/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements-compile.lock && \
    /tools/bin/pip --python /app/bin/python install --quiet --require-hashes --no-deps --only-binary :all: \
        --no-compile -r requirements.lock

COPY pyproject.toml setup.py README.md LICENSE ./
COPY patches patches
COPY webhook webhook
RUN PSD_COMPILE=1 /tools/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheels . && \
    /tools/bin/pip --python /app/bin/python install --quiet --no-index --no-deps --no-compile /wheels/*.whl

# Some dependencies ship their tests. Bytecode is not compared with its source: nobody can write either, and so the
# timestamps of a layer do not matter.
RUN find /app/lib -depth \( -name tests -o -name 'test_*.py' \) -exec rm -rf {} + && \
    /app/bin/python -m compileall -qf --invalidation-mode unchecked-hash /app/lib

# --- what runs --------------------------------------------------------------------------------------------------------
FROM ${BASE}
ARG BASE
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="pod-security-defaulter" \
      org.opencontainers.image.description="A Kubernetes admission webhook that makes pods secure by default without breaking them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"

COPY --from=build /app /app

# The base's own packages and installer go, from where Python's and where Debian's images have them. Then all that
# serving needs is imported once: it is seen to be there, and what of the standard library has no bytecode yet gets it.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/* /usr/share/python-wheels \
        /usr/lib/python3/dist-packages/* && \
    rm -rf /usr/lib/python3*/ensurepip /usr/lib/python3*/test /usr/local/lib/python3*/ensurepip && \
    /app/bin/python -c 'import webhook.cli.serve, webhook.gatherers.live, webhook.certificates.managed, webhook.preview.authorizer'

# HOME: the user has no entry in /etc/passwd, and the Kubernetes client asks for one at its import.
ENV HOME=/ \
    PATH=/app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /
USER 65532:65532
EXPOSE 8443 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/bin/pod-security-defaulter"]
CMD ["--help"]
