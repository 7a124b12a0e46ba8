"""The deployment's templates hold what they promise: cfn-lint reads them for every region of the parameters and of three partitions, and
the rules below find what cfn-lint accepts and AWS refuses, or what AWS accepts and nobody should want. Templates, code, Glue list, table
of permissions and Terraform are held against each other. Every rule is tried on copies of the templates that are wrong in one thing each:
a rule that lets its copy pass, or that another rule has to help, ends it.

A template is judged as CloudFormation would make it: parameters, conditions and functions are evaluated, in several regions and with
every parameter at each of its values, once alone and once with everything that is optional switched on.

Usage: templates_hold.py [VENV], with PyYAML; cfn-lint is taken from VENV, or else from beside the Python that runs. It refuses to reach
any network, and to judge what only an account can tell: whether a service takes what its documentation allows.
"""

import copy
import fnmatch
import functools
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ACCOUNT = "123456789012"

# Beside the regions of deploy/params: one of each partition.
REGIONS_ALWAYS = ("eu-central-1", "cn-north-1", "us-gov-west-1")
# Types that a template needs and some regions do not have: there, cfn-lint must say so, and say nothing else.
NOT_EVERYWHERE = {"chaos.yaml": "AWS::FIS::ExperimentTemplate"}
# CloudFormation takes a larger template only from a bucket (CloudFormation quotas: template body size).
TEMPLATE_BYTES_MAX = 51_200
# Managed policies, and the inline policies of a role together (IAM quotas); blanks do not count.
MANAGED_POLICY_CHARACTERS_MAX = 6_144
ROLE_POLICY_CHARACTERS_MAX = 10_240

REGION_NAME = re.compile(r"\b(?:af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(?:-gov|-iso[a-f]?|-de)?-(?:north|south|east|west|central){1,2}-\d\b")


# --- Templates, and how CloudFormation evaluates them ---


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, which become long ones. Dates stay text, as CloudFormation has them."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def long_form(loader: Loader, name: str, node: yaml.Node):
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


Loader.add_multi_constructor("!", long_form)


@dataclass(frozen=True)
class Place:
    """Where a stack might be."""

    region: str
    partition: str
    suffix: str


PLACES = (
    Place("us-east-2", "aws", "amazonaws.com"),
    Place("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    Place("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
)

# What a parameter may be given, the first that its pattern takes. Those with commas come before, because they switch more on.
SAMPLES = (
    "/sample/one,/sample/two,/sample/three,/sample/four,/sample/five",
    "/sample/one,/sample/two,/sample/three",
    "sample",
    "https://sample",
    "sample/*",
    "/sample/group",
    "A" * 43 + "=",
    "1",
    ACCOUNT,
    "arn:aws:s3:::sample",
    f"arn:aws:iam::{ACCOUNT}:role/sample",
    f"arn:aws:kms:us-east-2:{ACCOUNT}:key/sample",
    f"arn:aws:sns:us-east-2:{ACCOUNT}:sample",
    f"arn:aws:lambda:us-east-2:{ACCOUNT}:function:sample",
    f"arn:aws:cloudwatch:us-east-2:{ACCOUNT}:alarm:sample",
    "ou-abcd-abcd1234",
    "us-east-2",
)

# What is hard to hand on is tried with what is hard.
SAMPLES_BY_NAME = {"FilterPattern": '{ $.message = "a\\\\b" && $.level = "error" }'}

# The property that names a resource, and its ARN.
NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName",),
    "AWS::Glue::Database": ("DatabaseInput", "Name"),
    "AWS::Glue::Table": ("TableInput", "Name"),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::LogStream": ("LogStreamName",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SSM::Document": ("Name",),
}
ARNS = {
    "AWS::CloudWatch::Alarm": "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}",
    "AWS::CloudWatch::CompositeAlarm": "arn:{p}:cloudwatch:{r}:{a}:alarm:{n}",
    "AWS::IAM::ManagedPolicy": "arn:{p}:iam::{a}:policy/{n}",
    "AWS::IAM::Role": "arn:{p}:iam::{a}:role/{n}",
    "AWS::KMS::Key": "arn:{p}:kms:{r}:{a}:key/{n}",
    "AWS::KinesisFirehose::DeliveryStream": "arn:{p}:firehose:{r}:{a}:deliverystream/{n}",
    "AWS::Lambda::Function": "arn:{p}:lambda:{r}:{a}:function:{n}",
    "AWS::Logs::LogGroup": "arn:{p}:logs:{r}:{a}:log-group:{n}:*",
    "AWS::S3::Bucket": "arn:{p}:s3:::{n}",
}
# A Ref gives the ARN here, and the name elsewhere.
REF_IS_ARN = {"AWS::IAM::ManagedPolicy"}

NO_VALUE = object()


class World:
    """A template as CloudFormation would make it at a place with these parameters."""

    def __init__(self, tree: dict, place: Place, parameters: dict):
        self.tree, self.place, self.parameters = tree, place, parameters
        self.pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": place.partition,
            "AWS::Region": place.region,
            "AWS::StackId": f"arn:{place.partition}:cloudformation:{place.region}:{ACCOUNT}:stack/sample/1",
            "AWS::StackName": "sample",
            "AWS::URLSuffix": place.suffix,
        }
        self._conditions: dict[str, bool] = {}
        self._resources: dict[str, dict] = {}
        self._names: dict[str, str] = {}
        self._statements: list[Statement] | None = None

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            self._conditions[name] = bool(self.value(self.tree["Conditions"][name]))
        return self._conditions[name]

    def is_possible(self) -> bool:
        """Whether the template's own rules take these parameters."""
        for one in self.tree.get("Rules", {}).values():
            asserted = all(self.value(assertion["Assert"]) for assertion in one["Assertions"])
            if self.value(one.get("RuleCondition", True)) and not asserted:
                return False
        return True

    def exists(self, logical: str) -> bool:
        body = self.tree["Resources"][logical]
        return "Condition" not in body or self.condition(body["Condition"])

    def resource(self, logical: str) -> dict:
        if logical not in self._resources:
            self._resources[logical] = self.value(self.tree["Resources"][logical].get("Properties", {}))
        return self._resources[logical]

    def resources(self, *types: str) -> dict[str, dict]:
        """Resources of these types that there are in this world (all without a type), by logical name, with their properties."""
        wanted = [name for name, body in self.tree["Resources"].items() if not types or body["Type"] in types]
        return {name: self.resource(name) for name in wanted if self.exists(name)}

    def type_of(self, logical: str) -> str:
        return self.tree["Resources"][logical]["Type"]

    def name_of(self, logical: str) -> str:
        if logical not in self._names:
            value = self.tree["Resources"][logical].get("Properties", {}) if self.type_of(logical) in NAMES else None
            for key in NAMES.get(self.type_of(logical), ()):
                value = value.get(key) if isinstance(value, dict) else None
            value = self.value(value)
            self._names[logical] = value if isinstance(value, str) else logical
        return self._names[logical]

    def arn_of(self, logical: str) -> str:
        form = ARNS.get(self.type_of(logical), "arn:{p}:other:{r}:{a}:{n}")
        return form.format(p=self.place.partition, r=self.place.region, a=ACCOUNT, n=self.name_of(logical))

    def function_arn(self, logical: str) -> str:
        """The ARN of the function that a version or an alias is of."""
        name = self.value(self.tree["Resources"][logical]["Properties"]["FunctionName"])
        return name if name.startswith("arn:") else f"arn:{self.place.partition}:lambda:{self.place.region}:{ACCOUNT}:function:{name}"

    def ref(self, name: str):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        match self.type_of(name):
            case "AWS::Lambda::Alias":
                return f"{self.function_arn(name)}:{self.value(self.tree['Resources'][name]['Properties']['Name'])}"
            case "AWS::Lambda::Version":
                return f"{self.function_arn(name)}:<{name}>"
            case kind:
                return self.arn_of(name) if kind in REF_IS_ARN else self.name_of(name)

    def attribute(self, name: str, attribute: str):
        match self.type_of(name), attribute:
            case _, "Arn":
                return self.arn_of(name)
            case "AWS::Lambda::Version", "Version":
                return f"<{name}>"
            case "AWS::Lambda::Version", "FunctionArn":
                return f"{self.function_arn(name)}:<{name}>"
            case "AWS::Lambda::Alias", "AliasArn":
                return self.ref(name)
        return f"<{name}.{attribute}>"

    def substitute(self, text: str, given: dict) -> str:
        def one(found: re.Match) -> str:
            name = found.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in given:
                value = self.value(given[name])
            elif "." in name:
                value = self.attribute(*name.split(".", 1))
            else:
                value = self.ref(name)
            return ",".join(value) if isinstance(value, list) else str(value)

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def value(self, node):
        match node:
            case list():
                return [value for value in map(self.value, node) if value is not NO_VALUE]
            case dict() if len(node) == 1:
                (key, argument), *_ = node.items()
                if key == "Ref" or key == "Condition" and isinstance(argument, str) or key.startswith("Fn::"):
                    return self.function(key, argument)
                value = self.value(argument)
                return {} if value is NO_VALUE else {key: value}
            case dict():
                values = {key: self.value(value) for key, value in node.items()}
                return {key: value for key, value in values.items() if value is not NO_VALUE}
        return node

    def function(self, key: str, argument):
        match key, argument:
            case "Ref", _:
                return self.ref(argument)
            case "Condition", _:
                return self.condition(argument)
            case "Fn::GetAtt", [name, attribute]:
                return self.attribute(name, attribute)
            case "Fn::Sub", [text, given]:
                return self.substitute(text, given)
            case "Fn::Sub", _:
                return self.substitute(argument, {})
            case "Fn::If", [condition, yes, no]:
                return self.value(yes if self.condition(condition) else no)
            case "Fn::Equals", [one, two]:
                return text_of(self.value(one)) == text_of(self.value(two))
            case "Fn::Not", [one]:
                return not self.value(one)
            case "Fn::And", _:
                return all(self.value(argument))
            case "Fn::Or", _:
                return any(self.value(argument))
            case "Fn::Join", [separator, parts]:
                return separator.join(map(text_of, self.value(parts)))
            case "Fn::Split", [separator, text]:
                return self.value(text).split(separator)
            case "Fn::Select", [index, values]:
                return self.value(values)[int(self.value(index))]
            case "Fn::Contains", [values, one]:
                return text_of(self.value(one)) in map(text_of, self.value(values))
            case "Fn::FindInMap", [table, one, two]:
                return self.tree["Mappings"][table][self.value(one)][self.value(two)]
        raise ValueError(f"{key} is not evaluated here")


def text_of(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def samples(name: str, parameter: dict) -> list[str]:
    """What a parameter is tried with, beside its default."""
    if name in SAMPLES_BY_NAME:
        return [SAMPLES_BY_NAME[name]]
    if "AllowedValues" in parameter:
        return [text_of(value) for value in parameter["AllowedValues"]]
    if parameter["Type"] == "Number":
        return [text_of(parameter[bound]) for bound in ("MinValue", "MaxValue") if bound in parameter] or ["1"]
    pattern = re.compile(parameter.get("AllowedPattern", ".*"))
    fitting = [text for text in SAMPLES if pattern.fullmatch(text)]
    if not fitting:
        raise ValueError(f"no sample fits {name}: {pattern.pattern}")
    # A name, or whatever it is, and an ARN where it may be one as well.
    arns = [text for text in fitting[1:] if text.startswith("arn:")] if "AllowedPattern" in parameter else []
    return [*fitting[:1], *arns[:1]]


class Template:
    """A template, and the worlds in which it is judged."""

    def __init__(self, name: str, tree: dict):
        self.name, self.tree = name, tree

    @functools.cached_property
    def worlds(self) -> list[World]:
        parameters = self.tree.get("Parameters", {})
        defaults = {name: text_of(body["Default"]) if "Default" in body else samples(name, body)[0] for name, body in parameters.items()}
        optional = {name: samples(name, body)[0] for name, body in parameters.items() if body.get("Default") == "" and body["Type"] != "Number"}
        given = [(place, base) for base in (defaults, defaults | optional) for place in PLACES]
        for name, body in parameters.items():
            given += [(PLACES[0], base | {name: sample}) for base in (defaults, defaults | optional) for sample in samples(name, body)]
        worlds = {}
        for place, values in given:
            lists = {name: value.split(",") for name, value in values.items() if parameters[name]["Type"] == "CommaDelimitedList"}
            worlds[place, tuple(sorted(values.items()))] = World(self.tree, place, values | lists)
        return [world for world in worlds.values() if world.is_possible()]

    def resources(self, *types: str) -> dict[str, dict]:
        return {name: body for name, body in self.tree["Resources"].items() if body["Type"] in types}

    def one(self, kind: str) -> str:
        """The logical name of the only resource of a type."""
        (name,) = self.resources(kind)
        return name


def strings(node, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """Every text of a tree, keys among them, with the keys that lead there."""
    match node:
        case dict():
            for key, value in node.items():
                yield path, str(key)
                yield from strings(value, (*path, str(key)))
        case list():
            for value in node:
                yield from strings(value, path)
        case str():
            yield path, node


def references(node) -> set[str]:
    """What a tree names by Ref, GetAtt and Sub."""
    found = set()
    match node:
        case {"Ref": str() as name}:
            found.add(name)
        case {"Fn::GetAtt": [name, *_]}:
            found.add(name)
        case {"Fn::Sub": text}:
            text = text[0] if isinstance(text, list) else text
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        found |= references(child)
    return found


def listed(value) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- Permissions ---


@dataclass(frozen=True)
class Statement:
    """A statement of a policy."""

    holder: str
    # `trust` of a role, `identity` (a policy of a role), or `resource` (a policy of a bucket, a key, …).
    kind: str
    body: dict = field(hash=False)

    @property
    def actions(self) -> list[str]:
        return listed(self.body.get("Action"))

    @property
    def resources(self) -> list[str]:
        return listed(self.body.get("Resource"))

    @property
    def allows(self) -> bool:
        return self.body.get("Effect") == "Allow"


IDENTITIES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")


def statements(world: World) -> list[Statement]:
    if world._statements is None:
        world._statements = list(read_statements(world))
    return world._statements


def read_statements(world: World) -> Iterator[Statement]:
    def within(node, path: tuple) -> Iterator[tuple[tuple, dict]]:
        match node:
            case {"Statement": found}:
                yield from ((path, statement) for statement in listed(found))
            case dict():
                for key, value in node.items():
                    yield from within(value, (*path, key))
            case list():
                for value in node:
                    yield from within(value, path)
            # Some policies are JSON text.
            case str() if '"Statement"' in node:
                yield from within(json.loads(node), path)

    for name, properties in world.resources().items():
        if world.type_of(name) == "AWS::Lambda::Permission":
            yield Statement(name, "resource", {"Effect": "Allow", "Action": properties.get("Action"), "Principal": {"Service": properties.get("Principal")}})
        identity = world.type_of(name) in IDENTITIES
        for path, statement in within(properties, ()):
            yield Statement(name, "trust" if "AssumeRolePolicyDocument" in path else "identity" if identity else "resource", statement)


def allowed(world: World, role_arn: str, action: str, resource: str) -> bool:
    """Whether a role of the template may do this. Conditions are not looked at."""
    role = role_arn.rpartition("/")[2]
    holders = {role}
    for name, properties in world.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy").items():
        if role in listed(properties.get("Roles")) or world.ref(name) in listed(world.resource(role).get("ManagedPolicyArns")):
            holders.add(name)
    said = [
        statement.allows
        for statement in statements(world)
        if statement.holder in holders
        and statement.kind == "identity"
        and any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in statement.actions)
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement.resources)
    ]
    return bool(said) and all(said)


