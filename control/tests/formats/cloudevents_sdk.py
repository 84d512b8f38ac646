# Reads CloudEvents with their own SDK, which checks every attribute: one a line from stdin, or, as `batch`, one array.
# Prints what it understood.
import json
import sys

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

text = sys.stdin.buffer.read()
reader = JSONFormat()
if sys.argv[1] == "batch":
    # The SDK reads no batches: each member is an event in the same format.
    events = [reader.read(CloudEvent, json.dumps(member)) for member in json.loads(text)]
else:
    events = [reader.read(CloudEvent, line) for line in text.splitlines()]
print(json.dumps([
    {"id": event.get_id(), "type": event.get_type(), "time": event.get_time().timestamp(), "data": event.get_data(),
     "extension": event.get_extension("correlationid")} for event in events
]))
