#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A BMC that speaks Redfish, for tests: one system, its chassis and its manager, over TLS with HTTP Basic.

usage: redfish.py DIR CERTIFICATE KEY [ADDRESS]

Prints the port it listens on. DIR/power holds "On" or "Off", DIR/password the password of the user admin. DIR/mode, read at each
request, says how it misbehaves: nothing (or absent), "wrong-type", "not-json", "huge", "slow", "500", "redirect", "stuck" (says
yes, does nothing), "elsewhere" (links of another host), "two" (two systems), "no-cycle", "deep". DIR/requests gets a line for each
request: method, path, whether credentials came with it, body.
"""
import base64
import http.server
import json
import os
import ssl
import sys
import time

where, crt, key = sys.argv[1:4]
address = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
V1 = "/redfish/v1/"


def read(name, default=""):
    try:
        with open(os.path.join(where, name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


def write(name, text):
    with open(os.path.join(where, name + ".new"), "w") as f:
        f.write(text)
    os.rename(os.path.join(where, name + ".new"), os.path.join(where, name))


def link(path):
    return {"@odata.id": V1 + path}


def documents(mode):
    allowed = ["On", "ForceOff", "GracefulShutdown", "ForceRestart"] + ([] if mode == "no-cycle" else ["PowerCycle"])
    system = {
        "@odata.id": V1 + "Systems/1", "Id": "1", "Manufacturer": "Example", "Model": "Node 1", "PowerState": read("power", "Off"),
        "IndicatorLED": "Off", "Oem": {"Example": {"Anything": [1, 2, None]}},
        "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"},
        "Actions": {"#ComputerSystem.Reset": {"target": V1 + "Systems/1/Actions/ComputerSystem.Reset",
                                              "ResetType@Redfish.AllowableValues": allowed}},
    }
    if mode == "wrong-type":
        system["PowerState"] = 7
    if mode == "elsewhere":
        system["Actions"]["#ComputerSystem.Reset"]["target"] = "https://127.0.0.2/redfish/v1/take"
    members = [link("Systems/1")] + ([link("Systems/2")] if mode == "two" else [])
    ok = {"State": "Enabled", "Health": "OK"}
    return {
        "": {"@odata.id": V1, "RedfishVersion": "1.15.0", "Vendor": "Example", "Product": "Example BMC", "Systems": link("Systems"),
             "Chassis": link("Chassis"), "Managers": link("Managers")},
        "Systems": {"Members": members, "Members@odata.count": len(members)},
        "Systems/1": system,
        "Chassis": {"Members": [link("Chassis/1")]},
        "Chassis/1": {"Id": "1", "Thermal": link("Chassis/1/Thermal"), "Power": link("Chassis/1/Power")},
        "Chassis/1/Thermal": {
            "Temperatures": [{"Name": "CPU 1", "ReadingCelsius": 41.5, "Status": ok},
                             {"Name": "CPU 2", "ReadingCelsius": None, "Status": {"State": "Absent"}},
                             {"Name": "Inlet", "ReadingCelsius": 61, "Status": {"State": "Enabled", "Health": "Critical"}}],
            "Fans": [{"Name": "Fan 1", "Reading": 5640, "ReadingUnits": "RPM", "Status": ok}]},
        "Chassis/1/Power": {"PowerControl": [{"Name": "System", "PowerConsumedWatts": 312}],
                            "PowerSupplies": [{"Name": "PSU 1", "LastPowerOutputWatts": 160, "Status": ok}]},
        "Managers": {"Members": [link("Managers/1")]},
        "Managers/1": {"Id": "1", "FirmwareVersion": "2.71", "Model": "BMC-9"},
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, text):
        self.answer(status, {"error": {"code": "Base.1.0.GeneralError", "message": "general",
                                       "@Message.ExtendedInfo": [{"Message": text}]}})

    def misbehave(self, mode):
        """True when the answer was given."""
        if mode == "slow":
            time.sleep(60)
        elif mode == "500":
            self.error(500, "out of order")
        elif mode == "redirect":
            self.answer(302, b"", [("Location", "https://127.0.0.2:1/redfish/v1/")])
        elif mode == "not-json":
            self.answer(200, b"<html>welcome</html>")
        elif mode == "huge":
            self.answer(200, b'{"RedfishVersion":"' + b"9" * (8 << 20) + b'"}')
        elif mode == "deep":
            self.answer(200, b'{"a":' * 5000 + b"1" + b"}" * 5000)
        else:
            return False
        return True

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        given = self.headers.get("Authorization")
        with open(os.path.join(where, "requests"), "a") as f:
            f.write("%s %s %s %s\n" % (self.command, self.path, "credentials" if given else "nobody", body))
        mode = read("mode")
        if self.misbehave(mode):
            return
        if not self.path.startswith(V1):
            return self.error(404, "no such thing")
        name = self.path[len(V1):].rstrip("/")
        if name:
            want = "Basic " + base64.b64encode(("admin:" + read("password")).encode()).decode()
            if given != want:
                return self.error(401, "who are you")
        self.serve(name, body, mode)

    def serve(self, name, body, mode):
        docs = documents(mode)
        if self.command == "GET":
            if name not in docs:
                return self.error(404, "no such thing")
            return self.answer(200, docs[name], [("ETag", '"1"')])
        if self.command == "POST" and name == "Systems/1/Actions/ComputerSystem.Reset":
            kind = json.loads(body)["ResetType"]
            if mode != "stuck":
                if kind in ("On", "ForceRestart", "PowerCycle"):
                    write("power", "On")
                elif kind == "ForceOff":
                    write("power", "Off")
            return self.answer(204, b"")
        if self.command == "PATCH" and name == "Systems/1":
            if self.headers.get("If-Match") != '"1"':
                return self.error(412, "it was changed meanwhile")
            write("patched", body)
            return self.answer(200, docs[name])
        return self.error(405, "not that way")

    do_GET = do_POST = do_PATCH = handle_one


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server((address, 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(crt, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
