"""Judges exported audit entries as a SIEM does, with tools that others wrote.

    judge.py sigma FOLDER   reads JSON Lines; pySigma turns the folder's rules into SQL, and SQLite answers: per file, the
                            events of the entries found, or, of a rule that counts, the numbers that it counted
    judge.py ocsf           reads OCSF events; says per event what the schema of the OCSF project has against it

Both write JSON.
"""

import json
import sqlite3
import sys
from datetime import datetime, timezone
from pathlib import Path


def judge_by_sigma(entries, folder):
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection

    # What a SIEM adds when it takes in a line: its own field for the time, and what docs/sigma says it must add.
    for entry in entries:
        at = datetime.fromtimestamp(entry["at_ms"] / 1000, timezone.utc)
        entry.update(timestamp=at.isoformat(), hour=at.hour, weekday=at.isoweekday())
    columns = sorted({name for entry in entries for name in entry} | {"ticket", "mode", "detail"})
    table = sqlite3.connect(":memory:")
    table.row_factory = sqlite3.Row
    table.execute(f"CREATE TABLE logs ({', '.join(columns)})")
    places = ", ".join("?" for _ in columns)
    table.executemany(f"INSERT INTO logs VALUES ({places})", [[entry.get(name) for name in columns] for entry in entries])
    found = {}
    for file in sorted(Path(folder).glob("*.yml")):
        rules = SigmaCollection.from_yaml(file.read_text())
        queries = sqliteBackend().convert(rules)
        assert len(queries) == 1, f"{file}: {queries}"
        rows = [dict(row) for row in table.execute(queries[0])]
        found[file.stem] = [row["metric_value"] if "metric_value" in row else row["event"] for row in rows]
    return found


def judge_by_ocsf(events):
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    versions, validators, faults = {}, {}, []
    for event in events:
        version, profiles = event["metadata"]["version"], tuple(event["metadata"].get("profiles", []))
        if version not in versions:
            versions[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
        schema, key = versions[version], (version, event["class_uid"], profiles)
        if key not in validators:
            name = schema.lookup_class_name_from_uid(class_uid=event["class_uid"])
            validators[key] = Draft202012Validator(schema.get_class_schema(class_name=name, profiles=list(profiles)))
        found = sorted(validators[key].iter_errors(event), key=str)
        faults.append([f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in found])
    return faults


lines = [json.loads(line) for line in sys.stdin]
verdict = judge_by_sigma(lines, sys.argv[2]) if sys.argv[1] == "sigma" else judge_by_ocsf(lines)
json.dump(verdict, sys.stdout)
