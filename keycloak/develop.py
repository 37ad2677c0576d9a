#!/usr/bin/env python3
"""The realm for `./dev up --keycloak`: realm.json, with what only development may have.

That is development.json - a client that takes passwords - and people whose password everybody knows: the six with a part in the
demo, and those whom standard input tells of, a line of JSON each. They have the subjects of the development issuer
(issuer/src/person.rs), so that profiles made with one are found with the other. Prints the realm for `kc.sh import`.
"""

import base64
import hashlib
import json
import pathlib
import sys
import uuid

HERE = pathlib.Path(__file__).parent
PASSWORD = b"crewup"


def credential():
    # Hashed here: the realm's policy would refuse a password that short. One round, for what is known to everybody.
    salt = b"crewup development"[:16]
    encoded = lambda data: base64.b64encode(data).decode()
    secret = {"value": encoded(hashlib.pbkdf2_hmac("sha512", PASSWORD, salt, 1, 64)), "salt": encoded(salt)}
    data = {"hashIterations": 1, "algorithm": "pbkdf2-sha512", "additionalParameters": {}}
    return {"type": "password", "credentialData": json.dumps(data), "secretData": json.dumps(secret)}


def demo(name):
    subject = str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://crewup.example/people/{name}"))
    return {"id": subject, "username": name, "email": f"{name}@crewup.example", "firstName": name.capitalize(), "lastName": "Demo"}


def account(person, roles):
    known = {"emailVerified": True, "enabled": True, "credentials": [credential()]}
    return {**person, **known, "realmRoles": ["default-roles-crewup", *roles]}


def main():
    realm = json.loads((HERE / "realm.json").read_text())
    overlay = json.loads((HERE / "development.json").read_text())
    roles = overlay.pop("people")
    for part, more in overlay.items():
        realm[part] += more
    people = {name: demo(name) for name in roles}
    people.update((person["username"], person) for person in map(json.loads, sys.stdin))
    realm["users"] += [account(person, roles.get(name, [])) for name, person in people.items()]
    print(json.dumps(realm, indent=2))


main()
