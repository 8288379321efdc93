"""The checks of PyPI scim2-tester (RFC 7643, RFC 7644) against a service: it knows the standards, an address and a token.

    scim_tester.py URL TOKEN

Prints one line of JSON: {"success": N, "skipped": N, "errors": [{"title", "resource", "reason"}, …]}. The official's extension is
left out of what is filled with random values: an identity number is checked, and a random one is none.
"""

import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import ResourceType, Schema, ScimProvider, ServiceProviderConfig
from scim2_tester import Status, check_server

OWN = "urn:yiwang:"


def described(http):
    """What the service says of itself, without its own extension."""
    schemas = [Schema.model_validate(s) for s in http.get("/Schemas").json()["Resources"] if not s["id"].startswith(OWN)]
    types = http.get("/ResourceTypes").json()["Resources"]
    for t in types:
        t["schemaExtensions"] = [e for e in t["schemaExtensions"] if not e["schema"].startswith(OWN)]
    config = ServiceProviderConfig.model_validate(http.get("/ServiceProviderConfig").json())
    return ScimProvider.from_discovery(schemas, [ResourceType.model_validate(t) for t in types], config)


def main():
    url, token = sys.argv[1:3]
    http = Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    client = SyncSCIMClient(http)
    client.provider = described(http)
    results = check_server(client, resource_types=["User"])
    bad = [r for r in results if r.status in (Status.DEVIATION, Status.ERROR, Status.CRITICAL)]
    errors = [{"title": r.title, "resource": r.resource_type, "reason": r.reason} for r in bad]
    count = lambda status: sum(1 for r in results if r.status == status)
    print(json.dumps({"success": count(Status.SUCCESS), "skipped": count(Status.SKIPPED), "errors": errors}, ensure_ascii=False))


if __name__ == "__main__":
    main()
