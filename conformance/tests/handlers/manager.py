"""A manager of systemd for tests: it takes units as systemd does on the bus, writes their properties down, and runs their commands."""

import json
import os
import signal
import subprocess
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

MANAGER = "org.freedesktop.systemd1.Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"
ROOT = "/org/freedesktop/systemd1"


def path_of(name):
    letters = [c if c.isascii() and c.isalnum() and (i or not c.isdigit()) else f"_{ord(c):02x}" for i, c in enumerate(name)]
    return f"{ROOT}/unit/{''.join(letters)}"


class Unit(dbus.service.Object):
    def __init__(self, bus, name, properties):
        super().__init__(bus, path_of(name))
        self.properties = properties

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.properties[name]

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass


class Manager(dbus.service.Object):
    def __init__(self, bus, traces):
        super().__init__(bus, ROOT)
        self.bus, self.traces, self.jobs, self.units = bus, traces, 0, {}

    @dbus.service.signal(MANAGER, signature="uoss")
    def JobRemoved(self, number, job, unit, result):
        pass

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        pass

    @dbus.service.method(MANAGER, in_signature="s")
    def UnrefUnit(self, name):
        self.trace("released", name)
        self.units.pop(name)[0].remove_from_connection()

    @dbus.service.method(MANAGER, in_signature="ssi")
    def KillUnit(self, name, whom, number):
        os.killpg(self.units[name][1].pid, number)

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        state = "loaded" if name.startswith(("supl@", "broken")) else "not-found"
        unit = self.units.get(name)
        if unit is None:
            unit = (Unit(self.bus, name, {"LoadState": state, "Result": "exit-code"}), None)
            self.units[name] = unit
        return path_of(name)

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StartUnit(self, name, mode):
        self.trace("started", f"{name} {mode}")
        return self.job(name, "failed" if name.startswith("broken") else "done")

    @dbus.service.method(
        MANAGER, in_signature="ssa(sv)a(sa(sv))", out_signature="o", async_callbacks=("answer", "fail")
    )
    def StartTransientUnit(self, name, mode, properties, auxiliary, answer, fail):
        settings = dict(properties)
        files = [settings.pop(f"Standard{which}FileDescriptor").take() for which in ("Input", "Output", "Error")]
        self.trace("properties", json.dumps(settings))
        ((path, words, flags),) = settings["ExecStartEx"]
        variables = dict(line.split("=", 1) for line in settings["Environment"])
        child = subprocess.Popen(
            [str(word) for word in words],
            executable=str(path),
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            env={str(key): str(value) for key, value in variables.items()},
            cwd=str(settings["WorkingDirectory"]),
            start_new_session=True,
        )
        for file in files:
            os.close(file)
        unit = Unit(self.bus, name, {"ActiveState": "active"})
        self.units[name] = (unit, child)
        over = GLib.timeout_add(int(settings["RuntimeMaxUSec"]) // 1000, self.out_of_time, unit, child)
        GLib.child_watch_add(GLib.PRIORITY_DEFAULT, child.pid, self.ended, (unit, over))
        # One that is started, and never said to be.
        if "unsaid" not in name:
            answer(self.job(name, "done"))

    def out_of_time(self, unit, child):
        unit.properties["Result"] = "timeout"
        os.killpg(child.pid, signal.SIGKILL)
        return True

    def ended(self, pid, status, data):
        unit, over = data
        GLib.source_remove(over)
        exited = os.WIFEXITED(status)
        unit.properties.setdefault("Result", "exit-code" if exited else "signal")
        unit.properties["ExecMainCode"] = dbus.Int32(1 if exited else 2)
        unit.properties["ExecMainStatus"] = dbus.Int32(os.WEXITSTATUS(status) if exited else os.WTERMSIG(status))
        unit.properties["ActiveState"] = "inactive"
        unit.PropertiesChanged("org.freedesktop.systemd1.Unit", {"ActiveState": "inactive"}, [])

    def job(self, name, result):
        self.jobs += 1
        job = f"{ROOT}/job/{self.jobs}"
        GLib.idle_add(lambda: self.JobRemoved(self.jobs, job, name, result) and False)
        return job

    def trace(self, name, line):
        with open(os.path.join(self.traces, name), "a") as file:
            file.write(line + "\n")


DBusGMainLoop(set_as_default=True)
connection = dbus.bus.BusConnection(sys.argv[1])
manager = Manager(connection, sys.argv[2])
name = dbus.service.BusName("org.freedesktop.systemd1", connection)
print("ready", flush=True)
GLib.MainLoop().run()
