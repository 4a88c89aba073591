"""As much of Hugging Face hub, on this machine, as fetching a model needs: one model, one commit."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(repo: str, folder: Path, requests: list[str]) -> Iterator[str]:
    """Serve `folder` as the model `repo` at revisions `main` and `v1`; gives the URL, lists what was asked for."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            requests.append(path)
            if path in (f"/api/models/{repo}/revision/{name}" for name in ("main", "v1", COMMIT)):
                return self.json({"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})
            if path == f"/api/models/{repo}/tree/{COMMIT}":
                return self.json([entry(name, data) for name, data in files.items()])
            name = path.removeprefix(f"/{repo}/resolve/{COMMIT}/")
            if name in files:
                etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
                return self.answer(200, files[name], ETag=etag, X_Repo_Commit=COMMIT)
            code = "RevisionNotFound" if path.startswith(f"/api/models/{repo}/") else "RepoNotFound"
            return self.answer(404, b"", X_Error_Code=code, X_Error_Message="not here")

        do_HEAD = do_GET

        def json(self, value: Any) -> None:
            self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
