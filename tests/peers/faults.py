"""What the programs that drive a driver against a misbehaving fake share: the fake as a process, the driver as a program, a count."""
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
# fault of a write: does it happen all the same?
OPEN = {"drop": True, "500_after": True, "garbage": True, "drop_before": False, "500": False, "503": False}
LATER = ("429", "busy")
failures, checks = [], 0


def check(what, good, *details):
    global checks
    checks += 1
    if not good:
        failures.append(what)
        print("FAIL:", what, *details)


def summary():
    print(f"{checks} checks, {len(failures)} failed")
    return 1 if failures or not checks else 0


class Receiver:
    """Takes webhooks and keeps (headers, body)."""

    def __init__(self):
        got = self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


class Fake:
    def __init__(self, name, prefix, headers):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, f"../fake/{name}.py")], stdout=subprocess.PIPE, text=True)
        self.root = self.process.stdout.readline().split()[1]
        self.program, self.prefix, self.headers, self.n = os.path.join(HERE, f"../../build/peers/{name}_drive"), prefix, headers, 0

    def call(self, method, url, data=None, headers=None):
        request = urllib.request.Request(self.root + url, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def api(self, method, path, data=None, **headers):
        """As somebody else would call it: for checking the fake itself."""
        given = dict(self.headers, **{k.replace("_", "-"): v for k, v in headers.items()})
        return self.call(method, self.prefix + path, data.encode() if data is not None else None, given)

    def test(self, name, **given):
        status, body, _ = self.call("POST", "/_test/" + name, json.dumps(given).encode())
        assert status == 200, (name, body)
        return json.loads(body)

    def get(self, name):
        return json.loads(self.call("GET", "/_test/" + name)[1])

    def drive(self, op, **args):
        """(word, last line)"""
        self.n += 1
        done = subprocess.run([self.program, self.root + self.prefix, op, f"key-{self.n}", json.dumps(args)], capture_output=True, text=True, timeout=120)
        last = done.stdout.strip().split("\n")[-1]
        return last.split(" ")[0], last

    def result(self, last):
        return json.loads(last[last.index("{"):]) if "{" in last else {}

    def writes(self, method, path):
        return [e for e in self.get("log") if e["method"] == method and e["path"] == path]

    def close(self):
        self.process.terminate()
        self.process.wait(5)
