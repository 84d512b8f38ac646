# Prints OCSF's own schema of the class API Activity, as a JSON Schema: argv is the version and the profiles.
import json
import sys

from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=sys.argv[1]))
print(json.dumps(schema.get_class_schema(schema.lookup_class_name_from_uid(class_uid=6003), sys.argv[2:])))
