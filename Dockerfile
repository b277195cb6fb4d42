# The server in a container: `docker build -t omi-actors .`; compose.yaml has PostgreSQL and Redis beside it.
# No secret is in the image: settings come from the environment (docs/deploy.md, "Docker").

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/omi-actors
COPY setup.cfg pyproject.toml ./
COPY docs/install.md docs/
COPY omi_actors omi_actors
COPY web web
COPY config config
RUN /opt/omi-actors/bin/pip install --no-cache-dir ".[postgres]"

FROM python:3.13-slim
COPY --from=build /opt/omi-actors /opt/omi-actors
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin omi \
    && install -d -o omi -g omi -m 0700 /data
ENV PATH=/opt/omi-actors/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    APP_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
USER omi
WORKDIR /data
VOLUME /data
EXPOSE 3000
# SHUTDOWN_GRACE_MS and the stop of the actors take 10 s each: `docker stop --time 30`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=2)"]
CMD ["omi-actors", "serve"]
