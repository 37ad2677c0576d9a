"""CloudNativePG's resources as far as the chart uses them, written by hand after the definitions of version 1.30. (Those of the
other operators come from their Go modules; this one's cannot be had without its repository.)"""


def fields(required=(), **properties):
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


TEXT = {"type": "string", "minLength": 1}
YES_OR_NO = {"type": "boolean"}
NAMED = fields(["name"], name=TEXT)
QUANTITY = {"type": "string", "pattern": "^[0-9.]+(m|Mi|Gi|Ti)?$"}
AMOUNTS = fields(cpu=QUANTITY, memory=QUANTITY)
VOLUME = fields(["size"], size=QUANTITY, storageClass=TEXT)

CLUSTER = fields(
    ["instances"],
    imageName=TEXT,
    instances={"type": "integer", "minimum": 1},
    primaryUpdateStrategy={"enum": ["unsupervised", "supervised"]},
    primaryUpdateMethod={"enum": ["switchover", "restart"]},
    bootstrap=fields(initdb=fields(
        database=TEXT, owner=TEXT, secret=NAMED, encoding=TEXT, localeCollate=TEXT, localeCType=TEXT,
        postInitApplicationSQL={"type": "array", "items": TEXT},
    )),
    enableSuperuserAccess=YES_OR_NO,
    superuserSecret=NAMED,
    certificates=fields(serverAltDNSNames={"type": "array", "items": TEXT}),
    postgresql=fields(
        parameters={"type": "object", "additionalProperties": {"type": "string"}},
        synchronous=fields(
            ["method", "number"], method={"enum": ["any", "first"]}, number={"type": "integer", "minimum": 1},
            dataDurability={"enum": ["required", "preferred"]}, failoverQuorum=YES_OR_NO,
        ),
    ),
    affinity=fields(enablePodAntiAffinity=YES_OR_NO, topologyKey=TEXT, podAntiAffinityType={"enum": ["preferred", "required"]}),
    storage=VOLUME,
    walStorage=VOLUME,
    resources=fields(requests=AMOUNTS, limits=AMOUNTS),
    plugins={"type": "array", "items": fields(
        ["name"], name=TEXT, enabled=YES_OR_NO, isWALArchiver=YES_OR_NO, parameters={"type": "object", "additionalProperties": {"type": "string"}},
    )},
)
SCHEDULED_BACKUP = fields(
    ["cluster", "schedule"],
    cluster=NAMED,
    schedule={"type": "string", "pattern": "^([^ ]+ ){5}[^ ]+$"},
    immediate=YES_OR_NO,
    suspend=YES_OR_NO,
    backupOwnerReference={"enum": ["none", "self", "cluster"]},
    method={"enum": ["barmanObjectStore", "volumeSnapshot", "plugin"]},
    pluginConfiguration=fields(["name"], name=TEXT, parameters={"type": "object", "additionalProperties": {"type": "string"}}),
)


def resource(spec):
    return fields(["metadata", "spec"], apiVersion=TEXT, kind=TEXT, metadata={"type": "object"}, spec=spec)


SCHEMAS = {
    ("postgresql.cnpg.io/v1", "Cluster"): resource(CLUSTER),
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): resource(SCHEDULED_BACKUP),
}
