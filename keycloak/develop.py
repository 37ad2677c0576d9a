#!/usr/bin/env python3
"""The realm for `./dev up --keycloak`: realm.json, with what only development may have.

That is development.json - a client that takes passwords - and people whose password everybody knows: those that the demo
city is told of, and `--people N` of the city itself. They have the subjects of the development issuer (issuer/src/person.rs),
so that profiles made with one are found with the other. Prints the realm for `kc.sh import`.
"""

import argparse
import base64
import hashlib
import json
import pathlib
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


def account(name, roles):
    given, family = name.split("-", 1) if "-" in name else (name, "demo")
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://crewup.example/people/{name}")),
        "username": name,
        "email": f"{name}@crewup.example",
        "emailVerified": True,
        "firstName": given.capitalize(),
        "lastName": family.capitalize(),
        "enabled": True,
        "realmRoles": ["default-roles-crewup", *roles],
        "credentials": [credential()],
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=0, metavar="N", help="accounts for person-1 to person-N as well")
    people = arguments.parse_args().people
    realm = json.loads((HERE / "realm.json").read_text())
    overlay = json.loads((HERE / "development.json").read_text())
    named = overlay.pop("people")
    for part, more in overlay.items():
        realm[part] += more
    realm["users"] += [account(name, roles) for name, roles in named.items()]
    realm["users"] += [account(f"person-{number}", []) for number in range(1, people + 1)]
    print(json.dumps(realm, indent=2))


main()
