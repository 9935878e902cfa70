#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node between a test and a toy chain (toy_chain.py): carries every question to it, and on the way back what the test wants.
Prints its port; ends by a signal.

proxy_node.py PORT
Beside what the toy chain answers: proxy_lie(METHOD/MEMBER[/MEMBER...]...) alters these members of all later answers ([] ends that),
proxy_silence(flag) lets later questions wait until it is lifted, proxy_stand(flag) shows the newest final block of this moment from
now on, proxy_forget(N) refuses eth_getProof for blocks before N, as nodes without old states do."""

import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from toy_chain import lie


class Proxy:
    def __init__(self, port):
        self.port, self.lies, self.final, self.forgotten = port, [], None, 0
        self.speaks = threading.Event()
        self.speaks.set()

    def ask(self, question):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}', json.dumps(question).encode(),
                                         {'Content-Type': 'application/json'})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return json.loads(answer.read())

    def result(self, method, params):
        return self.ask({'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params})['result']

    # ---- what the test wants ----
    def proxy_lie(self, *lies):
        self.lies = [(text.split('/')[0], text.split('/')[1:]) for text in lies]

    def proxy_silence(self, flag):
        self.speaks.clear() if flag else self.speaks.set()

    def proxy_stand(self, flag):
        self.final = self.result('eth_getBlockByNumber', ['finalized', False]) if flag else None

    def proxy_forget(self, number):
        self.forgotten = number

    # ---- on the way ----
    def number_of(self, tag):
        if isinstance(tag, dict):
            return int(self.result('eth_getBlockByHash', [tag['blockHash'], False])['number'], 16)
        return int(tag, 16)

    def answer(self, question):
        method, params = question['method'], question.get('params', [])
        out = {'jsonrpc': '2.0', 'id': question['id']}
        if method.startswith('proxy_'):
            getattr(self, method)(*params)
            return out | {'result': True}
        self.speaks.wait()
        if method == 'eth_getProof' and self.number_of(params[2]) < self.forgotten:
            return out | {'error': {'code': -32000, 'message': 'distance to target block exceeds maximum proof window'}}
        out = self.ask(question)
        if self.final and method == 'eth_getBlockByNumber' and params[0] == 'finalized':
            out['result'] = self.final
        for name, path in self.lies:
            if name == method and 'result' in out:
                out['result'] = lie(out['result'], path, None)
        return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    proxy = None

    def log_message(self, *args):
        pass

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        text = json.dumps(self.proxy.answer(question)).encode()
        try:
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # who asked waits no longer


def main():
    Handler.proxy = Proxy(int(sys.argv[1]))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == '__main__':
    sys.exit(main())
