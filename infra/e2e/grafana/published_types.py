"""Holds the board and the alerting files against the types that Grafana publishes (grafana-foundation-sdk).

Reads one JSON object on standard input: the board under "board", the rules as a list under "rules", the policy under
"policy", the receivers as a list under "receivers". Prints what does not fit, a line each; exit code 1 if anything was.

The SDK itself takes what it gets: an unknown key is passed over, a number may stand for a text. So everything is read into
its classes, compared with their annotations, and written again: what is missing then was unknown.
"""

import enum
import json
import sys
import typing

from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models import alerting, dashboard

# What Grafana itself writes and reads there, although its types do not say so: queries of annotations by a data source, and
# which column of an answer is what.
BEYOND_THE_TYPES = ("target.refId", "target.datasource", "target.query", "mappings")

faults = []


def check_type(place, value, wanted):
    """Whether a value is of the type that an annotation says."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is typing.Any or wanted is object:
        return
    if origin is typing.Union:
        fits = any(fits_in(value, one) for one in arguments)
        if not fits:
            faults.append(f"{place}: {value!r} is none of {arguments}")
        return
    if not fits_in(value, wanted):
        faults.append(f"{place}: {value!r} is no {wanted}")
        return
    if origin is list:
        for index, item in enumerate(value):
            check_type(f"{place}[{index}]", item, arguments[0])
    elif origin is dict:
        for key, item in value.items():
            check_type(f"{place}.{key}", item, arguments[1])


def fits_in(value, wanted):
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is typing.Any or isinstance(wanted, typing.ForwardRef):
        return True
    if origin is typing.Union:
        return any(fits_in(value, one) for one in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits_in(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits_in(item, arguments[1]) for item in value.values())
    if wanted is None or wanted is type(None):
        return value is None
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return value in [one.value for one in wanted] or isinstance(value, wanted)
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(wanted, type):
        # Data queries are read as what they are asked of.
        return isinstance(value, wanted) or (isinstance(value, dict) and wanted.__module__.endswith("variants"))
    return True


def check_object(place, value):
    """Every attribute of an object of the SDK, and of those within it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_object(f"{place}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_object(f"{place}.{key}", item)
    elif type(value).__module__.startswith("grafana_foundation_sdk") and not isinstance(value, enum.Enum):
        hints = typing.get_type_hints(type(value))
        for name, item in vars(value).items():
            if item is not None and name in hints:
                check_type(f"{place}.{name}", item, hints[name])
            check_object(f"{place}.{name}", item)


def check_kept(place, before, after):
    """What was written must be what was read."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if value is None:
                continue
            if key not in after:
                known = place.startswith("board.annotations.") and f"{place}.{key}".endswith(BEYOND_THE_TYPES)
                if not known:
                    faults.append(f"{place}.{key}: Grafana knows no such key")
            else:
                check_kept(f"{place}.{key}", value, after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after)):
            check_kept(f"{place}[{index}]", one, other)
    elif before != after:
        faults.append(f"{place}: {before!r} became {after!r}")


def check(place, cls, value):
    read = cls.from_json(value)
    check_object(place, read)
    check_kept(place, value, json.loads(json.dumps(read, cls=encoder.JSONEncoder)))


def main():
    plugins.register_default_plugins()
    files = json.load(sys.stdin)
    check("board", dashboard.Dashboard, files["board"])
    for rule in files["rules"]:
        check(f"rule {rule['uid']}", alerting.Rule, rule)
    check("policy", alerting.NotificationPolicy, files["policy"])
    for receiver in files["receivers"]:
        check(f"receiver {receiver['uid']}", alerting.ContactPoint, receiver)
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


main()
