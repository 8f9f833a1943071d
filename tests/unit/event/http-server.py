#!/usr/bin/python3
"""The server of test-http.c: a path is a behaviour. Prints its port, ends with its standard input."""
import hashlib
import http.server
import os
import socket
import struct
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Sockets of kept connections, to be counted.
    connections = 0

    def setup(self):
        super().setup()
        Handler.connections += 1
        self.number = Handler.connections

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        path = self.path.split("?")[0]
        if path == "/put":
            body = self.read_body()
            self.answer(201, hashlib.md5(body).hexdigest().encode(), [("Etag", "first"), ("ETAG", "last"), ("X-Got", self.command)])
        elif path == "/connection":
            self.answer(200, str(self.number).encode())
        elif path == "/token":
            self.answer(200, self.headers.get("X-Auth-Token", "").encode())
        elif path.startswith("/status/"):
            self.read_body()
            self.answer(int(path[8:]), b"why")
        elif path.startswith("/bytes/"):
            self.answer(200, b"x" * int(path[7:]))
        elif path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
        elif path == "/reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif path == "/stall":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x")
            self.wfile.flush()
            ended.wait()
        elif path == "/close":
            self.answer(200, b"bye")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.answer(404, b"unknown")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass


ended = threading.Event()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda *arguments: None
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
