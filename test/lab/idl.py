"""Follows a database with the IDL that Open vSwitch ships for Python, and answers on stdin what it has.

Arguments: the remote, a file with the schema, and as JSON the columns to follow of each table. Prints the processor time until it
had its first content. Then, for a line `marker N`: waits until Open_vSwitch's external_ids have marker=N and prints the processor
time since the beginning; for a line `content`: prints the content in wire form.
"""

import json
import sys
import time

import ovs.db.idl
import ovs.json
import ovs.poller

remote, schema, tables = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

# The parser in Python would be a slow and an unfair peer.
if ovs.json.PARSER != ovs.json.PARSER_C:
    sys.exit("the C parser of python3-openvswitch could not be loaded")

helper = ovs.db.idl.SchemaHelper(location=schema)
for table, columns in tables.items():
    helper.register_columns(table, columns)

started = time.process_time()
idl = ovs.db.idl.Idl(remote, helper)


def follow_until(condition):
    idl.run()
    while not condition():
        poller = ovs.poller.Poller()
        idl.wait(poller)
        poller.block()
        idl.run()


def has_marker(number):
    for row in idl.tables["Open_vSwitch"].rows.values():
        return row.external_ids.get("marker") == number
    return False


def say(value):
    print(json.dumps(value), flush=True)


def cpu():
    return {"cpuMs": (time.process_time() - started) * 1000}


def content():
    return {
        table: {
            str(uuid): {column: row._data[column].to_json() for column in columns}
            for uuid, row in idl.tables[table].rows.items()
        }
        for table, columns in tables.items()
    }


follow_until(lambda: idl.has_ever_connected() and len(idl.tables["Open_vSwitch"].rows) > 0)
say(cpu())
for line in sys.stdin:
    command, *words = line.split()
    if command == "marker":
        follow_until(lambda: has_marker(words[0]))
        say(cpu())
    else:
        say(content())