# --- Rules ---


@dataclass
class Verdict:
    """What a rule found, and how much it looked at."""

    looked: int = 0
    faults: dict[str, None] = field(default_factory=dict)

    def that(self, holds: bool, fault: str) -> None:
        self.looked += 1
        if not holds:
            self.faults[fault] = None


Rule = Callable[[Template, Verdict], None]
# By name: the templates that it is for (None: all) and the rule.
RULES: dict[str, tuple[tuple[str, ...] | None, Rule]] = {}


def rule(name: str, *templates: str) -> Callable[[Rule], Rule]:
    def add(function: Rule) -> Rule:
        RULES[name] = (templates or None, function)
        return function

    return add


@rule("no-transform")
def _(template: Template, verdict: Verdict) -> None:
    """Service-managed StackSets refuse every macro and transform; cfn-lint does not mind one."""
    verdict.that("Transform" not in template.tree, "Transform: service-managed StackSets refuse it")
    for _, text in strings(template.tree):
        macro = text in ("Fn::Transform", "AWS::Include") or text.startswith("Fn::ForEach")
        verdict.that(not macro, f"{text} is a transform")


@rule("conditions")
def _(template: Template, verdict: Verdict) -> None:
    """Every condition holds in one world that is judged here and fails in another: no branch is beyond the rules."""
    for name in template.tree.get("Conditions", {}):
        seen = {world.condition(name) for world in template.worlds}
        verdict.that(seen == {True, False}, f"{name} is always {seen.pop()} in what is tried here: add a sample for its parameters")


@rule("hard-coded")
def _(template: Template, verdict: Verdict) -> None:
    """Nothing names a region, an account or a partition. The names of services have amazonaws.com in every partition, where they are
    principals; addresses have the partition's own suffix."""
    looked_at = {key: template.tree.get(key, {}) for key in ("Conditions", "Mappings", "Outputs", "Resources", "Rules")}
    looked_at["Defaults"] = {name: body.get("Default", "") for name, body in template.tree.get("Parameters", {}).items()}
    for path, text in strings(looked_at):
        where = "/".join(path[:2])
        for found in REGION_NAME.findall(text):
            verdict.that(False, f"{where}: the region {found}")
        verdict.that(not re.search(r"\b\d{12}\b", text), f"{where}: an account: {text}")
        verdict.that(not re.search(r"arn:aws[a-z-]*:", text), f"{where}: an ARN of one partition: {text}")
        principal = path and path[-1] in ("Service", "Principal", "iam:PassedToService", "iam:AWSServiceName", "aws:PrincipalServiceName")
        verdict.that("amazonaws.com" not in text or bool(principal), f"{where}: an address of some partitions only: {text}")


# Actions that AWS defines without a resource (service authorization reference: no resource type in the table of actions), and what
# they are needed for. cfn-lint's copy of that reference must agree.
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData": "doctor sees for which minutes CloudWatch Logs skipped events",
    "logs:CreateLogDelivery": "FIS sets up the delivery of an experiment's log",
    "logs:DescribeAccountPolicies": "subscribe --plan and doctor see whether the account is subscribed",
    "logs:DescribeLogGroups": "subscribe, backfill, tail and doctor find log groups; FIS the one of an experiment",
    "logs:DescribeResourcePolicies": "FIS looks whether the log may be delivered",
    "logs:PutAccountPolicy": "subscribe --apply --policy account",
    "logs:PutResourcePolicy": "FIS allows the delivery of an experiment's log",
    "tag:GetResources": "FIS resolves the targets of an experiment",
}


# What the reference has for calls that name one, and ours do not: metrics of the account itself are in no dataset.
OPTIONAL_RESOURCES = {"cloudwatch:GetMetricData": {"dataset"}}


@rule("wildcard-actions")
def _(template: Template, verdict: Verdict) -> None:
    """An action that is allowed has a name. What is denied may be denied whole, as everything without TLS is."""
    for world in template.worlds:
        for statement in statements(world):
            verdict.that("NotAction" not in statement.body, f"{statement.holder}: NotAction")
            for action in statement.actions if statement.allows else ():
                verdict.that(bool(re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action)), f"{statement.holder}: {action} is allowed")


@rule("any-resource")
def _(template: Template, verdict: Verdict) -> None:
    """`*` as a resource only for actions that AWS defines without one. In the policy of a resource `*` is that resource."""
    for world in template.worlds:
        for statement in statements(world):
            if statement.kind == "identity" and statement.allows:
                verdict.that("NotResource" not in statement.body, f"{statement.holder}: NotResource")
                for action in statement.actions if "*" in statement.resources else ():
                    verdict.that(action in WITHOUT_RESOURCE, f"{statement.holder}: {action} on any resource")
                verdict.looked += len(statement.resources)


@rule("any-principal")
def _(template: Template, verdict: Verdict) -> None:
    """Nobody is let in by a name that everybody has. A service is let in for this account, where it tells for whom it asks: S3 does not
    when it replicates, and Lambda does not when it assumes a function's role."""
    for world in template.worlds:
        for statement in statements(world):
            if statement.kind != "identity" and statement.allows:
                principal = statement.body.get("Principal", {})
                everybody = principal == "*" or isinstance(principal, dict) and "*" in listed(principal.get("AWS"))
                verdict.that(not everybody, f"{statement.holder}: everybody is let in")
                services = listed(principal.get("Service")) if isinstance(principal, dict) else []
                conditions = json.dumps(statement.body.get("Condition", {}))
                for service in services if statement.kind == "trust" else ():
                    guarded = "aws:SourceAccount" in conditions or "sts:ExternalId" in conditions
                    silent = service in ("lambda.amazonaws.com", "s3.amazonaws.com")
                    verdict.that(guarded or silent, f"{statement.holder}: {service} is let in on behalf of any account")


@rule("policy-size")
def _(template: Template, verdict: Verdict) -> None:
    """What IAM refuses for its length."""
    for world in template.worlds:
        for name, properties in world.resources("AWS::IAM::ManagedPolicy").items():
            size = len(json.dumps(properties["PolicyDocument"], separators=(",", ":")))
            verdict.that(size <= MANAGED_POLICY_CHARACTERS_MAX, f"{name}: {size} characters")
        for name, properties in world.resources("AWS::IAM::Role").items():
            size = sum(len(json.dumps(policy["PolicyDocument"], separators=(",", ":"))) for policy in properties.get("Policies", []))
            verdict.that(size <= ROLE_POLICY_CHARACTERS_MAX, f"{name}: {size} characters of policies")
            verdict.that("RoleName" not in properties, f"{name}: CloudFormation names roles: two regions would want the same name")


@rule("buckets")
def _(template: Template, verdict: Verdict) -> None:
    """Encrypted, not public, by TLS only, tidied up; and the lake's bucket versioned and left when the stack goes."""
    for world in template.worlds:
        for name, bucket in world.resources("AWS::S3::Bucket").items():
            body = template.tree["Resources"][name]
            encryption = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
            algorithms = {one.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for one in encryption}
            verdict.that(algorithms in ({"AES256"}, {"aws:kms"}), f"{name}: not encrypted")
            public = bucket.get("PublicAccessBlockConfiguration", {})
            for flag in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
                verdict.that(public.get(flag) is True, f"{name}: public access: {flag} is not true")
            owners = {one["ObjectOwnership"] for one in bucket.get("OwnershipControls", {}).get("Rules", [])}
            verdict.that(owners == {"BucketOwnerEnforced"}, f"{name}: access by ACLs")
            rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
            enabled = [one for one in rules if one.get("Status") == "Enabled"]
            verdict.that(any("AbortIncompleteMultipartUpload" in one for one in enabled), f"{name}: lifecycle: uploads that were given up stay")
            arn = world.arn_of(name)
            denials = [
                statement
                for statement in statements(world)
                if world.type_of(statement.holder) == "AWS::S3::BucketPolicy" and world.resource(statement.holder).get("Bucket") == world.ref(name)
            ]
            tls_only = any(
                not one.allows
                and one.body.get("Principal") in ("*", {"AWS": "*"})
                and "s3:*" in one.actions
                and {arn, f"{arn}/*"} <= set(one.resources)
                and {"aws:SecureTransport": "false"} in one.body.get("Condition", {}).values()
                for one in denials
            )
            verdict.that(tls_only, f"{name}: not by TLS only")
            if template.name == "region.yaml":
                verdict.that(bucket.get("VersioningConfiguration", {}).get("Status") == "Enabled", f"{name}: not versioned")
                verdict.that(any("NoncurrentVersionExpiration" in one for one in enabled), f"{name}: lifecycle: former versions stay for ever")
                # So that replicas of another region expire as well.
                prefixes = [one.get("Prefix", one.get("Filter", {}).get("Prefix", "")) for one in enabled]
                verdict.that(not any("region=" in prefix for prefix in prefixes), f"{name}: lifecycle: of one region's files only")
                for folder in ("landing/", "errors/", "failed/", "aws/lambda/async/", "redriven/"):
                    expires = [one for one, prefix in zip(enabled, prefixes, strict=True) if prefix == folder and "ExpirationInDays" in one]
                    verdict.that(bool(expires), f"{name}: lifecycle: {folder} does not expire")
                for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                    verdict.that(body.get(policy, "").startswith("Retain"), f"{name}: {policy} is not Retain")
            else:
                verdict.that("DeletionPolicy" in body and "UpdateReplacePolicy" in body, f"{name}: what becomes of it is not said")


# Days that a log group takes (CloudWatch Logs, PutRetentionPolicy).
RETENTION_DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}


@rule("log-groups")
def _(template: Template, verdict: Verdict) -> None:
    """No log is kept for ever, and every function and stream has a group of the template: one that the service makes has no end."""
    for world in template.worlds:
        groups = world.resources("AWS::Logs::LogGroup")
        for name, group in groups.items():
            verdict.that(int(group.get("RetentionInDays", 0)) in RETENTION_DAYS, f"{name}: retention of {group.get('RetentionInDays')} days")
        names = {world.name_of(name) for name in groups}
        for name, function in world.resources("AWS::Lambda::Function").items():
            group = function.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{world.name_of(name)}")
            verdict.that(group in names, f"{name}: its log group {group} is not of the template")
        for name, stream in world.resources("AWS::KinesisFirehose::DeliveryStream").items():
            group = destination_of(stream).get("CloudWatchLoggingOptions", {}).get("LogGroupName")
            verdict.that(group is None or group in names, f"{name}: its log group {group} is not of the template")


# --- Rules of a region ---


def name_of_deployment(world: World) -> str:
    return world.parameters["Name"]


def destination_of(stream: dict) -> dict:
    return stream.get("ExtendedS3DestinationConfiguration", {})


def streams(template: Template) -> Iterator[tuple[World, str, dict]]:
    for world in template.worlds:
        for name, stream in world.resources("AWS::KinesisFirehose::DeliveryStream").items():
            yield world, name, destination_of(stream)


