"""
An S3 server for tests: moto, with two things in front of it. Requests are carried out one after another, so that
conditional writes are as exclusive as in S3; and faults can be asked for (a JSON list: POST /test-faults adds
them, PUT puts them in the place of those asked for earlier).

A fault is {"method", "contains", "times"} with one of: "status" (is answered, as by a server in trouble),
"cut" (the answer's body ends after so many bytes, and the connection with it), "lose" (carried out, but not answered),
"unconditional" (carried out whatever the condition says, as by a server that does not know it), "hold" (neither carried out
nor answered, ever).
"""
import io
import json
import os
import socket
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

lock = threading.Lock()
moto = DomainDispatcherApplication(create_backend_app)
faults = []
calls = []


def take_fault(method, target):
    for fault in faults:
        if fault["times"] > 0 and fault["method"] == method and fault["contains"] in target:
            fault["times"] -= 1
            return fault
    return {}


def app(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/test-faults":
        faults[:] = (faults if method == "POST" else []) + json.loads(body)
        start_response("204 No Content", [])
        return []
    if path == "/test-calls":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(calls).encode()]
    target = path + "?" + environ.get("QUERY_STRING", "")
    with lock:
        fault = take_fault(method, target)
        calls.append(f"{method} {target}")
        if "status" in fault:
            start_response(f"{fault['status']} Fault", [("Content-Length", "0")])
            return []
        if "unconditional" in fault:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        environ["wsgi.input"] = io.BytesIO(body)
        answer = b"" if "hold" in fault else b"".join(moto(environ, start_response))
    if "hold" in fault:
        threading.Event().wait()
    return cut(environ, answer, fault) if "cut" in fault or "lose" in fault else [answer]


def cut(environ, answer, fault):
    if "cut" in fault:
        yield answer[: fault["cut"]]
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionError("cut")


class QuietHandler(WSGIRequestHandler):
    def log(self, *args):
        pass


server = make_server("127.0.0.1", int(os.environ["S3_PORT"]), app, threaded=True, request_handler=QuietHandler)
print(server.server_port, flush=True)
# Ends with whoever started it.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
