"""nginx before the dashboard, as a clinic has it: it ends TLS, and serves the dashboard under a path."""

from pathlib import Path

from support.processes import LOOPBACK, Child, find_program, free_port

_CONFIG = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {address}:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location {prefix}/ {{
      proxy_pass http://{address}:{behind}{passed};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


class Nginx:
    """One proxy. strips: whether it takes the prefix away before it asks the dashboard."""

    def __init__(self, folder: Path, behind: int, certificate: Path, key: Path, prefix: str, *, strips: bool) -> None:
        """folder: for its configuration and log; behind: the dashboard's port."""
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.origin = f"https://{LOOPBACK}:{self.port}"
        self.prefix = prefix
        self._log = folder / "nginx.log"
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                folder=folder,
                address=LOOPBACK,
                port=self.port,
                behind=behind,
                certificate=certificate,
                key=key,
                prefix=prefix,
                passed="/" if strips else "",
            )
        )
        program = find_program("nginx")
        assert program is not None, 'nginx is not installed; mark the test with peer("nginx")'
        words = [program, "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log"), "-g", "daemon off;"]
        self._child = Child(words, self._log)

    def start(self) -> None:
        """Until it listens."""
        self._child.wait_for_port(self.port)

    def close(self) -> None:
        """End it."""
        self._child.close()