@rule("firehose-buffer", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """With conversion to Parquet the service wants a buffer of 64 MiB or more (developer guide: convert input data format), and takes up
    to 128 MiB and 900 s (API: BufferingHints). CloudFormation takes 5 MiB and fails then."""
    for name, body in template.resources("AWS::KinesisFirehose::DeliveryStream").items():
        for parameter in references(body["Properties"]["ExtendedS3DestinationConfiguration"].get("BufferingHints", {})):
            bounds = template.tree["Parameters"].get(parameter, {})
            bounded = "AllowedValues" in bounds or {"MinValue", "MaxValue"} <= bounds.keys()
            verdict.that(bounded, f"{name}: {parameter} has no bounds")
    for _, name, destination in streams(template):
        hints = destination.get("BufferingHints", {})
        size, seconds = int(hints.get("SizeInMBs", 5)), int(hints.get("IntervalInSeconds", 300))
        verdict.that(64 <= size <= 128, f"{name}: a buffer of {size} MiB")
        verdict.that(0 <= seconds <= 900, f"{name}: a buffer of {seconds} s")


@rule("firehose-conversion", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Parquet, by the table of this template and OpenX, compressed by itself alone: the service refuses a compression around it."""
    for world, name, destination in streams(template):
        conversion = destination.get("DataFormatConversionConfiguration", {})
        verdict.that(conversion.get("Enabled") is True, f"{name}: nothing is converted")
        verdict.that(destination.get("CompressionFormat") == "UNCOMPRESSED", f"{name}: compressed as {destination.get('CompressionFormat')}")
        reader = conversion.get("InputFormatConfiguration", {}).get("Deserializer", {})
        verdict.that("OpenXJsonSerDe" in reader, f"{name}: read by {', '.join(reader)}")
        writer = conversion.get("OutputFormatConfiguration", {}).get("Serializer", {})
        verdict.that("ParquetSerDe" in writer, f"{name}: written by {', '.join(writer)}")
        schema = conversion.get("SchemaConfiguration", {})
        (table,) = world.resources("AWS::Glue::Table")
        (database,) = world.resources("AWS::Glue::Database")
        verdict.that(schema.get("TableName") == world.name_of(table), f"{name}: the table {schema.get('TableName')}")
        verdict.that(schema.get("DatabaseName") == world.name_of(database), f"{name}: the database {schema.get('DatabaseName')}")
        verdict.that(world.resource(table).get("DatabaseName") == world.name_of(database), f"{table}: in another database")
        verdict.that(schema.get("Region") in (None, world.place.region), f"{name}: a table of the region {schema.get('Region')}")
        partitioning = destination.get("DynamicPartitioningConfiguration", {}).get("Enabled", False)
        verdict.that(not partitioning, f"{name}: dynamic partitioning costs more and cannot be taken back")
        verdict.that(destination.get("CustomTimeZone", "UTC") == "UTC", f"{name}: hours in {destination.get('CustomTimeZone')}")


# Firehose's expressions (developer guide: custom prefixes for S3 objects), and the layout of the lake.
ALLOWED_EXPRESSIONS = re.compile(r"!\{(?:timestamp:[^}]+|firehose:(?:error-output-type|random-string))\}")
PREFIX = "landing/region={region}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/"
ERROR_PREFIX = "errors/region={region}/!{{firehose:error-output-type}}/date=!{{timestamp:yyyy-MM-dd}}/hour=!{{timestamp:HH}}/"


@rule("firehose-prefix", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Files lie where readers look. The error prefix must say the kind of error as soon as there is an expression in the other."""
    for world, name, destination in streams(template):
        prefix, error_prefix = destination.get("Prefix", ""), destination.get("ErrorOutputPrefix", "")
        for text in (prefix, error_prefix):
            rest = ALLOWED_EXPRESSIONS.sub("", text)
            verdict.that("!{" not in rest, f"{name}: no expression of Firehose's: {text}")
        verdict.that("!{firehose:error-output-type}" in error_prefix, f"{name}: errors of all kinds in one folder: {error_prefix}")
        verdict.that("!{firehose:error-output-type}" not in prefix, f"{name}: a kind of error in the prefix of what is no error: {prefix}")
        verdict.that(prefix == PREFIX.format(region=world.place.region), f"{name}: not the lake's layout: {prefix}")
        verdict.that(error_prefix == ERROR_PREFIX.format(region=world.place.region), f"{name}: not the layout of errors: {error_prefix}")


@rule("firehose-logging", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Why something was not delivered stands in the stream's log, which the template makes with its log stream."""
    for world, name, destination in streams(template):
        options = destination.get("CloudWatchLoggingOptions", {})
        verdict.that(options.get("Enabled") is True, f"{name}: no log")
        group = f"/aws/kinesisfirehose/{name_of_deployment(world)}"
        verdict.that(options.get("LogGroupName") == group, f"{name}: logs to {options.get('LogGroupName')}")
        verdict.that(options.get("LogStreamName") == "delivery", f"{name}: logs to the stream {options.get('LogStreamName')}")
        made = {(one.get("LogGroupName"), world.name_of(log)) for log, one in world.resources("AWS::Logs::LogStream").items()}
        verdict.that((group, "delivery") in made, f"{name}: its log stream is not made")


@rule("firehose-role", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The stream's role may do what Firehose needs, and everything it needs goes to this region's own."""
    for world, name, destination in streams(template):
        role, bucket = destination["RoleARN"], destination["BucketARN"]
        verdict.that(bucket == world.arn_of(template.one("AWS::S3::Bucket")), f"{name}: writes to {bucket}")
        place = f"{world.place.region}:{ACCOUNT}"
        partition = world.place.partition
        table = next(iter(world.resources("AWS::Glue::Table")))
        database = world.resource(table)["DatabaseName"]
        glue = ("catalog", f"database/{database}", f"table/{database}/{world.name_of(table)}")
        needs = [("s3:PutObject", f"{bucket}/{folder}/region={world.place.region}/x") for folder in ("landing", "errors")]
        needs += [("s3:AbortMultipartUpload", f"{bucket}/landing/region={world.place.region}/x")]
        needs += [(action, bucket) for action in ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")]
        needs += [(action, f"arn:{partition}:glue:{place}:{one}") for action in ("glue:GetTable", "glue:GetTableVersions") for one in glue]
        needs += [("logs:PutLogEvents", f"arn:{partition}:logs:{place}:log-group:/aws/kinesisfirehose/{name_of_deployment(world)}:log-stream:delivery")]
        needs += [(action, world.arn_of(key)) for key in world.resources("AWS::KMS::Key") for action in ("kms:GenerateDataKey", "kms:Decrypt")]
        schema = destination.get("DataFormatConversionConfiguration", {}).get("SchemaConfiguration", {})
        verdict.that(schema.get("RoleARN", role) == role, f"{name}: another role for the schema")
        for action, resource in needs:
            verdict.that(allowed(world, role, action, resource), f"{name}: its role may not {action} on {resource}")


def forwarder(world: World) -> tuple[str, dict, str]:
    """The forwarder: its logical name, its properties, the ARN of its alias."""
    ((name, function),) = world.resources("AWS::Lambda::Function").items()
    ((alias, _),) = world.resources("AWS::Lambda::Alias").items()
    return name, function, world.ref(alias)


@rule("version-and-alias", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The alias shows a version, and a version is published whenever what runs is another: CloudFormation publishes one only where
    checksum or description of it change, so that every parameter of the function must be in them, or tell to raise what is."""
    for world in template.worlds:
        name, function, alias_arn = forwarder(world)
        verdict.that(alias_arn == f"{world.arn_of(name)}:live", f"the alias is {alias_arn}")
        ((alias, properties),) = world.resources("AWS::Lambda::Alias").items()
        versions = {f"<{version}>" for version in world.resources("AWS::Lambda::Version")}
        verdict.that(properties.get("FunctionVersion") in versions, f"{alias}: shows {properties.get('FunctionVersion')}")
        for version, one in world.resources("AWS::Lambda::Version").items():
            verdict.that(world.function_arn(version) == world.arn_of(name), f"{version}: of another function")
            verdict.that(len(one.get("Description", "")) <= 256, f"{version}: a description of {len(one.get('Description', ''))} characters")
            verdict.that("CodeSha256" in one, f"{version}: of any code")
    parameters = template.tree["Parameters"]
    function = template.tree["Resources"][template.one("AWS::Lambda::Function")]["Properties"]
    # What is no part of a version: the limit counts for all versions together, and another name is another function.
    settings = {key: value for key, value in function.items() if key not in ("FunctionName", "ReservedConcurrentExecutions", "Role", "Tags")}
    version = template.tree["Resources"][template.one("AWS::Lambda::Version")]["Properties"]
    for parameter in sorted((references(settings) - references(version)) & parameters.keys() - {"Name"}):
        told = [one for one in references(version) & parameters.keys() if f"raise {one}" in parameters[parameter].get("Description", "")]
        elsewhere = parameter in ("CodeKey", "CodeBucketPrefix") and "CodeSha256" in references(version)
        verdict.that(bool(told) or elsewhere, f"{parameter}: another value publishes no version")


@rule("function", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The forwarder has time to deliver (a minute), a runtime that takes its binary, and a bound on how many there are."""
    for world in template.worlds:
        name, function, _ = forwarder(world)
        verdict.that(function.get("Runtime") == "provided.al2023", f"{name}: runs in {function.get('Runtime')}")
        verdict.that(60 <= int(function.get("Timeout", 3)) <= 900, f"{name}: ends after {function.get('Timeout', 3)} s")
        verdict.that(128 <= int(function.get("MemorySize", 128)) <= 10_240, f"{name}: {function.get('MemorySize')} MiB")
    raw = template.tree["Resources"][template.one("AWS::Lambda::Function")]["Properties"]
    verdict.that("ReservedConcurrentExecutions" in raw, "no bound on how many there are")


@rule("on-failure", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """What the forwarder could not deliver goes to the bucket, below a prefix of Lambda's own (developer guide: retaining records of
    asynchronous invocations), and the function's role may put it there: Lambda uses that role, and asks whether it may list, too."""
    for world in template.worlds:
        name, function, _ = forwarder(world)
        bucket = world.arn_of(template.one("AWS::S3::Bucket"))
        configurations = list(world.resources("AWS::Lambda::EventInvokeConfig").values())
        verdict.that(len(configurations) == 1, f"{len(configurations)} configurations of asynchronous calls")
        for one in configurations:
            verdict.that(one.get("Qualifier") == "live", f"of {one.get('Qualifier')}, and events come to live")
            verdict.that(one.get("FunctionName") in (world.name_of(name), world.arn_of(name)), f"of {one.get('FunctionName')}")
            destination = one.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            verdict.that(destination == bucket, f"what fails goes to {destination}")
            verdict.that("OnSuccess" not in one.get("DestinationConfig", {}), "what does not fail goes somewhere, too")
            verdict.that(int(one.get("MaximumRetryAttempts", 2)) == 2, f"{one.get('MaximumRetryAttempts')} further attempts")
            verdict.that(60 <= int(one.get("MaximumEventAgeInSeconds", 21_600)) <= 21_600, f"after {one.get('MaximumEventAgeInSeconds')} s")
        folder = f"aws/lambda/async/{world.name_of(name)}/2026/11/21/x"
        needs = [("s3:PutObject", f"{bucket}/{folder}"), ("s3:ListBucket", bucket)]
        needs += [("kms:GenerateDataKey", world.arn_of(key)) for key in world.resources("AWS::KMS::Key")]
        for action, resource in needs:
            verdict.that(allowed(world, function["Role"], action, resource), f"the function's role may not {action} on {resource}")


@rule("forwarder-role", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The function's role may deliver and log, and nothing that a forwarder has no business with."""
    for world in template.worlds:
        name, function, _ = forwarder(world)
        stream = world.arn_of(template.one("AWS::KinesisFirehose::DeliveryStream"))
        log = f"arn:{world.place.partition}:logs:{world.place.region}:{ACCOUNT}:log-group:/aws/lambda/{world.name_of(name)}:log-stream:x"
        for action, resource in (("firehose:PutRecordBatch", stream), ("logs:CreateLogStream", log), ("logs:PutLogEvents", log)):
            verdict.that(allowed(world, function["Role"], action, resource), f"the function's role may not {action} on {resource}")
        bucket = world.arn_of(template.one("AWS::S3::Bucket"))
        refused = [("s3:GetObject", f"{bucket}/landing/x"), ("s3:PutObject", f"{bucket}/landing/x"), ("s3:DeleteObject", f"{bucket}/failed/x")]
        for action, resource in refused:
            verdict.that(not allowed(world, function["Role"], action, resource), f"the function's role may {action} on {resource}")


@rule("permission", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """CloudWatch Logs, for this account alone, may call the alias; a permission on the function itself does not let it."""
    for world in template.worlds:
        permissions = world.resources("AWS::Lambda::Permission")
        _, _, alias = forwarder(world)
        verdict.that(len(permissions) == 1, f"{len(permissions)} permissions")
        for name, one in permissions.items():
            verdict.that(one.get("FunctionName") == alias, f"{name}: on {one.get('FunctionName')}")
            verdict.that(one.get("SourceAccount") == ACCOUNT, f"{name}: for the account {one.get('SourceAccount')}")
            verdict.that(one.get("Action") == "lambda:InvokeFunction", f"{name}: {one.get('Action')}")
            # With the partition's suffix, other than most services.
            services = (f"logs.{world.place.suffix}", f"logs.{world.place.region}.{world.place.suffix}")
            verdict.that(one.get("Principal") in services, f"{name}: by {one.get('Principal')}")
            source = f"arn:{world.place.partition}:logs:{world.place.region}:{ACCOUNT}:log-group:*"
            verdict.that(one.get("SourceArn", source) == source, f"{name}: from {one.get('SourceArn')}")
    # CloudFormation replaces what differs in one of these, and CloudWatch Logs skips up to ten minutes where the two are replaced at once.
    fixed: dict[tuple[Place, str], dict] = {}
    for world in template.worlds:
        _, _, alias = forwarder(world)
        (permission,) = [*world.resources("AWS::Lambda::Permission").values()] or [{}]
        before = fixed.setdefault((world.place, name_of_deployment(world)), {"alias": alias} | permission)
        verdict.that(before == {"alias": alias} | permission, "the permission or the alias is replaced by a parameter other than Name")


# What a criterion may be and how long (CloudWatch Logs, PutAccountPolicy: `LogGroupName NOT IN []`, up to 25 KB).
SELECTION = re.compile(r'LogGroupName NOT IN (\[.*\])')
SELECTION_BYTES_MAX = 25 << 10


@rule("account-policy", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The account's subscription goes to the alias and leaves out every group that the pipeline itself writes, by its real name: the
    group of a function is /aws/lambda/NAME, and a policy that leaves out another one feeds the forwarder with its own log."""
    found = 0
    for world in template.worlds:
        name, function, alias = forwarder(world)
        own = {function.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{world.name_of(name)}")}
        for stream in world.resources("AWS::KinesisFirehose::DeliveryStream").values():
            own.add(destination_of(stream).get("CloudWatchLoggingOptions", {}).get("LogGroupName"))
        for policy, properties in world.resources("AWS::Logs::AccountPolicy").items():
            found += 1
            verdict.that(properties.get("PolicyType") == "SUBSCRIPTION_FILTER_POLICY", f"{policy}: a {properties.get('PolicyType')}")
            verdict.that(properties.get("Scope", "ALL") == "ALL", f"{policy}: for {properties.get('Scope')}")
            criterion = properties.get("SelectionCriteria", "")
            verdict.that(len(criterion.encode()) <= SELECTION_BYTES_MAX, f"{policy}: a criterion of {len(criterion.encode())} bytes")
            parsed = SELECTION.fullmatch(criterion)
            verdict.that(bool(parsed), f"{policy}: the criterion {criterion}")
            excluded = set(json.loads(parsed.group(1))) if parsed else set()
            for other in world.parameters["OtherNames"]:
                own |= {f"/aws/lambda/{other}-forwarder", f"/aws/kinesisfirehose/{other}"} if other else set()
            for group in own:
                verdict.that(group in excluded, f"{policy}: {group} is not left out: the forwarder would read its own log")
            document = json.loads(properties.get("PolicyDocument", "{}"))
            verdict.that(document.get("DestinationArn") == alias, f"{policy}: delivers to {document.get('DestinationArn')}")
            unknown = document.keys() - {"DestinationArn", "FilterPattern", "Distribution", "RoleArn"}
            verdict.that(not unknown, f"{policy}: unknown to the service: {', '.join(sorted(unknown))}")
            verdict.that("FilterPattern" in document, f"{policy}: the service wants a filter pattern, if an empty one")
    verdict.that(found > 0, "no world has the account's policy")


# What LogGroups takes, and what would feed deployments with themselves or each other, or make two filters of one.
TRIAL_GROUPS = ("", "/aws/lambda/pay", "/aws/lambda/a,/ecs/forwarder,/b", "/aws/lambda/pay-forwarder-2", "/x/aws/lambda/a-forwarder", "/ab,/b", "/b,/ab,/bb")
NO_TRIAL_GROUPS = ("/aws/lambda/transect-forwarder", "/a,/aws/lambda/blue-forwarder", "/aws/lambda/blue-forwarder,/a", "/a,/aws/kinesisfirehose/blue,/b",
    "/aws/kinesisfirehose/transect", "/a,/a", "/a,/b,/a", "/b,/a,/a", "/a,/b,/c,/d", ",/a", "/a,", "/a b", "x" * 513)


@rule("subscription-filters", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Filters of groups go to the alias, too, are called as `transect subscribe` calls them, and spare what forwarders and streams write."""
    pattern = template.tree["Parameters"]["LogGroups"]["AllowedPattern"]
    for groups, takes in [(one, True) for one in TRIAL_GROUPS] + [(one, False) for one in NO_TRIAL_GROUPS]:
        verdict.that(bool(re.fullmatch(pattern, groups)) == takes, f"LogGroups {'does not take' if takes else 'takes'} {groups[:40]!r}")
    for world in template.worlds:
        _, _, alias = forwarder(world)
        own = {world.name_of(group) for group in world.resources("AWS::Logs::LogGroup")}
        for name, one in world.resources("AWS::Logs::SubscriptionFilter").items():
            verdict.that(one.get("DestinationArn") == alias, f"{name}: delivers to {one.get('DestinationArn')}")
            verdict.that(one.get("FilterName") == name_of_deployment(world), f"{name}: is called {one.get('FilterName')}")
            verdict.that(one.get("LogGroupName") not in own, f"{name}: of the pipeline's own group")
        with_filters = template.resources("AWS::Logs::SubscriptionFilter", "AWS::Logs::AccountPolicy")
        for name in with_filters:
            # The service asks for the permission when the subscription is made.
            waits = listed(template.tree["Resources"][name].get("DependsOn"))
            permission = template.one("AWS::Lambda::Permission")
            verdict.that(permission in waits, f"{name}: does not wait for {permission}")


# What the services emit: names, and the sets of dimensions under which they do.
# Lambda developer guide: types of metrics for functions, dimensions for function metrics. Firehose developer guide: monitoring with
# CloudWatch metrics. CloudWatch Logs user guide: monitoring with CloudWatch metrics. S3 user guide: metrics and dimensions.
LAMBDA_METRICS = (
    "AsyncEventAge AsyncEventsDropped AsyncEventsReceived ClaimedAccountConcurrency ConcurrentExecutions DeadLetterErrors "
    "DestinationDeliveryFailures Duration Errors Invocations PostRuntimeExtensionsDuration RecursiveInvocationsDropped Throttles"
)
FIREHOSE_METRICS = (
    "BytesPerSecondLimit DeliveryToS3.Bytes DeliveryToS3.DataFreshness DeliveryToS3.ObjectCount DeliveryToS3.Records DeliveryToS3.Success "
    "FailedConversion.Bytes FailedConversion.Records IncomingBytes IncomingPutRequests IncomingRecords KMSKeyAccessDenied KMSKeyDisabled "
    "KMSKeyInvalidState KMSKeyNotFound PutRecordBatch.Bytes PutRecordBatch.Latency PutRecordBatch.Records PutRequestsPerSecondLimit "
    "RecordsPerSecondLimit SucceedConversion.Bytes SucceedConversion.Records ThrottledRecords"
)
METRICS: dict[str, tuple[set[str], list[set[str]]]] = {
    "AWS/Firehose": (set(FIREHOSE_METRICS.split()), [{"DeliveryStreamName"}]),
    "AWS/Lambda": (
        set(LAMBDA_METRICS.split()),
        [{"FunctionName"}, {"FunctionName", "Resource"}, {"FunctionName", "Resource", "ExecutedVersion"}],
    ),
    "AWS/Logs": (
        {"DeliveryErrors", "DeliveryThrottling", "ForwardedBytes", "ForwardedLogEvents", "IncomingBytes", "IncomingLogEvents"},
        # A query groups by one of the dimensions of a delivery.
        [set(), {"LogGroupName"}, {"DestinationType", "FilterName", "LogGroupName"}],
    ),
    "AWS/S3": (
        {"BytesPendingReplication", "OperationsFailedReplication", "OperationsPendingReplication", "ReplicationLatency"},
        [{"SourceBucket", "DestinationBucket", "RuleId"}],
    ),
}
# Names of resources, as the values of dimensions have them.
DIMENSIONS = {
    "DeliveryStreamName": "{name}",
    "FunctionName": "{name}-forwarder",
    "Resource": "{name}-forwarder:live",
    "function_name": "{name}-forwarder",
}
# What must not happen unnoticed.
ALARMS_NEEDED = {
    ("AWS/Lambda", "AsyncEventsReceived"): "events may leave Lambda's queue without an invocation, and nothing else shows it",
    ("AWS/Logs", "DeliveryErrors"): "CloudWatch Logs skips events after a refusal",
    ("AWS/Logs", "DeliveryThrottling"): "events come late, and after 24 h not at all",
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"): "files come late, or not at all",
    ("AWS/Firehose", "FailedConversion.Records"): "records do not become Parquet",
    ("AWS/Lambda", "AsyncEventsDropped"): "events wait in vain, or their attempts are used up",
    ("AWS/Lambda", "DestinationDeliveryFailures"): "what failed could not be kept: loss",
    ("AWS/Lambda", "Errors"): "the forwarder fails",
    ("AWS/Lambda", "Throttles"): "there are too few forwarders",
    ("Transect/Forwarder", "OwnEvents"): "the forwarder reads its own log, or another's",
}


@functools.cache
def own_metrics() -> tuple[str, set[str], set[str]]:
    """Namespace, metrics and dimensions of the forwarder, as its source has them."""
    source = (ROOT / "crates/forwarder/src/report.rs").read_text()
    told_by = (ROOT / "crates/normalize/src/forwarder.rs").read_text()
    (namespace,) = re.findall(r'pub const NAMESPACE: &str = "([^"]+)"', told_by)
    (block,) = re.findall(r"^report! \{\n(.*?)^\}", source, re.M | re.S)
    (dimensions,) = re.findall(r'"Dimensions": \[\[([^\]]*)\]\]', source)
    return namespace, set(re.findall(r'^\s+\w+ "(\w+)" "', block, re.M)), set(re.findall(r'"([^"]+)"', dimensions))


def judge_metric(world: World, where: str, namespace: str, metric: str, dimensions: dict[str, str], verdict: Verdict) -> None:
    own_namespace, own_names, own_dimensions = own_metrics()
    known = METRICS | {own_namespace: (own_names, [own_dimensions])}
    names, sets = known.get(namespace, (set(), []))
    verdict.that(bool(names), f"{where}: nobody emits {namespace}")
    if names:
        verdict.that(metric in names, f"{where}: {namespace} has no {metric}")
        verdict.that(dimensions.keys() in sets, f"{where}: {namespace} {metric} by {', '.join(dimensions) or 'nothing'}")
    for dimension, value in dimensions.items():
        if dimension in DIMENSIONS and "Name" in world.parameters:
            right = DIMENSIONS[dimension].format(name=name_of_deployment(world))
            verdict.that(value == right, f"{where}: {dimension} is {value}, not {right}")


# A query of Metrics Insights, as alarms and widgets here have it.
QUERY = re.compile(r"""SELECT (?:SUM|MAX|AVG|MIN|COUNT)\((\w+)\) FROM "([^"]+)"(?: GROUP BY (\w+))?""")


def metrics_of(alarm: dict) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The metrics that an alarm looks at: one, those of an expression, or that of a query."""
    for one in alarm.get("Metrics", []):
        if one.get("Expression", "").startswith("SELECT"):
            yield queried(one["Expression"])
    asked = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    for one in asked or ([alarm] if "MetricName" in alarm else []):
        yield one["Namespace"], one["MetricName"], {each["Name"]: each["Value"] for each in one.get("Dimensions", [])}


def queried(expression: str) -> tuple[str, str, dict[str, str]]:
    query = QUERY.fullmatch(expression)
    return (query[2], query[1], {query[3]: ""} if query[3] else {}) if query else ("no such query", expression, {})


@rule("alarms")
def _(template: Template, verdict: Verdict) -> None:
    """An alarm says what silence means, and looks at something that somebody emits: CloudWatch takes any name, and never goes off."""
    for world in template.worlds:
        for name, alarm in world.resources("AWS::CloudWatch::Alarm").items():
            treatment = alarm.get("TreatMissingData")
            verdict.that(treatment in ("breaching", "ignore", "missing", "notBreaching"), f"{name}: missing data are {treatment}")
            looked_at = list(metrics_of(alarm))
            verdict.that(bool(looked_at), f"{name} looks at nothing")
            for namespace, metric, dimensions in looked_at:
                judge_metric(world, name, namespace, metric, dimensions, verdict)


@rule("alarms-needed", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Everything that must not happen unnoticed has an alarm, in every world."""
    for world in template.worlds:
        alarms = world.resources("AWS::CloudWatch::Alarm").values()
        seen = {(namespace, metric) for alarm in alarms for namespace, metric, _ in metrics_of(alarm)}
        for needed, meaning in ALARMS_NEEDED.items():
            verdict.that(needed in seen, f"no alarm for {' '.join(needed)}: {meaning}")


@rule("dashboard", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """A dashboard shows what somebody emits, here."""
    for world in template.worlds:
        for name, dashboard in world.resources("AWS::CloudWatch::Dashboard").items():
            for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
                properties = widget.get("properties", {})
                if "metrics" in properties:
                    verdict.that(properties.get("region") == world.place.region, f"{name}: metrics of the region {properties.get('region')}")
                before: list[str] = []
                for row in properties.get("metrics", []):
                    for part in row:
                        if isinstance(part, dict) and "expression" in part:
                            judge_metric(world, name, *queried(part["expression"]), verdict)
                    row = [part for part in row if not isinstance(part, dict)]
                    # `.` is what stood there in the row above, and `...` all of it but the last.
                    if row and row[0] == "...":
                        row = [*before[: len(before) - len(row) + 1], *row[1:]]
                    row = [before[index] if part == "." else part for index, part in enumerate(row)]
                    before = row
                    if row:
                        pairs = dict(zip(row[2::2], row[3::2], strict=True))
                        judge_metric(world, name, row[0], row[1], pairs, verdict)


@rule("names", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """What is called by a name is called as everything else expects."""
    for world in template.worlds:
        name = name_of_deployment(world)
        bucket = world.parameters.get("BucketName") or f"{name}-telemetry-{ACCOUNT}-{world.place.region}"
        expected = {
            "AWS::S3::Bucket": {bucket},
            "AWS::Lambda::Function": {f"{name}-forwarder"},
            "AWS::KinesisFirehose::DeliveryStream": {name},
            "AWS::Logs::LogGroup": {f"/aws/lambda/{name}-forwarder", f"/aws/kinesisfirehose/{name}"},
            "AWS::Logs::LogStream": {"delivery"},
            "AWS::Glue::Database": {world.parameters["GlueDatabase"]},
            "AWS::Glue::Table": {"telemetry"},
        }
        for kind, right in expected.items():
            found = {world.name_of(one) for one in world.resources(kind)}
            verdict.that(found == right, f"{kind} is called {', '.join(sorted(found))}, not {', '.join(sorted(right))}")
        for policy, properties in world.resources("AWS::Logs::AccountPolicy").items():
            verdict.that(properties.get("PolicyName") == name, f"{policy} is called {properties.get('PolicyName')}, not {name}")
    defaults = {"Name": "transect", "GlueDatabase": "transect"}
    for parameter, right in defaults.items():
        found = template.tree["Parameters"][parameter].get("Default")
        verdict.that(found == right, f"{parameter} is {found} by default, not {right}")


@rule("replication", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """Only what this region wrote is copied, under the same keys; what only its own region can redrive stays."""
    found = 0
    for world in template.worlds:
        bucket = world.resource(template.one("AWS::S3::Bucket"))
        configuration = bucket.get("ReplicationConfiguration", {})
        wanted = bool(world.parameters.get("ReplicaBucketArn"))
        verdict.that(bool(configuration) == wanted, "replicates without a replica, or has a replica and does not")
        for one in configuration.get("Rules", []):
            found += 1
            prefix = one.get("Filter", {}).get("Prefix", one.get("Prefix", ""))
            own = {f"{folder}/region={world.place.region}/" for folder in ("landing", "releases")}
            verdict.that(prefix in own, f"copies {prefix or 'everything'}")
            verdict.that(one.get("Status") == "Enabled", f"{prefix} is not copied")
            deletions = one.get("DeleteMarkerReplication", {}).get("Status", "Disabled")
            verdict.that("Filter" not in one or "DeleteMarkerReplication" in one, f"{prefix}: S3 wants DeleteMarkerReplication beside a filter")
            verdict.that(deletions == "Disabled", f"{prefix}: deletions are copied, too")
            encrypted = one.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status") == "Enabled"
            keyed = "EncryptionConfiguration" in one.get("Destination", {})
            verdict.that(not encrypted or keyed, f"{prefix}: S3 wants a key of the replica beside encrypted objects")
    verdict.that(found > 0, "no world replicates")


# --- Agreement of a region's template with the code ---


def variables() -> dict[str, str | None]:
    """The forwarder's variables and their defaults, as its source has them."""
    source = (ROOT / "crates/forwarder/src/config.rs").read_text()
    found = re.findall(r'name: "(TRANSECT_\w+)",\s+default: (None|Some\("([^"]*)"\))', source)
    return {name: None if given == "None" else default for name, given, default in found}


# What the forwarder takes, of what a template can bound: it ends its start at anything else.
TAKEN: dict[str, Callable[[str], bool]] = {
    "TRANSECT_DELIVERY_STREAM": lambda text: bool(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text)),
    "TRANSECT_REDACT": lambda text: text in ("on", "off"),
    "TRANSECT_MIN_SEVERITY": lambda text: text in ("none", "trace", "debug", "info", "warn", "error", "fatal"),
    "TRANSECT_SAMPLE_RATE": lambda text: 0 < float(text) <= 1,
    "TRANSECT_MAX_DECODED_MIB": lambda text: 1 <= int(text) <= 1024,
}


@rule("environment", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The function has exactly the variables that the forwarder reads, by default their defaults, and never a value that it refuses."""
    known = variables()
    for world in template.worlds:
        for name, value in forwarder(world)[1].get("Environment", {}).get("Variables", {}).items():
            verdict.that(name not in TAKEN or TAKEN[name](value), f"{name} can be {value}, which the forwarder refuses")
    world = template.worlds[0]
    _, function, _ = forwarder(world)
    given = function.get("Environment", {}).get("Variables", {})
    for name in sorted(known.keys() ^ given.keys()):
        verdict.that(False, f"{name} is {'not given' if name in known else 'nothing that the forwarder reads'}")
    stream = world.name_of(template.one("AWS::KinesisFirehose::DeliveryStream"))
    for name in known.keys() & given.keys():
        right = stream if known[name] is None else known[name]
        verdict.that(given[name] == right, f"{name} is {given[name]!r} by default, not {right!r}")
    raw = template.tree["Resources"][template.one("AWS::Lambda::Function")]["Properties"].get("Environment", {}).get("Variables", {})
    for name in known.keys() & raw.keys():
        verdict.that(bool(references(raw[name])), f"{name} cannot be set")


@rule("glue-columns", "region.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The table has the columns of the schema in their order: Firehose drops what has no column, without a word."""
    right = [(one["Name"], one["Type"]) for one in json.loads((DEPLOY / "generated/glue-columns.json").read_text())]
    world = template.worlds[0]
    storage = world.resource(template.one("AWS::Glue::Table"))["TableInput"]["StorageDescriptor"]
    found = [(one["Name"], one["Type"]) for one in storage["Columns"]]
    for position, (one, other) in enumerate(itertools.zip_longest(right, found)):
        verdict.that(one == other, f"column {position + 1} is {other}, not {one}")
    # A Glue comment has up to 255 characters (Glue API: Column); CloudFormation finds out when it makes the table.
    for one in storage["Columns"]:
        verdict.that(len(one.get("Comment", "")) <= 255, f"the comment of {one['Name']} is too long")


# --- Rules of the other templates ---


@rule("experiments", "chaos.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """An experiment is stopped by an alarm, leaves a log, is known by its tags, ends, and may do little."""
    for world in template.worlds:
        for name, one in world.resources("AWS::FIS::ExperimentTemplate").items():
            stops = one.get("StopConditions", [])
            alarms = [stop for stop in stops if stop["Source"] == "aws:cloudwatch:alarm" and stop.get("Value", "").startswith("arn:")]
            verdict.that(bool(alarms) and alarms == stops, f"{name}: nothing stops it")
            log = one.get("LogConfiguration", {}).get("CloudWatchLogsConfiguration", {}).get("LogGroupArn", "")
            verdict.that(log in [world.arn_of(group) for group in world.resources("AWS::Logs::LogGroup")], f"{name}: no log")
            verdict.that(bool(one.get("Tags")), f"{name}: no tags")
            verdict.that(bool(one.get("Actions")), f"{name}: does nothing")
            for action in one.get("Actions", {}).values():
                parameters = action.get("Parameters", {})
                ends = parameters.get("maxDuration" if action["ActionId"].startswith("aws:ssm:") else "duration", "")
                verdict.that(bool(re.fullmatch(r"PT\d+[MH]", ends)), f"{name}: does not end: {ends}")
                for text in parameters.values():
                    verdict.that(isinstance(text, str) and len(text) <= 1024, f"{name}: a parameter is no text, or too long")
            for target in one.get("Targets", {}).values():
                verdict.that("ResourceTags" not in target, f"{name}: hits whatever has a tag")


@rule("denials", "chaos.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """What an automation attaches can only deny, and it is removed on every way out; EventBridge removes it once more."""
    found = 0
    for world in template.worlds:
        policies = {world.ref(name): name for name in world.resources("AWS::IAM::ManagedPolicy")}
        for statement in statements(world):
            if {"iam:AttachRolePolicy", "iam:PutRolePolicy"} & set(statement.actions):
                found += 1
                attached = listed(statement.body.get("Condition", {}).get("ArnEquals", {}).get("iam:PolicyARN"))
                verdict.that(bool(attached), f"{statement.holder}: may attach any policy")
                for arn in attached:
                    of_policy = [one for one in statements(world) if one.holder == policies.get(arn)]
                    verdict.that(bool(of_policy) and not any(one.allows for one in of_policy), f"{statement.holder}: may attach {arn}, which allows")
        lifting = set()
        for name, document in world.resources("AWS::SSM::Document").items():
            *before, last = document["Content"]["mainSteps"]
            lifting.add(last["inputs"].get("Script"))
            verdict.that("detach_role_policy" in last["inputs"].get("Script", "") and last.get("isEnd") is True, f"{name}: does not end by removing")
            for step in before:
                for way in ("onFailure", "onCancel"):
                    verdict.that(step.get(way) == f"step:{last['name']}", f"{name}: {step['name']}: {way} leaves the denial")
                verdict.that("nextStep" in step, f"{name}: {step['name']} leads nowhere")
        verdict.that(len(lifting) <= 1, "two ways to remove a denial")
        for name, rule_ in world.resources("AWS::Events::Rule").items():
            detail = rule_["EventPattern"]["detail"]
            verdict.that(set(detail["new-state"]["status"]) == {"completed", "stopped", "failed", "cancelled"}, f"{name}: an end is not noticed")
            removed = {tuple(json.loads(one["Input"])["PolicyArn"]) for one in rule_["Targets"]}
            denials = {(arn,) for arn, policy in policies.items() if policy.startswith("Deny")}
            verdict.that(removed == denials, f"{name}: removes {removed}, not {denials}")
        # The automation's own time must be over before FIS ends it.
        for name, one in world.resources("AWS::FIS::ExperimentTemplate").items():
            for action in one["Actions"].values():
                if action["ActionId"] == "aws:ssm:start-automation-execution":
                    waits = json.loads(action["Parameters"]["documentParameters"])["Duration"]
                    minutes, most = (int(text[2:-1]) for text in (waits, action["Parameters"]["maxDuration"]))
                    verdict.that(most >= minutes + 5, f"{name}: ends after {most} minutes, and waits for {minutes}")
    verdict.that(found > 0, "no world has a denial")


# Folders of the lake, as `crates/` call them.
FOLDERS = {
    "landing": ("crates/lake/src/partition.rs", r'const LANDING: &str = "([^"]+)"'),
    "releases": ("crates/lake/src/releases.rs", r'const RELEASES: &str = "([^"]+)"'),
    "errors": ("crates/cloudwatch/src/redrive.rs", r'const ERRORS: &str = "([^"]+)"'),
    "failed": ("crates/cloudwatch/src/redrive.rs", r'const FAILED: &str = "([^"]+)"'),
    "redriven": ("crates/cloudwatch/src/redrive.rs", r'const REDRIVEN: &str = "([^"]+)"'),
    "aws/lambda/async/{}": ("crates/cloudwatch/src/names.rs", r'format!\("(aws/[^"]+)", self\.function\(\)\)'),
}


@rule("folders", "global.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """People may touch the folders of the lake, each to the end it has, and no bucket of another account."""
    # By action: the folders that it may be allowed in.
    may = {
        "s3:GetObject": {"landing", "releases", "errors", "failed", "redriven", "aws/lambda/async"},
        "s3:PutObject": {"landing", "releases", "errors", "failed", "redriven", "aws/lambda/async"},
        # Never what was delivered or redriven.
        "s3:DeleteObject": {"errors", "failed", "aws/lambda/async"},
    }
    for world in template.worlds:
        own = f"/{name_of_deployment(world)}-forwarder"
        # S3 replicates between two buckets that are named.
        for statement in (one for one in statements(world) if one.kind == "identity" and one.holder != "ReplicationRole"):
            for action in (action for action in statement.actions if action.startswith("s3:")):
                verdict.that(action in (*may, "s3:ListBucket"), f"{statement.holder}: {action}")
                account = statement.body.get("Condition", {}).get("StringEquals", {}).get("aws:ResourceAccount")
                verdict.that(account == ACCOUNT, f"{statement.holder}: {action} in buckets of any account")
                for resource in statement.resources if action in may else ():
                    folder = resource.split(":::")[-1].partition("/")[2].removesuffix("/*").removesuffix(own)
                    verdict.that(folder in may[action], f"{statement.holder}: {action} in {folder or 'the whole bucket'}")


@rule("readers-only-read", "global.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """The reader's role changes nothing and opens nothing that is not redacted."""
    for world in template.worlds:
        name, place = name_of_deployment(world), world.place
        pattern = world.parameters["Buckets"] or f"{name}-telemetry-{ACCOUNT}-{place.region}"
        bucket, group = f"arn:{place.partition}:s3:::{pattern}", f"arn:{place.partition}:logs:{place.region}:{ACCOUNT}:log-group:x"
        for role in world.resources("AWS::IAM::Role").keys() & {"ReaderRole"}:
            for action, resource in (("s3:GetObject", f"{bucket}/landing/x"), ("s3:ListBucket", bucket)):
                verdict.that(allowed(world, world.arn_of(role), action, resource), f"the reader may not {action} on {resource}")
            for action, resource in (
                ("s3:GetObject", f"{bucket}/failed/x"),
                ("s3:GetObject", f"{bucket}/aws/lambda/async/{name}-forwarder/x"),
                ("s3:PutObject", f"{bucket}/landing/x"),
                ("s3:DeleteObject", f"{bucket}/failed/x"),
                ("logs:PutSubscriptionFilter", group),
                ("logs:PutRetentionPolicy", group),
                ("logs:PutAccountPolicy", "*"),
            ):
                verdict.that(not allowed(world, world.arn_of(role), action, resource), f"the reader may {action} on {resource}")
            for action in ("logs:FilterLogEvents", "logs:StartLiveTail"):
                wished = world.parameters["ReadRawLogs"] == "yes"
                verdict.that(allowed(world, world.arn_of(role), action, group) == wished, f"the reader may {action}: {not wished}, with ReadRawLogs otherwise")


# --- What stands beside the templates ---


@functools.cache
def rows_of_permissions() -> tuple[tuple[str, str, str], ...]:
    """Template, holder and action of each row of deploy/iam.md."""
    rows: list[tuple[str, str, str]] = []
    inside = False
    for line in (DEPLOY / "iam.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if not line.startswith("|"):
            inside = False
        elif cells == ["template", "role or policy", "action", "resource", "why"]:
            inside = True
        elif inside and not set("".join(cells)) <= set("-: "):
            if len(cells) != 5 or not all(cells):
                raise ValueError(f"iam.md: five cells, none empty: {line}")
            template, holder, action = (cell.strip("`") for cell in cells[:3])
            rows.append((template, holder, action))
    return tuple(rows)


@rule("permissions-table")
def _(template: Template, verdict: Verdict) -> None:
    """Every action that a template allows or denies has a row in deploy/iam.md that says why, and every row has its action."""
    written = {(holder, action) for name, holder, action in rows_of_permissions() if name == template.name}
    found = {(one.holder, action, one.allows) for world in template.worlds for one in statements(world) for action in one.actions}
    for holder, action, allows in sorted(found):
        # A wildcard that is allowed is another rule's business.
        verdict.that((holder, action) in written or allows and "*" in action, f"{holder}: {action} is not in iam.md")
    for holder, action in sorted(written):
        verdict.that((holder, action, True) in found or (holder, action, False) in found, f"{holder}: iam.md has {action}, and the template has not")


# Where the command line calls AWS, and what it calls there.
CALLERS = ("crates/cloudwatch/src", "crates/rollout/src", "crates/cli/src")
CALLED_SERVICES = ("cloudwatch", "firehose", "lambda", "logs")


@functools.cache
def authorization() -> dict[str, dict]:
    """cfn-lint's copy of the service authorization reference: by service, its actions in lower case."""
    (found,) = {*Path(cfn_lint()).parent.parent.glob("lib/python3*/site-packages/cfnlint/data/AdditionalSpecs/Policies.json")}
    return {service: body["Actions"] for service, body in json.loads(found.read_text()).items()}


@functools.cache
def calls() -> dict[str, str]:
    """Actions that the command line needs, in lower case without a service, with the file that calls each."""
    found = {}
    places = [ROOT / place for place in CALLERS]
    files = [path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*.rs")))]
    for path in (path for path in files if "test" not in str(path.relative_to(ROOT))):
        for name in re.findall(r"\.\s*([a-z]+(?:_[a-z]+)+)\(\)", path.read_text()):
            action = name.replace("_", "")
            if any(action in authorization()[service] for service in CALLED_SERVICES):
                found[action] = str(path.relative_to(ROOT))
    return found


@rule("calls", "global.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """What the command line calls, one of the roles may, on what it is called for; and what it does not call, none may."""
    # The world with everything switched on.
    world = max(template.worlds, key=lambda one: len(one.resources()))
    name, place = name_of_deployment(world), f"{world.place.region}:{ACCOUNT}"
    prefix = f"arn:{world.place.partition}"
    on = {
        "cloudwatch": ["*"],
        "firehose": [f"{prefix}:firehose:{place}:deliverystream/{name}"],
        "lambda": [f"{prefix}:lambda:{place}:function:{name}-forwarder", *world.parameters["FunctionArns"]],
        "logs": [f"{prefix}:logs:{place}:log-group:/sample", "*"],
    }
    roles = [world.arn_of(role) for role in world.resources("AWS::IAM::Role")]
    for action, caller in calls().items():
        wanted = [(f"{service}:{action}", resource) for service in CALLED_SERVICES if action in authorization()[service] for resource in on[service]]
        granted = any(allowed(world, role, *one) for role in roles for one in wanted)
        verdict.that(granted, f"no role may {wanted[0][0]}, which {caller} calls")
    verdict.that(bool(calls()), "nothing that calls AWS was found")
    for statement in statements(world):
        for action in statement.actions if statement.kind == "identity" and statement.allows else ():
            service, _, name = action.lower().partition(":")
            verdict.that(service not in CALLED_SERVICES or name in calls(), f"{statement.holder}: {action} is allowed, and nothing calls it")


# What differs between regions, and is given to single instances.
OF_ONE_REGION = {"BucketName", "ReplicaBucketArn", "ReplicationRoleArn", "ReplicaKeyArn"}


@rule("stackset", "stackset.yaml")
def _(template: Template, verdict: Verdict) -> None:
    """It passes on what region.yaml takes, with the same defaults, and goes region by region."""
    region = load("region.yaml").tree["Parameters"]
    for world in template.worlds:
        for name, one in world.resources("AWS::CloudFormation::StackSet").items():
            passed = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in one.get("Parameters", [])}
            for parameter in sorted(passed.keys() ^ (region.keys() - OF_ONE_REGION)):
                verdict.that(False, f"{name}: {parameter} is {'not passed on' if parameter in region else 'nothing that region.yaml takes'}")
            for parameter, value in passed.items():
                given = world.parameters.get(parameter)
                verdict.that(value == (",".join(given) if isinstance(given, list) else given), f"{name}: {parameter} is not passed on as it is given")
            preferences = one.get("OperationPreferences", {})
            verdict.that(preferences.get("RegionConcurrencyType") == "SEQUENTIAL", f"{name}: several regions at a time")
            verdict.that(preferences.get("FailureToleranceCount") == 0, f"{name}: goes on after a failure")
            verdict.that("CAPABILITY_IAM" in one.get("Capabilities", []), f"{name}: may make no roles")
            verdict.that("CAPABILITY_AUTO_EXPAND" not in one.get("Capabilities", []), f"{name}: would take a transform")
    for parameter, body in template.tree["Parameters"].items():
        if parameter in region:
            here, there = body.get("Default"), region[parameter].get("Default")
            verdict.that((here is None) == (there is None) and text_of(here) == text_of(there), f"{parameter} is {here} by default, and {there} in region.yaml")


def judge_parameters(region: dict, files: dict[str, list[dict]], verdict: Verdict) -> None:
    """Files of parameters give what region.yaml takes, and everything that has no default."""
    parameters = region["Parameters"]
    verdict.that(bool(files), "no files of parameters")
    for file, rows in files.items():
        given = {row["ParameterKey"]: row["ParameterValue"] for row in rows}
        verdict.that(len(given) == len(rows), f"{file}: a parameter twice")
        for name, body in parameters.items():
            verdict.that("Default" in body or name in given, f"{file}: {name} is missing")
        for name, value in given.items():
            body = parameters.get(name, {})
            fits = re.fullmatch(body.get("AllowedPattern", ".*"), value, re.S) and value in map(text_of, body.get("AllowedValues", [value]))
            if body.get("Type") == "Number":
                number = float(value)
                fits = fits and body.get("MinValue", number) <= number <= body.get("MaxValue", number)
            verdict.that(bool(body) and bool(fits), f"{file}: {name} cannot be {value}" if body else f"{file}: region.yaml does not take {name}")
        verdict.that(not any(re.fullmatch(r"\d{12}", value) and value != ACCOUNT for value in given.values()), f"{file}: an account")


def judge_code(texts: dict[str, str], verdict: Verdict) -> None:
    """The command line calls things as the rules above expect the templates to call them."""
    for folder, (file, pattern) in FOLDERS.items():
        found = re.findall(pattern, texts[file])
        verdict.that(found == [folder], f"{file}: {', '.join(found) or 'nothing'}, not {folder}")
    names = texts["crates/cloudwatch/src/names.rs"]
    for text in ('format!("{}-forwarder", self.name)', '"live"', 'format!("/aws/lambda/{}", self.function())', 'format!("/aws/kinesisfirehose/{}", self.name)'):
        verdict.that(text in names, f"crates/cloudwatch/src/names.rs: no {text}")


def judge_terraform(texts: dict[str, str], region: dict, verdict: Verdict) -> None:
    """Terraform makes the same, as far as its text tells: variables, defaults, folders, names, columns."""
    whole = "\n".join(texts.values())
    found = set(re.findall(r"\bTRANSECT_[A-Z_]+\b", whole)) - {"TRANSECT_REFRESH", "TRANSECT_LAKE"}
    for name in sorted(found ^ variables().keys()):
        verdict.that(False, f"{name} is {'missing' if name in variables() else 'nothing that the forwarder reads'}")
    plain = re.sub(r"\s+", "", whole)
    for text, what in (
        (PREFIX.format(region="${region}"), "the prefix"),
        (ERROR_PREFIX.format(region="${region}"), "the prefix of errors"),
        ("UNCOMPRESSED", "no compression around Parquet"),
        ("generated/glue-columns.json", "the columns"),
        ('"${var.name}-forwarder"', "the function's name"),
        ('"/aws/kinesisfirehose/${var.name}"', "the stream's log group"),
        ('"/aws/lambda/${local.function}"', "the function's log group"),
        ('"${var.name}-telemetry-${var.account_id}-${region}"', "the bucket's name"),
        ('="live"', "the alias"),
        ('="telemetry"', "the table"),
    ):
        verdict.that(re.sub(r"\s+", "", text) in plain, f"{what}: no {text}")
    for place in REGION_NAME.findall(re.sub(r"#.*|description\s*=.*|error_message\s*=.*", "", whole)):
        verdict.that(False, f"the region {place}")
    # Settings are the parameters in another spelling; Terraform publishes versions by itself.
    (block,) = re.findall(r"^  defaults = \{\n(.*?)^  \}", texts["settings.tf"], re.M | re.S)
    settings = {name: value for name, value in re.findall(r"^    (\w+)\s*= ([^#\n]*?)\s*(?:#.*)?$", block, re.M)}
    parameters = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): body for name, body in region["Parameters"].items()}
    for name in sorted(settings.keys() ^ (parameters.keys() - {"name", "revision"})):
        verdict.that(False, f"{name} is {'no setting' if name in parameters else 'no parameter of region.yaml'}")
    for name in settings.keys() & parameters.keys():
        value = settings[name].strip('"')
        value = "" if value in ("null", "[]") else value
        right = text_of(parameters[name].get("Default", ""))
        verdict.that(value == right, f"{name} is {settings[name]} by default, and {right} in region.yaml")


@functools.cache
def cfn_lint() -> str:
    """The program. `sys.executable` is not resolved: a virtual environment's Python is a link to another folder."""
    folder = Path(sys.argv[1]) / "bin" if len(sys.argv) > 1 else Path(sys.executable).parent
    return str(folder.absolute() / "cfn-lint")


def lint(templates: list[Template], regions: list[str], verdict: Verdict) -> None:
    """cfn-lint, with everything that it knows, over all regions at once."""
    for template in templates:
        command = [cfn_lint(), "--include-checks", "I", "--format", "json", "--regions", *regions, "--", str(DEPLOY / "cfn" / template.name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout or "[]")
        verdict.that(done.returncode == 0 or bool(found), f"{template.name}: cfn-lint: {done.stderr.strip()}")
        missing = NOT_EVERYWHERE.get(template.name)
        excused = [one for one in found if missing and one["Rule"]["Id"] == "E3006" and f"'{missing}'" in one["Message"]]
        for one in found:
            place = "/".join(map(str, one["Location"]["Path"] or []))
            verdict.that(one in excused, f"{template.name}: {one['Rule']['Id']} {one['Message']} ({place}, line {one['Location']['Start']['LineNumber']})")
        verdict.that(not missing or bool(excused), f"{template.name}: {missing} is everywhere now: take it out of NOT_EVERYWHERE")
        verdict.looked += len(regions)


# --- Wrong copies: each must be refused by its rule, in these words, and by no other ---

Change = Callable[[dict], None]
ABSENT = object()


@dataclass(frozen=True)
class Mutation:
    """A copy of a template that is wrong in one thing."""

    rule: str
    says: str
    change: Change
    template: str = "region.yaml"


def body_of(tree: dict, kind: str) -> dict:
    """The first resource of a type, or one by its name."""
    return next(body for name, body in tree["Resources"].items() if kind in (name, body["Type"]))


def properties_of(tree: dict, kind: str) -> dict:
    return body_of(tree, kind)["Properties"]


def set_at(node, path: str, value) -> None:
    """Puts a value where a path with slashes leads, or takes away what is there."""
    *before, last = path.split("/")
    for step in before:
        node = node[int(step) if isinstance(node, list) else step]
    if isinstance(node, list):
        last = int(last)
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value


def edit(path: str, value=ABSENT) -> Change:
    """Of the template."""
    return lambda tree: set_at(tree, path, value)


def of(kind: str, path: str, value=ABSENT) -> Change:
    """Of the properties of the first resource of a type, or of one by its name."""
    return lambda tree: set_at(properties_of(tree, kind), path, value)


def of_stream(path: str, value=ABSENT) -> Change:
    return of("AWS::KinesisFirehose::DeliveryStream", f"ExtendedS3DestinationConfiguration/{path}", value)


def sub(text: str) -> dict:
    return {"Fn::Sub": text}


def raw_statements(node) -> Iterator[dict]:
    match node:
        case {"Effect": _, **_rest}:
            yield node
        case dict() | list():
            for value in node.values() if isinstance(node, dict) else node:
                yield from raw_statements(value)


def statement_with(tree: dict, action: str) -> dict:
    return next(one for one in raw_statements(tree["Resources"]) if action in listed(one.get("Action")) and one["Effect"] == "Allow")


def of_statement(action: str, key: str, value=ABSENT) -> Change:
    """Of the first statement that allows the action."""
    return lambda tree: set_at(statement_with(tree, action), key, value)


def allow(action: str, beside: str) -> Change:
    """Allows an action beside another one."""

    def change(tree: dict) -> None:
        statement = statement_with(tree, beside)
        statement["Action"] = [*listed(statement["Action"]), action]

    return change


def alarm_on(tree: dict, metric: str) -> dict:
    alarms = (body["Properties"] for body in tree["Resources"].values() if body["Type"] == "AWS::CloudWatch::Alarm")
    return next(alarm for alarm in alarms if alarm.get("MetricName") == metric)


def of_alarm(metric: str, path: str, value=ABSENT) -> Change:
    return lambda tree: set_at(alarm_on(tree, metric), path, value)


def another_alarm(metric: str, key: str, value: str) -> Change:
    """A further alarm, like the one on a metric but for one property."""

    def change(tree: dict) -> None:
        tree["Resources"]["Another"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": copy.deepcopy(alarm_on(tree, metric)) | {key: value}}

    return change


def alarm_of_query(tree: dict, metric: str) -> dict:
    alarms = (body["Properties"] for body in tree["Resources"].values() if body["Type"] == "AWS::CloudWatch::Alarm")
    return next(alarm for alarm in alarms if any(metric in one.get("Expression", "") for one in alarm.get("Metrics", [])))


def queries(metric: str, expression: str) -> Change:
    """Another query in place of the one on a metric."""
    return lambda tree: set_at(alarm_of_query(tree, metric), "Metrics/0/Expression", expression)


def another_query(metric: str, expression: str) -> Change:
    """A further alarm, like the one on a metric but for its query."""

    def change(tree: dict) -> None:
        alarm = copy.deepcopy(alarm_of_query(tree, metric))
        set_at(alarm, "Metrics/0/Expression", expression)
        tree["Resources"]["Another"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}

    return change


def parameter_of(path: str, key: str, value=ABSENT) -> Change:
    """Of the parameter that a property takes its value from."""

    def change(tree: dict) -> None:
        kind, *steps = path.split("/")
        node = functools.reduce(lambda node, step: node[step], steps, properties_of(tree, kind))
        set_at(tree["Parameters"][node["Ref"]], key, value)

    return change


def role_with(tree: dict, text: str) -> dict:
    roles = (body for body in tree["Resources"].values() if body["Type"] == "AWS::IAM::Role")
    return next(body["Properties"] for body in roles if text in json.dumps(body))


def firehose_for_anybody(tree: dict) -> None:
    for statement in role_with(tree, "firehose.amazonaws.com")["AssumeRolePolicyDocument"]["Statement"]:
        del statement["Condition"]


def roles_for_everybody(tree: dict) -> None:
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    properties_of(tree, "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"].append(everybody)


def many_resources(tree: dict) -> None:
    statement = statement_with(tree, "firehose:PutRecordBatch")
    many = [sub(f"arn:${{AWS::Partition}}:firehose:*:*:deliverystream/x{number:0100}") for number in range(100)]
    statement["Resource"] = [*listed(statement["Resource"]), *many]


def without_tls(tree: dict) -> None:
    for statement in raw_statements(properties_of(tree, "AWS::S3::BucketPolicy")):
        if "SecureTransport" in json.dumps(statement):
            statement["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}


def lifecycle(change: Callable[[dict], object]) -> Change:
    """Of every rule of the bucket's lifecycle."""

    def changes(tree: dict) -> None:
        for one in properties_of(tree, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]:
            change(one)

    return changes


def forwarder_puts(resource: str, *, denied: bool) -> Change:
    """What the forwarder's role may put objects to; without what is denied beside it, unless that is to stay."""

    def change(tree: dict) -> None:
        bucket = next(name for name, body in tree["Resources"].items() if body["Type"] == "AWS::S3::Bucket")
        for statement in raw_statements(role_with(tree, "firehose:PutRecordBatch")["Policies"]):
            if "s3:PutObject" in listed(statement["Action"]) and (statement["Effect"] == "Allow" or not denied):
                statement |= {"Effect": "Allow", "Resource": sub(resource.replace("BUCKET", "${" + bucket + ".Arn}"))}

    return change


def version_of_any_code(tree: dict) -> None:
    version = properties_of(tree, "AWS::Lambda::Version")
    version["Description"] = {"Fn::Join": [" ", [version["Description"], version.pop("CodeSha256")]]}


def permission_on_function(tree: dict) -> None:
    function = next(name for name, body in tree["Resources"].items() if body["Type"] == "AWS::Lambda::Function")
    properties_of(tree, "AWS::Lambda::Permission")["FunctionName"] = {"Ref": function}


def mistyped_dashboard(tree: dict) -> None:
    dashboard = properties_of(tree, "AWS::CloudWatch::Dashboard")
    text = json.dumps(dashboard["DashboardBody"])
    dashboard["DashboardBody"] = json.loads(text.replace("OwnEvents", "Mistyped"))


def replication(change: Callable[[dict], object]) -> Change:
    """Of every rule of replication."""

    def changes(tree: dict) -> None:
        configuration = properties_of(tree, "AWS::S3::Bucket")["ReplicationConfiguration"]
        for one in (configuration["Fn::If"][1] if "Fn::If" in configuration else configuration)["Rules"]:
            change(one)

    return changes


def columns_in_other_order(tree: dict) -> None:
    columns = properties_of(tree, "AWS::Glue::Table")["TableInput"]["StorageDescriptor"]["Columns"]
    columns[2], columns[3] = columns[3], columns[2]


def deletes_in(folder: str) -> Change:
    return lambda tree: statement_with(tree, "s3:DeleteObject")["Resource"].append(sub(f"arn:${{AWS::Partition}}:s3:::${{Name}}-telemetry/{folder}/*"))


def readers_read_raw_logs(tree: dict) -> None:
    tree["Conditions"]["ReadersReadRawLogs"] = {"Condition": "HasReader"}


def readers_open_what_failed(tree: dict) -> None:
    resources = statement_with(tree, "s3:GetObject")["Resource"]
    text, given = resources[0]["Fn::Sub"]
    resources.append({"Fn::Sub": [text.replace("landing", "failed"), given]})


def without_one_parameter(tree: dict) -> None:
    parameters = properties_of(tree, "AWS::CloudFormation::StackSet")["Parameters"]
    parameters.remove(next(one for one in parameters if one["ParameterKey"] == "BufferMib"))


# The exclusion of a well-known project, whose forwarder would loop; one that is too long; a delivery past the alias.
WRONG_SELECTION = 'LogGroupName NOT IN ["/aws/${Name}-forwarder", "/aws/kinesisfirehose/${Name}"]'
LONG_NAMES = ", ".join(f'"/aws/lambda/a-function-with-a-long-name-{number:06}"' for number in range(600))
LONG_SELECTION = f'LogGroupName NOT IN ["/aws/lambda/${{Name}}-forwarder", "/aws/kinesisfirehose/${{Name}}", {LONG_NAMES}]'
WITHOUT_OTHERS = 'LogGroupName NOT IN ["/aws/lambda/${Name}-forwarder", "/aws/kinesisfirehose/${Name}"]'
LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"
WRONG_DELIVERY = '{"DestinationArn": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Name}-forwarder", "FilterPattern": ""}'
ENVIRONMENT = "AWS::Lambda::Function/Environment/Variables"
CATALOG = [sub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:catalog")]
OTHER_STREAM = sub("arn:${AWS::Partition}:firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/x")
OTHER_QUEUE = sub("arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:failed")
OTHER_GROUP = sub("arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/aws/lambda/x:*")
LIFECYCLE_OFF = {"Status": "Disabled"}

MUTATIONS = [
    Mutation("no-transform", "Transform: service-managed", edit("Transform", "AWS::LanguageExtensions")),
    Mutation("no-transform", "Fn::Transform is a transform", edit("Outputs/Included", {"Fn::Transform": {"Name": "AWS::Other"}})),
    Mutation("conditions", "Never is always False", edit("Conditions/Never", {"Fn::Equals": ["a", "b"]})),
    Mutation("hard-coded", "the region us-east-1", edit("Outputs/Other", {"Value": "somewhere in us-east-1"})),
    Mutation("hard-coded", "an account", edit("Outputs/Other", {"Value": "of 999999999999"})),
    Mutation("hard-coded", "an ARN of one partition", edit("Outputs/Other", {"Value": sub("arn:aws:s3:::${AWS::StackName}")})),
    Mutation("hard-coded", "an address of some partitions only", edit("Outputs/Other", {"Value": sub("firehose.${AWS::Region}.amazonaws.com")})),
    Mutation("wildcard-actions", "firehose:* is allowed", allow("firehose:*", "firehose:PutRecordBatch")),
    Mutation("wildcard-actions", "firehose:Describe* is allowed", allow("firehose:Describe*", "firehose:PutRecordBatch")),
    Mutation("wildcard-actions", ": * is allowed", allow("*", "firehose:PutRecordBatch")),
    Mutation("wildcard-actions", "NotAction", of_statement("firehose:PutRecordBatch", "NotAction", ["iam:PassRole"])),
    Mutation("any-resource", "firehose:PutRecordBatch on any resource", of_statement("firehose:PutRecordBatch", "Resource", "*")),
    Mutation("any-principal", "is let in on behalf of any account", firehose_for_anybody),
    Mutation("any-principal", "everybody is let in", roles_for_everybody),
    Mutation("policy-size", "characters of policies", many_resources),
    Mutation("policy-size", "CloudFormation names roles", of("AWS::IAM::Role", "RoleName", "transect")),
    Mutation("buckets", "not encrypted", of("AWS::S3::Bucket", "BucketEncryption")),
    Mutation("buckets", "not versioned", of("AWS::S3::Bucket", "VersioningConfiguration/Status", "Suspended")),
    Mutation("buckets", "public access: IgnorePublicAcls", of("AWS::S3::Bucket", "PublicAccessBlockConfiguration/IgnorePublicAcls", False)),
    Mutation("buckets", "access by ACLs", of("AWS::S3::Bucket", "OwnershipControls")),
    Mutation("buckets", "not by TLS only", without_tls),
    Mutation("buckets", "landing/ does not expire", lifecycle(lambda one: "landing" in json.dumps(one) and one.update(LIFECYCLE_OFF))),
    Mutation("buckets", "uploads that were given up stay", lifecycle(lambda one: one.pop("AbortIncompleteMultipartUpload", None))),
    Mutation("buckets", "former versions stay", lifecycle(lambda one: one.pop("NoncurrentVersionExpiration", None))),
    Mutation("buckets", "DeletionPolicy is not Retain", lambda tree: set_at(body_of(tree, "AWS::S3::Bucket"), "DeletionPolicy", "Delete")),
    Mutation("log-groups", "retention of None days", of("AWS::Logs::LogGroup", "RetentionInDays")),
    Mutation("log-groups", "retention of 31 days", of("AWS::Logs::LogGroup", "RetentionInDays", 31)),
    Mutation("firehose-buffer", "a buffer of 5 MiB", of_stream("BufferingHints/SizeInMBs", 5)),
    Mutation("firehose-buffer", "a buffer of 901 s", of_stream("BufferingHints/IntervalInSeconds", 901)),
    Mutation(
        "firehose-buffer",
        "has no bounds",
        parameter_of("AWS::KinesisFirehose::DeliveryStream/ExtendedS3DestinationConfiguration/BufferingHints/SizeInMBs", "MaxValue"),
    ),
    Mutation("firehose-conversion", "compressed as GZIP", of_stream("CompressionFormat", "GZIP")),
    Mutation("firehose-conversion", "nothing is converted", of_stream("DataFormatConversionConfiguration/Enabled", False)),
    Mutation(
        "firehose-conversion",
        "read by HiveJsonSerDe",
        of_stream("DataFormatConversionConfiguration/InputFormatConfiguration/Deserializer", {"HiveJsonSerDe": {}}),
    ),
    Mutation("firehose-conversion", "dynamic partitioning", of_stream("DynamicPartitioningConfiguration", {"Enabled": True})),
    Mutation("firehose-prefix", "no expression of Firehose's", of_stream("Prefix", sub("landing/region=${AWS::Region}/!{partitionKeyFromQuery:date}/"))),
    Mutation(
        "firehose-prefix",
        "not the lake's layout",
        # The year of the week, which differs around New Year.
        of_stream("Prefix", sub("landing/region=${AWS::Region}/date=!{timestamp:YYYY-MM-dd}/hour=!{timestamp:HH}/")),
    ),
    Mutation("firehose-prefix", "errors of all kinds in one folder", of_stream("ErrorOutputPrefix", sub("errors/region=${AWS::Region}/"))),
    Mutation(
        "firehose-prefix",
        "not the layout of errors",
        of_stream("ErrorOutputPrefix", sub("errors/!{firehose:error-output-type}/region=${AWS::Region}/")),
    ),
    Mutation("firehose-logging", "no log", of_stream("CloudWatchLoggingOptions/Enabled", False)),
    Mutation("firehose-logging", "logs to the stream S3Delivery", of_stream("CloudWatchLoggingOptions/LogStreamName", "S3Delivery")),
    Mutation("firehose-role", "its role may not glue:GetTableVersions", of_statement("glue:GetTableVersions", "Resource", CATALOG)),
    Mutation("firehose-role", "writes to", of_stream("BucketARN", sub("arn:${AWS::Partition}:s3:::elsewhere"))),
    Mutation("version-and-alias", "shows $LATEST", of("AWS::Lambda::Alias", "FunctionVersion", "$LATEST")),
    Mutation("version-and-alias", "another value publishes no version", of("AWS::Lambda::Version", "Description", "fixed")),
    Mutation("version-and-alias", "of any code", version_of_any_code),
    Mutation("function", "ends after 3 s", of("AWS::Lambda::Function", "Timeout")),
    Mutation("function", "no bound on how many", of("AWS::Lambda::Function", "ReservedConcurrentExecutions")),
    Mutation("on-failure", "of $LATEST, and events come to live", of("AWS::Lambda::EventInvokeConfig", "Qualifier", "$LATEST")),
    Mutation("on-failure", "what fails goes to", of("AWS::Lambda::EventInvokeConfig", "DestinationConfig/OnFailure/Destination", OTHER_QUEUE)),
    Mutation("on-failure", "may not s3:PutObject", forwarder_puts("arn:${AWS::Partition}:s3:::elsewhere/*", denied=True)),
    Mutation("forwarder-role", "may not firehose:PutRecordBatch", of_statement("firehose:PutRecordBatch", "Resource", OTHER_STREAM)),
    Mutation("forwarder-role", "may s3:PutObject", forwarder_puts("BUCKET/*", denied=False)),
    Mutation("permission", "for the account None", of("AWS::Lambda::Permission", "SourceAccount")),
    Mutation("permission", "on transect-forwarder", permission_on_function),
    Mutation("permission", "by events.amazonaws.com", of("AWS::Lambda::Permission", "Principal", "events.amazonaws.com")),
    Mutation(
        "account-policy",
        "/aws/lambda/transect-forwarder is not left out",
        of("AWS::Logs::AccountPolicy", "SelectionCriteria", sub(WRONG_SELECTION)),
    ),
    Mutation("account-policy", "a criterion of", of("AWS::Logs::AccountPolicy", "SelectionCriteria", sub(LONG_SELECTION))),
    Mutation("account-policy", "delivers to", of("AWS::Logs::AccountPolicy", "PolicyDocument", sub(WRONG_DELIVERY))),
    Mutation("subscription-filters", "does not wait for", lambda tree: set_at(body_of(tree, "AWS::Logs::AccountPolicy"), "DependsOn", ABSENT)),
    Mutation("subscription-filters", "takes '/aws/lambda/transect-forwarder'", lambda tree: set_at(tree, "Parameters/LogGroups/AllowedPattern", "[-._/#,A-Za-z0-9]*")),
    Mutation("subscription-filters", "is called other", of("AWS::Logs::SubscriptionFilter", "FilterName", "other")),
    Mutation("alarms", "missing data are None", of_alarm("Errors", "TreatMissingData")),
    Mutation("alarms", "AWS/Lambda has no Error", another_alarm("Errors", "MetricName", "Error")),
    Mutation("alarms", "DataFreshness by StreamName", of_alarm("DeliveryToS3.DataFreshness", "Dimensions/0/Name", "StreamName")),
    Mutation("alarms", "nobody emits Transect/Forwarders", another_alarm("OwnEvents", "Namespace", "Transect/Forwarders")),
    Mutation("alarms", "FunctionName is forwarder, not transect-forwarder", of_alarm("Errors", "Dimensions/0/Value", "forwarder")),
    Mutation("permission", "replaced by a parameter other than Name", of("AWS::Lambda::Permission", "SourceArn", {"Fn::If": ["UsesKms", sub(LOG_GROUPS), {"Ref": "AWS::NoValue"}]})),
    Mutation("account-policy", "/aws/kinesisfirehose/sample is not left out", of("AWS::Logs::AccountPolicy", "SelectionCriteria", sub(WITHOUT_OTHERS))),
    Mutation("alarms", "AWS/Logs has no DeliveryError", another_query("DeliveryErrors", 'SELECT SUM(DeliveryError) FROM "AWS/Logs"')),
    Mutation("alarms", "nobody emits no such query", another_query("DeliveryErrors", "SELECT DeliveryErrors")),
    Mutation("alarms-needed", "no alarm for AWS/Logs DeliveryThrottling", queries("DeliveryThrottling", 'SELECT SUM(IncomingBytes) FROM "AWS/Logs"')),
    Mutation("alarms-needed", "no alarm for AWS/Lambda DestinationDeliveryFailures", of_alarm("DestinationDeliveryFailures", "MetricName", "Duration")),
    Mutation("dashboard", "has no Mistyped", mistyped_dashboard),
    Mutation("names", "is called other", of("AWS::Glue::Table", "TableInput/Name", "other")),
    Mutation("names", "is transect-dev by default", edit("Parameters/Name/Default", "transect-dev")),
    Mutation("replication", "copies everything", replication(lambda one: one.update(Filter={}))),
    Mutation("replication", "deletions are copied, too", replication(lambda one: one.update(DeleteMarkerReplication={"Status": "Enabled"}))),
    Mutation("environment", "TRANSECT_MIN_SEVERITY is not given", of("AWS::Lambda::Function", "Environment/Variables/TRANSECT_MIN_SEVERITY")),
    Mutation(
        "environment",
        "TRANSECT_DEBUG is nothing that the forwarder reads",
        of("AWS::Lambda::Function", "Environment/Variables/TRANSECT_DEBUG", {"Ref": "Redact"}),
    ),
    Mutation("environment", "is '128' by default, not '64'", parameter_of(f"{ENVIRONMENT}/TRANSECT_MAX_DECODED_MIB", "Default", 128)),
    Mutation("environment", "TRANSECT_MAX_DECODED_MIB can be 0", parameter_of(f"{ENVIRONMENT}/TRANSECT_MAX_DECODED_MIB", "MinValue", 0)),
    Mutation("glue-columns", "column 3 is", columns_in_other_order),
    Mutation("glue-columns", "is None, not", of("AWS::Glue::Table", "TableInput/StorageDescriptor/Columns/38")),
    Mutation("experiments", "nothing stops it", of("AWS::FIS::ExperimentTemplate", "StopConditions", [{"Source": "none"}]), "chaos.yaml"),
    Mutation("experiments", "no log", of("AWS::FIS::ExperimentTemplate", "LogConfiguration"), "chaos.yaml"),
    Mutation("experiments", "no tags", of("AWS::FIS::ExperimentTemplate", "Tags"), "chaos.yaml"),
    Mutation("experiments", "does not end", of("AWS::FIS::ExperimentTemplate", "Actions/fail/Parameters/duration"), "chaos.yaml"),
    Mutation("denials", "onCancel leaves the denial", of("DenyDocument", "Content/mainSteps/1/onCancel"), "chaos.yaml"),
    Mutation("denials", "which allows", of("DenyDelivery", "PolicyDocument/Statement/0/Effect", "Allow"), "chaos.yaml"),
    Mutation("denials", "may attach any policy", of_statement("iam:AttachRolePolicy", "Condition"), "chaos.yaml"),
    Mutation("denials", "an end is not noticed", of("AWS::Events::Rule", "EventPattern/detail/new-state/status/2"), "chaos.yaml"),
    Mutation("denials", "ends after 60 minutes, and waits for 60", edit("Mappings/Limit/60/WithRemoval", "PT60M"), "chaos.yaml"),
    Mutation("folders", "s3:DeleteObject in landing", deletes_in("landing"), "global.yaml"),
    Mutation("folders", "in buckets of any account", of_statement("s3:DeleteObject", "Condition"), "global.yaml"),
    Mutation("readers-only-read", "the reader may logs:FilterLogEvents", readers_read_raw_logs, "global.yaml"),
    Mutation("readers-only-read", "the reader may s3:GetObject", readers_open_what_failed, "global.yaml"),
    Mutation("permissions-table", "firehose:PutRecord is not in iam.md", allow("firehose:PutRecord", "firehose:PutRecordBatch")),
    Mutation("permissions-table", "iam.md has s3:ReplicateTags", of_statement("s3:ReplicateTags", "Action", "s3:ReplicateObject"), "global.yaml"),
    Mutation("calls", "no role may logs:putsubscriptionfilter", of_statement("logs:PutSubscriptionFilter", "Resource", OTHER_GROUP), "global.yaml"),
    Mutation("stackset", "BufferMib is not passed on", without_one_parameter, "stackset.yaml"),
    Mutation("stackset", "by default, and 400 in region.yaml", edit("Parameters/LandingDays/Default", "30"), "stackset.yaml"),
    Mutation(
        "stackset",
        "goes on after a failure",
        of("AWS::CloudFormation::StackSet", "OperationPreferences/FailureToleranceCount", 1),
        "stackset.yaml",
    ),
]


# --- All of it ---


@functools.cache
def load(name: str) -> Template:
    return Template(name, yaml.load((DEPLOY / "cfn" / name).read_text(), Loader))  # noqa: S506, a safe loader


def judge(name: str, template: Template) -> Verdict:
    verdict = Verdict()
    try:
        RULES[name][1](template, verdict)
    except (KeyError, OSError, ValueError, TypeError, IndexError, AttributeError, StopIteration) as error:
        verdict.that(False, f"cannot be judged: {type(error).__name__}: {error}")
    return verdict


def rules_for(template: str) -> list[str]:
    return [name for name, (templates, _) in RULES.items() if templates is None or template in templates]


def self_test(templates: dict[str, Template]) -> Iterator[tuple[str, Verdict]]:
    """Every wrong copy is refused by its rule, in the expected words, and by no other rule for more than is wrong anyway."""
    before = {(template, name): judge(name, templates[template]).faults for template in templates for name in rules_for(template)}
    for mutation in MUTATIONS:
        verdict = Verdict()
        tree = copy.deepcopy(templates[mutation.template].tree)
        try:
            mutation.change(tree)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, StopIteration) as error:
            verdict.that(False, f"there is nothing to make wrong: {type(error).__name__}: {error}")
        wrong_copy = Template(mutation.template, tree)
        for name in rules_for(mutation.template):
            faults = [fault for fault in judge(name, wrong_copy).faults if fault not in before[mutation.template, name]]
            if name == mutation.rule:
                verdict.that(any(mutation.says in fault for fault in faults), f"{name} lets it pass, or says something else: {faults}")
            else:
                verdict.that(not faults, f"{name} refuses it as well: {faults}")
        yield f"{mutation.rule}: {mutation.says}", verdict
    for name in RULES:
        verdict = Verdict()
        verdict.that(any(mutation.rule == name for mutation in MUTATIONS), f"{name}: no wrong copy tries it")
        yield name, verdict


def refused(change: Callable[[Verdict], None], says: str) -> tuple[str, Verdict]:
    """The same for what is no rule over templates."""
    inner, verdict = Verdict(), Verdict()
    change(inner)
    verdict.that(any(says in fault for fault in inner.faults), f"it passes, or is refused in other words: {list(inner.faults)}")
    return says, verdict


def main() -> int:
    templates = {path.name: load(path.name) for path in sorted((DEPLOY / "cfn").glob("*.yaml"))}
    region = templates["region.yaml"].tree
    looked = faulty = 0

    def tell(what: str, verdict: Verdict, *, aloud: bool = True) -> None:
        nonlocal looked, faulty
        looked += verdict.looked
        faulty += bool(verdict.faults)
        if aloud or verdict.faults:
            print(f"{'FAULT' if verdict.faults else 'ok   '} {what} ({verdict.looked} looked at)")
        for fault in verdict.faults:
            print(f"      {fault}")

    files = {path.name: json.loads(path.read_text()) for path in sorted((DEPLOY / "params").glob("*.json"))}
    regions = sorted({*REGIONS_ALWAYS, *REGION_NAME.findall(" ".join([*files, json.dumps(files)]))})
    verdict = Verdict()
    lint(list(templates.values()), regions, verdict)
    tell(f"cfn-lint, {len(templates)} templates, {', '.join(regions)}", verdict)

    verdict = Verdict()
    for name in templates:
        size = (DEPLOY / "cfn" / name).stat().st_size
        verdict.that(size <= TEMPLATE_BYTES_MAX, f"{name}: {size} bytes, and CloudFormation takes {TEMPLATE_BYTES_MAX}")
    tell("sizes", verdict)

    verdict = Verdict()
    for action in WITHOUT_RESOURCE:
        service, name = action.split(":")
        known = authorization()[service].get(name.lower())
        resources = set((known or {}).get("Resources", []))
        verdict.that(known is not None and resources <= OPTIONAL_RESOURCES.get(action, set()), f"{action} has resources: {known}")
        used = any(action in one.actions for template in templates.values() for world in template.worlds for one in statements(world))
        verdict.that(used, f"{action} is used nowhere")
    tell("actions without a resource are what the service authorization reference says", verdict)

    # A rule that finds nothing to look at in any template is none.
    seen: Counter[str] = Counter()
    for template in templates.values():
        for name in rules_for(template.name):
            verdict = judge(name, template)
            seen[name] += verdict.looked
            if verdict.looked:
                tell(f"{template.name}: {name}", verdict)
    verdict = Verdict()
    for name in RULES:
        verdict.that(seen[name] > 0, f"{name} found nothing to look at")
    tell("every rule has something to look at", verdict)

    verdict = Verdict()
    judge_parameters(region, files, verdict)
    tell(f"parameters of {', '.join(files) or 'no region'}", verdict)
    texts = {file: (ROOT / file).read_text() for file, _ in FOLDERS.values()}
    verdict = Verdict()
    judge_code(texts, verdict)
    tell("names and folders in crates/", verdict)
    modules = {path.name if path.name == "settings.tf" else str(path): path.read_text() for path in sorted((DEPLOY / "terraform").rglob("*.tf"))}
    if modules:
        verdict = Verdict()
        judge_terraform(modules, region, verdict)
        tell("Terraform", verdict)
    else:
        print("      deploy/terraform is not there: left out")

    copies = list(self_test(templates))

    def given(*rows: tuple[str, str]) -> Callable[[Verdict], None]:
        file = [{"ParameterKey": name, "ParameterValue": value} for name, value in rows]
        return lambda verdict: judge_parameters(region, {"sample.json": file}, verdict)

    def renamed(old: str, new: str) -> Callable[[Verdict], None]:
        return lambda verdict: judge_code({file: text.replace(old, new) for file, text in texts.items()}, verdict)

    copies += [
        refused(given(("Buffer", "64")), "does not take Buffer"),
        refused(given(), "is missing"),
        refused(given(("BufferMib", "5")), "BufferMib cannot be 5"),
        refused(given(("Encryption", "none")), "Encryption cannot be none"),
        refused(renamed('"landing"', '"landed"'), "landed, not landing"),
        refused(renamed("{}-forwarder", "{}-forward"), "no format!"),
    ]
    if modules:

        def altered(old: str, new: str) -> Callable[[Verdict], None]:
            changed = {file: text.replace(old, new) for file, text in modules.items()}
            return lambda verdict: judge_terraform(changed, region, verdict) if changed != modules else None

        copies += [
            refused(altered("TRANSECT_REDACT_KEYS", "TRANSECT_REDACT_KEY"), "TRANSECT_REDACT_KEYS is missing"),
            refused(altered("landing/region=", "landing/"), "the prefix: no landing/"),
            refused(altered("    buffer_mib           = 128\n", "    buffer_mib           = 64\n"), "buffer_mib is 64 by default"),
            refused(altered("UNCOMPRESSED", "GZIP"), "no compression around Parquet"),
        ]
    for what, verdict in copies:
        tell(f"wrong copy: {what}", verdict, aloud=False)
    print(f"{len(copies)} wrong copies and rules tried")
    print(f"{'NOT ' if faulty else ''}HELD: {len(RULES)} rules, {looked} looked at, {faulty} with faults")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
