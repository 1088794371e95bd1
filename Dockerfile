# The service without torch: the first stage installs packages and readies code and models, the second holds what came of it.

FROM python:3.11-slim-bookworm AS built

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements-serve.txt requirements-oidc.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --only-binary :all: --requirement /tmp/requirements-serve.txt --requirement /tmp/requirements-oidc.txt \
    && /opt/venv/bin/pip uninstall --yes pip

WORKDIR /app
COPY config ./config
COPY models ./models
COPY vocservice ./vocservice
COPY LICENSE ./
# Files keep the modes of the checkout, which may be readable by its owner alone.
RUN chmod -R u=rwX,go=rX /app \
    && /opt/venv/bin/python -m compileall -q /app/vocservice


FROM python:3.11-slim-bookworm

RUN groupadd --system --gid 10001 voc \
    && useradd --system --uid 10001 --gid voc --home-dir /app --no-create-home --shell /usr/sbin/nologin voc \
    && install -d -o voc -g voc -m 0700 /var/lib/voc /app/var

WORKDIR /app
COPY --from=built /opt/venv /opt/venv
COPY --from=built /app/models ./models
COPY --from=built /app/config ./config
COPY --from=built /app/LICENSE ./
COPY --from=built /app/vocservice ./vocservice

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    VOC_HOME=/app \
    ORT_DISABLE_TELEMETRY=1 \
    VOC_BIND=0.0.0.0:8000

USER 10001:10001
EXPOSE 8000

HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['VOC_BIND'].rpartition(':')[2] + '/readyz', timeout=4)"]

STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "vocservice"]
CMD ["serve"]
