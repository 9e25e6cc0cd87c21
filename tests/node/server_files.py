"""The files of the servers' images: start scripts after those of the usual images, and small configurations."""

from __future__ import annotations

from typing import Final

REDIS_START: Final = """#!/bin/sh
set -e
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis {} +
    exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
fi
exec "$@"
"""

POSTGRESQL_START: Final = """#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA" || true
    find "$PGDATA" ! -user postgres -exec chown postgres {} +
    exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --no-sync --auth=trust --pgdata="$PGDATA"
    echo 'host all all all trust' >>"$PGDATA/pg_hba.conf"
fi
exec "$@"
"""

MOSQUITTO_START: Final = """#!/bin/sh
set -e
if [ "$(id -u)" = 0 ]; then
    chown -R mosquitto:mosquitto /mosquitto || true
fi
exec "$@"
"""

SQUID_START: Final = """#!/bin/sh
set -e
chown -R proxy:proxy /var/log/squid /var/spool/squid
squid -Nz
exec squid -NYC
"""

NGINX: Final = """worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/client_body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server {
        listen PORT;
        root /var/www/html;
    }
}
"""

HAPROXY: Final = """global
    USER
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend all
    bind :PORT
    http-request return status 200 content-type text/plain string here
"""

MOSQUITTO: Final = """listener 1883
allow_anonymous true
persistence true
persistence_location /mosquitto/data/
"""

UNBOUND: Final = """server:
    interface: 0.0.0.0
    access-control: 0.0.0.0/0 allow
    username: unbound
    chroot: ""
    do-daemonize: no
    use-syslog: no
    module-config: "iterator"
    local-data: "here. A 127.0.0.1"
"""

STUNNEL: Final = """foreground = yes
pid =
setuid = stunnel4
setgid = stunnel4
[all]
client = yes
accept = 0.0.0.0:8443
connect = 127.0.0.1:9
"""

TOR: Final = """SocksPort 0.0.0.0:9050
SocksPolicy accept *
DataDirectory /var/lib/tor
"""

PRIVOXY: Final = """confdir /etc/privoxy
logdir /var/log/privoxy
listen-address :8118
"""

CADDY: Final = """:80 {
    respond here
}
"""

REGISTRY: Final = """version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
"""

SSHD_START: Final = """#!/bin/sh
set -e
ssh-keygen -q -t ed25519 -N '' -f /tmp/key
exec /usr/sbin/sshd -D -e -p 2222 -h /tmp/key -o PidFile=none -o UsePAM=no
"""

SQUID: Final = """http_port 3128
access_log none
cache_log /tmp/cache.log
coredump_dir /tmp
pid_filename none
"""

LIGHTTPD: Final = """server.port = 8080
server.document-root = "/var/www/html"
"""
